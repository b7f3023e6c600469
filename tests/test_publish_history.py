"""How the documents of a feed hang together: pages of the log, the hub, what was removed, and what is new to a client."""

import json
from datetime import timedelta

import pytest
from lxml import etree
from msgspec.structs import replace

from aggregator.model import Format, Options, Tombstone
from aggregator.publish import render, render_delta
from tests.publish_rules import ATOM, HISTORY, TOMBSTONES, check_feed
from tests.test_publish import ENTRY, FEED, FORMATS, NOON, links

BASE = "https://agg.example/feeds/economie"
OTHER = replace(ENTRY, id="urn:x:2")
GONE = (Tombstone("urn:x:9", NOON), Tombstone("urn:x:8", NOON - timedelta(days=1)))
XML = pytest.mark.parametrize("format", [Format.ATOM, Format.RSS])


def head_of(feed, format):
    root = etree.fromstring(render(feed, format).body)
    return root if format is Format.ATOM else root.find("channel")


# ── pages


@XML
def test_the_head_leads_to_the_newest_closed_page(format):
    head = head_of(replace(FEED, pages=3), format)
    assert links(head, "prev-archive") == [f"{BASE}/archive/3.{format}"]
    assert head.find(f"{HISTORY}archive") is None
    assert links(head, "current") == links(head, "next-archive") == []


@XML
def test_a_page_leads_back_on_and_to_the_head(format):
    head = head_of(replace(FEED, page=2, pages=3), format)
    assert links(head, "self") == [f"{BASE}/archive/2.{format}"]
    assert links(head, "prev-archive") == [f"{BASE}/archive/1.{format}"]
    assert links(head, "next-archive") == [f"{BASE}/archive/3.{format}"]
    assert links(head, "current") == [f"{BASE}.{format}"]
    assert head.find(f"{HISTORY}archive") is not None


@XML
def test_the_first_page_is_the_end_of_the_way_back(format):
    assert links(head_of(replace(FEED, page=1), format), "prev-archive") == []


@FORMATS
def test_pages_and_head_follow_the_rules(format):
    for page in (0, 1, 2):
        feed = replace(FEED, page=page, pages=3, entries=(ENTRY, OTHER))
        place = f"/archive/{page}" if page else ""
        check_feed(render(feed, format).body, format, f"{BASE}{place}.{format}")


@FORMATS
def test_a_page_stays_the_same_while_others_close(format):
    assert render(replace(FEED, page=2, pages=2), format) == render(replace(FEED, page=2, pages=9), format)


def test_all_documents_of_a_feed_have_its_id():
    ids = {head_of(replace(FEED, page=page, pages=2), Format.ATOM).findtext(f"{ATOM}id") for page in (0, 1, 2)}
    assert ids == {FEED.id}


def test_json_goes_back_page_by_page():
    def following(**changes):
        document = json.loads(render(replace(FEED, **changes), Format.JSON).body)
        return document["feed_url"], document.get("next_url")

    assert following(pages=2) == (f"{BASE}.json", f"{BASE}/archive/2.json")
    assert following(page=2, pages=2) == (f"{BASE}/archive/2.json", f"{BASE}/archive/1.json")
    assert following(page=1, pages=2) == (f"{BASE}/archive/1.json", None)
    assert following(pages=0) == (f"{BASE}.json", None)


@FORMATS
def test_a_head_that_a_limit_cut_short_leads_nowhere(format):
    document = render(replace(FEED, pages=2, options=Options(limit=5)), format).body
    assert b"archive" not in document and b"next_url" not in document


# ── the hub


@XML
def test_the_hub_is_named_with_the_feed(format):
    assert links(head_of(replace(FEED, hub="https://agg.example/hub"), format), "hub") == ["https://agg.example/hub"]
    assert links(head_of(FEED, format), "hub") == []
    check_feed(render(replace(FEED, hub="https://agg.example/hub"), format).body, format)


def test_the_hub_is_named_in_json():
    document = render(replace(FEED, hub="https://agg.example/hub"), Format.JSON).body
    check_feed(document, Format.JSON)
    assert json.loads(document)["hubs"] == [{"type": "WebSub", "url": "https://agg.example/hub"}]
    assert "hubs" not in json.loads(render(FEED, Format.JSON).body)


# ── what was removed


def test_json_names_what_was_removed_the_last_first():
    document = json.loads(render(replace(FEED, removed=GONE), Format.JSON).body)
    assert document["_tributary"] == {
        "about": "https://agg.example/subscribe",
        "removed": [
            {"id": "urn:x:9", "at": "2026-02-11T12:00:00+00:00"},
            {"id": "urn:x:8", "at": "2026-02-10T12:00:00+00:00"},
        ],
    }
    assert "_tributary" not in json.loads(render(FEED, Format.JSON).body)


@XML
def test_an_xml_feed_says_nothing_of_it_as_validators_do_not_know_the_words(format):
    assert render(replace(FEED, removed=GONE), format).body == render(FEED, format).body


# ── what is new to a client


def ids_of(format, document):
    if format is Format.JSON:
        return [item["id"] for item in json.loads(document)["items"]]
    tag = f"{ATOM}entry/{ATOM}id" if format is Format.ATOM else "channel/item/guid"
    return [each.text for each in etree.fromstring(document).findall(tag)]


@FORMATS
def test_a_delta_holds_what_the_client_did_not_have_in_this_form(format):
    old = replace(FEED, entries=(ENTRY, OTHER, replace(ENTRY, id="urn:x:3")))
    fresh = replace(ENTRY, id="urn:x:4")
    changed = replace(OTHER, item=replace(OTHER.item, title="Autre titre"))
    new = replace(FEED, entries=(fresh, ENTRY, changed))
    delta = render_delta(new, format, frozenset(render(old, format).entries))
    assert ids_of(format, delta.body) == ["urn:x:4", "urn:x:2"]
    assert (delta.etag, delta.entries) == (render(new, format).etag, render(new, format).entries)
    check_feed(delta.body, format, f"{BASE}.{format}", delta=True)


@FORMATS
def test_who_knows_nothing_gets_all_and_who_knows_all_nothing(format):
    everything = render_delta(FEED, format, ())
    assert ids_of(format, everything.body) == [ENTRY.id]
    nothing = render_delta(FEED, format, everything.entries)
    assert ids_of(format, nothing.body) == []
    check_feed(nothing.body, format, delta=True)


@FORMATS
def test_an_entry_in_another_form_is_not_the_same(format):
    forms = {
        render(each, format).entries
        for each in (
            FEED,
            replace(FEED, options=Options(credit=True)),
            replace(FEED, labels={"economie": "Autre nom"}),
            replace(FEED, language="en"),
            replace(FEED, base="https://moved.example/feeds/economie"),
        )
    }
    assert len(forms) == 5
    assert (
        render(FEED, format).entries
        == render(replace(FEED, slug="all", base="https://agg.example/feeds/all"), format).entries
    )


def test_an_atom_delta_names_what_was_removed():
    delta = render_delta(replace(FEED, removed=GONE), Format.ATOM, ())
    check_feed(delta.body, Format.ATOM, delta=True)
    found = etree.fromstring(delta.body).findall(f"{TOMBSTONES}deleted-entry")
    assert [(each.get("ref"), each.get("when")) for each in found] == [
        ("urn:x:9", "2026-02-11T12:00:00+00:00"),
        ("urn:x:8", "2026-02-10T12:00:00+00:00"),
    ]
