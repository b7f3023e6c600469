"""Values that are written together: each waits until the batch that it is in was written, and the next batch gathers
meanwhile. So a burst costs a few transactions, and a lone value waits no longer than a batch is given to gather.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Batches(Generic[Value]):
    """Used from one event loop. `write` gets the values of a batch in their order; a batch that begins is given
    `gather_seconds` for others to come.
    """

    def __init__(self, write: Callable[[list[Value]], Awaitable[None]], gather_seconds: float = 0.0) -> None:
        self._write = write
        self._gather_seconds = gather_seconds
        self._waiting: list[tuple[Value, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def put(self, value: Value) -> None:
        """Write a value with those that wait; raises what writing its batch raised."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((value, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_waiting())
        await written

    async def finish(self) -> None:
        """Wait until nothing is being written."""
        if self._writing is not None:
            await self._writing

    async def _write_waiting(self) -> None:
        while self._waiting:
            if self._gather_seconds:
                await asyncio.sleep(self._gather_seconds)
            batch, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await self._write([value for value, _ in batch])
            except Exception as raised:  # noqa: BLE001 - handed on: who waits for it would wait for ever
                error = raised
            for _, written in batch:
                if not written.done():  # who waited may have been given up
                    written.set_exception(error) if error else written.set_result(None)
