"""What the store knows without counting: how many stories are told, which feeds there are, what moved."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.errors import PinError
from aggregator.model import PinKind, SourceState
from aggregator.store import Store
from tests.web_world import INFO, MATIN, NOW, PRESSE, an_item, filled_store, same_story, settings_in, tell

ITEMS = [an_item(f"n{number}", source) for number, source in enumerate((INFO, MATIN, PRESSE) * 2)]

Act = Callable[[Store, int, int], None]


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Store]:
    with closing(filled_store(settings_in(tmp_path))) as store:
        tell(store, ITEMS)
        yield store


def link(store: Store, one: int, other: int) -> None:
    store.relink([same_story(ITEMS[one], ITEMS[other])], [], NOW)


def join(store: Store, one: int, other: int) -> None:
    store.pin(PinKind.MUST, one + 1, other + 1, "test", "", NOW)


def part(store: Store, one: int, other: int) -> None:
    store.pin(PinKind.CANNOT, one + 1, other + 1, "test", "", NOW)


def hide(store: Store, one: int, _: int) -> None:
    store.hide(one + 1, "test", "", NOW)


def show(store: Store, _one: int, _other: int) -> None:
    for hiding in store.hidings()[:1]:
        store.unhide(hiding.id, "test", NOW)


def undo(store: Store, _one: int, _other: int) -> None:
    for pin in store.pins()[:1]:
        store.undo_pin(pin.id, "test", NOW)


@settings(max_examples=15)
@given(
    acts=st.lists(
        st.tuples(
            st.sampled_from([link, join, part, hide, show, undo]),
            st.permutations(range(len(ITEMS))).map(lambda order: order[:2]),
        ),
        max_size=8,
    )
)
def test_the_number_of_stories_is_that_of_those_that_are_told(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[Act, list[int]]]
) -> None:
    with closing(filled_store(settings_in(tmp_path_factory.mktemp("counts")))) as store:
        tell(store, ITEMS)
        for act, pair in acts:
            with suppress(PinError):  # where pins contradict each other
                act(store, *pair)
        assert store.totals().stories == len({stored.story_id for stored in store.items()})


def test_a_source_is_found_by_its_slug(region: Store) -> None:
    assert region.source("comtois-info") == region.sources()[0]
    assert region.source("nobody") is None


def test_feeds_that_something_was_told_of_are_known_among_others(region: Store) -> None:
    asked = ["all", "economie", "sport", "source/comtois-info", "dep/25", "'", ""]
    assert region.told(asked) == {"all", "economie", "source/comtois-info"}
    assert region.told([]) == frozenset()


def test_the_river_of_a_source_has_every_story_that_it_is_part_of(region: Store) -> None:
    link(region, 0, 1)
    hide(region, 3, 0)
    told = {stored.story_id for stored in region.items() if stored.item.source == INFO.url and not stored.hidden}
    assert {story.id for story in region.source_river(INFO.url).stories} == told
    assert region.source_river("https://nobody.example/").stories == ()


@pytest.mark.parametrize("act", [link, join, part, hide])
def test_what_is_told_otherwise_moves_the_number_of_tellings(region: Store, act: Act) -> None:
    before = region.tellings()
    act(region, 0, 1)
    assert region.tellings() > before


def test_a_new_item_moves_it_and_the_state_of_a_source_does_not(region: Store) -> None:
    before = region.tellings()
    region.keep([SourceState(INFO.url, checked_at=NOW, next_check_at=NOW + timedelta(hours=1))])
    region.sync_sources([replace(INFO, title="Other"), MATIN, PRESSE], NOW)
    assert region.tellings() == before
    tell(region, [an_item("fresh")])
    assert region.tellings() > before
