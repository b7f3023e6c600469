"""What a terminal shows of the first round."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from aggregator.cli.console import console
from aggregator.cli.printing import report, round_over
from aggregator.pipeline import Report


class FirstRound:
    """A bar while what is due at the start is polled, and a sentence about each source that could not be read."""

    def __init__(self) -> None:
        self._total = 0
        self._reports: list[Report] = []
        self._bar = Progress(
            TextColumn("First round"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", total=0)

    @contextmanager
    def shown(self, total: int) -> Iterator[None]:
        """Show the bar until `total` sources were polled."""
        self._total = total
        self._bar.update(self._task, total=total)
        if total:
            self._bar.start()
        try:
            yield
        finally:
            self._bar.stop()

    def done(self, polled: Report) -> None:
        """Take note of a poll; those after the first round are left to the log."""
        if len(self._reports) == self._total:
            return
        self._reports.append(polled)
        self._bar.advance(self._task)
        if len(self._reports) == self._total:
            self._bar.stop()
            for each in self._reports:
                if each.message:
                    report(each)
            round_over(self._reports)
