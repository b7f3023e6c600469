"""Takes the stream of an answer, gives its body unpacked, within a limit. Never holds more than the limit and a chunk.

aiohttp could unpack too, but only the whole of what it has read at a time: a kilobyte would become a megabyte first and
be counted afterwards.
"""

import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import aiohttp
import brotli

from aggregator.errors import ErrorClass, FetchError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK_BYTES = 1 << 16  # read, and unpacked, at a time
HEAD_BYTES = 64  # looked at before we believe that a body is packed
MEMBERS_LIMIT = 10_000  # gzip members or zstd frames in one body, 20 µs each; such files have hundreds
ZSTD_WINDOW_LOG = 23  # 8 MiB, as RFC 9659 has it; without it a few bytes may ask for 128 MiB

_MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_PLAIN = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<(?:\?xml|!doctype|!--|rss|feed|rdf|html)|\{\s*\")", re.IGNORECASE)
_UNPACKING_ERRORS = (zlib.error, brotli.error, zstd.ZstdError)


async def read_body(content: aiohttp.StreamReader, coding: str, limit: int, asked: str) -> bytes:
    """Read a stream to its end and unpack it; `coding` is its Content-Encoding, `limit` in bytes, packed or not.

    A Content-Encoding that lies is forgiven where the first bytes show it. Raises FetchError, and what aiohttp raises.
    """
    chunk = await _head(content)
    unpacker = _unpacker(coding, chunk, asked)
    pieces: list[bytes] = []
    packed = unpacked = 0
    try:
        while chunk:
            packed += len(chunk)
            _check(packed, limit, asked)
            for piece in unpacker.feed(chunk):
                pieces.append(piece)
                unpacked += len(piece)
                _check(unpacked, limit, asked)
            chunk = await content.read(CHUNK_BYTES)
    except _UNPACKING_ERRORS as error:
        raise FetchError(asked, ErrorClass.ENCODING, f"while unpacking body: {coding}: {error}") from error
    if packed and not unpacker.at_end:
        raise FetchError(asked, ErrorClass.CONNECTION, f"while unpacking body: {coding}: it ends too early")
    return b"".join(pieces)


async def _head(content: aiohttp.StreamReader) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES and (more := await content.read(CHUNK_BYTES)):
        head += more
    return head


def _check(size: int, limit: int, asked: str) -> None:
    if size > limit:
        raise FetchError(asked, ErrorClass.TOO_LARGE, f"while reading body: more than {limit / (1 << 20):g} MiB")


class _Codec(Protocol):
    """The manners that lzma and zstd share, and that zlib and brotli are taught here."""

    def decompress(self, data: bytes, limit: int, /) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._inner = zlib.decompressobj(window_bits)

    def decompress(self, data: bytes, limit: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, limit)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


class _Brotli:
    unused_data = b""

    def __init__(self) -> None:
        self._inner = brotli.Decompressor()

    def decompress(self, data: bytes, limit: int, /) -> bytes:
        return bytes(self._inner.process(data, output_buffer_limit=limit))  # up to half as much again

    @property
    def needs_input(self) -> bool:
        return bool(self._inner.can_accept_more_data())

    @property
    def eof(self) -> bool:
        return bool(self._inner.is_finished())


def _zstd() -> _Codec:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG})


_CODECS: Mapping[str, Callable[[], _Codec]] = {
    "gzip": lambda: _Zlib(zlib.MAX_WBITS | 16),
    "deflate": lambda: _Zlib(zlib.MAX_WBITS),
    "raw deflate": lambda: _Zlib(-zlib.MAX_WBITS),
    "br": _Brotli,
    "zstd": _zstd,
}


class _Plain:
    at_end = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Unpacker:
    """Unpacks a body of one coding; what follows its end is ignored, unless it is another gzip member or zstd frame."""

    def __init__(self, coding: str) -> None:
        self._new = _CODECS[coding]
        self._magic = _MAGIC.get(coding)
        self._codec = self._new()
        self._members = 1

    @property
    def at_end(self) -> bool:
        return self._codec.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Unpack what has come, some CHUNK_BYTES at a time."""
        while True:
            if self._codec.eof:
                data = self._codec.unused_data + data
                if self._magic is None or not data.startswith(self._magic) or self._members == MEMBERS_LIMIT:
                    return
                self._codec = self._new()
                self._members += 1
            piece = self._codec.decompress(data, CHUNK_BYTES)
            data = b""
            if piece:
                yield piece
            elif self._codec.needs_input and not self._codec.eof:
                return


def _unpacker(header: str, head: bytes, asked: str) -> _Unpacker | _Plain:
    codings = [each for each in header.lower().replace(" ", "").split(",") if each not in {"", "identity"}]
    if not codings or not head or _PLAIN.match(head):
        return _Plain()
    coding = codings[0].removeprefix("x-")
    if len(codings) > 1 or coding not in _CODECS:
        raise FetchError(asked, ErrorClass.ENCODING, f"while unpacking body: Content-Encoding {header[:100]!r}")
    if not head.startswith(_MAGIC.get(coding, b"")):
        return _Plain()
    is_zlib = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0  # RFC 1950 §2.2
    return _Unpacker("raw deflate" if coding == "deflate" and not is_zlib else coding)
