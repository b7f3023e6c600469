"""What editors have taken out of sight: hides items and whole sources, shows them again and says what was retracted,
inside a transaction that the caller holds. Nothing is deleted.

A hidden item is in no feed and in no story with others; what it was grouped with is told without it. `items.hidden`
counts the reasons for which an item is hidden: itself, its source.
"""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from aggregator.errors import HidingError
from aggregator.model import SOURCE, Hiding, Key, Tombstone
from aggregator.store.log import Log
from aggregator.store.moves import ID_OF_URL
from aggregator.store.rows import to_datetime
from aggregator.store.stories import component, regroup

LATE_SECONDS = 48 * 3600  # what is older and was never announced is not announced because something is hidden or shown
TOMBSTONES_LIMIT = 200  # of a feed; also the newest entries of a withdrawn source that are told of

SELECT = (
    "SELECT hidden.id, coalesce(own.url, withdrawn.url), coalesce(guid, ''), made_by, note, made_at, undone_at,"
    " undone_by, coalesce(act, hidden.id) FROM hidden LEFT JOIN items ON items.id = item_id"
    " LEFT JOIN sources own ON own.id = items.source_id LEFT JOIN sources withdrawn ON withdrawn.id = hidden.source_id"
)
# The entry of an item, if it entered a feed; and those of a source, from its newest on.
_OUT_OF_ITEM = """
SELECT entry_id, sequence FROM stories JOIN log ON log.story_id = stories.id
WHERE lead_id = ? AND feed = ? AND sequence IS NOT NULL LIMIT ?
"""
_OUT_OF_SOURCE = """
SELECT entry_id, sequence FROM items JOIN stories ON lead_id = items.id JOIN log ON log.story_id = stories.id
WHERE source_id = ? AND feed = ? AND sequence IS NOT NULL ORDER BY items.story_id DESC LIMIT ?
"""
# The entries that left the feed of a source because its item was hidden, which told it there though another one led.
_OUT_OF_FEED = """
SELECT entry_id, sequence, left_at FROM log JOIN stories ON stories.id = log.story_id
WHERE feed = ? AND sequence IS NOT NULL
AND left_at IN (SELECT made_at FROM hidden WHERE undone_at IS NULL AND made_at >= ?)
"""

_HIDDEN_BY = """
SELECT item_id FROM hidden WHERE id IN (SELECT value FROM json_each(?)) AND item_id IS NOT NULL
UNION SELECT items.id FROM hidden JOIN items USING (source_id)
WHERE hidden.id IN (SELECT value FROM json_each(?))
"""


def hide(db: sqlite3.Connection, item_id: int, by: str, note: str, at: int) -> Hiding:
    """See Store.hide."""
    if db.execute("SELECT 1 FROM items WHERE id = ?", (item_id,)).fetchone() is None:
        raise HidingError("there is no item %(number)s", number=item_id)
    held = db.execute("SELECT id FROM hidden WHERE item_id = ? AND undone_at IS NULL", (item_id,)).fetchone()
    return _one(db, held[0]) if held else _begin(db, "item_id", item_id, by, note, at, [item_id])


def withdraw(db: sqlite3.Connection, url: str, by: str, note: str, at: int) -> Hiding:
    """See Store.withdraw."""
    row = db.execute("SELECT id FROM sources WHERE url = ?", (url,)).fetchone()
    if row is None:
        raise HidingError("there is no source %(url)s", url=url)
    held = db.execute("SELECT id FROM hidden WHERE source_id = ? AND undone_at IS NULL", row).fetchone()
    return _one(db, held[0]) if held else _begin(db, "source_id", row[0], by, note, at, _items_of(db, row[0]))


def withdraw_all(db: sqlite3.Connection, urls: Iterable[str], by: str, note: str, at: int) -> tuple[Hiding, ...]:
    """See Store.withdraw_all."""
    last = int(db.execute("SELECT coalesce(max(id), 0) FROM hidden").fetchone()[0])
    told = [withdraw(db, url, by, note, at) for url in dict.fromkeys(urls)]
    new = [each.id for each in told if each.id > last]  # the others were withdrawn already, in acts of their own
    db.executemany("UPDATE hidden SET act = ? WHERE id = ?", [(new[0], number) for number in new])
    return tuple(_one(db, each.id) for each in told)


def undo_all(db: sqlite3.Connection, numbers: Iterable[int], by: str, at: int) -> tuple[Hiding, ...]:
    """See Store.unhide_all."""
    return tuple(undo(db, number, by, at) for number in numbers)


def items_of(db: sqlite3.Connection, numbers: Iterable[int]) -> list[int]:
    """The items that these hidings hide."""
    these = json.dumps(list(numbers))
    return [item for (item,) in db.execute(_HIDDEN_BY, (these, these))]


def undo(db: sqlite3.Connection, number: int, by: str, at: int) -> Hiding:
    """See Store.unhide."""
    row = db.execute("SELECT item_id, source_id, undone_at, undone_by FROM hidden WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise HidingError("there is no hiding %(number)s", number=number)
    if row[2] is not None:
        raise HidingError("hiding %(number)s is undone already, by %(name)s", number=number, name=row[3])
    db.execute("UPDATE hidden SET undone_at = ?, undone_by = ? WHERE id = ?", (at, by, number))
    _count(db, [row[0]] if row[1] is None else _items_of(db, row[1]), -1, at)
    return _one(db, number)


def read(db: sqlite3.Connection, rest: str = "", arguments: tuple[Any, ...] = ()) -> tuple[Hiding, ...]:
    """The hidings that `rest` chooses, newest first."""
    return tuple(map(_hiding, db.execute(f"{SELECT} {rest} ORDER BY hidden.id DESC", arguments)))


def is_withdrawn(db: sqlite3.Connection, source_id: int) -> bool:
    """Whether all that a source publishes is hidden."""
    sql = "SELECT 1 FROM hidden WHERE source_id = ? AND undone_at IS NULL"
    return db.execute(sql, (source_id,)).fetchone() is not None


def among(db: sqlite3.Connection, keys: Iterable[Key]) -> frozenset[Key]:
    """See Store.hidden_among."""
    sql = f"SELECT 1 FROM items WHERE source_id = {ID_OF_URL} AND guid = ? AND hidden"  # noqa: S608
    return frozenset((url, guid) for url, guid in keys if db.execute(sql, (url, url, guid)).fetchone())


def is_hidden(db: sqlite3.Connection, item_id: int) -> bool:
    """See Store.is_hidden."""
    row = db.execute("SELECT hidden FROM items WHERE id = ?", (item_id,)).fetchone()
    return row is None or row[0] > 0


def note(db: sqlite3.Connection) -> None:
    """Note that something is hidden or shown again."""
    db.execute("INSERT INTO marks VALUES ('hidden', 1) ON CONFLICT DO UPDATE SET value = value + 1")


def changes(db: sqlite3.Connection) -> int:
    """See Store.retractions."""
    row = db.execute("SELECT value FROM marks WHERE name = 'hidden'").fetchone()
    return int(row[0]) if row else 0


def retracted(db: sqlite3.Connection, feed: str, since: int) -> tuple[Tombstone, ...]:
    """See Store.retracted."""
    told = db.execute(
        "SELECT item_id, source_id, made_at FROM hidden WHERE undone_at IS NULL AND made_at >= ? ORDER BY id", (since,)
    ).fetchall()
    found: dict[str, tuple[int, int]] = {}
    for item_id, source_id, made_at in told:
        sql, of = (_OUT_OF_ITEM, item_id) if source_id is None else (_OUT_OF_SOURCE, source_id)
        for entry_id, sequence in db.execute(sql, (of, feed, TOMBSTONES_LIMIT)):
            found.setdefault(entry_id, (made_at, sequence))
    if feed.startswith(SOURCE):
        for entry_id, sequence, left_at in db.execute(_OUT_OF_FEED, (feed, since)):
            found.setdefault(entry_id, (left_at, sequence))
    newest = sorted(found.items(), key=lambda each: each[1], reverse=True)[:TOMBSTONES_LIMIT]
    return tuple(Tombstone(entry_id, to_datetime(at)) for entry_id, (at, _) in newest)


def _begin(db: sqlite3.Connection, column: str, of: int, by: str, note: str, at: int, items: list[int]) -> Hiding:
    sql = f"INSERT INTO hidden ({column}, made_by, note, made_at) VALUES (?, ?, ?, ?) RETURNING id"  # noqa: S608
    number = db.execute(sql, (of, by, note, at)).fetchone()[0]
    _count(db, items, 1, at)
    return _one(db, number)


def _count(db: sqlite3.Connection, items: list[int], by: int, at: int) -> None:
    db.executemany("UPDATE items SET hidden = hidden + ? WHERE id = ?", [(by, item) for item in items])
    note(db)
    log = Log(db, at, late_before=at - LATE_SECONDS)
    regroup(db, log, component(db, items))
    log.write()


def _items_of(db: sqlite3.Connection, source_id: int) -> list[int]:
    return [item for (item,) in db.execute("SELECT id FROM items WHERE source_id = ?", (source_id,))]


def _one(db: sqlite3.Connection, number: int) -> Hiding:
    return read(db, "WHERE hidden.id = ?", (number,))[0]


def _hiding(row: tuple[Any, ...]) -> Hiding:
    number, url, guid, by, note, made_at, undone_at, undone_by, act = row
    undone = to_datetime(undone_at) if undone_at else None
    return Hiding(number, url, guid, by, note, to_datetime(made_at), undone, undone_by, act)
