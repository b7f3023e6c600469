"""The lists that we publish: takes our feeds or our Sources, gives OPML 2.0. Never tells what is private."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime

from lxml import etree
from msgspec import Struct

from aggregator.model import Source, SourceKind
from aggregator.opml import line
from aggregator.opml.tree import ILLEGAL


class Line(Struct, frozen=True):
    """A feed of ours in a list."""

    title: str
    url: str
    page: str
    description: str = ""
    language: str = ""
    category: str = ""  # as OPML 2.0 writes it: "/region/economie"


class Folder(Struct, frozen=True):
    """Feeds of ours under one name; the line of a feed may be the name."""

    title: str
    outlines: Sequence["Line | Folder"]


def write_subscriptions(title: str, outlines: Iterable[Line | Folder], now: datetime, owner: str = "") -> bytes:
    """The list of our feeds for a reader to import; `owner` is a page that says how to reach us."""
    root, body = _document(title, now, owner)
    _add(body, outlines)
    return _bytes(root)


def _add(parent: etree._Element, outlines: Iterable[Line | Folder]) -> None:
    for each in outlines:
        if isinstance(each, Folder):
            _add(_outline(parent, {"text": each.title}), each.outlines)
            continue
        attributes = {
            "text": each.title,
            "title": each.title,
            "type": "rss",  # OPML 2.0 says rss for Atom too
            "xmlUrl": each.url,
            "htmlUrl": each.page,
            "description": each.description,
            "language": each.language,
            "category": each.category,
        }
        _outline(parent, attributes)


def write_sources(sources: Iterable[Source], title: str, now: datetime) -> bytes:
    """What we poll, in folders by region; all that are given, so paused ones are the caller's to leave out."""
    root, body = _document(title, now)
    folders = {"": body}
    for source in sources:
        _outline(_folder(folders, source.region), _public(source))
    return _bytes(root)


def _public(source: Source) -> Mapping[str, str]:
    attributes = {name: value for name, value in line.write(source).items() if name in line.PLAIN_ATTRIBUTES}
    if source.kind is SourceKind.PAGE:  # no reader can subscribe to it
        del attributes["xmlUrl"]
        attributes |= {"type": "link", "url": source.url}
    return attributes


def _folder(folders: dict[str, etree._Element], region: str) -> etree._Element:
    if region not in folders:
        above, _, text = region.rpartition(line.SEPARATOR)
        folders[region] = _outline(_folder(folders, above), {"text": text})
    return folders[region]


def _document(title: str, now: datetime, owner: str = "") -> tuple[etree._Element, etree._Element]:
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    stamps = {
        "title": title,
        "dateModified": format_datetime(now),
        "ownerId": owner,
        "docs": "https://opml.org/spec2.opml",
    }
    for name, text in stamps.items():
        if text:
            etree.SubElement(head, name).text = ILLEGAL.sub("", text)
    return root, etree.SubElement(root, "body")


def _outline(parent: etree._Element, attributes: Mapping[str, str]) -> etree._Element:
    clean = {name: ILLEGAL.sub("", value) for name, value in attributes.items() if value or name == "text"}
    return etree.SubElement(parent, "outline", clean)


def _bytes(root: etree._Element) -> bytes:
    body: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return body
