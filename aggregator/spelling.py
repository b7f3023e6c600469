"""Words as people spell them: takes a word that finds nothing and words that find something, says which one is meant.

Never reads the store. Two spellings that differ in accents, ligatures or capitals alone are one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from aggregator.words import WORD, folded, parts, unaccented

SHORTEST, LONGEST = 4, 40  # letters: shorter words have too many neighbours, longer ones are none
LONG = 8  # letters, from which on two mistakes are one too few to give up


def spelling(word: str) -> str:
    """What a word has in common with its other spellings."""
    return unaccented(folded(word))


def spellings(*texts: str) -> frozenset[str]:
    """The words of texts that another one could be mistaken for."""
    return frozenset(word for text in texts for word in WORD.findall(spelling(text)) if mistakes(word))


def mistakes(word: str) -> int:
    """How many mistakes a spelling may have: letters that are wrong, missing, too many, or two that changed places."""
    if not (SHORTEST <= len(word) <= LONGEST and word.isalpha()):
        return 0
    return 1 if len(word) < LONG else 2


def ends(word: str) -> tuple[str, str]:
    """What a word begins with and what it ends with, one of which the word that is meant has too: of one mistake, even
    of two letters in the middle that changed places, either is free. Of two mistakes most are.
    """
    if mistakes(word) < 2:
        half = len(word) // 2
        return word[:half], word[half + 1 :]
    third = len(word) // 3
    return word[:third], word[-third:]


def nearest(word: str, known: Mapping[str, int]) -> list[str]:
    """The known words that may be meant, the nearest first, of these the most frequent; `known` says how frequent."""
    from rapidfuzz import process  # noqa: PLC0415 - it takes 10 ms, which who never searches need not wait
    from rapidfuzz.distance import OSA  # noqa: PLC0415

    found = process.extract(word, known.keys(), scorer=OSA.distance, score_cutoff=mistakes(word), limit=None)
    return [each for each, *_ in sorted(found, key=lambda one: (one[1], -known[one[0]], one[0]))]


def as_written(word: str, texts: Iterable[str]) -> str:
    """How a word is mostly written in texts; as it is where it does not stand there."""
    written = Counter(each for text in texts for each in WORD.findall(text) if spelling(each) == word)
    return min(written, key=lambda each: (each.isupper(), -written[each], each), default=word)


def wanted_words(query: str) -> Iterator[str]:
    """The words of a query that must be found."""
    for part, is_unwanted in parts(query):
        if not is_unwanted:
            yield from WORD.findall(part)


def replaced(query: str, instead: Mapping[str, str]) -> str:
    """A query with other words in the place of some, by their spelling."""

    def choose(match: re.Match[str]) -> str:
        return instead.get(spelling(match[0]), match[0])

    return WORD.sub(choose, query)
