"""Pictures of sources at addresses of our own: who may have which, what a source is asked, and what is kept."""

import hmac
import logging
import re
import sqlite3
import stat
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, field
from msgspec.structs import replace
from playwright.sync_api import sync_playwright

from aggregator.clean.html import sanitise, with_pictures
from aggregator.config import Settings, load
from aggregator.errors import ConfigError
from aggregator.model import Image, Republish
from aggregator.store import Store
from tests.browser_world import CHROMIUM
from tests.origin import HANG, Answer, Origin, Request, answer
from tests.serving import served
from tests.web_world import INFO, MATIN, NOW, PUBLIC, World, a_world, an_item, filled_store, settings_in, tell
from web import create_app, gallery
from web.export import export
from web.gallery import HOST_LIMIT, KEPT_SECONDS, WAITING_LIMIT, Gallery, type_of
from web.pictures import TRIES_LIMIT, Proxy, read_secret

PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 20
JPEG = b"\xff\xd8\xff\xe0" + b"pixels" * 20
RASTER = {
    "image/png": PNG,
    "image/jpeg": JPEG,
    "image/gif": b"GIF89a" + b"pixels",
    "image/webp": b"RIFF\x10\0\0\0WEBPVP8 pixels",
    "image/avif": b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + b"pixels",
}
NO_PICTURES = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "svg with a declaration": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "script": b"alert(1)",
    "film": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "riff sound": b"RIFF\x10\0\0\0WAVEfmt ",
    "pdf": b"%PDF-1.7",
    "nothing": b"",
    "a mark of ours": b"502",
}


class Clock(Struct):
    """A clock that tests set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


ONE, OTHER = an_item("one"), an_item("other", MATIN)  # items 1 and 2


class Newsroom(Struct):
    """A site that shows pictures of an origin in two items; `answers` is what the origin says."""

    settings: Settings
    store: Store
    app: Flask
    origin: Origin
    clock: Clock
    answers: Callable[[Request], Answer] = field(default=lambda request: answer(body=PNG))

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client(use_cookies=False)

    @property
    def proxy(self) -> Proxy:
        return proxy_of(self.app)

    def address(self, target: str = "/pont.png", item_id: int = 1) -> str:
        """Our address for a picture of the origin."""
        return address_of(self.app, self.origin.url(target), item_id)

    def status(self, address: str) -> int:
        """What a client without anything gets."""
        return self.client.get(address).status_code

    @property
    def asked(self) -> list[str]:
        """What the origin was asked for."""
        return [request.target for request in self.origin.requests]

    @property
    def folder(self) -> Path:
        return Path(f"{self.settings.database}-pictures")


@contextmanager
def newsroom_in(folder: Path) -> Iterator[Newsroom]:
    clock = Clock()
    made: list[Newsroom] = []
    with Origin(lambda request: made[0].answers(request)) as origin:
        settings = settings_in(folder, pictures="proxy", allow_private=(origin.authority,))
        with closing(filled_store(settings)) as store:
            tell(store, [ONE, OTHER])
            made.append(Newsroom(settings, store, create_app(settings, clock), origin, clock))
            yield made[0]


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Newsroom]:
    with newsroom_in(tmp_path) as made:
        yield made


def proxy_of(app: Flask) -> Proxy:
    return app.extensions["tributary.pictures"]  # type: ignore[no-any-return]


def address_of(app: Flask, url: str, item_id: int = 1) -> str:
    signature, address = proxy_of(app).place(url, item_id)
    return f"/picture/{signature}/{item_id}/{address}"


# ── what comes out


@pytest.mark.parametrize("kind", RASTER)
def test_a_picture_comes_as_it_is_under_a_type_of_ours(newsroom: Newsroom, kind: str) -> None:
    claimed = [("Content-Type", "text/html"), ("Set-Cookie", "seen=1"), ("Content-Disposition", "attachment")]
    newsroom.answers = lambda request: answer(headers=claimed, body=RASTER[kind])
    response = newsroom.client.get(newsroom.address())
    assert (response.status_code, response.data, response.headers["Content-Type"]) == (200, RASTER[kind], kind)
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "public, max-age=86400, immutable"
    assert response.headers["X-Robots-Tag"] == "noindex"
    assert not {"Set-Cookie", "Content-Disposition", "Vary"} & set(response.headers.keys())


@pytest.mark.parametrize("body", NO_PICTURES.values(), ids=NO_PICTURES.keys())
def test_what_is_no_picture_is_not_there_whatever_it_is_called(newsroom: Newsroom, body: bytes) -> None:
    newsroom.answers = lambda request: answer(headers=[("Content-Type", "image/png")], body=body)
    response = newsroom.client.get(newsroom.address())
    assert response.status_code == 404
    assert response.data == b"There is no such picture.\n"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "sandbox" in response.headers["Content-Security-Policy"]


@given(st.binary(max_size=80))
def test_no_document_is_taken_for_a_picture(text: bytes) -> None:
    assert not type_of(b"<" + text)
    assert not type_of(b"\xef\xbb\xbf<" + text)
    assert not type_of(b" <" + text)


def test_a_picture_is_not_sent_again_to_who_holds_it(newsroom: Newsroom) -> None:
    first = newsroom.client.get(newsroom.address())
    again = newsroom.client.get(newsroom.address(), headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert newsroom.client.head(newsroom.address()).headers["Content-Length"] == str(len(PNG))


def test_a_source_learns_nothing_of_the_reader(newsroom: Newsroom) -> None:
    told = {"User-Agent": "Reader/1", "Cookie": "a=b", "Referer": "https://x.example/", "X-Forwarded-For": "192.0.2.9"}
    newsroom.client.get(newsroom.address("/pont.png?a=1&b=%C3%A9"), headers=told)
    (request,) = newsroom.origin.requests
    assert request.target == "/pont.png?a=1&b=%C3%A9"
    assert request.headers["user-agent"] == newsroom.settings.user_agent
    assert "image/png" in request.headers["accept"]
    assert not {"cookie", "referer", "x-forwarded-for", "authorization"} & set(request.headers)


# ── who may ask for what


def test_only_what_we_signed_is_fetched(newsroom: Newsroom) -> None:
    _, _, signature, _, address = newsroom.address().split("/")
    other = newsroom.address("/other.png").split("/")
    forged = hmac.new(b"", f"1/{address}".encode(), sha256).hexdigest()[:24]
    for bad in (
        f"/picture/{other[2]}/1/{address}",
        f"/picture/{signature}/1/{other[4]}",
        f"/picture/{signature}/2/{address}",
        f"/picture/{signature}/{address}",
        f"/picture/{signature}/1/{address}=",
        f"/picture/{signature}/1/{address}A",
        f"/picture/{signature[:-1]}/1/{address}",
        f"/picture/{signature.swapcase()}/1/{address}",
        f"/picture/{forged}/1/{address}",
        f"/picture/x/1/{address}",
        f"/picture/é/1/{address}",
        f"/picture/{signature}/x/{address}",
        f"/picture/{signature}/{1 << 70}/{address}",
        f"/picture/{signature}/1/%FF",
        f"/picture/{signature}/1/..%2F..%2Fetc%2Fpasswd",
        f"/picture/{signature}/1/{newsroom.origin.url('/pont.png')}",
    ):
        response = newsroom.client.get(bad)
        assert response.status_code == 404, bad
        assert response.headers["Cache-Control"] == "no-store", bad
    assert newsroom.asked == []


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_signature_is_good_for_one_address_of_one_item(one: str, other: str) -> None:
    proxy = Proxy(b"secret" * 8, Gallery(Path(), Settings(), Clock()))
    signature, address = proxy.place(one, 1)
    assert proxy.url(signature, 1, address) == one
    assert re.fullmatch(r"[\w-]{24}", signature)
    assert re.fullmatch(r"[\w-]*", address)
    if one != other:
        assert proxy.url(proxy.place(other, 1)[0], 1, address) is None
        assert proxy.url(signature, 1, proxy.place(other, 1)[1]) is None
    assert proxy.url(signature, 2, address) is None
    assert Proxy(b"secreT" * 8, proxy.gallery).url(signature, 1, address) is None


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:image/png;base64,iVBORw0KGgo=", "/x"])
def test_even_a_signed_address_must_be_one_of_the_web(newsroom: Newsroom, url: str) -> None:
    assert newsroom.client.get(address_of(newsroom.app, url)).status_code == 404


def test_no_picture_leads_inside(newsroom: Newsroom) -> None:
    with Origin(lambda request: answer(body=PNG)) as inside:
        newsroom.answers = lambda request: answer(302, [("Location", inside.url("/secret.png"))])
        for url in (inside.url("/secret.png"), newsroom.origin.url("/led.png")):
            response = newsroom.client.get(address_of(newsroom.app, url))
            assert response.status_code == 404
        assert inside.requests == []


def test_where_pictures_are_not_proxied_nothing_is_fetched(newsroom: Newsroom, tmp_path: Path) -> None:
    plain = create_app(replace(newsroom.settings, pictures="direct"), newsroom.clock)
    assert plain.test_client().get(newsroom.address()).status_code == 404
    assert newsroom.asked == []
    (tmp_path / "plain").mkdir()
    create_app(settings_in(tmp_path / "plain"), newsroom.clock)
    assert list((tmp_path / "plain").iterdir()) == []  # no secret, no folder


# ── what is hidden


def test_what_is_hidden_takes_its_picture_along_though_it_is_kept_and_gets_it_back(newsroom: Newsroom) -> None:
    held = newsroom.client.get(newsroom.address()).headers["ETag"]
    number = newsroom.store.hide(1, "anna", "asked to", NOW).id
    for headers in ({}, {"If-None-Match": held}):
        response = newsroom.client.get(newsroom.address(), headers=headers)
        assert (response.status_code, response.headers["Cache-Control"]) == (410, "no-store")
        assert PNG not in response.data
    assert newsroom.status(newsroom.address("/text.png")) == 410  # nor is another one fetched for it
    newsroom.store.unhide(number, "anna", NOW)
    assert newsroom.client.get(newsroom.address()).data == PNG
    assert newsroom.asked == ["/pont.png"]


def test_what_others_show_too_stays_with_them_and_is_fetched_once_for_all(newsroom: Newsroom) -> None:
    mine, theirs = newsroom.address(item_id=1), newsroom.address(item_id=2)
    assert (newsroom.status(mine), newsroom.status(theirs)) == (200, 200)
    newsroom.store.hide(1, "anna", "", NOW)
    assert (newsroom.status(mine), newsroom.status(theirs)) == (410, 200)
    newsroom.store.hide(2, "anna", "", NOW)
    assert (newsroom.status(mine), newsroom.status(theirs)) == (410, 410)
    assert newsroom.asked == ["/pont.png"]


def test_a_source_that_is_withdrawn_takes_its_pictures_along_those_to_come_too(newsroom: Newsroom) -> None:
    number = newsroom.store.withdraw(INFO.url, "anna", "", NOW).id
    tell(newsroom.store, [an_item("later")])
    told = [newsroom.status(newsroom.address(item_id=item_id)) for item_id in (1, 2, 3)]
    assert told == [410, 200, 410]
    newsroom.store.unhide(number, "anna", NOW)
    assert newsroom.status(newsroom.address(item_id=3)) == 200


def test_files_that_were_published_before_show_what_is_hidden_no_longer(newsroom: Newsroom, tmp_path: Path) -> None:
    newsroom.answers = lambda request: answer(body=PIXEL)
    tell(newsroom.store, [an_item("seen", image=Image(newsroom.origin.url("/seen.gif")))])
    export(newsroom.app, tmp_path / "public")
    (named,) = images_of((tmp_path / "public" / "index.html").read_text())
    assert newsroom.client.get(named).data == PIXEL
    newsroom.store.hide(3, "anna", "", NOW)
    assert newsroom.status(named) == 410
    assert not (tmp_path / "public" / "picture").exists()


def test_while_nobody_can_tell_what_is_hidden_no_picture_is_shown(newsroom: Newsroom) -> None:
    assert newsroom.status(newsroom.address()) == 200
    sqlite3.connect(newsroom.settings.database).execute("DROP TABLE items").connection.close()
    response = newsroom.client.get(newsroom.address())
    assert (response.status_code, response.headers["Cache-Control"]) == (503, "no-store")


# ── the secret


def test_the_secret_is_made_once_and_for_our_eyes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "t.db-pictures.key"
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(read_secret, [path] * 16))
    assert len(made) == 1
    assert len(made.pop()) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_addresses_stay_the_same_after_a_new_start(newsroom: Newsroom) -> None:
    again = create_app(newsroom.settings, newsroom.clock)
    assert again.test_client().get(newsroom.address()).status_code == 200


def test_the_secret_is_neither_logged_nor_shown(newsroom: Newsroom, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    newsroom.answers = lambda request: answer(500)
    response = newsroom.client.get(newsroom.address())
    secret = newsroom.proxy.secret
    assert caplog.text
    for told in (caplog.text, response.get_data(as_text=True), str(response.headers)):
        assert secret.hex() not in told
        assert repr(secret) not in told
    assert repr(secret) not in repr(newsroom.proxy)


def test_a_secret_that_cannot_be_had_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "tributary.db-pictures.key").write_bytes(b"short")
    with pytest.raises(ConfigError, match="too short"):
        create_app(settings_in(tmp_path, pictures="proxy"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="secret of pictures"):
        create_app(settings_in(tmp_path / "file", pictures="proxy"))


def test_the_setting_knows_two_words(tmp_path: Path) -> None:
    assert Settings().pictures == "direct"
    assert load(environ={"TRIBUTARY_PICTURES": "proxy"}).pictures == "proxy"
    for wrong in ({"TRIBUTARY_PICTURES": "proxies"}, {"TRIBUTARY_PICTURES": "proxy", "TRIBUTARY_FILES_ONLY": "true"}):
        with pytest.raises(ConfigError, match="pictures"):
            load(environ=wrong)


# ── what a source is asked


def test_a_picture_is_fetched_once_and_again_after_a_week(newsroom: Newsroom) -> None:
    for _ in range(3):
        assert newsroom.client.get(newsroom.address()).status_code == 200
    newsroom.clock.now += timedelta(seconds=KEPT_SECONDS - 1)
    newsroom.client.get(newsroom.address())
    assert len(newsroom.asked) == 1
    newsroom.clock.now += timedelta(seconds=1)
    newsroom.answers = lambda request: answer(body=JPEG)
    assert newsroom.client.get(newsroom.address()).data == JPEG
    assert len(newsroom.asked) == 2


@pytest.mark.parametrize(
    ("status", "seen", "age", "rest"),
    [
        (404, 404, "public, max-age=3600", timedelta(hours=6)),
        (410, 404, "public, max-age=3600", timedelta(hours=6)),
        (403, 404, "public, max-age=3600", timedelta(hours=6)),
        (429, 502, "public, max-age=60", timedelta(minutes=10)),
        (500, 502, "public, max-age=60", timedelta(minutes=10)),
        (503, 502, "public, max-age=60", timedelta(minutes=10)),
        (204, 502, "public, max-age=60", timedelta(minutes=10)),
    ],
)
def test_a_failure_is_remembered(newsroom: Newsroom, status: int, seen: int, age: str, rest: timedelta) -> None:
    newsroom.answers = lambda request: answer(status, body=PNG if status != 204 else b"")
    for _ in range(3):
        response = newsroom.client.get(newsroom.address())
        assert (response.status_code, response.headers["Cache-Control"]) == (seen, age)
    assert len(newsroom.asked) == 1
    newsroom.clock.now += rest
    newsroom.answers = lambda request: answer(body=PNG)
    assert newsroom.client.get(newsroom.address()).status_code == 200
    assert len(newsroom.asked) == 2


def test_a_source_that_is_down_keeps_the_pictures_that_it_had(newsroom: Newsroom) -> None:
    newsroom.client.get(newsroom.address())
    newsroom.clock.now += timedelta(seconds=KEPT_SECONDS)
    newsroom.answers = lambda request: answer(503)
    for _ in range(2):
        assert newsroom.client.get(newsroom.address()).data == PNG
    assert len(newsroom.asked) == 2
    newsroom.clock.now += timedelta(minutes=10)
    newsroom.answers = lambda request: answer(404)
    assert newsroom.client.get(newsroom.address()).status_code == 404  # taken away on purpose
    assert len(newsroom.asked) == 3


def test_nothing_is_fetched_for_longer_or_larger_than_the_limits(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "PICTURE_LIMIT_MIB", 0.01)
    monkeypatch.setattr(gallery, "TIMEOUT_SECONDS", 0.2)
    newsroom.answers = lambda request: answer(body=PNG + b"x" * 20_000) if request.target == "/large" else iter([HANG])
    assert newsroom.client.get(newsroom.address("/large")).status_code == 404
    assert newsroom.client.get(newsroom.address("/slow")).status_code == 502


def test_a_source_that_cannot_be_reached_is_no_mistake_of_ours(newsroom: Newsroom) -> None:
    with Origin(lambda request: answer()) as gone:
        pass
    app = create_app(replace(newsroom.settings, allow_private=(gone.authority,)), newsroom.clock)
    assert app.test_client().get(address_of(app, gone.url("/x.png"))).status_code == 502


@contextmanager
def held_back(newsroom: Newsroom) -> Iterator[threading.Event]:
    """The origin's answers wait until the event is set, at the latest when this ends."""
    free = threading.Event()

    def later(request: Request) -> Answer:
        # Runs in the origin's thread, which has nothing else to do meanwhile.
        free.wait(10)
        return answer(body=PNG)

    newsroom.answers = later
    try:
        yield free
    finally:
        free.set()


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    pause = threading.Event()
    for _ in range(1000):
        if is_so():
            return
        pause.wait(0.01)
    raise AssertionError("it never came to be so")


def test_a_picture_that_many_ask_for_at_once_is_fetched_once(newsroom: Newsroom) -> None:
    other = create_app(newsroom.settings, newsroom.clock)  # as another process has it
    clients = [app.test_client() for app in (newsroom.app, other) for _ in range(HOST_LIMIT)]
    with ThreadPoolExecutor(len(clients)) as pool, held_back(newsroom) as free:
        answers = [pool.submit(client.get, newsroom.address()) for client in clients]
        proxies = [app.extensions["tributary.pictures"].gallery for app in (newsroom.app, other)]
        until(lambda: all(each._waiting.total() == HOST_LIMIT for each in proxies))
        free.set()
        assert [each.result().data for each in answers] == [PNG] * len(clients)
    assert len(newsroom.asked) == 1
    assert [each._waiting.total() for each in proxies] == [0, 0]
    assert [path.suffix for path in newsroom.folder.iterdir()] == [""]  # no lock is left


def test_slow_sources_do_not_hold_up_the_site(newsroom: Newsroom) -> None:
    hosts = [f"http://127.0.0.1:{newsroom.origin.port}", f"http://localhost:{newsroom.origin.port}"]
    hanging = [address_of(newsroom.app, f"{host}/{n}.png") for host in hosts for n in range(HOST_LIMIT)]
    allowed = (newsroom.origin.authority, f"localhost:{newsroom.origin.port}")
    newsroom.proxy.gallery.settings = replace(newsroom.settings, allow_private=allowed)
    assert len(hanging) == WAITING_LIMIT
    with ThreadPoolExecutor(len(hanging)) as pool, held_back(newsroom) as free:
        for path in hanging[:HOST_LIMIT]:
            pool.submit(newsroom.client.get, path)
        until(lambda: newsroom.proxy.gallery._waiting.total() == HOST_LIMIT)
        assert newsroom.client.get(newsroom.address("/more.png")).status_code == 302  # one host has its share
        for path in hanging[HOST_LIMIT:]:
            pool.submit(newsroom.client.get, path)
        until(lambda: newsroom.proxy.gallery._waiting.total() == WAITING_LIMIT)
        third = address_of(newsroom.app, "http://third.example/x.png")
        told = [newsroom.client.get(f"{third}{query}") for query in ("", "?try=1", f"?try={TRIES_LIMIT}")]
        assert [response.status_code for response in told] == [302, 302, 503]
        assert [response.headers.get("Location") for response in told] == [f"{third}?try=1", f"{third}?try=2", None]
        assert {response.headers["Cache-Control"] for response in told} == {"no-store"}
        assert newsroom.client.get("/").status_code == 200
        free.set()
    assert newsroom.client.get(newsroom.address("/more.png?try=1")).status_code == 200


# ── the folder


def test_the_folder_stays_within_its_limit_and_lets_go_of_the_oldest(newsroom: Newsroom) -> None:
    newsroom.proxy.gallery.limit_bytes = 10 * 4096
    for number in range(40):
        newsroom.clock.now += timedelta(minutes=1)
        assert newsroom.client.get(newsroom.address(f"/{number}.png")).status_code == 200
        assert len(list(newsroom.folder.iterdir())) <= 12
    asked = len(newsroom.asked)
    newsroom.client.get(newsroom.address("/39.png"))
    assert len(newsroom.asked) == asked
    newsroom.client.get(newsroom.address("/0.png"))
    assert len(newsroom.asked) == asked + 1


def test_the_folder_may_be_emptied_at_any_time(newsroom: Newsroom) -> None:
    newsroom.client.get(newsroom.address())
    for path in newsroom.folder.iterdir():
        path.unlink()
    assert newsroom.client.get(newsroom.address()).status_code == 200
    newsroom.folder.joinpath(next(newsroom.folder.iterdir()).name).unlink()
    newsroom.folder.rmdir()
    assert newsroom.client.get(newsroom.address()).status_code == 200
    assert stat.S_IMODE(newsroom.folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_written_asks_no_source(newsroom: Newsroom, caplog: pytest.LogCaptureFixture) -> None:
    newsroom.folder.write_bytes(b"a file is in the way")
    response = newsroom.client.get(f"{newsroom.address()}?try={TRIES_LIMIT}")
    assert response.status_code == 503
    assert newsroom.asked == []
    assert "pictures_failed" in caplog.text


# ── where they are shown


def images_of(page: str) -> list[str]:
    return [source.replace("&amp;", "&") for source in re.findall(r'<img[^>]* src="([^"]*)"', page)]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = a_world(
        tmp_path_factory.mktemp("shown"), [replace(INFO, republish=Republish.FULL), MATIN], pictures="proxy"
    )
    text = sanitise(
        '<p>a</p><figure><img src="https://in.example/b.jpg?x=1&y=2" alt="é &lt;"></figure><img src=c.png>',
        "https://in.example/a/",
    )
    image = Image("https://pics.example/pont.jpg?a=1&b=2", alt="Le pont", width=600, height=400)
    tell(world.store, [an_item("a", image=image, html=text), an_item("b", MATIN, image=image)])
    return world


PAGES = ("/", "/economie", "/source/comtois-info", "/story/1", "/search?q=titre", "/embed/economie")


@pytest.mark.parametrize("path", [*PAGES, "/embed/economie.fragment"])
def test_pages_show_pictures_at_our_addresses_alone(shown: World, path: str) -> None:
    page = shown.client.get(path).get_data(as_text=True)
    images = images_of(page)
    assert images
    base = PUBLIC if path.endswith(".fragment") else ""  # it stands in pages of others
    urls = set()
    for image in images:
        assert image.startswith(f"{base}/picture/")
        signature, number, address = urlsplit(image).path.split("/")[2:]
        urls.add(proxy_of(shown.app).url(signature, int(number), address))
    assert "https://pics.example/pont.jpg?a=1&b=2" in urls
    assert "pics.example" not in page
    if path == "/story/1":
        assert urls == {
            "https://pics.example/pont.jpg?a=1&b=2",
            "https://in.example/b.jpg?x=1&y=2",
            "https://in.example/a/c.png",
        }


@pytest.mark.parametrize("path", [*PAGES, "/subscribe", "/nowhere", "/status"])
def test_the_policy_of_pages_lets_no_other_picture_in(shown: World, path: str) -> None:
    assert "img-src 'self' data:;" in shown.client.get(path).headers["Content-Security-Policy"]
    plain = create_app(replace(shown.settings, pictures="direct"), lambda: NOW).test_client()
    assert "img-src 'self' https: http: data:;" in plain.get(path).headers["Content-Security-Policy"]


@pytest.mark.parametrize("extension", ["atom", "rss", "json"])
def test_feeds_keep_the_addresses_of_the_sources(shown: World, extension: str) -> None:
    feed = shown.text(f"/feeds/economie.{extension}")
    assert "https://pics.example/pont.jpg" in feed
    assert "/picture/" not in feed


MARKUP = st.lists(
    st.sampled_from(
        [
            '<img src="https://a.example/1.png" alt="&quot;x">',
            "<p>texte &amp; <b>gras</b></p>",
            '<a href="https://a.example/?a=1&amp;b=2">lien</a>',
            '<table><tr><td><img src="http://b.example/2.jpg" width=3></td></tr></table>',
            "<figure><img data-src=https://c.example/é.png><figcaption>© é</figcaption></figure>",
            '&lt;img src=x&gt; src="https://a.example"',
        ]
    ),
    max_size=8,
).map("".join)


@given(MARKUP)
def test_only_the_addresses_of_pictures_change_in_a_text(markup: str) -> None:
    text = sanitise(markup, "https://base.example/")
    seen: list[str] = []

    def moved(url: str) -> str:
        seen.append(url)
        return f"/picture/{len(seen)}"

    changed = with_pictures(text, moved)
    images = images_of(text)
    assert seen == images
    assert images_of(changed) == [f"/picture/{n + 1}" for n in range(len(images))]
    for number, url in enumerate(images):
        changed = changed.replace(f'"/picture/{number + 1}"', '"' + url.replace("&", "&amp;") + '"', 1)
    assert changed == text


# ── in a browser


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Chromium's own pipes outlive the test that opened them
def test_a_browser_shows_the_pictures_and_asks_us_alone(newsroom: Newsroom) -> None:
    newsroom.answers = lambda request: answer(body=PIXEL)
    newsroom.store.sync_sources([replace(INFO, republish=Republish.FULL)], NOW)
    image = Image(newsroom.origin.url("/p.png?a=[1]"), width=600, height=400)
    text = f'<p>a</p><img src="{newsroom.origin.url("/text.png")}" alt="">'
    tell(newsroom.store, [an_item("a", image=image, html=text)])
    asked: set[str] = set()
    complaints: list[str] = []
    with served(newsroom.app) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_context(service_workers="block").new_page()
        page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        page.on("console", lambda message: complaints.append(message.text))
        for path, count in (("/", 1), ("/story/3", 2), ("/embed/all", 1)):
            page.goto(base + path)
            images = page.locator("main img").all()
            assert len(images) == count, path
            for each in images:
                assert each.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1, path
        assert asked == {urlsplit(base).netloc}
        assert [each for each in complaints if "Playwright" not in each] == []  # it says that it blocked a worker
        with page.expect_console_message() as refused:
            page.evaluate(f"document.querySelector('img').src = '{newsroom.origin.url('/direct.png')}'")
        assert "Content Security Policy" in refused.value.text
        browser.close()
    assert sorted(newsroom.asked) == ["/p.png?a=[1]", "/text.png"]
