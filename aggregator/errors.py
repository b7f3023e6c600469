"""The family of errors; nothing else is raised across the border of a module.

AggregatorError
├── ConfigError          settings, feeds.opml or the categories cannot be used: the start stops
│   └── ChangedError     a file was changed by somebody else meanwhile
├── SourceError          one source failed; in the pipeline it becomes a value
│   ├── FetchError       the request
│   ├── ParseError       the document
│   │   └── PageError    a page for people where a feed was
│   └── PushError        a hub or a subscriber
├── DeskError            what an editor asked for cannot be done
│   ├── ConflictError    because somebody else changed it meanwhile
│   ├── HidingError      what cannot be hidden or shown again
│   └── PinError         an editor's word that cannot be taken
└── StoreError           the database
    └── UnwritableError  not now: the disk is full, or another process holds the lock
"""

from enum import StrEnum


class ErrorClass(StrEnum):
    """What is wrong with a source: one word that editors filter by; `web` says it in sentences."""

    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    CONNECTION = "connection"
    TLS = "tls"
    BLOCKED_ADDRESS = "blocked_address"
    REDIRECT_LOOP = "redirect_loop"
    BAD_REDIRECT = "bad_redirect"
    HTTP_4XX = "http_4xx"
    GONE = "gone"
    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    NOT_A_FEED = "not_a_feed"
    BROKEN_XML = "broken_xml"
    ENCODING = "encoding"
    EMPTY = "empty"
    SUSPECT = "suspect"
    TOO_COSTLY = "too_costly"
    INTERNAL = "internal"


class AggregatorError(Exception):
    """The root of the family. Where `values` are given, `text` holds their names as `%(name)s`: so pages can say it in
    their language.
    """

    def __init__(self, text: str = "", /, **values: object) -> None:
        super().__init__(text % values if values else text)
        self.text = text
        self.values = values


class ConfigError(AggregatorError):
    """The program cannot start with what it was given; the message names file, line and reason."""


class ChangedError(ConfigError):
    """A file is not what it was when it was read, so it was not replaced."""


class DeskError(AggregatorError):
    """What an editor asked for cannot be done; the message tells the editor why. Nothing was changed."""


class ConflictError(DeskError):
    """What an editor changed is not what they saw: `theirs` and `ours` are both versions, as lines of text."""

    def __init__(self, text: str, theirs: str, ours: str) -> None:
        super().__init__(text)
        self.theirs = theirs  # as it stands now
        self.ours = ours  # as it was to be


class HidingError(DeskError):
    """What cannot be hidden or shown again."""


class PinError(DeskError):
    """A pin cannot be made or undone; the message says which others stand in the way, and how."""


class SourceError(AggregatorError):
    """Something failed for one source; `error_class` says what, the message where and why."""

    def __init__(self, source_url: str, error_class: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.args = source_url, error_class, message  # as given, so that it survives pickling
        self.source_url = source_url
        self.error_class = error_class
        self.message = message

    def __str__(self) -> str:
        return f"{self.message}: {self.source_url!r}"


class FetchError(SourceError):
    """A request could not be made or its answer could not be read."""


class ParseError(SourceError):
    """A document is no feed, or cannot be read within the limits."""


class PageError(ParseError):
    """A page for people where a feed was; `announced` is the feed that it names, "" where it names none."""

    def __init__(self, source_url: str, message: str, announced: str) -> None:
        super().__init__(source_url, ErrorClass.NOT_A_FEED, message)
        self.args = (source_url, message, announced)  # as given, so that it survives pickling
        self.announced = announced


class PushError(SourceError):
    """A push from a hub was refused, or one to a subscriber failed."""


class StoreError(AggregatorError):
    """The database refused; nothing of the transaction was written."""


class UnwritableError(StoreError):
    """Nothing can be written for now: the disk is full or fails, or another process holds the lock. The same may work
    later.
    """
