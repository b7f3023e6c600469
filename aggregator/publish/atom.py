"""Writes a feed as Atom (RFC 4287)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

from feedgen.feed import FeedGenerator

from aggregator.model import CategoryFeed, FeedEntry, Format, Origin
from aggregator.publish import shown
from aggregator.publish.feedgen_ext import (
    GEORSS,
    MEDIA,
    Element,
    Link,
    add_entry,
    add_media,
    add_point,
    child,
    generator,
    related,
)

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES = {"media": MEDIA, "georss": GEORSS}


def write(feed: CategoryFeed) -> bytes:
    """Write the document in UTF-8."""
    made = generator(feed, Format.ATOM)
    made.register_extension("namespaces", lambda: _Prefixes(_PREFIXES), rss=False)
    for entry in feed.entries:
        _add(made, feed, entry)
    body: bytes = made.atom_str()
    return body


def _add(made: FeedGenerator, feed: CategoryFeed, entry: FeedEntry) -> None:
    added = add_entry(made, entry)
    added.title(shown.title(entry))
    added.published(entry.published.replace(microsecond=0))
    added.updated(entry.updated.replace(microsecond=0))
    added.author({"name": shown.author(entry)})
    added.summary(entry.item.lead.strip() or None, type="text")
    added.content(shown.content(entry), type="html")
    added.rights(shown.rights(entry) or None)
    added.source(entry.source.url, entry.source.title)
    for term in shown.terms(feed, entry):
        added.category({"term": term.slug, "scheme": term.scheme, "label": term.label})
    for each in (*related(entry), *_enclosures(entry)):
        added.link(each)
    rest = _Rest(entry, tuple(added.link()), shown.language(feed, entry))
    added.register_extension("rest", lambda: rest, rss=False)


def _enclosures(entry: FeedEntry) -> list[Link]:
    return [
        {"href": each.url, "rel": "enclosure", "type": shown.media_type(each)}
        | ({} if each.length is None else {"length": str(each.length)})
        for each in entry.item.enclosures
    ]


@dataclass(frozen=True, slots=True)
class _Prefixes:
    """The extension of the feed that declares prefixes at its root, and adds nothing else."""

    prefixes: Mapping[str, str]

    def extend_ns(self) -> dict[str, str]:
        """Give the prefixes."""
        return dict(self.prefixes)

    def extend_atom(self, feed: Element) -> Element:
        """Leave the feed as it is."""
        return feed


@dataclass(frozen=True, slots=True)
class _Rest:
    """What feedgen leaves out of an Atom entry: attributes of links, all but two parts of the source, media, place."""

    entry: FeedEntry
    links: tuple[Link, ...]  # in the order in which feedgen got them
    language: str

    def extend_atom(self, node: Element) -> Element:
        """Complete the element that feedgen made."""
        for made, link in zip(node.findall("link"), self.links, strict=True):
            for name in ("rel", "type", "title", "length"):
                if link.get(name):
                    made.set(name, link[name])
        if self.language:
            node.set(_LANG, self.language)
        _complete_source(node.find("source"), self.entry.source)
        add_media(node, self.entry.item.image)
        add_point(node, self.entry.item.point)
        return node


def _complete_source(node: Element, source: Origin) -> None:
    """Give the source its id, date, links and rights (RFC 4287 §4.2.11)."""
    for own in node.iterfind("link"):
        own.set("rel", "self")
        own.set("type", _feed_type(source.url))
    child(node, "id", source.id or source.url)
    if source.updated:
        child(node, "updated", source.updated.astimezone(UTC).isoformat(timespec="seconds"))
    if source.site:
        child(node, "link", rel="alternate", type=shown.HTML_TYPE, href=source.site)
    if source.rights:
        child(node, "rights", source.rights)


def _feed_type(url: str) -> str:
    """Guess the media type of a source's feed from its URL: a hint, by RFC 4287 §4.2.7.3."""
    address = url.lower()
    if "atom" in address:
        return shown.CONTENT_TYPES[Format.ATOM]
    return shown.CONTENT_TYPES[Format.JSON if "json" in address else Format.RSS]
