"""A source that keeps its rhythm is never silent; one that stops is found."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.health.silence import silence
from aggregator.model import WEEK_HOURS, Rhythm
from aggregator.poll.rhythm import FLAT, HOUR, Forecast, expected, learn

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2025, 1, 6, tzinfo=UTC)  # a Monday
HOURS, DAYS, WEEKS = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
POLLED = 3 * HOURS
HOLIDAYS = ((1, 1), (4, 21), (5, 1), (5, 8), (5, 29), (6, 9), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25), (12, 26))


class Watched:
    """What is learned of a source, and how often it was found silent."""

    def __init__(self) -> None:
        self.rhythm = Rhythm()
        self.checked: datetime | None = None
        self.alarms = 0
        self.is_silent = False

    def poll(self, now: datetime, published: list[datetime | None]) -> None:
        self.rhythm = learn(self.rhythm, published, self.checked, now, "Europe/Paris")
        self.checked = now
        is_silent = silence(self.rhythm, now, "Europe/Paris") is not None
        self.alarms += is_silent and not self.is_silent
        self.is_silent = is_silent


def at_regular_times(period: timedelta, first: datetime, jitter: timedelta, batch: int, seed: int) -> Watched:
    """A year of a source that publishes some items every so often."""
    dice, watched, at = random.Random(seed), Watched(), first
    while at < first + 52 * WEEKS:
        watched.poll(at + HOURS, [at] * batch)
        watched.poll(at + period - HOURS, [])  # just before the next one
        at += period
        at += (dice.random() - 0.5) * jitter - ((at - first) % period if (at - first) % period < period / 2 else -HOURS)
    return watched


@settings(max_examples=12)
@given(
    st.sampled_from([2 * HOURS, 8 * HOURS, DAYS, 2 * DAYS, 5 * DAYS, WEEKS, 2 * WEEKS]),
    st.integers(0, WEEK_HOURS - 1),
    st.integers(1, 12),
    st.integers(0, 99),
)
def test_a_source_that_keeps_its_rhythm_is_never_silent(period: timedelta, hour: int, batch: int, seed: int) -> None:
    assert at_regular_times(period, START + hour * HOURS, period / 3, batch, seed).alarms == 0


@settings(max_examples=10)
@given(
    st.sampled_from([8 * HOURS, DAYS, 2 * DAYS, 5 * DAYS, WEEKS]), st.integers(0, WEEK_HOURS - 1), st.integers(1, 12)
)
def test_one_that_stops_is_found_within_three_to_five_of_its_pauses(period: timedelta, hour: int, batch: int) -> None:
    watched = at_regular_times(period, START + hour * HOURS, timedelta(0), batch, 1)
    stopped = watched.rhythm.at
    assert stopped
    usual = max(period, DAYS)  # a day of publication
    assert not silence(watched.rhythm, stopped + 2.5 * usual, "Europe/Paris")
    assert silence(watched.rhythm, stopped + 5.2 * usual, "Europe/Paris")


# ── by chance, with hours, weekdays and holidays

Share = Callable[[datetime], float]


def evenly(_: datetime) -> float:
    return 1


def in_office_hours(at: datetime) -> float:
    return (1 if 8 <= at.hour < 19 else 0.02) * (1 if at.weekday() < 5 else 0.03)


def all_day(at: datetime) -> float:
    return (1 if 6 <= at.hour < 22 else 0.05) * (1 if at.weekday() < 6 else 0.4)


def on_thursdays(at: datetime) -> float:
    return 1 if at.weekday() == 3 and 6 <= at.hour < 12 else 0


def before_breakfast(at: datetime) -> float:
    return 1 if 5 <= at.hour < 7 and at.weekday() < 6 else 0


CHANCE = [
    (evenly, 2), (evenly, 7), (evenly, 40), (in_office_hours, 1), (in_office_hours, 5), (in_office_hours, 60),
    (all_day, 30), (on_thursdays, 1), (on_thursdays, 8), (before_breakfast, 6), (before_breakfast, 60),
]  # fmt: skip


def polls(share: Share, a_week: float, weeks: int, seed: int) -> Iterator[tuple[datetime, list[datetime | None]]]:
    """The polls of a source whose items come by chance, and what each finds; none on holidays."""
    dice = random.Random(seed)
    usual = sum(share(START.astimezone(PARIS) + hour * HOURS) for hour in range(WEEK_HOURS)) / a_week
    at = START
    while at < START + weeks * WEEKS:
        local = (at + HOURS).astimezone(PARIS)
        rate = 0.0 if (local.month, local.day) in HOLIDAYS else share(local) / usual * (POLLED / HOURS)
        found: list[datetime | None] = []
        left = dice.expovariate(rate) if rate else 2
        while left < 1:
            found.append(at + left * POLLED)
            left += dice.expovariate(rate)
        at += POLLED
        yield at, found


@pytest.mark.parametrize(("share", "a_week"), CHANCE)
def test_chance_and_holidays_make_at_most_one_alarm_a_year(share: Share, a_week: float) -> None:
    alarms = []
    for seed in range(3):
        watched = Watched()
        for now, found in polls(share, a_week, 56, seed):
            watched.poll(now, found)
        alarms.append(watched.alarms)
    assert sum(alarms) <= len(alarms)


@pytest.mark.parametrize(("share", "a_week"), CHANCE)
def test_one_that_stops_by_chance_is_found_within_its_usual_pauses(share: Share, a_week: float) -> None:
    for seed in range(2):
        watched, news = Watched(), [START]
        for now, found in polls(share, a_week, 30, seed):
            watched.poll(now, found)
            news += [now] if found else []
        pauses = sorted(later - one for one, later in pairwise(news))
        usual = max(pauses[len(pauses) * 4 // 5], DAYS)  # four of five are shorter
        now = news[-1]
        while not silence(watched.rhythm, now, "Europe/Paris"):
            now += 6 * HOURS
        weekend = 2 * DAYS if share is in_office_hours else DAYS
        assert 2 * usual < now - news[-1] < 6.5 * usual + weekend


def test_a_weekly_is_not_silent_after_two_days_and_a_daily_is_after_its_weekend() -> None:
    weekly, daily = Watched(), Watched()
    for day in range(7 * 20 - 2):  # to a Friday
        at = START + day * DAYS + 6 * HOURS
        if day % 7 == 3:
            weekly.poll(at, [at])
        if day % 7 < 5:
            daily.poll(at, [at + minutes * timedelta(minutes=1) for minutes in range(12)])
    friday = daily.rhythm.at
    assert friday and friday.weekday() == 4
    for days, is_silent in ((2, False), (3.2, False), (4.2, False), (6.5, True)):
        assert bool(silence(daily.rhythm, friday + days * DAYS, "Europe/Paris")) is is_silent, days
    assert not silence(weekly.rhythm, friday + 2 * DAYS, "Europe/Paris")
    assert not silence(weekly.rhythm, friday + 15 * DAYS, "Europe/Paris")
    assert silence(weekly.rhythm, friday + 35 * DAYS, "Europe/Paris")


def test_a_young_source_is_not_judged() -> None:
    long_after = START + 52 * WEEKS
    assert not silence(Rhythm(), long_after, "Europe/Paris")
    watched = Watched()
    for day in range(4):
        watched.poll(START + day * DAYS, [START + day * DAYS] * 3)
    assert not silence(watched.rhythm, long_after, "Europe/Paris")
    seen_for_a_week = Watched()
    for hour in range(150):
        seen_for_a_week.poll(START + hour * HOURS, [START + hour * HOURS])
    assert seen_for_a_week.rhythm.pauses > 50
    assert not silence(seen_for_a_week.rhythm, long_after, "Europe/Paris")


# ── what is expected


@given(st.integers(0, 40 * 86_400), st.integers(0, 40 * 86_400))
def test_what_is_expected_adds_up_and_is_that_of_each_hour(first: int, second: int) -> None:
    rhythm = Rhythm(tuple(float(hour % 9) for hour in range(WEEK_HOURS)), 20 * WEEKS / timedelta(seconds=1), START)
    forecast = Forecast(rhythm, FLAT, START)
    middle, end = START + timedelta(seconds=first), START + timedelta(seconds=first + second)
    parts = expected(forecast, START, middle, "UTC") + expected(forecast, middle, end, "UTC")
    assert expected(forecast, START, end, "UTC") == pytest.approx(parts, rel=1e-6, abs=1e-9)
    assert expected(forecast, START, START + HOURS, "UTC") == pytest.approx(forecast.rate(0) * HOUR)
    assert expected(forecast, end, START, "UTC") == 0


def test_pauses_are_counted_once_it_is_known_what_is_to_be_expected() -> None:
    watched = Watched()
    for day in range(30):
        watched.poll(START + day * DAYS, [START + day * DAYS])
    assert 20 < watched.rhythm.pauses < 29
    assert watched.rhythm.pause == pytest.approx(1, abs=0.3) and watched.rhythm.spread < 0.3
    before = watched.rhythm
    assert learn(before, [None], watched.checked, START, "UTC").pauses == before.pauses  # the clock was put back


def test_it_is_said_by_how_much() -> None:
    watched = Watched()
    for week in range(20):
        watched.poll(START + week * WEEKS, [START + week * WEEKS])
    found = silence(watched.rhythm, START + 25 * WEEKS, "Europe/Paris")
    assert found and found.times == found.missing / found.usual > 3
