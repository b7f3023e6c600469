"""The value of searching: what a reader looks for."""

from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from msgspec import Struct


class Question(Struct, frozen=True):
    """Words, and what narrows them; whoever parses an address drops what cannot be."""

    words: str = ""  # as they were typed, with one space between them
    category: str = ""  # a slug
    departement: str = ""  # a code
    source: str = ""  # a slug
    genre: str = ""  # a model.Genre
    since: date | None = None  # the first day, in the time zone of the site
    until: date | None = None  # the last day

    @property
    def query(self) -> str:
        """The question in an address: one way to write each, "" where nothing is asked."""
        parts = {
            "q": self.words,
            "category": self.category,
            "departement": self.departement,
            "source": self.source,
            "genre": self.genre,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        return "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items() if value)

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but words is asked."""
        return self != Question(self.words)

    def span(self, zone: str) -> tuple[datetime | None, datetime | None]:
        """The first moment that is meant, and the first one after the last."""
        return _midnight(self.since, zone), _midnight(self.until and self.until + timedelta(days=1), zone)


NO_QUESTION = Question()


def _midnight(day: date | None, zone: str) -> datetime | None:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) if day else None
