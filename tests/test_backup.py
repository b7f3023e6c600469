"""Backups: made while others write, examined, and never in the place of a better one."""

import os
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator.cli import main
from aggregator.errors import StoreError, UnwritableError
from aggregator.model import Role
from aggregator.store import Store, open_store
from tests.values import NOW, SOURCE, make_item, settle, sources


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups" / "copy.db"


def test_a_backup_is_a_store_with_all_that_was_there(store: Store, target: Path) -> None:
    settle(store, [make_item(number) for number in range(20)])
    store.add_editor("Jeanne", Role.ADMIN, "hash", NOW)
    made = store.back_up(str(target), NOW)
    assert made.bytes == target.stat().st_size > 50_000 and made.at == NOW
    assert store.figures(NOW).backup == made
    with closing(open_store(str(target))) as copy:
        assert list(copy.items()) == list(store.items()) and copy.editors() == store.editors()
        settle(copy, [make_item(99)])
    assert len(list(store.items())) == 20


def test_a_backup_is_one_file_for_its_owner_alone_and_nothing_is_left_beside_it(store: Store, target: Path) -> None:
    store.back_up(str(target), NOW)
    assert [each.name for each in target.parent.iterdir()] == ["copy.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with closing(sqlite3.connect(target)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_others_write_while_it_is_made_and_it_is_as_all_was_at_one_moment(store: Store, target: Path) -> None:
    settle(store, [make_item(number) for number in range(60)])
    path, ended, written = store._path, threading.Event(), []  # type: ignore[attr-defined]

    def write() -> None:
        with closing(open_store(path, writer=False)) as other:
            number = 1000
            while not ended.is_set():
                settle(other, [make_item(number), make_item(number + 1)])
                written.append(number)
                number += 2

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while not written:
            ended.wait(0.001)
        for _ in range(2):
            store.back_up(str(target), NOW)
    finally:
        ended.set()
        thread.join()
    with closing(open_store(str(target))) as copy:
        found = len(list(copy.items()))
    assert 62 <= found <= 60 + 2 * len(written) and found % 2 == 0  # each transaction whole or not at all


def test_a_damaged_data_base_is_said_and_the_backup_before_stays(store: Store, target: Path) -> None:
    settle(store, [make_item(number) for number in range(50)])
    store.back_up(str(target), NOW)
    before, path = target.read_bytes(), Path(store._path)  # type: ignore[attr-defined]
    db = store._db  # type: ignore[attr-defined]
    (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'items_key'").fetchone()
    (size,) = db.execute("PRAGMA page_size").fetchone()
    store.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size + 200)
        file.write(b"\x07" * (size - 200))
    with closing(open_store(str(path))) as damaged, pytest.raises(StoreError, match=r"damaged|malformed"):
        damaged.back_up(str(target), NOW)
    assert target.read_bytes() == before and len(list(target.parent.iterdir())) == 1


@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
def test_the_data_base_is_never_written_over(store: Store, tmp_path: Path, ending: str) -> None:
    settle(store, [make_item()])
    link = tmp_path / "other name"
    link.symlink_to(f"{store._path}{ending}")  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="itself"):
        store.back_up(str(link), NOW)
    assert len(list(store.items())) == 1 and store.figures(NOW).backup is None


def test_a_copy_knows_of_itself(store: Store, tmp_path: Path) -> None:
    store.back_up(str(tmp_path / "copy.db"), NOW)
    with closing(open_store(str(tmp_path / "copy.db"))) as copied:
        backup = copied.figures(NOW).backup
        assert backup and backup.at == NOW and backup.bytes == (tmp_path / "copy.db").stat().st_size


def test_a_data_base_is_its_owners_alone_and_one_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    for mode in (0o600, 0o640):
        with closing(open_store(str(path))) as store:
            store.add_editor(f"Jeanne {mode}", Role.ADMIN, "hash", NOW)
            assert {each.stat().st_mode & 0o777 for each in tmp_path.glob("new.db*")} == {mode}
        path.chmod(0o640)


def test_a_place_that_cannot_be_written_is_said(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="while backing up"):
        store.back_up(str(tmp_path / "file" / "copy.db"), NOW)
    with pytest.raises(StoreError, match="there is no folder"):
        store.back_up(str(tmp_path / "nowhere" / "copy.db"), NOW)


FULL = """
import resource, signal, sys
from datetime import UTC, datetime
from aggregator.store import open_store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
try:
    store.back_up(sys.argv[2], datetime.now(UTC))
except Exception as error:
    print(type(error).__name__)
"""


def test_on_a_full_disk_the_backup_before_stays(store: Store, target: Path) -> None:
    settle(store, [make_item(number) for number in range(100)])
    store.back_up(str(target), NOW)
    before = target.read_bytes()
    command = [sys.executable, "-c", FULL, store._path, str(target)]  # type: ignore[attr-defined]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": "."})
    assert done.stdout.strip() == UnwritableError.__name__, done
    assert target.read_bytes() == before and len(list(target.parent.iterdir())) == 1
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 40_000


def test_the_command_says_what_it_made_or_why_not(tmp_path: Path) -> None:
    (tmp_path / "feeds.opml").write_text('<opml version="2.0"><body/></opml>')
    database, run = str(tmp_path / "t.db"), CliRunner()
    with closing(open_store(database)) as store:
        store.sync_sources(sources(SOURCE), NOW)
    made = run.invoke(main, ["backup", str(tmp_path / "copy.db"), "--database", database])
    assert made.exit_code == 0 and made.output.startswith(f"backed up to {tmp_path}/copy.db: ")
    assert (tmp_path / "copy.db").exists()
    refused = run.invoke(main, ["backup", database, "--database", database])
    assert refused.exit_code == 1 and "is the data base itself" in refused.output
