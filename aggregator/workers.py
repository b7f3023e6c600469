"""Runs functions in processes that can be killed: takes a function and its arguments, gives what it returns or raises.

Never knows what it runs, never queues for long: whoever calls limits how much waits. Documents of strangers decide what
reading them costs, and only a process can be stopped in the middle of a regular expression.

Each worker has a time for one task, counted from the task's start, and so much memory on top of what it uses at rest.
As a backstop the system kills it after twice that time on the processor, should this process be gone by then.
"""

import asyncio
import multiprocessing
import pickle
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import spawn
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple, cast

from pebble import ProcessExpired, ProcessPool
from pebble.pool.process import WORKERS_NAME

from aggregator.memory import give_back, look_seldom, trim

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TASKS_LIMIT = 500  # of one worker's life; then a new one takes its place, without the memory that the old one hoarded
LOOK_SECONDS = 1.0  # between two looks whether the pool of a task is still there
QUICKLY = 1  # zstd's level: a quarter of the size, at 2 µs a kilobyte
MUCH_BYTES = 4 << 20  # that a task returns
HELD_UP = 1 / 4  # of the time that a task may take, until another worker joins; its start is part of the first
ATTEMPTS = 2  # where the pool breaks under a task that may be innocent

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

_MEBIBYTE = 1 << 20


class WorkerDied(RuntimeError):  # noqa: N818
    """The worker ended in the middle of the task: killed from outside, or crashed."""


class Workers:
    """Processes for one event loop, at most `count`; they start with what they have to do and end with `close`. They
    have the module `loaded` from their start, or else that of the first task.

    One mostly does, as whoever stores what it reads has more to do; each time that a task keeps all there are for
    long, one more joins, so that nobody waits behind it.
    """

    def __init__(self, count: int, seconds: float, memory_mib: int, *, loaded: str = "") -> None:
        self._idle = [_Worker(seconds, memory_mib * _MEBIBYTE, loaded)]
        self._standing_by = [_Worker(seconds, memory_mib * _MEBIBYTE, loaded) for _ in range(count - 1)]
        self._all = (*self._idle, *self._standing_by)
        self._free = asyncio.Semaphore(1)
        self._held_up_seconds = HELD_UP * seconds

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Call a function of a module in a worker.

        Raises TimeoutError or MemoryError over the limits, WorkerDied, or what the function raises. Cancelling it kills
        the worker that is at it.
        """
        async with self._free:
            worker = self._idle.pop()
            held_up = asyncio.get_running_loop().call_later(self._held_up_seconds, self._join)
            try:
                return await worker.run(function, *arguments)
            finally:
                held_up.cancel()
                self._idle.append(worker)

    def close(self) -> None:
        """End all workers, and what they are at."""
        for worker in self._all:
            worker.close()

    def _join(self) -> None:
        if self._standing_by and not self._idle:
            self._idle.append(self._standing_by.pop())
            self._free.release()


class _Worker:
    """One process, and another in its place when it has ended."""

    def __init__(self, seconds: float, memory_bytes: int, loaded: str) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._loaded = loaded
        self._lock = threading.Lock()
        self._pool: ProcessPool | None = None
        self._future: Future[Any] | None = None
        self._is_closed = False

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """See `Workers.run`; one task at a time."""
        pool = self._pool
        if pool is None:
            pool = await asyncio.to_thread(self._open, function.__module__, None)
        for _ in range(ATTEMPTS):
            try:
                returned = await _outcome(pool, self._schedule(pool, function, arguments))
                return cast(Result, pickle.loads(zstd.decompress(returned)))  # noqa: S301 - by our own process
            except ProcessExpired as error:
                raise WorkerDied(f"the worker ended with code {error.exitcode}") from error
            except BrokenProcessPool:
                # A worker that dies while it is idle, or an error that cannot be unpickled, breaks the pool.
                pool = await asyncio.to_thread(self._open, function.__module__, pool)
            finally:
                self._future = None  # it holds what came of the task
        raise WorkerDied("the workers broke down under it")

    def close(self) -> None:
        """End it, and what it is at."""
        with self._lock:
            self._is_closed = True
            if self._future is not None:
                self._future.cancel()
            if self._pool is not None:
                _end(self._pool)
                self._pool = None

    def _schedule(self, pool: ProcessPool, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Future[bytes]:
        try:
            future = pool.schedule(_limited, (self._seconds, function, *arguments), timeout=self._seconds)
        except RuntimeError as error:  # pebble says so of a pool that broke meanwhile
            raise BrokenProcessPool(str(error)) from error
        self._future = future
        return future

    def _open(self, module: str, broken: ProcessPool | None) -> ProcessPool:
        """The pool, a new one in place of a broken one. Starting it takes as long as importing the module."""
        with self._lock:
            if self._is_closed:
                raise WorkerDied("the workers are closed")
            if self._pool is not None and self._pool is not broken:  # opened for a task that was cancelled meanwhile
                return self._pool
            if broken is not None:
                _end(broken)
            context = _context(self._loaded or module)
            pool = ProcessPool(1, TASKS_LIMIT, _limit_memory, (self._memory_bytes,), context=context)
            _ = pool.active  # asking starts it
            self._pool = pool  # only now, so that nobody waits for the start in the event loop
            return pool


async def _outcome(pool: ProcessPool, future: "Future[Result]") -> Result:
    """What comes of a task. A pool that breaks just as it takes a task forgets it, so that is looked for."""
    waiting = asyncio.wrap_future(future)
    try:
        while not (await asyncio.wait((waiting,), timeout=LOOK_SECONDS))[0]:
            if not pool.active:
                raise BrokenProcessPool("the workers broke down and forgot it")
        return waiting.result()
    finally:
        waiting.cancel()


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def _context(module: str) -> BaseContext:
    """How processes start: copies of a small server that has the module loaded, or from nothing where there is none.

    Never a copy of this process: its other threads may hold locks that nobody would release.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


_prepared = spawn.get_preparation_data


def _without_main(name: str) -> dict[str, Any]:
    """What a new process is told of this one. Workers do not need the main script, nor the server that it imports."""
    told = dict(_prepared(name))
    if name == WORKERS_NAME:
        told.pop("init_main_from_name", None)
        told.pop("init_main_from_path", None)
    return told


spawn.get_preparation_data = _without_main


# ── inside a worker


def _limit_memory(extra_bytes: int) -> None:
    """Let this process take so many bytes more than it has now; without effect where the system cannot limit it."""
    give_back()
    look_seldom()
    statistics = Path("/proc/self/statm")
    if statistics.exists():  # pragma: no branch
        import resource  # noqa: PLC0415

        limit = int(statistics.read_text().split()[0]) * resource.getpagesize() + extra_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _limited(seconds: float, function: Callable[..., Any], *arguments: Any) -> bytes:
    """What a function returns, packed: both sides keep it until the next task ends."""
    if sys.platform != "win32":  # pragma: no branch
        import resource  # noqa: PLC0415

        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime + 2 * seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    returned = pickle.dumps(function(*arguments), pickle.HIGHEST_PROTOCOL)
    if len(returned) > MUCH_BYTES:
        trim()  # it stays half free until the next task: a hundred megabytes after the longest documents
    return zstd.compress(returned, QUICKLY)
