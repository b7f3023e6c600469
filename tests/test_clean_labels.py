"""Labels and genres."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.clean.labels import Labelled, folded, genre, split
from aggregator.model import Enclosure, Genre


@pytest.mark.parametrize(
    ("text", "label", "rest", "told"),
    [
        ("ÉDITORIAL • Une de plus.", "ÉDITORIAL", "Une de plus.", Genre.EDITORIAL),
        ("VIDÉO • Un lavoir", "VIDÉO", "Un lavoir", Genre.VIDEO),
        ("VIDEO • Un lavoir", "VIDEO", "Un lavoir", Genre.VIDEO),
        ("VIDEO: Un lavoir", "VIDEO", "Un lavoir", Genre.VIDEO),
        ("VIDÉO. Un lavoir", "VIDÉO", "Un lavoir", Genre.VIDEO),
        ("[VIDÉO] Un lavoir", "[VIDÉO]", "Un lavoir", Genre.VIDEO),
        ("(Vidéo) – Un lavoir", "(Vidéo)", "Un lavoir", Genre.VIDEO),
        ("VIDÉO & PHOTOS • Un lavoir", "VIDÉO & PHOTOS", "Un lavoir", Genre.VIDEO),
        ("Diaporama : un lavoir", "Diaporama", "un lavoir", Genre.VIDEO),
        ("Infos pratiques • Où réparer", "Infos pratiques", "Où réparer", Genre.PRATIQUE),
        ("Mise à jour • Retrouvée", "Mise à jour", "Retrouvée", Genre.MAJ),
        ("Mise à jour à 18h30 • Retrouvée", "Mise à jour à 18h30", "Retrouvée", Genre.MAJ),
        ("INSOLITE & SOLIDAIRE • Un cygne", "INSOLITE & SOLIDAIRE", "Un cygne", Genre.INSOLITE),
        ("Cagnotte en ligne • Un piano", "Cagnotte en ligne", "Un piano", Genre.CAGNOTTE),
        (
            "+ Précisions de la Ville de Besançon • Le tram",
            "+ Précisions de la Ville de Besançon",
            "Le tram",
            Genre.MAJ,
        ),
        ("Sondage – Faut-il ?", "Sondage", "Faut-il ?", Genre.SONDAGE),
        ("Offre d’emploi | Cuisinier", "Offre d’emploi", "Cuisinier", Genre.OFFRE_EMPLOI),
        ("Offre d'emploi - Cuisinier", "Offre d'emploi", "Cuisinier", Genre.OFFRE_EMPLOI),
        ("TRIBUNE\xa0: Pour le train", "TRIBUNE", "Pour le train", Genre.EDITORIAL),
        ("CHRONIQUE • Le vent", "CHRONIQUE", "Le vent", Genre.EDITORIAL),
        ("Communiqué : le niveau 2", "Communiqué", "le niveau 2", Genre.COMMUNIQUE),
        ("Kommentar: Der Fluss", "Kommentar", "Der Fluss", Genre.EDITORIAL),
        ("Pressemitteilung – Der Fluss", "Pressemitteilung", "Der Fluss", Genre.COMMUNIQUE),
        ("Comunicado: El río", "Comunicado", "El río", Genre.COMMUNIQUE),
        ("Météo • Neige", "Météo", "Neige", Genre.METEO),
        ("EN DIRECT • Le match", "EN DIRECT", "Le match", None),
        ("Le pont ferme (Communiqué)", "(Communiqué)", "Le pont ferme", Genre.COMMUNIQUE),
        ("Le pont ferme. (communiqué).", "(communiqué)", "Le pont ferme.", Genre.COMMUNIQUE),
        ("Le pont ferme. (Communiqué de presse)", "(Communiqué de presse)", "Le pont ferme.", Genre.COMMUNIQUE),
        ("Le pont ferme [vidéo]", "[vidéo]", "Le pont ferme", Genre.VIDEO),
    ],
)
def test_a_label_is_told_from_the_text(text: str, label: str, rest: str, told: Genre | None) -> None:
    assert split(text) == Labelled(rest, (label,), told)


@pytest.mark.parametrize(
    "text",
    [
        "Vidéo surveillance : le maire répond",
        "Vidéosurveillance • le maire répond",
        "Besançon : un pont ferme",
        "Besançon • Un pont ferme",
        "Économie | Une usine",
        "Météo en Franche-Comté : un week-end hivernal",
        "Météo : un week-end hivernal",
        "Sondage : 60 % des Français d’accord",
        "Enquête : un homme entendu",
        "Cagnotte : 10 000 € réunis",
        "Direct-Auto : le garage",
        "Vidéo",
        "VIDÉO •",
        "(Communiqué)",
        "Un étudiant·e·s en ville",
        "Un pont (Doubs)",
        "Le communiqué du maire",
        "Vidéo et Cie • un magasin",
        "",
    ],
)
def test_ordinary_words_are_no_label(text: str) -> None:
    assert split(text) == Labelled(text.strip())


def test_several_labels_are_all_kept_and_the_first_genre_counts() -> None:
    assert split("EXCLUSIF • Mise à jour • VIDÉO • Un lavoir (Communiqué)") == Labelled(
        "Un lavoir", ("EXCLUSIF", "Mise à jour", "VIDÉO", "(Communiqué)"), Genre.MAJ
    )


@given(
    st.text()
    | st.lists(st.sampled_from(["VIDÉO", " • ", ": ", "(Communiqué)", "x", "[", "]", " – "]), max_size=12).map("".join)
)
def test_telling_labels_never_raises_and_invents_nothing(text: str) -> None:
    told = split(text)
    assert told.text in text
    assert all(label in text for label in told.labels)
    assert bool(told.text.strip()) == bool(text.strip())


@pytest.mark.parametrize("start", ["a", "VIDÉO", "VIDÉO •", "[VIDÉO]", "(Communiqué", "Vidéo ."])
def test_hostile_spaces_cost_little(start: str) -> None:
    started = time.process_time()
    split(start + "\xa0" * 300_000 + "x")
    split(start * 50_000)
    assert time.process_time() - started < 1  # seconds; 0.1 measured at most


VIDEO = Enclosure("https://x.example/a.mp4", "video/mp4")
MEMBER = "Devenez membre de notre site — Publiez gratuitement vos actualités et événements"


@pytest.mark.parametrize(
    ("labelled", "tags", "enclosures", "text", "told"),
    [
        (["VIDÉO • a", "b (Communiqué)"], ["Sondage"], [], "", Genre.VIDEO),
        (["EXCLUSIF • a", "b (Communiqué)"], [], [], "", Genre.COMMUNIQUE),
        ([], ["Besançon", "Offre d’emploi"], [VIDEO], "", Genre.OFFRE_EMPLOI),
        ([], ["Communiqués de presse 2026"], [], "", Genre.COMMUNIQUE),
        ([], ["Sondage"], [], "", Genre.SONDAGE),
        ([], ["Agenda"], [], "", Genre.AGENDA),
        ([], ["METEO"], [], "", Genre.METEO),
        ([], ["Infos pratiques", "Insolite", "Portrait"], [], "", Genre.ARTICLE),
        ([], [], [VIDEO], MEMBER, Genre.VIDEO),
        ([], [], [Enclosure("https://x.example/a.mp3", "audio/mpeg")], "Fin. " + MEMBER, Genre.MEMBRE),
        ([], [], [], "Devenez bénévole.", Genre.ARTICLE),
    ],
)
def test_the_genre_is_told_by_labels_then_tags_then_video_then_notice(
    labelled: list[str], tags: list[str], enclosures: list[Enclosure], text: str, told: Genre
) -> None:
    assert genre([split(each) for each in labelled], tags, enclosures, text) is told


def test_spellings_of_a_phrase_fold_into_one() -> None:
    assert folded("Offre d’Emploi !") == folded("OFFRE D'EMPLOI") == "offre d emploi"
    assert folded("Œuvre") == "oeuvre"
