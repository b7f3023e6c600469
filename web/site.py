"""What every page needs: the settings, the categories, the clock, and the store, opened when first asked for."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import cast

from flask import current_app
from msgspec import Struct, field
from msgspec.structs import replace

from aggregator import opml
from aggregator.catalogue import catalogue, host_of, name_of
from aggregator.classify import Taxonomy
from aggregator.config import Settings
from aggregator.errors import ConfigError
from aggregator.model import DEPARTEMENT, Question
from aggregator.store import SourceView, Store, StoreError, open_store

VIEWS_SECONDS = 60  # sources change by hand, a few times a year

Clock = Callable[[], datetime]


class NotReadyError(StoreError):
    """There is no data base yet: the first round has not begun."""


class Sources(Struct, frozen=True):
    """Every source as it was read at one time."""

    views: tuple[SourceView, ...] = ()
    by_url: Mapping[str, SourceView] = field(default_factory=dict)
    by_slug: Mapping[str, SourceView] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)  # what people call them, by URL
    read_at: datetime | None = None
    stamp: tuple[int, int] = (-1, -1)  # what the store said of changes then


class Site(Struct):
    """One installation as the pages see it; safe to share between threads."""

    settings: Settings
    taxonomy: Taxonomy
    clock: Clock
    _store: Store | None = None
    _sources: Sources = Sources()
    _catalogues: dict[str, tuple[tuple[SourceView, ...], Mapping[str, str]]] = field(default_factory=dict)
    _flaw: tuple[tuple[int, int], str] = ((-1, -1), "")  # of the file of this stamp
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

    def known(self, question: Question) -> Question:
        """A question without what there is not: categories, départements, sources."""
        sources = {view.slug for view in self.views() if not view.withdrawn} if question.source else ()
        return replace(
            question,
            category=question.category if question.category in self.taxonomy.slugs else "",
            departement=question.departement if f"{DEPARTEMENT}{question.departement}" in self.feeds() else "",
            source=question.source if question.source in sources else "",
        )

    def views(self) -> tuple[SourceView, ...]:
        """Every source, read again after a minute."""
        return self._views()

    def names(self) -> Mapping[str, str]:
        """What people call each source, by URL; as it is now, so that it knows of whatever was read before."""
        self.look()
        self._views()
        return self._sources.names

    def look(self) -> None:
        """Read the sources anew if something else is said of them by now, else after a minute. Two small queries."""
        try:
            if self._stamp() != self._sources.stamp:
                self.look_again()
        except StoreError:
            return  # what was known last

    def look_again(self) -> None:
        """Read the sources anew when they are next needed, without waiting for the minute."""
        self._sources = replace(self._sources, read_at=None)

    @property
    def store(self) -> Store:
        """The store, for reading. NotReadyError while its file does not exist: making it is the scheduler's work."""
        with self._lock:
            if self._store is None:
                if not Path(self.settings.database).exists():
                    raise NotReadyError(f"while opening the store: {self.settings.database!r} does not exist yet")
                self._store = open_store(self.settings.database, self.settings.authority, writer=False)
            return self._store

    def list_flaw(self) -> str:
        """What is wrong with feeds.opml as it stands, "" for nothing; it is read when it is another one."""
        stamp = _stamp_of(self.settings.opml)
        if stamp != self._flaw[0]:
            try:
                opml.read(self.settings.opml)
                self._flaw = stamp, ""
            except ConfigError as error:
                self._flaw = stamp, str(error)
        return self._flaw[1]

    def source_name(self, url: str) -> str:
        """What people call a source; read again after a minute, or at once for a source that is new to us."""
        self._views(needed=url)
        return self._sources.names.get(url) or host_of(url)

    def view_of(self, url: str) -> SourceView | None:
        """A source, None where there is none; read again after a minute, or at once for a source that is new to us."""
        self._views(needed=url)
        return self._sources.by_url.get(url)

    def view_named(self, slug: str) -> SourceView | None:
        """A source by its name in addresses, None where there is none; read again after a minute."""
        self._views()
        return self._sources.by_slug.get(slug)

    def _views(self, needed: str = "") -> tuple[SourceView, ...]:
        read_at = self._sources.read_at
        is_old = read_at is None or (self.clock() - read_at).total_seconds() > VIEWS_SECONDS
        if is_old or (needed and needed not in self._sources.by_url):
            with suppress(StoreError):  # else what was known last
                self._sources = self._read()
        return self._sources.views

    def _read(self) -> Sources:
        stamp, views = self._stamp(), self.store.sources()  # the stamp first: what comes meanwhile is seen next
        by_url = {view.source.url: view for view in views}
        names = {url: name_of(view) for url, view in by_url.items()}
        return Sources(views, by_url, {view.slug: view for view in views}, names, self.clock(), stamp)

    def _stamp(self) -> tuple[int, int]:
        return self.store.source_changes(), self.store.retractions()


def _stamp_of(path: str) -> tuple[int, int]:
    """Another one when a file is; (0, 0) where there is none."""
    try:
        stat = Path(path).stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def current_site() -> Site:
    """The site of the request under way."""
    return cast(Site, current_app.extensions["tributary"])
