"""Following hubs, from the first poll of a source to its news: two Tributaries that talk over real HTTP, and a newsroom
on loopback whose hub does what a test says. The clock is set by hand.
"""

import asyncio
import hashlib
import hmac
import http.client
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask import Flask
from msgspec.structs import replace

import scheduler
from aggregator import receiving
from aggregator.config import Settings
from aggregator.errors import ErrorClass, StoreError, UnwritableError
from aggregator.model import Following, FollowingState, Source, SourceState
from aggregator.pipeline import Pipeline, Report
from aggregator.pushing import Follower, Hub
from aggregator.pushing import following as following_module
from aggregator.store import open_store
from scheduler import Poller
from tests.origin import HANG, PAUSE, Answer, Origin, Request, answer
from tests.serving import served
from tests.test_websub_hub import until
from tests.web_world import NOW, an_item, filled_store, tell
from web import create_app

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Clock:
    """The time, for all that take part."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, by: timedelta) -> None:
        self.now += by


class Site:
    """A Tributary whose site is served on loopback; its poller does one turn at a time, in one loop until it is shut."""

    def __init__(self, folder: Path, clock: Clock, stack: ExitStack, *allowed: str, **settings: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.clock = clock
        self.app: Flask | None = None
        self.base = stack.enter_context(served(lambda *request: self._wsgi(*request)))
        allowed = (*allowed, urlsplit(self.base).netloc)
        values = {"base_url": self.base, "allow_private": allowed, "workers": 1, "hub": False} | settings
        self.settings = Settings(database=str(folder / "t.db"), opml=str(folder / "none.opml"), **values)
        self.store = filled_store(self.settings, ())
        stack.callback(lambda: self.store.close())
        self.app = create_app(self.settings, clock=clock)
        self.runner = stack.enter_context(asyncio.Runner())
        stack.callback(self.shut)
        self._opened: AsyncExitStack | None = None

    def _wsgi(self, *request: Any) -> Any:
        assert self.app is not None
        return self.app(*request)

    def take_list(self, *sources: Source) -> None:
        self.store.sync_sources(sources, self.clock())

    async def _open(self) -> None:
        if self._opened is None:
            self._opened = AsyncExitStack()
            enter = self._opened.enter_async_context
            self.pipeline = await enter(Pipeline(self.settings, self.store, self.clock))
            write, leases = self.pipeline.write, self.pipeline.leases
            self.follower = await enter(
                Follower(
                    self.settings, self.store, write, self.clock, self.pipeline.receive, leases, jitter=lambda: 0.5
                )
            )

    def shut(self) -> None:
        """End the poller, as a restart does; the store stays."""
        if self._opened is not None:
            self.runner.run(self._opened.aclose())
            self._opened = None

    def poll(self) -> list[Report]:
        """Poll what is due."""
        reports: list[Report] = []

        async def once() -> None:
            await self._open()
            due = self.store.claim(self.clock(), self.clock() + 5 * MINUTE, 99)
            await self.pipeline.poll(due, reports.append)

        self.runner.run(once())
        return reports

    def follow(self) -> None:
        """Do all that following asks for now."""

        async def once() -> None:
            await self._open()
            self.follower._swept_at = datetime.min.replace(tzinfo=UTC)
            for _ in range(4):
                await self.follower.dispatch()
                await self.follower.finish()

        self.runner.run(once())

    def push(self) -> None:
        """Let our own hub do what it has to do."""

        async def once() -> None:
            await self._open()
            async with Hub(self.settings, self.store, self.pipeline.write, self.clock, jitter=lambda: 0.5) as hub:
                await hub.dispatch()
                await hub.finish()

        self.runner.run(once())

    @property
    def only(self) -> Following:
        (found,) = self.store.followings()
        return found

    @property
    def state(self) -> SourceState:
        (view,) = self.store.sources()
        return view.state

    def titles(self) -> list[str]:
        return sorted(stored.item.title for stored in self.store.items())


def rss(*numbers: int, title: str = "Article") -> bytes:
    """A feed whose items came out `number` minutes after noon."""
    items = "".join(
        f"<item><title>{title} {number}</title><link>https://outlet.example/{number}</link><guid>g{number}</guid>"
        f"<pubDate>{(NOW + number * MINUTE).strftime('%a, %d %b %Y %H:%M:%S +0000')}</pubDate>"
        f"<description>Le texte {number}.</description></item>"
        for number in numbers
    )
    return f'<rss version="2.0"><channel><title>L’Outlet</title><link>https://outlet.example/</link>{items}</channel></rss>'.encode()


class Newsroom:
    """An origin with a feed and the hub that it names; `says` answers the hub's requests."""

    def __init__(self) -> None:
        self.feed = rss(-1)
        self.links: str | None = None
        self.says: Callable[[Request], Answer] = lambda _: answer(202)
        self.origin = Origin(self._answer)

    def _answer(self, request: Request) -> Answer:
        if request.path != "/feed":
            return self.says(request)
        links = f'<{self.hub}>; rel="hub", <{self.topic}>; rel="self"' if self.links is None else self.links
        etag = f'"{hashlib.sha1(self.feed).hexdigest()}"'
        if request.headers.get("if-none-match") == etag:
            return answer(304)
        return answer(headers={"Content-Type": "application/rss+xml", "Link": links, "ETag": etag}, body=self.feed)

    @property
    def topic(self) -> str:
        return self.origin.url("/feed")

    @property
    def hub(self) -> str:
        return self.origin.url("/hub")

    def polls(self) -> list[Request]:
        return [each for each in self.origin.requests if each.path == "/feed"]

    def asked(self, path: str = "/hub") -> list[dict[str, str]]:
        """The forms that the hub was sent, in order."""
        return [dict(parse_qsl(each.body.decode())) for each in self.origin.requests if each.path == path]

    def verify(self, form: dict[str, str], lease: int = 864_000, **changes: str) -> tuple[int, bytes]:
        """Ask a subscriber whether it means what it asked."""
        fields = {
            "hub.mode": form["hub.mode"],
            "hub.topic": form["hub.topic"],
            "hub.challenge": "wort",
            "hub.lease_seconds": str(lease),
        }
        fields |= {f"hub.{name}": text for name, text in changes.items()}
        return send("GET", f"{form['hub.callback']}?{urlencode(fields)}")

    def push(self, form: dict[str, str], body: bytes, secret: str = "", **headers: str) -> int:
        """Push a document, signed as it must be unless a test says otherwise."""
        digest = hmac.new((secret or form["hub.secret"]).encode(), body, hashlib.sha256).hexdigest()
        sent = {"Content-Type": "application/rss+xml", "X-Hub-Signature": f"sha256={digest}"} | headers
        return send("POST", form["hub.callback"], body, sent)[0]


def send(method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=20)) as connection:
        connection.request(method, f"{parts.path}?{parts.query}", body, headers or {})
        got = connection.getresponse()
        return got.status, got.read()


class Scene:
    """A newsroom, and a site that polls it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.room = Newsroom()
        stack.enter_context(self.room.origin)
        self.clock = Clock()
        self.site = Site(folder / "b", self.clock, stack, self.room.origin.authority)
        self.source = Source(self.room.topic, title="L’Outlet")
        self.site.take_list(self.source)

    def begin(self) -> dict[str, str]:
        """The first poll, the request and its confirmation. → the form that was sent."""
        self.site.poll()
        self.site.follow()
        form = self.room.asked()[-1]
        assert self.room.verify(form) == (200, b"wort")
        self.site.follow()
        return form

    def poll_in(self, by: timedelta) -> SourceState:
        """Let time pass and poll if that is due."""
        self.clock.pass_(by)
        self.site.follow()
        self.site.poll()
        return self.site.state

    def wait(self) -> timedelta:
        """How long it is from the last poll to the next."""
        state = self.site.state
        assert state.next_check_at and state.checked_at
        return state.next_check_at - state.checked_at


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(tmp_path, stack)


# ── with a hub of our own kind


def test_an_item_published_at_one_site_arrives_at_another_that_does_not_poll(tmp_path: Path) -> None:
    clock = Clock()
    with ExitStack() as stack:
        a = Site(tmp_path / "a", clock, stack, hub=True)
        b = Site(tmp_path / "b", clock, stack, urlsplit(a.base).netloc)
        a.settings = replace(a.settings, allow_private=(*a.settings.allow_private, urlsplit(b.base).netloc))
        a.take_list(Source("https://info.example/feed", title="Info"))
        tell(a.store, [an_item("un")], at=NOW)
        b.take_list(Source(f"{a.base}/feeds/economie.atom", title="A"))
        b.poll()
        b.follow()
        assert b.titles() == ["Titre un"]
        assert (b.only.state, b.only.hub) == (FollowingState.ASKED, f"{a.base}/hub")
        a.push()  # asks whether it is wanted
        assert (b.only.state, b.only.lease_until) == (FollowingState.CONFIRMED, NOW + 10 * DAY)
        tell(a.store, [an_item("deux")], at=NOW)
        a.push()
        assert b.titles() == ["Titre un"]  # the site itself reads nothing
        polled = b.state.checked_at
        clock.pass_(MINUTE)
        b.follow()
        assert b.titles() == ["Titre deux", "Titre un"]
        assert b.state.checked_at == polled and not b.store.waiting_notices(9)
        clock.pass_(7 * DAY)
        b.follow()  # renews
        a.push()
        assert b.only.lease_until == clock.now + 10 * DAY
        (subscription,) = a.store.subscriptions()
        assert subscription.lease_until == clock.now + 10 * DAY
        b.take_list(replace(Source(f"{a.base}/feeds/economie.atom"), paused=True))
        b.follow()
        a.push()
        assert not a.store.subscriptions()


# ── asking


def test_a_hub_is_asked_once_with_an_address_and_a_secret_that_nobody_can_guess(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    form = scene.begin()
    assert len(scene.room.asked()) == 1
    callback, secret = form.pop("hub.callback"), form.pop("hub.secret")
    assert form == {"hub.mode": "subscribe", "hub.topic": scene.room.topic, "hub.lease_seconds": "864000"}
    base, _, token = callback.rpartition("/")
    assert base == f"{scene.site.base}/push" and len(token) == len(secret) == 43 and token != secret
    assert token not in caplog.text and secret not in caplog.text
    assert token not in repr(scene.site.only) and secret not in repr(scene.site.only)
    assert scene.room.origin.requests[-1].headers["content-type"] == "application/x-www-form-urlencoded"


def test_a_hub_that_does_not_confirm_is_asked_again_ever_more_rarely(scene: Scene) -> None:
    scene.site.poll()
    scene.site.follow()
    waits, before = [], scene.clock.now
    for count in range(2, 9):
        while len(scene.room.asked()) < count:
            scene.clock.pass_(MINUTE if count < 5 else HOUR)
            scene.site.follow()
        waits.append(scene.clock.now - before)
        before = scene.clock.now
    assert waits == sorted(waits) and waits[0] <= 6 * MINUTE and 22 * HOUR < waits[-1] <= 27 * HOUR
    assert scene.site.only.state is FollowingState.ASKED and len(scene.room.polls()) == 1


@pytest.mark.parametrize(("status", "error"), [(400, "400"), (302, "302"), (0, "connection")])
def test_what_a_hub_says_against_it_is_kept_and_polls_go_on_as_ever(scene: Scene, status: int, error: str) -> None:
    scene.room.says = lambda _: answer(status, {"Location": "/other"}) if status else b"nonsense"
    scene.site.poll()
    wait = scene.wait()
    scene.site.follow()
    scene.site.follow()
    assert (scene.site.only.error, scene.site.only.tries, len(scene.room.asked())) == (error, 1, 1)
    scene.poll_in(wait)
    assert scene.wait() <= wait * 1.1 and not scene.room.asked("/other")


def test_a_hub_that_sends_its_requests_on_is_followed_there(scene: Scene) -> None:
    on = {
        "/hub": answer(307, {"Location": "/second"}),
        "/second": answer(308, {"Location": scene.room.origin.url("/third")}),
    }
    scene.room.says = lambda request: on.get(request.path, answer(202))
    scene.site.poll()
    scene.site.follow()
    assert scene.room.asked("/third") == scene.room.asked("/hub") and scene.site.only.error == ""


def test_a_hub_that_sends_its_requests_in_a_circle_is_let_go(scene: Scene) -> None:
    scene.room.says = lambda _: answer(307, {"Location": "/hub"})
    scene.site.poll()
    scene.site.follow()
    assert scene.site.only.error == "redirect_loop" and len(scene.room.asked()) == 4


def test_a_hub_inside_is_refused_like_every_other_address_inside(scene: Scene) -> None:
    with Origin(lambda _: answer(202)) as inside:
        scene.room.links = f'<{inside.url("/hub")}>; rel="hub"'
        scene.site.poll()
        scene.site.follow()
        assert inside.connections == 0 and scene.site.only.error == "blocked_address"


def test_a_lease_is_renewed_before_it_ends(scene: Scene) -> None:
    form = scene.begin()
    scene.clock.pass_(5 * DAY)
    scene.site.follow()
    assert len(scene.room.asked()) == 1
    scene.clock.pass_(2 * DAY)
    scene.site.follow()
    assert scene.room.asked()[-1] == form and len(scene.room.asked()) == 2
    assert scene.room.verify(form)[0] == 200
    assert scene.site.only.lease_until == scene.clock.now + 10 * DAY


@pytest.mark.parametrize("lease", [0, 1, 60, 10**30])
def test_a_lease_that_is_absurd_makes_us_ask_neither_all_the_time_nor_never(scene: Scene, lease: int) -> None:
    scene.site.poll()
    scene.site.follow()
    assert scene.room.verify(scene.room.asked()[-1], lease)[0] == 200
    assert NOW + 10 * MINUTE <= scene.site.only.due_at <= NOW + 30 * DAY


# ── what a hub asks


@pytest.mark.parametrize(
    "changes",
    [{"topic": "https://other.example/feed"}, {"mode": "unsubscribe"}, {"mode": "publish"}, {"challenge": ""}],
    ids=["another topic", "another mode", "a mode that is none", "no challenge"],
)
def test_what_was_not_asked_is_not_confirmed(scene: Scene, changes: dict[str, str]) -> None:
    scene.site.poll()
    scene.site.follow()
    form = scene.room.asked()[-1]
    assert scene.room.verify(form, **changes)[0] == 404
    assert scene.site.only.state is FollowingState.ASKED
    assert scene.room.verify(form)[0] == 200


def test_a_denial_is_heard_told_of_and_asked_about_later(scene: Scene) -> None:
    form = scene.begin()
    status, _ = scene.room.verify(form, mode="denied", reason="non\x00 merci" + "x" * 1000)
    assert status == 200
    assert scene.site.only.state is FollowingState.DENIED
    assert scene.site.only.error.startswith("non\ufffd merci") and len(scene.site.only.error) == 200
    scene.site.follow()
    assert len(scene.room.asked()) == 1 and not scene.site.pipeline.leases
    scene.clock.pass_(6 * MINUTE)
    scene.site.follow()
    assert len(scene.room.asked()) == 2
    assert scene.room.verify(form)[0] == 200 and scene.site.only.state is FollowingState.CONFIRMED


# ── what is pushed


def test_a_push_is_read_when_its_turn_comes_and_only_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tributary")
    form = scene.begin()
    assert scene.room.push(form, rss(1)) == 202
    assert scene.site.titles() == ["Article -1"]
    scene.site.follow()
    assert scene.site.titles() == ["Article -1", "Article 1"]
    assert len(scene.room.polls()) == 1
    (line,) = [each for each in caplog.messages if each.startswith("pushed")]
    assert line.startswith(f"pushed source={scene.source.url} status=ok new=1 changed=0 same=0 ms=")


def test_the_inbox_outlives_the_program(scene: Scene) -> None:
    form = scene.begin()
    scene.room.push(form, rss(1))
    scene.site.shut()
    scene.site.store.close()
    scene.site.store = open_store(scene.site.settings.database)
    scene.site.follow()
    assert scene.site.titles() == ["Article -1", "Article 1"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hub-Signature": "sha256=" + "0" * 64},
        {"X-Hub-Signature": ""},
        {"X-Hub-Signature": "md5=d41d8cd98f00b204e9800998ecf8427e"},
    ],
    ids=["another secret", "unsigned", "a method that is none"],
)
def test_a_forged_push_is_answered_like_any_other_and_leaves_nothing(scene: Scene, headers: dict[str, str]) -> None:
    form = scene.begin()
    state = scene.site.state
    assert scene.room.push(form, rss(666), **headers) == 202
    assert not scene.site.store.waiting_notices(9) and scene.site.only.pushed_at is None
    scene.site.follow()
    assert scene.site.titles() == ["Article -1"] and scene.site.state == state


def test_a_push_that_is_replayed_doubles_nothing(scene: Scene) -> None:
    form = scene.begin()
    for _ in range(3):
        scene.room.push(form, rss(1, -1))
    scene.site.follow()
    scene.room.push(form, rss(1, -1))
    scene.site.follow()
    assert scene.site.titles() == ["Article -1", "Article 1"]


def test_an_old_push_that_is_replayed_is_put_right_by_the_next_poll(scene: Scene) -> None:
    form = scene.begin()
    scene.room.push(form, rss(-1, title="Avant"))
    scene.room.feed = rss(-1, title="Après")
    scene.poll_in(DAY)
    assert scene.site.titles() == ["Après -1"]
    scene.poll_in(DAY)
    assert len(scene.room.polls()) == 3
    scene.room.push(form, rss(-1, title="Avant"))
    scene.site.follow()
    assert scene.site.titles() == ["Avant -1"]
    scene.poll_in(DAY)  # the document is the one that was read last, and read again all the same
    assert "if-none-match" not in scene.room.polls()[-1].headers
    assert scene.site.titles() == ["Après -1"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><title>Accueil</title></html>",
        b"<rss",
        rss(),
        rss(*range(1000, 1030))
        .replace(b"<pubDate>", b"<pubDate>Wed, 11 Feb 2026 12:00:30 +0000</pubDate><x>")
        .replace(b"+0000</pubDate><desc", b"</x><desc"),
    ],
    ids=["nothing", "a page", "cut", "no items", "thirty at one moment"],
)
def test_a_push_that_cannot_be_read_or_believed_only_makes_the_source_due(scene: Scene, body: bytes) -> None:
    scene.room.feed = rss(*range(-8, 0))
    form = scene.begin()
    before = scene.site.titles()
    scene.clock.pass_(MINUTE)
    scene.room.push(form, body)
    scene.site.follow()
    assert scene.site.titles() == before and not scene.site.store.waiting_notices(9)
    assert scene.site.state.next_check_at == NOW + 5 * MINUTE  # the least time between two checks
    assert scene.site.state.error_class is None and scene.site.state.doubt.seen == 0


def test_a_push_of_another_topic_is_not_read_and_makes_us_look(scene: Scene) -> None:
    scene.room.links = f'<{scene.room.hub}>; rel="hub", <https://proxy.example/outlet>; rel="self"'
    form = scene.begin()
    assert form["hub.topic"] == "https://proxy.example/outlet"
    for minute in (20, 60):
        scene.room.feed = rss(minute - 15, -1)  # late, but that was told
        scene.clock.now = NOW + minute * MINUTE
        scene.room.push(form, rss(666))
        scene.site.follow()
        scene.site.poll()
    assert scene.site.titles() == ["Article -1", "Article 45", "Article 5"]
    assert scene.wait() > HOUR  # it is trusted


def test_what_had_no_room_in_the_inbox_makes_the_source_due(scene: Scene) -> None:
    form = scene.begin()
    for number in range(1, 6):
        assert scene.room.push(form, rss(number)) == 202
    scene.site.follow()
    assert scene.site.titles() == ["Article -1", "Article 3", "Article 4", "Article 5"]
    assert scene.site.state.next_check_at == NOW + 5 * MINUTE
    scene.room.feed = rss(1, 2, 3, 4, 5)
    scene.poll_in(5 * MINUTE)
    assert len(scene.site.titles()) == 6


def test_a_push_while_a_poll_is_under_way_waits_for_it_and_neither_undoes_the_other(scene: Scene) -> None:
    form = scene.begin()
    scene.clock.pass_(DAY)
    scene.room.push(form, rss(1))
    site = scene.site
    (due,) = site.store.claim(scene.clock.now, scene.clock.now + HOUR, 9)
    site.follow()  # after the poll was taken up
    scene.room.feed = rss(2, -1)
    site.runner.run(site.pipeline.update(*due))
    assert site.titles() == ["Article -1", "Article 1", "Article 2"]
    assert site.state.pushes.pushed_at == scene.clock.now and site.state.checked_at == scene.clock.now


def test_a_push_that_comes_while_a_poll_waits_for_its_answer_is_read_after_it(scene: Scene) -> None:
    form = scene.begin()
    scene.clock.pass_(DAY)
    scene.room.push(form, rss(1))
    site, sound = scene.site, scene.room.origin._answers
    scene.room.feed = rss(2, -1)
    came = threading.Event()

    def slowly(request: Request) -> Answer:
        came.set()
        said = sound(request)
        assert isinstance(said, bytes)
        return iter([PAUSE, PAUSE, PAUSE, said])

    scene.room.origin._answers = slowly

    async def both() -> None:
        (due,) = site.store.claim(scene.clock.now, scene.clock.now + HOUR, 9)
        poll = asyncio.create_task(site.pipeline.update(*due))
        await until(came.is_set)
        found = site.store.notice(site.store.waiting_notices(9)[0][0])
        assert found
        report = await site.pipeline.receive(*found)
        assert poll.done() and report.new == 1
        await poll

    site.runner.run(both())
    assert site.titles() == ["Article -1", "Article 1", "Article 2"]
    assert site.state.pushes.pushed_at == site.state.checked_at == scene.clock.now


def test_while_nothing_can_be_stored_a_push_stays_where_it_is(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    form = scene.begin()
    scene.room.push(form, rss(1))

    def full(*_: Any) -> Any:
        raise UnwritableError("the disk is full")

    with monkeypatch.context() as bent:
        bent.setattr(type(scene.site.store), "settle", full)
        scene.site.follow()
    assert len(scene.site.store.waiting_notices(9)) == 1
    scene.site.follow()  # it rests
    assert scene.site.titles() == ["Article -1"]
    scene.clock.pass_(6 * MINUTE)
    scene.site.follow()
    assert scene.site.titles() == ["Article -1", "Article 1"]


def test_a_push_that_makes_us_fail_goes_and_the_source_is_asked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    form = scene.begin()
    scene.room.push(form, rss(1))

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(receiving, "_update", fail)
    scene.site.follow()
    assert "crashed source=" in caplog.text
    assert not scene.site.store.waiting_notices(9) and scene.site.state.next_check_at == NOW + 5 * MINUTE


def test_what_is_under_way_at_the_end_is_given_up(scene: Scene) -> None:
    scene.room.says = lambda _: iter([HANG])
    scene.site.poll()
    site = scene.site

    async def begin() -> None:
        for _ in range(2):
            site.follower._swept_at = datetime.min.replace(tzinfo=UTC)
            await site.follower.dispatch()
        await until(scene.room.asked)

    site.runner.run(begin())
    site.shut()
    assert site.only.tries == 1 and site.only.error == ""


def test_a_notice_that_is_gone_when_its_turn_comes_is_none(scene: Scene) -> None:
    scene.begin()
    site = scene.site
    site.runner.run(site.follower._take(99))
    assert site.titles() == ["Article -1"]


# ── when to poll


def trusted(scene: Scene) -> dict[str, str]:
    """Pushes come, and a poll finds nothing that they had not brought."""
    form = scene.begin()
    scene.clock.pass_(MINUTE)
    scene.room.push(form, rss(1))
    scene.site.follow()
    scene.room.feed = rss(1, -1)
    scene.poll_in(scene.wait())
    return form


def test_while_pushes_come_polls_are_rare_and_go_on(scene: Scene) -> None:
    scene.site.poll()
    usual = scene.wait()
    trusted(scene)
    assert usual * 5 < scene.wait() < usual * 7
    assert scene.site.state.pushes.trusted_until == NOW + 10 * DAY
    polls = len(scene.room.polls())
    for _ in range(12):
        scene.poll_in(HOUR)
    assert 3 <= len(scene.room.polls()) - polls <= 5


def test_a_poll_that_finds_what_no_push_brought_ends_the_trust_until_pushes_come_again(scene: Scene) -> None:
    form = trusted(scene)
    rare = scene.wait()
    scene.room.feed = rss(40, 1, -1)
    scene.poll_in(rare)
    assert scene.site.state.pushes.trusted_until is None and scene.wait() < rare / 3
    scene.poll_in(scene.wait())
    assert scene.wait() < rare / 3
    minute = int((scene.clock.now - NOW) / MINUTE)
    scene.room.push(form, rss(minute))
    scene.room.feed = rss(minute, 40)
    scene.poll_in(scene.wait())
    assert scene.wait() > rare / 2


def test_what_came_a_moment_ago_is_no_fault_of_the_hub(scene: Scene) -> None:
    trusted(scene)
    rare = scene.wait()
    scene.room.feed = rss(int((scene.clock.now + rare - NOW) / MINUTE) - 5, 1)
    scene.poll_in(rare)
    assert "Article 1" in scene.site.titles() and len(scene.site.titles()) == 3
    assert scene.wait() > rare / 2


def test_an_interval_that_editors_give_stands(scene: Scene) -> None:
    scene.site.take_list(replace(scene.source, interval=10 * MINUTE))
    trusted(scene)
    assert scene.wait() <= 11 * MINUTE


@pytest.mark.parametrize("how", ["denied", "dead"])
def test_when_the_hub_is_no_more_polls_are_what_they_were(scene: Scene, how: str) -> None:
    scene.site.poll()
    usual = scene.wait()
    form = trusted(scene)
    if how == "denied":
        scene.room.verify(form, mode="denied")
    else:
        scene.room.says = lambda _: b"nonsense"
        for _ in range(30):
            scene.poll_in(8 * HOUR)
        assert scene.site.only.error == "connection" and scene.site.only.state is FollowingState.ASKED
    scene.site.follow()
    state = scene.site.state
    assert state.pushes.trusted_until is None and state.checked_at and state.next_check_at
    assert state.next_check_at <= max(scene.clock.now, state.checked_at + usual * 1.2)
    scene.poll_in(HOUR)
    assert scene.wait() < usual * 1.2


def test_one_that_fails_is_left_to_its_backoff_whatever_becomes_of_its_lease(scene: Scene) -> None:
    form = trusted(scene)
    sound, scene.room._answer = scene.room._answer, lambda _: answer(500)  # type: ignore[method-assign]
    scene.room.origin._answers = lambda request: answer(500) if request.path == "/feed" else sound(request)
    scene.poll_in(scene.wait())
    assert scene.site.state.error_class is ErrorClass.UNAVAILABLE
    due = scene.site.state.next_check_at
    scene.room.verify(form, mode="denied")
    scene.room.push(form, b"nonsense")
    scene.site.follow()
    assert scene.site.state.next_check_at == due


# ── whom to follow


def test_another_hub_is_followed_once_it_was_named_twice_and_a_day_after_the_first_was_asked(scene: Scene) -> None:
    form = scene.begin()
    other = scene.room.origin.url("/other")
    scene.room.links = f'<{other}>; rel="hub", <{scene.room.topic}>; rel="self"'
    scene.room.feed = rss(1)
    scene.poll_in(HOUR)
    assert [each.hub for each in scene.site.store.followings()] == [scene.room.hub]
    scene.poll_in(HOUR)  # a 304 stands by it
    scene.site.follow()
    assert scene.room.polls()[-1].headers["if-none-match"]
    old, new = scene.site.store.followings()
    assert (old.state, new.state, new.hub) == (FollowingState.LEAVING, FollowingState.ASKED, other)
    assert scene.room.asked()[-1]["hub.mode"] == "unsubscribe" and not scene.room.asked("/other")
    assert "hub.secret" not in scene.room.asked()[-1]
    assert scene.room.push(form, rss(2)) == 410
    assert scene.room.verify(form)[0] == 404
    assert scene.room.verify(form, mode="unsubscribe") == (200, b"wort")
    scene.clock.pass_(20 * HOUR)
    scene.site.follow()
    assert not scene.room.asked("/other")
    scene.clock.pass_(3 * HOUR)
    scene.site.follow()
    assert [each.hub for each in scene.site.store.followings()] == [other]
    (asked,) = scene.room.asked("/other")
    assert asked["hub.secret"] != form["hub.secret"] and asked["hub.callback"] != form["hub.callback"]


def test_hubs_that_alternate_are_not_followed_in_turn(scene: Scene) -> None:
    scene.begin()
    for number in range(6):
        scene.room.links = f'<{scene.room.origin.url(f"/{number % 2}")}>; rel="hub"'
        scene.room.feed = rss(number + 1)
        scene.poll_in(HOUR)
    assert [each.hub for each in scene.site.store.followings()] == [scene.room.hub]
    assert len(scene.room.asked()) == 1


@pytest.mark.parametrize("how", ["paused", "unlisted", "names none"])
def test_a_source_that_is_no_longer_polled_or_names_no_hub_is_left(scene: Scene, how: str) -> None:
    form = scene.begin()
    scene.room.push(form, rss(1))
    if how == "names none":
        scene.room.links = ""
        for number in (2, 3):
            scene.room.feed = rss(number)
            scene.poll_in(HOUR)
    else:
        scene.site.take_list(*([replace(scene.source, paused=True)] if how == "paused" else []))
    before = scene.site.titles()
    scene.site.follow()
    assert scene.site.titles() == before and scene.site.only.state is FollowingState.LEAVING
    assert scene.room.asked()[-1]["hub.mode"] == "unsubscribe"
    assert scene.room.push(form, rss(9)) == 410 and not scene.site.store.waiting_notices(9)
    scene.clock.pass_(DAY)
    scene.site.follow()
    assert not scene.site.store.followings() and len(scene.room.asked()) == 2


def test_a_source_that_moves_is_followed_on(scene: Scene) -> None:
    form = scene.begin()
    state = scene.site.state
    moved = scene.source.url.replace("/feed", "/feed?neu")
    scene.site.store.keep([replace(state, moved_to=moved)])
    scene.site.take_list(Source(moved))
    scene.site.follow()
    assert scene.site.only.source == moved and scene.site.only.state is FollowingState.CONFIRMED
    scene.room.push(form, rss(1))
    scene.site.follow()
    assert scene.site.titles() == ["Article -1", "Article 1"]


# ── the program


def test_only_where_hubs_can_reach_us_and_may_is_anything_followed(tmp_path: Path) -> None:
    told = Settings(base_url="https://news.example")
    assert told.follows_hubs
    assert not Settings().follows_hubs
    assert not replace(told, follow_hubs=False).follows_hubs
    assert not replace(told, files_only=True).follows_hubs


def test_the_poller_follows_hubs(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPATCH_SECONDS", "FOLLOW_SECONDS"):
        monkeypatch.setattr(scheduler, name, 0.02)
    monkeypatch.setattr(following_module, "SWEEP", timedelta(0))
    site = scene.site
    Path(site.settings.opml).write_text(
        f'<opml version="2.0"><head/><body><outline type="rss" text="A" xmlUrl="{scene.source.url}"/></body></opml>'
    )

    async def run() -> None:
        with closing(open_store(site.settings.database)) as store:
            poller = Poller(site.settings, store, lambda _: None, scene.clock)
            task = asyncio.create_task(poller.run())
            try:
                await until(scene.room.asked)
                form = scene.room.asked()[-1]
                assert (await asyncio.to_thread(scene.room.verify, form))[0] == 200
                await asyncio.to_thread(scene.room.push, form, rss(1))
                await until(lambda: len(list(site.store.items())) == 2)
            finally:
                poller.stop.set()
                await asyncio.wait_for(task, 10)

    site.runner.run(run())
    assert len(scene.room.asked()) == 1


def test_nothing_that_goes_wrong_with_one_source_touches_another(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scene.site.poll()

    def fail(error: Exception, *_: Any) -> Any:
        raise error

    for error, word in ((StoreError("no"), "following_unwritten"), (ZeroDivisionError("oh"), "following_crashed")):
        with monkeypatch.context() as bent:
            bent.setattr(type(scene.site.store), "note_asked", partial(fail, error))
            scene.site.follow()
        assert word in caplog.text and not scene.room.asked()
        scene.clock.pass_(6 * MINUTE)
    scene.site.follow()
    assert len(scene.room.asked()) == 1
