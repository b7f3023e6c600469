"""The fetch stage, over real loopback HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config import Settings
from aggregator.errors import ErrorClass
from aggregator.fetch import fetch
from aggregator.fetch.feed import RETRY_AFTER_LIMIT, _retry_after
from aggregator.httpclient import HttpClient
from aggregator.model import Fetched, FetchFailed, Gone, NotModified, Outcome, Source, SourceKind, SourceState
from tests.origin import Origin, answer

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
FEED = b"<rss version='2.0'/>"


def fetched(origin: Origin, state: SourceState | None = None, source: Source | None = None) -> Outcome:
    async def run() -> Outcome:
        settings = Settings(allow_private=(origin.authority,), timeout_seconds=2)
        async with HttpClient(settings) as client:
            asked = source or Source(origin.url("/feed"))
            return await fetch(asked, state or SourceState(asked.url), client, NOW)

    return asyncio.run(run())


def outcome_of(raw: bytes, **known: str) -> Outcome:
    with Origin(lambda request: raw) as origin:
        return fetched(origin, SourceState(origin.url("/feed"), **known))


def test_a_200_gives_its_body_with_validators_and_fingerprint():
    headers = {"ETag": '"a"', "Last-Modified": "Sun, 22 Nov 2026 07:00:00 GMT", "Content-Type": "text/xml"}
    with Origin(lambda request: answer(200, headers, FEED)) as origin:
        outcome = fetched(origin)
        url = origin.url("/feed")
    assert outcome == Fetched(
        source_url=url,
        url=url,
        status=200,
        headers={
            "etag": '"a"',
            "last-modified": "Sun, 22 Nov 2026 07:00:00 GMT",
            "content-type": "text/xml",
            "content-length": "20",
        },
        body=FEED,
        fingerprint="e79be330375198641103d0fcf19641dc",
        etag='"a"',
        last_modified="Sun, 22 Nov 2026 07:00:00 GMT",
        fetched_at=NOW,
        moved_to="",
    )


def test_the_fingerprint_follows_the_body():
    one, same, other = (outcome_of(answer(body=body)) for body in (b"<rss/>", b"<rss/>", b"<rss />"))
    assert isinstance(one, Fetched) and isinstance(same, Fetched) and isinstance(other, Fetched)
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert len(one.fingerprint) == 32


def test_validators_go_out_as_they_came_in():
    with Origin(lambda request: answer(304)) as origin:
        state = SourceState(origin.url("/feed"), etag='W/"x, y"', last_modified="yesterday")
        outcome = fetched(origin, state)
    assert isinstance(outcome, NotModified)
    assert origin.requests[0].headers["if-none-match"] == 'W/"x, y"'
    assert origin.requests[0].headers["if-modified-since"] == "yesterday"


def test_validators_of_another_url_are_not_sent():
    with Origin(lambda request: answer(body=FEED)) as origin:
        fetched(origin, SourceState("http://elsewhere.example/", etag='"a"', last_modified="yesterday"))
    assert not {"if-none-match", "if-modified-since"} & origin.requests[0].headers.keys()


@pytest.mark.parametrize("odd", ['"a"\r\nX: y', '"a\n"', '"é"', '"\u2028"', '"' + "a" * 1024 + '"', '"\x00"', "\ud800"])
def test_odd_validators_are_dropped_rather_than_sent(odd):
    with Origin(lambda request: answer(body=FEED)) as origin:
        outcome = fetched(origin, SourceState(origin.url("/feed"), etag=odd, last_modified=odd))
    assert isinstance(outcome, Fetched)
    assert not {"if-none-match", "if-modified-since", "x"} & origin.requests[0].headers.keys()


def test_odd_validators_are_not_taken_over():
    outcome = outcome_of(answer(200, {"ETag": '"\udce9"', "Last-Modified": "x" * 2000}, FEED))
    assert isinstance(outcome, Fetched)
    assert (outcome.etag, outcome.last_modified) == ("", "")


def test_a_304_renews_the_validators_that_it_brings():
    outcome = outcome_of(answer(304, {"ETag": '"b"'}), etag='"a"')
    assert isinstance(outcome, NotModified)
    assert (outcome.etag, outcome.last_modified, outcome.fetched_at) == ('"b"', "", NOW)


def test_a_304_that_nobody_asked_for_is_a_failure():
    outcome = outcome_of(answer(304))
    assert isinstance(outcome, FetchFailed)
    assert (outcome.error_class, outcome.status) == (ErrorClass.UNAVAILABLE, 304)


def test_a_410_says_that_the_source_has_ended():
    with Origin(lambda request: answer(410)) as origin:
        assert fetched(origin) == Gone(origin.url("/feed"), NOW)


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (201, ErrorClass.UNAVAILABLE),
        (204, ErrorClass.EMPTY),
        (206, ErrorClass.UNAVAILABLE),
        (300, ErrorClass.UNAVAILABLE),
        (400, ErrorClass.HTTP_4XX),
        (401, ErrorClass.AUTH),
        (403, ErrorClass.AUTH),
        (404, ErrorClass.HTTP_4XX),
        (407, ErrorClass.AUTH),
        (429, ErrorClass.RATE_LIMITED),
        (451, ErrorClass.HTTP_4XX),
        (499, ErrorClass.HTTP_4XX),
        (500, ErrorClass.UNAVAILABLE),
        (503, ErrorClass.UNAVAILABLE),
        (599, ErrorClass.UNAVAILABLE),
    ],
)
def test_other_statuses_are_failures_of_a_class(status, error_class):
    with Origin(lambda request: answer(status)) as origin:
        outcome = fetched(origin)
    assert isinstance(outcome, FetchFailed)
    assert (outcome.source_url, outcome.error_class, outcome.status) == (origin.url("/feed"), error_class, status)
    assert str(status) in outcome.message
    assert origin.url("/feed") in outcome.message
    assert outcome.fetched_at == NOW


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
def test_a_200_without_a_body_is_empty(body):
    outcome = outcome_of(answer(200, body=body))
    assert isinstance(outcome, FetchFailed)
    assert (outcome.error_class, outcome.status) == (ErrorClass.EMPTY, 200)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", NOW + timedelta(seconds=120)),
        (" 120 ", NOW + timedelta(seconds=120)),
        ("Sun, 22 Nov 2026 09:00:00 GMT", NOW + timedelta(hours=1)),
        ("Sunday, 22-Nov-26 09:00:00 GMT", NOW + timedelta(hours=1)),
        ("Sun Nov 22 09:00:00 2026", NOW + timedelta(hours=1)),
        ("Sun, 22 Nov 2026 10:00:00 +0100", NOW + timedelta(hours=1)),
        ("86401", NOW + RETRY_AFTER_LIMIT),
        ("9" * 30, NOW + RETRY_AFTER_LIMIT),
        ("Fri, 31 Dec 9999 23:59:59 -1200", NOW + RETRY_AFTER_LIMIT),
        ("Sun, 22 Nov 2099 09:00:00 GMT", NOW + RETRY_AFTER_LIMIT),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("9" * 5000, None),
        ("Sun, 22 Nov 2026 07:00:00 GMT", None),
    ],
)
def test_retry_after_is_heard_within_reason(value, expected):
    outcome = outcome_of(answer(503, {"Retry-After": value}))
    assert isinstance(outcome, FetchFailed)
    assert outcome.retry_after == expected


NUMBERS = st.integers(-10, 10**5)


@given(
    st.text(max_size=60)
    | st.builds("{}".format, st.integers())
    | st.builds("Sun, {} Nov {} {}:00:00 {:+05}".format, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
)
def test_no_retry_after_is_ever_refused_loudly_or_believed_for_long(value):
    at = _retry_after({"retry-after": value}, NOW)
    assert at is None or NOW < at <= NOW + RETRY_AFTER_LIMIT


def test_a_failed_request_is_a_value_too():
    outcome = outcome_of(b"no http at all\r\n\r\n")
    assert isinstance(outcome, FetchFailed)
    assert (outcome.error_class, outcome.status, outcome.retry_after) == (ErrorClass.CONNECTION, 0, None)
    assert outcome.message.startswith("while requesting: ")


def test_a_permanent_redirect_is_passed_on_with_a_200_and_a_304():
    def answers(request):
        if request.path == "/feed":
            return answer(301, {"Location": "/new"})
        return answer(304) if "if-none-match" in request.headers else answer(body=FEED)

    with Origin(answers) as origin:
        first = fetched(origin)
        second = fetched(origin, SourceState(origin.url("/feed"), etag='"a"'))
        new = origin.url("/new")
    assert isinstance(first, Fetched) and isinstance(second, NotModified)
    assert (first.url, first.moved_to, second.moved_to) == (new, new, new)


def test_a_page_is_asked_for_as_a_page():
    with Origin(lambda request: answer(body=b"<html>")) as origin:
        fetched(origin, source=Source(origin.url("/news"), kind=SourceKind.PAGE))
        fetched(origin)
    page, feed = (request.headers["accept"] for request in origin.requests)
    assert page.startswith("text/html")
    assert feed.startswith("application/atom+xml")


@pytest.mark.parametrize("raw", [answer(404), b"", answer(body=b"")])
def test_no_message_holds_a_password(raw):
    with Origin(lambda request: raw) as origin:
        url = origin.url("/feed").replace("http://", "http://editor:sesame@")
        outcome = fetched(origin, source=Source(url))
    assert isinstance(outcome, FetchFailed)
    assert outcome.source_url == url
    assert "sesame" not in outcome.message
