"""Tells the outside of changes, and is told: takes what the store says is owed, sends it, and writes back what came of
it.

`Hub` verifies and serves those who subscribed to our feeds; `Pinger` tells an outside hub; `Follower` asks the hubs of
our sources, and hands on what they push. None decides what is owed: that stands in the store, so that nothing is lost
when the process dies.
"""

from aggregator.pushing.following import Follower
from aggregator.pushing.hub import Hub
from aggregator.pushing.pings import Pinger

__all__ = ["Follower", "Hub", "Pinger"]
