"""The values of comparing: what of an item is held against other items, and the items it is held against."""

from dataclasses import dataclass
from datetime import datetime

from aggregator.model.items import Key


@dataclass(frozen=True, slots=True)
class Print:
    """An item's words, folded and separated by spaces; a name, a figure or a date has a leading "*".

    A run of three words has a number of 31 bits, the same whenever and wherever it is made. `grams` are about 30 of
    those of title and body, by which items with a run of words in common are found.
    """

    title: str
    body: str  # the first words of lead and text, without bylines and the like
    shingles: tuple[int, ...]  # of every run of the body, in their order: two fewer than words
    grams: tuple[int, ...]
    media: str = ""  # the URLs of what is attached


@dataclass(frozen=True, slots=True)
class Near:
    """A stored item that has runs of words in common with another."""

    item: Key
    print: Print
    at: datetime  # published, or first seen where that is all there is
    published: datetime | None
