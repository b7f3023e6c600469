"""The store: what goes in comes out, whole or not at all."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlite_utils
from msgspec.structs import replace

from aggregator import words
from aggregator.errors import ErrorClass, StoreError
from aggregator.model import (
    Category,
    Decision,
    DecisionKind,
    Evidence,
    Image,
    Level,
    Link,
    PinKind,
    Question,
    Republish,
    SourceState,
    Update,
)
from aggregator.store import Known, Store, open_store
from aggregator.store.connections import MIGRATIONS
from aggregator.store.schema import migrations
from aggregator.stories import decide
from tests.values import NO_PRINT, NOW, SOURCE, date, make_item, settle, sources

OTHER = "https://other.example/feed"

# ── sources


def test_sources_keep_the_order_of_the_list_and_stay_known_when_they_leave_it(store: Store) -> None:
    store.sync_sources(sources(OTHER, SOURCE), NOW)
    assert [view.source.url for view in store.sources()] == [OTHER, SOURCE]
    settle(store, [make_item(1)])
    store.sync_sources(sources(OTHER), NOW)
    listed, left = store.sources()
    assert (listed.listed, left.listed, left.items) == (True, False, 1)


def test_due_are_the_listed_sources_whose_time_has_come_longest_overdue_first(store: Store) -> None:
    store.sync_sources(
        [*sources(SOURCE, OTHER), replace(sources()[0], url="https://paused.example/", paused=True)], NOW
    )
    for url, minutes in ((SOURCE, 5), (OTHER, 4)):
        settle(store, [], source=url, state=SourceState(url, next_check_at=NOW + timedelta(minutes=minutes)))
    later = NOW + timedelta(minutes=5)
    assert [source.url for source, _ in store.due(later, 9)] == [OTHER, SOURCE]
    assert [source.url for source, _ in store.due(later, 1)] == [OTHER]
    assert not store.due(NOW, 9)
    store.sync_sources(sources(SOURCE), NOW)
    assert [source.url for source, _ in store.due(later, 9)] == [SOURCE]


def test_what_one_caller_has_taken_up_no_other_gets_until_the_lease_ends_or_it_is_given_back(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    lease = NOW + timedelta(minutes=5)

    def claimed(now: datetime, limit: int = 9) -> list[str]:
        return [source.url for source, _ in store.claim(now, lease, limit)]

    assert claimed(NOW, 1) + claimed(NOW, 1) == [SOURCE, OTHER]
    assert claimed(NOW) == [] and claimed(lease - timedelta(seconds=1)) == []
    store.renew({SOURCE: NOW, OTHER: lease}, NOW)  # only a lease as it was given
    assert claimed(NOW) == [OTHER]
    settle(store, [make_item()], state=SourceState(SOURCE, next_check_at=NOW + timedelta(hours=2)))
    assert claimed(lease) == [OTHER]
    assert SOURCE in claimed(NOW + timedelta(hours=2))


def test_a_state_comes_back_as_it_was_written(store: Store) -> None:
    state = SourceState(
        SOURCE, '"etag"', "Wed, 11 Feb 2026 12:00:00 GMT", "ff", NOW, NOW, NOW + timedelta(hours=1),
        ErrorClass.TIMEOUT, "while connecting", 3, 504, "https://new.example/", "tag:x", "T", "https://x.example/", "©",
    )  # fmt: skip
    settle(store, [], state=state)
    assert store.state(SOURCE) == state


def test_an_unknown_source_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match=r"nowhere\.example"):
        store.state("https://nowhere.example/")
    with pytest.raises(StoreError, match=r"nowhere\.example"):
        settle(store, [], source="https://nowhere.example/")
    for state, links in (
        (SourceState("https://nowhere.example/"), ()),
        (
            SourceState(SOURCE),
            (Link(make_item(1).key, (SOURCE, "nowhere.example"), Level.TEXT, 1.0, Evidence(), "v1"),),
        ),
    ):
        decision = Decision(DecisionKind.NEW, make_item(1), "", changed_at=NOW, sort_at=NOW, links=links)
        update = Update(state, (decision,), NOW, (("", ""),), (NO_PRINT,))
        with pytest.raises(StoreError, match=r"nowhere\.example"):
            store.settle(SOURCE, [], [], lambda known, update=update: update)  # type: ignore[misc]
        assert not list(store.items())


# ── items and stories


def test_an_item_comes_back_as_it_was_written(store: Store) -> None:
    item = make_item(
        1, image=Image("https://outlet.example/1.jpg", "Le pont", "© D Poirier"), labels=("VIDÉO",), tags=("Éco",)
    )
    settle(store, [item])
    (stored,) = store.items()
    assert stored.item == item
    assert store.item(stored.id) == stored
    assert store.find(item.guid) == store.find(item.link) == (stored,)
    assert store.keyed(item.key) == stored
    assert store.item(99) is None and store.find("nothing") == ()
    assert store.keyed((SOURCE, "nothing")) is None and store.keyed((OTHER, item.guid)) is None


def test_a_walk_through_all_items_leaves_none_out(store: Store) -> None:
    settle(store, [make_item(number) for number in range(1, 1202)])
    assert [stored.id for stored in store.items()] == list(range(1, 1202))


def test_the_entry_id_is_the_sources_own_where_it_is_a_uri_that_no_other_story_has(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(store, [make_item(1), make_item(2, guid="1234"), make_item(3, guid="https://outlet.example/a b")])
    settle(
        store,
        [make_item(1, source=OTHER, canonical="https://other.example/1", title="Tout autre chose", lead="")],
        source=OTHER,
    )
    ids = [store.story(stored.story_id).entry_id for stored in store.items()]  # type: ignore[union-attr]
    assert ids[0] == "https://outlet.example/?p=1"
    assert all(each.startswith("tag:localhost,2026:item/") for each in ids[1:])
    assert len(set(ids)) == 4


def test_stories_joined_after_both_were_announced_keep_the_first_and_take_the_other_off_the_head(store: Store) -> None:
    third = "https://third.example/feed"
    store.sync_sources(sources(SOURCE, OTHER, third), NOW)
    store.open_log(NOW)
    a = make_item(
        1,
        canonical="https://a.example/1",
        title="Le pont rouvre mardi",
        text="Le pont rouvre mardi après six mois de travaux sur la rive droite du Doubs",
    )
    settle(store, [a])
    b = replace(a, source=OTHER, guid="b", canonical="https://b.example/1", title="Le pont", lead="", text="")
    settle(store, [b], source=OTHER)
    first, second = (story.id for story in reversed(store.head("all", 10)))
    # the second source corrects its link: now both stand at one, and a third source carries it too
    settle(store, [replace(a, source=third, guid="c")], source=third)
    assert [story.id for story in store.head("all", 10)] == [second, first]
    (kept,) = [story for story in store.head("all", 10) if story.id == first]
    assert [stored.item.source for stored in kept.others] == [third]


def test_a_story_found_by_the_id_of_one_that_was_joined_to_it(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(store, [make_item(1)])
    settle(store, [make_item(1, source=OTHER, guid="x")], source=OTHER)
    assert store.story(2) == store.story(1)
    assert store.story(3) is None


def test_before_the_first_round_is_over_the_earliest_published_leads(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(store, [make_item(1)])
    earlier = replace(make_item(1), source=OTHER, guid="x", published=date(NOW - timedelta(hours=1)))
    settle(store, [earlier], source=OTHER)
    store.open_log(NOW)
    (story,) = store.head("all", 10)
    assert story.lead.item.source == OTHER


# ── the log


def test_nothing_enters_a_feed_before_the_first_round_is_over(store: Store) -> None:
    settle(store, [make_item(number) for number in (1, 2, 3)])
    assert store.head("all", 10) == () and not store.totals().log_open
    assert [story.lead.item.guid[-1] for story in store.river("all").stories] == ["1", "2", "3"]
    assert store.open_log(NOW) == 3
    assert [story.lead.item.guid[-1] for story in store.head("all", 10)] == ["1", "2", "3"]
    assert store.open_log(NOW) == 0 and store.totals().log_open


def test_sequences_have_no_gaps_and_are_never_given_again(store: Store) -> None:
    store.open_log(NOW)
    for number in range(1, 5):
        settle(store, [make_item(number * 10 + each) for each in range(3)])
    rows = [row for stored in store.items() for row in store.log(stored.story_id) if row.feed == "all"]
    assert sorted(row.sequence for row in rows if row.sequence) == list(range(1, 13))


def test_a_story_enters_the_feeds_of_each_category_and_later_ones_too(store: Store) -> None:
    store.open_log(NOW)
    settle(store, [make_item(1)])
    assert [row.feed for row in store.log(1)] == ["all", "economie", "source/source-0"]
    settle(store, [make_item(1, categories=(Category("emploi", "aliases", "Emploi"),), author="x", fingerprint="2")])
    assert [row.feed for row in store.log(1)] == ["all", "economie", "emploi", "source/source-0"]


def test_divers_is_for_stories_that_no_other_category_holds(store: Store) -> None:
    store.open_log(NOW)
    settle(store, [make_item(1, categories=(Category("divers", "none"),))])
    assert [row.feed for row in store.log(1)] == ["all", "divers", "source/source-0"]


def test_the_version_of_a_feed_moves_with_what_changes_its_bytes_and_with_nothing_else(store: Store) -> None:
    store.open_log(NOW)

    def version() -> int:
        return store.feed("economie").version

    assert version() == 0
    settle(store, [make_item(1)])
    first = version()
    settle(store, [make_item(1)])
    assert version() == first > 0
    settle(store, [make_item(1, author="Une autre")])
    second = version()
    assert second > first
    store.sync_sources(sources(), NOW)
    assert version() == second
    store.sync_sources([replace(sources()[0], republish=Republish.FULL)], NOW)
    assert version() > second


def test_a_river_is_read_page_by_page_without_gap_or_repetition(store: Store) -> None:
    settle(store, [make_item(number // 3) for number in range(3, 60)])
    seen: list[int] = []
    page = store.river("all", limit=4)
    while True:
        seen += [story.id for story in page.stories]
        if not page.next:
            break
        page = store.river("all", page.next, 4)
    assert len(seen) == len(set(seen)) == len(list(store.items()))


@pytest.mark.parametrize("cursor", ["x", "1-", "-", "9" * 40 + "-1", "1-1-1", "٣-٣", "²-1", "1" * 20 + "-1"])
def test_a_broken_cursor_means_the_beginning(store: Store, cursor: str) -> None:
    settle(store, [make_item(1)])
    assert len(store.river("all", cursor).stories) == 1


def test_the_river_of_a_source_shows_the_stories_that_it_is_part_of(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(store, [make_item(1), make_item(2)])
    settle(store, [make_item(1, source=OTHER, guid="x")], source=OTHER)
    assert len(store.source_river(OTHER).stories) == 1
    assert len(store.source_river(SOURCE).stories) == 2


# ── searching


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("C’est l’été à Dole", "été"), ("C’est l'été à Dole", "l’été"), ("Un chef d'œuvre", "oeuvre"), ("Une oeuvre", "œuvres"),
        ("Les écoles ferment", "école"), ("Une école ferme", "ECOLES"), ("Le marché de Noël", "noel"), ("Saône-Doubs", "saône-doubs"),
        ("Saône-Doubs", "doubs"), ("Le pont rouvre mardi", '"pont rouvre"'), ("Le pont rouvre", "pont -fermé"),
    ],
)  # fmt: skip
def test_a_search_finds_words_as_people_write_them(store: Store, title: str, query: str) -> None:
    settle(store, [make_item(1, title=title), make_item(2, title="Rien de tel", lead="Autre chose.")])
    assert [hit.item.item.title for hit in store.search(Question(query), "fr").hits] == [title]


@pytest.mark.parametrize(
    "query",
    [
        "",
        " ",
        '"',
        '""',
        "*",
        "(",
        "a AND",
        "NEAR(a b)",
        "title:x",
        "\0",
        "-",
        '-"',
        "x" * 10_000,
        "a " * 10_000,
        "{} ^ + :",
    ],
)
def test_no_search_is_an_error(store: Store, query: str) -> None:
    settle(store, [make_item(1)])
    assert isinstance(store.search(Question(query), "fr").hits, tuple)


def test_a_changed_item_is_found_by_its_new_words_only(store: Store) -> None:
    settle(store, [make_item(1, title="Le girafon")])
    settle(store, [make_item(1, title="Le lionceau")])
    assert store.search(Question("lionceau"), "fr").hits and not store.search(Question("girafon"), "fr").hits


def test_a_story_is_one_hit(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(store, [make_item(1)])
    settle(store, [make_item(1, source=OTHER, guid="x")], source=OTHER)
    assert len(store.search(Question("projet"), "fr").hits) == 1


def test_an_id_of_ours_that_a_source_claims_is_not_given_to_it(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(store, [make_item(1, guid="plain", canonical="")])
    (original,) = store.items()
    ours = store.story(original.story_id).entry_id  # type: ignore[union-attr]
    empty = open_store(":memory:")
    empty.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(empty, [make_item(2, source=OTHER, guid=ours, canonical="")], source=OTHER)
    settle(empty, [make_item(1, guid="plain", canonical="")])
    told = [empty.story(stored.story_id).entry_id for stored in empty.items()]  # type: ignore[union-attr]
    assert told[0] != told[1] == ours
    empty.close()


def test_of_many_items_at_one_link_the_newest_are_known(store: Store) -> None:
    settle(store, [make_item(number, canonical="https://outlet.example/direct") for number in range(60)])
    asked: list[Known] = []

    def make(known: Known) -> Update:
        asked.append(known)
        return Update(SourceState(SOURCE), (), NOW)

    store.settle(SOURCE, [], ["https://outlet.example/direct"], make)
    (ids,) = ([stored.id for stored in group] for group in asked[0].by_link.values())
    assert ids == list(range(11, 61))


def test_a_source_that_leaves_the_list_or_comes_back_changes_the_bytes_of_feeds(store: Store) -> None:
    store.open_log(NOW)
    settle(store, [make_item(1)])
    versions = []
    for listed in (sources(), sources(OTHER), sources(OTHER), sources()):
        store.sync_sources(listed, NOW)
        versions.append(store.feed("all").version)
    first, left, same, back = versions
    assert first < left == same < back


# ── trouble

WRITING: list[Callable[[Store], object]] = [
    lambda store: store.sync_sources(sources(), NOW),
    lambda store: settle(store, [make_item(7)]),
    lambda store: store.open_log(NOW),
    lambda store: store.pin(PinKind.CANNOT, 1, 2, "anna", "", NOW),
    lambda store: store.split(2, "anna", "", NOW),
    lambda store: store.undo_pin(1, "anna", NOW),
    lambda store: store.hide(1, "anna", "", NOW),
    lambda store: store.withdraw(SOURCE, "anna", "", NOW),
    lambda store: store.withdraw_all([SOURCE], "anna", "", NOW),
    lambda store: store.unhide(1, "anna", NOW),
    lambda store: store.unhide_all([1], "anna", NOW),
    lambda store: store.archive("all", 1, b"", NOW),
]
READING: list[Callable[[Store], object]] = [
    lambda store: store.sources(), lambda store: store.state(SOURCE), lambda store: store.due(NOW, 1), lambda store: store.river("all"),
    lambda store: store.source_river(SOURCE), lambda store: store.head("all", 1), lambda store: store.feed("all"), lambda store: store.story(1),
    lambda store: list(store.items()), lambda store: store.item(1), lambda store: store.find("x"), lambda store: store.revisions(1),
    lambda store: store.links(1), lambda store: store.log(1), lambda store: store.search(Question("projet"), "fr").hits, lambda store: store.totals(),
    lambda store: store.links_of(1), lambda store: store.pins(), lambda store: store.pins_of(1), lambda store: store.keyed(make_item(1).key),
    lambda store: store.hidings(), lambda store: store.hidden_among([make_item(1).key]), lambda store: store.retractions(), lambda store: store.retracted("all", NOW),
    lambda store: store.feeds(), lambda store: store.full_pages(), lambda store: store.page("all", 1), lambda store: store.archived("all", 1),
]  # fmt: skip


@pytest.mark.parametrize("write", WRITING)
def test_a_locked_database_is_reported_and_nothing_is_half_written(
    tmp_path: Path, write: Callable[[Store], object]
) -> None:
    path = str(tmp_path / "t.db")
    store = open_store(path, patience_seconds=0.05)
    store.sync_sources(sources(), NOW)
    settle(store, [make_item(1), make_item(2), make_item(3)])
    store.pin(PinKind.MUST, 1, 2, "anna", "", NOW)
    store.hide(3, "anna", "", NOW)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        write(store)
    other.execute("ROLLBACK")
    other.close()
    assert (len(list(store.items())), len(store.pins()), len(store.hidings())) == (3, 1, 1)
    assert store.archived("all", 1) is None
    write(store)
    store.close()


@pytest.mark.parametrize("read", READING)
def test_reading_goes_on_while_another_process_writes(tmp_path: Path, read: Callable[[Store], object]) -> None:
    path = str(tmp_path / "t.db")
    store = open_store(path, patience_seconds=0.05)
    store.sync_sources(sources(), NOW)
    settle(store, [make_item(1)])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    read(store)
    other.execute("ROLLBACK")
    other.close()
    store.close()


@pytest.mark.parametrize("use", [*WRITING, *READING])
def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path, use: Callable[[Store], object]) -> None:
    path = tmp_path / "t.db"
    store = open_store(str(path))
    store.close()
    for each in tmp_path.iterdir():
        each.unlink()
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        use(store)
    store.close()


def test_a_full_disk_is_reported_and_nothing_is_half_written(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "t.db"))
    store.sync_sources(sources(), NOW)
    settle(store, [make_item(1)])
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
    store._db.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="full"):
        settle(store, [make_item(number, text="mot " * 5000) for number in range(2, 60)])
    assert len(list(store.items())) == 1 and store.totals().stories == 1
    store._db.execute("PRAGMA max_page_count = 1000000")  # type: ignore[attr-defined]
    settle(store, [make_item(number) for number in range(2, 60)])
    assert len(list(store.items())) == 59
    store.close()


def test_a_decision_that_fails_leaves_no_trace(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        store.settle(SOURCE, [], [], lambda known: 1 / 0)  # type: ignore[arg-type,return-value]
    settle(store, [make_item(1)])
    assert len(list(store.items())) == 1


def test_a_store_serves_several_threads(store: Store) -> None:
    settle(store, [make_item(1)])
    found: list[int] = []

    def read() -> None:
        found.append(len(list(store.items())))
        store.close()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1, 1]


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="opening"):
        open_store(str(tmp_path / "file" / "t.db"))


def test_a_reading_store_never_checkpoints(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "t.db"), writer=False)
    assert store._db.execute("PRAGMA wal_autocheckpoint").fetchone()[0] == 0  # type: ignore[attr-defined]
    store.close()


def test_half_a_character_is_a_store_error(store: Store) -> None:
    with pytest.raises(StoreError):
        store.find("\ud83d")
    with pytest.raises(StoreError):
        settle(store, [make_item(1, title="\ud83d", fingerprint="1")])
    assert not list(store.items())


def test_a_number_that_no_item_can_have_is_a_store_error(store: Store) -> None:
    with pytest.raises(StoreError):
        store.story(1 << 70)


def test_what_waits_for_the_index_is_found_once_it_was_indexed_even_if_it_changed_meanwhile(store: Store) -> None:
    def put(title: str) -> None:
        keyed = [make_item(1, title=title)]
        state = SourceState(SOURCE, checked_at=NOW, succeeded_at=NOW)
        store.settle(
            SOURCE,
            [keyed[0].guid],
            [keyed[0].canonical],
            lambda known: Update(
                state,
                decide(keyed, [NO_PRINT], known, NOW, timedelta(days=2)),
                NOW,
                (words.index(keyed[0]),),
                (NO_PRINT,),
            ),
        )

    put("Le girafon")
    put("Le lionceau")
    assert not store.search(Question("lionceau"), "fr").hits
    assert store.index() == 1 and store.index() == 0
    assert store.search(Question("lionceau"), "fr").hits and not store.search(Question("girafon"), "fr").hits
    put("Le tigre")
    assert store.search(Question("tigre"), "fr").hits and not store.search(Question("lionceau"), "fr").hits


def test_storing_a_poll_costs_the_same_however_much_is_stored(store: Store) -> None:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    def cost_of(first: int) -> int:
        nonlocal steps
        steps = 0
        settle(store, [make_item(number) for number in range(first, first + 20)])
        return steps

    store._db.set_progress_handler(count, 20)  # type: ignore[attr-defined]
    settle(store, [make_item(number) for number in range(1000, 1200)])  # as many as one is ever compared with
    early = cost_of(0)
    settle(store, [make_item(number) for number in range(1200, 6000)])
    assert cost_of(20) < early * 1.2


def test_what_was_migrated_is_known_without_what_migrates(tmp_path: Path) -> None:
    path = str(tmp_path / "x.db")
    open_store(path).close()
    db = sqlite_utils.Database(path)
    assert migrations.pending(db) == []
    assert len(migrations.applied(db)) == MIGRATIONS, "the number in connections.py"
    db.close()


def test_a_data_base_of_an_earlier_version_is_brought_up_to_date_at_its_next_opening(tmp_path: Path) -> None:
    path = str(tmp_path / "x.db")
    db = sqlite_utils.Database(path)
    migrations.apply(db, stop_before="m018_operating")
    db.close()
    open_store(path, writer=False).close()
    db = sqlite_utils.Database(path)
    assert migrations.pending(db) == []
    db.close()


def test_what_was_hidden_before_acts_were_kept_was_said_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "x.db")
    db = sqlite_utils.Database(path)
    migrations.apply(db, stop_before="m019_acts")
    for number in (1, 2):
        db.execute("INSERT INTO hidden (source_id, made_by, note, made_at) VALUES (?, 'anna', '', 5)", (number,))
    db.conn.commit()
    db.close()
    with closing(open_store(path)) as store:
        assert [each.act for each in store.hidings()] == [2, 1]
