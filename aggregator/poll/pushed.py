"""What pushes mean for polling: takes what a document names and what polls found, gives the hub to follow and how far
its pushes make polls needless; pure.

Pushes are trusted once they come and a poll finds nothing that they had not brought. While the lease lives polls are
then rare, to see that it stays so; a poll that finds an older item which no push brought ends the trust, until pushes
come again and another poll finds nothing missing.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import SplitResult, urljoin, urlsplit

from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.model import NO_NAMING, Naming, ParsedFeed, Pushes, Source

STRETCH = 6  # times the interval that would be right without pushes
GRACE = timedelta(minutes=10)  # a push may take so long
ADDRESS_CHARACTERS = 2000
HEADER_CHARACTERS = 16_000
DEFAULT_PORTS = {"http": 80, "https": 443}

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"  # noqa: S105 - RFC 9110 §5.6.2
_LINK = re.compile(rf"""<([^<>]*+)>((?:\s*+;\s*+(?:{_TOKEN}(?:\s*+=\s*+(?:"(?:[^"\\]|\\.)*+"|[^\s",;]*+))?)?)*+)""")
_PARAMETER = re.compile(rf"""({_TOKEN})\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s",;]*+))""")
_VISIBLE = re.compile(r"[!-~]+")


def named(headers: Mapping[str, str], feed: ParsedFeed, source: Source, url: str) -> Naming:
    """The hub and topic that an answer names: its Link header comes before the document (W3C WebSub §4), and without
    rel=self the topic is `url`, where the answer came from. NO_NAMING where one of them is no address that may be used,
    and where anybody on the way to the hub could write in the name of a source that is read over https.
    """
    hubs, selves = _links(headers.get("link", ""), "hub"), _links(headers.get("link", ""), "self")
    hub = _absolute(url, hubs[0]) if hubs else feed.hub
    topic = _absolute(url, selves[0]) if selves else feed.self_link or url
    hub = _guarded(hub, source.url) if is_address(hub) else ""
    if not hub or not is_address(topic):
        return NO_NAMING
    return Naming(hub, topic, _plain(topic) in (_plain(source.url), _plain(url)))


def is_address(url: str) -> bool:
    """Whether a hub or topic may be called so: http or https, visible ASCII, no user, password or fragment."""
    if not _VISIBLE.fullmatch(url) or len(url) > ADDRESS_CHARACTERS or "#" in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and "@" not in parts.netloc


def after_poll(
    pushes: Pushes,
    naming: Naming | None,
    published: Sequence[datetime | None],
    since: datetime | None,
    now: datetime,
    lease_until: datetime | None,
) -> Pushes:
    """What is known after a poll. `naming` is None where the document is the one of before, `published` says when the
    new items came out, `since` is the poll before. Another hub than before is followed once it was named twice in a
    row.
    """
    naming = pushes.named if naming is None else naming
    is_settled = naming == pushes.named or not pushes.follows.hub
    follows = naming if is_settled else pushes.follows
    if _is_missed(pushes, published, since, now):
        pushes = replace(pushes, missed_at=now)
    is_trusted = (
        follows == pushes.follows
        and pushes.pushed_at is not None
        and (pushes.missed_at is None or pushes.pushed_at > pushes.missed_at)
        and lease_until is not None
        and lease_until > now
    )
    return replace(pushes, follows=follows, named=naming, trusted_until=lease_until if is_trusted else None)


def stretched(interval: timedelta, pushes: Pushes, settings: Settings) -> timedelta:
    """The interval between polls, longer while pushes are trusted."""
    if pushes.trusted_until is None:
        return interval
    return max(interval, min(interval * STRETCH, settings.longest))


def _is_missed(pushes: Pushes, published: Sequence[datetime | None], since: datetime | None, now: datetime) -> bool:
    """Whether a push should have brought one of the new items before. One that does not say when it came out should;
    none should where a push has just told us to look.
    """
    if since is None or pushes.pushed_at is None or (pushes.pushed_at > since and not pushes.follows.is_own):
        return False
    return any(at is None or not now - GRACE <= at <= now for at in published)


def _links(header: str, relation: str) -> list[str]:
    """The targets of a Link header with that relation, in order (RFC 8288 §3)."""
    found = []
    for target, rest in _LINK.findall(header[:HEADER_CHARACTERS]):
        parameters: dict[str, str] = {}
        for name, quoted, plain in _PARAMETER.findall(rest):
            parameters.setdefault(name.lower(), quoted or plain)
        if relation in parameters.get("rel", "").lower().split() and "anchor" not in parameters:
            found.append(target.strip())
    return found


def _absolute(base: str, target: str) -> str:
    try:
        return urljoin(base, target)
    except ValueError:
        return ""


def _guarded(hub: str, source: str) -> str:
    """The hub, over https where the source is read so; "" where that cannot be."""
    parts = urlsplit(hub)
    if parts.scheme == "https" or not source.lower().startswith("https:"):
        return hub
    return parts._replace(scheme="https", netloc=_host(parts)).geturl() if parts.port in {None, 80} else ""


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition(":")[0] if parts.port else parts.netloc


def _plain(url: str) -> str:
    """An address as addresses are compared: without what mostly leads to the same document."""
    parts = urlsplit(url)
    port = "" if parts.port in {None, DEFAULT_PORTS.get(parts.scheme)} else f":{parts.port}"
    host = (parts.hostname or "").removeprefix("www.")
    return f"{host}{port}{parts.path.rstrip('/')}?{parts.query}"
