"""Takes a source and its state, asks for its document, gives an Outcome. Never parses it, never plans the next check.

`feed` makes the conditional request.
"""

from aggregator.fetch.feed import fetch, unread

__all__ = ["fetch", "unread"]
