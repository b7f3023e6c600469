"""Keeps the full-text index: writes what items are found by, inside a transaction that the caller holds.

What a poll brings waits in the table `search` until `fill` lets the search find it. What was indexed before the index
had its present form waits in `search_before`, and is taken over a batch at a time, the newest first.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence

from aggregator.model import Item
from aggregator.spelling import spellings
from aggregator.store.facets import facets_of
from aggregator.store.rows import to_item
from aggregator.words import unaccented

Searched = tuple[int, int, str, str, str]
"""Item, place in a river, facets, terms of the title, terms of the text."""

TABLES = """
DROP TRIGGER search_update;
DROP TABLE search_index;
-- What an index of an earlier form knew, until it is taken over: see `fill`.
ALTER TABLE search RENAME TO search_before;
INSERT OR REPLACE INTO marks SELECT 'indexed', max(item_id) FROM search_before HAVING max(item_id) IS NOT NULL;

-- What is searched: terms, see aggregator/words.py, and tokens to narrow a search by, see aggregator/store/facets.py.
CREATE TABLE search (
    item_id INTEGER PRIMARY KEY REFERENCES items (id),
    at INTEGER NOT NULL,                   -- its place in a river: `sort_at` of the story that it opened
    facets TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE VIRTUAL TABLE search_index USING fts5 (
    title, text, facets, content='search', content_rowid='item_id',
    tokenize="unicode61 remove_diacritics 2 tokenchars '_-'"
);
-- A stock trigger would index every unchanged row again, and those that wait.
CREATE TRIGGER search_update AFTER UPDATE OF title, text, facets ON search
WHEN (old.title IS NOT new.title OR old.text IS NOT new.text OR old.facets IS NOT new.facets)
AND old.item_id <= (SELECT value FROM marks WHERE name = 'indexed') BEGIN
    INSERT INTO search_index (search_index, rowid, title, text, facets)
    VALUES ('delete', old.item_id, old.title, old.text, old.facets);
    INSERT INTO search_index (rowid, title, text, facets) VALUES (new.item_id, new.title, new.text, new.facets);
END;

-- The words of titles and leads, to look for near ones among; `reversed` for those that end alike.
CREATE TABLE spellings (word TEXT PRIMARY KEY, reversed TEXT NOT NULL, items INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX spellings_reversed ON spellings (reversed, items);
"""
BEFORE = """
SELECT item_id, sort_at, content, source_id, title, text
FROM (SELECT * FROM search_before ORDER BY item_id DESC LIMIT ?)
JOIN items ON items.id = item_id JOIN stories ON lead_id = item_id ORDER BY item_id
"""


def searched(item_id: int, item: Item, source_id: int, at: int, words: tuple[str, str]) -> Searched:
    """What an item is found by; `words` are the terms of its title and of its text."""
    return item_id, at, facets_of(item, source_id, at), *words


def write(db: sqlite3.Connection, rows: Iterable[Searched]) -> None:
    """Let new items wait for the index."""
    db.executemany("INSERT INTO search (item_id, at, facets, title, text) VALUES (?, ?, ?, ?, ?)", rows)


def rewrite(db: sqlite3.Connection, item_id: int, item: Item, source_id: int, words: tuple[str, str]) -> None:
    """Change what an item is found by. One that is still to be taken over gets its facets then."""
    row = db.execute("SELECT at FROM search WHERE item_id = ?", (item_id,)).fetchone()
    if row is None:
        db.execute("UPDATE search_before SET title = ?, text = ? WHERE item_id = ?", (*words, item_id))
        return
    facets = facets_of(item, source_id, row[0])
    db.execute("UPDATE search SET facets = ?, title = ?, text = ? WHERE item_id = ?", (facets, *words, item_id))
    _learn(db, dict.fromkeys(spellings(item.title, item.lead), 0))


def refile(db: sqlite3.Connection, item_id: int, item: Item, source_id: int) -> None:
    """Let an item be found by other categories or another genre. One that is still to be taken over is then."""
    row = db.execute("SELECT at FROM search WHERE item_id = ?", (item_id,)).fetchone()
    if row is not None:
        facets = facets_of(item, source_id, row[0])
        db.execute("UPDATE search SET facets = ? WHERE item_id = ?", (facets, item_id))


def fill(db: sqlite3.Connection, limit: int) -> int:
    """Let the search find the oldest items that it does not know yet. → how many; where there is none, some of those
    are taken over that an older index knew.
    """
    row = db.execute("SELECT value FROM marks WHERE name = 'indexed'").fetchone()
    done = row[0] if row else 0
    (last,) = db.execute("SELECT coalesce(max(item_id), 0) FROM search").fetchone()
    last = min(last, done + limit)
    if last > done:
        _index(db, done + 1, last)
        db.execute("INSERT OR REPLACE INTO marks VALUES ('indexed', ?)", (last,))
        texts = db.execute(
            "SELECT content->>'$.title', content->>'$.lead' FROM items WHERE id > ? AND id <= ?", (done, last)
        )
        _learn(db, Counter(word for title, lead in texts for word in spellings(title, lead)))
        return int(last) - int(done)
    _take_over(db, limit)
    return 0


def _take_over(db: sqlite3.Connection, limit: int) -> None:
    rows = db.execute(BEFORE, (limit,)).fetchall()
    if not rows:
        return
    first, last = rows[0][0], rows[-1][0]
    items = [to_item(content) for _, _, content, *_ in rows]
    write(
        db,
        (
            searched(item_id, item, source_id, at, (unaccented(title), unaccented(text)))
            for item, (item_id, at, _, source_id, title, text) in zip(items, rows, strict=True)
        ),
    )
    _index(db, first, last)
    db.execute("DELETE FROM search_before WHERE item_id >= ?", (first,))
    _learn(db, Counter(word for item in items for word in spellings(item.title, item.lead)))


def _index(db: sqlite3.Connection, first: int, last: int) -> None:
    db.execute(
        "INSERT INTO search_index (rowid, title, text, facets)"
        " SELECT item_id, title, text, facets FROM search WHERE item_id BETWEEN ? AND ?",
        (first, last),
    )


def _learn(db: sqlite3.Connection, words: dict[str, int]) -> None:
    """Count how many items words stand in; `spellings` are what near ones are looked for among."""
    rows: Sequence[tuple[str, str, int]] = [(word, word[::-1], count) for word, count in sorted(words.items())]
    db.executemany(
        "INSERT INTO spellings (word, reversed, items) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET items = items + excluded.items",
        rows,
    )
