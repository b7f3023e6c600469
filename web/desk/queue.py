"""News that no rule placed, and what an editor says of one item: its categories, its genre."""

from flask import Blueprint, make_response, redirect, request
from werkzeug.wrappers import Response

from aggregator.desk import effects, rules
from aggregator.desk.effects import NewCorrection
from aggregator.desk.judging import as_text
from aggregator.errors import ConflictError, DeskError
from aggregator.model import Genre, Role, Told
from web.desk.gate import conflict, desk_page, inside, me, needs, refused, said, store, with_done
from web.desk.rules import TITLES_SHOWN, done_by, ordered
from web.language import page_language
from web.layout import link
from web.site import current_site


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/queue", "queue", queue, methods=["GET"])
    desk.add_url_rule("/items/<int:number>", "item", one_item, methods=["GET"])
    desk.add_url_rule("/items/<int:number>/preview", "preview_item", preview_item, methods=["POST"])
    desk.add_url_rule("/items/<int:number>", "correct_item", correct_item, methods=["POST"])


@needs(Role.EDITOR)
def queue() -> str:
    """The news of the last week that no rule placed."""
    told = rules.unplaced(store(), current_site().clock())
    return desk_page(
        "queue.html", told=told, version=store().rulebook().version, seen=as_text, limit=rules.UNPLACED_LIMIT
    )


@needs(Role.EDITOR)
def one_item(number: int) -> Response:
    """What sources, rules and editors say of one item, and a form to say something else."""
    try:
        return make_response(_item_page(rules.told_item(store(), number)))
    except DeskError as error:
        return refused(error, status=404)


@needs(Role.EDITOR)
def preview_item(number: int) -> Response:
    """What a correction would do."""
    site, form = current_site(), request.form
    try:
        change = _change_of(number)
        effect = effects.preview(site.settings, store(), change, site.clock())
    except ConflictError as error:
        return conflict(error, link("desk.item", number=number))
    except DeskError as error:
        return _refused(number, error)
    return make_response(
        desk_page(
            "item_preview.html",
            told=rules.told_item(store(), number),
            change=change,
            effect=effect,
            feeds=ordered(effect),
            titles_shown=TITLES_SHOWN,
            form=form,
            genres=genres(),
        )
    )


@needs(Role.EDITOR)
def correct_item(number: int) -> Response:
    """Say of an item what its categories and its genre are, or take that back."""
    site, form = current_site(), request.form
    try:
        change = _change_of(number)
        effect = effects.publish(site.settings, store(), me().name, form.get("note", "").strip(), change, site.clock())
    except ConflictError as error:
        return conflict(error, link("desk.item", number=number))
    except DeskError as error:
        return _refused(number, error)
    then = inside(form.get("then", "") or link("desk.item", number=number))
    return redirect(with_done(then, done_by(effect)), 303)


def genres() -> list[tuple[str, str]]:
    """Every genre with what people call it."""
    taxonomy, language = current_site().taxonomy, page_language()
    return [(genre.value, taxonomy.genre_label(genre, language)) for genre in Genre]


def _change_of(number: int) -> NewCorrection:
    form = request.form
    told = rules.told_item(store(), number)
    return rules.correction_of(form, told, current_site().taxonomy.slugs, form.getlist("category"))


def _item_page(told: Told, flaw: str = "") -> str:
    return desk_page("item.html", told=told, seen=as_text(told.correction), genres=genres(), flaw=flaw)


def _refused(number: int, error: DeskError) -> Response:
    try:
        return make_response(_item_page(rules.told_item(store(), number), said(error)), 400)
    except DeskError:
        return refused(error, status=404)
