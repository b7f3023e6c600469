"""What is done to many sources at once: takes their lines as the editor saw them, gives one act: an edit of the
list, or sources withdrawn or shown again together.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.desk import effects
from aggregator.desk.effects import Show, Withdraw
from aggregator.desk.sources import Edit, added, all_of, edit, removed, replaced
from aggregator.model import Action, Effect, Hiding, Source
from aggregator.store import Store


class Bulk(StrEnum):
    """What can be done."""

    PAUSE = "pause"
    RESUME = "resume"
    RETIRE = "retire"  # taken out of the list; what it published stays
    BACK = "back"  # put back into the list
    REGION = "region"
    CATEGORIES = "categories"
    DEPARTEMENTS = "departements"
    WITHDRAW = "withdraw"  # hidden with all its items
    SHOW = "show"  # shown again


VALUED = frozenset((Bulk.REGION, Bulk.CATEGORIES, Bulk.DEPARTEMENTS))  # they need a word more
RETELLING = frozenset((Bulk.CATEGORIES, Bulk.DEPARTEMENTS, Bulk.WITHDRAW, Bulk.SHOW))  # they move what is in the feeds
HIDING = frozenset((Bulk.WITHDRAW, Bulk.SHOW))


class Wanted(Struct, frozen=True):
    """What the sources get."""

    region: str = ""
    categories: tuple[str, ...] = ()
    departements: tuple[str, ...] = ()


def preview(
    settings: Settings, store: Store, do: Bulk, seen: Sequence[Source], wanted: Wanted, now: datetime
) -> Effect | None:
    """What would enter and leave each feed; None where nothing can."""
    if do not in RETELLING:
        return None
    change = _sighting(store, do, seen) if do in HIDING else _change(do, seen, wanted)
    return effects.preview(settings, store, change, now)


def carry_out(
    settings: Settings,
    store: Store,
    by: str,
    note: str,
    do: Bulk,
    seen: Sequence[Source],
    wanted: Wanted,
    now: datetime,
) -> tuple[Action | Hiding, ...]:
    """Do it, all or none. → what it made or ended. ConflictError if a line is not as seen."""
    if do in HIDING:
        change = _sighting(store, do, seen)
        effects.publish(settings, store, by, note, change, now)
        return _hidings(store, seen) if isinstance(change, Withdraw) else _undone(store, change)
    action = edit(settings, store, by, note, _change(do, seen, wanted), now)
    return (action,) if action else ()


def _hidings(store: Store, seen: Sequence[Source]) -> tuple[Hiding, ...]:
    """What holds of these sources as a whole."""
    urls = {source.url for source in seen}
    return tuple(each for each in store.hidings() if each.source in urls and not each.guid)


def _change(do: Bulk, seen: Sequence[Source], wanted: Wanted) -> Edit:
    if do is Bulk.RETIRE:
        return all_of([removed(source) for source in seen])
    if do is Bulk.BACK:
        return added(seen)
    return all_of([replaced(source, _MADE[do](source, wanted)) for source in seen])


def _sighting(store: Store, do: Bulk, seen: Sequence[Source]) -> Withdraw | Show:
    if do is Bulk.WITHDRAW:
        return Withdraw(tuple(source.url for source in seen))
    return Show(tuple(hiding.id for hiding in _hidings(store, seen)))


def _undone(store: Store, change: Show) -> tuple[Hiding, ...]:
    return tuple(each for each in store.hidings(include_undone=True) if each.id in change.hidings)


_MADE: Mapping[Bulk, Callable[[Source, Wanted], Source]] = {
    Bulk.PAUSE: lambda source, _: replace(source, paused=True),
    Bulk.RESUME: lambda source, _: replace(source, paused=False),
    Bulk.REGION: lambda source, wanted: replace(source, region=wanted.region),
    Bulk.CATEGORIES: lambda source, wanted: replace(source, categories=wanted.categories),
    Bulk.DEPARTEMENTS: lambda source, wanted: replace(source, departements=wanted.departements),
}
