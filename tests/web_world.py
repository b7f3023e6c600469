"""A small invented region in a real store, for the tests of the site."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aggregator.config import Settings
from aggregator.errors import ErrorClass
from aggregator.model import (
    Category,
    Date,
    Decision,
    DecisionKind,
    Item,
    Link,
    Source,
    SourceState,
    Update,
)
from aggregator.store import Store, index, open_store

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
    store.sync_sources(sources)
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
        update = Update(state, decisions, at, tuple(map(index, found)))
        store.settle(source, [item.guid for item in found], [], lambda _, update=update: update)


def _decision(
    kind: DecisionKind, item: Item, links: Sequence[Link], at: datetime, changed_at: datetime | None
) -> Decision:
    published = min(item.published.at or at, at)
    return Decision(
        kind,
        item,
        "a new guid",
        material=kind is DecisionKind.CHANGED,
        changed_at=changed_at or published,
        sort_at=published,
        links=tuple(link for link in links if link.item == item.key),
    )


def same_story(item: Item, other: Item, reason: str = "both carry the same press release") -> Link:
    """A link that joins two items in one story."""
    return Link(item.key, other.key, "B", 0.93, reason, "text-2")


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
