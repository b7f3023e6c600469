"""kill -9 at any moment of a poll: nothing is lost, nothing is doubled, and the next poll goes on."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.cli.running import demo_settings
from aggregator.config import Settings
from aggregator.demo.answers import Answer
from aggregator.demo.origin import Origin
from aggregator.store import open_store

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
KILLS = 50
POLL_SECONDS = 0.9  # about what a poll takes after its first request, its end included


class WatchedOrigin(Origin):
    """Tells when it is asked for the first time."""

    asked = threading.Event()

    def answer(self, target: str, headers: Mapping[str, str]) -> Answer:
        self.asked.set()
        return super().answer(target, headers)


def start_poll(settings: Settings) -> subprocess.Popen[bytes]:
    """`tributary poll --all` in a process group of its own."""
    environ = {
        **os.environ,
        "TRIBUTARY_ALLOW_PRIVATE": " ".join(settings.allow_private),
        "TRIBUTARY_DATABASE": settings.database,
        "TRIBUTARY_OPML": settings.opml,
        "TRIBUTARY_WORKERS": "1",
    }
    command = [sys.executable, "-m", "aggregator.cli", "poll", "--all"]
    return subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def assert_sound(settings: Settings, shown: set[tuple[str, str]]) -> int:
    """What must hold after any crash. → how many items are stored."""
    database = sqlite3.connect(settings.database)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    broken = "SELECT count(*) FROM items LEFT JOIN search ON item_id = items.id WHERE item_id IS NULL"
    assert database.execute(broken).fetchone() == (0,)
    leadless = "SELECT count(*) FROM stories LEFT JOIN items ON items.id = lead_id WHERE items.id IS NULL"
    assert database.execute(leadless).fetchone() == (0,)
    database.execute("INSERT INTO search_index (search_index) VALUES ('integrity-check')")
    sequences = [
        row[0] for row in database.execute("SELECT sequence FROM log WHERE feed = 'all' AND sequence > 0 ORDER BY 1")
    ]
    database.close()
    assert sequences == list(range(1, len(sequences) + 1))
    store = open_store(settings.database)
    stored = [(each.item.source, each.item.link) for each in store.items()]
    counted = sum(view.items for view in store.sources())
    store.close()
    assert len(stored) == len(set(stored)) == counted and set(stored) <= shown
    return len(stored)


@pytest.mark.slow
def test_kill_at_fifty_random_moments_of_a_poll_loses_and_doubles_nothing(tmp_path: Path) -> None:
    moments = random.Random(20260211)
    with WatchedOrigin(NOW, share=0.5) as origin:
        settings = demo_settings(Settings(), origin, str(tmp_path))
        interrupted = stored = 0
        for _ in range(KILLS):
            origin.release(2)
            origin.asked.clear()
            poll = start_poll(settings)
            assert origin.asked.wait(30)
            try:
                poll.wait(moments.uniform(0, POLL_SECONDS))
            except subprocess.TimeoutExpired:
                interrupted += 1
            with suppress(ProcessLookupError):
                os.killpg(poll.pid, signal.SIGKILL)
            poll.wait()
            shown = {(each.source, each.canonical) for each in origin.truth()}
            now_stored = assert_sound(settings, shown)
            assert now_stored >= stored  # what was committed stays
            stored = now_stored
        assert interrupted > KILLS / 2
        origin.everything()
        assert start_poll(settings).wait(60) == 0
        assert start_poll(settings).wait(60) == 0
        assert assert_sound(settings, {(each.source, each.canonical) for each in origin.truth()}) == 205
