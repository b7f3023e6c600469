"""Tells stored items otherwise: takes what an editor changes and a function that says how an item is told then, writes
what differs in one transaction, and says what entered and left each feed; never judges an item itself.

A trial does the same and takes it all back, so what it says is what would happen.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from aggregator.model import Action, Correction, Deed, Effect, FeedEffect, Genre, Named, Rulebook, Telling, Told
from aggregator.store import desk, hidden, indexing, rulebook
from aggregator.store.connections import Connections, errors
from aggregator.store.log import Log
from aggregator.store.rows import to_categories, to_datetime, to_item, to_json, to_seconds
from aggregator.store.stories import component, regroup

BATCH = 500  # items read at once
HELD = "retold"  # in what undoing an action takes: item, its fingerprint, how it was told, how it is told

_TOLD = """
SELECT items.id, items.content, items.edition, items.first_seen, slug, terms, bases.categories, bases.genre,
    coalesce(bases.blocked, 0), corrections.content
FROM items JOIN sources ON sources.id = source_id JOIN stories ON lead_id = items.id
LEFT JOIN bases ON bases.item_id = items.id LEFT JOIN corrections ON corrections.item_id = items.id
"""
_THESE = "IN (SELECT value FROM json_each(?))"
_OF_SOURCES = f"source_id IN (SELECT id FROM sources WHERE url {_THESE}) AND items.first_seen >= ?"  # noqa: S608
_STANDING = (
    "SELECT feed, story_id FROM log WHERE left_at IS NULL AND story_id IN"  # noqa: S608
    f" (SELECT id FROM stories WHERE lead_id {_THESE})"
)
_TRIED = f"SELECT items.id FROM items JOIN sources ON sources.id = source_id WHERE items.id = ? OR url {_THESE}"  # noqa: S608
_TITLES = (
    "SELECT stories.id, content->>'$.title', sort_at FROM stories JOIN items ON items.id = lead_id"  # noqa: S608
    f" WHERE stories.id {_THESE}"
)


class Look(Struct, frozen=True):
    """Which items are looked at: those of some sources or of all, first seen since a time, and these whatever their
    age.
    """

    since: datetime | None  # None: no others than `items`
    sources: tuple[str, ...] | None = None  # URLs; None: all
    items: tuple[int, ...] = ()


class Retelling(Struct, frozen=True):
    """What an editor changes, and what follows for stored items."""

    look: Look
    judge: Callable[[Told], Telling | None]  # None: it is told as it is
    rulebook: Rulebook | None = None  # to hold instead of the one of its version
    corrections: Mapping[int, Correction] = field(default_factory=dict)  # by item
    deed: Deed | None = None  # to be recorded with it
    action: int = 0  # that is recorded already, and that this is part of


class RuleStore(Protocol):
    """What rules and corrections ask of a data base."""

    def rulebook(self) -> Rulebook:
        """The rules that hold."""

    def told_items(self, look: Look) -> Iterable[Told]:
        """Items as rules see them, those first seen last first, read as the caller goes. Cost: about 50 µs each."""

    def retell(self, retelling: Retelling, now: datetime, *, dry: bool = False) -> Effect:
        """Do what an editor wants, in one transaction: keep rules and corrections, tell items as `judge` says, regroup
        what hangs together with them, record the action with what undoing it takes. What is older than two days enters
        pages, not heads. A `dry` one takes all back. `judge` is asked before the transaction; what has changed by then
        is looked at again. StoreError if other rules hold than those that are to be replaced.
        """

    def try_hiding(self, now: datetime, *, item_id: int = 0, urls: Collection[str] = ()) -> Effect:
        """What it would do to hide an item, or to withdraw sources."""

    def try_unhiding(self, now: datetime, numbers: Collection[int]) -> Effect:
        """What it would do to undo hidings. HidingError if one of them does not hold."""


class _TrialError(Exception):
    """Ends the transaction of a trial."""


class Retellings(Connections):
    """The part of the SQLite store that serves rules and corrections."""

    def rulebook(self) -> Rulebook:
        """See RuleStore."""
        with errors("reading the rules"):
            return rulebook.read(self._db)

    def told_items(self, look: Look) -> Iterator[Told]:
        """See RuleStore."""
        with errors("reading items"):
            yield from _look(self._db, look)

    def retell(self, retelling: Retelling, now: datetime, *, dry: bool = False) -> Effect:
        """See RuleStore."""
        look, editions, found = retelling.look, {}, {}
        with errors("telling items otherwise"):
            mark = _mark(self._db)
            for told in _look(self._db, look):
                editions[told.id] = told.edition
                if telling := retelling.judge(told):
                    found[told.id] = (told, telling)

            def work(db: sqlite3.Connection) -> Effect:
                if _mark(db) != mark:
                    stale = tuple(each for each, edition in _editions(db, look) if editions.get(each) != edition)
                    for told in _look(db, Look(None, items=stale)):
                        found.pop(told.id, None)
                        if telling := retelling.judge(told):
                            found[told.id] = (told, telling)
                return _retell(db, retelling, tuple(found.values()), now)

            return self._worked(work, dry=dry)

    def try_hiding(self, now: datetime, *, item_id: int = 0, urls: Collection[str] = ()) -> Effect:
        """See RuleStore."""

        def work(db: sqlite3.Connection) -> Effect:
            items = [item for (item,) in db.execute(_TRIED, (item_id, json.dumps(list(urls))))]

            def hide() -> None:
                at = to_seconds(now)
                if item_id:
                    hidden.hide(db, item_id, "", "", at)
                hidden.withdraw_all(db, urls, "", "", at)

            return Effect(len(items), effect_of(db, component(db, items).items, hide))

        with errors("trying to hide"):
            return self._worked(work, dry=True)

    def try_unhiding(self, now: datetime, numbers: Collection[int]) -> Effect:
        """See RuleStore."""

        def work(db: sqlite3.Connection) -> Effect:
            items = hidden.items_of(db, numbers)

            def show() -> None:
                hidden.undo_all(db, numbers, "", to_seconds(now))

            feeds = effect_of(db, component(db, items).items, show)
            return Effect(len(items) - len(_hidden(db, items)), feeds)

        with errors("trying to show again"):
            return self._worked(work, dry=True)

    def _worked(self, work: Callable[[sqlite3.Connection], Effect], *, dry: bool) -> Effect:
        effect = Effect()
        try:
            with self._writing() as db:
                effect = work(db)
                if dry:
                    raise _TrialError
        except _TrialError:
            pass
        return effect


def _retell(
    db: sqlite3.Connection, retelling: Retelling, found: Collection[tuple[Told, Telling]], now: datetime
) -> Effect:
    if retelling.rulebook is not None:
        rulebook.write(db, retelling.rulebook)
    for item_id, correction in retelling.corrections.items():
        rulebook.correct(db, item_id, correction)
    log = Log(db, to_seconds(now), late_before=to_seconds(now) - hidden.LATE_SECONDS)
    shaken = [told.id for told, telling in found if _is_shaken(told.telling, telling)]
    parts = component(db, shaken)

    def write() -> None:
        for told, telling in found:
            _write(db, log, told, telling)
        if any(told.telling.is_blocked is not telling.is_blocked for told, telling in found):
            hidden.note(db)
        regroup(db, log, replace(parts, hidden=_hidden(db, parts.items)))
        log.write()

    feeds = effect_of(db, parts.items, write) if found else ()
    held = {HELD: [[told.id, told.item.fingerprint, _plain(told.telling), _plain(new)] for told, new in found]}
    return Effect(len(found), feeds, _recorded(db, retelling, held, now))


def _recorded(db: sqlite3.Connection, retelling: Retelling, held: dict[str, Any], now: datetime) -> Action | None:
    if retelling.action:
        return desk.hold(db, retelling.action, held)
    if retelling.deed is None:
        return None
    return desk.record(db, replace(retelling.deed, held={**retelling.deed.held, **held}), now)


def _write(db: sqlite3.Connection, log: Log, told: Told, telling: Telling) -> None:
    """Tell one item otherwise; its story and its feeds come later."""
    was = told.telling
    own_item = (telling.own_categories, telling.own_genre)
    item = replace(
        told.item, categories=telling.categories, genre=telling.genre, departements=telling.departements
    )  # fmt: skip
    (story_id, source_id) = db.execute(
        "UPDATE items SET content = ?, edition = edition + 1, hidden = hidden + ? WHERE id = ?"
        " RETURNING story_id, source_id",
        (to_json(item), telling.is_blocked - was.is_blocked, told.id),
    ).fetchone()
    db.execute("UPDATE stories SET terms = ? WHERE lead_id = ?", (json.dumps(sorted(telling.terms)), told.id))
    if (telling.categories, telling.genre) == own_item and not telling.is_blocked:
        rulebook.drop_base(db, told.id)
    else:
        rulebook.keep_base(db, told.id, *own_item, is_blocked=telling.is_blocked)
    indexing.refile(db, told.id, item, source_id)
    log.touch(story_id)


def _is_shaken(was: Telling, telling: Telling) -> bool:
    return (was.terms, was.is_blocked) != (telling.terms, telling.is_blocked)


def effect_of(db: sqlite3.Connection, items: Collection[int], write: Callable[[], None]) -> tuple[FeedEffect, ...]:
    """What enters and leaves each feed by something that is written, of the stories that these items opened."""
    these = (json.dumps(list(items)),)
    before = set(db.execute(_STANDING, these))
    write()
    after = set(db.execute(_STANDING, these))
    moved = json.dumps([story for _, story in before ^ after])
    titles = {story: (Named(story, title), at) for story, title, at in db.execute(_TITLES, (moved,))}

    def named(rows: set[tuple[str, int]], feed: str) -> tuple[Named, ...]:
        found = [titles[story] for slug, story in rows if slug == feed]
        return tuple(name for name, _ in sorted(found, key=lambda each: (each[1], each[0].id), reverse=True))

    entered, left = after - before, before - after
    return tuple(
        FeedEffect(feed, named(entered, feed), named(left, feed))
        for feed in sorted({feed for feed, _ in before ^ after})
    )


def _hidden(db: sqlite3.Connection, items: Collection[int]) -> frozenset[int]:
    sql = f"SELECT id FROM items WHERE id {_THESE} AND hidden"  # noqa: S608
    return frozenset(item for (item,) in db.execute(sql, (json.dumps(list(items)),)))


def _look(db: sqlite3.Connection, look: Look) -> Iterator[Told]:
    since, items = look.since, set(look.items)
    if items:
        yield from _read(db, f"items.id {_THESE}", json.dumps(list(items)))
    if since is None:
        return
    found = _recent(db, since) if look.sources is None else _read(
        db, _OF_SOURCES, json.dumps(look.sources), to_seconds(since)
    )  # fmt: skip
    yield from (told for told in found if told.id not in items)


def _recent(db: sqlite3.Connection, since: datetime) -> Iterator[Told]:
    """Items are numbered as they come, but for those of polls that end at the same time."""
    last = 1 << 62
    while True:
        batch = list(_read(db, "items.id < ? ORDER BY items.id DESC LIMIT ?", last, BATCH))
        recent = [told for told in batch if told.first_seen >= since]
        yield from recent
        if not recent:
            return
        last = batch[-1].id


def _read(db: sqlite3.Connection, where: str, *arguments: object) -> list[Told]:
    return list(map(_told, db.execute(f"{_TOLD} WHERE {where}", arguments)))


def _editions(db: sqlite3.Connection, look: Look) -> Iterator[tuple[int, int]]:
    these = json.dumps(look.items)
    yield from db.execute(f"SELECT id, edition FROM items WHERE id {_THESE}", (these,))  # noqa: S608
    if look.since is not None and look.sources is None:
        # The index items_story has all that is asked for.
        yield from db.execute(
            "SELECT id, edition FROM items INDEXED BY items_story WHERE first_seen >= ?", (to_seconds(look.since),)
        )
    elif look.since is not None:
        sql = f"SELECT id, edition FROM items WHERE {_OF_SOURCES}"  # noqa: S608
        yield from db.execute(sql, (json.dumps(look.sources), to_seconds(look.since)))


def _mark(db: sqlite3.Connection) -> int:
    """Moves whenever something is told otherwise; see `log.note_told`."""
    row = db.execute("SELECT value FROM marks WHERE name = 'told'").fetchone()
    return int(row[0]) if row else 0


def _told(row: tuple[Any, ...]) -> Told:
    item_id, content, edition, first_seen, slug, terms, own, genre, blocked, correction = row
    item = to_item(content)
    telling = Telling(
        item.categories,
        item.genre,
        item.departements,
        bool(blocked),
        item.categories if own is None else to_categories(own),
        item.genre if own is None else Genre(genre),
        frozenset(json.loads(terms)),
    )
    return Told(
        item_id, item, telling, rulebook.to_correction(correction), slug, edition, to_datetime(first_seen)
    )  # fmt: skip


def _plain(telling: Telling) -> Any:
    return msgspec.to_builtins(telling)
