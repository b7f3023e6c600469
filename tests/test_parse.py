"""What holds for every document; single behaviours stand in tests/corpus."""

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.errors import ParseError
from aggregator.model import ParsedFeed
from aggregator.parse import parse
from aggregator.parse.feed import NO_MEDIA, Reader
from aggregator.parse.media import media_of

URL = "https://source.example/feed"
NAMESPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
)
DOCUMENTS = [path.read_bytes() for path in (Path(__file__).parent / "corpus").iterdir() if path.suffix != ".expect"]
FRAGMENTS = [
    *(b"<", b">", b"&", b'"', b"'", b"\0", b"\xff", b"<!--", b"-->", b"<?", b"?>", b"<![CDATA[", b"]]>", b"</", b"{"),
    *(b"<item>", b"</item>", b"<entry>", b"<source>", b"</source>", b"<link>", b"<image>", b"<content>", b"<svg>"),
    *(b"&#xFFFFFFF;", b"&#0;", b"<media:credit>", b"<gml:pos>1</gml:pos>", b"<title mode='base64' type='xhtml'>"),
]


def rss(items: str, prolog: str = "") -> bytes:
    return f'{prolog}<rss version="2.0" {NAMESPACES}><channel><title>x</title>{items}</channel></rss>'.encode()


def item(inside: str) -> bytes:
    return rss(f"<item><title>t</title>{inside}</item>")


COSTLY = {
    "10,000 categories": item("".join(f"<category>c{n}</category>" for n in range(10_000))),
    "10,000 categories without text": item("".join(f'<category term="{n}"/>' for n in range(10_000))),
    "5,000 pictures": item("<media:content url='x.jpg'/>" * 5_000),
    "an author of 200 kB": item(f"<author>{'a' * 200_000}</author>"),
    "an author of 200 kB in CDATA": item(f"<dc:creator><![CDATA[{'a<' * 100_000}]]></dc:creator>"),
    "200 kB of keywords": item(f"<itunes:keywords>{','.join(map(str, range(40_000)))}</itunes:keywords>"),
    "20,000 attributes": item("<x {} />".format(" ".join(f'a{n}="1"' for n in range(20_000)))),
    "20,000 attributes of an open element": item("<x {}></x>".format(" ".join(f'a{n}="1"' for n in range(20_000)))),
    "open CDATA": item("<![CDATA[" * 30_000),
    "open comments": item("<!--" * 60_000),
    "open instructions": item("<?" * 60_000),
    "one entity many times": rss(
        f"<item><title>{'&a;' * 50_000}</title></item>", f'<!DOCTYPE rss [<!ENTITY a "{"x" * 50_000}">]>'
    ),
    "a subset that never ends": rss("<item><title>t</title></item>", f"<!DOCTYPE x [{'] ' * 100_000}"),
    "HTML in HTML": b"<html><title>" * 50_000,
}


@pytest.mark.parametrize("body", COSTLY.values(), ids=COSTLY)
def test_no_document_of_some_100_kilobytes_costs_more_than_two_seconds(body: bytes) -> None:
    started = time.process_time()
    with suppress(ParseError):
        parse(body, URL, {})
    assert time.process_time() - started < 2.0


def test_an_entry_keeps_its_first_hundred_tags_and_the_next_entry_its_own() -> None:
    many = "".join(f"<category>c{n}</category><category term='d{n}'/>" for n in range(60))
    feed = parse(rss(f"<item><title>a</title>{many}<link>/a</link></item><item><category>z</category></item>"), URL, {})
    assert feed.entries[0].tags[-1] == "d49"
    assert feed.entries[0].link == "https://source.example/a"
    assert feed.flaw == "an entry has more than 100 tags"
    feed = parse(
        rss(f"<item><title>a</title>{many}</item><item><title>b</title><category>z</category></item>"), URL, {}
    )
    assert feed.entries[1].tags == ("z",)


def test_a_long_author_is_cut_and_what_follows_is_not() -> None:
    feed = parse(item(f"<author>{'a' * 5000}</author><description>{'b' * 5000}</description>"), URL, {})
    assert len(feed.entries[0].author) == 300
    assert len(feed.entries[0].summary) == 5000


def test_an_element_of_too_many_attributes_loses_them_and_its_text_stays() -> None:
    attributes = " ".join(f'a{n}="xxxxx"' for n in range(200))
    feed = parse(rss(f"<item><title {attributes}>t</title></item>"), URL, {})
    assert feed.entries[0].title == "t"
    assert feed.flaw == "an element has more than 100 attributes"


def test_a_long_element_of_few_attributes_keeps_them() -> None:
    feed = parse(item(f'<enclosure type="image/png" url="https://source.example/{"a" * 2000}.png"/>'), URL, {})
    assert len(feed.entries[0].images[0].url) > 2000


def test_media_too_deep_to_be_read_costs_itself_only() -> None:
    body = item("<media:group>" * 5000 + "<media:content url='x.jpg'/>" + "</media:group>" * 5000)
    assert parse(body, URL, {}).entries[0].title == "t"


@pytest.mark.parametrize("text", ["", "no XML", f"<{'a' * 60_000}:rss/>"])
def test_what_is_no_xml_at_all_has_no_media(text: str) -> None:
    assert media_of(text, URL) == ()


def test_an_entry_that_cannot_be_mapped_costs_itself_only() -> None:
    nodes = [{"id": "a"}, {"id": "b", "where": {"type": "Point"}}, {"id": "c"}]
    entries, skipped = Reader(URL, "Europe/Paris", "rss20").entries(nodes, [NO_MEDIA] * 3)
    assert [entry.guid for entry in entries] == ["a", "c"]
    assert skipped == ("entry 2: TypeError: 'NoneType' object is not subscriptable",)


def test_reading_never_depends_on_the_clock_or_on_what_was_read_before() -> None:
    for body in (rss("<item><title>a</title><pubDate>11/02 à 8h</pubDate></item>"), item("<author>x</author>")):
        assert parse(body, URL, {}) == parse(body, URL, {})


def read(body: bytes) -> ParsedFeed | None:
    """The feed; None where it is refused. Nothing else may be raised."""
    try:
        return parse(body, URL, {"content-type": "text/xml; charset=utf-8"})
    except ParseError as error:
        assert error.message.startswith("while ")
        assert error.source_url == URL
        return None


@given(st.binary(max_size=200))
def test_any_bytes_are_a_feed_or_refused(body: bytes) -> None:
    read(body)


@st.composite
def broken_documents(draw: st.DrawFn) -> bytes:
    """A document of the corpus with pieces put in, taken out, or cut off."""
    body = draw(st.sampled_from(DOCUMENTS))
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(body)))
        length = draw(st.integers(0, 80))
        body = body[:start] + draw(st.sampled_from([b"", *FRAGMENTS])) + body[start + length :]
    return body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body


@given(broken_documents())
@settings(max_examples=200)
def test_any_broken_document_is_a_feed_or_refused_and_its_values_are_sane(body: bytes) -> None:
    feed = read(body)
    for entry in feed.entries if feed else ():
        assert entry.guid or entry.link or entry.title or entry.summary or entry.content
        urls = [entry.link, *(each.url for each in (*entry.images, *entry.enclosures))]
        assert all(url.lower().startswith(("http://", "https://")) for url in urls if url)
        assert "\\x00" not in repr(entry)


@given(st.integers(1, 6), st.data())
def test_a_feed_that_is_cut_anywhere_keeps_every_entry_before_the_cut(count: int, data: st.DataObject) -> None:
    items = [f"<item><guid isPermaLink='false'>{n}</guid><title>é &amp; {n}</title></item>" for n in range(count)]
    whole = rss("".join(items))
    ends = [whole.index(each.encode()) + len(each.encode()) for each in items]
    cut = data.draw(st.integers(ends[0], len(whole)))
    feed = parse(whole[:cut], URL, {})
    assert [entry.guid for entry in feed.entries] == [str(n) for n, end in enumerate(ends) if end <= cut]
    assert bool(feed.flaw) == (cut < len(whole))


def test_no_address_and_no_id_of_a_feed_is_longer_than_a_state_can_bear() -> None:
    long = "l" * 10**6
    body = (
        f'<feed xmlns="http://www.w3.org/2005/Atom"><title>{long}</title><id>urn:{long}</id>'
        f'<link href="https://x.example/{long}"/><rights>{long}</rights>'
        f'<entry><id>urn:1</id><title>x</title><link href="https://x.example/{long}"/></entry></feed>'
    )
    feed = parse(body.encode(), "https://x.example/", {})
    assert len(feed.entries) == 1
    assert len(repr(feed)) < 10_000


def test_a_tag_whose_quote_is_never_closed_costs_no_entry() -> None:
    feed = parse(rss('<item><title>Un</title><guid isPermaLink="false>g1</guid></item>'), URL, {})
    assert [(entry.title, entry.guid) for entry in feed.entries] == [("Un", "g1")] and feed.flaw
