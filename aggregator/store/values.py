"""The values that only a store gives."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from aggregator.model import Frequencies, Gist, Item, Key, Link, Near, Print, Source, SourceState, Stored, Story


class Known(Struct, frozen=True):
    """What the store already holds that a new poll may meet."""

    by_guid: Mapping[str, tuple[Stored, ...]]  # of the source, episodes of one guid oldest first
    by_link: Mapping[str, tuple[Stored, ...]]  # of all sources, by canonical link, the newest in order of first sight
    earlier: Mapping[int, tuple[Item, ...]]  # the last versions of items, by id, oldest first; only where there are any
    titles: Callable[[], frozenset[str]]  # of the last items of the source; read when asked for
    near: Callable[[Key, Print], tuple[Near, ...]]  # what has runs of words in common with an item, but not itself
    first_round: bool  # the log is not open yet
    new_source: bool  # it was never read before


class SourceView(Struct, frozen=True):
    """A source as editors see it."""

    source: Source
    state: SourceState
    items: int  # stored
    newest: datetime | None  # the newest item's place in a river
    listed: bool  # does it stand in feeds.opml today?
    slug: str  # its name in addresses of ours, given once
    withdrawn: bool  # nothing of it is shown any more


class FeedState(Struct, frozen=True):
    """`version` moves with everything that changes the feed's bytes, at `changed_at`."""

    slug: str
    version: int
    changed_at: datetime | None
    sequence: int = 0  # how many stories have ever entered
    pages: int = 0  # how many pages of its log are closed: full, and kept


class Page(Struct, frozen=True):
    """A piece of a river."""

    stories: tuple[Story, ...]  # newest first
    next: str  # cursor of the following piece, "" at the end


class Hit(Struct, frozen=True):
    """A story found by a search, and the item of it that matched best."""

    story: Story
    item: Stored


class Found(Struct, frozen=True):
    """A piece of what a search finds."""

    hits: tuple[Hit, ...] = ()
    items: int = 0  # that match, of all stories; of more than a thousand the newest thousand are looked at
    is_more: bool = False  # there are more than those
    goes_on: bool = False  # there are hits behind these


class Revision(Struct, frozen=True):
    """An earlier version of an item."""

    number: int
    replaced_at: datetime
    item: Item


class Tie(Struct, frozen=True):
    """A link as it stands: `closed_at` is None while it is live."""

    link: Link
    closed_at: datetime | None = None
    closed_why: str = ""


class LogRow(Struct, frozen=True):
    """A story's place in one feed; `entered_at` is None where it came too late for the head."""

    feed: str
    sequence: int | None
    entered_at: datetime | None


class Totals(Struct, frozen=True):
    """Figures for the status page."""

    sources: int
    failing: int
    items: int
    stories: int
    newest_check: datetime | None
    log_open: bool  # False until the first round over all sources is done
    pushed: int = 0  # sources whose hub has said that it pushes


class Window(Protocol):
    """The stories of the last days, as the finding of events sees them, inside a transaction."""

    size: int  # how many

    def frequencies(self, stems: Iterable[str]) -> Frequencies:
        """In how many stories each stem stands."""

    def alike(self, gist: Gist, since: datetime, limit: int) -> tuple[Gist, ...]:
        """The stories since then that have most in common with a gist, by the weight of words."""

    def together(self, keys: Iterable[Key]) -> tuple[Gist, ...]:
        """The stories of the events that these are part of."""

    def add(self, gist: Gist) -> None:
        """Keep the gist of a story."""

    def group(self, events: Sequence[tuple[Gist, ...]], links: Iterable[Link]) -> None:
        """Make each of these an event, or a story alone, held together by these links of level C and no others."""
