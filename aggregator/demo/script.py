"""What happens in the demo, step by step, with a sentence in plain words for each step."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime

from aggregator.demo.origin import Origin, Truth
from aggregator.demo.outlets import OUTLETS

Clock = Callable[[], datetime]
TITLES = {outlet.slug: outlet.title for outlet in OUTLETS}


async def play(
    origin: Origin,
    clock: Clock,
    pause_seconds: float,
    tell: Callable[[str], object] = print,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Play all scenes with a pause before each; ends when nothing is left to happen."""
    script = scenes(origin, clock)
    while True:
        await sleep(pause_seconds)
        sentence = next(script, None)
        if sentence is None:
            return
        tell(sentence)


def scenes(origin: Origin, clock: Clock) -> Iterator[str]:
    """Each `next` lets one thing happen and says what: news, corrections, an outage, its end, the rest of the news."""
    yield from _releases(origin, clock, 3)
    yield _corrections(origin, clock)
    yield from _releases(origin, clock, 2)
    yield _outage(origin)
    yield from _releases(origin, clock, 4)
    yield _end_of_outage(origin)
    yield from _releases(origin, clock, origin.waiting)
    yield "Everything is out. Polling goes on; from now on the outlets answer that nothing has changed."


def _releases(origin: Origin, clock: Clock, count: int) -> Iterator[str]:
    for _ in range(count):
        for article in origin.release(1, clock()):
            yield _publishes(article)


def _publishes(article: Truth) -> str:
    return f"{TITLES[article.outlet]} publishes: {article.title}"


def _corrections(origin: Origin, clock: Clock) -> str:
    changes = (f"{TITLES[each.outlet]}, “{each.before}” → “{each.after}”" for each in origin.correct(clock()))
    return f"Misspelt titles are put right: {'; '.join(changes)}"


def _outage(origin: Origin) -> str:
    portal, unavailable = origin.break_feed()
    return (
        f"{portal} now answers with the log-in page of a Wi-Fi network, and {unavailable} is out of order. "
        "Nothing that is stored is lost."
    )


def _end_of_outage(origin: Origin) -> str:
    origin.mend()
    return "Both outlets answer as usual again."
