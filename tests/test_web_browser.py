"""The pages in a real browser: nothing overflows, nothing is refused, nothing complains, and readers get about."""

import base64
import re
from collections.abc import Callable, Iterator

import pytest
from msgspec import Struct
from playwright.sync_api import Browser, Locator, Page, Route

from tests.browser_world import (
    BROKEN_PICTURE,
    CHROMIUM,
    DESKTOP,
    PAGES,
    PHONE,
    PICTURE,
    TALL_PICTURE,
    a_region,
    chromium,
)
from tests.serving import served
from tests.web_world import World

CONTRAST_AA = 4.5
BLOCKED = "Service Worker registration blocked by Playwright"  # it would fetch past the routes of the tests
TARGET_PX = 24  # WCAG 2.2, 2.5.8
FIRST_PIECE = 30  # stories
WAYS = {  # each pair of choices is met
    "French, phone": ("fr", PHONE, True),
    "French, desktop, no script": ("fr", DESKTOP, False),
    "English, phone, no script": ("en", PHONE, False),
    "English, desktop": ("en", DESKTOP, True),
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here"),
    # Chromium's own pipes outlive the test that opened them.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return a_region(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    with served(world.app) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Reader(Struct):
    """Somebody at a browser."""

    page: Page
    language: str
    width: int
    has_script: bool

    def says(self, french: str, english: str) -> str:
        """What a page says, in this reader's language."""
        return french if self.language == "fr" else english

    def follows(self, link: Locator, heading: str | re.Pattern[str]) -> None:
        """Follow a link to a page with this heading, and look whether it fits."""
        with self.page.expect_navigation():
            link.click()
        assert re.search(heading, self.heading), (heading, self.heading)
        assert self.page.evaluate("document.documentElement.scrollWidth") <= self.width, self.page.url
        assert self.page.locator("html").get_attribute("lang") == self.language

    @property
    def heading(self) -> str:
        """The heading of the page."""
        return self.page.get_by_role("heading", level=1).inner_text()

    def link(self, name: str, *, exact: bool = False) -> Locator:
        """The first link of the page's own part with this name."""
        return self.page.get_by_role("main").get_by_role("link", name=name, exact=exact).first


Enter = Callable[..., Page]


@pytest.fixture
def complaints() -> list[str]:
    """What the browser said in its console; must be empty in the end."""
    return []


@pytest.fixture
def enter(browser: Browser, complaints: list[str]) -> Iterator[Enter]:
    """Opens a window of a browser that complains about nothing in the end."""
    contexts = []

    def enter(**options: object) -> Page:
        values = {"locale": "fr-FR", "service_workers": "block"} | options
        context = browser.new_context(**values)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.text != BLOCKED else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.route(PICTURE, lambda route: route.fulfill(**TALL_PICTURE))  # type: ignore[arg-type]
        page.route(BROKEN_PICTURE, lambda route: route.fulfill(content_type="image/jpeg", body="no picture"))
        return page

    yield enter
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def open_page(enter: Enter) -> Page:
    return enter()


@pytest.fixture
def reader(enter: Enter, request: pytest.FixtureRequest) -> Reader:
    language, width, has_script = request.param
    page = enter(
        locale="fr-FR" if language == "fr" else "en-GB",
        viewport={"width": width, "height": 800},
        java_script_enabled=has_script,
    )
    return Reader(page, language, width, has_script)


every_way = pytest.mark.parametrize("reader", WAYS.values(), ids=WAYS.keys(), indirect=True)


# ── journeys


@every_way
def test_from_the_river_to_a_story_and_what_changed_in_it(reader: Reader, address: str) -> None:
    page = reader.page
    page.goto(f"{address}/")
    assert reader.heading == reader.says("Toute l’actualité", "All the news")
    rubrics = page.get_by_role("navigation", name=reader.says("Rubriques", "Categories"))
    reader.follows(rubrics.get_by_role("link", name=reader.says("Économie", "Economy")), r"Économie|Economy")
    assert rubrics.locator("[aria-current=page]").inner_text() == reader.heading
    reader.follows(page.locator(".around").get_by_role("link", name="Doubs"), "Doubs$")
    assert page.locator(".around [aria-current=page]").all_inner_texts()[0] == "Doubs"
    reader.follows(page.locator("article").get_by_role("link", name="Haut-Doubs Matin").first, "^Haut-Doubs Matin$")
    reader.follows(reader.link("2 sources –"), "^Titre bis$")
    elsewhere = page.locator(".others").first
    assert elsewhere.get_by_role("link", name="Haut-Doubs Matin").count() == 1
    versions = page.locator("#item-1 details.versions")
    assert not versions.locator("ins").is_visible()
    versions.locator("summary").click()
    assert (versions.locator("del").inner_text(), versions.locator("ins").inner_text()) == ("a", "bis")
    reader.follows(page.locator("#event").get_by_role("link", name="Le pont vu d’ailleurs"), "^Le pont vu d’ailleurs$")


@every_way
def test_from_a_search_to_a_story(reader: Reader, address: str) -> None:
    page = reader.page
    page.goto(f"{address}/economie")
    page.get_by_role("search").get_by_role("searchbox").fill("titre n7")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?*")
    assert "n7" in reader.heading
    found = page.locator("article", has_text="n7")
    reader.follows(found.get_by_role("link", name=reader.says("Détails", "Details")), "^Titre n7$")


@every_way
def test_older_stories(reader: Reader, address: str) -> None:
    page = reader.page
    page.goto(f"{address}/economie")
    seen = page.locator(".teaser").evaluate_all("all => all.map(each => each.id)")
    assert len(seen) == FIRST_PIECE
    page.locator("a[rel=next]").click()
    page.get_by_role("link", name="Titre n40", exact=True).wait_for()
    now = page.locator(".teaser").evaluate_all("all => all.map(each => each.id)")
    assert len(set(now)) == len(now)
    assert bool(set(seen) & set(now)) is reader.has_script
    if reader.has_script:
        assert now[: len(seen)] == seen
        assert page.evaluate("document.activeElement.closest('.teaser')?.id") == now[FIRST_PIECE]
        assert page.url == f"{address}/economie"
    else:
        page.locator(".hint a").first.click()
        assert page.url == f"{address}/economie"
    days = page.locator(".day h2 time").evaluate_all("all => all.map(each => each.dateTime)")
    assert len(set(days)) == len(days)
    assert page.evaluate("document.documentElement.scrollWidth") <= reader.width


@every_way
def test_from_the_sources_to_what_one_tells_and_how_to_follow_it(reader: Reader, address: str) -> None:
    page = reader.page
    page.goto(f"{address}/")
    about = page.get_by_role("contentinfo")
    reader.follows(about.get_by_role("link", name=reader.says("Nos sources", "Our sources")), "sources")
    reader.follows(reader.link("Comtois Info"), "^Comtois Info$")
    assert not page.locator(".about dl").is_visible()
    page.locator(".about summary").click()
    assert page.locator(".about").get_by_role("link", name="https://info.example/feed").is_visible()
    reader.follows(page.locator(".title a.follow"), "Comtois Info$")
    assert page.locator("code").all_inner_texts()[0] == "https://news.example/feeds/source/comtois-info.rss"
    reader.follows(about.get_by_role("link", name=reader.says("Suivre l’actualité", "Follow the news")), r"\w")


@every_way
def test_the_other_language_stays_with_whoever_chose_it(reader: Reader, address: str) -> None:
    page = reader.page
    page.goto(f"{address}/economie")
    other = reader.says("English", "Français")
    page.get_by_role("contentinfo").get_by_role("link", name=other).click()
    reader.language = "en" if reader.language == "fr" else "fr"
    assert reader.heading == reader.says("Économie", "Economy")
    assert f"?lang={reader.language}" in page.url
    reader.follows(page.locator(".around").get_by_role("link", name="Doubs"), "Doubs$")
    day = reader.says("ercredi 11 février 2026", "ednesday 11 February 2026")
    assert day in page.locator(".day h2").first.inner_text()
    reader.follows(reader.link(reader.says("Détails", "Details")), r"\w")


# ── older stories, closer


def test_who_comes_back_finds_as_many_stories_as_before_and_the_one_that_was_opened(
    open_page: Page, address: str
) -> None:
    open_page.goto(f"{address}/")
    open_page.locator("a[rel=next]").click()
    open_page.locator(".teaser", has_text="Titre n35").get_by_role("link", name="Détails").click()
    open_page.get_by_role("heading", level=1, name="Titre n35").wait_for()
    open_page.go_back()
    left = open_page.locator(".teaser", has_text="Titre n35")
    left.locator("h3 a:focus").wait_for()
    assert open_page.locator(".teaser").count() > FIRST_PIECE
    box = left.bounding_box()
    assert box is not None
    assert 0 <= box["y"] <= 700
    open_page.reload()
    assert open_page.locator(".teaser").count() == FIRST_PIECE


def test_a_story_that_moved_down_meanwhile_is_not_shown_twice(open_page: Page, address: str) -> None:
    def repeat(route: Route) -> None:
        answer = route.fetch()
        first = '<article class="teaser" id="s8" data-story="8"><h3><a href="/story/8">Encore</a></h3></article>'
        body = answer.text().replace('<article class="teaser"', f'{first}<article class="teaser"', 1)
        route.fulfill(response=answer, body=body)

    open_page.goto(f"{address}/")
    open_page.route("**/?before=*", repeat)
    open_page.locator("a[rel=next]").click()
    open_page.get_by_role("link", name="Titre n40", exact=True).wait_for()
    assert open_page.locator("#s8").count() == 1
    assert open_page.get_by_text("Encore").count() == 0


def test_where_older_stories_cannot_be_fetched_the_link_leads_to_them(
    open_page: Page, address: str, complaints: list[str]
) -> None:
    def refuse(route: Route) -> None:
        if route.request.headers.get("hx-request"):
            route.fulfill(status=503)
        else:
            route.fallback()

    open_page.goto(f"{address}/")
    open_page.route("**/?before=*", refuse)
    open_page.locator("a[rel=next]").click()
    open_page.wait_for_url("**/?before=*")
    assert open_page.get_by_role("link", name="Titre n40", exact=True).count() == 1
    complaints.clear()  # about the answer that we refused


def test_a_choice_narrows_a_search_at_once_and_in_its_place(open_page: Page, address: str) -> None:
    open_page.goto(f"{address}/search?q=sans&lang=en")
    open_page.evaluate("document.body.dataset.stayed = 'yes'")
    assert open_page.locator("#results .teaser").count() == 1
    open_page.locator("summary", has_text="Narrow").click()
    open_page.get_by_label("Category").select_option("economie")
    open_page.wait_for_url("**category=economie*")
    assert open_page.locator("#results .teaser").count() == 0
    assert "Economy" in open_page.locator("h1").inner_text()
    assert "article" not in open_page.get_by_role("status").first.inner_text()
    open_page.get_by_label("Category").select_option("sport")
    open_page.wait_for_url("**category=sport*")
    assert open_page.locator("#results .teaser").count() == 1
    assert open_page.evaluate("document.body.dataset.stayed") == "yes"


# ── looks
@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_every_screen_every_finger_and_eyes_by_day_and_by_night(
    open_page: Page, address: str, path: str
) -> None:
    open_page.goto(address + path)
    assert open_page.locator("h1").count() == 1
    for width in (DESKTOP, 768, PHONE):
        open_page.set_viewport_size({"width": width, "height": 800})
        assert open_page.evaluate("document.documentElement.scrollWidth") <= width, width
    assert open_page.evaluate(SMALL_TARGETS, TARGET_PX) == []
    grounds = set()
    for scheme in ("light", "dark"):
        open_page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        weakest = open_page.evaluate(WEAKEST_CONTRAST)
        assert weakest["ratio"] >= CONTRAST_AA, (scheme, weakest)
        grounds.add(open_page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


# What is less than so many pixels high or wide, but for links in the middle of a sentence (WCAG 2.2, 2.5.8).
SMALL_TARGETS = """least => {
  const isInSentence = element => [...element.parentElement.childNodes].some(
    node => node.nodeType === 3 && /\\p{L}/u.test(node.data));
  return [...document.querySelectorAll("a, button, input, select, summary, textarea")]
    .filter(each => each.checkVisibility() && each.type !== "hidden" && !each.closest(".skip, label"))
    .filter(each => !isInSentence(each))
    .map(each => [each.getBoundingClientRect(), each.outerHTML.slice(0, 120)])
    .filter(([box]) => box.width > 1 && (box.height < least || box.width < least))
    .map(([box, html]) => `${box.width} × ${box.height}: ${html}`);
}"""

# Every element with text of its own, against what is painted behind it (WCAG 2.2, 1.4.3).
WEAKEST_CONTRAST = """() => {
  const brush = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const known = new Map();
  const parts = color => { // red, green, blue, opacity: 0 to 255, however it is written
    if (!known.has(color)) {
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = color;
      brush.fillRect(0, 0, 1, 1);
      known.set(color, [...brush.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(color);
  };
  const over = (front, back) => back.map((part, at) => front[at] * front[3] / 255 + part * (1 - front[3] / 255));
  const ground = element => {
    if (!element) return [255, 255, 255];
    const color = parts(getComputedStyle(element).backgroundColor);
    return color[3] === 255 ? color.slice(0, 3) : over(color, ground(element.parentElement));
  };
  const light = color => {
    const [red, green, blue] = color.map(part => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  let weakest = {ratio: 21};
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
    const behind = ground(element);
    const [one, other] = [light(over(parts(getComputedStyle(element).color), behind)), light(behind)];
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


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("path", ["/economie/dep/25", "/story/1"])
def test_whatever_has_the_focus_shows_it_and_lies_under_nothing(
    open_page: Page, address: str, path: str, width: int
) -> None:
    open_page.set_viewport_size({"width": width, "height": 800})
    open_page.emulate_media(reduced_motion="reduce")
    open_page.goto(address + path)
    reached = set()
    for _ in range(45):
        open_page.keyboard.press("Tab")
        outline, is_free, name = open_page.evaluate(FOCUS)
        assert outline not in {"none", "0px"}, name
        assert is_free, name
        reached.add(name)
    assert len(reached) > 35


FOCUS = """() => {
  const element = document.activeElement;
  const box = [...element.getClientRects()].find(each => each.width) ?? element.getBoundingClientRect();
  const above = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  const isFree = !!above && (element.contains(above) || above.contains(element));
  return [getComputedStyle(element).outlineStyle, isFree, element.outerHTML.slice(0, 200)];
}"""


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
    picture = open_page.locator(f"figure img[src='{PICTURE}']")
    assert picture.evaluate("image => image.decode().then(() => image.naturalHeight)") == 900
    assert open_page.locator("footer").bounding_box() == before


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_a_picture_that_fails_leaves_its_words_in_a_quiet_box(open_page: Page, address: str, width: int) -> None:
    open_page.set_viewport_size({"width": width, "height": 800})
    open_page.goto(f"{address}/")
    boxes = []
    for title, words in (("Titre vide", ""), ("DERMATOSE", "Une rue sous la neige")):
        figure = open_page.locator(".teaser", has_text=title).locator("figure")
        figure.scroll_into_view_if_needed()
        open_page.wait_for_function("image => image.complete", arg=figure.locator("img").element_handle())
        assert figure.locator("img").evaluate("image => image.naturalWidth") == 0
        shown = figure.locator("img").evaluate("image => getComputedStyle(image, '::after').content")
        assert words in shown
        box = figure.locator(".frame").bounding_box()
        assert box is not None
        boxes.append((box["width"], box["height"]))
        if not words:
            drawn = figure.locator("img").screenshot()
            assert open_page.evaluate(COLOURS, base64.b64encode(drawn).decode()) == 1  # no torn page
    assert boxes[0] == boxes[1]
    assert open_page.get_by_text("© Perdue").is_visible()


COLOURS = """async data => {
  const image = new Image();
  image.src = `data:image/png;base64,${data}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height});
  const brush = canvas.getContext("2d");
  brush.drawImage(image, 0, 0);
  const inner = brush.getImageData(3, 3, image.width - 6, image.height - 6); // its corners are round
  return new Set(new Uint32Array(inner.data.buffer)).size;
}"""


def test_text_of_a_source_runs_in_the_direction_of_its_language(open_page: Page, address: str) -> None:
    open_page.goto(f"{address}/?lang=en")
    arabic = open_page.locator(".teaser", has_text="أخبار").locator("h3")
    assert arabic.get_attribute("lang") == "ar"
    assert arabic.evaluate("title => getComputedStyle(title).direction") == "rtl"
    french = open_page.locator(".teaser", has_text="Titre vide").locator("h3")
    assert french.evaluate("title => getComputedStyle(title).direction") == "ltr"


def test_a_title_in_capitals_speaks_lower(open_page: Page, address: str) -> None:
    open_page.goto(f"{address}/")
    size = "title => parseFloat(getComputedStyle(title).fontSize)"
    loud, usual = (open_page.locator("h3", has_text=text).evaluate(size) for text in ("DERMATOSE", "Titre vide"))
    assert loud < usual


def test_today_and_yesterday_are_named_beside_their_dates(open_page: Page, address: str) -> None:
    open_page.goto(f"{address}/?lang=en")
    days = open_page.locator(".day h2").all_inner_texts()
    assert days == ["Today, Wednesday 11 February 2026", "Yesterday, Tuesday 10 February 2026"]


@pytest.mark.parametrize("path", ["/meteo", "/economie"])
def test_on_a_phone_the_category_that_is_open_can_be_seen_in_its_row(enter: Enter, address: str, path: str) -> None:
    page = enter(viewport={"width": PHONE, "height": 800}, java_script_enabled=False)
    page.goto(address + path)
    box = page.locator(".rubrics [aria-current]").bounding_box()
    assert box is not None
    assert box["x"] > 10
    assert box["x"] + box["width"] <= PHONE


@pytest.mark.parametrize("path", ["/", "/economie/dep/25"])
def test_on_a_phone_the_first_story_begins_in_the_upper_half(open_page: Page, address: str, path: str) -> None:
    open_page.set_viewport_size({"width": PHONE, "height": 800})
    open_page.goto(address + path)
    box = open_page.locator(".teaser").first.bounding_box()
    assert box is not None
    assert box["y"] < 400


@pytest.mark.parametrize("path", ["/", "/story/1"])
def test_on_paper_a_page_is_a_clipping(enter: Enter, address: str, path: str) -> None:
    page = enter(color_scheme="dark")
    page.goto(address + path)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for gone in ("nav", "form", ".follow", ".pages", ".read", "button"):
        assert not any(each.is_visible() for each in page.locator(gone).all()), gone
    title = page.locator("h1 a, h3 a").first
    shown = title.evaluate("link => getComputedStyle(link, '::after').content")
    assert title.get_attribute("href") in shown.replace("\\", "")
    assert page.get_by_text(f"https://news.example{path}").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_with_forced_colours_the_open_page_is_still_marked(open_page: Page, address: str) -> None:
    open_page.emulate_media(forced_colors="active")
    open_page.goto(f"{address}/economie/dep/25")
    for current in open_page.locator("[aria-current=page]").all():
        assert "underline" in current.evaluate("link => getComputedStyle(link).textDecorationLine")


def test_nothing_glides_for_those_who_do_not_want_it(open_page: Page, address: str) -> None:
    open_page.goto(f"{address}/")
    for wish, way in (("no-preference", "smooth"), ("reduce", "auto")):
        open_page.emulate_media(reduced_motion=wish)  # type: ignore[arg-type]
        assert open_page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == way
