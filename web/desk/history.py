"""What was done, by whom and why, and its undoing: actions on the list and the rules, pins, and what is hidden."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from flask import Blueprint, redirect, request
from msgspec import Struct
from werkzeug.wrappers import Response

from aggregator.catalogue import host_of
from aggregator.desk import effects, rules, sources
from aggregator.errors import ConflictError, DeskError
from aggregator.health import needs_somebody
from aggregator.model import Action, ActionKind, Hiding, Key, Pin, PinKind, Role, Stored
from web.desk.gate import ROLE_WORDS, conflict, desk_page, inside, me, needs, refused, store, with_done
from web.desk.rules import in_full
from web.language import gettext, lazy_gettext, ngettext, page_language
from web.layout import label
from web.site import current_site

SHOWN = 100
NAMED = 3  # sources in a sentence
NUMBER_DIGITS = 12
OF_THE_BOX = ("done", "did", "deed", "count", "left", "said")  # what an address says of what was just done
ACCOUNT_DEEDS = {
    "added": lazy_gettext("Let %(name)s in: %(role)s."),
    "close": lazy_gettext("Closed the account of %(name)s."),
    "open": lazy_gettext("Opened the account of %(name)s again."),
    "role": lazy_gettext("Let %(name)s do other things: %(role)s."),
    "password": lazy_gettext("Gave %(name)s another password."),
}
RULE_DEEDS = {
    "rules_added": lazy_gettext("New rule: %(rules)s"),
    "rules_removed": lazy_gettext("No rule any more: %(rules)s"),
    "rules_changed": lazy_gettext("Changed rule: %(rules)s"),
}


class Done(Struct, frozen=True):
    """Something that was done, in words."""

    kind: str  # "action", "pin" or "hiding"
    number: int
    at: datetime
    by: str
    told: str
    note: str
    undone_at: datetime | None
    undone_by: str
    details: Sequence[str] = ()  # lines of a difference
    may_be_undone: bool = True
    withdrawn: Sequence[str] = ()  # the addresses of the sources that undoing it shows again


class Just(Struct, frozen=True):
    """What was done right before a page was shown, for the box on top of it."""

    kind: str
    number: int
    told: str
    undone_at: datetime | None
    undone_by: str
    may_be_undone: bool
    is_undoing: bool  # it undid something
    here: str  # the page


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/", "front", front, methods=["GET"])
    desk.add_url_rule("/history", "history", history, methods=["GET"])
    desk.add_url_rule("/history/<kind>/<int:number>", "undo", undo, methods=["POST"])
    desk.add_app_template_global(just_done, "done_last")


@needs(Role.EDITOR)
def front() -> str:
    """The first page of the desk."""
    listed = {view.source.url for view in store().sources() if view.listed and not view.source.paused}
    needy = {each.source for each in store().conditions() if needs_somebody(each.condition)} & listed
    unplaced = len(rules.unplaced(store(), current_site().clock()))
    return desk_page(
        "front.html",
        done=newest(8),
        needy=len(needy),
        unplaced=unplaced,
        is_more=unplaced >= rules.UNPLACED_LIMIT,
    )


@needs(Role.EDITOR)
def history() -> str:
    """What was done, the last first."""
    sources.note_outside(current_site().settings, store(), current_site().clock())
    return desk_page("history.html", done=newest(SHOWN))


@needs(Role.EDITOR)
def undo(kind: str, number: int) -> Response:
    """Undo one thing."""
    site, by, done = current_site(), me().name, number
    try:
        match kind:
            case "action":
                done = effects.undo(site.settings, store(), number, by, site.clock()).id
            case "pin":
                store().undo_pin(number, by, site.clock())
            case "hiding":
                standing = tuple(each.id for each in store().hidings() if each.act == number)
                store().unhide_all(standing or (number,), by, site.clock())
            case _:
                raise DeskError(gettext("There is nothing of that kind."))
    except ConflictError as error:
        return conflict(error)
    except DeskError as error:
        return refused(error)
    site.look_again()
    return redirect(with_done(inside(request.form.get("then", "")), f"{kind}-{done}"), 303)


def just_done() -> Just | None:
    """What the address of the page says was done right before."""
    kind, _, number = request.args.get("done", "").partition("-")
    if not (number.isascii() and number.isdigit() and len(number) <= NUMBER_DIGITS):
        return None
    done = _numbered(kind, int(number))
    if done is None:
        return None
    told = [(name, text) for name, text in request.args.items(multi=True) if name not in OF_THE_BOX]
    here = f"{request.script_root}{request.path}" + (f"?{urlencode(told)}" if told else "")
    return Just(
        kind, done.number, done.told, done.undone_at, done.undone_by, done.may_be_undone,
        kind == "action" and _is_undoing(done.number), here,
    )  # fmt: skip


def _numbered(kind: str, number: int) -> Done | None:
    match kind:
        case "action":
            found = store().action(number)
            return _action(found[0]) if found else None
        case "pin":
            return next((_pin(each) for each in store().pins(include_undone=True) if each.id == number), None)
        case "hiding":
            said = [each for each in store().hidings(include_undone=True) if each.act == number]
            return _hidden(said) if said else None
    return None


def _is_undoing(number: int) -> bool:
    """Whether an action undid another, and is not the undoing of an undoing."""
    count = -1
    while number:
        found = store().action(number)
        number, count = int(found[0].told.get("undoes", 0)) if found else 0, count + 1
    return count % 2 == 1


def newest(limit: int, about: str | None = None) -> list[Done]:
    """What was done last, of all kinds; or what was done to one source."""
    actions = store().actions(limit, about=about)
    pins = () if about else store().pins(include_undone=True)[:limit]
    acts = [act for act in _acts() if about is None or about in {each.source for each in act}][:limit]
    done = [*map(_action, actions), *map(_pin, pins), *map(_hidden, acts)]
    return sorted(done, key=lambda each: (each.at, each.number), reverse=True)[:limit]


def of_items(items: Sequence[Stored]) -> list[Done]:
    """What was done to some items, the last first."""
    keys, numbers = {each.item.key for each in items}, {each.id for each in items}
    actions = [each for url in {url for url, _ in keys} for each in store().actions(SHOWN, about=url)]
    done = [
        *(_action(each) for each in actions if each.told.get("item") in numbers),
        *(_pin(pin) for pin in store().pins(include_undone=True) if {pin.item, pin.other} & keys),
        *(_hidden(act) for act in _acts() if (act[0].source, act[0].guid) in keys),
    ]
    return sorted(done, key=lambda each: (each.at, each.number), reverse=True)


def _action(action: Action) -> Done:
    details: Sequence[str] = ()
    found = store().action(action.id)
    if found and found[1].get("before") != found[1].get("after"):
        details = sources.diff(found[1]["before"], found[1]["after"])
    return Done(
        "action", action.id, action.at, action.by, _told(action), action.note, action.undone_at, action.undone_by,
        details, may_be_undone="listed" not in action.told and action.kind is not ActionKind.ACCOUNT,
    )  # fmt: skip


def _told(action: Action) -> str:
    told = action.told
    if action.kind is ActionKind.ACCOUNT:
        return str(ACCOUNT_DEEDS[told["what"]]) % {"name": told["editor"], "role": ROLE_WORDS.get(told["role"], "")}
    if "listed" in told:
        return ngettext("The list as it was when the desk began to keep its history: %(num)s source.", "The list as it was when the desk began to keep its history: %(num)s sources.", told["listed"]) % {"num": told["listed"]}  # noqa: E501  # fmt: skip
    parts = []
    if told.get("undoes"):
        parts.append(gettext("Undid number %(number)s.", number=told["undoes"]))
    names = told.get("names", {})
    if told.get("added"):
        parts.append(gettext("Added %(sources)s.", sources=_named(told["added"], names)))
    if told.get("removed"):
        parts.append(gettext("Removed %(sources)s.", sources=_named(told["removed"], names)))
    for name, old, new in told.get("moved", ())[:NAMED]:
        parts.append(
            gettext("Moved %(source)s from %(old)s to %(new)s.", source=name or host_of(new), old=old, new=new)
        )
    if told.get("changed"):
        parts.append(gettext("Changed %(sources)s.", sources=_named(told["changed"], names)))
    if action.kind is ActionKind.CORRECTION:
        parts.append(_corrected(action))
    for name, words in RULE_DEEDS.items():
        if changed := rules.told_rules(action, name):
            parts.append(words % {"rules": "; ".join(map(in_full, changed))})
    if action.kind is ActionKind.OUTSIDE:
        parts.append(gettext("It was done outside the desk."))
    return " ".join(parts) or gettext("Changed the list, but no source.")


def _corrected(action: Action) -> str:
    told, taxonomy = action.told, current_site().taxonomy
    said = [label(slug) for slug in told.get("categories", ())]
    if told.get("genre"):
        said.append(taxonomy.genre_label(told["genre"], page_language()))
    title = told.get("corrected", "")
    if not said:
        return gettext("Left “%(title)s” to its source and the rules.", title=title)
    return gettext("Said of “%(title)s”: %(what)s.", title=title, what=", ".join(said))


def _named(urls: Sequence[str], names: Mapping[str, str]) -> str:
    """The first of these, as they were called when it was done."""
    said = [names.get(url) or current_site().source_name(url) for url in urls[:NAMED]]
    rest = len(urls) - len(said)
    more = [ngettext("%(num)s other", "%(num)s others", rest) % {"num": rest}] if rest else []
    return ", ".join([*said, *more])


def _pin(pin: Pin) -> Done:
    words = gettext("Said that %(one)s and %(other)s are one story.") if pin.kind is PinKind.MUST else gettext(
        "Said that %(one)s and %(other)s are not one story."
    )  # fmt: skip
    told = words % {"one": _titled(pin.item), "other": _titled(pin.other)}
    return Done("pin", pin.id, pin.made_at, pin.by, told, pin.note, pin.undone_at, pin.undone_by or "")


def _titled(key: Key) -> str:
    stored = store().keyed(key)
    return gettext("“%(title)s”", title=stored.item.title) if stored else key[1]


def _acts() -> list[list[Hiding]]:
    """What was hidden, those together that one act hid; the last first."""
    acts: dict[int, list[Hiding]] = {}
    for each in store().hidings(include_undone=True):
        acts.setdefault(each.act, []).append(each)
    return list(acts.values())


def _hidden(act: Sequence[Hiding]) -> Done:
    """What one act hid; it is undone once all of it is shown again."""
    one, standing = act[0], [each for each in act if each.undone_at is None]
    last = max(act, key=lambda each: each.undone_at or each.made_at)
    undone = (None, "") if standing else (last.undone_at, last.undone_by)
    return Done(
        "hiding", one.act, one.made_at, one.by, _hidden_words(act), one.note, *undone,
        withdrawn=[each.source for each in reversed(standing) if not each.guid],
    )  # fmt: skip


def _hidden_words(act: Sequence[Hiding]) -> str:
    urls = [each.source for each in reversed(act)]
    shown = [each.source for each in reversed(act) if each.undone_at]
    if act[0].guid:
        title, name = _titled((act[0].source, act[0].guid)), current_site().source_name(act[0].source)
        return gettext("Hid %(title)s, of %(source)s.", title=title, source=name)
    if len(urls) == 1:
        return gettext("Withdrew %(source)s with all its items.", source=_named(urls, {}))
    told = gettext("Withdrew %(sources)s with all their items.", sources=_named(urls, {}))
    if 0 < len(shown) < len(urls):
        told += " " + gettext("Shown again since: %(sources)s.", sources=_named(shown, {}))
    return told
