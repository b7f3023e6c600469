"""Every page of the desk: axe finds nothing, the Nu checker finds nothing, and nothing of a source runs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser_world import CHROMIUM, chromium
from tests.clients.test_validity import told
from tests.desk_pages import FORMS, PAGES, STRANGERS, a_full_desk
from tests.desk_world import PASSWORD, Desk
from tests.serving import served
from tests.test_web_axe import AGAIN, ENDS, LOOKS, PICTURE, faults


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return a_full_desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_every_route_of_the_desk_is_in_a_list(desk: Desk) -> None:
    routes = {rule.endpoint for rule in desk.app.url_map.iter_rules() if rule.endpoint.startswith("desk.")}
    assert routes == PAGES.keys() | FORMS | STRANGERS.keys()
    places = desk.app.url_map.bind("news.example")
    for endpoint, paths in (PAGES | {name: (path,) for name, path in STRANGERS.items()}).items():
        for path in paths:
            assert places.match(path.partition("?")[0])[0] == endpoint


def test_what_sources_and_editors_wrote_is_text_on_every_page(desk: Desk) -> None:
    marc = desk.editor("Marc")
    for paths in PAGES.values():
        for path in paths:
            page = marc.client.get(path).get_data(as_text=True)
            assert "<script>alert" not in page and "<i>Comtoise" not in page and "sujets <b>" not in page, path
            assert not re.search(r"<[a-z]+ [^>]*\bon[a-z]+=|style=|href=[\"']?javascript:", page, re.IGNORECASE), path


def test_no_page_of_the_desk_stands_in_a_frame_of_another_site(desk: Desk) -> None:
    marc = desk.editor("Marc")
    for path in (*STRANGERS.values(), *(path for paths in PAGES.values() for path in paths)):
        headers = marc.client.get(path).headers
        policy = headers["Content-Security-Policy"].split("; ")
        assert {"frame-ancestors 'none'", "form-action 'self'"} <= set(policy), path
        assert "unsafe" not in headers["Content-Security-Policy"] and headers["Referrer-Policy"], path


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_axe_finds_nothing_at_the_desk(desk: Desk, browser: Browser) -> None:
    desk.editor("Marc")
    found = []
    with served(desk.app) as base:
        page = browser.new_page(reduced_motion="reduce", service_workers="block")
        page.route(re.compile("^https:"), lambda route: route.fulfill(**PICTURE))  # type: ignore[arg-type]
        found += faults(page, f"{base}/desk/login", LOOKS)
        page.fill("#name", "Marc")
        page.fill("#password", PASSWORD)
        page.click("main button")
        for paths in PAGES.values():
            for place, path in enumerate(paths):
                for look in ENDS if place == 0 else AGAIN:
                    found += faults(page, base + path, (look,))
                    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, look)
        page.close()
    assert not found, "\n".join(found)


@pytest.mark.clients
def test_every_page_of_the_desk_is_valid(desk: Desk, tmp_path: Path) -> None:
    marc, written = desk.editor("Marc"), {}
    for paths in (*PAGES.values(), STRANGERS.values()):
        for path in paths:
            client = marc.client if path not in STRANGERS.values() else desk.app.test_client()
            file = tmp_path / f"{len(written)}.html"
            file.write_text(client.get(path).get_data(as_text=True), encoding="utf-8")
            written[file.name] = path
    assert not (found := told(["--html", str(tmp_path)], written)), found
