"""What watches the program from outside: /healthz in one word, /metrics as Prometheus reads it. Takes figures from the
store when it is asked, keeps nothing.
"""

import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from flask import Blueprint, Response, abort, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from aggregator.config import VERSION
from aggregator.errors import ErrorClass
from aggregator.model import ConditionKind, FollowingState
from aggregator.store import Figures, StoreError
from web.site import NotReadyError, current_site

OVERDUE = timedelta(minutes=10)  # a source that nobody asks for so long, while nobody asks any other either
ROOM_BYTES = 16 << 20  # less is a full disk
TEXT = "text/plain; charset=utf-8"
PASSED_ON = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")  # by a proxy, from anywhere

operators = Blueprint("operators", __name__)


@operators.get("/healthz")
def healthz() -> Response:
    """Whether all is well: 200 and "ok", or 503 and what is wrong, in one line."""
    wrong = _wrong()
    return _text(f"{wrong or 'ok'}\n", 503 if wrong else 200)


@operators.get("/metrics")
def metrics() -> Response:
    """Figures, for Prometheus."""
    if not _may_read():
        abort(404)
    registry = CollectorRegistry(auto_describe=False)
    site = current_site()
    registry.register(Reading(site.store.figures(site.clock()), site.clock()))
    return _text(generate_latest(registry).decode(), 200, "text/plain; version=0.0.4; charset=utf-8")


class Reading(Collector):
    """Figures as Prometheus names them: seconds, bytes and counts; times in seconds since 1970."""

    def __init__(self, figures: Figures, now: datetime) -> None:
        self._figures, self._now = figures, now

    def collect(self) -> Iterable[Metric]:
        """Every figure; of a closed set of words each, so that none is missing while there is nothing to count."""
        read = self._figures
        yield _labelled("build_info", "Which version this is", "version", {VERSION: 1})
        yield _gauge("sources", "Sources that are listed", read.sources)
        yield _gauge("sources_paused", "Of them, paused", read.paused)
        yield _labelled(
            "sources_failing", "Sources by what the last answer was", "error_class", _all(ErrorClass, read.errors)
        )
        yield _labelled(
            "sources_condition", "Sources by what is the matter", "kind", _all(ConditionKind, read.conditions)
        )
        yield _gauge("sources_checked_last_hour", "Sources that answered within the last hour", read.checked_hour)
        yield _gauge(
            "list_readable", "Whether feeds.opml can be read as it stands: 1 or 0", not current_site().list_flaw()
        )
        yield _gauge("checks_due", "Checks that wait to be made", read.due)
        yield _gauge("checks_due_first", "Of them, of sources that were never asked", read.unasked)
        yield _gauge("checks_delay_seconds", "How long the longest of them has waited", self._since(read.due_since))
        ahead = {str(seconds): count for seconds, count in read.ahead.items()}
        yield _labelled("checks_ahead", "Checks that fall due within so many seconds", "seconds", ahead)
        yield _gauge("last_check_timestamp_seconds", "When a source last answered", _stamp(read.checked_at))
        yield _gauge("items", "Items stored", read.items)
        yield _gauge("stories", "Stories that they are told as", read.stories)
        published = {"today": read.today, "yesterday": read.yesterday}
        yield _labelled("items_published", "Items by the day that they were published on, of UTC", "day", published)
        yield _gauge("index_waiting", "Items that a search does not find yet", read.unindexed)
        yield _gauge("events_waiting", "Items whose event was not looked for yet", read.ungathered)
        yield _gauge("subscriptions", "Subscriptions to our hub", read.subscriptions)
        yield _gauge("subscriptions_owed", "Of them, that wait for a delivery", read.owed)
        yield _gauge(
            "subscriptions_delay_seconds", "How long ago what they wait for changed", self._since(read.owed_since)
        )
        yield _labelled("followings", "Hubs of sources", "state", _all(FollowingState, read.followings))
        yield _gauge("pushes_waiting", "Pushes of theirs that are not read yet", read.notices)
        yield _gauge("database_bytes", "Size of the data base", read.bytes)
        yield _gauge("database_log_bytes", "Size of its write-ahead log", read.log_bytes)
        backup = read.backup
        yield _gauge(
            "backup_timestamp_seconds", "When the last backup was made, 0: never", _stamp(backup.at if backup else None)
        )
        yield _gauge("backup_bytes", "Its size", backup.bytes if backup else 0)

    def _since(self, at: datetime | None) -> float:
        return max((self._now - at).total_seconds(), 0) if at else 0


def _wrong() -> str:
    """What is wrong, "" for nothing; no more than that, as everybody may read it."""
    site = current_site()
    try:
        if shutil.disk_usage(Path(site.settings.database).parent).free < ROOM_BYTES:
            return "the disk is full"
        now = site.clock()
        pulse = site.store.pulse(now - OVERDUE)
    except NotReadyError:
        return "there is no data base yet"
    except (StoreError, OSError):
        return "the data base cannot be read"
    if not pulse.asked:
        return "no source was asked yet"
    if pulse.overdue_since is None or (pulse.checked_at and now - pulse.checked_at < OVERDUE):
        return ""
    return (
        f"no source was asked for {(now - (pulse.checked_at or pulse.overdue_since)) // timedelta(minutes=1)} minutes"
    )


def _may_read() -> bool:
    """Whether the one who asks may read figures."""
    match current_site().settings.metrics:
        case "public":
            return True
        case "local":
            return _is_here(request.remote_addr or "") and not any(name in request.headers for name in PASSED_ON)
        case "off":
            return False


def _is_here(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False  # of a socket that is no address


def _text(body: str, status: int, content_type: str = TEXT) -> Response:
    return Response(body, status, {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}, content_type=content_type)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tributary_{name}", text, value)


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    made = GaugeMetricFamily(f"tributary_{name}", text, labels=[label])
    for of, value in values.items():
        made.add_metric([of], value)
    return made


def _all(words: Iterable[str], counted: Mapping[str, int]) -> Mapping[str, int]:
    return {str(word): counted.get(word, 0) for word in words}


def _stamp(at: datetime | None) -> float:
    return at.timestamp() if at else 0
