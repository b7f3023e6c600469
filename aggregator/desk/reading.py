"""What an address answers, read for an editor: takes bytes, gives a feed with its newest items or a page with the feeds
that it names; pure. It runs in a process that can be killed, which holds what this module imports.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring
from msgspec import Struct
from msgspec.structs import replace

from aggregator.digest import digest
from aggregator.errors import ErrorClass, ParseError
from aggregator.model import Item, ParsedFeed, Print, Source, SourceKind
from aggregator.parse.encoding import decode
from aggregator.parse.values import absolute

LOOKED_AT = 50  # items of a document, from the top
NAMED_LIMIT = 20  # feeds that a page names
TARGETS_LIMIT = 500  # of the links that may lead to one
TEXTS_LIMIT = 5  # pieces of what a link says
PAGE_LIMIT = 2_000_000  # characters
LINK_LIMIT = 2000

_TYPES = frozenset(("application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"))
_LIKE_A_FEED = re.compile(
    r"(?:^|[/?&=._-])(?:rss\d?|atom|feeds?|rdf|backend|syndication)(?:$|[/?&=._-])", re.IGNORECASE
)
_LONG_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9]{0,30})\s[^<>]{20000,}+>?")  # attributes cost the square of their number


class ReadFeed(Struct, frozen=True):
    """A feed as an editor looks at it."""

    feed: ParsedFeed  # without its entries
    count: int  # of its items
    dates: tuple[datetime, ...]  # at which they were published, where they say so
    items: tuple[Item, ...]  # the first ones, with the categories that they would get
    prints: tuple[Print, ...]  # of these
    skipped: tuple[str, ...]


class ReadPage(Struct, frozen=True):
    """A page for people: the feeds that its head announces, then those that it links to."""

    title: str
    named: tuple[str, ...]


def read(source: Source, body: bytes, url: str, headers: Mapping[str, str], categories: str) -> ReadFeed | ReadPage:
    """Read a body with the settings of a line of the list. Raises ParseError for what is neither feed nor page."""
    try:
        found = digest(source, body, url, headers, categories)
    except ParseError as error:
        if error.error_class is not ErrorClass.NOT_A_FEED or source.kind is SourceKind.PAGE:
            raise
        return _page(body, url, headers, error)
    dates = tuple(item.published.at for item in found.items if item.published.at)
    items, prints = found.items[:LOOKED_AT], found.prints[:LOOKED_AT]
    return ReadFeed(replace(found.feed, entries=()), len(found.items), dates, items, prints, found.skipped)


def _page(body: bytes, url: str, headers: Mapping[str, str], error: ParseError) -> ReadPage:
    try:
        text, _ = decode(body, headers.get("content-type", ""))
        text = _LONG_TAG.sub(r"<\1>", text[:PAGE_LIMIT])
        page = document_fromstring(text.encode("utf-8", "replace"), parser=HTMLParser(encoding="utf-8"))
    except etree.LxmlError:
        raise error from None
    title = next(page.iter("title"), None)
    return ReadPage(" ".join((title.text or "").split())[:200] if title is not None else "", tuple(_named(page, url)))


def _named(page: HtmlElement, url: str) -> list[str]:
    base = absolute(next((each.get("href", "") for each in page.iter("base")), ""), url) or url
    targets = islice(dict.fromkeys((*_announced(page), *_linked(page))), TARGETS_LIMIT)
    found = (absolute(target.strip(), base).partition("#")[0] for target in targets)
    whole = (each for each in found if 0 < len(each) <= LINK_LIMIT and each.isprintable() and each != url)
    return list(dict.fromkeys(whole))[:NAMED_LIMIT]


def _announced(page: HtmlElement) -> Iterator[str]:
    """Those of `<link rel="alternate">`; feeds of comments come last, as nobody means them."""
    found = [
        each
        for each in page.iter("link")
        if "alternate" in each.get("rel", "").lower().split()
        and each.get("type", "").partition(";")[0].strip().lower() in _TYPES
    ]
    found.sort(key=lambda each: "comment" in f"{each.get('href', '')} {each.get('title', '')}".lower())
    return (each.get("href", "") for each in found)


def _linked(page: HtmlElement) -> Iterator[str]:
    for each in page.iter("a"):
        target = each.get("href", "")[: LINK_LIMIT + 1]
        said = " ".join("".join(islice(each.itertext(), TEXTS_LIMIT))[:40].split()).lower()
        if _LIKE_A_FEED.search(target.partition("//")[2] or target) or said in {"rss", "flux rss", "atom", "rss feed"}:
            yield target
