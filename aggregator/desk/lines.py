"""A line of the list as a form has it: takes what an editor typed, gives a Source or what is wrong with each field; and
proposes a line for a feed that was found. Never reads or writes the file.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from cssselect import HTMLTranslator, SelectorError
from msgspec import Struct
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.desk.discovery import Candidate
from aggregator.errors import ConfigError
from aggregator.model import Republish, Source, SourceKind
from aggregator.opml import bare_host, line, url_flaw

TEXT_LIMIT = 500  # characters of a title, a description, a region
REGION_DEPTH = 10
SELECTOR_LIMIT = 500

Value = TypeVar("Value")


class Flaw(StrEnum):
    """What is wrong with a field; `web` says it in sentences."""

    MISSING = "missing"
    ADDRESS = "address"
    SECRET = "secret"  # noqa: S105 - a password in an address
    LONG = "long"
    DEEP = "deep"
    CATEGORY = "category"
    DEPARTEMENT = "departement"
    LANGUAGE = "language"
    ZONE = "zone"
    INTERVAL = "interval"
    TAG = "tag"
    SELECTOR = "selector"
    CHOICE = "choice"
    SAME = "same"  # as it is already
    WRITTEN = "written"  # it cannot stand in the file


class Wrong(Struct, frozen=True):
    """A flaw, and the piece of what was typed that has it."""

    flaw: Flaw
    piece: str = ""


class _WrongError(ValueError):
    def __init__(self, flaw: Flaw, piece: str = "") -> None:
        super().__init__(flaw)
        self.wrong = Wrong(flaw, piece[:100])


def as_form(source: Source) -> dict[str, str]:
    """What the fields of a line hold. Categories are given apart: each is a box of its own."""
    minutes = "" if source.interval is None else str(int(source.interval.total_seconds() // 60))
    return {
        "url": source.url,
        "title": source.title,
        "site": source.site,
        "description": source.description,
        "region": source.region,
        "departements": " ".join(source.departements),
        "language": source.language,
        "timezone": source.timezone,
        "interval": minutes,
        "republish": source.republish.value,
        "kind": source.kind.value,
        "tags": "\n".join(f"{tag} = {slug}" for tag, slug in source.tags.items()),
        "paused": "1" if source.paused else "",
    } | {f"select-{part}": source.selectors.get(part, "") for part in line.SELECTORS}


def of_form(
    form: Mapping[str, str], categories: Sequence[str], slugs: Iterable[str], base: Source
) -> tuple[Source, Mapping[str, Wrong]]:
    """The line that a form describes, and what is wrong by field; a field that is wrong or missing is as in `base`.
    `slugs` are the categories that there are.
    """
    known = frozenset(slugs)
    found: dict[str, Any] = {}
    wrong: dict[str, Wrong] = {}

    def take(name: str, reader: Callable[[str], Any], field: str = "") -> None:
        if name in form:
            try:
                found[field or name] = reader(form[name].strip())
            except _WrongError as error:
                wrong[name] = error.wrong

    for name, reader in _READERS.items():
        take(name, reader)
    take("tags", lambda text: _tags(text, known))
    found["paused"] = bool(form.get("paused")) if "kind" in form else base.paused
    unknown = [slug for slug in categories if slug not in known and slug not in base.categories]
    if unknown:
        wrong["categories"] = Wrong(Flaw.CATEGORY, unknown[0][:100])
    elif "kind" in form or categories:
        found["categories"] = tuple(dict.fromkeys(categories))
    selectors = {}
    for part in line.SELECTORS:
        try:
            if text := _selector(form.get(f"select-{part}", base.selectors.get(part, ""))):
                selectors[part] = text
        except _WrongError as error:
            wrong[f"select-{part}"] = error.wrong
    source = replace(base, **found, selectors=selectors)
    if source.kind is SourceKind.PAGE and not source.paused and "item" not in selectors:
        wrong.setdefault("select-item", Wrong(Flaw.MISSING))
    return (source, wrong) if wrong else _written(source)


def propose(candidate: Candidate, listed: Sequence[Source], settings: Settings) -> Source:
    """A line for a feed that was found: what it says of itself, and what all sources of its host have in common."""
    host = bare_host(candidate.url)
    beside = [each for each in listed if host and host in (bare_host(each.url), bare_host(each.site))]
    language = candidate.language.replace("_", "-")
    return Source(
        url=candidate.url,
        title=candidate.title[:TEXT_LIMIT].strip() or host,
        site=candidate.site,
        region=_common([each.region for each in beside], ""),
        departements=_common([each.departements for each in beside], ()),
        language=language
        if line.LANGUAGE.fullmatch(language)
        else _common([each.language for each in beside], settings.language),
        timezone=_common([each.timezone for each in beside], settings.timezone),
    )


def _common(values: Sequence[Value], default: Value) -> Value:
    return values[0] if values and all(each == values[0] for each in values) else default


def _written(source: Source) -> tuple[Source, Mapping[str, Wrong]]:
    try:
        return line.checked(source), {}
    except ConfigError as error:
        return source, {"title": Wrong(Flaw.WRITTEN, str(error))}


# ── fields


def _url(text: str) -> str:
    if not text:
        raise _WrongError(Flaw.MISSING)
    return _address(text)


def _address(text: str) -> str:
    if flaw := url_flaw(text):
        if "password" in flaw:
            raise _WrongError(Flaw.SECRET)
        raise _WrongError(Flaw.LONG if "longer" in flaw else Flaw.ADDRESS, text)
    return text


def _text(text: str) -> str:
    if len(text) > TEXT_LIMIT:
        raise _WrongError(Flaw.LONG, text)
    return " ".join(text.split())


def _region(text: str) -> str:
    parts = [part.strip() for part in _text(text).split("/")]
    if len(parts) > REGION_DEPTH:
        raise _WrongError(Flaw.DEEP, text)
    return line.SEPARATOR.join(part for part in parts if part)


def _departements(text: str) -> tuple[str, ...]:
    codes = text.upper().replace(",", " ").replace(";", " ").split()
    for code in codes:
        if not line.DEPARTEMENT.fullmatch(code):
            raise _WrongError(Flaw.DEPARTEMENT, code)
    return tuple(dict.fromkeys(codes))


def _language(text: str) -> str:
    if not line.LANGUAGE.fullmatch(text):
        raise _WrongError(Flaw.LANGUAGE, text)
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError) as error:  # OSError: "Europe" is a folder
        raise _WrongError(Flaw.ZONE, text) from error
    return text


def _interval(text: str) -> timedelta | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= line.INTERVAL_LIMIT_MINUTES:
        raise _WrongError(Flaw.INTERVAL, text)
    return timedelta(minutes=int(text))


def _choice(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    def choose(text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError as error:
            raise _WrongError(Flaw.CHOICE, text) from error

    return choose


def _tags(text: str, known: frozenset[str]) -> dict[str, str]:
    tags = {}
    for each in text.splitlines():
        if not each.strip():
            continue
        tag, _, slug = (piece.strip() for piece in each.rpartition("="))
        if not tag or slug not in known or len(tag) > TEXT_LIMIT or tag.endswith("\\"):
            raise _WrongError(Flaw.TAG, each.strip())
        tags[tag] = slug
    return tags


def _selector(text: str) -> str:
    text = text.strip()
    if len(text) > SELECTOR_LIMIT:
        raise _WrongError(Flaw.LONG, text)
    try:
        HTMLTranslator().css_to_xpath(text) if text else ""
    except (SelectorError, RecursionError) as error:
        raise _WrongError(Flaw.SELECTOR, text) from error
    return text


_READERS: Mapping[str, Callable[[str], Any]] = {
    "url": _url,
    "title": _text,
    "site": lambda text: _address(text) if text else "",
    "description": _text,
    "region": _region,
    "departements": _departements,
    "language": _language,
    "timezone": _zone,
    "interval": _interval,
    "republish": _choice(Republish),
    "kind": _choice(SourceKind),
}
