"""Why an item is where it is: for people as lines, for programs as data."""

from collections.abc import Collection, Iterator
from typing import Any

import click
from msgspec.structs import asdict

from aggregator.cli import hiding
from aggregator.cli.console import console, said
from aggregator.cli.printing import plain, when
from aggregator.desk import missing
from aggregator.desk.effects import as_text
from aggregator.model import Item, Key, Level, Link, Pin, PinKind, Stored
from aggregator.store import Store, Tie
from aggregator.stories import Wording
from aggregator.stories.why import sentence

SAID = {PinKind.MUST: "must be one story with", PinKind.CANNOT: "cannot be one story with"}


def explain(store: Store, stored: Stored) -> None:
    """Where an item comes from, why it is where it is, and which feeds it entered."""
    item = stored.item
    console.print(f"item {stored.id}: {said(item.title)}")
    console.print(f"  source     {said(item.source)}")
    console.print(f"  guid       {said(item.guid)}")
    console.print(f"  link       {said(item.link)}")
    console.print(f"  identity   {said(stored.reason)}")
    console.print(f"  published  {when(item.published.at)}, as written: {said(item.published.raw) or 'no date'}")
    console.print(f"  first seen {when(stored.first_seen)}, {stored.revision} earlier revisions kept")
    for category in item.categories:
        evidence = f", from {category.evidence!r}" if category.evidence else ""
        console.print(f"  category   {category.slug}, by the rule {category.rule!r}{said(evidence)}")
    for each in hiding.of(store, stored):
        console.print(f"  hidden     {said(hiding.line(each))}")
    for line in _rules(store, stored):
        console.print(f"  rule       {said(line)}")
    console.print(f"  story      {stored.story_id}")
    joining = store.links(stored.story_id)
    for tie in store.links_of(stored.id):
        for line in _tie_lines(tie, item, joining):
            console.print(said(line))
    for pin in _pins(store, stored):
        console.print(f"  pin        {said(pin_line(pin))}")
    for row in store.log(stored.story_id):
        place = f"entered as number {row.sequence} at {when(row.entered_at)}" if row.sequence else _waiting(store)
        console.print(f"  feed       {row.feed}: {place}")


def _rules(store: Store, stored: Stored) -> Iterator[str]:
    """What rules of the editors take an item out of, and which."""
    for cause in missing.trace(store, stored).causes:
        if cause.rules:
            where = ", ".join(cause.slugs) or "every feed"
            yield f"out of {where}: {'; '.join(map(as_text, cause.rules))}"


def _tie_lines(tie: Tie, item: Item, joining: Collection[Link]) -> Iterator[str]:
    link = tie.link
    if tie.closed_at:
        what = "closed"
    elif link.level is Level.EVENT:
        what = "event"
    else:
        what = "with" if link in joining else "held apart"
    rule = f"level {link.level}, score {link.score:.2f}, rule {link.rule}"
    yield f"  {what:<10} {' '.join(map(plain, _other(link, item.key)))}: {plain(sentence(link))} ({plain(rule)})"
    if compared := _compared(link, item):
        yield f"{'':<13}{compared}"
    if tie.closed_at:
        yield f"{'':<13}closed {when(tie.closed_at)}: {plain(tie.closed_why)}"


def _compared(link: Link, item: Item) -> str:
    """What a link of an item rests on beside its sentence, in the item's spelling."""
    told, evidence = [], link.evidence
    if evidence.words:
        told.append(f"of {evidence.words} words {evidence.shared:.0%} shared, {evidence.routine:.0%} routine")
    if evidence.titles:
        told.append(f"titles {evidence.titles:.0%} alike")
    if evidence.agreeing:
        agreeing = Wording(item).facts(evidence.agreeing) if link.level is Level.TEXT else evidence.agreeing
        told.append(f"agree: {', '.join(agreeing)}")
    if evidence.differing:
        told.append(f"differ: {', '.join(evidence.differing)}")
    return plain("; ".join(told))


def pinned(store: Store, pin: Pin) -> None:
    """A pin that was just made or undone, and the story that each of its items is in now."""
    click.echo(plain(f"pin {pin_line(pin)}"))
    for stored in filter(None, map(store.keyed, (pin.item, pin.other))):
        click.echo(plain(f"item {stored.id} is in story {stored.story_id}: {stored.item.title}"))


def pin_line(pin: Pin) -> str:
    """A pin in one line, its number first."""
    line = f"{pin.id}: {' '.join(pin.item)} {SAID[pin.kind]} {' '.join(pin.other)}, by {pin.by} at {when(pin.made_at)}"
    if pin.note:
        line += f": {pin.note}"
    if pin.undone_at:
        line += f" (undone by {pin.undone_by} at {when(pin.undone_at)})"
    return line


def row(store: Store, stored: Stored) -> dict[str, Any]:
    """An item and its story as data, with its links to items that came before it."""
    item = stored.item
    ties = [tie for tie in store.links_of(stored.id) if tie.link.item == item.key]
    return {
        "item": stored.id,
        "source": item.source,
        "guid": item.guid,
        "story": stored.story_id,
        "links": [_tie_data(tie, item) for tie in ties],
    }


def as_data(store: Store, stored: Stored) -> dict[str, Any]:
    """All that `explain` tells, as data; times are ISO 8601 in UTC."""
    item = stored.item
    joining = store.links(stored.story_id)
    return {
        "item": stored.id,
        "source": item.source,
        "guid": item.guid,
        "link": item.link,
        "title": item.title,
        "identity": stored.reason,
        "published": item.published.at.isoformat() if item.published.at else None,
        "first_seen": stored.first_seen.isoformat(),
        "revisions": stored.revision,
        "categories": [asdict(category) for category in item.categories],
        "hidden": [hiding.as_data(each) for each in hiding.of(store, stored)],
        "rules": list(_rules(store, stored)),
        "story": stored.story_id,
        "links": [{**_tie_data(tie, item), "joins": tie.link in joining} for tie in store.links_of(stored.id)],
        "pins": [_pin_data(pin, item.key) for pin in _pins(store, stored)],
        "feeds": [
            {
                "feed": place.feed,
                "sequence": place.sequence,
                "entered_at": place.entered_at.isoformat() if place.entered_at else None,
            }
            for place in store.log(stored.story_id)
        ],
    }


def _tie_data(tie: Tie, item: Item) -> dict[str, Any]:
    link = tie.link
    source, guid = _other(link, item.key)
    return {
        "source": source,
        "guid": guid,
        "level": link.level,
        "score": link.score,
        "rule": link.rule,
        "sentence": sentence(link),
        "evidence": asdict(link.evidence),
        "closed_at": tie.closed_at.isoformat() if tie.closed_at else None,
        "closed_why": tie.closed_why,
    }


def _pin_data(pin: Pin, key: Key) -> dict[str, Any]:
    source, guid = _other(pin, key)
    return {
        "pin": pin.id,
        "kind": pin.kind,
        "source": source,
        "guid": guid,
        "by": pin.by,
        "note": pin.note,
        "made_at": pin.made_at.isoformat(),
    }


def _other(pair: Link | Pin, key: Key) -> Key:
    return pair.other if pair.item == key else pair.item


def _pins(store: Store, stored: Stored) -> tuple[Pin, ...]:
    """The pins on an item that hold."""
    return tuple(pin for pin in store.pins_of(stored.story_id) if stored.item.key in (pin.item, pin.other))


def _waiting(store: Store) -> str:
    if store.totals().log_open:
        return "not announced: it was already old when it was first seen"
    return "waits for the end of the first round"
