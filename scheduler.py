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

from aggregator.config import Settings, load
from aggregator.errors import AggregatorError, ConfigError, StoreError
from aggregator.pipeline import Clock, Pipeline, Report, read_sources, utc_now
from aggregator.pushing import Hub, Pinger
from aggregator.store import Store, open_store

DISPATCH_SECONDS = 1
PUBLISH_SECONDS = 1  # what was hidden or shown again is in the files after that time
PUSH_SECONDS = 0.5  # subscribers hear of a change after that time
RELOAD_SECONDS = 5
INDEX_SECONDS = 3  # what was stored can be searched for after that time
PLAN_MINUTES = 30  # until it is known anew how requests are best spent
REVIEW_FIRST_AFTER = timedelta(minutes=10)  # a service that is often restarted is reviewed too
REVIEW_HOURS = 6  # what has come since may show that two items are no longer, or now, one text
LEASE = timedelta(minutes=5)  # what was taken up and came to nothing, for whatever reason, is due again after that time

Publish = Callable[[Callable[[], bool]], None]
"""Keeps files as the store is: called again and again in a thread of its own, with what says that it should end."""

log = logging.getLogger("tributary")


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
        self._first_round = True
        self._reload()

    async def run(self) -> None:
        """Poll until stopped; what is under way then is given up, and asked again at the next start."""
        async with AsyncExitStack() as opened:
            self._pipeline = await opened.enter_async_context(Pipeline(self.settings, self.store, self.clock))
            jobs = self._jobs()
            if self.settings.hub_address:
                kind: type[Hub | Pinger] = Hub if self.settings.runs_hub else Pinger
                pushing: Hub | Pinger = await opened.enter_async_context(
                    kind(self.settings, self.store, self._pipeline.write, self.clock)
                )
                jobs.add_job(pushing.dispatch, "interval", seconds=PUSH_SECONDS, id="push")
            if self.publish:
                thread = opened.enter_context(ThreadPoolExecutor(1, "publisher"))
                opened.callback(thread.submit, self.publish, self.stop.is_set)  # to let go of what it holds
                jobs.add_job(self._publish, args=[thread], trigger="interval", seconds=PUBLISH_SECONDS, id="publish")
            jobs.start()
            await self.stop.wait()
            jobs.shutdown(wait=False)
            await self._give_up()

    def _jobs(self) -> AsyncIOScheduler:
        jobs = AsyncIOScheduler(
            timezone="UTC", job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        )
        jobs.add_listener(_report_job, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        jobs.add_job(self.dispatch, "interval", seconds=DISPATCH_SECONDS, id="dispatch")
        jobs.add_job(self._pipeline.index, "interval", seconds=INDEX_SECONDS, id="index")
        first = datetime.now(UTC) + REVIEW_FIRST_AFTER
        at_once = datetime.now(UTC)
        jobs.add_job(self._pipeline.plan, "interval", minutes=PLAN_MINUTES, next_run_time=at_once, id="plan")
        jobs.add_job(self._pipeline.review, "interval", hours=REVIEW_HOURS, next_run_time=first, id="review")
        jobs.add_job(self._reload_if_changed, "interval", seconds=RELOAD_SECONDS, id="reload")
        return jobs

    async def dispatch(self) -> None:
        """Take up what is due and not under way, and end the first round once every source was asked."""
        pipeline, now = self._pipeline, self.clock()
        try:
            due = await pipeline.write(self.store.claim, now, now + LEASE, pipeline.room)
        except StoreError as error:  # whom we ask while nothing can be stored is asked for nothing
            log.error("not dispatched error=%s", error)
            return
        if self.stop.is_set():
            await pipeline.write(self.store.release, [source.url for source, _ in due], now)
            return
        awaited = [each for each in due if each[0].url not in self._under_way]
        for source, state in awaited:
            task = asyncio.create_task(pipeline.poll([(source, state)], self.done))
            self._under_way[source.url] = task
            task.add_done_callback(lambda _, url=source.url: self._under_way.pop(url))  # type: ignore[misc]
        if self._first_round and not awaited and not self._under_way:
            await pipeline.open_log()
            self._first_round = False

    async def _give_up(self) -> None:
        """End what is under way; it is due at the next start."""
        given_up = dict(self._under_way)
        for task in given_up.values():
            task.cancel()
        await asyncio.gather(*given_up.values(), return_exceptions=True)
        with suppress(StoreError):  # then it is due when its lease ends
            await self._pipeline.write(self.store.release, list(given_up), self.clock())

    async def _publish(self, thread: ThreadPoolExecutor) -> None:
        if self.publish:
            await asyncio.get_running_loop().run_in_executor(thread, self.publish, self.stop.is_set)

    def _reload(self) -> None:
        self._read_at = _changed_at(self.settings.opml)  # change time of what is read now
        self.store.sync_sources(read_sources(self.settings), self.clock())
        self.store.close()

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
