"""How fast stories are told: fills a store with a made-up stream, then measures the items that come next.

Takes how many items the window holds and how many the store, prints a table for each. A store is filled once, through
the very stages that are measured, but for what is out of the window, which is written bare. It is kept in bench/results
under a name made of all that it depends on; each measurement adds its items to it. Filling runs in processes of its
own, so that its memory is not counted. The stores are measured in turns in one process, a block of items each, so that
a slow minute of the machine is shared by all.

The whole stage is what an item costs beyond a bare write: print + look up + decide + write - bare write. The last is
that of a like item without links and all that the stage keeps, in the same store, after each item that is measured.
"""

import os
import sqlite3
import statistics
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from aggregator.model import Item
from aggregator.store import Store, open_store, schema
from bench import stream
from bench.meter import MIB, pss, rss
from bench.polls import BARE, printed, settle, write_bare
from bench.report import grid, verdict

SEED = "stories-1"
START = datetime(2026, 1, 1, tzinfo=UTC)
MEASURED, WARMING = 3_000, 200  # items
BLOCK = 10_000  # items that are filled in at once, each source's in one transaction
TELL_EVERY = 50_000  # items filled in
IN_TURN = 100  # items polled on one store before the next has its turn
PARTS = ("print", "look up", "decide", "write", "bare write")
PER_CPU_SECOND, P99_MS, MEMORY_MB, SLOWER = 500, 20, 300, 1.2  # aims

Moment = tuple[int, int]  # nanoseconds of CPU, and on the clock


class Fill(Struct, frozen=True):
    """A store and what is in it. The stream is as dense in a small store as in a large one."""

    folder: str
    window: int  # items that `days` hold
    days: int
    stored: int

    @property
    def stream(self) -> stream.Stream:
        """What the store is filled with."""
        return stream.Stream(SEED, START, timedelta(days=self.days) / self.window)

    @property
    def path(self) -> Path:
        """Where it is kept."""
        made_by = b"".join(Path(str(module.__file__)).read_bytes() for module in (stream, schema))
        key = blake2b(f"{SEED} {self.days}".encode() + made_by, digest_size=6).hexdigest()
        return Path(self.folder, f"stories-{self.window}-{self.stored}-{key}.db")

    def remove(self) -> None:
        """Remove the store."""
        for file in Path(self.folder).glob(f"{self.path.name}*"):
            file.unlink()

    def remove_others(self) -> None:
        """Remove the stores of the same size that were made otherwise; they may be large."""
        for file in Path(self.folder).glob(f"stories-{self.window}-{self.stored}-*.db*"):
            if not file.name.startswith(self.path.name):
                file.unlink()


class Cost(Struct, frozen=True):
    """What one part costs an item: the mean of the CPU, and what half and 99 in 100 items take at most."""

    cpu_us: float
    cpu_p50_ms: float
    cpu_p99_ms: float
    wall_p50_ms: float
    wall_p99_ms: float


class Speed(Struct, frozen=True):
    """What was measured on one store."""

    stored: int
    parts: dict[str, Cost]
    whole: Cost
    rss: float  # MiB, the highest seen, with all stores open
    pss: float

    @property
    def per_cpu_second(self) -> float:
        """Items."""
        return 1e6 / self.whole.cpu_us


def speed(folder: Path, window: int, stored: int, days: int, fresh: bool) -> dict[str, Any]:
    """Fill where needed, measure a store that holds the window alone and one that holds `stored`, print. → figures."""
    folder.mkdir(exist_ok=True)
    fills = [Fill(str(folder), window, days, size) for size in dict.fromkeys((window, max(window, stored)))]
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as processes:
        for fill in fills:
            if fresh:
                fill.remove()
            fill.remove_others()
            processes.submit(fill_up, fill).result()
        found = processes.submit(measure, fills).result()
    for each in found:
        print("\n".join(["", *tables(each, window)]), flush=True)
    print("\n".join(["", *aims(found)]))
    return {"window": window, "days": days, "runs": [asdict(each) for each in found]}


def fill_up(fill: Fill) -> None:
    """Send the stream through the stages until the store holds enough; one that was interrupted is made anew."""
    if fill.path.exists() and _held(store := _opened(fill)) >= fill.window:
        store.close()
        return
    fill.remove()
    store, started = _opened(fill), time.monotonic()
    for number in range(0, fill.stored, BLOCK):
        numbers = range(number, min(number + BLOCK, fill.stored))
        if number < fill.stored - fill.window:  # out of the window: nothing is kept to compare with
            old = replace(fill.stream, seed="old")
            write_bare(store, [*map(old.item, numbers)], fill.stream.published(numbers[-1]))
        else:
            _tell(store, fill.stream, numbers)
        if numbers[-1] + 1 == fill.stored or (numbers[-1] + 1) % TELL_EVERY == 0:
            pace = (numbers[-1] + 1) / (time.monotonic() - started)
            print(f"filled {numbers[-1] + 1:,} of {fill.stored:,}, {pace:.0f} a second", flush=True)
    store.close()


def _tell(store: Store, made: stream.Stream, numbers: range) -> None:
    by_source: dict[str, list[Item]] = {}
    for item in map(made.item, numbers):
        by_source.setdefault(item.source, []).append(item)
    for items in by_source.values():
        settle(store, items, tuple(map(printed, items)), made.published(numbers[-1]))


def measure(fills: Sequence[Fill]) -> list[Speed]:
    """Poll the items that come next, one at a time, in blocks from store to store."""
    runs = [Run(fill) for fill in fills]
    highest = (0, 0)
    for _ in range((WARMING + MEASURED) // IN_TURN):
        for run in runs:
            run.go_on(IN_TURN)
        highest = (max(highest[0], rss(os.getpid())), max(highest[1], pss(os.getpid())))
    return [run.end(highest) for run in runs]


def warm(fill: Fill) -> None:
    """Read what items of the window are compared with: of a service that keeps running, it lies in memory."""
    with closing(sqlite3.connect(fill.path)) as db:
        for sql in ("SELECT sum(length(body) + length(shingles)) FROM prints", "SELECT count(*) FROM grams"):
            db.execute(sql).fetchall()


class Run:
    """One store under measurement."""

    def __init__(self, fill: Fill) -> None:
        warm(fill)
        self._fill = fill
        self._store = _opened(fill)
        self._bare = replace(fill.stream, seed="bare")
        self._stored = self._store.totals().items
        self._next = fill.stored - fill.window + _held(self._store)
        self._moments: list[list[Moment]] = []

    def go_on(self, count: int) -> None:
        """Poll so many items."""
        for number in range(self._next, self._next + count):
            self._moments.append(_laps(self._store, self._fill.stream, self._bare, number))
        self._next += count

    def end(self, memory: tuple[int, int]) -> Speed:
        """What it took."""
        self._store.close()
        laps = dict(zip(PARTS, map(list, zip(*self._moments[WARMING:], strict=True)), strict=True))
        return summed(self._stored, laps, memory)


def _opened(fill: Fill) -> Store:
    store = open_store(str(fill.path))
    if not store.sources():
        store.sync_sources([*stream.sources(), BARE], START)
        store.open_log(START)
    return store


def _held(store: Store) -> int:
    """How many items the store holds that were told."""
    return sum(view.items for view in store.sources() if view.source.url != BARE.url)


def _laps(store: Store, made: stream.Stream, bare: stream.Stream, number: int) -> list[Moment]:
    """What each part cost for this item."""
    item, other, at = made.item(number), bare.item(number), made.published(number)
    moments = [_now()]
    print_ = printed(item)
    moments.append(_now())
    settle(store, [item], (print_,), at, lambda: moments.append(_now()))
    moments.append(_now())
    write_bare(store, [other], at)
    moments.append(_now())
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(moments)]


def _now() -> Moment:
    return time.process_time_ns(), time.perf_counter_ns()


def summed(stored: int, laps: dict[str, list[Moment]], memory: tuple[int, int]) -> Speed:
    """The costs of the parts and of the whole stage. Its CPU is less what a bare write usually takes; on the clock it
    ends where the write begins, which waits for the disk.
    """
    parts = {name: cost(moments) for name, moments in laps.items()}
    bare = parts["bare write"]
    before = _together([laps["print"], laps["look up"], laps["decide"]])
    whole = cost(_together([before, laps["write"]]))
    less = replace(
        cost(before),
        cpu_us=whole.cpu_us - bare.cpu_us,
        cpu_p50_ms=whole.cpu_p50_ms - bare.cpu_p50_ms,
        cpu_p99_ms=whole.cpu_p99_ms - bare.cpu_p50_ms,
    )
    return Speed(stored, parts, less, memory[0] / MIB, memory[1] / MIB)


def _together(laps: Sequence[Sequence[Moment]]) -> list[Moment]:
    """The sum of several parts, item by item."""
    return [(sum(cpu for cpu, _ in one), sum(wall for _, wall in one)) for one in zip(*laps, strict=True)]


def cost(moments: Sequence[Moment]) -> Cost:
    """The figures of one part; two items at least."""
    cpu, wall = zip(*moments, strict=True)
    return Cost(statistics.mean(cpu) / 1e3, *_quantiles(cpu), *_quantiles(wall))


def _quantiles(nanoseconds: Iterable[float]) -> tuple[float, float]:
    found = statistics.quantiles(nanoseconds, n=100, method="inclusive")
    return found[49] / 1e6, found[98] / 1e6


def tables(found: Speed, window: int) -> list[str]:
    """What was measured on one store, for people."""
    columns = ("an item", "CPU µs", "CPU p50 ms", "CPU p99 ms", "wall p50 ms", "wall p99 ms")
    rows = [(name, each) for name, each in [*found.parts.items(), ("**whole stage**", found.whole)]]
    cells = [
        [name, f"{each.cpu_us:.0f}", *(f"{each_ms:.2f}" for each_ms in _milliseconds(each))] for name, each in rows
    ]
    return [
        f"{found.stored:,} items stored, {min(window, found.stored):,} of them in the window:"
        f" {found.per_cpu_second:,.0f} items per CPU second, RSS {found.rss:.0f} MiB, PSS {found.pss:.0f} MiB",
        "",
        grid(columns, cells),
    ]


def _milliseconds(each: Cost) -> tuple[float, ...]:
    return each.cpu_p50_ms, each.cpu_p99_ms, each.wall_p50_ms, each.wall_p99_ms


def aims(found: Sequence[Speed]) -> list[str]:
    """One sentence for each aim; the first store holds the window alone."""
    small, large = found[0], found[-1]
    slower = large.whole.cpu_us / small.whole.cpu_us
    memory = max(each.rss for each in found) * MIB / 1e6
    longest = max(max(each.whole.cpu_p99_ms, each.whole.wall_p99_ms) for each in found)
    pace = small.per_cpu_second
    return [
        verdict(pace >= PER_CPU_SECOND, f"{pace:,.0f} items per CPU second, at least {PER_CPU_SECOND}"),
        verdict(longest <= P99_MS, f"99 in 100 items in {longest:.1f} ms, at most {P99_MS} ms"),
        verdict(memory <= MEMORY_MB, f"{memory:.0f} MB of memory, at most {MEMORY_MB} MB"),
        verdict(slower <= SLOWER, f"{slower:.2f} × the CPU at {large.stored:,} stored items, at most {SLOWER:g} ×"),
    ]
