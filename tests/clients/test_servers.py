"""nginx and Caddy with the configurations that we write: the files are answered as the application would, and stay up
when it is down.
"""

import gzip
import http.client
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import brotli
import lxml.html
import pytest
from msgspec import Struct
from msgspec.structs import replace

from aggregator import publishing
from tests.clients.readers import PATIENCE_SECONDS, need
from tests.serving import served
from tests.web_world import INFO, MATIN, NOW, World, an_item, filled_store, settings_in, tell
from web import create_app
from web.export import OWN, export
from web.published import addresses
from web.servers import Server, configuration

pytestmark = pytest.mark.clients

BROTLI = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")
NGINX = """
daemon off;
{modules}
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""
# By what the application says of an answer; the others are the server's own.
SAID = (
    "Content-Type",
    "Cache-Control",
    "Vary",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "Content-Security-Policy",
    "Content-Language",
    "Referrer-Policy",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-Robots-Tag",
    "Permissions-Policy",
    "Cross-Origin-Resource-Policy",
    "Cross-Origin-Opener-Policy",
)


class Got(Struct, frozen=True):
    """An answer as it came over the wire."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Front(Struct, frozen=True):
    """A web server before an application."""

    world: World
    folder: Path
    port: int
    server: Server
    stop_application: Callable[[], None]

    def ask(self, path: str, method: str = "GET", **headers: str) -> Got:
        """Over HTTP, from the web server."""
        return _ask(self.port, path, method, headers)

    def live(self, path: str, method: str = "GET", **headers: str) -> Got:
        """From the application itself."""
        return _ask(self.world.settings.port, path, method, headers)


def _ask(port: int, path: str, method: str, headers: dict[str, str]) -> Got:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        answer = connection.getresponse()
        return Got(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="module", params=list(Server), ids=str)
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with _front(request.param, tmp_path_factory.mktemp("front")) as front:
        yield front


@pytest.fixture(params=list(Server), ids=str)
def alone(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Front]:
    """One whose application a test may stop."""
    with _front(request.param, tmp_path) as front:
        yield front


@contextmanager
def _front(server: Server, tmp_path: Path) -> Iterator[Front]:
    need(server)
    with socket.create_server(("127.0.0.1", 0)) as behind, ExitStack() as stack:
        port = _free_port()
        settings = replace(
            settings_in(tmp_path), base_url=f"http://127.0.0.1:{port}", host="127.0.0.1", port=behind.getsockname()[1]
        )
        store = filled_store(settings, [replace(INFO, departements=("25",)), MATIN])
        stack.callback(store.close)
        world = World(settings, store, create_app(settings, clock=lambda: NOW))
        tell(store, [an_item(f"n{number}", departements=("25",)) for number in range(60)])
        while publishing.keep_pages(store, settings, NOW):
            pass
        export(world.app, tmp_path / "public")
        application = stack.enter_context(ExitStack())
        application.enter_context(served(world.app, threads=2, sockets=[behind]))
        stack.enter_context(RUN[server](tmp_path, port, configuration(world.app, server, tmp_path / "public")))
        yield Front(world, tmp_path / "public", port, server, application.close)


@contextmanager
def _nginx(folder: Path, port: int, text: str) -> Iterator[None]:
    made = text.replace("    listen 80;\n", f"    listen 127.0.0.1:{port};\n").replace("    listen [::]:80;\n", "")
    if BROTLI.exists():
        made = made.replace("# brotli_static", "brotli_static")
    (folder / "site.conf").write_text(made)
    modules = f"load_module {BROTLI};" if BROTLI.exists() else ""
    user = "root" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, modules=modules, user=user).replace("user ;\n", ""))
    with _running(["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", "nginx.conf"], folder, port):
        yield


@contextmanager
def _caddy(folder: Path, port: int, text: str) -> Iterator[None]:
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + text)
    with _running(["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"], folder, port):
        yield


RUN = {Server.NGINX: _nginx, Server.CADDY: _caddy}


@contextmanager
def _running(words: list[str], folder: Path, port: int) -> Iterator[None]:
    log = (folder / "server.log").open("w")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    program = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        moments = threading.Event()
        for _ in range(PATIENCE_SECONDS * 50):
            assert program.poll() is None, (folder / "server.log").read_text()
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", port)) == 0:
                    break
            moments.wait(0.02)
        yield
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(PATIENCE_SECONDS)
        log.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def test_a_web_server_answers_files_as_the_application_would(front: Front) -> None:
    for path in (each.path for each in addresses(front.world.app)):
        live, got = front.live(path), front.ask(path)
        assert (got.status, got.body) == (200, live.body), path
        assert {name: got.headers.get_all(name) for name in SAID} == {
            name: live.headers.get_all(name) for name in SAID
        }, path
        if path.startswith("/feeds/"):
            assert got.headers["Last-Modified"] == live.headers["Last-Modified"], path
            assert f'<{front.world.settings.public_url}{path}>; rel="self"' in got.headers["Link"], path
            assert ('rel="hub"' in got.headers["Link"]) == ('rel="hub"' in live.headers["Link"])
        assert front.ask(path, "HEAD").headers["Content-Length"] == str(len(live.body))


def test_a_web_server_sends_the_compressed_files(front: Front) -> None:
    for path in ("/feeds/all.atom", "/feeds/economie/archive/1.json", "/", "/story/60", "/embed/all"):
        plain = front.live(path).body
        zipped = front.ask(path, Accept_Encoding="gzip")
        assert (zipped.headers["Content-Encoding"], gzip.decompress(zipped.body)) == ("gzip", plain), path
        assert zipped.body == front.live(path, Accept_Encoding="gzip").body
        if front.server is Server.CADDY or BROTLI.exists():
            smaller = front.ask(path, Accept_Encoding="gzip, br")
            assert smaller.headers["Content-Encoding"] == "br", path
            assert brotli.decompress(smaller.body) == plain, path


def test_a_client_that_holds_a_feed_gets_no_body(front: Front) -> None:
    first = front.ask("/feeds/all.rss")
    for condition in ({"If_None_Match": first.headers["ETag"]}, {"If_Modified_Since": first.headers["Last-Modified"]}):
        got = front.ask("/feeds/all.rss", **condition)
        assert (got.status, got.body) == (304, b"")
        assert got.headers["Access-Control-Allow-Origin"] == "*"
        assert got.headers["Cache-Control"] == first.headers["Cache-Control"]


def test_what_no_file_answers_is_for_the_application(front: Front) -> None:
    person = {"Sec_Fetch_Dest": "document", "Sec_Fetch_Mode": "navigate"}
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("/feeds/all.atom?limit=5", "GET", {}),
        ("/feeds/search.json?q=titre", "GET", {}),
        ("/feeds/all.atom", "GET", person),
        ("/feeds/all.atom", "OPTIONS", {}),
        ("/feeds/all.atom", "GET", {"A_IM": "feed", "If_None_Match": '"x"'}),
        ("/search?q=titre", "GET", {}),
        ("/?lang=en", "GET", {}),
        ("/story/999", "GET", {}),
        ("/picture/x/1/x", "GET", {}),
        ("/nothing", "GET", {}),
        ("/hub", "POST", {}),
        ("/static/site.css?v=1", "GET", {}),
    ]
    for path, method, headers in asked:
        live, got = front.live(path, method, **headers), front.ask(path, method, **headers)
        assert (got.status, got.body) == (live.status, live.body), path
        for name in ("Location", "Access-Control-Allow-Origin", "Content-Type"):
            assert got.headers.get_all(name) == live.headers.get_all(name), (path, name)


def test_what_hubs_push_reaches_the_application_however_long_it_may_be(front: Front) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=PATIENCE_SECONDS)
    with closing(connection):
        connection.request("POST", f"/push/{'T' * 43}", b"x" * (14 << 20))
        assert connection.getresponse().status == 410  # nobody has that address


def test_how_files_are_named_is_no_address(front: Front) -> None:
    for path in ("/index.html", "/economie.html", "/feeds/all.atom.gz", f"/{OWN}/manifest.json", "/story/", "/feeds"):
        assert front.ask(path).status == 404, path
    for path in (
        f"/_files/{OWN}/manifest.json",
        "/_files/../../tributary.db",
        "/%2e%2e/tributary.db",
        "/_files//etc/passwd",
    ):
        assert front.ask(path).status >= 400, path


def test_feeds_and_pages_stay_up_while_the_application_is_down(alone: Front) -> None:
    before = {path: alone.ask(path) for path in ("/feeds/all.atom", "/feeds/economie.json", "/", "/embed/all")}
    alone.stop_application()
    for path, answer in before.items():
        for asked in (path, f"{path}?limit=5"):
            got = alone.ask(asked, Sec_Fetch_Dest="document", Sec_Fetch_Mode="navigate")
            assert (got.status, got.body) == (200, answer.body), asked
            assert {name: got.headers.get_all(name) for name in SAID} == {
                name: answer.headers.get_all(name) for name in SAID
            }, asked
    zipped = alone.ask("/feeds/all.atom?limit=5", Accept_Encoding="gzip")
    assert gzip.decompress(zipped.body) == before["/feeds/all.atom"].body
    for path in ("/search?q=titre", "/story/999"):
        got = alone.ask(path, Accept_Encoding="gzip")
        assert got.status in {502, 503, 504}
        assert (got.headers["Content-Type"], got.headers["Cache-Control"]) == ("text/html; charset=utf-8", "no-store")
        assert got.headers["Retry-After"] == "60" and "default-src 'none'" in got.headers["Content-Security-Policy"]
        page = lxml.html.fromstring(got.body)
        assert page.get("lang") == "fr" and page.find(".//h1").text and "503" in page.text_content()
        for link in [*page.iter("link"), *page.iter("a")]:
            target = link.get("href").replace(alone.world.settings.public_url, "")
            if target.startswith("/static/") or target in {"/", "/subscribe"}:
                assert alone.ask(target).status == 200, target
