"""What is kept of pages: when it is sent again, when it is made anew, and that nobody can tell."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import request
from msgspec.structs import replace

from aggregator.errors import StoreError
from aggregator.model import DecisionKind, PinKind
from tests.web_world import (
    INFO,
    MATIN,
    NOW,
    World,
    a_world,
    about,
    an_item,
    fail,
    filled_store,
    same_event,
    same_story,
    settings_in,
    tell,
)
from web import create_app

PAGES = ("/", "/economie", "/story/1", "/search?q=titre", "/feed/economie", "/subscribe", "/embed/economie",
         "/embed/economie.fragment")  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = a_world(tmp_path)
    tell(world.store, [an_item(f"n{number}") for number in range(3)])
    return world


@pytest.fixture
def made(world: World) -> list[str]:
    """The paths that Flask was asked for."""
    paths: list[str] = []

    @world.app.before_request
    def note() -> None:
        paths.append(request.path)

    return paths


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_made_once_while_nothing_happens(world: World, made: list[str], path: str) -> None:
    first = world.client.get(path, headers={"Accept-Encoding": "gzip"})
    again = world.client.get(path, headers={"Accept-Encoding": "gzip"})
    assert first.status_code == again.status_code == 200
    assert len(made) == 1
    assert (again.data, list(again.headers)) == (first.data, list(first.headers))


@pytest.mark.parametrize("path", PAGES)
def test_nobody_can_tell_whether_flask_said_that_nothing_changed(tmp_path: Path, world: World, path: str) -> None:
    client, behind = world.client, world.app.wsgi_app.behind._behind  # type: ignore[attr-defined]
    held = {
        "Accept-Encoding": "gzip",
        "If-None-Match": client.get(path, headers={"Accept-Encoding": "gzip"}).headers["ETag"],
    }
    kept = client.get(path, headers=held)
    world.app.wsgi_app = behind  # type: ignore[method-assign]
    fresh = world.client.get(path, headers=held)
    assert kept.status == fresh.status == "304 NOT MODIFIED"
    assert kept.data == fresh.data == b""
    assert sorted(kept.headers) == sorted(fresh.headers)


@pytest.mark.parametrize("path", PAGES)
def test_what_changed_in_a_page_is_sent_to_who_holds_an_earlier_one(world: World, path: str) -> None:
    held = world.client.get(path).headers["ETag"]
    assert world.client.get(path, headers={"If-None-Match": held}).status_code == 304
    assert world.client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_gets_what_get_does_without_a_body(world: World, made: list[str]) -> None:
    head, get = world.client.head("/economie"), world.client.get("/economie")
    assert list(head.headers) == list(get.headers)
    assert head.data == b"" != get.data
    assert len(made) == 1


def test_languages_and_codings_are_kept_apart(world: World, made: list[str]) -> None:
    french = world.client.get("/", headers={"Accept-Language": "fr"})
    english = world.client.get("/", headers={"Accept-Language": "en-GB,en;q=0.8"})
    packed = world.client.get("/", headers={"Accept-Language": "fr", "Accept-Encoding": "gzip"})
    chosen = world.client.get("/?lang=en", headers={"Accept-Language": "fr"})
    assert (french.headers["Content-Language"], english.headers["Content-Language"]) == ("fr", "en")
    assert chosen.headers["Content-Language"] == "en"
    assert (packed.headers["Content-Encoding"], "Content-Encoding" in french.headers) == ("gzip", False)
    assert len(made) == 4
    assert world.client.get("/", headers={"Accept-Language": "en-US"}).data == english.data
    assert len(made) == 4


A, B = an_item("n0"), an_item("b", MATIN)


def _a_new_item(world: World) -> None:
    tell(world.store, [an_item("fresh")])


def _an_item_without_a_category(world: World) -> None:
    tell(world.store, [an_item("other", categories=())])


def _a_changed_title(world: World) -> None:
    tell(world.store, [an_item("n0", title="Titre corrigé", fingerprint="x")], kind=DecisionKind.CHANGED)


def _an_event(world: World) -> None:
    same_event(world.store, [A, B], [about(A, B)])


def _one_story(world: World) -> None:
    world.store.relink([same_story(B, A)], [], NOW)


def _a_pin(world: World) -> None:
    one, other = (world.store.keyed(item.key) for item in (A, B))
    assert one
    assert other
    world.store.pin(PinKind.MUST, one.id, other.id, "test", "", NOW)


def _hidden(world: World) -> None:
    stored = world.store.keyed(A.key)
    assert stored
    world.store.hide(stored.id, "test", "", NOW)


def _withdrawn(world: World) -> None:
    world.store.withdraw(MATIN.url, "test", "", NOW)


def _renamed(world: World) -> None:
    world.store.sync_sources([replace(INFO, title="Nouveau nom"), MATIN], NOW)


@pytest.mark.parametrize(
    "happen",
    [
        _a_new_item,
        _an_item_without_a_category,
        _a_changed_title,
        _an_event,
        _one_story,
        _a_pin,
        _hidden,
        _withdrawn,
        _renamed,
    ],
)
def test_a_page_is_made_anew_once_something_is_told_otherwise(world: World, happen: Callable[[World], None]) -> None:
    tell(world.store, [B])
    held = world.client.get("/").headers["ETag"]
    happen(world)
    fresh = create_app(world.settings, clock=lambda: NOW).test_client().get("/")
    now = world.client.get("/", headers={"If-None-Match": held})
    assert now.status_code == 200
    assert now.data == fresh.data


def test_a_poll_that_brings_nothing_new_leaves_pages_as_they_are(world: World, made: list[str]) -> None:
    world.client.get("/")
    tell(world.store, [an_item("n0")], kind=DecisionKind.SAME)
    fail(world.store, MATIN)
    world.client.get("/")
    assert len(made) == 1


def test_a_page_is_made_anew_after_a_minute_for_what_no_story_tells(tmp_path: Path) -> None:
    settings, now = settings_in(tmp_path), [NOW]
    tell(filled_store(settings), [an_item("n0")])
    client = create_app(settings, clock=lambda: now[0]).test_client()
    text = client.get("/?lang=en").get_data(as_text=True)
    now[0] += timedelta(seconds=59)
    assert client.get("/?lang=en").get_data(as_text=True) == text
    now[0] += timedelta(days=1)
    assert client.get("/?lang=en").get_data(as_text=True) != text  # it is no longer today


@pytest.mark.parametrize("path", ["/sources", "/source/comtois-info", "/status"])
def test_pages_that_tell_of_polls_are_always_made_anew(world: World, path: str) -> None:
    before = world.client.get(path).data
    fail(world.store, INFO)
    assert world.client.get(path).data != before


def test_refusals_are_not_kept(world: World, made: list[str]) -> None:
    for _ in range(2):
        assert world.client.get("/nothing").status_code == 404
        assert world.client.get("/story/999").status_code == 404
        assert world.client.head("/nothing").data == b""
        assert world.client.post("/economie").status_code == 405
    assert len(made) == 8


def test_a_page_is_refused_while_the_store_cannot_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.client.get("/")

    def refuse(*_: object, **__: object) -> None:
        raise StoreError("while looking for changes: the disk is gone")

    for name in ("changes", "river"):
        monkeypatch.setattr(type(world.store), name, refuse)
    assert world.client.get("/").status_code == 503


def test_pages_that_are_asked_for_without_end_take_no_more_memory_than_they_may(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = world.app.wsgi_app.behind._place  # type: ignore[attr-defined]
    monkeypatch.setattr(place, "_limit_bytes", 200_000)
    for number in range(20):
        world.client.get(f"/search?q=titre+{number}")
    assert 1 < len(place._kept) < 10
    assert sum(page.weight for page in place._kept.values()) == place._bytes <= 200_000
