"""Whole texts of sources within a page: valid, and nothing lost. `tests/clients/test_validity.py` asks a checker."""

import unicodedata
from collections import Counter

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.clean.html import sanitise, with_pictures
from tests.every_page import TEXT
from web.texts import fitted
from web.words import web_link

TAGS = (
    "a b blockquote caption dd details dfn div dl dt em figcaption figure h2 h3 h4 hr i img ins li ol p pre q small span "
    "summary table tbody td tfoot th thead time tr u ul"
).split()
PIECES = st.lists(
    st.sampled_from(
        [
            *(f"<{tag}>" for tag in TAGS),
            *(f"</{tag}>" for tag in TAGS),
            *(
                "mot ",
                " ",
                "é&amp;&lt;b> ",
                '<a href="/x">',
                '<img src="/a.jpg" alt="pont">',
                "<td colspan=2>",
                "<td rowspan=3>",
            ),
        ]
    ),
    max_size=30,
)


def shown(markup: str) -> str:
    """What a page shows of what a source wrote."""
    return with_pictures(fitted(sanitise(markup, "https://x.example/")), web_link)


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>un</p>", "<p>un</p>"),
        ("<li>seul</li>", "<div>seul</div>"),
        ("<dl><p>p</p><dd>d</dd></dl>", "<div><p>p</p><div>d</div></div>"),
        ("<dl><dt>t</dt><dt>u</dt><dd>d</dd><dt>v</dt><dd>e</dd></dl>", None),
        ("<ul><li>a</li><ul><li>b</li></ul></ul>", "<ul><li>a<ul><li>b</li></ul></li></ul>"),
        ("<ul>x<p>y</p><li>z</li>fin</ul>", "<ul><li>x<p>y</p></li><li>zfin</li></ul>"),
        ("<em><ul><li>x</li></ul></em>", "<ul><li>x</li></ul>"),
        ("<p>a <em>b <strong>c</strong></em></p>", None),
        ("<h4>a</h4><p>b</p><h4>c</h4><h2>d</h2><h4>e</h4>", "<h2>a</h2><p>b</p><h3>c</h3><h2>d</h2><h3>e</h3>"),
        ("<figure>a<figcaption>b</figcaption>c</figure>", "<figure>a<div>b</div>c</figure>"),
        ("<figure><p>a</p><figcaption>b</figcaption></figure>", None),
        ("<details><p>a</p><summary>b</summary></details>", "<div><p>a</p><div>b</div></div>"),
        ("<details><summary>a</summary>b</details>", None),
        ("<time datetime='hier'>a</time>", "a"),
        ("<time datetime='2026-02-11T12:00:00+01:00'>a</time>", None),
        ("<p lang='fr-FR'>a</p><p lang='x y' dir=up>b</p>", '<p lang="fr">a</p><p>b</p>'),
        ("<ol start='x'><li value='2'>a</li></ol><ul><li value='2'>b</li></ul>", '<ol><li value="2">a</li></ol><ul><li>b</li></ul>'),
        (
            "<table><tr><td colspan='0'>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
            "<table><tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td><td></td></tr></tbody></table>",
        ),
        (
            "<table><tr><td rowspan=2>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
            '<table><tbody><tr><td rowspan="2">a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>',
        ),
        (
            "<table><caption>a</caption><tr><td>b</td></tr><caption>c<img src='/p.jpg'></caption></table>",
            '<table><caption>a c<img src="https://x.example/p.jpg" alt=""></caption><tbody><tr><td>b</td></tr></tbody></table>',
        ),
        (
            "<table><caption>a<table><tr><td>b</td></tr></table></caption><tr><td>c</td></tr></table>",
            "<table><caption>a<div><div><div><div>b</div></div></div></div></caption><tbody><tr><td>c</td></tr></tbody></table>",
        ),
        ("<a href='/gros.jpg'><img src='/p.jpg'></a>", '<img src="https://x.example/p.jpg" alt="">'),
        ("<a href='/gros.jpg'><img src='/p.jpg' alt='Le pont'></a>", None),
    ],
)  # fmt: skip
def test_what_may_not_stand_there_becomes_what_may(markup: str, expected: str | None) -> None:
    assert shown(markup) == (sanitise(markup, "https://x.example/") if expected is None else expected)


def test_a_sound_text_stays_as_it_is() -> None:
    text = sanitise(TEXT, "https://x.example/")
    assert shown(TEXT) == text.replace("<h4>Plus petit</h4>", "<h3>Plus petit</h3>")


@given(PIECES)
def test_no_text_and_no_picture_is_lost(pieces: list[str]) -> None:
    text = sanitise("".join(pieces), "https://x.example/")
    before, after = (lxml.html.fragment_fromstring(each, create_parent="div") for each in (text, shown(text)))
    # A table's head and foot go where they belong, so what is compared is what there is and not its order.
    assert letters(after) == letters(before)
    assert len(after.findall(".//img")) == len(before.findall(".//img"))


@given(PIECES)
def test_what_was_fitted_stays_as_it_is(pieces: list[str]) -> None:
    once = shown("".join(pieces))
    assert with_pictures(fitted(once), web_link) == once


@given(st.text(max_size=40), PIECES)
def test_no_markup_comes_of_text(text: str, pieces: list[str]) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    found = lxml.html.fragment_fromstring(shown("".join([*pieces, "<p>", escaped, "</p>"])), create_parent="div")
    assert {each.tag for each in found.iter()} <= {*TAGS, "div", "br", "wbr"}
    assert {name for each in found.iter() for name in each.attrib} <= {
        "href",
        "rel",
        "src",
        "alt",
        "colspan",
        "rowspan",
    }


def letters(root: lxml.html.HtmlElement) -> Counter[str]:
    return Counter("".join(unicodedata.normalize("NFC", root.text_content()).split()))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/?news[id]=3&b=[x]#y[0]", "https://a.example/?news%5Bid%5D=3&b=%5Bx%5D#y%5B0%5D"),
        ("https://[2001:db8::1]/a[0]", "https://[2001:db8::1]/a%5B0%5D"),
        ("HTTP://a.example/?x=1", "HTTP://a.example/?x=1"),
        ("javascript:alert([1])", ""),
        ("//a.example/", ""),
    ],
)
def test_a_link_is_one_of_the_web_without_brackets_where_none_may_stand(url: str, expected: str) -> None:
    assert web_link(url) == expected
