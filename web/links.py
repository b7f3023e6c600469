"""Where everything of a feed stands: takes what is asked for and the settings, gives public addresses and the Link
header (RFC 8288). The Host header is never believed. Never reads the store.
"""

from collections.abc import Iterator
from urllib.parse import quote

from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.model import ALL, AS_ANNOUNCED, NO_QUESTION, Format, Question
from aggregator.publishing import SEARCH
from web.asked import Asked
from web.words import FORMAT_TYPES


def address_of(asked: Asked, settings: Settings) -> str:
    """The public address of one representation."""
    return settings.public_url + asked.target


def page_address(slug: str, settings: Settings, question: Question = NO_QUESTION) -> str:
    """The public address of the page that shows what a feed holds."""
    asked = f"?{question.query}" if question.query else ""
    return f"{settings.public_url}/{'' if slug == ALL else quote(slug)}{asked}"


def links_of(asked: Asked, pages: int, settings: Settings) -> str:
    """The Link header: this address and the hub, as WebSub wants them, the other formats, the page for people, and the
    closed page that comes before, of as many as there are.
    """
    return ", ".join(_links(asked, pages, settings))


def _links(asked: Asked, pages: int, settings: Settings) -> Iterator[str]:
    yield _link(address_of(asked, settings), "self", FORMAT_TYPES[asked.format])
    if settings.hub_address and asked.slug != SEARCH and not asked.page:
        yield f'<{settings.hub_address}>; rel="hub"'
    for other in Format:
        if other is not asked.format:
            yield _link(address_of(replace(asked, format=other), settings), "alternate", FORMAT_TYPES[other])
    yield _link(page_address(asked.slug, settings, asked.question), "alternate", "text/html")
    if asked.page:
        yield _link(address_of(Asked(asked.slug, asked.format), settings), "current", FORMAT_TYPES[asked.format])
        yield from _archive(asked, "prev-archive", asked.page - 1, settings)
        yield from _archive(asked, "next-archive", asked.page + 1, settings)
    elif not asked.options.limit:  # who takes less than the head would miss what lies between
        yield from _archive(asked, "prev-archive", pages, settings)


def _archive(asked: Asked, rel: str, page: int, settings: Settings) -> Iterator[str]:
    if page:
        there = replace(asked, page=page, options=AS_ANNOUNCED)
        yield _link(address_of(there, settings), rel, FORMAT_TYPES[asked.format])


def _link(url: str, rel: str, kind: str) -> str:
    return f'<{url}>; rel="{rel}"; type="{kind}"'
