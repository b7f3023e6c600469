"""The pages for readers: rivers, stories, search, sources. Takes stories, gives HTML."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import chain, groupby
from typing import Any

import msgspec
from flask import Blueprint, abort, make_response, redirect, request, url_for
from msgspec import Struct
from msgspec.structs import replace
from werkzeug.wrappers import Response

from aggregator.catalogue import Kind, kind_of, name_of
from aggregator.model import (
    ALL,
    DEPARTEMENT,
    NO_QUESTION,
    SOURCE,
    Format,
    Level,
    Link,
    Pin,
    Question,
    Republish,
    Stored,
    Story,
)
from aggregator.publishing import SEARCH
from aggregator.store import Revision, SourceView, Store
from web import conditions, words
from web.around import rows
from web.asked import Asked, options_of, question_of, words_of
from web.feeds import CORS, MOVED_CACHE, PREFLIGHT, is_closed, page_of
from web.headers import PAGE_CACHE
from web.language import ngettext
from web.layout import absolute, days, label, link, page, path_of
from web.links import page_address
from web.negotiation import etag_of, send
from web.site import Site, current_site
from web.story import PART_WORDS, as_data, others_of, reasons_of, versions_of

STORIES_PER_PAGE = 30
TITLES = 10  # that show what a feed holds
CURSOR = re.compile(r"[0-9]{1,12}-[0-9]{1,12}")  # as the store gives them; anything else means the first page
GONE = b'{"status":410,"title":"This story was withdrawn."}'

pages = Blueprint("reader", __name__)


class Line(Struct, frozen=True):
    """A source in the list, ready to be written: templates take ten times as long to find such things out."""

    health: words.Health
    page: str
    name: str
    items: str
    facts: Sequence[tuple[str, datetime | None]]


@pages.get("/")
def river() -> str:
    """Every category."""
    return _river(ALL, absolute("reader.river"))


@pages.get("/<slug>")
def category(slug: str) -> str | Response:
    """One category."""
    return _of_kind(slug, Kind.CATEGORY)


@pages.get("/dep/<code>")
def departement(code: str) -> str | Response:
    """One département."""
    return _of_kind(f"{DEPARTEMENT}{code}", Kind.DEPARTEMENT)


@pages.get("/<slug>/dep/<code>")
def category_in(slug: str, code: str) -> str | Response:
    """One category in one département."""
    return _of_kind(f"{slug}/{DEPARTEMENT}{code}", Kind.BOTH)


def _of_kind(slug: str, kind: Kind) -> str | Response:
    site = current_site()
    moved = site.settings.renamings.get(slug)
    if moved is not None:
        return _led_on(path_of(moved))
    if slug not in site.feeds() or kind_of(slug) is not kind:
        abort(410 if is_closed(slug) else 404)
    return _river(slug, page_of(slug))


def _river(slug: str, canonical: str) -> str:
    store = current_site().store
    piece = store.river(slug, _cursor(), STORIES_PER_PAGE)
    return page(
        "river.html",
        feed=slug,
        canonical=canonical,
        title=label(slug),
        has_news=bool(piece.stories) or bool(store.told([ALL])),
        is_tried=not piece.stories and all(view.state.checked_at for view in current_site().views() if view.listed),
        piece=piece,
        days=days(piece.stories),
        rows=rows(slug),
    )


@pages.get("/feed/<path:slug>")
def feed(slug: str) -> str:
    """What a feed is and how to follow it, for a person who opened its address."""
    site = current_site()
    given = words_of(request.query_string.decode("latin-1"))
    question = site.known(question_of(given)) if slug == SEARCH else NO_QUESTION
    if not (question.query or slug in site.feeds()):
        abort(410 if is_closed(slug) else 404)
    asked = Asked(slug, Format.RSS, options_of(given, site.settings.feed_length), question=question)
    return page(
        "feed.html",
        feed=slug,
        query=question.words,
        question=question,
        title=label(slug, question),
        asked=[replace(asked, format=format) for format in words.FORMAT_NAMES],
        public=site.settings.public_url,
        subject=page_address(slug, site.settings, question),
        stories=_newest(site, slug, question),
    )


def _newest(site: Site, slug: str, question: Question) -> list[Story]:
    if question.query:
        settings = site.settings
        found = site.store.search(question, settings.language, TITLES, newest=True, zone=settings.timezone)
        return [hit.story for hit in found.hits]
    return list(site.store.river(slug, limit=TITLES).stories)


@pages.get("/story/<int(max=999999999999):story_id>")
def story(story_id: int) -> str | Response:
    """A story with all its items, why they stand together, what changed, and who else tells of the event."""
    store = current_site().store
    found = store.story(story_id)
    if found is None:
        abort(404)
    if found.id != story_id:  # it became part of another
        return redirect(url_for("reader.story", story_id=found.id), 301)
    if found.lead.hidden:
        abort(410)
    others, links = _event_of(store, found)
    full = _may_show_in_full(found)
    return page(
        "story.html",
        canonical=absolute("reader.story", story_id=found.id),
        title=found.lead.item.title,
        story=found,
        names=current_site().names(),
        full=full,
        versions={
            stored.id: versions_of(stored, revisions, stored.id in full)
            for stored, revisions in _revisions_of(store, found)
        },
        reasons=reasons_of(store.links(found.id), _pins_of(store, found), words.items_of(found)),
        event=others_of(others, links),
        items={each.item.key: each for each in words.items_of(found)},
        slugs=[row.feed for row in store.log(found.id) if row.feed in current_site().taxonomy.slugs],
        rules=words.RULE_WORDS,
        parts=PART_WORDS,
    )


@pages.route("/story/<int(max=999999999999):story_id>.json", methods=["GET", "HEAD", "OPTIONS"])
def story_data(story_id: int) -> Response:
    """The same for programs; open to pages of other sites, as the feeds are."""
    response = make_response(b"", 204)
    response.headers.update(CORS)
    if request.method == "OPTIONS":
        response.headers.update({**PREFLIGHT, "Allow": PREFLIGHT["Access-Control-Allow-Methods"]})
        return response
    store = current_site().store
    found = store.story(story_id)
    if found is None:
        abort(404)
    if found.id != story_id:
        moved = redirect(absolute("reader.story_data", story_id=found.id), 301)
        moved.headers.update(CORS)
        return moved
    if found.lead.hidden:
        response.status_code = 410
        response.headers["Content-Type"] = "application/json"
        response.set_data(GONE)
        return response
    others, links = _event_of(store, found)
    told = as_data(
        found,
        others,
        lambda each: absolute("reader.story", story_id=each.id),
        (*store.links(found.id), *links),
        _pins_of(store, found),
        {stored.id: revisions for stored, revisions in _revisions_of(store, found)},
        current_site().names(),
    )
    body = msgspec.json.encode(told)
    response.status_code = 200
    response.headers["Content-Type"] = "application/json"
    response.headers["Cache-Control"] = PAGE_CACHE
    return send(request, response, body, etag_of(body))


def _event_of(store: Store, story: Story) -> tuple[tuple[Story, ...], tuple[Link, ...]]:
    """The other stories about a story's event and the links that lead to them; none where one source tells it all."""
    if story.event_sources < 2:
        return (), ()
    others = store.event(story.id)
    keys = {stored.item.key for other in others for stored in words.items_of(other)}
    ties = chain.from_iterable(store.links_of(stored.id) for stored in words.items_of(story))
    live = (tie.link for tie in ties if tie.closed_at is None)
    return others, tuple(link for link in live if link.level is Level.EVENT and keys & {link.item, link.other})


def _pins_of(store: Store, story: Story) -> tuple[Pin, ...]:
    """What editors say of the items of a story, but for what they say of it and a hidden one."""
    pins = store.pins_of(story.id)
    hidden = store.hidden_among({key for pin in pins for key in (pin.item, pin.other)})
    return tuple(pin for pin in pins if not hidden & {pin.item, pin.other})


def _revisions_of(store: Store, story: Story) -> list[tuple[Stored, tuple[Revision, ...]]]:
    return [(each, store.revisions(each.id)) for each in words.items_of(story) if each.revision]


def _may_show_in_full(story: Story) -> frozenset[int]:
    """The items whose source allows the whole text; a source that left feeds.opml allows nothing any more."""
    site = current_site()
    return frozenset(
        stored.id
        for stored in words.items_of(story)
        if (view := site.view_of(stored.item.source)) and view.listed and view.source.republish is Republish.FULL
    )


@pages.get("/sources")
def sources() -> str:
    """Every source with its state, by region."""
    views, now = [view for view in current_site().store.sources() if not view.withdrawn], current_site().clock()
    by_region = [
        (region, [_line(view, now) for view in group])
        for region, group in groupby(
            sorted(views, key=lambda view: (not view.listed, view.source.region)),
            lambda view: view.source.region if view.listed else None,
        )
    ]
    return page(
        "sources.html",
        canonical=absolute("reader.sources"),
        by_region=by_region,
        total=sum(view.listed for view in views),
        counts=Counter(line.health for _, lines in by_region for line in lines),
        health_words={health: str(text) for health, text in words.HEALTH_WORDS.items()},
    )


def _line(view: SourceView, now: datetime) -> Line:
    return Line(
        words.health_of(view),
        link("reader.source_page", slug=view.slug),
        name_of(view),
        ngettext("%(num)s item", "%(num)s items", view.items) % {"num": view.items},
        words.facts_of(view, now, brief=True),
    )


@pages.get("/source")
def source() -> Response:
    """Where the page of a source stands, by the address of its feed: what it was before sources had names."""
    view = current_site().view_of(request.args.get("url", ""))
    if view is None:
        abort(404)
    return _led_on(url_for("reader.source_page", slug=view.slug))


@pages.get("/source/<slug>")
def source_page(slug: str) -> str | Response:
    """One source: its state, and the stories that it is part of."""
    site, own = current_site(), f"{SOURCE}{slug}"
    moved = site.settings.renamings.get(own)
    if moved is not None:
        return _led_on(path_of(moved))
    view = site.store.source(slug)
    if view is None or view.withdrawn:
        abort(410 if view else 404)
    piece = site.store.source_river(view.source.url, _cursor(), STORIES_PER_PAGE)
    return page(
        "source.html",
        feed=own if view.listed else "",
        canonical=page_of(own),
        title=name_of(view),
        view=view,
        conditions=conditions.told(site.store.history(view.source.url)),
        piece=piece,
        days=days(piece.stories),
        now=site.clock(),
        **_source_words(),
    )


def _led_on(location: str) -> Response:
    response = redirect(location, 301)
    response.headers["Cache-Control"] = MOVED_CACHE
    return response


def _source_words() -> dict[str, Any]:
    return {
        "name_of": name_of,
        "health_of": words.health_of,
        "facts_of": words.facts_of,
        "health_words": words.HEALTH_WORDS,
        "trouble_words": words.TROUBLE_WORDS,
    }


def _cursor() -> str:
    before = request.args.get("before", "")
    return before if CURSOR.fullmatch(before) else ""
