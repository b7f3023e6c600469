"""What helps to find one’s way on a river: rows of places and subjects, titles that do not shout."""

import re
from pathlib import Path

import pytest
from lxml import etree
from msgspec.structs import replace

from aggregator.model import Category
from tests.web_world import INFO, MATIN, PRESSE, World, a_world, an_item, tell
from web.words import is_loud

SPORT = (Category("sport", "aliases"),)


@pytest.fixture
def world(tmp_path: Path) -> World:
    sources = [
        replace(INFO, departements=("25",)),
        replace(MATIN, departements=("39", "25")),
        replace(PRESSE, departements=("70",)),
    ]
    world = a_world(tmp_path, sources)
    tell(world.store, [
        an_item("eco", departements=("25",)),
        an_item("foot", MATIN, departements=("39",), categories=SPORT),
        an_item("ski", MATIN, departements=("25",), categories=SPORT),
    ])  # fmt: skip
    return world


def rows(world: World, path: str) -> list[list[tuple[str, str, bool]]]:
    """Of each row the links: words, address, and whether it is where the reader stands."""
    tree = etree.HTML(world.text(path))
    return [
        [(link.text, re.sub(r"\?.*", "", link.get("href")), link.get("aria-current") == "page") for link in row.xpath(".//a")]
        for row in tree.xpath("//nav[@class='around']")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("/", [("Everywhere", "/", True), ("Doubs", "/dep/25", False), ("Jura", "/dep/39", False)]),
        ("/economie", [("Everywhere", "/economie", True), ("Doubs", "/economie/dep/25", False)]),
        ("/sport", [("Everywhere", "/sport", True), ("Doubs", "/sport/dep/25", False), ("Jura", "/sport/dep/39", False)]),
    ],
)  # fmt: skip
def test_a_river_of_every_place_leads_to_those_that_it_holds_news_of(
    world: World, path: str, places: list[tuple[str, str, bool]]
) -> None:
    assert rows(world, f"{path}?lang=en") == [places]


def test_a_river_of_a_place_leads_to_other_places_and_to_its_subjects(world: World) -> None:
    assert rows(world, "/dep/25?lang=en") == [
        [("Everywhere", "/", False), ("Doubs", "/dep/25", True), ("Jura", "/dep/39", False)],
        [("All subjects", "/dep/25", True), ("Economy", "/economie/dep/25", False), ("Sport", "/sport/dep/25", False)],
    ]


def test_a_river_of_a_subject_in_a_place_leads_one_step_either_way(world: World) -> None:
    assert rows(world, "/sport/dep/25?lang=en") == [
        [("Everywhere", "/sport", False), ("Doubs", "/sport/dep/25", True), ("Jura", "/sport/dep/39", False)],
        [("All subjects", "/dep/25", False), ("Economy", "/economie/dep/25", False), ("Sport", "/sport/dep/25", True)],
    ]


def test_a_river_that_is_still_empty_says_where_it_stands(world: World) -> None:
    assert rows(world, "/meteo/dep/70?lang=en") == [
        [("Everywhere", "/meteo", False), ("Haute-Saône", "/meteo/dep/70", True)],
        [("All subjects", "/dep/70", False), ("Weather", "/meteo/dep/70", True)],
    ]
    assert rows(world, "/meteo?lang=en") == []


@pytest.mark.parametrize("path", ["/", "/economie", "/dep/25", "/sport/dep/25"])
def test_every_link_of_the_rows_leads_somewhere(world: World, path: str) -> None:
    for row in rows(world, path):
        for _, address, is_here in row:
            assert world.client.get(address).status_code == 200
            assert is_here is (address == path)


@pytest.mark.parametrize(
    ("title", "loud"),
    [
        ("DERMATOSE BOVINE : LEVÉE DES RESTRICTIONS", True),
        ("ALERTE MÉTÉO dans le Doubs et le Jura : NEIGE", False),
        ("SNCF, TER, BFC : grève", False),
        ("ALERTE", False),
        ("", False),
        ("2026 : 12 000 000 €", False),
        ("أخبار المنطقة: الجسر مغلق اليوم", False),
    ],
)
def test_a_title_is_loud_when_nearly_all_of_it_is_written_in_capitals(title: str, loud: bool) -> None:
    assert is_loud(title) is loud
