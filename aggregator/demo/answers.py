"""How the outlets answer over HTTP: validators, gzip, and two ways of being broken."""

import gzip
import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from msgspec import Struct, field

IDLE_LIMIT_SECONDS = 10

PORTAL_PAGE = """<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><title>Connexion au réseau</title></head>
<body><h1>Bienvenue sur le Wi-Fi de la gare</h1>
<form method="post" action="/login"><p>Acceptez les conditions pour continuer.</p><button>Se connecter</button></form>
</body></html>
"""


class Answer(Struct, frozen=True):
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Page(Struct, frozen=True):
    """A document with its validators; either may be missing."""

    body: bytes
    content_type: str
    etag: str  # strong, quoted; that of the gzip form ends in -gz
    last_modified: str

    def answer(self, headers: Mapping[str, str]) -> Answer:
        """The answer to a request with these headers, conditional or not (RFC 9110 §13.2.2)."""
        is_text = not self.content_type.startswith("image/")
        use_gzip = is_text and "gzip" in headers.get("accept-encoding", "")
        etag = f'{self.etag[:-1]}-gz"' if use_gzip and self.etag else self.etag
        sent = {"Vary": "Accept-Encoding", "ETag": etag, "Last-Modified": self.last_modified}
        sent = {name: value for name, value in sent.items() if value}
        if self._is_held(headers):
            return Answer(304, sent)
        sent["Content-Type"] = self.content_type
        if use_gzip:
            return Answer(200, sent | {"Content-Encoding": "gzip"}, gzip.compress(self.body, mtime=0))
        return Answer(200, sent, self.body)

    def _is_held(self, headers: Mapping[str, str]) -> bool:
        wanted = headers.get("if-none-match", "")
        if wanted and self.etag:  # then If-Modified-Since is not looked at
            tags = {tag.strip().removeprefix("W/").replace('-gz"', '"') for tag in wanted.split(",")}
            return self.etag in tags or "*" in tags
        since = _date(headers.get("if-modified-since", ""))
        changed_at = _date(self.last_modified)
        return since is not None and changed_at is not None and changed_at <= since


def page(body: bytes, content_type: str, changed_at: datetime | None = None, has_etag: bool = True) -> Page:
    """A document with the validators it is to have."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"' if has_etag else ""
    last_modified = format_datetime(changed_at.astimezone(UTC), usegmt=True) if changed_at else ""
    return Page(body, content_type, etag, last_modified)


def moved(url: str) -> Answer:
    """The document has another address for good."""
    return Answer(301, {"Location": url})


def portal() -> Answer:
    """What a captive portal says to everything."""
    return Answer(200, {"Content-Type": "text/html; charset=utf-8"}, PORTAL_PAGE.encode())


def unavailable() -> Answer:
    """Out of order for a while. It does not say how long: that would be meant for the whole host, which is that of all
    outlets.
    """
    return Answer(503, {"Content-Type": "text/plain; charset=utf-8"}, b"Maintenance en cours.\n")


def address(target: str) -> str:
    """The path of a request target, without its query."""
    return urlsplit(target).path


def handler(answer: Callable[[str, Mapping[str, str]], Answer]) -> type[BaseHTTPRequestHandler]:
    """A handler class for http.server that asks `answer`; it writes no log."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_LIMIT_SECONDS

        def do_GET(self) -> None:
            self._reply(has_body=True)

        def do_HEAD(self) -> None:
            self._reply(has_body=False)

        def log_message(self, *_: object) -> None:
            pass

        def _reply(self, has_body: bool) -> None:
            reply = answer(self.path, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 304:
                self.send_header("Content-Length", str(len(reply.body)))
            # A connection kept open would go on being answered after stop().
            self.send_header("Connection", "close")
            with suppress(ConnectionError):  # the other side may have hung up
                self.end_headers()
                self.wfile.write(reply.body if has_body else b"")

    return Handler


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None
