"""The hub, from request to delivery, with a real subscriber on loopback, a real store and a clock set by hand."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import pytest
from msgspec.structs import replace

import scheduler
from aggregator.errors import StoreError
from aggregator.lanes import Lanes, Width
from aggregator.model import Intent, Mode, Pushed, Subscription
from aggregator.pushing import Hub
from aggregator.pushing import hub as hub_module
from aggregator.store import Store
from aggregator.websub.deliveries import TRIES
from scheduler import Poller
from tests.origin import HANG, PAUSE, Answer, Origin, Request, answer
from tests.subscriber import Subscriber, fields_of
from tests.web_world import INFO, NOW, PUBLIC, World, a_world, an_item, tell

Result = TypeVar("Result")
PATIENCE_SECONDS = 20  # reached only when a test fails
TOPIC = f"{PUBLIC}/feeds/economie.atom"


class Scene:
    """A site with a hub, a subscriber, and the time."""

    def __init__(self, folder: Path, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self.now = NOW
        self.world: World = a_world(folder, allow_private=(subscriber.origin.authority,))
        self.store = self.world.store
        self.told = 0

    def tell(self) -> None:
        """Let a story enter the feeds."""
        self.told += 1
        tell(self.store, [an_item(f"g{self.told}")], at=self.now)

    def ask(self, mode: str = "subscribe", topic: str = TOPIC, callback: str = "", **fields: str) -> None:
        """Ask the hub of the site, as a subscriber does."""
        asked = {"mode": mode, "topic": topic, "callback": callback or self.subscriber.callback()} | fields
        answered = self.world.client.post("/hub", data={f"hub.{name}": text for name, text in asked.items()})
        assert answered.status_code == 202, answered.get_data(as_text=True)

    def served(self, path: str) -> tuple[bytes, str]:
        """What the site gives at an address, and what it calls it."""
        with self.world.client.get(path) as response:
            assert response.status_code == 200
            return response.get_data(), response.headers["Content-Type"]

    @asynccontextmanager
    async def hub(self, store: Store | None = None, **options: Any) -> AsyncIterator[Hub]:
        settings = self.world.settings
        async with Hub(settings, store or self.store, at_once, lambda: self.now, jitter=lambda: 0.5, **options) as hub:
            yield hub

    def turn(self, **options: Any) -> None:
        """Let a hub do all that there is to do now."""

        async def once() -> None:
            async with self.hub(**options) as hub:
                await hub.dispatch()
                await hub.finish()

        asyncio.run(once())

    def subscribe(self, **fields: str) -> None:
        self.ask(**fields)
        self.turn()

    @property
    def only(self) -> Subscription:
        """The one subscription that there is."""
        (found,) = self.store.subscriptions()
        return found


async def at_once(function: Callable[..., Result], *arguments: object) -> Result:
    return function(*arguments)


async def until(holds: Callable[[], object]) -> None:
    """Wait until that is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.005)


def saying(given: Answer) -> Callable[[Request], Answer]:
    return lambda _: given


def hanging(_: Request) -> Answer:
    return iter([HANG])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Subscriber() as subscriber:
        made = Scene(tmp_path, subscriber)
        yield made
        made.store.close()


# ── whether it is wanted


def test_a_subscriber_is_asked_with_its_own_words_and_is_subscribed_when_it_says_yes(scene: Scene) -> None:
    scene.ask(topic=f"{TOPIC}?img=none&content=full", callback=scene.subscriber.callback("/callback?user=7"))
    assert not scene.subscriber.origin.requests  # the site itself sends nothing
    assert not scene.store.subscriptions()
    scene.turn()
    (asked,) = scene.subscriber.asked()
    challenge = asked.pop("hub.challenge")
    assert len(challenge) > 20
    assert asked == {
        "user": "7",
        "hub.mode": "subscribe",
        "hub.topic": f"{TOPIC}?img=none&content=full",
        "hub.lease_seconds": "864000",
    }
    assert scene.only.topic == "economie.atom?img=none"
    assert scene.only.lease_until == NOW + timedelta(days=10)
    assert not scene.store.intents(9)


def test_each_question_has_another_challenge(scene: Scene) -> None:
    scene.subscribe()
    scene.subscribe()
    first, second = scene.subscriber.asked()
    assert first["hub.challenge"] != second["hub.challenge"]


def echo_from(status: int, change: Callable[[str], str]) -> Callable[[Request], Answer]:
    def say(request: Request) -> Answer:
        location = {"Location": "/callback"} if status // 100 == 3 else {}
        return answer(status, location, change(fields_of(request)["hub.challenge"]).encode())

    return say


@pytest.mark.parametrize(
    "said",
    [
        echo_from(200, lambda word: word[::-1]),
        echo_from(200, lambda word: f"{word}\n"),
        echo_from(200, lambda word: word * 100),
        echo_from(302, str),
        echo_from(404, str),
        echo_from(500, str),
        saying(b"nonsense"),
    ],
    ids=["another word", "more", "far more", "a redirect", "not found", "an error", "nonsense"],
)
def test_whoever_does_not_confirm_is_left_as_it_was_and_not_asked_again(
    scene: Scene, said: Callable[[Request], Answer]
) -> None:
    scene.subscribe(secret="first")
    before = scene.only
    scene.subscriber.says["GET", "/callback"] = said
    scene.ask(secret="second", lease_seconds="7200")
    scene.ask("subscribe", callback=scene.subscriber.callback("/elsewhere"))
    scene.subscriber.says["GET", "/elsewhere"] = said
    scene.turn()
    scene.turn()
    assert scene.store.subscriptions() == (before,)
    assert len(scene.subscriber.asked()) == 2 and len(scene.subscriber.asked("/elsewhere")) == 1


def test_one_who_does_not_confirm_an_unsubscription_stays_subscribed(scene: Scene) -> None:
    scene.subscribe()
    scene.subscriber.says["GET", "/callback"] = saying(answer(404))
    scene.ask("unsubscribe")
    scene.tell()
    scene.turn()
    assert scene.subscriber.asked()[-1]["hub.mode"] == "unsubscribe" and len(scene.subscriber.got()) == 1


def test_who_unsubscribes_hears_no_more(scene: Scene) -> None:
    scene.subscribe()
    scene.ask("unsubscribe")
    scene.tell()
    scene.turn()
    assert scene.subscriber.asked()[-1]["hub.mode"] == "unsubscribe"
    assert "hub.lease_seconds" not in scene.subscriber.asked()[-1]
    assert not scene.store.subscriptions()
    count = len(scene.subscriber.got())
    scene.tell()
    scene.turn()
    assert len(scene.subscriber.got()) == count


def test_a_subscription_ends_with_its_lease_and_a_renewal_before_keeps_it_alive(scene: Scene) -> None:
    scene.subscribe(lease_seconds="3600")
    scene.now += timedelta(minutes=59)
    scene.subscribe(lease_seconds="3600", secret="new")
    scene.now += timedelta(minutes=59)
    scene.tell()
    scene.turn()
    (got,) = scene.subscriber.got()
    assert got.headers["x-hub-signature"] == "sha256=" + hmac.digest(b"new", got.body, hashlib.sha256).hex()
    scene.now += timedelta(minutes=1)
    scene.tell()
    scene.turn()
    assert len(scene.subscriber.got()) == 1
    assert not scene.store.subscriptions()


def test_a_feed_that_is_gone_is_denied_before_the_subscriber_is_asked_and_after_it_subscribed(scene: Scene) -> None:
    topic = f"{PUBLIC}/feeds/source/comtois-info.rss"
    scene.tell()
    scene.subscribe(topic=topic)
    scene.ask(topic=topic, callback=scene.subscriber.callback("/late"))
    scene.store.withdraw(INFO.url, "an editor", "", NOW)
    scene.turn()
    for path in ("/callback", "/late"):
        denied = scene.subscriber.asked(path)[-1]
        assert denied.pop("hub.reason")
        assert denied == {"hub.mode": "denied", "hub.topic": topic}
    assert len(scene.subscriber.asked("/late")) == 1
    assert not scene.store.subscriptions() and not scene.subscriber.got()


def test_a_denial_that_nobody_hears_is_not_repeated(scene: Scene) -> None:
    topic = f"{PUBLIC}/feeds/source/comtois-info.rss"
    scene.ask(topic=topic)
    scene.store.withdraw(INFO.url, "an editor", "", NOW)
    scene.subscriber.says["GET", "/callback"] = saying(b"nonsense")
    scene.turn()
    scene.turn()
    assert len(scene.subscriber.asked()) == 1


# ── what is sent


@pytest.mark.parametrize(
    "path",
    [
        "all.atom",
        "economie.atom",
        "economie.rss",
        "economie.json",
        "source/comtois-info.json",
        "economie.rss?content=summary&credit=prefix&img=none&limit=5",
    ],
)
def test_what_is_sent_is_what_the_site_serves_byte_for_byte(scene: Scene, path: str) -> None:
    topic = f"{PUBLIC}/feeds/{path}"
    scene.subscribe(topic=topic)
    scene.tell()
    scene.turn()
    (got,) = scene.subscriber.got()
    assert (got.body, got.headers["content-type"]) == scene.served(f"/feeds/{path}")
    assert got.headers["link"] == f'<{PUBLIC}/hub>; rel="hub", <{topic}>; rel="self"'
    assert "x-hub-signature" not in got.headers
    assert scene.only.delivered_at == NOW and scene.only.version == scene.only.owed


def test_several_changes_are_one_delivery_and_no_change_is_none(scene: Scene) -> None:
    scene.subscribe()
    scene.tell()
    scene.tell()
    scene.turn()
    scene.turn()
    (got,) = scene.subscriber.got()
    assert b"Titre g1" in got.body and b"Titre g2" in got.body


def test_what_changed_between_request_and_confirmation_is_sent_after_it(scene: Scene) -> None:
    scene.tell()
    scene.ask()
    scene.tell()
    scene.turn()  # asks
    scene.turn()
    (got,) = scene.subscriber.got()
    assert b"Titre g2" in got.body


def test_one_who_subscribes_to_what_does_not_change_is_sent_nothing(scene: Scene) -> None:
    scene.tell()
    scene.subscribe()
    scene.turn()
    assert not scene.subscriber.got()


def test_a_feed_that_is_the_same_after_a_change_is_not_sent_again(scene: Scene) -> None:
    scene.subscribe()
    scene.tell()
    scene.turn()
    version = scene.only.version
    others = [view.source for view in scene.store.sources() if view.source.url != INFO.url]
    scene.store.sync_sources([INFO, *(replace(source, interval=timedelta(minutes=45)) for source in others)], NOW)
    scene.turn()
    assert len(scene.subscriber.got()) == 1
    assert scene.only.version == scene.only.owed > version


def test_a_retraction_is_sent(scene: Scene) -> None:
    scene.subscribe()
    scene.tell()
    scene.tell()
    scene.turn()
    item = next(stored for stored in scene.store.items() if stored.item.guid == "g1")
    scene.store.hide(item.id, "an editor", "", NOW)
    scene.turn()
    _, got = scene.subscriber.got()
    assert b"Titre g1" not in got.body and b"Titre g2" in got.body


def test_subscribers_of_one_topic_share_one_rendering(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []
    sound = hub_module.publish_feed

    def counted(store: Store, slug: str, *rest: Any) -> Any:
        rendered.append(slug)
        return sound(store, slug, *rest)

    monkeypatch.setattr(hub_module, "publish_feed", counted)
    for number in range(5):
        scene.subscribe(callback=scene.subscriber.callback(f"/{number}"))
    scene.tell()
    scene.turn()
    assert rendered == ["economie"]
    assert all(len(scene.subscriber.got(f"/{number}")) == 1 for number in range(5))


def test_few_renderings_are_kept(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "DOCUMENTS_KEPT", 1)
    for slug in ("all", "economie", "source/comtois-info"):
        scene.subscribe(topic=f"{PUBLIC}/feeds/{slug}.atom", callback=scene.subscriber.callback(f"/{slug}"))
    scene.tell()

    async def look() -> int:
        async with scene.hub() as hub:
            await hub.dispatch()
            await hub.finish()
            return len(hub._documents)

    assert asyncio.run(look()) == 1
    assert len(scene.subscriber.got("/all")) == len(scene.subscriber.got("/source/comtois-info")) == 1


# ── what fails


def test_410_ends_a_subscription(scene: Scene) -> None:
    scene.subscribe()
    scene.subscriber.says["POST", "/callback"] = saying(answer(410))
    scene.tell()
    scene.turn()
    assert not scene.store.subscriptions() and len(scene.subscriber.got()) == 1


def test_a_delivery_that_fails_is_tried_again_at_its_time_with_what_the_feed_is_then(scene: Scene) -> None:
    scene.subscribe()
    scene.subscriber.says["POST", "/callback"] = saying(answer(503))
    scene.tell()
    scene.turn()
    assert (scene.only.tries, scene.only.error, scene.only.due_at) == (1, "503", NOW + timedelta(seconds=10))
    scene.now += timedelta(seconds=9)
    scene.tell()
    scene.turn()
    assert len(scene.subscriber.got()) == 1
    scene.now += timedelta(seconds=1)
    del scene.subscriber.says["POST", "/callback"]
    scene.turn()
    assert scene.subscriber.got()[-1].body == scene.served("/feeds/economie.atom")[0]
    assert (scene.only.tries, scene.only.error, scene.only.due_at) == (0, "", None)


@pytest.mark.parametrize(
    ("said", "error"),
    [(saying(answer(302, {"Location": "/callback"})), "302"), (saying(b"nonsense"), "connection")],
    ids=["a redirect", "nonsense"],
)
def test_only_a_2xx_is_a_delivery_and_no_redirect_is_followed(
    scene: Scene, said: Callable[[Request], Answer], error: str
) -> None:
    scene.subscribe()
    scene.subscriber.says["POST", "/callback"] = said
    scene.tell()
    scene.turn()
    assert (len(scene.subscriber.origin.requests), scene.only.error) == (2, error)


def test_one_who_is_not_there_for_a_day_is_given_up(scene: Scene) -> None:
    scene.subscribe(lease_seconds="2592000")
    scene.subscriber.says["POST", "/callback"] = saying(answer(500))
    scene.tell()
    began = scene.now
    for _ in range(TRIES):
        scene.turn()
        scene.now = (scene.store.subscriptions() and scene.only.due_at) or scene.now
    assert not scene.store.subscriptions() and len(scene.subscriber.got()) == TRIES
    assert timedelta(hours=20) < scene.now - began < timedelta(hours=26)


def test_a_renewal_lets_what_failed_be_tried_at_once(scene: Scene) -> None:
    scene.subscribe()
    scene.subscriber.says["POST", "/callback"] = saying(answer(500))
    scene.tell()
    scene.turn()
    del scene.subscriber.says["POST", "/callback"]
    scene.subscribe()
    scene.turn()
    assert len(scene.subscriber.got()) == 2 and scene.only.tries == 0


def test_subscribers_that_hang_delay_no_others_and_stand_behind_them_the_next_time(scene: Scene) -> None:
    good, dead = [f"/good/{number}" for number in range(30)], [f"/dead/{number}" for number in range(30)]
    for path in (*dead, *good):
        subscribe_straight(scene, scene.subscriber.callback(path))
    for path in dead:
        scene.subscriber.says["POST", path] = hanging
    scene.tell()

    async def serve() -> None:
        async with scene.hub(patience_seconds=0.02) as hub:
            await hub.dispatch()
            await until(lambda: all(scene.subscriber.got(path) for path in good))
            await until(lambda: sum(each.version == each.owed for each in scene.store.subscriptions()) == len(good))
            await hub.dispatch()  # what is under way is not begun again
        assert all(len(scene.subscriber.got(path)) <= 1 for path in dead)

    asyncio.run(serve())


def test_one_known_to_be_slow_takes_no_turn_from_the_others_and_is_sent_one_document_at_a_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "QUICK", Width(1, 1))
    for path in ("/good", "/dead"):
        subscribe_straight(scene, scene.subscriber.callback(path))
    dead = scene.store.subscriptions()[1]
    assert dead.callback.endswith("/dead")
    scene.store.take_pushes([Pushed(dead.id, 0, "", NOW, slow=True)])
    scene.subscriber.says["POST", "/dead"] = hanging

    async def serve() -> None:
        async with scene.hub(patience_seconds=60) as hub:
            for count in range(1, 4):
                scene.tell()
                await hub.dispatch()
                await until(lambda count=count: len(scene.subscriber.got("/good")) == count)
                await until(lambda: len(scene.store.owed(NOW)) == 1)
        assert len(scene.subscriber.got("/dead")) == 1

    asyncio.run(serve())


def test_one_who_answers_late_is_served_in_the_slow_lane_from_then_on(scene: Scene) -> None:
    scene.subscribe()
    scene.subscriber.says["POST", "/callback"] = lambda _: iter([PAUSE, answer()])
    for _ in range(2):
        scene.tell()
        scene.turn(patience_seconds=0.001)
        assert scene.only.slow
    del scene.subscriber.says["POST", "/callback"]
    scene.tell()
    scene.turn()
    assert len(scene.subscriber.got()) == 3 and not scene.only.slow


def subscribe_straight(scene: Scene, callback: str, host: str = "127.0.0.1") -> None:
    """A subscription without any request."""
    asked = Intent(Mode.SUBSCRIBE, "economie", "economie.atom", TOPIC, callback, host)
    scene.store.confirm(asked, scene.now + timedelta(days=10))


# ── who may be reached


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"])
def test_no_callback_leads_inside_neither_for_a_question_nor_for_a_document(scene: Scene, host: str) -> None:
    with Origin(lambda _: answer()) as inside:
        callback = f"http://{host}:{inside.port}/callback"
        scene.ask(callback=callback)
        scene.turn()
        assert not scene.store.subscriptions()
        subscribe_straight(scene, callback)  # a name may lead elsewhere after it was confirmed
        scene.tell()
        scene.turn()
        assert inside.connections == 0
    assert scene.only.error in {"blocked_address", "connection"} and scene.only.tries == 1


def test_neither_secret_nor_callback_nor_challenge_stands_in_the_log(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "tributary")
    callback = scene.subscriber.callback("/only-we-know")
    for said in (answer(), answer(500), b"HTTP/1.1 200 OK\r\nbad\x00header: \r\n\r\n", answer(410)):
        scene.subscribe(callback=callback, secret="hush-hush")
        scene.tell()
        scene.subscriber.says["POST", "/only-we-know"] = saying(said)
        scene.turn()
    challenges = [asked["hub.challenge"] for asked in scene.subscriber.asked("/only-we-know")]
    lines = " ".join(record.getMessage() for record in caplog.records if record.name == "tributary")
    for word in ("confirmed mode=subscribe", "delivered", "undelivered", "ended"):
        assert f"{word} " in lines
    assert not any(word in lines for word in ("only-we-know", "hush-hush", *challenges))


# ── faults of ours


class Bent:
    """A store of which one method fails."""

    def __init__(self, store: Store, name: str, error: Exception) -> None:
        self._store, self._name, self._error = store, name, error
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        if name != self._name:
            return getattr(self._store, name)

        def fail(*_: object) -> None:
            self.calls += 1
            raise self._error

        return fail


@pytest.mark.parametrize("method", ["feed", "take_pushes", "confirm"])
@pytest.mark.parametrize(
    "error", [StoreError("the disk is full"), ZeroDivisionError("a fault")], ids=["store", "fault"]
)
def test_what_cannot_be_read_or_kept_rests_for_a_while_and_is_owed_still(
    scene: Scene, method: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    scene.subscribe()
    scene.tell()
    scene.ask(callback=scene.subscriber.callback("/other"))
    bent = Bent(scene.store, method, error)

    async def serve() -> None:
        async with scene.hub(cast(Store, bent)) as hub:
            for _ in range(3):
                await hub.dispatch()
                await hub.finish()
            assert bent.calls == 1
            scene.now += timedelta(minutes=6)
            await hub.dispatch()
            await hub.finish()
            assert bent.calls == 2

    with caplog.at_level(logging.ERROR, "tributary"):
        asyncio.run(serve())
    assert len(caplog.records) == 2
    scene.turn()
    assert scene.subscriber.got()[-1].body == scene.served("/feeds/economie.atom")[0]
    assert len(scene.store.subscriptions()) == 2


def test_a_hub_that_is_stopped_leaves_what_was_under_way_owed(scene: Scene) -> None:
    scene.subscribe()
    scene.subscriber.says["POST", "/callback"] = hanging
    scene.tell()

    async def stop() -> None:
        async with scene.hub() as hub:
            await hub.dispatch()
            await until(scene.subscriber.got)

    asyncio.run(stop())
    assert scene.only.version < scene.only.owed and scene.only.tries == 0
    del scene.subscriber.says["POST", "/callback"]
    scene.turn()
    assert scene.only.version == scene.only.owed


# ── the whole


def test_a_running_poller_serves_whoever_asked_the_site(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "PUSH_SECONDS", 0.02)
    settings = replace(scene.world.settings, opml=write_list(scene))

    async def run() -> None:
        poller = Poller(settings, scene.store, lambda _: None, lambda: scene.now)
        task = asyncio.create_task(poller.run())
        scene.ask()
        await until(scene.store.subscriptions)
        scene.tell()
        await until(scene.subscriber.got)
        poller.stop.set()
        await asyncio.wait_for(task, 5)

    asyncio.run(run())
    assert b"Titre g1" in scene.subscriber.got()[0].body


@pytest.mark.parametrize(
    ("changes", "jobs"),
    [({}, ["Hub"]), ({"hub": False}, []), ({"hub_url": "https://hub.example/"}, ["Pinger"])],
    ids=["our hub", "none", "another"],
)
def test_the_settings_say_who_is_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], jobs: list[str]
) -> None:
    for name in ("PUSH_SECONDS", "DISPATCH_SECONDS"):
        monkeypatch.setattr(scheduler, name, 0.01)
    seen: list[str] = []
    for kind in (scheduler.Hub, scheduler.Pinger):
        monkeypatch.setattr(kind, "dispatch", noting(seen, kind.__name__))
    settings = replace(scene.world.settings, opml=write_list(scene), **changes)

    async def run() -> None:
        poller = Poller(settings, scene.store, lambda _: None, lambda: scene.now)
        task = asyncio.create_task(poller.run())
        rounds: list[datetime] = []
        poller.clock = lambda: rounds.append(scene.now) or scene.now  # type: ignore[func-returns-value]
        await until(lambda: seen or (not jobs and rounds))
        poller.stop.set()
        await asyncio.wait_for(task, 5)

    asyncio.run(run())
    assert sorted(set(seen)) == jobs


def noting(seen: list[str], name: str) -> Callable[[object], Any]:
    async def dispatch(_: object) -> None:
        seen.append(name)

    return dispatch


def write_list(scene: Scene) -> str:
    """A feeds.opml without any source; those of the store stay known."""
    file = Path(scene.world.settings.database).with_name("feeds.opml")
    line = (
        f'<outline type="rss" text="{INFO.title}" xmlUrl="{INFO.url}" xmlns:t="urn:tributary:opml:1" t:paused="true"/>'
    )
    file.write_text(f'<opml version="2.0"><head/><body>{line}</body></opml>', encoding="utf-8")
    return str(file)


# ── lanes


def test_who_is_slow_gives_its_turn_to_others_while_the_slow_lane_has_room() -> None:
    async def work(events: list[str], name: str, gate: asyncio.Event | None = None) -> str:
        events.append(name)
        if gate:
            await gate.wait()
        return name

    async def run() -> list[str]:
        lanes, gate, events = Lanes(Width(1, 1), Width(1, 1), 0.001), asyncio.Event(), list[str]()
        slow = [asyncio.create_task(lanes.run("a", lambda n=n: work(events, f"slow {n}", gate))) for n in "12"]  # type: ignore[misc]
        await until(lambda: len(events) == 2)  # the second has the quick lane's only turn, and the slow lane is full
        quick = asyncio.create_task(lanes.run("b", lambda: work(events, "quick")))
        known = asyncio.create_task(lanes.run("b", lambda: work(events, "known"), slow=True))
        assert not (await asyncio.wait({quick, known}, timeout=0.05))[0]
        gate.set()
        assert [await task for task in (*slow, quick, known)] == ["slow 1", "slow 2", "quick", "known"]
        return events

    assert sorted(asyncio.run(run())) == ["known", "quick", "slow 1", "slow 2"]


def test_what_may_be_done_again_gives_its_turn_up_where_the_slow_lane_is_full() -> None:
    async def work(events: list[str], name: str, gate: asyncio.Event | None = None) -> str:
        events.append(name)
        if gate:
            await gate.wait()
        return name

    async def run() -> list[str]:
        lanes, gate, events = Lanes(Width(1, 1), Width(1, 1), 0.001, again=True), asyncio.Event(), list[str]()
        behind: list[str] = []

        async def run(name: str) -> str:
            return await lanes.run("a", lambda: work(events, name, gate), behind=lambda: behind.append(name))

        slow = [asyncio.create_task(run(f"slow {n}")) for n in "123"]
        await until(lambda: len(events) == 3)
        assert await lanes.run("b", lambda: work(events, "quick")) == "quick"
        await until(lambda: len(behind) == 3)
        gate.set()
        assert [await task for task in slow] == ["slow 1", "slow 2", "slow 3"]
        return events

    events = asyncio.run(run())
    assert events.count("slow 1") == 1 and events.count("slow 2") == events.count("slow 3") == 2


def test_what_is_called_off_in_a_lane_ends() -> None:
    ended = SimpleNamespace(yes=False)

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.yes = True

    async def run() -> None:
        task = asyncio.create_task(Lanes(Width(1, 1), Width(1, 1), 60).run("a", work))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: ended.yes)

    asyncio.run(run())
