"""The single values that every format has: links, numbers, texts; takes what was published, never raises."""

import html
import re
from urllib.parse import urljoin, urlsplit

LABEL_LIMIT = 300  # characters of an author, a tag, a language
TITLE_LIMIT = 2000
TAG_LIMIT = 100  # of one entry
LINK_LIMIT = 4096

_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".svg")
# Whole links of which urljoin would change nothing, at a tenth of its cost; most are
_WHOLE = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*(?::[0-9]{1,5})?(?:/[A-Za-z0-9/_.~=&%+,@!-]*)?(?:\?[A-Za-z0-9/_.~=&%+,@!-]+)?"
)
_TAG = re.compile(r"<[A-Za-z/!?]")
_MARKUP = re.compile(r"</[a-z]|<(?:br|p|img|hr)\b|&#?\w+;", re.IGNORECASE)


def absolute(link: str, base: str) -> str:
    """The link as a whole http(s) URL, "" where it is none, or longer than LINK_LIMIT."""
    if len(link) > LINK_LIMIT:
        return ""
    if _WHOLE.fullmatch(link):
        return link
    link = re.sub(r"[\t\r\n]", "", link).strip()
    if link[:4].lower() == "www.":
        link = f"https://{link}"
    try:
        whole = urljoin(base, link) if link else ""
    except ValueError:
        return ""
    return whole if whole[:8].lower().startswith(("http://", "https://")) else ""


def number(text: str | None) -> int | None:
    """A size as claimed, None where it is no sane number."""
    digits = (text or "").strip().removesuffix("px")
    return (int(digits) or None) if re.fullmatch("[0-9]{1,12}", digits) else None


def is_image(url: str, media_type: str, medium: str = "") -> bool:
    """Is it a picture, by its type or, where no type tells, by its name?"""
    if media_type and media_type != "application/octet-stream":
        return media_type.startswith("image/")
    if medium:
        return medium == "image"
    try:
        return urlsplit(url).path.lower().endswith(_IMAGE_ENDINGS)
    except ValueError:
        return False


def as_html(plain: str) -> str:
    """Plain text as HTML. What is called plain often is not, so only text that would begin a tag, and has no other
    sign of markup, is escaped.
    """
    return html.escape(plain, quote=False) if _TAG.search(plain) and not _MARKUP.search(plain) else plain
