"""What characters may stand in a feed: takes values with any text, gives them fit for XML, JSON and readers' habits."""

import html
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, cast
from urllib.parse import quote

import idna
from msgspec import Struct

T = TypeVar("T")

# What XML 1.0 §2.2 does not allow, lone surrogates included: lxml refuses the whole document for one of them. Nor what
# it discourages, as HTML does: the controls of C1 and what is no character in any plane.
_ENDS_OF_PLANES = "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(17))
_FORBIDDEN = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_ENDS_OF_PLANES}]")
_LOST = "\ufffd"  # stands for what somebody could not decode; readers show a box, validators warn
_OPENS_A_TAG = re.compile(r"<(?![ \t\n\r\f\v])")  # PHP takes anything but ASCII space behind a < for a tag
_SAFE = "%;/?:@&=+$,#-_.!~*'()"  # of a URI, beside letters and figures
_FIT = re.compile(r"[A-Za-z0-9%;/?:@&=+$,#_.!~*'()-]*")
_REFERENCE = re.compile(r"&#?\w+;?")


def printable(value: T) -> T:
    """Remove the characters that XML forbids from every text in a value, whatever it is made of, and ask for those that
    were lost on the way with a question mark.

    It is done once for a whole feed, so that no field can be forgotten and a bad character costs only itself.
    """
    result: Any = value
    if isinstance(value, str) and not isinstance(value, Enum):
        # What Python takes for printable is: to ask so costs a tenth of the expression.
        result = (value if value.isprintable() else _FORBIDDEN.sub("", value)).replace(_LOST, "?")
    elif isinstance(value, tuple):
        result = tuple(printable(each) for each in value)
    elif isinstance(value, Mapping):
        result = {key: printable(each) for key, each in value.items()}
    elif isinstance(value, Struct):
        result = type(value)(*(printable(getattr(value, name)) for name in value.__struct_fields__))
    return cast(T, result)


def undecodable(text: str) -> str:
    """Put a space behind each `<` and `&` that could open a tag or a character reference, or be taken for that.

    RSS does not say whether its texts are plain or HTML, readers guess, and WordPress decodes a description once more
    than it should and then strips the tags. With the space a text reads the same however often it is decoded. Escaping
    it twice was rejected: readers that take the text as plain would show `&lt;`.
    """
    return _REFERENCE.sub(_spaced, _OPENS_A_TAG.sub("< ", text))


def uri(address: str) -> str:
    """Write an address of the web without the characters that a URI may not hold (RFC 3987 §3.1): RSS knows no others,
    and few clients take them. One that is fit stays as it is, escapes and all.
    """
    if _FIT.fullmatch(address):
        return address
    scheme, colon, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not host.isascii():
        name, port_colon, port = host.partition(":")
        try:
            host = idna.encode(name, uts46=True).decode("ascii") + port_colon + port
        except (idna.IDNAError, UnicodeError):
            host = quote(host, safe=_SAFE)
    return f"{scheme}{colon}{quote(user, safe=_SAFE)}{at}{host}{slash}{quote(path, safe=_SAFE)}"


def _spaced(found: re.Match[str]) -> str:
    reference = found[0]
    is_word = reference[1:].rstrip(";").isalpha()  # "R&D"; validators take any other for a reference: "1&1", "&_"
    return reference if is_word and html.unescape(reference) == reference else f"& {reference[1:]}"
