"""The health of the sources for those who do not come and look: as Atom and as JSON Feed, at an address that nobody can
guess. Feed apps cannot log in, so whoever knows the address reads it; it leads to nothing else.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from flask import Blueprint, abort, g, redirect, request
from werkzeug.wrappers import Response

from aggregator.desk import health
from aggregator.health import needs_somebody
from aggregator.model import Role
from aggregator.publish.characters import printable
from aggregator.store import ToldEpisode
from web.desk.gate import me, needs, open_to_all, store
from web.desk.troubles import trouble_of
from web.language import gettext, page_language
from web.layout import absolute, link, moment
from web.site import current_site

COOKIE = "desk-watch"  # what was just made, so that it can be shown: we keep its hash alone
SHOWN_SECONDS = 600
ENDED_FOR = timedelta(days=30)
ENTRIES_LIMIT = 200
TYPES = {"atom": "application/atom+xml", "json": "application/feed+json"}
ATOM = "http://www.w3.org/2005/Atom"


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/health/address", "health_address", address, methods=["POST"])
    desk.add_url_rule("/health/<token>.<extension>", "health_feed", feed, methods=["GET"])


@needs(Role.EDITOR)
def address() -> Response:
    """Give the editor's feed another address, or none."""
    response = redirect(link("desk.health", _anchor="feed"), 303)
    if "end" in request.form:
        store().unwatch(me().id)
        response.delete_cookie(COOKIE, path=_path())
        return response
    token = health.new_watch(store(), me(), current_site().clock())
    secure = current_site().settings.public_url.startswith("https:")
    response.set_cookie(COOKIE, token, SHOWN_SECONDS, path=_path(), httponly=True, samesite="Strict", secure=secure)
    return response


def shown() -> dict[str, Any]:
    """What the table says of the editor's feed: since when it has an address, and that while it was just made."""
    watch, token = store().watch_of(me().id), request.cookies.get(COOKIE, "")
    if watch is None:
        return {}
    if not token or health.hashed(token) != watch.token:
        return {"since": watch.since}
    lang = _lang("" if page_language() == current_site().settings.language else page_language())
    addresses = {
        extension: absolute("desk.health_feed", token=token, extension=extension, **lang) for extension in TYPES
    }
    return {"since": watch.since, "addresses": addresses}


@open_to_all
def feed(token: str, extension: str) -> Response:
    """What needs somebody, and what did lately."""
    if extension not in TYPES or not store().is_watched(health.hashed(token)):
        abort(404)
    g.language = g.asked_language or current_site().settings.language  # not what a feed app happens to say
    now = current_site().clock()
    told = [each for each in store().episodes(now - ENDED_FOR, ENTRIES_LIMIT) if needs_somebody(each.episode.condition)]
    own = absolute("desk.health_feed", token=token, extension=extension, **_lang(g.asked_language))
    entries = [_entry(each) for each in told]
    body = _atom(own, entries, now) if extension == "atom" else _json(own, entries)
    return Response(body, content_type=f"{TYPES[extension]}; charset=utf-8")


def _entry(told: ToldEpisode) -> dict[str, Any]:
    """An episode as JSON Feed has it; what that has no words for stands under `_tributary`."""
    site, condition, until = current_site(), told.episode.condition, told.episode.until
    view, trouble = site.view_of(told.episode.source), trouble_of(condition)
    name = site.source_name(told.episode.source)
    title = (
        gettext("%(source)s is in order again: %(kind)s", source=name, kind=trouble.name)
        if until
        else f"{name}: {trouble.what}"
    )
    parts = [trouble.what, trouble.evidence, gettext("Since %(time)s.", time=moment(condition.since))]
    if until:
        parts.append(gettext("Until %(time)s.", time=moment(until)))
    else:
        parts += [trouble.remedy, trouble.address]
    return {
        "id": _id(f"{told.number}-{int(condition.since.timestamp())}"),
        "url": absolute("desk.health_source", slug=view.slug) if view else absolute("desk.health"),
        "title": printable(title),
        "content_text": printable(" ".join(filter(None, parts))),
        "date_published": _written(condition.since),
        "date_modified": _written(told.at),
        "_tributary": printable(
            {
                "source": told.episode.source,
                "kind": str(condition.kind),
                "error_class": condition.error_class and str(condition.error_class),
                "since": _written(condition.since),
                "until": until and _written(until),
                "evidence": condition.evidence,
                "remedy": condition.remedy,
                "address": condition.address or None,
            }
        ),
    }


def _json(own: str, entries: Sequence[dict[str, Any]]) -> bytes:
    told = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": _title(),
        "home_page_url": absolute("desk.health"),
        "feed_url": own,
        "language": page_language(),
        "items": list(entries),
    }
    return json.dumps(told, ensure_ascii=False).encode()


def _atom(own: str, entries: Sequence[dict[str, Any]], now: datetime) -> bytes:
    root = ElementTree.Element("feed", {"xmlns": ATOM, "xml:lang": page_language()})
    _add(root, "id", _id("feed"))
    _add(root, "title", _title())
    _add(root, "updated", max((each["date_modified"] for each in entries), default=_written(now)))
    _add(root, "link", rel="self", type=TYPES["atom"], href=own)
    _add(root, "link", rel="alternate", type="text/html", href=absolute("desk.health"))
    _add(_add(root, "author"), "name", current_site().settings.title)
    for each in entries:
        entry = _add(root, "entry")
        _add(entry, "id", each["id"])
        _add(entry, "title", each["title"])
        _add(entry, "published", each["date_published"])
        _add(entry, "updated", each["date_modified"])
        _add(entry, "link", rel="alternate", type="text/html", href=each["url"])
        _add(entry, "category", term=each["_tributary"]["kind"])
        _add(entry, "content", each["content_text"], type="text")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode").encode()


def _add(parent: ElementTree.Element, tag: str, text: str = "", **attributes: str) -> ElementTree.Element:
    made = ElementTree.SubElement(parent, tag, attributes)
    made.text = text or None
    return made


def _lang(language: str | None) -> dict[str, str]:
    return {"lang": language} if language else {}


def _title() -> str:
    return str(printable(gettext("Health of the sources – %(site)s", site=current_site().settings.title)))


def _id(what: str) -> str:
    return f"tag:{current_site().settings.authority}:desk/health/{what}"


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _path() -> str:
    return f"{request.script_root}/desk/health"
