"""The pages in a real browser: nothing overflows, nothing is refused, nothing complains."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright
from waitress.server import create_server

from aggregator.errors import ErrorClass
from aggregator.model import Date, DecisionKind, Genre, Image, Republish
from tests.web_world import INFO, MATIN, NOW, PRESSE, World, a_world, an_item, fail, same_story, tell

CHROMIUM = Path("/usr/bin/chromium")
PAGES = (
    "/",
    "/economie",
    "/story/1",
    "/search?q=titre",
    "/sources",
    "/source/comtois-info",
    "/feed/economie",
    "/subscribe",
    "/status",
)
PHONE, DESKTOP = 320, 1280
CONTRAST_AA = 4.5
PICTURE = "https://info.example/pont.svg"
TALL_PICTURE = {
    "content_type": "image/svg+xml",
    "body": '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="900"/>',
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here"),
    # Chromium's own pipes outlive the test that opened them.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = a_world(tmp_path_factory.mktemp("site"), [replace(INFO, republish=Republish.FULL), MATIN, PRESSE])
    image = Image(PICTURE, alt="Le pont de Battant", credit="© H. Lanoix", width=600, height=400)
    lead = "Un chapeau assez long pour courir sur plusieurs lignes, même à l’écran d’un ordinateur. " * 3
    one = an_item("a", image=image, lead=lead, genre=Genre.COMMUNIQUE, html="<p>Tout</p><table><tr><td>" + "x" * 400 + "</td></tr></table>")  # fmt: skip
    two = an_item(
        "b", MATIN, title="Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz" * 2, language="de"
    )
    tell(world.store, [one])
    tell(world.store, [two], links=[same_story(two, one)])
    tell(world.store, [replace(one, title="Titre bis")], kind=DecisionKind.CHANGED, changed_at=NOW)
    tell(world.store, [an_item(f"n{n}", published=Date("", NOW - timedelta(hours=n))) for n in range(40)])
    fail(world.store, PRESSE, ErrorClass.TLS, error="while connecting: " + "x" * 300)
    return world


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    server = create_server(world.app, host="127.0.0.1", port=0, threads=2)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.trigger.pull_trigger(lambda: server.asyncore.close_all(server._map))  # its loop ends with its last socket
    thread.join(timeout=10)
    server.task_dispatcher.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(locale="fr-FR")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.route(PICTURE, lambda route: route.fulfill(**TALL_PICTURE))  # type: ignore[arg-type]
    yield page
    context.close()
    assert complaints == []


@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_wider_than_the_screen(open_page: Page, address: str, path: str) -> None:
    open_page.goto(address + path)
    assert open_page.locator("h1").count() == 1
    for width in (PHONE, 768, DESKTOP):
        open_page.set_viewport_size({"width": width, "height": 800})
        assert open_page.evaluate("document.documentElement.scrollWidth") <= width, width


@pytest.mark.parametrize("path", PAGES)
def test_all_text_can_be_read_by_day_and_by_night(open_page: Page, address: str, path: str) -> None:
    open_page.goto(address + path)
    grounds = set()
    for scheme in ("light", "dark"):
        open_page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        weakest = open_page.evaluate(WEAKEST_CONTRAST)
        assert weakest["ratio"] >= CONTRAST_AA, (scheme, weakest)
        grounds.add(open_page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


# Every element with text of its own, against the nearest background that is not transparent (WCAG 2.2, 1.4.3).
WEAKEST_CONTRAST = """() => {
  const light = color => {
    const parts = color.match(/[\\d.]+/g).slice(0, 3).map(part => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const ground = element => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if (!color.startsWith("rgba(0, 0, 0, 0")) return color;
    }
    return "rgb(255, 255, 255)";
  };
  let weakest = {ratio: 21};
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
    const [one, other] = [light(getComputedStyle(element).color), light(ground(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < weakest.ratio) weakest = {ratio, text: element.textContent.trim().slice(0, 60)};
  }
  return weakest;
}"""


def test_a_keyboard_reaches_the_news_at_once(open_page: Page, address: str) -> None:
    open_page.goto(address + "/")
    open_page.keyboard.press("Tab")
    focused = open_page.locator(":focus")
    assert focused.inner_text() == "Aller à l’actualité"
    box = focused.bounding_box()
    assert box is not None
    assert box["width"] > 50  # it shows itself
    open_page.keyboard.press("Enter")
    assert open_page.evaluate("document.activeElement.id") == "main"


def test_whatever_has_the_focus_shows_it(open_page: Page, address: str) -> None:
    open_page.goto(address + "/")
    for _ in range(12):
        open_page.keyboard.press("Tab")
        assert open_page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("path", ["/", "/story/1"])
def test_pictures_move_nothing_when_they_come(open_page: Page, address: str, path: str, width: int) -> None:
    waiting: list[Route] = []
    open_page.set_viewport_size({"width": width, "height": 800})
    open_page.route(PICTURE, lambda route: waiting.append(route))
    with open_page.expect_request(PICTURE):
        open_page.goto(address + path, wait_until="domcontentloaded")
    before = open_page.locator("footer").bounding_box()
    waiting[0].fulfill(**TALL_PICTURE)  # type: ignore[arg-type]
    came = open_page.locator("figure img").first.evaluate("image => image.decode().then(() => image.naturalHeight)")
    assert came == 900
    assert open_page.locator("footer").bounding_box() == before


def test_the_search_form_works_without_a_script(open_page: Page, address: str) -> None:
    open_page.goto(address + "/?lang=en")
    open_page.get_by_role("searchbox").fill("titre n7")
    open_page.keyboard.press("Enter")
    open_page.wait_for_url("**/search?*")
    assert "lang=en" in open_page.url
    assert open_page.get_by_role("link", name="Titre n7", exact=True).count() == 1


def test_a_reader_walks_from_the_river_to_a_story_and_on_to_its_category(open_page: Page, address: str) -> None:
    open_page.goto(address + "/")
    open_page.get_by_role("link", name="2 sources").click()
    assert open_page.get_by_role("heading", level=1).inner_text() == "Titre bis"
    open_page.get_by_role("main").get_by_role("link", name="Économie").first.click()
    assert open_page.get_by_role("heading", level=1).inner_text() == "Économie"
    assert open_page.locator("nav [aria-current=page]").inner_text() == "Économie"
