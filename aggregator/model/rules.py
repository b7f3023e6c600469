"""The values of the editors' word on items: rules, corrections, and what comes of them."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from aggregator.model.desk import Action
from aggregator.model.items import Category, Genre, Item


class RuleEffect(StrEnum):
    """What becomes of an item that a rule matches."""

    KEEP = "keep"  # the others of the scope go
    BLOCK = "block"
    CATEGORY = "category"  # it gets another category too


class RuleField(StrEnum):
    """What of an item a rule looks at."""

    WORDS = "words"  # title, lead and text
    TITLE = "title"
    LABEL = "label"
    TAG = "tag"
    LANGUAGE = "language"
    AUTHOR = "author"


class RuleHow(StrEnum):
    """How a rule looks at it."""

    CONTAINS = "contains"  # these whole words in this order; accents, capitals and marks do not matter
    IS = "is"  # these words and no others
    MATCHES = "matches"  # a regular expression of RE2


class Rule(Struct, frozen=True):
    """A rule of the editors. Its scope are a source, a category, both, or all items."""

    id: int
    effect: RuleEffect
    field: RuleField
    how: RuleHow
    text: str
    source: str = ""  # URL; "" for all
    category: str = ""  # slug; "" for all
    target: str = ""  # slug of the category that a rule of CATEGORY gives


class Rulebook(Struct, frozen=True):
    """All rules that hold. Numbers of rules are never given again."""

    version: int = 0
    last_id: int = 0
    rules: tuple[Rule, ...] = ()


class Correction(Struct, frozen=True):
    """What an editor says of one item: it outweighs its source and every rule."""

    categories: tuple[str, ...] = ()  # slugs; (): as they come
    genre: Genre | None = None  # None: as it comes


NO_CORRECTION = Correction()


class Standing(Struct, frozen=True):
    """What an item counts as by rules and corrections."""

    categories: tuple[Category, ...]
    genre: Genre
    is_blocked: bool = False  # stands in no feed
    taken: frozenset[str] = frozenset()  # slugs of categories that rules took it out of


class Telling(Struct, frozen=True):
    """How a stored item is told, and in which feeds."""

    categories: tuple[Category, ...]
    genre: Genre
    departements: tuple[str, ...]
    is_blocked: bool
    own_categories: tuple[Category, ...]  # without rules and corrections
    own_genre: Genre
    terms: frozenset[str]  # what decides in which feeds it stands; see store.log


class Told(Struct, frozen=True):
    """A stored item as rules see it."""

    id: int
    item: Item
    telling: Telling
    correction: Correction
    slug: str  # of its source
    edition: int
    first_seen: datetime


class Named(Struct, frozen=True):
    """A story by its number and title."""

    id: int
    title: str


class FeedEffect(Struct, frozen=True):
    """What a change lets enter a feed and leave it, the newest first."""

    feed: str  # slug
    entered: tuple[Named, ...] = ()
    left: tuple[Named, ...] = ()


class Effect(Struct, frozen=True):
    """What a change does, or would do."""

    items: int = 0  # that are told otherwise
    feeds: tuple[FeedEffect, ...] = ()  # by slug, those that something enters or leaves
    action: Action | None = None  # where it was done and recorded
