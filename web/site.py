"""What every page needs: the settings, the categories, the clock, and the store, opened when first asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import cast

from flask import current_app

from aggregator.catalogue import catalogue, host_of, name_of
from aggregator.classify import Taxonomy
from aggregator.config import Settings
from aggregator.store import SourceView, Store, StoreError, open_store

VIEWS_SECONDS = 60  # sources change by hand, a few times a year

Clock = Callable[[], datetime]


class NotReadyError(StoreError):
    """There is no data base yet: the first round has not begun."""


@dataclass(slots=True)
class Site:
    """One installation as the pages see it; safe to share between threads."""

    settings: Settings
    taxonomy: Taxonomy
    clock: Clock
    _store: Store | None = None
    _read_views: tuple[SourceView, ...] = ()
    _views_read_at: datetime | None = None
    _catalogues: dict[str, tuple[tuple[SourceView, ...], Mapping[str, str]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def feeds(self, language: str = "") -> Mapping[str, str]:
        """Every feed of ours with what people call it, see `catalogue`; read again after a minute. While there is no
        store, those that need no source.
        """
        views, language = self._views(), language or self.settings.language
        held = self._catalogues.get(language)
        if held is None or held[0] is not views:
            held = self._catalogues[language] = (views, catalogue(self.taxonomy, views, language))
        return held[1]

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
        view = self.view_of(url)
        return name_of(view) if view else host_of(url)

    def view_of(self, url: str) -> SourceView | None:
        """A source, None where there is none; read again after a minute, or at once for a source that is new to us."""
        return next((view for view in self._views(needed=url) if view.source.url == url), None)

    def _views(self, needed: str = "") -> tuple[SourceView, ...]:
        read_at = self._views_read_at
        is_old = read_at is None or (self.clock() - read_at).total_seconds() > VIEWS_SECONDS
        if is_old or (needed and needed not in {view.source.url for view in self._read_views}):
            try:
                self._read_views, self._views_read_at = self.store.sources(), self.clock()
            except StoreError:
                return self._read_views  # what was known last
        return self._read_views


def current_site() -> Site:
    """The site of the request under way."""
    return cast(Site, current_app.extensions["tributary"])
