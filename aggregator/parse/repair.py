"""Takes the text of an XML feed, gives one that an XML parser reads in linear time; never reads entries.

feedparser falls back to a much slower and vaguer parser at the first fault, and its cost is quadratic in some sizes
that the source chooses. So the common faults are mended before it, and those sizes are cut:

- what stands before the root goes, with every DOCTYPE: no entity of the source's own is ever expanded;
- what follows the root goes; a document that is cut off ends after its last whole entry;
- HTML's entities become characters, a lone "&" or "<" becomes text, references to forbidden characters go;
- an author, a date or a list of keywords is cut to FIELD_LIMIT characters, a title or a link to LINE_LIMIT, any other
  text to TEXT_LIMIT, an entry to TAG_LIMIT tags, a start tag to ATTRIBUTE_LIMIT attributes;
- an entry with more elements than `limits` allows ends there;
- mail addresses of authors go: feedparser cuts those under .example into "x@source.exam" and "ple".

Escaped HTML becomes CDATA: the same text, but in one piece instead of one for each "&lt;"; that reads 1.5 times faster.
"""

import re
from collections import deque
from html.entities import html5
from itertools import islice

from msgspec import Struct

from aggregator.errors import ErrorClass, PageError, ParseError
from aggregator.parse.announced import announced
from aggregator.parse.limits import Shape, closed, entry_end, few_enough

FIELD_LIMIT = 1000  # characters
LINE_LIMIT = 20_000  # of a title, a link, an id
TEXT_LIMIT = 400_000  # of anything else, without the pictures that it holds; clean takes less
TAG_CHARS_LIMIT = 10_000  # of a start tag
VALUE_LIMIT = 5000  # of an attribute in one that is longer
NAME_LIMIT = 300
TAG_LIMIT = 100  # of one entry
ATTRIBUTE_LIMIT = 100  # of one element
PAGE_HEAD_CHARS = 100_000  # where the title of a page is looked for

_PROLOG = re.compile(r"\s+|<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^\[<>]*(?:\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)
_ROOT = re.compile(r"<((?:[A-Za-z_][\w.-]{0,50}:)?(?:rss|rdf|feed))(?=[\s>])", re.IGNORECASE)
_PAGE = re.compile(r"<(?:!doctype\s+)?(?:html|head|body|script|frameset)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^<>]*>([^<]{0,300})", re.IGNORECASE)

# Possessive throughout: no input makes it go back.
_TOKEN = re.compile(
    r"(?P<cdata><!\[CDATA\[.*?\]\]>)"
    r"|(?P<dropped><!--.*?-->|<\?.*?\?>)"
    r"|(?P<tag></?[A-Za-z_](?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+>)"
    r"|(?P<broken></?[A-Za-z_][^<>]*+>)"
    r"|(?P<text>[^<]++)"
    r"|(?P<stray><(?![A-Za-z_/!?]))",
    re.DOTALL,
)
_NAME = re.compile(r"</?(?:[\w.-]+:)?([\w.-]+)")
_LONG_TAG = 1000  # characters; shorter ones cannot hold attributes enough to matter
_BOUNDED = frozenset(
    "author creator contributor name email managingeditor webmaster publisher keywords tags category subject"
    " pubdate date published updated issued modified created lastbuilddate".split()
)
_LINES = frozenset(
    "title link guid id comments rights copyright license language generator docs source url uri origlink ttl hour day"
    " updateperiod updatefrequency point line polygon box pos poslist credit width height logo icon".split()
)
_ROOM = dict.fromkeys(_BOUNDED, FIELD_LIMIT) | dict.fromkeys(_LINES, LINE_LIMIT)
_ATTRIBUTE = re.compile(r"\s([^\s=<>\"']{1,100})\s*=\s*(\"[^\"<]*+\"|'[^'<]*+')")
_DATA_URI = re.compile(r"data:[a-z0-9/+.;=-]{1,200},[^\s\"'<>]{200,}", re.IGNORECASE)
_PEOPLE = frozenset("author creator contributor managingeditor webmaster publisher".split())
_MAIL = re.compile(r"[<(]?(?:mailto:)?[\w.+-]{1,64}@[\w.-]{1,255}[>)]?")
_TAGS = frozenset(("category", "subject"))
_ENTRIES = frozenset(("item", "entry"))

_REFERENCE = re.compile(r"&(?:#(\d{1,8})|#[xX]([0-9A-Fa-f]{1,8})|(?!amp;)([A-Za-z][A-Za-z0-9]{1,31}));")
_LONE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(?:(#\d{1,8}|#[xX][0-9A-Fa-f]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});)?")


class Repaired(Struct, frozen=True):
    """The text that a parser can read, and what was wrong."""

    text: str
    flaws: tuple[str, ...] = ()


def repair(text: str, url: str) -> Repaired:
    """Mend the text of a feed; raises ParseError for what is none, or breaks off before its first entry ends."""
    start = prolog_end(text)
    root = _ROOT.search(text, start)
    if root is None or _PAGE.search(text, start, root.start()):
        message = f"while parsing: it seems to be {describe(text)}"
        if _is_page(text):
            raise PageError(url, message, announced(text, url))
        raise ParseError(url, ErrorClass.NOT_A_FEED, message)
    flaws = ["text stands before the document"] if text[start : root.start()].strip() else []
    whole, flaw = _whole(text[root.start() :], root[1])
    if not whole:
        raise ParseError(url, ErrorClass.BROKEN_XML, f"while parsing: {flaw}")
    mender = _Mender()
    mended = mender.mend(_closed(whole))
    return Repaired(mended, (*flaws, *([flaw] if flaw else []), *mender.flaws))


def shortened(text: str) -> tuple[str, str]:
    """Cut the text of a feed that has too much of everything. → the text, and the flaw."""
    root = _ROOT.search(text, prolog_end(text))
    if root is None:
        return text, ""
    kept, flaw = few_enough(text[root.start() :], root[1])
    return (text[: root.start()] + kept, flaw) if flaw else (text, "")


def describe(text: str) -> str:
    """Say in a few words what a text seems to be that is no feed."""
    if _is_page(text):
        title = _TITLE.search(text, 0, PAGE_HEAD_CHARS)
        name = " ".join(title[1].split())[:100] if title else ""
        return f"an HTML page titled {name!r}" if name else "an HTML page"
    start = prolog_end(text)
    if root := re.compile(r"<([A-Za-z_][\w.:-]{0,50})[\s/>]").match(text, start):
        return f"an XML document <{root[1]}>"
    if text.startswith("%PDF"):
        return "a PDF document"
    return f"text that begins with {' '.join(text[:80].split())!r}"


def _is_page(text: str) -> bool:
    return _PAGE.search(text, 0, 10_000) is not None


def prolog_end(text: str) -> int:
    """Where the root may begin."""
    position = 0
    while match := _PROLOG.match(text, position):
        position = match.end()
    return position


def _whole(text: str, root: str) -> tuple[str, str]:
    """Cut what follows the root's end; where it never ends, cut after the last whole entry and end it there.

    → the text, "" where no entry is whole, and the flaw.
    """
    if end := _last(re.compile(rf"</{re.escape(root)}\s*>"), text):
        return text[:end], "text stands after the document" if text[end:].strip() else ""
    if end := entry_end(text):
        return closed(text[:end], root), "it is cut off after its last whole entry"
    return "", "it is cut off before the end of its first entry"


def _last(pattern: re.Pattern[str], text: str) -> int:
    """Where the last match ends, 0 where there is none."""
    found = deque(pattern.finditer(text), maxlen=1)
    return found[0].end() if found else 0


def _closed(text: str) -> str:
    """Take away the openings that nothing closes; looking for each one's end would cost the square of their number."""
    for opening, closing, instead in (("<![CDATA[", "]]>", ""), ("<!--", "-->", "&lt;!--"), ("<?", "?>", "&lt;?")):
        end = text.rfind(closing) + len(closing) if closing in text else 0
        if opening in text[end:]:
            text = text[:end] + text[end:].replace(opening, instead)
    return text


class _Mender:
    """One walk over the tokens of a document."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.flaws: dict[str, None] = {}  # each once, in order
        self.room = TEXT_LIMIT  # characters that the element at hand may still hold
        self.is_person = False  # the element at hand names people
        self.tags = 0  # of the entry at hand
        self.dropping = False  # inside a tag too many
        self.shape = Shape()

    def mend(self, text: str) -> str:
        position = 0
        for token in _TOKEN.finditer(text):
            if token.start() > position:  # what is no token stays as it is; the vaguer parser may know better
                self.pieces.append(text[position : token.start()])
            position = token.end()
            self._token(token.lastgroup, token[0])
        self.pieces.append(text[position:])
        if self.shape.was_full:
            self.flaws["an entry has too many elements, or too deep ones"] = None
        return "".join(self.pieces)

    def _token(self, kind: str | None, token: str) -> None:
        if kind == "tag":
            self._tag(token)
        elif self.dropping or self.shape.is_full:
            pass
        elif kind == "broken":
            self.pieces.append(token)
        elif kind == "text":
            self._text(_decoded(token) if "&" in token else token)
        elif kind == "cdata":
            self._cdata(token)
        elif kind == "stray":
            self._text("<")

    def _tag(self, tag: str) -> None:
        match = _NAME.match(tag)
        name = match[1].lower() if match else ""
        self.room = _ROOM.get(name, TEXT_LIMIT)
        self.is_person = name in _PEOPLE
        if self._is_too_many(name, tag) or (match and len(match[0]) > NAME_LIMIT):
            return
        ends = self.shape.take(tag, match[0].lstrip("</") if match else "", name)
        if ends is None:
            return
        self.pieces.append(ends)
        if match and len(tag) > _LONG_TAG:
            tag = self._shortened(tag, match[0])
        self.pieces.append(_LONE.sub(_in_attribute, tag) if "&" in tag else tag)

    def _shortened(self, tag: str, start: str) -> str:
        if tag.count("=") > ATTRIBUTE_LIMIT:
            self.flaws[f"an element has more than {ATTRIBUTE_LIMIT} attributes"] = None
        elif len(tag) > TAG_CHARS_LIMIT:
            self.flaws["an element has attributes that are too long"] = None
        else:
            return tag
        return start + _short_attributes(tag) + ("/>" if tag.endswith("/>") else ">")

    def _is_too_many(self, name: str, tag: str) -> bool:
        """Count the tags of an entry: is this the start or the end of one beyond the limit?"""
        if tag[1] == "/":
            ended, self.dropping = self.dropping, False
            return ended
        if name in _ENTRIES:
            self.tags = 0
        elif name in _TAGS:
            self.tags += 1
            if self.tags > TAG_LIMIT:
                self.dropping = not tag.endswith("/>")
                self.flaws[f"an entry has more than {TAG_LIMIT} tags"] = None
                return True
        return False

    def _text(self, text: str) -> None:
        text = self._fitting(text)
        if self.is_person and "@" in text:
            text = _MAIL.sub("", text).strip()
        if "&" in text or "<" in text:
            self.pieces.append("<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>")
        else:
            self.pieces.append(text.replace("]]>", "]]&gt;"))

    def _cdata(self, token: str) -> None:
        if len(token) - 12 <= self.room and not self.is_person:
            self.room -= len(token) - 12
            self.pieces.append(token)
        else:
            self._text(token[9:-3])

    def _fitting(self, text: str) -> str:
        if len(text) > TEXT_LIMIT:
            text = _DATA_URI.sub("", text)
        kept = text[: self.room]
        self.room -= len(kept)
        return kept


def _short_attributes(tag: str) -> str:
    """The first attributes of a tag that are not too long, each name once."""
    short = (each for each in _ATTRIBUTE.finditer(tag) if len(each[2]) <= VALUE_LIMIT)
    found = {each[1]: each[2] for each in islice(short, ATTRIBUTE_LIMIT)}
    return "".join(f" {name}={value}" for name, value in found.items())


def _decoded(text: str) -> str:
    """Resolve all references once; the frequent ones by plain replacement, "&amp;" last."""
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&#39;", "'")
    return _REFERENCE.sub(_character, text).replace("&amp;", "&")


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return html5.get(f"{name};", match[0])
    character = _allowed(int(decimal) if decimal else int(hexadecimal, 16))
    return "&amp;" if character == "&" else character


def _in_attribute(match: re.Match[str]) -> str:
    reference = match[1]
    if not reference:
        return "&amp;"
    if reference[0] != "#":
        value = html5.get(f"{reference};", "")
        return value if value and value not in "&<>\"'" else f"&amp;{reference};"
    number = int(reference[2:], 16) if reference[1] in "xX" else int(reference[1:])
    return match[0] if _allowed(number) else ""


def _allowed(number: int) -> str:
    """The character of that number, "" where XML forbids it (XML 1.0 §2.2)."""
    if number in {9, 10, 13} or 32 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or 0x10000 <= number < 0x110000:
        return chr(number)
    return ""
