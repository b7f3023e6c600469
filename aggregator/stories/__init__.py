"""Which story is it: takes the items of one poll and what the store knows of them, gives a Decision for each; never
reads or writes the store, and never drops an item.

    identity    which item it is: keys, versions of a stored item
    guards      when one guid or link is that of several news
    versions    what became of an item; substance: its text without what a site wraps around it; changes: word by word
    prints      what of an item is compared with others
    similarity  how alike two prints are
    routine     what many news say, which proves nothing
    same_text   whether that makes them one text
    linking     level B for one item: a link to each that has the same text
    gist        what a story tells in a few words; events: level C, which stories tell of one event
    why         a link in words; wording: what of two items agrees, as one of them spells it

Level A, identity: one guid within its source, or one canonical link in any source. Level B, the same text or a version
of it. Stories are what live links of these join, so they follow from the links that hold and not from the order in
which items came.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Protocol

from msgspec.structs import replace

from aggregator.model import Decision, DecisionKind, Evidence, Item, Key, Level, Link, Near, Print, Same, Stored
from aggregator.stories.guards import another_issue, contradiction
from aggregator.stories.identity import find, give_keys, own_guid
from aggregator.stories.linking import Looked, Subject, look, same_texts, still_linked
from aggregator.stories.prints import make_print
from aggregator.stories.same_text import WINDOW
from aggregator.stories.similarity import let_go
from aggregator.stories.versions import is_material, is_return, leaves_revision
from aggregator.stories.wording import Wording

__all__ = [
    "WINDOW", "Looked", "Subject", "Wording", "decide", "give_keys", "let_go", "look", "make_print", "own_guid",
    "same_texts", "still_linked",
]  # fmt: skip

LINK_RULE = "canonical-link/1"
CLOCK_SKEW = timedelta(minutes=10)
BESIDE_LIMIT = 16  # items of one poll that one is compared with
CROWD, CROWD_LIMIT = 1000, 4  # in a poll of more items than that, with so many: all of them may have one text
SHARED_LIMIT = 16  # items of one poll at one link; where it has more, a link proves nothing


class Known(Protocol):
    """What decide must be told; the store's Known is one."""

    @property
    def by_guid(self) -> Mapping[str, tuple[Stored, ...]]: ...
    @property
    def by_link(self) -> Mapping[str, tuple[Stored, ...]]: ...
    @property
    def earlier(self) -> Mapping[int, tuple[Item, ...]]: ...
    @property
    def near(self) -> Callable[[Key, Print], tuple[Near, ...]]: ...
    @property
    def first_round(self) -> bool: ...
    @property
    def new_source(self) -> bool: ...


def decide(
    items: Sequence[Item],
    prints: Sequence[Print],
    known: Known,
    now: datetime,
    late_after: timedelta,
    unchanged: Sequence[Same] = (),
) -> tuple[Decision, ...]:
    """Say of each item, in the document's order, whether it is new, changed or the same, and which items it belongs
    with; `prints` are theirs, `unchanged` is what else stands in the document. An item published more than
    `late_after` before it is first seen is late: it is kept off the feeds' heads. Once the first round is over, so
    are the undated items of a source that was never read before.
    """
    taken = {item.guid for item in items} | {each.guid for each in unchanged}
    by_link: dict[str, list[Item]] = {}  # the items of this poll so far
    shared = Counter(item.canonical for item in items)
    places = _places(items, now, guess=known.first_round or known.new_source)
    beside = _Beside(items, unchanged, now)
    decisions: list[Decision] = []
    for item, print_, sort_at in zip(items, prints, places, strict=True):
        is_article = bool(item.canonical) and shared[item.canonical] <= SHARED_LIMIT
        at_link = known.by_link.get(item.canonical, ()) if is_article else ()
        found, stored, reason = find(item, known.by_guid.get(item.guid, ()), at_link, taken)
        taken.add(found.guid)
        links: tuple[Link, ...] = ()
        if stored is None or stored.item.canonical != item.canonical:
            beside_it = by_link.get(item.canonical, ()) if is_article else ()
            links = _links(found, [*(each.item for each in at_link), *beside_it])
        if stored is None:
            late = not known.first_round and _is_late(found, known.new_source, now - late_after)
            decision = Decision(
                DecisionKind.NEW, found, reason, changed_at=_claimed_update(found, now) or sort_at, sort_at=sort_at,
                late=late,
            )  # fmt: skip
        else:
            decision = _known_item(found, stored, known.earlier.get(stored.id, ()), reason, now)
        if decision.kind is DecisionKind.NEW or decision.material:
            linked = {link.other for link in links}
            texts = beside.same_texts(found, print_, known.near(found.key, print_))
            links += tuple(link for link in texts if link.other not in linked)
        decisions.append(replace(decision, links=links))
        by_link.setdefault(item.canonical, []).append(found)
    return tuple(decisions)


class _Beside:
    """The items of one poll, to be compared with those that follow."""

    def __init__(self, items: Sequence[Item], unchanged: Sequence[Same], now: datetime) -> None:
        self._now = now
        self._guids = frozenset([*(item.guid for item in items), *(each.guid for each in unchanged)])
        self._dates = Counter([item.published.at for item in items] + [each.published for each in unchanged])
        self._limit = BESIDE_LIMIT if len(items) <= CROWD else CROWD_LIMIT
        self._near: list[Near] = []
        self._by_gram: dict[int, list[int]] = {}  # places in that list

    def same_texts(self, item: Item, print_: Print, stored: Sequence[Near]) -> tuple[Link, ...]:
        """The links of an item to stored ones and to those before it in the poll."""
        published = item.published.at
        at = published or self._now
        found = [self._by_gram.setdefault(gram, []) for gram in print_.grams]
        before = Counter(chain.from_iterable(places[-self._limit :] for places in found if places))
        known = {other.item for other in stored}
        beside = (self._near[place] for place, _ in before.most_common(self._limit))
        near = [*stored, *(other for other in beside if other.item not in known)]
        alike = self._dates[published] - 1
        subject = Subject(item.key, print_, at, published, self._guids, alike)
        for places in found:
            places.append(len(self._near))
        self._near.append(Near(item.key, print_, at, published))
        return same_texts(look(subject, near), Wording(item).of) if near else ()


def _known_item(item: Item, stored: Stored, earlier: Sequence[Item], reason: str, now: datetime) -> Decision:
    if item.fingerprint == stored.item.fingerprint:
        return Decision(DecisionKind.SAME, item, reason)
    revises = leaves_revision(stored.item, item, earlier)
    if not is_material(stored.item, item) or is_return(item, earlier):
        return Decision(DecisionKind.CHANGED, item, reason, revises=revises)
    claimed = _claimed_update(item, now)
    changed_at = claimed if claimed and claimed > stored.changed_at else now
    return Decision(DecisionKind.CHANGED, item, reason, material=True, changed_at=changed_at, revises=revises)


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
