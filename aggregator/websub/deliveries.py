"""Deliveries: what goes with a document, what the answer means, and when to try again."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta

from aggregator.model import Ended, Push, Pushed, PushFailed, Subscription

FIRST_WAIT = timedelta(seconds=10)
LAST_WAIT = timedelta(hours=4)
FACTOR = 3
TRIES = 13  # about 23 hours in all: 10 s, 30 s, 90 s … 2 h, then every 4 h
SPREAD = 0.2  # of a wait, up or down: what failed together is not tried again together
GONE = 410


def delivery_headers(content_type: str, hub: str, topic_url: str, secret: str, body: bytes) -> dict[str, str]:
    """What goes with a document (§7), signed where the subscriber gave a secret (§7.1)."""
    headers = {"Content-Type": content_type, "Link": f'<{hub}>; rel="hub", <{topic_url}>; rel="self"', "Accept": "*/*"}
    return {**headers, "X-Hub-Signature": signature(secret, body)} if secret else headers


def signature(secret: str, body: bytes) -> str:
    """The X-Hub-Signature of a body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def judge(subscription: Subscription, status: int, error: str, delivered: Pushed, jitter: Callable[[], float]) -> Push:
    """What a try means: `delivered` where it was a success. `status` is 0 where no answer came, `error` then says
    why; `jitter` gives a number from 0 to 1.

    A 2xx is a success, 410 the end; all else is tried again until the tries are used up, which is the end too.
    """
    if 200 <= status < 300:
        return delivered
    if status == GONE:
        return Ended(subscription.id, "gone")
    wait = next_try(subscription.tries + 1, jitter)
    if wait is None:
        return Ended(subscription.id, "failing")
    return PushFailed(subscription.id, delivered.at + wait, error or str(status))


def next_try(tries: int, jitter: Callable[[], float]) -> timedelta | None:
    """How long to wait after so many tries that failed, None when it was tried often enough."""
    if tries >= TRIES:
        return None
    wait: timedelta = min(FIRST_WAIT * FACTOR ** (tries - 1), LAST_WAIT)
    return wait * (1 + SPREAD * (2 * jitter() - 1))
