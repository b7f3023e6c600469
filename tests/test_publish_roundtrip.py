"""What is published and read back by a parser is what was put in, whatever characters it is made of."""

import html
import json
from datetime import UTC, datetime

import feedparser
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from aggregator.model import (
    Category,
    CategoryFeed,
    Content,
    Enclosure,
    FeedEntry,
    Format,
    Genre,
    Image,
    Item,
    Options,
    Origin,
    Picture,
    Question,
    Republish,
    Tombstone,
)
from aggregator.publish import render, render_delta
from aggregator.publish.characters import printable, undecodable, uri
from tests.publish_rules import CHECKS, check_feed

# A feed of four entries holds much to vary; explaining a failure would take minutes.
LIMITS = settings(deadline=None, max_examples=30, phases=set(Phase) - {Phase.explain})

EMPTY = CategoryFeed(
    slug="economie",
    id="tag:agg.example,2026:feed/economie",
    title="Économie – Tributary",
    subtitle="Articles « Économie » de 14 sources",
    language="fr",
    site="https://agg.example/economie",
    base="https://agg.example/feeds/economie",
    updated=datetime(2026, 2, 11, 12, tzinfo=UTC),
    entries=(),
    publisher="Tributary",
    category_scheme="tag:agg.example,2026:categories",
    genre_scheme="tag:agg.example,2026:genres",
    departement_scheme="tag:agg.example,2026:departements",
)


def mended_by_feedparser(text):
    """feedparser takes text that is UTF-8 when written as Latin-1 for a mistake, and mends it."""
    try:
        return not text.isascii() and bool(text.encode("iso-8859-1").decode("utf-8"))
    except UnicodeError:
        return False


PIECES = ["«\u00a0", "\u202f»", "“", "”", '"', "'", "’", "&", "<", ">", "]]>", "&lt;b&gt;", "<b>", "</p>", "&amp;"]
PIECES += ["&nbsp;", "&#60;", "<!--", "<![CDATA[", "😀", "𐍈", "שלום", "\u202e", "\x00", "\x0b", "\ud800", "\uffff"]
PIECES += [" ", "\n", "\r\n", "\t", "été", "lancé à Besançon", "R&D", "<5 ans", "e\u0301", "\\", "{label}", "%s"]
# feedparser looks for addresses in the names of authors, and takes U+0080 to U+009F for Windows-1252
CHARACTERS = st.characters(exclude_characters=["@", *map(chr, range(0x80, 0xA0))])
NASTY = st.lists(st.sampled_from(PIECES) | CHARACTERS, max_size=12).map("".join)
LONG = st.just("très long & “sûr” " * 200)
TEXTS = (NASTY | NASTY | LONG).filter(lambda text: not mended_by_feedparser(seen(text)))
NAMES = TEXTS.filter(lambda text: bool(seen(text)))
URLS = st.builds(
    "https://{}.example/{}".format,
    st.sampled_from(["a", "b", "été"]),
    st.text("abé&=?%'+/.-1", max_size=15),
)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))
ORIGINS = st.builds(
    Origin, title=NAMES, url=URLS, site=URLS, id=st.uuids().map("urn:uuid:{}".format), rights=TEXTS, updated=MOMENTS
)
SLUGS = st.sampled_from(["economie", "politique", "société", "autre"])
ITEMS = st.builds(
    Item,
    source=URLS,
    guid=NAMES,
    link=URLS,
    canonical=URLS,
    title=NAMES,
    lead=TEXTS,
    html=st.just("<p>tout</p>"),
    author=TEXTS,
    image=st.none() | st.builds(Image, URLS, TEXTS, TEXTS, st.just("image/png"), st.none() | st.integers(1, 3000)),
    enclosures=st.lists(
        st.builds(Enclosure, URLS, st.sampled_from(["audio/mpeg", ""]), st.none() | st.integers(1, 10**9)),
        max_size=2,
    ).map(tuple),
    language=st.sampled_from(["fr", "de", "oc"]),
    categories=st.lists(st.builds(Category, SLUGS, st.just("path")), max_size=3).map(tuple),
    genre=st.sampled_from(Genre),
    labels=st.lists(NAMES, max_size=2).map(tuple),
    rights=TEXTS,
    point=st.sampled_from(["", "47.2378 6.0241"]),
)
ENTRIES = st.builds(
    FeedEntry,
    id=st.uuids().map("urn:uuid:{}".format),
    url=URLS,
    item=ITEMS,
    source=ORIGINS,
    published=MOMENTS,
    updated=MOMENTS,
    also=st.lists(ORIGINS, max_size=2).map(tuple),
    republish=st.sampled_from(Republish),
).map(lambda entry: replace(entry, updated=max(entry.published, entry.updated)))
LABELS = st.dictionaries(SLUGS | st.sampled_from(Genre).map(str), NAMES, max_size=4)


def feed_of(entries, labels):
    updated = max((entry.updated for entry in entries), default=EMPTY.updated)
    return replace(EMPTY, entries=tuple(entries), labels=labels, updated=updated)


FEEDS = st.builds(feed_of, st.lists(ENTRIES, max_size=4, unique_by=lambda entry: entry.id), LABELS)


def seen(text):
    """What a parser can give back of a text: without forbidden characters and surrounding space."""
    return printable(text).strip()


def apart(text):
    """The same of a text in RSS."""
    return undecodable(seen(text)).strip()


def told(detail):
    """A text construct as people see it."""
    if detail is None:
        return ""
    return html.unescape(detail.value) if detail.type == "text/html" else detail.value


def seconds(moment):
    return moment.replace(microsecond=0)


def parsed(rendition):
    found = feedparser.parse(
        rendition.body,
        sanitize_html=False,
        resolve_relative_uris=False,
        response_headers={"content-type": rendition.content_type},
    )
    assert not found.bozo
    return found


def moment_of(parts):
    return datetime(*parts[:6], tzinfo=UTC)


def expected_terms(feed, item):
    slugs = list(dict.fromkeys(category.slug for category in item.categories))
    terms = [(slug, EMPTY.category_scheme, seen(feed.labels.get(slug, slug))) for slug in slugs]
    if item.genre is not Genre.ARTICLE:
        genre = item.genre.value
        terms.append((genre, EMPTY.genre_scheme, seen(feed.labels.get(genre, genre))))
    return terms


def media_of(item):
    """The picture, then what is attached, each address once."""
    picture = [Enclosure(item.image.url, "", item.image.length)] if item.image else []
    found = {}
    for each in (*picture, *item.enclosures):
        found.setdefault(uri(each.url), Enclosure(uri(each.url), each.type, each.length))
    return list(found.values())


@given(FEEDS)
@LIMITS
def test_atom_read_back_says_what_was_published(feed):
    rendition = render(feed, Format.ATOM)
    CHECKS[Format.ATOM](rendition.body)
    found = parsed(rendition)
    assert (found.version, found.feed.id, found.feed.title) == ("atom10", feed.id, feed.title)
    assert moment_of(found.feed.updated_parsed) == seconds(feed.updated)
    for entry, read in zip(feed.entries, found.entries, strict=True):
        item = entry.item
        assert (read.id, read.link, told(read.title_detail)) == (entry.id, uri(item.link), seen(item.title))
        assert moment_of(read.published_parsed) == seconds(entry.published)
        assert moment_of(read.updated_parsed) == seconds(entry.updated)
        assert read.author_detail.name == (apart(item.author) or apart(entry.source.title))
        assert told(read.get("rights_detail")) == (seen(item.rights) or seen(entry.source.rights))
        if seen(item.lead):
            assert told(read.summary_detail) == seen(item.lead)
        assert_source(read.source, entry.source)
        tags = [(tag.term, tag.scheme, tag.label.strip()) for tag in read.get("tags", [])]
        assert tags == [(slug, scheme, apart(label)) for slug, scheme, label in expected_terms(feed, item)]
        lengths = [None if each.length is None else str(each.length) for each in media_of(item)]
        assert [each.href for each in read.enclosures] == [each.url for each in media_of(item)]
        assert [each.get("length") for each in read.enclosures] == lengths
        related = [(link.href, link.title.strip()) for link in read.links if link.rel == "related"]
        assert related == [(uri(other.url), apart(other.title)) for other in entry.also]
        assert [link.href for link in read.links if link.rel == "via"] == [entry.url]
        assert_image(read, item.image)


def assert_source(read, source):
    assert (told(read.title_detail), read.id) == (seen(source.title), source.id)
    assert moment_of(read.updated_parsed) == seconds(source.updated)
    assert [(link.rel, link.href) for link in read.links] == [
        ("self", uri(source.url)),
        ("alternate", uri(source.site)),
    ]
    assert told(read.get("rights_detail")) == seen(source.rights)


def assert_image(read, image, others=()):
    contents = read.get("media_content", [])
    pictures = [uri(image.url)] if image else []
    assert [each["url"] for each in contents] == [*pictures, *(each.url for each in others)]
    credits = [each.get("content") for each in read.get("media_credit", [])]
    assert credits == ([seen(image.credit)] if image and seen(image.credit) else [])


@given(FEEDS)
@LIMITS
def test_rss_read_back_says_what_was_published_but_for_spaces_that_keep_markup_apart(feed):
    rendition = render(feed, Format.RSS)
    CHECKS[Format.RSS](rendition.body)
    found = parsed(rendition)
    assert (found.version, found.feed.link, found.feed.title) == ("rss20", feed.site, feed.title)
    assert moment_of(found.feed.updated_parsed) == seconds(feed.updated)
    for entry, read in zip(feed.entries, found.entries, strict=True):
        item = entry.item
        assert (read.id, read.link, read.title) == (entry.id, uri(item.link), apart(item.title))
        assert not read.guidislink
        assert moment_of(read.published_parsed) == seconds(entry.published)
        assert read.author == (apart(item.author) or apart(entry.source.title))
        assert (read.source.href, read.source.title) == (uri(entry.source.url), apart(entry.source.title))
        expected = [(apart(label), scheme) for _, scheme, label in expected_terms(feed, item)]
        tags = [(tag.term.strip(), tag.scheme) for tag in read.get("tags", [])]
        assert tags == expected
        attached = media_of(item)[:1]
        assert [each.href for each in read.enclosures] == [each.url for each in attached]
        assert [each.length for each in read.enclosures] == [str(each.length or 0) for each in attached]
        related = [(link.href, link.title.strip()) for link in read.links if link.rel == "related"]
        assert related == [(uri(other.url), apart(other.title)) for other in entry.also]
        assert_image(read, item.image, media_of(item)[1:])


@given(FEEDS)
@LIMITS
def test_json_read_back_says_what_was_published(feed):
    rendition = render(feed, Format.JSON)
    CHECKS[Format.JSON](rendition.body)
    found = json.loads(rendition.body)
    assert found["feed_url"] == f"{feed.base}.json"
    for entry, read in zip(feed.entries, found["items"], strict=True):
        item, ours = entry.item, read["_tributary"]
        assert (read["id"], read["url"], read["title"]) == (entry.id, uri(item.link), seen(item.title))
        assert read["date_published"] == seconds(entry.published).isoformat()
        assert read["date_modified"] == seconds(entry.updated).isoformat()
        assert read["authors"] == [{"name": seen(item.author) or seen(entry.source.title)}]
        assert read.get("summary", "") == seen(item.lead)
        assert read.get("image") == (uri(item.image.url) if item.image else None)
        assert ours.get("image_alt", "") == (seen(item.image.alt) if item.image else "")
        assert ours.get("image_credit", "") == (seen(item.image.credit) if item.image else "")
        attachments = [(each["url"], each.get("size_in_bytes")) for each in read.get("attachments", [])]
        assert attachments == [(uri(each.url), each.length) for each in item.enclosures]
        assert ours["source"]["title"] == printable(entry.source.title)
        assert ours["source"]["feed_url"] == uri(entry.source.url)
        assert ours.get("also", []) == [{"title": printable(each.title), "url": uri(each.url)} for each in entry.also]
        assert ours.get("labels", []) == [printable(label) for label in item.labels]
        slugs = [slug for slug, _, _ in expected_terms(feed, item)]
        assert [*ours.get("categories", []), *([ours["genre"]] if "genre" in ours else [])] == slugs


MORE = [*PIECES, "@", "\x85", "\ufffd", "\ufdd0", "&1", "&_", "</b>"]
ANYTHING = st.lists(st.sampled_from(MORE) | st.characters(), max_size=8).map("".join)
HOSTILE = st.builds(
    replace,
    ENTRIES,
    item=st.builds(
        replace,
        ITEMS,
        title=ANYTHING,
        lead=ANYTHING,
        author=ANYTHING,
        rights=ANYTHING,
        point=ANYTHING,
        departements=st.lists(ANYTHING, max_size=2).map(tuple),
        labels=st.lists(ANYTHING, max_size=2).map(tuple),
        image=st.none() | st.builds(Image, URLS, ANYTHING, ANYTHING, ANYTHING),
        enclosures=st.builds(Enclosure, URLS, ANYTHING).map(lambda each: (each,)),
    ),
    source=st.builds(replace, ORIGINS, title=ANYTHING.map("{}A".format), rights=ANYTHING),
    also=st.lists(st.builds(replace, ORIGINS, title=ANYTHING), max_size=1).map(tuple),
)
OPTIONS = st.builds(Options, st.sampled_from(Picture), st.sampled_from(Content), st.integers(0, 9), st.booleans())


@given(
    st.lists(HOSTILE, max_size=2, unique_by=lambda entry: entry.id),
    OPTIONS,
    st.integers(0, 2),
    st.builds(Tombstone, st.uuids().map("urn:uuid:{}".format), MOMENTS).map(lambda each: (each,)),
    ANYTHING,
    ANYTHING,
)
@LIMITS
def test_whatever_sources_write_and_readers_ask_for_a_feed_follows_the_rules(
    entries, options, page, removed, name, query
):
    feed = replace(
        feed_of(entries, {"dep/25": name}),
        options=options,
        page=page,
        pages=2,
        removed=removed,
        hub="" if page else "https://agg.example/hub",
        title=f"{name} – Tributary",
        subtitle=f"« {name} »",
        question=Question("" if page else printable(query)),
    )
    for format in Format:
        check_feed(render(feed, format).body, format)
        check_feed(render_delta(feed, format, render(feed, format).entries[:1]).body, format, delta=True)


@given(ENTRIES)
@LIMITS
def test_the_text_of_an_entry_read_as_html_is_its_lead(entry):
    for format in (Format.ATOM, Format.JSON):
        entry = replace(entry, republish=Republish.LEAD)
        read = html_paragraphs(content_of(format, entry))
        assert read == words(seen(entry.item.lead) or seen(entry.item.title))


@given(ENTRIES)
@LIMITS
def test_an_rss_description_decoded_once_too_often_still_shows_lead_and_credit(entry):
    description = content_of(Format.RSS, entry)
    lead = apart(entry.item.lead) or apart(entry.item.title)
    credit = apart(entry.item.image.credit) if entry.item.image else ""
    assert words(strip_tags(html.unescape(description))) == words(f"{lead} {credit}")


def content_of(format, entry):
    document = render(feed_of([entry], {}), format).body
    if format is Format.JSON:
        return json.loads(document)["items"][0]["content_html"]
    root = etree.fromstring(document)
    if format is Format.RSS:
        return root.findtext("channel/item/description")
    return root.findtext("{*}entry/{*}content")


def words(text):
    return text.split()


def html_paragraphs(text):
    """What a browser shows of the paragraphs."""
    start, end = text.index("<p>") + 3, text.rindex("</p>")
    inner = text[start:end]
    assert "<" not in inner
    return words(html.unescape(inner))


def strip_tags(text):
    """Remove tags the way PHP does: any `<` before a non-space opens one, quotation marks hide its `>`."""
    kept, quote, inside = [], "", False
    for index, each in enumerate(text):
        if inside:
            if quote:
                quote = "" if each == quote else quote
            elif each in "\"'":
                quote = each
            elif each == ">":
                inside = False
        elif each == "<" and text[index + 1 : index + 2] not in tuple(" \t\n\r\f\v"):
            inside = True
        else:
            kept.append(each)
    return "".join(kept)
