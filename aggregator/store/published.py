"""What is published, of the SQLite store: rivers, feeds, the pages of the log, and what is hidden from them all."""

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from aggregator.model import PAGE_ENTRIES, SOURCE, Hiding, Key, Story, Tombstone
from aggregator.store import archives, hidden, read
from aggregator.store.connections import Connections, errors
from aggregator.store.rows import to_datetime, to_seconds
from aggregator.store.values import FeedState, LogRow, Page

HEAD_LIMIT = 1000  # stories that a head shows because they stand in no closed page yet
STATE = f"SELECT slug, version, changed_at, sequence, {archives.CLOSED} FROM feeds"  # noqa: S608


class Published(Connections):
    """See `aggregator.store.Store` for what each method promises."""

    # ── rivers and feeds

    def river(self, feed: str, before: str = "", limit: int = 30) -> Page:
        """See Store."""
        sql = (
            "SELECT sort_at, story_id FROM log WHERE feed = ? AND left_at IS NULL AND (sort_at, story_id) < (?, ?)"
            " ORDER BY sort_at DESC, story_id DESC LIMIT ?"
        )
        with errors("reading a river"), self._reading() as db:
            rows = db.execute(sql, (feed, *cursor(before), limit + 1)).fetchall()
            stories = read.stories(db, self._contents, [story_id for _, story_id in rows[:limit]])
        return Page(stories, "{}-{}".format(*rows[limit - 1]) if len(rows) > limit else "")

    def source_river(self, url: str, before: str = "", limit: int = 30) -> Page:
        """See Store. The log has them: a story stands in the feeds of all its sources."""
        with errors("reading a river"):
            row = self._db.execute("SELECT slug FROM sources WHERE url = ?", (url,)).fetchone()
        return self.river(f"{SOURCE}{row[0]}", before, limit) if row else Page((), "")

    def head(
        self, feed: str, limit: int, *, one_per_event: bool = False, pages: int | None = None
    ) -> tuple[Story, ...]:
        """See Store."""
        with errors("reading a feed"), self._reading() as db:
            rows = _head(db, feed, limit, one_per_event, pages)
            stories = read.stories(db, self._contents, [story_id for story_id, _ in rows])
        return tuple(
            replace(story, entered_at=to_datetime(entered_at))
            for story, (_, entered_at) in zip(stories, rows, strict=True)
        )

    def head_ids(self, feed: str, limit: int, *, one_per_event: bool = False) -> tuple[int, ...]:
        """See Store."""
        with errors("reading a feed"), self._reading() as db:
            return tuple(story_id for story_id, _ in _head(db, feed, limit, one_per_event, None))

    def feed(self, slug: str) -> FeedState:
        """See Store."""
        with errors("reading a feed"):
            row = self._db.execute(f"{STATE} WHERE slug = ?", (slug,)).fetchone()
        return _feed_state(row) if row else FeedState(slug, 0, None)

    def told(self, slugs: Iterable[str]) -> frozenset[str]:
        """See Store."""
        sql = "SELECT slug FROM feeds WHERE slug IN (SELECT value FROM json_each(?))"
        with errors("reading the feeds"):
            return frozenset(slug for (slug,) in self._db.execute(sql, (json.dumps(list(slugs)),)))

    def feeds(self) -> tuple[FeedState, ...]:
        """See Store."""
        with errors("reading the feeds"):
            rows = self._db.execute(f"{STATE} ORDER BY slug").fetchall()
        return tuple(map(_feed_state, rows))

    def changes(self) -> int:
        """See Store."""
        with errors("looking for changes"):
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def source_changes(self) -> int:
        """See Store."""
        return self._mark("sources")

    def tellings(self) -> int:
        """See Store."""
        return self._mark("told")

    def _mark(self, name: str) -> int:
        with errors("looking for changes"):
            row = self._db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def log(self, story_id: int) -> tuple[LogRow, ...]:
        """See Store."""
        with errors("reading the log"):
            rows = self._db.execute(
                "SELECT feed, sequence, entered_at FROM log WHERE story_id = ? AND left_at IS NULL ORDER BY feed",
                (story_id,),
            ).fetchall()
        return tuple(LogRow(feed, number, to_datetime(at) if at else None) for feed, number, at in rows)

    # ── what is hidden

    def hide(self, item_id: int, by: str, note: str, now: datetime) -> Hiding:
        """See Store."""
        with errors("hiding"), self._writing() as db:
            return hidden.hide(db, item_id, by, note, to_seconds(now))

    def withdraw(self, url: str, by: str, note: str, now: datetime) -> Hiding:
        """See Store."""
        with errors("withdrawing a source"), self._writing() as db:
            return hidden.withdraw(db, url, by, note, to_seconds(now))

    def withdraw_all(self, urls: Iterable[str], by: str, note: str, now: datetime) -> tuple[Hiding, ...]:
        """See Store."""
        with errors("withdrawing sources"), self._writing() as db:
            return hidden.withdraw_all(db, urls, by, note, to_seconds(now))

    def unhide(self, hiding_id: int, by: str, now: datetime) -> Hiding:
        """See Store."""
        with errors("showing again"), self._writing() as db:
            return hidden.undo(db, hiding_id, by, to_seconds(now))

    def unhide_all(self, numbers: Iterable[int], by: str, now: datetime) -> tuple[Hiding, ...]:
        """See Store."""
        with errors("showing again"), self._writing() as db:
            return hidden.undo_all(db, numbers, by, to_seconds(now))

    def hidings(self, *, include_undone: bool = False) -> tuple[Hiding, ...]:
        """See Store."""
        with errors("reading what is hidden"), self._reading() as db:
            return hidden.read(db, "" if include_undone else "WHERE undone_at IS NULL")

    def hidden_among(self, keys: Iterable[Key]) -> frozenset[Key]:
        """See Store."""
        with errors("reading what is hidden"), self._reading() as db:
            return hidden.among(db, keys)

    def is_hidden(self, item_id: int) -> bool:
        """See Store."""
        with errors("reading what is hidden"):
            return hidden.is_hidden(self._db, item_id)

    def retractions(self) -> int:
        """See Store."""
        with errors("reading what is hidden"):
            return hidden.changes(self._db)

    def retracted(self, feed: str, since: datetime) -> tuple[Tombstone, ...]:
        """See Store."""
        with errors("reading what is hidden"), self._reading() as db:
            return hidden.retracted(db, feed, to_seconds(since))

    # ── pages of the log

    def full_pages(self, limit: int = 20) -> tuple[tuple[str, int], ...]:
        """See Store."""
        with errors("reading the log"), self._reading() as db:
            return archives.full(db, limit)

    def page(self, feed: str, number: int) -> tuple[Story, ...]:
        """See Store."""
        with errors("reading the log"), self._reading() as db:
            return read.opened(db, self._contents, archives.stories(db, feed, number))

    def archive(self, feed: str, number: int, content: bytes, now: datetime) -> None:
        """See Store."""
        with errors("keeping a page"), self._writing() as db:
            archives.keep(db, feed, number, content, to_seconds(now))

    def archived(self, feed: str, number: int) -> bytes | None:
        """See Store."""
        with errors("reading a page"):
            return archives.read(self._db, feed, number)


def _head(
    db: sqlite3.Connection, feed: str, limit: int, one_per_event: bool, pages: int | None
) -> list[tuple[int, int]]:
    """Number and time of entry of the stories of a head; `pages` see Store.head."""
    row = db.execute(f"{STATE} WHERE slug = ?", (feed,)).fetchone()
    *_, sequence, closed = row or (0, 0)
    unclosed = sequence - PAGE_ENTRIES * (closed if pages is None else pages)
    least = min(unclosed, HEAD_LIMIT)  # who reads the head and the closed pages must miss none
    sql = read.FIRST_OF_EVENTS if one_per_event else read.HEAD
    return db.execute(sql, (feed, max(limit, least))).fetchall()


def _feed_state(row: tuple[str, int, int, int, int]) -> FeedState:
    slug, version, changed_at, sequence, pages = row
    return FeedState(slug, version, to_datetime(changed_at), sequence, pages)


def cursor(text: str) -> tuple[int, int]:
    """(sort_at, story id) of a cursor; what is no cursor means the beginning."""
    sort_at, _, story_id = text.partition("-")
    if text.isascii() and sort_at.isdigit() and story_id.isdigit() and max(len(sort_at), len(story_id)) < 16:
        return int(sort_at), int(story_id)
    return 1 << 62, 0
