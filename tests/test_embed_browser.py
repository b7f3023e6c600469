"""Embeds in a real browser, on pages of another origin with a strict policy: frame, element, builder."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from msgspec.structs import replace
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from aggregator.model import Date, Genre, Image
from tests.browser_world import chromium
from tests.serving import served
from tests.test_web_browser import CHROMIUM, TALL_PICTURE
from tests.web_world import INFO, MATIN, NOW, PUBLIC, World, a_world, an_item, same_story, tell
from web import create_app

PICTURE = "https://pics.example/pont.svg"
HOSTILE = '<script>alert(1)</script> "l\'été" & <img src=x onerror=alert(2)>'
POLICY = (
    "default-src 'none'; script-src {ours}; connect-src {ours}; frame-src {ours}; img-src *; style-src 'self'; "
    "base-uri 'none'"
)
SHEET = "body { font: 20px/1.5 monospace; color: rgb(20, 40, 60); background: rgb(250, 250, 240); margin: 0 }"
FRAME = (
    '<iframe src="{ours}/embed/economie?limit=5" title="Économie" width="100%" height="150" frameborder="0"></iframe>'
)
ELEMENT = (
    '<tributary-feed src="{ours}/feeds/economie.json" {more}><a href="{ours}/economie">Économie</a></tributary-feed>'
)
SCRIPTS = '<script src="{ours}/embed.js" async></script><script src="{ours}/embed-height.js" async></script>'
# What WordPress makes of an answer for an address that it was given, and what its own script then does.
WORDPRESS = (
    '<iframe src="{ours}/embed/economie#?secret=Ab12" data-secret="Ab12" sandbox="allow-scripts" title="Économie" '
    'width="600" height="200"></iframe>'
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here"),
    # Chromium's own pipes outlive the test that opened them.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Host:
    """A site of somebody else: serves one page under a strict policy; tests say what stands in it."""

    def __init__(self, ours: str) -> None:
        self.ours = ours
        self.address = ""
        self.body = ""

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        is_sheet = environ["PATH_INFO"].endswith(".css")
        headers = [("Content-Type", "text/css" if is_sheet else "text/html; charset=utf-8")]
        if not is_sheet:
            headers.append(("Content-Security-Policy", POLICY.format(ours=self.ours)))
        start("200 OK", headers)
        return [SHEET.encode() if is_sheet else self.body.encode()]

    def show(self, page: Page, *pieces: str, more: str = "", language: str = "fr") -> None:
        """Put these on the page and open it."""
        content = "".join((*pieces, SCRIPTS)).replace("{ours}", self.ours).replace("{more}", more)
        self.body = (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>Mairie</title>'
            '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/host.css"></head>'
            f"<body><main><h1>Mairie de Levier</h1>{content}</main></body></html>"
        )
        page.goto(self.address)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = a_world(tmp_path_factory.mktemp("site"), [replace(INFO, departements=("25",)), MATIN])
    image = Image(PICTURE, alt="Le pont de Battant", credit="© H. Lanoix", width=600, height=400)
    older = [an_item(f"n{n}", published=Date("", NOW - timedelta(hours=n + 2)), image=image) for n in range(12)]
    tell(world.store, older[::-1])
    one = an_item("x", title=HOSTILE, image=image, genre=Genre.COMMUNIQUE)
    tell(world.store, [one])
    tell(world.store, [an_item("y", MATIN, title="La même")], links=[same_story(an_item("y", MATIN), one)])
    tell(world.store, [an_item("z", title="Donaudampfschifffahrtsgesellschaft" * 3, language="de")])
    return world


@pytest.fixture(scope="module")
def ours(world: World) -> Iterator[str]:
    with served(world.app) as place:
        yield place


@pytest.fixture(scope="module")
def host(ours: str) -> Iterator[Host]:
    host = Host(ours)
    with served(host) as address:
        host.address = address
        yield host


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of; a test that expects some takes them away."""
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(locale="fr-FR", timezone_id="Europe/Paris")
    yield opened(context, complaints)
    context.close()
    assert complaints == []


@pytest.fixture
def page_without_scripts(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(locale="fr-FR", java_script_enabled=False)
    yield opened(context, complaints)
    context.close()
    assert complaints == []


def opened(context: BrowserContext, complaints: list[str]) -> Page:
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.route(f"{PICTURE}*", lambda route: route.fulfill(**TALL_PICTURE))  # type: ignore[arg-type]
    return page


def violations(page: Page) -> list[str]:
    """What axe-core finds, with where."""
    found = Axe().run(page, options={"resultTypes": ["violations"], "iframes": False}).response["violations"]
    return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]


# ── the frame


@pytest.mark.parametrize(
    ("query", "scheme"),
    [("", "light"), ("", "dark"), ("?theme=light", "dark"), ("?accent=ffff00&theme=dark", "light"),
     ("?accent=ffff00&lang=en", "light"), ("?accent=000080", "dark")],
)  # fmt: skip
def test_axe_finds_nothing_in_an_embed(page: Page, ours: str, query: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(f"{ours}/embed/economie{query}")
    assert violations(page) == []
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    is_dark = "dark" in query or (scheme == "dark" and "light" not in query)
    assert ground == ("rgb(21, 23, 26)" if is_dark else "rgb(255, 253, 248)")


@pytest.mark.parametrize("width", [160, 320, 900])
def test_an_embed_fits_any_column_without_a_script(page_without_scripts: Page, host: Host, width: int) -> None:
    page = page_without_scripts
    page.set_viewport_size({"width": width, "height": 700})
    host.show(page, FRAME)
    frame = page.frame_locator("iframe")
    assert frame.get_by_role("heading", name="Économie").count() == 1
    assert frame.get_by_role("listitem").count() == 5
    assert frame.locator("h2").nth(1).inner_text() == HOSTILE or frame.get_by_text(HOSTILE).count() >= 1
    # Without scripts nothing can be evaluated: what sticks out can be seen from the boxes.
    box = page.locator("iframe").bounding_box()
    assert box is not None
    assert box["height"] == 150
    for each in frame.locator("h2, .facts, img").all():
        inner = each.bounding_box()
        assert inner is not None
        assert box["x"] <= inner["x"]
        assert inner["x"] + inner["width"] <= box["x"] + box["width"]


def test_nothing_in_an_embed_is_wider_than_a_phone(page: Page, ours: str) -> None:
    for width in (200, 320):
        page.set_viewport_size({"width": width, "height": 700})
        page.goto(f"{ours}/embed/economie")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def higher_than(page: Page, least: int) -> int:
    """The height of the frame, as soon as it is higher than that."""
    height: int = page.locator("iframe").first.evaluate(
        "(frame, least) => new Promise(done => {"
        "const look = () => frame.clientHeight > least ? done(frame.clientHeight) : requestAnimationFrame(look); look();"
        "})",
        least,
    )
    return height


def test_a_frame_grows_to_what_it_shows_and_follows_its_width(page: Page, host: Host) -> None:
    page.set_viewport_size({"width": 900, "height": 700})
    host.show(page, FRAME)
    wide = higher_than(page, 300)
    (frame,) = [each for each in page.frames if "/embed/" in each.url]
    assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight")
    page.set_viewport_size({"width": 320, "height": 700})
    higher_than(page, wide + 20)
    assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_a_frame_changes_its_own_height_alone(page: Page, host: Host) -> None:
    host.show(page, FRAME, FRAME.replace("economie", "sport"))
    wide = higher_than(page, 300)
    page.evaluate("new Promise(done => { onmessage = done; postMessage({message: 'height', value: 5000}, '*'); })")
    page.evaluate("new Promise(done => { onmessage = done; postMessage({message: 'height', value: 'x'}, '*'); })")
    heights = page.locator("iframe").evaluate_all("frames => frames.map(frame => frame.clientHeight)")
    assert heights[0] == wide
    assert heights[1] < 300


def test_pictures_move_nothing_in_an_embed_when_they_come(page: Page, ours: str) -> None:
    waiting: list[Route] = []
    page.route(f"{PICTURE}*", lambda route: waiting.append(route))
    with page.expect_request(f"{PICTURE}*"):
        page.goto(f"{ours}/embed/economie", wait_until="domcontentloaded")
    before = page.locator(".by").bounding_box()
    waiting[0].fulfill(**TALL_PICTURE)  # type: ignore[arg-type]
    page.locator("img").first.evaluate("image => image.decode()")
    assert page.locator(".by").bounding_box() == before


def test_a_link_in_a_frame_leads_the_whole_page_to_the_source(page: Page, host: Host) -> None:
    page.route("https://info.example/**", lambda route: route.fulfill(body="l’article", content_type="text/html"))
    host.show(page, FRAME)
    page.frame_locator("iframe").get_by_role("link", name=HOSTILE, exact=True).click()
    page.wait_for_url("https://info.example/x")


def test_a_keyboard_sees_where_it_is_in_an_embed(page: Page, ours: str) -> None:
    page.goto(f"{ours}/embed/economie")
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_wordpress_is_told_the_height_and_where_a_click_leads(page: Page, host: Host) -> None:
    page.add_init_script(
        "if (self === top) addEventListener('message', ({data}) => {"
        "  (self.told ??= []).push(data);"
        "  if (data.message === 'link') document.title = 'told';"
        "})"
    )
    host.show(page, WORDPRESS)
    page.frame_locator("iframe").get_by_role("link", name=HOSTILE, exact=True).click()
    expect(page).to_have_title("told")
    told = page.evaluate("told")
    assert {each["secret"] for each in told} == {"Ab12"}
    assert any(each["message"] == "height" and each["value"] > 300 for each in told)
    assert [each["value"] for each in told if each["message"] == "link"] == [f"{PUBLIC}/story/13"]


# ── the element


def test_the_element_shows_a_feed_under_a_strict_policy(page: Page, host: Host) -> None:
    host.show(page, ELEMENT, more='limit="3" heading="2"')
    element = page.locator("tributary-feed")
    element.get_by_role("heading", level=2, name="Économie – Tributary").wait_for()
    assert element.get_by_role("listitem").count() == 3
    link = element.get_by_role("link", name=HOSTILE, exact=True)
    assert link.get_attribute("href") == "https://info.example/x"
    assert element.get_by_role("link", name="2 sources").count() == 1
    assert element.locator(".badge").inner_text() == "Communiqué de presse"
    assert element.locator("time").first.inner_text() == "11 févr., 12:00"
    assert element.locator(".source").first.inner_text() == "Comtois Info"
    assert element.locator("img").first.get_attribute("alt") == "Le pont de Battant"
    style = link.evaluate("element => [getComputedStyle(element).fontFamily, getComputedStyle(element).color]")
    assert style == ["monospace", "rgb(20, 40, 60)"]
    assert element.locator(".item").first.evaluate("element => getComputedStyle(element).display") == "flex"


@pytest.mark.parametrize(
    ("more", "scheme"), [("", "light"), ('theme="auto" heading="2"', "dark"), ('theme="dark"', "light")]
)
def test_axe_finds_nothing_on_a_page_with_the_element_and_a_frame(
    page: Page, host: Host, more: str, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 320, "height": 700})
    host.show(page, ELEMENT, FRAME, more=more)
    page.locator("tributary-feed").get_by_role("listitem").first.wait_for()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_without_scripts_the_links_in_the_element_stay(page_without_scripts: Page, host: Host) -> None:
    host.show(page_without_scripts, ELEMENT)
    assert page_without_scripts.get_by_role("link", name="Économie").is_visible()


@pytest.mark.parametrize(
    ("language", "words", "answer"),
    [
        ("fr", "L’actualité ne peut pas être affichée pour l’instant.", "<html>"),
        ("en-GB", "The news cannot be shown just now.", '{"version": "https://jsonfeed.org/version/1.1"}'),
        ("zz_é", "The news cannot be shown just now.", "null"),
    ],
)
def test_a_feed_that_cannot_be_had_leaves_the_links_and_says_so(
    page: Page, host: Host, language: str, words: str, answer: str
) -> None:
    fulfil(page, answer)
    host.show(page, ELEMENT, language=language)
    page.get_by_text(words).wait_for()
    assert page.get_by_role("link", name="Économie").is_visible()


def fulfil(page: Page, body: str) -> None:
    page.route(
        "**/feeds/*.json*",
        lambda route: route.fulfill(
            body=body, content_type="application/feed+json", headers={"Access-Control-Allow-Origin": "*"}
        ),
    )


def test_a_server_that_is_away_leaves_the_links(page: Page, host: Host, complaints: list[str]) -> None:
    page.route("**/feeds/*.json*", lambda route: route.abort())
    host.show(page, ELEMENT)
    page.get_by_text("L’actualité ne peut pas").wait_for()
    assert page.get_by_role("link", name="Économie").is_visible()
    assert all("ERR_FAILED" in each for each in complaints)
    complaints.clear()


def test_whatever_a_feed_holds_becomes_text_or_nothing(page: Page, host: Host) -> None:
    items: list[object] = [
        None, 3, "text", [], {},
        {"url": "javascript:alert(1)", "title": HOSTILE, "image": "javascript:alert(2)", "date_published": "soon"},
        {"url": {"a": 1}, "title": ["x"], "authors": "x", "tags": {}, "_tributary": "x", "date_published": 7},
        {"url": "https://x.example/", "title": "Bon", "language": '"><b>', "_tributary": {"source": None, "also": 3}},
    ]  # fmt: skip
    fulfil(page, json.dumps({"version": "https://jsonfeed.org/version/1", "title": HOSTILE, "items": items}))
    host.show(page, ELEMENT, more='heading="9" limit="99"')
    element = page.locator("tributary-feed")
    element.get_by_text("Bon").wait_for()
    assert element.get_by_role("listitem").count() == len(items)
    assert element.get_by_text(HOSTILE).count() == 1
    assert element.get_by_role("link").count() == 1
    assert element.locator("img, script, iframe").count() == 0
    assert element.get_by_role("list").get_attribute("aria-label") == HOSTILE


def test_a_feed_without_stories_says_so(page: Page, host: Host) -> None:
    fulfil(page, '{"version": "https://jsonfeed.org/version/1.1", "items": []}')
    host.show(page, ELEMENT)
    page.get_by_text("Rien n’est encore paru ici").wait_for()


def test_elements_ask_once_for_a_feed_and_again_after_five_minutes_when_they_are_seen(page: Page, host: Host) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/feeds/" in request.url else None)
    page.clock.install(time=NOW)
    host.show(page, ELEMENT, ELEMENT, '<p class="far">', "<br>" * 300, ELEMENT.replace("economie", "all"))
    page.locator("tributary-feed >> role=listitem").first.wait_for()
    assert len(asked) == 1
    page.clock.run_for(299_000)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert len(asked) == 1
    with page.expect_request("**/feeds/economie.json"):
        page.clock.run_for(310_000)
    assert len(asked) == 2
    assert page.locator("tributary-feed").last.get_by_role("link").count() == 1  # far below: it has not been asked for
    with page.expect_response("**/feeds/all.json"):
        page.locator("tributary-feed").last.scroll_into_view_if_needed()


def test_attributes_may_change(page: Page, host: Host) -> None:
    host.show(page, ELEMENT, more='limit="2"')
    element = page.locator("tributary-feed")
    element.get_by_role("listitem").first.wait_for()
    element.evaluate("element => element.setAttribute('limit', '4')")
    assert element.get_by_role("listitem").count() == 4
    element.evaluate("element => element.setAttribute('img', 'none')")
    assert element.locator("img").count() == 0
    element.evaluate("(element, src) => element.setAttribute('src', src)", f"{host.ours}/feeds/all.json")
    element.evaluate("element => { const parent = element.parentNode; element.remove(); parent.append(element); }")
    element.get_by_role("list", name="Tributary", exact=True).wait_for()


# ── the page that makes snippets


@pytest.mark.parametrize(("way", "scheme"), [("frame", "light"), ("element", "dark"), ("rss", "light")])
def test_axe_finds_nothing_on_the_page_on_following(page: Page, ours: str, way: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{ours}/subscribe?feed=economie&as={way}")
    page.wait_for_load_state("networkidle")
    assert violations(page) == []
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_preview_and_the_snippet_follow_each_choice(page: Page, ours: str) -> None:
    page.goto(f"{ours}/subscribe?lang=en")
    snippet = page.locator("#snippet")
    page.get_by_label("Feed", exact=True).select_option("economie")
    page.get_by_label("Stories", exact=True).select_option("3")
    expect(snippet).to_have_value(re.compile(r"/embed/economie\?limit=3&quot;|/embed/economie\?limit=3\""))
    page.frame_locator("#made iframe").get_by_role("listitem").nth(2).wait_for()
    page.get_by_role("radio", name="Element").check()
    page.locator("#made tributary-feed").scroll_into_view_if_needed()
    page.locator("#made tributary-feed").get_by_role("listitem").nth(2).wait_for()
    assert snippet.input_value().startswith("<script src=")
    page.get_by_label("Colours", exact=True).select_option("dark")
    page.locator('#made tributary-feed[theme="dark"]').wait_for()
    assert "theme=dark" in page.url
    assert "as=element" in page.url
    page.get_by_role("radio", name="RSS").check()
    assert page.get_by_label("Colours", exact=True).is_hidden()
    assert page.get_by_label("Text", exact=True).is_visible()


def test_a_button_copies_the_snippet(page: Page, ours: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{ours}/subscribe?lang=en&as=element")
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("status").get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#snippet").input_value()


def test_without_a_script_the_form_shows_snippet_and_preview(page_without_scripts: Page, ours: str) -> None:
    page = page_without_scripts
    page.goto(f"{ours}/subscribe?lang=en")
    assert page.get_by_role("button", name="Copy").is_hidden()
    page.get_by_label("Feed", exact=True).select_option("economie")
    page.get_by_label("Stories", exact=True).select_option("3")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/subscribe?*limit=3*")
    assert "/embed/economie?limit=3" in page.locator("#snippet").input_value()
    assert page.frame_locator("#made iframe").get_by_role("listitem").count() == 3


# ── where a file stands in place of the application


@pytest.fixture(scope="module")
def files(world: World) -> Iterator[str]:
    """The same answers from a server that has files and no program: what is asked for in an address changes nothing."""

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        return world.app({**environ, "QUERY_STRING": ""}, start)

    with served(answer) as place:
        yield place


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "theme=dark",
        "limit=3&theme=light",
        "accent=c00000&img=none",
        "accent=ffff00",
        "accent=000000&theme=dark",
        "accent=777777",
    ],
)
def test_an_embed_from_a_file_looks_as_it_was_asked_for(
    page: Page, ours: str, files: str, query: str, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    seen = []
    for base in (ours, files):
        page.goto(f"{base}/embed/economie?{query}")
        seen.append(
            page.evaluate(
                """() => [
                    document.documentElement.className,
                    document.querySelectorAll("li").length,
                    document.querySelectorAll("img, .credit").length,
                    getComputedStyle(document.body).borderTopColor,
                    getComputedStyle(document.body).backgroundColor,
                ]"""
            )
        )
    assert seen[0] == seen[1]


def test_an_accent_from_a_file_stays_readable_when_the_visitor_turns_to_dark(page: Page, ours: str, files: str) -> None:
    page.emulate_media(color_scheme="light")
    colours = []
    for base in (ours, files):
        page.goto(f"{base}/embed/economie?accent=300000")
        page.emulate_media(color_scheme="dark")
        page.wait_for_function("matchMedia('(prefers-color-scheme: dark)').matches")
        colours.append(page.evaluate("getComputedStyle(document.body).borderTopColor"))
        page.emulate_media(color_scheme="light")
    assert colours[0] == colours[1]


def test_nonsense_in_the_address_of_a_file_changes_nothing(page: Page, files: str) -> None:
    page.goto(f"{files}/embed/economie?theme=%3Cb%3E&limit=-1&accent=red&img=x&lang=xx&limit=9e9")
    assert page.locator("html").get_attribute("class") == "auto"
    assert page.get_by_role("listitem").count() == 10
    assert page.locator("html").get_attribute("style") is None


def test_the_builder_says_so_when_nobody_answers_to_a_choice(page: Page, ours: str, files: str) -> None:
    for base, is_told in ((ours, False), (files, True)):
        page.goto(f"{base}/subscribe")
        told = page.get_by_role("alert")
        assert told.is_hidden()
        with page.expect_response("**/subscribe?*limit=3*"):
            page.locator("#limit").select_option("3")
        page.wait_for_url("**/subscribe?*limit=3*")
        assert told.is_visible() is is_told


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page_on_following_where_there_are_only_files(
    page: Page, world: World, scheme: Any
) -> None:
    with served(create_app(replace(world.settings, files_only=True), clock=lambda: NOW)) as base:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": 320, "height": 800})
        page.goto(f"{base}/subscribe")
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name=re.compile("Element|Élément|Copier|Copy")).nth(1).click()
        page.wait_for_function("document.querySelector('#made [role=status]').textContent")
        assert page.evaluate("navigator.clipboard.readText()") == page.locator("textarea").nth(1).input_value()
