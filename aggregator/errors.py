"""The family of errors; nothing else is raised across the border of a module.

AggregatorError
├── ConfigError          settings, feeds.opml or the categories cannot be used: the start stops
├── SourceError          one source failed; in the pipeline it becomes a value
│   ├── FetchError       the request
│   ├── ParseError       the document
│   └── PushError        a hub or a subscriber
└── StoreError           the database
    ├── HidingError      what cannot be hidden or shown again
    └── PinError         an editor's word that cannot be taken
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
    """The root of the family."""


class ConfigError(AggregatorError):
    """The program cannot start with what it was given; the message names file, line and reason."""


class SourceError(AggregatorError):
    """Something failed for one source; `error_class` says what, the message where and why."""

    def __init__(self, source_url: str, error_class: ErrorClass, message: str) -> None:
        super().__init__(source_url, error_class, message)  # as given, so that it survives pickling
        self.source_url = source_url
        self.error_class = error_class
        self.message = message

    def __str__(self) -> str:
        return f"{self.message}: {self.source_url!r}"


class FetchError(SourceError):
    """A request could not be made or its answer could not be read."""


class ParseError(SourceError):
    """A document is no feed, or cannot be read within the limits."""


class PushError(SourceError):
    """A push from a hub was refused, or one to a subscriber failed."""


class StoreError(AggregatorError):
    """The database refused; nothing of the transaction was written."""


class HidingError(StoreError):
    """What cannot be hidden or shown again; nothing was written."""


class PinError(StoreError):
    """A pin cannot be made or undone; the message says which others stand in the way, and how."""
