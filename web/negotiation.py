"""Takes a request's preferences and conditions, says which answer they ask for. Never reads the store."""

import gzip
import hashlib
from datetime import datetime

from flask import Request, Response
from werkzeug.datastructures import ETags
from werkzeug.http import http_date

LANGUAGES = ("fr", "en")
GZIP_SUFFIX = "-gz"
SMALL_BYTES = 1000  # a shorter body gains nothing from compression: it fits one packet as it is


def choose_language(request: Request, default: str) -> str:
    """`?lang=` where we speak it, else what the browser prefers among ours, else the default."""
    return asked_language(request) or request.accept_languages.best_match(LANGUAGES) or default


def asked_language(request: Request) -> str:
    """The language that the address asks for, "" where it asks for none that we speak."""
    asked = request.args.get("lang", "")
    return asked if asked in LANGUAGES else ""


def accepts_gzip(request: Request) -> bool:
    """Does the client want gzip? `gzip;q=0` refuses it, whatever `*` says (RFC 9110 §12.5.3)."""
    qualities = {coding.lower(): quality for coding, quality in request.accept_encodings}
    gzip_quality = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0)))
    return gzip_quality > 0 and gzip_quality >= qualities.get("identity", 0)


def gzip_etag(etag: str) -> str:
    """The quoted ETag of the gzip form of a body, made from that of the plain form."""
    return f'{etag[:-1]}{GZIP_SUFFIX}"'


def not_modified(request: Request, etag: str, modified: datetime | None = None) -> bool:
    """Does the client hold this body already?

    If-None-Match is compared weakly and with the tags of both forms; If-Modified-Since counts only without it
    (RFC 9110 §13.1.2, §13.1.3, §13.2.2).
    """
    if "If-None-Match" in request.headers:
        return _matches(request.if_none_match, etag.strip('"'))
    since = request.if_modified_since
    return modified is not None and since is not None and modified.replace(microsecond=0) <= since


def _matches(held: ETags, tag: str) -> bool:
    return held.contains_weak(tag) or held.contains_weak(tag + GZIP_SUFFIX)


def send(
    request: Request,
    response: Response,
    body: bytes,
    etag: str,
    *,
    compressed: bytes | None = None,
    modified: datetime | None = None,
) -> Response:
    """Put the form of `body` that the request asks for into `response`: plain, gzip, or a 304 without one.

    `compressed` is the gzip form where it was prepared; a 304 carries the ETag that the 200 would have had.
    """
    zipped = accepts_gzip(request) and len(body) >= SMALL_BYTES
    response.headers["ETag"] = gzip_etag(etag) if zipped else etag
    response.vary.add("Accept-Encoding")
    if modified is not None:
        response.headers["Last-Modified"] = http_date(modified)
    if not_modified(request, etag, modified):
        response.status_code = 304
        response.set_data(b"")
        return response
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
        body = compress(body) if compressed is None else compressed
    response.set_data(body)
    return response


def compress(body: bytes) -> bytes:
    """The gzip form of a page; the same bytes for the same page."""
    return gzip.compress(body, compresslevel=6, mtime=0)


def etag_of(body: bytes) -> str:
    """A strong, quoted ETag over a body."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
