"""What a measurement was made on: takes nothing, gives facts. Never measures."""

import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

MIB = 1 << 20


def facts() -> dict[str, str]:
    """The machine, in words for people."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def versions(python: str, names: Sequence[str]) -> dict[str, str]:
    """The versions of these distributions in the environment of that interpreter; those it has not are left out."""
    code = (
        "import importlib.metadata as m, json, sys\n"
        "have = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
        "print(json.dumps({n: have[n.lower()] for n in sys.argv[1:] if n.lower() in have}))"
    )
    found = subprocess.run([python, "-c", code, *names], check=True, capture_output=True, text=True)
    return dict(json.loads(found.stdout))


def _memory() -> str:
    total = _field("/proc/meminfo", "MemTotal").removesuffix(" kB")
    return f"{int(total) / MIB:.0f} GiB" if total else "unknown"


def _field(file: str, name: str) -> str:
    with suppress(OSError):
        for line in Path(file).read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return ""
