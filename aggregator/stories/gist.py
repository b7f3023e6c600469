"""What a story tells in a few words: takes an item and how common its words are, gives its gist, by which stories about
one event are found; never groups them.

The gist is the words of the title and the most telling ones of the lead, which count a little less. A word weighs what
it tells: little if many stories have it, or if it is common in its language, which a small table knows before the
stories do. Two gists are as similar as the cosine of their words, where words with the same beginning count in part
("incendie", "incendiaire"), and less if either says little.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from aggregator.model import Frequencies, Genre, Gist, Item
from aggregator.model.gists import BEGINNING_PARTS
from aggregator.stories.similarity import fold
from aggregator.words import ELIDED, stems

TITLE_WORDS, LEAD_WORDS, LEAD_LIMIT_CHARS = 24, 12, 200
NAME, FIRST, FIGURE, LEAD = 1.25, 1.1, 0.8, 0.8  # weights; the first word of a sentence may be a name or not
BEGINNINGS = (4, 5)  # letters
LOOKED_UP = 10  # words by which similar stories are found
DAMPING = 1.5  # added to the squared length of a gist, in squares of the rarest word
ASSUMED = 1_500  # stories of ordinary news that we pretend to have seen, so that a young window judges soundly
GRAMMAR_SHARE, ORDINARY_SHARE = 0.03, 0.01  # of those, how many have a word of the tables
AGREEING_LIMIT = 6

ROUTINE = frozenset({Genre.METEO, Genre.SONDAGE, Genre.OFFRE_EMPLOI, Genre.AGENDA, Genre.CAGNOTTE, Genre.PRATIQUE})

_WORD = re.compile(r"[^\W_]+")
_STARTS = re.compile(r"(?:\A|[.!?…:|•«»\"“”„‘\[(<>/]|\s[-–—])\s*\Z")
_UNPARTED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{3,}")  # Thai to Chinese

# By language: words of grammar, then words that ordinary news are full of, whatever they tell.
_TABLES = {
    "fr": (
        "a à de la le les des du un une et en au aux ce cet cette ces son sa ses leur leurs mon ma mes notre nos"
        " votre vos je tu il elle on nous vous ils elles se me te y que qui quoi dont où ou mais donc ni car ne"
        " pas plus moins très trop si comme dans par pour sur sous avec sans entre vers chez contre depuis pendant"
        " avant après selon est sont être été était ont avoir avait fait faire va vont peut peuvent doit tout tous"
        " toute toutes même autre autres aussi encore quand comment pourquoi quel quelle quels quelles deux trois"
        " ans",
        "jour jours semaine mois année années heure heures matin soir nuit hier demain aujourd hui week end lundi"
        " mardi mercredi jeudi vendredi samedi dimanche janvier février mars avril mai juin juillet août septembre"
        " octobre novembre décembre france français française pays ville région département commune maire monde"
        " état gouvernement président ministre politique homme femme hommes femmes enfant enfants jeune jeunes vie"
        " mort morts personne personnes gens nouveau nouvelle nouveaux nouvelles grand grande grands premier"
        " première dernier dernière petit petite bon bonne meilleur fin début retour suite face lieu place point"
        " cause projet plan million millions milliard milliards euro euros prix nombre annonce annoncé appel vidéo"
        " vidéos photo photos image images direct live info infos actualité actu journal article édito entretien"
        " interview veut veulent faut dit met mise mis pris prend passe reste revient ouvre lance quatre cinq six"
        " sept huit neuf dix cent mille",
    ),
    "en": (
        "a an the of to and in is it for on with as at by from this that be are was were has have had not but or"
        " its his her their they he she we you i my our your will would can could may after over new out up about"
        " into more than who what how why when all no",
        "day days week month year years time monday tuesday wednesday thursday friday saturday sunday january"
        " february march april may june july august september october november december world country city"
        " government president minister man woman people news video says said first last one two three live photos"
        " police",
    ),
    "de": (
        "der die das den dem des ein eine einen einem einer und in im zu zum zur von vom mit auf für an am ist"
        " sind war wird werden wurde hat haben nicht auch bei nach aus über vor um wie als es er sie wir ich ihr"
        " sich dass oder aber noch nur mehr so bis gegen was wer wo",
        "tag tage woche monat jahr jahre uhr montag dienstag mittwoch donnerstag freitag samstag sonntag januar"
        " februar märz april mai juni juli august september oktober november dezember welt land stadt regierung"
        " mann frau menschen neue neuer neues erste zwei drei millionen prozent euro polizei video fotos",
    ),
    "es": (
        "el la los las un una unos unas de del al y o en con por para sin sobre entre que se su sus es son ha han"
        " fue no más como pero lo le les a",
        "día días semana mes año años lunes martes miércoles jueves viernes sábado domingo enero febrero marzo"
        " abril mayo junio julio agosto septiembre octubre noviembre diciembre gobierno presidente nuevo nueva"
        " primer dos tres país ciudad euros millones vídeo fotos",
    ),
    "it": (
        "il lo la gli le i un uno una di a da in con su per tra fra e o che non è sono ha più come del della dei"
        " delle dal nel nella al alla ai",
        "giorno giorni settimana mese anno anni lunedì martedì mercoledì giovedì venerdì sabato domenica gennaio"
        " febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre governo presidente"
        " nuovo nuova primo due tre città paese euro milioni video foto",
    ),
}  # fmt: skip


class Word(Struct, frozen=True):
    """A word of a story, before it is known how common it is."""

    written: str
    folded: str
    stem: str
    weight: float
    is_lead: bool = False  # stands in the lead alone


def words(item: Item) -> tuple[Word, ...]:
    """The words of an item, each stem once; none of what tells no event: the weather, polls, job offers, calendars."""
    if item.genre in ROUTINE:
        return ()
    found: dict[str, Word] = {}
    lead = _read(item.lead[:LEAD_LIMIT_CHARS], item.language, is_lead=True)
    for word in (*_read(item.title, item.language)[:TITLE_WORDS], *lead):
        known = found.get(word.stem)
        if known is None or word.weight > known.weight:
            found[word.stem] = word
    return tuple(found.values())


def gist(item: Item, at: datetime, said: Iterable[Word], frequencies: Frequencies) -> Gist:
    """The gist of the story that an item opens. `frequencies` are those of its words, without the story itself."""
    stories = frequencies.stories + ASSUMED + 1
    counts, common, rarest = frequencies.counts, _common(item.language), math.log(stories / 2)
    weighed: list[tuple[float, Word]] = []
    for word in said:
        seen = counts.get(word.stem, 0) + ASSUMED * common.get(word.stem, 0.0) + 1
        if seen < stories:
            weighed.append((word.weight * math.log(stories / seen) / rarest, word))
    weighed.sort(key=lambda pair: (-pair[0], pair[1].stem))
    lead = [pair for pair in weighed if pair[1].is_lead][LEAD_WORDS:]
    kept = [pair for pair in weighed if pair not in lead] if lead else weighed
    features: dict[str, float] = {}
    for weight, word in reversed(kept):  # of words with one beginning, the weightiest counts
        features[word.stem] = weight
        for beginning in _beginnings(word.folded):
            features[beginning] = weight / BEGINNING_PARTS
    length = math.sqrt(sum(weight * weight for weight in features.values()) + DAMPING)
    return Gist(
        item.key,
        at,
        {feature: round(1000 * weight / length) for feature, weight in features.items()},
        tuple(dict.fromkeys(_lookup(word) for _, word in kept[:LOOKED_UP])),
        {word.stem: word.written for _, word in kept if common.get(word.stem) != GRAMMAR_SHARE},
        has_lead=any(word.is_lead for _, word in kept),
    )


def similarity(one: Gist, other: Gist) -> float:
    """How alike two gists are, 0 to 1."""
    ours, theirs = one.features, other.features
    return sum([ours[feature] * theirs[feature] for feature in filter(ours.__contains__, theirs)]) / 1_000_000


def agreeing(one: Gist, other: Gist) -> tuple[str, ...]:
    """The words that both have, as the first wrote them, the weightiest first."""
    theirs = other.features
    found = [
        written
        for stem, written in one.spelled.items()
        if stem in theirs or any(beginning in theirs for beginning in _beginnings(fold(written))[-1:])
    ]
    return tuple(found[:AGREEING_LIMIT])


def _lookup(word: Word) -> str:
    return word.stem if len(word.folded) < BEGINNINGS[-1] else _beginnings(word.folded)[-1]


def _beginnings(folded: str) -> list[str]:
    """The first four letters of a word and the first five; marked, for they are no stems."""
    return [folded[:letters] + "-" for letters in BEGINNINGS if len(folded) >= letters]


def _read(text: str, language: str, *, is_lead: bool = False) -> list[Word]:
    """The words of a text, in their order; elided articles are none, nor are lone letters."""
    text = unicodedata.normalize("NFKC", text)
    shouted = text.isupper()
    found: list[tuple[str, str, float]] = []
    for match in _WORD.finditer(text):
        weight = LEAD if is_lead else _weight(match, shouted=shouted)
        for written in _parted(match.group()):
            folded = written.lower() if written.isascii() else fold(written)  # a tenth of the time
            if folded not in ELIDED and (len(folded) > 1 or not folded.isascii() or folded.isdigit()):
                found.append((written, folded, weight))
    stemmed = stems(" ".join([folded for _, folded, _ in found]), language).split()
    # Not strict: whatever Unicode makes of a sign, a wrong stem is better than an error.
    return [
        Word(written, folded, stem, weight, is_lead)
        for (written, folded, weight), stem in zip(found, stemmed, strict=False)
    ]


def _weight(match: re.Match[str], *, shouted: bool) -> float:
    first = match.group()[0]
    if first.isdigit():
        return FIGURE
    if shouted or not first.isupper():
        return 1.0
    return FIRST if _STARTS.search(match.string[max(match.start() - 3, 0) : match.start()]) else NAME


def _parted(written: str) -> list[str]:
    """The word, or the pairs of its signs where its script does not part words."""
    if not written.isascii() and _UNPARTED.fullmatch(written):
        return [written[at : at + 2] for at in range(len(written) - 1)]
    return [written]


@lru_cache(maxsize=16)
def _common(language: str) -> Mapping[str, float]:
    """The share of ordinary news that has a stem, by the tables."""
    grammar, ordinary = _TABLES.get(language.partition("-")[0].lower(), ("", ""))
    shares: dict[str, float] = {}
    for text, share in ((ordinary, ORDINARY_SHARE), (grammar, GRAMMAR_SHARE)):
        shares |= dict.fromkeys((word.stem for word in _read(text, language)), share)
    return shares
