"""Which story each item is in: takes items whose links or pins have changed, regroups all that hangs together with
them and writes what differs, inside a transaction that the caller holds; never decides what is linked.

Each item opens a story when it comes, its home. The story of a group is the best ranked home of its items, the others
point at it; a home that is a story again has its entry id, its lead and its places in the log as they were.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from msgspec import Struct

from aggregator.errors import StoreError
from aggregator.model import Closed, Key, Level, Link, PinKind
from aggregator.store import links as ties
from aggregator.store.groups import Bond, Word, groups
from aggregator.store.log import Log, Place, feeds_of

# `these` are item ids as a JSON list.
NEXT = """
WITH these (id) AS (SELECT value FROM json_each(:these))
SELECT id FROM items WHERE story_id IN (SELECT story_id FROM items WHERE id IN these)
UNION SELECT other_id FROM links WHERE item_id IN these AND closed_at IS NULL AND level IN ('A', 'B')
UNION SELECT item_id FROM links WHERE other_id IN these AND closed_at IS NULL AND level IN ('A', 'B')
UNION SELECT other_id FROM pins WHERE item_id IN these AND undone_at IS NULL AND kind = 'must'
UNION SELECT item_id FROM pins WHERE other_id IN these AND undone_at IS NULL AND kind = 'must'
"""
STORIES = """
SELECT id, story_id, hidden FROM items
WHERE story_id IN (SELECT story_id FROM items WHERE id IN (SELECT value FROM json_each(:these)))
ORDER BY source_id, guid
"""
PINNED = """
SELECT 1 FROM pins WHERE item_id IN (SELECT value FROM json_each(:these)) AND undone_at IS NULL
UNION ALL SELECT 1 FROM pins WHERE other_id IN (SELECT value FROM json_each(:these)) AND undone_at IS NULL LIMIT 1
"""
ITEMS = "SELECT id, hidden FROM items WHERE id IN (SELECT value FROM json_each(:these)) ORDER BY source_id, guid"
LINKS = """
SELECT item_id, other_id, level, score FROM links WHERE item_id IN (SELECT value FROM json_each(:these))
AND closed_at IS NULL AND level IN ('A', 'B')
"""
PINS = """
SELECT id, kind, item_id, other_id FROM pins WHERE item_id IN (SELECT value FROM json_each(:these))
AND undone_at IS NULL
"""
HOMES = """
SELECT lead_id, id, sort_at, late, terms, coalesce(joined_to, id) FROM stories
WHERE lead_id IN (SELECT value FROM json_each(:these))
"""
ROWS = """
SELECT story_id, feed, sequence, left_at, late FROM log
WHERE story_id IN (SELECT id FROM stories WHERE lead_id IN (SELECT value FROM json_each(:these)))
"""


class Component(Struct, frozen=True):
    """Items that hang together, and all that decides how they are grouped."""

    items: tuple[int, ...]
    hidden: frozenset[int]  # those of them that stand in no feed
    links: tuple[Bond, ...]
    pins: tuple[Word, ...]


class Home(Struct, frozen=True):
    """The story that an item opened."""

    item: int
    story: int
    sort_at: int
    late: int
    terms: frozenset[str]
    told_in: int  # the story that the item is in so far
    rows: Mapping[str, Place]  # its own in the log, by feed


def component(db: sqlite3.Connection, items: Iterable[int]) -> Component:
    """What hangs together with items by stories, live links and `must` pins. Cost: a few queries, rows by its size.

    A link that a pin holds back reaches into another story: that one is part of it too.
    """
    found: set[int] = set()
    new = set(items)
    while new:
        found |= new
        new = {item for (item,) in db.execute(NEXT, {"these": json.dumps(list(new))})} - found
    these = {"these": json.dumps(list(found))}
    items = db.execute(ITEMS, these).fetchall()
    return Component(
        tuple(item for item, _ in items),
        frozenset(item for item, hidden in items if hidden),
        tuple(Bond(item, other, Level(level), score) for item, other, level, score in db.execute(LINKS, these)),
        tuple(Word(pin, PinKind(kind), item, other) for pin, kind, item, other in db.execute(PINS, these)),
    )


def joined(db: sqlite3.Connection, pairs: Sequence[tuple[int, int]]) -> Component:
    """What hangs together with items that have been linked, where nothing else has changed. Cost: that of `component`,
    less the links that were there, of which an item that hundreds of sources carry has fifty for each of them.

    A story without pins and without what is hidden reaches as far as its links do, so they need not be read again.
    """
    linked = list(chain.from_iterable(pairs))
    rows = db.execute(STORIES, {"these": json.dumps(linked)}).fetchall()
    items = tuple(item for item, _, _ in rows)
    if any(hidden for *_, hidden in rows) or db.execute(PINNED, {"these": json.dumps(items)}).fetchone():
        return component(db, linked)
    named = {story: item for item, story, _ in rows}
    bonds = [*((item, named[story]) for item, story, _ in rows), *pairs]
    return Component(items, frozenset(), tuple(Bond(*tie, Level.IDENTITY, 1.0) for tie in bonds), ())


def regroup(db: sqlite3.Connection, log: Log, found: Component) -> None:
    """Make the stories of a component those that its links and pins give. What is hidden is alone, but parts nothing:
    others that it held together stay together.
    """
    homes = _homes(db, found.items)
    moves: list[tuple[int, Home]] = []
    alone = [(item,) for item in found.items if item in found.hidden]
    whole = groups(found.items, found.links, found.pins)
    shown = [tuple(item for item in group if item not in found.hidden) for group in whole]
    for group in (*filter(None, shown), *alone):
        members = [homes[item] for item in group]
        kept = min(members, key=_rank)
        terms = frozenset().union(*(home.terms for home in members))
        feeds = () if found.hidden.intersection(group) else feeds_of(terms)
        for home in members:
            log.place(feeds if home is kept else (), home.rows, home.story, home.sort_at, home.late)
        moves += [(kept.story, home) for home in members if home.told_in != kept.story]
    db.executemany(
        "UPDATE stories SET joined_to = nullif(?, id) WHERE id = ?", [(to, home.story) for to, home in moves]
    )
    db.executemany("UPDATE items SET story_id = ? WHERE id = ?", [(to, home.item) for to, home in moves])
    joined = sum((to != home.story) - (home.told_in != home.story) for to, home in moves)
    db.execute("UPDATE marks SET value = value + ? WHERE name = 'joined'", (joined,))
    for story_id in {to for to, _ in moves} | {home.told_in for _, home in moves}:
        log.touch(story_id)


def relink(db: sqlite3.Connection, links: Iterable[Link], closed: Iterable[Closed], at: int) -> None:
    """See Store.relink."""
    shaken: set[int] = set()
    for gone in closed:
        pair = id_of(db, gone.item), id_of(db, gone.other)
        if ties.close(db, *pair, gone.level, gone.why, at):
            shaken.update(pair)
    for link in links:
        pair = id_of(db, link.item), id_of(db, link.other)
        if ties.write(db, *pair, link, at):
            shaken.update(pair)
    log = Log(db, at)
    regroup(db, log, component(db, shaken))
    log.write()


def id_of(db: sqlite3.Connection, key: Key) -> int:
    """The item of this key; StoreError if there is none."""
    sql = "SELECT items.id FROM items JOIN sources ON sources.id = source_id WHERE url = ? AND guid = ?"
    row = db.execute(sql, key).fetchone()
    if row is None:
        raise StoreError(f"while linking items: no such item: {key!r}")
    return int(row[0])


def by_rank(db: sqlite3.Connection, story_id: int) -> Sequence[int]:
    """The items of a story, the lead first, then in the order in which they would lead."""
    items = [item for (item,) in db.execute("SELECT id FROM items WHERE story_id = ?", (story_id,))]
    return [home.item for home in sorted(_homes(db, items).values(), key=_rank)]


def _rank(home: Home) -> tuple[int, float, int, int]:
    """What leads first. It never changes between the homes of a group that has once been a story: one that is out has
    its sequence for ever, and a later one gets a greater. So no source steals an entry, and an undo finds it again.

    What came late never has a sequence: a story that was announced, or still can be, goes before it.
    """
    out = home.rows.get("all")
    sequence = out.sequence if out and out.sequence is not None else float("inf")
    return home.late, sequence, home.sort_at, home.story


def _homes(db: sqlite3.Connection, items: Collection[int]) -> dict[int, Home]:
    these = {"these": json.dumps(list(items))}
    rows: dict[int, dict[str, Place]] = {}
    for story, feed, sequence, left_at, late in db.execute(ROWS, these):
        rows.setdefault(story, {})[feed] = Place(sequence, left_at is not None, bool(late))
    return {
        item: Home(item, story, sort_at, late, _terms(terms), told_in, rows.get(story, {}))
        for item, story, sort_at, late, terms, told_in in db.execute(HOMES, these)
    }


@lru_cache(8192)  # one for each source and its categories: a story of hundreds of sources is read again with each more
def _terms(listed: str) -> frozenset[str]:
    return frozenset(json.loads(listed))
