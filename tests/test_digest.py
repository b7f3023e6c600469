"""From a body to items that are ready to be decided on."""

from pathlib import Path

import pytest

from aggregator.classify import taxonomy
from aggregator.clean import clean
from aggregator.digest import digest
from aggregator.errors import ParseError
from aggregator.model import Entry, Item, Source, SourceKind
from aggregator.reading import read

URL = "https://outlet.example/feed"
XML = {"content-type": "application/rss+xml; charset=utf-8"}


def rss(*items: str) -> bytes:
    return f'<rss version="2.0"><channel><title>Journal</title>{"".join(items)}</channel></rss>'.encode()


def item(title: str, *more: str) -> str:
    return f"<item><title>{title}</title><link>https://outlet.example/{title}</link>{''.join(more)}</item>"


def test_a_feed_becomes_items_with_keys_categories_and_the_words_to_search_by() -> None:
    body = rss(item("Viaduc", "<guid>g1</guid>"), item("Foire", "<guid>g1</guid>"))
    found = digest(Source(URL, categories=("economie",)), body, URL, XML, "")
    assert found.feed.title == "Journal" and found.feed.entries == ()
    assert [each.title for each in found.items] == ["Viaduc", "Foire"]
    assert len({each.key for each in found.items}) == 2  # though the guid comes twice
    assert {each.source for each in found.items} == {URL}
    assert [category.slug for each in found.items for category in each.categories] == ["economie", "economie"]
    assert "viaduc" in found.words[0][0] and len(found.words) == 2
    assert found.skipped == ()


def test_who_has_a_body_read_gets_what_digest_gives() -> None:
    body = rss(item("Viaduc"), item("Foire"))
    assert read(Source(URL), body, URL, XML, "") == digest(Source(URL), body, URL, XML, "")


def test_an_entry_that_cannot_be_read_is_skipped_with_a_reason_and_the_others_stay() -> None:
    found = digest(Source(URL), rss(item("Viaduc"), "<item></item>"), URL, XML, "")
    assert [each.title for each in found.items] == ["Viaduc"]
    (reason,) = found.skipped
    assert reason


def test_a_page_is_read_by_the_selectors_of_its_source() -> None:
    source = Source(URL, kind=SourceKind.PAGE, selectors={"item": "li", "title": "a", "link": "a"})
    body = b'<html><body><ul><li><a href="/1">Le pont</a></li><li><a href="/2">La foire</a></li></ul></body></html>'
    found = digest(source, body, URL, {"content-type": "text/html; charset=utf-8"}, "")
    assert [(each.title, each.link) for each in found.items] == [
        ("Le pont", "https://outlet.example/1"),
        ("La foire", "https://outlet.example/2"),
    ]


def test_what_is_no_feed_is_an_error() -> None:
    with pytest.raises(ParseError):
        digest(Source(URL), b"<!doctype html><title>Accueil</title>", URL, {}, "")


def test_the_categories_may_come_from_a_table_of_the_operator(tmp_path: Path) -> None:
    table = Path(taxonomy.__file__).with_name("categories.tsv").read_text(encoding="utf-8")
    own = tmp_path / "own.tsv"
    own.write_text(table.replace("economie", "argent"), encoding="utf-8")
    found = digest(Source(URL, categories=("argent",)), rss(item("Viaduc")), URL, XML, str(own))
    assert [category.slug for category in found.items[0].categories] == ["argent"]


def test_a_fault_of_ours_in_one_entry_costs_that_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """No entry is known on which cleaning fails, so it is made to fail here."""

    def clean_badly(entry: Entry, *rest: object) -> Item:
        if entry.title == "Foire":
            raise OverflowError("date value out of range")
        return clean(entry, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("aggregator.digest.clean", clean_badly)
    found = digest(Source(URL), rss(item("Viaduc"), item("Foire"), item("Marché")), URL, XML, "")
    assert [each.title for each in found.items] == ["Viaduc", "Marché"]
    assert found.skipped == ("entry 2: OverflowError: date value out of range",)


def test_what_a_feed_says_of_itself_is_plain_text_too() -> None:
    body = (
        '<rss version="2.0"><channel><title>L&amp;#039;Est \u202e&lt;b&gt;matin&lt;/b&gt;</title>'
        "<link>https://outlet.example/</link><copyright>© &lt;i&gt;L&amp;#039;Est&lt;/i&gt;</copyright>"
        "<item><title>Un</title><guid>1</guid></item></channel></rss>"
    ).encode()
    feed = digest(Source(URL), body, URL, XML, "").feed
    assert (feed.title, feed.rights, feed.entries) == ("L'Est matin", "© L'Est", ())
