"""The longer readings of the SQLite store: each takes a connection in a transaction and gives values."""

import sqlite3
from collections.abc import Collection, Sequence

from aggregator.model import Item, Stored, Story
from aggregator.store.contents import COLUMNS, Contents
from aggregator.store.rows import STORED_COLUMNS, to_datetime, to_item, to_stored
from aggregator.store.values import Totals

HEAD = (
    "SELECT story_id, entered_at FROM log WHERE feed = ? AND sequence IS NOT NULL AND left_at IS NULL"
    " ORDER BY sequence DESC LIMIT ?"
)
# CROSS JOIN: from the stories of the event to the log, not through the whole log.
FIRST_OF_EVENTS = """
SELECT story_id, entered_at FROM log JOIN stories ON stories.id = story_id
WHERE feed = ? AND sequence IS NOT NULL AND left_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM stories other CROSS JOIN log earlier ON earlier.story_id = other.id
    WHERE other.event = stories.event AND earlier.feed = log.feed AND earlier.sequence < log.sequence
    AND earlier.left_at IS NULL
) ORDER BY sequence DESC LIMIT ?
"""
TITLES_LIMIT = 500
VERSIONS_LIMIT = 5  # earlier ones that a new version is held against


def stories(db: sqlite3.Connection, contents: Contents, ids: Sequence[int]) -> tuple[Story, ...]:
    """The stories of these ids, in their order. Four queries; what items hold is read where `contents` does not."""
    marks = ",".join("?" * len(ids))
    items: dict[int, list[Stored]] = {}
    found = db.execute(f"SELECT {COLUMNS} FROM items WHERE story_id IN ({marks}) ORDER BY id", ids)  # noqa: S608
    for stored in contents.of(db, found.fetchall()):
        items.setdefault(stored.story_id, []).append(stored)
    rows = db.execute(f"SELECT id, entry_id, lead_id, sort_at, event FROM stories WHERE id IN ({marks})", ids)  # noqa: S608
    told = rows.fetchall()
    sources = _sources_of_events(db, {event for *_, event in told if event is not None})
    made = {
        story_id: _story(story_id, entry_id, lead_id, sort_at, items[story_id], event, sources.get(event, 0))
        for story_id, entry_id, lead_id, sort_at, event in told
    }
    return tuple(made[story_id] for story_id in ids)


def opened(db: sqlite3.Connection, contents: Contents, ids: Sequence[int]) -> tuple[Story, ...]:
    """The stories of these ids, in their order; one that is part of another as the item that opened it tells it."""
    marks = ",".join("?" * len(ids))
    rows = db.execute(
        f"SELECT {STORED_COLUMNS}, stories.id, entry_id, lead_id, sort_at FROM stories JOIN items ON items.id = lead_id"  # noqa: S608
        f" WHERE stories.id IN ({marks}) AND joined_to IS NOT NULL",
        ids,
    )
    alone: dict[int, Story] = {}
    for *columns, story_id, entry_id, lead_id, sort_at in rows:
        alone[story_id] = _story(story_id, entry_id, lead_id, sort_at, [to_stored(tuple(columns))], None, 0)
    told = iter(stories(db, contents, [story_id for story_id in ids if story_id not in alone]))
    return tuple(alone.get(story_id) or next(told) for story_id in ids)


def _sources_of_events(db: sqlite3.Connection, events: Collection[int]) -> dict[int, int]:
    if not events:
        return {}
    marks = ",".join("?" * len(events))
    rows = db.execute(
        f"SELECT event, count(DISTINCT source_id) FROM stories JOIN items ON story_id = stories.id"  # noqa: S608
        f" WHERE event IN ({marks}) AND NOT hidden GROUP BY event",
        tuple(events),
    )
    return dict(rows.fetchall())


def _story(
    story_id: int, entry_id: str, lead_id: int, sort_at: int, items: list[Stored], event: int | None, sources: int
) -> Story:
    lead = next(stored for stored in items if stored.id == lead_id)
    others = tuple(stored for stored in items if stored.id != lead_id)
    at = to_datetime(sort_at)
    return Story(story_id, entry_id, lead, others, at, max(lead.changed_at, at), event, sources)


def versions(db: sqlite3.Connection, item_id: int) -> tuple[Item, ...]:
    """The last earlier versions of an item, oldest first."""
    sql = "SELECT content FROM revisions WHERE item_id = ? ORDER BY number DESC LIMIT ?"
    return tuple(to_item(content) for (content,) in db.execute(sql, (item_id, VERSIONS_LIMIT)))[::-1]


def titles(db: sqlite3.Connection, source_id: int) -> frozenset[str]:
    """The titles of the newest items of a source."""
    sql = "SELECT content->>'$.title' FROM items WHERE source_id = ? ORDER BY id DESC LIMIT ?"
    return frozenset(title for (title,) in db.execute(sql, (source_id, TITLES_LIMIT)))


def totals(db: sqlite3.Connection) -> Totals:
    """Figures for the status page; each item has opened a story, which is told unless it was joined to another."""
    sources, failing, newest = db.execute(
        "SELECT count(*), coalesce(sum(state->>'$.error_count' > 0), 0), max(checked_at) FROM sources"
        " WHERE position IS NOT NULL"
    ).fetchone()
    (items,) = db.execute("SELECT coalesce(sum(items), 0) FROM sources").fetchone()
    (joined,) = db.execute("SELECT value FROM marks WHERE name = 'joined'").fetchone()
    opened = db.execute("SELECT 1 FROM marks WHERE name = 'log_open'").fetchone()
    (pushed,) = db.execute("SELECT count(*) FROM followings WHERE state = 'confirmed'").fetchone()
    at = to_datetime(newest) if newest else None
    return Totals(sources, failing, items, items - joined, at, opened is not None, pushed)
