"""The Flask site: takes stories from the store, gives pages and feeds. Never fetches, writes or merges.

`create_app` is all that others need; `flask --app web run` finds it by its name.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from flask import Flask, g, request
from flask_babel import Babel
from werkzeug.exceptions import HTTPException

from aggregator import config
from aggregator.classify import load_taxonomy
from aggregator.config import Settings
from aggregator.store import StoreError
from web import (
    browser,
    desk,
    embed,
    errors,
    feeds,
    files,
    headers,
    hub,
    layout,
    metrics,
    pictures,
    push,
    reader,
    search,
    status,
    subscribe,
)
from web.front import Front
from web.kept import Pages
from web.negotiation import asked_language, choose_language
from web.shelf import Shelf
from web.site import Clock, Site, current_site

__all__ = ["create_app"]

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(settings: Settings | None = None, clock: Clock = _now) -> Flask:
    """The site as a WSGI application; settings are read from file and environment where none are given."""
    settings = config.load() if settings is None else settings
    app = Flask(__name__)
    site = Site(settings, load_taxonomy(settings.categories), clock)
    shelf = Shelf(site)
    app.extensions.update({"tributary": site, "tributary.shelf": shelf})
    app.wsgi_app = Front(Pages(app, app.wsgi_app, shelf), shelf)  # type: ignore[method-assign]
    app.url_map.strict_slashes = False  # neither of these redirects: a redirect would repeat the Host header
    app.url_map.merge_slashes = False
    app.jinja_options = {**app.jinja_options, "trim_blocks": True, "lstrip_blocks": True}
    Babel(
        app,
        default_locale=settings.language,
        default_timezone=settings.timezone,
        locale_selector=_language,
    )
    app.before_request(_choose_language)
    app.url_defaults(_keep_language)
    app.after_request(headers.finish)
    app.extensions["tributary.hub"] = hub.Desk(site)
    push.prepare(app)
    for part in (reader.pages, feeds.feeds, embed.embeds, hub.hub, browser.browser, status.pages, metrics.operators):
        app.register_blueprint(part)
    app.add_url_rule("/search", "reader.search", search.search, methods=["GET"])
    app.add_url_rule("/subscribe", "reader.subscribe", subscribe.subscribe, methods=["GET"])
    app.register_error_handler(HTTPException, errors.refused)
    app.register_error_handler(StoreError, errors.unavailable)
    app.register_error_handler(Exception, errors.failed)
    layout.prepare(app)
    app.view_functions["static"] = files.static_file
    pictures.prepare(app, site)
    desk.prepare(app, site)
    return app


def _choose_language() -> None:
    current_site().look()
    g.language = choose_language(request, current_site().settings.language)
    g.asked_language = asked_language(request)


def _language() -> str | None:
    language: str | None = g.get("language")
    return language


def _keep_language(endpoint: str, values: dict[str, Any]) -> None:
    """Links between pages keep `?lang=` where the reader chose it."""
    if g.get("asked_language") and endpoint.startswith(("reader.", "browser.", "status.status", "desk.")):
        values.setdefault("lang", g.asked_language)
