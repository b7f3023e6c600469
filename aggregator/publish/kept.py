"""Entries once rendered: takes what an entry's bytes depend on, gives the bytes, made anew only where it must."""

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from threading import Lock

import msgspec

from aggregator.model import FeedEntry, Format, Item
from aggregator.publish.characters import printable
from aggregator.publish.shown import Shown

KEPT_BYTES = 32 * 1024 * 1024  # about 19,000 entries with leads, 37 MiB with all that holds them
KEY_BYTES = 16
KEPT_ITEMS = 2048  # of which the digest is known

_around_entry = attrgetter(*(name for name in Shown.__struct_fields__ if name != "entry"))
_around_item = attrgetter(*(name for name in FeedEntry.__struct_fields__ if name != "item"))
_encode = msgspec.json.Encoder().encode


def key_of(shown: Shown, format: Format) -> bytes:
    """What tells this form of an entry from every other, in every process: a hash over all that it is made of."""
    try:
        packed = _packed(shown, format)
    except UnicodeEncodeError:  # half of a surrogate pair, which no document could hold either
        packed = _packed(printable(shown), format)
    return blake2b(packed, digest_size=KEY_BYTES).digest()


def _packed(shown: Shown, format: Format) -> bytes:
    entry = shown.entry
    return _digest(entry.item) + _encode((format, _around_item(entry), _around_entry(shown)))


@lru_cache(KEPT_ITEMS)
def _digest(item: Item) -> bytes:
    """The longest part of an entry; the store gives the same object again, which is found without reading it."""
    return blake2b(_encode(item), digest_size=KEY_BYTES).digest()


class Kept:
    """Bytes by key; what was not asked for longest is given up first. Safe to share between threads."""

    def __init__(self, limit_bytes: int = KEPT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._held: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = Lock()

    def take(self, key: bytes, make: Callable[[], bytes]) -> bytes:
        """What is held under the key, else what `make` gives; two threads may both make it."""
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                self._held.move_to_end(key)
                return held
        made = make()
        with self._lock:
            self._bytes += len(made) - len(self._held.pop(key, b""))
            self._held[key] = made
            while self._bytes > self._limit_bytes:
                self._bytes -= len(self._held.popitem(last=False)[1])
        return made
