"""A source that has moved is followed, with all that it has; nothing of it is doubled or announced again."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from aggregator import opml, poll
from aggregator.config import Settings
from aggregator.errors import ConfigError, ErrorClass
from aggregator.model import (
    DecisionKind,
    Fetched,
    FetchFailed,
    Format,
    Gist,
    NotModified,
    PinKind,
    SourceState,
    Stored,
)
from aggregator.pipeline import Pipeline, Report
from aggregator.publishing import hidden_on, keep_pages, publish_feed, publish_page
from aggregator.store import Store, open_store
from tests.origin import Answer, answer
from tests.test_pipeline import NOW, World, rss
from tests.values import SOURCE, make_item, settle, sources

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEW = "https://new.example/feed"
(LINE,) = sources()


# ── when a source has moved


def seen(state: SourceState, hours: float, to: str = NEW) -> SourceState:
    at = NOW + hours * HOUR
    answered = Fetched(SOURCE, to or SOURCE, 200, {}, b"x", "f", "", "", at, to)
    return poll.succeeded(state, LINE, answered, None, Settings())


def after(*polls: tuple[float, str]) -> SourceState:
    state = SourceState(SOURCE)
    for hours, to in polls:
        state = seen(state, hours, to)
    return state


def test_a_source_has_moved_once_redirects_led_to_one_place_at_three_polls_over_a_day() -> None:
    assert poll.has_moved(after((0, NEW), (12, NEW), (24, NEW)))
    assert not poll.has_moved(after((0, NEW), (12, NEW), (23.9, NEW)))
    assert not poll.has_moved(after((0, NEW), (30, NEW)))
    assert not poll.has_moved(after((0, NEW), (12, ""), (24, NEW), (25, NEW)))
    assert not poll.has_moved(after((0, NEW), (12, "https://other.example/"), (24, NEW), (36, NEW)))
    assert not poll.has_moved(after((0, ""), (12, ""), (24, ""), (48, "")))


def test_a_304_behind_a_redirect_counts_and_a_failure_neither_counts_nor_ends_the_count() -> None:
    state = after((0, NEW), (12, NEW))
    failure = FetchFailed(SOURCE, ErrorClass.TIMEOUT, "slow", NOW + 20 * HOUR)
    failed = poll.failed(state, LINE, failure, Settings())
    assert not poll.has_moved(failed)
    unchanged = NotModified(SOURCE, {}, "", "", NOW + DAY, NEW)
    assert poll.has_moved(poll.succeeded(failed, LINE, unchanged, None, Settings()))


# ── the list


def listed(*lines: str) -> str:
    body = "\n".join(f'    <outline type="rss" text="{n}"  xmlUrl="{url}" />' for n, url in enumerate(lines))
    return f'<?xml version="1.0"?>\n<opml version="2.0"><head/>\n  <body><!-- ours -->\n{body}\n</body></opml>\n'


def test_a_move_changes_one_address_in_the_list_and_no_other_byte(tmp_path: Path) -> None:
    path = tmp_path / "feeds.opml"
    path.write_text(listed("https://a.example/", SOURCE, "https://b.example/?a=1&amp;b=2"))
    opml.move(path, SOURCE, "https://new.example/?x=1&y=2", NOW)
    found = path.read_text()
    wanted = listed("https://a.example/", "https://new.example/?x=1&amp;y=2", "https://b.example/?a=1&amp;b=2")
    assert found.partition("<body>")[2] == wanted.partition("<body>")[2]
    for old, new in ((SOURCE, NEW), ("https://a.example/", "https://b.example/?a=1&b=2")):
        with pytest.raises(ConfigError):
            opml.move(path, old, new, NOW)
    assert path.read_text() == found


def test_what_an_editor_writes_meanwhile_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "feeds.opml"
    path.write_text(listed(SOURCE))
    document = opml.Document.read(path)
    document.replace(SOURCE, replace(document.line(SOURCE), url=NEW))
    path.write_text(listed(SOURCE, "https://added.example/"))
    with pytest.raises(ConfigError, match="changed by somebody else"):
        document.write(path, NOW, instead_of=document.as_read)
    assert path.read_text() == listed(SOURCE, "https://added.example/")
    assert [each.name for each in tmp_path.iterdir()] == ["feeds.opml"]


# ── the store


def moved(store: Store) -> None:
    store.keep([replace(store.state(SOURCE), moved_to=NEW, etag='"1"', fingerprint="f")])
    store.sync_sources([replace(LINE, url=NEW), *sources("https://b.example/")], NOW + DAY)


def told(store: Store) -> list[tuple[int, str, list[tuple[int, str]]]]:
    return [
        (story.id, story.entry_id, [(each.id, each.item.guid) for each in (story.lead, *story.others)])
        for story in store.head("all", 50)
    ]


def by_guid(store: Store) -> dict[str, Stored]:
    return {stored.item.guid: stored for stored in store.items()}


def test_a_source_keeps_items_state_slug_and_history_at_its_new_address(store: Store) -> None:
    item = make_item(1, title='Avant “élan” 😀 \\ "guillemets"')
    settle(store, [item, make_item(2)])
    changed = replace(item, title="Le budget passe à douze millions", fingerprint="changed")
    settle(store, [changed], NOW + HOUR)
    before, (view,) = list(store.items()), store.sources()
    edition = store.source_changes()
    moved(store)
    (now, _) = store.sources()
    assert (now.source.url, now.slug, now.items, now.newest) == (NEW, view.slug, view.items, view.newest)
    assert (now.state.url, now.state.etag, now.state.moved_to) == (NEW, '"1"', "")
    assert list(store.items()) == [replace(each, item=replace(each.item, source=NEW)) for each in before]
    (revision,) = store.revisions(before[0].id)
    assert revision.item == replace(item, source=NEW)
    assert store.keyed((NEW, item.guid)) and not store.keyed((SOURCE, item.guid))
    assert store.source_changes() > edition and len(store.sources()) == 2


def test_a_moved_source_doubles_nothing_and_announces_nothing_again(store: Store) -> None:
    items = [make_item(number) for number in range(1, 6)]
    settle(store, items)
    store.open_log(NOW)
    before = told(store)
    moved(store)
    update = settle(store, [make_item(9, source=NEW), *(replace(each, source=NEW) for each in items)], NOW + DAY, NEW)
    assert update.count(DecisionKind.NEW) == 1 and update.count(DecisionKind.SAME) == 5
    assert told(store)[1:] == before
    renumbered = [replace(each, source=NEW, guid=f"other-{each.guid}") for each in items]
    assert settle(store, renumbered, NOW + DAY, NEW).count(DecisionKind.NEW) == 0


def test_links_pins_hidings_and_events_survive_a_move(store: Store) -> None:
    other = "https://b.example/"
    store.sync_sources([LINE, *sources(other)], NOW)
    settle(store, [make_item(1), make_item(2), make_item(3), make_item(4)])
    settle(store, [make_item(1, source=other, guid="b1")], source=other)
    store.open_log(NOW)
    held = by_guid(store)
    one, two, three = (held[make_item(number).guid].id for number in (2, 3, 4))
    store.pin(PinKind.MUST, one, two, "Jeanne", "", NOW)
    hiding = store.hide(three, "Jeanne", "", NOW)
    before, links = told(store), store.links(held["b1"].story_id)
    assert links
    moved(store)
    assert told(store) == before
    assert [{key[1] for key in (link.item, link.other)} for link in store.links(held["b1"].story_id)] == [
        {key[1] for key in (link.item, link.other)} for link in links
    ]
    (pin,) = store.pins()
    assert pin.item[0] == pin.other[0] == NEW
    assert store.hidden_among([(NEW, make_item(4).guid)])
    assert store.hidden_among([(SOURCE, make_item(4).guid)])  # as a closed page names it
    store.unhide(hiding.id, "Jeanne", NOW + DAY)
    assert by_guid(store)[make_item(4).guid].hidden is False


def test_what_stories_tell_is_found_under_the_new_address_with_what_is_near(store: Store) -> None:
    here, there = (make_item(1).key, make_item(2).key), ("https://b.example/", "b1")
    store.sync_sources([LINE, *sources(there[0])], NOW)
    settle(store, [make_item(1), make_item(2)])
    settle(store, [make_item(3, source=there[0], guid=there[1])], source=there[0])
    kept = {
        key: Gist(key, NOW, {"pont": 500}, ("pont",), {}, near={here[0]: 0.5, there: 0.25}) for key in (*here, there)
    }
    store.gather(lambda stored, window: window.add(kept[stored.item.key]), NOW)
    moved(store)
    settle(store, [make_item(4, source=NEW)], NOW + DAY, NEW)
    found: list[Gist] = []
    store.gather(lambda _, window: found.extend(window.alike(kept[there], NOW, 9)), NOW + DAY)
    assert {each.key for each in found} == {*((NEW, guid) for _, guid in here), there}
    assert {tuple(each.near) for each in found} == {((NEW, here[0][1]), there)}


def test_a_closed_page_stays_as_it_was_and_what_is_hidden_leaves_it(store: Store) -> None:
    settings = Settings(feed_length=1)
    settle(store, [make_item(number) for number in range(1, 60)])
    store.open_log(NOW)
    while keep_pages(store, settings, NOW):
        pass
    page = publish_page(store, "all", 1, Format.ATOM, settings)
    moved(store)
    again = publish_page(store, "all", 1, Format.ATOM, settings)
    assert page is not None and again is not None and page.body == again.body
    assert publish_feed(store, "all", Format.ATOM, settings) is not None
    guid = make_item(59).guid
    store.hide(by_guid(store)[guid].id, "Jeanne", "", NOW + DAY)
    assert hidden_on(store, "all", 1) == ((SOURCE, guid),)


def test_the_list_decides_a_source_goes_back_to_the_address_that_it_had(store: Store) -> None:
    settle(store, [make_item(1)])
    moved(store)
    store.sync_sources([LINE], NOW + 2 * DAY)
    assert {view.source.url for view in store.sources() if view.listed} == {SOURCE}
    assert store.state(SOURCE).etag == ""  # that is another address's
    assert [stored.item.source for stored in store.items()] == [SOURCE]
    store.sync_sources([LINE, replace(LINE, url=NEW)], NOW + 3 * DAY)  # both: they are two
    assert store.state(NEW).checked_at is None and [stored.item.source for stored in store.items()] == [SOURCE]


def test_an_address_that_no_source_leads_to_is_a_new_source(store: Store) -> None:
    settle(store, [make_item(1)])
    store.sync_sources([replace(LINE, url=NEW)], NOW + DAY)
    assert store.state(NEW).checked_at is None
    assert [stored.item.source for stored in store.items()] == [SOURCE]


# ── the whole way


class Site(World):
    """A source at /old, listed in a file, that leads to /new or wherever a test says."""

    def __init__(self, folder: Path, more: Sequence[str] = ()) -> None:
        super().__init__(folder, old=answer(body=rss("Un", "Deux")))
        self.list = folder / "feeds.opml"
        self.old, self.new = self.origin.url("/old"), self.origin.url("/new")
        self.list.write_text(listed(self.old, *(self.origin.url(each) for each in more)))
        self.settings = replace(self.settings, opml=str(self.list), parse_seconds=20, timeout_seconds=20)
        self.answers["new"] = answer(headers={"ETag": '"n"'}, body=rss("Un", "Deux"))
        self.store.sync_sources(opml.read(self.list), NOW)
        self.now = NOW
        self.poll(NOW)
        self.store.open_log(NOW)

    def ask(self, old: Answer, hours: float = 13) -> dict[str, Report]:
        self.answers["old"] = old
        self.now += hours * HOUR
        return self.poll(self.now)

    def ask_in_one_process(self, old: Answer, times: int, hours: float = 13) -> None:
        """The same several times without a restart."""

        async def rounds() -> None:
            async with Pipeline(self.settings, self.store, lambda: self.now) as pipeline:
                for _ in range(times):
                    self.now += hours * HOUR
                    await pipeline.poll([(view.source, view.state) for view in self.store.sources()], lambda _: None)

        self.answers["old"] = old
        asyncio.run(rounds())

    @property
    def urls(self) -> list[str]:
        return [source.url for source in opml.read(self.list)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


@pytest.mark.parametrize("status", [301, 308])
def test_a_permanent_redirect_moves_the_source_in_the_list_and_in_the_store(site: Site, status: int) -> None:
    head = told(site.store)
    for _ in range(3):
        assert site.urls == [site.old]
        site.ask(answer(status, {"Location": "/new"}))
    assert site.urls == [site.new]
    (view,) = site.store.sources()
    assert (view.source.url, view.slug, view.items) == (site.new, "old", 2)
    reports = site.ask(answer(404))
    assert reports["new"].new == 0 and told(site.store) == head
    assert site.origin.requests[-1].headers["if-none-match"] == '"n"'
    site.answers["new"] = answer(body=rss("Un", "Deux", "Trois"))
    assert site.ask(answer(404))["new"].new == 1


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_redirect_for_now_moves_nothing_however_often_it_is_seen(site: Site, status: int) -> None:
    for _ in range(5):
        site.ask(answer(status, {"Location": "/new"}))
    assert site.urls == [site.old]


def test_what_leads_to_another_source_of_ours_is_not_moved_and_editors_are_told_once_a_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Site(tmp_path, ["/new"]) as site:
        site.ask_in_one_process(answer(301, {"Location": "/new"}), times=5)  # it is seen to have moved at the third
        assert site.urls == [site.old, site.new]
    lines = [each.getMessage() for each in caplog.records if each.getMessage().startswith("not moved")]
    assert len(lines) == 2 and all("another source of ours" in line for line in lines)


def test_without_a_list_that_can_be_written_the_source_stays_where_it_is(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.list.unlink()
    for _ in range(3):
        assert site.ask(answer(301, {"Location": "/new"}))["old"].message == ""
    assert site.store.state(site.old).moved_seen == 3
    assert any("not moved" in each.getMessage() and each.levelno == logging.WARNING for each in caplog.records)


def test_a_crash_between_the_list_and_the_store_doubles_nothing(site: Site, tmp_path: Path) -> None:
    for _ in range(2):
        site.ask(answer(301, {"Location": "/new"}))
    opml.move(site.list, site.old, site.new, NOW)
    site.store.close()
    store = open_store(str(tmp_path / "t.db"))
    store.sync_sources(opml.read(site.list), NOW)
    (view,) = store.sources()
    assert view.source.url == site.new and view.items == 2
    store.close()


def test_what_is_gone_is_told_at_once_and_asked_again_after_a_month(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    before = site.list.read_bytes()
    assert site.ask(answer(410))["old"].status == ErrorClass.GONE
    site.ask(answer(410))
    assert sum(each.getMessage().startswith("gone source=") for each in caplog.records) == 1
    state = site.store.state(site.old)
    assert state.next_check_at is not None and state.next_check_at >= site.now + timedelta(days=30)
    assert site.store.due(site.now + timedelta(days=29), 9) == () and site.list.read_bytes() == before
    assert site.ask(answer(body=rss("Un", "Deux", "Trois")))["old"].new == 1
