"""Whether we have it already: takes the items of a feed that is looked at, says of each which item of another source is
the same: by its link, its guid or its text. Reads the store, changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from aggregator import stories
from aggregator.model import NO_CORRECTION, Category, Item, Print, Stored
from aggregator.opml import bare_address
from aggregator.rules import Judge
from aggregator.store import Store
from aggregator.stories import Subject

GUID_LEAST = 16  # characters of a guid that two sources do not share by chance


class How(StrEnum):
    """What two items have in common."""

    LINK = "link"
    GUID = "guid"
    TEXT = "text"


class Same(Struct, frozen=True):
    """An item of ours that is the same."""

    how: How
    source: str
    title: str
    story_id: int


class Seen(Struct, frozen=True):
    """An item of a feed that is looked at, as it would be told."""

    item: Item
    categories: tuple[Category, ...]
    is_blocked: bool  # by a rule
    same: Same | None


def look(store: Store, items: Sequence[Item], prints: Sequence[Print], url: str, now: datetime) -> tuple[Seen, ...]:
    """Each item as the rules would have it, and the one that we have. A few ms each."""
    judge, own = Judge(store.rulebook().rules), bare_address(url)
    return tuple(_seen(store, judge, item, print_, own, now) for item, print_ in zip(items, prints, strict=True))


def _seen(store: Store, judge: Judge, item: Item, print_: Print, own: str, now: datetime) -> Seen:
    standing = judge.standing(item, NO_CORRECTION)
    return Seen(item, standing.categories, standing.is_blocked, _same(store, item, print_, own, now))


def _same(store: Store, item: Item, print_: Print, own: str, now: datetime) -> Same | None:
    for how, text in ((How.LINK, item.canonical), (How.LINK, item.link), (How.GUID, item.guid)):
        if text and (how is How.LINK or len(text) >= GUID_LEAST):
            for stored in store.find(text):
                if bare_address(stored.item.source) != own:
                    return _as(how, stored)
    near = [each for each in store.near(item.key, print_) if bare_address(each.item[0]) != own]
    at = item.published.at or now
    links = stories.same_texts(stories.look(Subject(item.key, print_, at, item.published.at), near))
    found = store.keyed(links[0].other) if links else None
    return _as(How.TEXT, found) if found else None


def _as(how: How, stored: Stored) -> Same:
    return Same(how, stored.item.source, stored.item.title, stored.story_id)
