"""What a subscriber says and understands: a following → what to ask its hub; a hub's question or push → what it means.
Never sends anything, never touches the store.

Beyond the Recommendation: the secret is always given, also to a hub over http. Such a hub is followed only for sources
that are read over http as well, where whoever reads along on the way could change the source itself; everybody else
cannot sign.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode, urljoin, urlsplit

from aggregator.model import Confirmed, Denied, Following, FollowingState, Left, Mode, Verdict

LEASE_SECONDS = 10 * 86_400  # what we ask for
LEASE_MOST = timedelta(days=30)  # longer is not believed
RENEWED_AT, RENEWED_SPREAD = 2 / 3, 0.1  # of the lease: what began together is not renewed together
SOONEST = timedelta(minutes=10)  # between two requests for one source, however short the lease is
FIRST_WAIT, LAST_WAIT, FACTOR = timedelta(minutes=5), timedelta(days=1), 3
LATER_SPREAD = 0.2  # of a wait, up
LEAVING = timedelta(hours=1)  # in which a hub may ask whether we mean it
TOKEN_BYTES = SECRET_BYTES = 32
WHY_CHARACTERS = 200
REDIRECTS = frozenset({307, 308})  # the two that keep method and body
METHODS = ("sha1", "sha256", "sha384", "sha512")


def request_body(following: Following, callback: str) -> bytes:
    """The form to send to the hub (§5.1): what the state of the following asks for."""
    is_leaving = following.state is FollowingState.LEAVING
    fields = {
        "hub.callback": callback,
        "hub.mode": Mode.UNSUBSCRIBE.value if is_leaving else Mode.SUBSCRIBE.value,
        "hub.topic": following.topic,
    }
    if not is_leaving:
        fields |= {"hub.lease_seconds": str(LEASE_SECONDS), "hub.secret": following.secret}
    return urlencode(fields).encode()


def redirected(hub: str, status: int, location: str) -> str:
    """Where a hub sends its request on to (§5.1), "" where it does not, or to where a secret would be seen."""
    if status not in REDIRECTS or not location:
        return ""
    try:
        target = urljoin(hub, location)
        return target if urlsplit(target).scheme in {"https", urlsplit(hub).scheme} else ""
    except ValueError:
        return ""


def read_question(
    following: Following, query: Mapping[str, str], now: datetime, jitter: Callable[[], float]
) -> Verdict | None:
    """What a hub's verification of intent (§5.3) or denial (§5.2) means; None where it is not about what we asked.
    `jitter` gives a number from 0 to 1.
    """
    if query.get("hub.topic") != following.topic:
        return None
    is_leaving = following.state is FollowingState.LEAVING
    match query.get("hub.mode"):
        case "denied" if not is_leaving:
            return Denied(now + next_ask(max(following.tries, 1), jitter), _readable(query.get("hub.reason", "")))
        case "subscribe" if not is_leaving and query.get("hub.challenge"):
            lease = _lease(query.get("hub.lease_seconds", ""))
            renewed = lease * (RENEWED_AT - RENEWED_SPREAD * jitter())
            return Confirmed(now + lease, now + max(renewed, SOONEST))
        case "unsubscribe" if is_leaving and query.get("hub.challenge"):
            return Left()
    return None


def next_ask(tries: int, jitter: Callable[[], float]) -> timedelta:
    """How long to wait for the hub's confirmation after so many requests, and after a refusal."""
    wait: timedelta = min(FIRST_WAIT * FACTOR ** min(tries - 1, 10), LAST_WAIT)
    return wait * (1 + LATER_SPREAD * jitter())


def is_signed(secret: str, body: bytes, header: str) -> bool:
    """Whether this X-Hub-Signature is that of the body (§7.1). Takes as long for every wrong one."""
    method, digest = _signature(header)
    if not digest:
        return False
    return hmac.compare_digest(hmac.new(secret.encode(), body, method).digest(), digest)


def may_be_signed(header: str) -> bool:
    """Whether a header could be a signature at all: if not, the body need not be read."""
    return bool(_signature(header)[1])


def _signature(header: str) -> tuple[str, bytes]:
    method, _, text = header.strip().partition("=")
    method = method.lower()
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        return "", b""
    if method not in METHODS or len(digest) != hashlib.new(method).digest_size or len(text) != 2 * len(digest):
        return "", b""
    return method, digest


def _lease(text: str) -> timedelta:
    """What the hub grants; what we asked for where it does not say."""
    if not (text.isascii() and text.isdigit()):
        return timedelta(seconds=LEASE_SECONDS)
    return min(timedelta(seconds=int(text[:10])), LEASE_MOST)


def _readable(text: str) -> str:
    """A stranger's words, fit for a page and a terminal."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text[:WHY_CHARACTERS]) or "it does not say why"
