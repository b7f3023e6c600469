"""Level B for one item: takes an item's print and the items near it, gives a Link to each that has the same text;
never reads the store.

The links follow from what is near and from nothing else: once each item was looked at again with all the others in
place, the same items have the same links, in whatever order they came.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct

from aggregator.model import Evidence, Key, Level, Link, Near, Print
from aggregator.stories.routine import repeated
from aggregator.stories.same_text import CROWD, RULE, TITLE, Origin, judge, may_be_linked
from aggregator.stories.similarity import (
    Comparison,
    Run,
    Swap,
    Words,
    are_far,
    compare,
    shares,
    title_likeness,
    words_of,
)

QUOTE_WORDS = 20
SLOTS_SHOWN = 12


class Subject(Struct, frozen=True):
    """The item that links are looked for, and who stands beside it in its source's document."""

    item: Key
    print: Print
    at: datetime  # published, or first seen
    published: datetime | None
    beside: frozenset[str] = frozenset()  # guids: what stands there too is no earlier version of it
    dated_alike: int = 0  # how many of those have its date


Quote = Callable[[Run], str]


class Looked(Struct, frozen=True):
    """An item that was looked at with what is near it."""

    subject: Subject
    words: Words
    common: frozenset[int]  # what others say too
    near: tuple[tuple[Near, Words, frozenset[int]], ...]  # with the shingles that both have


def look(subject: Subject, near: Sequence[Near]) -> Looked:
    """Learn from what is near an item what of it is routine."""
    words = words_of(subject.print)
    ours = words.shingles
    others = tuple((other, each, ours & each.shingles) for other in near for each in (words_of(other.print),))
    said = ((other.item[0], other.at, both) for other, _, both in others)
    return Looked(subject, words, repeated(subject.item[0], subject.at, said), others)


def same_texts(looked: Looked, quote: Quote = " ".join) -> tuple[Link, ...]:
    """A link to each item near that is the same text, the surest first. `quote` spells a run of the item's words.

    Cost: 3 µs for each item near, 150 for each that has more in common.
    """
    found = (
        _link(looked, other, words, frozenset(), quote)
        for other, words, both in looked.near
        if not _is_far(looked, other, words, both)
    )
    return tuple(sorted(filter(None, found), key=lambda link: (-link.score, link.other)))


def _is_far(looked: Looked, other: Near, words: Words, both: frozenset[int]) -> bool:
    """Whether nothing can link two items, at first sight: neither their texts nor their titles nor their dates."""
    if not are_far(looked.words, words, both, looked.common) or _has_its_date(looked.subject, other):
        return False
    return other.item[0] == looked.subject.item[0] or title_likeness(looked.words, words) < TITLE


def still_linked(one: Looked, other: Looked, quote: Quote = " ".join) -> Link | None:
    """The link between two items, by what is known on both sides, whichever came first."""
    subject = other.subject
    near = Near(subject.item, subject.print, subject.at, subject.published)
    return _link(one, near, other.words, other.common, quote)


def _link(looked: Looked, other: Near, words: Words, common: frozenset[int], quote: Quote) -> Link | None:
    subject = looked.subject
    same_source = other.item[0] == subject.item[0]
    if same_source and other.print.media != subject.print.media:
        return None  # episodes of a programme, with the same words to each
    origin = Origin(same_source, abs(other.at - subject.at), _is_dated_alike(looked, other))
    repeated = looked.common | common
    if not may_be_linked(looked.words, words, shares(looked.words, words, repeated), origin):
        return None
    found = compare(looked.words, words, repeated)
    score = judge(found, origin)
    if score is None:
        return None
    evidence = _evidence(found, min(len(looked.words.body), len(words.body)), quote)
    return Link(subject.item, other.item, Level.TEXT, round(score, 3), evidence, RULE)


def _is_dated_alike(looked: Looked, other: Near) -> bool:
    """Whether their source dates both to the second, and neither to the second of a crowd nor side by side."""
    subject = looked.subject
    if not _has_its_date(subject, other) or other.item[1] in subject.beside:
        return False
    stored = sum(_has_its_date(subject, each) for each, *_ in looked.near)
    return max(subject.dated_alike, stored) < CROWD


def _has_its_date(subject: Subject, other: Near) -> bool:
    return other.item[0] == subject.item[0] and subject.published is not None and other.published == subject.published


def _evidence(found: Comparison, length: int, quote: Quote) -> Evidence:
    run = found.run[:QUOTE_WORDS]
    return Evidence(
        shared=round(found.shares.fresh, 3),
        words=length,
        quote=quote(run) or " ".join(run),
        titles=round(found.title, 3),
        routine=round(found.shares.routine, 3),
        agreeing=tuple(sorted(found.shared_slots)[:SLOTS_SHOWN]),
        differing=tuple(map(_told, (*found.title_swaps, *found.swaps)))[:SLOTS_SHOWN],
    )


def _told(swap: Swap) -> str:
    return " / ".join(" ".join(side) for side in swap)
