"""Makes prints: takes an item, gives the words that are held against other items; never compares.

What differs between two prints of one text is left out: bylines, "Publié le …", datelines and signatures of agencies,
"(Communiqué …)", the outlet's own name behind its titles. Names, figures and dates are marked: they tell the issues of
a series apart, in any language that writes names with capitals.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from zlib import crc32

from aggregator.model import Item, Print
from aggregator.stories.similarity import CALENDAR, WORD, fold, is_figure

BODY_WORDS_LIMIT = 200  # a text that is the same is so near its top
TITLE_WORDS_LIMIT = 40
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
_AGENCIES = "AFP", "Reuters", "REUTERS", "AP", "dpa", "EFE", "ANSA", "ATS", "Belga", "APA", "Keystone"
_AGENCY = rf"(?:{'|'.join(_AGENCIES)})"
_DATELINE = re.compile(rf"^\W*{_NAME}[\w\s-]{{0,30}}(?:,\s*\d{{1,2}}\.?\s\w{{3,10}})?\s*\({_AGENCY}\)\s*[-–—:]?")
_SIGNATURE = re.compile(rf"\((?:avec|with|mit|con)?\s*{_AGENCY}[^)]{{0,20}}\)|\b(?:avec|with|mit|con) {_AGENCY}\b")
_RELEASE = re.compile(r"\((?:Communiqué|CP|Press release|Pressemitteilung|Comunicado|Comunicato)[^)]{0,40}\)", re.I)
_PIECE = re.compile(rf"([\W_]*)({WORD.pattern})")  # what stands before a word, and the word
_SENTENCE_END = re.compile(r"[.!?:;«“„\"|•\n]")


def make_print(item: Item, names: Iterable[str] = ()) -> Print:
    """The print of an item; `names` are what its source calls itself. 0.1 ms for a lead, 0.5 for a long text."""
    title = _without_name(_marked(item.title[:500], TITLE_WORDS_LIMIT, shouted=_is_shouted(item.title)), names)
    body = _marked(_told(item), BODY_WORDS_LIMIT)
    shingles = shingles_of(body)
    media = " ".join(sorted(enclosure.url for enclosure in item.enclosures))
    return Print(
        " ".join(title), " ".join(body), shingles, _grams(shingles_of(title), shingles), media[:MEDIA_CHARS_LIMIT]
    )


def quoted(item: Item, run: tuple[str, ...]) -> str:
    """A run of a print's words as the item spells it; "" where its text does not hold it in one piece."""
    if not run:
        return ""
    text = _told(item)
    spans = [(match.start(), match.end(), fold(match[0])) for match in WORD.finditer(text)]
    for at in range(len(spans) - len(run) + 1):
        if all(spans[at + step][2] == word for step, word in enumerate(run)):
            return " ".join(text[spans[at][0] : spans[at + len(run) - 1][1]].split())
    return ""


def _told(item: Item) -> str:
    text = item.text if item.lead in item.text else f"{item.lead}\n{item.text}"
    text = text[:BODY_CHARS_LIMIT]
    top, rest = text[:TOP_CHARS], text[TOP_CHARS:]
    for noise in (_DATELINE, _STAMP, _BYLINE):
        top = noise.sub(" ", top)
    text = top + rest
    if any(map(text.__contains__, _AGENCIES)):  # a pattern that begins with an alternative is slow
        text = _SIGNATURE.sub(" ", text)
    return _RELEASE.sub(" ", text)


def _marked(text: str, limit: int, *, shouted: bool = False) -> list[str]:
    words: list[str] = []
    for match in islice(_PIECE.finditer(text), limit):
        before, written = match.groups()
        word, is_slot, is_capital = _seen(written)
        if is_capital and not is_slot and words and not shouted:
            is_slot = _SENTENCE_END.search(before) is None
        words.append("*" + word if is_slot else word)
    return words


@lru_cache(65_536)
def _seen(written: str) -> tuple[str, bool, bool]:
    """A word folded, whether it is a figure or a date, and whether it starts with a capital."""
    word = fold(written)
    return word, word in CALENDAR or is_figure(word), len(written) > 1 and written[0].isupper()


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
    found = {min(dense[at : at + WINDOW]) for at in range(max(1, len(dense) - WINDOW + 1))} if dense else set()
    found.update(sorted(sparse)[:SPARSE_GRAMS])
    found.update(sorted(title)[:TITLE_GRAMS])
    return tuple(sorted(found))


def shingles_of(words: Sequence[str]) -> tuple[int, ...]:
    """Numbers of all runs of three words; the same in every process and at any time."""
    if len(words) < 3:
        return ()
    one, two, three = zip(*map(_factors, words), strict=True)
    runs = zip(one, two[1:], three[2:], strict=False)
    return tuple([first ^ second ^ third for first, second, third in runs])


@lru_cache(65_536)
def _factors(word: str) -> tuple[int, int, int]:
    """What a word gives to the number of a run in which it is the first, the second and the third."""
    number = crc32(_bare(word).encode())
    first, second, third = (number * factor >> GRAM_SHIFT & GRAM_BITS for factor in (_FIRST, _SECOND, _THIRD))
    return first, second, third


def _bare(word: str) -> str:
    return word.removeprefix("*")
