"""The hub's address: takes what subscribers ask, keeps it in the store. Never asks or sends anything itself: what is
kept here is verified, and delivered, by the scheduler's process.
"""

import logging
from threading import Lock
from typing import cast

from flask import Blueprint, Response, current_app, make_response, request
from msgspec import Struct, field

from aggregator import websub
from aggregator.model import Topic
from aggregator.store import Store, StoreError, open_store
from aggregator.websub import Refusal
from web.asked import read
from web.site import Site, current_site

PATIENCE_SECONDS = 3.0  # for another process that writes; a subscriber asks again
RETRY_SECONDS = 60
FORM_TYPE = "application/x-www-form-urlencoded"

hub = Blueprint("hub", __name__)
log = logging.getLogger(__name__)


class Desk(Struct):
    """The store as requests to the hub use it: it waits for other writers for moments only. Safe to share."""

    site: Site
    _store: Store | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def store(self) -> Store:
        """The store. NotReadyError while its file does not exist."""
        settings = self.site.settings
        _ = self.site.store
        with self._lock:
            if self._store is None:
                self._store = open_store(
                    settings.database, settings.authority, writer=False, patience_seconds=PATIENCE_SECONDS
                )
            return self._store


@hub.route("/hub", methods=["GET", "HEAD", "POST"])
def ask() -> Response:
    """Take a subscription or unsubscription request (W3C WebSub §5.1)."""
    settings = current_site().settings
    if settings.hub_url:
        response = say(307, f"The hub of this site is {settings.hub_url}")
        response.headers["Location"] = settings.hub_url
        return response
    if not settings.hub:
        return say(404, "This site has no hub.")
    if request.method != "POST":
        response = say(405, "This is a WebSub hub: subscribe with a POST of hub.mode, hub.topic and hub.callback.")
        response.headers["Allow"] = "POST"
        return response
    try:
        return _take()
    except Refusal as error:
        return say(400, str(error))
    except StoreError as error:
        log.warning("hub_unavailable error=%s", error)
        return say(503, "this hub cannot take requests just now", RETRY_SECONDS)


def _take() -> Response:
    if request.mimetype != FORM_TYPE:
        return say(415, f"the request must be {FORM_TYPE}")
    if (request.content_length or 0) > websub.FORM_BYTES:
        return say(413, f"the request must have at most {websub.FORM_BYTES} bytes")
    site = current_site()
    intent = websub.read_request(request.form, _topic_of)
    trusted = websub.is_trusted(intent.callback, site.settings.allow_private)
    limit = _desk().store.ask(intent, site.clock(), websub.LIMITS, trusted=trusted)
    if limit:
        return say(429, websub.limit_words(limit), RETRY_SECONDS)
    return say(202, f"{intent.mode}: the callback will be asked whether this is wanted")


def _topic_of(url: str) -> Topic | None:
    """The topic that an address names: the head of a feed that there is, with any options."""
    site = current_site()
    place = websub.place_of(url, site.settings.public_url)
    found = place and read(*place, site.settings.feed_length)
    if not found or found[0].page or found[0].raw or found[0].slug not in site.feeds():
        return None
    asked, _ = found
    return Topic(asked.slug, asked.format, asked.options)


def _desk() -> Desk:
    return cast(Desk, current_app.extensions["tributary.hub"])


def say(status: int, words: str, retry_seconds: int = 0) -> Response:
    """An answer for programs, in one line."""
    response = make_response(f"{words}\n", status)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["Cache-Control"] = "no-store"
    if retry_seconds:
        response.headers["Retry-After"] = str(retry_seconds)
    return response
