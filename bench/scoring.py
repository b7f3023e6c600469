"""How well stories are told: takes which items tell the same news and which were put together, gives figures. Pure.

Both are given as labels of ids: two ids with the same label belong together. An id that was not told stands alone.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping

from msgspec import Struct

Labels = Mapping[str, Hashable]


class Score(Struct, frozen=True):
    """Shares are between 0 and 1, and 1 where there is nothing to find."""

    items: int
    precision: float  # of the pairs that were put together, how many belong together
    recall: float  # of the pairs that belong together, how many were put together
    b_precision: float  # B-cubed: for each item, how much of what stands with it belongs with it; the mean
    b_recall: float  # for each item, how much of what belongs with it stands with it; the mean
    hidden: float  # in 1,000 items, news that stand behind different news: a reader misses them
    shown: float  # of the copies that need not be shown, the share that still is

    @property
    def f1(self) -> float:
        """Of pairs."""
        return harmonic(self.precision, self.recall)

    @property
    def b_f1(self) -> float:
        """B-cubed."""
        return harmonic(self.b_precision, self.b_recall)


def harmonic(one: float, other: float) -> float:
    """The harmonic mean, 0 where both are 0."""
    return 2 * one * other / (one + other) if one + other else 0.0


def score(truth: Labels, told: Labels) -> Score:
    """Score the items of `truth`; what `told` has beyond them is left out."""
    placed = {item: _place(item, told) for item in truth}
    cells = Counter((truth[item], placed[item]) for item in truth)
    news, stories = Counter(truth.values()), Counter(placed.values())
    right = _pairs(cells.values())
    return Score(
        items=len(truth),
        precision=_share(right, _pairs(stories.values())),
        recall=_share(right, _pairs(news.values())),
        b_precision=_share(sum(size * size / stories[story] for (_, story), size in cells.items()), len(truth)),
        b_recall=_share(sum(size * size / news[each] for (each, _), size in cells.items()), len(truth)),
        hidden=1000 * (len(cells) - len(stories)) / max(1, len(truth)),
        # A cell is a piece of news as one story shows it: one for each piece of news is enough.
        shown=(len(cells) - len(news)) / max(1, len(truth) - len(news)),
    )


def score_apart(truth: Labels, told: Labels, kinds: Mapping[str, str]) -> dict[str, Score]:
    """The score among the items of each kind alone, by name of the kind."""
    return {
        kind: score({item: label for item, label in truth.items() if kinds[item] == kind}, told)
        for kind in sorted(set(kinds.values()))
    }


def joined(truth: Labels, told: Labels) -> dict[str, bool]:
    """Of each item that is not the first of its news, in the order of `truth`: does it stand with an earlier one?"""
    places: dict[Hashable, set[Hashable]] = {}
    found = {}
    for item, news in truth.items():
        place = _place(item, told)
        if news in places:
            found[item] = place in places[news]
        places.setdefault(news, set()).add(place)
    return found


def shares(marks: Mapping[str, bool], kinds: Mapping[str, str]) -> dict[str, tuple[float, int]]:
    """For each kind, the share of its items that are marked, and how many items it has."""
    counts = Counter(kinds[item] for item in marks)
    marked = Counter(kinds[item] for item, is_marked in marks.items() if is_marked)
    return {kind: (marked[kind] / counts[kind], counts[kind]) for kind in sorted(counts)}


def whole(truth: Labels, told: Labels) -> set[Hashable]:
    """The news of which all items stand in one story."""
    places: dict[Hashable, set[Hashable]] = {}
    for item, news in truth.items():
        places.setdefault(news, set()).add(_place(item, told))
    return {news for news, found in places.items() if len(found) == 1}


def mixed(truth: Labels, told: Labels) -> set[str]:
    """The items that stand with different news."""
    contents: dict[Hashable, set[Hashable]] = {}
    for item, news in truth.items():
        contents.setdefault(_place(item, told), set()).add(news)
    return {item for item in truth if len(contents[_place(item, told)]) > 1}


def _place(item: str, told: Labels) -> Hashable:
    return ("told", told[item]) if item in told else ("alone", item)


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


def _share(part: float, whole: int) -> float:
    return part / whole if whole else 1.0
