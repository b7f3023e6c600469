"""Takes what an embedding site asks for in an address, gives how an embed looks. Reads nothing else."""

import re
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlencode

from msgspec import Struct

from web.negotiation import LANGUAGES

USUAL_STORIES, MOST_STORIES = 10, 20

_ACCENT = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_NUMBER = re.compile(r"[0-9]{1,2}")


class Theme(StrEnum):
    """Dark signs on light ground, the other way round, or as the visitor's system has it."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class Look(Struct, frozen=True):
    """How an embed was asked for; the defaults are the plain one."""

    accent: str = ""  # six hex digits in lower case; "": our own
    img: bool = True
    language: str = ""  # "": that of the site
    limit: int = USUAL_STORIES
    theme: Theme = Theme.AUTO

    @property
    def query(self) -> str:
        """The look in an address: one way to write each, "" for the plain one."""
        parts = {
            "accent": self.accent,
            "img": "" if self.img else "none",
            "lang": self.language,
            "limit": str(self.limit) if self.limit != USUAL_STORIES else "",
            "theme": self.theme if self.theme is not Theme.AUTO else "",
        }
        return urlencode({name: value for name, value in parts.items() if value})


def read_look(asked: Mapping[str, str], site_language: str) -> Look:
    """What is asked for; anything that cannot be means the default."""
    language, theme = asked.get("lang", ""), asked.get("theme", "")
    return Look(
        accent=_accent(asked.get("accent", "")),
        img=asked.get("img") != "none",
        language=language if language in LANGUAGES and language != site_language else "",
        limit=_limit(asked.get("limit", "")),
        theme=Theme(theme) if theme in set(Theme) else Theme.AUTO,
    )


def _accent(text: str) -> str:
    found = _ACCENT.fullmatch(text)
    if found is None:
        return ""
    digits = found[1].lower()
    return digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)


def _limit(text: str) -> int:
    number = int(text) if _NUMBER.fullmatch(text) else 0
    return number if 1 <= number <= MOST_STORIES else USUAL_STORIES
