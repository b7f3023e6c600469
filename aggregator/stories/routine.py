"""What many news say: takes an item's words and those near it, gives its shingles that tell nothing; never decides.

A mould ("bulletin météo du … à …", a recurring invitation to subscribe) is told from a text that several outlets print
by who repeats it, not by how many have it: an outlet prints a text once, and all do so within days. So what one source
says again in another item, or what was said days before, is routine.
"""

from collections.abc import Iterable, Set
from datetime import datetime, timedelta

from msgspec import Struct

from aggregator.stories.similarity import Words

LONG_AGO = timedelta(days=3)


class Told(Struct, frozen=True):
    """An item's words, with who said them when."""

    source: str
    at: datetime
    words: Words


def routine(item: Told, near: Iterable[Told]) -> frozenset[int]:
    """The shingles of an item that are repeated. Versions of it, dated to the same second, count once."""
    ours = item.words.shingles
    return repeated(item.source, item.at, ((each.source, each.at, ours & each.words.shingles) for each in near))


def repeated(source: str, at: datetime, shared: Iterable[tuple[str, datetime, Set[int]]]) -> frozenset[int]:
    """The same by what an item shares with each near it, who said so and when. Once is no repeat: it may be the update
    of an article at a new address.
    """
    once: set[int] = set()
    twice: set[int] = set()
    said: dict[str, set[int]] = {}
    for other, when, both in shared:
        if not both or (other == source and when == at):
            continue
        if other == source or abs(when - at) > LONG_AGO:
            again = both
        elif other in said:
            again = both & said[other]
            said[other] |= both
        else:
            said[other] = set(both)
            continue
        twice |= once & again
        once |= again
    return frozenset(twice)
