"""Takes the text of a JSON Feed 1.0 or 1.1, gives a ParsedFeed; never fetches or cleans.

Lenient as the specification asks readers to be (jsonfeed.org, version 1.1): a number may be an id, a single author may
stand without a list, an item that is no object costs itself only. Of a feed that breaks off the items before are read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from aggregator.errors import ErrorClass, ParseError
from aggregator.model import Date, Enclosure, Entry, Image, ParsedFeed
from aggregator.parse.dates import read_date
from aggregator.parse.encoding import without_controls
from aggregator.parse.limits import ENTRIES_LIMIT, PIECES_LIMIT, TOO_LONG
from aggregator.parse.values import LABEL_LIMIT, TAG_LIMIT, TITLE_LIMIT, absolute, as_html, is_image, number

NODES_LIMIT = 100  # attachments, authors, hubs of one item

_ITEMS = re.compile(r',?\s*"items"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")

Node = Mapping[str, Any]


def read_json_feed(text: str, url: str, timezone: str, flaw: str = "") -> ParsedFeed:
    """Read a JSON Feed; raises ParseError for other JSON (NOT_A_FEED) and for a feed that breaks off before its first
    item ends (BROKEN_XML).
    """
    if text.count("{") + text.count("[") > PIECES_LIMIT:
        raise ParseError(url, ErrorClass.TOO_LARGE, f"while parsing: more than {PIECES_LIMIT:,} objects and lists")
    document, fault = _loaded(text, url)
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(items, list) or not _is_feed(document):
        raise ParseError(url, ErrorClass.NOT_A_FEED, f"while parsing: it seems to be {_described(document)}")
    entries, skipped = [], []
    for position, item in enumerate(items[:ENTRIES_LIMIT], start=1):
        entry = _entry(item, url, timezone) if isinstance(item, dict) else Entry()
        if entry.guid or entry.link or entry.title or entry.content or entry.summary:
            entries.append(entry)
        else:
            skipped.append(f"entry {position}: it has neither id, url, title nor content")
    return ParsedFeed(
        url=url,
        format="json10" if _text(document, "version").rstrip("/").endswith("/1") else "json11",
        entries=tuple(entries),
        title=_text(document, "title")[:TITLE_LIMIT],
        site=_link(document, "home_page_url", url),
        subtitle=_text(document, "description")[:TITLE_LIMIT],
        language=_text(document, "language")[:LABEL_LIMIT],
        author=_author(document),
        hub=next((_link(hub, "url", url) for hub in _nodes(document, "hubs")), ""),
        self_link=_link(document, "feed_url", url),
        skipped=tuple(skipped),
        flaw="; ".join(filter(None, (flaw, fault, TOO_LONG if len(items) > ENTRIES_LIMIT else ""))),
    )


def _loaded(text: str, url: str) -> tuple[Any, str]:
    """The document, and its flaw."""
    try:
        return msgspec.json.decode(text), ""
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    decoder = json.JSONDecoder(strict=False, parse_int=_integer)  # it forgives line ends within strings, and NaN
    try:
        return decoder.decode(text), ""
    except (ValueError, RecursionError) as error:
        is_feed = "jsonfeed.org/version" in text[:1000]
        if is_feed and (found := _before_fault(text, decoder)):
            return found, f"it cannot be read beyond its item {len(found['items'])}: {error}"
        kind = ErrorClass.BROKEN_XML if is_feed else ErrorClass.NOT_A_FEED
        raise ParseError(url, kind, f"while parsing: it looks like JSON, but cannot be read: {error}") from error


def _before_fault(text: str, decoder: json.JSONDecoder) -> dict[str, Any]:
    """What stands before the items of a feed that is broken, and those that are whole; nothing where none is."""
    start = _ITEMS.search(text)
    if start is None:
        return {}
    items: list[Any] = []
    found: dict[str, Any] = {}
    at = start.end()
    try:
        found = decoder.decode(text[: start.start()] + "}")
        while between := _BETWEEN.match(text, at):
            item, at = decoder.raw_decode(text, between.end())
            items.append(item)
    except (ValueError, RecursionError):
        pass
    return found | {"items": items} if items else {}


def _integer(digits: str) -> int:
    return int(digits[:LABEL_LIMIT])  # Python refuses more than 4,300


def _is_feed(document: Node) -> bool:
    return "jsonfeed.org/version" in _text(document, "version") or ("version" not in document and "title" in document)


def _described(document: Any) -> str:
    if isinstance(document, dict):
        keys = ", ".join(list(document)[:5])[:100]
        return f"a JSON object with the keys {keys}" if keys else "an empty JSON object"
    return f"JSON, but a {type(document).__name__}"


def _entry(item: Node, url: str, timezone: str) -> Entry:
    images, enclosures = _media(item, url)
    return Entry(
        guid=_text(item, "id"),
        link=_link(item, "url", url) or _link(item, "external_url", url),
        title=as_html(_text(item, "title"))[:TITLE_LIMIT],
        summary=_lines(_text(item, "summary")),
        content=_text(item, "content_html") or _lines(_text(item, "content_text")),
        author=_author(item),
        tags=_tags(item),
        published=_date(item, "date_published", timezone),
        updated=_date(item, "date_modified", timezone),
        images=images,
        enclosures=enclosures,
        language=_text(item, "language")[:LABEL_LIMIT],
    )


def _media(item: Node, url: str) -> tuple[tuple[Image, ...], tuple[Enclosure, ...]]:
    images = {link: Image(link) for key in ("image", "banner_image") if (link := _link(item, key, url))}
    enclosures = {}
    for attachment in _nodes(item, "attachments"):
        link, kind = _link(attachment, "url", url), _text(attachment, "mime_type")[:100]
        length = number(_text(attachment, "size_in_bytes").removesuffix(".0"))
        if link and is_image(link, kind):
            images[link] = Image(link, type=kind, length=length, alt=_text(attachment, "title")[:TITLE_LIMIT])
        elif link:
            enclosures[link] = Enclosure(link, kind, length)
    return tuple(images.values()), tuple(enclosures.values())


def _text(node: Node, key: str) -> str:
    """A text or a number as text; "" for everything else."""
    value = node.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    # JSON can spell half a character ("\ud83d"), which no database takes.
    return without_controls(str(value).encode("utf-8", "replace").decode("utf-8")).strip()


def _nodes(node: Node, key: str) -> Iterator[Node]:
    value = node.get(key)
    values = islice(value, NODES_LIMIT) if isinstance(value, list) else [value]
    return (each for each in values if isinstance(each, dict))


def _link(node: Node, key: str, base: str) -> str:
    return absolute(_text(node, key), base)


def _author(node: Node) -> str:
    people = (*_nodes(node, "authors"), *_nodes(node, "author"))
    return ", ".join(dict.fromkeys(name for each in people if (name := _text(each, "name"))))[:LABEL_LIMIT]


def _tags(item: Node) -> tuple[str, ...]:
    tags = item.get("tags")
    names = [_text({"tag": tag}, "tag")[:LABEL_LIMIT] for tag in (tags if isinstance(tags, list) else [])[:TAG_LIMIT]]
    return tuple(dict.fromkeys(filter(None, names)))


def _date(item: Node, key: str, timezone: str) -> Date:
    raw = _text(item, key)
    return read_date(raw, timezone) if raw else Date()


def _lines(plain: str) -> str:
    return as_html(plain).replace("\n", "<br>\n")
