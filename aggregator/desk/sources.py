"""Edits of feeds.opml that are recorded and can be undone: takes what an editor wants of the sources, rewrites the
file, tells the store at once, lets stored items follow, and keeps both versions.

Nobody's change is lost. An edit says what the editor saw of a line; if that is no longer so, by another editor, a text
editor or a source that moved, nothing is written and both versions are shown. What others do to the file between two
edits here is recorded as an action of its own before the next one.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from difflib import unified_diff
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from aggregator import opml
from aggregator.config import Settings
from aggregator.desk import judging
from aggregator.desk.judging import NOTHING_HELD
from aggregator.errors import ChangedError, ConfigError, ConflictError, DeskError
from aggregator.model import Action, ActionKind, Deed, Effect, Source
from aggregator.opml import Document
from aggregator.store import Store

OUTSIDE = "–"  # who edited the file where nobody of ours did
NAMED_LIMIT = 10  # sources whose names an action keeps
TRIES = 5  # where others write at the same moment

Edit = Callable[[Document], None]
"""Changes a document; ConfigError or ConflictError leave the file as it is."""


def note_outside(settings: Settings, store: Store, now: datetime) -> Action | None:
    """Record what others have done to the file since the last action here. → None where it is as we left it."""
    body = _read(settings)
    left = _left(store)
    if left is None:
        deed = Deed(ActionKind.OUTSIDE, OUTSIDE, "", {"listed": len(_lines(body))}, "", {"before": body, "after": body})
        return store.act(deed, now)
    last, text = left
    if text == body:
        return None
    written = datetime.fromtimestamp(Path(settings.opml).stat().st_mtime, UTC)
    deed = replace(_deed(OUTSIDE, "", text, body), kind=ActionKind.OUTSIDE)
    return store.act(deed, written if last.at <= written <= now else now)


def edit(
    settings: Settings, store: Store, by: str, note: str, change: Edit, now: datetime, **told: int
) -> Action | None:
    """Change the list, record it, and tell the items of the last 30 days as the list now says. → None where the change
    changes nothing. DeskError says why it cannot be done, ConflictError that something else stands there now.
    """
    effect = carry_out(settings, store, by, note, change, now, NOTHING_HELD, **told)
    return effect.action if effect else None


def carry_out(
    settings: Settings,
    store: Store,
    by: str,
    note: str,
    change: Edit,
    now: datetime,
    undone: Mapping[str, Any] = NOTHING_HELD,
    **told: int,
) -> Effect | None:
    """Do as `edit` does. → what entered and left each feed. `undone` is what was kept of an action that this undoes."""
    for _ in range(TRIES):
        note_outside(settings, store, now)
        before = _read(settings)
        document = _document(settings, before)
        try:
            change(document)
        except ConfigError as error:
            raise DeskError(error.text, **error.values) from error
        if not document.changed:
            return None
        after = _text(document.to_bytes(now))
        if _written(settings, document, now):
            return _record(settings, store, _deed(by, note, before, after, **told), now, undone)
    raise DeskError("%(file)s is being changed by somebody else again and again; try once more", file=settings.opml)


def tried(settings: Settings, change: Edit) -> tuple[Mapping[str, Source], Mapping[str, Source]]:
    """The lines of the list as they are, and as they would be after a change; the file stays as it is."""
    before = _read(settings)
    document = _document(settings, before)
    try:
        change(document)
    except ConfigError as error:
        raise DeskError(error.text, **error.values) from error
    return _lines(before), {source.url: source for source in document.sources}


def replaced(seen: Source, wanted: Source) -> Edit:
    """Gives a line other values. ConflictError unless it is still as the editor saw it."""

    def change(document: Document) -> None:
        _check(document, seen, wanted)
        document.replace(seen.url, wanted)

    return change


def removed(seen: Source) -> Edit:
    """Takes a line out. ConflictError unless it is still as the editor saw it."""

    def change(document: Document) -> None:
        _check(document, seen, None)
        document.remove(seen.url)

    return change


def added(sources: Sequence[Source]) -> Edit:
    """Puts lines into the list."""

    def change(document: Document) -> None:
        for source in sources:
            document.add(source)

    return change


def all_of(changes: Sequence[Edit]) -> Edit:
    """Several changes, all or none."""

    def change(document: Document) -> None:
        for each in changes:
            each(document)

    return change


def undo(settings: Settings, store: Store, number: int, by: str, now: datetime) -> Action:
    """Undo an action on the list. If nothing came after it, the file is as it was to the letter; else each line that it
    changed is as it was, if it still is what the action made of it: ConflictError otherwise. The undoing is an action
    too, which can be undone.
    """
    note_outside(settings, store, now)
    action, held = _held_of(store, number)
    if action.undone_at:
        raise DeskError("number %(number)s is undone already, by %(name)s", number=number, name=action.undone_by)
    before, after = held["before"], held["after"]
    current = _read(settings)
    if current == after:
        document = _document(settings, before)
        if not _written(settings, document, None, over=current):
            raise DeskError("%(file)s is being changed by somebody else; try once more", file=settings.opml)
        done = _record(settings, store, _deed(by, "", after, before, undoes=number), now, held)
    else:
        back = _backwards(before, after)
        done = carry_out(settings, store, by, "", back, now, held, undoes=number) or Effect(action=action)
    store.mark_undone(number, by, now)
    if undone := action.told.get("undoes"):
        store.mark_standing(undone)
    return done.action or action


def as_text(source: Source) -> str:
    """A line of the list as people compare it: one attribute in a line."""
    return "\n".join(f"{name}: {value}" for name, value in opml.attributes(source).items())


def diff(before: str, after: str) -> list[str]:
    """What differs between two versions of the file, with a line around it."""
    return list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))[2:]


def _check(document: Document, seen: Source, wanted: Source | None) -> None:
    try:
        now = document.line(seen.url)
    except ConfigError as error:
        ours = as_text(wanted) if wanted else ""
        raise ConflictError("it does not stand in the list any more", "", ours) from error
    if now != seen:
        ours = as_text(wanted) if wanted else ""
        raise ConflictError("somebody else has changed it meanwhile", as_text(now), ours)


def _backwards(before: str, after: str) -> Edit:
    """What undoes the difference between two versions, line by line, in whatever the list is by now."""
    was, became = _lines(before), _lines(after)

    def change(document: Document) -> None:
        for url in became.keys() - was.keys():
            removed(became[url])(document)
        for url, source in was.items():
            if url not in became:
                document.add(source)
            elif became[url] != source:
                replaced(became[url], source)(document)

    return change


def _record(settings: Settings, store: Store, deed: Deed, now: datetime, undone: Mapping[str, Any]) -> Effect:
    action = store.act(deed, now)
    store.sync_sources(opml.read(settings.opml), now)
    was, became = _lines(deed.held["before"]), _lines(deed.held["after"])
    retelling = judging.of_sources(settings, store, was, became, now, undone)
    if retelling is None:
        return Effect(action=action)
    return store.retell(replace(retelling, action=action.id), now)


def _written(settings: Settings, document: Document, now: datetime | None, over: str | None = None) -> bool:
    """Replace the file, unless it was changed since it was read, or is not `over`."""
    try:
        document.write(settings.opml, now, instead_of=document.as_read if over is None else _bytes(over))
    except ChangedError:
        return False
    except ConfigError as error:
        raise DeskError(error.text, **error.values) from error
    return True


def _document(settings: Settings, text: str) -> Document:
    try:
        return Document.parse(_bytes(text), settings.opml)
    except ConfigError as error:
        raise DeskError(error.text, **error.values) from error


def _read(settings: Settings) -> str:
    try:
        return _text(Path(settings.opml).read_bytes())
    except OSError as error:
        raise DeskError("%(file)s cannot be read: %(why)s", file=settings.opml, why=error.strerror) from error


def _left(store: Store) -> tuple[Action, str] | None:
    """The last action on the file, and the file as it left it."""
    before = 0
    while actions := store.actions(limit=200, before=before):
        for action in actions:
            if action.kind in (ActionKind.SOURCES, ActionKind.OUTSIDE):
                _, held = _held_of(store, action.id)
                return action, str(held["after"])
        before = actions[-1].id
    return None


def _held_of(store: Store, number: int) -> tuple[Action, Mapping[str, Any]]:
    found = store.action(number)
    if found is None:
        raise DeskError("there is no number %(number)s in the history", number=number)
    return found


def _deed(by: str, note: str, before: str, after: str, **told: int) -> Deed:
    was, became = _lines(before), _lines(after)
    touched = [url for url in {**was, **became} if was.get(url) != became.get(url)]
    moved = _moved(was, became)
    changes = {
        "added": [url for url in became if url not in was and url not in moved.values()],
        "removed": [url for url in was if url not in became and url not in moved],
        "changed": [url for url in touched if url in was and url in became],
        "moved": [[became[new].title, old, new] for old, new in moved.items()],
        "names": {url: (became.get(url) or was[url]).title for url in touched[:NAMED_LIMIT]},
    }
    about = (
        next(iter(moved.values())) if len(touched) == 2 * len(moved) == 2 else touched[0] if len(touched) == 1 else ""
    )
    return Deed(ActionKind.SOURCES, by, about, {**changes, **told}, note, {"before": before, "after": after})


def _moved(was: Mapping[str, Source], became: Mapping[str, Source]) -> dict[str, str]:
    """The new address of each line that has another one and is the same else."""
    gone = {_but_address(was[url]): url for url in was if url not in became}
    came = {_but_address(became[url]): url for url in became if url not in was}
    return {gone[line]: came[line] for line in gone if line in came}


def _but_address(source: Source) -> str:
    return as_text(replace(source, url="https://nowhere.invalid/"))


def _lines(text: str) -> Mapping[str, Source]:
    try:
        return {source.url: source for source in Document.parse(_bytes(text), "").sources}
    except ConfigError:
        return {}


def _text(body: bytes) -> str:
    return body.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
