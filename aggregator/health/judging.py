"""All that may be the matter with a source: takes its line, its state and the time, gives a Judgement; pure.

`judge` looks for everything; `after_poll` for what the answer to one request shows, at next to no cost. What is seen of
the state alone is the same whoever looks, so an episode in the store is begun and ended by the transaction that stores
the state. Silence and certificates become true by time alone: somebody has to look now and then.

*Silent* is measured by a source's own rhythm, see `silence`: under our eyes it published, and it does so no more.
*Frozen* is measured by the dates in its document alone: it answers soundly, and all that it says is long past, whatever
its rhythm was, or if it never had one. So a silent source becomes frozen in the end; it is never both.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from aggregator.errors import ErrorClass
from aggregator.health.remedies import REMEDIES, SELECTORS, feed_instead
from aggregator.health.silence import Silence, silence
from aggregator.model import Certificate, Condition, ConditionKind, Judgement, Source, SourceKind, SourceState

USUALLY_AFTER = 3  # failures in a row
AFTER = {  # where the next try hardly helps, or the first says it all
    **dict.fromkeys((ErrorClass.TLS, ErrorClass.BLOCKED_ADDRESS, ErrorClass.REDIRECT_LOOP, ErrorClass.BAD_REDIRECT), 2),
    **dict.fromkeys((ErrorClass.HTTP_4XX, ErrorClass.AUTH, ErrorClass.NOT_A_FEED, ErrorClass.BROKEN_XML), 2),
    **dict.fromkeys((ErrorClass.ENCODING, ErrorClass.TOO_LARGE, ErrorClass.TOO_COSTLY), 2),
    **dict.fromkeys((ErrorClass.GONE, ErrorClass.INTERNAL), 1),
    ErrorClass.SUSPECT: 0,  # what is odd may have been taken in
}
NEVER_WORKED_AFTER = 1  # a new line may be wrong
OWN_KINDS = {ErrorClass.GONE: ConditionKind.GONE, ErrorClass.SUSPECT: ConditionKind.SUSPECT}
MOVED_SEEN = 2  # one redirect may be a mishap
FROZEN_AFTER, FROZEN_GAPS = timedelta(days=60), 3  # and so many times what lies between two dates of the document
ENDS_SOON, ENDS_SOON_SHARE = timedelta(days=14), 0.25  # of its time, for certificates that are made for a few days
SHORT_LIVED = timedelta(days=30)
MESSAGE_LIMIT = 300  # characters

ALL_KINDS = frozenset(ConditionKind)
BY_TIME = frozenset((ConditionKind.SILENT, ConditionKind.FROZEN, ConditionKind.PAUSED))
BY_ANSWER = ALL_KINDS - BY_TIME


def judge(source: Source, state: SourceState, now: datetime) -> Judgement:
    """All that is the matter with a source. Of one that is paused nothing else is: nobody asks it."""
    found = [_paused(now)] if source.paused else [*_by_answer(source, state, now), *_by_time(source, state)]
    return Judgement(source.url, now, ALL_KINDS, tuple(found))


def after_poll(source: Source, before: SourceState, after: SourceState, now: datetime) -> Judgement | None:
    """What an answer without news shows; None where nothing was and nothing is the matter, so that there is nothing to
    write. About 1 µs then.
    """
    if source.paused or (_is_sound(before, now) and _is_sound(after, now)):
        return None
    return Judgement(source.url, now, BY_ANSWER, tuple(_by_answer(source, after, now)))


def needs_somebody(condition: Condition) -> bool:
    """Whether an editor has to do something about it: not where one has done it, or we shall by ourselves."""
    if condition.kind is ConditionKind.MOVED:
        return bool(condition.figures.get("reason"))
    return condition.kind is not ConditionKind.PAUSED


def _is_sound(state: SourceState, now: datetime) -> bool:
    """Whether nothing can be seen of a state."""
    certificate = state.certificate
    return state.error_class is None and not state.moved_to and not (certificate and _ends_soon(certificate, now))


def _by_answer(source: Source, state: SourceState, now: datetime) -> Iterator[Condition]:
    if trouble := _trouble(source, state, now):
        yield trouble
    if state.moved_to and state.moved_seen >= MOVED_SEEN:
        yield _moved(state, now)
    if state.certificate and _ends_soon(state.certificate, now):
        yield _certificate(state.certificate, now)


def _by_time(source: Source, state: SourceState) -> Iterator[Condition]:
    """Of the time until the last sound answer: while we do not ask, or nobody answers, a source is not silent."""
    if state.succeeded_at is None or state.error_class is not None:
        return
    if (newest := _frozen_since(state, state.succeeded_at)) is not None:
        yield _frozen(source, state, newest, state.succeeded_at)
    elif found := silence(state.rhythm, state.succeeded_at, source.timezone):
        yield _silent(source, state.rhythm.at or state.succeeded_at, found, state.succeeded_at)


def _trouble(source: Source, state: SourceState, now: datetime) -> Condition | None:
    error_class, count = state.error_class, state.error_count
    patience = AFTER.get(error_class, USUALLY_AFTER) if error_class else 0
    if error_class is None or count < (patience if state.succeeded_at else min(patience, NEVER_WORKED_AFTER)):
        return None
    since = state.failing_since or state.checked_at or now
    message = state.error[:MESSAGE_LIMIT]
    figures: dict[str, str | int | float] = {"count": count, "message": message}
    if state.announced is not None and source.kind is SourceKind.FEED:
        address = state.announced if state.announced != source.url else ""
        names = f"it names the feed {address}" if address else "it names no other feed"
        evidence = f"An HTML page answers where a feed was, {_times(count)} since {_minute(since)}; {names}."
        remedy = feed_instead(address, source.site)
        return Condition(ConditionKind.HTML, since, evidence, remedy, address, error_class, figures)
    is_page = source.kind is SourceKind.PAGE and error_class is ErrorClass.NOT_A_FEED
    remedy = SELECTORS if is_page else REMEDIES[error_class]
    told = f"It failed {_times(count)} since {_minute(since)}" if count else f"It was read, at {_minute(since)}"
    kind = OWN_KINDS.get(error_class, ConditionKind.FAILING)
    return Condition(kind, since, f"{told}: {message}.", remedy, "", error_class, figures)


def _moved(state: SourceState, now: datetime) -> Condition:
    since = state.moved_since or now
    evidence = f"Permanent redirects led to {state.moved_to} at {_times(state.moved_seen)} since {_minute(since)}"
    if state.unmoved:
        evidence += f"; it could not be followed: {state.unmoved}"
    remedy = f"Replace its address by {state.moved_to}."
    if not state.unmoved:
        remedy = f"None: it is followed once they have led there three times over a day. {remedy}"
    figures: dict[str, str | int | float] = {"count": state.moved_seen, "reason": state.unmoved}
    return Condition(ConditionKind.MOVED, since, f"{evidence}.", remedy, state.moved_to, None, figures)


def _ends_soon(certificate: Certificate, now: datetime) -> bool:
    lifetime = certificate.until - certificate.since
    return certificate.until - now <= (ENDS_SOON if lifetime >= SHORT_LIVED else lifetime * ENDS_SOON_SHARE)


def _certificate(certificate: Certificate, now: datetime) -> Condition:
    days = (certificate.until - now) // timedelta(days=1)
    when = f"in {_days(days)}" if days >= 0 else "which is over"
    evidence = f"Its TLS certificate ends on {_minute(certificate.until)}, {when}."
    remedy = "Tell the publisher: when it has ended, neither we nor readers get in."
    begins = max(certificate.since, certificate.until - ENDS_SOON)
    return Condition(ConditionKind.CERTIFICATE, begins, evidence, remedy, figures={"days": max(days, -1)})


def _frozen_since(state: SourceState, asked: datetime) -> datetime | None:
    """The newest date of the document, if that lies far back and nothing new came with an older date, or none."""
    if state.newest is None or state.oldest is None:
        return None
    between = (state.newest - state.oldest) / max(state.entries - 1, 1)
    limit = max(FROZEN_AFTER, FROZEN_GAPS * between)
    came = state.rhythm.at if state.rhythm.pauses else None  # the first document does not count as news
    is_recent = asked - state.newest <= limit or (came is not None and asked - came <= limit)
    return None if is_recent else state.newest


def _frozen(source: Source, state: SourceState, newest: datetime, asked: datetime) -> Condition:
    days = (asked - newest).days
    changed = state.body_changed_at
    if changed and asked - changed <= FROZEN_AFTER:
        how = f"its document changes all the same, last on {_minute(changed)}: it is made anew without them"
    else:
        how = f"its document has not changed since {_minute(changed)}" if changed else "its document does not change"
    told = f"the newest of its {state.entries} items is of {newest:%Y-%m-%d}, {_days(days)} ago"
    evidence = f"It answers, but {told}; {how}."
    remedy = f"Look for another feed {_on(source)}, or remove its line."
    return Condition(ConditionKind.FROZEN, newest, evidence, remedy, figures={"days": days, "items": state.entries})


def _silent(source: Source, since: datetime, found: Silence, asked: datetime) -> Condition:
    days = (asked - since).days
    missing, times = round(found.missing, 1), round(found.times, 1)
    expected = f"{missing} items were to be expected by its rhythm, {times} times its usual pause"
    evidence = f"Nothing new since {_minute(since)}, for {_days(days)}: {expected}."
    remedy = f"Look {_on(source)}: if there is news, its feed has stopped, and there may be another one."
    figures: dict[str, str | int | float] = {"days": days, "times": times, "missing": missing}
    return Condition(ConditionKind.SILENT, since, evidence, remedy, figures=figures)


def _paused(now: datetime) -> Condition:
    evidence = "Its line says tributary:paused: it is not asked."
    return Condition(ConditionKind.PAUSED, now, evidence, "Take that out of its line to have it asked again.")


def _on(source: Source) -> str:
    return f"on {source.site}" if source.site else "on its site"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times in a row"


def _days(count: int) -> str:
    return "a day" if count == 1 else f"{count} days"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
