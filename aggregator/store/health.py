"""The health of sources, read and judged: a part of the SQLite store, see `aggregator.store.history` for its tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from aggregator.model import ConditionKind, Episode, Judgement
from aggregator.store.connections import Connections, errors
from aggregator.store.history import DAY_SECONDS, Judge, write
from aggregator.store.moves import ID_OF_URL
from aggregator.store.rows import to_condition, to_datetime, to_seconds, to_source, to_state

SELECT = "SELECT url, episodes.content, since, until FROM episodes JOIN sources ON sources.id = source_id"
DAYS_LIMIT = 400  # that are shown at most


class Histories(Connections):
    """See `HealthStore` for what each method promises."""

    def examine(self, judge: Judge, now: datetime, after: int = 0, limit: int = 500) -> int:
        """See HealthStore."""
        with errors("examining sources"), self._writing() as db:
            rows = db.execute(
                "SELECT id, url, position, line, state FROM sources WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
            ).fetchall()
            troubled = {number for (number,) in db.execute("SELECT source_id FROM episodes WHERE until IS NULL")}
            for number, url, position, line, state in rows:
                nothing = Judgement(url, now, frozenset(ConditionKind), ())
                judged = nothing if position is None else judge(to_source(line), to_state(state))
                if judged.conditions or number in troubled:  # of most sources there is nothing to begin or to end
                    write(db, judged, renew=True)
        return rows[-1][0] if len(rows) == limit else 0

    def history(self, url: str, limit: int = 50) -> tuple[Episode, ...]:
        """See HealthStore."""
        sql = f"{SELECT} WHERE source_id = {ID_OF_URL} ORDER BY until IS NULL DESC, until DESC, since DESC LIMIT ?"
        with errors("reading the history of a source"):
            return tuple(map(_episode, self._db.execute(sql, (url, url, limit))))

    def conditions(self) -> tuple[Episode, ...]:
        """See HealthStore."""
        sql = (
            f"{SELECT} WHERE until IS NULL AND position IS NOT NULL AND (NOT paused OR kind = 'paused')"
            " ORDER BY position, episodes.id"
        )
        with errors("reading the health of sources"):
            found = list(map(_episode, self._db.execute(sql)))
        worst = list(ConditionKind)
        by_source = (list(own) for _, own in groupby(found, lambda each: each.source))
        return tuple(
            each for own in by_source for each in sorted(own, key=lambda each: worst.index(each.condition.kind))
        )

    def days(self, since: datetime, until: datetime) -> Mapping[str, tuple[int, ...]]:
        """See HealthStore."""
        last = to_seconds(until) // DAY_SECONDS
        first = max(to_seconds(since) // DAY_SECONDS, last - DAYS_LIMIT + 1)
        sql = (
            "SELECT url, day, item_days.items FROM sources JOIN item_days ON source_id = id"
            " WHERE position IS NOT NULL AND day BETWEEN ? AND ?"
        )
        found: dict[str, list[int]] = {}
        with errors("reading the days of sources"):
            for url, day, items in self._db.execute(sql, (first, last)):
                found.setdefault(url, [0] * (last - first + 1))[day - first] = items
        return {url: tuple(items) for url, items in found.items()}

    def forget_history(self, before: datetime) -> int:
        """See HealthStore."""
        with errors("forgetting the history of sources"), self._writing() as db:
            db.execute("DELETE FROM item_days WHERE day < ?", (to_seconds(before) // DAY_SECONDS,))
            return db.execute("DELETE FROM episodes WHERE until < ?", (to_seconds(before),)).rowcount


def _episode(row: Sequence[Any]) -> Episode:
    url, content, since, until = row
    condition = replace(to_condition(content), since=to_datetime(since))
    return Episode(url, condition, None if until is None else to_datetime(until))
