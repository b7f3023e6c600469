"""What following keeps: our subscriptions to the hubs of sources, and the inbox of what they push. Sends nothing.

A following belongs to the row of its source, so that it goes along where the source moves. The site writes into the
inbox and nothing else; what lies there is taken out in the transaction that stores its items.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from aggregator.model import (
    Confirmed,
    Denied,
    Following,
    FollowingState,
    Naming,
    Notice,
    Source,
    SourceState,
    Verdict,
)
from aggregator.store.rows import to_datetime, to_seconds

TABLES = """
-- Our subscriptions to hubs, one for each source but for those that are being left.
CREATE TABLE followings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id INTEGER NOT NULL REFERENCES sources (id),
    hub TEXT NOT NULL,
    topic TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,            -- of the callback
    secret TEXT NOT NULL,
    state TEXT NOT NULL,                   -- model.FollowingState
    began_at INTEGER NOT NULL,             -- when it is, or was, first asked for
    lease_until INTEGER,
    due_at INTEGER NOT NULL,               -- when the hub is asked again
    tries INTEGER NOT NULL DEFAULT 0,      -- that it has not confirmed since
    pushed_at INTEGER,
    error TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX followings_source ON followings (source_id) WHERE state <> 'leaving';
-- serves Store.followings_due
CREATE INDEX followings_due ON followings (due_at);

-- The inbox: what was pushed and is not read yet.
CREATE TABLE notices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    following_id INTEGER NOT NULL REFERENCES followings (id) ON DELETE CASCADE,
    received_at INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    is_after_loss INTEGER NOT NULL,        -- an older one had to go
    size INTEGER NOT NULL,                 -- of the body, in bytes
    body BLOB NOT NULL
);
-- serves the oldest of each following, and how much there is, without reading bodies
CREATE INDEX notices_following ON notices (following_id, id, size);

-- Whether its documents name a hub; so that the others need not be looked into.
ALTER TABLE sources ADD COLUMN names_hub INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sources_hub ON sources (id) WHERE names_hub;
"""

NOTICES_PER_SOURCE = 3
INBOX_BYTES = 64 << 20
CHANGED_AFTER = timedelta(days=1)  # a source gets another hub, or one again, once in that time

HAS_HUB = "names_hub"
IS_POLLED = "position IS NOT NULL AND NOT paused"
COLUMNS = (
    "followings.id, url, hub, topic, token, secret, followings.state, lease_until, due_at, tries, pushed_at, error"
)
FROM = f"SELECT {COLUMNS} FROM followings JOIN sources ON sources.id = source_id"  # noqa: S608 - of constants
NAMED = f"""
SELECT url, sources.state->>'$.pushes.follows.hub', sources.state->>'$.pushes.follows.topic',
    sources.state->>'$.pushes.follows.is_own'
FROM sources INDEXED BY sources_hub LEFT JOIN followings ON source_id = sources.id AND followings.state <> 'leaving'
WHERE sources.{HAS_HUB} AND {IS_POLLED} AND (followings.id IS NULL
    OR (hub, topic) <> (sources.state->>'$.pushes.follows.hub', sources.state->>'$.pushes.follows.topic'))
ORDER BY sources.id LIMIT ?
"""  # noqa: S608 - of constants
DUE = f"""
{FROM} WHERE due_at <= ? AND (followings.state <> 'leaving' OR tries = 0) ORDER BY due_at, followings.id LIMIT ?
"""
UNWANTED = f"""
SELECT followings.id FROM followings JOIN sources ON sources.id = source_id
WHERE followings.state <> 'leaving' AND (position IS NULL OR paused OR NOT sources.{HAS_HUB})
"""  # noqa: S608 - of constants
WAITING = f"""
SELECT min(notices.id), url FROM notices JOIN followings ON followings.id = following_id
JOIN sources ON sources.id = source_id WHERE {IS_POLLED} GROUP BY source_id ORDER BY 1 LIMIT ?
"""  # noqa: S608 - of constants
NOTICE = f"""
SELECT line, notices.id, url, topic, content_type, body, received_at, is_after_loss FROM notices
JOIN followings ON followings.id = following_id JOIN sources ON sources.id = source_id
WHERE notices.id = ? AND {IS_POLLED}
"""  # noqa: S608 - of constants
LEASES = """
SELECT url, lease_until FROM followings JOIN sources ON sources.id = source_id
WHERE followings.state = 'confirmed' AND lease_until > ?
"""
DISTRUSTED = f"""
SELECT line, state FROM sources INDEXED BY sources_hub WHERE {HAS_HUB} AND state->>'$.pushes.trusted_until' IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM followings WHERE source_id = sources.id AND followings.state <> 'leaving'
    AND followings.state = 'confirmed' AND lease_until > ?)
"""  # noqa: S608 - of constants


class FollowingStore(Protocol):
    """What following asks of a data base."""

    def unfollowed(self, limit: int) -> tuple[tuple[str, Naming], ...]:
        """Sources that are polled and name another hub or topic than they are followed at, by URL."""

    def follow(self, followings: Sequence[Following], now: datetime) -> None:
        """Begin to follow, and leave what the same sources were followed at before. One that was first asked for less
        than a day ago puts the new one off until a day after. The ids and times of what is given do not count.
        """

    def tend_followings(self, now: datetime) -> None:
        """Leave those whose source is no longer polled or names no hub, and forget those that were left, a day after
        they began at the earliest; one whose lease is over is confirmed no more. What is left has nothing in the inbox.
        """

    def followings_due(self, now: datetime, limit: int) -> tuple[Following, ...]:
        """Those whose hub is to be asked now, longest overdue first."""

    def note_asked(self, following_id: int, due_at: datetime) -> None:
        """Its hub is about to be asked, and is not asked again before then."""

    def note_unheard(self, following_id: int, error: str) -> None:
        """Its hub could not be asked, or refused."""

    def following_of(self, token: str) -> Following | None:
        """The following whose callback has that token."""

    def note_verdict(self, following_id: int, verdict: Verdict) -> None:
        """Keep what the hub says of it."""

    def put_notice(self, following_id: int, content_type: str, body: bytes, now: datetime) -> bool:
        """Put what was pushed into the inbox, where the newest few of a source take the place of older ones. → whether
        there was room; if not, nothing is written.
        """

    def waiting_notices(self, limit: int) -> tuple[tuple[int, str], ...]:
        """The oldest in the inbox of each source that is polled, oldest first, with the URL of the source."""

    def notice(self, notice_id: int) -> tuple[Source, Notice] | None:
        """What lies in the inbox, and whose it is; None where it was taken or its source is no longer polled."""

    def leases(self, now: datetime) -> Mapping[str, datetime]:
        """The ends of the leases that live, by URL of the source."""

    def distrust(self, now: datetime, change: Callable[[Source, SourceState], SourceState]) -> int:
        """Change the states of sources that are polled rarely for the sake of a lease that is over. → how many."""

    def followings(self) -> tuple[Following, ...]:
        """Every following, by id."""


def follow(db: sqlite3.Connection, following: Following, at: int) -> None:
    """See FollowingStore. A source that is unknown is passed over."""
    row = db.execute("SELECT id FROM sources WHERE url = ?", (following.source,)).fetchone()
    if row is None:
        return
    leave(db, [number for (number,) in db.execute("SELECT id FROM followings WHERE source_id = ?", row)], at)
    (before,) = db.execute("SELECT max(began_at) FROM followings WHERE source_id = ?", row).fetchone()
    due_at = at if before is None else max(at, before + int(CHANGED_AFTER.total_seconds()))
    db.execute(
        "INSERT INTO followings (source_id, hub, topic, token, secret, state, began_at, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, following.hub, following.topic, following.token, following.secret, "asked", due_at, due_at),
    )


def leave(db: sqlite3.Connection, ids: Iterable[int], at: int) -> None:
    """Let go of followings: their hubs are told, but for those that were never asked."""
    for number in ids:
        db.execute("DELETE FROM notices WHERE following_id = ?", (number,))
        db.execute(
            "DELETE FROM followings WHERE id = ? AND state <> 'leaving' AND tries = 0 AND lease_until IS NULL",
            (number,),
        )
        db.execute(
            "UPDATE followings SET state = 'leaving', due_at = ?, tries = 0, lease_until = NULL, error = ''"
            " WHERE id = ? AND state <> 'leaving'",
            (at, number),
        )


def tend(db: sqlite3.Connection, at: int) -> None:
    """See FollowingStore."""
    leave(db, [number for (number,) in db.execute(UNWANTED).fetchall()], at)
    db.execute(
        "DELETE FROM followings WHERE state = 'leaving' AND tries > 0 AND due_at <= ? AND began_at <= ?",
        (at, at - int(CHANGED_AFTER.total_seconds())),
    )
    db.execute("UPDATE followings SET state = 'asked' WHERE state = 'confirmed' AND lease_until <= ?", (at,))


def judge(db: sqlite3.Connection, number: int, verdict: Verdict) -> None:
    """See FollowingStore.note_verdict."""
    match verdict:
        case Confirmed():
            db.execute(
                "UPDATE followings SET state = 'confirmed', lease_until = ?, due_at = ?, tries = 0, error = ''"
                " WHERE id = ? AND state <> 'leaving'",
                (to_seconds(verdict.lease_until), to_seconds(verdict.due_at), number),
            )
        case Denied():
            db.execute(
                "UPDATE followings SET state = 'denied', due_at = ?, error = ? WHERE id = ? AND state <> 'leaving'",
                (to_seconds(verdict.due_at), verdict.why, number),
            )
        case _:  # Left
            db.execute("UPDATE followings SET due_at = 0, tries = 1 WHERE id = ? AND state = 'leaving'", (number,))


def put(db: sqlite3.Connection, number: int, content_type: str, body: bytes, at: int) -> bool:
    """See FollowingStore.put_notice."""
    (total,) = db.execute("SELECT coalesce(sum(size), 0) FROM notices").fetchone()
    older = db.execute("SELECT id, size FROM notices WHERE following_id = ? ORDER BY id DESC", (number,)).fetchall()
    gone = older[NOTICES_PER_SOURCE - 1 :]
    if total - sum(size for _, size in gone) + len(body) > INBOX_BYTES:
        return False
    if not db.execute("UPDATE followings SET pushed_at = ? WHERE id = ? AND state <> 'leaving'", (at, number)).rowcount:
        return True  # it was left meanwhile: nobody wants it
    db.executemany("DELETE FROM notices WHERE id = ?", [(each,) for each, _ in gone])
    db.execute(
        "INSERT INTO notices (following_id, received_at, content_type, is_after_loss, size, body)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (number, at, content_type, bool(gone), len(body), body),
    )
    return True


def to_following(row: Iterable[Any]) -> Following:
    """A row of COLUMNS."""
    number, source, hub, topic, token, secret, state, lease_until, due_at, tries, pushed_at, error = row
    return Following(
        number, source, hub, topic, token, secret, FollowingState(state),
        to_datetime(lease_until) if lease_until is not None else None, to_datetime(due_at), tries,
        to_datetime(pushed_at) if pushed_at is not None else None, error,
    )  # fmt: skip
