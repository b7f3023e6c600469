"""The whole way of an item, through the real fetcher over HTTP, in the demo's world."""

import asyncio
import json
import unicodedata
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest

from aggregator import opml
from aggregator.cli.running import demo_settings
from aggregator.cli.site import Site
from aggregator.config import Settings
from aggregator.demo.origin import Origin, Truth
from aggregator.errors import ErrorClass
from aggregator.model import Genre, Stored
from aggregator.pipeline import Pipeline, Report
from aggregator.store import Store, open_store

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


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


def test_nothing_is_asked_twice_that_has_not_changed(world: World) -> None:
    world.poll()
    assert {report.status for report in world.poll().values()} == {"not modified"}


def test_what_comes_out_as_one_watches_enters_the_feeds_in_that_order(world: World) -> None:
    world.poll()
    before = [story.id for story in world.store.head("all", 500)]
    for _ in range(6):
        world.origin.release(6, world.now)
        world.poll()
    head = [story.id for story in world.store.head("all", 500)]
    assert head[-len(before) :] == before
    assert len(head) == len(set(head)) == 205 == world.store.totals().items


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
    moved = [by_title[each.after].changed_at > NOW for each in corrections]
    assert moved.count(False) == 1  # a space in "Saône-et- Loire" is no news


def test_a_broken_outlet_is_named_and_costs_nothing_that_was_stored(world: World) -> None:
    world.poll()
    before = world.stored().keys()
    world.origin.break_feed(retry_after_seconds=3600)
    world.origin.release(3, world.now)
    statuses = {url: report.status for url, report in world.poll().items()}
    broken = {url.split("/")[3]: status for url, status in statuses.items() if status not in ("ok", "not modified")}
    assert broken == {"belfort-direct": ErrorClass.NOT_A_FEED, "radio-citadelle": ErrorClass.UNAVAILABLE}
    assert before <= world.stored().keys()
    state = next(view.state for view in world.store.sources() if "radio-citadelle" in view.source.url)
    assert state.next_check_at is not None and state.next_check_at >= world.now + timedelta(hours=1)
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
