"""Polls without a network: takes items, sends them through deciding and storing as `aggregator.pipeline` does, and
says which of them ended together.
"""

import tempfile
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from aggregator import stories
from aggregator.classify import classify, load_taxonomy
from aggregator.clean import clean
from aggregator.model import (
    Date,
    Decision,
    DecisionKind,
    Entry,
    Item,
    Key,
    ParsedFeed,
    Print,
    Source,
    SourceState,
    Update,
)
from aggregator.pipeline import REVIEWED
from aggregator.review import review
from aggregator.store import Known, Store, open_store
from scheduler import REVIEW_HOURS

LATE_AFTER = timedelta(hours=48)
REVIEW_EVERY = timedelta(hours=REVIEW_HOURS)
BARE = Source("https://bare.example/feed", title="Bare")
UNPRINTED = Print("", "", b"", ())
UNSEARCHED = ("", "")  # the words for the search, which have no part in this

Label = Callable[[Store], Mapping[Key, Hashable]]


class Row(Struct, frozen=True):
    """One labelled item, as it comes out of a worker, and when it is polled."""

    id: str
    source: Source
    item: Item
    at: datetime


def stories_of(store: Store) -> dict[Key, Hashable]:
    """The story of every item."""
    return {stored.item.key: stored.story_id for stored in store.items()}


def tell(rows: Sequence[Row], label: Label = stories_of, *, reviewing: bool = True) -> dict[str, Hashable]:
    """Poll the rows in order of their time, `reviewing` them as often as a service does. → by id of a row, what `label`
    says at the end of the item it became.
    """
    ordered = sorted(rows, key=lambda row: row.at)
    with tempfile.TemporaryDirectory(prefix="tributary-bench-") as folder:
        store = open_store(str(Path(folder, "score.db")))
        store.sync_sources({row.source.url: row.source for row in ordered}.values(), ordered[0].at)
        store.open_log(ordered[0].at)
        keys, reviewed = {}, ordered[0].at
        for row in ordered:
            if reviewing and row.at - reviewed >= REVIEW_EVERY:
                look_again(store, row.at)
                reviewed = row.at
            keys[row.id] = settle(store, [row.item], (printed(row.item, row.source),), row.at).decisions[0].item.key
        if reviewing:
            look_again(store, ordered[-1].at)
        labels = label(store)
        store.close()
    return {row: labels[key] for row, key in keys.items()}


def look_again(store: Store, at: datetime) -> None:
    """Review the texts of the last time, as the scheduler does."""
    found = review(store, at, REVIEWED)
    store.relink(found.made, found.closed, at)


def row_of(line: Mapping[str, Any], source: Source, guid: str, link: str, polled: str = "published") -> Row:
    """A line of a labelled file as its outlet would publish it, parsed, cleaned, classified and given a key."""
    published = Date(line["published"], datetime.fromisoformat(line["published"]))
    entry = Entry(
        guid=guid,
        link=link,
        title=line["title"],
        summary=line["summary"],
        content=line["text"],
        published=published,
        language=line["lang"],
    )
    feed = ParsedFeed(source.url, "rss20", (entry,), language=line["lang"])
    item = classify(clean(entry, feed, source), source, load_taxonomy(""))
    return Row(line["id"], source, stories.give_keys([item])[0], datetime.fromisoformat(line[polled]))


def settle(
    store: Store,
    items: Sequence[Item],
    prints: tuple[Print, ...],
    at: datetime,
    lap: Callable[[], None] = lambda: None,
) -> Update:
    """Decide and commit the items of one poll of one source. `lap` is called before and after the decision."""

    def make(known: Known) -> Update:
        lap()
        decisions = stories.decide(items, prints, known, at, LATE_AFTER)
        lap()
        return Update(_state(items[0], at), decisions, at, (UNSEARCHED,) * len(items), prints)

    return store.settle(items[0].source, [item.guid for item in items], [item.canonical for item in items], make)


def printed(item: Item, source: Source = BARE) -> Print:
    """What a worker makes of an item for telling its story."""
    return stories.make_print(item, (source.title,))


def write_bare(store: Store, items: Sequence[Item], at: datetime) -> None:
    """Commit new items of BARE that nothing is looked up, decided or kept for: what a poll costs without stories."""
    bare = [replace(item, source=BARE.url) for item in items]
    decisions = tuple(Decision(DecisionKind.NEW, item, "", changed_at=at, sort_at=at) for item in bare)
    unsearched, unprinted = (UNSEARCHED,) * len(bare), (UNPRINTED,) * len(bare)
    store.settle(BARE.url, (), (), lambda _: Update(_state(bare[0], at), decisions, at, unsearched, unprinted))


def _state(item: Item, at: datetime) -> SourceState:
    return SourceState(item.source, checked_at=at, succeeded_at=at, next_check_at=at)
