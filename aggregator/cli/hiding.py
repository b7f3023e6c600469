"""What is hidden, by whom and why: for people as lines, for programs as data."""

import json
from contextlib import closing
from typing import Any

import click

from aggregator.cli import asking
from aggregator.cli.options import login, open_beside, open_own, with_author, with_settings
from aggregator.cli.printing import plain, when
from aggregator.config import Settings
from aggregator.model import Hiding, Stored
from aggregator.pipeline import utc_now
from aggregator.store import Store


@click.command()
@click.argument("item")
@with_author
@with_settings
def hide(settings: Settings, item: str, note: str, by: str) -> None:
    """Take an item out of every feed, page and search: ITEM as for `why`."""
    with closing(open_beside(settings)) as store:
        said(store.hide(asking.one(store, item).id, by, note, utc_now()))


@click.command()
@click.argument("source", metavar="SOURCE-URL")
@with_author
@with_settings
def withdraw(settings: Settings, source: str, note: str, by: str) -> None:
    """Hide all that a source published and will publish: SOURCE-URL as in feeds.opml."""
    with closing(open_beside(settings)) as store:
        said(store.withdraw(source, by, note, utc_now()))


@click.command("show-again")
@click.argument("number", type=click.IntRange(1, 1 << 53))
@click.option("--by", default=login, metavar="NAME", help="Who says so; your login name.")
@with_settings
def show_again(settings: Settings, number: int, by: str) -> None:
    """Undo `hide` or `withdraw`: NUMBER as `hidden` lists it."""
    with closing(open_beside(settings)) as store:
        said(store.unhide(number, by, utc_now()))


@click.command()
@click.option("--all", "everything", is_flag=True, help="List what was undone too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings
def hidden(settings: Settings, everything: bool, as_json: bool) -> None:
    """List what is hidden, the newest first."""
    with closing(open_own(settings)) as store:
        for each in store.hidings(include_undone=everything):
            click.echo(json.dumps(as_data(each)) if as_json else plain(line(each)))


def said(hiding: Hiding) -> None:
    """A hiding that was just made or undone."""
    click.echo(plain(f"hiding {line(hiding)}"))


def line(hiding: Hiding) -> str:
    """A hiding in one line, its number first."""
    what = f"{hiding.source} {hiding.guid} is hidden" if hiding.guid else f"{hiding.source} is withdrawn"
    told = f"{hiding.id}: {what}, by {hiding.by} at {when(hiding.made_at)}"
    if hiding.note:
        told += f": {hiding.note}"
    if hiding.undone_at:
        told += f" (undone by {hiding.undone_by} at {when(hiding.undone_at)})"
    return told


def as_data(hiding: Hiding) -> dict[str, Any]:
    """A hiding as data, without a guid where it is of a whole source; times are ISO 8601 in UTC."""
    return {
        "hiding": hiding.id,
        "source": hiding.source,
        "guid": hiding.guid or None,
        "by": hiding.by,
        "note": hiding.note,
        "made_at": hiding.made_at.isoformat(),
        "undone_at": hiding.undone_at.isoformat() if hiding.undone_at else None,
        "undone_by": hiding.undone_by or None,
    }


def of(store: Store, stored: Stored) -> tuple[Hiding, ...]:
    """Why an item is hidden: what holds of itself or of its source, the newest first."""
    if not stored.hidden:
        return ()
    source, guid = stored.item.key
    return tuple(each for each in store.hidings() if each.source == source and each.guid in ("", guid))
