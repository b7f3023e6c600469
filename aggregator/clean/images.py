"""Images: takes what a source attached and what stands in its text, gives one image with its credit. Never fetches."""

import re
from collections.abc import Sequence

from msgspec.structs import replace

from aggregator.clean.html import attributes, is_pixel, pixels
from aggregator.clean.links import absolute
from aggregator.clean.text import at_word, plain
from aggregator.model import Image

ALT_LIMIT_CHARS = 300

_IMG = re.compile(r"<img([^>]*)>")
_CAPTION = re.compile(r"<figcaption[^>]*>(.*?)</figcaption>", re.DOTALL)
_MARK = r"(?:©|\(c\)\s|\bcr[ée]dits?(?:\s+photos?)?\s*:|\bphotos?\s*:|\bfoto\s*:|\bbild\s*:)"
_CREDIT = re.compile(_MARK, re.IGNORECASE)
_CREDITS = re.compile(rf"\s*(?={_MARK})", re.IGNORECASE)
_SEPARATORS = " \xa0\u202f-–—|,/(["
_SIZE_SUFFIX = re.compile(r"(?:-\d+x\d+)?\.\w{3,4}(?:\?.*)?\Z")


def choose(attached: Sequence[Image], html: str, base: str) -> Image | None:
    """Choose the widest of the attached images, the first where they do not say, else the first in the text.

    Alternative text and credit come from whichever of the two has them.
    """
    shown = first_in(html)
    usable = [image for each in attached if (image := _usable(each, base))]
    if not usable:
        return shown
    best = max(usable, key=lambda image: image.width or 0)
    if shown is None or _picture(shown.url) != _picture(best.url):
        return best
    return replace(best, alt=best.alt or shown.alt, credit=best.credit or shown.credit)


def first_in(html: str) -> Image | None:
    """The first image of sanitised HTML; the caption of its figure completes alt and credit."""
    match = _IMG.search(html)
    if match is None:
        return None
    found = attributes(match[1])
    alt, credit = parted(found.get("alt", ""))
    text, second_credit = parted(_caption(html, match))
    return Image(
        url=found["src"],
        alt=alt or text,
        credit=credit or second_credit,
        width=pixels(found.get("width", "")),
        height=pixels(found.get("height", "")),
    )


def parted(caption: str) -> tuple[str, str]:
    """Part a caption into text and credit; a credit written twice is given once."""
    caption = at_word(plain(caption), ALT_LIMIT_CHARS)
    match = _CREDIT.search(caption)
    if match is None:
        return caption, ""
    text = caption[: match.start()].rstrip(_SEPARATORS)
    credits = (each.rstrip(_SEPARATORS) for each in _CREDITS.split(caption[match.start() :]))
    credit = " ".join(dict.fromkeys(each for each in credits if each))
    for opening, closing in ("()", "[]"):
        if credit.endswith(closing) and opening not in credit:
            credit = credit[:-1].rstrip()
    return text, credit


def _usable(image: Image, base: str) -> Image | None:
    url = absolute(image.url, base)
    if not url or is_pixel(url, image.width, image.height):
        return None
    alt, credit = parted(image.alt)
    named = plain(image.credit)
    kept = parted(named)[1] if _CREDIT.match(named) else named
    return replace(image, url=url, alt=alt, credit=kept or credit, type=plain(image.type))


def _caption(html: str, image: re.Match[str]) -> str:
    """The caption of the figure around an image, "" if it stands in none."""
    start = html.rfind("<figure", 0, image.start())
    if start < 0 or html.find("</figure>", start, image.start()) >= 0:
        return ""
    end = html.find("</figure>", image.end())
    caption = _CAPTION.search(html, start, end if end >= 0 else len(html))
    return caption[1] if caption else ""


def _picture(url: str) -> str:
    """What the sizes of one picture share: WordPress writes pont-300x200.jpg beside pont.jpg."""
    return _SIZE_SUFFIX.sub("", url.partition("://")[2])
