"""Feeds as bytes: what each format says, by the rules, and the same in every process."""

import hashlib
import json
import locale
import os
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest
from lxml import etree
from msgspec.structs import replace

from aggregator.config import VERSION
from aggregator.model import Category, CategoryFeed, Enclosure, FeedEntry, Format, Genre, Image, Item, Origin, Republish
from aggregator.publish import render
from aggregator.publish.encodings import encode
from tests.publish_rules import ATOM, CHECKS, DC

NOON = datetime(2026, 2, 11, 12, tzinfo=UTC)
SOURCE = Origin(
    title="Journal A",
    url="https://a.example/feed",
    site="https://a.example/",
    id="tag:a.example,2020:feed",
    rights="© Journal A",
    updated=NOON,
)
ITEM = Item(
    source="https://a.example/feed",
    guid="1",
    link="https://a.example/club?id=3&p=1",
    canonical="https://a.example/club?id=3",
    title="Le Club Numerik’ lancé à Besançon",
    lead="La CCI lance un club.",
    author="N. Bœuf",
    categories=(Category("economie", "source"),),
    genre=Genre.COMMUNIQUE,
    labels=("(Communiqué)",),
    point="47.2378 6.0241",
)
ENTRY = FeedEntry(
    id="tag:a.example,2026:1",
    url="https://agg.example/story/7",
    item=ITEM,
    source=SOURCE,
    published=NOON - timedelta(hours=2),
    updated=NOON,
    also=(Origin(title="Le Journal B", url="https://b.example/numerik"),),
)
FEED = CategoryFeed(
    slug="economie",
    id="tag:agg.example,2026:feed/economie",
    title="Économie – Tributary",
    subtitle="Articles « Économie » de 14 sources",
    language="fr",
    site="https://agg.example/economie",
    base="https://agg.example/feeds/economie",
    updated=NOON,
    entries=(ENTRY,),
    publisher="Tributary",
    category_scheme="tag:agg.example,2026:categories",
    genre_scheme="tag:agg.example,2026:genres",
    departement_scheme="tag:agg.example,2026:departements",
    labels={"economie": "Économie", "communique": "Communiqué", "dep/25": "Doubs"},
)
IMAGE = Image("https://a.example/i.jpg", "Un club", "© D. Poirier", "image/jpeg", 1200, 800, 4321)
SOUND = Enclosure("https://a.example/s.mp3", "audio/mpeg", 99)

MEDIA = "{http://search.yahoo.com/mrss/}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
GEORSS = "{http://www.georss.org/georss}"
FORMATS = pytest.mark.parametrize("format", list(Format))


def with_item(**changes):
    return replace(ENTRY, item=replace(ITEM, **changes))


def body(format, *entries, **changes):
    return render(replace(FEED, entries=entries or (ENTRY,), **changes), format).body


def atom_entry(entry):
    return etree.fromstring(body(Format.ATOM, entry)).find(f"{ATOM}entry")


def rss_item(entry):
    return etree.fromstring(body(Format.RSS, entry)).find("channel/item")


def json_item(entry):
    return json.loads(body(Format.JSON, entry))["items"][0]


def html_of(format, entry):
    if format is Format.ATOM:
        return atom_entry(entry).findtext(f"{ATOM}content")
    if format is Format.RSS:
        return rss_item(entry).findtext("description")
    return json_item(entry)["content_html"]


# ── every format


@FORMATS
@pytest.mark.parametrize(
    "entry",
    [
        ENTRY,
        replace(ENTRY, also=()),
        with_item(image=IMAGE),
        with_item(image=replace(IMAGE, credit="", width=None, height=None, length=None, type="", alt="")),
        with_item(enclosures=(SOUND, Enclosure("https://a.example/file"))),
        with_item(title="", lead="", author="", link="", categories=(), genre=Genre.ARTICLE, point=""),
        with_item(title="\x00", lead="\ufffe", author="\x0b"),
        replace(with_item(html="<p>Tout.</p>"), republish=Republish.FULL),
        with_item(language="de", rights="© A"),
        replace(ENTRY, source=Origin("Journal A", "https://a.example/feed", updated=NOON)),
    ],
)
def test_a_feed_follows_the_rules_of_its_format(entry, format):
    CHECKS[format](body(format, entry, replace(ENTRY, id="urn:x:2")))


@FORMATS
def test_an_empty_feed_follows_the_rules_too(format):
    CHECKS[format](render(replace(FEED, entries=()), format).body)


@FORMATS
def test_a_rendition_carries_its_type_and_a_strong_etag_over_its_bytes(format):
    rendition = render(FEED, format)
    types = {"atom": "application/atom+xml", "rss": "application/rss+xml", "json": "application/feed+json"}
    assert rendition.content_type == f"{types[format]}; charset=utf-8"
    assert rendition.etag == f'"{hashlib.blake2b(rendition.body, digest_size=16).hexdigest()}"'
    assert (rendition.slug, rendition.format, rendition.updated) == ("economie", format, NOON)


@FORMATS
def test_any_difference_that_shows_gives_another_etag(format):
    assert render(FEED, format).etag != render(replace(FEED, entries=(with_item(title="x"),)), format).etag


@FORMATS
def test_entries_keep_their_order(format):
    document = body(format, *(replace(ENTRY, id=f"urn:x:{number}") for number in (2, 3, 1))).decode()
    assert re.findall(r"urn:x:(\d)", document) == ["2", "3", "1"]


@FORMATS
def test_a_bad_character_costs_itself_only(format):
    bad = with_item(title="Le\x00 Club\ud800", lead="a\x0bb", author="N\uffff. B")
    assert body(format, bad) == body(format, with_item(title="Le Club", lead="ab", author="N. B"))


@FORMATS
def test_the_whole_text_is_given_on_only_where_the_source_allows_it(format):
    entry = with_item(html="<p>Le texte entier.</p>")
    assert "texte entier" not in body(format, entry).decode()
    assert "texte entier" in body(format, replace(entry, republish=Republish.FULL)).decode()


@FORMATS
def test_an_entry_without_title_takes_the_beginning_of_its_lead(format):
    document = body(format, with_item(title=" ", lead="Un club, " * 20)).decode()
    assert "Un club, Un club, Un club, Un club, Un club, Un club, Un club, Un club, Un…" in document
    assert "Un club bref" in body(format, with_item(title="", lead="Un club bref")).decode()


@FORMATS
def test_an_entry_without_title_and_lead_is_called_by_its_source(format):
    document = body(format, with_item(title="", lead="", author="N. B")).decode()
    assert document.count("Journal A") > body(format, with_item(author="N. B")).decode().count("Journal A")


@FORMATS
def test_an_entry_without_link_leads_to_our_page_of_the_story(format):
    entry = with_item(link="")
    if format is Format.JSON:
        assert json_item(entry)["url"] == ENTRY.url
    elif format is Format.ATOM:
        assert links(atom_entry(entry), "alternate") == [ENTRY.url]
    else:
        assert rss_item(entry).findtext("link") == ENTRY.url


@FORMATS
def test_a_picture_goes_with_its_description_and_its_credit(format):
    text = html_of(format, with_item(image=IMAGE))
    assert '<img src="https://a.example/i.jpg" alt="Un club" width="320" height="213">' in text
    assert "© D. Poirier" in text
    assert body(format, with_item(image=IMAGE)).decode().count("© D. Poirier") == 2


@FORMATS
@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((100, 50), ' width="100" height="50"'),
        ((3000, 1), ' width="320" height="1"'),
        ((640, None), ' width="320"'),
        ((None, 480), ' width="320"'),
    ],
)
def test_a_picture_is_shown_small_and_in_proportion(format, size, expected):
    text = html_of(format, with_item(image=replace(IMAGE, width=size[0], height=size[1])))
    assert f'alt="Un club"{expected}>' in text


@pytest.mark.parametrize(
    ("url", "type", "expected"),
    [
        ("https://a.example/s.MP3?x=1", "", "audio/mpeg"),
        ("https://a.example/s.mp3", "audio/x-own", "audio/x-own"),
        ("https://a.example/s", "", "application/octet-stream"),
        ("https://[a.example/s", "", "application/octet-stream"),
    ],
)
def test_the_type_of_an_enclosure_is_the_claimed_one_or_read_from_its_url(url, type, expected):
    assert json_item(with_item(enclosures=(Enclosure(url, type),)))["attachments"][0]["mime_type"] == expected


@pytest.mark.parametrize("format", [Format.ATOM, Format.JSON])
def test_the_lead_is_not_told_twice_before_a_text_that_begins_with_it(format):
    entry = replace(
        with_item(html="<p>La CCI\nlance un club. Et plus.</p>", text="La CCI lance un club. Et plus."),
        republish=Republish.FULL,
    )
    assert html_of(format, entry) == "<p>La CCI\nlance un club. Et plus.</p>"
    other = replace(entry, item=replace(entry.item, lead="Autre chose."))
    assert html_of(format, other) == "<p>Autre chose.</p>\n<p>La CCI\nlance un club. Et plus.</p>"


@pytest.mark.parametrize("format", [Format.ATOM, Format.JSON])
def test_a_picture_that_the_text_shows_with_its_credit_is_not_put_before_it(format):
    shows = '<p><img src="https://a.example/i.jpg" alt=""> © D. Poirier</p>'
    entry = replace(with_item(image=IMAGE, html=shows), republish=Republish.FULL)
    assert "<figure>" not in html_of(format, entry)
    without_credit = replace(entry, item=replace(entry.item, html=shows.replace("© D. Poirier", "")))
    assert "<figure>" in html_of(format, without_credit)


@pytest.mark.parametrize("format", [Format.ATOM, Format.JSON])
def test_text_that_looks_like_markup_is_escaped(format):
    assert html_of(format, with_item(lead='<b>"x" & &lt;')) == "<p>&lt;b&gt;&quot;x&quot; &amp; &amp;lt;</p>"


# ── Atom


def links(node, rel):
    return [link.get("href") for link in node.findall(f"{ATOM}link") if link.get("rel") == rel]


def test_atom_says_where_the_feed_and_its_other_forms_are():
    feed = etree.fromstring(body(Format.ATOM))
    assert links(feed, "self") == ["https://agg.example/feeds/economie.atom"]
    assert links(feed, "alternate") == [
        "https://agg.example/feeds/economie.rss",
        "https://agg.example/feeds/economie.json",
        "https://agg.example/economie",
    ]
    assert feed.findtext(f"{ATOM}subtitle") == FEED.subtitle
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Tributary"
    generator = feed.find(f"{ATOM}generator")
    assert (generator.text, generator.get("version")) == ("Tributary", VERSION)


def test_atom_keeps_the_source_with_all_that_identifies_it():
    source = atom_entry(ENTRY).find(f"{ATOM}source")
    assert source.findtext(f"{ATOM}id") == "tag:a.example,2020:feed"
    assert source.findtext(f"{ATOM}title") == "Journal A"
    assert source.findtext(f"{ATOM}updated") == "2026-02-11T12:00:00+00:00"
    assert source.findtext(f"{ATOM}rights") == "© Journal A"
    assert links(source, "self") == ["https://a.example/feed"]
    assert links(source, "alternate") == ["https://a.example/"]


def test_atom_leaves_out_what_is_not_known_of_the_source():
    source = atom_entry(replace(ENTRY, source=Origin("A", "https://a.example/feed"))).find(f"{ATOM}source")
    assert [etree.QName(each).localname for each in source] == ["title", "link", "id"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/feed", "application/rss+xml"),
        ("https://a.example/x.ATOM", "application/atom+xml"),
        ("https://a.example/feed.json", None),
    ],
)
def test_atom_guesses_the_type_of_the_source_from_its_url(url, expected):
    source = atom_entry(replace(ENTRY, source=replace(SOURCE, url=url))).find(f"{ATOM}source")
    assert source.find(f"{ATOM}link").get("type") == expected


def test_atom_names_the_other_sources_of_the_story_and_our_page_of_it():
    entry = atom_entry(ENTRY)
    assert links(entry, "related") == ["https://b.example/numerik"]
    assert entry.find(f"{ATOM}link[@rel='related']").get("title") == "Le Journal B"
    assert links(entry, "via") == ["https://agg.example/story/7"]


def test_atom_gives_categories_and_an_unusual_genre_with_scheme_and_label():
    entry = with_item(categories=tuple(Category(slug, "path") for slug in ("economie", "x", "economie", "")))
    terms = [dict(each.attrib) for each in atom_entry(entry).findall(f"{ATOM}category")]
    assert terms == [
        {"term": "economie", "scheme": "tag:agg.example,2026:categories", "label": "Économie"},
        {"term": "x", "scheme": "tag:agg.example,2026:categories", "label": "x"},
        {"term": "communique", "scheme": "tag:agg.example,2026:genres", "label": "Communiqué"},
    ]
    assert len(atom_entry(with_item(genre=Genre.ARTICLE)).findall(f"{ATOM}category")) == 1


def test_atom_gives_every_enclosure_with_type_and_length():
    entry = atom_entry(with_item(enclosures=(SOUND, Enclosure("https://a.example/b"))))
    first, second = entry.findall(f"{ATOM}link[@rel='enclosure']")
    assert (first.get("href"), first.get("type"), first.get("length")) == (SOUND.url, "audio/mpeg", "99")
    assert (second.get("href"), second.get("length")) == ("https://a.example/b", None)


def test_atom_marks_an_entry_in_another_language():
    attribute = "{http://www.w3.org/XML/1998/namespace}lang"
    assert atom_entry(with_item(language="de")).get(attribute) == "de"
    assert atom_entry(ENTRY).get(attribute) is None


def test_atom_gives_media_place_and_rights():
    entry = atom_entry(with_item(image=IMAGE, rights="© A. Auteur"))
    media = entry.find(f"{MEDIA}content")
    assert dict(media.attrib) == {
        "url": IMAGE.url,
        "type": "image/jpeg",
        "medium": "image",
        "fileSize": "4321",
        "width": "1200",
        "height": "800",
    }
    assert media.findtext(f"{MEDIA}credit") == "© D. Poirier"
    assert entry.find(f"{MEDIA}thumbnail").get("url") == IMAGE.url
    assert entry.findtext(f"{GEORSS}point") == "47.2378 6.0241"
    assert entry.findtext(f"{ATOM}rights") == "© A. Auteur"
    assert atom_entry(ENTRY).findtext(f"{ATOM}rights") == "© Journal A"


def test_atom_gives_the_lead_as_plain_text_too():
    summary = atom_entry(ENTRY).find(f"{ATOM}summary")
    assert (summary.get("type"), summary.text) == ("text", "La CCI lance un club.")
    assert atom_entry(with_item(lead="")).find(f"{ATOM}summary") is None


# ── RSS


def test_rss_says_where_it_is_and_which_page_shows_the_same():
    channel = etree.fromstring(body(Format.RSS)).find("channel")
    assert channel.findtext("link") == "https://agg.example/economie"
    assert links(channel, "self") == ["https://agg.example/feeds/economie.rss"]
    assert channel.findtext("lastBuildDate") == "Wed, 11 Feb 2026 12:00:00 +0000"
    assert (channel.findtext("ttl"), channel.findtext("language")) == ("30", "fr")


def test_rss_gives_an_item_the_date_the_name_and_the_source():
    item = rss_item(ENTRY)
    assert parsedate_to_datetime(item.findtext("pubDate")) == ENTRY.published
    assert item.findtext(f"{DC}creator") == "N. Bœuf"
    assert rss_item(with_item(author="")).findtext(f"{DC}creator") == "Journal A"
    assert item.find("source").attrib == {"url": "https://a.example/feed"}
    assert item.findtext(f"{DC}rights") == "© Journal A"
    assert links(item, "related") == ["https://b.example/numerik"]
    assert [each.text for each in item.findall("category")] == ["Économie", "Communiqué"]


def test_rss_writes_dates_of_other_zones_in_utc():
    paris = timezone(timedelta(hours=1))
    entry = replace(ENTRY, published=datetime(2026, 2, 11, 0, 30, 5, 999, tzinfo=paris))
    assert rss_item(entry).findtext("pubDate") == "Tue, 10 Feb 2026 23:30:05 +0000"


def test_rss_encloses_the_picture_or_else_the_first_enclosure():
    both = rss_item(with_item(image=IMAGE, enclosures=(SOUND,)))
    assert [each.attrib for each in both.findall("enclosure")] == [
        {"url": IMAGE.url, "length": "4321", "type": "image/jpeg"}
    ]
    sounds = rss_item(with_item(enclosures=(SOUND, Enclosure("https://a.example/b"))))
    assert [each.get("url") for each in sounds.findall("enclosure")] == [SOUND.url]
    assert both.findtext(f"{MEDIA}content/{MEDIA}credit") == "© D. Poirier"
    unknown = rss_item(with_item(image=replace(IMAGE, length=None)))
    assert unknown.find("enclosure").get("length") == "0"


def test_rss_begins_its_description_with_the_lead_once_tags_are_stripped():
    text = html_of(Format.RSS, with_item(image=IMAGE))
    assert re.sub(r"<[^>]+>", "", text).split("\n") == ["", "La CCI lance un club.", "© D. Poirier"]


def test_rss_lets_no_quotation_mark_out_of_a_tag_when_decoded_once_too_often():
    text = html_of(Format.RSS, with_item(image=replace(IMAGE, url='https://a.example/"x.jpg', alt='Écran 12"')))
    assert '<img src="https://a.example/%22x.jpg" alt="Écran 12”"' in text


def test_rss_keeps_apart_what_would_become_markup():
    item = rss_item(with_item(title="littéral &lt;b&gt; <b>", lead="moins de <5 ans"))
    assert item.findtext("title") == "littéral & lt;b& gt; < b>"
    assert item.findtext("description") == "<p>moins de &lt; 5 ans</p>"


def test_rss_gives_the_whole_text_beside_the_description():
    content = "{http://purl.org/rss/1.0/modules/content/}encoded"
    item = rss_item(replace(with_item(html="<p>Tout ]]> &amp; plus.</p>"), republish=Republish.FULL))
    assert item.findtext(content) == "<p>La CCI lance un club.</p>\n<p>Tout ]]> &amp; plus.</p>"
    assert item.findtext("description") == "<p>La CCI lance un club.</p>"
    assert rss_item(ENTRY).find(content) is None


def test_rss_marks_an_item_in_another_language():
    assert rss_item(with_item(language="de")).findtext(f"{DC}language") == "de"
    assert rss_item(ENTRY).find(f"{DC}language") is None


# ── JSON Feed


def test_json_says_everything_under_fixed_keys_in_a_fixed_order():
    item = with_item(image=IMAGE, enclosures=(SOUND,)).item
    document = json.loads(body(Format.JSON, replace(ENTRY, item=item)))
    assert list(document.items()) == [
        ("version", "https://jsonfeed.org/version/1.1"),
        ("title", "Économie – Tributary"),
        ("home_page_url", "https://agg.example/economie"),
        ("feed_url", "https://agg.example/feeds/economie.json"),
        ("description", "Articles « Économie » de 14 sources"),
        ("language", "fr"),
        ("authors", [{"name": "Tributary"}]),
        ("items", document["items"]),
    ]
    (found,) = document["items"]
    assert found.pop("content_html").endswith("<p>La CCI lance un club.</p>")
    assert list(found.items()) == [
        ("id", "tag:a.example,2026:1"),
        ("url", "https://a.example/club?id=3&p=1"),
        ("title", "Le Club Numerik’ lancé à Besançon"),
        ("summary", "La CCI lance un club."),
        ("image", "https://a.example/i.jpg"),
        ("date_published", "2026-02-11T10:00:00+00:00"),
        ("date_modified", "2026-02-11T12:00:00+00:00"),
        ("authors", [{"name": "N. Bœuf"}]),
        ("tags", ["Économie", "Communiqué"]),
        ("language", "fr"),
        ("attachments", [{"url": SOUND.url, "mime_type": "audio/mpeg", "size_in_bytes": 99}]),
        ("_tributary", found["_tributary"]),
    ]
    assert found["_tributary"] == {
        "about": "https://agg.example/subscribe",
        "source": {
            "title": "Journal A",
            "home_page_url": "https://a.example/",
            "feed_url": "https://a.example/feed",
            "id": "tag:a.example,2020:feed",
        },
        "also": [{"title": "Le Journal B", "url": "https://b.example/numerik"}],
        "story_url": "https://agg.example/story/7",
        "image_alt": "Un club",
        "image_credit": "© D. Poirier",
        "categories": ["economie"],
        "genre": "communique",
        "labels": ["(Communiqué)"],
        "rights": "© Journal A",
        "point": "47.2378 6.0241",
    }


def test_json_writes_letters_as_they_are_and_an_unknown_length_not_at_all():
    assert "Besançon".encode() in body(Format.JSON)
    attachment = json_item(with_item(enclosures=(Enclosure("https://a.example/s"),)))["attachments"][0]
    assert "size_in_bytes" not in attachment


# ── the same bytes everywhere


RENDER = """
import locale, sys
from aggregator.model import Format
from aggregator.publish import render
from aggregator.publish.encodings import encode
from tests.test_publish import EVERYTHING
locale.setlocale(locale.LC_ALL, "")
for format in Format:
    rendition = render(EVERYTHING, format)
    sys.stdout.write(rendition.etag + encode(rendition.body, "gzip").hex() + encode(rendition.body, "br").hex())
"""
EVERYTHING = replace(
    FEED,
    entries=(
        replace(with_item(image=IMAGE, enclosures=(SOUND,), language="de"), id="urn:x:1"),
        replace(with_item(html="<p>x</p>"), republish=Republish.FULL),
    ),
)


def test_every_process_makes_the_same_bytes():
    renditions = [render(EVERYTHING, format) for format in Format]
    here = "".join(each.etag + encode(each.body, "gzip").hex() + encode(each.body, "br").hex() for each in renditions)
    for seed, language, zone in (("0", "C", "UTC"), ("1", "C.UTF-8", "Asia/Tokyo"), ("77", "POSIX", "America/Lima")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": language, "TZ": zone}
        made = subprocess.run(
            [sys.executable, "-c", RENDER], env=environment, capture_output=True, text=True, check=True
        )
        assert made.stdout == here


@FORMATS
def test_writing_a_feed_does_not_touch_the_locale_of_the_process(format, monkeypatch):
    monkeypatch.setattr(locale, "setlocale", lambda *_: pytest.fail("the locale belongs to all threads"))
    render(FEED, format)


@FORMATS
def test_threads_that_write_at_once_do_not_disturb_one_another(format):
    made = []
    threads = [threading.Thread(target=lambda: made.append(render(EVERYTHING, format))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert set(made) == {render(EVERYTHING, format)}
