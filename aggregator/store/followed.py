"""The SQLite store's part in following the hubs of sources: what is asked of them, and the inbox."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from aggregator.model import Following, Naming, Notice, Source, SourceState, Verdict
from aggregator.store import following
from aggregator.store.commit import write_states
from aggregator.store.connections import Connections, errors
from aggregator.store.rows import to_datetime, to_seconds, to_source, to_state


class Followed(Connections):
    """See FollowingStore for what each method promises."""

    def unfollowed(self, limit: int) -> tuple[tuple[str, Naming], ...]:
        """See FollowingStore."""
        with errors("reading hubs"):
            rows = self._db.execute(following.NAMED, (limit,)).fetchall()
        return tuple((url, Naming(hub, topic, bool(is_own))) for url, hub, topic, is_own in rows)

    def follow(self, followings: Sequence[Following], now: datetime) -> None:
        """See FollowingStore."""
        with errors("beginning to follow"), self._writing() as db:
            for each in followings:
                following.follow(db, each, to_seconds(now))

    def tend_followings(self, now: datetime) -> None:
        """See FollowingStore."""
        with errors("tending what is followed"), self._writing() as db:
            following.tend(db, to_seconds(now))

    def followings_due(self, now: datetime, limit: int) -> tuple[Following, ...]:
        """See FollowingStore."""
        with errors("reading what is to be asked"):
            rows = self._db.execute(following.DUE, (to_seconds(now), limit)).fetchall()
        return tuple(map(following.to_following, rows))

    def note_asked(self, following_id: int, due_at: datetime) -> None:
        """See FollowingStore."""
        with errors("asking a hub"), self._writing() as db:
            db.execute(
                "UPDATE followings SET due_at = ?, tries = tries + 1 WHERE id = ?", (to_seconds(due_at), following_id)
            )

    def note_unheard(self, following_id: int, error: str) -> None:
        """See FollowingStore."""
        with errors("noting what a hub said"), self._writing() as db:
            db.execute("UPDATE followings SET error = ? WHERE id = ?", (error, following_id))

    def following_of(self, token: str) -> Following | None:
        """See FollowingStore."""
        with errors("reading what is followed"):
            row = self._db.execute(f"{following.FROM} WHERE token = ?", (token,)).fetchone()
        return following.to_following(row) if row else None

    def note_verdict(self, following_id: int, verdict: Verdict) -> None:
        """See FollowingStore."""
        with errors("noting what a hub said"), self._writing() as db:
            following.judge(db, following_id, verdict)

    def put_notice(self, following_id: int, content_type: str, body: bytes, now: datetime) -> bool:
        """See FollowingStore."""
        with errors("taking a push"), self._writing() as db:
            return following.put(db, following_id, content_type, body, to_seconds(now))

    def waiting_notices(self, limit: int) -> tuple[tuple[int, str], ...]:
        """See FollowingStore."""
        with errors("reading the inbox"):
            return tuple(self._db.execute(following.WAITING, (limit,)).fetchall())

    def notice(self, notice_id: int) -> tuple[Source, Notice] | None:
        """See FollowingStore."""
        with errors("reading a push"):
            row = self._db.execute(following.NOTICE, (notice_id,)).fetchone()
        if row is None:
            return None
        line, number, url, topic, content_type, body, received_at, is_after_loss = row
        at = to_datetime(received_at)
        return to_source(line), Notice(number, url, topic, content_type, body, at, bool(is_after_loss))

    def leases(self, now: datetime) -> Mapping[str, datetime]:
        """See FollowingStore."""
        with errors("reading leases"):
            rows = self._db.execute(following.LEASES, (to_seconds(now),)).fetchall()
        return {url: to_datetime(until) for url, until in rows}

    def distrust(self, now: datetime, change: Callable[[Source, SourceState], SourceState]) -> int:
        """See FollowingStore."""
        with errors("ending trust in pushes"):
            if not self._db.execute(following.DISTRUSTED, (to_seconds(now),)).fetchone():
                return 0  # without a wait for the writer
            with self._writing() as db:
                rows = db.execute(following.DISTRUSTED, (to_seconds(now),)).fetchall()
                write_states(db, [change(to_source(line), to_state(state)) for line, state in rows])
        return len(rows)

    def followings(self) -> tuple[Following, ...]:
        """See FollowingStore."""
        with errors("reading what is followed"):
            rows = self._db.execute(f"{following.FROM} ORDER BY followings.id").fetchall()
        return tuple(map(following.to_following, rows))
