"""The names of sources in addresses of ours: takes what a source is called, gives a slug that is given once."""

import re
import unicodedata
from collections.abc import Container

LENGTH_LIMIT = 60
_NO_WORD = re.compile(r"[^a-z0-9]+")


def slug_of(name: str, taken: Container[str]) -> str:
    """A slug of lower-case letters, digits and hyphens that is not taken yet."""
    letters = unicodedata.normalize("NFKD", name.casefold().replace("œ", "oe").replace("æ", "ae"))
    text = "".join(letter for letter in letters if not unicodedata.combining(letter))
    plain = _NO_WORD.sub("-", text)[:LENGTH_LIMIT].strip("-") or "source"
    slug, number = plain, 2
    while slug in taken:
        slug, number = f"{plain}-{number}", number + 1
    return slug
