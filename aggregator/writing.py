"""The one thread in which the store is written: takes calls, gives what they return; never knows what they do."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from aggregator.errors import UnwritableError

AGAIN_SECONDS = 5.0  # until what could not be written is tried again
SAID_EVERY_SECONDS = 60.0  # that it still cannot be

log = logging.getLogger("tributary")

Result = TypeVar("Result")


class Writer:
    """A thread, so that a slow disk delays writing only. Used from one event loop.

    One that `insists` does not give up where nothing can be written for now: it tries the same again, whatever comes
    after it waits, and `writable` is not set meanwhile. So nothing is lost that was fetched before the disk was full.
    """

    def __init__(self, *, insists: bool) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self._insists = insists
        self._thread = ThreadPoolExecutor(1, "writer")
        self._leaving = threading.Event()

    async def call(self, function: Callable[[], Result]) -> Result:
        """Call this when its turn comes."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(self._insisted, loop, function))

    def leave(self) -> None:
        """Insist no longer: what cannot be written from now on is given up."""
        self._leaving.set()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    def _insisted(self, loop: asyncio.AbstractEventLoop, function: Callable[[], Result]) -> Result:
        began, said = time.monotonic(), 0.0
        while True:
            try:
                result = function()
                break
            except UnwritableError as error:
                if not self._insists or self._leaving.is_set():
                    raise
                loop.call_soon_threadsafe(self.writable.clear)
                if not said or time.monotonic() - said >= SAID_EVERY_SECONDS:
                    said = time.monotonic()
                    log.error("unwritable for_s=%d error=%s", said - began, " ".join(str(error).split()))
                self._leaving.wait(AGAIN_SECONDS)
        if said:
            log.error("writable again after_s=%d", time.monotonic() - began)
            loop.call_soon_threadsafe(self.writable.set)
        return result
