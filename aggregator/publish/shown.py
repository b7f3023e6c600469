"""What an entry shows, the same in every format: title, link, author, terms, picture and text."""

import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from html import escape
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from aggregator.model import (
    DEPARTEMENT,
    CategoryFeed,
    Content,
    Enclosure,
    FeedEntry,
    Format,
    Genre,
    Image,
    Picture,
    Republish,
)
from aggregator.publish.characters import printable, uri

CONTENT_TYPES: Mapping[Format, str] = {
    Format.ATOM: "application/atom+xml",
    Format.RSS: "application/rss+xml",
    Format.JSON: "application/feed+json",
}
HTML_TYPE = "text/html"
GENERATOR = "Tributary"

PICTURE_WIDTH_PIXELS = 320  # embedding pages show the picture as it comes
TITLE_CHARACTERS = 80  # of a lead that stands in for a missing title
LEAD_CHARACTERS = 60  # enough to see that a text begins with its lead

# Our own table: that of the standard library reads files of the machine, so bytes would differ between machines.
_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".svg": "image/svg+xml",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".pdf": "application/pdf",
}
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")  # RFC 6838 §4.2
_POINT = re.compile(r"(-?\d{1,2}(?:\.\d+)?) (-?\d{1,3}(?:\.\d+)?)")
_FIGURE = re.compile(r"<figure\b[^>]*>.*?</figure>", re.DOTALL)
_IMAGE = re.compile(r"<img\b[^>]*>")
_NOTHING_LEFT = re.compile(r"<(a|p)\b[^>]*>\s*</\1>")


class Term(Struct, frozen=True):
    """A category, département or genre as a feed names it."""

    slug: str
    scheme: str
    label: str


class Shown(Struct, frozen=True):
    """An entry with all that its bytes depend on but for the format; nothing else of the feed changes them."""

    entry: FeedEntry
    categories: tuple[Term, ...]
    departements: tuple[Term, ...]
    genres: tuple[Term, ...]  # one, or none where it is the usual one
    language: str  # of the feed
    home: str  # where our pages are
    img: Picture
    content: Content
    credit: bool

    @property
    def terms(self) -> tuple[Term, ...]:
        """The categories, then the départements, then the genre."""
        return (*self.categories, *self.departements, *self.genres)

    @property
    def image(self) -> Image | None:
        """The picture, unless none is wanted."""
        return None if self.img is Picture.NONE else self.entry.item.image

    @property
    def inline(self) -> Image | None:
        """The picture that stands in the text."""
        return self.entry.item.image if self.img is Picture.INLINE else None

    @property
    def enclosures(self) -> tuple[Enclosure, ...]:
        """What is attached, without pictures where none are wanted."""
        attached = self.entry.item.enclosures
        return tuple(
            each for each in attached if self.img is not Picture.NONE or not media_type(each).startswith("image/")
        )

    @property
    def media(self) -> tuple[Enclosure, ...]:
        """The picture, then what is attached, each address once: embedding sites look for a picture there."""
        image = self.image
        picture = (Enclosure(image.url, media_type(image), image.length),) if image else ()
        found: dict[str, Enclosure] = {}
        for each in (*picture, *self.enclosures):
            found.setdefault(each.url, each)
        return tuple(found.values())


def shown(feed: CategoryFeed, entry: FeedEntry) -> Shown:
    """An entry as this feed shows it."""
    item, options = entry.item, feed.options
    genres = () if item.genre is Genre.ARTICLE else (item.genre.value,)
    return Shown(
        entry,
        _terms(feed, feed.category_scheme, (category.slug for category in item.categories)),
        _terms(feed, feed.departement_scheme, item.departements, DEPARTEMENT),
        _terms(feed, feed.genre_scheme, genres),
        feed.language,
        feed.base.removesuffix(f"/feeds/{feed.slug}"),
        options.img,
        options.content,
        options.credit,
    )


def with_uris(shown: Shown) -> Shown:
    """The same with every address as a URI; clean ones may hold any letter."""
    entry, item = shown.entry, shown.entry.item
    source = replace(entry.source, url=uri(entry.source.url), site=uri(entry.source.site))
    fit = replace(
        item,
        link=uri(item.link),
        image=item.image and replace(item.image, url=uri(item.image.url)),
        enclosures=tuple(replace(each, url=uri(each.url)) for each in item.enclosures),
    )
    also = tuple(replace(each, url=uri(each.url)) for each in entry.also)
    return replace(shown, entry=replace(entry, item=fit, source=source, also=also))


def _terms(feed: CategoryFeed, scheme: str, slugs: Iterable[str], folder: str = "") -> tuple[Term, ...]:
    return tuple(
        Term(slug, scheme, feed.labels.get(folder + slug) or slug)
        for slug in dict.fromkeys(slugs)
        if printable(slug).strip()
    )


def link(entry: FeedEntry) -> str:
    """The page to open: the source's, or our page of the story where the source gives none."""
    return entry.item.link or entry.url


def title(shown: Shown) -> str:
    """The title, never empty: all formats and feedgen ask for one. With the source before it where that is wanted."""
    entry, source = shown.entry, shown.entry.source.title.strip()
    plain = _title(entry)
    if not shown.credit or not source or plain == source:
        return plain
    colon = "\u00a0: " if shown.language.lower().partition("-")[0] == "fr" else ": "
    return f"{source}{colon}{plain}"


def _title(entry: FeedEntry) -> str:
    lead = " ".join(entry.item.lead.split())
    return entry.item.title.strip() or _cut(lead) or entry.source.title.strip() or link(entry)


def author(entry: FeedEntry) -> str:
    """Who signs: the author, else the source (RFC 4287 §4.1.2 wants one for each entry)."""
    return entry.item.author.strip() or entry.source.title.strip() or entry.source.url


def rights(entry: FeedEntry) -> str:
    """The rights of the item, else those of its source."""
    return entry.item.rights.strip() or entry.source.rights.strip()


def moment(entry: FeedEntry) -> datetime:
    """When it last changed, told apart from what changed in the same second by a fraction that follows from its id.

    Sources publish in batches, and entries with one date are in no order for a reader (the W3C validator warns). A
    fraction that followed from the neighbours would move when they do, and announce the entry again.
    """
    return entry.updated.replace(microsecond=zlib.crc32(entry.id.encode("utf-8", "replace")) % 1_000_000)


def language(shown: Shown) -> str:
    """The language of the entry where it is not that of the feed, else nothing."""
    own = shown.entry.item.language
    return own if own != shown.language else ""


def point(entry: FeedEntry) -> str:
    """The place, "latitude longitude"; nothing where that is nowhere on earth."""
    found = _POINT.fullmatch(entry.item.point)
    return entry.item.point if found and abs(float(found[1])) <= 90 and abs(float(found[2])) <= 180 else ""


def media_type(media: Enclosure | Image) -> str:
    """The media type as claimed, else by the extension of the URL, else the least surprising one."""
    if _MEDIA_TYPE.fullmatch(media.type):
        return media.type
    fallback = "image/jpeg" if isinstance(media, Image) else "application/octet-stream"
    return _TYPES.get(PurePosixPath(_path(media.url)).suffix.lower(), fallback)


def content(shown: Shown) -> str:
    """The HTML of the entry, never empty: picture with credit, lead, and the whole text where that is allowed."""
    full, image = full_text(shown), shown.inline
    figure = "" if _shows_picture(full, image) else _figure(image)
    return _lines(figure, "" if _begins_with_lead(shown.entry, full) else _lead(shown.entry), full)


def description(shown: Shown, text: Callable[[str], str]) -> str:
    """The HTML for pages that embed a feed: picture, lead, credit; `text` has a word on each plain text.

    Some show the first words without any markup, so nothing but the lead may stand at the beginning. WordPress decodes
    once more before it looks for tags: a quotation mark in an attribute would let the tag run on into the lead.
    """
    if shown.content is Content.TEXT:
        return escape(text(plain_text(shown.entry)), quote=False)
    image = shown.inline
    picture = credit = ""
    if image:
        safe = replace(image, url=image.url.replace('"', "%22"), alt=text(image.alt).replace('"', "”"))
        picture = f"<p>{_img(safe)}</p>"
        credit = f"<p><small>{escape(text(image.credit))}</small></p>" if image.credit.strip() else ""
    return _lines(picture, _lead(shown.entry, text), credit)


def plain_text(entry: FeedEntry) -> str:
    """The lead without markup, never empty."""
    return entry.item.lead.strip() or _title(entry)


def full_text(shown: Shown) -> str:
    """The whole text as safe HTML where it is wanted and its source allows us to give it on, else nothing."""
    entry = shown.entry
    if shown.content is not Content.FULL or entry.republish is not Republish.FULL:
        return ""
    return entry.item.html if shown.img is Picture.INLINE else _without_pictures(entry.item.html)


def _without_pictures(html: str) -> str:
    html = _IMAGE.sub("", _FIGURE.sub(lambda found: "" if "<img" in found[0] else found[0], html))
    return _NOTHING_LEFT.sub("", _NOTHING_LEFT.sub("", html)).strip()


def _lead(entry: FeedEntry, text: Callable[[str], str] = str) -> str:
    return f"<p>{escape(text(plain_text(entry)))}</p>"


def _figure(image: Image | None) -> str:
    if image is None:
        return ""
    credit = f"<figcaption>{escape(image.credit)}</figcaption>" if image.credit.strip() else ""
    return f"<figure>{_img(image)}{credit}</figure>"


def _img(image: Image) -> str:
    return f'<img src="{escape(image.url)}" alt="{escape(image.alt)}"{_size(image)}>'


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _size(image: Image) -> str:
    if not image.width:
        return f' width="{PICTURE_WIDTH_PIXELS}"'
    width = min(image.width, PICTURE_WIDTH_PIXELS)
    height = f' height="{max(1, image.height * width // image.width)}"' if image.height else ""
    return f' width="{width}"{height}'


def _shows_picture(full: str, image: Image | None) -> bool:
    if image is None or not full:
        return False
    return escape(image.url) in full and escape(image.credit, quote=False) in full


def _begins_with_lead(entry: FeedEntry, full: str) -> bool:
    lead = " ".join(entry.item.lead.split())[:LEAD_CHARACTERS].rstrip(" .…")
    return bool(full and lead) and " ".join(entry.item.text.split()).startswith(lead)


def _cut(text: str) -> str:
    if len(text) <= TITLE_CHARACTERS:
        return text
    return text[:TITLE_CHARACTERS].rpartition(" ")[0].rstrip(" ,;:") + "…"


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
