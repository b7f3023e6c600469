"""The longer readings of the SQLite store: each takes a connection in a transaction and gives values."""

import sqlite3
from collections.abc import Sequence

from aggregator.model import Item, Stored, Story
from aggregator.store.protocol import Hit, Totals
from aggregator.store.rows import STORED_COLUMNS, to_datetime, to_item, to_stored

VERSIONS_LIMIT = 5  # earlier ones that a new version is held against
HITS_LIMIT = 1000  # what bm25 ranks of a search that finds more: the newest


def stories(db: sqlite3.Connection, ids: Sequence[int]) -> tuple[Story, ...]:
    """The stories of these ids, in their order. Two queries."""
    marks = ",".join("?" * len(ids))
    items: dict[int, list[Stored]] = {}
    for row in db.execute(f"SELECT {STORED_COLUMNS} FROM items WHERE story_id IN ({marks}) ORDER BY id", ids):  # noqa: S608
        stored = to_stored(row)
        items.setdefault(stored.story_id, []).append(stored)
    rows = db.execute(f"SELECT id, entry_id, lead_id, sort_at FROM stories WHERE id IN ({marks})", ids)  # noqa: S608
    found = {
        story_id: _story(story_id, entry_id, lead_id, sort_at, items[story_id])
        for story_id, entry_id, lead_id, sort_at in rows
    }
    return tuple(found[story_id] for story_id in ids)


def _story(story_id: int, entry_id: str, lead_id: int, sort_at: int, items: list[Stored]) -> Story:
    lead = next(stored for stored in items if stored.id == lead_id)
    others = tuple(stored for stored in items if stored.id != lead_id)
    at = to_datetime(sort_at)
    return Story(story_id, entry_id, lead, others, at, max(lead.changed_at, at))


def versions(db: sqlite3.Connection, item_id: int) -> tuple[Item, ...]:
    """The last earlier versions of an item, oldest first."""
    sql = "SELECT content FROM revisions WHERE item_id = ? ORDER BY number DESC LIMIT ?"
    return tuple(to_item(content) for (content,) in db.execute(sql, (item_id, VERSIONS_LIMIT)))[::-1]


def hits(db: sqlite3.Connection, expression: str, limit: int, offset: int) -> tuple[Hit, ...]:
    """What matches, best first; a title counts four times a text. One hit a story."""
    rows = db.execute(
        f"SELECT {STORED_COLUMNS} FROM (SELECT rowid, rank FROM search_index WHERE search_index MATCH ?"  # noqa: S608
        " AND rank MATCH 'bm25(4.0, 1.0)' ORDER BY rowid DESC LIMIT ?) found"
        " JOIN items ON items.id = found.rowid ORDER BY found.rank, items.id DESC",
        (expression, HITS_LIMIT),
    )
    best: dict[int, Stored] = {}
    for row in rows:
        stored = to_stored(row)
        best.setdefault(stored.story_id, stored)
    chosen = list(best.values())[offset : offset + limit]
    told = stories(db, [stored.story_id for stored in chosen])
    return tuple(Hit(story, stored) for story, stored in zip(told, chosen, strict=True))


def totals(db: sqlite3.Connection) -> Totals:
    """Figures for the status page. Counts whole tables by their smallest index."""
    sources, failing, newest = db.execute(
        "SELECT count(*), coalesce(sum(state->>'$.error_count' > 0), 0), max(checked_at) FROM sources"
        " WHERE position IS NOT NULL"
    ).fetchone()
    (items,) = db.execute("SELECT coalesce(sum(items), 0) FROM sources").fetchone()
    (told,) = db.execute("SELECT count(*) FROM stories WHERE joined_to IS NULL").fetchone()
    opened = db.execute("SELECT 1 FROM marks WHERE name = 'log_open'").fetchone()
    return Totals(sources, failing, items, told, to_datetime(newest) if newest else None, opened is not None)
