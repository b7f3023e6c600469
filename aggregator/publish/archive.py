"""What is kept of a closed page of the log: takes entries, gives bytes, and back."""

import zlib
from collections.abc import Sequence

import msgspec

from aggregator.model import FeedEntry

LEVEL = 4  # of zlib: in two fifths of the time of what is usual, a page is a twelfth larger

_decode = msgspec.json.Decoder(tuple[FeedEntry, ...]).decode


def pack(entries: Sequence[FeedEntry]) -> bytes:
    """Entries as compressed JSON: about 20 kB for a page of leads."""
    return zlib.compress(msgspec.json.encode(entries), LEVEL)


def unpack(content: bytes) -> tuple[FeedEntry, ...]:
    """The entries that `pack` got."""
    return _decode(zlib.decompress(content))
