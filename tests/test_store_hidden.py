"""What is hidden is nowhere, and what is shown again is where it was."""

import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator import words
from aggregator.errors import HidingError, PinError
from aggregator.model import (
    Category,
    Closed,
    Decision,
    DecisionKind,
    Evidence,
    Gist,
    Key,
    Level,
    Link,
    PinKind,
    Question,
    SourceState,
    Stored,
    Tombstone,
    Update,
)
from aggregator.store import Store, open_store
from tests.values import NO_PRINT, NOW, make_item, sources

SOURCES = ("https://a.example/feed", "https://b.example/feed", "https://c.example/feed")
LATER = NOW + timedelta(hours=1)
LAST = NOW + timedelta(hours=2)


def key(number: int) -> Key:
    """Items 0, 3, 6 … are of the first source, and so on."""
    return SOURCES[number % 3], f"g{number}"


def link(item: int, other: int, level: Level = Level.TEXT) -> Link:
    return Link(key(item), key(other), level, 0.5, Evidence(), "test/1")


def new(
    number: int, *links: Link, categories: Sequence[str] = ("sport",), at: datetime = NOW, late: bool = False
) -> Decision:
    source, guid = key(number)
    kinds = tuple(Category(slug, "source") for slug in categories)
    item = make_item(number, source=source, guid=guid, canonical=f"https://x.example/{number}", categories=kinds)
    return Decision(DecisionKind.NEW, item, "test", changed_at=at, sort_at=at, late=late, links=links)


def put(store: Store, *decisions: Decision, at: datetime = NOW, closed: Sequence[Closed] = ()) -> None:
    """What polls bring, one source after the other."""
    for source in SOURCES:
        mine = tuple(each for each in decisions if each.item.source == source)
        if mine:
            state = SourceState(source, checked_at=at, succeeded_at=at)
            said = tuple(words.index(each.item) for each in mine)
            update = Update(state, mine, at, said, (NO_PRINT,) * len(mine))
            store.settle(source, [], [], lambda known, update=update: update)  # type: ignore[misc]
    store.relink([], closed, at)
    store.index()


def stored(store: Store, number: int) -> Stored:
    found = store.keyed(key(number))
    assert found
    return found


def hide(store: Store, number: int, at: datetime = LATER) -> int:
    return store.hide(stored(store, number).id, "anna", "asked to", at).id


def numbers(stories: Iterable[Any]) -> list[int]:
    """The items that lead."""
    return [int(story.lead.item.guid[1:]) for story in stories]


def head(store: Store, feed: str = "all") -> list[int]:
    return numbers(store.head(feed, 99))


def told(store: Store, number: int) -> list[int]:
    """The items of the story of an item, its lead first."""
    story = store.story(stored(store, number).story_id)
    assert story
    return [int(each.item.guid[1:]) for each in (story.lead, *story.others)]


def places(store: Store) -> list[tuple[Any, ...]]:
    """The rows of the log that are live."""
    db: sqlite3.Connection = store._db  # type: ignore[attr-defined]
    sql = "SELECT feed, story_id, sort_at, late, sequence, entered_at FROM log WHERE left_at IS NULL"
    return db.execute(f"{sql} ORDER BY feed, story_id").fetchall()


def visible(store: Store) -> object:
    """All that anybody can see of stories."""
    db: sqlite3.Connection = store._db  # type: ignore[attr-defined]
    sql = "SELECT guid, story_id, entry_id, lead_id, sort_at, joined_to FROM items JOIN stories ON lead_id = items.id"
    feeds = sorted({row[0] for row in places(store)})
    return (
        db.execute(f"{sql} ORDER BY items.id").fetchall(),
        places(store),
        [(feed, store.head(feed, 99), store.river(feed, limit=99)) for feed in feeds],
        [store.source_river(source, limit=99) for source in SOURCES],
        {hit.item.id for hit in store.search(Question("projet"), "fr", 99).hits},
    )


def memory() -> Store:
    made = open_store(":memory:")
    made.sync_sources(sources(*SOURCES), NOW)
    return made


@pytest.fixture
def out() -> Iterator[Store]:
    """A store of three sources, whose first round is over."""
    made = memory()
    made.open_log(NOW)
    yield made
    made.close()


# ── an item


def test_a_hidden_item_leaves_every_feed_page_and_search_and_comes_back_where_it_was(out: Store) -> None:
    put(out, new(0), new(1, categories=["divers"]), new(3))
    before = visible(out)
    number = hide(out, 0)
    assert (head(out), head(out, "sport"), head(out, "source/source-0")) == ([1, 3], [3], [3])
    assert numbers(out.river("all").stories) == [1, 3] and numbers(out.source_river(SOURCES[0]).stories) == [3]
    assert {hit.item.id for hit in out.search(Question("projet"), "fr").hits} == {stored(out, 1).id, stored(out, 3).id}
    assert (stored(out, 0).hidden, stored(out, 1).hidden) == (True, False)
    assert [out.is_hidden(stored(out, each).id) for each in (0, 1, 3)] == [True, False, False]
    assert out.log(stored(out, 0).story_id) == ()
    out.unhide(number, "bert", LAST)
    assert visible(out) == before and not out.is_hidden(stored(out, 0).id)


def test_what_there_is_not_is_out_of_sight(out: Store) -> None:
    assert out.is_hidden(1)


def test_who_hid_what_and_why_is_told_the_newest_first(out: Store) -> None:
    put(out, new(0), new(1))
    first = out.hide(stored(out, 1).id, "anna", "asked to", NOW)
    second = out.withdraw(SOURCES[0], "bert", "", LATER)
    assert (first.source, first.guid, first.by, first.note, first.made_at) == (*key(1), "anna", "asked to", NOW)
    assert (second.source, second.guid, second.undone_at) == (SOURCES[0], "", None)
    assert out.hidings() == (second, first)
    undone = out.unhide(first.id, "carla", LAST)
    assert (undone.undone_by, undone.undone_at, undone.made_at) == ("carla", LAST, NOW)
    assert out.hidings() == (second,) and out.hidings(include_undone=True) == (second, undone)


def test_what_is_hidden_already_stays_so_and_is_not_said_twice(out: Store) -> None:
    put(out, new(0))
    number, version, moved = hide(out, 0), out.feed("all").version, out.retractions()
    assert hide(out, 0, LAST) == number
    assert out.withdraw(SOURCES[1], "anna", "", LATER) == out.withdraw(SOURCES[1], "bert", "again", LAST)
    assert (len(out.hidings()), out.feed("all").version, out.retractions()) == (2, version, moved + 1)


def test_an_item_is_shown_only_when_no_reason_to_hide_it_is_left(out: Store) -> None:
    put(out, new(0))
    before = visible(out)
    for forward in (True, False):
        held = hide(out, 0), out.withdraw(SOURCES[0], "anna", "", LATER).id
        first, second = held if forward else held[::-1]
        out.unhide(first, "anna", LAST)
        assert head(out) == [] and stored(out, 0).hidden
        out.unhide(second, "anna", LAST)
        assert visible(out) == before


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda store: store.hide(99, "anna", "", NOW), "no item 99"),
        (
            lambda store: store.withdraw("https://nowhere.example/", "anna", "", NOW),
            r"no source https://nowhere",
        ),
        (lambda store: store.unhide(7, "anna", NOW), "no hiding 7"),
        (lambda store: [store.unhide(1, "bert", NOW) for _ in range(2)], "hiding 1 is undone already, by bert"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(out: Store, act: Callable[[Store], object], said: str) -> None:
    put(out, new(0))
    hide(out, 0)
    with pytest.raises(HidingError, match=said):
        act(out)


def test_hidden_keys_are_told_from_shown_and_unknown_ones(out: Store) -> None:
    put(out, new(0), new(1), new(2))
    hide(out, 0)
    out.withdraw(SOURCES[2], "anna", "", LATER)
    assert out.hidden_among([key(0), key(1), key(2), key(7)]) == {key(0), key(2)}
    assert out.hidden_among([]) == frozenset()


# ── an item in a story with others


def test_the_rest_of_a_story_stays_together_under_the_entry_of_the_next(out: Store) -> None:
    put(out, new(0), new(1, link(1, 0), categories=["economie"]), new(2, link(2, 0)))
    before = visible(out)
    gone = out.head("all", 9)[0]
    number = hide(out, 0)
    (story,) = out.head("all", 9)
    assert (told(out, 1), told(out, 0)) == ([1, 2], [0])  # though nothing but the hidden one held them together
    assert story.entry_id != gone.entry_id and story.id == stored(out, 1).story_id
    assert head(out, "sport") == head(out, "economie") == head(out, "source/source-2") == [1]
    assert head(out, "source/source-0") == []
    out.unhide(number, "anna", LAST)
    assert visible(out) == before


def test_a_story_without_a_hidden_item_that_did_not_lead_keeps_its_entry_and_moves_its_feeds_on(out: Store) -> None:
    put(out, new(0), new(1, link(1, 0), categories=["economie"]))
    versions = {state.slug: state.version for state in out.feeds()}
    entry = out.head("all", 9)[0].entry_id
    hide(out, 1)
    assert [story.entry_id for story in out.head("all", 9)] == [entry] and told(out, 0) == [0]
    assert [row.feed for row in out.log(stored(out, 0).story_id)] == ["all", "source/source-0", "sport"]
    assert all(state.version > versions[state.slug] for state in out.feeds())


def test_what_was_out_before_it_was_joined_gets_its_place_back_when_the_lead_is_hidden(out: Store) -> None:
    put(out, new(0), new(1))
    put(out, new(2), at=LATER)
    out.relink([link(0, 1)], [], LATER)
    assert head(out) == [2, 0]
    hide(out, 0, LAST)
    assert head(out) == [2, 1] and [row.sequence for row in out.log(stored(out, 1).story_id)] == [2, 1, 2]


def test_an_old_entry_that_was_never_out_is_not_announced_because_its_lead_is_hidden(out: Store) -> None:
    put(out, new(0), new(1, link(1, 0)))
    hide(out, 0, NOW + timedelta(hours=47))
    assert head(out) == [1]
    out.unhide(1, "anna", NOW + timedelta(hours=47))
    put(out, new(3), new(4, link(4, 3)))
    hidden = [hide(out, 3, NOW + timedelta(hours=49)), hide(out, 0, NOW + timedelta(hours=49))]
    assert (head(out), numbers(out.river("all").stories)) == ([1], [4, 1])
    for number in hidden:
        out.unhide(number, "anna", NOW + timedelta(days=9))
    hide(out, 3, NOW + timedelta(days=10))
    assert numbers(out.river("all").stories) == [4, 0]


def test_a_pin_on_a_hidden_item_holds_when_it_is_shown_again(out: Store) -> None:
    put(out, new(0), new(1))
    number = hide(out, 0)
    out.pin(PinKind.MUST, stored(out, 0).id, stored(out, 1).id, "anna", "", LATER)
    assert (told(out, 0), told(out, 1), head(out)) == ([0], [1], [1])
    out.unhide(number, "anna", LAST)
    assert told(out, 1) == [0, 1]
    hide(out, 0)
    with pytest.raises(PinError, match="alone"):
        out.split(stored(out, 0).id, "anna", "", LAST)


def test_a_hidden_item_that_changes_stays_hidden_and_keeps_what_it_has_gained(out: Store) -> None:
    put(out, new(0))
    number, version = hide(out, 0), out.feed("all").version
    changed = new(0, categories=["economie"]).item
    put(out, Decision(DecisionKind.CHANGED, changed, "test", material=True, revises=True, changed_at=LATER), at=LATER)
    assert (head(out), out.feed("all").version) == ([], version)
    out.unhide(number, "anna", LAST)
    assert head(out, "economie") == head(out, "sport") == [0]


# ── events


def test_a_hidden_story_tells_of_no_event_and_leaves_its_place_to_the_next(out: Store) -> None:
    put(out, new(0), new(1), new(2))
    event = tuple(Gist(key(number), NOW, {}, (), {}) for number in range(3))
    out.gather(lambda _, window: window.group([event], [link(1, 0, Level.EVENT), link(2, 1, Level.EVENT)]), NOW)
    first = stored(out, 0).story_id
    assert [story.event_sources for story in out.head("all", 9)] == [3, 3, 3]
    assert numbers(out.head("all", 9, one_per_event=True)) == [0] and numbers(out.event(first)) == [1, 2]
    number = hide(out, 0)
    assert numbers(out.head("all", 9, one_per_event=True)) == [1]
    assert numbers(out.event(stored(out, 1).story_id)) == [2]
    assert {story.event_sources for story in out.head("all", 9)} == {2}
    out.unhide(number, "anna", LAST)
    assert numbers(out.head("all", 9, one_per_event=True)) == [0]


# ── a source


def test_what_a_withdrawn_source_publishes_is_stored_and_nowhere_until_it_is_shown_again(out: Store) -> None:
    put(out, new(0), new(1, link(1, 0)))
    number = out.withdraw(SOURCES[0], "anna", "", LATER).id
    assert [view.withdrawn for view in out.sources()] == [True, False, False]
    put(out, new(3), new(6, link(6, 1)), new(2, link(2, 3)), at=LATER)
    assert head(out) == [2, 1] and numbers(out.river("all").stories) == [2, 1]
    assert out.source_river(SOURCES[0]).stories == () and len(out.search(Question("projet"), "fr").hits) == 2
    out.unhide(number, "anna", LAST)
    assert head(out) == [2, 0] and (told(out, 3), told(out, 1)) == ([2, 3], [0, 1, 6])
    assert not any(view.withdrawn for view in out.sources())


def test_a_source_may_be_withdrawn_before_its_first_item_and_before_the_first_round_is_over() -> None:
    store = memory()
    number = store.withdraw(SOURCES[0], "anna", "", NOW).id
    put(store, new(0), new(1))
    assert store.open_log(NOW) == 1 and head(store) == [1]
    store.unhide(number, "anna", LATER)
    assert head(store) == [0, 1]
    store.close()


def test_what_is_shown_before_the_first_round_is_over_enters_with_the_rest() -> None:
    store = memory()
    put(store, new(0), new(1))
    number = hide(store, 0, NOW)
    store.withdraw(SOURCES[1], "anna", "", NOW)
    store.unhide(number, "anna", NOW)
    assert store.open_log(NOW) == 1 and head(store) == [0]
    store.unhide(2, "anna", NOW + timedelta(hours=1))
    assert head(store) == [1, 0]
    store.close()


def test_what_was_hidden_before_the_first_round_was_over_and_is_shown_days_later_is_on_the_pages_alone() -> None:
    store = memory()
    put(store, new(0), new(1))
    number = hide(store, 0, NOW)
    store.open_log(NOW)
    store.unhide(number, "anna", NOW + timedelta(days=9))
    assert head(store) == [1] and numbers(store.river("all").stories) == [1, 0]
    hide(store, 0, NOW + timedelta(days=9))
    assert numbers(store.river("all").stories) == [1]
    store.close()


def test_what_came_long_ago_while_its_source_was_withdrawn_floods_no_head(out: Store) -> None:
    number = out.withdraw(SOURCES[0], "anna", "", NOW).id
    put(out, new(0), new(1))
    put(out, new(3, at=NOW + timedelta(days=9)), at=NOW + timedelta(days=9))
    out.unhide(number, "anna", NOW + timedelta(days=10))
    assert head(out) == [3, 1] and numbers(out.river("all").stories) == [3, 1, 0]


def test_withdrawing_a_source_of_thousands_takes_a_moment(out: Store) -> None:
    numbered = range(0, 9000, 3)
    put(out, *(new(number, at=NOW - timedelta(minutes=number)) for number in numbered))
    db: sqlite3.Connection = out._db  # type: ignore[attr-defined]
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    db.set_progress_handler(count, 1000)
    out.withdraw(SOURCES[0], "anna", "", LATER)
    db.set_progress_handler(None, 0)
    assert head(out) == [] and steps < len(numbered) * 4  # 4,000 steps of the data base an item
    assert len(out.retracted("all", NOW)) == 200


# ── what was retracted


def test_a_feed_tells_which_of_its_entries_were_hidden_lately_the_last_first(out: Store) -> None:
    put(out, new(0), new(1, categories=["economie"]), new(3, link(3, 0)), new(2, late=True))
    put(out, new(6))
    entries = {int(story.lead.item.guid[1:]): story.entry_id for story in out.head("all", 9)}
    first, second = hide(out, 0, NOW), hide(out, 1, LATER)
    hide(out, 2, LATER), hide(out, 3, LATER)  # one that was never announced, one that entered since
    entered = out.story(stored(out, 3).story_id)
    assert entered
    assert out.retracted("all", NOW) == (
        Tombstone(entered.entry_id, LATER), Tombstone(entries[1], LATER), Tombstone(entries[0], NOW),
    )  # fmt: skip
    assert [each.entry_id for each in out.retracted("economie", NOW)] == [entries[1]]
    assert [each.entry_id for each in out.retracted("sport", NOW)] == [entered.entry_id, entries[0]]
    assert len(out.retracted("all", LATER)) == 2 and out.retracted("all", LAST) == ()
    out.unhide(second, "anna", LAST)
    assert entries[1] not in {each.entry_id for each in out.retracted("all", NOW)}
    out.withdraw(SOURCES[0], "anna", "", LAST)
    told = {each.entry_id: each.at for each in out.retracted("all", NOW)}
    assert told[entries[0]] == NOW and told[entries[6]] == LAST  # what was hidden before was gone already
    out.unhide(first, "anna", LAST)
    assert {each.entry_id: each.at for each in out.retracted("all", NOW)}[entries[0]] == LAST


def test_an_entry_that_was_joined_to_another_is_retracted_as_well(out: Store) -> None:
    put(out, new(0), new(1))
    entry = out.head("all", 9)[0].entry_id
    out.relink([link(0, 1)], [], NOW)
    assert (head(out), told(out, 1)) == ([0], [0, 1])
    hide(out, 1)
    assert out.retracted("all", NOW) == (Tombstone(entry, LATER),)


# ── whatever happens

PAIRS = st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] != pair[1])
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("hide"), st.integers(0, 6)),
        st.tuples(st.just("withdraw"), st.integers(0, 2)),
        st.tuples(st.just("show"), st.integers(0, 9)),
        st.tuples(st.just("new"), st.tuples(st.integers(0, 6), st.booleans())),
        st.tuples(st.sampled_from(["link", "must", "cannot", "split"]), PAIRS),
        st.tuples(st.just("undo"), st.integers(0, 9)),
    ),
    min_size=2,
    max_size=14,
)
BORN = st.lists(
    st.tuples(st.booleans(), st.sets(st.sampled_from(["sport", "economie", "divers"]), max_size=2)),
    min_size=7,
    max_size=7,
)
LINKS = st.lists(PAIRS, max_size=6, unique_by=frozenset)


def begin(born: list[Any], links: list[Any], opened: bool) -> Store:
    """A store of seven items, some of them late, with links between them; the log opens before or after."""
    store = memory()
    if opened:
        store.open_log(NOW)
    put(store, *(new(number, categories=kinds, late=late and opened) for number, (late, kinds) in enumerate(born)))
    store.relink([link(*pair) for pair in links], [], NOW)
    store.open_log(NOW)
    return store


def act(store: Store, what: str, of: Any, at: datetime, shadow: Store | None = None) -> None:
    """Let somebody do something; to the `shadow` too, unless it is about hiding."""
    both = [store] if shadow is None else [store, shadow]
    held = store.hidings()
    if what == "hide":
        hide(store, of, at)
    elif what == "withdraw":
        store.withdraw(SOURCES[of], "anna", "", at)
    elif what == "show" and held:
        store.unhide(held[of % len(held)].id, "bert", at)
    elif what == "new":
        other, linked = of
        for each in both:
            number = len(list(each.items()))
            put(each, new(number, *([link(number, other)] if linked else [])), at=at)
    elif what == "link":
        for each in both:
            each.relink([link(*of)], [], at)
    elif what in ("must", "cannot", "split"):
        try:
            ids = [stored(store, number).id for number in of]
            kind = PinKind.CANNOT if what == "cannot" else PinKind.MUST
            made = store.split(ids[0], "anna", "", at) if what == "split" else store.pin(kind, *ids, "anna", "", at)  # type: ignore[call-arg]
        except PinError:
            return
        for each in both[1:]:
            one, two = each.keyed(made.item), each.keyed(made.other)
            assert one and two and each.pin(made.kind, one.id, two.id, "anna", "", at).id == made.id
    elif what == "undo" and (pins := store.pins()):
        with suppress(PinError):
            for each in both:
                each.undo_pin(pins[of % len(pins)].id, "bert", at)
        assert {pin.id for pin in both[-1].pins()} == {pin.id for pin in store.pins()}


def together(store: Store) -> set[frozenset[int]]:
    found: dict[int, set[int]] = {}
    for each in store.items():
        found.setdefault(each.story_id, set()).add(each.id)
    return set(map(frozenset, found.values()))


def check_hidden_items_are_nowhere(store: Store) -> None:
    hidden = {each.id for each in store.items() if each.hidden}
    assert {each.item.key for each in store.items() if each.hidden} == store.hidden_among(map(key, range(30)))
    shown = [store.head(state.slug, 99) for state in store.feeds()]
    shown += [store.head(state.slug, 99, one_per_event=True) for state in store.feeds()]
    shown += [store.river(feed, limit=99).stories for feed in {row[0] for row in places(store)}]
    shown += [store.source_river(source, limit=99).stories for source in SOURCES]
    shown += [tuple(hit.story for hit in store.search(Question("projet"), "fr", 99).hits)]
    seen = {each.id for stories in shown for story in stories for each in (story.lead, *story.others)}
    assert not seen & hidden
    assert seen == {each.id for each in store.items()} - hidden  # and nothing else is missing
    for number in hidden:
        item = store.item(number)
        story = store.story(item.story_id) if item else None
        assert item and story and (story.lead.id, story.others, store.log(story.id)) == (number, (), ())


@settings(max_examples=20)
@given(BORN, LINKS, st.booleans(), ACTS)
def test_a_hidden_item_is_nowhere_and_a_feed_that_shows_another_thing_has_another_version(
    born: list[Any], links: list[Any], opened: bool, acts: list[Any]
) -> None:
    store = begin(born, links, opened)
    for number, (what, of) in enumerate(acts):
        before = {state.slug: (store.head(state.slug, 99), state.version) for state in store.feeds()}
        act(store, what, of, NOW + timedelta(minutes=number))
        check_hidden_items_are_nowhere(store)
        for state in store.feeds():
            shown, version = before.get(state.slug, ((), 0))
            assert state.version > version or store.head(state.slug, 99) == shown
    store.close()


@settings(max_examples=20)
@given(BORN, LINKS, st.booleans(), ACTS, st.randoms())
def test_hidings_undone_in_any_order_leave_everything_as_it_was(
    born: list[Any], links: list[Any], opened: bool, acts: list[Any], chance: random.Random
) -> None:
    store = begin(born, links, opened)
    before = visible(store)
    for what, of in acts:
        if what in ("hide", "withdraw", "show"):
            act(store, what, of, LATER)
    held = [each.id for each in store.hidings()]
    chance.shuffle(held)
    for number in held:
        store.unhide(number, "bert", LAST)
    assert visible(store) == before
    store.close()


@settings(max_examples=20)
@given(BORN, LINKS, st.booleans(), ACTS)
def test_when_all_is_shown_again_stories_and_earlier_entries_are_as_if_nothing_had_been_hidden(
    born: list[Any], links: list[Any], opened: bool, acts: list[Any]
) -> None:
    store, plain = begin(born, links, opened), begin(born, links, opened)
    early = {row for row in places(plain) if row[4] is not None}
    for number, (what, of) in enumerate(acts):
        act(store, what, of, NOW + timedelta(minutes=number), plain)
    for each in store.hidings():
        store.unhide(each.id, "bert", LATER)
    assert together(store) == together(plain)
    assert early.intersection(places(store)) == early.intersection(places(plain))
    store.close()
    plain.close()
