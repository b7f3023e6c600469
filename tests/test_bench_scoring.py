"""The figures that say how well stories are told, and the stream that says how fast."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Source
from bench import stream
from bench.corpus import STOCK
from bench.polls import Row, row_of, tell
from bench.scoring import Labels, joined, mixed, score, score_apart, shares, whole
from bench.stream import Stream

IDS = "abcdefgh"
LABELS = st.dictionaries(st.sampled_from(IDS), st.integers(0, 3), min_size=1)
STREAM = Stream("test", datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=5))
DRAFTS = {number: STREAM.draft(number) for number in range(2_000)}
ROUTINE = re.compile(  # a piece of the first sentence of every template
    r"le ciel sera|sera fermée à la circulation|Une collecte de sang est|heures. À l'aller|a fait \d+ blessés|cherche \d+ pers"
)

# Three items of one piece of news, two of another, one alone.
TRUTH = {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 3}


# ── scoring


def test_pairs_count_as_right_when_both_labels_agree() -> None:
    found = score(TRUTH, {"a": 1, "b": 1, "c": 2, "d": 2, "e": 2, "f": 3})  # ab, cd, ce, de; of ab, ac, bc, de
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)


def test_b_cubed_is_the_mean_over_items() -> None:
    found = score(TRUTH, {"a": 1, "b": 1, "c": 2, "d": 2, "e": 2, "f": 3})
    assert found.b_precision == pytest.approx(mean([1, 1, 1 / 3, 2 / 3, 2 / 3, 1]))
    assert found.b_recall == pytest.approx(mean([2 / 3, 2 / 3, 1 / 3, 1, 1, 1]))


def test_news_behind_different_news_is_hidden() -> None:
    assert score(TRUTH, dict.fromkeys(TRUTH, 1)).hidden == pytest.approx(1000 * 2 / 6)


def test_a_copy_in_a_story_of_its_own_is_still_shown() -> None:
    assert score(TRUTH, {"a": 1, "b": 1, "d": 2}).shown == pytest.approx(2 / 3)  # c and e of b, c and e


def test_an_item_that_was_not_told_stands_alone() -> None:
    assert score(TRUTH, {}) == score(TRUTH, {item: item for item in TRUTH})


def test_what_was_told_of_other_items_is_left_out() -> None:
    assert score(TRUTH, TRUTH | {"x": 1, "y": 2}) == score(TRUTH, TRUTH)


@given(LABELS)
def test_the_truth_itself_is_perfect(truth: Labels) -> None:
    found = score(truth, truth)
    assert (found.f1, found.b_precision, found.b_recall, found.hidden, found.shown) == (1, 1, 1, 0, 0)


@given(LABELS, LABELS)
def test_scores_agree_with_their_definitions(truth: Labels, told: Labels) -> None:
    def together(labels: Labels) -> set[tuple[str, str]]:
        return {pair for pair in combinations(sorted(truth), 2) if labels.get(pair[0], 7) == labels.get(pair[1], 8)}

    belong, stand = together(truth), together(told)
    found = score(truth, told)
    assert found.precision == (len(belong & stand) / len(stand) if stand else 1)
    assert found.recall == (len(belong & stand) / len(belong) if belong else 1)
    news_of_story: dict[object, set[object]] = {}
    for item, news in truth.items():
        news_of_story.setdefault(told.get(item, item), set()).add(news)
    lost = sum(len(news) - 1 for news in news_of_story.values())
    assert found.hidden == pytest.approx(1000 * lost / len(truth))


@given(LABELS, LABELS)
def test_the_names_of_labels_do_not_matter(truth: Labels, told: Labels) -> None:
    renamed = {item: ("story", label) for item, label in told.items()}
    assert score(truth, told) == score(truth, renamed)


@given(LABELS, LABELS)
def test_swapping_truth_and_told_swaps_precision_and_recall(truth: Labels, told: Labels) -> None:
    both = {item: label for item, label in told.items() if item in truth}
    truth = {item: truth[item] for item in both}
    one, other = score(truth, both), score(both, truth)
    assert (one.precision, one.b_precision) == pytest.approx((other.recall, other.b_recall))


def test_an_item_is_joined_when_it_stands_with_an_earlier_one_of_its_news() -> None:
    assert joined(TRUTH, {"a": 1, "b": 2, "c": 2, "d": 3, "e": 1}) == {"b": False, "c": True, "e": False}


def test_shares_are_given_for_each_kind() -> None:
    marks = {"b": False, "c": True, "e": True}
    assert shares(marks, {"b": "exact", "c": "exact", "e": "update", "f": "first"}) == {
        "exact": (0.5, 2),
        "update": (1.0, 1),
    }


def test_a_kind_is_scored_without_the_others() -> None:
    kinds = dict.fromkeys("abc", "real") | dict.fromkeys("def", "agenda")
    found = score_apart(TRUTH, {"a": 1, "b": 1, "c": 1, "d": 1, "e": 2, "f": 2}, kinds)
    assert list(found) == ["agenda", "real"]
    assert (found["real"].f1, found["real"].hidden) == (1, 0)
    assert found["agenda"].hidden == pytest.approx(1000 / 3)


def test_news_is_whole_when_one_story_has_all_its_items() -> None:
    assert whole(TRUTH, {"a": 1, "b": 1, "c": 1, "d": 1, "e": 2}) == {1, 3}


def test_items_that_stand_with_different_news_are_mixed() -> None:
    assert mixed(TRUTH, {"a": 1, "b": 1, "c": 2, "d": 2}) == {"c", "d"}


# ── rows


def test_a_row_is_told_as_the_story_of_the_item_that_it_became() -> None:
    def row(id: str, guid: str, text: str) -> Row:
        line = {"id": id, "title": text, "summary": "", "text": "", "lang": "fr", "published": "2026-01-05T08:00:00Z"}
        return row_of(line, Source("https://outlet.example/feed"), guid, f"https://outlet.example/{guid}")

    told = tell(
        [row("1", "a", "Le pont rouvre"), row("2", "b", "La foire ferme"), row("3", "a", "Le pont rouvre lundi")]
    )
    assert told["1"] == told["3"] != told["2"]


# ── the made-up stream


def test_an_item_depends_on_the_seed_and_its_number_alone() -> None:
    again = Stream("test", STREAM.start, STREAM.spacing)
    assert [again.item(number) for number in (70, 3)] == [STREAM.item(70), STREAM.item(3)]
    assert Stream("other", STREAM.start, STREAM.spacing).item(70) != STREAM.item(70)


def test_items_have_keys_and_links_of_their_own_and_come_at_an_even_pace() -> None:
    items = [STREAM.item(number) for number in range(300)]
    assert len({item.key for item in items}) == len({item.canonical for item in items}) == len(items)
    dates = [item.published.at or STREAM.start for item in items]
    assert {after - before for before, after in pairwise(dates)} == {STREAM.spacing}


def test_every_item_comes_from_a_listed_source() -> None:
    listed = {source.url for source in stream.sources()}
    assert {STREAM.item(number).source for number in range(300)} <= listed


def test_the_vocabulary_is_as_large_as_it_says() -> None:
    assert len(set(stream.vocabulary())) == stream.WORDS >= 50_000


def test_titles_and_texts_are_as_long_as_those_of_news() -> None:
    texts = [len(" ".join(draft.sentences).split()) for draft in DRAFTS.values()]
    titles = [len(draft.title.split()) for draft in DRAFTS.values()]
    assert 80 <= median(texts) <= 180
    assert max(texts) > 400
    assert (min(titles), max(titles)) == stream.TITLE_WORDS


def test_a_few_words_are_frequent_and_most_are_rare() -> None:
    counts = Counter(word for draft in DRAFTS.values() for sentence in draft.sentences for word in sentence.split())
    top = sum(count for _, count in counts.most_common(100))
    assert 0.3 <= top / counts.total() <= 0.7
    assert len(counts) > 10_000


def test_some_items_are_routine_and_some_of_the_others_copies() -> None:
    told: set[str] = set()
    routine = copies = 0
    for draft in DRAFTS.values():
        own = {sentence for sentence in draft.sentences if sentence not in STOCK}
        if any(ROUTINE.search(sentence) for sentence in own):
            routine += 1
        elif told & own:
            copies += 1
        told |= own
    assert 0.15 <= routine / len(DRAFTS) <= 0.21
    assert 0.13 <= copies / len(DRAFTS) <= 0.20


def test_the_first_item_copies_nothing() -> None:
    assert all(Stream(str(seed), STREAM.start, STREAM.spacing).draft(0).sentences for seed in range(20))
