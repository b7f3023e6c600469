"""Propose, preview, publish: the preview is the effect, and undoing leaves no trace."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as some
from msgspec import Struct
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.desk import effects, sources
from aggregator.desk.effects import Change, Hide, NewCorrection, NewRules, Withdraw
from aggregator.model import (
    Category,
    Correction,
    Date,
    Effect,
    Genre,
    Item,
    Rule,
    RuleEffect,
    RuleField,
    RuleHow,
)
from aggregator.opml import Document
from aggregator.store import Store, open_store
from tests.web_world import INFO, MATIN, NOW, PRESSE, an_item, filled_store, same_story, settings_in, tell

LISTED = (replace(INFO, departements=("25",), tags={"Ciné": "culture"}), MATIN, PRESSE)
WORDS = ("foot", "mairie", "cinéma", "l’été", "Œuvre")
TAGS = ("Sport", "Économie", "Ciné", "Divers")
CATEGORIES = ("sport", "economie", "culture", "politique")


class Place(Struct, frozen=True):
    """A list of sources and a store that tests change."""

    settings: Settings
    store: Store

    def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.settings.database) as db:
            return db.execute(sql, arguments).fetchall()

    @property
    def standing(self) -> set[tuple[str, int]]:
        """Which story stands in which feed."""
        return set(self.rows("SELECT feed, story_id FROM log WHERE left_at IS NULL"))

    @property
    def state(self) -> dict[str, Any]:
        """All that undoing must bring back."""
        return {
            "list": Path(self.settings.opml).read_bytes(),
            "rules": self.store.rulebook().rules,
            "items": self.rows("SELECT id, story_id, content, hidden FROM items ORDER BY id"),
            "stories": self.rows("SELECT id, lead_id, sort_at, joined_to, late, terms FROM stories ORDER BY id"),
            "log": self.rows(
                "SELECT feed, story_id, sort_at, late, sequence FROM log WHERE left_at IS NULL ORDER BY 1, 2"
            ),
            "bases": self.rows("SELECT * FROM bases ORDER BY 1"),
            "corrections": self.rows("SELECT * FROM corrections ORDER BY 1"),
            "found": self.rows("SELECT item_id, facets, title, text FROM search ORDER BY 1"),
            "hidden": self.rows("SELECT item_id, source_id FROM hidden WHERE undone_at IS NULL"),
            "lines": self.rows("SELECT url, line, position FROM sources ORDER BY 1"),
        }

    def preview(self, change: Change) -> Effect:
        return effects.preview(self.settings, self.store, change, NOW)

    def publish(self, change: Change) -> Effect:
        return effects.publish(self.settings, self.store, "Jeanne", "", change, NOW)

    def undo(self, number: int) -> None:
        effects.undo(self.settings, self.store, number, "Jeanne", NOW)


@cache
def empty() -> tuple[bytes, bytes]:
    """The list and the data base of a new place: making the tables takes longer than most of what is tested."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_in(Path(folder), opml=str(Path(folder) / "feeds.opml"))
        document = Document.new("Sources")
        for source in LISTED:
            document.add(source)
        document.write(settings.opml)
        store = filled_store(settings, LISTED)
        sources.note_outside(settings, store, NOW)
        store.close()
        return Path(settings.opml).read_bytes(), Path(settings.database).read_bytes()


@contextmanager
def a_place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_in(Path(folder), opml=str(Path(folder) / "feeds.opml"))
        listed, database = empty()
        Path(settings.opml).write_bytes(listed)
        Path(settings.database).write_bytes(database)
        store = open_store(settings.database)
        try:
            yield Place(settings, store)
        finally:
            store.close()


def moved(before: set[tuple[str, int]], after: set[tuple[str, int]]) -> dict[str, tuple[set[int], set[int]]]:
    """What entered and left each feed."""
    feeds = {feed for feed, _ in before ^ after}
    return {
        feed: ({story for slug, story in after - before if slug == feed}, {story for slug, story in before - after if slug == feed})
        for feed in feeds
    }  # fmt: skip


def told(effect: Effect) -> dict[str, tuple[set[int], set[int]]]:
    return {each.feed: ({one.id for one in each.entered}, {one.id for one in each.left}) for each in effect.feeds}


# ── random worlds

texts = some.lists(some.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
categories = some.lists(some.sampled_from((*CATEGORIES, "divers")), min_size=1, max_size=2, unique=True)
items = some.lists(
    some.builds(
        lambda source, title, lead, tags, slugs, hours, language: {
            "source": source,
            "title": title,
            "lead": lead,
            "tags": tuple(tags),
            "categories": tuple(Category(slug, "aliases", slug) for slug in slugs),
            "departements": source.departements,
            "published": Date("", NOW - timedelta(hours=hours)),
            "language": language,
            "author": title.partition(" ")[0],
        },
        some.sampled_from(LISTED),
        texts,
        texts,
        some.lists(some.sampled_from(TAGS), max_size=2, unique=True),
        categories,
        some.sampled_from((1, 20, 47, 49, 400)),
        some.sampled_from(("fr", "de")),
    ),
    min_size=1,
    max_size=8,
)
rules = some.lists(
    some.builds(
        lambda effect, field, how, text, source, category, target: Rule(
            0,
            effect,
            field,
            how,
            text,
            source,
            category,
            target if effect is RuleEffect.CATEGORY else "",
        ),
        some.sampled_from(RuleEffect),
        some.sampled_from(RuleField),
        some.sampled_from(RuleHow),
        some.sampled_from((*WORDS, *TAGS, "fr", "de")),
        some.sampled_from(("", INFO.url, MATIN.url)),
        some.sampled_from(("", "", *CATEGORIES[:2])),
        some.sampled_from(CATEGORIES),
    ),
    max_size=4,
)
links = some.lists(some.tuples(some.integers(0, 7), some.integers(0, 7)), max_size=3)


def fill(place: Place, drawn: list[dict[str, Any]], joined: list[tuple[int, int]] = []) -> list[Item]:  # noqa: B006
    """Tell these items, some of them as one story."""
    made = [an_item(f"n{number}", **values) for number, values in enumerate(drawn)]
    ties = [same_story(made[max(pair)], made[min(pair)]) for pair in joined if min(pair) < max(pair) < len(made)]
    for item in made:
        tell(place.store, [item], links=ties)
    return made


def new_rules(place: Place, drawn: list[Rule]) -> NewRules:
    book = place.store.rulebook()
    return NewRules(tuple(replace(rule, id=book.last_id + at) for at, rule in enumerate(drawn, 1)), book)


@checked(max_examples=20)
@given(items, links, rules, rules)
def test_what_a_preview_shows_is_what_publishing_does_and_the_preview_changes_nothing(
    drawn: list[dict[str, Any]], joined: list[tuple[int, int]], first: list[Rule], second: list[Rule]
) -> None:
    with a_place() as place:
        fill(place, drawn, joined)
        for chosen in (first, second):
            change = new_rules(place, chosen)
            if change.rules == change.seen.rules:
                continue
            state, before = place.state, place.standing
            shown = place.preview(change)
            assert place.state == state
            done = place.publish(change)
            assert told(shown) == told(done) == moved(before, place.standing)
            assert shown.items == done.items


@checked(max_examples=20)
@given(items, rules)
def test_items_that_come_after_the_rules_stand_where_those_stand_that_came_before(
    drawn: list[dict[str, Any]], chosen: list[Rule]
) -> None:
    places = []
    for late in (False, True):
        with a_place() as place:
            if not late:
                fill(place, drawn)
            if chosen:
                place.publish(new_rules(place, chosen))
            if late:
                fill(place, drawn)
            state = place.state
            places.append([place.standing, state["items"], state["stories"], state["bases"]])
    assert places[0] == places[1]


acts = some.lists(
    some.one_of(
        rules.map(lambda drawn: ("rules", drawn)),
        some.tuples(
            some.just("correct"),
            some.tuples(
                some.integers(0, 7),
                some.lists(some.sampled_from(CATEGORIES), max_size=2, unique=True),
                some.sampled_from((None, Genre.COMMUNIQUE)),
            ),
        ),
        some.tuples(some.just("hide"), some.integers(0, 7)),
        some.tuples(some.just("withdraw"), some.sampled_from(LISTED)),
        some.tuples(
            some.just("edit"),
            some.tuples(
                some.sampled_from(LISTED),
                some.sampled_from(
                    (
                        {"categories": ("sport",)},
                        {"tags": {"Ciné": "politique", "Sport": "economie"}},
                        {"departements": ("39",)},
                        {"title": "Autre", "categories": ("culture", "sport"), "departements": ("25", "70")},
                    )
                ),
            ),
        ),
    ),
    min_size=1,
    max_size=6,
)


def change_of(place: Place, kind: str, drawn: Any, made: list[Item]) -> Change | None:
    match kind:
        case "rules":
            change = new_rules(place, drawn)
            return None if change.rules == change.seen.rules else change
        case "correct":
            at, slugs, genre = drawn
            if at >= len(made):
                return None
            stored = place.store.keyed(made[at].key)
            assert stored
            seen = effects_seen(place, stored.id)
            wanted = Correction(tuple(slugs), genre)
            return None if wanted == seen else NewCorrection(stored.id, wanted, seen)
        case "hide":
            stored = place.store.keyed(made[drawn].key) if drawn < len(made) else None
            return Hide(stored.id) if stored else None
        case "withdraw":
            return Withdraw((drawn.url,))
    source, values = drawn
    line = Document.read(place.settings.opml).line(source.url)
    return None if replace(line, **values) == line else sources.replaced(line, replace(line, **values))


def effects_seen(place: Place, item_id: int) -> Correction:
    from aggregator.desk.rules import told_item

    return told_item(place.store, item_id).correction


@checked(max_examples=30)
@given(items, links, acts)
def test_undoing_one_thing_after_the_other_brings_back_each_earlier_state_exactly(
    drawn: list[dict[str, Any]], joined: list[tuple[int, int]], done: list[tuple[str, Any]]
) -> None:
    with a_place() as place:
        made = fill(place, drawn, joined)
        undoing = []
        for kind, values in done:
            if (change := change_of(place, kind, values, made)) is None:
                continue
            state, before, hidings = place.state, place.standing, {each.id for each in place.store.hidings()}
            shown = place.preview(change)
            assert place.state == state
            effect = place.publish(change)
            assert told(shown) == moved(before, place.standing)
            new = {each.id for each in place.store.hidings()} - hidings
            if effect.action or new:
                undoing.append((state, effect.action.id if effect.action else 0, *new))
        for state, action, *hiding in reversed(undoing):
            if action:
                place.undo(action)
            else:
                place.store.unhide(hiding[0], "Jeanne", NOW)
            assert place.state == state
