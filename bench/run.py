"""`make bench`: polls one load with every peer and says what it cost.

    python bench/run.py [--quick] [--peers floor,reader,ours] [--phases cold,idle,changed] [--repeat 3]

Phases: `cold` (nothing stored yet), `idle` (nothing new: every answer is a 304), `changed` (2 new items in each of
10 % of the sources). Peers stand in peers/: `floor` asks and keeps nothing, `reader` is lemon24/reader from PyPI,
`ours` is the `tributary` command. Each runs in processes of its own, measured whole by meter.py. Nothing leaves the
loopback but the one installation of `reader` into bench/.venv.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import machine
from msgspec import Struct
from report import PHASES, Row, about, aims, summary, table

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE / ".venv"
LOCK = HERE.parent / "requirements" / "bench.txt"
RESULTS = HERE / "results"

CONCURRENCY = 64  # requests at once, of floor; ours by default
READER_WORKERS = 16  # threads
HOSTS = 100 if sys.platform == "linux" else 1  # elsewhere 127.0.0.1 is the one loopback address
QUICK_SOURCES = 50
TICK_SHARE, TICK_ITEMS = 0.1, 2
TICK_SECONDS = 2  # Last-Modified has whole seconds: news in the second of the last poll would be missed
PHASE_SECONDS = 900
START_SECONDS = 300
UNCOMPILED = "PYTHONDONTWRITEBYTECODE"  # each start would compile our modules anew, 0.1 s, and no library
LIBRARIES = {
    "floor": ("aiohttp",),
    "reader": ("reader", "requests"),  # it carries a feedparser of its own
    "ours": ("aiohttp", "feedparser", "nh3", "lxml", "msgspec", "PyStemmer", "pebble", "sqlite-utils"),
}


class Load(Struct, frozen=True):
    """The running origin."""

    port: int
    hosts: int
    opml: Path

    def ask(self, path: str) -> dict[str, int]:
        """Use one of the origin's control paths."""
        return dict(json.loads(fetch(f"http://127.0.0.1:{self.port}{path}")))


class Peer(Struct, frozen=True):
    """Who is measured."""

    name: str
    python: str
    workers: str  # what `poll` is told beside the database

    def command(self, what: str, database: Path, load: Load) -> list[str]:
        """The command of a peer for init, poll or count."""
        extra = {"init": [str(load.opml)], "poll": [self.workers or str(load.opml)], "count": []}[what]
        return [self.python, str(HERE / "peers" / f"{self.name}_peer.py"), what, str(database), *extra]


def peers(names: Sequence[str]) -> list[Peer]:
    """The peers of these names, ready to run."""
    known = {
        "floor": lambda: Peer("floor", sys.executable, str(CONCURRENCY)),
        "reader": lambda: Peer("reader", reader_python(), str(READER_WORKERS)),
        "ours": lambda: Peer("ours", sys.executable, ""),
    }
    return [known[name]() for name in names]


def reader_python() -> str:
    """The interpreter of bench/.venv, which is made from the lock where it is missing or older than that."""
    python, done = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "done"
    if not done.exists() or done.stat().st_mtime < LOCK.stat().st_mtime:
        print("Installing reader into bench/.venv …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True, timeout=START_SECONDS)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True, timeout=START_SECONDS)
        done.touch()
    return str(python)


@contextmanager
def origin(sources: int, items: int, hosts: int, folder: Path) -> Iterator[Load]:
    """The load, served until the block ends."""
    port = free_port(hosts)
    shape = ["--port", str(port), "--sources", str(sources), "--items", str(items), "--hosts", str(hosts)]
    command = [sys.executable, str(HERE / "origin.py"), *shape]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            opml = folder / "feeds.opml"
            opml.write_text(wait_for(f"http://127.0.0.1:{port}/__opml"), encoding="utf-8")
            yield Load(port, hosts, opml)
        finally:
            process.terminate()


def free_port(hosts: int) -> int:
    """A port that nobody has on the first and the last address, most likely on all."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
        if hosts > 1:
            other.bind((f"127.0.0.{hosts}", port))
        return port


def wait_for(url: str) -> str:
    """Fetch as soon as somebody answers."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return fetch(url)
        except ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def fetch(url: str) -> str:
    """GET, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=START_SECONDS) as answer:
            return str(answer.read().decode())
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionError):
            raise error.reason from error
        raise


def environment(load: Load) -> dict[str, str]:
    """Our settings as delivered, but that the load may be asked; and with one host, that all of it may be at once. As
    where it is installed, what was compiled is kept.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TRIBUTARY_", UNCOMPILED))}
    environ["TRIBUTARY_ALLOW_PRIVATE"] = ",".join(f"127.0.0.{1 + host}:{load.port}" for host in range(load.hosts))
    if load.hosts == 1:
        environ["TRIBUTARY_PER_HOST"] = str(CONCURRENCY)
    return environ


def play(peer: Peer, phases: Sequence[str], load: Load, folder: Path) -> Iterator[Row]:
    """All phases of one peer, from an empty database on."""
    load.ask("/__restart")
    folder.mkdir()
    database = folder / "bench.db"
    call(peer.command("init", database, load), load, folder)
    for phase in phases:
        if phase == "changed":
            time.sleep(TICK_SECONDS)
            load.ask(f"/__tick?share={TICK_SHARE}&items={TICK_ITEMS}")
        load.ask("/__reset")
        meter = [sys.executable, str(HERE / "meter.py"), "--timeout", str(PHASE_SECONDS)]
        measured = json.loads(call([*meter, *peer.command("poll", database, load)], load, folder))
        if measured["code"]:
            raise RuntimeError(f"{peer.name} ended with {measured['code']} in phase {phase}: see {folder}/log.txt")
        row = {"peer": peer.name, "phase": phase, **measured, **load.ask("/__stats")}
        row["items"] = int(call(peer.command("count", database, load), load, folder))
        yield row | {"disk": round(size(database) / 1e6, 1), "load": round(os.getloadavg()[0], 1)}


def call(command: list[str], load: Load, folder: Path) -> str:
    """Run one command; what it prints is the answer, and its log is kept. CalledProcessError if it fails."""
    with (folder / "log.txt").open("a", encoding="utf-8") as log:
        done = subprocess.run(
            command, cwd=folder, env=environment(load), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            check=True, text=True, timeout=PHASE_SECONDS + 60,
        )  # fmt: skip
    return done.stdout


def size(database: Path) -> int:
    """Bytes of a database and of what stands beside it under the same name."""
    return sum(file.stat().st_size for file in database.parent.glob(f"{database.name}*"))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=int, default=1000)
    parser.add_argument("--items", type=int, default=20, help="items that each feed shows")
    parser.add_argument("--hosts", type=int, default=HOSTS, help="loopback addresses that the sources are spread over")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=["floor", "reader", "ours"])
    parser.add_argument("--phases", type=lambda text: text.split(","), default=list(PHASES))
    parser.add_argument("--repeat", type=int, default=1, help="measure so often and take the median")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SOURCES} sources: does it work at all?")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep databases and logs in this new folder")
    given = parser.parse_args()
    if given.quick:
        given.sources = QUICK_SOURCES
    return given


def measure(given: argparse.Namespace, chosen: Sequence[Peer], folder: Path) -> Iterator[Row]:
    """Every row, as it is measured."""
    with origin(given.sources, given.items, given.hosts, folder) as load:
        for number in range(given.repeat):
            for peer in chosen:
                yield from play(peer, given.phases, load, folder / f"{peer.name}-{number}")


def circumstances(given: argparse.Namespace, chosen: Sequence[Peer]) -> dict[str, str]:
    """What must be known beside the figures."""
    facts = machine.facts()
    for peer in chosen:
        found = machine.versions(peer.python, LIBRARIES[peer.name])
        facts[f"libraries of {peer.name}"] = ", ".join(f"{name} {version}" for name, version in found.items())
    facts["load"] = f"{given.sources} sources of {given.items} items on {given.hosts} loopback hosts"
    facts["runs"] = f"{given.repeat}, of which the median" if given.repeat > 1 else "1"
    return facts


def line(row: Row) -> str:
    """A row for the impatient."""
    return (
        f"{row['peer']:>7} {row['phase']:<8} CPU {row['cpu']:>6} s, wall {row['wall']:>6} s, RSS {row['rss']:>6} MiB,"
        f" {row['full']} × 200, {row['not_modified']} × 304, load {row['load']}"
    )


def main() -> None:
    """Measure, print, write down."""
    given = arguments()
    chosen = peers(given.peers)
    facts = circumstances(given, chosen)
    folder = given.keep or Path(tempfile.mkdtemp(prefix="tributary-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    RESULTS.mkdir(exist_ok=True)
    rows: list[Row] = []
    with (RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.jsonl").open("w", encoding="utf-8") as lines:
        lines.write(json.dumps({"facts": facts}) + "\n")
        for row in measure(given, chosen, folder):
            rows.append(row)
            lines.write(json.dumps(row) + "\n")
            print(line(row), flush=True)
    found = summary(rows)
    text = f"{about(facts)}\n\n{table(found)}\n"
    print("\n".join(["", text, *aims(found)]))
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")
    if given.keep is None:
        shutil.rmtree(folder)  # after a failure it stays, with the logs


if __name__ == "__main__":
    main()
