"""Where judgements meet the store: takes a store and the time, has what was found kept there."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from aggregator.health.judging import judge
from aggregator.model import Judgement, Source, SourceState, Update
from aggregator.store import Store

KEPT = timedelta(days=730)  # episodes that have ended

Result = TypeVar("Result")


class Write(Protocol):
    """Calls a method of the store in the thread that writes."""

    async def __call__(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call it, give what it gives."""


def keep(store: Store, updates: Sequence[Update]) -> None:
    """Store states that come without items, and what they show of the health of their sources, in one transaction."""
    store.keep([each.state for each in updates], [each.judged for each in updates if each.judged])


async def look(store: Store, write: Write, now: datetime) -> None:
    """Judge all sources by what time alone may have made true, some hundred in a transaction, and let go of what is
    old. About 0.1 ms a source.
    """

    def examine(source: Source, state: SourceState) -> Judgement:
        return judge(source, state, now)

    after = await write(store.examine, examine, now)
    while after:
        after = await write(store.examine, examine, now, after)
    await write(store.forget_history, now - KEPT)
