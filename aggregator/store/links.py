"""The links between items: writes, closes and reads them, inside a transaction that the caller holds; never regroups.

Two items have one link a level, whichever of them it was decided for.
"""

import sqlite3
from typing import Any

from aggregator.model import Level, Link
from aggregator.store.rows import to_datetime, to_evidence, to_json
from aggregator.store.values import Tie

COLUMNS = (
    "one_source.url, one.guid, other_source.url, other.guid, level, score, evidence, rule, closed_at, closed_why"
    " FROM links JOIN items one ON one.id = item_id JOIN items other ON other.id = other_id"
    " JOIN sources one_source ON one_source.id = one.source_id"
    " JOIN sources other_source ON other_source.id = other.source_id"
)


def write(db: sqlite3.Connection, item_id: int, other_id: int, link: Link, at: int) -> bool:
    """Write a link; one that is there is brought up to date, and lives again if it was closed. → whether stories may
    change by it.
    """
    pair = (max(item_id, other_id), min(item_id, other_id), link.level)
    held = db.execute(
        "SELECT score, closed_at FROM links WHERE item_id = ? AND other_id = ? AND level = ?", pair
    ).fetchone()
    db.execute(
        "INSERT INTO links (item_id, other_id, level, score, evidence, rule, made_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET score = excluded.score, evidence = excluded.evidence, rule = excluded.rule,"
        " closed_at = NULL, closed_why = NULL",
        (*pair, link.score, to_json(link.evidence), link.rule, at),
    )
    return link.level is not Level.EVENT and held != (link.score, None)


def close(db: sqlite3.Connection, item_id: int, other_id: int, level: Level, why: str, at: int) -> bool:
    """Close a link, if it lives. → whether stories may change by it."""
    done = db.execute(
        "UPDATE links SET closed_at = ?, closed_why = ?"
        " WHERE item_id = ? AND other_id = ? AND level = ? AND closed_at IS NULL",
        (at, why, max(item_id, other_id), min(item_id, other_id), level),
    )
    return level is not Level.EVENT and done.rowcount > 0


def of_story(db: sqlite3.Connection, story_id: int, *, closed: bool) -> tuple[Link, ...]:
    """See Store.links."""
    rows = db.execute(
        f"SELECT {COLUMNS} WHERE one.story_id = ? AND other.story_id = one.story_id AND level <> ?"
        " AND (closed_at IS NOT NULL) = ? ORDER BY made_at, item_id, other_id, level",
        (story_id, Level.EVENT, closed),
    )
    return tuple(_tie(row).link for row in rows)


def of_item(db: sqlite3.Connection, item_id: int) -> tuple[Tie, ...]:
    """See Store.links_of."""
    rows = db.execute(
        f"SELECT {COLUMNS} WHERE item_id = ? OR other_id = ?"
        " ORDER BY closed_at IS NOT NULL, level, score DESC, item_id, other_id",
        (item_id, item_id),
    )
    return tuple(map(_tie, rows))


def of_texts(db: sqlite3.Connection, since: int) -> tuple[Link, ...]:
    """See Store.text_links."""
    seen = "SELECT item_id FROM prints JOIN items ON items.id = item_id WHERE first_seen >= ?"
    rows = db.execute(
        f"SELECT {COLUMNS} WHERE item_id IN ({seen}) AND level = ? AND closed_at IS NULL ORDER BY item_id, other_id",
        (since, Level.TEXT),
    )
    return tuple(_tie(row).link for row in rows)


def _tie(row: tuple[Any, ...]) -> Tie:
    url, guid, other_url, other_guid, level, score, evidence, rule, closed_at, why = row
    link = Link((url, guid), (other_url, other_guid), Level(level), score, to_evidence(evidence), rule)
    return Tie(link, to_datetime(closed_at) if closed_at else None, why or "")
