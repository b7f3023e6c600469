"""Which characters reach a feed, and what happens to text that looks like markup."""

import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec import Struct

from aggregator.model import Genre
from aggregator.publish.characters import printable, undecodable, uri

texts = st.text(st.sampled_from("<>&;#x/!?b lt3é'\"") | st.characters())


class Part(Struct, frozen=True):
    name: str
    size: int | None = None
    genre: Genre = Genre.VIDEO


class Markup(HTMLParser):
    """Counts what a browser would take for markup."""

    found = 0

    def handle_starttag(self, tag, attrs):
        self.found += 1

    def handle_endtag(self, tag):
        self.found += 1

    handle_comment = handle_decl = handle_pi = unknown_decl = lambda self, text: setattr(self, "found", 1)


@given(texts)
def test_what_is_printable_can_stand_in_xml_and_loses_nothing_else(text):
    element = etree.Element("title")
    element.text = printable(text)
    assert etree.fromstring(etree.tostring(element)).text in (printable(text), None)
    assert printable(text) == "".join(map(printable, text))


@pytest.mark.parametrize(
    "bad",
    ["\x00", "\x08", "\x0b", "\x1f", "\x7f", "\x85", "\ud800", "\udfff", "\ufdd0", "\ufffe", "\uffff", "\U0010ffff"],
)
def test_a_character_that_xml_or_html_forbids_costs_only_itself(bad):
    assert printable(f"a{bad}b") == "ab"


@pytest.mark.parametrize("good", ["\t", "\n", "\r", "\xa0", "\u202e", "\ue000", "\ufffc", "\U0001f600", "\U0010fffd"])
def test_every_other_character_stays(good):
    assert printable(good) == good


def test_a_character_that_was_lost_before_it_came_to_us_becomes_a_question_mark():
    assert printable("Besan\ufffdon") == "Besan?on"


def test_bad_characters_are_removed_however_deep_they_stand():
    value = (Part("a\x00"), {"b": Part("\x01b", 3)}, None, 4)
    assert printable(value) == (Part("a"), {"b": Part("b", 3)}, None, 4)


def test_an_enumeration_stays_what_it_is():
    assert printable(Part("a")).genre is Genre.VIDEO


@given(texts)
def test_undecodable_text_stays_the_same_however_often_it_is_decoded(text):
    assert html.unescape(undecodable(text)) == undecodable(text)


@given(texts)
def test_undecodable_text_holds_no_markup(text):
    parser = Markup()
    parser.feed(undecodable(text))
    parser.close()
    assert parser.found == 0


@given(texts)
def test_undecodable_text_differs_by_spaces_alone(text):
    assert re.sub(" ", "", undecodable(text)) == re.sub(" ", "", text)


@pytest.mark.parametrize(
    "text", ["R&D", "AT&T", "Q&A : 5 < 6 > 4", "a & b", "&", "« É » “x” ’", "x &inconnu; y", "à&côté"]
)
def test_text_that_nobody_can_take_for_markup_is_left_alone(text):
    assert undecodable(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("la balise <b>", "la balise < b>"),
        ("les moins de <5 ans", "les moins de < 5 ans"),
        ("<", "< "),
        ("<\u00a0b>", "< \u00a0b>"),
        ("littéral &lt;b&gt;", "littéral & lt;b& gt;"),
        ("&copy2026", "& copy2026"),
        ("1&1=2", "1& 1=2"),
        ("&#60;script&#x3e;", "& #60;script& #x3e;"),
        ("<![CDATA[x]]>", "< ![CDATA[x]]>"),
        ("<!-- x -->", "< !-- x -->"),
    ],
)
def test_text_that_looks_like_markup_is_kept_apart_by_a_space(text, expected):
    assert undecodable(text) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://a.example/b?c=%C3%A9&d#e", "https://a.example/b?c=%C3%A9&d#e"),
        ("https://été.example:8080/é?a=é", "https://xn--t-9fab.example:8080/%C3%A9?a=%C3%A9"),
        ("https://a.example/[1]|b", "https://a.example/%5B1%5D%7Cb"),
        ("https://[::1]/é", "https://[::1]/%C3%A9"),
        ("https://ü@-é-/", "https://%C3%BC@-%C3%A9-/"),
        ("", ""),
    ],
)
def test_an_address_is_written_as_a_uri(address, expected):
    assert uri(address) == expected
    assert uri(expected) == expected
