"""What the Nu HTML checker says of every page and style sheet of ours."""

import json
import random
import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from aggregator.clean.html import _ATTRIBUTES, _TAGS, sanitise, with_pictures
from tests.clients.readers import ROOT, missing, need
from tests.every_page import Site, sites
from web.texts import fitted
from web.words import web_link

pytestmark = pytest.mark.clients

JAR = ROOT / "build" / "vnu" / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"  # .ci/run puts it there
SHEETS = sorted((ROOT / "web" / "static").glob("*.css"))
PATIENCE_SECONDS = 180
# Pages hold news in other languages than their own, so a guess at the language of a page is no help.
OPTIONS = ("--format", "json", "--stdout", "--exit-zero-always", "--no-langdetect")
# What it says that is no fault, and why; everything else is one.
NO_FAULTS = (
    # Feed apps take `feed:https://…` for an address over https, `feed://…` for one over http. It is a URI (RFC 3986 §3).
    re.compile(r"Bad value “feed:https://[^”]+” for attribute “href” on element “a”: Expected a slash"),
    # It does not know this property yet (CSS Scroll Snap 2); browsers that do not either leave it out.
    re.compile(r"CSS: “scroll-initial-target”: Property “scroll-initial-target” doesn't exist"),
)
SOUPS = 400
VALUES = {
    "href": ("/a", "https://a.example/?b[c]=1", "mailto:a b@c.example", "tel:+33 3 81", "#x", ""),
    "src": ("/a.jpg", "https://a.example/b c.png?d[e]=é", "data:x"),
    "alt": ("", "un pont"),
    "title": ("", "titre"),
    "lang": ("fr", "de-AT", "xx", "x y", ""),
    "dir": ("rtl", "auto", "up"),
    "width": ("10", "100%", "x"),
    "height": ("10", "auto"),
    "value": ("3", "x", "-1"),
    "start": ("3", "x"),
    "reversed": ("", "reversed"),
    "colspan": ("2", "0", "x", "5000"),
    "rowspan": ("2", "0", "x"),
    "scope": ("col", "row", "x"),
    "datetime": ("2026-02-11", "2026-02-11T12:00:00+01:00", "2026-02-30", "hier", "12:00", ""),
}
FRAGMENT = '<!doctype html>\n<html lang="{}">\n<head><meta charset="utf-8"><title>Fragment</title></head>\n<body>\n{}</body>\n</html>\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, ...]:
    return sites(tmp_path_factory.mktemp("sites"))


def test_every_page_is_valid(made: tuple[Site, ...], tmp_path: Path) -> None:
    written = {}
    for site in made:
        client = site.app.test_client(use_cookies=False)
        for path in site.addresses:
            text = client.get(path).get_data(as_text=True)
            if ".fragment" in path:
                text = FRAGMENT.format("fr", text)
            file = tmp_path / f"{len(written)}.html"
            file.write_text(text, encoding="utf-8")
            written[file.name] = f"{site.name} {path}"
    assert len(written) > 200
    # One run for all: the checker takes longer to start than to read a page.
    found = told(["--html", str(tmp_path)], written)
    assert not found, found


def test_whatever_a_source_writes_makes_a_valid_page(tmp_path: Path) -> None:
    chance = random.Random(5)
    soups = {f"{n}.html": soup(chance) for n in range(SOUPS)}
    for name, markup in soups.items():
        text = with_pictures(fitted(sanitise(markup, "https://base.example/")), web_link)
        (tmp_path / name).write_text(FRAGMENT.format("fr", f"<h1>Titre</h1>{text}"), encoding="utf-8")
    found = told(["--html", str(tmp_path)], soups)
    assert not found, found


def soup(chance: random.Random) -> str:
    """Elements in whatever order and depth, closed or not, with values that may be or not."""
    tags = sorted(_TAGS)
    pieces, opened = [], []
    for _ in range(chance.randint(1, 25)):
        kind = chance.random()
        if kind < 0.5:
            tag = chance.choice(tags)
            names = [name for name in VALUES if name in _ATTRIBUTES.get(tag, set()) | _ATTRIBUTES["*"]]
            values = "".join(f' {name}="{chance.choice(VALUES[name])}"' for name in names if chance.random() < 0.6)
            pieces.append(f"<{tag}{values}>")
            opened.append(tag)
        elif kind < 0.75 and opened:
            pieces.append(f"</{opened.pop(chance.randrange(len(opened)) if chance.random() < 0.2 else -1)}>")
        else:
            pieces.append(chance.choice(("texte", " ", "é &amp; &lt;b>", "e\u0301")))
    return "".join(pieces)


def test_every_style_sheet_is_valid() -> None:
    assert {"site.css", "embed.css", "subscribe.css"} <= {each.name for each in SHEETS}
    found = told(["--css", *map(str, SHEETS)], {each.name: each.name for each in SHEETS})
    assert not found, found


def test_the_checker_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(FRAGMENT.format("fr", "<p><div style=color:red></p>"), encoding="utf-8")
    assert "a page" in told(["--html", str(tmp_path)], {"a.html": "a page"})
    (tmp_path / "a.css").write_text("p { colour: red }", encoding="utf-8")
    assert "colour" in told(["--css", str(tmp_path / "a.css")], {"a.css": "a sheet"})


def told(arguments: list[str], names: dict[str, str]) -> str:
    """All that the checker has to say, a paragraph for each thing with the first places where it is; "" for nothing."""
    need("java")
    if not JAR.exists():
        missing("vnu-jar")
    words = ["java", "-Xss8m", "-jar", str(JAR), *OPTIONS, *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr
    places: dict[str, list[str]] = defaultdict(list)
    for message in json.loads(done.stdout)["messages"]:
        if any(each.match(message["message"]) for each in NO_FAULTS):
            continue
        name = names.get(Path(message.get("url", "")).name, "?")
        places[_kind(message)].append(f"    {name}:{message.get('lastLine')}: {message.get('extract', '')!r}")
    return "\n".join(line for kind, found in places.items() for line in (f"{len(found)} × {kind}", *found[:3]))


def _kind(message: dict[str, Any]) -> str:
    """A message without what differs from place to place."""
    text = re.sub(r"Bad value “.*?” for", "Bad value for", message["message"], flags=re.DOTALL)
    return f"{message.get('subType', message['type'])}: {text}"
