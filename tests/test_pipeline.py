"""The stages joined: bad input costs its source only, and nothing that was stored."""

import asyncio
import gzip
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.documents import HEAVY_BYTES
from aggregator.errors import ErrorClass
from aggregator.model import Fetched, Format, Judgement, Republish, Source, SourceKind, SourceState
from aggregator.pipeline import Pipeline, Report, read_sources, utc_now
from aggregator.publishing import publish_feed
from aggregator.store import Store, open_store
from tests.origin import HANG, Answer, Origin, answer
from tests.values import make_item, settle

NOW = datetime(2026, 2, 11, 12, 0, tzinfo=UTC)


def rss(*titles: str, junk: str = "") -> bytes:
    items = "".join(
        f"<item><title>{title}</title><link>https://outlet.example/{number}</link><guid>g{number}</guid>"
        f"<pubDate>Wed, 11 Feb 2026 0{number}:00:00 +0100</pubDate><description>Le texte.</description></item>"
        for number, title in enumerate(titles, start=1)
    )
    return f'<rss version="2.0"><channel><title>T</title><link>https://outlet.example/</link>{items}{junk}</channel></rss>'.encode()


GOOD = answer(headers={"Content-Type": "application/rss+xml"}, body=rss("Un", "Deux"))


def poll(store: Store, settings: Settings, now: datetime = NOW, **sources: Source) -> dict[str, Report]:
    """One round over the store's sources; reports by the last part of the path."""
    reports: list[Report] = []

    async def one_round() -> None:
        async with Pipeline(settings, store, lambda: now) as pipeline:
            await pipeline.poll([(view.source, view.state) for view in store.sources()], reports.append)

    asyncio.run(one_round())
    return {report.source.url.rpartition("/")[2]: report for report in reports}


class World:
    """An origin whose answers a test chooses by path, and a store with a source for each."""

    def __init__(self, folder: Path, **answers: Answer) -> None:
        self.answers = answers
        self.origin = Origin(lambda request: self.answers[request.path.strip("/")])
        self.origin.__enter__()
        self.settings = Settings(
            allow_private=(self.origin.authority,),
            workers=1,
            timeout_seconds=2,
            body_limit_mib=1,
            parse_seconds=1.5,
            per_host=20,
        )
        self.store = open_store(str(folder / "t.db"), patience_seconds=0.05)
        self.store.sync_sources([Source(self.origin.url(f"/{name}"), title=name) for name in answers], NOW)

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()
        self.origin.__exit__(None, None, None)

    def poll(self, now: datetime = NOW) -> dict[str, Report]:
        return poll(self.store, self.settings, now)

    def titles(self, name: str) -> set[str]:
        return {each.item.title for each in self.store.items() if each.item.source.endswith(name)}


BAD: dict[str, tuple[Callable[[], Answer], ErrorClass]] = {
    "html": (lambda: answer(body=b"<!doctype html><html><title>Accueil</title></html>"), ErrorClass.NOT_A_FEED),
    "portal": (lambda: answer(headers={"Content-Type": "application/rss+xml"}, body=b"<html><body>Wi-Fi</body></html>"), ErrorClass.NOT_A_FEED),
    "empty": (lambda: answer(), ErrorClass.EMPTY),
    "blank": (lambda: answer(body=b"  \n "), ErrorClass.EMPTY),
    "cut": (lambda: answer(body=rss("Un")[:60]), ErrorClass.BROKEN_XML),
    "large": (lambda: answer(body=rss("Un", junk="x" * 2_000_000)), ErrorClass.TOO_LARGE),
    "bomb": (lambda: answer(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"x" * 50_000_000)), ErrorClass.TOO_LARGE),
    "hangs": (lambda: iter([b"HTTP/1.1 200 OK\r\n", HANG]), ErrorClass.TIMEOUT),
    "json": (lambda: answer(body=b'{"error": "not found"}'), ErrorClass.NOT_A_FEED),
    "missing": (lambda: answer(404), ErrorClass.HTTP_4XX),
    "gone": (lambda: answer(410), ErrorClass.GONE),
    "down": (lambda: answer(503), ErrorClass.UNAVAILABLE),
    "secret": (lambda: answer(401), ErrorClass.AUTH),
    "angry": (lambda: answer(429), ErrorClass.RATE_LIMITED),
}  # fmt: skip


def test_what_is_no_feed_has_a_named_class_keeps_what_was_stored_and_slows_no_other(tmp_path: Path) -> None:
    with World(tmp_path, **dict.fromkeys(BAD, GOOD), good=GOOD) as world:
        assert {report.status for report in world.poll().values()} == {"ok"}
        for name, (make, _) in BAD.items():
            world.answers[name] = make()
        reports = world.poll(NOW + timedelta(hours=1))
        assert {name: reports[name].status for name in BAD} == {name: error for name, (_, error) in BAD.items()}
        assert reports["good"].status == "ok" and reports["good"].milliseconds < 1500
        assert all(world.titles(name) == {"Un", "Deux"} for name in BAD)
        assert all(report.message for name, report in reports.items() if name in BAD)


def test_entities_that_multiply_are_not_expanded(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE r [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    with World(tmp_path, bomb=answer(body=bomb + rss("Un &c;"))) as world:
        world.poll()
        assert all(len(title) < 30 for title in world.titles("bomb"))


def test_a_document_that_takes_too_long_ends_its_worker_and_no_other_source(tmp_path: Path) -> None:
    slow = rss("Un", junk=f"<item><description><![CDATA[<p>{'&' * 190_000}]]></description></item>" * 4)
    with World(tmp_path, slow=answer(body=slow), good=GOOD) as world:
        world.settings = replace(world.settings, parse_seconds=0.3)
        reports = world.poll()
        assert reports["slow"].status == ErrorClass.TOO_COSTLY and reports["good"].status == "ok"


def test_a_bad_entry_costs_that_entry(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with World(tmp_path, feed=answer(body=rss("Un", "Deux", junk="<item></item>"))) as world:
        world.poll()
        assert world.titles("feed") == {"Un", "Deux"}
    assert any("skipped source=" in record.getMessage() for record in caplog.records)


def test_a_poll_that_cannot_be_written_is_reported_and_done_again(tmp_path: Path) -> None:
    with World(tmp_path, feed=GOOD) as world:
        other = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        report = world.poll()["feed"]
        assert report.status == "unwritten" and "locked" in report.message
        other.execute("ROLLBACK")
        other.close()
        assert world.titles("feed") == set()
        assert world.poll()["feed"].new == 2


def test_a_fault_of_ours_stops_one_source_and_is_logged_as_critical(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with World(tmp_path, feed=GOOD, good=GOOD) as world:
        settle_well = world.store.settle

        def settle_badly(source: str, *rest: object) -> object:
            if source.endswith("feed"):
                raise ZeroDivisionError
            return settle_well(source, *rest)  # type: ignore[arg-type]

        world.store.settle = settle_badly  # type: ignore[method-assign,assignment]
        reports = world.poll()
    assert reports["feed"].status == ErrorClass.INTERNAL and reports["good"].status == "ok"
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)


def test_a_fault_of_ours_while_states_are_written_holds_up_nobody(tmp_path: Path) -> None:
    with World(tmp_path, down=answer(503), missing=answer(404)) as world:

        def keep_badly(states: object) -> None:
            raise ZeroDivisionError

        world.store.keep = keep_badly  # type: ignore[method-assign]
        assert {report.status for report in world.poll().values()} == {ErrorClass.INTERNAL}


def test_a_source_that_left_the_list_is_given_on_in_full_no_more(store: Store) -> None:
    (line,) = (replace(view.source, republish=Republish.FULL) for view in store.sources())
    store.sync_sources([line], NOW)
    settle(store, [make_item(1, html="<p>Le texte entier.</p>")])
    store.open_log(NOW)
    before = publish_feed(store, "all", Format.ATOM, Settings())
    store.sync_sources([], NOW)
    after = publish_feed(store, "all", Format.ATOM, Settings())
    assert before is not None and b"Le texte entier." in before.body
    assert after is not None and b"Le texte entier." not in after.body and line.title.encode() in after.body


def test_one_line_is_logged_for_each_source_and_poll(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tributary")
    with World(tmp_path, feed=GOOD, down=answer(503)) as world:
        world.poll()
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert len(lines) == 2
    assert any("status=ok new=2 changed=0 same=0 ms=" in line for line in lines)


def test_a_body_that_was_read_before_is_not_read_again(tmp_path: Path) -> None:
    with World(tmp_path, feed=GOOD) as world:  # the origin sends no validators
        assert world.poll()["feed"].new == 2
        report = world.poll(NOW + timedelta(hours=1))["feed"]
        assert (report.status, report.new, report.same) == ("ok", 0, 0)


def test_validators_are_sent_back_and_a_304_is_no_failure(tmp_path: Path) -> None:
    with World(tmp_path, feed=answer(headers={"ETag": '"1"'}, body=rss("Un"))) as world:
        world.poll()
        world.answers["feed"] = answer(304)
        assert world.poll()["feed"].status == "not modified"
        assert world.origin.requests[-1].headers["if-none-match"] == '"1"'


def test_a_poll_that_is_given_up_while_it_waits_for_the_writer_holds_up_no_other(tmp_path: Path) -> None:
    with World(tmp_path, down=answer(503), missing=answer(404)) as world:
        keep, free, entered = world.store.keep, threading.Event(), threading.Event()
        reports: list[Report] = []

        def keep_slowly(states: Sequence[SourceState], judged: Sequence[Judgement] = ()) -> None:
            entered.set()
            assert free.wait(20)
            keep(states, judged)

        async def play() -> None:
            down, missing = [(view.source, view.state) for view in world.store.sources()]
            async with Pipeline(world.settings, world.store, lambda: NOW) as pipeline:
                given_up = asyncio.create_task(pipeline.poll([down], reports.append))
                assert await asyncio.to_thread(entered.wait, 20)
                given_up.cancel()
                await asyncio.gather(given_up, return_exceptions=True)
                free.set()
                await asyncio.wait_for(pipeline.poll([missing], reports.append), 20)

        world.store.keep = keep_slowly  # type: ignore[method-assign]
        asyncio.run(play())
        assert [report.status for report in reports] == [ErrorClass.HTTP_4XX]


def test_of_long_documents_two_at_most_are_held_and_short_ones_do_not_wait_for_them(tmp_path: Path) -> None:
    def fetched(length: int) -> Fetched:
        return Fetched("u", "u", 200, {}, b"x" * length, "f", "", "", NOW)

    async def three(pipeline: Pipeline) -> None:
        room = partial(pipeline._documents.room, fetched(HEAVY_BYTES + 1))
        async with room(), room(), pipeline._documents.room(fetched(HEAVY_BYTES)):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01), room():
                    raise AssertionError("a third")
        async with room():
            pass

    async def one_round() -> None:
        async with Pipeline(Settings(), open_store(str(tmp_path / "t.db"))) as pipeline:
            await three(pipeline)

    asyncio.run(one_round())


def test_a_source_without_a_feed_is_read_by_selectors(tmp_path: Path) -> None:
    page = b'<html><body><div class="n"><a href="/1">Le pont rouvre</a></div><div class="n"><a href="/2">La foire</a></div></body></html>'
    with World(tmp_path, page=answer(headers={"Content-Type": "text/html; charset=utf-8"}, body=page)) as world:
        source = Source(
            world.origin.url("/page"), kind=SourceKind.PAGE, selectors={"item": "div.n", "title": "a", "link": "a"}
        )
        world.store.sync_sources([source], NOW)
        assert world.poll()["page"].new == 2
        assert world.titles("page") == {"Le pont rouvre", "La foire"}


def test_an_unknown_category_in_the_list_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "feeds.opml").write_text(
        '<opml version="2.0"><head/><body><outline type="rss" text="A" xmlUrl="https://a.example/" category="/economi"/></body></opml>'
    )
    assert len(read_sources(Settings(opml=str(tmp_path / "feeds.opml")))) == 1
    assert "unknown category=economi source=https://a.example/" in caplog.text


def test_a_feed_is_published_as_bytes_that_only_a_change_of_the_items_changes(store: Store) -> None:
    settings = Settings()
    empty = publish_feed(store, "economie", Format.ATOM, settings)
    assert empty is not None and b"<entry>" not in empty.body
    settle(store, [make_item(1)])
    store.open_log(NOW)
    first, again = (publish_feed(store, "economie", Format.ATOM, settings) for _ in range(2))
    assert first == again and first is not None and first.body.count(b"<entry>") == 1
    assert publish_feed(store, "nowhere", Format.ATOM, settings) is None
    (line,) = (view.source for view in store.sources())
    store.sync_sources([replace(line, republish=Republish.FULL, title="Autre nom")], NOW)
    renamed = publish_feed(store, "economie", Format.ATOM, settings)
    assert renamed is not None and b"Autre nom" in renamed.body and renamed.updated > first.updated


def test_events_are_found_after_polls_and_only_a_feed_that_asks_for_it_shows_one_story_of_each(tmp_path: Path) -> None:
    titles = {
        "one": "Plovier : un incendie ravage la scierie Marchal",
        "two": "Incendie à la scierie Marchal de Plovier, vingt emplois menacés",
        "three": "Deux lynx relâchés dans le massif du Hautmont",
    }
    body = {
        name: rss(title).replace(b"outlet.example/1", f"{name}.example/1".encode()) for name, title in titles.items()
    }
    with World(tmp_path, **{name: answer(body=body[name]) for name in titles}) as world:
        world.poll()
        world.store.open_log(NOW)
        asking = replace(world.settings, one_per_event=("all",))

        def published(settings: Settings) -> tuple[set[str], int]:
            rendition = publish_feed(world.store, "all", Format.ATOM, settings)
            assert rendition is not None
            text = rendition.body.decode()
            return {name for name, title in titles.items() if title in text}, world.store.feed("all").version

        async def between_polls(settings: Settings, now: datetime) -> None:
            async with Pipeline(settings, world.store, lambda: now) as pipeline:
                await pipeline.index()
                await pipeline.review()

        before = published(asking)
        assert before[0] == set(titles)
        asyncio.run(between_polls(asking, NOW))
        shown, version = published(asking)
        assert len(shown) == 2 and "three" in shown and version > before[1]
        assert published(world.settings) == (set(titles), version)
        asyncio.run(between_polls(asking, NOW + timedelta(days=9)))
        assert world.store.forget_gists(NOW + timedelta(days=99)) == 0
        assert published(asking) == (shown, version)


def test_our_clock_counts_whole_seconds_in_utc() -> None:
    assert utc_now().microsecond == 0 and utc_now().tzinfo is UTC
