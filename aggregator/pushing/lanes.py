"""Who may send now: gives turns, by host and in all, so that nobody who is slow delays the others."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Width:
    """How many may be under way at once."""

    in_all: int
    per_host: int


class Lanes:
    """A quick lane and a slow one. What takes longer than `patience_seconds` in the quick one goes on in the slow one,
    if there is room; what is known to be slow begins there.
    """

    def __init__(self, quick: Width, slow: Width, patience_seconds: float) -> None:
        self.width = Width(quick.in_all + slow.in_all, quick.per_host + slow.per_host)
        self.patience_seconds = patience_seconds
        self._quick, self._slow = _Lane(quick), _Lane(slow)

    async def run(self, host: str, work: Callable[[], Coroutine[Any, Any, Result]], *, slow: bool = False) -> Result:
        """Do this when its turn comes."""
        if slow:
            async with self._slow.turn(host):
                return await work()
        task = None
        try:
            async with self._quick.turn(host):
                task = asyncio.create_task(work())
                await asyncio.wait({task}, timeout=self.patience_seconds)
                if not task.done() and not self._slow.is_free(host):
                    await asyncio.wait({task})
            if task.done():
                return task.result()
            async with self._slow.turn(host):
                return await task
        finally:
            if task is not None:
                task.cancel()


class _Lane:
    def __init__(self, width: Width) -> None:
        self._width = width
        self._all = asyncio.Semaphore(width.in_all)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # kept by who waits

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        async with self._of(host), self._all:  # who waits for a host keeps no place from others
            yield

    def is_free(self, host: str) -> bool:
        return not (self._all.locked() or self._of(host).locked())

    def _of(self, host: str) -> asyncio.Semaphore:
        return self._hosts.setdefault(host, asyncio.Semaphore(self._width.per_host))
