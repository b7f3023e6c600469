"""What characters may stand in a feed: takes values with any text, gives them fit for XML, JSON and readers' habits."""

import html
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar, cast

T = TypeVar("T")

# What XML 1.0 §2.2 does not allow, lone surrogates included: lxml refuses the whole document for one of them.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OPENS_A_TAG = re.compile(r"<(?![ \t\n\r\f\v])")  # PHP takes anything but ASCII space behind a < for a tag
_REFERENCE = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);?")


def printable(value: T) -> T:
    """Remove the characters that XML forbids from every text in a value, whatever it is made of.

    It is done once for a whole feed, so that no field can be forgotten and a bad character costs only itself.
    """
    result: Any = value
    if isinstance(value, str) and not isinstance(value, Enum):
        result = _FORBIDDEN.sub("", value) if _FORBIDDEN.search(value) else value
    elif isinstance(value, tuple):
        result = tuple(printable(each) for each in value)
    elif isinstance(value, Mapping):
        result = {key: printable(each) for key, each in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        result = type(value)(**{each.name: printable(getattr(value, each.name)) for each in fields(value)})
    return cast(T, result)


def undecodable(text: str) -> str:
    """Put a space behind each `<` and `&` that could open a tag or a character reference.

    RSS does not say whether its texts are plain or HTML, readers guess, and WordPress decodes a description once more
    than it should and then strips the tags. With the space a text reads the same however often it is decoded. Escaping
    it twice was rejected: readers that take the text as plain would show `&lt;`.
    """
    return _REFERENCE.sub(_spaced, _OPENS_A_TAG.sub("< ", text))


def _spaced(found: re.Match[str]) -> str:
    reference = found[0]
    return reference if html.unescape(reference) == reference else f"& {reference[1:]}"
