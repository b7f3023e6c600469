"""What changed, word by word: takes two texts, gives the pieces that both have, that were added and that were removed;
never judges whether a change matters.

difflib alone takes minutes for long texts of few words. Here the words that stand once in both texts divide them
first (patience diff), difflib compares the short stretches between, and a budget bounds both: what it leaves is shown
as replaced.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import groupby, pairwise, takewhile

from msgspec import Struct

SMALL_CELLS = 10_000  # pairs of words that difflib may compare at once: 100 × 100 take a millisecond
BUDGET = 5_000_000  # words looked at and pairs compared, in all: about a second
ISLAND_WORDS = 2  # so few words that two changes have between them are noise
AROUND = 12  # words shown beside a change
ELLIPSIS = "…"

_TOKEN = re.compile(r"(\s*)(\d+(?:[.,]\d+)*|[^\W\d_]+['’]?|\S)")
_WORDS = re.compile(r"\s*\S+")

_Run = tuple[int, int, int]  # words that are the same: from where in the old ones and in the new ones, how many
_Region = tuple[int, int, int, int]  # from where to where in the old words, and in the new ones


class PieceKind(StrEnum):
    """What became of a piece of text."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"


class Piece(Struct, frozen=True):
    """A run of words with the spaces that belong to it."""

    kind: PieceKind
    text: str


def changes(old: str, new: str) -> tuple[Piece, ...]:
    """The pieces in reading order, what was removed before what took its place. Those that are the same or added are
    the new text exactly, those that are the same or removed the old one. Two texts of 50,000 words take two seconds at
    most.
    """
    before, after = _Words(old), _Words(new)
    pieces: list[Piece] = []
    old_from = new_from = 0
    for old_to, new_to, count in _runs(before.words, after.words):
        pieces += _replaced(before.text(old_from, old_to), after.text(new_from, new_to))
        for at in range(count):
            if at:
                pieces += _replaced(before.gaps[old_to + at], after.gaps[new_to + at])
            pieces.append(Piece(PieceKind.SAME, before.words[old_to + at]))
        old_from, new_from = old_to + count, new_to + count
    return _joined(_slid(_joined(pieces)))


def shortened(pieces: Sequence[Piece], around: int = AROUND) -> tuple[Piece, ...]:
    """The pieces for display: of what is the same, only `around` words beside each change; () where nothing changed."""
    if all(piece.kind is PieceKind.SAME for piece in pieces):
        return ()
    last = len(pieces) - 1
    return tuple(
        Piece(piece.kind, _cut(piece.text, around * (at > 0), around * (at < last)))
        if piece.kind is PieceKind.SAME
        else piece
        for at, piece in enumerate(pieces)
    )


class _Words:
    """A text as words and what stands between them; `gaps` has one more, behind the last word."""

    def __init__(self, text: str) -> None:
        found: list[tuple[str, str]] = _TOKEN.findall(text)
        self.words = [word for _, word in found]
        self.gaps = [gap for gap, _ in found]
        self.gaps.append(text[sum(len(gap) + len(word) for gap, word in found) :])

    def text(self, start: int, end: int) -> str:
        """The words from `start` to `end` with the gaps around them."""
        parts = (gap + word for gap, word in zip(self.gaps[start:end], self.words[start:end], strict=True))
        return "".join(parts) + self.gaps[end]


def _replaced(old: str, new: str) -> tuple[Piece, ...]:
    """Two texts that took each other's place, without the spaces that both begin or end with."""
    if old == new:
        return (Piece(PieceKind.SAME, old),)
    start = _shared_spaces(old, new)
    end = _shared_spaces(old[start:][::-1], new[start:][::-1])
    return (
        Piece(PieceKind.SAME, old[:start]),
        Piece(PieceKind.REMOVED, old[start : len(old) - end]),
        Piece(PieceKind.ADDED, new[start : len(new) - end]),
        Piece(PieceKind.SAME, old[len(old) - end :]),
    )


def _shared_spaces(one: str, other: str) -> int:
    return sum(
        1 for _ in takewhile(lambda signs: signs[0] == signs[1] and signs[0].isspace(), zip(one, other, strict=False))
    )


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    filled = (piece for piece in pieces if piece.text)
    return tuple(
        Piece(kind, "".join(piece.text for piece in run)) for kind, run in groupby(filled, lambda piece: piece.kind)
    )


def _slid(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces with each sentence's own point: not "soir[. Il pleut]." but "soir.[ Il pleut.]"."""
    slid = list(pieces)
    for at in range(1, len(slid) - 1):
        before, piece, after = slid[at - 1 : at + 2]
        sign = piece.text[0]
        between_same = before.kind is after.kind is PieceKind.SAME
        if between_same and after.text.startswith(sign) and not (sign.isalnum() or sign.isspace()):
            slid[at - 1] = Piece(before.kind, before.text + sign)
            slid[at] = Piece(piece.kind, piece.text[1:] + sign)
            slid[at + 1] = Piece(after.kind, after.text[1:])
    return slid


def _cut(text: str, head: int, tail: int) -> str:
    """A text with its first and last words alone, where that leaves out more than it costs."""
    words = _WORDS.findall(text)
    if len(words) <= head + tail + 1:
        return text
    after = text[len(text.rstrip()) :]
    first, final = "".join(words[:head]), "".join(words[len(words) - tail :]) + after if tail else ""
    return f"{first}{' ' * (head > 0)}{ELLIPSIS}{final}"


def _runs(old: Sequence[str], new: Sequence[str]) -> list[_Run]:
    """The runs of words that both have, in their order; an empty one at the end."""
    found: list[_Run] = []
    regions: list[_Region] = [(0, len(old), 0, len(new))]
    budget = BUDGET
    while regions and budget > 0:
        region = regions.pop()
        start, end = _same_ends(old, new, region)
        a, b, c, d = region
        found += [(a, c, start), (b - end, d - end, end)]
        a, b, c, d = inner = (a + start, b - end, c + start, d - end)
        budget -= start + end + (b - a) + (d - c)
        if (b - a) * (d - c) > SMALL_CELLS:
            regions += _divided(old, new, inner)
        elif a < b and c < d:
            budget -= (b - a) * (d - c)
            blocks = SequenceMatcher(None, old[a:b], new[c:d], autojunk=False).get_matching_blocks()
            found += [(a + block.a, c + block.b, block.size) for block in blocks]
    whole = _without_islands(sorted(run for run in found if run[2]), len(old), len(new))
    return [*whole, (len(old), len(new), 0)]


def _same_ends(old: Sequence[str], new: Sequence[str], region: _Region) -> tuple[int, int]:
    """How many words are the same at the start of a region, and at the end of what remains."""
    a, b, c, d = region
    limit = min(b - a, d - c)
    start = next((at for at in range(limit) if old[a + at] != new[c + at]), limit)
    limit -= start
    return start, next((at for at in range(limit) if old[b - 1 - at] != new[d - 1 - at]), limit)


def _divided(old: Sequence[str], new: Sequence[str], region: _Region) -> list[_Region]:
    """The regions between words that stand once on both sides, in the same order; none where there is no such word."""
    a, b, c, d = region
    counts, places = Counter(old[a:b]), Counter(new[c:d])
    where = {word: at for at, word in enumerate(new[c:d], c) if places[word] == 1}
    anchors = _rising([(at, where[word]) for at, word in enumerate(old[a:b], a) if counts[word] == 1 and word in where])
    if not anchors:
        return []
    return [(i, k, j, m) for (i, j), (k, m) in pairwise([(a, c), *anchors, (b, d)])]


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest choice of pairs whose second numbers rise too (patience sorting)."""
    ends: list[int] = []  # of the choices of each length, the least last number
    last: list[int] = []  # which pair that is
    before: list[int] = []  # of each pair, the one it follows
    for at, (_, number) in enumerate(pairs):
        length = bisect_left(ends, number)
        ends[length : length + 1] = [number]
        last[length : length + 1] = [at]
        before.append(last[length - 1] if length else -1)
    chosen = []
    at = last[-1] if last else -1
    while at >= 0:
        chosen.append(pairs[at])
        at = before[at]
    return chosen[::-1]


def _without_islands(runs: Sequence[_Run], old_end: int, new_end: int) -> list[_Run]:
    """The runs but for those of a word or two between changes that are longer: as pieces they are noise."""
    kept: list[_Run] = [(0, 0, 0)]
    for (old, new, count), following in zip(runs, [*runs[1:], (old_end, new_end, 0)], strict=False):
        before = (old - kept[-1][0] - kept[-1][2]) + (new - kept[-1][1] - kept[-1][2])
        after = (following[0] - old - count) + (following[1] - new - count)
        if count > ISLAND_WORDS or min(before, after) <= 2 * count:
            kept.append((old, new, count))
    return kept[1:]
