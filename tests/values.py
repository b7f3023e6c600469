"""Values for tests: a name and what differs from a plain one."""

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from aggregator import words
from aggregator.model import Category, Date, Item, Print, Source, SourceState, Update
from aggregator.store import Store
from aggregator.stories import decide, give_keys, make_print

NOW = datetime(2026, 2, 11, 12, 0, tzinfo=UTC)
SOURCE = "https://outlet.example/feed"


def date(at: datetime | None) -> Date:
    return Date(at.isoformat() if at else "", at)


def make_item(number: int = 1, **changes: Any) -> Item:
    """An item of SOURCE, published `number` minutes before NOW."""
    published = NOW - timedelta(minutes=number)
    plain = Item(
        source=SOURCE,
        guid=f"https://outlet.example/?p={number}",
        link=f"https://outlet.example/article-{number}",
        canonical=f"https://outlet.example/article-{number}",
        title=f"Le conseil vote le projet numéro {number}",
        lead=f"Les élus ont voté lundi le projet numéro {number} de la ville.",
        published=date(published),
        categories=(Category("economie", "source"),),
    )
    made = replace(plain, **changes)
    text = made.text or made.lead
    return replace(
        made, text=text, fingerprint=made.fingerprint or f"{made.title}|{made.lead}|{text}|{made.html}|{made.author}"
    )


def settle(
    store: Store,
    items: list[Item],
    now: datetime = NOW,
    source: str = SOURCE,
    state: SourceState | None = None,
    late_after: timedelta = timedelta(hours=48),
) -> Update:
    """What the pipeline does with the items of one poll."""
    keyed = give_keys(items)
    prints = tuple(map(make_print, keyed))
    state = state or SourceState(source, checked_at=now, succeeded_at=now, next_check_at=now + timedelta(minutes=30))
    update = store.settle(
        source,
        [item.guid for item in keyed],
        [item.canonical for item in keyed],
        lambda known: Update(
            state, decide(keyed, prints, known, now, late_after), now, tuple(map(words.index, keyed)), prints
        ),
    )
    store.index()
    return update


def sources(*urls: str) -> list[Source]:
    return [Source(url, title=f"Source {number}") for number, url in enumerate(urls or (SOURCE,))]


NO_PRINT = Print("", "", b"", ())
