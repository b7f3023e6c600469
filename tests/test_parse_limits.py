"""What of a document is too much: left out, and said so; all else is read."""

import ctypes
from html import escape

import pytest

from aggregator.digest import SKIPPED_LIMIT, digest
from aggregator.errors import ErrorClass, ParseError
from aggregator.memory import give_back
from aggregator.model import ParsedFeed, Source
from aggregator.parse import parse
from aggregator.parse.encoding import without_controls
from aggregator.parse.fast import read_plain
from aggregator.parse.feed import read_feed
from aggregator.parse.limits import (
    DEPTH_LIMIT,
    ELEMENTS_LIMIT,
    ENTRIES_LIMIT,
    ENTRY_MARKS_LIMIT,
    MARKS_LIMIT,
    PART_LIMIT,
    PIECES_LIMIT,
    SPARE_LIMIT,
    TOO_LONG,
    few_enough,
)
from aggregator.parse.plain import ATTRIBUTES_LIMIT
from aggregator.parse.repair import ATTRIBUTE_LIMIT, LINE_LIMIT, TEXT_LIMIT, VALUE_LIMIT, repair

URL = "https://outlet.example/feed"


def item(number: object, inner: str = "") -> str:
    return f"<item><title>Titre {number}</title><guid>g{number}</guid>{inner}</item>"


def rss(*parts: str) -> str:
    return f'<rss version="2.0"><channel><title>Le fil</title>{"".join(parts)}</channel></rss>'


def read(text: str) -> ParsedFeed:
    return parse(text.encode(), URL, {})


def titles(feed: ParsedFeed) -> list[str]:
    return [entry.title for entry in feed.entries]


# ── a document


def test_a_document_has_so_many_entries_and_says_so_where_it_has_more() -> None:
    feed = read(rss(*(item(number) for number in range(ENTRIES_LIMIT + 5))))
    assert len(feed.entries) == ENTRIES_LIMIT
    assert feed.flaw == TOO_LONG
    whole = read(rss(*(item(number) for number in range(ENTRIES_LIMIT))))
    assert (len(whole.entries), whole.flaw) == (ENTRIES_LIMIT, "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title>', "</feed>"),
        ('<a:feed xmlns:a="http://www.w3.org/2005/Atom">', "</a:feed>"),
    ],
)
def test_a_feed_of_atom_is_cut_after_a_whole_entry_too(before: str, after: str) -> None:
    prefix = "a:" if "a:feed" in before else ""
    entry = f"<{prefix}entry><{prefix}id>@</{prefix}id><{prefix}title>T</{prefix}title></{prefix}entry>"
    entries = "".join(entry.replace("@", str(number)) for number in range(ENTRIES_LIMIT + 5))
    feed = read(f"{before}{entries}{after}")
    assert len(feed.entries) == ENTRIES_LIMIT and TOO_LONG in feed.flaw


def test_markup_beyond_all_measure_ends_a_document_after_an_entry() -> None:
    many = item("x", "<b/>" * (ENTRY_MARKS_LIMIT - 1000))
    kept, flaw = few_enough(rss(item(1), *[many] * 20), "rss")
    assert kept.count("<") <= MARKS_LIMIT + 2
    assert kept.endswith("</item></channel></rss>") and flaw == TOO_LONG


def test_an_entry_of_too_much_markup_is_left_out_and_those_around_it_are_read() -> None:
    feed = read(rss(item(1), item("x", "<" * (ENTRY_MARKS_LIMIT + 1)), item(2)))
    assert (titles(feed), feed.flaw) == (["Titre 1", "Titre 2"], TOO_LONG)


def test_what_follows_an_entry_may_be_left_out_alone() -> None:
    feed = read(rss(item(1), item(2)) + "</rss>" * (ENTRY_MARKS_LIMIT + 1))
    assert titles(feed) == ["Titre 1", "Titre 2"]


def test_an_entry_that_never_ends_is_read_as_far_as_it_is_few_enough() -> None:
    feed = read(rss(item(1), "<item><title>Titre x</title>" + "<b/>" * (ENTRY_MARKS_LIMIT + 1)))
    assert titles(feed)[0] == "Titre 1"


def test_what_stands_before_the_entries_may_be_long_and_costs_them_nothing() -> None:
    feed = read(rss("<hour>9</hour>" * ENTRY_MARKS_LIMIT, item(1), item(2)))
    assert titles(feed) == ["Titre 1", "Titre 2"] and TOO_LONG in feed.flaw
    assert titles(read("<?x y?>" * ENTRY_MARKS_LIMIT + rss(item(1)))) == ["Titre 1"]


# ── a part of one


def test_an_entry_ends_at_its_last_element_that_is_read_and_the_next_one_is_whole() -> None:
    crowd = f"<a>{'<b>x</b>' * (PART_LIMIT + 1)}</a><description>Perdu</description>"
    feed = read(rss(item(1, crowd), item(2, "<description>Là</description>")))
    assert [entry.summary for entry in feed.entries] == ["", "Là"]
    assert feed.flaw == "an entry has too many elements, or too deep ones"


def test_elements_within_elements_end_at_some_depth() -> None:
    deep = "<a>" * (DEPTH_LIMIT + 1) + "x" + "</a>" * (DEPTH_LIMIT + 1)
    feed = read(rss(item(1, deep), item(2)))
    assert titles(feed) == ["Titre 1", "Titre 2"] and "too deep" in feed.flaw
    repaired = repair(rss(deep, item(1)), URL)
    assert repaired.text.count("<a>") == repaired.text.count("</a>") == DEPTH_LIMIT


def test_attributes_count_as_elements() -> None:
    unknown = "<x " + " ".join(f'a{number}="1"' for number in range(80)) + "/>"
    repaired = repair(rss(item(1, unknown * PART_LIMIT)), URL)
    assert repaired.text.count("<x ") < PART_LIMIT / 20


def test_where_a_document_has_had_its_share_each_entry_still_has_a_few_elements() -> None:
    crowd = "<b/>" * (PART_LIMIT - 10)
    entries = [item(number, crowd) for number in range(ELEMENTS_LIMIT // PART_LIMIT + 2)]
    feed = read(rss("<!-- x -->", *entries, item("last", "<b/>" * SPARE_LIMIT + "<link>https://a.example/</link>")))
    assert titles(feed)[-1] == "Titre last" and feed.entries[-1].link == ""


@pytest.mark.parametrize(
    "broken",
    [
        "<item><a><b></a></b></item>",
        "</item></a>",
        "<item/></channel>",
        "<a><b/></item>",
        "<item><title>Titre</b></i></item>",
        "<item><title>Titre<link>https://a.example/</link></item>",
        "<item><Title>Titre</title><description>Un <b>mot</description><guid>a</item>",
    ],
)
def test_elements_that_end_in_the_wrong_order_harm_nobody(broken: str) -> None:
    assert {"Titre 1", "Titre 2"} <= set(titles(read(rss(item(1), broken, item(2)))))


@pytest.mark.parametrize("parts", [[item(1, "<b/>" * PART_LIMIT)], [item(n, "<b/>" * 4000) for n in range(40)]])
def test_what_repair_would_leave_out_is_not_for_the_fast_reader(parts: list[str]) -> None:
    named = [part.replace("<b/>", '<o:b xmlns:o="https://outlet.example/ns">x</o:b>') for part in parts]
    assert read_plain(rss(*named), URL, "Europe/Paris") is None


def test_many_elements_in_many_entries_are_for_the_fast_reader() -> None:
    text = rss(*(item(number) for number in range(PART_LIMIT)))
    assert read_plain(text, URL, "Europe/Paris") == read_feed(text, URL, "Europe/Paris")


# ── texts and attributes


@pytest.mark.parametrize("name", ["title", "link", "guid", "dc:rights"])
def test_a_line_is_cut_before_it_is_read(name: str) -> None:
    text = rss(f'<item xmlns:dc="http://purl.org/dc/elements/1.1/"><{name}>{"x" * (LINE_LIMIT + 9)}</{name}></item>')
    assert text.count("x") - repair(text, URL).text.count("x") == 9
    assert read_plain(text, URL, "Europe/Paris") is None


@pytest.mark.parametrize("wrap", ["<![CDATA[{}]]>", "{}"])
def test_a_text_is_cut_to_what_is_ever_shown_of_one_without_the_pictures_that_it_holds(wrap: str) -> None:
    picture = f"<img src='data:image/png;base64,{'A' * TEXT_LIMIT}'>"
    text = f"<p>Avant</p>{picture}<p>Après</p>{'x' * TEXT_LIMIT}"
    inner = wrap.format(text if "CDATA" in wrap else escape(text))
    (entry,) = read(rss(f"<item><guid>1</guid><description>{inner}</description></item>")).entries
    assert entry.summary.startswith("<p>Avant</p><img src=''><p>Après</p>xx")
    assert len(entry.summary) == TEXT_LIMIT


def test_the_first_short_attributes_of_a_long_tag_are_kept() -> None:
    many = " ".join(f'a{number}="{number}"' for number in range(2 * ATTRIBUTE_LIMIT))
    repaired = repair(rss(item(1, f"<x {many}/>")), URL)
    assert f'a{ATTRIBUTE_LIMIT - 1}="' in repaired.text and f'a{ATTRIBUTE_LIMIT}="' not in repaired.text
    assert repaired.flaws == (f"an element has more than {ATTRIBUTE_LIMIT} attributes",)


def test_an_attribute_that_is_too_long_goes_alone() -> None:
    link = f"<enclosure url='https://outlet.example/a.mp3' title='{'x' * 3 * VALUE_LIMIT}' type='audio/mpeg'/>"
    feed = read(rss(item(1, link)))
    assert feed.entries[0].enclosures[0].type == "audio/mpeg"
    assert feed.flaw == "an element has attributes that are too long"


def test_a_long_tag_whose_attributes_are_few_and_short_stays() -> None:
    link = "<enclosure " + " ".join(f"a{number}='{'x' * 200}'" for number in range(9)) + "/>"
    assert link in repair(rss(item(1, link)), URL).text


def test_an_element_whose_name_is_endless_goes() -> None:
    name = "x" * 5000
    assert name not in repair(rss(item(1, f"<{name}>a</{name}>")), URL).text


def test_a_document_of_attributes_is_not_for_the_fast_reader() -> None:
    text = rss(item(1, "<![CDATA[" + ' a="b"' * ATTRIBUTES_LIMIT + ' a="b"]]>'))
    assert read_plain(text, URL, "Europe/Paris") is None


def test_control_characters_are_taken_out_of_a_text() -> None:
    assert without_controls("a\0b\x1bc\x7f\ufffe\ud83d\uffff\tz\n") == "abc\ud83d\tz\n"


# ── JSON


def as_json(items: str) -> str:
    return f'{{"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": [{items}]}}'


def test_json_has_so_many_entries_too() -> None:
    feed = read(as_json(",".join(f'{{"id": {number}}}' for number in range(ENTRIES_LIMIT + 5))))
    assert (len(feed.entries), feed.flaw) == (ENTRIES_LIMIT, TOO_LONG)


def test_json_of_too_many_pieces_is_too_large() -> None:
    with pytest.raises(ParseError) as caught:
        read(as_json(",".join(["[]"] * (PIECES_LIMIT + 1))))
    assert caught.value.error_class is ErrorClass.TOO_LARGE


def test_a_number_with_more_digits_than_python_reads_costs_its_item_nothing_but_that() -> None:
    feed = read(as_json(f'{{"id": "a", "title": "Un", "size": {"9" * 5000}}}'))
    assert titles(feed) == ["Un"]


# ── what is told


def test_of_many_entries_that_cannot_be_read_the_first_are_named() -> None:
    body = rss(*["<item/>"] * (SKIPPED_LIMIT + 30), item(1)).encode()
    skipped = digest(Source(URL), body, URL, {}, "").skipped
    assert len(skipped) == SKIPPED_LIMIT + 1 and skipped[-1] == "30 more"


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_memory_is_held_as_ever_where_there_is_no_glibc(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def none(_: object) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", none)
    give_back()
