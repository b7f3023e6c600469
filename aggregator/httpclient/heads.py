"""Takes what comes over a connection, hands the head of an answer to aiohttp before the rest; never looks into it.

Many servers send more than the length that they tell: they count characters instead of bytes, or something prints
behind the document. aiohttp reads what the length covers and leaves the rest, unless all of it comes at once: then it
takes the answer for broken, with its head. And where a body turns out to be broken later, it does not tell who reads
it, who would wait until the deadline.
"""

import asyncio

import aiohttp
from aiohttp.client_proto import ResponseHandler

HEAD_END = b"\r\n\r\n"


class HeadFirst(asyncio.Protocol):
    """Stands between a transport and the protocol of one answer."""

    def __init__(self, inner: ResponseHandler) -> None:
        self._inner = inner
        self._is_head = True
        self._body: aiohttp.StreamReader | None = None

    def watch(self, body: aiohttp.StreamReader) -> None:
        """Tell this body of faults, from now on."""
        self._body = body
        self._tell()

    def data_received(self, data: bytes) -> None:
        """Hand on what came, in two pieces where it holds the end of the head."""
        if self._is_head and (end := data.find(HEAD_END) + len(HEAD_END)) >= len(HEAD_END):
            self._is_head = False
            self._inner.data_received(data[:end])
            data = data[end:]
        if data:
            self._inner.data_received(data)
        self._tell()

    def _tell(self) -> None:
        error = self._inner.exception()
        if error is not None and self._body is not None and not self._body.is_eof():
            self._body.set_exception(aiohttp.ClientPayloadError(getattr(error, "message", str(error))))

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._inner.resume_writing()
