"""The values of deciding: what an item is to us, which story it tells, and why."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from aggregator.model.health import Judgement
from aggregator.model.items import Item, Key
from aggregator.model.prints import Print
from aggregator.model.sources import SourceState


class Stored(Struct, frozen=True):
    """An item in the store."""

    id: int
    story_id: int
    item: Item
    first_seen: datetime
    changed_at: datetime  # last material change, by the source's clock where it is sane
    revision: int = 0  # how many earlier revisions are kept
    reason: str = ""  # how its identity was found
    hidden: bool = False  # an editor took it out of sight, or its source was withdrawn


class DecisionKind(StrEnum):
    """What an item of a poll is to us."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


class Level(StrEnum):
    """How much two items have in common; the order of the values is that of their strength."""

    IDENTITY = "A"  # one canonical link
    TEXT = "B"  # the same text, or a version of it: one entry in a feed
    EVENT = "C"  # the same event, told independently: hides nothing


class Evidence(Struct, frozen=True):
    """What a link rests on, as data; `stories.why` makes a sentence of it."""

    link: str = ""  # the canonical link that both have
    shared: float = 0.0  # of the shorter text, the share that the longer one has too
    words: int = 0  # of the shorter text, how many were compared
    quote: str = ""  # the longest run of words that both have
    titles: float = 0.0  # of the shorter title, the share that the longer one has too
    routine: float = 0.0  # of the shorter text, the share that other news have too
    agreeing: tuple[str, ...] = ()  # figures, dates and names that both have
    differing: tuple[str, ...] = ()  # those that speak against it, by a text that should have them


class Link(Struct, frozen=True):
    """Why two items belong together. Stories are what live links of the levels A and B join; undoing one closes it."""

    item: Key
    other: Key
    level: Level
    score: float  # 0 to 1
    evidence: Evidence
    rule: str  # name and version of the rule, "same-text/1"


class Closed(Struct, frozen=True):
    """A link that no longer holds, and why."""

    item: Key
    other: Key
    level: Level
    why: str


class PinKind(StrEnum):
    """What an editor says of two items."""

    MUST = "must"
    CANNOT = "cannot"


class Pin(Struct, frozen=True):
    """An editor's word on two items: it outweighs every link, until it is undone."""

    id: int
    kind: PinKind
    item: Key
    other: Key
    by: str
    note: str
    made_at: datetime
    undone_at: datetime | None = None
    undone_by: str = ""


class Decision(Struct, frozen=True):
    """What became of one item of a poll."""

    kind: DecisionKind
    item: Item
    reason: str
    material: bool = False  # of a CHANGED item: does a reader want to know?
    changed_at: datetime | None = None  # of a NEW or materially CHANGED item: by the source's clock where it is sane
    sort_at: datetime | None = None  # of a NEW item: its place in a river
    late: bool = False  # of a NEW item: too old at first sight for the head of a feed
    revises: bool = False  # of a CHANGED item: is the version that it replaces worth keeping?
    links: tuple[Link, ...] = ()


class Update(Struct, frozen=True):
    """The whole outcome of one poll, committed in one transaction."""

    state: SourceState
    decisions: tuple[Decision, ...]
    at: datetime
    search: tuple[tuple[str, str], ...] = ()  # for each decision: title and text in stems
    prints: tuple[Print, ...] = ()  # for each decision
    closed: tuple[Closed, ...] = ()  # before the links of the decisions are written
    unchanged: int = 0  # entries of the document that are as they were, and that no decision is about
    seen: bytes | None = None  # marks of its entries, see aggregator.digest; None: those that are kept hold
    judged: Judgement | None = None  # None: nothing was, and nothing is the matter with the source

    def count(self, kind: DecisionKind) -> int:
        """How many items are of that kind."""
        return sum(decision.kind is kind for decision in self.decisions)


class Story(Struct, frozen=True):
    """One piece of news: the lead item, then the others in order of first sight."""

    id: int
    entry_id: str  # a URI, the same for ever
    lead: Stored
    others: tuple[Stored, ...]
    sort_at: datetime  # published, or first seen where that is earlier or all there is
    updated: datetime  # newest material change of the lead, never before it was published
    event: int | None = None  # the same in all stories about one event; None: no other story is about it
    event_sources: int = 0  # who tells of that, the story's own sources too
    entered_at: datetime | None = None  # when it entered the feed asked for


class Hiding(Struct, frozen=True):
    """An editor's word that an item is not shown, or nothing of a source; undone, it leaves no trace."""

    id: int
    source: str  # URL
    guid: str  # of the item, "" for the whole source
    by: str
    note: str
    made_at: datetime
    undone_at: datetime | None = None
    undone_by: str = ""
    act: int = 0  # the number of the first of those that were said in one act; its own, where it was said alone


class Tombstone(Struct, frozen=True):
    """An entry that was in a feed and was retracted."""

    entry_id: str
    at: datetime
