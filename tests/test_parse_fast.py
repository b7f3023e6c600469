"""What the fast reader takes, it reads as feedparser does; what it does not know, it leaves to it."""

from datetime import UTC, datetime
from html import escape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.demo.articles import load
from aggregator.demo.formats import render
from aggregator.demo.outlets import OUTLETS
from aggregator.errors import ParseError
from aggregator.parse.encoding import decode
from aggregator.parse.fast import read_plain
from aggregator.parse.feed import read_feed
from bench.corpus import Shape, outlets

CORPUS = Path(__file__).parent / "corpus"
URL = "https://source.example/rubrique/feed"
ZONE = "Europe/Paris"
NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "wfw": "http://wellformedweb.org/CommentAPI/",
    "media": "http://search.yahoo.com/mrss/",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0",
    "georss": "http://www.georss.org/georss",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "own": "https://source.example/ns",
}


def held(text: str, url: str = URL) -> bool:
    """Hold the two readers against each other. → whether the fast one took the document."""
    text = text.strip()
    fast = read_plain(text, url, ZONE, "a flaw of its bytes")
    if fast is not None:
        assert fast == read_feed(text, url, ZONE, "a flaw of its bytes")
    return fast is not None


def taken(paths: list[Path]) -> set[str]:
    return {path.name for path in paths if held(decode(path.read_bytes(), "")[0])}


def in_xml() -> list[Path]:
    return sorted(path for path in CORPUS.glob("*.xml") if path.name not in {"encoding-utf-16-lie.xml"})


def test_documents_of_the_corpus_are_read_as_feedparser_reads_them_and_those_that_are_plain_are_taken() -> None:
    found = taken(in_xml())
    assert {"content-wordpress.xml", "guid-exact.xml", "media-group.xml", "title-double-encoded.xml"} <= found
    assert len(found) >= 39
    assert not [name for name in found if name.startswith(("error-", "entities-"))]


def test_documents_that_are_odd_in_one_place_are_left_to_feedparser() -> None:
    odd = sorted(CORPUS.glob("left-*.xml"))
    assert odd and not taken(odd)


def test_most_documents_of_the_made_up_region_are_taken() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    articles = load(now)
    bodies = [
        render(outlet, [each for each in articles if each.outlet == outlet.slug], now, "http://127.0.0.1:1")
        for outlet in OUTLETS
    ]
    feeds = [
        text for body in bodies if (text := decode(body, "")[0]).startswith(("<?xml", "<rss", "<feed", "<rdf:RDF"))
    ]
    assert len(feeds) >= 9 and sum(map(held, feeds)) >= 0.8 * len(feeds)


def test_what_the_load_of_the_benchmarks_serves_is_taken_all_of_it() -> None:
    for outlet in outlets(Shape(16, 4, datetime(2026, 11, 20, tzinfo=UTC))):
        assert held(decode(outlet.body, outlet.content_type)[0]), outlet.kind


# ── documents made at random

WORDS = st.sampled_from(
    (
        "Bœuf & mûres", "  Deux  mots\n", "", "<b>gras</b> et plus", "5 < 6 > 4", "&eacute;t&eacute;", "&amp;amp;",
        "L’été à Besançon", "Ã©tÃ©", "a\xa0", "\xa0", "😀 ]]", "<!-- wp:p --><p>Un</p>", "&lt;p&gt;Deux&lt;/p&gt;", "12345",
        "https://source.example/a?b=1&c=2", "/relatif", "tag:source.example,2026:1", "&nbsp;x", "Jeanne Péquignot",
        "\tonglet", "&#233;", "Texte sans &suite; fin", "<p>Un <a href='x'>lien</a></p>", "fr-FR", "é" * 700, "(Communiqué)",
    )
)  # fmt: skip
ODD_WORDS = st.sampled_from(
    (
        "http:////deux.example/", "<media:title>Photo</media:title>", "jeanne@source.example (Jeanne)", "@jeanne", "x" * 1100,
        "\x85", "a\rb", "&#13;", "<![CDATA[", "<?php ?>",
    )
)  # fmt: skip
DATES = st.sampled_from(
    (
        "Wed, 11 Feb 2026 10:00:00 +0100", "Wed, 11 Feb 2026 10:00:00 CET", "2026-02-11T10:00:00Z", "11 février 2026",
        "2026-02-11T10:00:00.123+01:00", "hier", "", "12/10/2021 11h23", "Publié le 3 mars 2026 / Mis à jour le 4 mars 2026",
    )
)  # fmt: skip
LETTERS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20)
TEXTS = st.one_of(*[WORDS] * 20, LETTERS, LETTERS, ODD_WORDS)
KINDS = st.sampled_from(
    (*[""] * 12, ' type="html"', ' type="text"', ' type="TEXT/HTML"', ' type="xhtml"', ' mode="xml"')
)


@st.composite
def written(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXTS) -> str:
    """A text in one of the ways in which XML writes it."""
    text = draw(texts)
    if draw(st.integers(0, 2)):
        return escape(text, quote=draw(st.booleans()))
    return text if draw(st.integers(0, 30)) == 0 else "<![CDATA[" + text.replace("]]>", "") + "]]>"


@st.composite
def link(draw: st.DrawFn, name: str) -> str:
    parts = [
        draw(
            st.sampled_from(("", ' rel="alternate"', ' rel="enclosure"', ' rel="self"', ' rel="hub"', ' REL="license"'))
        ),
        draw(st.sampled_from(("", ' type="text/html"', ' type="image/jpeg"', ' type="application/atom+xml"'))),
        draw(st.sampled_from(("", ' length="123"', ' title="Photo"', ' hreflang="fr"', ' title="b"'))),
    ]
    return f'<{name} href="{escape(draw(TEXTS))}"{"".join(parts)}/>'


def texts(name: str, kinds: bool = False) -> st.SearchStrategy[str]:
    kind = KINDS if kinds else st.just("")
    return st.builds(lambda text, kind: f"<{name}{kind}>{text}</{name.split()[0]}>", written(), kind)


def dates(name: str) -> st.SearchStrategy[str]:
    return st.builds(lambda text: f"<{name}>{text}</{name}>", written(DATES))


COMMON = (
    texts("title", kinds=True), texts("link"), link("link"), texts("rights", kinds=True), dates("updated"), dates("published"),
    texts("dc:creator"), texts("dc:rights"), dates("dc:date"), texts("dc:language"), texts("language"), texts("author"),
    st.builds(lambda text: f"<author><name>{text}</name><uri>https://a.example</uri></author>", written()),
    st.builds(lambda text: f"<contributor><name>{text}</name></contributor>", written()),
    texts("category"), st.builds(lambda text: f'<category term="{escape(text)}" label="Un"/>', TEXTS),
    texts('category domain="https://source.example/tags"'), texts("dc:subject"), texts("own:thing"), texts('own:title a="1"'),
    texts("slash:comments"), texts("sy:updatePeriod"), texts("generator"), texts("comments"), link("atom:link"),
)  # fmt: skip
ODD = (
    texts("georss:point"), texts("itunes:author"), texts("unknown"), st.just("<!-- un commentaire -->"), texts("description"),
    texts("id"), texts("copyright"), texts("dc:title"), st.just('<own:x xml:base="https://b.example/">x</own:x>'),
    st.just("<content><div>en ligne</div></content>"), st.just('<itunes:image href="https://source.example/i.jpg"/>'),
    texts("source"), texts('link lang="de"'), texts("title"), texts("media:title"), texts("media:category"),
)  # fmt: skip
OF_ENTRIES = (
    *COMMON, texts("title"), texts("link"), texts("description"), texts("description"), texts("content:encoded"), texts("guid"),
    texts('guid isPermaLink="false"'), dates("pubDate"), dates("dcterms:created"), texts("summary", kinds=True),
    texts("content", kinds=True), texts("feedburner:origLink"), texts("dc:description"),
    st.builds(lambda text: f'<enclosure url="{escape(text)}" length="12" type="Image/JPEG"/>', TEXTS),
    st.just('<media:content url="https://source.example/a.jpg" medium="image"><media:title>T</media:title></media:content>'),
    st.just('<media:group><media:thumbnail url="b.jpg"/><media:credit>© Eux</media:credit></media:group>'),
    st.just("<wfw:commentRss>https://x.example</wfw:commentRss>"),
    dates("issued"), dates("modified"), dates("created"),
)  # fmt: skip
OF_FEEDS = (
    *COMMON, texts("subtitle", kinds=True), texts("managingEditor"), texts("webMaster"), dates("lastBuildDate"), texts("ttl"),
    st.just("<image><url>https://source.example/logo.png</url><title>Logo</title><link>https://source.example/</link></image>"),
    st.just("<skipHours><hour>3</hour></skipHours>"), texts("logo"), dates("pubDate"), texts("tagline"),
)  # fmt: skip
PLAIN_FEED = "<title>Le fil</title><link>https://source.example/</link><description>Tout</description>"
PLAIN_ENTRY = "<title>Un titre</title><link>https://source.example/1</link>"
FORMATS = st.sampled_from(("rss", "rss", "atom", "rdf"))


@st.composite
def documents(draw: st.DrawFn) -> str:
    format = draw(FORMATS)
    gap = draw(st.sampled_from(("", "\n", "\n\t  ", " texte ")))

    is_odd = draw(st.integers(0, 5)) == 0

    def some(parts: tuple[st.SearchStrategy[str], ...], most: int) -> str:
        found = draw(st.lists(st.sampled_from(parts), max_size=most, unique=draw(st.integers(0, 4)) > 0))
        odd = [draw(st.one_of(*ODD))] if is_odd and draw(st.booleans()) else []
        return gap.join(("", *map(draw, found), *odd, ""))

    entries = [
        some(OF_ENTRIES, 7) if draw(st.integers(0, 3)) else PLAIN_ENTRY + draw(st.one_of(*OF_ENTRIES))
        for _ in range(draw(st.integers(min(1, not is_odd), 3)))
    ]
    head, tail = some(OF_FEEDS, 4), some(OF_FEEDS, 1) if draw(st.booleans()) else ""
    if draw(st.booleans()):
        head, tail = PLAIN_FEED, ""
    used = dict(NAMESPACES)
    if draw(st.integers(0, 9)) == 0:
        used["media"] = draw(st.sampled_from(("http://search.yahoo.com/mrss", "https://source.example/other")))
    if draw(st.integers(0, 9)) == 0:
        used[draw(st.sampled_from(("rss", "m", "content2", "dc2")))] = draw(st.sampled_from(tuple(NAMESPACES.values())))
    if format == "rdf" and draw(st.integers(0, 9)):
        del used["atom"]
    spaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in used.items())
    language = draw(
        st.sampled_from((*[""] * 9, *[' xml:lang="fr"', ' xml:lang="fr_FR"'] * 3, ' xml:lang=""', ' lang="de"'))
    )
    before = draw(st.sampled_from((*["", '<?xml version="1.0"?>\n', "<!-- x -->"] * 6, "<!DOCTYPE rss>", "junk")))
    after = draw(st.sampled_from((*["", "\n"] * 6, "<!-- fin -->")))
    if format == "rss":
        items = "".join(f"{gap}<item>{each}</item>" for each in entries)
        version = draw(st.sampled_from((*["2.0"] * 20, "2.1", "0.92", "")))
        return f'{before}<rss version="{version}"{spaces}{language}><channel>{head}{items}{tail}</channel></rss>{after}'
    if format == "atom":
        items = "".join(f"<entry>{each}</entry>{gap}" for each in entries)
        return f'{before}<feed xmlns="{NAMESPACES["atom"]}"{spaces}{language}>{head}{items}{tail}</feed>{after}'
    items = "".join(f'<item rdf:about="https://source.example/{at}">{each}</item>' for at, each in enumerate(entries))
    own = 'xmlns="http://purl.org/rss/1.0/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    return f"{before}<rdf:RDF {own}{spaces}{language}><channel>{head}</channel>{items}</rdf:RDF>{after}"


@settings(max_examples=300)
@given(documents())
def test_any_document_that_is_taken_is_read_as_feedparser_reads_it(text: str) -> None:
    try:
        held(text)
    except ParseError as error:
        pytest.fail(f"taken, though feedparser says {error.message}")
