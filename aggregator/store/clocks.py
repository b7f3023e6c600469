"""What a clock that was ahead has left in the states of sources. Takes a connection, finds and rewrites; never decides
what a state becomes.

The times of our clock stand beside one another in a state, so they are moved together: the spread of the sources over
time stays as it was. A lease has no state of its own: it is a next check that the state does not know of.
"""

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from aggregator.model import SourceState
from aggregator.store.rows import to_datetime, to_json, to_seconds, to_state

SKEW_SECONDS = 60  # a clock that is set right by less than that does no harm

LEASED = "next_check_at > ? AND next_check_at IS NOT unixepoch(state->>'$.next_check_at')"

Change = Callable[[SourceState, timedelta, datetime], SourceState]


def is_ahead(db: sqlite3.Connection, now: datetime, lease_until: datetime) -> bool:
    """Whether there is anything to mend."""
    sql = f"SELECT 1 FROM sources WHERE checked_at > ? OR {LEASED} LIMIT 1"  # noqa: S608
    return db.execute(sql, (_limit(now), to_seconds(lease_until))).fetchone() is not None


def put_back(db: sqlite3.Connection, now: datetime, lease_until: datetime, change: Change) -> timedelta:
    """See Store."""
    until = to_seconds(lease_until)
    db.execute(f"UPDATE sources SET next_check_at = ? WHERE {LEASED}", (until, until))  # noqa: S608
    sql = "SELECT id, state, next_check_at, checked_at FROM sources WHERE checked_at > ?"
    ahead = db.execute(sql, (_limit(now),)).fetchall()
    if not ahead:
        return timedelta(0)
    by = to_datetime(max(checked_at for *_, checked_at in ahead)) - now
    hosts: dict[int, datetime] = {}  # when they are open again, by when they would have been
    for source_id, text, next_check_at, _ in ahead:
        before = to_state(text)
        after = change(before, by, now)
        _write(db, source_id, after, None if before.next_check_at == to_datetime(next_check_at) else next_check_at)
        if before.host_closed_until and after.host_closed_until:
            hosts[to_seconds(before.host_closed_until)] = after.host_closed_until
    for closed_until, until_now in hosts.items():
        rows = db.execute("SELECT id, state FROM sources WHERE next_check_at = ?", (closed_until,)).fetchall()
        for source_id, text in rows:  # that were not asked themselves
            _write(db, source_id, replace(to_state(text), next_check_at=until_now), None)
    return by


def _write(db: sqlite3.Connection, source_id: int, state: SourceState, leased_until: int | None) -> None:
    due_at = to_seconds(state.next_check_at) if state.next_check_at else 0
    checked_at = to_seconds(state.checked_at) if state.checked_at else None
    db.execute(
        "UPDATE sources SET state = ?, next_check_at = ?, checked_at = ? WHERE id = ?",
        (to_json(state), due_at if leased_until is None else leased_until, checked_at, source_id),
    )


def _limit(now: datetime) -> int:
    return to_seconds(now) + SKEW_SECONDS
