"""Finds what editors look for: takes a choice and gives stories, those that nobody sees too; takes an address or a guid
and gives items. Never changes anything.
"""

from datetime import date
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from aggregator.model import NO_QUESTION, Question, Stored
from aggregator.store import read
from aggregator.store.connections import Connections, errors
from aggregator.store.facets import expression
from aggregator.store.published import cursor
from aggregator.store.rows import STORED_COLUMNS, to_seconds, to_stored
from aggregator.store.values import Page
from aggregator.words import read as read_words

MATCHES_LIMIT = 2000  # items that words and what narrows them are looked for in: the newest
TRACED_LIMIT = 20
FIRST, LAST = -(1 << 62), 1 << 62  # seconds
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2099, 12, 31)

_HIDDEN = """
SELECT item_id FROM hidden WHERE undone_at IS NULL AND item_id IS NOT NULL
UNION SELECT item_id FROM bases WHERE blocked
UNION SELECT id FROM items WHERE source_id IN
(SELECT source_id FROM hidden WHERE undone_at IS NULL AND source_id IS NOT NULL)
"""
_PINNED = """
SELECT item_id FROM pins WHERE undone_at IS NULL UNION SELECT other_id FROM pins WHERE undone_at IS NULL
"""
_MATCHING = "SELECT rowid FROM search_index WHERE search_index MATCH ? ORDER BY rowid DESC LIMIT ?"
_ALL = """
SELECT stories.id, log.sort_at FROM log JOIN stories ON stories.id = story_id WHERE feed = 'all' AND left_at IS NULL
"""
_THESE = "SELECT stories.id, stories.sort_at FROM stories WHERE joined_to IS NULL"
_SHOWN = "EXISTS (SELECT 1 FROM log WHERE feed = 'all' AND story_id = stories.id AND left_at IS NULL)"


class Sort(StrEnum):
    """Which stories are looked for."""

    ANY = ""
    MANY = "many"  # of several items
    EVENT = "event"  # that others tell of too
    PINNED = "pinned"  # that an editor said something of
    HIDDEN = "hidden"  # by an editor or a rule, for itself or with its source


_SETS = {Sort.HIDDEN: _HIDDEN, Sort.PINNED: _PINNED}  # items, any of which makes its story one that is looked for
_SORTS = {
    Sort.MANY: "(SELECT count(*) FROM items WHERE items.story_id = stories.id) > 1",
    Sort.EVENT: "stories.event IS NOT NULL",
    Sort.HIDDEN: "EXISTS (SELECT 1 FROM items WHERE items.story_id = stories.id AND items.hidden)",
}


class Choice(Struct, frozen=True):
    """What an editor looks for."""

    question: Question = NO_QUESTION
    sort: Sort = Sort.ANY


class ChoosingStore(Protocol):
    """What looking for stories asks of a data base."""

    def choose(self, choice: Choice, language: str, zone: str, before: str = "", limit: int = 30) -> Page:
        """The stories that are looked for, newest first; `before` is a cursor from a Page. Of those that words, a
        source, a category and the like are asked of, the newest 2,000 items are looked at.
        """

    def traced(self, text: str, canonical: str) -> tuple[Stored, ...]:
        """The items of this guid, at this canonical link, or that opened the entry of this id, those that came last
        first, twenty at most. Cost: three queries, whatever is stored.
        """


class Choosing(Connections):
    """The part of the SQLite store that finds what editors look for."""

    def choose(self, choice: Choice, language: str, zone: str, before: str = "", limit: int = 30) -> Page:
        """See ChoosingStore."""
        with errors("looking for stories"), self._reading() as db:
            asked = self._asked(choice.question, language, zone)
            if not asked and (choice.question.words or choice.question.source):
                return Page((), "")  # there is no such source, or no word
            sql, values = _query(choice, asked)
            since, until = choice.question.span(zone)
            times = to_seconds(since) if since else FIRST, to_seconds(until) if until else LAST
            rows = db.execute(sql, (*values, *cursor(before), *times, limit + 1)).fetchall()
            shown = rows[:limit]
            stories = read.stories(db, self._contents, [story for story, _ in shown])
        return Page(stories, "{1}-{0}".format(*rows[limit - 1]) if len(rows) > limit else "")

    def _asked(self, question: Question, language: str, zone: str) -> str:
        """What the index of the search is asked, "" nothing."""
        sought = read_words(question.words, language)
        narrowing = (question.category, question.departement, question.source, question.genre)
        if not sought.wanted and not any(narrowing):
            return ""
        source = None
        if question.source:
            row = self._db.execute("SELECT id FROM sources WHERE slug = ?", (question.source,)).fetchone()
            if row is None:
                return ""
            source = row[0]
        days = None
        since, until = question.span(zone)
        if since or until:
            days = since.date() if since else FIRST_DAY, until.date() if until else LAST_DAY
        return expression(question, sought, source, days, ())

    def traced(self, text: str, canonical: str) -> tuple[Stored, ...]:
        """See ChoosingStore."""
        wheres = {
            "source_id IN (SELECT id FROM sources) AND guid = ?": text,
            "id = (SELECT lead_id FROM stories WHERE entry_id = ?)": text,
            "canonical = ? AND canonical <> ''": canonical,
        }
        with errors("looking for items"), self._reading() as db:
            rows = [
                row
                for where, value in wheres.items()
                for row in db.execute(
                    f"SELECT {STORED_COLUMNS} FROM items WHERE {where} ORDER BY id DESC LIMIT ?",  # noqa: S608
                    (value, TRACED_LIMIT),
                )
            ]
        found = {row[0]: to_stored(row) for row in rows}
        return tuple(found[number] for number in sorted(found, reverse=True))[:TRACED_LIMIT]


def _query(choice: Choice, asked: str) -> tuple[str, list[Any]]:
    """The query and the first of its values; then come a cursor, two times and a limit. Where nothing makes the stories
    few, the log is gone through in its order.
    """
    sets = [_MATCHING] if asked else []
    sets += [_SETS[choice.sort]] if choice.sort in _SETS else []
    place = "stories.sort_at, stories.id" if sets else "log.sort_at, log.story_id"
    where = [f"stories.id IN (SELECT story_id FROM items WHERE id IN ({each}))" for each in sets]  # noqa: S608
    where += [_SORTS[choice.sort]] if choice.sort in _SORTS else []
    if sets and choice.sort is not Sort.HIDDEN:
        where.append(_SHOWN)
    at, number = place.split(", ")
    where += [f"({place}) < (?, ?)", f"{at} >= ?", f"{at} < ?"]
    base = _THESE if sets else _ALL
    sql = f"{base} AND {' AND '.join(where)} ORDER BY {at} DESC, {number} DESC LIMIT ?"
    return sql, [asked, MATCHES_LIMIT] if asked else []
