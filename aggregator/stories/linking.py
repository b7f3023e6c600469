"""Level B for one item: takes an item's print and the items near it, gives a Link to each that has the same text;
never reads the store.

The links follow from what is near and from nothing else, so the same items give the same links in whatever order they
came, once each has been looked at with all the others in place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.model import Evidence, Key, Level, Link, Near, Print
from aggregator.stories.routine import Told, routine
from aggregator.stories.same_text import CROWD, RULE, judge
from aggregator.stories.similarity import Comparison, Shingle, Swap, Words, compare, may_be_alike

QUOTE_WORDS = 20
SLOTS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Subject:
    """The item that links are looked for, and who stands beside it in its source's document."""

    item: Key
    print: Print
    at: datetime  # published, or first seen
    published: datetime | None
    beside: frozenset[str] = frozenset()  # guids: what stands there too is no earlier version of it
    dated_alike: int = 0  # how many of those have its date


Quote = Callable[[Shingle], str]


def same_texts(subject: Subject, near: Sequence[Near], quote: Quote = " ".join) -> tuple[Link, ...]:
    """A link to each item near that is the same text, the surest first. `quote` spells a run of the subject's words.

    Cost: 10 µs for each item near, 150 for each that has more in common.
    """
    words = Words(subject.print)
    others = [(other, Words(other.print)) for other in near]
    common = routine(
        Told(subject.item[0], subject.at, words), [Told(other.item[0], other.at, each) for other, each in others]
    )
    crowd = max(subject.dated_alike, sum(_has_its_date(subject, other) for other in near))
    links: list[Link] = []
    for other, their_words in others:
        same_source = other.item[0] == subject.item[0]
        if same_source and other.print.media != subject.print.media:
            continue  # episodes of a programme, with the same words to each
        if not may_be_alike(words, their_words):
            continue
        found = compare(words, their_words, common)
        score = judge(
            found,
            same_source=same_source,
            apart=abs(other.at - subject.at),
            dated_alike=crowd < CROWD and _has_its_date(subject, other) and other.item[1] not in subject.beside,
        )
        if score is not None:
            evidence = _evidence(found, min(len(words.body), len(their_words.body)), quote)
            links.append(Link(subject.item, other.item, Level.TEXT, round(score, 3), evidence, RULE))
    return tuple(sorted(links, key=lambda link: (-link.score, link.other)))


def _has_its_date(subject: Subject, other: Near) -> bool:
    return other.item[0] == subject.item[0] and subject.published is not None and other.published == subject.published


def _evidence(found: Comparison, length: int, quote: Quote) -> Evidence:
    run = found.run[:QUOTE_WORDS]
    return Evidence(
        shared=round(found.fresh, 3),
        words=length,
        quote=quote(run) or " ".join(run),
        titles=round(found.title, 3),
        routine=round(found.routine, 3),
        agreeing=tuple(sorted(found.shared_slots)[:SLOTS_SHOWN]),
        differing=tuple(map(_told, (*found.title_swaps, *found.swaps)))[:SLOTS_SHOWN],
    )


def _told(swap: Swap) -> str:
    return " / ".join(" ".join(side) for side in swap)
