"""Which feeds there are, how their addresses are written, and where the wrong ones lead."""

import json
from datetime import date
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from aggregator.model import AS_ANNOUNCED, Content, Format, Genre, Options, Picture, Question
from aggregator.publishing import keep_pages
from tests.web_world import INFO, MATIN, NOW, PUBLIC, World, a_world, an_item, tell
from web.asked import LIMITS, Asked, query_of, read

LENGTH = 50
DOUBS = replace(INFO, departements=("25",))
BROWSER = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = a_world(tmp_path, [DOUBS, MATIN], renamed=("eco=economie", "dep/doubs=dep/25"))
    tell(world.store, [an_item(f"n{number}", departements=("25",)) for number in range(60)])
    keep_pages(world.store, world.settings, NOW)
    return world


# ── which feeds


@pytest.mark.parametrize(
    "slug", ["all", "economie", "sport", "dep/25", "economie/dep/25", "sport/dep/25", "source/comtois-info"]
)
def test_each_kind_of_feed_names_its_own_address_and_its_page(world: World, slug: str) -> None:
    told = json.loads(world.client.get(f"/feeds/{slug}.json").data)
    assert told["feed_url"] == f"{PUBLIC}/feeds/{slug}.json"
    page = urlsplit(told["home_page_url"]).path
    assert page == ("/" if slug == "all" else f"/{slug}")
    assert world.client.get(page).status_code == 200


def test_a_closed_page_says_what_it_is_and_is_kept_for_a_day(world: World) -> None:
    head = world.client.get("/feeds/economie.atom")
    assert f'<{PUBLIC}/feeds/economie/archive/1.atom>; rel="prev-archive"' in head.headers["Link"]
    page = world.client.get("/feeds/economie/archive/1.atom")
    assert page.status_code == 200
    assert page.data.count(b"<entry>") == 50
    assert page.headers["Cache-Control"] == "public, max-age=86400, immutable, stale-if-error=86400"
    assert 'rel="hub"' not in page.headers["Link"]
    assert f'<{PUBLIC}/feeds/economie.atom>; rel="current"' in page.headers["Link"]
    again = world.client.get("/feeds/economie/archive/1.atom", headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/feeds/economie.{}", "/feeds/economie/archive/1.{}", "/feeds/search.{}?q=titre"])
@pytest.mark.parametrize("format", Format)
def test_the_link_header_and_the_document_agree(world: World, path: str, format: Format) -> None:
    response = world.client.get(path.format(format))
    header = [part.partition(">; ") for part in response.headers["Link"].removeprefix("<").split(", <")]
    links = {(rel.split('"')[1], url) for url, _, rel in header}
    assert sum(rel == "self" for rel, _ in links) == 1
    told = {(rel, url) for rel, url in links if rel not in {"alternate"}}
    if format is Format.JSON:
        document = json.loads(response.data)
        hubs = {("hub", hub["url"]) for hub in document.get("hubs", ())}
        assert ("self", document["feed_url"]) in links
        assert hubs == {(rel, url) for rel, url in links if rel == "hub"}
    else:
        nodes = etree.fromstring(response.data).iter("{http://www.w3.org/2005/Atom}link")
        own = [
            node for node in nodes if (parent := node.getparent()) is not None and not str(parent.tag).endswith("entry")
        ]
        assert told <= {(node.get("rel"), node.get("href")) for node in own}


def test_what_is_hidden_leaves_head_closed_page_and_search_at_once(world: World) -> None:
    (stored,) = world.store.find("https://info.example/n49")
    paths = ["/feeds/economie/archive/1.atom", "/feeds/search.atom?q=n49", "/feeds/all.atom?limit=100"]
    assert all(b"Titre n49" in world.client.get(path).data for path in paths)
    world.store.hide(stored.id, "test", "", NOW)
    assert not any(b"Titre n49" in world.client.get(path).data for path in paths)


def test_a_search_is_a_feed_of_its_own(world: World) -> None:
    response = world.client.get("/feeds/search.json?q=titre%20n7")
    told = json.loads(response.data)
    assert [item["title"] for item in told["items"]] == ["Titre n7"]
    assert told["feed_url"] == f"{PUBLIC}/feeds/search.json?q=titre%20n7"
    assert "Last-Modified" not in response.headers  # nobody knows when something else would have been found
    tell(world.store, [an_item("n7bis", title="Titre n7 encore")])
    assert len(json.loads(world.client.get("/feeds/search.json?q=titre%20n7").data)["items"]) == 2


# ── one way to write an address


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("/feeds/economie.atom?", "/feeds/economie.atom"),
        ("/feeds/economie.atom?utm_source=x", "/feeds/economie.atom"),
        ("/feeds/economie.atom?img=inline&content=full", "/feeds/economie.atom"),
        ("/feeds/economie.atom?img=none&content=text", "/feeds/economie.atom?content=text&img=none"),
        ("/feeds/economie.atom?credit=prefix&limit=7", "/feeds/economie.atom?credit=prefix&limit=5"),
        ("/feeds/economie.atom?limit=4", "/feeds/economie.atom?limit=3"),
        ("/feeds/economie.atom?limit=0", "/feeds/economie.atom?limit=1"),
        ("/feeds/economie.atom?limit=-5", "/feeds/economie.atom?limit=1"),
        ("/feeds/economie.atom?limit=99999999999", "/feeds/economie.atom?limit=100"),
        ("/feeds/economie.atom?limit=50", "/feeds/economie.atom"),
        ("/feeds/economie.atom?limit=many", "/feeds/economie.atom"),
        ("/feeds/economie.atom?img=none&img=inline", "/feeds/economie.atom?img=none"),
        ("/feeds/economie.atom?raw=yes", "/feeds/economie.atom"),
        ("/feeds/economie/archive/1.atom?limit=5", "/feeds/economie/archive/1.atom"),
        ("/feeds/search.rss?limit=5&q=+le++pont+", "/feeds/search.rss?q=le%20pont&limit=5"),
        ("/feeds/search.rss?q=%C3%A9t%c3%a9", "/feeds/search.rss?q=%C3%A9t%C3%A9"),
        ("/feeds/eco.rss", "/feeds/economie.rss"),
        ("/feeds/eco.rss?limit=5&x=1", "/feeds/economie.rss?limit=5"),
        ("/feeds/eco/archive/1.json", "/feeds/economie/archive/1.json"),
        ("/feeds/dep/doubs.json", "/feeds/dep/25.json"),
    ],
)
def test_every_other_way_to_write_it_leads_to_the_one(world: World, given: str, target: str) -> None:
    response = world.client.get(given, headers={"Host": "evil.example"}) if given[-1] != "?" else None
    if response is not None:
        assert response.status_code == 301
        assert response.headers["Location"] == PUBLIC + target
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert world.client.get(target).status_code == 200


def test_a_query_has_a_longest_length(world: World) -> None:
    location = world.client.get(f"/feeds/search.rss?q={'a' * 400}").headers["Location"]
    assert location == f"{PUBLIC}/feeds/search.rss?q={'a' * 300}"


def test_what_is_not_there_is_not_led_anywhere(world: World) -> None:
    assert world.client.get("/feeds/nothing.atom?x=1").status_code == 404


options = st.builds(
    Options,
    img=st.sampled_from(Picture),
    content=st.sampled_from(Content),
    limit=st.sampled_from([0, *(limit for limit in LIMITS if limit != LENGTH)]),
    credit=st.booleans(),
)
typed = st.text(max_size=320).map(query_of).filter(lambda text: text.isprintable())
days = st.dates(date(1900, 1, 1), date(2099, 12, 31))
questions = st.builds(
    Question,
    typed,
    category=st.sampled_from(["", "economie", "faits-divers"]),
    departement=st.sampled_from(["", "25", "2A"]),
    source=st.sampled_from(["", "comtois-info"]),
    genre=st.sampled_from(["", *map(str, Genre)]),
    since=st.none() | days,
    until=st.none() | days,
).filter(lambda question: question.query)
heads = st.builds(
    Asked, st.sampled_from(["all", "economie/dep/25"]), st.sampled_from(Format), options, raw=st.booleans()
)
searches = st.builds(Asked, st.just("search"), st.sampled_from(Format), options, question=questions)
closed = st.builds(Asked, st.just("sport"), st.sampled_from(Format), page=st.integers(1, 999_999_999))


@given(st.one_of(heads, searches, closed))
def test_the_one_way_to_write_it_is_read_as_what_was_written(asked: Asked) -> None:
    path, _, query = asked.target.partition("?")
    assert read(path, query, LENGTH) == (asked, True)


@given(st.sampled_from(["/feeds/all.atom", "/feeds/search.rss", "/feeds/all/archive/3.json"]), st.text(max_size=60))
def test_whoever_is_led_on_is_led_on_once(path: str, query: str) -> None:
    wire = quote(query, safe="=&+%?/").encode().decode("latin-1")
    for given_query in (query.encode("utf-8", "replace").decode("latin-1"), wire):
        first = read(path, given_query, LENGTH)
        assert first is not None
        there, _, words = first[0].target.partition("?")
        assert read(there, words, LENGTH) == (first[0], True)


# ── closed feeds


def test_a_feed_whose_source_is_no_longer_listed_is_gone_and_says_where_the_others_are(world: World) -> None:
    assert world.client.get("/feeds/source/comtois-info.rss").status_code == 200
    world.store.sync_sources([MATIN], NOW)
    response = world.client.get("/feeds/source/comtois-info.rss")
    assert response.status_code == 410
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert f"{PUBLIC}/subscribe" in response.get_data(as_text=True)
    assert world.client.get("/feeds/source/haut-doubs-matin.rss").status_code == 200


def test_a_withdrawn_source_leaves_at_once(world: World) -> None:
    page = "/feeds/source/comtois-info/archive/1.rss"
    assert world.client.get("/feeds/source/comtois-info.rss").status_code == 200
    assert world.client.get(page).status_code == 200
    world.store.withdraw(DOUBS.url, "test", "", NOW)
    assert world.client.get("/feeds/source/comtois-info.rss").status_code == 410
    assert b"Titre" not in world.client.get(page).data
    assert b"Titre" not in world.client.get("/feeds/economie.rss").data
    gone = world.client.get("/source/comtois-info?lang=en")
    assert gone.status_code == 410 and "It was withdrawn.<" in gone.text  # which may be undone
    assert "Comtois Info" not in world.text("/sources")


# ── people


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/feeds/economie.atom", "/feed/economie"),
        ("/feeds/economie/dep/25.json?img=none", "/feed/economie/dep/25?img=none"),
        ("/feeds/economie/archive/1.rss", "/feed/economie"),
        ("/feeds/search.rss?q=titre%20n7", "/feed/search?q=titre%20n7"),
    ],
)
def test_a_person_who_opens_a_feed_gets_a_page_that_explains_it(world: World, path: str, page: str) -> None:
    response = world.client.get(path, headers=BROWSER)
    assert response.status_code == 302
    assert response.headers["Location"] == PUBLIC + page
    assert response.headers["Cache-Control"] == "no-store"
    text = world.text(page)
    assert "Titre n" in text
    for format in Format:
        slug = page.removeprefix("/feed/").partition("?")
        address = f"{PUBLIC}/feeds/{slug[0]}.{format}{slug[1]}{slug[2]}"
        assert f"<code>{address}</code>" in text
        assert f'href="feed:{address}"' in text


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}, {"Accept": "text/html"}, {"User-Agent": "Mozilla/5.0"}],
)
def test_everybody_else_gets_the_document(world: World, headers: dict[str, str]) -> None:
    plain = world.client.get("/feeds/economie.atom")
    world.client.get("/feeds/economie.atom", headers=BROWSER)
    response = world.client.get("/feeds/economie.atom", headers=headers)
    assert (response.status_code, response.data) == (200, plain.data)
    assert response.headers["Vary"] == "Accept-Encoding"


def test_a_person_may_see_the_document_too(world: World) -> None:
    response = world.client.get("/feeds/economie.atom?raw=1", headers=BROWSER)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Robots-Tag"] == "noindex"
    assert response.data == world.client.get("/feeds/economie.atom").data
    assert "raw=1" in world.text("/feed/economie")


@pytest.mark.parametrize(
    ("path", "status"), [("/feed/nothing", 404), ("/feed/search", 404), ("/feed/source/comtois-info", 410)]
)
def test_there_is_nothing_to_explain_of_what_is_not_there(world: World, path: str, status: int) -> None:
    world.store.sync_sources([MATIN], NOW)
    assert world.client.get(path).status_code == status


# ── pages


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/", "all"),
        ("/economie", "economie"),
        ("/dep/25", "dep/25"),
        ("/economie/dep/25", "economie/dep/25"),
        ("/source/comtois-info", "source/comtois-info"),
        ("/feed/sport", "sport"),
        ("/story/1", "economie"),
        ("/sources", "all"),
    ],
)
def test_every_page_announces_its_own_feeds_best_first(world: World, path: str, slug: str) -> None:
    nodes = etree.HTML(world.client.get(path).data).iterfind(".//head/link[@rel='alternate']")
    feeds = [node.get("href") for node in nodes if "/feeds/" in node.get("href")]
    assert feeds == [f"{PUBLIC}/feeds/{slug}.{extension}" for extension in ("rss", "atom", "json")]


def test_a_search_announces_its_feed_and_a_form_without_words_that_of_everything(world: World) -> None:
    assert f"{PUBLIC}/feeds/search.atom?q=le%20pont" in world.text("/search?q=+le++pont")
    assert f"{PUBLIC}/feeds/all.atom" in world.text("/search")


def test_pages_lead_to_narrower_ones_that_something_stands_in(world: World) -> None:
    assert 'href="/dep/25"' in world.text("/")
    assert 'href="/economie/dep/25"' in world.text("/economie")
    assert 'href="/economie/dep/25"' in world.text("/dep/25")
    assert "/sport/dep/25" not in world.text("/dep/25")


@pytest.mark.parametrize(
    ("path", "status", "location"),
    [
        ("/eco", 301, "/economie"),
        ("/dep/doubs", 301, "/dep/25"),
        (f"/source?url={INFO.url}", 301, "/source/comtois-info"),
        ("/source?url=https://nowhere.example/", 404, None),
        ("/source/nothing", 404, None),
        ("/dep/99", 404, None),
        ("/sport/dep/99", 404, None),
        ("/25", 404, None),
    ],
)
def test_pages_of_old_addresses_lead_to_those_of_today(
    world: World, path: str, status: int, location: str | None
) -> None:
    response = world.client.get(path)
    assert (response.status_code, response.headers.get("Location")) == (status, location)


# ── the list of feeds


def test_the_list_of_feeds_nests_what_something_stands_in(world: World) -> None:
    response = world.client.get("/feeds.opml", headers={"Accept-Language": "en"})
    body = etree.fromstring(response.data).find("body")
    assert body is not None
    told = {"/".join(_folders(node)): node.get("xmlUrl") for node in body.iter("outline") if node.get("xmlUrl")}
    assert told["Tributary"] == f"{PUBLIC}/feeds/all.rss"
    assert told["Rubriques/Tributary – Économie"] == f"{PUBLIC}/feeds/economie.rss"
    assert told["Départements/Doubs/Tributary – Économie – Doubs"] == f"{PUBLIC}/feeds/economie/dep/25.rss"
    assert told["Sources/Tributary – Comtois Info"] == f"{PUBLIC}/feeds/source/comtois-info.rss"
    assert not any("sport/dep" in url for url in told.values())
    assert world.client.get("/.well-known/feeds").data == response.data
    for url in told.values():
        assert world.client.get(urlsplit(url).path).status_code == 200


def _folders(node: etree._Element) -> list[str]:
    parent = node.getparent()
    above = _folders(parent) if parent is not None and parent.tag == "outline" else []
    return [*above, node.get("text")]


def test_announced_options_are_the_plain_ones() -> None:
    assert Asked("all", Format.RSS).is_announced
    assert not Asked("all", Format.RSS, replace(AS_ANNOUNCED, limit=5)).is_announced
