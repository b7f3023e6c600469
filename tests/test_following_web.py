"""The address that hubs push to: what it takes, what it refuses, and that what is refused costs nothing."""

import hmac
import io
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from werkzeug.test import TestResponse

from aggregator.cli.lists import rows
from aggregator.cli.site import Site as ServedSite
from aggregator.errors import StoreError
from aggregator.model import Confirmed, Following, FollowingState, Naming, Pushes
from aggregator.websub import following as words
from tests.web_world import INFO, NOW, World, a_world
from web import create_app
from web import push as push_module

TOKEN, SECRET = "T" * 43, "hush"
PATH = f"/push/{TOKEN}"
TOPIC = INFO.url
NAMING = Naming("https://hub.example/", TOPIC, is_own=True)


def follow(world: World) -> Following:
    world.store.keep([replace(world.store.state(INFO.url), pushes=Pushes(NAMING, NAMING))])
    made = Following(0, INFO.url, NAMING.hub, TOPIC, TOKEN, SECRET, FollowingState.ASKED, None, NOW, 0, None, "")
    world.store.follow([made], NOW)
    found = world.store.following_of(TOKEN)
    assert found
    return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = a_world(tmp_path, body_limit_mib=0.01)
    follow(made)
    yield made
    made.store.close()


def signed(body: bytes, secret: str = SECRET, method: str = "sha256") -> dict[str, str]:
    return {
        "X-Hub-Signature": f"{method}={hmac.new(secret.encode(), body, method).hexdigest()}",
        "Content-Type": "text/xml",
    }


def push(world: World, body: bytes = b"<rss/>", path: str = PATH, **headers: str) -> TestResponse:
    sent = signed(body) | {name.replace("_", "-"): text for name, text in headers.items()}
    return world.client.post(path, data=body, headers=sent)


def inbox(world: World) -> list[bytes]:
    with closing(sqlite3.connect(world.settings.database)) as db:
        return [body for (body,) in db.execute("SELECT body FROM notices ORDER BY id")]


def ask(world: World, path: str = PATH, **changes: str) -> TestResponse:
    fields = {"mode": "subscribe", "topic": TOPIC, "challenge": "wort", "lease_seconds": "3600"} | changes
    return world.client.get(path, query_string={f"hub.{name}": text for name, text in fields.items()})


def state(world: World) -> FollowingState:
    (found,) = world.store.followings()
    return found.state


# ── what a hub asks


def test_the_word_of_the_hub_is_given_back_as_it_is(world: World) -> None:
    answered = ask(world, challenge="<b>é & ü\n")
    assert (answered.status_code, answered.get_data(as_text=True)) == (200, "<b>é & ü\n")
    assert answered.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answered.headers["X-Content-Type-Options"] == "nosniff"
    assert answered.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in answered.headers
    assert state(world) is FollowingState.CONFIRMED


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        (PATH, {"topic": "https://other.example/"}),
        (PATH, {"mode": "unsubscribe"}),
        (PATH, {"mode": "<script>"}),
        (f"/push/{'U' * 43}", {}),
        ("/push/x", {}),
        (f"/push/{'é' * 43}", {}),
        (f"{PATH}x", {}),
    ],
)
def test_what_was_not_asked_is_404_and_repeats_nothing(world: World, path: str, changes: dict[str, str]) -> None:
    answered = ask(world, path, **changes)
    assert (answered.status_code, answered.get_data(as_text=True)) == (404, "this was not asked for\n")
    assert answered.headers["Cache-Control"] == "no-store" and state(world) is FollowingState.ASKED


def test_a_denial_is_heard(world: World) -> None:
    answered = ask(world, mode="denied", challenge="", reason="no")
    assert (answered.status_code, answered.get_data()) == (200, b"")
    assert state(world) is FollowingState.DENIED


# ── what is pushed


@pytest.mark.parametrize("method", words.METHODS)
def test_what_is_signed_is_kept_as_it_came(world: World, method: str) -> None:
    body = bytes(range(256))
    answered = world.client.post(PATH, data=body, headers=signed(body, method=method) | {"Content-Type": "x" * 900})
    assert answered.status_code == 202 and inbox(world) == [body]
    found = world.store.notice(world.store.waiting_notices(9)[0][0])
    assert found and found[1].content_type == "x" * 200
    assert answered.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in answered.headers


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256",
        "sha256=",
        "sha256=" + "0" * 64,
        "sha1=" + "0" * 40,
        "md5=" + "0" * 32,
        signed(b"other")["X-Hub-Signature"],
        signed(b"<rss/>", "other")["X-Hub-Signature"],
    ],
)
def test_what_is_not_signed_with_the_secret_is_answered_the_same_and_dropped(
    world: World, signature: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = push(world)
    answered = push(world, X_Hub_Signature=signature)
    assert (answered.status_code, answered.data, dict(answered.headers)) == (
        good.status_code,
        good.data,
        dict(good.headers),
    )
    assert inbox(world) == [b"<rss/>"]
    assert f"push_dropped source={INFO.url}" in caplog.text and SECRET not in caplog.text and TOKEN not in caplog.text


class Unread(io.BytesIO):
    """A body that nobody may look at."""

    def read(self, *_: Any) -> bytes:
        raise AssertionError("it was read")

    readline = readlines = readinto = read  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"/push/{'U' * 43}", {}, 410),
        ("/push/x", {}, 410),
        (PATH, {"X-Hub-Signature": ""}, 202),
        (PATH, {"X-Hub-Signature": "sha256=no"}, 202),
        (PATH, {"Content-Encoding": "gzip"}, 415),
        (PATH, {"Content-Encoding": "identity, br"}, 415),
        (PATH, {"Content-Length": "10486"}, 413),
        (PATH, {"Content-Length": "999999999999"}, 413),
    ],
)
def test_what_need_not_be_read_is_not_read(world: World, path: str, headers: dict[str, str], status: int) -> None:
    answered = world.client.post(
        path,
        input_stream=Unread(b"x" * 100),
        headers=signed(b"x") | headers,
        environ_overrides={"CONTENT_LENGTH": headers.get("Content-Length", "100")},
    )
    assert answered.status_code == status and inbox(world) == []
    assert answered.headers["Cache-Control"] == "no-store"


def test_a_body_in_pieces_is_read_up_to_the_limit(world: World) -> None:
    for size, status in ((10_485, 202), (10_486, 413), (10**7, 413)):
        body = b"x" * size
        stream = io.BytesIO(body)
        answered = world.client.post(
            PATH,
            input_stream=stream,
            headers=signed(body) | {"Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert answered.status_code == status, size
        assert stream.tell() <= 10_486 + 65_536
    assert len(inbox(world)) == 1


def test_a_hub_that_is_left_is_told_so(world: World) -> None:
    found = world.store.followings()[0]
    world.store.note_verdict(found.id, Confirmed(NOW, NOW))
    world.store.sync_sources([], NOW)
    world.store.tend_followings(NOW)
    assert push(world).status_code == 410
    assert ask(world).status_code == 404
    assert ask(world, mode="unsubscribe").get_data() == b"wort"
    assert inbox(world) == []


# ── too much


def test_an_inbox_that_is_full_asks_to_come_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.store.following.INBOX_BYTES", 5)
    answered = push(world)
    assert (answered.status_code, answered.headers["Retry-After"]) == (503, "60")


def test_so_many_requests_a_minute_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_module, "PER_MINUTE", 3)
    now = [NOW]
    app = create_app(world.settings, clock=lambda: now[0])
    client = app.test_client()
    for status in (202, 202, 202, 429):
        answered = client.post(PATH, data=b"x", headers=signed(b"x"))
        assert answered.status_code == status
    assert answered.headers["Retry-After"] == "60" and client.get(PATH).status_code == 429
    now[0] = NOW.replace(minute=1)
    assert client.post(PATH, data=b"x", headers=signed(b"x")).status_code == 202


def test_few_bodies_are_read_at_once(world: World) -> None:
    gate = world.app.extensions["tributary.gate"]
    own = world.store.followings()[0].id
    with gate.reading(own) as is_free:
        assert is_free and push(world).status_code == 503
    with gate.reading(own + 1), gate.reading(own + 2):
        assert push(world).status_code == 503
    for signature in ("sha256=" + "0" * 64, signed(b"<rss/>")["X-Hub-Signature"]):
        assert push(world, X_Hub_Signature=signature).status_code == 202  # each gives its turn back


def test_a_store_that_cannot_be_written_asks_to_come_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise StoreError("locked")

    monkeypatch.setattr(type(world.store), "put_notice", fail)
    answered = push(world)
    assert (answered.status_code, answered.headers["Retry-After"]) == (503, "60")


@pytest.mark.parametrize("changes", [{"follow_hubs": False}, {"base_url": ""}, {"files_only": True}])
def test_where_nothing_is_followed_there_is_nothing_here(world: World, changes: dict[str, Any]) -> None:
    client = create_app(replace(world.settings, **changes), clock=lambda: NOW).test_client()
    assert client.get(PATH).status_code == 404
    assert client.post(PATH, data=b"x", headers=signed(b"x")).status_code == 410
    assert inbox(world) == []


def test_a_site_without_a_store_asks_to_come_again(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    client = create_app(replace(world.settings, database=str(tmp_path / "none.db"))).test_client()
    assert client.post(PATH, data=b"x", headers=signed(b"x")).status_code == 503
    world.store.close()


# ── what people see


def test_pages_and_commands_say_who_is_pushed(world: World) -> None:
    def told() -> tuple[bool, bool, bool, int]:
        (line,) = [each for each in rows(world.store.sources()) if each.startswith("Comtois Info")]
        page, status = world.text("/source/comtois-info?lang=en"), world.text("/status?lang=en")
        count = world.client.get("/status.json").get_json()["pushed"]
        return "its hub pushes what is new" in page, "Pushed by their hub" in status, line.endswith("ok, pushed"), count

    assert told() == (False, False, False, 0)
    ask(world)
    pushes = Pushes(NAMING, NAMING, NOW, trusted_until=NOW)
    world.store.keep([replace(world.store.state(INFO.url), checked_at=NOW, pushes=pushes)])
    assert told() == (True, True, True, 1)


# ── over the server that is used


def test_the_server_hands_pushes_on_and_stands_bodies_that_never_come(tmp_path: Path) -> None:
    world = a_world(tmp_path, port=0, body_limit_mib=0.01)
    follow(world)
    with ServedSite(world.settings) as site, closing(world.store):
        dripping = [socket.create_connection(("127.0.0.1", site.port), timeout=20) for _ in range(12)]
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-Hub-Signature: sha256={'0' * 64}\r\n"
        for each in dripping:
            each.sendall(f"{head}Content-Length: 9000\r\n\r\nx".encode())
        with socket.create_connection(("127.0.0.1", site.port), timeout=20) as reader:
            reader.sendall(b"GET /status.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert reader.recv(100).startswith(b"HTTP/1.1 200")
        for each in dripping:
            each.close()
        body = b"y" * 9000
        sent = "".join(f"{name}: {text}\r\n" for name, text in signed(body).items())
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{sent}Transfer-Encoding: chunked\r\n\r\n"
        for _ in range(50):  # as hubs do, while those that have gone are let go of
            with socket.create_connection(("127.0.0.1", site.port), timeout=20) as hub:
                hub.sendall(head.encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
                status = hub.recv(100).split()[1]
            if status != b"503":
                break
        assert status == b"202" and inbox(world) == [body]
