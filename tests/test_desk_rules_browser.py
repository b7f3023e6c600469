"""Rules and news without a category in Chromium: with and without scripts, in both languages, on phones and desks."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from aggregator.model import Category
from tests.browser_world import CHROMIUM, DESKTOP, LONG_WORD, PHONE, chromium, is_narrow, logged_in
from tests.desk_world import Desk, a_desk
from tests.serving import served
from tests.test_web_axe import violations
from tests.web_world import MATIN, an_item, tell

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
WAYS = [
    pytest.param("fr", PHONE, True, "dark", id="fr-phone"),
    pytest.param("en", DESKTOP, False, "light", id="en-desktop-without-scripts"),
    pytest.param("fr", DESKTOP, True, "light", id="fr-desktop"),
    pytest.param("en", PHONE, False, "dark", id="en-phone-without-scripts"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = a_desk(tmp_path)
    nothing = (Category("divers", "none"),)
    tell(made.store, [an_item("a", title="Le foot à Sochaux"), an_item("b", MATIN, title=LONG_WORD, tags=("Foot",))])
    tell(made.store, [an_item("c", title="La gare", tags=(LONG_WORD, "Trains"), categories=nothing)])
    tell(made.store, [an_item("d", title="Le marché", categories=nothing)])
    made.editor("Jeanne")
    yield made
    made.store.close()


def publish(page: Page, note: str) -> None:
    page.fill("#note", note)
    page.click("form[action$='/publish'] button")


@pytest.mark.parametrize(("language", "width", "scripts", "scheme"), WAYS)
def test_a_rule_is_tried_published_and_undone(
    browser: Browser, desk: Desk, language: str, width: int, scripts: bool, scheme: Any
) -> None:
    with served(desk.app) as base:
        page = logged_in(browser, base, width, language, java_script_enabled=scripts, color_scheme=scheme)
        page.goto(f"{base}/desk/rules")
        page.fill("#text", "FOOT")
        page.click("form[action$='/preview'] button")
        expect(page.locator(".effect details")).to_have_count(3)
        assert is_narrow(page)
        assert "Le foot à Sochaux" in page.inner_text(".effect")
        assert not scripts or violations(page, {}) == []
        publish(page, "trop de foot")
        expect(page.locator(".ledger tbody tr")).to_have_count(1)
        assert re.search(r"/desk/rules\?(lang=..&)?done=action-1$", page.url) and is_narrow(page)
        assert len(desk.store.river("all").stories) == 3
        page.click(".ledger tbody a")
        assert "Le foot à Sochaux" in page.inner_text(".done") and is_narrow(page)
        page.click("button[name=remove]")
        expect(page.locator(".effect .plus")).to_have_count(3)
        page.goto(f"{base}/desk/history")
        page.locator("li", has_text="FOOT").locator("button").click()
        page.wait_for_load_state()
        assert len(desk.store.river("all").stories) == 4 and not desk.store.rulebook().rules
        page.click(".said button")  # do it again
        page.wait_for_load_state()
        assert len(desk.store.river("all").stories) == 3 and is_narrow(page)
        page.context.close()


@pytest.mark.parametrize(("language", "width", "scripts", "scheme"), WAYS)
def test_news_without_a_category_are_placed(
    browser: Browser, desk: Desk, language: str, width: int, scripts: bool, scheme: Any
) -> None:
    with served(desk.app) as base:
        page = logged_in(browser, base, width, language, java_script_enabled=scripts, color_scheme=scheme)
        page.goto(f"{base}/desk/rules")
        page.click("main .title a")
        expect(page.locator(".queue > li")).to_have_count(2)
        assert is_narrow(page)
        market = page.locator(".queue > li", has_text="Le marché")
        market.locator("select").select_option("economie")
        market.locator("button").first.click()
        page.wait_for_load_state()
        expect(page.locator(".queue > li")).to_have_count(1)
        page.click(".queue summary")
        assert is_narrow(page)
        form = page.locator(".queue details form")
        form.locator("select").nth(0).select_option("Trains")
        form.locator("select").nth(1).select_option("culture")
        form.locator("button").click()
        assert "La gare" in page.inner_text(".effect") and is_narrow(page)
        publish(page, "")
        expect(page.locator(".said")).to_have_count(2)  # what was done, and that nothing is left to do
        assert re.search(r"/desk/queue\?done=action-2$", page.url)
        assert {story.lead.item.title for story in desk.store.river("culture").stories} == {"La gare"}
        page.context.close()


@pytest.mark.parametrize(("language", "width", "scripts", "scheme"), WAYS[:2])
def test_an_item_is_corrected_with_a_preview(
    browser: Browser, desk: Desk, language: str, width: int, scripts: bool, scheme: Any
) -> None:
    with served(desk.app) as base:
        page = logged_in(browser, base, width, language, java_script_enabled=scripts, color_scheme=scheme)
        page.goto(f"{base}/desk/items/1")
        page.check("input[value=sport]")
        page.select_option("select[name=genre]", "agenda")
        page.click("button[formaction]")
        expect(page.locator(".effect .plus")).to_have_count(1)
        assert is_narrow(page)
        assert not scripts or violations(page, {}) == []
        page.fill("#note", "c’est un agenda")
        page.click("form[action$='/items/1'] button")
        assert (
            re.search(r"/desk/items/1\?done=action-1$", page.url)
            and page.is_checked("input[value=sport]")
            and is_narrow(page)
        )
        stored = desk.store.item(1)
        assert stored and stored.item.genre == "agenda"
        assert [each.slug for each in stored.item.categories] == ["sport"]
        page.context.close()
