"""Which items are one story: takes items, the live links between them and the editors' pins, gives groups; pure.

The links of level A and B, the strongest first, join what they link, but never two items that a pin holds apart. So
the groups follow from what holds now and not from the order in which it came to hold: a link that is closed or a pin
that is undone leaves no trace.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct

from aggregator.model import Level, PinKind


class Bond(Struct, frozen=True):
    """A live link between two items, by number."""

    item: int
    other: int
    level: Level
    score: float


class Word(Struct, frozen=True):
    """A pin that is not undone: an editor's word on two items, by number."""

    pin: int
    kind: PinKind
    item: int
    other: int


def groups(items: Sequence[int], links: Iterable[Bond], pins: Iterable[Word]) -> tuple[tuple[int, ...], ...]:
    """The groups, each in the order of `items`. Links and pins may reach beyond `items`; those are grouped alike with
    and without whatever does not hang together with them. Cost: n log n.

    Where an item is tied as strongly to both sides of a `cannot` pin, it goes with the pin's `other`: the first one was
    said not to belong with the rest. What is still even then is decided by the order of `items`.
    """
    order = {item: number for number, item in enumerate(items)}
    said = list(pins)
    apart = {pin.item for pin in said if pin.kind is PinKind.CANNOT}
    inside = [pin for pin in said if pin.item in order and pin.other in order]
    grouping = _Grouping(items, [(pin.item, pin.other) for pin in inside if pin.kind is PinKind.CANNOT])

    def weakness(link: Bond) -> tuple[Level, float, bool, int, int]:
        first, last = sorted((order[link.item], order[link.other]))
        return link.level, -link.score, link.item in apart or link.other in apart, first, last

    for pin in inside:
        if pin.kind is PinKind.MUST:
            grouping.join(pin.item, pin.other)
    joining = (link for link in links if link.level is not Level.EVENT and link.item in order and link.other in order)
    for link in sorted(joining, key=weakness):
        grouping.join(link.item, link.other)
    found = (sorted(members, key=order.__getitem__) for members in grouping.members.values())
    return tuple(sorted(map(tuple, found), key=lambda group: order[group[0]]))


class _Grouping:
    """Sets that only ever grow together; each knows which others it must stay apart from."""

    def __init__(self, items: Iterable[int], apart: Iterable[tuple[int, int]]) -> None:
        self.members = {item: [item] for item in items}  # by the item that a set is named after
        self._set_of = {item: item for item in self.members}
        self._apart: dict[int, set[int]] = {item: set() for item in self.members}
        for one, other in apart:
            self._apart[one].add(other)
            self._apart[other].add(one)

    def join(self, one: int, other: int) -> None:
        """Make the sets of two items one, if that may be."""
        small, large = sorted((self._set_of[one], self._set_of[other]), key=lambda name: len(self.members[name]))
        if small == large or small in self._apart[large]:
            return
        moved = self.members.pop(small)
        self.members[large] += moved
        self._set_of.update(dict.fromkeys(moved, large))
        for enemy in self._apart.pop(small):
            self._apart[enemy] = self._apart[enemy] - {small} | {large}
            self._apart[large].add(enemy)


def contradiction(pins: Sequence[Word]) -> tuple[Word, ...]:
    """Pins that cannot hold together, () if all can: a `cannot`, then the `must` pins that join its two items."""
    musts: dict[int, list[Word]] = {}
    for pin in pins:
        if pin.kind is PinKind.MUST:
            musts.setdefault(pin.item, []).append(pin)
            musts.setdefault(pin.other, []).append(pin)
    for pin in pins:
        if pin.kind is PinKind.CANNOT and (path := _path(pin.item, pin.other, musts)):
            return (pin, *path)
    return ()


def _path(start: int, end: int, musts: dict[int, list[Word]]) -> tuple[Word, ...]:
    """The fewest pins that lead from one item to another."""
    paths: dict[int, tuple[Word, ...]] = {start: ()}
    waiting = deque([start])
    while waiting and end not in paths:
        here = waiting.popleft()
        for pin in musts.get(here, ()):
            there = pin.other if pin.item == here else pin.item
            if there not in paths:
                paths[there] = (*paths[here], pin)
                waiting.append(there)
    return paths.get(end, ())
