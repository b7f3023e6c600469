"""Whole texts of sources as they stand in a page of ours: takes sanitised HTML, gives HTML that is valid there.

A source's program may put a list's item outside any list, a paragraph within bold letters, or a heading three levels
below the last. Browsers bear it, but a screen reader tells what stands in the document. What cannot be mended becomes a
plain block with the same content: no text is lost. What comes out is sanitised again by `clean.html.with_pictures`.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from html import escape

from babel import Locale
from lxml import html as lxml_html
from lxml.html import HtmlElement

from web.words import web_link

PHRASES = frozenset("abbr b cite code dfn em i kbd mark q s samp small strong sub sup time u var".split())
HEADINGS = ("h2", "h3", "h4")
FIRST_LEVEL = 2  # the title of the page is the heading above
BLOCKS = frozenset(
    "blockquote caption dd details div dl dt figcaption figure h2 h3 h4 hr li ol p pre summary table ul".split()
)
PARENTS = {  # what stands in certain others alone
    "li": ("ul", "ol"),
    "dt": ("dl",),
    "dd": ("dl",),
    "figcaption": ("figure",),
    "summary": ("details",),
}
TABLE_PARTS = ("table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th")
SPANS_LIMIT = 100  # rows or columns of one cell

_DATE = r"\d{4}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d))?"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?"
_MOMENT = re.compile(rf"{_DATE}|\d{{4}}-\d\d-(?:0[1-9]|[12]\d)[T ]{_TIME}(?:Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?|{_TIME}")
_NUMBER = re.compile(r"-?\d{1,6}")
_DIRECTIONS = ("ltr", "rtl", "auto")
_SCOPES = ("row", "col", "rowgroup", "colgroup")


def fitted(html: str) -> str:
    """Make sanitised HTML valid within a page: elements where they may stand, attributes with values that they know."""
    root = lxml_html.fragment_fromstring(unicodedata.normalize("NFC", html), create_parent="div")
    for rule in (_strays, _figures, _details, _definitions, _lists, _tables, _phrases, _links, _headings, _attributes):
        rule(root)
    inner = (lxml_html.tostring(child, encoding="unicode") for child in root)
    return (escape(root.text or "", quote=False) + "".join(inner)).strip()


def _strays(root: HtmlElement) -> None:
    """Parts without their whole become blocks."""
    for each in _all(root, *PARENTS):
        if each.getparent().tag not in PARENTS[each.tag]:
            each.tag = "div"


def _figures(root: HtmlElement) -> None:
    """A figure has one caption, first or last."""
    for figure in _all(root, "figure"):
        ends = figure[:1] if _is_first(figure) else []
        ends += figure[-1:] if not _has_text(figure[-1].tail if len(figure) else "") else []
        kept = next((each for each in ends if each.tag == "figcaption"), None)
        _into_blocks(each for each in figure if each.tag == "figcaption" and each is not kept)


def _details(root: HtmlElement) -> None:
    """What opens has a summary, first, that says what."""
    for details in _all(root, "details"):
        summary = details[0] if _is_first(details) and details[0].tag == "summary" else None
        if summary is None or not _has_text(summary.text_content()) or _holds(summary, BLOCKS):
            details.tag, summary = "div", None
        _into_blocks(each for each in details if each.tag == "summary" and each is not summary)


def _definitions(root: HtmlElement) -> None:
    """Terms, then what they mean; nothing between."""
    for each in _all(root, "dl"):
        order = " ".join(child.tag for child in each)
        loose = _has_text(each.text) or any(_has_text(child.tail) for child in each)
        titled = any(_holds(child, HEADINGS) for child in each if child.tag == "dt")
        if loose or titled or not re.fullmatch(r"(?:(?:dt )+dd(?: dd)*(?: (?=dt)|$))+", order):
            _into_blocks([each, *(child for child in each if child.tag in {"dt", "dd"})])


def _lists(root: HtmlElement) -> None:
    """A list holds its items alone; what stands between two belongs to the one before."""
    for each in _all(root, "ul", "ol"):
        held = list(each)
        if _has_text(each.text):
            _first_item(each).text, each.text = each.text, None
        for child in held:
            before = child.getprevious()
            if child.tag != "li":
                (_first_item(each) if before is None else before).append(child)
            elif _has_text(child.tail):
                _append_text(child, child.tail)
                child.tail = None


def _tables(root: HtmlElement) -> None:
    """Caption, head, bodies, foot; rows of one width, cells that span what is there. A table without a cell is none,
    its caption becomes a block.
    """
    for table in _all(root, "table"):
        _once(table, "thead", 0)
        _once(table, "tfoot", len(table))
        _caption(table)
        for row in [each for part in table for each in part if each.tag == "tr" and not len(each)]:
            row.drop_tree()
        cells = [each for part in table for row in part if row.tag == "tr" for each in row]
        for cell in cells:
            _cell(cell)
        if not cells:
            _into_blocks([table, *table])
        elif not _squared(table):
            for cell in cells:
                cell.attrib.pop("colspan", None)
                cell.attrib.pop("rowspan", None)
            _squared(table)


def _once(table: HtmlElement, name: str, place: int) -> None:
    """The first part of that name goes to its place, others become bodies."""
    parts = [each for each in table if each.tag == name]
    for each in parts[1:]:
        each.tag = "tbody"
    if parts:
        table.insert(place, parts[0])


def _caption(table: HtmlElement) -> None:
    captions = [each for each in table if each.tag == "caption"]
    for each in captions[1:]:
        _append_text(captions[0], f" {each.text or ''}")
        captions[0].extend(list(each))
        each.drop_tree()
    for each in captions[:1]:
        _into_blocks(_all(each, *TABLE_PARTS))
        table.insert(0, each)


def _cell(cell: HtmlElement) -> None:
    if not _has_text(cell.text_content()):
        cell.tag = "td"  # it is the head of nothing
    if cell.tag == "th":
        _into_blocks(_all(cell, *HEADINGS))
    else:
        cell.attrib.pop("scope", None)


def _squared(table: HtmlElement) -> bool:
    """Give all rows the same width, unless spans are no numbers, lead out of the table, overlap, or begin no cell."""
    begun: set[int] = set()
    widths: list[tuple[HtmlElement, int]] = []
    for part in table:
        taken: set[tuple[int, int]] = set()
        rows = [each for each in part if each.tag == "tr"]
        for y, row in enumerate(rows):
            x = 0
            for cell in row:
                while (y, x) in taken:
                    x += 1
                wide, high = (_span(cell.get(name, "1")) for name in ("colspan", "rowspan"))
                places = {(y + down, x + right) for down in range(high) for right in range(wide)}
                if not places or places & taken or y + high > len(rows):
                    return False
                taken |= places
                begun.add(x)
            widths.append((row, 1 + max(column for line, column in taken if line == y)))
    widest = max(width for _, width in widths)
    if begun != set(range(widest)):
        return False
    for row, width in widths:
        row.extend(lxml_html.Element("td") for _ in range(widest - width))
    return True


def _span(text: str) -> int:
    return min(int(text), SPANS_LIMIT) if text.isascii() and text.isdigit() else 0


def _phrases(root: HtmlElement) -> None:
    """No block within letters of a kind, a heading or preformatted text."""
    for each in reversed(_all(root, *PHRASES)):
        if _holds(each, BLOCKS) or (each.tag == "dfn" and _holds(each, ("dfn",))):
            each.drop_tag()
    _into_blocks(each for each in _all(root, *HEADINGS, "pre", "p") if _holds(each, BLOCKS))


def _links(root: HtmlElement) -> None:
    """A link says where it leads, and holds nothing else that can be pressed."""
    for each in _all(root, "a"):
        named = _has_text(each.text_content()) or any(_has_text(image.get("alt")) for image in each.iter("img"))
        if not each.get("href") or not named or _holds(each, ("details", "a")):
            each.drop_tag()


def _headings(root: HtmlElement) -> None:
    """Each heading is at most one level below the one before; without words it is none."""
    level = FIRST_LEVEL - 1
    for each in _all(root, *HEADINGS):
        if not _has_text(each.text_content()):
            each.tag = "div"
            continue
        level = min(int(each.tag[1]), level + 1)
        each.tag = f"h{level}"


def _attributes(root: HtmlElement) -> None:
    """Values that cannot be go, and moments that are none."""
    for each in root.iter():
        language = each.attrib.pop("lang", "").replace("_", "-").partition("-")[0].lower()
        if language in _languages():
            each.set("lang", language)
        _keep(each, "dir", each.get("dir", "").lower() in _DIRECTIONS)
        _keep(each, "start", bool(_NUMBER.fullmatch(each.get("start", ""))))
        is_counted = each.tag == "li" and each.getparent().tag == "ol"
        _keep(each, "value", is_counted and bool(_NUMBER.fullmatch(each.get("value", ""))))
        _keep(each, "scope", each.get("scope", "") in _SCOPES)
        if "href" in each.attrib:
            each.set("href", web_link(each.get("href")) or each.get("href").replace(" ", "%20"))
    for each in _all(root, "time"):
        if not _MOMENT.fullmatch(each.get("datetime", "")):
            each.drop_tag()


@cache
def _languages() -> frozenset[str]:
    return frozenset(str(code) for code in Locale("en").languages if len(str(code)) in {2, 3})


def _keep(element: HtmlElement, name: str, is_sound: bool) -> None:
    if not is_sound:
        element.attrib.pop(name, None)


def _all(root: HtmlElement, *tags: str) -> list[HtmlElement]:
    """The elements of these names within one, in the order of the document."""
    return [each for each in root.iter(*tags) if each is not root]


def _holds(element: HtmlElement, tags: Iterable[str]) -> bool:
    return any(each is not element for each in element.iter(*tags))


def _has_text(text: str | None) -> bool:
    return bool(text and text.strip())


def _is_first(element: HtmlElement) -> bool:
    """Whether an element begins with another, and no text."""
    return len(element) > 0 and not _has_text(element.text)


def _into_blocks(elements: Iterable[HtmlElement], *only: str) -> None:
    for each in list(elements):
        if not only or each.tag in only:
            each.tag = "div"


def _first_item(element: HtmlElement) -> HtmlElement:
    item = lxml_html.Element("li")
    element.insert(0, item)
    return item


def _append_text(element: HtmlElement, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text
