"""What feedgen 1.0 does not write, for both of its formats: heads of feeds, single elements as bytes, media, places.

feedgen makes each head and each entry, and we complete its elements. It makes an extension by calling its class without
arguments, so ours is handed over as a function that gives the finished value. An entry is serialised by itself and the
bytes are put into the document, so that it is made once for all the documents that hold it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from feedgen.entry import FeedEntry as FeedgenEntry
from feedgen.feed import FeedGenerator
from lxml import etree
from msgspec import Struct

from aggregator.config import VERSION
from aggregator.model import CategoryFeed, Enclosure, FeedEntry, Format, Image
from aggregator.publish import shown
from aggregator.publish.addresses import Link, address, links
from aggregator.publish.characters import undecodable

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DC = "http://purl.org/dc/elements/1.1/"
GEORSS = "http://www.georss.org/georss"
HISTORY = "http://purl.org/syndication/history/1.0"
MEDIA = "http://search.yahoo.com/mrss/"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"

Element = Any  # lxml brings no types


class Head(Struct, frozen=True):
    """The extension that declares prefixes at the root of a document, and completes its head."""

    prefixes: Mapping[str, str]
    complete: Callable[[Element], None]

    def extend_ns(self) -> dict[str, str]:
        """Give the prefixes."""
        return dict(self.prefixes)

    def extend_atom(self, feed: Element) -> Element:
        """Complete the element that feedgen made."""
        self.complete(feed)
        return feed

    def extend_rss(self, rss: Element) -> Element:
        """Complete the element that feedgen made."""
        self.complete(rss.find("channel"))
        return rss


def generator(feed: CategoryFeed, format: Format) -> FeedGenerator:
    """Prepare a generator with what the feed says of itself.

    feedgen takes the channel's link from the last call of `link`, whatever its rel: the page comes last.
    """
    made = FeedGenerator()
    made.id(feed.id)
    made.title(feed.title or feed.slug)
    made.subtitle(feed.subtitle or feed.title)
    made.author({"name": feed.publisher})
    made.language(feed.language)
    made.generator(shown.GENERATOR, version=VERSION)
    for each in (format, *(other for other in Format if other is not format)):
        rel = "self" if each is format else "alternate"
        made.link({"href": address(feed, each), "rel": rel, "type": shown.CONTENT_TYPES[each]})
    made.link(links(feed, format))
    made.link({"href": feed.site, "rel": "alternate", "type": shown.HTML_TYPE})
    return made


def new_entry(entry: FeedEntry) -> FeedgenEntry:
    """An entry with what Atom and RSS say of it alike."""
    made = FeedgenEntry()
    made.guid(entry.id, permalink=False)
    made.link({"href": shown.link(entry), "rel": "alternate", "type": shown.HTML_TYPE})
    return made


def serialised(element: Element, prefixes: Mapping[str, str]) -> bytes:
    """An element as it stands in a document whose root declares these prefixes."""
    root = etree.Element("root", nsmap=dict(prefixes))
    root.append(element)
    written: bytes = etree.tostring(root, encoding="UTF-8")
    return written[written.index(b">") + 1 : written.rindex(b"<")]


def spliced(document: bytes, entries: bytes, end: bytes) -> bytes:
    """The document with entries as the last thing before `end`."""
    at = document.rindex(end)
    return document[:at] + entries + document[at:]


def related(entry: FeedEntry) -> list[Link]:
    """The links to the same story elsewhere: the other sources, then our page of it."""
    found = [
        {"href": other.url, "rel": "related", "type": shown.HTML_TYPE, "title": undecodable(other.title)}
        for other in entry.also
    ]
    return [*found, {"href": entry.url, "rel": "via", "type": shown.HTML_TYPE}]


def add_media(parent: Element, image: Image | None) -> None:
    """Add the picture as Media RSS, its credit inside so that they cannot be parted."""
    if image is None:
        return
    size = {name: str(value) for name, value in (("width", image.width), ("height", image.height)) if value}
    length = {"fileSize": str(image.length)} if image.length else {}
    claimed = {"url": image.url, "type": shown.media_type(image), "medium": "image"}
    media = child(parent, f"{{{MEDIA}}}content", **claimed, **length, **size)
    if image.credit.strip():
        child(media, f"{{{MEDIA}}}credit", image.credit)
    child(parent, f"{{{MEDIA}}}thumbnail", url=image.url, **size)


def add_attached(parent: Element, attached: Enclosure) -> None:
    """Add something attached as Media RSS."""
    length = {"fileSize": str(attached.length)} if attached.length else {}
    child(parent, f"{{{MEDIA}}}content", url=attached.url, type=shown.media_type(attached), **length)


def add_point(parent: Element, point: str) -> None:
    """Add the place, "latitude longitude" (GeoRSS Simple)."""
    if point:
        child(parent, f"{{{GEORSS}}}point", point)


def add_archive(parent: Element, feed: CategoryFeed) -> None:
    """Say that the document is a closed page (RFC 5005 §4)."""
    if feed.page:
        child(parent, f"{{{HISTORY}}}archive")


def child(parent: Element, tag: str, text: str = "", **attributes: str) -> Element:
    """Add an element as the last child. In feedgen's trees the elements of Atom have no namespace."""
    made = etree.SubElement(parent, tag, attributes)
    made.text = text or None
    return made
