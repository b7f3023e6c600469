"""Which addresses make up the public output, and what the application answers there. Never writes.

It is the application that is asked, in this process, so every byte is that of a live answer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask
from flask.testing import FlaskClient
from msgspec import Struct
from werkzeug.datastructures import Headers
from werkzeug.http import parse_date

import aggregator
import web
from aggregator.config import VERSION
from aggregator.errors import StoreError
from aggregator.model import ALL, SOURCE, Format
from aggregator.publish.encodings import Coding, encode
from aggregator.publishing import hidden_on
from aggregator.store import FeedState, SourceView
from web.language import gettext
from web.layout import page
from web.look import USUAL_STORIES
from web.negotiation import SMALL_BYTES
from web.reader import STORIES_PER_PAGE
from web.site import Site

CODINGS: dict[Coding, str] = {"gzip": ".gz", "br": ".br"}  # and how the name of a twin ends
# What depends on nothing but the program, the settings and the sources, all of which are in `frame`.
FIXED = (
    "/subscribe",
    "/stars",
    "/offline",
    "/manifest.webmanifest",
    "/worker.js",
    "/embed.js",
    "/embed-height.js",
    "/robots.txt",
    "/favicon.ico",
)
LISTS = ("/feeds.opml", "/sources.opml", "/.well-known/feeds")  # they say when any feed changed last
STAMP_BYTES = 9


class Address(Struct, frozen=True):
    """A path of ours without a query."""

    path: str
    stamp: str = ""  # while it is the same, so is the answer; "" says nothing
    basis: Callable[[], str] | None = None  # where the stamp is another one: what tells it at some cost
    is_closed_page: bool = False


class Answer(Struct, frozen=True):
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
    """Every address of the public output, each once. Reads what stands where and how it is, but not what it holds: some
    50 ms of CPU for 280 feeds with a thousand stories.
    """
    shown = _read(site_of(app))
    found = {each.path: each for kind in KINDS for each in kind(shown)}
    static = Path(str(app.static_folder))
    files = (_file(app, each, each.relative_to(static).as_posix()) for each in _files(static))
    return [*found.values(), *files]


def _file(app: Flask, path: Path, name: str) -> Address:
    found = path.stat()
    return Address(f"{app.static_url_path}/{name}", f"{found.st_mtime_ns}-{found.st_size}")


def frame(app: Flask) -> str:
    """A fingerprint of what every answer depends on beside the log: when it changes, no stamp counts."""
    site = site_of(app)
    views = [
        (view.source, view.listed, view.withdrawn, view.slug, view.state.feed_title, view.state.feed_site)
        for view in site.store.sources()
    ]
    return _stamp(VERSION, _program(), site.settings, site.taxonomy, sorted(site.feeds().items()), views)


def ask(client: FlaskClient, path: str) -> Answer | None:
    """What stands at an address, None where nothing does (any more). StoreError where the application has no answer."""
    # Buffered: one that is streamed from a file would keep it open.
    with client.get(path, headers={"Accept-Encoding": "identity"}, buffered=True) as response:
        if response.status_code >= 500:
            raise StoreError(f"while publishing {path!r}: the site answers {response.status_code}")
        return Answer(response.headers, response.get_data()) if response.status_code == 200 else None


def down(app: Flask) -> bytes:
    """The page of a web server whose application cannot be reached, for what there is no file of."""
    with app.test_request_context("/search"):
        app.preprocess_request()
        title, text = (
            gettext("We cannot answer this just now"),
            gettext(
                "The newest stories and all feeds can be read all the same; searches, older stories and other choices "
                "have to wait until the program behind them is back."
            ),
        )
        return page("error.html", feed="", title=title, text=text, status=503).encode()


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


class _Shown(Struct, frozen=True):
    """What stands where at one moment, and a stamp of each story."""

    site: Site
    feeds: Mapping[str, FeedState]  # every feed that there is, by slug
    views: Mapping[str, SourceView]  # by the slug of their feed
    heads: Mapping[str, tuple[int, ...]]  # the stories of each feed, the newest entry first
    rivers: Mapping[str, tuple[tuple[int, int], ...]]  # of each page the stories, and one more where there is one
    stamps: Mapping[int, str]
    retractions: int
    day: date  # rivers say what is of today

    def of(self, stories: Iterable[int]) -> tuple[str | None, ...]:
        """The stamps of stories."""
        return tuple(map(self.stamps.get, stories))


def _read(site: Site) -> _Shown:
    store, settings = site.store, site.settings
    retractions = store.retractions()
    views = {f"{SOURCE}{view.slug}": view for view in store.sources()}
    feeds = {slug: store.feed(slug) for slug in site.feeds()}
    heads = {
        slug: store.head_ids(slug, settings.feed_length, one_per_event=slug in settings.one_per_event) for slug in feeds
    }
    rivers = {
        slug: store.source_places(views[slug].source.url, STORIES_PER_PAGE + 1)
        if slug in views
        else store.river_places(slug, STORIES_PER_PAGE + 1)
        for slug in feeds
    }
    told = {story_id for ids in heads.values() for story_id in ids}
    told.update(story_id for places in rivers.values() for _, story_id in places)
    day = site.clock().astimezone(ZoneInfo(settings.timezone)).date()
    return _Shown(site, feeds, views, heads, rivers, store.stamps(told), retractions, day)


def _closed_pages(shown: _Shown) -> Iterator[Address]:
    store = shown.site.store
    for slug, state in shown.feeds.items():
        for number in range(1, state.pages + 1):
            # The last one may come to name the one that follows it.
            last = " last" if number == state.pages else ""
            basis = cache(lambda slug=slug, number=number, last=last: _stamp(hidden_on(store, slug, number)) + last)
            for format in Format:
                path = f"/feeds/{slug}/archive/{number}.{format}"
                yield Address(path, f"{shown.retractions}{last}", basis, is_closed_page=True)


def _heads(shown: _Shown) -> Iterator[Address]:
    for slug, state in shown.feeds.items():
        yield from (Address(f"/feeds/{slug}.{format}", f"v{state.version}") for format in Format)


def _rivers(shown: _Shown) -> Iterator[Address]:
    told = sorted(slug for slug, state in shown.feeds.items() if state.version)  # what leads on from a river
    for slug, places in shown.rivers.items():
        view = shown.views.get(slug)
        health = view and (view, _is_awaited(view, shown.site))
        stamp = _stamp(shown.day, None if view else told, health, places, shown.of(story_id for _, story_id in places))
        yield Address("/" if slug == ALL else f"/{slug}", stamp)


def _is_awaited(view: SourceView, site: Site) -> bool:
    """Whether the next check of a source is still to come."""
    return view.state.next_check_at is not None and view.state.next_check_at > site.clock()


def _sources(shown: _Shown) -> Iterator[Address]:
    views = shown.site.store.sources()
    yield Address("/sources", _stamp([(view, _is_awaited(view, shown.site)) for view in views]))


def _stories(shown: _Shown) -> Iterator[Address]:
    """Those of the feeds, and those of the pages: what came late is in no feed."""
    in_feeds = (story_id for ids in shown.heads.values() for story_id in ids)
    on_pages = (story_id for places in shown.rivers.values() for _, story_id in places[:STORIES_PER_PAGE])
    for story_id in dict.fromkeys((*in_feeds, *on_pages)):
        yield Address(f"/story/{story_id}", shown.stamps.get(story_id, ""))
        yield Address(f"/story/{story_id}.json", shown.stamps.get(story_id, ""))


def _embeds(shown: _Shown) -> Iterator[Address]:
    for slug, ids in shown.heads.items():
        stamp = _stamp(ids[:USUAL_STORIES], shown.of(ids[:USUAL_STORIES]))
        yield Address(f"/embed/{slug}", stamp)
        yield Address(f"/embed/{slug}.fragment", stamp)


def _lists(shown: _Shown) -> Iterator[Address]:
    stamp = _stamp([(state.slug, state.changed_at) for state in shown.site.store.feeds()])
    yield from (Address(path, stamp) for path in LISTS)


def _fixed(_: _Shown) -> Iterator[Address]:
    yield from (Address(path, "fixed") for path in FIXED)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@cache
def _program() -> str:
    """A fingerprint of our own files: an update may say the same in other words."""
    names = [each for package in (web, aggregator) for each in _files(Path(package.__path__[0]))]
    return _stamp(*(each.read_bytes() for each in names if each.suffix != ".pyc"))


def _stamp(*told: object) -> str:
    return blake2b(repr(told).encode("utf-8", "backslashreplace"), digest_size=STAMP_BYTES).hexdigest()


# A new kind of address is a line here. What changes most comes first, closed pages last: all are looked at after a
# retraction.
KINDS: tuple[Callable[[_Shown], Iterable[Address]], ...] = (
    _heads,
    _rivers,
    _stories,
    _embeds,
    _sources,
    _lists,
    _fixed,
    _closed_pages,
)
