"""How each source is, in one list, and what can be done about many of them at once: takes settings, store and who asks.

What changes the list goes through `sources`, so that it is recorded and can be undone. What was done is judged at once:
nobody waits an hour for a pause to show.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from aggregator import health
from aggregator.catalogue import name_of
from aggregator.config import Settings
from aggregator.desk import finding, moving, sources
from aggregator.errors import ConflictError, DeskError
from aggregator.model import Action, Condition, ConditionKind, Editor, Source
from aggregator.store import SourceView, Store

DAYS, WEEK = 30, 7
NOTE_LIMIT = 500  # characters
WORST = list(ConditionKind)
_SOUND = (len(WORST), 0.0)


class Show(StrEnum):
    """Which sources are shown, beside those of one ConditionKind."""

    NEEDY = "needy"  # need somebody
    ALL = "all"
    SHAKY = "shaky"  # failed at their last check
    SOUND = "sound"  # nothing is the matter


class Sort(StrEnum):
    """In which order."""

    WORST = "worst"
    NAME = "name"
    FEWEST = "fewest"  # items of the last days
    SUCCESS = "success"  # the longest ago


class Deed(StrEnum):
    """What can be done to many sources at once."""

    PAUSE = "pause"
    RESUME = "resume"
    CHECK = "check"
    TAKE = "take"  # the address that is proposed


class Line(Struct, frozen=True):
    """One source, how it is, and how many items it published on each of the last days, today last."""

    view: SourceView
    conditions: tuple[Condition, ...]  # the worst first
    days: tuple[int, ...]

    @property
    def source(self) -> Source:
        """What editors say about it."""
        return self.view.source

    @property
    def needs(self) -> bool:
        """Whether an editor has to do something."""
        return any(map(health.needs_somebody, self.conditions))

    @property
    def is_shaky(self) -> bool:
        """Whether it failed at its last check, which may be too little to need somebody."""
        return self.view.state.error_class is not None and not self.source.paused

    @property
    def address(self) -> str:
        """The address that it should have, "" where none is known."""
        return next((each.address for each in self.conditions if each.address and each.address != self.source.url), "")

    @property
    def stamp(self) -> str:
        """Another one once its line or the address that is proposed is another."""
        seen = msgspec.json.encode((self.source, self.address))
        return hashlib.blake2b(seen, digest_size=6).hexdigest()

    @property
    def week(self) -> int:
        """How many items it published within seven days."""
        return sum(self.days[-WEEK:])


class Choice(Struct, frozen=True):
    """Which lines somebody wants to see, and in which order; "" does not narrow."""

    show: str = Show.NEEDY  # a Show or a ConditionKind
    region: str = ""
    category: str = ""
    words: str = ""
    sort: Sort = Sort.WORST

    def takes(self, line: Line) -> bool:
        """Whether a line is among them."""
        return (
            self._shows(line)
            and self.region in ("", line.source.region)
            and (not self.category or self.category in line.source.categories)
            and finding.is_meant(self.words, (name_of(line.view),), (line.source.url, line.source.site))
        )

    def _shows(self, line: Line) -> bool:
        match self.show:
            case Show.NEEDY:
                return line.needs
            case Show.ALL:
                return True
            case Show.SHAKY:
                return line.is_shaky
            case Show.SOUND:
                return not line.conditions and not line.is_shaky
            case kind:
                return any(each.kind == kind for each in line.conditions)


class Done(Struct, frozen=True):
    """What came of a deed: how many sources it was done to, and how many it could not be done to."""

    deed: Deed
    done: int
    left: int = 0
    action: Action | None = None  # that was recorded


def lines(store: Store, now: datetime) -> list[Line]:
    """Every listed source, in the order of the list. Three queries, 20 µs for each source."""
    days = store.days(now - timedelta(days=DAYS - 1), now)
    found: dict[str, list[Condition]] = {}
    for each in store.conditions():
        found.setdefault(each.source, []).append(each.condition)
    none = (0,) * DAYS
    return [
        Line(view, _of_now(view, found.get(view.source.url, ()), now), days.get(view.source.url, none))
        for view in store.sources()
        if view.listed
    ]


def chosen(all_lines: Sequence[Line], choice: Choice) -> list[Line]:
    """The lines that somebody wants to see, in the order that they want."""
    return sorted(filter(choice.takes, all_lines), key=_ORDERS[choice.sort])


def act(
    settings: Settings, store: Store, by: str, note: str, deed: Deed, picked: Mapping[str, str], now: datetime
) -> Done:
    """Do something to the sources that were picked: their slugs with the stamps of the lines as they were seen. All of
    them or none. ConflictError where one is another by now, DeskError where there is nothing to be done.
    """
    by_slug = {line.view.slug: line for line in lines(store, now)}
    found = [_seen(by_slug.get(slug), stamp, deed) for slug, stamp in picked.items()]
    if not found:
        raise DeskError("choose at least one source")
    if deed is Deed.CHECK:
        hastened = store.hasten([line.source.url for line in found], now)
        return Done(deed, len(hastened), len(found) - len(hastened))
    pairs = [(line.source, _wanted(line, deed)) for line in found]
    changes = [(seen, wanted) for seen, wanted in pairs if seen != wanted]
    if not changes:
        raise DeskError("that is so already, or there is nothing to take")
    if deed is Deed.TAKE:
        moves = [(seen, wanted.url) for seen, wanted in changes]
        action = moving.move(settings, store, by, note[:NOTE_LIMIT], moves, now)
    else:
        edits = [sources.replaced(seen, wanted) for seen, wanted in changes]
        action = sources.edit(settings, store, by, note[:NOTE_LIMIT], sources.all_of(edits), now)
        _judge(store, {wanted.url for _, wanted in changes}, now)
    return Done(deed, len(changes), len(found) - len(changes), action)


def new_watch(store: Store, editor: Editor, now: datetime) -> str:
    """Give an editor's feed another address. → what makes it unguessable, which is never given again."""
    token = secrets.token_urlsafe(32)
    store.watch(editor.id, hashed(token), now)
    return token


def hashed(token: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _of_now(view: SourceView, conditions: Sequence[Condition], now: datetime) -> tuple[Condition, ...]:
    """What is stored, but for a pause that began or ended in the list since somebody looked."""
    is_known = any(each.kind is ConditionKind.PAUSED for each in conditions)
    if view.source.paused and not is_known:
        return health.judge(view.source, view.state, now).conditions
    return tuple(each for each in conditions if view.source.paused or each.kind is not ConditionKind.PAUSED)


def _seen(line: Line | None, stamp: str, deed: Deed) -> Line:
    if line is None:
        raise DeskError("one of the sources does not stand in the list any more")
    if line.stamp != stamp and deed is not Deed.CHECK:
        wanted = _wanted(line, deed)
        raise ConflictError(
            "somebody else has changed it meanwhile", sources.as_text(line.source), sources.as_text(wanted)
        )
    return line


def _wanted(line: Line, deed: Deed) -> Source:
    if deed is Deed.TAKE:
        return replace(line.source, url=line.address or line.source.url)
    return replace(line.source, paused=deed is Deed.PAUSE)


def _judge(store: Store, urls: Collection[str], now: datetime) -> None:
    touched = [view for view in store.sources() if view.source.url in urls]
    store.keep([], [health.judge(view.source, view.state, now) for view in touched])


def _worst(line: Line) -> tuple[bool, int, float]:
    first = line.conditions[0] if line.conditions else None
    return (not line.needs, *((WORST.index(first.kind), first.since.timestamp()) if first else _SOUND))


def _success(line: Line) -> float:
    return line.view.state.succeeded_at.timestamp() if line.view.state.succeeded_at else 0.0


_ORDERS: Mapping[Sort, Callable[[Line], Any]] = {
    Sort.WORST: _worst,
    Sort.NAME: lambda line: name_of(line.view).casefold(),
    Sort.FEWEST: lambda line: line.week,
    Sort.SUCCESS: _success,
}
