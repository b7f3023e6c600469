"""Prints in the store: kept with their items, found by what they share, let go in time."""

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from aggregator.errors import StoreError
from aggregator.model import Closed, Evidence, Item, Key, Level, Link, Near, PinKind, Print
from aggregator.model.prints import packed
from aggregator.store import Store, open_store
from aggregator.store.near import CHANCE_LIMIT, GRAM_LIMIT, NEAR_LIMIT, Printed, Prints, rewrite
from aggregator.stories import make_print
from tests.values import NOW, SOURCE, make_item, settle, sources

OTHER = "https://other.example/feed"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def fill(store: Store, *items: Item, now: datetime = NOW) -> None:
    settle(store, list(items), now)


def item(number: int, text: str, **rest: object) -> Item:
    return make_item(number, title=f"n{number}", lead="", text=text, **rest)


def words(first: int, last: int) -> str:
    return " ".join(f"mot{number}" for number in range(first, last))


def near(store: Store, text: str, number: int = 0) -> list[str]:
    asked = item(number, text)
    return [found.item[1].partition("=")[2] for found in store.near(asked.key, make_print(asked))]


def count(store: Store, table: str) -> int:
    return int(store._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # type: ignore[attr-defined]


# ── with their items


def test_an_item_is_compared_as_it_was_stored(store: Store) -> None:
    dated, undated = item(1, words(0, 30)), item(2, words(20, 60), published=replace(make_item().published, at=None))
    fill(store, dated, undated)
    assert store.print_of(dated.key) == Near(
        dated.key, make_print(dated), dated.published.at or NOW, dated.published.at
    )
    assert store.print_of(undated.key) == Near(undated.key, make_print(undated), NOW, None)
    assert store.print_of((SOURCE, "another")) is None
    assert list(store.printed(NOW)) == [store.print_of(dated.key), store.print_of(undated.key)]


def test_grams_of_every_size_come_back(store: Store) -> None:
    print_ = Print("t", "b", packed((5, 2**31 - 1)), (0, 1, 2**31 - 1), "https://a.example/1.mp3")
    fill(store, make_item(1))
    (stored,) = store.items()
    with store._writing() as db:  # type: ignore[attr-defined]
        rewrite(db, [Printed(stored.id, 1, stored.item.guid, print_, 0, dated=False)])
    found = store.print_of(stored.item.key)
    assert found and found.print == print_


def test_the_print_of_an_item_that_changes_is_replaced(store: Store) -> None:
    fill(store, item(1, words(0, 40)))
    fill(store, item(1, words(100, 140)), now=NOW + HOUR)
    assert not near(store, words(0, 40)) and near(store, words(100, 140)) == ["1"]
    assert count(store, "prints") == 1
    grams = store.print_of(item(1, "").key)
    assert grams and count(store, "grams") == len(grams.print.grams)


def test_a_poll_that_fails_leaves_no_print(store: Store) -> None:
    fill(store, item(1, words(0, 40)))
    unknown = Link(item(2, "").key, (SOURCE, "nobody"), Level.TEXT, 1.0, Evidence(), "")
    with pytest.raises(StoreError):
        store.relink([unknown], [], NOW)
    db = store._db  # type: ignore[attr-defined]
    db.execute("CREATE TRIGGER fails AFTER INSERT ON grams BEGIN SELECT raise(ABORT, 'full'); END")
    with pytest.raises(StoreError):
        fill(store, item(2, words(50, 90)))
    with pytest.raises(StoreError):
        fill(store, item(1, words(100, 140)))
    db.execute("DROP TRIGGER fails")
    assert [stored.item.guid for stored in store.items()] == [item(1, "").guid]
    assert near(store, words(0, 40)) == ["1"] and count(store, "prints") == 1


# ── what is near


def test_near_is_what_shares_most_first_and_never_the_item_itself(store: Store) -> None:
    fill(store, item(1, words(0, 80)), item(2, words(0, 20)), item(3, words(200, 280)), item(4, words(40, 120)))
    assert near(store, words(0, 80), number=9) == ["1", "4", "2"]
    assert near(store, words(0, 80), number=1) == ["4", "2"]
    assert near(store, words(500, 540)) == near(store, "") == []


def test_of_those_that_share_as_much_the_newest_are_near(store: Store) -> None:
    fill(store, *(item(number, words(0, 40)) for number in range(1, 41)))
    assert near(store, words(0, 40), number=99) == [str(number) for number in range(40, 40 - NEAR_LIMIT, -1)]
    assert near(store, words(0, 40), number=40) == [str(number) for number in range(39, 39 - NEAR_LIMIT, -1)]


def beginning_alike(number: int) -> Item:
    """One of many items that begin with the same ten words and go on each in its own way."""
    return item(number, f"{words(0, 10)} {words(100 * number, 100 * number + 30)}")


def test_of_what_shares_one_gram_only_the_newest_few_are_near(store: Store) -> None:
    alike = [beginning_alike(number) for number in range(1, 20)]
    fill(store, *alike)
    gram = set.intersection(*(set(make_print(each).grams) for each in alike)).pop()
    found = store.near((SOURCE, "another"), Print("", "", b"", (gram,)))
    assert [each.item for each in found] == [each.key for each in alike[: -CHANCE_LIMIT - 1 : -1]]


def test_finding_what_is_near_costs_the_same_however_many_share_it(store: Store) -> None:
    steps = 0

    def tick() -> None:
        nonlocal steps
        steps += 1

    def cost() -> int:
        nonlocal steps
        steps = 0
        db = store._db  # type: ignore[attr-defined]
        db.set_progress_handler(tick, 1)
        assert near(store, words(0, 10))
        db.set_progress_handler(None, 0)
        return steps

    fill(store, *(beginning_alike(number) for number in range(1, GRAM_LIMIT + 20)))
    few = cost()
    fill(store, *(beginning_alike(number) for number in range(100, 1600)))
    assert 0 < cost() <= few * 1.1


# ── letting go


def test_prints_are_let_go_oldest_first_in_batches_with_all_their_grams(store: Store) -> None:
    for day in range(5):
        fill(store, item(day, words(day * 100, day * 100 + 40)), now=NOW + day * DAY)
    assert store.forget_prints(NOW + 3 * DAY, limit=2) == 2
    assert [found.item[1][-1] for found in store.printed(NOW)] == ["2", "3", "4"]
    assert store.forget_prints(NOW + 3 * DAY, limit=2) == 1 and store.forget_prints(NOW + 3 * DAY, limit=2) == 0
    left = list(store.printed(NOW))
    assert [found.item[1][-1] for found in left] == ["3", "4"]
    assert count(store, "grams") == sum(len(found.print.grams) for found in left)
    assert not near(store, words(0, 40)) and len(list(store.items())) == 5


def test_an_item_that_changes_after_its_print_was_let_go_stays_away(store: Store) -> None:
    fill(store, item(1, words(0, 40)))
    assert store.forget_prints(NOW + DAY) == 1
    fill(store, item(1, words(100, 140)), now=NOW + DAY)
    assert store.print_of(item(1, "").key) is None and count(store, "grams") == 0


def test_what_was_seen_since_a_time_is_read_in_batches_in_the_order_of_first_sight(store: Store) -> None:
    fill(store, item(0, words(0, 30)))
    fill(store, *(make_item(number) for number in range(1, 511)), now=NOW + HOUR)
    assert [found.item[1].partition("=")[2] for found in store.printed(NOW + HOUR)] == [str(n) for n in range(1, 511)]
    assert len(list(store.printed(NOW))) == 511 and not list(store.printed(NOW + 2 * HOUR))


# ── links made and closed


@pytest.fixture
def three(store: Store) -> tuple[Key, Key, Key]:
    """Three items of two sources, each a story in the feeds."""
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    store.open_log(NOW)
    one, two = item(1, words(0, 30)), item(2, words(100, 130))
    other = item(3, words(200, 230), source=OTHER)
    fill(store, one, two)
    settle(store, [other], source=OTHER)
    return one.key, two.key, other.key


def link(item_: Key, other: Key, score: float = 0.9, level: Level = Level.TEXT) -> Link:
    return Link(item_, other, level, score, Evidence(shared=score, words=30), "same-text/1")


def partition(store: Store) -> set[frozenset[str]]:
    groups: dict[int, set[str]] = {}
    for stored in store.items():
        groups.setdefault(stored.story_id, set()).add(stored.item.guid[-1])
    return set(map(frozenset, groups.values()))


def split_as(*groups: str) -> set[frozenset[str]]:
    return set(map(frozenset, groups))


def test_links_are_made_and_closed_and_stories_follow(store: Store, three: tuple[Key, Key, Key]) -> None:
    one, two, other = three
    store.relink([link(other, one)], [], NOW + HOUR)
    assert partition(store) == split_as("13", "2")
    assert store.text_links(NOW) == (link(other, one),)
    store.relink([link(other, two)], [Closed(one, other, Level.TEXT, "no longer one text")], NOW + 2 * HOUR)
    assert partition(store) == split_as("1", "23")
    assert [each.other for each in store.text_links(NOW)] == [two]


def test_the_feeds_show_what_was_relinked(store: Store, three: tuple[Key, Key, Key]) -> None:
    one, _, other = three
    before = store.feed("all").version
    entries = {story.entry_id for story in store.head("all", 9)}
    store.relink([link(other, one)], [], NOW + HOUR)
    assert store.feed("all").version > before and len(store.head("all", 9)) == 2
    store.relink([], [Closed(other, one, Level.TEXT, "no")], NOW + 2 * HOUR)
    assert {story.entry_id for story in store.head("all", 9)} == entries


def test_a_closed_link_keeps_its_reason_and_lives_again(store: Store, three: tuple[Key, Key, Key]) -> None:
    one, _, other = three
    store.relink([link(other, one)], [], NOW)
    store.relink([], [Closed(one, other, Level.TEXT, "no longer one text")], NOW + HOUR)
    (stored, *_) = store.items()
    (tie,) = store.links_of(stored.id)
    assert (tie.closed_at, tie.closed_why, tie.link) == (NOW + HOUR, "no longer one text", link(other, one))
    assert store.text_links(NOW) == ()
    store.relink([link(other, one, 0.8)], [], NOW + 2 * HOUR)
    (tie,) = store.links_of(stored.id)
    assert (tie.closed_at, tie.closed_why, tie.link.score) == (None, "", 0.8)


def test_closing_what_is_closed_or_never_was_changes_nothing(store: Store, three: tuple[Key, Key, Key]) -> None:
    one, two, _ = three
    version = store.feed("all").version
    store.relink([], [Closed(one, two, Level.TEXT, "never was")], NOW + HOUR)
    store.relink([], [], NOW + HOUR)
    assert partition(store) == split_as("1", "2", "3") and store.feed("all").version == version


def test_a_link_of_level_c_joins_nothing_and_is_no_text_link(store: Store, three: tuple[Key, Key, Key]) -> None:
    one, two, _ = three
    store.relink([link(two, one, level=Level.EVENT)], [], NOW)
    assert partition(store) == split_as("1", "2", "3") and store.text_links(NOW) == ()


def test_links_and_stories_change_whole_or_not_at_all(store: Store, three: tuple[Key, Key, Key]) -> None:
    one, two, other = three
    store.relink([link(other, one)], [], NOW)
    version = store.feed("all").version
    nobody: Key = (SOURCE, "nobody")
    for links, closed in (
        ([link(two, one), link(two, nobody)], []),
        ([link(two, one)], [Closed(one, other, Level.TEXT, "no"), Closed(one, nobody, Level.TEXT, "no")]),
    ):
        with pytest.raises(StoreError, match="nobody"):
            store.relink(links, closed, NOW + HOUR)
        assert partition(store) == split_as("13", "2") and store.text_links(NOW) == (link(other, one),)
    db = store._db  # type: ignore[attr-defined]
    db.execute("CREATE TRIGGER fails BEFORE UPDATE ON items BEGIN SELECT raise(ABORT, 'full'); END")
    with pytest.raises(StoreError):
        store.relink([link(two, one)], [Closed(one, other, Level.TEXT, "no")], NOW + HOUR)
    db.execute("DROP TRIGGER fails")
    assert partition(store) == split_as("13", "2") and store.text_links(NOW) == (link(other, one),)
    assert store.feed("all").version == version


def test_text_links_are_those_of_items_seen_since(store: Store, three: tuple[Key, Key, Key]) -> None:
    one, two, _ = three
    store.relink([link(two, one)], [], NOW)
    assert store.text_links(NOW) and not store.text_links(NOW + HOUR)
    late = item(7, words(300, 330))
    fill(store, late, now=NOW + HOUR)
    store.relink([link(late.key, one)], [], NOW + HOUR)
    assert [each.item for each in store.text_links(NOW + HOUR)] == [late.key]


def test_pins_outweigh_what_is_relinked(store: Store, three: tuple[Key, Key, Key]) -> None:
    one, two, other = three
    ids = {stored.item.key: stored.id for stored in store.items()}
    store.pin(PinKind.CANNOT, ids[other], ids[one], "ed", "", NOW)
    must = store.pin(PinKind.MUST, ids[one], ids[two], "ed", "", NOW)
    store.relink([link(other, one)], [], NOW)
    assert partition(store) == split_as("12", "3")
    store.relink([], [Closed(one, two, Level.TEXT, "no")], NOW)
    assert partition(store) == split_as("12", "3")
    store.undo_pin(must.id, "ed", NOW)
    assert partition(store) == split_as("1", "2", "3")


METHODS: dict[str, Callable[[Store], object]] = {
    "near": lambda store: store.near((SOURCE, "x"), Print("", "", b"", (1,))),
    "print_of": lambda store: store.print_of((SOURCE, "x")),
    "printed": lambda store: list(store.printed(NOW)),
    "text_links": lambda store: store.text_links(NOW),
    "relink": lambda store: store.relink([], [Closed((SOURCE, "x"), (SOURCE, "y"), Level.TEXT, "")], NOW),
    "forget_prints": lambda store: store.forget_prints(NOW),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_what_the_data_base_raises_is_a_store_error(tmp_path: Path, method: Callable[[Store], object]) -> None:
    path = str(tmp_path / "broken.db")
    store = open_store(path)
    db = sqlite3.connect(path)
    for table in ("grams", "prints", "sources"):
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(f"DROP TABLE {table}")
    db.close()
    with pytest.raises(StoreError, match="while"):
        method(store)
    store.close()


# ── kept for the next comparison


def test_a_print_that_is_kept_is_forgotten_when_the_item_changes_here_or_elsewhere(tmp_path: Path) -> None:
    path = str(tmp_path / "kept.db")
    first, second = open_store(path), open_store(path)
    first.sync_sources(sources(), NOW)
    prints = Prints()

    def seen(store: Store) -> str:
        db = store._db  # type: ignore[attr-defined]
        prints.begin(db)
        return prints.of(db, [1])[1].print.body.replace("*", "")

    fill(first, item(1, words(0, 30)))
    assert seen(first) == words(0, 30)
    fill(second, item(1, words(5, 40)), now=NOW + HOUR)
    assert seen(first) == words(5, 40)
    assert seen(second) == words(5, 40)
    fill(first, item(1, words(9, 40)), now=NOW + 2 * HOUR)
    prints.drop({item(1, "").key})
    assert seen(first) == words(9, 40)
    first.close()
    second.close()


def test_of_prints_that_are_kept_those_go_first_that_were_unused_the_longest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.store.near.KEPT_PRINTS", 2)
    fill(store, *(item(number, words(number, number + 30)) for number in (1, 2, 3)))
    prints, read = Prints(), []
    db = store._db  # type: ignore[attr-defined]
    prints.begin(db)
    db.set_trace_callback(read.append)
    asked = []
    for item_id in (1, 2, 1, 3, 1, 2):
        before = len(read)
        assert list(prints.of(db, [item_id])) == [item_id]
        asked.append(len(read) > before)
    db.set_trace_callback(None)
    assert asked == [True, True, False, True, False, True]
