"""The server that plays the outlets: releases, corrections, outages, and the truth about what it shows."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Self

from msgspec import Struct

from aggregator.demo import articles as written
from aggregator.demo import formats, lists, outlets
from aggregator.demo.answers import Answer, Page, address, handler, moved, page, portal, unavailable
from aggregator.demo.articles import Article
from aggregator.demo.outlets import OUTLETS, Outlet
from aggregator.demo.pictures import CONTENT_TYPE, draw
from aggregator.model import Genre, Source

HOST = "127.0.0.1"
PORTAL, UNAVAILABLE = "belfort-direct", "radio-citadelle"  # the two that `break_feed` breaks

# What a label says of the genre; the items file marks these as articles.
GENRE_OF_LABEL = {
    "VIDÉO": Genre.VIDEO,
    "INSOLITE": Genre.INSOLITE,
    "Mise à jour": Genre.MAJ,
    "Cagnotte en ligne": Genre.CAGNOTTE,
}
PRESS_OFFICES = frozenset({"region-presse", "prefecture-bfc"})
MISFILED = {"it020": "economie"}  # a jobs story that its outlet files under "ÉCO"


class Truth(Struct, frozen=True):
    """What ought to be stored of one article, as far as its feed tells. Times are in UTC."""

    id: str  # of the items file
    outlet: str
    source: str  # URL in feeds.opml
    guid: str  # "" where the feed gives none
    link: str  # as published
    canonical: str  # the link without tracking parameters
    title: str  # without label
    lead: str  # without label
    label: str  # as written in title, lead or body
    genre: Genre
    category: str  # by the outlet's own rubric
    departement: str
    story: str
    published: datetime | None
    updated: datetime | None  # in Atom, where it must be given, `published` if there is no other
    image: str  # URL
    credit: str


class Correction(Struct, frozen=True):
    """A title put right."""

    outlet: str
    link: str
    before: str
    after: str


class Origin:
    """Twelve outlets on one port of 127.0.0.1; usable as a context manager and from several threads.

    Of each outlet the oldest `share` is out at the start, dated near to `now` (or, with `shift=False`, as in the
    items file); the rest waits for `release`.
    """

    def __init__(self, now: datetime, port: int = 0, share: float = 0.85, shift: bool = True) -> None:
        self.port = port
        self._lock = threading.RLock()
        self._server: ThreadingHTTPServer | None = None
        self._shown: dict[str, list[Article]] = {}
        self._waiting: list[Article] = []
        self._broken: dict[str, Answer] = {}
        self._pages: dict[str, Page] = {}
        self._changed_at: dict[str, datetime] = {}
        self._set_out(written.load(now if shift else None), share)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; with port 0 the system chooses one, and `port` names it. Until then URLs are without a port."""
        self._server = ThreadingHTTPServer((HOST, self.port), handler(self.answer))
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="demo-origin", daemon=True).start()

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        server, self._server = self._server, None
        if server:
            server.shutdown()
            server.server_close()

    @property
    def base(self) -> str:
        """The address before every path, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The lines of feeds.opml as values."""
        return tuple(outlets.source(outlet, self.base) for outlet in OUTLETS)

    @property
    def waiting(self) -> int:
        """How many articles are still to be released."""
        return len(self._waiting)

    def opml(self) -> bytes:
        """A feeds.opml of the outlets."""
        return lists.opml(self.base)

    def truth(self) -> tuple[Truth, ...]:
        """What the feeds show now: outlet by outlet, newest first."""
        with self._lock:
            return tuple(self._truth(outlet, article) for outlet in OUTLETS for article in self._shown[outlet.slug])

    # ── what happens as one watches

    def release(self, count: int = 1, at: datetime | None = None) -> tuple[Truth, ...]:
        """Put out the next articles, oldest first; dated `at`, or as they are. Gives fewer when fewer are left."""
        with self._lock:
            out, self._waiting = self._waiting[:count], self._waiting[count:]
            return tuple(self._put_out(written.stamped(article, at) if at else article, at) for article in out)

    def everything(self, at: datetime | None = None) -> tuple[Truth, ...]:
        """Put out all that waits."""
        return self.release(len(self._waiting), at)

    def correct(self, at: datetime) -> tuple[Correction, ...]:
        """Put the misspelt titles right, with `at` as date of update; none is left for a second call."""
        with self._lock:
            return tuple(
                self._correct(outlet, place, at)
                for outlet in OUTLETS
                for place, article in enumerate(self._shown[outlet.slug])
                if written.is_misspelt(article)
            )

    def break_feed(self) -> tuple[str, str]:
        """One outlet answers as a captive portal does, 200 with a log-in page; another 503. Gives their titles."""
        with self._lock:
            self._broken = {PORTAL: portal(), UNAVAILABLE: unavailable()}
        by_slug = {outlet.slug: outlet.title for outlet in OUTLETS}
        return by_slug[PORTAL], by_slug[UNAVAILABLE]

    def mend(self) -> None:
        """All outlets answer as usual again."""
        with self._lock:
            self._broken = {}

    # ── HTTP

    def answer(self, target: str, headers: Mapping[str, str]) -> Answer:
        """The answer to a GET. Names of headers are in lower case."""
        with self._lock:
            path = address(target)
            if path == "/":
                return page(lists.html_list(self.base), "text/html; charset=utf-8").answer(headers)
            for outlet in OUTLETS:
                if path.startswith(f"/{outlet.slug}/"):
                    return self._of_outlet(outlet, path, headers)
            return Answer(404)

    def _of_outlet(self, outlet: Outlet, path: str, headers: Mapping[str, str]) -> Answer:
        if path == outlet.path:
            return self._broken.get(outlet.slug) or self._page(outlet).answer(headers)
        if path == outlet.old_path:
            return moved(self.base + outlet.path)
        for article in self._shown[outlet.slug]:
            if article.has_image and self.base + path == formats.image(outlet, article, self.base):
                return page(draw(article.town, article.number), CONTENT_TYPE).answer(headers)
        return Answer(404)

    def _page(self, outlet: Outlet) -> Page:
        if outlet.slug not in self._pages:
            changed_at = self._changed_at[outlet.slug]
            body = formats.render(outlet, self._shown[outlet.slug], changed_at, self.base)
            self._pages[outlet.slug] = page(
                body, outlet.media_type, changed_at if outlet.has_last_modified else None, outlet.has_etag
            )
        return self._pages[outlet.slug]

    # ── state

    def _set_out(self, all_articles: tuple[Article, ...], share: float) -> None:
        for outlet in OUTLETS:
            own = [article for article in all_articles if article.outlet == outlet.slug]
            count = int(len(own) * share)
            self._shown[outlet.slug] = own[:count][::-1]
            self._waiting += own[count:]
            self._changed_at[outlet.slug] = max((each.order[0] for each in own[:count]), default=written.LONG_AGO)
        self._waiting.sort(key=lambda article: article.order)

    def _put_out(self, article: Article, at: datetime | None) -> Truth:
        shown = self._shown[article.outlet]
        shown.append(article)
        shown.sort(key=lambda each: each.order, reverse=True)
        self._touch(article.outlet, at or article.order[0])
        return self._truth(next(each for each in OUTLETS if each.slug == article.outlet), article)

    def _correct(self, outlet: Outlet, place: int, at: datetime) -> Correction:
        before = self._shown[outlet.slug][place]
        after = self._shown[outlet.slug][place] = written.corrected(before, at)
        self._touch(outlet.slug, at)
        return Correction(outlet.slug, formats.link(outlet, after), before.title, after.title)

    def _touch(self, slug: str, at: datetime) -> None:
        """Note a change. Last-Modified counts whole seconds, so each change is at least one after the last."""
        self._changed_at[slug] = max(at.replace(microsecond=0), self._changed_at[slug] + timedelta(seconds=1))
        self._pages.pop(slug, None)

    def _truth(self, outlet: Outlet, article: Article) -> Truth:
        needs_update = outlet.shape is outlets.Shape.ATOM
        updated = article.updated or (article.published if needs_update else None)
        return Truth(
            id=article.id,
            outlet=outlet.slug,
            source=outlets.source(outlet, self.base).url,
            guid=formats.guid(outlet, article),
            link=formats.link(outlet, article),
            canonical=article.link,
            title=_unlabelled(article.title, article.label),
            lead=_unlabelled(article.lead, article.label),
            label=_label(article),
            genre=_genre(article),
            category=_category(outlet, article),
            departement=article.departement,
            story=article.story,
            published=article.published and article.published.astimezone(UTC),
            updated=updated and updated.astimezone(UTC),
            image=formats.image(outlet, article, self.base),
            credit=article.credit,
        )


def _unlabelled(text: str, label: str) -> str:
    for separator in (" • ", " – "):
        if label and text.startswith(label + separator):
            return text[len(label + separator) :]
    return text


def _label(article: Article) -> str:
    if article.is_marked_communique:
        return "(Communiqué)"
    is_written = _unlabelled(article.title, article.label) != article.title
    return article.label if is_written or _unlabelled(article.lead, article.label) != article.lead else ""


def _genre(article: Article) -> Genre:
    if article.genre == Genre.COMMUNIQUE:
        is_told = article.is_marked_communique or article.outlet in PRESS_OFFICES
        return Genre.COMMUNIQUE if is_told else Genre.ARTICLE  # cut off before "(Communiqué)"
    if article.genre == Genre.METEO:
        return Genre.ARTICLE  # neither a label nor a tag says so
    return GENRE_OF_LABEL.get(article.label, Genre(article.genre))


def _category(outlet: Outlet, article: Article) -> str:
    if outlet.categories:
        return outlet.categories[0]
    return outlet.tags.get(article.tag) or MISFILED.get(article.id, article.category)
