"""Feed readers that others made, each as a function: takes addresses, gives what it read at each."""

import html
import json
import os
import shutil
import sqlite3
import subprocess
import urllib.request
from calendar import timegm
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import feedparser
import pytest
from msgspec import Struct

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
REQUIRED = "EVERY_CLIENT"  # set where every client must be there: a missing one is a failure then
PATIENCE_SECONDS = 60
# Where WordPress is: installed, or unpacked by .ci/run, which spares its data base and web server.
WORDPRESS = (Path("/usr/share/wordpress"), ROOT / "build" / "wordpress" / "usr" / "share" / "wordpress")


class Read(Struct, frozen=True):
    """One entry as a client understood it; None is what this client never tells."""

    id: str
    title: str
    link: str
    published: int | None = None  # seconds since 1970
    updated: int | None = None
    author: str | None = None
    categories: tuple[str, ...] | None = None
    media: tuple[str, ...] | None = None  # addresses
    content: str | None = None
    source: str | None = None  # its title


class Document(Struct, frozen=True):
    """A feed as a client understood it."""

    title: str
    entries: list[Read]


Reader = Callable[[Path, list[str]], list[Document]]
WordPress = Callable[[Path, list[str]], str]


def newsboat(folder: Path, addresses: list[str]) -> list[Document]:
    """Newsboat, a reader in a terminal: what it keeps of a feed after a reload."""
    need("newsboat")
    # One at a time: it keeps an entry once, whatever feeds it stands in.
    return [_reloaded(folder, address) for address in addresses]


def _reloaded(folder: Path, address: str) -> Document:
    (folder / "urls").write_text(f"{address}\n")
    (folder / "config").touch()
    cache = folder / "cache.db"
    cache.unlink(missing_ok=True)
    _run(["newsboat", "-u", "urls", "-C", "config", "-c", cache.name, "-x", "reload"], folder)
    with closing(sqlite3.connect(cache)) as database:
        # A feed that newsboat refuses has no title, and no entries.
        (title,) = database.execute("SELECT title FROM rss_feed").fetchone() or ("",)
        rows = database.execute(
            "SELECT guid, title, url, pubDate, author, enclosure_url, content FROM rss_item ORDER BY id DESC"
        ).fetchall()
    return Document(
        title,
        [
            # It writes an apostrophe in an address as %27, which is the same address.
            Read(
                id, title, link.replace("%27", "'"), at, author=author, media=(media,) if media else (), content=content
            )
            for id, title, link, at, author, media, content in rows
        ],
    )


def simplepie(folder: Path, addresses: list[str]) -> list[Document]:
    """SimplePie as WordPress ships it."""
    return _documents(wordpress("simplepie.php")(folder, addresses))


def wordpress(script: str) -> WordPress:
    """A script of ours that runs parts of WordPress. Skips, or fails, where there is no WordPress."""
    need("php")
    found = next((str(each) for each in WORDPRESS if (each / "wp-includes/class-simplepie.php").exists()), "")
    if not found:
        missing("WordPress")
    return lambda folder, addresses: _run(["php", str(HERE / script), found, *addresses], folder)


def ruby(folder: Path, addresses: list[str]) -> list[Document]:
    """Ruby's RSS library with its validation on, and its JSON."""
    need("ruby")
    return _documents(_run(["ruby", str(HERE / "strict.rb"), *addresses], folder))


def universal(folder: Path, addresses: list[str]) -> list[Document]:
    """feedparser, as many programs in Python use it."""
    return [_parsed(address) for address in addresses]


def _parsed(address: str) -> Document:
    with urllib.request.urlopen(address, timeout=PATIENCE_SECONDS) as answer:
        headers = {name.lower(): text for name, text in answer.headers.items()}
        found = feedparser.parse(answer.read(), response_headers=headers)
    assert not found.bozo, found.bozo_exception
    return Document(_text(found.feed.title_detail), [_read_by_feedparser(entry) for entry in found.entries])


def _read_by_feedparser(entry: Any) -> Read:
    contents = [each.value for each in entry.get("content", ()) if each.value]
    media = [each.href for each in entry.enclosures] + [each["url"] for each in entry.get("media_content", ())]
    return Read(
        entry.id,
        _text(entry.title_detail),
        entry.link,
        timegm(entry.published_parsed),
        timegm(entry.updated_parsed) if "updated_parsed" in set(entry) else None,
        entry.author,
        # A term has a slug too; people see the label where there is one.
        tuple(tag.label or tag.term for tag in entry.tags),
        tuple(dict.fromkeys(media)),
        contents[0] if contents else entry.summary,
        entry.source.title,
    )


def _text(detail: Any) -> str:
    """What a title says: feedparser gives those that are markup as markup."""
    return html.unescape(detail.value) if detail.type == "text/html" else str(detail.value)


def need(program: str) -> None:
    """Skip, or fail where every client must be there, without that program."""
    if shutil.which(program) is None:
        missing(program)


def missing(what: str) -> None:
    """Skip with a reason, or fail where every client must be there."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{what} is not installed")
    pytest.skip(f"{what} is not installed: .ci/run says how")


def _run(words: Sequence[str], folder: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "TZ": "UTC"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def _documents(output: str) -> list[Document]:
    told = [json.loads(line) for line in output.splitlines()]
    assert not any(each.get("error") for each in told), told
    return [Document(each["title"], [_read(entry) for entry in each["entries"]]) for each in told]


def _read(entry: dict[str, Any]) -> Read:
    media = tuple(dict.fromkeys(each["url"] for each in entry.pop("media")))
    return Read(**entry | {"categories": tuple(entry["categories"]), "media": media, "source": entry["source"] or None})
