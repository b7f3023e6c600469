"""Steps of the clock, either way, within a run and between two: nobody waits a day for it, nobody is asked twice."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import scheduler
from aggregator.fetch import feed as fetching
from aggregator.model import Advice, Doubt, Rhythm, SourceState
from aggregator.poll.clocks import put_back
from aggregator.store import Store, open_store
from scheduler import Every
from tests.origin import HANG, answer
from tests.test_cli import good
from tests.test_scheduler import Bent, Region, quick_jobs, region, said, turns, until
from tests.values import NOW, SOURCE, make_item, settle, sources

__all__ = ["quick_jobs", "region"]  # fixtures

DAY = timedelta(days=1)
USUAL = timedelta(hours=1)  # in which every source is due once
OTHER, THIRD = "https://other.example/feed", "https://third.example/feed"


@pytest.fixture(autouse=True)
def quick_watch(monkeypatch: pytest.MonkeyPatch, quick_jobs: None) -> None:
    """What looks at the clock does so every few milliseconds."""
    for name in ("CLOCK_SECONDS", "RENEW_SECONDS", "WATCH_SECONDS"):
        monkeypatch.setattr(scheduler, name, 0.02)


# ── within a run


@pytest.mark.parametrize("step", [DAY, -DAY])
def test_after_a_step_of_a_day_each_source_is_asked_once_and_then_at_its_pace(region: Region, step: timedelta) -> None:
    region.subscribe(matin=good("Un"), soir=good("Deux"))

    def asked() -> tuple[int, int]:
        return region.asked("matin"), region.asked("soir")

    async def play() -> None:
        async with region.polling() as poller:
            await until(lambda: len(region.reports) == 2)
            region.now += step
            if step > timedelta(0):
                await until(lambda: len(region.reports) == 4)  # a day has passed, as far as we know
            await turns(poller)
            before = asked()
            region.now += timedelta(minutes=4)
            await turns(poller)
            assert asked() == before  # no hurry
            region.now += USUAL
            await until(lambda: asked() == (before[0] + 1, before[1] + 1))

    asyncio.run(play())


def test_a_clock_that_was_ahead_for_a_while_holds_nobody_up_once_it_is_right(
    region: Region, caplog: pytest.LogCaptureFixture
) -> None:
    region.subscribe(matin=good("Un"), soir=good("Deux"))

    async def play() -> None:
        async with region.polling() as poller:
            await until(lambda: len(region.reports) == 2)
            region.now += DAY
            await until(lambda: len(region.reports) == 4)
            region.now -= DAY
            await until(lambda: said(caplog, "clock put back by_s=86400"))
            await turns(poller)
            assert len(region.reports) == 4
            region.now += USUAL
            await until(lambda: len(region.reports) == 6)

    asyncio.run(play())
    assert len(said(caplog, "clock put back")) == 1


def test_what_was_under_way_when_the_clock_was_put_back_is_no_longer_ahead_when_it_ends(region: Region) -> None:
    held = asyncio.Event()

    def slowly(sound: Callable[..., object], source: str, *rest: object) -> object:
        region.now -= DAY  # after it was fetched, before it is stored
        held.set()
        return sound(source, *rest)

    region.subscribe(matin=good("Un"))
    store = cast(Store, Bent(region.open(), settle=slowly))

    async def play() -> None:
        async with region.polling(store):
            await until(lambda: region.reports)
            await until(lambda: (store.state(region.origin.url("/matin")).next_check_at or NOW) < region.now + DAY / 2)

    asyncio.run(play())
    assert held.is_set()


def test_a_host_that_asked_for_ten_minutes_gets_no_day(region: Region) -> None:
    busy, fine = answer(429, {"Retry-After": "600"}), good("Un")
    region.subscribe(matin=busy)

    async def play() -> None:
        async with region.polling() as poller:
            await until(lambda: region.reports)
            region.answers["matin"] = fine
            region.now -= DAY
            await turns(poller)
            assert region.asked("matin") == 1
            region.now += USUAL
            await until(lambda: len(region.reports) == 2 and region.reports[1].status == "ok")

    asyncio.run(play())


@pytest.mark.parametrize("step", [DAY, -DAY, timedelta(days=365 * 50)])
def test_jobs_go_on_after_a_step(step: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = timedelta(0)

    class Stepped(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Stepped":  # type: ignore[override]
            return cast(Stepped, datetime.now(UTC) + ahead)

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Stepped)
    ran: list[bool] = []

    async def job() -> None:
        ran.append(True)

    async def play() -> None:
        nonlocal ahead
        jobs = AsyncIOScheduler(timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True})
        jobs.add_job(job, Every(0.02), id="job")
        poller = cast(scheduler.Poller, Clock(lambda: datetime.now(UTC) + ahead))
        jobs.start()
        watch = asyncio.create_task(scheduler.Poller._watch_clock(poller, jobs))
        await until(lambda: len(ran) > 2)
        ahead += step
        before = len(ran)
        await until(lambda: len(ran) > before + 2)
        assert len(ran) < before + 50  # each time that has passed is not made up for
        watch.cancel()
        jobs.shutdown(wait=False)

    asyncio.run(play())


class Clock:
    """What of a poller the watch needs."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock


# ── between two runs


@pytest.mark.parametrize("step", [DAY, -DAY])
def test_a_step_between_two_runs_lets_nobody_wait_for_longer_than_usual(region: Region, step: timedelta) -> None:
    region.subscribe(**{f"s{number}": good(f"Titre {number}") for number in range(5)})

    async def play() -> None:
        async with region.polling():
            await until(lambda: len(region.reports) == 5)
        region.now += step
        async with region.polling() as poller:
            if step > timedelta(0):
                await until(lambda: len(region.reports) == 10)
            await turns(poller)
            before = len(region.reports)
            region.now += USUAL
            await until(lambda: len(region.reports) == before + 5)

    asyncio.run(play())
    assert {region.asked(f"s{number}") for number in range(5)} == {3 if step > timedelta(0) else 2}


def test_a_lease_of_a_clock_that_was_ahead_ends_like_any_other(region: Region) -> None:
    region.subscribe(lente=iter([HANG]))
    store = region.open()
    store.sync_sources([replace(sources()[0], url=region.origin.url("/lente"))], region.now)
    store.claim(region.now + DAY, region.now + DAY + scheduler.LEASE, 9)  # and then the machine went down
    region.subscribe(lente=good("Un"))

    async def play() -> None:
        async with region.polling(store) as poller:
            await turns(poller)
            assert not region.reports
            region.now += scheduler.LEASE
            await until(lambda: region.reports)

    asyncio.run(play())


# ── what is put back


def test_states_are_put_back_together_so_that_their_order_stays(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER, THIRD), NOW)
    ahead = NOW + DAY
    kept = SourceState(THIRD, checked_at=NOW - timedelta(minutes=9), next_check_at=NOW + timedelta(hours=23))
    store.keep(
        [
            SourceState(SOURCE, checked_at=ahead, next_check_at=ahead + timedelta(minutes=30)),
            SourceState(OTHER, checked_at=ahead - timedelta(minutes=10), next_check_at=ahead + timedelta(minutes=5)),
            kept,
        ]
    )
    assert mend(store, NOW) == DAY
    assert [view.state.next_check_at for view in store.sources()] == [
        NOW + timedelta(minutes=30), NOW + timedelta(minutes=5), kept.next_check_at,
    ]  # fmt: skip
    assert store.state(OTHER).checked_at == NOW - timedelta(minutes=10)
    assert store.state(THIRD) == kept
    assert mend(store, NOW) == timedelta(0)


def test_a_host_is_closed_for_all_its_sources_until_the_time_that_was_meant(store: Store) -> None:
    beside = "https://other.example/sport"
    store.sync_sources(sources(SOURCE, OTHER, beside), NOW)
    until_then = NOW + DAY + timedelta(minutes=10)
    store.keep([SourceState(SOURCE, checked_at=NOW + DAY, next_check_at=NOW + DAY)])
    closed = SourceState(OTHER, checked_at=NOW + DAY, next_check_at=until_then, host_closed_until=until_then)
    store.keep([closed])
    assert mend(store, NOW) == DAY
    assert {store.state(url).next_check_at for url in (OTHER, beside)} == {NOW + timedelta(minutes=10)}
    assert store.due(NOW + timedelta(minutes=9), 9) == store.due(NOW, 9)


def test_a_lease_that_lasts_stays_and_one_that_is_too_long_ends_in_time(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER, THIRD), NOW)
    store.keep([SourceState(OTHER, checked_at=NOW + DAY, next_check_at=NOW + DAY)])
    lease = timedelta(minutes=5)
    store.claim(NOW, NOW + lease, 1)
    store.claim(NOW + DAY, NOW + DAY + lease, 9)
    assert mend(store, NOW) == DAY
    assert not store.due(NOW + lease - timedelta(seconds=1), 9)
    assert {source.url for source, _ in store.due(NOW + lease, 9)} == {SOURCE, OTHER, THIRD}


def test_a_clock_that_is_set_right_by_seconds_changes_nothing(store: Store) -> None:
    state = SourceState(SOURCE, checked_at=NOW + timedelta(seconds=59), next_check_at=NOW + timedelta(hours=1))
    store.keep([state])
    assert mend(store, NOW) == timedelta(0)
    assert store.state(SOURCE) == state


def mend(store: Store, now: datetime) -> timedelta:
    return store.put_back(now, scheduler.LEASE, put_back)


times = st.none() | st.integers(-10_000, 10_000).map(lambda minutes: NOW + timedelta(minutes=minutes))


@given(times, times, times, times, times, st.timedeltas(timedelta(0), timedelta(days=9)))
def test_nothing_that_was_written_ahead_stays_ahead_by_as_much_and_nothing_else_moves(
    checked: datetime | None, next_check: datetime | None, closed: datetime | None, doubted: datetime | None,
    learned: datetime | None, by: timedelta,
) -> None:  # fmt: skip
    state = SourceState(
        SOURCE, "etag", checked_at=checked, next_check_at=next_check, host_closed_until=closed, advice=Advice(60),
        doubt=Doubt("dates", doubted, 2), rhythm=Rhythm((1.0,) * 168, 5.0, learned),
    )  # fmt: skip
    mended = put_back(state, by, NOW)
    for before, after in (
        (checked, mended.checked_at), (next_check, mended.next_check_at), (closed, mended.host_closed_until),
        (doubted, mended.doubt.since), (learned, mended.rhythm.at),
    ):  # fmt: skip
        assert after == (before - by if before and before > NOW else before)
    assert (mended.url, mended.etag, mended.advice, mended.doubt.seen) == (SOURCE, "etag", Advice(60), 2)


# ── what is published


@pytest.mark.parametrize("step", [DAY, -DAY])
def test_feeds_keep_their_order_and_their_dates_never_go_back(tmp_path: Path, step: timedelta) -> None:
    store = open_store(str(tmp_path / "t.db"))
    store.sync_sources(sources(), NOW)
    store.open_log(NOW)
    seen = []
    for number, at in enumerate((NOW, NOW + step, NOW + timedelta(minutes=5)), 1):
        settle(store, [make_item(number)], now=at)
        seen.append(store.feed("all"))
    heads = [story.lead.item.guid for story in store.head("all", 9)]
    assert heads == [make_item(number).guid for number in (3, 2, 1)]
    assert [state.version for state in seen] == sorted({state.version for state in seen})
    assert [state.changed_at for state in seen] == sorted(state.changed_at for state in seen if state.changed_at)
    store.close()


# ── Retry-After


@pytest.mark.parametrize("wrong_by", [timedelta(0), DAY, -DAY])
def test_a_retry_after_that_is_a_date_is_read_by_the_clock_of_its_server(wrong_by: timedelta) -> None:
    headers = {"date": "Wed, 11 Feb 2026 12:00:00 GMT", "retry-after": "Wed, 11 Feb 2026 12:10:00 GMT"}
    now = datetime(2026, 2, 11, 12, tzinfo=UTC) + wrong_by
    assert fetching._retry_after(headers, now) == now + timedelta(minutes=10)


def test_the_log_of_jobs_is_quiet_about_steps(caplog: pytest.LogCaptureFixture) -> None:
    trigger = Every(30)
    assert trigger.get_next_fire_time(None, NOW) == trigger.get_next_fire_time(NOW - 9 * DAY, NOW)
    assert trigger.get_next_fire_time(NOW, NOW) == NOW + timedelta(seconds=30)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
