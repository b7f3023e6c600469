"""Takes the bytes of a document, gives its text; never looks at what the text says beyond its first declaration.

Declarations are often wrong, bytes hardly ever: text that is valid UTF-8 is UTF-8, whatever header and document claim.
"""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE_STARTS = ((re.compile(rb"[<{]\0[^\0]\0", re.S), "utf-16-le"), (re.compile(rb"\0[<{]\0[^\0]", re.S), "utf-16-be"))
_DECLARED = re.compile(
    rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)|<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_HEAD_BYTES = 2048  # where a declaration is looked for; HTML wants it within 1024
# Bytes that begin so are of an encoding that holds ASCII: UTF-16 and EBCDIC would make signs of it that nobody wrote.
_ASCII_START = re.compile(rb"(?:\xef\xbb\xbf)?([\t\n\r -~]{4})")
_START_CHARS = 10
# Python knows "encodings" that are none of text (zlib), or that cost more than they should (idna): only these are used.
_KNOWN = re.compile(r"iso8859|cp|koi8|mac|gb|big5|euc|shift_jis|tis|utf-16|utf-32")
_CONTROLS = bytes({*range(0x20), 0x7F} - {9, 10, 13})
_ILLEGAL = _CONTROLS.decode() + "\ufffe\uffff"
_LAST = "\uffff".encode()
# The sites that cut UTF-8 texts in the middle of a character leave these lead bytes behind; no French text has them in
# windows-1252, where they are Â and Ã.
_LEFT_BEHIND = b"\xc2\xc3"


def decode(body: bytes, content_type: str) -> tuple[str, str]:
    """Decode a document → its text, without characters that XML forbids, and its flaw.

    Raises UnicodeError for what says it is UTF-16 or UTF-32 and is not.
    """
    if wide := _wide(body):
        text = body.decode(wide, "replace").removeprefix("\ufeff")
        if "<" not in text and "{" not in text:
            raise UnicodeError(f"it begins like {wide.upper()}, but is not")
        return without_controls(text), ""
    try:
        text = body.decode("utf-8-sig")
        return (text if _is_clean(body) else without_controls(text)), ""
    except UnicodeDecodeError:
        text, flaw = _single(body, content_type)
        return without_controls(text), flaw


def without_controls(text: str) -> str:
    """Drop the characters that no XML document may hold (XML 1.0 §2.2); databases dislike them as much."""
    for character in _ILLEGAL:  # an expression would hold a piece of the text for each that it takes out
        if character in text:
            text = text.replace(character, "")
    return text


def _is_clean(body: bytes) -> bool:
    """Whether UTF-8 holds no character that XML forbids; asked of the bytes it takes a tenth of the time."""
    return len(body.translate(None, _CONTROLS)) == len(body) and b"\xef\xbf\xbe" not in body and _LAST not in body


def _wide(body: bytes) -> str:
    for mark, name in _MARKS:
        if body.startswith(mark):
            return name
    for start, name in _WIDE_STARTS:
        if start.match(body):
            return name
    return ""


def _single(body: bytes, content_type: str) -> tuple[str, str]:
    """Decode what is not valid UTF-8: as the document says, or the server, or as windows-1252 byte by byte."""
    head = _DECLARED.search(body[:_HEAD_BYTES])
    header = _CHARSET.search(content_type)
    names = [(head[1] or head[2]).decode("ascii")] if head else []
    names += [header[1]] if header else []
    unknown = [name for name in names if not _codec(name) and not _is_utf8(name)]
    for name in filter(None, map(_codec, names)):
        try:
            text = body.decode(name)
        except UnicodeError:
            continue
        start = _ASCII_START.match(body)
        if start is None or start[1].decode("ascii") in text[:_START_CHARS]:
            return text, ""
    said = f"its encoding {unknown[0]!r} is unknown" if unknown else "it is not valid UTF-8"
    return _guessed(body.removeprefix(codecs.BOM_UTF8)), f"{said}; read as windows-1252"


def _guessed(body: bytes) -> str:
    """Decode as UTF-8 with strange bytes in it, or as windows-1252 where most are strange.

    Of windows-1252 some pairs and triples happen to be valid UTF-8 ("é »" is), so it must not be read piecewise.
    """
    text = body.decode("utf-8", "replace")
    strange = text.count("\ufffd")
    if strange > sum(character > "\x7f" for character in text) - strange:
        return body.decode("cp1252", "replace")
    return body.decode("utf-8", _HANDLER)


def _is_utf8(name: str) -> bool:
    return name.lower().replace("-", "").replace("_", "") in {"utf8", "usascii", "ascii"}


def _codec(name: str) -> str:
    """The name of a codec that may be used, else "". Latin-1 is windows-1252 in practice (WHATWG Encoding §4.2)."""
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return ""
    if codec in {"iso8859-1", "latin-1"}:
        return "cp1252"
    return codec if _KNOWN.match(codec) else ""


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are not UTF-8 as windows-1252; an error handler of `bytes.decode`."""
    assert isinstance(error, UnicodeDecodeError)
    piece = error.object[error.start : error.end]
    if piece[0] in _LEFT_BEHIND or len(piece) > 1:
        return "\ufffd", error.end
    return piece.decode("cp1252", "replace"), error.end


_HANDLER = "tributary.windows-1252"
codecs.register_error(_HANDLER, _as_windows_1252)
