"""Searching the store: what is found by words and filters, in which order, and what is meant by a word that is not."""

import json
import random
import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlite_utils import Database

from aggregator import words
from aggregator.model import Category, Genre, Item, Question, Source, SourceState
from aggregator.store import Found, Store, open_store
from aggregator.store.facets import _within
from aggregator.store.find import FOUND_LIMIT
from aggregator.store.rows import to_json
from aggregator.store.schema import migrations
from tests.values import NOW, SOURCE, make_item, settle, sources
from tests.values import date as a_date

OTHER = "https://other.example/feed"


def found(store: Store, question: Question | str, **how: object) -> list[str]:
    """The titles of what is found."""
    question = Question(question) if isinstance(question, str) else question
    return [hit.item.item.title for hit in store.search(question, "fr", 99, **how).hits]  # type: ignore[arg-type]


def item(number: int, title: str, **changes: object) -> Item:
    return make_item(number, title=title, lead=f"Chapeau {number}.", **changes)


# ── filters


FILTERS: dict[str, tuple[Callable[[], Item], Question]] = {
    "category": (lambda: item(1, "Oui", categories=(Category("sport", "path"),)), Question(category="sport")),
    "one of several categories": (
        lambda: item(1, "Oui", categories=(Category("economie", "path"), Category("sport", "path"))),
        Question(category="sport"),
    ),
    "category with a hyphen": (
        lambda: item(1, "Oui", categories=(Category("faits-divers", "path"),)), Question(category="faits-divers"),
    ),
    "departement": (lambda: item(1, "Oui", departements=("39", "2A")), Question(departement="2A")),
    "genre": (lambda: item(1, "Oui", genre=Genre.OFFRE_EMPLOI), Question(genre="offre-emploi")),
    "since": (lambda: item(1, "Oui", published=a_date(NOW)), Question(since=date(2026, 2, 11))),
    "until": (
        lambda: item(1, "Oui", published=a_date(NOW - timedelta(days=400))), Question(until=date(2026, 2, 9)),
    ),
    "a day": (
        lambda: item(1, "Oui", published=a_date(NOW - timedelta(days=5))),
        Question(since=date(2026, 2, 6), until=date(2026, 2, 6)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("typed", ["", "mot"])
def test_a_filter_narrows_a_search_with_words_and_without(store: Store, filter: str, typed: str) -> None:
    make, question = FILTERS[filter]
    yesterday = a_date(NOW - timedelta(days=1, hours=3))
    others = [item(number, f"Non {number}", published=yesterday) for number in (2, 3)]
    settle(store, [replace(each, text="Un mot.") for each in (make(), *others)])
    assert found(store, replace(question, words=typed)) == ["Oui"]


def test_a_source_is_searched_by_its_slug(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(store, [item(1, "Le mot d’un journal")])
    settle(store, [item(2, "Le mot de l’autre", source=OTHER)], source=OTHER)
    assert found(store, Question("mot", source="source-1")) == ["Le mot de l’autre"]
    assert found(store, Question("mot", source="nobody")) == []


def test_filters_add_up(store: Store) -> None:
    sport = (Category("sport", "path"),)
    settle(store, [item(1, "Oui", categories=sport, departements=("25",)), item(2, "Non", categories=sport)])
    assert found(store, Question(category="sport", departement="25", genre="article")) == ["Oui"]
    assert found(store, Question("chapeau -2", category="sport")) == ["Oui"]


def test_who_asks_for_nothing_finds_nothing(store: Store) -> None:
    settle(store, [item(1, "Un")])
    assert store.search(Question(), "fr") == store.search(Question("-mot"), "fr") == Found()
    assert found(store, Question("-rien", category="economie")) == ["Un"]


@pytest.mark.parametrize(
    "typed", ["c_economie", '"c_economie"', "economie", "s_s_a", "a_20260211", "facets:economie", "2026"]
)
def test_no_word_that_is_typed_is_taken_for_a_filter(store: Store, typed: str) -> None:
    settle(store, [item(1, "Un")])
    assert found(store, typed) == []


def test_an_item_that_gets_another_category_is_found_there_and_no_longer_here(store: Store) -> None:
    settle(store, [item(1, "Un", categories=(Category("sport", "path"),))])
    settle(store, [item(1, "Un", categories=(Category("culture", "path"),), fingerprint="2")])
    assert found(store, Question(category="culture")) == ["Un"]
    assert found(store, Question(category="sport")) == []
    check(store)


@pytest.mark.parametrize(("zone", "hits"), [("Europe/Paris", ["Un"]), ("UTC", []), ("America/New_York", [])])
def test_a_day_is_one_of_the_time_zone_of_the_site(store: Store, zone: str, hits: list[str]) -> None:
    late = datetime(2026, 2, 10, 23, 30, tzinfo=UTC)  # half past midnight in Paris
    settle(store, [item(1, "Un", published=a_date(late))])
    day = date(2026, 2, 11)
    assert found(store, Question(since=day, until=day), zone=zone) == hits


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.integers(0, 4000))
def test_the_tokens_of_a_time_are_those_of_its_days_and_few(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    tokens = list(_within(first, last))
    assert len(tokens) <= 2 * (30 + 11) + length // 365 + 1

    def is_within(day: date) -> bool:
        return bool({f"y_{day:%Y}", f"m_{day:%Y%m}", f"a_{day:%Y%m%d}"} & set(tokens))

    assert is_within(first) and is_within(last) and is_within(first + timedelta(days=length // 2))
    assert not is_within(first - timedelta(days=1)) and not is_within(last + timedelta(days=1))


def test_a_time_that_ends_before_it_begins_holds_nothing(store: Store) -> None:
    settle(store, [item(1, "Un")])
    assert found(store, Question(since=date(2026, 2, 12), until=date(2026, 2, 10))) == []
    assert found(store, Question(since=date(2090, 1, 1))) == found(store, Question(until=date(1950, 1, 1))) == []


# ── order and pieces


def test_a_word_in_a_title_counts_more_than_in_a_text_and_more_often_than_once(store: Store) -> None:
    settle(
        store,
        [
            item(1, "Une fois", text="Le tram. " + "Autre chose. " * 60),
            item(2, "Souvent", text="Le tram, le tram, le tram. " + "Autre chose. " * 60),
            item(3, "Le tram"),
        ],
    )
    assert found(store, "tram") == ["Le tram", "Souvent", "Une fois"]


@pytest.mark.parametrize("typed", ["tram", "tram mairie", "tram mairie soir", '"tram du soir" mairie'])
def test_the_first_are_the_same_however_many_are_asked_for(store: Store, typed: str) -> None:
    dice = random.Random(typed)
    parts = ("le tram du soir", "la mairie", "autre chose", "ailleurs", "le tram et la mairie")

    def some(count: int) -> str:
        return " ".join(dice.choices(parts, k=count))

    settle(
        store,
        [
            item(number, f"{number} {some(1) if dice.random() < 0.3 else ''}", text=f"{' '.join(parts)} {some(length)}")
            for number, length in enumerate((dice.randrange(1, 60) for _ in range(90)), 1)
        ],
    )
    every = found(store, typed)
    assert len(every) == 90
    for limit in (1, 5, 20, 60):
        first = store.search(Question(typed), "fr", limit).hits
        assert [hit.item.item.title for hit in first] == every[:limit]


def test_the_newest_come_first_where_that_is_asked_or_no_word_is(store: Store) -> None:
    settle(store, [item(3, "Le tram"), item(1, "Un", text="Le tram."), item(2, "Deux", text="Le tram. " * 9)])
    assert found(store, "tram") == ["Le tram", "Deux", "Un"]
    assert found(store, "tram", newest=True) == found(store, Question(category="economie")) == ["Un", "Deux", "Le tram"]


def test_pieces_follow_each_other_without_gap_or_repetition(store: Store) -> None:
    settle(store, [item(number, f"Tram {number}") for number in range(1, 26)])
    pieces = [store.search(Question("tram"), "fr", 10, offset) for offset in (0, 10, 20, 30)]
    assert [len(piece.hits) for piece in pieces] == [10, 10, 5, 0]
    assert [piece.goes_on for piece in pieces] == [True, True, False, False]
    assert {piece.items for piece in pieces} == {25}
    assert len({hit.story.id for piece in pieces for hit in piece.hits}) == 25


def test_of_a_common_word_the_newest_are_looked_at_and_it_is_said_that_there_are_more(store: Store) -> None:
    settle(store, [item(number, f"Tram {number}") for number in range(FOUND_LIMIT + 5, 0, -1)])
    piece = store.search(Question("tram"), "fr", 5, newest=True)
    assert (piece.items, piece.is_more) == (FOUND_LIMIT, True)
    assert piece.hits[0].item.item.title == "Tram 1"
    assert not store.search(Question("tram 7"), "fr").is_more


def test_what_is_hidden_is_neither_found_nor_counted(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(store, [item(1, "Tram 1"), item(2, "Tram 2")])
    settle(store, [item(3, "Tram 3", source=OTHER)], source=OTHER)
    hidden = store.hide(1, "me", "", NOW)
    store.withdraw(OTHER, "me", "", NOW)
    assert found(store, "tram") == found(store, Question(genre="article")) == ["Tram 2"]
    assert store.search(Question("tram"), "fr").items == 1
    store.unhide(hidden.id, "me", NOW)
    assert found(store, "tram") == ["Tram 1", "Tram 2"]


# ── whatever people type


SIGNS = st.sampled_from(
    ['"', "'", "*", "(", ")", "-", "+", "^", ":", "NEAR", "AND", "OR", "NOT", "{", "}", ";", "--", "\0", "a"]
)
TYPED = st.one_of(st.text(max_size=80), st.lists(SIGNS | st.text(max_size=4), max_size=12).map(" ".join))
SLUG = st.one_of(st.text(max_size=12), st.sampled_from(["economie", "' OR 1=1 --", 'x" OR "y', "c_economie) OR (a"]))


@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=TYPED, category=SLUG, departement=SLUG, source=SLUG, genre=SLUG)
def test_nothing_that_is_typed_or_claimed_to_be_a_slug_is_an_error(
    store: Store, typed: str, category: str, departement: str, source: str, genre: str
) -> None:
    question = Question(typed.encode("utf-8", "replace").decode(), category, departement, source, genre)
    assert isinstance(store.search(question, "fr"), Found)
    assert isinstance(store.respell(question.words, "fr"), str)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40))
def test_a_title_is_found_by_its_own_words(store: Store, title: str) -> None:
    title = title.encode("utf-8", "replace").decode().replace('"', " ").replace("\0", " ")
    number = 10_000 - len(list(store.items()))  # newer than all before
    settle(store, [make_item(number, title=title, lead="")])
    typed = f'"{title}"'
    hits = store.search(Question(typed), "fr", 1, newest=True).hits
    assert [hit.item.item.title for hit in hits] == [title] * bool(words.read(typed, "fr").wanted)


# ── near words


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Besanson", "Besançon"),  # a wrong letter
        ("besançonm", "Besançon"),  # one too many
        ("bsancon", "Besançon"),  # one missing
        ("ebsançon", "Besançon"),  # two that changed places, at the beginning
        ("besanocn", "Besançon"),
        ("tramvay", "tramway"),
        ('"le tramvay de" besanson', '"le tramway de" Besançon'),
        ("tramvay -besanson", "tramway -besanson"),  # what is left out may be anything
        ("oeuvrre", "œuvre"),
        ("chambrre tramway", "Chambre tramway"),
    ],
)
def test_a_word_that_finds_nothing_is_replaced_by_a_near_one_as_it_is_written(
    store: Store, typed: str, meant: str
) -> None:
    settle(
        store,
        [
            item(1, "À Besançon, le tramway roule"),
            item(2, "BESANÇON : le tramway de retour"),
            item(3, "Une œuvre pour Besançon"),
            item(4, "Chambre de commerce"),
        ],
    )
    assert store.respell(typed, "fr") == meant


@pytest.mark.parametrize(
    "typed", ["", "tramway", "tramways", "zzzzzzzz", "tramvay zzzzzzzz", "rue", "25250", "-tramvay", "l'", "“”"]
)
def test_what_finds_something_or_is_like_nothing_stays(store: Store, typed: str) -> None:
    settle(store, [item(1, "Le tramway roule rue 25000")])
    assert store.respell(typed, "fr") == ""


def test_of_near_words_the_nearest_is_taken_and_of_these_the_most_frequent(store: Store) -> None:
    settle(store, [item(1, "Marnay"), item(2, "Morney"), item(3, "Morney encore")])
    assert store.respell("marney", "fr") == "Morney"
    assert store.respell("marnau", "fr") == "Marnay"


def test_a_word_that_a_change_brings_is_known(store: Store) -> None:
    settle(store, [item(1, "Le tramway")])
    settle(store, [item(1, "Le funiculaire")])
    assert store.respell("funiculairre", "fr") == "funiculaire"


# ── the index


def check(store: Store) -> None:
    """The index holds what the table says."""
    db: sqlite3.Connection = store._db  # type: ignore[attr-defined]
    db.execute("INSERT INTO search_index (search_index, rank) VALUES ('integrity-check', 1)")


def test_the_index_stays_true_while_items_change_before_and_after_they_are_indexed(store: Store) -> None:
    for round_ in range(3):
        settle(store, [item(number, f"Tour {round_} de {number}", fingerprint=f"{round_}") for number in range(9)])
    check(store)
    assert len(found(store, "tour 2")) == 9 and not found(store, '"tour 1"')


def test_a_store_of_an_earlier_form_is_taken_over_newest_first_and_answers_meanwhile(tmp_path: Path) -> None:
    older(tmp_path / "t.db", 30)
    store = open_store(str(tmp_path / "t.db"))
    assert found(store, "été") == []
    assert store.index(10) == 0
    assert found(store, "été", newest=True) == [f"L’été numéro {number}" for number in range(30, 20, -1)]
    settle(store, [make_item(99, source=SOURCE, title="Un autre été")])  # new ones go first; it takes over what is left
    assert found(store, Question("été", category="sport"), newest=True)[:2] == ["L’été numéro 30", "L’été numéro 29"]
    for _ in range(9):
        store.index(10)
    assert len(found(store, "ete")) == 31
    assert store.respell("numerro", "fr") == "numéro"
    check(store)
    assert store._db.execute("SELECT count(*) FROM search_before").fetchone() == (0,)  # type: ignore[attr-defined]
    store.close()


def test_an_item_that_changes_before_it_is_taken_over_is_found_by_its_new_words(tmp_path: Path) -> None:
    older(tmp_path / "t.db", 3)
    store = open_store(str(tmp_path / "t.db"))
    new = make_item(
        2, guid="g2", canonical="", title="L’hiver", text="Autre chose", categories=(Category("culture", "path"),)
    )
    state = SourceState(SOURCE, checked_at=NOW, succeeded_at=NOW)
    settle(store, [new], state=state)
    assert found(store, "hiver") == found(store, Question(category="culture")) == ["L’hiver"]
    assert found(store, "été", newest=True) == ["L’été numéro 3", "L’été numéro 1"]
    check(store)
    store.close()


def older(path: Path, count: int) -> None:
    """A database from before a search could be narrowed, which knows the last items but three."""
    db = Database(sqlite3.connect(path, isolation_level=None))
    migrations.apply(db, stop_before="m011_search")
    line = Source(SOURCE, title="Ma Commune")
    db.execute(
        "INSERT INTO sources (url, position, paused, line, state, next_check_at, slug) VALUES (?, 0, 0, ?, ?, 0, 'x')",
        [SOURCE, to_json(line), to_json(SourceState(SOURCE))],
    )
    for number in range(1, count + 1):
        made = make_item(
            number, guid=f"g{number}", title=f"L’été numéro {number}", categories=(Category("sport", "path"),)
        )
        at = int(NOW.timestamp()) - 86400 + number
        db.execute(
            "INSERT INTO stories (id, entry_id, lead_id, sort_at, late, terms) VALUES (?, ?, ?, ?, 0, ?)",
            [number, f"e{number}", number, at, json.dumps(["sport"])],
        )
        db.execute(
            "INSERT INTO items (id, source_id, guid, canonical, story_id, first_seen, changed_at, reason, content)"
            " VALUES (?, 1, ?, '', ?, ?, ?, '', ?)",
            [number, made.guid, number, at, at, to_json(made)],
        )
        stems = words.stems(made.title, "fr"), words.stems(made.text, "fr")
        db.execute("INSERT INTO search (item_id, title, text) VALUES (?, ?, ?)", [number, *stems])
        db.execute("INSERT INTO log (feed, story_id, sort_at, late) VALUES ('all', ?, ?, 1)", [number, at])
    db.execute(
        "INSERT INTO search_index (rowid, title, text) SELECT item_id, title, text FROM search WHERE item_id < ?",
        [count - 2],
    )
    db.execute("INSERT INTO marks VALUES ('indexed', ?)", [count - 3])
    db.close()


def test_a_search_costs_the_same_however_much_is_stored(store: Store) -> None:
    """What a rare filter leaves of a common word is found without looking at all that the word stands in."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def cost() -> int:
        nonlocal steps
        steps = 0
        assert len(found(store, Question("commun", category="sport"))) == 3
        return steps

    rare = (Category("sport", "path"),)
    settle(store, [item(number, "Commun", categories=rare if number < 4 else ()) for number in range(1, 100)])
    store._db.set_progress_handler(count, 10)  # type: ignore[attr-defined]
    early = cost()
    settle(store, [item(number, "Commun", categories=()) for number in range(100, 3000)])
    assert cost() <= early * 1.2 + 2
