"""Takes a feed and a look, gives what an embedding site puts in its page: addresses, HTML, oEmbed answers.

Everything in them is absolute and escaped. Never reads the store.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from markupsafe import Markup, escape
from msgspec import Struct

from aggregator.model import ALL, AS_ANNOUNCED, Content, Format, Options
from web.asked import LIMITS, Asked, options_of
from web.layout import absolute, feed_title
from web.links import address_of, page_address
from web.look import Look, read_look
from web.site import current_site

OEMBED_TYPES = {"json": "application/json", "xml": "text/xml; charset=utf-8"}
DISCOVERY_TYPES = {"json": "application/json+oembed", "xml": "text/xml+oembed"}
FRAME_WIDTH_PIXELS = 600
HEAD_PIXELS, STORY_PIXELS = 110, 92  # of a frame of that width, as measured with titles of two lines
LEAST_PIXELS = 100
CACHE_SECONDS = 3600

_EMBED = "embed/"
_FORBIDDEN_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Target(Struct, frozen=True):
    """What an address of ours shows: a feed, and how."""

    slug: str
    look: Look


def target_of(url: str) -> Target | None:
    """The feed that a page or an embed of ours shows; None for every other address."""
    public = current_site().settings.public_url + "/"
    try:
        parts = urlsplit(url)
        path = unquote(f"{parts.scheme}://{parts.netloc}{parts.path}", errors="strict")
    except ValueError:
        return None
    if not f"{path}/".startswith(public):
        return None
    rest = path[len(public) :].rstrip("/")
    asked = dict(reversed(parse_qsl(parts.query))) if rest.startswith(_EMBED) else {}
    slug = rest.removeprefix(_EMBED) or ALL
    if slug not in current_site().feeds() or rest == ALL:
        return None
    return Target(slug, read_look(asked, current_site().settings.language))


def frame_address(slug: str, look: Look | None = None) -> str:
    """The public address of the page for a frame."""
    address = absolute("embeds.framed", slug=slug)
    return f"{address}?{look.query}" if look and look.query else address


def page_of(slug: str) -> str:
    """The public address of the page that shows what a feed holds."""
    return page_address(slug, current_site().settings)


def feed_address(slug: str, format: Format, options: Options) -> str:
    """The public address of one representation of a feed."""
    return address_of(Asked(slug, format, options), current_site().settings)


def element_feed(target: Target) -> str:
    """The address of the feed that an element reads: hardly longer than what it shows, where it can be asked for."""
    if current_site().settings.files_only:
        return feed_address(target.slug, Format.JSON, AS_ANNOUNCED)
    limit = min(limit for limit in LIMITS if limit >= target.look.limit)
    asked = {"content": Content.SUMMARY.value, "limit": str(limit)}
    return feed_address(target.slug, Format.JSON, options_of(asked, current_site().settings.feed_length))


def frame(target: Target, width: str = "100%", height: int | None = None) -> Markup:
    """A frame. Attributes alone style it, as a strict policy or a filter of HTML leaves them."""
    return Markup('<iframe src="{}" title="{}" width="{}" height="{}" frameborder="0" loading="lazy"></iframe>').format(
        frame_address(target.slug, target.look), _title(target), width, height or usual_height(target.look)
    )


def frame_with_height(target: Target) -> str:
    """A frame, and the script that makes it as high as what it shows."""
    script = Markup('<script src="{}" async></script>').format(absolute("embeds.height"))
    return f"{frame(target)}\n{script}"


def element(target: Target) -> Markup:
    """The element with its script; inside it, what is shown where scripts do not run."""
    look = target.look
    attributes = {
        "src": element_feed(target),
        "limit": str(look.limit),
        "img": "" if look.img else "none",
        "theme": look.theme.value if look.theme.value != "auto" else "",
        "lang": look.language,
    }
    written = Markup("").join(Markup(' {}="{}"').format(name, value) for name, value in attributes.items() if value)
    return (
        Markup('<script src="{}" async></script>\n').format(absolute("embeds.element"))
        + Markup("<tributary-feed{}>").format(written)
        + Markup('<a href="{}">{}</a></tributary-feed>').format(page_of(target.slug), _title(target))
    )


def fragment(target: Target) -> tuple[str, str]:
    """What a server includes: as SSI for nginx and Apache, and as ESI."""
    address = fragment_address(target)
    parts = urlsplit(address)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return f'<!--#include virtual="{escape(path)}" -->', f'<esi:include src="{escape(address)}"/>'


def fragment_address(target: Target) -> str:
    """The public address of the fragment, without the options that ask for a style."""
    query = Look(img=target.look.img, language=target.look.language, limit=target.look.limit).query
    address = absolute("embeds.fragment", slug=target.slug)
    return f"{address}?{query}" if query else address


def usual_height(look: Look) -> int:
    """The pixels that a frame needs more often than not."""
    return HEAD_PIXELS + STORY_PIXELS * look.limit


def discovery(url: str) -> list[tuple[str, str]]:
    """The types and addresses that tell of the oEmbed answers for a page of ours."""
    if current_site().settings.files_only:
        return []
    return [
        (kind, absolute("embeds.oembed") + "?" + urlencode({"format": form, "url": url}))
        for form, kind in DISCOVERY_TYPES.items()
    ]


def oembed(target: Target, max_width: int | None = None, max_height: int | None = None) -> Mapping[str, str | int]:
    """The answer for a feed (oEmbed 1.0 §2.3.4.4), no larger than allowed.

    WordPress hides the frame and shows the quotation until the frame has spoken; without it, it loads no script that
    listens, and the frame would stay 200 pixels high.
    """
    width = min(FRAME_WIDTH_PIXELS, _positive(max_width, FRAME_WIDTH_PIXELS))
    usual = usual_height(target.look)
    height = min(usual, _positive(max_height, usual))
    title = _title(target)
    link = Markup('<blockquote><a href="{}">{}</a></blockquote>').format(page_of(target.slug), title)
    return {
        "version": "1.0",
        "type": "rich",
        "title": title,
        "provider_name": current_site().settings.title,
        "provider_url": current_site().settings.public_url + "/",
        "cache_age": CACHE_SECONDS,
        "width": width,
        "height": height,
        "html": str(link + frame(target, str(width), height)),
    }


def as_xml(answer: Mapping[str, str | int]) -> bytes:
    """An oEmbed answer as XML."""
    lines = (f"<{name}>{_xml(str(value))}</{name}>" for name, value in answer.items())
    return f'<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<oembed>{"".join(lines)}</oembed>\n'.encode()


def _title(target: Target) -> str:
    """What the feed is called in the language of what is shown, which need not be that of our page."""
    return feed_title(target.slug, language=target.look.language or current_site().settings.language)


def _xml(text: str) -> str:
    return str(escape(_FORBIDDEN_IN_XML.sub("", text)))


def _positive(asked: int | None, otherwise: int) -> int:
    return asked if asked is not None and asked > 0 else otherwise
