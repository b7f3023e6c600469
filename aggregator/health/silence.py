"""Whether a source is silent against its own rhythm: takes that and a time, gives by how much; pure.

A pause is measured in items that were to be expected in it, hour by hour of the week, so that nights and weekends are
short where they are always quiet. Usual is a pause that four of five of its pauses stay within, and not less than a day
of publication: newsrooms have holidays. Silent is what pauses more than three times as long; or up to five times, where
pauses are so many and so different that chance would make one of three once a year.
"""

import math
from datetime import datetime, timedelta

from msgspec import Struct

from aggregator.model import WEEK_HOURS, Rhythm
from aggregator.poll.rhythm import DAY, HOUR, PAUSES, Forecast, by_hours, expected

LEAST, MOST = 3.5, 5.0  # usual pauses: a weekly that skips two issues is back just after the third
YOUNG_PAUSES, YOUNG_WATCHED = 5, 14 * DAY  # fewer, or less long, prove nothing
PRIOR_PAUSES = 5  # as many as the belief counts for that news comes by chance
FOUR_OF_FIVE = 0.6  # standard deviations beyond the mean, where news comes by chance
ALARMS_A_YEAR = 0.25  # that chance may make of a source
NEVER_BEFORE = timedelta(days=2)  # three days of publication are longer
YEAR_WEEKS = 52


class Silence(Struct, frozen=True):
    """A pause that is too long; both figures in items that were to be expected."""

    missing: float  # since the last news
    usual: float

    @property
    def times(self) -> float:
        """How many usual pauses it has lasted."""
        return self.missing / self.usual


def silence(rhythm: Rhythm, until: datetime, zone: str) -> Silence | None:
    """The silence of a source that had nothing new until then; None where it is none, or the source is young. Costs
    some 300 µs, next to nothing within two days of the last news.
    """
    if rhythm.at is None or until - rhythm.at < NEVER_BEFORE:
        return None
    if rhythm.pauses < YOUNG_PAUSES or rhythm.watched < YOUNG_WATCHED:
        return None
    forecast = by_hours(rhythm, rhythm.at)
    usual, most = _usual(rhythm, forecast)
    missing = expected(forecast, rhythm.at, until, zone)
    return Silence(missing, usual) if missing > most else None


def _usual(rhythm: Rhythm, forecast: Forecast) -> tuple[float, float]:
    """A usual pause, and the longest that is not silence."""
    known = min(rhythm.pauses, PAUSES)
    by_chance = rhythm.pause**2  # the variance of pauses between events at an even rate
    spread = math.sqrt((known * rhythm.spread**2 + PRIOR_PAUSES * by_chance) / (known + PRIOR_PAUSES))
    days = [sum(map(forecast.rate, range(first, first + 24))) * HOUR for first in range(0, WEEK_HOURS, 24)]
    day = sum(items**2 for items in days) / sum(days)  # that an item finds itself in
    usual = max(rhythm.pause + FOUR_OF_FIVE * spread, day)
    a_year = max(sum(days) * YEAR_WEEKS / max(rhythm.pause, 0.01), 1.0)
    once = rhythm.pause + spread * (math.log(a_year / ALARMS_A_YEAR) - 1)
    return usual, min(max(once, LEAST * usual), MOST * usual)
