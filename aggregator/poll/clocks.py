"""What a clock that was put back means for a state: takes one that was written while it was ahead, gives it as it would
be had it not been; pure.
"""

from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from aggregator.model import SourceState

THEIRS = frozenset(("certificate", "oldest", "newest"))  # times that are not by our clock


def put_back(state: SourceState, by: timedelta, now: datetime) -> SourceState:
    """The state with all its times after `now` so much earlier. What it says of the time before may have come by the
    clock of today, and stays.
    """
    mended: SourceState = _mended(state, by, now)
    return mended


def _mended(value: Any, by: timedelta, now: datetime) -> Any:
    if isinstance(value, datetime):
        return value - by if value > now else value
    if is_dataclass(value) and not isinstance(value, type):
        ours = [each.name for each in fields(value) if each.name not in THEIRS]
        return replace(value, **{name: _mended(getattr(value, name), by, now) for name in ours})
    return value
