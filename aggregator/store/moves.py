"""Sources at other addresses than before: takes a connection in a transaction, renames a source with all that it has.

Keys hold the address of the source, in items, their revisions and what their stories tell: it is written anew in each,
so that nothing that reads them need know of moves. Pages of the log that are closed stay as they were; what they name
by an address of before is found through `former_urls`.
"""

import sqlite3
from collections.abc import Collection, Mapping

from msgspec.structs import replace

from aggregator.model import Key
from aggregator.store import rulebook
from aggregator.store.log import note_told
from aggregator.store.rows import to_bytes, to_gist, to_json, to_state

TABLES = """
-- Addresses that sources had before.
CREATE TABLE former_urls (url TEXT PRIMARY KEY, source_id INTEGER NOT NULL REFERENCES sources (id)) WITHOUT ROWID;
"""
ID_OF_URL = "(SELECT id FROM sources WHERE url = ? UNION ALL SELECT source_id FROM former_urls WHERE url = ? LIMIT 1)"


def found(db: sqlite3.Connection, listed: Collection[str]) -> Mapping[str, str]:
    """Listed addresses that we do not know, each with the one of a source that is listed no more and whose it is: the
    source leads there by permanent redirects, a page in its place names that feed, or it was there before.
    """
    known = {url for (url,) in db.execute("SELECT url FROM sources")}
    if not (unknown := set(listed) - known) or known <= set(listed):
        return {}
    moved = db.execute("SELECT state->>'$.moved_to', url FROM sources WHERE state->>'$.moved_to' <> ''").fetchall()
    named = db.execute("SELECT state->>'$.announced', url FROM sources WHERE state->>'$.announced' <> ''").fetchall()
    former = db.execute(
        "SELECT former_urls.url, sources.url FROM former_urls JOIN sources ON id = source_id"
    ).fetchall()
    free = known - set(listed)
    pairs: dict[str, str] = {}
    for new, old in [*moved, *named, *former]:
        if new in unknown and old in free and new not in pairs:
            pairs[new] = old
            free.discard(old)
    return pairs


def move(db: sqlite3.Connection, old: str, new: str) -> None:
    """Give a source another address. Its validators go along only to where its redirects lead. Cost: each of its items
    is written anew.
    """
    source_id, text = db.execute("SELECT id, state FROM sources WHERE url = ?", (old,)).fetchone()
    state = to_state(text)
    moved = replace(state, url=new, moved_to="", moved_since=None, moved_seen=0, unmoved="")
    if state.moved_to != new:
        moved = replace(moved, etag="", last_modified="", fingerprint="")
    db.execute("UPDATE sources SET url = ?, state = ? WHERE id = ?", (new, to_json(moved), source_id))
    db.execute("DELETE FROM former_urls WHERE url = ?", (new,))
    db.execute("INSERT OR REPLACE INTO former_urls VALUES (?, ?)", (old, source_id))
    db.execute(
        "UPDATE items SET content = json_set(content, '$.source', ?), edition = edition + 1 WHERE source_id = ?",
        (new, source_id),
    )
    db.execute(
        "UPDATE revisions SET content = json_set(content, '$.source', ?)"
        " WHERE item_id IN (SELECT id FROM items WHERE source_id = ?)",
        (new, source_id),
    )
    _move_gists(db, old, new)
    rulebook.move(db, old, new)
    note_told(db)


def _move_gists(db: sqlite3.Connection, old: str, new: str) -> None:
    """Those of the source, and those that name one of them."""
    sql = "SELECT item_id, content FROM gists WHERE instr(content, CAST(? AS BLOB))"
    for item_id, packed in db.execute(sql, (old,)).fetchall():
        gist = to_gist(packed)
        near = {_moved(key, old, new): nearness for key, nearness in gist.near.items()}
        moved = replace(gist, key=_moved(gist.key, old, new), near=near)
        db.execute("UPDATE gists SET content = ? WHERE item_id = ?", (to_bytes(moved), item_id))


def _moved(key: Key, old: str, new: str) -> Key:
    return (new, key[1]) if key[0] == old else key
