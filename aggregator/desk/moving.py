"""A source at another address: takes its line and the new address, changes the list, and lets its items follow. Undoing
it is undoing the edit: the store knows the addresses that a source had before.
"""

from dataclasses import replace
from datetime import datetime

from aggregator.config import Settings
from aggregator.desk import sources
from aggregator.errors import DeskError
from aggregator.model import Action, Source
from aggregator.store import Store


def move(settings: Settings, store: Store, by: str, note: str, seen: Source, url: str, now: datetime) -> Action | None:
    """Give a source another address; it is asked there at once. → None where it has that already. DeskError if another
    source of ours, one of earlier days too, has that address.
    """
    change = sources.replaced(seen, replace(seen, url=url))
    _, will = sources.tried(settings, change)
    if url == seen.url:
        return None
    if url not in will or any(view.source.url == url for view in store.sources()):
        raise DeskError(f"{url}: that is another source of ours")
    before = store.state(seen.url)
    # The store lets a source follow to the address that a page in its place names; validators stay behind.
    store.keep([replace(before, announced=url)])
    try:
        action = sources.edit(settings, store, by, note, change, now)
    except DeskError:
        store.keep([before])
        raise
    store.keep([replace(store.state(url), announced=None, next_check_at=None)])
    return action
