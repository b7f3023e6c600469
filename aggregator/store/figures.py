"""How the whole is: takes a connection in a transaction, gives figures for operators. Never judges them."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from aggregator.store.history import DAY_SECONDS
from aggregator.store.rows import to_datetime, to_seconds

AHEAD_SECONDS = (60, 600, 3600, DAY_SECONDS)
HOUR_SECONDS = 3600
POLLED = "position IS NOT NULL AND NOT paused"
DUE = f"""
SELECT count(*), min(next_check_at) FILTER (WHERE next_check_at > 0), coalesce(sum(next_check_at = 0), 0) FROM sources
WHERE {POLLED} AND next_check_at <= ?
"""  # noqa: S608 - of constants
ERRORS = f"""
SELECT state->>'$.error_class', count(*) FROM sources WHERE {POLLED} AND state->>'$.error_class' IS NOT NULL
GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - of constants
CONDITIONS = """
SELECT kind, count(*) FROM episodes JOIN sources ON sources.id = source_id
WHERE until IS NULL AND position IS NOT NULL AND paused = (kind = 'paused') GROUP BY 1 ORDER BY 1
"""
OWED = """
SELECT count(*), min(changed_at) FROM subscriptions JOIN feeds ON slug = feed AND subscriptions.version < feeds.version
WHERE lease_until > ?
"""


class Pulse(Struct, frozen=True):
    """Whether somebody polls: as little as can be asked for every few seconds."""

    asked: bool  # some source was asked, or is being asked, or there is none to ask
    overdue_since: datetime | None  # the oldest next check, where that is long past
    checked_at: datetime | None = None  # the last answer of any source; known only where something is overdue


class Backup(Struct, frozen=True):
    """A copy of the data base that was found sound."""

    at: datetime
    bytes: int


class Figures(Struct, frozen=True):
    """How the whole is at one moment; what is counted of sources is counted of those that are listed."""

    sources: int
    paused: int
    due: int  # that wait to be taken up
    unasked: int  # of them, that were never asked
    due_since: datetime | None  # the next check of the one that waits longest, but for those
    ahead: Mapping[int, int]  # within so many seconds, so many more fall due
    errors: Mapping[str, int]  # ErrorClass → sources whose last answer was that; not the paused ones
    conditions: Mapping[str, int]  # ConditionKind → sources with which it is the matter
    checked_at: datetime | None  # the last answer of any source
    checked_hour: int  # sources that answered within the last hour
    items: int
    stories: int
    today: int  # items by their place in a river, days of UTC
    yesterday: int
    subscriptions: int  # at our hub, whose lease is not over
    owed: int  # of them, that wait for a delivery
    owed_since: datetime | None
    followings: Mapping[str, int]  # FollowingState → hubs of sources
    notices: int  # what was pushed and is not read yet
    unindexed: int  # the newest items that cannot be found by a search yet
    ungathered: int  # the newest items whose event was not looked for yet
    bytes: int  # of the data base
    log_bytes: int  # of what is written and not yet at its place in it
    backup: Backup | None


def pulse(db: sqlite3.Connection, before: datetime) -> Pulse:
    """Whether somebody polls; what was due `before` then is overdue. One lookup in an index while nothing is."""
    (first,) = db.execute(f"SELECT min(next_check_at) FROM sources WHERE {POLLED}").fetchone()  # noqa: S608
    oldest = first
    if first == 0:
        sql = f"SELECT min(next_check_at) FROM sources WHERE {POLLED} AND next_check_at > 0"  # noqa: S608
        (oldest,) = db.execute(sql).fetchone()
    if oldest is None or oldest >= to_seconds(before):
        return Pulse(asked=oldest is not None or first is None, overdue_since=None)
    (newest,) = db.execute("SELECT max(checked_at) FROM sources WHERE position IS NOT NULL").fetchone()
    return Pulse(asked=True, overdue_since=to_datetime(oldest), checked_at=_moment(newest))


def figures(db: sqlite3.Connection, path: str, now: datetime) -> Figures:
    """Everything. Reads the state of each source: 5 µs for each."""
    at = to_seconds(now)
    today = at // DAY_SECONDS
    sources, paused, checked, hour = db.execute(
        "SELECT count(*), coalesce(sum(paused), 0), max(checked_at), coalesce(sum(checked_at > ?), 0) FROM sources"
        " WHERE position IS NOT NULL",
        (at - HOUR_SECONDS,),
    ).fetchone()
    due, since, unasked = db.execute(DUE, (at,)).fetchone()
    marks = dict(db.execute("SELECT name, value FROM marks").fetchall())
    (items,) = db.execute("SELECT coalesce(sum(items), 0) FROM sources").fetchone()
    (last,) = db.execute("SELECT coalesce(max(id), 0) FROM items").fetchone()
    days = dict(
        db.execute(
            "SELECT day, sum(item_days.items) FROM sources CROSS JOIN item_days ON source_id = sources.id"
            " WHERE day IN (?, ?) GROUP BY day",
            (today, today - 1),
        ).fetchall()
    )
    (subscriptions,) = db.execute("SELECT count(*) FROM subscriptions WHERE lease_until > ?", (at,)).fetchone()
    owed, owed_since = db.execute(OWED, (at,)).fetchone()
    return Figures(
        sources=sources,
        paused=paused,
        due=due,
        unasked=unasked,
        due_since=_moment(since),
        ahead={seconds: _ahead(db, at, seconds) for seconds in AHEAD_SECONDS},
        errors=dict(db.execute(ERRORS).fetchall()),
        conditions=dict(db.execute(CONDITIONS).fetchall()),
        checked_at=_moment(checked),
        checked_hour=hour,
        items=items,
        stories=items - marks["joined"],
        today=days.get(today, 0),
        yesterday=days.get(today - 1, 0),
        subscriptions=subscriptions,
        owed=owed,
        owed_since=_moment(owed_since),
        followings=dict(db.execute("SELECT state, count(*) FROM followings GROUP BY 1 ORDER BY 1").fetchall()),
        notices=db.execute("SELECT count(*) FROM notices").fetchone()[0],
        unindexed=last - marks.get("indexed", 0),
        ungathered=last - marks["gathered"],
        bytes=_bytes(path),
        log_bytes=_bytes(f"{path}-wal"),
        backup=backup_of(marks),
    )


def backup_of(marks: Mapping[str, int]) -> Backup | None:
    """The last backup."""
    return Backup(to_datetime(marks["backed_up"]), marks["backup_bytes"]) if "backed_up" in marks else None


def _ahead(db: sqlite3.Connection, at: int, seconds: int) -> int:
    sql = f"SELECT count(*) FROM sources WHERE {POLLED} AND next_check_at > ? AND next_check_at <= ?"  # noqa: S608
    return int(db.execute(sql, (at, at + seconds)).fetchone()[0])


def _moment(seconds: Any) -> datetime | None:
    return None if seconds is None else to_datetime(seconds)


def _bytes(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0  # in memory, or nothing waits to be put in its place
