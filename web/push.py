"""Where hubs push to: answers what a hub asks, keeps what it pushes in the store's inbox. Never reads a document, never
asks or sends anything itself: that is done by the scheduler's process.

Only who knows the address that a hub was given can make us look for anything, and only who signs with the secret that
went with it can make us keep anything.
"""

import logging
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import cast

from flask import Blueprint, Flask, Response, current_app, request
from msgspec import Struct, field

from aggregator.model import Following, FollowingState
from aggregator.store import StoreError
from aggregator.websub import following as words
from web.hub import RETRY_SECONDS, Desk, say
from web.site import current_site

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
AT_ONCE = 2  # bodies that a process reads: those that come slowly must not hold all its threads
PER_MINUTE = 60  # requests for one source, to each process
TYPE_CHARACTERS = 200
PLAIN = ("", "identity")
TAKEN = "taken"  # also said of what is not: nobody may try out signatures (§8)

pushes = Blueprint("pushes", __name__)
log = logging.getLogger(__name__)


class Gate(Struct):
    """How often each hub was here in this minute, and whose bodies are being read. Safe to share."""

    _minute: int = 0
    _counts: dict[int, int] = field(default_factory=dict)  # by following
    _reading: set[int] = field(default_factory=set)  # followings
    _lock: Lock = field(default_factory=Lock)

    def lets(self, following: int, minute: int) -> bool:
        """Count a request. → whether it is not one too many."""
        with self._lock:
            if minute != self._minute:
                self._minute, self._counts = minute, {}
            count = self._counts[following] = self._counts.get(following, 0) + 1
        return count <= PER_MINUTE

    @contextmanager
    def reading(self, following: int) -> Iterator[bool]:
        """Read a body, if this is true: one for each hub and source."""
        with self._lock:
            if is_free := following not in self._reading and len(self._reading) < AT_ONCE:
                self._reading.add(following)
        try:
            yield is_free
        finally:
            if is_free:
                with self._lock:
                    self._reading.discard(following)


def prepare(app: Flask) -> None:
    """Add the address to an application that has a hub's Desk."""
    app.extensions["tributary.gate"] = Gate()
    app.register_blueprint(pushes)


@pushes.route("/push/<token>", methods=["GET", "POST"])
def callback(token: str) -> Response:
    """What a hub asks of us (W3C WebSub §5.3), or tells us (§7)."""
    site, is_push = current_site(), request.method == "POST"
    nobody = say(410, "nobody waits for this any more") if is_push else say(404, "this was not asked for")
    if not site.settings.follows_hubs or not TOKEN.fullmatch(token):
        return nobody
    try:
        following = _desk().store.following_of(token)
        if following is None or (is_push and following.state is FollowingState.LEAVING):
            return nobody
        if not _gate().lets(following.id, int(site.clock().timestamp()) // 60):
            return say(429, "too many requests", RETRY_SECONDS)
        return _take(following) if is_push else _confirm(following) or nobody
    except StoreError as error:
        log.warning("push_unavailable error=%s", error)
        return say(503, "nothing can be taken just now", RETRY_SECONDS)


def _confirm(following: Following) -> Response | None:
    """Say that this is what we asked for; None where it is not."""
    verdict = words.read_question(following, request.args, current_site().clock(), random.random)
    if verdict is None:
        return None
    _desk().store.note_verdict(following.id, verdict)
    log.info("hub_said source=%s verdict=%s", following.source, type(verdict).__name__.lower())
    response = say(200, "")
    response.set_data(request.args.get("hub.challenge", ""))
    return response


def _take(following: Following) -> Response:
    """Keep what was pushed if it is signed as it must be; anything else is let go of without a word."""
    limit = int(current_site().settings.body_limit_mib * (1 << 20))
    signature = request.headers.get("X-Hub-Signature", "")
    if refusal := _unread(following, signature, limit):
        return refusal
    with _gate().reading(following.id) as is_free:
        if not is_free:
            return say(503, "others are pushing just now", RETRY_SECONDS)
        request.max_content_length = limit + 1  # where it comes in pieces
        body = request.get_data(cache=False)
    if len(body) > limit:
        return _too_large(limit)
    if not words.is_signed(following.secret, body, signature):
        return _let_go(following, "forged")
    content_type = request.headers.get("Content-Type", "")[:TYPE_CHARACTERS]
    if not _desk().store.put_notice(following.id, content_type, body, current_site().clock()):
        return say(503, "too much waits to be read", RETRY_SECONDS)
    return say(202, TAKEN)


def _unread(following: Following, signature: str, limit: int) -> Response | None:
    """The answer to what need not be read."""
    if request.headers.get("Content-Encoding", "").strip().lower() not in PLAIN:
        return say(415, "the document must not be compressed")
    if (request.content_length or 0) > limit:
        return _too_large(limit)
    return None if words.may_be_signed(signature) else _let_go(following, "unsigned")


def _too_large(limit: int) -> Response:
    return say(413, f"the document must have at most {limit} bytes")


def _let_go(following: Following, why: str) -> Response:
    log.warning("push_dropped source=%s why=%s", following.source, why)
    return say(202, TAKEN)


def _desk() -> Desk:
    return cast(Desk, current_app.extensions["tributary.hub"])


def _gate() -> Gate:
    return cast(Gate, current_app.extensions["tributary.gate"])
