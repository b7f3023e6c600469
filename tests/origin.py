"""A web server on loopback that does whatever a test asks of it, wrong things too.

    with Origin(lambda request: answer(body=b"<rss/>")) as origin:
        … origin.url("/feed") … origin.requests …

An Answer is the bytes to send, or an iterator of bytes that are sent one after another; PAUSE in it waits for a moment,
HANG for ever. The connection closes after each answer. Nothing is checked: `answer` makes a sound one.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from http.client import responses
from typing import Self

from msgspec import Struct

PAUSE = object()
HANG = object()
PAUSE_SECONDS = 0.02
TLS_HANDSHAKE = b"\x16"

Part = bytes | object
Answer = bytes | Iterator[Part]


class Request(Struct, frozen=True):
    """What the origin was asked."""

    method: str
    target: str  # path and query, as sent
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


def answer(status: int = 200, headers: Iterable[tuple[str, str]] | dict[str, str] = (), body: bytes = b"") -> bytes:
    """Make a sound answer; headers are (name, value) pairs, or a dict. Content-Length comes by itself."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    if not {"content-length", "transfer-encoding"} & {name.lower() for name, _ in pairs}:
        pairs.append(("Content-Length", str(len(body))))
    head = f"HTTP/1.1 {status} {responses.get(status, 'Odd')}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in pairs)
    return head.encode("utf-8", "surrogateescape") + b"\r\n" + body


class Origin:
    """A server in a thread of its own. `answers` is called for each request, in the server's thread."""

    def __init__(self, answers: Callable[[Request], Answer], tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0  # accepted so far
        self.peak = 0  # requests under way at once, at most
        self.port = 0
        self._answers = answers
        self._tls = tls
        self._under_way = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def authority(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    def url(self, target: str = "/", host: str = "127.0.0.1") -> str:
        """Where the origin answers; `host` for tests that resolve names themselves."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{target}"

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = self._loop.create_task(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._under_way += 1
        self.peak = max(self.peak, self._under_way)
        try:
            first_byte = await reader.readexactly(1)
            if first_byte == TLS_HANDSHAKE:
                writer.write(answer(400))
                return
            request = await _read(first_byte, reader)
            self.requests.append(request)
            parts = self._answers(request)
            for part in [parts] if isinstance(parts, bytes) else parts:
                await self._send(part, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            self._under_way -= 1
            writer.close()

    async def _send(self, part: Part, writer: asyncio.StreamWriter) -> None:
        if part is PAUSE:
            await asyncio.sleep(PAUSE_SECONDS)
        elif part is HANG:
            writer.transport.pause_reading()  # deaf to a TLS goodbye as well
            try:
                await self._stop.wait()
            finally:
                writer.transport.abort()
        else:
            assert isinstance(part, bytes)
            writer.write(part)
            await writer.drain()


async def _read(first_byte: bytes, reader: asyncio.StreamReader) -> Request:
    head = (first_byte + await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "surrogateescape")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)
