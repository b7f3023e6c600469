"""The editors' rules: which categories an item belongs to, and which rule said so."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from msgspec.structs import replace

from aggregator.classify.taxonomy import FALLBACK, Taxonomy, folded
from aggregator.model import Category, Item, Source

CATEGORIES_LIMIT = 3
SEGMENT_LIMIT_WORDS = 4  # a longer piece of path is a headline, not a rubric

_PARTS = re.compile(r"\s*[/>|»›;,:•·]\s*|\s+[-–—]\s+|\s+(?:&|et|und|and|y)\s+", re.IGNORECASE)


def classify(item: Item, source: Source, taxonomy: Taxonomy) -> Item:
    """Give the item its categories, at most CATEGORIES_LIMIT, in order of appearance.

    The first rule that finds any decides: the source's own categories, its map of tags, the aliases that all sources
    share, a piece of the link's path; else "divers", as the source's own word where its tags say nothing else.
    """
    found = (
        _of_source(source, taxonomy)
        or _by_source_tags(item.tags, source, taxonomy)
        or _by_aliases(item.tags, taxonomy)
        or _by_path(item.link, taxonomy)
    )
    return replace(item, categories=found or (_other(item.tags, taxonomy),))


def _of_source(source: Source, taxonomy: Taxonomy) -> tuple[Category, ...]:
    return _first(Category(slug, "source") for slug in source.categories if slug in taxonomy.rows)


def _by_source_tags(tags: Iterable[str], source: Source, taxonomy: Taxonomy) -> tuple[Category, ...]:
    meant = {folded(tag): slug for tag, slug in source.tags.items() if slug in taxonomy.rows}
    return _first(Category(meant[folded(tag)], "source-tags", tag) for tag in tags if folded(tag) in meant)


def _by_aliases(tags: Iterable[str], taxonomy: Taxonomy) -> tuple[Category, ...]:
    return _first(Category(slug, "aliases", tag) for tag in tags for slug in _meant(tag, taxonomy))


def _by_path(link: str, taxonomy: Taxonomy) -> tuple[Category, ...]:
    segments = _directories(link)
    return _first(
        Category(slug, "path", segment) for segment in segments if (slug := _of_segment(folded(segment), taxonomy))
    )


def _other(tags: Sequence[str], taxonomy: Taxonomy) -> Category:
    """ "divers": of a source that tags so, and with nothing that somebody might know more of; else of no rule."""
    is_said = bool(tags) and all(set(_meant(tag, taxonomy)) == {FALLBACK} for tag in tags)
    return Category(FALLBACK, "aliases", tags[0]) if is_said else Category(FALLBACK, "none")


def _first(categories: Iterable[Category]) -> tuple[Category, ...]:
    """The first few, each category once, but for "divers", which says nothing."""
    distinct: dict[str, Category] = {}
    for category in categories:
        if category.slug != FALLBACK or category.rule in {"source", "source-tags"}:
            distinct.setdefault(category.slug, category)
    return tuple(distinct.values())[:CATEGORIES_LIMIT]


def _meant(tag: str, taxonomy: Taxonomy) -> list[str]:
    """What a tag means as a whole, else by its parts: "Actualités > Économie", "Economie / Emploi"."""
    whole = taxonomy.aliases.get(folded(tag))
    if whole:
        return [whole]
    return [slug for part in _PARTS.split(tag) if (slug := taxonomy.aliases.get(folded(part)))]


@lru_cache(maxsize=1024)
def _directories(link: str) -> tuple[str, ...]:
    """The pieces of a link's path but the last, which is the article."""
    try:
        path = urlsplit(link).path
    except ValueError:
        return ()
    return tuple(unquote(piece) for piece in path.rstrip("/").split("/")[1:-1] if piece)


def _of_segment(words: str, taxonomy: Taxonomy) -> str | None:
    """The category whose alias stands in a segment as whole words, the longest alias first."""
    pieces = words.split()
    if len(pieces) > SEGMENT_LIMIT_WORDS:
        return None
    for length in range(len(pieces), 0, -1):
        for start in range(len(pieces) - length + 1):
            slug = taxonomy.aliases.get(" ".join(pieces[start : start + length]))
            if slug:
                return slug
    return None
