"""What is kept of answers, for how long, and what is sent to those who hold an earlier one."""

import json
import threading
from pathlib import Path

import pytest
from lxml import etree

from aggregator.errors import StoreError
from aggregator.model import AS_ANNOUNCED, DecisionKind, Format, Question
from aggregator.publishing import keep_pages
from tests.web_world import NOW, World, a_world, an_item, tell
from web import shelf as shelves
from web.asked import Asked
from web.shelf import Shelf

FEED = "/feeds/economie.atom"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = a_world(tmp_path)
    tell(world.store, [an_item(f"n{number}") for number in range(5)])
    return world


@pytest.fixture
def shelf(world: World) -> Shelf:
    made: Shelf = world.app.extensions["tributary.shelf"]
    return made


def test_an_answer_lies_ready_until_its_feed_moves_on(world: World, shelf: Shelf) -> None:
    asked = Asked("economie", Format.ATOM)
    assert shelf.fresh(asked) is None
    made = shelf.take(asked)
    assert shelf.fresh(asked) is made
    tell(world.store, [an_item("elsewhere", categories=())])
    assert shelf.fresh(asked) is made
    tell(world.store, [an_item("fresh")])
    assert shelf.fresh(asked) is None
    assert shelf.take(asked) is not made


def test_a_thread_that_has_not_looked_for_long_sees_what_others_committed(world: World, shelf: Shelf) -> None:
    asked = Asked("economie", Format.ATOM)
    shelf.take(asked)
    seen: list[bool] = []

    def look() -> None:
        seen.append(shelf.fresh(asked) is not None)
        tell(world.store, [an_item("fresh")])
        seen.append(shelf.fresh(asked) is not None)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [True, False]
    assert shelf.fresh(asked) is None


def test_nothing_is_asked_of_the_store_but_whether_it_changed(
    world: World, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.client.get(FEED)

    def refuse(*_: object) -> None:
        raise AssertionError

    for name in ("feed", "sources", "retractions"):
        monkeypatch.setattr(type(world.store), name, refuse)
    assert world.client.get(FEED).status_code == 200


def test_options_and_searches_without_end_push_out_no_announced_feed(
    world: World, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf._other, "_limit_bytes", 200_000)
    announced = shelf.take(Asked("economie", Format.ATOM))
    for number in range(30):
        shelf.take(Asked("search", Format.RSS, AS_ANNOUNCED, question=Question(f"titre n{number}")))
    assert shelf.fresh(Asked("economie", Format.ATOM)) is announced
    assert shelf.fresh(Asked("search", Format.RSS, AS_ANNOUNCED, question=Question("titre n0"))) is None
    assert shelf.fresh(Asked("search", Format.RSS, AS_ANNOUNCED, question=Question("titre n29"))) is not None
    assert sum(kept.weight for kept in shelf._other._kept.values()) == shelf._other._bytes <= 200_000


def test_a_closed_page_stays_ready_while_stories_come_in(world: World, shelf: Shelf) -> None:
    tell(world.store, [an_item(f"m{number}") for number in range(50)])
    page = Asked("economie", Format.ATOM, page=1)
    assert shelf.take(page) is None
    keep_pages(world.store, world.settings, NOW)
    kept = shelf.take(page)
    assert kept is not None
    tell(world.store, [an_item("fresh")])
    assert shelf.fresh(page) is kept


def test_a_closed_page_that_the_store_cannot_give_is_served_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(world.store, [an_item(f"m{number}") for number in range(50)])
    keep_pages(world.store, world.settings, NOW)
    before = world.client.get("/feeds/economie/archive/1.atom").data

    def refuse(*_: object) -> None:
        raise StoreError("while looking for changes: the disk is gone")

    monkeypatch.setattr(type(world.store), "changes", refuse)
    assert world.client.get("/feeds/economie/archive/1.atom").data == before
    assert world.client.get("/feeds/economie.atom").status_code == 503


# ── what is new alone (RFC 3229)


def test_who_asks_for_it_gets_what_is_new_or_changed_alone(world: World) -> None:
    held = world.client.get(FEED).headers["ETag"]
    tell(world.store, [an_item("fresh")])
    tell(
        world.store,
        [an_item("n2", title="Titre corrigé", fingerprint="n2bis")],
        kind=DecisionKind.CHANGED,
        changed_at=NOW,
    )
    whole = world.client.get(FEED)
    asked = {"A-IM": "feed", "If-None-Match": held}
    delta = world.client.get(FEED, headers=asked)
    assert delta.status == "226 IM Used"
    assert delta.headers["IM"] == "feed"
    assert delta.headers["ETag"] == whole.headers["ETag"]
    assert delta.headers["Vary"] == "Accept-Encoding, A-IM, If-None-Match"
    assert delta.headers["Cache-Control"] == "no-store"
    titles = etree.fromstring(delta.data).findall(".//{*}entry/{*}title")
    assert {title.text for title in titles} == {"Titre fresh", "Titre corrigé"}
    assert int(delta.headers["Content-Length"]) == len(delta.data) < len(whole.data)
    now = {"A-IM": "feed", "If-None-Match": delta.headers["ETag"]}
    assert world.client.get(FEED, headers=now).status_code == 304


def test_what_was_hidden_since_is_named_in_what_is_new(world: World) -> None:
    held = world.client.get("/feeds/economie.json").headers["ETag"]
    (stored,) = world.store.find("https://info.example/n3")
    world.store.hide(stored.id, "test", "", NOW)
    delta = world.client.get("/feeds/economie.json", headers={"A-IM": "feed", "If-None-Match": held})
    assert delta.status_code == 226
    told = json.loads(delta.data)
    assert told["items"] == []
    assert len(told["_tributary"]["removed"]) == 1


def test_what_is_new_is_written_once_for_all_who_hold_the_same(
    world: World, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"A-IM": "feed", "If-None-Match": world.client.get(FEED).headers["ETag"]}
    tell(world.store, [an_item("fresh")])
    first = world.client.get(FEED, headers=asked)

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(shelves, "publish_delta", refuse)
    assert world.client.get(FEED, headers=asked).data == first.data
    kept = shelf._announced.get(Asked("economie", Format.ATOM))
    assert kept is not None
    assert kept.weight == shelf._announced._bytes


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity"])
def test_a_form_of_an_earlier_version_is_known_by_its_tag_too(world: World, encoding: str) -> None:
    asked = {"Accept-Encoding": encoding}
    held = world.client.get(FEED, headers=asked).headers["ETag"]
    tell(world.store, [an_item("fresh")])
    delta = world.client.get(FEED, headers={**asked, "A-IM": "feed", "If-None-Match": f'"x", W/{held}'})
    assert delta.status_code == 226
    assert delta.headers["ETag"] == world.client.get(FEED, headers=asked).headers["ETag"]


@pytest.mark.parametrize(
    "headers",
    [
        {"A-IM": "feed"},
        {"A-IM": "feed", "If-None-Match": '"unknown"'},
        {"A-IM": "vcdiff", "If-None-Match": "{held}"},
        {"A-IM": "feed;q=0", "If-None-Match": "{held}"},
        {"If-None-Match": "{held}"},
    ],
)
def test_everybody_else_gets_the_whole(world: World, headers: dict[str, str]) -> None:
    held = world.client.get(FEED).headers["ETag"]
    tell(world.store, [an_item("fresh")])
    response = world.client.get(FEED, headers={name: text.format(held=held) for name, text in headers.items()})
    assert response.status_code == 200
    assert response.data == world.client.get(FEED).data


def test_head_is_never_a_part(world: World) -> None:
    held = world.client.get(FEED).headers["ETag"]
    tell(world.store, [an_item("fresh")])
    assert world.client.head(FEED, headers={"A-IM": "feed", "If-None-Match": held}).status_code == 200


def test_few_earlier_versions_are_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "VERSIONS_HELD", 2)
    tags = []
    for number in range(3):
        tags.append(world.client.get(FEED).headers["ETag"])
        tell(world.store, [an_item(f"fresh{number}")])
    world.client.get(FEED)
    asked = [world.client.get(FEED, headers={"A-IM": "feed", "If-None-Match": tag}).status_code for tag in tags]
    assert asked == [200, 200, 226]
