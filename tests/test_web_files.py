"""Our own static files: compressed, kept for a year, and those of others as they were published."""

import gzip
import hashlib
import json
import re
from html import unescape
from pathlib import Path

import brotli
import pytest

from tests.web_world import World, a_world, an_item, tell

STATIC = Path(__file__).parent.parent / "web" / "static"
TEXTS = sorted(
    f"/static/{path.relative_to(STATIC)}"
    for ending in ("js", "css")
    for path in STATIC.rglob(f"*.{ending}")
    if path.stat().st_size > 1000
)
OPENERS = {"br": brotli.decompress, "gzip": gzip.decompress}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return a_world(tmp_path)


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize(
    ("accepted", "coding"), [("gzip, deflate, br, zstd", "br"), ("br, gzip", "br"), ("gzip", "gzip")]
)
def test_a_file_travels_as_small_as_the_browser_allows(world: World, path: str, accepted: str, coding: str) -> None:
    plain = world.client.get(path, headers={"Accept-Encoding": "identity"})
    sent = world.client.get(path, headers={"Accept-Encoding": accepted})
    assert sent.headers["Content-Encoding"] == coding
    assert "Content-Encoding" not in plain.headers
    assert OPENERS[coding](sent.data) == plain.data
    assert len(sent.data) < len(plain.data)
    assert sent.headers["Vary"] == "Accept-Encoding"
    assert sent.headers["ETag"] != plain.headers["ETag"]
    assert sent.headers["Content-Type"] == plain.headers["Content-Type"]
    assert "max-age=31536000" in sent.headers["Cache-Control"]


def test_a_file_that_is_held_is_not_sent_again(world: World) -> None:
    for accepted in ("br", "gzip", ""):
        first = world.client.get("/static/site.css", headers={"Accept-Encoding": accepted})
        held = {"Accept-Encoding": accepted, "If-None-Match": first.headers["ETag"]}
        again = world.client.get("/static/site.css", headers=held)
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
    since = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert world.client.get("/static/site.css", headers=since).status_code == 304


def test_a_picture_is_sent_as_it_is(world: World) -> None:
    for path in sorted(STATIC.glob("*.png")):
        answer = world.client.get(f"/static/{path.name}", headers={"Accept-Encoding": "br, gzip"})
        assert answer.data == path.read_bytes()
        assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/static/../__init__.py", "/static/%2e%2e/site.py", "/static/nothing.css", "/static/"]
)
def test_what_is_no_static_file_is_not_there(world: World, path: str) -> None:
    assert world.client.get(path).status_code == 404


def test_the_files_of_others_are_as_they_were_published() -> None:
    told = dict(
        re.findall(r"\| `([\w.]+)` \|.*`([0-9a-f]{64})` \|", (STATIC / "vendor" / "README.md").read_text("utf-8"))
    )
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (STATIC / "vendor").glob("*.js")}
    assert found == told


def test_htmx_is_loaded_where_it_is_used_and_does_nothing_that_our_policy_forbids(world: World) -> None:
    tell(world.store, [an_item("one")])
    for path in ("/", "/economie", "/source/comtois-info", "/search"):
        text = world.client.get(path).get_data(as_text=True)
        assert text.index('name="htmx-config"') < text.index("/static/vendor/htmx.min.js?v="), path
        (config,) = re.findall(r"<meta name=\"htmx-config\" content='([^']*)'", text)
        told = json.loads(unescape(config))
        for name in ("allowEval", "allowScriptTags", "includeIndicatorStyles"):
            assert told[name] is False
        assert told["historyCacheSize"] == 0
        assert told["selfRequestsOnly"] is True
    for path in ("/story/1", "/sources", "/status"):
        assert "htmx" not in world.text(path), path


def test_the_sheet_is_small_and_stands_alone() -> None:
    sheet = (STATIC / "site.css").read_bytes()
    assert len(gzip.compress(sheet)) <= 8_000
    assert b"@import" not in sheet
    assert b"url(" not in sheet
