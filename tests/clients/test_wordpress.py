"""What a WordPress page shows of our feeds: its RSS block, run as it is."""

from pathlib import Path

import lxml.html
import pytest

from aggregator.publish.characters import undecodable
from tests.clients.readers import WordPress, wordpress
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
