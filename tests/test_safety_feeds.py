"""Nothing that a source writes runs in an app that reads our feeds: every payload in every field, through the whole
pipeline, in Atom, RSS, JSON Feed, OPML, oEmbed; and every field did hold it.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import unescape
from typing import Any

import lxml.html
import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree
from msgspec.structs import replace

from aggregator.model import Item
from tests.hostile import NOW, Region
from tests.test_clean_html import ALLOWED, ALLOWED_ATTRIBUTES
from web import create_app

HOSTILE = re.compile(r"xss[(&]|alert\(|//127\.0\.0\.1:\d+/\d+/|7\*7|passwd", re.IGNORECASE)
ENOUGH = 0.1  # of all payloads, in each field: cleaning leaves nothing of many
ADDRESS = re.compile(r"(?:https?://[^\s\"<>]+|(?:mailto|tel):[^\s\"]+)\Z")
ADDRESS_ATTRIBUTES = {"href", "src", "url", "uri", "xmlUrl", "htmlUrl"}
MARKED = {"content", "summary", "title", "subtitle", "rights", "description", "encoded"}  # what apps show as HTML
QUERIES = ("", "?content=summary", "?content=text", "?img=none", "?img=enclosure", "?credit=prefix")

FIELDS: Mapping[str, Callable[[Item], Iterable[str]]] = {
    "title": lambda item: (item.title,),
    "lead": lambda item: (item.lead,),
    "whole text": lambda item: (item.html,),
    "author": lambda item: (item.author,),
    "tags": lambda item: item.tags,
    "labels": lambda item: item.labels,
    "link": lambda item: (item.link,),
    "guid": lambda item: (item.guid,),
    "picture": lambda item: (item.image.url,) if item.image else (),
    "alternative text": lambda item: (item.image.alt,) if item.image else (),
    "credit": lambda item: (item.image.credit,) if item.image else (),
    "enclosures": lambda item: (each.url for each in item.enclosures),
    "rights": lambda item: (item.rights,),
    "title of the origin": lambda item: (item.origin.title,) if item.origin else (),
    "feed of the origin": lambda item: (item.origin.url,) if item.origin else (),
}


@pytest.fixture(scope="module")
def app(hostile: Region) -> Flask:
    """The site with feeds that hold every story."""
    return create_app(replace(hostile.settings, feed_length=5000), clock=lambda: NOW)


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


@pytest.fixture(scope="module")
def slugs(hostile: Region) -> list[str]:
    """The feed of everything, and feeds of sources, whose names hold payloads."""
    return ["all", *(f"source/{view.slug}" for view in hostile.views()[::9])]


@pytest.mark.parametrize("field", FIELDS)
def test_payloads_reach_a_field(hostile: Region, field: str) -> None:
    items = [stored.item for stored in hostile.store.items()]
    hit = {(each.source, each.guid) for each in items if any(map(HOSTILE.search, FIELDS[field](each)))}
    assert len(hit) > ENOUGH * len(hostile.payloads)


@pytest.mark.parametrize("field", ["feed_title", "feed_site", "feed_rights", "error"])
def test_payloads_reach_what_is_kept_of_a_source(hostile: Region, field: str) -> None:
    hit = [view for view in hostile.views() if HOSTILE.search(getattr(view.state, field))]
    assert len(hit) > ENOUGH * len(hostile.payloads)


def test_a_hostile_language_or_place_is_none(hostile: Region) -> None:
    for stored in hostile.store.items():
        assert re.fullmatch("[a-z]{2,3}", stored.item.language)
        assert re.fullmatch(r"|-?[\d.]+ -?[\d.]+", stored.item.point)


def test_whole_texts_hold_nothing_that_the_sanitiser_does_not_allow(hostile: Region) -> None:
    for stored in hostile.store.items():
        check_html(stored.item.html)


@pytest.mark.parametrize("query", QUERIES)
def test_nothing_runs_in_atom(client: FlaskClient, slugs: list[str], query: str) -> None:
    for slug in slugs if not query else ["all"]:
        check_xml(taken(client, f"/feeds/{slug}.atom{query}"))


@pytest.mark.parametrize("query", QUERIES)
def test_nothing_runs_in_rss(client: FlaskClient, slugs: list[str], query: str) -> None:
    for slug in slugs if not query else ["all"]:
        root = check_xml(taken(client, f"/feeds/{slug}.rss{query}"))
        for element in root.iter("title", "description", "{http://purl.org/dc/elements/1.1/}*"):
            check_html(unescape(element.text or ""), re.compile("https?://"))  # WordPress decodes once more


@pytest.mark.parametrize("query", QUERIES)
def test_nothing_runs_in_json_feeds(client: FlaskClient, slugs: list[str], query: str) -> None:
    for slug in slugs if not query else ["all"]:
        for name, text in strings(json.loads(taken(client, f"/feeds/{slug}.json{query}"))):
            if name == "content_html":
                check_html(text)
            elif name.endswith("url") or name in {"image", "icon"}:
                assert re.match("https?://", text), text


def test_nothing_runs_in_our_lists(client: FlaskClient, hostile: Region) -> None:
    for path in ("/feeds.opml", "/sources.opml", "/.well-known/feeds"):
        root = check_xml(taken(client, path))
        assert len(root.findall(".//outline[@xmlUrl]")) > len(hostile.payloads)
        assert {each.tag for each in root.iter()} <= {"opml", "head", "title", "dateModified", "ownerId", "docs", "body", "outline"}  # fmt: skip


def test_an_embed_by_address_holds_a_frame_and_a_link_of_ours_alone(client: FlaskClient, hostile: Region) -> None:
    public = hostile.settings.public_url
    for view in hostile.views():
        asked = f"/oembed?url={public}/source/{view.slug}"
        answer = json.loads(taken(client, asked))
        assert etree.fromstring(taken(client, f"{asked}&format=xml")).findtext("html") == answer["html"]
        pieces = lxml.html.fragment_fromstring(answer["html"], create_parent=True)
        assert [each.tag for each in pieces.iter()] == ["div", "blockquote", "a", "iframe"]
        assert pieces.find(".//iframe").get("src") == f"{public}/embed/source/{view.slug}"
        assert pieces.find(".//a").get("href") == f"{public}/source/{view.slug}"
        assert set(pieces.find(".//iframe").attrib) == {"src", "title", "width", "height", "frameborder", "loading"}


def test_stories_as_data_are_data(client: FlaskClient, hostile: Region) -> None:
    for story_id in hostile.stories()[::5]:
        with client.get(f"/story/{story_id}.json") as answer:
            assert answer.status_code == 200
            assert answer.headers["Content-Type"] == "application/json"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert json.loads(answer.data)["id"]


def taken(client: FlaskClient, path: str) -> bytes:
    with client.get(path) as answer:
        assert answer.status_code == 200, path
        return answer.data


def check_xml(document: bytes) -> etree._Element:
    """A well-formed document without anything that a reader could take for markup that runs."""
    root = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    assert root.getroottree().docinfo.internalDTD is None
    for element in root.iter():
        assert isinstance(element.tag, str), element  # neither comments nor instructions
        for name, value in element.attrib.items():
            if etree.QName(name).localname in ADDRESS_ATTRIBUTES:
                assert ADDRESS.fullmatch(str(value)), (element.tag, value)
        name, text = etree.QName(element).localname, element.text or ""
        if name in {"link", "comments", "docs", "logo", "icon", "uri"} and text.strip():
            assert ADDRESS.fullmatch(text.strip()), (name, text)
        if name in MARKED:
            check_html(text)
    return root


def check_html(markup: str, address: re.Pattern[str] = ADDRESS) -> None:
    """What the sanitiser allows, and nothing else, as a reader would parse it."""
    if not markup.strip():
        return
    for element in lxml.html.fragment_fromstring(markup, create_parent="div").iter():
        assert isinstance(element.tag, str), markup
        assert element.tag in ALLOWED, (element.tag, markup)
        for name, value in element.attrib.items():
            assert name in ALLOWED_ATTRIBUTES, (name, markup)
            if name in {"href", "src"}:
                assert address.match(value), (value, markup)


def strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text within a value of JSON, with the key that it stands under."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from strings(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each, name)
    elif isinstance(value, str):
        yield name, value
