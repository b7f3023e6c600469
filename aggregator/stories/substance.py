"""What of an item's text tells its news: takes an item, gives its words without what a site wraps around a text; never
compares two items.

Sites put counters, stamps, bylines, links to other pages and invitations around a text, and change them at every
poll. They are told from the text by their place and shape: they stand at its start or end, are no sentences, and share
no word with it; or they are links and nothing else.
"""

import re
import unicodedata
from collections.abc import Sequence, Set
from html import unescape
from itertools import takewhile

from msgspec import Struct

from aggregator.model import Item
from aggregator.stories.similarity import CALENDAR

WRAPPING_WORDS = 30  # a run of as many, or a link of as many, is text
COUNTER_WORDS = 4  # beside its number: "Temps de lecture : 3 minutes"
TELLING_LETTERS = 5  # a shorter word stands in every text
LINKED_SHARE = 0.6  # of a paragraph's letters, beyond which it is a link: "Lire aussi : <a>…</a>"
LEAD_IN_WORDS = 4

_FIGURE = re.compile(r"<figure\b.*?</figure>", re.DOTALL)
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)[^<>]*>")
_INLINE = frozenset("a abbr b bdi bdo cite code del dfn em i ins kbd mark q s samp small span strong sub sup u".split())
_LINK_STARTS, _LINK_ENDS = "\x02", "\x03"  # in place of the tags; no published text holds them
_LINK = re.compile(f"{_LINK_STARTS}([^{_LINK_ENDS}]*){_LINK_ENDS}?")

# A point after one or two letters or figures belongs to an abbreviation or a number.
_BETWEEN = re.compile(
    r" (?:(?<=\w{3}[.!?…] )|(?<=[^\w\s][.!?…] )|(?<= [!?…] )|(?<=[.!?…][»”\"’)\]] )|(?<=[.!?…] » ))|[|•●▪■·]"
)
_SENTENCE = re.compile(r"[.!?…][»”\"’)\]\s]*\Z")

# Accents, once they are taken off their letters, and what has no width: soft hyphens, joiners, marks of direction.
_UNSEEN = re.compile("[\u0300-\u036f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_GROUPED = re.compile(r"(?<!\d)\d{1,3}(?:[ '’.,]\d{3})+(?!\d)")  # "1 234", "1.234", "1,234"
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")  # "20h30" and "20 h 30" are the same words

# The few words of the trade that no shape can replace, folded.
_UNITS = frozenset(
    "euro euros eur chf ct cts km m kg h heure heures uhr am pm an ans jahre years points degres".split()
)
_ALSO = frozenset("aussi egalement also auch anche tambien ook more related thema sujet".split())
_CLOCK = frozenset(("h", "uhr", "am", "pm"))
_CALLS = frozenset("newsletter infolettre rundbrief whatsapp facebook instagram telegram abonnez inscrivez".split())
_STAMP = re.compile(
    r"(?:derniere |last |letzte )?(?:publiee?|mise? a jour|modifiee?|actualisee?|postee?|posted|published|updated?"
    r"|veroffentlicht|aktualisiert|aktualisierung|stand|publicado|actualizado|pubblicato|aggiornato)"
    rf"(?: (?:le|la|a|the|on|at|am|um|vom|den|der|el|las|il|alle|h|uhr|pm|cet|est|{'|'.join(sorted(CALENDAR))}"
    r"|janv|fevr|avr|juil|sept?|oct|nov|dec|jan|feb|mar|apr|jun|jul|aug|[0-9.]+)(?= |\Z))*"
)


class _Fragment(Struct, frozen=True):
    """A sentence, or a line that is none."""

    words: tuple[str, ...]
    is_sentence: bool
    is_lead_in: bool  # "Lire aussi : …"


def fold(text: str) -> tuple[str, ...]:
    """The words of a text without case, accents and typography; a number is one word however it is grouped."""
    return _words(_plain(text))


def substance(item: Item) -> tuple[str, ...]:
    """The folded words of lead and text in their order, without what stands around them."""
    title = frozenset(fold(item.title))
    fragments = [fragment for paragraph in _paragraphs(item) for fragment in _fragments(paragraph)]
    fragments = [each for each in fragments if not (each.is_lead_in and len(each.words) < WRAPPING_WORDS)]
    if any(each.is_sentence for each in fragments):
        text = title.union(*(each.words for each in fragments if each.is_sentence))
        fragments = fragments[_wrapping(fragments, title, text) :]
        fragments = fragments[: len(fragments) - _wrapping(fragments[::-1], title, text)]
    return tuple(word for fragment in fragments for word in fragment.words)


def _plain(text: str) -> str:
    folded = _UNSEEN.sub("", unicodedata.normalize("NFKD", text.lower()))
    return " ".join(folded.replace("œ", "oe").replace("æ", "ae").replace("ß", "ss").split())


def _words(plain: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(_GROUPED.sub(_joined, plain).replace(",", ".")))


def _joined(number: re.Match[str]) -> str:
    return re.sub(r"\D", "", number.group())


def _paragraphs(item: Item) -> list[str]:
    """The paragraphs of lead and text that are no mere links; a text without markup is one paragraph."""
    lead = [] if item.lead.rstrip(" .…") in item.text else [item.lead]
    if not item.html:
        return [*lead, item.text]
    marked = unescape(_TAG.sub(_mark, _FIGURE.sub("\n", item.html)))
    lines = _LINK.sub(_marked_on_every_line, marked).split("\n")
    return [*lead, *(_LINK.sub(r"\1", line) for line in lines if not _is_link(line))]


def _marked_on_every_line(link: re.Match[str]) -> str:
    return "\n".join(f"{_LINK_STARTS}{line}{_LINK_ENDS}" for line in link[1].split("\n"))


def _mark(tag: re.Match[str]) -> str:
    if tag[2] == "a":
        return _LINK_ENDS if tag[1] else _LINK_STARTS
    return "" if tag[2] in _INLINE else "\n"


def _is_link(line: str) -> bool:
    linked = sum(len(each) for each in _LINK.findall(line))
    return linked >= LINKED_SHARE * len(line) > 0 and len(line.split()) < WRAPPING_WORDS


def _fragments(paragraph: str) -> list[_Fragment]:
    found = []
    for piece in _BETWEEN.split(_plain(paragraph)):
        before, colon, _ = piece.partition(":")
        lead_in, is_sentence = _words(before), bool(_SENTENCE.search(piece))
        invites = len(lead_in) <= LEAD_IN_WORDS and not _ALSO.isdisjoint(lead_in) and bool(colon or not is_sentence)
        if words := _unstamped(_words(piece)):
            found.append(_Fragment(words, is_sentence, invites))
    return found


def _unstamped(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words without "Mis à jour le 12 mars à 14 h" before them; "Mise à jour : 12 blessés" holds no moment."""
    stamp = _STAMP.match(" ".join(words))
    said = stamp.group().split() if stamp else []
    figures = sum(word[0].isdigit() for word in said)
    is_moment = figures > 0 and (figures + len(CALENDAR.intersection(said)) > 1 or not _CLOCK.isdisjoint(said))
    return words[len(said) :] if is_moment else words


def _wrapping(fragments: Sequence[_Fragment], title: Set[str], text: Set[str]) -> int:
    """How many fragments at the start are no text: 0 where they are so many words that they must be some."""
    run = list(takewhile(lambda each: _is_wrapping(each, title, text), fragments))
    return len(run) if sum(len(each.words) for each in run) < WRAPPING_WORDS else 0


def _is_wrapping(fragment: _Fragment, title: Set[str], text: Set[str]) -> bool:
    figures = [word for word in fragment.words if word[0].isdigit()]
    if fragment.is_sentence:
        return not figures and not (_CALLS - title).isdisjoint(fragment.words)
    if any(len(word) >= TELLING_LETTERS and word in text for word in fragment.words):
        return False
    return not figures or _is_counter(fragment.words, figures)


def _is_counter(words: tuple[str, ...], figures: Sequence[str]) -> bool:
    others = [word for word in words if word not in figures]
    is_short = len(figures) == 1 and 1 <= len(others) <= COUNTER_WORDS
    is_count = "." not in figures[0] or "k" in others  # "1,2 k vues"
    return is_short and is_count and (_UNITS | CALENDAR).isdisjoint(others)
