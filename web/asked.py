"""Takes an address of a feed, says what is asked for, and how that is written. Never reads the store.

There is one way to write each question; `Asked.target` is it, and everything else is sent there.
"""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar
from urllib.parse import parse_qsl, quote

from msgspec import Struct
from msgspec.structs import replace

from aggregator.model import AS_ANNOUNCED, NO_QUESTION, Content, Format, Genre, Options, Picture, Question
from aggregator.publishing import SEARCH

LIMITS = (1, 3, 5, 10, 15, 20, 30, 50, 100)  # the lengths that can be asked for: few, so that caches hold few answers
LIMIT_DIGITS = 6  # longer numbers mean as many as there are
QUERY_LIMIT_CHARACTERS = 300
FIELDS_LIMIT = 20  # of a query; who sends more means no good
ASKED_KEPT = 4096  # addresses that need not be read again

_PATH = re.compile(
    r"/feeds/(?P<slug>[^/.]+(?:/[^/.]+){0,2}?)(?:/archive/(?P<page>[1-9][0-9]{0,8}))?\.(?P<extension>atom|rss|json)"
)

_SLUG, _CODE = re.compile(r"[a-z0-9-]{1,80}"), re.compile(r"[0-9A-Za-z-]{1,10}")
_DAY = re.compile(r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}")

Choice = TypeVar("Choice", bound=StrEnum)


class Asked(Struct, frozen=True):
    """One representation of a feed, of a closed page of its log, or of what a search finds."""

    slug: str
    format: Format
    options: Options = AS_ANNOUNCED
    page: int = 0  # 0: the head
    question: Question = NO_QUESTION
    raw: bool = False  # as plain text, for a person who wants to see the document

    @property
    def target(self) -> str:
        """Path and query."""
        page = f"/archive/{self.page}" if self.page else ""
        asked = f"?{self.words}" if self.words else ""
        return f"/feeds/{quote(self.slug)}{page}.{self.format}{asked}"

    @property
    def words(self) -> str:
        """The query: what is searched for, the options, and whether it is for a person."""
        parts = (self.question.query, self.options.query, "raw=1" if self.raw else "")
        return "&".join(filter(None, parts))

    @property
    def is_announced(self) -> bool:
        """Whether it is a feed as our pages announce it."""
        return self.options == AS_ANNOUNCED and not (self.page or self.question.query or self.raw)

    def shown_raw(self) -> "Asked":
        """The same as plain text."""
        return replace(self, raw=True)


@lru_cache(ASKED_KEPT)
def read(path: str, query: str, length: int) -> tuple[Asked, bool] | None:
    """What an address asks for, and whether it is written as it should be; None for what can be no feed. `path` is
    decoded, `query` is not; both come as WSGI gives them, a character for each byte. `length` is that of a head.
    """
    found = _PATH.fullmatch(_decoded(path))
    if found is None:
        return None
    given = words_of(query)
    page = int(found["page"] or 0)
    asked = Asked(
        slug=found["slug"],
        format=Format(found["extension"]),
        options=AS_ANNOUNCED if page else options_of(given, length),
        page=page,
        question=question_of(given) if found["slug"] == SEARCH and not page else NO_QUESTION,
        raw=given.get("raw") == "1",
    )
    return asked, query == asked.words


def words_of(query: str) -> Mapping[str, str]:
    """The names and values of a query as WSGI gives it; of several with one name the first."""
    try:
        pairs = parse_qsl(_decoded(query), keep_blank_values=True, max_num_fields=FIELDS_LIMIT, errors="replace")
    except ValueError:
        return {}
    return dict(reversed(pairs))


def query_of(text: str) -> str:
    """What is searched for: the words as they were typed, with one space between them."""
    return " ".join(text.replace("\0", " ").split())[:QUERY_LIMIT_CHARACTERS].strip()


def question_of(given: Mapping[str, str]) -> Question:
    """What is searched for, as far as it can be told without knowing what there is; see `Site.known`."""
    return Question(
        words=query_of(given.get("q", "")),
        category=_shaped(_SLUG, given.get("category", "")),
        departement=_shaped(_CODE, given.get("departement", "")),
        source=_shaped(_SLUG, given.get("source", "")),
        genre=given.get("genre", "") if given.get("genre") in set(Genre) else "",
        since=_day(given.get("since", "")),
        until=_day(given.get("until", "")),
    )


def options_of(given: Mapping[str, str], length: int) -> Options:
    """The options that were asked for; what is none of ours means the default, a length the nearest that we have."""
    return Options(
        img=_choice(Picture, given.get("img", ""), AS_ANNOUNCED.img),
        content=_choice(Content, given.get("content", ""), AS_ANNOUNCED.content),
        limit=_limit(given.get("limit", ""), length),
        credit=given.get("credit") == "prefix",
    )


def _choice(kind: type[Choice], text: str, default: Choice) -> Choice:
    return kind(text) if text in set(kind) else default


def _shaped(shape: re.Pattern[str], text: str) -> str:
    return text if shape.fullmatch(text) else ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(_shaped(_DAY, text))
    except ValueError:
        return None


def _limit(text: str, length: int) -> int:
    number = text.removeprefix("-")
    if not (number.isascii() and number.isdigit()):
        return 0
    wanted = -1 if text.startswith("-") else int(number) if len(number) <= LIMIT_DIGITS else LIMITS[-1]
    nearest = min((*LIMITS, length), key=lambda limit: (abs(limit - wanted), limit))
    return 0 if nearest == length else nearest


def _decoded(text: str) -> str:
    return text.encode("latin-1", "replace").decode("utf-8", "replace")
