"""How fast pages are answered with a million items stored, beside a store with ten thousand.

python -m bench.pages fill       fills both stores, once: some 12 minutes of CPU and 6 GB; they are kept
python -m bench.pages            measures, in a few minutes
python -m bench.pages --items 50000 --folder FOLDER

Serves both stores as `tributary serve` does and asks over HTTP, one address of each in turn, so that a slow minute of
the machine is shared by both: each address for the first time, then again, then many of the large store by eight
clients at once. CPU is that of the processes that answer. The store in `bench/region.py` is made up.
"""

import argparse
import json
import os
import random
import re
import statistics
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct, field

from aggregator.catalogue import Kind, kind_of
from aggregator.cli.site import Site
from aggregator.model import SOURCE, Story
from aggregator.store import FeedState, Store, open_store
from bench import machine, region
from bench.meter import descendants
from bench.region import Fill
from bench.report import about, grid, verdict

RESULTS = Path(__file__).resolve().parent / "results"
SMALL = 10_000  # items
ASKED = 40  # addresses of a kind
CLIENTS = 8
WARMING = 4  # answers of each kind
LEAST_STORIES = 60  # of a feed whose pages are asked for: they are full in both stores
LOOKED_AT = 4_000  # stories, to find some with versions and an event
P95_MS, RIVER_CPU_MS, SLOWER = 30.0, 10.0, 1.2  # aims
WITH_STORIES = ("front page", "category", "département", "category in a département", "source", "older")
COMMON = ("commune", "ville", "mairie", "janvier", "Besançon", "Dole", "Vesoul", "heures", "jour lundi", "Gray pays")


class Taken(Struct):
    """What answers of one kind took."""

    ms: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0  # of all together
    bytes: int = 0  # over the wire, headers not counted

    @property
    def cpu(self) -> float:
        """Milliseconds an answer."""
        return self.cpu_ms / len(self.ms)

    def figures(self) -> dict[str, float]:
        """For a file."""
        return {
            "answers": len(self.ms),
            "bytes": self.bytes / len(self.ms),
            "cpu_ms": self.cpu,
            **{f"p{share}_ms": within(self.ms, share) for share in (50, 95, 99)},
        }


Plan = Mapping[str, Sequence[str]]
"""Addresses by kind of page."""

Passes = dict[str, dict[str, Taken]]
"""By kind of page, then by what was asked: "small", "large", "small again", "large again", "eight"."""


class Served(Struct, frozen=True):
    """A site that answers, and which of our descendants it is."""

    port: int
    processes: tuple[int, ...]

    def cpu_ms(self) -> float:
        """What it has used so far. The clock of a process: its number inverted, and 2 (clock_getcpuclockid(3))."""
        return sum(time.clock_gettime(((~process) << 3) | 2) for process in self.processes) * 1000


@contextmanager
def served(fill: Fill) -> Iterator[Served]:
    """The site of a store, in processes of its own."""
    before = set(descendants(os.getpid()))
    with Site(fill.settings) as site:
        yield Served(site.port, tuple(set(descendants(os.getpid())) - before))


class Client:
    """Asks for one address after the other on one connection, which the server closes when it is idle for long."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, address: str, taken: Taken) -> None:
        """GET; anything but a 200 ends the measurement."""
        started = time.perf_counter()
        self._connection.request("GET", address, headers={"Accept-Encoding": "gzip", "Accept-Language": "fr"})
        with self._connection.getresponse() as answer:
            body = answer.read()
        taken.ms.append((time.perf_counter() - started) * 1000)
        taken.bytes += len(body)
        if answer.status != 200:
            raise SystemExit(f"{address} answers {answer.status}")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


# ── what is asked


def plan_of(fill: Fill, only: str = "") -> Plan:
    """What a store is asked for: kinds that `only` is found in."""
    with closing(open_store(str(fill.path))) as store:
        return {kind: asked for kind, asked in addresses(store, fill.items).items() if re.search(only, kind)}


def addresses(store: Store, items: int, count: int = ASKED) -> dict[str, list[str]]:
    """Addresses of each kind, the same at each run."""
    dice = random.Random("pages")
    full: dict[Kind, list[FeedState]] = {kind: [] for kind in Kind}
    gone = {f"{SOURCE}{view.slug}" for view in store.sources() if view.withdrawn}
    for state in store.feeds():
        if state.sequence >= LEAST_STORIES and state.slug not in gone:
            full[kind_of(state.slug)].append(state)
    several, plain = _stories(store, items, dice, count)
    feeds = [state.slug for kind in (Kind.CATEGORY, Kind.DEPARTEMENT, Kind.BOTH) for state in full[kind]]

    def some(slugs: Iterable[str], form: str = "/{}") -> list[str]:
        return [form.format(slug) for slug in _drawn(dice, list(slugs), count)]

    def of(kind: Kind) -> list[str]:
        return [state.slug for state in full[kind]]

    def anew(asked: list[str]) -> list[str]:
        """None of them is asked twice, so none is kept the first time."""
        return [f"{each}{'&' if '?' in each else '?'}asked={number}" for number, each in enumerate(asked)]

    kept = [f"/feeds/{state.slug}/archive/{state.pages}.atom" for kind in Kind for state in full[kind] if state.pages]
    return {
        "front page": anew(["/"] * count),
        "category": anew(some(of(Kind.CATEGORY))),
        "département": anew(some(of(Kind.DEPARTEMENT))),
        "category in a département": some(of(Kind.BOTH)),
        "source": some(of(Kind.SOURCE)),
        "older": [f"/{slug}?before={_moment(dice, items)}-999999999999" for slug in _drawn(dice, ["", *feeds], count)],
        "story": some(plain, "/story/{}"),
        "story with versions, event": some(several, "/story/{}"),
        "story as data": some(several, "/story/{}.json"),
        "search, common words": some((quote(f"{one} {other}") for one in COMMON for other in COMMON), "/search?q={}"),
        "search, rare words": some((f"{dice.randrange(items):x}k" for _ in range(count)), "/search?q={}"),
        "sources": ["/sources"] * count,
        "how to follow": anew(["/subscribe"] * count),
        "status": ["/status"] * count,
        "embed": some(feeds, "/embed/{}"),
        "fragment": some(feeds, "/embed/{}.fragment"),
        "page of a feed": some(feeds, "/feed/{}"),
        "feed": some(feeds, "/feeds/{}.atom"),
        "closed page of a feed": _drawn(dice, kept, count),
        "list of feeds": ["/feeds.opml"] * count,
        "list of sources": ["/sources.opml"] * count,
    }


def _stories(store: Store, items: int, dice: random.Random, count: int) -> tuple[list[int], list[int]]:
    """Stories of several items with versions or an event, and stories of one without."""
    several: dict[int, Story] = {}
    plain: dict[int, Story] = {}
    for _ in range(LOOKED_AT):
        stored = store.item(dice.randint(1, items))
        story = stored and not stored.hidden and store.story(stored.story_id)
        if story and (story.others and (story.event_sources > 1 or story.lead.revision)):
            several[story.id] = story
        elif story and not (story.others or story.event_sources > 1 or story.lead.revision):
            plain[story.id] = story
        if len(several) >= count and len(plain) >= count:
            break
    return list(several), list(plain)


def _drawn(dice: random.Random, found: Sequence[str], count: int) -> list[str]:
    """So many of these, each once where there are enough."""
    times, rest = divmod(count, len(found))
    return [*list(found) * times, *dice.sample(list(found), rest)]


def _moment(dice: random.Random, items: int) -> int:
    """Some time in a store's past, in seconds."""
    return round(region.published(dice.randrange(items * 9 // 10)).timestamp())


# ── measuring


def measure(small: Fill, large: Fill, plans: Mapping[str, Plan], at_once: int) -> Passes:
    """Ask both sites for everything, `at_once` clients the large one."""
    found: Passes = {}
    for fill in (small, large):
        _read_through(fill.path)
    with ExitStack() as open_:
        sites = {"small": open_.enter_context(served(small)), "large": open_.enter_context(served(large))}
        for name, plan in plans.items():
            for asked in plan.values():
                _ask(sites[name], asked[-1:] * WARMING)
        for kind in plans["large"]:
            row = found[kind] = {}
            for again in ("", " again"):
                row |= _side_by_side(sites, {name: plan[kind] for name, plan in plans.items()}, again)
            row["eight"] = _at_once(sites["large"], plans["large"][kind], at_once)
            print(".", end="", flush=True)
    print()
    return found


def _read_through(path: Path) -> None:
    """Let the system hold a file in memory, as it does where a service keeps running."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def _ask(site: Served, asked: Iterable[str]) -> Taken:
    taken = Taken()
    with closing(Client(site.port)) as client:
        for address in asked:
            client.ask(address, taken)
    return taken


def _side_by_side(sites: Mapping[str, Served], asked: Plan, again: str) -> dict[str, Taken]:
    taken = {name: Taken() for name in sites}
    before = {name: site.cpu_ms() for name, site in sites.items()}
    with ExitStack() as open_:
        clients = {name: open_.enter_context(closing(Client(site.port))) for name, site in sites.items()}
        for pair in zip(*asked.values(), strict=True):
            for name, address in zip(asked, pair, strict=True):
                clients[name].ask(address, taken[name])
    for name, site in sites.items():
        taken[name].cpu_ms = site.cpu_ms() - before[name]
    return {f"{name}{again}": each for name, each in taken.items()}


def _at_once(site: Served, asked: Sequence[str], clients: int) -> Taken:
    """Several clients, each in an order of its own."""
    parts = [Taken() for _ in range(clients)]

    def ask(number: int) -> None:
        with closing(Client(site.port)) as client:
            for address in random.Random(number).sample(list(asked), len(asked) // 2):
                client.ask(address, parts[number])

    before = site.cpu_ms()
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Taken([ms for part in parts for ms in part.ms], site.cpu_ms() - before, sum(part.bytes for part in parts))
    if len(whole.ms) < clients * (len(asked) // 2):
        raise SystemExit("a client gave up")
    return whole


def from_disk(fill: Fill, plan: Plan) -> dict[str, float]:
    """The slowest of a few answers of each kind while nothing of the store lies in memory, in milliseconds."""
    found = {}
    with served(fill) as site:
        for kind, asked in plan.items():
            _ask(site, asked[:1])
            taken = []
            for address in asked[1:6]:
                forget(fill.path)
                taken += _ask(site, [address]).ms
            found[kind] = max(taken)
    return found


def forget(path: Path) -> None:
    """Ask the system to let go of what it holds of a file in memory; it need not."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# ── what the figures say


def within(ms: Sequence[float], share: int) -> float:
    """How long so many in a hundred take at most."""
    return statistics.quantiles(ms, n=100, method="inclusive")[share - 1]


COLUMNS = (
    "page", "bytes", "CPU ms", "× the small store’s", "p50 ms", "p95 ms", "p99 ms", "again: CPU ms", "p50 ms",
    "eight at once: p50 ms", "p95 ms", "p99 ms", "from disk, slowest ms",
)  # fmt: skip


def table(found: Passes, disk: Mapping[str, float]) -> str:
    """A line for each kind of page, of the large store."""
    rows = []
    for kind, row in found.items():
        large, again, eight = row["large"], row["large again"], row["eight"]
        rows.append(
            [
                kind, f"{large.bytes / len(large.ms):,.0f}", f"{large.cpu:.1f}", f"{ratio(row):.2f}",
                *_within(large), f"{again.cpu:.1f}", f"{within(again.ms, 50):.1f}", *_within(eight),
                f"{disk[kind]:.0f}" if kind in disk else "–",
            ]
        )  # fmt: skip
    return grid(COLUMNS, rows)


def _within(taken: Taken) -> list[str]:
    return [f"{within(taken.ms, share):.1f}" for share in (50, 95, 99)]


def ratio(row: Mapping[str, Taken]) -> float:
    """CPU with the large store by that with the small one."""
    return row["large"].cpu / row["small"].cpu


def aims(found: Passes) -> list[str]:
    """One sentence for each aim."""
    slowest = max(found, key=lambda kind: within(found[kind]["large"].ms, 95))
    worst = max(found, key=lambda kind: ratio(found[kind]))
    p95, most = within(found[slowest]["large"].ms, 95), ratio(found[worst])
    told = [
        verdict(p95 <= P95_MS, f"95 in 100 pages of each kind within {p95:.1f} ms ({slowest}), at most {P95_MS:g} ms"),
        verdict(most <= SLOWER, f"{most:.2f} × the CPU of the small store ({worst}), at most {SLOWER:g} ×"),
    ]
    rivers = [(found[kind]["large"].cpu, kind) for kind in WITH_STORIES if kind in found]
    if rivers:
        cpu, kind = max(rivers)
        words = f"{cpu:.1f} ms of CPU a page of stories ({kind}), at most {RIVER_CPU_MS:g} ms"
        told.append(verdict(cpu <= RIVER_CPU_MS, words))
    return told


def as_figures(found: Passes) -> dict[str, Any]:
    """For a file."""
    return {kind: {what: taken.figures() for what, taken in row.items()} for kind, row in found.items()}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", nargs="?", choices=("fill", "measure"), default="measure")
    parser.add_argument("--items", type=int, default=1_000_000, help="stored in the large store")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where the stores are kept")
    parser.add_argument("--clients", type=int, default=CLIENTS, help="at once")
    parser.add_argument("--only", default="", metavar="EXPRESSION", help="kinds of pages that it is found in")
    parser.add_argument("--no-disk", action="store_true", help="leave out what comes from the disk")
    return parser.parse_args()


def main() -> None:
    """Fill, or measure, print and write down."""
    given = arguments()
    small, large = (Fill(given.folder, items) for items in (SMALL, given.items))
    if given.command == "fill":
        given.folder.mkdir(parents=True, exist_ok=True)
        for fill in (small, large):
            region.fill_up(fill)
        return
    if not all(map(region.is_filled, (small, large))):
        raise SystemExit("the stores are not filled: python -m bench.pages fill")
    facts = machine.facts()
    print(about(facts), flush=True)
    plans = {"small": plan_of(small, given.only), "large": plan_of(large, given.only)}
    found = measure(small, large, plans, given.clients)
    disk = {} if given.no_disk else from_disk(large, plans["large"])
    print(f"\n{table(found, disk)}\n")
    print("\n".join(aims(found)))
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-pages.json"
    written = {"facts": facts, "items": given.items, "kinds": as_figures(found), "from disk": disk}
    file.write_text(json.dumps(written, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
