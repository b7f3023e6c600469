"""The values of the editors' desk: who may use it, and what was done there."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from aggregator.model.secrets import repr_without


class Role(StrEnum):
    """What somebody may do at the desk."""

    EDITOR = "editor"  # everything but accounts
    ADMIN = "admin"


class Editor(Struct, frozen=True):
    """Somebody who may use the desk."""

    id: int
    name: str
    role: Role
    made_at: datetime
    closed_at: datetime | None = None  # since when they may not any more


class Login(Struct, frozen=True):
    """An editor's browser that is logged in."""

    editor: Editor
    csrf: str  # what every form of theirs holds
    began_at: datetime
    seen_at: datetime

    __repr__ = repr_without("csrf")


class ActionKind(StrEnum):
    """What was changed. Pins and what is hidden tell of themselves who made and who undid them."""

    SOURCES = "sources"  # feeds.opml was edited here
    OUTSIDE = "outside"  # feeds.opml is another one than we left: by a text editor, or a source that moved
    RULES = "rules"
    CORRECTION = "correction"  # of one item
    ACCOUNT = "account"  # of an editor; it is not undone here, as a password cannot be


class Action(Struct, frozen=True):
    """Something that was done at the desk, with all that undoing it takes."""

    id: int
    kind: ActionKind
    by: str  # name of the editor
    at: datetime
    about: str  # the address of the one source that it is about, "" for several
    told: Mapping[str, Any]  # what it was, for a sentence: see web.desk.told
    note: str  # why, in the editor's words
    undone_at: datetime | None = None
    undone_by: str = ""


class Deed(Struct, frozen=True):
    """An action that is to be recorded."""

    kind: ActionKind
    by: str
    about: str
    told: Mapping[str, Any]
    note: str
    held: Mapping[str, Any] = field(default_factory=dict)  # what undoing it takes

    __repr__ = repr_without("held")
