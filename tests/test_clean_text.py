"""Titles, leads and texts as plain text."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.clean.characters import scrub
from aggregator.clean.text import (
    LEAD_LIMIT_CHARS,
    at_word,
    first_sentence,
    lead,
    plain,
    shortened,
    trimmed,
    without_title,
)

pieces = st.sampled_from(
    [
        *(
            "<",
            ">",
            "&",
            ";",
            "#",
            "x",
            "!",
            "-",
            "/",
            " ",
            "a",
            "b",
            "1",
            "amp;",
            "lt;",
            "gt;",
            "&lt;",
            "&amp;",
            "&#38;",
        ),
        *(
            "<b>",
            "<p>",
            "</p>",
            "<!--",
            "-->",
            "<script>",
            "</script>",
            "&#60;",
            "\u0338",
            "\u037e",
            "\xa0",
            "&eacute;",
        ),
        *(
            "\u200d",
            "\u200b",
            "\r",
            "\x85",
            "\x92",
            "\ud800",
            "]]>",
            "<![CDATA[",
            "\n",
            "e\u0301",
            "😀",
            "\u202e",
            "&#x202e;",
        ),
        *(
            "[…]",
            "[...]",
            " Lire la suite",
            ". ",
            "The post a appeared first on b.",
            "»",
            "&#0;",
            "&#1114112;",
            "&inconnu;",
        ),
    ]
)
nasty = st.one_of(st.text(), st.lists(pieces, max_size=20).map("".join))


@pytest.mark.parametrize(
    ("published", "read"),
    [
        ("L&#039;été", "L'été"),
        ("&amp;eacute;t&amp;eacute;", "été"),
        ("&amp;amp;amp;eacute;", "é"),
        ("AT&amp;T", "AT&T"),
        ("AT&T et R&D", "AT&T et R&D"),
        ("&inconnu; &#0;&#1114112;x", "&inconnu; x"),
        ("1 &lt; 2", "1 < 2"),
        ("a < b > c", "a < b > c"),
        ("Prix <entre 5 et 10>", "Prix <entre 5 et 10>"),
        ("<b>S</b>port <em>x</em>", "Sport x"),
        ("<p>a</p><p>b</p>c<br/>d", "a b c d"),
        ("a<!-- b -->c<script>d()</script>e<style>f", "a c e"),
        ("<![CDATA[a]]>", "a"),
        ("&lt;b&gt;a&lt;/b&gt;", "a"),
        ("  a \n\t b  ", "a b"),
        ("\xa0Ici\xa0: 5\u202f% !\xa0", "Ici\xa0: 5\u202f% !"),
        ("&nbsp;a&nbsp;!", "a\xa0!"),
        ("e\u0301te\u0301", "été"),
        ("a\u200bb\u202ec\ufeffd\x00e\x07f\u00adg", "abcdefg"),
        ("a\x92b\x81c", "a’bc"),
        ("a\ud800b", "ab"),
        ("a\u2028b\x85c\rd", "a b c d"),
        ("un\u200dmot, 👩\u200d🚒", "unmot, 👩\u200d🚒"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ('”Le Doubs investit” « ici » "là" l’ AdCF', '”Le Doubs investit” « ici » "là" l’ AdCF'),
        ("", ""),
    ],
)
def test_markup_becomes_the_text_that_was_meant(published: str, read: str) -> None:
    assert plain(published) == read


def test_text_that_was_escaped_without_end_is_still_text() -> None:
    start, entity, end = "a", "&#60;", "b"
    for _ in range(20):  # a digit of the entity is escaped again and again
        start, entity, end = start + "&#", f"&#{ord(entity[2])};", entity[3:] + end
    once = plain(start + entity + end)
    assert once.startswith("a")
    assert "&" not in once
    assert plain(once) == once


@pytest.mark.parametrize(
    "piece",
    ["<", "<script ", "<script>", "&", "&amp;", "&amp;lt;", "<!--", "<a ", " ", "a\xa0\xa0", "</", "<p\n", "<style>x"],
)
def test_hostile_text_costs_little(piece: str) -> None:
    started = time.process_time()
    trimmed(plain(piece * (200_000 // len(piece))))
    assert time.process_time() - started < 1  # seconds; 0.1 measured at most


@pytest.mark.parametrize(
    ("published", "kept"),
    [
        ("Une phrase. […]", "Une phrase."),
        ("Une phrase. [...]", "Une phrase."),
        ("Une phrase. (…)", "Une phrase."),
        ("Des travaux, puis des […]", "Des travaux, puis des…"),
        ("Des travaux, […]", "Des travaux…"),
        ("Une phrase. Lire la suite", "Une phrase."),
        ("Une phrase. Lire la suite de « Titre » →", "Une phrase."),
        ("Une phrase… Lire l’article", "Une phrase…"),
        ("A sentence. [...] Continue reading Title", "A sentence."),
        ("Une phrase. L’article Un titre est apparu en premier sur Le Journal.", "Une phrase."),
        ("Une phrase. Cet article Un titre est apparu en premier sur Le Journal", "Une phrase."),
        ("A sentence. The post A & B appeared first on The Paper.", "A sentence."),
        ("Une phrase. […] L’article X est apparu en premier sur Y.", "Une phrase."),
        ("Ein Satz. Der Beitrag X erschien zuerst auf Y.", "Ein Satz."),
        ("L’article X est apparu en premier sur Y.", ""),
        ("[…]", ""),
        ("Il faut lire la suite", "Il faut lire la suite"),
        ("On peut lire la suite demain. Puis il plut.", "On peut lire la suite demain. Puis il plut."),
        ("Un silence…", "Un silence…"),
        ("Le texte […] coupé au milieu.", "Le texte […] coupé au milieu."),
    ],
)
def test_what_a_system_appended_is_dropped(published: str, kept: str) -> None:
    assert trimmed(published) == kept


def test_a_summary_is_the_lead_and_the_content_stands_in_for_it() -> None:
    assert lead("Le chapeau.", "Le texte.", "Titre") == "Le chapeau."
    assert lead("", "Le texte.", "Titre") == "Le texte."
    assert lead("Titre", "Le texte.", "Titre") == "Le texte."
    assert lead("", "", "Titre") == ""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Un pont ferme Les travaux durent.", "Les travaux durent."),
        ("Un pont ferme : Les travaux durent.", "Les travaux durent."),
        ("Un pont ferme.", ""),
        ("Un pont ferme à Dole.", "Un pont ferme à Dole."),
        ("Un pont fermera.", "Un pont fermera."),
        ("Autre chose.", "Autre chose."),
    ],
)
def test_a_lead_that_repeats_the_title_stays_readable(text: str, kept: str) -> None:
    assert without_title(text, "Un pont ferme") == kept
    assert without_title(text, "") == text


def test_a_long_lead_ends_with_a_sentence() -> None:
    text = "Une première phrase assez longue pour compter. " * 20
    short = shortened(text, LEAD_LIMIT_CHARS)
    assert short.endswith("compter.")
    assert LEAD_LIMIT_CHARS // 2 < len(short) <= LEAD_LIMIT_CHARS


def test_one_endless_sentence_is_cut_at_a_word() -> None:
    short = shortened("mot, " * 300, LEAD_LIMIT_CHARS)
    assert short.endswith("mot…")
    assert len(short) <= LEAD_LIMIT_CHARS
    assert at_word("x" * 50, 10) == "xxxxxxxxx…"
    assert at_word("court", 10) == "court"


def test_an_abbreviation_ends_no_sentence() -> None:
    assert (
        first_sentence("Selon Mme. Vuillemin, tout va bien. La suite demain.", 100)
        == "Selon Mme. Vuillemin, tout va bien."
    )
    assert first_sentence("Ça alors ! Vraiment.", 100) == "Ça alors !"
    assert first_sentence("« Tout va bien. » Elle rit.", 100) == "« Tout va bien. »"
    assert first_sentence("Sans fin ni point", 10) == "Sans fin…"


def test_text_without_hidden_characters_is_left_alone() -> None:
    assert scrub("Étés,\xa05\u202f%\nfin") == "Étés,\xa05\u202f%\nfin"
    assert scrub("a\r\nb\u200cc") == "a\nbc"


@settings(max_examples=600)
@given(nasty)
def test_plain_text_is_stable_and_can_be_stored(markup: str) -> None:
    text = plain(markup)
    assert plain(text) == text
    assert unicodedata.is_normalized("NFC", text)
    assert text == text.strip()
    text.encode()


@settings(max_examples=400)
@given(nasty)
def test_trimming_and_shortening_twice_change_nothing(markup: str) -> None:
    text = trimmed(plain(markup))
    assert trimmed(text) == text
    short = shortened(text * 40, 200)
    assert len(short) <= 200
    assert shortened(short, 200) == short
