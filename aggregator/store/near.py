"""Items that have runs of words in common with another: keeps prints as long as they are compared, finds them by their
grams; never says what is alike.
"""

import sqlite3
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from heapq import nlargest
from typing import Any

from msgspec import Struct

from aggregator.model import Key, Near, Print
from aggregator.model.prints import packed, unpacked
from aggregator.store.rows import to_datetime

GRAM_LIMIT = 24  # items with one gram, the newest: what more have is a mould
CHANCE_LIMIT = 3  # of those with one gram in common, which mostly is chance
NEAR_LIMIT = 12  # items compared, those with the most grams in common
KEPT_PRINTS = 1024  # about 12 kB each; reading one takes 25 µs

PRINTS = """
SELECT item_id, url, prints.guid, title, body, media, shingles, grams, at, dated FROM prints
JOIN sources ON sources.id = prints.source_id
"""


class Printed(Struct, frozen=True):
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
        words = print_.title, print_.body, print_.media, print_.shingles, packed(print_.grams)
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


class Prints:
    """Prints that are read again and again: the newest items are what most are compared with. For one connection, which
    says what it changes itself; what others commit makes it forget them all.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[int, Near] = OrderedDict()
        self._seen: tuple[sqlite3.Connection, int] | None = None

    def begin(self, db: sqlite3.Connection) -> None:
        """A transaction has begun."""
        (version,) = db.execute("PRAGMA data_version").fetchone()
        if (db, version) != self._seen:
            self._held.clear()
            self._seen = db, version

    def drop(self, keys: Collection[Key]) -> None:
        """The prints of these items have changed."""
        for item_id in [item_id for item_id, held in self._held.items() if held.item in keys]:
            del self._held[item_id]

    def clear(self) -> None:
        """Any may have changed."""
        self._held.clear()

    def of(self, db: sqlite3.Connection, item_ids: Sequence[int]) -> dict[int, Near]:
        """These prints."""
        held = self._held
        found = {item_id: held[item_id] for item_id in item_ids if item_id in held}
        for item_id in found:
            held.move_to_end(item_id)
        missing = [item_id for item_id in item_ids if item_id not in found]
        if missing:
            read = _read(db, missing)
            found |= read
            held.update(read)
            while len(held) > KEPT_PRINTS:
                held.popitem(last=False)
        return found


def near(db: sqlite3.Connection, key: Key, print_: Print, prints: Prints | None = None) -> tuple[Near, ...]:
    """The items that have most grams in common with a print, but for the item itself. Cost: a few µs for each gram."""
    if not print_.grams:
        return ()
    lists = [found for (found,) in db.execute(_with_grams(len(print_.grams)), print_.grams) if found]
    chosen = _ranked(Counter(",".join(lists).split(","))) if lists else []
    found = prints.of(db, chosen) if prints else _read(db, chosen)
    return tuple(found[item_id] for item_id in chosen if found[item_id].item != key)[:NEAR_LIMIT]


def _ranked(counts: Counter[str]) -> list[int]:
    """The items with the most grams, the newer first; few of those with one alone."""
    often = sorted(((times, int(item_id)) for item_id, times in counts.items() if times > 1), reverse=True)
    chosen = [item_id for _, item_id in often[: NEAR_LIMIT + 1]]
    room = min(CHANCE_LIMIT, NEAR_LIMIT + 1 - len(chosen))
    return chosen + nlargest(room, (int(item_id) for item_id, times in counts.items() if times == 1))


def _read(db: sqlite3.Connection, item_ids: Sequence[int]) -> dict[int, Near]:
    marks = ",".join("?" * len(item_ids))
    return {row[0]: _near(row[1:]) for row in db.execute(f"{PRINTS} WHERE item_id IN ({marks})", item_ids)}


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
    newest = f"SELECT item_id FROM grams WHERE gram = column1 ORDER BY item_id DESC LIMIT {GRAM_LIMIT}"  # noqa: S608
    given = ",".join(["(?)"] * count)
    return f"SELECT (SELECT group_concat(item_id) FROM ({newest})) FROM (VALUES {given})"  # noqa: S608


def _near(row: tuple[Any, ...]) -> Near:
    url, guid, title, body, media, shingles, grams, at, dated = row
    moment = to_datetime(at)
    print_ = Print(title, body, shingles, unpacked(grams), media)
    return Near((url, guid), print_, moment, moment if dated else None)


def _forget(db: sqlite3.Connection, item_id: int) -> bool:
    row = db.execute("SELECT grams FROM prints WHERE item_id = ?", (item_id,)).fetchone()
    if row is None:
        return False
    grams = [(gram, item_id) for gram in unpacked(row[0])]
    db.executemany("DELETE FROM grams WHERE gram = ? AND item_id = ?", grams)
    db.execute("DELETE FROM prints WHERE item_id = ?", (item_id,))
    return True
