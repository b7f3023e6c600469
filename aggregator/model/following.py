"""The values of following: which hub brings us a source, and what it brought."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from aggregator.model.secrets import repr_without


class Naming(Struct, frozen=True):
    """The hub that a document names, with the topic to ask of it; all empty where it names none."""

    hub: str = ""
    topic: str = ""
    is_own: bool = False  # the topic is the document that we poll: what is pushed can be read in its place


NO_NAMING = Naming()


class Pushes(Struct, frozen=True):
    """What is known of a source's hub, as far as it says when to poll; see poll.pushed."""

    follows: Naming = NO_NAMING  # whose pushes we want
    named: Naming = NO_NAMING  # by the last document
    pushed_at: datetime | None = None  # the last push
    missed_at: datetime | None = None  # the last poll that found what no push had brought
    trusted_until: datetime | None = None  # the end of the lease, while we poll rarely for its sake


NO_PUSHES = Pushes()


class FollowingState(StrEnum):
    """Where a following stands."""

    ASKED = "asked"  # or to be asked
    CONFIRMED = "confirmed"
    DENIED = "denied"
    LEAVING = "leaving"  # we want it no more


class Following(Struct, frozen=True):
    """Our subscription to the hub of a source."""

    id: int  # given by the store
    source: str  # URL
    hub: str
    topic: str
    token: str  # of the callback, which only the hub and we know
    secret: str
    state: FollowingState
    lease_until: datetime | None  # None: never confirmed
    due_at: datetime  # when to ask the hub again
    tries: int  # that it has not confirmed since
    pushed_at: datetime | None
    error: str  # of the last try, or why it denied; "" where nothing is wrong

    __repr__ = repr_without("token", "secret")


class Confirmed(Struct, frozen=True):
    """The hub says that it will push until then; it is asked again before."""

    lease_until: datetime
    due_at: datetime


class Denied(Struct, frozen=True):
    """The hub says that it does not push, or no longer."""

    due_at: datetime
    why: str


class Left(Struct, frozen=True):
    """The hub asks whether we want it no more, and so it is."""


Verdict = Confirmed | Denied | Left


class Notice(Struct, frozen=True):
    """A pushed document that waits to be read."""

    id: int
    source: str  # URL
    url: str  # the topic: relative links are meant from here
    content_type: str
    body: bytes
    received_at: datetime
    is_after_loss: bool = False  # one before it had to go

    __repr__ = repr_without("body")
