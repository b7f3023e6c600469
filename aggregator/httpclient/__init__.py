"""The one client for requests that leave this program: takes a URL, gives a Response or raises FetchError.

It resolves names (`names`), connects to public addresses only (`addresses`), follows redirects itself, takes what is
sound of an answer (`heads`), reads and unpacks bodies within a limit (`bodies`), and keeps to one deadline for a whole
answer. It never looks into a document and never keeps a cookie.
"""

import asyncio
import errno
import re
import socket
import ssl
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from io import BytesIO
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import quote, urljoin
from weakref import WeakSet, WeakValueDictionary

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError
from msgspec import Struct, field
from multidict import CIMultiDictProxy
from yarl import URL

from aggregator.config import Settings
from aggregator.errors import ErrorClass, FetchError
from aggregator.httpclient.addresses import dotted, is_public, plain_host, plain_pair
from aggregator.httpclient.bodies import CHUNK_BYTES, read_body
from aggregator.httpclient.certificates import certificate_of
from aggregator.httpclient.heads import HeadFirst
from aggregator.httpclient.names import Resolver, Sparing
from aggregator.model import Certificate

__all__ = ["HttpClient", "Response", "is_public", "without_userinfo"]

REDIRECTS_LIMIT = 5
QUOTE_LENGTH = 300  # characters of a stranger's text in a message
CLOSING_ROUNDS = 10  # of the event loop; three are needed

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, text/html;q=0.3, */*;q=0.1"
)
ACCEPT_ENCODING = "gzip, deflate, br, zstd"

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})

_FOREIGN_ERRORS = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
_TLS_ERRORS = (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch, ssl.SSLError)

_AUTHORITY = re.compile(r"[^/?#]*//[^/?#]*")  # with the scheme before it
_UNREADY = re.compile(r"%(?![0-9A-Fa-f]{2})|[^\w!#$%&'()*+,\-./:;=?@\[\]~]+", re.ASCII)  # in a path or query
_USERINFO = re.compile(r"^([^/?#]*//)[^/?#]*@")


class Response(Struct, frozen=True):
    """An answer. `get` reads the body of a 200 only."""

    url: str  # that answered, without user and password
    status: int
    headers: Mapping[str, str]  # names in lower case, repeated ones joined by ", "
    body: bytes  # unpacked
    moved_to: str = ""  # same as `url` if there were redirects, all of them permanent
    certificate: Certificate | None = None  # the one that ends first of those on the way


class _Hop(Struct):
    """What the socket factory must know of the request it connects for, and what it has to tell it."""

    asked: str  # the URL that we were called with, for messages
    listed: bool = False  # does allow_private name the host and port of the URL?
    phase: str = "while requesting"
    refused: list[str] = field(default_factory=list)  # addresses
    certificates: list[Certificate] = field(default_factory=list)  # of those who answered

    def aim(self, url: URL, allowed: Collection[tuple[str, int]]) -> None:
        """Go for this URL next."""
        self.listed = (plain_host(url.raw_host or ""), url.port or 0) in allowed
        self.phase = "while requesting"
        self.refused.clear()


_hop: ContextVar[_Hop] = ContextVar("hop")  # aiohttp's tasks that race for a connection inherit it


class _Answer(aiohttp.ClientResponse):
    """An answer that notes the certificate of its server: later the connection may be gone, with an empty body at
    once.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        if found := certificate_of(connection.transport):
            _hop.get().certificates.append(found)
        if connection.transport is None or connection.protocol is None:
            return await super().start(connection)
        between = HeadFirst(connection.protocol)
        connection.transport.set_protocol(between)
        await super().start(connection)
        between.watch(self.content)
        return self


class HttpClient:
    """Asks the outside. An async context manager, for one event loop and any number of its tasks.

    `resolver` replaces the system's name resolution, `tls` the usual trust in certificates.
    """

    def __init__(
        self, settings: Settings, *, resolver: AbstractResolver | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._tls = tls
        self._body_limit = int(settings.body_limit_mib * (1 << 20))  # bytes
        self._allowed = frozenset(map(plain_pair, settings.allow_private))
        self._turns = asyncio.Semaphore(settings.concurrency)
        self._host_turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # kept by who waits
        self._sockets: WeakSet[socket.socket] = WeakSet()

    async def __aenter__(self) -> Self:
        self._names = Resolver(self._settings.concurrency)
        self._session = aiohttp.ClientSession(
            connector=self._connector(),
            headers={
                "User-Agent": self._settings.user_agent,
                "Accept": ACCEPT,
                "Accept-Encoding": ACCEPT_ENCODING,
            },
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # ours is around all of it
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            response_class=_Answer,
            trust_env=False,  # behind a proxy we would not see the address
            read_bufsize=CHUNK_BYTES,
        )
        return self

    def _connector(self) -> aiohttp.TCPConnector:
        # Each request has a connection of its own. Polled every half hour, hosts gain next to nothing from a kept one,
        # while a thousand idle sockets meet the usual limit of 1,024 open files.
        return aiohttp.TCPConnector(
            limit=self._settings.concurrency,
            limit_per_host=self._settings.per_host,
            force_close=True,
            ssl=self._tls or True,
            resolver=Sparing(self._resolver or self._names),
            socket_factory=self._socket,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._names.close()
        # aiohttp lets connections go without waiting for their end, and under TLS a peer may put that off: we end them.
        for each in self._open_sockets():
            with suppress(OSError):  # no longer connected
                each.shutdown(socket.SHUT_RDWR)
        for _ in range(CLOSING_ROUNDS):
            await asyncio.sleep(0)

    def _open_sockets(self) -> list[socket.socket]:
        return [each for each in self._sockets if each.fileno() >= 0]

    async def get(self, url: str, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
        """Ask for a URL and follow its redirects, sending `headers` each time. Raises FetchError.

        Requests queue for `per_host` and `concurrency` first; the deadline runs from the turn of this one.
        """
        return await self._asking(url, headers, self._follow)

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] = _NO_HEADERS, body: bytes = b"", limit: int = 0
    ) -> Response:
        """Send one request, whatever the answer: a redirect is not followed. Raises FetchError.

        The body of a 2xx is read up to `limit` bytes, more is an error; at 0 it is not read at all. Queues like `get`.
        """

        async def send(start: URL, sent: Mapping[str, str], hop: _Hop) -> Response:
            hop.aim(start, self._allowed)
            # Not the bytes themselves: aiohttp warns of more than a megabyte of them.
            data = BytesIO(body) if body else None
            async with self._session.request(method, start, headers=sent, data=data, allow_redirects=False) as got:
                content = await self._body(got, limit, hop) if limit and 200 <= got.status < 300 else b""
                got.close()
                return Response(str(start), got.status, _joined(got.headers.items()), content)

        return await self._asking(url, headers, send)

    async def _asking(
        self,
        url: str,
        headers: Mapping[str, str],
        ask: Callable[[URL, Mapping[str, str], _Hop], Coroutine[Any, Any, Response]],
    ) -> Response:
        """Wait for a turn; within the deadline, errors of others become a FetchError."""
        hop = _Hop(without_userinfo(url))
        _hop.set(hop)
        try:
            start, headers = _with_credentials(_parsed(url), headers)
            async with self._turn_of(start), self._turns, asyncio.timeout(self._settings.timeout_seconds):
                return await ask(start, headers, hop)
        except _FOREIGN_ERRORS as error:
            raise FetchError(hop.asked, _class(error, hop), self._message(error, hop)) from error

    def _turn_of(self, url: URL) -> asyncio.Semaphore:
        return self._host_turns.setdefault(url.raw_host or "", asyncio.Semaphore(self._settings.per_host))

    async def _follow(self, url: URL, headers: Mapping[str, str], hop: _Hop) -> Response:
        seen = [url]
        permanent = True
        while True:
            status, received, body = await self._ask(url, headers, hop)
            if status not in _REDIRECTS:
                moved_to = str(url) if permanent and len(seen) > 1 else ""
                ends_first = min(hop.certificates, key=lambda each: each.until, default=None)
                return Response(str(url), status, _joined(received.items()), body, moved_to, ends_first)
            permanent = permanent and status in _PERMANENT
            target = _target(url, received.get("Location", "").strip(), hop.asked)
            if target in seen or len(seen) > REDIRECTS_LIMIT:
                cause = f"while redirecting: sent on {len(seen)} times, now to {_short(str(target))!r}"
                raise FetchError(hop.asked, ErrorClass.REDIRECT_LOOP, cause)
            if target.origin() != url.origin():
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            seen.append(target)
            url = target

    async def _ask(self, url: URL, headers: Mapping[str, str], hop: _Hop) -> tuple[int, CIMultiDictProxy[str], bytes]:
        hop.aim(url, self._allowed)
        async with self._session.get(url, headers=headers, allow_redirects=False) as answer:
            body = b""
            if answer.status == 200:
                body = await self._body(answer, self._body_limit, hop)
            else:
                answer.close()
            return answer.status, answer.headers, body

    @staticmethod
    async def _body(answer: aiohttp.ClientResponse, limit: int, hop: _Hop) -> bytes:
        hop.phase = "while reading body"
        hop.refused.clear()  # another address of the host is public, and answers
        coding = ",".join(answer.headers.getall("Content-Encoding", ()))
        return await read_body(answer.content, coding, limit, hop.asked)

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket for a connection, unless it would lead inside. Called for literal addresses too."""
        family, kind, protocol, _, address = info
        host, port = str(address[0]), address[1]
        hop = _hop.get()
        if not (hop.listed or is_public(host) or (plain_host(host), port) in self._allowed):
            hop.refused.append(host)
            # An OSError, since after one aiohttp goes on to the next address of the host.
            raise PermissionError(errno.EACCES, "not a public address")
        made = socket.socket(family, kind, protocol)
        self._sockets.add(made)
        return made

    def _message(self, error: BaseException, hop: _Hop) -> str:
        if _is_blocked(error, hop):
            return f"{hop.phase}: {', '.join(dict.fromkeys(hop.refused))} is not a public address"
        if isinstance(error, TimeoutError):
            return f"{hop.phase}: no whole answer within {self._settings.timeout_seconds:g} s"
        if isinstance(error, aiohttp.ClientConnectorError):
            return f"{hop.phase}: no connection to {error.host}:{error.port}: {_told(error.os_error)}"
        if isinstance(error, aiohttp.ClientResponseError):  # its status is of aiohttp's making, and its URL is known
            return f"{hop.phase}: what the server answers is no sound HTTP: {_short(' '.join(error.message.split()))}"
        return f"{hop.phase}: {_told(error)}"


def without_userinfo(url: str) -> str:
    """Strip user and password from a URL, valid or not: for messages and for links."""
    return _USERINFO.sub(r"\1", url) if "@" in url else url


def _is_blocked(error: BaseException, hop: _Hop) -> bool:
    """Did we refuse an address and get no connection to another one, for whatever reason?"""
    return bool(hop.refused) and isinstance(error, aiohttp.ClientConnectorError | TimeoutError)


def _class(error: BaseException, hop: _Hop) -> ErrorClass:
    if _is_blocked(error, hop):
        return ErrorClass.BLOCKED_ADDRESS
    if isinstance(getattr(error, "os_error", error), TimeoutError):
        return ErrorClass.TIMEOUT
    if isinstance(error, _TLS_ERRORS):
        return ErrorClass.TLS
    return ErrorClass.CONNECTION


def _parsed(text: str) -> URL:
    """Make an absolute http or https URL. ValueError for anything else, without the text, which may hold a secret.

    Only what may not stand in a path or query is escaped: yarl would rewrite %2C and %7E too, which breaks signed URLs.
    """
    text = text.strip()
    found = _AUTHORITY.match(text)
    authority = found[0] if found else ""
    rest = text[len(authority) :]
    try:
        if not authority.isascii():
            authority = str(URL(authority))  # RFC 5891
        rest = _UNREADY.sub(lambda found: quote(found[0], safe="", errors="surrogateescape"), rest)
        url = URL(authority + rest, encoded=True).with_fragment(None)
    except ValueError:
        raise ValueError("this is not a URL") from None
    if url.scheme not in {"http", "https"} or not url.raw_host:
        raise ValueError("this is not an http or https URL")
    host = dotted(url.raw_host)
    return url if host == url.raw_host else url.with_host(host)


def _with_credentials(url: URL, headers: Mapping[str, str]) -> tuple[URL, Mapping[str, str]]:
    if url.user is None and url.password is None:
        return url, headers
    authorization = aiohttp.encode_basic_auth(url.user or "", url.password or "")
    return url.with_user(None), {**headers, "Authorization": authorization}


def _target(url: URL, location: str, asked: str) -> URL:
    """Find where a redirect leads."""
    cause = f"while redirecting: to {_short(without_userinfo(location))!r}"
    try:
        target = _parsed(urljoin(str(url), location))
    except ValueError as error:
        raise FetchError(asked, ErrorClass.BAD_REDIRECT, f"{cause}: {error}") from error
    if not location or target.user is not None or target.password is not None:
        raise FetchError(asked, ErrorClass.BAD_REDIRECT, f"{cause}: no place, or one with a password")
    return target


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.lower(), raw_value
        if not value.isascii():  # aiohttp smuggles bytes that are not UTF-8; no database takes them
            value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _told(error: BaseException) -> str:
    return _short(f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": "))


def _short(text: str) -> str:
    return text if len(text) <= QUOTE_LENGTH else text[:QUOTE_LENGTH] + "…"
