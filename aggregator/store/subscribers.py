"""The hub's part of the SQLite store: requests, subscriptions, and what is owed."""

from collections.abc import Sequence
from datetime import datetime

from aggregator.model import Intent, Limit, Limits, Mode, Ping, Push, Subscription
from aggregator.store import hub
from aggregator.store.connections import Connections, errors
from aggregator.store.rows import to_seconds


class Subscribers(Connections):
    """See HubStore for what each method promises."""

    def ask(self, intent: Intent, now: datetime, limits: Limits, *, trusted: bool) -> Limit | None:
        """See HubStore."""
        minute = to_seconds(now) // 60
        with errors("taking a request"):
            # Looked at first without the write lock: a flood must not keep it from the poller.
            with self._reading() as db:
                limit = hub.exceeded(db, intent, minute, limits, trusted=trusted)
            if limit:
                return limit
            with self._writing() as db:
                limit = hub.exceeded(db, intent, minute, limits, trusted=trusted)
                if not limit:
                    hub.write_intent(db, intent, minute)
        return limit

    def intents(self, limit: int) -> tuple[Intent, ...]:
        """See HubStore."""
        sql = (
            "SELECT mode, feed, topic, topic_url, callback, host, secret, lease_seconds, version, id FROM intents"
            " ORDER BY id LIMIT ?"
        )
        with errors("reading requests"):
            rows = self._db.execute(sql, (limit,)).fetchall()
        return tuple(Intent(Mode(mode), *rest) for mode, *rest in rows)

    def confirm(self, intent: Intent, lease_until: datetime) -> None:
        """See HubStore."""
        with errors("keeping a subscription"), self._writing() as db:
            if intent.mode is Mode.SUBSCRIBE:
                values = (intent.feed, intent.topic, intent.topic_url, intent.callback, intent.host, intent.secret)
                db.execute(hub.SUBSCRIBE, (*values, to_seconds(lease_until), intent.version))
            else:
                db.execute(
                    "DELETE FROM subscriptions WHERE topic = ? AND callback = ?", (intent.topic, intent.callback)
                )
            sql = (
                "UPDATE unverified SET requests = requests - 1 WHERE requests > 0 AND (host, minute) ="
                " (SELECT host, minute FROM intents WHERE id = ?)"
            )
            db.execute(sql, (intent.id,))
            db.execute("DELETE FROM intents WHERE id = ?", (intent.id,))

    def refuse(self, intent: Intent) -> None:
        """See HubStore."""
        with errors("refusing a request"), self._writing() as db:
            db.execute("DELETE FROM intents WHERE id = ?", (intent.id,))

    def owed(self, now: datetime) -> tuple[Subscription, ...]:
        """See HubStore."""
        at = to_seconds(now)
        with errors("reading what is owed"):
            return tuple(map(hub.to_subscription, self._db.execute(hub.OWED, (at, at)).fetchall()))

    def take_pushes(self, pushes: Sequence[Push]) -> None:
        """See HubStore."""
        with errors("writing deliveries"), self._writing() as db:
            for push in pushes:
                hub.take(db, push)

    def end_leases(self, now: datetime) -> int:
        """See HubStore."""
        at = to_seconds(now)
        with errors("ending leases"), self._writing() as db:
            db.execute("DELETE FROM unverified WHERE minute < ?", (at // 60 - hub.KEPT_MINUTES,))
            return db.execute("DELETE FROM subscriptions WHERE lease_until <= ?", (at,)).rowcount

    def subscriptions(self) -> tuple[Subscription, ...]:
        """See HubStore."""
        with errors("reading subscriptions"):
            rows = self._db.execute(hub.ALL).fetchall()
        return tuple(map(hub.to_subscription, rows))

    def owed_pings(self, now: datetime) -> tuple[Ping, ...]:
        """See HubStore."""
        with errors("reading what is owed"):
            return tuple(Ping(*row) for row in self._db.execute(hub.OWED_PINGS, (to_seconds(now),)).fetchall())

    def take_pings(self, pings: Sequence[Ping]) -> None:
        """See HubStore."""
        with errors("writing pings"), self._writing() as db:
            told = [(ping.feed, ping.version) for ping in pings if ping.due_at is None]
            failed = [(ping.feed, to_seconds(ping.due_at), ping.tries) for ping in pings if ping.due_at is not None]
            db.executemany("INSERT OR REPLACE INTO pings (feed, version) VALUES (?, ?)", told)
            db.executemany(
                "INSERT INTO pings (feed, version, due_at, tries) VALUES (?, 0, ?, ?)"
                " ON CONFLICT DO UPDATE SET due_at = excluded.due_at, tries = excluded.tries",
                failed,
            )
