"""The page on following: every feed with its addresses, and what to paste in another page or app.

Takes choices from the address, gives snippets. The script of the page only asks for the same page with other choices.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

from flask import g, make_response, render_template, request
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import replace
from werkzeug.wrappers import Response

from aggregator.catalogue import Kind, kind_of
from aggregator.config import Settings
from aggregator.model import ALL, Content, Format, Options, Picture
from web import snippets
from web.asked import LIMITS, options_of
from web.choices import Choices, options
from web.headers import READING, policy
from web.language import lazy_gettext, page_language
from web.layout import LANGUAGE_NAMES, absolute, feed_title, label, page
from web.look import MOST_STORIES, Theme, read_look
from web.negotiation import LANGUAGES
from web.site import current_site
from web.snippets import Target

POLICY = policy(scripts="'self'", more=(*READING, "frame-src 'self'"))


class Way(StrEnum):
    """How another page or app shows a feed."""

    FRAME = "frame"
    ELEMENT = "element"
    FRAGMENT = "fragment"
    ADDRESS = "address"  # for what knows oEmbed
    RSS = "rss"
    ATOM = "atom"
    JSON = "json"


WAY_WORDS = {
    Way.FRAME: (
        lazy_gettext("Frame"),
        lazy_gettext("works on every site; the script fits its height and may be left out"),
    ),
    Way.ELEMENT: (
        lazy_gettext("Element"),
        lazy_gettext("takes on the fonts and colours of your page; needs JavaScript"),
    ),
    Way.FRAGMENT: (
        lazy_gettext("Fragment"),
        lazy_gettext("included by your server (SSI, ESI); your style sheet applies"),
    ),
    Way.ADDRESS: (
        lazy_gettext("Address"),
        lazy_gettext("to paste alone on a line in WordPress and others that know oEmbed"),
    ),
    Way.RSS: ("RSS", lazy_gettext("for feed apps and for blocks and modules that read feeds")),
    Way.ATOM: ("Atom", lazy_gettext("tells feed apps most")),
    Way.JSON: ("JSON Feed", lazy_gettext("for programs and sites")),
}
PICTURE_WORDS = {
    Picture.INLINE: lazy_gettext("shown"),
    Picture.ENCLOSURE: lazy_gettext("attached only (feeds)"),
    Picture.NONE: lazy_gettext("none"),
}
CONTENT_WORDS = {
    Content.FULL: lazy_gettext("all that its source allows"),
    Content.SUMMARY: lazy_gettext("lead"),
    Content.TEXT: lazy_gettext("lead without markup"),
}
THEME_WORDS = {
    Theme.AUTO: lazy_gettext("as the visitor has it"),
    Theme.LIGHT: lazy_gettext("light"),
    Theme.DARK: lazy_gettext("dark"),
}
GROUP_WORDS = {
    Kind.ALL: lazy_gettext("Everything"),
    Kind.CATEGORY: lazy_gettext("Categories"),
    Kind.DEPARTEMENT: lazy_gettext("Départements"),
    Kind.BOTH: lazy_gettext("Categories in a département"),
    Kind.SOURCE: lazy_gettext("Sources"),
}
SERVER_WORDS = {
    "ssi": lazy_gettext("For nginx and Apache (SSI)"),
    "esi": lazy_gettext("For Varnish and others (ESI)"),
}
FILE_WAYS = (Way.FRAME, Way.ELEMENT, Way.FRAGMENT)  # that need no program of ours
FORMATS = {Way.RSS: Format.RSS, Way.ATOM: Format.ATOM, Way.JSON: Format.JSON}


LISTS_KEPT = 8

Groups = tuple[tuple[Kind, Choices], ...]
"""The feeds of each kind, by slug and name."""


class Piece(Struct, frozen=True):
    """Something to paste."""

    server: str  # that it is for, of SERVER_WORDS; "" for any
    text: str

    @property
    def rows(self) -> int:
        """How many lines it takes, more or less."""
        return 1 + self.text.count("\n") + len(self.text) // 110


class Choice(Struct, frozen=True):
    """What a visitor of the page chose."""

    target: Target
    way: Way
    options: Options

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What to paste: one of these."""
        if self.way is not Way.FRAGMENT:
            return (Piece("", self.snippet),)
        return tuple(map(Piece, SERVER_WORDS, snippets.fragment(self.target)))

    @property
    def snippet(self) -> str:
        """The first of them."""
        if self.way is Way.FRAME:
            return snippets.frame_with_height(self.target)
        if self.way is Way.ELEMENT:
            return str(snippets.element(self.target))
        if self.way is Way.FRAGMENT:
            return snippets.fragment(self.target)[0]
        if self.way is Way.ADDRESS:
            plain = not self.target.look.query
            return (
                snippets.page_of(self.target.slug)
                if plain
                else snippets.frame_address(self.target.slug, self.target.look)
            )
        return snippets.feed_address(self.target.slug, FORMATS[self.way], self.options)


def subscribe() -> Response:
    """How to follow the feeds, the address of each, and the builder of snippets."""
    site = current_site()
    groups = _groups()
    choice = _read(request.args)
    response = make_response(
        page(
            "subscribe.html",
            canonical=absolute("reader.subscribe"),
            addresses=_addresses(site.settings, page_language(), g.asked_language, request.script_root, groups),
            feed_options=[(GROUP_WORDS[kind], options(feeds, choice.target.slug)) for kind, feeds in groups],
            feed_title=feed_title,
            opml=f"{site.settings.public_url}/feeds.opml",
            choice=choice,
            plain=[replace(choice, way=way) for way in FILE_WAYS],
            frame=_here(snippets.frame_address(choice.target.slug, choice.target.look)),
            fragment=_here(snippets.fragment_address(choice.target)),
            own_feed=_here(snippets.element_feed(choice.target)),
            feed_page=_here(snippets.page_of(choice.target.slug)),
            feed_own=_here(choice.snippet) if choice.way in FORMATS else "",
            number_words=[(limit, str(limit)) for limit in LIMITS if limit <= MOST_STORIES],
            language_words=[(code, LANGUAGE_NAMES[code]) for code in LANGUAGES if code != site.settings.language],
            way_words=WAY_WORDS,
            server_words=SERVER_WORDS,
            picture_words=PICTURE_WORDS,
            content_words=CONTENT_WORDS,
            theme_words=THEME_WORDS,
        )
    )
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _groups() -> Groups:
    """Every feed with its name, by kind."""
    feeds = [(slug, label(slug)) for slug in current_site().feeds()]
    groups = ((kind, tuple(feed for feed in feeds if kind_of(feed[0]) is kind)) for kind in Kind)
    return tuple((kind, feeds) for kind, feeds in groups if feeds)


@lru_cache(LISTS_KEPT)
def _addresses(settings: Settings, _language: str, _asked_language: str, _root: str, groups: Groups) -> Markup:
    """The addresses of every feed, kept for each of all that they depend on: those of 300 take 25 ms."""
    words = {"group_words": GROUP_WORDS, "files_only": settings.files_only}
    return Markup(render_template("addresses.html", groups=dict(groups), Kind=Kind, **words))  # noqa: S704


def _read(asked: Mapping[str, str]) -> Choice:
    """The choices; whatever cannot be means the usual one. `?lang=` is for the page, `?words=` for the embed."""
    settings = current_site().settings
    slug, way = asked.get("feed", ALL), asked.get("as", Way.FRAME)
    options = options_of(asked, settings.feed_length)
    look = read_look({**asked, "lang": asked.get("words", ""), "limit": str(options.limit)}, settings.language)
    return Choice(
        Target(slug if slug in current_site().feeds() else ALL, look),
        Way(way) if way in set(Way) else Way.FRAME,
        options,
    )


def _here(address: str) -> str:
    """An address of ours at the host that shows this page, which need not be the public one."""
    return address.removeprefix(current_site().settings.public_url)
