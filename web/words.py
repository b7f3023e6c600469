"""Takes what the program knows of a source or an item, gives words that people read. Never reads the store."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from aggregator.errors import ErrorClass
from aggregator.model import Format, Genre, Stored, Story
from aggregator.store import SourceView
from web.language import lazy_gettext

LEAD_LIMIT_CHARACTERS = 420
LOUD_LETTERS, LOUD_SHARE = 16, 0.8
UPDATED_AFTER_SECONDS = 300  # a correction in the first minutes is no news

_HOST = re.compile(r"[^/?#]*//[^/?#]*")  # with the scheme


class Health(StrEnum):
    """How a source is, in one word."""

    OK = "ok"
    WAITING = "waiting"  # never checked yet
    FAILING = "failing"
    PAUSED = "paused"
    UNLISTED = "unlisted"  # no longer in feeds.opml


HEALTH_WORDS = {
    Health.OK: lazy_gettext("Works."),
    Health.WAITING: lazy_gettext("Waits for its first check."),
    Health.FAILING: lazy_gettext("Does not work."),
    Health.PAUSED: lazy_gettext("Paused by the editors."),
    Health.UNLISTED: lazy_gettext("No longer followed; what it published before stays readable."),
}

TROUBLE_WORDS = {
    ErrorClass.TIMEOUT: lazy_gettext("It does not answer in time."),
    ErrorClass.TOO_LARGE: lazy_gettext("It sends a document that is too large."),
    ErrorClass.CONNECTION: lazy_gettext("It cannot be reached."),
    ErrorClass.TLS: lazy_gettext("Its security certificate is not valid."),
    ErrorClass.BLOCKED_ADDRESS: lazy_gettext("Its address lies inside a private network, where we do not go."),
    ErrorClass.REDIRECT_LOOP: lazy_gettext("It sends us round in circles."),
    ErrorClass.BAD_REDIRECT: lazy_gettext("It sends us on to an address that cannot be used."),
    ErrorClass.HTTP_4XX: lazy_gettext("It answers that there is nothing at this address."),
    ErrorClass.GONE: lazy_gettext("It says that it has ended."),
    ErrorClass.AUTH: lazy_gettext("It asks for a password, or turns us away."),
    ErrorClass.RATE_LIMITED: lazy_gettext("It asks us to come less often."),
    ErrorClass.UNAVAILABLE: lazy_gettext("It reports a breakdown on its side."),
    ErrorClass.NOT_A_FEED: lazy_gettext("It sends something else than a feed."),
    ErrorClass.BROKEN_XML: lazy_gettext("Its feed is too damaged to be read."),
    ErrorClass.ENCODING: lazy_gettext("Its text cannot be decoded."),
    ErrorClass.EMPTY: lazy_gettext("It sends an empty document."),
    ErrorClass.SUSPECT: lazy_gettext("It sends something unlike its usual self; we look again before believing it."),
    ErrorClass.TOO_COSTLY: lazy_gettext("Its document takes too long to read."),
    ErrorClass.INTERNAL: lazy_gettext("We made a mistake while reading it; it is in our log."),
}

LAST_SUCCESS = lazy_gettext("Last success:")
NEVER_WORKED = lazy_gettext("It has never worked.")
NEWEST = lazy_gettext("Newest item:")
NEXT_CHECK = lazy_gettext("Next check:")
CHECK_DUE = lazy_gettext("The next check is due.")

RULE_WORDS = {
    "source": lazy_gettext("chosen for this source by the editors"),
    "source-tags": lazy_gettext("the source's own tag “%(evidence)s”, translated by the editors for this source"),
    "aliases": lazy_gettext("the source's own tag “%(evidence)s”"),
    "path": lazy_gettext("“%(evidence)s” in the address of the page"),
    "none": lazy_gettext("no rule applied"),
    "rule": lazy_gettext("a rule of the editors that looks for “%(evidence)s”"),
    "editor": lazy_gettext("chosen for this item by the editors"),
}

FORMAT_NAMES = {Format.RSS: "RSS", Format.ATOM: "Atom", Format.JSON: "JSON Feed"}
FORMAT_TYPES = {
    Format.RSS: "application/rss+xml",
    Format.ATOM: "application/atom+xml",
    Format.JSON: "application/feed+json",
}


class Badge(Struct, frozen=True):
    """A mark beside a story's title."""

    kind: str
    text: str


def health_of(view: SourceView) -> Health:
    """How a source is; what editors decided comes before what the network says."""
    if not view.listed:
        return Health.UNLISTED
    if view.source.paused:
        return Health.PAUSED
    if view.state.error_class is not None:
        return Health.FAILING
    return Health.OK if view.state.checked_at else Health.WAITING


def facts_of(view: SourceView, now: datetime, *, brief: bool = False) -> list[tuple[str, datetime | None]]:
    """What there is to say of a source beside its health: sentences, and the time that ends one, None where none does.
    A brief one leaves out what is as it should be.
    """
    health, state = health_of(view), view.state
    facts: list[tuple[str, datetime | None]] = []
    if health is Health.FAILING and state.error_class is not None:
        facts.append((TROUBLE_WORDS[state.error_class], None))
        facts.append((LAST_SUCCESS, state.succeeded_at) if state.succeeded_at else (NEVER_WORKED, None))
    elif health is Health.OK and view.newest:
        facts.append((NEWEST, view.newest))
    if state.next_check_at and (health is Health.FAILING or (health is Health.OK and not brief)):
        facts.append((NEXT_CHECK, state.next_check_at) if state.next_check_at > now else (CHECK_DUE, None))
    return facts


def badges_of(stored: Stored, genre_label: str, synonyms: Iterable[str]) -> tuple[Badge, ...]:
    """The genre where it is not an article, then the labels that say something else; `synonyms` name the genre too."""
    genre = () if stored.item.genre is Genre.ARTICLE else (Badge("genre", genre_label),)
    known = [_letters(text) for text in (genre_label, *synonyms)] if genre else []
    labels = {_letters(label): label.strip(" ()•:[]") for label in stored.item.labels}
    others = (
        Badge("label", label)
        for letters, label in labels.items()
        if letters and not any(letters.startswith(each) or each.startswith(letters) for each in known)
    )
    return (*genre, *others)


def updated_at(story: Story) -> datetime | None:
    """When a story changed in a way readers want to know, None where it has not since it was published."""
    late = (story.updated - story.sort_at).total_seconds()
    return story.updated if late > UPDATED_AFTER_SECONDS else None


def items_of(story: Story) -> tuple[Stored, ...]:
    """Every item of a story, the lead first."""
    return (story.lead, *story.others)


def sources_of(story: Story) -> tuple[str, ...]:
    """The URLs of a story's sources, each once, that of the lead first."""
    return tuple(dict.fromkeys(stored.item.source for stored in items_of(story)))


def event_sources_of(story: Story) -> int:
    """How many sources tell of a story's event, its own among them."""
    return max(story.event_sources, len(sources_of(story)))


def is_loud(title: str) -> bool:
    """Whether a title is written in capitals, but for a few letters; a word or two in them is a name."""
    letters = [character for character in title if character.isalpha()]
    return len(letters) >= LOUD_LETTERS and sum(map(str.isupper, letters)) >= LOUD_SHARE * len(letters)


def web_link(url: str) -> str:
    """The URL where it leads to the web, "" where it is of any other kind (javascript:, data:, a relative one).
    Brackets are escaped where none may stand (RFC 3986 §3.4), though sources write them: `?news[id]=3`.
    """
    if not url.lower().startswith(("http://", "https://")):
        return ""
    if "[" not in url and "]" not in url:
        return url
    host = _HOST.match(url)
    start = host.end() if host else 0
    return url[:start] + url[start:].replace("[", "%5B").replace("]", "%5D")


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if character.isalnum())
