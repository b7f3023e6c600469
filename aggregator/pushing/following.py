"""Follows the hubs of sources: asks them to push what is new, renews that before it ends, hands on what they bring."""

import asyncio
import logging
import random
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from aggregator import poll
from aggregator.config import Settings
from aggregator.errors import ErrorClass, FetchError, StoreError
from aggregator.httpclient import HttpClient
from aggregator.model import Following, FollowingState, Naming, Notice, Source, SourceState
from aggregator.pushing.hub import TIMEOUT_SECONDS, Clock, Write
from aggregator.store import Store
from aggregator.websub import following as words

AT_ONCE, PER_HOST = 32, 4  # requests to hubs, of which many sources share one
TAKEN_AT_ONCE = 4  # pushes that are read: each may have as many bytes as a document
SWEEP = timedelta(seconds=30)  # a source that names a hub is followed after that time
BEGUN_LIMIT = 500  # at each of them
REDIRECTS_LIMIT = 3
REST = timedelta(minutes=5)  # of what could not be stored
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}

log = logging.getLogger("tributary")

Result = TypeVar("Result")


class Came(Protocol):
    """What came of a push."""

    @property
    def status(self) -> str:
        """The word "unwritten" where nothing could be stored."""


Receive = Callable[[Source, Notice], Awaitable[Came]]
"""Takes in what was pushed; see Pipeline.receive."""


class Follower:
    """An asynchronous context, used from one event loop. `dispatch` takes up what is to be asked and what was pushed,
    and does not wait for it. `leases` is kept as the store has them, by URL of the source.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        write: Write,
        clock: Clock,
        receive: Receive,
        leases: dict[str, datetime],
        *,
        jitter: Callable[[], float] = random.random,
        token: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._settings = settings
        self._store = store
        self._write = write
        self._clock = clock
        self._receive = receive
        self._leases = leases
        self._jitter = jitter
        self._token = token
        self._client = HttpClient(
            replace(settings, timeout_seconds=TIMEOUT_SECONDS, concurrency=AT_ONCE, per_host=PER_HOST)
        )
        self._reader = ThreadPoolExecutor(1, "follower")
        self._under_way: dict[Hashable, asyncio.Task[None]] = {}
        self._resting: dict[Hashable, datetime] = {}  # until when
        self._swept_at = datetime.min.replace(tzinfo=UTC)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.__aexit__(kind, error, trace)
        await self._read(self._store.close)
        self._reader.shutdown()

    async def dispatch(self) -> None:
        """Take up what is due and not under way."""
        now = self._clock()
        self._resting = {key: until for key, until in self._resting.items() if until > now}
        if not timedelta(0) <= now - self._swept_at < SWEEP:
            self._swept_at = now
            await self._sweep(now)
        for following in await self._read(self._store.followings_due, now, AT_ONCE):
            self._begin(("ask", following.id), lambda following=following: self._ask(following))  # type: ignore[misc]
        for number, source in await self._read(self._store.waiting_notices, TAKEN_AT_ONCE):
            self._begin(("take", source), lambda number=number: self._take(number))  # type: ignore[misc]

    async def finish(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    # ── whom to follow

    async def _sweep(self, now: datetime) -> None:
        await self._write(self._store.tend_followings, now)
        if named := await self._read(self._store.unfollowed, BEGUN_LIMIT):
            await self._write(self._store.follow, [self._made(source, naming, now) for source, naming in named], now)
        leases = await self._read(self._store.leases, now)
        self._leases.clear()
        self._leases.update(leases)

        def change(source: Source, state: SourceState) -> SourceState:
            return poll.distrusted(state, source, now, self._settings)

        if count := await self._write(self._store.distrust, now, change):
            log.info("no longer pushed sources=%d", count)

    def _made(self, source: str, naming: Naming, now: datetime) -> Following:
        token, secret = self._token(words.TOKEN_BYTES), self._token(words.SECRET_BYTES)
        return Following(
            0, source, naming.hub, naming.topic, token, secret, FollowingState.ASKED, None, now, 0, None, ""
        )

    # ── what is to be asked

    async def _ask(self, following: Following) -> None:
        """Ask a hub for what the following needs. That it was asked is written first: whatever happens, it is not asked
        again too soon.
        """
        is_leaving = following.state is FollowingState.LEAVING
        wait = words.LEAVING if is_leaving else words.next_ask(following.tries + 1, self._jitter)
        await self._write(self._store.note_asked, following.id, self._clock() + wait)
        error = await self._send(following)
        if error:
            await self._write(self._store.note_unheard, following.id, error)
        log.info(
            "%s source=%s hub=%s error=%s",
            "left" if is_leaving else "asked", following.source, urlsplit(following.hub).hostname, error or "none",
        )  # fmt: skip

    async def _send(self, following: Following) -> str:
        """What went wrong, "" if nothing."""
        hub, body = following.hub, words.request_body(following, self._callback(following))
        for _ in range(REDIRECTS_LIMIT + 1):
            try:
                answer = await self._client.ask("POST", hub, FORM, body)
            except FetchError as error:
                return str(error.error_class)
            if 200 <= answer.status < 300:
                return ""
            hub = words.redirected(hub, answer.status, answer.headers.get("location", ""))
            if not hub:
                return str(answer.status)
        return str(ErrorClass.REDIRECT_LOOP)

    def _callback(self, following: Following) -> str:
        return f"{self._settings.public_url}/push/{following.token}"

    # ── what was pushed

    async def _take(self, number: int) -> None:
        found = await self._read(self._store.notice, number)
        if found is None:
            return
        source, notice = found
        came = await self._receive(source, notice)
        self._resting["take", source.url] = self._clock() + (REST if came.status == "unwritten" else timedelta(0))

    # ── how

    def _begin(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if key in self._under_way or key in self._resting:
            return
        task = asyncio.create_task(self._bounded(key, work))
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._under_way.pop(key))

    async def _bounded(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Nothing that goes wrong with one source touches another."""
        try:
            await work()
        except StoreError as error:
            log.error("following_unwritten error=%s", " ".join(str(error).split()))
            self._resting[key] = self._clock() + REST
        except Exception as error:  # the one boundary: a fault of ours must not stop the others
            log.critical("following_crashed", exc_info=error)
            self._resting[key] = self._clock() + REST

    async def _read(self, function: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._reader, function, *arguments)
