"""The store for publishing: names of sources in addresses, the pages of the log, and a database from before them."""

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlite_utils import Database

from aggregator.model import PAGE_ENTRIES, Category, Evidence, Level, Link, PinKind, Source, SourceState
from aggregator.store import FeedState, Store, open_store
from aggregator.store.rows import to_json
from aggregator.store.schema import migrations
from aggregator.store.slugs import LENGTH_LIMIT, slug_of
from tests.values import NOW, SOURCE, make_item, settle, sources

OTHER = "https://other.example/feed"
LATER = NOW + timedelta(hours=1)

# ── names of sources


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Ma Commune", "ma-commune"),
        ("L’Œil de l’Été", "l-oeil-de-l-ete"),
        ("France 3 — Bourgogne/Franche-Comté", "france-3-bourgogne-franche-comte"),
        ("  ..  ", "source"),
        ("新闻", "source"),
        ("all", "all"),
        ("x" * 59 + " yz", "x" * 59),
        ("Straße", "strasse"),
    ],
)
def test_a_slug_is_what_a_source_is_called_in_plain_letters(name: str, slug: str) -> None:
    assert slug_of(name, ()) == slug


@given(st.lists(st.text(max_size=80), max_size=12))
def test_every_name_gets_a_slug_of_its_own_that_an_address_can_hold(names: list[str]) -> None:
    taken: set[str] = set()
    for name in names:
        slug = slug_of(name, taken)
        assert slug not in taken and slug.strip("-") == slug and slug
        assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and len(slug) <= LENGTH_LIMIT + 3
        taken.add(slug)


def test_a_source_keeps_its_slug_when_it_is_renamed_leaves_or_comes_back(store: Store) -> None:
    store.sync_sources([Source(SOURCE, title="Ma Commune"), Source(OTHER, title="Ma commune")], NOW)
    assert [view.slug for view in store.sources()] == ["source-0", "ma-commune"]
    store.sync_sources([Source(OTHER, title="Autre nom"), Source("https://third.example/", title="MA COMMUNE")], NOW)
    assert [view.slug for view in store.sources()] == ["ma-commune", "ma-commune-2", "source-0"]
    store.sync_sources([Source("https://fourth.example/feed")], NOW)
    assert store.sources()[0].slug == "fourth-example"


# ── which feeds


def test_a_story_enters_the_feeds_of_its_places_its_sources_and_its_categories_in_each_place(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    store.open_log(NOW)
    settle(store, [make_item(1, departements=("25", "2A"), categories=(Category("sport", "source"),))])
    settle(store, [make_item(1, source=OTHER, guid="x")], source=OTHER)
    assert [row.feed for row in store.log(1)] == [
        "all", "dep/25", "dep/2A", "economie", "economie/dep/25", "economie/dep/2A",
        "source/source-0", "source/source-1", "sport", "sport/dep/25", "sport/dep/2A",
    ]  # fmt: skip
    settle(store, [make_item(2, departements=("39",), categories=(Category("divers", "none"),))])
    assert [row.feed for row in store.log(3)] == ["all", "dep/39", "divers", "divers/dep/39", "source/source-0"]


# ── pages of the log


def close_pages(store: Store) -> list[tuple[str, int]]:
    closed: list[tuple[str, int]] = []
    while full := store.full_pages():
        for slug, number in full:
            store.archive(slug, number, f"{slug} {number}".encode(), NOW)
        closed += full
    return closed


def fill(store: Store, first: int, count: int) -> None:
    settle(store, [make_item(number) for number in range(first, first + count)])


def test_a_page_is_closed_when_it_is_full_and_kept_and_the_head_shows_all_that_stands_in_none(store: Store) -> None:
    store.open_log(NOW)
    fill(store, 1, 49)
    assert store.full_pages() == () and store.feed("all").pages == 0
    fill(store, 50, 1)
    assert store.full_pages() == (("all", 1), ("economie", 1), ("source/source-0", 1))
    assert store.full_pages(1) == (("all", 1),)
    assert store.feed("all") == FeedState("all", 2, store.feed("all").changed_at, 50, 0)
    assert len(store.head("all", 10)) == 50
    store.archive("all", 1, b"first", NOW)
    assert (store.feed("all").pages, store.feed("all").version) == (1, 3)
    assert {state.slug: state.pages for state in store.feeds()} == {"all": 1, "economie": 0, "source/source-0": 0}
    assert len(store.head("all", 10)) == 10 and len(store.head("economie", 10)) == 50
    assert len(store.head("all", 10, pages=0)) == 50  # for who has read that no page is closed
    fill(store, 51, 25)
    assert len(store.head("all", 10)) == 25 and len(store.head("all", 40)) == 40
    assert store.head("nowhere", 10) == () and store.feed("nowhere").pages == 0


def test_what_is_kept_of_a_page_stays_and_moves_nothing_when_it_is_kept_again(store: Store) -> None:
    store.open_log(NOW)
    fill(store, 1, 50)
    store.archive("all", 1, b"first", NOW)
    before = store.feed("all")
    store.archive("all", 1, b"second", LATER)
    assert (store.archived("all", 1), store.archived("all", 2), store.feed("all")) == (b"first", None, before)


def test_pages_are_closed_in_their_order_and_hold_each_fifty_entries(store: Store) -> None:
    store.open_log(NOW)
    fill(store, 1, 120)
    assert [number for slug, number in close_pages(store) if slug == "all"] == [1, 2]
    newest, oldest = store.page("all", 2), store.page("all", 1)
    assert len(newest) == len(oldest) == PAGE_ENTRIES
    assert [*store.head("all", 120)][20:] == [
        replace(story, entered_at=NOW) for story in (*newest, *oldest)
    ]  # the same stories in the same order
    assert len(store.head("all", 10)) == 20


def test_a_page_tells_what_has_been_joined_or_hidden_by_the_item_that_entered(store: Store) -> None:
    store.open_log(NOW)
    fill(store, 1, 50)
    before = {story.id: (story.entry_id, story.lead.id) for story in store.page("all", 1)}
    link = Link(make_item(7).key, make_item(8).key, Level.TEXT, 1.0, Evidence(), "test/1")
    store.relink([link], [], NOW)
    store.pin(PinKind.MUST, 20, 21, "anna", "", NOW)
    hiding = store.hide(30, "anna", "", NOW)
    page = store.page("all", 1)
    assert {story.id: (story.entry_id, story.lead.id) for story in page} == before
    assert sorted(len(story.others) for story in page)[-3:] == [0, 1, 1]
    assert [story.lead.id for story in page if story.lead.hidden] == [30]
    assert len(store.head("all", 10)) == 47
    store.unhide(hiding.id, "anna", NOW)
    assert len(store.head("all", 10)) == 48


def test_a_head_of_very_much_that_stands_in_no_page_has_an_end(store: Store) -> None:
    store.open_log(NOW)
    fill(store, 1, 1010)
    assert len(store.head("all", 50)) == 1000
    close_pages(store)
    assert len(store.head("all", 50)) == 50


# ── an older database


def older(path: Path) -> list[tuple[Any, ...]]:
    """A database from before there were feeds of places and sources. → its log.

    Story 1 holds items 1 and 2, story 3 is in divers alone, 4 was late, 5 has left divers and waits for nothing.
    """
    db = Database(sqlite3.connect(path, isolation_level=None))
    migrations.apply(db, stop_before="m006_publishing")
    lines = [Source(SOURCE, title="Ma Commune"), Source(OTHER, title="Ma commune"), Source("https://third.example/f")]
    for number, line in enumerate(lines, 1):
        db.execute(
            "INSERT INTO sources VALUES (?, ?, ?, 0, ?, ?, 0, 0, 2, 0)",
            [number, line.url, number, to_json(line), to_json(SourceState(line.url))],
        )
    kinds = {1: ["sport"], 2: ["economie"], 3: ["divers"], 4: ["sport"], 5: ["divers", "sport"]}
    for number, slugs in kinds.items():
        source = SOURCE if number != 2 else OTHER
        item = make_item(number, source=source, guid=f"g{number}", departements=("25",) if number < 4 else ())
        db.execute(
            "INSERT INTO stories (id, entry_id, lead_id, sort_at, joined_to, late, categories)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [number, f"e{number}", number, number, 1 if number == 2 else None, number == 4, json.dumps(slugs)],
        )
        db.execute(
            "INSERT INTO items VALUES (?, ?, ?, '', ?, 0, 0, 0, '', ?)",
            [number, 2 if number == 2 else 1, f"g{number}", 1 if number == 2 else number, to_json(item)],
        )
    moved = make_item(5, source=SOURCE, guid="g5", departements=("39",))
    db.execute("INSERT INTO revisions VALUES (5, 1, 0, ?)", [to_json(moved)])
    db.execute("INSERT INTO marks VALUES ('log_open', 1)")
    rows = [
        ("all", 1, 1), ("sport", 1, 1), ("economie", 1, 1), ("all", 2, 2), ("all", 3, 3), ("divers", 3, 1),
        ("all", 4, None), ("sport", 4, None), ("all", 5, 4), ("divers", 5, 2), ("sport", 5, 2),
    ]  # fmt: skip
    for feed, story, sequence in rows:
        left = 5 if story == 2 or (feed, story) == ("divers", 5) else None
        db.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?, 1, ?)", [feed, story, story, story == 4, sequence, left])
    for feed, sequence in (("all", 4), ("sport", 2), ("economie", 1), ("divers", 2)):
        db.execute("INSERT INTO feeds VALUES (?, 3, 1, ?)", [feed, sequence])
    link = (2, 1, "B", 1.0, to_json(Evidence()), "test/1", 1)
    db.execute("INSERT INTO links VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)", link)
    found = db.execute("SELECT * FROM log ORDER BY feed, story_id").fetchall()
    db.close()
    return found


def test_an_older_database_keeps_its_log_and_gets_the_pages_of_the_new_feeds(tmp_path: Path) -> None:
    log = older(tmp_path / "t.db")
    store = open_store(str(tmp_path / "t.db"))
    db: sqlite3.Connection = store._db  # type: ignore[attr-defined]
    now = db.execute("SELECT * FROM log ORDER BY feed, story_id").fetchall()
    assert [row for row in now if row in log] == log
    assert [(feed, *rest) for feed, *rest in now if (feed, *rest) not in log] == [
        (feed, story, story, 1, None, None, None)
        for feed, story in [
            ("dep/25", 1), ("dep/25", 3), ("dep/39", 5), ("divers/dep/25", 3), ("economie/dep/25", 1),
            ("source/ma-commune", 1), ("source/ma-commune", 3), ("source/ma-commune", 4), ("source/ma-commune", 5),
            ("source/ma-commune-2", 1), ("sport/dep/25", 1), ("sport/dep/39", 5),
        ]
    ]  # fmt: skip
    assert [view.slug for view in store.sources()] == ["ma-commune", "ma-commune-2", "third-example"]
    assert not any(view.withdrawn for view in store.sources()) and not any(each.hidden for each in store.items())
    assert {state.slug: (state.version, state.sequence, state.pages) for state in store.feeds()} == {
        "all": (3, 4, 0), "divers": (3, 2, 0), "economie": (3, 1, 0), "sport": (3, 2, 0),
    }  # fmt: skip
    assert store.head("dep/25", 9) == () and [story.id for story in store.river("dep/25").stories] == [3, 1]
    assert [story.id for story in store.head("all", 9)] == [5, 3, 1]
    store.close()


def test_in_an_older_database_what_comes_enters_the_new_feeds_and_what_is_hidden_or_split_comes_back(
    tmp_path: Path,
) -> None:
    older(tmp_path / "t.db")
    store = open_store(str(tmp_path / "t.db"))
    db: sqlite3.Connection = store._db  # type: ignore[attr-defined]
    live = "SELECT * FROM log WHERE left_at IS NULL ORDER BY feed, story_id"
    before = db.execute(live).fetchall()
    undone = [store.hide(number, "anna", "", LATER).id for number in (1, 3, 5)]
    assert [story.id for story in store.head("all", 9)] == [2]
    for number in undone:
        store.unhide(number, "anna", LATER)
    store.undo_pin(store.split(2, "anna", "", LATER).id, "anna", LATER)
    assert db.execute(live).fetchall() == before
    settle(store, [make_item(9, departements=("25",))])
    assert [story.lead.id for story in store.head("dep/25", 9)] == [6] == [
        story.lead.id for story in store.head("source/ma-commune", 9)
    ]  # fmt: skip
    settle(store, [make_item(1, source=SOURCE, guid="g1", title="Un autre titre", departements=("25", "90"))])
    assert "dep/90" in {row.feed for row in store.log(1)}
    store.close()
