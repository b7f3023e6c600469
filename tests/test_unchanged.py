"""Entries that are as they were are passed over: that costs less, and changes nothing else."""

import asyncio
import json
import random
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.digest import MARK_BYTES, MARKS_LIMIT, digest
from aggregator.model import Source
from aggregator.pipeline import Pipeline, Report
from aggregator.store import Store, open_store
from tests.origin import Origin, answer

URL = "https://outlet.example/feed"
NOW = datetime(2026, 2, 11, 12, 0, tzinfo=UTC)
SOURCES, ROUNDS = 12, 6
WORDS = (
    "viaduc pont mairie école usine Besançon Dole Vesoul musée neige train marché forêt comté vigne budget travaux "
    "conseil route tramway piscine hôpital lycée théâtre club match finale loup rivière crue sapin horloger"
).split()


class Published(Struct, frozen=True):
    """An entry of a made-up feed."""

    guid: str
    link: str
    title: str
    text: str
    at: datetime | None

    def __str__(self) -> str:
        date = f"<pubDate>{format_datetime(self.at)}</pubDate>" if self.at else ""
        guid = f'<guid isPermaLink="false">{self.guid}</guid>' if self.guid else ""
        text = escape(f"<p>{self.text}</p>")
        return f"<item>{guid}<title>{self.title}</title><link>{self.link}</link>{date}<description>{text}</description></item>"


def rss(entries: list[Published], build: object = "") -> bytes:
    """A document; `build` makes it another one though its entries are the same."""
    items = "".join(map(str, entries))
    return (
        f'<rss version="2.0"><channel><title>Journal</title><link>https://outlet.example/</link>'
        f"<lastBuildDate>{build}</lastBuildDate>{items}</channel></rss>"
    ).encode()


def entry(number: int, **changes: object) -> Published:
    plain = Published(f"g{number}", f"https://outlet.example/{number}", f"Titre {number}", f"Texte {number}.", NOW)
    return replace(plain, **changes)  # type: ignore[arg-type]


def read(entries: list[Published], seen: bytes = b"", **line: object) -> tuple[list[str], int, bytes]:
    """The titles that were looked at, how many were passed over, and the marks."""
    found = digest(Source(URL, **line), rss(entries), URL, {}, "", seen)  # type: ignore[arg-type]
    return [item.title for item in found.items], len(found.unchanged), found.seen


def test_only_what_is_new_or_changed_is_looked_at() -> None:
    before = [entry(number) for number in range(8)]
    titles, passed, seen = read(before)
    assert (len(titles), passed, len(seen)) == (8, 0, 8 * MARK_BYTES)
    after = [entry(9, title="Neuf"), replace(before[0], title="Corrigé"), *before[1:7]]
    assert read(after, seen)[:2] == (["Neuf", "Corrigé"], 6)
    assert len(read(after, seen)[2]) == 8 * MARK_BYTES


@pytest.mark.parametrize(
    "after",
    [
        [entry(number) for number in range(5, 12)],  # less than half of it is known
        [entry(20, guid="g1"), *(entry(number) for number in range(8))],  # a guid of two
        [entry(20, guid=""), *(entry(number) for number in range(8))],  # none
    ],
)
def test_all_of_a_document_is_looked_at_where_what_is_new_may_change_what_is_known(after: list[Published]) -> None:
    _, _, seen = read([entry(number) for number in range(8)])
    titles, passed, _ = read(after, seen)
    assert (len(titles), passed) == (len(after), 0)


def test_all_is_looked_at_again_when_editors_say_something_else_of_the_source() -> None:
    entries = [entry(number) for number in range(8)]
    _, _, seen = read(entries)
    assert read(entries, seen)[1] == 8
    assert read(entries, seen, categories=("sport",))[1] == 0


def test_of_an_endless_document_the_top_is_known() -> None:
    entries = [entry(number) for number in range(MARKS_LIMIT + 50)]
    _, _, seen = read(entries)
    assert len(seen) == MARKS_LIMIT * MARK_BYTES
    assert read(entries, seen)[1] == MARKS_LIMIT


# ── the same comes of it


class Newsroom:
    """A feed that changes from round to round, in every way that feeds do, and some that they should not."""

    def __init__(self, number: int, dice: random.Random, texts: list[str]) -> None:
        self.site = f"https://journal{number}.example"
        self.dice = dice
        self.texts = texts  # of all newsrooms: some print what another wrote
        self.count = 0
        self.entries: list[Published] = []
        for _ in range(12):
            self.publish(NOW - timedelta(hours=dice.randrange(90)))

    def publish(self, at: datetime | None, **changes: object) -> None:
        self.count += 1
        copied = self.texts and self.dice.random() < 0.3
        text = self.dice.choice(self.texts) if copied else " ".join(self.dice.choices(WORDS, k=60)) + "."
        self.texts.append(text)
        title = " ".join(self.dice.choices(WORDS, k=6)).capitalize()
        plain = Published(f"{self.site}#{self.count}", f"{self.site}/{self.count}", title, text, at)
        self.entries.insert(0, replace(plain, **changes))  # type: ignore[arg-type]

    def go_on(self, now: datetime) -> None:
        for _ in range(self.dice.randrange(3)):
            self.publish(self.dice.choice([now, now - timedelta(minutes=20), now - timedelta(days=9), None]))
        place = self.dice.randrange(len(self.entries))
        old = self.entries[place]
        match self.dice.randrange(9):
            case 0:
                self.entries[place] = replace(old, title=f"{old.title} (mis à jour)")
            case 1:
                self.entries[place] = replace(old, text=f"{old.text} Le maire a réagi lundi soir.")
            case 2:
                self.entries[place] = replace(old, guid=f"{old.guid}-bis")  # renumbered
            case 3:
                self.publish(now, guid=old.guid)  # a guid of two
            case 4:
                self.publish(now, link=old.link)  # a link of two
            case 5:
                self.entries.insert(0, self.entries.pop(place))
            case 6:
                self.entries = [replace(each, guid=f"{each.guid}~") for each in self.entries]
        self.entries = self.entries[: self.dice.randrange(10, 16)]


class World:
    """A store with its pipeline; `forgets` what it saw before each poll."""

    def __init__(self, folder: Path, settings: Settings, *, forgets: bool) -> None:
        self.path = folder / f"{'forgets' if forgets else 'knows'}.db"
        self.settings, self.forgets = settings, forgets
        self.store: Store = open_store(str(self.path))

    async def poll(self, now: datetime) -> list[Report]:
        reports = []
        if self.forgets:
            with closing(sqlite3.connect(self.path)) as database, database:
                database.execute("UPDATE sources SET seen = x''")
        async with Pipeline(self.settings, self.store, lambda: now) as pipeline:
            for view in self.store.sources():
                reports.append(await pipeline.update(view.source, view.state))
            await pipeline.open_log()
            await pipeline.index()
        return reports

    def told(self) -> Mapping[str, list[tuple[object, ...]]]:
        """All that is stored, but for what tells whether entries were passed over."""
        tables = "items revisions links stories log prints grams search feeds"
        with closing(sqlite3.connect(self.path)) as database:
            found = {name: sorted(database.execute(f"SELECT * FROM {name}"), key=repr) for name in tables.split()}
            states = [json.loads(state) for (state,) in database.execute("SELECT state FROM sources ORDER BY id")]
        for state in states:
            state.pop("link_hosts", None)  # those of the whole document that was read last
        return {**found, "states": [(json.dumps(state, sort_keys=True),) for state in states]}


def test_what_is_stored_is_the_same_whether_entries_are_passed_over_or_not(tmp_path: Path) -> None:
    dice, texts = random.Random("unchanged"), list[str]()
    rooms = {f"/{number}": Newsroom(number, dice, texts) for number in range(SOURCES)}
    build = 0
    with Origin(lambda request: answer(body=rss(rooms[request.path].entries, build))) as origin:
        settings = Settings(allow_private=(origin.authority,), workers=1, per_host=20)
        knows, forgets = (World(tmp_path, settings, forgets=each) for each in (False, True))
        for world in (knows, forgets):
            world.store.sync_sources([Source(origin.url(path), title=path) for path in rooms], NOW)
        for build in range(ROUNDS):
            now = NOW + timedelta(hours=build)
            reports = [asyncio.run(world.poll(now)) for world in (knows, forgets)]
            short = [[(each.status, each.new, each.changed, each.same) for each in found] for found in reports]
            assert short[0] == short[1]
            assert knows.told() == forgets.told()
            for room in rooms.values():
                room.go_on(now + timedelta(minutes=30))
        assert {status for found in short for status, *_ in found} <= {"ok", "suspect"}
        assert sum(len(digest_of(knows, path)) for path in rooms) > SOURCES * 5
        for world in (knows, forgets):
            world.store.close()


def digest_of(world: World, path: str) -> bytes:
    """The marks that are kept of a source."""
    url = next(view.source.url for view in world.store.sources() if view.source.url.endswith(path))
    return world.store.seen(url)
