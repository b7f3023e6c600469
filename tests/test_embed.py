"""What other sites show of ours: frames, fragments, scripts, oEmbed, and the page that makes snippets."""

import html
import json
import re
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from aggregator.model import Date, Genre, Image
from aggregator.store import StoreError
from tests.web_world import INFO, MATIN, NOW, PUBLIC, World, a_world, an_item, same_story, settings_in, tell
from web import create_app
from web.colours import CONTRAST, DARK_GROUND, LIGHT_GROUND, contrast, readable
from web.headers import SECURITY
from web.look import Look, Theme, read_look

STATIC = Path(__file__).parent.parent / "web" / "static"
SCRIPT = "<script>alert(1)</script>\"'&"
PICTURE = Image("https://pics.example/pont.jpg", alt="Le pont de Battant", credit="© H. Lanoix", width=900, height=300)
COLOURS = st.binary(min_size=3, max_size=3).map(bytes.hex)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return filled(tmp_path_factory.mktemp("site"))


@pytest.fixture
def own_world(tmp_path: Path) -> World:
    """A world that a test may change."""
    return filled(tmp_path)


def filled(folder: Path) -> World:
    world = a_world(folder, [replace(INFO, departements=("25",)), MATIN])
    items = [
        an_item(f"n{n}", image=PICTURE if n % 2 else None, published=Date("", NOW - timedelta(hours=n)))
        for n in range(30)
    ]
    tell(world.store, items[::-1])
    tell(world.store, [an_item("c", title="Un texte de presse", genre=Genre.COMMUNIQUE)])
    return world


def policy_of(world: World, path: str) -> dict[str, str]:
    header = world.client.get(path).headers["Content-Security-Policy"]
    return dict(part.split(" ", 1) for part in header.split("; "))


# ── the page for a frame


def test_an_embed_may_be_framed_by_anybody_and_no_other_page_by_anyone(world: World) -> None:
    for path in ("/embed/economie", "/embed/economie?limit=3", "/embed/nothing"):
        response = world.client.get(path)
        assert "frame-ancestors *;" in response.headers["Content-Security-Policy"], path
        assert "X-Frame-Options" not in response.headers, path
        assert "Set-Cookie" not in response.headers, path
    for path in ("/economie", "/subscribe", "/embed/economie.fragment", "/embed.js", "/oembed", "/story/1"):
        response = world.client.get(path)
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"], path
        assert response.headers["X-Frame-Options"] == SECURITY["X-Frame-Options"], path


@pytest.mark.parametrize("path", ["/embed/economie", "/embed/economie?accent=ff8800&theme=dark", "/embed/nothing"])
def test_an_embed_lets_its_own_style_and_script_alone_run(world: World, path: str) -> None:
    body, policy = world.client.get(path).get_data(as_text=True), policy_of(world, path)
    for tag, part in (("style", "style-src"), ("script", "script-src")):
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", body, re.DOTALL)
        assert len(texts) == 1
        assert policy[part] == f"'sha256-{b64encode(sha256(texts[0].encode()).digest()).decode()}'"
    assert policy["default-src"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in str(policy)
    assert "style=" not in body


def test_an_embed_names_titles_sources_times_pictures_and_genres(world: World) -> None:
    text = world.text("/embed/economie")
    assert f'<h1><a href="{PUBLIC}/economie">Économie</a></h1>' in text
    assert '<a href="https://info.example/n0" rel="noopener nofollow">Titre n0</a>' in text
    assert '<time datetime="2026-02-11T12:00:00+00:00">11 févr., 13:00</time>' in text
    assert "<b>Comtois Info</b>" in text
    assert 'alt="Le pont de Battant" width="96" height="64" loading="lazy"' in text
    assert "© H. Lanoix" in text
    assert '<span class="badge">Communiqué de presse</span>' in text
    assert '<base target="_top">' in text
    assert "Titre n8" in text
    assert "Titre n9" not in text


def test_an_embed_of_a_source_shows_that_source_s_own_item(own_world: World) -> None:
    one, two = an_item("one"), an_item("two", MATIN, title="La même, vue de Pontarlier")
    tell(own_world.store, [one])
    tell(own_world.store, [two], links=[same_story(two, one)])
    views = {view.source.url: view.slug for view in own_world.store.sources()}
    assert "La même, vue de Pontarlier" in own_world.text(f"/embed/source/{views[MATIN.url]}")
    text = own_world.text(f"/embed/source/{views[INFO.url]}")
    assert "Titre one" in text
    assert "2 sources" in text
    assert "vue de Pontarlier" not in text


@pytest.mark.parametrize("slug", ["all", "economie", "dep/25", "economie/dep/25"])
def test_every_feed_can_be_embedded(world: World, slug: str) -> None:
    assert world.client.get(f"/embed/{slug}").status_code == 200
    assert world.client.get(f"/embed/{slug}.fragment").status_code == 200


def test_an_embed_without_stories_says_so(world: World) -> None:
    for path in ("/embed/sport", "/embed/sport.fragment"):
        assert re.search(r'class="(tributary-)?empty">[^<]{20,}<', world.text(path)), path


def test_an_item_that_was_hidden_leaves_embeds_at_once(own_world: World) -> None:
    for path in ("/embed/economie", "/embed/economie.fragment"):
        assert "Titre n0" in own_world.text(path)
    (stored,) = own_world.store.find("https://info.example/n0")
    own_world.store.hide(stored.id, "desk", "", NOW)
    for path in ("/embed/economie", "/embed/economie.fragment"):
        assert "Titre n0" not in own_world.text(path)


# ── options


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("?theme=dark&limit=3", "?limit=3&theme=dark"),
        ("?limit=10&theme=auto&img=inline&accent=", ""),
        ("?limit=21", ""),
        ("?limit=0", ""),
        ("?limit=03", "?limit=3"),
        ("?limit=٣", ""),
        ("?accent=FfC", "?accent=ffffcc"),
        ("?accent=%23123abc", "?accent=123abc"),
        ("?accent=red;}", ""),
        ("?theme=<script>", ""),
        ("?lang=fr", ""),
        ("?lang=de", ""),
        ("?lang=en&img=none", "?img=none&lang=en"),
        ("?utm_source=x", ""),
        ("?limit=3&limit=4", "?limit=3"),
        ("?", ""),
    ],
)
def test_there_is_one_address_for_each_look(world: World, asked: str, kept: str) -> None:
    response = world.client.get(f"/embed/economie{asked}")
    if asked == "?":
        assert response.status_code == 200
        return
    assert response.status_code == 301
    assert response.headers["Location"] == f"/embed/economie{kept}"
    assert world.client.get(response.headers["Location"]).status_code == 200


@given(
    asked=st.dictionaries(st.sampled_from(["accent", "img", "lang", "limit", "theme", "x"]), st.text(max_size=8)),
    look=st.builds(
        Look, st.one_of(st.just(""), COLOURS), st.booleans(), st.sampled_from(["", "en"]), st.integers(1, 20), st.sampled_from(Theme)
    ),
)  # fmt: skip
def test_what_was_read_once_reads_the_same_again(asked: dict[str, str], look: Look) -> None:
    for each in (look, read_look(asked, "fr")):
        again = {name: values[0] for name, values in parse_qs(each.query).items()}
        assert read_look(again, "fr") == each


@given(colour=COLOURS)
def test_every_accent_can_be_read_on_both_grounds(colour: str) -> None:
    for ground in (LIGHT_GROUND, DARK_GROUND):
        found = readable(colour, ground)
        assert contrast(found, ground) >= CONTRAST
        assert found == colour or contrast(colour, ground) < CONTRAST


def test_the_contrast_is_that_of_the_guidelines() -> None:
    assert contrast("000000", "ffffff") == pytest.approx(21)
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_grounds_are_those_of_the_sheet() -> None:
    sheet = (STATIC / "embed.css").read_text(encoding="utf-8")
    assert f":root {{ --paper: #{LIGHT_GROUND};" in sheet
    assert sheet.count(f"--paper: #{DARK_GROUND};") == 2


def test_an_accent_colours_the_page_in_both_themes(world: World) -> None:
    text = world.text("/embed/economie?accent=ffff00")
    assert f":root {{ --accent: #{readable('ffff00', LIGHT_GROUND)}; }}" in text
    assert ".dark { --accent: #ffff00; }" in text


def test_options_choose_length_pictures_language_and_theme(world: World) -> None:
    assert world.text("/embed/economie?limit=20").count("<li ") == 20
    assert "<img" not in world.text("/embed/economie?img=none")
    assert "Lanoix" not in world.text("/embed/economie?img=none")
    english = world.text("/embed/economie?lang=en")
    assert '<html lang="en" class="auto" data-look="lang=en">' in english
    assert ">Economy</a>" in english
    assert "11 Feb" in english
    assert f'href="{PUBLIC}/economie?lang=en"' in english
    assert 'class="dark"' in world.text("/embed/economie?theme=dark")


@pytest.mark.parametrize("path", ["/embed/economie", "/embed/economie.fragment", "/oembed?url=https://news.example/"])
def test_everybody_gets_the_same_whatever_their_browser_speaks(world: World, path: str) -> None:
    one = world.client.get(path, headers={"Accept-Language": "en"})
    other = world.client.get(path, headers={"Accept-Language": "fr"})
    assert one.data == other.data
    assert "Accept-Language" not in one.headers.get("Vary", "")
    assert one.headers["Cache-Control"].startswith("public, max-age=")
    again = world.client.get(path, headers={"If-None-Match": one.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


# ── fragments


def test_a_fragment_is_a_piece_of_html_with_class_names_of_its_own(world: World) -> None:
    text = world.text("/embed/economie.fragment?limit=3")
    assert text.lstrip().startswith('<div class="tributary" lang="fr">')
    for absent in ("<html", "<style", "<script", "<h1", " id=", "style="):
        assert absent not in text
    assert all(name.startswith("tributary") for names in re.findall(r'class="([^"]*)"', text) for name in names.split())
    assert text.count("<li ") == 3
    assert not re.search(r'href="/', text)  # it stands on another site


def test_a_fragment_is_never_a_redirect_for_a_server_would_include_it(world: World) -> None:
    response = world.client.get("/embed/economie.fragment?theme=dark&x=1&limit=99")
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "*"


# ── when something is wrong


@pytest.mark.parametrize(("path", "mark"), [("/embed/nothing", "<h1>"), ("/embed/nothing.fragment", '"tributary"')])
def test_an_embed_of_no_feed_says_so_in_the_frame(world: World, path: str, mark: str) -> None:
    response = world.client.get(path)
    assert response.status_code == 404
    assert response.headers["Cache-Control"] == "no-store"
    assert mark in response.get_data(as_text=True)
    assert "masthead" not in response.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/embed/economie", "/embed/economie.fragment"])
def test_a_store_that_fails_leaves_no_empty_frame(own_world: World, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise StoreError("while reading: disk I/O error")

    monkeypatch.setattr(type(own_world.store), "head", fails)
    response = own_world.client.get(path)
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert "empty" in response.get_data(as_text=True)
    assert "disk" not in response.get_data(as_text=True)
    if "fragment" not in path:
        assert "frame-ancestors *" in response.headers["Content-Security-Policy"]


def test_an_embed_of_a_site_without_a_data_base_asks_to_come_back(tmp_path: Path) -> None:
    client = create_app(settings_in(tmp_path / "var")).test_client()
    assert client.get("/embed/economie").status_code == 503
    assert client.get("/oembed?url=https://news.example/economie").status_code == 200


def test_nothing_that_a_source_writes_becomes_markup_in_an_embed(own_world: World) -> None:
    hostile = replace(MATIN, title=SCRIPT)
    own_world.store.sync_sources([INFO, hostile], NOW)
    image = Image('https://x.example/"onerror="alert(1)', alt=SCRIPT, credit=SCRIPT)
    tell(own_world.store, [an_item("x", hostile, title=SCRIPT, labels=(SCRIPT,), language='"><script>', image=image)])
    tell(
        own_world.store,
        [an_item("y", hostile, title="Y", link="javascript:alert(1)", image=Image("javascript:alert(1)"))],
    )
    for path in ("/embed/all", "/embed/all.fragment", "/subscribe"):
        body = own_world.client.get(path).get_data(as_text=True)
        assert "<script>alert" not in body, path
        assert 'onerror="' not in body, path
        assert "javascript:" not in body, path
    assert SCRIPT in own_world.text("/embed/all")


# ── sizes


def test_an_embed_takes_15_kb_at_most_with_all_that_it_needs(own_world: World) -> None:
    assert len(own_world.client.get("/embed/economie").data) <= 15_000
    long = Image("https://pics.example/" + "x" * 600, alt="a" * 900, credit="c" * 900)
    for n in range(12):
        link = f"https://info.example/{n}/" + "y" * 500
        tell(own_world.store, [an_item(f"l{n}", title="é" * 700, image=long, labels=("l" * 300,), link=link)])
    page = own_world.client.get("/embed/economie?accent=ffff00")
    assert len(page.data) <= 15_000
    assert page.data.count(b"<li ") >= 3
    assert not re.search(rb'<(link rel="stylesheet|script src)', page.data)


@pytest.mark.parametrize(("path", "limit"), [("/embed.js", 10_000), ("/embed-height.js", 2_000)])
def test_the_scripts_are_small_and_open_to_all(world: World, path: str, limit: int) -> None:
    response = world.client.get(path)
    assert len(response.data) <= limit
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["Cache-Control"].startswith("public, max-age=86400")
    for never in (b"innerHTML", b"eval(", b"document.cookie", b"localStorage", b".style.cssText"):
        assert never not in response.data
    assert world.client.options(path).status_code == 204


# ── oEmbed


def links_of(world: World, path: str) -> dict[str, str]:
    head = world.text(path).partition("</head>")[0]
    return dict(re.findall(r'<link rel="alternate" type="([^"]*\+oembed)" href="([^"]*)">', head))


@pytest.mark.parametrize("path", ["/", "/economie", "/embed/economie?limit=3&theme=dark"])
def test_a_page_of_a_feed_says_how_to_embed_it(world: World, path: str) -> None:
    found = links_of(world, path)
    assert set(found) == {"application/json+oembed", "text/xml+oembed"}
    assert all(url.startswith(f"{PUBLIC}/oembed?") for url in found.values())
    answer = world.client.get(found["application/json+oembed"].removeprefix(PUBLIC)).get_json()
    src = f"{PUBLIC}{path}" if path.startswith("/embed") else f"{PUBLIC}/embed/{path.strip('/') or 'all'}"
    assert f'<iframe src="{html.escape(src)}"' in answer["html"]


@pytest.mark.parametrize("path", ["/sources", "/story/1", "/search?q=titre", "/subscribe"])
def test_other_pages_say_nothing_of_the_kind(world: World, path: str) -> None:
    assert links_of(world, path) == {}


def test_an_answer_holds_what_the_protocol_and_wordpress_ask_for(world: World) -> None:
    response = world.client.get("/oembed?url=https://news.example/economie")
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    answer = response.get_json()
    assert (answer["version"], answer["type"], answer["title"]) == ("1.0", "rich", "Tributary – Économie")
    assert (answer["provider_name"], answer["provider_url"]) == ("Tributary", f"{PUBLIC}/")
    # WordPress keeps these two alone, and of the frame's attributes these.
    found = re.fullmatch(
        r"<blockquote><a href=\"[^\"]+\">[^<]+</a></blockquote><iframe ([^>]*)></iframe>", answer["html"]
    )
    assert found is not None
    kept = dict(re.findall(r'(\w+)="([^"]*)"', found[1]))
    assert kept["src"] == f"{PUBLIC}/embed/economie"
    assert kept["title"] == answer["title"]
    assert (kept["width"], kept["height"]) == (str(answer["width"]), str(answer["height"]))


@pytest.mark.parametrize(
    ("limits", "width", "height"),
    [("", 600, 1030), ("&maxwidth=300&maxheight=200", 300, 200), ("&maxwidth=9000&maxheight=9000", 600, 1030),
     ("&maxwidth=0&maxheight=-3", 600, 1030), ("&maxwidth=x&maxheight=", 600, 1030)],
)  # fmt: skip
def test_an_answer_is_no_larger_than_allowed(world: World, limits: str, width: int, height: int) -> None:
    answer = world.client.get(f"/oembed?url={PUBLIC}/economie{limits}").get_json()
    assert (answer["width"], answer["height"]) == (width, height)
    assert f'width="{width}" height="{height}"' in answer["html"]


def test_xml_says_the_same_as_json(tmp_path: Path) -> None:
    world = a_world(tmp_path, title='A & B <"\x01>')
    for slug in ("", "economie"):
        address = f"/oembed?url={quote(f'{PUBLIC}/{slug}')}"
        response = world.client.get(f"{address}&format=xml")
        assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
        found = {each.tag: each.text for each in etree.fromstring(response.data)}
        said = world.client.get(f"{address}&format=json").get_json()
        assert found == {name: str(value).replace("\x01", "") for name, value in said.items()}
        assert '<"' not in said["html"]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("https://evil.example/economie", 404),
        ("https://news.example.evil.example/economie", 404),
        ("https://news.example@evil.example/", 404),
        ("https://news.example:81/economie", 404),
        ("http://news.example/economie", 404),
        ("https://news.example/nothing", 404),
        ("https://news.example/sources", 404),
        ("https://news.example/all", 404),
        ("https://[", 404),
        ("javascript:alert(1)", 404),
        ("", 404),
        ("https://news.example", 200),
        ("https://news.example/economie/", 200),
        ("https://news.example/economie?before=3-3&lang=fr", 200),
        ("https://news.example/economie/dep/25", 200),
        ("https://news.example/economie%2Fdep%2F25", 200),
        ("https://news.example/embed/all", 200),
    ],
)
def test_only_pages_of_our_feeds_have_an_answer(world: World, address: str, status: int) -> None:
    assert world.client.get(f"/oembed?url={quote(address, safe='')}").status_code == status


def test_a_format_that_we_do_not_have_is_a_501(world: World) -> None:
    assert world.client.get(f"/oembed?url={PUBLIC}/&format=yaml").status_code == 501


# ── the page that makes snippets


def snippet(world: World, query: str, number: int = 0) -> str:
    page = world.client.get(f"/subscribe?{query}").get_data(as_text=True)
    return html.unescape(re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)[number])


def test_without_a_script_the_form_makes_every_snippet(world: World) -> None:
    base = "feed=economie&limit=5&img=none&theme=dark&accent=%23C00&words=en&lang=fr&as="
    look = "accent=cc0000&amp;img=none&amp;lang=en&amp;limit=5&amp;theme=dark"
    assert snippet(
        world, base + "frame"
    ).startswith(
        f'<iframe src="{PUBLIC}/embed/economie?{look}" title="Tributary – Economy" width="100%"'  # the language of the frame, not of our page
    )
    assert f'<script src="{PUBLIC}/embed-height.js" async></script>' in snippet(world, base + "frame")
    element = snippet(world, base + "element")
    assert f'<tributary-feed src="{PUBLIC}/feeds/economie.json?content=summary&amp;limit=5" limit="5"' in element
    assert f'<a href="{PUBLIC}/economie">Tributary – Economy</a></tributary-feed>' in element
    assert 'title="Tributary – Économie"' in snippet(world, "feed=economie&lang=en")
    fragment = "/embed/economie.fragment?img=none&amp;lang=en&amp;limit=5"
    assert snippet(world, base + "fragment") == f'<!--#include virtual="{fragment}" -->'
    assert snippet(world, base + "fragment", 1) == f'<esi:include src="{PUBLIC}{fragment}"/>'
    assert "Take one of these two" in world.text("/subscribe?as=fragment&lang=en")
    assert snippet(world, base + "address") == html.unescape(f"{PUBLIC}/embed/economie?{look}")
    assert snippet(world, "as=address&feed=economie") == f"{PUBLIC}/economie"
    feed = "feed=economie&limit=5&img=none&content=text&credit=prefix&as="
    for way in ("rss", "atom", "json"):
        asked = "content=text&credit=prefix&img=none&limit=5"
        assert snippet(world, feed + way) == f"{PUBLIC}/feeds/economie.{way}?{asked}"
        assert snippet(world, f"feed=economie&as={way}") == f"{PUBLIC}/feeds/economie.{way}"


def test_the_address_of_every_snippet_is_one_that_needs_no_redirect(world: World) -> None:
    for query in ("as=frame&limit=15&accent=0a0", "as=element&limit=15", "as=element", "as=rss&limit=15&img=enclosure"):
        address = re.search(rf'{PUBLIC}(/(?:embed|feeds)/[^"\s]+)', snippet(world, f"feed=economie&{query}"))
        assert address is not None
        assert world.client.get(html.unescape(address[1])).status_code == 200, address[1]


def test_choices_that_cannot_be_mean_the_usual_ones(world: World) -> None:
    hostile = quote('"></textarea><script>alert(1)</script>')
    query = "&".join(
        f"{name}={hostile}" for name in ("feed", "as", "limit", "img", "theme", "accent", "words", "content")
    )
    assert snippet(world, query) == snippet(world, "")
    assert "<script>alert" not in world.client.get(f"/subscribe?{query}").get_data(as_text=True)


def test_the_choices_made_stay_chosen(world: World) -> None:
    text = world.text("/subscribe?feed=economie&as=element&limit=5&theme=dark&accent=c00&lang=en")
    for chosen in ('value="economie" selected', 'value="element" checked', 'value="5" selected', 'value="dark" selected',
                   'name="accent" value="cc0000"', 'name="lang" value="en"'):  # fmt: skip
        assert chosen in text, chosen


def test_the_page_on_following_groups_all_feeds_and_opens_feed_apps(world: World) -> None:
    text = world.text("/subscribe")
    source = next(view.slug for view in world.store.sources() if view.source.url == INFO.url)
    for slug in ("all", "economie", "dep/25", f"source/{source}"):
        assert f'id="{slug}"' in text
        assert f'href="feed:{PUBLIC}/feeds/{slug}.rss"' in text
        assert f'<option value="{slug}"' in text
    assert '<option value="economie/dep/25"' in text
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))


def test_the_page_on_following_alone_runs_scripts_of_ours(world: World) -> None:
    policy = policy_of(world, "/subscribe")
    assert policy["script-src"] == policy["connect-src"] == policy["frame-src"] == policy["style-src"] == "'self'"
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    text = world.client.get("/subscribe").get_data(as_text=True)
    assert re.findall(r"<script(?! src=\"/)", text) == []
    assert " on" not in re.sub(r'"[^"]*"', "", " ".join(re.findall(r"<[a-z][^>]*>", text)))


def test_a_feed_of_a_snippet_holds_hardly_more_than_is_shown(world: World) -> None:
    path = re.search(r'src="[^"]*(/feeds/[^"]*)" limit', snippet(world, "as=element&feed=economie&limit=3"))
    assert path is not None
    assert len(json.loads(world.client.get(html.unescape(path[1])).data)["items"]) == 3
    assert urlsplit(html.unescape(path[1])).query == "content=summary&limit=3"
