"""Links: absolute, to show, to compare."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.clean.links import LINK_LIMIT_CHARS, absolute, canonical, display

pieces = st.sampled_from(
    [
        *("http://", "https://", "HTTP://", "//", "www.", "m.", "amp.", "x.fr", "é.fr", "cdn.ampproject.org", "/c/s/"),
        *("google.com", "/amp/s/", "/url", "?url=", "&q=", "%3A", "%2F", "/amp", "/amp/", ".amp", ".html", "index.php"),
        *(
            "/",
            "?",
            "&",
            "#",
            "#!",
            "utm_source=a",
            "id=3",
            "%",
            "%25",
            "%41",
            "%4",
            "1",
            ":80",
            ":",
            "[",
            "]",
            "@",
            " ",
        ),
        *(
            "\u202e",
            "\ud800",
            "é",
            "+",
            ";",
            "=",
            "l.facebook.com",
            "/l.php",
            "u=",
            "xtor=RSS-1",
            "%C3%A9",
            "\n",
            "'",
            '"',
        ),
    ]
)
links = st.one_of(
    st.text(),
    st.lists(pieces, max_size=12).map("".join),
    st.lists(pieces, max_size=12).map(lambda each: "https://" + "".join(each)),
)

SAME = [
    "https://journal.example/economie/usine",
    "http://journal.example/economie/usine",
    "HTTPS://WWW.Journal.Example/economie/usine",
    "http://journal.example:80/economie/usine",
    "https://journal.example:443/economie/usine/",
    "https://journal.example/economie//usine#comments",
    "https://journal.example/%65conomie/usine",
    "https://journal.example/economie/usine?utm_source=rss&utm_medium=feed",
    "https://journal.example/economie/usine?xtor=RSS-16&at_medium=RSS&fbclid=x&gclid=y&mc_cid=z&mc_eid=z&igshid=a&_ga=b",
    "https://journal.example/economie/usine?ref=rss&from=feed",
    "https://journal.example/economie/usine#xtor=RSS-1",
    "https://m.journal.example/economie/usine",
    "https://mobile.journal.example/economie/usine",
    "https://amp.journal.example/economie/usine",
    "https://journal.example/economie/usine/amp/",
    "https://journal.example/economie/usine/amp",
    "https://journal.example/amp/economie/usine",
    "https://journal.example/economie/usine?amp=1",
    "https://journal.example/economie/usine?amp",
    "https://journal.example/economie/usine.amp",
    "https://journal.example/economie/usine/index.html",
    "https://journal.example/economie/usine/index.php",
    "https://www.google.com/amp/s/www.journal.example/economie/usine",
    "https://journal-example.cdn.ampproject.org/c/s/journal.example/economie/usine",
    "https://www.google.fr/url?sa=t&url=https%3A%2F%2Fjournal.example%2Feconomie%2Fusine&usg=x",
    "https://www.google.fr/url?q=https://journal.example/economie/usine",
    "https://l.facebook.com/l.php?u=https%3A%2F%2Fjournal.example%2Feconomie%2Fusine%3Ffbclid%3Dx&h=y",
    "https://www.bing.com/news/apiclick.aspx?url=https%3a%2f%2fjournal.example%2feconomie%2fusine",
    "  https://reader:secret@journal.example./economie/usine\n",
]


@pytest.mark.parametrize("link", SAME)
def test_all_addresses_of_a_page_have_one_canonical_form(link: str) -> None:
    assert canonical(link) == SAME[0]


@pytest.mark.parametrize(
    ("link", "other"),
    [
        ("https://journal.example/?p=3", "https://journal.example/?p=4"),
        ("https://journal.example/article.php?id=3", "https://journal.example/article.php"),
        ("https://journal.example/a", "https://journal.example/A"),
        ("https://journal.example/a", "https://journal.example:8080/a"),
        ("https://journal.example/a", "https://autre.journal.example/a"),
        ("https://journal.example/#!/a", "https://journal.example/#!/b"),
        ("https://journal.example/ampere", "https://journal.example/ere"),
        ("https://journal.example/a?ref=dole", "https://journal.example/a?ref=gray"),
        ("https://journal.example/a%2Fb", "https://journal.example/a/b"),
        ("https://spip.example/spip.php?article12", "https://spip.example/spip.php?article13"),
        ("https://m.fr/a", "https://fr/a"),
        ("https://www.google.fr/url?x=1", "https://www.google.fr/url?x=2"),
    ],
)
def test_different_pages_have_different_canonical_forms(link: str, other: str) -> None:
    assert canonical(link) != canonical(other)


def test_parameters_that_tell_pages_apart_are_kept_in_order() -> None:
    assert (
        canonical("https://x.example/a?id=3&utm_source=rss&b=%c3%a9+d&a=") == "https://x.example/a?a=&b=%C3%A9%20d&id=3"
    )


def test_international_names_are_compared_in_punycode() -> None:
    assert canonical("https://www.médiathèque.example/été") == canonical(
        "https://xn--mdiathque-53af.example/%C3%A9t%C3%A9"
    )
    assert canonical("https://a_é.example/x").startswith("https://")  # no valid name: as it is


def test_literal_addresses_keep_their_brackets() -> None:
    assert canonical("http://[2001:db8::1]:8080/a") == "https://[2001:db8::1]:8080/a"


@pytest.mark.parametrize(
    "link",
    [
        *(
            "",
            "journal",
            "/a",
            "ftp://x.example/a",
            "javascript:alert(1)",
            "mailto:a@b.example",
            "tag:x.example,2026:1",
        ),
        *(
            "http://[x/",
            "http://x.example:99999/",
            "http://x.example:a/",
            "https://",
            "https:///a",
            "https://x.example/" + "a" * LINK_LIMIT_CHARS,
        ),
        "https://x.example/" + "é" * 1000,  # too long once it is encoded
    ],
)
def test_what_is_no_address_of_the_web_has_no_canonical_form(link: str) -> None:
    assert canonical(link) == ""


@pytest.mark.parametrize(
    ("link", "made"),
    [
        ("https://x.example/a", "https://x.example/a"),
        (" HTTP://X.example/A ", "HTTP://X.example/A"),
        ("//x.example/a", "https://x.example/a"),
        ("/a", "https://base.example/a"),
        ("b", "https://base.example/dir/b"),
        ('https://x.example/a b"<c>', "https://x.example/a%20b%22%3Cc%3E"),
        ("https://x.example/é", "https://x.example/é"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("http://[x", ""),
        ("//[x", ""),
        ("https://x.example:port/", ""),
    ],
)
def test_a_link_is_made_absolute(link: str, made: str) -> None:
    assert absolute(link, "https://base.example/dir/page") == made


def test_a_broken_base_makes_no_link() -> None:
    assert absolute("a", "http://[x") == ""
    assert absolute("a") == ""


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("HTTP://X.example/A/", "HTTP://X.example/A/"),
        ("https://x.example/a?utm_source=rss", "https://x.example/a"),
        ("https://x.example/a?b=2&utm_source=rss&a=1#top", "https://x.example/a?b=2&a=1#top"),
        ("https://x.example/a#xtor=RSS-1", "https://x.example/a"),
        ("https://x.example/a?utm%5Fsource=rss", "https://x.example/a"),
        ("https://x.example/a?source=rss&from=dole", "https://x.example/a?from=dole"),
    ],
)
def test_a_shown_link_is_as_published_without_tracking(link: str, shown: str) -> None:
    assert display(link) == shown


@settings(max_examples=400)
@given(links)
def test_canonical_is_stable_and_never_raises(link: str) -> None:
    once = canonical(link)
    assert canonical(once) == once
    assert once.isascii()
    assert once == "" or once.startswith("https://")


@settings(max_examples=200)
@given(links)
def test_what_is_shown_and_what_is_published_compare_as_one(link: str) -> None:
    published = absolute(link, "https://base.example/")
    assert absolute(published) == published
    assert display(display(published)) == display(published)
    assert canonical(display(published)) == canonical(published)
