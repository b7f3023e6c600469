"""Takes the page of a site without a feed, gives a ParsedFeed by the CSS selectors of its source; never fetches.

The selectors are named item, title, link, lead, date and image; only `item` must be there. The others are looked for
within each item. The link of an item is also its guid.
"""

import re
from collections.abc import Mapping
from itertools import islice

from cssselect import SelectorError
from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from aggregator.errors import ErrorClass, ParseError
from aggregator.model import Date, Entry, Image, ParsedFeed
from aggregator.parse.dates import read_date, split_updated
from aggregator.parse.encoding import decode
from aggregator.parse.values import LABEL_LIMIT, TITLE_LIMIT, absolute, as_html

ITEM_LIMIT = 200  # of one page
PAGE_LIMIT = 5_000_000  # characters: as a tree it takes twenty times as much
PAGE_MARKS_LIMIT = 300_000  # "<", each of which may take 300 bytes; real pages have some thousands

_LONG_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9]{0,30})\s[^<>]{20000,}+>?")  # attributes cost the square of their number
_MARK = re.compile("<")
_PARTS = ("title", "link", "lead", "date", "image")


def parse_page(
    body: bytes, url: str, headers: Mapping[str, str], selectors: Mapping[str, str], timezone: str = "Europe/Paris"
) -> ParsedFeed:
    """Read a page; raises ParseError where nothing matches, so that a site's new design does not go unnoticed."""
    page = _page(body, url, headers)
    items = _select(page, selectors.get("item", ""), url)[:ITEM_LIMIT]
    title = _words(page.find(".//title"))
    if not items:
        message = f"while parsing: nothing matches {selectors.get('item', '')!r} on the page titled {title!r}"
        raise ParseError(url, ErrorClass.NOT_A_FEED, message)
    bases = page.xpath("//base/@href")
    base = absolute(str(bases[0]), url) or url if bases else url
    entries: dict[str, Entry] = {}
    skipped: list[str] = []
    for position, item in enumerate(items, start=1):
        entry = _entry({part: _part(item, selectors, part, url) for part in _PARTS}, item, base, timezone)
        if entry.link and entry.title:
            entries.setdefault(entry.link, entry)
        else:
            skipped.append(f"entry {position}: it has no {'title' if entry.link else 'link'}")
    language = page.get("lang", "")[:LABEL_LIMIT]
    return ParsedFeed(
        url, "page", tuple(entries.values()), title=title, site=url, language=language, skipped=tuple(skipped)
    )


def _page(body: bytes, url: str, headers: Mapping[str, str]) -> HtmlElement:
    try:
        text, _ = decode(body, headers.get("content-type", ""))
        text = _short_enough(_LONG_TAG.sub(r"<\1>", text))
        return document_fromstring(text.encode("utf-8", "replace"), parser=HTMLParser(encoding="utf-8"))
    except UnicodeError as error:
        raise ParseError(url, ErrorClass.ENCODING, f"while decoding: {error}") from error
    except etree.ParserError as error:
        raise ParseError(url, ErrorClass.EMPTY, f"while parsing: the page is empty: {error}") from error
    except etree.LxmlError as error:
        raise ParseError(url, ErrorClass.BROKEN_XML, f"while parsing: the page cannot be read: {error}") from error


def _short_enough(text: str) -> str:
    """The page as far as a tree of it has room."""
    text = text[:PAGE_LIMIT]
    if text.count("<") <= PAGE_MARKS_LIMIT:
        return text
    beyond = next(islice(_MARK.finditer(text), PAGE_MARKS_LIMIT, None))
    return text[: beyond.start()]


def _select(element: HtmlElement, selector: str, url: str) -> list[HtmlElement]:
    try:
        return list(element.cssselect(selector))
    except SelectorError as error:
        raise ParseError(url, ErrorClass.NOT_A_FEED, f"while parsing: the selector {selector!r}: {error}") from error


def _part(item: HtmlElement, selectors: Mapping[str, str], part: str, url: str) -> HtmlElement | None:
    selector = selectors.get(part, "")
    return next(iter(_select(item, selector, url)), None) if selector else None


def _entry(parts: Mapping[str, HtmlElement | None], item: HtmlElement, base: str, timezone: str) -> Entry:
    anchor = parts["link"] if parts["link"] is not None else item
    if not anchor.get("href"):
        anchor = next(anchor.iter("a"), anchor)
    link = absolute(anchor.get("href", ""), base)
    published, updated = _dates(parts["date"], timezone)
    return Entry(
        guid=link,
        link=link,
        title=_words(parts["title"]) or _words(anchor),
        summary=_words(parts["lead"]),
        published=published,
        updated=updated,
        images=_images(parts["image"], base),
    )


def _dates(element: HtmlElement | None, timezone: str) -> tuple[Date, Date]:
    if element is None:
        return Date(), Date()
    raw = element.get("datetime") or element.get("content") or " ".join(element.text_content().split())
    _, again = split_updated(raw)
    return read_date(raw, timezone), read_date(again, timezone) if again else Date()


def _images(element: HtmlElement | None, base: str) -> tuple[Image, ...]:
    if element is None:
        return ()
    picture = next(element.iter("img"), element)
    source = picture.get("data-src") or picture.get("src") or picture.get("srcset", "").partition(" ")[0]
    url = absolute(source or picture.get("content", ""), base)
    return (Image(url, alt=picture.get("alt", "")[:TITLE_LIMIT]),) if url else ()


def _words(element: HtmlElement | None) -> str:
    """The text of an element, as HTML."""
    if element is None:
        return ""
    return as_html(" ".join(element.text_content().split())[:TITLE_LIMIT])
