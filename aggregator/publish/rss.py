"""Writes a feed as RSS 2.0, by the RSS Best Practices Profile."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial

from msgspec.structs import replace

from aggregator.model import CategoryFeed, Enclosure, Format
from aggregator.publish import shown
from aggregator.publish.addresses import links
from aggregator.publish.characters import undecodable
from aggregator.publish.feedgen_ext import (
    ATOM,
    CONTENT,
    DC,
    GEORSS,
    HISTORY,
    MEDIA,
    Element,
    Head,
    add_archive,
    add_attached,
    add_media,
    add_point,
    child,
    generator,
    new_entry,
    related,
    serialised,
    spliced,
)
from aggregator.publish.shown import Shown

TTL_MINUTES = 30
_OWN_PREFIXES: Mapping[str, str] = {"dc": DC, "media": MEDIA, "georss": GEORSS}
_PREFIXES: Mapping[str, str] = {**_OWN_PREFIXES, "atom": ATOM, "content": CONTENT}  # feedgen declares the last two
_ON_THE_WEB = re.compile(r"https?://(?:[a-z0-9-]+\.)+[a-z0-9-]+(?::\d+)?(?:/|$)", re.IGNORECASE)


def write(feed: CategoryFeed, entries: bytes) -> bytes:
    """Write the document in UTF-8 around its written items. RSS has no words for what was removed."""
    plain = replace(feed, title=undecodable(feed.title), subtitle=undecodable(feed.subtitle))
    prefixes = {**_OWN_PREFIXES, **({"fh": HISTORY} if feed.page else {})}
    made = generator(plain, Format.RSS)
    made.ttl(TTL_MINUTES)
    # feedgen formats dates by switching the locale of the whole process, threads and all: we write them ourselves,
    # and there is no public way to make it leave this one out.
    made._FeedGenerator__rss_lastBuildDate = None
    complete = partial(_complete_head, feed=feed)
    made.register_extension("head", lambda: Head(prefixes, complete), atom=False)
    return spliced(made.rss_str(), entries, b"</channel>")


def write_entry(shown_: Shown) -> bytes:
    """Write one item, as it stands in the document."""
    entry = shown_.entry
    made = new_entry(entry)
    made.title(undecodable(shown.title(shown_)))
    made.description(shown.description(shown_, undecodable), isSummary=True)
    if shown.full_text(shown_):
        made.content(shown.content(shown_))
    made.source(entry.source.url, undecodable(entry.source.title))
    for term in shown_.terms:
        made.category({"term": term.slug, "scheme": term.scheme, "label": undecodable(term.label)})
    media = [each for each in shown_.media if _ON_THE_WEB.match(each.url)]
    for enclosure in media[:1]:  # an item may have one; the others are Media RSS
        made.enclosure(enclosure.url, enclosure.length or 0, shown.media_type(enclosure))
    node = made.rss_entry()
    _complete(node, shown_, media[1:])
    return serialised(node, _PREFIXES)


def _complete_head(channel: Element, feed: CategoryFeed) -> None:
    child(channel, "lastBuildDate", _date(feed.updated))
    for link in links(feed, Format.RSS):
        child(channel, f"{{{ATOM}}}link", **link)
    add_archive(channel, feed)


def _complete(node: Element, shown_: Shown, others: Sequence[Enclosure]) -> None:
    """Add what feedgen leaves out of an item: date, name of the author, links, language, rights, media, place."""
    entry = shown_.entry
    child(node, "pubDate", _date(entry.published))
    child(node, f"{{{DC}}}creator", undecodable(shown.author(entry)))
    own_language, rights = shown.language(shown_), shown.rights(entry)
    if own_language:
        child(node, f"{{{DC}}}language", own_language)
    if rights:
        child(node, f"{{{DC}}}rights", undecodable(rights))
    for link in related(entry):
        child(node, f"{{{ATOM}}}link", **link)
    add_media(node, shown_.image)
    for other in others:
        add_attached(node, other)
    add_point(node, shown.point(entry))


def _date(moment: datetime) -> str:
    """Write a date by RFC 822 with a year of four digits, in English whatever the locale."""
    return format_datetime(moment.astimezone(UTC))
