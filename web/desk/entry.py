"""Logins and accounts: takes names and passwords, gives a browser its token."""

import logging

from flask import Blueprint, abort, g, make_response, redirect, request
from werkzeug.wrappers import Response

from aggregator.desk import accounts
from aggregator.errors import DeskError
from aggregator.model import ActionKind, Deed, Editor, Role
from web.desk import gate
from web.desk.gate import desk_page, me, needs, open_to_all, said, store
from web.language import gettext
from web.layout import link
from web.site import current_site

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
    body = desk_page(
        "login.html", token=gate.new_form(response), then=then, flaw=flaw, name=request.form.get("name", "")
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
            response = redirect(link("desk.log_in"), 303)
            gate.let_out(response)
            return response
    return make_response(desk_page("own.html", flaw=flaw, least=accounts.PASSWORD_LEAST), 400 if flaw else 200)


@needs(Role.ADMIN)
def editors(flaw: str = "") -> Response:
    """Who may use the desk."""
    body = desk_page(
        "editors.html", editors=store().editors(), roles=list(Role), flaw=flaw, least=accounts.PASSWORD_LEAST
    )
    return make_response(body, 400 if flaw else 200)


@needs(Role.ADMIN)
def add_editor() -> Response:
    """Let somebody use the desk."""
    try:
        role = Role(request.form.get("role", Role.EDITOR))
        accounts.add(
            store(), request.form.get("name", ""), role, request.form.get("password", ""), current_site().clock()
        )
    except ValueError:
        abort(400)
    except DeskError as error:
        return editors(flaw=said(error))
    _record(request.form.get("name", ""), "let_in", role)
    return redirect(link("desk.editors"), 303)


@needs(Role.ADMIN)
def change_editor(number: int) -> Response:
    """Give somebody another role or password, or close or open their account."""
    editor = next((each for each in store().editors() if each.id == number), None) or abort(404)
    now, password, form = current_site().clock(), request.form.get("password", ""), request.form
    try:
        if "close" in form or "open" in form:
            _refuse_own(editor)
            store().change_editor(number, now, closed="close" in form)
            _record(editor.name, "closed" if "close" in form else "opened")
        elif "role" in form:
            _refuse_own(editor)
            store().change_editor(number, now, role=Role(form["role"]))
            _record(editor.name, "role", form["role"])
        elif password:
            store().change_editor(number, now, password=accounts.hashed(password))
            _record(editor.name, "password")
    except ValueError:
        abort(400)
    except DeskError as error:
        return editors(flaw=said(error))
    return redirect(link("desk.editors"), 303)


def _record(name: str, what: str, role: str = "") -> None:
    told = {"editor": " ".join(name.split()), "what": what, "role": role}
    store().act(Deed(ActionKind.ACCOUNT, me().name, "", told, ""), current_site().clock())


def _refuse_own(editor: Editor) -> None:
    if editor.id == me().id:
        raise DeskError(gettext("Somebody else has to do that to your own account."))
