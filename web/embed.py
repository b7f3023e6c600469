"""What other sites show of ours: a page for a frame, a fragment for their server, two scripts, oEmbed answers.

Takes stories and a look, gives HTML that is the same for everybody: no cookie, no language but the one asked for.
"""

import hashlib
import json
import logging
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask_babel import format_datetime
from markupsafe import Markup
from msgspec import Struct
from werkzeug.wrappers import Response as AnyResponse

from aggregator.catalogue import Kind, kind_of
from aggregator.model import SOURCE, Stored, Story
from aggregator.store import StoreError
from web import snippets, words
from web.colours import DARK_GROUND, LIGHT_GROUND, readable
from web.errors import RETRY_SECONDS
from web.feeds import CORS, FEED_CACHE, PREFLIGHT
from web.headers import policy
from web.language import gettext
from web.layout import FIRST_OF_MONTH, absolute, label
from web.look import USUAL_STORIES, Look, read_look
from web.negotiation import etag_of, send
from web.site import current_site

PAGE_LIMIT_BYTES = 15_000  # of a page of the usual length, uncompressed, with all that it needs but the pictures
TITLE_LIMIT_CHARACTERS = 200
SCRIPT_CACHE = "public, max-age=86400, stale-while-revalidate=604800, stale-if-error=604800"
METHODS = ["GET", "HEAD", "OPTIONS"]

_STATIC = Path(__file__).parent / "static"
_COMMENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL)
_SHEET = " ".join(_COMMENT.sub("", (_STATIC / "embed.css").read_text(encoding="utf-8")).split())
_FRAME_SCRIPT = (_STATIC / "embed-frame.js").read_text(encoding="utf-8")

embeds = Blueprint("embeds", __name__)
log = logging.getLogger(__name__)


class Shown(Struct, frozen=True):
    """A story, and the item of it that stands for it here."""

    story: Story
    stored: Stored


@embeds.get("/embed/<path:slug>")
def framed(slug: str) -> AnyResponse:
    """The newest stories of a feed as a page that any site may frame."""
    look = _choose_look(request.args)
    if slug not in current_site().feeds():
        return _page(slug, look, gettext("This feed does not exist, or no longer."), 404)
    if request.query_string.decode("latin-1") != look.query:
        moved = redirect(_with(url_for("embeds.framed", slug=slug), look), 301)
        moved.headers.update({"Content-Language": g.language, "Cache-Control": FEED_CACHE})
        return moved
    return _page(slug, look)


@embeds.route("/embed/<path:slug>.fragment", methods=METHODS)
def fragment(slug: str) -> AnyResponse:
    """The same as a piece of HTML without a style. A server that includes it would include a redirect as it is, so
    every way to write the options is answered.
    """
    if request.method == "OPTIONS":
        return _open(b"", 204, PREFLIGHT)
    look = _choose_look(request.args)
    if slug not in current_site().feeds():
        return _fragment(slug, look, gettext("This feed does not exist, or no longer."), 404)
    return _fragment(slug, look)


@embeds.errorhandler(StoreError)
def unavailable(error: StoreError) -> Response:
    """503 in the form that was asked for, so that a frame does not stand empty."""
    log.warning("embed_failed path=%s error=%s", request.path, error)
    look = _choose_look(request.args)
    sentence = gettext("The news cannot be shown just now. Please come back in a minute.")
    answer = _page if request.endpoint == "embeds.framed" else _fragment
    response = answer(str((request.view_args or {}).get("slug", "")), look, sentence, 503)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


@embeds.route("/embed.js", methods=METHODS)
def element() -> Response:
    """The script of the element <tributary-feed>."""
    return _script("embed.js")


@embeds.route("/embed-height.js", methods=METHODS)
def height() -> Response:
    """The script that makes frames as high as what they show."""
    return _script("embed-height.js")


@embeds.route("/oembed", methods=METHODS)
def oembed() -> Response:
    """How to embed what stands at `?url=` (oEmbed 1.0); 404 for what is not ours, 501 for unknown formats."""
    if request.method == "OPTIONS":
        return _open(b"", 204, PREFLIGHT)
    form = request.args.get("format", "json")
    if form not in snippets.OEMBED_TYPES:
        abort(501)
    target = snippets.target_of(request.args.get("url", ""))
    if target is None:
        abort(404)
    _speak(target.look)
    most = (request.args.get("maxwidth", type=int), request.args.get("maxheight", type=int))
    answer = snippets.oembed(target, *most)
    body = json.dumps(answer, ensure_ascii=False).encode() if form == "json" else snippets.as_xml(answer)
    response = _open(b"", 200, {"Content-Type": snippets.OEMBED_TYPES[form], "Cache-Control": FEED_CACHE})
    return send(request, response, body, etag_of(body))


@embeds.record_once
def _prepare(state: BlueprintSetupState) -> None:
    """Give templates the addresses of the files that the page on following needs."""
    for name in ("subscribe.css", "subscribe.js"):
        state.app.jinja_env.globals[name.replace(".", "_")] = (name, etag_of((_STATIC / name).read_bytes())[1:13])


@embeds.app_template_global()
def oembed_links(canonical: str) -> list[tuple[str, str]]:
    """The types and addresses by which a page says how to embed it; none where it is no page of a feed."""
    return snippets.discovery(canonical) if snippets.target_of(canonical) else []


def _choose_look(asked: Mapping[str, str]) -> Look:
    look = read_look(asked, current_site().settings.language)
    _speak(look)
    return look


def _speak(look: Look) -> None:
    """An embed speaks the language of the site that shows it, not that of each visitor."""
    g.language = look.language or current_site().settings.language
    g.asked_language = look.language


def _page(slug: str, look: Look, sentence: str = "", status: int = 200) -> Response:
    style = _SHEET + _accent_rules(look.accent)
    shown = () if sentence else _shown(slug, look.limit)
    body = _render("embed.html", slug, look, shown, sentence, style)
    while look.limit <= USUAL_STORIES and len(body) > PAGE_LIMIT_BYTES and shown:
        shown = shown[:-1]
        body = _render("embed.html", slug, look, shown, sentence, style)
    allowed = policy(scripts=_hash(_FRAME_SCRIPT), styles=_hash(style), framed_by="*")
    return _html(body, status, {"Content-Security-Policy": allowed, "Cross-Origin-Resource-Policy": "cross-origin"})


def _fragment(slug: str, look: Look, sentence: str = "", status: int = 200) -> Response:
    shown = () if sentence else _shown(slug, look.limit)
    return _html(_render("fragment.html", slug, look, shown, sentence), status, CORS)


def _render(template: str, slug: str, look: Look, shown: Sequence[Shown], sentence: str, style: str = "") -> bytes:
    site = current_site()
    known = slug in site.feeds()
    asked = f"?lang={look.language}" if look.language else ""
    home = f"{site.settings.public_url}/{asked}"
    return render_template(
        template,
        site=site.settings,
        language=g.language,
        look=look,
        title=label(slug) if known else site.settings.title,
        page=snippets.page_of(slug) + asked if known else home,
        home=home,
        links=snippets.discovery(snippets.frame_address(slug, look)) if known else [],
        shown=shown,
        sentence=sentence,
        brief=_brief,
        whole_addresses=template == "fragment.html",
        story_address=lambda story: absolute("reader.story", story_id=story.id) + asked,
        TITLE_LIMIT=TITLE_LIMIT_CHARACTERS,
        style=Markup(style),  # noqa: S704 - our own sheet and six hex digits
        script=Markup(_FRAME_SCRIPT),  # noqa: S704 - a file of ours
    ).encode()


def _shown(slug: str, limit: int) -> tuple[Shown, ...]:
    """The newest stories of a feed, as the feed itself has them, in the order of their times."""
    site = current_site()
    view = site.view_named(slug.removeprefix(SOURCE)) if kind_of(slug) is Kind.SOURCE else None
    own = view.source.url if view else ""
    stories = site.store.head(slug, limit, one_per_event=slug in site.settings.one_per_event)
    newest = sorted(stories[:limit], key=lambda story: (story.sort_at, story.id), reverse=True)
    return tuple(Shown(story, _lead(story, own)) for story in newest)


def _lead(story: Story, own: str) -> Stored:
    return next((each for each in words.items_of(story) if each.item.source == own), story.lead)


def _brief(at: datetime) -> str:
    """11 févr., 12:00: in the site's time zone, and without a word that is wrong tomorrow."""
    text = str(format_datetime(at, "d MMM, HH:mm"))
    return FIRST_OF_MONTH.sub("1er ", text) if g.language == "fr" else text


def _accent_rules(accent: str) -> str:
    if not accent:
        return ""
    light, dark = (f"{{ --accent: #{readable(accent, ground)}; }}" for ground in (LIGHT_GROUND, DARK_GROUND))
    return f" :root {light} .dark {dark} @media (prefers-color-scheme: dark) {{ .auto {dark} }}"


def _hash(text: str) -> str:
    """The source of a policy that allows just this text (CSP 3 §2.3.1)."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _with(address: str, look: Look) -> str:
    return f"{address}?{look.query}" if look.query else address


def _script(name: str) -> Response:
    if request.method == "OPTIONS":
        return _open(b"", 204, PREFLIGHT)
    body = (_STATIC / name).read_bytes()
    response = _open(b"", 200, {"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": SCRIPT_CACHE})
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return send(request, response, body, etag_of(body))


def _html(body: bytes, status: int, headers: Mapping[str, str]) -> Response:
    response = make_response(body, status)
    response.headers.update({"Content-Language": g.language, "Cache-Control": FEED_CACHE, **headers})
    return response


def _open(body: bytes, status: int, headers: Mapping[str, Any]) -> Response:
    response = make_response(body, status)
    response.headers.update({**CORS, **headers})
    return response
