"""What stories tell, and which of them tell of one event: keeps gists as long as they are compared and answers what the
finding of events asks, inside a transaction that the caller holds; never says what is alike.
"""

import json
import sqlite3
from collections import Counter
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
COUNTS = "SELECT stem, stories FROM json_each(?) CROSS JOIN stems ON stem = value"
GISTS = "SELECT item_id, at, content FROM json_each(?) CROSS JOIN gists ON item_id = value"
OF_EVENT = (
    "SELECT item_id FROM gists WHERE item_id IN (SELECT lead_id FROM stories WHERE event = ?)"
    " ORDER BY item_id DESC LIMIT ?"
)
LIVE = (
    "SELECT item_id, other_id FROM links WHERE (item_id = :item OR other_id = :item)"
    " AND level = 'C' AND closed_at IS NULL"
)
REGROUPED = "a later story showed another grouping"


class Window:
    """The stories of the last days; see `aggregator.store.Window`. What was read is kept while it lives, and words are
    counted at its end, by `write`: the stories of one transaction have many in common.
    """

    def __init__(self, db: sqlite3.Connection, at: int) -> None:
        self._db = db
        self._at = at
        self.size = int(db.execute("SELECT count(*) FROM gists").fetchone()[0])
        self.has_changed = False  # whether any event did
        self._counted = _counted(db)
        self._ids: dict[Key, int] = {}
        self._stems: dict[str, int] = {}  # in how many stories each stood before
        self._gists: dict[int, tuple[int, Gist]] = {}  # with their times
        self._new_stems: Counter[str] = Counter()

    def frequencies(self, stems: Iterable[str]) -> Frequencies:
        """See Window."""
        asked, held, new = list(stems), self._stems, self._new_stems
        missing = [stem for stem in asked if stem not in held]
        held.update(dict.fromkeys(missing, 0))
        held.update(self._db.execute(COUNTS, (json.dumps(missing),)))
        counts = {stem: held[stem] + new[stem] for stem in asked}
        return Frequencies(self._counted, {stem: count for stem, count in counts.items() if count})

    def alike(self, gist: Gist, since: datetime, limit: int) -> tuple[Gist, ...]:
        """See Window. A query, and one or two for gists that were not read yet."""
        lookups = gist.lookups
        if not lookups:
            return ()
        words = [part for feature, weight in lookups.items() for part in (weight, feature)]
        ranked = [item_id for (item_id,) in self._db.execute(_with_words(len(lookups)), (*words, 4 * limit))]
        found = self._since(since, ranked[:limit])
        if len(found) < limit < len(ranked):
            found += self._since(since, ranked[limit:])
        return tuple(found[:limit])

    def _since(self, since: datetime, item_ids: Sequence[int]) -> list[Gist]:
        """The gists of these stories, in their order, but for older ones."""
        least = to_seconds(since)
        return [gist for at, gist in self._held(item_ids) if at >= least]

    def _held(self, item_ids: Sequence[int]) -> list[tuple[int, Gist]]:
        """The gists of these stories with their times, in their order; none of what is no longer kept."""
        held = self._gists
        if missing := [item_id for item_id in item_ids if item_id not in held]:
            rows = self._db.execute(GISTS, (json.dumps(missing),))
            held.update((item_id, (at, to_gist(content))) for item_id, at, content in rows)
        return [held[item_id] for item_id in item_ids if item_id in held]

    def together(self, keys: Iterable[Key]) -> tuple[Gist, ...]:
        """See Window."""
        found: dict[Key, Gist] = {}
        for key in keys:
            item_id = self._id_of(key)
            event = self._event_of(item_id)
            item_ids = [item_id]
            if event is not None:
                item_ids = [item for (item,) in self._db.execute(OF_EVENT, (event, TOGETHER_LIMIT))]
            found |= {gist.key: gist for _, gist in self._held(item_ids)}
        return tuple(found.values())

    def add(self, gist: Gist) -> None:
        """See Window."""
        item_id, at = self._id_of(gist.key), to_seconds(gist.at)
        self._db.execute("INSERT INTO gists VALUES (?, ?, ?)", (item_id, at, to_bytes(gist)))
        self._gists[item_id] = at, gist
        words = [(feature, item_id, weight) for feature, weight in gist.lookups.items()]
        self._db.executemany("INSERT INTO gist_words VALUES (?, ?, ?)", words)
        self._new_stems.update(gist.stems)
        self._counted += 1
        self.size += 1

    def write(self) -> None:
        """Count the words of the stories that were added."""
        sql = "INSERT INTO stems VALUES (?, ?) ON CONFLICT DO UPDATE SET stories = stories + excluded.stories"
        self._db.executemany(sql, sorted(self._new_stems.items()))
        self._db.execute("UPDATE marks SET value = ? WHERE name = 'counted'", (self._counted,))

    def group(self, events: Sequence[tuple[Gist, ...]], links: Iterable[Link]) -> None:
        """See Window. What was forgotten of an event goes with the first of those that it becomes."""
        self.has_changed = True
        items = [[self._id_of(gist.key) for gist in event] for event in events]
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
        self._link(set(held), list(links))

    def _link(self, items: AbstractSet[int], links: Iterable[Link]) -> None:
        """Make these links the only ones of level C between these stories; those to what was forgotten of their event
        stay.
        """
        wanted = [(self._id_of(link.item), self._id_of(link.other), link) for link in links]
        kept = {frozenset(pair) for *pair, _ in wanted}
        for item in items:
            for one, other in self._db.execute(LIVE, {"item": item}).fetchall():
                is_of_these = one in items and other in items
                if {one, other} not in kept and (is_of_these or self._event_of(one) != self._event_of(other)):
                    ties.close(self._db, one, other, Level.EVENT, REGROUPED, self._at)
        for one, other, link in wanted:
            ties.write(self._db, one, other, link, self._at)

    def _id_of(self, key: Key) -> int:
        if key not in self._ids:
            self._ids[key] = id_of(self._db, key)
        return self._ids[key]

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
    sql = "SELECT item_id FROM (SELECT item_id, at FROM gists ORDER BY item_id LIMIT ?) WHERE at < ?"
    old = db.execute(sql, (limit, before)).fetchall()
    if not old:
        return 0  # and so there are not too many counts either
    for (item_id,) in old:
        (content,) = db.execute("SELECT content FROM gists WHERE item_id = ?", (item_id,)).fetchone()
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
