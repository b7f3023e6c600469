"""HTML: takes markup of a source, gives the little of it that is safe and worth showing. Never adds text.

nh3 has the last word: what `sanitise` returns is a fixed point of nh3 and of our own changes, so that cleaning it
again changes nothing. Our changes are made on nh3's output, where every attribute is quoted and `<` and `>` occur in
tags only: regular expressions are sound there, and nowhere else.
"""

import re
from collections.abc import Callable
from html import escape, unescape

import nh3

from aggregator.clean.characters import scrub
from aggregator.clean.links import absolute, display

MARKUP_LIMIT_CHARS = 200_000  # some 30,000 words; nh3 takes up to 4 s a megabyte, of nothing but `&`
DEPTH_LIMIT = 200  # elements within elements; nh3 is quadratic in it: 0.2 s at 10,000, 19 s at 100,000
ROUNDS = 6  # nh3 twice and our changes once are usual; misnested tables and links need more

# Beacons tell a third party who reads what, and when; spacers and blanks show nothing.
BEACON = re.compile(
    r"https?://(?:[^/?#]*\.)?(?:feedburner\.com/~|feedsportal\.com/|doubleclick\.net/|google-analytics\.com/"
    r"|googletagmanager\.com/|scorecardresearch\.com/|quantserve\.com/|xiti\.com/|at-o\.net/|estat\.com/|weborama\.fr/"
    r"|facebook\.com/tr\b|(?:pixel|stats?|analytics|beacon|track(?:er|ing)?|counter|metrics|logs?)\.[^/?#]+/)"
    r"|https?://[^?#]*/(?:b|g|count|pixel|spacer|blank|clear|transparent|1x1)\.(?:gif|png)(?:[?#]|\Z)",
    re.IGNORECASE,
)

_TAGS = {
    *("a abbr b blockquote br caption cite code dd del details dfn div dl dt em figcaption figure h2 h3 h4 hr".split()),
    *("i img ins kbd li mark ol p pre q s samp small strong sub summary sup table tbody td tfoot th thead".split()),
    *("time tr u ul var wbr".split()),
}
_RENAMED = {
    "h1": "h2",
    **dict.fromkeys(("h5", "h6"), "h4"),
    **dict.fromkeys(("strike",), "s"),
    **dict.fromkeys("address article aside center footer header main nav section".split(), "div"),
}
_LAZY_SRC = ("data-src", "data-lazy-src", "data-original", "data-lazy", "data-orig-file")
_LAZY_SET = ("data-srcset", "srcset")
_LAZY = {*_LAZY_SRC, *_LAZY_SET}
_ATTRIBUTES = {
    "*": {"lang", "dir"},
    "a": {"href"},
    "abbr": {"title"},
    "img": {"src", "alt", "width", "height"},
    "li": {"value"},
    "ol": {"start", "reversed"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
_NOT_TEXT = set(
    "applet audio button canvas embed frameset iframe math noembed noframes noscript object script select style svg "
    "template textarea title video".split()
)
_LINK_REL = "noopener nofollow ugc"
_SCHEMES = {"http", "https", "mailto", "tel"}
_READER = nh3.Cleaner(  # reads what a source wrote
    tags=_TAGS | set(_RENAMED),
    clean_content_tags=_NOT_TEXT,
    attributes=_ATTRIBUTES | {"img": _ATTRIBUTES["img"] | _LAZY},
    link_rel=_LINK_REL,
    url_schemes=_SCHEMES,
    url_relative="pass_through",
)
_CHECKER = nh3.Cleaner(  # says what may go out
    tags=_TAGS,
    clean_content_tags=_NOT_TEXT,
    attributes=_ATTRIBUTES,
    link_rel=_LINK_REL,
    url_schemes=_SCHEMES,
    url_relative="deny",
)

_DATA_URI = re.compile(r"data:[a-z0-9/+.;=-]+,[^\s\"'<>]{200,}", re.IGNORECASE)
_PLAIN = re.compile(r"[^<>&\x00]{0,20000}\Z")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_FLAT = frozenset("area br col dd dt hr img input li link meta option p param source td th tr wbr".split())
_ESCAPED_MARKUP = re.compile(r"&lt;/?(?:a|b|br|div|em|h[1-6]|i|img|li|ol|p|span|strong|ul)(?:\s|/?&gt;)", re.IGNORECASE)

_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_OLD_NAME = re.compile(rf"<(/?)({'|'.join(_RENAMED)})(?=[ >])")
_IMAGE = re.compile(r"<img([^>]*)>")
_LINK = re.compile(r"<a([^>]*)>(.*?)</a>", re.DOTALL)
_EMPTY = re.compile(
    r"<(a|b|blockquote|code|div|dl|em|figcaption|figure|h[2-4]|i|li|ol|p|pre|q|s|small|strong|table|tbody|tr|u|ul)"
    r"(?: [^>]*)?>((?:\s|&nbsp;|<br>)*)</\1>"
)
_BREAKS = re.compile(r"<br>\s*<br>\s*(?:<br>\s*)+")
_SHARE = re.compile(
    r"https?://(?:[a-z-]+\.)?(?:facebook\.com/(?:sharer|share\.php)|(?:twitter|x)\.com/(?:intent/|share\b|home\?status)"
    r"|linkedin\.com/(?:shareArticle|sharing)|pinterest\.[a-z]+/pin/create|whatsapp\.com/send|reddit\.com/submit"
    r"|addtoany\.com/|addthis\.com/|feedburner\.com/~|t(?:elegram)?\.me/share|tumblr\.com/share)"
    r"|https?://wa\.me/\?|mailto:\?",
    re.IGNORECASE,
)
_EMOJI = re.compile(r"https?://s\.w\.org/images/core/emoji/", re.IGNORECASE)
_SIZE = re.compile(r"\s*(\d{1,5})(?:\.\d+)?(?:px)?\s*/?\Z", re.IGNORECASE)


def sanitise(markup: str, base: str = "") -> str:
    """Give safe HTML; relative links are meant from `base`. Plain text becomes paragraphs, "" stays ""."""
    if _PLAIN.match(markup):  # as most summaries are: nothing here that HTML could mean
        return _paragraphs(scrub(markup).replace("\xa0", "&nbsp;"))
    html = _changed(_READER.clean(_prepared(markup)), base)
    for _ in range(ROUNDS):
        if "<" not in html:
            html = _paragraphs(html)
        checked = _CHECKER.clean(html)
        changed = _changed(checked, base)
        if checked == html == changed:
            return html
        html = changed
    return _paragraphs(escape(unescape(re.sub(r"<[^>]*>", " ", html)), quote=False))


def with_pictures(html: str, address: Callable[[str], str]) -> str:
    """Sanitised HTML with its pictures at other addresses; `address` says which, and is asked for those of the web."""

    def moved(element: str, attribute: str, value: str) -> str:
        is_picture = element == "img" and attribute == "src" and value.startswith(("http://", "https://"))
        return address(value) if is_picture else value

    mover = nh3.Cleaner(
        tags=_TAGS,
        clean_content_tags=_NOT_TEXT,
        attributes=_ATTRIBUTES,
        link_rel=_LINK_REL,
        url_schemes=_SCHEMES,
        url_relative="pass_through",  # there are none but those that `address` gave
        attribute_filter=moved,
    )
    return mover.clean(html)


def attributes(tag: str) -> dict[str, str]:
    """The attributes of a tag in sanitised HTML, decoded."""
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(tag)}


def is_pixel(url: str, width: int | None, height: int | None) -> bool:
    """Is that no picture, but a beacon or a spacer?"""
    return (width is not None and width <= 1) or (height is not None and height <= 1) or bool(BEACON.match(url))


def pixels(text: str) -> int | None:
    """A width or height as written: "300", "300px"; None for "100%" and the like."""
    found = _SIZE.match(text)
    return int(found[1]) if found else None


def _prepared(markup: str) -> str:
    """Bring markup within the limits of size and depth, and undo an escaping too many."""
    markup = scrub(markup)
    if len(markup) > MARKUP_LIMIT_CHARS:
        markup = _DATA_URI.sub("", markup)[:MARKUP_LIMIT_CHARS]
    if "<" not in markup and _ESCAPED_MARKUP.search(markup):
        markup = unescape(markup)
    if "<" not in markup:
        return _paragraphs(markup)
    if markup.count("<") > DEPTH_LIMIT and _depth(markup) > DEPTH_LIMIT:
        return re.sub(r"<[^<>]*>?", " ", markup)
    return markup


def _depth(markup: str) -> int:
    """How deep elements stand in elements, at most."""
    depth = deepest = 0
    for closing, name in _TAG.findall(markup):
        if name.lower() not in _FLAT:
            depth = max(0, depth - 1) if closing else depth + 1
            deepest = max(deepest, depth)
    return deepest


def _paragraphs(text: str) -> str:
    lines = (each.strip() for each in text.split("\n"))
    return "".join(f"<p>{line}</p>" for line in lines if line.replace("&nbsp;", "").strip())


def _changed(html: str, base: str) -> str:
    """Our changes to nh3's output."""
    html = scrub(html)
    html = _OLD_NAME.sub(lambda match: f"<{match[1]}{_RENAMED[match[2]]}", html)
    if "<img" in html:
        html = _IMAGE.sub(lambda match: _image(match, base), html)
    if "<a" in html:
        html = _LINK.sub(lambda match: _link(match, base), html)
    while (shorter := _EMPTY.sub(lambda match: " " if match[2] else "", html)) != html:
        html = shorter
    return (_BREAKS.sub("<br><br>", html) if html.count("<br>") > 2 else html).strip()


def _image(match: re.Match[str], base: str) -> str:
    """An image with its true address, which lazy loading hides; "" if it shows nothing."""
    found = attributes(match[1])
    alt = found.get("alt", "")
    places = [found.get(name, "") for name in (*_LAZY_SRC, "src")]
    places += [(found.get(name, "").split() or [""])[0].rstrip(",") for name in _LAZY_SET]
    url = next((link for place in places if place and (link := absolute(place, base)) and not BEACON.match(link)), "")
    width, height = pixels(found.get("width", "")), pixels(found.get("height", ""))
    if not url or is_pixel(url, width, height):
        return ""
    if _EMOJI.match(url):
        return _escaped(alt)
    kept = {
        "src": url,
        "alt": alt,
        "width": width,
        "height": height,
        "lang": found.get("lang"),
        "dir": found.get("dir"),
    }
    return "<img" + "".join(f' {name}="{_escaped(str(kept[name]))}"' for name in kept if kept[name] is not None) + ">"


def _link(match: re.Match[str], base: str) -> str:
    """A link to the page itself, without what follows readers; its text alone where it leads nowhere."""
    inner = match[2]
    if not inner.strip():
        return inner
    href = attributes(match[1]).get("href", "")
    if not href.lower().startswith(("mailto:", "tel:")):
        href = display(absolute(href, base))
    if _SHARE.match(href):
        return ""
    return f'<a href="{_escaped(href)}" rel="{_LINK_REL}">{inner}</a>' if href else inner


def _escaped(value: str) -> str:
    return escape(value, quote=False).replace('"', "&quot;").replace("\xa0", "&nbsp;")
