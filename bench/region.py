"""A made-up region with two years of news, and a store that holds it: what pages are measured on.

Takes how many items a store shall hold, gives a store with the newest of them: item 0 is the newest, each other one is
published `SPACING` before, so that a small store is as dense as a large one. Items go through `Store.settle`, as polls
do; what they mean to each other is made up too. Nothing is copied from a real site.
"""

import random
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from aggregator import words
from aggregator.classify import load_taxonomy
from aggregator.config import Settings
from aggregator.errors import ErrorClass
from aggregator.model import (
    PAGE_ENTRIES,
    Category,
    Date,
    Decision,
    DecisionKind,
    Evidence,
    Genre,
    Gist,
    Image,
    Item,
    Level,
    Link,
    Source,
    SourceState,
    Stored,
    Update,
)
from aggregator.publish.archive import pack
from aggregator.publishing import keep_pages
from aggregator.store import Store, Window, open_store
from bench import stream
from bench.polls import UNPRINTED

END = datetime(2026, 11, 1, tzinfo=UTC)
SPACING = timedelta(days=730) / 1_000_000
BLOCK = 20_000  # items that are filled in at once, each source's in one transaction
CHECKPOINT_EVERY, TELL_EVERY = 40_000, 100_000  # items filled in
SOURCES = 300
FAILING = 0.02  # share of the sources
DEPARTEMENTS = ("25", "39", "70", "90", "21", "58", "71", "89")
REGIONS = ("Doubs", "Jura", "Haute-Saône", "Territoire de Belfort", "Côte-d’Or", "Nièvre", "Saône-et-Loire", "Yonne")
SENTENCES = 30_000  # that texts are put together from
IN_FULL, PICTURED, RELEASES = 0.3, 0.6, 0.08  # shares of the items
COPIES, COPIED_FROM = 0.12, 40  # share of the items that tell a story of one of so many before
REVISED, REVISIONS = 0.05, 3  # share of the items that change later, and how often at most
EVENTS = 0.03  # share of the stories that are of one event with one or two others
HIDDEN = 0.001  # share of the items
PAGES_KEPT = 3  # of each feed: the last ones, as its head only asks how many there are

Polled = dict[str, list[Decision]]
"""What is new of each source, by its URL."""


class Fill(Struct, frozen=True):
    """A store and how much is in it."""

    folder: Path
    items: int

    @property
    def path(self) -> Path:
        """Where it is kept: the name says what it was made by. A later schema reaches it when it is opened."""
        made_by = b"".join(Path(module).read_bytes() for module in (__file__, stream.__file__))
        return self.folder / f"pages-{self.items}-{blake2b(made_by, digest_size=6).hexdigest()}.db"

    @property
    def settings(self) -> Settings:
        """What its site is served with."""
        return Settings(database=str(self.path), base_url="https://news.example", port=0)


@cache
def sources() -> tuple[Source, ...]:
    """The outlets, those of one département together."""
    return tuple(map(_source, range(SOURCES)))


def _source(number: int) -> Source:
    here = number * len(DEPARTEMENTS) // SOURCES
    site = f"https://journal-{number}.example/"
    return Source(
        f"{site}feed",
        title=f"Le Journal {number} de {stream.TOWNS[number % len(stream.TOWNS)]}",
        site=site,
        region=REGIONS[here],
        departements=(DEPARTEMENTS[here],),
    )


def is_filled(fill: Fill) -> bool:
    """Whether the store is there, and whole."""
    return fill.path.with_suffix(".done").exists()


def fill_up(fill: Fill) -> None:
    """Make the store where it is missing, else bring it up to date; one that was interrupted is made anew."""
    if is_filled(fill):
        with closing(open_store(str(fill.path))) as store:
            while store.index():
                pass
        return
    for old in fill.folder.glob(f"pages-{fill.items}-*"):
        old.unlink()
    started = time.monotonic()
    with closing(open_store(str(fill.path))) as store:
        store.sync_sources(sources(), END - fill.items * SPACING)
        store.open_log(END - fill.items * SPACING)
    with closing(open_store(str(fill.path), writer=False)) as hasty:  # it leaves checkpoints to others
        _tell(hasty, fill, started)
    with closing(open_store(str(fill.path))) as store:
        _gather(store)
        _hide(store, fill.items)
        _keep_pages(store, fill.settings)
    fill.path.with_suffix(".done").touch()
    print(f"filled {fill.items:,} in {time.monotonic() - started:.0f} s", flush=True)


def _tell(store: Store, fill: Fill, started: float) -> None:
    """Poll every source again and again. Checkpoints are few: each page of the indexes is touched in every block."""
    changed: list[Item] = []
    items = fill.items
    for oldest in range(items, 0, -BLOCK):
        numbers = range(oldest - 1, max(oldest - BLOCK, 0) - 1, -1)
        made, at = {number: item(number) for number in numbers}, published(numbers[-1])
        for source, decisions in _polled(made, changed, at).items():
            _settle(store, source, decisions, at)
        while store.index():
            pass
        changed = [each for number, each in made.items() if _dice("changes", number).random() < REVISED]
        done = items - numbers[-1]
        if done % CHECKPOINT_EVERY == 0 or done == items:
            with closing(sqlite3.connect(fill.path)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if done % TELL_EVERY == 0:
            print(f"filled {done:,} of {items:,}, {done / (time.monotonic() - started):.0f} a second", flush=True)


def _polled(made: dict[int, Item], changed: Iterable[Item], at: datetime) -> Polled:
    """A poll of each source. A link is of the poll that comes later of the two."""
    order = {source.url: number for number, source in enumerate(sources())}
    links: dict[tuple[str, str], list[Link]] = {}
    for number, each in made.items():
        other = made.get(_copied(number) or number)
        if other and other.source != each.source:
            later, earlier = sorted((each, other), key=lambda one: order[one.source], reverse=True)
            evidence = Evidence(shared=0.91, words=42, quote=other.lead[:80], agreeing=("12",), titles=0.8)
            links.setdefault(later.key, []).append(
                Link(later.key, earlier.key, Level.TEXT, 0.93, evidence, "same-text/1")
            )
    found: Polled = {source.url: [] for source in sources()}
    for each in made.values():
        moment, why = each.published.at, tuple(links.get(each.key, ()))
        found[each.source].append(
            Decision(DecisionKind.NEW, each, "a new guid", changed_at=moment, sort_at=moment, links=why)
        )
    for each in changed:
        for version in range(1, 1 + _dice("versions", each.guid).randint(1, REVISIONS)):
            found[each.source].append(
                Decision(DecisionKind.CHANGED, _edited(each, version), "the same guid", True, at, revises=True)
            )
    return {source: decisions for source, decisions in found.items() if decisions}


def _edited(old: Item, version: int) -> Item:
    more = pool()[_dice("edit", f"{old.guid} {version}").randrange(SENTENCES)]
    return replace(
        old, title=f"{old.title}, acte {version + 1}", lead=f"{old.lead} {more}", fingerprint=f"{old.guid} {version}"
    )


def _settle(store: Store, source: str, decisions: Sequence[Decision], at: datetime) -> None:
    is_failing = _dice("source", source).random() < FAILING
    trouble = (ErrorClass.TIMEOUT, "while reading body: TimeoutError", 3) if is_failing else (None, "", 0)
    state = SourceState(
        source,
        checked_at=at,
        succeeded_at=at,
        next_check_at=at + timedelta(minutes=30),
        error_class=trouble[0],
        error=trouble[1],
        error_count=trouble[2],
    )
    searched = tuple(words.index(decision.item) for decision in decisions)
    update = Update(state, tuple(decisions), at, searched, (UNPRINTED,) * len(decisions))
    store.settle(source, (), (), lambda _: update)


def _gather(store: Store) -> None:
    """Make events of stories that follow each other."""
    event: list[Stored] = []

    def tell(stored: Stored, window: Window) -> None:
        if event:
            event.append(stored)
        elif _dice("event", stored.item.guid).random() < EVENTS:
            event.append(stored)
            return
        if len(event) > 1 and _dice("more", stored.item.guid).random() < 0.5:
            keys = [each.item.key for each in event]
            gists = tuple(Gist(key, END, {}, (), {}) for key in keys)
            evidence = Evidence(agreeing=("12", "Levier"))
            window.group([gists], [Link(keys[-1], keys[0], Level.EVENT, 0.41, evidence, "same-event/1")])
            event.clear()

    while store.gather(tell, END, limit=2_000):
        pass


def _hide(store: Store, items: int) -> None:
    """Hide single items, and all of the last source."""
    for item_id in range(7, items, round(1 / HIDDEN)):
        store.hide(item_id, "bench", "", published(items - item_id))
    store.withdraw(sources()[-1].url, "bench", "", END)


def _keep_pages(store: Store, settings: Settings) -> None:
    for state in store.feeds():
        first = state.sequence // PAGE_ENTRIES - PAGES_KEPT
        if first > 0:  # those before it are taken for kept
            store.archive(state.slug, first, pack(()), END)
    while keep_pages(store, settings, END):
        pass


# ── items


def published(number: int) -> datetime:
    """When the item of that number is published, in whole seconds."""
    return (END - number * SPACING).replace(microsecond=0)


def item(number: int) -> Item:
    """The item of that number, as clean and classify would give it."""
    original = _copied(number)
    dice, copied = _dice("item", number), original is not None
    says = _dice("text", number if original is None else original)
    outlet = sources()[_drawn(dice, _readers(), SOURCES)]
    link = f"{outlet.site}article-{number}"
    title, *told = says.sample(range(SENTENCES), says.randint(2, 3))
    lead, whole = " ".join(pool()[each] for each in told), ""
    if dice.random() < IN_FULL:
        whole = " ".join([lead, *says.choices(pool(), k=says.randint(4, 16))])
    is_release, at = says.random() < RELEASES, published(number)
    return Item(
        source=outlet.url,
        guid=link,
        link=link,
        canonical=link,
        title=f"{stream.TOWNS[number % len(stream.TOWNS)]} : {titles()[title]}" + " (suite)" * copied,
        lead=f"{lead} Dossier {number:x}k.",
        html="".join(f"<p>{part}.</p>" for part in whole.split(". ")) if whole else "",
        text=f"{whole or lead} Dossier {number:x}k.",
        author="La rédaction" if dice.random() < 0.4 else "",
        image=_image(dice, outlet, number) if dice.random() < PICTURED else None,
        published=Date(at.isoformat(), at),
        categories=_categories(says),
        labels=("(Communiqué)",) if is_release else (),
        genre=Genre.COMMUNIQUE if is_release else Genre.ARTICLE,
        departements=outlet.departements if dice.random() < 0.85 else (*outlet.departements, says.choice(DEPARTEMENTS)),
        fingerprint=link,
    )


def _copied(number: int) -> int | None:
    """The item whose story it tells, None where it tells one of its own."""
    dice = _dice("copy", number)
    return number + dice.randint(1, COPIED_FROM) if dice.random() < COPIES else None


def _categories(dice: random.Random) -> tuple[Category, ...]:
    slugs = tuple(load_taxonomy("").slugs)
    count = 2 if dice.random() < 0.2 else 1
    chosen = dict.fromkeys(slugs[_drawn(dice, _liked(len(slugs)), len(slugs))] for _ in range(count))
    return tuple(Category(slug, "aliases", slug) for slug in chosen)


def _image(dice: random.Random, outlet: Source, number: int) -> Image:
    alt = pool()[dice.randrange(SENTENCES)]
    return Image(f"{outlet.site}images/{number}.jpg", alt, "© D. Poirier", "image/jpeg", 1200, 800)


@cache
def pool() -> tuple[str, ...]:
    """Sentences, their words used as often as in `stream`."""
    dice = random.Random("sentences")
    drawn = partial(dice.choices, stream.vocabulary(), cum_weights=list(accumulate(_zipf(stream.WORDS))))
    return tuple(f"{' '.join(drawn(k=dice.randint(8, 22))).capitalize()}." for _ in range(SENTENCES))


@cache
def titles() -> tuple[str, ...]:
    """What titles say after the place."""
    return tuple(" ".join(sentence.rstrip(".").split()[:12]) for sentence in pool())


def _zipf(count: int) -> Iterable[float]:
    return (1 / (rank + 2.7) for rank in range(count))


@cache
def _readers() -> list[float]:
    """How much each source publishes: the busiest fifteen times as much as the one in the middle."""
    return list(accumulate(1 / (number * 7 % SOURCES + 10) for number in range(SOURCES)))


@cache
def _liked(count: int) -> list[float]:
    return list(accumulate(_zipf(count)))


def _drawn(dice: random.Random, weights: list[float], count: int) -> int:
    return dice.choices(range(count), cum_weights=weights)[0]


def _dice(what: str, which: Any) -> random.Random:
    return random.Random(f"{what}/{which}")
