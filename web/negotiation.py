"""Takes a request's preferences and conditions, says which answer they ask for. Never reads the store."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from flask import Request, Response
from werkzeug.datastructures import Accept, ETags, LanguageAccept
from werkzeug.http import http_date, parse_accept_header, parse_date, parse_etags

from aggregator.publish.encodings import Coding, encode

LANGUAGES = ("fr", "en")
CODINGS: tuple[Coding, ...] = ("br", "gzip")  # the smaller one first
SMALL_BYTES = 1000  # a shorter body gains nothing from compression: it fits one packet as it is
HEADERS_KEPT = 1024  # the programs that ask are few, and each says the same every time


def choose_language(request: Request, default: str) -> str:
    """`?lang=` where we speak it, else what the browser prefers among ours, else the default."""
    return asked_language(request) or liked_language(request.headers.get("Accept-Language", "")) or default


@lru_cache(HEADERS_KEPT)
def liked_language(accepted: str) -> str:
    """Which of our languages an Accept-Language likes best, "" where it likes none."""
    return parse_accept_header(accepted, LanguageAccept).best_match(LANGUAGES) or ""


def asked_language(request: Request) -> str:
    """The language that the address asks for, "" where it asks for none that we speak."""
    asked = request.args.get("lang", "")
    return asked if asked in LANGUAGES else ""


@lru_cache(HEADERS_KEPT)
def coding_of(accepted: str, offered: tuple[Coding, ...] = CODINGS) -> Coding | None:
    """Which of the codings a client wants, by its Accept-Encoding; None: the body as it is. Of those that it likes
    equally the first.

    `gzip;q=0` refuses it, whatever `*` says (RFC 9110 §12.5.3). `*` means gzip: those who write it often know no other.
    """
    qualities = {coding.lower(): quality for coding, quality in parse_accept_header(accepted, Accept)}
    qualities.setdefault("gzip", qualities.get("x-gzip", qualities.get("*", 0)))
    liked = max(offered, key=lambda coding: qualities.get(coding, 0))
    quality = qualities.get(liked, 0)
    return liked if quality > 0 and quality >= qualities.get("identity", 0) else None


def coded_etag(etag: str, coding: Coding | None) -> str:
    """The quoted ETag of a form of a body, made from that of the plain form."""
    return f'{etag[:-1]}-{coding}"' if coding else etag


def is_held(none_match: str | None, modified_since: str | None, etag: str, modified: datetime | None = None) -> bool:
    """Does the client hold this body already? By its If-None-Match and If-Modified-Since, None where it sent none.

    The first is compared weakly and with the tags of every form; the second counts only without it (RFC 9110 §13.1.2,
    §13.1.3, §13.2.2).
    """
    if none_match is not None:
        return _matches(none_match, etag)
    if modified is None or modified_since is None:
        return False
    since = _date(modified_since)
    return since is not None and modified.replace(microsecond=0) <= since


@lru_cache(HEADERS_KEPT)
def _matches(none_match: str, etag: str) -> bool:
    tags, tag = _tags(none_match), tag_of(etag)
    return any(tags.contains_weak(form) for form in (tag, *(f"{tag}-{coding}" for coding in CODINGS)))


def held_tags(none_match: str) -> frozenset[str]:
    """The tags of plain forms, without quotes, that a client says it holds some form of."""
    return frozenset(map(_plain, _tags(none_match).as_set(include_weak=True)))


def wants_delta(accepted: str) -> bool:
    """Whether a client takes what is new alone, by its A-IM (RFC 3229 §10.5.3)."""
    return any(name.lower() == "feed" and quality > 0 for name, quality in parse_accept_header(accepted, Accept))


def tag_of(etag: str) -> str:
    """An ETag without its quotes."""
    return etag.strip('"')


def _plain(tag: str) -> str:
    for coding in CODINGS:
        tag = tag.removesuffix(f"-{coding}")
    return tag


@lru_cache(HEADERS_KEPT)
def _tags(header: str) -> ETags:
    return parse_etags(header)


@lru_cache(HEADERS_KEPT)
def _date(header: str) -> datetime | None:
    return parse_date(header)


def send(
    request: Request,
    response: Response,
    body: bytes,
    etag: str,
    *,
    modified: datetime | None = None,
    offered: tuple[Coding, ...] = ("gzip",),
    encode: Callable[[bytes, Coding], bytes] = encode,
) -> Response:
    """Put the form of `body` that the request asks for into `response`: plain, coded, or a 304 without one.

    A 304 carries the ETag that the 200 would have had.
    """
    is_coded = offered and len(body) >= SMALL_BYTES
    coding = coding_of(request.headers.get("Accept-Encoding", ""), offered) if is_coded else None
    response.headers["ETag"] = coded_etag(etag, coding)
    if offered:
        response.vary.add("Accept-Encoding")
    if modified is not None:
        response.headers["Last-Modified"] = http_date(modified)
    headers = request.headers
    if is_held(headers.get("If-None-Match"), headers.get("If-Modified-Since"), etag, modified):
        response.status_code = 304
        response.set_data(b"")
        return response
    if coding:
        response.headers["Content-Encoding"] = coding
        body = encode(body, coding)
    response.set_data(body)
    return response


def etag_of(body: bytes) -> str:
    """A strong, quoted ETag over a body."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
