"""The values of the hub: who is told of changes to our feeds, and what came of it."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from aggregator.model.feeds import AS_ANNOUNCED, Format, Options
from aggregator.model.secrets import repr_without


class Topic(Struct, frozen=True):
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


class Intent(Struct, frozen=True):
    """What somebody asked of the hub, and its subscriber has yet to confirm."""

    mode: Mode
    feed: str  # slug
    topic: str  # `Topic.path`
    topic_url: str  # as it was asked for
    callback: str  # an address that only hub and subscriber know
    host: str
    secret: str = ""
    lease_seconds: int = 0
    version: int = 0  # of the feed when it was asked
    id: int = 0  # given by the store

    __repr__ = repr_without("callback", "secret")


class Limits(Struct, frozen=True):
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


class Subscription(Struct, frozen=True):
    """Where a topic is pushed to until its lease ends."""

    id: int
    feed: str  # slug
    topic: str  # `Topic.path`
    topic_url: str  # as it was asked for
    callback: str
    host: str
    secret: str
    lease_until: datetime
    version: int  # of the feed as it was delivered last; what is newer is owed
    etag: str  # of what was delivered last, "" where nothing was
    delivered_at: datetime | None
    due_at: datetime | None  # no try before; None: at once
    tries: int  # that failed since the last delivery
    slow: bool  # its last answer took long or did not come
    error: str  # of the last try, "" where it succeeded
    owed: int  # the version of the feed now

    __repr__ = repr_without("callback", "secret")


class Pushed(Struct, frozen=True):
    """A document was delivered."""

    subscription: int
    version: int
    etag: str
    at: datetime
    slow: bool = False


class Unchanged(Struct, frozen=True):
    """The version moved, and the document is the one that was delivered last."""

    subscription: int
    version: int


class PushFailed(Struct, frozen=True):
    """A delivery failed, and is tried again at `due_at`."""

    subscription: int
    due_at: datetime
    error: str


class Ended(Struct, frozen=True):
    """A subscription is over before its lease."""

    subscription: int
    why: str


Push = Pushed | Unchanged | PushFailed | Ended


class Ping(Struct, frozen=True):
    """An outside hub is to be told that a feed changed. `due_at` counts where a try failed."""

    feed: str
    version: int
    tries: int = 0
    due_at: datetime | None = None
