"""What an editor does with stories, in a real browser: finds, hides, undoes, merges, splits, and learns why something is
missing.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from aggregator.model import Date
from tests.browser_world import CHROMIUM, DESKTOP, PHONE, chromium
from tests.desk_world import PASSWORD, Desk, a_desk
from tests.serving import served
from tests.web_world import MATIN, NOW, an_item, same_story, tell

LOOKS = [("fr", PHONE, True), ("en", DESKTOP, False), ("fr", DESKTOP, False), ("en", PHONE, True)]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here"),
    # Chromium's own pipes outlive the test that opened them.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A story of two items, one about a bridge, one that Marc has hidden."""
    desk = a_desk(tmp_path_factory.mktemp("desk"))
    mayor = an_item("maire", title="Un nouveau maire à Levier")
    copy = an_item("copie", MATIN, title="Levier a un nouveau maire", published=Date("", NOW))
    bridge = an_item("pont", title="Le pont de Battant rouvre", published=Date("", NOW - timedelta(minutes=5)))
    tell(desk.store, [mayor, bridge, an_item("cache", title="Une recette retirée")])
    tell(desk.store, [copy], links=[same_story(copy, mayor)])
    desk.store.hide(desk.store.find("cache")[0].id, "Marc", "à sa demande", NOW)
    desk.editor("Jeanne")
    return desk


@pytest.fixture(scope="module")
def base(desk: Desk) -> Iterator[str]:
    with served(desk.app) as base:
        yield base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def enter(browser: Browser, base: str, language: str, width: int, *, scripts: bool) -> Page:
    """A page of somebody who is logged in, at the list of stories."""
    context = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=scripts)
    page = context.new_page()
    page.goto(f"{base}/desk/login?lang={language}")
    page.fill("#name", "Jeanne")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.goto(f"{base}/desk/stories?lang={language}")
    return page


def fits(page: Page, language: str) -> None:
    """Whether the page is in its language and no wider than the screen."""
    assert page.locator("html").get_attribute("lang") == language
    box = page.locator("main").bounding_box()
    viewport = page.viewport_size
    assert box and viewport and box["x"] + box["width"] <= viewport["width"]
    for link in page.locator("main a:visible, main button:visible, main input:visible").all():
        place = link.bounding_box()
        assert place is None or place["x"] + place["width"] <= viewport["width"] + 1, link.inner_html()


def seek(page: Page, field: str, text: str) -> None:
    page.fill(field, text)
    page.press(field, "Enter")


@pytest.mark.parametrize(("language", "width", "scripts"), LOOKS)
def test_an_editor_finds_hides_undoes_merges_splits_and_learns_why_something_is_missing(
    desk: Desk, base: str, browser: Browser, language: str, width: int, scripts: bool
) -> None:
    page, store = enter(browser, base, language, width, scripts=scripts), desk.store
    expect(page.locator(".inbox article")).to_have_count(2)
    fits(page, language)
    seek(page, "#find", "pont")
    expect(page.locator(".inbox article")).to_have_count(1)
    page.click(".inbox h2 a")
    expect(page.locator("h1")).to_have_text("Le pont de Battant rouvre")
    fits(page, language)

    page.click(".acts a[href*='/hide']")
    expect(page.locator(".moved .minus")).to_be_visible()
    fits(page, language)
    assert page.request.get(f"{base}/story/2").status == 200
    page.fill("#note", "pour voir")
    page.click("form.sheet button")
    expect(page.locator(".said")).to_be_visible()
    fits(page, language)
    assert store.hidings()[0].note == "pour voir" and page.request.get(f"{base}/story/2").status == 410
    page.click(".said button")
    expect(page.locator("h1")).to_have_text("Le pont de Battant rouvre")
    assert [each.by for each in store.hidings()] == ["Marc"] and page.request.get(f"{base}/story/2").status == 200

    seek(page, "#other", "maire")
    fits(page, language)
    page.locator("#found ~ ul a[href*='/merge']").first.click()
    expect(page.locator("#before ~ .gathered > li")).to_have_count(2)
    expect(page.locator("#after ~ .gathered > li")).to_have_count(1)
    fits(page, language)
    page.click("form.sheet button")
    expect(page.locator(".sighting")).to_have_count(3)
    fits(page, language)
    page.locator(".sighting", has_text="Le pont").locator("a[href*='/split']").click()
    page.click("form.sheet button")
    expect(page.locator(".said")).to_be_visible()
    assert len(store.pins()) == 1
    page.click(".said button")
    expect(page.locator(".sighting")).to_have_count(3)
    with page.expect_navigation():
        page.click(".done li:not(.undone) form button")
    expect(page.locator(".said button")).to_have_count(0)
    assert store.pins() == () and [len(story.others) for story in store.river("all").stories] == [0, 1]

    page.goto(f"{base}/desk/stories?lang={language}")
    page.click(".title a[href*='/desk/missing']")
    seek(page, "#why", "https://info.example/cache?utm_source=x")
    expect(page.locator(".steps")).to_contain_text("Marc")
    expect(page.locator(".steps q")).to_have_text("à sa demande")
    fits(page, language)
    page.click(".steps a")
    expect(page.locator(".flaw")).to_contain_text("Marc")
    page.goto(f"{base}/desk/missing?lang={language}")
    seek(page, "#why", "https://presse.example/jamais-vu")
    expect(page.locator("#unknown ~ h3 a")).to_have_text("presse.example")
    fits(page, language)
    page.context.close()


def test_keys_go_from_story_to_story_and_open_one(base: str, browser: Browser) -> None:
    page = enter(browser, base, "en", DESKTOP, scripts=True)
    page.keyboard.press("j")
    expect(page.locator(".inbox article:first-child h2 a")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(".inbox article:nth-child(2) h2 a")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_visible()
    page.keyboard.press("?")
    page.keyboard.press("o")
    expect(page.locator("h1")).to_have_text("Le pont de Battant rouvre")
    page.context.close()
