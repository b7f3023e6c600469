"""What changed between two texts, word by word."""

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.stories.changes import BUDGET, PieceKind, changes, shortened

SAID = "Le maire de la ville a ouvert hier la foire aux vins, devant deux mille visiteurs venus de tout le pays."
BRACKETS = {PieceKind.SAME: "{}", PieceKind.ADDED: "[+{}]", PieceKind.REMOVED: "[-{}]"}


def written(old: str, new: str) -> str:
    return "".join(BRACKETS[piece.kind].format(piece.text) for piece in changes(old, new))


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("", "", ""),
        ("Rien de neuf.", "Rien de neuf.", "Rien de neuf."),
        ("", "Tout est neuf.", "[+Tout est neuf.]"),
        ("Tout est parti.", "", "[-Tout est parti.]"),
        ("Il y a 12 blessés à Dole.", "Il y a 14 blessés à Dole.", "Il y a [-12][+14] blessés à Dole."),
        ("Trois blessés.", "Trois blessés, un mort.", "Trois blessés[+, un mort]."),
        ("Un mort, trois blessés.", "Trois blessés.", "[-Un mort, trois][+Trois] blessés."),
        ("un deux trois", "un deux  trois", "un deux [+ ]trois"),
        (" un ", "un", "[- ]un[- ]"),
        ("un\ndeux", "un deux", "un[-\n][+ ]deux"),
        ("L'eau monte.", "L’air monte.", "[-L'eau][+L’air] monte."),
        ("Entrée : 1.250,50 euros", "Entrée : 1.350,50 euros", "Entrée : [-1.250,50][+1.350,50] euros"),
        ("À 12 h. Il pleut.", "À 14 h. Il pleut. Il vente.", "À [-12][+14] h. Il pleut.[+ Il vente.]"),
        ("Il pleut, il vente, il neige.", "Il pleut, il neige.", "Il pleut, il [-vente, il ]neige."),
        (SAID, SAID.replace("deux mille", "trois mille"), SAID.replace("deux", "[-deux][+trois]")),
    ],
)  # fmt: skip
def test_what_changed_is_shown_word_by_word(old: str, new: str, shown: str) -> None:
    assert written(old, new) == shown


def test_a_word_or_two_that_two_sentences_share_by_chance_do_not_tear_them_apart() -> None:
    old = "Le conseil a dit non hier soir malgré les plaintes des riverains."
    new = "Dans une lettre ouverte, la préfecture refuse hier toute aide supplémentaire à la commune."
    assert written(old, new) == f"[-{old[:-1]}][+{new[:-1]}]."


TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(["a", "b", "le", "12", " ", "  ", "\n", ".", "’", "é"]), max_size=80).map("".join),
    st.lists(st.sampled_from(SAID.split()), max_size=60).map(" ".join),
)


@given(TEXTS, TEXTS)
def test_the_pieces_hold_both_texts_exactly(old: str, new: str) -> None:
    pieces = changes(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind is not PieceKind.REMOVED) == new
    assert "".join(piece.text for piece in pieces if piece.kind is not PieceKind.ADDED) == old
    assert all(piece.text for piece in pieces)
    assert all(one.kind is not other.kind for one, other in pairwise(pieces))


@given(TEXTS)
def test_a_text_beside_itself_has_no_changes(text: str) -> None:
    assert {piece.kind for piece in changes(text, text)} <= {PieceKind.SAME}
    assert shortened(changes(text, text)) == ()


CHOICE = random.Random(7)
LONG = 50_000


def long_text(different: int) -> str:
    return " ".join(f"w{CHOICE.randrange(different)}" for _ in range(LONG))


def edited(text: str) -> str:
    words = text.split()
    for number in range(500):
        words[CHOICE.randrange(LONG)] = f"neuf{number}"
    return " ".join(words)


def shuffled(text: str) -> str:
    words = text.split()
    CHOICE.shuffle(words)
    return " ".join(words)


ONCE = " ".join(f"w{number}" for number in range(LONG))
LONG_TEXTS = {
    "one word": ("a " * LONG, "a " * (LONG - 1) + "b"),
    "two words": (long_text(2), long_text(2)),
    "hundred words": (long_text(100), long_text(100)),
    "a language": (long_text(5_000), long_text(5_000)),
    "rare words": (long_text(LONG), long_text(LONG)),
    "each word once": (ONCE, shuffled(ONCE)),
    "backwards": (ONCE, " ".join(reversed(ONCE.split()))),
    "a few hundred edits": (ONCE, edited(ONCE)),
    "stretches between rare words": tuple(
        " ".join(" ".join(f"a{CHOICE.randrange(4)}" for _ in range(95)) + f" w{number}" for number in range(500))
        for _ in range(2)
    ),
}


@pytest.mark.parametrize("name", LONG_TEXTS)
def test_texts_of_50_000_words_are_compared_in_bounded_time(name: str) -> None:
    old, new = LONG_TEXTS[name]
    started = time.process_time()
    pieces = changes(old, new)
    assert time.process_time() - started < 5  # 1.5 s at most where it was measured
    assert "".join(piece.text for piece in pieces if piece.kind is not PieceKind.REMOVED) == new


def test_edits_of_a_long_text_are_all_found() -> None:
    added = [piece.text for piece in changes(*LONG_TEXTS["a few hundred edits"]) if piece.kind is PieceKind.ADDED]
    assert sum(text.count("neuf") for text in added) == LONG_TEXTS["a few hundred edits"][1].count("neuf")
    assert sum(len(text.split()) for text in added) < 600


def test_what_the_budget_leaves_is_replaced_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.stories.changes.BUDGET", 0)
    assert BUDGET > 0
    assert written("un deux trois", "un quatre trois") == "[-un deux trois][+un quatre trois]"


def test_of_what_is_the_same_only_the_words_around_a_change_are_shown() -> None:
    letters = "a b c d e f g h i j k l m n o p q r s t"
    old, new = f"{letters} un {letters} deux {letters}", f"{letters} eins {letters} zwei {letters}"
    shown = "".join(
        piece.text for piece in shortened(changes(old, new), around=3) if piece.kind is not PieceKind.REMOVED
    )
    assert shown == "… r s t eins a b c … r s t zwei a b c …"


def test_short_pieces_are_shown_whole() -> None:
    pieces = changes("a b c d e f g h i", "a b c d E f g h i")
    assert shortened(pieces, around=4) == pieces
