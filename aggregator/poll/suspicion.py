"""Whether a document can be what its source has become: takes the state, the items and what is known of them, gives a
doubt or none, and what follows from it; pure.

A site that was sold, a broken template or a clumsy move floods readers with what is not news. So such a document is
not taken in until it has said the same three times over six hours; then it is the new truth. One doubt costs nothing:
items under other guids at the links that we know are recognised by these, and what is new among them is news.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from aggregator.errors import ErrorClass
from aggregator.model import Decision, DecisionKind, Doubt, Item, ParsedFeed, Same, SourceState, Stored

BELIEVED_AFTER, BELIEVED_SEEN = timedelta(hours=6), 3
REMEMBERED = timedelta(days=7)  # what was believed is not doubted again in that time
SOME, MANY = 5, 10  # items: fewer prove nothing
MOST = 0.8
MOMENT, SKEW = timedelta(minutes=15), timedelta(minutes=10)
AT_ONCE = timedelta(minutes=2)  # in which a template writes a document, and a newsroom hardly ten articles
HOSTS_LIMIT = 5
TITLE_LIMIT = 80  # characters, in a message


class Kind(StrEnum):
    """What a document is suspected of."""

    EMPTY = "empty"
    OTHER = "other"
    RENUMBERED = "renumbered"
    DATES = "dates"


class Suspicion(Struct, frozen=True):
    """What is suspected, and the evidence in words."""

    kind: Kind
    reason: str
    harmless: bool = False  # its items are recognised all the same


class Verdict(Struct, frozen=True):
    """What follows: `reason` is "" where nothing is wrong."""

    doubt: Doubt
    reason: str = ""
    held: bool = False  # the document is not taken in
    late_before: datetime | None = None  # what is new and claims an earlier date, or none, is announced nowhere
    is_renumbered: bool = False  # what is new under a title or a link that we know is announced nowhere

    @property
    def is_odd(self) -> bool:
        """Whether there is, or was lately, something to be suspected: the next document is looked at as a whole."""
        return bool(self.reason) or self.doubt != Doubt()


class Known(Protocol):
    """What is known of the items; the store's Known is one."""

    @property
    def by_guid(self) -> Mapping[str, tuple[Stored, ...]]: ...
    @property
    def by_link(self) -> Mapping[str, tuple[Stored, ...]]: ...
    @property
    def titles(self) -> Callable[[], frozenset[str]]: ...
    @property
    def new_source(self) -> bool: ...


def judge(
    state: SourceState, feed: ParsedFeed, items: Sequence[Item], known: Known, now: datetime, unchanged: int = 0
) -> Verdict:
    """What to do with a document. What a source is like when it is first read is not doubted, then or later, and
    nothing is where at least half of the entries are `unchanged`, which are not among the items.
    """
    found = None if unchanged else suspect(state, feed, items, known, now)
    doubt = state.doubt
    remembered = doubt.believed if doubt.believed_at and now - doubt.believed_at <= REMEMBERED else ""
    if found is None:
        return Verdict(Doubt(believed=remembered, believed_at=doubt.believed_at if remembered else None))
    if known.new_source or found.kind == remembered:
        return Verdict(Doubt(believed=found.kind, believed_at=now))
    if found.harmless:
        return Verdict(doubt, found.reason, is_renumbered=True)
    if found.kind != doubt.kind or doubt.since is None:
        return Verdict(replace(doubt, kind=found.kind, since=now, seen=1), found.reason, held=True)
    if doubt.seen + 1 < BELIEVED_SEEN or now - doubt.since < BELIEVED_AFTER:
        return Verdict(replace(doubt, seen=doubt.seen + 1), found.reason, held=True)
    since = now + SKEW if found.kind is Kind.DATES else doubt.since
    return Verdict(Doubt(believed=found.kind, believed_at=now), late_before=since)


def suspect(
    state: SourceState, feed: ParsedFeed, items: Sequence[Item], known: Known, now: datetime
) -> Suspicion | None:
    """What speaks against a document, None where nothing does."""
    if not items:
        return _is_empty(state)
    by_guid = [item for item in items if item.guid in known.by_guid]
    times = Counter(item.canonical for item in items)  # a link of many proves nothing
    by_link = [item for item in items if times[item.canonical] == 1 and _is_at_known_link(item, known)]
    if not by_guid:
        if found := _is_renumbered(state, items, by_link, known):
            return found
        if not by_link and (found := _is_another(state, feed, items)):
            return found
    return _is_dated_now(items, by_guid, by_link, known, now)


def accepted(state: SourceState, items: Sequence[Item], unchanged: Sequence[Same] = ()) -> SourceState:
    """The state after a document that was taken in: what the next one is held against."""
    claimed = [*(item.published.at for item in items), *(each.published for each in unchanged)]
    dates = [at for at in claimed if at]
    oldest, newest = min(dates, default=None), max(dates, default=None)
    return replace(
        state,
        entries=len(claimed),
        link_hosts=(not unchanged and _hosts(items)) or state.link_hosts,
        oldest=oldest,
        newest=newest,
    )


def noted(state: SourceState, verdict: Verdict) -> SourceState:
    """The state after a document that was taken in though it is odd: it says so."""
    return replace(state, error_class=ErrorClass.SUSPECT, error=verdict.reason) if verdict.reason else state


def late(decisions: Sequence[Decision], verdict: Verdict, known: Known) -> tuple[Decision, ...]:
    """The decisions on a document that was doubted: what is new to us and no news is announced nowhere."""
    titles = set(map(plain, known.titles())) if verdict.is_renumbered else set()
    before = verdict.late_before

    def is_late(item: Item) -> bool:
        if before is not None and (item.published.at is None or item.published.at < before):
            return True
        return verdict.is_renumbered and (plain(item.title) in titles or _is_at_known_link(item, known))

    if before is None and not verdict.is_renumbered:
        return tuple(decisions)
    return tuple(
        replace(each, late=True) if each.kind is DecisionKind.NEW and is_late(each.item) else each for each in decisions
    )


def plain(title: str) -> str:
    """A title as titles are compared."""
    return " ".join(title.casefold().split())


def _is_empty(state: SourceState) -> Suspicion | None:
    if state.entries < SOME:
        return None
    return Suspicion(Kind.EMPTY, f"the feed has no items any more, where it had {state.entries}")


def _is_renumbered(
    state: SourceState, items: Sequence[Item], by_link: Sequence[Item], known: Known
) -> Suspicion | None:
    if len(items) < SOME:
        return None
    if len(by_link) >= len(items) / 2:
        reason = f"all {len(items)} items have other ids than before, {len(by_link)} of them at links that we know"
        return Suspicion(Kind.RENUMBERED, reason, harmless=True)
    old = [item for item in items if not _is_from_after(item, state.succeeded_at)]
    if len(old) < MOST * len(items):
        return None
    titles = set(map(plain, known.titles()))
    same = {title for item in old if (title := plain(item.title)) and title in titles}
    if len(same) < max(MOST * len(items), SOME):
        return None
    reason = f"all {len(items)} items have other ids and links than before, {len(same)} of them titles that we know"
    return Suspicion(Kind.RENUMBERED, reason)


def _is_another(state: SourceState, feed: ParsedFeed, items: Sequence[Item]) -> Suspicion | None:
    """Whether title, id, site and all hosts of links are others than before."""
    hosts = _hosts(items)
    said = ((state.feed_title, feed.title), (state.feed_id, feed.id), (_host(state.feed_site), _host(feed.site)))
    is_same = any(was == now for was, now in said if was or now) or set(hosts) & set(state.link_hosts)
    if is_same or not (state.feed_title and feed.title and hosts and state.link_hosts):
        return None
    return Suspicion(
        Kind.OTHER,
        f"the feed calls itself {feed.title[:TITLE_LIMIT]!r} and links to {', '.join(hosts)},"
        f" where it was {state.feed_title[:TITLE_LIMIT]!r} and linked to {', '.join(state.link_hosts)}",
    )


def _is_dated_now(
    items: Sequence[Item], by_guid: Sequence[Item], by_link: Sequence[Item], known: Known, now: datetime
) -> Suspicion | None:
    """Whether all dates are of one moment, as the one in which the document was made."""
    dates = [item.published.at for item in items if item.published.at]
    if len(items) < SOME or len(dates) < len(items) or max(dates) - min(dates) > MOMENT or max(dates) > now + SKEW:
        return None
    if len(by_guid) >= MOST * len(items):
        older = [item for item in by_guid if _was_older(item, known)]
        if len(older) >= MOST * len(items):
            count = f"{len(older)} of {len(items)} items"
            return Suspicion(Kind.DATES, f"{count} that we know claim to have been published at one moment")
        return None
    many = SOME if known.new_source else MANY
    if len(items) >= many and not by_guid and not by_link and max(dates) - min(dates) <= AT_ONCE:
        return Suspicion(Kind.DATES, f"all {len(items)} items are new and claim to have been published at one moment")
    return None


def _was_older(item: Item, known: Known) -> bool:
    before = known.by_guid[item.guid][-1].item.published.at
    return before is not None and item.published.at is not None and item.published.at - before > timedelta(hours=1)


def _is_from_after(item: Item, at: datetime | None) -> bool:
    return item.published.at is not None and at is not None and item.published.at > at


def _is_at_known_link(item: Item, known: Known) -> bool:
    at_link = known.by_link.get(item.canonical, ()) if item.canonical else ()
    return any(stored.item.source == item.source for stored in at_link)


def _hosts(items: Sequence[Item]) -> tuple[str, ...]:
    """The hosts of links with their ports, the most frequent first."""
    counted = Counter(filter(None, (_host(item.link) for item in items)))
    return tuple(host for host, _ in counted.most_common(HOSTS_LIMIT))


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
        return host if not host or parts.port in {None, 80, 443} else f"{host}:{parts.port}"
    except ValueError:
        return ""
