"""The hub measured: how soon 1,000 subscribers have a change, and what a kill -9 costs.

python -m bench.hub              both, about two minutes
python -m bench.hub speed        1,000 subscribers in another process, 50 of them not there, 50 that never answer
python -m bench.hub kills        50 kills of a process that commits and delivers
"""

import asyncio
import hashlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from aggregator import words
from aggregator.config import Settings
from aggregator.model import Category, Date, Format, Intent, Item, Mode, Source, SourceState, Update
from aggregator.pipeline import utc_now
from aggregator.publishing import publish_feed
from aggregator.pushing import Hub
from aggregator.store import Store, open_store
from aggregator.stories import decide, give_keys, make_print
from scheduler import Poller

SUBSCRIBERS, ABSENT, DEAF = 1000, 50, 50
HOSTS = 50
KILLS, KILL_SUBSCRIBERS = 50, 20
KILL_SECONDS = 0.2  # a worker lives so long at most after its first commit
ENTRIES = 60
LIMIT_SECONDS = 60
SOURCE = Source("https://outlet.example/feed", title="Outil", paused=True)
TOPIC = "economie.atom"
WORDS = "ville pont école marché rivière forêt mairie usine gare théâtre route village neige fête musée".split()


# ── a process that listens: what subscribers are


def listen() -> None:
    """Take every POST, but never answer under /deaf; print the port, and at each line of input what came."""
    got: dict[str, list[tuple[float, str]]] = {}

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ", 2)[1]
            length = next(line for line in head.split("\r\n") if line.lower().startswith("content-length:"))
            body = await reader.readexactly(int(length.partition(":")[2]))
            if path.startswith("/deaf"):
                await reader.read()
            else:
                got.setdefault(path, []).append((time.monotonic(), hashlib.sha256(body).hexdigest()))
                writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(converse, "0.0.0.0", 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(got), flush=True)

    asyncio.run(serve())


# ── a process that makes others that commit and deliver, and ends them


def workers(database: str, port: str) -> None:
    """At each line of input: a number, and a worker is killed so many seconds after its first commit; "finish", and one
    delivers what is owed. It has all modules loaded and no thread, so that a fork is safe and takes no second.
    """
    settings = _settings(database, [f"127.0.0.1:{port}"])
    for line in sys.stdin:
        heard, begun = os.pipe()
        child = os.fork()
        if not child:
            status = 1
            with suppress(BaseException):
                asyncio.run(finish(settings) if line.strip() == "finish" else work(settings, begun))
                status = 0
            os._exit(status)
        os.close(begun)
        if os.read(heard, 1):
            time.sleep(float(line))
            os.kill(child, signal.SIGKILL)
        os.close(heard)
        print(os.waitpid(child, 0)[1], flush=True)


async def work(settings: Settings, begun: int) -> None:
    """Commit and deliver as fast as it goes; tell of the first commit."""
    async with _hub(settings) as (store, write, hub):
        await write(commit, store)
        os.write(begun, b"!")
        while True:
            await hub.dispatch()
            await write(commit, store)


async def finish(settings: Settings) -> None:
    """Deliver what is owed, and end."""
    async with _hub(settings) as (store, _, hub):
        while store.owed(utc_now()):
            await hub.dispatch()
            await hub.finish()


@asynccontextmanager
async def _hub(settings: Settings) -> AsyncIterator[tuple[Store, Any, Hub]]:
    with closing(open_store(settings.database)) as store, ThreadPoolExecutor(1) as writer:

        async def write(function: Any, *arguments: object) -> Any:
            return await asyncio.get_running_loop().run_in_executor(writer, function, *arguments)

        async with Hub(settings, store, write, utc_now) as hub:
            yield store, write, hub
        await write(store.close)


# ── what both use


def commit(store: Store, count: int = 1) -> None:
    """Let so many stories enter the feeds, in one transaction."""
    now = utc_now()
    first = store.totals().items + 1
    items = give_keys([_item(number, now) for number in range(first, first + count)])
    prints = tuple(map(make_print, items))
    state = SourceState(SOURCE.url, checked_at=now, succeeded_at=now)

    def make(known: Any) -> Update:
        decisions = decide(items, prints, known, now, timedelta(hours=48))
        return Update(state, decisions, now, tuple(map(words.index, items)), prints)

    store.settle(SOURCE.url, [item.guid for item in items], [item.canonical for item in items], make)


def _item(number: int, now: datetime) -> Item:
    text = " ".join(f"{word}{number}" for word in random.Random(number).choices(WORDS, k=120))  # like no other
    link = f"https://outlet.example/{number}"
    published = Date("", now - timedelta(minutes=1))
    title, kind = f"Titre {number} {text[:40]}", (Category("economie", "source"),)
    return Item(
        SOURCE.url, link, link, link, title, text, text=text, published=published, categories=kind, fingerprint=link
    )


def _settings(database: str, allowed: list[str]) -> Settings:
    return Settings(
        database=database, base_url="https://news.example", allow_private=tuple(allowed), workers=1, log_level="ERROR"
    )


def _store(settings: Settings, callbacks: Mapping[str, str]) -> Store:
    """A store with a feed, and a subscription for each callback, by its host."""
    store = open_store(settings.database)
    store.sync_sources([SOURCE], utc_now())
    store.open_log(utc_now())
    commit(store, ENTRIES)
    version = store.feed("economie").version
    for callback, host in callbacks.items():
        intent = Intent(Mode.SUBSCRIBE, "economie", TOPIC, TOPIC, callback, host, "a secret", 0, version)
        store.confirm(intent, utc_now() + timedelta(days=1))
    return store


class Companion:
    """Another process of this module, that answers each line with a line."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "bench.hub", *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent
        )

    def hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def ask(self, line: str) -> str:
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)
        return self.hear()

    def __enter__(self) -> "Companion":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


# ── kills


def kills(folder: str, count: int, seed: int = 20260211) -> dict[str, int]:
    """Kill a process that commits and delivers so many times. After each, what is owed is delivered, and every
    subscriber must hold the feed as it is. → what was counted.
    """
    moments = random.Random(seed)
    with Companion("listen") as listener:
        port = listener.hear()
        settings = _settings(str(Path(folder, "kills.db")), [])
        callbacks = {f"http://127.0.0.1:{port}/{n}": "127.0.0.1" for n in range(KILL_SUBSCRIBERS)}
        with closing(_store(settings, callbacks)) as store, Companion("workers", settings.database, port) as worker:
            lost = interrupted = 0
            for _ in range(count):
                worker.ask(str(moments.uniform(0, KILL_SECONDS)))
                interrupted += bool(store.owed(utc_now()))
                assert worker.ask("finish") == "0"
                lost += _lost(store, settings, json.loads(listener.ask("")))
            got: dict[str, list[tuple[float, str]]] = json.loads(listener.ask(""))
            sent = sum(map(len, got.values()))
            doubled = sum(len(each) - len({digest for _, digest in each}) for each in got.values())
            return {
                "kills": count,
                "kills with something owed": interrupted,
                "changes": store.feed("economie").version,
                "deliveries": sent,
                "delivered twice": doubled,
                "lost": lost,
            }


def _lost(store: Store, settings: Settings, got: Mapping[str, list[tuple[float, str]]]) -> int:
    """How many subscribers do not hold the feed as it is, though it changed since they subscribed."""
    rendition = publish_feed(store, "economie", Format.ATOM, settings)
    assert rendition is not None
    wanted = hashlib.sha256(rendition.body).hexdigest()
    changed = any(each.delivered_at for each in store.subscriptions())
    held = [got.get(f"/{number}", [(0, "")])[-1][1] for number in range(KILL_SUBSCRIBERS)]
    return sum(digest != wanted for digest in held) if changed else 0


# ── speed


def speed(folder: str, hosts: int) -> dict[str, float]:
    """Commit once while a poller runs. → when those who listen had it, from before the commit, and what it cost."""
    with Companion("listen") as listener:
        port = listener.hear()
        names = [f"127.0.0.{number % hosts + 1}" for number in range(SUBSCRIBERS)]
        settings = _settings(str(Path(folder, f"speed-{hosts}.db")), [f"{name}:{port}" for name in set(names)])
        settings = replace(
            settings, allow_private=(*settings.allow_private, *(f"{name}:9" for name in set(names))), opml=_list(folder)
        )
        store = _store(settings, {_callback(number, name, port): name for number, name in enumerate(names)})
        with closing(store), _polling(settings):
            time.sleep(1)
            assert listener.ask("") == "{}"  # nothing was owed before
            before = os.times()
            began = time.monotonic()
            commit(store)
            committed = time.monotonic()
            got: dict[str, list[tuple[float, str]]] = {}
            while len(got) < SUBSCRIBERS - ABSENT - DEAF and time.monotonic() < began + LIMIT_SECONDS:
                time.sleep(0.2)
                got = json.loads(listener.ask(""))
            after = os.times()
        times = sorted(each[0][0] - began for each in got.values())
        rendition = publish_feed(store, "economie", Format.ATOM, settings)
        store.close()
        return {
            "hosts": hosts,
            "delivered": len(times),
            "commit_seconds": committed - began,
            "first_seconds": times[0],
            "median_seconds": times[len(times) // 2],
            "last_seconds": times[-1],
            "cpu_seconds": after.user + after.system - before.user - before.system,
            "document_kb": len(rendition.body) / 1000 if rendition else 0,
        }


def _callback(number: int, host: str, port: str) -> str:
    if number % (SUBSCRIBERS // ABSENT) == 0:
        return f"http://{host}:9/{number}"  # nobody listens there
    deaf = number % (SUBSCRIBERS // DEAF) == 1
    return f"http://{host}:{port}/{'deaf/' if deaf else ''}{number}"


def _list(folder: str) -> str:
    file = Path(folder, "feeds.opml")
    line = f'<outline type="rss" text="{SOURCE.title}" xmlUrl="{SOURCE.url}" t:paused="true"/>'
    opml = f'<opml version="2.0" xmlns:t="urn:tributary:opml:1"><head/><body>{line}</body></opml>'
    file.write_text(opml, encoding="utf-8")
    return str(file)


@contextmanager
def _polling(settings: Settings) -> Iterator[None]:
    """A poller in a thread of its own, with a store of its own."""
    loop = asyncio.new_event_loop()
    pollers: list[Poller] = []

    async def run() -> None:
        with closing(open_store(settings.database)) as store:
            pollers.append(Poller(settings, store, lambda _: None))
            await pollers[0].run()

    thread = threading.Thread(target=lambda: asyncio.Runner(loop_factory=lambda: loop).run(run()))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(pollers[0].stop.set)
        thread.join()


def main(arguments: list[str]) -> None:
    """Measure what is asked for, and print it."""
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # as the scheduler does
    if arguments[:1] == ["listen"]:
        return listen()
    if arguments[:1] == ["workers"]:
        return workers(*arguments[1:])
    with tempfile.TemporaryDirectory(prefix="tributary-hub-") as folder:
        if arguments in ([], ["speed"]):
            for hosts in (HOSTS, 1):
                print("  ".join(f"{name}={value:.4g}" for name, value in speed(folder, hosts).items()), flush=True)
        if arguments in ([], ["kills"]):
            print("  ".join(f"{name}={value}" for name, value in kills(folder, KILLS).items()))
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
