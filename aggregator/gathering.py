"""Finds the event of each new story: takes the store, tells it which stories tell of one event; hides nothing.

Runs after stories are stored and in their order, so that a poll does not wait for it.
"""

from datetime import datetime

from aggregator.model import Stored
from aggregator.store import Window
from aggregator.stories import events, gist


def gather(stored: Stored, window: Window, now: datetime) -> None:
    """Find the event of the story that an item leads."""
    item = stored.item
    at = min(item.published.at or stored.first_seen, stored.first_seen)
    words = gist.words(item)
    if not words or at < now - events.WINDOW:
        return
    made = gist.gist(item, at, words, window.frequencies(word.stem for word in words))
    placed = events.place(made, window.alike(made, at - events.WINDOW, events.CANDIDATES), window.size)
    window.add(placed)
    keys = events.touched(placed, window.size)
    if keys:
        found = events.group((placed, *window.together(keys)), window.size)
        window.group(found, [link for event in found for link in events.links(event)])
