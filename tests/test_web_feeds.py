"""The feeds as programs ask for them."""

import gzip
import json
import threading
import urllib.parse
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree
from msgspec.structs import replace
from werkzeug.http import parse_date

from aggregator.errors import StoreError
from aggregator.model import Format
from tests.web_world import INFO, NOW, PRESSE, PUBLIC, World, a_world, an_item, fail, tell
from web import shelf

FEED = "/feeds/economie.atom"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = a_world(tmp_path)
    tell(world.store, [an_item(f"n{number}") for number in range(5)])
    return world


@pytest.mark.parametrize("slug", ["all", "economie", "sport"])
@pytest.mark.parametrize(
    ("extension", "content_type"),
    [
        ("atom", "application/atom+xml; charset=utf-8"),
        ("rss", "application/rss+xml; charset=utf-8"),
        ("json", "application/feed+json; charset=utf-8"),
    ],
)
def test_each_feed_comes_in_three_formats_even_while_it_is_empty(
    world: World, slug: str, extension: str, content_type: str
) -> None:
    response = world.client.get(f"/feeds/{slug}.{extension}")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == content_type
    if extension == "json":
        json.loads(response.data)
    else:
        etree.fromstring(response.data)


def test_a_feed_carries_the_headers_that_caches_readers_and_widgets_need(world: World) -> None:
    headers = world.client.get(FEED).headers
    assert headers["ETag"].startswith('"')
    assert parse_date(headers["Last-Modified"]) >= NOW  # when it entered, not when it was published
    assert headers["Cache-Control"] == "public, max-age=300, stale-while-revalidate=600, stale-if-error=86400"
    assert headers["Vary"] == "Accept-Encoding"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in headers["Access-Control-Expose-Headers"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert f'<{PUBLIC}{FEED}>; rel="self"; type="application/atom+xml"' in headers["Link"]
    assert f'<{PUBLIC}/feeds/economie.rss>; rel="alternate"; type="application/rss+xml"' in headers["Link"]
    assert f'<{PUBLIC}/economie>; rel="alternate"; type="text/html"' in headers["Link"]
    assert headers["Link"].count('rel="self"') == 1


def test_the_whole_river_s_feed_leads_people_to_the_front_page(world: World) -> None:
    assert f'<{PUBLIC}/>; rel="alternate"; type="text/html"' in world.client.get("/feeds/all.rss").headers["Link"]


@pytest.mark.parametrize(
    "path",
    [
        "/feeds/nothing.atom",
        "/feeds/economie.xml",
        "/feeds/economie",
        "/feeds/.atom",
        "/feeds/a/b.atom",
        "/feeds/search.atom",
        "/feeds/search.atom?q=%20",
        "/feeds/economie/archive/1.atom",
        "/feeds/economie/archive/0.atom",
        "/feeds/dep/99.atom",
        "/feeds/economie.atom/",
        "/feeds//economie.atom",
    ],
)
def test_what_is_no_feed_is_not_found(world: World, path: str) -> None:
    response = world.client.get(path)
    assert response.status_code == 404
    assert response.headers["Cache-Control"] == "no-store"


def test_a_feed_that_is_closed_while_it_is_asked_for_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "publish_feed", lambda *_: None)
    assert world.client.get(FEED).status_code == 410


# ── is it still the same?

# Each row: the request's headers, where {tag} and {gz} stand for the tags of both forms and {at} for Last-Modified,
# and whether the client holds the feed already.
CONDITIONS = [
    ({}, False),
    ({"If-None-Match": "{tag}"}, True),
    ({"If-None-Match": "{gz}"}, True),
    ({"If-None-Match": "W/{tag}"}, True),
    ({"If-None-Match": '"other"'}, False),
    ({"If-None-Match": '"other", W/"another", {gz}'}, True),
    ({"If-None-Match": "*"}, True),
    ({"If-None-Match": ""}, False),
    ({"If-None-Match": '"unclosed'}, False),
    ({"If-Modified-Since": "{at}"}, True),
    ({"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, True),
    ({"If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}, False),
    ({"If-Modified-Since": "yesterday"}, False),
    ({"If-None-Match": '"other"', "If-Modified-Since": "{at}"}, False),
    ({"If-None-Match": "{tag}", "If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}, True),
    ({"If-None-Match": "", "If-Modified-Since": "{at}"}, False),
]


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("conditions", "held"), CONDITIONS)
def test_a_304_answers_exactly_those_who_hold_the_feed(
    world: World, conditions: dict[str, str], held: bool, method: str, encoding: str
) -> None:
    first = world.client.get(FEED, headers={"Accept-Encoding": encoding})
    plain = world.client.get(FEED).headers["ETag"]
    values = {"tag": plain, "gz": plain[:-1] + '-gzip"', "at": first.headers["Last-Modified"]}
    asked = {name: text.format(**values) for name, text in conditions.items()}
    response = world.client.open(FEED, method=method, headers={"Accept-Encoding": encoding, **asked})
    assert response.status_code == (304 if held else 200)
    kept = ("ETag", "Cache-Control", "Vary", "Access-Control-Allow-Origin", "Link")
    assert all(response.headers[name] == first.headers[name] for name in kept)
    if held:
        assert response.data == b""
        assert "Content-Length" not in response.headers
        assert "Content-Encoding" not in response.headers


# ── which form?


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("br;q=0.4, gzip;q=0.5", True),
        ("br;q=0, gzip", True),
        ("*", True),
        ("deflate, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("identity;q=0.5, gzip", True),
        ("zstd", False),
    ],
)
def test_gzip_is_sent_to_those_who_take_it_under_a_tag_of_its_own(
    world: World, accepted: str | None, zipped: bool
) -> None:
    plain = world.client.get(FEED)
    response = world.client.get(FEED, headers={} if accepted is None else {"Accept-Encoding": accepted})
    if zipped:
        assert response.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(response.data) == plain.data
        assert response.headers["ETag"] == plain.headers["ETag"][:-1] + '-gzip"'
    else:
        assert "Content-Encoding" not in response.headers
        assert response.data == plain.data
        assert response.headers["ETag"] == plain.headers["ETag"]


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_head_says_what_get_would_and_sends_no_body(world: World, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding}
    head, got = world.client.head(FEED, headers=headers), world.client.get(FEED, headers=headers)
    assert head.data == b""
    assert dict(head.headers) == dict(got.headers)
    assert int(head.headers["Content-Length"]) == len(got.data)


def test_other_sites_may_ask_from_a_browser(world: World) -> None:
    for path in (FEED, "/feeds.opml", "/sources.opml"):
        response = world.client.options(
            path, headers={"Origin": "https://town.example", "Access-Control-Request-Headers": "If-None-Match"}
        )
        assert response.status_code == 204
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "If-None-Match" in response.headers["Access-Control-Allow-Headers"]
        assert "GET" in response.headers["Access-Control-Allow-Methods"]
    assert world.client.options("/feeds/nothing.atom").status_code == 404


# ── what it costs


@pytest.fixture
def renderings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Format]]:
    made: list[tuple[str, Format]] = []
    publish = shelf.publish_feed

    def counted(store: object, slug: str, format: Format, *rest: object) -> object:
        made.append((slug, format))
        return publish(store, slug, format, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(shelf, "publish_feed", counted)
    return made


def test_a_feed_that_did_not_change_is_rendered_once(world: World, renderings: list[tuple[str, Format]]) -> None:
    for _ in range(3):
        world.client.get(FEED)
    world.client.get("/feeds/economie.rss")
    assert renderings == [("economie", Format.ATOM), ("economie", Format.RSS)]


def test_a_feed_that_changed_is_rendered_again(world: World, renderings: list[tuple[str, Format]]) -> None:
    before = world.client.get(FEED)
    tell(world.store, [an_item("fresh")])
    after = world.client.get(FEED)
    assert b"Titre fresh" in after.data
    assert before.headers["ETag"] != after.headers["ETag"]
    assert len(renderings) == 2


def test_a_story_with_an_older_date_reaches_those_who_ask_by_date_alone(world: World) -> None:
    before = world.client.get(FEED).headers["Last-Modified"]
    tell(
        world.store,
        [replace(an_item("older"), published=an_item("n").published.__class__("", NOW - timedelta(hours=5)))],
    )
    response = world.client.get(FEED, headers={"If-Modified-Since": before})
    assert response.status_code == 200
    assert b"Titre older" in response.data


def test_many_readers_at_once_cost_one_rendering(world: World, renderings: list[tuple[str, Format]]) -> None:
    bodies: list[bytes] = []
    start = threading.Barrier(8)

    def read() -> None:
        start.wait()
        bodies.append(world.client.get(FEED).data)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(bodies)) == 1
    assert len(bodies) == 8
    assert len(renderings) == 1


def test_what_was_served_last_is_served_while_the_store_cannot_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.client.get(FEED)

    def refuse(*_: object) -> None:
        raise StoreError("while reading a feed: the disk is gone")

    monkeypatch.setattr(type(world.store), "changes", refuse)
    assert world.client.get(FEED).data == before.data
    response = world.client.get("/feeds/economie.rss")  # never rendered before
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"


# ── the lists


def test_the_list_of_our_feeds_names_each_with_its_page(world: World) -> None:
    response = world.client.get("/feeds.opml")
    assert response.headers["Content-Type"] == "text/x-opml; charset=utf-8"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    outlines = etree.fromstring(response.data).findall(".//outline[@xmlUrl]")
    addresses = {outline.get("xmlUrl"): outline.get("htmlUrl") for outline in outlines}
    assert addresses[f"{PUBLIC}/feeds/all.rss"] == f"{PUBLIC}/"
    assert addresses[f"{PUBLIC}/feeds/economie.rss"] == f"{PUBLIC}/economie"


def test_the_list_of_our_sources_holds_the_listed_ones_alone(world: World) -> None:
    world.store.sync_sources([INFO], NOW)
    outlines = etree.fromstring(world.client.get("/sources.opml").data).findall(".//outline[@xmlUrl]")
    assert [outline.get("xmlUrl") for outline in outlines] == [INFO.url]


@pytest.mark.parametrize("path", ["/feeds.opml", "/sources.opml"])
def test_the_lists_answer_304_to_those_who_hold_them(world: World, path: str) -> None:
    etag = world.client.get(path).headers["ETag"]
    assert world.client.get(path, headers={"If-None-Match": etag}).status_code == 304
    fail(world.store, PRESSE)  # a state is no part of the list
    assert world.client.get(path).headers["ETag"] == etag


def test_every_link_of_a_feed_stays_on_the_public_address(world: World) -> None:
    response = world.client.get("/feeds/all.json", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    assert b"evil.example" not in response.data
    assert "evil.example" not in str(response.headers)
    assert urllib.parse.urlsplit(json.loads(response.data)["feed_url"]).netloc == "news.example"
