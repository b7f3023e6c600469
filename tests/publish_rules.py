"""The rules that a feed must follow, as checks for tests: each fails with an assertion.

The structure of Atom is that of RFC 4287 (`schemas/atom.rng`). Beside it stand the errors and warnings of the W3C feed
validator that a merged feed can earn, each by its name, and the rules of RSS Best Practices and JSON Feed 1.1.
"""

import html.entities
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import lxml.html
from lxml import etree

from aggregator.model import Format

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
DC = "{http://purl.org/dc/elements/1.1/}"
GEORSS = "{http://www.georss.org/georss}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
MEDIA = "{http://search.yahoo.com/mrss/}"
TOMBSTONES = "{http://purl.org/atompub/tombstones/1.0}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"

SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).parent / "schemas" / "atom.rng"))
KNOWN_NAMESPACES = {each.strip("{}") for each in (ATOM, CONTENT, DC, GEORSS, HISTORY, MEDIA)}
HISTORY_RELS = {"current", "prev-archive", "next-archive", "first", "last", "next", "previous"}

URI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s<>\"]+", re.I)
TAG = re.compile(r"tag:[a-z0-9.-]+,\d{4}(-\d\d){0,2}:[\w;/?:@&=+$.!~*'()%,-]*", re.A)
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.A)
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
RFC822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d [+-]\d{4}"
)
END_TAG = re.compile(r"</\w+>")
REFERENCE = re.compile(r"&(#?\w+)")
BAD_CHARACTER = re.compile("[\x80-\x9f\ufffd]")
HTML_TAGS = set(
    "a abbr b blockquote br caption cite code dd del details dfn div dl dt em figcaption figure h2 h3 h4 hr i img ins"
    " kbd li mark ol p pre q s samp small strong sub summary sup table tbody td tfoot th thead time tr u ul var wbr".split()
)
HTML_ATTRIBUTES = set("src alt width height href rel title lang dir value start reversed colspan rowspan scope".split())
HTML_ATTRIBUTES.add("datetime")
REFERENCES = set(html.entities.name2codepoint) | {"apos"}


def check_feed(document, format, url=None, *, delta=False):
    """Check a whole document; `url` is where it was asked for."""
    text = document.decode()
    assert not BAD_CHARACTER.search(text), "BadCharacters"
    if format is Format.JSON:
        check_json(document, url)
    else:
        root = etree.fromstring(document)
        check_namespaces(root, {TOMBSTONES.strip("{}")} if delta else set())
        (check_atom_root if format is Format.ATOM else check_rss_root)(root, url)


def check_namespaces(root, more):
    """UnknownNamespace, and prefixes declared once, at the root."""
    used = {uri for element in root.iter() for uri in element.nsmap.values()}
    assert used <= KNOWN_NAMESPACES | more, "UnknownNamespace"
    for element in root.iterdescendants():
        assert element.nsmap == root.nsmap, "declared again"


# ── what both XML formats share


def only(parent, tag):
    """The one child with that tag, which must have text."""
    (found,) = parent.findall(tag)
    assert found.text
    return found.text


def absolute(url):
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def check_plain(text):
    """ContainsHTML, ContainsUndeclaredHTML, CharacterData: a text that is no HTML must not look like it."""
    assert not END_TAG.search(text), "ContainsHTML"
    for name in REFERENCE.findall(text):
        assert name.isalpha(), "ContainsHTML"
        assert name not in REFERENCES, "ContainsHTML"


def check_moment(text):
    """ImplausibleDate."""
    moment = datetime.fromisoformat(text) if RFC3339.fullmatch(text) else datetime.strptime(text, "%a, %d %b %Y %X %z")
    assert datetime(1990, 1, 1, tzinfo=UTC) <= moment <= datetime.now(UTC) + timedelta(minutes=10), "ImplausibleDate"


def check_links(links, parent="feed"):
    for link in links:
        assert absolute(link.get("href")), "InvalidLink"
        assert link.get("rel")
        if link.get("rel") != "hub":
            assert MEDIA_TYPE.fullmatch(link.get("type"))
        check_plain(link.get("title", "x"))
        assert link.get("length", "0").isdigit(), "InvalidNonNegativeInteger"
        assert parent == "feed" or link.get("rel") not in HISTORY_RELS, "FeedHistoryRelInEntry"
    alternates = [link.get("type") for link in links if link.get("rel") == "alternate"]
    assert len(alternates) == len(set(alternates)), "DuplicateAtomLink"


def hrefs(links, rel):
    return [link.get("href") for link in links if link.get("rel") == rel]


def check_place_in_history(root, links, url):
    """MissingSelf, SelfDoesntMatchLocation, ArchiveIncomplete, MissingCurrentInArchive."""
    (own,) = hrefs(links, "self")
    assert url in (None, own), "SelfDoesntMatchLocation"
    assert len(hrefs(links, "prev-archive")) <= 1
    if root.find(f"{HISTORY}archive") is not None:
        assert hrefs(links, "prev-archive") + hrefs(links, "next-archive"), "ArchiveIncomplete"
        assert len(hrefs(links, "current")) == 1, "MissingCurrentInArchive"
        assert not hrefs(links, "hub"), "what never changes is not pushed"
    else:
        assert not hrefs(links, "current") + hrefs(links, "next-archive")


def check_html(text):
    """NotHtml, SecurityRisk, ContainsRelRef."""
    assert text.strip()
    fragment = lxml.html.fragment_fromstring(text, create_parent="div")
    for _element, attribute, link, _position in fragment.iterlinks():
        assert absolute(link) or link.startswith(("mailto:", "tel:")), f"ContainsRelRef {attribute}"
    for element in fragment.iterdescendants():
        assert element.tag in HTML_TAGS, f"SecurityRisk {element.tag}"
        assert set(element.attrib) <= HTML_ATTRIBUTES, "SecurityRiskAttr"
    for name in re.findall(r"&(#?\w+;?)", text):
        assert name.endswith(";"), "NotHtml"


def check_media(parent):
    for media in parent.iter(f"{MEDIA}content", f"{MEDIA}thumbnail"):
        assert absolute(media.get("url"))
        assert all(int(media.get(name, "1")) > 0 for name in ("width", "height", "fileSize"))
        assert MEDIA_TYPE.fullmatch(media.get("type", "image/png")), "InvalidMIMEAttribute"
    for point in parent.iter(f"{GEORSS}point"):
        latitude, longitude = map(float, point.text.split())
        assert abs(latitude) <= 90, "InvalidCoord"
        assert abs(longitude) <= 180, "InvalidCoord"


# ── Atom


def check_atom(document):
    check_feed(document, Format.ATOM)


def check_text(node):
    """One text construct of Atom."""
    if node.get("type") == "html":
        check_html(node.text)
    else:
        check_plain(node.text)


def check_atom_root(feed, url):
    SCHEMA.assertValid(feed)
    assert LANGUAGE.fullmatch(feed.get(LANG)), "MissingDCLanguage"
    assert TAG.fullmatch(only(feed, f"{ATOM}id")), "InvalidTAG"
    only(feed.find(f"{ATOM}author"), f"{ATOM}name")
    links = feed.findall(f"{ATOM}link")
    check_links(links)
    check_place_in_history(feed, links, url)
    assert [link.get("type") for link in links if link.get("rel") == "self"] == ["application/atom+xml"], "SelfNotAtom"
    assert {link.get("type") for link in links if link.get("rel") == "alternate"} == {
        "text/html",
        "application/rss+xml",
        "application/feed+json",
    }
    for tag in ("title", "subtitle"):
        check_text(feed.find(f"{ATOM}{tag}"))
    entries = feed.findall(f"{ATOM}entry")
    ids = [only(entry, f"{ATOM}id") for entry in entries]
    assert len(ids) == len(set(ids)), "DuplicateEntries"
    times = [only(entry, f"{ATOM}updated") for entry in entries]
    assert len(times) == len(set(times)), "DuplicateUpdated"
    check_moment(only(feed, f"{ATOM}updated"))
    assert not times or only(feed, f"{ATOM}updated") >= max(times)
    for entry in entries:
        check_atom_entry(entry)


def check_atom_entry(entry):
    assert URI.fullmatch(only(entry, f"{ATOM}id"))
    published, updated = only(entry, f"{ATOM}published"), only(entry, f"{ATOM}updated")
    for text in (published, updated):
        assert RFC3339.fullmatch(text), "InvalidRFC3339Date"
        check_moment(text)
    assert datetime.fromisoformat(published) <= datetime.fromisoformat(updated)
    name = only(entry.find(f"{ATOM}author"), f"{ATOM}name")
    assert name.strip(), "MissingElement"
    check_plain(name)
    links = entry.findall(f"{ATOM}link")
    check_links(links, "entry")
    assert [link.get("rel") for link in links].count("alternate") == 1
    assert LANGUAGE.fullmatch(entry.get(LANG, "fr")), "InvalidLanguage"
    for category in entry.findall(f"{ATOM}category"):
        assert category.get("term")
        assert TAG.fullmatch(category.get("scheme"))
        check_plain(category.get("label"))
    for tag in ("title", "summary", "rights", "content"):
        for node in entry.findall(f"{ATOM}{tag}"):
            assert node.text, "NotBlank"
            check_text(node)
    check_source(entry.find(f"{ATOM}source"))
    check_media(entry)


def check_source(source):
    """MissingSourceElement."""
    check_text(source.find(f"{ATOM}title"))
    assert URI.fullmatch(only(source, f"{ATOM}id")), "MissingSourceElement"
    assert RFC3339.fullmatch(only(source, f"{ATOM}updated")), "MissingSourceElement"
    for link in source.findall(f"{ATOM}link"):
        assert absolute(link.get("href"))
        if link.get("rel") == "self":
            assert link.get("type", "application/atom+xml") in {"application/atom+xml", "application/rss+xml"}
    assert len(hrefs(source.findall(f"{ATOM}link"), "self")) == 1, "MissingSelf"
    for rights in source.findall(f"{ATOM}rights"):
        check_text(rights)


# ── RSS


def check_rss(document):
    check_feed(document, Format.RSS)


def check_rss_root(rss, url):
    assert (rss.tag, rss.get("version")) == ("rss", "2.0")
    (channel,) = rss
    for tag in ("title", "description", "language", "ttl"):
        only(channel, tag)
    for tag in ("title", "description"):
        check_plain(only(channel, tag))
    assert LANGUAGE.fullmatch(only(channel, "language")), "InvalidLanguage"
    assert absolute(only(channel, "link"))
    assert RFC822.fullmatch(only(channel, "lastBuildDate"))
    check_moment(only(channel, "lastBuildDate"))
    links = channel.findall(f"{ATOM}link")
    check_links(links)
    check_place_in_history(channel, links, url)
    (own,) = (link for link in links if link.get("rel") == "self")
    assert own.get("type") == "application/rss+xml", "MissingAtomSelfLink"
    guids = [only(item, "guid") for item in channel.findall("item")]
    assert len(guids) == len(set(guids)), "DuplicateValue"
    tags = [each.tag for each in channel]
    assert "item" not in tags or set(tags[tags.index("item") :]) == {"item"}, "MisplacedItem"
    for item in channel.findall("item"):
        check_rss_item(item)


def check_rss_item(item):
    tags = [each.tag for each in item]
    for core, more in (("author", "creator"), ("category", "subject"), ("source", "source"), ("pubDate", "date")):
        assert core not in tags or f"{DC}{more}" not in tags, "DuplicateItemSemantics"
    assert len(set(tags) & {f"{ATOM}id", f"{ATOM}published"}) == 0, "DuplicateItemSemantics"
    check_plain(only(item, "title"))
    only(item, f"{DC}creator")
    check_html(only(item, "description"))
    for encoded in item.findall(f"{CONTENT}encoded"):
        assert tags.index("description") < tags.index(encoded.tag), "NeedDescriptionBeforeContent"
        check_html(encoded.text)
    assert absolute(only(item, "link"))
    assert item.find("guid").get("isPermaLink") == "false"
    assert not re.fullmatch(r"\d{1,8}", only(item, "guid")), "NotSufficientlyUnique"
    assert RFC822.fullmatch(only(item, "pubDate")), "InvalidRFC2822Date"
    check_moment(only(item, "pubDate"))
    check_plain(only(item, "source"))
    assert absolute(item.find("source").get("url"))
    for category in item.findall("category"):
        assert TAG.fullmatch(category.get("domain"))
        check_plain(category.text)
    check_links(item.findall(f"{ATOM}link"), "entry")
    assert len(item.findall("enclosure")) <= 1, "DuplicateEnclosure"
    for enclosure in item.findall("enclosure"):
        assert absolute(enclosure.get("url"))
        assert enclosure.get("length").isdigit(), "UseZeroForUnknown"
        assert MEDIA_TYPE.fullmatch(enclosure.get("type")), "InvalidMIMEAttribute"
    for rights in item.findall(f"{DC}rights"):
        check_plain(rights.text)
    check_media(item)


# ── JSON Feed

FEED_KEYS = {
    "version": str,
    "title": str,
    "home_page_url": str,
    "feed_url": str,
    "description": str,
    "next_url": str,
    "language": str,
    "authors": list,
    "hubs": list,
    "items": list,
}
ITEM_KEYS = {
    "id": str,
    "url": str,
    "title": str,
    "content_html": str,
    "content_text": str,
    "summary": str,
    "image": str,
    "date_published": str,
    "date_modified": str,
    "authors": list,
    "tags": list,
    "language": str,
    "attachments": list,
}


def check_keys(found, known):
    for key, value in found.items():
        assert key in known or key.startswith("_"), f"unknown key {key}"
        assert isinstance(value, dict if key.startswith("_") else known[key]), key
        assert value or key == "items", f"empty {key}"


def check_json(document, url=None):
    feed = json.loads(document.decode())
    check_keys(feed, FEED_KEYS)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["title"]
    assert all(absolute(feed[key]) for key in ("feed_url", "home_page_url"))
    assert url in (None, feed["feed_url"])
    assert feed.get("next_url") != feed["feed_url"]
    assert all(author["name"] for author in feed["authors"])
    assert all(hub["type"] == "WebSub" and absolute(hub["url"]) for hub in feed.get("hubs", ()))
    ids = [item["id"] for item in feed["items"]]
    assert len(ids) == len(set(ids))
    for tombstone in feed.get("_tributary", {}).get("removed", ()):
        assert tombstone["id"] not in ids
        assert RFC3339.fullmatch(tombstone["at"])
    for item in feed["items"]:
        check_json_item(item)


def check_json_item(item):
    check_keys(item, ITEM_KEYS)
    assert ("content_html" in item) != ("content_text" in item)
    assert absolute(item["url"])
    for key in ("date_published", "date_modified"):
        assert RFC3339.fullmatch(item[key])
        check_moment(item[key])
    assert item["date_published"] <= item["date_modified"]
    assert all(author["name"].strip() for author in item["authors"])
    assert all(isinstance(tag, str) for tag in item.get("tags", ()))
    assert all(attachment["url"] and attachment["mime_type"] for attachment in item.get("attachments", ()))
    assert absolute(item["_tributary"]["about"])
    source = item["_tributary"]["source"]
    assert source["title"]
    assert absolute(source["feed_url"])
    assert URI.fullmatch(source["id"])
    if "content_html" in item:
        check_html(item["content_html"])


CHECKS = {Format.ATOM: check_atom, Format.RSS: check_rss, Format.JSON: check_json}
