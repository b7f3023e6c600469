"""The values of publishing: a feed of ours, before and after it is rendered."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field

from aggregator.model.items import Item, Key, Origin
from aggregator.model.search import NO_QUESTION, Question
from aggregator.model.sources import Republish
from aggregator.model.stories import Tombstone

ALL = "all"  # the slug of the feed of everything; its page is the front page
DEPARTEMENT, SOURCE = "dep/", "source/"  # what the slugs of such feeds begin with
PAGE_ENTRIES = 50  # of a closed page of the log; never change it: what was linked must stay as it was


class Picture(StrEnum):
    """Where the picture of an entry stands."""

    INLINE = "inline"  # in the text, and as enclosure and Media RSS
    ENCLOSURE = "enclosure"  # as enclosure and Media RSS only
    NONE = "none"


class Content(StrEnum):
    """How much of an entry a feed gives."""

    FULL = "full"  # the whole text where its source allows it, else the lead
    SUMMARY = "summary"  # the lead
    TEXT = "text"  # the lead without any markup


class Options(Struct, frozen=True):
    """How a feed was asked for; the defaults are the feed as it is announced.

    `limit` is from 1 to the length of a feed as the settings have it, and never more than PAGE_ENTRIES: who parses an
    address refuses or cuts what is outside. One that equals that length is still written, as it leaves the archive out.
    """

    img: Picture = Picture.INLINE
    content: Content = Content.FULL
    limit: int = 0  # entries; 0: as many as the settings say
    credit: bool = False  # the name of the source before each title

    @property
    def query(self) -> str:
        """The options in an address: one way to write each set of them, "" for the defaults."""
        parts = {
            "content": self.content if self.content is not Content.FULL else "",
            "credit": "prefix" if self.credit else "",
            "img": self.img if self.img is not Picture.INLINE else "",
            "limit": str(self.limit) if self.limit else "",
        }
        return "&".join(f"{name}={value}" for name, value in parts.items() if value)


AS_ANNOUNCED = Options()


class FeedEntry(Struct, frozen=True):
    """A story as a feed shows it."""

    id: str
    url: str  # our page of the story
    item: Item
    source: Origin  # the source it is taken from, never nothing
    published: datetime
    updated: datetime
    also: tuple[Origin, ...] = ()  # the other sources; `url` is the link of their item
    republish: Republish = Republish.LEAD
    keys: tuple[Key, ...] = ()  # of the item that the id is of, then of those that `also` names


class CategoryFeed(Struct, frozen=True):
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
    departement_scheme: str
    labels: Mapping[str, str] = field(default_factory=dict)  # slug of a category, département or genre → its name
    options: Options = AS_ANNOUNCED
    page: int = 0  # the closed page of the log that it shows; 0: the head
    pages: int = 0  # closed pages that the log has
    removed: tuple[Tombstone, ...] = ()  # entries that were retracted lately, the last first
    hub: str = ""  # where changes are pushed from, "" nowhere
    question: Question = NO_QUESTION  # what was searched for, in the feed of a search


class Format(StrEnum):
    """The representations of a feed; the value is the extension of its URL."""

    ATOM = "atom"
    RSS = "rss"
    JSON = "json"


class Rendition(Struct, frozen=True):
    """A feed as bytes."""

    slug: str
    format: Format
    content_type: str
    body: bytes  # as it is; `publish.encodings.encode` makes the compressed forms
    etag: str  # strong, quoted, over `body`, or of a delta over the whole feed; see `publish.render_delta`
    updated: datetime  # when the bytes last changed
    entries: tuple[bytes, ...] = ()  # for each entry of the feed, what tells its form here from every other
