"""Takes a body with its headers, gives what is sent of it: all, nothing because it is held already, or what is new.

The one place where answers of feeds get their headers, with Flask or before it. Never reads the store.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace
from werkzeug.http import http_date

from aggregator.publish.encodings import Coding, encode
from web.headers import SECURITY
from web.negotiation import SMALL_BYTES, coded_etag, coding_of, is_held

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Last-Modified, Link",
}
TEXT_TYPE = "text/plain; charset=utf-8"
OVERHEAD_BYTES = 20_000  # of an answer's headers, and of what is known of earlier ones

Headers = list[tuple[str, str]]


class Answer(Struct, frozen=True):
    """What is sent: a status line, headers and a body, which is empty for HEAD."""

    status: str
    headers: Headers
    body: bytes

    def without_body(self) -> "Answer":
        """What HEAD gets."""
        return Answer(self.status, self.headers, b"")


class _Form(Struct, frozen=True):
    """A body under one coding, with the answers to those who do not hold it and to those who do."""

    whole: Answer
    unchanged: Answer


class Finished(Struct):
    """A body that is ready to be sent; each form of it is made when first asked for. Safe to share between threads."""

    body: bytes
    etag: str  # quoted, of the plain form
    content_type: str
    cache: str
    links: str = ""  # the Link header
    modified: datetime | None = None  # None: only the ETag tells
    more: Headers = field(default_factory=list)
    _forms: dict[Coding | None, _Form] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """About how many bytes it takes once all its forms are made."""
        return len(self.body) + len(self.body) // 2 + OVERHEAD_BYTES

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """What a GET or HEAD gets, by the environment that WSGI gives."""
        form = self._form(environ.get("HTTP_ACCEPT_ENCODING", ""))
        asked = environ.get("HTTP_IF_NONE_MATCH"), environ.get("HTTP_IF_MODIFIED_SINCE")
        answer = form.unchanged if is_held(*asked, self.etag, self.modified) else form.whole
        return answer.without_body() if environ["REQUEST_METHOD"] == "HEAD" else answer

    def as_text(self) -> "Finished":
        """The same to be read by a person: feed types are downloaded by browsers, not shown."""
        return replace(self, content_type=TEXT_TYPE, links="", more=[("X-Robots-Tag", "noindex")], _forms={})

    def delta(self, environ: Mapping[str, Any], body: bytes) -> Answer:
        """226: only what is new, for one who holds another version (RFC 3229 §10.4.1). The ETag is that of the whole,
        which the client now has; no cache may keep it, as few know what it is.
        """
        coding = _coding(environ.get("HTTP_ACCEPT_ENCODING", ""), body)
        sent = encode(body, coding) if coding else body
        changed = {
            "Cache-Control": "no-store",
            "Vary": "Accept-Encoding, A-IM, If-None-Match",
            "Content-Length": str(len(sent)),
        }
        whole = self._form(environ.get("HTTP_ACCEPT_ENCODING", "")).whole.headers
        kept = [(name, changed.get(name, text)) for name, text in whole if name != "Content-Encoding"]
        coded = [("Content-Encoding", coding)] if coding else []
        return Answer("226 IM Used", [*kept, *coded, ("IM", "feed")], sent)

    def _form(self, accepted: str) -> _Form:
        coding = _coding(accepted, self.body)
        form = self._forms.get(coding)
        if form is None:
            form = self._forms[coding] = self._made(coding)
        return form

    def _made(self, coding: Coding | None) -> _Form:
        body = encode(self.body, coding) if coding else self.body
        about = [("Content-Type", self.content_type), ("Content-Length", str(len(body)))]
        if coding:
            about.append(("Content-Encoding", coding))
        if self.modified:
            about.append(("Last-Modified", http_date(self.modified)))
        kept = [
            ("ETag", coded_etag(self.etag, coding)),
            ("Cache-Control", self.cache),
            ("Vary", "Accept-Encoding"),
            *CORS.items(),
            *([("Link", self.links)] if self.links else []),
            *self.more,
        ]
        return _Form(Answer("200 OK", [*about, *kept, *SECURITY.items()], body), Answer("304 Not Modified", kept, b""))


def _coding(accepted: str, body: bytes) -> Coding | None:
    return coding_of(accepted) if len(body) >= SMALL_BYTES else None
