"""Text: takes titles and texts of a source, gives plain text. Changes no word: typography stays as published."""

import re
import unicodedata
from html.entities import html5

from aggregator.clean.characters import scrub

TITLE_LIMIT_CHARS = 500
LEAD_LIMIT_CHARS = 600
ROUNDS = 8  # of decoding; what is escaped more often is an attack

_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup "
    "time tt u var wbr".split()
)
_BLOCK = frozenset(
    "address area article aside audio base blockquote body br button canvas caption center col colgroup dd details "
    "dialog dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr "
    "html iframe img input label legend li link main map meta nav noscript object ol optgroup option p param picture "
    "pre script section select source style summary svg table tbody td template textarea tfoot th thead title tr track "
    "ul video".split()
)
_TAG = re.compile(
    r"<(?:!--.*?(?:-->|\Z)|((?i:script|style))\b[^<>]*>.*?(?:</(?i:\1)\s*>|\Z)"
    r"|/?([a-zA-Z][a-zA-Z0-9]*)(?:[\s/][^<>]*)?>|!\[CDATA\[)",
    re.DOTALL,
)
_AMPERSANDS = re.compile(r"&(?:(?:amp|#0*38|#[xX]0*26);)+", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")

_CUT = r"[\[(]\s*(?:…|\.\.\.)\s*[\])]"
_MORE = (
    r"(?:lire la suite|lire plus|lire l[’']article|en savoir plus|voir plus|continuer (?:la lecture|à lire)"
    r"|continue reading|read more|weiterlesen|leer más|seguir leyendo|leggi tutto|continua a leggere)"
)
_FIRST_SEEN = (
    r"(?:(?:L[’']|L |Cet )article .{1,400}? est apparu en premier sur"
    r"|The post .{1,400}? (?:first appeared|appeared first) on"
    r"|Der Beitrag .{1,400}? erschien zuerst auf|La entrada .{1,400}? (?:se publicó primero|apareció primero) en"
    r"|L[’']articolo .{1,400}? proviene da)"
)
# Words, one of which must stand in the last characters, how many, and the expression that is then worth its time:
# most texts hold none, and one expression for all cost 90 µs a text.
_TAILS = (
    (("…", "..."), 12, re.compile(rf"(?P<cut>{_CUT})\s*\Z")),
    (
        (
            "lire ",
            "savoir plus",
            "voir plus",
            "continue",
            "read",
            "weiterlesen",
            "leer ",
            "leyendo",
            "leggi",
            "leggere",
        ),
        220,
        re.compile(rf"(?:(?<=[.!?…»”\"\])])|(?<=\.\.\.))\s*{_MORE}[^.!?]{{0,120}}[.…→»>\s]*\Z", re.IGNORECASE),
    ),
    (
        ("est apparu", "appeared", "erschien", "primero", "proviene"),
        900,
        re.compile(rf"{_FIRST_SEEN} .{{1,200}}\Z", re.DOTALL),
    ),
)
_SENTENCE_END = re.compile(r"(?:(?<=[\w)»”%]{2})\.+|[!?…]+)\s?[»”\"’)]*(?=\s+[«“\"(—–-]?\s?[A-ZÀ-ÞŒ0-9])")
_ABBREVIATED = re.compile(r"(?:\b(?:Mme|Mlle|Mrs|Mr|Dr|Pr|St|Ste|av|bd|art|env|cf|etc|vs|[A-ZÉ]{1,2}))\Z")


def plain(markup: str) -> str:
    """Give the text of a title or a piece of HTML: no tags, entities decoded however often they were escaped, NFC."""
    text = _folded(scrub(markup))
    for _ in range(ROUNDS):
        if "<" not in text and "&" not in text:
            return text
        simpler = _folded(scrub(_ENTITY.sub(_decoded, _TAG.sub(_gap, _AMPERSANDS.sub("&", text.replace("]]>", " "))))))
        if simpler == text:
            return text
        text = simpler
    return _folded(re.sub(r"[<>&]", " ", text))


def trimmed(text: str) -> str:
    """Drop "[…]", "Lire la suite", "The post … appeared first on …" from the end of plain text.

    A sentence that "[…]" broke off ends in "…" instead.
    """
    while found := _tail(text):
        text = text[: found.start()].rstrip()
        if (found.lastgroup == "cut" and text[-1:].isalnum()) or text.endswith((",", ";")):
            text = text.rstrip(",; ") + "…"
    return text


def lead(summary: str, content: str, title: str) -> str:
    """Give the lead from plain texts: the summary, or the start of the content, cut near LEAD_LIMIT_CHARS.

    A repeated title is dropped from its start where a text follows.
    """
    whole = without_title(summary, title) or without_title(content, title)
    return shortened(whole, LEAD_LIMIT_CHARS)


def without_title(text: str, title: str) -> str:
    """Drop a title that a text merely repeats at its start; "" if there is nothing else."""
    if not title or not text.startswith(title):
        return text
    rest = text[len(title) :]
    if not rest.strip(" .…\xa0"):
        return ""
    start = rest.lstrip(" \xa0.:–—-|•")
    return start if start != rest and start[:1].isupper() else text


def shortened(text: str, limit: int) -> str:
    """Cut text at the end of a sentence, else at a word with "…", within `limit` characters."""
    if len(text) <= limit:
        return text
    window = text[: limit + 2]
    ends = [match.end() for match in _SENTENCE_END.finditer(window) if _is_end(window, match.start())]
    if ends and limit // 2 <= ends[-1] <= limit:
        return window[: ends[-1]].rstrip()
    return at_word(text, limit)


def at_word(text: str, limit: int) -> str:
    """Cut text at a word, with "…", within `limit` characters."""
    if len(text) <= limit:
        return text
    cut = text[:limit]
    head = cut.rpartition(" ")[0]
    return (head if len(head) > limit // 2 else cut[:-1]).rstrip(" ,;:–—-\xa0\u202f") + "…"


def first_sentence(text: str, limit: int) -> str:
    """Give the first sentence of a text, for what has no title."""
    for match in _SENTENCE_END.finditer(text[: limit + 2]):
        if _is_end(text, match.start()) and match.end() <= limit:
            return text[: match.end()].rstrip()
    return at_word(text, limit)


def _tail(text: str) -> re.Match[str] | None:
    for words, length, pattern in _TAILS:
        end = text[-length:].lower()
        if any(word in end for word in words) and (found := pattern.search(text, max(0, len(text) - length))):
            return found
    return None


def _is_end(text: str, position: int) -> bool:
    return not (text[position] == "." and _ABBREVIATED.search(text, max(0, position - 6), position))


def _gap(match: re.Match[str]) -> str:
    name = (match[2] or "").lower()
    if not name or name in _BLOCK:
        return " "
    return "" if name in _INLINE else match.group()  # "<entre 5 et 10>" is text: HTML knows no such tag


def _decoded(match: re.Match[str]) -> str:
    number, hexadecimal, name = match.groups()
    if name:
        return html5.get(name + ";", match.group())
    code = int(number) if number else int(hexadecimal, 16)
    return chr(code) if 0 < code < 0x110000 else ""


def _folded(text: str) -> str:
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    text = text.replace("\n", " ").replace("\t", " ")
    while "  " in text:  # not the no-break ones, which are typography
        text = text.replace("  ", " ")
    return text.strip()
