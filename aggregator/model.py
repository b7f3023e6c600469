"""The values that flow from stage to stage.

All are frozen. All times are aware and in UTC. Text is plain text unless a field says HTML. Sequences are tuples
in the order of the document they were read from, unless a comment says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from aggregator.errors import ErrorClass

Key = tuple[str, str]
"""Our key of an item: the URL of its source, and its guid within that source."""


class SourceKind(StrEnum):
    """How a source is read."""

    FEED = "feed"
    PAGE = "page"  # a site without a feed, read by CSS selectors


class Republish(StrEnum):
    """How much of an item we may give on; see docs/editors.md."""

    LEAD = "lead"  # title, lead, image with credit, link
    FULL = "full"  # the whole text too


@dataclass(frozen=True, slots=True)
class Source:
    """One line of feeds.opml: what editors say about a source."""

    url: str
    title: str = ""
    kind: SourceKind = SourceKind.FEED
    site: str = ""  # the page for people, htmlUrl
    description: str = ""
    region: str = ""  # the outline folders it stands in, joined by " / "
    categories: tuple[str, ...] = ()  # slugs; empty: the source mixes all
    departements: tuple[str, ...] = ()  # codes, "25", "2A"
    language: str = "fr"  # BCP 47
    timezone: str = "Europe/Paris"  # IANA, for dates without a zone
    interval: timedelta | None = None  # instead of the one in the settings
    paused: bool = False
    republish: Republish = Republish.LEAD
    tags: Mapping[str, str] = field(default_factory=dict)  # a raw tag of theirs → category slug
    selectors: Mapping[str, str] = field(default_factory=dict)  # of a page: part → CSS selector


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the program knows of a source: made by the store, read by poll and fetch."""

    url: str
    etag: str = ""  # validators of the body we hold, as received
    last_modified: str = ""
    fingerprint: str = ""  # of the last body that was read through
    checked_at: datetime | None = None
    succeeded_at: datetime | None = None  # last 200 that was read, or 304
    next_check_at: datetime | None = None  # None: due now
    error_class: ErrorClass | None = None
    error: str = ""  # the message of the last failure
    error_count: int = 0  # failures in a row
    status: int = 0  # of the last answer, 0: none came
    moved_to: str = ""  # where permanent redirects lead
    feed_id: str = ""  # what the feed says of itself, for atom:source
    feed_title: str = ""
    feed_site: str = ""
    feed_rights: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body arrived."""

    source_url: str
    url: str  # after redirects; relative links are meant from here
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes  # decompressed
    fingerprint: str  # of the body
    etag: str
    last_modified: str
    fetched_at: datetime
    moved_to: str = ""  # set when every redirect on the way was permanent


@dataclass(frozen=True, slots=True)
class NotModified:
    """A 304: what we hold is still right. Empty validators keep the old ones (RFC 9111 §4.3.4)."""

    source_url: str
    headers: Mapping[str, str]
    etag: str
    last_modified: str
    fetched_at: datetime
    moved_to: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """A 410: the source says that it has ended."""

    source_url: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """No usable answer."""

    source_url: str
    error_class: ErrorClass
    message: str  # phase, identity, cause
    fetched_at: datetime
    status: int = 0
    retry_after: datetime | None = None  # from Retry-After


Outcome = Fetched | NotModified | Gone | FetchFailed


@dataclass(frozen=True, slots=True)
class Date:
    """A date as published and as understood; `at` is None where the text cannot be read."""

    raw: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Enclosure:
    """Attached media."""

    url: str
    type: str = ""
    length: int | None = None  # bytes, as the source claims


@dataclass(frozen=True, slots=True)
class Image:
    """A picture with what must travel with it."""

    url: str
    alt: str = ""
    credit: str = ""
    type: str = ""
    width: int | None = None
    height: int | None = None
    length: int | None = None  # bytes


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry first came from: atom:source, or RSS <source> (RFC 4287 §4.2.11)."""

    title: str = ""
    url: str = ""  # of the feed
    site: str = ""
    id: str = ""
    rights: str = ""
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as a source published it."""

    guid: str = ""
    link: str = ""  # absolute, as published
    title: str = ""  # may hold markup
    summary: str = ""  # may be HTML
    content: str = ""  # may be HTML
    author: str = ""
    tags: tuple[str, ...] = ()
    published: Date = Date()
    updated: Date = Date()
    images: tuple[Image, ...] = ()  # Media RSS, itunes:image, image enclosures
    enclosures: tuple[Enclosure, ...] = ()  # the others
    language: str = ""
    rights: str = ""
    origin: Origin | None = None
    point: str = ""  # georss, "47.2378 6.0241"


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """One document of a source."""

    url: str
    format: str  # "rss20", "atom10", "json11" …
    entries: tuple[Entry, ...]
    id: str = ""
    title: str = ""
    site: str = ""
    subtitle: str = ""
    language: str = ""
    author: str = ""
    rights: str = ""
    updated: Date = Date()
    hub: str = ""
    self_link: str = ""
    skipped: tuple[str, ...] = ()  # why an entry could not be read, one sentence each
    flaw: str = ""  # what is malformed though it could be read


class Genre(StrEnum):
    """What sort of text it is: a second axis beside the category."""

    ARTICLE = "article"
    COMMUNIQUE = "communique"
    EDITORIAL = "editorial"
    PRATIQUE = "pratique"
    SONDAGE = "sondage"
    OFFRE_EMPLOI = "offre-emploi"
    AGENDA = "agenda"
    VIDEO = "video"
    MAJ = "maj"  # "Mise à jour •": marks an update
    INSOLITE = "insolite"
    CAGNOTTE = "cagnotte"
    METEO = "meteo"
    MEMBRE = "membre"  # sent in by a member of the site


@dataclass(frozen=True, slots=True)
class Category:
    """A category of an item and the rule that gave it."""

    slug: str
    rule: Literal["source", "source-tags", "aliases", "path", "none"]
    evidence: str = ""  # the tag or the piece of path that it was read from


@dataclass(frozen=True, slots=True)
class Item:
    """An entry, cleaned and classified: what is stored."""

    source: str  # the source's URL
    guid: str  # unique within the source; made by stories.identity where the source gives none
    link: str  # absolute, as published
    canonical: str  # the link without what does not tell pages apart; "" without a link
    title: str
    lead: str
    html: str = ""  # the whole text, safe HTML; "" where the feed gave no more than the lead
    text: str = ""  # the whole text without labels and markup: for comparing and searching, not for display
    author: str = ""
    image: Image | None = None
    enclosures: tuple[Enclosure, ...] = ()
    published: Date = Date()
    updated: Date = Date()  # kept as claimed, even before `published`
    language: str = "fr"
    tags: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    labels: tuple[str, ...] = ()  # as written: "VIDÉO", "(Communiqué)"
    genre: Genre = Genre.ARTICLE
    departements: tuple[str, ...] = ()
    origin: Origin | None = None
    rights: str = ""
    point: str = ""
    fingerprint: str = ""  # of all that is shown; differs when anything a reader can see differs

    @property
    def key(self) -> Key:
        """The key of the item."""
        return (self.source, self.guid)


@dataclass(frozen=True, slots=True)
class Stored:
    """An item in the store."""

    id: int
    story_id: int
    item: Item
    first_seen: datetime
    changed_at: datetime  # last material change, by the source's clock where it is sane
    revision: int = 0  # how many earlier revisions are kept
    reason: str = ""  # how its identity was found


class DecisionKind(StrEnum):
    """What an item of a poll is to us."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Link:
    """Why two items are of one story. Stories are what links join; undoing one closes it."""

    item: Key
    other: Key
    level: Literal["A", "B", "C"]
    score: float
    reason: str  # a sentence for people
    rule: str  # name and version of the rule


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one item of a poll."""

    kind: DecisionKind
    item: Item
    reason: str
    material: bool = False  # of a CHANGED item: does a reader want to know?
    changed_at: datetime | None = None  # of a NEW or materially CHANGED item: by the source's clock where it is sane
    sort_at: datetime | None = None  # of a NEW item: its place in a river
    late: bool = False  # of a NEW item: too old at first sight for the head of a feed
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """The whole outcome of one poll, committed in one transaction."""

    state: SourceState
    decisions: tuple[Decision, ...]
    at: datetime
    search: tuple[tuple[str, str], ...] = ()  # for each decision: title and text in stems

    def count(self, kind: DecisionKind) -> int:
        """How many items are of that kind."""
        return sum(decision.kind is kind for decision in self.decisions)


@dataclass(frozen=True, slots=True)
class Story:
    """One event: the lead item, then the others in order of first sight."""

    id: int
    entry_id: str  # a URI, the same for ever
    lead: Stored
    others: tuple[Stored, ...]
    sort_at: datetime  # published, or first seen where that is earlier or all there is
    updated: datetime  # newest material change of the lead, never before it was published
    entered_at: datetime | None = None  # when it entered the feed asked for


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
