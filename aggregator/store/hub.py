"""What the hub keeps: who asked, who subscribed, and what is owed to whom. Never sends anything.

A delivery is owed where the version of a feed is newer than the one that was delivered last. So it is queued by the
very transaction that changes the feed, costs that transaction nothing, and several changes are one delivery.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from aggregator.model import (
    Intent,
    Limit,
    Limits,
    Mode,
    Ping,
    Push,
    Pushed,
    PushFailed,
    Subscription,
    Unchanged,
)
from aggregator.store.rows import to_datetime, to_seconds

TABLES = """
-- Where topics are pushed to. A number is never given again: what is under way for one that is over meets no other.
CREATE TABLE subscriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    feed TEXT NOT NULL,
    topic TEXT NOT NULL,                   -- model.Topic.path
    topic_url TEXT NOT NULL,               -- as it was asked for
    callback TEXT NOT NULL,
    host TEXT NOT NULL,
    secret TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    version INTEGER NOT NULL,              -- of the feed as delivered last; below that in `feeds`, a delivery is owed
    etag TEXT NOT NULL DEFAULT '',         -- of what was delivered last
    delivered_at INTEGER,
    due_at INTEGER NOT NULL DEFAULT 0,     -- no try before
    tries INTEGER NOT NULL DEFAULT 0,      -- that failed since the last delivery
    slow INTEGER NOT NULL DEFAULT 0,       -- the last answer took long or did not come
    error TEXT NOT NULL DEFAULT '',
    UNIQUE (topic, callback)
);
-- serves Store.owed
CREATE INDEX subscriptions_owed ON subscriptions (feed, version);
-- serves the limits of a host
CREATE INDEX subscriptions_host ON subscriptions (host);

-- What was asked of the hub and is not confirmed yet.
CREATE TABLE intents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mode TEXT NOT NULL,                    -- model.Mode
    feed TEXT NOT NULL,
    topic TEXT NOT NULL,
    topic_url TEXT NOT NULL,
    callback TEXT NOT NULL,
    host TEXT NOT NULL,
    secret TEXT NOT NULL,
    lease_seconds INTEGER NOT NULL,
    minute INTEGER NOT NULL,               -- in which it was asked, since 1970
    version INTEGER NOT NULL,              -- of the feed then
    UNIQUE (topic, callback)
);
-- serves the limits of a host
CREATE INDEX intents_host ON intents (host);
-- How many requests of a minute were not confirmed.
CREATE TABLE unverified (
    minute INTEGER NOT NULL,
    host TEXT NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (minute, host)
) WITHOUT ROWID;

-- Up to which version of a feed an outside hub was told of changes.
CREATE TABLE pings (
    feed TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    due_at INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""

KEPT_MINUTES = 5  # how long it is remembered how many requests of a minute were not confirmed

COLUMNS = (
    "id, feed, topic, topic_url, callback, host, secret, lease_until, subscriptions.version, etag, delivered_at,"
    " due_at, tries, slow, error, coalesce(feeds.version, 0)"
)
ALL = f"SELECT {COLUMNS} FROM subscriptions LEFT JOIN feeds ON slug = feed ORDER BY topic, host, id"  # noqa: S608 - of constants
# CROSS JOIN: asked twice a second, it must look at the feeds, of which there are hundreds, before the subscriptions.
OWED = f"""
SELECT {COLUMNS} FROM feeds CROSS JOIN subscriptions ON feed = slug AND subscriptions.version < feeds.version
WHERE due_at <= ? AND lease_until > ? ORDER BY slow, due_at, id
"""  # noqa: S608 - of constants
SUBSCRIBE = """
INSERT INTO subscriptions (feed, topic, topic_url, callback, host, secret, lease_until, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (topic, callback) DO UPDATE SET topic_url = excluded.topic_url, secret = excluded.secret,
lease_until = excluded.lease_until, due_at = 0, tries = 0
"""
PUSHED = """
UPDATE subscriptions SET version = max(version, ?), etag = ?, delivered_at = ?, slow = ?, due_at = 0, tries = 0,
error = '' WHERE id = ?
"""
UNCHANGED = "UPDATE subscriptions SET version = max(version, ?), due_at = 0, tries = 0, error = '' WHERE id = ?"
FAILED = "UPDATE subscriptions SET due_at = ?, tries = tries + 1, slow = 1, error = ? WHERE id = ?"
OWED_PINGS = """
SELECT feeds.slug, feeds.version, coalesce(tries, 0) FROM feeds LEFT JOIN pings ON feed = slug
WHERE feeds.version > coalesce(pings.version, 0) AND coalesce(due_at, 0) <= ? ORDER BY slug
"""


class HubStore(Protocol):
    """What the hub asks of a data base."""

    def ask(self, intent: Intent, now: datetime, limits: Limits, *, trusted: bool) -> Limit | None:
        """Take down what somebody asks of the hub, in place of what was asked before for the same topic and callback
        and is not confirmed yet. → the limit that forbids it, if one does; then nothing is written.
        """

    def intents(self, limit: int) -> tuple[Intent, ...]:
        """What waits to be confirmed, oldest first."""

    def confirm(self, intent: Intent, lease_until: datetime) -> None:
        """The subscriber wants it: begin, renew or end the subscription."""

    def refuse(self, intent: Intent) -> None:
        """The subscriber does not want it, or cannot have it: nothing changes."""

    def owed(self, now: datetime) -> tuple[Subscription, ...]:
        """The live subscriptions that something is owed to and that may be tried now, the slow ones last."""

    def take_pushes(self, pushes: Sequence[Push]) -> None:
        """Keep what came of deliveries, in one transaction. Those of subscriptions that are over are passed over."""

    def end_leases(self, now: datetime) -> int:
        """Let go of the subscriptions whose lease is over. → how many."""

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Every subscription, by topic and host."""

    def owed_pings(self, now: datetime) -> tuple[Ping, ...]:
        """The feeds whose last change an outside hub was not told of and that may be tried now."""

    def take_pings(self, pings: Sequence[Ping]) -> None:
        """Keep what came of pings, in one transaction: one with `due_at` failed and is owed still."""


def exceeded(db: sqlite3.Connection, intent: Intent, minute: int, limits: Limits, *, trusted: bool) -> Limit | None:
    """The limit that a request would exceed. What takes the place of something held takes no room."""
    pair = (intent.topic, intent.callback)
    held = _count(db, "SELECT count(*) FROM subscriptions WHERE topic = ? AND callback = ?", *pair)
    waits = _count(db, "SELECT count(*) FROM intents WHERE topic = ? AND callback = ?", *pair)
    is_new = intent.mode is Mode.SUBSCRIBE and not held
    pending = _count(db, "SELECT count(*) FROM intents") - waits
    requests = _count(db, "SELECT coalesce(sum(requests), 0) FROM unverified WHERE minute = ?", minute)
    if pending >= limits.pending:
        return Limit.PENDING
    if requests >= limits.per_minute:
        return Limit.RATE
    if is_new and _count(db, "SELECT count(*) FROM subscriptions") + pending >= limits.subscriptions:
        return Limit.SUBSCRIPTIONS
    return None if trusted else _exceeded_by_host(db, intent.host, minute, limits, waits=waits, is_new=is_new)


def _exceeded_by_host(
    db: sqlite3.Connection, host: str, minute: int, limits: Limits, *, waits: int, is_new: bool
) -> Limit | None:
    pending = _count(db, "SELECT count(*) FROM intents WHERE host = ?", host) - waits
    sql = "SELECT coalesce(sum(requests), 0) FROM unverified WHERE minute = ? AND host = ?"
    if pending >= limits.host_pending:
        return Limit.PENDING
    if _count(db, sql, minute, host) >= limits.host_per_minute:
        return Limit.RATE
    total = _count(db, "SELECT count(*) FROM subscriptions WHERE host = ?", host) + pending
    return Limit.SUBSCRIPTIONS if is_new and total >= limits.host_subscriptions else None


def _count(db: sqlite3.Connection, sql: str, *arguments: Any) -> int:
    return int(db.execute(sql, arguments).fetchone()[0])


def write_intent(db: sqlite3.Connection, intent: Intent, minute: int) -> None:
    """Take down a request, in place of the one for the same topic and callback that waits."""
    db.execute("DELETE FROM intents WHERE topic = ? AND callback = ?", (intent.topic, intent.callback))
    db.execute(
        "INSERT INTO intents (mode, feed, topic, topic_url, callback, host, secret, lease_seconds, minute, version)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT version FROM feeds WHERE slug = ?), 0))",
        (
            intent.mode.value, intent.feed, intent.topic, intent.topic_url, intent.callback, intent.host,
            intent.secret, intent.lease_seconds, minute, intent.feed,
        ),
    )  # fmt: skip
    db.execute(
        "INSERT INTO unverified (host, minute, requests) VALUES (?, ?, 1)"
        " ON CONFLICT DO UPDATE SET requests = requests + 1",
        (intent.host, minute),
    )


def take(db: sqlite3.Connection, push: Push) -> None:
    """Keep what came of a delivery."""
    match push:
        case Pushed():
            db.execute(PUSHED, (push.version, push.etag, to_seconds(push.at), push.slow, push.subscription))
        case Unchanged():
            db.execute(UNCHANGED, (push.version, push.subscription))
        case PushFailed():
            db.execute(FAILED, (to_seconds(push.due_at), push.error, push.subscription))
        case _:  # Ended
            db.execute("DELETE FROM subscriptions WHERE id = ?", (push.subscription,))


def to_subscription(row: Iterable[Any]) -> Subscription:
    """A row of COLUMNS."""
    (number, feed, topic, topic_url, callback, host, secret, lease_until, version, etag, delivered_at, due_at, tries,
     slow, error, owed) = row  # fmt: skip
    return Subscription(
        number, feed, topic, topic_url, callback, host, secret, to_datetime(lease_until), version, etag,
        to_datetime(delivered_at) if delivered_at is not None else None,
        to_datetime(due_at) if due_at else None, tries, bool(slow), error, owed,
    )  # fmt: skip
