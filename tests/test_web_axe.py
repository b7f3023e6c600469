"""What axe-core says of every page, by day and by night, on a phone and on a desk, with whatever a page can open."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from msgspec import Struct
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser_world import CHROMIUM, chromium
from tests.every_page import PAGES, a_rich_world
from tests.serving import served as served_at
from tests.web_world import World

AXE = Axe().axe_script
PHONE, DESKTOP = 320, 1280
PICTURE = {
    "content_type": "image/svg+xml",
    "body": '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60"/>',
}
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"resultTypes": ["violations"], "iframes": False}  # embeds are pages of the list
ALL_RULES = {"runOnly": {"type": "tag", "values": STANDARDS}, "rules": {"target-size": {"enabled": True}}}
# What colours and widths change; the others look at what is there, and cost three times as much.
SEEN_RULES = {"runOnly": ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]}
# Schemes of colours, with the widths in which the page that was loaded is looked at.
Looks = tuple[tuple[str, tuple[tuple[int, dict[str, object]], ...]], ...]
LOOKS: Looks = (
    ("light", ((PHONE, ALL_RULES), (DESKTOP, SEEN_RULES))),
    ("dark", ((PHONE, SEEN_RULES), (DESKTOP, ALL_RULES))),
)
ENDS: Looks = (("light", ((PHONE, ALL_RULES),)), ("dark", ((DESKTOP, ALL_RULES),)))
AGAIN: Looks = (("light", ((PHONE, ALL_RULES),)), ("dark", ((DESKTOP, SEEN_RULES),)))  # what is made like another page
LANGUAGES = {"light": "fr", "dark": "en"}
# Where there are many alike, those with most to show: stories by their guid.
STORIES = ("one", "messy", "fire", "odd", "h-right-to-left", "h-long")
CHOSEN = {
    "reader.feed": ("/feed/economie", "/feed/search?q=conseil"),
    "reader.source_page": tuple(f"/source/{slug}" for slug in ("comtois-info", "presse-example", "qui-ne-dit-rien")),
    "reader.subscribe": ("/subscribe?as=frame&accent=ff8800&theme=dark&words=en", "/subscribe?feed=dep/25&as=atom"),
}
ERRORS = ("/nowhere", "/source/partie-d-ici")
LONG_AGO = "localStorage.setItem('tributary.visit', JSON.stringify({since: 0, known: 0, at: 1, shown: 0}))"
OPEN_EVERYTHING = "document.querySelectorAll('details').forEach(each => each.open = true)"
# Of the stories that fill a river, which are as one another.
LEAVE_TWO = """[...document.querySelectorAll('main article')].filter(each => /Conseil n° [1-9]\\d/.test(each.textContent))
    .slice(2).forEach(each => each.remove())"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here"),
    # Chromium's own pipes outlive the test that opened them.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Served(Struct, frozen=True):
    """The rich world at an address."""

    world: World
    base: str

    def paths(self, endpoint: str) -> tuple[str, ...]:
        """The pages of a route."""
        if endpoint == "reader.story":
            stories = self.world.store.river("all", limit=500).stories
            return tuple(f"/story/{story.id}" for story in stories if story.lead.item.guid in STORIES)
        return CHOSEN.get(endpoint) or PAGES.get(endpoint) or ERRORS


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    world = a_rich_world(tmp_path_factory.mktemp("site"))
    with served_at(world.app) as base:
        yield Served(world, base)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(reduced_motion="reduce", service_workers="block")
    context.route(re.compile("^https:"), lambda route: route.fulfill(**PICTURE))  # type: ignore[arg-type]
    yield context
    context.close()


# What stands for itself in a fragment is the page of others, so there is nothing to look at.
@pytest.mark.parametrize("endpoint", [*(each for each in PAGES if each != "embeds.fragment"), "errors"])
def test_axe_finds_nothing(served: Served, context: BrowserContext, endpoint: str) -> None:
    found, page = [], context.new_page()
    paths = served.paths(endpoint)
    assert paths
    for place, path in enumerate(paths):
        found += faults(page, served.base + path, LOOKS if place == 0 else AGAIN)
    page.close()
    assert not found, "\n".join(found)


def test_axe_finds_nothing_in_what_scripts_add(served: Served, context: BrowserContext) -> None:
    found, page = [], context.new_page()
    for scheme, widths in LOOKS:
        look(page, scheme, PHONE)
        page.goto(f"{served.base}/offline")
        page.evaluate(LONG_AGO)
        page.goto(f"{served.base}/?lang={LANGUAGES[scheme]}")
        page.evaluate(OPEN_EVERYTHING)
        page.evaluate(LEAVE_TWO)
        assert page.locator(".news").count() == 1
        for number in (0, 1):
            star = page.locator("main [data-star]").nth(number)
            if star.get_attribute("aria-pressed") == "false":
                star.click()
        page.keyboard.press("j")
        found += in_widths(page, widths)
        page.keyboard.press("?")
        assert page.locator("dialog[open]").count() == 1
        found += in_widths(page, widths)
        page.goto(f"{served.base}/stars?lang={LANGUAGES[scheme]}")
        assert page.locator("main article").count() == 2
        found += in_widths(page, widths)
    page.close()
    assert not found, "\n".join(found)


def faults(page: Page, address: str, looks: Looks) -> list[str]:
    """What axe finds at an address, in its colours, widths and languages, with all open."""
    found = []
    for scheme, widths in looks:
        look(page, scheme, widths[0][0])
        asked = "" if "/embed/" in address else f"{'&' if '?' in address else '?'}lang={LANGUAGES[scheme]}"
        page.goto(address + asked)
        page.evaluate(OPEN_EVERYTHING)
        page.evaluate(LEAVE_TWO)
        found += in_widths(page, widths)
    return found


def in_widths(page: Page, widths: tuple[tuple[int, dict[str, object]], ...]) -> list[str]:
    """What axe finds in a page as it is now, in each width by its rules."""
    found = []
    for width, rules in widths:
        page.set_viewport_size({"width": width, "height": 800})
        found += violations(page, rules)
    return found


def look(page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 800})


def violations(page: Page, rules: dict[str, object]) -> list[str]:
    """What axe finds in a page as it is now, with the first places where it is."""
    about = f"{page.url} {page.viewport_size}"
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE)
    return [
        f"{about}: {each['id']}: {[(node['target'], node['failureSummary']) for node in each['nodes'][:3]]}"
        for each in page.evaluate("options => axe.run(options).then(all => all.violations)", OPTIONS | rules)
    ]
