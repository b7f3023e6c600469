"""Newsrooms that publish, correct and take down articles all the while, on one port of 127.0.0.1, and know all of it.

Nothing is lost by them: an article is taken down, or pushed out by newer ones, only once a reader has shown that it
holds a feed with it, by a validator.
"""

import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from html import escape
from http.server import ThreadingHTTPServer
from typing import Self

from msgspec import Struct, field

from aggregator.demo.answers import Answer, Page, handler, page
from bench.corpus import SYLLABLES

ACTIONS_SECONDS = 0.02  # between two things that newsrooms do
SHOWN = 12  # articles of a feed, the newest; one that nobody has taken yet is never pushed out
WITHOUT_VALIDATORS_LIMIT = 40  # articles of an outlet whose feed cannot tell who has taken them


class Article(Struct):
    """One article, and how often it was corrected."""

    number: int
    edition: int = 0
    taken: bool = False  # a reader has shown that it holds a feed with this article

    def title(self) -> str:
        return f"{_words(self.number, 7)} {self.edition}"


class Outlet(Struct):
    """A feed that changes; `editions` are what each form of it showed, by its fingerprint."""

    number: int
    base: str
    began: datetime
    shown: list[Article] = field(default_factory=list)
    published: int = 0
    changed: int = 0
    editions: dict[str, dict[str, int]] = field(default_factory=dict)  # fingerprint → link → edition
    forms: dict[str, list[Article]] = field(default_factory=dict)  # validator → what was shown
    current: Page | None = None
    fingerprint: str = ""

    @property
    def url(self) -> str:
        return f"{self.base}/{self.number}/feed"

    @property
    def has_validators(self) -> bool:
        return self.number % 5 > 0

    def act(self, dice: random.Random) -> None:
        """Publish, correct or take down."""
        taken = [each for each in self.shown if each.taken]
        what = dice.random()
        if what < 0.2 and len(taken) > 1:
            self.shown.remove(dice.choice(taken))
        elif what < 0.45 and self.shown:
            dice.choice(self.shown).edition += 1
        elif self.has_validators or self.published < WITHOUT_VALIDATORS_LIMIT:
            self.publish()
        self.current = None

    def publish(self) -> None:
        """One article more; the oldest goes if it was taken."""
        self.published += 1
        self.shown.append(Article(self.number * 100_000 + self.published))
        if len(self.shown) > SHOWN and self.shown[0].taken:
            self.shown.pop(0)

    def answer(self, headers: Mapping[str, str]) -> Answer:
        """What a reader gets, who may show what it has taken."""
        for name in ("if-none-match", "if-modified-since"):
            for article in self.forms.get(headers.get(name, "").replace('-gz"', '"'), ()):
                article.taken = True
        if self.current is None:
            self.current = self._form()
        return self.current.answer(headers)

    def links(self) -> set[str]:
        """Of all that was ever published."""
        return {f"{self.base}/{self.number}/{self.number * 100_000 + each}" for each in range(1, self.published + 1)}

    def _form(self) -> Page:
        self.changed += 1
        at = self.began + timedelta(seconds=self.changed)
        body = (self._atom(at) if self.number % 2 else self._rss()).encode()
        made = page(body, "application/xml", at, has_etag=self.number % 5 in (1, 2))
        if self.number % 5 == 1:
            made = Page(made.body, made.content_type, made.etag, "")
        elif not self.has_validators:
            made = Page(made.body, made.content_type, "", "")
        self.fingerprint = blake2b(body, digest_size=16).hexdigest()
        self.editions[self.fingerprint] = {f"{self.base}/{self.number}/{a.number}": a.edition for a in self.shown}
        for validator in filter(None, (made.etag, made.last_modified)):
            self.forms[validator] = list(self.shown)
        return made

    def _date(self, article: Article) -> datetime:
        """Ten minutes apart: what is all of one moment is suspect."""
        return self.began - timedelta(hours=40) + timedelta(minutes=article.number % 100_000 % 240 * 10)

    def _rss(self) -> str:
        entries = "".join(
            f"<item><title>{escape(each.title())}</title><link>{self.base}/{self.number}/{each.number}</link>"
            f"<guid isPermaLink='false'>{each.number}</guid><pubDate>{self._date(each):%a, %d %b %Y %H:%M:%S} GMT"
            f"</pubDate><description>{_words(each.number, 60)}</description></item>"
            for each in reversed(self.shown)
        )
        head = f"<title>Journal {self.number}</title><link>{self.base}/{self.number}/</link><description/>"
        return f"<?xml version='1.0'?><rss version='2.0'><channel>{head}{entries}</channel></rss>"

    def _atom(self, at: datetime) -> str:
        entries = "".join(
            f"<entry><title>{escape(each.title())}</title><id>tag:{self.number},2026:{each.number}</id>"
            f"<link href='{self.base}/{self.number}/{each.number}'/><published>{self._date(each):%Y-%m-%dT%H:%M:%SZ}"
            f"</published><updated>{self._date(each):%Y-%m-%dT%H:%M:%SZ}</updated>"
            f"<summary>{_words(each.number, 60)}</summary></entry>"
            for each in reversed(self.shown)
        )
        head = f"<title>Journal {self.number}</title><id>tag:{self.number},2026:</id><updated>{at:%Y-%m-%dT%H:%M:%SZ}"
        return f"<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom'>{head}</updated>{entries}</feed>"


def _words(seed: int, count: int) -> str:
    dice = random.Random(seed)
    return " ".join("".join(dice.choices(SYLLABLES, k=dice.randint(2, 4))) for _ in range(count))


class Newsrooms:
    """Outlets on one port of 127.0.0.1, at work until they are told to rest. A context manager."""

    def __init__(self, count: int, seed: int) -> None:
        self._lock = threading.Lock()
        self._resting = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self._answer))
        self.port = self._server.server_port
        self._dice = random.Random(seed)
        now = datetime.now(UTC).replace(microsecond=0)
        self.outlets = [Outlet(number, f"http://127.0.0.1:{self.port}", now) for number in range(count)]
        for outlet in self.outlets:
            for _ in range(5):
                outlet.publish()
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True),
            threading.Thread(target=self._work, daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._resting.set()
        self._server.shutdown()
        self._server.server_close()

    def rest(self) -> None:
        """Publish nothing any more."""
        self._resting.set()
        self._threads[1].join()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Nothing changes meanwhile."""
        with self._lock:
            yield

    def _work(self) -> None:
        while not self._resting.wait(ACTIONS_SECONDS):
            with self._lock:
                self._dice.choice(self.outlets).act(self._dice)

    def _answer(self, target: str, headers: Mapping[str, str]) -> Answer:
        with self._lock:
            return self.outlets[int(target.split("/")[1])].answer(headers)
