import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import ascii_lowercase, digits
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from aggregator import opml
from aggregator.errors import ConfigError
from aggregator.model import Republish, Source, SourceKind
from aggregator.opml import (
    Document,
    Folder,
    Line,
    line,
    merge,
    read,
    read_foreign,
    tree,
    write_sources,
    write_subscriptions,
)

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.opml"))
NOW = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)

LIST = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- for the desk -->
<?desk order="fixed"?>
<opml version="2.0" xmlns:tributary="urn:tributary:opml:1" xmlns:x="https://x.example/ns">
  <head>
    <title>Sources</title>
    <dateModified>Thu, 01 Jan 2026 00:00:00 +0000</dateModified>
    <x:note colour='red'>keep &amp; cherish</x:note>
  </head>
  <body>
    <outline text="Doubs">
      <!-- the paper -->
      <outline title='Le "Bien"' text='Le &quot;Bien&quot;' type="rss"
               xmlUrl="https://bien.example/rss?a=1&#38;b=2" x:score="9"  unknown='1' category="/economie,/dep/25"/>
      <outline text="Radio" type="rss" xmlUrl="https://radio.example/rss" tributary:interval="15"></outline>
      <outline text="Elsewhere" type="include" url="https://else.example/list.opml"/> <!-- kept -->
    </outline>
    <outline text="Jura"/>
  </body>
</opml>
<!-- the end -->
"""
BIEN, RADIO = "https://bien.example/rss?a=1&b=2", "https://radio.example/rss"


def listed(*outlines: str) -> bytes:
    """A list with each outline on a line of its own, the first on line 3."""
    head = '<opml version="2.0" xmlns:tributary="urn:tributary:opml:1">\n<body>\n'
    return (head + "\n".join(outlines) + "\n</body>\n</opml>\n").encode()


def rss(attributes: str = "", url: str = "https://a.example/") -> str:
    return f'<outline text="A" type="rss" xmlUrl="{url}" {attributes}/>'


def only(attributes: str) -> Source:
    (source,) = Document.parse(listed(rss(attributes)), "feeds.opml").sources
    return source


def document() -> Document:
    return Document.parse(LIST.encode(), "feeds.opml")


def changed_lines(before: str, after: bytes) -> tuple[list[str], list[str]]:
    old, new = before.splitlines(), after.decode().splitlines()
    return [text for text in old if text not in new], [text for text in new if text not in old]


# ── our own list and the examples


def test_feeds_opml_holds_the_forty_sources_of_the_region() -> None:
    sources = read(ROOT / "feeds.opml")
    assert len(sources) == 40
    assert {source.region.split(" / ")[0] for source in sources} == {"Bourgogne-Franche-Comté"}
    assert {code for source in sources for code in source.departements} == {
        "21",
        "25",
        "39",
        "58",
        "70",
        "71",
        "89",
        "90",
    }
    assert [source.title for source in sources if source.paused] == ["Le Journal du Centre"]


def test_the_examples_can_be_read_and_their_clocks_fit_their_languages() -> None:
    zones = {
        "fr-CH": {"Europe/Zurich"},
        "fr-BE": {"Europe/Brussels"},
        "fr-CA": {"America/Toronto"},
        "en-CA": {"America/Toronto"},
        "en-GB": {"Europe/London"},
        "de": {"Europe/Berlin"},
        "es": {"Europe/Madrid"},
        "it": {"Europe/Rome"},
        "fr": {"Europe/Paris", "America/Martinique", "Pacific/Tahiti"},
    }
    sources = [source for path in EXAMPLES for source in read(path)]
    assert len(sources) == 86
    assert all(source.timezone in zones[source.language] for source in sources)


@pytest.mark.parametrize("path", [ROOT / "feeds.opml", *EXAMPLES], ids=lambda path: path.name)
def test_a_list_that_was_not_edited_is_written_byte_by_byte(path: Path) -> None:
    assert Document.read(path).to_bytes(NOW) == path.read_bytes()


def test_every_attribute_is_explained_to_editors() -> None:
    chapters = (ROOT / "docs" / "source-list.md").read_text(encoding="utf-8").partition("## The categories")
    rows = re.findall(r"^\| `([^`]+)` \|", chapters[0], re.MULTILINE)
    assert set(rows) == {*line.PLAIN_ATTRIBUTES, *line.OWN_ATTRIBUTES}


def test_every_example_line_for_editors_can_be_read() -> None:
    text = (ROOT / "docs" / "source-list.md").read_text(encoding="utf-8")
    examples = re.findall(r"```xml\n(<outline.*?)```", text, re.DOTALL)
    assert len(Document.parse(listed(*examples), "docs").sources) == len(examples) >= 7


# ── reading


def test_every_attribute_of_a_line_is_read() -> None:
    source = only(
        'htmlUrl="https://a.example/home" description="All news" category="/economie, /sport,/dep/25,/dep/2A"'
        ' language="fr-CH" tributary:timezone="Europe/Zurich" tributary:interval="90" tributary:paused="true"'
        ' tributary:republish="full" tributary:kind="page" tributary:tags="Actu éco=economie; a\\;b=c=sport;"'
        ' tributary:select-item="li" tributary:select-title="h2" tributary:select-link="a" tributary:select-lead="p"'
        ' tributary:select-date="time" tributary:select-image="img"'
    )
    assert source == Source(
        url="https://a.example/",
        title="A",
        kind=SourceKind.PAGE,
        site="https://a.example/home",
        description="All news",
        categories=("economie", "sport"),
        departements=("25", "2A"),
        language="fr-CH",
        timezone="Europe/Zurich",
        interval=timedelta(minutes=90),
        paused=True,
        republish=Republish.FULL,
        tags={"Actu éco": "economie", "a;b=c": "sport"},
        selectors={"item": "li", "title": "h2", "link": "a", "lead": "p", "date": "time", "image": "img"},
    )


def test_a_bare_line_is_as_by_default() -> None:
    assert only("") == Source(url="https://a.example/", title="A")


def test_an_own_attribute_is_known_by_its_namespace_not_by_its_prefix() -> None:
    body = listed(
        rss('xmlns:t="urn:tributary:opml:1" t:interval="5"'),
        rss('xmlns:tributary="urn:else" tributary:interval="6"', url="https://b.example/"),
    )
    intervals = [source.interval for source in Document.parse(body, "feeds.opml").sources]
    assert intervals == [timedelta(minutes=5), None]


def test_departements_of_their_own_stand_above_those_in_the_category() -> None:
    assert only('category="/dep/25" tributary:departements="70, 90 70"').departements == ("70", "90")


def test_general_means_no_category() -> None:
    assert only('category="general"').categories == only('category="/general"').categories == ()


def test_a_line_without_a_type_is_a_source_if_it_has_an_address() -> None:
    sources = Document.parse(listed('<outline title="B" xmlUrl="https://a.example/"/>'), "feeds.opml").sources
    assert sources == (Source(url="https://a.example/", title="B"),)


def test_the_region_is_the_folders_joined_and_a_folder_without_a_name_is_none() -> None:
    body = listed('<outline text="A"><outline><outline title="B">', rss(), "</outline></outline></outline>")
    assert Document.parse(body, "feeds.opml").sources[0].region == "A / B"


def test_includes_and_links_are_no_sources() -> None:
    inside = '<outline text="x" type="link" xmlUrl="https://b.example/">' + rss() + "</outline>"
    assert Document.parse(listed(inside), "feeds.opml").sources == ()


WRONG_LINES = {
    "no address": ('<outline text="A" type="rss"/>', "xmlUrl is missing"),
    "another scheme": (rss(url="ftp://a.example/"), "xmlUrl must be an http or https address"),
    "a script": (rss(url="javascript:alert(1)"), "xmlUrl must be an http or https address"),
    "no host": (rss(url="https:///rss"), "xmlUrl must be an http or https address"),
    "a space": (rss(url="https://a.example/a b"), "xmlUrl must be an http or https address"),
    "a broken host": (rss(url="https://[::1/"), "xmlUrl cannot be read"),
    "a broken port": (rss(url="https://a.example:x/"), "xmlUrl cannot be read"),
    "too long": (rss(url="https://a.example/" + "a" * 2048), "xmlUrl is longer than 2048 characters"),
    "a script as a page": (rss('htmlUrl="javascript:alert(1)"'), "htmlUrl must be an http or https address"),
    "a zone": (rss('tributary:timezone="Europe/Besancon"'), "tributary:timezone 'Europe/Besancon' is not a time zone"),
    "half a zone": (rss('tributary:timezone="Europe"'), "tributary:timezone 'Europe' is not a time zone"),
    "a path as a zone": (rss('tributary:timezone="../etc"'), "tributary:timezone '../etc' is not a time zone"),
    "no slash": (rss('category="economie"'), "category 'economie' is neither /slug nor /dep/NN"),
    "no slug": (rss('category="/Économie"'), "category '/Économie' is neither /slug nor /dep/NN"),
    "a département": (rss('category="/dep/20"'), "'20' is not the code of a département"),
    "own départements": (rss('tributary:departements="25 99"'), "'99' is not the code of a département"),
    "a language": (rss('language="français"'), "language must be a tag such as fr"),
    "an interval": (rss('tributary:interval="1h"'), "tributary:interval must be 1 to 10080 minutes, not '1h'"),
    "no interval": (rss('tributary:interval="0"'), "tributary:interval must be 1 to 10080 minutes, not '0'"),
    "a long interval": (rss('tributary:interval="10081"'), "tributary:interval must be 1 to 10080 minutes"),
    "a pause": (rss('tributary:paused="yes"'), "tributary:paused must be true or false, not 'yes'"),
    "rights": (rss('tributary:republish="all"'), "tributary:republish must be full or lead, not 'all'"),
    "a kind": (rss('tributary:kind="blog"'), "tributary:kind must be feed or page, not 'blog'"),
    "a page": (rss('tributary:kind="page"'), "tributary:kind is page, so tributary:select-item must say"),
    "tags": (rss('tributary:tags="Conso"'), "tributary:tags: 'Conso' is not of the form tag=category"),
    "tags without a name": (rss('tributary:tags="=sport"'), "tributary:tags: '=sport' is not of the form"),
    "an unknown attribute": (rss('tributary:intervall="5"'), "unknown attribute tributary:intervall"),
    "a folder": ('<outline text="A" tributary:paused="true"/>', "tributary:paused stands on a folder"),
    "a source around": (
        f'<outline type="rss" xmlUrl="https://b.example/">{rss()}</outline>',
        "cannot hold other outlines",
    ),
}


@pytest.mark.parametrize(("outline", "reason"), WRONG_LINES.values(), ids=WRONG_LINES)
def test_a_wrong_line_is_named_with_its_number_and_the_reason(outline: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Document.parse(listed(rss(url="https://first.example/"), outline), "feeds.opml")
    assert str(caught.value).startswith("feeds.opml:4: ")
    assert reason in str(caught.value)


def test_a_page_may_lack_selectors_while_it_is_paused() -> None:
    assert only('tributary:kind="page" tributary:paused="true"').kind is SourceKind.PAGE


@pytest.mark.parametrize(
    "url", ["https://me:secret@a.example/", "https://secret@a.example/", "https://:secret@a.example/"]
)
def test_a_password_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="must not hold a user name or a password") as caught:
        Document.parse(listed(rss(url=url)), "feeds.opml")
    assert "secret" not in str(caught.value)


@given(st.from_regex(line.ORDINARY_URL, fullmatch=True))
def test_what_is_taken_for_an_ordinary_address_is_one(url: str) -> None:
    with patch.object(line, "ORDINARY_URL", re.compile(r"(?!)")):
        assert line.url_flaw(url) == ""


@given(st.characters())
def test_the_characters_of_xml_are_those_of_its_section_2_2(letter: str) -> None:
    allowed = letter in "\t\n\r" or any(
        low <= letter <= high for low, high in ((" ", "\ud7ff"), ("\ue000", "\ufffd"), ("\U00010000", "\U0010ffff"))
    )
    assert bool(tree.ILLEGAL.fullmatch(letter)) is not allowed


def test_every_name_of_the_package_is_found_and_no_other() -> None:
    assert all(getattr(opml, name) for name in opml.__all__)
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        opml.unknown  # noqa: B018


def test_the_same_address_twice_names_both_lines() -> None:
    with pytest.raises(ConfigError, match=r"feeds\.opml:5: the same xmlUrl as on line 3: https://a\.example/"):
        Document.parse(listed(rss(), rss(url="https://b.example/"), rss()), "feeds.opml")


def test_all_mistakes_are_told_at_once_but_no_more_than_twenty() -> None:
    two = rss('tributary:paused="x" tributary:interval="x"')
    with pytest.raises(ConfigError) as caught:
        Document.parse(listed(two, *[rss('language="?"')] * 24), "feeds.opml")
    lines = str(caught.value).splitlines()
    assert [text.split(" ")[0] for text in lines[:3]] == ["feeds.opml:3:", "feeds.opml:3:", "feeds.opml:4:"]
    assert lines[20:] == ["… and 6 more"]


WRONG_FILES = {
    "empty": (b"", r"list:1: is not well-formed"),
    "cut off": (LIST.encode()[:800], r"list:\d+: is not well-formed"),
    "two roots": (b"<opml/><opml/>", r"list:1: is not well-formed"),
    "not UTF-8": ("<opml>\né</opml>".encode("latin-1"), r"list:2: is not well-formed"),
    "an undeclared prefix": (b"<opml>\n<a:b/></opml>", r"list:2: is not well-formed: unbound prefix"),
    "another encoding": (
        b'<?xml version="1.0" encoding="ISO-8859-1"?><opml/>',
        "list:1: is in ISO-8859-1; save it as UTF-8",
    ),
    "UTF-16": ("<opml/>".encode("utf-16"), "list: is not in UTF-8"),
    "a feed": (b"\n<rss><body/></rss>", "list:2: is not OPML"),
    "no body": (b"<opml><head/></opml>", "list:1: is not OPML"),
    "a DTD": (b"<!DOCTYPE opml>\n<opml><body/></opml>", "list:1: a DOCTYPE is not allowed"),
    "an outer entity": (
        b'<!DOCTYPE opml [<!ENTITY a SYSTEM "file:///etc/passwd">]><opml><body><outline text="&a;"/></body></opml>',
        "list:1: a DOCTYPE is not allowed",
    ),
    "an unknown entity": (b"<opml><body>&eacute;</body></opml>", "undefined entity"),
    "too many": (listed(*["<outline/>"] * 20_001), "list:20003: more than 20000 outlines"),
    "too deep": (listed(*["<outline>"] * 21), "list:23: outlines are nested more than 20 deep"),
    "far too deep": (listed(*["<outline>"] * 100_000), "nested more than 20 deep"),
    "too large": (b"<opml>" + b" " * (10 * 2**20) + b"</opml>", "list is larger than 10 MiB"),
}


@pytest.mark.parametrize(("body", "reason"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_file_that_is_no_list_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Document.parse(body, "list")


def test_twenty_folders_deep_and_a_byte_order_mark_are_fine() -> None:
    body = b"\xef\xbb\xbf" + listed(*["<outline>"] * 19, rss(), *["</outline>"] * 19)
    parsed = Document.parse(body, "feeds.opml")
    assert len(parsed.sources) == 1
    assert parsed.to_bytes() == body


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"feeds\.opml cannot be read: No such file"):
        read(tmp_path / "feeds.opml")


def test_a_large_list_is_read_quickly() -> None:
    body = listed(*(rss('category="/economie,/dep/25"', url=f"https://a.example/{n}") for n in range(20_000)))
    started = time.perf_counter()
    assert len(Document.parse(body, "feeds.opml").sources) == 20_000
    assert time.perf_counter() - started < 10  # about 1 s where it was measured


# ── editing


def test_a_changed_value_changes_nothing_else_in_its_line() -> None:
    edited = document()
    (bien, _) = edited.sources
    edited.replace(BIEN, replace(bien, paused=True, departements=("25", "70")))
    gone, come = changed_lines(LIST, edited.to_bytes())
    assert [text.strip() for text in gone] == [
        """xmlUrl="https://bien.example/rss?a=1&#38;b=2" x:score="9"  unknown='1' category="/economie,/dep/25"/>"""
    ]
    assert [text.strip() for text in come] == [
        """xmlUrl="https://bien.example/rss?a=1&#38;b=2" x:score="9"  unknown='1' category="/economie,/dep/25,/dep/70\""""
        ' tributary:paused="true"/>'
    ]


def test_a_value_that_falls_back_to_the_default_leaves_the_line() -> None:
    edited = document()
    edited.replace(RADIO, replace(edited.sources[1], interval=None))
    assert b'<outline text="Radio" type="rss" xmlUrl="https://radio.example/rss"></outline>' in edited.to_bytes()


def test_departements_move_from_their_own_attribute_into_the_category() -> None:
    edited = Document.parse(listed(rss('tributary:departements="25 70"')), "feeds.opml")
    edited.replace("https://a.example/", replace(edited.sources[0], departements=("39",)))
    assert b"tributary:departements" not in edited.to_bytes()
    assert Document.parse(edited.to_bytes(), "again").sources == edited.sources
    assert edited.sources[0].departements == ("39",)


def test_a_source_can_change_its_address_and_keeps_its_place() -> None:
    edited = document()
    edited.replace(BIEN, replace(edited.sources[0], url="https://bien.example/atom"))
    assert [source.url for source in edited.sources] == ["https://bien.example/atom", RADIO]
    with pytest.raises(ConfigError, match="does not stand in the list"):
        edited.remove(BIEN)


def test_a_source_that_moves_keeps_its_attributes_and_leaves_the_comments() -> None:
    edited = document()
    edited.replace(BIEN, replace(edited.sources[0], region="Jura"))
    text = edited.to_bytes().decode()
    assert (
        text.index("<!-- the paper -->")
        < text.index("Radio")
        < text.index('<outline text="Jura">')
        < text.index("x:score")
    )
    assert '    <outline text="Jura">\n      <outline title=\'Le "Bien"\'' in text
    assert text.count("bien.example") == 1


def test_an_added_source_stands_last_in_its_folder_and_is_indented_like_its_neighbours() -> None:
    edited = document()
    edited.add(Source(url="https://c.example/?a=1&b=2", title='C "x" <y>\n', region="Doubs", paused=True))
    gone, come = changed_lines(LIST, edited.to_bytes())
    assert gone == []
    assert come == [
        '      <outline text="C &quot;x&quot; &lt;y&gt;" title="C &quot;x&quot; &lt;y&gt;" type="rss"'
        ' xmlUrl="https://c.example/?a=1&amp;b=2" language="fr" tributary:paused="true"/>'
    ]
    assert [source.url for source in edited.sources] == [BIEN, RADIO, "https://c.example/?a=1&b=2"]


def test_folders_that_are_missing_are_made() -> None:
    edited = document()
    edited.add(Source(url="https://c.example/"), region="Jura / Dole / Rochefort")
    edited.add(Source(url="https://d.example/", region=" Jura /  / Dole "))
    assert edited.to_bytes().decode().partition('    <outline text="Jura"')[2] == (
        ">\n"
        '      <outline text="Dole">\n'
        '        <outline text="Rochefort">\n'
        '          <outline text="" type="rss" xmlUrl="https://c.example/" language="fr"/>\n'
        "        </outline>\n"
        '        <outline text="" type="rss" xmlUrl="https://d.example/" language="fr"/>\n'
        "      </outline>\n"
        "    </outline>\n"
        "  </body>\n</opml>\n<!-- the end -->\n"
    )
    assert [source.region for source in edited.sources[2:]] == ["Jura / Dole / Rochefort", "Jura / Dole"]


def test_a_list_on_one_line_stays_on_one_line_and_other_line_ends_are_kept() -> None:
    edited = Document.parse(b"<opml><body><outline text='F'/></body></opml>", "feeds.opml")
    edited.add(Source(url="https://c.example/", region="F"))
    assert b"\n" not in edited.to_bytes()
    windows = Document.parse(LIST.replace("\n", "\r\n").encode(), "feeds.opml")
    windows.add(Source(url="https://c.example/", region="Jura / Dole"))
    assert not re.search(rb"(?<!\r)\n", windows.to_bytes())


def test_a_blank_line_before_a_neighbour_is_not_repeated() -> None:
    edited = Document.parse(listed("  " + rss(), "", "  " + rss(url="https://b.example/")), "feeds.opml")
    edited.add(Source(url="https://c.example/"))
    assert edited.to_bytes().decode().splitlines()[-4:-2] == [
        '  <outline text="A" type="rss" xmlUrl="https://b.example/" />',
        '  <outline text="" type="rss" xmlUrl="https://c.example/" language="fr"/>',
    ]


def test_removing_a_source_leaves_every_comment_and_no_empty_line() -> None:
    edited = document()
    edited.remove(BIEN)
    edited.remove(RADIO)
    lines = edited.to_bytes().decode().splitlines()
    at = lines.index("      <!-- the paper -->")
    assert lines[at + 1] == (
        '      <outline text="Elsewhere" type="include" url="https://else.example/list.opml"/> <!-- kept -->'
    )
    assert len(lines) == len(LIST.splitlines()) - 3


def test_removing_the_last_line_of_a_folder_leaves_the_comment_before_it() -> None:
    edited = Document.parse(listed("<outline text='F'>", "  <!-- c -->", "  " + rss(), "</outline>"), "feeds.opml")
    edited.remove("https://a.example/")
    assert edited.to_bytes() == listed("<outline text='F'>", "  <!-- c -->", "</outline>")


def test_an_edit_that_is_refused_changes_nothing() -> None:
    edited = document()
    other = replace(edited.sources[0], url=RADIO)
    for refused in (
        lambda: edited.add(other),
        lambda: edited.replace(BIEN, other),
        lambda: edited.replace("https://nobody.example/", other),
        lambda: edited.add(Source(url="javascript:alert(1)")),
        lambda: edited.add(Source(url="https://c.example/", title="\x00")),
        lambda: edited.add(Source(url="https://c.example/", region="\ud800")),
        lambda: edited.add(Source(url="https://c.example/", tags={" a": "sport"})),
        lambda: edited.add(Source(url="https://c.example/", interval=timedelta(seconds=90))),
        lambda: edited.add(Source(url="https://c.example/", kind=SourceKind.PAGE)),
        lambda: edited.add(Source(url="https://c.example/", region=" / ".join("abcdefghijklmnopqrst"))),
    ):
        with pytest.raises(ConfigError):
            refused()
    edited.replace(BIEN, edited.sources[0])
    assert not edited.changed
    assert edited.to_bytes(NOW) == LIST.encode()


def test_as_many_folders_as_can_be_read_can_be_written() -> None:
    edited = document()
    edited.add(Source(url="https://c.example/", region=" / ".join("abcdefghijklmnopqrs")))
    assert Document.parse(edited.to_bytes(), "again").sources == edited.sources


def test_a_list_never_grows_beyond_what_can_be_read() -> None:
    full = Document.parse(listed(*["<outline/>"] * 19_999), "feeds.opml")
    with pytest.raises(ConfigError, match="more than 20000 outlines"):
        full.add(Source(url="https://a.example/", region="New folder"))
    full.add(Source(url="https://a.example/"))
    with pytest.raises(ConfigError, match="more than 20000 outlines"):
        full.add(Source(url="https://b.example/"))
    full.remove("https://a.example/")
    full.add(Source(url="https://b.example/", description="a" * (10 * 2**20)))
    with pytest.raises(ConfigError, match="larger than 10 MiB"):
        full.to_bytes()


def test_the_date_of_change_is_the_time_passed_in() -> None:
    edited = document()
    edited.remove(RADIO)
    _, come = changed_lines(LIST, edited.to_bytes(NOW))
    assert come == ["    <dateModified>Sun, 01 Mar 2026 08:30:00 +0000</dateModified>"]


HEADS = {
    "none": ("", ""),
    "empty": ("<head/>", f"<head><dateModified>{NOW:%a, %d %b %Y %H:%M:%S} +0000</dateModified></head>"),
    "a bare date": (
        "<head><dateModified/></head>",
        f"<head><dateModified>{NOW:%a, %d %b %Y %H:%M:%S} +0000</dateModified></head>",
    ),
}


@pytest.mark.parametrize(("before", "after"), HEADS.values(), ids=HEADS)
def test_a_head_without_a_date_gets_one(before: str, after: str) -> None:
    edited = Document.parse(f"<opml>{before}<body>{rss()}</body></opml>".encode(), "feeds.opml")
    edited.remove("https://a.example/")
    assert edited.to_bytes(NOW) == f"<opml>{after}<body></body></opml>".encode()


def test_our_namespace_is_declared_when_the_first_attribute_of_ours_comes() -> None:
    body = (
        listed(rss()).replace(b'"urn:tributary:opml:1"', b'"urn:else"').replace(b" />", b' tributary:paused="maybe"/>')
    )
    edited = Document.parse(body, "feeds.opml")
    edited.replace("https://a.example/", replace(edited.sources[0], paused=True))
    edited.add(Source(url="https://b.example/", paused=True))
    text = edited.to_bytes()
    assert text.count(b"xmlns:tributary1=") == 1
    assert b'tributary:paused="maybe" tributary1:paused="true"' in text
    assert [source.paused for source in Document.parse(text, "again").sources] == [True, True]


# ── the file


def test_a_file_is_replaced_in_one_step_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "feeds.opml"
    path.write_text(LIST)
    path.chmod(0o640)
    link = tmp_path / "link.opml"
    link.symlink_to(path)
    edited = Document.read(link)
    edited.remove(RADIO)
    edited.write(link, NOW)
    assert path.read_bytes() == edited.to_bytes()
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feeds.opml", "link.opml"]


def test_a_new_file_can_be_read_by_all(tmp_path: Path) -> None:
    Document.new("Sources & more").write(tmp_path / "new.opml")
    assert (tmp_path / "new.opml").stat().st_mode & 0o777 == 0o644
    assert b"<title>Sources &amp; more</title>" in (tmp_path / "new.opml").read_bytes()


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "feeds.opml"
    (target / "inside").mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be written"):
        Document.new("x").write(target)
    assert [path.name for path in tmp_path.iterdir()] == ["feeds.opml"]
    with pytest.raises(ConfigError, match="cannot be written"):
        Document.new("x").write(tmp_path / "nowhere" / "feeds.opml")


# ── what should always hold

WORD = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12).map(str.strip)
MULTILINE = st.text(st.sampled_from("ab\n\t\r\"'<>&é "), max_size=8).map(str.strip)
SAFE = WORD.filter(lambda text: not re.search("[\ufffe\uffff]", text))
SLUGS = st.text(ascii_lowercase + digits, min_size=1, max_size=8).filter(lambda slug: slug != "general")
FOLDER = st.sampled_from(["Doubs", "Jura", "Côte-d'Or & Yonne", 'The "East"', "a/b"])
REGION = st.lists(FOLDER, max_size=3).map(" / ".join)
TAG = (SAFE | st.text("a;=\\ ", max_size=6).map(str.strip)).filter(bool)
URL = st.integers(0, 30).map(lambda n: f"https://s{n}.example/rss?a=1&b={n}")


@st.composite
def a_source(draw: st.DrawFn) -> Source:
    return Source(
        url=draw(URL),
        title=draw(SAFE | MULTILINE),
        kind=draw(st.sampled_from(SourceKind)),
        site=draw(st.sampled_from(["", "https://s.example/a?b=c&d='e'"])),
        description=draw(SAFE | MULTILINE),
        region=draw(REGION),
        categories=tuple(draw(st.lists(SLUGS, unique=True, max_size=3))),
        departements=tuple(draw(st.lists(st.sampled_from(["25", "2A", "974", "01"]), unique=True))),
        language=draw(st.sampled_from(["fr", "fr-CH", "de"])),
        timezone=draw(st.sampled_from(["Europe/Paris", "Europe/Zurich", "UTC"])),
        interval=draw(st.none() | st.integers(1, 10080).map(lambda minutes: timedelta(minutes=minutes))),
        paused=draw(st.booleans()),
        republish=draw(st.sampled_from(Republish)),
        tags=draw(st.dictionaries(TAG, SLUGS, max_size=3)),
        selectors={"item": "li > a[href*='x']"} | draw(st.dictionaries(st.sampled_from(line.SELECTORS), TAG)),
    )


SOURCES = st.lists(a_source(), unique_by=lambda source: source.url, max_size=8)


def by_region(sources: list[Source] | tuple[Source, ...]) -> dict[str, list[Source]]:
    regions = {source.region for source in sources}
    return {region: [source for source in sources if source.region == region] for region in regions}


@settings(max_examples=50)
@given(SOURCES)
def test_sources_that_are_written_come_back_equal(sources: list[Source]) -> None:
    written = Document.new("all")
    for source in sources:
        written.add(source)
    again = Document.parse(written.to_bytes(NOW), "again").sources
    assert again == written.sources
    assert by_region(again) == by_region(sources)


EDIT = st.tuples(st.sampled_from(["add", "replace", "remove"]), a_source(), st.integers(0, 9))


@settings(max_examples=50)
@given(st.lists(EDIT, max_size=12))
def test_edits_do_to_the_document_what_they_do_to_a_plain_list(edits: list[tuple[str, Source, int]]) -> None:
    edited = document()
    plain = list(edited.sources)
    for verb, source, at in edits:
        old = plain[at % len(plain)] if plain else None
        others = {each.url for each in plain} - ({old.url} if old and verb == "replace" else set())
        if verb == "remove" and old:
            edited.remove(old.url)
            plain.remove(old)
        elif verb == "replace" and old and source.url not in others:
            edited.replace(old.url, source)
            at = plain.index(old)
            plain[at : at + 1] = [source] if source.region == old.region else []
            plain += [] if source.region == old.region else [source]
        elif verb == "add" and source.url not in others:
            edited.add(source)
            plain.append(source)
    assert by_region(edited.sources) == by_region(plain)
    text = edited.to_bytes()
    assert Document.parse(text, "again").sources == edited.sources
    for kept in (
        "<!-- for the desk -->",
        "<!-- the paper -->",
        '<?desk order="fixed"?>',
        "<!-- kept -->",
        "<!-- the end -->",
    ):
        assert text.count(kept.encode()) == 1
    assert b"<x:note colour='red'>keep &amp; cherish</x:note>" in text
    assert b'type="include" url="https://else.example/list.opml"' in text
    assert (b"x:score=\"9\"  unknown='1'" in text) == any(node.get("unknown") for node in etree.fromstring(text).iter())


@given(st.binary(max_size=200) | st.text("<>opml/ body=\"'outline&;!-\n", max_size=200).map(str.encode))
def test_no_bytes_raise_anything_but_a_config_error(body: bytes) -> None:
    for reading in (
        Document.parse,
        read_foreign,
        lambda body, name: Document.parse(listed(body.decode("latin-1")), name),
    ):
        try:
            reading(body, "x")
        except ConfigError:
            continue


SNIPPET = st.sampled_from(
    ["\r\n", "\t", " ", "<a>&lt;</a>", "<b  c = '>' />", "<!-- > -->", "<?p >?>", "<![CDATA[</x>]]>", "é"]
)


@given(st.lists(st.tuples(st.integers(0, len(LIST)), SNIPPET), max_size=4))
def test_whatever_can_be_parsed_is_written_byte_by_byte(insertions: list[tuple[int, str]]) -> None:
    text = LIST
    for at, snippet in insertions:
        text = text[:at] + snippet + text[at:]
    try:
        parsed = tree.parse(text.encode(), "x")
    except ConfigError:
        return
    assert parsed.to_bytes() == text.encode()


# ── lists from elsewhere

FEEDLY = """<?xml version="1.0" encoding="UTF-8"?>
<opml version="1.0"><head><title>Ana subscriptions in feedly Cloud</title></head><body>
<outline text="Presse" title="Presse">
<outline type="rss" text="L'Est" title="L'Est" xmlUrl="https://est.example/rss" htmlUrl="https://est.example"/>
</outline></body></opml>"""
LOWER = """<OPML version="1.1"><BODY><OUTLINE TEXT="Besan&ccedil;on & Doubs">
<OUTLINE TEXT="Vu & lu &nbsp;&eacute;t&eacute; &bogus; &#233;" xmlurl="https://vu.example/?a=1&b=2" category="sport,/dep/2a,Big News,general"
 language="fr_CH"/></OUTLINE></BODY></OPML>"""
PLANET = b"""<?xml version="1.0" encoding="iso-8859-1"?><opml><body>
<outline title="Caf\xe9" url="feed://cafe.example/rss"/><outline url="feed:https://the.example/rss"/>"""


def test_an_export_of_feedly_is_read() -> None:
    expected = Source(url="https://est.example/rss", title="L'Est", site="https://est.example", region="Presse")
    assert read_foreign(FEEDLY.encode(), "feedly.opml") == (expected,)


def test_names_in_any_case_and_broken_references_are_read() -> None:
    (source,) = read_foreign(LOWER.encode(), "old.opml")
    assert source == Source(
        url="https://vu.example/?a=1&b=2",
        title="Vu & lu été &bogus; é",
        region="Besançon & Doubs",
        categories=("sport",),
        departements=("2A",),
        language="fr-CH",
    )


def test_url_instead_of_xmlurl_an_old_scheme_and_a_missing_end_are_read() -> None:
    first, second = read_foreign(PLANET, "planet.opml")
    assert (first.url, first.title) == ("http://cafe.example/rss", "Café")
    assert (second.url, second.title) == ("https://the.example/rss", "the.example")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8", "cp1252"])
def test_any_encoding_that_readers_write_is_read(encoding: str) -> None:
    body = FEEDLY.replace("Presse", "Été").encode(encoding)
    assert read_foreign(body, "x")[0].region == "Été"


@pytest.mark.parametrize("encoding", ["punycode", "no-such", "us-ascii"])
def test_a_wrong_or_odd_declaration_of_the_encoding_is_ignored(encoding: str) -> None:
    body = FEEDLY.replace("UTF-8", encoding).replace("Presse", "Été").encode()
    assert read_foreign(body, "x")[0].region == "Été"


def test_an_address_that_may_not_be_fetched_is_left_out() -> None:
    bad = ["javascript:alert(1)", "file:///etc/passwd", "https://a:b@c.example/", "feed:", "", "http://"]
    lines = [f'<outline text="x" xmlUrl="{url}" htmlUrl="{url}"/>' for url in bad]
    good = '<outline xmlUrl="https://ok.example/" htmlUrl="javascript:alert(1)"/>'
    include = '<outline type="include" url="https://list.example/"/>'
    sources = read_foreign(listed(*lines, include, good, good), "x")
    assert sources == (Source(url="https://ok.example/", title="ok.example"),)


HOSTILE = {
    "an entity": b'<!DOCTYPE o [<!ENTITY a SYSTEM "file:///etc/passwd">]><opml><body><outline text="&a;"/></body></opml>',
    "an entity in UTF-16": '<!DOCTYPE o [<!ENTITY a "a">]><opml/>'.encode("utf-16"),
    "a hundred thousand lines": listed(*["<outline/>"] * 100_000),
    "too large": b"<opml>" + b" " * (10 * 2**20),
    "a page": b"<html><body><outline xmlUrl='https://a.example/'/></body></html>",
    "nothing": b"",
    "no XML": b"{}",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_upload_is_refused(body: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^upload "):
        read_foreign(body, "upload")


HARMLESS = {
    "ten thousand levels": listed(*['<outline text="a">'] * 10_000),
    "outer DTD": b'<!DOCTYPE opml SYSTEM "http://127.0.0.1:9/x.dtd"><opml><body/></opml>',
    "a hundred thousand attributes": listed("<outline " + " ".join(f'a{n}="x"' for n in range(100_000)) + "/>"),
    "a million bare ampersands": listed('<outline text="' + "&" * 1_000_000 + '"/>'),
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_a_strange_upload_does_no_harm_and_takes_little_time(body: bytes) -> None:
    started = time.perf_counter()
    assert read_foreign(body, "upload") == ()
    assert time.perf_counter() - started < 5  # under 0.5 s where it was measured


def test_long_texts_and_deep_folders_are_cut() -> None:
    deep = ['<outline text="a">'] * 50
    (source,) = read_foreign(listed(*deep, f'<outline text="{"b" * 9999}" xmlUrl="https://a.example/"/>'), "x")
    assert source.region == " / ".join("a" * 10)
    assert len(source.title) == 500
    Document.new("x").add(source)


def test_merging_adds_what_is_new_and_tells_what_was_there() -> None:
    edited = document()
    same = "http://www.radio.example:80/rss/#top"
    new = [Source(url="https://n.example:8080/", region="Presse"), Source(url="https://n.example/")]
    added, already = merge(edited, [Source(url=same), *new, Source(url="http://n.example")])
    assert list(added) == new
    assert [source.url for source in already] == [same, "http://n.example"]
    assert all(source in edited.sources for source in new)


# ── what we publish


def outlines(body: bytes) -> list[dict[str, str]]:
    return [dict(node.attrib) for node in etree.fromstring(body).iter("outline")]


def test_our_feeds_are_listed_for_readers_to_import() -> None:
    address = "https://us.example/feeds/economie.atom"
    economy = Line("Économie", address, "https://us.example/economie", "The \x00river & more", "fr", "/economie")
    body = write_subscriptions("Tributary", [Folder("Rubriques", [economy])], NOW, "https://us.example")
    root = etree.fromstring(body)
    assert body.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    assert root.get("version") == "2.0"
    assert root.findtext("head/title") == "Tributary"
    assert root.findtext("head/dateModified") == "Sun, 01 Mar 2026 08:30:00 +0000"
    assert root.findtext("head/ownerId") == "https://us.example"
    assert root.findtext("head/docs") == "https://opml.org/spec2.opml"
    assert root.find("body/outline/outline") is not None
    assert outlines(body) == [
        {"text": "Rubriques"},
        {
            "text": "Économie",
            "title": "Économie",
            "type": "rss",
            "xmlUrl": "https://us.example/feeds/economie.atom",
            "htmlUrl": "https://us.example/economie",
            "description": "The river & more",
            "language": "fr",
            "category": "/economie",
        },
    ]


def test_the_published_sources_tell_nothing_private() -> None:
    source = Source(
        url="https://a.example/",
        title="A",
        region="Doubs / Besançon",
        categories=("sport",),
        departements=("25",),
        interval=timedelta(minutes=5),
        paused=True,
        republish=Republish.FULL,
        tags={"a": "sport"},
    )
    body = write_sources([source, replace(source, url="https://b.example/", region="Doubs")], "Ours", NOW)
    assert b"tributary" not in body
    assert outlines(body)[2] == {
        "text": "A",
        "title": "A",
        "type": "rss",
        "xmlUrl": "https://a.example/",
        "category": "/sport,/dep/25",
        "language": "fr",
    }


def test_a_page_is_published_as_a_link_for_nobody_can_subscribe_to_it() -> None:
    page = Source(url="https://a.example/news", title="A", kind=SourceKind.PAGE)
    (outline,) = outlines(write_sources([page], "Ours", NOW))
    assert (outline["type"], outline["url"], "xmlUrl" in outline) == ("link", "https://a.example/news", False)


@settings(max_examples=50)
@given(SOURCES)
def test_published_sources_can_be_imported_elsewhere(sources: list[Source]) -> None:
    feeds = [source for source in sources if source.kind is SourceKind.FEED]
    again = read_foreign(write_sources(feeds, "Ours", NOW), "sources.opml")
    ours = {source.url: (source.region, source.categories, source.departements, source.language) for source in feeds}
    assert {s.url: (s.region, s.categories, s.departements, s.language) for s in again} == ours
