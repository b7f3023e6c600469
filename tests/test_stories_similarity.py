"""What two prints have in common, and what stands in the place of what."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.model import Print
from aggregator.model.prints import packed
from aggregator.stories.prints import shingles_of
from aggregator.stories.similarity import Comparison, Run, Words, compare, fold, is_figure, shares, title_likeness

WORDS = """le la les de du un et en au *dole *gray *lure *12 *14 *2026 *mardi *jeudi pluie vent soleil maire budget
route travaux école piscine festival concert ouvrira fermera commune région élus vote soir matin""".split()
MOULD = """le bulletin du matin annonce pour toute la région un ciel couvert et un vent faible puis des averses sur les
hauteurs en soirée avec une baisse sensible des températures""".split()
TITLE = "bulletin des averses pour toute la région de *dole"


@st.composite
def cast(draw: st.DrawFn) -> str:
    """A text from one mould, with words put in and taken out."""
    words = MOULD[: draw(st.integers(0, len(MOULD)))]
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(words)))
        words[at : at + draw(st.integers(0, 2))] = draw(st.lists(st.sampled_from(WORDS), max_size=6))
    return " ".join(words)


texts = st.one_of(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), cast())
titles = st.one_of(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), st.just(TITLE))
prints = st.builds(Print, titles, texts, st.just(b""))


def words(body: str, title: str = "") -> Words:
    return Words(Print(title, body, packed(shingles_of(body.split())), ()))


def run_of(text: str) -> Run:
    return tuple(text.split())


# ── words


@pytest.mark.parametrize(
    ("written", "folded"),
    [("Éco", "eco"), ("CŒUR", "coeur"), ("153,4", "153.4"), ("1.200", "1.200"), ("Straße", "straße"), ("ÑANDÚ", "nandu")],
)  # fmt: skip
def test_a_word_is_folded(written: str, folded: str) -> None:
    assert fold(written) == folded


def test_a_figure_has_a_digit() -> None:
    assert is_figure("153.4") and is_figure("rn57") and not is_figure("douze")


def test_an_item_lacks_what_it_has_in_no_spelling() -> None:
    item = words("le maire de *montbéliard reçoit *480 habitants", "*montbéliard")
    asked = ["montbeliart", "maires", "480", "481", "vesoul", "habitants"]
    assert item.lacks(["montbéliart", *asked[1:]]) == {"481", "vesoul"}
    assert item.slots == {"montbéliard", "480"}


# ── shares


def test_shares_are_of_the_shorter_text() -> None:
    whole, part = words("un deux trois quatre cinq six sept huit"), words("deux trois quatre cinq dix onze")
    found = shares(whole, part)
    assert (found.fresh, found.fresh_shingles, found.covered, found.routine) == (0.5, 2, 0.5, 0.0)
    assert not found.is_routine


def test_routine_is_left_out_of_what_is_fresh() -> None:
    routine = frozenset(shingles_of("zéro un deux trois quatre".split()))
    one, other = words("un deux trois quatre cinq six"), words("un deux trois quatre cinq sept")
    found = shares(one, other, routine)
    assert (found.fresh, found.fresh_shingles, found.covered, found.routine) == (0.5, 1, 0.75, 0.5)
    assert found.is_routine


def test_of_a_text_that_is_all_routine_nothing_is_fresh() -> None:
    text = words("un deux trois quatre")
    found = shares(text, text, text.shingles)
    assert (found.fresh, found.covered, found.routine) == (0.0, 1.0, 1.0)


def test_texts_of_two_words_share_nothing() -> None:
    found = compare(words("un deux"), words("un deux"))
    assert found.shares == shares(words(""), words("")) and found.run == () and found.shared_slots == frozenset()


# ── titles


def test_long_words_and_figures_say_more_of_a_title() -> None:
    assert title_likeness(words("", "le budget"), words("", "le festival")) < 0.1
    assert title_likeness(words("", "le budget de *2026"), words("", "un festival en *2026")) > 0.4
    assert title_likeness(words("", "budget"), words("", "le budget de la commune")) == 1
    assert title_likeness(words("", ""), words("", "le budget")) == 0


def test_titles_of_the_same_words_are_wholly_alike() -> None:
    dice = random.Random(1)
    for _ in range(1000):  # sums of fractions differ by the order in which they are added
        title = dice.choices(WORDS, k=dice.randint(4, 15))
        one, other = words("", " ".join(title)), words("", " ".join(sorted(title)))
        assert title_likeness(one, other) == title_likeness(one, one) == 1


def test_a_title_is_told_where_its_words_stand_anywhere_in_the_other_item() -> None:
    one = words("rien du tout ici", "la fonderie bourgeois reprise")
    other = words("la reprise de la fonderie est décidée, celle de bourgeois", "un soulagement")
    found = compare(one, other)
    assert found.told == 1 and found.title == 0
    assert found.untold == (frozenset(), frozenset(["soulagement"]))


def test_a_title_that_says_little_needs_no_telling() -> None:
    found = compare(words("", "faits divers"), words("", "météo"))
    assert found.told == 1


# ── what stands in the place of what

BEFORE, AFTER = "la route sera fermée près de", "pendant toute la durée du chantier"
SWAPS = {
    "a town": ("*gray", "*vesoul", True),
    "a figure": ("*12", "*14", True),
    "a day": ("*mardi", "*jeudi", True),
    "two words for one": ("*gray *centre", "*vesoul", True),
    "a word that is no name": ("demain", "toujours", False),
    "a name for no name": ("*gray", "demain", False),
}
NO_SWAPS = {
    "a typo": ("*montbéliard", "*montbeliart"),
    "a plural": ("maisons", "maison"),
    "an acronym": ("*rn", "*rassemblement *national"),
    "an acronym that skips short words": ("*sdis", "*service *départemental d *incendie et de *secours"),
    "something added": ("", "*vesoul"),
    "sentences of their own": ("*gray", "*vesoul où le marché du samedi aura lieu comme toujours malgré la neige"),
}


def pair(one: str, other: str) -> tuple[Words, Words]:
    return words(f"{BEFORE} {one} {AFTER}"), words(f"{BEFORE} {other} {AFTER}")


@pytest.mark.parametrize(("one", "other", "is_slot"), SWAPS.values(), ids=list(SWAPS))
def test_what_stands_in_the_place_of_something_else_is_a_swap(one: str, other: str, is_slot: bool) -> None:
    swap = run_of(one.replace("*", "")), run_of(other.replace("*", ""))
    for first, second, expected in ((*pair(one, other), swap), (*pair(other, one), swap[::-1])):
        found = compare(first, second)
        assert found.swaps == (expected,) and found.slot_swaps == ((expected,) if is_slot else ())


@pytest.mark.parametrize(("one", "other"), NO_SWAPS.values(), ids=list(NO_SWAPS))
def test_spellings_and_additions_are_no_swaps(one: str, other: str) -> None:
    first, second = pair(one, other)
    assert compare(first, second).swaps == compare(second, first).swaps == ()


def test_one_word_is_no_acronym_of_another() -> None:
    assert compare(*pair("*r", "*rassemblement")).swaps


def test_a_figure_is_never_a_misspelt_one() -> None:
    assert compare(*pair("*1480000", "*1490000")).slot_swaps


def test_a_name_that_the_other_item_tells_elsewhere_is_not_swapped() -> None:
    one, other = words(f"{BEFORE} *gray {AFTER}", "*gray et *vesoul"), words(f"{BEFORE} *vesoul {AFTER}")
    assert compare(one, other).swaps and not compare(one, other).slot_swaps


def test_figures_and_names_are_swapped_in_titles_of_any_length() -> None:
    found = compare(words("", "météo du *mardi *12"), words("", "météo du *jeudi *14"))
    assert found.title_swaps == ((("mardi", "12"), ("jeudi", "14")),)
    assert not compare(words("", "la *rn57 fermée"), words("", "la *rn57 rouverte")).title_swaps
    assert not compare(words("", "*dole"), words("", "*gray la belle ville qui dort")).title_swaps


def test_in_routine_texts_two_words_that_agree_tell_what_was_swapped() -> None:
    one, other = words("*12 degrés demain *mardi vent faible"), words("*14 degrés demain *jeudi vent faible")
    routine = one.shingles
    assert not compare(one, other).swaps
    assert compare(one, other, routine).slot_swaps == ((("mardi",), ("jeudi",)),)


# ── where it stands


def test_where_the_texts_begin_to_agree_is_counted_in_words() -> None:
    found = compare(words(f"un maire se fâche {BEFORE}"), words(BEFORE))
    assert (found.nearest, found.farthest, found.run) == (0, 4, run_of(BEFORE))


def test_routine_is_no_beginning() -> None:
    greeting = "bonjour à toutes et à tous"
    routine = words(greeting).shingles
    one, other = words(f"{greeting} ce soir {BEFORE}"), words(f"{greeting} {BEFORE}")
    assert compare(one, other).farthest == 0
    assert (compare(one, other, routine).nearest, compare(one, other, routine).farthest) == (6, 8)
    greeted = words(f"{greeting} ce soir"), words(f"{greeting} demain matin")
    assert compare(*greeted, routine).farthest == 0  # they agree in nothing else


def test_the_title_of_the_item_that_comes_to_it_later_is_to_be_told() -> None:
    late = words(f"un maire se fâche {BEFORE}", "fâcherie à *montbéliard")
    early = words(BEFORE, "la route sera fermée près de *montbéliard")
    for found in (compare(late, early), compare(early, late)):
        assert found.deeper_told < 0.7 < found.told


def test_names_and_figures_count_within_the_stretch_that_both_have() -> None:
    one = words(f"*dole *12 {BEFORE} *gray {AFTER} *lure")
    other = words(f"*lons {BEFORE} *gray {AFTER} *mardi *jeudi")
    found = compare(one, other)
    assert found.shared_slots == {"gray"} and found.conflicts == 0 and found.slots == 4
    found = compare(words(f"{BEFORE} *gray *12 ici {AFTER}"), words(f"{BEFORE} *lure {AFTER}"))
    assert found.lone_slots == (frozenset({"gray", "12"}), frozenset({"lure"})) and found.conflicts == 1


# ── what holds for all


@settings(max_examples=300)
@given(prints, prints, st.data())
def test_a_comparison_says_the_same_of_both_whichever_comes_first(
    one: Print, other: Print, data: st.DataObject
) -> None:
    ours, theirs = Words(one), Words(other)
    known = sorted(ours.shingles | theirs.shingles)
    routine = frozenset(data.draw(st.lists(st.sampled_from(known)))) if known else frozenset()
    there, back = compare(ours, theirs, routine), compare(theirs, ours, routine)
    mirrored = {"lone_slots", "untold"}
    swapped = {"swaps", "slot_swaps", "title_swaps"}
    direction = {"deeper_told", "run"}  # where both start at one place, of the second; of the longest, the first
    for name in set(Comparison.__struct_fields__) - mirrored - swapped - direction:
        assert getattr(there, name) == getattr(back, name), name
    for name in mirrored:
        assert getattr(there, name) == getattr(back, name)[::-1], name
    for name in swapped:
        assert getattr(there, name) == tuple(swap[::-1] for swap in getattr(back, name)), name
    assert there.conflicts == back.conflicts and len(there.run) == len(back.run)
    assert there.nearest == there.farthest or there.deeper_told == back.deeper_told


@given(prints)
def test_a_text_has_all_in_common_with_itself(print_: Print) -> None:
    found = compare(Words(print_), Words(print_))
    assert found.shares.fresh in (0.0, 1.0) and not found.swaps and not found.title_swaps and not found.conflicts
    assert found.title == bool(print_.title) and found.untold == (frozenset(), frozenset())
