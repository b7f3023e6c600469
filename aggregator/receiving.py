"""What becomes of a push: takes a notice, stores what its body says as a poll would, and takes it out of the inbox.

A push may hold a part of the feed, so it says nothing of what is missing in it, nor of the source itself. What cannot
be read or believed, and what is of another topic than we poll, only says that there is news: then the source is asked.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from aggregator import poll, stories
from aggregator.config import Settings
from aggregator.errors import ErrorClass, SourceError, StoreError, UnwritableError
from aggregator.lanes import Turns
from aggregator.model import DecisionKind, Digest, Fetched, Notice, Source, SourceState, Update
from aggregator.poll import suspicion
from aggregator.store import Known, Store

log = logging.getLogger("tributary")

Result = TypeVar("Result")


class Write(Protocol):
    """Calls a method of the store in the thread that writes."""

    async def __call__(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call it, give what it gives."""


class Received(Struct, frozen=True):
    """What came of a push."""

    status: str  # "ok", "unread", or "unwritten": then it still lies in the inbox
    message: str = ""  # why, "" where it is ok
    new: int = 0
    changed: int = 0
    same: int = 0


class Receiver:
    """Takes pushes in, by what a pipeline lends it; its turn is the caller's matter."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Callable[[], datetime],
        write: Write,
        digest: Callable[[Source, Fetched], Awaitable[Digest]],
        turns: Turns,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._write = write
        self._digest = digest
        self._turns = turns

    async def receive(self, source: Source, notice: Notice) -> Received:
        """Take in a push, or make its source due. Never raises but when it is cancelled."""
        try:
            update, why = await self._receive(source, notice)
        except StoreError as error:
            log.error("unwritten source=%s error=%s", source.url, " ".join(str(error).split()))
            return Received("unwritten", f"nothing was stored: {error}")
        self._turns.leave(update.state)
        kinds = (DecisionKind.NEW, DecisionKind.CHANGED, DecisionKind.SAME)
        return Received("unread" if why else "ok", why, *map(update.count, kinds))

    async def _receive(self, source: Source, notice: Notice) -> tuple[Update, str]:
        """What was written, and why nothing could be taken in, "" where it could."""
        state, at = await self._write(self._store.state, source.url), self._clock()
        try:
            if not state.pushes.follows.is_own:
                raise SourceError(source.url, ErrorClass.NOT_A_FEED, "the hub pushes another topic than we poll")
            found = await self._digest(source, _fetched(source, notice, at))
            guids, links = [item.guid for item in found.items], [item.canonical for item in found.items]
            make = partial(_update, source, state, notice, found, at, self._settings)
            return await self._write(self._store.settle, source.url, guids, links, make, notice.id), ""
        except UnwritableError:
            raise
        except SourceError as error:
            why = error.message
        except Exception as error:  # the one boundary: the notice goes, and the source is asked instead
            log.critical("crashed source=%s", source.url, exc_info=error)
            why = f"{type(error).__name__}: {error}"
        hint = _hint(source, state, at, self._settings)
        return await self._write(self._store.settle, source.url, [], [], lambda _: hint, notice.id), why


def _fetched(source: Source, notice: Notice, now: datetime) -> Fetched:
    """A push as if it had been fetched."""
    return Fetched(
        source_url=source.url,
        url=notice.url,
        status=200,
        headers={"content-type": notice.content_type} if notice.content_type else {},
        body=notice.body,
        fingerprint="",
        etag="",
        last_modified="",
        fetched_at=now,
    )


def _update(
    source: Source, state: SourceState, notice: Notice, found: Digest, at: datetime, settings: Settings, known: Known
) -> Update:
    """What to write. Raises SourceError where the document is suspect: a poll sees whether it is, what is pushed counts
    neither for a doubt nor against it.
    """
    verdict = suspicion.judge(state, found.feed, found.items, known, at)
    if verdict.held:
        raise SourceError(source.url, ErrorClass.SUSPECT, verdict.reason)
    decisions = stories.decide(found.items, found.prints, known, at, timedelta(hours=settings.late_hours))
    decisions = suspicion.late(decisions, verdict, known)
    published = [each.item.published.at for each in decisions if each.kind is DecisionKind.NEW]
    is_changing = any(each.kind is DecisionKind.CHANGED for each in decisions)
    after = poll.received(state, source, at, published, is_changing=is_changing)
    if notice.is_after_loss:
        after = poll.hinted(after, source, at, settings)
    return Update(after, decisions, at, found.words, found.prints, seen=b"" if is_changing else None)


def _hint(source: Source, state: SourceState, at: datetime, settings: Settings) -> Update:
    """What to write of a push that could not be taken in: the source is due."""
    if not state.pushes.follows.is_own:
        state = replace(state, pushes=replace(state.pushes, pushed_at=at))
    return Update(poll.hinted(state, source, at, settings), (), at)
