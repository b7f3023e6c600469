"""The feeds and lists for programs: takes renditions from the pipeline, gives HTTP answers that cost next to nothing
when nothing changed. Never renders a feed itself.
"""

from dataclasses import dataclass, field
from threading import Lock
from typing import cast

from flask import Blueprint, Response, abort, current_app, make_response, request

from aggregator.model import Format, Rendition
from aggregator.opml import write_sources, write_subscriptions
from aggregator.pipeline import publish_feed
from aggregator.store import StoreError
from web.layout import absolute, feed_title, feed_url
from web.negotiation import etag_of, send
from web.site import ALL, Site, current_site
from web.words import FORMAT_TYPES

FEED_CACHE = "public, max-age=300, stale-while-revalidate=600, stale-if-error=86400"
OPML_TYPE = "text/x-opml; charset=utf-8"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Last-Modified, Link",
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "If-None-Match, If-Modified-Since",
    "Access-Control-Max-Age": "86400",
}

feeds = Blueprint("feeds", __name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """A rendition, and the version of the feed that it shows."""

    version: int
    rendition: Rendition


@dataclass(slots=True)
class Shelf:
    """The renditions that were asked for, each kept until its feed moves on; safe to share between threads."""

    site: Site
    _ready: dict[tuple[str, Format], Ready] = field(default_factory=dict)
    _rendering: Lock = field(default_factory=Lock)

    def take(self, slug: str, format: Format) -> Ready | None:
        """The feed as it is now, None where there is no such feed; one small query when it did not change.

        While the store cannot answer, what was served last is served again.
        """
        held = self._ready.get((slug, format))
        try:
            return held if self._is_fresh(held, slug) else self._render(slug, format)
        except StoreError:
            if held is None:
                raise
            return held

    def _is_fresh(self, held: Ready | None, slug: str) -> bool:
        return held is not None and held.version == self.site.store.feed(slug).version

    def _render(self, slug: str, format: Format) -> Ready | None:
        with self._rendering:
            # Read before rendering: what enters meanwhile makes the next request render again.
            version = self.site.store.feed(slug).version
            held = self._ready.get((slug, format))
            if held is not None and held.version == version:
                return held  # another thread was quicker
            rendition = publish_feed(self.site.store, slug, format, self.site.settings)
            if rendition is None:
                return None
            ready = Ready(version, rendition)
            self._ready[slug, format] = ready
            return ready


@feeds.route("/feeds/<slug>.<extension>", methods=["GET", "HEAD", "OPTIONS"])
def feed(slug: str, extension: str) -> Response:
    """One representation of one feed."""
    if slug not in current_site().slugs or extension not in set(Format):
        abort(404)
    if request.method == "OPTIONS":
        return _preflight()
    ready = shelf().take(slug, Format(extension))
    if ready is None:
        abort(404)
    rendition = ready.rendition
    response = _open_to_all(rendition.content_type)
    response.headers["Link"] = _links(slug, rendition.format)
    return send(
        request, response, rendition.body, rendition.etag, compressed=rendition.gzip, modified=rendition.updated
    )


@feeds.route("/feeds.opml", methods=["GET", "HEAD", "OPTIONS"])
def our_feeds() -> Response:
    """The list of our feeds, for feed readers."""
    if request.method == "OPTIONS":
        return _preflight()
    site = current_site()
    lines = [(feed_title(slug), feed_url(slug, Format.RSS), page_of(slug), "") for slug in site.slugs]
    return _opml(write_subscriptions(site.settings.title, lines, site.started_at))


@feeds.route("/sources.opml", methods=["GET", "HEAD", "OPTIONS"])
def our_sources() -> Response:
    """The list of the sources that we read."""
    if request.method == "OPTIONS":
        return _preflight()
    site = current_site()
    listed = [view.source for view in site.store.sources() if view.listed]
    return _opml(write_sources(listed, site.settings.title, site.started_at))


def shelf() -> Shelf:
    """The shelf of this application."""
    return cast(Shelf, current_app.extensions["tributary.shelf"])


def page_of(slug: str) -> str:
    """The public address of the page that shows what a feed holds."""
    return absolute("reader.river") if slug == ALL else absolute("reader.category", slug=slug)


def _opml(body: bytes) -> Response:
    response = _open_to_all(OPML_TYPE)
    return send(request, response, body, etag_of(body))


def _open_to_all(content_type: str) -> Response:
    response = make_response(b"")
    response.headers["Content-Type"] = content_type
    response.headers["Cache-Control"] = FEED_CACHE
    response.headers.update(CORS)
    return response


def _preflight() -> Response:
    response = make_response(b"", 204)
    response.headers.update({**CORS, **PREFLIGHT, "Allow": PREFLIGHT["Access-Control-Allow-Methods"]})
    return response


def _links(slug: str, shown: Format) -> str:
    """The Link header (RFC 8288): this address, the other formats, the page for people."""
    others = [(feed_url(slug, other), "alternate", FORMAT_TYPES[other]) for other in Format if other is not shown]
    links = [(feed_url(slug, shown), "self", FORMAT_TYPES[shown]), *others, (page_of(slug), "alternate", "text/html")]
    return ", ".join(f'<{url}>; rel="{rel}"; type="{kind}"' for url, rel, kind in links)
