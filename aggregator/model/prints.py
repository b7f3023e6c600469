"""The values of comparing: what of an item is held against other items, and the items it is held against."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from struct import pack, unpack

from msgspec import Struct

from aggregator.model.items import Item, Key, ParsedFeed, Same

COMPARED = timedelta(days=7)  # nothing is compared beyond it


def packed(numbers: Sequence[int]) -> bytes:
    """Numbers of up to 32 bits, each in four bytes, the smallest first: a tenth of what a tuple of them takes."""
    return pack(f"<{len(numbers)}I", *numbers)


def unpacked(numbers: bytes) -> tuple[int, ...]:
    """The numbers that were packed."""
    return unpack(f"<{len(numbers) // 4}I", numbers)


class Print(Struct, frozen=True):
    """An item's words, folded and separated by spaces; a name, a figure or a date has a leading "*".

    A run of three words has a number of 31 bits, the same whenever and wherever it is made. `grams` are about 30 of
    those of title and body, by which items with a run of words in common are found.
    """

    title: str
    body: str  # the first words of lead and text, without bylines and the like
    shingles: bytes  # of every run of the body, packed, in their order: two fewer than words
    grams: tuple[int, ...]
    media: str = ""  # the URLs of what is attached


class Near(Struct, frozen=True):
    """A stored item that has runs of words in common with another."""

    item: Key
    print: Print
    at: datetime  # published, or first seen where that is all there is
    published: datetime | None


class Digest(Struct, frozen=True):
    """What a body says: the feed without its entries, the items that are not as they were, and of each the words for
    the search index.
    """

    feed: ParsedFeed
    items: tuple[Item, ...]
    words: tuple[tuple[str, str], ...]
    prints: tuple[Print, ...]  # of each, for comparing it with others
    skipped: tuple[str, ...]  # why an entry could not be read
    unchanged: tuple[Same, ...] = ()
    seen: bytes = b""  # a mark for each entry of the document that was read
