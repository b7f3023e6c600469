"""What feedgen 1.0 does not write: extensions that fit its protocol, and a generator prepared for a feed of ours.

feedgen builds the documents. It calls `extend_ns` of a feed's extension, and `extend_atom` or `extend_rss` of every
extension with the element it has just made. It makes an extension by calling its class without arguments, so ours are
handed over as functions that give the finished value.
"""

from typing import Any

from feedgen.entry import FeedEntry as FeedgenEntry
from feedgen.feed import FeedGenerator
from lxml import etree

from aggregator.config import VERSION
from aggregator.model import CategoryFeed, FeedEntry, Format, Image
from aggregator.publish import shown

ATOM = "http://www.w3.org/2005/Atom"
DC = "http://purl.org/dc/elements/1.1/"
GEORSS = "http://www.georss.org/georss"
MEDIA = "http://search.yahoo.com/mrss/"

Element = Any  # lxml brings no types
Link = dict[str, str]


def generator(feed: CategoryFeed, format: Format) -> FeedGenerator:
    """Prepare a generator with what the feed says of itself.

    feedgen takes the channel's link from the last call of `link`, whatever its rel: the page comes last.
    """
    made = FeedGenerator()
    made.id(feed.id)
    made.title(feed.title or feed.slug)
    made.subtitle(feed.subtitle or feed.title)
    made.updated(feed.updated.replace(microsecond=0))
    made.author({"name": feed.publisher})
    made.language(feed.language)
    made.generator(shown.GENERATOR, version=VERSION)
    for each in (format, *(other for other in Format if other is not format)):
        rel = "self" if each is format else "alternate"
        made.link({"href": f"{feed.base}.{each}", "rel": rel, "type": shown.CONTENT_TYPES[each]})
    made.link({"href": feed.site, "rel": "alternate", "type": shown.HTML_TYPE})
    return made


def add_entry(made: FeedGenerator, entry: FeedEntry) -> FeedgenEntry:
    """Add what Atom and RSS say of an entry alike, behind the entries already there."""
    added = made.add_entry(order="append")
    added.guid(entry.id, permalink=False)
    added.link({"href": shown.link(entry), "rel": "alternate", "type": shown.HTML_TYPE})
    return added


def related(entry: FeedEntry) -> list[Link]:
    """The links to the same story elsewhere: the other sources, then our page of it."""
    links = [
        {"href": other.url, "rel": "related", "type": shown.HTML_TYPE, "title": other.title} for other in entry.also
    ]
    return [*links, {"href": entry.url, "rel": "via", "type": shown.HTML_TYPE}]


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


def add_point(parent: Element, point: str) -> None:
    """Add the place, "latitude longitude" (GeoRSS Simple)."""
    if point:
        child(parent, f"{{{GEORSS}}}point", point)


def child(parent: Element, tag: str, text: str = "", **attributes: str) -> Element:
    """Add an element as the last child. In feedgen's trees the elements of Atom have no namespace."""
    made = etree.SubElement(parent, tag, attributes)
    made.text = text or None
    return made
