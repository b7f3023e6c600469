"""Origins that mean harm or are merely broken: what each answers, and what must come of it.

A Case is one source with an origin, and so a port, of its own. `play` polls cases side by side through the real
pipeline over HTTP on loopback; `faults` says in words where what came of one is not what must come of it. `CASES` are
all of them; `docs/safety.md` says how to add one, `bench/hostile.py` plays them with the settings as delivered.

What is never right, whatever a case expects: an exception that escapes, a request to the canary, a good item lost.
"""

import asyncio
import contextlib
import gzip
import itertools
import json
import logging
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

import brotli
from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct, field
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.errors import ErrorClass
from aggregator.httpclient import HttpClient
from aggregator.model import Source, SourceKind
from aggregator.pipeline import Pipeline, Report
from aggregator.store import Store, open_store
from tests.origin import HANG, PAUSE, PAUSE_SECONDS, TLS_HANDSHAKE, Answer, Part, Request, _read, answer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NOW = datetime(2026, 2, 11, 12, 0, tzinfo=UTC)
RESET = object()  # ends the connection with a TCP reset
GOOD = "Bonne nouvelle"  # begins the title of every good item
SIZE = 100_000  # bytes of a document that is big, as far as one can choose
FULL = 14_000_000  # the same, as large as a body may be
MIB = 1 << 20

ENDED = "ok connection"  # both are right: what is beyond the end may be read, or refused


class At(Struct, frozen=True):
    """Where a case is played: what it may have to name."""

    request: Request
    number: int  # of the request to this origin, from 0
    host: str
    port: int
    canary: str  # host:port of a server that nobody may ask
    size: int

    @property
    def canary_port(self) -> str:
        return self.canary.rpartition(":")[2]


Answers = Callable[[At], Answer]


class Case(Struct, frozen=True):
    """One hostile source. `expected` are the statuses of its report that are right, of each poll where they differ."""

    name: str
    answers: Answers
    expected: str = "ok"
    good: int = 0  # good items that must be stored
    url: str = "http://{host}:{port}/feed"  # of the source; {canary} and {canary_port} are known too
    tls: str = ""  # the certificate of the origin
    raw: bool = False  # answers as soon as the connection stands, without reading a request
    polls: int = 1
    selectors: Mapping[str, str] = field(default_factory=dict)
    forbidden: str = ""  # a text that no item may hold
    is_slow: bool = False  # takes seconds of CPU

    @property
    def family(self) -> str:
        return self.name.partition(": ")[0]


class Came(Struct, frozen=True):
    """What came of a case."""

    reports: tuple[Report, ...]
    titles: tuple[str, ...]
    held: str  # all texts of its items


# ── what good sources say


def good(number: int) -> str:
    """An item that must not be lost."""
    return (
        f"<item><title>{GOOD} {number}</title><link>https://outlet.example/{number}</link><guid>good-{number}</guid>"
        f"<pubDate>Wed, 11 Feb 2026 10:{number:02}:00 +0100</pubDate>"
        f"<description>Le texte de la bonne nouvelle numéro {number}.</description></item>"
    )


NAMESPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:media="http://search.yahoo.com/mrss/" xmlns:georss="http://www.georss.org/georss" '
    'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:atom="http://www.w3.org/2005/Atom" '
    'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'
)
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def rss(*parts: str, head: str = "", root: str = NAMESPACES, before: str = DECLARATION) -> str:
    """A feed of these parts."""
    channel = f"<title>Le fil</title><link>https://outlet.example/</link><description>Tout</description>{head}"
    return f'{before}<rss version="2.0" {root}><channel>{channel}{"".join(parts)}</channel></rss>'


def around(part: str, **more: str) -> str:
    """A feed of a part with good items before and after it."""
    return rss(good(1), part, good(2), good(3), **more)


def item(inner: str) -> str:
    return f"<item><guid>bad</guid>{inner}</item>"


def atom(*entries: str, root: str = "", head: str = "") -> str:
    return (
        f'{DECLARATION}<feed xmlns="http://www.w3.org/2005/Atom" {root}><title>Le fil</title>'
        f"<id>tag:outlet.example,2026:fil</id><updated>2026-02-11T09:00:00Z</updated>{head}{''.join(entries)}</feed>"
    )


def good_entry(number: int) -> str:
    return (
        f'<entry><title>{GOOD} {number}</title><link href="https://outlet.example/{number}"/><id>good-{number}</id>'
        f"<updated>2026-02-11T09:{number:02}:00Z</updated><summary>Le texte numéro {number}.</summary></entry>"
    )


def good_object(number: int) -> dict[str, Any]:
    link = f"https://outlet.example/{number}"
    return {"id": f"good-{number}", "url": link, "title": f"{GOOD} {number}", "content_text": f"Le texte {number}."}


def json_feed(*items: Any, **more: Any) -> str:
    head = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Le fil",
        "home_page_url": "https://outlet.example/",
    }
    return json.dumps({**head, **more, "items": [good_object(1), *items, good_object(2), good_object(3)]})


def rep(unit: str, size: int) -> str:
    """A text of about that many characters."""
    return unit * max(1, size // len(unit))


def numbered(template: str, size: int) -> str:
    """The template with ever other numbers for its @."""
    return "".join(template.replace("@", str(number)) for number in range(max(1, size // (len(template) + 3))))


FEED = rss(good(1), good(2), good(3)).encode()
XML = ("Content-Type", "application/rss+xml")


def feed(body: bytes | str = FEED, *headers: tuple[str, str], status: int = 200) -> bytes:
    """A sound answer with a feed."""
    return answer(status, [XML, *headers], body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body)


def head(*lines: str, first: str = "HTTP/1.1 200 OK") -> bytes:
    """The head of an answer, as written."""
    return "\r\n".join((first, *lines, "", "")).encode("utf-8", "surrogateescape")


def length(body: bytes = FEED) -> str:
    return f"Content-Length: {len(body)}"


def always(*parts: Part) -> Answers:
    """Answer with these bytes, as they are."""
    return lambda _: iter(parts)


def forever(*parts: Part, first: bytes = b"") -> Answers:
    """Answer with these again and again."""
    return lambda _: itertools.chain([first], itertools.cycle(parts))


def drops(data: bytes, size: int = 1) -> Iterator[Part]:
    """Bytes, drop by drop."""
    for at in range(0, len(data), size):
        yield data[at : at + size]
        yield PAUSE


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def with_head(*lines: str, body: bytes = FEED, first: str = "HTTP/1.1 200 OK") -> Answers:
    return always(head(*lines, first=first) + body)


# ── time: nothing comes, or too slowly, or without end

DRIP = b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nX-Long: "


def _slow_hops(at: At) -> Answer:
    return iter([*[PAUSE] * 20, answer(302, {"Location": f"/{at.number}"})])


TIME = (
    Case("time: nothing is ever answered", always(HANG), "timeout"),
    Case("time: nothing is said and nothing is read", always(HANG), "timeout", raw=True),
    Case("time: the status line drop by drop", lambda _: drops(DRIP * 100), "timeout"),
    Case("time: a header without end, drop by drop", forever(b"x", PAUSE, first=DRIP), "timeout"),
    Case("time: headers without end, drop by drop", forever(b"X-A: b\r\n", PAUSE, first=head()[:-2]), "timeout connection"),
    Case("time: early hints without end", forever(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", PAUSE), "timeout"),
    Case("time: continue without end, at full speed", forever(b"HTTP/1.1 100 Continue\r\n\r\n" * 50), "timeout connection"),
    Case("time: switching protocols", always(head("Upgrade: h2c", first="HTTP/1.1 101 Switching Protocols"), HANG), "unavailable connection timeout"),
    Case("time: a head and no body", always(head(length()), HANG), "timeout"),
    Case("time: half a body and no more", always(head(length()) + FEED[:300], HANG), "timeout"),
    Case("time: a body drop by drop", lambda _: itertools.chain([head("Content-Length: 9999999")], drops(FEED * 50)), "timeout"),
    Case("time: chunks of one byte without end", forever(b"1\r\n \r\n", PAUSE, first=head("Transfer-Encoding: chunked")), "timeout"),
    Case("time: a chunk's size without end", forever(b"0", PAUSE, first=head("Transfer-Encoding: chunked")), "timeout connection"),
    Case("time: a chunk's extension without end", forever(b"x", PAUSE, first=head("Transfer-Encoding: chunked") + b"5;"), "timeout connection"),
    Case("time: trailers without end", forever(b"X-A: b\r\n", PAUSE, first=head("Transfer-Encoding: chunked") + chunked(FEED, end=b"0\r\n")), "timeout connection ok"),
    Case("time: gzip drop by drop", lambda _: itertools.chain([head("Content-Encoding: gzip", "Content-Length: 9999999")], drops(gzip.compress(FEED * 50, 0))), "timeout"),
    Case("time: a body without an end, drop by drop", forever(b" ", PAUSE, first=head() + FEED), "timeout"),
    Case("time: whole, but without an end", always(head() + FEED, HANG), "timeout"),
    Case("time: whole chunks, but without an end", always(head("Transfer-Encoding: chunked") + chunked(FEED, end=b""), HANG), "timeout"),
    Case("time: redirects that take their time", _slow_hops, "timeout redirect_loop"),
    Case("time: an error that takes its time", always(head("Content-Length: 9", first="HTTP/1.1 500 No"), HANG), "unavailable"),
    Case("time: a redirect whose body never comes", lambda at: iter([answer(302, {"Location": "/there", "Content-Length": "9"}), HANG]) if at.number == 0 else feed(), good=3),
    Case("time: late, but whole", lambda _: itertools.chain([PAUSE] * 5, [feed()[:99], PAUSE, feed()[99:]]), good=3),
    Case("time: kept open after the whole of it", always(feed(), HANG), good=3),
    Case("time: TLS that never says a word", always(HANG), "timeout", url="https://{host}:{port}/feed", raw=True),
    Case("time: TLS drop by drop", forever(b"\x00", PAUSE, first=b"\x16\x03\x03\x3f\xff"), "timeout tls", url="https://{host}:{port}/feed", raw=True),
    Case("time: name servers that are dead", always(feed()), "timeout", url="http://dead.example:{port}/feed"),
    Case("time: bodies without end, at full speed", forever(b"<item/>" * 9000, first=head() + FEED[:200]), "too_large timeout"),
    Case("time: chunks without end, at full speed", forever(b"7\r\n<item/>\r\n" * 9000, first=head("Transfer-Encoding: chunked")), "too_large timeout"),
    Case("time: headers without end, at full speed", forever(b"X-A: b\r\n" * 500, first=head()[:-2]), "connection"),
    Case("time: one header without end, at full speed", forever(b"x" * 9000, first=DRIP), "connection"),
)  # fmt: skip

# ── framing: what HTTP forbids, or allows and nobody expects

CHUNKED = "Transfer-Encoding: chunked"
SECOND = feed(rss("<item><title>Glissée derrière</title><guid>smuggled</guid></item>"))

FRAMING = (
    Case("framing: closed without a word", always(b""), "connection"),
    Case("framing: reset without a word", always(RESET), "connection"),
    Case("framing: reset in the head", always(DRIP, RESET), "connection"),
    Case("framing: reset in the body", always(head(length()) + FEED[:200], PAUSE, RESET), "connection"),
    Case("framing: closed in the head", always(DRIP), "connection"),
    Case("framing: a body shorter than it says", with_head("Content-Length: 99999"), "connection"),
    Case("framing: a body longer than it says, at once", with_head(length(), body=FEED + b"<more/>" * 99), good=3),
    Case("framing: a body longer than it says, later", always(head(length()) + FEED, PAUSE, b"<more/>" * 99), good=3),
    Case("framing: no length at all", with_head(), good=3),
    Case("framing: HTTP/1.0 without a length", with_head(first="HTTP/1.0 200 OK"), good=3),
    Case("framing: HTTP/1.0 with chunks", with_head(CHUNKED, first="HTTP/1.0 200 OK", body=chunked(FEED)), ENDED, good=3),
    Case("framing: HTTP/0.9", always(FEED), "connection"),
    Case("framing: HTTP/2 without having been asked", always(b"\0\0\x12\x04\0\0\0\0\0" + b"\0" * 18), "connection"),
    Case("framing: HTTP/3.0 in words", with_head(length(), first="HTTP/3.0 200 OK"), ENDED, good=3),
    Case("framing: http in small letters", with_head(length(), first="http/1.1 200 OK"), ENDED, good=3),
    Case("framing: ICY 200 OK", with_head(first="ICY 200 OK"), ENDED, good=3),
    Case("framing: another protocol", always(b"220 mail.example ESMTP\r\n"), "connection"),
    Case("framing: rubbish in the status line", with_head(length(), first="\0\x01\x02 \udcff\udcfe"), "connection"),
    Case("framing: status 0", with_head(length(), first="HTTP/1.1 0 No"), "connection unavailable"),
    Case("framing: status 099", with_head(length(), first="HTTP/1.1 099 No"), "connection unavailable"),
    Case("framing: status 99", with_head(length(), first="HTTP/1.1 99 No"), "connection unavailable"),
    Case("framing: status 600", with_head(length(), first="HTTP/1.1 600 No"), "connection unavailable"),
    Case("framing: status 999", with_head(length(), first="HTTP/1.1 999 No"), "connection unavailable"),
    Case("framing: status 1000", with_head(length(), first="HTTP/1.1 1000 No"), "connection unavailable"),
    Case("framing: status -200", with_head(length(), first="HTTP/1.1 -200 No"), "connection"),
    Case("framing: status 2e2", with_head(length(), first="HTTP/1.1 2e2 No"), "connection"),
    Case("framing: status without words", with_head(length(), first="HTTP/1.1 200"), good=3),
    Case("framing: a status with words of a megabyte", with_head(length(), first="HTTP/1.1 200 " + "x" * MIB), ENDED, good=3),
    Case("framing: odd bytes in the words of the status", with_head(length(), first="HTTP/1.1 200 \udcff\udce9\x1b[31m"), ENDED, good=3),
    Case("framing: empty lines before the status", always(b"\r\n\r\n" + head(length()) + FEED), ENDED, good=3),
    Case("framing: a mark before the status", always(b"\xef\xbb\xbf" + head(length()) + FEED), "connection"),
    Case("framing: lines that end in LF alone", always(head(length()).replace(b"\r", b"") + FEED), ENDED, good=3),
    Case("framing: lines that end in CR alone", always(head(length()).replace(b"\n", b"") + FEED), "connection"),
    Case("framing: folded headers", with_head(length(), "X-A: b", " folded", "\tand again"), ENDED, good=3),
    Case("framing: a header folded at once", with_head(" folded", length()), ENDED, good=3),
    Case("framing: NUL in a header", with_head(length(), "X-A: a\0b"), ENDED, good=3),
    Case("framing: NUL in a header's name", with_head(length(), "X\0A: b"), ENDED, good=3),
    Case("framing: control characters in headers", with_head(length(), "X-A: \x01\x02\x1b[2J"), ENDED, good=3),
    Case("framing: odd bytes in headers", with_head(length(), "X-A: \udcff\udcfe", "ETag: \"\udce9\""), good=3),
    Case("framing: a header without a name", with_head(length(), ": b"), ENDED, good=3),
    Case("framing: a header without a colon", with_head(length(), "no colon"), ENDED, good=3),
    Case("framing: a space before the colon", with_head("Content-Length : 9"), f"{ENDED} not_a_feed"),
    Case("framing: a header of 100 kB", with_head(length(), "X-A: " + "b" * 100_000), ENDED, good=3),
    Case("framing: a header's name of 100 kB", with_head(length(), "X" * 100_000 + ": b"), ENDED, good=3),
    Case("framing: 10,000 headers", with_head(length(), *[f"X-{number}: b" for number in range(10_000)]), ENDED, good=3),
    Case("framing: 120 headers", with_head(length(), *[f"X-{number}: b" for number in range(120)]), ENDED, good=3),
    Case("framing: 2,000 cookies", with_head(length(), *["Set-Cookie: a=" + "b" * 200] * 2000), ENDED, good=3),
    Case("framing: a cookie of 7 kB", with_head(length(), "Set-Cookie: a=" + "b" * 7000), good=3),
    Case("framing: the same length twice", with_head(length(), length()), ENDED, good=3),
    Case("framing: two lengths", with_head(length(), "Content-Length: 5"), "connection"),
    Case("framing: two lengths in one", with_head(f"{length()}, {len(FEED)}"), ENDED, good=3),
    Case("framing: a length below zero", with_head("Content-Length: -1"), "connection"),
    Case("framing: a length with a plus", with_head(f"Content-Length: +{len(FEED)}"), ENDED, good=3),
    Case("framing: a length in hexadecimal", with_head("Content-Length: 0x10"), "connection"),
    Case("framing: a length that is no number", with_head("Content-Length: many"), "connection"),
    Case("framing: a length beyond all numbers", with_head("Content-Length: " + "9" * 400), "connection"),
    Case("framing: a length of 2^63", with_head(f"Content-Length: {2**63}"), "connection"),
    Case("framing: a length of nothing, and a body", with_head("Content-Length: 0"), "empty connection"),
    Case("framing: length and chunks", with_head(length(), CHUNKED, body=chunked(FEED)), ENDED, good=3),
    Case("framing: length and chunks, but no chunks", with_head(length(), CHUNKED), "connection"),
    Case("framing: an unknown transfer coding", with_head("Transfer-Encoding: rot13"), ENDED, good=3),
    Case("framing: chunks twice", with_head(CHUNKED, CHUNKED, body=chunked(chunked(FEED))), "connection ok broken_xml not_a_feed"),
    Case("framing: gzip as a transfer coding", with_head("Transfer-Encoding: gzip, chunked", body=chunked(gzip.compress(FEED))), "connection not_a_feed ok encoding"),
    Case("framing: chunks of a bad size", with_head(CHUNKED, body=b"zz\r\n" + FEED + b"\r\n0\r\n\r\n"), "connection"),
    Case("framing: a chunk's size below zero", with_head(CHUNKED, body=b"-1\r\n" + FEED + b"\r\n0\r\n\r\n"), "connection"),
    Case("framing: a chunk's size beyond all numbers", with_head(CHUNKED, body=b"F" * 40 + b"\r\n" + FEED), "connection"),
    Case("framing: a chunk's size of 1 MB", with_head(CHUNKED, body=b"0" * MIB + b"5\r\n" + FEED), "timeout connection"),
    Case("framing: a chunk longer than it says", with_head(CHUNKED, body=b"5\r\n" + FEED + b"\r\n0\r\n\r\n"), "connection"),
    Case("framing: a chunk shorter than it says", with_head(CHUNKED, body=b"ffff\r\n" + FEED + b"\r\n0\r\n\r\n"), "connection"),
    Case("framing: chunks without the last one", with_head(CHUNKED, body=chunked(FEED, end=b"")), "connection"),
    Case("framing: chunks with an extension of 1 MB", with_head(CHUNKED, body=b"%x;a=" % len(FEED) + b"b" * MIB + b"\r\n" + FEED + b"\r\n0\r\n\r\n"), ENDED, good=3),
    Case("framing: chunks of one byte", with_head(CHUNKED, body=chunked(*[FEED[at : at + 1] for at in range(len(FEED))])), good=3),
    Case("framing: trailers", with_head(CHUNKED, "Trailer: X-A", body=chunked(FEED, end=b"0\r\nX-A: b\r\n\r\n")), good=3),
    Case("framing: a length in a trailer", with_head(CHUNKED, body=chunked(FEED, end=b"0\r\nContent-Length: 1\r\n\r\n")), ENDED, good=3),
    Case("framing: 10,000 trailers", with_head(CHUNKED, body=chunked(FEED, end=b"0\r\n" + b"X-A: b\r\n" * 10_000 + b"\r\n")), ENDED, good=3),
    Case("framing: a second answer behind the first, at once", always(feed() + SECOND), good=3, forbidden="Glissée"),
    Case("framing: a second answer behind the first, later", always(feed(), PAUSE, SECOND), good=3, forbidden="Glissée"),
    Case("framing: an answer behind a 304", always(answer(304) + SECOND), "unavailable connection", forbidden="Glissée"),
    Case("framing: a body behind a 204", always(head(length(), first="HTTP/1.1 204 No Content") + FEED), "empty connection"),
    Case("framing: another answer within a header", with_head(length(), "X-A: b\rHTTP/1.1 404 No"), ENDED, good=3),
    Case("framing: a connection that is kept alive for ever", always(feed(FEED, ("Connection", "keep-alive"), ("Keep-Alive", "timeout=999999999, max=999999999")), HANG), good=3),
    Case("framing: an upgrade that nobody asked for", with_head(length(), "Connection: Upgrade", "Upgrade: websocket"), ENDED, good=3),
)  # fmt: skip

# ── compression

ZEROS = b"\0" * (60 * MIB)


def _zlib(data: bytes, bits: int) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, bits)
    return coder.compress(data) + coder.flush()


def packed(coding: str, body: bytes) -> Answers:
    return lambda _: feed(body, ("Content-Encoding", coding))


def bomb(coding: str, pack: Callable[[bytes], bytes]) -> Answers:
    """A body that unpacks to sixty megabytes, packed when it is asked for."""
    return lambda _: feed(pack(ZEROS), ("Content-Encoding", coding))


ZIP = gzip.compress(FEED)

COMPRESSION = (
    Case("compression: a bomb of gzip", bomb("gzip", partial(gzip.compress, compresslevel=6)), "too_large"),
    Case("compression: a bomb of deflate", bomb("deflate", partial(_zlib, bits=15)), "too_large"),
    Case("compression: a bomb of raw deflate", bomb("deflate", partial(_zlib, bits=-15)), "too_large"),
    Case("compression: a bomb of br", bomb("br", partial(brotli.compress, quality=4)), "too_large"),
    Case("compression: a bomb of zstd", bomb("zstd", zstd.compress), "too_large"),
    Case("compression: a bomb of spaces around a feed", lambda _: feed(gzip.compress(b" " * (40 * MIB) + FEED, 1), ("Content-Encoding", "gzip")), "too_large"),
    Case("compression: a bomb in an error", lambda _: feed(gzip.compress(ZEROS, 1), ("Content-Encoding", "gzip"), status=500), "unavailable"),
    Case("compression: a bomb in a redirect", lambda at: feed(gzip.compress(ZEROS, 1), ("Content-Encoding", "gzip"), ("Location", "/there"), status=302) if at.number == 0 else feed(), good=3),
    Case("compression: a gzip of a gzip", packed("gzip, gzip", gzip.compress(ZIP)), "encoding"),
    Case("compression: gzip of br", packed("br, gzip", gzip.compress(brotli.compress(FEED))), "encoding"),
    Case("compression: gzip named a thousand times", packed(", ".join(["gzip"] * 1000), ZIP), "encoding"),
    Case("compression: ten thousand gzips in one", packed("gzip", gzip.compress(b" ") * 10_000 + ZIP), "ok empty not_a_feed encoding"),
    Case("compression: gzips of nothing without end", forever(gzip.compress(b"") * 500, first=head("Content-Encoding: gzip")), "too_large timeout empty ok"),
    Case("compression: a gzip for each line", packed("gzip", b"".join(map(gzip.compress, FEED.replace(b"<item>", b"\n" * 300 + b"<item>").splitlines(keepends=True)))), good=3),
    Case("compression: br that is called gzip", packed("gzip", brotli.compress(FEED)), "not_a_feed encoding"),
    Case("compression: gzip that is called br", packed("br", ZIP), "encoding connection"),
    Case("compression: gzip that is called nothing", lambda _: feed(ZIP), "not_a_feed"),
    Case("compression: a feed that is called gzip", packed("gzip", FEED), good=3),
    Case("compression: a feed that is called br", packed("br", FEED), good=3),
    Case("compression: gzip cut off", packed("gzip", ZIP[:-20]), "connection"),
    Case("compression: br cut off", packed("br", brotli.compress(FEED)[:-20]), "connection encoding"),
    Case("compression: gzip with a wrong sum", packed("gzip", ZIP[:-8] + b"\0" * 8), "encoding"),
    Case("compression: gzip with rubbish inside", packed("gzip", ZIP[:40] + b"\xff" * 40 + ZIP[80:]), "encoding connection"),
    Case("compression: gzip with rubbish behind", packed("gzip", ZIP + b"\0rubbish" * 1000), good=3),
    Case("compression: gzip with a name of a megabyte", packed("gzip", b"\x1f\x8b\x08\x08\0\0\0\0\0\x03" + b"n" * MIB + b"\0" + ZIP[10:]), good=3),
    Case("compression: raw deflate", packed("deflate", _zlib(FEED, -15)), good=3),
    Case("compression: deflate", packed("deflate", _zlib(FEED, 15)), good=3),
    Case("compression: X-GZIP", packed("X-GZIP", ZIP), good=3),
    Case("compression: identity", packed("identity", FEED), good=3),
    Case("compression: an unknown coding", packed("rot13", b"\x01\x02" + FEED), "encoding"),
    Case("compression: compress", packed("compress", b"\x1f\x9d\x90" + b"a" * 99), "encoding"),
    Case("compression: zstd with a window of 2 GiB", packed("zstd", b"\x28\xb5\x2f\xfd\0\xa8" + b"\0" * 99), "encoding connection"),
    Case("compression: a coding of odd bytes", lambda _: iter([head(length(), "Content-Encoding: \udcff\x01") + FEED]), ENDED, good=3),
)  # fmt: skip

# ── redirects


def to(location: str, status: int = 302) -> Answers:
    """Send everybody on; the first time only if that is back to us."""
    return lambda at: answer(
        status,
        {"Location": location.format(host=at.host, port=at.port, canary=at.canary, canary_port=at.canary_port)},
    )


def once(location: str, status: int = 302) -> Answers:
    return lambda at: to(location, status)(at) if at.number == 0 else feed()


def maze(hops: int) -> Answers:
    return lambda at: answer(302, {"Location": f"/{at.number}"}) if at.number < hops else feed()


INSIDE = {
    "127.0.0.1": "http://{canary}/",
    "its number": "http://2130706433:{canary_port}/",
    "hexadecimal": "http://0x7f000001:{canary_port}/",
    "hexadecimal with dots": "http://0x7f.0x0.0x0.0x1:{canary_port}/",
    "octal": "http://0177.0.0.1:{canary_port}/",
    "octal in one": "http://017700000001:{canary_port}/",
    "127.1": "http://127.1:{canary_port}/",
    "zeros in front": "http://127.0.0.001:{canary_port}/",
    "a dot behind": "http://127.0.0.1.:{canary_port}/",
    "digits in circles": "http://①②⑦.⓪.⓪.①:{canary_port}/",
    "wide digits": "http://１２７.０.０.１:{canary_port}/",
    "ideographic dots": "http://127。0。0。1:{canary_port}/",
    "a soft hyphen": "http://127.0.0\u00ad.1:{canary_port}/",
    "escapes": "http://%31%32%37.0.0.1:{canary_port}/",
    "localhost": "http://localhost:{canary_port}/",
    "LOCALHOST.": "http://LOCALHOST.:{canary_port}/",
    "a name that leads inside": "http://inside.example:{canary_port}/",
    "0.0.0.0": "http://0.0.0.0:{canary_port}/",
    "0": "http://0:{canary_port}/",
    "::1": "http://[::1]:{canary_port}/",
    "::": "http://[::]:{canary_port}/",
    "::ffff:127.0.0.1": "http://[::ffff:127.0.0.1]:{canary_port}/",
    "::ffff:7f00:1": "http://[::ffff:7f00:1]:{canary_port}/",
    "::127.0.0.1": "http://[::127.0.0.1]:{canary_port}/",
    "NAT64": "http://[64:ff9b::7f00:1]:{canary_port}/",
    "NAT64 for local use": "http://[64:ff9b:1::7f00:1]:{canary_port}/",
    "6to4": "http://[2002:7f00:1::]:{canary_port}/",
    "Teredo": "http://[2001:0:7f00:1::]:{canary_port}/",
    "a zone": "http://[fe80::1%25lo]:{canary_port}/",
    "a zone of loopback": "http://[::1%25lo]:{canary_port}/",
    "10.0.0.1": "http://10.0.0.1/",
    "172.16.0.1": "http://172.16.0.1/",
    "192.168.1.1": "http://192.168.1.1/",
    "100.64.0.1": "http://100.64.0.1/",
    "the cloud's metadata": "http://169.254.169.254/latest/meta-data/",
    "the cloud's metadata over IPv6": "http://[fd00:ec2::254]/latest/meta-data/",
    "multicast": "http://224.0.0.1/",
    "broadcast": "http://255.255.255.255/",
    "without a scheme": "//{canary}/",
    "backslashes": "\\\\{canary}/",
    "a slash and a backslash": "/\\{canary}/",
    "http and backslashes": "http:\\\\{canary}\\",
    "one slash": "http:/{canary}/",
    "no slash": "http:{canary}/",
    "three slashes": "http:///{canary}/",
    "another port of ours in its userinfo": "http://{host}:{port}@{canary}/",
    "a fragment before the host": "http://{canary}#@{host}:{port}/",
    "a query before the host": "http://{canary}?@{host}:{port}/",
    "a backslash before the host": "http://{canary}\\@{host}:{port}/",
    "a tab in the scheme": "ht\ttp://{canary}/",
    "spaces around": "  http://{canary}/  ",
}
ELSEWHERE = (
    "file:///etc/passwd", "file://{canary}/etc/passwd", "data:application/rss+xml,<rss/>", "javascript:alert(1)",
    "gopher://{canary}/_GET", "ftp://{canary}/feed", "dict://{canary}/info", "ldap://{canary}/", "ws://{canary}/",
    "unix:///var/run/docker.sock", "jar:http://{canary}!/", "about:blank", "mailto:a@b.example", "http://", "http:///",
    "http://[", "http://[::1", "http://a b.example/", "http://user:word@{host}:{port}/feed", "http://@{host}:{port}/feed",
    "http://127.0.0.1:99999/", "http://127.0.0.1:-1/", "http://127.0.0.1:port/", "http://\udcff\udcfe/", "http://\u2028/",
    "http://exa%00mple/", "http://.../", "http://-/", "http://" + "a" * 64 + ".example/", "http://" + "a." * 2000 + "example/",
)  # fmt: skip
NOWHERE = "bad_redirect blocked_address connection redirect_loop"  # "http://" alone leads back to where it stands

REDIRECTS = (
    *(Case(f"redirects: inside, by {name}", to(location), "blocked_address bad_redirect connection redirect_loop http_4xx") for name, location in INSIDE.items()),
    *(Case(f"redirects: to {location[:40].encode('ascii', 'replace').decode()}", to(location), NOWHERE) for location in ELSEWHERE),
    *(Case(f"redirects: inside, by a {status}", to("http://{canary}/", status), "blocked_address") for status in (301, 303, 307, 308)),
    Case("redirects: inside, at the fifth hop", lambda at: to("http://{canary}/")(at) if at.number == 4 else answer(302, {"Location": f"/{at.number}"}), "blocked_address"),
    Case("redirects: inside, by a second Location", lambda at: answer(302, [("Location", "/there"), ("Location", f"http://{at.canary}/")]) if at.number == 0 else feed(), "ok bad_redirect"),
    Case("redirects: inside, by Refresh", lambda at: feed(FEED, ("Refresh", f"0; url=http://{at.canary}/")), good=3),
    Case("redirects: inside, by Link and Content-Location", lambda at: feed(FEED, ("Link", f"<http://{at.canary}/>; rel=canonical"), ("Content-Location", f"http://{at.canary}/")), good=3),
    Case("redirects: inside, by Alt-Svc", lambda at: feed(FEED, ("Alt-Svc", f'h2="{at.canary}"; ma=999999')), good=3, polls=2),
    Case("redirects: inside, by a page", lambda at: answer(body=f'<html><meta http-equiv="refresh" content="0;url=http://{at.canary}/"><script src="http://{at.canary}/"></script>'.encode()), "not_a_feed"),
    Case("redirects: to itself", to("/feed"), "redirect_loop"),
    Case("redirects: to itself with a fragment", to("#there"), "redirect_loop"),
    Case("redirects: to and fro", lambda at: answer(302, {"Location": "/b" if at.request.path == "/feed" else "/feed"}), "redirect_loop"),
    Case("redirects: a maze of five", maze(5), good=3),
    Case("redirects: a maze of six", maze(6), "redirect_loop"),
    Case("redirects: a maze without end", maze(10**9), "redirect_loop"),
    Case("redirects: a query that grows", lambda at: answer(302, {"Location": at.request.target + "?a"}), "redirect_loop"),
    Case("redirects: nowhere", always(answer(302)), "bad_redirect"),
    Case("redirects: to nothing", always(answer(302, {"Location": ""})), "bad_redirect"),
    Case("redirects: to 7 kB", to("/" + "a" * 7000), "redirect_loop bad_redirect"),
    Case("redirects: to 1 MB", to("/" + "a" * MIB), "connection"),
    Case("redirects: with line ends in it", lambda at: head(f"Location: /a%0d%0aHost:{at.canary}", "Content-Length: 0", first="HTTP/1.1 302 On") if at.number == 0 else feed(), good=3),
    Case("redirects: with a CR in it", lambda at: head(f"Location: /a\rX: http://{at.canary}/", "Content-Length: 0", first="HTTP/1.1 302 On") if at.number == 0 else feed(), ENDED, good=3),
    Case("redirects: relative", once("there?a=1"), good=3),
    Case("redirects: relative and climbing", once("../../../../there"), good=3),
    Case("redirects: with another scheme's letters", once("HTTP://{host}:{port}/there"), good=3),
    Case("redirects: to letters that are not ASCII", once("/été à Dole"), good=3),
    Case("redirects: a 300 with a choice", once("/there", 300), "unavailable"),
    Case("redirects: a 304 that nobody asked for", always(answer(304, {"Location": "/there"})), "unavailable"),
    Case("redirects: a 305 to a proxy", lambda at: answer(305, {"Location": f"http://{at.canary}/"}), "unavailable"),
    Case("redirects: a 306", once("/there", 306), "unavailable"),
    Case("redirects: a 201 with a place", once("/there", 201), "unavailable"),
    Case("redirects: from https to http", lambda at: answer(302, {"Location": f"http://{at.canary}/"}), "blocked_address", tls="good", url="https://secure.example:{port}/feed"),
)  # fmt: skip

# ── names

NAMES = (
    Case("names: one that does not resolve", always(feed()), "connection", url="http://nothing.example:{port}/feed"),
    Case("names: one that leads inside", always(feed()), "blocked_address", url="http://inside.example:{canary_port}/feed"),
    Case("names: one that leads inside in three ways", always(feed()), "blocked_address", url="http://insides.example:{canary_port}/feed"),
    Case("names: one that leads inside and to us", always(feed()), good=3, url="http://both.example:{port}/feed"),
    Case("names: one that leads to us and then inside", to("http://rebound.example:{canary_port}/"), "blocked_address", url="http://rebound.example:{port}/feed"),
    Case("names: one that leads to us and then elsewhere inside", to("http://turncoat.example:{port}/"), "redirect_loop blocked_address ok", url="http://turncoat.example:{port}/feed"),
    Case("names: one without addresses", always(feed()), "connection", url="http://none.example:{port}/feed"),
    Case("names: one with addresses that are none", always(feed()), "connection blocked_address", url="http://rubbish.example:{port}/feed"),
    Case("names: one with a thousand addresses inside", always(feed()), "blocked_address", url="http://thousand.example:{canary_port}/feed"),
    Case("names: one of 300 letters", always(feed()), "connection", url="http://" + "a" * 300 + ".example:{port}/feed"),
    Case("names: one of 2,000 labels", always(feed()), "connection", url="http://" + "a." * 2000 + "example:{port}/feed"),
    Case("names: one with an empty label", always(feed()), "connection", url="http://a..example:{port}/feed"),
    Case("names: one with a dot behind", always(feed()), good=3, url="http://us.example.:{port}/feed"),
    Case("names: one with accents", always(feed()), good=3, url="http://franche-comté.example:{port}/feed"),
    Case("names: one of pictures", always(feed()), "connection ok", url="http://💩.example:{port}/feed"),
    Case("names: one with a space", always(feed()), "connection", url="http://a b.example:{port}/feed"),
    Case("names: a source inside", always(feed()), "blocked_address", url="http://{canary}/feed"),
    Case("names: a source inside over IPv6", always(feed()), "blocked_address", url="http://[::1]:{canary_port}/feed"),
    Case("names: a source at the cloud's metadata", always(feed()), "blocked_address", url="http://169.254.169.254/latest/meta-data/"),
    Case("names: a source at a port that is closed", always(feed()), "blocked_address connection", url="http://us.example:1/feed"),
    Case("names: a source at port 0", always(feed()), "connection blocked_address", url="http://us.example:0/feed"),
)  # fmt: skip

# ── TLS

HTTPS = "https://secure.example:{port}/feed"
TLS = (
    Case("tls: a certificate that is right", always(feed()), good=3, tls="good", url=HTTPS),
    Case("tls: one that has expired", always(feed()), "tls", tls="expired", url=HTTPS),
    Case("tls: one of another host", always(feed()), "tls", tls="other", url=HTTPS),
    Case("tls: one that it made itself", always(feed()), "tls", tls="self", url=HTTPS),
    Case("tls: one of an authority that may be none", always(feed()), "tls", tls="leafs", url=HTTPS),
    Case("tls: protocols of yesterday alone", always(feed()), "tls connection", tls="old", url=HTTPS),
    Case("tls: plain HTTP on its port", always(feed()), "tls", url=HTTPS),
    Case("tls: rubbish on its port", always(b"rubbish" * 99), "tls connection", url=HTTPS, raw=True),
    Case("tls: an alert at once", always(b"\x15\x03\x03\x00\x02\x02\x28"), "tls connection", url=HTTPS, raw=True),
    Case("tls: a record without end", forever(b"\x16\x03\x03\x3f\xff" + b"\0" * 0x3FFF), "tls connection timeout", url=HTTPS, raw=True),
    Case("tls: closed in the middle of it", always(b"\x16\x03\x03\x00\x7a\x02"), "connection tls", url=HTTPS, raw=True),
    Case("tls: reset in the middle of it", always(b"\x16\x03\x03\x00\x7a\x02", RESET), "connection tls", url=HTTPS, raw=True),
    Case("tls: it on a plain port", always(feed()), "connection", tls="good"),
    Case("tls: closed without a goodbye", always(head() + FEED, RESET), "connection ok", tls="good", url=HTTPS),
)  # fmt: skip

# ── answers that are no feed


def status(number: int, *headers: tuple[str, str]) -> Answers:
    return always(answer(number, headers, b"<html>no</html>" if number not in {204, 205, 304} else b""))


def later(*headers: tuple[str, str]) -> Answers:
    """A feed at first, then what its headers make of the next time."""
    return lambda _: feed(FEED, *headers)


def _knows(at: At) -> Answer:
    return (
        answer(304, {"ETag": '"another"'}) if "if-none-match" in at.request.headers else feed(FEED, ("ETag", '"one"'))
    )


ANSWERS = (
    *(Case(f"answers: {number}", status(number), expected) for number, expected in {
        201: "unavailable", 202: "unavailable", 203: "unavailable", 204: "empty", 205: "empty", 206: "unavailable",
        207: "unavailable", 226: "unavailable", 299: "unavailable", 400: "http_4xx", 401: "auth", 402: "http_4xx",
        403: "auth", 404: "http_4xx", 405: "http_4xx", 406: "http_4xx", 407: "auth", 408: "http_4xx", 409: "http_4xx",
        410: "gone", 412: "http_4xx", 416: "http_4xx", 418: "http_4xx", 421: "http_4xx", 426: "http_4xx", 429: "rate_limited",
        431: "http_4xx", 451: "http_4xx", 499: "http_4xx", 500: "unavailable", 501: "unavailable", 502: "unavailable",
        503: "unavailable", 504: "unavailable", 505: "unavailable", 511: "unavailable", 520: "unavailable", 530: "unavailable",
    }.items()),
    *(Case(f"answers: {number}, again after {value[:40]!r}", status(number, ("Retry-After", value)), expected)
      for number, expected in ((429, "rate_limited"), (503, "unavailable"))
      for value in ("120", "0", "-1", "9" * 1000, "1e9", "Wed, 11 Feb 2026 13:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359",
                    "Mon, 01 Jan 0001 00:00:00 +2359", "rubbish", "\udcff\udcfe", "120, 240", "١٢٠")),
    Case("answers: 401 with a thousand challenges", status(401, ("WWW-Authenticate", ", ".join(["Basic realm=x"] * 400))), "auth"),
    Case("answers: an ETag of 7 kB", later(("ETag", '"' + "e" * 7000 + '"')), good=3, polls=2),
    Case("answers: an ETag of 1 MB", later(("ETag", '"' + "e" * MIB + '"')), "connection"),
    Case("answers: an ETag of odd bytes", later(("ETag", '"\udcff\udce9"')), good=3, polls=2),
    Case("answers: an ETag that would add a header", later(("ETag", '"a"\tb"')), good=3, polls=2),
    Case("answers: Last-Modified in 9999", later(("Last-Modified", "Fri, 31 Dec 9999 23:59:59 GMT")), good=3, polls=2),
    Case("answers: Last-Modified of rubbish", later(("Last-Modified", "yesterday"), ("Date", "never"), ("Age", "-5")), good=3, polls=2),
    Case("answers: Cache-Control of rubbish", later(("Cache-Control", "max-age=-1, max-age=" + "9" * 400 + ', s-maxage="x", =,,;')), good=3),
    Case("answers: Expires in the year 0", later(("Expires", "Mon, 00 Xxx 0000 99:99:99 +9999"), ("Age", "9" * 400)), good=3),
    Case("answers: another ETag with a 304", _knows, good=3, polls=2),
    Case("answers: a 304 to everybody", lambda at: feed() if at.number == 0 else answer(304), "ok unavailable", good=3, polls=2),
    Case("answers: a type that lies, a picture", lambda _: answer(200, {"Content-Type": "image/png"}, FEED), good=3),
    Case("answers: a type that lies, JSON", lambda _: answer(200, {"Content-Type": "application/json"}, FEED), good=3),
    Case("answers: a type that lies, a form", lambda _: answer(200, {"Content-Type": "multipart/form-data; boundary="}, FEED), good=3),
    Case("answers: a type of 7 kB", lambda _: answer(200, {"Content-Type": "text/xml; " + "charset=" * 900}, FEED), good=3),
    Case("answers: a type that is no type", lambda _: answer(200, {"Content-Type": ";;;=\"'charset=\"; charset=zlib"}, FEED), good=3),
    Case("answers: no type", lambda _: answer(body=FEED), good=3),
    Case("answers: a download", later(("Content-Disposition", 'attachment; filename="../../etc/passwd"')), good=3),
    Case("answers: nothing", lambda _: feed(b""), "empty"),
    Case("answers: spaces", lambda _: feed(b" \r\n\t" * 1000), "empty"),
    Case("answers: a mark alone", lambda _: feed(b"\xef\xbb\xbf"), "empty"),
    Case("answers: a part of it", lambda _: feed(FEED[:200], ("Content-Range", "bytes 0-199/9999"), status=206), "unavailable"),
)  # fmt: skip


# ── documents: all of `size` characters or so, with good items around what is bad, where there can be


def document(make: Callable[[int], str | bytes]) -> Answers:
    """Answer with what is made for a size, and for the canary's address in place of {canary}."""

    def answers(at: At) -> bytes:
        made = make(at.size)
        body = made.encode("utf-8", "surrogatepass") if isinstance(made, str) else made
        return feed(body.replace(b"{canary}", at.canary.encode()))

    return answers


def documents(
    family: str, makes: Mapping[str, Callable[[int], str | bytes]], expected: str = "ok", good: int = 3
) -> Iterator[Case]:
    for name, make in makes.items():
        yield Case(f"{family}: {name}", document(make), expected, good)


def doctype(inner: str) -> str:
    return f"<?xml version='1.0'?><!DOCTYPE rss [{inner}]>"


def _laughs(_: int) -> str:
    lines = "".join(f'<!ENTITY l{n} "' + f"&l{n - 1};" * 10 + '">' for n in range(1, 12))
    return around(
        item("<title>Ha</title><description>&l11;</description>"), before=doctype(f'<!ENTITY l0 "ha">{lines}')
    )


ENTITIES = {
    "a billion laughs": _laughs,
    "quadratic": lambda s: around(item(f"<title>A</title><description>{rep('&a;', s // 2)}</description>"), before=doctype(f'<!ENTITY a "{rep("A", s // 2)}">')),
    "one that holds itself": lambda s: around(item("<title>&a;</title>"), before=doctype('<!ENTITY a "&b;"><!ENTITY b "&a;">')),
    "an external one": lambda s: around(item("<title>Un &x; &f;</title>"), before=doctype('<!ENTITY x SYSTEM "http://{canary}/x"><!ENTITY f SYSTEM "file:///etc/passwd">')),
    "parameters": lambda s: around(item("<title>Un</title>"), before=doctype('<!ENTITY % p SYSTEM "http://{canary}/p.dtd"> %p; <!ENTITY % a "<!ENTITY b SYSTEM \'http://{canary}/b\'>"> %a;')),
    "an external DTD": lambda s: around("", before='<?xml version="1.0" standalone="no"?><!DOCTYPE rss SYSTEM "http://{canary}/rss.dtd">'),
    "a public DTD": lambda s: around("", before='<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://{canary}/rss-0.91.dtd">'),
    "a notation": lambda s: around("", before=doctype('<!NOTATION n SYSTEM "http://{canary}/n"><!ENTITY e SYSTEM "http://{canary}/e" NDATA n>')),
    "attributes by default": lambda s: around("", before=doctype('<!ATTLIST item xml:base CDATA "http://{canary}/">')),
    "XInclude": lambda s: around(item('<title>Un</title><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="http://{canary}/x" parse="text"/>')),
    "a style sheet": lambda s: around("", before='<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="http://{canary}/x.xsl"?>'),
    "a schema": lambda s: around("", root=NAMESPACES + ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://{canary}/ http://{canary}/x.xsd"'),
    "references to what XML forbids": lambda s: around(item(f"<title>Un {rep('&#0;&#x1;&#xFFFF;&#xD800;&#99999999999;&#-1;&#x;', s)}</title>")),
    "references of HTML": lambda s: around(item(f"<description>{rep('&eacute;&NotEqualTilde;&unknown;', s)}</description>")),
    "ampersands": lambda s: around(item(f"<description>{rep('&', s)}</description>")),
    "half references": lambda s: around(item(f"<description>{rep('&#', s // 2)}{rep('&x', s // 2)}</description>")),
    "declarations by the thousand": lambda s: around("", before=doctype(numbered('<!ENTITY e@ "x">', s))),
    "doctypes by the thousand": lambda s: around("", before=rep("<!DOCTYPE rss>", s)),
    "doctypes that never end": lambda s: around("", before=rep("<!DOCTYPE rss [", s)),
    "doctypes inside": lambda s: around(item(f"<title>Un</title>{rep('<!DOCTYPE a [', s)}")),
    "an index of everything in the hub": lambda s: around("", head='<atom:link rel="hub" href="http://{canary}/hub"/><atom:link rel="next" href="http://{canary}/2"/><cloud domain="{canary}" port="80" path="/" protocol="http-post"/>'),
}  # fmt: skip

LONG = {
    "a title": lambda s: around(item(f"<title>{rep('x', s)}</title>")),
    "a title of words": lambda s: around(item(f"<title>{rep('mot ', s)}</title>")),
    "an author": lambda s: around(item(f"<title>T</title><author>{rep('Jean, ', s)}</author>")),
    "an author of addresses": lambda s: around(item(f"<title>T</title><author>{rep('a@', s)}</author><dc:creator>{rep('a@b.c (d) ', s)}</dc:creator>")),
    "an author of brackets": lambda s: around(item(f"<title>T</title><author>{rep('(', s)}{rep(')', s)}</author>")),
    "a guid": lambda s: around(f"<item><title>T</title><guid>{rep('g', s)}</guid></item>"),
    "a link": lambda s: around(item(f"<title>T</title><link>https://outlet.example/{rep('a/', s)}</link>")),
    "a query": lambda s: around(item(f"<title>T</title><link>https://outlet.example/?{rep('utm_a=1&amp;', s)}</link>")),
    "a category": lambda s: around(item(f"<title>T</title><category domain='{rep('d', s)}'>{rep('c', s)}</category>")),
    "a date": lambda s: around(item(f"<title>T</title><pubDate>{rep('11 février 2026 ', s)}</pubDate>")),
    "a language": lambda s: around(item(f"<title>T</title><dc:language>{rep('fr-', s)}</dc:language>"), head=f"<language>{rep('fr-', s)}</language>"),
    "an attribute": lambda s: around(item(f"<title>T</title><x a='{rep('x', s)}'/>")),
    "an enclosure": lambda s: around(item(f"<title>T</title><enclosure url='https://a.example/{rep('x', s)}' type='{rep('a/', s)}' length='{rep('9', s)}'/>")),
    "a credit": lambda s: around(item(f"<title>T</title><media:content url='https://a.example/a.jpg'><media:credit>{rep('© ', s)}</media:credit></media:content>")),
    "a name of an element": lambda s: around(item(f"<title>T</title><{rep('x', s)}>y</{rep('x', s)}>")),
    "a name of dots": lambda s: around(item(f"<title>T</title><{rep('a.', s)}>y</{rep('a.', s)}>")),
    "a prefix": lambda s: around(item(f"<title>T</title><{rep('x', s)}:a>y</{rep('x', s)}:a>")),
    "a namespace": lambda s: around(item(f"<title>T</title><p:x xmlns:p='{rep('http://a/', s)}'/>")),
    "a place": lambda s: around(item(f"<title>T</title><georss:point>{rep('1 2 ', s)}</georss:point><georss:polygon>{rep('1 2 ', s)}</georss:polygon>")),
    "spaces in every field": lambda s: around(item("".join(f"<{name}>a{rep(' ', s // 8)}b</{name}>" for name in "title link author category pubDate description dc:rights comments".split()))),
    "line ends in every field": lambda s: around(item("".join(f"<{name}>a{rep(chr(10), s // 8)}b</{name}>" for name in "title link author category pubDate description dc:rights georss:line".split()))),
    "one word": lambda s: around(item(f"<title>T</title><description>{rep('motmot', s)}</description>")),
    "accents upon accents": lambda s: around(item(f"<title>Z{rep('̴̡', s // 2)}</title><description>Z{rep('é́́', s // 2)}</description>")),
    "marks that turn the text": lambda s: around(item(f"<title>{rep('‮a', s // 3)}</title><description>{rep('⁦‏', s // 3)}</description>")),
    "families of pictures": lambda s: around(item(f"<title>{rep('👩‍👩‍👧‍👦', s // 8)}</title>")),
    "CDATA": lambda s: around(item(f"<title>T</title><description><![CDATA[{rep('x ', s)}]]></description>")),
    "a comment": lambda s: around(item(f"<title>T</title><!--{rep('x', s)}-->")),
    "the title of the feed": lambda s: around("", head=f"<title>{rep('x', s)}</title><description>{rep('y ', s)}</description><copyright>{rep('z', s)}</copyright>"),
    "an advice": lambda s: around("", head=f"<ttl>{rep('9', s)}</ttl><sy:updatePeriod>{rep('hourly', s)}</sy:updatePeriod><skipHours>{rep('<hour>9', s)}</skipHours>"),
}  # fmt: skip

MANY = {
    "empty items": lambda s: rss(good(1), good(2), good(3), rep("<item/>", s)),
    "items with a guid alone": lambda s: rss(good(1), good(2), good(3), numbered("<item><guid>@</guid></item>", s)),
    "items with a title alone": lambda s: rss(good(1), good(2), good(3), numbered("<item><title>@</title></item>", s)),
    "items that are one": lambda s: around(rep("<item><title>Un</title><guid>same</guid></item>", s)),
    "items of one guid": lambda s: around(numbered("<item><title>Titre @</title><guid>same</guid></item>", s)),
    "items of one link": lambda s: around(numbered("<item><title>Titre @</title><link>https://a.example/</link></item>", s)),
    "items of one text": lambda s: around(numbered("<item><guid>@</guid><title>Un titre</title><description>Un texte de quelques mots.</description></item>", s)),
    "items in items": lambda s: rss(good(1), good(2), good(3), f"{rep('<item>', s // 2)}<title>a</title>{rep('</item>', s // 2)}"),
    "items that never end": lambda s: rss(good(1), good(2), good(3), rep("<item><title>x", s)),
    "titles": lambda s: around(item(numbered("<title>@</title>", s))),
    "links": lambda s: around(item("<title>T</title>" + numbered("<link>https://a.example/@</link>", s))),
    "links of Atom": lambda s: around(item("<title>T</title>" + numbered('<atom:link rel="alternate" href="https://a.example/@"/>', s))),
    "guids": lambda s: around(item("<title>T</title>" + numbered("<guid>@</guid>", s))),
    "authors": lambda s: around(item("<title>T</title>" + numbered("<author>Jean @</author><dc:creator>Jeanne @</dc:creator>", s))),
    "categories": lambda s: around(item("<title>T</title>" + numbered("<category>@</category>", s))),
    "categories as attributes": lambda s: around(item("<title>T</title>" + numbered('<category term="@"/>', s))),
    "categories of podcasts": lambda s: around(item("<title>T</title>" + numbered('<itunes:category text="@"/>', s))),
    "categories of media": lambda s: around(item("<title>T</title>" + numbered("<media:category>@</media:category>", s))),
    "keywords": lambda s: around(item(f"<title>T</title><itunes:keywords>{numbered('k@ ', s)}</itunes:keywords>")),
    "enclosures": lambda s: around(item("<title>T</title>" + numbered('<enclosure url="https://a.example/@.mp3" type="audio/mpeg" length="-9"/>', s))),
    "texts": lambda s: around(item("<title>T</title>" + numbered("<content:encoded>@</content:encoded><description>@</description>", s))),
    "pictures": lambda s: around(item("<title>T</title>" + numbered('<media:content url="https://a.example/@.jpg" medium="image"/>', s))),
    "credits": lambda s: around(item("<title>T</title><media:content url='a.jpg'/>" + numbered("<media:credit>@</media:credit>", s))),
    "groups of media": lambda s: around(item("<title>T</title>" + numbered("<media:group><media:content url='@.jpg'/></media:group>", s))),
    "elements that nobody knows": lambda s: around(item("<title>T</title>" + numbered("<u@>x</u@>", s))),
    "namespaces at the root": lambda s: around("", root=NAMESPACES + " " + numbered('xmlns:n@="http://n/@" ', s)),
    "namespaces of items": lambda s: around(numbered('<item xmlns:n@="http://n/@"><title>@</title></item>', s)),
    "namespaces within namespaces": lambda s: around(item("<title>T</title>" + numbered('<x xmlns:n@="http://n/@">', s))),
    "attributes": lambda s: around(item("<title>T</title><x " + numbered('a@="1" ', s) + "/>")),
    "attributes of one name": lambda s: around(item("<title>T</title><x " + rep('a="1" ', s) + "/>")),
    "attributes at the root": lambda s: around("", root=NAMESPACES + " " + numbered('a@="1" ', s)),
    "comments": lambda s: around(item(f"<title>T{rep('<!-- x -->', s)}</title>")),
    "comments that never end": lambda s: around(item(f"<title>T</title>{rep('<!--', s)}")),
    "instructions": lambda s: around(item(f"<title>T</title>{rep('<?php x ?>', s)}")),
    "instructions before the root": lambda s: around("", before=rep("<?x y?>", s)),
    "instructions that never end": lambda s: around(item(f"<title>T</title>{rep('<?php ', s)}")),
    "sections of CDATA": lambda s: around(item(f"<title>T</title><description>{rep('<![CDATA[x]]>', s)}</description>")),
    "sections that never end": lambda s: around(item(f"<title>T</title>{rep('<![CDATA[', s)}")),
    "ends of sections": lambda s: around(item(f"<title>T</title><description>{rep(']]>', s)}</description>")),
    "angle brackets": lambda s: around(item(f"<title>T</title><description>{rep('<', s)}</description>")),
    "quotation marks that never end": lambda s: around(item("<title>T</title>" + rep("<a b='", s))),
    "ends without a start": lambda s: around(item("<title>T</title>" + rep("</a>", s))),
    "roots within the root": lambda s: around(item("<title>T</title>" + rep("<rss>", s))),
    "ends of the root": lambda s: rss(good(1), good(2), good(3)) + rep("</rss>", s),
    "hours to be skipped": lambda s: around("", head=f"<skipHours>{rep('<hour>99</hour>', s)}</skipHours><skipDays>{rep('<day>Nonday</day>', s)}</skipDays>"),
    "hubs": lambda s: around("", head=numbered('<atom:link rel="hub" href="http://hub.example/@"/>', s)),
    "dates": lambda s: around(item("<title>T</title>" + numbered("<dc:date>2026-02-11</dc:date><pubDate>@</pubDate>", s))),
    "licences": lambda s: around(item("<title>T</title>" + numbered("<cc:license xmlns:cc='http://web.resource.org/cc/' rdf:resource='@'/>", s))),
}  # fmt: skip

DEEP = {
    "in an item": lambda s: around(item(f"<title>T</title>{rep('<a>', s // 2)}{rep('</a>', s // 2)}")),
    "in an item, never ended": lambda s: around(item(f"<title>T</title>{rep('<a>', s)}")),
    "in the channel": lambda s: around(rep("<a>", s // 2) + rep("</a>", s // 2)),
    "in a description": lambda s: around(item(f"<title>T</title><description>{rep('<div>', s // 2)}{rep('</div>', s // 2)}</description>")),
    "in a title": lambda s: around(item(f"<title>T{rep('<b>', s // 2)}{rep('</b>', s // 2)}</title>")),
    "in XHTML": lambda s: atom(good_entry(1), f'<entry><id>x</id><title>T</title><content type="xhtml">{rep("<div>", s // 2)}{rep("</div>", s // 2)}</content></entry>', good_entry(2), good_entry(3)),
    "groups of media": lambda s: around(item(f"<title>T</title>{rep('<media:group>', s // 2)}<media:content url='a.jpg'/>{rep('</media:group>', s // 2)}")),
    "media in media": lambda s: around(item("<title>T</title>" + rep("<media:content url='a.jpg'>", s // 2) + rep("</media:content>", s // 2))),
    "bases upon bases": lambda s: around(item("<title>T</title>" + numbered('<x xml:base="a/@/">', s))),
    "languages upon languages": lambda s: around(item("<title>T</title>" + numbered('<x xml:lang="l@">', s))),
    "categories of podcasts": lambda s: around("", head=rep('<itunes:category text="a">', s // 2) + rep("</itunes:category>", s // 2)),
    "sources in sources": lambda s: around(item("<title>T</title>" + rep("<source>", s // 2) + rep("</source>", s // 2))),
}  # fmt: skip


def html(unit: str) -> Callable[[int], str]:
    """An item whose text repeats a piece of HTML."""
    return lambda s: around(item(f"<title>T</title><description><![CDATA[<p>Un</p>{rep(unit, s)}]]></description>"))


HTML = {
    **{f"of {unit[:30]}": html(unit) for unit in (
        "<div>", "</div>", "<a><b>", "<font><p>", "<b><i></b></i>", "<table>", "<table><tr><td>", "<td><tr>", "<table><b>",
        "<select><option>", "<svg><p>", "<math><mi>", "<template>", "<script>", "</script>", "<style>", "<br>", "<li>", "<ul><li>",
        "<p><b>", "<b></b>", "<nobr>", "<plaintext>", "<textarea>", "<noscript>", "<iframe>", "<object>", "<ruby><rt>",
        "<details><summary>", "<figure>", "<!--", "<![CDATA[", "<p a='", "<p/", "<", ">", "&", "&x", "&eacute", "&nbsp;", "<h1>x",
        "<a href='https://a.example/'>x</a>", "<img src='https://a.example/a.jpg'>", "<img srcset='a.jpg 1x, b.jpg 2x'>",
        "<img src='data:image/png;base64,AAAA'>", "<p style='x' onclick='y'>z</p>", "<form><input>", "<b\x0b>", "<isindex>",
    )},
    "an attribute": lambda s: around(item(f"<title>T</title><description><![CDATA[<p title='{rep('x', s)}'>x</p>]]></description>")),
    "attributes": lambda s: around(item(f"<title>T</title><description><![CDATA[<p {numbered('a@=1 ', s)}>x</p>]]></description>")),
    "links": lambda s: around(item("<title>T</title><description><![CDATA[" + numbered("<a href='https://a.example/@'>@</a> ", s) + "]]></description>")),
    "pictures": lambda s: around(item("<title>T</title><description><![CDATA[" + numbered("<img src='https://a.example/@.jpg' width=9999999999 height=-1>", s) + "]]></description>")),
    "escaped a hundred times": lambda s: around(item(f"<title>T</title><description>&{'amp;' * 100}lt;b&{'amp;' * 100}gt;</description>")),
    "items as deep as they may be": lambda s: around(numbered(f"<item><guid>@</guid><description><![CDATA[{'<div>' * 190}x{'</div>' * 190}]]></description></item>", s)),
    "items that cost all they can": lambda s: around(numbered(f"<item><guid>@</guid><description><![CDATA[<p>{'&' * 19_000}]]></description></item>", s)),
    "asks for what it shows": lambda s: around(item("<title>T</title><description><![CDATA[<img src='http://{canary}/a.jpg'><link rel='stylesheet' href='http://{canary}/a.css'><iframe src='http://{canary}/'>]]></description>")),
}  # fmt: skip

# Runs of what the expressions of parse and clean look for, in each field.
RUNS = (
    " ", "\n", "\t", "\xa0", "7", "&lt;", "&amp;", "&quot;", "'", "(", ")", "((a)", "[", "[…] ", ".", "… ", "!? ", "- ", "– ", "| ",
    "@", "a@b.", ": ", "/", "%", "%4", "+", ", ", "A", "Aa ", "Par Jean Dupont ", "lire la suite ", "The post a appeared first on ",
    "L’article a est apparu en premier sur ", "Publié le ", " / Mis à jour le ", "(Communiqué", "(AFP", "11 février 2026 ", "12:", "«",
    "’", "_", "&lt;!--", "&lt;a ", "&lt;p&gt;", "&lt;script", "]]&gt;", "data:a,", "&amp;#", "&amp;eacute", "www.", "/amp", "?a=1&amp;",
    "+01:00 ", "#", "=", "*", "{", "^", "\\", "~", "•", "é", "漢", "أ", "ﬁ", "ß", "İ", "\u200d", "\ufeff", "x",
)  # fmt: skip
FIELDS = (
    "title", "link", "guid", "author", "dc:creator", "category", "pubDate", "description", "content:encoded", "dc:rights",
    "dc:language", "comments", "georss:point", "source", "media:credit", "itunes:author", "foo:bar",
)  # fmt: skip


def run(unit: str) -> Callable[[int], str]:
    """An item for each field, which holds a run of these characters."""

    def make(size: int) -> str:
        text = rep(unit, size // (2 * len(FIELDS)))
        inner = (f"<item><{name}>{text}</{name}>" + ("" if name == "title" else "<title>T</title>") for name in FIELDS)
        ids = (f"<x>{n}</x></item>" if name == "guid" else f"<guid>{n}</guid></item>" for n, name in enumerate(FIELDS))
        return around("".join(map("".join, zip(inner, ids, strict=True))), head=f"<copyright>{text}</copyright>")

    return make


JUNK = {
    "an empty document": (lambda s: "<?xml version='1.0'?>", "not_a_feed"),
    "an empty channel": (lambda s: rss(), "ok empty"),
    "an empty feed": (lambda s: atom(), "ok empty"),
    "a root alone": (lambda s: "<rss/>", "not_a_feed"),
    "a root of 1 MB": (lambda s: f"<{rep('a', s)}:rss>", "not_a_feed broken_xml"),
    "binary rubbish": (lambda s: bytes(range(256)) * (s // 256), "not_a_feed encoding"),
    "zeros": (lambda s: b"\0" * s, "empty not_a_feed encoding"),
    "0xFF": (lambda s: b"\xff" * s, "not_a_feed encoding"),
    "a picture": (lambda s: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 99, "not_a_feed encoding"),
    "a PDF": (lambda s: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj", "not_a_feed"),
    "an archive": (lambda s: b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(range(256)) * 99, "not_a_feed encoding"),
    "a program": (lambda s: b"\x7fELF\x02\x01\x01" + b"\0" * 999, "not_a_feed encoding"),
    "a login": (lambda s: "<!DOCTYPE html><html><head><title>Connexion</title></head><body><form action='/login'><input name=user></form></body></html>", "not_a_feed"),
    "a parked domain": (lambda s: "<html><head><title>outlet.example is for sale</title></head><body><a href='http://{canary}/'>Buy</a></body></html>", "not_a_feed"),
    "an app that needs JavaScript": (lambda s: "<!doctype html><html><body><noscript>You need to enable JavaScript</noscript><div id=root></div><script src='http://{canary}/a.js'></script></body></html>", "not_a_feed"),
    "a captive portal": (lambda s: "<HTML><HEAD><meta http-equiv=refresh content='0;url=http://{canary}/'><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>", "not_a_feed"),
    "a page that holds a feed": (lambda s: f"<html><body><pre>{FEED.decode()}</pre></body></html>", "not_a_feed"),
    "a page of 1 MB": (lambda s: f"<html><body>{rep('<p>Un</p>', s)}</body></html>", "not_a_feed"),
    "titles of a page without end": (lambda s: f"<html>{rep('<title', s)}", "not_a_feed"),
    "plain text": (lambda s: rep("Il n’y a rien à voir ici. ", s), "not_a_feed"),
    "angle brackets alone": (lambda s: rep("<", s), "not_a_feed"),
    "tags alone": (lambda s: rep("<a>", s), "not_a_feed"),
    "comments alone": (lambda s: rep("<!-- x", s), "not_a_feed"),
    "instructions alone": (lambda s: rep("<?x ", s), "not_a_feed"),
    "spaces and then nothing": (lambda s: rep(" ", s) + "x", "not_a_feed"),
    "a sitemap": (lambda s: '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://outlet.example/</loc></url></urlset>', "not_a_feed"),
    "SVG": (lambda s: '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "not_a_feed"),
    "SOAP": (lambda s: '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body/></soap:Envelope>', "not_a_feed"),
    "OPML": (lambda s: '<opml version="2.0"><body><outline type="rss" xmlUrl="http://{canary}/"/></body></opml>', "not_a_feed"),
    "a directory": (lambda s: "<html><head><title>Index of /</title></head><body><a href='../'>..</a></body></html>", "not_a_feed"),
    "an error of PHP": (lambda s: "<br />\n<b>Fatal error</b>:  Uncaught Error in <b>/var/www/feed.php</b>", "not_a_feed"),
    "cut off in the first item": (lambda s: rss(good(1))[:-80], "broken_xml"),
    "cut off in the head": (lambda s: rss(good(1))[:300], "broken_xml not_a_feed"),
    "JSON of another kind": (lambda s: '{"error": {"code": 42}}', "not_a_feed"),
    "JSON that breaks off in its first item": (lambda s: json_feed()[:200], "broken_xml"),
    "JSON without items": (lambda s: '{"version": "https://jsonfeed.org/version/1.1", "title": "x"}', "not_a_feed"),
    "JSON whose items are none": (lambda s: '{"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": {"a": 1}}', "not_a_feed"),
    "JSON as deep as it can be": (lambda s: rep("[", s), "not_a_feed"),
    "JSON objects as deep as they can be": (lambda s: rep('{"a":', s), "not_a_feed"),
    "JSON of quotation marks": (lambda s: "{" + rep('"', s), "not_a_feed"),
    "JSON of spaces": (lambda s: "{" + rep(" ", s), "not_a_feed"),
    "JSON in a call": (lambda s: f"callback({json_feed()})", "not_a_feed"),
    "JSON that is null": (lambda s: "[null]", "not_a_feed"),
    "JSON with a version of the moon": (lambda s: '{"version": 1.1, "title": [], "items": [[], 1, null, "x", true]}', "not_a_feed ok empty"),
}  # fmt: skip

REPAIRED = {
    "rubbish before it": lambda s: rep("x", s) + rss(good(1), good(2), good(3), before=""),
    "brackets before it": lambda s: rep("< ", s) + rss(good(1), good(2), good(3), before=""),
    "a warning of PHP before it": lambda s: "Warning: Undefined variable $a in feed.php on line 3\n" + around(""),
    "spaces before it": lambda s: rep(" \r\n", s) + around(""),
    "comments before it": lambda s: around("", before=rep("<!-- x -->", s)),
    "rubbish behind it": lambda s: around("") + rep("x", s),
    "another document behind it": lambda s: around("") + around(item("<title>Deux</title>")),
    "cut off after the third item": lambda s: rss(good(1), good(2), good(3), good(4))[:-80],
    "no end of the channel": lambda s: around("").replace("</channel>", ""),
    "no end at all": lambda s: around("").removesuffix("</channel></rss>"),
    "elements that end in the wrong order": lambda s: around(item("<title>T<b>x</title></b><description>Un</description>")),
    "an attribute without quotation marks": lambda s: around(item("<title>T</title><enclosure url=https://a.example/a.mp3 length=9>")),
    "a prefix that nobody declared": lambda s: around(item("<title>T</title><un:known>x</un:known>")),
    "a tag in capital letters": lambda s: around(item("<TITLE>T</TITLE><Description>Un</Description>")),
    "a lone ampersand": lambda s: around(item("<title>Un & deux &lt; trois &copy; &nbsp; AT&T</title>")),
    "XML 1.1": lambda s: around(item("<title>T&#1;\x85</title>"), before='<?xml version="1.1"?>'),
    "XML 9.9": lambda s: around("", before='<?xml version="9.9" encoding="x" standalone="maybe"?>'),
    "two declarations": lambda s: around("", before=DECLARATION * 2),
    "a declaration inside": lambda s: around(item(f"<title>T</title>{DECLARATION}")),
}  # fmt: skip

LATIN = rss(good(1), item("<title>L’été à Besançon « œuvre »</title>"), good(2), good(3), before="")


def _declared(charset: str, codec: str, text: str = LATIN) -> bytes:
    return f'<?xml version="1.0" encoding="{charset}"?>'.encode(codec, "replace") + text.encode(codec, "replace")


def _spread(text: bytes, piece: bytes) -> bytes:
    """A document with a piece between the words of its hostile item."""
    return text.replace("à Besançon".encode(), piece.join([b"a"] * 50))


CHARACTERS = {
    "UTF-16 with a mark": lambda s: ('<?xml version="1.0" encoding="UTF-16"?>' + LATIN).encode("utf-16"),
    "UTF-16 without a mark": lambda s: _declared("UTF-16", "utf-16-be"),
    "UTF-16 that says it is UTF-8": lambda s: _declared("UTF-8", "utf-16-le"),
    "UTF-32 with a mark": lambda s: ('<?xml version="1.0" encoding="UTF-32"?>' + LATIN).encode("utf-32"),
    "UTF-32 without a mark": lambda s: _declared("UTF-32", "utf-32-be"),
    "UTF-32 the other way round, without a mark": lambda s: _declared("UTF-32", "utf-32-le"),
    "UTF-8 that says it is UTF-16": lambda s: _declared("UTF-16", "utf-8"),
    "Latin-1 that says it is UTF-16": lambda s: _declared("UTF-16", "cp1252"),
    "Latin-1 that says it is EBCDIC": lambda s: _declared("cp037", "cp1252"),
    "UTF-8 that says it is Latin-1": lambda s: _declared("ISO-8859-1", "utf-8"),
    "Latin-1 that says it is UTF-8": lambda s: _declared("UTF-8", "cp1252"),
    "Latin-9": lambda s: _declared("ISO-8859-15", "iso-8859-15"),
    "Japanese": lambda s: _declared("Shift_JIS", "shift_jis", LATIN + ""),
    "GB18030": lambda s: _declared("GB18030", "gb18030"),
    "ISO-2022-JP": lambda s: _declared("ISO-2022-JP", "iso2022_jp"),
    "an encoding that is none": lambda s: _declared("klingon", "cp1252"),
    "an encoding that runs": lambda s: _declared("zlib", "utf-8"),
    "an encoding of idna": lambda s: _declared("idna", "utf-8"),
    "an encoding of 1 MB": lambda s: _declared("x" * s, "utf-8"),
    "UTF-8 and Latin-1 by turns": lambda s: _spread(LATIN.encode(), " é ".encode() + " è ".encode("cp1252")),
    "characters cut in two": lambda s: _spread(LATIN.encode(), b"\xc3 \xe2\x80 "),
    "UTF-8 that is too long": lambda s: _spread(LATIN.encode(), b"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf"),
    "surrogates": lambda s: _spread(LATIN.encode(), b"\xed\xa0\x80\xed\xb0\x80\xed\xbf\xbf"),
    "beyond Unicode": lambda s: _spread(LATIN.encode(), b"\xf4\x90\x80\x80\xf8\x88\x80\x80\x80"),
    "NUL bytes": lambda s: _spread(LATIN.encode(), b"\0"),
    "NUL bytes everywhere": lambda s: LATIN.encode().replace(b" ", b"\0 "),
    "control characters": lambda s: _spread(LATIN.encode(), bytes(range(1, 9)) + b"\x0b\x0c\x1b[31m\x7f\xc2\x85\xc2\x9f"),
    "marks in the middle": lambda s: _spread(LATIN.encode(), b"\xef\xbb\xbf"),
    "noncharacters": lambda s: _spread(LATIN.encode(), "\ufffe\uffff\ufdd0\U0001ffff".encode()),
    "three marks before it": lambda s: b"\xef\xbb\xbf" * 3 + LATIN.encode(),
}  # fmt: skip
UNREADABLE = {
    "EBCDIC": lambda s: _declared("cp500", "cp500"),
    "UTF-7": lambda s: b'<?xml version="1.0" encoding="UTF-7"?>' + LATIN.encode("utf-7"),
    "a mark of another kind and then UTF-8": lambda s: b"\xfe\xff\xef\xbb\xbf" + LATIN.encode(),
    "a mark of UTF-16 and then UTF-8": lambda s: b"\xff\xfe" + LATIN.encode(),
    "a mark of UTF-32 and then rubbish": lambda s: b"\0\0\xfe\xff" + bytes(range(256)) * 9,
}

DATES = {
    text: (lambda s, text=text: around(item(f"<title>T</title><pubDate>{text}</pubDate><dc:date>{text}</dc:date>")))  # type: ignore[misc]
    for text in (
        "Mon, 01 Jan 0000 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 9999 23:59:59 -2359", "99999-12-31T23:59:59Z",
        "Wed, 11 Feb 2026 10:00:00 +9999", "Wed, 11 Feb 2026 10:00:00 -9900", "Wed, 11 Feb 2026 99:99:99 GMT", "2026-02-11T24:00:00Z",
        "2026-02-11T23:59:60Z", "2026-13-45", "2026-02-30", "-2026-02-11", "0", "-1", "9999999999", "99999999999999999999", "1e400", "NaN",
        "2100-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT", "2026-03-29T02:30:00", "hier", "now", "",
        "٢٠٢٦-٠٢-١١", "²⁰²⁶-02-11", "Wed, 11 Feb 2026 10:00:00 PLUTO", "2026-W07-3", "2026-042", "0x7ea-02-11", "12/10/2021 11h23",
    )
}  # fmt: skip

JSON = {
    "numbers that are none": lambda s: json_feed({"id": "n", "title": "T", "size": "X"}).replace('"X"', "NaN").replace('"n"', "-Infinity"),
    "a number without end": lambda s: json_feed({"id": "n", "title": "T"}).replace('"n"', rep("9", min(s, 4000))),
    "a number with more digits than Python reads": lambda s: json_feed({"id": "n", "title": "T"}).replace('"n"', rep("9", s)),
    "a number with an exponent without end": lambda s: json_feed({"id": "n", "title": "T"}).replace('"n"', "1e" + rep("9", s)),
    "wrong types everywhere": lambda s: json_feed(*({"id": each, "url": each, "title": each, "content_html": each, "summary": each, "date_published": each, "authors": each, "tags": each, "attachments": each, "image": each, "language": each} for each in (None, True, 1, 1.5, -1, [], [[]], {}, {"a": 1}, [None], [{"name": {}, "url": [], "size_in_bytes": "x"}]))),
    "wrong types in its head": lambda s: json_feed(title={}, home_page_url=[], feed_url=1, description=None, authors=1, hubs="x", language=[], icon=True, expired="no", next_url={}),
    "items that are none": lambda s: json_feed(None, True, 1, "x", [], {}),
    "keys twice": lambda s: json_feed().replace('"items"', '"title": "Deux", "items": 1, "items"'),
    "half characters": lambda s: json_feed({"id": "\ud83d", "title": "\ud83d\udc00\udfff", "content_text": "\0\ufffe\x1b"}),
    "another page": lambda s: json_feed(next_url="http://{canary}/2", feed_url="http://{canary}/", hubs=[{"type": "WebSub", "url": "http://{canary}/"}]),
    "tags": lambda s: json_feed({"id": "t", "title": "T", "tags": [str(n) for n in range(s // 10)]}),
    "authors": lambda s: json_feed({"id": "t", "title": "T", "authors": [{"name": str(n)} for n in range(s // 20)]}),
    "attachments": lambda s: json_feed({"id": "t", "title": "T", "attachments": [{"url": f"https://a.example/{n}", "mime_type": "audio/mpeg", "size_in_bytes": -n} for n in range(s // 90)]}),
    "empty items": lambda s: json_feed(*[{}] * min(s // 4, 9000)),
    "more items than are read": lambda s: json_feed(good_object(2), good_object(3), *({"id": n} for n in range(s // 14))),
    "a long title": lambda s: json_feed({"id": "t", "title": rep("x", s), "content_text": rep("y ", s)}),
    "line ends in texts": lambda s: json_feed({"id": "t", "title": "T@"}).replace("@", rep("\n", s)),
    "a mark before it": lambda s: "\ufeff" + json_feed(),
    "UTF-16": lambda s: json_feed().encode("utf-16"),
}  # fmt: skip

ITEMS = {
    "without anything": lambda s: around("<item></item><item/>" + item("")),
    "with a guid that is empty": lambda s: around("<item><guid/><title>T</title></item>" * 3),
    "that are all published now": lambda s: around(numbered("<item><guid>@</guid><title>T @</title><pubDate>Wed, 11 Feb 2026 13:00:00 +0100</pubDate></item>", 20_000)),
    "that are all of tomorrow": lambda s: around(numbered("<item><guid>@</guid><title>T @</title><pubDate>Thu, 12 Feb 2026 13:00:00 +0100</pubDate></item>", 20_000)),
    "with guids of our own kind": lambda s: around("".join(f"<item><guid>{guid}</guid><title>T</title></item>" for guid in ("hash:0", "good-1#episode-2", "a#episode-1", "__proto__", "NULL", "'; DROP TABLE items; --", "%00", "../../x"))),
    "with links that are none": lambda s: around("".join(f"<item><title>T {n}</title><link>{link}</link></item>" for n, link in enumerate(("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http://[", "http://[::1", "//", "http://", "http:// /", "?", "#", "http://a:b:c/", "http://a:99999/", "h\u200bttp://x/", "\\\\x\\y", "http://user:word@outlet.example/", "http://a.example/" + "%" * 999)))),
    "with bases that are none": lambda s: atom(good_entry(1), '<entry xml:base="http://["><id>b</id><title xml:base="javascript:">T</title><link href="x"/></entry>', good_entry(2), good_entry(3), root='xml:base="\\\\//["'),
    "with enclosures that lie": lambda s: around(item("<title>T</title>" + "".join(f"<enclosure url='https://a.example/{n}' type='{kind}' length='{size}'/>" for n, (kind, size) in enumerate(itertools.product(("", "x", "image/png\u202e", "../.."), ("-1", "9" * 50, "1e9", "NaN", "0x10", "")))))),
    "with a picture without sides": lambda s: around(item("<title>T</title><media:content url='https://a.example/a.jpg' width='9999999999999' height='-5' fileSize='x'/><media:thumbnail url=''/><media:content/>")),
    "with places that are none": lambda s: around("".join(f"<item><title>T {n}</title><georss:point>{point}</georss:point></item>" for n, point in enumerate(("1", "a b", "NaN NaN", "inf inf", "1e999 1", "91 181", "1 2 3", "")))),
    "with advice that is none": lambda s: around("", head="<ttl>-5</ttl><sy:updatePeriod>never</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency><skipHours><hour>99</hour><hour>-1</hour></skipHours><skipDays><day>Someday</day></skipDays>"),
    "with advice of a thousand years": lambda s: around("", head="<ttl>999999</ttl><sy:updatePeriod>yearly</sy:updatePeriod><sy:updateFrequency>1</sy:updateFrequency>"),
    "with all hours to be skipped": lambda s: around("", head="<skipHours>" + "".join(f"<hour>{n}</hour>" for n in range(24)) + "</skipHours><skipDays>" + "".join(f"<day>{day}</day>" for day in "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()) + "</skipDays>"),
    "with two titles, guids and links": lambda s: around(item("<guid>b</guid><title>Un</title><title>Deux</title><link>https://a.example/1</link><link>https://a.example/2</link>")),
    "with geometries that feedparser fails at": lambda s: around(item("<title>T</title><georss:line>1</georss:line><georss:box>x</georss:box><gml:pos xmlns:gml='http://www.opengis.net/gml'>a</gml:pos>")),
    "with content in base64": lambda s: atom(good_entry(1), f'<entry><id>b</id><title>T</title><content type="application/octet-stream">{rep("QUJD", s)}</content></entry>', good_entry(2), good_entry(3)),
    "with content elsewhere": lambda s: atom(good_entry(1), '<entry><id>b</id><title>T</title><content type="text/html" src="http://{canary}/"/><link rel="enclosure" href="http://{canary}/a.jpg" type="image/jpeg"/></entry>', good_entry(2), good_entry(3)),
}  # fmt: skip

# ── one source against another

VICTIM = "https://outlet.example/1"


def _thief(at: At) -> Answer:
    items = "".join(
        f"<item><guid>good-{n}</guid><link>https://outlet.example/{n}</link><title>Volé {n}</title>"
        f"<description>Un tout autre texte, volé {at.number} fois.</description></item>"
        for n in (1, 2, 3)
    )
    return feed(rss(items))


def _turned(at: At) -> Answer:
    """A feed that is another one at the second poll."""
    if at.number == 0:
        return feed(rss(*map(good, range(1, 20))))
    spam = rss(
        numbered("<item><guid>spam-@</guid><title>Casino @</title><link>https://spam.example/@</link></item>", 9000)
    )
    return feed(spam.replace("Le fil", "Casino").replace("outlet.example", "spam.example"))


OTHERS = (
    Case("others: it steals the guids and links of another", _thief, polls=2),
    Case("others: it names itself another", lambda _: feed(rss(good(1), good(2), good(3), head=f'<atom:link rel="self" href="{VICTIM}"/>')), good=3),
    Case("others: it turns into another site", _turned, "ok suspect", polls=2, good=19, forbidden="Casino"),
    Case("others: it numbers its items anew", lambda at: feed(FEED.replace(b"good-", b"again-%d-" % at.number)), good=3, polls=2),
    Case("others: it empties itself", lambda at: feed() if at.number == 0 else feed(rss()), "ok suspect empty", good=3, polls=2),
    Case("others: it is broken afterwards", lambda at: feed() if at.number == 0 else feed(FEED[:200]), "ok broken_xml not_a_feed", good=3, polls=2),
)  # fmt: skip


# ── pages that are read by selectors

ARTICLES = "".join(f"<article><h2><a href='/{n}'>{GOOD} {n}</a></h2></article>" for n in (1, 2, 3))


def page(name: str, make: Callable[[int], str], expected: str = "ok", good: int = 3) -> Case:
    selectors = {"item": "article", "title": "h2", "link": "a", "lead": "p", "date": "time", "image": "img"}
    return Case(f"pages: {name}", document(make), expected, good, selectors=selectors)


PAGES = (
    page("nothing", lambda s: "<html></html>", "not_a_feed", 0),
    page("no page at all", lambda s: "<", "not_a_feed empty", 0),
    page("another design", lambda s: f"<html><title>Neuf</title>{rep('<section>x</section>', s)}", "not_a_feed", 0),
    page("divisions in divisions", lambda s: f"<html>{ARTICLES}{rep('<div>', s)}"),
    page("articles in articles", lambda s: f"<html>{ARTICLES}{rep('<article>', s)}"),
    page("articles by the thousand", lambda s: f"<html>{ARTICLES}" + numbered("<article><h2><a href='/@'>Titre @</a></h2><p>Un</p></article>", s)),
    page("a title without end", lambda s: f"<html>{ARTICLES}<article><h2><a href='/9'>{rep('x ', s)}</a></h2></article>"),
    page("attributes by the thousand", lambda s: f"<html {numbered('a@=1 ', s)}>{ARTICLES}"),
    page("tables in tables", lambda s: f"<html>{ARTICLES}{rep('<table><tr><td>', s)}"),
    page("a base inside", lambda s: f"<html><base href='http://{{canary}}/'>{ARTICLES}<img src='http://{{canary}}/x'>"),
    page("paragraphs that nothing ends", lambda s: f"<html>{ARTICLES}{rep('<p>x', s)}"),
    page("zeros", lambda s: f"<html>{ARTICLES}{rep(chr(0), s)}"),
)  # fmt: skip


def _healthy(number: int) -> Case:
    return Case(f"healthy: {number}", lambda _: feed(), good=3, polls=2)


HEALTHY = tuple(map(_healthy, range(3)))  # that nobody may delay or spoil

CASES: tuple[Case, ...] = (
    *TIME,
    *FRAMING,
    *COMPRESSION,
    *REDIRECTS,
    *NAMES,
    *TLS,
    *ANSWERS,
    *documents("entities", ENTITIES),
    *documents("long", LONG),
    *documents("many", MANY),
    *documents("deep", DEEP),
    *documents("html", HTML),
    *documents("runs", {f"of {unit!r}": run(unit) for unit in RUNS}),
    *(Case(f"junk: {name}", document(make), expected) for name, (make, expected) in JUNK.items()),
    *documents("repaired", REPAIRED),
    *documents("characters", CHARACTERS),
    *documents("characters", UNREADABLE, "ok not_a_feed encoding broken_xml", good=0),
    *documents("dates", DATES),
    *documents("json", JSON),
    *documents("items", ITEMS),
    Case("json: deep within an item", document(lambda s: json_feed({"id": "d"}).replace('"d"', f'"d", "_x": {rep("[", s // 2)}{rep("]", s // 2)}')), good=1),
    Case("json: breaks off", document(lambda s: json_feed()[:-40]), good=2),
    Case("json: a comma too many in an item", document(lambda s: json_feed({"id": "d"}).replace('"d"', '"d",')), good=1),
    Case("json: rubbish behind it", document(lambda s: json_feed() + "</script>" * 9), good=3),
    *OTHERS,
    *PAGES,
)  # fmt: skip


# ── where they are played


class Origins:
    """Servers for cases, each on a port of its own, in one thread; and the canary, which nobody may ask."""

    def __init__(
        self,
        cases: Sequence[Case],
        certificates: Path,
        size: int = SIZE,
        host: Callable[[int], str] = lambda _: "127.0.0.1",
    ) -> None:
        self.places: dict[str, tuple[str, int]] = {}  # host and port of each case, by name
        self.canary = ""
        self.betrayals: list[str] = []  # what the canary was asked
        self._cases = cases
        self._certificates = certificates
        self._size = size
        self._host = host
        self._counts = dict.fromkeys((case.name for case in cases), 0)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        async with contextlib.AsyncExitStack() as opened:
            await self._open_canary(opened)
            for number, case in enumerate(self._cases):
                tls = server_side(self._certificates, case.tls) if case.tls else None
                host = self._host(number)
                meet = partial(self._accept, partial(self._converse, case))
                server = await opened.enter_async_context(await asyncio.start_server(meet, host, 0, ssl=tls))
                self.places[case.name] = host, server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _open_canary(self, opened: contextlib.AsyncExitStack) -> None:
        meet = partial(self._accept, self._betrayed)
        server = await opened.enter_async_context(await asyncio.start_server(meet, "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]
        self.canary = f"127.0.0.1:{port}"
        with contextlib.suppress(OSError):  # no IPv6 here
            await opened.enter_async_context(await asyncio.start_server(meet, "::1", port))

    def _accept(
        self,
        meet: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        task = self._loop.create_task(meet(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _betrayed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.betrayals.append("connected")
        self.betrayals.append((await reader.read(999)).decode("latin-1"))
        writer.close()

    async def _converse(self, case: Case, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            try:
                for part in await self._parts(case, reader, writer):
                    await self._send(part, writer)
            finally:
                writer.close()

    async def _parts(self, case: Case, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Iterable[Part]:
        request = Request("", "", {}, b"")
        if not case.raw:
            first_byte = await reader.readexactly(1)
            if first_byte == TLS_HANDSHAKE:
                return [answer(400)]
            request = await _read(first_byte, reader)
        number = self._counts[case.name]
        self._counts[case.name] += 1
        host, port = self.places[case.name]
        made = case.answers(At(request, number, host, port, self.canary, self._size))
        return [made] if isinstance(made, bytes) else made

    async def _send(self, part: Part, writer: asyncio.StreamWriter) -> None:
        if part is PAUSE:
            await asyncio.sleep(PAUSE_SECONDS)
        elif part is HANG:
            writer.transport.pause_reading()
            try:
                await self._stop.wait()
            finally:
                writer.transport.abort()
        elif part is RESET:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        else:
            assert isinstance(part, bytes)
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)  # so that who sends without end leaves the others a turn


class Names(AbstractResolver):
    """Name resolution as hostile as the origins; numbers in odd spellings are read by the system, as ever."""

    def __init__(self, origins: Mapping[str, tuple[str, int]]) -> None:
        self._hosts = {port: host for host, port in origins.values()}
        self._turned = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host == "dead.example":
            await asyncio.Event().wait()
        if re.fullmatch(r"[0-9a-fA-Fx.:%]+|localhost\.?", host, re.IGNORECASE):
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = [str(address[0]) for *_, address in found]
        else:
            addresses = self._addresses(host.rstrip("."), self._hosts.get(port, "127.0.0.1"))
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for each in addresses
        ]

    def _addresses(self, name: str, us: str) -> list[str]:
        if name == "turncoat.example":
            self._turned += 1
            return [us] if self._turned == 1 else ["10.0.0.1"]
        known = {
            "insides.example": ["127.0.0.1", "::1", "10.0.0.1"],
            "both.example": ["10.0.0.1", us],
            "none.example": [],
            "rubbish.example": ["no address", "999.1.1.1", ""],
            "thousand.example": [f"10.0.{n // 250}.{n % 250 + 1}" for n in range(1000)],
        }
        ours = ("us", "secure", "inside", "rebound", "xn--franche-comt-meb", "xn--ls8h")
        if name not in known and name not in {f"{each}.example" for each in ours}:
            raise OSError(f"no such name: {name[:99]}")
        return known.get(name, [us])

    async def close(self) -> None:
        pass


KINDS = {  # of certificate: its days, its name, who signed it
    "good": (2, "secure.example", "authority"),
    "expired": (-1, "secure.example", "authority"),
    "other": (2, "other.invalid", "authority"),
    "self": (2, "secure.example", ""),
    "leafs": (2, "secure.example", "good"),
}


def make_certificates(folder: Path, openssl: str) -> None:
    """Certificates of every kind, and the authority that is trusted."""
    _sign(folder, openssl, "authority", 2, "authority", "", "basicConstraints=critical,CA:TRUE")
    for kind, (days, name, signer) in KINDS.items():
        _sign(folder, openssl, kind, days, name, signer, f"subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE")


def _sign(folder: Path, openssl: str, kind: str, days: int, name: str, signer: str, extensions: str) -> None:
    (folder / f"{kind}.ext").write_text(extensions)
    key, request = f"{kind}.key", f"{kind}.csr"
    new = f"req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} -out {request} -subj /CN={name}"
    by = f"-CA {signer}.crt -CAkey {signer}.key -CAcreateserial" if signer else f"-signkey {key}"
    sign = f"x509 -req -in {request} -days {days} -extfile {kind}.ext {by} -out {kind}.crt"
    for words in (new, sign):
        subprocess.run([openssl, *words.split()], cwd=folder, check=True, capture_output=True)
    (folder / f"{kind}.pem").write_text((folder / key).read_text() + (folder / f"{kind}.crt").read_text())


def server_side(certificates: Path, kind: str) -> ssl.SSLContext:
    """What a server shows whoever connects."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / ("good.pem" if kind == "old" else f"{kind}.pem"))
    if kind == "old":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context


# ── playing them


class Played(Struct, frozen=True):
    """What came of a round: of each case by its name, and what was logged that should not have been."""

    came: Mapping[str, Came]
    alarms: tuple[str, ...]


class _Alarms(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        told = str(record.exc_info[1]) if record.exc_info else ""
        self.heard.append(f"{record.name}: {record.getMessage()} {told}"[:500])


def sources(cases: Iterable[Case], places: Mapping[str, tuple[str, int]], canary: str) -> dict[str, Source]:
    """The source of each case, by its name."""
    made = {}
    for case in cases:
        host, port = places[case.name]
        url = case.url.format(host=host, port=port, canary=canary, canary_port=canary.rpartition(":")[2])
        url += "" if "{port}" in case.url else f"#{port}"  # those of one address are told apart
        kind = SourceKind.PAGE if case.selectors else SourceKind.FEED
        made[case.name] = Source(url, title=case.name, kind=kind, selectors=case.selectors)
    return made


async def play(
    cases: Sequence[Case],
    places: Mapping[str, tuple[str, int]],
    canary: str,
    certificates: Path,
    settings: Settings,
    told: Callable[[str, Report], None] = lambda *_: None,
    warm: Callable[[], None] | None = None,
    at_once: int = 10**9,
) -> Played:
    """Poll all of them side by side, or some `at_once`, and those again that are to be polled twice. `warm` is called
    once the healthy ones have been polled, before all others.
    """
    settings = replace(settings, allow_private=tuple(f"{host}:{port}" for host, port in places.values()))
    by_case = sources(cases, places, canary)
    names = {source.url: name for name, source in by_case.items()}
    twice = {by_case[case.name].url for case in cases if case.polls > 1}
    reports: dict[str, list[Report]] = {case.name: [] for case in cases}

    def done(report: Report) -> None:
        name = names[report.source.url]
        reports[name].append(report)
        told(name, report)

    alarms = _Alarms()
    logging.getLogger().addHandler(alarms)
    store = open_store(settings.database)
    try:
        store.sync_sources(list(by_case.values()), NOW)
        for number in range(2 if twice else 1):
            now = NOW + timedelta(hours=number)
            views = [view for view in store.sources() if not number or view.source.url in twice]
            pipeline = Pipeline(settings, store, lambda now=now: now)  # type: ignore[misc]
            trust = ssl.create_default_context(cafile=str(certificates / "authority.crt"))
            wide = replace(settings, concurrency=pipeline._lanes.width.in_all)
            pipeline._client = HttpClient(wide, resolver=Names(places), tls=trust)
            async with pipeline:
                due = [(view.source, view.state) for view in views]
                if warm and not number:
                    await pipeline.poll([each for each in due if each[0].title.startswith("healthy")], done)
                    due = [each for each in due if not each[0].title.startswith("healthy")]
                    warm()
                for first in range(0, len(due), at_once):
                    await pipeline.poll(due[first : first + at_once], done)
        return Played(_collected(store, names, reports), tuple(alarms.heard))
    finally:
        logging.getLogger().removeHandler(alarms)
        store.close()


def _collected(store: Store, names: Mapping[str, str], reports: Mapping[str, list[Report]]) -> dict[str, Came]:
    titles: dict[str, list[str]] = {name: [] for name in reports}
    held: dict[str, list[str]] = {name: [] for name in reports}
    for stored in store.items():
        name = names[stored.item.source]
        titles[name].append(stored.item.title)
        held[name] += [stored.item.title, stored.item.lead, stored.item.html]
    return {name: Came(tuple(found), tuple(titles[name]), "\n".join(held[name])) for name, found in reports.items()}


def faults(case: Case, came: Came) -> list[str]:
    """In which ways that is not what must come of the case."""
    found = []
    expected = {*case.expected.split(), *(["not_modified"] if case.polls > 1 else [])}
    statuses = [report.status.replace(" ", "_") for report in came.reports]
    if len(statuses) != case.polls or not expected.issuperset(statuses):
        told = "; ".join(report.message[:200] for report in came.reports)
        found.append(f"{' then '.join(statuses) or 'nothing'} instead of {case.expected} ({told})")
    kept = len({title for title in came.titles if title.startswith(GOOD)})
    if "ok" in statuses and kept < case.good:
        found.append(f"{kept} good items of {case.good}")
    if case.forbidden and case.forbidden in came.held:
        found.append(f"{case.forbidden!r} was stored")
    if ErrorClass.INTERNAL in expected.union(statuses):
        found.append("a fault of ours")
    return found
