"""Labels: takes a title or a text, tells "VIDÉO •" and "(Communiqué)" from what is told. Never guesses the topic.

A word is a label only where a separator sets it apart and the table below knows it: "Vidéo : un lavoir restauré" has
one, "Vidéo surveillance : le maire répond" has none.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from aggregator.model import Enclosure, Genre

LABELS_LIMIT = 3  # at one end of a text


class Labelled(Struct, frozen=True):
    """A text without its labels, the labels as written, and the first genre that they tell."""

    text: str
    labels: tuple[str, ...] = ()
    genre: Genre | None = None


# Folded: no accents, no capitals, no punctuation. Each is a label before a strong separator (• ● ▪ | ·) or in brackets.
_WORDS_OF_GENRES = {
    Genre.EDITORIAL: """editorial|edito|l edito|opinion|opinions|tribune|tribune libre|carte blanche|chronique|billet
        |billet d humeur|point de vue|libre opinion|kommentar|leitartikel|meinung|comment|commentary|editoriale|tribuna
        |columna""",
    Genre.COMMUNIQUE: """communique|communiques|communique de presse|communiques de presse|press release
        |pressemitteilung|pressemeldung|comunicado|comunicado de prensa|nota de prensa|comunicato|comunicato stampa""",
    Genre.PRATIQUE: "infos pratiques|info pratique|pratique|infos utiles|practical information",
    Genre.SONDAGE: "sondage|votre avis|poll|umfrage|encuesta|sondaggio",
    Genre.OFFRE_EMPLOI: "offre d emploi|offres d emploi|offre emploi|job offer|stellenangebot|oferta de empleo",
    Genre.AGENDA: "agenda|evenement|evenements|a l agenda|event|events|veranstaltung|eventos",
    Genre.VIDEO: """video|videos|en video|diaporama|en images|photos|en photos|galerie photos|reportage video
        |bildergalerie|fotostrecke|slideshow|fotogalerie""",
    Genre.MAJ: """mise a jour|mis a jour|maj|actualise|precision|precisions|rectificatif|update|updated|aktualisiert
        |actualizacion|aggiornamento""",
    Genre.INSOLITE: "insolite|insolites|kurios|kurioses|insolito",
    Genre.CAGNOTTE: "cagnotte en ligne|cagnotte|crowdfunding|financement participatif",
    Genre.METEO: "meteo|bulletin meteo|weather|wetter",
    Genre.ARTICLE: """exclusif|exclu|info exclusive|en direct|direct|live|alerte|alerte info|urgent|derniere minute
        |reportage|enquete|temoignage|interview|entretien|portrait|dossier|decryptage|abonnes|abonne|article abonne
        |reserve aux abonnes|premium|publi redactionnel|publireportage|publi reportage|sponsorise|contenu sponsorise""",
}
_LABELS = {word.strip(): genre for genre, words in _WORDS_OF_GENRES.items() for word in words.split("|")}
# More words may follow these: "Mise à jour à 18h •", "+ Précisions de la Ville de Besançon •".
_OPEN = ("mise a jour", "maj", "actualise", "precision", "precisions", "insolite", "communique", "infos pratiques")
# Topics as often as labels ("Sondage : 60 % des Français…"): a colon is not enough, for some not even a dash.
_NOT_BEFORE_COLON = {"sondage", "votre avis", "cagnotte", "event", "comment", "precision", "pratique"}
_NOT_BEFORE_WEAK = {each for each, genre in _LABELS.items() if genre in {Genre.METEO, Genre.ARTICLE}}
_PAID = {"publi redactionnel", "publireportage", "publi reportage", "sponsorise", "contenu sponsorise", "abonnes"}
_AT_END = {each: genre for each, genre in _LABELS.items() if genre in {Genre.COMMUNIQUE, Genre.VIDEO} or each in _PAID}
# Other tags of the same words are topics: "Infos pratiques", "Insolite".
_GENRES_OF_TAGS = {Genre.EDITORIAL, Genre.COMMUNIQUE, Genre.SONDAGE, Genre.OFFRE_EMPLOI, Genre.AGENDA, Genre.VIDEO}
_OF_TAGS = {each: genre for each, genre in _LABELS.items() if genre in _GENRES_OF_TAGS | {Genre.METEO}}

_STRONG = re.compile(r"([^•●▪■|·:]{2,80}?)\s*[•●▪■|·]\s*(?=\S)")
_WEAK = re.compile(r"([^:.•|]{2,40}?)(\s*:\s*|\s+[–—-]\s+|\.\s+)(?=\S)")
_BRACKETS = re.compile(r"([\[(]([^\[\]()]{2,60})[\])])\s*[:–—•|-]?\s*(?=\S)")
_END = re.compile(r"\s*([\[(]\s*([^\[\]()]{2,40}?)\s*[\])])[\s.]*\Z")
_END_LIMIT_CHARS = 60
_AND = re.compile(r"\s*(?:&|\+|/|,|\bet\b)\s*")
_MEMBER = re.compile(r"devenez membre|publiez gratuitement vos actualit")
_NO_WORD = re.compile(r"[^\w]+")


def split(text: str) -> Labelled:
    """Take the labels off both ends of a plain text; one that is nothing but a label keeps it as its text."""
    labels: list[str] = []
    genres: list[Genre] = []
    text = text.strip()
    for take in (_from_start, _from_end):
        for _ in range(LABELS_LIMIT):
            found = take(text)
            if found is None:
                break
            text, label, genre = found
            labels.append(label)
            genres.append(genre)
    return Labelled(text, tuple(labels), _first(genres))


def genre(labelled: Iterable[Labelled], tags: Iterable[str], enclosures: Iterable[Enclosure], text: str) -> Genre:
    """Tell the genre: by labels, then by the source's tags, by a video attached, by a member's notice at the end."""
    by_tags = (_of_tag(folded(tag)) for tag in tags)
    told = _first([*(each.genre for each in labelled), *by_tags])
    if told:
        return told
    if any(enclosure.type.startswith("video/") for enclosure in enclosures):
        return Genre.VIDEO
    return Genre.MEMBRE if _MEMBER.search(text[-400:].casefold()) else Genre.ARTICLE


@lru_cache(maxsize=4096)
def folded(phrase: str) -> str:
    """A phrase without accents, capitals and punctuation: "Offre d’emploi" and "OFFRE D'EMPLOI" are one."""
    letters = unicodedata.normalize("NFKD", phrase.casefold())
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _NO_WORD.sub(" ", letters.replace("œ", "oe")).strip()


def _first(genres: Iterable[Genre | None]) -> Genre | None:
    return next((each for each in genres if each and each is not Genre.ARTICLE), None)


def _from_start(text: str) -> tuple[str, str, Genre] | None:
    if (match := _BRACKETS.match(text)) and (known := _known(folded(match[2]), match[2])):
        return text[match.end() :], match[1], known
    if (match := _STRONG.match(text)) and (known := _known(folded(match[1]), match[1])):
        return text[match.end() :], match[1].strip(), known
    match = _WEAK.match(text)
    if match is None:
        return None
    phrase = folded(match[1])
    if phrase not in _LABELS or phrase in _NOT_BEFORE_WEAK or (phrase in _NOT_BEFORE_COLON and ":" in match[2]):
        return None
    return text[match.end() :], match[1].strip(), _LABELS[phrase]


def _from_end(text: str) -> tuple[str, str, Genre] | None:
    match = _END.search(text, max(0, len(text) - _END_LIMIT_CHARS))
    if match is None or not text[: match.start()].strip():
        return None
    known = _AT_END.get(folded(match[2]))
    return (text[: match.start()], match[1], known) if known else None


def _known(phrase: str, written: str) -> Genre | None:
    """The genre of a phrase that strong separators set apart; "VIDÉO & PHOTOS" is known by its parts."""
    if phrase in _LABELS:
        return _LABELS[phrase]
    opening = next((each for each in _OPEN if phrase.startswith(each + " ")), None)
    if opening:
        return _LABELS[opening]
    parts = [folded(part) for part in _AND.split(written) if part]
    return _LABELS[parts[0]] if len(parts) > 1 and all(part in _LABELS for part in parts) else None


def _of_tag(phrase: str) -> Genre | None:
    known = _OF_TAGS.get(phrase)
    if known is None and phrase.startswith(("communique de presse ", "communiques de presse ")):
        return Genre.COMMUNIQUE  # "Communiqués de presse 2026"
    return known
