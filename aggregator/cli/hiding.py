"""What is hidden, by whom and why: for people as lines, for programs as data."""

from typing import Any

import click

from aggregator.cli.printing import plain, when
from aggregator.model import Hiding, Stored
from aggregator.store import Store


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
