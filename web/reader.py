"""The pages for readers: rivers, stories, search, sources, how to subscribe. Takes stories, gives HTML."""

import re
from itertools import chain, groupby
from typing import Any

import msgspec
from flask import Blueprint, abort, make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from aggregator.model import Level, Link, Republish, Stored, Story
from aggregator.store import Hit, Revision, SourceView, Store
from web import words
from web.feeds import CORS, PREFLIGHT
from web.headers import PAGE_CACHE
from web.layout import absolute, days, feed_title, label, page
from web.negotiation import etag_of, send
from web.site import ALL, current_site, name_of
from web.story import PART_WORDS, as_data, others_of, reasons_of, versions_of

STORIES_PER_PAGE = 30
HITS_PER_PAGE = 20
QUERY_LIMIT_CHARACTERS = 300
LAST_SEARCH_PAGE = 50
CURSOR = re.compile(r"[0-9]{1,12}-[0-9]{1,12}")  # as the store gives them; anything else means the first page

pages = Blueprint("reader", __name__)


@pages.get("/")
def river() -> str:
    """Every category."""
    return _river(ALL, absolute("reader.river"))


@pages.get("/<slug>")
def category(slug: str) -> str:
    """One category."""
    if slug not in current_site().taxonomy.slugs:
        abort(404)
    return _river(slug, absolute("reader.category", slug=slug))


def _river(slug: str, canonical: str) -> str:
    piece = current_site().store.river(slug, _cursor(), STORIES_PER_PAGE)
    title = label(slug)
    return page("river.html", feed=slug, canonical=canonical, title=title, piece=piece, days=days(piece.stories))


@pages.get("/story/<int(max=999999999999):story_id>")
def story(story_id: int) -> str | Response:
    """A story with all its items, why they stand together, what changed, and who else tells of the event."""
    store = current_site().store
    found = store.story(story_id)
    if found is None:
        abort(404)
    if found.id != story_id:  # it became part of another
        return redirect(url_for("reader.story", story_id=found.id), 301)
    others, links = _event_of(store, found)
    views = {view.source.url: view for view in store.sources()}
    full = _may_show_in_full(found, views)
    return page(
        "story.html",
        canonical=absolute("reader.story", story_id=found.id),
        title=found.lead.item.title,
        story=found,
        names={url: name_of(view) for url, view in views.items()},
        full=full,
        versions={
            stored.id: versions_of(stored, revisions, stored.id in full)
            for stored, revisions in _revisions_of(store, found)
        },
        reasons=reasons_of(store.links(found.id), store.pins_of(found.id)),
        event=others_of(others, links),
        items={each.item.key: each for each in words.items_of(found)},
        slugs=[row.feed for row in store.log(found.id) if row.feed in current_site().slugs],
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
    others, links = _event_of(store, found)
    told = as_data(
        found,
        others,
        lambda each: absolute("reader.story", story_id=each.id),
        (*store.links(found.id), *links),
        store.pins_of(found.id),
        {stored.id: revisions for stored, revisions in _revisions_of(store, found)},
        {view.source.url: name_of(view) for view in store.sources()},
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


def _revisions_of(store: Store, story: Story) -> list[tuple[Stored, tuple[Revision, ...]]]:
    return [(each, store.revisions(each.id)) for each in words.items_of(story) if each.revision]


def _may_show_in_full(story: Story, views: dict[str, SourceView]) -> frozenset[int]:
    """The items whose source allows the whole text; a source that left feeds.opml allows nothing any more."""
    return frozenset(
        stored.id
        for stored in words.items_of(story)
        if (view := views.get(stored.item.source)) and view.listed and view.source.republish is Republish.FULL
    )


@pages.get("/search")
def search() -> str:
    """Stories that hold every word of the query."""
    query = request.args.get("q", "").replace("\0", " ").strip()[:QUERY_LIMIT_CHARACTERS]
    number = min(max(request.args.get("page", 1, type=int), 1), LAST_SEARCH_PAGE)
    site = current_site()
    hits: tuple[Hit, ...] = ()
    if query:
        offset = (number - 1) * HITS_PER_PAGE
        hits = site.store.search(query, site.settings.language, HITS_PER_PAGE + 1, offset)
    more = len(hits) > HITS_PER_PAGE and number < LAST_SEARCH_PAGE
    return page("search.html", query=query, hits=hits[:HITS_PER_PAGE], number=number, more=more)


@pages.get("/sources")
def sources() -> str:
    """Every source with its state, by region."""
    views = current_site().store.sources()
    by_region = [
        (region, list(group))
        for region, group in groupby(
            sorted(views, key=lambda view: (not view.listed, view.source.region)),
            lambda view: view.source.region if view.listed else None,
        )
    ]
    counts = {health: sum(words.health_of(view) is health for view in views) for health in words.Health}
    return page(
        "sources.html",
        canonical=absolute("reader.sources"),
        by_region=by_region,
        total=sum(view.listed for view in views),
        counts=counts,
        now=current_site().clock(),
        **_source_words(),
    )


@pages.get("/source")
def source() -> str:
    """One source: its state, and the stories that it is part of."""
    url = request.args.get("url", "")
    store = current_site().store
    view = next((each for each in store.sources() if each.source.url == url), None)
    if view is None:
        abort(404)
    piece = store.source_river(url, _cursor(), STORIES_PER_PAGE)
    return page(
        "source.html",
        canonical=absolute("reader.source", url=url),
        title=name_of(view),
        view=view,
        piece=piece,
        days=days(piece.stories),
        now=current_site().clock(),
        **_source_words(),
    )


def _source_words() -> dict[str, Any]:
    return {
        "name_of": name_of,
        "health_of": words.health_of,
        "health_words": words.HEALTH_WORDS,
        "trouble_words": words.TROUBLE_WORDS,
    }


@pages.get("/subscribe")
def subscribe() -> str:
    """How to follow the feeds, and the address of each."""
    return page(
        "subscribe.html",
        canonical=absolute("reader.subscribe"),
        slugs=current_site().slugs,
        feed_title=feed_title,
        opml=absolute("feeds.our_feeds"),
    )


def _cursor() -> str:
    before = request.args.get("before", "")
    return before if CURSOR.fullmatch(before) else ""
