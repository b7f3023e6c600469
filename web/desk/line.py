"""One source as editors see it: its line of the list with a form, its address, what was done to it, its last items.
What a change would do is shown before it is published.
"""

from collections.abc import Mapping
from urllib.parse import urljoin

from flask import Blueprint, abort, make_response, redirect, request
from werkzeug.wrappers import Response

from aggregator.catalogue import name_of
from aggregator.desk import effects, lines, moving, sources
from aggregator.desk.bulk import Bulk
from aggregator.desk.discovery import AddressError, Candidate, Discovery, Failure, TooOftenError
from aggregator.desk.known import Seen, look
from aggregator.desk.lines import Flaw, Wrong
from aggregator.errors import ConflictError, DeskError, ErrorClass
from aggregator.model import Effect, Role, Source
from aggregator.store import SourceView
from web.desk import history
from web.desk.adding import TYPED_LIMIT, WAY_WORDS, finder
from web.desk.gate import AGAIN, Mine, conflict, desk_page, me, needs, refused, said, store, typed, with_done
from web.desk.rules import TITLES_SHOWN, done_by, ordered
from web.desk.sources import (
    BULK_WORDS,
    STATE_WORDS,
    as_seen,
    line_of,
    line_words,
    listed,
    mark_of,
    note,
    state_of,
)
from web.language import gettext
from web.layout import link
from web.site import current_site
from web.words import TROUBLE_WORDS, Health, items_of

DONE_SHOWN = 20
ITEMS_SHOWN = 15


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/source/<slug>", "source", source, methods=["GET"])
    desk.add_url_rule("/source/<slug>", "edit_source", edit_source, methods=["POST"])
    desk.add_url_rule("/source/<slug>/move", "move_source", move_source, methods=["POST"])
    desk.add_url_rule("/source/<slug>/feeds", "look_for_feed", look_for_feed, methods=["POST"])


@needs(Role.EDITOR)
def source(slug: str) -> Response:
    """One source."""
    view = _view(slug)
    try:
        line = listed().get(view.source.url)
    except DeskError as error:
        return refused(error, link("desk.sources"))
    return _page(view, line, lines.as_form(line or view.source), (line or view.source).categories)


@needs(Role.EDITOR)
def edit_source(slug: str) -> Response:
    """Another line for it: what that would do, and its doing."""
    view, form, site, here = _view(slug), request.form, current_site(), link("desk.source", slug=slug)
    try:
        seen = line_of(form.get("seen", ""))
        fields = {name: text for name, text in form.items() if name not in ("url", "categories")}
        categories = tuple(form.getlist("categories"))
        if AGAIN in form:
            return _mine(view, seen, fields, categories)
        wanted, wrong = lines.of_form(fields, categories, site.taxonomy.slugs, seen)
        if wrong or wanted == seen:
            shown = {"url": seen.url, **form} if wrong else lines.as_form(seen)
            return _page(view, seen, shown, categories, wrong, said="" if wrong else gettext("Nothing was changed."))
        change = sources.replaced(seen, wanted)
        if "sure" not in form:
            return _sure(view, seen, wanted, effects.preview(site.settings, store(), change, site.clock()))
        effect = effects.publish(site.settings, store(), me().name, note(), change, site.clock())
    except DeskError as error:
        if isinstance(error, ConflictError):
            return conflict(error, here, Mine(here, typed()) if error.theirs else None)
        return refused(error, here)
    site.look_again()
    return redirect(with_done(here, done_by(effect)), 303)


def _sure(view: SourceView, seen: Source, wanted: Source, effect: Effect) -> Response:
    """What a change does, with a button that does it."""
    body = desk_page(
        "source_sure.html",
        view=view,
        name=name_of(view),
        differences=sources.diff(sources.as_text(seen), sources.as_text(wanted)),
        moved=(seen.region, wanted.region) if seen.region != wanted.region else (),
        effect=effect,
        feeds=ordered(effect),
        titles_shown=TITLES_SHOWN,
        fields=[each for each in typed() if each[0] != "note"],
        **line_words(),
    )
    return make_response(body)


def _mine(view: SourceView, seen: Source, fields: Mapping[str, str], categories: tuple[str, ...]) -> Response:
    """The form with what an editor changed of a line, and all else as the line is now."""
    line = listed().get(view.source.url)
    if line is None:
        return redirect(link("desk.source", slug=view.slug), 303)
    was, now = lines.as_form(seen), lines.as_form(line)
    form = {name: now[name] if fields.get(name, "") == was[name] else fields.get(name, "") for name in now}
    ticked = line.categories if set(categories) == set(seen.categories) else categories
    return _page(view, line, {**form, "url": line.url}, ticked)


@needs(Role.EDITOR)
def move_source(slug: str) -> Response:
    """Another address for it: what is there, and its going there."""
    view, form, site, here = _view(slug), request.form, current_site(), link("desk.source", slug=slug)
    try:
        seen = line_of(form.get("seen", ""))
        wanted, wrong = lines.of_form({"url": form.get("url", "")}, seen.categories, site.taxonomy.slugs, seen)
        if not wrong and wanted == seen:
            wrong = {"url": Wrong(Flaw.SAME)}
        if wrong:
            return _page(view, seen, lines.as_form(seen) | {"url": form.get("url", "")}, seen.categories, wrong)
        sources.tried(site.settings, sources.replaced(seen, wanted))
        if "sure" not in form:
            return _there(view, seen, wanted)
        action = moving.move(site.settings, store(), me().name, note(), [(seen, wanted.url)], site.clock())
    except ConflictError as error:
        return conflict(error, here)
    except TooOftenError as error:
        return refused(error, here, 429)
    except DeskError as error:
        return refused(error, here)
    site.look_again()
    return redirect(with_done(link("desk.source", slug=slug, said="moved"), mark_of(action)), 303)


@needs(Role.EDITOR)
def look_for_feed(slug: str) -> Response:
    """The feeds that its site has now, where the one that we know has gone."""
    view, now, here = _view(slug), current_site().clock(), link("desk.source", slug=slug)
    try:
        line = listed().get(view.source.url)
        if line is None:
            raise DeskError("%(url)s does not stand in the list", url=view.source.url)
        typed = request.form.get("site", "").strip()[: TYPED_LIMIT + 1] or _site_of(line, view)
        found = finder().find(typed, me().name, now)
    except AddressError as error:
        return _feeds(view, line, typed, flaw=said(error))
    except TooOftenError as error:
        return refused(error, here, 429)
    except DeskError as error:
        return refused(error, here)
    return _feeds(view, line, typed, found)


def _site_of(line: Source, view: SourceView) -> str:
    """Where its readers go."""
    return line.site or view.state.feed_site or urljoin(line.url, "/")


def _feeds(
    view: SourceView, line: Source | None, typed: str, found: Discovery | None = None, flaw: str = ""
) -> Response:
    body = desk_page(
        "source_feeds.html",
        view=view,
        name=name_of(view),
        seen=as_seen(line) if line else "",
        typed=typed,
        found=found,
        ways=WAY_WORDS,
        troubles=TROUBLE_WORDS,
        flaw=flaw,
    )
    return make_response(body, 400 if flaw else 200)


def _view(slug: str) -> SourceView:
    return store().source(slug) or abort(404)


def _there(view: SourceView, seen: Source, wanted: Source) -> Response:
    """What is at the new address, and how much of it the source has already."""
    site = current_site()
    answer = finder().preview(wanted, me().name, site.clock())
    candidate: Candidate | None = None
    failure: Failure | None = None
    items: tuple[Seen, ...] = ()
    if isinstance(answer, Failure):
        failure = answer
    else:
        candidate, found = answer
        items = look(store(), found.items, found.prints, wanted.url, site.clock())
    own = sum(each.same is not None and each.same.source == seen.url for each in items)
    body = desk_page(
        "source_move.html",
        view=view,
        name=name_of(view),
        wanted=wanted,
        seen=as_seen(seen),
        candidate=candidate,
        failure=failure,
        is_page=failure is not None and failure.error_class is ErrorClass.NOT_A_FEED,
        trouble=TROUBLE_WORDS[failure.error_class] if failure else "",
        items=items,
        own=own,
        **line_words(),
    )
    return make_response(body)


def _page(
    view: SourceView,
    line: Source | None,
    form: Mapping[str, str],
    ticked: tuple[str, ...],
    wrong: Mapping[str, Wrong] | None = None,
    said: str = "",
) -> Response:
    words = {"moved": gettext("Moved; it is asked there next."), "added": gettext("Added; it is asked next.")}
    stories = () if view.withdrawn else store().source_river(view.source.url, limit=ITEMS_SHOWN).stories
    body = desk_page(
        "source.html",
        view=view,
        name=name_of(view),
        line=line,
        seen=as_seen(line) if line else "",
        form=form,
        ticked=ticked,
        wrong=wrong or {},
        said=said or words.get(request.args.get("said", ""), ""),
        state=_state(view),
        actions=[(do, BULK_WORDS[do]) for do in _actions(view, line)],
        done=history.newest(DONE_SHOWN, about=view.source.url),
        items=[each for story in stories for each in items_of(story) if each.item.source == view.source.url],
        trouble=TROUBLE_WORDS[view.state.error_class] if view.state.error_class else "",
        **line_words(),
    )
    return make_response(body, 400 if wrong else 200)


def _state(view: SourceView) -> str:
    """How it is, in a few words."""
    if state_of(view) == Health.WAITING and view.state.succeeded_at:
        return gettext("waits for its first check at this address")
    return str(STATE_WORDS[state_of(view)])


def _actions(view: SourceView, line: Source | None) -> list[Bulk]:
    of_line = [Bulk.BACK] if line is None else [Bulk.RESUME if line.paused else Bulk.PAUSE, Bulk.RETIRE]
    return [*of_line, Bulk.SHOW if view.withdrawn else Bulk.WITHDRAW]
