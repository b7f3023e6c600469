"""What editors say of two items: makes, undoes and reads pins, inside a transaction that the caller holds.

A pin outweighs every link until it is undone, and what was so before is so again then. One pin is one act.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any

from aggregator.errors import PinError
from aggregator.model import Pin, PinKind
from aggregator.store.groups import Word, contradiction
from aggregator.store.log import Log
from aggregator.store.rows import to_datetime
from aggregator.store.stories import by_rank, component, regroup

SELECT = (
    "SELECT pins.id, kind, one_source.url, one.guid, other_source.url, other.guid, made_by, note, made_at, undone_at,"
    " undone_by FROM pins JOIN items one ON one.id = item_id JOIN items other ON other.id = other_id"
    " JOIN sources one_source ON one_source.id = one.source_id"
    " JOIN sources other_source ON other_source.id = other.source_id"
)


def pin(db: sqlite3.Connection, kind: PinKind, item_id: int, other_id: int, by: str, note: str, at: int) -> Pin:
    """See Store.pin."""
    _story_of(db, item_id), _story_of(db, other_id)
    if item_id == other_id:
        raise PinError("item %(item)s cannot be pinned to itself", item=item_id)
    held = db.execute(
        "SELECT id, kind FROM pins WHERE item_id = ? AND other_id = ? AND undone_at IS NULL"
        " UNION ALL SELECT id, kind FROM pins WHERE item_id = ? AND other_id = ? AND undone_at IS NULL",
        (item_id, other_id, other_id, item_id),
    ).fetchone()
    if held and held[1] == kind:
        return _one(db, held[0])
    number = db.execute(
        "INSERT INTO pins (kind, item_id, other_id, made_by, note, made_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        (kind, item_id, other_id, by, note, at),
    ).fetchone()[0]
    if held:
        sql = "UPDATE pins SET undone_at = ?, undone_by = ?, replaced_by = ? WHERE id = ?"
        db.execute(sql, (at, by, number, held[0]))
    _regroup(db, number, (item_id, other_id), at)
    return _one(db, number)


def split(db: sqlite3.Connection, item_id: int, by: str, note: str, at: int) -> Pin:
    """See Store.split."""
    others = [item for item in by_rank(db, _story_of(db, item_id)) if item != item_id]
    if not others:
        raise PinError("item %(item)s is alone in its story", item=item_id)
    return pin(db, PinKind.CANNOT, item_id, others[0], by, note, at)


def undo(db: sqlite3.Connection, number: int, by: str, at: int) -> Pin:
    """See Store.undo_pin."""
    row = db.execute("SELECT item_id, other_id, undone_at, undone_by FROM pins WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise PinError("there is no pin %(number)s", number=number)
    if row[2] is not None:
        raise PinError("pin %(number)s is undone already, by %(name)s", number=number, name=row[3])
    db.execute("UPDATE pins SET undone_at = ?, undone_by = ? WHERE id = ?", (at, by, number))
    revived = db.execute(
        "UPDATE pins SET undone_at = NULL, undone_by = '', replaced_by = NULL WHERE replaced_by = ? RETURNING id",
        (number,),
    ).fetchone()
    again = revived[0] if revived else 0
    _regroup(db, again, row[:2], at, is_again=True)
    return _one(db, number)


def read(db: sqlite3.Connection, rest: str = "", arguments: tuple[Any, ...] = ()) -> tuple[Pin, ...]:
    """The pins that `rest` chooses, newest first."""
    return tuple(map(_pin, db.execute(f"{SELECT} {rest} ORDER BY pins.id DESC", arguments)))


def of_story(db: sqlite3.Connection, story_id: int) -> tuple[Pin, ...]:
    """See Store.pins_of."""
    its = (
        "SELECT pins.id FROM items JOIN pins ON item_id = items.id WHERE story_id = ? AND undone_at IS NULL"
        " UNION SELECT pins.id FROM items JOIN pins ON other_id = items.id WHERE story_id = ? AND undone_at IS NULL"
    )
    return read(db, f"WHERE pins.id IN ({its})", (story_id, story_id))


def _regroup(db: sqlite3.Connection, number: int, items: Iterable[int], at: int, *, is_again: bool = False) -> None:
    found = component(db, items)
    if against := contradiction(found.pins):
        told = ", ".join(_told(word) for word in against if word.pin != number)
        if is_again:
            raise PinError(
                "pin %(number)s, which it replaced, contradicts %(pins)s; undo one of these first",
                number=number,
                pins=told,
            )
        raise PinError("it contradicts %(pins)s; undo one of these first", pins=told)
    log = Log(db, at)
    regroup(db, log, found)
    log.write()


def _told(word: Word) -> str:
    sign = "=" if word.kind is PinKind.MUST else "≠"
    return f"pin {word.pin} (item {word.item} {sign} item {word.other})"


def _story_of(db: sqlite3.Connection, item_id: int) -> int:
    row = db.execute("SELECT story_id FROM items WHERE id = ?", (item_id,)).fetchone()
    if row is None:
        raise PinError("there is no item %(number)s", number=item_id)
    return int(row[0])


def _one(db: sqlite3.Connection, number: int) -> Pin:
    return read(db, "WHERE pins.id = ?", (number,))[0]


def _pin(row: tuple[Any, ...]) -> Pin:
    number, kind, url, guid, other_url, other_guid, by, note, made_at, undone_at, undone_by = row
    return Pin(
        number, PinKind(kind), (url, guid), (other_url, other_guid), by, note, to_datetime(made_at),
        to_datetime(undone_at) if undone_at else None, undone_by,
    )  # fmt: skip
