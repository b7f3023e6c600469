"""When a source publishes: takes what it published when, gives how much is to be expected in each hour of a week; pure.

Counts of 168 hours are too few to be believed one by one: of a source with thirty items a week most hours hold none by
chance. So an hour is read with its neighbours, then drawn towards what the source does at that time of day and on that
weekday, and that towards what its region does, the more the less is known. The constants were chosen on made traces,
see bench/freshness.py.

Items have echoes: others that come because of them, of a batch, a burst, a story that goes on. How many is learned from
the dates (a Hawkes process: an item counts as an echo by as much as that is likelier than that it came of itself). More
is expected while the last items ring, less where none does. Items in bunches say less of the hours than single ones.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from aggregator.model import WEEK_HOURS, Rhythm

HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0  # seconds
HALF_LIFE = 6 * WEEK  # what is that old counts half
MEMORY = timedelta(days=28)  # how far back the first document of a source is believed
SURPRISE = timedelta(hours=1)  # an item older than the last check by more says nothing of when it came

FIRST_ITEM, FIRST_DAY = 1.0, DAY  # before anything is known: one item, in one day
REGION_ITEMS = 12.0  # as many items as the region's week counts for
DAY_ITEMS = 100.0  # as many as the source's own day and weekday count for
BESIDE = 0.15  # the share of each of the two hours beside one in what is read of it
EVEN = 0.05  # the share of a rate that no hour is denied
PAUSES = 40  # the last ones count, the older the less
ECHO_SECONDS = (60.0, 600.0, 3600.0)  # in which an echo comes, in the mean: in a batch, in a burst, of a story
FIRST_ECHO, ECHO_ITEMS = 0.03, 20.0  # echoes of an item in each of these times; as many items as that counts for
MOST_ECHOES = 0.9  # of an item, in all
LEAST_TOLD = 0.25  # of its hours, by an item in bunches
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
    dated = sorted(at for at in published if at is not None and since - SURPRISE <= at <= now)
    for at in dated:
        hours[hour_of(at, local)] += 1
    hours[hour_of(middle, local)] += len(published) - len(dated)
    watched = rhythm.watched * kept + max((now - aged).total_seconds(), 0)
    paused = _paused(rhythm, now, zone)
    learned = replace(paused, hours=_short(hours), watched=round(watched), at=now)
    return _echoed(learned, rhythm, dated, now, local)


def _echoed(learned: Rhythm, before: Rhythm, dated: Sequence[datetime], now: datetime, zone: ZoneInfo) -> Rhythm:
    """With the echoes among items of these dates, oldest first. One without a date tells of none."""
    shares = _shares(before) or (FIRST_ECHO,) * len(ECHO_SECONDS)
    last, alone, kept = before.at or now, 1 - sum(shares), _kept(before.at or now, now)
    echoes = [count * kept for count in before.echoes or [sum(before.hours) * share for share in shares]]
    ringing: Sequence[float] = before.ringing or (0.0,) * len(ECHO_SECONDS)
    forecast = Forecast(replace(learned, echoes=tuple(echoes), ringing=tuple(ringing)), FLAT, now)
    for at in dated:
        ringing = _faded(ringing, (at - last).total_seconds())
        rates = [share * left / time for share, left, time in zip(shares, ringing, ECHO_SECONDS, strict=True)]
        rate = alone * forecast.rate(hour_of(at, zone)) + sum(rates)
        echoes = [count + each / rate for count, each in zip(echoes, rates, strict=True)]
        ringing, last = [left + 1 for left in ringing], at
    return replace(learned, echoes=_short(echoes), ringing=_short(_faded(ringing, (now - last).total_seconds())))


def _shares(rhythm: Rhythm) -> Sequence[float]:
    """How many echoes an item has, by the time in which they come; empty while it is not known."""
    items = sum(rhythm.hours) + ECHO_ITEMS
    shares = [(count + FIRST_ECHO * ECHO_ITEMS) / items for count in rhythm.echoes]
    beyond = max(sum(shares) / MOST_ECHOES, 1.0)
    return [share / beyond for share in shares]


def _faded(ringing: Sequence[float], seconds: float) -> Sequence[float]:
    """What of it is left after so many seconds."""
    past = max(seconds, 0.0)
    return [left * math.exp(-past / time) for left, time in zip(ringing, ECHO_SECONDS, strict=True)]


def _short(counts: Iterable[float]) -> tuple[int | float, ...]:
    return tuple(round(count, 2) or 0 for count in counts)


def _paused(rhythm: Rhythm, now: datetime, zone: str) -> Rhythm:
    """With the pause that ends now: it is measured in items that were to be expected, so that nights are short."""
    if rhythm.at is None or sum(rhythm.hours) < KNOWN_ITEMS:
        return rhythm
    if not 0 < (now - rhythm.at).total_seconds() <= rhythm.watched:
        return rhythm
    pause = expected(by_hours(rhythm, rhythm.at), rhythm.at, now, zone)
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


def by_hours(rhythm: Rhythm, now: datetime) -> "Forecast":
    """What a source does by its own hours alone, as if each item came of itself: what pauses are measured by."""
    return Forecast(replace(rhythm, echoes=(), ringing=()), FLAT, now)


class Forecast:
    """How many items to expect, by hour of the week, and of the echoes of the last. About 15 µs to make."""

    def __init__(self, rhythm: Rhythm, usual: Sequence[float], now: datetime) -> None:
        hours = rhythm.hours or _NONE
        since = max((now - rhythm.at).total_seconds(), 0) if rhythm.at else 0.0
        kept = _kept(rhythm.at, now) if rhythm.at else 0.0
        items = sum(hours) * kept
        shares = _shares(rhythm)
        alone = 1 - sum(shares)
        told = max(alone**2, LEAST_TOLD)  # the variance of counts is so much larger than that of single items
        self._usual = usual
        self._rate = (items + FIRST_ITEM) / (rhythm.watched * kept + since + FIRST_DAY)
        self._hours = hours
        self._items = known = items * told
        self._share = kept * WEEK_HOURS * told
        day = [sum(hours[hour::24]) * kept * 24 / (items or 1) for hour in range(24)]
        self._day = [_between(day[hour - 1], day[hour], day[(hour + 1) % 24]) for hour in range(24)]
        week = [sum(hours[24 * each : 24 * each + 24]) * kept * told for each in range(7)]
        self._weekday = [(each + 2) * 7 / (known + 14) for each in week]
        ringing = _faded(rhythm.ringing, since) if shares else ()
        self._echoes = [
            (share, left / time, time / alone)  # an echo has echoes
            for share, left, time in zip(shares, ringing, ECHO_SECONDS[: len(shares)], strict=True)
        ]

    def rate(self, hour: int) -> float:
        """Items a second in that hour of the week."""
        hours, items = self._hours, self._items
        weekday, clock = divmod(hour, 24)
        near = _between(hours[hour - 1], hours[hour], hours[(hour + 1) % WEEK_HOURS]) * self._share
        alike = self._weekday[weekday] * self._day[clock]
        day = (alike * items + self._usual[hour] * REGION_ITEMS) / (items + REGION_ITEMS)
        own = (near + day * DAY_ITEMS) / (items + DAY_ITEMS)
        return self._rate * (own * (1 - EVEN) + EVEN)

    def with_echoes(self, rate: float, since: float, until: float) -> float:
        """What that rate of an hour is between so many seconds after now, in the mean: more while the last items ring,
        less where none does; the later, the less it matters.
        """
        found = rate
        for share, ringing, time in self._echoes:
            weight = (math.exp(-since / time) - math.exp(-until / time)) * time / (until - since)
            found += share * weight * (ringing - rate)
        return found


def _between(before: float, count: float, after: float) -> float:
    return BESIDE * (before + after) + (1 - 2 * BESIDE) * count
