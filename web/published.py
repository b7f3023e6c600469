"""Which addresses make up the public output, and what the application answers there. Never writes.

It is the application that is asked, in this process, so every byte is that of a live answer.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.http import parse_date

from aggregator.config import VERSION
from aggregator.errors import StoreError
from aggregator.model import ALL, Format
from aggregator.publish.encodings import Coding, encode
from web.negotiation import SMALL_BYTES
from web.site import Site

CODINGS: dict[Coding, str] = {"gzip": ".gz", "br": ".br"}  # and how the name of a twin ends
FIXED = (
    "/feeds.opml",
    "/sources.opml",
    "/.well-known/feeds",
    "/subscribe",
    "/embed.js",
    "/embed-height.js",
    "/robots.txt",
    "/favicon.ico",
)


@dataclass(frozen=True, slots=True)
class Address:
    """A path of ours without a query."""

    path: str
    stamp: str = ""  # while it is the same, so is the answer; "" says nothing


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answers to a client without preferences."""

    headers: Headers
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type with its charset."""
        return self.headers["Content-Type"]

    @property
    def modified(self) -> datetime | None:
        """When the answer last changed, where the application says so."""
        return parse_date(self.headers.get("Last-Modified"))


def addresses(app: Flask) -> list[Address]:
    """Every address of the public output, each once; closed pages before the heads that lead to them."""
    site = site_of(app)
    found = {each.path: each for kind in KINDS for each in kind(site)}
    static = Path(str(app.static_folder))
    files = (Address(f"{app.static_url_path}/{each.relative_to(static).as_posix()}") for each in _files(static))
    return [*found.values(), *map(Address, FIXED), *files]


def frame(app: Flask) -> str:
    """A fingerprint of what every answer depends on beside the log: when it changes, no stamp counts."""
    site = site_of(app)
    views = [
        (view.source, view.listed, view.withdrawn, view.slug, view.state.feed_title, view.state.feed_site)
        for view in site.store.sources()
    ]
    told = repr((VERSION, site.settings, sorted(site.feeds().items()), views))
    return blake2b(told.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()


def ask(client: FlaskClient, path: str) -> Answer | None:
    """What stands at an address, None where nothing does (any more). StoreError where the application has no answer."""
    # Buffered: one that is streamed from a file would keep it open.
    with client.get(path, headers={"Accept-Encoding": "identity"}, buffered=True) as response:
        if response.status_code >= 500:
            raise StoreError(f"while publishing {path!r}: the site answers {response.status_code}")
        return Answer(response.headers, response.get_data()) if response.status_code == 200 else None


def twin(answer: Answer, coding: Coding) -> bytes | None:
    """The body under a content coding, as the application sends it; None where that gains nothing."""
    if len(answer.body) < SMALL_BYTES:
        return None
    made = encode(answer.body, coding)
    return made if len(made) < len(answer.body) else None


def site_of(app: Flask) -> Site:
    """The site that an application serves."""
    site: Site = app.extensions["tributary"]
    return site


def _closed_pages(site: Site) -> Iterator[Address]:
    retractions = site.store.retractions()
    for slug in site.feeds():
        for number in range(1, (pages := site.store.feed(slug).pages) + 1):
            # The last one may come to name the one that follows it.
            stamp = f"{retractions}{' last' if number == pages else ''}"
            yield from (Address(f"/feeds/{slug}/archive/{number}.{format}", stamp) for format in Format)


def _heads(site: Site) -> Iterator[Address]:
    for slug in site.feeds():
        version = site.store.feed(slug).version
        yield from (Address(f"/feeds/{slug}.{format}", str(version)) for format in Format)


def _rivers(site: Site) -> Iterator[Address]:
    for slug in site.feeds():
        yield Address("/" if slug == ALL else f"/{slug}")


def _stories(site: Site) -> Iterator[Address]:
    settings = site.settings
    for slug in site.feeds():
        for story in site.store.head(slug, settings.feed_length, one_per_event=slug in settings.one_per_event):
            yield Address(f"/story/{story.id}")
            yield Address(f"/story/{story.id}.json")


def _embeds(site: Site) -> Iterator[Address]:
    for slug in site.feeds():
        yield Address(f"/embed/{slug}")
        yield Address(f"/embed/{slug}.fragment")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# A new kind of address is a line here.
KINDS: tuple[Callable[[Site], Iterable[Address]], ...] = (_closed_pages, _heads, _rivers, _stories, _embeds)
