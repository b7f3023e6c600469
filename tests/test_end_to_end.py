"""The whole way of an item, through the real fetcher over HTTP, in the demo's world."""

import asyncio
import json
import re
import unicodedata
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import feedparser
import pytest
from msgspec.structs import replace

from aggregator import opml
from aggregator.cli.running import demo_settings
from aggregator.cli.site import Site
from aggregator.config import Settings
from aggregator.demo.origin import Origin, Truth
from aggregator.errors import ErrorClass
from aggregator.model import Genre, Level, Stored
from aggregator.pipeline import Pipeline, Report
from aggregator.review import Review, review
from aggregator.store import Store, open_store
from aggregator.stories.why import sentence

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
SAMPLE = [json.loads(line) for line in files("aggregator.demo").joinpath("items.jsonl").read_text("utf-8").splitlines()]


class World:
    """The demo's origin, a store, a clock that is set by hand, and the site over HTTP."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.origin = Origin(NOW)
        self.origin.start()
        self.settings = demo_settings(Settings(title="Essai", workers=1), self.origin, str(folder))
        self.store: Store = open_store(self.settings.database)
        self.store.sync_sources(opml.read(self.settings.opml), NOW)
        self.site = Site(replace(self.settings, port=0))
        self.site.__enter__()

    def close(self) -> None:
        self.site.__exit__(None, None, None)
        self.store.close()
        self.origin.stop()

    def poll(self) -> dict[str, Report]:
        """One round over all sources, a minute after the last one."""
        self.now += timedelta(minutes=1)
        reports: list[Report] = []

        async def one_round() -> None:
            async with Pipeline(self.settings, self.store, lambda: self.now) as pipeline:
                sources = [(view.source, view.state) for view in self.store.sources()]
                await pipeline.poll(sources, reports.append)
                await pipeline.write(self.store.open_log, self.now)
                await pipeline.index()

        asyncio.run(one_round())
        return {report.source.url: report for report in reports}

    def get(self, path: str) -> bytes:
        address = f"http://127.0.0.1:{self.site.port}{path}"
        with urllib.request.urlopen(address) as answer:
            body: bytes = answer.read()
        return body

    def stored(self) -> dict[tuple[str, str], Stored]:
        """By source and canonical link, which no outlet gives twice."""
        return {(each.item.source, each.item.link): each for each in self.store.items()}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def told(truth: Truth) -> dict[str, object]:
    return {
        "title": unicodedata.normalize("NFC", truth.title),
        "published": truth.published or truth.updated,
        "updated": truth.updated,
        "category": truth.category,
        "genre": truth.genre,
        "labels": bool(truth.label),
        "credit": truth.credit if truth.image else "",
        "image": truth.image,
    }


def kept(stored: Stored) -> dict[str, object]:
    item = stored.item
    return {
        "title": item.title,
        "published": item.published.at,
        "updated": item.updated.at,
        "category": item.categories[0].slug,
        "genre": item.genre,
        "labels": bool(item.labels),
        "credit": item.image.credit if item.image else "",
        "image": item.image.url if item.image else "",
    }


def test_everything_is_stored_once_as_its_outlet_told_it(world: World) -> None:
    world.origin.everything()
    reports = world.poll()
    assert {report.message for report in reports.values()} == {""}
    stored = world.stored()
    truth = {(each.source, each.canonical): each for each in world.origin.truth()}
    assert len(truth) == 205 and stored.keys() == truth.keys()
    assert {key: kept(each) for key, each in stored.items()} == {key: told(each) for key, each in truth.items()}
    assert sum(report.new for report in world.poll().values()) == 0


def test_each_press_release_is_one_story_and_no_look_alike_or_rewrite_is_in_it(world: World) -> None:
    world.origin.everything()
    world.poll()
    ids = {(each.source, each.canonical): each.id for each in world.origin.truth()}
    groups: dict[int, set[str]] = {}
    for key, stored in world.stored().items():
        groups.setdefault(stored.story_id, set()).add(ids[key])
    releases: dict[str, set[str]] = {}
    for line in SAMPLE:
        if line["genre"] == Genre.COMMUNIQUE:
            releases.setdefault(line["story"], set()).add(line["id"])
    rewrites = [line for line in SAMPLE if line["genre"] != Genre.COMMUNIQUE and line["story"] in releases]
    assert (len(releases), len(rewrites), sum(bool(line["near"]) for line in SAMPLE)) == (25, 5, 20)
    together = [group for group in groups.values() if len(group) > 1]
    assert sorted(map(sorted, together)) == sorted(map(sorted, releases.values()))


def test_every_item_that_was_joined_has_a_live_link_with_a_reason(world: World) -> None:
    world.origin.everything()
    world.poll()
    joined = [story for story in world.store.head("all", 500) if story.others]
    assert len(joined) == 25
    for story in joined:
        for stored in (story.lead, *story.others):
            held = [tie.link for tie in world.store.links_of(stored.id) if tie.closed_at is None]
            assert held and all(link.level is Level.TEXT and 0 < link.score <= 1 and link.rule for link in held)
            assert all(re.match(r"\d+% of the shorter text \(\d+ words\) .*“.+”", sentence(link)) for link in held)


def test_looking_again_finds_nothing_amiss_with_what_was_joined(world: World) -> None:
    world.origin.everything()
    world.poll()
    assert review(world.store, world.now, timedelta(days=30)) == Review((), ())


def test_nothing_is_asked_twice_that_has_not_changed(world: World) -> None:
    world.poll()
    assert {report.status for report in world.poll().values()} == {"not modified"}


def test_what_comes_out_as_one_watches_enters_the_feeds_in_that_order(world: World) -> None:
    world.poll()
    before = [story.id for story in world.store.head("all", 500)]
    for _ in range(6):
        world.origin.release(6, world.now)
        world.poll()
    head = world.store.head("all", 500)
    ids = [story.id for story in head]
    assert ids[-len(before) :] == before
    assert len(ids) == len(set(ids)) == world.store.totals().stories < world.store.totals().items == 205
    assert sum(1 + len(story.others) for story in head) == 205


def test_a_correction_is_an_update_of_the_item_and_keeps_the_earlier_title(world: World) -> None:
    world.poll()
    items = len(world.stored())
    corrections = world.origin.correct(world.now)
    assert len(corrections) >= 3
    reports = world.poll()
    assert sum(report.changed for report in reports.values()) == len(corrections)
    assert sum(report.new for report in reports.values()) == 0 and len(world.stored()) == items
    by_title = {each.item.title: each for each in world.store.items()}
    for correction in corrections:
        stored = by_title[correction.after]
        (revision,) = world.store.revisions(stored.id)
        assert revision.item.title == correction.before
    moved = [each.after for each in corrections if by_title[each.after].changed_at > NOW]
    assert moved == ["Une maison des aînés ouvrira à Vesoul en avril"]  # in the others, a letter or a space is no news


def test_a_broken_outlet_is_named_and_costs_nothing_that_was_stored(world: World) -> None:
    world.poll()
    before = world.stored().keys()
    world.origin.break_feed()
    world.origin.release(3, world.now)
    statuses = {url: report.status for url, report in world.poll().items()}
    broken = {url.split("/")[3]: status for url, status in statuses.items() if status not in ("ok", "not modified")}
    assert broken == {"belfort-direct": ErrorClass.NOT_A_FEED, "radio-citadelle": ErrorClass.UNAVAILABLE}
    assert before <= world.stored().keys()
    world.origin.mend()
    assert {report.message for report in world.poll().values()} == {""}


def test_no_item_is_on_top_because_of_a_wrong_date(world: World) -> None:
    world.poll()
    wrong = {each.canonical for each in world.origin.truth() if each.published is None or each.published > NOW}
    assert wrong
    top = [story.lead.item.link for story in world.store.river("all", limit=5).stories]
    newest = [story.lead.item.link for story in world.store.head("all", 5)]
    assert not wrong & set(top) and not wrong & set(newest)


def test_every_feed_over_http_is_the_head_of_its_log(world: World) -> None:
    world.origin.everything()
    world.poll()
    world.origin.release(9, world.now)
    categories = {each.category for each in world.origin.truth()}
    for slug in ("all", *sorted(categories)):
        head = world.store.head(slug, world.settings.feed_length)
        ids = [story.entry_id for story in head]
        atom, rss = (feedparser.parse(world.get(f"/feeds/{slug}.{kind}")) for kind in ("atom", "rss"))
        items = json.loads(world.get(f"/feeds/{slug}.json"))["items"]
        assert [entry.id for entry in atom.entries] == [entry.id for entry in rss.entries] == ids
        assert [item["id"] for item in items] == ids
        assert [item["url"] for item in items] == [story.lead.item.link for story in head]
    assert "economie" in categories


def test_full_texts_go_out_only_for_sources_that_allow_it(world: World) -> None:
    world.origin.everything()
    world.poll()
    settings = replace(world.settings, feed_length=500)
    head = world.store.head("all", settings.feed_length)
    offices = ("region-presse", "prefecture-bfc")
    full = {story.entry_id for story in head if any(office in story.lead.item.source for office in offices)}
    body = json.loads(world.get("/feeds/economie.json"))
    longest = {item["id"]: len(item["content_html"]) for item in body["items"]}
    leads = {story.entry_id: len(story.lead.item.lead) for story in head}
    for entry_id, length in longest.items():
        if entry_id not in full:
            assert length < leads[entry_id] * 2 + 900  # the lead, escaped, and a picture


def test_the_pages_show_what_is_stored(world: World) -> None:
    world.poll()
    story = world.store.head("all", 1)[0]
    for path in ("/", f"/{story.lead.item.categories[0].slug}", f"/story/{story.id}"):
        assert story.lead.item.title.split(" ")[0].encode() in world.get(path)
    assert b"Comtois Info" in world.get("/sources")
    assert story.lead.item.genre in Genre
