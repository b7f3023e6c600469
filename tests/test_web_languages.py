"""The site in French and in English."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract, extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from aggregator.model import Date
from aggregator.stories.why import TEMPLATES
from tests.desk_world import a_desk
from tests.web_world import NOW, World, a_world, an_item, tell

PROJECT = Path(__file__).parent.parent
WEB = PROJECT / "web"
MESSAGES = WEB / "translations" / "fr" / "LC_MESSAGES" / "messages.po"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "lazy_gettext": None}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
SAYING = re.search(r"^SAYING = -k (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
SPEAKING = ("rules.py", "desk", "opml", "store")  # of the aggregator: their errors are shown to editors


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = a_world(tmp_path)
    tell(world.store, [an_item("a")])
    return world


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", None, "fr"),
        ("", "en", "en"),
        ("", "en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("", "fr-CA", "fr"),
        ("", "de, en;q=0.3, fr;q=0.4", "fr"),
        ("", "de", "fr"),
        ("", "nonsense;;q=x", "fr"),
        ("?lang=en", None, "en"),
        ("?lang=en", "fr", "en"),
        ("?lang=fr", "en", "fr"),
        ("?lang=de", "en", "en"),
        ("?lang=", "en", "en"),
        ("?lang=../../etc", None, "fr"),
    ],
)
def test_the_address_then_the_browser_then_the_settings_choose_the_language(
    world: World, query: str, accepted: str | None, language: str
) -> None:
    response = world.client.get("/" + query, headers={"Accept-Language": accepted} if accepted else {})
    assert f'<html lang="{language}">' in response.get_data(as_text=True)
    assert response.headers["Content-Language"] == language
    assert "Accept-Language" in response.headers["Vary"]


def test_a_site_set_to_english_speaks_it_to_those_who_do_not_say(tmp_path: Path) -> None:
    world = a_world(tmp_path, language="en")
    assert "All the news" in world.text("/")
    assert "Toute l’actualité" in world.text("/?lang=fr")


def test_links_keep_a_language_that_the_reader_chose_and_no_other(world: World) -> None:
    chosen, guessed = world.text("/?lang=en"), world.text("/", headers={"Accept-Language": "en"})
    own = [link for link in re.findall(r'href="(/[^"]*)"', chosen) if not link.startswith("/static/")]
    assert len(own) > 20
    assert all("lang=en" in link for link in own)
    assert not re.search(r'href="/[^"]*lang=', guessed)
    assert '<input type="hidden" name="lang" value="en">' in chosen
    assert 'name="lang"' not in guessed


def test_the_other_language_is_one_click_away_on_the_same_page(world: World) -> None:
    text = world.text("/search?q=a%26b&page=2&lang=fr")
    assert 'href="?q=a%26b&page=2&lang=en" lang="en"' in text
    assert "English</a>" in text


def test_the_desk_says_in_french_what_cannot_be_done(tmp_path: Path) -> None:
    desk = a_desk(tmp_path)
    browser = desk.editor()
    page = browser.client.post("/desk/history/action/7?lang=fr", data={"csrf": browser.token()}).get_data(as_text=True)
    assert "L’historique n’a pas de n°\u00a07." in unescape(page)


def test_dates_and_signs_are_written_as_each_language_writes_them(world: World) -> None:
    french, english = world.text("/story/1?lang=fr"), world.text("/story/1?lang=en")
    assert "11 février 2026 à 12:00" in french
    assert "11 February 2026 at 12:00" in english
    assert "mercredi 11 février 2026" in world.text("/?lang=fr")
    assert "Wednesday 11 February 2026" in world.text("/?lang=en")
    assert "Dans ces flux\u00a0:" in french
    assert NOW.isoformat()[:10] in french


def test_french_writes_the_first_of_a_month_as_an_ordinal(world: World) -> None:
    first, eleventh = (Date("", datetime(2026, 2, day, 9, tzinfo=UTC)) for day in (1, 11))
    tell(world.store, [an_item("first", published=first), an_item("eleventh", published=eleventh)])
    assert "Dimanche 1er février 2026" in world.text("/?lang=fr")
    assert "mercredi 11 février 2026" in world.text("/?lang=fr")
    assert "Sunday 1 February 2026" in world.text("/?lang=en")
    assert "1er février 2026 à 10:00" in world.text("/story/2?lang=fr")


def test_labels_of_categories_follow_the_language(world: World) -> None:
    assert "<h1>Économie</h1>" in world.text("/economie?lang=fr")
    assert "<h1>Economy</h1>" in world.text("/economie?lang=en")


# ── the catalogue


def refusals() -> Iterator[str]:
    """What the errors say that editors are shown."""
    assert SAYING
    keywords: dict[str, None] = {"_": None, **dict.fromkeys(SAYING[1].split(" -k "))}
    for name in SPEAKING:
        place = PROJECT / "aggregator" / name
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for file in files:
            with file.open("rb") as body:
                yield from (str(message) for _, message, _, _ in extract("python", body, keywords=keywords))


def test_whatever_the_desk_refuses_is_in_the_catalogue() -> None:
    found = set(refusals())
    for name in SPEAKING:
        place = PROJECT / "aggregator" / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            for call in ast.walk(ast.parse(file.read_text())):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") in {
                    "DeskError",
                    "PinError",
                    "HidingError",
                }:
                    given = call.args[0]
                    assert isinstance(given, ast.Attribute) or (
                        isinstance(given, ast.Constant) and given.value in found
                    )


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    with MESSAGES.open("rb") as file:
        return read_po(file, locale="fr")


def test_every_message_is_translated_and_none_is_left_over(catalog: Catalog) -> None:
    wanted = {
        message if isinstance(message, str) else message[0]
        for _, _, message, _, _ in extract_from_dir(str(WEB), METHODS, keywords=KEYWORDS)
    }
    wanted |= {*TEMPLATES, *refusals()}
    there = {message.id if isinstance(message.id, str) else message.id[0] for message in catalog if message.id}
    assert there == wanted
    assert not catalog.obsolete


def test_no_translation_is_missing_fuzzy_or_wrong(catalog: Catalog) -> None:
    for message in catalog:
        if message.id:
            texts = message.string if isinstance(message.string, tuple) else (message.string,)
            assert all(texts), message.id
            assert not message.fuzzy, message.id
            assert not list(message.check(catalog)), message.id


def test_french_signs_stand_off_by_spaces_that_do_not_break(catalog: Catalog) -> None:
    for message in catalog:
        if message.id:
            for text in message.string if isinstance(message.string, tuple) else (message.string,):
                told = re.sub(r"https?://|hôte:port", "", text)
                assert not re.search(r"(?<![\u00a0\u202f])[:;!?»]|«(?!\u00a0)", told), text
                assert "'" not in text, text


def test_the_compiled_catalogue_is_that_of_the_text(catalog: Catalog) -> None:
    with MESSAGES.with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    for message in catalog:
        if message.id:
            same = compiled.get(message.id if isinstance(message.id, str) else message.id[0])
            assert same is not None, message.id
            assert list(same.string) == list(message.string)
    assert len(compiled) == len(catalog)
