"""The `tributary` command: reads options, calls the pipeline, the store and the site, prints for people."""

import functools
import getpass
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from aggregator import opml
from aggregator.cli import asking, explaining, hiding, printing
from aggregator.cli import editors as accounts
from aggregator.cli.backup import back_up
from aggregator.cli.health import report as condition_report
from aggregator.cli.once import poll_once
from aggregator.config import Settings, load
from aggregator.errors import AggregatorError, ConfigError
from aggregator.model import PinKind, Role, Source, SourceState, Stored
from aggregator.pipeline import read_sources, utc_now
from aggregator.review import review as look_again
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


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError) as error:  # a container may run as a number without a name
        raise click.ClickException("this system does not know your name: say it with --by") from error


def with_author(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command --note and --by."""
    function = click.option("--by", default=_login, metavar="NAME", help="Who says so; your login name.")(function)
    return click.option("--note", default="", metavar="TEXT", help="Why, for others to read.")(function)


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


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each source.")
@with_settings
def health(settings: Settings, as_json: bool) -> None:
    """List the sources that need somebody, the worst first, with evidence and what helps."""
    with closing(_open(settings)) as store:
        for line in condition_report(store, as_json=as_json):
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
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where to.")
@click.option("--server", type=click.Choice(["nginx", "caddy"]), help="Print a configuration for it instead.")
@with_settings
def publish(settings: Settings, folder: Path, server: str | None) -> None:
    """Write the whole public output as files into a folder, for a web server or a CDN."""
    import_module("aggregator.cli.static").publish(settings, folder, server)  # as for `_running`


@main.command()
@click.argument("item")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each item.")
@with_settings
def why(settings: Settings, item: str, as_json: bool) -> None:
    """Explain an item: ITEM is its number, its guid or its link."""
    with closing(_open(settings)) as store:
        for stored in asking.explained(store, settings, item):
            if as_json:
                click.echo(json.dumps(explaining.as_data(store, stored)))
            else:
                explaining.explain(store, stored)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: item, source, guid, story, links.")
@with_settings
def stories(settings: Settings, as_json: bool) -> None:
    """List which story each item belongs to."""
    with closing(_open(settings)) as store:
        for stored in store.items():
            if as_json:
                click.echo(json.dumps(explaining.row(store, stored)))
            else:
                click.echo(f"{stored.story_id}\t{stored.id}\t{printing.plain(stored.item.title)}")


@main.command()
@click.argument("item")
@click.argument("other")
@with_author
@with_settings
def merge(settings: Settings, item: str, other: str, note: str, by: str) -> None:
    """Say that two items are one story: ITEM and OTHER as for `why`."""
    with closing(_open_beside(settings)) as store:
        one, two = _one(store, item), _one(store, other)
        made = store.pin(PinKind.MUST, one.id, two.id, by, note, utc_now())
        explaining.pinned(store, made)


@main.command()
@click.argument("item")
@with_author
@with_settings
def split(settings: Settings, item: str, note: str, by: str) -> None:
    """Say that an item does not belong with the rest of its story: ITEM as for `why`."""
    with closing(_open_beside(settings)) as store:
        explaining.pinned(store, store.split(_one(store, item).id, by, note, utc_now()))


@main.command()
@click.argument("number", type=click.IntRange(1, 1 << 53))
@click.option("--by", default=_login, metavar="NAME", help="Who says so; your login name.")
@with_settings
def undo(settings: Settings, number: int, by: str) -> None:
    """Undo a pin: NUMBER as `pins` lists it."""
    with closing(_open_beside(settings)) as store:
        explaining.pinned(store, store.undo_pin(number, by, utc_now()))


@main.command()
@click.option("--all", "everything", is_flag=True, help="List what was undone too.")
@with_settings
def pins(settings: Settings, everything: bool) -> None:
    """List what editors have pinned, the newest first."""
    with closing(_open(settings)) as store:
        for pin in store.pins(include_undone=everything):
            click.echo(printing.plain(explaining.pin_line(pin)))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings
def subscribers(settings: Settings, as_json: bool) -> None:
    """List who is told of changes to our feeds."""
    with closing(_open(settings)) as store:
        for line in printing.subscribers(store.subscriptions(), as_json=as_json):
            click.echo(line)


@main.command()
@click.argument("item")
@with_author
@with_settings
def hide(settings: Settings, item: str, note: str, by: str) -> None:
    """Take an item out of every feed, page and search: ITEM as for `why`."""
    with closing(_open_beside(settings)) as store:
        hiding.said(store.hide(_one(store, item).id, by, note, utc_now()))


@main.command()
@click.argument("source", metavar="SOURCE-URL")
@with_author
@with_settings
def withdraw(settings: Settings, source: str, note: str, by: str) -> None:
    """Hide all that a source published and will publish: SOURCE-URL as in feeds.opml."""
    with closing(_open_beside(settings)) as store:
        hiding.said(store.withdraw(source, by, note, utc_now()))


@main.command("show-again")
@click.argument("number", type=click.IntRange(1, 1 << 53))
@click.option("--by", default=_login, metavar="NAME", help="Who says so; your login name.")
@with_settings
def show_again(settings: Settings, number: int, by: str) -> None:
    """Undo `hide` or `withdraw`: NUMBER as `hidden` lists it."""
    with closing(_open_beside(settings)) as store:
        hiding.said(store.unhide(number, by, utc_now()))


@main.command()
@click.option("--all", "everything", is_flag=True, help="List what was undone too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings
def hidden(settings: Settings, everything: bool, as_json: bool) -> None:
    """List what is hidden, the newest first."""
    with closing(_open(settings)) as store:
        for each in store.hidings(include_undone=everything):
            click.echo(json.dumps(hiding.as_data(each)) if as_json else printing.plain(hiding.line(each)))


@main.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), help="What they may do: editor, unless it is said."
)
@click.option("--password", is_flag=True, help="Give them another password.")
@click.option("--close/--open", "closed", default=None, help="Let them in no longer, or again.")
@with_settings
def editor(settings: Settings, name: str, role: str | None, password: bool, closed: bool | None) -> None:
    """Let somebody use the desk, or change what they may: NAME as they log in."""
    with closing(_open_beside(settings)) as store:
        accounts.change(store, name, role, closed, password=password)


@main.command()
@with_settings
def editors(settings: Settings) -> None:
    """List who may use the desk."""
    with closing(_open(settings)) as store:
        accounts.show(store)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False))
@with_settings
def backup(settings: Settings, file: str) -> None:
    """Copy the database to FILE as it is at this moment, while all goes on, and examine the copy."""
    with closing(_open_beside(settings)) as store:
        back_up(store, file)


@main.command()
@click.option("--days", default=7.0, help="How far to look back.", show_default=True)
@with_settings
def review(settings: Settings, days: float) -> None:
    """Look again at which items are one text, with all that has come since and the rules of today."""
    with closing(_open_beside(settings)) as store:
        now = utc_now()
        found = look_again(store, now, timedelta(days=days))
        store.relink(found.made, found.closed, now)
        click.echo(f"{len(found.made)} links made, {len(found.closed)} closed")


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


def _open_beside(settings: Settings) -> Store:
    """The store for one write while another process may be polling, which then is the one to checkpoint."""
    return open_store(settings.database, settings.authority, writer=False)


def _one(store: Store, item: str) -> Stored:
    found = asking.found(store, item)
    if len(found) > 1:
        numbers = ", ".join(str(stored.id) for stored in found)
        raise click.ClickException(
            printing.plain(f"several items have this guid or link, say which ({numbers}): {item}")
        )
    return found[0]


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
