"""The list of pages that other tests look at is complete, and each is a page."""

from pathlib import Path

import pytest

from tests.every_page import NO_PAGES, PAGES, Site, sites


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, ...]:
    return sites(tmp_path_factory.mktemp("sites"))


def test_every_route_is_a_page_in_the_list_or_known_to_be_none(made: tuple[Site, ...]) -> None:
    routes = {rule.endpoint for rule in made[0].app.url_map.iter_rules() if not rule.endpoint.startswith("desk.")}
    assert routes == PAGES.keys() | NO_PAGES.keys()
    assert not PAGES.keys() & NO_PAGES.keys()


def test_what_is_in_the_list_leads_to_its_route(made: tuple[Site, ...]) -> None:
    places = made[0].app.url_map.bind("news.example")
    for endpoint, paths in PAGES.items():
        for path in paths:
            assert places.match(path.partition("?")[0])[0] == endpoint, path


def test_what_is_known_to_be_no_page_is_none(made: tuple[Site, ...]) -> None:
    client = made[0].app.test_client(use_cookies=False)
    for endpoint, path in NO_PAGES.items():
        assert made[0].app.url_map.bind("news.example").match(path.partition("?")[0])[0] == endpoint
        with client.get(path) as response:
            assert response.mimetype != "text/html" or response.status_code in {301, 404}, path


def test_every_page_is_html_and_no_mistake_of_ours(made: tuple[Site, ...]) -> None:
    for site in made:
        statuses = set()
        for path in site.addresses:
            with site.app.test_client(use_cookies=False).get(path) as response:
                assert response.mimetype == "text/html", (site.name, path)
                assert response.status_code in {200, 404, 410, 503}, (site.name, path)
                statuses.add(response.status_code)
        assert statuses >= {"full": {200, 404, 410}, "none": {503}}.get(site.name, {200}), site.name


def test_the_rich_world_shows_what_pages_have_to_show(made: tuple[Site, ...], tmp_path: Path) -> None:
    full = made[0]
    pages = "".join(full.app.test_client().get(path).get_data(as_text=True) for path in full.addresses)
    for sign in ('class="versions"', 'id="event"', 'class="why"', "<table>", "<figcaption>", 'rel="next"', "<ins>"):
        assert sign in pages, sign
