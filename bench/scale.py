"""What many sources and many items cost a poller: the real scheduler, pipeline and store, real HTTP, a quicker clock.

python -m bench.scale dead       10,000 sources, 30 % of them dead or slow, beside 10,000 without; twice 5.5 minutes
python -m bench.scale stored     what a poll costs with 10,000, 100,000 and 1,000,000 items stored
python -m bench.scale dead --sources 500 --minutes 1

**dead**: all times of the poller (intervals, timeouts, patience, leases) are divided by 20, so that half an hour is 90
seconds; all 10,000 sources are due at once. Newsrooms publish at random moments, and count how long it takes until a
poller has fetched what is new. The first 7 in 10 are the same healthy ones in both runs; the others are healthy in one
and dead in the other: refused, silent for ever, 500, names that do not resolve after five seconds, answers after ten.

**stored**: copies of the stores that `python -m bench.pages fill` makes (--items 100000 makes the one between) poll the
same newsrooms in turn, slice by slice, so that a slow minute of the machine is shared. CPU is that of the process that
polls and of its worker.
"""

import argparse
import asyncio
import json
import logging
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median
from typing import Any, Self, cast

import scheduler
from aggregator import opml, pipeline
from aggregator.config import Settings
from aggregator.model import Source, SourceState
from aggregator.pipeline import Pipeline, utc_now
from aggregator.poll import NO_PLAN
from aggregator.store import Store, open_store
from bench import machine
from bench.meter import MIB, descendants, pss
from bench.pages import RESULTS
from bench.region import Fill, is_filled
from bench.report import about, grid, verdict
from bench.town import DEAD, QUICKER, SOURCES_OF_A_HOST, WAY, stand

SOURCES, MINUTES = 10_000, 5.5
ADDRESSES = 200  # on loopback, that hosts stand on
DNS_SECONDS = 5.0  # in real life, until a name without servers is given up
COUNTED = (0.36, 0.67)  # shares of a run, a whole interval apart; the rest is time to fetch what came between
SLOWER_DEAD, SLOWER_STORED = 1.1, 1.2  # aims
STORED = (10_000, 100_000, 1_000_000)
POLLED, SLICES = 100, 6  # sources of `stored`, and how often they are polled by each
ROUNDS = {
    "with one new item": ("round", {"ok"}),
    "of its index": ("index", set[str]()),
    "that brings a 304": ("round", {"not modified"}),
}


# ── pollers


class Late:
    """A store that notes how late the sources are that it hands out, the healthy ones only."""

    def __init__(self, store: Store, measured: int) -> None:
        self._store, self._measured = store, measured
        self.seconds: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def claim(self, now: datetime, until: datetime, limit: int) -> tuple[tuple[Source, SourceState], ...]:
        due = self._store.claim(now, until, limit)
        for source, state in due:
            if state.next_check_at and int(source.url.rpartition("/")[2]) < self._measured:
                self.seconds.append((now - state.next_check_at).total_seconds())
        return due


def _quicker() -> None:
    """Divide what is measured in real time."""
    for name in ("INDEX_SECONDS", "PLAN_MINUTES", "RENEW_SECONDS", "LEASE", "CLOCK_SECONDS"):
        setattr(scheduler, name, getattr(scheduler, name) / QUICKER)
    scheduler.DISPATCH_SECONDS = 0.1  # type: ignore[assignment]
    pipeline.PATIENCE_SECONDS /= QUICKER
    pipeline.make_plan = lambda *_: NO_PLAN  # hours and weekdays cannot be made quicker
    sound = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **more: Any) -> Any:
        if isinstance(host, str) and host.endswith(".test"):
            if host.startswith("gone"):
                time.sleep(DNS_SECONDS / QUICKER)
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            host = f"127.0.0.{1 + int(host[1:-5]) % ADDRESSES}"
        return sound(host, *rest, **more)

    socket.getaddrinfo = resolve


async def _poll(folder: Path, measured: int, hosts: Sequence[str]) -> None:
    """Be a scheduler until told to end, then say how late it was."""
    _quicker()
    settings = Settings(
        opml=str(folder / "feeds.opml"),
        allow_private=tuple(hosts),
        interval_minutes=30 / QUICKER,
        min_interval_minutes=5 / QUICKER,
        max_interval_hours=24 // QUICKER,
        timeout_seconds=30 / QUICKER,
        workers=1,
    )
    with closing(open_store(str(folder / "t.db"))) as store:
        late = Late(store, measured)
        poller = scheduler.Poller(settings, cast(Store, late), lambda _: None, lambda: datetime.now(UTC))
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), poller.stop.set)
        await poller.run()
    found = sorted(late.seconds) or [0.0]
    print(json.dumps({"late": fmean(found), "p95 late": found[len(found) * 95 // 100], "claims": len(found)}))


async def _slices(database: str, port: str) -> None:
    """Poll all newsrooms of a port for each line of standard input."""
    listed = [Source(f"http://127.0.0.{1 + n % ADDRESSES}:{port}/{n}", title=f"Rédaction {n}") for n in range(POLLED)]
    hosts = {source.url.split("/")[2] for source in listed}
    settings = Settings(database=database, allow_private=tuple(hosts), workers=1)
    with closing(open_store(database)) as store:
        store.sync_sources(listed, utc_now())
        async with Pipeline(settings, store) as polling:
            await polling.index()
            print("ready", flush=True)
            while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
                reports: list[str] = []
                if command == "index":
                    await polling.index()
                else:
                    states = [(source, store.state(source.url)) for source in listed]
                    await polling.poll(states, lambda report: reports.append(report.status))  # noqa: B023
                print(json.dumps({status: reports.count(status) for status in set(reports)}), flush=True)


class Companion:
    """A process of ours that is told and heard by lines."""

    def __init__(self, *words: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.scale", *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError):
            self._process.communicate("", timeout=30)
        self._process.kill()

    def ask(self, command: str) -> Any:
        """Say a line. → what is heard."""
        cast(Any, self._process.stdin).write(f"{command}\n")
        cast(Any, self._process.stdin).flush()
        return json.loads(self.hear())

    def hear(self) -> str:
        """The next line."""
        return cast(str, cast(Any, self._process.stdout).readline()).strip()

    def cpu(self) -> float:
        """Seconds that it and all below it have used; see clock_getcpuclockid(3)."""
        tree = [self._process.pid, *(each for each in descendants(self._process.pid))]
        return sum(time.clock_gettime(((~process) << 3) | 2) for process in tree)

    def memory(self) -> float:
        """MiB of the tree, each shared page once."""
        return sum(map(pss, [self._process.pid, *descendants(self._process.pid)])) / MIB


# ── the dead


def dead(sources: int, minutes: float, share: float) -> dict[str, float]:
    """Let a scheduler poll so many sources of which that share is dead. → figures of the healthy ones."""
    dead_from = round(sources * (1 - share))
    with tempfile.TemporaryDirectory(prefix="tributary-scale-") as folder, ExitStack() as open_:
        town = open_.enter_context(Companion("town", sources, dead_from))
        port = town.hear()
        listed = [_listed(number, port, dead_from) for number in range(sources)]
        Path(folder, "feeds.opml").write_bytes(opml.write_sources(listed, "Sources", datetime.now(UTC)))
        Path(folder, "hosts").write_text(" ".join({source.url.split("/")[2] for source in listed}))
        town.ask("publish")
        began = time.monotonic()
        poller = open_.enter_context(Companion("poller", folder, int(sources * (1 - DEAD))))
        memory, words = 0.0, [(COUNTED[1], "count no more"), (COUNTED[0], "count")]
        while (passed := time.monotonic() - began) < minutes * 60:
            time.sleep(1)
            memory = max(memory, poller.memory())
            if words and passed > words[-1][0] * minutes * 60:
                town.ask(words.pop()[1])
        cpu, found = poller.cpu(), town.ask("figures")
        late = poller.ask("stop")
        found["first of the healthy"] -= began
        return {**found, **late, "MiB": memory, "CPU ms a request": cpu / found["requests"] * 1000}


def _listed(number: int, port: str, dead_from: int) -> Source:
    host = number // SOURCES_OF_A_HOST
    way = WAY[host % len(WAY)] if number >= dead_from else ""
    name = f"{'gone' if way == 'unresolved' else 'h'}{host}.test:{9 if way == 'refused' else port}"
    return Source(f"http://{name}/{number}", title=f"Rédaction {number}")


# ── the stored


def stored(folder: Path, sizes: Sequence[int]) -> dict[int, dict[str, float]]:
    """Poll with stores of these sizes, in turn. → CPU ms a poll, by size and kind of round."""
    found: dict[int, dict[str, list[float]]] = {items: {kind: [] for kind in ROUNDS} for items in sizes}
    with tempfile.TemporaryDirectory(prefix="tributary-scale-", dir=folder) as scratch, ExitStack() as open_:
        town = open_.enter_context(Companion("town", POLLED, POLLED))
        port = town.hear()
        pollers = {}
        for items in sizes:
            copy = Path(scratch, f"{items}.db")
            shutil.copy(Fill(folder, items).path, copy)
            pollers[items] = open_.enter_context(Companion("slices", copy, port))
            assert pollers[items].hear() == "ready"
            pollers[items].ask("round")  # each source for the first time
        for number in range(SLICES):
            town.ask("tick")
            for kind, (command, answers) in ROUNDS.items():
                for items in sizes if number % 2 else sizes[::-1]:
                    before = pollers[items].cpu()
                    answered = pollers[items].ask(command)
                    assert set(answered) == answers, answered
                    found[items][kind].append((pollers[items].cpu() - before) / POLLED * 1000)
    return {items: {kind: median(taken) for kind, taken in kinds.items()} for items, kinds in found.items()}


# ── what is printed


def compare_dead(sources: int, minutes: float) -> None:
    """Measure without and with, and print both."""
    rows = {share: dead(sources, minutes, share) for share in (0.0, DEAD)}
    names = list(rows[DEAD])
    table = [[name, *(f"{rows[share][name]:,.2f}" for share in rows)] for name in names]
    print(grid(("", "all healthy", f"{DEAD:.0%} dead or slow"), table))
    ratio = rows[DEAD]["mean wait"] / (rows[0.0]["mean wait"] or 1.0)
    print(verdict(ratio <= SLOWER_DEAD, f"{ratio:.2f} × the mean wait without dead ones, at most {SLOWER_DEAD:g} ×"))
    lost = sum(row["never asked"] for row in rows.values())
    print(verdict(not lost, f"{lost:.0f} sources never asked"))


def compare_stored(folder: Path, sizes: Sequence[int]) -> None:
    """Measure with stores of these sizes, and print."""
    sizes = [items for items in sizes if is_filled(Fill(folder, items))]
    found = stored(folder, sizes)
    table = [[f"{items:,}", *(f"{ms:.2f}" for ms in kinds.values())] for items, kinds in found.items()]
    print(grid(("items stored", *(f"CPU ms a poll {kind}" for kind in ROUNDS)), table))
    least, most = found[sizes[0]], found[sizes[-1]]
    for kind in least:
        ratio = most[kind] / least[kind]
        print(verdict(ratio <= SLOWER_STORED, f"{kind}: {ratio:.2f} × the CPU, at most {SLOWER_STORED:g} ×"))


def main(arguments: list[str]) -> None:
    """Be one of the processes, or measure."""
    logging.getLogger("tributary").setLevel(logging.CRITICAL)
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    match arguments:
        case ["town", count, dead_from]:
            asyncio.run(stand(int(count), int(dead_from)))
        case ["poller", folder, measured]:
            asyncio.run(_poll(Path(folder), int(measured), Path(folder, "hosts").read_text().split()))
        case ["slices", database, port]:
            asyncio.run(_slices(database, port))
        case _:
            given = _arguments(arguments)
            print(about(machine.facts()), flush=True)
            if given.command in ("", "dead"):
                compare_dead(given.sources, given.minutes)
            if given.command in ("", "stored"):
                compare_stored(given.folder, STORED)


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", nargs="?", choices=("", "dead", "stored"), default="")
    parser.add_argument("--sources", type=int, default=SOURCES)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of each of the two runs of `dead`")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where the filled stores are")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
