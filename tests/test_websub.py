"""What the hub says and understands: requests, verification, signatures, and when it tries again."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import websub
from aggregator.model import (
    Content,
    Ended,
    Format,
    Intent,
    Mode,
    Options,
    Picture,
    Pushed,
    PushFailed,
    Subscription,
    Topic,
)
from aggregator.websub.deliveries import TRIES

PUBLIC = "https://news.example"
ECONOMIE = Topic("economie", Format.ATOM)
NOW = datetime(2026, 2, 11, 12, tzinfo=UTC)
ASKED = {
    "hub.mode": "subscribe",
    "hub.topic": f"{PUBLIC}/feeds/economie.atom",
    "hub.callback": "https://reader.example/callback/8f3?user=7",
}

slugs = st.sampled_from(["all", "economie", "dep/25", "economie/dep/25", "source/ma-commune"])
options = st.builds(
    Options,
    img=st.sampled_from(Picture),
    content=st.sampled_from(Content),
    limit=st.integers(0, 100),
    credit=st.booleans(),
)
topics = st.builds(Topic, slugs, st.sampled_from(Format), options)


def read(**changes: str) -> Intent:
    """What is understood of a request that differs so from a plain one."""
    form = ASKED | {f"hub.{name}": text for name, text in changes.items()}
    return websub.read_request(form, lambda url: ECONOMIE if url.startswith(PUBLIC) else None)


def subscription(tries: int = 0) -> Subscription:
    return Subscription(
        1, "economie", "economie.atom", "", "http://x.example/", "x.example", "", NOW, 1, "", None, None, tries,
        slow=False, error="", owed=2,
    )  # fmt: skip


def test_a_sound_request_is_understood() -> None:
    assert read(secret="hush", lease_seconds="7200", else_="ignored") == Intent(
        Mode.SUBSCRIBE,
        "economie",
        "economie.atom",
        ASKED["hub.topic"],
        ASKED["hub.callback"],
        "reader.example",
        "hush",
        7200,
    )


@pytest.mark.parametrize(
    ("asked", "given"),
    [("", 864_000), ("0", 3600), ("60", 3600), ("86400", 86_400), ("2592001", 2_592_000), ("9" * 40, 2_592_000)],
)
def test_a_lease_lasts_ten_days_or_what_was_asked_for_within_an_hour_and_thirty_days(asked: str, given: int) -> None:
    assert read(lease_seconds=asked).lease_seconds == given


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mode": ""}, "hub.mode"),
        ({"mode": "publish"}, "hub.mode"),
        ({"topic": ""}, "hub.topic"),
        ({"topic": "https://elsewhere.example/feeds/economie.atom"}, "hub.topic"),
        ({"topic": f"{PUBLIC}/feeds/économie.atom"}, "hub.topic"),
        ({"topic": f"{PUBLIC}/" + "x" * 2000}, "hub.topic"),
        ({"callback": ""}, "hub.callback"),
        ({"callback": "reader.example/callback"}, "hub.callback"),
        ({"callback": "ftp://reader.example/"}, "hub.callback"),
        ({"callback": "javascript:alert(1)"}, "hub.callback"),
        ({"callback": "https:///callback"}, "hub.callback"),
        ({"callback": "https://reader.example:0x50/"}, "hub.callback"),
        ({"callback": "https://[::1/"}, "hub.callback"),
        ({"callback": "https://reader.example/a\r\nHost: other"}, "hub.callback"),
        ({"callback": "https://lecteur.éxample/"}, "hub.callback"),
        ({"callback": "https://rea,der.example/"}, "hub.callback"),
        ({"callback": "https://user:word@reader.example/"}, "hub.callback"),
        ({"callback": "https://reader.example/#top"}, "hub.callback"),
        ({"callback": "https://reader.example/" + "x" * 2000}, "hub.callback"),
        ({"secret": "é" * 101}, "hub.secret"),
        ({"secret": "\ufffd"}, "hub.secret"),
        ({"lease_seconds": "-1"}, "hub.lease_seconds"),
        ({"lease_seconds": "ten days"}, "hub.lease_seconds"),
        ({"lease_seconds": "٣٦٠٠"}, "hub.lease_seconds"),
    ],
)
def test_a_request_that_cannot_be_taken_is_refused_with_the_field_that_is_wrong(
    changes: dict[str, str], reason: str
) -> None:
    with pytest.raises(websub.Refusal, match=rf"^{reason} "):
        read(**changes)


def test_the_lease_of_an_unsubscription_is_ignored() -> None:
    assert read(mode="unsubscribe", lease_seconds="nonsense").lease_seconds == 0


def test_neither_callback_nor_secret_shows_when_a_value_is_printed() -> None:
    assert "8f3" not in repr(read(secret="hush")) and "hush" not in repr(read(secret="hush"))
    assert "http://x.example/" not in repr(subscription())


@given(topics)
def test_a_topic_is_read_back_from_its_path(topic: Topic) -> None:
    assert websub.read_topic(topic.path) == topic


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://news.example/feeds/all.rss?img=none", ("/feeds/all.rss", "img=none")),
        ("HTTPS://News.Example:443/feeds/all.rss", ("/feeds/all.rss", "")),
        ("https://news.example/feeds/dep%2F25.rss", ("/feeds/dep/25.rss", "")),
        ("https://news.example/feeds/%C3%A9.rss", ("/feeds/\xc3\xa9.rss", "")),
        ("http://news.example/feeds/all.rss", None),
        ("https://news.example:8443/feeds/all.rss", None),
        ("https://news.example:port/feeds/all.rss", None),
        ("https://news.example.org/feeds/all.rss", None),
        ("https://news.example/feeds/all.rss#top", None),
        ("https://news.example", None),
    ],
)
def test_an_address_of_ours_is_known_by_its_origin_however_it_is_written(url: str, place: object) -> None:
    assert websub.place_of(url, PUBLIC) == place


def test_a_site_below_a_path_knows_its_own_addresses() -> None:
    assert websub.place_of("https://x.example/news/feeds/all.rss", "https://x.example/news") == ("/feeds/all.rss", "")
    assert websub.place_of("https://x.example/newsfeeds/all.rss", "https://x.example/news") is None


def test_a_host_is_trusted_where_the_operator_named_it_with_its_port() -> None:
    allowed = ("127.0.0.1:8080", "[::1]:80")
    assert websub.is_trusted("http://127.0.0.1:8080/x", allowed) and websub.is_trusted("http://[::1]/x", allowed)
    assert not websub.is_trusted("http://127.0.0.1/x", allowed)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "hub.mode", "hub.topic"]), st.text(st.characters(max_codepoint=90)))),
    st.sampled_from(Mode),
)
def test_a_question_comes_after_what_stands_in_the_query_of_the_callback(
    pairs: list[tuple[str, str]], mode: Mode
) -> None:
    callback = "https://reader.example/cb" + ("?" + "&".join(f"{name}={len(text)}" for name, text in pairs))
    intent = Intent(mode, "all", "all.atom", f"{PUBLIC}/feeds/all.atom?img=none", callback, "reader.example", "", 7200)
    asked = parse_qsl(urlsplit(websub.verification_url(intent, "a-challenge")).query)
    lease = [("hub.lease_seconds", "7200")] if mode is Mode.SUBSCRIBE else []
    assert asked == [
        *((name, str(len(text))) for name, text in pairs),
        ("hub.mode", mode.value),
        ("hub.topic", f"{PUBLIC}/feeds/all.atom?img=none"),
        ("hub.challenge", "a-challenge"),
        *lease,
    ]


def test_a_denial_names_topic_and_reason() -> None:
    url = websub.denial_url("https://reader.example/cb", f"{PUBLIC}/feeds/all.atom", "no such feed")
    assert dict(parse_qsl(urlsplit(url).query)) == {
        "hub.mode": "denied",
        "hub.topic": f"{PUBLIC}/feeds/all.atom",
        "hub.reason": "no such feed",
    }


@pytest.mark.parametrize(
    ("status", "body", "confirmed"),
    [
        (200, b"word", True),
        (202, b"word", True),
        (200, b"word\n", False),
        (200, b"<p>word</p>", False),
        (200, b"", False),
        (302, b"word", False),
        (404, b"word", False),
    ],
)
def test_only_a_2xx_with_the_very_challenge_confirms(status: int, body: bytes, confirmed: bool) -> None:
    assert websub.is_confirmed(status, body, "word") is confirmed


def test_a_document_names_hub_and_topic_and_is_signed_where_there_is_a_secret() -> None:
    topic = f"{PUBLIC}/feeds/all.atom"
    headers = websub.delivery_headers("application/atom+xml", f"{PUBLIC}/hub", topic, "hush", b"<feed/>")
    assert headers["Content-Type"] == "application/atom+xml"
    assert headers["Link"] == f'<{PUBLIC}/hub>; rel="hub", <{topic}>; rel="self"'
    assert headers["X-Hub-Signature"] == "sha256=" + hmac.digest(b"hush", b"<feed/>", hashlib.sha256).hex()
    assert "X-Hub-Signature" not in websub.delivery_headers("application/atom+xml", "", topic, "", b"<feed/>")


@given(st.floats(0, 1))
def test_waits_grow_threefold_to_four_hours_and_end_after_about_a_day(jitter: float) -> None:
    waits = [websub.next_try(tries, lambda: jitter) for tries in range(1, TRIES)]
    assert websub.next_try(TRIES, lambda: jitter) is None
    known = [wait for wait in waits if wait]
    assert known == sorted(known) and len(known) == TRIES - 1
    assert timedelta(seconds=8) <= known[0] <= timedelta(seconds=12) and known[-1] <= timedelta(hours=4.8)
    assert timedelta(hours=18) < sum(known, timedelta()) < timedelta(hours=28)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_is_a_success(status: int) -> None:
    delivered = Pushed(1, 2, '"etag"', NOW)
    assert websub.judge(subscription(), status, "", delivered, lambda: 0.5) is delivered


@pytest.mark.parametrize("status", [0, 100, 301, 307, 400, 404, 429, 500])
def test_all_else_is_tried_again_until_the_tries_are_used_up(status: int) -> None:
    delivered = Pushed(1, 2, '"etag"', NOW)
    error = "timeout" if status == 0 else ""
    push = websub.judge(subscription(tries=1), status, error, delivered, lambda: 0.5)
    assert push == PushFailed(1, NOW + timedelta(seconds=30), error or str(status))
    last = websub.judge(subscription(tries=TRIES - 1), status, error, delivered, lambda: 0.5)
    assert last == Ended(1, "failing")


def test_410_is_the_end() -> None:
    assert websub.judge(subscription(), 410, "", Pushed(1, 2, "", NOW), lambda: 0.5) == Ended(1, "gone")
