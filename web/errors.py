"""Takes what went wrong with a request, gives a page that says so in plain words. Never reads the store."""

import logging

from flask import Response, make_response, request
from werkzeug.exceptions import HTTPException

from aggregator.store import StoreError
from web.language import gettext
from web.layout import page
from web.site import NotReadyError

RETRY_SECONDS = 30

log = logging.getLogger(__name__)


def refused(error: HTTPException) -> Response:
    """The page of a request that cannot be answered; headers such as Allow stay."""
    status = error.code or 500
    response = _page(status, *_words(status))
    for name, text in error.get_headers(request.environ):
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = text
    return response


def unavailable(error: StoreError) -> Response:
    """503: the store cannot answer now. It is the operator's matter; readers are asked to come back."""
    if isinstance(error, NotReadyError):
        log.warning("store_missing path=%s error=%s", request.path, error)
        title = gettext("The first round is not done yet")
        text = gettext("Nothing has been collected so far. Come back in a few minutes: the news will be here.")
    else:
        log.error("store_failed path=%s error=%s", request.path, error)
        title, text = _words(503)
    response = _page(503, title, text)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def failed(error: Exception) -> Response:
    """500: a mistake of ours, which is logged with its traceback."""
    log.critical("request_failed path=%s", request.path, exc_info=error)
    return _page(500, *_words(500))


def _page(status: int, title: str, text: str) -> Response:
    return make_response(page("error.html", title=title, text=text, status=status), status)


def _words(status: int) -> tuple[str, str]:  # noqa: PLR0911 - one for each
    if status == 404:
        return gettext("There is no such page"), gettext("The address may be wrong, or the page may have moved.")
    if status == 410:
        return gettext("This page is gone"), gettext("It was withdrawn.")
    if status == 405:
        return gettext("This cannot be done here"), gettext("This address only gives pages; it takes nothing.")
    if status == 413:
        return gettext("This is too large"), gettext("What was sent is larger than what can be taken in here.")
    if status == 503:
        return gettext("We cannot answer just now"), gettext("Please try again in a minute.")
    if status < 500:
        return gettext("We did not understand this request"), gettext("Please check the address.")
    return gettext("Something went wrong on our side"), gettext("The mistake is in our log. Please try again later.")
