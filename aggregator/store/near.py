"""Items that have runs of words in common with another: keeps prints as long as they are compared, finds them by their
grams; never says what is alike.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from struct import pack, unpack
from typing import Any

from aggregator.model import Key, Near, Print
from aggregator.store.rows import to_datetime

GRAM_LIMIT = 64  # items with one gram, the newest: what more have is a mould
NEAR_LIMIT = 16  # items compared, those with the most grams in common

PRINTS = """
SELECT url, guid, title, body, media, grams, at, dated FROM prints JOIN items ON items.id = item_id
JOIN sources ON sources.id = source_id
"""


def write(db: sqlite3.Connection, rows: Iterable[tuple[int, Print, int, bool]]) -> None:
    """Keep prints: (item, print, its date in seconds, whether its source gave that). About 25 rows each."""
    prints, grams = [], []
    for item_id, print_, at, dated in rows:
        packed = pack(f"<{len(print_.grams)}I", *print_.grams)
        prints.append((item_id, at, dated, print_.title, print_.body, print_.media, packed))
        grams += [(gram, item_id) for gram in print_.grams]
    db.executemany("INSERT INTO prints VALUES (?, ?, ?, ?, ?, ?, ?)", prints)
    db.executemany("INSERT INTO grams VALUES (?, ?)", grams)


def rewrite(db: sqlite3.Connection, rows: Iterable[tuple[int, Print, int, bool]]) -> None:
    """Replace the prints of items that have changed; those no longer kept stay away."""
    kept = [row for row in rows if _forget(db, row[0])]
    write(db, kept)


def forget(db: sqlite3.Connection, before: int, limit: int) -> int:
    """Forget the prints of the oldest items first seen `before` a time in seconds. → how many."""
    old = db.execute(
        "SELECT item_id FROM (SELECT item_id FROM prints ORDER BY item_id LIMIT ?) JOIN items ON items.id = item_id"
        " WHERE first_seen < ?",
        (limit, before),
    ).fetchall()
    for (item_id,) in old:
        _forget(db, item_id)
    return len(old)


def near(db: sqlite3.Connection, key: Key, print_: Print) -> tuple[Near, ...]:
    """The items that have most grams in common with a print, but for the item itself. A query for each gram."""
    counts: Counter[int] = Counter()
    for gram in print_.grams:
        counts.update(
            [
                found
                for (found,) in db.execute(
                    "SELECT item_id FROM grams WHERE gram = ? ORDER BY item_id DESC LIMIT ?", (gram, GRAM_LIMIT)
                )
            ]
        )
    ranked = sorted(counts.items(), key=lambda count: (-count[1], -count[0]))[: NEAR_LIMIT + 1]
    found = (_read(db, item_id) for item_id, _ in ranked)
    return tuple(other for other in found if other.item != key)[:NEAR_LIMIT]


def printed(db: sqlite3.Connection, since: int, after: int, limit: int) -> list[tuple[int, Near]]:
    """The items after an id that were first seen since a time in seconds and have a print, by id."""
    sql = "SELECT item_id FROM prints JOIN items ON items.id = item_id WHERE item_id > ? AND first_seen >= ?"
    rows = db.execute(f"{sql} ORDER BY item_id LIMIT ?", (after, since, limit)).fetchall()
    return [(item_id, _read(db, item_id)) for (item_id,) in rows]


def keyed(db: sqlite3.Connection, key: Key) -> Near | None:
    """The print of an item, None where it is no longer kept."""
    row = db.execute(f"{PRINTS} WHERE url = ? AND guid = ?", key).fetchone()
    return _near(row) if row else None


def _read(db: sqlite3.Connection, item_id: int) -> Near:
    return _near(db.execute(f"{PRINTS} WHERE item_id = ?", (item_id,)).fetchone())


def _near(row: tuple[Any, ...]) -> Near:
    url, guid, title, body, media, grams, at, dated = row
    moment = to_datetime(at)
    print_ = Print(title, body, _unpacked(grams), media)
    return Near((url, guid), print_, moment, moment if dated else None)


def _unpacked(grams: bytes) -> tuple[int, ...]:
    return unpack(f"<{len(grams) // 4}I", grams)


def _forget(db: sqlite3.Connection, item_id: int) -> bool:
    row = db.execute("SELECT grams FROM prints WHERE item_id = ?", (item_id,)).fetchone()
    if row is None:
        return False
    grams = [(gram, item_id) for gram in _unpacked(row[0])]
    db.executemany("DELETE FROM grams WHERE gram = ? AND item_id = ?", grams)
    db.execute("DELETE FROM prints WHERE item_id = ?", (item_id,))
    return True
