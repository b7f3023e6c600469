"""Where the documents of a feed are: takes a CategoryFeed, gives addresses and the links between them.

The head links the newest closed page of its log, a page the one before it and the one behind it (RFC 5005 §4). What a
page shows never changes, nor do its links: each names the page that follows, even while that one is not closed yet and
its address answers 404. Leaving it out until then would change the page once more, leaving it out for ever would take
from the first page the only link that makes it part of an archive. Clients rebuild a feed backwards.
"""

from aggregator.model import CategoryFeed, Format
from aggregator.publish.shown import CONTENT_TYPES

Link = dict[str, str]


def address(feed: CategoryFeed, format: Format) -> str:
    """The address of the document in a format, with the options that it was asked with, in their one order."""
    if feed.page:
        return page_address(feed, feed.page, format)
    query = "&".join(filter(None, (feed.question.query, feed.options.query)))
    return f"{feed.base}.{format}" + (f"?{query}" if query else "")


def page_address(feed: CategoryFeed, number: int, format: Format) -> str:
    """The address of a closed page; pages are without options."""
    return f"{feed.base}/archive/{number}.{format}"


def earlier(feed: CategoryFeed, format: Format) -> str:
    """The document to read next on the way back, "" at the beginning and where the head was cut by a limit."""
    number = feed.page - 1 if feed.page else 0 if feed.options.limit else feed.pages
    return page_address(feed, number, format) if number else ""


def links(feed: CategoryFeed, format: Format) -> list[Link]:
    """What leads from this document to others of the same feed and format, and to its hub."""
    found = {"hub": feed.hub, "prev-archive": earlier(feed, format)}
    if feed.page:
        found["next-archive"] = page_address(feed, feed.page + 1, format)
        found["current"] = f"{feed.base}.{format}"
    typed = {"type": CONTENT_TYPES[format]}
    return [{"href": url, "rel": rel, **({} if rel == "hub" else typed)} for rel, url in found.items() if url]
