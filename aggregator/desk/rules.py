"""What the pages of rules ask: takes forms and the store, gives rules, the items that they match, and what no rule
placed. Never changes anything: `aggregator.desk.effects` does.
"""

from collections import Counter
from collections.abc import Container, Mapping
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from aggregator.desk.effects import NewCorrection, NewRules
from aggregator.desk.effects import as_text as rule_text
from aggregator.desk.judging import LOOK_BACK, as_text, own_item
from aggregator.errors import ConflictError, DeskError
from aggregator.model import Action, Category, Correction, Genre, Rule, Rulebook, RuleEffect, RuleField, RuleHow, Told
from aggregator.rules import NO_CATEGORY, RULES_LIMIT, Judge, check
from aggregator.store import Look, Store

UNPLACED_DAYS = timedelta(days=7)
UNPLACED_LIMIT = 100  # stories of the queue
COUNTED_AGAIN = timedelta(minutes=10)  # counting reads all items of the last 30 days: 50 µs each
SHOWN_LIMIT = 50  # items that a rule matches


class Matched(Struct, frozen=True):
    """What one rule matches among the items of the last 30 days."""

    count: int
    shown: tuple[Told, ...]  # those first seen last


_counted: WeakKeyDictionary[Store, tuple[Rulebook, datetime, Mapping[int, int]]] = WeakKeyDictionary()


def rule_of(form: Mapping[str, str], number: int, slugs: Container[str], urls: Container[str]) -> Rule:
    """The rule that a form describes. DeskError says what is wrong with it."""
    try:
        effect = RuleEffect(form.get("effect", ""))
        field, how = RuleField(form.get("field", "")), RuleHow(form.get("how", ""))
    except ValueError as error:
        raise DeskError("the form is not one of ours: %(why)s", why=error) from error
    target = form.get("target", "") if effect is RuleEffect.CATEGORY else ""
    text, source = form.get("text", "").strip(), form.get("source", "")
    if source and source not in urls:
        raise DeskError("there is no source %(url)s", url=source)
    rule = Rule(number, effect, field, how, text, source, form.get("category", ""), target)
    check(rule, slugs)
    return rule


def book_of(store: Store, version: str, ours: Rule | None) -> Rulebook:
    """The rules that hold. ConflictError unless they are of the version that a form was made from."""
    book = store.rulebook()
    if str(book.version) != version:
        theirs, wanted = "\n".join(map(rule_text, book.rules)), rule_text(ours) if ours else ""
        raise ConflictError("somebody else has changed the rules meanwhile", theirs, wanted)
    return book


def with_rule(book: Rulebook, rule: Rule) -> NewRules:
    """A rule more, or one in place of that of its number; a number of 0 is a new one."""
    if rule.id == 0:
        if len(book.rules) >= RULES_LIMIT:
            raise DeskError("there are %(most)s rules already", most=RULES_LIMIT)
        return NewRules((*book.rules, replace(rule, id=book.last_id + 1)), book)
    one_of(book, rule.id)
    return NewRules(tuple(rule if each.id == rule.id else each for each in book.rules), book)


def without(book: Rulebook, number: int) -> NewRules:
    """A rule less."""
    gone = one_of(book, number)
    return NewRules(tuple(rule for rule in book.rules if rule is not gone), book)


def told_rules(action: Action, name: str) -> tuple[Rule, ...]:
    """The rules that an action tells of as `rules_added`, `rules_removed` or `rules_changed`."""
    return msgspec.convert(action.told.get(name, []), tuple[Rule, ...])


def one_of(book: Rulebook, number: int) -> Rule:
    """The rule of a number. DeskError if it holds no longer."""
    for rule in book.rules:
        if rule.id == number:
            return rule
    raise DeskError("there is no rule %(number)s any more", number=number)


def matched(store: Store, rule: Rule, now: datetime) -> Matched:
    """The items that a rule matches in its scope, whatever other rules make of them. Cost: reads 30 days of its source
    or of all.
    """
    judge, count, shown = Judge([rule]), 0, []
    for told in store.told_items(Look(now - LOOK_BACK, (rule.source,) if rule.source else None)):
        if _is_in_scope(rule, told) and judge.matching(own_item(told)):
            count += 1
            shown += [told] if count <= SHOWN_LIMIT else []
    return Matched(count, tuple(shown))


def counts(store: Store, now: datetime) -> Mapping[int, int]:
    """How many items of the last 30 days each rule matches, by its number; counted anew when rules change, and every
    ten minutes.
    """
    book = store.rulebook()
    if not book.rules:
        return {}
    known = _counted.get(store)
    if known and known[0] == book and known[1] <= now < known[1] + COUNTED_AGAIN:
        return known[2]
    judge, found = Judge(book.rules), Counter[int]()
    for told in store.told_items(Look(now - LOOK_BACK)):
        found.update(rule.id for rule in judge.matching(own_item(told)) if _is_in_scope(rule, told))
    _counted[store] = book, now, found
    return found


def unplaced(store: Store, now: datetime) -> list[Told]:
    """The items of the last week that no rule and no editor placed, nor their source as "divers", and that nobody
    else's telling of the same story did; the newest first. Cost: reads what stands in "divers" until there are enough.
    """
    found: list[Told] = []
    page = store.river(NO_CATEGORY, limit=UNPLACED_LIMIT)
    while True:
        recent = [story.lead.id for story in page.stories if story.sort_at >= now - UNPLACED_DAYS]
        told = {each.id: each for each in store.told_items(Look(None, items=tuple(recent)))}
        found += [told[number] for number in recent if all(map(_is_nothing, told[number].item.categories))]
        if len(found) >= UNPLACED_LIMIT or len(recent) < len(page.stories) or not page.next:
            return found[:UNPLACED_LIMIT]
        page = store.river(NO_CATEGORY, page.next, UNPLACED_LIMIT)


def told_item(store: Store, number: int) -> Told:
    """An item as rules see it. DeskError if there is none."""
    for told in store.told_items(Look(None, items=(number,))):
        return told
    raise DeskError("there is no item %(number)s", number=number)


def correction_of(form: Mapping[str, str], told: Told, slugs: Container[str], chosen: list[str]) -> NewCorrection:
    """What a form says of an item: `chosen` are its categories, () for those that it has without editors. The form
    names what was said when it was made, as `seen`.
    """
    wanted = [slug for slug in dict.fromkeys(chosen) if slug]
    for slug in wanted:
        if slug not in slugs:
            raise DeskError("there is no category “%(slug)s”", slug=slug)
    try:
        name = Genre.COMMUNIQUE if form.get("communique") else form.get("genre", "")
        genre = Genre(name) if name else None
    except ValueError as error:
        raise DeskError("the form is not one of ours: %(why)s", why=error) from error
    correction = Correction(tuple(wanted), genre)
    if form.get("seen", "") != as_text(told.correction):
        raise ConflictError(
            "somebody else has corrected the item meanwhile", as_text(told.correction), as_text(correction)
        )
    if correction == told.correction:
        raise DeskError("the item is so already")
    return NewCorrection(told.id, correction, told.correction)


def _is_in_scope(rule: Rule, told: Told) -> bool:
    had = (*told.telling.own_categories, *told.telling.categories)
    return not rule.category or any(each.slug == rule.category for each in had)


def _is_nothing(category: Category) -> bool:
    return category.slug == NO_CATEGORY and category.rule == "none"
