"""kill -9 at any moment of a poller's life: whatever was published is stored once, and nothing is half there.

python -m bench.crashes                     200 kills over 50 sources, some four minutes
python -m bench.crashes --kills 20 --seed 7

Newsrooms publish, correct and take down articles all the while. The whole process group of a poller is killed: while it
starts, asks, stores, indexes, closes pages of the log, or stops. After each kill a copy of the store, as it lies there,
is looked at; then the next poller begins. At the end a last one is left alone, and all that was ever published must be
there. The poller is that of `scheduler.py` with short intervals; it says what it is about to do, so that kills meet it.
"""

import argparse
import asyncio
import logging
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import scheduler
from aggregator import opml
from aggregator.config import Settings
from aggregator.model import Source
from aggregator.store import Store, archives, open_store, published
from bench import machine
from bench.newsrooms import Newsrooms

KILLS, SOURCES = 200, 50
START_SECONDS = 0.7  # about what a poller takes before it asks for the first time
READY = "ready"
STEPS = ("claim", "settle", "keep", "index", "gather", "archive")  # methods of the store
AIMS = ("start", "ask", "settle", "settle", "keep", "index", "gather", "archive", "stop")
ASK_SECONDS = 0.05  # about what a round of requests takes
USUAL_SECONDS = 0.004  # what a step takes of which nothing is known yet
MOST_TIMES = {"ask": 4, "settle": 8, "keep": 4, "index": 2, "gather": 4, "archive": 2, "stop": 20}
STOP_SECONDS = 0.3
PATIENCE_SECONDS = 3.0  # until a kill whose moment does not come is made all the same
END_SECONDS = 180.0  # in which the last poller must have mended all
PAGE_ENTRIES = 5  # of a closed page


# ── the poller that is killed


class Speaking:
    """A store that says what it is about to do, and when that is done. Before the step that is aimed at, at so many
    times, it waits until the killer is ready.
    """

    def __init__(self, store: Store, aim: str, times: int) -> None:
        self._store, self._aim, self._times = store, aim, times
        self._news = False  # until something was stored there is little to kill

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return self._spoken(name, method) if name in STEPS else method

    def _spoken(self, name: str, method: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            print(name, flush=True)
            self._news |= name == "settle"
            if name == self._aim and self._news:
                self._times -= 1
                if self._times == 0:
                    print(READY, flush=True)
                    sys.stdin.readline()
            began = time.perf_counter()
            result = method(*arguments)
            print(f"{name} done {time.perf_counter() - began:.6f}", flush=True)
            return result

        return call


def poll(database: str, opml_file: str, port: str, outlets: str, aim: str, times: str) -> None:
    """Be a poller, until stopped."""
    scheduler.DISPATCH_SECONDS, scheduler.INDEX_SECONDS, scheduler.RENEW_SECONDS = 0.05, 0.2, 0.3
    scheduler.LEASE = timedelta(seconds=1)  # what was under way at one kill is asked again before the next
    archives.PAGE_ENTRIES = published.PAGE_ENTRIES = PAGE_ENTRIES
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    settings = Settings(
        database=database,
        opml=opml_file,
        allow_private=(f"127.0.0.1:{port}",),
        interval_minutes=int(outlets) / 50 / 60,
        min_interval_minutes=0.005,
        per_host=8,
        workers=1,
    )
    with closing(open_store(database)) as store:
        poller = scheduler.Poller(settings, cast(Store, Speaking(store, aim, int(times))), lambda _: None)
        asyncio.run(scheduler.run_until_stopped(poller))


class Started:
    """A poller in a process group of its own, heard as it goes."""

    def __init__(self, database: Path, opml_file: Path, rooms: Newsrooms, aim: str = "", times: int = 0) -> None:
        arguments = [str(database), str(opml_file), str(rooms.port), str(len(rooms.outlets)), aim, str(times)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.crashes", "poll", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._said: list[str] = []
        self._news = threading.Condition()
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()

    def wait_for(self, word: str, times: int = 1) -> bool:
        """Wait until it has said this so often."""
        with self._news:
            return self._news.wait_for(
                lambda: sum(said.startswith(word) for said in self._said) >= times, PATIENCE_SECONDS
            )

    def go_on(self) -> None:
        """Let it do what it waits with."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> str:
        """kill -9 for all of the group. → what it was about, "" for nothing that it speaks of."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._close()
        said = [word for word in self._said if word != READY] or ["start"]
        return "" if " done" in said[-1] else said[-1]

    def lasting(self, step: str) -> list[float]:
        """How long it took each time, in seconds."""
        return [float(word.rpartition(" ")[2]) for word in self._said if word.startswith(f"{step} done")]

    def end(self) -> int:
        """Stop it and wait. → its exit code."""
        self.stop()
        self._process.wait(END_SECONDS)
        return self._close()

    def _close(self) -> int:
        code = self._process.wait()
        self._ear.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]
        return code

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._said.append(line.strip())
                self._news.notify_all()


# ── what must hold


class Inspector:
    """Looks at the store of these newsrooms again and again; what it finds wrong it counts, by what it is."""

    def __init__(self, rooms: Newsrooms) -> None:
        self.faults: Counter[str] = Counter()
        self._rooms = rooms
        self._feeds: dict[str, tuple[int, int, int]] = {}
        self._stored: set[str] = set()

    def look(self, database: Path) -> None:
        """Look at a copy of the store as a crash has left it."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "store.db")
            for ending in ("", "-wal"):  # what SQLite shares between processes is of none any more
                with suppress(FileNotFoundError):
                    shutil.copy(f"{database}{ending}", f"{copy}{ending}")
            with closing(sqlite3.connect(copy)) as db, self._rooms.still():
                self._look(db)

    def _look(self, db: sqlite3.Connection) -> None:
        if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            self.faults["half-written: integrity_check"] += 1
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'archives'").fetchone():
            return  # killed before it had made its tables
        for what, sql in HALF.items():
            self.faults[f"half-written: {what}"] += db.execute(f"SELECT count(*) FROM ({sql})").fetchone()[0]
        db.execute("INSERT INTO search_index (search_index) VALUES ('integrity-check')")
        for what, sql in DOUBLED.items():
            self.faults[f"doubled: {what}"] += db.execute(f"SELECT count(*) FROM ({sql})").fetchone()[0]
        self._look_at_feeds(db)
        self._look_at_items(db)

    def _look_at_feeds(self, db: sqlite3.Connection) -> None:
        feeds = {slug: rest for slug, *rest in db.execute("SELECT slug, version, changed_at, sequence FROM feeds")}
        for slug, (version, changed_at, sequence) in feeds.items():
            before = self._feeds.get(slug, (0, 0, 0))
            if any(new < old for new, old in zip((version, changed_at, sequence), before, strict=True)):
                self.faults["lost: a version of a feed"] += 1
            self._feeds[slug] = version, changed_at, sequence
        self.faults["lost: a feed"] += len(self._feeds.keys() - feeds.keys())

    def _look_at_items(self, db: sqlite3.Connection) -> None:
        stored: dict[str, int] = {}
        for link, title in db.execute("SELECT content->>'$.link', content->>'$.title' FROM items"):
            stored[link] = int(title.rpartition(" ")[2])
        self.faults["lost: what was stored before"] += len(self._stored - stored.keys())
        self._stored = set(stored)
        known = {each.url: each.editions for each in self._rooms.outlets}
        self.faults["never published"] += len(stored.keys() - {link for o in self._rooms.outlets for link in o.links()})
        for url, fingerprint in db.execute("SELECT url, state->>'$.fingerprint' FROM sources"):
            shown = known[url].get(fingerprint, {})
            if any(stored.get(link, -1) < edition for link, edition in shown.items()):
                self.faults["lost: a validator is newer than the items"] += 1

    def look_last(self, database: Path) -> int:
        """Look for everything, once a poller has had the time. → how many articles there were."""
        self.look(database)
        wanted = {link for outlet in self._rooms.outlets for link in outlet.links()}
        self.faults["lost: an article"] += len(wanted - self._stored)
        with closing(sqlite3.connect(database)) as db:
            for what, sql in LAST.items():
                self.faults[what] += db.execute(f"SELECT count(*) FROM ({sql})").fetchone()[0]
            feeds = [slug for (slug,) in db.execute("SELECT slug FROM feeds")]
        with closing(open_store(str(database), writer=False)) as store:
            for slug in feeds:
                head = [story.id for story in store.head(slug, 1000)]
                self.faults["doubled: an entry of a head"] += len(head) - len(set(head))
        return len(wanted)

    def is_over(self, database: Path) -> bool:
        """Whether all that the newsrooms show was read."""
        with closing(sqlite3.connect(database)) as db, self._rooms.still():
            held = dict(db.execute("SELECT url, state->>'$.fingerprint' FROM sources"))
            waits = any(db.execute(sql).fetchone() for sql in LAST.values())
            return not waits and all(
                each.current and held[each.url] == each.fingerprint for each in self._rooms.outlets
            )


HALF = {
    "foreign keys": "SELECT 1 FROM pragma_foreign_key_check",
    "an item without words": "SELECT 1 FROM items LEFT JOIN search ON item_id = items.id WHERE item_id IS NULL",
    "an item without a print": "SELECT 1 FROM items LEFT JOIN prints ON item_id = items.id WHERE item_id IS NULL",
    "an item without a story": "SELECT 1 FROM items LEFT JOIN stories ON lead_id = items.id WHERE lead_id IS NULL",
    "a story without an item": "SELECT 1 FROM stories LEFT JOIN items ON items.id = lead_id WHERE items.id IS NULL",
    "a story without a feed": "SELECT 1 FROM stories WHERE id NOT IN (SELECT story_id FROM log WHERE feed = 'all')",
    "a miscounted source": (
        "SELECT 1 FROM sources WHERE items <> (SELECT count(*) FROM items WHERE source_id = sources.id)"
    ),
    "a revision without its item's number": (
        "SELECT 1 FROM items WHERE revision <> (SELECT count(*) FROM revisions WHERE item_id = items.id)"
        " OR revision <> coalesce((SELECT max(number) FROM revisions WHERE item_id = items.id), 0)"
    ),
    "a gap in a log": (
        "SELECT 1 FROM feeds WHERE sequence <> (SELECT count(sequence) FROM log WHERE feed = slug)"
        " OR sequence <> coalesce((SELECT max(sequence) FROM log WHERE feed = slug), 0)"
    ),
    "a gap in the closed pages": (
        "SELECT 1 FROM archives GROUP BY feed HAVING count(*) <> max(number) OR count(DISTINCT number) <> count(*)"
    ),
}  # fmt: skip
DOUBLED = {
    "an article": "SELECT 1 FROM items GROUP BY content->>'$.link' HAVING count(*) > 1",
    "a place in a log": "SELECT 1 FROM log WHERE sequence IS NOT NULL GROUP BY feed, sequence HAVING count(*) > 1",
    "a story in a log": "SELECT 1 FROM log GROUP BY feed, story_id HAVING count(*) > 1",
    "a version": (
        "SELECT 1 FROM revisions one JOIN revisions next ON next.item_id = one.item_id AND next.number = one.number + 1"
        " WHERE one.content = next.content"
    ),
}
LAST = {
    "lost: an item that the search does not know": (
        "SELECT 1 FROM items WHERE id > coalesce((SELECT value FROM marks WHERE name = 'indexed'), 0)"
    ),
    "lost: a closed page": (
        f"SELECT 1 FROM feeds WHERE sequence / {PAGE_ENTRIES} > (SELECT count(*) FROM archives WHERE feed = slug)"
    ),
}


# ── the kills


def crashes(folder: Path, kills: int, sources: int, seed: int, aims: Sequence[str] = AIMS) -> dict[str, int]:
    """Kill so many pollers, one after the other, each aim as often as it stands there. → what was counted; faults by
    what they are.
    """
    dice, database, opml_file = random.Random(seed), folder / "crashes.db", folder / "feeds.opml"
    met: Counter[str] = Counter()
    with Newsrooms(sources, seed) as rooms:
        listed = [Source(each.url, title=f"Journal {each.number}") for each in rooms.outlets]
        opml_file.write_bytes(opml.write_sources(listed, "Sources", datetime.now(UTC)))
        inspector = Inspector(rooms)
        killer = Killer(partial(Started, database, opml_file, rooms), dice)
        order: list[str] = []
        for _ in range(kills):
            order = order or dice.sample(aims, len(aims))
            met[killer.kill(order.pop())] += 1
            inspector.look(database)
        rooms.rest()
        last = Started(database, opml_file, rooms)
        end = time.monotonic() + END_SECONDS
        while not inspector.is_over(database) and time.monotonic() < end:
            time.sleep(0.1)
        took = time.monotonic() + END_SECONDS - end
        code = last.end()
        articles = inspector.look_last(database)
    return {
        "kills": kills,
        **{f"kills: {step}": count for step, count in sorted(met.items())},
        "articles": articles,
        "corrections": sum(article.edition for outlet in rooms.outlets for article in outlet.shown),
        "seconds until all was there": round(took),
        "exit code of the last": code,
        **{what: sum(n for fault, n in inspector.faults.items() if fault.startswith(what)) for what in FAULTS},
        **{fault: count for fault, count in inspector.faults.items() if count},
    }


FAULTS = ("lost", "doubled", "half-written", "never published")


class Killer:
    """Begins pollers and kills them; learns how long their steps take."""

    def __init__(self, begin: Callable[[str, int], Started], dice: random.Random) -> None:
        self._begin, self._dice = begin, dice
        self._lasting: dict[str, float] = {}

    def kill(self, aim: str) -> str:
        """Kill one at a moment of this kind. → what it was about."""
        times = self._dice.randint(1, MOST_TIMES.get(aim, 1))
        poller = self._begin(aim, times)
        time.sleep(self._dice.uniform(0, self._wait(poller, aim, times)))
        about = poller.kill()
        for step in STEPS:
            if taken := poller.lasting(step):
                self._lasting[step] = statistics.median(taken)
        return aim if aim in ("ask", "stop") and not about else about or "between"

    def _wait(self, poller: Started, aim: str, times: int) -> float:
        """Wait until the moments of this kind begin. → how long they last."""
        if aim == "start":
            return START_SECONDS
        if aim == "ask":
            poller.wait_for("claim done", times)
            return ASK_SECONDS
        if aim == "stop":
            poller.wait_for("settle", times)
            poller.stop()
            return STOP_SECONDS
        poller.wait_for(READY)
        poller.go_on()
        return self._lasting.get(aim, USUAL_SECONDS)


def main(arguments: list[str]) -> int:
    """Be a poller, or kill some and print what came of it."""
    if arguments[:1] == ["poll"]:
        poll(*arguments[1:])
        return 0
    parser = argparse.ArgumentParser(prog="python -m bench.crashes", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--sources", type=int, default=SOURCES)
    parser.add_argument("--seed", type=int, default=20260211)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tributary-crashes-") as folder:
        found = crashes(Path(folder), given.kills, given.sources, given.seed)
    print("  ".join(f"{name}: {value}" for name, value in machine.facts().items()))
    print("\n".join(f"{count:7,} {what}" for what, count in found.items()))
    print(f"{time.monotonic() - began:7.0f} seconds")
    return int(any(found[what] for what in FAULTS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
