"""Pictures of sources: takes an address, gives the picture from a folder of ours, fetched into it when first asked for.

Never judges who may ask: `web.pictures` does. Each answer is a file, whether it is a picture or that there is none, so
all processes of a site ask a source once. Safe to share between threads.
"""

import asyncio
import fcntl
import logging
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from enum import IntEnum
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock
from urllib.parse import urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.errors import ErrorClass, FetchError
from aggregator.httpclient import HttpClient
from web.site import Clock

PICTURE_LIMIT_MIB = 5.0
TIMEOUT_SECONDS = 10.0  # for a whole answer, redirects included
PATIENCE_SECONDS = 2 * TIMEOUT_SECONDS + 5  # another process may have begun before us
WAITING_LIMIT = 16  # requests of this process that wait for a source; `web.serving` has as many threads more
HOST_LIMIT = 8  # of them, for one host
FOLDER_LIMIT_BYTES = 256 << 20
BLOCK_BYTES = 4096  # what the smallest file takes
DAY_SECONDS = 86_400
KEPT_SECONDS = 7 * DAY_SECONDS  # then a picture is fetched anew
NONE_MARK, FAILED_MARK = b"404", b"502"  # in a file, in place of a picture
ACCEPT = "image/avif, image/webp, image/png, image/jpeg, image/gif;q=0.9"

# What another try would meet again.
_LASTING = {
    *(ErrorClass.TOO_LARGE, ErrorClass.BLOCKED_ADDRESS, ErrorClass.BAD_REDIRECT, ErrorClass.REDIRECT_LOOP),
    ErrorClass.ENCODING,
}
_PASSING_STATUSES = {408, 425, 429}  # of the 4xx

log = logging.getLogger(__name__)


class Picture(Struct, frozen=True):
    """A picture as its source sent it."""

    body: bytes
    type: str  # by its first bytes


class Missing(IntEnum):
    """Why there is no picture, as the status of the answer."""

    NONE = 404  # nothing there, or no picture
    FAILED = 502
    BUSY = 503  # too many wait already; nobody was asked

    @property
    def kept_seconds(self) -> int:
        """How long the source is not asked again."""
        return {Missing.NONE: DAY_SECONDS // 4, Missing.FAILED: 600, Missing.BUSY: 0}[self]


Found = Picture | Missing


class Gallery(Struct):
    """The pictures of one site, in a folder of their own that others may empty at any time."""

    folder: Path
    settings: Settings
    clock: Clock
    limit_bytes: int = FOLDER_LIMIT_BYTES
    _waiting: Counter[str] = field(default_factory=Counter)  # by host
    _flights: dict[str, Future[Found]] = field(default_factory=dict)  # what is being fetched, by file
    _written_bytes: int = FOLDER_LIMIT_BYTES  # since the folder was measured, which the first one has done
    _lock: Lock = field(default_factory=Lock)

    def take(self, url: str) -> Found:
        """The picture at an address; its source is asked where nothing is known of it. OSError if the folder cannot be
        read. TimeoutError if another process is at it for too long.
        """
        name, host = blake2b(url.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(), _host(url)
        found = self._kept(name)
        if found is not None:
            return found
        with self._lock:
            if self._waiting.total() >= WAITING_LIMIT or self._waiting[host] >= HOST_LIMIT:
                return Missing.BUSY
            self._waiting[host] += 1
            flight = self._flights.get(name)
            leads = flight is None
            if flight is None:
                flight = self._flights[name] = Future()
        try:
            if leads:
                self._fly(flight, name, url)
            return flight.result(PATIENCE_SECONDS)
        finally:
            with self._lock:
                self._waiting -= Counter([host])
                if leads:
                    del self._flights[name]

    def _fly(self, flight: Future[Found], name: str, url: str) -> None:
        """Bring a picture for all who wait for it."""
        try:
            with self._claimed(name):
                found = self._kept(name)  # another process may have been first
                flight.set_result(self._bring(name, url) if found is None else found)
        except BaseException as error:
            flight.set_exception(error)
            raise

    def _bring(self, name: str, url: str) -> Found:
        found = asyncio.run(self._fetch(url))
        now = self.clock().timestamp()
        if isinstance(found, Picture):
            self._put(name, found.body, now)
            return found
        log.info("picture_missing host=%s status=%d", ascii(_host(url)), found)
        old = self._held(name)[0] if found is Missing.FAILED else None
        if isinstance(old, Picture):
            os.utime(self.folder / name, (now, now - KEPT_SECONDS + found.kept_seconds))
            return old
        self._put(name, FAILED_MARK if found is Missing.FAILED else NONE_MARK, now)
        return found

    async def _fetch(self, url: str) -> Found:
        limits = replace(self.settings, timeout_seconds=TIMEOUT_SECONDS, body_limit_mib=PICTURE_LIMIT_MIB)
        try:
            # A client for each: it belongs to one event loop, and keeps no connection anyway.
            async with HttpClient(limits) as client:
                answer = await client.get(url, {"Accept": ACCEPT})
        except FetchError as error:
            return Missing.NONE if error.error_class in _LASTING else Missing.FAILED
        if answer.status == 200:
            kind = type_of(answer.body)
            return Picture(answer.body, kind) if kind else Missing.NONE
        lasting = 400 <= answer.status < 500 and answer.status not in _PASSING_STATUSES
        return Missing.NONE if lasting else Missing.FAILED

    def _kept(self, name: str) -> Found | None:
        """What the folder says, None where that is nothing, or too old."""
        found, written_at = self._held(name)
        if found is None:
            return None
        kept_seconds = KEPT_SECONDS if isinstance(found, Picture) else found.kept_seconds
        return found if self.clock().timestamp() < written_at + kept_seconds else None

    def _held(self, name: str) -> tuple[Found | None, float]:
        """What the folder says, however old, and since when."""
        try:
            with (self.folder / name).open("rb") as file:
                written_at, body = os.fstat(file.fileno()).st_mtime, file.read()
        except FileNotFoundError:
            return None, 0
        kind = type_of(body)
        if kind:
            return Picture(body, kind), written_at
        return Missing.FAILED if body == FAILED_MARK else Missing.NONE, written_at

    def _put(self, name: str, body: bytes, now: float) -> None:
        with NamedTemporaryFile(dir=self.folder, prefix="new-", delete=False) as file:
            file.write(body)
        os.utime(file.name, (now, now))
        Path(file.name).replace(self.folder / name)
        with self._lock:
            self._written_bytes += max(len(body), BLOCK_BYTES)
            # Each process counts what it wrote itself, so the folder holds at most an eighth more for each.
            due = self._written_bytes > self.limit_bytes // 8
            if due:
                self._written_bytes = 0
        if due:
            self._trim()

    def _trim(self) -> None:
        """Let go of the oldest until the folder is within its limit."""
        held = []
        for each in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process trims too
                stat = each.stat()
                held.append((stat.st_mtime, max(stat.st_size, BLOCK_BYTES), each))
        size = sum(bytes for _, bytes, _ in held)
        for _, bytes, path in sorted(held):
            if size <= self.limit_bytes:
                return
            path.unlink(missing_ok=True)
            size -= bytes

    @contextmanager
    def _claimed(self, name: str) -> Iterator[None]:
        """No other process brings this picture meanwhile, unless the folder is emptied under us."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{name}.lock"
        with path.open("w") as claim:
            fcntl.flock(claim, fcntl.LOCK_EX)
            yield
            path.unlink(missing_ok=True)


def type_of(body: bytes) -> str:
    """The media type of a picture by its first bytes; "" for all that is none, SVG too, which is a document."""
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    if body[4:8] == b"ftyp":
        end = min(int.from_bytes(body[:4], "big"), 256)
        brands = {body[start : start + 4] for start in (8, *range(16, end, 4))}  # ISO 14496-12 §4.3
        return "image/avif" if brands & {b"avif", b"avis"} else ""
    return ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
