"""What stands where without what it holds: the same as the longer readings give, and stamps that move when they must."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from aggregator.model import DecisionKind
from aggregator.store import Store
from tests.web_world import INFO, MATIN, NOW, a_world, about, an_item, fail, same_event, same_story, tell


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    world = a_world(tmp_path)
    yield world.store
    world.store.close()


def test_the_outline_of_a_feed_and_of_a_source_is_that_of_its_stories(store: Store) -> None:
    for number in range(60):
        tell(store, [an_item(f"n{number}", (INFO, MATIN)[number % 2])], at=NOW + timedelta(minutes=number))
    one, two = an_item("one"), an_item("two", MATIN)
    tell(store, [one, two], links=[same_story(two, one)])
    same_event(store, [one, an_item("n3", MATIN)])
    for limit in (5, 100):
        for one_per_event in (False, True):
            head = store.head("economie", limit, one_per_event=one_per_event)
            assert store.head_ids("economie", limit, one_per_event=one_per_event) == tuple(each.id for each in head)
    river, own = store.river("economie", limit=9).stories, store.source_river(MATIN.url, limit=9).stories
    places = [[(int(each.sort_at.timestamp()), each.id) for each in stories] for stories in (river, own)]
    assert [*store.river_places("economie", 9)] == places[0]
    assert [*store.source_places(MATIN.url, 9)] == places[1]
    assert store.head_ids("nothing", 9) == store.river_places("nothing", 9) == store.source_places("nothing", 9) == ()


def test_a_stamp_moves_with_its_story_and_its_event_alone(store: Store) -> None:
    one, two, three = an_item("one"), an_item("two", MATIN), an_item("three")
    tell(store, [one, two, three])
    ids = {story.lead.item.guid: story.id for story in store.head("all", 9)}

    def moved(before: dict[int, str]) -> set[str]:
        now = store.stamps(ids.values())
        return {guid for guid, story_id in ids.items() if now[story_id] != before[story_id]}

    stamps = dict(store.stamps(ids.values()))
    fail(store, INFO)
    assert moved(stamps) == set()
    same_event(store, [one, two], [about(two, one, "Levier")])
    assert moved(stamps) == {"one", "two"}
    stamps = dict(store.stamps(ids.values()))
    tell(store, [replace(one, title="Titre uno")], kind=DecisionKind.CHANGED)
    assert moved(stamps) == {"one", "two"}
    stamps = dict(store.stamps(ids.values()))
    tell(store, [replace(three, title="Titre tre")], kind=DecisionKind.CHANGED)
    assert moved(stamps) == {"three"}


def test_a_story_that_is_not_there_has_no_stamp(store: Store) -> None:
    tell(store, [an_item("one")])
    (story,) = store.head("all", 9)
    assert store.stamps([story.id, 999]).keys() == {story.id}
    assert store.stamps([]) == {}
