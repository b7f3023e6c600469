"""What many news say: takes an item's print and those near it, gives the shingles that tell nothing; never decides.

A mould ("bulletin météo du … à …", a recurring invitation to subscribe) is told from a text that several outlets print
by who repeats it, not by how many have it: an outlet prints a text once, and all do so within days. So what one source
says again in another item, or what was said days before, is routine.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.stories.similarity import Shingle, Words

REPEATS = 2  # one may be the update of an article at a new address
LONG_AGO = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Told:
    """An item's words, with who said them when."""

    source: str
    at: datetime
    words: Words


def routine(item: Told, near: Iterable[Told]) -> frozenset[Shingle]:
    """The shingles of these items that are repeated. Versions of one item, dated to the same second, count once."""
    repeats: Counter[Shingle] = Counter()
    sources: dict[Shingle, set[str]] = {shingle: {item.source} for shingle in item.words.shingles}
    for other in near:
        if (other.source, other.at) == (item.source, item.at):
            continue
        if abs(other.at - item.at) > LONG_AGO:
            repeats.update(other.words.shingles)
            continue
        for shingle in other.words.shingles:
            known = sources.setdefault(shingle, set())
            if other.source in known:
                repeats[shingle] += 1
            known.add(other.source)
    return frozenset(shingle for shingle, times in repeats.items() if times >= REPEATS)
