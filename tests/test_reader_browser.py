"""What the scripts of our pages do, in a real browser: keys, stars, what is new, swipes, and reading offline."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from lxml import etree
from msgspec.structs import replace
from playwright.sync_api import Browser, BrowserContext, Page, expect

from aggregator.model import Date
from tests.browser_world import chromium
from tests.serving import served
from tests.test_web_browser import CHROMIUM
from tests.web_world import INFO, MATIN, NOW, World, a_world, an_item, same_story, tell
from web import reader as reader_pages

PER_PAGE, ALL = 12, 14
PHONE, DESKTOP = {"width": 320, "height": 640}, {"width": 1280, "height": 800}
HOSTILE = '<img src=x onerror="window.hit=1"></span> "&quot; \u202e javascript:alert(1)'
BLOCKED = "Service Worker registration blocked by Playwright"
YESTERDAY = NOW - timedelta(hours=18, minutes=56)  # 18:04 in Besançon
FORBIDDEN = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here"),
    # Chromium's own pipes outlive the test that opened them.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Door:
    """The site behind a door that can be shut, and where a shorter patience can be had."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.status = ""  # the answer to every page, "" that of the site
        self.changes: dict[bytes, bytes] = {}  # in the worker; of the same length
        self.held = threading.Event()  # pages wait for it
        self.held.set()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/static/"):
            return self.app(environ, start)  # type: ignore[no-any-return]
        if environ["PATH_INFO"] == "/worker.js":
            body = b"".join(self.app({**environ, "HTTP_ACCEPT_ENCODING": "", "HTTP_IF_NONE_MATCH": ""}, start))
            for old, new in self.changes.items():
                assert body.count(old) == 1
                body = body.replace(old, new.rjust(len(old)))
            return [body]
        self.held.wait(20)
        if self.status:
            start(self.status, [("Content-Type", "text/html")])
            return [b"<!doctype html><html lang=en><title>x</title><h1>Out of order</h1>"]
        return self.app(environ, start)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Fourteen stories on two pages, the newest three first seen an hour ago: `new`, one of two sources, a hostile one."""
    world = a_world(tmp_path_factory.mktemp("site"), [replace(INFO, departements=("25",)), MATIN])
    old = [an_item(f"n{n}", published=Date("", NOW - timedelta(hours=n + 20))) for n in range(11)]
    tell(world.store, old, at=NOW - timedelta(hours=19))
    hostile = an_item("hostile", title=HOSTILE, published=Date("", NOW - timedelta(minutes=59)))
    one = an_item("one", title="Le pont rouvre", published=Date("", NOW - timedelta(minutes=58)))
    new = an_item("new", published=Date("", NOW - timedelta(minutes=57)))
    tell(world.store, [hostile, one, new], at=NOW - timedelta(minutes=50))
    tell(world.store, [an_item("two", MATIN)], links=[same_story(an_item("two", MATIN), one)], at=NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_pages, "STORIES_PER_PAGE", PER_PAGE)
        yield world


@pytest.fixture(scope="module")
def door(world: World) -> Door:
    return Door(world.app)


@pytest.fixture(scope="module")
def address(door: Door) -> Iterator[str]:
    with served(door) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Reader:
    """Opens pages as somebody with a browser of their own; complaints of the browser fail the test."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser, self.address = browser, address
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def opens(self, path: str = "", language: str = "en-GB", *scripts: str, **options: Any) -> Page:
        options = {"viewport": DESKTOP, "service_workers": "block", **options}
        context = self._browser.new_context(
            base_url=self.address, locale=language, timezone_id="Europe/Paris", **options
        )
        self._contexts.append(context)
        for script in scripts:
            context.add_init_script(script)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        context.route("https://info.example/**", lambda route: route.fulfill(body="<title>there</title>"))
        if path:
            page.goto(path)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        assert [each for each in self.complaints if each != BLOCKED] == []


@pytest.fixture
def reader(browser: Browser, address: str) -> Iterator[Reader]:
    reader = Reader(browser, address)
    yield reader
    reader.close()


def violations(page: Page, within: str = "body") -> list[str]:
    """What axe-core finds, with where."""
    found = Axe().run(page, context=within, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]


def focused(page: Page) -> str:
    text: str = page.evaluate("document.activeElement.textContent.trim()")
    return text


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def send_key(page: Page, **event: Any) -> bool:
    """Whether a page lets a key event pass that no keyboard here can make."""
    passes: bool = page.evaluate(
        "event => document.activeElement.dispatchEvent("
        "Object.defineProperties(new KeyboardEvent('keydown', {bubbles: true, cancelable: true, ...event}),"
        "event.keyCode ? {keyCode: {value: event.keyCode}} : {}))",
        event,
    )
    return passes


# ── keys


@pytest.mark.parametrize(("language", "size"), [("en-GB", DESKTOP), ("fr-FR", PHONE)])
def test_j_and_k_go_from_story_to_story(reader: Reader, language: str, size: dict[str, int]) -> None:
    page = reader.opens("/", language, viewport=size)
    titles = page.locator(".teaser h3").all_inner_texts()
    press(page, "j")
    assert focused(page) == titles[0]
    press(page, *"jjj")
    assert focused(page) == titles[3]
    expect(page.locator(":focus")).to_be_in_viewport()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press(page, "k")
    assert focused(page) == titles[2]
    press(page, *"kkkkk")
    assert focused(page) == titles[0]


def test_j_begins_where_the_screen_is_and_ends_at_the_way_on(reader: Reader) -> None:
    page = reader.opens("/", reduced_motion="reduce")
    page.locator(".teaser").nth(8).evaluate("story => story.scrollIntoView({block: 'start', behavior: 'instant'})")
    press(page, "j")
    assert focused(page) == page.locator(".teaser h3").nth(8).inner_text()
    page.evaluate("scrollTo({top: document.body.scrollHeight, behavior: 'instant'}); document.activeElement.blur()")
    press(page, "k")
    assert page.evaluate("document.activeElement.closest('.teaser') !== null")
    page.locator(".teaser h3 a").last.focus()
    press(page, "j")
    assert focused(page) in {"Older", "More"}


def test_o_opens_the_source_and_d_our_page_of_a_story(reader: Reader) -> None:
    page = reader.opens("/")
    press(page, "j", "o")
    page.wait_for_url("https://info.example/new")
    page.go_back()
    press(page, "j", "j", "d")
    page.wait_for_url("**/story/13")
    assert page.locator("h1").inner_text() == "Le pont rouvre"
    press(page, "j", "o")
    page.wait_for_url("https://info.example/one")


def test_s_stars_a_story_and_says_so(reader: Reader) -> None:
    page = reader.opens("/")
    press(page, "j", "s")
    star = page.locator("[data-star]").first
    expect(star).to_have_attribute("aria-pressed", "true")
    assert page.get_by_role("status").inner_text() == "Starred."
    press(page, "s")
    expect(star).to_have_attribute("aria-pressed", "false")
    page.goto("/story/13")
    press(page, "s")
    expect(page.locator("[data-star]")).to_have_attribute("aria-pressed", "true")


def test_a_slash_leads_to_the_search_and_what_is_typed_there_is_text(reader: Reader) -> None:
    page = reader.opens("/economie")
    press(page, "/")
    page.keyboard.type("jskog?/h")
    assert page.get_by_role("searchbox").input_value() == "jskog?/h"
    assert page.url.endswith("/economie")
    assert page.locator("dialog[open]").count() == 0


@pytest.mark.parametrize(
    ("language", "letter", "path"),
    [
        ("en-GB", "h", "/"),
        ("en-GB", "s", "/stars"),
        ("en-GB", "o", "/sources"),
        ("fr-FR", "e", "/economie"),
        ("fr-FR", "f", "/faits-divers"),
        ("en-GB", "i", "/faits-divers"),
    ],
)
def test_g_and_a_letter_lead_somewhere(reader: Reader, language: str, letter: str, path: str) -> None:
    page = reader.opens("/sport", language)
    with page.expect_navigation():
        press(page, "g", letter)
    assert urlsplit(page.url).path == path


def test_a_question_mark_shows_the_keys_that_are_there(reader: Reader) -> None:
    page = reader.opens("/")
    press(page, "j")
    title = focused(page)
    press(page, "?")
    dialog = page.get_by_role("dialog", name="Keys and swipes")
    assert dialog.is_visible()
    assert {"j", "k", "o", "d", "s", "/", "?"} <= set(dialog.locator("kbd:visible").all_inner_texts())
    press(page, "j", "s")
    assert page.locator("[data-star][aria-pressed=true]").count() == 0
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    assert focused(page) == title
    page.goto("/sources")
    press(page, "?")
    shown = {" ".join(each.split()) for each in dialog.locator("dt:visible").all_inner_texts()}
    assert {"/", "?", "g h"} <= shown
    assert not shown & {"j k", "o", "d", "s"}
    press(page, "?")
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESKTOP, "light")])
def test_axe_finds_nothing_in_what_the_scripts_show(reader: Reader, size: dict[str, int], scheme: str) -> None:
    page = reader.opens("", "en-GB", visited(YESTERDAY), viewport=size, color_scheme=scheme, reduced_motion="reduce")
    page.clock.set_fixed_time(NOW)
    page.goto("/")
    press(page, "j", "s")
    assert page.locator(".new").count() == 3
    assert violations(page) == []
    press(page, "?")
    assert violations(page, "#keys") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    for path in ("/stars", "/offline"):
        page.goto(path)
        assert violations(page, "#main") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


NOT_OURS: tuple[dict[str, Any], ...] = (
    {"key": "j", "ctrlKey": True},
    {"key": "j", "altKey": True},
    {"key": "j", "metaKey": True},
    {"key": "j", "isComposing": True},
    {"key": "j", "keyCode": 229},
    {"key": "J", "shiftKey": True},
    {"key": "Process"},
    {"key": "Dead"},
    {"key": "constructor"},
    {"key": "s", "repeat": True},
)


def test_keys_that_are_not_ours_pass(reader: Reader) -> None:
    page = reader.opens("/")
    for event in NOT_OURS:
        assert send_key(page, **event), event
        assert page.evaluate("document.activeElement === document.body"), event


def test_keys_are_what_they_write_wherever_they_lie(reader: Reader) -> None:
    page = reader.opens("/")
    assert not send_key(page, key="J", code="KeyJ")  # Caps Lock
    assert focused(page) == "Titre new"
    assert not send_key(page, key="?", code="KeyM", shiftKey=True)  # AZERTY
    assert page.get_by_role("dialog").is_visible()
    press(page, "Escape")
    assert not send_key(page, key="/", code="Period", shiftKey=True)
    assert page.evaluate("document.activeElement.type") == "search"


def test_keys_can_be_switched_off_and_on(reader: Reader) -> None:
    page = reader.opens("/")
    press(page, "?")
    page.get_by_label("Use keys and swipes").uncheck()
    press(page, "Escape")
    for _ in range(2):
        press(page, "j", "?", "/")
        assert page.get_by_role("dialog").count() == 0
        assert page.evaluate(
            "document.activeElement === document.body || document.activeElement.dataset.open === 'keys'"
        )
        page.reload()
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Use keys and swipes").check()
    page.get_by_role("button", name="Close").click()
    press(page, "j")
    assert page.evaluate("document.activeElement.closest('.teaser') !== null")


# ── stars


@pytest.mark.parametrize(("language", "size"), [("en-GB", DESKTOP), ("fr-FR", PHONE)])
def test_stars_are_kept_and_listed_newest_first(reader: Reader, language: str, size: dict[str, int]) -> None:
    page = reader.opens("/", language, viewport=size, has_touch=size == PHONE)
    for number in (2, 0):
        button = page.locator("[data-star]").nth(number)
        assert button.get_attribute("aria-pressed") == "false"
        button.tap() if size == PHONE else button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
    page.goto("/economie")
    assert page.locator("[data-star][aria-pressed=true]").count() == 2
    page.goto("/stars")
    assert page.locator("article h3").all_inner_texts() == ["Titre new", HOSTILE]
    assert page.locator("article .from").first.inner_text() == "Comtois Info"
    link = page.locator("article h3 a").first
    assert (link.get_attribute("href"), link.get_attribute("rel")) == ("https://info.example/new", "noopener nofollow")
    page.locator("article").first.locator("[data-star]").click()
    assert page.locator("article h3").all_inner_texts() == [HOSTILE]
    assert page.evaluate("document.activeElement.closest('article') !== null")
    page.locator("article [data-page]").click()
    expect(page.locator("[data-star]")).to_have_attribute("aria-pressed", "true")
    page.locator("[data-star]").click()
    page.goto("/stars")
    assert page.locator("article").count() == 0
    assert page.locator("[data-none]").is_visible()
    assert page.locator("[data-export]").first.is_disabled()


def test_the_button_is_called_after_its_story(reader: Reader) -> None:
    page = reader.opens("/")
    assert page.get_by_role("button", name="Star – Titre new", exact=True).count() == 1
    assert page.get_by_role("button", name=f"Star – {HOSTILE}", exact=True).count() == 1
    box = page.locator("[data-star]").first.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 24  # WCAG 2.2, 2.5.8


def test_what_sources_write_stays_text_among_the_stars(reader: Reader) -> None:
    bad = [
        {
            "id": "1",
            "title": HOSTILE,
            "link": "javascript:window.hit=2",
            "source": HOSTILE,
            "language": HOSTILE,
            "at": 5,
        },
        {"id": "../../evil", "title": "x", "link": "data:text/html,<script>", "source": "y", "at": 1e300},
        {"id": '1"><img src=x>', "title": "", "link": "HTTPS://good.example/", "at": None},
    ]
    page = reader.opens("/", "en-GB", f"localStorage['tributary.stars'] = {json.dumps(json.dumps(bad))}")
    page.goto("/stars")
    assert page.locator("article").count() == 3
    links = page.locator("article a[href]").evaluate_all("links => links.map(link => link.href)")
    assert sorted(links) == sorted([f"{reader.address}/story/1", "https://good.example/"])
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("window.hit") is None


RUBBISH = ("{", "null", "3", "{}", '[null, 3, [], {}, {"id": 7}, {"id": {"a": 1}, "at": "x"}]')


def test_whatever_is_kept_the_pages_work(reader: Reader) -> None:
    page = reader.opens("/offline")
    for rubbish in RUBBISH:
        page.evaluate(
            "text => ['stars', 'visit', 'keys'].forEach(key => localStorage['tributary.' + key] = text)", rubbish
        )
        page.goto("/stars")
        assert page.locator("[data-none]").is_visible(), rubbish
        page.goto("/sport")
        press(page, "/")
        assert page.evaluate("document.activeElement.type") == "search", rubbish


def test_stars_leave_as_opml_and_as_json_and_come_back(reader: Reader, tmp_path: Path) -> None:
    page = reader.opens("/")
    for number in (0, 1, 2):
        page.locator("[data-star]").nth(number).click()
    page.goto("/stars")
    opml = etree.parse(saved(page, "opml", tmp_path))
    assert opml.getroot().get("version") == "2.0"
    outlines = [dict(each.attrib) for each in opml.iterfind("body/outline")]
    assert [each["text"] for each in outlines] == [HOSTILE, "Le pont rouvre", "Titre new"]
    assert {each["type"] for each in outlines} == {"link"}
    assert outlines[2]["url"] == "https://info.example/new"
    feed = json.loads(saved(page, "json", tmp_path).read_bytes())
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert [each["url"] for each in feed["items"]][1] == "https://info.example/one"
    assert feed["items"][1]["id"] == f"{reader.address}/story/13"
    other = reader.opens("/stars", "fr-FR")
    other.locator("[data-import]").set_input_files(tmp_path / "json")
    expect(other.locator("article")).to_have_count(3)
    assert other.locator("article h3").all_inner_texts() == page.locator("article h3").all_inner_texts()
    again = json.loads(saved(other, "json", tmp_path).read_bytes())
    assert again["items"] == feed["items"]
    other.locator("[data-import]").set_input_files(tmp_path / "json")
    expect(other.locator("#said")).to_contain_text("0")
    other.goto("/")
    assert other.locator("[data-star][aria-pressed=true]").count() == 3


def test_opml_is_xml_whatever_a_title_holds(reader: Reader, tmp_path: Path) -> None:
    page = reader.opens("/stars")
    page.evaluate("localStorage['tributary.stars'] = JSON.stringify([{id: '1', title: 'a\\0\\b\\ud800\\uffff<&\"'}])")
    page.reload()
    (outline,) = etree.parse(saved(page, "opml", tmp_path)).iterfind("body/outline")
    assert dict(outline.attrib) | {"created": ""} == {
        "text": 'a<&"',
        "type": "link",
        "url": f"{reader.address}/story/1",
        "created": "",
    }


def saved(page: Page, kind: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.locator(f"[data-export={kind}]").click()
    assert download.value.suggested_filename == f"stars.{kind}"
    download.value.save_as(folder / kind)
    return folder / kind


def test_a_file_without_stars_is_refused(reader: Reader) -> None:
    page = reader.opens("/stars")
    for content in ("", "{", "[]", '{"items": 3}', '{"items": [null, {}, {"url": "javascript:1", "id": "x"}]}'):
        page.locator("#said").evaluate("said => said.textContent = ''")
        page.locator("[data-import]").set_input_files(
            {"name": "x.json", "mimeType": "application/json", "buffer": content.encode()}
        )
        expect(page.locator("#said")).to_have_text("There are no stars in this file.")
        assert page.locator("article").count() == 0


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (FORBIDDEN, "This browser lets us keep nothing"),
        (FULL, "There is no room for another star"),
        ("localStorage['tributary.stars'] ??= JSON.stringify([...Array(2000).keys()].map(n => ({id: `${9e5 + n}`})))",
         "There is no room for another star"),
    ],
    ids=["forbidden", "full", "too many"],
)  # fmt: skip
def test_a_star_that_cannot_be_kept_is_said(reader: Reader, script: str, words: str) -> None:
    page = reader.opens("/", "en-GB", script)
    page.locator("[data-star]").first.click()
    expect(page.get_by_role("status")).to_contain_text(words)
    assert page.get_by_role("status").is_visible()
    expect(page.locator("[data-star]").first).to_have_attribute("aria-pressed", "false")
    press(page, "j")
    assert focused(page) == "Le pont rouvre"


def test_stories_that_come_later_have_a_star_and_a_mark(reader: Reader) -> None:
    page = reader.opens("", "en-GB", visited(NOW - timedelta(days=9)))
    page.clock.set_fixed_time(NOW)
    page.goto("/")
    before = page.locator(".teaser").count()
    page.locator("main a[rel=next]").click()
    expect(page.locator(".teaser")).to_have_count(ALL)
    assert before < ALL
    assert page.locator(".teaser [data-star]").count() == page.locator(".teaser .new").count() == ALL


def test_two_pages_of_one_browser_agree(reader: Reader) -> None:
    page = reader.opens("/")
    other = page.context.new_page()
    other.goto("/economie")
    page.locator("[data-star]").first.click()
    expect(other.locator("[data-star]").first).to_have_attribute("aria-pressed", "true")


# ── what is new


def visited(at: datetime) -> str:
    """A script that makes a browser one that was here once, until then."""
    stamp = int(at.timestamp() * 1000)
    visit = json.dumps({"since": 0, "known": 0, "at": stamp, "shown": stamp})
    return f"if (!localStorage['tributary.visit']) localStorage['tributary.visit'] = JSON.stringify({visit})"


def at(page: Page, time: datetime, path: str = "/") -> list[str]:
    """Open a page at a time; the titles that are marked there."""
    page.clock.set_fixed_time(time)
    page.goto(path)
    return page.locator(".teaser:has(.new) h3").all_inner_texts()


NEWEST = ["Titre new", "Le pont rouvre", HOSTILE]


def test_a_visit_marks_what_came_since_the_one_before_until_it_ends(reader: Reader) -> None:
    page = reader.opens("")
    assert at(page, YESTERDAY) == []  # the first one
    assert page.locator(".news").count() == 0
    assert at(page, NOW) == NEWEST
    assert page.locator(".news [data-sentence]").inner_text() == "3 new stories since yesterday at 18:04"
    assert at(page, NOW + timedelta(minutes=20), "/economie") == NEWEST
    assert at(page, NOW + timedelta(minutes=40)) == NEWEST
    assert at(page, NOW + timedelta(minutes=71)) == []
    assert page.locator(".news").count() == 0


def test_the_line_leads_to_the_first_story_that_is_not_new(reader: Reader) -> None:
    page = reader.opens("", "en-GB", visited(YESTERDAY), reduced_motion="reduce")
    at(page, NOW)
    page.get_by_role("link", name="To the first one that is not new").click()
    target = page.locator(":target")
    assert target.locator("h3").inner_text() == "Titre n0"
    expect(target).to_be_in_viewport()


@pytest.mark.parametrize(
    ("language", "last", "words"),
    [
        ("en-GB", NOW - timedelta(hours=2), "3 new stories since 11:00"),
        ("fr-FR", YESTERDAY, "hier à 18:04"),
        ("fr-FR", NOW.replace(day=1), "dimanche 1er février à 13:00"),
        ("en-GB", NOW.replace(day=1), "Sunday 1 February at 13:00"),
    ],
)
def test_the_last_visit_is_named_as_people_do(reader: Reader, language: str, last: datetime, words: str) -> None:
    page = reader.opens("", language, visited(last), viewport=PHONE)
    at(page, NOW)
    assert words in page.locator(".news").inner_text().replace("\u202f", " ").replace("\xa0", " ")


def test_a_copy_that_was_kept_does_not_count_as_a_visit(reader: Reader) -> None:
    page = reader.opens("", "en-GB", visited(YESTERDAY))
    kept = int((YESTERDAY + timedelta(minutes=5)).timestamp() * 1000)

    def as_copy(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("<html ", f'<html data-kept="{kept}" '))

    page.route("**/economie", as_copy)
    assert at(page, NOW - timedelta(minutes=55), "/economie") == []
    assert at(page, NOW) == NEWEST


def test_a_story_that_came_while_the_last_page_lay_in_a_cache_is_new(reader: Reader) -> None:
    first_seen = NOW - timedelta(minutes=50)
    page = reader.opens("", "en-GB", visited(first_seen + timedelta(seconds=60)))
    assert at(page, NOW) == []
    stamp = int((first_seen + timedelta(seconds=60)).timestamp() * 1000)
    visit = {"since": 0, "known": 0, "at": stamp, "shown": stamp - 7_200_000}
    other = reader.opens("", "en-GB", f"localStorage['tributary.visit'] ??= {json.dumps(json.dumps(visit))}")
    assert at(other, NOW) == NEWEST


# ── swipes


def swipe(page: Page, across: int, down: int = 0, start: int = 160) -> None:
    """Draw a finger over the first story, as Chromium gets it from a screen."""
    box = page.locator(".teaser h3").first.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    for kind, share in [("touchStart", 0.0), *(("touchMove", n / 8) for n in range(1, 9)), ("touchEnd", 1.0)]:
        points = [] if kind == "touchEnd" else [{"x": start + across * share, "y": y + down * share}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def on_a_phone(reader: Reader, **options: Any) -> Page:
    return reader.opens("/", viewport=PHONE, has_touch=True, is_mobile=True, **options)


def test_a_swipe_to_the_left_stars_and_another_takes_the_star_away(reader: Reader) -> None:
    page = on_a_phone(reader)
    for pressed in ("true", "false"):
        swipe(page, -110)
        expect(page.locator("[data-star]").first).to_have_attribute("aria-pressed", pressed)
    assert urlsplit(page.url).path == "/"
    assert page.locator(".teaser").first.evaluate("story => story.style.transform") == ""


def test_a_swipe_to_the_right_opens_the_details(reader: Reader) -> None:
    page = on_a_phone(reader)
    swipe(page, 110)
    page.wait_for_url("**/story/14")


@pytest.mark.parametrize(
    ("across", "down", "start"),
    [(-50, 0, 160), (-60, -150, 160), (110, 0, 10), (-110, 0, 310)],
    ids=["too short", "scrolling", "the edge where one goes back", "the other edge"],
)
def test_what_is_no_swipe_does_nothing(reader: Reader, across: int, down: int, start: int) -> None:
    page = on_a_phone(reader)
    swipe(page, across, down, start)
    assert page.locator("[data-star][aria-pressed=true]").count() == 0
    assert urlsplit(page.url).path == "/"


def test_a_finger_that_goes_more_down_than_across_is_no_swipe_where_nothing_scrolls_either(reader: Reader) -> None:
    page = on_a_phone(reader)
    page.evaluate(
        "['pointerdown', 'pointermove', 'pointermove', 'pointerup'].forEach((kind, n) =>"
        "document.querySelector('.teaser').dispatchEvent(new PointerEvent(kind, {bubbles: true, isPrimary: true,"
        "pointerId: 1, pointerType: 'touch', clientX: 200 - 40 * n, clientY: 200 + 60 * n})))"
    )
    assert page.locator("[data-star][aria-pressed=true]").count() == 0


def test_a_finger_still_scrolls(reader: Reader) -> None:
    page = on_a_phone(reader)
    swipe(page, 0, -150)
    page.wait_for_function("scrollY > 50")


def test_swipes_are_switched_off_with_the_keys_by_a_link_on_the_page(reader: Reader) -> None:
    page = on_a_phone(reader)
    page.get_by_role("button", name="Keys").tap()
    page.get_by_label("Use keys and swipes").tap()
    page.get_by_role("button", name="Close").tap()
    page.goto("/economie")
    swipe(page, -110)
    assert page.locator("[data-star][aria-pressed=true]").count() == 0
    assert page.locator(".teaser").first.evaluate("story => getComputedStyle(story).touchAction") == "auto"


def test_nothing_slides_for_those_who_want_calm(reader: Reader) -> None:
    moved = "addEventListener('pointermove', () => (window.moved ??= []).push(document.querySelector('.teaser').style.transform))"
    calm, usual = (
        reader.opens("/", "en-GB", moved, viewport=PHONE, has_touch=True, is_mobile=True, reduced_motion=motion)
        for motion in ("reduce", "no-preference")
    )
    for page in (calm, usual):
        swipe(page, -110)
    assert set(calm.evaluate("window.moved")) == {""}
    assert any(usual.evaluate("window.moved"))


# ── without scripts


def test_without_scripts_nothing_dead_is_shown(reader: Reader) -> None:
    page = reader.opens(viewport=PHONE, java_script_enabled=False)
    for path in ("/", "/story/13", "/offline", "/stars"):
        page.goto(path)
        assert page.get_by_role("button").all_inner_texts() == ["Search"], path
        assert page.get_by_role("dialog").count() == page.locator("input[type=file]").count() == 0, path
    assert page.get_by_text("Stars need JavaScript").is_visible()


# ── offline

READY = """async () => {
  const {active} = await navigator.serviceWorker.ready;
  if (active.state !== "activated") await new Promise(done => active.addEventListener("statechange", done));
}"""
KEPT = "async () => (await (await caches.open('tributary-pages')).keys()).map(each => new URL(each.url).pathname)"


def with_worker(reader: Reader, path: str = "/", language: str = "en-GB", **options: Any) -> Page:
    """A page whose browser has our worker."""
    page = reader.opens(path, language, service_workers="allow", **options)
    page.evaluate(READY)
    return page


def until(page: Page, check: str, argument: Any = None) -> None:
    """Wait for what a browser does in its own time."""
    page.evaluate(
        f"async argument => {{ const [check, end] = [{check}, Date.now() + 10000]; while (!(await check(argument))) {{"
        "if (Date.now() > end) throw new Error(`in vain: ${check} ${argument}`);"
        "await new Promise(done => setTimeout(done, 20)); } }",
        argument,
    )


def kept(page: Page, path: str) -> None:
    """Wait until a page is kept."""
    until(page, f"async path => (await ({KEPT})()).includes(path)", path)


@pytest.fixture
def shut(door: Door) -> Iterator[Door]:
    """The door, open again afterwards."""
    yield door
    door.status, door.changes = "", {}
    door.held.set()


@pytest.mark.parametrize(("language", "size"), [("en-GB", DESKTOP), ("fr-FR", PHONE)])
def test_what_was_read_stays_readable_offline(reader: Reader, language: str, size: dict[str, int]) -> None:
    page = with_worker(reader, "/", language, viewport=size)
    kept(page, "/")  # it was opened before there was a worker
    for path in ("/economie", "/story/13"):
        page.goto(path)
        kept(page, path)
    page.context.set_offline(True)
    page.goto("/economie")
    assert page.locator(".teaser h3").first.inner_text() == "Titre new"
    assert page.evaluate("getComputedStyle(document.body).maxWidth") == "992px"  # with its style
    assert page.locator(".teaser [data-star]").count() == PER_PAGE
    assert page.locator(".kept").is_visible()
    if language == "en-GB":
        line = page.locator(".kept [data-sentence]").inner_text()
        assert line.startswith("You are offline; this is as of ")
    page.locator(".teaser").nth(1).locator(".more a").first.click()
    assert page.locator("h1").inner_text() == "Le pont rouvre"
    page.goto("/stars")
    assert page.locator("[data-none]").is_visible()
    page.goto("/sport?lang=en")
    assert page.get_by_text("this page was never read in this browser").is_visible()
    expect(page.locator("#kept-pages a")).to_have_count(2)  # the story is no river
    assert violations(page) == []
    page.locator("#kept-pages a").last.click()
    assert page.locator(".teaser").count() == PER_PAGE
    page.context.set_offline(False)
    page.locator(".kept a").click()
    expect(page.locator(".kept")).to_have_count(0)
    assert page.locator(".teaser").count() == PER_PAGE
    reader.complaints.clear()  # of files that the network does not give


def test_a_change_is_seen_at_once_by_who_has_a_copy(reader: Reader, tmp_path: Path, browser: Browser) -> None:
    world = a_world(tmp_path)
    tell(world.store, [an_item("a")])
    with served(world.app) as address:
        own = Reader(browser, address)
        page = with_worker(own, "/economie")
        kept(page, "/economie")
        tell(world.store, [an_item("b", published=Date("", NOW))])
        page.reload()
        assert page.locator(".teaser h3").all_inner_texts() == ["Titre b", "Titre a"]
        (stored,) = world.store.find("https://info.example/a")
        page.goto("/story/1")
        kept(page, "/story/1")
        world.store.hide(stored.id, "x", "", NOW)
        page.reload()
        assert "gone" in page.locator("h1").inner_text()
        until(page, f"async () => !(await ({KEPT})()).includes('/story/1')")
        own.complaints.clear()  # of the 410
        own.close()


@pytest.mark.parametrize("status", ["500 Broken", "503 Away"])
def test_an_error_never_takes_the_place_of_a_page(reader: Reader, shut: Door, status: str) -> None:
    page = with_worker(reader, "/economie")
    kept(page, "/economie")
    shut.status = status
    for _ in range(2):
        page.reload()
        assert page.locator(".teaser").count() == PER_PAGE
    assert page.locator(".kept").inner_text().startswith("The site cannot be reached; this is as of ")
    page.goto("/sport")
    assert page.locator("h1").inner_text() == "Out of order"  # there is nothing else to show
    shut.status = ""
    page.goto("/economie")
    expect(page.locator(".kept")).to_have_count(0)
    reader.complaints.clear()  # of the errors


def test_who_waits_too_long_gets_the_copy_and_then_the_page(reader: Reader, shut: Door) -> None:
    shut.changes = {b"4000": b"300"}
    page = with_worker(reader, "/economie")
    kept(page, "/economie")
    shut.held.clear()
    page.reload()
    assert page.locator(".teaser").count() == PER_PAGE
    assert page.locator(".kept").is_visible()
    shut.held.set()
    expect(page.locator(".kept")).to_contain_text("The page has come in after all.")
    page.locator(".kept a").click()
    expect(page.locator(".kept")).to_have_count(0)


def test_only_so_many_pages_are_kept_those_read_last(reader: Reader, shut: Door) -> None:
    shut.changes = {b"[60, 60]": b"[3, 60]"}
    page = with_worker(reader, "/")
    kept(page, "/")
    for path in ("/economie", "/sport", "/economie", "/sources", "/story/1"):
        page.goto(path)
        kept(page, path)
    until(page, f"async () => (await ({KEPT})()).join() === '/economie,/sources,/story/1'")


def test_searches_feeds_and_embeds_are_left_alone(reader: Reader) -> None:
    page = with_worker(reader, "/")
    for path in ("/feed/economie", "/embed/economie", "/feeds/economie.json?raw=1", "/story/1.json", "/status"):
        with page.expect_response(lambda response, path=path: path in response.url) as answer:  # type: ignore[misc]
            page.goto(path)
        assert not answer.value.from_service_worker, path
    page.goto("/sources")
    kept(page, "/sources")
    assert set(page.evaluate(KEPT)) == {"/", "/sources"}
    stored = page.evaluate(
        "async () => (await Promise.all((await caches.keys()).map(async name =>"
        "(await (await caches.open(name)).keys()).map(each => each.url)))).flat()"
    )
    assert all(each.startswith(reader.address) for each in stored)


def test_a_new_worker_takes_over_and_tidies_up(reader: Reader, shut: Door) -> None:
    page = with_worker(reader, "/")
    page.evaluate("Promise.all(['tributary-parts-old', 'of-others'].map(name => caches.open(name)))")
    (parts,) = [
        name for name in page.evaluate("caches.keys()") if name.startswith("tributary-parts-") and "old" not in name
    ]
    shut.changes = {parts.encode(): b"tributary-parts-new".ljust(len(parts), b"0")}
    page.evaluate(
        "async () => { const taken = new Promise(done => navigator.serviceWorker.oncontrollerchange = done);"
        "await (await navigator.serviceWorker.ready).update(); await taken; }"
    )
    until(page, "async () => !(await caches.keys()).includes('tributary-parts-old')")
    until(page, "async parts => !(await caches.keys()).includes(parts)", parts)
    assert {"of-others", "tributary-pages"} <= set(page.evaluate("caches.keys()"))


def test_chromium_would_install_it(reader: Reader) -> None:
    page = with_worker(reader, "/")
    session = page.context.new_cdp_session(page)
    assert session.send("Page.getAppManifest")["errors"] == []
    found = {each["errorId"] for each in session.send("Page.getInstallabilityErrors")["installabilityErrors"]}
    assert found <= {"in-incognito"}  # as every page of a test is
