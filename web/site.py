"""What every page needs: the settings, the categories, the clock, and the store, opened when first asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import cast

from flask import current_app

from aggregator.classify import Taxonomy
from aggregator.config import Settings
from aggregator.store import SourceView, Store, StoreError, open_store

ALL = "all"  # the slug of the feed that holds every category
NAMES_SECONDS = 60  # names of sources change by hand, a few times a year

Clock = Callable[[], datetime]


class NotReadyError(StoreError):
    """There is no data base yet: the first round has not begun."""


@dataclass(slots=True)
class Site:
    """One installation as the pages see it; safe to share between threads."""

    settings: Settings
    taxonomy: Taxonomy
    clock: Clock
    started_at: datetime
    _store: Store | None = None
    _names: dict[str, str] = field(default_factory=dict)
    _names_read_at: datetime | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def slugs(self) -> tuple[str, ...]:
        """Every feed of ours, the one that holds everything first."""
        return (ALL, *self.taxonomy.slugs)

    @property
    def store(self) -> Store:
        """The store, for reading. NotReadyError while its file does not exist: making it is the scheduler's work."""
        with self._lock:
            if self._store is None:
                if not Path(self.settings.database).exists():
                    raise NotReadyError(f"while opening the store: {self.settings.database!r} does not exist yet")
                self._store = open_store(self.settings.database, self.settings.authority, writer=False)
            return self._store

    def source_name(self, url: str) -> str:
        """What people call a source; read again after a minute, or at once for a source that is new to us."""
        read_at = self._names_read_at
        if url not in self._names or read_at is None or (self.clock() - read_at).total_seconds() > NAMES_SECONDS:
            self._names = {view.source.url: name_of(view) for view in self.store.sources()}
            self._names_read_at = self.clock()
        return self._names.get(url) or host_of(url)


def name_of(view: SourceView) -> str:
    """What people call a source: the editors' title, else its own, else its host."""
    return view.source.title or view.state.feed_title or host_of(view.source.url)


def host_of(url: str) -> str:
    """The host of a URL, for want of a better name; never raises."""
    return url.partition("//")[2].partition("/")[0] or url


def current_site() -> Site:
    """The site of the request under way."""
    return cast(Site, current_app.extensions["tributary"])
