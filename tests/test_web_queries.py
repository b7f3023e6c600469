"""What pages ask of the data base, which may hold a million items: no query reads a table through, and none does more
where more is stored.
"""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from aggregator.model import Date, DecisionKind, Item
from aggregator.publishing import keep_pages
from tests.web_world import INFO, MATIN, NOW, World, a_world, about, an_item, same_event, same_story, tell
from web import create_app

PAGES = (
    "/", "/?before={cursor}", "/economie", "/economie?before={cursor}", "/dep/25", "/economie/dep/25",
    "/source/comtois-info", "/source/comtois-info?before={cursor}", "/story/1", "/story/1.json", "/story/3", "/sources",
    "/status", "/status.json", "/subscribe", "/feed/economie", "/embed/economie", "/embed/economie.fragment",
    "/embed/source/comtois-info", "/feeds/economie.atom", "/feeds/all/archive/1.json", "/feeds.opml", "/sources.opml",
)  # fmt: skip
SEARCHES = ("/search?q=titre", "/feeds/search.rss?q=titre")
SMALL = re.compile(
    r"SCAN (sources|followings|subscriptions|marks|notices USING COVERING INDEX notices_following|episodes USING INDEX episodes_open|feeds|hidden|found|main\.search_index|CONSTANT ROW"
    r"|\S+ VIRTUAL TABLE)"
)
SOURCES = (replace(INFO, departements=("25",)), MATIN)
FEW, MANY = 110, 550  # items
STEP_OF = 10  # instructions of SQLite's machine that are counted as one step
MORE = 1.2  # times the steps that a page may take with five times the items


def items(count: int) -> list[Item]:
    """Items of one source, category and département; the first ones the same however many there are."""
    return [
        an_item(f"n{number}", departements=("25",), published=Date("", NOW - timedelta(minutes=number + 10)))
        for number in range(count)
    ]


def filled(folder: Path, count: int) -> World:
    """A region in which something of everything happened."""
    made, copy = items(count), an_item("copy", MATIN)
    world = a_world(folder, SOURCES)
    tell(world.store, reversed(made))
    first = made[-1]
    tell(world.store, [copy], links=[same_story(copy, first)])
    tell(world.store, [an_item("n1", title="Titre corrigé", fingerprint="x")], kind=DecisionKind.CHANGED)
    same_event(world.store, [made[-1], made[-3]], [about(made[-1], made[-3])])
    world.store.hide(40, "test", "", NOW)
    while keep_pages(world.store, world.settings, NOW):
        pass
    return world


@contextmanager
def listening(world: World) -> Iterator[tuple[World, list[str], list[int]]]:
    """A site over the region that just started, with the queries and the steps that it asks for from now on."""
    app = create_app(world.settings, clock=lambda: NOW)
    store = app.extensions["tributary"].store
    connection, asked, steps = store._db, [], [0]

    def count() -> int:
        steps[0] += 1
        return 0

    connection.set_trace_callback(asked.append)
    connection.set_progress_handler(count, STEP_OF)
    with closing(store):
        yield World(world.settings, world.store, app), asked, steps


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = filled(tmp_path_factory.mktemp("few"), FEW)
    with closing(world.store):
        yield world


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = filled(tmp_path_factory.mktemp("many"), MANY)
    with closing(world.store):
        yield world


def address(path: str) -> str:
    return path.format(cursor=f"{int((NOW - timedelta(minutes=50)).timestamp())}-999999999999")


@pytest.mark.parametrize("path", [*PAGES, *SEARCHES])
def test_no_query_of_a_page_reads_a_table_through(few: World, path: str) -> None:
    with listening(few) as (world, asked, _):
        assert world.client.get(address(path)).status_code == 200
    queries = [sql for sql in dict.fromkeys(asked) if sql.lstrip().startswith(("SELECT", "WITH"))]
    assert queries
    scans = [
        f"{step}: {sql}"
        for sql in queries
        for *_, step in few.store._db.execute(f"EXPLAIN QUERY PLAN {sql}")  # type: ignore[attr-defined]
        if step.startswith("SCAN ") and not SMALL.match(step)
    ]
    assert not scans


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_no_more_work_where_more_is_stored(few: World, many: World, path: str) -> None:
    taken = []
    for held in (few, many):
        with listening(held) as (world, _, steps):
            assert world.client.get(address(path)).status_code == 200
            taken.append(steps[0])
    assert taken[1] <= MORE * taken[0]
