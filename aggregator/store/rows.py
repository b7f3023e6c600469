"""Rows ↔ values: the only place that knows how a value is written into a column."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from aggregator.model import (
    Category,
    Condition,
    Correction,
    Evidence,
    Gist,
    Item,
    Rulebook,
    Source,
    SourceState,
    Stored,
)

STORED_COLUMNS = (
    "items.id, items.story_id, items.content, items.first_seen, items.changed_at, items.revision, items.reason,"
    " items.hidden"
)

GISTS_KEPT = 2048  # some 10 MB

_encode = msgspec.json.Encoder().encode
_categories = msgspec.json.Decoder(tuple[Category, ...]).decode
_condition = msgspec.json.Decoder(Condition).decode
_evidence = msgspec.json.Decoder(Evidence).decode
_gist = msgspec.msgpack.Decoder(Gist).decode
_item = msgspec.json.Decoder(Item).decode
_source = msgspec.json.Decoder(Source).decode
_state = msgspec.json.Decoder(SourceState).decode


def to_json(
    value: Condition | Correction | Evidence | Item | Rulebook | Source | SourceState | tuple[Category, ...],
) -> str:
    """A value as JSON text, fields in the order of the class."""
    return _encode(value).decode()


def to_item(text: str) -> Item:
    """The item that `to_json` wrote."""
    return _item(text)


def to_categories(text: str) -> tuple[Category, ...]:
    """The categories that `to_json` wrote."""
    return _categories(text)


def to_condition(text: str) -> Condition:
    """The condition that `to_json` wrote."""
    return _condition(text)


def to_evidence(text: str) -> Evidence:
    """The evidence that `to_json` wrote."""
    return _evidence(text)


def to_bytes(gist: Gist) -> bytes:
    """A gist as MessagePack: JSON has no pairs for keys."""
    return msgspec.msgpack.encode(gist)


@lru_cache(GISTS_KEPT)
def to_gist(packed: bytes) -> Gist:
    """The gist that `to_bytes` wrote; a new story is held against those that came before it, again and again."""
    return _gist(packed)


def to_source(text: str) -> Source:
    """The source that `to_json` wrote."""
    return _source(text)


def to_state(text: str) -> SourceState:
    """The state that `to_json` wrote."""
    return _state(text)


def to_seconds(at: datetime) -> int:
    """Whole seconds since 1970; what is finer is cut."""
    return int(at.timestamp())


def to_datetime(seconds: int) -> datetime:
    """The time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def to_stored(row: tuple[Any, ...]) -> Stored:
    """A row of STORED_COLUMNS."""
    item_id, story_id, content, first_seen, changed_at, revision, reason, hidden = row
    seen, changed = to_datetime(first_seen), to_datetime(changed_at)
    return Stored(item_id, story_id, to_item(content), seen, changed, revision, reason, hidden > 0)


def grouped(rows: list[Stored], by: Any) -> Mapping[str, tuple[Stored, ...]]:
    """Stored items by what `by` says of them, each group in the order of the rows."""
    groups: dict[str, list[Stored]] = {}
    for stored in rows:
        groups.setdefault(by(stored), []).append(stored)
    return {name: tuple(group) for name, group in groups.items()}
