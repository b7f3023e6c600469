"""The outlets as lists: a feeds.opml for the program, a page for people."""

from xml.sax.saxutils import escape, quoteattr

from aggregator.demo.outlets import NORTH, OUTLETS, REGION, SOUTH, source
from aggregator.model import Republish, Source


def opml(base: str) -> bytes:
    """A feeds.opml of the twelve outlets, in folders by region."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<opml version="2.0" xmlns:tributary="urn:tributary:opml:1">',
        "  <head><title>Tributary: the demo's outlets</title></head>",
        "  <body>",
        f"    <outline text={quoteattr(REGION)}>",
        *_lines("", base),
    ]
    for folder in (NORTH, SOUTH):
        lines += [f"      <outline text={quoteattr(folder)}>", *_lines(folder, base), "      </outline>"]
    lines += ["    </outline>", "  </body>", "</opml>", ""]
    return "\n".join(lines).encode()


def html_list(base: str) -> bytes:
    """A page for people that lists the feeds."""
    rows = "".join(
        f"<li><a href={quoteattr(base + each.path)}>{escape(each.title)}</a>: {escape(each.media_type)}, "
        f"{escape(each.encoding)}, dates like “{escape(each.dates)}”</li>"
        for each in OUTLETS
    )
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>The demo’s outlets</title>'
        f"<h1>The demo’s outlets</h1><p>All of them are invented.</p><ul>{rows}</ul></html>"
    )
    return page.encode()


def _lines(folder: str, base: str) -> list[str]:
    indent = "        " if folder else "      "
    return [indent + _line(source(each, base)) for each in OUTLETS if each.folder == folder]


def _line(line: Source) -> str:
    attributes = {
        "type": "rss",
        "text": line.title,
        "title": line.title,
        "xmlUrl": line.url,
        "htmlUrl": line.site,
        "language": line.language,
        "category": ",".join(f"/{slug}" for slug in line.categories),
        "tributary:departements": ",".join(line.departements),
        "tributary:tags": "; ".join(f"{tag}={slug}" for tag, slug in line.tags.items()),
        "tributary:republish": line.republish if line.republish is Republish.FULL else "",
    }
    return f"<outline {' '.join(f'{name}={quoteattr(value)}' for name, value in attributes.items() if value)}/>"
