"""Items that have runs of words in common with another: keeps prints as long as they are compared, finds them by their
grams; never says what is alike.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from struct import pack, unpack
from typing import Any

from aggregator.model import Key, Near, Print
from aggregator.store.rows import to_datetime

GRAM_LIMIT = 24  # items with one gram, the newest: what more have is a mould
CHANCE_LIMIT = 3  # of those with one gram in common, which mostly is chance
NEAR_LIMIT = 12  # items compared, those with the most grams in common

PRINTS = """
SELECT item_id, url, prints.guid, title, body, media, shingles, grams, at, dated FROM prints
JOIN sources ON sources.id = prints.source_id
"""


@dataclass(frozen=True, slots=True)
class Printed:
    """An item's print on its way into the tables."""

    item_id: int
    source_id: int
    guid: str
    print: Print
    at: int  # seconds: published, or first seen
    dated: bool  # whether its source said when


def write(db: sqlite3.Connection, printed: Iterable[Printed]) -> None:
    """Keep prints. About 20 rows each."""
    prints, grams = [], []
    for each in printed:
        item_id, print_ = each.item_id, each.print
        words = print_.title, print_.body, print_.media, _packed(print_.shingles), _packed(print_.grams)
        prints.append((item_id, each.source_id, each.guid, each.at, each.dated, *words))
        grams += [(gram, item_id) for gram in print_.grams]
    db.executemany(
        "INSERT INTO prints (item_id, source_id, guid, at, dated, title, body, media, shingles, grams)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        prints,
    )
    db.executemany("INSERT INTO grams VALUES (?, ?)", grams)


def rewrite(db: sqlite3.Connection, printed: Iterable[Printed]) -> None:
    """Replace the prints of items that have changed; those no longer kept stay away."""
    write(db, [each for each in printed if _forget(db, each.item_id)])


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
    """The items that have most grams in common with a print, but for the item itself. Cost: a few µs for each gram."""
    if not print_.grams:
        return ()
    counts = Counter(map(itemgetter(0), db.execute(_with_grams(len(print_.grams)), print_.grams)))
    ranked = sorted(counts.items(), key=lambda count: (-count[1], -count[0]))[: NEAR_LIMIT + 1]
    often = sum(times > 1 for _, times in ranked)
    chosen = [item_id for item_id, _ in ranked[: often + CHANCE_LIMIT]]
    marks = ",".join("?" * len(chosen))
    found = {row[0]: _near(row[1:]) for row in db.execute(f"{PRINTS} WHERE item_id IN ({marks})", chosen)}
    return tuple(found[item_id] for item_id in chosen if found[item_id].item != key)[:NEAR_LIMIT]


def printed(db: sqlite3.Connection, since: int, after: int, limit: int) -> list[tuple[int, Near]]:
    """The items after an id that were first seen since a time in seconds and have a print, by id."""
    sql = f"{PRINTS} JOIN items ON items.id = item_id WHERE item_id > ? AND first_seen >= ? ORDER BY item_id LIMIT ?"
    return [(row[0], _near(row[1:])) for row in db.execute(sql, (after, since, limit))]


def keyed(db: sqlite3.Connection, key: Key) -> Near | None:
    """The print of an item, None where it is no longer kept."""
    item = "SELECT items.id FROM items JOIN sources ON sources.id = source_id WHERE url = ? AND guid = ?"
    row = db.execute(f"{PRINTS} WHERE item_id = ({item})", key).fetchone()
    return _near(row[1:]) if row else None


@lru_cache  # SQLite keeps what it has compiled by the text of the query
def _with_grams(count: int) -> str:
    newest = f"SELECT * FROM (SELECT item_id FROM grams WHERE gram = ? ORDER BY item_id DESC LIMIT {GRAM_LIMIT})"  # noqa: S608
    return " UNION ALL ".join([newest] * count)


def _near(row: tuple[Any, ...]) -> Near:
    url, guid, title, body, media, shingles, grams, at, dated = row
    moment = to_datetime(at)
    print_ = Print(title, body, _unpacked(shingles), _unpacked(grams), media)
    return Near((url, guid), print_, moment, moment if dated else None)


def _packed(numbers: tuple[int, ...]) -> bytes:
    return pack(f"<{len(numbers)}I", *numbers)


def _unpacked(numbers: bytes) -> tuple[int, ...]:
    return unpack(f"<{len(numbers) // 4}I", numbers)


def _forget(db: sqlite3.Connection, item_id: int) -> bool:
    row = db.execute("SELECT grams FROM prints WHERE item_id = ?", (item_id,)).fetchone()
    if row is None:
        return False
    grams = [(gram, item_id) for gram in _unpacked(row[0])]
    db.executemany("DELETE FROM grams WHERE gram = ? AND item_id = ?", grams)
    db.execute("DELETE FROM prints WHERE item_id = ?", (item_id,))
    return True
