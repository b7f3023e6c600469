"""Which story is it: takes the items of one poll and what the store knows of them, gives a Decision for each; never
reads or writes the store, and never drops an item.

Level A so far: one guid within its source, or one canonical link in any source. Every link says why, and stories are
what links join, so the order in which items arrive does not change which stories form, but where a link turns out
late to be that of a series.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from aggregator.model import Decision, DecisionKind, Evidence, Item, Level, Link, Stored
from aggregator.stories.guards import another_issue, contradiction
from aggregator.stories.identity import find, give_keys, is_material

__all__ = ["decide", "give_keys"]

LINK_RULE = "canonical-link/1"
CLOCK_SKEW = timedelta(minutes=10)


class Known(Protocol):
    """What decide must be told; the store's Known is one."""

    @property
    def by_guid(self) -> Mapping[str, tuple[Stored, ...]]: ...
    @property
    def by_link(self) -> Mapping[str, tuple[Stored, ...]]: ...
    @property
    def first_round(self) -> bool: ...
    @property
    def new_source(self) -> bool: ...


def decide(items: Sequence[Item], known: Known, now: datetime, late_after: timedelta) -> tuple[Decision, ...]:
    """Say of each item, in the document's order, whether it is new, changed or the same, and which items it belongs
    with. An item published more than `late_after` before it is first seen is late: it is kept off the feeds' heads.
    Once the first round is over, so are the undated items of a source that was never read before.
    """
    taken = {item.guid for item in items}
    by_link: dict[str, list[Item]] = {}  # the items of this poll so far
    places = _places(items, now, guess=known.first_round or known.new_source)
    decisions: list[Decision] = []
    for item, sort_at in zip(items, places, strict=True):
        at_link = known.by_link.get(item.canonical, ()) if item.canonical else ()
        found, stored, reason = find(item, known.by_guid.get(item.guid, ()), at_link, taken)
        taken.add(found.guid)
        if stored is None or stored.item.canonical != item.canonical:
            links = _links(found, [*(each.item for each in at_link), *by_link.get(item.canonical, ())])
        else:
            links = ()
        if stored is None:
            late = not known.first_round and _is_late(found, known.new_source, now - late_after)
            decisions.append(
                Decision(
                    DecisionKind.NEW,
                    found,
                    reason,
                    changed_at=_claimed_update(found, now) or sort_at,
                    sort_at=sort_at,
                    late=late,
                    links=links,
                )
            )
        else:
            decisions.append(replace(_known_item(found, stored, reason, now), links=links))
        by_link.setdefault(item.canonical, []).append(found)
    return tuple(decisions)


def _known_item(item: Item, stored: Stored, reason: str, now: datetime) -> Decision:
    if item.fingerprint == stored.item.fingerprint:
        return Decision(DecisionKind.SAME, item, reason)
    if not is_material(stored.item, item):
        return Decision(DecisionKind.CHANGED, item, reason)
    claimed = _claimed_update(item, now)
    changed_at = claimed if claimed and claimed > stored.changed_at else now
    return Decision(DecisionKind.CHANGED, item, reason, material=True, changed_at=changed_at)


def _links(item: Item, at_link: Sequence[Item]) -> tuple[Link, ...]:
    """Links to every item at the same canonical link that is no other news; later versions of an item come later."""
    if not item.canonical:
        return ()
    others = {other.key: other for other in at_link if other.key != item.key}
    forbids = another_issue if _is_of_a_series(item, others.values()) else contradiction
    return tuple(
        Link(item.key, key, Level.IDENTITY, 1.0, Evidence(link=item.canonical), LINK_RULE)
        for key, other in others.items()
        if not forbids(item, other)
    )


def _is_of_a_series(item: Item, others: Iterable[Item]) -> bool:
    """Whether the link is that of many news: a front page, or a page that one source gives to several items."""
    sources = [item.source, *(other.source for other in others)]
    is_front_page = not set("/?#") & set(item.canonical.removeprefix("https://"))
    return is_front_page or len(set(sources)) < len(sources)


def _claimed_update(item: Item, now: datetime) -> datetime | None:
    """When the source says that it changed the item, if that can be true."""
    updated, published = item.updated.at, item.published.at
    if updated is None or updated > now or (published is not None and updated < published):
        return None
    return updated


def _is_late(item: Item, new_source: bool, limit: datetime) -> bool:
    return item.published.at < limit if item.published.at else new_source


def _places(items: Sequence[Item], now: datetime, *, guess: bool) -> list[datetime]:
    """Where each item stands in a river: its publication, never later than now.

    An item without a usable date was published between the last poll and now. Where there was no last poll, `guess`
    takes the date of the item that follows in the document (feeds list the newest first), so that it is not on top;
    the oldest date of the document if none follows.
    """
    places: list[datetime] = []
    dates = [item.published.at for item in items if item.published.at and item.published.at <= now]
    below = min(dates, default=None)
    for item in reversed(items):
        at = item.published.at
        if at is not None and at <= now + CLOCK_SKEW:
            below = min(at, now)
            places.append(below)
        else:
            places.append((below if guess else None) or now)
    return places[::-1]
