"""Mends stories: takes what an editor wants of one or two items, does it in one transaction, or says what it would do;
never decides what belongs together.

A trial does all that the act does and takes it back, so what it says is what would happen.
"""

import json
import sqlite3
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from aggregator.errors import HidingError
from aggregator.model import FeedEffect, Hiding, Named, Pin, PinKind
from aggregator.store import hidden, pins
from aggregator.store.connections import Connections, errors
from aggregator.store.retelling import effect_of
from aggregator.store.rows import to_seconds
from aggregator.store.stories import component

_STORIES = """
SELECT items.story_id, items.id, lead_id, items.hidden, content->>'$.title' FROM items
JOIN stories ON stories.id = story_id WHERE items.id IN (SELECT value FROM json_each(?))
ORDER BY items.story_id, items.id <> lead_id, items.id
"""


class Mend(StrEnum):
    """What an editor does to stories."""

    HIDE = "hide"
    SHOW = "show"
    SPLIT = "split"
    MERGE = "merge"
    APART = "apart"


class Mending(Struct, frozen=True):
    """An act, by the numbers of items."""

    what: Mend
    item: int
    other: int = 0  # of MERGE and APART


class Gathered(Struct, frozen=True):
    """A story as it is, or would be."""

    id: int
    items: tuple[Named, ...]  # by number and title, the lead first
    is_hidden: bool


class Mended(Struct, frozen=True):
    """What an act does to all stories that hang together with its items."""

    before: tuple[Gathered, ...]
    after: tuple[Gathered, ...]
    feeds: tuple[FeedEffect, ...]


class MendingStore(Protocol):
    """What the mending of stories asks of a data base."""

    def mend(self, act: Mending, by: str, note: str, now: datetime) -> Pin | Hiding:
        """Do it; see `pin`, `split`, `hide` and `unhide`. What is so already is given back as it was said then.
        HidingError or PinError tell why it cannot be done.
        """

    def try_mending(self, act: Mending, now: datetime) -> Mended:
        """What it would do; the same errors. Cost: that of doing it, and nobody else writes meanwhile."""


class Menders(Connections):
    """The part of the SQLite store that mends stories."""

    def mend(self, act: Mending, by: str, note: str, now: datetime) -> Pin | Hiding:
        """See MendingStore."""
        with errors("mending"), self._writing() as db:
            return _mend(db, act, by, note, to_seconds(now))

    def try_mending(self, act: Mending, now: datetime) -> Mended:
        """See MendingStore."""
        with errors("mending"), self._writing() as db:
            items = component(db, [each for each in (act.item, act.other) if each]).items
            before = _gathered(db, items)
            db.execute("SAVEPOINT trial")

            def write() -> None:
                _mend(db, act, "", "", to_seconds(now))

            feeds = effect_of(db, items, write)
            after = _gathered(db, items)
            db.execute("ROLLBACK TO trial")
        return Mended(before, after, feeds)


def _mend(db: sqlite3.Connection, act: Mending, by: str, note: str, at: int) -> Pin | Hiding:
    match act.what:
        case Mend.HIDE:
            return hidden.hide(db, act.item, by, note, at)
        case Mend.SHOW:
            row = db.execute("SELECT id FROM hidden WHERE item_id = ? AND undone_at IS NULL", (act.item,)).fetchone()
            if row is None:
                raise HidingError("nobody hides item %(number)s", number=act.item)
            return hidden.undo(db, row[0], by, at)
        case Mend.SPLIT:
            return pins.split(db, act.item, by, note, at)
        case _:
            kind = PinKind.MUST if act.what is Mend.MERGE else PinKind.CANNOT
            return pins.pin(db, kind, act.item, act.other, by, note, at)


def _gathered(db: sqlite3.Connection, items: tuple[int, ...]) -> tuple[Gathered, ...]:
    """The stories that these items are in, those alone that are shown first."""
    found: dict[int, list[Named]] = {}
    out: set[int] = set()
    for story, item, _, is_hidden, title in db.execute(_STORIES, (json.dumps(items),)):
        found.setdefault(story, []).append(Named(item, title))
        if is_hidden:
            out.add(story)
    stories = (Gathered(story, tuple(members), story in out) for story, members in found.items())
    return tuple(sorted(stories, key=lambda each: (each.is_hidden, each.id)))
