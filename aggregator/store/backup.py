"""A copy of the data base while it is in use: takes a connection and a path, leaves a file that was found sound.

SQLite's own copy of one moment is taken in one go, so that writing goes on beside it and never makes it begin anew. It
stands under another name until it was examined: what stood at the path before stays until then, whatever happens.
"""

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from aggregator.errors import StoreError

WIDTH = 3  # complaints of SQLite that are told


def copy(db: sqlite3.Connection, source: str, path: str, at: int) -> int:
    """Write the copy, made at this second. → its bytes. StoreError if the path is that of the data base, there is no
    such folder, or the copy is not sound.
    """
    target = Path(path).resolve()
    if target in {Path(f"{source}{ending}").resolve() for ending in ("", "-wal", "-shm")}:
        raise StoreError(f"while backing up: {path} is the data base itself")
    if not target.parent.is_dir():
        raise StoreError(f"while backing up: there is no folder {target.parent}")
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # readable by its owner alone
    os.close(handle)
    try:
        _fill(db, name, at)
        _flush(name)
        size = Path(name).stat().st_size
        Path(name).replace(target)
        _flush(str(target.parent))
    finally:
        for ending in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                Path(f"{name}{ending}").unlink()
    return size


def note(db: sqlite3.Connection, at: int, size: int) -> None:
    """Note when the last backup was made, and its bytes."""
    rows = [("backed_up", at), ("backup_bytes", size)]
    db.executemany("INSERT INTO marks VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", rows)


def _fill(db: sqlite3.Connection, name: str, at: int) -> None:
    with closing(sqlite3.connect(name, isolation_level=None)) as copied:
        db.backup(copied)
        copied.execute("PRAGMA journal_mode = DELETE")  # one file, whole by itself
        note(copied, at, Path(name).stat().st_size)  # of itself, for whoever works with it later
        flaws = [flaw for (flaw,) in copied.execute(f"PRAGMA integrity_check({WIDTH})") if flaw != "ok"]
        if flaws:
            raise StoreError(f"while backing up: the data base is damaged: {'; '.join(flaws)}")


def _flush(name: str) -> None:
    handle = os.open(name, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
