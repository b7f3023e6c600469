"""What a feed is when it is asked for with options: in every format the same, under an address of its own."""

import json
import re
from datetime import timedelta

import pytest
from lxml import etree
from msgspec.structs import replace

from aggregator.model import Category, Content, Enclosure, Format, Options, Picture, Question, Republish
from aggregator.publish import render
from tests.publish_rules import ATOM, CONTENT, MEDIA, check_feed
from tests.test_publish import ENTRY, FEED, FORMATS, IMAGE, NOON, SOUND, html_of, links, with_item

PICTURE = with_item(image=IMAGE, enclosures=(Enclosure("https://a.example/j.png"), SOUND))
WHOLE = replace(
    with_item(
        image=IMAGE,
        lead="Chapô & <suite>.",
        html='<p>Tout.</p><figure><img src="https://a.example/k.jpg" alt=""><figcaption>Un club</figcaption></figure>'
        '<p><a href="https://a.example/"><img src="https://a.example/l.jpg" alt=""></a></p><figure>Tableau</figure>',
    ),
    republish=Republish.FULL,
)
TAG_OF_A_PICTURE = re.compile("(?:<|&lt;)img")
EVERY_OPTION = [
    Options(img, content, limit, credit)
    for img in Picture
    for content in Content
    for limit in (0, 7)
    for credit in (False, True)
]


def asked(format, entry=ENTRY, /, **options):
    return render(replace(FEED, entries=(entry,), options=Options(**options)), format).body


def first(format, document):
    if format is Format.JSON:
        return json.loads(document)["items"][0]
    return etree.fromstring(document).find(f"{ATOM}entry" if format is Format.ATOM else "channel/item")


def title_of(format, document):
    item = first(format, document)
    return item["title"] if format is Format.JSON else item.findtext(f"{ATOM}title") or item.findtext("title")


# ── addresses


@FORMATS
@pytest.mark.parametrize("options", EVERY_OPTION)
def test_a_feed_with_options_follows_the_rules_and_names_its_address_and_those_of_the_other_formats(format, options):
    feed = replace(FEED, entries=(WHOLE, replace(PICTURE, id="urn:x:2")), options=options, pages=2)
    query = f"?{options.query}" if options.query else ""
    check_feed(render(feed, format).body, format, f"https://agg.example/feeds/economie.{format}{query}")
    if format is Format.ATOM:
        alternates = links(etree.fromstring(render(feed, format).body), "alternate")
        assert alternates[:2] == [f"https://agg.example/feeds/economie.{other}{query}" for other in ("rss", "json")]


@FORMATS
def test_a_search_names_what_was_searched_for_before_its_options(format):
    feed = replace(
        FEED,
        slug="search",
        base="https://agg.example/feeds/search",
        question=Question("café & thé"),
        options=Options(limit=5),
    )
    check_feed(
        render(feed, format).body,
        format,
        f"https://agg.example/feeds/search.{format}?q=caf%C3%A9%20%26%20th%C3%A9&limit=5",
    )


# ── pictures


@FORMATS
def test_a_picture_that_is_enclosed_stands_in_no_text(format):
    for entry in (PICTURE, WHOLE):
        document = asked(format, entry, img=Picture.ENCLOSURE)
        assert not TAG_OF_A_PICTURE.search(document.decode())
        item = first(format, document)
        if format is Format.JSON:
            assert (item["image"], item["_tributary"]["image_credit"]) == (IMAGE.url, "© D. Poirier")
        else:
            assert item.find(f"{MEDIA}content").get("url") == IMAGE.url
        if format is Format.RSS:
            assert item.find("enclosure").get("url") == IMAGE.url


@FORMATS
def test_without_pictures_there_is_none_anywhere(format):
    for entry in (PICTURE, WHOLE):
        document = asked(format, entry, img=Picture.NONE).decode()
        names = ("i.jpg", "j.png", "k.jpg", "l.jpg", "D. Poirier", "Un club")
        assert [name for name in names if name in document] == []
        assert not TAG_OF_A_PICTURE.search(document)
    assert SOUND.url in asked(format, PICTURE, img=Picture.NONE).decode()


@pytest.mark.parametrize("img", [Picture.ENCLOSURE, Picture.NONE])
def test_a_text_without_its_pictures_keeps_all_else(img):
    item = first(Format.JSON, asked(Format.JSON, WHOLE, img=img))
    assert item["content_html"].endswith("<p>Tout.</p><figure>Tableau</figure>")


# ── how much


@FORMATS
def test_a_summary_holds_the_lead_and_the_picture_but_no_whole_text(format):
    document = asked(format, WHOLE, content=Content.SUMMARY)
    assert b"Tout." not in document and b"Tout." in asked(format, WHOLE)
    text = html_of(format, with_item(image=IMAGE))
    assert "<img" in text
    assert "i.jpg" in document.decode()


def test_plain_text_is_plain_in_atom():
    entry = first(Format.ATOM, asked(Format.ATOM, WHOLE, content=Content.TEXT))
    content = entry.find(f"{ATOM}content")
    assert (content.get("type"), content.text) == ("text", "Chapô & < suite>.")
    assert entry.find(f"{ATOM}summary") is None


def test_plain_text_is_without_tags_in_rss_where_readers_take_a_description_for_html():
    item = first(Format.RSS, asked(Format.RSS, WHOLE, content=Content.TEXT))
    assert item.findtext("description") == "Chapô &amp; &lt; suite&gt;."
    assert item.find(f"{CONTENT}encoded") is None


def test_plain_text_is_content_text_in_json():
    item = first(Format.JSON, asked(Format.JSON, WHOLE, content=Content.TEXT))
    assert item["content_text"] == "Chapô & <suite>."
    assert "content_html" not in item


@FORMATS
def test_plain_text_of_an_item_without_a_lead_is_its_title(format):
    assert ENTRY.item.title.split()[0] in str(
        html_or_text(format, asked(format, with_item(lead=""), content=Content.TEXT))
    )


def html_or_text(format, document):
    item = first(format, document)
    if format is Format.JSON:
        return item["content_text"]
    return item.findtext(f"{ATOM}content") or item.findtext("description")


# ── the name of the source


@FORMATS
@pytest.mark.parametrize(
    ("language", "colon"), [("fr", "\u00a0: "), ("fr-CH", "\u00a0: "), ("en", ": "), ("frr", ": ")]
)
def test_the_source_stands_before_the_title_in_the_typography_of_the_language(format, language, colon):
    document = render(replace(FEED, language=language, options=Options(credit=True)), format).body
    assert title_of(format, document) == f"Journal A{colon}Le Club Numerik’ lancé à Besançon"


@FORMATS
def test_a_source_that_is_all_there_is_to_a_title_is_named_once(format):
    assert title_of(format, asked(format, with_item(title="", lead=""), credit=True)) == "Journal A"


# ── third scheme, dates, places


def test_a_département_is_a_category_of_a_scheme_of_its_own():
    entry = with_item(departements=("25", "2A", "25", ""), categories=(Category("economie", "source"),))
    atom = first(Format.ATOM, asked(Format.ATOM, entry)).findall(f"{ATOM}category")
    assert [(each.get("term"), each.get("label")) for each in atom] == [
        ("economie", "Économie"),
        ("25", "Doubs"),
        ("2A", "2A"),
        ("communique", "Communiqué"),
    ]
    assert atom[1].get("scheme") == "tag:agg.example,2026:departements"
    rss = first(Format.RSS, asked(Format.RSS, entry)).findall("category")
    assert [each.text for each in rss] == ["Économie", "Doubs", "2A", "Communiqué"]
    item = first(Format.JSON, asked(Format.JSON, entry))
    assert item["_tributary"]["departements"] == ["25", "2A"]
    assert item["_tributary"]["categories"] == ["economie"]


def test_entries_of_one_second_are_told_apart_by_a_fraction_that_only_their_id_decides():
    def moments(*ids):
        feed = replace(FEED, entries=tuple(replace(ENTRY, id=each) for each in ids))
        root = etree.fromstring(render(feed, Format.ATOM).body)
        return root.findtext(f"{ATOM}updated"), {
            each.findtext(f"{ATOM}id"): each.findtext(f"{ATOM}updated") for each in root.findall(f"{ATOM}entry")
        }

    ids = [f"urn:x:{number}" for number in range(50)]
    newest, found = moments(*ids)
    assert len(set(found.values())) == 50
    assert newest == max(found.values())
    assert moments(ids[7])[1].items() <= found.items()
    assert all(each.startswith("2026-02-11T12:00:00.") for each in found.values())


@pytest.mark.parametrize("point", ["47.2378", "91 6", "47 181", "47,2 6,0", "là-bas", "nan 6"])
@FORMATS
def test_a_place_that_is_nowhere_is_left_out(format, point):
    assert asked(format, with_item(point=point)) == asked(format, with_item(point=""))


@FORMATS
@pytest.mark.parametrize("type", ["audio", "a b/c", "text/html; x", "/"])
def test_a_media_type_that_is_none_is_read_from_the_address(format, type):
    bad = with_item(image=replace(IMAGE, type=type), enclosures=(replace(SOUND, type=type),))
    assert asked(format, bad) == asked(format, with_item(image=replace(IMAGE, type=""), enclosures=(SOUND,)))


@pytest.mark.parametrize("url", ["http://localhost/i.jpg", "https://a_b.example/i.jpg", "https://a.example?i"])
def test_rss_encloses_only_what_has_an_address_on_the_web(url):
    item = first(Format.RSS, asked(Format.RSS, with_item(image=replace(IMAGE, url=url), enclosures=(SOUND,))))
    assert item.find("enclosure").get("url") == SOUND.url
    assert item.find(f"{MEDIA}content").get("url") == url


def test_a_title_that_looks_like_markup_is_html_in_atom_so_that_nobody_guesses():
    entry = first(Format.ATOM, asked(Format.ATOM, with_item(title="la balise </b> & « R&amp;D »", rights="1&1")))
    title, rights = entry.find(f"{ATOM}title"), entry.find(f"{ATOM}rights")
    assert (title.get("type"), title.text) == ("html", "la balise &lt;/b&gt; &amp; « R&amp;amp;D »")
    assert (rights.get("type"), rights.text) == ("html", "1&amp;1")


@FORMATS
def test_addresses_hold_only_what_a_uri_may(format):
    entry = replace(
        with_item(
            link="https://été.example/é",
            image=replace(IMAGE, url="https://a.example/é.jpg"),
            enclosures=(replace(SOUND, url="https://a.example/é.mp3"),),
        ),
        published=NOON - timedelta(days=1),
        source=replace(ENTRY.source, url="https://a.example/é.xml", site="https://été.example/"),
        also=(replace(ENTRY.also[0], url="https://b.example/é"),),
    )
    document = asked(format, entry).decode()
    assert "example/é" not in document and "://é" not in document
    assert "example/%C3%A9.jpg" in document and "https://xn--t-9fab.example/%C3%A9" in document
