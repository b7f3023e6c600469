"""Makes prints: takes an item, gives the words that are held against other items; never compares.

What differs between two prints of one text is left out: bylines, "Publié le …", datelines and signatures of agencies,
"(Communiqué …)", the outlet's own name behind its titles. Names, figures and dates are marked: they tell the issues of
a series apart, in any language that writes names with capitals.
"""

import re
from collections.abc import Iterable
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

# Grams: of every run of WINDOW shingles the one with the smallest number, so that any ten words in common share one.
WINDOW = 8
DENSE_WORDS = 90  # further down only the smallest of all
SPARSE_GRAMS = 8
TITLE_GRAMS = 4
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
_AGENCY = r"(?:AFP|Reuters|REUTERS|AP|dpa|EFE|ANSA|ATS|Belga|APA|Keystone)"
_DATELINE = re.compile(rf"^\W*{_NAME}[\w\s-]{{0,30}}(?:,\s*\d{{1,2}}\.?\s\w{{3,10}})?\s*\({_AGENCY}\)\s*[-–—:]?")
_SIGNATURE = re.compile(rf"\((?:avec|with|mit|con)?\s*{_AGENCY}[^)]{{0,20}}\)|\b(?:avec|with|mit|con) {_AGENCY}\b")
_RELEASE = re.compile(r"\((?:Communiqué|CP|Press release|Pressemitteilung|Comunicado|Comunicato)[^)]{0,40}\)", re.I)
_SENTENCE_END = re.compile(r"[.!?:;«“„\"|•\n]")


def make_print(item: Item, names: Iterable[str] = ()) -> Print:
    """The print of an item; `names` are what its source calls itself. 0.2 ms for a lead, 0.7 for a long text."""
    title = _without_name(_marked(item.title[:500], TITLE_WORDS_LIMIT, shouted=_is_shouted(item.title)), names)
    body = _marked(_told(item), BODY_WORDS_LIMIT)
    media = " ".join(sorted(enclosure.url for enclosure in item.enclosures))
    return Print(" ".join(title), " ".join(body), _grams(bare(title), bare(body)), media[:MEDIA_CHARS_LIMIT])


def bare(words: Iterable[str]) -> tuple[str, ...]:
    """Words of a print without their marks."""
    return tuple(word.removeprefix("*") for word in words)


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
    for noise in (_SIGNATURE, _RELEASE):
        text = noise.sub(" ", text)
    return text


def _marked(text: str, limit: int, *, shouted: bool = False) -> list[str]:
    words: list[str] = []
    end = 0
    for match in islice(WORD.finditer(text), limit):
        before, (start, end) = end, match.span()
        written = text[start:end]
        word = fold(written)
        if word in CALENDAR or (not word.isalpha() and is_figure(word)):
            word = "*" + word
        elif written[0].isupper() and end - start > 1 and words and not shouted:
            word = word if _SENTENCE_END.search(text, before, start) else "*" + word
        words.append(word)
    return words


def _is_shouted(text: str) -> bool:
    letters = [sign for sign in text if sign.isalpha()]
    return sum(map(str.isupper, letters)) > SHOUTED * len(letters)


def _without_name(title: list[str], names: Iterable[str]) -> list[str]:
    for name in names:
        words = [fold(word) for word in WORD.findall(name)]
        if words and len(title) > len(words) + 1 and list(bare(title[-len(words) :])) == words:
            return title[: -len(words)]
    return title


def _grams(title: tuple[str, ...], body: tuple[str, ...]) -> tuple[int, ...]:
    hashes = _hashes(body)
    dense, sparse = hashes[:DENSE_WORDS], hashes[DENSE_WORDS:]
    found = {min(dense[at : at + WINDOW]) for at in range(max(1, len(dense) - WINDOW + 1))} if dense else set()
    found.update(sorted(sparse)[:SPARSE_GRAMS])
    found.update(sorted(_hashes(title))[:TITLE_GRAMS])
    return tuple(sorted(found))


def _hashes(words: tuple[str, ...]) -> list[int]:
    """Numbers of all runs of three words; the same in every process and at any time."""
    numbers = [_number(word) for word in words]
    return [
        (one * _FIRST ^ two * _SECOND ^ three * _THIRD) >> GRAM_SHIFT & GRAM_BITS
        for one, two, three in zip(numbers, numbers[1:], numbers[2:], strict=False)
    ]


@lru_cache(65_536)
def _number(word: str) -> int:
    return crc32(word.encode())
