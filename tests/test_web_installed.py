"""What lets a browser keep and install the site: manifest, worker, the letters of keys, what the scripts weigh."""

import gzip
import json
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.web_world import NOW, World, a_world
from web import browser, create_app
from web.layout import PAGE_SCRIPTS

WEB = Path(browser.__file__).parent
SCRIPTS_LIMIT_BYTES = 12_000  # of all scripts of a page and the worker, as they travel


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return a_world(tmp_path_factory.mktemp("site"), title="Le Doubs « en bref »")


def worker_of(world: World) -> str:
    return world.client.get("/worker.js").get_data(as_text=True)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_manifest_names_the_site_and_speaks_the_language_of_the_page(world: World, language: str) -> None:
    (address,) = re.findall(r'<link rel="manifest" href="([^"]+)"', world.text(f"/?lang={language}"))
    response = world.client.get(address)
    assert response.content_type == "application/manifest+json"
    told = json.loads(response.data)
    assert told["name"] == "Le Doubs « en bref »"
    assert told["lang"] == language
    assert told["start_url"] == f"/?lang={language}"
    assert (told["id"], told["scope"]) == ("/", "/")
    assert world.client.get(told["start_url"]).status_code == 200


def test_every_icon_is_there_in_the_size_that_the_manifest_says(world: World) -> None:
    icons = json.loads(world.client.get("/manifest.webmanifest").data)["icons"]
    assert {(each["sizes"], each["purpose"]) for each in icons} >= {
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    }
    for each in icons:
        with world.client.get(each["src"]) as response:
            assert response.content_type == each["type"] == "image/png"
            assert struct.unpack(">II", response.data[16:24]) == tuple(map(int, each["sizes"].split("x")))


def test_a_page_says_on_what_colour_it_stands_by_day_and_by_night(world: World) -> None:
    sheet = (WEB / "static" / "site.css").read_text(encoding="utf-8")
    told = re.findall(
        r'<meta name="theme-color" content="(\S+)" media="\(prefers-color-scheme: (\w+)\)">', world.text("/")
    )
    assert [scheme for _, scheme in told] == ["light", "dark"]
    assert all(f"--paper: {colour};" in sheet for colour, _ in told)


def test_the_worker_may_be_kept_for_a_minute_only(world: World) -> None:
    response = world.client.get("/worker.js")
    assert response.content_type.startswith("text/javascript")
    assert response.headers["Cache-Control"] == "public, max-age=60"
    again = world.client.get("/worker.js", headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304


def test_every_file_that_the_worker_fetches_is_there(world: World) -> None:
    (files,) = re.findall(r"^const FILES = (.+);$", worker_of(world), re.MULTILINE)
    (shells,) = re.findall(r"^const SHELLS = (.+);$", worker_of(world), re.MULTILINE)
    page = world.text("/")
    assert {f"static/{name}" for name in ("site.css", *PAGE_SCRIPTS)} <= {
        each.partition("?")[0] for each in json.loads(files)
    }
    for each in json.loads(files):
        assert f'"/{each}"' in page
        with world.client.get(f"/{each}") as response:
            assert response.status_code == 200
    for each in json.loads(shells):
        assert world.client.get(f"/{each}").status_code == 200


def test_two_processes_give_the_same_worker(world: World) -> None:
    other = create_app(world.settings, clock=lambda: NOW)
    assert other.test_client().get("/worker.js").get_data(as_text=True) == worker_of(world)


def test_the_worker_is_another_one_when_a_file_or_a_setting_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed = create_app(replace(world.settings, title="Autre"), clock=lambda: NOW)
    assert renamed.test_client().get("/worker.js").get_data(as_text=True) != worker_of(world)
    changed = create_app(world.settings, clock=lambda: NOW)
    changed.jinja_env.globals["site_css"] = ("site.css", "0" * 12)
    told = changed.test_client().get("/worker.js").get_data(as_text=True)
    versions = [re.findall(r'"tributary-parts-(\w+)"', each) for each in (told, worker_of(world))]
    assert versions[0] != versions[1]


def test_the_address_of_the_worker_is_the_same_in_every_language(world: World) -> None:
    assert 'data-worker="/worker.js"' in world.text("/?lang=en")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_letter_leads_to_one_place(world: World, language: str) -> None:
    found = re.findall(
        r'<kbd>g</kbd> <kbd>(\w)</kbd></dt><dd><a href="([^"]+)" data-key="(\w)">', world.text(f"/?lang={language}")
    )
    letters = [letter for letter, _, _ in found]
    assert letters[:4] == ["h", "s", "o", "e"]
    assert len(set(letters)) == len(letters) == 3 + browser.KEYED_CATEGORIES
    assert all(shown == meant and world.client.get(to).status_code == 200 for shown, to, meant in found)


@given(st.lists(st.text(max_size=12), max_size=15))
def test_whatever_categories_are_called_no_two_have_one_letter(world: World, names: list[str]) -> None:
    with world.app.test_request_context("/"):
        found = browser.places([("economie", name) for name in names])
    letters = [letter for letter, _, _ in found]
    assert len(set(letters)) == len(letters) <= 3 + browser.KEYED_CATEGORIES
    assert all(re.fullmatch("[a-z]", letter) for letter in letters)


def test_the_scripts_of_a_page_are_light(world: World) -> None:
    own = [(WEB / "static" / name).read_bytes() for name in PAGE_SCRIPTS]
    assert sum(len(gzip.compress(each)) for each in [*own, worker_of(world).encode()]) <= SCRIPTS_LIMIT_BYTES


@pytest.mark.parametrize("path", ["/stars", "/offline"])
def test_robots_are_asked_to_leave_out_what_is_each_readers_own(world: World, path: str) -> None:
    assert '<meta name="robots" content="noindex">' in world.text(path)
