"""What many news say: takes an item's words and those near it, gives its shingles that tell nothing; never decides.

A mould ("bulletin météo du … à …", a recurring invitation to subscribe) is told from a text that several outlets print
by who repeats it, not by how many have it: an outlet prints a text once, and all do so within days. So what one source
says again in another item, or what was said days before, is routine.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.stories.similarity import Words

REPEATS = 2  # one may be the update of an article at a new address
LONG_AGO = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Told:
    """An item's words, with who said them when."""

    source: str
    at: datetime
    words: Words


def routine(item: Told, near: Iterable[Told]) -> frozenset[int]:
    """The shingles of an item that are repeated. Versions of it, dated to the same second, count once."""
    ours = item.words.shingles
    repeats: Counter[int] = Counter()
    said: dict[str, set[int]] = {item.source: set(ours)}
    for other in near:
        if (other.source, other.at) == (item.source, item.at):
            continue
        shared = ours & other.words.shingles
        if abs(other.at - item.at) > LONG_AGO:
            repeats.update(shared)
            continue
        before = said.setdefault(other.source, set())
        repeats.update(shared & before)
        before |= shared
    return frozenset(shingle for shingle, times in repeats.items() if times >= REPEATS)
