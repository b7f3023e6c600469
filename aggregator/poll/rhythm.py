"""When a source publishes: takes what it published when, gives how much is to be expected in each hour of a week; pure.

Counts of 168 hours are too few to be believed one by one: of a source with thirty items a week most hours hold none by
chance. So an hour is read with its neighbours, then drawn towards what the source does at that time of day and on that
weekday, and that towards what its region does, the more the less is known. The constants were chosen on made traces,
see bench/freshness.py.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aggregator.model import WEEK_HOURS, Rhythm

HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0  # seconds
HALF_LIFE = 6 * WEEK  # what is that old counts half
MEMORY = timedelta(days=28)  # how far back the first document of a source is believed
SURPRISE = timedelta(hours=1)  # an item older than the last check by more says nothing of when it came

FIRST_ITEM, FIRST_DAY = 1.0, DAY  # before anything is known: one item, in one day
REGION_ITEMS = 12.0  # as many items as the region's week counts for
DAY_ITEMS = 100.0  # as many as the source's own day and weekday count for
EVEN = 0.05  # the share of a rate that no hour is denied
PAUSES = 40  # the last ones count, the older the less
KNOWN_ITEMS = 4  # with fewer, or in less time than it lasted, it is not known how much was to be expected in a pause

FLAT: Sequence[float] = (1.0,) * WEEK_HOURS
_NONE = (0.0,) * WEEK_HOURS


def learn(
    rhythm: Rhythm, published: Sequence[datetime | None], since: datetime | None, now: datetime, zone: str
) -> Rhythm:
    """The rhythm after a check that found items published then; None where the source does not say. `since` is the
    check before, None before the first. Without items the rhythm stays as it is: it ages when it is next read.
    """
    if not published:
        return rhythm
    if since is None:  # all that the first document holds: it came while we did not look
        published = [at for at in published if at is not None and now - MEMORY < at <= now]
        since = min((at for at in published if at is not None), default=now)
    aged, hours = rhythm.at or since, list(rhythm.hours or _NONE)
    kept = _kept(aged, now)
    hours = [count * kept for count in hours]
    local, middle = ZoneInfo(zone), since + (now - since) / 2
    for at in published:
        came = at if at is not None and since - SURPRISE <= at <= now else middle
        hours[hour_of(came, local)] += 1
    watched = rhythm.watched * kept + max((now - aged).total_seconds(), 0)
    paused = _paused(rhythm, now, zone)
    return replace(paused, hours=tuple(round(count, 2) or 0 for count in hours), watched=round(watched), at=now)


def _paused(rhythm: Rhythm, now: datetime, zone: str) -> Rhythm:
    """With the pause that ends now: it is measured in items that were to be expected, so that nights are short."""
    if rhythm.at is None or sum(rhythm.hours) < KNOWN_ITEMS:
        return rhythm
    if not 0 < (now - rhythm.at).total_seconds() <= rhythm.watched:
        return rhythm
    pause = expected(Forecast(rhythm, FLAT, rhythm.at), rhythm.at, now, zone)
    count = rhythm.pauses + 1
    share, further = max(1 / count, 1 / PAUSES), pause - rhythm.pause
    spread = math.sqrt((1 - share) * (rhythm.spread**2 + share * further**2))
    return replace(rhythm, pauses=count, pause=round(rhythm.pause + share * further, 2), spread=round(spread, 2))


def expected(forecast: "Forecast", since: datetime, until: datetime, zone: str) -> float:
    """How many items are to be expected in that time. About 1 µs for each of its hours, up to those of a week."""
    weeks, rest = divmod(max((until - since).total_seconds(), 0.0), WEEK)
    local = since.astimezone(ZoneInfo(zone))
    hour, left = hour_of(since, ZoneInfo(zone)), HOUR - (local.minute * 60 + local.second)
    found = 0.0
    while rest > 0:
        passed = min(left, rest)
        found += forecast.rate(hour) * passed
        rest, left, hour = rest - passed, HOUR, (hour + 1) % WEEK_HOURS
    return found + (weeks * HOUR * sum(map(forecast.rate, range(WEEK_HOURS))) if weeks else 0.0)


def hour_of(at: datetime, zone: ZoneInfo) -> int:
    """The hour of the week, 0 to 167, Monday midnight first."""
    local = at.astimezone(zone)
    return local.weekday() * 24 + local.hour


def _kept(at: datetime, now: datetime) -> float:
    return float(0.5 ** (max((now - at).total_seconds(), 0) / HALF_LIFE))


def week_of(rhythms: Iterable[Rhythm], now: datetime) -> Sequence[float]:
    """What many sources do together in each hour of a week, as a share of the mean hour; flat while little is known."""
    hours = [REGION_ITEMS / WEEK_HOURS] * WEEK_HOURS
    for rhythm in rhythms:
        if rhythm.at is not None:
            kept = _kept(rhythm.at, now)
            hours = [all_ + count * kept for all_, count in zip(hours, rhythm.hours, strict=True)]
    mean = sum(hours) / WEEK_HOURS
    return tuple(count / mean for count in hours)


class Forecast:
    """How many items to expect, by hour of the week. About 15 µs to make."""

    def __init__(self, rhythm: Rhythm, usual: Sequence[float], now: datetime) -> None:
        hours = rhythm.hours or _NONE
        kept = _kept(rhythm.at, now) if rhythm.at else 0.0
        watched = rhythm.watched * kept + (max((now - rhythm.at).total_seconds(), 0) if rhythm.at else 0.0)
        items = sum(hours) * kept
        self._items = items
        self._usual = usual
        self._rate = (items + FIRST_ITEM) / (watched + FIRST_DAY)
        self._hours = hours
        self._share = kept * WEEK_HOURS / 4
        day = [sum(hours[hour::24]) * kept for hour in range(24)]
        self._day = [(day[hour - 1] + 2 * day[hour] + day[(hour + 1) % 24]) * 6 / (items or 1) for hour in range(24)]
        self._weekday = [(sum(hours[24 * each : 24 * each + 24]) * kept + 2) * 7 / (items + 14) for each in range(7)]

    def rate(self, hour: int) -> float:
        """Items a second in that hour of the week."""
        hours, items = self._hours, self._items
        weekday, clock = divmod(hour, 24)
        near = (hours[hour - 1] + 2 * hours[hour] + hours[(hour + 1) % WEEK_HOURS]) * self._share
        alike = self._weekday[weekday] * self._day[clock]
        day = (alike * items + self._usual[hour] * REGION_ITEMS) / (items + REGION_ITEMS)
        own = (near + day * DAY_ITEMS) / (items + DAY_ITEMS)
        return self._rate * (own * (1 - EVEN) + EVEN)
