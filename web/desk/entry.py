"""Logins and accounts: takes names and passwords, gives a browser its token."""

import logging

from flask import Blueprint, abort, g, make_response, redirect, request
from werkzeug.wrappers import Response

from aggregator.desk import accounts
from aggregator.errors import DeskError
from aggregator.model import ActionKind, Deed, Editor, Role
from web.desk import gate
from web.desk.gate import ROLE_WORDS, desk_page, me, needs, open_to_all, said, store
from web.language import gettext, lazy_gettext
from web.layout import link
from web.site import current_site

DONE_WORDS = {
    "added": lazy_gettext("%(name)s may log in now."),
    "close": lazy_gettext("%(name)s is logged out everywhere and may not log in any more."),
    "open": lazy_gettext("%(name)s may log in again."),
    "role": lazy_gettext("%(name)s may now: %(may)s."),
    "password": lazy_gettext("%(name)s has a new password and is logged out everywhere."),
}

log = logging.getLogger("tributary")


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/login", "log_in", log_in, methods=["GET", "POST"])
    desk.add_url_rule("/logout", "log_out", log_out, methods=["POST"])
    desk.add_url_rule("/me", "own", own, methods=["GET", "POST"])
    desk.add_url_rule("/editors", "editors", editors, methods=["GET"])
    desk.add_url_rule("/editors", "add_editor", add_editor, methods=["POST"])
    desk.add_url_rule("/editors/<int:number>", "change_editor", change_editor, methods=["POST"])


@open_to_all
def log_in() -> Response:
    """The form of the login, and what it sends."""
    if request.method == "GET":
        return redirect(link("desk.front"), 303) if g.login else _form()
    if not gate.is_own_form():
        return _form(gettext("The page had grown old. Please try again."), 400)
    name, site = request.form.get("name", ""), current_site()
    try:
        opened = accounts.log_in(store(), name, request.form.get("password", ""), gate.client_address(), site.clock())
    except accounts.LoginClosedError:
        log.warning("login closed name=%s", ascii(name[: accounts.NAME_LIMIT]))
        return _form(gettext("Too many attempts. Please come back in a quarter of an hour."), 429)
    except accounts.LoginError:
        log.warning("login failed name=%s", ascii(name[: accounts.NAME_LIMIT]))
        return _form(gettext("Name or password are wrong."), 403)
    log.info("login name=%s", ascii(opened.login.editor.name))
    if old := request.cookies.get(gate.COOKIE, ""):
        accounts.log_out(store(), old)
    response = redirect(gate.inside(request.form.get("then", "")), 303)
    gate.let_in(response, opened.token)
    return response


def _form(flaw: str = "", status: int = 200) -> Response:
    response = make_response("", status)
    then = gate.inside(request.values.get("then", ""))
    is_changed = request.method == "GET" and request.args.get("said") == "password"
    body = desk_page(
        "login.html",
        token=gate.new_form(response),
        then=then,
        flaw=flaw,
        said=gettext("Your password was changed. Log in with the new one.") if is_changed else "",
        name=request.form.get("name", ""),
    )
    response.set_data(body)
    return response


@needs(Role.EDITOR)
def log_out() -> Response:
    """End this browser's login."""
    accounts.log_out(store(), request.cookies.get(gate.COOKIE, ""))
    response = redirect(link("reader.river"), 303)
    gate.let_out(response)
    return response


@needs(Role.EDITOR)
def own() -> Response:
    """One's own password."""
    flaw = ""
    if request.method == "POST":
        old, new = request.form.get("old", ""), request.form.get("new", "")
        try:
            if new != request.form.get("again", ""):
                raise DeskError(gettext("The new password was typed in two ways."))
            accounts.change_password(store(), me(), old, new, current_site().clock())
        except DeskError as error:
            flaw = said(error)
        else:
            response = redirect(link("desk.log_in", said="password"), 303)
            gate.let_out(response)
            return response
    return make_response(desk_page("own.html", flaw=flaw, least=accounts.PASSWORD_LEAST), 400 if flaw else 200)


@needs(Role.ADMIN)
def editors(flaw: str = "") -> Response:
    """Who may use the desk."""
    body = desk_page(
        "editors.html",
        editors=store().editors(),
        roles=list(Role),
        flaw=flaw,
        said="" if flaw else _said(),
        least=accounts.PASSWORD_LEAST,
    )
    return make_response(body, 400 if flaw else 200)


@needs(Role.ADMIN)
def add_editor() -> Response:
    """Let somebody use the desk."""
    try:
        role = Role(request.form.get("role", Role.EDITOR))
        made = accounts.add(
            store(), request.form.get("name", ""), role, request.form.get("password", ""), current_site().clock()
        )
    except ValueError:
        abort(400)
    except DeskError as error:
        return editors(flaw=said(error))
    _record(made.name, "added", role)
    return redirect(link("desk.editors", said="added", editor=made.id), 303)


@needs(Role.ADMIN)
def change_editor(number: int) -> Response:
    """Give somebody another role or password, or close or open their account."""
    editor = next((each for each in store().editors() if each.id == number), None) or abort(404)
    now, form = current_site().clock(), request.form
    done = next((name for name in ("close", "open", "role", "password") if name in form), "") or abort(400)
    try:
        if done == "password":
            store().change_editor(number, now, password=accounts.hashed(form["password"]))
        else:
            _refuse_own(editor)
            role = Role(form["role"]) if done == "role" else None
            store().change_editor(number, now, role=role, closed=None if role else done == "close")
    except ValueError:
        abort(400)
    except DeskError as error:
        return editors(flaw=said(error))
    _record(editor.name, done, form.get("role", ""))
    return redirect(link("desk.editors", said=done, editor=number), 303)


def _said() -> str:
    """What was just done to an account."""
    asked = request.args.get("editor", "")
    editor = next((each for each in store().editors() if str(each.id) == asked), None)
    words = DONE_WORDS.get(request.args.get("said", ""))
    return words % {"name": editor.name, "may": ROLE_WORDS[editor.role]} if editor and words else ""


def _record(name: str, what: str, role: str = "") -> None:
    told = {"editor": name, "what": what, "role": role}
    store().act(Deed(ActionKind.ACCOUNT, me().name, "", told, ""), current_site().clock())


def _refuse_own(editor: Editor) -> None:
    if editor.id == me().id:
        raise DeskError(gettext("Somebody else has to do that to your own account."))
