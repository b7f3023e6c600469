"""The page of the search and its feed: filters in the address, marks, near words, and one address for each question."""

import html
import json
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from aggregator.model import Category, Date, Genre, Question
from tests.web_world import INFO, MATIN, NOW, PRESSE, PUBLIC, World, a_world, an_item, tell

DOUBS = replace(INFO, departements=("25",))
SPORT = (Category("sport", "path"),)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = a_world(tmp_path, [DOUBS, MATIN, PRESSE])
    tell(
        world.store,
        [
            an_item("a", title="Le tram de Besançon", departements=("25",)),
            an_item("b", MATIN, title="Le tram bleu", categories=SPORT, published=Date("", NOW - timedelta(days=40))),
            an_item(
                "c", PRESSE, title="Autre chose", genre=Genre.COMMUNIQUE, text="Loin, le tram passe. " + "Rien. " * 99
            ),
        ],
    )
    return world


def titles(text: str) -> list[str]:
    """The titles of a page, without marks."""
    return [re.sub(r"<[^>]+>", "", title).strip() for title in re.findall(r"<h3[^>]*>(.*?)</h3>", text, re.DOTALL)]


def en(path: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}lang=en"


# ── the address


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("category=sport", ["Le tram bleu"]),
        ("q=tram&category=sport", ["Le tram bleu"]),
        ("departement=25", ["Le tram de Besançon"]),
        ("source=haut-doubs-matin", ["Le tram bleu"]),
        ("q=tram&genre=communique", ["Autre chose"]),
        ("q=tram&since=2026-02-01&until=2026-02-28", ["Le tram de Besançon", "Autre chose"]),
        ("until=2026-01-31", ["Le tram bleu"]),
        ("q=tram&category=culture", []),
    ],
)
def test_a_search_is_narrowed_by_its_address(world: World, query: str, expected: list[str]) -> None:
    text = world.text(f"/search?{query}")
    assert titles(text) == expected
    assert "<details open>" in text


@pytest.mark.parametrize(
    ("asked", "canonical"),
    [
        ("q=tram&category=&departement=&source=&genre=&since=&until=&sort=", "q=tram"),
        ("q=tram&genre=&category=sport", "q=tram&category=sport"),
        ("q=tram&category=nothing", "q=tram"),
        ("q=tram&departement=99&source=nobody&genre=x&since=tomorrow&until=2026-02-30", "q=tram"),
        ("since=20260201&q=tram", "q=tram"),
        ("category=&sort=new", ""),
        ("q=l’été&sort=new&page=3&category=", "q=l%E2%80%99%C3%A9t%C3%A9&sort=new&page=3"),
        ("q=a&exact=1&lang=fr&category=", "q=a&exact=1&lang=fr"),
    ],
)
def test_what_is_empty_or_cannot_be_is_left_out_of_the_address(world: World, asked: str, canonical: str) -> None:
    response = world.client.get(f"/search?{asked}")
    assert response.status_code == 302
    assert response.headers["Location"] == f"/search?{canonical}".rstrip("?")
    assert "max-age" in response.headers["Cache-Control"]
    assert world.client.get(response.headers["Location"]).status_code == 200


@pytest.mark.parametrize("query", ["q=tram", "q=+le++tram", "q=", "q=tram&page=", "q=tram&page=x&lang=en", "unknown=1"])
def test_a_search_that_is_only_words_is_answered_at_once(world: World, query: str) -> None:
    assert world.client.get(f"/search?{query}").status_code == 200


slugs = st.sampled_from(["", "sport", "nothing", "' OR 1=1", "<script>", "25", "2026-02-11", "\0", "é" * 90])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["q", "category", "departement", "source", "genre", "since", "until", "sort", "page", "exact"]),
        slugs | st.text(max_size=20),
    )
)
def test_any_address_leads_to_a_page_in_one_step_at_most(world: World, asked: dict[str, str]) -> None:
    response = world.client.get("/search", query_string=asked)
    if response.status_code == 302:
        response = world.client.get(response.headers["Location"])
    assert response.status_code == 200
    text = response.get_data(as_text=True)
    assert "<script>" not in text.replace('<script src="', "")


def test_the_form_shows_what_was_asked(world: World) -> None:
    text = world.text(en("/search?q=tram&category=sport&since=2026-01-01&sort=new"))
    assert '<option value="sport" selected>Sport</option>' in text
    assert 'name="since" type="date" min="1900-01-01" max="2099-12-31" value="2026-01-01"' in text
    assert '<option value="new" selected>' in text
    assert "« tram », Sport, from 1 January 2026" in text
    assert '<input type="hidden" name="lang" value="en">' in text


def test_each_field_has_its_label(world: World) -> None:
    tree = etree.HTML(world.text("/search?q=tram"))
    fields = tree.xpath("//form[@role='search']//*[self::input[not(@type='hidden')] or self::select]")
    assert len(fields) == 8
    for field in fields:
        assert tree.xpath(f"//label[@for='{field.get('id')}']"), field.get("name")


# ── what is found


def test_what_was_searched_for_is_marked_in_title_lead_and_text(world: World) -> None:
    text = world.text("/search?q=tram%20besancon")
    assert "Le <mark>tram</mark> de <mark>Besançon</mark>" in text
    text = world.text("/search?q=tram&genre=communique")
    assert "Loin, le <mark>tram</mark> passe. Rien." in text


def test_of_a_whole_text_no_more_is_shown_than_may_be_quoted(world: World) -> None:
    found = re.search(r'<p class="lead"[^>]*>(.*?)</p>', world.text("/search?q=tram&genre=communique"), re.DOTALL)
    assert found is not None
    told = re.sub(r"<[^>]+>", "", found[1])
    assert len(told) <= 200 and told.endswith("…")


def test_a_mark_is_the_only_markup_that_a_hit_brings(world: World) -> None:
    tell(world.store, [an_item("x", title="<b>Funiculaire</b> & <mark>", lead="<i>funiculaire</i> <script>")])
    page = world.client.get("/search?q=funiculaire").get_data(as_text=True)
    assert "&lt;b&gt;<mark>Funiculaire</mark>&lt;/b&gt; &amp; &lt;mark&gt;" in page
    assert "&lt;i&gt;<mark>funiculaire</mark>&lt;/i&gt; &lt;script&gt;" in page


def test_the_page_says_how_much_was_found_and_offers_the_other_order(world: World) -> None:
    text = world.text(en("/search?q=tram"))
    assert "3 articles" in text
    assert 'href="/search?q=tram&sort=new&lang=en"' in text
    assert titles(text) == ["Le tram de Besançon", "Le tram bleu", "Autre chose"]
    assert titles(world.text("/search?q=tram&sort=new")) == ["Autre chose", "Le tram de Besançon", "Le tram bleu"]


def test_pieces_of_a_narrowed_search_stay_narrowed(world: World) -> None:
    tell(world.store, [an_item(f"n{n}", title=f"Piste {n}", categories=SPORT) for n in range(25)])
    following = re.search(r'rel="next" href="([^"]*)"', world.text("/search?q=piste&category=sport&sort=new"))
    assert following is not None
    assert following[1] == "/search?q=piste&category=sport&sort=new&page=2"
    assert len(titles(world.text(following[1]))) == 5


def test_results_stand_in_a_part_of_their_own(world: World) -> None:
    tree = etree.HTML(world.text("/search?q=tram"))
    (results,) = tree.xpath("//section[@id='results']")
    assert tree.xpath("//*[@id='count'][@role='status']")
    assert len(results.xpath(".//article[@data-story]")) == 3


# ── near words


def test_a_misspelt_word_shows_what_is_meant_and_how_to_insist(world: World) -> None:
    text = world.text(en("/search?q=tram%20besanson"))
    assert "Nothing was found for “tram besanson”. These are results for “tram Besançon”." in text
    assert titles(text) == ["Le tram de Besançon"]
    assert f"{PUBLIC}/feeds/search.atom?q=tram%20Besan%C3%A7on" in text
    insisted = re.search(r'href="(/search\?q=tram%20besanson&exact=1[^"]*)"', text)
    assert insisted is not None
    text = world.text(insisted[1])
    assert "Nothing found." in text and not titles(text)


def test_a_near_word_is_not_offered_where_it_finds_nothing_within_the_filters(world: World) -> None:
    text = world.text(en("/search?q=besanson&category=sport"))
    assert "Nothing found." in text and "Besançon" not in text
    assert 'href="/search?q=besanson&lang=en"' in text  # the same everywhere


def test_a_word_of_hidden_items_alone_is_never_offered(world: World) -> None:
    tell(world.store, [an_item("h", title="Funiculaire secret")])
    (hidden,) = world.store.find("https://info.example/h")
    world.store.hide(hidden.id, "me", "", NOW)
    assert "uniculaire" not in world.text("/search?q=funiculairre").replace("funiculairre", "")


# ── its feed


def test_a_narrowed_search_is_a_feed_of_its_own(world: World) -> None:
    query = "q=tram&category=sport&since=2025-12-01"
    told = json.loads(world.client.get(f"/feeds/search.json?{query}").data)
    assert [item["title"] for item in told["items"]] == ["Le tram bleu"]
    assert told["feed_url"] == f"{PUBLIC}/feeds/search.json?{query}"
    assert told["home_page_url"] == f"{PUBLIC}/search?{query}"
    assert told["title"] == "« tram », Sport, 2025-12-01 – … – Tributary"
    atom = etree.fromstring(world.client.get(f"/feeds/search.atom?{query}").data)
    assert atom.findtext("{*}id") == f"tag:localhost,2026:feed/search?{query}"
    assert world.client.get(f"/feeds/search.atom?{query}").headers["Link"].count(query) == 4


def test_the_feed_of_words_alone_is_called_as_it_always_was(world: World) -> None:
    told = json.loads(world.client.get("/feeds/search.json?q=le%20tram").data)
    assert told["title"] == "« le tram » – Tributary"
    atom = etree.fromstring(world.client.get("/feeds/search.atom?q=le%20tram").data)
    assert atom.findtext("{*}id") == "tag:localhost,2026:feed/search?q=le%20tram"


def test_a_search_that_is_followed_gets_the_newest_however_well_they_match(world: World) -> None:
    tell(world.store, [an_item("new", title="Autre", text="Un tram.", published=Date("", NOW - timedelta(minutes=1)))])
    told = json.loads(world.client.get("/feeds/search.json?q=tram&limit=1").data)
    assert [item["title"] for item in told["items"]] == ["Autre"]


@pytest.mark.parametrize(
    ("asked", "canonical"),
    [
        ("category=sport&q=tram", "q=tram&category=sport"),
        ("q=tram&category=", "q=tram"),
        ("q=tram&category=nothing&limit=5", "q=tram&limit=5"),
        ("q=tram&since=never&departement=99", "q=tram"),
        ("source=comtois-info&genre=article&img=none", "source=comtois-info&genre=article&img=none"),
    ],
)
def test_a_feed_of_a_search_has_one_address(world: World, asked: str, canonical: str) -> None:
    response = world.client.get(f"/feeds/search.rss?{asked}")
    if asked != canonical:
        assert (response.status_code, response.headers["Location"]) == (301, f"{PUBLIC}/feeds/search.rss?{canonical}")
        response = world.client.get(f"/feeds/search.rss?{canonical}")
    assert response.status_code == 200


@pytest.mark.parametrize("query", ["", "category=nothing", "since=x&category="])
def test_a_feed_of_nothing_is_not_there(world: World, query: str) -> None:
    assert world.client.get(f"/feeds/search.atom?{query}").status_code == 404


def test_the_page_announces_the_feed_of_its_question_and_leads_to_how_to_follow_it(world: World) -> None:
    query = "q=tram&category=sport"
    text = world.text(en(f"/search?{query}&sort=new"))
    for extension in ("atom", "rss", "json"):
        assert f'href="{PUBLIC}/feeds/search.{extension}?{query}"' in text
    (follow,) = re.findall(r'class="follow" href="([^"]*)"', text)
    assert follow == f"/feed/search?{query}&lang=en"
    told = world.text(follow)
    assert "« tram », Sport" in told and f"{PUBLIC}/feeds/search.rss?{query}" in told
    assert f'href="{PUBLIC}/search?{query}"' in told
    assert titles(told) == [] and "Le tram bleu" in told


@given(st.text(max_size=40), st.sampled_from(["", "sport"]), st.dates() | st.none())
def test_a_question_has_one_query(typed: str, category: str, since: object) -> None:
    question = Question(typed.encode("utf-8", "replace").decode(), category, since=since)  # type: ignore[arg-type]
    pairs = dict(parse_qsl(urlsplit(f"?{question.query}").query, keep_blank_values=True))
    assert "".join(pairs.get("q", "")) == question.words
    assert list(pairs) == [name for name in ("q", "category", "since") if name in pairs] and all(pairs.values())
    assert html.escape(question.query).replace("&amp;", "&") == question.query
