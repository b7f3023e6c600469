"""What a store keeps for finding events: it answers for the window only, and forgets without undoing."""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlite_utils import Database

from aggregator.errors import StoreError
from aggregator.model import Category, Evidence, Frequencies, Gist, Level, Link, PinKind, SourceState, Stored
from aggregator.store import Store, Window, open_store
from aggregator.store.events import REGROUPED
from aggregator.store.rows import to_json
from aggregator.store.schema import migrations
from tests.values import NOW, make_item, settle, sources

Answer = TypeVar("Answer")
LATER = NOW + timedelta(hours=1)


def gist(number: int, hours: int = 0, **features: int) -> Gist:
    """What item `number` tells, so many hours before NOW; all its words are looked up."""
    return Gist(
        make_item(number).key, NOW - timedelta(hours=hours), features, tuple(features), dict.fromkeys(features, "")
    )


def link(item: int, other: int, *words: str) -> Link:
    return Link(make_item(item).key, make_item(other).key, Level.EVENT, 0.5, Evidence(agreeing=words), "test/1")


def put(store: Store, *numbers: int) -> None:
    settle(store, [make_item(number, title=f"t{number}", lead=f"mot{number}") for number in numbers])


def within(store: Store, ask: Callable[[Window], Answer]) -> Answer:
    """What `ask` answers in a transaction, for which a new story is stored."""
    number = 1000 + len(list(store.items()))
    put(store, number)
    found: list[Answer] = []
    assert store.gather(lambda stored, window: found.append(ask(window)), LATER) == 1
    return found[0]


def keep(store: Store, *gists: Gist) -> None:
    """Store items and their gists."""
    kept = {each.key: each for each in gists}
    put(store, *[int(each.key[1].rpartition("=")[2]) for each in gists])
    while store.gather(lambda stored, window: window.add(kept[stored.item.key]), NOW):
        pass


def group(store: Store, events: Iterable[tuple[Gist, ...]], links: Iterable[Link]) -> None:
    within(store, lambda window: window.group(list(events), links))


def others(store: Store, number: int) -> list[str]:
    stored = store.keyed(make_item(number).key)
    assert stored is not None
    return [story.lead.item.title for story in store.event(stored.story_id)]


def ties(store: Store, number: int) -> list[tuple[bool, str]]:
    stored = store.keyed(make_item(number).key)
    assert stored is not None
    return [(tie.closed_at is None, tie.closed_why) for tie in store.links_of(stored.id)]


A, B, C = gist(1, scierie=600, incen=300), gist(2, scierie=400), gist(3, incen=900)


# ── what a window answers


def test_stories_are_counted_by_their_stems_and_not_by_beginnings(store: Store) -> None:
    keep(store, gist(1, pont=500, **{"ponta-": 200}), gist(2, pont=400, foire=100))
    frequencies = within(store, lambda window: window.frequencies(iter(["pont", "foire", "ponta-", "rien"])))
    assert frequencies == Frequencies(2, {"pont": 2, "foire": 1})


def test_a_story_that_was_just_added_is_counted_and_found(store: Store) -> None:
    put(store, 1, 2)
    sizes = []

    def tell(stored: Stored, window: Window) -> None:
        sizes.append((window.size, len(window.alike(A, NOW, 9)), window.frequencies(["scierie"]).counts))
        window.add(A if stored.item.key == A.key else B)

    store.gather(tell, NOW)
    assert sizes == [(0, 0, {}), (1, 1, {"scierie": 1})]


def test_the_stories_that_have_most_in_common_come_first(store: Store) -> None:
    keep(store, B, C, gist(4, pont=900))  # in common with A: 600 × 400, 300 × 900
    assert within(store, lambda window: window.alike(A, NOW, 9)) == (C, B)
    assert within(store, lambda window: window.alike(A, NOW, 1)) == (C,)


def test_of_stories_with_as_much_in_common_the_newest_come_first(store: Store) -> None:
    keep(store, *[gist(number, pont=500) for number in (1, 2, 3)])
    found = within(store, lambda window: window.alike(gist(9, pont=1), NOW, 2))
    assert [each.key for each in found] == [make_item(3).key, make_item(2).key]


def test_only_stories_of_the_window_are_found(store: Store) -> None:
    keep(store, gist(1, hours=3, pont=900), gist(2, hours=2, pont=100))
    at = NOW - timedelta(hours=2)
    found = within(store, lambda window: window.alike(gist(9, pont=1), at, 9))
    assert found == (gist(2, hours=2, pont=100),)
    assert within(store, lambda window: window.alike(gist(9, pont=1), at, 1)) == found


def test_a_story_without_words_is_like_none(store: Store) -> None:
    keep(store, gist(1, pont=900))
    assert within(store, lambda window: window.alike(gist(9), NOW, 9)) == ()


def test_a_word_of_many_stories_finds_the_newest(store: Store) -> None:
    keep(store, *[gist(number, pont=900 if number == 1 else 100) for number in range(1, 203)])
    found = within(store, lambda window: window.alike(gist(999, pont=1), NOW, 300))
    numbers = [int(each.key[1].rpartition("=")[2]) for each in found]
    assert numbers == list(range(202, 178, -1))


def test_a_gist_comes_back_as_it_was_kept(store: Store) -> None:
    full = Gist(
        A.key, NOW, {"a": 1, "b-": 2}, ("b-", "a"), {"a": "Été"}, has_lead=True, is_routine=True, near={C.key: 0.25}
    )
    keep(store, full)
    assert within(store, lambda window: window.together([A.key])) == (full,)


# ── events


def test_an_event_bears_the_name_of_the_story_that_told_of_it_first(store: Store) -> None:
    keep(store, A, B, C)
    group(store, [(C, B)], [link(3, 2)])
    assert (others(store, 2), others(store, 3), others(store, 1)) == (["t3"], ["t2"], [])
    assert {story.event for story in store.event(2)} == {2}
    assert within(store, lambda window: window.together([B.key])) == (C, B)
    assert within(store, lambda window: window.together([B.key, C.key, A.key])) == (C, B, A)


def test_a_later_grouping_closes_the_links_that_it_does_not_have_and_says_why(store: Store) -> None:
    keep(store, A, B, C)
    group(store, [(A, B, C)], [link(2, 1, "scierie"), link(3, 2)])
    group(store, [(A,), (B, C)], [link(3, 2, "pont")])
    assert (others(store, 1), others(store, 2)) == ([], ["t3"])
    assert ties(store, 1) == [(False, REGROUPED)] and ties(store, 3) == [(True, "")]
    assert store.links_of(3)[0].link.evidence.agreeing == ("pont",)
    assert store.story(1).event is None  # type: ignore[union-attr]
    group(store, [(A, B, C)], [link(1, 2), link(3, 2)])  # whichever of the two stands first
    assert others(store, 1) == ["t3", "t2"] and ties(store, 1) == [(True, "")]


def test_links_that_an_event_no_longer_needs_are_closed_so_that_none_makes_a_circle(store: Store) -> None:
    keep(store, A, B, C)
    group(store, [(A, B, C)], [link(2, 1), link(3, 2)])
    group(store, [(A, B, C)], [link(2, 1), link(3, 1)])
    assert ties(store, 3) == [(True, ""), (False, REGROUPED)] and ties(store, 1) == [(True, ""), (True, "")]


def test_links_of_other_levels_are_left_alone(store: Store) -> None:
    keep(store, A, B)
    text = Link(A.key, B.key, Level.TEXT, 0.9, Evidence(), "test/1")
    store.relink([text], [], NOW)
    group(store, [(A,), (B,)], [])
    assert ties(store, 1) == [(True, "")]


def test_a_story_that_was_joined_to_another_is_no_other_story_of_the_event(store: Store) -> None:
    keep(store, A, B, C)
    group(store, [(A, B, C)], [link(2, 1), link(3, 2)])
    pin = store.pin(PinKind.MUST, 1, 3, "anna", "", NOW)
    assert (others(store, 1), others(store, 2)) == (["t2"], ["t3"])  # 3 was published first
    store.undo_pin(pin.id, "anna", NOW)
    assert others(store, 2) == ["t3", "t1"]


# ── feeds


def heads(store: Store) -> tuple[list[int], list[int]]:
    """A feed as it is, and with one story an event."""
    shown = [store.head("all", 9, one_per_event=each) for each in (False, True)]
    return [story.id for story in shown[0] if story.id < 4], [story.id for story in shown[1] if story.id < 4]


def test_stories_of_one_event_stand_apart_in_a_feed_unless_it_shows_one_an_event(store: Store) -> None:
    store.open_log(NOW)
    keep(store, C, B, A)  # the older one enters first: 1, 2, 3 by their place in the river
    assert heads(store) == ([3, 2, 1], [3, 2, 1])
    group(store, [(A, C)], [link(3, 1)])
    assert heads(store) == ([3, 2, 1], [2, 1])
    assert [story.id for story in store.head("all", 2, one_per_event=True)] == [4, 2, 1]  # none is in a full page
    group(store, [(A,), (C,)], [])
    assert heads(store) == ([3, 2, 1], [3, 2, 1])


def test_what_never_entered_a_feed_or_left_it_takes_no_place_of_another_there(store: Store) -> None:
    store.open_log(NOW)
    keep(store, gist(5000, pont=1), gist(9, foire=1))  # the first is too late for the head
    keep(store, C, A)
    group(store, [(gist(5000), C, A)], [])

    def entered() -> set[int]:
        return {story.id for story in store.head("all", 9, one_per_event=True)} & {1, 2, 3, 4}

    assert len(store.event(1)) == 2 and entered() == {2, 3}
    store.pin(PinKind.MUST, 2, 3, "anna", "", NOW)  # now the one that entered first stands behind another
    assert entered() == {2, 4}


def test_a_story_is_shown_in_a_feed_where_no_other_of_its_event_stands(store: Store) -> None:
    store.open_log(NOW)
    sport = (Category("sport", "source"),)
    settle(store, [make_item(3), make_item(2, categories=sport), make_item(1)])
    store.gather(lambda stored, window: None, NOW)
    group(store, [(A, B)], [link(2, 1)])  # 2 is the first of its feed, 1 the second of another
    for feed in ("economie", "sport"):
        assert store.head(feed, 9, one_per_event=True) == store.head(feed, 9)
    assert len(store.head("all", 9, one_per_event=True)) == len(store.head("all", 9)) - 1


def test_events_move_the_versions_of_the_feeds_that_show_one_story_an_event_and_no_others(store: Store) -> None:
    store.open_log(NOW)
    keep(store, A, B)
    put(store, 3)
    before = {slug: store.feed(slug) for slug in ("all", "economie")}
    store.gather(lambda stored, window: window.group([(A, B)], [link(2, 1)]), LATER, ["economie", "nowhere"])
    assert store.feed("all") == before["all"] and store.feed("nowhere").version == 0
    assert store.feed("economie").version == before["economie"].version + 1
    assert store.feed("economie").changed_at == LATER
    assert store.gather(lambda stored, window: None, LATER, ["economie"]) == 0
    assert store.feed("economie").version == before["economie"].version + 1


# ── forgetting


def counted(store: Store) -> tuple[int, int, int]:
    db = store._db  # type: ignore[attr-defined]
    return tuple(db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("gists", "gist_words", "stems"))


def test_what_left_the_window_is_forgotten_in_batches(store: Store) -> None:
    keep(store, *[gist(number, hours=9, pont=500, **{f"m{number}": 1, "ponta-": 1}) for number in range(1, 6)])
    keep(store, gist(6, hours=1, pont=500), gist(7, hours=9, pont=500))
    before = NOW - timedelta(hours=2)
    assert counted(store) == (7, 17, 6)
    assert [store.forget_gists(before, 3) for _ in range(4)] == [3, 2, 1, 0]
    assert counted(store) == (1, 1, 6)  # how common words are is counted on
    assert within(store, lambda window: window.frequencies(["pont", "m1"])) == Frequencies(7, {"pont": 7, "m1": 1})


def test_what_is_as_old_as_the_window_is_kept(store: Store) -> None:
    keep(store, gist(1, hours=2, pont=1))
    assert store.forget_gists(NOW - timedelta(hours=2)) == 0 and counted(store)[0] == 1
    assert store.forget_gists(NOW - timedelta(hours=1)) == 1 and store.forget_gists(NOW) == 0


def test_events_and_their_links_outlive_what_was_forgotten(store: Store) -> None:
    keep(store, A, B)
    group(store, [(A, B)], [link(2, 1)])
    while store.forget_gists(LATER):
        pass
    assert counted(store)[:2] == (0, 0) and others(store, 1) == ["t2"] and ties(store, 1) == [(True, "")]


def test_an_event_that_goes_on_keeps_the_stories_that_were_forgotten(store: Store) -> None:
    old = gist(1, hours=9, pont=500)
    keep(store, old, B, C)
    group(store, [(old, B)], [link(2, 1)])
    assert store.forget_gists(NOW - timedelta(hours=5)) == 1
    group(store, [(B, C)], [link(3, 2)])
    assert (others(store, 1), others(store, 2)) == (["t3", "t2"], ["t3", "t1"])
    assert ties(store, 1) == [(True, "")]
    group(store, [(B,), (C,)], [])
    assert (others(store, 1), others(store, 3)) == (["t2"], [])


# ── trouble and age


def test_a_locked_database_is_reported(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "t.db"), patience_seconds=0.05)
    store.sync_sources(sources(), NOW)
    keep(store, A)
    put(store, 2)
    other = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"gathering events.*locked"):
        store.gather(lambda stored, window: None, NOW)
    with pytest.raises(StoreError, match=r"forgetting gists.*locked"):
        store.forget_gists(LATER)
    assert store.event(1) == () and len(store.head("all", 9, one_per_event=True)) == 0
    other.execute("ROLLBACK")
    other.close()
    assert (store.gather(lambda stored, window: None, NOW), store.forget_gists(LATER)) == (1, 1)
    store.close()


def test_an_older_database_begins_with_what_comes_next(tmp_path: Path) -> None:
    db = Database(sqlite3.connect(tmp_path / "t.db", isolation_level=None))
    migrations.apply(db, stop_before="m004_events")
    db.execute("INSERT INTO sources VALUES (1, ?, 0, 0, '{}', '{}', 0, 0, 1, 0)", [make_item(1).source])
    state = to_json(SourceState(make_item(1).source))
    db.execute("UPDATE sources SET line = ?, state = ?", [to_json(sources()[0]), state])
    for number in (1, 2):
        db.execute(
            "INSERT INTO stories (id, entry_id, lead_id, sort_at) VALUES (?, ?, ?, 0)", [number, f"e{number}", number]
        )
        db.execute(
            "INSERT INTO items (id, source_id, guid, canonical, story_id, first_seen, changed_at, reason, content)"
            " VALUES (?, 1, ?, '', ?, 0, 0, '', ?)",
            [number, f"g{number}", number, to_json(make_item(number))],
        )
    db.close()
    store = open_store(str(tmp_path / "t.db"))
    assert store.gather(lambda stored, window: None, NOW) == 0
    store.sync_sources(sources(), NOW)
    put(store, 3)
    seen: list[int] = []
    assert store.gather(lambda stored, window: seen.append(stored.id), NOW) == 1 and seen == [3]
    store.close()


def test_counts_of_words_are_halved_before_they_grow_old(store: Store) -> None:
    keep(store, gist(1, hours=9, pont=500), gist(2, hours=9, pont=500, rare=1))
    db = store._db  # type: ignore[attr-defined]
    db.execute("UPDATE marks SET value = 10002 WHERE name = 'counted'")
    store.forget_gists(NOW)
    assert within(store, lambda window: window.frequencies(["pont", "rare"])) == Frequencies(5001, {"pont": 1})


def test_the_first_of_an_event_is_found_without_reading_the_whole_log(store: Store) -> None:
    store.open_log(NOW)
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    def cost() -> int:
        nonlocal steps
        steps = 0
        store.head("all", 20, one_per_event=True)
        return steps

    settle(store, [make_item(number) for number in range(1, 100)])
    store._db.set_progress_handler(count, 20)  # type: ignore[attr-defined]
    early = cost()
    settle(store, [make_item(number) for number in range(100, 1000)])
    while full := store.full_pages():  # a head shows all that stands in no closed page
        for slug, number in full:
            store.archive(slug, number, b"", NOW)
    assert cost() < early * 1.5
