"""A folder that is kept as the store is: when it is written, how often, and what comes of failures."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import Struct, field

from aggregator.store import open_store
from tests.web_world import MATIN, NOW, World, a_world, an_item, fail, tell
from web import create_app, export, keeping
from web.export import Outcome, _locked
from web.keeping import LONGEST_PAUSE_SECONDS, PAUSE_SECONDS, REST, RETRY_SECONDS, Keeper


def never() -> bool:
    return False


class Desk(Struct, dict=True):
    """A store that is written to, a folder, and a clock that is set by hand."""

    world: World
    folder: Path
    now: float = 1000.0
    cpu: float = 0.0
    runs: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keeper = Keeper(self.world.app, self.folder, lambda: self.now, lambda: self.cpu)

    def keep(self, is_stopped: Callable[[], bool] = never) -> int:
        """Look as the scheduler does. → how many runs came of it."""
        before = len(self.runs)
        self.keeper.keep(is_stopped)
        return len(self.runs) - before

    def holds(self, text: str) -> bool:
        return text in (self.folder / "feeds/all.atom").read_text(encoding="utf-8")

    def hide(self, guid: str) -> None:
        """As `tributary hide` does in another process."""
        with closing(open_store(self.world.settings.database)) as other:
            (item,) = other.find(f"https://info.example/{guid}")
            other.hide(item.id, "anne", "", NOW)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Desk]:
    world = a_world(tmp_path)
    tell(world.store, [an_item("one"), an_item("two")])
    desk = Desk(world, tmp_path / "public")

    def counted(*arguments: object) -> Outcome:
        outcome = export.export(*arguments)  # type: ignore[arg-type]
        desk.runs.append(outcome)
        return outcome

    monkeypatch.setattr(keeping, "export", counted)
    caplog.set_level(logging.INFO, "tributary")
    yield desk
    desk.keep(lambda: True)
    world.store.close()


def test_it_is_written_at_the_start_and_then_only_when_something_was_committed(desk: Desk) -> None:
    assert desk.keep() == 1 and desk.holds("Titre one")
    desk.now += 100
    assert desk.keep() == desk.keep() == 0
    tell(desk.world.store, [an_item("new")])
    assert desk.keep() == 1 and desk.holds("Titre new")


def test_what_comes_soon_after_a_run_is_written_together_after_a_pause(desk: Desk) -> None:
    desk.keep()
    for guid in ("three", "four"):
        tell(desk.world.store, [an_item(guid)])
        assert desk.keep() == 0
    desk.now += PAUSE_SECONDS
    assert desk.keep() == 1
    assert desk.holds("Titre three") and desk.holds("Titre four")


@pytest.mark.parametrize(("cpu", "pause"), [(0.1, PAUSE_SECONDS), (1.0, REST), (60.0, LONGEST_PAUSE_SECONDS)])
def test_after_a_run_that_was_much_work_the_pause_is_longer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, cpu: float, pause: float
) -> None:
    write = keeping.export

    def slow(*arguments: object) -> Outcome:
        desk.cpu += cpu
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(keeping, "export", slow)
    desk.keep()
    tell(desk.world.store, [an_item("new")])
    desk.now += pause - 1
    assert desk.keep() == 0
    desk.now += 1
    assert desk.keep() == 1


def test_a_retraction_does_not_wait_for_the_pause(desk: Desk) -> None:
    desk.keep()
    assert desk.holds("Titre two")
    desk.hide("two")
    assert desk.keep() == 1 and not desk.holds("Titre two")


def test_a_retraction_does_not_wait_for_the_end_of_a_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, asked = export.ask, list[str]()

    def hide_meanwhile(client: object, path: str) -> object:
        asked.append(path)
        if len(asked) == 10:
            desk.hide("two")
        return ask(client, path)  # type: ignore[arg-type]

    monkeypatch.setattr(export, "ask", hide_meanwhile)
    assert desk.keep() == 1 and not desk.runs[-1].is_whole
    assert desk.holds("Titre two") and len(asked) == 10
    assert desk.keep() == 1 and desk.runs[-1].is_whole
    assert not any("Titre two" in path.read_text("utf-8") for path in desk.folder.rglob("*.html"))


def test_a_stop_ends_a_run_between_two_addresses(desk: Desk) -> None:
    asked = iter([False] * 5)
    assert desk.keep(lambda: next(asked, True)) == 1
    assert not desk.runs[-1].is_whole and desk.runs[-1].written < 20


def test_a_run_is_one_line_of_the_log_and_one_that_wrote_nothing_is_none(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.keep()
    (line,) = caplog.messages
    assert line.startswith(f"published folder={desk.folder} files={desk.runs[0].files} written={desk.runs[0].files} ")
    desk.now += 100
    fail(desk.world.store, MATIN)
    desk.keep()
    desk.now += 100
    fail(desk.world.store, MATIN)
    caplog.clear()
    assert desk.keep() == 1 and caplog.messages == []


def test_a_failure_is_said_once_and_tried_again_until_it_is_over(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.folder.mkdir()
    mine = desk.folder / "index.html"
    mine.write_text("mine")
    for _ in range(3):
        desk.keep()
        desk.now += RETRY_SECONDS
    (line,) = caplog.records
    assert line.levelno == logging.ERROR and "not published" in line.message and "files that were not" in line.message
    caplog.clear()
    mine.unlink()
    desk.now -= RETRY_SECONDS + 1  # not a moment before
    assert desk.keep() == 0
    desk.now += RETRY_SECONDS + 1
    assert desk.keep() == 1
    assert [line.levelno for line in caplog.records] == [logging.INFO]


def a_full_disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, _: bytes) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)


def another_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.folder.mkdir()
    held = _locked(desk.folder)
    held.__enter__()
    monkeypatch.setattr(desk, "held", held, raising=False)


def no_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.world.app.view_functions["reader.river"] = lambda: ("", 500)


def a_file_for_a_folder(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.folder.write_text("a file")


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (a_full_disk, "No space left on device"),
        (another_run, "another run is under way there"),
        (no_answer, "the site answers 500"),
        (a_file_for_a_folder, "Not a directory"),
    ],
)
def test_what_went_wrong_is_said_in_clear_words(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: Callable[[Desk, pytest.MonkeyPatch], None],
    words: str,
) -> None:
    trouble(desk, monkeypatch)
    desk.keep()
    (line,) = caplog.messages
    assert line.startswith(f"not published folder={desk.folder} error=") and words in line
    if trouble is another_run:
        desk.held.__exit__(None, None, None)  # type: ignore[attr-defined]


def test_while_there_is_no_store_yet_it_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    world = a_world(tmp_path)
    world.store.close()
    Path(world.settings.database).unlink()
    Keeper(create_app(world.settings), tmp_path / "public").keep(never)
    assert "does not exist yet" in caplog.text
    assert not (tmp_path / "public").exists()
