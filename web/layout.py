"""What the templates may use: links, names, dates and the frame around every page. Never reads the store itself."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, render_template, request, url_for
from flask_babel import format_date, format_datetime, gettext

from aggregator.catalogue import Kind, kind_of
from aggregator.model import ALL, AS_ANNOUNCED, DEPARTEMENT, SOURCE, Format, Options, Stored, Story
from web import words
from web.asked import Asked
from web.links import address_of
from web.negotiation import LANGUAGES, etag_of
from web.site import current_site

FIRST_OF_MONTH = re.compile(r"\b1 ")
PAGE_SCRIPTS: tuple[str, ...] = ()  # of every page but embeds, each does one thing and stands alone; no page needs them
LANGUAGE_NAMES = {"fr": "Français", "en": "English"}


def prepare(app: Flask) -> None:
    """Give the templates their vocabulary."""
    static = Path(str(app.static_folder))
    app.jinja_env.globals.update(
        {
            "site_css": _fingerprinted(static, "site.css"),
            "page_scripts": [_fingerprinted(static, name) for name in PAGE_SCRIPTS],
            "site_icon": _fingerprinted(static, "favicon.svg"),
            "FORMATS": tuple(words.FORMAT_NAMES),
            "FORMAT_NAMES": words.FORMAT_NAMES,
            "FORMAT_TYPES": words.FORMAT_TYPES,
            "LANGUAGE_NAMES": LANGUAGE_NAMES,
            "LEAD_LIMIT": words.LEAD_LIMIT_CHARACTERS,
            "feed_title": feed_title,
            "feed_url": feed_url,
            "label": label,
            "badges": badges,
            "in_language": in_language,
            "sources_of": words.sources_of,
            "absolute": absolute,
            "path_of": path_of,
            "source_page": source_page,
            "source_name": lambda url: current_site().source_name(url),
            "updated_at": words.updated_at,
            "published_at": published_at,
        }
    )
    app.jinja_env.filters.update(
        {"day": day, "clock": clock, "moment": moment, "later": later, "web_link": words.web_link}
    )


def page(template: str, *, feed: str = ALL, canonical: str = "", **values: Any) -> str:
    """Render a page within the frame; `feed` is the one that its head announces, "" none."""
    site = current_site()
    return render_template(
        template,
        site=site.settings,
        language=g.get("language", site.settings.language),
        categories=[(slug, label(slug)) for slug in site.taxonomy.slugs],
        feed=feed,
        canonical=canonical,
        **values,
    )


def absolute(endpoint: str, **values: Any) -> str:
    """The public address of a page of ours, made from the settings: the Host header is never believed."""
    return current_site().settings.public_url + current_app.url_map.bind("").build(endpoint, values)


def feed_url(slug: str, format: Format, query: str = "", options: Options = AS_ANNOUNCED) -> str:
    """The public address of one representation of a feed; `query` is what is searched for."""
    return address_of(Asked(slug, format, options, query=query), current_site().settings)


def hub_url() -> str:
    """Where changes of our feeds are pushed from, "" nowhere."""
    return current_site().settings.hub_address


def feed_title(slug: str, query: str = "") -> str:
    """What a feed is called in lists of ours: the site's name and what the feed is of."""
    title = current_site().settings.title
    return title if slug == ALL else f"{title} – {label(slug, query)}"


def label(slug: str, query: str = "") -> str:
    """What people call a feed, in the language of the page; one of a search by what is searched for."""
    if slug == ALL:
        return str(gettext("All the news"))
    return f"« {query} »" if query else current_site().feeds(_language()).get(slug, slug)


def source_page(url: str) -> str:
    """Our page of a source, in the language that the reader chose; by the address of its feed if need be."""
    view = current_site().view_of(url)
    return url_for("reader.source_page", slug=view.slug) if view else url_for("reader.source", url=url)


def path_of(slug: str) -> str:
    """Our page of a feed, in the language that the reader chose."""
    category, _, code = slug.rpartition(DEPARTEMENT)
    match kind_of(slug):
        case Kind.ALL:
            return url_for("reader.river")
        case Kind.CATEGORY:
            return url_for("reader.category", slug=slug)
        case Kind.DEPARTEMENT:
            return url_for("reader.departement", code=code)
        case Kind.BOTH:
            return url_for("reader.category_in", slug=category.rstrip("/"), code=code)
        case Kind.SOURCE:
            return url_for("reader.source_page", slug=slug.removeprefix(SOURCE))


def badges(stored: Stored) -> tuple[words.Badge, ...]:
    """The marks beside an item's title."""
    genre, taxonomy = stored.item.genre, current_site().taxonomy
    synonyms = [taxonomy.genre_label(genre, language) for language in LANGUAGES]
    return words.badges_of(stored, taxonomy.genre_label(genre, _language()), synonyms)


def in_language(url_language: str) -> str:
    """The address of this page in another language; the query is kept."""
    pairs = [(name, text) for name, text in request.args.items(multi=True) if name != "lang"]
    query = "&".join(f"{quote(name)}={quote(text)}" for name, text in [*pairs, ("lang", url_language)])
    return f"?{query}"


def published_at(stored: Stored) -> datetime:
    """When a source published an item, or when we first saw it where it does not say."""
    return stored.item.published.at or stored.first_seen


def days(stories: Sequence[Story]) -> list[tuple[date, list[Story]]]:
    """Stories by the day they stand under, in the site's time zone, in the order given."""
    return [(date, list(group)) for date, group in groupby(stories, lambda story: _date(story.sort_at))]


def day(at: date) -> str:
    """Mercredi 11 février 2026."""
    text = _with_first(format_date(at, "EEEE d MMMM y"))
    return text[:1].upper() + text[1:]


def clock(at: datetime) -> str:
    """11:23."""
    return str(format_datetime(at, "HH:mm"))


def moment(at: datetime) -> str:
    """11 février 2026 à 11:23."""
    return str(gettext("%(day)s at %(time)s", day=_with_first(format_datetime(at, "d MMMM y")), time=clock(at)))


def later(at: datetime, than: datetime) -> str:
    """A time that follows another: without the day where it is the same."""
    return clock(at) if _date(at) == _date(than) else moment(at)


def _date(at: datetime) -> date:
    return at.astimezone(ZoneInfo(current_site().settings.timezone)).date()


def _with_first(text: str) -> str:
    """A date with the first of a month as the language writes it: French says "1er"."""
    return FIRST_OF_MONTH.sub("1er ", text) if _language() == "fr" else text


def _language() -> str:
    return str(g.get("language", current_site().settings.language))


def _fingerprinted(folder: Path, name: str) -> tuple[str, str]:
    return name, etag_of((folder / name).read_bytes())[1:13]
