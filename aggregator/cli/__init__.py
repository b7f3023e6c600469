"""The `tributary` command: reads options, calls the pipeline, the store and the site, prints for people."""

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from aggregator import opml
from aggregator.cli import printing
from aggregator.cli.once import poll_once
from aggregator.config import Settings, load
from aggregator.errors import AggregatorError, ConfigError
from aggregator.model import Source, SourceState
from aggregator.pipeline import read_sources, utc_now
from aggregator.store import Store, open_store

OPTIONS = (
    click.option("--config", metavar="FILE", help="Settings; tributary.toml in this folder if there is one."),
    click.option("--database", metavar="FILE", help="The SQLite file."),
    click.option("--opml", metavar="FILE", help="The list of sources."),
)
DATES = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]


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
            raise click.ClickException(printing.plain(str(error))) from error

    for option in reversed(OPTIONS):
        command = option(command)
    return command


def with_address(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command --host and --port."""
    function = click.option("--port", type=int, help="Port to serve on.")(function)
    return click.option("--host", help="Address to serve on.")(function)


@click.group()
@click.version_option(package_name="tributary")
def main() -> None:
    """Merge the feeds of a region into one river of news per category."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal or pipe that is not UTF-8 must not stop a poll


@main.command()
@with_address
@with_settings
def run(settings: Settings) -> None:
    """Poll and serve, in one process, until Ctrl-C."""
    _running().run(settings)


@main.command()
@with_address
@with_settings
def serve(settings: Settings) -> None:
    """Serve the site alone, on data that another process polls."""
    _running().serve(settings)


@main.command()
@click.option("--all", "everything", is_flag=True, help="Poll every source, due or not.")
@click.option("--source", "urls", multiple=True, metavar="URL", help="Poll this source; may be given again.")
@click.option("--at", type=click.DateTime(DATES), metavar="TIME", help="Poll as at this time, UTC unless it says.")
@with_settings
def poll(settings: Settings, everything: bool, urls: tuple[str, ...], at: datetime | None) -> None:
    """Poll once: what is due, or --all, or each --source. Exits with 0 even when sources fail."""
    clock = functools.partial(_utc, at) if at else utc_now
    with _open_synced(settings) as store:
        chosen = _chosen(store, clock(), everything, urls)
        printing.round_over(poll_once(settings, store, clock, chosen, printing.report))


@main.command()
@with_settings
def sources(settings: Settings) -> None:
    """List the sources and how they are."""
    with _open_synced(settings) as store:
        for line in printing.sources(store.sources()):
            click.echo(line)


@main.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_settings
def import_(settings: Settings, file: Path) -> None:
    """Add the sources of another OPML file to feeds.opml."""
    document = opml.Document.read(settings.opml)
    added, already = opml.merge(document, opml.read_foreign(file.read_bytes(), str(file)))
    if added:
        document.write(settings.opml, utc_now())
    for source in added:
        click.echo(printing.plain(f"added {source.url}"))
    click.echo(f"{len(added)} sources added, {len(already)} were there already.")


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path), required=False)
@with_settings
def export(settings: Settings, file: Path | None) -> None:
    """Write the list of sources as OPML for others, to FILE or to the terminal."""
    body = opml.write_sources(opml.read(settings.opml), settings.title, utc_now())
    if file is None:
        click.echo(body, nl=False)  # bytes: the document names its encoding
        return
    try:
        file.write_bytes(body)
    except OSError as error:
        raise ConfigError(f"while writing {str(file)!r}: {error.strerror}") from error


@main.command()
@click.argument("item")
@with_settings
def why(settings: Settings, item: str) -> None:
    """Explain an item: ITEM is its number, its guid or its link."""
    with closing(_open(settings)) as store:
        by_number = store.item(int(item)) if item.isdecimal() and len(item) < 16 else None
        found = (by_number,) if by_number else store.find(item)
        if not found:
            raise click.ClickException(f"no item with this number, guid or link: {item}")
        for stored in found:
            printing.explain(store, stored)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: item, source, guid, story.")
@with_settings
def stories(settings: Settings, as_json: bool) -> None:
    """List which story each item belongs to."""
    with closing(_open(settings)) as store:
        for stored in store.items():
            item = stored.item
            row = {"item": stored.id, "source": item.source, "guid": item.guid, "story": stored.story_id}
            line = json.dumps(row) if as_json else f"{stored.story_id}\t{stored.id}\t{printing.plain(item.title)}"
            click.echo(line)


@main.command()
@click.option("--pause", default=8.0, help="Seconds between two events.", show_default=True)
@with_address
@with_settings
def demo(settings: Settings, pause: float) -> None:
    """Run on a made-up region, without any network."""
    _running().demo(settings, pause)


def _running() -> ModuleType:
    """The commands that serve. Loading the site takes 0.2 s, which the others need not wait for."""
    return import_module("aggregator.cli.running")


def _open(settings: Settings) -> Store:
    return open_store(settings.database, settings.authority)


@contextmanager
def _open_synced(settings: Settings) -> Iterator[Store]:
    """The store, its sources as feeds.opml has them. The list is read first: a broken one leaves no file behind."""
    listed = read_sources(settings)
    with closing(_open(settings)) as store:
        store.sync_sources(listed, utc_now())
        yield store


def _chosen(store: Store, now: datetime, everything: bool, urls: tuple[str, ...]) -> list[tuple[Source, SourceState]]:
    listed = {view.source.url: (view.source, view.state) for view in store.sources() if view.listed}
    for url in urls:
        if url not in listed:
            raise ConfigError(f"not in feeds.opml: {url}")
    if urls:
        return [listed[url] for url in dict.fromkeys(urls)]
    if everything:
        return [(source, state) for source, state in listed.values() if not source.paused]
    return list(store.due(now, len(listed)))


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
