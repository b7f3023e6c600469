"""The feeds and lists for programs: takes finished answers from the shelf, says who gets one and who is sent elsewhere.

Never renders a feed itself.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, g, make_response, request
from msgspec.structs import replace
from werkzeug.datastructures import Headers

from aggregator.catalogue import Kind, kind_of
from aggregator.model import Format
from aggregator.opml import Folder, Line, write_sources, write_subscriptions
from aggregator.publishing import EMPTY_SINCE, SEARCH
from aggregator.store import FeedState
from web import asked as addresses
from web.answers import CORS, TEXT_TYPE
from web.asked import Asked
from web.language import gettext
from web.layout import absolute, feed_title, feed_url, label
from web.links import address_of, page_address
from web.negotiation import etag_of, send
from web.shelf import FEED_CACHE, Shelf
from web.site import NotReadyError, Site, current_site

__all__ = ["CORS", "FEED_CACHE", "PREFLIGHT", "page_of"]  # embeds are as open as feeds

OPML_TYPE = "text/x-opml; charset=utf-8"
MOVED_CACHE = "public, max-age=86400"
METHODS = ["GET", "HEAD", "OPTIONS"]
PREFLIGHT = {
    "Access-Control-Allow-Methods": ", ".join(METHODS),
    "Access-Control-Allow-Headers": "If-None-Match, If-Modified-Since, A-IM",
    "Access-Control-Max-Age": "86400",
}

feeds = Blueprint("feeds", __name__)


# ── feeds


@feeds.route("/feeds/<path:slug>.<extension>", methods=METHODS)
def feed(**_: str) -> Response:
    """One representation of one feed."""
    return _answer()


@feeds.route("/feeds/<path:slug>/archive/<int:number>.<extension>", methods=METHODS)
def archive(**_: str | int) -> Response:
    """One representation of a closed page of a feed's log (RFC 5005 §4)."""
    return _answer()


@feeds.route("/feeds/search.<extension>", methods=METHODS)
def search(**_: str) -> Response:
    """What a search finds, as a feed."""
    return _answer()


def is_navigation(environ: Mapping[str, Any]) -> bool:
    """Whether a person opens the address in a browser, which says so; feed apps, hubs and scripts do not."""
    return environ.get("HTTP_SEC_FETCH_DEST") == "document" and environ.get("HTTP_SEC_FETCH_MODE") == "navigate"


def asked_in(environ: Mapping[str, Any], site: Site) -> tuple[Asked, bool] | None:
    """What the address asks for, and whether it is written as it should be; None where it can be no feed."""
    return addresses.read(environ["PATH_INFO"], environ.get("QUERY_STRING", ""), site.settings.feed_length)


def shelf() -> Shelf:
    """The shelf of this application."""
    return cast(Shelf, current_app.extensions["tributary.shelf"])


def page_of(slug: str) -> str:
    """The public address of the page that shows what a feed holds."""
    return page_address(slug, current_site().settings)


def is_closed(slug: str) -> bool:
    """Whether a feed that is not there was there once."""
    return current_site().store.feed(slug).version > 0


def _answer() -> Response:
    site = current_site()
    found = asked_in(request.environ, site)
    if found is None:
        abort(404)
    asked, is_canonical = found
    if (known := site.known(asked.question)) != asked.question:
        asked, is_canonical = replace(asked, question=known), False
    moved = site.settings.renamings.get(asked.slug)
    if moved is not None:
        return _moved(replace(asked, slug=moved))
    if not _is_there(asked, site):
        return _missing(asked)
    if request.method == "OPTIONS":
        return _preflight()
    return _shown(asked) if is_canonical else _moved(asked)


def _shown(asked: Asked) -> Response:
    """The document, or where a person reads what it is."""
    if is_navigation(request.environ) and not asked.raw:
        return _explained(asked)
    document = replace(asked, raw=False)
    finished = shelf().take(document)
    if finished is None:
        return _missing(asked)
    if asked.raw:
        answer = finished.as_text().answer(request.environ)
    else:
        answer = shelf().answer(document, finished, request.environ)
    response = Response(answer.body, answer.status)
    response.headers = Headers(answer.headers)
    return response


def _is_there(asked: Asked, site: Site) -> bool:
    return bool(asked.question.query) if asked.slug == SEARCH else asked.slug in site.feeds()


def _moved(asked: Asked) -> Response:
    response = _open_to_all(TEXT_TYPE)
    response.status_code = 301
    response.headers["Location"] = address_of(asked, current_site().settings)
    response.headers["Cache-Control"] = MOVED_CACHE
    return response


def _explained(asked: Asked) -> Response:
    """To the page for people. No cache may keep that: the address has one representation, and it is the feed."""
    words = f"?{asked.words}" if asked.words else ""
    response = make_response(b"", 302)
    response.headers["Location"] = f"{absolute('reader.feed', slug=asked.slug)}{words}"
    response.headers["Cache-Control"] = "no-store"
    return response


def _missing(asked: Asked) -> Response:
    """410 for what was there once, else 404."""
    is_no_page = asked.page and asked.slug in current_site().feeds()
    if asked.slug == SEARCH or is_no_page or not is_closed(asked.slug):
        abort(404)
    if is_navigation(request.environ):
        abort(410)
    told = gettext("This feed was closed. The feeds that there are: %(address)s", address=absolute("reader.subscribe"))
    response = _open_to_all(TEXT_TYPE)
    response.status_code = 410
    response.vary.add("Accept-Language")
    response.set_data(f"{told}\n".encode())
    return response


# ── lists


@feeds.route("/feeds.opml", methods=METHODS)
@feeds.route("/.well-known/feeds", endpoint="well_known", methods=METHODS)
def our_feeds() -> Response:
    """The list of our feeds, for feed readers."""
    if request.method == "OPTIONS":
        return _preflight()
    site = current_site()
    g.language = site.settings.language  # one list for everybody
    states = {state.slug: state for state in _states(site)}
    body = write_subscriptions(
        site.settings.title, _outlines(site, frozenset(states)), _changed_at(states.values()), _owner(site)
    )
    return _opml(body)


@feeds.route("/sources.opml", methods=METHODS)
def our_sources() -> Response:
    """The list of the sources that we read."""
    if request.method == "OPTIONS":
        return _preflight()
    site = current_site()
    listed = [view.source for view in site.store.sources() if view.listed and not view.withdrawn]
    return _opml(write_sources(listed, site.settings.title, _changed_at(site.store.feeds())))


def _states(site: Site) -> Iterable[FeedState]:
    try:
        return site.store.feeds()
    except NotReadyError:
        return ()  # who subscribes now is served as soon as there is something


def _changed_at(states: Iterable[FeedState]) -> datetime:
    """When any feed last changed: the same in every process, and never before the list did."""
    return max((state.changed_at for state in states if state.changed_at), default=EMPTY_SINCE)


def _outlines(site: Site, told: frozenset[str]) -> list[Line | Folder]:
    """Everything, the categories, the départements and categories in them that something was told of, the sources."""
    by_kind: dict[Kind, list[str]] = {kind: [] for kind in Kind}
    for slug in site.feeds():
        by_kind[kind_of(slug)].append(slug)
    departements = [
        Folder(label(slug), tuple(map(_line, (slug, *_both(slug, by_kind[Kind.BOTH], told)))))
        for slug in by_kind[Kind.DEPARTEMENT]
        if slug in told
    ]
    folders = (
        Folder(gettext("Categories"), tuple(map(_line, by_kind[Kind.CATEGORY]))),
        Folder(gettext("Départements"), tuple(departements)),
        Folder(gettext("Sources"), tuple(map(_line, by_kind[Kind.SOURCE]))),
    )
    return [*map(_line, by_kind[Kind.ALL]), *(folder for folder in folders if folder.outlines)]


def _both(departement: str, slugs: Iterable[str], told: frozenset[str]) -> Iterable[str]:
    """The categories in a département that something was told of."""
    return (slug for slug in slugs if slug in told and slug.endswith(f"/{departement}"))


def _line(slug: str) -> Line:
    language = current_site().settings.language
    return Line(feed_title(slug), feed_url(slug, Format.RSS), page_of(slug), label(slug), language, f"/{slug}")


def _owner(site: Site) -> str:
    contact = site.settings.contact
    return contact if urlsplit(contact).scheme in {"http", "https"} else site.settings.public_url


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
