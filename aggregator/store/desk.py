"""What the desk keeps: who may use it, who is logged in, whose logins failed, and what was done. Never checks a
password, never does or undoes anything itself.
"""

import json
import sqlite3
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from aggregator.errors import StoreError
from aggregator.model import Action, ActionKind, Deed, Editor, Login, Role
from aggregator.store.connections import Connections, errors
from aggregator.store.rows import to_datetime, to_seconds

TABLES = """
-- Who may use the desk. `password` is what argon2 made of it; `closed_at` is NULL while they may.
CREATE TABLE editors (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    closed_at INTEGER
);
-- Who is logged in, by the hash of what their browser holds.
CREATE TABLE logins (
    token TEXT PRIMARY KEY,
    editor_id INTEGER NOT NULL REFERENCES editors (id),
    csrf TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) WITHOUT ROWID;
-- Logins that failed, by who was meant and by where they came from.
CREATE TABLE failures (of_what TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX failures_of ON failures (of_what, at);
-- What was done. `held` is what undoing it takes, as compressed JSON.
CREATE TABLE actions (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    made_by TEXT NOT NULL,
    at INTEGER NOT NULL,
    about TEXT NOT NULL,
    told TEXT NOT NULL,
    note TEXT NOT NULL,
    held BLOB NOT NULL,
    undone_at INTEGER,
    undone_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX actions_about ON actions (about, id);
"""
EDITOR = "editors.id, name, role, made_at, closed_at"
ACTION = "id, kind, made_by, at, about, told, note, undone_at, undone_by"
SEEN_SECONDS = 60  # so seldom is it written that somebody is still there


class DeskStore(Protocol):
    """What the desk asks of a data base."""

    # accounts
    def add_editor(self, name: str, role: Role, password: str, now: datetime) -> Editor:
        """Let somebody use the desk; `password` is hashed. StoreError if the name is taken, also by one that is
        closed.
        """

    def editors(self) -> tuple[Editor, ...]:
        """Everybody who may or might use the desk, by name."""

    def password_of(self, name: str) -> tuple[Editor, str] | None:
        """Who has this name, in any case of letters, and the hash of their password. None if nobody may log in so."""

    def change_editor(
        self, editor_id: int, now: datetime, *, role: Role | None = None, password: str = "", closed: bool | None = None
    ) -> None:
        """Give somebody another role or password, or close or open their account. Whoever gets another password or is
        closed is logged out everywhere.
        """

    def rehash(self, editor_id: int, was: str, will: str) -> None:
        """Keep another hash of the same password, unless that is another one by now; nobody is logged out."""

    # logins
    def log_in(self, token: str, editor_id: int, csrf: str, now: datetime) -> None:
        """Remember a browser by the hash of what it holds."""

    def login(self, token: str, began_after: datetime, seen_after: datetime, now: datetime) -> Login | None:
        """Who is logged in with that hash, and still may be; that they were here is noted."""

    def log_out(self, token: str) -> None:
        """Forget a browser."""

    def fail_login(self, of: tuple[str, ...], now: datetime) -> None:
        """Note that a login failed, under each of these."""

    def failed_logins(self, of: str, since: datetime) -> int:
        """How many failed under this since then; what is older is forgotten."""

    # what was done
    def act(self, deed: Deed, now: datetime) -> Action:
        """Record an action."""

    def actions(self, limit: int = 50, before: int = 0, about: str | None = None) -> tuple[Action, ...]:
        """What was done, the last first; those before one of this number, or about one thing."""

    def action(self, number: int) -> tuple[Action, Mapping[str, Any]] | None:
        """One action and what undoing it takes."""

    def mark_undone(self, number: int, by: str, now: datetime) -> None:
        """Note that an action was undone. StoreError if it is already."""

    def mark_standing(self, number: int) -> None:
        """Note that what was undone is done again."""


class Desks(Connections):
    """The part of the SQLite store that serves the desk."""

    def add_editor(self, name: str, role: Role, password: str, now: datetime) -> Editor:
        """See DeskStore."""
        sql = f"INSERT INTO editors (name, role, password, made_at) VALUES (?, ?, ?, ?) RETURNING {EDITOR}"  # noqa: S608
        with errors("adding an editor"), self._writing() as db:
            if db.execute("SELECT 1 FROM editors WHERE name = ?", (name,)).fetchone():
                raise StoreError(f"while adding an editor: the name {name!r} is taken")
            return _editor(db.execute(sql, (name, role, password, to_seconds(now))).fetchone())

    def editors(self) -> tuple[Editor, ...]:
        """See DeskStore."""
        with errors("reading the editors"):
            return tuple(map(_editor, self._db.execute(f"SELECT {EDITOR} FROM editors ORDER BY name").fetchall()))  # noqa: S608

    def password_of(self, name: str) -> tuple[Editor, str] | None:
        """See DeskStore."""
        sql = f"SELECT {EDITOR}, password FROM editors WHERE name = ? AND closed_at IS NULL"  # noqa: S608
        with errors("reading an editor"):
            row = self._db.execute(sql, (name,)).fetchone()
        return (_editor(row[:-1]), row[-1]) if row else None

    def change_editor(
        self, editor_id: int, now: datetime, *, role: Role | None = None, password: str = "", closed: bool | None = None
    ) -> None:
        """See DeskStore."""
        with errors("changing an editor"), self._writing() as db:
            if role is not None:
                db.execute("UPDATE editors SET role = ? WHERE id = ?", (role, editor_id))
            if password:
                db.execute("UPDATE editors SET password = ? WHERE id = ?", (password, editor_id))
            if closed is not None:
                at = to_seconds(now) if closed else None
                db.execute("UPDATE editors SET closed_at = ? WHERE id = ?", (at, editor_id))
            if password or closed:
                db.execute("DELETE FROM logins WHERE editor_id = ?", (editor_id,))

    def rehash(self, editor_id: int, was: str, will: str) -> None:
        """See DeskStore."""
        with errors("keeping a hash"), self._writing() as db:
            db.execute("UPDATE editors SET password = ? WHERE id = ? AND password = ?", (will, editor_id, was))

    def log_in(self, token: str, editor_id: int, csrf: str, now: datetime) -> None:
        """See DeskStore."""
        at = to_seconds(now)
        with errors("logging in"), self._writing() as db:
            db.execute("INSERT INTO logins VALUES (?, ?, ?, ?, ?)", (token, editor_id, csrf, at, at))

    def login(self, token: str, began_after: datetime, seen_after: datetime, now: datetime) -> Login | None:
        """See DeskStore."""
        sql = (
            f"SELECT csrf, began_at, seen_at, {EDITOR} FROM logins JOIN editors ON editors.id = editor_id"  # noqa: S608
            " WHERE token = ? AND began_at > ? AND seen_at > ? AND closed_at IS NULL"
        )
        with errors("reading a login"):
            row = self._db.execute(sql, (token, to_seconds(began_after), to_seconds(seen_after))).fetchone()
            if row is None:
                return None
            if to_seconds(now) - row[2] >= SEEN_SECONDS:
                with self._writing() as db:
                    db.execute("UPDATE logins SET seen_at = ? WHERE token = ?", (to_seconds(now), token))
                    db.execute("DELETE FROM logins WHERE began_at <= ?", (to_seconds(began_after),))
        return Login(_editor(row[3:]), row[0], to_datetime(row[1]), to_datetime(row[2]))

    def log_out(self, token: str) -> None:
        """See DeskStore."""
        with errors("logging out"), self._writing() as db:
            db.execute("DELETE FROM logins WHERE token = ?", (token,))

    def fail_login(self, of: tuple[str, ...], now: datetime) -> None:
        """See DeskStore."""
        with errors("noting a login"), self._writing() as db:
            db.executemany("INSERT INTO failures VALUES (?, ?)", [(each, to_seconds(now)) for each in of])

    def failed_logins(self, of: str, since: datetime) -> int:
        """See DeskStore."""
        with errors("reading logins"), self._writing() as db:
            db.execute("DELETE FROM failures WHERE at <= ?", (to_seconds(since),))
            return int(db.execute("SELECT count(*) FROM failures WHERE of_what = ?", (of,)).fetchone()[0])

    def act(self, deed: Deed, now: datetime) -> Action:
        """See DeskStore."""
        with errors("recording an action"), self._writing() as db:
            return record(db, deed, now)

    def actions(self, limit: int = 50, before: int = 0, about: str | None = None) -> tuple[Action, ...]:
        """See DeskStore."""
        sql = (
            f"SELECT {ACTION} FROM actions WHERE (? = 0 OR id < ?) AND (? IS NULL OR about = ?)"  # noqa: S608
            " ORDER BY id DESC LIMIT ?"
        )
        with errors("reading what was done"):
            rows = self._db.execute(sql, (before, before, about, about, limit)).fetchall()
        return tuple(map(_action, rows))

    def action(self, number: int) -> tuple[Action, Mapping[str, Any]] | None:
        """See DeskStore."""
        with errors("reading what was done"):
            row = self._db.execute(f"SELECT {ACTION}, held FROM actions WHERE id = ?", (number,)).fetchone()  # noqa: S608
        return (_action(row[:-1]), _unpacked(row[-1])) if row else None

    def mark_undone(self, number: int, by: str, now: datetime) -> None:
        """See DeskStore."""
        sql = "UPDATE actions SET undone_at = ?, undone_by = ? WHERE id = ? AND undone_at IS NULL"
        with errors("noting what was undone"), self._writing() as db:
            if db.execute(sql, (to_seconds(now), by, number)).rowcount == 0:
                raise StoreError(f"while noting what was undone: action {number} is undone already, or there is none")

    def mark_standing(self, number: int) -> None:
        """See DeskStore."""
        with errors("noting what was undone"), self._writing() as db:
            db.execute("UPDATE actions SET undone_at = NULL, undone_by = '' WHERE id = ?", (number,))


def record(db: sqlite3.Connection, deed: Deed, now: datetime) -> Action:
    """Record an action, inside a transaction that the caller holds."""
    sql = "INSERT INTO actions (kind, made_by, at, about, told, note, held) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING "
    row = (deed.kind, deed.by, to_seconds(now), deed.about, json.dumps(deed.told), deed.note, _packed(deed.held))
    return _action(db.execute(sql + ACTION, row).fetchone())


def hold(db: sqlite3.Connection, number: int, more: Mapping[str, Any]) -> Action:
    """Add to what undoing a recorded action takes, inside a transaction that the caller holds."""
    (held,) = db.execute("SELECT held FROM actions WHERE id = ?", (number,)).fetchone()
    sql = f"UPDATE actions SET held = ? WHERE id = ? RETURNING {ACTION}"  # noqa: S608
    return _action(db.execute(sql, (_packed({**_unpacked(held), **more}), number)).fetchone())


def _packed(held: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(held).encode())


def _unpacked(held: bytes) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(zlib.decompress(held))
    return found


def _editor(row: tuple[Any, ...]) -> Editor:
    number, name, role, made_at, closed_at = row
    return Editor(number, name, Role(role), to_datetime(made_at), to_datetime(closed_at) if closed_at else None)


def _action(row: tuple[Any, ...]) -> Action:
    number, kind, by, at, about, told, note, undone_at, undone_by = row
    undone = to_datetime(undone_at) if undone_at else None
    return Action(number, ActionKind(kind), by, to_datetime(at), about, json.loads(told), note, undone, undone_by)
