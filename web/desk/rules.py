"""Rules of the editors: what holds and how often it matched, and a new one tried before it is published."""

from collections.abc import Mapping, Sequence

from flask import Blueprint, make_response, redirect, request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.wrappers import Response

from aggregator.desk import effects, rules
from aggregator.errors import ConflictError, DeskError
from aggregator.model import DEPARTEMENT, SOURCE, Effect, FeedEffect, Role, Rule, RuleEffect, RuleField, RuleHow
from web.desk.gate import AGAIN, Mine, conflict, desk_page, inside, me, needs, refused, said, store, typed, with_done
from web.language import gettext, lazy_gettext
from web.layout import label, link
from web.site import current_site

TITLES_SHOWN = 20  # of what enters or leaves one feed
ITEMS_SHOWN = 20  # that a rule in preview matches

EFFECT_WORDS = {
    RuleEffect.BLOCK: lazy_gettext("Take out"),
    RuleEffect.KEEP: lazy_gettext("Keep nothing else"),
    RuleEffect.CATEGORY: lazy_gettext("Add a category"),
}
FIELD_WORDS = {
    RuleField.WORDS: lazy_gettext("Title, lead or text"),
    RuleField.TITLE: lazy_gettext("Title"),
    RuleField.LABEL: lazy_gettext("Label"),
    RuleField.TAG: lazy_gettext("Tag of the source"),
    RuleField.LANGUAGE: lazy_gettext("Language"),
    RuleField.AUTHOR: lazy_gettext("Author"),
}
HOW_WORDS = {
    RuleHow.CONTAINS: lazy_gettext("contains the words"),
    RuleHow.IS: lazy_gettext("is"),
    RuleHow.MATCHES: lazy_gettext("matches the regular expression"),
}


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/rules", "rules", all_rules, methods=["GET"])
    desk.add_url_rule("/rules/<int:number>", "rule", one_rule, methods=["GET"])
    desk.add_url_rule("/rules/preview", "preview_rule", preview_rule, methods=["POST"])
    desk.add_url_rule("/rules/publish", "publish_rule", publish_rule, methods=["POST"])


@needs(Role.EDITOR)
def all_rules() -> str:
    """The rules that hold, and a form for another."""
    return _list_page({})


@needs(Role.EDITOR)
def one_rule(number: int) -> Response:
    """One rule, what it matches, and a form to change it."""
    book, now = store().rulebook(), current_site().clock()
    try:
        rule = rules.one_of(book, number)
    except DeskError as error:
        return refused(error, link("desk.rules"), 404)
    return make_response(_one_page(rule, _form_of(rule), found=rules.matched(store(), rule, now)))


@needs(Role.EDITOR)
def preview_rule() -> Response:
    """What a rule matches, and what its coming, changing or going would do."""
    form, site = request.form, current_site()
    if AGAIN in form:
        return _again(form)
    try:
        rule = _rule_of(form)
        change = _change_of(form, rule)
        found = rules.matched(store(), rule, site.clock())
        effect = effects.preview(site.settings, store(), change, site.clock())
    except ConflictError as error:
        return conflict(error, link("desk.rules"), Mine(link("desk.preview_rule"), typed()))
    except DeskError as error:
        return _again(form, said(error))
    return make_response(
        desk_page(
            "rules_preview.html",
            rule=rule,
            form=form,
            found=found,
            shown=ITEMS_SHOWN,
            feeds=ordered(effect),
            effect=effect,
            titles_shown=TITLES_SHOWN,
            removing="remove" in form,
            told=in_full(rule),
        )
    )


@needs(Role.EDITOR)
def publish_rule() -> Response:
    """Let a rule hold, change or go."""
    form, site = request.form, current_site()
    try:
        change = _change_of(form, _rule_of(form))
        effect = effects.publish(site.settings, store(), me().name, form.get("note", "").strip(), change, site.clock())
    except ConflictError as error:
        return conflict(error, link("desk.rules"), Mine(link("desk.preview_rule"), typed()))
    except DeskError as error:
        return _again(form, said(error))
    return redirect(with_done(inside(form.get("then", "") or link("desk.rules")), done_by(effect)), 303)


def done_by(effect: Effect) -> str:
    """What was done, for the address of the page that comes next."""
    return f"action-{effect.action.id}" if effect.action else ""


def ordered(effect: Effect) -> list[FeedEffect]:
    """The feeds of an effect as people look for them: all, categories, départements, sources, then what is both."""

    def place(each: FeedEffect) -> tuple[int, str]:
        slug = each.feed
        if slug == "all":
            return 0, slug
        return (
            1 if "/" not in slug else 2 if slug.startswith(DEPARTEMENT) else 3 if slug.startswith(SOURCE) else 4
        ), slug

    return sorted(effect.feeds, key=place)


def scope(rule: Rule) -> str:
    """Which news a rule is about."""
    if not rule.source:
        return label(rule.category) if rule.category else gettext("All news")
    name = current_site().source_name(rule.source)
    if not rule.category:
        return name
    return gettext("%(category)s, of %(source)s", category=label(rule.category), source=name)


def deed(rule: Rule) -> str:
    """What a rule does with what it finds."""
    said = str(EFFECT_WORDS[rule.effect])
    return f"{said}: {label(rule.target)}" if rule.target else said


def in_full(rule: Rule) -> str:
    """A rule in one line."""
    return f"{scope(rule)} – {words(rule)} → {deed(rule)}"


def words(rule: Rule) -> str:
    """What a rule looks for, as people say it."""
    return gettext(
        "%(field)s %(how)s “%(wanted)s”",
        field=str(FIELD_WORDS[rule.field]),
        how=str(HOW_WORDS[rule.how]),
        wanted=rule.text,
    )


def _list_page(form: Mapping[str, str], flaw: str = "") -> str:
    book = store().rulebook()
    return desk_page(
        "rules.html",
        book=book,
        counts=rules.counts(store(), current_site().clock()),
        form=form,
        flaw=flaw,
        **_choices(),
    )


def _one_page(rule: Rule, form: Mapping[str, str], flaw: str = "", found: rules.Matched | None = None) -> str:
    version = store().rulebook().version
    return desk_page("rules_one.html", rule=rule, version=version, form=form, flaw=flaw, found=found, **_choices())


def _again(form: ImmutableMultiDict[str, str], flaw: str = "") -> Response:
    """The form once more, with what is wrong with it."""
    status = 400 if flaw else 200
    try:
        rule = rules.one_of(store().rulebook(), int(form.get("number", "0")))
    except (DeskError, ValueError):
        return make_response(_list_page(form, flaw), status)
    return make_response(_one_page(rule, form, flaw), status)


def _choices() -> dict[str, object]:
    views = [view for view in current_site().views() if view.listed]
    return {
        "sources": sorted(
            ((view.source.url, current_site().source_name(view.source.url)) for view in views), key=_by_name
        ),
        "effect_words": EFFECT_WORDS,
        "field_words": FIELD_WORDS,
        "how_words": HOW_WORDS,
        "words": words,
        "scope": scope,
        "deed": deed,
        "in_full": in_full,
    }


def _by_name(source: tuple[str, str]) -> str:
    return source[1].casefold()


def _form_of(rule: Rule) -> Mapping[str, str]:
    return {
        "effect": rule.effect, "field": rule.field, "how": rule.how, "text": rule.text, "source": rule.source,
        "category": rule.category, "target": rule.target,
    }  # fmt: skip


def _rule_of(form: Mapping[str, str]) -> Rule:
    try:
        number = int(form.get("number", "0"))
    except ValueError as error:
        raise DeskError(str(error)) from error
    if "remove" in form:
        return rules.one_of(store().rulebook(), number)
    urls: Sequence[str] = [view.source.url for view in store().sources()]
    return rules.rule_of(form, number, current_site().taxonomy.slugs, urls)


def _change_of(form: Mapping[str, str], rule: Rule) -> effects.NewRules:
    is_removed = "remove" in form
    book = rules.book_of(store(), form.get("version", ""), None if is_removed else rule)
    return rules.without(book, rule.id) if is_removed else rules.with_rule(book, rule)
