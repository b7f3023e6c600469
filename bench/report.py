"""What the figures say: takes the rows of run.py, gives medians, a Markdown table and a word on each aim. Pure.

The tables and words of the other programs are made here too.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence

PHASES = ("cold", "idle", "changed")
MEMORY_MIB = 250e6 / (1 << 20)  # 250 MB
AIMS = (("cold", "reader", 1.0), ("idle", "floor", 2.0))  # CPU of ours, at most so many times that of the other

Row = dict[str, object]


def summary(rows: Sequence[Row]) -> list[Row]:
    """One row for each peer and phase: the median of what was measured, the last of what was counted."""
    together: dict[tuple[object, object], list[Row]] = {}
    for row in rows:
        together.setdefault((row["phase"], row["peer"]), []).append(row)
    medians = ("wall", "cpu", "user", "sys", "rss", "pss")
    return [
        group[-1] | {name: statistics.median(_number(row[name]) for row in group) for name in medians}
        for group in together.values()
    ]


def table(rows: Sequence[Row]) -> str:
    """Markdown, phase by phase."""
    titles = ("phase", "peer", "CPU s", "wall s", "RSS MiB", "PSS MiB", "processes", "200", "304", "items", "disk MB")
    names = ("phase", "peer", "cpu", "wall", "rss", "pss", "procs", "full", "not_modified", "items", "disk")
    ordered = sorted(rows, key=lambda row: PHASES.index(str(row["phase"])))
    return grid(titles, [[_cell(name, row[name]) for name in names] for row in ordered], words=2)


def grid(titles: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A Markdown table; the first columns, so many, hold words, the others figures."""
    rule = ["---"] * words + ["---:"] * (len(titles) - words)
    lines = [f"| {' | '.join(titles)} |", f"|{'|'.join(rule)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _cell(name: str, value: object) -> str:
    if name in {"rss", "pss", "disk"}:
        return f"{_number(value):.0f}"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def aims(rows: Sequence[Row]) -> list[str]:
    """One sentence for each aim that these rows can tell of."""
    cpu = {(row["phase"], row["peer"]): _number(row["cpu"]) for row in rows}
    found = []
    for phase, other, limit in AIMS:
        if {(phase, "ours"), (phase, other)} <= cpu.keys():
            ratio = cpu[phase, "ours"] / cpu[phase, other]
            found.append(verdict(ratio <= limit, f"{phase}: {ratio:.2f} × the CPU of {other}, at most {limit:g} ×"))
    if memory := max((_number(row["rss"]) for row in rows if row["peer"] == "ours"), default=0):
        words = f"memory: {memory:.0f} MiB for all processes, at most {MEMORY_MIB:.0f} MiB (250 MB)"
        found.append(verdict(memory <= MEMORY_MIB, words))
    return found


def verdict(reached: bool, words: str) -> str:
    """A word on one aim."""
    return f"{'reached:' if reached else 'MISSED: '} {words}"


def about(facts: Mapping[str, str]) -> str:
    """The circumstances, one Markdown line each."""
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _number(value: object) -> float:
    return float(str(value))
