"""The sources at the desk in a real browser: with and without JavaScript, in French and English, on a phone and on a
desk. What a form leads to is looked at by axe too, as no address shows it.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page

from aggregator.desk.discovery import Finder
from aggregator.opml import read
from tests.browser_world import CHROMIUM, DESKTOP, PHONE, chromium
from tests.desk_world import PASSWORD, Desk, a_desk
from tests.origin import Origin, Request, answer
from tests.serving import served
from tests.test_desk_discovery import feed, link, page
from tests.test_web_axe import ALL_RULES, OPEN_EVERYTHING, violations
from tests.web_world import INFO, MATIN, PRESSE, an_item, tell
from web.desk import adding

LOOKS = {
    "a phone, in French, by night, without JavaScript": ("fr", PHONE, "dark", False),
    "a desk, in English, by day, with JavaScript": ("en", DESKTOP, "light", True),
}

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


class Journey:
    """An editor who walks through the desk; every page is looked at."""

    def __init__(self, desk: Desk, base: str, origin: Origin, page: Page) -> None:
        self.desk, self.base, self.origin, self.page = desk, base, origin, page
        self.flaws: list[str] = []

    def goes(self, path: str) -> None:
        self.page.goto(f"{self.base}{path}")
        self.looks()

    def presses(self, button: str) -> None:
        with self.page.expect_navigation():
            self.page.click(button)
        self.looks()

    def looks(self) -> None:
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), self.page.url
        assert not self.page.locator("text=grown old").count()

    def is_examined(self) -> None:
        """By axe, with everything open. It needs scripts."""
        self.page.evaluate(OPEN_EVERYTHING)
        self.flaws += violations(self.page, ALL_RULES)

    @property
    def listed(self) -> list[str]:
        return [source.url for source in read(self.desk.settings.opml)]


@pytest.fixture(params=LOOKS.values(), ids=LOOKS)
def journey(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Journey]:
    language, width, scheme, scripts = request.param

    def answers(asked: Request) -> bytes:
        known = "<item><title>Titre one</title><link>https://info.example/one</link></item>"
        found = {
            "/": page(link("/rss") + link("/b.xml")),
            "/rss": feed(1, 2, more=known),
            "/b.xml": feed(3, title="Autre"),
        }
        return answer(200, body=found[asked.path]) if asked.path in found else answer(404)

    with TemporaryDirectory() as folder, Origin(answers) as origin:
        desk = a_desk(Path(folder))
        desk.app.extensions[adding.FINDER] = Finder(replace(desk.settings, allow_private=(origin.authority,)))
        tell(desk.store, [an_item("one"), an_item("two")])
        desk.editor()
        with served(desk.app) as base:
            context = browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=scripts, service_workers="block",
                locale=language,
            )  # fmt: skip
            opened = context.new_page()
            opened.set_default_timeout(8000)
            made = Journey(desk, base, origin, opened)
            opened.goto(f"{base}/desk/login?lang={language}")
            opened.fill("#name", "Jeanne")
            opened.fill("#password", PASSWORD)
            opened.click("main button")
            if not scripts:
                made.is_examined = lambda: None  # type: ignore[method-assign]
            yield made
            context.close()
        desk.store.close()
    assert not made.flaws, "\n".join(made.flaws)


def test_a_site_becomes_a_source(journey: Journey) -> None:
    journey.goes("/desk/sources")
    journey.presses(".title .follow")
    journey.page.fill("#site", journey.origin.url())
    journey.presses("main .follow")
    assert journey.page.locator(".candidates > li").count() == 2
    journey.is_examined()
    journey.presses(".candidates button >> nth=0")
    assert journey.page.input_value("#title") == "Le Journal"
    journey.page.fill("#timezone", "Nowhere")
    journey.presses("button[name=add]")
    assert journey.page.get_attribute("#timezone", "aria-invalid") == "true"
    journey.is_examined()
    journey.page.fill("#timezone", "Europe/Paris")
    journey.page.check("input[value=culture]")
    journey.presses("button[name=look]")
    assert journey.page.locator(".seen .category").first.inner_text() == "Culture"
    journey.page.fill("#note", "pour voir")
    journey.presses("button[name=add]")
    assert "/desk/source/le-journal" in journey.page.url and journey.listed[3:] == [journey.origin.url("/rss")]
    assert journey.page.locator(".done q").inner_text() == "pour voir"
    journey.presses(".done form button")
    assert journey.listed == [INFO.url, MATIN.url, PRESSE.url]


def test_a_line_is_changed_after_its_effect_was_seen_and_changed_back(journey: Journey) -> None:
    before = journey.desk.listed
    journey.goes("/desk/source/comtois-info")
    journey.is_examined()
    journey.page.check("input[value=sport]")
    journey.page.fill("#region", "Jura / Sud")
    journey.presses("form[action$='/comtois-info'] .follow")
    assert "Titre two" in (journey.page.text_content(".effect") or "") and journey.desk.listed == before
    journey.is_examined()
    journey.presses("button[name=sure]")
    (line,) = [source for source in read(journey.desk.settings.opml) if source.url == INFO.url]
    assert (line.region, line.categories) == ("Jura / Sud", ("sport",))
    journey.presses(".done form button >> nth=0")
    assert journey.desk.listed == before


def test_a_source_moves_to_another_address(journey: Journey) -> None:
    journey.goes("/desk/source/comtois-info")
    journey.page.fill("#url", journey.origin.url("/rss"))
    journey.presses("form[action$='/move'] button")
    assert "Le Journal" in journey.page.inner_text(".said")
    journey.is_examined()
    journey.presses("button[name=sure]")
    assert journey.origin.url("/rss") in journey.listed


def test_many_are_withdrawn_and_shown_again(journey: Journey) -> None:
    journey.goes("/desk/sources?region=Doubs")
    for box in journey.page.locator("input[name=url]").all():
        box.check()
    journey.page.select_option("#do", "withdraw")
    journey.presses(".bulk button")
    journey.is_examined()
    journey.page.fill("#note", "à leur demande")
    journey.presses("button[name=sure]")
    assert journey.page.locator(".said").count() == 1 and len(journey.desk.store.hidings()) == 2
    journey.goes("/desk/sources?state=withdrawn")
    journey.page.check("input[name=url] >> nth=0")
    journey.page.select_option("#do", "categories")
    journey.presses(".bulk button")
    journey.page.check("input[value=culture]")
    journey.presses("button[name=look]")
    journey.is_examined()


def test_a_list_is_imported(journey: Journey) -> None:
    good, gone = journey.origin.url("/rss"), journey.origin.url("/gone")
    lines = (
        f'<outline text="{name}" xmlUrl="{url}"/>'
        for name, url in (("Un", good), ("Deux", gone), ("<", INFO.url), ("Trois", "javascript:1"))
    )
    journey.goes("/desk/sources/import")
    body = f"<opml><body>{''.join(lines)}</body></opml>".encode()
    journey.page.set_input_files("#file", {"name": "a.opml", "mimeType": "text/xml", "buffer": body})
    journey.presses("main .follow")
    journey.presses("button[name=check]")
    boxes = journey.page.locator("input[name=chosen]")
    assert [box.is_checked() for box in boxes.all()] == [True, False]
    journey.is_examined()
    journey.presses("button[name=add]")
    assert journey.listed[3:] == [good]


def test_two_editors_are_shown_both_versions(journey: Journey) -> None:
    journey.goes("/desk/source/comtois-info")
    journey.page.fill("#title", "De Jeanne")
    journey.presses("form[action$='/comtois-info'] .follow")
    Path(journey.desk.settings.opml).write_bytes(journey.desk.listed.replace(b"Comtois Info", b"De Marc"))
    journey.presses("button[name=sure]")
    assert journey.page.locator(".versions section").count() == 2
    assert "De Marc" in journey.page.inner_text(".versions") and "De Jeanne" in journey.page.inner_text(".versions")
    journey.is_examined()
    journey.presses("main p > a")
    assert journey.page.input_value("#title") == "De Marc"
