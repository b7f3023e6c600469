"""Items that have runs of words in common with another: keeps prints as long as they are compared, finds them by their
grams; never says what is alike.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from struct import pack, unpack

from aggregator.model import Key, Near, Print
from aggregator.store.rows import to_datetime

GRAM_LIMIT = 64  # items with one gram, the newest: what more have is a mould
NEAR_LIMIT = 16  # items compared, those with the most grams in common

FOUND = """
SELECT url, guid, title, body, media, at, dated FROM prints JOIN items ON items.id = item_id
JOIN sources ON sources.id = source_id WHERE item_id = ?
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
        "SELECT item_id FROM prints JOIN items ON items.id = item_id WHERE item_id <="
        " (SELECT coalesce(max(id), 0) FROM items WHERE first_seen < ?) ORDER BY item_id LIMIT ?",
        (before, limit),
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


def _read(db: sqlite3.Connection, item_id: int) -> Near:
    url, guid, title, body, media, at, dated = db.execute(FOUND, (item_id,)).fetchone()
    moment = to_datetime(at)
    return Near((url, guid), Print(title, body, (), media), moment, moment if dated else None)


def _forget(db: sqlite3.Connection, item_id: int) -> bool:
    row = db.execute("SELECT grams FROM prints WHERE item_id = ?", (item_id,)).fetchone()
    if row is None:
        return False
    grams = unpack(f"<{len(row[0]) // 4}I", row[0])
    db.executemany("DELETE FROM grams WHERE gram = ? AND item_id = ?", [(gram, item_id) for gram in grams])
    db.execute("DELETE FROM prints WHERE item_id = ?", (item_id,))
    return True
