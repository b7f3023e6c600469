"""What each stage costs for one item, in one process and without a network: tells where the CPU of a cold poll goes.

    python bench/stages.py [--sources 100] [--items 20]

The bodies are those of the load origin. Each stage runs over all of them before the next begins, so that its cost
stands alone. `hand over` is what the digest of a body costs on its way back from a worker. CPU time, once, unshared.
"""

import argparse
import gc
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TypeVar

import corpus
from msgspec.structs import replace

from aggregator import stories
from aggregator.classify import classify, load_taxonomy
from aggregator.clean import clean
from aggregator.config import Settings
from aggregator.digest import Digest, digest
from aggregator.model import Format, Item, ParsedFeed, Source, SourceState, Update
from aggregator.parse import parse
from aggregator.publishing import keep_pages, publish_feed
from aggregator.store import Known, Store, open_store
from aggregator.words import index

LATE_AFTER = timedelta(hours=48)
ROUNDS = 30

Given = TypeVar("Given")
Made = TypeVar("Made")


def timed(name: str, items: int, function: Callable[[Given], Made], work: Iterable[Given]) -> list[Made]:
    """Do all the work and print what it cost, divided by `items`."""
    gc.collect()
    started = time.process_time()
    made = [function(each) for each in work]
    microseconds = (time.process_time() - started) / items * 1e6
    print(f"{name:<28}{microseconds:>10.0f} µs")
    return made


def sources(found: Sequence[corpus.Outlet]) -> list[Source]:
    """The lines of feeds.opml."""
    return [Source(url=each.url, title=each.name, site=each.site) for each in found]


def read(pair: tuple[Source, corpus.Outlet]) -> ParsedFeed:
    """The parse stage over one body."""
    source, outlet = pair
    return parse(outlet.body, source.url, {"content-type": outlet.content_type}, source.timezone)


def work(pair: tuple[Source, corpus.Outlet]) -> Digest:
    """All that a worker does with one body."""
    source, outlet = pair
    return digest(source, outlet.body, source.url, {"content-type": outlet.content_type}, "")


def settle(store: Store, now: datetime, pair: tuple[Source, Digest]) -> Update:
    """Decide and commit one poll, in one transaction."""
    source, found = pair
    state = SourceState(source.url, fingerprint=str(now), checked_at=now, succeeded_at=now, next_check_at=now)

    def make(known: Known) -> Update:
        return Update(
            state, stories.decide(found.items, found.prints, known, now, LATE_AFTER), now, found.words, found.prints
        )

    guids, links = [item.guid for item in found.items], [item.canonical for item in found.items]
    return store.settle(source.url, guids, links, make)


def stages(pairs: list[tuple[Source, corpus.Outlet]], count: int) -> list[Sequence[Item]]:
    """The steps of a digest, one after the other."""
    feeds = timed("parse", count, read, pairs)
    entries = [(entry, feed, source) for feed, (source, _) in zip(feeds, pairs, strict=True) for entry in feed.entries]
    cleaned = timed("clean", count, lambda each: clean(*each), entries)
    taxonomy = load_taxonomy("")
    sorted_items = timed(
        "classify",
        count,
        lambda each: classify(each[0], each[1][2], taxonomy),
        list(zip(cleaned, entries, strict=True)),
    )
    by_source: dict[str, list[Item]] = {}
    for item in sorted_items:
        by_source.setdefault(item.source, []).append(item)
    keyed = timed("give keys", count, stories.give_keys, by_source.values())
    timed("words for the index", count, index, [item for items in keyed for item in items])
    return list(keyed)


def write(store: Store, pairs: list[tuple[Source, corpus.Outlet]], count: int, now: datetime) -> None:
    """The writing side: first poll, the same again, an answer without news, the log, the search, every rendition."""
    store.sync_sources([source for source, _ in pairs], datetime.now(UTC))
    polls = list(zip([source for source, _ in pairs], map(work, pairs), strict=True))
    timed("decide + commit, new", count, partial(settle, store, now), polls)
    timed("decide + commit, the same", count, partial(settle, store, now + timedelta(hours=1)), polls)
    empty = [(source, replace(found, items=(), words=(), prints=())) for source, found in polls]
    timed("commit of a 304 (a source)", len(pairs), partial(settle, store, now + timedelta(hours=2)), empty)
    timed("open the log", count, store.open_log, [now])
    timed("index for the search", count, store.index, [count])
    settings = Settings()
    while keep_pages(store, settings, now):
        pass
    for format in Format:
        timed(
            f"render {format} (50 entries)",
            1,
            lambda format: publish_feed(store, "all", format, settings),
            [format],
        )
        refresh(store, polls[0], format, settings, now)


def refresh(store: Store, poll: tuple[Source, Digest], format: Format, settings: Settings, now: datetime) -> None:
    """A feed after one new item, as often as it takes for a median."""
    source, found = poll
    spent = []
    for number in range(ROUNDS):
        at, key = now + timedelta(hours=3, minutes=number), f"{source.site}new-{format}-{number}"
        item = replace(found.items[0], guid=key, link=key, canonical=key, title=f"{found.items[0].title} {number}")
        one = replace(found, items=(item,), words=found.words[:1], prints=found.prints[:1])
        settle(store, at, (source, one))
        gc.collect()
        started = time.process_time()
        publish_feed(store, "all", format, settings)
        spent.append(time.process_time() - started)
    print(f"{format} after one new item    {statistics.median(spent) * 1e6:>10.0f} µs, at most {max(spent) * 1e6:.0f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", type=int, default=100)
    parser.add_argument("--items", type=int, default=20, help="items of each feed")
    given = parser.parse_args()
    now = datetime.now(UTC).replace(microsecond=0)
    found = corpus.outlets(corpus.Shape(given.sources, given.items, now.replace(hour=0, minute=0, second=0), 80))
    pairs, count = list(zip(sources(found), found, strict=True)), given.sources * given.items
    with redirect_stdout(StringIO()):
        work(pairs[0])  # so that tables and libraries are loaded
    print(f"{count} items, CPU for each")
    stages(pairs, count)
    digests = timed("all of these as one digest", count, work, pairs)
    timed("hand over", count, lambda each: pickle.loads(pickle.dumps(each)), digests)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(str(Path(folder, "stages.db")))
        write(store, pairs, count, now)
        store.close()


if __name__ == "__main__":
    main()
