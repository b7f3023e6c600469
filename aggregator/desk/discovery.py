"""Finds feeds for an editor: takes what was typed, a site, a page or a feed, gives the feeds that are there; asks them
once more for a preview, and a few addresses of an import whether they answer. Never changes anything.

    the address itself | what its page names | where feeds usually are

Requests go through the guarded client, what comes back is read in a worker process. A search makes few requests and
ends in time; two run at once, and an editor starts so many in ten minutes.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.desk.reading import ReadFeed, ReadPage, read
from aggregator.errors import DeskError, ErrorClass, SourceError
from aggregator.fetch import fetch
from aggregator.httpclient import HttpClient, without_userinfo
from aggregator.model import Fetched, FetchFailed, Gone, Rhythm, Source, SourceState
from aggregator.opml import url_flaw
from aggregator.poll.rhythm import FLAT, MEMORY, Forecast, expected, learn
from aggregator.workers import WorkerDied, Workers

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

AT_ONCE = 2  # searches of one process
STARTED_LIMIT, STARTED_WITHIN = 40, timedelta(minutes=10)  # by one editor
SEARCH_SECONDS, REQUEST_SECONDS = 10.0, 5.0
REQUESTS_LIMIT = 10  # of one search
NAMED_LIMIT = 5  # of the feeds that a page names, how many are asked
CHECKED_LIMIT = 20  # addresses of an import
BODY_MIB = 3.0
USUAL = (
    "/feed/",
    "/rss.xml",
    "/rss",
    "/feed.xml",
    "/atom.xml",
    "/index.xml",
    "/spip.php?page=backend",
    "/?feed=rss2",
    "/backend",
)

Answer = TypeVar("Answer")
_UNREACHED = frozenset((ErrorClass.CONNECTION, ErrorClass.TLS))
_ANSWERED = frozenset(
    (
        ErrorClass.HTTP_4XX,
        ErrorClass.GONE,
        ErrorClass.AUTH,
        ErrorClass.NOT_A_FEED,
        ErrorClass.EMPTY,
        ErrorClass.BROKEN_XML,
    )
)


class AddressError(DeskError):
    """Nothing was looked for: what was typed is no address."""


class TooOftenError(DeskError):
    """Nothing was looked for: others are at it, or the editor has asked for much already."""


class Way(StrEnum):
    """How a feed was found."""

    TYPED = "typed"
    NAMED = "named"  # by the page
    GUESSED = "guessed"


class Candidate(Struct, frozen=True):
    """A feed that was found."""

    url: str
    way: Way
    title: str
    site: str
    format: str
    language: str
    hub: str
    count: int  # of its items
    newest: datetime | None
    per_week: float | None  # how many items are to be expected; None where they have no dates


class Failure(Struct, frozen=True):
    """An address that gave nothing."""

    url: str
    error_class: ErrorClass
    message: str


class Discovery(Struct, frozen=True):
    """What came of a search; `cut` if its time was over before all was looked at."""

    asked: str
    candidates: tuple[Candidate, ...]
    failures: tuple[Failure, ...]
    cut: bool = False


class Checked(Struct, frozen=True):
    """What an address of an import answers."""

    failure: Failure | None
    moved_to: str = ""


class Finder:
    """Looks for feeds, for the threads of one process. `resolver` replaces the system's name resolution."""

    def __init__(self, settings: Settings, resolver: "AbstractResolver | None" = None) -> None:
        self._settings = replace(
            settings,
            timeout_seconds=min(REQUEST_SECONDS, settings.timeout_seconds),
            body_limit_mib=min(BODY_MIB, settings.body_limit_mib),
            concurrency=2 * settings.per_host,
        )
        self.resolver = resolver
        self._places = BoundedSemaphore(AT_ONCE)
        self._started: dict[str, deque[datetime]] = {}
        self._lock = Lock()

    def find(self, typed: str, by: str, now: datetime) -> Discovery:
        """Look for feeds where an editor says. Up to 10 requests and 10 s. AddressError and TooOftenError where
        nothing is looked for.
        """
        starts = addresses_of(typed)
        search = _Search(self._settings, now)
        with self._turn(by, now):
            cut = self._run(search, search.from_any(starts))
        # Which of the two schemes failed matters to nobody once the other has led to a feed.
        failures = [each for each in search.failures if not search.candidates or each.url not in starts[:-1]]
        return Discovery(starts[0], tuple(search.candidates), tuple(failures), cut)

    def preview(self, source: Source, by: str, now: datetime) -> tuple[Candidate, ReadFeed] | Failure:
        """Ask a feed, and read it with the settings of this line. One request."""
        check_address(source.url)
        search = _Search(self._settings, now)
        found: list[tuple[Fetched, ReadFeed | ReadPage] | Failure] = []

        async def ask() -> None:
            found.append(await search.ask(source))

        with self._turn(by, now):
            self._run(search, ask())
        answer = found[0] if found else Failure(source.url, ErrorClass.TIMEOUT, "no whole answer in time")
        if isinstance(answer, Failure):
            return answer
        outcome, body = answer
        if isinstance(body, ReadPage):
            return Failure(source.url, ErrorClass.NOT_A_FEED, "a page for people")
        return _candidate(source.url, Way.TYPED, outcome, body, source.timezone, now), body

    def check(self, urls: Sequence[str], by: str, now: datetime) -> dict[str, Checked]:
        """Ask each of these, up to 20, whether there is a feed. What could not be asked in time is left out."""
        search = _Search(self._settings, now)
        found: dict[str, Checked] = {}

        async def ask(url: str) -> None:
            if flaw := url_flaw(url):
                found[url] = Checked(Failure(url, ErrorClass.BAD_REDIRECT, flaw))
                return
            answer = await search.ask(Source(url))
            if isinstance(answer, Failure):
                found[url] = Checked(answer)
            elif isinstance(answer[1], ReadPage):
                found[url] = Checked(Failure(url, ErrorClass.NOT_A_FEED, "a page for people"))
            else:
                found[url] = Checked(None, answer[0].moved_to)

        with self._turn(by, now):
            self._run(search, _all(ask, urls[:CHECKED_LIMIT]))
        return found

    @contextmanager
    def _turn(self, by: str, now: datetime) -> Iterator[None]:
        with self._lock:
            started = self._started.setdefault(by, deque())
            while started and now - started[0] > STARTED_WITHIN:
                started.popleft()
            if len(started) >= STARTED_LIMIT:
                raise TooOftenError("you have looked for many feeds in a short time; come back in ten minutes")
            if not self._places.acquire(blocking=False):
                raise TooOftenError("others are looking for feeds at the moment; try again in a few seconds")
            started.append(now)
        try:
            yield
        finally:
            self._places.release()

    def _run(self, search: "_Search", work: Awaitable[None]) -> bool:
        """Do it in an event loop of its own. → whether time was over before the end."""

        async def run() -> bool:
            try:
                async with search.open(self.resolver), asyncio.timeout(SEARCH_SECONDS):
                    await work
            except TimeoutError:
                return True
            return False

        return asyncio.run(run())


def addresses_of(typed: str) -> tuple[str, ...]:
    """The addresses that somebody may mean: what they typed, or https and then http before it. AddressError if it
    cannot be asked.
    """
    typed = typed.strip()
    scheme, colon, rest = typed.partition(":")
    if scheme.lower() == "feed" and colon:
        typed = rest if rest.lower().startswith("http") else f"http:{rest}"
    has_scheme = "://" in typed.partition("?")[0] or not typed or typed.lower().startswith(("javascript:", "data:"))
    found = (typed,) if has_scheme else (f"https://{typed.lstrip('/')}", f"http://{typed.lstrip('/')}")
    for each in found:
        check_address(each)
    return found


def check_address(url: str) -> None:
    """AddressError unless it can be asked."""
    host = "" if url_flaw(url) else urlsplit(url).hostname or ""
    if "." not in host.strip(".") and ":" not in host and host != "localhost":
        raise AddressError(
            "this is no address that can be asked; write one such as example.fr or https://example.fr/rss"
        )


class _Search(Struct):
    """One search under way."""

    settings: Settings
    now: datetime
    candidates: list[Candidate] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    _asked: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)  # fingerprints of the candidates
    _read: dict[str, ReadFeed | ReadPage] = field(default_factory=dict)  # by what was read
    _client: Any = None
    _workers: Any = None

    @asynccontextmanager
    async def open(self, resolver: "AbstractResolver | None") -> Any:
        """Have a client and a worker; it starts with the first document."""
        self._workers = Workers(1, self.settings.parse_seconds, self.settings.parse_memory_mib)
        try:
            async with HttpClient(self.settings, resolver=resolver) as self._client:
                yield
        finally:
            await asyncio.to_thread(self._workers.close)

    async def from_any(self, starts: Sequence[str]) -> None:
        """Look at the first of these that can be reached."""
        for start in starts:
            page = await self.look(start, Way.TYPED)
            if not self.failures or self.failures[-1].error_class not in _UNREACHED:
                break
        if self.candidates:
            return
        if page is not None:
            await _all(lambda url: self.look(url, Way.NAMED), page.named[:NAMED_LIMIT])
        elif self.failures[-1].error_class not in _ANSWERED:
            return
        usual = _usual(start)
        while usual and not self.candidates:
            await _all(lambda url: self.look(url, Way.GUESSED), usual[:2])
            usual = usual[2:]

    async def look(self, url: str, way: Way) -> ReadPage | None:
        """Ask an address, and keep the feed that it gives. → the page, where it gives one."""
        if url in self._asked or len(self._asked) >= REQUESTS_LIMIT:
            return None
        self._asked.add(url)
        answer = await self.ask(Source(url, timezone=self.settings.timezone))
        if isinstance(answer, Failure):
            if way is not Way.GUESSED:
                self.failures.append(answer)
            return None
        outcome, found = answer
        if isinstance(found, ReadPage):
            return found
        if outcome.fingerprint not in self._told:
            self._told.add(outcome.fingerprint)
            self.candidates.append(_candidate(url, way, outcome, found, self.settings.timezone, self.now))
        return None

    async def ask(self, source: Source) -> tuple[Fetched, ReadFeed | ReadPage] | Failure:
        """One request, read with the settings of a line."""
        outcome = await fetch(source, SourceState(source.url), self._client, self.now)
        match outcome:
            case FetchFailed():
                return Failure(source.url, outcome.error_class, outcome.message)
            case Gone():
                return Failure(source.url, ErrorClass.GONE, "the server answered 410 Gone")
        assert isinstance(outcome, Fetched)  # nobody has asked on conditions
        if known := self._read.get(outcome.fingerprint):  # many sites answer every address alike
            return outcome, known
        arguments = (source, outcome.body, outcome.url, outcome.headers, self.settings.categories)
        try:
            found = self._read[outcome.fingerprint] = await self._workers.run(read, *arguments)
            return outcome, found
        except SourceError as error:
            return Failure(source.url, error.error_class, str(error))
        except (TimeoutError, MemoryError, WorkerDied) as error:
            return Failure(source.url, ErrorClass.TOO_COSTLY, f"while parsing: {type(error).__name__}")


async def _all(ask: Callable[[str], Awaitable[object]], urls: Sequence[str]) -> None:
    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(_waited(ask, url))


async def _waited(ask: Callable[[str], Awaitable[object]], url: str) -> None:
    await ask(url)


def _usual(start: str) -> list[str]:
    """Where a feed may be, below the page and at the top of its site."""
    parts = urlsplit(start)
    folder = parts.path.rpartition("/")[0] if "." in parts.path.rpartition("/")[2] else parts.path.rstrip("/")
    below = [f"{parts.scheme}://{parts.netloc}{folder}/feed/"] if folder else []
    return [*below, *(urljoin(start, path) for path in USUAL)]


def _candidate(url: str, way: Way, outcome: Fetched, found: ReadFeed, zone: str, now: datetime) -> Candidate:
    feed = found.feed
    return Candidate(
        url=outcome.moved_to or url,
        way=way,
        title=feed.title,
        site="" if url_flaw(feed.site) else feed.site,
        format=feed.format,
        language=feed.language,
        hub=without_userinfo(feed.hub),
        count=found.count,
        newest=max((at for at in found.dates if at <= now), default=None),
        per_week=_per_week(found.dates, now, zone),
    )


def _per_week(dates: Sequence[datetime], now: datetime, zone: str) -> float | None:
    """How many items are to be expected in a week, by those of the last four."""
    if not dates:
        return None
    if not any(now - MEMORY < at <= now for at in dates):
        return 0.0
    rhythm = learn(Rhythm(), dates, None, now, zone)
    return expected(Forecast(rhythm, FLAT, now), now, now + timedelta(days=7), zone)
