"""Ready configurations of web servers for the files that `web.export` writes: takes an application and the folder,
gives the text.

What a file cannot carry, its headers and its type, is copied from answers of the application, one for each kind.
"""

import re
from enum import StrEnum
from math import ceil
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Struct

from aggregator.errors import ConfigError
from aggregator.model import Format
from web.export import DOWN, OWN
from web.published import Answer, addresses, ask, site_of

TEMPLATES = Path(__file__).parent / "deploy"
# What a server says by itself, or what differs from address to address.
NOT_COPIED = ("content-", "link", "date", "etag", "last-modified")
COPIED = ("content-language", "content-security-policy")
LINKS = re.compile(r'<[^>]*>; rel="(?:self|hub)"[^,]*')  # a hub and its subscribers look for these two


class Server(StrEnum):
    """The web servers that we know how to set up; the value is what people call them on the command line."""

    NGINX = "nginx"
    CADDY = "caddy"


FILES = {Server.NGINX: "nginx.conf", Server.CADDY: "Caddyfile"}


class Kind(Struct, frozen=True):
    """Addresses whose answers have the same headers."""

    name: str  # a word, for names in a configuration
    pattern: str  # of their paths
    type: str
    headers: tuple[tuple[str, str], ...]  # without the Link header
    links: str  # the Link header, `PATH` in place of the path


PATH = "\0"


def configuration(app: Flask, server: Server, folder: Path) -> str:
    """The configuration of a web server that serves the folder, and asks the application for everything else."""
    settings = site_of(app).settings
    public = urlsplit(settings.public_url)
    *kinds, pages = _kinds(app)
    surroundings = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 -- it is no HTML; `_quoted` is what it needs
    )
    surroundings.filters["quoted"] = _quoted
    return surroundings.get_template(FILES[server]).render(
        folder=str(folder.resolve()),
        own=OWN,
        down=DOWN,
        host=public.hostname or "localhost",
        site=settings.public_url,
        application=f"{settings.host}:{settings.port}",
        kinds=kinds,
        pages=pages,
        pushes_mib=ceil(settings.body_limit_mib) if settings.follows_hubs else 0,
        PATH=PATH,
    )


def _kinds(app: Flask) -> list[Kind]:
    """Every kind, the more special first, pages last. A kind that nothing is of yet has the headers of another."""
    client = app.test_client(use_cookies=False)
    feeds, listed = {}, {each.path for each in addresses(app)}
    kinds: list[Kind] = []
    for format in Format:
        feeds[format] = _kind(client, f"feed_{format}", rf"/feeds/.+\.{format}", f"/feeds/all.{format}")
        page = f"/feeds/all/archive/1.{format}"
        sample = page if page in listed else f"/feeds/all.{format}"
        kinds.append(_kind(client, f"page_{format}", rf"/feeds/.+/archive/[0-9]+\.{format}", sample))
    kinds += feeds.values()
    static = {path.rpartition(".")[2]: path for path in listed if path.startswith("/static/")}
    kinds += [_kind(client, f"static_{ending}", rf"/static/.+\.{ending}", path) for ending, path in static.items()]
    for name, pattern, sample in OTHERS:
        found = sample if sample != "/story/" else next((path for path in listed if re.fullmatch(pattern, path)), "")
        if found:
            kinds.append(_kind(client, name, pattern, found))
    return kinds


# Name, pattern and an address of each other kind; `/story/` stands for any story.
OTHERS = (
    ("lists", r"/(?:feeds|sources)\.opml|/\.well-known/feeds", "/feeds.opml"),
    ("story", r"/story/[0-9]+\.json", "/story/"),
    ("fragment", r"/embed/.+\.fragment", "/embed/all.fragment"),
    ("embed", r"/embed/.+", "/embed/all"),
    ("script", r"/embed(?:-height)?\.js", "/embed.js"),
    ("worker", r"/worker\.js", "/worker.js"),
    ("manifest", r"/manifest\.webmanifest", "/manifest.webmanifest"),
    ("robots", r"/robots\.txt", "/robots.txt"),
    ("icon", r"/favicon\.ico", "/favicon.ico"),
    ("subscribe", r"/subscribe", "/subscribe"),
    ("pages", r"/.*", "/"),
)


def _kind(client: FlaskClient, name: str, pattern: str, sample: str) -> Kind:
    answer: Answer | None = ask(client, sample)
    if answer is None:
        raise ConfigError(f"cannot make a configuration: nothing stands at {sample!r}")
    links = ", ".join(LINKS.findall(answer.headers.get("Link", ""))).replace(sample, PATH)
    headers = tuple((header, text) for header, text in answer.headers if _is_copied(header.lower()))
    return Kind(name, pattern, answer.content_type, headers, links)


def _is_copied(header: str) -> bool:
    return header in COPIED or not header.startswith(NOT_COPIED)


def _quoted(text: str) -> str:
    """A text between quotation marks, for both servers."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
