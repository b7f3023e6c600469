"""Keeps what was found: takes Updates, gives stories. Never fetches, decides or renders.

`open_store(path)` gives a `Store`. Reading methods run one to three queries each and see one consistent state.
A store may be used from several threads: each gets a connection of its own. Every method raises StoreError, and only
that; a writing method that raises has written nothing. What an editor asked for and cannot be is a DeskError.
"""

from aggregator.errors import StoreError
from aggregator.store.choosing import Choice, Sort
from aggregator.store.figures import Backup, Figures, Pulse
from aggregator.store.mending import Gathered, Mend, Mended, Mending
from aggregator.store.operating import ToldEpisode, Watch
from aggregator.store.protocol import Store
from aggregator.store.retelling import Look, Retelling
from aggregator.store.sqlite import SQLiteStore
from aggregator.store.values import (
    FeedState,
    Found,
    Hit,
    Known,
    LogRow,
    Page,
    Revision,
    SourceView,
    Tie,
    Totals,
    Window,
)

__all__ = [
    "Backup", "Choice", "FeedState", "Figures", "Found", "Gathered", "Hit", "Known", "LogRow", "Look", "Mend",
    "Mended", "Mending", "Page", "Pulse", "Retelling", "Revision", "Sort", "SourceView", "Store", "StoreError",
    "Tie", "ToldEpisode", "Totals", "Watch", "Window", "open_store",
]  # fmt: skip


PATIENCE_SECONDS = 60.0


def open_store(
    path: str, authority: str = "localhost,2026", *, writer: bool = True, patience_seconds: float = PATIENCE_SECONDS
) -> Store:
    """Open the store at `path`, making or migrating it where needed. `authority` goes into ids that we mint; a process
    that only reads says `writer=False` and leaves checkpoints to the other. A writing method waits `patience_seconds`
    for another process that is writing; reading ones never wait.
    """
    return SQLiteStore(path, authority, writer=writer, patience_seconds=patience_seconds)
