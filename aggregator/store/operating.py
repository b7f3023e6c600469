"""What operators and editors want to know without looking: figures, backups, what was the matter lately, and the
addresses at which feed apps of editors read that.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from aggregator.model import Episode
from aggregator.store.figures import Backup, Figures, Pulse

TABLES = """
-- Addresses at which feed apps of editors read how the sources are, by the hash of what makes them unguessable.
CREATE TABLE watches (
    editor_id INTEGER PRIMARY KEY REFERENCES editors (id),
    token TEXT NOT NULL UNIQUE,
    since INTEGER NOT NULL
);
-- When an episode was begun, or last said something else; NULL for those of before, which have `since` alone.
ALTER TABLE episodes ADD COLUMN told_at INTEGER;
-- serves what ended lately
CREATE INDEX episodes_until ON episodes (until);
"""


class Watch(Struct, frozen=True):
    """The address of an editor's feed."""

    token: str  # its hash
    since: datetime


class ToldEpisode(Struct, frozen=True):
    """An episode as a feed tells of it."""

    number: int
    episode: Episode
    at: datetime  # when there was last something to tell of it: it began, changed or ended


class OperatingStore(Protocol):
    """What operators, and editors who are not there, ask of a data base."""

    def pulse(self, before: datetime) -> Pulse:
        """Whether somebody polls: what was due `before` then is overdue. Some 20 µs while nothing is."""

    def figures(self, now: datetime) -> Figures:
        """How the whole is. Some 5 µs for each source."""

    def back_up(self, path: str, now: datetime) -> Backup:
        """Copy the data base as it is at this moment to a file, examine that, put it at the path, and remember when.
        Others go on writing meanwhile. StoreError if anything is wrong; what stood at the path before is there then.
        """

    def hasten(self, urls: Collection[str], now: datetime) -> frozenset[str]:
        """Let sources be due now. → those that are: not what is paused, not listed or being asked right now, nor a host
        that asked to be left alone.
        """

    def episodes(self, since: datetime, limit: int) -> tuple[ToldEpisode, ...]:
        """What is the matter with listed sources, and what was since then, the last told first."""

    def watch(self, editor_id: int, token: str, now: datetime) -> None:
        """Give an editor's feed another address, by its hash; the one before leads nowhere."""

    def unwatch(self, editor_id: int) -> None:
        """Let an editor's feed have no address."""

    def watch_of(self, editor_id: int) -> Watch | None:
        """The address of an editor's feed, if it has one."""

    def is_watched(self, token: str) -> bool:
        """Whether a feed stands at the address with this hash; not of somebody whose account is closed."""
