"""What a feed of ours holds, and what it says of itself and of its sources."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.model import Date, Item, Origin, Republish, Source, SourceState, Stored, Story
from aggregator.publish.select import select

NOON = datetime(2026, 2, 11, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = (f"https://{name}.example/feed" for name in "abc")
SETTINGS = Settings(base_url="https://agg.example/", title="Tributary", authority="agg.example,2026")
SOURCES = {
    A: Source(A, title="Journal A", site="https://a.example/", republish=Republish.FULL),
    B: Source(B, title="Le Journal B"),
}
STATES = {
    A: SourceState(A, feed_id="tag:a.example,2020:feed", feed_rights="© A"),
    C: SourceState(C, feed_title="C, dit-elle", feed_site="https://c.example/"),
}


def stored(source, published=NOON - HOUR, first_seen=NOON, **changes):
    item = Item(source, "1", f"{source}/1", f"{source}/1", "Titre", "Chapô", published=Date("", published))
    return Stored(1, 7, replace(item, **changes), first_seen, NOON)


def story(lead, *others, updated=NOON, number=7):
    return Story(number, f"urn:x:{number}", lead, others, NOON, updated, NOON)


def chosen(*stories, feed="economie", **changes):
    given = {
        "sources": SOURCES,
        "states": STATES,
        "labels": {"economie": "Économie", "dep/25": "Doubs"},
        "settings": SETTINGS,
        "empty_updated": START,
    }
    return select(feed, stories, **(given | changes))


def entry_of(*args, **kwargs):
    return chosen(story(*args, **kwargs)).entries[0]


def test_a_feed_is_named_by_the_authority_and_its_slug_for_ever():
    feed = chosen(story(stored(A)))
    assert feed.id == "tag:agg.example,2026:feed/economie"
    moved = chosen(story(stored(A)), settings=replace(SETTINGS, base_url="https://new.example"))
    assert (moved.id, moved.category_scheme, moved.genre_scheme) == (feed.id, feed.category_scheme, feed.genre_scheme)


@pytest.mark.parametrize(
    ("slug", "title", "page"),
    [
        ("economie", "Économie – Tributary", "https://agg.example/economie"),
        ("dep/25", "Doubs – Tributary", "https://agg.example/dep/25"),
        ("inconnu", "inconnu – Tributary", "https://agg.example/inconnu"),
        ("all", "Tributary", "https://agg.example/"),
    ],
)
def test_a_feed_has_the_title_and_the_page_of_its_slug(slug, title, page):
    feed = chosen(story(stored(A)), feed=slug)
    assert (feed.slug, feed.title, feed.site) == (slug, title, page)
    assert feed.base == f"https://agg.example/feeds/{slug}"
    assert (feed.publisher, feed.language) == ("Tributary", "fr")


@pytest.mark.parametrize(
    ("feed", "language", "sources", "subtitle"),
    [
        ("economie", "fr", (A, B), "Articles « Économie » de 2 sources"),
        ("economie", "fr-FR", (A,), "Articles « Économie » d’une source"),
        ("all", "fr", (A, A), "Tous les articles d’une source"),
        ("economie", "en", (A, B), "Articles on “Économie” from 2 sources"),
        ("all", "de", (A,), "All articles from one source"),
        ("economie", "fr", (), "Rien n’est encore paru ici ; les prochains articles s’y ajouteront."),
        ("all", "en", (), "Nothing has come in here yet; the next articles will."),
    ],
)
def test_the_subtitle_says_what_is_in_the_feed(feed, language, sources, subtitle):
    stories = [story(stored(source), number=number) for number, source in enumerate(sources)]
    assert chosen(*stories, feed=feed, settings=replace(SETTINGS, language=language)).subtitle == subtitle


def test_a_feed_is_as_of_its_newest_change_and_not_of_its_newest_story():
    feed = chosen(story(stored(A), updated=NOON), story(stored(A), updated=NOON + HOUR), story(stored(B)))
    assert feed.updated == NOON + HOUR


def test_an_empty_feed_is_as_of_the_moment_it_is_given():
    assert chosen().updated == START


def test_stories_keep_the_order_of_the_log():
    feed = chosen(*(story(stored(A), number=number) for number in (3, 1, 2)))
    assert [entry.id for entry in feed.entries] == ["urn:x:3", "urn:x:1", "urn:x:2"]
    assert [entry.url for entry in feed.entries] == [f"https://agg.example/story/{number}" for number in (3, 1, 2)]


@pytest.mark.parametrize(
    ("published", "expected"),
    [(NOON - HOUR, NOON - HOUR), (NOON + HOUR, NOON), (None, NOON)],
    ids=["past", "future", "undated"],
)
def test_an_entry_is_never_published_after_we_saw_it(published, expected):
    assert entry_of(stored(A, published=published)).published == expected


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_an_entry_is_never_updated_before_it_was_published(published, updated):
    entry = entry_of(stored(A, published=NOON + published * HOUR), updated=NOON + updated * HOUR)
    assert entry.published <= entry.updated
    assert entry.published <= NOON
    assert entry.source.updated <= entry.updated


def test_the_source_of_an_entry_is_what_editors_and_its_feed_say_of_it():
    assert entry_of(stored(A)).source == Origin(
        title="Journal A",
        url=A,
        site="https://a.example/",
        id="tag:a.example,2020:feed",
        rights="© A",
        updated=NOON,
    )
    assert entry_of(stored(C)).source == Origin("C, dit-elle", C, "https://c.example/", C, updated=NOON)


@pytest.mark.parametrize(
    ("url", "title"), [("https://d.example/feed", "d.example"), ("x", "x"), ("http://[d", "http://[d")]
)
def test_a_source_that_nobody_named_is_called_by_its_host(url, title):
    source = entry_of(stored(url)).source
    assert (source.title, source.id, source.url) == (title, url, url)


def test_an_item_that_names_where_it_first_came_from_keeps_that_source():
    own = Origin(
        "Blog",
        "https://blog.example/atom",
        "https://blog.example/",
        "tag:blog.example,2020:feed",
        "© Blog",
        NOON - HOUR,
    )
    assert entry_of(stored(A, origin=own)).source == own


@pytest.mark.parametrize(
    ("own", "url", "id"),
    [
        (Origin("Blog", "https://blog.example/atom"), "https://blog.example/atom", "https://blog.example/atom"),
        (Origin("Blog", site="https://blog.example/"), A, "https://blog.example/"),
        (Origin("Blog"), A, "tag:a.example,2020:feed"),
    ],
)
def test_what_an_origin_does_not_say_is_filled_in(own, url, id):
    source = entry_of(stored(A, origin=own)).source
    assert (source.title, source.url, source.id, source.updated) == ("Blog", url, id, NOON)


@pytest.mark.parametrize(
    "id", ["Le blog", "blog", "urn:" + "i" * 2000, "http://a b/", "tag:blog", "urn:uuid:1", "x-blog:1"]
)
def test_an_id_that_is_no_uri_gives_way_to_the_address(id):
    own = Origin("Blog", "https://blog.example/atom", id=id)
    assert entry_of(stored(A, origin=own)).source.id == "https://blog.example/atom"


def test_an_origin_without_a_title_is_no_source():
    assert entry_of(stored(A, origin=Origin(" ", "https://blog.example/atom"))).source.title == "Journal A"


def test_the_other_sources_of_a_story_are_named_once_each_in_order_of_sight():
    entry = entry_of(stored(A), stored(C), stored(B), stored(C, link="https://c.example/2"), stored(A))
    assert [(other.title, other.url) for other in entry.also] == [("C, dit-elle", f"{C}/1"), ("Le Journal B", f"{B}/1")]


def test_a_planet_that_carries_the_item_of_the_lead_is_not_another_source():
    copied = stored(B, origin=Origin("Journal A", A))
    assert entry_of(stored(A), copied).also == ()
    assert entry_of(copied, stored(A)).also == ()


def test_an_other_item_without_a_link_is_left_to_our_page_of_the_story():
    assert entry_of(stored(A), stored(B, link="")).also == ()


def test_the_whole_text_may_be_given_on_only_where_the_line_of_the_source_says_so():
    assert entry_of(stored(A)).republish is Republish.FULL
    assert entry_of(stored(B)).republish is Republish.LEAD
    assert entry_of(stored("https://unlisted.example/")).republish is Republish.LEAD
