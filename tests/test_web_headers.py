"""What every answer of the site carries, whatever the route."""

import gzip
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from aggregator.model import Date
from aggregator.publishing import keep_pages
from tests.web_world import INFO, MATIN, NOW, PRESSE, PUBLIC, World, a_world, an_item, tell
from web.headers import SECURITY

PLACES = {
    "slug": "economie",
    "code": "25",
    "number": "1",
    "extension": "atom",
    "story_id": "1",
    "item_id": "1",
    "filename": "site.css",
    "signature": "nothing",  # an address that nobody signed
    "token": "nothing",
    "address": "x",
}
ASKED = {  # what a route needs to be told, where it is not an address in `url`
    "/feeds/search.atom": "?q=titre",
    "/feeds/economie.atom": "",
    "/feeds/economie/archive/1.atom": "",
    "/feed/economie": "",
    "/source/comtois-info": "",
    "/embed/economie": "",
    "/oembed": f"?url={PUBLIC}/economie",
    "/hub": "",
}
DOUBS = replace(INFO, departements=("25",))
PAGES = (
    "/",
    "/economie",
    "/dep/25",
    "/economie/dep/25",
    "/story/1",
    "/search?q=titre",
    "/sources",
    "/source/comtois-info",
    "/feed/economie",
    "/subscribe",
)

OWN_POLICY = ("/subscribe", "/embed/economie")  # see test_embed.py


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = a_world(tmp_path, [DOUBS, MATIN, PRESSE])
    tell(world.store, [an_item(f"n{number}", published=Date("", NOW), departements=("25",)) for number in range(50)])
    keep_pages(world.store, world.settings, NOW)
    return world


def paths(world: World) -> list[str]:
    """An address for every route there is."""
    routes = [
        re.sub(r"<(?:[^:<>]*:)?(\w+)>", lambda place: PLACES[place[1]], str(rule))
        for rule in world.app.url_map.iter_rules()
        if not rule.endpoint.startswith("desk.")  # which test_desk_entry.py looks at
    ]
    routes = ["/source/comtois-info" if route == "/source/economie" else route for route in routes]
    asked = [f"{route}{ASKED.get(route, f'?url={INFO.url}')}" for route in routes]
    return [*asked, "/nothing", "/feeds/nothing.atom", "/dep/nothing", "/feed/nothing", "/source/nothing"]


def test_every_route_is_guarded_and_sets_no_cookie(world: World) -> None:
    assert len(paths(world)) > 12
    for path in paths(world):
        with world.client.get(path) as response:
            usual = {"/source": 301, "/hub": 405}.get(path.partition("?")[0], 200)
            assert response.status_code in {usual, 404}, path
            assert (response.status_code == 404) is ("nothing" in path), path
            for name, text in SECURITY.items():
                if not (path.startswith(OWN_POLICY) and name in {"Content-Security-Policy", "X-Frame-Options"}):
                    assert response.headers[name] == text, (path, name)
            assert "Set-Cookie" not in response.headers, path
            assert "Cache-Control" in response.headers, path


def test_the_policy_lets_nothing_run_but_our_own_files() -> None:
    policy = dict(part.strip().split(" ", 1) for part in SECURITY["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["worker-src"] == policy["manifest-src"] == "'self'"
    assert policy["style-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in SECURITY["Content-Security-Policy"]


def test_every_route_answers_head_as_get_without_a_body(world: World) -> None:
    for path in paths(world):
        with world.client.get(path) as got, world.client.head(path) as head:
            assert head.status_code == got.status_code, path
            assert head.headers.get("Content-Length") == got.headers.get("Content-Length"), path
            assert head.headers.get("ETag") == got.headers.get("ETag"), path
            assert head.data == b"", path


@pytest.mark.parametrize(
    "path", ["//evil.example/x", "//evil.example", "/economie//", "/\\evil.example", "/%2F%2Fevil.example"]
)
def test_no_address_redirects_elsewhere(world: World, path: str) -> None:
    response = world.client.get("/", environ_overrides={"PATH_INFO": path, "HTTP_HOST": "evil.example"})
    assert response.status_code == 404
    assert "Location" not in response.headers


@pytest.mark.parametrize("path", PAGES)
def test_no_page_believes_the_host_header(world: World, path: str) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    response = world.client.get(path, headers=headers)
    assert "evil.example" not in response.get_data(as_text=True) + str(response.headers)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_page_that_did_not_change_is_a_304(world: World, path: str, encoding: str) -> None:
    first = world.client.get(path, headers={"Accept-Encoding": encoding})
    assert first.headers["Cache-Control"].startswith("public, max-age=60")
    assert set(first.headers["Vary"].split(", ")) == {"Accept-Language", "Accept-Encoding"}
    again = world.client.get(path, headers={"Accept-Encoding": encoding, "If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    tell(world.store, [an_item("fresh", published=Date("", NOW))])
    if path == "/":
        changed = world.client.get(path, headers={"Accept-Encoding": encoding, "If-None-Match": first.headers["ETag"]})
        assert changed.status_code == 200


def test_pages_travel_compressed(world: World) -> None:
    plain, zipped = world.client.get("/"), world.client.get("/", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(zipped.data) == plain.data
    assert zipped.headers["ETag"] != plain.headers["ETag"]


def test_errors_are_never_kept(world: World) -> None:
    response = world.client.get("/nothing", headers={"If-None-Match": "*"})
    assert response.status_code == 404
    assert response.headers["Cache-Control"] == "no-store"


def test_static_files_are_kept_for_a_year_under_an_address_that_changes_with_them(world: World) -> None:
    sheet = re.search(r'<link rel="stylesheet" href="([^"]*)"', world.text("/"))
    assert sheet is not None
    assert re.fullmatch(r"/static/site\.css\?v=[0-9a-f]{12}", sheet[1])
    with world.client.get(sheet[1]) as response:
        assert response.status_code == 200
        assert "max-age=31536000" in response.headers["Cache-Control"]
        assert len(response.data) <= 24_000
        assert b"@import" not in response.data
        assert b"url(" not in response.data


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/subscribe"])
def test_a_page_loads_nothing_from_elsewhere_but_pictures(world: World, path: str) -> None:
    text = world.text(path)
    assert "<script" not in re.sub(r'<script src="/static/[^"]*\?v=[0-9a-f]{12}" defer></script>', "", text)
    assert "style=" not in text
    assert "<iframe" not in text
    sheets = re.findall(r'<link rel="(?:stylesheet|icon)"[^>]*href="([^"]*)"', text)
    assert all(sheet.startswith("/static/") for sheet in sheets)


def test_robots_may_read_all_but_the_searches(world: World) -> None:
    text = world.text("/robots.txt")
    assert "User-agent: *\nDisallow: /search\n" in text


def test_the_icon_is_a_drawing(world: World) -> None:
    with world.client.get("/favicon.ico") as response:
        assert response.headers["Content-Type"].startswith("image/svg+xml")
        assert response.data.startswith(b"<svg")
