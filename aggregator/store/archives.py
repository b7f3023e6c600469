"""The closed pages of the publication log (RFC 5005 §4): which are full, what stands in them, and what was kept of
them. Takes a connection in a transaction.

Page 1 holds the first PAGE_ENTRIES sequences of a feed. When a page is full, what it shows is kept once, as it is then:
so it is closed, and does not change when its stories do. All that entered is kept: what is hidden by then, or part of
another story, may stand in the feed again when the page has long been read.
"""

import sqlite3

from aggregator.model import PAGE_ENTRIES
from aggregator.store.log import change

# How many pages of a feed are closed: they are kept in their order, none is left out.
CLOSED = "coalesce((SELECT max(number) FROM archives WHERE feed = slug), 0)"
FULL = f"SELECT slug, {CLOSED} + 1 FROM feeds WHERE sequence >= ({CLOSED} + 1) * ? ORDER BY slug LIMIT ?"  # noqa: S608
IN_PAGE = "SELECT story_id FROM log WHERE feed = ? AND sequence > ? AND sequence <= ? ORDER BY sequence DESC"


def full(db: sqlite3.Connection, limit: int) -> tuple[tuple[str, int], ...]:
    """See Store.full_pages."""
    return tuple(db.execute(FULL, (PAGE_ENTRIES, limit)).fetchall())


def stories(db: sqlite3.Connection, feed: str, number: int) -> list[int]:
    """The stories of a full page, newest first."""
    last = number * PAGE_ENTRIES
    return [story for (story,) in db.execute(IN_PAGE, (feed, last - PAGE_ENTRIES, last))]


def keep(db: sqlite3.Connection, feed: str, number: int, content: bytes, at: int) -> None:
    """See Store.archive."""
    done = db.execute("INSERT OR IGNORE INTO archives VALUES (?, ?, ?, ?)", (feed, number, at, content))
    if done.rowcount:
        change(db, [feed], at)  # its head leads there


def read(db: sqlite3.Connection, feed: str, number: int) -> bytes | None:
    """See Store.archived."""
    row = db.execute("SELECT content FROM archives WHERE feed = ? AND number = ?", (feed, number)).fetchone()
    return row[0] if row else None
