"""What the commands print, for people."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import click
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape

from aggregator.errors import ErrorClass
from aggregator.model import Subscription
from aggregator.pipeline import Report
from aggregator.store import SourceView

console = Console(highlight=False, soft_wrap=True)

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")

WORDS: Mapping[str, str] = {
    ErrorClass.TIMEOUT: "did not answer in time",
    ErrorClass.TOO_LARGE: "sent more than may be read",
    ErrorClass.CONNECTION: "cannot be reached",
    ErrorClass.TLS: "has no valid certificate",
    ErrorClass.BLOCKED_ADDRESS: "leads into an internal network, which is not allowed",
    ErrorClass.REDIRECT_LOOP: "redirects in a circle",
    ErrorClass.BAD_REDIRECT: "redirects to nowhere",
    ErrorClass.HTTP_4XX: "refuses this address",
    ErrorClass.GONE: "has ended its feed",
    ErrorClass.AUTH: "wants a password",
    ErrorClass.RATE_LIMITED: "says that we ask too often",
    ErrorClass.UNAVAILABLE: "is out of order",
    ErrorClass.NOT_A_FEED: "answers with something that is no feed",
    ErrorClass.BROKEN_XML: "has a feed that cannot be read",
    ErrorClass.ENCODING: "has a feed whose text cannot be decoded",
    ErrorClass.EMPTY: "answers with nothing",
    ErrorClass.SUSPECT: "is not what it used to be",
    ErrorClass.TOO_COSTLY: "has a feed that takes too much to read",
    ErrorClass.INTERNAL: "made this program fail",
    "unwritten": "could not be stored",
}


def plain(text: str) -> str:
    """Text of others as one line, without what a terminal obeys: escapes, marks that turn the direction of writing."""
    return _UNPRINTABLE.sub(" ", text)


def report(report: Report) -> None:
    """One line for a poll. Plainly: a thousand lines by rich take half a second."""
    name = report.source.title or report.source.url
    if report.message:
        click.echo(plain(f"{name}: {WORDS.get(report.status, report.status)} ({report.message})"))
    else:
        click.echo(plain(f"{name}: {report.status}, {report.new} new, {report.changed} changed"))


def round_over(reports: Sequence[Report]) -> None:
    """The sum of a round."""
    failed = sum(bool(each.message) for each in reports)
    new, changed = sum(each.new for each in reports), sum(each.changed for each in reports)
    console.print(f"{len(reports)} sources polled, {failed} could not be read; {new} new items, {changed} changed.")


def sources(views: Iterable[SourceView]) -> Iterator[str]:
    """The sources and how they are, a line each; under a failing one, what is wrong."""
    listed = list(views)
    table = _table([("source", "items", "last read", "next check", "state"), *map(_row, listed)])
    yield next(table)
    for line, view in zip(table, listed, strict=True):
        yield line
        if view.state.error:
            yield f"    {plain(view.state.error)}"


def subscribers(subscriptions: Iterable[Subscription], *, as_json: bool) -> Iterator[str]:
    """Who is told of changes, a line each. Of a callback only the host: the rest of it, and the secret, are between the
    hub and the subscriber.
    """
    if as_json:
        yield from (json.dumps(_subscriber(each)) for each in subscriptions)
        return
    heads = ("topic", "host", "lease until", "last delivery", "failures")
    rows = [
        (each.topic, each.host, when(each.lease_until), when(each.delivered_at), f"{each.tries} {each.error}".rstrip())
        for each in subscriptions
    ]
    yield from _table([heads, *(tuple(map(plain, row)) for row in rows)])


def _subscriber(each: Subscription) -> dict[str, object]:
    delivered, due = each.delivered_at, each.due_at
    return {
        "topic": each.topic,
        "host": each.host,
        "lease_until": each.lease_until.isoformat(),
        "last_delivery": delivered and delivered.isoformat(),
        "owed": each.version < each.owed,
        "failures": each.tries,
        "error": each.error,
        "next_try": due and due.isoformat(),
    }


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows with their cells under one another, the first one too."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(view: SourceView) -> tuple[str, str, str, str, str]:
    name, state = plain(view.source.title or view.source.url), view.state
    return name, str(view.items), when(state.succeeded_at), when(state.next_check_at), _how(view)


def _how(view: SourceView) -> str:
    if not view.listed:
        return "no longer listed"
    if view.source.paused:
        return "paused"
    if view.state.error_class or not view.state.checked_at:
        return view.state.error_class or "not polled yet"
    return "ok, pushed" if view.state.pushes.trusted_until else "ok"


def said(text: str) -> str:
    """Text of others for the console, which reads markup."""
    return escape(plain(text))


def when(at: datetime | None) -> str:
    """A time by the clock of this machine."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "never"
