"""What the templates may use: links, names, dates and the frame around every page. Never reads the store itself."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel.dates import format_date
from flask import Flask, current_app, g, render_template, request, url_for

from aggregator.catalogue import Kind, kind_of
from aggregator.model import (
    ALL,
    AS_ANNOUNCED,
    DEPARTEMENT,
    NO_QUESTION,
    SOURCE,
    Format,
    Options,
    Question,
    Stored,
    Story,
)
from web import words
from web.asked import Asked
from web.language import gettext, ngettext, page_language
from web.negotiation import LANGUAGES, etag_of
from web.site import current_site

FIRST_OF_MONTH = re.compile(r"\b1 ")
# Of every page but embeds: each does one thing and stands alone; no page needs them.
PAGE_SCRIPTS = ("keys.js", "stars.js", "news.js", "swipe.js", "offline.js")
HTMX_SCRIPTS = ("vendor/htmx.min.js", "older.js")  # of pages that take parts of other pages in, see htmx.html
HTMX = {  # our policy allows no style of a script and no code in a text; Back asks anew for what is not kept
    "allowEval": False,
    "allowScriptTags": False,
    "attributesToSettle": ["class"],
    "historyCacheSize": 0,
    "includeIndicatorStyles": False,
    "refreshOnHistoryMiss": True,
    "selfRequestsOnly": True,
    "timeout": 20_000,
}
LANGUAGE_NAMES = {"fr": "Français", "en": "English"}
DATES_KEPT = 4096  # with their words: a day costs Babel 25 µs
LINKS_KEPT = 8192


def prepare(app: Flask) -> None:
    """Give the templates their vocabulary."""
    static = Path(str(app.static_folder))
    app.jinja_env.globals.update(
        {
            "site_css": _fingerprinted(static, "site.css"),
            "page_scripts": [_fingerprinted(static, name) for name in PAGE_SCRIPTS],
            "htmx_scripts": [_fingerprinted(static, name) for name in HTMX_SCRIPTS],
            "HTMX": HTMX,
            "desk_css": _fingerprinted(static, "desk.css"),
            "desk_js": _fingerprinted(static, "desk.js"),
            "site_icon": _fingerprinted(static, "favicon.svg"),
            "FORMATS": tuple(words.FORMAT_NAMES),
            "FORMAT_NAMES": words.FORMAT_NAMES,
            "FORMAT_TYPES": words.FORMAT_TYPES,
            "LANGUAGE_NAMES": LANGUAGE_NAMES,
            "LEAD_LIMIT": words.LEAD_LIMIT_CHARACTERS,
            "NO_QUESTION": NO_QUESTION,
            "feed_title": feed_title,
            "feed_url": feed_url,
            "label": label,
            "badges": badges,
            "in_language": in_language,
            "sources_of": words.sources_of,
            "absolute": absolute,
            "path_of": path_of,
            "follow_page": follow_page,
            "url_for": link,
            "source_page": source_page,
            "source_name": lambda url: current_site().source_name(url),
            "updated_at": words.updated_at,
            "published_at": published_at,
        }
    )
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.filters.update(
        {
            "day": day,
            "nearness": nearness,
            "clock": clock,
            "moment": moment,
            "later": later,
            "is_loud": words.is_loud,
            "web_link": words.web_link,
        }
    )


def page(template: str, *, feed: str = ALL, canonical: str = "", **values: Any) -> str:
    """Render a page within the frame; `feed` is the one that its head announces, "" none."""
    site = current_site()
    return render_template(
        template,
        site=site.settings,
        language=page_language(),
        categories=[(slug, label(slug)) for slug in site.taxonomy.slugs],
        feed=feed,
        canonical=canonical,
        **values,
    )


def link(endpoint: str, **values: Any) -> str:
    """What Flask's url_for gives, in the language that the reader chose; it takes 20 µs, and a page has a hundred."""
    return _link(request.script_root, g.get("asked_language", ""), endpoint, tuple(values.items()))


@lru_cache(LINKS_KEPT)
def _link(_root: str, _language: str, endpoint: str, values: tuple[tuple[str, Any], ...]) -> str:
    """The same, kept for each of all that it depends on."""
    return url_for(endpoint, **dict(values))


def absolute(endpoint: str, **values: Any) -> str:
    """The public address of a page of ours, made from the settings: the Host header is never believed."""
    return current_site().settings.public_url + current_app.url_map.bind("").build(endpoint, values)


def feed_url(slug: str, format: Format, question: Question = NO_QUESTION, options: Options = AS_ANNOUNCED) -> str:
    """The public address of one representation of a feed; `question` is what is searched for."""
    return current_site().settings.public_url + _target(slug, format, question, options)


@lru_cache(LINKS_KEPT)
def _target(slug: str, format: Format, question: Question, options: Options) -> str:
    return Asked(slug, format, options, question=question).target


def hub_url() -> str:
    """Where changes of our feeds are pushed from, "" nowhere."""
    return current_site().settings.hub_address


def feed_title(slug: str, question: Question = NO_QUESTION, language: str = "") -> str:
    """What a feed is called in lists of ours: the site's name and what the feed is of, in a language if need be."""
    title = current_site().settings.title
    if slug == ALL:
        return title
    return f"{title} – {current_site().feeds(language).get(slug, slug) if language else label(slug, question)}"


def label(slug: str, question: Question = NO_QUESTION) -> str:
    """What people call a feed, in the language of the page; one of a search by what is searched for."""
    if slug == ALL:
        return gettext("All the news")
    if question.query:
        return ", ".join([*([f"« {question.words} »"] if question.words else []), *narrowed(question)])
    return current_site().feeds(page_language()).get(slug, slug)


def narrowed(question: Question) -> list[str]:
    """What narrows a search, in the words of the page."""
    names, taxonomy = current_site().feeds(page_language()), current_site().taxonomy
    slugs = (
        question.category,
        question.departement and f"{DEPARTEMENT}{question.departement}",
        question.source and f"{SOURCE}{question.source}",
    )
    told = [names.get(slug, slug.removeprefix(SOURCE)) for slug in slugs if slug]
    if question.genre:
        told.append(taxonomy.genre_label(question.genre, page_language()))
    if question.since:
        told.append(gettext("from %(day)s", day=_short(question.since)))
    if question.until:
        told.append(gettext("until %(day)s", day=_short(question.until)))
    return told


def source_page(url: str) -> str:
    """Our page of a source, in the language that the reader chose; by the address of its feed if need be."""
    view = current_site().view_of(url)
    return link("reader.source_page", slug=view.slug) if view else link("reader.source", url=url)


def follow_page(slug: str) -> str:
    """Our page on how to follow a feed."""
    if current_site().settings.files_only:
        return url_for("reader.subscribe", _anchor=slug)
    return url_for("reader.feed", slug=slug)


def path_of(slug: str) -> str:
    """Our page of a feed, in the language that the reader chose."""
    category, _, code = slug.rpartition(DEPARTEMENT)
    match kind_of(slug):
        case Kind.ALL:
            return link("reader.river")
        case Kind.CATEGORY:
            return link("reader.category", slug=slug)
        case Kind.DEPARTEMENT:
            return link("reader.departement", code=code)
        case Kind.BOTH:
            return link("reader.category_in", slug=category.rstrip("/"), code=code)
        case Kind.SOURCE:
            return link("reader.source_page", slug=slug.removeprefix(SOURCE))


def badges(stored: Stored) -> tuple[words.Badge, ...]:
    """The marks beside an item's title."""
    genre, taxonomy = stored.item.genre, current_site().taxonomy
    synonyms = [taxonomy.genre_label(genre, language) for language in LANGUAGES]
    return words.badges_of(stored, taxonomy.genre_label(genre, page_language()), synonyms)


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


def day(at: date, *, capital: bool = True) -> str:
    """Mercredi 11 février 2026."""
    text = _written(at, "EEEE d MMMM y", page_language())
    return text[:1].upper() + text[1:] if capital else text


def nearness(at: date) -> str:
    """What people call a day that is near, "" for any other."""
    words_of_days = {0: gettext("Today"), 1: gettext("Yesterday")}
    return str(words_of_days.get((_date(current_site().clock()) - at).days, ""))


def clock(at: datetime) -> str:
    """11:23."""
    return f"{_local(at):%H:%M}"


def moment(at: datetime) -> str:
    """11 février 2026 à 11:23."""
    local = _local(at)
    return _moment(local.date(), f"{local:%H:%M}", page_language())


@lru_cache(DATES_KEPT)
def _moment(day: date, time: str, language: str) -> str:
    return gettext("%(day)s at %(time)s", day=_written(day, "d MMMM y", language), time=time)


def later(at: datetime, than: datetime) -> str:
    """A time that follows another: without the day where it is the same."""
    return clock(at) if _date(at) == _date(than) else moment(at)


def _short(day: date) -> str:
    return _written(day, "d MMMM y", page_language())


@lru_cache(DATES_KEPT)
def _written(day: date, pattern: str, language: str) -> str:
    """A date with the first of a month as the language writes it: French says "1er"."""
    text = format_date(day, pattern, locale=language)
    return FIRST_OF_MONTH.sub("1er ", text) if language == "fr" else text


def _date(at: datetime) -> date:
    return _local(at).date()


def _local(at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(current_site().settings.timezone))


def _fingerprinted(folder: Path, name: str) -> tuple[str, str]:
    return name, etag_of((folder / name).read_bytes())[1:13]
