"""A copy of the data base, made while the program runs."""

import click

from aggregator.cli.printing import plain
from aggregator.pipeline import utc_now
from aggregator.store import Store

MIB = 1 << 20


def back_up(store: Store, path: str) -> None:
    """Make the copy, and say what came of it."""
    made = store.back_up(path, utc_now())
    click.echo(plain(f"backed up to {path}: {made.bytes / MIB:.1f} MiB, examined and found sound"))
