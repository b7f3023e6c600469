"""What of a shown text was searched for: takes the text and the terms sought, gives pieces, marked or not.

The marks follow the index: a word is marked where its term is sought, whatever its accents, ligatures or ending.
Never makes markup: whoever shows a piece escapes it.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile

from msgspec import Struct

from aggregator.words import Phrase, placed_terms

ELLIPSIS = "…"
BEFORE_CHARACTERS = 60  # that an excerpt shows before its first mark, at most


class Piece(Struct, frozen=True):
    """A run of a text."""

    text: str
    is_marked: bool = False


Span = tuple[int, int, int]
"""Where a mark begins and ends, and which phrase it is."""


def mark(text: str, phrases: Sequence[Phrase], language: str) -> tuple[Piece, ...]:
    """The whole text in pieces. Its language is that of the item."""
    return tuple(_pieces(text, 0, len(text), _spans(text, phrases, language)))


def excerpt(phrases: Sequence[Phrase], language: str, *texts: tuple[str, int]) -> tuple[Piece, ...]:
    """Of the first text in which any of the phrases stands, at most so many characters as are given with it, ellipses
    included, around the place where most of them stand together; where none does, the beginning of the first text.
    """
    for text, limit in texts:
        if spans := _spans(text, phrases, language):
            return _excerpt(text, spans, limit)
    return _excerpt(texts[0][0], (), texts[0][1])


def _excerpt(text: str, spans: Sequence[Span], limit: int) -> tuple[Piece, ...]:
    start, end = _window(text, spans, limit)
    found = [*_pieces(text, start, end, spans)]
    before = [Piece(ELLIPSIS)] if start else []
    return (*before, *found, *([Piece(ELLIPSIS)] if end < len(text) else []))


def _spans(text: str, phrases: Sequence[Phrase], language: str) -> list[Span]:
    """The marks in a text, in their order; the longest of those that overlap."""
    placed = list(placed_terms(text, language, phrases))
    firsts: dict[str, list[tuple[int, Phrase]]] = {}
    for number, phrase in enumerate(phrases):
        firsts.setdefault(phrase[0], []).append((number, phrase))
    spans: list[Span] = []
    for place, (start, _, term) in enumerate(placed):
        for number, phrase in firsts.get(term, ()):
            run = placed[place : place + len(phrase)]
            if tuple(each for *_, each in run) == phrase:
                spans.append((start, run[-1][1], number))
    return list(_apart(sorted(spans, key=lambda span: (span[0], -span[1]))))


def _apart(spans: Iterable[Span]) -> Iterable[Span]:
    last = 0
    for span in spans:
        if span[0] >= last:
            yield span
            last = span[1]


def _pieces(text: str, start: int, end: int, spans: Iterable[Span]) -> Iterable[Piece]:
    at = start
    for first, last, _ in spans:
        if first < at or last > end:
            continue
        if first > at:
            yield Piece(text[at:first])
        yield Piece(text[first:last], is_marked=True)
        at = last
    if at < end:
        yield Piece(text[at:end])


def _window(text: str, spans: Sequence[Span], limit: int) -> tuple[int, int]:
    """Where an excerpt begins and ends: between words, and no longer than `limit` with its ellipses."""
    if len(text) <= limit:
        return 0, len(text)
    room = limit - 2 * len(ELLIPSIS)
    start = min(_beginning(text, _best(spans, room), room), _word_from(text, len(text) - room))
    end = min(start + room, len(text))
    if end < len(text) and text[end] != " ":
        gap = text.rfind(" ", start + room // 2, end)
        end = gap if gap >= 0 else end
    return start, end


def _best(spans: Sequence[Span], room: int) -> int:
    """The mark from which most of the phrases, then most marks, fit in the room; the first of these."""
    best, found = 0, (0, 0)
    for place, (start, *_) in enumerate(spans):
        inside = [number for _, _, number in _until(start + room, spans[place:])]
        if (len(set(inside)), len(inside)) > found:
            best, found = start, (len(set(inside)), len(inside))
    return best


def _until(end: int, spans: Iterable[Span]) -> Iterable[Span]:
    return takewhile(lambda span: span[1] <= end, spans)


def _beginning(text: str, mark: int, room: int) -> int:
    """A little before a mark, at a word, at a sentence if one begins there."""
    if mark <= min(BEFORE_CHARACTERS, room // 3):
        return 0
    earliest = mark - min(BEFORE_CHARACTERS, room // 3)
    sentence = max(text.rfind(sign, earliest, mark) for sign in (". ", "! ", "? ", "\n"))
    if sentence >= 0:
        return sentence + (1 if text[sentence] == "\n" else 2)
    return min(_word_from(text, earliest), mark)


def _word_from(text: str, at: int) -> int:
    """Where the first word begins that begins there or later."""
    gap = text.find(" ", max(at - 1, 0))
    return gap + 1 if at and gap >= 0 else at
