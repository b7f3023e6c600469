"""What commands have in common: their options, and the store that they open."""

import functools
import getpass
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import click

from aggregator.cli.printing import plain
from aggregator.config import Settings, load
from aggregator.errors import AggregatorError
from aggregator.pipeline import read_sources, utc_now
from aggregator.store import Store, open_store

OPTIONS = (
    click.option("--config", metavar="FILE", help="Settings; tributary.toml in this folder if there is one."),
    click.option("--database", metavar="FILE", help="The SQLite file."),
    click.option("--opml", metavar="FILE", help="The list of sources."),
)


def with_settings(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that every command has, and the Settings made of them; print errors as one line."""

    @functools.wraps(function)
    def command(config: str | None, database: str | None, opml: str | None, **rest: Any) -> None:
        try:
            names = {"host", "port"} & rest.keys()
            own = {name: rest.pop(name) for name in names}
            settings = load(config, overrides={"database": database, "opml": opml, **own})
            function(settings, **rest)
        except AggregatorError as error:
            raise click.ClickException(plain(str(error))) from error

    for option in reversed(OPTIONS):
        command = option(command)
    return command


def login() -> str:
    """The name of whoever calls the command."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError) as error:  # a container may run as a number without a name
        raise click.ClickException("this system does not know your name: say it with --by") from error


def with_author(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command --note and --by."""
    function = click.option("--by", default=login, metavar="NAME", help="Who says so; your login name.")(function)
    return click.option("--note", default="", metavar="TEXT", help="Why, for others to read.")(function)


def with_address(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command --host and --port."""
    function = click.option("--port", type=int, help="Port to serve on.")(function)
    return click.option("--host", help="Address to serve on.")(function)


def open_own(settings: Settings) -> Store:
    """The store, for the process that writes, or to read."""
    return open_store(settings.database, settings.authority)


def open_beside(settings: Settings) -> Store:
    """The store for one write while another process may be polling, which then is the one to checkpoint."""
    return open_store(settings.database, settings.authority, writer=False)


@contextmanager
def open_synced(settings: Settings) -> Iterator[Store]:
    """The store, its sources as feeds.opml has them. The list is read first: a broken one leaves no file behind."""
    listed = read_sources(settings)
    with closing(open_own(settings)) as store:
        store.sync_sources(listed, utc_now())
        yield store
