"""How alike two prints are: takes two prints and what is routine, gives a Comparison; never decides.

The texts are aligned word by word. Runs of words that both have are what they share; where two such runs stand apart in
both texts by a few words that differ, one thing stands in the place of another ("Gray" for "Vesoul", "12" for "14"):
that is how two issues of a series differ, and seldom two versions of one text.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence, Set
from functools import cached_property, lru_cache
from math import fsum

from msgspec import Struct
from rapidfuzz import fuzz
from rapidfuzz.distance import Indel

from aggregator.model import Print
from aggregator.model.prints import unpacked

_MARKED = re.compile(r"\*(\S+)")
_DIGIT = re.compile(r"\d")
_ACCENTS = "\u0301\u0300\u0302\u0308\u0327"  # of most words; asking what each letter is costs twice as much
WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
RUN_WORDS = 3  # shorter runs are alike by chance; in routine texts, where all else is the same, two words count
ROUTINE_RUN_WORDS = 2
GAP_WORDS = 8  # longer stretches between two runs are sentences of their own, not a word for a word
TITLE_GAP_WORDS = 4
ROUTINE_SHARE = 0.5  # of a text, beyond which it is an issue of a series
FAR = 0.3  # of the shorter text; see same_text.COPY, which is no smaller
LIKE = 80  # percent of letters, beyond which two words are spellings of one
LONG_WORD = 4
TELLING_WEIGHT = 12.0  # of a title: about two long words

# Words that tell the issues of a series apart though they are no figures and, in some languages, no names.
CALENDAR = frozenset(
    "lundi mardi mercredi jeudi vendredi samedi dimanche janvier fevrier mars avril mai juin juillet aout septembre"
    " octobre novembre decembre monday tuesday wednesday thursday friday saturday sunday january february march april"
    " may june july august october november december montag dienstag mittwoch donnerstag freitag samstag sonntag"
    " januar februar marz juni juli oktober dezember lunes martes miercoles jueves viernes sabado domingo enero febrero"
    " marzo abril mayo junio julio agosto septiembre noviembre diciembre".split()
)

Run = tuple[str, ...]
Swap = tuple[tuple[str, ...], tuple[str, ...]]


def folded(word: str) -> str:
    """A word without case and accents; figures keep their point ("153,4" → "153.4")."""
    if word.isascii():
        return word.lower().replace(",", ".")
    letters = unicodedata.normalize("NFKD", word).lower().replace("œ", "oe").replace("æ", "ae")
    for accent in _ACCENTS:
        letters = letters.replace(accent, "")
    if not letters.isascii():
        letters = "".join([sign for sign in letters if not unicodedata.combining(sign)])
    return letters.replace(",", ".")


fold = lru_cache(65_536)(folded)  # a newspaper's common words


def is_figure(word: str) -> bool:
    """Whether a digit stands in it."""
    return not word.isalpha() and _DIGIT.search(word) is not None


class Words:
    """The words of a print, ready to be compared with many; each view of them is made when it is first asked for."""

    def __init__(self, print_: Print) -> None:
        self.print = print_

    @cached_property
    def title(self) -> Run:
        """The words of the title."""
        return tuple(self.print.title.replace("*", "").split())

    @cached_property
    def body(self) -> Run:
        """The words of lead and text."""
        return tuple(self.print.body.replace("*", "").split())

    @cached_property
    def slots(self) -> frozenset[str]:
        """Names, figures and dates of title and body."""
        return frozenset(_MARKED.findall(f"{self.print.title} {self.print.body}"))

    @cached_property
    def body_slots(self) -> frozenset[str]:
        """Those that stand in the body."""
        return self.slots.intersection(self.body)

    @cached_property
    def all(self) -> frozenset[str]:
        """The words of title and body."""
        return frozenset(self.title + self.body)

    @cached_property
    def titled(self) -> frozenset[str]:
        """The words of the title, each once."""
        return frozenset(self.title)

    @cached_property
    def title_weight(self) -> float:
        """How much the title says."""
        return _weight_of(self.titled)

    @cached_property
    def shingles(self) -> frozenset[int]:
        """Every run of three words of the body, by its number."""
        return frozenset(unpacked(self.print.shingles))

    def shingles_of(self, at: int, size: int) -> tuple[int, ...]:
        """The shingles of the words of the body from a place on."""
        return unpacked(self.print.shingles[4 * at : 4 * max(at, at + size - 2)])

    @cached_property
    def _text(self) -> str:
        return f" {self.print.title} {self.print.body} ".replace("*", "")

    def lacks(self, words: Iterable[str]) -> frozenset[str]:
        """Those words that stand nowhere in the item, in no spelling."""
        return frozenset(word for word in words if word not in self.all and not self._has_spelling(word))

    def _has_spelling(self, word: str) -> bool:
        """Whether a word that starts alike is a spelling of it; looked for in the text, which costs less than an index
        of words that are seldom asked for.
        """
        if is_figure(word):
            return False
        start = f" {word[:2]}"
        at = self._text.find(start)
        while at >= 0:
            end = self._text.find(" ", at + 1)
            if _is_spelling(word, self._text[at + 1 : end]):
                return True
            at = self._text.find(start, end)
        return False


KEPT_WORDS = 512  # about 25 kB each; the newest items are what most are compared with
_kept: dict[int, Words] = {}


def words_of(print_: Print) -> Words:
    """The words of a print, kept for the next comparison. Looked up by identity: hashing two hundred numbers and
    comparing them takes as long as what is saved.
    """
    held = _kept.get(id(print_))
    if held is None or held.print is not print_:
        if len(_kept) >= KEPT_WORDS:
            for oldest in list(_kept)[: KEPT_WORDS // 4]:
                _kept.pop(oldest, None)
        held = _kept[id(print_)] = Words(print_)
    return held


def let_go() -> None:
    """Keep no words: nothing is compared for now. Frees some 15 MB."""
    _kept.clear()
    fold.cache_clear()
    _weight.cache_clear()


class Shares(Struct, frozen=True):
    """How much of the shorter body the longer one has too, in shingles."""

    fresh: float  # without routine
    fresh_shingles: int  # how many those are
    covered: float  # with routine
    routine: float  # of the more routine of both, the share that other news have too

    @property
    def is_routine(self) -> bool:
        """Whether one of both is mostly made of what other news have too."""
        return self.routine >= ROUTINE_SHARE


def are_far(one: Words, other: Words, both: Set[int], routine: Set[int]) -> bool:
    """Whether far too little of two bodies is the same for either to be routine or a part of the other, by what they
    share; `routine` is of the one. Says no where it cannot say: it is what most pairs need, at a tenth of the cost.
    """
    ours, theirs, shared = len(one.shingles), len(other.shingles), len(both)
    if len(routine) >= ROUTINE_SHARE * ours or shared >= ROUTINE_SHARE * theirs:
        return False
    return shared < FAR * min(ours - len(routine), theirs - shared)


def shares(one: Words, other: Words, routine: Set[int] = frozenset()) -> Shares:
    """The first look at two items: most that have a run of words in common share nothing else. About 5 µs."""
    ours, theirs = one.shingles, other.shingles
    both = ours & theirs
    shorter = min(len(ours), len(theirs))
    if not shorter:
        return Shares(0.0, 0, 0.0, 0.0)
    if not routine:
        return Shares(len(both) / shorter, len(both), len(both) / shorter, 0.0)
    our_routine, their_routine = len(ours & routine), len(theirs & routine)
    fresh, fresh_shorter = len(both - routine), min(len(ours) - our_routine, len(theirs) - their_routine)
    routine_share = max(our_routine / len(ours), their_routine / len(theirs))
    return Shares(fresh / fresh_shorter if fresh_shorter else 0.0, fresh, len(both) / shorter, routine_share)


class Comparison(Struct, frozen=True):
    """What two texts have in common and what speaks against their being one."""

    shares: Shares
    title: float  # of the shorter title, the share that the longer has too, by weight
    title_weight: float  # of the words that both titles have
    told: float  # the better told title: its share, by weight, that stands anywhere in the other item
    deeper_told: float  # of the title of the item where what they share starts later, the share that the other tells
    nearest: int  # words before the first run they share, where these are fewer
    farthest: int  # and in the other
    run: Run  # the longest run
    shared_slots: frozenset[str]  # names, figures and dates
    slots: int  # of the body that has more of them
    lone_slots: tuple[frozenset[str], frozenset[str]]  # of the stretch they share, those that the other item lacks
    untold: tuple[frozenset[str], frozenset[str]]  # words of each title that stand nowhere in the other item
    untold_slots: bool  # whether names, figures or dates are among those of both titles
    swaps: tuple[Swap, ...]  # one thing in the place of another, in the bodies
    slot_swaps: tuple[Swap, ...]  # those where names, figures or dates were swapped
    title_swaps: tuple[Swap, ...]  # the same in the titles

    @property
    def conflicts(self) -> int:
        """Names, figures and dates of each that the other lacks, counted on the side that has fewer."""
        return min(map(len, self.lone_slots))


def compare(one: Words, other: Words, routine: Set[int] = frozenset()) -> Comparison:
    """Hold two prints against each other. `routine` are shingles that other news have too. About 100 µs."""
    common = shares(one, other, routine)
    run_words = ROUTINE_RUN_WORDS if common.is_routine else RUN_WORDS
    runs = _runs(one.body, other.body, run_words)
    starts = _starts(one, other, runs, routine)
    swaps = tuple(swap for swap in _swaps(one.body, other.body, runs, GAP_WORDS) if not _is_acronym(swap))
    ours, theirs = _slots_between(one, runs, 0), _slots_between(other, runs, 1)
    told = [_told(one, other), _told(other, one)]
    untold = _untold(one, other), _untold(other, one)
    return Comparison(
        shares=common,
        title=title_likeness(one, other),
        title_weight=_weight_of(one.titled & other.titled),
        told=max((share for share in told if share is not None), default=1.0),
        deeper_told=_deeper(told, starts),
        nearest=min(starts),
        farthest=max(starts),
        run=_longest(one, runs),
        shared_slots=ours & theirs,
        slots=max(len(one.body_slots), len(other.body_slots)),
        lone_slots=(other.lacks(ours), one.lacks(theirs)),
        untold=untold,
        untold_slots=bool(untold[0] & one.slots and untold[1] & other.slots),
        swaps=swaps,
        slot_swaps=tuple(swap for swap in swaps if _swaps_slots(swap, one, other)),
        title_swaps=title_swaps(one, other),
    )


def title_likeness(one: Words, other: Words) -> float:
    """Of the shorter title, the share by weight that the longer has too."""
    both = one.titled & other.titled
    if not both:
        return 0.0
    shorter = min(one.title_weight, other.title_weight)
    return _weight_of(both) / shorter if shorter else 0.0


def title_swaps(one: Words, other: Words) -> tuple[Swap, ...]:
    """Names, figures and dates in the place of others, in the titles."""
    edges = [(0, 0, 0), *_runs(one.title, other.title, 1), (len(one.title), len(other.title), 0)]
    swaps = _swaps(one.title, other.title, edges, TITLE_GAP_WORDS)
    return tuple(swap for swap in swaps if _swaps_slots(swap, one, other))


def _runs(one: Run, other: Run, least: int) -> list[tuple[int, int, int]]:
    """(place in one, place in other, words) of the runs that both have, in their order."""
    if other < one:  # of alignments that are as good, the same whichever text comes first
        return [(at, other_at, size) for other_at, at, size in _runs(other, one, least)]
    return [
        (block.a, block.b, block.size)
        for block in Indel.opcodes(one, other).as_matching_blocks()
        if block.size >= least
    ]


def _starts(one: Words, other: Words, runs: list[tuple[int, int, int]], routine: Set[int]) -> tuple[int, int]:
    """Where the first run that is not routine starts in each."""
    for at, other_at, size in runs:
        if not routine or not routine >= set(one.shingles_of(at, size)):
            return at, other_at
    return runs[0][:2] if runs else (len(one.body), len(other.body))


def _deeper(told: Sequence[float | None], starts: tuple[int, int]) -> float:
    share = told[0] if starts[0] > starts[1] else told[1]
    return 1.0 if share is None else share


def _longest(one: Words, runs: list[tuple[int, int, int]]) -> Run:
    at, _, size = max(runs, key=lambda run: run[2], default=(0, 0, 0))
    return one.body[at : at + size]


def _swaps(one: Sequence[str], other: Sequence[str], runs: Iterable[tuple[int, int, int]], longest: int) -> list[Swap]:
    """What stands in the place of what, between two runs."""
    found: list[Swap] = []
    end, other_end = None, 0
    for at, other_at, size in runs:
        if end is not None:
            swap = tuple(one[end:at]), tuple(other[other_end:other_at])
            if all(swap) and max(map(len, swap)) <= longest and not _is_spelling(" ".join(swap[0]), " ".join(swap[1])):
                found.append(swap)
        end, other_end = at + size, other_at + size
    return found


def _swaps_slots(swap: Swap, one: Words, other: Words) -> bool:
    """Whether names, figures or dates were swapped that the other item does not have anywhere."""
    ours = other.lacks(one.slots.intersection(swap[0]))
    theirs = one.lacks(other.slots.intersection(swap[1]))
    return bool(ours and theirs) and not _is_acronym(swap)


def _slots_between(words: Words, runs: list[tuple[int, int, int]], side: int) -> frozenset[str]:
    """The names, figures and dates of the stretch from the first to the last run."""
    if not runs:
        return frozenset()
    first, last = runs[0], runs[-1]
    return words.slots.intersection(words.body[first[side] : last[side] + last[2]])


def _untold(one: Words, other: Words) -> frozenset[str]:
    return other.lacks(word for word in one.title if len(word) >= LONG_WORD or word in one.slots)


def _is_spelling(one: str, other: str) -> bool:
    return not (is_figure(one) or is_figure(other)) and fuzz.ratio(one, other, score_cutoff=LIKE) > 0


def _is_acronym(swap: Swap) -> bool:
    """Whether one side is made of the first letters of the other: "RN" and "Rassemblement national"."""
    short, long = sorted(swap, key=len)
    if len(short) != 1 or len(long) < 2:
        return False
    return short[0] in ("".join(word[0] for word in long), "".join(word[0] for word in long if len(word) >= LONG_WORD))


def _told(one: Words, other: Words) -> float | None:
    """The share of a title that stands anywhere in the other item; None where the title says too little."""
    if one.title_weight < TELLING_WEIGHT:
        return None
    return _weight_of(other.all.intersection(one.title)) / one.title_weight


def _weight_of(words: Iterable[str]) -> float:
    """How much words say: in every language the words that all texts have are short."""
    return fsum(map(_weight, words if isinstance(words, frozenset) else frozenset(words)))  # exact, in any order


@lru_cache(65_536)
def _weight(word: str) -> float:
    if is_figure(word):
        return 5.0
    return 0.3 if len(word) < LONG_WORD else 0.75 * min(len(word), 9)
