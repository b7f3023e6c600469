"""Lists of other readers: a file or a text leads to a table of what taking it in would do, and what was chosen into the
list. Between the steps the form holds the lines; nothing is kept here.
"""

from collections.abc import Mapping, Sequence

import msgspec
from flask import Blueprint, make_response, redirect, request
from msgspec import Struct
from msgspec.structs import replace
from werkzeug.wrappers import Response

from aggregator.desk import imports, lines, sources
from aggregator.desk.discovery import CHECKED_LIMIT, TooOftenError
from aggregator.desk.imports import ROWS_LIMIT, Fate, Import, Row, Sign
from aggregator.desk.lines import Flaw, Wrong
from aggregator.errors import ConflictError, DeskError, ErrorClass
from aggregator.model import Role, Source
from aggregator.opml import Refused, url_flaw
from web.desk.adding import finder
from web.desk.gate import conflict, desk_page, me, needs, refused, said, store, with_done
from web.desk.sources import FLAW_WORDS, line_words, mark_of, note
from web.language import gettext, lazy_gettext
from web.layout import link
from web.site import current_site
from web.words import TROUBLE_WORDS

UPLOAD_BYTES = 11 << 20  # a little more than a list may have, so that it is told why it is refused
ROWS_BYTES = 4 << 20
REFUSED_SHOWN, THERE_SHOWN = 100, 200  # lines of the file
OK = "ok"

FATE_WORDS = {
    Fate.NEW: lazy_gettext("new"),
    Fate.BACK: lazy_gettext("was a source of ours before"),
    Fate.MOVED: lazy_gettext("a source of ours leads there: its address would change"),
    Fate.ELSEWHERE: lazy_gettext("perhaps here already, at another address"),
    Fate.THERE: lazy_gettext("here already"),
}
SIGN_WORDS = {
    Sign.LEADS: lazy_gettext("one address leads to the other"),
    Sign.SELF: lazy_gettext("the feed names that address itself"),
    Sign.TITLE: lazy_gettext("the same title at the same host"),
    Sign.SITE: lazy_gettext("the same site"),
}


class Held(msgspec.Struct, frozen=True):
    """A line of an import as the form holds it."""

    source: Source
    found: str = ""  # what its address answered: OK, an error class, "" if it was not asked


class Before(msgspec.Struct, frozen=True):
    """What else was in the file, as the form holds it: lines that are here already and refused ones, as many as are
    shown, and how many more there were of each.
    """

    there: tuple[Source, ...] = ()
    refused: tuple[Refused, ...] = ()
    more_there: int = 0
    more_refused: int = 0


NOTHING_BEFORE = Before()


class Shown(Struct, frozen=True):
    """A line as the table shows it."""

    row: Row
    held: str
    found: str
    trouble: str
    is_chosen: bool


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/sources/import", "import_sources", import_sources, methods=["GET"])
    desk.add_url_rule("/sources/import", "read_import", read_import, methods=["POST"])
    desk.add_url_rule("/sources/import/take", "take_in", take_in, methods=["POST"])


@needs(Role.EDITOR)
def import_sources() -> Response:
    """Where a list is given."""
    return _form()


@needs(Role.EDITOR, UPLOAD_BYTES)
def read_import() -> Response:
    """What is in it."""
    file = request.files.get("file")
    body = b""
    if file:
        with file.stream as stream:
            body = stream.read()
    body = body or request.form.get("text", "").encode("utf-8", "replace")
    if not body.strip():
        return _form(gettext("Choose a file, or paste its text."))
    try:
        found = imports.read(body, file.filename or "OPML" if file else "OPML", store().sources())
    except DeskError as error:
        return _form(said(error))
    return _table(
        found, {}, frozenset(row.source.url for row in found.rows if row.fate in (Fate.NEW, Fate.BACK, Fate.MOVED))
    )


@needs(Role.EDITOR, ROWS_BYTES)
def take_in() -> Response:
    """Ask the chosen addresses whether they answer, or take the chosen lines in."""
    form, site = request.form, current_site()
    again = link("desk.import_sources")
    try:
        held = [_held(text) for text in form.getlist("row")[:ROWS_LIMIT]]
        before = _before()
        ticked = {int(number) for number in form.getlist("chosen") if number.isdecimal() and len(number) < 5}
        chosen = frozenset(each.source.url for number, each in enumerate(held) if number in ticked)
        found = imports.compare([*(each.source for each in held), *before.there], store().sources())
        found = replace(found, refused=before.refused)
        answers = {each.source.url: each.found for each in held if each.found}
        if "check" in form:
            answers |= _asked([each.source.url for each in held if each.source.url in chosen and not each.found])
            return _table(found, answers, frozenset(url for url in chosen if answers.get(url, OK) == OK), before)
        made, wrong = lines.of_form({"region": form.get("region", "")}, (), (), _NOBODY)
        rows = [row for row in found.rows if row.source.url in chosen and row.fate is not Fate.THERE]
        if wrong or not rows:
            return _table(found, answers, chosen, before, wrong, "" if wrong else gettext("Choose at least one line."))
        change = imports.chosen(rows, made.region)
        action = sources.edit(site.settings, store(), me().name, note(), change, site.clock())
    except ConflictError as error:
        return conflict(error, again)
    except TooOftenError as error:
        return refused(error, again, 429)
    except DeskError as error:
        return refused(error, again)
    site.look_again()
    return redirect(with_done(link("desk.sources", did="imported", count=len(rows)), mark_of(action)), 303)


_NOBODY = Source("https://nobody.invalid/")


def _asked(urls: Sequence[str]) -> dict[str, str]:
    found = finder().check(urls[:CHECKED_LIMIT], me().name, current_site().clock())
    return {url: each.failure.error_class.value if each.failure else OK for url, each in found.items()}


def _held(text: str) -> Held:
    try:
        held = msgspec.json.decode(text.encode("utf-8", "replace"), type=Held)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DeskError(gettext("The page had grown old. Please try again.")) from error
    if url_flaw(held.source.url) or (held.source.site and url_flaw(held.source.site)):
        raise DeskError(str(FLAW_WORDS[Flaw.ADDRESS]))
    return held


def _before() -> Before:
    """What the form says of the rest of the file; it is shown and nothing else."""
    try:
        return msgspec.json.decode(request.form.get("before", "{}").encode("utf-8", "replace"), type=Before)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DeskError(gettext("The page had grown old. Please try again.")) from error


def _form(flaw: str = "") -> Response:
    return make_response(desk_page("import.html", flaw=flaw), 400 if flaw else 200)


def _table(
    found: Import,
    answers: Mapping[str, str],
    chosen: frozenset[str],
    before: Before = NOTHING_BEFORE,
    wrong: Mapping[str, Wrong] | None = None,
    flaw: str = "",
) -> Response:
    there, refused_ = found.of(Fate.THERE), found.refused
    rest = Before(
        tuple(row.source for row in there[:THERE_SHOWN]),
        refused_[:REFUSED_SHOWN],
        before.more_there + len(there[THERE_SHOWN:]),
        before.more_refused + len(refused_[REFUSED_SHOWN:]),
    )
    shown = [_shown(row, answers, chosen) for row in found.rows if row.fate is not Fate.THERE]
    body = desk_page(
        "import_table.html",
        shown=shown,
        there=there[:THERE_SHOWN],
        there_count=len(rest.there) + rest.more_there,
        refused=rest.refused,
        refused_count=len(rest.refused) + rest.more_refused,
        before=msgspec.json.encode(rest).decode(),
        left=found.left,
        fates=FATE_WORDS,
        signs=SIGN_WORDS,
        unchecked=sum(each.is_chosen and not each.found for each in shown),
        checked_limit=CHECKED_LIMIT,
        wrong=wrong or {},
        region=request.form.get("region", ""),
        flaw=flaw,
        **line_words(),
    )
    return make_response(body, 400 if wrong or flaw else 200)


def _shown(row: Row, answers: Mapping[str, str], chosen: frozenset[str]) -> Shown:
    found = answers.get(row.source.url, "")
    trouble = str(TROUBLE_WORDS[ErrorClass(found)]) if found in set(ErrorClass) else ""
    held = msgspec.json.encode(Held(row.source, found)).decode()
    return Shown(row, held, found, trouble, row.source.url in chosen)
