"""The list of the sources as editors see it: found, chosen, and changed many at once; and the list as a file. What is
done is shown before it is done.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
from flask import Blueprint, abort, make_response, redirect, request
from msgspec import Struct
from werkzeug.wrappers import Response

from aggregator import opml
from aggregator.catalogue import name_of
from aggregator.desk import bulk, finding, lines
from aggregator.desk.bulk import Bulk, Wanted
from aggregator.desk.lines import Flaw, Wrong
from aggregator.errors import ConfigError, ConflictError, DeskError
from aggregator.model import Action, Hiding, Role, Source
from aggregator.store import SourceView
from web.desk.gate import conflict, desk_page, me, needs, refused, store, with_done
from web.desk.rules import TITLES_SHOWN, ordered
from web.language import gettext, lazy_gettext, ngettext
from web.layout import link
from web.site import current_site
from web.words import Health, health_of

CHOSEN_LIMIT = 300  # sources that are changed at once
WITHDRAWN_LIMIT = 30  # that are withdrawn at once, with all that they ever published
BULK_BYTES = 1 << 20
NOTE_LIMIT = 300  # characters

HIDDEN, RETIRED = "withdrawn", Health.UNLISTED.value
STATE_WORDS = {
    Health.OK.value: lazy_gettext("works"),
    Health.WAITING.value: lazy_gettext("waits for its first check"),
    Health.FAILING.value: lazy_gettext("does not work"),
    Health.PAUSED.value: lazy_gettext("paused"),
    HIDDEN: lazy_gettext("withdrawn"),
    RETIRED: lazy_gettext("retired"),
}
BULK_WORDS = {
    Bulk.PAUSE: lazy_gettext("Pause"),
    Bulk.RESUME: lazy_gettext("Resume"),
    Bulk.REGION: lazy_gettext("Set the region"),
    Bulk.CATEGORIES: lazy_gettext("Set the categories"),
    Bulk.DEPARTEMENTS: lazy_gettext("Set the départements"),
    Bulk.RETIRE: lazy_gettext("Retire"),
    Bulk.BACK: lazy_gettext("Put back into the list"),
    Bulk.WITHDRAW: lazy_gettext("Withdraw with all items"),
    Bulk.SHOW: lazy_gettext("Show again"),
}
MEANS = {
    Bulk.PAUSE: lazy_gettext("They are not asked any more until somebody resumes them. What they sent stays."),
    Bulk.RESUME: lazy_gettext("They are asked again from now on."),
    Bulk.REGION: lazy_gettext("They stand under this region in the list. Nothing changes in the feeds."),
    Bulk.CATEGORIES: lazy_gettext(
        "Everything they write gets these categories; with none, their own tags decide."
        " Items of the last 30 days follow."
    ),
    Bulk.DEPARTEMENTS: lazy_gettext("Everything they write gets these départements. Items of the last 30 days follow."),
    Bulk.RETIRE: lazy_gettext(
        "They are taken out of the list and not asked any more. What they published stays readable."
    ),
    Bulk.BACK: lazy_gettext("They stand in the list again, as they did last, and are asked from now on."),
    Bulk.WITHDRAW: lazy_gettext(
        "All their items leave every feed and page, and what they still publish is not shown. Their lines stay in the"
        " list: retire them too if they should not be asked any more."
    ),
    Bulk.SHOW: lazy_gettext("All their items are where they were."),
}
FLAW_WORDS = {
    Flaw.MISSING: lazy_gettext("This is needed."),
    Flaw.ADDRESS: lazy_gettext("This is no address that begins with http:// or https://."),
    Flaw.SECRET: lazy_gettext("An address must not hold a user name or a password."),
    Flaw.LONG: lazy_gettext("This is too long."),
    Flaw.DEEP: lazy_gettext("These are too many regions in one another."),
    Flaw.CATEGORY: lazy_gettext("There is no such category."),
    Flaw.DEPARTEMENT: lazy_gettext("This is not the code of a département, such as 25, 2A or 974."),
    Flaw.LANGUAGE: lazy_gettext("This is not a language, such as fr or fr-CH."),
    Flaw.ZONE: lazy_gettext("This is not a time zone, such as Europe/Paris."),
    Flaw.INTERVAL: lazy_gettext("This is not a number of minutes from 1 to 10080, a week."),
    Flaw.TAG: lazy_gettext("Write a tag of theirs, =, and one of our categories, such as Actu éco = economie."),
    Flaw.SELECTOR: lazy_gettext("This is not a CSS selector."),
    Flaw.CHOICE: lazy_gettext("This cannot be chosen."),
    Flaw.SAME: lazy_gettext("This is what it is already."),
    Flaw.WRITTEN: lazy_gettext("This cannot be written into the list."),
}


class Choice(Struct, frozen=True):
    """What of the list is shown."""

    words: str = ""
    region: str = ""
    category: str = ""
    state: str = ""


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/sources", "sources", sources, methods=["GET"])
    desk.add_url_rule("/sources/change", "change_sources", change_sources, methods=["POST"])
    desk.add_url_rule("/sources/export/<name>", "export_sources", export_sources, methods=["GET"])


@needs(Role.EDITOR)
def sources() -> str:
    """The list, by region."""
    choice = Choice(**{name: request.args.get(name, "").strip()[:100] for name in Choice.__struct_fields__})
    views = store().sources()
    shown = [view for view in views if _is_meant(view, choice)]
    by_region = [
        (region, list(group))
        for region, group in groupby(
            sorted(shown, key=lambda view: (not view.listed, view.source.region if view.listed else "")),
            lambda view: view.source.region if view.listed else None,
        )
    ]
    return desk_page(
        "sources.html",
        by_region=by_region,
        shown=len(shown),
        total=sum(view.listed for view in views),
        choice=choice,
        regions=sorted({view.source.region for view in views if view.listed and view.source.region}),
        name_of=name_of,
        state_of=state_of,
        states=STATE_WORDS,
        bulk_words=BULK_WORDS,
        said=_said(),
    )


@needs(Role.EDITOR, BULK_BYTES)
def change_sources() -> Response:
    """What would be done to the chosen sources, and its doing."""
    form, site = request.form, current_site()
    then = link("desk.source", slug=form["slug"]) if form.get("slug") else link("desk.sources")
    try:
        do = _done(form.get("do", ""))
        seen = [line_of(text) for text in form.getlist("seen")] or _chosen(do, form.getlist("url"))
        wanted, wrong = _wanted(do, form)
        effect = None
        if "sure" not in form or wrong:
            may_see = not wrong and (do not in bulk.VALUED or "look" in form)
            effect = bulk.preview(site.settings, store(), do, seen, wanted, site.clock()) if may_see else None
            return _sure(do, seen, wrong, effect, is_ready=may_see, then=then)
        done = bulk.carry_out(site.settings, store(), me().name, note(), do, seen, wanted, site.clock())
    except ConflictError as error:
        return conflict(error, then)
    except DeskError as error:
        return refused(error, then)
    site.look_again()
    if not form.get("slug"):
        then = link("desk.sources", did=do.value, count=len(seen))
    return redirect(with_done(then, _mark_of_all(done)), 303)


@needs(Role.EDITOR)
def export_sources(name: str) -> Response:
    """The list for other readers, or feeds.opml as it is."""
    site = current_site()
    try:
        if name == "feeds.opml":
            body = Path(site.settings.opml).read_bytes()
        elif name == "sources.opml":
            body = opml.write_sources(opml.read(site.settings.opml), site.settings.title, site.clock())
        else:
            abort(404)
    except ConfigError as error:
        return refused(error, link("desk.sources"))
    except OSError as error:
        return refused(
            DeskError("%(file)s cannot be read: %(why)s", file=site.settings.opml, why=error.strerror),
            link("desk.sources"),
        )
    response = make_response(body)
    response.headers["Content-Type"] = "text/x-opml; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def state_of(view: SourceView) -> str:
    """How a source is, in one word."""
    return HIDDEN if view.withdrawn else health_of(view).value


def listed() -> Mapping[str, Source]:
    """The lines of feeds.opml as the file has them now, by address. DeskError if it cannot be read."""
    try:
        return {source.url: source for source in opml.read(current_site().settings.opml)}
    except ConfigError as error:
        raise DeskError(error.text, **error.values) from error


def as_seen(source: Source) -> str:
    """A line as a form carries it, to be compared with what stands there when it comes back."""
    return msgspec.json.encode(source).decode()


def line_of(text: str) -> Source:
    """The line that a form carried. DeskError if it is none."""
    try:
        return msgspec.json.decode(text.encode("utf-8", "replace"), type=Source)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DeskError(gettext("The page had grown old. Please try again.")) from error


def mark_of(made: Action | Hiding | None) -> str:
    """What was done, for the address of the page that comes next."""
    if isinstance(made, Hiding):
        return f"hiding-{made.act}"
    return f"action-{made.id}" if made else ""


def note() -> str:
    """Why, in the editor's words."""
    return " ".join(request.form.get("note", "").split())[:NOTE_LIMIT]


def line_words() -> dict[str, Any]:
    """What the fields of a line need."""
    views = [view for view in store().sources() if view.listed]
    return {
        "flaw_words": FLAW_WORDS,
        "regions": sorted({view.source.region for view in views if view.source.region}),
        "zones": sorted({view.source.timezone for view in views} | {current_site().settings.timezone}),
        "parts": opml.SELECTORS,
        "note_limit": NOTE_LIMIT,
    }


def _done(name: str) -> Bulk:
    if name not in set(Bulk):
        raise DeskError(gettext("Choose what to do."))
    return Bulk(name)


def _is_meant(view: SourceView, choice: Choice) -> bool:
    source, state = view.source, state_of(view)
    return (
        finding.is_meant(choice.words, (name_of(view), source.description), (source.url, source.site))
        and (not choice.region or (view.listed and source.region == choice.region))
        and (not choice.category or choice.category in source.categories)
        and (state == choice.state if choice.state else state != RETIRED or bool(choice.words))
    )


def _chosen(do: Bulk, urls: Sequence[str]) -> list[Source]:
    """The lines of the chosen sources as they are."""
    now, views = listed(), {view.source.url: view for view in store().sources()}
    wanted = dict.fromkeys(url for url in urls if url in views)
    if do in bulk.HIDING:
        hidden = [views[url] for url in wanted if views[url].withdrawn is (do is Bulk.SHOW)]
        found = [now.get(view.source.url, view.source) for view in hidden]
    elif do is Bulk.BACK:
        found = [views[url].source for url in wanted if url not in now]
    else:
        lines_ = [now[url] for url in wanted if url in now]
        found = [line for line in lines_ if do not in (Bulk.PAUSE, Bulk.RESUME) or line.paused is (do is Bulk.RESUME)]
    if not found:
        raise DeskError(gettext("None of the chosen sources is one that this can be done to."))
    limit = WITHDRAWN_LIMIT if do is Bulk.WITHDRAW else CHOSEN_LIMIT
    if len(found) > limit:
        raise DeskError(gettext("These are more than %(num)s sources at once.", num=limit))
    return found


def _wanted(do: Bulk, form: Any) -> tuple[Wanted, Mapping[str, Wrong]]:
    """What the sources are to get."""
    if do not in bulk.VALUED or not ("look" in form or "sure" in form):
        return Wanted(), {}
    fields = {name: form.get(name, "") for name in (do.value,) if name != Bulk.CATEGORIES}
    made, wrong = lines.of_form(fields, form.getlist("categories"), current_site().taxonomy.slugs, _NOBODY)
    return Wanted(made.region, made.categories, made.departements), wrong


_NOBODY = Source("https://nobody.invalid/")


def _sure(
    do: Bulk, seen: Sequence[Source], wrong: Mapping[str, Wrong], effect: Any, *, is_ready: bool, then: str
) -> Response:
    names = {view.source.url: name_of(view) for view in store().sources()}
    body = desk_page(
        "sources_sure.html",
        do=do,
        words=BULK_WORDS[do],
        means=MEANS[do],
        is_valued=do in bulk.VALUED,
        is_ready=is_ready,
        seen=[(as_seen(source), names.get(source.url) or source.title or source.url) for source in seen],
        wrong=wrong,
        form=request.form,
        ticked=request.form.getlist("categories"),
        effect=effect,
        feeds=ordered(effect) if effect else (),
        titles_shown=TITLES_SHOWN,
        slug=request.form.get("slug", ""),
        then=then,
        **line_words(),
    )
    return make_response(body, 400 if wrong else 200)


def _mark_of_all(done: Sequence[Action | Hiding]) -> str:
    """The mark of the one act that made or ended all this, unless a part of it stands on."""
    marks = {mark_of(each) for each in done}
    acts = {each.act for each in done if isinstance(each, Hiding) and each.undone_at}
    is_whole = not any(each.act in acts for each in store().hidings())
    return marks.pop() if len(marks) == 1 and is_whole else ""


def _said() -> str:
    """What was just done, in words."""
    did, count = request.args.get("did", ""), request.args.get("count", "")
    if not count.isdecimal() or len(count) > 4:
        return ""
    if did == "imported":
        return ngettext("%(num)s line of the file was taken in.", "%(num)s lines of the file were taken in.", int(count)) % {"num": count}  # noqa: E501  # fmt: skip
    if did not in set(Bulk):
        return ""
    done = ngettext("Done to %(num)s source:", "Done to %(num)s sources:", int(count)) % {"num": count}
    return f"{done} {BULK_WORDS[Bulk(did)]}."
