"""The outgoing HTTP client, against hostile origins on loopback."""

import asyncio
import gzip
import inspect
import os
import socket
import ssl
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import brotli
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config import Settings
from aggregator.errors import ErrorClass, FetchError
from aggregator.httpclient import HttpClient, Response, _class, _Hop, is_public, without_userinfo
from aggregator.httpclient.bodies import MEMBERS_LIMIT
from tests.origin import HANG, PAUSE, Answer, Origin, Request, answer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FEED = b"<?xml version='1.0'?><rss version='2.0'><channel><title>News</title></channel></rss>"
MIB = 1 << 20


class Names(AbstractResolver):
    """Name resolution as a test wants it: name → addresses."""

    def __init__(self, names: Mapping[str, list[str]]) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self._names:
            raise OSError(f"no such name: {host}")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._names[host]
        ]

    async def close(self) -> None:
        pass


def get(
    url: str, *allowed: str, headers: Mapping[str, str] | None = None, tls: Any = None, names: Any = None, **set_to: Any
) -> Response:
    """Ask once, with a client of its own; the origin itself is allowed unless told otherwise."""

    async def run() -> Response:
        settings = Settings(**{"timeout_seconds": 10, "body_limit_mib": 1, "allow_private": allowed, **set_to})
        async with HttpClient(settings, tls=tls, resolver=names) as client:
            return await client.get(url, headers or {})

    return asyncio.run(run())


def answered(raw: Answer | Any, **set_to: Any) -> Response:
    """Ask an origin that always answers the same."""
    with Origin(lambda request: raw() if callable(raw) else raw) as origin:
        return get(origin.url("/feed"), origin.authority, **set_to)


def failure(raw: Answer | Any, **set_to: Any) -> FetchError:
    """The error of asking an origin that always answers the same."""
    with pytest.raises(FetchError) as caught:
        answered(raw, **set_to)
    return caught.value


# ── a plain request


def test_a_response_has_status_headers_and_body():
    response = answered(answer(200, [("X-A", "1"), ("x-a", "2"), ("Content-Type", "text/xml")], FEED))
    assert response.status == 200
    assert response.body == FEED
    assert response.headers == {"x-a": "1, 2", "content-type": "text/xml", "content-length": str(len(FEED))}
    assert response.moved_to == ""


def test_a_request_says_who_asks_and_for_what():
    with Origin(lambda request: answer()) as origin:
        get(origin.url(), origin.authority, headers={"If-None-Match": '"a"'}, contact="mailto:desk@example.fr")
    sent = origin.requests[0].headers
    assert sent["user-agent"].endswith("(+mailto:desk@example.fr)")
    assert sent["accept-encoding"] == "gzip, deflate, br, zstd"
    assert sent["accept"].startswith("application/atom+xml")
    assert sent["if-none-match"] == '"a"'
    assert not {"cookie", "authorization"} & sent.keys()


@pytest.mark.parametrize("status", [201, 203, 206, 404, 500])
def test_a_body_is_read_for_a_200_only(status):
    response = answered(lambda: iter([answer(status, {"Content-Length": "9"}), b"some", HANG]))
    assert (response.status, response.body) == (status, b"")


def test_cookies_are_not_kept():
    def answers(request: Request) -> bytes:
        return answer(302, {"Location": "/there", "Set-Cookie": "a=b"}) if request.path == "/" else answer()

    with Origin(answers) as origin:
        get(origin.url(), origin.authority)
    assert "cookie" not in origin.requests[1].headers


def test_header_values_that_are_not_utf_8_can_still_be_stored():
    headers = answered(answer(200, {"X-A": "caf\udce9", "X-B": "café"})).headers
    assert (headers["x-a"], headers["x-b"]) == ("caf�", "café")


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("/a%2Cb%7e?x=%2c+%41;y&&z=", "/a%2Cb%7e?x=%2c+%41;y&&z="),
        ("/une page?q=été à Dole", "/une%20page?q=%C3%A9t%C3%A9%20%C3%A0%20Dole"),
        ("/100%", "/100%25"),
        ("/a?b#part", "/a?b"),
        ("", "/"),
        ("/a ", "/a"),
    ],
)
def test_a_url_is_sent_as_written_where_that_is_possible(asked, sent):
    with Origin(lambda request: answer()) as origin:
        get(origin.url(asked), origin.authority)
    assert origin.requests[0].target == sent


def test_a_host_may_be_international():
    with Origin(lambda request: answer()) as origin:
        url = f"http://Mâcon.example:{origin.port}/"
        response = get(url, f"xn--mcon-boa.example:{origin.port}", names=Names({"xn--mcon-boa.example": ["127.0.0.1"]}))
    assert response.status == 200


@pytest.mark.parametrize(
    "url",
    [
        "",
        "feed",
        "//host/feed",
        "feed:http://host/",
        "file:///etc/passwd",
        "ftp://host/",
        "http://",
        "http:///feed",
        "http://host:99999/",
        "http://host:port/",
        "http://[::1/",
        "http://user:sesame@host\u2100.fr/",
        "http://a:b:c@[/",
    ],
)
def test_what_is_no_http_url_is_not_asked(url):
    with pytest.raises(FetchError) as caught:
        get(url)
    assert caught.value.error_class is ErrorClass.CONNECTION
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("host", ["a" * 70 + ".fr", "a..fr", "exa mple.fr", "2130706433", "127.1", "0x7f000001.", "*"])
def test_a_host_that_cannot_be_is_an_error_of_ours(host):
    with pytest.raises(FetchError) as caught:
        get(f"http://{host}/")
    assert caught.value.error_class in {ErrorClass.CONNECTION, ErrorClass.BLOCKED_ADDRESS}


def test_a_header_that_cannot_be_sent_is_an_error_of_ours():
    with pytest.raises(FetchError):
        get("http://93.184.216.34/", headers={"If-None-Match": "a\r\nb: c"})


# ── credentials


def test_credentials_in_the_url_go_to_their_origin_only():
    with Origin(lambda request: answer()) as other:

        def answers(request: Request) -> bytes:
            return answer(302, {"Location": "/b" if request.path == "/a" else other.url("/c")})

        with Origin(answers) as origin:
            url = origin.url("/a").replace("http://", "http://desk:s%C3%A9same@")
            response = get(url, origin.authority, other.authority)
    assert [request.headers.get("authorization") for request in origin.requests] == ["Basic ZGVzazpzw6lzYW1l"] * 2
    assert "authorization" not in other.requests[0].headers
    assert response.url == other.url("/c")


def test_a_url_is_given_back_without_its_password():
    with Origin(lambda request: answer()) as origin:
        response = get(origin.url("/a").replace("http://", "http://desk:sesame@"), origin.authority)
    assert response.url == origin.url("/a")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://desk:sesame@host/a@b", "https://host/a@b"),
        ("https://desk@host", "https://host"),
        ("https://a:b@c:d@host/", "https://host/"),
        ("https://host/?u=//a@b", "https://host/?u=//a@b"),
        ("no url", "no url"),
    ],
)
def test_userinfo_is_stripped_and_nothing_else(url, shown):
    assert without_userinfo(url) == shown


# ── redirects


def hop(status: int, location: str) -> bytes:
    return answer(status, {"Location": location})


@pytest.mark.parametrize(
    ("statuses", "moved"), [([301], True), ([308, 301], True), ([301, 302], False), ([307, 308], False), ([303], False)]
)
def test_a_source_has_moved_when_every_hop_was_permanent(statuses, moved):
    def answers(request: Request) -> bytes:
        at = int(request.path.strip("/"))
        return hop(statuses[at], f"/{at + 1}") if at < len(statuses) else answer(body=FEED)

    with Origin(answers) as origin:
        response = get(origin.url("/0"), origin.authority, headers={"If-None-Match": '"a"'})
    final = origin.url(f"/{len(statuses)}")
    assert (response.url, response.body) == (final, FEED)
    assert response.moved_to == (final if moved else "")
    assert all(request.headers["if-none-match"] == '"a"' for request in origin.requests)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("b", "/dir/b"),
        ("?page=2", "/dir/a?page=2"),
        ("../c d#part", "/c%20d"),
        ("/é", "/%C3%A9"),
        ("/\udce9", "/%E9"),
        ("  /b ", "/b"),
    ],
)
def test_a_redirect_may_be_relative_and_sloppy(location, target):
    with Origin(lambda request: hop(302, location) if request.target == "/dir/a" else answer()) as origin:
        response = get(origin.url("/dir/a"), origin.authority)
    assert origin.requests[1].target == target
    assert response.url == origin.url(target)


def test_five_redirects_are_followed_and_a_sixth_is_not():
    with Origin(
        lambda request: hop(301, f"/{int(request.path[1:]) - 1}") if request.path != "/0" else answer()
    ) as origin:
        assert get(origin.url("/5"), origin.authority).moved_to == origin.url("/0")
        with pytest.raises(FetchError) as caught:
            get(origin.url("/6"), origin.authority)
    assert caught.value.error_class is ErrorClass.REDIRECT_LOOP
    assert caught.value.source_url == origin.url("/6")


def test_a_loop_ends_at_its_first_round():
    with (
        Origin(lambda request: hop(302, "/b#x" if request.path == "/a" else "/a#y")) as origin,
        pytest.raises(FetchError) as caught,
    ):
        get(origin.url("/a"), origin.authority)
    assert caught.value.error_class is ErrorClass.REDIRECT_LOOP
    assert len(origin.requests) == 2


@pytest.mark.parametrize(
    "raw",
    [
        answer(302),
        hop(301, ""),
        hop(301, "ftp://host/"),
        hop(301, "file:///etc/passwd"),
        hop(301, "javascript:alert(1)"),
        hop(307, "http://[::1/"),
        hop(308, "https://"),
        hop(308, "http://host:99999/"),
        hop(302, "http://desk:sesame@host/"),
        hop(302, "//desk@host/"),
    ],
)
def test_a_redirect_to_nowhere_is_bad(raw):
    error = failure(raw)
    assert error.error_class is ErrorClass.BAD_REDIRECT
    assert "sesame" not in str(error)


@pytest.mark.parametrize("inside", ["http://127.0.0.1:{}/", "http://localhost:{}/", "http://[::ffff:127.0.0.1]:{}/"])
def test_a_maze_of_redirects_does_not_lead_inside(inside):
    def answers(request: Request) -> bytes:
        return hop(302, "/2" if request.path == "/1" else inside.format(hidden.port))

    with (
        Origin(lambda request: answer(body=b"secret")) as hidden,
        Origin(answers) as origin,
        pytest.raises(FetchError) as caught,
    ):
        get(origin.url("/1"), origin.authority)
    assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS
    assert hidden.connections == 0


# ── the guard

PUBLIC = ["93.184.216.34", "1.1.1.1", "192.0.1.1", "100.128.0.1", "172.32.0.1", "2a01:e0a::1", "2606:4700::1111"]
PUBLIC_INSIDE = ["::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1", "2a01::5efe:1.1.1.1"]
CLOSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::1.1.1.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1.1.1.1",
    "100::1",
    "2001::1",  # Teredo
    "2001:0:5ef5:79fd:0:0:80ff:fffe",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2a01::5efe:10.0.0.1",
    "2a01::200:5efe:10.0.0.1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "",
    "localhost",
    "1.2.3",
    "0x7f000001",
]


@pytest.mark.parametrize("address", PUBLIC + PUBLIC_INSIDE)
def test_addresses_of_the_open_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize("address", CLOSED)
def test_all_other_addresses_are_not(address):
    assert not is_public(address)


PRIVATE_4 = st.one_of(
    st.integers(int(IPv4Address(first)), int(IPv4Address(last))).map(IPv4Address)
    for first, last in [
        ("0.0.0.0", "0.255.255.255"),
        ("10.0.0.0", "10.255.255.255"),
        ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"),
        ("169.254.0.0", "169.254.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("224.0.0.0", "255.255.255.255"),
    ]
)
EMBED = {
    "as it is": lambda ip: IPv4Address(ip),
    "mapped": lambda ip: IPv6Address(0xFFFF << 32 | ip),
    "compatible": lambda ip: IPv6Address(ip),
    "translated": lambda ip: IPv6Address(0xFFFF << 48 | ip),
    "NAT64": lambda ip: IPv6Address(0x64_FF9B << 96 | ip),
    "local NAT64": lambda ip: IPv6Address(0x64_FF9B_0001 << 80 | ip),
    "local NAT64 /48": lambda ip: IPv6Address(0x64_FF9B_0001 << 80 | ip >> 16 << 64 | (ip & 0xFFFF) << 40),
    "6to4": lambda ip: IPv6Address(0x2002 << 112 | ip << 80 | 1),
    "Teredo server": lambda ip: IPv6Address(0x2001_0000 << 96 | ip << 64 | 0xFEFEFEFE),
    "Teredo client": lambda ip: IPv6Address(0x2001_0000 << 96 | 0x41_0000_01 << 64 | ip ^ 0xFFFF_FFFF),
    "ISATAP": lambda ip: IPv6Address(0x2A01_0E0A << 96 | 0x5EFE << 32 | ip),
    "global ISATAP": lambda ip: IPv6Address(0x2A01_0E0A << 96 | 0x0200_5EFE << 32 | ip),
    "ISATAP in 6to4": lambda ip: IPv6Address(0x2002_0101_0101 << 80 | 0x5EFE << 32 | ip),
}


@given(PRIVATE_4, st.sampled_from(sorted(EMBED)))
def test_no_dress_makes_a_private_ipv4_address_public(private, form):
    assert not is_public(str(EMBED[form](int(private))))


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_never_public_here(ip):
    assert not (ip.is_private and getattr(ip, "ipv4_mapped", None) is None and is_public(str(ip)))


SPELLINGS = "127.1 127.0.1 2130706433 017700000001 0177.0.0.1 0x7f000001 0x7f.1 0X7F.0.0.1. 0".split()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "localhost.", "a.LOCALHOST", "[::ffff:127.0.0.1]", "[::]", *SPELLINGS]
)
def test_nothing_connects_inside(host):
    with Origin(lambda request: answer(body=b"secret")) as origin, pytest.raises(FetchError) as caught:
        get(origin.url(host=host))
    assert origin.connections == 0
    assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS


def test_an_allowed_pair_opens_its_own_port_only():
    with Origin(lambda request: answer()) as origin, Origin(lambda request: answer()) as neighbour:
        assert get(origin.url(), origin.authority).status == 200
        with pytest.raises(FetchError) as caught:
            get(neighbour.url(), origin.authority)
    assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS
    assert "127.0.0.1 is not a public address" in str(caught.value)
    assert neighbour.connections == 0


@pytest.mark.parametrize("allowed", ["intranet.example", "INTRANET.example.", "127.0.0.1"])
def test_a_pair_names_the_host_of_the_url_or_the_address(allowed):
    with Origin(lambda request: answer()) as origin:
        url = origin.url(host="Intranet.Example")
        names = Names({"Intranet.Example": ["127.0.0.1"]})
        assert get(url, f"{allowed}:{origin.port}", names=names).status == 200


def test_a_name_that_is_rebound_between_check_and_use_gains_nothing():
    def answers(request: Request) -> bytes:
        return hop(302, f"http://rebind.example:{hidden.port}/again")

    with Origin(lambda request: answer(body=b"secret")) as hidden, Origin(answers) as origin:
        names = Names({"rebind.example": ["127.0.0.1"], "start.example": ["127.0.0.1"]})
        with pytest.raises(FetchError) as caught:
            get(origin.url(host="start.example"), f"start.example:{origin.port}", names=names)
    assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS
    assert (len(origin.requests), hidden.connections) == (1, 0)


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "::1"], ["::1", "fd00::1", "10.0.0.1", "64:ff9b::a00:1"]]
)
def test_a_name_with_several_addresses_inside_is_blocked(addresses):
    with pytest.raises(FetchError) as caught:
        get("http://many.example/", names=Names({"many.example": addresses}))
    assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS
    assert all(address in str(caught.value) for address in addresses)


@pytest.mark.parametrize("addresses", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["::1", "127.0.0.1"]])
def test_an_open_address_is_used_beside_a_blocked_one(addresses):
    with Origin(lambda request: answer(body=FEED)) as origin:
        names = Names({"both.example": addresses})
        assert get(origin.url(host="both.example"), origin.authority, names=names).body == FEED


@pytest.mark.parametrize("addresses", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["::1", "127.0.0.1"]])
def test_another_error_does_not_hide_a_blocked_address(addresses):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(FetchError) as caught:
        get(f"http://both.example:{port}/", f"127.0.0.1:{port}", names=Names({"both.example": addresses}))
    assert caught.value.error_class is ErrorClass.BLOCKED_ADDRESS


@pytest.mark.parametrize("parts", [[answer(200, {"Content-Length": "9"}, b"half")], [b""]])
def test_a_blocked_address_does_not_hide_what_comes_after_connecting(parts):
    names = Names({"both.example": ["10.0.0.1", "127.0.0.1"]})
    with Origin(lambda request: iter(parts)) as origin, pytest.raises(FetchError) as caught:
        get(origin.url(host="both.example"), origin.authority, names=names)
    assert caught.value.error_class is ErrorClass.CONNECTION


def test_a_blocked_address_does_not_hide_a_time_out_of_the_other():
    names = Names({"both.example": ["10.0.0.1", "127.0.0.1"]})
    with Origin(lambda request: drip()) as origin, pytest.raises(FetchError) as caught:
        get(origin.url(host="both.example"), origin.authority, names=names, timeout_seconds=0.3)
    assert caught.value.error_class is ErrorClass.TIMEOUT


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    with Origin(lambda request: answer(body=b"proxy")) as proxy, Origin(lambda request: answer(body=b"real")) as origin:
        monkeypatch.setenv("http_proxy", proxy.url())
        assert get(origin.url(), origin.authority).body == b"real"


def test_an_unknown_name_is_a_failed_connection():
    with pytest.raises(FetchError) as caught:
        get("http://nowhere.example/", names=Names({}))
    assert caught.value.error_class is ErrorClass.CONNECTION
    assert "nowhere.example" in str(caught.value)


# ── deadline


def drip() -> Iterator[Any]:
    yield answer(200, {"Content-Length": "100000"})
    while True:
        yield b"<"
        yield PAUSE


def slow_head() -> Iterator[Any]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X: y\r\n"
        yield PAUSE


@pytest.mark.parametrize(
    ("raw", "phase"),
    [
        (drip, "while reading body"),
        (slow_head, "while requesting"),
        (lambda: iter([HANG]), "while requesting"),
        (lambda: iter([PAUSE, answer(302, {"Location": "/a"}), HANG]), "while requesting"),
        (lambda: iter([answer(200, {"Content-Length": "9"}), HANG]), "while reading body"),
        (lambda: iter([answer(200, {"Content-Encoding": "gzip", "Content-Length": "9"}), HANG]), "while reading body"),
    ],
)
def test_one_deadline_is_around_everything(raw, phase):
    turns = iter([raw() if raw is not None else b""])

    def answers(request: Request) -> Answer:
        return next(turns, None) or iter([HANG])

    with Origin(answers) as origin, pytest.raises(FetchError) as caught:
        get(origin.url("/feed"), origin.authority, timeout_seconds=0.3)
    assert caught.value.error_class is ErrorClass.TIMEOUT
    assert phase in str(caught.value)


def test_endless_early_hints_end_with_the_deadline():
    def hints() -> Iterator[Any]:
        while True:
            yield b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            yield PAUSE

    assert failure(hints, timeout_seconds=0.3).error_class is ErrorClass.TIMEOUT


def test_waiting_for_a_turn_does_not_count():
    def answers(request: Request) -> Answer:
        return iter([PAUSE, PAUSE, answer(body=FEED)])

    async def run(origin: Origin, **limits: int) -> list[Response]:
        settings = Settings(timeout_seconds=0.5, allow_private=(origin.authority,), **limits)
        async with HttpClient(settings) as client:
            return await asyncio.gather(*(client.get(origin.url(f"/{number}")) for number in range(30)))

    for limits in ({"per_host": 2, "concurrency": 30}, {"per_host": 30, "concurrency": 2}):
        with Origin(answers) as origin:
            responses = asyncio.run(run(origin, **limits))
        assert [response.body for response in responses] == [FEED] * 30
        assert origin.peak == 2


def test_dead_name_servers_do_not_hold_up_other_sources(monkeypatch):
    dead_end = threading.Event()
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *rest: Any, **more: Any) -> Any:
        if str(host).startswith("dead"):
            dead_end.wait(10)
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return real("127.0.0.1", *rest, **more)

    async def run(origin: Origin) -> Response:
        settings = Settings(timeout_seconds=5, concurrency=40, allow_private=(f"alive.example:{origin.port}",))
        async with HttpClient(settings) as client:
            dead = [asyncio.create_task(client.get(f"http://dead{number}.example/")) for number in range(39)]
            await asyncio.sleep(0)
            try:
                return await client.get(origin.url(host="alive.example"))
            finally:
                dead_end.set()
                await asyncio.gather(*dead, return_exceptions=True)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with Origin(lambda request: answer(body=FEED)) as origin:
        assert asyncio.run(run(origin)).body == FEED
    for thread in threading.enumerate():
        if thread.name.startswith("resolve"):
            thread.join(5)
            assert not thread.is_alive()


# ── bodies

CODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZip": gzip.compress,
    "identity, gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw deflate": lambda body: zlib.compress(body, wbits=-15),
    "br": lambda body: brotli.compress(body, quality=5),
    "zstd": zstd.compress,
    "identity": bytes,
    "": bytes,
}
PACKERS = ("gzip", "deflate", "raw deflate", "br", "zstd")


def packed(coding: str, body: bytes, cut: int | None = None) -> bytes:
    headers = {"Content-Encoding": coding.removeprefix("raw ")} if coding else {}
    return answer(200, headers, CODERS[coding](body)[:cut])


@pytest.mark.parametrize("coding", CODERS)
@pytest.mark.parametrize(
    "body", [b"", FEED, os.urandom(300_000), FEED * 10_000], ids=["empty", "feed", "noise", "long"]
)
def test_each_coding_is_unpacked(coding, body):
    assert answered(packed(coding, body)).body == body


def drops(raw: bytes) -> Iterator[Any]:
    """The head, two bytes of the body one by one, the rest."""
    start = raw.index(b"\r\n\r\n") + 4
    return iter(
        [raw[:start], PAUSE, raw[start : start + 1], PAUSE, raw[start + 1 : start + 2], PAUSE, raw[start + 2 :]]
    )


@pytest.mark.parametrize("coding", CODERS)
def test_a_body_may_come_in_drops(coding):
    assert answered(partial(drops, packed(coding, FEED))).body == FEED


def test_chunked_and_unframed_bodies_are_read_to_their_end():
    chunked = answer(200, {"Transfer-Encoding": "chunked"}, b"4\r\n<rss\r\n2;x=y\r\n/>\r\n0\r\nTrailer: x\r\n\r\n")
    assert answered(chunked).body == b"<rss/>"
    assert answered(b"HTTP/1.0 200 OK\r\n\r\n<rss/>").body == b"<rss/>"


@pytest.mark.parametrize("coding", PACKERS)
def test_a_bomb_is_stopped_at_the_limit(coding):
    raw = packed(coding, bytes(64 * MIB))
    tracemalloc.start()
    try:
        error = failure(raw)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.error_class is ErrorClass.TOO_LARGE
    assert "1 MiB" in str(error)
    assert peak < 4 * MIB  # the limit, a few chunks, and this test's own


def test_an_endless_body_is_stopped_at_the_limit():
    noise = os.urandom(1 << 16)
    endless = {
        "": (b"", noise),
        "gzip": (gzip.compress(b"")[:10], b"\0\xff\xff\0\0" + noise[:-1]),  # stored blocks
    }
    for coding, (start, more) in endless.items():
        head = answer(200, {"Content-Encoding": coding, "Content-Length": str(1 << 40)}, start)
        assert failure(partial(chain, [head], repeat(more))).error_class is ErrorClass.TOO_LARGE


def test_packed_data_that_unpacks_to_nothing_is_limited_too():
    head = answer(200, {"Content-Encoding": "gzip", "Content-Length": str(1 << 40)}, gzip.compress(b"")[:10])
    empty_blocks = b"\0\0\0\xff\xff" * 1000
    assert failure(lambda: chain([head], repeat(empty_blocks))).error_class is ErrorClass.TOO_LARGE


def test_a_body_may_be_just_as_long_as_the_limit():
    for coding in ("", *PACKERS):
        assert len(answered(packed(coding, bytes(MIB))).body) == MIB
        assert failure(packed(coding, bytes(MIB + 1))).error_class is ErrorClass.TOO_LARGE


def test_zstd_may_not_ask_for_a_huge_window():
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    huge = compressor.compress(os.urandom(1 << 17)) + compressor.flush()
    error = failure(answer(200, {"Content-Encoding": "zstd"}, huge))
    assert error.error_class is ErrorClass.ENCODING


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "br, gzip", "utf-8"])
@pytest.mark.parametrize(
    "plain",
    [FEED, b"\xef\xbb\xbf\n <RSS version='2.0'/>", b'{ "version": "https://jsonfeed.org/version/1.1"}', b"<feed/>"],
)
def test_a_content_encoding_that_lies_is_forgiven(coding, plain):
    raw = answer(200, {"Content-Encoding": coding}, plain)
    assert answered(raw).body == answered(partial(drops, raw)).body == plain


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_what_does_not_begin_like_its_coding_is_taken_as_it_is(coding):
    assert answered(answer(200, {"Content-Encoding": coding}, b"Bonjour")).body == b"Bonjour"


@pytest.mark.parametrize("coding", ["gzip, gzip", "br, gzip", "compress", "aes128gcm", "x" * 500])
def test_other_codings_are_refused(coding):
    error = failure(answer(200, {"Content-Encoding": coding}, gzip.compress(gzip.compress(FEED))))
    assert error.error_class is ErrorClass.ENCODING
    assert len(str(error)) < 300


@pytest.mark.parametrize("coding", PACKERS)
@pytest.mark.parametrize("cut", [-1, -9, 20])
def test_a_body_that_ends_too_early_is_a_broken_connection(coding, cut):
    error = failure(packed(coding, FEED * 50, cut))
    assert error.error_class is ErrorClass.CONNECTION


@pytest.mark.parametrize("coding", PACKERS)
def test_broken_data_is_an_error_of_ours(coding):
    raw = bytearray(packed(coding, FEED * 100))
    raw[raw.index(b"\r\n\r\n") + 12 :] = b"\xff" * 1000
    raw = raw.replace(b"Content-Length", b"X")
    assert failure(bytes(raw)).error_class is ErrorClass.ENCODING


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_several_members_are_one_body(coding):
    body = CODERS[coding](FEED) + CODERS[coding](b"") + CODERS[coding](b"<!-- end -->")
    assert answered(answer(200, {"Content-Encoding": coding}, body)).body == FEED + b"<!-- end -->"


def test_members_without_end_are_not_unpacked():
    body = gzip.compress(b"a") * (MEMBERS_LIMIT + 50)
    assert answered(answer(200, {"Content-Encoding": "gzip"}, body)).body == b"a" * MEMBERS_LIMIT


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate", "zstd"])
def test_what_follows_the_end_of_packed_data_is_ignored(coding):
    raw = answer(200, {"Content-Encoding": coding.removeprefix("raw ")}, CODERS[coding](FEED) + b"\0\0<!-- cached -->")
    assert answered(raw).body == FEED
    assert answered(lambda: (raw[at : at + 7] for at in range(0, len(raw), 7))).body == FEED


@given(st.binary(max_size=3000), st.sampled_from(PACKERS), st.integers(0, 3000), st.binary(max_size=40))
def test_no_damage_raises_anything_but_our_error(body, coding, at, damage):
    raw = bytearray(CODERS[coding](body))
    raw[at : at + len(damage)] = damage
    try:
        asyncio.run(unpacked(bytes(raw), coding.removeprefix("raw ")))
    except FetchError as error:
        assert error.error_class in {ErrorClass.ENCODING, ErrorClass.CONNECTION, ErrorClass.TOO_LARGE}


async def unpacked(raw: bytes, coding: str) -> bytes:
    from aggregator.httpclient.bodies import read_body

    class Still:
        def __init__(self) -> None:
            self._left = raw

        async def read(self, size: int) -> bytes:
            piece, self._left = self._left[:size], self._left[size:]
            return piece

    return await read_body(Still(), coding, MIB, "http://host/")  # type: ignore[arg-type]


# ── broken servers


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"<rss/>\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX" + b"x" * 20_000 + b": y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabcde",
        answer(200, {"Content-Length": "100"}, b"<rss/>"),
        answer(200, {"Content-Length": "100", "Content-Encoding": "gzip"}, gzip.compress(FEED)),
        answer(200, {"Transfer-Encoding": "chunked"}, b"6\r\n<rss/>\r\n"),
        answer(200, {"Transfer-Encoding": "chunked"}, b"zz\r\n<rss/>\r\n0\r\n\r\n"),
        answer(200, {"Transfer-Encoding": "chunked"}, b"FFFFFFFFFFFFFFFFFF\r\n<rss/>\r\n0\r\n\r\n"),
    ],
    ids=range(15),
)
def test_a_broken_answer_is_a_failed_connection(raw):
    error = failure(raw)
    assert error.error_class is ErrorClass.CONNECTION
    assert len(str(error)) < 500


def test_more_than_was_promised_is_never_read():
    raw = answer(200, {"Content-Length": "6"}, b"<rss/><more/>")
    assert answered(raw).body == b"<rss/>"
    assert answered(lambda: iter([raw[:-7], PAUSE, raw[-7:]])).body == b"<rss/>"


def test_a_second_answer_is_never_read():
    raw = answer(200, {"Transfer-Encoding": "chunked"}, b"6\r\n<rss/>\r\n0\r\n\r\n")
    assert answered(raw + answer(body=b"<more/>")).body == b"<rss/>"


@pytest.mark.parametrize("body", [b"-6\r\n<rss/>\r\n", b"3\r\n<rss/>\r\n", b"\r\n<rss/>"])
def test_a_body_that_breaks_after_its_head_is_not_waited_for(body):
    head = answer(200, {"Transfer-Encoding": "chunked"})
    error = failure(lambda: iter([head, PAUSE, body, HANG]))
    assert error.error_class is ErrorClass.CONNECTION


def test_a_connection_refused_is_a_failed_connection():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        pair = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(FetchError) as caught:
        get(f"http://{pair}/", pair)
    assert caught.value.error_class is ErrorClass.CONNECTION
    assert caught.value.source_url == f"http://{pair}/"


# ── TLS


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate):
    with (
        Origin(lambda request: answer(body=FEED), server_side(certificate)) as origin,
        pytest.raises(FetchError) as caught,
    ):
        get(origin.url(), origin.authority)
    assert caught.value.error_class is ErrorClass.TLS
    assert origin.requests == []


@pytest.mark.parametrize("raw", [answer(body=FEED), answer(304)])
def test_a_certificate_that_is_trusted_is_accepted(certificate, raw):
    with Origin(lambda request: raw, server_side(certificate)) as origin:
        response = get(origin.url(), origin.authority, tls=ssl.create_default_context(cafile=str(certificate)))
    assert response.url == origin.url()


def test_a_certificate_of_another_host_is_refused(certificate):
    with (
        Origin(lambda request: answer(body=FEED), server_side(certificate)) as origin,
        pytest.raises(FetchError) as caught,
    ):
        trust = ssl.create_default_context(cafile=str(certificate))
        names = Names({"other.example": ["127.0.0.1"]})
        get(origin.url(host="other.example"), origin.authority, tls=trust, names=names)
    assert caught.value.error_class is ErrorClass.TLS


def test_a_port_that_does_not_speak_tls_is_a_tls_error():
    with Origin(lambda request: answer()) as origin, pytest.raises(FetchError) as caught:
        get(origin.url().replace("http:", "https:"), origin.authority)
    assert caught.value.error_class is ErrorClass.TLS


@pytest.mark.parametrize("raw", [answer(body=FEED), answer(304)])
def test_a_peer_that_never_says_goodbye_does_not_keep_us(certificate, raw):
    async def run(origin: Origin) -> None:
        settings = Settings(allow_private=(origin.authority,), timeout_seconds=10)
        async with HttpClient(settings, tls=ssl.create_default_context(cafile=str(certificate))) as client:
            await client.get(origin.url())
            assert client._open_sockets()
        assert not client._open_sockets()

    with Origin(lambda request: iter([raw, HANG]), server_side(certificate)) as origin:
        asyncio.run(run(origin))


# ── errors of the library

_KEY = SimpleNamespace(host="host", port=1, ssl=True, is_ssl=True)
_REQUEST = SimpleNamespace(real_url="http://host/")
CLASSES = {
    aiohttp.ClientError: ErrorClass.CONNECTION,
    aiohttp.ClientConnectionError: ErrorClass.CONNECTION,
    aiohttp.ClientConnectionResetError: ErrorClass.CONNECTION,
    aiohttp.ClientOSError: ErrorClass.CONNECTION,
    aiohttp.ClientConnectorError: ErrorClass.CONNECTION,
    aiohttp.ClientConnectorDNSError: ErrorClass.CONNECTION,
    aiohttp.ClientProxyConnectionError: ErrorClass.CONNECTION,
    aiohttp.client_exceptions.UnixClientConnectorError: ErrorClass.CONNECTION,
    aiohttp.ClientSSLError: ErrorClass.TLS,
    aiohttp.ClientConnectorSSLError: ErrorClass.TLS,
    aiohttp.ClientConnectorCertificateError: ErrorClass.TLS,
    aiohttp.ServerFingerprintMismatch: ErrorClass.TLS,
    aiohttp.ServerConnectionError: ErrorClass.CONNECTION,
    aiohttp.ServerDisconnectedError: ErrorClass.CONNECTION,
    aiohttp.ServerTimeoutError: ErrorClass.TIMEOUT,
    aiohttp.ConnectionTimeoutError: ErrorClass.TIMEOUT,
    aiohttp.SocketTimeoutError: ErrorClass.TIMEOUT,
    aiohttp.ClientResponseError: ErrorClass.CONNECTION,
    aiohttp.ClientHttpProxyError: ErrorClass.CONNECTION,
    aiohttp.ContentTypeError: ErrorClass.CONNECTION,
    aiohttp.WSServerHandshakeError: ErrorClass.CONNECTION,
    aiohttp.TooManyRedirects: ErrorClass.CONNECTION,
    aiohttp.ClientPayloadError: ErrorClass.CONNECTION,
    aiohttp.client_exceptions.UploadAbortedError: ErrorClass.CONNECTION,
    aiohttp.InvalidURL: ErrorClass.CONNECTION,
    aiohttp.InvalidUrlClientError: ErrorClass.CONNECTION,
    aiohttp.InvalidUrlRedirectClientError: ErrorClass.CONNECTION,
    aiohttp.NonHttpUrlClientError: ErrorClass.CONNECTION,
    aiohttp.NonHttpUrlRedirectClientError: ErrorClass.CONNECTION,
    aiohttp.RedirectClientError: ErrorClass.CONNECTION,
    TimeoutError: ErrorClass.TIMEOUT,
    OSError: ErrorClass.CONNECTION,
    ConnectionResetError: ErrorClass.CONNECTION,
    ssl.SSLError: ErrorClass.TLS,
    ssl.SSLCertVerificationError: ErrorClass.TLS,
    ValueError: ErrorClass.CONNECTION,
}


def made(kind: type[BaseException]) -> BaseException:
    """An instance, whatever its constructor asks for."""
    if issubclass(kind, aiohttp.client_exceptions.UnixClientConnectorError):
        return kind("/path", _KEY, OSError(5, "broken"))
    if issubclass(kind, aiohttp.ServerFingerprintMismatch):
        return kind(b"a", b"b", "host", 1)
    if issubclass(kind, aiohttp.ClientConnectorError):
        return kind(_KEY, OSError(5, "broken"))
    return kind(_REQUEST, ()) if issubclass(kind, aiohttp.ClientResponseError) else kind("broken")


class Falling(HttpClient):
    """A client whose library raises what it is told to."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(Settings())
        self._error = error

    async def _ask(self, *_: Any) -> Any:
        raise self._error


def test_the_table_knows_every_error_of_the_library():
    theirs = {
        each
        for module in (aiohttp, aiohttp.client_exceptions)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, aiohttp.ClientError)
    }
    assert theirs <= CLASSES.keys()


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_of_the_library_becomes_one_of_ours(kind):
    error = made(kind)
    with pytest.raises(FetchError) as caught:
        asyncio.run(Falling(error).get("http://desk:sesame@host/feed"))
    assert caught.value.error_class is CLASSES[kind]
    assert caught.value.__cause__ is error
    assert caught.value.source_url == "http://host/feed"
    assert str(caught.value).startswith("while requesting: ")


def test_a_time_out_of_the_system_is_one_too():
    error = aiohttp.ClientConnectorError(_KEY, TimeoutError(110, "Connection timed out"))  # type: ignore[arg-type]
    assert _class(error, _Hop("http://host/")) is ErrorClass.TIMEOUT


# ── many at once


def asked_many(origin: Origin, count: int) -> tuple[list[int], int]:
    """Ask as many hosts, all of them the origin: their statuses, and how many sockets stay open after it."""

    async def run() -> tuple[list[int], int]:
        hosts = [f"host{number}.example" for number in range(count)]
        settings = Settings(allow_private=(origin.authority,), timeout_seconds=20)
        async with HttpClient(settings, resolver=Names({host: ["127.0.0.1"] for host in hosts})) as client:
            responses = await asyncio.gather(*(client.get(origin.url(host=host)) for host in hosts))
            await asyncio.sleep(0)
            still_open = len(client._open_sockets())
        assert not client._open_sockets()
        return [response.status for response in responses], still_open

    return asyncio.run(run())


def test_a_thousand_hosts_are_asked_at_once():
    with Origin(lambda request: answer(304)) as origin:
        assert asked_many(origin, 1000) == ([304] * 1000, 0)
    assert origin.peak <= 64


def test_connections_that_a_server_would_keep_are_closed():
    with Origin(lambda request: iter([answer(304), HANG])) as origin:
        assert asked_many(origin, 100) == ([304] * 100, 0)
