"""Who may see and do what at the desk: takes a request, lets it through, or refuses it or leads to the login.

A route says who may use it with `needs`; one that does not say so is refused to everybody. Whatever changes something
is a POST with the token that every form of the login holds.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from threading import Lock
from typing import Any, TypeVar, cast

from flask import Response, abort, current_app, g, make_response, redirect, request
from msgspec import Struct, field
from werkzeug.wrappers import Response as Answer

from aggregator.desk import accounts
from aggregator.errors import AggregatorError, ConflictError, DeskError
from aggregator.model import Editor, Login, Role
from aggregator.store import Store, open_store
from web.language import gettext, lazy_gettext
from web.layout import link, page
from web.site import Site, current_site

COOKIE = "desk"
FORM_COOKIE = "desk-form"  # of the form of the login, which nobody is logged in for
FORM_TOKEN = re.compile(r"[\w-]{43}", re.ASCII)
FORM_SECONDS = 3600
PATIENCE_SECONDS = 5.0  # for another process that writes
FORM_BYTES = 256 << 10  # of a form, but where a route says more
ENTRY = "desk.log_in"
AGAIN = "mine"  # the button that leads from a conflict to one's own form

# The line of links over each page; those that there are.
PLACES = (
    ("desk.front", lazy_gettext("Overview")),
    ("desk.health", lazy_gettext("Health")),
    ("desk.sources", lazy_gettext("Sources")),
    ("desk.stories", lazy_gettext("Stories")),
    ("desk.rules", lazy_gettext("Rules")),
    ("desk.history", lazy_gettext("History")),
)
ROLE_WORDS = {Role.EDITOR: lazy_gettext("edit"), Role.ADMIN: lazy_gettext("edit, and let editors in")}

View = TypeVar("View", bound=Callable[..., Any])


class Writing(Struct):
    """The store as the desk writes it: beside the scheduler, which alone checkpoints. Safe to share."""

    site: Site
    _store: Store | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def store(self) -> Store:
        """The store. NotReadyError while its file does not exist."""
        settings = self.site.settings
        _ = self.site.store
        with self._lock:
            if self._store is None:
                self._store = open_store(
                    settings.database, settings.authority, writer=False, patience_seconds=PATIENCE_SECONDS
                )
            return self._store


class Mine(Struct, frozen=True):
    """A form that somebody filled in for nothing: where it is shown to them again, with what they typed."""

    action: str
    fields: Sequence[tuple[str, str]]


def typed() -> list[tuple[str, str]]:
    """What the form of this request holds, but for what the pages add."""
    return [(name, text) for name, text in request.form.items(multi=True) if name not in ("csrf", "sure", AGAIN)]


def needs(role: Role, form_bytes: int = FORM_BYTES) -> Callable[[View], View]:
    """Say who may use a route: editors, or admins alone; and how large its form may be."""

    def mark(view: View) -> View:
        view.__dict__["needs"], view.__dict__["form_bytes"] = role, form_bytes
        return view

    return mark


def open_to_all(view: View) -> View:
    """Say that a route is for those who are not logged in yet."""
    view.__dict__["needs"] = None
    view.__dict__["form_bytes"] = 4096
    return view


def check() -> Answer | None:
    """Before each request to the desk."""
    view = current_app.view_functions[request.endpoint or ""]
    request.max_content_length = view.__dict__.get("form_bytes", FORM_BYTES)
    request.max_form_memory_size = request.max_content_length
    g.login = accounts.login_of(store(), request.cookies.get(COOKIE, ""), current_site().clock())
    if "needs" not in view.__dict__:
        abort(403)
    role: Role | None = view.__dict__["needs"]
    if role is None:
        return None
    if g.login is None:
        if request.method != "GET":
            return _forbidden(gettext("Nobody is logged in here any more. Log in, then do it once more."))
        asked = request.full_path.rstrip("?")
        return redirect(link(ENTRY, then=asked), 303)
    if role is Role.ADMIN and g.login.editor.role is not Role.ADMIN:
        return _forbidden(gettext("Only an admin may do this."))
    if request.method not in ("GET", "HEAD") and not _is_meant(g.login):
        return _forbidden(gettext("The page had grown old. Please try again."))
    return None


def _forbidden(why: str) -> Answer:
    return refused(DeskError(why), status=403)


def finish(response: Response) -> Response:
    """After each request to the desk: nobody keeps it, nobody lists it, and no other page hears where it was read."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _is_meant(login: Login) -> bool:
    """Whether the form is one of ours, for this login."""
    sent = request.form.get("csrf", "") or request.headers.get("X-CSRF", "")
    from_elsewhere = request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
    return not from_elsewhere and hmac.compare_digest(sent.encode(), login.csrf.encode())


def store() -> Store:
    """The store, for writing."""
    return cast(Writing, current_app.extensions["tributary.desk"]).store


def me() -> Editor:
    """Who is logged in."""
    return cast(Login, g.login).editor


def desk_page(template: str, **values: Any) -> str:
    """Render a page of the desk within its frame."""
    login: Login | None = g.get("login")
    return page(
        f"desk/{template}",
        feed="",
        login=login,
        csrf=login.csrf if login else "",
        desk_places=PLACES,
        desk_routes=current_app.view_functions,
        role_words=ROLE_WORDS,
        list_flaw=current_site().list_flaw,
        **values,
    )


def said(error: AggregatorError) -> str:
    """An error as a sentence in the language of the page."""
    text = gettext(error.text, **error.values)
    begin = text if error.text.startswith("%") else text[:1].upper() + text[1:]
    return begin if begin.endswith((".", "!", "?", ".)")) else f"{begin}."


def refused(error: AggregatorError, again: str = "", status: int = 409) -> Response:
    """What could not be done, and why."""
    return make_response(desk_page("refused.html", message=said(error), again=again), status)


def conflict(error: ConflictError, again: str = "", mine: Mine | None = None) -> Response:
    """Both versions of what two editors changed, what differs marked in each."""
    theirs, ours = error.theirs.splitlines(), error.ours.splitlines()
    same = SequenceMatcher(a=theirs, b=ours, autojunk=False).get_matching_blocks()
    in_theirs = {block.a + place for block in same for place in range(block.size)}
    in_ours = {block.b + place for block in same for place in range(block.size)}
    body = desk_page(
        "conflict.html",
        theirs=[(line, place in in_theirs) for place, line in enumerate(theirs)],
        ours=[(line, place in in_ours) for place, line in enumerate(ours)],
        again=again,
        mine=mine,
    )
    return make_response(body, 409)


def let_in(response: Answer, token: str) -> None:
    """Give a browser the token of its login."""
    response.set_cookie(COOKIE, token, max_age=int(accounts.WHOLE.total_seconds()), **_cookie())
    response.delete_cookie(FORM_COOKIE, path=_path())


def let_out(response: Answer) -> None:
    """Take it back."""
    response.delete_cookie(COOKIE, path=_path())


def new_form(response: Answer) -> str:
    """What a form holds that nobody is logged in for; the browser is given the same. It may have several open."""
    held = request.cookies.get(FORM_COOKIE, "")
    token = held if FORM_TOKEN.fullmatch(held) else secrets.token_urlsafe(32)
    response.set_cookie(FORM_COOKIE, token, max_age=FORM_SECONDS, **_cookie())
    return token


def is_own_form() -> bool:
    """Whether a form of those that nobody is logged in for is ours."""
    held, sent = request.cookies.get(FORM_COOKIE, ""), request.form.get("csrf", "")
    return bool(held) and hmac.compare_digest(held.encode(), sent.encode())


def client_address() -> str:
    """Where a request comes from: as the proxy before us says, where the settings name one."""
    if current_site().settings.behind_proxy:
        return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()[:60]
    return request.remote_addr or ""


def inside(address: str) -> str:
    """An address of the desk where it is one, else that of its front page: nobody is led elsewhere."""
    front = link("desk.front")
    root = front.partition("?")[0].rstrip("/")
    is_ours = address == root or address.startswith((f"{root}/", f"{root}?"))
    return address if is_ours and "\\" not in address and "//" not in address and address.isprintable() else front


def with_done(address: str, done: str) -> str:
    """The address of a page of ours that says what was just done: "action-3", "pin-3", "hiding-3"; "" says nothing."""
    before, mark, anchor = address.partition("#")
    joint = "&" if "?" in before else "?"
    return f"{before}{joint}done={done}{mark}{anchor}" if done else address


def _cookie() -> dict[str, Any]:
    return {
        "path": _path(),
        "httponly": True,
        "samesite": "Lax",
        "secure": current_site().settings.public_url.startswith("https:"),
    }


def _path() -> str:
    return f"{request.script_root}/desk"
