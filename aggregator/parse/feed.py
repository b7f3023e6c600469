"""Takes the text of an RSS or Atom document, gives a ParsedFeed through feedparser; never fetches, cleans or judges.

What feedparser is not asked for, because it gets it wrong: encodings (encoding), broken XML (repair), dates (dates),
which credit belongs to which picture (media), and links: without a base it leaves guids as they are published, where
with one it makes "12345" a link and drops the empty fragment of another.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

import feedparser
import feedparser.api

from aggregator.errors import ErrorClass, ParseError
from aggregator.model import Date, Enclosure, Entry, Image, Origin, ParsedFeed
from aggregator.parse.dates import read_date, split_updated
from aggregator.parse.media import NAMESPACE_MARK, Media, media_of
from aggregator.parse.repair import repair
from aggregator.parse.values import LABEL_LIMIT, TITLE_LIMIT, absolute, as_html, is_image, number

RIGHTS_LIMIT = 1000  # characters
ID_LIMIT = 2000  # of a feed

_FORMATS = {"rss091u": "rss091", "rss091n": "rss091"}
_HEADERS = {"content-type": "application/xml; charset=utf-8"}  # so is what repair gives
_HTML_TYPES = frozenset(("text/html", "application/xhtml+xml"))
_CP1252 = re.compile("[\x80-\x9f]")
# What stands in CDATA is text, whatever it looks like.
_CAPTIONS = re.compile(r"<!\[CDATA\[.*?\]\]>|(?P<caption></?media:)(?=(?:description|title|text)[\s>/])", re.DOTALL)
_ENTRY = re.compile(r"<((?:[\w.-]+:)?(?:item|entry))(?=[\s>]).*?</\1\s*>", re.DOTALL | re.IGNORECASE)
# What feedparser raises on geometries that are none and the like, and what mapping its values might.
_PARSER_FAILS = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError)

Node = dict[str, Any]


class _Whole(str):
    """A text that goes through feedparser's table of cp1252 only if there is something for it: looking up every letter
    takes 150 µs an entry, a fifth of all reading.
    """

    __slots__ = ()

    def translate(self, table: Mapping[int, str], /) -> str:  # type: ignore[override]
        return str.translate(self, table) if _CP1252.search(self) else str(self)


class _StrictFeedParser(feedparser.api.StrictFeedParser):  # type: ignore[misc]
    @staticmethod
    def decode_entities(_element: str, text: str) -> str:
        """Called by feedparser just before that table; for well-formed XML there is nothing to decode."""
        return _Whole(text)


feedparser.api.StrictFeedParser = _StrictFeedParser

NO_MEDIA: Media = ((), (), "")


def read_feed(text: str, url: str, timezone: str, flaw: str = "") -> ParsedFeed:
    """Read an XML feed; raises ParseError for what is none or cannot be read at all. `flaw` is of its bytes."""
    repaired = repair(text, url)
    media = media_of(repaired.text, url) if NAMESPACE_MARK in repaired.text or "<media:" in repaired.text else ()
    # The captions of pictures would become the summary and the title of their entry.
    body = _CAPTIONS.sub(lambda found: f"{found[0]}caption-" if found["caption"] else found[0], repaired.text)
    parsed, lost = _fed(body, url)
    format = _FORMATS.get(parsed["version"] or "", parsed["version"] or "")
    found = parsed["entries"]
    if not format or (format == "atom" and not found):
        message = "while parsing: it has the root of a feed, but nothing of one inside"
        raise ParseError(url, ErrorClass.NOT_A_FEED, message)
    if not found and (lost or _ENTRY.search(body)):
        fault = lost[0] if lost else _fault(parsed)
        raise ParseError(url, ErrorClass.BROKEN_XML, f"while parsing: no entry can be read: {fault}")
    reader = Reader(url, timezone, format)
    entries, skipped = reader.entries(found, media if len(media) == len(found) else [NO_MEDIA] * len(found))
    flaws = (flaw, *repaired.flaws, _fault(parsed) if parsed["bozo"] else "")
    return reader.feed(parsed["feed"], entries, lost + skipped, "; ".join(filter(None, flaws)))


def _fed(text: str, url: str) -> tuple[Node, tuple[str, ...]]:
    """Feed the parser; where it fails itself, entry by entry, so that the bad one costs only itself.

    → what it found, and why entries are missing.
    """
    try:
        return _parsed(text), ()
    except _PARSER_FAILS:
        pass
    chunks = list(_ENTRY.finditer(text))
    head, tail = (text[: chunks[0].start()], text[chunks[-1].end() :]) if chunks else (text, "")
    try:
        whole = _parsed(head + tail)
    except _PARSER_FAILS as error:
        raise ParseError(url, ErrorClass.BROKEN_XML, f"while parsing: {type(error).__name__}: {error}") from error
    lost = []
    for position, chunk in enumerate(chunks, start=1):
        try:
            whole["entries"] += _parsed(head + chunk[0] + tail)["entries"]
        except _PARSER_FAILS as error:
            lost.append(f"entry {position}: {type(error).__name__}: {error}")
    return whole, tuple(lost)


def _parsed(text: str) -> Node:
    # As a stream: bytes that happen to name a file would be read from the disk.
    stream = BytesIO(text.encode("utf-8", "replace"))
    return dict(feedparser.parse(stream, response_headers=_HEADERS, sanitize_html=False, resolve_relative_uris=False))


def _fault(parsed: Node) -> str:
    return " ".join(f"{parsed.get('bozo_exception', 'it is malformed')}".removeprefix("<unknown>:").split())[:200]


class Reader:
    """Maps what feedparser found; it knows where the document comes from."""

    def __init__(self, url: str, timezone: str, format: str) -> None:
        self.url = url
        self.timezone = timezone
        self.format = format

    def feed(self, node: Node, entries: tuple[Entry, ...], skipped: tuple[str, ...], flaw: str) -> ParsedFeed:
        """The document with its entries."""
        links = _nodes(node, "links")
        return ParsedFeed(
            url=self.url,
            format=self.format,
            entries=entries,
            id=_text(node, "id")[:ID_LIMIT],
            title=_text(node, "title")[:TITLE_LIMIT],
            site=self._alternate(links, self.url) or absolute(_text(node, "link"), self.url),
            subtitle=_text(node, "subtitle")[:TITLE_LIMIT],
            language=_text(node, "language")[:LABEL_LIMIT],
            author=_author(node),
            rights=_rights(node),
            updated=self._date(_text(node, "updated") or _text(node, "published")),
            hub=self._link(links, "hub"),
            self_link=self._link(links, "self"),
            skipped=skipped,
            flaw=flaw,
        )

    def entries(self, nodes: Iterable[Node], media: Sequence[Media]) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
        """Read each entry; one that cannot be read costs itself only."""
        entries, skipped = [], []
        for position, (node, found) in enumerate(zip(nodes, media, strict=True), start=1):
            try:
                entry = self._entry(node, found)
            except _PARSER_FAILS as error:
                skipped.append(f"entry {position}: {type(error).__name__}: {error}")
                continue
            if entry.guid or entry.link or entry.title or entry.summary or entry.content:
                entries.append(entry)
            else:
                skipped.append(f"entry {position}: it has neither guid, link, title nor text")
        return tuple(entries), tuple(skipped)

    def _entry(self, node: Node, media: Media) -> Entry:
        base = self._base(node)
        guid = _text(node, "id")
        published, updated = self._dates(node)
        images, enclosures = self._media(node, media, base)
        return Entry(
            guid=guid,
            link=self._entry_link(node, guid, base),
            title=_markup(node, "title")[:TITLE_LIMIT],
            summary=_markup(node, "summary") if _node(node, "summary_detail") else "",  # else copied from content
            content=_content(node),
            author=_author(node),
            tags=_tags(node),
            published=published,
            updated=updated,
            images=images,
            enclosures=enclosures,
            language=_language(node),
            rights=_rights(node),
            origin=self._origin(node, base),
            point=_point(node),
        )

    def _base(self, node: Node) -> str:
        """What links of the entry are relative to: xml:base, else the document."""
        for key in ("title_detail", "summary_detail"):
            if base := _text(_node(node, key), "base"):
                return absolute(base, self.url) or self.url
        return self.url

    def _entry_link(self, node: Node, guid: str, base: str) -> str:
        if original := _text(node, "feedburner_origlink"):  # the other one counts clicks
            return absolute(original, base)
        if link := self._alternate(_nodes(node, "links"), base):
            return link
        is_permalink = dict.get(node, "guidislink") or not self.format.startswith("rss")
        if is_permalink and re.match(r"https?://", guid, re.IGNORECASE):
            return guid
        return absolute(_text(node, "link"), base) if _text(node, "link") != guid else ""

    def _alternate(self, links: Iterable[Node], base: str) -> str:
        """The page that an entry or a feed is about, the HTML one where there are several."""
        pages = [link for link in links if _text(link, "rel") == "alternate" and _text(link, "href")]
        pages.sort(key=lambda link: _text(link, "type") not in _HTML_TYPES)
        found = (absolute(_text(link, "href"), base) for link in pages)
        return next(filter(None, found), "")

    def _link(self, links: Iterable[Node], relation: str) -> str:
        found = (absolute(_text(link, "href"), self.url) for link in links if _text(link, "rel") == relation)
        return next(filter(None, found), "")

    def _date(self, raw: str) -> Date:
        return read_date(raw, self.timezone) if raw else Date()

    def _dates(self, node: Node) -> tuple[Date, Date]:
        published, updated = _text(node, "published"), _text(node, "updated")
        if not published and self.format.startswith("rss"):
            published, updated = updated, ""  # dc:date is the only date that such an entry has
        published = published or _text(node, "created")
        if not updated:
            _, updated = split_updated(published)
        return self._date(published), self._date(updated)

    def _media(self, node: Node, media: Media, base: str) -> tuple[tuple[Image, ...], tuple[Enclosure, ...]]:
        """All media of an entry, each URL once; what Media RSS says of one is worth more than its enclosure."""
        images = {image.url: image for image in media[0]}
        enclosures = {enclosure.url: enclosure for enclosure in media[1]}
        for link in _nodes(node, "links"):
            url = absolute(_text(link, "href"), base) if _text(link, "rel") == "enclosure" else ""
            kind, length = _text(link, "type")[:100], number(_text(link, "length"))
            if url and is_image(url, kind):
                alt = _text(link, "title")[:TITLE_LIMIT]
                images.setdefault(url, Image(url, alt, media[2], kind, length=length))
            elif url and (url not in enclosures or enclosures[url].length is None):
                enclosures[url] = Enclosure(url, kind, length)
        if url := absolute(_text(_node(node, "image"), "href"), base):
            images.setdefault(url, Image(url))
        return tuple(images.values()), tuple(enclosures.values())

    def _origin(self, node: Node, base: str) -> Origin | None:
        source = _node(node, "source")
        links = _nodes(source, "links")
        origin = Origin(
            title=_text(source, "title")[:TITLE_LIMIT],
            url=absolute(_text(source, "href"), base) or self._link(links, "self"),
            site=self._alternate(links, base),
            id=_text(source, "id"),
            rights=_rights(source),
            updated=self._date(_text(source, "updated")).at,
        )
        return origin if origin != Origin() else None


def _get(node: Node, key: str) -> Any:
    # Not feedparser's own get: it takes "updated" from "published", and costs ten times as much.
    return dict.get(node, key)


def _text(node: Node, key: str) -> str:
    value = dict.get(node, key)  # see _get
    return value.strip() if isinstance(value, str) else ""


def _node(node: Node, key: str) -> Node:
    value = _get(node, key)
    return value if isinstance(value, dict) else {}


def _nodes(node: Node, key: str) -> list[Node]:
    value = _get(node, key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _markup(node: Node, key: str) -> str:
    return _typed(_text(node, key), _text(_node(node, f"{key}_detail"), "type"))


def _typed(text: str, media_type: str) -> str:
    return as_html(text) if media_type == "text/plain" else text


def _content(node: Node) -> str:
    """The longest HTML text, or the longest of all where none is HTML."""
    texts = [
        (_text(each, "type") in _HTML_TYPES, _typed(_text(each, "value"), _text(each, "type")))
        for each in _nodes(node, "content")
    ]
    return max(texts, key=lambda text: (text[0] and bool(text[1]), len(text[1])), default=(False, ""))[1]


def _author(node: Node) -> str:
    names = [_text(each, "name") for each in _nodes(node, "authors")] or [_text(node, "author")]
    return ", ".join(dict.fromkeys(filter(None, map(_name, names))))[:LABEL_LIMIT]


def _name(text: str) -> str:
    """The name of a person; of "x@y.fr (Jeanne)" only the brackets are left here."""
    name = " ".join(text.split())
    return name[1:-1] if name.startswith("(") and name.endswith(")") else name


def _tags(node: Node) -> tuple[str, ...]:
    names = (_text(tag, "label") or _text(tag, "term") for tag in _nodes(node, "tags"))
    return tuple(dict.fromkeys(" ".join(name.split())[:LABEL_LIMIT] for name in names if name))


def _language(node: Node) -> str:
    for language in (_text(node, "language"), _text(_node(node, "title_detail"), "language")):
        if language:
            return language[:LABEL_LIMIT]
    return ""


def _rights(node: Node) -> str:
    if rights := _text(node, "rights"):
        return rights[:RIGHTS_LIMIT]
    licences = (_text(link, "href") for link in _nodes(node, "links") if _text(link, "rel") == "license")
    return next(filter(None, licences), "")


def _point(node: Node) -> str:
    """Where on Earth, as "latitude longitude"."""
    where = _node(node, "where")
    if _text(where, "type") == "Point":
        longitude, latitude = _get(where, "coordinates")[:2]
    else:
        latitude, longitude = _text(node, "geo_lat"), _text(node, "geo_long")
    try:
        north, east = float(latitude), float(longitude)
    except ValueError:
        return ""
    return f"{north} {east}" if -90 <= north <= 90 and -180 <= east <= 180 else ""
