"""Whatever a request says: no page, redirect or header repeats a host that it names, nothing leads elsewhere, no file
but our own is read, no search ends in an error, and the server answers on. Over sockets, as clients tidy what they send.
"""

import itertools
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import html
from msgspec import Struct
from msgspec.structs import replace
from werkzeug.test import TestResponse

from aggregator.cli.site import Site
from aggregator.errors import ConfigError
from aggregator.model import Date
from aggregator.publishing import keep_pages
from tests.test_web_headers import paths
from tests.web_world import INFO, MATIN, NOW, PRESSE, PUBLIC, World, a_world, an_item, same_story, tell
from web.export import file_name

EVIL = "evil.example"
SECRET = "a word that stands in no page"  # in a file beside the data base
ANSWER_SECONDS = 10
# What would show that a file of ours, or of the machine, was read, or that a mistake was told.
NOT_TO_BE_READ = (
    *("root:x:", "SQLite format 3", "{% ", "def create_app", SECRET, "[metadata]"),
    *("Traceback", 'File "', "sqlite3", "OperationalError", "fts5:", "syntax error", "jinja2", "werkzeug"),
)
HEADERS = {  # that an answer of ours may have
    *"allow cache-control connection content-encoding content-language content-length content-security-policy".split(),
    *"content-type cross-origin-opener-policy cross-origin-resource-policy date etag im last-modified link".split(),
    *"access-control-allow-headers access-control-allow-methods access-control-allow-origin location".split(),
    *"access-control-expose-headers access-control-max-age permissions-policy referrer-policy retry-after".split(),
    *"server service-worker-allowed transfer-encoding vary x-content-type-options x-frame-options x-robots-tag".split(),
    *"accept-ranges content-disposition content-range expires".split(),
}


class Answered(Struct, frozen=True):
    """What came back over a socket; status 0 where the connection was closed without a word."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()  # names in lower case
    body: bytes = b""

    def header(self, name: str) -> str:
        return next((text for each, text in self.headers if each == name), "")

    @property
    def text(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self.headers) + "\n" + self.body.decode("utf-8", "replace")

    @property
    def lasting(self) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """All that does not depend on the moment."""
        return self.status, tuple(each for each in self.headers if each[0] not in {"date", "expires"}), self.body


def fill(world: World) -> World:
    """Enough for every route to have something, with a story that joined another."""
    tell(world.store, [an_item(f"n{n}", published=Date("", NOW), departements=("25",)) for n in range(30)])
    one, other = an_item("a"), an_item("b", MATIN)
    tell(world.store, [one])
    tell(world.store, [other])
    tell(world.store, [an_item("c", PRESSE)], links=[same_story(an_item("c", PRESSE), one), same_story(an_item("c", PRESSE), other)])  # fmt: skip
    keep_pages(world.store, world.settings, NOW)
    return world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "secret.txt").write_text(SECRET)
    renamed = ("bizness=economie", "source/ancien=source/comtois-info")
    world = fill(
        a_world(folder, [replace(INFO, departements=("25",)), MATIN, PRESSE], renamed=renamed, pictures="proxy")
    )
    yield world
    world.store.close()


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[Site]:
    """The real server."""
    with Site(replace(world.settings, host="127.0.0.1", port=0)) as site:
        yield site


def send(site: Site, request: bytes) -> Answered:
    """Send bytes as they are, and read until the connection is closed."""
    received = b""
    with socket.create_connection(("127.0.0.1", site.port), timeout=ANSWER_SECONDS) as connection:
        try:
            connection.sendall(request)
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            pass  # it had heard enough
    return read(received)


def read(received: bytes) -> Answered:
    """The last answer of those that were received."""
    head, _, body = received.partition(b"\r\n\r\n")
    if not head:
        return Answered(0)
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = tuple((name.lower(), text.strip()) for name, _, text in (line.partition(":") for line in lines))
    answered = Answered(int(first.split(" ")[1]), pairs, body)
    return read(body) if answered.status == 100 else answered


def get(site: Site, target: str | bytes, *lines: str, method: str = "GET", host: str = "news.example") -> Answered:
    """Ask for a target as it is written, with these header lines."""
    written = target if isinstance(target, bytes) else target.encode()
    head = "".join(f"\r\n{line}" for line in (f"Host: {host}", "Connection: close", *lines))
    return send(site, method.encode() + b" " + written + b" HTTP/1.1" + head.encode() + b"\r\n\r\n")


def assert_harmless(answered: Answered, what: object) -> None:
    """No error of ours, no word of one, no file, no header that was put in, no redirect to another site."""
    assert answered.status < 500 or answered.status == 501, what  # which oEmbed asks for
    assert {name for name, _ in answered.headers} <= HEADERS, (what, answered.headers)
    for each in NOT_TO_BE_READ:
        assert each not in answered.text, (what, each)
    assert_stays(answered.header("location"), what)


def assert_stays(location: str, what: object) -> None:
    """A redirect leads to the site as readers know it, however a browser reads its address."""
    for base in (f"{PUBLIC}/a/b", "http://127.0.0.1:8000/a/b"):
        for written in (location, location.replace("\\", "/"), re.sub(r"[\t\r\n]", "", location)):
            led = urlsplit(urljoin(base, written))
            assert (led.scheme, led.netloc) in {tuple(urlsplit(base)[:2]), tuple(urlsplit(PUBLIC)[:2])}, (
                what,
                location,
            )


# ── the host that a request names


HOSTS = (
    (f"Host: {EVIL}",),
    (f"Host: {EVIL}:8000",),
    (f"Host: news.example@{EVIL}",),
    (f"Host: news.example:80@{EVIL}",),
    (f"Host: {EVIL}#news.example",),
    (f"Host: news.example.{EVIL}",),
    (f"Host: [::1]{EVIL}",),
    (f'Host: "><script src=//{EVIL}></script>',),
    ("Host: news.example", f"X-Forwarded-Host: {EVIL}"),
    ("Host: news.example", f"X-Forwarded-Host: {EVIL}", "X-Forwarded-Proto: gopher", "X-Forwarded-Port: 1"),
    ("Host: news.example", f"Forwarded: for=1.2.3.4;host={EVIL};proto=gopher"),
    ("Host: news.example", f"X-Host: {EVIL}", f"X-Forwarded-Server: {EVIL}", f"X-HTTP-Host-Override: {EVIL}"),
    ("Host: news.example", f"X-Forwarded-Prefix: //{EVIL}", f"X-Script-Name: //{EVIL}", f"X-Forwarded-Path: //{EVIL}"),
    ("Host: news.example", f"X-Original-URL: //{EVIL}/status", f"X-Rewrite-URL: //{EVIL}/status"),
    ("Host: news.example", f"Origin: https://{EVIL}", f"Referer: https://{EVIL}/"),
    ("Host: news.example", f"Host: {EVIL}"),
    ("Host:",),
    (),
)


@pytest.fixture(scope="module")
def targets(world: World) -> list[str]:
    """An address of every route, and some that redirect."""
    made = [*paths(world), "/bizness", "/feeds/bizness.atom", "/embed/economie?limit=99", "/feeds/economie.rss?limit=9"]
    return [
        path for path in made if not path.startswith(("/status", "/metrics", "/healthz"))
    ]  # they say how things are at the moment


@pytest.fixture(scope="module")
def usual(site: Site, targets: list[str]) -> dict[str, Answered]:
    """What honest readers get."""
    return {target: get(site, target) for target in targets}


@pytest.mark.parametrize("lines", HOSTS, ids=lambda lines: " + ".join(lines) or "no Host")
def test_no_answer_depends_on_the_host_that_a_request_names(
    site: Site, usual: dict[str, Answered], lines: tuple[str, ...]
) -> None:
    for target, answered in usual.items():
        head = "".join(f"{line}\r\n" for line in (*lines, "Connection: close"))
        other = send(site, f"GET {target} HTTP/1.1\r\n{head}\r\n".encode())
        if other.status != 400:  # the server may refuse what is no host
            assert other.lasting == answered.lasting, target
        assert EVIL not in other.text


@pytest.mark.parametrize("line", ["GET {} HTTP/1.1", "GET {} HTTP/1.0"])
def test_an_address_with_a_host_is_answered_as_one_without(site: Site, usual: dict[str, Answered], line: str) -> None:
    for target, answered in usual.items():
        for origin in (f"http://{EVIL}", f"https://{EVIL}:1", f"http://x@{EVIL}"):
            first = line.format(origin + target)
            other = send(site, f"{first}\r\nHost: news.example\r\nConnection: close\r\n\r\n".encode())
            assert EVIL not in other.text
            if other.status != 400:
                assert (other.status, other.body, other.header("etag")) == (
                    answered.status,
                    answered.body,
                    answered.header("etag"),
                ), target


# ── redirects


LEADING_ON = {
    f"/source?url={quote(INFO.url, safe='')}": "/source/comtois-info",
    "/bizness": "/economie",
    "/bizness?lang=en&before=%0d%0ax": "/economie",
    "/source/ancien": "/source/comtois-info",
    "/feeds/bizness.atom": "/feeds/economie.atom",
    "/feeds/source/ancien.json?limit=5": "/feeds/source/comtois-info.json",
    "/feeds/economie.atom?limit=99999&x=//evil.example": "/feeds/economie.atom",
    "/feeds/all.rss?content=%0d%0aSet-Cookie:a=b": "/feeds/all.rss",
    "/embed/economie?limit=99&accent=%0d%0aSet-Cookie:a=b": "/embed/economie",
}


def test_what_leads_on_leads_to_our_own_pages(site: Site, world: World) -> None:
    joined = next(number for number in range(1, 60) if world.client.get(f"/story/{number}").status_code == 301)
    leads = world.client.get(f"/story/{joined}").headers["Location"]
    expected = LEADING_ON | {f"/story/{joined}": leads, f"/story/{joined}.json": f"{leads}.json"}
    for path, target in expected.items():
        answered = get(site, path)
        assert_harmless(answered, path)
        assert answered.status == 301, path
        assert urlsplit(answered.header("location")).path == target, path


NAMES = (EVIL, f"{EVIL}/", f"user@{EVIL}", f"{EVIL}%2f..", "%0d%0aLocation:%20https://evil.example/", "google.com")
STARTS = (
    *("//", "///", "////", "/\\", "/\\/", "/\\\\", "/%2f", "/%2f%2f", "/%5c", "/%5c%5c", "/%09/", "/%0a/", "/;//"),
    *("/.//", "/..//", "/%2e%2e//", "/economie//", "/economie/..//", "/dep//", "/story//", "/source//", "/feed//"),
    *("/feeds//", "/feeds/%2f%2f", "/embed//", "/embed/%2f%2f", "/static//", "/source/%2f%2f", "/https://", "/http:/"),
)
ENDS = ("", "/", "?lang=en", ".atom", ".json?limit=99", ".fragment", "?limit=99", "?url=//evil.example", "/..")


def test_no_path_leads_elsewhere(site: Site) -> None:
    ways = [*itertools.product(STARTS, NAMES, ENDS[:1]), *itertools.product(STARTS, NAMES[:1], ENDS[1:])]
    for path in ("".join(way) for way in ways):
        answered = get(site, path)
        assert_harmless(answered, path)
        assert f"//{EVIL}" not in answered.header("location"), path


QUERIES = (
    *(
        f"//{EVIL}",
        f"https://{EVIL}/",
        f"/\\{EVIL}",
        f"%2f%2f{EVIL}",
        f"https:{EVIL}",
        f"javascript://{EVIL}/%250aalert(1)",
    ),
    *(
        "%0d%0aSet-Cookie:%20a=b",
        "%0aLocation:%20//evil.example",
        "%E5%98%8A%E5%98%8DSet-Cookie:a=b",
        "a%00b",
        "%c0%8d%c0%8a",
    ),
    *("%ff%fe", "%ED%A0%80", "%E2%80%A8x", "en%0d%0a", "%2e%2e%2f", "a" * 3000),
)
ASKING = (
    *("/?lang=", "/?before=", "/source?url=", "/subscribe?feed=", "/subscribe?as=", "/subscribe?words=", "/oembed?url="),
    *("/search?q=", "/search?page=", "/feed/search?q=", "/feeds/search.atom?q=", "/feeds/all.atom?limit=", "/feeds/all.rss?img="),
    *("/feeds/all.json?content=", "/feeds/all.atom?raw=", "/feeds/all.atom?", "/embed/all?lang=", "/embed/all?accent="),
    *("/embed/all?limit=", "/embed/all?theme=", "/bizness?lang=", "/feeds/bizness.atom?", "/oembed?format=", "/story/1?lang="),
)  # fmt: skip


def test_no_query_leads_elsewhere_or_adds_a_header(site: Site) -> None:
    for path, query in itertools.product(ASKING, QUERIES):
        answered = get(site, path + query)
        assert_harmless(answered, path + query)
        answered = get(site, path + query, "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate")
        assert_harmless(answered, path + query)


pieces = st.sampled_from(
    [
        *STARTS,
        *NAMES,
        *QUERIES,
        *ENDS,
        "economie",
        "feeds",
        "all",
        "source",
        "embed",
        "bizness",
        "?",
        "&",
        "=",
        ".",
        "%",
    ]
) | st.text(max_size=3)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(pieces, max_size=6), query=st.lists(pieces, max_size=4))
@example(["bizness"], ["lang=en"])
def test_no_address_at_all_leads_elsewhere(world: World, pieces: list[str], query: list[str]) -> None:
    path = ("/" + "".join(pieces)).encode("utf-8", "replace").decode("latin-1")
    overrides = {"PATH_INFO": path, "QUERY_STRING": "".join(query).encode("utf-8", "replace").decode("latin-1")}
    with world.client.get("/", environ_overrides=overrides) as answer:
        assert answer.status_code < 500
        assert_stays(answer.headers.get("Location", ""), overrides)
        assert all(name.lower() in HEADERS for name, _ in answer.headers)


# ── files


UP = (
    *("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%252f", "%252e%252e%252f", "..\\", "..%5c", "%2e%2e%5c", "..%255c"),
    *("....//", "..;/", "..%00/", "%c0%ae%c0%ae/", "..%c0%af", "%uff0e%uff0e/", "./../", ".%2e/", "%e2%80%a5/"),
)
FOLDERS = (
    "/",
    "/static/",
    "/static/vendor/",
    "/embed/",
    "/feeds/",
    "/feeds/all/archive/",
    "/feed/",
    "/source/",
    "/picture/",
)
FILES = (
    *("etc/passwd", "etc/passwd%00.css", "proc/self/environ", "__init__.py", "templates/base.html", "secret.txt"),
    *("tributary.db", "setup.cfg", "web/reader.py", "feeds.opml"),
)


def test_no_path_leads_to_a_file_that_is_not_ours(site: Site) -> None:
    ways = [*itertools.product(FOLDERS, UP, FILES), *itertools.product(FOLDERS, (up * 6 for up in UP), FILES[:1])]
    for path in ("".join(way) for way in ways):
        answered = get(site, path)
        assert answered.status in {400, 404}, (path, answered.status)
        assert_harmless(answered, path)


SAME = {
    "/story/%D9%A3",
    "/story/1/",
    "/story/1.json/",
    "/static/site.css/",
    "/feeds/all.atom/",
}  # other ways to write ours


@pytest.mark.parametrize(
    "path",
    [
        *("/static", "/static/", "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/file:///etc/passwd", "/static/.."),
        *("/static/site.css%00", "/static/site.css/", "/static/./site.css/..", "/static/%", "/static/%zz", "/static/~root"),
        *("/static/site.css%20", "/static/SITE.CSS", "/static/nul", "/static/con", "/static/" + "a" * 5000, "/static/" + "a/" * 2000),
        *("/feeds/all/archive/0.atom", "/feeds/all/archive/-1.atom", "/feeds/all/archive/1e9.atom", "/feeds/all/archive/.atom"),
        *("/feeds/all/archive/99999999999999999999.atom", "/feeds/all/archive/%D9%A3.atom", "/feeds/all/archive/1.atom.."),
        *("/feeds/all/archive/01.atom", "/feeds/all/archive/1%2f..%2f2.atom", "/feeds/all.atom/", "/feeds/..atom", "/feeds/.atom"),
        *("/feeds/all.", "/feeds/all.xml", "/feeds/all.atom.gz", "/feeds/.tributary/manifest.json", "/.tributary/manifest.json"),
        *("/.git/config", "/.env", "/feeds.opml.bak", "/static/../feeds.opml", "/embed/", "/embed/..", "/embed/..fragment"),
        *("/story/-1", "/story/1e3", "/story/99999999999999999999", "/story/%D9%A3", "/story/1/", "/story/0x1", "/story/1.json/"),
        *("/dep/..", "/dep/%2e%2e", "/source/..", "/source/.", "/economie/dep/..", "/%2e%2e", "/..", "/."),
    ],
)  # fmt: skip
def test_an_odd_path_leads_to_nothing_odd(site: Site, path: str) -> None:
    answered = get(site, path)
    assert answered.status in {301, 400, 404, 410, 414} or path in SAME
    assert_harmless(answered, path)
    assert not answered.header("content-type").startswith("application/octet-stream")


@given(st.text("./\\%\0a~:", max_size=12) | st.text(max_size=12))
@example("/../../etc/passwd")
@example("/a/..")
@example("//etc/passwd")
def test_no_file_is_published_outside_its_folder(path: str) -> None:
    folder = Path("/srv/news")
    for kind in ("text/html; charset=utf-8", "application/json"):
        try:
            name = file_name(path, kind)
        except ConfigError:
            continue
        assert ".." not in Path(name).parts
        assert not Path(name).is_absolute()
        assert (folder / name).is_relative_to(folder)


# ── searching


WORDS = (
    *('"', '""', '"""', '"titre', 'titre"', "'", "''", "' OR 1=1 --", "'; DROP TABLE items; --", '" OR "" = "', "\\", "\\'"),
    *("AND", "OR", "NOT", "NEAR", "titre AND", "OR titre", "NOT NOT titre", "titre AND OR NOT titre", "NEAR(titre a)"),
    *("NEAR(titre, 3)", 'NEAR("a" "b", 2)', "NEAR/2", "titre NEAR/3 a", "NEAR(", "NEAR()", "NEAR((titre))"),
    *("title:titre", "title : titre", "{title lead} : titre", "-title:titre", "- {title} : x", "rowid:1", "items:x", ":", "::"),
    *("nothing:titre", "^titre", "^", "titre^", "^^titre", "titre*", "*", "**", "*titre", "titre *", "ti*tre", '"titre" *'),
    *("titre + a", "+", "++titre", "titre+", "-", "--", "---titre", "-titre", "- titre", "(titre)", "(", ")", "((((", "))))"),
    *("(titre OR a) AND", "()", "(())", "titre)(a", ";", ";;", "titre;", "/* x */", "-- x", "#", "%", "_", "%titre%", "?", "?1"),
    *("@x", "$x", ":x", "||", "&&", "&", "|", "!", "~", "`", "``", "[", "]", "[titre]", "{", "}", "{}", "{titre", "<", ">", "<>"),
    *("=", "==", ",", ",,,", ".", "...", "…", "« titre »", "“titre”", "l’été", "l'été", "a-b", "a - b", "vis-à-vis", "\u200b"),
    *("\u2028", "\u202e", "\ufeff", "\x00", "a\x00b", "\x00\x00", "\x01", "\x1f", "\x7f", "\n", "\t", "\r\n", "\ufffe", "\U0010ffff"),
    *("\u0301", "e\u0301" * 50, "Ⓣⓘⓣⓡⓔ", "ﬁ", "ß", "İ", "ı", "١٢٣", "１２３", "日本語", "🙂", "🏳️\u200d🌈", "نص", "\u0e01\u0e33"),
    *("a" * 10_000, "a " * 5_000, '"' * 10_000, "(" * 10_000, "titre OR " * 1_000, "NEAR(" * 2_000, "-a " * 3_000, "*" * 10_000),
    *("MATCH 'x'", "x MATCH y", "rank", "bm25(items)", "highlight(items,0,'','')", "snippet(x)", "UNION SELECT 1", "1) UNION SELECT"),
    *("select * from items", "load_extension('x')", "randomblob(1000000000)", "x' || (select 1) || '", "0x41", "1e999", "-1", "NaN"),
    *("source:info", "site:x", "before:2026-01-01", "after:9999-99-99", "dep:25", "lang:fr", "category:economie", "titre~2", "titre^2"),
)  # fmt: skip
RAW = (
    "%",
    "%%",
    "%zz",
    "%ED%A0%80",
    "%ED%A0%80%ED%B0%80",
    "%ff",
    "%c0%80",
    "%F5%80%80%80",
    "a%00b",
    "%u0041",
    "\xff",
    "+++",
    "%2B",
)
NUMBERS = (
    *(
        "-1",
        "0",
        "00",
        "+1",
        "1.5",
        "1e3",
        "1e400",
        "0x10",
        "٣",
        "１",
        "²",
        "½",
        "Ⅳ",
        "1_000",
        " 1 ",
        "1;",
        "NaN",
        "inf",
    ),
    *("9" * 30, "-" + "9" * 30, "9" * 5000, "", "null", "[]", "1,2", "1%00", "\u2212" + "1"),
)
SEARCHES = ("/search", "/feed/search", "/feeds/search.atom", "/feeds/search.rss", "/feeds/search.json")


def assert_answered(answer: TestResponse, what: object) -> None:
    text = answer.get_data(as_text=True)
    assert answer.status_code < 500, what
    assert {name.lower() for name, _ in answer.headers} <= HEADERS
    for each in (*NOT_TO_BE_READ[:5], "Traceback", "fts5:", "OperationalError", "unterminated string"):
        assert each not in text, (what, each)


@pytest.mark.parametrize("path", SEARCHES)
def test_no_search_ends_in_an_error(world: World, path: str) -> None:
    raw = [*(quote(word, safe="", errors="replace") for word in WORDS), *RAW]
    for text in raw if path in SEARCHES[:3] else raw[::7]:
        for query in (f"q={text}", f"q=titre%20{text}%20n1") if path == SEARCHES[0] else (f"q={text}",):
            with world.client.get(path, query_string=query) as answer:
                assert_answered(answer, query[:200])


def test_no_page_of_a_search_ends_in_an_error(world: World) -> None:
    for number, path in itertools.product(NUMBERS, SEARCHES):
        with world.client.get(path, query_string=f"q=titre&page={quote(number)}&limit={quote(number)}") as answer:
            assert_answered(answer, number)


def test_no_field_of_the_search_form_ends_in_an_error(world: World) -> None:
    """Whatever fields it has: each gets everything."""
    page = html.fromstring(world.text("/search?q=titre"))
    names = {str(each.get("name")) for each in page.iterfind(".//form//*[@name]")} | {"q", "page", "lang"}
    texts = [*(quote(word, safe="", errors="replace") for word in (*WORDS[::4], *NUMBERS) if len(word) < 100), *RAW]
    for name, text in itertools.product(sorted(names - {"q"}), texts):
        with world.client.get("/search", query_string=f"q=titre&{name}={text}&{name}={text}") as answer:
            assert_answered(answer, (name, text))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([word for word in WORDS if len(word) < 100]) | st.text(max_size=5), max_size=8),
    st.booleans(),
)
def test_no_mixture_of_operators_ends_in_an_error(world: World, words: list[str], apart: bool) -> None:
    query = quote((" " if apart else "").join(words), safe="", errors="replace")
    with world.client.get("/search", query_string=f"q={query}") as answer:
        assert_answered(answer, query)


# ── requests that hurt


LONG = 100_000
HURTING: dict[str, tuple[bytes, set[int]]] = {
    "a very long path": (b"GET /" + b"a" * LONG + b" HTTP/1.1\r\nHost: x\r\n", {404, 414, 400}),
    "a very long query": (b"GET /search?q=" + b"a" * LONG + b" HTTP/1.1\r\nHost: x\r\n", {200, 414, 400}),
    "a path of a megabyte": (b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n", {0, 400, 404, 414, 431}),
    "five thousand fields": (b"GET /search?" + b"&".join(b"q%d=1" % n for n in range(5000)) + b" HTTP/1.1\r\nHost: x\r\n", {200, 400, 413, 414}),
    "five thousand fields of a feed": (b"GET /feeds/all.atom?" + b"&".join(b"q%d=1" % n for n in range(5000)) + b" HTTP/1.1\r\nHost: x\r\n", {200, 301, 400, 413, 414}),
    "five thousand fields of an embed": (b"GET /embed/all?" + b"limit=3&" * 5000 + b" HTTP/1.1\r\nHost: x\r\n", {200, 301, 400, 413, 414}),
    "five thousand fields of a following": (b"GET /subscribe?" + b"feed=a&" * 5000 + b" HTTP/1.1\r\nHost: x\r\n", {200, 400, 413, 414}),
    "a header of a hundred kilobytes": (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * LONG + b"\r\n", {200, 400, 431}),
    "a header of a megabyte": (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 1_000_000 + b"\r\n", {0, 400, 431}),
    "a thousand headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(1000)), {0, 200, 400, 431}),
    "a thousand cookies": (b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"; ".join(b"c%d=1" % n for n in range(1000)) + b"\r\n", {200, 400, 431}),
    "a cookie that is none": (b"GET / HTTP/1.1\r\nHost: x\r\nCookie: \xff\xfe=\x01;;;=;=;\"\r\n", {200, 400}),
    "languages without end": (b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Language: " + b"fr;q=0.1,de;q=x,*;q=-1," * 2000 + b"\r\n", {200, 400, 431}),
    "codings without end": (b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: " + b"gzip;q=nan,br;q=1e9,*;q=," * 2000 + b"\r\n", {200, 400, 431}),
    "validators without end": (b"GET /feeds/all.atom HTTP/1.1\r\nHost: x\r\nA-IM: feed\r\nIf-None-Match: " + b'"a",W/"b",' * 5000 + b"\r\n", {200, 400, 431}),
    "dates that are none": (b"GET /feeds/all.atom HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: Sun, 99 Foo 99999 99:99:99 +9999\r\nIf-Unmodified-Since: x\r\n", {200, 400}),
    "a year beyond all": (b"GET /feeds/all.atom HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: Sun, 31 Dec 999999999 23:59:59 GMT\r\n", {200, 400}),
    "ranges without end": (b"GET /static/site.css HTTP/1.1\r\nHost: x\r\nRange: bytes=" + b"0-," * 3000 + b"\r\n", {200, 206, 400, 416}),
    "a range that is none": (b"GET /static/site.css HTTP/1.1\r\nHost: x\r\nRange: bytes=99999999999999999999-\r\n", {200, 400, 416}),
    "a body where none belongs": (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", {200, 400}),
    "a form for a page": (b"POST /search HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\nq=a", {405}),
    "a megabyte for a page": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"a" * 1_000_000, {0, 405, 413}),
    "a megabyte for the hub": (b"POST /hub HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000\r\n\r\n" + b"a" * 1_000_000, {0, 413}),
    "many fields for the hub": (b"POST /hub HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 16000\r\n\r\n" + b"a=1&" * 4000, {400, 413}),
    "a file for the hub": (b"POST /hub HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=\xff\r\nContent-Length: 4\r\n\r\n--\xff\r", {400, 415}),
    "a length that is none": (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n", {400}),
    "two lengths": (b"POST /hub HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\nhello", {400}),
    "a length and chunks": (b"POST /hub HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /status HTTP/1.1\r\nHost: x\r\n", {400, 405, 415}),
    "chunks that are none": (b"POST /hub HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {0, 400, 411, 415}),
    "a version that is none": (b"GET / HTTP/9.9\r\nHost: x\r\n", {400, 505}),
    "no version": (b"GET /\r\n", {0, 400}),
    "no words": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", {0, 400}),
    "a null byte": (b"GET /\x00 HTTP/1.1\r\nHost: x\r\n", {400, 404}),
    "a raw byte": (b"GET /\xff\xfe?\xff=\xfe HTTP/1.1\r\nHost: x\r\n", {400, 404}),
    "a header that is folded": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b: c\r\n", {200, 400}),
    "a header without a name": (b"GET / HTTP/1.1\r\nHost: x\r\n: a\r\n", {400}),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost : x\r\n", {400}),
    "a star": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n", {200, 400, 404, 405}),
    "another server's address": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n", {400, 404, 405}),
}  # fmt: skip
METHODS = "TRACE PUT DELETE PATCH PROPFIND MOVE LOCK SEARCH PURGE DEBUG FOO get Get POST OPTIONS HEAD".split()


@pytest.mark.parametrize("request_", HURTING.values(), ids=HURTING.keys())
def test_a_request_that_hurts_is_refused_in_plain_words(site: Site, request_: tuple[bytes, set[int]]) -> None:
    sent, statuses = request_
    head, blank, body = sent.partition(b"\r\n\r\n")
    whole = head.removesuffix(b"\r\n") + b"\r\nConnection: close\r\n\r\n" + (body if blank else b"")
    started = time.monotonic()
    answered = send(site, whole)
    assert time.monotonic() - started < ANSWER_SECONDS
    assert answered.status in statuses, answered.status
    assert_harmless(answered, head[:100])
    assert get(site, "/economie").status == 200


@pytest.mark.parametrize("method", METHODS)
def test_an_odd_method_is_refused_everywhere(site: Site, targets: list[str], method: str) -> None:
    for target in targets:
        answered = get(site, target, "Content-Length: 0", method=method)
        assert_harmless(answered, target)
        if method.upper() not in {"GET", "HEAD", "OPTIONS"}:
            assert answered.status in {400, 404, 405, 410, 415, 501}, (target, answered.status)


def test_no_answer_tells_the_version_of_what_it_was_made_with(usual: dict[str, Answered]) -> None:
    for target, answered in usual.items():
        assert "x-powered-by" not in dict(answered.headers), target
        assert not re.search(r"\d", answered.header("server")), target
