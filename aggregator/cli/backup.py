"""A copy of the data base, made while the program runs."""

from contextlib import closing

import click

from aggregator.cli.options import open_beside, with_settings
from aggregator.cli.printing import plain
from aggregator.config import Settings
from aggregator.pipeline import utc_now
from aggregator.store import Store

MIB = 1 << 20


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@with_settings
def backup(settings: Settings, file: str) -> None:
    """Copy the database to FILE as it is at this moment, while all goes on, and examine the copy."""
    with closing(open_beside(settings)) as store:
        back_up(store, file)


def back_up(store: Store, path: str) -> None:
    """Make the copy, and say what came of it."""
    made = store.back_up(path, utc_now())
    click.echo(plain(f"backed up to {path}: {made.bytes / MIB:.1f} MiB, examined and found sound"))
