"""What is marked of a shown text: the words that were searched for, as the index takes them, and nothing else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.marking import Piece, excerpt, mark
from aggregator.words import Phrase, folded, placed_terms, read, terms

LONG = "Rien ici ne dit mot de cela, et l’on passe. " * 30


def sought(typed: str) -> tuple[Phrase, ...]:
    return read(typed, "fr").wanted


def shown(pieces: tuple[Piece, ...]) -> str:
    """The text with what is marked in brackets."""
    return "".join(f"[{piece.text}]" if piece.is_marked else piece.text for piece in pieces)


@pytest.mark.parametrize(
    ("typed", "text", "expected"),
    [
        ("ete", "L’été à Dole, l'ETE d’après", "L’[été] à Dole, l'[ETE] d’après"),
        ("œuvres", "Un chef-d’œuvre, une oeuvre", "Un chef-d’[œuvre], une [oeuvre]"),
        ("ferment", "Les écoles fermées", "Les écoles fermées"),
        ("école", "Les ÉCOLES ferment", "Les [ÉCOLES] ferment"),
        ('"pont rouvre"', "Le pont rouvre ; un pont fermé rouvre", "Le [pont rouvre] ; un pont fermé rouvre"),
        ("« pont rouvre »", "Le pont rouvre ; un pont fermé rouvre", "Le [pont rouvre] ; un pont fermé rouvre"),
        ("“pont rouvre” -“pont fermé”", "Le pont rouvre ; un pont fermé", "Le [pont rouvre] ; un pont fermé"),
        ('pont "pont rouvre"', "Le pont rouvre, le pont", "Le [pont rouvre], le [pont]"),
        ("saône-doubs", "Voies navigables Saône-Doubs", "Voies navigables [Saône-Doubs]"),
        ("doubs", "Voies navigables Saône-Doubs", "Voies navigables Saône-[Doubs]"),
        ("tram -bus", "Le tram et le bus", "Le [tram] et le bus"),
        ("tram", "tramway", "tramway"),
        ("", "Le tram", "Le tram"),
        ("<b>", "a <b> & c", "a <[b]> & c"),
        ("l’été", "l’été", "l’[été]"),
        ("istanbul", "İstanbul et ISTANBUL", "[İstanbul] et [ISTANBUL]"),
    ],
)
def test_words_are_marked_whatever_their_accents_ligatures_and_endings(typed: str, text: str, expected: str) -> None:
    assert shown(mark(text, sought(typed), "fr")) == expected


def test_a_text_is_read_in_its_own_language() -> None:
    assert shown(mark("Die Häuser", (("haus",),), "de")) == "Die [Häuser]"


texts = st.text(alphabet=st.sampled_from("abe éÉœŒ’'-. ßİ\n<&"), max_size=300) | st.text(max_size=120)


@given(texts, texts)
def test_the_pieces_are_the_text(text: str, typed: str) -> None:
    pieces = mark(text, sought(typed), "fr")
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces)


@given(texts)
def test_the_words_of_a_text_are_those_of_the_index(text: str) -> None:
    assert [term for *_, term in placed_terms(text, "fr")] == terms(text, "fr").split(" ") or not terms(text, "fr")
    for start, end, _ in placed_terms(text, "fr"):
        assert folded(text[start:end]) and not text[start:end].isspace()


@given(texts, texts, st.integers(20, 120))
def test_an_excerpt_is_no_longer_than_allowed_and_quotes_the_text(text: str, typed: str, limit: int) -> None:
    told = "".join(piece.text for piece in excerpt(sought(typed), "fr", (text, limit)))
    assert len(told) <= limit
    assert told.removeprefix("…").removesuffix("…") in text or told in text
    assert (told == text) is (len(text) <= limit)


@given(st.integers(0, 29), st.integers(60, 300))
def test_an_excerpt_shows_what_was_searched_for_wherever_it_stands(place: int, limit: int) -> None:
    at = LONG.index("Rien", place * 40)
    text = f"{LONG[:at]}Le tram de Besançon roule. {LONG[at:]}"
    assert "[tram]" in shown(excerpt(sought("tram"), "fr", (text, limit)))
    assert "[Besançon]" in shown(excerpt(sought("tram besançon"), "fr", (text, limit)))


def test_an_excerpt_begins_at_a_sentence_or_a_word_and_ends_at_one() -> None:
    text = f"{LONG}Le tram roule. {LONG}"
    told = shown(excerpt(sought("tram"), "fr", (text, 80)))
    assert told.startswith("…Le [tram] roule. Rien ici")
    assert text[text.index("Le tram") + len(told) - len("…[]…")] == " " and told.endswith("…")


def test_within_a_long_sentence_an_excerpt_begins_at_a_word() -> None:
    text = f"{'un mot et ' * 30}le tram {'puis un autre ' * 30}"
    told = shown(excerpt(sought("tram"), "fr", (text, 80)))
    assert "[tram]" in told and told[1:].partition(" ")[0] in {"un", "mot", "et"}


def test_of_several_places_the_one_with_most_of_the_words_is_shown() -> None:
    text = f"Un tram. {LONG} Encore un tram. {LONG} Le tram de Besançon. {LONG}"
    assert "[tram] de [Besançon]" in shown(excerpt(sought("besançon tram"), "fr", (text, 100)))


def test_a_text_that_holds_nothing_is_shown_from_its_beginning() -> None:
    assert shown(excerpt(sought("tram"), "fr", (LONG, 40))) == "Rien ici ne dit mot de cela, et l’on…"
    assert excerpt(sought("tram"), "fr", ("", 40)) == ()


def test_the_first_text_that_holds_something_is_quoted_and_each_has_a_limit_of_its_own() -> None:
    phrases, lead, text = sought("tram"), "Rien ici. " * 9, "Le tram. " * 9
    assert shown(excerpt(phrases, "fr", (lead, 50), (text, 20))) == "Le [tram]. Le [tram].…"
    assert shown(excerpt(phrases, "fr", (text, 20), (text, 50))) == "Le [tram]. Le [tram].…"
    assert shown(excerpt(phrases, "fr", (lead, 20), (lead, 50))) == "Rien ici. Rien…"


@given(
    st.text("aeiouéèœßÉlmst'- .0ﬁ", max_size=60),
    st.lists(st.text("aeiouéœßlmst 0", min_size=1, max_size=6)),
    st.sampled_from(["fr", "en", "de", "nl", "xx"]),
)
@example("l'œuvre_été – İl «aéa» ﬁn aa", ["oeuvre", "ete", "aea", "fin"], "fr")
def test_words_that_cannot_be_meant_are_passed_over_and_no_other(text: str, words: list[str], language: str) -> None:
    phrases = [tuple(found) for word in words if (found := terms(word, language).split())]
    meant = {term for phrase in phrases for term in phrase}
    whole = [(start, end, term if term in meant else "") for start, end, term in placed_terms(text, language)]
    quick = [(start, end, term if term in meant else "") for start, end, term in placed_terms(text, language, phrases)]
    if any(len(phrase) > 1 for phrase in phrases):  # what stands between its terms matters
        assert quick == whole
    else:
        assert [each for each in quick if each[2]] == [each for each in whole if each[2]]
