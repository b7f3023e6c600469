"""What a WordPress page shows of our feeds: its RSS block and its embeds, run as they are."""

import json
import urllib.request
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import lxml.html
import pytest

from aggregator.publish.characters import undecodable
from tests.clients.readers import PATIENCE_SECONDS, WordPress, wordpress
from tests.clients.region import served

pytestmark = pytest.mark.clients

SHOWN = 20
EXCERPT_WORDS = 55


def test_the_block_of_a_page_shows_each_story_with_its_title_source_date_and_first_words(tmp_path: Path) -> None:
    program: WordPress = wordpress("wordpress.php")
    with served(tmp_path) as region:
        page = lxml.html.fromstring(program(tmp_path, [f"{region.base}/feeds/economie.rss"]))
        told = region.head("economie")[:SHOWN]
    rows = page.findall("li")
    assert len(rows) == SHOWN
    for row, entry in zip(rows, told, strict=True):
        (link,) = row.iter("a")
        title = undecodable(entry.title)
        assert (link.text_content(), link.get("href")) == (title, entry.link)
        assert row.find(".//time").get("datetime") == entry.published.strftime("%Y-%m-%dT%H:%M:%S+00:00")
        author, excerpt = (row.find(f".//*[@class='wp-block-rss__item-{name}']") for name in ("author", "excerpt"))
        assert author.text_content() == f"by {undecodable(entry.author)}"
        words = undecodable(entry.lead).split()
        assert excerpt.text_content().split()[: min(len(words), EXCERPT_WORDS)] == words[:EXCERPT_WORDS]


def test_an_address_alone_on_a_line_becomes_a_frame_with_what_stands_there(tmp_path: Path) -> None:
    program: WordPress = wordpress("oembed.php")
    with served(tmp_path) as region:
        paths = ("/economie", "/economie/dep/25", "/", "/embed/economie?limit=5&theme=dark&accent=c00000")
        told = [json.loads(line) for line in program(tmp_path, [region.base + path for path in paths]).splitlines()]
        for path, found in zip(paths, told, strict=True):
            assert found["provider"].startswith(f"{region.base}/oembed?format=json&url="), path
            assert (found["answer"]["type"], found["answer"]["version"]) == ("rich", "1.0")
            made = lxml.html.fromstring(f"<div>{found['html']}</div>")
            quotation, frame = made.find("blockquote"), made.find("iframe")
            shown = path if path.startswith("/embed/") else f"/embed/{path.strip('/') or 'all'}"
            assert quotation.find("a").get("href") == region.base + path.partition("?")[0].replace("/embed", "")
            address, _, secret = frame.get("src").partition("#?secret=")
            assert secret == frame.get("data-secret") == quotation.get("data-secret")
            assert (frame.get("title"), frame.get("sandbox")) == (found["answer"]["title"], "allow-scripts")
            with urllib.request.urlopen(address, timeout=PATIENCE_SECONDS) as answer:
                body = answer.read().decode()
            # The options stand in one order in the address that is shown.
            assert dict(parse_qsl(urlsplit(address).query)) == dict(parse_qsl(urlsplit(shown).query))
            assert urlsplit(address).path == urlsplit(shown).path
            assert body.count("<li data-story") == (5 if "limit=5" in path else 10)


def test_a_page_that_is_no_feed_stays_a_link(tmp_path: Path) -> None:
    with served(tmp_path) as region:
        story = region.world.store.head("all", 1)[0].id
        found = json.loads(wordpress("oembed.php")(tmp_path, [f"{region.base}/story/{story}"]))
    assert found == {"provider": False, "answer": False, "html": False}
