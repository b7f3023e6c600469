"""Which feeds there are: takes the categories and the sources, gives the slug of each feed with what people call it.

all · each category · each département of a source · each category in each département · each source. What entered the
log under a slug that is no longer here stays in the store, and comes back with it.
"""

from collections.abc import Iterable, Mapping
from enum import Enum

from aggregator.classify import Taxonomy, departement_name
from aggregator.model import ALL, DEPARTEMENT, SOURCE
from aggregator.store import SourceView


class Kind(Enum):
    """What the stories of a feed have in common."""

    ALL = "all"
    CATEGORY = "category"
    DEPARTEMENT = "departement"
    BOTH = "both"  # a category in a département
    SOURCE = "source"


def catalogue(taxonomy: Taxonomy, views: Iterable[SourceView], language: str) -> Mapping[str, str]:
    """Every feed that can be asked for, in the order of the list above; the label of `all` is empty."""
    listed = [view for view in views if view.listed and not view.withdrawn]
    categories = {slug: taxonomy.label(slug, language) for slug in taxonomy.slugs}
    codes = sorted({code for view in listed for code in view.source.departements})
    departements = {f"{DEPARTEMENT}{code}": departement_name(code) for code in codes}
    both = {
        f"{category}/{departement}": f"{label} – {name}"
        for departement, name in departements.items()
        for category, label in categories.items()
    }
    sources = {f"{SOURCE}{view.slug}": name_of(view) for view in listed}
    return {ALL: "", **categories, **departements, **both, **sources}


def kind_of(slug: str) -> Kind:
    """What sort of feed a slug of the catalogue names."""
    if slug == ALL:
        return Kind.ALL
    if slug.startswith(SOURCE):
        return Kind.SOURCE
    if slug.startswith(DEPARTEMENT):
        return Kind.DEPARTEMENT
    return Kind.BOTH if "/" in slug else Kind.CATEGORY


def name_of(view: SourceView) -> str:
    """What people call a source: the editors' title, else its own, else its host."""
    return view.source.title.strip() or view.state.feed_title.strip() or host_of(view.source.url)


def host_of(url: str) -> str:
    """The host of a URL, for want of a better name; never raises."""
    return url.partition("//")[2].partition("/")[0] or url
