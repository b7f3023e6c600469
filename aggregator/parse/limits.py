"""Takes the text of a feed, gives as much of it as is read within seconds; never mends what is broken.

What a document costs is for its source to choose: fifteen megabytes hold two million empty entries. So what is too much
is left out: entries beyond a number, entries of too much markup, and what is deep or late in one of too many elements.
What stands behind an entry that is too much is read all the same.
"""

import re
from itertools import islice, pairwise

ENTRIES_LIMIT = 12_000
MARKS_LIMIT = 600_000  # "<" of a document: looking at each costs 2 µs
ENTRY_MARKS_LIMIT = 50_000  # of an entry, or between two
PART_LIMIT = 5000  # elements of an entry, or between two: feedparser takes 17 µs for each
ELEMENTS_LIMIT = 100_000  # of a document; then a part may have so many:
SPARE_LIMIT = 30
DEPTH_LIMIT = 200  # of a part; lxml stops at 256
PIECES_LIMIT = 400_000  # objects and lists of JSON, which take 240 bytes each

TOO_LONG = "it is too long to be read whole"
FRAMES = frozenset(("rss", "rdf", "feed", "channel", "item", "entry"))

_MARK = re.compile("<")
_ENTRY = re.compile(r"<(?:[\w.-]{1,50}:)?(?:item|entry)(?=[\s>/])", re.IGNORECASE)
_ENTRY_END = re.compile(
    r"</(?:[\w.-]{1,50}:)?(?:item|entry)\s*>|<(?:[\w.-]{1,50}:)?(?:item|entry)(?:\s[^<>]*)?/>", re.IGNORECASE
)


def few_enough(text: str, root: str) -> tuple[str, str]:
    """Leave out what is too much of a document with the root of that name. → the text, and the flaw."""
    if text.count("<") <= ENTRIES_LIMIT:  # each entry begins with one
        return text, ""
    starts = [match.start() for match in islice(_ENTRY.finditer(text), ENTRIES_LIMIT + 1)]
    kept: list[str] = []
    marks = 0
    for start, end in pairwise([0, *starts, len(text)]):
        part = _short_enough(text[start:end])
        marks += part.count("<")
        if marks > MARKS_LIMIT or len(kept) > ENTRIES_LIMIT:  # the first part stands before the entries
            whole = "".join(kept)
            return closed(whole[: entry_end(whole)], root), TOO_LONG
        kept.append(part)
    whole = "".join(kept)
    return whole, "" if len(whole) == len(text) else TOO_LONG


def _short_enough(part: str) -> str:
    """An entry, and what follows it, without what has too much markup."""
    if part.count("<") <= ENTRY_MARKS_LIMIT:
        return part
    match = _ENTRY_END.search(part)
    if match is None:  # what stands before the entries, or one that never ends
        beyond = next(islice(_MARK.finditer(part), ENTRY_MARKS_LIMIT, None))
        return part[: beyond.start()]
    return "".join(each for each in (part[: match.end()], part[match.end() :]) if each.count("<") <= ENTRY_MARKS_LIMIT)


def entry_end(text: str) -> int:
    """Where the last whole entry ends, 0 where there is none."""
    end = 0
    for match in _ENTRY_END.finditer(text):
        end = match.end()
    return end


def closed(text: str, root: str) -> str:
    """A document that was cut after an entry, with the ends that it lost."""
    return f"{text}{'</channel>' if root.lower().endswith('rss') else ''}</{root}>"


class Shape:
    """What is open in a document, tag by tag. A part is an entry, or what stands between two."""

    def __init__(self) -> None:
        self.is_full = False  # nothing more of the part at hand is wanted
        self.was_full = False
        self._open: list[str] = []
        self._part = 0  # what is open from there on belongs to the part at hand
        self._elements = 0  # of that part
        self._total = 0

    def take(self, tag: str, written: str, name: str) -> str | None:
        """Note a tag and its name, as written and in small letters without prefix. → the ends that go before it; None
        if it is to be left out.
        """
        is_end = tag[1] == "/"
        if name in FRAMES:
            return self._turn(written, is_end=is_end, is_open=not tag.endswith("/>"))
        if self.is_full:
            return None
        if is_end:
            self._end(written.lower())
            return ""
        cost = 1 + tag.count("=") // 4
        self._elements += cost
        self._total += cost
        limit = PART_LIMIT if self._total <= ELEMENTS_LIMIT else SPARE_LIMIT
        if self._elements > limit or len(self._open) - self._part >= DEPTH_LIMIT:
            self.is_full = self.was_full = True
            return None
        if not tag.endswith("/>"):
            self._open.append(written)
        return ""

    def _end(self, name: str) -> None:
        """The last element of that name ends, and with it what was left open in it."""
        for at in range(len(self._open) - 1, self._part - 1, -1):
            if self._open[at].lower() == name:
                del self._open[at:]
                return

    def _turn(self, written: str, *, is_end: bool, is_open: bool) -> str:
        """One part ends here, and another begins. What an entry has left open would swallow the next one."""
        is_left = self.is_full or is_end
        ends = "".join(f"</{each}>" for each in reversed(self._open[self._part :])) if is_left else ""
        if is_left:
            del self._open[self._part :]
        if is_end and self._open and self._open[-1] == written:
            self._open.pop()
        elif not is_end and is_open:
            self._open.append(written)
        self._part, self._elements, self.is_full = len(self._open), 0, False
        return ends
