"""Makes prints: takes an item, gives the words that are held against other items; never compares.

What differs between two prints of one text is left out: bylines, "Publié le …", datelines and signatures of agencies,
"(Communiqué …)", the outlet's own name behind its titles. Names, figures and dates are marked: they tell the issues of
a series apart, in any language that writes names with capitals.
"""

import re
from collections.abc import Iterable, Sequence
from operator import xor
from zlib import crc32

from aggregator.model import Item, Print
from aggregator.model.prints import packed
from aggregator.stories.similarity import CALENDAR, WORD, fold, folded, is_figure

BODY_WORDS_LIMIT = 200  # a text that is the same is so near its top
TITLE_WORDS_LIMIT = 40
LETTERS_LIMIT = 9  # of a word with what stands before it; most texts have fewer
WORDS_KEPT = 32_768  # of each cache: a newspaper's common words, and 5 MB
BODY_CHARS_LIMIT = 2_400  # before anything is taken out of it
TOP_CHARS = 600  # where bylines and dates stand
MEDIA_CHARS_LIMIT = 1_000
SHOUTED = 0.6  # of a title's letters: written in capitals, so capitals tell nothing

# Grams: of every run of WINDOW shingles the one with the smallest number, so that any fourteen words in common
# share one. Twice as many find no more copies, and cost twice as much to write and to look up.
WINDOW = 12
DENSE_WORDS = 90  # further down only the smallest of all
SPARSE_GRAMS = 4
TITLE_GRAMS = 3
GRAM_BITS = 0x7FFFFFFF
GRAM_SHIFT = 16  # the middle bits of a product depend on all of its factors
_FIRST, _SECOND, _THIRD = 0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35  # odd, and different: the order of words counts

_NAME = r"[A-ZÀ-ÖØ-Þ][\w’'-]+"
_BYLINE = re.compile(rf"\b(?:Par|PAR|By|BY|Von|VON|Por|POR|Di|DI)\s+{_NAME}(?:[\s.]+{_NAME}){{1,2}}[\s.,:–—-]")
_STAMP = re.compile(
    r"\b(?:Publié|Mis à jour|Mise à jour|Modifié|Actualisé|Published|Updated|Posted|Veröffentlicht|Aktualisiert"
    r"|Publicado|Actualizado|Pubblicato|Aggiornato)e?\s+(?:(?:le|on|am|el|il)\s+)?\d[\d/.-]*(?:\s+\w+\s+\d{4})?"
    r"(?:\s*(?:à|at|um|a las|alle|-|,)?\s*\d{1,2}\s?[h:]\s?\d{0,2})?\.?",
    re.IGNORECASE,
)
# One of these stands in every stamp, or a letter that is like one of theirs to an expression that ignores case.
_STAMPED = (
    *"publi jour modifi actuali updated posted veröffentlicht aktualisiert pubblicato aggiornato".split(),
    *"\u017f\u0131\u0307",
)
_AGENCIES = "AFP", "Reuters", "REUTERS", "AP", "dpa", "EFE", "ANSA", "ATS", "Belga", "APA", "Keystone"
_AGENCY = rf"(?:{'|'.join(_AGENCIES)})"
_DATELINE = re.compile(rf"^\W*{_NAME}[\w\s-]{{0,30}}(?:,\s*\d{{1,2}}\.?\s\w{{3,10}})?\s*\({_AGENCY}\)\s*[-–—:]?")
_SIGNATURE = re.compile(rf"\((?:avec|with|mit|con)?\s*{_AGENCY}[^)]{{0,20}}\)|\b(?:avec|with|mit|con) {_AGENCY}\b")
_RELEASE = re.compile(r"\((?:Communiqué|CP|Press release|Pressemitteilung|Comunicado|Comunicato)[^)]{0,40}\)", re.I)
_PIECE = re.compile(rf"([\W_]*)({WORD.pattern})")  # what stands before a word, and the word
_PLAIN_PIECE = re.compile(r"(\W*)(\w+(?:[.,]\d+)*)")  # the same where there is no underscore, in two thirds of the time
_SENTENCE_END = re.compile(r"[.!?:;«“„\"|•\n]")


def make_print(item: Item, names: Iterable[str] = ()) -> Print:
    """The print of an item; `names` are what its source calls itself. 0.1 ms for a lead, 0.5 for a long text."""
    title = _without_name(_marked(item.title[:500], TITLE_WORDS_LIMIT, shouted=_is_shouted(item.title)), names)
    body = _marked(told(item), BODY_WORDS_LIMIT)
    shingles = shingles_of(body)
    grams = _grams(shingles_of(title), shingles)
    media = " ".join(sorted(enclosure.url for enclosure in item.enclosures))
    return Print(" ".join(title), " ".join(body), packed(shingles), grams, media[:MEDIA_CHARS_LIMIT])


def told(item: Item) -> str:
    """What of its text is compared: lead and text, without what differs between two prints of one."""
    text = item.text if item.lead in item.text else f"{item.lead}\n{item.text}"
    text = text[:BODY_CHARS_LIMIT]
    top, rest = text[:TOP_CHARS], text[TOP_CHARS:]
    top = _DATELINE.sub(" ", top)
    if any(map(top.lower().__contains__, _STAMPED)):
        top = _STAMP.sub(" ", top)
    top = _BYLINE.sub(" ", top)
    text = top + rest
    if any(map(text.__contains__, _AGENCIES)):  # a pattern that begins with an alternative is slow
        text = _SIGNATURE.sub(" ", text)
    return _RELEASE.sub(" ", text)


def _marked(text: str, limit: int, *, shouted: bool = False) -> list[str]:
    words: list[str] = []
    for before, written in _pieces(text, limit):
        word, is_capital = _SEEN[written]
        if is_capital and words and not shouted and (before == " " or _SENTENCE_END.search(before) is None):
            word = "*" + word
        words.append(word)
    return words


def _pieces(text: str, limit: int) -> list[tuple[str, str]]:
    """The first words of a text, each with what stands before it; a text is read to its end only if it must be."""
    pieces = _PIECE if "_" in text else _PLAIN_PIECE
    found: list[tuple[str, str]] = pieces.findall(_to_last_letter(text[: LETTERS_LIMIT * limit]))
    if len(found) <= limit and len(text) > LETTERS_LIMIT * limit:  # the last one may be cut
        found = pieces.findall(_to_last_letter(text))
    return found[:limit]


def _to_last_letter(text: str) -> str:
    """A text without the signs at its end: looking for a word behind them would cost the square of their number."""
    end = len(text)
    while end and not text[end - 1].isalnum():
        end -= 1
    return text[:end]


class _Seen(dict[str, tuple[str, bool]]):
    """Words folded, figures and dates marked, and whether another one may be a name: it starts with a capital. A cache
    that costs a quarter of lru_cache, over two hundred words an item.
    """

    def __missing__(self, written: str) -> tuple[str, bool]:
        word = folded(written)
        is_slot = word in CALENDAR or is_figure(word)
        if len(self) >= WORDS_KEPT:
            self.clear()
        seen = self[written] = (
            "*" + word if is_slot else word,
            not is_slot and len(written) > 1 and written[0].isupper(),
        )
        return seen


_SEEN = _Seen()


def _is_shouted(text: str) -> bool:
    letters = [sign for sign in text if sign.isalpha()]
    return sum(map(str.isupper, letters)) > SHOUTED * len(letters)


def _without_name(title: list[str], names: Iterable[str]) -> list[str]:
    for name in names:
        words = [fold(word) for word in WORD.findall(name)]
        if words and len(title) > len(words) + 1 and [*map(_bare, title[-len(words) :])] == words:
            return title[: -len(words)]
    return title


def _grams(title: tuple[int, ...], body: tuple[int, ...]) -> tuple[int, ...]:
    dense, sparse = body[:DENSE_WORDS], body[DENSE_WORDS:]
    found = _least(dense)
    found.update(sorted(sparse)[:SPARSE_GRAMS])
    found.update(sorted(title)[:TITLE_GRAMS])
    return tuple(sorted(found))


def _least(numbers: tuple[int, ...]) -> set[int]:
    """The smallest number of each run of WINDOW; the run is looked at anew only when its smallest has left it."""
    if not numbers:
        return set()
    least = min(numbers[:WINDOW])
    found, last = {least}, numbers.index(least)
    for at in range(WINDOW, len(numbers)):
        if numbers[at] <= least:
            least, last = numbers[at], at
            found.add(least)
        elif last <= at - WINDOW:
            run = numbers[at - WINDOW + 1 : at + 1]
            least = min(run)
            last = at - WINDOW + 1 + run.index(least)
            found.add(least)
    return found


def shingles_of(words: Sequence[str]) -> tuple[int, ...]:
    """Numbers of all runs of three words; the same in every process and at any time."""
    if len(words) < 3:
        return ()
    one, two, three = zip(*map(_FACTORS.__getitem__, words), strict=True)
    return tuple(map(xor, map(xor, one, two[1:]), three[2:]))


class _Factors(dict[str, tuple[int, int, int]]):
    """What a word gives to the number of a run in which it is the first, the second and the third."""

    def __missing__(self, word: str) -> tuple[int, int, int]:
        number = crc32(_bare(word).encode())
        if len(self) >= WORDS_KEPT:
            self.clear()
        factors = self[word] = (
            number * _FIRST >> GRAM_SHIFT & GRAM_BITS,
            number * _SECOND >> GRAM_SHIFT & GRAM_BITS,
            number * _THIRD >> GRAM_SHIFT & GRAM_BITS,
        )
        return factors


_FACTORS = _Factors()


def _bare(word: str) -> str:
    return word.removeprefix("*")
