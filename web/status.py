"""The pages for operators and robots: figures, robots.txt, the icon. Takes totals from the store."""

from dataclasses import asdict

from flask import Blueprint, Response, jsonify, make_response

from aggregator.config import VERSION
from web import words
from web.files import static_file
from web.layout import absolute, page
from web.site import current_site

pages = Blueprint("status", __name__)


@pages.get("/status")
def status() -> Response:
    """Figures and failing sources, for the operator."""
    store = current_site().store
    failing = [view for view in store.sources() if words.health_of(view) is words.Health.FAILING]
    response = make_response(
        page("status.html", totals=store.totals(), failing=failing, version=VERSION, trouble_words=words.TROUBLE_WORDS)
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.get("/status.json")
def figures() -> Response:
    """The same figures for programs; times in ISO 8601, UTC."""
    totals = asdict(current_site().store.totals())
    newest = totals["newest_check"]
    response = jsonify(totals | {"newest_check": newest and newest.isoformat(), "version": VERSION})
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.get("/robots.txt")
def robots() -> Response:
    """Everything may be read but the search pages, which are without end."""
    endless = "".join(f"Disallow: {path}\n" for path in ("/search", "/feeds/search", "/feed/search"))
    text = f"User-agent: *\n{endless}\n# {absolute('feeds.our_feeds')}\n"
    response = Response(text, mimetype="text/plain")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@pages.get("/favicon.ico")
def icon() -> Response:
    """The icon, for browsers that do not look at the page's own."""
    return static_file("favicon.svg")
