"""Keeps a folder of static files as the store is, while news comes in: takes an application and the folder.

To look whether anything was committed costs a few µs, so it is done every second. What changed is written a few seconds
later, and at once where something was hidden or shown again, even while a long run is under way.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from flask import Flask

from aggregator.errors import AggregatorError
from web.export import Outcome, export
from web.published import site_of
from web.shelf import Shelf

PAUSE_SECONDS = 5.0  # between two runs: what comes in meanwhile is written together
REST = 9  # times the CPU time of a run is nothing done after it: a tenth of a processor, but for the first long runs
LONGEST_PAUSE_SECONDS = 60.0
RETRY_SECONDS = 30.0  # after a failure

log = logging.getLogger("tributary")


class Keeper:
    """Keeps one folder. `keep` is called again and again, always from one thread."""

    def __init__(
        self,
        app: Flask,
        folder: Path,
        monotonic: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._app = app
        self._folder = folder
        self._monotonic = monotonic
        self._cpu = cpu
        self._store_changes: int | None = None  # None: never looked
        self._retractions: int | None = None  # as of the last run
        self._is_behind = True
        self._not_before = 0.0
        self._told = ""  # the failure that was logged last

    def keep(self, is_stopped: Callable[[], bool]) -> None:
        """Write what is due, if anything is. Ends early once stopped; called when that is so, it closes the store."""
        try:
            if is_stopped():
                site_of(self._app).store.close()
            elif self._is_due():
                self._run(is_stopped)
        except AggregatorError as error:
            self._not_before = self._monotonic() + RETRY_SECONDS
            self._complain(str(error))

    def _is_due(self) -> bool:
        now, is_late = self._monotonic(), bool(self._told)
        if is_late and now < self._not_before:
            return False
        store = site_of(self._app).store
        changes = store.changes()
        if changes != self._store_changes:
            self._store_changes, self._is_behind = changes, True
        return self._is_behind and (now >= self._not_before or store.retractions() != self._retractions)

    def _run(self, is_stopped: Callable[[], bool]) -> None:
        started, spent = self._monotonic(), self._cpu()
        self._not_before = started + RETRY_SECONDS  # of a fault of ours, which others hear of
        store = site_of(self._app).store
        changes = seen = store.changes()
        self._retractions = store.retractions()

        def is_halted() -> bool:
            nonlocal seen
            if is_stopped():
                return True
            before, seen = seen, store.changes()
            return before != seen and store.retractions() != self._retractions

        outcome = export(self._app, self._folder, is_halted)
        cast(Shelf, self._app.extensions["tributary.shelf"]).clear()  # nobody asks here again for what did not change
        self._store_changes, self._is_behind = changes, not outcome.is_whole
        ended = self._monotonic()
        pause = min(max(PAUSE_SECONDS, REST * (self._cpu() - spent)), LONGEST_PAUSE_SECONDS)
        self._not_before = ended + pause if outcome.is_whole else 0.0
        self._report(outcome, round((ended - started) * 1000))

    def _report(self, outcome: Outcome, milliseconds: int) -> None:
        if outcome.written or outcome.removed or self._told:
            log.info(
                "published folder=%s files=%d written=%d removed=%d ms=%d",
                self._folder, outcome.files, outcome.written, outcome.removed, milliseconds,
            )  # fmt: skip
        self._told = ""

    def _complain(self, message: str) -> None:
        """An ERROR line for each failure that is another than the last one: it is tried again and again."""
        if message != self._told:
            log.error("not published folder=%s error=%s", self._folder, " ".join(message.split()))
        self._told = message
