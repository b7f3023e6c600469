"""Whatever an origin answers, it costs itself only: hundreds of them, polled through the real pipeline over HTTP."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.digest import digest
from aggregator.errors import ErrorClass, ParseError
from aggregator.model import Source, SourceKind
from aggregator.pipeline import Report
from aggregator.stories import BESIDE_LIMIT, CROWD, CROWD_LIMIT, LINK_RULE, SHARED_LIMIT, decide, make_print
from bench.meter import Peak
from tests.hostile_origins import (
    CASES,
    FULL,
    GOOD,
    HEALTHY,
    NOW,
    SIZE,
    At,
    Came,
    Case,
    Origins,
    Played,
    always,
    around,
    faults,
    feed,
    make_certificates,
    play,
    rss,
    to,
)
from tests.origin import PAUSE, Request
from tests.values import make_item

FAMILIES = tuple(dict.fromkeys(case.family for case in CASES))
# For an answer, in families with origins that would keep us waiting as long as they may.
SECONDS = {"time": 2.5, "tls": 2.0, "framing": 3.0, "compression": 10.0}
LONG = frozenset(("many", "html", "runs"))
GROWTH_MIB = 200
ITEM = make_item(1)
UNKNOWN = SimpleNamespace(
    by_guid={}, by_link={}, earlier={}, near=lambda key, print_: (), first_round=True, new_source=True
)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder, openssl)
    return folder


def played(
    cases: Sequence[Case], folder: Path, certificates: Path, seconds: float = 30.0, size: int = SIZE
) -> tuple[Played, list[str]]:
    """Play cases beside healthy sources. → what came of them, and what the canary was asked."""
    database = str(folder / f"{len(cases)}.db")
    settings = Settings(database=database, per_host=64, timeout_seconds=seconds, hub=False)
    with Origins([*cases, *HEALTHY], certificates, size) as origins:
        found = asyncio.run(play([*cases, *HEALTHY], origins.places, origins.canary, certificates, settings))
    return found, origins.betrayals


def assert_harmless(cases: Sequence[Case], found: Played, betrayals: Sequence[str]) -> None:
    """Everything came as it must, nothing escaped, and nobody was asked who may not be."""
    told = {case.name: wrong for case in (*cases, *HEALTHY) if (wrong := faults(case, found.came[case.name]))}
    assert told == {}
    assert found.alarms == ()
    assert betrayals == []


@pytest.mark.parametrize(
    "family", [pytest.param(each, marks=[pytest.mark.slow] if each in LONG else []) for each in FAMILIES]
)
def test_each_origin_of_a_family_ends_as_it_must_and_spoils_no_other(
    family: str, tmp_path: Path, certificates: Path
) -> None:
    cases = [case for case in CASES if case.family == family]
    found, betrayals = played(cases, tmp_path, certificates, SECONDS.get(family, 30.0))
    assert_harmless(cases, found, betrayals)


def test_there_are_cases_enough_each_under_a_name_of_its_own() -> None:
    assert len(CASES) >= 100
    assert len({case.name for case in CASES}) == len(CASES)


# ── what one may take from others


def test_large_documents_wait_for_one_another_and_nobody_for_them(tmp_path: Path, certificates: Path) -> None:
    costly = around(f"<item><guid>@</guid><description><![CDATA[<p>{'&' * 190_000}]]></description></item>" * 6)
    large = [Case(f"large: {number}", always(feed(costly)), "too_costly") for number in range(3)]
    cases = [*large, Case("late: as both workers might be at it", always(*[PAUSE] * 20, feed()), good=3)]
    settings = Settings(database=str(tmp_path / "tributary.db"), per_host=64, parse_seconds=1.0, hub=False)
    ended: list[str] = []
    with Origins([*cases, *HEALTHY], certificates) as origins:
        found = asyncio.run(
            play(
                [*cases, *HEALTHY], origins.places, origins.canary, certificates, settings, lambda name, _: ended.append(name)
            )
        )  # fmt: skip
    assert_harmless(cases, found, origins.betrayals)
    assert all(name.startswith("large") for name in ended[-len(large) - len(HEALTHY) : -len(HEALTHY)])


def entries(link: str, count: int, at: int = 0) -> str:
    return "".join(
        f"<item><guid>{at}-{number}</guid><title>Le titre</title><link>{link}</link></item>" for number in range(count)
    )


@pytest.mark.parametrize(("count", "linked"), [(SHARED_LIMIT, SHARED_LIMIT - 1), (SHARED_LIMIT + 1, 0)])
def test_a_link_that_many_items_of_a_document_share_proves_nothing(count: int, linked: int) -> None:
    found = digest(
        Source("https://outlet.example/feed"), rss(entries("https://a.example/x", count)).encode(), "", {}, ""
    )
    decisions = decide(found.items, found.prints, UNKNOWN, NOW, timedelta(hours=48))
    assert sum(link.rule == LINK_RULE for link in decisions[-1].links) == linked


@pytest.mark.parametrize(("count", "compared"), [(30, BESIDE_LIMIT), (CROWD + 1, CROWD_LIMIT)])
def test_in_a_crowd_an_item_is_compared_with_few_others(count: int, compared: int) -> None:
    text = "Le conseil municipal de Besançon a voté lundi soir le budget de la ville et de ses quartiers. " * 3
    items = "".join(
        f"<item><guid>{number}</guid><title>Le titre</title><description>{text}</description></item>"
        for number in range(count)
    )
    found = digest(Source("https://outlet.example/feed"), rss(items).encode(), "", {}, "")
    decisions = decide(found.items, found.prints, UNKNOWN, NOW, timedelta(hours=48))
    assert len(decisions[-1].links) == compared


def test_words_are_found_before_a_long_run_of_signs_without_looking_at_each_of_them_again() -> None:
    started = time.process_time()
    found = [make_print(replace(ITEM, text=f"Un mot{sign * 2000}", lead="")).body for sign in "[«(•—" * 20]
    assert set(found) == {"un mot"}
    assert time.process_time() - started < 1.0


# ── what a document costs


def body_of(case: Case, size: int) -> bytes:
    made = case.answers(At(Request("", "", {}, b""), 0, "127.0.0.1", 1, "127.0.0.1:1", size))
    assert isinstance(made, bytes)
    return made.partition(b"\r\n\r\n")[2]


def cost(case: Case, size: int) -> float:
    """CPU seconds."""
    kind = SourceKind.PAGE if case.selectors else SourceKind.FEED
    source, body = Source("https://outlet.example/feed", kind=kind, selectors=case.selectors), body_of(case, size)
    started = time.process_time()
    with contextlib.suppress(ParseError):
        digest(source, body, source.url, {}, "")
    return time.process_time() - started


DOCUMENTS = tuple(case for case in CASES if case.family in {"long", "many", "deep", "junk", "pages"})


@pytest.mark.slow
def test_no_document_costs_the_square_of_its_size() -> None:
    cost(HEALTHY[0], 0)  # what is made when it is first used
    steep = {}
    for case in DOCUMENTS:
        if (large := cost(case, 3 * SIZE)) > 0.5 and large > 7 * (small := cost(case, SIZE)):
            steep[case.name] = (small, large)
    assert steep == {}


@pytest.mark.slow
@pytest.mark.parametrize("family", ["long", "many", "deep", "pages"])
def test_documents_as_large_as_may_be_are_read_in_time_and_memory(
    family: str, tmp_path: Path, certificates: Path
) -> None:
    cases = [case for case in CASES if case.family == family][::4]
    played(HEALTHY[:1], tmp_path, certificates)  # workers that rest
    peak = Peak()
    try:
        found, betrayals = played(cases, tmp_path, certificates, size=FULL)
    finally:
        peak.stop()
    assert {report.status for came in found.came.values() for report in came.reports} <= {
        "ok", "not modified", "too_large", "not_a_feed", "broken_xml",
    }  # fmt: skip
    assert found.alarms == () and betrayals == []
    assert peak.rss >> 20 < 2 * GROWTH_MIB  # of all workers, with what they hold at rest


# ── the suite itself

RIGHT = Case("suite: one that is right", always(feed()), good=3)
REPORT = Report(Source("https://outlet.example/feed"), "ok", "", 3, 0, 0, 5)
TITLES = tuple(f"{GOOD} {number}" for number in (1, 2, 3))


def test_what_came_as_it_must_has_no_fault() -> None:
    assert faults(RIGHT, Came((REPORT,), TITLES, "")) == []


@pytest.mark.parametrize(
    ("case", "came", "word"),
    [
        (RIGHT, Came((replace(REPORT, status="timeout"),), (), ""), "timeout"),
        (RIGHT, Came((REPORT,), TITLES[:2], ""), "2 good items"),
        (RIGHT, Came((), TITLES, ""), "nothing"),
        (RIGHT, Came((replace(REPORT, status=ErrorClass.INTERNAL),), (), ""), "ours"),
        (replace(RIGHT, forbidden="Casino"), Came((REPORT,), TITLES, "Le Casino"), "Casino"),
        (replace(RIGHT, polls=2), Came((REPORT,), TITLES, ""), "ok"),
    ],
)
def test_what_came_otherwise_is_a_fault(case: Case, came: Came, word: str) -> None:
    assert word in " ".join(faults(case, came))


def test_the_canary_tells_who_asked_it(tmp_path: Path, certificates: Path) -> None:
    lured = Case("suite: one that leads to the canary", to("http://{canary}/secret"))
    settings = Settings(database=str(tmp_path / "tributary.db"), hub=False)
    with Origins([lured], certificates) as origins:
        host, _, port = origins.canary.partition(":")
        places = {**origins.places, "the canary": (host, int(port))}  # which is thereby allowed
        asyncio.run(play([lured], places, origins.canary, certificates, settings))
        assert any("GET /secret" in each for each in origins.betrayals)
