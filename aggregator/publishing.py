"""The way out: takes the log, gives feeds as bytes. Reads only, but for the pages that it keeps.

log | select | render          a feed, what of it is new to a client, a closed page of its log, what a search finds

What sources, labels and settings say is read once, and again when a source has changed.
"""

import weakref
from collections.abc import Collection, Container, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from aggregator.catalogue import catalogue
from aggregator.classify import departement_name, load_taxonomy
from aggregator.config import Settings
from aggregator.model import (
    AS_ANNOUNCED,
    DEPARTEMENT,
    NO_QUESTION,
    SOURCE,
    CategoryFeed,
    FeedEntry,
    Format,
    Genre,
    Key,
    Options,
    Question,
    Rendition,
    Republish,
    Source,
    Story,
)
from aggregator.publish import render, render_delta
from aggregator.publish.archive import pack, unpack
from aggregator.publish.select import describe, select
from aggregator.store import FeedState, SourceView, Store

EMPTY_SINCE = datetime(2020, 1, 1, tzinfo=UTC)  # of a feed that no story has entered yet: always the same bytes
REMEMBERED = timedelta(days=30)  # how long a feed says what was retracted from it
SEARCH = "search"  # the slug of the feed of a search


def publish_feed(
    store: Store, slug: str, format: Format, settings: Settings, options: Options = AS_ANNOUNCED
) -> Rendition | None:
    """A feed of ours as bytes, None where there is no such feed. Cost: eight queries, and rendering what is new."""
    state = store.feed(slug)
    feed = _head(store, slug, state, settings, options)
    return None if feed is None else replace(render(feed, format), updated=_at(state))


def publish_delta(
    store: Store,
    slug: str,
    format: Format,
    settings: Settings,
    known: Collection[bytes],
    options: Options = AS_ANNOUNCED,
) -> Rendition | None:
    """What of a feed a client lacks that holds entries in these forms; see `publish.render_delta`."""
    state = store.feed(slug)
    feed = _head(store, slug, state, settings, options)
    return None if feed is None else replace(render_delta(feed, format, known), updated=_at(state))


def _head(store: Store, slug: str, state: FeedState, settings: Settings, options: Options) -> CategoryFeed | None:
    frame = _frame(store, settings)
    if slug not in frame.feeds:
        return None
    limit = options.limit or settings.feed_length
    stories = store.head(slug, limit, one_per_event=slug in settings.one_per_event, pages=state.pages)
    return replace(
        frame.select(slug, stories[: options.limit or None]),
        options=options,
        pages=0 if options.limit else state.pages,  # who takes less than the head would miss what lies between
        removed=store.retracted(slug, _at(state) - REMEMBERED),
    )


def publish_page(store: Store, slug: str, number: int, format: Format, settings: Settings) -> Rendition | None:
    """A closed page of a feed's log, from 1 on, None where there is none. What was hidden since is not in it."""
    state, frame = store.feed(slug), _frame(store, settings)
    content = store.archived(slug, number)
    if content is None or slug not in frame.feeds:
        return None
    entries = unpack(content)
    hidden = _hidden_of(store, entries)
    kept = tuple(_without(entry, hidden) for entry in entries if not hidden & {entry.item.key, *entry.keys[:1]})
    rendition = render(frame.describe(slug, kept, number), format)
    # A page changes when something is hidden or shown again, which moves the feed; else it is as old as its entries.
    return replace(rendition, updated=_at(state)) if store.retractions() else rendition


def hidden_on(store: Store, slug: str, number: int) -> tuple[Key, ...]:
    """What of a closed page is hidden, in order: while that is the same, so is the page. A query for each item."""
    content = store.archived(slug, number)
    return () if content is None else tuple(sorted(_hidden_of(store, unpack(content))))


def _hidden_of(store: Store, entries: Sequence[FeedEntry]) -> frozenset[Key]:
    return store.hidden_among({key for entry in entries for key in (entry.item.key, *entry.keys)})


def publish_search(
    store: Store, question: Question, format: Format, settings: Settings, options: Options = AS_ANNOUNCED
) -> Rendition:
    """The newest stories that answer a question."""
    limit = options.limit or settings.feed_length
    found = store.search(question, settings.language, limit, newest=True, zone=settings.timezone)
    stories = sorted((hit.story for hit in found.hits), key=lambda story: (story.sort_at, story.id), reverse=True)
    feed = _frame(store, settings).select(SEARCH, stories, question)
    return render(replace(feed, options=options), format)


def keep_pages(store: Store, settings: Settings, now: datetime, limit: int = 20) -> int:
    """Keep what the pages show that have become full. → how many; 0 when none is left."""
    full = store.full_pages(limit)
    for slug, number in full:
        page = _frame(store, settings).select(slug, store.page(slug, number))
        store.archive(slug, number, pack(page.entries), now)
    return len(full)


class _Frame:
    """What every feed needs of sources, labels and settings; read once for many feeds."""

    def __init__(self, views: Sequence[SourceView], settings: Settings) -> None:
        taxonomy, language = load_taxonomy(settings.categories), settings.language
        self.feeds = catalogue(taxonomy, views, language)
        self._settings = settings
        self._sources = {view.source.url: _allowed(view) for view in views}
        self._states = {view.source.url: view.state for view in views}
        self._slugs = {f"{SOURCE}{view.slug}": view.source.url for view in views}
        genres = {genre.value: taxonomy.genre_label(genre, language) for genre in Genre}
        codes = {code for view in views for code in view.source.departements}
        departements = {f"{DEPARTEMENT}{code}": departement_name(code) for code in codes}
        self._labels = {**departements, **self.feeds, **genres}

    def select(self, slug: str, stories: Sequence[Story], question: Question = NO_QUESTION) -> CategoryFeed:
        """The feed of these stories."""
        return select(
            slug,
            tuple(stories),
            sources=self._sources,
            states=self._states,
            labels=self._labels,
            settings=self._settings,
            empty_updated=EMPTY_SINCE,
            own=self._slugs.get(slug, ""),
            question=question,
        )

    def describe(self, slug: str, entries: tuple[FeedEntry, ...], page: int) -> CategoryFeed:
        """The closed page of a log that holds these entries."""
        return describe(
            slug, entries, labels=self._labels, settings=self._settings, empty_updated=EMPTY_SINCE, page=page
        )


_FrameKey = tuple[Settings, int, int]
_frames: weakref.WeakKeyDictionary[Store, tuple[_FrameKey, _Frame]] = weakref.WeakKeyDictionary()


def _frame(store: Store, settings: Settings) -> _Frame:
    """The frame of a store as it is now. 1,000 sources cost 8 ms to read, and to see that they are the same 0.02."""
    key = settings, store.source_changes(), store.retractions()  # before the sources: what comes meanwhile is seen next
    held = _frames.get(store)
    if held is not None and held[0] == key:
        return held[1]
    frame = _Frame(store.sources(), settings)
    _frames[store] = key, frame
    return frame


def _without(entry: FeedEntry, hidden: Container[Key]) -> FeedEntry:
    behind = zip(entry.also, entry.keys[1:], strict=True)
    return replace(entry, also=tuple(origin for origin, key in behind if key not in hidden))


def _at(state: FeedState) -> datetime:
    return state.changed_at or EMPTY_SINCE


def _allowed(view: SourceView) -> Source:
    """A source's line; one that left feeds.opml allows us no whole texts any more."""
    return view.source if view.listed else replace(view.source, republish=Republish.LEAD)
