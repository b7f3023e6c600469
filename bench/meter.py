"""Runs one command and measures it with all its descendants: takes a command, prints one JSON object.

    python bench/meter.py [--timeout SECONDS] COMMAND …

    wall   seconds until the command itself has ended
    cpu    seconds, user and system, of every process of the tree, those that outlive the command too
    rss    MiB, the highest sum of the resident sizes; pages that processes share are counted once for each
    pss    MiB, the same with each shared page counted once in all: what the machine really gives
    procs  the most processes at one time

It is a process of its own, so that nothing but the command is among its children, and it adopts orphans: a worker that
is left to init would take its CPU seconds away unseen. Memory and orphans need Linux.
"""

import argparse
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # of prctl(2)
SAMPLE_SECONDS = 0.05
PSS_EVERY = 5  # samples: the kernel walks the page tables for it, at about 1 ms a process
TIMEOUT_SECONDS = 600
LINGER_SECONDS = 15  # for descendants to end by themselves
MIB = 1 << 20


class Peak:
    """The highest memory of this process's descendants, sampled on a thread."""

    def __init__(self) -> None:
        self.rss = self.pss = self.procs = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the sampling."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        round_number = 0
        while not self._over.wait(SAMPLE_SECONDS):
            found = list(descendants(os.getpid()))
            self.procs = max(self.procs, len(found))
            self.rss = max(self.rss, sum(map(rss, found)))
            if round_number % PSS_EVERY == 0:
                self.pss = max(self.pss, sum(map(pss, found)))
            round_number += 1


def descendants(root: int) -> Iterator[int]:
    """Every process below this one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(folder.name))
    waiting = children.get(root, [])
    while waiting:
        process = waiting.pop()
        yield process
        waiting += children.get(process, [])


def rss(process: int) -> int:
    """Resident bytes, 0 for a process that is gone."""
    with suppress(OSError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def pss(process: int) -> int:
    """Resident bytes with this process's share of shared pages only, 0 for one that is gone or hidden."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def measure(command: list[str], timeout: float) -> dict[str, float]:
    """Run the command to its end, or kill it and all below it after `timeout` seconds."""
    _adopt_orphans()
    peak, started = Peak(), time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        code = 124
    wall = time.monotonic() - started
    if code == 124:
        _kill_descendants()
    _reap(LINGER_SECONDS)
    peak.stop()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "wall": round(wall, 2),
        "cpu": round(used.ru_utime + used.ru_stime, 2),
        "user": round(used.ru_utime, 2),
        "sys": round(used.ru_stime, 2),
        "rss": round(peak.rss / MIB, 1),
        "pss": round(peak.pss / MIB, 1),
        "procs": peak.procs,
        "code": code,
    }


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap(patience: float) -> None:
    """Wait for every child, adopted ones too; kill those that stay."""
    end = time.monotonic() + patience
    with suppress(ChildProcessError):
        while True:
            process, _ = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                time.sleep(0.01)
                if time.monotonic() > end:
                    _kill_descendants()


def _kill_descendants() -> None:
    for process in descendants(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def main() -> None:
    """Measure the command of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--timeout", type=float, default=TIMEOUT_SECONDS)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    print(json.dumps(measure(given.command, given.timeout)))


if __name__ == "__main__":
    main()
