"""What a source says of how often it wants to be asked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator import poll
from aggregator.config import Settings
from aggregator.errors import ErrorClass
from aggregator.model import Advice, Fetched, FetchFailed, NotModified, ParsedFeed, Rhythm, Source, SourceState
from aggregator.parse import parse
from aggregator.parse.advice import advice_of
from aggregator.poll.advice import DOCUMENT_LIMIT, after_skipped, asked_for, freshness
from aggregator.store import Store
from tests.origin import answer
from tests.test_pipeline import GOOD, World
from tests.test_pipeline import NOW as NOON
from tests.values import NOW, SOURCE, sources

SETTINGS = Settings()
(LINE,) = sources()
STATE = SourceState(SOURCE, checked_at=NOW - timedelta(hours=1), succeeded_at=NOW - timedelta(hours=1))
HALF_AN_HOUR = timedelta(minutes=30)
DATE = "Wed, 11 Feb 2026 12:00:00 GMT"


def checked_after(advice: Advice, state: SourceState = STATE, line: Source = LINE) -> timedelta:
    outcome = Fetched(SOURCE, SOURCE, 200, {}, b"x", "new", "", "", NOW)
    found = poll.succeeded(state, line, outcome, ParsedFeed(SOURCE, "rss20", (), advice=advice), SETTINGS)
    assert found.next_check_at is not None
    return found.next_check_at - NOW


@pytest.mark.parametrize(
    ("headers", "minutes"),
    [
        ({"cache-control": "public, max-age=7200"}, 120),
        ({"cache-control": "max-age=7200", "age": "3600"}, 60),
        ({"cache-control": "max-age=60", "age": "3600"}, 0),
        ({"cache-control": "max-age=600, max-age=7200"}, 10),
        ({"cache-control": "no-cache, max-age=7200"}, 0),
        ({"cache-control": "no-store", "expires": "Wed, 11 Feb 2026 14:00:00 GMT"}, 0),
        ({"cache-control": "max-age=60", "expires": "Wed, 11 Feb 2026 14:00:00 GMT", "date": DATE}, 1),
        ({"expires": "Wed, 11 Feb 2026 14:00:00 GMT", "date": DATE}, 120),
        ({"expires": "Wed, 11 Feb 2026 14:00:00 GMT", "date": "Wed, 11 Feb 2026 13:00:00 GMT"}, 60),
        ({"expires": "Wed, 11 Feb 2026 13:00:00 GMT", "date": "hier"}, 60),
        ({"expires": "0"}, 0),
        ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"expires": "Wed, 11 Feb 2099 12:00:00 GMT"}, 0),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 -2300"}, 0),
        ({"cache-control": "max-age=31536000"}, 0),
        ({"cache-control": "max-age=99999999999999999999"}, 0),
        ({"cache-control": "max-age=-5"}, 0),
        ({"cache-control": "max-age=²"}, 0),
        ({}, 0),
    ],
)
def test_an_answer_is_fresh_as_long_as_its_headers_say_unless_that_is_absurd(
    headers: dict[str, str], minutes: int
) -> None:
    assert freshness(headers, NOW) == timedelta(minutes=minutes)


@given(st.dictionaries(st.sampled_from(("cache-control", "expires", "date", "age")), st.text(max_size=40)))
def test_headers_of_any_kind_are_read(headers: dict[str, str]) -> None:
    assert timedelta(0) <= freshness(headers, NOW) <= timedelta(days=30)


RSS = (
    '<rss version="2.0" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel><title>T</title>{}'
    "<item><title>Un &lt;ttl&gt;5&lt;/ttl&gt;</title><ttl>7</ttl><link>https://x.example/1</link></item>{}</channel></rss>"
)


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("<ttl>90</ttl>", Advice(ttl_minutes=90)),
        ("<ttl> <![CDATA[90]]> </ttl>", Advice(ttl_minutes=90)),
        ("<ttl>-5</ttl>", Advice()),
        ("<ttl>1.5</ttl>", Advice()),
        ("<ttl>une heure</ttl>", Advice()),
        ("<!-- <ttl>90</ttl> -->", Advice()),
        ("<sy:updatePeriod>\n hourly </sy:updatePeriod>", Advice(period_minutes=60)),
        ("<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>24</sy:updateFrequency>", Advice(period_minutes=60)),
        ("<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>", Advice(period_minutes=1440)),
        ("<sy:updatePeriod>souvent</sy:updatePeriod>", Advice()),
        ("<skipHours><hour>24</hour><hour>3</hour><hour>99</hour></skipHours>", Advice(skip_hours=(0, 3))),
        ("<skipDays><day>Sunday</day><day>Dimanche</day></skipDays>", Advice(skip_days=(6,))),
        ("<skipHours><hour>3</hour>", Advice()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("plain", [False, True])
def test_what_a_document_says_is_read_before_its_entries_and_behind_them_whoever_reads_it(
    written: str, advice: Advice, behind: bool, plain: bool
) -> None:
    text = RSS.format(*(("", written) if behind else (written, "")))
    body = text if plain else text.replace("<title>T", "<!-- not plain --><title>T")
    if written.endswith("</hour>"):
        assert advice_of(body) == advice  # no well-formed document
    else:
        assert parse(body.encode(), SOURCE, {}).advice == advice


@given(
    st.lists(
        st.sampled_from(("<ttl", ">", "<skipHours>", "<hour>3", "</hour>", "<item>", "<!--", "-->", "x", "</item>"))
    )
)
def test_any_text_is_read(parts: list[str]) -> None:
    advice_of("".join(parts))


def test_the_document_lengthens_an_interval_to_two_hours_at_most() -> None:
    assert HALF_AN_HOUR <= checked_after(Advice()) <= HALF_AN_HOUR * 1.1
    assert timedelta(hours=1) <= checked_after(Advice(ttl_minutes=60)) <= timedelta(minutes=66)
    assert timedelta(hours=2) <= checked_after(Advice(ttl_minutes=1440)) <= timedelta(minutes=132)
    assert timedelta(hours=2) <= checked_after(Advice(period_minutes=1440)) <= timedelta(minutes=132)
    for absurd in (Advice(ttl_minutes=999_999), Advice(period_minutes=10_080), Advice(ttl_minutes=10)):
        assert checked_after(absurd) == checked_after(Advice())
    assert asked_for(Advice(ttl_minutes=1440), Rhythm()) == DOCUMENT_LIMIT


def test_a_document_that_says_daily_is_not_believed_of_a_source_that_publishes_hourly() -> None:
    day = 86_400.0
    hourly = Rhythm((24 * 7 / 168,) * 168, 7 * day, NOW)
    weekly = Rhythm((1 / 168,) * 168, 7 * day, NOW)
    assert asked_for(Advice(period_minutes=1440), hourly) == timedelta(0)
    assert asked_for(Advice(period_minutes=1440), weekly) == DOCUMENT_LIMIT
    young = replace(hourly, watched=day / 2)
    assert asked_for(Advice(period_minutes=1440), young) == DOCUMENT_LIMIT
    assert asked_for(Advice(ttl_minutes=60), hourly) == timedelta(
        hours=1
    )  # how long to keep it, not how often it changes


def test_the_next_check_moves_to_the_end_of_what_is_skipped() -> None:
    at = datetime(2026, 2, 13, 22, 40, tzinfo=UTC)  # a Friday
    assert after_skipped(at, Advice(skip_hours=(22, 23, 0))) == datetime(2026, 2, 14, 1, tzinfo=UTC)
    assert after_skipped(at, Advice(skip_hours=(1,))) == at
    assert after_skipped(at, Advice(skip_days=(4, 5), skip_hours=(0,))) == datetime(2026, 2, 15, 1, tzinfo=UTC)
    assert after_skipped(at, Advice(skip_hours=tuple(range(24)))) == at
    assert after_skipped(at, Advice(skip_days=tuple(range(7)))) == at
    waits = {
        checked_after(Advice(skip_hours=(12,)), line=replace(LINE, url=f"https://s{n}.example/")) for n in range(9)
    }
    assert len(waits) == 9 and all(timedelta(hours=1) <= each < timedelta(hours=1, minutes=1) for each in waits)
    assert checked_after(Advice(skip_days=(2, 3, 4))) == SETTINGS.longest


@given(st.frozensets(st.integers(0, 23)), st.frozensets(st.integers(0, 6)), st.integers(0, 10**7))
def test_what_is_skipped_ends(hours: frozenset[int], days: frozenset[int], seconds: int) -> None:
    at = NOW + timedelta(seconds=seconds)
    found = after_skipped(at, Advice(0, 0, tuple(hours), tuple(days)))
    assert at <= found <= at + timedelta(days=7)
    assert len(hours) == 24 or len(days) == 7 or (found.hour not in hours and found.weekday() not in days)


def test_an_editors_own_interval_stands_against_all_that_a_document_says() -> None:
    line = replace(LINE, interval=timedelta(minutes=5))
    advice = Advice(1440, 1440, tuple(range(10, 20)), (2,))
    assert timedelta(minutes=5) <= checked_after(advice, line=line) < timedelta(minutes=6)


def test_what_a_document_says_holds_until_the_next_document() -> None:
    state = replace(STATE, advice=Advice(ttl_minutes=60))
    kept = poll.succeeded(state, LINE, NotModified(SOURCE, {}, "", "", NOW), None, SETTINGS)
    assert kept.advice == state.advice and kept.next_check_at is not None
    assert kept.next_check_at >= NOW + timedelta(hours=1)
    outcome = Fetched(SOURCE, SOURCE, 200, {}, b"x", "new", "", "", NOW)
    assert poll.succeeded(state, LINE, outcome, ParsedFeed(SOURCE, "rss20", ()), SETTINGS).advice == Advice()


def next_checks(store: Store) -> dict[str, datetime | None]:
    return {view.source.url.rpartition("/")[2]: view.state.next_check_at for view in store.sources()}


def test_a_retry_after_holds_for_all_sources_of_the_host_and_for_no_other(tmp_path: Path) -> None:
    busy = answer(503, {"Retry-After": "7200"})
    with World(tmp_path, busy=GOOD, one=GOOD, two=GOOD) as world:
        listed = [view.source for view in world.store.sources()]
        elsewhere = Source("https://elsewhere.example/feed")
        world.store.sync_sources([*listed, elsewhere], NOON)
        now = NOON + timedelta(hours=1)
        world.store.keep([replace(world.store.state(listed[2].url), next_check_at=NOON + timedelta(days=3))])
        state = world.store.state(listed[0].url)
        until = now + timedelta(hours=2)
        world.store.keep([replace(state, next_check_at=until, host_closed_until=until)])
        assert next_checks(world.store) == {
            "busy": until, "one": until, "two": NOON + timedelta(days=3), "feed": None
        }  # fmt: skip
        assert [source.url for source, _ in world.store.due(until - timedelta(seconds=1), 9)] == [elsewhere.url]
        world.store.sync_sources(listed, NOON)
        world.answers |= {"busy": busy, "one": busy, "two": busy}
        world.settings = replace(world.settings, concurrency=1, per_host=1)
        reports = {name: report for name, report in world.poll(now).items() if name != "feed"}
        assert sorted(report.status for report in reports.values()) == ["unavailable", "waiting", "waiting"]
        assert len(world.origin.requests) == 1
        checks = {name: at for name, at in next_checks(world.store).items() if name != "feed"}
        assert all(at is not None and at >= until for at in checks.values())
        waiting = [view.state for view in world.store.sources() if view.state.error_class is None and view.listed]
        assert len(waiting) == 2 and all(state.error_count == 0 for state in waiting)


def test_a_refusal_without_a_time_holds_for_its_source_only() -> None:
    failure = FetchFailed(SOURCE, ErrorClass.RATE_LIMITED, "429", NOW, 429)
    assert poll.failed(STATE, LINE, failure, SETTINGS).host_closed_until is None
    later = replace(failure, status=500, retry_after=NOW + timedelta(hours=7))
    assert poll.failed(STATE, LINE, later, SETTINGS).host_closed_until is None
