"""The twelve outlets: each with one feed, in a format and with habits of its own."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from aggregator.model import Republish, Source


class Shape(StrEnum):
    """The format of a feed; the value is its media type."""

    RSS = "application/rss+xml"
    RDF = "application/rdf+xml"
    ATOM = "application/atom+xml"
    JSON = "application/feed+json"


class Dates(StrEnum):
    """How dates are written."""

    OFFSET = "Fri, 06 Feb 2026 16:10:00 +0100"
    ZONE_NAME = "Fri, 06 Feb 2026 16:10:00 CET"
    ISO = "2026-02-06T16:10:00+01:00"
    ISO_UTC = "2026-02-06T15:10:00Z"
    ISO_BARE = "2026-02-06T16:10:00"
    FRENCH = "Publié le 06/02/2026 - 16:10"


class Guid(StrEnum):
    """What stands as guid."""

    OWN = "own"  # a tag: URI or a ?p= address, as the items file says
    PERMALINK = "permalink"
    NONE = "none"


class Text(StrEnum):
    """What the description, the Atom summary or the content holds."""

    NONE = "none"
    LEAD = "lead as plain text"
    LEAD_HTML = "lead as HTML"
    ALL = "lead and body as plain text"
    HTML = "lead and body as HTML"
    XHTML = "lead and body as XHTML"


class Picture(StrEnum):
    """Where the image and its credit stand."""

    INLINE = "an <img> in the HTML, its credit as caption and once more as alt text"
    ENCLOSURE = "an enclosure"
    MEDIA = "media:content"


class Outlet(Struct, frozen=True):
    """One outlet and its habits."""

    slug: str
    title: str
    folder: str  # of feeds.opml
    departements: tuple[str, ...]
    shape: Shape
    dates: Dates
    summary: Text
    content: Text
    picture: Picture
    guid: Guid = Guid.OWN
    encoding: str = "utf-8"
    content_type: str = ""  # instead of the shape's
    tracking: str = ""  # query added to every link
    has_etag: bool = True
    has_last_modified: bool = True
    old_path: str = ""  # an address that answers 301; feeds.opml still has it
    genre_tag: str = ""  # one more raw tag on every article
    categories: tuple[str, ...] = ()  # what an editor said of the source
    tags: Mapping[str, str] = field(default_factory=dict)
    republish: Republish = Republish.LEAD

    @property
    def site(self) -> str:
        """The page for people, which does not open: `.example` belongs to nobody (RFC 2606 §2)."""
        return f"https://{self.slug}.example/"

    @property
    def path(self) -> str:
        """Where the feed answers."""
        return f"/{self.slug}/feed.{'json' if self.shape is Shape.JSON else 'xml'}"

    @property
    def media_type(self) -> str:
        """The Content-Type of the feed."""
        return self.content_type or self.shape


REGION = "Bourgogne-Franche-Comté"
NORTH, SOUTH = "Franche-Comté", "Bourgogne"

OUTLETS = (
    Outlet(
        slug="region-presse",
        title="Conseil régional (démo) – presse",
        folder="",
        departements=(),
        shape=Shape.ATOM,
        dates=Dates.ISO,
        summary=Text.LEAD,
        content=Text.HTML,
        picture=Picture.INLINE,
        genre_tag="Communiqué de presse",
        tags={"Mobilités": "infos-pratiques", "Formation": "emploi"},
        republish=Republish.FULL,
    ),
    Outlet(
        slug="prefecture-bfc",
        title="Préfecture (démo) – communiqués",
        folder="",
        departements=(),
        shape=Shape.RDF,
        dates=Dates.ISO,
        summary=Text.LEAD,
        content=Text.HTML,
        picture=Picture.INLINE,
        categories=("infos-pratiques",),  # its one rubric is "Communiqués de presse 2026"
        republish=Republish.FULL,
    ),
    Outlet(
        slug="comtois-info",
        title="Comtois Info",
        folder=NORTH,
        departements=("25", "39", "70", "90"),
        shape=Shape.RSS,
        dates=Dates.OFFSET,
        summary=Text.LEAD_HTML,
        content=Text.HTML,
        picture=Picture.INLINE,
        tracking="utm_source=rss&utm_medium=feed&utm_campaign=a-la-une",
        tags={"Vie locale": "infos-pratiques"},
    ),
    Outlet(
        slug="haut-doubs-matin",
        title="Haut-Doubs Matin",
        folder=NORTH,
        departements=("25",),
        shape=Shape.RSS,
        dates=Dates.ZONE_NAME,
        summary=Text.ALL,
        content=Text.NONE,
        picture=Picture.ENCLOSURE,
        encoding="iso-8859-15",
    ),
    Outlet(
        slug="radio-citadelle",
        title="Radio Citadelle",
        folder=NORTH,
        departements=("25",),
        shape=Shape.JSON,
        dates=Dates.ISO,
        summary=Text.LEAD,
        content=Text.HTML,
        picture=Picture.INLINE,
    ),
    Outlet(
        slug="jura-hebdo",
        title="Jura Hebdo des monts",
        folder=NORTH,
        departements=("39",),
        shape=Shape.RSS,
        dates=Dates.FRENCH,
        summary=Text.LEAD,
        content=Text.HTML,
        picture=Picture.MEDIA,
        old_path="/jura-hebdo/rss",
    ),
    Outlet(
        slug="courrier-saone",
        title="Le Courrier des deux Saône",
        folder=NORTH,
        departements=("70",),
        shape=Shape.JSON,
        dates=Dates.ISO_BARE,
        summary=Text.NONE,
        content=Text.HTML,
        picture=Picture.INLINE,
    ),
    Outlet(
        slug="belfort-direct",
        title="Belfort Direct",
        folder=NORTH,
        departements=("90",),
        shape=Shape.ATOM,
        dates=Dates.ISO_UTC,
        summary=Text.LEAD_HTML,
        content=Text.HTML,
        picture=Picture.ENCLOSURE,
        guid=Guid.PERMALINK,
        tracking="utm_source=atom&utm_medium=feed",
        has_last_modified=False,
    ),
    Outlet(
        slug="dijon-quotidien",
        title="Dijon Quotidien du soir",
        folder=SOUTH,
        departements=("21",),
        shape=Shape.RSS,
        dates=Dates.OFFSET,
        summary=Text.HTML,
        content=Text.NONE,
        picture=Picture.MEDIA,
        encoding="windows-1252",
        content_type="text/xml; charset=windows-1252",
        tracking="xtor=RSS-1",
    ),
    Outlet(
        slug="saone-loire-fil",
        title="Saône-et-Loire Fil",
        folder=SOUTH,
        departements=("71",),
        shape=Shape.RSS,
        dates=Dates.ZONE_NAME,
        summary=Text.HTML,
        content=Text.NONE,
        picture=Picture.INLINE,
        guid=Guid.NONE,
        has_etag=False,
    ),
    Outlet(
        slug="yonne-en-clair",
        title="L’Yonne en clair",
        folder=SOUTH,
        departements=("89",),
        shape=Shape.ATOM,
        dates=Dates.ISO,
        summary=Text.NONE,
        content=Text.XHTML,
        picture=Picture.MEDIA,
    ),
    Outlet(
        slug="nievre-morvan",
        title="Nièvre & Morvan Fil",
        folder=SOUTH,
        departements=("58",),
        shape=Shape.RSS,
        dates=Dates.ISO_BARE,
        summary=Text.LEAD,
        content=Text.HTML,
        picture=Picture.ENCLOSURE,
    ),
)


def source(outlet: Outlet, base: str) -> Source:
    """The outlet's line of feeds.opml as a value."""
    return Source(
        url=base + (outlet.old_path or outlet.path),
        title=outlet.title,
        site=outlet.site,
        region=" / ".join(filter(None, (REGION, outlet.folder))),
        categories=outlet.categories,
        departements=outlet.departements,
        republish=outlet.republish,
        tags=outlet.tags,
    )
