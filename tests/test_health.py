"""What is the matter with a source: judged of its state, found by polls, told to editors."""

import asyncio
import ssl
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

import scheduler
from aggregator import health, poll
from aggregator.cli.running import demo_settings
from aggregator.config import Settings
from aggregator.demo import Origin as Demo
from aggregator.errors import ErrorClass
from aggregator.fetch import fetch
from aggregator.health.judging import AFTER, ALL_KINDS, BY_ANSWER, USUALLY_AFTER
from aggregator.health.remedies import REMEDIES
from aggregator.httpclient import HttpClient
from aggregator.httpclient.certificates import certificate_of
from aggregator.model import (
    Certificate,
    Condition,
    ConditionKind,
    Fetched,
    FetchFailed,
    Gone,
    NotModified,
    Rhythm,
    Source,
    SourceKind,
    SourceState,
)
from aggregator.parse.announced import announced
from aggregator.pipeline import Pipeline, read_sources
from aggregator.store import open_store
from tests.origin import Origin, answer
from tests.test_cli import feeds_opml
from tests.test_httpclient import server_side
from tests.test_pipeline import World, rss
from tests.test_scheduler import Region, until
from tests.values import NOW, SOURCE, date, make_item

HOURS, DAYS = timedelta(hours=1), timedelta(days=1)
LINE = Source(SOURCE, title="L’Outlet", site="https://outlet.example/")
SOUND = SourceState(SOURCE, checked_at=NOW, succeeded_at=NOW, status=200)
FEED = "https://outlet.example/actu.rss"
MOVED = replace(SOUND, moved_to=FEED, moved_since=NOW - DAYS, moved_seen=2)


def failing(error_class: ErrorClass, count: int, **changes: object) -> SourceState:
    state = SourceState(SOURCE, succeeded_at=NOW - 9 * DAYS)
    for hour in range(count):
        failure = FetchFailed(SOURCE, error_class, "so it is", NOW + hour * HOURS)
        state = poll.failed(state, LINE, failure, Settings())
    return replace(state, **changes)  # type: ignore[arg-type]


def found(state: SourceState, now: datetime = NOW, source: Source = LINE) -> tuple[Condition, ...]:
    return health.judge(source, state, now).conditions


def kinds(state: SourceState, now: datetime = NOW, source: Source = LINE) -> list[str]:
    return [each.kind for each in found(state, now, source)]


# ── errors


@pytest.mark.parametrize("error_class", ErrorClass)
def test_every_error_class_is_a_condition_after_some_failures_with_evidence_and_a_remedy(
    error_class: ErrorClass,
) -> None:
    own = {ErrorClass.GONE: "gone", ErrorClass.SUSPECT: "suspect"}.get(error_class, "failing")
    after = max(AFTER.get(error_class, USUALLY_AFTER), 1)
    assert not found(failing(error_class, after - 1))
    (only,) = found(failing(error_class, after))
    assert (only.kind, only.error_class, only.since) == (own, error_class, NOW)
    assert "so it is" in only.evidence and only.remedy == REMEDIES[error_class]


@pytest.mark.parametrize("error_class", [each for each in ErrorClass if each is not ErrorClass.SUSPECT])
def test_a_source_that_never_answered_is_told_at_its_first_failure(error_class: ErrorClass) -> None:
    (only,) = found(failing(error_class, 1, succeeded_at=None))
    assert only.error_class is error_class


def test_the_evidence_says_how_often_it_failed_and_since_when_the_first_of_them() -> None:
    (only,) = found(failing(ErrorClass.TIMEOUT, 7))
    assert only.evidence == "It failed 7 times in a row since 2026-02-11 12:00 UTC: so it is."
    assert only.figures["count"] == 7


def test_what_is_odd_and_was_read_all_the_same_is_suspect() -> None:
    (only,) = found(replace(SOUND, error_class=ErrorClass.SUSPECT, error="other ids"))
    assert only.kind is ConditionKind.SUSPECT and "It was read" in only.evidence


def test_a_page_in_place_of_a_feed_is_told_with_the_feed_that_it_names() -> None:
    (only,) = found(failing(ErrorClass.NOT_A_FEED, 2, announced=FEED))
    assert (only.kind, only.address) == (ConditionKind.HTML, FEED)
    assert FEED in only.evidence and only.remedy == f"Replace its address by {FEED}."
    for names_none in ("", SOURCE):
        (only,) = found(failing(ErrorClass.NOT_A_FEED, 2, announced=names_none))
        assert (only.kind, only.address) == (ConditionKind.HTML, "")
        assert "no other feed" in only.evidence and LINE.site in only.remedy
    (only,) = found(failing(ErrorClass.NOT_A_FEED, 2, announced=""), source=Source(SOURCE))
    assert "its site" in only.remedy


def test_of_a_page_that_is_a_source_the_selectors_are_to_be_mended() -> None:
    page = replace(LINE, kind=SourceKind.PAGE)
    (only,) = found(failing(ErrorClass.NOT_A_FEED, 2), source=page)
    assert only.kind is ConditionKind.FAILING and "selectors" in only.remedy


# ── moved


def test_permanent_redirects_are_told_from_the_second_on_and_need_somebody_only_if_they_cannot_be_followed() -> None:
    assert not found(replace(MOVED, moved_seen=1))
    (only,) = found(MOVED)
    assert (only.kind, only.since, only.address) == (ConditionKind.MOVED, NOW - DAYS, FEED)
    assert not health.needs_somebody(only) and "followed" in only.remedy
    (only,) = found(replace(MOVED, unmoved="its line holds a password"))
    assert health.needs_somebody(only) and "a password" in only.evidence
    assert only.remedy == f"Replace its address by {FEED}."


# ── certificates


@pytest.mark.parametrize(
    ("lifetime", "left", "is_told"),
    [
        *((90, 15, False), (90, 14, True), (90, 1, True), (90, 0, True), (90, -3, True), (47, 14, True)),
        *((10, 9, False), (10, 2.5, True), (6, 2, False), (6, 1.4, True)),  # made by programs, every few days
    ],
)
def test_a_certificate_is_told_of_two_weeks_before_it_ends(lifetime: float, left: float, is_told: bool) -> None:
    until = NOW + left * DAYS
    state = replace(SOUND, certificate=Certificate(until - lifetime * DAYS, until))
    assert kinds(state) == (["certificate"] if is_told else [])


def test_the_evidence_says_when_a_certificate_ends() -> None:
    state = replace(SOUND, certificate=Certificate(NOW - 80 * DAYS, NOW + 10 * DAYS))
    (soon,), (tomorrow,), (over,) = found(state), found(state, NOW + 9 * DAYS), found(state, NOW + 11 * DAYS)
    assert soon.evidence == "Its TLS certificate ends on 2026-02-21 12:00 UTC, in 10 days."
    assert "in a day" in tomorrow.evidence and "over" in over.evidence
    assert [each.figures["days"] for each in (soon, tomorrow, over)] == [10, 1, -1]


def ask(url: str, authority: str, certificate: Path, state: SourceState | None = None) -> Fetched | NotModified:
    trust = ssl.create_default_context(cafile=str(certificate))

    async def once() -> object:
        async with HttpClient(Settings(allow_private=(authority,)), tls=trust) as client:
            return await fetch(Source(url), state or SourceState(url), client, NOW)

    outcome = asyncio.run(once())
    assert isinstance(outcome, Fetched | NotModified)
    return outcome


def test_the_end_of_a_certificate_is_read_from_the_connection_of_every_answer(certificate: Path) -> None:
    def reply(request: object) -> bytes:
        held = "if-none-match" in request.headers  # type: ignore[attr-defined]
        return answer(304 if held else 200, {"ETag": '"1"'}, b"" if held else rss("Un"))

    with Origin(reply, server_side(certificate)) as origin:
        fetched = ask(origin.url("/feed"), origin.authority, certificate)
        state = replace(SourceState(origin.url("/feed")), etag='"1"')
        unchanged = ask(origin.url("/feed"), origin.authority, certificate, state)
        assert isinstance(fetched, Fetched) and isinstance(unchanged, NotModified)
        assert origin.connections == 2  # for two answers
    assert fetched.certificate == unchanged.certificate is not None
    assert fetched.certificate.until - fetched.certificate.since == 2 * DAYS
    after = poll.succeeded(state, Source(state.url), unchanged, None, Settings())
    assert after.certificate == fetched.certificate
    assert kinds(after, fetched.certificate.until - 3 * HOURS, Source(state.url)) == ["certificate"]
    assert kinds(after, fetched.certificate.until - 40 * HOURS, Source(state.url)) == []


def test_behind_a_redirect_the_certificate_that_ends_first_counts_and_without_tls_there_is_none(
    certificate: Path,
) -> None:
    with (
        Origin(lambda request: answer(body=rss("Un"))) as plain,
        Origin(lambda request: answer(301, {"Location": plain.url("/feed")}), server_side(certificate)) as secure,
    ):
        settings = Settings(allow_private=(plain.authority, secure.authority))
        trust = ssl.create_default_context(cafile=str(certificate))

        async def both() -> list[Certificate | None]:
            async with HttpClient(settings, tls=trust) as client:
                return [(await client.get(each.url("/"))).certificate for each in (secure, plain)]

        behind, none = asyncio.run(both())
    assert behind and behind.until and none is None


class Shown:
    def __init__(self, peercert: object) -> None:
        self.peercert = peercert

    def get_extra_info(self, name: str) -> object:
        return getattr(self, name)


@pytest.mark.parametrize("peercert", [None, {}, {"notAfter": "Feb 11 12:00:00 2026 GMT"}, {"notBefore": "x"}])
def test_a_certificate_without_times_is_none(peercert: object) -> None:
    assert certificate_of(Shown(peercert)) is None  # type: ignore[arg-type]
    assert certificate_of(None) is None


# ── time


def test_a_silent_source_is_told_with_figures_as_of_the_last_time_that_it_was_asked() -> None:
    rhythm = Rhythm((1,) * 168, 40 * DAYS.total_seconds(), NOW - 9 * DAYS, pauses=30, pause=1.0, spread=0.9)
    (only,) = found(replace(SOUND, rhythm=rhythm))
    assert (only.kind, only.since) == (ConditionKind.SILENT, NOW - 9 * DAYS)
    assert (
        "Nothing new since 2026-02-02 12:00 UTC, for 9 days: " in only.evidence and "its usual pause." in only.evidence
    )
    assert LINE.site in only.remedy and only.figures["days"] == 9
    assert not found(replace(SOUND, rhythm=rhythm, succeeded_at=NOW - 8.9 * DAYS))  # since then we did not ask
    assert "silent" not in kinds(failing(ErrorClass.TIMEOUT, 3, rhythm=rhythm, succeeded_at=NOW))


def old_document(age: float = 100, **changes: object) -> SourceState:
    newest = NOW - age * DAYS
    return replace(SOUND, entries=11, newest=newest, oldest=newest - 20 * DAYS, **changes)  # type: ignore[arg-type]


def test_a_source_is_frozen_when_all_that_its_document_says_is_long_past_whatever_its_rhythm_is() -> None:
    (only,) = found(old_document())
    assert (only.kind, only.since) == (ConditionKind.FROZEN, NOW - 100 * DAYS)
    assert "the newest of its 11 items is of 2025-11-03, 100 days ago; its document does not change." in only.evidence
    assert not found(old_document(59))
    rhythm = Rhythm((1,) * 168, 40 * DAYS.total_seconds(), NOW - 99 * DAYS, pauses=30, pause=1.0, spread=0.9)
    assert kinds(old_document(rhythm=rhythm)) == ["frozen"]  # and not silent too


def test_the_evidence_says_whether_a_frozen_document_is_made_anew_again_and_again() -> None:
    (anew,), (left,) = found(old_document(body_changed_at=NOW)), found(old_document(body_changed_at=NOW - 90 * DAYS))
    assert "changes all the same, last on 2026-02-11 12:00 UTC" in anew.evidence
    assert "has not changed since 2025-11-13 12:00 UTC" in left.evidence


def test_a_document_is_not_frozen_where_dates_are_far_apart_or_unknown_or_news_comes_without() -> None:
    quarterly = replace(old_document(), entries=3, oldest=NOW - 280 * DAYS)
    assert not found(quarterly)
    assert not found(replace(old_document(), newest=None))
    fresh = Rhythm((1,) * 168, 40 * DAYS.total_seconds(), NOW - DAYS, pauses=3)
    assert not found(old_document(rhythm=fresh))
    assert kinds(old_document(rhythm=replace(fresh, pauses=0))) == ["frozen"]  # it was read for the first time


def test_a_source_without_a_sound_answer_is_neither_silent_nor_frozen() -> None:
    assert not found(replace(old_document(), succeeded_at=None))
    assert not found(replace(old_document(), error_class=ErrorClass.TIMEOUT, error_count=1))


def test_of_a_paused_source_nothing_else_is_said() -> None:
    paused = replace(LINE, paused=True)
    assert kinds(failing(ErrorClass.TIMEOUT, 9), source=paused) == ["paused"]
    assert not health.needs_somebody(found(SOUND, source=paused)[0])
    assert health.after_poll(paused, SOUND, failing(ErrorClass.TIMEOUT, 9), NOW) is None


def test_after_a_poll_without_trouble_there_is_nothing_to_write() -> None:
    broken = failing(ErrorClass.TIMEOUT, 3)
    assert health.after_poll(LINE, SOUND, SOUND, NOW) is None
    for before, after in ((SOUND, broken), (broken, SOUND), (SOUND, MOVED)):
        judged = health.after_poll(LINE, before, after, NOW)
        assert judged and judged.looked_for == BY_ANSWER < ALL_KINDS
        assert judged.conditions == found(after)


# ── the feed that a page names


@pytest.mark.parametrize(
    ("head", "feed"),
    [
        ('<link rel="alternate" type="application/rss+xml" href="/feed/">', "https://x.example/feed/"),
        ("<LINK HREF=https://y.example/a TYPE='Application/Atom+XML; x=1' REL='home alternate'/>", "https://y.example/a"),
        ('<base href="/fr/"><link rel=alternate type=application/feed+json href="f.json">', "https://x.example/fr/f.json"),
        ('<link rel="alternate" type="application/rss+xml" href="/a?b=1&amp;c=2">', "https://x.example/a?b=1&c=2"),
        ('<link rel="stylesheet" type="application/rss+xml" href="/feed/">', ""),
        ('<link rel="alternate" hreflang="en" type="text/html" href="/en">', ""),
        ('<link rel="alternate" type="application/rss+xml" href="javascript:alert(1)">', ""),
        ('<link rel="alternate" type="application/rss+xml" href="">', ""),
        ('<link rel="alternate" type="application/rss+xml" href="https://x.example/\u202e">', ""),
        (f'<link rel="alternate" type="application/rss+xml" href="https://x.example/{"a" * 2000}">', ""),
        ('<link rel="alternate" type="application/rss+xml" href="/asked"><link rel="alternate" type="application/rss+xml"'
         ' href="/comments">', ""),
    ],
)  # fmt: skip
def test_the_feed_that_a_page_names_is_found(head: str, feed: str) -> None:
    assert announced(f"<!doctype html><html><head>{head}</head><body>", "https://x.example/asked") == feed


# ── by polls


def first_of(world: World) -> list[str]:
    return [each.condition.kind for each in world.store.conditions()]


def test_polls_begin_and_end_episodes(tmp_path: Path) -> None:
    page = b'<!doctype html><html><head><link rel="alternate" type="application/rss+xml" href="/new"></head></html>'
    with World(tmp_path, feed=answer(body=rss("Un"))) as world:
        world.poll(NOW - HOURS)
        world.answers["feed"] = answer(body=page)
        world.poll()
        assert first_of(world) == []
        world.poll(NOW + HOURS)
        (episode,) = world.store.conditions()
        assert episode.condition.address == world.origin.url("/new") and episode.condition.since == NOW
        world.answers["feed"] = answer(503)
        world.poll(NOW + 2 * HOURS)
        assert first_of(world) == ["failing"]
        world.answers["feed"] = answer(410)
        world.poll(NOW + 3 * HOURS)
        assert first_of(world) == ["gone"]
        world.answers["feed"] = answer(body=rss("Un", "Deux"))
        world.poll(NOW + 4 * HOURS)
        assert first_of(world) == []
        history = world.store.history(world.origin.url("/feed"))
        told = [(each.condition.kind, each.until) for each in history]
        assert told == [("gone", NOW + 4 * HOURS), ("failing", NOW + 3 * HOURS), ("html", NOW + 2 * HOURS)]


def test_a_suspect_document_is_an_episode_from_the_first_on(tmp_path: Path) -> None:
    with World(tmp_path, feed=answer(body=rss(*map(str, range(7))))) as world:
        world.poll()
        world.answers["feed"] = answer(body=rss())
        world.poll(NOW + HOURS)
        assert first_of(world) == ["suspect"]


def test_a_source_that_cannot_be_followed_says_why(tmp_path: Path) -> None:
    redirect = answer(301, {"Location": "/new"})
    with World(tmp_path, feed=redirect, new=answer(body=rss("Un"))) as world:  # the list has no such file
        for hours in (0, 12, 25, 37):
            world.poll(NOW + hours * HOURS)
        (episode,) = [each for each in world.store.conditions() if each.source.endswith("/feed")]
        assert episode.condition.kind is ConditionKind.MOVED and episode.condition.address.endswith("/new")
        assert "another source of ours" in episode.condition.evidence
        world.answers["feed"] = answer(body=rss("Un"))
        world.poll(NOW + 50 * HOURS)
        assert first_of(world) == [] and not world.store.state(episode.source).unmoved


def test_time_alone_makes_a_source_silent_and_news_ends_it(tmp_path: Path) -> None:
    def said(*days: int) -> bytes:
        dates = [(NOW + day * DAYS).strftime("%a, %d %b %Y 06:00:00 +0000") for day in days]
        items = "".join(f"<item><guid>g{day}</guid><link>https://x.example/{day}</link><title>Le pont numéro {day}</title>"
                        f"<pubDate>{at}</pubDate></item>" for day, at in zip(days, dates, strict=True))  # fmt: skip
        return answer(body=f'<rss version="2.0"><channel><title>T</title>{items}</channel></rss>'.encode())

    with World(tmp_path, feed=said(*range(-20, 0))) as world:

        async def days(first: int, last: int) -> None:
            for day in range(first, last):
                now = NOW + day * DAYS
                async with Pipeline(world.settings, world.store, lambda now=now: now) as pipeline:  # type: ignore[misc]
                    if day < 10:
                        world.answers["feed"] = said(*range(day - 15, day + 1))
                    await pipeline.poll([(view.source, view.state) for view in world.store.sources()], lambda _: None)
                    await health.look(world.store, pipeline.write, now)

        asyncio.run(days(0, 12))
        assert first_of(world) == []
        asyncio.run(days(12, 19))
        assert first_of(world) == ["silent"]
        (episode,) = world.store.conditions()
        assert episode.condition.since == NOW + 9 * DAYS and "for 9 days" in episode.condition.evidence
        world.answers["feed"] = said(*range(0, 20))
        world.poll(NOW + 20 * DAYS)
        assert first_of(world) == []


def test_the_outages_of_the_demo_are_found_and_end(tmp_path: Path) -> None:
    with Demo(NOW) as origin:
        settings = demo_settings(Settings(workers=1), origin, str(tmp_path))
        store = open_store(settings.database)
        store.sync_sources(read_sources(settings), NOW)

        def polls(first: int, last: int) -> dict[str, str]:
            async def some() -> None:
                for number in range(first, last):
                    now = NOW + number * HOURS
                    async with Pipeline(settings, store, lambda: now) as pipeline:  # noqa: B023
                        listed = [(view.source, view.state) for view in store.sources()]
                        await pipeline.poll(listed, lambda _: None)
                        await health.look(store, pipeline.write, now)

            asyncio.run(some())
            names = {view.source.url: view.source.title for view in store.sources()}
            return {names[each.source]: each.condition.kind for each in store.conditions()}

        assert polls(0, 2) == {"Jura Hebdo des monts": "moved"}
        origin.break_feed()
        broken = polls(2, 5)
        assert sorted(broken.values()) == ["failing", "html", "moved"]
        origin.mend()
        assert polls(5, 6) == {"Jura Hebdo des monts": "moved"}
        store.close()


def test_all_sources_are_looked_at_however_many_there_are(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        urls = [f"https://{number}.example/" for number in range(501)]
        world.store.sync_sources([Source(url, paused=url == urls[-1]) for url in urls], NOW)

        async def look() -> None:
            async with Pipeline(world.settings, world.store, lambda: NOW) as pipeline:
                await health.look(world.store, pipeline.write, NOW)

        asyncio.run(look())
        assert [each.source for each in world.store.conditions()] == [urls[-1]]


def test_the_scheduler_looks_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "LOOK_FIRST_AFTER", timedelta(0))
    region = Region(tmp_path)
    with region.origin:
        region.write_list(feeds_opml(("one", region.origin.url("/one"), 'tributary:paused="true"')))

        async def play() -> None:
            async with region.polling(store := region.open()):
                await until(store.conditions)

        asyncio.run(play())
    store = region.open()
    assert [each.condition.kind for each in store.conditions()] == ["paused"]
    store.close()


# ── states


def test_the_state_says_since_when_it_fails_and_when_its_body_was_another() -> None:
    def fetched(at: datetime, fingerprint: str) -> Fetched:
        return Fetched(SOURCE, SOURCE, 200, {}, b"x", fingerprint, "", "", at)

    first = poll.succeeded(SourceState(SOURCE), LINE, fetched(NOW, "a"), None, Settings())
    same = poll.succeeded(first, LINE, fetched(NOW + HOURS, "a"), None, Settings())
    other = poll.succeeded(same, LINE, fetched(NOW + 2 * HOURS, "b"), None, Settings())
    assert (first.body_changed_at, same.body_changed_at, other.body_changed_at) == (NOW, NOW, NOW + 2 * HOURS)
    gone = poll.failed(other, LINE, Gone(SOURCE, NOW + 3 * HOURS), Settings())
    again = poll.failed(gone, LINE, Gone(SOURCE, NOW + 4 * HOURS), Settings())
    assert gone.failing_since == again.failing_since == NOW + 3 * HOURS
    assert poll.succeeded(again, LINE, fetched(NOW + 5 * HOURS, "b"), None, Settings()).failing_since is None


def test_the_state_says_from_when_to_when_its_document_is() -> None:
    items = [make_item(number, published=date(NOW - number * DAYS)) for number in (3, 1, 2)]
    after = poll.suspicion.accepted(SOUND, [*items, make_item(4, published=date(None))])
    assert (after.oldest, after.newest, after.entries) == (NOW - 3 * DAYS, NOW - DAYS, 4)


def test_the_reason_why_it_could_not_be_followed_goes_with_its_redirect() -> None:
    def seen(to: str) -> SourceState:
        unchanged = NotModified(SOURCE, {}, "", "", NOW, to)
        return poll.succeeded(replace(MOVED, unmoved="x"), LINE, unchanged, None, Settings())

    assert [seen(to).unmoved for to in (FEED, "https://z.example/", "")] == ["x", "", ""]
