"""Who may ask or send now: gives turns, by host and in all, so that nobody who is slow delays the others."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from msgspec import Struct

from aggregator.model import SourceState

Result = TypeVar("Result")


class Width(Struct, frozen=True):
    """How many may be under way at once."""

    in_all: int
    per_host: int


class Lanes:
    """A quick lane and a slow one. What takes longer than `patience_seconds` in the quick one goes on in the slow one;
    what is known to be slow begins there. Where the slow lane has no room it stays in the quick one, or, if it may be
    done `again`, is given up there and begins anew when its turn in the slow one has come.
    """

    def __init__(self, quick: Width, slow: Width, patience_seconds: float, *, again: bool = False) -> None:
        self.width = Width(quick.in_all + slow.in_all, quick.per_host + slow.per_host)
        self.patience_seconds = patience_seconds
        self._quick, self._slow, self._again = _Lane(quick), _Lane(slow), again

    async def run(
        self,
        host: str,
        work: Callable[[], Coroutine[Any, Any, Result]],
        *,
        slow: bool = False,
        behind: Callable[[], None] = lambda: None,
    ) -> Result:
        """Do this when its turn comes; `behind` is called if it has to go to the slow lane."""
        task = None if slow else await self._begun(host, work)
        if task is not None and task.done():
            return task.result()
        behind()
        of_host, in_all = self._slow.turns(host)
        try:
            async with of_host, in_all:
                return await (task or work())
        finally:
            if task is not None:
                task.cancel()

    async def _begun(self, host: str, work: Callable[[], Coroutine[Any, Any, Result]]) -> asyncio.Task[Result] | None:
        """Begin in the quick lane; None where it has to begin anew."""
        of_host, in_all = self._quick.turns(host)
        async with of_host, in_all:
            task = asyncio.create_task(work())
            try:
                await asyncio.wait({task}, timeout=self.patience_seconds)
                if task.done() or self._slow.is_free(host):
                    return task
                if self._again:
                    task.cancel()
                await asyncio.wait({task})
            except asyncio.CancelledError:
                task.cancel()
                raise
            return None if self._again and task.cancelled() else task


class Turns:
    """A source is polled or pushed, never both at once, and each goes on from the state that the other has left. Used
    from one event loop.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # kept by who waits
        self._left: dict[str, SourceState] = {}  # by pushes since the last poll

    def of(self, url: str) -> asyncio.Lock:
        """The turn of a source, to be waited for."""
        return self._locks.setdefault(url, asyncio.Lock())

    def leave(self, state: SourceState) -> None:
        """Keep what a push has left, for a poll that was taken up before."""
        self._left[state.url] = state

    def latest(self, state: SourceState) -> SourceState:
        """The state to begin a poll with, of the one that it was taken up with and the one that a push has left."""
        left = self._left.pop(state.url, None)
        return left if left and left.checked_at == state.checked_at else state


class Places:
    """So many may be begun and not yet over; who goes to a slow lane leaves its place to another."""

    def __init__(self, count: int) -> None:
        self.free = count
        self._turns = asyncio.Semaphore(count)

    async def take(self) -> Callable[[], None]:
        """Wait for a place. → what leaves it; to leave it twice does nothing."""
        await self._turns.acquire()
        self.free -= 1
        is_held = True

        def leave() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self.free += 1
                self._turns.release()

        return leave


class _Lane:
    def __init__(self, width: Width) -> None:
        self._width = width
        self._all = asyncio.Semaphore(width.in_all)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # kept by who waits

    def turns(self, host: str) -> tuple[asyncio.Semaphore, asyncio.Semaphore]:
        """What is to be waited for, in this order: who waits for a host keeps no place from others."""
        return self._of(host), self._all

    def is_free(self, host: str) -> bool:
        return not (self._all.locked() or self._of(host).locked())

    def _of(self, host: str) -> asyncio.Semaphore:
        return self._hosts.setdefault(host, asyncio.Semaphore(self._width.per_host))
