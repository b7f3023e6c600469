"""Sources at other addresses: takes their lines and the new addresses, changes the list, and lets their items follow.
Undoing it is undoing the edit: the store knows the addresses that a source had before.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from aggregator import health
from aggregator.config import Settings
from aggregator.desk import sources
from aggregator.errors import DeskError
from aggregator.model import Action, Source, SourceState
from aggregator.store import Store


def move(
    settings: Settings, store: Store, by: str, note: str, moves: Sequence[tuple[Source, str]], now: datetime
) -> Action | None:
    """Give sources other addresses, all or none; they are asked there at once. → None where they have them already.
    DeskError if another source of ours, one of earlier days too, has such an address.
    """
    moves = [(seen, url) for seen, url in moves if seen.url != url]
    change = sources.all_of([sources.replaced(seen, replace(seen, url=url)) for seen, url in moves])
    _, will = sources.tried(settings, change)
    known = {view.source.url for view in store.sources()}
    for _, url in moves:
        if url not in will or url in known:
            raise DeskError("%(url)s is the address of another source of ours", url=url)
    before = [store.state(seen.url) for seen, _ in moves]
    # The store lets a source follow to the address that a page in its place names; validators stay behind.
    store.keep([replace(state, announced=url) for state, (_, url) in zip(before, moves, strict=True)])
    try:
        action = sources.edit(settings, store, by, note, change, now)
    except DeskError:
        store.keep(before)
        raise
    states = [_unasked(store.state(url)) for _, url in moves]
    moved = [replace(seen, url=url) for seen, url in moves]
    store.keep(states, [health.judge(source, state, now) for source, state in zip(moved, states, strict=True)])
    return action


def _unasked(state: SourceState) -> SourceState:
    """What is known of a source at an address that was not asked yet: nothing of how the one before answered."""
    return replace(
        state,
        announced=None,
        next_check_at=None,
        checked_at=None,
        error_class=None,
        error="",
        error_count=0,
        failing_since=None,
        status=0,
        certificate=None,
        host_closed_until=None,
    )
