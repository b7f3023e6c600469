"""How long news wait until they are seen, at the same number of requests: ours beside a fixed interval and beside the
rule of the entries: one week ÷ entries of the last week, from 5 minutes to a day.

    python -m bench.freshness [--sources 40] [--weeks 10] [--seed 1] [--regions]

Nothing is asked over a network: made newsrooms publish, each with hours, weekdays and bursts of its own, and each rule
says when it would have looked. The rule of the entries is run first; the fixed interval and our budget are then set so
that they make as many requests (a few per cent fewer at most). The first weeks, in which rhythms are learned, do not
count. An item waits from its publication to the next check of its source.

With --regions the same is asked of regions that differ from the first, each at three budgets: as many requests as the
rule of the entries makes, one of each source an hour, and one every four hours. Some 20 seconds of CPU for each region;
what is good in the first alone is good for nothing.
"""

import argparse
import heapq
import math
import random
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from msgspec import Struct

from aggregator.config import Settings
from aggregator.model import NotModified, Source, SourceState
from aggregator.poll import Plan, make_plan, succeeded
from aggregator.poll.rhythm import DAY, HOUR, WEEK
from bench.machine import facts
from bench.report import about, grid

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
LEARNED_WEEKS = 3
SHORTEST, LONGEST = 300.0, DAY  # of the rule of the entries


class Region(Struct, frozen=True):
    """What its newsrooms are like."""

    size: float = 3.3  # the logarithm of the items a week of one in the middle
    bursts: Sequence[float] = (0.0, 0.3, 0.6)  # the share of items that open a burst, by newsroom in turn
    follow: int = 4  # items in a burst, in the mean, after the one that opens it
    seconds: float = 600.0  # the mean time in which they follow
    hours: bool = True  # the day has hours and the week weekdays
    uneven: float = 0.3  # by how much an hour of the week differs from the next
    batches: float = 0.0  # the share of items that are released at 06:00 and 18:00, within three minutes
    days: float = 0.0  # by how much a day differs from the next; then one in twelve is a holiday


REGIONS = {
    "the first": Region(),
    "no bursts": Region(bursts=(0.0,)),
    "strong bursts": Region(bursts=(0.6,), follow=8, seconds=1200),
    "long bursts": Region(bursts=(0.5,), follow=5, seconds=5400),
    "small sources": Region(size=1.9),
    "large sources": Region(size=5.5),
    "batches at 06:00 and 18:00": Region(batches=0.6),
    "days differ, holidays": Region(days=0.6),
    "smooth hours": Region(uneven=0.0),
    "rough hours": Region(uneven=0.9),
    "no hours": Region(hours=False, uneven=0.0, bursts=(0.0,)),
}


class Newsroom(Struct, frozen=True):
    """What one source published, in seconds from the start, and the rates that it was made with."""

    items: Sequence[float]
    rates: Sequence[float]  # items a second, by hour of the week


def day_of(kind: int) -> list[float]:
    """How a kind of newsroom spreads its day."""
    hours = range(24)
    if kind == 0:  # morning and evening
        return [math.exp(-(((h - 9) / 3) ** 2)) + 0.8 * math.exp(-(((h - 17) / 2.5) ** 2)) + 0.02 for h in hours]
    if kind == 1:  # all day long
        return [1.0 if 6 <= h <= 22 else 0.03 for h in hours]
    if kind == 2:  # the paper of the day, before breakfast
        return [3 * math.exp(-(((h - 5) / 1.2) ** 2)) + 0.1 * (7 < h < 21) + 0.01 for h in hours]
    return [1.0 if 8 <= h < 18 else 0.01 for h in hours]  # an office


def newsroom(number: int, weeks: int, chance: random.Random, region: Region = REGIONS["the first"]) -> Newsroom:
    """One source: 2 to 400 items a week, of one of four kinds."""
    kind, burst = number % 4, region.bursts[number % len(region.bursts)]
    weekly = min(max(chance.lognormvariate(region.size, 1.2), 2.0), 400.0)
    weekdays: Sequence[float] = (1, 1.2, 1, 1.1, 0.9, 0.05, 0.02) if kind == 3 else (1, 1, 1, 1, 1, 0.4, 0.35)
    if not region.hours:
        weekdays = (1.0,) * 7
    clock = day_of(kind) if region.hours else [1.0] * 24
    shape = [hour * weekday * chance.lognormvariate(0, region.uneven) for weekday in weekdays for hour in clock]
    openings = weekly * (1 - region.batches) / (1 + region.follow * burst) / sum(shape)
    means = [openings * each for each in shape]
    items = [at for week in range(weeks) for at in _week(week, means, burst, region, chance)]
    for day in range(7 * weeks if region.batches else 0):
        items += _batches(day, weekly * region.batches / 14, chance)
    rates = [openings * each * (1 + region.follow * burst) / HOUR for each in shape]
    return Newsroom(sorted(items), rates)


def _week(week: int, means: Sequence[float], burst: float, region: Region, chance: random.Random) -> Iterator[float]:
    level = 1.0
    for hour, mean in enumerate(means):
        if region.days and hour % 24 == 0:
            level = chance.lognormvariate(0, region.days) * (0.1 if chance.random() < 1 / 12 else 1.0)
        for _ in range(_poisson(mean * level, chance)):
            at = week * WEEK + (hour + chance.random()) * HOUR
            yield at
            if chance.random() < burst:
                later = (chance.expovariate(1 / region.seconds) for _ in range(_geometric(region.follow, chance)))
                yield from (at + each for each in later)


def _batches(day: int, mean: float, chance: random.Random) -> Iterator[float]:
    for hour in (6, 18):
        at = day * DAY + hour * HOUR
        yield from (at + chance.random() * 180 for _ in range(_poisson(mean, chance)))


def _poisson(mean: float, chance: random.Random) -> int:
    count, left = 0, chance.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + chance.expovariate(1.0)
    return count


def _geometric(mean: float, chance: random.Random) -> int:
    return 1 + int(math.log(1 - chance.random()) / math.log(1 - 1 / mean))


class Outcome(Struct, frozen=True):
    """What a rule came to, over all sources, in the weeks that count."""

    requests: int
    mean: float  # minutes
    p99: float


Rule = Callable[[int, Newsroom, float], float]  # number of the source, the source, now → when to look again


def follow(rooms: Sequence[Newsroom], weeks: int, rule: Rule, daily: Callable[[float], None] | None = None) -> Outcome:
    """Look at every source whenever the rule says so; `daily` is called once a day before all."""
    looks: list[list[float]] = [[] for _ in rooms]
    due = [(number * 1800 / len(rooms), number) for number in range(len(rooms))]
    heapq.heapify(due)
    tomorrow = 0.0
    while due[0][0] < weeks * WEEK:
        now, number = due[0]
        while daily and now >= tomorrow:
            daily(tomorrow)
            tomorrow += DAY
        looks[number].append(now)
        heapq.heapreplace(due, (rule(number, rooms[number], now), number))
    return _measured(rooms, looks, LEARNED_WEEKS * WEEK, (weeks - 1) * WEEK)


def _measured(rooms: Sequence[Newsroom], looks: Sequence[Sequence[float]], since: float, until: float) -> Outcome:
    waits, requests = [], 0
    for room, seen in zip(rooms, looks, strict=True):
        requests += bisect_left(seen, until) - bisect_left(seen, since)
        for item in room.items[bisect_left(room.items, since) : bisect_left(room.items, until)]:
            waits.append(seen[bisect_left(seen, item)] - item)
    waits.sort()
    return Outcome(requests, statistics.fmean(waits) / 60, waits[int(len(waits) * 0.99)] / 60)


def entries_rule(_: int, room: Newsroom, now: float) -> float:
    """One week ÷ entries of the last week."""
    count = bisect_right(room.items, now) - bisect_right(room.items, now - WEEK)
    return now + (min(max(WEEK / count, SHORTEST), LONGEST) if count else LONGEST)


class Ours:
    """The poller's own code over made newsrooms: what it learns, plans and decides."""

    def __init__(self, rooms: Sequence[Newsroom], requests_per_hour: float) -> None:
        self.settings = Settings(requests_per_hour=requests_per_hour)
        self.sources = [Source(f"https://{number}.example/", timezone="UTC") for number in range(len(rooms))]
        self.states = [SourceState(source.url) for source in self.sources]
        self.plan = Plan()

    def daily(self, now: float) -> None:
        """Plan anew."""
        pairs = zip(self.sources, (state.rhythm for state in self.states), strict=True)
        self.plan = make_plan(pairs, self.settings, START + timedelta(seconds=now))

    def rule(self, number: int, room: Newsroom, now: float) -> float:
        """Learn what came since the last look, and say when to look again."""
        state, at = self.states[number], START + timedelta(seconds=now)
        since = (state.checked_at - START).total_seconds() if state.checked_at else now - WEEK
        new = room.items[bisect_right(room.items, since) : bisect_right(room.items, now)]
        answer = NotModified(state.url, {}, "", "", at)
        published = [START + timedelta(seconds=item) for item in new]
        state = succeeded(state, self.sources[number], answer, None, self.settings, self.plan, published)
        self.states[number] = state
        assert state.next_check_at is not None
        return max((state.next_check_at - START).total_seconds(), now + 1)


def at_requests(wanted: int, run: Callable[[float], Outcome], low: float, high: float) -> Outcome:
    """What `run` comes to at the setting between these at which it makes as many requests, and no more; more of it
    makes more requests.
    """
    found = run(low)
    for _ in range(8):
        middle = math.sqrt(low * high)
        outcome = run(middle)
        if outcome.requests > wanted:
            high = middle
        else:
            low, found = middle, outcome
    return found


def ours_at(rooms: Sequence[Newsroom], weeks: int, requests_per_hour: float) -> Outcome:
    """Ours with that budget."""
    ours = Ours(rooms, requests_per_hour)
    return follow(rooms, weeks, ours.rule, ours.daily)


def _row(name: str, found: Outcome, entries: Outcome, fixed: Outcome) -> list[str]:
    ratios = (found.mean / entries.mean, found.p99 / entries.p99, found.mean / fixed.mean)
    return [name, str(found.requests), f"{found.mean:.1f}", f"{found.p99:.1f}", *(f"{each:.2f}" for each in ratios)]


def fixed_at(rooms: Sequence[Newsroom], weeks: int, requests_per_hour: float) -> Outcome:
    """A fixed interval at which all together make so many requests."""
    return follow(rooms, weeks, lambda _, __, now: now + len(rooms) / requests_per_hour * HOUR)


def _regions(sources: int, weeks: int, seed: int) -> Iterator[list[str]]:
    """A line for each region: the ratios at the requests of the rule of the entries, then at two other budgets."""
    hours = (weeks - 1 - LEARNED_WEEKS) * 168
    for name, region in REGIONS.items():
        chance = random.Random(seed)
        rooms = [newsroom(number, weeks, chance, region) for number in range(sources)]
        entries = follow(rooms, weeks, entries_rule)
        usual = entries.requests / hours
        nearly = ours_at(rooms, weeks, usual)
        ours = ours_at(rooms, weeks, usual * entries.requests / nearly.requests)
        ratios = [ours.mean / entries.mean, ours.p99 / entries.p99]
        for found in (ours, *(ours_at(rooms, weeks, sources / interval) for interval in (1, 4))):
            ratios.append(found.mean / fixed_at(rooms, weeks, found.requests / hours).mean)
        yield [name, f"{sources / usual:.1f} h", *(f"{each:.2f}" for each in ratios)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=int, default=40)
    parser.add_argument("--weeks", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--regions", action="store_true")
    given = parser.parse_args()
    print(about(facts()))
    if given.regions:
        others = ("mean ÷ entries", "p99 ÷ entries", "mean ÷ fixed", "one an hour", "one in 4 h")
        rows = list(_regions(given.sources, given.weeks, given.seed))
        print(grid(("region", "a request of each every", *others), rows))
        return
    chance = random.Random(given.seed)
    rooms = [newsroom(number, given.weeks, chance) for number in range(given.sources)]
    entries = follow(rooms, given.weeks, entries_rule)
    hours = (given.weeks - 1 - LEARNED_WEEKS) * 168
    usual = entries.requests / hours  # requests an hour
    fixed = fixed_at(rooms, given.weeks, usual)
    plain = ours_at(rooms, given.weeks, usual)
    ours = at_requests(entries.requests, partial(ours_at, rooms, given.weeks), usual / 2, usual * 2)
    print(f"{given.sources} sources, {sum(len(room.items) for room in rooms)} items, seed {given.seed}")
    found = {"a week ÷ entries": entries, "fixed interval": fixed, "ours": ours, "ours, as budgeted": plain}
    titles = ("rule", "requests", "mean min", "p99 min", "mean ÷ entries", "p99 ÷ entries", "mean ÷ fixed")
    print(grid(titles, [_row(name, each, entries, fixed) for name, each in found.items()]))


if __name__ == "__main__":
    main()
