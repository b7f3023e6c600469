"""Plays the hostile origins of `tests/hostile_origins.py` with the settings as delivered, and measures the poller.

    python -m bench.hostile                          all of them in one round, as of a region
    python -m bench.hostile --alone --family long    one after the other, with the memory that each costs
    … --size 14000000                                documents as large as a body may be

The poller is a process of its own; the origins live in this one, on Linux each on a loopback address of its own, so
that `per_host` lets all through. Growth is the highest sum of the resident sizes of the poller and its workers, less
what they hold once healthy sources have been polled. Nothing leaves the loopback.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from aggregator.config import Settings
from aggregator.pipeline import Report
from bench.machine import facts
from bench.meter import descendants, rss
from tests.hostile_origins import CASES, HEALTHY, SIZE, Case, Origins, faults, make_certificates, play

MIB = 1 << 20
SAMPLE_SECONDS = 0.02
ENDS_SECONDS = 40  # in which every source has to end
GROWTH_MIB = 200  # by which the processes may grow
SHOWN = 20


class Measured(Struct):
    """One case."""

    seconds: float
    status: str
    growth: float = 0.0  # MiB, where it was played alone


def chosen(families: Sequence[str]) -> list[Case]:
    """The cases of these families, all where none is named."""
    return [case for case in CASES if not families or case.family in families]


# ── the poller, in a process of its own


def poll(plan: Path) -> None:
    """Play what the plan says; a line of JSON for each thing that happens."""
    told: dict[str, Any] = json.loads(plan.read_text())
    cases = [*chosen(told["families"]), *HEALTHY]
    places = {name: (host, port) for name, (host, port) in told["places"].items()}
    settings = Settings(database=told["database"], hub=False, per_host=told["per_host"])

    def done(name: str, report: Report) -> None:
        say(name=name, status=report.status, seconds=report.milliseconds / 1000)

    played = asyncio.run(
        play(
            cases, places, told["canary"], plan.parent, settings, done, lambda: say(warm=True),
            1 if told["alone"] else len(cases),
        )
    )  # fmt: skip
    wrong = {case.name: found for case in cases if (found := faults(case, played.came[case.name]))}
    say(wrong=wrong, alarms=played.alarms)


def say(**facts: object) -> None:
    """Tell the process that measures."""
    print(json.dumps(facts), flush=True)


# ── the origins, and the meter


def measure(families: Sequence[str], size: int, alone: bool) -> dict[str, Any]:
    """Play the cases and watch. → what came of each, and of all of them."""
    many_hosts = sys.platform == "linux"
    folder = Path(tempfile.mkdtemp())
    try:
        make_certificates(folder, shutil.which("openssl") or "openssl")
        cases = [*chosen(families), *HEALTHY]
        with Origins(cases, folder, size, host if many_hosts else lambda _: "127.0.0.1") as origins:
            plan = folder / "plan.json"
            plan.write_text(
                json.dumps(
                    {
                        "families": list(families),
                        "places": origins.places,
                        "canary": origins.canary,
                        "database": str(folder / "tributary.db"),
                        "per_host": Settings().per_host if many_hosts else len(cases),
                        "alone": alone,
                    }
                )
            )
            found = watch([sys.executable, "-m", "bench.hostile", "--plan", str(plan)], alone)
        return {**found, "betrayals": origins.betrayals}
    finally:
        shutil.rmtree(folder)


def host(number: int) -> str:
    """A loopback address for each case."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


def watch(command: Sequence[str], alone: bool) -> dict[str, Any]:
    """Run the poller, and read its lines between two samples of its memory."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    lines = asyncio.run(_lines(process))
    process.wait()
    cases: dict[str, Measured] = {}
    rest: dict[str, Any] = {}
    base = peak = highest = 0.0
    for size, line in lines:
        peak = max(peak, size)
        if "warm" in line:
            base, peak = size, 0.0
        elif "name" in line:
            growth = max(peak - base, 0.0) if base else 0.0
            highest = max(highest, growth)
            seconds = max(line["seconds"], cases[line["name"]].seconds if line["name"] in cases else 0.0)
            cases[line["name"]] = Measured(seconds, line["status"], growth if alone else 0.0)
            peak = 0.0
        elif line:
            rest = line
    return {"cases": cases, "growth": highest, "base": base, "wall": time.monotonic() - started, **rest}


async def _lines(process: subprocess.Popen[str]) -> list[tuple[float, dict[str, Any]]]:
    """Samples of memory in MiB, with what the poller said right after, {} for nothing."""
    loop = asyncio.get_running_loop()
    found: list[tuple[float, dict[str, Any]]] = []
    assert process.stdout
    line = loop.run_in_executor(None, process.stdout.readline)
    while True:
        await asyncio.wait({line}, timeout=SAMPLE_SECONDS)
        size = sum(map(rss, [process.pid, *_below(process.pid)])) / MIB
        if not line.done():
            found.append((size, {}))
            continue
        if not line.result():
            return found
        found.append((size, json.loads(line.result())))
        line = loop.run_in_executor(None, process.stdout.readline)


def _below(process: int) -> list[int]:
    return list(descendants(process))


# ── the table


def shown(found: dict[str, Any], alone: bool) -> str:
    """What was found, for people."""
    cases: dict[str, Measured] = found["cases"]
    order = sorted(cases, key=lambda name: -(cases[name].growth if alone else cases[name].seconds))
    width = max(map(len, order[:SHOWN]))
    lines = [f"{'case':{width}}  seconds  MiB  status"]
    lines += [
        f"{name:{width}}  {cases[name].seconds:7.2f}  {cases[name].growth:3.0f}  {cases[name].status}"
        for name in order[:SHOWN]
    ]
    healthy = max((cases[name].seconds for name in cases if name.startswith("healthy")), default=0.0)
    slowest = max(each.seconds for each in cases.values())
    lines += [
        "",
        f"{len(cases)} sources in {found['wall']:.0f} s, of {facts()['date']}",
        f"slowest source        {slowest:6.1f} s    (at most {ENDS_SECONDS})",
        f"slowest healthy one   {healthy:6.1f} s",
        f"growth                {found['growth']:6.0f} MiB  (at most {GROWTH_MIB}; {found['base']:.0f} at rest)",
        f"not as expected       {len(found['wrong']):6}",
        f"escaped exceptions    {len(found['alarms']):6}",
        f"refused hosts asked   {len(found['betrayals']) // 2:6}",
    ]
    lines += [f"  {name}: {'; '.join(wrong)}" for name, wrong in found["wrong"].items()]
    return "\n".join([*lines, *map(str, found["alarms"])])


def main() -> None:
    """Play, measure, show."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--family", action="append", default=[], help="One family only; may be repeated.")
    parser.add_argument("--size", type=int, default=SIZE, help="Bytes of a document that is large.")
    parser.add_argument("--alone", action="store_true", help="One after the other, to see what each costs.")
    parser.add_argument("--plan", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.plan:
        poll(given.plan)
        return
    found = measure(given.family, given.size, given.alone)
    print(shown(found, given.alone))
    missed = max(each.seconds for each in found["cases"].values()) > ENDS_SECONDS or found["growth"] > GROWTH_MIB
    sys.exit(1 if missed or found["wrong"] or found["alarms"] or found["betrayals"] else 0)


if __name__ == "__main__":
    main()
