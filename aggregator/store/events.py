"""What stories tell, and which of them tell of one event: keeps gists as long as they are compared and answers what the
finding of events asks, inside a transaction that the caller holds; never says what is alike.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import lru_cache

from aggregator.model import Frequencies, Gist, Key, Level, Link, Stored
from aggregator.store import links as ties
from aggregator.store.log import change, note_told
from aggregator.store.rows import STORED_COLUMNS, to_bytes, to_gist, to_seconds, to_stored
from aggregator.store.stories import id_of

FEATURE_LIMIT = 24  # stories with one word, the newest: what more have tells little
TOGETHER_LIMIT = 100  # stories of one event that are grouped anew, the newest
COUNTED_LEAST = 10_000  # stories; of fewer, all are counted for good
COUNTED_WINDOWS = 6  # how many windows' stories the frequencies are counted over, before they are halved
ALONE = "SELECT content FROM gists WHERE item_id = ? LIMIT ?"
OF_EVENT = (
    "SELECT content FROM gists WHERE item_id IN (SELECT lead_id FROM stories WHERE event = ?)"
    " ORDER BY item_id DESC LIMIT ?"
)
REGROUPED = "a later story showed another grouping"


class Window:
    """The stories of the last days; see `aggregator.store.Window`."""

    def __init__(self, db: sqlite3.Connection, at: int) -> None:
        self._db = db
        self._at = at
        self.size = int(db.execute("SELECT count(*) FROM gists").fetchone()[0])
        self.has_changed = False  # whether any event did

    def frequencies(self, stems: Iterable[str]) -> Frequencies:
        """See Window."""
        sql = "SELECT stem, stories FROM stems WHERE stem IN (SELECT value FROM json_each(?))"
        counts = dict(self._db.execute(sql, (json.dumps(list(stems)),)).fetchall())
        return Frequencies(_counted(self._db), counts)

    def alike(self, gist: Gist, since: datetime, limit: int) -> tuple[Gist, ...]:
        """See Window. Two queries; a third where some of the most alike are too old."""
        lookups = gist.lookups
        if not lookups:
            return ()
        words = [part for feature, weight in lookups.items() for part in (weight, feature)]
        ranked = [item_id for (item_id,) in self._db.execute(_with_words(len(lookups)), (*words, 4 * limit))]
        found = self._since(since, ranked[:limit])
        if len(found) < limit < len(ranked):
            found += self._since(since, ranked[limit:])
        return tuple(map(to_gist, found[:limit]))

    def _since(self, since: datetime, item_ids: Sequence[int]) -> list[bytes]:
        """The gists of these stories, in their order, but for older ones."""
        sql = "SELECT item_id, content FROM gists WHERE item_id IN (SELECT value FROM json_each(?)) AND at >= ?"
        found = dict(self._db.execute(sql, (json.dumps(item_ids), to_seconds(since))).fetchall())
        return [found[item_id] for item_id in item_ids if item_id in found]

    def together(self, keys: Iterable[Key]) -> tuple[Gist, ...]:
        """See Window."""
        found: dict[Key, Gist] = {}
        for key in keys:
            item_id = id_of(self._db, key)
            event = self._event_of(item_id)
            sql, about = (ALONE, item_id) if event is None else (OF_EVENT, event)
            gists = (to_gist(content) for (content,) in self._db.execute(sql, (about, TOGETHER_LIMIT)))
            found |= {gist.key: gist for gist in gists}
        return tuple(found.values())

    def add(self, gist: Gist) -> None:
        """See Window."""
        item_id = id_of(self._db, gist.key)
        self._db.execute("INSERT INTO gists VALUES (?, ?, ?)", (item_id, to_seconds(gist.at), to_bytes(gist)))
        words = [(feature, item_id, weight) for feature, weight in gist.lookups.items()]
        self._db.executemany("INSERT INTO gist_words VALUES (?, ?, ?)", words)
        sql = "INSERT INTO stems VALUES (?, 1) ON CONFLICT DO UPDATE SET stories = stories + 1"
        self._db.executemany(sql, [(stem,) for stem in gist.stems])
        self._db.execute("UPDATE marks SET value = value + 1 WHERE name = 'counted'")
        self.size += 1

    def group(self, events: Sequence[tuple[Gist, ...]], links: Iterable[Link]) -> None:
        """See Window. What was forgotten of an event goes with the first of those that it becomes."""
        self.has_changed = True
        items = [[id_of(self._db, gist.key) for gist in event] for event in events]
        held = {item: self._event_of(item) for event in items for item in event}
        self._db.executemany("UPDATE stories SET event = NULL WHERE lead_id = ?", [(item,) for item in held])
        sql = (
            "SELECT id FROM stories WHERE lead_id IN (SELECT value FROM json_each(?))"
            " UNION SELECT id FROM stories WHERE event IN (SELECT value FROM json_each(?))"
        )
        taken: set[int | None] = {None}
        for event in items:
            names = {held[item] for item in event} - taken
            taken |= names
            told = [story for (story,) in self._db.execute(sql, (json.dumps(event), json.dumps(list(names))))]
            if len(told) > 1:
                first = min(told)
                self._db.executemany("UPDATE stories SET event = ? WHERE id = ?", [(first, story) for story in told])
        self._link({gist.key for event in events for gist in event}, list(links))

    def _link(self, keys: AbstractSet[Key], links: Sequence[Link]) -> None:
        """Make these links the only ones of level C between these stories; those to what was forgotten of their event
        stay.
        """
        wanted = {frozenset((link.item, link.other)) for link in links}
        for key in keys:
            for tie in ties.of_item(self._db, id_of(self._db, key)):
                link, pair = tie.link, {tie.link.item, tie.link.other}
                if link.level is Level.EVENT and tie.closed_at is None and pair not in wanted:
                    one, other = id_of(self._db, link.item), id_of(self._db, link.other)
                    if pair <= keys or self._event_of(one) != self._event_of(other):
                        ties.close(self._db, one, other, Level.EVENT, REGROUPED, self._at)
        for link in links:
            ties.write(self._db, id_of(self._db, link.item), id_of(self._db, link.other), link, self._at)

    def _event_of(self, item_id: int) -> int | None:
        (event,) = self._db.execute("SELECT event FROM stories WHERE lead_id = ?", (item_id,)).fetchone()
        return None if event is None else int(event)


@lru_cache  # SQLite keeps what it has compiled by the text of the query
def _with_words(count: int) -> str:
    """The stories that have so many words, given with their weights, those with the greatest sum of products first."""
    newest = (
        "SELECT * FROM (SELECT item_id, weight * ? AS product FROM gist_words WHERE feature = ?"  # noqa: S608
        f" ORDER BY item_id DESC LIMIT {FEATURE_LIMIT})"
    )
    each = " UNION ALL ".join([newest] * count)
    return f"SELECT item_id FROM ({each}) GROUP BY item_id ORDER BY sum(product) DESC, item_id DESC LIMIT ?"  # noqa: S608


def waiting(db: sqlite3.Connection, limit: int) -> list[Stored]:
    """The oldest stories whose event was not looked for yet, each by the item that leads it."""
    sql = (
        f"SELECT {STORED_COLUMNS} FROM items JOIN stories ON lead_id = items.id"  # noqa: S608
        " WHERE items.id > (SELECT value FROM marks WHERE name = 'gathered') AND joined_to IS NULL"
        " ORDER BY items.id LIMIT ?"
    )
    return [to_stored(row) for row in db.execute(sql, (limit,))]


def gathered(db: sqlite3.Connection, item_id: int, feeds: Iterable[str], at: int, *, is_changed: bool) -> None:
    """Note that all up to this item were looked at and, if events changed by it, that the bytes of these feeds may."""
    db.execute("UPDATE marks SET value = ? WHERE name = 'gathered'", (item_id,))
    if is_changed:
        change(db, feeds, at)
        note_told(db)


def forget(db: sqlite3.Connection, before: int, limit: int) -> int:
    """Forget the oldest gists of stories from `before` a time in seconds. → how many. Events stay as they are, and so
    do counts: how common a word is shows over more than a window. They are halved before they grow old.
    """
    sql = "SELECT item_id, content FROM (SELECT * FROM gists ORDER BY item_id LIMIT ?) WHERE at < ?"
    old = db.execute(sql, (limit, before)).fetchall()
    for item_id, content in old:
        words = [(feature, item_id) for feature in to_gist(content).lookups]
        db.executemany("DELETE FROM gist_words WHERE feature = ? AND item_id = ?", words)
        db.execute("DELETE FROM gists WHERE item_id = ?", (item_id,))
    (size,) = db.execute("SELECT count(*) FROM gists").fetchone()
    if _counted(db) > max(COUNTED_LEAST, COUNTED_WINDOWS * size):
        db.execute("UPDATE stems SET stories = stories / 2")
        db.execute("DELETE FROM stems WHERE stories = 0")
        db.execute("UPDATE marks SET value = value / 2 WHERE name = 'counted'")
    return len(old)


def _counted(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT value FROM marks WHERE name = 'counted'").fetchone()[0])
