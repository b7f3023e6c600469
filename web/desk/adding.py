"""A new source: what an editor typed leads to feeds, one of them to its last items, and those to a line of the list."""

from collections import Counter
from collections.abc import Mapping
from typing import cast

from flask import Blueprint, current_app, make_response, redirect, request
from werkzeug.wrappers import Response

from aggregator.desk import lines, sources
from aggregator.desk.discovery import (
    AddressError,
    Candidate,
    Discovery,
    Failure,
    Finder,
    TooOftenError,
    Way,
    check_address,
)
from aggregator.desk.known import How, Seen, look
from aggregator.desk.lines import Wrong
from aggregator.errors import DeskError
from aggregator.model import Role, Source
from aggregator.opml import bare_address
from web.desk.gate import desk_page, me, needs, refused, said, store, with_done
from web.desk.sources import line_words, listed, mark_of, note
from web.language import lazy_gettext
from web.layout import link
from web.site import current_site
from web.words import TROUBLE_WORDS

SHOWN = 20  # items of a preview
TYPED_LIMIT = 2048  # characters
FINDER = "tributary.finder"

WAY_WORDS = {
    Way.TYPED: lazy_gettext("the address itself"),
    Way.NAMED: lazy_gettext("the page names it"),
    Way.GUESSED: lazy_gettext("a usual address of the site"),
}
HOW_WORDS = {
    How.LINK: lazy_gettext("the same link"),
    How.GUID: lazy_gettext("the same identifier"),
    How.TEXT: lazy_gettext("the same text"),
}


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/sources/add", "add_source", add_source, methods=["GET"])
    desk.add_url_rule("/sources/add", "find_source", find_source, methods=["POST"])
    desk.add_url_rule("/sources/add/preview", "preview_source", preview_source, methods=["POST"])


def finder() -> Finder:
    """What looks for feeds, one for the whole process."""
    return cast(Finder, current_app.extensions.setdefault(FINDER, Finder(current_site().settings)))


@needs(Role.EDITOR)
def add_source() -> Response:
    """Where an editor types a site."""
    return _start(request.args.get("site", "")[:TYPED_LIMIT])


@needs(Role.EDITOR)
def find_source() -> Response:
    """The feeds that are there."""
    typed = request.form.get("site", "").strip()[: TYPED_LIMIT + 1]
    try:
        found = finder().find(typed, me().name, current_site().clock())
        return _start(typed, found=found, ours=_ours(listed()))
    except AddressError as error:
        return _start(typed, flaw=said(error), status=400)
    except TooOftenError as error:
        return _start(typed, flaw=said(error), status=429)
    except DeskError as error:
        return refused(error, link("desk.add_source"))


@needs(Role.EDITOR)
def preview_source() -> Response:
    """What a feed holds, with the line that it would get; and its adding."""
    form, site = request.form, current_site()
    url = form.get("url", "").strip()
    try:
        proposed, wrong = _line(form)
        if "add" in form and not wrong:
            change = sources.added([proposed])
            action = sources.edit(site.settings, store(), me().name, note(), change, site.clock())
            site.look_again()
            return redirect(with_done(_page_of(proposed.url, said="added"), mark_of(action)), 303)
        answer = finder().preview(proposed, me().name, site.clock())
        if isinstance(answer, Failure):
            return _start(url, found=Discovery(url, (), (answer,)))
        candidate, found = answer
        if "kind" not in form:
            proposed = lines.propose(candidate, tuple(listed().values()), site.settings)
        items = look(store(), found.items, found.prints, proposed.url, site.clock())
        return _preview(proposed, candidate, items, wrong)
    except AddressError as error:
        return _start(url, flaw=said(error), status=400)
    except TooOftenError as error:
        return _start(url, flaw=said(error), status=429)
    except DeskError as error:
        return refused(error, link("desk.add_source"))


def _line(form: Mapping[str, str]) -> tuple[Source, Mapping[str, Wrong]]:
    """The line as the form has it; of a feed that was just chosen, little more than its address."""
    site, base = current_site(), Source("https://nobody.invalid/", timezone=current_site().settings.timezone)
    check_address(form.get("url", "").strip())
    return lines.of_form(form, request.form.getlist("categories"), site.taxonomy.slugs, base)


def _preview(proposed: Source, candidate: Candidate, items: tuple[Seen, ...], wrong: Mapping[str, Wrong]) -> Response:
    form = request.form if "kind" in request.form else lines.as_form(proposed)
    had = Counter(each.same.source for each in items if each.same)
    body = desk_page(
        "source_new.html",
        proposed=proposed,
        candidate=candidate,
        items=items[:SHOWN],
        looked=len(items),
        had=had.most_common(),
        how_words=HOW_WORDS,
        form=form,
        ticked=request.form.getlist("categories") if "kind" in request.form else proposed.categories,
        wrong=wrong,
        ours=_ours(listed()).get(bare_address(proposed.url)),
        page_of=_page_of,
        **line_words(),
    )
    return make_response(body, 400 if wrong else 200)


def _start(
    typed: str,
    found: Discovery | None = None,
    ours: Mapping[str, Source] | None = None,
    flaw: str = "",
    status: int = 200,
) -> Response:
    body = desk_page(
        "source_add.html",
        typed=typed,
        found=found,
        ours={each.url: (ours or {}).get(bare_address(each.url)) for each in found.candidates} if found else {},
        ways=WAY_WORDS,
        troubles=TROUBLE_WORDS,
        page_of=_page_of,
        flaw=flaw,
    )
    return make_response(body, status)


def _ours(lines_: Mapping[str, Source]) -> dict[str, Source]:
    return {bare_address(url): source for url, source in lines_.items()}


def _page_of(url: str, **said: str) -> str:
    """The page of a source at the desk; that of the list while the store does not know it."""
    view = current_site().view_of(url)
    return link("desk.source", slug=view.slug, **said) if view else link("desk.sources")
