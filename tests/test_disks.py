"""Nothing can be written for a while: a full disk, another process that holds the lock, two schedulers on one store.
What was fetched is kept, nobody is asked for nothing, readers read on, and all goes on by itself.
"""

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

import scheduler
from aggregator import writing
from aggregator.errors import UnwritableError
from aggregator.model import Format
from aggregator.publishing import publish_feed
from aggregator.store import Store, open_store
from tests.origin import HANG
from tests.test_cli import good
from tests.test_scheduler import Bent, Region, failing_times, quick_jobs, region, said, turns, until
from tests.values import NOW, SOURCE, make_item, settle

__all__ = ["quick_jobs", "region"]  # fixtures

PATIENCE_SECONDS = 20.0  # reached only when a test fails
ROOM_BYTES = 4096  # no write reaches beyond: as good as none
SMALL_BYTES = 65_536  # for what SQLite shares between processes, and a few pages
MANY = 200


@pytest.fixture(autouse=True)
def quick_again(monkeypatch: pytest.MonkeyPatch, quick_jobs: None) -> None:
    """What could not be written is tried again every few milliseconds."""
    monkeypatch.setattr(writing, "AGAIN_SECONDS", 0.02)


class Lock:
    """Another process that is writing, as far as SQLite can tell."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)

    def hold(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def let_go(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


# ── another process holds the lock


def test_what_was_fetched_before_the_lock_is_stored_after_it_without_being_asked_for_again(
    region: Region, caplog: pytest.LogCaptureFixture
) -> None:
    region.subscribe(matin=good("Un"), soir=good("Deux"))
    store = region.open(patience_seconds=0.05)
    store.sync_sources([], region.now)
    lock, held = Lock(region.database), threading.Event()
    answers = dict(region.answers)

    def answer_and_lock() -> Iterator[bytes]:
        if not held.is_set():
            lock.hold()
            held.set()
        region.answers["matin"] = answers["matin"]  # of whoever asks later
        yield cast(bytes, answers["matin"])

    region.answers["matin"] = answer_and_lock()

    async def play() -> None:
        async with region.polling(store):
            await until(lambda: said(caplog, "unwritable"))
            asked = len(region.origin.requests)
            with closing(region.open()) as reader:
                assert len(reader.sources()) == 2 and publish_feed(reader, "all", Format.ATOM, region.settings)
            region.now += timedelta(hours=2)  # all would be due
            await until(lambda: len(said(caplog, "unwritable")) and region.asked("matin"))
            assert len(region.origin.requests) == asked
            lock.let_go()
            await until(lambda: len(region.reports) >= 2)
            assert {item.item.title for item in store.items()} == {"Un", "Deux"}

    asyncio.run(play())
    assert {report.status for report in region.reports} == {"ok"}
    assert len(said(caplog, "unwritable")) == len(said(caplog, "writable again")) == 1
    assert "locked" in said(caplog, "unwritable")[0].getMessage()


def test_it_is_said_every_minute_that_nothing_can_be_written(
    region: Region, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SAID_EVERY_SECONDS", 0.0)
    region.subscribe(matin=good("Un"))
    store = cast(Store, Bent(region.open(), claim=failing_times(3, UnwritableError("while taking up: disk is full"))))

    async def play() -> None:
        async with region.polling(store):
            await until(lambda: region.reports)

    asyncio.run(play())
    assert len(said(caplog, "unwritable for_s=0 error=while taking up: disk is full")) == 3
    assert region.reports[0].status == "ok" and region.asked("matin") == 1


def test_a_stop_does_not_wait_for_the_lock(region: Region, caplog: pytest.LogCaptureFixture) -> None:
    region.subscribe(matin=good("Un"))
    store = region.open(patience_seconds=0.05)

    async def play() -> None:
        async with region.polling(store):
            lock.hold()
            await until(lambda: said(caplog, "unwritable"))

    lock = Lock(region.database)
    asyncio.run(play())
    lock.let_go()
    assert not region.reports and not said(caplog, "crashed")


def test_a_start_under_lock_polls_what_is_known_and_reads_the_list_as_soon_as_it_can(
    region: Region, caplog: pytest.LogCaptureFixture
) -> None:
    region.subscribe(matin=good("Un"))

    async def play() -> None:
        async with region.polling():
            await until(lambda: region.reports)
        region.subscribe(soir=good("Deux"))
        lock = Lock(region.database)
        lock.hold()
        async with region.polling(region.open(patience_seconds=0.05)):
            assert said(caplog, "not reloaded")
            lock.let_go()
            await until(lambda: region.asked("soir"))

    asyncio.run(play())


def test_a_list_that_changes_under_lock_is_read_when_the_lock_is_gone(
    region: Region, caplog: pytest.LogCaptureFixture
) -> None:
    region.subscribe(matin=good("Un"))

    async def play() -> None:
        lock = Lock(region.database)
        async with region.polling(region.open(patience_seconds=0.05)):
            await until(lambda: region.reports)
            lock.hold()
            region.subscribe(soir=good("Deux"))
            await until(lambda: len(said(caplog, "not reloaded")) > 1)
            lock.let_go()
            await until(lambda: region.asked("soir"))

    asyncio.run(play())


# ── several schedulers


def test_what_is_under_way_for_long_keeps_its_lease(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "RENEW_SECONDS", 0.02)
    region.subscribe(lente=iter([HANG]))

    async def play() -> None:
        async with region.polling() as one, region.polling() as other:
            await until(lambda: region.asked("lente"))
            for _ in range(4):
                region.now += scheduler.LEASE - timedelta(minutes=1)
                await turns(one)
                await turns(other)

    asyncio.run(play())
    assert region.asked("lente") == 1


def test_a_lease_that_is_renewed_late_takes_nothing_back(store: Store) -> None:
    lease = NOW + scheduler.LEASE
    store.claim(NOW, lease, 9)
    settle(store, [make_item(1)])  # is over: due in half an hour
    store.renew({SOURCE: lease}, NOW + 2 * scheduler.LEASE)
    assert store.due(NOW + timedelta(minutes=29), 9) == ()


@contextmanager
def schedulers(region: Region, count: int, **settings: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Real ones, on the files of the region; ended, if they were not, at the end."""
    environ = {
        **os.environ,
        "TRIBUTARY_ALLOW_PRIVATE": region.origin.authority,
        "TRIBUTARY_DATABASE": str(region.database),
        "TRIBUTARY_OPML": str(region.list_file),
        "TRIBUTARY_WORKERS": "1",
        **{f"TRIBUTARY_{name.upper()}": value for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "scheduler"]
    begun = [
        subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True, start_new_session=True)
        for _ in range(count)
    ]
    try:
        yield begun
    finally:
        for each in begun:
            if each.poll() is None:
                os.killpg(each.pid, signal.SIGKILL)
            each.wait()
            cast(subprocess.Popen[str], each).stderr.close()  # type: ignore[union-attr]


@pytest.mark.slow
def test_two_schedulers_at_once_ask_each_of_many_sources_once(region: Region) -> None:
    region.subscribe(**{f"s{number}": good(f"Un {number}", f"Deux {number}") for number in range(MANY)})
    with schedulers(region, 2, log_level="CRITICAL") as both:
        wait(lambda: len(region.origin.requests) >= MANY)
        wait(lambda: stored(region) == 2 * MANY)
        for each in both:
            each.terminate()
        assert [each.wait(PATIENCE_SECONDS) for each in both] == [0, 0]
    asked = Counter(request.path for request in region.origin.requests)
    assert len(asked) == MANY and set(asked.values()) == {1}
    with closing(region.open()) as store:
        titles = [each.item.title for each in store.items()]
        assert len(titles) == len(set(titles)) == 2 * MANY
        assert sum(view.items for view in store.sources()) == 2 * MANY


# ── a full disk


@pytest.mark.slow
def test_on_a_full_disk_nobody_is_asked_feeds_are_served_and_room_lets_all_go_on(region: Region) -> None:
    region.subscribe(matin=good("Un"))
    with schedulers(region, 1, interval_minutes="0.02", min_interval_minutes="0.01", late_hours="99999") as (poller,):
        heard = Heard(poller)
        wait(lambda: heard.has("status=ok new=1"))
        wait(lambda: published(region) == ["Un"])
        _, most = resource.prlimit(poller.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(poller.pid, resource.RLIMIT_FSIZE, (ROOM_BYTES, most))
        wait(lambda: heard.has("ERROR unwritable"))
        region.answers["matin"] = good("Un", "Deux")
        asked = len(region.origin.requests)
        assert published(region) == ["Un"]
        assert len(region.origin.requests) - asked <= 1  # that was under way
        resource.prlimit(poller.pid, resource.RLIMIT_FSIZE, (most, most))
        wait(lambda: published(region) == ["Deux", "Un"])
        assert heard.has("writable again") and not heard.has("Traceback")
        poller.terminate()
        assert poller.wait(PATIENCE_SECONDS) == 0


@pytest.mark.slow
def test_a_command_that_meets_a_full_disk_says_why_and_has_lost_nothing(region: Region) -> None:
    region.subscribe(matin=good("Un"))

    def once(room: int | None) -> subprocess.CompletedProcess[str]:
        def limit() -> None:
            if room is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

        environ = {**os.environ, "TRIBUTARY_ALLOW_PRIVATE": region.origin.authority, "TRIBUTARY_WORKERS": "1"}
        command = [sys.executable, "-m", "aggregator.cli", "poll", "--all"]
        files = ["--database", str(region.database), "--opml", str(region.list_file)]
        return subprocess.run([*command, *files], env=environ, capture_output=True, text=True, preexec_fn=limit)

    assert once(None).returncode == 0
    region.answers["matin"] = good("Un", *(f"Article {number} " + "long " * 400 for number in range(40)))
    full = once(SMALL_BYTES)
    assert "unwritten" in full.stderr and "disk" in full.stderr, full
    again = once(None)
    assert again.returncode == 0, again
    assert stored(region) == 41


class Heard:
    """What a process says on its standard error."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: list[str] = []
        self._process = process
        threading.Thread(target=self._listen, daemon=True).start()

    def has(self, text: str) -> bool:
        return any(text in line for line in list(self._lines))

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            self._lines.append(line)


def wait(holds: Callable[[], object]) -> None:
    """Wait until that is so."""
    end, tick = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while not holds():
        assert time.monotonic() < end
        tick.wait(0.02)


def stored(region: Region) -> int:
    with closing(open_store(str(region.database), writer=False)) as store:
        return len(list(store.items()))


def published(region: Region) -> list[str]:
    """The titles in the feed of everything, newest first, as a reader's process has them."""
    with closing(open_store(str(region.database), writer=False)) as store:
        return [story.lead.item.title for story in store.head("all", 9)]
