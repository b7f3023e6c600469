"""Reads a document as its source published it.

Takes the bytes that were fetched, gives a ParsedFeed; never fetches, cleans, stores, or asks the clock. Nothing in it
can be trusted: HTML is as published, links and dates are as claimed. Its cost is the source's to choose, so it runs in
a process that can be killed (`aggregator.workers`).

- encoding: bytes → text                              - repair: text → XML that can be read
- feed: RSS and Atom, by feedparser                   - media: which picture has which credit
- fast: the same of plain documents, by lxml          - advice: how often to ask, as it says
- jsonfeed: JSON Feed 1.0 and 1.1                     - page: a site without a feed, by CSS selectors
- dates: dates as people write them                   - values: links, numbers and plain texts
- announced: the feed that a page names               - limits: how much of one is read
"""

from collections.abc import Mapping

from msgspec.structs import replace

from aggregator.errors import ErrorClass, ParseError
from aggregator.model import ParsedFeed
from aggregator.parse.advice import advice_of
from aggregator.parse.encoding import decode
from aggregator.parse.fast import read_plain
from aggregator.parse.feed import read_feed
from aggregator.parse.jsonfeed import read_json_feed
from aggregator.parse.page import parse_page
from aggregator.parse.repair import shortened

__all__ = ["parse", "parse_page"]


def parse(body: bytes, url: str, headers: Mapping[str, str], timezone: str = "Europe/Paris") -> ParsedFeed:
    """Read a feed of any format; what the body is like decides which, servers are often wrong about it.

    `url` is where the body came from: relative links are meant from there. `headers` have names in lower case.
    `timezone` (IANA) is for dates without a zone. Raises ParseError.
    """
    try:
        text, flaw = decode(body, headers.get("content-type", ""))
    except UnicodeError as error:
        raise ParseError(url, ErrorClass.ENCODING, f"while decoding: {error}") from error
    text = text.strip()
    if not text:
        raise ParseError(url, ErrorClass.EMPTY, "while parsing: the document is empty")
    if text[0] in "{[":
        return read_json_feed(text, url, timezone, flaw)
    text, cut = shortened(text)
    flaw = "; ".join(filter(None, (flaw, cut)))
    feed = read_plain(text, url, timezone, flaw) or read_feed(text, url, timezone, flaw)
    return replace(feed, advice=advice_of(text))
