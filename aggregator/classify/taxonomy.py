"""The categories that we know, with their names and the tags of sources that mean them.

A table is tab-separated UTF-8 with a heading line: slug, fr, en, iptc (a Media Topic, may be empty), aliases (joined
by ";"). A line that starts with "#" is a comment. "divers" takes what no rule places and comes last, listed or not.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from aggregator.errors import ConfigError
from aggregator.model import Genre

FALLBACK = "divers"
COLUMNS = ("slug", "fr", "en", "iptc", "aliases")
RESERVED = frozenset(
    "all dep place search story sources subscribe stars offline desk status feeds embed oembed static hub websub "
    "health".split()
)  # first steps of our own paths

_BUILT_IN = "categories.tsv"
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_NO_WORD = re.compile(r"[\W_]+")
_GENRES: Mapping[str, tuple[str, str]] = {  # French, English
    Genre.ARTICLE: ("Article", "Article"),
    Genre.COMMUNIQUE: ("Communiqué de presse", "Press release"),
    Genre.EDITORIAL: ("Éditorial, opinion", "Opinion"),
    Genre.PRATIQUE: ("Infos pratiques", "Practical information"),
    Genre.SONDAGE: ("Sondage", "Poll"),
    Genre.OFFRE_EMPLOI: ("Offre d’emploi", "Job offer"),
    Genre.AGENDA: ("Agenda", "Event"),
    Genre.VIDEO: ("Vidéo, diaporama", "Video, pictures"),
    Genre.MAJ: ("Mise à jour", "Update"),
    Genre.INSOLITE: ("Insolite", "Oddity"),
    Genre.CAGNOTTE: ("Cagnotte en ligne", "Fundraiser"),
    Genre.METEO: ("Météo", "Weather"),
    Genre.MEMBRE: ("Contenu de membre", "Member’s contribution"),
}


class Row(Struct, frozen=True):
    """One category of the table."""

    slug: str
    fr: str
    en: str
    iptc: str = ""


class Taxonomy(Struct, frozen=True):
    """All categories, in the order of the table; can be pickled."""

    rows: Mapping[str, Row]  # by slug
    aliases: Mapping[str, str]  # folded tag → slug

    @property
    def slugs(self) -> tuple[str, ...]:
        """The slugs in the order of the table, "divers" last."""
        return tuple(self.rows)

    def label(self, slug: str, language: str) -> str:
        """What people read: French to French readers, English to all others; an unknown slug stands for itself."""
        row = self.rows.get(slug)
        return (row.fr if language.startswith("fr") else row.en) if row else slug

    def genre_label(self, genre: str, language: str) -> str:
        """The same for a genre."""
        french, english = _GENRES.get(genre, (str(genre), str(genre)))
        return french if language.startswith("fr") else english

    def iptc(self, slug: str) -> str:
        """The Media Topic of a category, "" if it has none."""
        row = self.rows.get(slug)
        return row.iptc if row else ""


@lru_cache(maxsize=8)
def load_taxonomy(path: str = "") -> Taxonomy:
    """Read a table of categories, the built-in one if `path` is ""; read once per process.

    ConfigError names file, line and reason.
    """
    try:
        text = (Path(path) if path else files("aggregator.classify") / _BUILT_IN).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"while reading categories: {path!r}: {error}") from error
    return _read(text, path or _BUILT_IN)


@lru_cache(maxsize=8192)
def folded(phrase: str) -> str:
    """A phrase by which spellings meet: no accents, capitals, punctuation or plural endings."""
    letters = unicodedata.normalize("NFKD", phrase.casefold())
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter)).replace("œ", "oe")
    words = _NO_WORD.sub(" ", letters).split()
    return " ".join(word.rstrip("sx") if len(word) > 3 else word for word in words)


def _read(text: str, name: str) -> Taxonomy:
    rows: dict[str, Row] = {}
    aliases: dict[str, str] = {}
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise ConfigError(f"{name}, line 1: the columns must be {', '.join(COLUMNS)}, with tabs between them")
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            row, words = _row(line)
            if row.slug in rows:
                raise ValueError(f"{row.slug!r} is listed twice")
            rows[row.slug] = row
            _add(aliases, row.slug, words)
        except ValueError as error:
            raise ConfigError(f"{name}, line {number}: {error}") from error
    if not rows:
        raise ConfigError(f"{name}: there is no category")
    aliases.setdefault(folded(FALLBACK), FALLBACK)
    rows[FALLBACK] = rows.pop(FALLBACK, Row(FALLBACK, "Divers", "Other news"))
    return Taxonomy(rows, aliases)


def _row(line: str) -> tuple[Row, list[str]]:
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} columns instead of {len(COLUMNS)}")
    slug, french, english, iptc, words = cells
    if not _SLUG.match(slug):
        raise ValueError(f"{slug!r} is no slug: lower-case letters, digits and single hyphens")
    if slug in RESERVED:
        raise ValueError(f"{slug!r} is the name of a page of ours")
    if not french or not english:
        raise ValueError(f"{slug!r} needs a French and an English label")
    return Row(slug, french, english, iptc), [french, english, slug, *words.split(";")]


def _add(aliases: dict[str, str], slug: str, words: Iterable[str]) -> None:
    for word in filter(None, map(folded, words)):
        if aliases.setdefault(word, slug) != slug:
            raise ValueError(f"{word!r} already means {aliases[word]!r}")
