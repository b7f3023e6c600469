"""One round of polling."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from aggregator import health
from aggregator.config import Settings
from aggregator.model import Source, SourceState
from aggregator.pipeline import Clock, Pipeline, Report
from aggregator.store import Store


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
            await pipeline.open_log()
            await pipeline.index()
            await pipeline.forget()
            await health.look(store, pipeline.write, clock())

    asyncio.run(round_once())
    return reports
