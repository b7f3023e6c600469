"""How the sources are, for an editor who has ten seconds: one table, the worst first, what helps, and a button where
one click does it; and one source with its history. Judges nothing itself, see `aggregator.health`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from babel.dates import format_date, get_day_names, get_month_names
from flask import Blueprint, abort, redirect, request
from markupsafe import Markup
from msgspec import Struct
from werkzeug.wrappers import Response

from aggregator.catalogue import name_of
from aggregator.desk import health
from aggregator.desk.health import Choice, Deed, Done, Line, Show, Sort
from aggregator.errors import ConflictError, DeskError
from aggregator.model import ConditionKind, Role, Source, SourceState
from web.desk import charts, watching
from web.desk.gate import conflict, desk_page, inside, me, needs, refused, store, with_done
from web.desk.troubles import KIND_WORDS, Trouble, trouble_of
from web.language import gettext, lazy_gettext, ngettext, page_language
from web.layout import link
from web.site import current_site

MINUTE = timedelta(minutes=1)
WORDS_LIMIT = 100  # characters of what is looked for
CHART_DAYS = 90
WEEK_DAYS = 7
HOURS_TOGETHER = 3  # in the table beside the squares
SHOW_WORDS = {
    Show.NEEDY: lazy_gettext("need somebody"),
    Show.ALL: lazy_gettext("all"),
    Show.SHAKY: lazy_gettext("failed at their last check"),
    Show.SOUND: lazy_gettext("nothing is the matter"),
}
SORT_WORDS = {
    Sort.WORST: lazy_gettext("the worst first"),
    Sort.NAME: lazy_gettext("by name"),
    Sort.FEWEST: lazy_gettext("the fewest items first"),
    Sort.SUCCESS: lazy_gettext("the longest without success first"),
}
DEED_WORDS = {
    Deed.CHECK: lazy_gettext("Check now"),
    Deed.PAUSE: lazy_gettext("Pause"),
    Deed.RESUME: lazy_gettext("Resume"),
    Deed.TAKE: lazy_gettext("Take the new addresses"),
}


class Row(Struct, frozen=True):
    """A line as the table shows it."""

    line: Line
    name: str
    page: str  # of ours
    spark: Markup
    success: tuple[str, str] | None  # as machines and as people read it
    since: tuple[str, str] | None  # the worst
    troubles: tuple[Trouble, ...]


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/health", "health", show, methods=["GET"])
    desk.add_url_rule("/health", "health_act", act, methods=["POST"])
    desk.add_url_rule("/health/<slug>", "health_source", source, methods=["GET"])
    watching.register(desk)


@needs(Role.EDITOR)
def show() -> str:
    """The table."""
    now, choice = current_site().clock(), _choice()
    everything = health.lines(store(), now)
    found = health.chosen(everything, choice)
    return desk_page(
        "health.html",
        rows=[_row(each, now) for each in found],
        total=len(everything),
        counts=_counts(everything),
        choice=choice,
        ticked=request.args.get("ticked") == "1",
        said=_said(),
        then=_again(choice),
        shows=SHOW_WORDS,
        sorts=SORT_WORDS,
        kinds=KIND_WORDS,
        deeds=DEED_WORDS,
        regions=sorted({each.source.region for each in everything if each.source.region}),
        watch=watching.shown(),
        note_limit=health.NOTE_LIMIT,
    )


@needs(Role.EDITOR)
def act() -> Response:
    """Do something to one source, or to all that were ticked."""
    form, site = request.form, current_site()
    deed, _, one = form.get("one", form.get("deed", "")).partition(" ")
    picked = dict(each.rpartition(" ")[::2] for each in ([one] if one else form.getlist("source")))
    again = inside(form.get("then", "") or link("desk.health"))
    if deed not in set(Deed):
        abort(400)
    try:
        done = health.act(site.settings, store(), me().name, form.get("note", ""), Deed(deed), picked, site.clock())
    except ConflictError as error:
        return conflict(error, again)
    except DeskError as error:
        return refused(error, again)
    return redirect(_told(again, done), 303)


@needs(Role.EDITOR)
def source(slug: str) -> str:
    """One source: what was the matter with it, and when it publishes."""
    now = current_site().clock()
    line = next((each for each in health.lines(store(), now) if each.view.slug == slug), None) or abort(404)
    url, state = line.source.url, line.view.state
    days = store().days(now - timedelta(days=CHART_DAYS - 1), now).get(url, (0,) * CHART_DAYS)
    return desk_page(
        "health_source.html",
        row=_row(line, now),
        past=[(each, trouble_of(each.condition)) for each in store().history(url) if each.until],
        chart=_chart(days, now),
        weeks=_weeks(days, now),
        rhythm=_rhythm(state),
        hours=_hours(state),
        facts=_facts(line.source, state, now),
        said=_said(),
        then=link("desk.health_source", slug=slug),
        deeds=DEED_WORDS,
    )


def page_of(slug: str) -> str:
    """The page of a source at the desk."""
    return link("desk.health_source", slug=slug)


def _choice() -> Choice:
    """What is asked for; what cannot be means what is so anyway."""
    asked = request.args
    show, sort = asked.get("show", ""), asked.get("sort", "")
    category = asked.get("category", "")
    return Choice(
        show=show if show in {*Show, *ConditionKind} else Show.NEEDY,
        region=asked.get("region", "")[:WORDS_LIMIT],
        category=category if category in current_site().taxonomy.slugs else "",
        words=asked.get("words", "")[:WORDS_LIMIT].strip(),
        sort=Sort(sort) if sort in set(Sort) else Sort.WORST,
    )


def _again(choice: Choice, **more: object) -> str:
    """The address of the table as it is narrowed now."""
    asked = {name: getattr(choice, name) for name in ("show", "region", "category", "words", "sort")}
    plain = Choice()
    return link(
        "desk.health", **{name: value for name, value in asked.items() if value != getattr(plain, name)}, **more
    )


def _counts(everything: Sequence[Line]) -> dict[str, int]:
    """How many sources there are of each kind that can be shown."""
    counts = dict.fromkeys(map(str, (*Show, *ConditionKind)), 0) | {str(Show.ALL): len(everything)}
    for line in everything:
        counts[Show.NEEDY] += line.needs
        counts[Show.SHAKY] += line.is_shaky
        counts[Show.SOUND] += not line.conditions and not line.is_shaky
        for condition in line.conditions:
            counts[condition.kind] += 1
    return counts


def _row(line: Line, now: datetime) -> Row:
    view = line.view
    troubles = tuple(map(trouble_of, line.conditions))
    since = line.conditions[0].since if line.conditions else None
    spark = charts.sparkline(line.days, _spark_words(sum(line.days), max(line.days)))
    return Row(
        line, name_of(view), link("desk.health_source", slug=view.slug), spark,
        _times(view.state.succeeded_at, now), _times(since, now), troubles,
    )  # fmt: skip


def _times(at: datetime | None, now: datetime) -> tuple[str, str] | None:
    return (at.isoformat(timespec="seconds"), _ago((now - at) // MINUTE, page_language())) if at else None


@lru_cache(4096)
def _ago(minutes: int, _language: str) -> str:
    """How long that is: a table that is read in ten seconds has no room for dates."""
    hours, days = minutes // 60, minutes // 1440
    if minutes < 2:
        return gettext("just now")
    if hours < 2:
        return gettext("%(num)s minutes ago", num=minutes)
    if days < 2:
        return gettext("%(num)s hours ago", num=hours)
    return gettext("%(num)s days ago", num=days)


def _spark_words(items: int, most: int) -> str:
    return _kept_words(items, most, page_language())


@lru_cache(4096)
def _kept_words(items: int, most: int, _language: str) -> str:
    if not items:
        return gettext("no item in 30 days")
    told = ngettext(
        "%(num)s item in 30 days, %(most)s on the busiest", "%(num)s items in 30 days, %(most)s on the busiest", items
    )
    return told % {"num": items, "most": most}


def _told(again: str, done: Done) -> str:
    """Where it goes on, and what is said there."""
    join = "&" if "?" in again else "?"
    made = f"action-{done.action.id}" if done.action else ""
    return with_done(f"{again}{join}deed={done.deed}&count={done.done}&left={done.left}", made)


def _said() -> str:
    """What was just done."""
    deed, done, left = (request.args.get(name, "") for name in ("deed", "count", "left"))
    if deed not in set(Deed) or not all(each.isascii() and each.isdigit() and len(each) < 6 for each in (done, left)):
        return ""
    said = [_done_words(Deed(deed), int(done))]
    if int(left):
        said.append(gettext("Nothing could be done for %(num)s.", num=left))
    return " ".join(said)


def _done_words(deed: Deed, count: int) -> str:
    match deed:
        case Deed.PAUSE:
            told = ngettext("%(num)s source is paused.", "%(num)s sources are paused.", count)
        case Deed.RESUME:
            told = ngettext("%(num)s source is asked again.", "%(num)s sources are asked again.", count)
        case Deed.CHECK:
            told = ngettext("%(num)s source is due now.", "%(num)s sources are due now.", count)
        case Deed.TAKE:
            told = ngettext("%(num)s source has its new address.", "%(num)s sources have their new addresses.", count)
    return told % {"num": count}


# ── one source


def _chart(days: Sequence[int], now: datetime) -> Markup:
    first, language = now.date() - timedelta(days=len(days) - 1), page_language()
    dates = [first + timedelta(days=place) for place in range(len(days))]
    months = get_month_names("abbreviated", locale=language)
    marks = [(place, months[each.month]) for place, each in enumerate(dates) if each.day == 1]
    names = [
        gettext("%(day)s: %(num)s", day=format_date(each, "d MMMM", locale=language), num=count)
        for each, count in zip(dates, days, strict=True)
    ]  # fmt: skip
    items = sum(days)
    told = ngettext("%(num)s item in %(days)s days", "%(num)s items in %(days)s days", items)
    return charts.bars(days, names, marks, told % {"num": items, "days": len(days)})


def _weeks(days: Sequence[int], now: datetime) -> list[tuple[str, int]]:
    """Items by weeks that end today, the last first: the day on which each begins."""
    today, language = now.date(), page_language()
    found = []
    for end in range(len(days), 0, -WEEK_DAYS):
        begin = max(end - WEEK_DAYS, 0)
        first = today - timedelta(days=len(days) - 1 - begin)
        found.append((format_date(first, "d MMMM y", locale=language), sum(days[begin:end])))
    return found


def _rhythm(state: SourceState) -> Markup | None:
    """When it publishes; None while nothing is known."""
    if not sum(state.rhythm.hours):
        return None
    days = [name.rstrip(".") for name in _day_names("abbreviated")]
    return charts.week(state.rhythm.hours, days, gettext("When it publishes, by hour and weekday"))


def _hours(state: SourceState) -> list[tuple[str, list[str]]]:
    """The same as a table: weekdays, and the share of all items in each three hours of them."""
    hours, total = state.rhythm.hours, sum(state.rhythm.hours)
    if not total:
        return []
    return [
        (
            name,
            [
                f"{round(100 * sum(hours[at : at + HOURS_TOGETHER]) / total)} %"
                for at in range(24 * day, 24 * day + 24, HOURS_TOGETHER)
            ],
        )
        for day, name in enumerate(_day_names("wide"))
    ]


def _day_names(width: str) -> list[str]:
    names = get_day_names(width, locale=page_language())  # type: ignore[arg-type]
    return [str(names[day]) for day in range(WEEK_DAYS)]


def _facts(source: Source, state: SourceState, now: datetime) -> list[tuple[str, Any]]:
    """What helps to understand what it is asked, and when: names, and texts or times."""
    due = state.next_check_at
    if due is None or due <= now:
        next_check: Any = gettext("due")
    else:
        next_check = due
    closed = state.host_closed_until
    facts: list[tuple[str, Any]] = [
        (gettext("Last check"), state.checked_at),
        (gettext("Last answer"), _status(state)),
        (gettext("Next check"), next_check),
        (gettext("Why then"), _why(source, state, now)),
        (gettext("Its host asked to be left alone until"), closed if closed and closed > now else None),
        (gettext("Last change of its document"), state.body_changed_at),
        (gettext("Newest item in its document"), state.newest),
        (gettext("Items in its document"), state.entries or None),
        ("ETag", state.etag),
        ("Last-Modified", state.last_modified),
        (gettext("Hub that pushes until"), state.pushes.trusted_until),
        (gettext("It leads on to"), state.moved_to),
        (gettext("Its certificate ends on"), state.certificate.until if state.certificate else None),
    ]
    return [(name, value) for name, value in facts if value]


def _status(state: SourceState) -> str:
    if state.error_class:
        return f"{state.status or '–'} ({state.error_class})"
    return str(state.status) if state.status else ""


def _why(source: Source, state: SourceState, now: datetime) -> str:
    if state.host_closed_until and state.host_closed_until > now:
        return gettext("Its server asked for that.")
    if state.error_count:
        return gettext("It failed, so it is asked less and less often.")
    if source.interval is not None:
        minutes = source.interval // MINUTE
        return ngettext("Its line says every minute.", "Its line says every %(num)s minutes.", minutes) % {
            "num": minutes
        }
    if state.pushes.trusted_until and state.pushes.trusted_until > now:
        return gettext("Its hub pushes what is new, so it is asked rarely.")
    return gettext("By its rhythm: where news is likely, it is asked more often.") if state.checked_at else ""
