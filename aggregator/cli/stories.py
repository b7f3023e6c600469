"""The commands about items and the stories that they are in: what is so, why, and what editors say against it."""

import json
from contextlib import closing
from datetime import timedelta

import click

from aggregator.cli import asking, explaining
from aggregator.cli.options import login, open_beside, open_own, with_author, with_settings
from aggregator.cli.printing import plain
from aggregator.config import Settings
from aggregator.model import PinKind
from aggregator.pipeline import utc_now
from aggregator.review import review as look_again


@click.command()
@click.argument("item")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each item.")
@with_settings
def why(settings: Settings, item: str, as_json: bool) -> None:
    """Explain an item: ITEM is its number, its guid or its link."""
    with closing(open_own(settings)) as store:
        for stored in asking.explained(store, settings, item):
            if as_json:
                click.echo(json.dumps(explaining.as_data(store, stored)))
            else:
                explaining.explain(store, stored)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: item, source, guid, story, links.")
@with_settings
def stories(settings: Settings, as_json: bool) -> None:
    """List which story each item belongs to."""
    with closing(open_own(settings)) as store:
        for stored in store.items():
            if as_json:
                click.echo(json.dumps(explaining.row(store, stored)))
            else:
                click.echo(f"{stored.story_id}\t{stored.id}\t{plain(stored.item.title)}")


@click.command()
@click.argument("item")
@click.argument("other")
@with_author
@with_settings
def merge(settings: Settings, item: str, other: str, note: str, by: str) -> None:
    """Say that two items are one story: ITEM and OTHER as for `why`."""
    with closing(open_beside(settings)) as store:
        one, two = asking.one(store, item), asking.one(store, other)
        made = store.pin(PinKind.MUST, one.id, two.id, by, note, utc_now())
        explaining.pinned(store, made)


@click.command()
@click.argument("item")
@with_author
@with_settings
def split(settings: Settings, item: str, note: str, by: str) -> None:
    """Say that an item does not belong with the rest of its story: ITEM as for `why`."""
    with closing(open_beside(settings)) as store:
        explaining.pinned(store, store.split(asking.one(store, item).id, by, note, utc_now()))


@click.command()
@click.argument("number", type=click.IntRange(1, 1 << 53))
@click.option("--by", default=login, metavar="NAME", help="Who says so; your login name.")
@with_settings
def undo(settings: Settings, number: int, by: str) -> None:
    """Undo a pin: NUMBER as `pins` lists it."""
    with closing(open_beside(settings)) as store:
        explaining.pinned(store, store.undo_pin(number, by, utc_now()))


@click.command()
@click.option("--all", "everything", is_flag=True, help="List what was undone too.")
@with_settings
def pins(settings: Settings, everything: bool) -> None:
    """List what editors have pinned, the newest first."""
    with closing(open_own(settings)) as store:
        for pin in store.pins(include_undone=everything):
            click.echo(plain(explaining.pin_line(pin)))


@click.command()
@click.option("--days", default=7.0, help="How far to look back.", show_default=True)
@with_settings
def review(settings: Settings, days: float) -> None:
    """Look again at which items are one text, with all that has come since and the rules of today."""
    with closing(open_beside(settings)) as store:
        now = utc_now()
        found = look_again(store, now, timedelta(days=days))
        store.relink(found.made, found.closed, now)
        click.echo(f"{len(found.made)} links made, {len(found.closed)} closed")
