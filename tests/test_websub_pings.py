"""An outside hub is told of what changed, until it has heard."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs

import pytest

from aggregator.pushing import Pinger
from aggregator.store import Store
from aggregator.websub.deliveries import TRIES
from tests.origin import Origin, answer
from tests.test_websub_hub import at_once
from tests.web_world import NOW, PUBLIC, World, a_world, an_item, tell

Result = TypeVar("Result")


class Outside:
    """A hub of others, which answers as it is told to."""

    def __init__(self, folder: Path) -> None:
        self.says = answer(204)
        self.now = NOW
        self.origin = Origin(lambda _: self.says)
        self._folder = folder

    def open(self) -> None:
        self.world: World = a_world(
            self._folder, hub_url=self.origin.url("/hub?key=7"), allow_private=(self.origin.authority,)
        )

    @property
    def store(self) -> Store:
        return self.world.store

    def turn(self) -> None:
        async def once() -> None:
            settings, store = self.world.settings, self.store
            async with Pinger(settings, store, at_once, lambda: self.now, jitter=lambda: 0.5) as pinger:
                await pinger.dispatch()

        asyncio.run(once())

    def heard(self) -> list[str]:
        """The topics it was told of, in order."""
        for request in self.origin.requests:
            assert (request.method, request.target) == ("POST", "/hub?key=7")
            assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        fields = [parse_qs(request.body.decode()) for request in self.origin.requests]
        assert all(each["hub.mode"] == ["publish"] for each in fields)
        return [each["hub.url"][0] for each in fields]


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    made = Outside(tmp_path)
    with made.origin:
        made.open()
        yield made
        made.store.close()


def test_it_is_told_of_each_feed_that_changed_in_each_format_and_once(outside: Outside) -> None:
    tell(outside.store, [an_item("g1")])
    outside.turn()
    outside.turn()
    feeds = ("all", "economie", "source/comtois-info")
    assert sorted(outside.heard()) == [
        f"{PUBLIC}/feeds/{feed}.{form}" for feed in feeds for form in ("atom", "json", "rss")
    ]
    tell(outside.store, [an_item("g2")])
    outside.turn()
    assert len(outside.heard()) == 18


@pytest.mark.parametrize(
    "said", [answer(500), answer(302, {"Location": "/"}), b"nonsense"], ids=["500", "302", "nonsense"]
)
def test_it_is_told_again_later_where_it_did_not_hear(outside: Outside, said: bytes) -> None:
    outside.says = said
    tell(outside.store, [an_item("g1")])
    outside.turn()
    outside.says = answer(204)
    outside.now += timedelta(seconds=9)
    outside.turn()
    assert len(outside.heard()) == 9
    outside.now += timedelta(seconds=1)
    outside.turn()
    outside.turn()
    assert len(outside.heard()) == 18


def test_it_is_given_up_after_a_day_until_the_feed_changes_again(outside: Outside) -> None:
    outside.says = answer(500)
    tell(outside.store, [an_item("g1")])
    for _ in range(TRIES + 3):
        outside.turn()
        outside.now += timedelta(hours=5)
    assert len(outside.heard()) == 9 * TRIES
    outside.says = answer(204)
    tell(outside.store, [an_item("g2")], at=outside.now)
    outside.turn()
    assert len(outside.heard()) == 9 * TRIES + 9
