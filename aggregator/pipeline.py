"""The way of an item, the only caller of the stages:

    due | fetch | digest | decide | commit      one source, one transaction

`digest` runs in a worker process that can be killed, as hostile bytes meet it; `decide` and `commit` run in the one
writing thread. A source that fails becomes a value here and never touches another.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from aggregator import health, opml, poll
from aggregator.batches import Batches
from aggregator.classify import load_taxonomy
from aggregator.config import Settings
from aggregator.errors import ConfigError, ErrorClass, SourceError, StoreError
from aggregator.fetch import fetch, unread
from aggregator.httpclient import HttpClient
from aggregator.lanes import Lanes, Places, Turns, Width
from aggregator.memory import give_back, look_seldom
from aggregator.model import (
    COMPARED,
    GATHERED,
    DecisionKind,
    Fetched,
    FetchFailed,
    Gone,
    Notice,
    NotModified,
    Outcome,
    Source,
    SourceState,
    Update,
)
from aggregator.poll import NO_PLAN, Plan, make_plan
from aggregator.poll.clocks import put_back
from aggregator.store import Store
from aggregator.writing import Writer

if TYPE_CHECKING:
    from aggregator.documents import Documents
    from aggregator.review import Review

log = logging.getLogger("tributary")

NOTEWORTHY = frozenset((ErrorClass.GONE, ErrorClass.SUSPECT))  # editors are told at once
FOLLOW_AGAIN = timedelta(days=1)
PATIENCE_SECONDS = 2.0  # then a source is slow, and others take its turn
STATES_GATHER_SECONDS = 0.02  # a thousand 304s within a second: 30 transactions, not 75; the round takes no longer
REVIEWED = timedelta(hours=30)  # a day, and the time between two reviews

Clock = Callable[[], datetime]
Result = TypeVar("Result")


def utc_now() -> datetime:
    """The time, in whole seconds as the store keeps it."""
    return datetime.now(UTC).replace(microsecond=0)


class Report(Struct, frozen=True):
    """What came of polling one source, for people."""

    source: Source
    status: str  # "ok", "not modified", "waiting" for its host to be free again, "unwritten" or an error class
    message: str  # what is wrong, "" if nothing
    new: int
    changed: int
    same: int
    milliseconds: int


class Pipeline:
    """The stages joined, with what they need: settings, store, client, workers, clock. An asynchronous context.

    Used from one event loop. The store is used from one thread of its own, so that a slow disk delays writing only.
    One that `insists` writes what it has as soon as that can be written, and asks nobody meanwhile; see Writer.
    """

    def __init__(self, settings: Settings, store: Store, clock: Clock = utc_now, *, insists: bool = False) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        width = Width(settings.concurrency, settings.per_host)
        self._lanes = Lanes(width, width, PATIENCE_SECONDS, again=True)
        self._client = HttpClient(replace(settings, concurrency=self._lanes.width.in_all))
        self.writer = Writer(insists=insists)
        self._places = Places(settings.concurrency * 2)
        self._plan = NO_PLAN
        self._turns = Turns()
        self.leases: dict[str, datetime] = {}  # that hubs have given us, by source; who follows them keeps it
        self._closed: dict[str, datetime] = {}  # hosts that want no request before then
        self._follow_again: dict[str, datetime] = {}  # sources that have moved and could not be followed
        keep = partial(self.write, partial(health.keep, self.store))
        self._states = Batches(keep, STATES_GATHER_SECONDS)  # that come without items

    async def __aenter__(self) -> Self:
        give_back()
        look_seldom()
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)
        await self.end_workers()
        await self.write(self.store.close)
        self.writer.close()

    async def end_workers(self) -> None:
        """No document comes any more: what follows can have the memory of those who read them, and of what they were
        compared with.
        """
        if "_documents" in vars(self):
            await asyncio.to_thread(self._documents.close)

    @cached_property
    def _documents(self) -> "Documents":
        """What is done with documents. A round of 304s has none, so it is loaded with the first."""
        module = import_module("aggregator.documents")
        documents: Documents = module.Documents(self.settings, self.store, self.clock, self.write, self._turns)
        return documents

    async def write(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a method of the store in the writing thread."""
        return await self.writer.call(partial(function, *arguments))

    @property
    def room(self) -> int:
        """How many sources may be taken up now."""
        return self._places.free

    async def poll(self, sources: Iterable[tuple[Source, SourceState]], done: Callable[[Report], None]) -> None:
        """Poll these sources side by side; `done` is told of each as it ends."""

        async def one(source: Source, state: SourceState, leave: Callable[[], None]) -> None:
            try:
                done(await self.update(source, state, leave))
            finally:
                leave()

        async with asyncio.TaskGroup() as group:
            for source, state in sources:
                group.create_task(one(source, state, await self._places.take()))

    async def open_log(self) -> None:
        """End the first round: what waits enters its feeds, and full pages are closed at once, or heads would show it
        all.
        """
        await self.write(self.store.open_log, self.clock())
        await self._keep_pages()

    async def _keep_pages(self) -> None:
        while await self.write(self.store.full_pages, 1):
            await self.write(self._documents.keep_pages)

    async def index(self) -> None:
        """Let the search find what was stored, find the events that new stories tell of, and keep what pages of the
        log show that have become full.
        """
        while await self.write(self.store.index):
            pass
        while await self.write(self._gather):
            pass
        await self._keep_pages()

    def _gather(self) -> int:
        now = self.clock()
        return self.store.gather(
            lambda stored, window: self._documents.gather(stored, window, now), now, self.settings.one_per_event
        )

    async def review(self, since: timedelta = REVIEWED) -> "Review":
        """Look again at the texts of the last time, and let go of what nothing is compared with any more."""
        now = self.clock()
        found = await asyncio.to_thread(self._documents.review, now, since)
        if found.made or found.closed:
            await self.write(self.store.relink, found.made, found.closed, now)
        await self.forget()
        log.info("reviewed made=%d closed=%d", len(found.made), len(found.closed))
        return found

    async def put_back(self, lease: timedelta) -> None:
        """Mend what was written while the clock was ahead, if it was: nobody waits for a time that is long to come."""
        if by := await self.write(lambda: self.store.put_back(self.clock(), lease, put_back)):
            self._closed = {host: until - by for host, until in self._closed.items()}
            self._follow_again = {url: until - by for url, until in self._follow_again.items()}
            log.error("clock put back by_s=%d", by.total_seconds())

    async def plan(self) -> None:
        """Learn from all sources together how requests are best spent."""
        now = self.clock()
        self._plan = await asyncio.to_thread(self._made_plan, now)
        log.info("planned price=%.0f", self._plan.price)

    def _made_plan(self, now: datetime) -> Plan:
        try:
            views = self.store.sources()
        finally:
            self.store.close()  # the connection of this thread
        return make_plan(((view.source, view.state.rhythm) for view in views if view.listed), self.settings, now)

    async def forget(self) -> None:
        """Let go of what nothing is compared with any more."""
        now = self.clock()
        while await self.write(self.store.forget_prints, now - COMPARED):
            pass
        while await self.write(self.store.forget_gists, now - GATHERED):
            pass

    async def update(self, source: Source, state: SourceState, behind: Callable[[], None] = lambda: None) -> Report:
        """Poll one source and store what came of it. Never raises but when it is cancelled. `behind` is called if it
        keeps us waiting.
        """
        async with self._turns.of(source.url):
            return await self._update(source, self._turns.latest(state), behind)

    async def _update(self, source: Source, state: SourceState, behind: Callable[[], None]) -> Report:
        started = time.monotonic()
        try:
            outcome = await self._fetch(source, state, behind)
            if isinstance(outcome, datetime):
                await self._keep(source, state, replace(state, next_check_at=outcome))
                return Report(source, "waiting", "", 0, 0, 0, _since(started))
            update, skipped = await self._take(source, state, outcome)
            if poll.has_moved(update.state):
                await self.write(self._move, source, update.state.moved_to)
            report = _report(source, update, started, outcome)
            if update.state.error_class in NOTEWORTHY and state.error_class is not update.state.error_class:
                log.warning("%s source=%s reason=%s", report.status, source.url, _one_line(report.message))
            for reason in skipped:
                log.warning("skipped source=%s reason=%s", source.url, _one_line(reason))
        except StoreError as error:
            log.error("unwritten source=%s error=%s", source.url, _one_line(str(error)))
            report = Report(source, "unwritten", f"nothing was stored: {error}", 0, 0, 0, _since(started))
        except Exception as error:  # the one per-source boundary: a fault of ours must not stop the others
            log.critical("crashed source=%s", source.url, exc_info=error)
            report = Report(source, ErrorClass.INTERNAL, f"{type(error).__name__}: {error}", 0, 0, 0, _since(started))
        _tell("updated", report)
        return report

    async def receive(self, source: Source, notice: Notice) -> Report:
        """Take in what a hub pushed, and so take it out of the inbox. It stays there only while nothing can be stored.
        Never raises but when it is cancelled.
        """
        started = time.monotonic()
        async with self._turns.of(source.url):
            got = await self._documents.receive(source, notice)
        report = Report(source, got.status, got.message, got.new, got.changed, got.same, _since(started))
        _tell("pushed", report)
        return report

    async def _fetch(self, source: Source, state: SourceState, behind: Callable[[], None]) -> Outcome | datetime:
        """Ask the source when its turn comes; one that failed last time waits with its like. → the time before which
        its host wants no request, if it has said so since.
        """
        host = source.url.partition("//")[2].partition("/")[0].rpartition("@")[2].lower()

        async def ask() -> Outcome | datetime:
            await self.writer.writable.wait()
            if (until := self._closed.pop(host, None)) and until > self.clock():
                self._closed[host] = until
                return until
            outcome = await fetch(source, state, self._client, self.clock())
            if isinstance(outcome, FetchFailed) and outcome.status in poll.ALL_OF_THE_HOST and outcome.retry_after:
                self._closed[host] = outcome.retry_after
            return outcome

        return await self._lanes.run(host, ask, slow=state.error_count > 0, behind=behind)

    async def _take(self, source: Source, state: SourceState, outcome: Outcome) -> tuple[Update, tuple[str, ...]]:
        if isinstance(outcome, FetchFailed | Gone):
            return await self._keep(source, state, poll.failed(state, source, outcome, self.settings)), ()
        lease = self.leases.get(source.url)
        if isinstance(outcome, NotModified) or poll.is_known_body(state, outcome):
            after = poll.succeeded(state, source, outcome, None, self.settings, self._plan, (), lease)
            return await self._keep(source, state, after), ()
        async with self._documents.room(outcome):
            try:
                seen = await self.write(self.store.seen, state.url)
                found = await self._documents.digest(source, outcome, seen)
            except SourceError as error:
                after = poll.failed(state, source, unread(source, outcome, error), self.settings)
                return await self._keep(source, state, after), ()
            lease = self.leases.get(source.url)
            update = await self._documents.settle(source, state, outcome, found, self._plan, lease)
            return update, found.skipped

    async def _keep(self, source: Source, before: SourceState, state: SourceState) -> Update:
        """Store a state that comes without items, in one transaction with those that wait for the writer too."""
        at = state.checked_at or self.clock()
        update = Update(state, (), at, judged=health.after_poll(source, before, state, at))
        await self._states.put(update)
        return update

    def _move(self, source: Source, to: str) -> None:
        """Follow a source to where its permanent redirects lead: first the list, by which the store then goes."""
        now = self.clock()
        if self._follow_again.get(source.url, now) > now:
            return
        try:
            if any(view.source.url == to for view in self.store.sources()):
                raise ConfigError("that is another source of ours: one of the two lines can go")
            opml.move(self.settings.opml, source.url, to, now)
            self.store.sync_sources(opml.read(self.settings.opml), now)
            log.warning("moved source=%s to=%s", source.url, to)
        except (ConfigError, StoreError) as error:
            self._follow_again[source.url] = now + FOLLOW_AGAIN
            reason = _one_line(str(error))
            log.warning("not moved source=%s to=%s reason=%s", source.url, to, reason)
            self.store.keep([replace(self.store.state(source.url), unmoved=reason)])


def _report(source: Source, update: Update, started: float, outcome: Outcome) -> Report:
    return Report(
        source,
        update.state.error_class or ("ok" if isinstance(outcome, Fetched) else "not modified"),
        update.state.error,
        new=update.count(DecisionKind.NEW),
        changed=update.count(DecisionKind.CHANGED),
        same=update.count(DecisionKind.SAME) + update.unchanged,
        milliseconds=_since(started),
    )


def _tell(event: str, report: Report) -> None:
    log.info(
        "%s source=%s status=%s new=%d changed=%d same=%d ms=%d",
        event, report.source.url, report.status, report.new, report.changed, report.same, report.milliseconds,
    )  # fmt: skip


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def read_sources(settings: Settings) -> tuple[Source, ...]:
    """The sources of feeds.opml; ConfigError if it cannot be read. Warns of categories that do not exist."""
    sources = opml.read(settings.opml)
    known = load_taxonomy(settings.categories).slugs
    for source in sources:
        for slug in (*source.categories, *source.tags.values()):
            if slug not in known:
                log.warning("unknown category=%s source=%s", slug, source.url)
    return sources
