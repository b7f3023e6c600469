"""What is shown before an act on stories is what comes of it, and what is undone was never done."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.desk import stories
from aggregator.errors import DeskError
from aggregator.model import Hiding, Pin
from aggregator.store import Mend, Mended, Mending, Store
from tests.test_store_hidden import BORN, LATER, LINKS, PAIRS, begin, key, places, stored, visible

ACTS = st.lists(st.tuples(st.sampled_from(Mend), PAIRS), min_size=1, max_size=9)


def mending(store: Store, what: Mend, pair: tuple[int, int]) -> Mending:
    one, other = (stored(store, number).id for number in pair)
    return Mending(what, one, other if what in (Mend.MERGE, Mend.APART) else 0)


def gathered(store: Store) -> set[tuple[tuple[int, ...], bool]]:
    """The items of each story, the lead first, and whether they are hidden."""
    found = set()
    for number in range(7):
        story = store.story(stored(store, number).story_id)
        assert story
        found.add((tuple(each.id for each in (story.lead, *story.others)), story.lead.hidden))
    return found


def shown(mended: Mended) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """What would enter and leave feeds."""
    entered = {(feed.feed, each.id) for feed in mended.feeds for each in feed.entered}
    return entered, {(feed.feed, each.id) for feed in mended.feeds for each in feed.left}


def standing(store: Store) -> set[tuple[str, int]]:
    return {row[:2] for row in places(store)}


def attempt(act: Callable[[], Any]) -> tuple[Any, str]:
    """What came of it, and the refusal."""
    try:
        return act(), ""
    except DeskError as error:
        return None, str(error)


@settings(max_examples=20)
@given(BORN, LINKS, st.booleans(), ACTS)
def test_the_preview_of_an_act_changes_nothing_and_is_what_comes_of_it(
    born: list[Any], links: list[Any], opened: bool, acts: list[Any]
) -> None:
    store = begin(born, links, opened)
    for what, pair in acts:
        act = mending(store, what, pair)
        before, feeds, groups, were = visible(store), store.feeds(), gathered(store), standing(store)
        marks = store.retractions(), store.tellings(), store.pins(include_undone=True), store.hidings()
        mended, refused = attempt(lambda act=act: stories.preview(store, act, LATER))
        assert (visible(store), store.feeds()) == (before, feeds)
        assert (store.retractions(), store.tellings(), store.pins(include_undone=True), store.hidings()) == marks
        made, said = attempt(lambda act=act: stories.mend(store, act, "anna", "", LATER))
        assert said == refused and (made is None) is (mended is None)
        if mended is None:
            assert visible(store) == before
            continue
        are = standing(store)
        assert shown(mended) == (are - were, were - are)
        told = {(tuple(each.id for each in group.items), group.is_hidden) for group in mended.before}
        assert told <= groups
        then = {(tuple(each.id for each in group.items), group.is_hidden) for group in mended.after}
        assert (groups - told) | then == gathered(store)
    store.close()


@settings(max_examples=20)
@given(BORN, LINKS, st.booleans(), ACTS)
def test_acts_that_are_undone_in_reverse_were_never_done(
    born: list[Any], links: list[Any], opened: bool, acts: list[Any]
) -> None:
    store = begin(born, links, opened)
    history: list[tuple[object, Pin | Hiding, Mending]] = []
    for what, pair in acts:
        act, before = mending(store, what, pair), visible(store)
        made, _ = attempt(lambda act=act: stories.mend(store, act, "anna", "", LATER))
        if made:
            history.append((before, made, act))
    for before, made, act in reversed(history):
        if isinstance(made, Pin):
            store.undo_pin(made.id, "bert", LATER)
        elif act.what is Mend.HIDE:
            (held,) = [each.id for each in store.hidings() if (each.source, each.guid) == (made.source, made.guid)]
            store.unhide(held, "bert", LATER)
        else:
            stories.mend(store, Mending(Mend.HIDE, act.item), "bert", "", LATER)
        assert visible(store) == before
    store.close()


@pytest.mark.parametrize("what", Mend)
def test_what_is_not_there_is_refused_in_words(what: Mend) -> None:
    store = begin([(False, {"sport"})] * 7, [], True)
    for item, other in ((99, 1), (1 << 62, 1)):
        with pytest.raises(DeskError, match=str(item)):
            stories.preview(store, Mending(what, item, other), LATER)
        with pytest.raises(DeskError):
            stories.mend(store, Mending(what, item, other), "anna", "", LATER)
    assert store.keyed(key(0)) and not store.pins() and not store.hidings()
    store.close()
