"""Events of what is stored: each new story is looked at once and in its order, and none is hidden by it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count

import pytest
from msgspec.structs import replace

from aggregator.errors import StoreError
from aggregator.gathering import gather
from aggregator.model import Genre, Item, Level, Question, Stored
from aggregator.store import Store, Window
from aggregator.stories import events
from tests.values import NOW, date, make_item, settle, sources

FIRE = (
    "Plovier : un incendie ravage la scierie Marchal",
    "Incendie à la scierie Marchal de Plovier, vingt emplois menacés",
    "« Tout est parti en fumée » : à Plovier, la scierie Marchal détruite par un incendie",
)
OTHERS = ("Deux lynx relâchés dans le massif du Hautmont", "Grève des cantines : les repas froids jusqu’à jeudi")
PLACES = "Lissey Courvane Brelin Torvan Marnoz Quivel Dampvar Ostrel Favrou Grenois Halvey Jussol Kerdan".split()
THINGS = "lavoir clocher gymnase viaduc moulin verger étang funiculaire abattoir manège théâtre hameau".split()
OUTLETS = tuple(f"https://outlet{number}.example/feed" for number in range(1, 6))


@pytest.fixture(autouse=True)
def listed(store: Store) -> None:
    store.sync_sources(sources(*OUTLETS), NOW)
    store.open_log(NOW)


def told(title: str, outlet: int, at: datetime = NOW, **changes: object) -> Item:
    """What an outlet says, under a link of its own."""
    name = f"https://outlet{outlet}.example"
    link = f"{name}/{abs(hash(title))}"
    plain = {"source": f"{name}/feed", "guid": link, "link": link, "canonical": link, "title": title, "lead": ""}
    return make_item(1, **{**plain, "published": date(at), "language": "fr", **changes})


def put(store: Store, *items: Item, now: datetime = NOW) -> None:
    for item in items:
        settle(store, [item], now, item.source)


def look(store: Store, now: datetime = NOW, feeds: Sequence[str] = (), limit: int = 200) -> list[str]:
    """Find the events of all that wait. → the titles that were looked at."""
    seen: list[str] = []

    def tell(stored: Stored, window: Window) -> None:
        seen.append(stored.item.title)
        gather(stored, window, now)

    while store.gather(tell, now, feeds, limit):
        pass
    return seen


def fire() -> list[Item]:
    return [told(title, outlet) for outlet, title in enumerate(FIRE, start=1)]


def links(store: Store, *, closed: bool = False) -> set[frozenset[int]]:
    """The links between stories about one event, as pairs of items."""
    found = set()
    for stored in store.items():
        for tie in store.links_of(stored.id):
            if tie.link.level is Level.EVENT and (tie.closed_at is not None) is closed:
                found.add(frozenset(each.id for each in map(store.keyed, (tie.link.item, tie.link.other)) if each))
    return found


def together(store: Store) -> dict[int, list[int]]:
    """The other stories about its event, of each that has one."""
    found = {stored.story_id: [other.id for other in store.event(stored.story_id)] for stored in store.items()}
    return {story: others for story, others in found.items() if others}


# ── what is found


def test_what_three_outlets_tell_in_their_own_words_is_one_event(store: Store) -> None:
    put(store, *fire(), told(OTHERS[0], 4), told(OTHERS[1], 5))
    look(store)
    assert together(store) == {1: [2, 3], 2: [1, 3], 3: [1, 2]}
    stories = [store.story(number) for number in range(1, 6)]
    assert [(each.event, each.event_sources) for each in stories if each] == [(1, 3)] * 3 + [(None, 0)] * 2


def test_links_hold_an_event_together_without_circles_and_name_the_words_that_agree(store: Store) -> None:
    put(store, *fire())
    look(store)
    assert len(links(store)) == 2 and set().union(*links(store)) == {1, 2, 3}
    for tie in store.links_of(2):
        assert {"Plovier", "Marchal"} <= set(tie.link.evidence.agreeing)
        assert (tie.link.rule, tie.closed_at) == (events.RULE, None) and 0 < tie.link.score <= 1


def test_what_is_linked_as_one_event_stays_separate_stories(store: Store) -> None:
    put(store, *fire())
    before = store.river("all").stories
    look(store)
    assert [story.id for story in store.river("all").stories] == [story.id for story in before]
    assert [len(story.others) for story in store.river("all").stories] == [0, 0, 0]
    assert all(store.links(story.id) == () for story in before)
    assert {story.id for outlet in OUTLETS for story in store.source_river(outlet).stories} == {1, 2, 3}
    assert {hit.story.id for hit in store.search(Question("scierie"), "fr").hits} == {1, 2, 3}
    assert (
        {story.id for story in store.head("all", 9)} == {story.id for story in store.head("economie", 9)} == {1, 2, 3}
    )


def test_the_events_are_the_same_however_many_are_looked_at_in_one_transaction(store: Store) -> None:
    put(store, *fire(), told(OTHERS[0], 4))
    assert look(store, limit=1) == [*FIRE, OTHERS[0]]
    assert together(store) == {1: [2, 3], 2: [1, 3], 3: [1, 2]} and len(links(store)) == 2


# ── what is looked at


def test_each_story_is_looked_at_once_in_its_order(store: Store) -> None:
    put(store, *fire()[:2])
    assert look(store) == [*FIRE[:2]]
    put(store, fire()[2])
    assert look(store) == [FIRE[2]] and look(store) == []
    assert together(store)[1] == [2, 3]


def test_an_item_that_changes_is_not_looked_at_again(store: Store) -> None:
    put(store, *fire()[:2])
    look(store)
    put(store, replace(fire()[0], title=OTHERS[0], fingerprint="new"))
    assert look(store) == [] and together(store) == {1: [2], 2: [1]}


def test_an_item_that_stands_behind_another_is_not_looked_at(store: Store) -> None:
    first = fire()[0]
    put(store, first, replace(fire()[1], canonical=first.canonical, title=first.title), fire()[2])
    assert store.story(2) == store.story(1)
    assert look(store) == [FIRE[0], FIRE[2]]
    event = store.event(3)
    assert [story.id for story in event] == [1] and event[0].event_sources == 3


@pytest.mark.parametrize(
    ("published", "is_found"),
    [(NOW - events.WINDOW, True), (NOW - events.WINDOW - timedelta(seconds=1), False), (NOW + timedelta(days=9), True)],
)
def test_a_story_from_before_the_window_is_passed_over(store: Store, published: datetime, is_found: bool) -> None:
    put(store, told(FIRE[0], 1, published))
    assert look(store) == [FIRE[0]]
    put(store, told(FIRE[1], 2))
    look(store)
    assert together(store) == ({1: [2], 2: [1]} if is_found else {})


def test_a_story_without_a_date_counts_from_when_it_was_first_seen(store: Store) -> None:
    put(store, told(FIRE[0], 1, published=date(None)), now=NOW - events.WINDOW - timedelta(minutes=1))
    put(store, told(FIRE[1], 2, published=date(None)), told(FIRE[2], 3))
    look(store)
    assert together(store) == {2: [3], 3: [2]}


def test_a_date_to_come_counts_as_when_it_was_first_seen(store: Store) -> None:
    put(store, told(FIRE[0], 1), told(FIRE[1], 2, NOW + timedelta(days=9)))
    look(store)
    assert together(store) == {1: [2], 2: [1]}


def test_a_story_is_not_compared_with_those_that_were_not_yet_forgotten_but_left_the_window(store: Store) -> None:
    early = NOW - events.WINDOW - timedelta(minutes=1)
    put(store, told(FIRE[0], 1, early), now=early)
    look(store, early)
    put(store, told(FIRE[1], 2))
    look(store)
    assert together(store) == {}


def test_what_tells_no_event_is_part_of_none(store: Store) -> None:
    put(store, *(replace(item, genre=Genre.METEO) for item in fire()[:2]), fire()[2])
    assert len(look(store)) == 3 and together(store) == {}
    assert store.forget_gists(NOW + timedelta(days=1)) == 1  # nothing is kept of the others


# ── trouble


def test_a_fault_while_it_looks_leaves_nothing_half_written_and_it_begins_there_again(store: Store) -> None:
    put(store, *fire())
    store.gather(lambda stored, window: gather(stored, window, NOW), NOW, limit=1)
    turns = count()

    def tell(stored: Stored, window: Window) -> None:
        gather(stored, window, NOW)
        if next(turns):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.gather(tell, NOW)
    assert together(store) == {} and links(store) == set()
    assert look(store) == [*FIRE[1:]] and together(store)[1] == [2, 3]


def test_an_unknown_story_is_a_store_error_that_undoes_all(store: Store) -> None:
    put(store, *fire())

    def tell(stored: Stored, window: Window) -> None:
        gather(stored, window, NOW)
        window.together([("https://nowhere.example/", "x")])

    with pytest.raises(StoreError, match="nowhere"):
        store.gather(tell, NOW)
    assert look(store) == [*FIRE]


# ── cost


def test_looking_costs_the_same_however_much_is_stored(store: Store) -> None:
    steps, numbers = 0, count(1)

    def measure() -> None:
        nonlocal steps
        steps += 1

    def cost_of(many: int, now: datetime) -> int:
        nonlocal steps
        for _ in range(many):
            number = next(numbers)
            words = f"{PLACES[number % 13]}{number % 97} {THINGS[number % 12]}{number % 89} {next(numbers)}"
            settle(store, [told(words, 1 + number % 5, now)], now, OUTLETS[number % 5])
        steps = 0
        look(store, now)
        return steps

    store._db.set_progress_handler(measure, 20)  # type: ignore[attr-defined]
    cost_of(300, NOW)
    early = cost_of(20, NOW)
    later = NOW
    for _ in range(2):
        later += events.WINDOW + timedelta(hours=1)
        while store.forget_gists(later - events.WINDOW):
            pass
        cost_of(300, later)
    assert cost_of(20, later) < early * 1.3
