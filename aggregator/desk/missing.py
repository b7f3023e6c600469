"""Why something is not there: takes an address, a guid or words, gives what is known of it as data, for whoever says it
in sentences. Never asks the network and changes nothing.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from enum import StrEnum
from typing import cast

from msgspec import Struct

from aggregator.clean.links import canonical
from aggregator.config import Settings
from aggregator.desk.judging import own_item
from aggregator.desk.stories import is_address, is_word, traced, with_scheme
from aggregator.errors import ErrorClass
from aggregator.model import Hiding, Pin, Question, Rule, RuleEffect, Stored, Story
from aggregator.opml import bare_host
from aggregator.rules import Judge
from aggregator.store import Choice, LogRow, Look, Sort, SourceView, Store

STORIES_LIMIT = 20  # that words find


class CauseKind(StrEnum):
    """What keeps an item from where somebody looks for it; the one that keeps it furthest away first."""

    HIDDEN = "hidden"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"  # by rules
    JOINED = "joined"  # told within another story
    WAITING = "waiting"  # for the end of the first round
    LATE = "late"  # in the pages, not in the heads
    TAKEN = "taken"  # by rules, out of some categories


class Cause(Struct, frozen=True):
    """One of these, with what it rests on."""

    kind: CauseKind
    hiding: Hiding | None = None
    rules: tuple[Rule, ...] = ()
    slugs: tuple[str, ...] = ()  # of categories


class Trace(Struct, frozen=True):
    """A known item, and all that keeps it away; nothing does where there are no causes."""

    stored: Stored
    story: Story  # that tells it
    causes: tuple[Cause, ...]
    places: tuple[LogRow, ...]  # the feeds in which its story stands
    pins: tuple[Pin, ...]  # on the item

    @property
    def is_shown(self) -> bool:
        """Whether a reader can find it at all."""
        return not {cause.kind for cause in self.causes} & OUT_OF_SIGHT


OUT_OF_SIGHT = {CauseKind.HIDDEN, CauseKind.WITHDRAWN, CauseKind.BLOCKED}


class Reading(StrEnum):
    """How a source is read; the first that is true."""

    WITHDRAWN = "withdrawn"
    UNLISTED = "unlisted"
    PAUSED = "paused"
    UNREAD = "unread"  # never yet
    SUSPECT = "suspect"  # what it sends now is held back
    FAILING = "failing"
    RESTING = "resting"  # its host asked us to wait
    READ = "read"


class Publisher(Struct, frozen=True):
    """A source that may publish what we do not know, and how it is read."""

    view: SourceView
    reading: Reading
    hiding: Hiding | None = None  # of WITHDRAWN


class Answer(Struct, frozen=True):
    """All that is known."""

    asked: str
    host: str = ""  # of the address that was asked for, with its port unless it is the usual one
    traces: tuple[Trace, ...] = ()
    stories: tuple[Story, ...] = ()  # that words find, the newest first, those that nobody sees too
    publishers: tuple[Publisher, ...] = ()  # of what is not known, by its host


def look(store: Store, settings: Settings, text: str, hosts: Collection[str], now: datetime) -> Answer:
    """What is known of an address, a guid, the number of an item ("item 12") or words. `hosts` are our own."""
    text = with_scheme(" ".join(text.split()))
    numbered = _numbered(store, text)
    items = numbered or traced(store, text, hosts)
    traces = tuple(trace(store, stored) for stored in items)
    if is_address(text):
        name = _host(text)
        return Answer(text, name, traces, publishers=() if traces else tuple(_publishers(store, name, now)))
    known = {each.story.id for each in traces}
    stories = _worded(store, settings, text) if is_word(text) and not numbered else ()
    others = tuple(story for story in stories if story.id not in known)
    if not traces and len(others) == 1 and not others[0].others:
        return Answer(text, traces=(trace(store, others[0].lead),))
    return Answer(text, traces=traces, stories=others)


def trace(store: Store, stored: Stored) -> Trace:
    """All that keeps an item away. Cost: half a dozen queries."""
    story = cast(Story, store.story(stored.story_id))  # each item has one
    places = store.log(story.id)
    pins = tuple(pin for pin in store.pins_of(story.id) if stored.item.key in (pin.item, pin.other))
    return Trace(stored, story, tuple(_causes(store, stored, story, places)), places, pins)


def _causes(store: Store, stored: Stored, story: Story, places: Collection[LogRow]) -> Iterator[Cause]:
    if stored.hidden:
        url, guid = stored.item.key
        for each in store.hidings():
            if each.source == url and each.guid in ("", guid):
                yield Cause(CauseKind.HIDDEN if each.guid else CauseKind.WITHDRAWN, each)
    is_blocked, rules, slugs = _ruled(store, stored)
    if is_blocked:
        yield Cause(CauseKind.BLOCKED, rules=rules)
    if story.lead.id != stored.id:
        yield Cause(CauseKind.JOINED)
    if any(row.sequence is None for row in places):
        yield Cause(CauseKind.LATE if store.totals().log_open else CauseKind.WAITING)
    if slugs and not is_blocked:
        yield Cause(CauseKind.TAKEN, rules=rules, slugs=slugs)


def _ruled(store: Store, stored: Stored) -> tuple[bool, tuple[Rule, ...], tuple[str, ...]]:
    """Whether rules take an item out of every feed, which ones have to do with it, and of which categories they take
    it.
    """
    told = next(iter(store.told_items(Look(None, items=(stored.id,)))), None)
    book = store.rulebook()
    if told is None or not book.rules:
        return False, (), ()
    own = own_item(told)
    standing = Judge(book.rules).standing(own, told.correction)
    alone = {rule: Judge((rule,)).standing(own, told.correction) for rule in book.rules}
    at_work = [rule for rule, each in alone.items() if (each.is_blocked if told.telling.is_blocked else each.taken)]
    blocking = tuple(rule for rule in at_work if rule.effect is RuleEffect.BLOCK)
    return told.telling.is_blocked, blocking or tuple(at_work), tuple(sorted(standing.taken))


def _numbered(store: Store, text: str) -> tuple[Stored, ...]:
    word, _, number = text.partition(" ")
    if word != "item" or not (number.isascii() and number.isdigit() and len(number) < 16):
        return ()
    stored = store.item(int(number))
    return (stored,) if stored else ()


def _worded(store: Store, settings: Settings, text: str) -> tuple[Story, ...]:
    found: dict[int, Story] = {}
    for sort in (Sort.HIDDEN, Sort.ANY):
        choice = Choice(Question(words=text), sort)
        page = store.choose(choice, settings.language, settings.timezone, limit=STORIES_LIMIT)
        found |= {story.id: story for story in page.stories}
    newest = sorted(found.values(), key=lambda story: (story.sort_at, story.id), reverse=True)
    return tuple(newest[:STORIES_LIMIT])


def _publishers(store: Store, name: str, now: datetime) -> Iterator[Publisher]:
    for view in store.sources():
        source, state = view.source, view.state
        hosts = (*map(_host, (source.url, source.site, state.feed_site)), *state.link_hosts)
        if name and name in (each.removeprefix("www.") for each in hosts):
            reading = _reading(view, now)
            hidings = (each for each in store.hidings() if (each.source, each.guid) == (source.url, ""))
            yield Publisher(view, reading, next(hidings, None) if reading is Reading.WITHDRAWN else None)


def _reading(view: SourceView, now: datetime) -> Reading:
    state = view.state
    if view.withdrawn:
        return Reading.WITHDRAWN
    if not view.listed:
        return Reading.UNLISTED
    if view.source.paused:
        return Reading.PAUSED
    if state.checked_at is None and state.succeeded_at is None:
        return Reading.UNREAD
    if state.error_class is not None:
        return Reading.SUSPECT if state.error_class is ErrorClass.SUSPECT else Reading.FAILING
    is_resting = state.host_closed_until is not None and state.host_closed_until > now
    return Reading.RESTING if is_resting else Reading.READ


def _host(address: str) -> str:
    return bare_host(canonical(address))
