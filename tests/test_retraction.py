"""What readers meet when something was hidden: nothing of it, on no page and in no feed, and a word that it is gone."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import Struct

from aggregator.model import Format, Item, PinKind
from aggregator.store import open_store
from tests.web_world import INFO, MATIN, NOW, PRESSE, World, a_world, about, an_item, same_event, same_story, tell

LEAD = an_item("pont-un", INFO, title="Le pont rouvre")
SAME = an_item("pont-deux", MATIN, title="Réouverture du pont")
THIRD = an_item("pont-trois", PRESSE, title="Le pont est rouvert")
ALONE = an_item("foire", INFO, title="La foire commence")


class Desk(Struct, frozen=True):
    """A site with two stories, one of three items, and an editor who hides."""

    world: World

    def number(self, item: Item) -> int:
        """The number of the story that an item opened: its own when it is alone."""
        found = self.world.store.keyed(item.key)
        assert found
        return found.id  # in these tests, the same

    def hide(self, *items: Item) -> list[int]:
        """Say it as another process does."""
        store = open_store(self.world.settings.database, writer=False)
        made = [store.hide(self.number(item), "anna", "asked to", NOW).id for item in items]
        store.close()
        return made

    def status(self, path: str) -> int:
        with self.world.client.get(path) as response:
            return response.status_code

    def pages(self) -> Sequence[str]:
        """All that a reader can open and that shows stories, but for story pages."""
        feeds = [f"/feeds/{slug}.{format}" for slug in ("all", "economie", "source/comtois-info") for format in Format]
        return ["/", "/economie", "/search?q=chapeau", "/source/comtois-info", "/feed/all", "/embed/all", *feeds]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    world = a_world(tmp_path)
    tell(world.store, [LEAD, ALONE])
    tell(
        world.store, [SAME, THIRD], links=[same_story(SAME, LEAD), same_story(THIRD, LEAD, "rouvert à la circulation")]
    )
    yield Desk(world)
    world.store.close()


def test_the_page_of_a_story_whose_lead_is_hidden_is_gone_and_comes_back(desk: Desk) -> None:
    path = f"/story/{desk.number(LEAD)}"
    assert (desk.status(path), desk.status(f"{path}.json")) == (200, 200)
    (number,) = desk.hide(LEAD)
    with desk.world.client.get(path) as response:
        body = response.get_data(as_text=True)
        assert (response.status_code, response.headers["Cache-Control"]) == (410, "no-store")
        assert LEAD.title not in body and LEAD.lead not in body and "noindex" in body
    with desk.world.client.get(f"{path}.json") as response:
        assert (response.status_code, response.mimetype) == (410, "application/json")
        assert response.get_json() == {"status": 410, "title": "This story was withdrawn."}
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Cache-Control"] == "no-store"
    with desk.world.client.head(f"{path}.json") as response:
        assert (response.status_code, response.get_data()) == (410, b"")
    desk.world.store.unhide(number, "anna", NOW)
    assert (desk.status(path), desk.status(f"{path}.json")) == (200, 200)


def test_what_is_hidden_is_on_no_page_and_in_no_feed_and_the_rest_is_told_on(desk: Desk) -> None:
    for page in desk.pages():
        told = desk.world.text(page)
        assert LEAD.title in told or ALONE.title in told, page
    desk.hide(LEAD, ALONE)
    for page in desk.pages():
        with desk.world.client.get(page) as response:
            body = response.get_data(as_text=True)
            assert not [part for part in (LEAD.title, LEAD.link, ALONE.title, ALONE.link) if part in body], page
    assert SAME.title in desk.world.text("/") and SAME.title in desk.world.text("/feeds/all.atom")


def test_the_page_of_the_rest_names_nothing_of_what_is_hidden(desk: Desk) -> None:
    store = desk.world.store
    store.pin(PinKind.MUST, desk.number(LEAD), desk.number(SAME), "anna", "", NOW)
    store.pin(PinKind.CANNOT, desk.number(ALONE), desk.number(SAME), "anna", "", NOW)
    path = f"/story/{desk.number(SAME)}"
    assert desk.status(path) == 301
    desk.hide(LEAD, ALONE)
    for page in (path, f"{path}.json"):
        told = desk.world.text(page)
        assert SAME.title in told and THIRD.title in told
        assert not [part for item in (LEAD, ALONE) for part in (item.title, item.link, item.guid) if part in told]
    assert desk.status(f"/story/{desk.number(THIRD)}") == 301  # it is part of the story that the second one leads now


def test_a_hidden_item_that_did_not_lead_leaves_the_page_of_its_story_which_stays(desk: Desk) -> None:
    path = f"/story/{desk.number(LEAD)}"
    assert SAME.title in desk.world.text(path)
    desk.hide(SAME)
    for page in (path, f"{path}.json"):
        told = desk.world.text(page)
        assert LEAD.title in told and THIRD.title in told and SAME.title not in told and SAME.link not in told
    assert desk.status(f"/story/{desk.number(SAME)}") == 410


def test_a_hidden_story_is_not_among_the_others_on_its_event(desk: Desk) -> None:
    other = an_item("report", MATIN, title="Un reportage sur le pont")
    tell(desk.world.store, [other])
    same_event(desk.world.store, [LEAD, other], [about(other, LEAD, "pont")])
    path = f"/story/{desk.number(LEAD)}"
    assert other.title in desk.world.text(path) and other.title in desk.world.text(f"{path}.json")
    desk.hide(other)
    assert other.title not in desk.world.text(path) and other.title not in desk.world.text(f"{path}.json")


def test_of_a_withdrawn_source_nothing_is_shown_any_more(desk: Desk) -> None:
    desk.world.store.withdraw(INFO.url, "anna", "", NOW)
    tell(desk.world.store, [an_item("new", INFO, title="Après le retrait")], at=NOW + timedelta(minutes=1))
    for page in ("/", "/economie", "/search?q=chapeau", "/feeds/all.atom", "/feeds/all.json"):
        told = desk.world.text(page)
        assert not [title for title in (LEAD.title, ALONE.title, "Après le retrait") if title in told], page
    assert SAME.title in desk.world.text("/feeds/all.json")
    assert desk.status("/source/comtois-info") == desk.status("/feeds/source/comtois-info.atom") == 410
    assert {desk.status(f"/story/{desk.number(item)}") for item in (LEAD, ALONE)} == {410}
