"""When a source is asked again, and what an answer changes."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace

from aggregator import poll
from aggregator.config import Settings
from aggregator.errors import ErrorClass
from aggregator.model import Date, Fetched, FetchFailed, Gone, NotModified, ParsedFeed, SourceState
from tests.values import NOW, SOURCE, sources

SETTINGS = Settings()
(LINE,) = sources()
STATE = SourceState(SOURCE, etag='"old"', last_modified="old", fingerprint="old", feed_id="tag:kept")


def fetched(**changes: object) -> Fetched:
    plain = Fetched(SOURCE, SOURCE, 200, {}, b"x", "new", '"new"', "", NOW)
    return replace(plain, **changes)  # type: ignore[arg-type]


def wait(state: SourceState) -> timedelta:
    assert isinstance(state.next_check_at, datetime)
    return state.next_check_at - NOW


def test_a_body_that_was_read_renews_validators_and_what_the_feed_says_of_itself() -> None:
    feed = ParsedFeed(
        SOURCE, "rss20", (), id="tag:new", title="T", site="https://x.example/", rights="©", updated=Date("", NOW)
    )
    state = poll.succeeded(STATE, LINE, fetched(moved_to="https://new.example/"), feed, SETTINGS)
    assert (state.etag, state.last_modified, state.fingerprint) == ('"new"', "", "new")
    assert (state.feed_id, state.feed_title, state.feed_rights) == ("tag:new", "T", "©")
    assert state.checked_at == state.succeeded_at == NOW and state.moved_to == "https://new.example/"


def test_a_304_keeps_the_old_validators_unless_renewed() -> None:
    state = poll.succeeded(STATE, LINE, NotModified(SOURCE, {}, "", "", NOW), None, SETTINGS)
    assert (state.etag, state.last_modified, state.fingerprint, state.feed_id) == ('"old"', "old", "old", "tag:kept")
    assert state.status == 304 and state.succeeded_at == NOW
    assert poll.succeeded(STATE, LINE, NotModified(SOURCE, {}, '"b"', "", NOW), None, SETTINGS).etag == '"b"'


def test_a_success_ends_a_row_of_failures() -> None:
    failing = replace(STATE, error_class=ErrorClass.TIMEOUT, error="slow", error_count=4)
    state = poll.succeeded(failing, LINE, fetched(), None, SETTINGS)
    assert (state.error_class, state.error, state.error_count) == (None, "", 0)


def test_the_usual_interval_is_that_of_the_settings_spread_by_a_tenth() -> None:
    waits = {
        wait(poll.succeeded(STATE, replace(LINE, url=f"https://s{n}.example/"), fetched(), None, SETTINGS))
        for n in range(50)
    }
    assert len(waits) > 40
    assert all(timedelta(minutes=30) <= each <= timedelta(minutes=33) for each in waits)


@pytest.mark.parametrize(
    ("cache_control", "minutes"),
    [
        ("max-age=7200", 120),
        ("public, max-age=60", 30),
        ("no-cache", 30),
        ("max-age=99999999999", 30),
        ("max-age=172800", 24 * 60),
        ('max-age="3600"', 60),
        ("max-age=x", 30),
    ],
)
def test_the_sources_word_on_freshness_lengthens_the_interval_within_a_cap(cache_control: str, minutes: int) -> None:
    state = poll.succeeded(STATE, LINE, fetched(headers={"cache-control": cache_control}), None, SETTINGS)
    assert timedelta(minutes=minutes) <= wait(state) <= timedelta(minutes=minutes * 1.1)


def test_an_editors_own_interval_stands_against_the_sources_word() -> None:
    line = replace(LINE, interval=timedelta(minutes=5))
    state = poll.succeeded(STATE, line, fetched(headers={"cache-control": "max-age=7200"}), None, SETTINGS)
    assert timedelta(minutes=5) <= wait(state) < timedelta(minutes=6)


def test_the_interval_doubles_with_each_failure_up_to_a_day() -> None:
    state, waits = STATE, []
    for _ in range(15):
        state = poll.failed(state, LINE, FetchFailed(SOURCE, ErrorClass.TIMEOUT, "slow", NOW), SETTINGS)
        waits.append(wait(state))
    assert all(1.8 <= other / one <= 2.2 for one, other in pairwise(waits[:6]))
    assert timedelta(hours=24) <= waits[-1] <= timedelta(hours=26.4)
    assert len({each - timedelta(hours=24) for each in waits[6:]}) == len(waits[6:])  # never at the same time of day
    assert state.error_count == 15 and state.succeeded_at is None


def test_a_failure_keeps_validators_and_says_what_is_wrong() -> None:
    failure = FetchFailed(SOURCE, ErrorClass.UNAVAILABLE, "while reading status: 503", NOW, 503)
    state = poll.failed(STATE, LINE, failure, SETTINGS)
    assert (state.etag, state.fingerprint, state.feed_id) == ('"old"', "old", "tag:kept")
    assert (state.error_class, state.error, state.status) == (ErrorClass.UNAVAILABLE, "while reading status: 503", 503)


def test_a_retry_after_is_never_undercut() -> None:
    failure = FetchFailed(SOURCE, ErrorClass.RATE_LIMITED, "429", NOW, 429, NOW + timedelta(hours=7))
    assert wait(poll.failed(STATE, LINE, failure, SETTINGS)) == timedelta(hours=7)
    soon = replace(failure, retry_after=NOW + timedelta(seconds=1))
    assert wait(poll.failed(STATE, LINE, soon, SETTINGS)) >= timedelta(minutes=30)


def test_a_source_that_has_ended_is_asked_once_a_month() -> None:
    state = poll.failed(STATE, LINE, Gone(SOURCE, NOW), SETTINGS)
    assert state.error_class is ErrorClass.GONE and wait(state) >= timedelta(days=30)


def test_a_known_body_is_not_read_again_unless_it_failed() -> None:
    assert poll.is_known_body(STATE, fetched(fingerprint="old"))
    assert not poll.is_known_body(STATE, fetched())
    assert not poll.is_known_body(replace(STATE, error_count=1), fetched(fingerprint="old"))


def test_a_message_is_fit_for_the_store_a_page_and_a_terminal_whatever_it_repeats() -> None:
    failure = FetchFailed(SOURCE, ErrorClass.NOT_A_FEED, "keys \ud800\x1b[31m\u202e\n\x00é", NOW)
    state = poll.failed(STATE, LINE, failure, SETTINGS)
    assert state.error == "keys \ufffd\ufffd[31m\ufffd\ufffd\ufffdé"
    assert len(poll.failed(STATE, LINE, replace(failure, message="x" * 10**6), SETTINGS).error) == 1000
