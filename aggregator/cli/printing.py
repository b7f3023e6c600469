"""What the commands print, for people."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from aggregator.model import Stored
from aggregator.pipeline import Report
from aggregator.store import SourceView, Store

console = Console(highlight=False, soft_wrap=True)


class FirstRound:
    """A bar while every source is polled for the first time, and a sentence about each that could not be read."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._reports: list[Report] = []
        self._bar = Progress(
            TextColumn("First round"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", total=total)
        self._bar.start()

    def done(self, report: Report) -> None:
        """Take note of a poll; those after the first round are left to the log."""
        if len(self._reports) == self._total:
            return
        self._reports.append(report)
        self._bar.advance(self._task)
        if len(self._reports) == self._total:
            self.stop()
            for each in self._reports:
                if each.message:
                    console.print(_failure(each))
            round_over(self._reports)

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def report(report: Report) -> None:
    """One line for a poll."""
    if report.message:
        console.print(_failure(report))
    else:
        name = escape(report.source.title or report.source.url)
        console.print(f"{name}: {report.status}, {report.new} new, {report.changed} changed")


def _failure(report: Report) -> str:
    return f"{escape(report.source.title or report.source.url)}: [red]{report.status}[/red] {escape(report.message)}"


def round_over(reports: Sequence[Report]) -> None:
    """The sum of a round."""
    failed = sum(bool(each.message) for each in reports)
    new, changed = sum(each.new for each in reports), sum(each.changed for each in reports)
    console.print(f"{len(reports)} sources polled, {failed} could not be read; {new} new items, {changed} changed.")


def sources(views: Iterable[SourceView]) -> Table:
    """The sources and how they are; under a failing one, what is wrong."""
    table = Table("source", "items", "last read", "next check", "state", box=None)
    for view in views:
        name = escape(view.source.title or view.source.url)
        state = view.state
        table.add_row(name, str(view.items), _when(state.succeeded_at), _when(state.next_check_at), _how(view))
        if state.error:
            table.add_row("  " + escape(state.error))
    return table


def _how(view: SourceView) -> str:
    if not view.listed:
        return "no longer listed"
    if view.source.paused:
        return "paused"
    return view.state.error_class or ("ok" if view.state.checked_at else "not polled yet")


def explain(store: Store, stored: Stored) -> None:
    """Where an item comes from, why it is where it is, and which feeds it entered."""
    item = stored.item
    console.print(f"item {stored.id}: {escape(item.title)}")
    console.print(f"  source     {escape(item.source)}")
    console.print(f"  guid       {escape(item.guid)}")
    console.print(f"  link       {escape(item.link)}")
    console.print(f"  identity   {escape(stored.reason)}")
    console.print(f"  published  {_when(item.published.at)}, as written: {escape(item.published.raw) or 'no date'}")
    console.print(f"  first seen {_when(stored.first_seen)}, {stored.revision} earlier revisions kept")
    for category in item.categories:
        evidence = f", from {category.evidence!r}" if category.evidence else ""
        console.print(f"  category   {category.slug}, by the rule {category.rule!r}{escape(evidence)}")
    console.print(f"  story      {stored.story_id}")
    for link in store.links(stored.story_id):
        if item.key in (link.item, link.other):
            other = link.other if link.item == item.key else link.item
            console.print(f"  with       {escape(' '.join(other))}: {escape(link.reason)} ({link.level}, {link.rule})")
    for row in store.log(stored.story_id):
        place = f"entered as number {row.sequence} at {_when(row.entered_at)}" if row.sequence else _waiting(store)
        console.print(f"  feed       {row.feed}: {place}")


def _waiting(store: Store) -> str:
    if store.totals().log_open:
        return "not announced: it was already old when it was first seen"
    return "waits for the end of the first round"


def _when(at: datetime | None) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "never"
