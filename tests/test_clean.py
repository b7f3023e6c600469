"""From an entry to an item."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from aggregator.clean import clean, heading, language
from aggregator.model import Date, Enclosure, Entry, Genre, Image, Item, Origin, ParsedFeed, Source

SOURCE = Source("https://journal.example/feed", departements=("25", "39"))
FEED = ParsedFeed("https://journal.example/feed", "rss20", (), site="https://journal.example/", language="fr-FR")
AT = datetime(2026, 2, 6, 15, 10, tzinfo=UTC)


def cleaned(**fields: object) -> Item:
    return clean(Entry(**fields), FEED, SOURCE)  # type: ignore[arg-type]


def test_every_field_of_an_entry_reaches_the_item() -> None:
    item = cleaned(
        guid=" 12 ",
        link="https://www.journal.example/economie/usine/?utm_source=rss&id=3",
        title="VIDÉO • L&#039;usine <b>rouvre</b>",
        summary="Elle avait fermé en 2024. […]",
        content="<p>Elle avait fermé en 2024. Trente salariés reviennent.</p><p>(Communiqué)</p>",
        author="N.&nbsp;Bœuf",
        tags=("Économie", " Besançon ", "Économie", ""),
        published=Date("06/02/2026 - 16:10", AT),
        updated=Date("06/02/2026 - 16:03", AT),
        images=(Image("/img/1.jpg", credit="© H. Lanoix"),),
        enclosures=(
            Enclosure("/son.mp3", "Audio/MPEG", 9),
            Enclosure("javascript:x"),
            Enclosure("/son.mp3", "audio/mpeg", 9),
        ),
        language="FR_fr",
        rights="© Journal",
        origin=Origin("Autre <i>journal</i>", "https://autre.example/feed", "javascript:x", " id ", "&copy; A"),
        point="47.2378 6.0241",
    )
    assert item == Item(
        source="https://journal.example/feed",
        guid="12",
        link="https://www.journal.example/economie/usine/?id=3",
        canonical="https://journal.example/economie/usine?id=3",
        title="L'usine rouvre",
        lead="Elle avait fermé en 2024.",
        html="<p>Elle avait fermé en 2024. Trente salariés reviennent.</p><p>(Communiqué)</p>",
        text="Elle avait fermé en 2024. Trente salariés reviennent.",
        author="N.\xa0Bœuf",
        image=Image("https://www.journal.example/img/1.jpg", credit="© H. Lanoix"),
        enclosures=(Enclosure("https://www.journal.example/son.mp3", "audio/mpeg", 9),),
        published=Date("06/02/2026 - 16:10", AT),
        updated=Date("06/02/2026 - 16:03", AT),
        language="fr",
        tags=("Économie", "Besançon"),
        labels=("VIDÉO", "(Communiqué)"),
        genre=Genre.VIDEO,
        departements=("25", "39"),
        origin=Origin("Autre journal", "https://autre.example/feed", "", "id", "© A"),
        rights="© Journal",
        point="47.2378 6.0241",
        fingerprint=item.fingerprint,
    )


def test_an_empty_entry_makes_an_empty_item() -> None:
    item = cleaned()
    assert (item.guid, item.link, item.canonical, item.title, item.lead, item.html, item.text) == ("",) * 7
    assert item.image is None
    assert item.origin is None
    assert item.genre is Genre.ARTICLE


def test_labels_at_the_start_of_title_and_lead_are_shown_once_and_apart() -> None:
    item = cleaned(
        title="Sondage – Faut-il ?", summary="ÉDITORIAL • Une de plus.", content="<p>Éditorial • Une de plus. Fin.</p>"
    )
    assert item.title == "Faut-il ?"
    assert item.lead == "Une de plus."
    assert item.text == "Une de plus. Fin."
    assert item.labels == ("Sondage", "ÉDITORIAL")
    assert item.genre is Genre.SONDAGE


def test_a_press_release_keeps_its_mark_in_the_html_only() -> None:
    item = cleaned(title="Un titre", summary="Le chapeau.", content="<p>Le texte entier du jour. (Communiqué)</p>")
    assert item.labels == ("(Communiqué)",)
    assert item.genre is Genre.COMMUNIQUE
    assert "(Communiqué)" in item.html
    assert item.text == "Le chapeau. Le texte entier du jour."


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"summary": "Une phrase. Une autre."}, "Une phrase."),
        ({"content": "<p>Une phrase. Une autre.</p>"}, "Une phrase."),
        ({"title": "<b></b>", "summary": "mot " * 60}, ("mot " * 30).strip() + "…"),
        ({"images": (Image("https://x.example/a.jpg", alt="Le pont"),)}, "Le pont"),
        ({"link": "https://x.example/a"}, "https://x.example/a"),
        ({"title": "x" * 600}, "x" * 499 + "…"),
        ({"title": "(Communiqué)"}, "(Communiqué)"),
    ],
)
def test_a_title_is_never_empty_or_endless(fields: dict[str, object], title: str) -> None:
    assert cleaned(**fields).title == title


def test_html_is_empty_where_the_feed_gave_no_more_than_the_lead() -> None:
    assert cleaned(title="T", summary="<p>Le <b>chapeau</b>. […]</p>").html == ""
    assert cleaned(title="T", content="<p>Le chapeau.</p>").html == ""
    assert cleaned(title="Titre", summary="Titre", content="<p>Titre</p><p>Le chapeau.</p>").html == ""
    assert cleaned(title="T", summary="Le chapeau.", content="<p>Le chapeau. La suite.</p>").html != ""
    assert cleaned(title="T", summary="<p>Une phrase du chapeau.</p>" * 60).html != ""


def test_a_summary_longer_than_the_content_is_the_whole_text() -> None:
    item = cleaned(title="T", summary="<p>Un long résumé.</p>" * 60, content="<p>Photo</p>")
    assert item.text.startswith("Un long résumé. Un")
    assert item.html.startswith("<p>Un long résumé.</p>")


def test_the_whole_text_holds_summary_and_content_once() -> None:
    once = cleaned(summary="« Le\xa0pont » ferme lundi […]", content='<p>"Le pont" ferme lundi matin.</p>')
    assert once.text == '"Le pont" ferme lundi matin.'
    both = cleaned(summary="Le pont ferme.", content="<p>Les travaux durent un mois.</p>")
    assert both.text == "Le pont ferme. Les travaux durent un mois."


def test_the_image_of_the_text_is_used_where_none_is_attached() -> None:
    item = cleaned(
        link="https://x.example/a", content='<p><img src="/p.gif" width=1><img src="/b.jpg" alt="Un pont">t</p>'
    )
    assert item.image == Image("https://x.example/b.jpg", alt="Un pont")


def test_an_update_stands_in_for_a_missing_publication() -> None:
    assert cleaned(updated=Date("hier", AT)).published == Date("hier", AT)
    assert cleaned(published=Date("?"), updated=Date("hier", AT)).published == Date("hier", AT)
    assert cleaned(published=Date("?")).published == Date("?")


def test_relative_links_are_meant_from_the_entry_then_the_site_then_the_feed() -> None:
    html = cleaned(
        link="https://a.example/b", summary="Court.", content="<p><a href=/x>Un texte</a> plus long.</p>"
    ).html
    assert 'href="https://a.example/x"' in html
    entry = Entry(link="/a", content='<img src="i.jpg">')
    assert clean(entry, FEED, SOURCE).link == "https://journal.example/a"
    image = clean(Entry(content='<img src="/i.jpg">'), replace(FEED, site=""), SOURCE).image
    assert image == Image("https://journal.example/i.jpg")


def test_a_link_that_is_not_of_the_web_is_no_link() -> None:
    assert cleaned(link="javascript:alert(1)").link == ""


def test_the_author_of_an_atom_feed_stands_for_its_entries() -> None:
    atom = replace(FEED, format="atom10", author="La rédaction")
    assert clean(Entry(), atom, SOURCE).author == "La rédaction"
    assert clean(Entry(author="N"), atom, SOURCE).author == "N"
    assert clean(Entry(), replace(atom, format="rss20"), SOURCE).author == ""
    assert cleaned(author="nb@journal.example (Nora Bœuf)").author == "Nora Bœuf"


def test_rights_of_the_feed_hold_where_the_entry_has_none() -> None:
    feed = replace(FEED, rights="© Journal")
    assert clean(Entry(), feed, SOURCE).rights == "© Journal"
    assert clean(Entry(rights="CC0"), feed, SOURCE).rights == "CC0"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        (("fr-FR",), "fr"),
        (("FR_fr",), "fr"),
        (("", "de-AT", "fr"), "de"),
        (("français", "en"), "en"),
        (("und", "x", "zh-Hant-TW"), "zh"),
        (("", "", ""), "fr"),
    ],
)
def test_a_language_is_a_bare_code(claims: tuple[str, ...], code: str) -> None:
    assert language(*claims) == code


def test_a_member_notice_marks_what_members_sent() -> None:
    assert cleaned(summary="Un loto. Publiez gratuitement vos actualités.").genre is Genre.MEMBRE


@pytest.mark.parametrize(
    "change",
    [
        {"title": "U"},
        {"summary": "Autre."},
        {"content": "<p>Le chapeau. Une <b>suite</b>.</p>"},
        {"link": "https://x.example/b"},
        {"author": "N"},
        {"images": (Image("https://x.example/a.jpg", credit="© E"),)},
        {"enclosures": (Enclosure("https://x.example/a.mp3"),)},
        {"published": Date("demain", AT)},
        {"updated": Date("demain", AT)},
        {"tags": ("b",)},
        {"rights": "CC0"},
    ],
    ids=str,
)
def test_the_fingerprint_differs_with_anything_that_shows(change: dict[str, object]) -> None:
    fields: dict[str, object] = {
        "title": "T",
        "summary": "Le chapeau.",
        "content": "<p>Le chapeau. Une suite.</p>",
        "link": "https://x.example/a",
        "images": (Image("https://x.example/a.jpg", credit="© D"),),
        "published": Date("hier", AT),
    }
    assert cleaned(**fields).fingerprint == cleaned(**fields).fingerprint
    assert cleaned(**fields).fingerprint != cleaned(**fields | change).fingerprint


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    code = (
        "from aggregator.clean import clean; from aggregator.model import *;"
        "print(clean(Entry(title='Été', tags=('a', 'b')), ParsedFeed('u', 'rss20', ()), Source('u')).fingerprint)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    here = clean(Entry(title="Été", tags=("a", "b")), ParsedFeed("u", "rss20", ()), Source("u")).fingerprint
    assert outputs == {f"{here}\n".encode()}
    assert re.fullmatch("[0-9a-f]{32}", here)


def strings(value: object) -> Iterator[str]:
    """Every string within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from strings(getattr(value, name))
    elif isinstance(value, tuple):
        for each in value:
            yield from strings(each)


wild = st.one_of(
    st.text(),
    st.lists(st.sampled_from(["\x00", "\ud800", "\u202e", "<p>", "&#1;", "a", "http://", "é", "• "]), max_size=8).map(
        "".join
    ),
)


@settings(max_examples=150)
@given(wild, wild, wild, wild)
def test_no_entry_raises_or_leaves_what_cannot_be_stored(a: str, b: str, c: str, d: str) -> None:
    entry = Entry(
        guid=a, link=b, title=c, summary=d, content=a + b, author=c, tags=(d, a), published=Date(b), updated=Date(c),
        images=(Image(d, a, b, c), Image("https://x.example/a.jpg", a, b, c)),
        enclosures=(Enclosure("https://x.example/" + d, a),), language=b, rights=c, origin=Origin(d, a, b, c, d), point=a,
    )  # fmt: skip
    item = clean(entry, FEED, SOURCE)
    for text in strings(item):
        text.encode()
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\u202a-\u202e]", text)


def test_the_caption_of_a_picture_is_no_part_of_the_text() -> None:
    figure = '<figure><img src="/1.jpg" alt="" width="640" height="360"><figcaption>© D Poirier</figcaption></figure>'
    item = clean(Entry(title="T", content=figure + "<p>VIDÉO • Le lavoir est restauré.</p>"), FEED, SOURCE)
    assert (item.lead, item.labels, item.genre) == ("Le lavoir est restauré.", ("VIDÉO",), Genre.VIDEO)
    assert item.image is not None and item.image.credit == "© D Poirier"
    assert "Poirier" not in item.text


def test_no_field_is_longer_than_a_feed_can_bear() -> None:
    long = "https://x.example/" + "l" * 10**6
    item = cleaned(
        guid="1", title="T", link=long, content=f'<p><a href="{long}">a</a> b <img src="{long}"></p>',
        images=(Image(long),), origin=Origin("T", long, long, "i" * 10**6),
        enclosures=tuple(Enclosure(f"https://x.example/{number}.mp3") for number in range(10_000)),
    )  # fmt: skip
    assert len(item.enclosures) == 50
    assert len(repr(replace(item, enclosures=()))) < 5_000


def test_what_a_feed_says_of_itself_becomes_plain_text() -> None:
    feed = ParsedFeed(
        "https://x.example/",
        "rss20",
        (),
        title="\u202eL&#039;<b>Est</b>",
        subtitle="a\u200bb",
        author="N\u2066",
        rights="&copy; E",
    )
    told = heading(feed)
    assert (told.title, told.subtitle, told.author, told.rights) == ("L'Est", "ab", "N", "© E")
