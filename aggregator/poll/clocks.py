"""What a clock that was put back means for a state: takes one that was written while it was ahead, gives it as it would
be had it not been; pure.
"""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

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
    if isinstance(value, Struct):
        ours = (name for name in value.__struct_fields__ if name not in THEIRS)
        return replace(value, **{name: _mended(getattr(value, name), by, now) for name in ours})
    return value
