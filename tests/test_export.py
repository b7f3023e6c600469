"""The public output as files: the bytes of the live answers, and nothing that is not public."""

import gzip
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import brotli
import lxml.html
import pytest
from click.testing import CliRunner
from flask import Flask
from msgspec import Struct
from msgspec.structs import replace

from aggregator import publishing
from aggregator.cli import main
from aggregator.errors import ConfigError, StoreError
from aggregator.model import (
    Category,
    Decision,
    DecisionKind,
    Format,
    Item,
    PinKind,
    Republish,
    Source,
    SourceState,
    Update,
)
from aggregator.store import Store
from tests import web_world
from tests.web_world import (
    INFO,
    MATIN,
    NOW,
    PRESSE,
    World,
    a_world,
    about,
    an_item,
    fail,
    same_event,
    same_story,
    tell,
)
from web import create_app, export, published
from web.export import OWN, Outcome, file_name

CATEGORIES = "slug\tfr\ten\tiptc\taliases\neconomie\tÉconomie\tEconomy\t\téco\nsport\tSport\tSport\t\tfoot\n"
SPORT = Category("sport", "aliases", "Sport")
ENDINGS = {".gz": "gzip", ".br": "br"}


class Desk(Struct, frozen=True):
    """A region, and the folder that it is published to."""

    world: World
    folder: Path
    app: Flask  # not the one that answers live, which remembers what it said

    def publish(self) -> Outcome:
        """As the command does. Making an application for each run, as it does, takes long."""
        self.app.extensions["tributary"].look_again()
        return export.export(self.app, self.folder)

    def names(self) -> set[str]:
        """All files that a web server may serve."""
        found = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        return {name for name in found if not name.startswith(OWN)}

    def paths(self) -> dict[str, str]:
        """Of every file that is no twin, the address that it stands for."""
        plain = {name for name in self.names() if not name.endswith(tuple(ENDINGS))}
        return {f"/{name.removesuffix('.html')}".replace("/index", "/"): name for name in plain}

    def marks(self) -> dict[str, tuple[int, int]]:
        """By which a file is known to have been left alone."""
        return {name: ((found := (self.folder / name).stat()).st_ino, found.st_mtime_ns) for name in self.names()}

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture(scope="module")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A folder that tests only read."""
    with a_desk(tmp_path_factory.mktemp("once")) as desk:
        desk.publish()
        yield desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with a_desk(tmp_path) as desk:
        yield desk


@contextmanager
def a_desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "categories.tsv").write_text(CATEGORIES, encoding="utf-8")
    sources = [replace(INFO, departements=("25",), republish=Republish.FULL), MATIN, PRESSE]
    world = a_world(tmp_path, sources, categories=str(tmp_path / "categories.tsv"), feed_length=5)
    tell(world.store, [an_item(f"n{number}", departements=("25",)) for number in range(52)])
    one, two = an_item("one", lead="Long. " * 300), an_item("two", MATIN)
    tell(world.store, [one])
    tell(world.store, [two], links=[same_story(two, one)])
    while publishing.keep_pages(world.store, world.settings, NOW):
        pass
    yield Desk(world, tmp_path / "public", create_app(world.settings, clock=lambda: NOW))
    world.store.close()


def test_every_file_holds_the_bytes_of_the_live_answer(published_once: Desk) -> None:
    check_bytes(published_once)


def check_bytes(desk: Desk) -> None:
    """Compare every file with what the application answers now."""
    client = desk.world.client
    for path, name in desk.paths().items():
        live = client.get(path, buffered=True)
        assert (live.status_code, live.data) == (200, desk.read(name)), path
        for ending, coding in ENDINGS.items():
            coded = client.get(path, headers={"Accept-Encoding": coding}, buffered=True)
            if coded.headers.get("Content-Encoding") == coding:
                assert coded.data == desk.read(name + ending), name


def test_every_twin_is_its_file_and_smaller(published_once: Desk) -> None:
    opened = {".gz": gzip.decompress, ".br": brotli.decompress}
    twins = [name for name in published_once.names() if name.endswith(tuple(ENDINGS))]
    for name in twins:
        plain, ending = published_once.read(name[:-3]), name[-3:]
        assert opened[ending](published_once.read(name)) == plain
        assert len(published_once.read(name)) < len(plain) >= 1000
    plain_names = {name for name in published_once.names() if len(published_once.read(name)) >= 1000} - set(twins)
    assert {name[:-3] for name in twins} == plain_names


def test_all_that_is_public_is_there(published_once: Desk) -> None:
    paths = published_once.paths().keys()
    for slug in published_once.world.app.extensions["tributary"].feeds():
        river = "/" if slug == "all" else f"/{slug}"
        assert {river, f"/embed/{slug}", *(f"/feeds/{slug}.{each}" for each in ("atom", "rss", "json"))} <= paths
    assert {f"/feeds/{slug}/archive/1.atom" for slug in ("all", "economie", "dep/25", "economie/dep/25")} <= paths
    assert {"/feeds.opml", "/sources.opml", "/.well-known/feeds", "/robots.txt", "/subscribe"} <= paths
    assert {"/embed.js", "/static/site.css", "/favicon.ico"} <= paths
    for story in published_once.world.store.head("all", 5):
        assert {f"/story/{story.id}", f"/story/{story.id}.json"} <= paths


def test_what_the_pages_link_to_is_there_or_for_the_application(published_once: Desk) -> None:
    feed = json.loads(published_once.read("feeds/all.json"))
    base, paths = published_once.world.settings.public_url, published_once.paths().keys()
    assert {item["_tributary"]["story_url"].removeprefix(base) for item in feed["items"]} <= paths
    assert feed["next_url"].removeprefix(base) in paths


def test_a_second_run_touches_nothing(desk: Desk) -> None:
    first = desk.publish()
    assert first == Outcome(len(desk.names()), len(desk.names()), 0)
    before = desk.marks()
    assert desk.publish() == Outcome(first.files, 0, 0)
    assert desk.marks() == before


def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the application is asked from now on."""
    asked: list[str] = []
    ask = published.ask
    monkeypatch.setattr(export, "ask", lambda client, path: asked.append(path) or ask(client, path))  # type: ignore[func-returns-value]
    return asked


def test_a_run_asks_only_for_what_may_have_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(desk.world.store, [an_item("first", MATIN, categories=(SPORT,))])
    desk.publish()
    asked = questions(monkeypatch)
    desk.publish()
    assert asked == []
    fail(desk.world.store, MATIN)
    desk.publish()
    assert asked == ["/source/haut-doubs-matin", "/sources"]
    asked.clear()
    tell(desk.world.store, [an_item("new", MATIN, categories=(SPORT,))])
    desk.publish()
    (story,) = [each.id for each in desk.world.store.items() if each.item.guid == "new"]
    stands_in = {"/", "/sport", "/source/haut-doubs-matin", f"/story/{story}", f"/story/{story}.json"}
    for slug in ("all", "sport", "source/haut-doubs-matin"):
        stands_in |= {f"/feeds/{slug}.{format}" for format in Format} | {f"/embed/{slug}", f"/embed/{slug}.fragment"}
    assert set(asked) == stands_in | {"/sources", *published.LISTS}


def test_a_retraction_asks_for_the_closed_pages_that_it_touches(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish()
    asked = questions(monkeypatch)
    for guid in ("two", "n3"):  # the first one stands on no closed page
        hide(desk, guid)
        desk.publish()
        pages = {path for path in asked if "/archive/" in path}
        slugs = ("all", "economie", "dep/25", "economie/dep/25", "source/comtois-info") if guid == "n3" else ()
        assert pages == {f"/feeds/{slug}/archive/1.{format}" for slug in slugs for format in Format}
    check_bytes(desk)


def test_a_run_that_is_halted_is_gone_on_with(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = questions(monkeypatch)
    assert not export.export(desk.app, desk.folder, lambda: len(asked) >= 20).is_whole
    assert len(asked) == 20
    first = asked.copy()
    tell(desk.world.store, [an_item("new", MATIN, categories=(SPORT,))])
    asked.clear()
    desk.publish()
    changed = (
        "/feeds/all.",
        "/embed/all",
        "/feeds/sport.",
        "/embed/sport",
        "/feeds/source/haut-doubs",
        "/embed/source",
    )
    assert not {path for path in asked if not path.startswith(changed)}.intersection(first)
    check_bytes(desk)


def test_what_changed_comes_before_what_only_the_settings_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish()
    tell(desk.world.store, [an_item("new", MATIN, categories=(SPORT,))])
    asked = questions(monkeypatch)
    replace(desk, app=create_app(replace(desk.world.settings, title="Autre"), clock=lambda: NOW)).publish()
    assert max(asked.index(f"/feeds/{slug}.atom") for slug in ("all", "sport")) < asked.index("/feeds/economie.atom")


def test_a_change_rewrites_what_it_changes_and_nothing_else(desk: Desk) -> None:
    desk.publish()
    before, told = desk.marks(), desk.world.store.head("all", 5)[0].id
    tell(desk.world.store, [an_item("new", MATIN, categories=())])
    desk.publish()
    after = desk.marks()
    assert before["feeds/all.atom"] != after["feeds/all.atom"]
    assert before["feeds/all.atom.gz"] != after["feeds/all.atom.gz"]
    for name in ("feeds/economie.rss", "feeds/all/archive/1.json", f"story/{told}.html", "static/site.css", "embed.js"):
        assert before[name] == after[name]
    check_bytes(desk)


def test_whatever_changes_pages_and_embeds_are_those_of_the_live_answers(desk: Desk) -> None:
    store, clock = desk.world.store, [NOW]
    live, written = (create_app(desk.world.settings, clock=lambda: clock[0]) for _ in range(2))
    desk = replace(desk, world=replace(desk.world, app=live), app=written)
    one, two, three = an_item("one", lead="Long. " * 300), an_item("two", MATIN), an_item("three", PRESSE)
    ids = {
        guid: store.find(f"https://{host}.example/{guid}")[0].id for host, guid in (("info", "one"), ("matin", "two"))
    }
    old = an_item("old", PRESSE, categories=(SPORT,))

    def tomorrow() -> None:
        clock[0] += timedelta(days=1)

    changes: dict[str, Callable[[], object]] = {
        "a story": lambda: tell(store, [three]),
        "one that comes too late for a head": lambda: tell_late(store, old),
        "an event": lambda: same_event(store, [one, three], [about(three, one, "Levier")]),
        "the item that does not lead": lambda: retell(store, replace(two, title="Titre deux")),
        "another story about the event": lambda: retell(store, replace(three, title="Titre trois")),
        "why two items are one story": lambda: store.relink([same_story(two, one, "une autre phrase")], [], NOW),
        "a word of editors": lambda: store.pin(PinKind.MUST, ids["one"], ids["two"], "anne", "le même", NOW),
        "another": lambda: store.split(ids["two"], "anne", "", NOW),
        "what the word is about is hidden": lambda: store.hide(ids["two"], "anne", "", NOW),
        "a source that fails": lambda: fail(store, INFO),
        "a source that says something else of itself": lambda: rename(store, PRESSE, "Autre nom"),
        "a day": tomorrow,
    }
    desk.publish()
    for name, change in changes.items():
        change()
        desk.publish()
        live.extensions["tributary"].look_again()
        for path, file in desk.paths().items():
            if not path.startswith(("/static/", "/feeds/")):
                answer = desk.world.client.get(path, buffered=True)
                assert (answer.status_code, answer.data) == (200, desk.read(file)), (name, path)


def tell_late(store: Store, item: Item) -> None:
    """As `tell`, of an item that is too old to be announced."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web_world, "Decision", partial(Decision, late=True))
        tell(store, [item])


def retell(store: Store, item: Item) -> None:
    """A source corrects what it wrote."""
    tell(store, [item], kind=DecisionKind.CHANGED, changed_at=NOW)


def rename(store: Store, source: Source, title: str) -> None:
    """A feed calls itself something else."""
    state = SourceState(source.url, checked_at=NOW, succeeded_at=NOW, next_check_at=NOW, feed_title=title)
    store.settle(source.url, [], [], lambda _: Update(state, (), NOW))


def test_the_settings_count_as_a_change(desk: Desk) -> None:
    desk.publish()
    renamed = replace(desk, app=create_app(replace(desk.world.settings, title="Autre"), clock=lambda: NOW))
    renamed.publish()
    assert all("Autre" in renamed.read(name).decode() for name in ("feeds/all.rss", "feeds/all/archive/1.atom"))


def test_what_is_retracted_is_gone_with_the_next_run(desk: Desk) -> None:
    desk.publish()
    (story,) = [each for each in desk.world.store.head("all", 5) if each.lead.item.guid == "one"]
    for item in (story.lead, *story.others):
        desk.world.store.hide(item.id, "x", "", NOW)
    desk.publish()
    assert not any(name.startswith(f"story/{story.id}.") for name in desk.names())
    told = [name for name in desk.names() if b"Titre one" in desk.read(name) and not name.endswith((".gz", ".br"))]
    assert told == []
    check_bytes(desk)


def hide(desk: Desk, guid: str) -> None:
    (stored,) = [each for each in desk.world.store.items() if each.item.guid == guid]
    desk.world.store.hide(stored.id, "x", "", NOW)


def test_a_retraction_reaches_closed_pages(desk: Desk) -> None:
    desk.publish()
    hide(desk, "n3")
    desk.publish()
    assert not any(b">Titre n3<" in desk.read(name) for name in desk.names())
    check_bytes(desk)


def test_the_feeds_of_a_source_that_is_withdrawn_are_gone(desk: Desk) -> None:
    desk.publish()
    (slug,) = [view.slug for view in desk.world.store.sources() if view.source.url == MATIN.url]
    assert f"feeds/source/{slug}.atom" in desk.names()
    desk.world.store.withdraw(MATIN.url, "x", "", NOW)
    desk.publish()
    assert not any(f"source/{slug}." in name for name in desk.names())


def test_a_changed_item_is_shown_under_a_later_time(desk: Desk) -> None:
    desk.publish()
    (stored,) = desk.world.store.find("https://info.example/one")
    before = (desk.folder / "feeds/all.atom").stat().st_mtime
    tell(desk.world.store, [replace(stored.item, title="Titre uno")], kind=DecisionKind.CHANGED, changed_at=NOW)
    desk.publish()
    assert (desk.folder / "feeds/all.atom").stat().st_mtime > before


# ── where there is nothing but files


def test_where_readers_reach_nothing_but_files_every_link_leads_to_one(desk: Desk) -> None:
    only = replace(desk.world.settings, files_only=True)
    app = create_app(only, clock=lambda: NOW)
    desk = replace(desk, app=app, world=replace(desk.world, app=app, settings=only))
    desk.publish()
    check_bytes(desk)
    paths = desk.paths()
    broken = set()
    for path, name in paths.items():
        if name.endswith(".html"):
            page = lxml.html.fromstring(desk.read(name))
            page.make_links_absolute(only.public_url + path)
            for element, attribute, link, _ in page.iterlinks():
                parts = urlsplit(link)
                if attribute != "xmlns" and link.startswith(f"{only.public_url}/"):
                    asks = parts.query and not parts.path.startswith("/static/")
                    if asks or unquote(parts.path) not in paths:
                        broken.add((element.tag, link))
            assert not page.xpath("//form[not(@method)]"), path
    assert broken == set()
    feeds = [desk.read(name) for path, name in paths.items() if path.startswith("/feeds/")]
    assert not any(b"/hub" in feed for feed in feeds)
    assert "/oembed" not in desk.read("index.html").decode()


def test_the_page_on_following_has_snippets_that_work_from_files(desk: Desk) -> None:
    only = replace(desk.world.settings, files_only=True)
    page = lxml.html.fromstring(create_app(only).test_client().get("/subscribe").data)
    snippets = [area.text for area in page.iter("textarea")]
    addresses = re.findall(r'(?:src|virtual)="([^"]+)"', " ".join(snippets))
    assert len(snippets) == 4 and len(addresses) == 6
    assert {address.removeprefix(only.public_url) for address in addresses} == {
        "/embed/all",
        "/embed-height.js",
        "/embed.js",
        "/feeds/all.json",
        "/embed/all.fragment",
    }


# ── whose files


@pytest.mark.parametrize("name", ["index.html", "photo.jpg", "sub/x"])
def test_a_folder_with_files_of_others_is_refused(desk: Desk, name: str) -> None:
    path = desk.folder / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(ConfigError, match="not published there"):
        desk.publish()
    assert [each for each in desk.folder.rglob("*") if each.is_file()] == [path]


def test_files_that_others_put_beside_ours_stay(desk: Desk) -> None:
    desk.publish()
    mine = [desk.folder / name for name in ("google1234.html", "feeds/own.txt", "story/9999.html")]
    for path in mine:
        path.write_text("mine")
    desk.publish()
    assert [path.read_text() for path in mine] == ["mine"] * 3


def test_a_file_of_others_where_ours_should_be_is_not_overwritten(desk: Desk) -> None:
    desk.publish()
    number = max(each.id for each in desk.world.store.items()) + 1
    (desk.folder / f"story/{number}.html").write_text("mine")
    tell(desk.world.store, [an_item("new")])
    with pytest.raises(ConfigError, match="will not overwrite"):
        desk.publish()
    assert (desk.folder / f"story/{number}.html").read_text() == "mine"


def test_what_somebody_removed_or_spoilt_is_mended(desk: Desk) -> None:
    desk.publish()
    (desk.folder / "feeds/all.atom").unlink()
    (desk.folder / "feeds/all.rss.gz").write_bytes(b"")
    shutil.rmtree(desk.folder / "static")
    desk.publish()
    check_bytes(desk)


def test_two_runs_do_not_write_at_once(desk: Desk) -> None:
    desk.publish()
    with export._locked(desk.folder), pytest.raises(ConfigError, match="another run"):
        desk.publish()


def test_a_folder_that_cannot_be_written_to_is_named(desk: Desk) -> None:
    desk.folder.write_text("a file")
    with pytest.raises(ConfigError, match="while publishing to"):
        desk.publish()


def test_a_manifest_that_is_broken_stops_the_run(desk: Desk) -> None:
    desk.publish()
    (desk.folder / OWN / "manifest.json").write_text("{")
    with pytest.raises(ConfigError, match="manifest"):
        desk.publish()


@pytest.mark.parametrize("path", ["/../x", "/a/../b", "/./a", "//a", "/.tributary/x", "/a//b"])
def test_no_address_leads_out_of_the_folder(path: str) -> None:
    with pytest.raises(ConfigError):
        file_name(path, "text/plain")


# ── what can go wrong


class Killed(BaseException):
    """Nobody catches it."""


@pytest.mark.parametrize("moment", [0, 2, 30, -1])
@pytest.mark.parametrize("again", [False, True])
def test_a_run_that_is_killed_anywhere_is_mended_by_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: int, again: bool
) -> None:
    if again:
        desk.publish()
        tell(desk.world.store, [an_item("new", lead="Nouveau. " * 200)])
        desk.world.store.hide(desk.world.store.find("https://info.example/n3")[0].id, "x", "", NOW)
    moves = [0]
    move = Path.replace

    def die(path: Path, target: Path) -> Path:
        moves[0] += 1
        if moves[0] == moment + 1 or (moment < 0 and target.name == "manifest.json"):
            raise Killed
        return move(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with suppress(Killed):
            desk.publish()
    desk.publish()
    clean = replace(desk, folder=desk.folder.with_name("clean"))
    clean.publish()
    assert {name: desk.read(name) for name in desk.names()} == {name: clean.read(name) for name in clean.names()}


def test_while_the_store_cannot_answer_everything_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish()
    before = desk.marks()
    tell(desk.world.store, [an_item("new")])
    app = create_app(desk.world.settings, clock=lambda: NOW)
    app.view_functions["reader.river"] = lambda: ("", 503)
    with pytest.raises(StoreError, match="503"):
        export.export(app, desk.folder)
    after = desk.marks()
    assert before.keys() <= after.keys()


# ── the command


def test_the_command_says_what_it_did(desk: Desk) -> None:
    words = ["publish", "--to", str(desk.folder), "--database", desk.world.settings.database]
    environment = {"TRIBUTARY_BASE_URL": desk.world.settings.base_url}
    result = CliRunner().invoke(main, words, env=environment, catch_exceptions=False)
    count = len(desk.names())
    assert result.output == f"{count} files in {desk.folder}: {count} written, 0 removed\n"


def test_the_command_prints_a_configuration_and_writes_nothing(desk: Desk) -> None:
    words = ["publish", "--to", str(desk.folder), "--server", "caddy", "--database", desk.world.settings.database]
    environment = {"TRIBUTARY_BASE_URL": desk.world.settings.base_url}
    result = CliRunner().invoke(main, words, env=environment, catch_exceptions=False)
    assert str(desk.folder) in result.output and "news.example" in result.output
    assert not desk.folder.exists()


def test_the_command_refuses_in_one_line_where_there_is_nothing_yet(tmp_path: Path) -> None:
    words = ["publish", "--to", str(tmp_path / "public"), "--database", str(tmp_path / "none.db")]
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "does not exist yet" in result.output
