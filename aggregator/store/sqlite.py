"""The Store in one SQLite file: WAL, synchronous=FULL, foreign keys on, one connection per thread.

One process writes and checkpoints; the others open with `writer=False` and never checkpoint (SQLite before 3.51.3 can
lose a WAL reset between two checkpointing processes).
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from aggregator.errors import StoreError
from aggregator.model import (
    Closed,
    DecisionKind,
    Judgement,
    Key,
    Link,
    Near,
    Pin,
    PinKind,
    Print,
    Source,
    SourceState,
    Stored,
    Story,
    Update,
)
from aggregator.store import clocks, events, history, links, log, moves, near, pins, read
from aggregator.store.choosing import Choosing
from aggregator.store.commit import Commit, write_states
from aggregator.store.connections import errors
from aggregator.store.desk import Desks
from aggregator.store.followed import Followed
from aggregator.store.health import Histories
from aggregator.store.mending import Menders
from aggregator.store.operated import Operated
from aggregator.store.outline import Outlines
from aggregator.store.published import Published
from aggregator.store.retelling import Retellings
from aggregator.store.rows import (
    STORED_COLUMNS,
    grouped,
    to_datetime,
    to_item,
    to_json,
    to_seconds,
    to_source,
    to_state,
    to_stored,
)
from aggregator.store.searching import Searching
from aggregator.store.slugs import slug_of
from aggregator.store.stories import relink
from aggregator.store.subscribers import Subscribers
from aggregator.store.values import Known, Revision, SourceView, Tie, Totals, Window

EPISODE = "#episode-"  # what follows a guid that its source uses again; see stories/identity.py
LINKED_LIMIT = 50  # items at one link that a new one is compared with; some sources give all of theirs one link
VIEW = (
    "SELECT line, state, items, newest_at, position, slug, EXISTS (SELECT 1 FROM hidden"
    " WHERE source_id = sources.id AND undone_at IS NULL) FROM sources"
)
BATCH = 500  # rows read at once where a caller walks through all


class SQLiteStore(
    Published, Outlines, Searching, Subscribers, Followed, Histories, Desks, Retellings, Operated, Menders, Choosing
):
    """See `aggregator.store.Store` for what each method promises."""

    # ── sources

    def sync_sources(self, sources: Iterable[Source], now: datetime) -> None:
        """See Store."""
        listed = tuple(sources)
        rows = [(each.url, position, each.paused, to_json(each)) for position, each in enumerate(listed)]
        with errors("writing the sources"), self._writing() as db:
            self._move(db, [url for url, *_ in rows], now)
            as_before = "SELECT url, position, paused, line FROM sources WHERE position IS NOT NULL ORDER BY position"
            if db.execute(as_before).fetchall() == rows:
                return  # as most often; writing a thousand anew takes 20 ms
            held = dict(db.execute("SELECT url, iif(position IS NULL, NULL, line) FROM sources"))
            wanted = {url: line for url, _, _, line in rows}
            slugs = dict(db.execute("SELECT url, slug FROM sources"))
            for source in listed:
                if source.url not in slugs:
                    slugs[source.url] = slug_of(_name(source), frozenset(slugs.values()))
            db.execute("UPDATE sources SET position = NULL")
            db.executemany(
                "INSERT INTO sources (url, position, paused, line, state, next_check_at, slug)"
                " VALUES (?, ?, ?, ?, ?, 0, ?) ON CONFLICT (url) DO UPDATE SET position = excluded.position,"
                " paused = excluded.paused, line = excluded.line",
                [(*row, to_json(SourceState(row[0])), slugs[row[0]]) for row in rows],
            )
            if any(wanted.get(url) != line for url, line in held.items()):
                log.change_all(db, to_seconds(now))  # titles and rights stand in the feeds
            elif wanted.keys() - held.keys():
                log.note_sources(db)

    def _move(self, db: sqlite3.Connection, listed: Sequence[str], now: datetime) -> None:
        for new, old in moves.found(db, listed).items():
            moves.move(db, old, new)
            history.end_moved(db, new, now)
            self._prints.clear()

    def sources(self) -> tuple[SourceView, ...]:
        """See Store."""
        with errors("reading the sources"):
            rows = self._db.execute(f"{VIEW} ORDER BY position IS NULL, position, id").fetchall()
        return tuple(map(_view, rows))

    def source(self, slug: str) -> SourceView | None:
        """See Store."""
        with errors("reading a source"):
            row = self._db.execute(f"{VIEW} WHERE slug = ?", (slug,)).fetchone()
        return _view(row) if row else None

    def state(self, url: str) -> SourceState:
        """See Store."""
        with errors("reading a source"):
            row = self._db.execute("SELECT state FROM sources WHERE url = ?", (url,)).fetchone()
        if row is None:
            raise StoreError(f"while reading a source: not in feeds.opml: {url!r}")
        return to_state(row[0])

    def seen(self, url: str) -> bytes:
        """See Store."""
        with errors("reading a source"):
            row = self._db.execute("SELECT seen FROM sources WHERE url = ?", (url,)).fetchone()
        return row[0] if row else b""

    def due(self, now: datetime, limit: int) -> tuple[tuple[Source, SourceState], ...]:
        """See Store."""
        with errors("reading what is due"):
            rows = self._db.execute(
                "SELECT line, state FROM sources WHERE position IS NOT NULL AND NOT paused AND next_check_at <= ?"
                " ORDER BY next_check_at LIMIT ?",
                (to_seconds(now), limit),
            ).fetchall()
        return tuple((to_source(line), to_state(state)) for line, state in rows)

    def claim(self, now: datetime, until: datetime, limit: int) -> tuple[tuple[Source, SourceState], ...]:
        """See Store."""
        if not self.due(now, 1):
            return ()  # without a wait for the writer
        with errors("taking up what is due"), self._writing() as db:
            due = self.due(now, limit)
            rows = [(to_seconds(until), source.url) for source, _ in due]
            db.executemany("UPDATE sources SET next_check_at = ? WHERE url = ?", rows)
        return due

    def renew(self, leases: Mapping[str, datetime], until: datetime) -> None:
        """See Store."""
        rows = [(to_seconds(until), url, to_seconds(given)) for url, given in leases.items()]
        with errors("renewing leases"), self._writing() as db:
            db.executemany("UPDATE sources SET next_check_at = ? WHERE url = ? AND next_check_at = ?", rows)

    def put_back(self, now: datetime, lease: timedelta, change: clocks.Change) -> timedelta:
        """See Store."""
        with errors("putting back the clock"):
            if not clocks.is_ahead(self._db, now, now + lease):
                return timedelta(0)  # without a wait for the writer
            with self._writing() as db:
                return clocks.put_back(db, now, now + lease, change)

    # ── writing

    def settle(
        self, source: str, guids: Sequence[str], links: Sequence[str], make: Callable[[Known], Update], notice: int = 0
    ) -> Update:
        """See Store."""
        with errors("writing a poll"), self._writing() as db:
            update = make(self._known(db, source, guids, links))
            Commit(db, update, self._authority).write()
            if notice:
                db.execute("DELETE FROM notices WHERE id = ?", (notice,))
            changed = {decision.item.key for decision in update.decisions if decision.kind is DecisionKind.CHANGED}
            if changed:
                self._prints.drop(changed)
        return update

    def keep(self, states: Sequence[SourceState], judged: Sequence[Judgement] = ()) -> None:
        """See Store."""
        with errors("writing states"), self._writing() as db:
            write_states(db, states)
            for each in judged:
                history.write(db, each)

    def _known(self, db: sqlite3.Connection, source: str, guids: Sequence[str], links: Sequence[str]) -> Known:
        row = db.execute("SELECT id, state FROM sources WHERE url = ?", (source,)).fetchone()
        if row is None:
            raise StoreError(f"while reading a source: not in feeds.opml: {source!r}")
        stored = self._stored(
            db,
            "FROM items WHERE source_id = ? AND (guid = ? OR guid > ? || ? AND guid < ? || ? || 'a') ORDER BY id",
            ((row[0], guid, guid, EPISODE, guid, EPISODE) for guid in dict.fromkeys(guids)),
        )
        linked = self._stored(
            db,
            "FROM items WHERE canonical = ? AND canonical <> '' ORDER BY id DESC LIMIT ?",
            ((link, LINKED_LIMIT) for link in dict.fromkeys(links)),
        )[::-1]

        def find_near(key: Key, print_: Print) -> tuple[Near, ...]:
            return near.near(db, key, print_, self._prints)

        self._prints.begin(db)
        return Known(
            by_guid=grouped(stored, lambda each: each.item.guid.partition(EPISODE)[0]),
            by_link=grouped(linked, lambda each: each.item.canonical),
            earlier={each.id: read.versions(db, each.id) for each in stored if each.revision},
            near=find_near,
            titles=lambda: read.titles(db, row[0]),
            first_round=not log.is_log_open(db),
            new_source=to_state(row[1]).succeeded_at is None,
        )

    @staticmethod
    def _stored(db: sqlite3.Connection, rest: str, arguments: Iterable[tuple[Any, ...]]) -> list[Stored]:
        sql = f"SELECT {STORED_COLUMNS} {rest}"
        return [to_stored(row) for each in arguments for row in db.execute(sql, each)]

    def open_log(self, now: datetime) -> int:
        """See Store."""
        with errors("opening the log"), self._writing() as db:
            return log.open_log(db, to_seconds(now))

    # ── texts that are compared

    def near(self, key: Key, print_: Print) -> tuple[Near, ...]:
        """See Store."""
        with errors("reading prints"), self._reading() as db:
            return near.near(db, key, print_)

    def print_of(self, key: Key) -> Near | None:
        """See Store."""
        with errors("reading a print"):
            return near.keyed(self._db, key)

    def printed(self, since: datetime) -> Iterator[Near]:
        """See Store."""
        last = 0
        while True:
            with errors("reading prints"), self._reading() as db:
                batch = near.printed(db, to_seconds(since), last, BATCH)
            yield from (found for _, found in batch)
            if len(batch) < BATCH:
                return
            last = batch[-1][0]

    def text_links(self, since: datetime) -> tuple[Link, ...]:
        """See Store."""
        with errors("reading links"), self._reading() as db:
            return links.of_texts(db, to_seconds(since))

    def relink(self, links: Sequence[Link], closed: Sequence[Closed], now: datetime) -> None:
        """See Store."""
        with errors("writing links"), self._writing() as db:
            relink(db, links, closed, to_seconds(now))

    def forget_prints(self, before: datetime, limit: int = 2000) -> int:
        """See Store."""
        with errors("forgetting prints"), self._writing() as db:
            self._prints.clear()
            return near.forget(db, to_seconds(before), limit)

    def gather(
        self, tell: Callable[[Stored, Window], None], now: datetime, feeds: Sequence[str] = (), limit: int = 200
    ) -> int:
        """See Store."""
        with errors("gathering events"), self._writing() as db:
            waiting = events.waiting(db, limit)
            if not waiting:
                return 0
            window = events.Window(db, to_seconds(now))
            for stored in waiting:
                tell(stored, window)
            window.write()
            events.gathered(db, waiting[-1].id, feeds, to_seconds(now), is_changed=window.has_changed)
        return len(waiting)

    def event(self, story_id: int) -> tuple[Story, ...]:
        """See Store."""
        sql = (
            "SELECT other.id FROM stories one JOIN stories other ON other.event = one.event"
            " WHERE one.id = ? AND other.id <> one.id AND other.joined_to IS NULL"
            " AND NOT (SELECT hidden FROM items WHERE items.id = other.lead_id) ORDER BY other.sort_at, other.id"
        )
        with errors("reading an event"), self._reading() as db:
            return read.stories(db, self._contents, [other for (other,) in db.execute(sql, (story_id,))])

    def forget_gists(self, before: datetime, limit: int = 2000) -> int:
        """See Store."""
        with errors("forgetting gists"), self._writing() as db:
            return events.forget(db, to_seconds(before), limit)

    # ── what editors say

    def pin(self, kind: PinKind, item_id: int, other_id: int, by: str, note: str, now: datetime) -> Pin:
        """See Store."""
        with errors("pinning"), self._writing() as db:
            return pins.pin(db, kind, item_id, other_id, by, note, to_seconds(now))

    def split(self, item_id: int, by: str, note: str, now: datetime) -> Pin:
        """See Store."""
        with errors("pinning"), self._writing() as db:
            return pins.split(db, item_id, by, note, to_seconds(now))

    def undo_pin(self, pin_id: int, by: str, now: datetime) -> Pin:
        """See Store."""
        with errors("undoing a pin"), self._writing() as db:
            return pins.undo(db, pin_id, by, to_seconds(now))

    def pins(self, *, include_undone: bool = False) -> tuple[Pin, ...]:
        """See Store."""
        with errors("reading pins"), self._reading() as db:
            return pins.read(db, "" if include_undone else "WHERE undone_at IS NULL")

    def pins_of(self, story_id: int) -> tuple[Pin, ...]:
        """See Store."""
        with errors("reading pins"), self._reading() as db:
            return pins.of_story(db, story_id)

    # ── reading: stories

    def story(self, story_id: int) -> Story | None:
        """See Store. The id of a story that was joined to another gives that other one."""
        with errors("reading a story"), self._reading() as db:
            row = db.execute("SELECT coalesce(joined_to, id) FROM stories WHERE id = ?", (story_id,)).fetchone()
            return read.stories(db, self._contents, [row[0]])[0] if row else None

    # ── reading: items

    def items(self) -> Iterator[Stored]:
        """See Store."""
        last = 0
        while True:
            with errors("reading items"):
                batch = self._stored(self._db, "FROM items WHERE id > ? ORDER BY id LIMIT ?", [(last, BATCH)])
            yield from batch
            if len(batch) < BATCH:
                return
            last = batch[-1].id

    def item(self, item_id: int) -> Stored | None:
        """See Store."""
        with errors("reading an item"):
            found = self._stored(self._db, "FROM items WHERE id = ?", [(item_id,)])
        return found[0] if found else None

    def keyed(self, key: Key) -> Stored | None:
        """See Store."""
        with errors("reading an item"):
            sql = "FROM items WHERE source_id = (SELECT id FROM sources WHERE url = ?) AND guid = ?"
            found = self._stored(self._db, sql, [key])
        return found[0] if found else None

    def find(self, text: str) -> tuple[Stored, ...]:
        """See Store. Cost: reads the whole table where neither index serves."""
        with errors("reading items"):
            sql = "FROM items WHERE canonical = ? OR guid = ? OR content->>'$.link' = ? ORDER BY id"
            return tuple(self._stored(self._db, sql, [(text, text, text)]))

    def revisions(self, item_id: int) -> tuple[Revision, ...]:
        """See Store."""
        with errors("reading revisions"):
            sql = "SELECT number, replaced_at, content FROM revisions WHERE item_id = ? ORDER BY number"
            rows = self._db.execute(sql, [item_id])
            return tuple(Revision(number, to_datetime(at), to_item(content)) for number, at, content in rows)

    def links(self, story_id: int, *, closed: bool = False) -> tuple[Link, ...]:
        """See Store."""
        with errors("reading links"), self._reading() as db:
            return links.of_story(db, story_id, closed=closed)

    def links_of(self, item_id: int) -> tuple[Tie, ...]:
        """See Store."""
        with errors("reading links"), self._reading() as db:
            return links.of_item(db, item_id)

    def totals(self) -> Totals:
        """See Store."""
        with errors("reading totals"), self._reading() as db:
            return read.totals(db)


def _view(row: tuple[Any, ...]) -> SourceView:
    line, state, items, newest, position, slug, withdrawn = row
    at = to_datetime(newest) if newest else None
    return SourceView(to_source(line), to_state(state), items, at, position is not None, slug, bool(withdrawn))


def _name(source: Source) -> str:
    return source.title or source.url.partition("//")[2].partition("/")[0]
