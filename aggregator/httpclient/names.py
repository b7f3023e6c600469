"""Takes a host name, gives its addresses, by the system's own resolution. Never judges them."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult

LOCAL = "localhost"  # with whatever before it: this machine, which not every system knows (RFC 6761 §6.3)
ADDRESSES_LIMIT = 16  # of one name: each that cannot be reached costs time


class Sparing(AbstractResolver):
    """Gives the first addresses of those that another resolver finds, and OSError where it finds none."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See AbstractResolver."""
        if host.rstrip(".").lower().rpartition(".")[2] == LOCAL:
            host = LOCAL
        found = await self._inner.resolve(host, port, family)
        if not found:
            raise OSError("the name has no address")
        return found[:ADDRESSES_LIMIT]

    async def close(self) -> None:
        """Leave the other one to whoever made it."""


class Resolver(AbstractResolver):
    """Resolves each name in a thread, of which it has its own.

    getaddrinfo() blocks for many seconds where a domain's name servers are dead. In the loop's pool, with six threads
    on a small machine, six such sources would make all others time out, and hold up whatever else runs there.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "resolve")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give every address of the host, in the system's order of preference; OSError if there is none."""
        ask = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(self._pool, ask)
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=proto, flags=numeric)
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Let the threads go; those that wait for a name server end when it does."""
        self._pool.shutdown(wait=False, cancel_futures=True)
