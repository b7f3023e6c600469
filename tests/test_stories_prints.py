"""What of an item is held against others: which words, which marks, which grams."""

import os
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.model import Enclosure, Item, Print
from aggregator.model.prints import unpacked
from aggregator.stories import Wording, make_print
from aggregator.stories.prints import BODY_WORDS_LIMIT, DENSE_WORDS, TITLE_WORDS_LIMIT
from aggregator.stories.similarity import WORD, Words, fold
from tests.values import make_item

TEXT = "Le maire de Dole reçoit mardi les 12 lauréats du concours, sans cérémonie."
BODY = "le maire de *dole recoit *mardi les *12 laureats du concours sans ceremonie"


def item(text: str, title: str = "", **rest: Any) -> Item:
    return make_item(title=title, lead="", text=text, **rest)


# ── words and marks


def test_names_figures_and_dates_are_marked_and_the_first_word_of_a_sentence_is_not() -> None:
    assert make_print(item(TEXT)).body == BODY
    assert make_print(item("Il pleut. Dole attend ! Vesoul dort")).body == "il pleut dole attend vesoul dort"
    assert make_print(item("à 20h30 (Gray), le 3 mai 2026")).body == "a *20h30 *gray le *3 *mai *2026"
    assert make_print(item("Le plan A de M. Roy")).body == "le plan a de m roy"


def test_calendars_of_other_languages_are_marked_without_capitals_too() -> None:
    assert make_print(item("on friday, samstag, el lunes")).body == "on *friday *samstag el *lunes"


def test_a_title_in_capitals_names_nothing() -> None:
    assert (
        make_print(item("", "MORTEAU : LA PISCINE FERME 10 SEMAINES")).title == "morteau la piscine ferme *10 semaines"
    )
    assert make_print(item("", "La RN57 coupée à Morteau")).title == "la *rn57 coupee a *morteau"


def test_a_lead_stands_before_a_text_that_does_not_hold_it() -> None:
    assert make_print(make_item(lead="Un bal.", text="Et un feu.")).body == "un bal et un feu"
    assert make_print(make_item(lead="Un bal.", text="Un bal. Et un feu.")).body == "un bal et un feu"


@pytest.mark.parametrize(
    "wrapped",
    [
        f"DOLE (AFP) – {TEXT}",
        f"Dole, 12 février (Reuters) - {TEXT}",
        f"Saint-Claude (dpa): {TEXT}",
        f"Publié le 11/02/2026 à 18h30. {TEXT}",
        f"Publié le 11 février 2026. {TEXT}",
        f"Publié le 11 février 2026 à 18:30. Mis à jour le 12.02.2026 à 7 h. {TEXT}",
        f"Updated on 11.02.2026, 18:30. {TEXT}",
        f"Veröffentlicht am 11.02.2026 um 9:15. {TEXT}",
        f"Par Jeanne Morel-Roy – {TEXT}",
        f"Von Anna Maria Keller: {TEXT}",
        f"(Communiqué) {TEXT}",
        f"{TEXT} (Communiqué de la ville)",
        f"{TEXT} (Pressemitteilung)",
        f"{TEXT} (AFP)",
        f"{TEXT} (avec AFP)",
        f"{TEXT[:-1]} avec AFP.",
        f"DOLE (AFP) - Publié le 11/02/2026. Par Jeanne Morel – {TEXT} (Communiqué)",
    ],
)
def test_what_outlets_wrap_around_a_text_is_left_out(wrapped: str) -> None:
    assert make_print(item(wrapped)).body == BODY


@pytest.mark.parametrize("byline", ["Par Jeanne Morel.", "By John Smith.", "PAR JEANNE MOREL\n", "Di Anna Rossi."])
def test_a_by_line_takes_at_most_one_word_with_it(byline: str) -> None:
    assert make_print(item(f"{byline} {TEXT}")).body in (BODY, BODY.removeprefix("le "))


@pytest.mark.parametrize(
    "text",
    [
        "Par ailleurs, le conseil vote.",
        "Il vient par Dole et Gray.",
        "Publié chez Minuit, son roman plaît.",
        "L'AFP recrute à Dole.",
        "Mis à jour chaque soir.",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert make_print(item(text)).body.replace("*", "").split() == [fold(word) for word in WORD.findall(text)]


def test_the_outlet_s_own_name_behind_a_title_is_left_out() -> None:
    names = ("Jura Hebdo", "Le Journal du Jura")
    for title in ("La scierie brûle - Jura Hebdo", "La scierie brûle | le journal du Jura", "La scierie brûle"):
        assert make_print(item("", title), names).title == "la scierie brule"
    assert make_print(item("", "Un prix pour Jura Hebdo et les siens"), names).title.endswith("les siens")
    assert make_print(item("", "Jura Hebdo"), names).title == "jura *hebdo"
    assert make_print(item("", "La scierie brûle"), ("", "–")).title == "la scierie brule"


def test_only_the_start_of_a_text_is_kept() -> None:
    long = item("mot " * 5000, "titre " * 500)
    print_ = make_print(long)
    assert len(print_.body.split()) == BODY_WORDS_LIMIT and len(print_.title.split()) == TITLE_WORDS_LIMIT
    media = make_print(item("", enclosures=tuple(Enclosure(f"https://a.example/{n}.mp3") for n in range(500)))).media
    assert len(media) <= 1000


def test_media_are_those_attached_in_any_order() -> None:
    one, other = Enclosure("https://a.example/1.mp3"), Enclosure("https://a.example/2.mp3")
    prints = [make_print(item("", enclosures=each)) for each in ((one, other), (other, one), ())]
    assert prints[0].media == prints[1].media == f"{one.url} {other.url}" and prints[2].media == ""


# ── grams

words = st.lists(st.text("abcdefghij", min_size=1, max_size=7), min_size=1, max_size=160)


@given(words, words)
def test_grams_are_few_sorted_small_numbers_each_once(title: list[str], body: list[str]) -> None:
    grams = make_print(item(" ".join(body), " ".join(title))).grams
    assert list(grams) == sorted(set(grams)) and all(0 <= gram < 1 << 31 for gram in grams)
    assert len(grams) <= DENSE_WORDS


COMMON_WORDS = 14
places = st.integers(0, DENSE_WORDS - COMMON_WORDS)


@given(places, places, st.integers(0, 9999))
def test_any_fourteen_words_in_common_among_the_first_ninety_share_a_gram(at: int, other_at: int, seed: int) -> None:
    run = [f"r{seed}x{number}" for number in range(COMMON_WORDS)]
    one = [*(f"a{seed}x{number}" for number in range(at)), *run, *(f"c{seed}x{number}" for number in range(80 - at))]
    other = [*(f"b{seed}x{number}" for number in range(other_at)), *run]
    assert set(make_print(item(" ".join(one))).grams) & set(make_print(item(" ".join(other))).grams)


def test_a_text_without_a_run_of_three_words_has_no_grams() -> None:
    assert make_print(item("deux mots", "un titre")).grams == ()
    assert make_print(item("deux mots", "un titre")).shingles == b""


def test_titles_alone_share_grams_too() -> None:
    one, other = (make_print(item(text, "La scierie Vuillemin a brûlé")) for text in ("Un feu.", "Des pompiers."))
    assert set(one.grams) & set(other.grams)


def test_a_word_in_another_place_makes_another_gram() -> None:
    assert not set(make_print(item("un deux trois")).grams) & set(make_print(item("trois deux un")).grams)
    assert not set(make_print(item("un deux trois")).grams) & set(make_print(item("un trois deux")).grams)


FRESH = """
from tests.test_stories_prints import TEXT, item
from aggregator.stories import make_print
print(make_print(item(TEXT * 20, TEXT)))
"""


def test_a_print_is_the_same_in_every_process() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", FRESH],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert told == {f"{make_print(item(TEXT * 20, TEXT))}\n"}


# ── any text


@settings(max_examples=300)
@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=100))
def test_any_text_has_a_print_whose_words_are_folded(title: str, text: str, name: str) -> None:
    print_ = make_print(make_item(title=title, lead=text[:50], text=text), (name,))
    assert print_ == make_print(make_item(title=title, lead=text[:50], text=text), (name,))
    words = Words(print_)
    for word in words.title + words.body:
        assert fold(word) == word
    assert len(unpacked(print_.shingles)) == max(0, len(words.body) - 2)


HOSTILE = {
    "one word": "a" * 100_000,
    "points": "." * 100_000,
    "brackets": "(AFP " * 20_000,
    "communiqués": "(Communiqué " * 9_000,
    "by-lines": "Par Aa-" * 15_000,
    "names": "Par " + "Abc’" * 25_000,
    "capitals": "Abc-" * 25_000,
    "dates": "Publié le " + "1" * 100_000,
    "stamps": "Publié le 1 " * 9_000,
    "spaces": "Dole" + " " * 100_000,
    "figures": "1." * 50_000,
    "accents": "e" + "\u0301" * 100_000,
    "ligatures": "ﷺ" * 30_000,
    "figures of other scripts": "٣" * 50_000 + "²" * 50_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_a_text_of_any_length_takes_bounded_time(text: str) -> None:
    started = time.process_time()
    print_ = make_print(item(text, text), (text[:1000],))
    Wording(item(text, text)).of(Words(print_).body[:20])
    assert time.process_time() - started < 0.5
    assert isinstance(print_, Print)


# ── quotes


def test_a_run_is_quoted_as_the_item_spells_it() -> None:
    told = item(f"Publié le 11/02/2026. {TEXT}")
    assert Wording(told).of(("dole", "recoit", "mardi")) == "Dole reçoit mardi"
    assert Wording(told).of(("concours", "sans", "ceremonie")) == "concours, sans cérémonie"
    assert Wording(told).of(("dole", "mardi")) == Wording(told).of(()) == ""


def test_a_quote_has_no_line_breaks() -> None:
    assert Wording(item("Il pleut\n\n à   Dole.")).of(("pleut", "a", "dole")) == "pleut à Dole"


def test_facts_are_told_in_the_order_and_the_spelling_of_the_item_and_figures_are_whole() -> None:
    told = item(
        "Mardi 3 décembre, Besançon reçoit 1\u202f640\u00a0000 euros, puis 12 000 en 2027.", "Les 25 ans du Doubs"
    )
    facts = ["000", "1", "12", "2027", "25", "3", "640", "besancon", "decembre", "doubs", "lundi", "mardi"]
    assert Wording(told).facts(facts) == (
        "Mardi", "3", "décembre", "Besançon", "1 640 000", "12 000", "2027", "25", "Doubs", "lundi",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "facts", "told"),
    [
        ("En 2026, 300 coureurs", ["2026", "300"], ("2026", "300")),  # a comma parts them
        ("Le 12 025 du 12", ["12"], ("12",)),  # the group is not in both
        ("De 10 200 à 10 300", ["10", "200", "300"], ("10 200", "300")),
        ("", ["10"], ("10",)),
    ],
)
def test_only_what_both_have_makes_a_figure(text: str, facts: list[str], told: tuple[str, ...]) -> None:
    assert Wording(item(text)).facts(facts) == told


@settings(max_examples=300)
@given(st.text(max_size=200), st.text(max_size=200), st.data())
def test_a_quote_is_a_piece_of_the_text_with_the_words_of_the_run(lead: str, text: str, data: st.DataObject) -> None:
    told = make_item(lead=lead, text=text)
    body = Words(make_print(told)).body
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(body))] * 2)))
    run = data.draw(st.sampled_from([body[start:end], body[end:start:-1], ("pas", "là")]))
    quote = Wording(told).of(run)
    assert quote or run != body[start:end] or not run
    if quote:
        assert tuple(fold(word) for word in WORD.findall(quote)) == run
        assert any(quote in " ".join(whole.split()) for whole in (told.text, f"{told.lead} {told.text}"))
