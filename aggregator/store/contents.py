"""Items read again and again: takes which items are wanted and how they stand, reads only those that are not held.

The head of a feed holds fifty stories of which one is new, and what an item holds is its longest part by far.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Any

from aggregator.model import Item, Stored
from aggregator.store.rows import to_datetime, to_item

COLUMNS = "id, story_id, first_seen, changed_at, revision, edition, hidden"  # the index items_story has them all
KEPT_ITEMS = 2048  # about 8 kB each

_Held = tuple[int, str, Item]  # edition, reason, item


class Contents:
    """The contents of items by id, each good for one edition. Safe to share between threads."""

    def __init__(self, limit: int = KEPT_ITEMS) -> None:
        self._limit = limit
        self._held: OrderedDict[int, _Held] = OrderedDict()
        self._lock = Lock()

    def of(self, db: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> list[Stored]:
        """The items of rows of COLUMNS, in their order. One query, none where all of them are held."""
        found = self._find((item_id, edition) for item_id, *_, edition, _ in rows)
        found |= self._read(db, [(item_id, edition) for item_id, *_, edition, _ in rows if item_id not in found])
        return [_stored(row, *found[row[0]]) for row in rows]

    def _find(self, wanted: Iterable[tuple[int, int]]) -> dict[int, tuple[str, Item]]:
        found = {}
        with self._lock:
            for item_id, edition in wanted:
                held = self._held.get(item_id)
                if held is not None and held[0] == edition:
                    self._held.move_to_end(item_id)
                    found[item_id] = held[1:]
        return found

    def _read(self, db: sqlite3.Connection, wanted: list[tuple[int, int]]) -> dict[int, tuple[str, Item]]:
        if not wanted:
            return {}
        editions = dict(wanted)
        sql = f"SELECT id, reason, content FROM items WHERE id IN ({','.join('?' * len(editions))})"  # noqa: S608
        rows = db.execute(sql, tuple(editions))
        found = {item_id: (reason, to_item(content)) for item_id, reason, content in rows}
        with self._lock:
            for item_id, (reason, item) in found.items():
                self._held[item_id] = editions[item_id], reason, item
                self._held.move_to_end(item_id)
            while len(self._held) > self._limit:
                self._held.popitem(last=False)
        return found


def _stored(row: tuple[Any, ...], reason: str, item: Item) -> Stored:
    item_id, story_id, first_seen, changed_at, revision, _, hidden = row
    seen, changed = to_datetime(first_seen), to_datetime(changed_at)
    return Stored(item_id, story_id, item, seen, changed, revision, reason, hidden > 0)
