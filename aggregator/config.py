"""Settings: defaults, then `tributary.toml`, then `TRIBUTARY_…` from the environment, then the command line.

Read and validated once, at the start; everything else gets a `Settings` or single values passed in.
"""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from aggregator.errors import ConfigError

ENVIRONMENT_PREFIX = "TRIBUTARY_"
FILE_VARIABLE = "TRIBUTARY_CONFIG"  # names the settings file, for servers that take no arguments
DEFAULT_FILE = "tributary.toml"
VERSION = "0.1.0"
PORT_MAXIMUM = 65_535
RENAMING = re.compile(r"[a-zA-Z0-9-]+(/[a-zA-Z0-9-]+)*=[a-zA-Z0-9-]+(/[a-zA-Z0-9-]+)*")


class Settings(Struct, frozen=True):
    """Every setting with its default; docs/operators.md explains each one (a test compares)."""

    database: str = "var/tributary.db"
    opml: str = "feeds.opml"
    categories: str = ""  # a table of categories instead of the built-in one
    host: str = "127.0.0.1"
    port: int = 8000
    base_url: str = ""  # as readers see it; "": http://host:port
    title: str = "Tributary"
    authority: str = "localhost,2026"  # of the tag: URIs we mint (RFC 4151); never change it once feeds are out
    language: str = "fr"
    timezone: str = "Europe/Paris"
    contact: str = ""  # URL or mail address in our User-Agent; "": base_url
    interval_minutes: float = 30
    min_interval_minutes: float = 5
    max_interval_hours: int = 24
    requests_per_hour: float = 0  # of all sources; 0: as many as one every interval_minutes for each
    feed_length: int = 50  # stories in the head of a feed
    one_per_event: tuple[str, ...] = ()  # feeds, by slug, that show one entry of the stories about one event
    late_hours: int = 48  # older than this at first sight: stored and found, but kept off the feeds' heads
    renamed: tuple[str, ...] = ()  # "old=new" for each feed that has another slug than it had
    publish_to: str = ""  # folder in which the public output is kept as files while polling; "": nowhere
    files_only: bool = False  # readers reach nothing but such files: pages leave out what needs a program
    hub: bool = True  # run a WebSub hub for our own feeds
    hub_url: str = ""  # a hub of others that is told of changes instead
    follow_hubs: bool = True  # be told of news by the hubs that sources name, where they can reach us
    pictures: Literal["direct", "proxy"] = "direct"  # where pages show pictures from: their sources, or us
    concurrency: int = 64  # requests under way at once
    per_host: int = 2
    workers: int = 2  # processes that parse
    timeout_seconds: float = 30.0  # for a whole answer, redirects included
    body_limit_mib: float = 15.0  # after decompression
    parse_seconds: float = 8.0
    parse_memory_mib: int = 256
    allow_private: tuple[str, ...] = ()  # exact host:port pairs inside that may be fetched
    behind_proxy: bool = False  # a server of ours passes requests on and says from whom
    metrics: Literal["local", "public", "off"] = "local"  # who may read /metrics; local: who asks from this machine
    log_level: str = "INFO"

    @property
    def public_url(self) -> str:
        """Where readers find us, without a slash at the end."""
        return self.base_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def renamings(self) -> Mapping[str, str]:
        """The slugs of today by those that feeds had before."""
        return dict(pair.split("=") for pair in self.renamed)

    @property
    def runs_hub(self) -> bool:
        """Whether the hub of our feeds is our own."""
        return self.hub and not (self.hub_url or self.files_only)

    @property
    def follows_hubs(self) -> bool:
        """Whether hubs are asked to push what is new to us: they must know where we are."""
        return self.follow_hubs and bool(self.base_url) and not self.files_only

    @property
    def hub_address(self) -> str:
        """The hub that our feeds announce, "" where there is none."""
        return self.hub_url or (f"{self.public_url}/hub" if self.runs_hub else "")

    @property
    def interval(self) -> timedelta:
        """The usual time between two checks of a source."""
        return timedelta(minutes=self.interval_minutes)

    @property
    def shortest(self) -> timedelta:
        """The least time between two checks of a source."""
        return timedelta(minutes=min(self.min_interval_minutes, self.interval_minutes))

    @property
    def longest(self) -> timedelta:
        """The most time between two checks of a source."""
        return max(timedelta(hours=self.max_interval_hours), self.shortest)

    @property
    def user_agent(self) -> str:
        """How we introduce ourselves to publishers, with a way to reach a person."""
        return f"Tributary/{VERSION} (+{self.contact or self.public_url})"


def load(
    file: str | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings. A missing default file is fine; a missing named one, an unknown key or a value of the
    wrong kind raises ConfigError that names it and where it stands.
    """
    environ = os.environ if environ is None else environ
    values = _from_file(file or environ.get(FILE_VARIABLE))
    values |= _from_environment(environ)
    values |= {key: value for key, value in (overrides or {}).items() if value is not None}
    return _checked(values)


def _from_file(file: str | None) -> dict[str, Any]:
    path = Path(file or DEFAULT_FILE)
    if file is None and not path.exists():
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"while reading settings: {str(path)!r}: {error}") from error
    _refuse_unknown(values, str(path))
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    kinds = {each.name: each.type for each in fields(Settings)}
    values: dict[str, Any] = {}
    for name, text in environ.items():
        if name.startswith(ENVIRONMENT_PREFIX) and name != FILE_VARIABLE:
            key = name.removeprefix(ENVIRONMENT_PREFIX).lower()
            _refuse_unknown({key: text}, "the environment")
            is_list = "tuple" in str(kinds[key])
            values[key] = text.replace(",", " ").split() if is_list else text
    return values


def _refuse_unknown(values: Mapping[str, Any], where: str) -> None:
    known = Settings.__struct_fields__
    for key in values:
        if key not in known:
            raise ConfigError(f"unknown setting {key!r} in {where}; known are: {', '.join(sorted(known))}")


def _checked(values: Mapping[str, Any]) -> Settings:
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"while reading settings: {error}") from error
    positive = ("interval_minutes", "min_interval_minutes", "feed_length", "concurrency", "per_host", "workers")
    for name in (*positive, "timeout_seconds"):
        if getattr(settings, name) <= 0:
            raise ConfigError(f"setting {name} must be more than 0, not {getattr(settings, name)}")
    if not 0 <= settings.port <= PORT_MAXIMUM:
        raise ConfigError(f"setting port must be between 0 and {PORT_MAXIMUM}, not {settings.port}")
    try:
        ZoneInfo(settings.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"setting timezone: {error}") from error
    if settings.base_url and urlsplit(settings.base_url).scheme not in {"http", "https"}:
        raise ConfigError(f"setting base_url must be an http or https URL, not {settings.base_url!r}")
    if settings.hub_url and urlsplit(settings.hub_url).scheme not in {"http", "https"}:
        raise ConfigError(f"setting hub_url must be an http or https URL, not {settings.hub_url!r}")
    if settings.pictures == "proxy" and settings.files_only:
        raise ConfigError("setting pictures: 'proxy' needs a program that fetches them, which files_only leaves out")
    _check_renamed(settings.renamed)
    for pair in settings.allow_private:
        host, _, port = pair.rpartition(":")
        if not host or not port.isdigit():
            raise ConfigError(f"setting allow_private names exact host:port pairs, not {pair!r}")
    return settings


def _check_renamed(pairs: Sequence[str]) -> None:
    """One step leads from an old address to the one of today, whatever was renamed how often."""
    for pair in pairs:
        if not RENAMING.fullmatch(pair):
            raise ConfigError(f'setting renamed names slugs as "old=new", not {pair!r}')
    old = [pair.partition("=")[0] for pair in pairs]
    for pair in pairs:
        if pair.partition("=")[2] in old or old.count(pair.partition("=")[0]) > 1:
            raise ConfigError(f"setting renamed leads from each old slug to the one of today, not {pair!r}")
