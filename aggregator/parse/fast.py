"""Takes the text of a plain RSS or Atom document, gives what feed would make of it, or None; never guesses.

feedparser remains the reference: whatever is read here is what it would have given, value for value, and the tests hold
one against the other. So the nodes are named as it names them, the mapping of nodes is that of feed, and at the first
thing that is not plain the document is left to it: an unknown element of a namespace that it knows, a second title,
markup that is not escaped, xml:base, a comment inside, mail addresses of authors, any fault.
"""

import re
from collections.abc import Callable, Mapping

from feedparser.mixin import _FeedParserMixin
from lxml import etree

from aggregator.model import ParsedFeed
from aggregator.parse.feed import NO_MEDIA, Node, Reader
from aggregator.parse.media import NAMESPACE_MARK, media_of_entry
from aggregator.parse.plain import ATOM, RDF, RSS10, XML, Unusual, is_large, pass_foreign, tree_of
from aggregator.parse.repair import FIELD_LIMIT, LINE_LIMIT, TEXT_LIMIT

TAG_LIMIT = 50  # of one entry, and of the feed; more are counted by repair

_DC, _DCTERMS = "http://purl.org/dc/elements/1.1/", "http://purl.org/dc/terms/"
_CONTENT, _FEEDBURNER = "http://purl.org/rss/1.0/modules/content/", "http://rssnamespace.org/feedburner/ext/1.0"
_CORE = "", f"{{{ATOM}}}", f"{{{RSS10}}}"  # one and the same to feedparser

_QUERY = re.compile("&([A-Za-z0-9_]+);")
_LANGUAGE = re.compile("[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")
_TYPES = {"text": "text/plain", "html": "text/html", "text/plain": "text/plain", "text/html": "text/html"}


def read_plain(text: str, url: str, timezone: str, flaw: str = "") -> ParsedFeed | None:
    """Read the text of a feed if it is plain throughout; None if it is not, or if it is broken. Raises nothing."""
    try:
        return _Document(text, url).read(timezone, flaw)
    except (Unusual, etree.XMLSyntaxError, UnicodeEncodeError):
        return None


class _Document:
    """One document, with what holds for all of it."""

    def __init__(self, text: str, url: str) -> None:
        self.url = url
        self.root = tree_of(text, url)
        self.has_captions = "media:" in text
        self.has_media = NAMESPACE_MARK in text or "<media:" in text
        self.is_atom = self.root.tag == f"{{{ATOM}}}feed"
        language = self.root.get(f"{{{XML}}}lang")
        if language is not None and not _LANGUAGE.fullmatch(language):
            raise Unusual
        self.language = language.replace("_", "-") if language else None
        self.tags = 0  # of the entry or of the feed

    def read(self, timezone: str, flaw: str) -> ParsedFeed:
        """All of it."""
        feed: Node = {"language": self.language} if self.language and self.root.tag != f"{{{RDF}}}RDF" else {}
        children, found = self._parts()
        for child in children:
            self._take(feed, child, _OF_FEEDS)
        feed.pop("title_detail", None)
        if not found or is_large(self.root, found):
            raise Unusual  # repair and feed know why
        nodes = [self._entry(element) for element in found]
        media = [media_of_entry(element) if self.has_media else NO_MEDIA for element in found]
        reader = Reader(self.url, timezone, {"rss": "rss20"}.get(self.root.tag, "atom10" if self.is_atom else "rss10"))
        entries, skipped = reader.entries(nodes, media)
        return reader.feed(feed, entries, skipped, flaw)

    def _parts(self) -> tuple[list[etree._Element], list[etree._Element]]:
        """What speaks of the feed, and the entries."""
        root = self.root
        if self.is_atom:
            return _split(root, f"{{{ATOM}}}entry")
        if root.tag == "rss":
            if len(root) != 1 or root[0].tag != "channel" or root[0].attrib or root.get("version", "")[:2] != "2.":
                raise Unusual
            return _split(root[0], "item")
        around, items = _split(root, f"{{{RSS10}}}item")
        if len(around) != 1 or around[0].tag != f"{{{RSS10}}}channel" or around[0] is not root[0]:
            raise Unusual
        if set(around[0].attrib) - {f"{{{RDF}}}about"}:
            raise Unusual
        return list(around[0]), items

    def _entry(self, element: etree._Element) -> Node:
        node: Node = {}
        self.tags = 0
        for name, value in element.attrib.items():
            if name != f"{{{RDF}}}about":
                raise Unusual
            if value:
                node["id"] = value
        for child in element:
            self._take(node, child, _OF_ENTRIES)
        return node

    def _take(self, node: Node, element: etree._Element, known: Mapping[str, "_Handler"]) -> None:
        handler = known.get(element.tag)
        if handler is not None:
            handler(self, node, element)
        else:
            pass_foreign(element)

    # ── texts

    def text(self, element: etree._Element, limit: int = LINE_LIMIT) -> str:
        """The text of an element, as feedparser gives it; one that repair would cut is not for us."""
        text = element.text or ""
        if len(element) or len(text) > limit:
            raise Unusual
        text = text.strip()
        if text.isascii():
            if self.has_captions and "media:" in text:
                raise Unusual
            return text
        return self.mended(text)

    def mended(self, text: str) -> str:
        """UTF-8 that was read as Latin-1 and encoded again."""
        if self.has_captions and "media:" in text:
            raise Unusual
        try:
            return text.encode("iso-8859-1").decode("utf-8")
        except UnicodeError:
            return text

    def detail(self, element: etree._Element, default: str, text: str) -> Node:
        """What kind of text it is."""
        kind = default
        for name, value in element.attrib.items():
            found = _TYPES.get(value.lower())
            if name != "type" or found is None:
                raise Unusual
            kind = found
        if kind == "text/plain" and not self.is_atom and ("<" in text or "&" in text):
            kind = "text/html" if _FeedParserMixin.looks_like_html(text) else kind
        return {"type": kind, "language": self.language, "value": text}

    # ── elements

    def title(self, node: Node, element: etree._Element) -> None:
        """The title, once."""
        if "title" in node:
            raise Unusual
        node["title"] = text = self.text(element)
        node["title_detail"] = self.detail(element, "text/plain", text)

    def description(self, node: Node, element: etree._Element) -> None:
        """The description, or summary, of an entry, once."""
        default = "text/html" if element.tag.endswith("description") else "text/plain"
        if "summary_detail" in node:
            raise Unusual
        node["summary"] = text = self.text(element, TEXT_LIMIT)
        node["summary_detail"] = self.detail(element, default, text)

    def subtitle(self, node: Node, element: etree._Element) -> None:
        """The same of a feed."""
        node["subtitle"] = text = self.text(element, TEXT_LIMIT)
        self.detail(element, "text/html", text)

    def content(self, node: Node, element: etree._Element) -> None:
        """The whole text, once."""
        if "content" in node:
            raise Unusual
        text = self.text(element, TEXT_LIMIT)
        default = "text/html" if element.tag.endswith("encoded") else "text/plain"
        node["content"] = [self.detail(element, default, text)]

    def rights(self, node: Node, element: etree._Element) -> None:
        """Who holds the rights."""
        node["rights"] = text = self.text(element)
        self.detail(element, "text/plain", text)

    def link(self, node: Node, element: etree._Element) -> None:
        """A link of Atom or RSS."""
        link = _attributes(element)
        link.setdefault("rel", "alternate")
        link.setdefault("type", "application/atom+xml" if link["rel"] == "self" else "text/html")
        if "url" in link or "uri" in link or len(element):
            raise Unusual
        node.setdefault("links", []).append(link)
        if "href" not in link:
            self._written_link(node, element, link)
            return
        link["href"] = _joined(link["href"])
        if link["rel"] == "alternate" and link["type"] in {"text/html", "html", "application/xhtml+xml", "xhtml"}:
            node["link"] = link["href"]

    def _written_link(self, node: Node, element: etree._Element, link: Node) -> None:
        text = _joined(self.text(element))
        if "&" in text:
            text = _QUERY.sub(r"&\1", text.replace("&amp;", "&") if "&amp;" in text else text)
        node["link"] = text
        if text:
            link["href"] = text

    def guid(self, node: Node, element: etree._Element) -> None:
        """The id, once."""
        if "guidislink" in node:
            raise Unusual
        given = _attributes(element)
        is_link = given.pop("ispermalink", "true") == "true"
        if given:
            raise Unusual
        text = self.text(element)
        node["id"] = _joined(text) if is_link else text
        node["guidislink"] = is_link and "link" not in node
        if is_link:
            node.setdefault("link", node["id"])

    def enclosure(self, node: Node, element: etree._Element) -> None:
        """Attached media."""
        link = _attributes(element)
        href = link.get("url", link.get("uri", link.get("href")))
        if href:
            link.pop("url", None)
            link.pop("uri", None)
            link["href"] = href
        link["rel"] = "enclosure"
        node.setdefault("links", []).append(link)
        if len(element):
            raise Unusual

    def category(self, node: Node, element: etree._Element) -> None:
        """A tag; one without a name takes the next text for it."""
        self.counted(node, element)
        given = _attributes(element)
        term, label = given.get("term"), given.get("label")
        tags = node.setdefault("tags", [])
        _add_tag(tags, {"term": term, "scheme": given.get("scheme", given.get("domain")), "label": label})
        text = self.text(element)
        _fitting(text)
        if text and tags and not tags[-1]["term"]:
            tags[-1]["term"] = text
        elif text:
            _add_tag(tags, {"term": text, "scheme": None, "label": None})

    def counted(self, _node: Node, element: etree._Element) -> None:
        """One more tag, which for a feed is all that matters."""
        self.tags += 1
        if self.tags > TAG_LIMIT or len(element):
            raise Unusual

    def person(self, node: Node, element: etree._Element) -> None:
        """An author: a name, or elements with one. Mail addresses are cut by repair, in its own way."""
        if len(element):
            name, is_odd = self._named(element), "author" in node  # it takes the place of a plain one
        else:
            name = node["author"] = self.text(element)
            _fitting(name)
            is_odd = "@" in name
        if is_odd:
            raise Unusual
        node.setdefault("authors", []).append({"name": name})

    def _named(self, element: etree._Element) -> str:
        names = []
        for child in element:
            if child.tag == f"{{{ATOM}}}name":
                names.append((child.text or "").strip())
            elif child.tag not in {f"{{{ATOM}}}uri", f"{{{ATOM}}}email"}:
                pass_foreign(child)
            if len(child):
                raise Unusual
        if len(names) != 1 or not names[0]:
            raise Unusual
        _fitting(names[0])
        return names[0]

    def ignored(self, _node: Node, element: etree._Element) -> None:
        """What nobody asks for."""
        if len(element):
            raise Unusual

    def picture(self, _node: Node, element: etree._Element) -> None:
        """The picture of a feed, which nobody asks for."""
        for child in element:
            if len(child) or child.attrib or child.prefix or child.tag.rpartition("}")[2] not in _OF_PICTURES:
                raise Unusual

    def hours(self, _node: Node, element: etree._Element) -> None:
        """When not to ask."""
        if any(len(child) or child.tag not in {"hour", "day"} for child in element):
            raise Unusual

    def people(self, _node: Node, element: etree._Element) -> None:
        """Contributors, whom nobody asks for."""
        if any(len(child) or child.tag not in _OF_PEOPLE for child in element):
            raise Unusual

    def media(self, _node: Node, element: etree._Element) -> None:
        """Media RSS, which is read beside; see media."""
        for each in element.iter():
            namespace, _, name = each.tag.rpartition("}")
            if namespace[1:] not in _MEDIA_NAMESPACES or name not in _OF_MEDIA or each.prefix != "media":
                raise Unusual


_Handler = Callable[[_Document, Node, etree._Element], None]


def _text_as(name: str, *, is_date: bool = False) -> _Handler:
    """A handler that keeps a text under a name; the last of several counts."""

    def keep(document: _Document, node: Node, element: etree._Element) -> None:
        node[name] = text = document.text(element)
        if is_date:
            _fitting(text)

    return keep


def _split(parent: etree._Element, name: str) -> tuple[list[etree._Element], list[etree._Element]]:
    others: list[etree._Element] = []
    found: list[etree._Element] = []
    for child in parent:
        (found if child.tag == name else others).append(child)
    return others, found


def _attributes(element: etree._Element) -> Node:
    given: Node = {}
    for name, value in element.attrib.items():
        small = name.lower()
        if small in given or small[0] == "{":
            raise Unusual
        given[small] = value.lower() if small in {"rel", "type"} else value
    return given


def _joined(link: str) -> str:
    if "///" in link:  # feedparser mends it
        raise Unusual
    return link


def _fitting(text: str) -> None:
    if len(text) > FIELD_LIMIT - 50:
        raise Unusual


def _add_tag(tags: list[Node], tag: Node) -> None:
    if any(tag.values()) and tag not in tags:
        tags.append(tag)


def _core(**handlers: _Handler) -> dict[str, _Handler]:
    return {namespace + name: handler for name, handler in handlers.items() for namespace in _CORE}


_MEDIA_NAMESPACES = frozenset(("http://search.yahoo.com/mrss/", "http://search.yahoo.com/mrss"))
_OF_MEDIA = frozenset("content thumbnail group credit title description text copyright".split())
_OF_PICTURES = frozenset("url title link width height description".split())
_OF_PEOPLE = frozenset(f"{{{ATOM}}}{name}" for name in ("name", "uri", "email"))

_both = {
    **_core(
        title=_Document.title, link=_Document.link, id=_Document.guid, guid=_Document.guid,
        rights=_Document.rights, copyright=_Document.rights, author=_Document.person,
        language=_text_as("language"), contributor=_Document.people,
        pubDate=_text_as("published", is_date=True), published=_text_as("published", is_date=True),
        issued=_text_as("published", is_date=True), updated=_text_as("updated", is_date=True),
        modified=_text_as("updated", is_date=True), created=_text_as("created", is_date=True),
        generator=_Document.ignored, comments=_Document.ignored,
    ),
    f"{{{_DC}}}creator": _Document.person,
    f"{{{_DC}}}author": _Document.person,
    f"{{{_DC}}}date": _text_as("updated", is_date=True),
    f"{{{_DC}}}language": _text_as("language"),
    f"{{{_DC}}}rights": _Document.rights,
    **{f"{{{_DC}}}{name}": _Document.ignored for name in ("publisher", "identifier", "type", "format", "source")},
    f"{{{_DCTERMS}}}created": _text_as("created", is_date=True),
    f"{{{_DCTERMS}}}issued": _text_as("published", is_date=True),
    f"{{{_DCTERMS}}}modified": _text_as("updated", is_date=True),
}  # fmt: skip
_OF_ENTRIES: Mapping[str, _Handler] = {
    **_both,
    **_core(
        description=_Document.description, summary=_Document.description, content=_Document.content,
        enclosure=_Document.enclosure, category=_Document.category,
    ),
    f"{{{_DC}}}title": _Document.title,
    f"{{{_DC}}}description": _Document.description,
    f"{{{_DC}}}subject": _Document.category,
    f"{{{_CONTENT}}}encoded": _Document.content,
    f"{{{_FEEDBURNER}}}origLink": _text_as("feedburner_origlink"),
    **{f"{{{uri}}}{name}": _Document.media for uri in _MEDIA_NAMESPACES for name in _OF_MEDIA},
}  # fmt: skip
_OF_FEEDS: Mapping[str, _Handler] = {
    **_both,
    **_core(
        description=_Document.subtitle, subtitle=_Document.subtitle, tagline=_Document.subtitle,
        lastBuildDate=_text_as("updated", is_date=True), managingEditor=_Document.person, webMaster=_Document.ignored,
        category=_Document.counted, image=_Document.picture, skipHours=_Document.hours, skipDays=_Document.hours,
        ttl=_Document.ignored, docs=_Document.ignored, cloud=_Document.ignored, rating=_Document.ignored,
        icon=_Document.ignored, logo=_Document.ignored,
    ),
    f"{{{_DC}}}subject": _Document.counted,
}  # fmt: skip
