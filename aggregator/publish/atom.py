"""Writes a feed as Atom (RFC 4287)."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from functools import partial
from html import escape

from aggregator.model import CategoryFeed, Content, Format, Origin
from aggregator.publish import shown
from aggregator.publish.addresses import Link
from aggregator.publish.characters import undecodable
from aggregator.publish.feedgen_ext import (
    GEORSS,
    HISTORY,
    MEDIA,
    TOMBSTONES,
    Element,
    Head,
    add_archive,
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

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES: Mapping[str, str] = {"media": MEDIA, "georss": GEORSS}
_TEXTS = ("title", "subtitle", "summary", "rights")


def write(feed: CategoryFeed, entries: bytes, *, delta: bool = False) -> bytes:
    """Write the document in UTF-8 around its written entries. A delta names what was removed too (RFC 6721)."""
    prefixes = {**_PREFIXES, **({"fh": HISTORY} if feed.page else {}), **({"at": TOMBSTONES} if delta else {})}
    made = generator(feed, Format.ATOM)
    made.updated(feed.updated)
    made.register_extension("head", lambda: Head(prefixes, partial(_complete_head, feed=feed, delta=delta)), rss=False)
    return spliced(made.atom_str(), entries, b"</feed>")


def write_entry(shown_: Shown) -> bytes:
    """Write one entry, as it stands in the document."""
    entry = shown_.entry
    made = new_entry(entry)
    made.title(shown.title(shown_))
    made.published(entry.published.replace(microsecond=0))
    made.updated(shown.moment(entry))
    made.author({"name": undecodable(shown.author(entry))})
    if shown_.content is Content.TEXT:
        made.content(undecodable(shown.plain_text(entry)), type="text")
    else:
        made.summary(entry.item.lead.strip() or None, type="text")
        made.content(shown.content(shown_), type="html")
    made.rights(shown.rights(entry) or None)
    made.source(entry.source.url, entry.source.title)
    for term in shown_.terms:
        made.category({"term": term.slug, "scheme": term.scheme, "label": undecodable(term.label)})
    for each in (*related(entry), *_enclosures(shown_)):
        made.link(each)
    node = made.atom_entry()
    _complete_links(node, made.link())
    _complete(node, shown_)
    return serialised(node, _PREFIXES)


def _enclosures(shown_: Shown) -> list[Link]:
    return [
        {"href": each.url, "rel": "enclosure", "type": shown.media_type(each)}
        | ({} if each.length is None else {"length": str(each.length)})
        for each in shown_.media
    ]


def _complete_head(node: Element, feed: CategoryFeed, delta: bool) -> None:
    add_archive(node, feed)
    _tell_apart(node)
    for tombstone in feed.removed if delta else ():
        when = tombstone.at.astimezone(UTC).isoformat(timespec="seconds")
        child(node, f"{{{TOMBSTONES}}}deleted-entry", ref=tombstone.entry_id, when=when)


def _complete_links(node: Element, links: Iterable[Link]) -> None:
    """Give the links the attributes that feedgen loses, in the order in which it got them."""
    for written, link in zip(node.iterfind("link"), links, strict=True):
        for name in ("rel", "type", "title", "length"):
            if link.get(name):
                written.set(name, link[name])


def _complete(node: Element, shown_: Shown) -> None:
    """Add what feedgen leaves out of an entry: language, all but two parts of the source, media, place."""
    own_language = shown.language(shown_)
    if own_language:
        node.set(_LANG, own_language)
    _complete_source(node.find("source"), shown_.entry.source)
    _tell_apart(node)
    add_media(node, shown_.image)
    add_point(node, shown.point(shown_.entry))


def _complete_source(node: Element, source: Origin) -> None:
    """Give the source its id, date, links and rights (RFC 4287 §4.2.11)."""
    for own in node.iterfind("link"):
        own.set("rel", "self")
        kind = _feed_type(source.url)
        if kind:
            own.set("type", kind)
    child(node, "id", source.id or source.url)
    if source.updated:
        child(node, "updated", source.updated.astimezone(UTC).isoformat(timespec="seconds"))
    if source.site:
        child(node, "link", rel="alternate", type=shown.HTML_TYPE, href=source.site)
    if source.rights:
        child(node, "rights", source.rights)
    _tell_apart(node)


def _tell_apart(node: Element) -> None:
    """Write each text that looks like markup or holds references as HTML (RFC 4287 §3.1.1.2): readers guess."""
    for tag in _TEXTS:
        for text in node.iterfind(tag):
            if text.text and undecodable(text.text) != text.text:
                text.set("type", "html")
                text.text = escape(text.text, quote=False)


def _feed_type(url: str) -> str:
    """Guess the media type of a source's feed from its URL: a hint, by RFC 4287 §4.2.7.3. "" for what is no XML: the
    W3C validator takes a `self` of another type for a mistake.
    """
    address = url.lower()
    if "atom" in address:
        return shown.CONTENT_TYPES[Format.ATOM]
    return "" if "json" in address else shown.CONTENT_TYPES[Format.RSS]
