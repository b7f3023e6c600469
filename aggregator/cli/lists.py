"""The sources and the subscribers, as lists: for people, for programs, for other readers."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import click
from rich.cells import cell_len

from aggregator import opml
from aggregator.cli.options import open_own, open_synced, with_settings
from aggregator.cli.printing import plain, when
from aggregator.config import Settings
from aggregator.errors import ConfigError
from aggregator.model import Subscription
from aggregator.pipeline import utc_now
from aggregator.store import SourceView


@click.command()
@with_settings
def sources(settings: Settings) -> None:
    """List the sources and how they are."""
    with open_synced(settings) as store:
        for line in rows(store.sources()):
            click.echo(line)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_settings
def import_(settings: Settings, file: Path) -> None:
    """Add the sources of another OPML file to feeds.opml."""
    document = opml.Document.read(settings.opml)
    added, already = opml.merge(document, opml.read_foreign(file.read_bytes(), str(file)))
    if added:
        document.write(settings.opml, utc_now())
    for source in added:
        click.echo(plain(f"added {source.url}"))
    click.echo(f"{len(added)} sources added, {len(already)} were there already.")


@click.command()
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


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings
def subscribers(settings: Settings, as_json: bool) -> None:
    """List who is told of changes to our feeds."""
    with closing(open_own(settings)) as store:
        for line in subscribed(store.subscriptions(), as_json=as_json):
            click.echo(line)


def rows(views: Iterable[SourceView]) -> Iterator[str]:
    """The sources and how they are, a line each; under a failing one, what is wrong."""
    listed = list(views)
    table = _table([("source", "items", "last read", "next check", "state"), *map(_row, listed)])
    yield next(table)
    for line, view in zip(table, listed, strict=True):
        yield line
        if view.state.error:
            yield f"    {plain(view.state.error)}"


def subscribed(subscriptions: Iterable[Subscription], *, as_json: bool) -> Iterator[str]:
    """Who is told of changes, a line each. Of a callback only the host: the rest of it, and the secret, are between the
    hub and the subscriber.
    """
    if as_json:
        yield from (json.dumps(_subscriber(each)) for each in subscriptions)
        return
    heads = ("topic", "host", "lease until", "last delivery", "failures")
    rows = [
        (each.topic, each.host, when(each.lease_until), when(each.delivered_at), f"{each.tries} {each.error}".rstrip())
        for each in subscriptions
    ]
    yield from _table([heads, *(tuple(map(plain, row)) for row in rows)])


def _subscriber(each: Subscription) -> dict[str, object]:
    delivered, due = each.delivered_at, each.due_at
    return {
        "topic": each.topic,
        "host": each.host,
        "lease_until": each.lease_until.isoformat(),
        "last_delivery": delivered and delivered.isoformat(),
        "owed": each.version < each.owed,
        "failures": each.tries,
        "error": each.error,
        "next_try": due and due.isoformat(),
    }


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows with their cells under one another, the first one too."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(view: SourceView) -> tuple[str, str, str, str, str]:
    name, state = plain(view.source.title or view.source.url), view.state
    return name, str(view.items), when(state.succeeded_at), when(state.next_check_at), _how(view)


def _how(view: SourceView) -> str:
    if not view.listed:
        return "no longer listed"
    if view.source.paused:
        return "paused"
    if view.state.error_class or not view.state.checked_at:
        return view.state.error_class or "not polled yet"
    return "ok, pushed" if view.state.pushes.trusted_until else "ok"
