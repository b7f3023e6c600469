"""What leaves for subscribers: one request, no redirect, guarded and bounded like every other; and what operators see."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator.cli import main
from aggregator.config import Settings
from aggregator.errors import ErrorClass, FetchError
from aggregator.httpclient import HttpClient, Response
from aggregator.model import Intent, Mode, Pushed, PushFailed
from aggregator.store import open_store
from tests.origin import HANG, Answer, Origin, Request, answer
from tests.values import NOW


def ask(origin: Origin, method: str = "POST", body: bytes = b"", limit: int = 0, **changes: float) -> Response:
    settings = Settings(allow_private=(origin.authority,), **changes)  # type: ignore[arg-type]

    async def once() -> Response:
        async with HttpClient(settings) as client:
            return await client.ask(method, origin.url("/cb?x=1"), {"X-Hub-Signature": "s"}, body, limit)

    return asyncio.run(once())


@pytest.mark.parametrize("size", [1, 5 << 20])
def test_a_body_is_sent_whole_with_its_length(size: int) -> None:
    with Origin(lambda _: answer(204)) as origin:
        assert ask(origin, body=b"x" * size).status == 204
        (request,) = origin.requests
    assert (request.method, request.target, len(request.body)) == ("POST", "/cb?x=1", size)
    assert (request.headers["content-length"], request.headers["x-hub-signature"]) == (str(size), "s")


def test_a_redirect_is_an_answer() -> None:
    with Origin(lambda _: answer(307, {"Location": "/elsewhere"})) as origin:
        assert ask(origin).status == 307
        assert len(origin.requests) == 1


@pytest.mark.parametrize(
    ("status", "limit", "read"), [(200, 9, b"body"), (202, 4, b"body"), (200, 0, b""), (404, 9, b"")]
)
def test_a_body_is_read_where_it_is_wanted_and_the_answer_is_a_success(status: int, limit: int, read: bytes) -> None:
    with Origin(lambda _: answer(status, body=b"body")) as origin:
        assert ask(origin, "GET", limit=limit).body == read


@pytest.mark.parametrize(
    ("said", "limit", "error"),
    [
        (answer(body=b"12345"), 4, ErrorClass.TOO_LARGE),
        (iter([HANG]), 4, ErrorClass.TIMEOUT),
        (iter([answer(headers={"Content-Length": "9"}), HANG]), 9, ErrorClass.TIMEOUT),
        (b"nonsense", 4, ErrorClass.CONNECTION),
    ],
    ids=["too much", "no answer", "half an answer", "nonsense"],
)
def test_what_cannot_be_read_is_an_error(said: Answer, limit: int, error: ErrorClass) -> None:
    def say(_: Request) -> Answer:
        return said

    with Origin(say) as origin, pytest.raises(FetchError) as raised:
        ask(origin, "GET", limit=limit, timeout_seconds=0.1)
    assert raised.value.error_class is error


def test_it_does_not_lead_inside() -> None:
    async def once(url: str) -> None:
        async with HttpClient(Settings()) as client:
            await client.ask("POST", url, body=b"x")

    with Origin(lambda _: answer()) as origin:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(FetchError) as raised:
                asyncio.run(once(origin.url(host=host)))
            assert raised.value.error_class is ErrorClass.BLOCKED_ADDRESS
        assert origin.connections == 0


# ── tributary subscribers


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A store with two subscriptions, one of which fails."""
    path = str(tmp_path / "t.db")
    store = open_store(path)
    for number, topic in enumerate(("all.atom", "economie.rss?limit=5")):
        callback, host = f"https://reader{number}.example/only-we-know", f"reader{number}.example"
        asked = Intent(Mode.SUBSCRIBE, topic.partition(".")[0], topic, "", callback, host, "hush-hush", 3600)
        store.confirm(asked, NOW + timedelta(hours=1))
    first, second = store.subscriptions()
    store.take_pushes([Pushed(first.id, 1, "", NOW), PushFailed(second.id, NOW + timedelta(seconds=10), "timeout")])
    store.close()
    return path


def run(database: str, *options: str) -> list[str]:
    result = CliRunner().invoke(main, ["subscribers", "--database", database, *options], env={"TZ": "UTC"})
    assert result.exit_code == 0
    assert "only-we-know" not in result.output and "hush-hush" not in result.output
    return result.output.splitlines()


def test_subscribers_are_listed_by_topic_and_host_alone(database: str) -> None:
    heads, first, second = run(database)
    assert heads.split("  ")[0] == "topic" and heads.endswith("failures")
    assert first.split()[:2] == ["all.atom", "reader0.example"] and first.endswith(" 0")
    assert second.split()[:2] == ["economie.rss?limit=5", "reader1.example"] and second.split()[-3:] == [
        "never",
        "1",
        "timeout",
    ]


def test_subscribers_as_data(database: str) -> None:
    first, second = (json.loads(line) for line in run(database, "--json"))
    assert first == {
        "topic": "all.atom",
        "host": "reader0.example",
        "lease_until": "2026-02-11T13:00:00+00:00",
        "last_delivery": "2026-02-11T12:00:00+00:00",
        "owed": False,
        "failures": 0,
        "error": "",
        "next_try": None,
    }
    assert (second["failures"], second["error"]) == (1, "timeout")
    assert (second["last_delivery"], second["next_try"]) == (None, "2026-02-11T12:00:10+00:00")


def test_where_nobody_has_subscribed_there_is_a_head_alone(tmp_path: Path) -> None:
    assert len(run(str(tmp_path / "t.db"))) == 1
    assert not run(str(tmp_path / "t.db"), "--json")
