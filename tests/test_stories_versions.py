"""What of a changed item a reader wants to know."""

import unicodedata
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.model import Image, Item
from aggregator.stories.versions import is_material, is_return, leaves_revision
from tests.values import NOW, date, make_item

FR = (
    "Un incendie s’est déclaré mardi vers 14 h 30 dans une scierie de Levier. Trente-cinq pompiers venus de quatre"
    " casernes ont lutté contre les flammes pendant plus de trois heures. L’accident a fait 12 blessés parmi les"
    " ouvriers, dont deux ont été conduits à l’hôpital de Pontarlier. Le bâtiment de 1 200 m² est détruit et vingt"
    " salariés sont au chômage technique. La route départementale est restée fermée jusqu’au soir. Une enquête a été"
    " ouverte par le parquet afin de comprendre les causes du sinistre. Le maire de la commune a salué le courage des"
    " sauveteurs et promis une cellule d’écoute aux familles des employés."
)
EN = (
    "Councillors in Ashford voted on Monday to close the old swimming pool on Mill Lane. The building needs repairs"
    " worth £2.4m, which the council says it cannot afford. About 300 people had signed a petition against the plan."
    " A leisure centre is to open on the ring road in the spring. Campaigners said they would take the matter to"
    " court. The pool has served swimmers of the town for more than sixty years, and several schools use it each week."
)
DE = (
    "Die Stadt Lindau sperrt ab Montag die Seebrücke für den Verkehr. Fachleute haben bei einer Prüfung Risse an drei"
    " Pfeilern entdeckt. Die Arbeiten kosten rund 1.250.000 Euro und dauern voraussichtlich bis in den Herbst."
    " Fußgänger dürfen die Brücke weiter benutzen. Der Bürgermeister sprach von einer notwendigen Entscheidung, die"
    " niemandem leicht gefallen sei. Händler am Hafen befürchten starke Einbußen während der Saison."
)
TITLES = {FR: "Incendie dans une scierie de Levier", EN: "Ashford pool to close", DE: "Lindau sperrt die Seebrücke"}


def told(text: str, **changes: Any) -> Item:
    """An item with one of the texts above, or a text like it."""
    start = next((each for each in TITLES if each[:5] in text), FR)
    values = {"title": TITLES[start], "lead": text[:70], "text": text}
    return make_item(1, **values | changes)


def marked_up(*blocks: str, title: str = TITLES[FR]) -> Item:
    """An item whose text came as HTML."""
    return make_item(1, title=title, lead=FR[:70], text=FR, html="".join(blocks))


def titled(title: str) -> Item:
    return told(FR, title=title)


BODY = f"<p>{FR}</p>"
LINKS = '<ul><li><a href="https://a.example/1">Morteau : 3 blessés sur la RN57</a></li></ul>'
OTHER_LINKS = '<ul><li><a href="https://a.example/2">Dole : le budget de 2026 en 10 chiffres</a></li></ul>'
CUT = FR[: FR.index(" casernes")]

POLISH = {
    "nothing": (told(FR), told(FR)),
    "a label behind the title": (titled("Incendie à Levier"), titled("Incendie à Levier (actualisé)")),
    "a label with the hour": (titled("Incendie à Levier"), titled("Incendie à Levier [MAJ 18h30]")),
    "a label before the title": (titled("Incendie à Levier"), titled("EN DIRECT • Incendie à Levier")),
    "an English label": (told(EN, title="Pool to close"), told(EN, title="UPDATE: Pool to close")),
    "a German label": (told(DE, title="Brücke gesperrt"), told(DE, title="Brücke gesperrt – aktualisiert")),
    "a title in capitals": (titled("Incendie à Levier"), titled("INCENDIE À LEVIER")),
    "a title in other quotes": (titled("Levier : « un drame »"), titled("Levier: “un drame”")),
    "a title with other spaces": (titled("Levier : 12 blessés"), titled("Levier :\u00a012  blessés")),
    "a title with a letter too few": (titled("Incendie dans une scirie"), titled("Incendie dans une scierie")),
    "a title with letters in disorder": (told(EN, title="Ashford pool to colse"), told(EN, title="Ashford pool to close")),
    "a title with a wrong letter": (told(DE, title="Lindau sperrt Seebrüche"), told(DE, title="Lindau sperrt Seebrücke")),
    "comments are counted": (told(FR + " 12 commentaires"), told(FR + " 14 commentaires")),
    "comments come": (told(EN), told(EN + " 3 comments")),
    "comments in German": (told(DE + " 7 Kommentare"), told(DE + " 128 Kommentare")),
    "views are counted": (told("Lu 1 234 fois | " + FR), told("Lu 1 301 fois | " + FR)),
    "views in thousands": (marked_up("<p>1,2 k vues</p>", BODY), marked_up("<p>2 k vues</p>", BODY)),
    "a time to read": (marked_up("<p>3 min de lecture</p>", BODY), marked_up("<p>4 min de lecture</p>", BODY)),
    "a time to read in words": (marked_up(BODY), marked_up("<div>Temps de lecture : 3 minutes</div>", BODY)),
    "other links in a list": (marked_up(BODY, LINKS), marked_up(BODY, OTHER_LINKS)),
    "links come": (marked_up(BODY), marked_up(BODY, "<h3>À lire aussi</h3>", LINKS)),
    "a link amid the text": (marked_up(BODY), marked_up(BODY, '<p>Lire aussi : <a href="https://a.example/2">Le budget de 2026 en 10 chiffres</a></p>', "<p>Levier.</p>")),
    "a link around a heading": (marked_up(BODY), marked_up(BODY, '<a href="https://a.example/2"><h3>Dole : 10 morts</h3><p>Le récit</p></a>')),
    "a teaser behind a plain text": (told(FR), told(FR + " À lire aussi : Dole, les 10 chiffres du budget")),
    "another teaser": (told(EN + " Read more: 5 places to swim"), told(EN + " Read more: What happened in 1999?")),
    "a German teaser": (told(DE), told(DE + " Mehr zum Thema: 7 Brücken am See")),
    "a newsletter": (told(FR), told(FR + " Recevez notre newsletter chaque matin, gratuitement.")),
    "a call to follow": (told(EN), told(EN + " Follow us on WhatsApp and Instagram!")),
    "a call in German": (told(DE), told(DE + " Jetzt den Newsletter abonnieren.")),
    "another byline": (told(FR + " Jeanne Perrot"), told(FR + " Karim Vuillemin (avec AFP)")),
    "another author": (told(FR, author="J. Perrot"), told(FR, author="K. Vuillemin")),
    "a stamp": (told(FR), told("Mis à jour le 12 mars 2026 à 14h02 " + FR)),
    "a later stamp": (told(FR + " Publié le 11/03/2026 à 9h."), told(FR + " Publié le 12/03/2026 à 18h30.")),
    "an English stamp": (told("Last updated 3 March 2026 at 10:15 | " + EN), told("Last updated 4 March 2026 at 08:40 | " + EN)),
    "a German stamp": (told(DE + " Stand: 3. März 2026, 10:15 Uhr"), told(DE + " Stand: 4. März 2026, 8 Uhr")),
    "an hour alone": (told("Actualisé à 14 h " + FR), told("Actualisé à 16 h " + FR)),
    "a typo": (told(FR), told(FR.replace("chômage technique", "chomâge tehcnique"))),
    "typos in a short text": (told("Le consiel municpal adopte son budjet."), told("Le conseil municipal adopte son budget.")),
    "a few words": (told(FR), told(FR.replace("plus de trois heures", "bien plus de trois heures"))),
    "figures in another spelling": (told(FR), told(FR.replace("14 h 30", "14h30").replace("1 200 m²", "1200 m2"))),
    "thousands in another spelling": (told(DE), told(DE.replace("1.250.000", "1 250 000"))),
    "paragraphs in another order": (told(FR), told(" ".join(reversed(FR.split(". "))))),
    "a text cut short": (told(FR), told(CUT + "…")),
    "a picture": (told(FR), told(FR, image=Image("https://a.example/1.jpg"))),
    "markup for plain text": (told(FR), marked_up(BODY)),
    "a caption": (marked_up(BODY), marked_up('<figure><img src="https://a.example/a"><figcaption>Le 8 mai</figcaption></figure>', BODY)),
}  # fmt: skip
NEWS = {
    "another title": (titled("Incendie à Levier"), titled("Incendie à Levier : la piste criminelle")),
    "another word in the title": (titled("Incendie à Levier"), titled("Incendie à Lods")),
    "another short word in the title": (titled("Un actionnaire vent tout"), titled("Un actionnaire vend tout")),
    "million and billion": (told(EN, title="A million lost"), told(EN, title="A billion lost")),
    "a figure in the title": (titled("Levier : 12 blessés"), titled("Levier : 14 blessés")),
    "a toll in brackets": (titled("Incendie à Levier"), titled("Incendie à Levier (un mort)")),
    "two typos are an edit": (titled("Incendie dans la scierie"), titled("Incendies dans la scieries")),
    "a toll in a long text": (told(FR), told(FR.replace("12 blessés", "14 blessés"))),
    "a toll in letters": (told(FR), told(FR.replace("dont deux ont", "dont trois ont"))),
    "a toll that has its line": (marked_up(BODY, "<p>12 blessés</p>"), marked_up(BODY, "<p>14 blessés</p>")),
    "a toll in the title's words": (told(FR + " Bilan de l’incendie 3 morts"), told(FR + " Bilan de l’incendie 4 morts")),
    "a toll behind “update”": (told(FR + " Mise à jour : 12 morts."), told(FR + " Mise à jour : 14 morts.")),
    "an hour in the text": (told(FR), told(FR.replace("14 h 30", "16 h 30"))),
    "another weekday": (told(FR), told(FR.replace("mardi", "mercredi"))),
    "another weekday in German": (told(DE), told(DE.replace("Montag", "Freitag"))),
    "a sum": (told(EN), told(EN.replace("£2.4m", "£2.9m"))),
    "a sum in German": (told(DE), told(DE.replace("1.250.000", "1.350.000"))),
    "a price behind the text": (told(FR + " Entrée 5 euros"), told(FR + " Entrée 7 euros")),
    "a date behind the text": (told(FR + " Réunion samedi 14 mars"), told(FR + " Réunion samedi 21 mars")),
    "a mark": (told(FR + " Note moyenne 3,5"), told(FR + " Note moyenne 4,5")),
    "a sentence with a new figure": (told(FR), told(FR + " Un 13e ouvrier est porté disparu.")),
    "a paragraph": (told(FR), told(FR + " Le propriétaire a été placé en garde à vue jeudi matin, car des témoins disent l’avoir vu quitter les lieux en courant.")),
    "a paragraph that went": (told(EN), told(EN[: EN.index("Campaigners")])),
    "a paragraph in German": (told(DE), told(DE + " Die Opposition im Rat wirft der Verwaltung vor, sie habe jahrelang nichts für den Erhalt getan.")),
    "a short text with another word": (told("Un homme a été blessé."), told("Un homme a été tué.")),
    "a long list of links is text": (told(FR), told(FR + " Aussi touchés : " + "forêts prairies jardins vergers " * 9)),
    "a line without an end that belongs to the text": (told(FR), told(FR + " Le parquet de Besançon confirme que des ouvriers de la scierie ont mis le feu aux machines")),
    "what follows a text cut short": (told("Un feu à Levier. Plus d’informations à suivre…"), told("Un feu à Levier. Plus d’informations à suivre. Des habitants évacués.")),
    "what follows three points": (told("Un feu à Levier. La suite bientôt…"), told("Un feu à Levier. La suite bientôt Des habitants ont fui.")),
    "a text that was none": (make_item(1, lead="", text=""), make_item(1, lead="Les élus ont voté.")),
    "a text without a sentence": (told("12 commentaires"), told("14 commentaires")),
    "a new lead": (told(FR), told(FR, lead="Le parquet soupçonne un salarié d’avoir mis le feu après une dispute avec son chef d’équipe.")),
}  # fmt: skip


@pytest.mark.parametrize("name", POLISH)
def test_polish_is_not_material(name: str) -> None:
    before, after = POLISH[name]
    assert not is_material(before, after)
    assert not is_material(after, before)


@pytest.mark.parametrize("name", NEWS)
def test_news_is_material(name: str) -> None:
    before, after = NEWS[name]
    assert is_material(before, after)
    assert is_material(after, before)


# ── what always holds

WORDS = st.lists(st.sampled_from(FR.split() + EN.split() + DE.split()), max_size=60).map(" ".join)
TEXTS = st.one_of(WORDS, st.text(max_size=200))
MARKUP = st.lists(
    st.sampled_from(["<p>", "</p>", "<a href='/1'>", "</a>", "<br>", "Lire aussi :", "12 vues", FR[:90]])
).map("".join)
ITEMS = st.builds(lambda title, lead, text, html: make_item(1, title=title, lead=lead, text=text, html=html), TEXTS, TEXTS, TEXTS, MARKUP)  # fmt: skip


@given(ITEMS)
def test_an_item_is_no_news_beside_itself(item: Item) -> None:
    assert not is_material(item, item)
    assert not leaves_revision(item, item, ())


@given(ITEMS, ITEMS)
def test_the_way_back_matters_as_much_as_the_way_there(one: Item, other: Item) -> None:
    assert is_material(one, other) == is_material(other, one)


def spaced(text: str) -> str:
    """Spaces as a French typesetter has them."""
    for sign in "?!:;»":
        text = text.replace(f" {sign}", f"\u202f{sign}")
    return text.replace(" ", "\u00a0 ")


TYPOGRAPHY: tuple[Callable[[str], str], ...] = (
    str.upper, str.lower, spaced, lambda text: unicodedata.normalize("NFD", text), lambda text: text.replace("’", "'"),
    lambda text: text.replace("-", "\u2011").replace("…", "..."), lambda text: text.replace(" ", "\u200b "),
    lambda text: text.replace("é", "e").replace("œ", "oe"), lambda text: "\u00ad".join(text),
)  # fmt: skip


@given(st.sampled_from([FR, EN, DE]), st.lists(st.sampled_from(TYPOGRAPHY), max_size=4))
def test_typography_is_never_news(text: str, variants: list[Callable[[str], str]]) -> None:
    for furniture in ("", " 12 commentaires", " À lire aussi : le budget"):
        before = after = told(text + furniture)
        for variant in variants:
            after = replace(after, title=variant(after.title), lead=variant(after.lead), text=variant(after.text))
        assert not is_material(before, after)


NEW_WORDS = st.lists(st.text("bcdfghjklmnpqrstvwxz", min_size=3, max_size=9), min_size=30, max_size=80, unique=True)


@settings(max_examples=60)
@given(
    st.sampled_from([FR, EN, DE, (FR + " ") * 40]), NEW_WORDS, st.integers(61_000, 99_000), st.booleans(), st.booleans()
)
def test_a_paragraph_with_a_new_figure_is_always_news(
    text: str, words: list[str], figure: int, is_sentence: bool, is_markup: bool
) -> None:
    paragraph = " ".join([*words[:9], str(figure), *words[9:]]) + "." * is_sentence
    before, after = told(text), told(f"{text} {paragraph}")
    if is_markup:
        before = replace(before, html=f"<p>{text}</p>")
        after = replace(after, html=f"<p>{text}</p><p>{paragraph}</p>")
    assert is_material(before, after)


def test_a_text_far_beyond_any_newspaper_is_judged_in_time() -> None:
    letters = "abcdefghij"
    words = [f"{a}{b}{c}{d}{e}" for a in letters for b in letters for c in letters for d in letters for e in "klmno"]
    before = told(" ".join(words))
    after = told(" ".join(word[:-1] + "z" if number % 38 == 0 else word for number, word in enumerate(words)))
    assert not is_material(before, after)  # one word in 38, each corrected by a letter
    assert is_material(before, told(" ".join(word[::-1] for word in words)))


# ── sites that flip, and versions that are worth keeping


def revisions_of(versions: list[Item]) -> tuple[list[Item], int]:
    """What is kept of an item that says these things one after the other, and how often it was news."""
    kept: list[Item] = []
    news = 0
    for old, new in pairwise(versions):
        news += is_material(old, new) and not is_return(new, kept)
        if leaves_revision(old, new, kept):
            kept.append(old)
    return kept, news


def test_a_site_with_two_back_ends_makes_news_once_and_keeps_each_text_once() -> None:
    one, other = told(FR), told(FR.replace("12 blessés", "14 blessés"))
    assert revisions_of([one, other] * 50) == ([one, other], 1)


def test_a_site_with_several_back_ends_that_dates_anew_at_each_poll_does_no_worse() -> None:
    texts = [FR.replace("12 blessés", f"{number} blessés") for number in range(12, 16)]
    versions = [
        told(texts[poll % 4], updated=date(NOW + timedelta(minutes=poll)), fingerprint=str(poll)) for poll in range(80)
    ]
    kept, news = revisions_of(versions)
    assert [item.text for item in kept] == texts
    assert news == 3


def test_a_counter_that_moves_at_each_poll_leaves_nothing() -> None:
    assert revisions_of([told(f"{FR} {number} commentaires") for number in range(2, 99)]) == ([], 0)


def test_every_text_of_an_item_that_grows_is_kept() -> None:
    versions = [
        told(FR + " ".join(f" Bilan de {each} h : {each} blessés." for each in range(hour))) for hour in range(9)
    ]
    assert revisions_of(versions) == (versions[:-1], 8)


def test_what_was_said_long_ago_is_news_again() -> None:
    versions = [told(FR.replace("12", str(number))) for number in range(20, 30)]
    assert not is_return(versions[0], versions)
    assert is_return(versions[-1], versions)


@pytest.mark.parametrize("change", [{"title": "INCENDIE À LEVIER"}, {"author": "J. Perrot"}, {"image": Image("https://a.example/1")}, {"text": FR.replace("mardi", "lundi")}])  # fmt: skip
def test_whatever_a_reader_saw_before_is_kept(change: dict[str, Any]) -> None:
    assert leaves_revision(told(FR), told(**{"text": FR} | change), ())
