"""Keeps finished answers: takes what is asked for, gives an answer that is ready to be sent, made by the pipeline when
nothing fit is there. Never decides whether somebody may have it.

What is kept is compared with the store at each request, which costs a few µs while nothing was committed.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from aggregator.model import ALL, Rendition
from aggregator.publishing import SEARCH, publish_delta, publish_feed, publish_page, publish_search
from aggregator.store import FeedState, StoreError
from web.answers import Answer, Finished
from web.asked import Asked
from web.links import links_of
from web.negotiation import held_tags, tag_of, wants_delta
from web.site import Site

FEED_CACHE = "public, max-age=300, stale-while-revalidate=600, stale-if-error=86400"
# A closed page does not change but by a retraction, which has to reach everybody within a day.
ARCHIVE_CACHE = "public, max-age=86400, immutable, stale-if-error=86400"
ANNOUNCED_LIMIT_BYTES = 96 << 20  # for the feeds as our pages announce them
OTHER_LIMIT_BYTES = 32 << 20  # for options, closed pages and searches, which anybody can think of more of
VERSIONS_HELD = 24  # of a feed, whose holders can be sent what is new alone
PAGE_SECONDS = 60  # as long as browsers take a page for fresh
SEARCH_SECONDS = 60  # what is new is found by a search once it is indexed, which moves no version

Stamp = tuple[int, ...]
"""What the store said when an answer was made; one that it says still is as good as new."""


class Kept(Struct, frozen=True):
    """An answer, and what it rests on."""

    stamp: Stamp
    finished: Finished
    # By the ETag of what was served here lately, this included, the entries that it held: see Rendition.entries.
    held: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    deltas: dict[str, bytes] = field(default_factory=dict)  # what those who hold that ETag lack

    @property
    def weight(self) -> int:
        """About how many bytes it takes."""
        return self.finished.weight + sum(map(len, self.deltas.values()))


class Weighed(Protocol):
    """What takes memory."""

    @property
    def weight(self) -> int:
        """About how many bytes it takes."""


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=Weighed)


class Place(Generic[Key, Value]):
    """Answers up to a number of bytes; those go that were not asked for longest. Safe to share between threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, asked: Key) -> Value | None:
        """The answer, if it is here."""
        with self._lock:
            kept = self._kept.get(asked)
            if kept is not None:
                self._kept.move_to_end(asked)
            return kept

    def put(self, asked: Key, kept: Value) -> None:
        """Keep an answer in place of the last one."""
        with self._lock:
            self._drop(asked)
            self._kept[asked] = kept
            self._bytes += kept.weight
            while self._bytes > self._limit_bytes and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Let go of all."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _drop(self, asked: Key) -> None:
        old = self._kept.pop(asked, None)
        if old is not None:
            self._bytes -= old.weight


class _Looks(threading.local):
    """What this thread has read since others committed last: the number that SQLite gives is that of a connection."""

    changes = -1
    changed: tuple[int, int] | None = None
    told: int | None = None

    def __init__(self) -> None:
        self.states: dict[str, FeedState] = {}


class Shelf(Struct):
    """The answers of one site; safe to share between threads."""

    site: Site
    _announced: Place[Asked, Kept] = field(default_factory=lambda: Place(ANNOUNCED_LIMIT_BYTES))
    _other: Place[Asked, Kept] = field(default_factory=lambda: Place(OTHER_LIMIT_BYTES))
    _looks: _Looks = field(default_factory=_Looks)
    _rendering: threading.Lock = field(default_factory=threading.Lock)

    def fresh(self, asked: Asked) -> Finished | None:
        """The answer, if it is there and nothing has changed since. StoreError if the store cannot tell."""
        kept = self._place(asked).get(asked)
        return kept.finished if kept is not None and kept.stamp == self._stamp(asked) else None

    def clear(self) -> None:
        """Let go of all answers."""
        for place in (self._announced, self._other):
            place.clear()

    def take(self, asked: Asked) -> Finished | None:
        """The answer as it is now, None where there is no such feed.

        While the store cannot answer, what was served last is served again.
        """
        try:
            return self.fresh(asked) or self._render(asked)
        except StoreError:
            kept = self._place(asked).get(asked)
            if kept is None:
                raise
            return kept.finished

    def answer(self, asked: Asked, finished: Finished, environ: Mapping[str, Any]) -> Answer:
        """What a GET or HEAD gets: what is new to it, if it asks for that and we know what it holds, else as usual."""
        delta = self._delta(asked, finished, environ) if "HTTP_A_IM" in environ else None
        return finished.answer(environ) if delta is None else finished.delta(environ, delta)

    def _delta(self, asked: Asked, finished: Finished, environ: Mapping[str, Any]) -> bytes | None:
        kept, held = self._place(asked).get(asked), environ.get("HTTP_IF_NONE_MATCH", "")
        if kept is None or kept.finished is not finished or environ["REQUEST_METHOD"] != "GET":
            return None
        base = next((tag for tag in reversed(kept.held) if tag in held_tags(held)), None)
        if base is None or tag_of(finished.etag) == base or not wants_delta(environ["HTTP_A_IM"]):
            return None
        if base in kept.deltas:
            return kept.deltas[base]
        try:
            rendition = publish_delta(
                self.site.store, asked.slug, asked.format, self.site.settings, kept.held[base], asked.options
            )
        except StoreError:
            return None
        if rendition is None or rendition.etag != finished.etag:
            return None  # the feed has moved on meanwhile
        self._place(asked).put(asked, replace(kept, deltas={**kept.deltas, base: rendition.body}))
        return rendition.body

    def _place(self, asked: Asked) -> Place[Asked, Kept]:
        return self._announced if asked.is_announced else self._other

    def _stamp(self, asked: Asked) -> Stamp:
        """What an answer rests on. A closed page changes by retractions only, and when a source is renamed."""
        if asked.slug == SEARCH:
            found_at = int(self.site.clock().timestamp()) // SEARCH_SECONDS
            return self._state(ALL).version, *self._changed(), found_at
        return self._changed() if asked.page else (self._state(asked.slug).version,)

    def _state(self, slug: str) -> FeedState:
        looks = self._look()
        state = looks.states.get(slug)
        if state is None:
            state = self.site.store.feed(slug)
            if state.version:  # others can be thought of without end
                looks.states[slug] = state
        return state

    def _changed(self) -> tuple[int, int]:
        """What moves with retractions, and with what is said of sources."""
        looks = self._look()
        if looks.changed is None:
            looks.changed = self.site.store.retractions(), self.site.store.source_changes()
        return looks.changed

    def page_stamp(self) -> Stamp:
        """What a page rests on: all that is told, what is hidden and said of sources, and the minute, for what stands
        nowhere: what day it is, and what was indexed since. StoreError if the store cannot tell.
        """
        looks = self._look()
        if looks.told is None:
            looks.told = self.site.store.tellings()
        return looks.told, *self._changed(), int(self.site.clock().timestamp()) // PAGE_SECONDS

    def _look(self) -> _Looks:
        changes = self.site.store.changes()  # before anything else is read: what comes later shows the next time
        if self._looks.changes != changes:
            self._looks.states.clear()
            self._looks.changed, self._looks.told, self._looks.changes = None, None, changes
        return self._looks

    def _render(self, asked: Asked) -> Finished | None:
        with self._rendering:
            found = self.fresh(asked)
            if found is not None:
                return found  # another thread was quicker
            # Read before rendering: what enters meanwhile makes the next request render again.
            stamp = self._stamp(asked)
            pages = 0 if asked.slug == SEARCH else self._state(asked.slug).pages
            rendition = self._publish(asked)
            if rendition is None:
                return None
            finished = Finished(
                body=rendition.body,
                etag=rendition.etag,
                content_type=rendition.content_type,
                cache=ARCHIVE_CACHE if asked.page else FEED_CACHE,
                links=links_of(asked, pages, self.site.settings),
                # Nobody knows when a search would have given something else.
                modified=None if asked.question.query else rendition.updated,
            )
            self._keep(asked, stamp, finished, rendition.entries)
            return finished

    def _keep(self, asked: Asked, stamp: Stamp, finished: Finished, entries: tuple[bytes, ...]) -> None:
        place = self._place(asked)
        old = place.get(asked)
        held = dict(old.held) if old and not (asked.page or asked.question.query) else {}
        same = {entry: entry for entries in held.values() for entry in entries}  # most entries stay: kept once
        held.pop(tag_of(finished.etag), None)
        held[tag_of(finished.etag)] = tuple(same.get(entry, entry) for entry in entries)
        while len(held) > VERSIONS_HELD:
            del held[next(iter(held))]
        place.put(asked, Kept(stamp, finished, held))

    def _publish(self, asked: Asked) -> Rendition | None:
        store, settings = self.site.store, self.site.settings
        if asked.slug == SEARCH:
            return publish_search(store, asked.question, asked.format, settings, asked.options)
        if asked.page:
            return publish_page(store, asked.slug, asked.page, asked.format, settings)
        return publish_feed(store, asked.slug, asked.format, settings, asked.options)
