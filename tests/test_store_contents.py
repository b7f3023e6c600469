"""What an item holds is read once, and again when it has changed; whoever changed it."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from aggregator.store import Store, open_store
from aggregator.store.contents import Contents
from aggregator.store.sqlite import SQLiteStore
from tests.values import NOW, make_item, settle, sources


@pytest.fixture
def writer(tmp_path: Path) -> Store:
    store = open_store(str(tmp_path / "t.db"))
    store.sync_sources(sources(), NOW)
    settle(store, [make_item(number) for number in range(5)])
    store.open_log(NOW)
    return store


def traced(store: SQLiteStore, ask: Any) -> list[str]:
    said: list[str] = []
    store._db.set_trace_callback(said.append)
    ask()
    store._db.set_trace_callback(None)
    return said


def test_a_head_read_again_reads_no_contents(tmp_path: Path, writer: Store) -> None:
    reader = SQLiteStore(str(tmp_path / "t.db"), "localhost,2026", writer=False, patience_seconds=5)
    first = traced(reader, lambda: reader.head("all", 50))
    again = traced(reader, lambda: reader.head("all", 50))
    assert sum("content" in each for each in first) == 1
    assert not any("content" in each for each in again)
    assert reader.head("all", 50) == writer.head("all", 50)


def test_what_another_process_changed_is_read_anew(tmp_path: Path, writer: Store) -> None:
    reader = open_store(str(tmp_path / "t.db"), writer=False)
    before = {story.lead.item.guid: story.lead.item for story in reader.head("all", 50)}
    changed = [replace(make_item(2), labels=("VIDÉO",), fingerprint="labelled")]
    settle(writer, changed)
    after = {story.lead.item.guid: story.lead.item for story in reader.head("all", 50)}
    assert {guid for guid in before if before[guid] != after[guid]} == {changed[0].guid}
    assert after[changed[0].guid].labels == ("VIDÉO",)


def test_items_asked_for_longest_ago_are_given_up_first() -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, reason, content)")
    item = '{"source":"s","guid":"g","link":"","canonical":"","title":"t","lead":""}'
    db.executemany("INSERT INTO items VALUES (?, '', ?)", [(number, item) for number in range(4)])
    contents = Contents(limit=2)
    rows = [(number, 1, 0, 0, 0, 0, 0) for number in range(4)]
    for wanted in ([0], [1], [0], [2]):
        contents.of(db, [rows[number] for number in wanted])
    said: list[str] = []
    db.set_trace_callback(said.append)
    contents.of(db, [rows[0], rows[2]])
    assert said == []
    contents.of(db, [rows[1]])
    assert len(said) == 1
