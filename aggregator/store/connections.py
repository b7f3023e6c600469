"""The connections of the SQLite store, one a thread, and its transactions; never holds a query of the store's own."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aggregator.errors import StoreError, UnwritableError
from aggregator.store.contents import Contents
from aggregator.store.near import Prints

PASSING = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL))
PRIMARY = 0xFF  # the part of a code of SQLite's that says which of these it is
OWNER_ALONE = 0o600  # hashes of passwords stand in it
MIGRATIONS = 18  # that schema.py holds: where all were done, it is not loaded, nor sqlite-utils, which takes 50 ms
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
        with errors("opening"):
            if path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                if not Path(path).exists():  # what is there keeps its mode
                    Path(path).touch(OWNER_ALONE)
            if _migrated(self._db) < MIGRATIONS:  # who only reads must not wait for a writer
                from aggregator.store.schema import migrate  # noqa: PLC0415 - it names modules that need this one

                with self._writing() as db:
                    migrate(db)

    @property
    def _db(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._own, "db", None)
        if db is None:
            db = sqlite3.connect(self._path, timeout=self._patience_seconds, isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            if not self._writer:
                db.execute("PRAGMA wal_autocheckpoint = 0")
            self._own.db = db
        return db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the write lock from its start: a later read-then-write could not wait for it."""
        connection = self._db
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
        connection = self._db
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close this thread's connection."""
        db: sqlite3.Connection | None = getattr(self._own, "db", None)
        if db is not None:
            db.close()
            self._own.db = None


def _migrated(db: sqlite3.Connection) -> int:
    """How many migrations were done."""
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone() is None:
        return 0
    return int(db.execute("SELECT count(*) FROM _sqlite_migrations WHERE migration_set = 'tributary'").fetchone()[0])


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
