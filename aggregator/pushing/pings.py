"""Tells an outside hub which of our feeds have changed; it fetches and distributes them itself."""

import asyncio
import logging
import random
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from msgspec.structs import replace

from aggregator import websub
from aggregator.config import Settings
from aggregator.errors import FetchError
from aggregator.httpclient import HttpClient
from aggregator.model import Format, Ping, Topic
from aggregator.pushing.hub import TIMEOUT_SECONDS, Clock, Write
from aggregator.store import Store

AT_ONCE = 4
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}

log = logging.getLogger("tributary")


class Pinger:
    """An asynchronous context, used from one event loop. `dispatch` tells the hub of what it was not told yet."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        write: Write,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._store = store
        self._write = write
        self._clock = clock
        self._jitter = jitter
        self._client = HttpClient(replace(settings, timeout_seconds=TIMEOUT_SECONDS, per_host=AT_ONCE))

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def dispatch(self) -> None:
        """Tell the hub of every feed that is owed, in each of its formats; what fails is owed still."""
        owed = await self._write(self._store.owed_pings, self._clock())
        if owed:
            await self._write(self._store.take_pings, await asyncio.gather(*map(self._ping, owed)))

    async def _ping(self, ping: Ping) -> Ping:
        errors = [error for format in Format if (error := await self._tell(Topic(ping.feed, format)))]
        if not errors:
            return Ping(ping.feed, ping.version)
        wait = websub.next_try(ping.tries + 1, self._jitter)
        log.warning("unpinged feed=%s error=%s tries=%d", ping.feed, errors[0], ping.tries + 1)
        if wait is None:  # until the feed changes again
            return Ping(ping.feed, ping.version)
        return replace(ping, tries=ping.tries + 1, due_at=self._clock() + wait)

    async def _tell(self, topic: Topic) -> str:
        """What went wrong, "" if nothing."""
        url = websub.topic_url(topic.path, self._settings.public_url)
        body = urlencode({"hub.mode": "publish", "hub.url": url}).encode()
        try:
            status = (await self._client.ask("POST", self._settings.hub_url, FORM, body)).status
        except FetchError as error:
            return str(error.error_class)
        return "" if 200 <= status < 300 else str(status)
