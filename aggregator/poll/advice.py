"""What the source says of how often to ask: takes headers, what its document says, and its rhythm; gives times; pure.

How long an answer stays fresh (RFC 9111 §4.2) is said by who runs the server, and believed up to the longest interval.
What stands in the document mostly comes from a template: half of all feeds say "hourly" because their software does,
and news sites that publish twenty times a day say "daily". So the document lengthens an interval to two hours at most,
which is what such a site costs its readers at worst, and spares a quiet one three requests of four; and what it says of
its period is not believed at all once its rhythm shows otherwise.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from aggregator.model import Advice, Rhythm

FRESH_LIMIT = timedelta(days=30)  # longer is meant for files that never change
DOCUMENT_LIMIT = timedelta(hours=2)
CLAIM_LIMIT_MINUTES = 24 * 60  # who claims more than a day is no news source, or errs
WATCHED_LEAST = 86_400.0  # seconds, before a rhythm proves anything
DELTA_DIGITS = 10
NONE = timedelta(0)
HOUR = timedelta(hours=1)


def freshness(headers: Mapping[str, str], now: datetime) -> timedelta:
    """How long the answer stays fresh from now on, by max-age and Age, else by Expires and Date; none if that is
    absurd. `headers` have names in lower case.
    """
    directives = _directives(headers.get("cache-control", ""))
    if {"no-cache", "no-store"} & directives.keys():
        return NONE
    if "max-age" in directives:
        found = _seconds(directives["max-age"]) - _seconds(headers.get("age", ""))
    elif "expires" in headers:
        found = _until(headers["expires"], _date(headers.get("date", "")) or now)
    else:
        return NONE
    return found if NONE < found <= FRESH_LIMIT else NONE


def asked_for(advice: Advice, rhythm: Rhythm) -> timedelta:
    """The interval that the document asks for, within DOCUMENT_LIMIT."""
    ttl = _claimed(advice.ttl_minutes)
    period = _claimed(advice.period_minutes)
    if rhythm.watched >= WATCHED_LEAST and sum(rhythm.hours) * period.total_seconds() > rhythm.watched:
        period = NONE  # more than one item in each
    return min(max(ttl, period), DOCUMENT_LIMIT)


def after_skipped(at: datetime, advice: Advice) -> datetime:
    """That time, or the end of the hours and days in which the source wants no request; who skips all skips none."""
    if len(advice.skip_hours) >= 24 or len(advice.skip_days) >= 7:
        return at
    found = at.astimezone(UTC)
    while found.hour in advice.skip_hours or found.weekday() in advice.skip_days:
        found = found.replace(minute=0, second=0, microsecond=0) + HOUR
    return found


def _claimed(minutes: int) -> timedelta:
    return timedelta(minutes=minutes) if 0 < minutes <= CLAIM_LIMIT_MINUTES else NONE


def _directives(cache_control: str) -> dict[str, str]:
    """Of a directive that stands there twice the first counts."""
    found: dict[str, str] = {}
    for directive in cache_control.lower().split(","):
        name, _, value = directive.strip().partition("=")
        found.setdefault(name.strip(), value.strip().strip('"'))
    return found


def _seconds(text: str) -> timedelta:
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        return NONE
    return timedelta(seconds=int(text)) if len(text) < DELTA_DIGITS else timedelta.max


def _until(expires: str, date: datetime) -> timedelta:
    end = _date(expires)
    return end - date if end else NONE


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        return None
