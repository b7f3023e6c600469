"""The journeys of an editor over the health of the sources, in a real browser: with and without JavaScript, French and
English, on a phone and on a desktop.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from aggregator import opml
from aggregator.errors import ErrorClass
from aggregator.model import Rhythm
from tests.browser_world import CHROMIUM, chromium
from tests.desk_world import PASSWORD, Desk, a_desk
from tests.serving import served
from tests.test_desk_health import FINE, NEW, failing, html, kept
from tests.web_world import INFO, MATIN, PRESSE, an_item, tell

PHONE, DESKTOP = {"width": 320, "height": 700}, {"width": 1280, "height": 800}
LOOKS = [("fr", PHONE, True), ("fr", DESKTOP, False), ("en", PHONE, False), ("en", DESKTOP, True)]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here"),
    # Chromium's own pipes outlive the test that opened them.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = a_desk(tmp_path)
    tell(desk.store, [an_item("one"), an_item("two")])
    hours = tuple(float(hour % 24 in (8, 18)) for hour in range(168))
    kept(desk, replace(FINE, rhythm=Rhythm(hours, 1e6, desk.now)), failing(MATIN.url, ErrorClass.TLS), html(PRESSE.url))
    desk.editor()
    return desk


def name_of(look: tuple[str, dict[str, int], bool]) -> str:
    language, size, scripts = look
    return f"{language}-{size['width']}-{'js' if scripts else 'plain'}"


@pytest.fixture(params=LOOKS[1:3], ids=name_of)
def page(request: pytest.FixtureRequest, desk: Desk, browser: Browser) -> Iterator[Page]:
    """The table, as an editor sees it who has just logged in."""
    language, viewport, scripts = request.param
    complaints: list[str] = []
    with served(desk.app) as address:
        context = browser.new_context(
            base_url=address, viewport=viewport, java_script_enabled=scripts, service_workers="block"
        )
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"/desk/login?lang={language}&then=/desk/health%3Flang%3D{language}")
        page.fill("#name", "Jeanne")
        page.fill("#password", PASSWORD)
        page.click("main button.follow")
        page.goto(f"/desk/health?lang={language}")
        yield page
        context.close()
    assert [each for each in complaints if "409" not in each] == []


def fits(page: Page) -> None:
    """Nothing hangs over the edge; where no script runs the browser itself is asked."""
    size = page.viewport_size
    box = page.locator("main").bounding_box()
    assert size and box and box["width"] <= size["width"]
    for part in ("table.states tbody tr", "form.narrow-down", "p.kinds"):
        for each in page.locator(part).all():
            found = each.bounding_box()
            assert found and found["x"] >= 0 and found["x"] + found["width"] <= size["width"] + 1, part


@pytest.mark.parametrize("page", LOOKS, ids=name_of, indirect=True)
def test_an_editor_sees_who_needs_somebody_and_why(page: Page) -> None:
    fits(page)
    names = page.locator("table.states tbody th a")
    expect(names).to_have_text(["presse.example", "Haut-Doubs Matin"])
    first = page.locator("table.states tbody tr").first
    expect(first.locator("svg.spark")).to_be_visible()
    expect(first.locator(".helps code")).to_have_text(NEW)
    message = first.locator(".what details code")
    expect(message).not_to_be_visible()
    first.locator("summary").click()
    expect(message).to_be_visible()
    page.select_option("#show", "all")
    page.fill("#words", "comtois")
    page.locator("form.narrow-down button").click()
    expect(names).to_have_text(["Comtois Info"])
    expect(page.locator("#show")).to_have_value("all")
    fits(page)


def test_one_click_takes_a_new_address_and_another_takes_it_back(page: Page, desk: Desk) -> None:
    page.locator("button[value^='take presse-example']").click()
    expect(page.get_by_role("status")).to_be_visible()
    assert [each.url for each in opml.read(desk.settings.opml)] == [INFO.url, MATIN.url, NEW]
    page.get_by_role("status").get_by_role("button").click()
    expect(page.get_by_role("status").get_by_role("button")).to_be_visible()
    assert PRESSE.url in [each.url for each in opml.read(desk.settings.opml)]


def test_several_are_paused_together_and_resumed(page: Page, desk: Desk) -> None:
    page.locator("p.kinds a").first.click()  # narrowed, and stays so
    page.goto(re.sub(r"show=\w+", "show=all", page.url))
    page.locator(".bulk a").click()  # all of them
    boxes = page.locator("table.states input[type=checkbox]")
    assert all(each.is_checked() for each in boxes.all()) and boxes.count() == 3
    boxes.last.uncheck()
    page.fill("#note", "travaux")
    page.locator("button[name=deed][value=pause]").click()
    expect(page.get_by_role("status")).to_contain_text("2")
    assert sum(each.paused for each in opml.read(desk.settings.opml)) == 2 and "show=all" in page.url
    page.locator("button[name=one][value^=resume]").first.click()
    expect(page.get_by_role("status")).to_contain_text("1")
    assert sum(each.paused for each in opml.read(desk.settings.opml)) == 1


def test_enter_in_the_reason_changes_no_source(page: Page, desk: Desk) -> None:
    before = desk.listed
    page.locator("table.states input[type=checkbox]").first.check()
    page.fill("#note", "x")
    page.press("#note", "Enter")
    expect(page.get_by_role("status")).to_be_visible()
    assert desk.listed == before


def test_a_source_shows_its_days_and_its_rhythm(page: Page, desk: Desk) -> None:
    page.goto(page.url.replace("/desk/health", "/desk/health/comtois-info"))
    expect(page.locator("svg.chart")).to_be_visible()
    expect(page.locator("svg.week")).to_be_visible()
    page.locator("section details summary").first.click()
    expect(page.locator("section details table").first).to_be_visible()
    expect(page.locator("dl.origins")).to_contain_text("200")
    box, size = page.locator("main").bounding_box(), page.viewport_size
    assert box and size and box["width"] <= size["width"]
    page.locator("button[value^=check]").click()
    expect(page).to_have_url(re.compile("/desk/health/comtois-info"))
    assert [source.url for source, _ in desk.store.due(desk.now, 9)] == [INFO.url]


def test_the_address_of_the_feed_is_made_and_read(page: Page, desk: Desk) -> None:
    page.locator("button[name=new]").click()
    found = page.locator("section dl code").first.inner_text()
    path = found.removeprefix("https://news.example")
    assert NEW.encode() in desk.stranger().client.get(path).data
    page.locator("button[name=end]").click()
    expect(page.locator("section dl code")).to_have_count(0)
    assert desk.stranger().client.get(path).status_code == 404
