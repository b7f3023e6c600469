"""Words for the full-text index: takes text or a query, gives them folded and without endings; never touches SQL rows.

FTS5 has no stemmer for French, so the index holds stems, made the same way from items and from queries: "l'été"
finds "été", "oeuvre" finds "œuvre", "chevaux" finds "cheval" as far as Snowball goes. What is searched by is a term: a
stem without accents.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from string import ascii_lowercase, digits

import Stemmer
from msgspec import Struct

from aggregator.model import Item

STEMMERS = {
    "ca": "catalan", "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "sv": "swedish",
}  # fmt: skip
KEEP_INITIALS = frozenset(STEMMERS) - {"nl"}  # languages whose stems begin as their words do
LIGATURES = (  # and "İ" in small letters, whose dot would part a word
    ("i\u0307", "i"),
    ("œ", "oe"), ("æ", "ae"), ("ß", "ss"), ("ﬁ", "fi"), ("ﬂ", "fl"),
)  # fmt: skip
WORD = re.compile(r"[^\W_]+")
ELIDED = frozenset("cdjlmnst") | {"qu", "jusqu", "lorsqu", "puisqu", "quoiqu"}  # before an apostrophe, and noise alone
STEMS_LIMIT = 32_768  # kept, of each language: a newspaper's common words, and 5 MB
QUERY_PART = re.compile(r'(-?)"([^"]*)"|(-?)(\S+)')
QUERY_WORDS_LIMIT = 30
QUOTES = re.compile("[“”„«»]")
ACCENTS = re.compile("[\u0300-\u036f]")

Phrase = tuple[str, ...]
"""Terms that stand together; mostly one alone."""


class Sought(Struct, frozen=True):
    """What a query asks for, in terms."""

    wanted: tuple[Phrase, ...] = ()  # all of them
    unwanted: tuple[Phrase, ...] = ()  # none of them


class _Kept(dict[str, str]):
    """What a function makes of words, kept: a quarter of the cost of lru_cache, over hundreds of words an item."""

    def __init__(self, function: Callable[[str], str]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, word: str) -> str:
        if len(self) >= STEMS_LIMIT:
            self.clear()
        made = self[word] = self._function(word)
        return made


def _stemmer(language: str) -> Callable[[str], str]:
    """Without the cache of Snowball, which sorts itself out in Python: that costs more than stemming does."""
    name = STEMMERS.get(language.partition("-")[0].lower())
    return str if name is None else Stemmer.Stemmer(name, 0).stemWord


@lru_cache(maxsize=16)
def _stems(language: str) -> _Kept:
    return _Kept(_stemmer(language))


@lru_cache(maxsize=16)
def _terms(language: str) -> _Kept:
    stem = _stemmer(language)
    return _Kept(lambda word: unaccented(stem(word)))


def stems(text: str, language: str) -> str:
    """The words of a text, folded and stemmed, in their order, separated by spaces. About 200 µs for 300 words."""
    kept = _stems(language)
    return " ".join([kept[word] for word in WORD.findall(folded(text)) if word not in ELIDED])


def terms(text: str, language: str) -> str:
    """The same as terms."""
    kept = _terms(language)
    return " ".join([kept[word] for word in WORD.findall(folded(text)) if word not in ELIDED])


def placed_terms(text: str, language: str, sought: Collection[Phrase] = ()) -> Iterator[tuple[int, int, str]]:
    """Where each word of a text begins and ends, and its term; "" where none of the sought phrases can have it. Where
    all of these are of one term, such words may be left out: neighbours do not matter then.
    """
    kept, small = _terms(language), text.lower()
    keeps = language.partition("-")[0].lower() in KEEP_INITIALS
    initials = frozenset(each[0] for phrase in sought for each in phrase) if keeps else frozenset()
    is_small = len(small) == len(text)  # "İ" is two characters in small letters
    is_apart = initials and is_small and all(len(phrase) == 1 for phrase in sought)
    pattern = _words_from(initials) if is_apart else WORD
    for match in pattern.finditer(small if is_small else text):
        word = match[0] if is_small and match[0].isascii() else folded(match[0])
        if word in ELIDED:
            continue
        if initials and word[0].isascii() and word[0] not in initials:
            yield match.start(), match.end(), ""
        else:
            yield match.start(), match.end(), kept[word]


@lru_cache(maxsize=64)
def _words_from(initials: frozenset[str]) -> re.Pattern[str]:
    """Words in small letters but those that begin with an ASCII character other than these: a third of the time."""
    others = "".join(sorted(frozenset(ascii_lowercase + digits) - initials))
    return re.compile(rf"(?<![^\W_])[^\W_{others}][^\W_]*")


def folded(text: str) -> str:
    """A text in small letters, without ligatures."""
    text = text.lower()
    for ligature, letters in LIGATURES:  # str.translate takes ten times as long
        text = text.replace(ligature, letters)
    return text


def unaccented(text: str) -> str:
    """A text without the marks on letters, as FTS5 would take them off."""
    return text if text.isascii() else unicodedata.normalize("NFC", ACCENTS.sub("", unicodedata.normalize("NFD", text)))


def index(item: Item) -> tuple[str, str]:
    """What the index holds of an item: title and text."""
    text = item.text if item.lead in item.text else f"{item.lead}\n{item.text}"
    return terms(item.title, item.language), terms(text, item.language)


def parts(query: str) -> list[tuple[str, bool]]:
    """The words and phrases of a query, and whether each is to be left out."""
    found = QUERY_PART.findall(QUOTES.sub('"', query))[:QUERY_WORDS_LIMIT]
    return [(phrase or word, bool(not_phrase or not_word)) for not_phrase, phrase, not_word, word in found]


def read(query: str, language: str) -> Sought:
    """What a person asks for: all words must be there; "several words" in quotes stand together; a leading - excludes.

    Every other sign is a separator, so no input is an error.
    """
    wanted: dict[Phrase, None] = {}
    unwanted: dict[Phrase, None] = {}
    for part, is_unwanted in parts(query):
        found = tuple(terms(part, language).split())
        if found:
            (unwanted if is_unwanted else wanted)[found] = None
    return Sought(tuple(wanted), tuple(unwanted))
