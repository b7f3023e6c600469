"""The load origin: many sources over HTTP on loopback addresses. See corpus.py for what it serves.

    python bench/origin.py --port 8900 --sources 1000

    /s/<n>/feed                the feed of source n: ETag, Last-Modified, gzip, a latency of its own
    /__opml                    the list of all sources
    /__tick?share=0.1&items=2  so many new items in that share of the sources
    /__restart                 forget all ticks and counters
    /__reset                   forget the counters
    /__stats                   the counters, as JSON

It closes each connection, as many hosts that are asked once each do, and stops by itself after `--lifetime` seconds or
when its standard input, if that is a pipe, is closed.
"""

import argparse
import asyncio
import json
import stat
import sys
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import parse_qs

import corpus
from msgspec import Struct
from msgspec.structs import asdict

BACKLOG = 4096
LIFETIME_SECONDS = 3600


class Counters(Struct):
    """What was asked since the last reset."""

    requests: int = 0
    full: int = 0
    not_modified: int = 0
    missing: int = 0
    bytes_out: int = 0
    peak_inflight: int = 0


class Origin:
    """The sources, and what was asked of them."""

    def __init__(self, shape: corpus.Shape) -> None:
        self.shape = shape
        self.outlets = corpus.outlets(shape)
        self.counters = Counters()
        self.ticks = 0
        self.inflight = 0

    def control(self, path: str, query: str) -> str:
        """Obey a path that begins with two underscores."""
        values = {name: found[0] for name, found in parse_qs(query).items()}
        if path == "/__opml":
            return corpus.opml(self.outlets)
        if path == "/__tick":
            self.tick(float(values.get("share", 0.1)), int(values.get("items", 2)))
        elif path == "/__restart":
            self.restart()
        elif path == "/__reset":
            self.counters = Counters()
        return json.dumps(asdict(self.counters))

    def tick(self, share: float, items: int) -> None:
        """Let that share of the sources publish."""
        self.ticks += 1
        for number in corpus.choose(self.shape, self.ticks, share):
            self.outlets[number].tick(items)

    def restart(self) -> None:
        """Serve what was served at the start."""
        for outlet in self.outlets:
            if outlet.version:
                outlet.restart()
        self.ticks, self.counters = 0, Counters()

    def outlet(self, path: str) -> corpus.Outlet | None:
        """The source whose feed stands at this path."""
        parts = path.split("/")
        if len(parts) == 4 and parts[1] == "s" and parts[3] == "feed" and parts[2].isdigit():
            number = int(parts[2])
            return self.outlets[number] if number < len(self.outlets) else None
        return None


class Connection(asyncio.Protocol):
    """One client with one request."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.unread = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, _error: Exception | None) -> None:
        self.transport = None

    def data_received(self, received: bytes) -> None:
        self.unread += received
        head, end, self.unread = self.unread.partition(b"\r\n\r\n")
        if end:
            self.respond(head.decode("latin-1").split("\r\n"))
        else:
            self.unread = head

    def respond(self, lines: list[str]) -> None:
        """Answer one request, after the source's latency."""
        path, _, query = lines[0].split(" ")[1].partition("?")
        if path.startswith("/__"):
            body = self.origin.control(path, query).encode()
            self.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            return
        self.origin.counters.requests += 1
        outlet = self.origin.outlet(path)
        if outlet is None:
            self.origin.counters.missing += 1
            self.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        self.origin.inflight += 1
        self.origin.counters.peak_inflight = max(self.origin.counters.peak_inflight, self.origin.inflight)
        asyncio.get_running_loop().call_later(outlet.latency, self.answer, outlet, headers)

    def answer(self, outlet: corpus.Outlet, headers: dict[str, str]) -> None:
        """Send the feed, or a 304."""
        self.origin.inflight -= 1
        counters = self.origin.counters
        common = "Vary: Accept-Encoding\r\nCache-Control: max-age=0\r\nConnection: close\r\n"
        common += f"ETag: {outlet.etag}\r\n" if outlet.etag else ""
        common += f"Last-Modified: {outlet.last_modified}\r\n" if outlet.last_modified else ""
        if _is_fresh(outlet, headers):
            counters.not_modified += 1
            message = f"HTTP/1.1 304 Not Modified\r\n{common}\r\n".encode()
        else:
            counters.full += 1
            zipped = "gzip" in headers.get("accept-encoding", "")
            body = outlet.gzip if zipped else outlet.body
            common += "Content-Encoding: gzip\r\n" if zipped else ""
            common += f"Content-Type: {outlet.content_type}\r\nContent-Length: {len(body)}\r\n"
            message = f"HTTP/1.1 200 OK\r\n{common}\r\n".encode() + body
        counters.bytes_out += len(message)
        self.send(message)

    def send(self, message: bytes) -> None:
        """Send and hang up."""
        if self.transport is not None:
            self.transport.write(message)
            self.transport.close()


def _is_fresh(outlet: corpus.Outlet, headers: dict[str, str]) -> bool:
    """Whether the client holds what we would send (RFC 9110 §13.2.2: If-None-Match first)."""
    tags, since = headers.get("if-none-match", ""), headers.get("if-modified-since", "")
    if tags and outlet.etag:
        return outlet.etag in [tag.strip().removeprefix("W/") for tag in tags.split(",")]
    with suppress(ValueError):
        return bool(since and outlet.last_modified) and parsedate_to_datetime(since) >= outlet.changed
    return False


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--items", type=int, default=20, help="items that each feed shows")
    parser.add_argument("--hosts", type=int, default=1, help="spread the sources over 127.0.0.1 to 127.0.0.<hosts>")
    parser.add_argument("--lifetime", type=float, default=LIFETIME_SECONDS, help="seconds until it stops by itself")
    return parser.parse_args()


async def serve(shape: corpus.Shape, lifetime: float) -> None:
    """Serve until the time is over or the parent is gone."""
    loop = asyncio.get_running_loop()
    origin = Origin(shape)
    for number in range(shape.hosts):
        await loop.create_server(lambda: Connection(origin), f"127.0.0.{1 + number}", shape.port, backlog=BACKLOG)
    print(f"{shape.sources} sources on port {shape.port}", flush=True)
    over = asyncio.Event()
    if stat.S_ISFIFO(Path("/dev/stdin").stat().st_mode):  # started by run.py: live as long as it does
        loop.add_reader(sys.stdin.fileno(), over.set)
    with suppress(TimeoutError):
        await asyncio.wait_for(over.wait(), lifetime)


def main() -> None:
    """Serve, as the command line says."""
    given = _arguments()
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    shape = corpus.Shape(given.sources, given.items, now, given.port, given.hosts)
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(shape, given.lifetime))


if __name__ == "__main__":
    main()
