"""Feeds as bytes: read back by others' parsers, checked against the rules, the same in every process."""

import gzip
import hashlib
import html
import json
import locale
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import feedparser
import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from aggregator.model import (
    Category,
    CategoryFeed,
    Enclosure,
    FeedEntry,
    Format,
    Genre,
    Image,
    Item,
    Origin,
    Republish,
)
from aggregator.publish import render
from aggregator.publish.characters import printable, undecodable

NOON = datetime(2026, 2, 11, 12, tzinfo=UTC)
SOURCE = Origin(
    title="Journal A",
    url="https://a.example/feed",
    site="https://a.example/",
    id="tag:a.example,2020:feed",
    rights="© Journal A",
    updated=NOON,
)
ITEM = Item(
    source="https://a.example/feed",
    guid="1",
    link="https://a.example/club?id=3&p=1",
    canonical="https://a.example/club?id=3",
    title="Le Club Numerik’ lancé à Besançon",
    lead="La CCI lance un club.",
    author="N. Bœuf",
    categories=(Category("economie", "source"),),
    genre=Genre.COMMUNIQUE,
    labels=("(Communiqué)",),
    point="47.2378 6.0241",
)
ENTRY = FeedEntry(
    id="tag:a.example,2026:1",
    url="https://agg.example/story/7",
    item=ITEM,
    source=SOURCE,
    published=NOON - timedelta(hours=2),
    updated=NOON,
    also=(Origin(title="Le Journal B", url="https://b.example/numerik"),),
)
FEED = CategoryFeed(
    slug="economie",
    id="tag:agg.example,2026:feed/economie",
    title="Économie – Tributary",
    subtitle="Articles « Économie » de 14 sources",
    language="fr",
    site="https://agg.example/economie",
    base="https://agg.example/feeds/economie",
    updated=NOON,
    entries=(ENTRY,),
    publisher="Tributary",
    category_scheme="tag:agg.example,2026:categories",
    genre_scheme="tag:agg.example,2026:genres",
    labels={"economie": "Économie", "communique": "Communiqué"},
)
IMAGE = Image("https://a.example/i.jpg", "Un club", "© D. Poirier", "image/jpeg", 1200, 800, 4321)
SOUND = Enclosure("https://a.example/s.mp3", "audio/mpeg", 99)

ATOM = "{http://www.w3.org/2005/Atom}"
DC = "{http://purl.org/dc/elements/1.1/}"
MEDIA = "{http://search.yahoo.com/mrss/}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
GEORSS = "{http://www.georss.org/georss}"
TYPES = {
    Format.ATOM: "application/atom+xml",
    Format.RSS: "application/rss+xml",
    Format.JSON: "application/feed+json",
}
FORMATS = pytest.mark.parametrize("format", list(Format))


def with_item(**changes):
    return replace(ENTRY, item=replace(ITEM, **changes))


def body(format, *entries, **changes):
    return render(replace(FEED, entries=entries or (ENTRY,), **changes), format).body


def atom_entry(entry):
    return etree.fromstring(body(Format.ATOM, entry)).find(f"{ATOM}entry")


def rss_item(entry):
    return etree.fromstring(body(Format.RSS, entry)).find("channel/item")


def json_item(entry):
    return json.loads(body(Format.JSON, entry))["items"][0]


def html_of(format, entry):
    if format is Format.ATOM:
        return atom_entry(entry).findtext(f"{ATOM}content")
    if format is Format.RSS:
        return rss_item(entry).findtext("description")
    return json_item(entry)["content_html"]
