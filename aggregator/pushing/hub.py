"""The hub of our feeds: asks whoever subscribes whether that is wanted, and brings each change to those who want it."""

import asyncio
import logging
import random
import secrets
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from aggregator import websub
from aggregator.batches import Batches
from aggregator.catalogue import catalogue
from aggregator.classify import load_taxonomy
from aggregator.config import Settings
from aggregator.errors import FetchError, StoreError
from aggregator.httpclient import HttpClient
from aggregator.lanes import Lanes, Width
from aggregator.model import Ended, Intent, Mode, Push, Pushed, PushFailed, Rendition, Subscription, Topic, Unchanged
from aggregator.publishing import publish_feed
from aggregator.store import Store

TIMEOUT_SECONDS = 10.0
PATIENCE_SECONDS = 1.0  # then an answer is slow
QUICK, SLOW = Width(128, 16), Width(128, 64)
ASKING_QUICK, ASKING_SLOW = Width(32, 4), Width(64, 16)
ANSWER_BYTES = 1024  # of a subscriber's word: a challenge has 43
INTENTS_LIMIT = 500  # taken up at once
DOCUMENTS_KEPT = 50
SWEEP = timedelta(minutes=1)
REST = timedelta(minutes=5)  # of what could not be read or stored: it is still owed
NO_SUCH_FEED = "there is no such feed any more"

log = logging.getLogger("tributary")

Clock = Callable[[], datetime]
Result = TypeVar("Result")
Key = tuple[type[Intent | Subscription], int]


class Write(Protocol):
    """Calls a method of the store in the thread that writes."""

    async def __call__(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call it, give what it gives."""


class _Document(Struct, frozen=True):
    """A topic as it is, and a version of the feed that it is not older than."""

    version: int
    rendition: Rendition


class Hub:
    """An asynchronous context, used from one event loop. `dispatch` takes up what waits, and does not wait for it.

    What is rendered and read is so in a thread of its own, what is written through `write`. `tls` replaces the usual
    trust in certificates of subscribers.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        write: Write,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
        patience_seconds: float = PATIENCE_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._write = write
        self._clock = clock
        self._jitter = jitter
        self._delivering = Lanes(QUICK, SLOW, patience_seconds)
        self._asking = Lanes(ASKING_QUICK, ASKING_SLOW, patience_seconds)
        widths = (self._delivering.width, self._asking.width)
        self._client = HttpClient(
            replace(
                settings,
                timeout_seconds=TIMEOUT_SECONDS,
                concurrency=sum(width.in_all for width in widths),
                per_host=sum(width.per_host for width in widths),
            ),
            tls=tls,
        )
        self._reader = ThreadPoolExecutor(1, "hub")
        self._pushes = Batches(partial(write, store.take_pushes))  # what came of deliveries
        self._under_way: dict[Key, asyncio.Task[None]] = {}
        self._resting: dict[Key, datetime] = {}  # until when
        self._documents: OrderedDict[str, tuple[int, asyncio.Task[_Document | None]]] = OrderedDict()  # by topic
        self._swept_at = datetime.min.replace(tzinfo=UTC)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*self._under_way.values(), *(task for _, task in self._documents.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._pushes.finish()
        await self._client.__aexit__(kind, error, trace)
        await self._read(self._store.close)
        self._reader.shutdown()

    async def dispatch(self) -> None:
        """Take up what was asked and what is owed and not under way."""
        now = self._clock()
        self._resting = {key: until for key, until in self._resting.items() if until > now}
        if now - self._swept_at >= SWEEP:
            self._swept_at = now
            await self._write(self._store.end_leases, now)
        for intent in await self._read(self._store.intents, INTENTS_LIMIT):
            self._begin((Intent, intent.id), lambda intent=intent: self._verify(intent))  # type: ignore[misc]
        for each in await self._read(self._store.owed, now):
            self._begin((Subscription, each.id), lambda each=each: self._serve(each))  # type: ignore[misc]

    async def finish(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    def _begin(self, key: Key, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if key in self._under_way or key in self._resting:
            return
        task = asyncio.create_task(self._bounded(key, work))
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._under_way.pop(key))

    async def _bounded(self, key: Key, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Nothing that goes wrong with one subscriber touches another."""
        try:
            await work()
        except StoreError as error:
            log.error("hub_unwritten error=%s", " ".join(str(error).split()))
            self._resting[key] = self._clock() + REST
        except Exception as error:  # the one boundary: a fault of ours must not stop the others
            log.critical("hub_crashed", exc_info=error)
            self._resting[key] = self._clock() + REST

    # ── whether it is wanted

    async def _verify(self, intent: Intent) -> None:
        feeds = await self._read(self._feeds)
        if intent.mode is Mode.SUBSCRIBE and intent.feed not in feeds:
            await self._deny(intent)
            await self._write(self._store.refuse, intent)
            log.info("denied topic=%s host=%s", intent.topic, intent.host)
            return
        if await self._asking.run(intent.host, lambda: self._is_wanted(intent)):
            lease_until = self._clock() + timedelta(seconds=intent.lease_seconds)
            await self._write(self._store.confirm, intent, lease_until)
            log.info("confirmed mode=%s topic=%s host=%s", intent.mode, intent.topic, intent.host)
        else:
            await self._write(self._store.refuse, intent)
            log.info("unconfirmed mode=%s topic=%s host=%s", intent.mode, intent.topic, intent.host)

    async def _is_wanted(self, intent: Intent) -> bool:
        challenge = secrets.token_urlsafe(32)
        url = websub.verification_url(intent, challenge)
        try:
            answer = await self._client.ask("GET", url, {"Accept": "*/*"}, limit=ANSWER_BYTES)
        except FetchError:
            return False
        return websub.is_confirmed(answer.status, answer.body, challenge)

    async def _deny(self, asked: Intent | Subscription) -> None:
        """Say once that there is no subscription, or no longer one."""
        url = websub.denial_url(asked.callback, asked.topic_url, NO_SUCH_FEED)

        async def say() -> None:
            try:
                await self._client.ask("GET", url, {"Accept": "*/*"})
            except FetchError:
                log.debug("unheard host=%s", asked.host)

        await self._asking.run(asked.host, say)

    def _feeds(self) -> frozenset[str]:
        taxonomy = load_taxonomy(self._settings.categories)
        return frozenset(catalogue(taxonomy, self._store.sources(), self._settings.language))

    # ── what is owed

    async def _serve(self, subscription: Subscription) -> None:
        document = await self._document(subscription)
        if document is None:
            await self._deny(subscription)
            push: Push = Ended(subscription.id, "no such feed")
        elif document.rendition.etag == subscription.etag:
            push = Unchanged(subscription.id, document.version)
        else:
            push = await self._delivering.run(
                subscription.host, lambda: self._deliver(subscription, document), slow=subscription.slow
            )
        await self._pushes.put(push)
        _tell(subscription, push)

    async def _document(self, subscription: Subscription) -> _Document | None:
        """The topic as it is, rendered once for all that are owed it. None where there is no such feed."""
        held = self._documents.get(subscription.topic)
        if held is None or held[0] < subscription.owed or _has_failed(held[1]):
            topic = websub.read_topic(subscription.topic)
            held = subscription.owed, asyncio.create_task(self._read(self._render, topic))
            self._documents[subscription.topic] = held
            self._documents.move_to_end(subscription.topic)
            while len(self._documents) > DOCUMENTS_KEPT:
                self._documents.popitem(last=False)
        return await asyncio.shield(held[1])

    def _render(self, topic: Topic) -> _Document | None:
        version = self._store.feed(topic.slug).version  # first: what enters meanwhile is owed again
        rendition = publish_feed(self._store, topic.slug, topic.format, self._settings, topic.options)
        return _Document(version, rendition) if rendition else None

    async def _deliver(self, subscription: Subscription, document: _Document) -> Push:
        rendition, started = document.rendition, time.monotonic()
        headers = websub.delivery_headers(
            rendition.content_type,
            self._settings.hub_address,
            websub.topic_url(subscription.topic, self._settings.public_url),
            subscription.secret,
            rendition.body,
        )
        status, error = 0, ""
        try:
            status = (await self._client.ask("POST", subscription.callback, headers, rendition.body)).status
        except FetchError as failure:
            error = failure.error_class
        slow = time.monotonic() - started > self._delivering.patience_seconds
        delivered = Pushed(subscription.id, document.version, rendition.etag, self._clock(), slow)
        return websub.judge(subscription, status, error, delivered, self._jitter)

    async def _read(self, function: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._reader, function, *arguments)


def _has_failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _tell(subscription: Subscription, push: Push) -> None:
    """One line for each try but those that succeed. A callback is known to the subscriber alone, so not its path."""
    topic, host = subscription.topic, subscription.host
    match push:
        case PushFailed():
            log.info("undelivered topic=%s host=%s error=%s tries=%d", topic, host, push.error, subscription.tries + 1)
        case Ended():
            log.info("ended topic=%s host=%s why=%s", topic, host, push.why)
        case _:
            log.debug("delivered topic=%s host=%s", topic, host)
