"""The values of health: what is the matter with a source, and when it was so."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field

from aggregator.errors import ErrorClass


class ConditionKind(StrEnum):
    """What may be the matter with a source; the worst first. `web` says it in sentences."""

    GONE = "gone"
    HTML = "html"  # a page where its feed was
    FAILING = "failing"  # in any other way
    SUSPECT = "suspect"
    FROZEN = "frozen"  # it answers, and what it says is long past
    SILENT = "silent"  # nothing new, against its own rhythm
    MOVED = "moved"
    CERTIFICATE = "certificate"  # that ends soon
    PAUSED = "paused"


class Condition(Struct, frozen=True):
    """Something that is the matter with a source; both sentences are English and for editors."""

    kind: ConditionKind
    since: datetime
    evidence: str  # with figures
    remedy: str
    address: str = ""  # the one that the source should have, where one is known
    error_class: ErrorClass | None = None
    figures: Mapping[str, str | int | float] = field(default_factory=dict)  # those of the evidence, by name

    def is_like(self, other: "Condition") -> bool:
        """Whether both say the same, but for figures that grow by themselves."""
        own = (self.kind, self.remedy, self.address, self.error_class)
        return own == (other.kind, other.remedy, other.address, other.error_class)


class Judgement(Struct, frozen=True):
    """What was found of a source, of all that was looked for: of these kinds nothing else is the matter with it."""

    source: str  # its URL
    at: datetime
    looked_for: frozenset[ConditionKind]
    conditions: tuple[Condition, ...]  # of these kinds, each once


class Episode(Struct, frozen=True):
    """A time in which something was the matter with a source; `until` is None while it lasts."""

    source: str  # its URL today
    condition: Condition  # as it was seen last
    until: datetime | None = None
