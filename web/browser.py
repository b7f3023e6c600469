"""What a browser does with our pages by itself: stars, reading offline, installing. Gives two pages that it fills, a
manifest and a worker. Never reads the store; what a reader does with them is never told to us.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, make_response, render_template, request, url_for
from flask.blueprints import BlueprintSetupState

from aggregator.config import VERSION
from web.language import gettext
from web.layout import absolute, page
from web.negotiation import LANGUAGES, etag_of, send
from web.site import current_site

PAPER = {"light": "#fffdf8", "dark": "#15171a"}  # what a page stands on, as site.css has it
LOCALES = {"fr": "fr-FR", "en": "en-GB"}  # how dates are written in each language
KEYED_CATEGORIES = 9  # more letters than that nobody remembers
ICONS = (
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("icon-mask.png", "512x512", "maskable"),
)
SHELLS = ("offline", "stars")  # pages that the worker keeps from the start
MANIFEST_CACHE = "public, max-age=86400"
WORKER_CACHE = "public, max-age=60"  # an old worker may only live as long as it takes to ask for a new one
WORKER = "tributary.worker"

browser = Blueprint("browser", __name__)


@browser.get("/stars")
def stars() -> str:
    """The stories that a reader starred; the page is the same for everybody, the browser fills it."""
    return page("stars.html", feed="", canonical=absolute("browser.stars"), title=gettext("Stars"))


@browser.get("/offline")
def offline() -> str:
    """What a browser shows, while it is offline, in place of a page that it does not keep."""
    return page("offline.html", feed="", title=gettext("Kept for when you are offline"))


@browser.get("/manifest.webmanifest")
def manifest() -> Response:
    """What the site is called and looks like where it is installed (W3C Web Application Manifest)."""
    settings, language = current_site().settings, g.language
    told = {
        "id": url_for("reader.river", lang=None),
        "name": settings.title,
        "short_name": settings.title,
        "lang": language,
        "dir": "ltr",
        "start_url": url_for("reader.river"),
        "scope": url_for("reader.river", lang=None),
        "display": "standalone",
        "background_color": PAPER["light"],
        "theme_color": PAPER["light"],
        "categories": ["news"],
        "icons": [
            {"src": _static(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for name, sizes, purpose in ICONS
        ],
    }
    response = make_response()
    response.headers["Content-Type"] = "application/manifest+json"
    response.headers["Cache-Control"] = MANIFEST_CACHE
    response.headers["Content-Language"] = language
    response.vary.add("Accept-Language")
    body = json.dumps(told, ensure_ascii=False, indent=1).encode()
    return send(request, response, body, etag_of(body))


@browser.get("/worker.js")
def worker() -> Response:
    """The service worker: the same bytes until a file, a text or a setting changes, then a new one."""
    body = current_app.extensions.get(WORKER)
    if body is None:
        body = current_app.extensions[WORKER] = _worker(current_app)
    response = make_response()
    response.headers["Content-Type"] = "text/javascript; charset=utf-8"
    response.headers["Cache-Control"] = WORKER_CACHE
    return send(request, response, body, etag_of(body))


def _worker(app: Flask) -> bytes:
    known: dict[str, Any] = {**app.jinja_env.globals}
    names = (known["site_css"], known["site_icon"], *known["page_scripts"], *known["htmx_scripts"])
    files = [f"static/{name}?v={version}" for name, version in names]
    languages = () if current_site().settings.files_only else LANGUAGES
    shells = [f"{path}{query}" for path in SHELLS for query in ("", *(f"?lang={each}" for each in languages))]
    version = _version(app, [*files, *shells])
    return render_template("worker.js", files=files, shells=shells, version=version).encode()


def _version(app: Flask, files: Iterable[str]) -> str:
    """Another one whenever the pages that the worker keeps from the start may be others."""
    site, settings = current_site(), current_site().settings
    told_of = (VERSION, list(files), settings.title, settings.language, settings.public_url, site.taxonomy)
    told = blake2b(repr(told_of).encode("utf-8", "backslashreplace"), digest_size=6)
    root = Path(app.root_path)
    for path in sorted([*root.glob("templates/*.*"), *root.glob("translations/*/*/*.mo")]):
        told.update(path.read_bytes())
    return told.hexdigest()


def _static(name: str) -> str:
    filename, version = _fingerprinted(Path(str(current_app.static_folder)), name)
    return url_for("static", filename=filename, v=version)


def _fingerprinted(folder: Path, name: str) -> tuple[str, str]:
    return name, etag_of((folder / name).read_bytes())[1:13]


def places(categories: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Where `g` and a letter lead: the letter, the address, what people call it. A category has the first letter of
    its name that nothing before it has.
    """
    found = [
        ("h", url_for("reader.river"), gettext("All the news")),
        ("s", url_for("browser.stars"), gettext("Stars")),
        ("o", url_for("reader.sources"), gettext("Our sources")),
    ]
    taken = {letter for letter, _, _ in found}
    for slug, name in [*categories][:KEYED_CATEGORIES]:
        letter = next((each for each in _letters(name) if each not in taken), "")
        if letter:
            taken.add(letter)
            found.append((letter, url_for("reader.category", slug=slug), name))
    return found


def _letters(name: str) -> Iterator[str]:
    """The letters of a name that stand on every keyboard."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return (each for each in plain if "a" <= each <= "z")


@browser.record_once
def _prepare(state: BlueprintSetupState) -> None:
    """Give templates what `browser.html` and the head of a page need."""
    touch = _fingerprinted(Path(str(state.app.static_folder)), ICONS[0][0])
    state.app.jinja_env.globals.update(places=places, LOCALES=LOCALES, PAPER=PAPER, touch_icon=touch)
