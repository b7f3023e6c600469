"""The values of reading: an entry as it was published, and the item that we made of it."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from aggregator.model.sources import NO_ADVICE, Advice

Key = tuple[str, str]
"""Our key of an item: the URL of its source, and its guid within that source."""


class Date(Struct, frozen=True):
    """A date as published and as understood; `at` is None where the text cannot be read."""

    raw: str = ""
    at: datetime | None = None


class Enclosure(Struct, frozen=True):
    """Attached media."""

    url: str
    type: str = ""
    length: int | None = None  # bytes, as the source claims


class Image(Struct, frozen=True):
    """A picture with what must travel with it."""

    url: str
    alt: str = ""
    credit: str = ""
    type: str = ""
    width: int | None = None
    height: int | None = None
    length: int | None = None  # bytes


class Origin(Struct, frozen=True):
    """Where an entry first came from: atom:source, or RSS <source> (RFC 4287 §4.2.11)."""

    title: str = ""
    url: str = ""  # of the feed
    site: str = ""
    id: str = ""
    rights: str = ""
    updated: datetime | None = None


class Entry(Struct, frozen=True):
    """One entry as a source published it."""

    guid: str = ""
    link: str = ""  # absolute, as published
    title: str = ""  # may hold markup
    summary: str = ""  # may be HTML
    content: str = ""  # may be HTML
    author: str = ""
    tags: tuple[str, ...] = ()
    published: Date = Date()
    updated: Date = Date()
    images: tuple[Image, ...] = ()  # Media RSS, itunes:image, image enclosures
    enclosures: tuple[Enclosure, ...] = ()  # the others
    language: str = ""
    rights: str = ""
    origin: Origin | None = None
    point: str = ""  # georss, "47.2378 6.0241"


class Same(Struct, frozen=True):
    """An entry that is as it was when the document was read last: nothing more of it is looked at."""

    guid: str
    published: datetime | None


class ParsedFeed(Struct, frozen=True):
    """One document of a source."""

    url: str
    format: str  # "rss20", "atom10", "json11" …
    entries: tuple[Entry, ...]
    id: str = ""
    title: str = ""
    site: str = ""
    subtitle: str = ""
    language: str = ""
    author: str = ""
    rights: str = ""
    updated: Date = Date()
    hub: str = ""
    self_link: str = ""
    skipped: tuple[str, ...] = ()  # why an entry could not be read, one sentence each
    flaw: str = ""  # what is malformed though it could be read
    advice: Advice = NO_ADVICE


class Genre(StrEnum):
    """What sort of text it is: a second axis beside the category."""

    ARTICLE = "article"
    COMMUNIQUE = "communique"
    EDITORIAL = "editorial"
    PRATIQUE = "pratique"
    SONDAGE = "sondage"
    OFFRE_EMPLOI = "offre-emploi"
    AGENDA = "agenda"
    VIDEO = "video"
    MAJ = "maj"  # "Mise à jour •": marks an update
    INSOLITE = "insolite"
    CAGNOTTE = "cagnotte"
    METEO = "meteo"
    MEMBRE = "membre"  # sent in by a member of the site


class Category(Struct, frozen=True):
    """A category of an item and the rule that gave it."""

    slug: str
    rule: Literal["source", "source-tags", "aliases", "path", "none", "rule", "editor"]
    evidence: str = ""  # the tag or the piece of path that it was read from, or what the rule looks for


class Item(Struct, frozen=True):
    """An entry, cleaned and classified: what is stored."""

    source: str  # the source's URL
    guid: str  # unique within the source; made by stories.identity where the source gives none
    link: str  # absolute, as published
    canonical: str  # the link without what does not tell pages apart; "" without a link
    title: str
    lead: str
    html: str = ""  # the whole text, safe HTML; "" where the feed gave no more than the lead
    text: str = ""  # the whole text without labels and markup: for comparing and searching, not for display
    author: str = ""
    image: Image | None = None
    enclosures: tuple[Enclosure, ...] = ()
    published: Date = Date()
    updated: Date = Date()  # kept as claimed, even before `published`
    language: str = "fr"
    tags: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    labels: tuple[str, ...] = ()  # as written: "VIDÉO", "(Communiqué)"
    genre: Genre = Genre.ARTICLE
    departements: tuple[str, ...] = ()
    origin: Origin | None = None
    rights: str = ""
    point: str = ""
    fingerprint: str = ""  # of all that is shown; differs when anything a reader can see differs

    @property
    def key(self) -> Key:
        """The key of the item."""
        return (self.source, self.guid)
