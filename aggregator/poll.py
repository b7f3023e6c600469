"""When to ask a source again: takes its line, its state and the outcome of a request, gives its next state; pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from aggregator.config import Settings
from aggregator.errors import ErrorClass
from aggregator.model import Fetched, FetchFailed, Gone, NotModified, Outcome, ParsedFeed, Source, SourceState

JITTER = 0.1  # of an interval: sources that were added together drift apart
BACKOFF_DOUBLINGS_LIMIT = 10


def succeeded(
    state: SourceState, source: Source, outcome: Fetched | NotModified, feed: ParsedFeed | None, settings: Settings
) -> SourceState:
    """The state after an answer that was read, or that said that nothing is new. `feed` is None where the body is the
    one that was read before. A 304 keeps the validators unless it brings new ones (RFC 9111 §4.3.4).
    """
    renewed = isinstance(outcome, Fetched)
    state = replace(
        state,
        etag=outcome.etag if renewed else outcome.etag or state.etag,
        last_modified=outcome.last_modified if renewed else outcome.last_modified or state.last_modified,
        fingerprint=outcome.fingerprint if isinstance(outcome, Fetched) else state.fingerprint,
        checked_at=outcome.fetched_at,
        succeeded_at=outcome.fetched_at,
        next_check_at=outcome.fetched_at + _spread(source.url, _interval(source, outcome.headers, settings)),
        error_class=None,
        error="",
        error_count=0,
        status=outcome.status if isinstance(outcome, Fetched) else 304,
        moved_to=outcome.moved_to,
    )
    if feed is None:
        return state
    return replace(
        state,
        feed_id=feed.id,
        feed_title=feed.title,
        feed_site=feed.site,
        feed_rights=feed.rights,
    )


def failed(state: SourceState, source: Source, outcome: FetchFailed | Gone, settings: Settings) -> SourceState:
    """The state after a failure. It keeps the validators, and what was said of the source before; the interval doubles
    with each failure in a row, up to max_interval_hours; a Retry-After is never undercut.
    """
    if isinstance(outcome, Gone):
        outcome = FetchFailed(
            source.url, ErrorClass.GONE, "the source answers 410: it has ended", outcome.fetched_at, 410
        )
    count = state.error_count + 1
    longest = timedelta(hours=settings.max_interval_hours)
    interval = min(_base(source, settings) * 2 ** min(count - 1, BACKOFF_DOUBLINGS_LIMIT), longest)
    if outcome.error_class is ErrorClass.GONE:
        interval = longest
    next_check_at = outcome.fetched_at + _spread(source.url, interval)
    if outcome.retry_after is not None:
        next_check_at = max(next_check_at, outcome.retry_after)
    return replace(
        state,
        checked_at=outcome.fetched_at,
        next_check_at=next_check_at,
        error_class=outcome.error_class,
        error=outcome.message,
        error_count=count,
        status=outcome.status,
    )


def is_known_body(state: SourceState, outcome: Outcome) -> bool:
    """Whether this body was read through before, so that parsing it again would tell nothing."""
    return isinstance(outcome, Fetched) and outcome.fingerprint == state.fingerprint and not state.error_count


def _base(source: Source, settings: Settings) -> timedelta:
    return source.interval or settings.interval


def _interval(source: Source, headers: Mapping[str, str], settings: Settings) -> timedelta:
    """An editor's own interval stands; else what the answer says of its freshness may lengthen ours."""
    if source.interval is not None:
        return _base(source, settings)
    fresh = timedelta(seconds=_max_age(headers.get("cache-control", "")))
    return max(settings.interval, min(fresh, timedelta(hours=settings.max_interval_hours)))


def _max_age(cache_control: str) -> int:
    for directive in cache_control.lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name == "max-age" and value.strip('"').isdigit():
            return min(int(value.strip('"')), 10**7)
    return 0


def _spread(url: str, interval: timedelta) -> timedelta:
    """The interval made longer by up to JITTER, by a share that is the source's own, so that a replay is the same."""
    share = int.from_bytes(hashlib.blake2b(url.encode("utf-8", "replace"), digest_size=4).digest(), "big") / 2**32
    return interval * (1 + JITTER * share)
