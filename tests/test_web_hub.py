"""The hub's address: what it takes, and what it says to those whom it refuses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from aggregator.config import Settings
from aggregator.store import Store, open_store
from aggregator.websub import LIMITS
from tests.web_world import NOW, PUBLIC, World, a_world
from web import create_app
from web import hub as hub_module

ASKED = {
    "hub.mode": "subscribe",
    "hub.topic": f"{PUBLIC}/feeds/economie.atom",
    "hub.callback": "https://reader.example/callback",
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = a_world(tmp_path)
    yield made
    made.store.close()


def ask(world: World, **changes: str) -> TestResponse:
    """Send a request that differs so from a plain one."""
    form = ASKED | {f"hub.{name}": text for name, text in changes.items()}
    return world.client.post("/hub", data=form)


def assert_told(answered: TestResponse, status: int, words: str) -> None:
    assert answered.status_code == status
    assert answered.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answered.headers["Cache-Control"] == "no-store"
    assert words in answered.get_data(as_text=True)


def test_a_request_is_kept_and_answered_with_202(world: World) -> None:
    answered = ask(world, secret="hush", lease_seconds="86400", verify="async")
    assert_told(answered, 202, "subscribe")
    (intent,) = world.store.intents(9)
    assert (intent.mode, intent.topic, intent.topic_url) == ("subscribe", "economie.atom", ASKED["hub.topic"])
    assert (intent.callback, intent.host) == (ASKED["hub.callback"], "reader.example")
    assert (intent.secret, intent.lease_seconds) == ("hush", 86_400)


@pytest.mark.parametrize(
    ("address", "topic"),
    [
        ("/feeds/all.rss", "all.rss"),
        ("/feeds/economie.json", "economie.json"),
        ("/feeds/source/comtois-info.atom", "source/comtois-info.atom"),
        ("/feeds/economie.atom?limit=5&img=none&credit=prefix", "economie.atom?credit=prefix&img=none&limit=5"),
        ("/feeds/economie.atom?img=inline", "economie.atom"),
        ("/feeds/economie.atom?utm_source=x", "economie.atom"),
    ],
)
def test_a_topic_is_any_feed_of_ours_with_its_options_in_one_order(world: World, address: str, topic: str) -> None:
    assert ask(world, topic=PUBLIC + address).status_code == 202
    assert [intent.topic for intent in world.store.intents(9)] == [topic]


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/economie",
        "/hub",
        "/feeds.opml",
        "/feeds/economie",
        "/feeds/economie.html",
        "/feeds/unknown.atom",
        "/feeds/economie/archive/1.atom",
        "/feeds/search.atom?q=loup",
        "/feeds/economie.atom?raw=1",
    ],
)
def test_nothing_else_is_a_topic(world: World, address: str) -> None:
    assert_told(ask(world, topic=PUBLIC + address), 400, "hub.topic")
    assert not world.store.intents(9)


def test_the_host_that_a_request_came_to_makes_no_topic(world: World) -> None:
    asked = ASKED | {"hub.topic": "http://localhost/feeds/economie.atom"}
    assert_told(world.client.post("/hub", data=asked, headers={"Host": "localhost"}), 400, "hub.topic")


def test_what_is_wrong_is_said_in_plain_text(world: World) -> None:
    assert_told(ask(world, mode="publish"), 400, "hub.mode must be subscribe or unsubscribe")
    assert_told(ask(world, callback="ftp://x.example/"), 400, "hub.callback")
    assert_told(world.client.post("/hub", json=ASKED), 415, "application/x-www-form-urlencoded")
    assert_told(ask(world, secret="x" * 201), 400, "hub.secret")
    assert_told(ask(world, other="x" * 16_384), 413, "16384 bytes")
    assert_told(
        world.client.post("/hub", data=b"\xff=%ff&hub.mode=%ff", content_type=hub_module.FORM_TYPE), 400, "mode"
    )
    assert not world.store.intents(9)


def test_a_secret_may_have_two_hundred_bytes(world: World) -> None:
    assert ask(world, secret="x" * 200).status_code == 202


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whoever_only_looks_is_told_what_it_is(world: World, method: str) -> None:
    answered = world.client.open("/hub", method=method)
    assert_told(answered, 405, "" if method == "HEAD" else "WebSub hub")
    assert answered.headers["Allow"] == "POST"


def test_a_flood_is_refused_and_told_when_to_come_back(world: World) -> None:
    for number in range(LIMITS.host_pending):
        assert ask(world, callback=f"https://reader.example/{number}").status_code == 202
    answered = ask(world, callback="https://reader.example/more")
    assert_told(answered, 429, "too many requests")
    assert answered.headers["Retry-After"] == "60"
    assert len(world.store.intents(99)) == LIMITS.host_pending
    assert ask(world, callback="https://another.example/").status_code == 202


def test_a_host_that_the_operator_named_may_ask_more(tmp_path: Path) -> None:
    world = a_world(tmp_path, allow_private=("10.0.0.7:8080",))
    for number in range(LIMITS.host_pending + 1):
        assert ask(world, callback=f"http://10.0.0.7:8080/{number}").status_code == 202
    world.store.close()


def test_while_another_process_writes_for_long_a_subscriber_is_asked_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "PATIENCE_SECONDS", 0)

    def meanwhile(_: object) -> Any:
        answered = ask(world)
        assert_told(answered, 503, "just now")
        assert answered.headers["Retry-After"] == "60"
        raise StopIteration

    with pytest.raises(StopIteration):
        world.store.settle("https://info.example/feed", [], [], meanwhile)
    assert ask(world).status_code == 202


def test_before_the_first_round_there_is_nothing_to_subscribe_to(tmp_path: Path) -> None:
    app = create_app(Settings(database=str(tmp_path / "none.db"), base_url=PUBLIC), clock=lambda: NOW)
    answered = app.test_client().post("/hub", data=ASKED)
    assert_told(answered, 503, "just now")
    assert not (tmp_path / "none.db").exists()


def test_where_another_hub_is_named_subscribers_are_sent_there(tmp_path: Path) -> None:
    world = a_world(tmp_path, hub_url="https://hub.example/")
    answered = ask(world)
    assert_told(answered, 307, "https://hub.example/")
    assert answered.headers["Location"] == "https://hub.example/"
    world.store.close()


def test_without_a_hub_there_is_nothing(tmp_path: Path) -> None:
    world = a_world(tmp_path, hub=False)
    assert_told(ask(world), 404, "no hub")
    world.store.close()


def test_the_address_of_the_hub_follows_from_the_settings() -> None:
    assert Settings(base_url=f"{PUBLIC}/").hub_address == f"{PUBLIC}/hub"
    assert Settings(hub=False).hub_address == ""
    outside = Settings(hub_url="https://hub.example/")
    assert (outside.hub_address, outside.runs_hub) == ("https://hub.example/", False)


def test_the_store_is_opened_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bool] = []

    def counted(*arguments: Any, **options: Any) -> Store:
        opened.append(options["writer"])
        return open_store(*arguments, **options)

    monkeypatch.setattr(hub_module, "open_store", counted)
    for _ in range(3):
        ask(world)
    assert opened == [False]
