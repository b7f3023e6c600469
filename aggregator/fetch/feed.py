"""Takes a source and its state, makes one conditional request, gives an Outcome. Never looks into the document."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import responses

from aggregator.errors import ErrorClass, FetchError, PageError, SourceError
from aggregator.httpclient import HttpClient, Response, without_userinfo
from aggregator.model import Fetched, FetchFailed, Gone, NotModified, Outcome, Source, SourceKind, SourceState

FINGERPRINT_BYTES = 16
RETRY_AFTER_LIMIT = timedelta(hours=24)  # a typing error of theirs must not cost us a source for a year
ACCEPT_PAGE = "text/html, application/xhtml+xml, */*;q=0.1"

_VALIDATOR = re.compile(r"[ -~]{1,1024}")
_ERROR_CLASSES = {
    204: ErrorClass.EMPTY,
    205: ErrorClass.EMPTY,
    401: ErrorClass.AUTH,
    403: ErrorClass.AUTH,
    407: ErrorClass.AUTH,
    429: ErrorClass.RATE_LIMITED,
}


async def fetch(source: Source, state: SourceState, client: HttpClient, now: datetime) -> Outcome:
    """Ask for the source's document unless it is the one we hold; every failure is an Outcome too."""
    conditions = _conditions(source, state)
    accept = {"Accept": ACCEPT_PAGE} if source.kind is SourceKind.PAGE else {}
    try:
        response = await client.get(source.url, {**accept, **conditions})
    except FetchError as error:
        return FetchFailed(source.url, error.error_class, str(error), now)
    return _outcome(source, response, bool(conditions), now)


def unread(source: Source, outcome: Fetched, error: SourceError) -> FetchFailed:
    """What came of a document that arrived and could not be read."""
    announced = error.announced if isinstance(error, PageError) else None
    at, status = outcome.fetched_at, outcome.status
    return FetchFailed(source.url, error.error_class, str(error), at, status, announced=announced)


def _conditions(source: Source, state: SourceState) -> dict[str, str]:
    """Both validators as received (RFC 9110 §13.1.2, §13.1.3), if they are of this URL."""
    if state.url != source.url:
        return {}
    found = {"If-None-Match": _validator(state.etag), "If-Modified-Since": _validator(state.last_modified)}
    return {name: value for name, value in found.items() if value}


def _validator(value: str) -> str:
    """Give a validator that can be stored and sent back as it is, or nothing."""
    return value if _VALIDATOR.fullmatch(value) else ""


def _outcome(source: Source, response: Response, conditional: bool, now: datetime) -> Outcome:
    headers = response.headers
    etag, last_modified = _validator(headers.get("etag", "")), _validator(headers.get("last-modified", ""))
    if response.status == 304 and conditional:
        return NotModified(source.url, headers, etag, last_modified, now, response.moved_to, response.certificate)
    if response.status == 410:
        return Gone(source.url, now)
    if response.status != 200:
        return _refused(source, response, now)
    if not response.body or response.body.isspace():
        return _failed(source, response, ErrorClass.EMPTY, "while reading body: there is none", now)
    return Fetched(
        source_url=source.url,
        url=response.url,
        status=response.status,
        headers=headers,
        body=response.body,
        fingerprint=hashlib.blake2b(response.body, digest_size=FINGERPRINT_BYTES).hexdigest(),
        etag=etag,
        last_modified=last_modified,
        fetched_at=now,
        moved_to=response.moved_to,
        certificate=response.certificate,
    )


def _refused(source: Source, response: Response, now: datetime) -> FetchFailed:
    usual = ErrorClass.HTTP_4XX if 400 <= response.status < 500 else ErrorClass.UNAVAILABLE
    error_class = _ERROR_CLASSES.get(response.status, usual)
    cause = f"while requesting: the server answered {response.status} {responses.get(response.status, '')}".rstrip()
    return _failed(source, response, error_class, cause, now)


def _failed(source: Source, response: Response, error_class: ErrorClass, cause: str, now: datetime) -> FetchFailed:
    message = str(FetchError(without_userinfo(source.url), error_class, cause))
    retry_after = _retry_after(response.headers, now)
    return FetchFailed(source.url, error_class, message, now, response.status, retry_after)


def _retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Read Retry-After, seconds or a date (RFC 9110 §10.2.3): None unless it lies ahead, and a day ahead at most."""
    text = headers.get("retry-after", "").strip()
    try:
        if re.fullmatch("[0-9]+", text):
            at = now + timedelta(seconds=int(text))
        else:
            at = now + (_date(text) - _sent_at(headers, now))
    except OverflowError:
        return now + RETRY_AFTER_LIMIT
    except ValueError:
        return None
    return min(at, now + RETRY_AFTER_LIMIT) if at > now else None


def _sent_at(headers: Mapping[str, str], now: datetime) -> datetime:
    """When the server sent its answer, by the clock that it reckons with: ours may be wrong."""
    try:
        return _date(headers.get("date", ""))
    except (ValueError, OverflowError):
        return now


def _date(text: str) -> datetime:
    at = parsedate_to_datetime(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
