"""What a pipeline does beyond asking: takes documents, pushes and stories, has them digested, decides, stores.

It needs the workers, the stages behind them, and what renders feeds: a round that meets only 304s does without, so the
pipeline loads this with the first document.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta

from msgspec.structs import replace

from aggregator import gathering, health, poll, publishing, stories
from aggregator.config import Settings
from aggregator.errors import ErrorClass, SourceError
from aggregator.lanes import Turns
from aggregator.model import (
    DecisionKind,
    Digest,
    Fetched,
    FetchFailed,
    Notice,
    Source,
    SourceState,
    Stored,
    Update,
)
from aggregator.poll import Plan, suspicion
from aggregator.reading import read
from aggregator.receiving import Received, Receiver, Write
from aggregator.review import Review, review
from aggregator.store import Known, Store, Window
from aggregator.workers import WorkerDied, Workers

HEAVY_BYTES = 1 << 20  # of a document, and items of one: few have more, and they take long
HEAVY_ITEMS = 500
HEAVY_KEPT = 2  # documents: one is read while one is stored


class Documents:
    """Used from one event loop, by what a pipeline lends it."""

    def __init__(
        self, settings: Settings, store: Store, clock: Callable[[], datetime], write: Write, turns: Turns
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.write = write
        self._heavy = asyncio.Semaphore(1)
        self._heavy_kept = asyncio.Semaphore(HEAVY_KEPT)
        limits = settings.parse_seconds, settings.parse_memory_mib
        self._workers = Workers(settings.workers, *limits, loaded="aggregator.digest")
        self._receiver = Receiver(settings, store, clock, write, self.digest, turns)

    def close(self) -> None:
        """End the workers, and what they are at; keep nothing for the next comparison."""
        self._workers.close()
        stories.let_go()

    async def receive(self, source: Source, notice: Notice) -> Received:
        """Take in what a hub pushed. Never raises but when it is cancelled."""
        return await self._receiver.receive(source, notice)

    def room(self, outcome: Fetched) -> AbstractAsyncContextManager[object]:
        """Room for what a document says, from its reading until it is stored."""
        return self._heavy_kept if len(outcome.body) > HEAVY_BYTES else nullcontext()

    async def digest(self, source: Source, outcome: Fetched, seen: bytes = b"") -> Digest:
        """What a body says. Raises SourceError where it cannot be read, or takes too much."""
        arguments = (source, outcome.body, outcome.url, outcome.headers, self.settings.categories, seen)
        try:
            async with self._lane(is_heavy=len(outcome.body) > HEAVY_BYTES):
                return await self._workers.run(read, *arguments)
        except (TimeoutError, MemoryError, WorkerDied) as error:
            limit = f"{self.settings.parse_seconds:g} s and {self.settings.parse_memory_mib} MiB"
            message = f"while parsing: {type(error).__name__}: reading it took more than {limit}"
            raise SourceError(source.url, ErrorClass.TOO_COSTLY, message) from error

    async def settle(
        self, source: Source, state: SourceState, outcome: Fetched, found: Digest, plan: Plan, lease: datetime | None
    ) -> Update:
        """Decide on what a body says and store it, in one transaction."""
        at = outcome.fetched_at

        def make(known: Known) -> Update:
            verdict = suspicion.judge(state, found.feed, found.items, known, at, len(found.unchanged))
            before = replace(state, doubt=verdict.doubt)
            if verdict.held:
                failure = FetchFailed(source.url, ErrorClass.SUSPECT, verdict.reason, at, outcome.status)
                after = poll.failed(before, source, failure, self.settings)
                return Update(after, (), at, judged=health.after_poll(source, state, after, at))
            late_after = timedelta(hours=self.settings.late_hours)
            decisions = stories.decide(found.items, found.prints, known, at, late_after, found.unchanged)
            decisions = suspicion.late(decisions, verdict, known)
            published = [each.item.published.at for each in decisions if each.kind is DecisionKind.NEW]
            before = suspicion.accepted(before, found.items, found.unchanged)
            after = poll.succeeded(before, source, outcome, found.feed, self.settings, plan, published, lease)
            after = suspicion.noted(after, verdict)
            return Update(
                after, decisions, at, found.words, found.prints, unchanged=len(found.unchanged),
                seen=b"" if verdict.is_odd else found.seen, judged=health.judge(source, after, at),
            )  # fmt: skip

        guids, links = [item.guid for item in found.items], [item.canonical for item in found.items]
        async with self._lane(is_heavy=len(found.items) > HEAVY_ITEMS):
            return await self.write(self.store.settle, state.url, guids, links, make)

    def keep_pages(self) -> int:
        """Keep what the pages show that have become full. → how many."""
        return publishing.keep_pages(self.store, self.settings, self.clock())

    def gather(self, stored: Stored, window: Window, now: datetime) -> None:
        """Find the event of the story that an item leads."""
        gathering.gather(stored, window, now)

    def review(self, now: datetime, since: timedelta) -> Review:
        """Look again at texts, with a connection of its own."""
        try:
            return review(self.store, now, since)
        finally:
            self.store.close()

    def _lane(self, *, is_heavy: bool) -> AbstractAsyncContextManager[object]:
        """What is heavy waits for its like: it may keep one worker busy, or the writer for seconds, but not all of
        them, and memory for one.
        """
        return self._heavy if is_heavy else nullcontext()
