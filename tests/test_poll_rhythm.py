"""When a source publishes is learned from what it published; requests go where they save most waiting."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator import poll
from aggregator.config import Settings
from aggregator.model import WEEK_HOURS, NotModified, Rhythm, Source, SourceState
from aggregator.poll.pace import due_after, make_plan, price
from aggregator.poll.rhythm import DAY, FLAT, HALF_LIFE, HOUR, WEEK, Forecast, learn, week_of
from aggregator.store.rows import to_json, to_state

MONDAY = datetime(2026, 2, 9, tzinfo=UTC)
NOW = MONDAY + timedelta(days=2, hours=12)
LONGEST = timedelta(days=1)


def watched(hours: dict[int, float], weeks: float = 20) -> Rhythm:
    """A rhythm with so many items in these hours of the week."""
    return Rhythm(tuple(hours.get(hour, 0.0) for hour in range(WEEK_HOURS)), weeks * WEEK, NOW)


def steady(items_a_day: float) -> Rhythm:
    return watched(dict.fromkeys(range(WEEK_HOURS), items_a_day * 140 / WEEK_HOURS))


# ── learning


def test_an_item_counts_in_the_hour_of_the_week_that_it_has_where_its_source_is() -> None:
    at = MONDAY + timedelta(hours=23, minutes=30)  # in Paris it is Tuesday, half past midnight
    rhythm = learn(Rhythm(), [at], at - timedelta(hours=2), at + timedelta(minutes=5), "Europe/Paris")
    assert [hour for hour, count in enumerate(rhythm.hours) if count] == [24]


@pytest.mark.parametrize("claimed", [None, NOW - timedelta(days=2), NOW + timedelta(days=1)])
def test_an_item_that_does_not_say_when_it_came_counts_halfway_between_two_checks(claimed: datetime | None) -> None:
    rhythm = learn(Rhythm(), [claimed], NOW - timedelta(hours=4), NOW, "UTC")
    assert [hour for hour, count in enumerate(rhythm.hours) if count] == [2 * 24 + 10]


def test_the_first_document_tells_of_the_time_that_its_items_span() -> None:
    old = NOW - timedelta(days=90)
    rhythm = learn(Rhythm(), [NOW - timedelta(days=each) for each in range(1, 6)] + [old, None], None, NOW, "UTC")
    assert sum(rhythm.hours) == 5 and rhythm.watched == 5 * DAY


def test_without_news_nothing_is_written() -> None:
    rhythm = watched({9: 3})
    assert learn(rhythm, [], NOW - timedelta(hours=1), NOW + timedelta(hours=1), "UTC") is rhythm


def test_what_is_old_counts_half() -> None:
    later = NOW + timedelta(seconds=HALF_LIFE)
    rhythm = learn(watched({9: 40}), [later], later - timedelta(hours=1), later, "UTC")
    assert rhythm.hours[9] == 20
    assert rhythm.watched == 20 * WEEK / 2 + HALF_LIFE


def test_a_source_that_falls_silent_is_expected_less_and_less() -> None:
    rates = [Forecast(steady(10), FLAT, NOW + timedelta(weeks=weeks)).rate(12) for weeks in (0, 4, 12, 50)]
    assert rates == sorted(rates, reverse=True) and rates[-1] < rates[0] / 10


@given(st.dictionaries(st.integers(0, WEEK_HOURS - 1), st.floats(0.01, 500), max_size=40), st.floats(0.1, 30))
def test_a_forecast_spreads_what_came_over_the_week_and_adds_nothing(hours: dict[int, float], weeks: float) -> None:
    forecast = Forecast(watched(hours, weeks), FLAT, NOW)
    expected = sum(forecast.rate(hour) for hour in range(WEEK_HOURS)) * HOUR
    assert math.isclose(expected, (sum(hours.values()) + 1) / (weeks * WEEK + DAY) * WEEK, rel_tol=0.02)
    assert min(forecast.rate(hour) for hour in range(WEEK_HOURS)) > 0


def test_while_little_is_known_a_source_is_taken_to_be_like_its_region() -> None:
    region = week_of([watched({hour: 90 for hour in range(WEEK_HOURS) if 8 <= hour % 24 < 18})], NOW)
    young, old = Forecast(watched({30: 1}), region, NOW), Forecast(watched({3: 900}), region, NOW)
    assert young.rate(9) > 5 * young.rate(2)
    assert old.rate(3) > 5 * old.rate(9)


# ── echoes


def learned(published: list[datetime]) -> Rhythm:
    """What a source that is asked every six hours is known to be like after these items, oldest first."""
    rhythm, since = Rhythm(), published[0] - timedelta(hours=1)
    while since < published[-1]:
        now = since + timedelta(hours=6)
        rhythm = learn(rhythm, [at for at in published if since < at <= now], since, now, "UTC")
        since = now
    return rhythm


def singles(count: int = 150, every: float = 5.0) -> list[datetime]:
    """Items that come by chance, so many hours apart in the mean."""
    chance, at, found = random.Random(1), MONDAY, []
    for _ in range(count):
        at += timedelta(hours=chance.expovariate(1 / every))
        found.append(at)
    return found


def bursts(gap: timedelta) -> list[datetime]:
    """Six items with that gap between them, by chance about once a day."""
    return sorted(start + each * gap for start in singles(25, every=30) for each in range(6))


def minutes_after(rhythm: Rhythm, since: float, until: float, items: int = 1) -> float:
    """How many times the rate of its hours is expected so many minutes after items that have just come."""
    forecast = Forecast(replace(rhythm, ringing=(float(items),) * 3), FLAT, NOW)
    return forecast.with_echoes(forecast.rate(60), since * 60, until * 60) / forecast.rate(60)


def test_where_items_come_in_bursts_more_is_expected_after_one_and_less_where_none_has_come() -> None:
    rhythm = learned(bursts(timedelta(minutes=7)))
    assert minutes_after(rhythm, 0, 10) > 3
    assert minutes_after(rhythm, 0, 10, items=0) < 0.8
    assert math.isclose(minutes_after(rhythm, 24 * 60, 25 * 60), 1, rel_tol=0.01)


def test_items_that_come_one_by_one_have_next_to_no_echoes() -> None:
    assert sum(learned(singles()).echoes) < 150 / 10
    assert sum(learned(bursts(timedelta(minutes=7))).echoes) > 150 / 3


def test_after_a_batch_that_comes_at_once_nothing_is_waited_for() -> None:
    assert minutes_after(learned(bursts(timedelta(seconds=20))), 20, 30) < 1.5
    assert minutes_after(learned(bursts(timedelta(minutes=7))), 20, 30) > 1.7


def test_a_source_in_a_burst_is_asked_again_sooner() -> None:
    rhythm = learned(bursts(timedelta(minutes=7)))
    assert rhythm.at
    ringing = replace(rhythm, ringing=(1.0, 2.0, 3.0))
    waits = [due_after(Forecast(each, FLAT, rhythm.at), 4000, rhythm.at, "UTC", LONGEST) for each in (ringing, rhythm)]
    assert waits[0] < waits[1] / 3


def test_items_in_bunches_tell_less_of_the_hours_than_as_many_single_ones() -> None:
    single = watched({30: 50}, weeks=4)
    bunched = replace(single, echoes=(0.0, 40.0, 0.0), ringing=(0.0, 0.0, 0.0))
    assert Forecast(bunched, FLAT, NOW).rate(30) < 0.8 * Forecast(single, FLAT, NOW).rate(30)
    assert Forecast(bunched, FLAT, NOW).rate(60) > 1.2 * Forecast(single, FLAT, NOW).rate(60)


def test_items_without_a_date_are_no_echoes() -> None:
    rhythm = learn(Rhythm(), [None] * 9, NOW - timedelta(hours=4), NOW, "UTC")
    assert rhythm.echoes == rhythm.ringing == (0, 0, 0)


def test_a_rhythm_that_was_stored_without_echoes_is_read_and_forecast_by_its_hours() -> None:
    text = to_json(SourceState("https://a.example/", rhythm=steady(5)))
    short = text.replace(',"echoes":[],"ringing":[]', "")
    rhythm = to_state(short).rhythm
    assert short != text and rhythm == steady(5)
    forecast = Forecast(rhythm, FLAT, NOW)
    assert forecast.with_echoes(forecast.rate(9), 0, 600) == forecast.rate(9)
    assert all(count > 0 for count in learn(rhythm, [NOW], NOW, NOW, "UTC").echoes)


@given(
    st.lists(st.floats(0, 1e6), min_size=3, max_size=3),
    st.lists(st.floats(0, 1e4), min_size=3, max_size=3),
    st.floats(0, 1e6),
    st.floats(1, 1e5),
)
def test_whatever_was_learned_of_echoes_something_is_expected(
    echoes: list[float], ringing: list[float], since: float, for_seconds: float
) -> None:
    forecast = Forecast(replace(steady(5), echoes=tuple(echoes), ringing=tuple(ringing)), FLAT, NOW)
    rate = forecast.rate(9)
    assert rate > 0 and forecast.with_echoes(rate, since, since + for_seconds) > rate / 20


# ── spending


@given(st.floats(0.5, 200), st.floats(10, 1e6))
def test_at_an_even_rate_intervals_go_as_one_over_the_root_of_the_rate(items_a_day: float, cost: float) -> None:
    forecast = Forecast(steady(items_a_day), FLAT, NOW)
    rate = forecast.rate(0)
    wait = due_after(forecast, cost, NOW, "UTC", timedelta(days=400)).total_seconds()
    assert math.isclose(wait, math.sqrt(2 * cost / rate), rel_tol=0.01)


def test_where_the_rate_falls_the_check_comes_then_and_the_next_one_late() -> None:
    office = watched({hour: 20.0 for hour in range(WEEK_HOURS) if 8 <= hour % 24 < 18}, weeks=10)
    forecast = Forecast(office, week_of([office] * 50, NOW), NOW)
    at, checks = MONDAY + timedelta(hours=10), []
    while at < MONDAY + timedelta(hours=30):
        wait = due_after(forecast, 4000, at, "UTC", LONGEST)
        checks.append((at, wait))
        at += wait
    evening, wait = [each for each in checks if each[0] < MONDAY + timedelta(hours=19, minutes=30)][-1]
    assert evening > MONDAY + timedelta(hours=18)
    assert wait > 2 * min(each for _, each in checks)


@given(st.lists(st.floats(1e-4, 0.05), min_size=1, max_size=50), st.floats(0.001, 0.2))
def test_the_price_makes_sources_spend_the_budget(appetites: list[float], budget: float) -> None:
    found = price(appetites, budget, 300, 86_400)
    spent = sum(min(max(each / math.sqrt(2 * found), 1 / 86_400), 1 / 300) for each in appetites)
    least, most = len(appetites) / 86_400, len(appetites) / 300
    assert math.isclose(spent, min(max(budget, least), most), rel_tol=0.001)


def test_the_interval_of_the_settings_is_that_of_all_sources_in_the_mean() -> None:
    sources = [(Source(f"https://{number}.example/"), steady(2.0**number)) for number in range(7)]
    settings = Settings(interval_minutes=60)
    plan = make_plan(sources, settings, NOW)
    requests = [
        1 / due_after(plan.forecast(rhythm, "", NOW), plan.price, NOW, "UTC", LONGEST).total_seconds()
        for _, rhythm in sources
    ]
    assert math.isclose(sum(requests), 7 / 3600, rel_tol=0.05)
    assert requests == sorted(requests)


def test_what_editors_set_for_a_source_is_taken_from_the_budget_of_the_others() -> None:
    free = (Source("https://a.example/"), steady(5))
    greedy = (Source("https://b.example/", interval=timedelta(minutes=40)), steady(5))
    settings = Settings(interval_minutes=60)
    assert make_plan([free, greedy], settings, NOW).price > make_plan([free], settings, NOW).price
    assert make_plan([free, (Source("https://c.example/", paused=True), steady(9))], settings, NOW) == make_plan(
        [free], settings, NOW
    )


@given(st.floats(1e-9, 1e12), st.floats(0, 3000), st.booleans())
def test_no_source_is_asked_more_often_or_more_rarely_than_the_settings_allow(
    cost: float, items_a_day: float, is_known: bool
) -> None:
    settings = Settings(min_interval_minutes=7, max_interval_hours=20)
    rhythm = steady(items_a_day) if is_known else Rhythm()
    answer = NotModified("https://a.example/", {}, "", "", NOW)
    state = SourceState("https://a.example/", rhythm=rhythm)
    state = poll.succeeded(state, Source("https://a.example/"), answer, None, settings, poll.Plan(cost))
    assert state.next_check_at is not None
    assert timedelta(minutes=7) <= state.next_check_at - NOW <= timedelta(hours=22)
