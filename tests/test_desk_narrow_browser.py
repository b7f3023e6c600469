"""What stands where on the pages of the desk, on phones and desks: nothing that is needed is out of sight."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser

from aggregator.desk import sources
from aggregator.model import Date, Rhythm, Role
from tests.browser_world import CHROMIUM, DESKTOP, LONG_WORD, PHONE, chromium, is_narrow, logged_in
from tests.desk_pages import a_full_desk
from tests.desk_world import Desk
from tests.serving import served
from tests.web_world import MATIN, an_item, tell

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
OUT_OF_SIGHT = """selector => [...document.querySelectorAll(selector)].map(each => each.getBoundingClientRect())
    .filter(box => box.width && (box.left < 0 || box.right > innerWidth + 1)).length"""
CUT = """selector => [...document.querySelectorAll(selector)].filter(each => {
    const had = each.offsetWidth;  // what is chosen counts, not the longest that could be
    each.replaceChildren(...each.selectedOptions);
    each.style.cssText = "width: auto; max-width: none";
    return each.offsetWidth > had + 1;
}).map(each => each.id)"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = a_full_desk(tmp_path_factory.mktemp("desk"))
    days = [made.now - timedelta(days=day) for day in range(0, 80, 5)]
    tell(made.store, [an_item(f"d{at:%j}", MATIN, published=Date("", at)) for at in days])
    view = next(view for view in made.store.sources() if view.source.url == MATIN.url)
    long = replace(view.source, title=LONG_WORD, departements=("25",))
    sources.edit(made.settings, made.store, "x", "", sources.replaced(view.source, long), made.now)
    hours = Rhythm(hours=tuple(hour % 7 for hour in range(168)))
    made.store.keep([replace(made.store.state(MATIN.url), rhythm=hours)])
    made.editor("Jeanne", Role.ADMIN)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_tables_of_accounts_and_rules_stand_in_blocks_on_a_phone(browser: Browser, desk: Desk) -> None:
    with served(desk.app) as base:
        page = logged_in(browser, base, PHONE)
        for path in ("/desk/editors", "/desk/rules"):
            page.goto(base + path)
            assert is_narrow(page) and page.evaluate(OUT_OF_SIGHT, "table :is(button, a, td)") == 0, path
        page.goto(f"{base}/desk/editors")
        page.locator("summary").first.click()
        assert is_narrow(page) and page.evaluate(OUT_OF_SIGHT, "table :is(input, button)") == 0
        page.context.close()


def test_charts_of_a_source_show_the_newest_and_the_whole_week_on_a_phone(browser: Browser, desk: Desk) -> None:
    with served(desk.app) as base:
        page = logged_in(browser, base, PHONE)
        page.goto(f"{base}/desk/health/haut-doubs-matin")
        bars = page.evaluate(
            "[...document.querySelectorAll('.chart rect')].slice(-30).map(each => each.getBoundingClientRect().right)"
        )
        assert bars and max(bars) <= PHONE and min(bars) > 0
        assert page.evaluate(OUT_OF_SIGHT, ".week rect") == 0 and page.locator(".week rect").count() == 168
        page.goto(f"{base}/desk/health?show=all")
        gaps = page.evaluate(
            """[...document.querySelectorAll(".states tbody tr")].map(row =>
            row.querySelector(".last").getBoundingClientRect().top - row.querySelector("svg").getBoundingClientRect().bottom)"""
        )
        assert gaps and min(gaps) >= 3
        page.context.close()


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_words_of_what_is_shown_are_not_cut(browser: Browser, desk: Desk, width: int, language: str) -> None:
    with served(desk.app) as base:
        page = logged_in(browser, base, width, language)
        page.goto(f"{base}/desk/health")
        assert page.evaluate(CUT, "#show, #sort") == []
        page.context.close()


def test_an_address_is_copied_with_one_click(browser: Browser, desk: Desk) -> None:
    with served(desk.app) as base:
        page = logged_in(browser, base, DESKTOP, permissions=["clipboard-read", "clipboard-write"])
        page.goto(f"{base}/desk/health")
        assert page.locator("[data-copy]").count() == 0
        page.click("button[name=new]")
        for name in ("atom", "json"):
            page.click(f"[data-copy={name}]")
            page.get_by_text("Copié").first.wait_for()
            page.wait_for_function(
                "text => navigator.clipboard.readText().then(read => read === text)", arg=page.inner_text(f"#{name}")
            )
        page.goto(f"{base}/desk/story/1")
        page.click("[data-copy=public]")
        page.wait_for_function(
            "text => navigator.clipboard.readText().then(read => read === text)", arg=page.input_value("#public")
        )
        page.context.close()


def test_the_feeds_of_a_story_are_not_broken_across_columns(browser: Browser, desk: Desk) -> None:
    with served(desk.app) as base:
        page = logged_in(browser, base, DESKTOP)
        page.goto(f"{base}/desk/story/1")
        assert page.evaluate(
            "[...document.querySelectorAll('.places li')].every(each => each.getClientRects().length === 1)"
        )
        assert page.locator(".places li", has_text="depuis le").count() > 0
        page.context.close()


def test_long_names_of_sources_do_not_widen_the_page_on_following(browser: Browser, desk: Desk) -> None:
    with served(desk.app) as base:
        page = browser.new_page(viewport={"width": PHONE, "height": 800})
        for way in ("frame", "fragment"):
            page.goto(f"{base}/subscribe?as={way}&feed=source/haut-doubs-matin")
            assert is_narrow(page)
            assert page.evaluate(OUT_OF_SIGHT, ".build :is(select, textarea)") == 0
        page.close()
