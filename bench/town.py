"""Many newsrooms in one process, some of them dead or slow, that count how long it takes until news is fetched.

Takes lines on standard input, gives a line of JSON for each; see scale.py.
"""

import asyncio
import json
import random
import socket
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from statistics import fmean
from typing import Any, cast

from msgspec import Struct, field

from bench.corpus import SYLLABLES

QUICKER = 20  # than in real life
DEAD = 0.3  # share of the sources
SOURCES_OF_A_HOST = 10
ANSWER_SECONDS = 0.01
SLOW_SECONDS = 10.0  # in real life
PUBLISHED_EVERY = 600.0  # seconds, by each newsroom, in the mean
WAY = ("refused", "silent", "500", "unresolved", "slow")


class Newsroom(Struct):
    """A feed of three articles."""

    number: int
    version: int = 1
    published_at: list[float] = field(default_factory=list)  # what nobody has fetched yet
    asked: int = 0
    body: bytes = b""

    def publish(self, at: float) -> None:
        self.version += 1
        self.published_at.append(at)
        self.body = b""

    def rss(self) -> bytes:
        if not self.body:
            now = datetime.now(UTC)
            entries = "".join(
                f"<item><title>{_words(self.number * 1000 + version, 8)}</title>"
                f"<link>https://n{self.number}.example/{version}</link>"
                f"<guid>https://n{self.number}.example/{version}</guid>"
                f"<pubDate>{format_datetime(now - timedelta(minutes=10 * (self.version - version + 1)))}</pubDate>"
                f"<description>{_words(self.number * 1000 + version, 25)}</description></item>"
                for version in range(self.version, max(self.version - 3, 0), -1)
            )
            self.body = (
                f'<?xml version="1.0"?><rss version="2.0"><channel><title>Rédaction {self.number}</title>'
                f"<link>https://n{self.number}.example/</link><description/>{entries}</channel></rss>"
            ).encode()
        return self.body


def _words(seed: int, count: int) -> str:
    dice = random.Random(seed)
    return " ".join("".join(dice.choices(SYLLABLES, k=3)) for _ in range(count))


class Town:
    """All newsrooms; those from `dead_from` on answer in the way of their number, if at all."""

    def __init__(self, count: int, dead_from: int) -> None:
        self.rooms = [Newsroom(number) for number in range(count)]
        self.dead_from = dead_from
        self.waits: list[float] = []
        self.first: list[float] = []  # when each of the healthy was asked first
        self.measured = int(count * (1 - DEAD))
        self.counts_from = self.counts_until = float("inf")
        self.hosts: dict[int, int] = {}
        self.peak = 0  # requests of one host at once

    async def publish(self) -> None:
        """At random moments, for ever."""
        dice = random.Random(1)
        while True:
            await asyncio.sleep(dice.expovariate(len(self.rooms) / PUBLISHED_EVERY))
            dice.choice(self.rooms).publish(time.monotonic())

    def fetched(self, room: Newsroom) -> None:
        """All that was published was fetched now."""
        now = time.monotonic()
        if room.number < self.measured:
            self.waits += [now - at for at in room.published_at if self.counts_from <= at <= self.counts_until]
        room.published_at.clear()

    def way(self, number: int) -> str:
        return WAY[number // SOURCES_OF_A_HOST % len(WAY)] if number >= self.dead_from else ""


class Connection(asyncio.Protocol):
    """One request."""

    def __init__(self, town: Town) -> None:
        self.town, self.unread, self.transport = town, b"", cast(asyncio.Transport, None)
        self.host = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _error: Exception | None) -> None:
        if self.host >= 0:
            self.town.hosts[self.host] -= 1

    def data_received(self, received: bytes) -> None:
        self.unread += received
        if b"\r\n\r\n" not in self.unread or self.host >= 0:
            return
        town, lines = self.town, self.unread.decode("latin-1").split("\r\n")
        room = town.rooms[int(lines[0].split("/")[1].split(" ")[0])]
        self.host = room.number // SOURCES_OF_A_HOST
        town.hosts[self.host] = town.hosts.get(self.host, 0) + 1
        town.peak = max(town.peak, town.hosts[self.host])
        room.asked += 1
        if room.asked == 1 and room.number < town.measured:
            town.first.append(time.monotonic())
        way = town.way(room.number)
        if way != "silent":
            later = SLOW_SECONDS / QUICKER if way == "slow" else ANSWER_SECONDS
            asyncio.get_running_loop().call_later(later, self._answer, room, way, self.unread.lower())

    def _answer(self, room: Newsroom, way: str, asked: bytes) -> None:
        etag = f'"{room.version}"'
        if way == "500":
            self._send("500 Internal Server Error", etag, b"")
        elif f"if-none-match: {etag}\r\n".encode() in asked:
            self.town.fetched(room)
            self._send("304 Not Modified", etag, b"")
        else:
            body = room.rss()
            self.town.fetched(room)
            self._send("200 OK", etag, body)

    def _send(self, status: str, etag: str, body: bytes) -> None:
        if not self.transport.is_closing():
            head = f"HTTP/1.1 {status}\r\nETag: {etag}\r\nContent-Type: application/rss+xml\r\nConnection: close\r\n"
            self.transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            self.transport.close()


async def stand(count: int, dead_from: int) -> None:
    """Stand on a port, say which, and obey each line of standard input by a line of JSON."""
    town, loop = Town(count, dead_from), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(town), "", 0, family=socket.AF_INET, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    publishing: asyncio.Task[None] | None = None
    while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if command == "publish":
            publishing = asyncio.create_task(town.publish())
        elif command == "count":
            town.counts_from = time.monotonic()
        elif command == "count no more":
            town.counts_until = time.monotonic()
        elif command == "tick":
            for room in town.rooms:
                room.publish(time.monotonic())
        print(json.dumps(_counted(town)), flush=True)
    if publishing:
        publishing.cancel()


def _counted(town: Town) -> dict[str, Any]:
    healthy = town.rooms[: town.measured]
    waits = sorted(town.waits)
    return {
        "never asked": sum(not room.asked for room in healthy),
        "requests": sum(room.asked for room in town.rooms),
        "first of the healthy": max(town.first, default=0.0),
        "waits": len(waits),
        "mean wait": fmean(waits) if waits else 0.0,
        "p95 wait": waits[len(waits) * 95 // 100] if waits else 0.0,
        "at once of one host": town.peak,
    }
