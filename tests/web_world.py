"""A small invented region in a real store, for the tests of the site."""

import html
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from msgspec import Struct

from aggregator import words
from aggregator.config import Settings
from aggregator.errors import ErrorClass
from aggregator.model import (
    Category,
    Date,
    Decision,
    DecisionKind,
    Evidence,
    Gist,
    Item,
    Level,
    Link,
    Source,
    SourceState,
    Update,
)
from aggregator.store import Store, open_store
from aggregator.stories import make_print
from web import create_app

NOW = datetime(2026, 2, 11, 12, 0, tzinfo=UTC)
PUBLIC = "https://news.example"

INFO = Source(url="https://info.example/feed", title="Comtois Info", site="https://info.example/", region="Doubs")
MATIN = Source(url="https://matin.example/rss", title="Haut-Doubs Matin", region="Doubs")
PRESSE = Source(url="https://presse.example/atom", title="", region="Jura")


def settings_in(folder: Path, **changes: object) -> Settings:
    """Settings whose data base lies in `folder`."""
    return Settings(database=str(folder / "tributary.db"), base_url=PUBLIC, **changes)  # type: ignore[arg-type]


def filled_store(settings: Settings, sources: Sequence[Source] = (INFO, MATIN, PRESSE)) -> Store:
    """A new store that knows these sources and whose log is open."""
    store = open_store(settings.database)
    store.sync_sources(sources, NOW)
    store.open_log(NOW - timedelta(days=30))
    return store


def an_item(guid: str, source: Source = INFO, **changes: object) -> Item:
    """An item of a source, complete and unremarkable but for what `changes` says."""
    link = f"{source.url.rpartition('/')[0]}/{guid}"
    values: dict[str, object] = {
        "source": source.url,
        "guid": guid,
        "link": link,
        "canonical": link,
        "title": f"Titre {guid}",
        "lead": f"Chapeau de {guid}.",
        "published": Date("", NOW - timedelta(hours=1)),
        "categories": (Category("economie", "aliases", "Eco"),),
        "fingerprint": guid,
    }
    return Item(**values | changes)  # type: ignore[arg-type]


def tell(
    store: Store,
    items: Iterable[Item],
    *,
    kind: DecisionKind = DecisionKind.NEW,
    links: Sequence[Link] = (),
    at: datetime = NOW,
    changed_at: datetime | None = None,
) -> None:
    """Commit items as polls of their sources would, one source after the other."""
    by_source: dict[str, list[Item]] = {}
    for item in items:
        by_source.setdefault(item.source, []).append(item)
    for source, found in by_source.items():
        decisions = tuple(_decision(kind, item, links, at, changed_at) for item in found)
        state = SourceState(url=source, checked_at=at, succeeded_at=at, next_check_at=at + timedelta(minutes=30))
        update = Update(state, decisions, at, tuple(map(words.index, found)), tuple(map(make_print, found)))
        store.settle(source, [item.guid for item in found], [], lambda _, update=update: update)
    store.index()


def _decision(
    kind: DecisionKind, item: Item, links: Sequence[Link], at: datetime, changed_at: datetime | None
) -> Decision:
    published = min(item.published.at or at, at)
    return Decision(
        kind,
        item,
        "a new guid",
        material=kind is DecisionKind.CHANGED,
        revises=kind is DecisionKind.CHANGED,
        changed_at=changed_at or published,
        sort_at=published,
        links=tuple(link for link in links if link.item == item.key),
    )


def same_story(item: Item, other: Item, quote: str = "le même communiqué") -> Link:
    """A link that joins two items in one story."""
    evidence = Evidence(shared=0.83, words=120, quote=quote, agreeing=("12", "Levier"), differing=("mardi",))
    return Link(item.key, other.key, Level.TEXT, 0.93, evidence, "same-text/1")


def same_event(store: Store, items: Sequence[Item], links: Sequence[Link] = ()) -> None:
    """Make one event of stories that were just told, each named by the item that leads it."""
    event = tuple(Gist(item.key, NOW, {}, (), {}) for item in items)
    store.gather(lambda _, window: window.group([event], links), NOW)


def about(item: Item, other: Item, *agreeing: str) -> Link:
    """A link between two stories about one event."""
    return Link(item.key, other.key, Level.EVENT, 0.41, Evidence(agreeing=agreeing), "same-event/1")


def fail(
    store: Store,
    source: Source,
    error_class: ErrorClass = ErrorClass.TIMEOUT,
    *,
    succeeded_at: datetime | None = None,
    next_check_at: datetime | None = NOW + timedelta(hours=1),
    error: str = "while reading body: TimeoutError",
) -> None:
    """Commit a poll that failed."""
    state = SourceState(
        url=source.url,
        checked_at=NOW,
        succeeded_at=succeeded_at,
        next_check_at=next_check_at,
        error_class=error_class,
        error=error,
        error_count=3,
    )
    store.settle(source.url, [], [], lambda _: Update(state, (), NOW))


class World(Struct, frozen=True):
    """A site over a store, and a browser of sorts; `now` is what the site takes for the time."""

    settings: Settings
    store: Store
    app: Flask

    @property
    def client(self) -> FlaskClient:
        """A client without cookies."""
        return self.app.test_client(use_cookies=False)

    def text(self, path: str, **arguments: object) -> str:
        """A page that must be there, with the entities of its text resolved."""
        with self.client.get(path, **arguments) as response:  # type: ignore[arg-type]
            assert response.status_code == 200, (path, response.status_code)
            return html.unescape(response.get_data(as_text=True))


def a_world(folder: Path, sources: Sequence[Source] = (INFO, MATIN, PRESSE), **changes: object) -> World:
    """A site over a new store."""
    settings = settings_in(folder, **changes)
    return World(settings, filled_store(settings, sources), create_app(settings, clock=lambda: NOW))
