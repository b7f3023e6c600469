"""The values of the editors' desk: who may use it, and what was done there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What somebody may do at the desk."""

    EDITOR = "editor"  # everything but accounts
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Editor:
    """Somebody who may use the desk."""

    id: int
    name: str
    role: Role
    made_at: datetime
    closed_at: datetime | None = None  # since when they may not any more


@dataclass(frozen=True, slots=True)
class Login:
    """An editor's browser that is logged in."""

    editor: Editor
    csrf: str = field(repr=False)  # what every form of theirs holds
    began_at: datetime
    seen_at: datetime


class ActionKind(StrEnum):
    """What was changed. Pins and what is hidden tell of themselves who made and who undid them."""

    SOURCES = "sources"  # feeds.opml was edited here
    OUTSIDE = "outside"  # feeds.opml is another one than we left: by a text editor, or a source that moved
    RULES = "rules"
    CORRECTION = "correction"  # of one item
    ACCOUNT = "account"  # of an editor; it is not undone here, as a password cannot be


@dataclass(frozen=True, slots=True)
class Action:
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


@dataclass(frozen=True, slots=True)
class Deed:
    """An action that is to be recorded."""

    kind: ActionKind
    by: str
    about: str
    told: Mapping[str, Any]
    note: str
    held: Mapping[str, Any] = field(default_factory=dict, repr=False)  # what undoing it takes
