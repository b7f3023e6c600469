"""The page of the search: takes a question from the address, gives stories with what was searched for marked.

A form sends its empty fields too: such an address is redirected to the one without them, so that each question has
one that caches and bookmarks can hold.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from flask import g, redirect, request, url_for
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import replace
from werkzeug.wrappers import Response

from aggregator.catalogue import name_of
from aggregator.marking import Piece, excerpt, mark
from aggregator.model import ALL, DEPARTEMENT, Genre, Question, Stored
from aggregator.publishing import SEARCH
from aggregator.store import Found, Hit
from aggregator.words import Phrase, read
from web.asked import question_of, words_of
from web.choices import Choices, options
from web.headers import PAGE_CACHE
from web.language import gettext, page_language
from web.layout import label, narrowed, page, published_at
from web.site import current_site
from web.words import LEAD_LIMIT_CHARACTERS

HITS_PER_PAGE = 20
LAST_PAGE = 50
QUOTED_CHARACTERS = 200  # of a whole text: as much as may be quoted of one that is not ours to give
FILTERS = ("category", "departement", "source", "genre", "since", "until", "sort")
NEWEST = "new"


class Asked(Struct, frozen=True):
    """What the address asks of the page."""

    question: Question
    newest: bool = False
    number: int = 1  # of the page of hits
    exact: bool = False  # words that find nothing shall not be replaced

    def address(self, **changes: object) -> str:
        """The address of the page that asks the same but for what `changes` says."""
        other = replace(self, **changes)
        parts = (
            other.question.query,
            f"sort={NEWEST}" if other.newest else "",
            f"page={other.number}" if other.number > 1 else "",
            "exact=1" if other.exact else "",
            f"lang={g.asked_language}" if g.get("asked_language") else "",
        )
        path, query = url_for("reader.search").partition("?")[0], "&".join(filter(None, parts))
        return f"{path}?{query}" if query else path


class Shown(Struct, frozen=True):
    """A hit as the page shows it."""

    hit: Hit
    at: datetime
    title: Sequence[Piece]
    lead: Sequence[Piece]


def search() -> str | Response:
    """Stories that answer a question, and the form that asks it."""
    given = words_of(request.query_string.decode("latin-1"))
    asked = _read(given)
    if any(name in given and not _is_meant(name, asked) for name in FILTERS):
        response = redirect(asked.address(), 302)
        response.headers["Cache-Control"] = PAGE_CACHE
        return response
    found, instead = _find(asked)
    question = replace(asked.question, words=instead) if instead else asked.question
    own = SEARCH if question.query else ALL
    return page(
        "search.html",
        feed=own,
        title=label(SEARCH, asked.question) if asked.question.query else gettext("Search"),
        query=asked.question.words,
        question=question,
        asked=asked,
        instead=instead,
        found=found,
        shown=_shown(found, question),
        narrowed=narrowed(question),
        wider=replace(asked.question, category="", departement="", source="", genre="", since=None, until=None),
        last_page=LAST_PAGE,
        options=_options(asked.question),
        feed_page=_feed_page(question),
    )


def _read(given: Mapping[str, str]) -> Asked:
    text = given.get("page", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1
    question = current_site().known(question_of(given))
    return Asked(
        question,
        newest=given.get("sort") == NEWEST and bool(question.words),
        number=min(max(number, 1), LAST_PAGE),
        exact=given.get("exact") == "1" and bool(question.words),
    )


def _is_meant(name: str, asked: Asked) -> bool:
    return asked.newest if name == "sort" else bool(getattr(asked.question, name))


def _find(asked: Asked) -> tuple[Found, str]:
    """What is found, and by which words, where nothing is found by those that were typed."""
    found = _piece(asked, asked.question)
    if found.items or asked.exact or not asked.question.words:
        return found, ""
    site = current_site()
    instead = site.store.respell(asked.question.words, site.settings.language)
    near = _piece(asked, replace(asked.question, words=instead)) if instead else found
    return (near, instead) if near.items else (found, "")


def _piece(asked: Asked, question: Question) -> Found:
    settings, offset = current_site().settings, (asked.number - 1) * HITS_PER_PAGE
    return current_site().store.search(
        question, settings.language, HITS_PER_PAGE, offset, newest=asked.newest, zone=settings.timezone
    )


def _shown(found: Found, question: Question) -> list[Shown]:
    phrases = read(question.words, current_site().settings.language).wanted
    return [_marked(hit, phrases) for hit in found.hits]


def _marked(hit: Hit, phrases: Sequence[Phrase]) -> Shown:
    item = hit.item.item
    title, language = item.title or item.link, item.language
    lead = excerpt(phrases, language, (item.lead, LEAD_LIMIT_CHARACTERS), (item.text, QUOTED_CHARACTERS))
    return Shown(hit, _place(hit.item), mark(title, phrases, language), lead)


def _place(stored: Stored) -> datetime:
    """When the item was published, or first seen where that is earlier: what a search for days goes by."""
    return min(published_at(stored), stored.first_seen)


def _options(question: Question) -> Mapping[str, Markup]:
    """What can be chosen in each select of the form, and what is."""
    return {name: options(choices, getattr(question, name)) for name, choices in _choices().items()}


def _choices() -> Mapping[str, Choices]:
    """What can be chosen in the form, in the language of the page."""
    site, language = current_site(), page_language()
    feeds = site.feeds(language).items()
    departements = ((slug.removeprefix(DEPARTEMENT), name) for slug, name in feeds if slug.startswith(DEPARTEMENT))
    sources = [(view.slug, name_of(view)) for view in site.views() if not view.withdrawn]
    return {
        "category": tuple((slug, site.taxonomy.label(slug, language)) for slug in site.taxonomy.slugs),
        "departement": tuple(departements),
        "source": tuple(sorted(sources, key=lambda each: each[1].casefold())),
        "genre": tuple((genre.value, site.taxonomy.genre_label(genre, language)) for genre in Genre),
    }


def _feed_page(question: Question) -> str:
    """Where a reader learns how to follow a search."""
    path, _, language = url_for("reader.feed", slug=SEARCH).partition("?")
    return f"{path}?{'&'.join(filter(None, (question.query, language)))}"
