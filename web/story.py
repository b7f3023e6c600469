"""Takes a story with its links, pins, earlier versions and event, gives what its page says of them, and the same as
data. Never reads the store.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from flask_babel import format_decimal, format_percent
from msgspec import Struct

from aggregator.model import Item, Key, Level, Link, Pin, PinKind, Stored, Story
from aggregator.store import Revision
from aggregator.stories import Wording
from aggregator.stories.changes import Piece, changes, shortened
from aggregator.stories.why import sentence, why
from web.language import gettext, lazy_gettext
from web.words import event_sources_of, items_of

VERSIONS_LIMIT = 20  # of an item, compared word by word; a live page has hundreds

LEVEL_WORDS = {
    Level.IDENTITY: lazy_gettext("same link"),
    Level.TEXT: lazy_gettext("same text"),
    Level.EVENT: lazy_gettext("same event"),
}
PIN_WORDS = {
    PinKind.MUST: lazy_gettext("The editors of this site say that they belong together."),
    PinKind.CANNOT: lazy_gettext("The editors of this site say that they are different news."),
}
PART_WORDS = {"title": lazy_gettext("Title"), "lead": lazy_gettext("Lead"), "text": lazy_gettext("Text")}


class Change(Struct, frozen=True):
    """What changed in one part of an item: "title", "lead" or "text"."""

    part: str
    pieces: tuple[Piece, ...]


class Version(Struct, frozen=True):
    """A version of an item that took the place of an earlier one."""

    at: datetime
    item: Item
    changes: tuple[Change, ...]


class Reason(Struct, frozen=True):
    """Why two items stand together, for people."""

    item: Key
    other: Key
    level: str
    sentence: str
    facts: tuple[str, ...] = ()


class Other(Struct, frozen=True):
    """Another story about the same event, and why for people: "" where no link leads straight to it."""

    story: Story
    sentence: str


def versions_of(stored: Stored, revisions: Sequence[Revision], may_show_text: bool) -> tuple[Version, ...]:
    """The versions of an item that differ from the one before in what the page may show, newest first; the newest
    VERSIONS_LIMIT alone are looked at.
    """
    items = [*(revision.item for revision in revisions), stored.item][-VERSIONS_LIMIT - 1 :]
    moments = [revision.replaced_at for revision in revisions][-VERSIONS_LIMIT:]
    found = (
        Version(at, new, _changes(old, new, may_show_text))
        for at, (old, new) in zip(moments, pairwise(items), strict=True)
    )
    return tuple(version for version in found if version.changes)[::-1]


def _changes(old: Item, new: Item, may_show_text: bool) -> tuple[Change, ...]:
    parts = [("title", old.title, new.title)]
    if not (may_show_text and old.lead in old.text and new.lead in new.text):
        parts.append(("lead", old.lead, new.lead))
    if may_show_text:
        parts.append(("text", old.text, new.text))
    return tuple(Change(part, shortened(changes(before, after))) for part, before, after in parts if before != after)


def reasons_of(links: Iterable[Link], pins: Iterable[Pin], items: Iterable[Stored] = ()) -> tuple[Reason, ...]:
    """What the editors say, then what the links say, in the language of the page and as the items spell it."""
    wordings = {stored.item.key: Wording(stored.item) for stored in items}
    said = [Reason(pin.item, pin.other, gettext("the editors’ word"), str(PIN_WORDS[pin.kind])) for pin in pins]
    found = [
        Reason(
            link.item,
            link.other,
            str(LEVEL_WORDS[link.level]),
            _sentence(link),
            _facts(link, wordings.get(link.item), wordings.get(link.other)),
        )
        for link in links
    ]
    return (*said, *found)


def others_of(stories: Iterable[Story], links: Iterable[Link]) -> tuple[Other, ...]:
    """The other stories about an event, each with what the link to it says, in the language of the page."""
    said = {key: _sentence(link) for link in links for key in (link.item, link.other)}
    return tuple(
        Other(story, next((said[stored.item.key] for stored in items_of(story) if stored.item.key in said), ""))
        for story in stories
    )


def _sentence(link: Link) -> str:
    template, values = why(link)
    shares = {"shared": format_percent(link.evidence.shared), "titles": format_percent(link.evidence.titles)}
    return gettext(template) % {**values, **shares}


def _facts(link: Link, one: Wording | None, other: Wording | None) -> tuple[str, ...]:
    evidence = link.evidence
    known = one or other
    agreeing = known.facts(evidence.agreeing) if known and link.level is Level.TEXT else evidence.agreeing
    differing = [_swap(each, one, other) for each in evidence.differing]
    facts = [
        gettext("Both have: %(facts)s", facts=", ".join(agreeing)) if agreeing else "",
        gettext("They differ in: %(facts)s", facts=", ".join(differing)) if differing else "",
        gettext("Stands in other news too: %(share)s of the shorter text", share=format_percent(evidence.routine))
        if evidence.routine
        else "",
        gettext("Score: %(score)s", score=format_decimal(link.score, "0.00")),
        gettext("Rule: %(rule)s", rule=link.rule),
    ]
    return tuple(str(fact) for fact in facts if fact)


def _swap(told: str, one: Wording | None, other: Wording | None) -> str:
    """What stands in the one item, and in its place in the other, as they spell it."""
    ours, slash, theirs = told.partition(" / ")
    return f"{_spelled(ours, one)}{slash}{_spelled(theirs, other)}"


def _spelled(words: str, wording: Wording | None) -> str:
    return (wording and wording.of(tuple(words.split()))) or words


def as_data(
    story: Story,
    others: Iterable[Story],
    address: Callable[[Story], str],
    links: Iterable[Link],
    pins: Iterable[Pin],
    revisions: Mapping[int, Sequence[Revision]],
    names: Mapping[str, str],
) -> dict[str, Any]:
    """The story for programs, with the `others` about its event; times in UTC, sentences in English."""
    return {
        "id": story.entry_id,
        "url": address(story),
        "updated": story.updated,
        "lead": story.lead.id,
        "items": [_item(stored, revisions.get(stored.id, ()), names) for stored in items_of(story)],
        "links": [
            {
                **_pair(link.item, link.other),
                "level": link.level,
                "score": link.score,
                "rule": link.rule,
                "evidence": link.evidence,
                "sentence": sentence(link),
            }
            for link in links
        ],
        "pins": [{**_pair(pin.item, pin.other), "kind": pin.kind, "made_at": pin.made_at} for pin in pins],
        "event": {
            "sources": event_sources_of(story),
            "stories": [
                {
                    "id": other.entry_id,
                    "title": other.lead.item.title,
                    "source": _source(other.lead.item, names),
                    "url": address(other),
                }
                for other in others
            ],
        },
    }


def _item(stored: Stored, revisions: Sequence[Revision], names: Mapping[str, str]) -> dict[str, Any]:
    item = stored.item
    return {
        "id": stored.id,
        "source": _source(item, names),
        "guid": item.guid,
        "link": item.link,
        "title": item.title,
        "lead": item.lead,
        "language": item.language,
        "genre": item.genre,
        "published": item.published.at,
        "first_seen": stored.first_seen,
        "changed_at": stored.changed_at,
        "revisions": [
            {
                "number": revision.number,
                "replaced_at": revision.replaced_at,
                "title": revision.item.title,
                "lead": revision.item.lead,
            }
            for revision in revisions
        ],
    }


def _source(item: Item, names: Mapping[str, str]) -> dict[str, str]:
    return {"url": item.source, "title": names[item.source]}


def _pair(item: Key, other: Key) -> dict[str, Any]:
    return {name: {"source": key[0], "guid": key[1]} for name, key in (("item", item), ("other", other))}
