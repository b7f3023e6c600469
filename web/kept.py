"""Pages that were asked for before: takes a request, answers it with the page as Flask made it last where all that it
shows is still as it was, else lets Flask make it and keeps it. Never makes a page itself.

A page of thirty stories costs some 7 ms, one that is kept 0.02, and so does the news that it has not changed. What is
known of polls moves nothing here, so pages that tell of it are not kept.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flask import Flask
from msgspec import Struct
from werkzeug.exceptions import HTTPException
from werkzeug.http import remove_entity_headers

from aggregator.store import StoreError
from web.answers import OVERHEAD_BYTES, Answer
from web.negotiation import coding_of, is_held, liked_language, tag_of
from web.shelf import Place, Shelf, Stamp

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LIMIT_BYTES = 32 << 20
KEPT = frozenset(
    {
        "reader.river", "reader.category", "reader.departement", "reader.category_in", "reader.story", "reader.search",
        "reader.feed", "reader.subscribe", "embeds.framed", "embeds.fragment",
    }
)  # fmt: skip
CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")

Asked = tuple[str, ...]
"""All of a request that a page depends on: where the site is, path, query, language, coding."""


class Page(Struct, frozen=True):
    """A page that is ready to be sent."""

    stamp: Stamp
    whole: Answer
    unchanged: Answer
    etag: str  # of its plain form

    @property
    def weight(self) -> int:
        """About how many bytes it takes."""
        return len(self.whole.body) + OVERHEAD_BYTES

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """What a GET or HEAD gets."""
        answer = self.unchanged if is_held(environ.get(CONDITIONS[0]), None, self.etag) else self.whole
        return answer.without_body() if environ["REQUEST_METHOD"] == "HEAD" else answer


class Pages:
    """A WSGI application around that of Flask."""

    def __init__(self, app: Flask, behind: "WSGIApplication", shelf: Shelf) -> None:
        self._rules = app.url_map.bind("")
        self._behind = behind
        self._shelf = shelf
        self._place: Place[Asked, Page] = Place(LIMIT_BYTES)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        asked = self._asked(environ)
        answer = asked and self._answer(asked, environ)
        if not answer:
            return self._behind(environ, start_response)
        start_response(answer.status, list(answer.headers))
        return [answer.body]

    def _asked(self, environ: "WSGIEnvironment") -> Asked | None:
        """None where it is no page that is kept."""
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return None
        path = environ.get("PATH_INFO", "")
        try:
            endpoint, _ = self._rules.match(path.encode("latin-1").decode("utf-8", "replace"), "GET")
        except HTTPException:
            return None
        if endpoint not in KEPT:
            return None
        language = liked_language(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        coding = coding_of(environ.get("HTTP_ACCEPT_ENCODING", ""), ("gzip",)) or ""
        return environ.get("SCRIPT_NAME", ""), path, environ.get("QUERY_STRING", ""), language, coding

    def _answer(self, asked: Asked, environ: "WSGIEnvironment") -> Answer | None:
        try:
            stamp = self._shelf.page_stamp()
        except StoreError:
            return None
        page = self._place.get(asked)
        if page is None or page.stamp != stamp:
            made = self._made(environ)
            page = _page(made, stamp)
            if page is None:
                return made if environ["REQUEST_METHOD"] == "GET" else made.without_body()
            self._place.put(asked, page)
        return page.answer(environ)

    def _made(self, environ: "WSGIEnvironment") -> Answer:
        """What Flask gives to one who holds nothing."""
        whole = {name: value for name, value in environ.items() if name not in CONDITIONS} | {"REQUEST_METHOD": "GET"}
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _: object = None) -> None:  # nobody writes
            started.append((status, headers))

        given = self._behind(whole, start)  # type: ignore[arg-type]
        try:
            body = b"".join(given)
        finally:
            if hasattr(given, "close"):
                given.close()
        return Answer(*started[-1], body)


def _page(made: Answer, stamp: Stamp) -> Page | None:
    """The page, if it may be kept."""
    headers = {name.lower(): text for name, text in made.headers}
    if not made.status.startswith("200 ") or "etag" not in headers or "no-store" in headers.get("cache-control", ""):
        return None
    kept = list(made.headers)
    remove_entity_headers(kept)
    etag = tag_of(headers["etag"]).removesuffix(f"-{headers.get('content-encoding', '')}")
    return Page(stamp, made, Answer("304 NOT MODIFIED", kept, b""), f'"{etag}"')
