"""The commands: what they print, what they leave behind, and how they end."""

import io
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, redirect_stdout, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace
from rich.logging import RichHandler

from aggregator import opml
from aggregator.cli import main, printing, running
from aggregator.cli.first_round import FirstRound
from aggregator.desk import accounts
from aggregator.errors import ErrorClass
from aggregator.memory import GARBAGE_OBJECTS
from aggregator.model import (
    Closed,
    Decision,
    DecisionKind,
    Evidence,
    Key,
    Level,
    Link,
    PinKind,
    Role,
    Source,
    SourceState,
    Update,
)
from aggregator.pipeline import Report
from aggregator.store import Store, open_store
from aggregator.stories.why import sentence
from tests.origin import HANG, Answer, Origin, answer
from tests.values import NO_PRINT, NOW, SOURCE, make_item, settle, sources
from web.serving import END_SECONDS

PATIENCE_SECONDS = 30  # for what a process does at once; reached only when a test fails
ROOT = Path(__file__).parent.parent
CLOSED = "http://127.0.0.1:9"  # the discard service: nothing listens there


def feeds_opml(*lines: tuple[str, str, str]) -> str:
    """A list of sources: title, URL and further attributes of each."""
    outlines = "\n".join(
        f'<outline type="rss" text={quoteattr(text)} xmlUrl={quoteattr(url)} {more}/>' for text, url, more in lines
    )
    return (
        '<opml version="2.0" xmlns:tributary="urn:tributary:opml:1"><head/><body>\n' + outlines + "\n</body></opml>\n"
    )


def rss(*titles: str, at: datetime = NOW - timedelta(hours=1)) -> bytes:
    items = "".join(
        f"<item><title>{title}</title><link>https://outlet.example/{number}</link><guid>g{number}</guid>"
        f"<pubDate>{format_datetime(at)}</pubDate><description>Texte {number}.</description></item>"
        for number, title in enumerate(titles, start=1)
    )
    return (
        f'<rss version="2.0"><channel><title>T</title><link>https://x.example/</link>{items}</channel></rss>'.encode()
    )


def good(*titles: str) -> Answer:
    return answer(headers={"Content-Type": "application/rss+xml"}, body=rss(*titles))


class Desk:
    """A folder with a feeds.opml, in which commands are typed, and an origin whose answers are chosen by path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: dict[str, Answer] = {}
        self.origin = Origin(lambda request: self.answers.get(request.path.strip("/"), answer(404)))
        self.database = folder / "var" / "tributary.db"
        self.environ: dict[str, str | None] = {"TRIBUTARY_WORKERS": "1"}

    def subscribe(self, *lines: tuple[str, str, str]) -> None:
        (self.folder / "feeds.opml").write_text(feeds_opml(*lines), encoding="utf-8")

    def serve(self, **answers: Answer) -> None:
        """Answer so, and list a source for each."""
        self.answers = dict(answers)
        self.environ["TRIBUTARY_ALLOW_PRIVATE"] = self.origin.authority
        self.subscribe(*((name.capitalize(), self.origin.url(f"/{name}"), "") for name in answers))

    def type(self, *words: str) -> Result:
        result = CliRunner().invoke(main, words, env=self.environ, catch_exceptions=False)
        if "--json" not in words:
            assert "\x1b" not in result.output
        return result

    def lines(self, *words: str) -> list[str]:
        """What a command that goes well prints."""
        result = self.type(*words)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout.splitlines()

    def refused(self, *words: str) -> str:
        """The one line by which a command says that it cannot do that."""
        result = self.type(*words)
        assert (result.exit_code, result.stdout) == (1, "")
        (line,) = result.stderr.splitlines()
        return line

    def store(self) -> Store:
        return open_store(str(self.database))

    def first_seen(self) -> set[datetime]:
        store = self.store()
        found = {each.first_seen for each in store.items()}
        store.close()
        return found


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    made = Desk(tmp_path)
    with made.origin:
        yield made


# ── poll


def test_a_poll_prints_a_line_for_each_source_and_a_sum_and_ends_well_though_sources_fail(desk: Desk) -> None:
    desk.serve(matin=good("Un", "Deux"), panne=answer(503))
    matin, panne, total = sorted(desk.lines("poll"), key=lambda line: ("polled" in line, line))
    assert matin == "Matin: ok, 2 new, 0 changed"
    assert panne.startswith("Panne: is out of order (") and "503" in panne
    assert total == "2 sources polled, 1 could not be read; 2 new items, 0 changed."


def test_a_poll_asks_only_what_is_due_unless_all_is_said_which_leaves_out_what_is_paused(desk: Desk) -> None:
    desk.serve(matin=good("Un"), soir=good("Deux"))
    assert desk.lines("poll")[-1].startswith("2 sources polled")
    assert desk.lines("poll") == ["0 sources polled, 0 could not be read; 0 new items, 0 changed."]
    assert desk.lines("poll", "--all")[-1].startswith("2 sources polled")
    desk.subscribe(
        ("Matin", desk.origin.url("/matin"), 'tributary:paused="true"'), ("Soir", desk.origin.url("/soir"), "")
    )
    assert desk.lines("poll", "--all")[-1].startswith("1 sources polled")


def test_a_chosen_source_is_asked_though_it_is_paused_and_once_though_it_is_named_twice(desk: Desk) -> None:
    desk.serve(matin=good("Un"), soir=good("Deux"))
    matin = desk.origin.url("/matin")
    desk.subscribe(("Matin", matin, 'tributary:paused="true"'), ("Soir", desk.origin.url("/soir"), ""))
    first, _ = desk.lines("poll", "--source", matin, "--source", matin)
    assert first == "Matin: ok, 1 new, 0 changed"
    assert [request.path for request in desk.origin.requests] == ["/matin"]


def test_a_source_that_is_not_listed_is_refused_by_its_address(desk: Desk) -> None:
    desk.serve(matin=good("Un"))
    line = desk.refused("poll", "--source", "https://nowhere.example/feed")
    assert line == "Error: not in feeds.opml: https://nowhere.example/feed"
    assert not desk.origin.requests


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-02-11T12:00:00+01:00", datetime(2026, 2, 11, 11, tzinfo=UTC)),
        ("2026-02-11T12:00:00Z", datetime(2026, 2, 11, 12, tzinfo=UTC)),
        ("2026-02-11T12:00:00", datetime(2026, 2, 11, 12, tzinfo=UTC)),
        ("2026-02-11", datetime(2026, 2, 11, tzinfo=UTC)),
    ],
)
def test_a_replay_goes_by_the_time_that_it_is_given(desk: Desk, text: str, at: datetime) -> None:
    desk.serve(matin=good("Un"))
    desk.lines("poll", "--at", text)
    assert desk.first_seen() == {at}
    due = desk.store()
    (view,) = due.sources()
    due.close()
    assert view.state.checked_at == at and view.state.next_check_at is not None
    assert timedelta(minutes=30) <= view.state.next_check_at - at < timedelta(hours=1)


def test_in_a_replay_due_is_what_is_due_at_that_time(desk: Desk) -> None:
    desk.serve(matin=good("Un"))
    totals = [desk.lines("poll", "--at", f"2026-02-11T{time}")[-1][0] for time in ("12:00:00", "12:20:00", "14:00:00")]
    assert totals == ["1", "0", "1"]


def test_a_time_that_is_none_is_a_wrong_use(desk: Desk) -> None:
    result = desk.type("poll", "--at", "yesterday")
    assert result.exit_code == 2 and "'yesterday'" in result.stderr


# ── sources


def test_every_state_of_a_source_is_told(desk: Desk) -> None:
    desk.serve(matin=good("Un"), panne=answer(503), parti=good("Deux"))
    desk.lines("poll")
    url = desk.origin.url
    desk.subscribe(
        ("Matin", url("/matin"), ""),
        ("Panne", url("/panne"), ""),
        ("Repos", url("/repos"), 'tributary:paused="true"'),
        ("", url("/neuf"), ""),
    )
    head, matin, panne, message, repos, neuf, parti = desk.lines("sources")
    assert head.split() == ["source", "items", "last", "read", "next", "check", "state"]
    assert matin.split()[:2] == ["Matin", "1"] and matin.endswith("  ok")
    assert panne.split()[:3] == ["Panne", "0", "never"] and panne.endswith("  unavailable")
    assert message.startswith("    ") and "503" in message and url("/panne") in message
    assert repos.split() == ["Repos", "0", "never", "never", "paused"]
    assert neuf.split() == [url("/neuf"), "0", "never", "never", "not", "polled", "yet"]
    assert parti.startswith("Parti ") and parti.endswith("  no longer listed")
    columns = {line.index(state) for line, state in ((head, "state"), (matin, "ok"), (repos, "paused"))}
    assert len(columns) == 1


# ── import, export


def test_an_import_adds_what_is_not_there_yet(desk: Desk) -> None:
    desk.subscribe(("Matin", "https://matin.example/feed", ""))
    other = desk.folder / "other.opml"
    other.write_text(feeds_opml(("M", "http://www.matin.example/feed/", ""), ("Soir", "https://soir.example/f", "")))
    assert desk.lines("import", str(other)) == [
        "added https://soir.example/f",
        "1 sources added, 1 were there already.",
    ]
    assert [source.url for source in opml.read("feeds.opml")] == [
        "https://matin.example/feed",
        "https://soir.example/f",
    ]
    before = (desk.folder / "feeds.opml").read_bytes()
    assert desk.lines("import", str(other)) == ["0 sources added, 2 were there already."]
    assert (desk.folder / "feeds.opml").read_bytes() == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff\xfe\x00",
        b"<html><body>Bonjour</body></html>",
        b'<!DOCTYPE opml [<!ENTITY a "x">]><opml version="2.0"><body><outline xmlUrl="https://x.example/&a;"/></body></opml>',
    ],
    ids=["empty", "binary", "a page", "entities"],
)
def test_a_hostile_import_is_refused_in_one_line_and_changes_nothing(desk: Desk, body: bytes) -> None:
    desk.subscribe(("Matin", "https://matin.example/feed", ""))
    before = (desk.folder / "feeds.opml").read_bytes()
    (desk.folder / "other.opml").write_bytes(body)
    assert "other.opml" in desk.refused("import", "other.opml")
    assert (desk.folder / "feeds.opml").read_bytes() == before


def test_an_export_can_be_imported_elsewhere_and_is_the_same_in_a_file_and_on_the_terminal(desk: Desk) -> None:
    desk.subscribe(("Matin d’été", "https://matin.example/feed", ""), ("Soir", "https://soir.example/f", ""))
    desk.lines("export", "out.opml")
    written = (desk.folder / "out.opml").read_text(encoding="utf-8")
    shown = "\n".join(desk.lines("export")) + "\n"
    assert [line for line in shown.splitlines() if "date" not in line] == [
        line for line in written.splitlines() if "date" not in line
    ]
    found = opml.read_foreign(written.encode(), "out.opml")
    assert [(source.title, source.url) for source in found] == [
        ("Matin d’été", "https://matin.example/feed"),
        ("Soir", "https://soir.example/f"),
    ]


def test_an_export_that_cannot_be_written_is_refused(desk: Desk) -> None:
    desk.subscribe(("Matin", "https://matin.example/feed", ""))
    assert "nowhere/out.opml" in desk.refused("export", "nowhere/out.opml")


# ── why, stories


def test_an_item_is_explained_by_its_number_its_guid_or_its_link(desk: Desk) -> None:
    desk.serve(matin=good("Le pont [red]rouvre[/red]"))
    desk.lines("poll", "--at", "2026-02-11T12:00:00")
    by_number = desk.lines("why", "1")
    assert by_number == desk.lines("why", "g1") == desk.lines("why", "https://outlet.example/1")
    said = dict(line.split(maxsplit=1) for line in by_number[1:])
    assert by_number[0] == "item 1: Le pont [red]rouvre[/red]"
    assert said["source"] == desk.origin.url("/matin")
    assert (said["guid"], said["link"], said["story"]) == ("g1", "https://outlet.example/1", "1")
    assert "as written: Wed, 11 Feb 2026 11:00:00 +0000" in said["published"]
    assert said["first"].endswith("0 earlier revisions kept")
    assert said["category"].startswith("divers, by the rule") or "by the rule" in said["category"]
    assert said["identity"]
    feeds = [line.split()[1] for line in by_number if line.startswith("  feed")]
    assert "all:" in feeds and all("entered as number 1 at" in line for line in by_number if line.startswith("  feed"))


def test_a_number_may_be_a_guid_as_well(desk: Desk) -> None:
    desk.subscribe()
    with desk_store(desk) as store:
        settle(store, [make_item(1, guid="4711"), make_item(2, guid="9" * 20)])
    assert desk.lines("why", "4711")[0].startswith("item 1:")
    assert desk.lines("why", "9" * 20)[0].startswith("item 2:")


@contextmanager
def desk_store(desk: Desk) -> Iterator[Store]:
    """The desk's store, which knows SOURCE."""
    made = desk.store()
    made.sync_sources(sources(), NOW)
    yield made
    made.close()


def test_why_two_items_are_one_story_is_told_from_both_sides(desk: Desk) -> None:
    other = "https://other.example/feed"
    with desk_store(desk) as store:
        store.sync_sources(sources(SOURCE, other), NOW)
        settle(store, [make_item(1)])
        settle(store, [make_item(1, source=other, guid="o1")], source=other)
        settle(store, [make_item(3)])
    for item, partner in (("1", f"{other} o1"), ("o1", f"{SOURCE} https://outlet.example/?p=1")):
        (line,) = [line for line in desk.lines("why", item) if line.startswith("  with")]
        assert partner in line
    assert not [line for line in desk.lines("why", "3") if line.startswith("  with")]


def test_links_between_other_items_of_the_story_are_left_out(desk: Desk) -> None:
    with desk_store(desk) as store:
        store.sync_sources(sources(SOURCE, "https://b.example/", "https://c.example/"), NOW)
        for number, url in enumerate((SOURCE, "https://b.example/", "https://c.example/")):
            settle(store, [make_item(1, source=url, guid=f"x{number}")], source=url)
        links = store.links(1)
    touching = [link for link in links if "x2" in {link.item[1], link.other[1]}]
    assert 0 < len(touching) < len(links)
    assert len([line for line in desk.lines("why", "x2") if line.startswith("  with")]) == len(touching)


def test_an_item_that_came_late_or_waits_says_so(desk: Desk) -> None:
    with desk_store(desk) as store:
        settle(store, [make_item(1)])
        assert any("waits for the end of the first round" in line for line in desk.lines("why", "1"))
        store.open_log(NOW)
        settle(store, [make_item(2), make_item(60 * 24 * 9, title="Vieux", canonical="https://outlet.example/v")])
    assert any("already old when it was first seen" in line for line in desk.lines("why", "3"))
    assert not any("already old" in line for line in desk.lines("why", "2"))


def test_an_unknown_item_is_refused(desk: Desk) -> None:
    desk.subscribe()
    for item in ("12", "nobody", "²", "9" * 40):
        assert desk.refused("why", item) == f"Error: no item with this number, guid or link: {item}"


def test_an_item_without_a_date_says_so(desk: Desk) -> None:
    with desk_store(desk) as store:
        settle(store, [replace(make_item(1), published=make_item(1).updated)])
    assert any(line.endswith("never, as written: no date") for line in desk.lines("why", "1"))


def test_the_stories_are_listed_for_people_and_for_programs(desk: Desk) -> None:
    other = "https://other.example/feed"
    with desk_store(desk) as store:
        store.sync_sources(sources(SOURCE, other), NOW)
        settle(store, [make_item(1), make_item(2, guid="é\x9b1", title="Un [red]titre[/red]")])
        settle(store, [make_item(1, source=other, guid="o1")], source=other)
    rows = [json.loads(line) for line in desk.lines("stories", "--json")]
    assert rows[1] == {"item": 2, "source": SOURCE, "guid": "é\x9b1", "story": 2, "links": []}
    (link,) = rows[2]["links"]
    assert (link["source"], link["level"], link["score"]) == (SOURCE, "A", 1.0)
    assert link["evidence"]["link"] == "https://outlet.example/article-1" and link["closed_at"] is None
    assert rows[0]["links"] == []  # each link once, at the later item
    assert [row["story"] for row in rows] == [1, 2, 1]
    assert desk.lines("stories")[1] == "2\t2\tUn [red]titre[/red]"


def linked(*links: Link, closed: tuple[Closed, ...] = ()) -> Update:
    """What a rule may decide of items that are there."""
    decisions = tuple(Decision(DecisionKind.SAME, make_item(1), "", links=(link,)) for link in links)
    return Update(SourceState(SOURCE), decisions, NOW, (("", ""),) * len(links), (NO_PRINT,) * len(links), closed)


def guid(number: int) -> Key:
    return SOURCE, f"g{number}"


def explained(desk: Desk, item: str) -> list[str]:
    """What is said of an item's links and pins, without the times."""
    lines = desk.lines("why", item)
    first = next(number for number, line in enumerate(lines) if line.startswith("  story"))
    return [re.sub(r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", " TIME", line) for line in lines[first:]]


def test_each_link_of_an_item_is_explained_with_what_it_rests_on_and_the_closed_ones_with_why(desk: Desk) -> None:
    text = Evidence(
        shared=0.83,
        words=120,
        quote="le pont rouvre",
        titles=0.5,
        routine=0.1,
        agreeing=("3", "mardi"),
        differing=("lundi",),
    )
    links = [
        Link(guid(2), guid(1), Level.TEXT, 0.834, text, "same-text/1"),
        Link(guid(3), guid(2), Level.EVENT, 0.3, Evidence(agreeing=("Dole",)), "same-event/1"),
        Link(guid(4), guid(2), Level.TEXT, 0.5, Evidence(titles=0.9), "same-text/1"),
        Link(guid(5), guid(2), Level.TEXT, 0.5, Evidence(), "same-text/1"),
    ]
    with desk_store(desk) as store:
        settle(store, [make_item(number, guid=f"g{number}") for number in range(1, 6)])
        store.settle(SOURCE, [], [], lambda known: linked(*links))
        gone = Closed(guid(2), guid(5), Level.TEXT, "the text has changed")
        store.settle(SOURCE, [], [], lambda known: linked(closed=(gone,)))
        store.split(4, "anna", "another bridge", NOW)
    same, event, apart, closed = map(sentence, links)
    assert explained(desk, "g2") == [
        "  story      2",
        f"  with       {SOURCE} g1: {same} (level B, score 0.83, rule same-text/1)",
        "             of 120 words 83% shared, 10% routine; titles 50% alike; agree: 3, mardi; differ: lundi",
        f"  held apart {SOURCE} g4: {apart} (level B, score 0.50, rule same-text/1)",
        "             titles 90% alike",
        f"  event      {SOURCE} g3: {event} (level C, score 0.30, rule same-event/1)",
        "             agree: Dole",
        f"  closed     {SOURCE} g5: {closed} (level B, score 0.50, rule same-text/1)",
        "             closed TIME: the text has changed",
        f"  pin        1: {SOURCE} g4 cannot be one story with {SOURCE} g2, by anna at TIME: another bridge",
        "  feed       all: waits for the end of the first round",
        "  feed       economie: waits for the end of the first round",
        "  feed       source/source-0: waits for the end of the first round",
    ]
    assert not [line for line in explained(desk, "g1") if line.startswith(("  pin", "  closed"))]


def test_all_that_why_tells_is_there_as_data(desk: Desk) -> None:
    with desk_store(desk) as store:
        store.open_log(NOW)
        late = make_item(60 * 24 * 9, guid="g2", canonical="")
        settle(store, [make_item(1, guid="g1"), replace(late, published=late.updated), make_item(3, guid="g3")])
        store.pin(PinKind.CANNOT, 1, 3, "anna", "not the same", NOW)
        link = Link(guid(2), guid(1), Level.TEXT, 0.75, Evidence(words=9, agreeing=("3",)), "same-text/1")
        store.settle(SOURCE, [], [], lambda known: linked(link))
    (line,) = desk.lines("why", "g1", "--json")
    told = json.loads(line)
    assert told["links"] == [
        {
            "source": SOURCE,
            "guid": "g2",
            "level": "B",
            "score": 0.75,
            "rule": "same-text/1",
            "sentence": sentence(link),
            "evidence": {
                "link": "", "shared": 0.0, "words": 9, "quote": "", "titles": 0.0, "routine": 0.0, "agreeing": ["3"],
                "differing": [],
            },
            "closed_at": None,
            "closed_why": "",
            "joins": True,
        }
    ]  # fmt: skip
    (pin,) = told.pop("pins")
    assert pin == {
        "pin": 1, "kind": "cannot", "source": SOURCE, "guid": "g3", "by": "anna", "note": "not the same",
        "made_at": NOW.isoformat(),
    }  # fmt: skip
    assert told["published"] == (NOW - timedelta(minutes=1)).isoformat() and told["first_seen"] == NOW.isoformat()
    assert [(row["feed"], row["sequence"], row["entered_at"]) for row in told["feeds"]] == [
        ("all", 2, NOW.isoformat()), ("economie", 2, NOW.isoformat()), ("source/source-0", 2, NOW.isoformat()),
    ]  # fmt: skip
    assert told["categories"] == [{"slug": "economie", "rule": "source", "evidence": ""}]
    assert json.loads(desk.lines("why", "g2", "--json")[0])["published"] is None


# ── merge, split, undo, pins


@contextmanager
def three_items(desk: Desk) -> Iterator[None]:
    with desk_store(desk) as store:
        store.sync_sources(sources(SOURCE, "https://b.example/"), NOW)
        settle(store, [make_item(number, guid=f"g{number}") for number in (1, 2, 3)])
        settle(store, [make_item(3, source="https://b.example/", guid="b3")], source="https://b.example/")
    yield


def test_an_editor_merges_splits_and_undoes(desk: Desk) -> None:
    with three_items(desk):
        said = desk.lines("merge", "1", "g2", "--note", "one communiqué", "--by", "anna")
        assert said[0].startswith(f"pin 1: {SOURCE} g1 must be one story with {SOURCE} g2, by anna at 2")
        assert said[0].endswith(": one communiqué")
        assert said[1:] == [f"item {item} is in story 2: {make_item(item).title}" for item in (1, 2)]
        said = desk.lines("split", "b3", "--by", "bert")
        assert said[0].startswith(f"pin 2: https://b.example/ b3 cannot be one story with {SOURCE} g3, by bert at 2")
        assert said[1].startswith("item 4 is in story 4") and said[2].startswith("item 3 is in story 3")
        assert [line.split(":")[0] for line in desk.lines("pins")] == ["2", "1"]
        said = desk.lines("undo", "2", "--by", "anna")
        assert "(undone by anna at 2" in said[0] and said[1].startswith("item 4 is in story 3")
        assert [line.split(":")[0] for line in desk.lines("pins")] == ["1"]
        assert [line.split(":")[0] for line in desk.lines("pins", "--all")] == ["2", "1"]


def test_who_pins_is_who_is_logged_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with three_items(desk):
        monkeypatch.setenv("LOGNAME", "marie")
        assert ", by marie at " in desk.lines("merge", "1", "2")[0]

        def nobody() -> str:
            raise KeyError("getpwuid(): uid not found: 4711")

        monkeypatch.setattr("getpass.getuser", nobody)
        assert desk.refused("undo", "1") == "Error: this system does not know your name: say it with --by"
        assert len(desk.lines("pins")) == 1


def test_what_cannot_be_pinned_is_refused_in_one_line(desk: Desk) -> None:
    with three_items(desk):
        several = desk.refused("merge", "1", "https://outlet.example/article-3")
        assert several.startswith("Error: several items have this guid or link, say which (3, 4)")
        assert "no item" in desk.refused("split", "nobody")
        assert desk.refused("split", "1").endswith("item 1 is alone in its story")
        assert "itself" in desk.refused("merge", "1", "g1")
        assert desk.refused("undo", "7") == "Error: there is no pin 7"
        assert desk.lines("pins", "--all") == []


# ── what others wrote, on a terminal

HOSTILE = "\x1b]0;owned\x07\x9b31m rouge\r\nligne\u202e2"


def assert_harmless(text: str) -> None:
    assert not set(text) & set("\x1b\x07\x9b\r\u202e") and "[bold]" in text


def test_what_others_wrote_reaches_the_terminal_as_one_plain_line(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = HOSTILE + "[bold]x[/bold]"
    named = Source(SOURCE, title=hostile)
    broken = SourceState(SOURCE, checked_at=NOW, error=hostile, error_class=ErrorClass.TIMEOUT)
    with desk_store(desk) as store:
        store.sync_sources([named], NOW)
        settle(
            store,
            [
                make_item(
                    1, title=hostile, guid=hostile, link=hostile, published=replace(make_item(1).published, raw=hostile)
                )
            ],
            state=broken,
        )
        settle(store, [make_item(2)])
        why = Evidence(quote=hostile, agreeing=(hostile,))
        two = Link(make_item(2).key, (SOURCE, hostile), Level.TEXT, 1.0, why, hostile)
        store.settle(SOURCE, [], [], lambda known: linked(two))
        gone = Closed(two.item, two.other, two.level, hostile)
        store.settle(SOURCE, [], [], lambda known: linked(closed=(gone,)))
    for words in (
        ["why", "1"],
        ["stories"],
        ["merge", "1", "2", "--by", hostile, "--note", hostile],
        ["pins"],
        ["undo", "1"],
    ):
        lines = desk.lines(*words)
        assert_harmless("\n".join(lines))
        assert words == ["why", "1"] or len(lines) == {"stories": 2, "pins": 1}.get(words[0], 3)
    desk.subscribe(("\u009b31m[bold]x[/bold]\u202e", SOURCE, ""))
    assert_harmless("\n".join(desk.lines("sources")))
    for message in ("", hostile):
        printing.report(Report(named, "timeout", message, 0, 0, 0, 0))
        shown = capsys.readouterr().out
        assert_harmless(shown)
        assert shown.count("\n") == 1
    added = desk.folder / "o.opml"
    added.write_text(feeds_opml(("x", "https://x.example/[bold]\u009b", "")), encoding="utf-8")
    assert_harmless("\n".join(desk.lines("import", str(added))))
    (desk.folder / "feeds.opml").write_text(
        feeds_opml(("x", SOURCE, 'tributary:kind="[bold]\u009b\u202e"')), encoding="utf-8"
    )
    assert_harmless(desk.refused("sources"))


def test_a_terminal_that_knows_few_characters_stops_no_command(desk: Desk) -> None:
    desk.subscribe(("Été à l’œuvre", SOURCE, ""))
    for words, expected in ((["sources"], rb"\u0153uvre"), (["export"], "Été à l’œuvre".encode())):
        environ = {**os.environ, "PYTHONIOENCODING": "latin-1"}
        done = subprocess.run([sys.executable, "-m", "aggregator.cli", *words], env=environ, capture_output=True)
        assert done.returncode == 0 and expected in done.stdout


def test_what_is_printed_may_be_gathered_by_a_program_that_calls_the_command(desk: Desk) -> None:
    desk.subscribe(("Matin", SOURCE, ""))
    with redirect_stdout(io.StringIO()) as gathered:
        main(["sources"], standalone_mode=False)
    assert "Matin" in gathered.getvalue()


# ── options and settings


def test_every_command_takes_its_files_from_options_and_from_the_environment(desk: Desk) -> None:
    elsewhere = desk.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "list.opml").write_text(feeds_opml(("Ailleurs", SOURCE, 'tributary:paused="true"')))
    (elsewhere / "t.toml").write_text('title = "D’ailleurs"', encoding="utf-8")
    options = [
        f"--database={elsewhere / 'd.db'}",
        f"--opml={elsewhere / 'list.opml'}",
        f"--config={elsewhere / 't.toml'}",
    ]
    assert "Ailleurs" in desk.lines("sources", *options)[1]
    assert "D’ailleurs" in "".join(desk.lines("export", *options))
    assert desk.lines("poll", *options)[-1].startswith("0 sources")
    assert desk.lines("stories", *options) == []
    assert "no item" in desk.refused("why", "1", *options)
    assert desk.lines("import", str(elsewhere / "list.opml"), *options)[-1].startswith("0 sources added, 1")
    assert {path.name for path in desk.folder.iterdir()} == {"elsewhere"}
    (elsewhere / "d.db").unlink()
    desk.environ |= {
        "TRIBUTARY_DATABASE": str(elsewhere / "e.db"),
        "TRIBUTARY_OPML": str(elsewhere / "list.opml"),
        "TRIBUTARY_CONFIG": str(elsewhere / "t.toml"),
    }
    assert "Ailleurs" in desk.lines("sources")[1]
    assert "D’ailleurs" in "".join(desk.lines("export"))
    assert (elsewhere / "e.db").exists() and not (elsewhere / "d.db").exists()


@pytest.mark.parametrize("command", [["poll"], ["sources"], ["run", "--port=0"], ["export"], ["import", "ok.opml"]])
def test_a_broken_list_is_named_with_its_line_and_reason_and_leaves_no_database(desk: Desk, command: list[str]) -> None:
    (desk.folder / "ok.opml").write_text(feeds_opml())
    (desk.folder / "feeds.opml").write_text('<opml version="2.0">\n<head/>\n<body>\n<outline text="x"\n</body></opml>')
    line = desk.refused(*command)
    assert line.startswith("Error: feeds.opml:5: is not well-formed")
    assert not desk.database.parent.exists()


def test_a_list_that_is_not_there_is_named(desk: Desk) -> None:
    assert "feeds.opml" in desk.refused("poll")
    assert not desk.database.parent.exists()


def test_broken_settings_are_named_with_their_file(desk: Desk) -> None:
    desk.subscribe()
    (desk.folder / "tributary.toml").write_text("port = ")
    assert "tributary.toml" in desk.refused("sources")
    (desk.folder / "tributary.toml").write_text("prot = 1")
    assert "unknown setting 'prot'" in desk.refused("sources")


@pytest.mark.parametrize("command", [["poll"], ["sources"], ["why", "1"], ["stories"], ["run", "--port=0"]])
def test_a_database_that_cannot_be_opened_is_one_line(desk: Desk, command: list[str]) -> None:
    desk.subscribe()
    (desk.folder / "file").write_text("no database, though a file of more than a few bytes " * 20)
    for path in (".", "file", "file/in/it.db"):
        assert desk.refused(*command, "--database", path).startswith("Error: while opening")


@pytest.mark.parametrize("command", ["run", "serve", "demo"])
def test_an_address_that_cannot_be_served_at_is_one_line(desk: Desk, command: str) -> None:
    desk.subscribe()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = desk.refused(command, "--port", str(port))
        assert line == f"Error: cannot serve at 127.0.0.1:{port}: Address already in use"
    assert "cannot serve at nowhere.invalid:" in desk.refused(command, "--host", "nowhere.invalid")
    assert "port must be between 0 and 65535, not 70000" in desk.refused(command, "--port", "70000")


def test_the_command_names_its_version_and_every_error_class_has_words() -> None:
    assert CliRunner().invoke(main, ["--version"], prog_name="tributary").stdout.startswith("tributary, version ")
    assert set(ErrorClass) <= set(printing.WORDS)


# ── the first round


def report(number: int, message: str = "") -> Report:
    status = ErrorClass.TIMEOUT if message else "ok"
    return Report(Source(f"https://{number}.example/"), status, message, 2, 1, 0, 5)


def test_the_first_round_ends_with_the_failures_and_a_sum_and_then_is_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first_round = FirstRound()
    with first_round.shown(2):
        first_round.done(report(1, "too late"))
        assert "example" not in capsys.readouterr().out
        first_round.done(report(2))
        failure, total = [line for line in capsys.readouterr().out.splitlines() if line.strip() and "━" not in line]
        assert failure == "https://1.example/: did not answer in time (too late)"
        assert total == "2 sources polled, 1 could not be read; 4 new items, 2 changed."
        first_round.done(report(3, "too late"))
        assert "example" not in capsys.readouterr().out


def test_a_first_round_of_nothing_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with FirstRound().shown(0):
        pass
    assert capsys.readouterr().out.strip() == ""


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_is_told_what_needs_attention_and_a_service_everything(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[str, object] = {}
    monkeypatch.setattr("logging.basicConfig", lambda **options: said.update(options))
    monkeypatch.setattr(running.console, "_force_terminal", is_terminal)
    running._log("DEBUG")
    assert isinstance(said.get("handlers", [None])[0], RichHandler) is is_terminal  # type: ignore[index]
    assert said["level"] == (30 if is_terminal else "DEBUG")


# ── whole processes


class Process:
    """A command in a process of its own, whose lines are waited for."""

    def __init__(self, *words: str, folder: Path, environ: Mapping[str, str | None] | None = None) -> None:
        environ = {**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})}
        self.lines: list[str] = []
        self._grew = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, *words],
            cwd=folder,
            env={name: value for name, value in environ.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "Process":
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._grew:
                self.lines.append(line.rstrip("\n"))
                self._grew.notify_all()

    def wait_for(self, *parts: str) -> str:
        """The first line that holds all parts."""

        def found() -> str | None:
            return next((line for line in self.lines if all(part in line for part in parts)), None)

        with self._grew:
            line = self._grew.wait_for(found, PATIENCE_SECONDS)
        assert line is not None, "\n".join(self.lines)
        return line

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(4 * END_SECONDS)  # the site has a quarter of it
        self._reader.join()  # until all that it started has ended
        assert "Traceback" not in "\n".join(self.lines)
        return code


def eventually(ask: Callable[[], object]) -> None:
    """Wait until that is so."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not ask():
        assert time.monotonic() < end
        threading.Event().wait(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str = "/", until: bytes = b"", patience_seconds: float = 2 * PATIENCE_SECONDS) -> bytes:
    """A page of the site, asked for again until it is there and holds `until`."""
    end = time.monotonic() + patience_seconds
    while time.monotonic() < end:
        with suppress(OSError):
            body: bytes = urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).read()
            if until in body:
                return body
        threading.Event().wait(0.05)
    raise AssertionError(f"no {path} with {until!r}")


def test_run_serves_names_what_cannot_be_reached_and_ends_cleanly(tmp_path: Path) -> None:
    (tmp_path / "feeds.opml").write_text(feeds_opml(*((f"Source {each}", f"{CLOSED}/{each}", "") for each in "ab")))
    port = free_port()
    environ = {"TRIBUTARY_ALLOW_PRIVATE": CLOSED.removeprefix("http://")}
    with Process("-m", "aggregator.cli", "run", f"--port={port}", folder=tmp_path, environ=environ) as run:
        run.wait_for(f"Reading at http://127.0.0.1:{port} (Ctrl-C ends it)")
        run.wait_for(
            f"Editing at http://127.0.0.1:{port}/desk/, once somebody may: ", "tributary", "editor NAME --role admin"
        )
        assert b"Tributary" in get(port)
        for each in "ab":
            run.wait_for(f"Source {each}: cannot be reached (", "ConnectionRefusedError")
        run.wait_for("2 sources polled, 2 could not be read; 0 new items, 0 changed.")
        assert b"Source a" in get(port, "/sources")
        assert run.end(signal.SIGINT) == 0
        assert run.lines[-1] == "Stopped."


def test_run_ends_while_a_source_hangs(tmp_path: Path) -> None:
    with Origin(lambda _: iter([HANG])) as origin:
        (tmp_path / "feeds.opml").write_text(feeds_opml(("Lente", origin.url("/lente"), "")))
        environ = {"TRIBUTARY_ALLOW_PRIVATE": origin.authority}
        (tmp_path / "var").mkdir()
        store = open_store(str(tmp_path / "var" / "tributary.db"))
        accounts.add(store, "Jeanne", Role.ADMIN, "correct horse", NOW)
        store.close()
        with Process("-m", "aggregator.cli", "run", "--port=0", folder=tmp_path, environ=environ) as run:
            assert run.wait_for("Editing at").endswith("/desk/")  # somebody may already
            eventually(lambda: origin.requests)
            assert run.end(signal.SIGINT) == 0


def test_the_demo_fills_its_feeds_and_ends_cleanly(tmp_path: Path) -> None:
    port = free_port()
    words = ("-m", "aggregator.cli", "demo", "--pause=0.05", f"--port={port}")
    with Process(*words, folder=tmp_path) as demo:
        told = demo.wait_for(f"Editing at http://127.0.0.1:{port}/desk/ as demo, with the password ")
        assert is_let_in(port, "demo", told.split()[-1]) and not is_let_in(port, "demo", "guessed guess")
        demo.wait_for("The outlets are at http://127.0.0.1:")
        demo.wait_for(" publishes: ")
        assert get(port, "/feeds/economie.atom", until=b"<entry>").count(b"<entry>") > 5
        assert demo.end(signal.SIGINT) == 0
        assert demo.lines[-1] == "Stopped."
    assert not list(tmp_path.iterdir())


def is_let_in(port: int, name: str, password: str) -> bool:
    """Whether the desk of a running site takes this password."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    place = f"http://127.0.0.1:{port}/desk/login"
    page = browser.open(place, timeout=30).read().decode()
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token
    form = urllib.parse.urlencode({"csrf": token[1], "name": name, "password": password})
    with suppress(urllib.error.HTTPError):
        return bool(browser.open(place, form.encode(), timeout=30).url == place.removesuffix("login"))
    return False


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Process, int]]:
    """`tributary serve` on one item, and its port."""
    port = free_port()
    words = ("-m", "aggregator.cli", "serve", f"--port={port}", f"--database={folder / 't.db'}")
    with Process(*words, folder=folder) as serve:
        serve.wait_for(f"Reading at http://127.0.0.1:{port}")
        yield serve, port


@pytest.fixture
def one_item(tmp_path: Path) -> Path:
    """A folder with a database, t.db, in which one item is."""
    store = open_store(str(tmp_path / "t.db"))
    store.sync_sources(sources(), NOW)
    settle(store, [make_item(1, title="Le pont rouvre")])
    store.close()
    return tmp_path


def test_serve_answers_and_ends_cleanly(one_item: Path) -> None:
    with serving(one_item) as (serve, port):
        assert b"Le pont rouvre" in get(port)
        assert serve.end(signal.SIGINT) == 0


def test_serve_answers_and_ends_while_another_process_writes(one_item: Path) -> None:
    with closing(sqlite3.connect(one_item / "t.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE sources SET line = line")
        with serving(one_item) as (serve, port):
            assert b"Le pont rouvre" in get(port, patience_seconds=8)
            assert serve.end(signal.SIGTERM) == 0


@contextmanager
def kept_waiting(path: Path) -> Iterator[None]:
    """From when a process reads this FIFO on, it waits for what nobody writes."""
    writers: list[int] = []

    def is_read() -> list[int]:
        with suppress(OSError):
            writers.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        return writers

    eventually(is_read)
    yield
    os.close(writers[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_that_is_stopped_as_it_starts_ends_in_time_with_all_that_it_started(
    one_item: Path, number: signal.Signals
) -> None:
    table = one_item / "categories.tsv"
    os.mkfifo(table)
    environ = {"TRIBUTARY_CATEGORIES": str(table)}
    words = ("-m", "aggregator.cli", "serve", "--port=0", f"--database={one_item / 't.db'}")
    with Process(*words, folder=one_item, environ=environ) as serve, kept_waiting(table):
        started = time.monotonic()
        assert serve.end(number) == 0
        assert time.monotonic() - started < END_SECONDS
        assert serve.lines == []


def test_the_scheduler_alone_polls_until_it_is_stopped(desk: Desk) -> None:
    desk.serve(matin=good("Un"))
    with Process(str(ROOT / "scheduler.py"), folder=desk.folder, environ=desk.environ) as scheduler:
        scheduler.wait_for("updated source=", "status=ok new=1")
        assert scheduler.end(signal.SIGINT) == 0


def files_in(folder: Path) -> dict[str, bytes]:
    """All that a web server may show."""
    own = folder / ".tributary"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and own not in path.parents
    }


def keeping_files(desk: Desk) -> tuple[Path, Mapping[str, str | None]]:
    """The folder that files are kept in, and the settings for it: few feeds, so that it takes moments."""
    table = desk.folder / "categories.tsv"
    table.write_text("slug\tfr\ten\tiptc\taliases\nsport\tSport\tSport\t\tfoot\n", encoding="utf-8")
    desk.environ |= {"TRIBUTARY_CATEGORIES": str(table), "TRIBUTARY_BASE_URL": "https://news.example"}
    return desk.folder / "public", desk.environ | {"TRIBUTARY_PUBLISH_TO": "public"}


def test_run_keeps_files_and_what_another_process_hides_is_gone_from_them(desk: Desk) -> None:
    desk.serve(matin=good("Le pont rouvre", "Le marché reprend"))
    public, environ = keeping_files(desk)
    feed = public / "feeds" / "all.json"
    with Process("-m", "aggregator.cli", "run", "--port=0", folder=desk.folder, environ=environ) as run:
        eventually(lambda: feed.exists() and "Le pont rouvre" in feed.read_text("utf-8"))
        run.wait_for("published folder=public files=")
        with closing(open_store(str(desk.database))) as store:
            (item,) = store.find("https://outlet.example/1")
            eventually((public / f"story/{item.story_id}.html").exists)
            store.hide(item.id, "anne", "", NOW)
        eventually(lambda: b"Le pont rouvre" not in b"".join(files_in(public).values()))
        assert "Le marché reprend" in feed.read_text("utf-8")
        assert run.end(signal.SIGTERM) == 0
        assert run.lines[-1] == "Stopped."


def test_files_that_a_killed_process_left_half_written_are_mended_by_the_next(desk: Desk) -> None:
    desk.serve(matin=good("Le pont rouvre"))
    public, environ = keeping_files(desk)
    desk.type("poll", "--all")
    noted = public / ".tributary" / "noted"
    with Process(str(ROOT / "scheduler.py"), folder=desk.folder, environ=environ) as scheduler:
        eventually(lambda: noted.exists() and noted.read_text().count("\n") > 20)
        scheduler.process.kill()
        scheduler.process.wait()
    assert files_in(public) and not (public / ".tributary" / "manifest.json").exists()
    with Process(str(ROOT / "scheduler.py"), folder=desk.folder, environ=environ) as scheduler:
        scheduler.wait_for("published folder=public files=")
        assert scheduler.end(signal.SIGTERM) == 0
    desk.type("publish", "--to", str(desk.folder / "clean"))
    assert b"Le pont rouvre" in files_in(public)["index.html"]
    assert files_in(public) == files_in(desk.folder / "clean")


def test_the_scheduler_says_in_one_line_what_it_cannot_use(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scheduler.py")], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ") and "feeds.opml" in line
    assert not list(tmp_path.iterdir())


def test_flask_finds_the_site_by_its_name(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "flask", "--app", "web", "routes"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "/feeds/" in done.stdout


def test_a_command_that_does_not_exist_is_refused() -> None:
    result = CliRunner().invoke(main, ["pool"])
    assert result.exit_code == 2 and "No such command 'pool'" in result.output


def test_a_poll_loads_nothing_that_only_documents_the_desk_or_a_terminal_need() -> None:
    own = ["desk", "documents", "opml.foreign", "opml.lists", "publish", "stories"]
    unneeded = [*(f"aggregator.{name}" for name in own), "lxml", "pebble", "rapidfuzz", "rich", "sqlite_utils"]
    code = f"import sys, aggregator.cli.once; print([name for name in {unneeded} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "[]"


def test_no_garbage_is_looked_for_in_what_a_command_loads() -> None:
    code = "import gc; from aggregator.cli import main; main.get_command(None, 'poll'); print(gc.get_threshold()[0])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert int(told.stdout) == GARBAGE_OBJECTS
