"""When to ask a source again: takes its line, its state and the outcome of a request, gives its next state; pure.

`rhythm` learns when a source publishes, `pace` spends a budget of requests where they save most waiting, `advice` is
what the source itself says of it, `suspicion` whether a document can be what the source has become, `pushed` what a hub
spares us.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.errors import ErrorClass
from aggregator.model import (
    Advice,
    Doubt,
    Fetched,
    FetchFailed,
    Gone,
    NotModified,
    Outcome,
    ParsedFeed,
    Pushes,
    Rhythm,
    Source,
    SourceState,
)
from aggregator.poll.advice import after_skipped, asked_for, freshness
from aggregator.poll.pace import Plan, due_after, make_plan
from aggregator.poll.pushed import after_poll, named, stretched
from aggregator.poll.rhythm import learn

__all__ = [
    "NO_PLAN",
    "Plan",
    "distrusted",
    "failed",
    "has_moved",
    "hinted",
    "is_known_body",
    "make_plan",
    "received",
    "succeeded",
]

NO_PLAN = Plan()

JITTER = 0.1  # of an interval: sources that were added together drift apart
BACKOFF_DOUBLINGS_LIMIT = 10
ERROR_LIMIT_CHARACTERS = 1000
GONE_INTERVAL = timedelta(days=30)  # a 410 may be a mistake of theirs
SUSPECT_LIMIT = timedelta(hours=2)  # between two looks at a document that is not believed yet
MOVED_SEEN, MOVED_AFTER = 3, timedelta(days=1)
ALL_OF_THE_HOST = frozenset((429, 503))  # with a Retry-After


def succeeded(
    state: SourceState,
    source: Source,
    outcome: Fetched | NotModified,
    feed: ParsedFeed | None,
    settings: Settings,
    plan: Plan = NO_PLAN,
    published: Sequence[datetime | None] = (),
    lease_until: datetime | None = None,
) -> SourceState:
    """The state after an answer that was read, or that said that nothing is new. `feed` is None where the body is the
    one that was read before; `published` says when the new items came out, None for one that does not say. A 304 keeps
    the validators unless it brings new ones (RFC 9111 §4.3.4). `lease_until` is the end of the lease that the hub of
    the source has given us.
    """
    renewed, now = isinstance(outcome, Fetched), outcome.fetched_at
    since = state.checked_at if state.succeeded_at else None
    is_same_move = outcome.moved_to == state.moved_to
    naming = named(outcome.headers, feed, source, outcome.url) if feed and isinstance(outcome, Fetched) else None
    # One that is suspect and was taken in all the same is no other while its body is.
    is_still_odd = feed is None and state.error_class is ErrorClass.SUSPECT and not state.error_count
    advice = state.advice if feed is None else feed.advice
    rhythm = learn(state.rhythm, published, since, now, source.timezone)
    pushes = after_poll(state.pushes, naming, published, since, now, lease_until)
    state = replace(
        state,
        etag=outcome.etag if renewed else outcome.etag or state.etag,
        last_modified=outcome.last_modified if renewed else outcome.last_modified or state.last_modified,
        fingerprint=outcome.fingerprint if isinstance(outcome, Fetched) else state.fingerprint,
        checked_at=now,
        succeeded_at=now,
        next_check_at=_next_check(source, now, outcome.headers, advice, rhythm, pushes, settings, plan),
        error_class=ErrorClass.SUSPECT if is_still_odd else None,
        error=state.error if is_still_odd else "",
        error_count=0,
        failing_since=None,
        announced=None,
        certificate=outcome.certificate,
        body_changed_at=now if _is_another(state, outcome) else state.body_changed_at,
        status=outcome.status if isinstance(outcome, Fetched) else 304,
        moved_to=outcome.moved_to,
        moved_since=((state.moved_since if is_same_move else None) or now) if outcome.moved_to else None,
        moved_seen=(state.moved_seen if is_same_move else 0) + 1 if outcome.moved_to else 0,
        unmoved=state.unmoved if is_same_move else "",
        host_closed_until=None,
        advice=advice,
        doubt=Doubt(believed=state.doubt.believed, believed_at=state.doubt.believed_at),
        rhythm=rhythm,
        pushes=pushes,
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
    with each failure in a row, up to max_interval_hours; a Retry-After is never undercut, and holds for the whole host
    where the server is busy. What is gone is asked once a month.
    """
    if isinstance(outcome, Gone):
        outcome = FetchFailed(
            source.url, ErrorClass.GONE, "the source answers 410: it has ended", outcome.fetched_at, 410
        )
    count = state.error_count + 1
    base = _base(source, settings)
    interval = max(min(base * 2 ** min(count - 1, BACKOFF_DOUBLINGS_LIMIT), settings.longest), base)
    if outcome.error_class is ErrorClass.GONE:
        interval = GONE_INTERVAL
    elif outcome.error_class is ErrorClass.SUSPECT:
        interval = min(interval, SUSPECT_LIMIT)
    next_check_at = outcome.fetched_at + _spread(f"{source.url} {count}", interval)
    if outcome.retry_after is not None:
        next_check_at = max(next_check_at, outcome.retry_after)
    return replace(
        state,
        checked_at=outcome.fetched_at,
        next_check_at=next_check_at,
        error_class=outcome.error_class,
        error=_readable(outcome.message),
        error_count=count,
        failing_since=state.failing_since if state.error_count else outcome.fetched_at,
        announced=outcome.announced,
        status=outcome.status,
        host_closed_until=outcome.retry_after if outcome.status in ALL_OF_THE_HOST else None,
        pushes=replace(state.pushes, trusted_until=None),
    )


def received(
    state: SourceState, source: Source, now: datetime, published: Sequence[datetime | None], *, is_changing: bool
) -> SourceState:
    """The state after a push that was taken in. When to poll stays as it is, and so does all that a poll has found; but
    where known items are others by it, the next poll reads the whole document again, which has the last word.
    """
    since = max(filter(None, (state.checked_at, state.pushes.pushed_at)), default=None)
    state = replace(
        state,
        rhythm=learn(state.rhythm, published, since, now, source.timezone),
        pushes=replace(state.pushes, pushed_at=now),
    )
    return replace(state, etag="", last_modified="", fingerprint="") if is_changing else state


def hinted(state: SourceState, source: Source, now: datetime, settings: Settings) -> SourceState:
    """The state once something says that there is news, and we cannot read what it is: due as soon as it may be. One
    that fails is left to its backoff.
    """
    if state.next_check_at is None or state.checked_at is None or state.error_count:
        return state
    soonest = max(now, state.checked_at + (source.interval or settings.shortest))
    return replace(state, next_check_at=min(state.next_check_at, soonest))


def distrusted(state: SourceState, source: Source, now: datetime, settings: Settings) -> SourceState:
    """The state once the lease is over for whose sake it was polled rarely: due as soon as it may be."""
    return hinted(replace(state, pushes=replace(state.pushes, trusted_until=None)), source, now, settings)


def has_moved(state: SourceState) -> bool:
    """Whether permanent redirects led to the same place so often and for so long that it is the source's address."""
    if not state.moved_to or state.moved_since is None or state.checked_at is None or state.error_class is not None:
        return False
    return state.moved_seen >= MOVED_SEEN and state.checked_at - state.moved_since >= MOVED_AFTER


def is_known_body(state: SourceState, outcome: Outcome) -> bool:
    """Whether this body was read through before, so that parsing it again would tell nothing."""
    return isinstance(outcome, Fetched) and outcome.fingerprint == state.fingerprint and not state.error_count


def _is_another(state: SourceState, outcome: Fetched | NotModified) -> bool:
    return isinstance(outcome, Fetched) and outcome.fingerprint != state.fingerprint


def _readable(message: str) -> str:
    """A message fit for the store, a page and a terminal: what a source sent may be repeated in it."""
    return "".join(each if each.isprintable() else "\ufffd" for each in message[:ERROR_LIMIT_CHARACTERS])


def _base(source: Source, settings: Settings) -> timedelta:
    return source.interval or settings.interval


def _next_check(
    source: Source,
    now: datetime,
    headers: Mapping[str, str],
    advice: Advice,
    rhythm: Rhythm,
    pushes: Pushes,
    settings: Settings,
    plan: Plan,
) -> datetime:
    """When to ask again after an answer that was read. An editor's own interval stands; else what the answer says of
    its freshness may lengthen ours, and the hours are avoided in which the source wants no request.
    """
    if source.interval is not None:
        return now + _spread(source.url, source.interval)
    own = _own(source, rhythm, now, settings, plan)
    said = max(freshness(headers, now), asked_for(advice, rhythm))
    at = now + _spread(source.url, stretched(max(own, min(said, settings.longest)), pushes, settings))
    if (after := after_skipped(at, advice)) > at:
        return min(after + _spread(source.url, settings.shortest) - settings.shortest, now + settings.longest)
    return at


def _own(source: Source, rhythm: Rhythm, now: datetime, settings: Settings, plan: Plan) -> timedelta:
    """What the rhythm of the source and the budget ask for."""
    if not plan.price:
        return settings.interval
    forecast = plan.forecast(rhythm, source.region, now)
    planned = due_after(forecast, plan.price, now, source.timezone, settings.longest)
    return max(planned * (1 - JITTER / 2), settings.shortest)  # in the mean, what was planned


def _spread(text: str, interval: timedelta) -> timedelta:
    """The interval made longer by up to JITTER, by a share that is the text's own, so that a replay is the same."""
    share = int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).digest(), "big") / 2**32
    return interval * (1 + JITTER * share)
