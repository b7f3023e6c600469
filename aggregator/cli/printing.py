"""What the commands print, for people."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from aggregator.errors import ErrorClass
from aggregator.pipeline import Report

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
    click.echo(f"{len(reports)} sources polled, {failed} could not be read; {new} new items, {changed} changed.")


def when(at: datetime | None) -> str:
    """A time by the clock of this machine."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "never"
