"""What a first page costs, and how a slow phone shows a river of a hundred sources."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec import Struct
from playwright.sync_api import Browser, Page, Request, Route

from tests.browser_world import CHROMIUM, PHONE, TALL_PICTURE, a_busy_river, chromium
from tests.serving import served

FIRST_PAGE_BYTES = 60_000  # all but pictures
SHEET_BYTES = 8_000
SCRIPT_BYTES = 4_000  # of each script of our own
READABLE_MS = 2_000
LAYOUT_SHIFT = 0.05
CONDITIONS = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 200_000,
    "uploadThroughput": 200_000,
}  # ms, bytes/s
CPU_SLOWDOWN = 4
TRIES = 3  # others may use the machine; the phone is slow enough
EARLY_PICTURES = 12  # of fifteen on the first page: those that are near
ICONS = (".png", ".svg", ".ico")
PICTURES = re.compile("^https:")

# What the browser noted, and when the last text of the first screen stood there.
MEASURES = """async () => {
  const noted = type => new Promise(resolve => {
    new PerformanceObserver((list, observer) => {
      observer.disconnect();
      resolve(list.getEntries());
    }).observe({type, buffered: true});
    setTimeout(() => resolve([]), 500); // of this type there is nothing
  });
  const [paints, texts, shifts] = await Promise.all([
    noted("paint"), noted("largest-contentful-paint"), noted("layout-shift")]);
  return {
    first: paints.find(each => each.name === "first-contentful-paint").startTime,
    text: Math.max(...texts.filter(each => !each.url).map(each => each.startTime)),
    shift: shifts.reduce((sum, each) => sum + each.value, 0),
    moved: shifts.flatMap(each => each.sources.map(one => one.node?.outerHTML?.slice(0, 80))),
  };
}"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here"),
    # Chromium's own pipes outlive the test that opened them.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Visit(Struct):
    """A browser that was never here, and pictures that come when they are let."""

    page: Page
    address: str
    waiting: list[Route]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(a_busy_river(tmp_path_factory.mktemp("site")).app) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextmanager
def visiting(browser: Browser, address: str) -> Iterator[Visit]:
    context = browser.new_context(locale="fr-FR", viewport={"width": PHONE, "height": 640}, service_workers="block")
    page = context.new_page()
    waiting: list[Route] = []
    page.route(PICTURES, lambda route: waiting.append(route))
    yield Visit(page, address, waiting)
    context.close()


@pytest.fixture
def visit(address: str, browser: Browser) -> Iterator[Visit]:
    with visiting(browser, address) as visit:
        yield visit


def test_a_first_page_weighs_little_but_for_its_pictures(visit: Visit) -> None:
    asked: list[Request] = []
    visit.page.on("requestfinished", lambda request: asked.append(request))
    visit.page.goto(f"{visit.address}/", wait_until="domcontentloaded")
    visit.page.wait_for_function("typeof htmx === 'object'")
    sizes = {request.url.removeprefix(visit.address): request.sizes()["responseBodySize"] for request in asked}
    ours = {path: size for path, size in sizes.items() if not path.partition("?")[0].endswith(ICONS)}
    assert len(ours) >= 4
    assert sum(ours.values()) <= FIRST_PAGE_BYTES, ours
    for path, size in ours.items():
        if path.startswith("/static/site.css"):
            assert size <= SHEET_BYTES
        elif path.startswith("/static/") and "vendor" not in path:
            assert size <= SCRIPT_BYTES, (path, size)


def test_one_file_alone_blocks_the_first_picture_of_a_page(visit: Visit) -> None:
    visit.page.goto(f"{visit.address}/", wait_until="domcontentloaded")
    blocking = visit.page.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.renderBlockingStatus === 'blocking').map(e => e.name)"
    )
    assert [name.partition("?")[0] for name in blocking] == [f"{visit.address}/static/site.css"]


@pytest.mark.parametrize("came_before", [False, True], ids=["first visit", "another visit"])
def test_a_slow_phone_shows_the_news_soon_and_nothing_jumps(browser: Browser, address: str, came_before: bool) -> None:
    for _ in range(TRIES):
        with visiting(browser, address) as visit:
            if came_before:  # all is new since then, and said so
                visit.page.add_init_script("localStorage.setItem('tributary.visit', '{\"at\": 1, \"shown\": 1}')")
            measured = _on_a_slow_phone(visit)
            assert visit.page.locator(".news").count() == came_before
        assert measured["shift"] <= LAYOUT_SHIFT
        if max(measured["first"], measured["text"]) < READABLE_MS:
            return
    pytest.fail(f"readable after {measured}")


def _on_a_slow_phone(visit: Visit) -> dict[str, Any]:
    phone = visit.page.context.new_cdp_session(visit.page)
    phone.send("Network.enable")
    phone.send("Network.emulateNetworkConditions", CONDITIONS)
    phone.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
    with visit.page.expect_request(PICTURES):
        visit.page.goto(f"{visit.address}/")
    assert 0 < len(visit.waiting) <= EARLY_PICTURES  # the others cost nothing until they are near
    for route in visit.waiting:
        route.fulfill(**TALL_PICTURE)  # type: ignore[arg-type]
    visit.page.wait_for_function("document.querySelector('figure img').naturalHeight === 900")
    measured: dict[str, Any] = visit.page.evaluate(MEASURES)
    return measured
