"""What the program asks of a store."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from aggregator.model import (
    Closed,
    Hiding,
    Judgement,
    Key,
    Link,
    Near,
    Pin,
    PinKind,
    Print,
    Question,
    Source,
    SourceState,
    Stored,
    Story,
    Tombstone,
    Update,
)
from aggregator.store.choosing import ChoosingStore
from aggregator.store.desk import DeskStore
from aggregator.store.following import FollowingStore
from aggregator.store.history import HealthStore
from aggregator.store.hub import HubStore
from aggregator.store.mending import MendingStore
from aggregator.store.operating import OperatingStore
from aggregator.store.retelling import RuleStore
from aggregator.store.values import (
    FeedState,
    Found,
    Known,
    LogRow,
    Page,
    Revision,
    SourceView,
    Tie,
    Totals,
    Window,
)


class Store(
    HubStore, FollowingStore, HealthStore, DeskStore, RuleStore, OperatingStore, MendingStore, ChoosingStore, Protocol
):
    """All that the program asks of a data base; one test suite serves every implementation."""

    # sources
    def sync_sources(self, sources: Iterable[Source], now: datetime) -> None:
        """Make the listed sources those of feeds.opml, also at an address that one moved to; others stop being due."""

    def sources(self) -> tuple[SourceView, ...]:
        """Every source ever seen, in the order of feeds.opml, the unlisted ones last."""

    def source(self, slug: str) -> SourceView | None:
        """The source of this slug, None where there is none."""

    def state(self, url: str) -> SourceState:
        """The state of one source; StoreError if it was never listed."""

    def seen(self, url: str) -> bytes:
        """The marks of the last document that was taken in, see `Update.seen`; b"" where there are none."""

    def due(self, now: datetime, limit: int) -> tuple[tuple[Source, SourceState], ...]:
        """Listed, not paused sources whose next check is at or before `now`, longest overdue first."""

    def claim(self, now: datetime, until: datetime, limit: int) -> tuple[tuple[Source, SourceState], ...]:
        """Take up what is due: for others, and after a crash, it is due again only then, unless its state is stored
        before. No two callers get the same source.
        """

    def renew(self, leases: Mapping[str, datetime], until: datetime) -> None:
        """Let these leases, by URL as they were given, end then; what was stored since keeps its next check."""

    def put_back(
        self, now: datetime, lease: timedelta, change: Callable[[SourceState, timedelta, datetime], SourceState]
    ) -> timedelta:
        """Mend what was written while the clock was ahead, in one transaction: `change` gets each state whose check
        lies after `now`, by how much the last of these does, and `now`; no lease lasts longer than `lease` from now
        on. → that much; none where no check does. Cost: reads all sources.
        """

    # items
    def settle(
        self, source: str, guids: Sequence[str], links: Sequence[str], make: Callable[[Known], Update], notice: int = 0
    ) -> Update:
        """In one transaction: read what is known of these, let `make` decide, commit its Update, and take the notice
        that brought it out of the inbox. Returns the Update.
        """

    def keep(self, states: Sequence[SourceState], judged: Sequence[Judgement] = ()) -> None:
        """Store the states of polls without items, and what is the matter with their sources, in one transaction; where
        a state says so, leave its host alone.
        """

    def open_log(self, now: datetime) -> int:
        """End the first round: let every story that waits enter its feeds in order of publication. → how many."""

    def index(self, limit: int = 5000) -> int:
        """Let the search find the oldest items that wait for it. → how many; 0 when none is left: then some are taken
        over, the newest first, that an index of an earlier form knew.
        """

    # texts that are compared
    def near(self, key: Key, print_: Print) -> tuple[Near, ...]:
        """The items with most runs of words in common with a print, but not the item of this key."""

    def print_of(self, key: Key) -> Near | None:
        """An item as it is compared; None where its print is no longer kept."""

    def printed(self, since: datetime) -> Iterable[Near]:
        """The items first seen since then, in that order, read as the caller goes."""

    def text_links(self, since: datetime) -> tuple[Link, ...]:
        """The live links of level B of items first seen since then."""

    def relink(self, links: Sequence[Link], closed: Sequence[Closed], now: datetime) -> None:
        """Write links between stored items and close others, and tell their stories anew, in one transaction."""

    def forget_prints(self, before: datetime, limit: int = 2000) -> int:
        """Let go of the prints of the oldest items first seen before then. → how many; 0 when none is left."""

    # events
    def gather(
        self, tell: Callable[[Stored, Window], None], now: datetime, feeds: Sequence[str] = (), limit: int = 200
    ) -> int:
        """In one transaction, hand the oldest stories that wait for it to `tell`, which finds their events. `feeds` may
        change by it. → how many; 0 when none is left.
        """

    def event(self, story_id: int) -> tuple[Story, ...]:
        """The other stories about a story's event, oldest first."""

    def forget_gists(self, before: datetime, limit: int = 2000) -> int:
        """Let go of what stories from before then tell. → how many; 0 when none is left."""

    # editors
    def pin(self, kind: PinKind, item_id: int, other_id: int, by: str, note: str, now: datetime) -> Pin:
        """Say that two items must or cannot be one story, whatever links say, until it is undone. Where a pin of the
        other kind holds on the two it is replaced: it holds again when this one is undone. One that says the same
        already is given back. PinError if pins on others contradict it.
        """

    def split(self, item_id: int, by: str, note: str, now: datetime) -> Pin:
        """Say that an item does not belong with the rest of its story: one pin, against the item that leads the rest.
        Each other item goes with the side that it is tied to more strongly, with the rest where both are even. The
        item keeps or gets back the entry that it opened. PinError if it is alone.
        """

    def undo_pin(self, pin_id: int, by: str, now: datetime) -> Pin:
        """Undo a pin: stories are what they would be without it. PinError if it does not hold, or if the one that it
        replaced cannot hold again.
        """

    def hide(self, item_id: int, by: str, note: str, now: datetime) -> Hiding:
        """Take an item out of sight: it leaves its story and every feed, page and search. What it was grouped with is
        told without it, under the entry of the item that came next; if that was never announced and is older than two
        days, it is in the pages and not in the heads. One that is hidden already stays so. HidingError if there is no
        such item.
        """

    def withdraw(self, url: str, by: str, note: str, now: datetime) -> Hiding:
        """Hide all items of a source, those that are still to come too. HidingError if there is no such source."""

    def withdraw_all(self, urls: Iterable[str], by: str, note: str, now: datetime) -> tuple[Hiding, ...]:
        """Withdraw sources in one act, all or none; one that is withdrawn already stays part of the act that did it."""

    def unhide(self, hiding_id: int, by: str, now: datetime) -> Hiding:
        """Undo a hiding: what it hid is where it was; what came meanwhile enters its feeds, in the heads unless it is
        older than two days. HidingError if it does not hold.
        """

    def unhide_all(self, numbers: Iterable[int], by: str, now: datetime) -> tuple[Hiding, ...]:
        """Undo hidings, all or none. HidingError if one of them does not hold."""

    # pages of the log
    def full_pages(self, limit: int = 20) -> tuple[tuple[str, int], ...]:
        """Feeds with the number of their first page that is full and not kept yet, by slug."""

    def page(self, feed: str, number: int) -> tuple[Story, ...]:
        """The stories of a full page as they are now, newest first. One that has become part of another is told by the
        item that opened it. Hidden ones are there too: whoever shows the page leaves them out.
        """

    def archive(self, feed: str, number: int, content: bytes, now: datetime) -> None:
        """Keep what a full page shows, and so close it; what is kept already stays."""

    def archived(self, feed: str, number: int) -> bytes | None:
        """What was kept of a page."""

    # reading
    def hidings(self, *, include_undone: bool = False) -> tuple[Hiding, ...]:
        """What is hidden, newest first."""

    def hidden_among(self, keys: Iterable[Key]) -> frozenset[Key]:
        """Those of these items that are hidden. A query for each."""

    def is_hidden(self, item_id: int) -> bool:
        """Whether an item is out of sight, as one is that there is not. A few µs."""

    def changes(self) -> int:
        """A number that moves, for the thread that asks, whenever others have committed something. A few µs."""

    def retractions(self) -> int:
        """A number that moves whenever something is hidden or shown again."""

    def source_changes(self) -> int:
        """A number that moves whenever there are other sources, or feeds say something else of one."""

    def tellings(self) -> int:
        """A number that moves whenever something is told, or told otherwise: items, stories, links, events, pins and
        what is hidden. Polls that bring nothing new do not move it.
        """

    def retracted(self, feed: str, since: datetime) -> tuple[Tombstone, ...]:
        """The entries that had entered a feed and were hidden since then, the last first; of many the newest alone."""

    def feeds(self) -> tuple[FeedState, ...]:
        """Every feed that a story ever entered, by slug."""

    def told(self, slugs: Iterable[str]) -> frozenset[str]:
        """Those of these feeds that a story ever entered."""

    def river(self, feed: str, before: str = "", limit: int = 30) -> Page:
        """Stories of a feed's pages by `sort_at`, late ones too; `before` is a cursor from a Page."""

    def source_river(self, url: str, before: str = "", limit: int = 30) -> Page:
        """Stories that a source is part of."""

    def head(
        self, feed: str, limit: int, *, one_per_event: bool = False, pages: int | None = None
    ) -> tuple[Story, ...]:
        """The last `limit` stories of a feed's log, newest entry first; or, of those that are about one event, only
        the one that entered first. Never fewer, up to 1,000, than stand in no closed page; `pages` is the number of
        these, where the caller has read it before.
        """

    def feed(self, slug: str) -> FeedState:
        """Where a feed stands; version 0 and no time where nothing ever entered."""

    def story(self, story_id: int) -> Story | None:
        """A story with all its items."""

    def items(self) -> Iterable[Stored]:
        """Every item by id, read as the caller goes."""

    def item(self, item_id: int) -> Stored | None:
        """One item."""

    def keyed(self, key: Key) -> Stored | None:
        """The item of this key."""

    def find(self, text: str) -> tuple[Stored, ...]:
        """Items by guid, link or canonical link, exactly."""

    def revisions(self, item_id: int) -> tuple[Revision, ...]:
        """Earlier versions of an item, oldest first."""

    def links(self, story_id: int, *, closed: bool = False) -> tuple[Link, ...]:
        """Why the items of a story are together: the live links of level A and B between them, oldest first; or
        those that are `closed`, between items that others still hold together.
        """

    def links_of(self, item_id: int) -> tuple[Tie, ...]:
        """All links of an item at every level, the strongest first, closed ones last."""

    def pins(self, *, include_undone: bool = False) -> tuple[Pin, ...]:
        """What editors say, newest first."""

    def pins_of(self, story_id: int) -> tuple[Pin, ...]:
        """The pins on items of a story that hold, newest first; one that keeps an item out is of both stories."""

    def log(self, story_id: int) -> tuple[LogRow, ...]:
        """The feeds that a story stands in, by name."""

    def search(
        self,
        question: Question,
        language: str,
        limit: int = 30,
        offset: int = 0,
        *,
        newest: bool = False,
        zone: str = "UTC",
    ) -> Found:
        """Stories that match every word and all that narrows the question, best first, or newest first; words,
        "phrases" and -exclusions, never an error. Days are those of `zone`. Who asks for no word gets the newest.
        """

    def respell(self, words: str, language: str) -> str:
        """Words with each that finds nothing replaced by the one that is meant, as it is mostly written; "" where there
        is nothing to replace or one of them is like no word that is known.
        """

    # what stands where, without what it holds
    def head_ids(self, feed: str, limit: int, *, one_per_event: bool = False) -> tuple[int, ...]:
        """The numbers of the stories that `head` gives."""

    def river_places(self, feed: str, limit: int) -> tuple[tuple[int, int], ...]:
        """`sort_at` in seconds and number of the first stories of a river, as `river` gives them."""

    def source_places(self, url: str, limit: int) -> tuple[tuple[int, int], ...]:
        """The same of the first stories that a source is part of, as `source_river` gives them."""

    def stamps(self, story_ids: Collection[int]) -> Mapping[int, str]:
        """For each of these stories a text that is another one once something else is told of it: its items and their
        versions, what ties them, its event with all that is told of that, what editors say, its feeds. What is said of
        sources is not in it, see `source_changes`. Without those that there are not.
        """

    def totals(self) -> Totals:
        """Figures for the status page."""

    def close(self) -> None:
        """Close this thread's connection, and checkpoint if it was the writing one."""
