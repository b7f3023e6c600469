"""Writes a feed as RSS 2.0, by the RSS Best Practices Profile."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime

from feedgen.feed import FeedGenerator

from aggregator.model import CategoryFeed, Enclosure, FeedEntry, Format
from aggregator.publish import shown
from aggregator.publish.characters import undecodable
from aggregator.publish.feedgen_ext import (
    ATOM,
    DC,
    GEORSS,
    MEDIA,
    Element,
    add_entry,
    add_media,
    add_point,
    child,
    generator,
    related,
)

TTL_MINUTES = 30
_PREFIXES = {"dc": DC, "media": MEDIA, "georss": GEORSS}


def write(feed: CategoryFeed) -> bytes:
    """Write the document in UTF-8."""
    plain = replace(feed, title=undecodable(feed.title), subtitle=undecodable(feed.subtitle))
    made = generator(plain, Format.RSS)
    made.ttl(TTL_MINUTES)
    # feedgen formats dates by switching the locale of the whole process, threads and all: we write them ourselves,
    # and there is no public way to make it leave this one out.
    made._FeedGenerator__rss_lastBuildDate = None
    made.register_extension("rest", lambda: _RestOfChannel(_PREFIXES, feed.updated))
    for entry in feed.entries:
        _add(made, feed, entry)
    body: bytes = made.rss_str()
    return body


def _add(made: FeedGenerator, feed: CategoryFeed, entry: FeedEntry) -> None:
    added = add_entry(made, entry)
    added.title(undecodable(shown.title(entry)))
    added.description(shown.description(entry, undecodable), isSummary=True)
    if shown.full_text(entry):
        added.content(shown.content(entry))
    added.source(entry.source.url, undecodable(entry.source.title))
    for term in shown.terms(feed, entry):
        added.category({"term": term.slug, "scheme": term.scheme, "label": undecodable(term.label)})
    enclosure = _enclosure(entry)
    if enclosure:
        added.enclosure(enclosure.url, enclosure.length or 0, shown.media_type(enclosure))
    rest = _RestOfItem(entry, shown.language(feed, entry))
    added.register_extension("rest", lambda: rest, atom=False)


def _enclosure(entry: FeedEntry) -> Enclosure | None:
    """Choose the one enclosure that an item may have: the picture first, embedding sites look for it there."""
    image = entry.item.image
    if image:
        return Enclosure(image.url, shown.media_type(image), image.length)
    return next(iter(entry.item.enclosures), None)


def _date(moment: datetime) -> str:
    """Write a date by RFC 822 with a year of four digits, in English whatever the locale."""
    return format_datetime(moment.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class _RestOfChannel:
    """What feedgen leaves out of a channel."""

    prefixes: Mapping[str, str]
    updated: datetime

    def extend_ns(self) -> dict[str, str]:
        """Give the prefixes to declare at the root."""
        return dict(self.prefixes)

    def extend_rss(self, rss: Element) -> Element:
        """Complete the element that feedgen made."""
        child(rss.find("channel"), "lastBuildDate", _date(self.updated))
        return rss


@dataclass(frozen=True, slots=True)
class _RestOfItem:
    """What feedgen leaves out of an item: date, name of the author, links, language, rights, media, place."""

    entry: FeedEntry
    language: str

    def extend_rss(self, node: Element) -> Element:
        """Complete the element that feedgen made."""
        child(node, "pubDate", _date(self.entry.published))
        child(node, f"{{{DC}}}creator", undecodable(shown.author(self.entry)))
        if self.language:
            child(node, f"{{{DC}}}language", self.language)
        if shown.rights(self.entry):
            child(node, f"{{{DC}}}rights", undecodable(shown.rights(self.entry)))
        for link in related(self.entry):
            child(node, f"{{{ATOM}}}link", **link)
        add_media(node, self.entry.item.image)
        add_point(node, self.entry.item.point)
        return node
