"""What watches from outside: /healthz, /metrics, and the figures of the status page."""

import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from aggregator.errors import ErrorClass
from aggregator.model import Condition, ConditionKind, Intent, Judgement, Mode, SourceState
from aggregator.store import Store, figures, open_store
from tests.values import make_item, settle, sources
from tests.web_world import INFO, MATIN, NOW, PRESSE, World, a_world, an_item, fail, filled_store, settings_in, tell
from web import create_app, metrics

MINUTE = timedelta(minutes=1)
ALL = frozenset(ConditionKind)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return a_world(tmp_path)


def asked(store: Store, *urls: str, at: datetime = NOW, after: timedelta = 30 * MINUTE) -> None:
    store.keep([SourceState(url, checked_at=at, succeeded_at=at, next_check_at=at + after) for url in urls])


def at(world: World, when: datetime, **changes: object) -> FlaskClient:
    """The site at another time."""
    changed = replace(world.settings, **changes)  # type: ignore[arg-type]
    return create_app(changed, clock=lambda: when).test_client(use_cookies=False)


def health(client: FlaskClient) -> tuple[int, str]:
    response = client.get("/healthz")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store" and response.data.count(b"\n") == 1
    return response.status_code, response.get_data(as_text=True).strip()


def read(client: FlaskClient, **headers: str) -> dict[tuple[str, str], float]:
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200 and response.headers["Cache-Control"] == "no-store"
    families = text_string_to_metric_families(response.get_data(as_text=True))
    samples = [sample for family in families for sample in family.samples]
    return {(each.name.removeprefix("tributary_"), *each.labels.values(), "")[:2]: each.value for each in samples}  # type: ignore[misc]


# ── /healthz


def test_all_is_well_while_sources_are_asked(world: World) -> None:
    asked(world.store, INFO.url, MATIN.url, PRESSE.url)
    assert health(at(world, NOW)) == (200, "ok")
    assert health(at(world, NOW + 39 * MINUTE)) == (200, "ok")  # due, for nine minutes


def test_a_poller_that_is_gone_is_said_after_ten_minutes(world: World) -> None:
    asked(world.store, INFO.url, MATIN.url, PRESSE.url)
    assert health(at(world, NOW + 41 * MINUTE)) == (503, "no source was asked for 41 minutes")
    asked(world.store, MATIN.url, at=NOW + 40 * MINUTE)  # a queue that is long is no poller that is gone
    assert health(at(world, NOW + 41 * MINUTE)) == (200, "ok")


def test_a_quiet_night_and_a_new_source_are_no_trouble(world: World) -> None:
    asked(world.store, INFO.url, MATIN.url, PRESSE.url, after=20 * 60 * MINUTE)
    world.store.sync_sources([INFO, MATIN, PRESSE, replace(INFO, url="https://new.example/f")], NOW)
    assert health(at(world, NOW + 10 * 60 * MINUTE)) == (200, "ok")


def test_before_the_first_request_nothing_is_well_and_what_is_paused_is_not_waited_for(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    assert health(at(world, NOW)) == (503, "no source was asked yet")
    world.store.claim(NOW, NOW + 5 * MINUTE, 3)
    assert health(at(world, NOW)) == (200, "ok")
    world.store.sync_sources([replace(INFO, paused=True)], NOW)
    assert health(at(world, NOW + 500 * MINUTE)) == (200, "ok")


def test_no_data_base_and_one_that_cannot_be_read_are_said_without_details(tmp_path: Path) -> None:
    own = settings_in(tmp_path)
    assert health(create_app(own).test_client()) == (503, "there is no data base yet")
    Path(own.database).write_bytes(b"no data base" * 1000)
    assert health(create_app(own).test_client()) == (503, "the data base cannot be read")
    missing = replace(own, database=str(tmp_path / "none" / "t.db"))
    assert health(create_app(missing).test_client()) == (503, "the data base cannot be read")


def test_a_full_disk_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(world.store, INFO.url)
    monkeypatch.setattr(metrics, "ROOM_BYTES", 1 << 60)
    assert health(at(world, NOW)) == (503, "the disk is full")


def test_it_costs_little(world: World) -> None:
    asked(world.store, INFO.url, MATIN.url, PRESSE.url)
    client, took = at(world, NOW), []
    for _ in range(20):
        began = time.process_time()
        client.get("/healthz")
        took.append(time.process_time() - began)
    assert min(took) < 0.004  # a client of tests included; 0.8 ms where nothing else runs


# ── /metrics


def test_figures_are_those_of_the_store(world: World) -> None:
    store = world.store
    tell(store, [an_item("one"), an_item("two", MATIN)])
    fail(store, PRESSE, ErrorClass.TLS, next_check_at=NOW - 7 * MINUTE)
    matter = Condition(ConditionKind.FAILING, NOW, "", "", "", ErrorClass.TLS)
    store.keep([], [Judgement(PRESSE.url, NOW, ALL, (matter,))])
    store.sync_sources([INFO, MATIN, PRESSE, replace(INFO, url="https://p.example/f", paused=True)], NOW)
    store.back_up(f"{world.settings.database}.copy", NOW - 60 * MINUTE)
    found = read(at(world, NOW))
    assert found["build_info", "0.1.0"] == 1
    assert (found["sources", ""], found["sources_paused", ""]) == (4, 1)
    assert (found["sources_failing", "tls"], found["sources_failing", "timeout"]) == (1, 0)
    assert (found["sources_condition", "failing"], found["sources_condition", "silent"]) == (1, 0)
    assert (found["checks_due", ""], found["checks_delay_seconds", ""], found["checks_due_first", ""]) == (1, 420, 0)
    assert (found["checks_ahead", "600"], found["checks_ahead", "3600"]) == (0, 2)
    assert (found["items", ""], found["stories", ""], found["items_published", "today"]) == (2, 2, 2)
    assert found["last_check_timestamp_seconds", ""] == NOW.timestamp() and found["sources_checked_last_hour", ""] == 3
    assert (found["index_waiting", ""], found["events_waiting", ""]) == (0, 2)
    assert found["backup_timestamp_seconds", ""] == (NOW - 60 * MINUTE).timestamp() and found["backup_bytes", ""] > 0
    assert found["database_bytes", ""] + found["database_log_bytes", ""] > 100_000
    assert {kind for name, kind in found if name == "sources_failing"} == set(ErrorClass)


def test_what_is_owed_to_subscribers_is_counted_with_its_delay(world: World) -> None:
    intent = Intent(Mode.SUBSCRIBE, "all", "all.atom", "x", "https://r.example/cb", "r.example", "", 864000, 0)
    world.store.confirm(intent, NOW + 60 * 24 * MINUTE)
    tell(world.store, [an_item("one")])
    found = read(at(world, NOW + 3 * MINUTE))
    assert (found["subscriptions", ""], found["subscriptions_owed", ""]) == (1, 1)
    assert 178 <= found["subscriptions_delay_seconds", ""] <= 180


@pytest.mark.parametrize(
    ("who", "address", "headers", "status"),
    [
        ("local", "127.0.0.1", {}, 200),
        ("local", "::1", {}, 200),
        ("local", "127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 404),
        ("local", "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("local", "127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
        ("local", "203.0.113.9", {}, 404),
        ("local", "", {}, 404),
        ("public", "203.0.113.9", {"X-Forwarded-For": "203.0.113.9"}, 200),
        ("off", "127.0.0.1", {}, 404),
    ],
)
def test_who_may_read_figures(world: World, who: str, address: str, headers: dict[str, str], status: int) -> None:
    client = at(world, NOW, metrics=who)
    response = client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert response.status_code == status and (b"tributary_sources" in response.data) is (status == 200)


def test_status_has_the_new_figures(world: World) -> None:
    fail(world.store, PRESSE, ErrorClass.TLS, next_check_at=NOW - 7 * MINUTE)
    asked(world.store, INFO.url, MATIN.url)
    page = world.text("/status", headers={"Accept-Language": "en"})
    assert "No backup was made yet." in page
    assert "<dt>Checks that wait</dt><dd>1</dd>" in page and "<dt>Longest delay, in minutes</dt><dd>7</dd>" in page
    assert "<b>1</b> × Its security certificate is not valid." in page
    world.store.back_up(f"{world.settings.database}.copy", NOW)
    assert "Last backup:" in world.text("/status", headers={"Accept-Language": "en"})
    told = json.loads(world.client.get("/status.json").data)
    assert told["due"] == 1 and told["error_classes"] == {"tls": 1} and told["last_backup"] == NOW.isoformat()
    assert told["due_since"] == (NOW - 7 * MINUTE).isoformat() and told["owed_since"] is None


# ── the store


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(-5, 90), st.booleans()), min_size=1, max_size=8), st.integers(0, 120))
def test_the_pulse_is_that_of_the_oldest_check_that_is_due(checks: list[tuple[int, bool]], minute: int) -> None:
    with closing(open_store(":memory:")) as store:
        urls = [f"https://s{number}.example/f" for number in range(len(checks))]
        paused = [replace(each, paused=off) for each, (_, off) in zip(sources(*urls), checks, strict=True)]
        store.sync_sources(paused, NOW)
        for url, (due, _) in zip(urls, checks, strict=True):
            asked(store, url, at=NOW - 10 * MINUTE, after=(10 + due) * MINUTE)
        before = NOW + minute * MINUTE
        due = [NOW + each * MINUTE for each, off in checks if not off]
        pulse = store.pulse(before)
        assert pulse.asked
        assert pulse.overdue_since == (min(due) if due and min(due) < before else None)
        read = store.figures(before)
        assert read.due == sum(each <= before for each in due) and read.sources == len(checks)
        assert read.bytes == read.log_bytes == 0


def test_an_empty_store_has_figures_too(tmp_path: Path) -> None:
    with closing(filled_store(settings_in(tmp_path), [])) as store:
        read = store.figures(NOW)
        assert (read.sources, read.due, read.due_since, read.checked_at, read.backup) == (0, 0, None, None, None)
        assert store.pulse(NOW) == figures.Pulse(asked=True, overdue_since=None)


def test_items_are_counted_by_their_day(store: Store) -> None:
    settle(store, [make_item(number) for number in (1, 2, 60 * 13, 60 * 40)])
    read = store.figures(datetime(2026, 2, 11, 23, tzinfo=UTC))
    assert (read.today, read.yesterday, read.items) == (2, 1, 4)
