"""Grouping: what is linked is together, what is held apart is apart, and order does not matter."""

from itertools import combinations

from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.model import Level, PinKind
from aggregator.store.groups import Bond, Word, contradiction, groups

A, B, C = Level.IDENTITY, Level.TEXT, Level.EVENT
ITEMS = range(8)
PAIRS = st.sampled_from(list(combinations(ITEMS, 2))).flatmap(lambda pair: st.permutations(pair))


def link(item: int, other: int, level: Level = B, score: float = 0.5) -> Bond:
    return Bond(item, other, level, score)


def must(item: int, other: int, pin: int = 1) -> Word:
    return Word(pin, PinKind.MUST, item, other)


def cannot(item: int, other: int, pin: int = 2) -> Word:
    return Word(pin, PinKind.CANNOT, item, other)


LINKS = st.lists(
    st.builds(
        lambda pair, level, score: Bond(pair[0], pair[1], level, score),
        PAIRS,
        st.sampled_from(Level),
        st.sampled_from([0.5, 0.7]),
    ),
    max_size=14,
    unique_by=lambda each: (frozenset((each.item, each.other)), each.level),
)
PINS = st.lists(st.tuples(PAIRS, st.sampled_from(PinKind)), max_size=6, unique_by=lambda each: frozenset(each[0])).map(
    lambda each: [Word(pin, kind, *pair) for pin, (pair, kind) in enumerate(each, start=1)]
)


def test_items_without_links_stand_alone_in_their_order() -> None:
    assert groups([3, 1, 2], [], []) == ((3,), (1,), (2,))


def test_links_of_identity_and_text_join_over_several_steps_and_those_of_events_do_not() -> None:
    assert groups(range(5), [link(1, 0, A), link(2, 1, B), link(3, 2, C)], []) == ((0, 1, 2), (3,), (4,))


def test_pins_outweigh_every_link() -> None:
    assert groups(range(3), [link(1, 0, A, 1.0)], [cannot(0, 1), must(1, 2)]) == ((0,), (1, 2))


def test_an_item_between_two_that_are_held_apart_goes_where_it_is_tied_more_strongly() -> None:
    assert groups(range(3), [link(2, 0, B, 0.6), link(2, 1, B, 0.7)], [cannot(0, 1)]) == ((0,), (1, 2))
    assert groups(range(3), [link(2, 0, A, 0.6), link(2, 1, B, 0.7)], [cannot(0, 1)]) == ((0, 2), (1,))


def test_an_item_tied_evenly_stays_with_the_rest_and_not_with_the_one_that_was_split_off() -> None:
    links = [link(2, 0), link(2, 1)]
    assert groups(range(3), links, [cannot(0, 1)]) == ((0,), (1, 2))
    assert groups(range(3), links, [cannot(1, 0)]) == ((0, 2), (1,))


def test_what_is_even_in_all_is_decided_by_the_order_of_the_items() -> None:
    links = [link(2, 0), link(3, 1), link(3, 2)]
    both = [cannot(0, 1), cannot(1, 0)]
    assert groups([0, 1, 2, 3], links, both) == ((0, 2, 3), (1,))
    assert groups([3, 2, 1, 0], links, both) == ((3, 2, 1), (0,))


def test_a_group_stays_apart_from_all_that_any_of_its_items_is_held_apart_from() -> None:
    links = [link(1, 0, A), link(3, 2, A), link(2, 1, B, 0.9), link(4, 3, B, 0.8), link(4, 0, B, 0.7)]
    assert groups(range(5), links, [cannot(0, 3)]) == ((0, 1), (2, 3, 4))


def test_what_reaches_beyond_the_items_is_passed_over() -> None:
    assert groups([1, 2], [link(3, 1), link(2, 4)], [must(1, 9), cannot(9, 2)]) == ((1,), (2,))


@given(LINKS, PINS, st.randoms())
def test_the_order_of_links_and_pins_does_not_change_the_groups(
    links: list[Bond], pins: list[Word], random: object
) -> None:
    if contradiction(pins):
        return
    expected = groups(ITEMS, links, pins)
    random.shuffle(links), random.shuffle(pins)  # type: ignore[attr-defined]
    assert groups(ITEMS, links, pins) == expected


@given(LINKS, PINS)
def test_groups_keep_every_pin_and_no_link_between_two_groups_is_left_out_without_a_reason(
    links: list[Bond], pins: list[Word]
) -> None:
    found = groups(ITEMS, links, pins)
    assert sorted(item for group in found for item in group) == list(ITEMS)
    group_of = {item: group for group in found for item in group}
    apart = [(pin.item, pin.other) for pin in pins if pin.kind is PinKind.CANNOT]
    assert all(group_of[one] != group_of[other] for one, other in apart)
    if not contradiction(pins):
        assert all(group_of[pin.item] == group_of[pin.other] for pin in pins if pin.kind is PinKind.MUST)
    held = {(group_of[one], group_of[other]) for one, other in apart}
    for each in links:
        pair = (group_of[each.item], group_of[each.other])
        assert each.level is C or pair[0] == pair[1] or pair in held or pair[::-1] in held


@given(LINKS, PINS)
def test_a_group_is_held_together_by_links_and_pins_alone(links: list[Bond], pins: list[Word]) -> None:
    ties = [(each.item, each.other) for each in links if each.level is not C]
    ties += [(pin.item, pin.other) for pin in pins if pin.kind is PinKind.MUST]
    for first, *rest in groups(ITEMS, links, pins):
        reached, size = {first}, 0
        while size < len(reached):
            size = len(reached)
            inside = {first, *rest}
            reached |= {end for tie in ties if set(tie) <= inside and set(tie) & reached for end in tie}
        assert reached == {first, *rest}


@given(LINKS, PINS)
@example([link(2, 0), link(3, 2)], [cannot(2, 1, 1), cannot(0, 3, 2)])
def test_what_does_not_hang_together_is_grouped_alike_apart_and_at_once(links: list[Bond], pins: list[Word]) -> None:
    ties = [link(pin.item, pin.other) for pin in pins if pin.kind is PinKind.MUST] + links
    parts = groups(ITEMS, ties, [])
    assert {group for part in parts for group in groups(part, links, pins)} == set(groups(ITEMS, links, pins))


def test_many_items_are_grouped_without_delay() -> None:
    many = range(50_000)
    links = [link(number, number - 1) for number in many[1:]]
    pins = [cannot(number, number + 1, number) for number in many[:-1:100]]
    found = groups(many, links, pins)
    assert len(found) == 501 and sum(map(len, found)) == len(many)


# ── contradictions


def test_pins_that_can_hold_together_are_no_contradiction() -> None:
    assert contradiction([]) == ()
    assert contradiction([must(1, 2, 1), must(2, 3, 2), cannot(3, 4, 3), must(4, 5, 4)]) == ()


def test_a_contradiction_names_the_shortest_chain_of_pins_in_the_way() -> None:
    chain = [must(2, 1, 1), must(2, 3, 2), must(3, 4, 3), must(1, 4, 4), must(4, 5, 5), must(8, 9, 6)]
    apart = cannot(5, 1, 7)
    assert contradiction([*chain, cannot(1, 9, 8), apart]) == (apart, chain[4], chain[3])


@given(PINS)
def test_pins_contradict_one_another_exactly_if_some_two_items_must_and_cannot_be_together(pins: list[Word]) -> None:
    together = groups(ITEMS, [link(pin.item, pin.other) for pin in pins if pin.kind is PinKind.MUST], [])
    clash = [
        pin
        for pin in pins
        if pin.kind is PinKind.CANNOT and any({pin.item, pin.other} <= set(group) for group in together)
    ]
    assert bool(contradiction(pins)) == bool(clash)
