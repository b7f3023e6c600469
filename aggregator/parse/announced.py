"""Takes the text of a page that stands where a feed was, gives the feed that the page names; never fetches."""

import re
from collections.abc import Iterator
from html import unescape

from aggregator.parse.values import absolute

HEAD_LIMIT = 200_000  # characters that are looked through
LINK_LIMIT = 2000  # of one address

_TAG = re.compile(r"<(link|base)\b([^<>]{0,4000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-z]{3,10})\s{0,9}=\s{0,9}(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++))", re.IGNORECASE)
_TYPES = frozenset(("application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"))


def announced(text: str, url: str) -> str:
    """The first feed that the page at `url` names by `<link rel="alternate">`; "" for none, or if it names itself."""
    base, feeds = url, []
    for name, attributes in _tags(text[:HEAD_LIMIT]):
        target = attributes.get("href", "").strip()
        if name == "base":
            base = absolute(target, url) or url
        elif "alternate" in attributes.get("rel", "").lower().split() and _type(attributes) in _TYPES and target:
            feeds.append(target)
    found = [each for each in (absolute(target, base) for target in feeds) if 0 < len(each) <= LINK_LIMIT]
    found = [each for each in found if each.isprintable()]
    return "" if url in found else next(iter(found), "")


def _type(attributes: dict[str, str]) -> str:
    return attributes.get("type", "").partition(";")[0].strip().lower()


def _tags(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for name, inside in _TAG.findall(text):
        found = {key.lower(): unescape(a or b or c) for key, a, b, c in _ATTRIBUTE.findall(inside)}
        yield name.lower(), found
