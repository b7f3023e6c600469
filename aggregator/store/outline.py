"""What stands where, and whether it is still as it was, without what it holds: numbers of stories, and a stamp of each.

Whoever keeps what was made of stories asks this instead of reading them again. Of a thousand stories the stamps cost
some 15 ms of CPU, the stories themselves 30 to 50 ms and their pages 5 s.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from aggregator.store.connections import Connections, errors

RIVER = (
    "SELECT sort_at, story_id FROM log WHERE feed = ? AND left_at IS NULL ORDER BY sort_at DESC, story_id DESC LIMIT ?"
)
SOURCE_RIVER = (
    "SELECT DISTINCT sort_at, stories.id FROM sources JOIN items ON source_id = sources.id"
    " JOIN stories ON stories.id = story_id WHERE url = ? AND NOT hidden ORDER BY sort_at DESC, stories.id DESC LIMIT ?"
)

_THESE = "IN (SELECT value FROM json_each(?))"
_STORIES = f"SELECT id, lead_id, sort_at, event, joined_to FROM stories WHERE id {_THESE} ORDER BY id"  # noqa: S608
_EVENTS = f"SELECT event, id FROM stories WHERE event {_THESE} AND joined_to IS NULL ORDER BY id"  # noqa: S608
# All columns but the content: the index items_story has them.
_ITEMS = (
    "SELECT story_id, id, first_seen, changed_at, revision, edition, hidden FROM items"  # noqa: S608
    f" WHERE story_id {_THESE} ORDER BY story_id, id"
)
_FEEDS = f"SELECT story_id, feed FROM log WHERE story_id {_THESE} AND left_at IS NULL ORDER BY story_id, feed"  # noqa: S608
_LINKS = (
    "SELECT {own}, {other}, level, score, evidence, rule, made_at FROM links"  # noqa: S608
    f" WHERE {{own}} {_THESE} AND closed_at IS NULL ORDER BY {{own}}, {{other}}, level"
)
_PINS = (
    "SELECT item_id, other_id, pins.id, kind, made_by, note, made_at, one.hidden, other.hidden FROM pins"
    " JOIN items one ON one.id = item_id JOIN items other ON other.id = other_id WHERE undone_at IS NULL"
    " ORDER BY pins.id"
)

_Told = dict[int, list[tuple[Any, ...]]]  # rows by the number of what they are of


class Outlines(Connections):
    """See `aggregator.store.Store` for what each method promises."""

    def river_places(self, feed: str, limit: int) -> tuple[tuple[int, int], ...]:
        """See Store."""
        with errors("reading a river"):
            return tuple(self._db.execute(RIVER, (feed, limit)).fetchall())

    def source_places(self, url: str, limit: int) -> tuple[tuple[int, int], ...]:
        """See Store."""
        with errors("reading a river"):
            return tuple(self._db.execute(SOURCE_RIVER, (url, limit)).fetchall())

    def stamps(self, story_ids: Collection[int]) -> Mapping[int, str]:
        """See Store."""
        with errors("reading stories"), self._reading() as db:
            stories = {row[0]: row for row in db.execute(_STORIES, _these(story_ids))}
            events: dict[int, list[int]] = {}
            named = {row[3] for row in stories.values() if row[3] is not None}
            for event, story_id in db.execute(_EVENTS, _these(named)):
                events.setdefault(event, []).append(story_id)
            mates = {mate for members in events.values() for mate in members} - stories.keys()
            stories |= {row[0]: row for row in db.execute(_STORIES, _these(mates))}
            told = _told(db, stories.values())
        own = {story_id: _hash(story_id, *told[story_id]) for story_id in stories}
        return {
            story_id: _hash(own[story_id], *(own[mate] for mate in events.get(stories[story_id][3], ())))
            for story_id in story_ids
            if story_id in stories
        }


def _told(db: sqlite3.Connection, stories: Collection[tuple[Any, ...]]) -> _Told:
    """All that is told of each story."""
    told: _Told = {row[0]: [row] for row in stories}
    members: dict[int, list[int]] = {}  # items by story
    for row in db.execute(_ITEMS, _these(told)):
        told[row[0]].append(row)
        members.setdefault(row[0], []).append(row[1])
    for row in db.execute(_FEEDS, _these(told)):
        told[row[0]].append(row)
    # An item that is alone and has no event is tied to nothing that is shown.
    tied = {row[0] for row in stories if row[3] is not None or len(members.get(row[0], ())) > 1}
    _add(told, members, _links(db, {item for story_id in tied for item in members.get(story_id, ())}))
    pins: _Told = {}
    for row in db.execute(_PINS):
        for item in row[:2]:
            pins.setdefault(item, []).append(row)
    _add(told, members, pins)
    return told


def _add(told: _Told, members: Mapping[int, Iterable[int]], rows: _Told) -> None:
    for story_id, items in members.items():
        for item in items:
            told[story_id] += rows.get(item, ())


def _links(db: sqlite3.Connection, items: Collection[int]) -> _Told:
    """The live links of items, from both sides."""
    found: _Told = {}
    for own, other in (("item_id", "other_id"), ("other_id", "item_id")):
        for row in db.execute(_LINKS.format(own=own, other=other), _these(items)):
            found.setdefault(row[0], []).append(row)
    return found


def _these(numbers: Iterable[int]) -> tuple[str]:
    return (json.dumps(sorted(numbers)),)


def _hash(*told: object) -> str:
    return blake2b(repr(told).encode("utf-8", "backslashreplace"), digest_size=9).hexdigest()
