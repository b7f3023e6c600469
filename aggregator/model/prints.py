"""The values of comparing: what of an item is held against other items, and the items it is held against."""

from dataclasses import dataclass
from datetime import datetime

from aggregator.model.items import Key


@dataclass(frozen=True, slots=True)
class Print:
    """An item's words, folded and separated by spaces; a name, a figure or a date has a leading "*".

    `grams` are numbers by which items with a run of words in common are found: 31 bits each, about 30 of them.
    """

    title: str
    body: str  # the first words of lead and text, without bylines and the like
    grams: tuple[int, ...]
    media: str = ""  # the URLs of what is attached


@dataclass(frozen=True, slots=True)
class Near:
    """A stored item that has runs of words in common with another."""

    item: Key
    print: Print
    at: datetime  # published, or first seen where that is all there is
    published: datetime | None
