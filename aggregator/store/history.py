"""What was the matter with sources, and when: episodes, begun and ended inside a transaction that the caller holds, and
how many items a source published each day.

An episode is written when it begins, when it ends, and when what it is about changes; figures in its evidence that grow
by themselves are brought up to date by `Store.examine` alone.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from aggregator.model import Condition, ConditionKind, Episode, Judgement, Source, SourceState
from aggregator.store.rows import to_condition, to_json, to_seconds

TABLES = """
-- Times in which something was the matter with a source.
CREATE TABLE episodes (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES sources (id),
    kind TEXT NOT NULL,                    -- model.ConditionKind
    since INTEGER NOT NULL,
    until INTEGER,                         -- NULL while it lasts
    content TEXT NOT NULL                  -- JSON of model.Condition as it was seen last
);
-- serves what is the matter now; nothing is so twice
CREATE UNIQUE INDEX episodes_open ON episodes (source_id, kind) WHERE until IS NULL;
-- serves the history of a source
CREATE INDEX episodes_source ON episodes (source_id, until);

-- How many items a source published each day, of UTC: its place in a river; a million rows are too many to count.
CREATE TABLE item_days (
    source_id INTEGER NOT NULL,
    day INTEGER NOT NULL,                  -- since 1970
    items INTEGER NOT NULL,
    PRIMARY KEY (source_id, day)
) WITHOUT ROWID;
"""
COUNT_DAYS = """
INSERT INTO item_days
SELECT source_id, sort_at / 86400, count(*) FROM items JOIN stories ON lead_id = items.id GROUP BY 1, 2
"""
DAY_SECONDS = 86_400
EPISODES_LIMIT = 200  # that have ended, of one source

Judge = Callable[[Source, SourceState], Judgement]


class HealthStore(Protocol):
    """The health of sources, as the program asks for it."""

    def examine(self, judge: Judge, now: datetime, after: int = 0, limit: int = 500) -> int:
        """In one transaction, have the next sources judged and keep what was found, with its figures of today; what has
        left feeds.opml has nothing the matter with it. → the number to go on after; 0 when none is left.
        """

    def history(self, url: str, limit: int = 50) -> tuple[Episode, ...]:
        """The episodes of a source, those that last first, then the last that ended first."""

    def conditions(self) -> tuple[Episode, ...]:
        """All that is the matter now with a source that is listed; of one that is paused, that alone. By source in the
        order of feeds.opml, the worst first.
        """

    def days(self, since: datetime, until: datetime) -> Mapping[str, tuple[int, ...]]:
        """How many items each listed source published on each day of UTC from the one to the other, 400 at most; by
        URL, without the sources that published none.
        """

    def forget_history(self, before: datetime) -> int:
        """Let go of episodes that ended before then, and of what was counted of days before. → how many episodes."""


def write(db: sqlite3.Connection, judged: Judgement, *, renew: bool = False) -> None:
    """Begin, change and end the episodes of a source as was found; `renew` figures too."""
    open_ = {
        kind: (number, to_condition(content))
        for number, kind, content in db.execute(
            "SELECT episodes.id, kind, content FROM sources JOIN episodes ON source_id = sources.id"
            " WHERE url = ? AND until IS NULL",
            (judged.source,),
        )
    }
    at = to_seconds(judged.at)
    for condition in judged.conditions:
        number, seen = open_.pop(condition.kind, (0, None))
        if seen is None:
            _begin(db, judged.source, condition, judged.at)
        elif not condition.is_like(seen) or (renew and condition.evidence != seen.evidence):
            told_at = None if condition.is_like(seen) else at  # figures that grow by themselves are nothing to tell
            db.execute(
                "UPDATE episodes SET content = ?, told_at = coalesce(?, told_at) WHERE id = ?",
                (to_json(condition), told_at, number),
            )
    ended = [(at, number) for kind, (number, _) in open_.items() if kind in judged.looked_for]
    db.executemany("UPDATE episodes SET until = max(since, ?) WHERE id = ?", ended)


def _begin(db: sqlite3.Connection, url: str, condition: Condition, at: datetime) -> None:
    """A new episode; of those before, the oldest beyond the limit go."""
    since = to_seconds(min(condition.since, at))
    (source_id,) = db.execute("SELECT id FROM sources WHERE url = ?", (url,)).fetchone()
    db.execute(
        "INSERT INTO episodes (source_id, kind, since, content, told_at) VALUES (?, ?, ?, ?, ?)",
        (source_id, condition.kind, since, to_json(condition), to_seconds(at)),
    )
    db.execute(
        "DELETE FROM episodes WHERE id IN (SELECT id FROM episodes WHERE source_id = ? AND until IS NOT NULL"
        " ORDER BY until DESC, id DESC LIMIT -1 OFFSET ?)",
        (source_id, EPISODES_LIMIT),
    )


def end_moved(db: sqlite3.Connection, url: str, at: datetime) -> None:
    """End what is said of the redirects of a source: it has followed them."""
    write(db, Judgement(url, at, frozenset((ConditionKind.MOVED,)), ()))


def count_days(db: sqlite3.Connection, source_id: int, places: Iterable[int]) -> None:
    """Count new items of a source by their places in a river, in seconds."""
    days: dict[int, int] = {}
    for place in places:
        days[place // DAY_SECONDS] = days.get(place // DAY_SECONDS, 0) + 1
    db.executemany(
        "INSERT INTO item_days VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET items = items + excluded.items",
        [(source_id, day, items) for day, items in days.items()],
    )
