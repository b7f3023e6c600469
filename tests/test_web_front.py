"""What stands before Flask answers as Flask would, over real sockets too."""

import gzip
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

from aggregator.cli import site as site_module
from aggregator.cli.site import Site
from aggregator.config import Settings
from aggregator.errors import ConfigError
from tests.web_world import World, a_world, an_item, settings_in, tell
from web.front import Front

FEED = "/feeds/economie.atom"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = a_world(tmp_path_factory.mktemp("site"))
    tell(world.store, [an_item(f"n{number}") for number in range(20)])
    return world


@pytest.fixture(scope="module")
def port(world: World) -> Iterator[int]:
    with Site(Settings(database=world.settings.database, base_url="https://news.example", port=0)) as site:
        yield site.port


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    yield connection
    connection.close()


# ── the same answers


def answers(world: World, headers: dict[str, str], method: str, path: str) -> list[tuple[str, object, bytes]]:
    """What Flask answers, and what the front does."""
    front = world.app.wsgi_app
    assert isinstance(front, Front)
    found = []
    for application in (front.behind, front):
        environ = EnvironBuilder(path=path, method=method, headers=headers).get_environ()
        body, status, sent = run_wsgi_app(application, environ, buffered=True)
        found.append((status, list(sent), b"".join(body)))
    return found


codings = st.sampled_from(["gzip", "br", "identity", "*", "x-gzip", "GZIP", "deflate", "zstd", ""])
qualities = st.sampled_from(["", ";q=1", ";q=0.5", ";q=0", "; q=0.001", ";q=x"])
accepted = st.lists(st.builds(str.__add__, codings, qualities), max_size=4).map(", ".join)
tags = st.sampled_from(["{tag}", "{gz}", "{br}", "W/{tag}", "*", '"other"', "unquoted", '"open', ""])
matched = st.lists(tags, min_size=1, max_size=3).map(", ".join)
dates = st.sampled_from(["{at}", "Thu, 01 Jan 2015 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", "yesterday", ""])
requests = st.fixed_dictionaries(
    {},
    optional={
        "Accept-Encoding": accepted,
        "If-None-Match": matched,
        "If-Modified-Since": dates,
        "A-IM": st.sampled_from(["feed", "feed, vcdiff", "vcdiff", "feed;q=0"]),
        "Sec-Fetch-Dest": st.sampled_from(["document", "empty"]),
        "Sec-Fetch-Mode": st.sampled_from(["navigate", "cors"]),
    },
)
addresses = st.sampled_from(
    [
        FEED,
        "/feeds/all.json",
        "/feeds/sport.rss",
        f"{FEED}?img=none",
        f"{FEED}?limit=7",
        "/feeds/search.rss?q=titre",
        "/feeds/x.rss",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests, st.sampled_from(["GET", "HEAD", "OPTIONS", "POST"]), addresses)
def test_nobody_can_tell_whether_flask_answered(world: World, headers: dict[str, str], method: str, path: str) -> None:
    known = world.client.get(FEED).headers
    tag = known["ETag"][:-1]
    values = {"tag": f'{tag}"', "gz": f'{tag}-gzip"', "br": f'{tag}-br"', "at": known["Last-Modified"]}
    by_flask, by_front = answers(world, {name: text.format(**values) for name, text in headers.items()}, method, path)
    assert by_front == by_flask


def test_a_feed_that_lies_ready_never_comes_to_flask(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.client.get(FEED)
    front = world.app.wsgi_app

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(front, "behind", refuse)
    response = Client(front).get(FEED, headers={"Accept-Encoding": "gzip"})
    assert response.status_code == 200
    assert Client(front).get(FEED, headers={"If-None-Match": response.headers["ETag"]}).status_code == 304


# ── over real sockets


@pytest.mark.parametrize(
    ("encoding", "decode"), [("identity", bytes), ("gzip", gzip.decompress), ("br, gzip", brotli.decompress)]
)
def test_each_coding_gives_the_same_document(
    connection: http.client.HTTPConnection, world: World, encoding: str, decode: type[bytes]
) -> None:
    connection.request("GET", FEED, headers={"Accept-Encoding": encoding})
    response = connection.getresponse()
    body = response.read()
    assert int(response.headers["Content-Length"]) == len(body)
    assert decode(body) == world.client.get(FEED).data


@pytest.mark.parametrize("path", [FEED, "/economie"])
def test_a_connection_stays_open_over_a_304_and_a_head(connection: http.client.HTTPConnection, path: str) -> None:
    connection.request("GET", path)
    first = connection.getresponse()
    body = first.read()
    kept = connection.sock
    assert kept is not None
    for _ in range(2):
        connection.request("GET", path, headers={"If-None-Match": first.headers["ETag"]})
        unchanged = connection.getresponse()
        assert (unchanged.status, unchanged.read()) == (304, b"")
        assert unchanged.headers["ETag"] == first.headers["ETag"]
        connection.request("HEAD", path)
        head = connection.getresponse()
        assert (head.status, head.read()) == (200, b"")
        assert int(head.headers["Content-Length"]) == len(body)
    assert connection.sock is kept


def test_requests_that_come_at_once_are_answered_in_their_order(port: int, world: World) -> None:
    tag = world.client.get(FEED).headers["ETag"]
    asked = f"GET {FEED} HTTP/1.1\r\nHost: x\r\nIf-None-Match: {tag}\r\n\r\nGET /feeds/all.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(asked.encode())
        got = b"".join(iter(lambda: wire.recv(65536), b""))
    assert got.startswith(b"HTTP/1.1 304 ")
    _, _, rest = got.partition(b"\r\n\r\n")
    assert rest.startswith(b"HTTP/1.1 200 ")
    assert rest.partition(b"\r\n\r\n")[2] == world.client.get("/feeds/all.json").data


def test_letters_outside_ascii_come_through(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/search?q=%C3%A9t%C3%A9&lang=en")
    assert "« été »" in connection.getresponse().read().decode()
    connection.request("GET", "/feeds/search.rss?q=%C3%A9t%C3%A9", headers={"Accept-Encoding": "identity"})
    response = connection.getresponse()
    assert (response.status, "« été »" in response.read().decode()) == (200, True)


def test_what_another_process_writes_is_served_at_once(connection: http.client.HTTPConnection, world: World) -> None:
    for number in range(3):
        tell(world.store, [an_item(f"fresh{number}")])
        connection.request("GET", FEED)
        assert f"Titre fresh{number}".encode() in connection.getresponse().read()


# ── its end


def has_unread(port: int) -> bool:
    """Whether connections wait for the site to take them, or hold bytes that it has not read; see proc(5)."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(int(row[4].partition(":")[2], 16) for row in rows if row[1].endswith(f":{port:04X}"))


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells what a process has not read")
def test_a_request_under_way_is_answered_before_it_ends(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    tell(world.store, [an_item("n")])
    with Site(Settings(database=world.settings.database, port=0)) as site:
        connections = [http.client.HTTPConnection("127.0.0.1", site.port, timeout=10) for _ in range(8)]
        got: list[int] = []

        def ask(connection: http.client.HTTPConnection) -> None:
            connection.request("GET", "/")
            ready.wait()
            got.append(connection.getresponse().status)

        ready = threading.Barrier(len(connections) + 1)
        threads = [threading.Thread(target=ask, args=(connection,)) for connection in connections]
        for thread in threads:
            thread.start()
        ready.wait()
        deadline = time.monotonic() + 10
        while has_unread(site.port) and time.monotonic() < deadline:
            pass  # what the site has not read yet is not under way
    for thread in threads:
        thread.join()
    assert got == [200] * len(connections)
    for connection in connections:
        connection.close()


def test_a_site_that_does_not_start_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_module, "COMMAND", (sys.executable, "-c", "pass"))
    with pytest.raises(ConfigError, match="the site did not start"), Site(settings_in(tmp_path, port=0)):
        pass


STUBBORN = """
import json, signal, socket, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
place = json.loads(sys.stdin.readline())
with socket.create_server((place["host"], place["port"])):
    signal.pause()
"""


def test_a_site_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_module, "COMMAND", (sys.executable, "-c", STUBBORN))
    monkeypatch.setattr(site_module, "END_SECONDS", 0.05)
    with Site(settings_in(tmp_path, port=0)) as site:
        pass
    assert site._process.returncode == -signal.SIGKILL


def test_it_ends_with_whoever_started_it_even_when_that_is_killed(tmp_path: Path) -> None:
    values = settings_in(tmp_path, port=0)
    code = (
        "import sys\n"
        "from aggregator.cli.site import Site\nfrom aggregator.config import Settings\n"
        f"with Site(Settings(database={values.database!r}, port=0)) as site:\n"
        "    print(site.port, flush=True)\n    site.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        port = int(starter.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
            wire.sendall(b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wire.recv(12) == b"HTTP/1.1 200"
        os.kill(starter.pid, signal.SIGKILL)
        starter.communicate(timeout=20)  # its output ends with the last process that has it
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
