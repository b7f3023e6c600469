"""Characters that no text of ours may hold: takes any string, gives one that XML, SQLite and readers can bear."""

import re

# Controls but tab and line feed, soft hyphen, zero-width and bidi controls, surrogates, noncharacters, language tags.
# A right-to-left override can turn the rest of a page round, and one control character makes a whole feed unreadable.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f"
    "\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_KEPT_JOINERS = "\u200c\u200d"
_SPACES = "\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
_LATIN = re.compile("(^|[\x00-\u058f])[\u200c\u200d]+")  # joiners mean something after emoji, Arabic, Indic letters


def scrub(text: str) -> str:
    """Remove what cannot be seen or stored. Bytes of cp1252 read as Latin-1 become the characters that were meant."""
    # Everything hidden is unprintable to Python; asking so costs 4 µs for 2 kB, the expression 40 µs.
    if text.replace("\n", "").replace("\xa0", "").replace("\u202f", "").isprintable():
        return text
    text = _HIDDEN.sub(_replacement, text.replace("\r\n", "\n"))
    return _LATIN.sub(r"\1", text) if "\u200c" in text or "\u200d" in text else text


def _replacement(match: re.Match[str]) -> str:
    character = match.group()
    if character in _KEPT_JOINERS:
        return character
    if "\x80" <= character <= "\x9f" and character != "\x85":
        return character.encode("latin-1").decode("cp1252", "ignore")
    return "\n" if character in _SPACES else ""
