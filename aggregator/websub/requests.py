"""Requests to the hub and their verification: takes the fields of a form, gives an Intent or raises Refusal."""

import re
from collections.abc import Callable, Collection, Mapping
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from aggregator.model import Content, Format, Intent, Limit, Limits, Mode, Options, Picture, Topic

FORM_BYTES = 16_384  # of a request, at most
ADDRESS_CHARACTERS = 2000
SECRET_BYTES = 200
LEASE_SECONDS = 10 * 86_400  # where none is asked for
LEASE_LEAST_SECONDS = 3600
LEASE_MOST_SECONDS = 30 * 86_400

LIMITS = Limits(
    subscriptions=10_000,
    pending=2000,
    per_minute=2000,
    host_subscriptions=1000,
    host_pending=30,
    host_per_minute=30,
)
"""So a host that nobody there confirms for is asked 30 times a minute at most, whoever plays with its addresses."""

_LIMIT_WORDS = {
    Limit.SUBSCRIPTIONS: "there are as many subscriptions as this hub takes",
    Limit.PENDING: "too many requests wait to be confirmed",
    Limit.RATE: "too many requests of this minute were not confirmed",
}
_VISIBLE = re.compile(r"[!-~]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")  # a name, or what stands between the brackets of IPv6
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Refusal(ValueError):  # noqa: N818 - it is no fault of ours
    """A request that the hub does not take; the message tells the subscriber's developer why."""


def read_request(form: Mapping[str, str], topic_of: Callable[[str], Topic | None]) -> Intent:
    """Read a subscription or unsubscription request (§5.1); `topic_of` finds the topic of an address, None where it is
    none of ours. Unknown fields are ignored. Raises Refusal.
    """
    mode = form.get("hub.mode", "")
    if mode not in set(Mode):
        raise Refusal("hub.mode must be subscribe or unsubscribe")
    topic_url = form.get("hub.topic", "")
    topic = topic_of(topic_url) if _VISIBLE.fullmatch(topic_url) and len(topic_url) <= ADDRESS_CHARACTERS else None
    if topic is None:
        raise Refusal("hub.topic must be the address of a feed of this site, as its rel=self link gives it")
    callback = form.get("hub.callback", "")
    secret = form.get("hub.secret", "")
    if len(secret.encode("utf-8", "surrogatepass")) > SECRET_BYTES:
        raise Refusal(f"hub.secret must be at most {SECRET_BYTES} bytes")
    if "\ufffd" in secret:
        raise Refusal("hub.secret must be UTF-8")
    return Intent(
        Mode(mode),
        topic.slug,
        topic.path,
        topic_url,
        callback,
        host=_host_of(callback),
        secret=secret,
        lease_seconds=_lease(form.get("hub.lease_seconds", "")) if mode == Mode.SUBSCRIBE else 0,
    )


def place_of(url: str, public_url: str) -> tuple[str, str] | None:
    """Path and query of an address of ours, below the public URL, the path decoded to a character for each byte; None
    for an address of others.
    """
    try:
        asked, ours = urlsplit(url), urlsplit(public_url)
        if _origin(asked) != _origin(ours) or not asked.path.startswith(f"{ours.path}/") or asked.fragment:
            return None
    except ValueError:  # no such port
        return None
    return unquote(asked.path.removeprefix(ours.path), "latin-1"), asked.query


def read_topic(path: str) -> Topic:
    """The topic whose path this is."""
    name, _, query = path.partition("?")
    slug, _, extension = name.rpartition(".")
    values = dict(parse_qsl(query))
    options = Options(
        Picture(values.get("img", Picture.INLINE)),
        Content(values.get("content", Content.FULL)),
        int(values.get("limit", 0)),
        "credit" in values,
    )
    return Topic(slug, Format(extension), options)


def topic_url(path: str, public_url: str) -> str:
    """The address of a topic: the rel=self of the feed. Takes `Topic.path`."""
    return f"{public_url}/feeds/{path}"


def is_trusted(callback: str, allow_private: Collection[str]) -> bool:
    """Does the setting allow_private name the host and port of a callback? Then the limits of a host do not hold."""
    _, host, port = _origin(urlsplit(callback))
    return f"{host}:{port}" in allow_private or f"[{host}]:{port}" in allow_private


def verification_url(intent: Intent, challenge: str) -> str:
    """Where to ask whether the subscriber wants this (§5.3)."""
    lease = {"hub.lease_seconds": str(intent.lease_seconds)} if intent.mode is Mode.SUBSCRIBE else {}
    fields = {"hub.mode": intent.mode.value, "hub.topic": intent.topic_url, "hub.challenge": challenge, **lease}
    return _with(intent.callback, fields)


def denial_url(callback: str, topic_url: str, reason: str) -> str:
    """Where to say that there is no subscription, or no longer one (§5.2)."""
    return _with(callback, {"hub.mode": "denied", "hub.topic": topic_url, "hub.reason": reason})


def is_confirmed(status: int, body: bytes, challenge: str) -> bool:
    """Does the answer confirm what was asked? 2xx and the challenge, nothing else."""
    return 200 <= status < 300 and body == challenge.encode()


def limit_words(limit: Limit) -> str:
    """Why a request is refused that exceeds a limit."""
    return _LIMIT_WORDS[limit]


def _host_of(callback: str) -> str:
    """The host of a callback that may be used; Refusal says what is wrong with another one."""
    if not _VISIBLE.fullmatch(callback) or len(callback) > ADDRESS_CHARACTERS:
        raise Refusal(f"hub.callback must be an address of at most {ADDRESS_CHARACTERS} ASCII characters")
    try:
        parts = urlsplit(callback)
        scheme, host, _ = _origin(parts)
    except ValueError as error:
        raise Refusal("hub.callback is not an address") from error
    if scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host):
        raise Refusal("hub.callback must be an http or https address")
    if parts.username is not None or "#" in callback:
        raise Refusal("hub.callback must have no user, password or fragment")
    return host


def _lease(text: str) -> int:
    """Seconds, from an hour to thirty days; ten days where nothing is asked for."""
    if not text:
        return LEASE_SECONDS
    if not (text.isascii() and text.isdigit()):
        raise Refusal("hub.lease_seconds must be a number of seconds")
    seconds = int(text[:10]) if len(text.lstrip("0")) <= 9 else LEASE_MOST_SECONDS
    return min(max(seconds, LEASE_LEAST_SECONDS), LEASE_MOST_SECONDS)


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port, as they are compared. ValueError where the port is no number."""
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").rstrip("."), port


def _with(url: str, fields: Mapping[str, str]) -> str:
    """Append fields to the query, whatever stands there already."""
    joint = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    return f"{url}{joint}{urlencode(fields)}"
