"""Stories follow from live links and from what editors pin; what is undone was never done."""

import random
import sqlite3
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlite_utils import Database

from aggregator.errors import PinError, StoreError
from aggregator.model import (
    Category,
    Closed,
    Decision,
    DecisionKind,
    Evidence,
    Key,
    Level,
    Link,
    PinKind,
    SourceState,
    Stored,
    Update,
)
from aggregator.store import Store, open_store
from aggregator.store.groups import Bond, Word, contradiction, groups
from aggregator.store.links import write as write_link
from aggregator.store.rows import to_json
from aggregator.store.schema import migrations
from aggregator.store.stories import component, joined
from tests.values import NO_PRINT, NOW, SOURCE, make_item, sources

A, B, C = Level.IDENTITY, Level.TEXT, Level.EVENT
MUST, CANNOT = PinKind.MUST, PinKind.CANNOT
LATER = NOW + timedelta(hours=1)


def key(number: int) -> Key:
    return SOURCE, f"g{number}"


def link(item: int, other: int, level: Level = B, score: float = 0.5, **evidence: Any) -> Link:
    return Link(key(item), key(other), level, score, Evidence(**evidence), "test/1")


def new(number: int, *links: Link, categories: Sequence[str] = (), late: bool = False, place: int = 0) -> Decision:
    """A new item; the one with the smaller `place` (or else `number`) was published earlier."""
    item = make_item(number, guid=f"g{number}", categories=tuple(Category(slug, "source") for slug in categories))
    at = NOW - timedelta(days=1) + timedelta(minutes=place or number)
    return Decision(DecisionKind.NEW, item, "test", changed_at=at, sort_at=at, late=late, links=links)


def again(number: int, *links: Link, **changes: Any) -> Decision:
    """A known item, seen once more; changed where anything is said to be."""
    item = replace(new(number).item, **changes)
    return Decision(DecisionKind.CHANGED if changes else DecisionKind.SAME, item, "test", links=links)


def put(store: Store, *decisions: Decision, closed: Sequence[Closed] = (), at: datetime = NOW) -> None:
    """What one poll brings."""
    state = SourceState(SOURCE, checked_at=at, succeeded_at=at)
    update = Update(
        state, decisions, at, tuple(("", "") for _ in decisions), (NO_PRINT,) * len(decisions), tuple(closed)
    )
    store.settle(SOURCE, [], [], lambda known: update)


def close(store: Store, item: int, other: int, level: Level = B, why: str = "the text has changed") -> None:
    put(store, closed=[Closed(key(item), key(other), level, why)], at=LATER)


def stored(store: Store, number: int) -> Stored:
    found = store.keyed(key(number))
    assert found
    return found


def together(store: Store) -> set[frozenset[int]]:
    """The numbers of the items of each story."""
    found: dict[int, set[int]] = {}
    for each in store.items():
        found.setdefault(each.story_id, set()).add(int(each.item.guid[1:]))
    return {frozenset(numbers) for numbers in found.values()}


def of(*numbers: Collection[int]) -> set[frozenset[int]]:
    return set(map(frozenset, numbers))


def pin(store: Store, kind: PinKind, item: int, other: int, note: str = "") -> int:
    return store.pin(kind, stored(store, item).id, stored(store, other).id, "anna", note, LATER).id


def split(store: Store, item: int) -> int:
    return store.split(stored(store, item).id, "anna", "", LATER).id


def undo(store: Store, number: int) -> None:
    store.undo_pin(number, "bert", LATER)


def lead(store: Store, number: int) -> int:
    """The number of the item that leads the story of another."""
    story = store.story(stored(store, number).story_id)
    assert story
    return int(story.lead.item.guid[1:])


def head(store: Store, feed: str = "all") -> list[int]:
    return [int(story.lead.item.guid[1:]) for story in store.head(feed, 99)]


def river(store: Store, feed: str = "all") -> list[int]:
    return [int(story.lead.item.guid[1:]) for story in store.river(feed, limit=99).stories]


def visible(store: Store) -> object:
    """All that anybody can see of stories."""
    db: sqlite3.Connection = store._db  # type: ignore[attr-defined]
    told = "SELECT guid, story_id, entry_id, lead_id, sort_at, joined_to FROM items JOIN stories ON lead_id = items.id"
    places = "SELECT feed, story_id, sort_at, late, sequence, entered_at FROM log WHERE left_at IS NULL"
    feeds = ("all", "sport", "economie", "divers")
    return (
        db.execute(told + " ORDER BY guid").fetchall(),
        db.execute(places + " ORDER BY feed, story_id").fetchall(),
        [store.head(feed, 99) for feed in feeds],
        [store.river(feed, limit=99) for feed in feeds],
        {each.id: store.log(each.story_id) for each in store.items()},
        store.totals().stories,
    )


@pytest.fixture
def out(store: Store) -> Store:
    """A store whose first round is over."""
    store.open_log(NOW)
    return store


# ── links


def test_links_of_level_c_join_nothing(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1, C)))
    assert together(out) == of([1], [2])
    assert out.links(1) == ()
    assert [tie.link for tie in out.links_of(1)] == [link(2, 1, C)]
    close(out, 2, 1, C)
    assert [tie.closed_why for tie in out.links_of(1)] == ["the text has changed"]


def test_a_link_comes_back_with_its_evidence_whichever_item_it_was_decided_for(out: Store) -> None:
    evidence: dict[str, Any] = {
        "shared": 0.83,
        "words": 120,
        "quote": "le pont rouvre",
        "agreeing": ("3",),
        "differing": ("lundi",),
    }
    put(out, new(1, link(1, 2, **evidence)), new(2))
    assert out.links(1) == (link(2, 1, **evidence),)
    put(out, again(1, link(1, 2, score=0.9)))
    assert out.links(1) == (link(2, 1, score=0.9),)
    assert [tie.link.score for tie in out.links_of(2)] == [0.9]


def test_a_closed_link_parts_its_items_and_says_why_and_lives_again_when_it_is_decided_again(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1)), new(3, link(3, 2)))
    close(out, 1, 2)
    assert together(out) == of([1], [2, 3])
    (tie,) = out.links_of(1)
    assert (tie.link, tie.closed_at, tie.closed_why) == (link(2, 1), LATER, "the text has changed")
    close(out, 2, 1, why="something else")
    assert out.links_of(1) == (tie,)
    put(out, again(2, link(2, 1)))
    assert together(out) == of([1, 2, 3])
    assert out.links_of(1)[0].closed_at is None


def test_closed_links_between_items_that_others_hold_together_are_told_apart(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1, A), link(2, 1, B)))
    close(out, 2, 1)
    assert out.links(1) == (link(2, 1, A),)
    assert out.links(1, closed=True) == (link(2, 1, B),)
    assert [tie.link.level for tie in out.links_of(2)] == [A, B]


def test_a_link_that_never_was_can_be_closed_and_changes_nothing(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1)))
    before = visible(out)
    close(out, 2, 1, A)
    assert visible(out) == before
    with pytest.raises(StoreError, match="g9"):
        close(out, 9, 1)


def test_an_item_linked_to_itself_is_a_store_error(out: Store) -> None:
    with pytest.raises(StoreError, match="CHECK"):
        put(out, new(1, link(1, 1)))


def test_a_link_decided_again_as_it_was_changes_no_feed(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1)))
    version = out.feed("all").version
    put(out, again(2, link(2, 1)))
    assert out.feed("all").version == version


# ── which story leads


def test_what_was_out_first_leads_whatever_joins_it_and_gets_its_place_back_when_it_is_alone_again(out: Store) -> None:
    put(out, new(2))
    put(out, new(3), at=LATER)
    before = visible(out)
    put(out, new(1, link(1, 3), link(1, 2)))
    assert (head(out), lead(out, 1), together(out)) == ([2], 2, of([1, 2, 3]))
    close(out, 1, 3)
    close(out, 1, 2)
    assert head(out) == [1, 3, 2]
    pin(out, MUST, 1, 3)
    assert (head(out), lead(out, 1)) == ([3, 2], 3)
    assert before != visible(out)
    undo(out, 1)
    assert head(out) == [1, 3, 2]


def test_a_story_found_by_any_of_the_ids_that_were_joined_to_it_step_by_step(out: Store) -> None:
    for number in (1, 2, 3):
        put(out, new(number))
    put(out, again(3, link(3, 2)))
    put(out, again(2, link(2, 1)))
    assert {story.id for number in (1, 2, 3) if (story := out.story(number))} == {1}
    close(out, 2, 1)
    assert [story.id for number in (1, 2, 3) if (story := out.story(number))] == [1, 2, 2]


def test_a_fresh_item_that_joins_a_late_one_is_announced(out: Store) -> None:
    put(out, new(1, late=True))
    put(out, new(2, link(2, 1)))
    assert (head(out), river(out)) == ([2], [2])
    close(out, 2, 1)
    assert (head(out), river(out)) == ([2], [2, 1])


def test_a_late_item_that_is_split_off_stays_late(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1), late=True), new(3, link(3, 2), late=True))
    split(out, 2)
    assert together(out) == of([1], [2, 3])
    assert (head(out), river(out)) == ([1], [2, 1])


def test_an_item_that_was_never_out_enters_its_feeds_as_new_when_it_is_split_off(out: Store) -> None:
    put(out, new(7, categories=["sport"]), new(8, link(8, 7), categories=["economie"]))
    put(out, new(9, categories=["economie"]))
    assert (head(out), head(out, "economie"), head(out, "sport")) == ([9, 7], [9, 7], [7])
    split(out, 8)
    assert (head(out), head(out, "economie"), head(out, "sport")) == ([8, 9, 7], [8, 9], [7])
    undo(out, 1)
    assert (head(out), head(out, "economie"), head(out, "sport")) == ([9, 7], [9, 7], [7])


def test_a_story_leaves_the_feeds_that_it_was_in_for_an_item_that_is_split_off_only_for_that_item(out: Store) -> None:
    put(out, new(1, categories=["sport"]), new(2, link(2, 1), categories=["economie"]))
    put(out, new(3, link(3, 1), categories=["economie"]))
    split(out, 2)
    assert [row.feed for row in out.log(1)] == ["all", "economie", "source/source-0", "sport"]
    split(out, 3)
    assert [row.feed for row in out.log(1)] == ["all", "source/source-0", "sport"]


def test_a_category_that_an_item_once_had_keeps_its_story_in_that_feed(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1), categories=["sport"]))
    put(out, again(2, categories=(Category("economie", "source"),)))
    assert [row.feed for row in out.log(1)] == ["all", "economie", "source/source-0", "sport"]
    undo(out, split(out, 2))
    assert [row.feed for row in out.log(1)] == ["all", "economie", "source/source-0", "sport"]


def test_a_story_is_in_divers_only_while_no_item_of_it_has_another_category(out: Store) -> None:
    put(out, new(1, categories=["divers"]), new(2, categories=["sport"]))
    versions = [out.feed("divers").version]
    number = pin(out, MUST, 1, 2)
    assert (head(out, "divers"), head(out, "sport")) == ([], [1])
    versions.append(out.feed("divers").version)
    undo(out, number)
    assert (head(out, "divers"), head(out, "sport")) == ([1], [2])
    versions.append(out.feed("divers").version)
    assert versions[0] < versions[1] < versions[2]
    put(out, again(1, categories=(Category("economie", "source"),)))
    assert (head(out, "divers"), head(out, "economie")) == ([], [1])


def test_the_versions_of_the_feeds_that_show_another_thing_move_and_no_others(out: Store) -> None:
    put(out, new(1, categories=["sport"]), new(2, categories=["economie"]), new(3, categories=["emploi"]))

    def versions() -> list[int]:
        return [out.feed(feed).version for feed in ("sport", "economie", "emploi")]

    first = versions()
    number = pin(out, MUST, 1, 2)
    second = versions()
    assert [new > old for new, old in zip(second, first, strict=True)] == [True, True, False]
    undo(out, number)
    assert [new > old for new, old in zip(versions(), second, strict=True)] == [True, True, False]
    pin(out, CANNOT, 1, 3)
    assert versions()[2] == second[2]


# ── before the first round is over


def test_what_waits_for_the_end_of_the_first_round_is_merged_and_split_as_well(store: Store) -> None:
    put(store, new(1), new(2, categories=["sport"]), new(3, link(3, 2)), new(4, link(4, 1)))
    pin(store, MUST, 1, 2)
    assert (together(store), lead(store, 4), river(store, "sport")) == (of([1, 2, 3, 4]), 1, [1])
    split(store, 3)
    store.open_log(LATER)
    assert (head(store), river(store), head(store, "sport")) == ([3, 1], [3, 1], [1])
    undo(store, 1)
    assert (head(store), head(store, "sport")) == ([3, 1], [3])
    undo(store, 2)
    assert (together(store), head(store)) == (of([1, 4], [2, 3]), [3, 1])


def test_a_story_that_was_merged_away_before_the_first_round_is_over_enters_when_it_stands_again(store: Store) -> None:
    put(store, new(1), new(2, categories=["sport"]), new(3, link(3, 2), late=True))
    number = pin(store, MUST, 1, 2)
    store.open_log(LATER)
    assert (head(store), head(store, "sport")) == ([1], [1])
    undo(store, number)
    assert (head(store), head(store, "sport"), lead(store, 3)) == ([2, 1], [2], 2)
    split(store, 3)
    assert (head(store), river(store)) == ([2, 1], [3, 2, 1])


# ── pins


def test_pins_tell_who_said_what_and_when_newest_first(out: Store) -> None:
    put(out, new(1), new(2), new(3))
    pin(out, MUST, 1, 2, "the same communiqué")
    pin(out, CANNOT, 2, 3)
    newest, oldest = out.pins()
    assert (oldest.id, oldest.kind, oldest.item, oldest.other) == (1, MUST, key(1), key(2))
    assert (oldest.by, oldest.note, oldest.made_at, oldest.undone_at) == ("anna", "the same communiqué", LATER, None)
    assert newest.id == 2
    assert out.pins_of(1) == (newest, oldest) and out.pins_of(3) == (newest,)
    undone = out.undo_pin(2, "bert", LATER)
    assert (undone.undone_at, undone.undone_by) == (LATER, "bert")
    assert out.pins() == out.pins_of(1) == (oldest,)
    assert out.pins(include_undone=True) == (undone, oldest)


def test_a_pin_of_the_other_kind_replaces_the_first_until_it_is_undone(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1)))
    first = pin(out, CANNOT, 1, 2)
    second = pin(out, MUST, 2, 1)
    assert together(out) == of([1, 2])
    assert [each.id for each in out.pins()] == [second]
    with pytest.raises(PinError, match="pin 1 is undone already, by anna"):
        undo(out, first)
    undo(out, second)
    assert together(out) == of([1], [2])
    assert [each.id for each in out.pins()] == [first]
    assert out.pins()[0].undone_by == ""
    undo(out, first)
    assert together(out) == of([1, 2]) and out.pins() == ()


def test_a_pin_that_says_the_same_already_is_given_back(out: Store) -> None:
    put(out, new(1), new(2))
    assert pin(out, MUST, 1, 2, "one") == pin(out, MUST, 2, 1, "two")
    assert [each.note for each in out.pins(include_undone=True)] == ["one"]


def test_a_contradiction_is_refused_with_the_pins_in_the_way_and_leaves_no_trace(out: Store) -> None:
    put(out, new(1), new(2), new(3))
    pin(out, MUST, 1, 2), pin(out, MUST, 2, 3)
    before = visible(out), out.pins(include_undone=True)
    with pytest.raises(PinError) as refused:
        pin(out, CANNOT, 1, 3)
    assert str(refused.value) == (
        "it contradicts pin 1 (item 1 = item 2), pin 2 (item 2 = item 3); undo one of these first"
    )
    assert (visible(out), out.pins(include_undone=True)) == before
    undo(out, 2)
    pin(out, CANNOT, 1, 3)
    with pytest.raises(PinError, match=r"pin 3 \(item 1 ≠ item 3\), pin 1 \(item 1 = item 2\)"):
        pin(out, MUST, 3, 2)


def test_a_pin_that_cannot_hold_again_keeps_the_one_that_replaced_it(out: Store) -> None:
    put(out, new(1), new(2), new(3))
    pin(out, CANNOT, 1, 2), pin(out, MUST, 1, 2), pin(out, MUST, 2, 3), pin(out, MUST, 3, 1)
    before = visible(out), out.pins()
    with pytest.raises(PinError, match=r"^pin 1, which it replaced, contradicts pin 4 .*pin 3"):
        undo(out, 2)
    assert (visible(out), out.pins()) == before


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda store: store.pin(MUST, 1, 1, "anna", "", NOW), "cannot be pinned to itself"),
        (lambda store: store.pin(MUST, 1, 99, "anna", "", NOW), "no item 99"),
        (lambda store: store.split(99, "anna", "", NOW), "no item 99"),
        (lambda store: store.split(1, "anna", "", NOW), "item 1 is alone in its story"),
        (lambda store: store.undo_pin(7, "anna", NOW), "no pin 7"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(out: Store, act: Callable[[Store], object], said: str) -> None:
    put(out, new(1))
    with pytest.raises(PinError, match=said):
        act(out)
    assert out.pins(include_undone=True) == ()


def test_a_pin_outlasts_new_versions_and_new_links_of_its_items(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1)))
    split(out, 2)
    put(out, again(2, link(2, 1, A, 1.0), title="Un autre titre"), again(1, link(1, 2, score=0.9)))
    put(out, new(3, link(3, 1, score=0.9), link(3, 2, score=0.8)))
    assert together(out) == of([1, 3], [2])
    close(out, 3, 1)
    assert together(out) == of([1], [2, 3])


def test_a_link_between_items_held_apart_is_kept_but_is_of_neither_story(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1)))
    split(out, 2)
    assert out.links(1) == out.links(2) == ()
    assert [tie.link for tie in out.links_of(1)] == [link(2, 1)]


# ── splitting


@pytest.mark.parametrize("apart", [(0, 1), (1, 0)])
def test_a_link_that_has_grown_weaker_gives_its_item_to_the_other_side_of_a_pin(
    out: Store, apart: tuple[int, int]
) -> None:
    put(out, new(0), new(1), new(2, link(2, 1, B, 0.9), link(2, 0, B, 0.5)))
    pin(out, CANNOT, *apart)
    assert together(out) == of([0], [1, 2])
    put(out, again(2, link(2, 1, B, 0.3)))
    assert together(out) == of([0, 2], [1])


def test_a_link_to_a_hidden_item_joins_what_that_holds_together(out: Store) -> None:
    put(out, new(0), new(1, link(1, 0)), new(2, link(2, 1)))
    out.hide(stored(out, 1).id, "anna", "", LATER)
    put(out, new(3, link(3, 1)))
    assert stored(out, 3).story_id == stored(out, 0).story_id == stored(out, 2).story_id
    assert stored(out, 1).story_id != stored(out, 0).story_id


def test_a_split_sends_each_other_item_where_it_is_tied_more_strongly(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1)), new(3, link(3, 1, score=0.6), link(3, 2, score=0.7)), new(4, link(4, 1)))
    number = split(out, 2)
    assert together(out) == of([1, 4], [2, 3])
    undo(out, number)
    assert together(out) == of([1, 2, 3, 4])


@pytest.mark.parametrize("item", [1, 2, 3])
def test_a_split_takes_one_item_from_those_that_all_stand_at_one_link(out: Store, item: int) -> None:
    links = [link(2, 1, A, 1.0), link(3, 1, A, 1.0), link(3, 2, A, 1.0), link(4, 1, A, 1.0), link(4, 2, A, 1.0)]
    put(out, new(1), new(2), new(3), new(4, *links, link(4, 3, A, 1.0)))
    split(out, item)
    assert together(out) == of([item], {1, 2, 3, 4} - {item})


def test_the_lead_that_is_split_off_keeps_its_entry_and_the_rest_is_told_anew(out: Store) -> None:
    put(out, new(1), new(2, link(2, 1)), new(3, link(3, 1), link(3, 2)))
    before = out.head("all", 9)[0]
    split(out, 1)
    newest, oldest = out.head("all", 9)
    assert (oldest.id, oldest.entry_id, oldest.lead) == (before.id, before.entry_id, before.lead)
    assert [each.item.guid for each in (newest.lead, *newest.others)] == ["g2", "g3"]


# ── undo restores exactly

PAIRS = st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda pair: pair[0] != pair[1])
LINKS = st.lists(
    st.builds(
        lambda pair, level, score: link(pair[0], pair[1], level, score),
        PAIRS,
        st.sampled_from([A, B]),
        st.sampled_from([0.5, 1]),
    ),
    max_size=8,
    unique_by=lambda each: (frozenset((each.item, each.other)), each.level),
)
CATEGORIES = st.sets(st.sampled_from(["sport", "economie", "divers"]), max_size=2)
BORN = st.lists(st.tuples(st.integers(1, 9), st.booleans(), CATEGORIES, CATEGORIES), min_size=6, max_size=6)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(PinKind), PAIRS),
        st.tuples(st.just("split"), PAIRS),
        st.tuples(st.just("close"), st.integers(0, 7)),
    ),
    min_size=1,
    max_size=7,
)
Undo = Callable[[], None]


def memory() -> Store:
    made = open_store(":memory:")
    made.sync_sources(sources(), NOW)
    return made


def bring(store: Store, born: list[Any], links: list[Link], opened: int) -> None:
    """Items in polls of two, each link as soon as both of its items are there; the log opens before poll `opened`. Then
    some get other categories.
    """
    there: set[Key] = set()
    for poll in range(3):
        if poll == opened:
            store.open_log(NOW)
        pair = (2 * poll, 2 * poll + 1)
        there |= {key(number) for number in pair}
        due = [
            each for each in links if {each.item, each.other} <= there and {each.item, each.other} & set(map(key, pair))
        ]
        first, second = (
            new(number, place=born[number][0], late=born[number][1] and poll >= opened, categories=born[number][2])
            for number in pair
        )
        put(store, first, replace(second, links=tuple(due)), at=NOW + timedelta(minutes=poll))
    changed = (tuple(Category(slug, "source") for slug in later) for *_, later in born)
    put(store, *(again(number, categories=each) for number, each in enumerate(changed)), at=LATER)


def do(store: Store, act: Any, links: list[Link]) -> Undo | None:
    """Let an editor or a rule do something. → how to undo it, None where nothing was done."""
    what, of_what = act
    known = {each.id for each in store.pins()}
    if what == "close":
        live = [
            each
            for each in links
            if any(
                same(tie.link, each)
                for tie in store.links_of(stored(store, int(each.item[1][1:])).id)
                if not tie.closed_at
            )
        ]
        if not live:
            return None
        chosen = live[of_what % len(live)]
        put(store, closed=[Closed(chosen.item, chosen.other, chosen.level, "a rule")], at=LATER)
        return lambda: put(store, again(int(chosen.item[1][1:]), chosen), at=LATER)
    try:
        made = split(store, of_what[0]) if what == "split" else pin(store, what, *of_what)
    except PinError:
        return None
    return (lambda: undo(store, made)) if made not in known else None


def same(one: Link, other: Link) -> bool:
    return {one.item, one.other} == {other.item, other.other} and one.level is other.level


@settings(max_examples=60)
@given(BORN, LINKS, st.integers(0, 3), ACTS)
def test_what_is_undone_in_reverse_order_was_never_done(
    born: list[Any], links: list[Link], opened: int, acts: list[Any]
) -> None:
    store = memory()
    bring(store, born, links, opened)
    history = []
    for act in acts:
        before = visible(store), store.pins()
        if back := do(store, act, links):
            history.append((before, back))
    for before, back in reversed(history):
        back()
        assert (visible(store), store.pins()) == before
    store.close()


@settings(max_examples=30)
@given(BORN, LINKS, st.integers(0, 3), ACTS, st.randoms())
def test_pins_undone_in_any_order_leave_the_stories_as_they_were(
    born: list[Any], links: list[Link], opened: int, acts: list[Any], chance: random.Random
) -> None:
    store = memory()
    bring(store, born, links, opened)
    before = visible(store)
    for act in acts:
        if act[0] != "close":
            do(store, act, links)
    while held := [each.id for each in store.pins()]:
        try:
            undo(store, chance.choice(held))
        except PinError:
            undo(store, max(held))
    assert visible(store) == before
    store.close()


@settings(max_examples=40)
@given(
    LINKS,
    st.lists(st.tuples(PAIRS, st.sampled_from(PinKind)), max_size=4, unique_by=lambda each: frozenset(each[0])),
    st.randoms(),
)
def test_the_order_in_which_items_links_and_pins_arrive_does_not_change_the_stories(
    links: list[Link], pins: list[Any], chance: random.Random
) -> None:
    said = [Word(number, kind, *pair) for number, (pair, kind) in enumerate(pins)]
    if contradiction(said):
        return
    bonds = [Bond(int(each.item[1][1:]), int(each.other[1][1:]), each.level, each.score) for each in links]
    expected = set(map(frozenset, groups(range(6), bonds, said)))
    arriving: list[Any] = [*range(6), *links, *said]
    chance.shuffle(arriving)
    store = memory()
    store.open_log(NOW)
    there: set[int] = set()
    waiting: list[Any] = []
    for each in arriving:
        if isinstance(each, int):
            put(store, new(each, place=1 + each))
            there.add(each)
        else:
            waiting.append(each)
        for late in list(waiting):
            one, other = (
                (late.item, late.other) if isinstance(late, Word) else (int(late.item[1][1:]), int(late.other[1][1:]))
            )
            if {one, other} <= there:
                waiting.remove(late)
                if isinstance(late, Word):
                    pin(store, late.kind, one, other)
                else:
                    put(store, again(one, late))
    assert together(store) == expected
    store.close()


@settings(max_examples=60)
@given(BORN, LINKS, ACTS, st.sets(st.integers(0, 5), max_size=2), st.lists(PAIRS, min_size=1, max_size=3))
def test_new_links_alone_give_the_stories_that_all_links_give(
    born: list[Any], links: list[Link], acts: list[Any], gone: set[int], pairs: list[tuple[int, int]]
) -> None:
    store = memory()
    bring(store, born, links, 0)
    for act in acts:
        do(store, act, links)
    for number in gone:
        store.hide(stored(store, number).id, "anna", "", LATER)
    ids = [(stored(store, one).id, stored(store, other).id) for one, other in pairs]
    db: sqlite3.Connection = store._db  # type: ignore[attr-defined]
    for one, other in ids:
        write_link(db, one, other, link(1, 2), 0)
    found, expected = joined(db, ids), component(db, chain.from_iterable(ids))
    told = (set(each) - expected.hidden for each in groups(expected.items, expected.links, expected.pins))
    made = [set(each) - expected.hidden for each in groups(found.items, found.links, found.pins)]
    assert list(filter(None, made)) == [each for each in told if each & set(found.items)]
    store.close()


def test_an_act_that_is_cut_short_at_any_moment_leaves_no_trace(out: Store) -> None:
    put(out, new(1, categories=["sport"]), new(2, link(2, 1), categories=["economie"]), new(3, link(3, 2)))
    db: sqlite3.Connection = out._db  # type: ignore[attr-defined]
    acts: list[Callable[[], object]] = [
        lambda: split(out, 2),
        lambda: pin(out, MUST, 1, 2),
        lambda: undo(out, 2),
        lambda: close(out, 3, 2),
    ]
    for act in acts:
        before, cut = (visible(out), out.pins(), out.links_of(3)), 0
        while True:
            left = [cut]

            def tick(left: list[int] = left) -> bool:
                left[0] -= 1
                return left[0] == -1  # once: undoing it is not cut short too

            db.set_progress_handler(tick, 40)
            try:
                act()
            except StoreError:
                cut += 1
            else:
                break
            finally:
                db.set_progress_handler(None, 0)
            assert (visible(out), out.pins(), out.links_of(3)) == before
        assert cut > 10


def test_a_pin_costs_the_same_however_much_is_stored(out: Store) -> None:
    put(out, *(new(number, link(number, number - 1)) if number % 2 else new(number) for number in range(40)))
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    def cost_of(number: int) -> int:
        nonlocal steps
        steps = 0
        out.undo_pin(pin(out, MUST, number, number + 2), "anna", LATER)
        put(out, again(number, link(number, number + 2)))
        out.links_of(number), out.pins_of(number), out.links(number)
        return steps

    db: sqlite3.Connection = out._db  # type: ignore[attr-defined]
    db.set_progress_handler(count, 20)
    early = cost_of(0)
    put(out, *(new(number, link(number, number - 1)) if number % 2 else new(number) for number in range(1000, 4000)))
    for number in range(1000, 3000, 20):
        pin(out, CANNOT, number, number + 4)
    assert cost_of(10) < early * 1.3


def test_a_new_item_of_a_large_story_does_not_have_all_its_links_read(out: Store) -> None:
    many = 40
    put(out, *(new(number, *(link(number, other) for other in range(number))) for number in range(many)))
    new_pair = stored(out, 0).id, stored(out, many - 1).id
    db: sqlite3.Connection = out._db  # type: ignore[attr-defined]
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    db.set_progress_handler(count, 20)
    found = joined(db, [new_pair])
    few = steps
    assert component(db, new_pair).items == found.items
    assert len(found.items) == many
    assert steps - few > 5 * few


# ── an older database


def older(path: Path) -> None:
    """A database of the first migration: items 1 and 2 are one story, 3 came late and 4 was joined to it unseen."""
    db = Database(sqlite3.connect(path, isolation_level=None))
    migrations.apply(db, stop_before="m002_pins")
    item = make_item(1, guid="g1", categories=(Category("sport", "source"),))
    changed = to_json(replace(item, categories=(Category("economie", "source"),)))
    db.execute("INSERT INTO sources VALUES (1, ?, 0, 0, '{}', '{}', 0, 0, 4, 0)", [SOURCE])
    for number, story in ((1, 1), (2, 1), (3, 3), (4, 3)):
        db.execute(
            "INSERT INTO stories VALUES (?, ?, ?, ?, ?)",
            [number, f"e{number}", number, number, story if story != number else None],
        )
        content = to_json(replace(item, guid=f"g{number}")) if number > 1 else changed
        db.execute(
            "INSERT INTO items VALUES (?, 1, ?, 'https://x.example/', ?, 0, 0, 0, '', ?)",
            [number, f"g{number}", story, content],
        )
    db.execute("INSERT INTO revisions VALUES (1, 1, 0, ?)", [to_json(item)])
    db.execute("INSERT INTO marks VALUES ('log_open', 1)")
    for feed, sequences in (("all", 2), ("economie", 1), ("sport", 2)):
        db.execute("INSERT INTO feeds VALUES (?, 1, 1, ?)", [feed, sequences])
    rows = [
        ("all", 1, 1),
        ("sport", 1, 1),
        ("economie", 1, 1),
        ("all", 2, 2),
        ("sport", 2, 2),
        ("all", 3, None),
        ("sport", 3, None),
    ]
    for feed, story, sequence in rows:
        left = 5 if story == 2 else None
        db.execute("INSERT INTO log VALUES (?, ?, 1, ?, ?, 1, ?)", [feed, story, sequence is None, sequence, left])
    for pair in ((1, 2), (2, 1), (4, 3)):
        db.execute("INSERT INTO links VALUES (?, ?, 'A', 1.0, 'the same link', 'canonical-link/1', 1)", pair)
    db.close()


def test_an_older_database_keeps_its_links_and_its_stories_can_be_split(tmp_path: Path) -> None:
    older(tmp_path / "t.db")
    store = open_store(str(tmp_path / "t.db"))
    assert store.links(1) == (Link(key(2), key(1), A, 1.0, Evidence(link="https://x.example/"), "canonical-link/1"),)
    assert len(store.links(3)) == 1
    before = visible(store)
    assert (head(store), head(store, "sport"), head(store, "economie")) == ([1], [1], [1])
    first, second = split(store, 2), split(store, 4)
    assert (head(store), head(store, "sport"), head(store, "economie")) == ([2, 1], [2, 1], [1])
    assert sorted(river(store)) == [1, 2, 3, 4]
    undo(store, second)
    undo(store, first)
    assert visible(store) == before
    store.close()
