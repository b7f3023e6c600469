"""A made-up stream of regional news, to measure how fast stories are told: item `number` is a function of the seed and
its number alone, so that a stream can be taken up anywhere.

Takes a `Stream`, gives Items at an even pace. Never touches a store. Nothing is copied from a real site.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from hashlib import blake2b
from itertools import accumulate

from msgspec import Struct

from aggregator.model import Category, Date, Item, Source
from bench.corpus import STOCK, SYLLABLES, TOWNS

COPIES, ROUTINE = 0.20, 0.15  # shares of the stream; the rest is news that nobody else has
COPIED_WITHIN_DAYS = 3
SOURCES = 200
WORDS = 60_000
NAMES = 0.25  # share of the words that are written as names
FIRST_NAME = 200  # rank of the most frequent name
TITLE_WORDS = (8, 14)
TEXT_WORDS = (30, 600)
TEXT_MEDIAN_LOG, TEXT_SPREAD = 5.0, 0.8  # of the lengths of texts, log-normal: 150 words at the middle
STOCK_SENTENCES = 0.04  # share of the sentences that stand in a lot of other news too
FIGURES = 0.3  # share of the sentences with a figure
EDITED = 0.03  # share of the words that a new version replaces
CATEGORIES = ("actualite", "economie", "sport", "culture", "societe")
COMMON = (
    "de la le à et les des en un une du dans pour que est sur au qui par avec plus ne se pas ce sont son cette il ses"
    " aux elle mais ont été leur a nous comme fait deux tout après ou entre sans ces même ans bien aussi être depuis"
    " leurs selon année ville pays jour heures habitants maire commune lundi mardi mercredi jeudi vendredi samedi"
    " dimanche janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
).split()
DAYS = "lundi mardi mercredi jeudi vendredi samedi dimanche".split()
SKIES = "couvert ensoleillé brumeux pluvieux changeant orageux voilé neigeux".split()
TEMPLATES = (  # of routine items: title, text
    (
        "Le temps à {town} : un ciel {sky} attendu ce {day} matin",
        "Ce {day} {date}, le ciel sera {sky} à {town}. Il fera {low} degrés au lever du jour et jusqu'à {high} degrés"
        " dans l'après-midi. Le vent soufflera à {speed} kilomètres par heure. Demain, le temps restera {sky2}.",
    ),
    (
        "Travaux à {town} : la rue {name} fermée à partir de {day} prochain",
        "La rue {name} sera fermée à la circulation à {town} à partir du {day} {date}, de {low} heures à {high} heures."
        " Une déviation passera par la place {name2}. Les riverains gardent leur accès. Le chantier coûte {speed} 000"
        " euros et doit durer {low} semaines. Le stationnement sera interdit des deux côtés.",
    ),
    (
        "{town} : une collecte de sang ce {day} à la salle {name}",
        "Une collecte de sang est organisée le {day} {date} à {town}, salle {name}, de {low} heures à {high} heures."
        " Les donneurs doivent avoir entre 18 et 70 ans, peser plus de 50 kilos et présenter une pièce d'identité."
        " La dernière collecte avait réuni {speed} personnes, indique {name2}, qui tient le registre.",
    ),
    (
        "Handball : {town} affronte {town2} ce {day}, coup d'envoi à {high} h",
        "{town} reçoit {town2} ce {day} {date} à {high} heures. À l'aller, les deux équipes s'étaient quittées sur le"
        " score de {low} à {high}. {name} est incertaine, {name2} revient de blessure. Environ {speed} spectateurs sont"
        " attendus au palais des sports pour cette rencontre de championnat.",
    ),
    (
        "Accident à {town} : {low} blessés sur la départementale {speed} {day}",
        "Un accident a fait {low} blessés ce {day} {date} sur la départementale {speed}, à la sortie de {town}. Les"
        " pompiers ont été appelés vers {high} heures. Une personne de {speed} ans a été conduite à l'hôpital de"
        " {town2}. La gendarmerie a ouvert une enquête pour connaître les circonstances de la collision.",
    ),
    (
        "Offre d'emploi : {name} recrute {low} personnes en CDI à {town}",
        "L'entreprise {name} cherche {low} personnes pour son atelier de {town}. Contrat de {high} heures par semaine,"
        " à pourvoir le {day} {date}. Une première expérience est souhaitée, le permis est demandé. Les candidatures"
        " sont à adresser à {name2} sous la référence {speed}.",
    ),
)  # fmt: skip


class Draft(Struct, frozen=True):
    """What an item says."""

    title: str
    sentences: tuple[str, ...]


class Stream(Struct, frozen=True):
    """Item 0 is published at `start`, each other one `spacing` after the one before it."""

    seed: str
    start: datetime
    spacing: timedelta

    def item(self, number: int) -> Item:
        """The item of that number, as clean and classify would give it."""
        dice, draft = self._dice("item", number), self.draft(number)
        source = source_url(dice.randrange(SOURCES))
        link = f"{source.removesuffix('feed')}{dice.getrandbits(64):016x}"
        at, text = self.published(number), " ".join(draft.sentences)
        return Item(
            source=source,
            guid=link,
            link=link,
            canonical=link,
            title=draft.title,
            lead=draft.sentences[0],
            html="".join(f"<p>{sentence}</p>" for sentence in draft.sentences),
            text=text,
            published=Date(at.isoformat(), at),
            categories=(Category(dice.choice(CATEGORIES), "source"),),
            fingerprint=blake2b(f"{draft.title}\n{text}".encode(), digest_size=16).hexdigest(),
        )

    def published(self, number: int) -> datetime:
        """When the item of that number is published, in whole seconds."""
        return (self.start + number * self.spacing).replace(microsecond=0)

    def draft(self, number: int) -> Draft:
        """What the item of that number says. A copy of a copy is made from the original on."""
        dice = self._dice("draft", number)
        kind = dice.random()
        if kind < ROUTINE:
            return _routine(dice)
        within = min(number, timedelta(days=COPIED_WITHIN_DAYS) // self.spacing)
        if kind < ROUTINE + COPIES and within:
            return dice.choice(EDITS)(dice, self.draft(number - dice.randint(1, within)))
        return _news(dice)

    def _dice(self, what: str, number: int) -> random.Random:
        return random.Random(f"{self.seed}/{what}/{number}")


def source_url(number: int) -> str:
    """The feed of the outlet of that number."""
    return f"https://outlet-{number}.example/feed"


def sources() -> list[Source]:
    """Every outlet of a stream."""
    return [Source(source_url(number), title=f"Outlet {number}") for number in range(SOURCES)]


@cache
def vocabulary() -> tuple[str, ...]:
    """All words, the most frequent first: common ones, places, then invented ones, some of them names."""
    dice = random.Random("vocabulary")
    words = dict.fromkeys([*COMMON, *TOWNS])
    while len(words) < WORDS:
        word = "".join(dice.choices(SYLLABLES, k=dice.randint(2, 5)))
        words.setdefault(word.capitalize() if len(words) >= FIRST_NAME and dice.random() < NAMES else word)
    return tuple(words)


@cache
def _names() -> tuple[str, ...]:
    return tuple(word for word in vocabulary()[FIRST_NAME:] if word[0].isupper())


@cache
def _weights() -> tuple[float, ...]:
    """Running totals of how often each word is used, by the law of Zipf and Mandelbrot."""
    return tuple(accumulate(1 / (rank + 2.7) for rank in range(WORDS)))


def _words(dice: random.Random, count: int) -> list[str]:
    return dice.choices(vocabulary(), cum_weights=_weights(), k=count)


def _sentence(words: list[str]) -> str:
    text = " ".join(words)
    return f"{text[:1].upper()}{text[1:]}."


def _news(dice: random.Random) -> Draft:
    shortest, longest = TEXT_WORDS
    length = round(min(max(dice.lognormvariate(TEXT_MEDIAN_LOG, TEXT_SPREAD), shortest), longest))
    words = _words(dice, length)
    sentences: list[str] = []
    while words:
        count = dice.randint(8, 22)
        if len(words) - count < 8:  # no sentence of a few words at the end
            count = len(words)
        sentence, words = words[:count], words[count:]
        if dice.random() < FIGURES:
            sentence[dice.randrange(count)] = str(dice.randint(2, 2000))
        is_stock = sentences and dice.random() < STOCK_SENTENCES
        sentences.append(dice.choice(STOCK) if is_stock else _sentence(sentence))
    return Draft(_title(dice), tuple(sentences))


def _title(dice: random.Random) -> str:
    return _sentence(_words(dice, dice.randint(*TITLE_WORDS)))[:-1]


def _routine(dice: random.Random) -> Draft:
    title, text = dice.choice(TEMPLATES)
    town, town2 = dice.sample(TOWNS, 2)
    name, name2 = dice.sample(_names(), 2)
    sky, sky2 = dice.sample(SKIES, 2)
    slots = {
        "town": town, "town2": town2, "name": name, "name2": name2, "sky": sky, "sky2": sky2,
        "day": dice.choice(DAYS), "date": dice.randint(1, 28), "low": dice.randint(2, 11), "high": dice.randint(12, 35),
        "speed": dice.randint(18, 95),
    }  # fmt: skip
    return Draft(title.format(**slots), tuple(f"{part}." for part in text.format(**slots).rstrip(".").split(". ")))


def _same(_: random.Random, draft: Draft) -> Draft:
    return draft


def _shortened(dice: random.Random, draft: Draft) -> Draft:
    kept = max(2, round(len(draft.sentences) * dice.uniform(0.3, 0.7)))
    return Draft(draft.title, draft.sentences[:kept])


def _retitled(dice: random.Random, draft: Draft) -> Draft:
    """Another title over the same text, with a sentence about the place in front or at the end."""
    words = draft.title.split()
    kept = dice.sample(words, len(words) // 2)
    local = f"À {dice.choice(TOWNS)}, {' '.join(_words(dice, 12))}."
    sentences = (local, *draft.sentences) if dice.random() < 0.5 else (*draft.sentences, local)
    return Draft(" ".join([*kept, *_words(dice, len(words) - len(kept))]), sentences)


def _updated(dice: random.Random, draft: Draft) -> Draft:
    """A few words replaced, and a paragraph more."""
    edited = [
        " ".join(_words(dice, 1)[0] if dice.random() < EDITED else word for word in sentence.split())
        for sentence in draft.sentences
    ]
    return Draft(draft.title, (*edited, _sentence(_words(dice, 20))))


EDITS: tuple[Callable[[random.Random, Draft], Draft], ...] = (_same, _shortened, _retitled, _updated)
