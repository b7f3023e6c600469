"""The history of sources in the store, and where it is read: the command, the pages."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from aggregator.cli import main
from aggregator.errors import ErrorClass, StoreError
from aggregator.model import Certificate, Condition, ConditionKind, Judgement, Source, SourceState
from aggregator.store import Store, history, open_store
from tests.values import NOW, SOURCE, date, make_item, settle, sources
from tests.web_world import INFO, MATIN, World, a_world

HOURS, DAYS = timedelta(hours=1), timedelta(days=1)
ALL = frozenset(ConditionKind)
OTHER, NEW = "https://other.example/feed", "https://new.example/feed"
STATE = SourceState(SOURCE, checked_at=NOW, succeeded_at=NOW)


def condition(kind: ConditionKind = ConditionKind.FAILING, **changes: object) -> Condition:
    plain = Condition(kind, NOW, "It failed 3 times.", "Wait.", error_class=ErrorClass.TIMEOUT, figures={"count": 3})
    return replace(plain, **changes)  # type: ignore[arg-type]


def judged(
    *conditions: Condition, hours: float = 0, source: str = SOURCE, of: frozenset[ConditionKind] = ALL
) -> Judgement:
    return Judgement(source, NOW + hours * HOURS, of, conditions)


def told(store: Store, url: str = SOURCE) -> list[tuple[str, float, float | None]]:
    """Kind, and from which hour to which, as the history has it."""
    return [
        (
            each.condition.kind,
            (each.condition.since - NOW) / HOURS,
            None if each.until is None else (each.until - NOW) / HOURS,
        )
        for each in store.history(url)
    ]


def rows_changed(store: Store) -> int:
    return int(store._db.total_changes)  # type: ignore[attr-defined]


# ── episodes


def test_an_episode_is_begun_and_ended_with_the_state_that_shows_it(store: Store) -> None:
    store.keep([STATE], [judged(condition())])
    assert told(store) == [("failing", 0, None)] and len(store.conditions()) == 1
    store.keep([STATE], [judged(hours=5)])
    assert told(store) == [("failing", 0, 5)] and store.conditions() == ()
    store.keep([STATE], [judged(condition(since=NOW + 9 * HOURS), hours=10)])
    assert told(store) == [("failing", 9, None), ("failing", 0, 5)]
    assert store.history(SOURCE, 1) == store.history(SOURCE)[:1]


def test_an_episode_is_written_only_when_it_changes_and_figures_that_grow_are_no_change(store: Store) -> None:
    store.keep([STATE], [judged(condition())])
    changed = rows_changed(store)
    store.keep([], [judged(condition(evidence="It failed 4 times.", figures={"count": 4}, since=NOW + HOURS), hours=1)])
    assert rows_changed(store) == changed
    assert store.conditions()[0].condition == condition()
    store.keep([], [judged(condition(evidence="It failed otherwise.", error_class=ErrorClass.TLS), hours=2)])
    assert rows_changed(store) == changed + 1
    assert store.conditions()[0].condition == condition(evidence="It failed otherwise.", error_class=ErrorClass.TLS)


def test_what_was_not_looked_for_stays(store: Store) -> None:
    store.keep([], [judged(condition(), condition(ConditionKind.SILENT))])
    store.keep([], [judged(of=frozenset((ConditionKind.FAILING, ConditionKind.GONE)), hours=1)])
    assert [each.condition.kind for each in store.conditions()] == ["silent"]


def test_settling_items_writes_what_is_the_matter_too(store: Store) -> None:
    update = settle(store, [make_item()])
    store.settle(
        SOURCE, [], [], lambda _: replace(update, decisions=(), search=(), prints=(), judged=judged(condition()))
    )
    assert told(store) == [("failing", 0, None)]


def test_nothing_is_the_matter_twice_and_what_cannot_be_stored_leaves_state_and_history_as_they_were(
    store: Store,
) -> None:
    store.keep([STATE], [judged(condition())])
    with pytest.raises(StoreError):
        store.keep([replace(STATE, etag='"2"')], [judged(condition()), judged(condition(evidence="\ud800"), hours=1),
                                                  judged(condition(remedy="\ud800"))])  # fmt: skip
    assert store.state(SOURCE).etag == "" and told(store) == [("failing", 0, None)]
    db = store._db  # type: ignore[attr-defined]
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO episodes (source_id, kind, since, content) SELECT source_id, kind, 1, '' FROM episodes")


def test_an_episode_that_would_begin_after_now_begins_now_and_never_ends_before_it_began(store: Store) -> None:
    store.keep([], [judged(condition(since=NOW + 9 * HOURS))])
    store.keep([], [judged(hours=-3)])  # the clock was put back
    assert told(store) == [("failing", 0, 0)]


def test_the_history_of_a_source_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "EPISODES_LIMIT", 3)
    for hour in range(0, 20, 2):
        store.keep([], [judged(condition(since=NOW + hour * HOURS), hours=hour)])
        store.keep([], [judged(hours=hour + 1)])
    assert [since for _, since, _ in told(store)] == [18, 16, 14, 12]  # what had ended when the last one began


def test_what_ended_long_ago_is_forgotten_and_what_lasts_is_not(store: Store) -> None:
    store.keep(
        [], [judged(condition(), condition(ConditionKind.SILENT)), judged(condition(ConditionKind.SILENT), hours=2)]
    )
    settle(store, [make_item(published=date(NOW - 9 * DAYS))])
    assert store.forget_history(NOW + HOURS) == 0 and store.days(NOW - 10 * DAYS, NOW) == {}
    assert store.forget_history(NOW + 3 * HOURS) == 1
    assert told(store) == [("silent", 0, None)]


def test_the_history_goes_along_with_a_source_that_moves_and_its_redirects_are_over(store: Store) -> None:
    state = replace(STATE, moved_to=NEW, unmoved="the disk was full")
    store.keep([state], [judged(condition(), condition(ConditionKind.MOVED, address=NEW))])
    store.sync_sources(sources(NEW), NOW + 4 * HOURS)
    for url in (NEW, SOURCE):
        assert told(store, url) == [("failing", 0, None), ("moved", 0, 4)]
    assert [each.source for each in store.conditions()] == [NEW]
    assert store.state(NEW).unmoved == ""


def test_conditions_are_those_of_listed_sources_in_their_order_the_worst_first(store: Store) -> None:
    third = "https://third.example/feed"
    store.sync_sources([*sources(OTHER, SOURCE), Source(third, paused=True)], NOW)
    silent, gone = condition(ConditionKind.SILENT), condition(ConditionKind.GONE)
    store.keep([], [judged(silent, gone), judged(gone, source=OTHER)])
    store.keep([], [judged(silent, condition(ConditionKind.PAUSED), source=third)])
    found = [(each.source, each.condition.kind) for each in store.conditions()]
    assert found == [(OTHER, "gone"), (SOURCE, "gone"), (SOURCE, "silent"), (third, "paused")]
    store.sync_sources(sources(SOURCE), NOW)
    assert {each.source for each in store.conditions()} == {SOURCE}


def test_a_kill_between_two_statements_leaves_neither_state_nor_episode(tmp_path: Path) -> None:
    path = str(tmp_path / "t.db")
    with closing(open_store(path)) as store:
        store.sync_sources(sources(), NOW)
        broken = sqlite3.connect(path, isolation_level=None)
        broken.execute("CREATE TRIGGER killed BEFORE INSERT ON episodes BEGIN SELECT raise(ROLLBACK, 'killed'); END")
        with pytest.raises(StoreError):
            store.keep([STATE], [judged(condition())])
        broken.execute("DROP TRIGGER killed")
        broken.close()
        assert store.state(SOURCE).checked_at is None and told(store) == []
        store.keep([STATE], [judged(condition())])
        assert told(store) == [("failing", 0, None)]


# ── looking at all sources


def test_all_sources_are_examined_some_at_a_time_and_figures_are_brought_up_to_date(store: Store) -> None:
    store.sync_sources(sources(*(f"https://{number}.example/" for number in range(5))), NOW)
    seen: list[str] = []

    def judge(source: Source, state: SourceState) -> Judgement:
        seen.append(source.url)
        return judged(condition(evidence=f"seen {len(seen)}"), source=source.url)

    after = store.examine(judge, NOW, limit=2)
    while after:
        after = store.examine(judge, NOW, after, limit=2)
    assert seen == [f"https://{number}.example/" for number in range(5)]  # SOURCE is listed no more
    assert store.examine(judge, NOW) == 0
    assert {each.condition.evidence for each in store.conditions()} == {f"seen {number}" for number in range(6, 11)}


def test_nothing_is_the_matter_with_a_source_that_is_listed_no_more(store: Store) -> None:
    store.keep([], [judged(condition())])
    store.sync_sources(sources(OTHER), NOW)
    store.examine(lambda source, state: judged(source=source.url), NOW + HOURS)
    assert told(store) == [("failing", 0, 1)]


# ── days


def test_items_are_counted_by_the_day_of_their_place_in_a_river(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    ages = (0.1, 0.2, 1.1, 3.1, 30)
    settle(store, [make_item(n, published=date(NOW - age * DAYS)) for n, age in enumerate(ages)])
    settle(
        store,
        [make_item(0, published=date(NOW - 0.1 * DAYS), title="Autre", text="b"), make_item(9, published=date(NOW))],
    )
    assert store.days(NOW - 4 * DAYS, NOW) == {SOURCE: (0, 1, 0, 1, 3)}
    assert len(store.days(NOW - 9999 * DAYS, NOW)[SOURCE]) == 400
    store.sync_sources(sources(OTHER), NOW)
    assert store.days(NOW - 4 * DAYS, NOW) == {}


def test_what_was_stored_before_is_counted_when_the_store_is_brought_up_to_date(store: Store) -> None:
    settle(store, [make_item(n, published=date(NOW - n * DAYS)) for n in (1, 2, 2, 3)][:4])
    counted = store.days(NOW - 9 * DAYS, NOW)
    db = store._db  # type: ignore[attr-defined]
    db.execute("DELETE FROM item_days")
    db.execute(history.COUNT_DAYS)
    assert store.days(NOW - 9 * DAYS, NOW) == counted != {}


# ── the command


def run(tmp_path: Path, *options: str) -> list[str]:
    result = CliRunner().invoke(main, ["health", "--database", str(tmp_path / "tributary.db"), *options])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_the_command_lists_the_sources_that_need_somebody_the_worst_first(store: Store, tmp_path: Path) -> None:
    assert run(tmp_path) == ["No source needs anybody."] and run(tmp_path, "--json") == []
    paused = Source("https://paused.example/feed", title="Paused", paused=True)
    store.sync_sources([Source(SOURCE, title="One\x1b[2J"), Source(OTHER), paused], NOW)
    page = condition(ConditionKind.HTML, address=NEW, evidence="A page.", remedy="Replace it.")
    store.keep(
        [], [judged(condition(), condition(ConditionKind.CERTIFICATE, evidence="It ends.", remedy="Tell them."))]
    )
    assert run(tmp_path)[-1] == "1 source to look at."
    store.keep([], [judged(page, source=OTHER), judged(condition(ConditionKind.PAUSED), source=paused.url)])
    assert run(tmp_path) == [
        f"{OTHER}: html: A page. → Replace it.",
        "One [2J: failing (timeout): It failed 3 times. → Wait.; certificate: It ends. → Tell them.",
        "2 sources to look at.",
    ]
    first, second = map(json.loads, run(tmp_path, "--json"))
    assert first == {
        "source": OTHER,
        "title": OTHER,
        "conditions": [
            {
                "kind": "html",
                "error_class": "timeout",
                "since": "2026-02-11T12:00:00+00:00",
                "evidence": "A page.",
                "remedy": "Replace it.",
                "address": NEW,
            }
        ],
    }
    assert [each["kind"] for each in second["conditions"]] == ["failing", "certificate"]


# ── pages


@pytest.fixture
def world(tmp_path: Path) -> World:
    return a_world(tmp_path, [INFO, MATIN])


def told_on_page(world: World, **figures: int | float) -> str:
    return world.client.get("/source/comtois-info?lang=en").text.partition("About this source")[2].partition("<dl")[0]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (condition(ConditionKind.HTML, address=NEW), ["A web page answers where its feed was", f'href="{NEW}"']),
        (condition(ConditionKind.HTML), ["A web page answers where its feed was."]),
        (condition(ConditionKind.FROZEN, figures={"days": 99}), ["its newest item is 99 days old"]),
        (condition(ConditionKind.SILENT, figures={"days": 9, "times": 4.6}), ["for 9 days: more than 4 times"]),
        (condition(ConditionKind.CERTIFICATE, figures={"days": 9}), ["ends in 9 days"]),
        (condition(ConditionKind.CERTIFICATE, figures={"days": 1}), ["ends in 1 day."]),
        (condition(ConditionKind.CERTIFICATE, figures={"days": 0}), ["within a day"]),
        (condition(ConditionKind.CERTIFICATE, figures={"days": -1}), ["has ended"]),
    ],
)
def test_the_page_of_a_source_says_what_is_the_matter(world: World, found: Condition, words: list[str]) -> None:
    with closing(world.store) as store:
        store.keep([], [judged(found, condition(), source=INFO.url)])
        page = told_on_page(world)
        assert all(word in page for word in words) and page.count('class="hint"') == 1  # its state says the rest
        store.keep([], [judged(source=INFO.url, hours=1)])
        assert 'class="hint"' not in told_on_page(world)


def test_status_json_lists_what_is_the_matter(world: World) -> None:
    with closing(world.store) as store:
        assert world.client.get("/status.json").json["health"] == []
        store.keep([], [judged(condition(), source=INFO.url)])
        (found,) = world.client.get("/status.json").json["health"]
    assert found == {
        "source": "comtois-info",
        "kind": "failing",
        "error_class": "timeout",
        "since": "2026-02-11T12:00:00+00:00",
        "evidence": "It failed 3 times.",
        "remedy": "Wait.",
        "address": None,
    }


def test_what_a_state_says_of_health_survives_the_store(store: Store) -> None:
    state = replace(
        STATE, certificate=Certificate(NOW - DAYS, NOW + DAYS), failing_since=NOW, announced="", unmoved="x",
        body_changed_at=NOW, oldest=NOW - DAYS, newest=NOW, rhythm=replace(STATE.rhythm, hours=(0, 1.5) * 84, pauses=3),
    )  # fmt: skip
    store.keep([state])
    assert store.state(SOURCE) == state
