"""The operator's entry to polling: settings, store, a handful of APScheduler jobs → pipeline; nothing else.

    python scheduler.py            polls until it is stopped; the site may run elsewhere on the same files

What is due stands in the store, not in APScheduler: of a thousand jobs due at once it would drop late ones.
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from aggregator import health
from aggregator.config import Settings, load
from aggregator.errors import AggregatorError, ConfigError, StoreError, UnwritableError
from aggregator.model import Source, SourceState
from aggregator.pipeline import Clock, Pipeline, Report, read_sources, utc_now
from aggregator.pushing import Follower, Hub, Pinger
from aggregator.store import Store, open_store

DISPATCH_SECONDS = 1
PUBLISH_SECONDS = 1  # what was hidden or shown again is in the files after that time
PUSH_SECONDS = 0.5  # subscribers hear of a change after that time
FOLLOW_SECONDS = 1  # what hubs push is read after that time
RELOAD_SECONDS = 5
INDEX_SECONDS = 3  # what was stored can be searched for after that time
PLAN_MINUTES = 30  # until it is known anew how requests are best spent
LOOK_FIRST_AFTER = timedelta(minutes=1)
LOOK_SECONDS = 3600  # a source that is silent, or a certificate that ends soon, is noticed after that time
REVIEW_FIRST_AFTER = timedelta(minutes=10)  # a service that is often restarted is reviewed too
REVIEW_HOURS = 6  # what has come since may show that two items are no longer, or now, one text
LEASE = timedelta(minutes=5)  # what was taken up and came to nothing, for whatever reason, is due again after that time
RENEW_SECONDS = 100  # what is still under way keeps its lease
CLOCK_SECONDS = 30  # what was written by a clock that was ahead is mended after that time
WATCH_SECONDS = 1  # jobs go on so soon after the clock was put back

Publish = Callable[[Callable[[], bool]], None]
"""Keeps files as the store is: called again and again in a thread of its own, with what says that it should end."""

log = logging.getLogger("tributary")


class Every(BaseTrigger):  # type: ignore[misc]
    """So many seconds after the last time that the job began. APScheduler's own trigger names every time that has
    passed: a clock that is put forward by a day, as after a long sleep, would cost seconds, one by years the memory.
    """

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """Give the time after `now`."""
        return now + self._interval


class Poller:
    """Keeps polling what is due until `stop` is set. One event loop; `done` hears of every poll, `publish` is called
    every second. Reads feeds.opml when it is made, ConfigError if that cannot be read, and again when it changes.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        done: Callable[[Report], None],
        clock: Clock = utc_now,
        publish: Publish | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.done = done
        self.clock = clock
        self.publish = publish
        self.stop = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._leases: dict[str, datetime] = {}  # of what is under way
        self._unasked: set[str] = set()  # of what is under way, that was never asked before; they are due first
        self._first_round = True
        try:
            self._reload()
        except UnwritableError as error:  # what the store knows is polled and served
            log.error("not reloaded opml=%s error=%s", settings.opml, error)

    async def run(self) -> None:
        """Poll until stopped; what is under way then is given up, and asked again at the next start."""
        async with AsyncExitStack() as opened:
            self._pipeline = await opened.enter_async_context(
                Pipeline(self.settings, self.store, self.clock, insists=True)
            )
            jobs = self._jobs()
            if self.settings.hub_address:
                kind: type[Hub | Pinger] = Hub if self.settings.runs_hub else Pinger
                pushing: Hub | Pinger = await opened.enter_async_context(
                    kind(self.settings, self.store, self._pipeline.write, self.clock)
                )
                jobs.add_job(pushing.dispatch, Every(PUSH_SECONDS), id="push")
            if self.settings.follows_hubs:
                follower = await opened.enter_async_context(
                    Follower(
                        self.settings,
                        self.store,
                        self._pipeline.write,
                        self.clock,
                        self._pipeline.receive,
                        self._pipeline.leases,
                    )
                )
                jobs.add_job(follower.dispatch, Every(FOLLOW_SECONDS), id="follow")
            if self.publish:
                thread = opened.enter_context(ThreadPoolExecutor(1, "publisher"))
                opened.callback(thread.submit, self.publish, self.stop.is_set)  # to let go of what it holds
                jobs.add_job(self._publish, Every(PUBLISH_SECONDS), args=[thread], id="publish")
            jobs.start()
            watch = asyncio.create_task(self._watch_clock(jobs))
            await self.stop.wait()
            watch.cancel()
            self._pipeline.writer.leave()
            jobs.shutdown(wait=False)
            await self._give_up()

    def _jobs(self) -> AsyncIOScheduler:
        jobs = AsyncIOScheduler(
            timezone="UTC", job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        )
        jobs.add_listener(_report_job, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        jobs.add_job(self.dispatch, Every(DISPATCH_SECONDS), id="dispatch")
        jobs.add_job(self._renew, Every(RENEW_SECONDS), id="renew")
        jobs.add_job(self._pipeline.index, Every(INDEX_SECONDS), id="index")
        first = datetime.now(UTC) + REVIEW_FIRST_AFTER
        at_once = datetime.now(UTC)
        jobs.add_job(self._put_back, Every(CLOCK_SECONDS), next_run_time=at_once, id="clock")
        jobs.add_job(self._pipeline.plan, Every(PLAN_MINUTES * 60), next_run_time=at_once, id="plan")
        jobs.add_job(self._pipeline.review, Every(REVIEW_HOURS * 3600), next_run_time=first, id="review")
        jobs.add_job(self._look, Every(LOOK_SECONDS), next_run_time=at_once + LOOK_FIRST_AFTER, id="look")
        jobs.add_job(self._reload_if_changed, Every(RELOAD_SECONDS), id="reload")
        return jobs

    async def dispatch(self) -> None:
        """Take up what is due and not under way, and end the first round once every source was asked."""
        pipeline = self._pipeline
        try:
            until, room, due = await pipeline.write(self._claim)
        except StoreError as error:  # whom we ask while nothing can be stored is asked for nothing
            log.error("not dispatched error=%s", error)
            return
        if self.stop.is_set():
            await pipeline.write(self.store.renew, {source.url: until for source, _ in due}, self.clock())
            return
        awaited = [each for each in due if each[0].url not in self._under_way]
        self._leases |= {source.url: until for source, _ in due}
        self._unasked |= {source.url for source, state in awaited if state.checked_at is None}
        for source, state in awaited:
            task = asyncio.create_task(pipeline.poll([(source, state)], self.done))
            self._under_way[source.url] = task
            task.add_done_callback(lambda _, url=source.url: self._over(url))  # type: ignore[misc]
        if self._first_round and room and not self._unasked:
            await pipeline.open_log()
            self._first_round = False

    async def _look(self) -> None:
        await health.look(self.store, self._pipeline.write, self.clock())

    def _claim(self) -> tuple[datetime, int, tuple[tuple[Source, SourceState], ...]]:
        now, room = self.clock(), self._pipeline.room  # when it can be written
        return now + LEASE, room, self.store.claim(now, now + LEASE, room)

    def _over(self, url: str) -> None:
        del self._under_way[url], self._leases[url]
        self._unasked.discard(url)

    async def _renew(self) -> None:
        """Keep the leases of what is under way for long: another scheduler must not take it up too."""
        leases, until = dict(self._leases), self.clock() + LEASE
        await self._pipeline.write(self.store.renew, leases, until)
        self._leases |= {url: until for url, given in leases.items() if self._leases.get(url) == given}

    async def _put_back(self) -> None:
        await self._pipeline.put_back(LEASE)

    async def _watch_clock(self, jobs: AsyncIOScheduler) -> None:
        """Let jobs go on when the clock is put back: each waits for a time of day."""
        while True:
            before = self.clock()
            await asyncio.sleep(WATCH_SECONDS)
            if (back := before - self.clock()) > timedelta(0):
                for job in jobs.get_jobs():
                    job.modify(next_run_time=job.next_run_time - back)

    async def _give_up(self) -> None:
        """End what is under way; it is due at the next start."""
        given_up, leases = list(self._under_way.values()), dict(self._leases)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        with suppress(StoreError):  # then it is due when its lease ends
            await self._pipeline.write(self.store.renew, leases, self.clock())

    async def _publish(self, thread: ThreadPoolExecutor) -> None:
        if self.publish:
            await asyncio.get_running_loop().run_in_executor(thread, self.publish, self.stop.is_set)

    def _reload(self) -> None:
        self._read_at: float | None = _changed_at(self.settings.opml)  # change time of what is read now
        try:
            self.store.sync_sources(read_sources(self.settings), self.clock())
            self.store.close()
        except StoreError:
            self._read_at = None  # once more
            raise

    async def _reload_if_changed(self) -> None:
        if _changed_at(self.settings.opml) == self._read_at:
            return
        try:
            await asyncio.to_thread(self._reload)
            log.info("reloaded opml=%s", self.settings.opml)
        except (ConfigError, StoreError) as error:  # the sources stay as they were until the file is mended
            log.error("not reloaded opml=%s error=%s", self.settings.opml, error)


def _changed_at(path: str) -> float:
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return 0.0


def _report_job(event: Any) -> None:
    if event.code == EVENT_JOB_MISSED:
        log.error("missed job=%s", event.job_id)
    elif isinstance(event.exception, UnwritableError):
        log.error("failed job=%s error=%s", event.job_id, event.exception)
    elif not isinstance(event.exception, asyncio.CancelledError):  # that is how a job ends at the stop
        log.critical("crashed job=%s", event.job_id, exc_info=event.exception)


async def run_until_stopped(poller: Poller) -> None:
    """Run a poller until SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, poller.stop.set)
        except NotImplementedError:  # Windows: asyncio.run turns Ctrl-C into a cancellation
            break
    await poller.run()


def publisher(settings: Settings) -> Publish | None:
    """What keeps the files of `publish_to`, None where nothing is to be kept."""
    if not settings.publish_to:
        return None
    import web  # noqa: PLC0415 - who only polls needs no site
    from web.keeping import Keeper  # noqa: PLC0415

    return Keeper(web.create_app(settings), Path(settings.publish_to)).keep


async def _main(settings: Settings) -> None:
    read_sources(settings)  # before the database is made: a broken list leaves no file behind
    with closing(open_store(settings.database, settings.authority)) as store:
        await run_until_stopped(Poller(settings, store, lambda _: None, publish=publisher(settings)))


@click.command()
@click.option("--config", help="Settings file; tributary.toml in this folder if there is one.")
@click.option("--database", help="SQLite file.")
@click.option("--opml", help="List of sources.")
def main(config: str | None, database: str | None, opml: str | None) -> None:
    """Poll the sources of feeds.opml until stopped."""
    try:
        settings = load(config, overrides={"database": database, "opml": opml})
        logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(message)s")
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what it has to say, _report_job says
        asyncio.run(_main(settings))
    except AggregatorError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
