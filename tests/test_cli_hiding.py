"""The commands that take something out of sight: what they print and what they leave behind."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aggregator.cli import main
from aggregator.model import Source
from aggregator.store import Store, open_store
from tests.values import NOW, SOURCE, make_item, settle

OTHER = "https://b.example/"


class Desk:
    """A folder with a database of three items, in which commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "var" / "tributary.db"
        with closing(self.store()) as store:
            store.sync_sources([Source(SOURCE, title="A"), Source(OTHER, title="B")], NOW)
            store.open_log(NOW)
            settle(store, [make_item(number, guid=f"g{number}") for number in (1, 2)])
            settle(store, [make_item(2, source=OTHER, guid="b2")], source=OTHER)

    def store(self) -> Store:
        return open_store(str(self.path))

    def shown(self) -> set[str]:
        with closing(self.store()) as store:
            stories = store.river("all").stories
            return {each.item.guid for story in stories for each in (story.lead, *story.others)}

    def type(self, *words: str) -> Result:
        return CliRunner().invoke(main, words, catch_exceptions=False)

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


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGNAME", "marie")
    yield Desk(tmp_path)


def timeless(lines: list[str]) -> list[str]:
    return [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "T", line) for line in lines]


def test_an_item_is_hidden_by_its_number_guid_or_link_and_shown_again(desk: Desk) -> None:
    said = timeless(desk.lines("hide", "g1", "--note", "asked to", "--by", "anna"))
    assert said == [f"hiding 1: {SOURCE} g1 is hidden, by anna at T: asked to"]
    assert desk.shown() == {"g2", "b2"}
    assert timeless(desk.lines("hide", "2")) == [f"hiding 2: {SOURCE} g2 is hidden, by marie at T"]
    assert desk.shown() == {"b2"}
    said = timeless(desk.lines("show-again", "1", "--by", "bert"))
    assert said == [f"hiding 1: {SOURCE} g1 is hidden, by anna at T: asked to (undone by bert at T)"]
    assert desk.shown() == {"g1", "b2"}


def test_a_source_is_withdrawn_and_shown_again(desk: Desk) -> None:
    said = timeless(desk.lines("withdraw", SOURCE, "--note", "no longer allowed"))
    assert said == [f"hiding 1: {SOURCE} is withdrawn, by marie at T: no longer allowed"]
    assert desk.shown() == {"b2"}
    desk.lines("show-again", "1")
    assert desk.shown() == {"g1", "g2", "b2"}


def test_what_is_hidden_is_listed_for_people_and_for_programs(desk: Desk) -> None:
    assert desk.lines("hidden") == []
    desk.lines("hide", "g1", "--note", "asked\x1b[31m to")
    desk.lines("withdraw", OTHER)
    assert timeless(desk.lines("hidden")) == [
        f"2: {OTHER} is withdrawn, by marie at T",
        f"1: {SOURCE} g1 is hidden, by marie at T: asked [31m to",
    ]
    desk.lines("show-again", "1", "--by", "bert")
    assert [line.split(":")[0] for line in desk.lines("hidden")] == ["2"]
    assert [line.split(":")[0] for line in desk.lines("hidden", "--all")] == ["2", "1"]
    whole, one = (json.loads(line) for line in desk.lines("hidden", "--all", "--json"))
    assert (whole["hiding"], whole["source"], whole["guid"], whole["undone_at"]) == (2, OTHER, None, None)
    assert one.pop("made_at") <= one.pop("undone_at")
    assert one == {
        "hiding": 1, "source": SOURCE, "guid": "g1", "by": "marie", "note": "asked\x1b[31m to", "undone_by": "bert",
    }  # fmt: skip


def test_why_says_of_a_hidden_item_by_whom_and_why_and_of_no_other(desk: Desk) -> None:
    desk.lines("hide", "g1", "--note", "asked to", "--by", "anna")
    desk.lines("withdraw", SOURCE, "--by", "bert")
    desk.lines("hide", "g2", "--by", "carla")
    told = timeless(desk.lines("why", "g1"))
    assert [line.split(maxsplit=1)[1] for line in told if line.startswith("  hidden ")] == [
        f"2: {SOURCE} is withdrawn, by bert at T",
        f"1: {SOURCE} g1 is hidden, by anna at T: asked to",
    ]
    assert not [line for line in told if line.startswith("  feed ")]
    assert [each["hiding"] for each in json.loads(desk.lines("why", "g1", "--json")[0])["hidden"]] == [2, 1]
    assert not [line for line in desk.lines("why", "b2") if line.startswith("  hidden ")]
    assert json.loads(desk.lines("why", "b2", "--json")[0])["hidden"] == []


def test_what_cannot_be_hidden_or_shown_is_refused_in_one_line(desk: Desk) -> None:
    assert desk.refused("hide", "nobody").endswith("no item with this number, guid or link: nobody")
    assert "say which (2, 3)" in desk.refused("hide", "https://outlet.example/article-2")
    assert desk.refused("withdraw", "https://nowhere.example/").endswith("there is no source https://nowhere.example/")
    assert desk.refused("show-again", "7").endswith("there is no hiding 7")
    desk.lines("hide", "g1")
    desk.lines("show-again", "1", "--by", "bert")
    assert desk.refused("show-again", "1").endswith("hiding 1 is undone already, by bert")
    assert desk.lines("hidden") == []
