"""The poller: a loop that takes up what is due, from a real origin, with a clock and a store that a test may bend."""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from apscheduler.events import EVENT_JOB_MISSED

import scheduler
from aggregator.config import Settings
from aggregator.errors import ConfigError, ErrorClass, StoreError
from aggregator.model import Question, Source, SourceState
from aggregator.pipeline import Report
from aggregator.store import Store, open_store
from scheduler import Poller
from tests.origin import HANG, Answer, Origin, answer
from tests.test_cli import feeds_opml, good

PATIENCE_SECONDS = 20  # reached only when a test fails
SOON_SECONDS = 0.02


@pytest.fixture(autouse=True)
def quick_jobs(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Jobs run every few milliseconds, and the log is heard."""
    for name in ("DISPATCH_SECONDS", "FOLLOW_SECONDS", "INDEX_SECONDS", "PUBLISH_SECONDS", "RELOAD_SECONDS"):
        monkeypatch.setattr(scheduler, name, SOON_SECONDS)
    logging.getLogger("tributary").disabled = False  # import-linter switches off what it finds
    caplog.set_level(logging.INFO, "tributary")


class Region:
    """A feeds.opml, an origin that answers by path, a store, and a clock that is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.answers: dict[str, Answer] = {}
        self.origin = Origin(lambda request: self.answers[request.path.strip("/")])
        self.list_file = folder / "feeds.opml"
        self.database = folder / "t.db"
        self.now = datetime(2026, 2, 11, 12, tzinfo=UTC)
        self.reports: list[Report] = []
        self._writes = 0

    def subscribe(self, **answers: Answer) -> None:
        """Answer so, and list a source for each."""
        self.answers |= answers
        self.write_list(feeds_opml(*((name, self.origin.url(f"/{name}"), "") for name in answers)))

    def write_list(self, text: str) -> None:
        self.list_file.write_text(text, encoding="utf-8")
        self._writes += 1  # a change within one tick of the file system's clock is a change all the same
        os.utime(self.list_file, (self._writes, self._writes))

    @property
    def settings(self) -> Settings:
        return Settings(opml=str(self.list_file), allow_private=(self.origin.authority,), workers=1)

    def asked(self, name: str) -> int:
        return sum(request.path == f"/{name}" for request in self.origin.requests)

    def open(self, patience_seconds: float = 5) -> Store:
        return open_store(str(self.database), patience_seconds=patience_seconds)

    @asynccontextmanager
    async def polling(
        self, store: Store | None = None, publish: scheduler.Publish | None = None
    ) -> AsyncIterator[Poller]:
        """A poller at work; it must end within moments, whatever is under way."""
        with closing(store or self.open()) as opened:
            poller = Poller(self.settings, opened, self.reports.append, lambda: self.now, publish)
            task = asyncio.create_task(poller.run())
            try:
                yield poller
            finally:
                poller.stop.set()
                await asyncio.wait_for(task, 5)


async def until(holds: Callable[[], object]) -> None:
    """Wait until that is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), SOON_SECONDS)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What our own log says that somebody should look at."""
    ours = [record for record in caplog.records if record.name == "tributary"]
    return [record.getMessage() for record in ours if record.levelno >= logging.WARNING]


async def turns(poller: Poller) -> None:
    """Wait until the dispatcher has looked three more times at what is due."""
    looked: list[bool] = []

    def counted(sound: Callable[..., object], *arguments: object) -> object:
        looked.append(True)
        return sound(*arguments)

    poller.store = cast(Store, Bent(poller.store, claim=counted))
    await until(lambda: len(looked) > 3)


class Bent:
    """A store of which some methods do something else; they are given the sound method first."""

    def __init__(self, store: Store, **methods: Callable[..., object]) -> None:
        self._store = store
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        sound = getattr(self._store, name)
        return partial(self._methods[name], sound) if name in self._methods else sound


def failing_for(name: str, error: Exception) -> Callable[..., object]:
    """A method that fails for one source."""

    def method(sound: Callable[..., object], source: str, *rest: object) -> object:
        if source.endswith(name):
            raise error
        return sound(source, *rest)

    return method


def failing_times(count: int, error: Exception) -> Callable[..., object]:
    """A method that fails so often and then works."""
    left = [error] * count

    def method(sound: Callable[..., object], *arguments: object) -> object:
        if left:
            raise left.pop()
        return sound(*arguments)

    return method


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    made = Region(tmp_path)
    with made.origin:
        yield made


def said(caplog: pytest.LogCaptureFixture, text: str) -> list[logging.LogRecord]:
    """The lines of the log that begin so."""
    return [record for record in caplog.records if record.getMessage().startswith(text)]


# ── what is due


def test_what_is_due_is_polled_once_and_again_when_it_is_due_again(region: Region) -> None:
    region.subscribe(matin=good("Un"), soir=good("Deux"))

    async def play() -> None:
        async with region.polling() as poller:
            await until(lambda: len(region.reports) == 2)
            await turns(poller)
            assert region.asked("matin") == region.asked("soir") == 1
            region.now += timedelta(hours=1)
            await until(lambda: len(region.reports) == 4)

    asyncio.run(play())
    assert [report.status for report in region.reports] == ["ok"] * 4
    assert region.asked("matin") == region.asked("soir") == 2


def test_a_source_that_is_under_way_is_not_asked_again_and_delays_no_other(region: Region) -> None:
    region.subscribe(lente=iter([HANG]), matin=good("Un"))

    async def play() -> None:
        async with region.polling() as poller:
            await until(lambda: region.asked("lente") and region.reports)
            region.now += timedelta(days=1)
            await until(lambda: len(region.reports) == 2)
            await turns(poller)

    asyncio.run(play())
    assert region.asked("lente") == 1 and region.asked("matin") == 2


def test_a_source_whose_poll_cannot_be_stored_rests_before_it_is_asked_again(region: Region) -> None:
    region.subscribe(matin=good("Un"))
    store = cast(Store, Bent(region.open(), settle=failing_times(1, StoreError("while writing a poll: full"))))

    async def play() -> None:
        async with region.polling(store) as poller:
            await until(lambda: region.reports)
            await turns(poller)
            assert [report.status for report in region.reports] == ["unwritten"]
            region.now += scheduler.LEASE
            await until(lambda: len(region.reports) == 2)

    asyncio.run(play())
    assert region.reports[1].status == "ok" and region.asked("matin") == 2


def test_while_the_database_is_locked_nobody_is_asked_and_afterwards_everybody(
    region: Region, caplog: pytest.LogCaptureFixture
) -> None:
    region.subscribe(matin=good("Un"), soir=good("Deux"))
    store = cast(Store, Bent(region.open(), claim=failing_times(3, StoreError("while taking up: database is locked"))))

    async def play() -> None:
        async with region.polling(store) as poller:
            await until(lambda: len(said(caplog, "not dispatched")) == 3)
            assert not region.origin.requests
            await until(lambda: len(region.reports) == 2)
            await turns(poller)

    asyncio.run(play())
    assert [report.status for report in region.reports] == ["ok", "ok"]
    assert region.asked("matin") == region.asked("soir") == 1


def test_two_schedulers_ask_no_source_twice(region: Region) -> None:
    region.subscribe(**{f"s{number}": good(f"Titre {number}") for number in range(12)})

    async def play() -> None:
        async with region.polling() as one, region.polling() as other:
            await until(lambda: len(region.reports) == 12)
            await asyncio.gather(turns(one), turns(other))

    asyncio.run(play())
    assert all(region.asked(f"s{number}") == 1 for number in range(12))


# ── the first round


def test_the_first_round_ends_when_every_source_was_asked_and_then_feeds_fill(region: Region) -> None:
    region.subscribe(matin=good("Un"), panne=answer(503))
    store = region.open()

    async def play() -> None:
        async with region.polling(store):
            await until(lambda: store.totals().log_open)
        assert len(region.reports) == 2

    asyncio.run(play())
    with closing(region.open()) as again:
        assert [story.lead.item.title for story in again.head("all", 9)] == ["Un"]


def test_while_a_source_hangs_the_first_round_is_not_over(region: Region) -> None:
    region.subscribe(lente=iter([HANG]), matin=good("Un"))
    store = region.open()

    async def play() -> None:
        async with region.polling(store) as poller:
            await until(lambda: region.reports and region.asked("lente"))
            await turns(poller)
            assert not store.totals().log_open

    asyncio.run(play())


def test_the_first_round_ends_though_somebody_is_always_due(region: Region) -> None:
    region.subscribe(matin=good("Un"), soir=good("Deux"))
    store, soir = region.open(), region.origin.url("/soir")
    asked_before = ((Source(soir), SourceState(soir, checked_at=region.now)),)

    def always(sound: Callable[..., object], *arguments: object) -> object:
        return sound(*arguments) or asked_before

    async def play() -> None:
        async with region.polling(cast(Store, Bent(store, claim=always))):
            await until(lambda: store.totals().log_open)

    asyncio.run(play())


def test_a_source_that_makes_us_fail_holds_up_neither_the_first_round_nor_its_publisher(region: Region) -> None:
    region.subscribe(faute=good("Un"), matin=good("Deux"))
    store = cast(Store, Bent(region.open(), settle=failing_for("faute", ZeroDivisionError())))

    async def play() -> None:
        async with region.polling(store) as poller:
            await until(lambda: store.totals().log_open)
            await turns(poller)

    asyncio.run(play())
    assert sorted(report.status for report in region.reports) == [ErrorClass.INTERNAL, "ok"]
    assert region.asked("faute") == 1


def test_a_first_round_whose_end_cannot_be_stored_ends_later(region: Region, caplog: pytest.LogCaptureFixture) -> None:
    region.subscribe(matin=good("Un"))
    store = cast(Store, Bent(region.open(), open_log=failing_times(2, StoreError("while opening the log: full"))))

    async def play() -> None:
        async with region.polling(store):
            await until(lambda: store.totals().log_open)

    asyncio.run(play())
    assert len(said(caplog, "crashed job=dispatch")) == 2


# ── the list of sources


def test_a_list_that_changes_is_read_again(region: Region, caplog: pytest.LogCaptureFixture) -> None:
    region.subscribe(matin=good("Un"))

    async def play() -> None:
        async with region.polling():
            await until(lambda: region.asked("matin"))
            region.subscribe(soir=good("Deux"))
            await until(lambda: region.asked("soir"))
            region.now += timedelta(hours=1)
            await until(lambda: region.asked("soir") == 2)

    asyncio.run(play())
    assert region.asked("matin") == 1
    assert len(said(caplog, f"reloaded opml={region.list_file}")) == 1


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_list_that_is_broken_while_we_run_leaves_the_old_one_and_is_an_error(
    region: Region, caplog: pytest.LogCaptureFixture, is_gone: bool
) -> None:
    region.subscribe(matin=good("Un"))

    async def play() -> None:
        async with region.polling() as poller:
            await until(lambda: region.reports)
            if is_gone:
                region.list_file.unlink()
            else:
                region.write_list("<opml><body>")
            await until(lambda: said(caplog, "not reloaded"))
            region.now += timedelta(hours=1)
            await until(lambda: len(region.reports) == 2)
            await turns(poller)
            assert len(said(caplog, "not reloaded")) == 1  # once for each change
            region.subscribe(soir=good("Deux"))
            await until(lambda: region.asked("soir"))

    asyncio.run(play())
    (line,) = said(caplog, "not reloaded")
    assert line.levelno == logging.ERROR and "feeds.opml" in line.getMessage()


def test_a_list_that_is_broken_at_the_start_stops_it(region: Region) -> None:
    region.write_list("<opml><body>")
    with closing(region.open()) as store, pytest.raises(ConfigError, match=r"feeds\.opml"):
        Poller(region.settings, store, region.reports.append)


# ── jobs


def test_what_was_stored_can_be_searched_for_soon_after(region: Region) -> None:
    region.subscribe(matin=good("Le viaduc rouvre"))
    store = region.open()

    async def play() -> None:
        async with region.polling(store):
            await until(lambda: store.search(Question("viaduc"), "fr").hits)

    asyncio.run(play())


def test_a_job_that_fails_is_logged_as_critical_and_runs_again(
    region: Region, caplog: pytest.LogCaptureFixture
) -> None:
    region.subscribe(matin=good("Un"))
    store = cast(Store, Bent(region.open(), claim=failing_times(3, ZeroDivisionError())))

    async def play() -> None:
        async with region.polling(store):
            await until(lambda: region.reports)

    asyncio.run(play())
    crashes = said(caplog, "crashed job=dispatch")
    assert [(record.levelno, record.exc_info is not None) for record in crashes] == [(logging.CRITICAL, True)] * 3
    assert region.reports[0].status == "ok"


def test_a_job_that_was_missed_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    scheduler._report_job(SimpleNamespace(code=EVENT_JOB_MISSED, job_id="index"))
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(logging.ERROR, "missed job=index")]


def test_files_are_kept_in_one_thread_which_is_told_of_the_end(region: Region) -> None:
    region.subscribe(matin=good("Un"))
    calls: list[tuple[str, bool]] = []
    threads: set[int] = set()
    at_work = threading.Event()

    def publish(is_stopped: Callable[[], bool]) -> None:
        threads.add(threading.get_ident())
        calls.append(("begin", is_stopped()))
        if len(calls) == 5:  # a long run: it ends because it is told to, and nothing else waits for it
            at_work.set()
            while not is_stopped():
                threading.Event().wait(SOON_SECONDS)
        calls.append(("end", is_stopped()))

    async def play() -> None:
        async with region.polling(publish=publish) as poller:
            await until(lambda: at_work.is_set() and region.reports)
            await turns(poller)

    asyncio.run(play())
    run = [("begin", False), ("end", False)]
    assert calls == [*run, *run, ("begin", False), ("end", True), ("begin", True), ("end", True)]
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_files_that_cannot_be_kept_stop_nothing(region: Region, caplog: pytest.LogCaptureFixture) -> None:
    region.subscribe(matin=good("Un"))

    def publish(is_stopped: Callable[[], bool]) -> None:
        if not is_stopped():
            raise ZeroDivisionError

    async def play() -> None:
        async with region.polling(publish=publish):
            await until(lambda: region.reports and len(said(caplog, "crashed job=publish")) > 1)

    asyncio.run(play())
    assert region.reports[0].status == "ok"


# ── the end


def test_a_stop_gives_up_what_is_under_way_and_it_is_due_at_the_next_start(
    region: Region, caplog: pytest.LogCaptureFixture
) -> None:
    region.subscribe(lente=iter([HANG]))

    async def play() -> None:
        async with region.polling():
            await until(lambda: region.asked("lente"))
        region.subscribe(lente=good("Un"))
        async with region.polling():
            await until(lambda: region.reports)

    asyncio.run(play())
    assert [report.status for report in region.reports] == ["ok"]
    assert not complaints(caplog)


def test_a_stop_while_the_store_is_asked_what_is_due_starts_nothing(
    region: Region, caplog: pytest.LogCaptureFixture
) -> None:
    region.subscribe(matin=good("Un"))
    opened = region.open()
    stop: list[Callable[[], object]] = []

    def due(sound: Callable[..., object], *arguments: object) -> object:
        stop[0]()
        return sound(*arguments)

    async def play() -> None:
        loop = asyncio.get_running_loop()
        with closing(opened):
            poller = Poller(region.settings, cast(Store, Bent(opened, claim=due)), region.reports.append)
            stop.append(lambda: loop.call_soon_threadsafe(poller.stop.set))
            await asyncio.wait_for(poller.run(), PATIENCE_SECONDS)

    asyncio.run(play())
    assert not region.origin.requests and not region.reports
    assert not complaints(caplog)


def test_where_the_loop_knows_no_signals_the_poller_runs_all_the_same(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    region.subscribe(matin=good("Un"))

    def refuse(*_: object) -> None:
        raise NotImplementedError

    async def play() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", refuse)
        with closing(region.open()) as store:
            poller = Poller(region.settings, store, lambda _: poller.stop.set())
            await asyncio.wait_for(scheduler.run_until_stopped(poller), PATIENCE_SECONDS)

    asyncio.run(play())
    assert region.asked("matin") == 1
