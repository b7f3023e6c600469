"""How requests are spent: takes forecasts and a budget, gives the price of a request and the time of the next; pure.

A request costs, an item that waits to be seen costs. At an even rate the mean wait at a given number of requests is
least when intervals go as 1/√rate. Where the rate has hours, moving one check a little must neither gain nor lose:
what has come since the last check is seen earlier, what comes until the next one later. So a source is asked again as
soon as the items expected since the last check reach √(2 · price · rate): at an even rate that is the same rule; where
the rate falls, in the evening, the check comes at once and the next one late.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from aggregator.config import Settings
from aggregator.model import WEEK_HOURS, Rhythm, Source
from aggregator.poll.rhythm import FLAT, HOUR, Forecast, hour_of, week_of

PRICE_LIMIT = 1e12  # beyond which every source is asked as rarely as may be
HALVINGS = 60
STEP_SECONDS = 600.0  # in the hour after a check, in which echoes of the last items fade fast


class Plan(Struct, frozen=True):
    """What all sources together tell about one: the price of a request, in items × seconds that wait for it, and what
    a week of its region is like. Without a price the interval of the settings holds for all.
    """

    price: float = 0.0
    weeks: Mapping[str, Sequence[float]] = field(default_factory=dict)  # by region
    week: Sequence[float] = FLAT  # of all of them

    def forecast(self, rhythm: Rhythm, region: str, now: datetime) -> Forecast:
        """What to expect of a source of that region."""
        return Forecast(rhythm, self.weeks.get(region, self.week), now)


def make_plan(sources: Iterable[tuple[Source, Rhythm]], settings: Settings, now: datetime) -> Plan:
    """The plan for these sources. About 0.1 ms for each."""
    listed = [(source, rhythm) for source, rhythm in sources if not source.paused]
    by_region: dict[str, list[Rhythm]] = {}
    for source, rhythm in listed:
        by_region.setdefault(source.region, []).append(rhythm)
    week = week_of((rhythm for _, rhythm in listed), now)
    plan = Plan(weeks={region: week_of(rhythms, now) for region, rhythms in by_region.items()}, week=week)
    free = [each for each in listed if each[0].interval is None]
    own = sum(1 / source.interval.total_seconds() for source, _ in listed if source.interval)
    appetites = [_appetite(plan.forecast(rhythm, source.region, now)) for source, rhythm in free]
    budget = settings.requests_per_hour / HOUR or len(listed) / settings.interval.total_seconds()
    found = price(appetites, budget - own, settings.shortest.total_seconds(), settings.longest.total_seconds())
    return Plan(found, plan.weeks, week)


def _appetite(forecast: Forecast) -> float:
    """The mean of √rate over a week: requests go in proportion to it."""
    return sum(math.sqrt(forecast.rate(hour)) for hour in range(WEEK_HOURS)) / WEEK_HOURS


def price(appetites: Sequence[float], budget: float, shortest: float, longest: float) -> float:
    """The price at which sources of these appetites make `budget` requests a second, none more often than every
    `shortest` seconds and none more rarely than every `longest`.
    """
    low, high = 1e-9, PRICE_LIMIT
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        each = math.sqrt(2 * middle)
        spent = sum(min(max(appetite / each, 1 / longest), 1 / shortest) for appetite in appetites)
        low, high = (middle, high) if spent > budget else (low, middle)
    return high


def due_after(forecast: Forecast, price: float, now: datetime, zone: str, longest: timedelta) -> timedelta:
    """How long to wait for the next check of a source that was checked now."""
    limit, local = longest.total_seconds(), now.astimezone(ZoneInfo(zone))
    hour = hour_of(now, ZoneInfo(zone))
    ends = HOUR - (local.minute * 60 + local.second)  # of the hour, in seconds from now
    passed = expected = 0.0
    while passed < limit:
        until = min(ends, passed + STEP_SECONDS) if passed < HOUR else ends
        rate = forecast.with_echoes(forecast.rate(hour), passed, until)
        lacking = (math.sqrt(2 * price * rate) - expected) / rate
        if passed + lacking <= until:
            passed += max(lacking, 0.0)
            break
        expected += rate * (until - passed)
        passed = until
        if until == ends:
            ends, hour = ends + HOUR, (hour + 1) % WEEK_HOURS
    return timedelta(seconds=min(passed, limit))
