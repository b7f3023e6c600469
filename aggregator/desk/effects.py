"""Propose, preview, publish: takes a change, says what would enter and leave each feed, does it, and undoes it.

    preview(settings, store, change, now)               what it would do; nothing is changed
    publish(settings, store, by, note, change, now)     does it, records it, says what it did

A change is one of: an `Edit` of the list, as `aggregator.desk.sources` makes them; NewRules; a NewCorrection of one
item; Hide; Withdraw; Show. Both look at the items of the last 30 days, and a preview does all that publishing does,
in a transaction that is taken back: unless something else happens in between, the effect is what was shown. DeskError
says why something cannot be done, ConflictError that somebody else changed the same meanwhile.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.desk import judging, sources
from aggregator.desk.judging import NOTHING_HELD
from aggregator.desk.sources import Edit
from aggregator.errors import ConflictError, DeskError, StoreError
from aggregator.model import NO_CORRECTION, Action, ActionKind, Correction, Deed, Effect, Rule, Rulebook
from aggregator.store import Look, Retelling, Store


class NewRules(Struct, frozen=True):
    """Rules to hold instead of those that the editor saw."""

    rules: tuple[Rule, ...]
    seen: Rulebook


class NewCorrection(Struct, frozen=True):
    """What is to be said of one item, instead of what the editor saw; NO_CORRECTION takes it back."""

    item: int
    wanted: Correction
    seen: Correction = NO_CORRECTION


class Hide(Struct, frozen=True):
    """An item, to be taken out of sight."""

    item: int


class Withdraw(Struct, frozen=True):
    """Sources, to be taken out of sight with all their items, of any age."""

    urls: tuple[str, ...]


class Show(Struct, frozen=True):
    """What is out of sight, by the numbers of its hidings, to be shown again."""

    hidings: tuple[int, ...]


Change = Edit | NewRules | NewCorrection | Hide | Withdraw | Show


def preview(settings: Settings, store: Store, change: Change, now: datetime) -> Effect:
    """What a change would let enter and leave each feed."""
    match change:
        case NewRules():
            return _retell(store, change, _of_rules(change, now), now, dry=True)
        case NewCorrection():
            return store.retell(_of_correction(store, change), now, dry=True)
        case Hide(item):
            return store.try_hiding(now, item_id=item)
        case Withdraw(urls):
            return store.try_hiding(now, urls=urls)
        case Show(hidings):
            return store.try_unhiding(now, hidings)
    retelling = judging.of_sources(settings, store, *sources.tried(settings, change), now)
    return store.retell(retelling, now, dry=True) if retelling else Effect()


def publish(settings: Settings, store: Store, by: str, note: str, change: Change, now: datetime) -> Effect:
    """Do it. → what entered and left each feed, and the action that was recorded; what is hidden tells of itself."""
    match change:
        case NewRules(rules, seen):
            deed = _rules_deed(by, note, seen.rules, rules)
            return _retell(store, change, replace(_of_rules(change, now), deed=deed), now)
        case NewCorrection(_, wanted, seen):
            deed = _correction_deed(store, by, note, change.item, seen, wanted)
            return store.retell(replace(_of_correction(store, change), deed=deed), now)
        case Hide(item):
            effect = preview(settings, store, change, now)
            store.hide(item, by, note, now)
            return effect
        case Withdraw(urls):
            effect = preview(settings, store, change, now)
            store.withdraw_all(urls, by, note, now)
            return effect
        case Show(hidings):
            effect = preview(settings, store, change, now)
            store.unhide_all(hidings, by, now)
            return effect
    return sources.carry_out(settings, store, by, note, change, now) or Effect()


def undo(settings: Settings, store: Store, number: int, by: str, now: datetime) -> Action:
    """Undo an action of any kind. What nothing else has touched since is as it was before, in rules, list, stories and
    feeds; the rest is as it would be without the action. The undoing is an action too, which can be undone.
    """
    found = store.action(number)
    if found is None:
        raise DeskError("there is no number %(number)s in the history", number=number)
    action, held = found
    if action.kind is ActionKind.ACCOUNT:
        raise DeskError("accounts are changed by admins, under “Editors”")
    if action.kind in (ActionKind.SOURCES, ActionKind.OUTSIDE):
        return sources.undo(settings, store, number, by, now)
    if action.undone_at:
        raise DeskError("number %(number)s is undone already, by %(name)s", number=number, name=action.undone_by)
    back = _undo_rules if action.kind is ActionKind.RULES else _undo_correction
    effect = back(store, number, by, held, now)
    store.mark_undone(number, by, now)
    if undone := action.told.get("undoes"):
        store.mark_standing(undone)
    return effect.action or action


def as_text(rule: Rule) -> str:
    """A rule as people compare it, in one line."""
    scope = " ".join(filter(None, (rule.category, rule.source))) or "*"
    target = f" → {rule.target}" if rule.target else ""
    return f"{rule.id}. [{scope}] {rule.effect.value}: {rule.field.value} {rule.how.value} “{rule.text}”{target}"


def _undo_rules(store: Store, number: int, by: str, held: Mapping[str, Any], now: datetime) -> Effect:
    before, after = (msgspec.convert(held["rules"][name], tuple[Rule, ...]) for name in ("before", "after"))
    book = store.rulebook()
    change = NewRules(_put_back(book.rules, before, after), book)
    deed = _rules_deed(by, "", book.rules, change.rules, undoes=number)
    return _retell(store, change, replace(_of_rules(change, now, held), deed=deed), now)


def _undo_correction(store: Store, number: int, by: str, held: Mapping[str, Any], now: datetime) -> Effect:
    before, after = (msgspec.convert(held["correction"][name], Correction) for name in ("before", "after"))
    change = NewCorrection(held["item"], before, after)
    deed = _correction_deed(store, by, "", change.item, after, before, undoes=number)
    return store.retell(replace(_of_correction(store, change, held), deed=deed), now)


def _of_rules(change: NewRules, now: datetime, undone: Mapping[str, Any] = NOTHING_HELD) -> Retelling:
    last_id = max([change.seen.last_id, *(rule.id for rule in change.rules)])
    book = replace(change.seen, rules=change.rules, last_id=last_id)
    return replace(judging.of_rules(change.seen.rules, change.rules, now, undone), rulebook=book)


def _of_correction(store: Store, change: NewCorrection, undone: Mapping[str, Any] = NOTHING_HELD) -> Retelling:
    return judging.of_correction(store, change.item, change.seen, change.wanted, undone)


def _retell(store: Store, change: NewRules, retelling: Retelling, now: datetime, *, dry: bool = False) -> Effect:
    try:
        return store.retell(retelling, now, dry=dry)
    except StoreError as error:
        held = store.rulebook()
        if held.version == change.seen.version:
            raise
        theirs, ours = _listed(held.rules), _listed(change.rules)
        raise ConflictError("somebody else has changed the rules meanwhile", theirs, ours) from error


def _put_back(rules: tuple[Rule, ...], before: tuple[Rule, ...], after: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules that hold, with those that an action changed as they were before it."""
    was, became, hold = ({rule.id: rule for rule in each} for each in (before, after, rules))
    for number in {**was, **became}:
        if was.get(number) == became.get(number):
            continue
        if hold.get(number) != became.get(number):
            raise ConflictError("somebody else has changed the rule since", _listed(rules), _listed(before))
        hold.pop(number, None)
        if number in was:
            hold[number] = was[number]
    return tuple(sorted(hold.values(), key=lambda rule: rule.id))


def _rules_deed(by: str, note: str, before: tuple[Rule, ...], after: tuple[Rule, ...], **told: int) -> Deed:
    was, became = ({rule.id: rule for rule in each} for each in (before, after))
    changed = [rule for rule in {**was, **became}.values() if was.get(rule.id) != became.get(rule.id)]
    if not changed:
        raise DeskError("these are the rules that hold already")
    urls = {rule.source for rule in changed}
    said = {
        "rules_added": [msgspec.to_builtins(rule) for rule in changed if rule.id not in was],
        "rules_removed": [msgspec.to_builtins(rule) for rule in changed if rule.id not in became],
        "rules_changed": [msgspec.to_builtins(rule) for rule in changed if rule.id in was and rule.id in became],
    }
    held = {
        "before": _listed(before),
        "after": _listed(after),
        "rules": {"before": msgspec.to_builtins(before), "after": msgspec.to_builtins(after)},
    }
    return Deed(ActionKind.RULES, by, urls.pop() if len(urls) == 1 else "", {**said, **told}, note, held)


def _correction_deed(
    store: Store, by: str, note: str, item_id: int, seen: Correction, wanted: Correction, **told: int
) -> Deed:
    item = next(iter(store.told_items(Look(None, items=(item_id,)))), None)
    if item is None:
        raise DeskError("there is no item %(number)s", number=item_id)
    said = {"corrected": item.item.title, "item": item_id, **msgspec.to_builtins(wanted)}
    held = {
        "before": judging.as_text(seen),
        "after": judging.as_text(wanted),
        "item": item_id,
        "correction": {"before": msgspec.to_builtins(seen), "after": msgspec.to_builtins(wanted)},
    }
    return Deed(ActionKind.CORRECTION, by, item.item.source, {**said, **told}, note, held)


def _listed(rules: tuple[Rule, ...]) -> str:
    return "\n".join(map(as_text, rules))
