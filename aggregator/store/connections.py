"""The connections of the SQLite store, one a thread, and its transactions; never holds a query of the store's own."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from aggregator.errors import StoreError, UnwritableError
from aggregator.store.contents import Contents
from aggregator.store.near import Prints

PASSING = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL))
PRIMARY = 0xFF  # the part of a code of SQLite's that says which of these it is
OWNER_ALONE = 0o600  # hashes of passwords stand in it
CACHE_KIB = 16_000  # of each connection; the 2,000 that are usual cost 40 µs more for a new item


class Connections:
    """Opens the data base at `path`, making or migrating it where needed; see `open_store`."""

    def __init__(self, path: str, authority: str, *, writer: bool, patience_seconds: float) -> None:
        self._path = path
        self._patience_seconds = patience_seconds
        self._authority = authority
        self._writer = writer
        self._own = threading.local()
        self._contents = Contents()
        self._prints = Prints()
        from aggregator.store.schema import migrations  # noqa: PLC0415 - it names modules that need this one

        with errors("opening"):
            if path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                if not Path(path).exists():  # what is there keeps its mode
                    Path(path).touch(OWNER_ALONE)
            if migrations.pending(self._db):  # who only reads must not wait for a writer
                with self._writing():
                    migrations.apply(self._db)

    @property
    def _db(self) -> Database:
        database: Database | None = getattr(self._own, "database", None)
        if database is None:
            opened = sqlite3.connect(self._path, timeout=self._patience_seconds, isolation_level=None)
            database = Database(opened, execute_plugins=False)  # to look for some takes 10 ms
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("PRAGMA foreign_keys = ON")
            database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            if not self._writer:
                database.execute("PRAGMA wal_autocheckpoint = 0")
            self._own.database = database
        return database

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the write lock from its start: a later read-then-write could not wait for it."""
        connection = self._db.conn
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent state over several queries."""
        connection = self._db.conn
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close this thread's connection."""
        database: Database | None = getattr(self._own, "database", None)
        if database is not None:
            database.close()
            self._own.database = None


@contextmanager
def errors(phase: str) -> Iterator[None]:
    """Turn whatever SQLite raises into a StoreError that says what was being done."""
    try:
        yield
    except (sqlite3.Error, OSError, OverflowError, UnicodeError) as error:
        kind = UnwritableError if _is_passing(error) else StoreError
        raise kind(f"while {phase}: {type(error).__name__}: {error}") from error


def _is_passing(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & PRIMARY in PASSING
