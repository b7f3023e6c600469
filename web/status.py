"""The pages for operators and robots: figures, robots.txt, the icon. Takes totals from the store."""

from flask import Blueprint, Response, jsonify, make_response
from msgspec.structs import asdict

from aggregator.config import VERSION
from aggregator.model import Episode
from aggregator.store import Figures
from web import words
from web.files import static_file
from web.layout import absolute, page
from web.site import current_site

pages = Blueprint("status", __name__)


@pages.get("/status")
def status() -> Response:
    """Figures and failing sources, for the operator."""
    site = current_site()
    store, now = site.store, site.clock()
    failing = [view for view in store.sources() if words.health_of(view) is words.Health.FAILING]
    response = make_response(
        page(
            "status.html",
            totals=store.totals(),
            read=store.figures(now),
            now=now,
            failing=failing,
            list_flaw=site.list_flaw(),
            version=VERSION,
            trouble_words=words.TROUBLE_WORDS,
        )
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.get("/status.json")
def figures() -> Response:
    """The same figures for programs; times in ISO 8601, UTC."""
    site = current_site()
    totals, read = asdict(site.store.totals()), site.store.figures(site.clock())
    newest = totals["newest_check"]
    told = {"newest_check": newest and newest.isoformat(), "version": VERSION, **_more(read)}
    response = jsonify(totals | told | {"health": [_health(each) for each in current_site().store.conditions()]})
    response.headers["Cache-Control"] = "no-store"
    return response


def _more(read: Figures) -> dict[str, object]:
    return {
        "due": read.due,
        "due_since": read.due_since and read.due_since.isoformat(),
        "error_classes": dict(read.errors),
        "conditions": dict(read.conditions),
        "owed": read.owed,
        "owed_since": read.owed_since and read.owed_since.isoformat(),
        "database_bytes": read.bytes,
        "last_backup": read.backup and read.backup.at.isoformat(),
    }


def _health(each: Episode) -> dict[str, object]:
    found, view = each.condition, current_site().view_of(each.source)
    return {
        "source": view.slug if view else None,
        "kind": found.kind,
        "error_class": found.error_class,
        "since": found.since.isoformat(),
        "evidence": found.evidence,
        "remedy": found.remedy,
        "address": found.address or None,
    }


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
