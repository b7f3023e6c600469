"""Takes the text of an RSS or Atom document, gives what it says of how often to ask for it; never judges it.

Read from the text and not by either reader of documents, so that both give the same: feedparser keeps the last of
several hours only. Only what stands before the first entry and behind the last is looked at.
"""

import re

from aggregator.model import NO_ADVICE, Advice

AROUND_LIMIT = 100_000  # characters before the entries, and as many behind them

_PERIOD_MINUTES = {"hourly": 60, "daily": 1440, "weekly": 10_080, "monthly": 43_200, "yearly": 525_600}
_DAYS = {name: day for day, name in enumerate("monday tuesday wednesday thursday friday saturday sunday".split())}

_ENTRY = re.compile(r"<(?:[\w.-]+:)?(?:item|entry)[\s>]")
_COMMENT = re.compile(r"<!--(?:(?!-->|<!--).)*-->", re.DOTALL)
_OPEN, _SHUT = r"[^<>]*>\s*(?:<!\[CDATA\[\s*)?", r"\s*(?:\]\]>\s*)?</"
_TTL = re.compile(rf"<ttl{_OPEN}([0-9]{{1,6}}){_SHUT}ttl>")
_PERIOD = re.compile(rf"<(?:[a-z]\w*:)?updatePeriod{_OPEN}([a-zA-Z]{{1,10}}){_SHUT}")
_FREQUENCY = re.compile(rf"<(?:[a-z]\w*:)?updateFrequency{_OPEN}([0-9]{{1,4}}){_SHUT}")
_HOUR = re.compile(rf"<hour{_OPEN}([0-9]{{1,2}}){_SHUT}hour>")
_DAY = re.compile(rf"<day{_OPEN}([a-zA-Z]{{6,9}}){_SHUT}day>")


def advice_of(text: str) -> Advice:
    """What is said of `ttl`, `skipHours`, `skipDays` (RSS 2.0) and `sy:updatePeriod`; what cannot be read is not."""
    around = _around(text)
    if not ("<ttl" in around or "<skip" in around or "updatePeriod" in around):
        return NO_ADVICE
    around = _COMMENT.sub("", around)
    ttl = _TTL.search(around)
    hours = {int(hour) % 24 for hour in _HOUR.findall(_inside(around, "skipHours")) if int(hour) <= 24}
    days = {_DAYS[day.lower()] for day in _DAY.findall(_inside(around, "skipDays")) if day.lower() in _DAYS}
    return Advice(int(ttl[1]) if ttl else 0, _period(around), tuple(sorted(hours)), tuple(sorted(days)))


def _around(text: str) -> str:
    first = _ENTRY.search(text)
    if first is None:
        return text[:AROUND_LIMIT]
    last = max(text.rfind(f"</{name}") for name in ("item", "entry"))
    return text[: min(first.start(), AROUND_LIMIT)] + text[max(last, first.start()) :][:AROUND_LIMIT]


def _inside(text: str, name: str) -> str:
    start = text.find(f"<{name}")
    end = text.find(f"</{name}>", start) if start >= 0 else -1
    return text[start:end] if end >= 0 else ""


def _period(text: str) -> int:
    """Minutes between two changes, as claimed."""
    period, frequency = _PERIOD.search(text), _FREQUENCY.search(text)
    minutes = _PERIOD_MINUTES.get(period[1].lower(), 0) if period else 0
    return minutes // max(int(frequency[1]) if frequency else 1, 1)
