"""How alike two texts are: takes items, gives shares between 0 and 1; never decides."""

import re
import unicodedata

from aggregator.model import Item

WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
NUMBER = re.compile(r"\d")
SHINGLE_WORDS = 3
WORDS_LIMIT = 2_000  # of a text; the rest tells nothing more


def words(text: str) -> tuple[str, ...]:
    """The words of a text in their order, case and accents folded, figures whole ("153,4" → "153.4")."""
    folded = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe").replace("æ", "ae"))
    plain = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return tuple(word.replace(",", ".") for word in WORD.findall(plain)[:WORDS_LIMIT])


def shingles(text: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    """Every run of three words; of a shorter text, the text itself."""
    last = max(1, len(text) - SHINGLE_WORDS + 1)
    return frozenset(text[at : at + SHINGLE_WORDS] for at in range(last)) if text else frozenset()


def containment(one: Item, other: Item) -> float:
    """The share of the shorter text's shingles that the longer one has too; 0 where one has no text."""
    first, second = shingles(words(one.text or one.lead)), shingles(words(other.text or other.lead))
    shorter = min(len(first), len(second))
    return len(first & second) / shorter if shorter else 0.0


def title_likeness(one: Item, other: Item) -> float:
    """The share of the shorter title's words that the longer one has too; 0 where one has no title."""
    first, second = frozenset(words(one.title)), frozenset(words(other.title))
    shorter = min(len(first), len(second))
    return len(first & second) / shorter if shorter else 0.0


def figures(text: tuple[str, ...]) -> frozenset[str]:
    """The words with a digit."""
    return frozenset(word for word in text if NUMBER.search(word))
