"""The values of the hub: who is told of changes to our feeds, and what came of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aggregator.model.feeds import AS_ANNOUNCED, Format, Options


@dataclass(frozen=True, slots=True)
class Topic:
    """One representation of a feed of ours that may be subscribed to."""

    slug: str
    format: Format
    options: Options = AS_ANNOUNCED

    @property
    def path(self) -> str:
        """What follows /feeds/ in its address: one way to write each topic."""
        query = self.options.query
        return f"{self.slug}.{self.format}" + (f"?{query}" if query else "")


class Mode(StrEnum):
    """What somebody wants of the hub; the value is hub.mode."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody asked of the hub, and its subscriber has yet to confirm."""

    mode: Mode
    feed: str  # slug
    topic: str  # `Topic.path`
    topic_url: str  # as it was asked for
    callback: str = field(repr=False)  # an address that only hub and subscriber know
    host: str
    secret: str = field(default="", repr=False)
    lease_seconds: int = 0
    version: int = 0  # of the feed when it was asked
    id: int = 0  # given by the store


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the hub takes on; what concerns one host does not hold for the hosts that the operator trusts."""

    subscriptions: int
    pending: int  # intents that are not confirmed yet
    per_minute: int  # requests that were not confirmed
    host_subscriptions: int
    host_pending: int
    host_per_minute: int


class Limit(StrEnum):
    """Which limit a request would exceed."""

    SUBSCRIPTIONS = "subscriptions"
    PENDING = "pending"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where a topic is pushed to until its lease ends."""

    id: int
    feed: str  # slug
    topic: str  # `Topic.path`
    topic_url: str  # as it was asked for
    callback: str = field(repr=False)
    host: str
    secret: str = field(repr=False)
    lease_until: datetime
    version: int  # of the feed as it was delivered last; what is newer is owed
    etag: str  # of what was delivered last, "" where nothing was
    delivered_at: datetime | None
    due_at: datetime | None  # no try before; None: at once
    tries: int  # that failed since the last delivery
    slow: bool  # its last answer took long or did not come
    error: str  # of the last try, "" where it succeeded
    owed: int  # the version of the feed now


@dataclass(frozen=True, slots=True)
class Pushed:
    """A document was delivered."""

    subscription: int
    version: int
    etag: str
    at: datetime
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The version moved, and the document is the one that was delivered last."""

    subscription: int
    version: int


@dataclass(frozen=True, slots=True)
class PushFailed:
    """A delivery failed, and is tried again at `due_at`."""

    subscription: int
    due_at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A subscription is over before its lease."""

    subscription: int
    why: str


Push = Pushed | Unchanged | PushFailed | Ended


@dataclass(frozen=True, slots=True)
class Ping:
    """An outside hub is to be told that a feed changed. `due_at` counts where a try failed."""

    feed: str
    version: int
    tries: int = 0
    due_at: datetime | None = None
