"""Pages of sites without a feed."""

import resource
from datetime import UTC, datetime

import pytest

from aggregator.errors import ErrorClass, ParseError
from aggregator.model import Date, Image
from aggregator.parse import parse_page
from aggregator.parse.page import PAGE_LIMIT

URL = "https://mairie.example/actualites/"
SELECTORS = {"item": "article", "title": "h2", "link": "h2 a", "lead": "p", "date": ".date", "image": "figure"}
PAGE = """<!DOCTYPE html><html lang="fr"><head><title> Ornans –
 actualités </title></head><body>
<article><h2><a href="pont">Un pont &amp; <b>un</b> tunnel</a></h2><p>Un   résumé.</p>
<span class="date">Publié le 06/02/2026 - 16:10 / Mis à jour le 06/02/2026 - 17:03</span>
<figure><img data-src="/pont.jpg" src="data:image/gif;base64,R0" alt="Le pont"></figure></article>
<article><h2><a href="/loue">La Loue</a></h2><time class="date" datetime="2026-02-07">samedi</time>
<figure><img srcset="https://cdn.example/loue.webp 2x"></figure></article>
<article><h2><a href="pont">Un pont, encore</a></h2></article>
<article><h2>Sans lien</h2></article>
<article><h2><a href="/vide"> </a></h2></article>
<article><h2><a href="http://[">Mauvais lien</a></h2></article>
</body></html>"""


def refusal(body: bytes, selectors: dict[str, str]) -> ParseError:
    with pytest.raises(ParseError) as raised:
        parse_page(body, URL, {}, selectors)
    return raised.value


def test_each_part_is_read_by_its_selector() -> None:
    feed = parse_page(PAGE.encode(), URL, {}, SELECTORS)
    assert (feed.format, feed.title, feed.site, feed.language) == ("page", "Ornans – actualités", URL, "fr")
    first, second = feed.entries
    assert first.link == first.guid == "https://mairie.example/actualites/pont"
    assert (first.title, first.summary) == ("Un pont & un tunnel", "Un résumé.")
    assert first.published.at == datetime(2026, 2, 6, 15, 10, tzinfo=UTC)
    assert first.updated.at == datetime(2026, 2, 6, 16, 3, tzinfo=UTC)
    assert first.images == (Image("https://mairie.example/pont.jpg", "Le pont"),)
    assert second.published == Date("2026-02-07", datetime(2026, 2, 6, 23, tzinfo=UTC))
    assert second.images == (Image("https://cdn.example/loue.webp"),)
    assert (second.summary, second.updated) == ("", Date())


def test_what_has_no_link_or_no_title_is_skipped_and_a_link_counts_once() -> None:
    feed = parse_page(PAGE.encode(), URL, {}, SELECTORS)
    assert [entry.title for entry in feed.entries] == ["Un pont & un tunnel", "La Loue"]
    assert feed.skipped == ("entry 4: it has no link", "entry 5: it has no title", "entry 6: it has no link")


def test_without_other_selectors_the_first_link_gives_link_and_title() -> None:
    feed = parse_page(PAGE.encode(), URL, {}, {"item": "article"})
    assert [(entry.link, entry.title) for entry in feed.entries] == [
        ("https://mairie.example/actualites/pont", "Un pont & un tunnel"),
        ("https://mairie.example/loue", "La Loue"),
    ]
    assert feed.entries[0].published == Date()
    assert feed.entries[0].images == ()


def test_an_item_may_be_the_link_itself_and_its_date_a_meta_element() -> None:
    body = """<a class=x href=/a>A &lt;pont&gt;<meta content="2026-02-07T10:00:00Z"><i></i></a>"""
    feed = parse_page(body.encode(), URL, {}, {"item": "a.x", "date": "meta", "image": "i"})
    assert feed.entries[0].link == "https://mairie.example/a"
    assert feed.entries[0].title == "A &lt;pont&gt;"
    assert feed.entries[0].published.at == datetime(2026, 2, 7, 10, tzinfo=UTC)
    assert feed.entries[0].images == ()
    assert feed.title == ""


@pytest.mark.parametrize(
    ("base", "link"),
    [("/blog/", "https://mairie.example/blog/a"), ("http://[", "https://mairie.example/actualites/a")],
)
def test_the_base_of_the_page_moves_its_links(base: str, link: str) -> None:
    body = f"<html><head><base href='{base}'></head><body><article><a href=a>A</a></article></body></html>"
    assert parse_page(body.encode(), URL, {}, {"item": "article"}).entries[0].link == link


def test_a_page_may_declare_its_encoding_in_its_head_or_its_header() -> None:
    for encoding, headers in (("iso-8859-2", {}), ("utf-8", {"content-type": "text/html; charset=iso-8859-2"})):
        body = f"<html><head><meta charset={encoding}></head><article><a href=a>Łódź</a></article></html>"
        feed = parse_page(body.encode("iso-8859-2"), URL, headers, {"item": "article"})
        assert feed.entries[0].title == "Łódź"


def test_an_xml_declaration_does_no_harm() -> None:
    body = '<?xml version="1.0" encoding="utf-8"?><html><body><article><a href="a">é</a></article></body></html>'
    assert parse_page(body.encode(), URL, {}, {"item": "article"}).entries[0].title == "é"


def test_a_page_on_which_nothing_matches_is_refused_by_name() -> None:
    error = refusal(PAGE.encode(), {"item": "div.news"})
    assert error.error_class is ErrorClass.NOT_A_FEED
    assert error.message == "while parsing: nothing matches 'div.news' on the page titled 'Ornans – actualités'"


@pytest.mark.parametrize("selectors", [{}, {"item": "a:::b"}, {"item": "article", "title": "h2["}])
def test_a_selector_that_is_none_is_refused(selectors: dict[str, str]) -> None:
    error = refusal(PAGE.encode(), selectors)
    assert error.error_class is ErrorClass.NOT_A_FEED
    assert "selector" in error.message


@pytest.mark.parametrize(("body", "kind"), [(b"", ErrorClass.EMPTY), (b"\xff\xfeab", ErrorClass.ENCODING)])
def test_an_empty_or_unreadable_page_is_refused(body: bytes, kind: ErrorClass) -> None:
    assert refusal(body, SELECTORS).error_class is kind


def test_a_page_of_countless_elements_is_read_as_far_as_its_tree_has_room() -> None:
    body = PAGE.replace("</body></html>", "<p>x" * (PAGE_LIMIT // 4)).encode()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(parse_page(body, URL, {}, SELECTORS).entries) == 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # KiB; the whole tree takes 300,000
