"""What an entry shows, the same in every format: title, link, author, terms, picture and text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from html import escape
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from aggregator.model import CategoryFeed, Enclosure, FeedEntry, Format, Genre, Image, Republish

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


@dataclass(frozen=True, slots=True)
class Term:
    """A category or genre as a feed names it."""

    slug: str
    scheme: str
    label: str


def link(entry: FeedEntry) -> str:
    """The page to open: the source's, or our page of the story where the source gives none."""
    return entry.item.link or entry.url


def title(entry: FeedEntry) -> str:
    """The title, never empty: all formats and feedgen ask for one."""
    lead = " ".join(entry.item.lead.split())
    return entry.item.title.strip() or _cut(lead) or entry.source.title.strip() or link(entry)


def author(entry: FeedEntry) -> str:
    """Who signs: the author, else the source (RFC 4287 §4.1.2 wants one for each entry)."""
    return entry.item.author.strip() or entry.source.title.strip() or entry.source.url


def rights(entry: FeedEntry) -> str:
    """The rights of the item, else those of its source."""
    return entry.item.rights.strip() or entry.source.rights.strip()


def terms(feed: CategoryFeed, entry: FeedEntry) -> tuple[Term, ...]:
    """The categories, then the genre unless it is the usual one."""
    slugs = dict.fromkeys(category.slug for category in entry.item.categories if category.slug)
    found = [Term(slug, feed.category_scheme, feed.labels.get(slug) or slug) for slug in slugs]
    genre = entry.item.genre
    if genre is not Genre.ARTICLE:
        found.append(Term(genre.value, feed.genre_scheme, feed.labels.get(genre.value) or genre.value))
    return tuple(found)


def language(feed: CategoryFeed, entry: FeedEntry) -> str:
    """The language of the entry where it is not that of the feed, else nothing."""
    return entry.item.language if entry.item.language != feed.language else ""


def media_type(media: Enclosure | Image) -> str:
    """The media type as claimed, else by the extension of the URL, else the least surprising one."""
    fallback = "image/jpeg" if isinstance(media, Image) else "application/octet-stream"
    return media.type or _TYPES.get(PurePosixPath(_path(media.url)).suffix.lower(), fallback)


def content(entry: FeedEntry) -> str:
    """The HTML of the entry, never empty: picture with credit, lead, and the whole text where that is allowed."""
    full = full_text(entry)
    figure = "" if _shows_picture(full, entry.item.image) else _figure(entry.item.image)
    return _lines(figure, "" if _begins_with_lead(entry, full) else _lead(entry), full)


def description(entry: FeedEntry, text: Callable[[str], str]) -> str:
    """The HTML for pages that embed a feed: picture, lead, credit; `text` has a word on each plain text.

    Some show the first words without any markup, so nothing but the lead may stand at the beginning. WordPress decodes
    once more before it looks for tags: a quotation mark in an attribute would let the tag run on into the lead.
    """
    image = entry.item.image
    picture = credit = ""
    if image:
        safe = replace(image, url=image.url.replace('"', "%22"), alt=text(image.alt).replace('"', "”"))
        picture = f"<p>{_img(safe)}</p>"
        credit = f"<p><small>{escape(text(image.credit))}</small></p>" if image.credit.strip() else ""
    return _lines(picture, _lead(entry, text), credit)


def full_text(entry: FeedEntry) -> str:
    """The whole text as safe HTML where its source allows us to give it on, else nothing."""
    return entry.item.html if entry.republish is Republish.FULL else ""


def _lead(entry: FeedEntry, text: Callable[[str], str] = str) -> str:
    return f"<p>{escape(text(entry.item.lead.strip() or title(entry)))}</p>"


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
