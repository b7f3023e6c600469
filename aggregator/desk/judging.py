"""How stored items are told once something is changed: takes what was and what will be, gives a Retelling for the
store. What is undone is put back as it was; what has changed since is judged anew.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from time import thread_time
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec.structs import replace

from aggregator.classify import classify, load_taxonomy
from aggregator.config import Settings
from aggregator.errors import ConflictError, DeskError
from aggregator.model import Correction, Item, Rule, Source, Telling, Told
from aggregator.rules import Judge
from aggregator.store import Look, Retelling, Store
from aggregator.store.log import terms_of

LOOK_BACK = timedelta(days=30)  # items first seen before are told as they are
JUDGING_SECONDS = 30.0  # of CPU, for all items of that time: 45,000 take 2 to 4
NOTHING_HELD: Mapping[str, Any] = MappingProxyType({})

Judging = Callable[[Told], Telling | None]


def own_item(told: Told) -> Item:
    """An item as its source gives it."""
    return replace(told.item, categories=told.telling.own_categories, genre=told.telling.own_genre)


def of_rules(was: Iterable[Rule], will: Iterable[Rule], now: datetime, undone: Mapping[str, Any]) -> Retelling:
    """What follows from other rules. `undone` is what was kept of an action that is undone by it."""
    old, new = set(was), tuple(will)
    differing, judge, started = Judge(old.symmetric_difference(new)), Judge(new), thread_time()

    def judging(told: Told) -> Telling | None:
        if thread_time() - started > JUDGING_SECONDS:
            raise DeskError("looking through the items of the last 30 days takes too long with these rules")
        item = own_item(told)
        return _retold(told, item, judge) if differing.concerns(item) else None

    urls = tuple({rule.source for rule in differing.rules})
    sources = None if "" in urls else urls
    return _backwards(Retelling(Look(now - LOOK_BACK, sources), judging), undone)


def of_sources(
    settings: Settings,
    store: Store,
    was: Mapping[str, Source],
    will: Mapping[str, Source],
    now: datetime,
    undone: Mapping[str, Any] = NOTHING_HELD,
) -> Retelling | None:
    """What follows from other lines of the list, where they place items elsewhere; None where they do not."""
    touched = tuple(url for url in was.keys() & will.keys() if _places(was[url]) != _places(will[url]))
    if not touched and not undone.get("retold"):
        return None
    taxonomy, judge = load_taxonomy(settings.categories), Judge(store.rulebook().rules)

    def placed(told: Told) -> Telling | None:
        item, url = own_item(told), told.item.source
        old, new = (classify(item, lines[url], taxonomy).categories for lines in (was, will))
        if old != new:
            item = replace(item, categories=new)
        if was[url].departements != will[url].departements:
            item = replace(item, departements=will[url].departements)
        return _retold(told, item, judge)

    def judging(told: Told) -> Telling | None:
        return placed(told) if told.item.source in touched else None

    return _backwards(Retelling(Look(now - LOOK_BACK, touched), judging), undone)


def of_correction(
    store: Store, item_id: int, seen: Correction, wanted: Correction, undone: Mapping[str, Any] = NOTHING_HELD
) -> Retelling:
    """What follows from what an editor says of one item, who saw what was said so far."""
    judge = Judge(store.rulebook().rules)

    def judging(told: Told) -> Telling | None:
        if told.correction != seen:
            ours, theirs = as_text(wanted), as_text(told.correction)
            raise ConflictError("somebody else has corrected the item meanwhile", theirs, ours)
        return _retold(told, own_item(told), judge, wanted)

    retelling = _backwards(Retelling(Look(None), judging, corrections={item_id: wanted}), undone)
    return replace(retelling, look=Look(None, items=(item_id,)))


def as_text(correction: Correction) -> str:
    """A correction as people compare it: one thing in a line."""
    genre = [f"genre: {correction.genre.value}"] if correction.genre else []
    return "\n".join([*(f"category: {slug}" for slug in correction.categories), *genre])


def _places(source: Source) -> tuple[object, ...]:
    """What of a line decides where items stand."""
    return source.categories, dict(source.tags), source.departements


def _retold(told: Told, item: Item, judge: Judge, correction: Correction | None = None) -> Telling | None:
    """How an item is told that its source gives so; None where that is how it is told."""
    said = told.correction if correction is None else correction
    standing = judge.standing(item, said)
    new = replace(item, categories=standing.categories, genre=standing.genre)
    had = told.telling.terms - terms_of(told.item, told.slug)  # by what it was in earlier versions
    terms = terms_of(new, told.slug) | (frozenset() if said.categories else had)
    telling = Telling(
        new.categories, new.genre, new.departements, standing.is_blocked, item.categories, item.genre, terms
    )
    return None if telling == told.telling else telling


def _backwards(retelling: Retelling, undone: Mapping[str, Any]) -> Retelling:
    """The same, but what an action has made of items and nothing else has touched is as it was before."""
    rows = msgspec.convert(undone.get("retold", []), list[tuple[int, str, Telling, Telling]])
    held = {item: (fingerprint, was, made) for item, fingerprint, was, made in rows}

    def judging(told: Told) -> Telling | None:
        other = retelling.judge(told)
        fingerprint, was, made = held.get(told.id, ("", None, None))
        return was if was and (told.item.fingerprint, told.telling) == (fingerprint, made) else other

    return replace(retelling, judge=judging, look=replace(retelling.look, items=tuple(held)))
