"""One round of polling."""

import asyncio
import functools
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import click

from aggregator import health
from aggregator.cli import printing
from aggregator.cli.options import open_synced, with_settings
from aggregator.config import Settings
from aggregator.errors import ConfigError
from aggregator.model import Source, SourceState
from aggregator.pipeline import Clock, Pipeline, Report, utc_now
from aggregator.store import Store

DATES = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]


@click.command()
@click.option("--all", "everything", is_flag=True, help="Poll every source, due or not.")
@click.option("--source", "urls", multiple=True, metavar="URL", help="Poll this source; may be given again.")
@click.option("--at", type=click.DateTime(DATES), metavar="TIME", help="Poll as at this time, UTC unless it says.")
@with_settings
def poll(settings: Settings, everything: bool, urls: tuple[str, ...], at: datetime | None) -> None:
    """Poll once: what is due, or --all, or each --source. Exits with 0 even when sources fail."""
    clock = functools.partial(_utc, at) if at else utc_now
    with open_synced(settings) as store:
        chosen = _chosen(store, clock(), everything, urls)
        printing.round_over(poll_once(settings, store, clock, chosen, printing.report))


def poll_once(
    settings: Settings,
    store: Store,
    clock: Clock,
    chosen: Sequence[tuple[Source, SourceState]],
    done: Callable[[Report], None],
) -> list[Report]:
    """Poll these sources once and end the first round, if it was that. → what came of each, in the order of ending."""
    logging.basicConfig(level=settings.log_level, format="%(message)s")
    logging.getLogger("tributary").setLevel(logging.WARNING)  # `done` prints each poll
    reports: list[Report] = []

    def take(report: Report) -> None:
        reports.append(report)
        done(report)

    async def round_once() -> None:
        async with Pipeline(settings, store, clock) as pipeline:
            await pipeline.poll(chosen, take)
            await pipeline.end_workers()
            await pipeline.forget()  # now, as that frees memory for what follows
            await pipeline.open_log()
            await pipeline.index()
            await health.look(store, pipeline.write, clock())

    asyncio.run(round_once())
    return reports


def _chosen(store: Store, now: datetime, everything: bool, urls: tuple[str, ...]) -> list[tuple[Source, SourceState]]:
    listed = {view.source.url: (view.source, view.state) for view in store.sources() if view.listed}
    for url in urls:
        if url not in listed:
            raise ConfigError(f"not in feeds.opml: {url}")
    if urls:
        return [listed[url] for url in dict.fromkeys(urls)]
    if everything:
        return [(source, state) for source, state in listed.values() if not source.paused]
    return list(store.due(now, len(listed)))


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
