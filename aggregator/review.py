"""Looks again at the texts of the last days: takes the store, closes the links that no longer hold and makes those that
were missed; never looks at what editors or identity joined.

An item is compared when it comes, with what is known then. A mould is known only after a few of its issues, and a rule
may have changed since, so stories are looked at again when all that belongs to them has come: then it no longer
matters in which order the sources were polled. Versions that one source dates to one second stay as they were: they
rest on what stood in one document.
"""

from datetime import datetime, timedelta
from functools import lru_cache

from msgspec import Struct

from aggregator.model import Closed, Key, Level, Link, Near
from aggregator.store import Store
from aggregator.stories import Looked, Subject, Wording, look, same_texts, still_linked

LOOKED_KEPT = 500  # items that were looked at, kept for the pairs that follow
WHY = "looked at again with all that has come since, the two are no longer one text"


class Review(Struct, frozen=True):
    """The links that hold now and were not there, and those that no longer hold."""

    made: tuple[Link, ...]
    closed: tuple[Closed, ...]


def review(store: Store, now: datetime, since: timedelta) -> Review:
    """Look again at the items first seen `since` then. Reads only. Cost: about 2 ms of CPU an item."""
    live = {frozenset((link.item, link.other)): link for link in store.text_links(now - since)}

    @lru_cache(LOOKED_KEPT)
    def looked(key: Key) -> Looked | None:
        found = store.print_of(key)
        return _look(store, found) if found else None

    pairs = dict.fromkeys(live)
    for item in store.printed(now - since):
        for link in same_texts(_look(store, item)):
            pairs[frozenset((link.item, link.other))] = None
    made: list[Link] = []
    closed: list[Closed] = []
    for pair in pairs:
        one, other = map(looked, sorted(pair))
        if one is None or other is None:
            continue  # its print is no longer kept: nothing can be said against it
        if _are_dated_alike(one.subject, other.subject):
            continue  # it rests on what stood in one document
        holds, was = _link(one, other, store), live.get(pair)
        if holds and (was is None or was.rule != holds.rule):
            made.append(holds)
        elif was and not holds:
            closed.append(Closed(was.item, was.other, Level.TEXT, WHY))
    return Review(tuple(made), tuple(closed))


def _link(one: Looked, other: Looked, store: Store) -> Link | None:
    item = store.keyed(one.subject.item)
    return still_linked(one, other, Wording(item.item).of if item else " ".join)


def _look(store: Store, item: Near) -> Looked:
    return look(Subject(item.item, item.print, item.at, item.published), store.near(item.item, item.print))


def _are_dated_alike(one: Subject, other: Subject) -> bool:
    return one.item[0] == other.item[0] and one.published is not None and one.published == other.published
