"""Keeps rules and corrections, and says what they make of items: inside a transaction that the caller holds, and never
for items that are stored already; see `aggregator.store.retelling`.

An item is stored as it is told. Where rules or corrections make it another one, `bases` keeps what its source gave it.
"""

import sqlite3
from collections.abc import Iterable
from functools import lru_cache

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from aggregator.errors import StoreError
from aggregator.model import NO_CORRECTION, Category, Correction, Genre, Item, Rulebook, Standing
from aggregator.rules import Judge
from aggregator.store.rows import to_json

TABLES = """
-- The rules that hold, as JSON of model.Rulebook; no row until there are any.
CREATE TABLE rulebook (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, content TEXT NOT NULL);
-- What editors say of single items, as JSON of model.Correction.
CREATE TABLE corrections (item_id INTEGER PRIMARY KEY REFERENCES items (id), content TEXT NOT NULL);
-- What their sources give items that rules or corrections made others: JSON of model.Category values, and the genre.
-- `blocked`: a rule takes the item out of every feed, which is one of the reasons that `items.hidden` counts.
CREATE TABLE bases (
    item_id INTEGER PRIMARY KEY REFERENCES items (id),
    categories TEXT NOT NULL,
    genre TEXT NOT NULL,
    blocked INTEGER NOT NULL
);
"""

_rulebook = msgspec.json.Decoder(Rulebook).decode
_correction = msgspec.json.Decoder(Correction).decode


class Judged(Struct, frozen=True):
    """An item as it is to be stored."""

    item: Item
    standing: Standing
    is_own: bool  # it is what its source gave: nothing has to be kept beside it
    is_corrected: bool = False  # an editor chose its categories


def read(db: sqlite3.Connection) -> Rulebook:
    """The rules that hold."""
    row = db.execute("SELECT content FROM rulebook").fetchone()
    return _rulebook(row[0]) if row else Rulebook()


def write(db: sqlite3.Connection, book: Rulebook) -> None:
    """Let these rules hold instead of those of their version; the version moves. StoreError if that is not the one that
    holds.
    """
    held = read(db)
    if held.version != book.version:
        raise StoreError(f"while writing rules: these are of version {book.version}, not of {held.version}")
    new = replace(book, version=held.version + 1, last_id=max(book.last_id, held.last_id))
    db.execute("INSERT OR REPLACE INTO rulebook VALUES (1, ?, ?)", (new.version, to_json(new)))


def move(db: sqlite3.Connection, old: str, new: str) -> None:
    """Let the rules of a source go along to another address of it."""
    book = read(db)
    rules = tuple(replace(rule, source=new) if rule.source == old else rule for rule in book.rules)
    if rules != book.rules:
        write(db, replace(book, rules=rules))


def judge_of(db: sqlite3.Connection) -> Judge | None:
    """The rules, ready to be asked; None where there is none."""
    row = db.execute("SELECT content FROM rulebook").fetchone()
    judge = _judge(row[0]) if row else None
    return judge if judge and judge.rules else None


@lru_cache(4)
def _judge(content: str) -> Judge:
    return Judge(_rulebook(content).rules)


def judged(judge: Judge | None, item: Item, correction: Correction = NO_CORRECTION) -> Judged:
    """What rules and a correction make of an item as its source gives it."""
    if judge is None and correction == NO_CORRECTION:
        return Judged(item, Standing(item.categories, item.genre), is_own=True)
    standing = (judge or Judge(())).standing(item, correction)
    told = replace(item, categories=standing.categories, genre=standing.genre)
    is_own = told == item and not standing.is_blocked
    return Judged(told, standing, is_own, bool(correction.categories))


def correction_of(db: sqlite3.Connection, item_id: int) -> Correction:
    """What editors say of an item."""
    row = db.execute("SELECT content FROM corrections WHERE item_id = ?", (item_id,)).fetchone()
    return to_correction(row[0]) if row else NO_CORRECTION


def to_correction(content: str | None) -> Correction:
    """The correction of a row, or none."""
    return _correction(content) if content else NO_CORRECTION


def correct(db: sqlite3.Connection, item_id: int, correction: Correction) -> None:
    """Keep what an editor says of an item, in place of what was said before."""
    if correction == NO_CORRECTION:
        db.execute("DELETE FROM corrections WHERE item_id = ?", (item_id,))
    else:
        db.execute("INSERT OR REPLACE INTO corrections VALUES (?, ?)", (item_id, to_json(correction)))


def keep_base(
    db: sqlite3.Connection, item_id: int, categories: Iterable[Category], genre: Genre, *, is_blocked: bool
) -> None:
    """Keep what the source gave an item that is told otherwise."""
    row = (item_id, to_json(tuple(categories)), genre, is_blocked)
    db.execute("INSERT OR REPLACE INTO bases VALUES (?, ?, ?, ?)", row)


def drop_base(db: sqlite3.Connection, item_id: int) -> None:
    """Note that an item is told as its source gives it."""
    db.execute("DELETE FROM bases WHERE item_id = ?", (item_id,))


def is_blocked(db: sqlite3.Connection, item_id: int) -> bool:
    """Whether a rule takes an item out of every feed."""
    return db.execute("SELECT 1 FROM bases WHERE item_id = ? AND blocked", (item_id,)).fetchone() is not None
