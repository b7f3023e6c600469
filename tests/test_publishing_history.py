"""The whole history of a feed (RFC 5005): who sleeps and wakes misses nothing, and what was linked stays as it was."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, field
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.model import PAGE_ENTRIES, Closed, Decision, DecisionKind, Format, Level
from aggregator.publishing import keep_pages, publish_feed, publish_page
from aggregator.store import Store
from tests.test_store_hidden import hide, key, link, memory, new, put, stored
from tests.values import NOW

SETTINGS = Settings(base_url="https://news.example")
PAGE = re.compile(r"https://news\.example/feeds/(?P<slug>.+)/archive/(?P<number>\d+)\.json")
ITEMS = st.integers(0, 250)

ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("poll"), st.integers(5, 60)),
        st.tuples(st.just("poll"), st.integers(5, 60)),
        st.tuples(st.just("read"), st.integers(0, 1)),
        st.tuples(st.just("read"), st.integers(0, 1)),
        st.tuples(st.sampled_from(["hide", "change", "withdraw"]), ITEMS),
        st.tuples(st.sampled_from(["join", "join", "part"]), st.tuples(ITEMS, ITEMS)),
        st.tuples(st.just("keep"), st.none()),
        st.tuples(st.just("length"), st.sampled_from([1, 20, 50, 90])),
    ),
    min_size=6,
    max_size=24,
)


class World(Struct):
    """A store that lives, and the feed of it that is read."""

    feed: str
    store: Store = field(default_factory=memory)
    settings: Settings = SETTINGS
    at: datetime = NOW
    items: int = 0
    joined: list[tuple[int, int]] = field(default_factory=list)
    linked: dict[tuple[int, Format], bytes] = field(default_factory=dict)  # the closed pages that were seen
    hidings: int = 0  # when they were seen

    def act(self, what: str, of: Any) -> None:
        """Let something happen."""
        self.at += timedelta(minutes=1)
        if what == "poll":
            again = [link(self.items, self.items - 1)] if self.items else []  # the first one tells what is known
            put(self.store, *(new(self.items + n, *(() if n else again), at=self.at) for n in range(of)), at=self.at)
            self.items += of
        elif what == "keep":
            self.keep()
        elif what == "length":
            self.settings = replace(self.settings, feed_length=of)
        elif self.items > 1:
            self._edit(what, of)

    def _edit(self, what: str, of: Any) -> None:
        if what == "hide":
            hide(self.store, of % self.items, self.at)
        elif what == "withdraw" and of % 10 == 0:
            self.store.withdraw(key(2)[0], "anna", "", self.at)
        elif what == "change":
            item = replace(new(of % self.items).item, title=f"Un autre titre {self.at}")
            changed = Decision(DecisionKind.CHANGED, item, "test", material=True, revises=True, changed_at=self.at)
            put(self.store, changed, at=self.at)
        elif what == "join" and (pair := (of[0] % self.items, of[1] % self.items)) and pair[0] != pair[1]:
            self.store.relink([link(*pair)], [], self.at)
            self.joined.append(pair)
        elif what == "part" and self.joined:
            one, other = self.joined[of[0] % len(self.joined)]
            self.store.relink([], [Closed(key(one), key(other), Level.TEXT, "a rule")], self.at)

    def keep(self) -> None:
        """What the pipeline does when a round is over."""
        while keep_pages(self.store, self.settings, self.at):
            pass

    def head(self) -> dict[str, Any]:
        found = publish_feed(self.store, self.feed, Format.JSON, self.settings)
        assert found
        return json.loads(found.body)

    def page(self, number: int) -> dict[str, Any]:
        found = publish_page(self.store, self.feed, number, Format.JSON, self.settings)
        assert found
        return json.loads(found.body)

    def check_that_no_page_has_changed(self) -> None:
        """Since the last time, unless something was hidden since."""
        moved = self.store.retractions() != self.hidings
        for number in range(1, self.store.feed(self.feed).pages + 1):
            for format in Format:
                found = publish_page(self.store, self.feed, number, format, self.settings)
                assert found and (moved or self.linked.get((number, format), found.body) == found.body)
                self.linked[number, format] = found.body
        self.hidings = self.store.retractions()

    def entries(self, condition: str) -> set[str]:
        """The entries that ever entered the feed and of which something is true."""
        rows = self.store._db.execute(  # type: ignore[attr-defined]
            "SELECT entry_id FROM log JOIN stories ON stories.id = log.story_id JOIN items ON items.id = lead_id"
            f" WHERE feed = ? AND sequence IS NOT NULL AND {condition}",
            [self.feed],
        )
        return {entry_id for (entry_id,) in rows}


class Client(Struct):
    """A feed app: reads the head, then page after page back to the first that it knows, one request at a time."""

    held: set[str] = field(default_factory=set)
    known: int = 0  # the newest page that it has read, with all before it
    newest: int = 0  # that it saw when it woke
    next: int = 0  # to ask for; 0: it sleeps

    def ask(self, world: World) -> None:
        """One request."""
        if self.next:
            document = world.page(self.next)
        else:
            document = world.head()
            self.newest = page_before(document)
        self.held |= {item["id"] for item in document["items"]}
        self.held -= {gone["id"] for gone in document.get("_tributary", {}).get("removed", ())}
        before = page_before(document)
        self.next = before if before > self.known else 0
        if not self.next:
            self.known = self.newest

    def finish(self, world: World) -> None:
        """Read on to the end, and once more."""
        while self.next:
            self.ask(world)
        self.ask(world)
        while self.next:
            self.ask(world)


def page_before(document: dict[str, Any]) -> int:
    """The page that a document leads to, 0 where there is none."""
    found = PAGE.fullmatch(document.get("next_url", ""))
    return int(found["number"]) if found else 0


@settings(max_examples=20)
@given(st.sampled_from(["all", "sport"]), ACTS)
def test_a_client_that_sleeps_and_wakes_while_stories_come_join_and_go_holds_what_was_published_in_the_end(
    feed: str, acts: list[tuple[str, Any]]
) -> None:
    world, clients, new_one = World(feed), (Client(), Client()), Client()
    world.store.open_log(NOW)
    for what, of in acts:
        if what == "read":
            clients[of].ask(world)
        else:
            world.act(what, of)
    for client in (*clients, new_one):
        client.finish(world)
    stays = world.entries("left_at IS NULL")
    published = world.entries("NOT hidden")
    for client in (*clients, new_one):
        assert stays <= client.held <= published
    closed = PAGE_ENTRIES * world.store.feed(feed).pages
    assert new_one.held == world.entries(f"NOT hidden AND (left_at IS NULL OR sequence <= {closed})")
    world.store.close()


@settings(max_examples=8)
@given(st.sampled_from(["all", "sport", "source/source-1"]), ACTS)
def test_the_bytes_of_a_closed_page_change_only_when_something_is_hidden(
    feed: str, acts: list[tuple[str, Any]]
) -> None:
    world = World(feed)
    world.store.open_log(NOW)
    world.act("poll", 160)
    world.keep()
    for what, of in acts:
        world.act(what, of)
        world.check_that_no_page_has_changed()
    world.store.close()


def test_what_is_hidden_leaves_its_closed_page_and_every_mention_there_and_comes_back() -> None:
    world = World("all")
    world.store.open_log(NOW)
    put(world.store, new(0), new(1, link(1, 0)), new(2, link(2, 0)), *(new(n) for n in range(3, 60)))
    world.keep()
    before = publish_page(world.store, "all", 1, Format.JSON, SETTINGS)
    assert before and before.body.count(b'article-1"') == 1

    def shown() -> list[list[str]]:
        """The titles of the other sources of each entry with any."""
        found = [item["_tributary"].get("also", ()) for item in world.page(1)["items"]]
        return [[other["title"] for other in also] for also in found if also]

    assert shown() == [["Source 1", "Source 2"]]
    first = hide(world.store, 1)
    assert shown() == [["Source 2"]] and len(world.page(1)["items"]) == 50
    second = world.store.withdraw(key(2)[0], "anna", "", NOW).id
    assert shown() == [] and len(world.page(1)["items"]) < 40
    third = hide(world.store, 0)
    entry = world.store.story(stored(world.store, 0).story_id)
    assert entry and entry.entry_id not in {item["id"] for item in world.page(1)["items"]}
    for number in (first, second, third):
        world.store.unhide(number, "anna", NOW)
    after = publish_page(world.store, "all", 1, Format.JSON, SETTINGS)
    assert after and after.body == before.body


def test_what_is_hidden_while_a_page_closes_is_in_it_when_it_is_shown_again() -> None:
    world = World("all")
    world.store.open_log(NOW)
    put(world.store, *(new(n) for n in range(60)))
    number = hide(world.store, 0)
    entry = world.store.story(stored(world.store, 0).story_id)
    world.keep()
    assert entry and entry.entry_id not in {item["id"] for item in world.page(1)["items"]}
    world.store.unhide(number, "anna", NOW)
    assert entry.entry_id in {item["id"] for item in world.page(1)["items"]}


def test_a_feed_of_a_source_shows_nothing_under_the_id_of_an_entry_that_is_hidden() -> None:
    world = World("source/source-1")
    world.store.open_log(NOW)
    put(world.store, new(0), new(1, link(1, 0)), *(new(n) for n in range(2, 160)))
    world.keep()
    entry = world.store.story(stored(world.store, 0).story_id)
    assert entry and entry.entry_id in {item["id"] for item in world.page(1)["items"]}
    number = hide(world.store, 0)
    assert entry.entry_id not in {item["id"] for item in world.page(1)["items"]}
    world.store.unhide(number, "anna", NOW)
    hide(world.store, 1)
    assert entry.entry_id not in {item["id"] for item in world.page(1)["items"]}
    assert entry.entry_id in {gone["id"] for gone in world.head()["_tributary"]["removed"]}
