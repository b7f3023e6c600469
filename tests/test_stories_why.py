"""Why two items belong together, in words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Evidence, Level, Link
from aggregator.stories.why import TEMPLATES, sentence, why


def link(level: Level, **evidence: Any) -> Link:
    return Link(("a", "1"), ("b", "2"), level, 0.9, Evidence(**evidence), "rule/1")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (link(Level.IDENTITY, link="https://a.example/1"), "Both lead to the same page, https://a.example/1."),
        (link(Level.TEXT, shared=0.834, words=120, quote="le conseil a voté"), "83% of the shorter text (120 words) stands in the other one too, for instance “le conseil a voté”."),
        (link(Level.TEXT, shared=1.0, words=12), "100% of the shorter text (12 words) stands in the other one too."),
        (link(Level.TEXT, titles=0.8), "The titles share 80% of their words, and nothing that the items tell speaks against it."),
        (link(Level.TEXT, titles=0.8, differing=("12",)), "The titles share 80% of their words."),
        (link(Level.EVENT, agreeing=("Levier", "12")), "They tell of the same event, each in its own words. Both name Levier, 12."),
        (link(Level.EVENT, shared=0.2), "They tell of the same event, each in its own words."),
    ],
)  # fmt: skip
def test_each_reason_is_a_sentence_that_an_editor_understands(reason: Link, said: str) -> None:
    assert sentence(reason) == said


def test_a_sentence_stays_short_however_much_is_shared() -> None:
    quote = " ".join(f"mot{number}" for number in range(300))
    assert sentence(link(Level.TEXT, shared=0.9, quote=quote)).endswith("mot19 …”.")
    names = tuple(f"Nom{number}" for number in range(40))
    assert sentence(link(Level.EVENT, agreeing=names)).endswith("Nom4, Nom5.")


@given(
    st.builds(
        Evidence, link=st.text(), shared=st.floats(0, 1), words=st.integers(0), quote=st.text(), titles=st.floats(0, 1),
        agreeing=st.lists(st.text()).map(tuple), differing=st.lists(st.text()).map(tuple),
    ),
    st.sampled_from(Level),
)  # fmt: skip
def test_every_link_has_a_sentence_whose_template_can_be_translated(evidence: Evidence, level: Level) -> None:
    reason = Link(("a", "1"), ("b", "2"), level, 0.5, evidence, "rule/1")
    template, values = why(reason)
    assert template in TEMPLATES
    assert template % values == sentence(reason)
