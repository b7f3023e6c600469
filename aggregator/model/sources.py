"""The values of fetching: a source, what is known of it, and what came of asking it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field

from aggregator.errors import ErrorClass
from aggregator.model.following import NO_PUSHES, Pushes


class SourceKind(StrEnum):
    """How a source is read."""

    FEED = "feed"
    PAGE = "page"  # a site without a feed, read by CSS selectors


class Republish(StrEnum):
    """How much of an item we may give on; see docs/editors.md."""

    LEAD = "lead"  # title, lead, image with credit, link
    FULL = "full"  # the whole text too


class Source(Struct, frozen=True):
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


WEEK_HOURS = 168


class Rhythm(Struct, frozen=True):
    """When a source published, in its own time zone; the older the less it counts."""

    # Items in each hour of a week, Monday midnight first; empty: none yet. Most are none: 0 is half as long as 0.0.
    hours: tuple[int | float, ...] = ()
    watched: float = 0.0  # seconds in which they came, aged alike
    at: datetime | None = None  # as of when both are aged: when it last had something new
    pauses: int = 0  # how many pauses between two times with news are known; of the last forty or so:
    pause: float = 0.0  # how many items were to be expected in one, in the mean
    spread: float = 0.0  # the standard deviation of that
    # By the time in which echoes come, see poll.rhythm; empty: not known yet.
    echoes: tuple[int | float, ...] = ()  # how many of the items came because of one before, aged alike
    ringing: tuple[int | float, ...] = ()  # how many items may have echoes still, as of `at`


class Advice(Struct, frozen=True):
    """What a document says of how often to ask for it, as published; see poll.advice."""

    ttl_minutes: int = 0
    period_minutes: int = 0  # between two changes of it
    skip_hours: tuple[int, ...] = ()  # of the day, in GMT, in which it wants no request
    skip_days: tuple[int, ...] = ()  # Monday is 0


NO_ADVICE = Advice()


class Doubt(Struct, frozen=True):
    """What the documents of a source are suspected of, and what of that was believed; see poll.suspicion."""

    kind: str = ""
    since: datetime | None = None
    seen: int = 0  # documents in a row
    believed: str = ""
    believed_at: datetime | None = None  # the last time that it was met


class Certificate(Struct, frozen=True):
    """When the TLS certificate of a source is valid."""

    since: datetime
    until: datetime


class SourceState(Struct, frozen=True):
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
    rhythm: Rhythm = Rhythm()
    advice: Advice = NO_ADVICE
    moved_since: datetime | None = None  # since when they lead there at every answer
    moved_seen: int = 0  # how often they did
    host_closed_until: datetime | None = None  # a Retry-After, which holds for all sources of the host
    entries: int = 0  # of the last document that was taken in
    link_hosts: tuple[str, ...] = ()  # of its links, the most frequent first
    doubt: Doubt = Doubt()
    pushes: Pushes = NO_PUSHES
    certificate: Certificate | None = None  # the one that ends first of those on the way to the last answer
    failing_since: datetime | None = None
    announced: str | None = None  # a page answers where a feed was: the feed that it names, "" for none
    unmoved: str = ""  # why it could not be followed to `moved_to`
    body_changed_at: datetime | None = None  # when the fingerprint was last another than before
    oldest: datetime | None = None  # dates of the items of the last document that was taken in
    newest: datetime | None = None


class Fetched(Struct, frozen=True):
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
    certificate: Certificate | None = None


class NotModified(Struct, frozen=True):
    """A 304: what we hold is still right. Empty validators keep the old ones (RFC 9111 §4.3.4)."""

    source_url: str
    headers: Mapping[str, str]
    etag: str
    last_modified: str
    fetched_at: datetime
    moved_to: str = ""
    certificate: Certificate | None = None


class Gone(Struct, frozen=True):
    """A 410: the source says that it has ended."""

    source_url: str
    fetched_at: datetime


class FetchFailed(Struct, frozen=True):
    """No usable answer."""

    source_url: str
    error_class: ErrorClass
    message: str  # phase, identity, cause
    fetched_at: datetime
    status: int = 0
    retry_after: datetime | None = None  # from Retry-After
    announced: str | None = None  # see SourceState


Outcome = Fetched | NotModified | Gone | FetchFailed
