"""The rivers beside and within a river: takes a feed's slug, gives rows of links. Reads which feeds tell of something.

A river is narrowed by place and by subject. A row holds every choice of one kind while the other stays as it is, so
that one step leads from "economie/dep/25" to another département, to another category, or back to all of either.
"""

from msgspec import Struct

from aggregator.catalogue import Kind, kind_of
from aggregator.model import ALL, DEPARTEMENT
from web.language import gettext
from web.layout import label
from web.site import current_site


class Row(Struct, frozen=True):
    """The choices of one kind, the widest first; `name` says which kind, for those who do not see the row."""

    name: str
    links: tuple[tuple[str, str], ...]  # slugs of feeds with what tells them apart in this row


def rows(slug: str) -> tuple[Row, ...]:
    """The places for every river of a category or of all, and the subjects where it is of one place. A row without a
    choice is left out; what nothing was told of yet too, unless it is where the reader stands.
    """
    site, (subject, place) = current_site(), _parts(slug)
    codes = [each for each in site.feeds() if each.startswith(DEPARTEMENT)]
    there = {f"{subject}/{code}" if subject else code: code for code in codes}
    about = {f"{name}/{place}": name for name in site.taxonomy.slugs} if place else {}
    told = site.store.told([*there, *about]) | {slug}
    places = tuple((each, label(code)) for each, code in there.items() if each in told)
    subjects = tuple((each, label(name)) for each, name in about.items() if each in told)
    found = (
        Row(gettext("Places"), ((subject or ALL, gettext("Everywhere")), *places)),
        Row(gettext("Subjects"), ((place, gettext("All subjects")), *subjects)),
    )
    return tuple(row for row in found if len(row.links) > 1)


def _parts(slug: str) -> tuple[str, str]:
    """A feed's category and département, "" where it is of all of them."""
    match kind_of(slug):
        case Kind.CATEGORY:
            return slug, ""
        case Kind.DEPARTEMENT:
            return "", slug
        case Kind.BOTH:
            category, _, code = slug.partition("/")
            return category, code
        case _:
            return "", ""
