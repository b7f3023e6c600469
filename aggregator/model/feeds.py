"""The values of publishing: a feed of ours, before and after it is rendered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aggregator.model.items import Item, Origin
from aggregator.model.sources import Republish


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A story as a feed shows it."""

    id: str
    url: str  # our page of the story
    item: Item
    source: Origin  # the source it is taken from, never nothing
    published: datetime
    updated: datetime
    also: tuple[Origin, ...] = ()  # the other sources; `url` is the link of their item
    republish: Republish = Republish.LEAD


@dataclass(frozen=True, slots=True)
class CategoryFeed:
    """A feed of ours, ready to be rendered; the same stories give the same value."""

    slug: str
    id: str
    title: str
    subtitle: str
    language: str
    site: str  # our page that shows the same
    base: str  # "https://…/feeds/economie", without an extension
    updated: datetime  # newest of the entries, never the clock
    entries: tuple[FeedEntry, ...]  # newest first
    publisher: str  # our name
    category_scheme: str
    genre_scheme: str
    labels: Mapping[str, str] = field(default_factory=dict)  # category or genre slug → what people read


class Format(StrEnum):
    """The representations of a feed; the value is the extension of its URL."""

    ATOM = "atom"
    RSS = "rss"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Rendition:
    """A feed as bytes."""

    slug: str
    format: Format
    content_type: str
    body: bytes
    gzip: bytes
    etag: str  # strong, quoted, over `body`; that of the gzip form ends in -gz
    updated: datetime  # when the bytes last changed
