"""One line of the list: takes the attributes of an outline, gives a Source or what is wrong with it, and back."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec.structs import replace

from aggregator.errors import ConfigError
from aggregator.model import Republish, Source, SourceKind
from aggregator.opml.tree import ILLEGAL, PREFIX

SELECTORS = ("item", "title", "link", "lead", "date", "image")
OWN_ATTRIBUTES = (
    *(f"{PREFIX}:{name}" for name in ("departements", "timezone", "interval", "paused", "republish", "kind", "tags")),
    *(f"{PREFIX}:select-{part}" for part in SELECTORS),
)
PLAIN_ATTRIBUTES = ("text", "title", "type", "xmlUrl", "htmlUrl", "description", "category", "language")

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
DEPARTEMENT = re.compile(r"0[1-9]|1\d|2[1-9AB]|[3-8]\d|9[0-5]|9[78]\d")  # INSEE: Corsica has no 20
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")  # BCP 47 §2.1, without looking up the parts
DEFAULT = Source(url="")
INTERVAL_LIMIT_MINUTES = 7 * 24 * 60
ORDINARY_URL = re.compile(r"https?://[a-z0-9][a-z0-9.-]*(?::[1-5]?[0-9]{1,4})?/[A-Za-z0-9._~/-]*")  # of most lines
URL_LIMIT = 2048  # characters
NO_CATEGORY = "general"  # the source mixes all
SEPARATOR = " / "  # between the folders of a region

_MINUTE = timedelta(minutes=1)
_Value = TypeVar("_Value", bound=StrEnum)


def read(attributes: Mapping[str, str], region: str) -> Source | tuple[str, ...]:
    """The Source of an outline, or every reason why it is none."""
    values: dict[str, Any] = {"region": region}
    reasons = [f"unknown attribute {name}" for name in own(attributes) if name not in OWN_ATTRIBUTES]
    for field, reader in _READERS.items():
        try:
            values[field] = reader(attributes)
        except ValueError as error:
            reasons.append(str(error))
    if reasons:
        return tuple(reasons)
    source = Source(**values)
    if source.kind is SourceKind.PAGE and "item" not in source.selectors and not source.paused:
        return ("tributary:kind is page, so tributary:select-item must say where the items are",)
    return source


def write(source: Source) -> dict[str, str]:
    """The attributes of a Source; what is as by default is left out."""
    paths = [f"/{slug}" for slug in source.categories] + [f"/dep/{code}" for code in source.departements]
    attributes = {
        "title": source.title,
        "type": "rss",
        "xmlUrl": source.url,
        "htmlUrl": source.site,
        "description": source.description,
        "category": ",".join(paths),
        "language": source.language,
        "tributary:timezone": source.timezone if source.timezone != DEFAULT.timezone else "",
        "tributary:interval": _minutes(source.interval),
        "tributary:paused": "true" if source.paused else "",
        "tributary:republish": source.republish if source.republish is not Republish.LEAD else "",
        "tributary:kind": source.kind if source.kind is not SourceKind.FEED else "",
        "tributary:tags": "; ".join(f"{tag.replace(';', chr(92) + ';')}={slug}" for tag, slug in source.tags.items()),
    } | {f"{PREFIX}:select-{part}": selector for part, selector in source.selectors.items()}
    # OPML 2.0 asks for `text` even where there is nothing to say.
    return {"text": source.title} | {name: str(value) for name, value in attributes.items() if value}


def checked(source: Source) -> Source:
    """The Source without white space around its texts. ConfigError if it could not be read again as it is."""
    parts = [part.strip() for part in source.region.split(SEPARATOR)]
    tidy = replace(
        source,
        url=source.url.strip(),
        title=source.title.strip(),
        site=source.site.strip(),
        description=source.description.strip(),
        region=SEPARATOR.join(part for part in parts if part),
    )
    attributes = write(tidy)
    again = read(attributes, tidy.region)
    if not isinstance(again, Source):
        raise ConfigError(f"{tidy.url}: {'; '.join(again)}")
    if again != tidy or any(ILLEGAL.search(value) for value in (*attributes.values(), tidy.region)):
        raise ConfigError(f"{tidy.url}: a value of this source cannot be written in OPML")
    return tidy


def own(attributes: Mapping[str, str]) -> list[str]:
    """The names of the attributes in our namespace."""
    return [name for name in attributes if name.startswith(f"{PREFIX}:")]


def url_flaw(url: str) -> str:
    """What forbids to use a URL from a list, or "". A password is never repeated. About 10 µs, 1 µs for most."""
    if ORDINARY_URL.fullmatch(url) and len(url) <= URL_LIMIT:
        return ""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  reading it checks it
    except ValueError as error:
        return f"cannot be read: {error}"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or a password"
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[\s\x00-\x1f\x7f]", url):
        return f"must be an http or https address, not {url[:200]!r}"
    return f"is longer than {URL_LIMIT} characters" if len(url) > URL_LIMIT else ""


def _url(attributes: Mapping[str, str]) -> str:
    url = attributes.get("xmlUrl", "").strip()
    if not url:
        raise ValueError("xmlUrl is missing")
    if flaw := url_flaw(url):
        raise ValueError(f"xmlUrl {flaw}")
    return url


def _site(attributes: Mapping[str, str]) -> str:
    site = attributes.get("htmlUrl", "").strip()
    if site and (flaw := url_flaw(site)):
        raise ValueError(f"htmlUrl {flaw}")
    return site


def _title(attributes: Mapping[str, str]) -> str:
    return attributes.get("text", "").strip() or attributes.get("title", "").strip()


def _description(attributes: Mapping[str, str]) -> str:
    return attributes.get("description", "").strip()


def _paths(attributes: Mapping[str, str]) -> list[str]:
    parts = [part.strip() for part in attributes.get("category", "").split(",")]
    return [part for part in parts if part and part.removeprefix("/") != NO_CATEGORY]


def _categories(attributes: Mapping[str, str]) -> tuple[str, ...]:
    slugs = [path for path in _paths(attributes) if not path.startswith("/dep/")]
    for slug in slugs:
        if not slug.startswith("/") or not SLUG.fullmatch(slug[1:]):
            raise ValueError(f"category {slug!r} is neither /slug nor /dep/NN")
    return tuple(dict.fromkeys(slug[1:] for slug in slugs))


def _departements(attributes: Mapping[str, str]) -> tuple[str, ...]:
    in_category = [path.removeprefix("/dep/") for path in _paths(attributes) if path.startswith("/dep/")]
    named = attributes.get("tributary:departements", "").replace(",", " ").split()
    for code in (*named, *in_category):
        if not DEPARTEMENT.fullmatch(code):
            raise ValueError(f"{code!r} is not the code of a département, such as 25, 2A or 974")
    return tuple(dict.fromkeys(named or in_category))


def _language(attributes: Mapping[str, str]) -> str:
    language = attributes.get("language", DEFAULT.language).strip()
    if not LANGUAGE.fullmatch(language):
        raise ValueError(f"language must be a tag such as fr or fr-CH, not {language!r}")
    return language


def _timezone(attributes: Mapping[str, str]) -> str:
    name = attributes.get("tributary:timezone", DEFAULT.timezone)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: "Europe" is a folder
        raise ValueError(f"tributary:timezone {name!r} is not a time zone, such as Europe/Paris") from error
    return name


def _interval(attributes: Mapping[str, str]) -> timedelta | None:
    text = attributes.get("tributary:interval")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= INTERVAL_LIMIT_MINUTES:
        raise ValueError(f"tributary:interval must be 1 to {INTERVAL_LIMIT_MINUTES} minutes, not {text!r}")
    return int(text) * _MINUTE


def _minutes(interval: timedelta | None) -> str:
    return "" if interval is None else f"{interval / _MINUTE:.10g}"


def _paused(attributes: Mapping[str, str]) -> bool:
    text = attributes.get("tributary:paused", "false")
    if text not in {"true", "false"}:
        raise ValueError(f"tributary:paused must be true or false, not {text!r}")
    return text == "true"


def _choice(attributes: Mapping[str, str], name: str, default: _Value) -> _Value:
    text = attributes.get(name, default)
    try:
        return type(default)(text)
    except ValueError as error:
        raise ValueError(f"{name} must be {' or '.join(sorted(type(default)))}, not {text!r}") from error


def _republish(attributes: Mapping[str, str]) -> Republish:
    return _choice(attributes, "tributary:republish", Republish.LEAD)


def _kind(attributes: Mapping[str, str]) -> SourceKind:
    return _choice(attributes, "tributary:kind", SourceKind.FEED)


def _tags(attributes: Mapping[str, str]) -> dict[str, str]:
    tags = {}
    for part in re.split(r"(?<!\\);", attributes.get("tributary:tags", "")):
        if not part.strip():
            continue
        tag, _, slug = (piece.strip() for piece in part.rpartition("="))
        if not tag or not SLUG.fullmatch(slug):
            raise ValueError(f"tributary:tags: {part.strip()!r} is not of the form tag=category")
        tags[tag.replace("\\;", ";")] = slug
    return tags


def _selectors(attributes: Mapping[str, str]) -> dict[str, str]:
    found = {part: attributes.get(f"{PREFIX}:select-{part}", "").strip() for part in SELECTORS}
    return {part: selector for part, selector in found.items() if selector}


_READERS: Mapping[str, Callable[[Mapping[str, str]], object]] = {
    "url": _url,
    "title": _title,
    "kind": _kind,
    "site": _site,
    "description": _description,
    "categories": _categories,
    "departements": _departements,
    "language": _language,
    "timezone": _timezone,
    "interval": _interval,
    "paused": _paused,
    "republish": _republish,
    "tags": _tags,
    "selectors": _selectors,
}
