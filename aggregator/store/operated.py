"""The SQLite store's part for operators, and for editors who are not there."""

from collections.abc import Collection
from datetime import datetime

from msgspec.structs import replace

from aggregator.model import Episode
from aggregator.store import backup, figures
from aggregator.store.commit import write_states
from aggregator.store.connections import Connections, errors
from aggregator.store.figures import Backup, Figures, Pulse
from aggregator.store.operating import ToldEpisode, Watch
from aggregator.store.rows import to_condition, to_datetime, to_seconds, to_state

# What lasts of a paused source is not told; see HealthStore.conditions.
EPISODES = """
SELECT episodes.id, url, content, since, until, max(coalesce(told_at, since), coalesce(until, 0)) AS at
FROM episodes JOIN sources ON sources.id = source_id
WHERE position IS NOT NULL AND (until >= ? OR (until IS NULL AND (NOT paused OR kind = 'paused')))
ORDER BY at DESC, episodes.id DESC LIMIT ?
"""
HASTENED = """
SELECT state FROM sources WHERE url = ? AND position IS NOT NULL AND NOT paused
AND (next_check_at = 0 OR next_check_at IS unixepoch(state->>'$.next_check_at'))
"""


class Operated(Connections):
    """See OperatingStore for what each method promises."""

    def pulse(self, before: datetime) -> Pulse:
        """See OperatingStore."""
        with errors("feeling the pulse"), self._reading() as db:
            return figures.pulse(db, before)

    def figures(self, now: datetime) -> Figures:
        """See OperatingStore."""
        with errors("reading figures"), self._reading() as db:
            return figures.figures(db, self._path, now)

    def back_up(self, path: str, now: datetime) -> Backup:
        """See OperatingStore."""
        with errors("backing up"):
            size = backup.copy(self._db, self._path, path, to_seconds(now))
            with self._writing() as db:
                backup.note(db, to_seconds(now), size)
        return Backup(to_datetime(to_seconds(now)), size)

    def hasten(self, urls: Collection[str], now: datetime) -> frozenset[str]:
        """See OperatingStore."""
        with errors("hastening checks"), self._writing() as db:
            rows = [row for url in urls for row in db.execute(HASTENED, (url,)).fetchall()]
            states = [to_state(text) for (text,) in rows]
            free = [each for each in states if not (each.host_closed_until and each.host_closed_until > now)]
            later = [each for each in free if each.next_check_at and each.next_check_at > now]
            write_states(db, [replace(each, next_check_at=now, host_closed_until=None) for each in later])
        return frozenset(each.url for each in free)

    def episodes(self, since: datetime, limit: int) -> tuple[ToldEpisode, ...]:
        """See OperatingStore."""
        with errors("reading what was the matter"):
            rows = self._db.execute(EPISODES, (to_seconds(since), limit)).fetchall()
        return tuple(
            ToldEpisode(
                number,
                Episode(
                    url,
                    replace(to_condition(content), since=to_datetime(began)),
                    None if until is None else to_datetime(until),
                ),
                to_datetime(at),
            )
            for number, url, content, began, until, at in rows
        )

    def watch(self, editor_id: int, token: str, now: datetime) -> None:
        """See OperatingStore."""
        with errors("keeping the address of a feed"), self._writing() as db:
            db.execute("INSERT OR REPLACE INTO watches VALUES (?, ?, ?)", (editor_id, token, to_seconds(now)))

    def unwatch(self, editor_id: int) -> None:
        """See OperatingStore."""
        with errors("forgetting the address of a feed"), self._writing() as db:
            db.execute("DELETE FROM watches WHERE editor_id = ?", (editor_id,))

    def watch_of(self, editor_id: int) -> Watch | None:
        """See OperatingStore."""
        with errors("reading the address of a feed"):
            row = self._db.execute("SELECT token, since FROM watches WHERE editor_id = ?", (editor_id,)).fetchone()
        return Watch(row[0], to_datetime(row[1])) if row else None

    def is_watched(self, token: str) -> bool:
        """See OperatingStore."""
        sql = "SELECT 1 FROM watches JOIN editors ON editors.id = editor_id WHERE token = ? AND closed_at IS NULL"
        with errors("reading the address of a feed"):
            return self._db.execute(sql, (token,)).fetchone() is not None
