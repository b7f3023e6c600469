"""The way out of the store: heads, closed pages, searches and deltas, while items come, change, hide and return."""

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from aggregator import publishing
from aggregator.config import Settings
from aggregator.model import (
    PAGE_ENTRIES,
    Category,
    Content,
    Enclosure,
    Format,
    Genre,
    Image,
    Item,
    Options,
    Picture,
    Question,
    Rendition,
    Republish,
    Source,
)
from aggregator.publishing import keep_pages, publish_delta, publish_feed, publish_page, publish_search
from aggregator.store import Store, open_store
from tests.publish_rules import ATOM, HISTORY, check_feed
from tests.values import NOW, SOURCE, make_item, settle

SETTINGS = Settings(base_url="https://agg.example", title="Tributary", authority="agg.example,2026", feed_length=20)
OTHER = "https://other.example/feed.json"
LINES = [
    Source(SOURCE, title="L’Écho & Cie", departements=("25", "70"), republish=Republish.FULL),
    Source(OTHER, title="La Vôge </b> libre", site="https://other.example/", language="de"),
]
FORMATS = pytest.mark.parametrize("format", list(Format))


def an_item(number: int, **changes: object) -> Item:
    """An item that is like no other."""
    words = " ".join(f"mot{number}x{place}" for place in range(8))
    return make_item(number, **{"title": f"Titre {number} {words}", "lead": f"Chapô {words}.", **changes})


def fill(store: Store, numbers: Iterable[int], **changes: object) -> None:
    settle(store, [an_item(number, **changes) for number in numbers])


def close_pages(store: Store) -> None:
    while keep_pages(store, SETTINGS, NOW):
        pass


@pytest.fixture
def filled(store: Store) -> Store:
    """Two closed pages and a bit, in the log of `all`."""
    store.sync_sources(LINES, NOW)
    store.open_log(NOW)
    fill(store, range(1, 2 * PAGE_ENTRIES + 6))
    close_pages(store)
    return store


def feed(
    store: Store, format: Format = Format.ATOM, slug: str = "all", settings: Settings = SETTINGS, **options: object
) -> Rendition:
    found = publish_feed(store, slug, format, settings, Options(**options))  # type: ignore[arg-type]
    assert found is not None
    return found


def page(store: Store, number: int, format: Format = Format.ATOM, slug: str = "all") -> Rendition:
    found = publish_page(store, slug, number, format, SETTINGS)
    assert found is not None
    return found


def ids(rendition: Rendition) -> list[str]:
    if rendition.format is Format.JSON:
        return [item["id"] for item in json.loads(rendition.body)["items"]]
    tag = f"{ATOM}entry/{ATOM}id" if rendition.format is Format.ATOM else "channel/item/guid"
    return [str(each.text) for each in etree.fromstring(rendition.body).findall(tag)]


# ── heads


@FORMATS
def test_a_head_leads_to_the_newest_page_and_the_pages_to_the_first(filled: Store, format: Format) -> None:
    assert f"/feeds/all/archive/2.{format}".encode() in feed(filled, format).body
    for number in (1, 2):
        check_feed(
            page(filled, number, format).body, format, f"https://agg.example/feeds/all/archive/{number}.{format}"
        )
    assert len(ids(feed(filled, format))) == SETTINGS.feed_length
    assert [len(ids(page(filled, number, format))) for number in (1, 2)] == [PAGE_ENTRIES, PAGE_ENTRIES]


@FORMATS
def test_a_limit_cuts_the_head_even_below_what_stands_in_no_page(filled: Store, format: Format) -> None:
    cut = feed(filled, format, limit=2)
    assert ids(cut) == ids(feed(filled, format))[:2]
    assert b"archive" not in cut.body


@pytest.mark.parametrize("hub", ["https://agg.example/hub", "https://hub.example/"])
def test_the_hub_of_the_settings_is_announced_by_heads_and_not_by_pages(filled: Store, hub: str) -> None:
    settings = SETTINGS if hub.startswith("https://agg") else replace(SETTINGS, hub_url=hub)
    assert f'href="{hub}" rel="hub"'.encode() in feed(filled, settings=settings).body
    assert b'rel="hub"' not in feed(filled, settings=replace(SETTINGS, hub=False)).body
    assert b'rel="hub"' not in page(filled, 1).body


def test_a_feed_that_is_empty_says_so_in_its_title(filled: Store) -> None:
    empty = etree.fromstring(feed(filled, slug="sport").body)
    assert str(empty.findtext(f"{ATOM}title")).endswith(" – Tributary (rien pour l’instant)")
    full = etree.fromstring(feed(filled, slug="economie").body)
    assert full.findtext(f"{ATOM}title") == "Économie – Tributary"


def test_what_is_not_there_is_nothing(filled: Store) -> None:
    assert publish_feed(filled, "nowhere", Format.ATOM, SETTINGS) is None
    assert publish_delta(filled, "nowhere", Format.ATOM, SETTINGS, ()) is None
    assert publish_page(filled, "nowhere", 1, Format.ATOM, SETTINGS) is None
    assert publish_page(filled, "all", 0, Format.ATOM, SETTINGS) is None
    assert publish_page(filled, "all", 3, Format.ATOM, SETTINGS) is None


# ── what sources say is read again exactly when it changed


def test_sources_are_not_read_again_for_a_new_item(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(filled)
    monkeypatch.setattr(type(filled), "sources", lambda _: pytest.fail("read again"))
    fill(filled, [900])
    assert b"Titre 900 " in feed(filled).body


def test_a_source_that_is_renamed_added_withdrawn_or_shown_again_is_seen_at_once(filled: Store) -> None:
    before = filled.source_changes()
    feed(filled)
    filled.sync_sources([replace(LINES[0], title="Nouveau nom"), LINES[1]], NOW)
    assert "Nouveau nom" in feed(filled).body.decode()
    assert publish_feed(filled, "dep/90", Format.ATOM, SETTINGS) is None
    filled.sync_sources([*LINES, Source("https://third.example/feed", title="Troisième", departements=("90",))], NOW)
    assert feed(filled, slug="dep/90") and feed(filled, slug="source/troisieme")
    hiding = filled.withdraw("https://third.example/feed", "a", "", NOW)
    assert publish_feed(filled, "source/troisieme", Format.ATOM, SETTINGS) is None
    filled.unhide(hiding.id, "a", NOW)
    assert feed(filled, slug="source/troisieme")
    assert filled.source_changes() > before


def test_a_feed_that_speaks_differently_of_itself_is_seen_at_once(filled: Store) -> None:
    feed(filled)
    state = replace(filled.state(SOURCE), feed_rights="© nous")
    settle(filled, [an_item(900)], state=state)
    assert "© nous" in feed(filled).body.decode()


def test_sources_that_stay_the_same_move_nothing(filled: Store) -> None:
    before = filled.source_changes()
    filled.sync_sources(LINES, NOW)
    fill(filled, [900])
    assert filled.source_changes() == before


def test_other_settings_give_another_feed_of_the_same_store(filled: Store) -> None:
    assert b"Tributary" in feed(filled).body
    assert b"Autre titre" in feed(filled, settings=replace(SETTINGS, title="Autre titre")).body
    assert b"Autre titre" not in feed(filled).body


# ── pages


@FORMATS
def test_a_closed_page_stays_as_it_is_while_items_come_and_change(filled: Store, format: Format) -> None:
    before = [page(filled, number, format) for number in (1, 2)]
    fill(filled, range(300, 400))
    fill(filled, range(1, 60), lead="Tout autre chose.")
    close_pages(filled)
    assert filled.feed("all").pages == 4
    assert [page(filled, number, format) for number in (1, 2)] == before


@FORMATS
def test_what_is_hidden_leaves_its_page_at_once_and_returns_with_another_date_of_change(
    filled: Store, format: Format
) -> None:
    before = page(filled, 1, format)
    (stored,) = filled.find(an_item(80).link)
    hiding = filled.hide(stored.id, "a", "", NOW + timedelta(hours=1))
    without = page(filled, 1, format)
    assert len(ids(without)) == PAGE_ENTRIES - 1
    assert b"Titre 80 " not in without.body
    assert without.updated > before.updated
    filled.unhide(hiding.id, "a", NOW + timedelta(hours=2))
    again = page(filled, 1, format)
    assert again.body == before.body
    assert again.updated > without.updated


def test_a_page_of_which_nothing_is_left_says_so(filled: Store) -> None:
    assert filled.withdraw(SOURCE, "a", "", NOW)
    empty = page(filled, 1)
    assert ids(empty) == []
    root = etree.fromstring(empty.body)
    assert root.findtext(f"{ATOM}subtitle") == "Plus rien de ce qui est paru ici n’est visible."
    assert root.findtext(f"{ATOM}title") == "Tributary"
    check_feed(empty.body, Format.ATOM)


def test_what_was_hidden_is_named_where_programs_look(filled: Store) -> None:
    gone = ids(feed(filled))[0]
    (stored,) = filled.find(gone)
    filled.hide(stored.id, "a", "", NOW)
    document = json.loads(feed(filled, Format.JSON).body)
    assert [each["id"] for each in document["_tributary"]["removed"]] == [gone]
    delta = publish_delta(filled, "all", Format.ATOM, SETTINGS, ())
    assert delta is not None and f'ref="{gone}"'.encode() in delta.body
    assert b"deleted-entry" not in feed(filled).body


# ── what is new to a client


@FORMATS
def test_a_delta_holds_what_came_and_what_changed(filled: Store, format: Format) -> None:
    before = feed(filled, format)
    fill(filled, [900])
    fill(filled, [1], lead="Tout autre chose, dit le maire.")
    after = feed(filled, format)
    delta = publish_delta(filled, "all", format, SETTINGS, frozenset(before.entries))
    assert delta is not None
    assert (delta.etag, delta.updated, delta.entries) == (after.etag, after.updated, after.entries)
    assert set(ids(delta)) == {an_item(900).guid, an_item(1).guid}
    assert delta.body.count(b"tout autre chose") + delta.body.count(b"Tout autre chose") > 0


# ── a client that wakes rebuilds exactly what was published


class Client:
    """Reads a feed as RFC 5005 §4.2 says: the head, then pages backwards until one that it has."""

    def __init__(self) -> None:
        self.entries: dict[str, None] = {}
        self.pages: set[str] = set()

    def read(self, store: Store) -> None:
        document: Rendition | None = feed(store)
        while document is not None:
            self.entries |= dict.fromkeys(ids(document))
            root = etree.fromstring(document.body)
            address = next(
                iter(root.xpath("a:link[@rel='prev-archive']/@href", namespaces={"a": ATOM.strip("{}")})), ""
            )
            if not address or address in self.pages:
                return
            self.pages.add(address)
            document = page(store, int(address.rpartition("/")[2].partition(".")[0]))
            assert etree.fromstring(document.body).find(f"{HISTORY}archive") is not None


STEPS = st.lists(st.sampled_from(["come", "close", "read"]) | st.integers(1, 70), min_size=1, max_size=8)


@given(STEPS)
@limits(deadline=None, max_examples=8)
def test_a_client_that_reads_now_and_then_has_all_that_entered_whenever_it_wakes(steps: list[str | int]) -> None:
    with TemporaryDirectory() as folder:
        store = open_store(str(Path(folder, "t.db")))
        store.sync_sources(LINES, NOW)
        store.open_log(NOW)
        client, published = Client(), 0
        for step in [*steps, "read"]:
            if step == "close":
                keep_pages(store, SETTINGS, NOW)
            elif step == "read":
                client.read(store)
                assert set(client.entries) == {an_item(number).guid for number in range(published)}
            else:
                count = step if isinstance(step, int) else 1
                fill(store, range(published, published + count))
                published += count
        store.close()


# ── every feed of a region, in every form


@pytest.fixture
def region(filled: Store) -> Store:
    """Articles of both sources with all that an item may have, some of it hostile."""
    image = Image("https://a.example/é.jpg", 'Un "club" <b>', "© D. & P.", "jpg", 1200, 800, 4321)
    nasty = [
        "<b>gras</b>",
        "R&amp;D",
        "1&1",
        "]]>",
        "a\ufffdb",
        "<script>alert(1)</script>",
        "&#60;",
        "‮retourné",
        "<!--",
    ]
    items = [
        replace(
            an_item(500 + number, title=f"{text} {number}", author=text, rights=text, lead=f"{text} mot{number}"),
            source=OTHER,
            image=image,
            enclosures=(Enclosure("https://a.example/s.mp3", "sound", 12),),
            categories=(Category("economie", "source"), Category("sport", "path")),
            departements=("70",),
            genre=list(Genre)[number % len(Genre)],
            labels=(text,),
            language=["de", "fr"][number % 2],
            point=["47.2 6.0", "x"][number % 2],
            html=f"<p>{number} <a href='https://a.example/'>x</a></p>",
        )
        for number, text in enumerate(nasty)
    ]
    settle(filled, items, source=OTHER)
    return filled


def every_option() -> list[Options]:
    return [Options(img, content, credit=credit) for img in Picture for content in Content for credit in (False, True)]


@FORMATS
def test_every_feed_of_a_region_follows_the_rules_however_it_is_asked_for(region: Store, format: Format) -> None:
    filled = [state.slug for state in region.feeds()]
    assert {"all", "economie", "sport", "dep/70", "economie/dep/70", "source/source-0"} <= set(filled)
    for slug in publishing._frame(region, SETTINGS).feeds:
        options = every_option() if slug in {"all", "economie/dep/70"} else [Options()]
        for asked in options if slug in filled else options[:1]:
            rendition = publish_feed(region, slug, format, SETTINGS, asked)
            assert rendition is not None
            query = f"?{asked.query}" if asked.query else ""
            check_feed(rendition.body, format, f"https://agg.example/feeds/{slug}.{format}{query}")
    for state in region.feeds():
        for number in range(1, state.pages + 1):
            address = f"https://agg.example/feeds/{state.slug}/archive/{number}.{format}"
            check_feed(page(region, number, format, state.slug).body, format, address)


@FORMATS
@pytest.mark.parametrize(("query", "found"), [("club", 0), ("titre", 20), ("mot500x1", 0), ("gras", 1), ('"<&', 0)])
def test_a_search_is_a_feed_too(region: Store, format: Format, query: str, found: int) -> None:
    rendition = publish_search(region, Question(query), format, SETTINGS, Options(credit=True))
    asked = {"club": "club", "titre": "titre", "mot500x1": "mot500x1", "gras": "gras", '"<&': "%22%3C%26"}[query]
    check_feed(rendition.body, format, f"https://agg.example/feeds/search.{format}?q={asked}&credit=prefix")
    assert len(ids(rendition)) == found
