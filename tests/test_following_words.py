"""What a subscriber says and understands, and what pushes mean for polling: pure, so mostly what always holds."""

import hmac
import string
import time
from datetime import datetime, timedelta
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator import websub
from aggregator.config import Settings
from aggregator.errors import ErrorClass
from aggregator.model import (
    NO_NAMING,
    NO_PUSHES,
    Confirmed,
    Denied,
    Fetched,
    FetchFailed,
    Following,
    FollowingState,
    Left,
    Naming,
    NotModified,
    ParsedFeed,
    Pushes,
    Source,
    SourceState,
)
from aggregator.poll import failed, hinted, received, succeeded
from aggregator.poll.pushed import GRACE, STRETCH, after_poll, is_address, named, stretched
from aggregator.websub import following as words

NOW = datetime.fromisoformat("2026-02-11T12:00:00+00:00")
SETTINGS = Settings()
SOURCE = Source("https://outlet.example/feed")
HUB, TOPIC = "https://hub.example/", "https://outlet.example/feed"
NAMING = Naming(HUB, TOPIC, is_own=True)
FOLLOWING = Following(7, SOURCE.url, HUB, TOPIC, "token", "secret", FollowingState.ASKED, None, NOW, 1, None, "")
LEFT = replace(FOLLOWING, state=FollowingState.LEAVING)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def half() -> float:
    return 0.5


def feed(hub: str = "", self_link: str = "") -> ParsedFeed:
    return ParsedFeed(SOURCE.url, "rss20", (), hub=hub, self_link=self_link)


def naming(link: str = "", hub: str = "", self_link: str = "", source: str = SOURCE.url, url: str = "") -> Naming:
    return named({"link": link} if link else {}, feed(hub, self_link), Source(source), url or source)


# ── which hub a document names


@pytest.mark.parametrize(
    "link",
    [
        '<https://hub.example/>; rel="hub"',
        "<https://hub.example/>;rel=hub",
        '<https://hub.example/>; REL="nofollow HUB"',
        '<https://x.example/>; rel="next", <https://hub.example/>; rel="hub", <https://second.example/>; rel="hub"',
        '<https://x.example/>; title="<https://y.example/>; rel=hub, \\"a\\""; rel="next", <https://hub.example/>; rel=hub',
        '<https://x.example/>; rel="hub"; anchor="#there", <https://hub.example/>; rel="hub"; rel="next"',
        '<https://x.example/>; rel="next"; rel="hub", < https://hub.example/ > ; title*=UTF-8\'\'x ; rel = "hub"',
        '<//hub.example/>; rel="hub"',
        '<https://hub.example/>; rel="hub", <//[x>; rel="self"; anchor=""',
    ],
)
def test_the_first_hub_of_a_link_header_is_the_one(link: str) -> None:
    assert naming(link) == NAMING


def test_the_header_comes_before_the_document_each_for_itself() -> None:
    both = '<https://hub.example/>; rel="hub", <https://outlet.example/other>; rel="self"'
    assert naming(both, "https://x.example/", TOPIC) == Naming(HUB, "https://outlet.example/other")
    assert naming('<https://outlet.example/other>; rel="self"', HUB, TOPIC) == Naming(
        HUB, "https://outlet.example/other"
    )
    assert naming('<https://hub.example/>; rel="hub"', "https://x.example/", TOPIC) == NAMING
    assert naming("", HUB) == NAMING  # without rel=self it is where the answer came from
    assert naming("", HUB, url="https://proxy.example/f") == Naming(HUB, "https://proxy.example/f", is_own=True)
    assert naming("", "", TOPIC) == naming('<//[x>; rel="hub"') == naming('<//[x>; rel="self"', HUB) == NO_NAMING


@pytest.mark.parametrize(
    ("topic", "is_own"),
    [
        ("http://outlet.example/feed", True),
        ("https://www.outlet.example:443/feed/", True),
        ("https://OUTLET.example/feed", True),
        ("https://outlet.example/", False),
        ("https://outlet.example/feed?all", False),
        ("https://outlet.example:8443/feed", False),
        ("https://feeds.example/outlet", False),
    ],
)
def test_a_push_is_read_where_its_topic_is_what_we_poll(topic: str, is_own: bool) -> None:
    assert naming("", HUB, topic) == Naming(HUB, topic, is_own)


@pytest.mark.parametrize(
    ("hub", "source", "used"),
    [
        ("http://hub.example/x?y", "https://outlet.example/", "https://hub.example/x?y"),
        ("http://hub.example:80/", "https://outlet.example/", "https://hub.example/"),
        ("http://[2001:db8::1]:80/", "https://outlet.example/", "https://[2001:db8::1]/"),
        ("http://hub.example:8080/", "https://outlet.example/", ""),
        ("http://hub.example:8080/", "http://outlet.example/", "http://hub.example:8080/"),
        ("https://hub.example:8080/", "https://outlet.example/", "https://hub.example:8080/"),
    ],
)
def test_the_hub_of_a_source_that_is_read_over_https_is_asked_so(hub: str, source: str, used: str) -> None:
    assert naming("", hub, source=source).hub == used


@pytest.mark.parametrize(
    "address",
    [
        "", "hub", "ftp://hub.example/", "javascript:alert(1)", "https://", "https:///x", "https://u:p@hub.example/",
        "https://@hub.example/", "https://hub.example/#x", "https://hub.example/#", "https://hub.example/a b",
        "https://hub.example/é", "https://hub.example/\n", "https://hub.example:x/", "https://hub.example:99999/",
        "https://[x/", "https://hub.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_address_that_may_be_used_is_none(address: str) -> None:
    assert not is_address(address)
    assert naming("", address) == NO_NAMING
    assert naming("", HUB, address) == NO_NAMING or address == ""


@given(st.text(alphabet='<>;,="\\ relhub*:/.x[\t', max_size=200), st.text(max_size=50))
def test_no_header_hurts(link: str, other: str) -> None:
    found = naming(link + other, HUB)
    assert found == NO_NAMING or (is_address(found.hub) and is_address(found.topic))


@pytest.mark.parametrize("piece", ["<", "<>;", '<>;a="', "<>;a=b", "<>; ", "<>;a ", '\\"', ",", "<x>;rel="])
def test_a_long_header_costs_little(piece: str) -> None:
    started = time.process_time()
    naming(piece * 100_000)
    assert time.process_time() - started < 0.5


# ── what is asked


def test_what_is_asked_of_a_hub() -> None:
    asked = parse_qs(words.request_body(FOLLOWING, "https://news.example/push/token").decode())
    assert asked == {
        "hub.callback": ["https://news.example/push/token"],
        "hub.mode": ["subscribe"],
        "hub.topic": [TOPIC],
        "hub.lease_seconds": ["864000"],
        "hub.secret": ["secret"],
    }
    asked = parse_qs(words.request_body(LEFT, "https://news.example/push/token").decode())
    assert asked["hub.mode"] == ["unsubscribe"] and asked.keys() == {"hub.callback", "hub.mode", "hub.topic"}


@pytest.mark.parametrize(
    ("status", "location", "to"),
    [
        (307, "/on", "https://hub.example/on"),
        (308, "https://b.example/", "https://b.example/"),
        (308, "http://b.example/", ""),
        (307, "ftp://b.example/", ""),
        (307, "", ""),
        (307, "//[x", ""),
        (302, "/on", ""),
        (200, "/on", ""),
    ],
)
def test_a_hub_may_send_a_request_on_but_not_to_where_the_secret_can_be_read(
    status: int, location: str, to: str
) -> None:
    assert words.redirected(HUB, status, location) == to


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_waits_grow_to_a_day_and_a_bit(tries: int, jitter: float) -> None:
    wait = words.next_ask(tries, lambda: jitter)
    assert timedelta(minutes=5) <= wait <= DAY * 1.2
    assert words.next_ask(tries + 1, lambda: jitter) >= wait


# ── what a hub asks


def question(**fields: str) -> dict[str, str]:
    asked = {"mode": "subscribe", "topic": TOPIC, "challenge": "x", "lease_seconds": "3600"} | fields
    return {f"hub.{name}": text for name, text in asked.items()}


@pytest.mark.parametrize("state", [each for each in FollowingState if each is not FollowingState.LEAVING])
def test_what_we_asked_is_confirmed_also_when_the_hub_asks_again(state: FollowingState) -> None:
    verdict = words.read_question(replace(FOLLOWING, state=state), question(), NOW, half)
    assert verdict == Confirmed(NOW + HOUR, NOW + HOUR * (2 / 3 - 0.05))
    assert words.read_question(replace(FOLLOWING, state=state), question(mode="unsubscribe"), NOW, half) is None


def test_one_that_is_left_is_left_and_not_confirmed_again() -> None:
    assert words.read_question(LEFT, question(mode="unsubscribe"), NOW, half) == Left()
    for mode in ("subscribe", "denied"):
        assert words.read_question(LEFT, question(mode=mode), NOW, half) is None


@given(st.one_of(st.text(max_size=20), st.integers(-1, 10**40).map(str)), st.floats(0, 1))
def test_a_lease_is_renewed_within_it_unless_that_were_too_often(lease: str, jitter: float) -> None:
    verdict = words.read_question(FOLLOWING, question(lease_seconds=lease), NOW, lambda: jitter)
    assert isinstance(verdict, Confirmed)
    assert NOW <= verdict.lease_until <= NOW + timedelta(days=30)
    assert verdict.due_at >= NOW + words.SOONEST
    assert verdict.due_at <= max(NOW + words.SOONEST, NOW + (verdict.lease_until - NOW) * 0.67)


@given(st.dictionaries(st.sampled_from(list(question())), st.text(max_size=30)))
def test_of_whatever_a_hub_says_only_what_is_about_our_topic_counts(fields: dict[str, str]) -> None:
    if fields.get("hub.topic") != TOPIC:
        for following in (FOLLOWING, LEFT):
            assert words.read_question(following, fields, NOW, half) is None


def test_a_denial_says_why_in_words_that_can_be_shown() -> None:
    verdict = words.read_question(FOLLOWING, question(mode="denied", reason="no\x1b[31m"), NOW, half)
    assert verdict == Denied(NOW + timedelta(minutes=5.5), "no\ufffd[31m")
    verdict = words.read_question(replace(FOLLOWING, tries=0), question(mode="denied"), NOW, half)
    assert isinstance(verdict, Denied) and verdict.why


# ── signatures


@given(st.binary(max_size=100), st.text(string.ascii_letters, min_size=1, max_size=50), st.sampled_from(words.METHODS))
def test_what_is_signed_with_the_secret_is_believed_and_nothing_else(body: bytes, secret: str, method: str) -> None:
    digest = hmac.new(secret.encode(), body, method).hexdigest()
    for header in (f"{method}={digest}", f" {method.upper()}={digest.upper()} "):
        assert words.may_be_signed(header) and words.is_signed(secret, body, header)
    assert not words.is_signed(secret + "x", body, f"{method}={digest}")
    assert not words.is_signed(secret, body + b"x", f"{method}={digest}")
    for header in (
        digest,
        f"{method}=",
        f"{method}={digest[:-2]}",
        f"{method}={digest}00",
        f"md5={digest}",
        f"{method}={digest[:-1]}g",
        f"{method}={' '.join(digest)}",
    ):
        assert not words.is_signed(secret, body, header), header


def test_what_our_own_hub_signs_is_believed() -> None:
    assert words.is_signed("hush", b"body", websub.signature("hush", b"body"))


@given(st.text(max_size=150))
def test_what_is_no_signature_is_none(header: str) -> None:
    assert not words.is_signed("secret", b"body", header)


# ── when to poll

TIMES = st.integers(-3 * 86_400, 3 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds))
PUBLISHED = st.lists(st.one_of(st.none(), TIMES), max_size=4)
NAMINGS = st.sampled_from([NO_NAMING, NAMING, Naming(HUB, TOPIC), Naming("https://b.example/", TOPIC, is_own=True)])
PUSHES = st.builds(
    Pushes, NAMINGS, NAMINGS, st.one_of(st.none(), TIMES), st.one_of(st.none(), TIMES), st.one_of(st.none(), TIMES)
)


@given(PUSHES, st.one_of(st.none(), NAMINGS), PUBLISHED, st.one_of(st.none(), TIMES), st.one_of(st.none(), TIMES))
def test_polls_are_rare_only_while_all_speaks_for_it(
    pushes: Pushes,
    naming: Naming | None,
    published: list[datetime | None],
    since: datetime | None,
    lease_until: datetime | None,
) -> None:
    after = after_poll(pushes, naming, published, since, NOW, lease_until)
    usual = timedelta(minutes=30)
    assert usual <= stretched(usual, after, SETTINGS) <= usual * STRETCH
    if after.trusted_until is None:
        assert stretched(usual, after, SETTINGS) == usual
        return
    assert after.trusted_until == lease_until and lease_until > NOW
    assert after.pushed_at is not None and after.follows == pushes.follows
    assert after.missed_at is None or after.missed_at < after.pushed_at


@given(PUSHES, PUBLISHED, TIMES)
def test_what_no_push_brought_ends_the_trust(pushes: Pushes, published: list[datetime | None], since: datetime) -> None:
    pushes = replace(pushes, pushed_at=since - HOUR)
    after = after_poll(pushes, None, [*published, NOW - GRACE - timedelta(seconds=1)], since, NOW, NOW + DAY)
    assert after.missed_at == NOW
    assert after.trusted_until is None or since - HOUR > NOW  # by a clock that was ahead


def test_a_hub_is_followed_at_once_and_another_one_when_it_was_named_twice_in_a_row() -> None:
    other = replace(NAMING, hub="https://b.example/")

    def follow(*namings: Naming | None) -> Naming:
        pushes = NO_PUSHES
        for each in namings:
            pushes = after_poll(pushes, each, [], NOW, NOW, None)
        return pushes.follows

    assert follow(NAMING) == follow(NO_NAMING, NAMING) == NAMING
    assert follow(NAMING, other) == follow(NAMING, other, NAMING, other) == follow(NAMING, NO_NAMING) == NAMING
    assert follow(NAMING, other, other) == follow(NAMING, other, None) == other
    assert follow(NAMING, NO_NAMING, NO_NAMING) == follow(NAMING, NO_NAMING, None) == NO_NAMING


@given(st.integers(1, 100_000), st.integers(1, 72), PUSHES)
def test_a_stretched_interval_is_no_longer_than_the_longest_and_no_shorter_than_it_was(
    minutes: int, longest: int, pushes: Pushes
) -> None:
    settings, usual = Settings(max_interval_hours=longest), timedelta(minutes=minutes)
    assert usual <= stretched(usual, pushes, settings) <= max(usual, settings.longest)


def state(**changes: object) -> SourceState:
    base = SourceState(SOURCE.url, "e", "m", "f", NOW - HOUR, NOW - HOUR, NOW + HOUR)
    return replace(base, **changes)  # type: ignore[arg-type]


def test_a_poll_keeps_which_hub_a_document_names() -> None:
    fetched = Fetched(SOURCE.url, SOURCE.url, 200, {"link": f'<{HUB}>; rel="hub"'}, b"x", "g", "", "", NOW)
    after = succeeded(state(), SOURCE, fetched, feed(), SETTINGS)
    assert after.pushes.follows == after.pushes.named == NAMING
    after = succeeded(after, SOURCE, NotModified(SOURCE.url, {}, "", "", NOW), None, SETTINGS)
    assert after.pushes.follows == NAMING


def test_a_failure_ends_the_stretch_and_keeps_the_hub() -> None:
    pushes = Pushes(NAMING, NAMING, NOW, None, NOW + DAY)
    after = failed(state(pushes=pushes), SOURCE, FetchFailed(SOURCE.url, ErrorClass.TIMEOUT, "x", NOW), SETTINGS)
    assert after.pushes == replace(pushes, trusted_until=None)


def test_a_push_teaches_the_rhythm_and_leaves_alone_what_polls_have_found() -> None:
    before = state(pushes=Pushes(NAMING, NAMING))
    after = received(before, SOURCE, NOW, [NOW], is_changing=False)
    assert sum(after.rhythm.hours) == 1 and after.pushes.pushed_at == NOW
    assert replace(after, rhythm=before.rhythm, pushes=before.pushes) == before
    after = received(before, SOURCE, NOW, [], is_changing=True)
    assert (after.etag, after.last_modified, after.fingerprint) == ("", "", "")


@given(TIMES, TIMES, st.one_of(st.none(), st.timedeltas(HOUR, DAY)), st.booleans())
def test_a_hint_makes_a_source_due_earlier_at_most_and_never_too_soon(
    checked_at: datetime, next_check_at: datetime, interval: timedelta | None, is_failing: bool
) -> None:
    before = state(checked_at=checked_at, next_check_at=next_check_at, error_count=int(is_failing))
    after = hinted(before, replace(SOURCE, interval=interval), NOW, SETTINGS)
    assert after.next_check_at and after.next_check_at <= next_check_at
    if after.next_check_at != next_check_at:
        assert not is_failing
        assert after.next_check_at == max(NOW, checked_at + (interval or SETTINGS.shortest))
    assert hinted(replace(before, next_check_at=None), SOURCE, NOW, SETTINGS).next_check_at is None
