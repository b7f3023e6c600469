"""Edits of feeds.opml: recorded, undone to the letter, and nobody's change is lost."""

import resource
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.desk import sources
from aggregator.errors import ConflictError, DeskError, StoreError
from aggregator.model import ActionKind, Source
from aggregator.opml import Document, read
from tests.desk_world import Desk, a_desk
from tests.web_world import INFO, MATIN, PRESSE

NEW = Source("https://new.example/feed", title="Nouveau", region="Jura")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return a_desk(tmp_path)


def edit(desk: Desk, change: sources.Edit, by: str = "Jeanne", note: str = "") -> int:
    desk.now += timedelta(minutes=1)
    action = sources.edit(desk.settings, desk.store, by, note, change, desk.now)
    return action.id if action else 0


def undo(desk: Desk, number: int, by: str = "Marc") -> int:
    desk.now += timedelta(minutes=1)
    return sources.undo(desk.settings, desk.store, number, by, desk.now).id


def titles(desk: Desk) -> dict[str, str]:
    return {source.url: source.title for source in read(desk.settings.opml)}


def test_an_edit_is_in_the_file_in_the_store_and_in_the_history(desk: Desk) -> None:
    edit(desk, sources.replaced(INFO, replace(INFO, title="Info Comtoise")), note="nouveau nom")
    assert titles(desk)[INFO.url] == "Info Comtoise"
    assert desk.store.sources()[0].source.title == "Info Comtoise"
    action, first = desk.store.actions()
    assert (action.kind, action.by, action.about, action.note) == (
        ActionKind.SOURCES,
        "Jeanne",
        INFO.url,
        "nouveau nom",
    )
    assert action.told["changed"] == [INFO.url] and not action.told["added"] + action.told["removed"]
    assert first.told == {"listed": 3}


def test_an_edit_that_changes_nothing_leaves_no_trace(desk: Desk) -> None:
    before = desk.listed
    assert edit(desk, sources.replaced(INFO, INFO)) == 0
    assert desk.listed == before
    assert [action.kind for action in desk.store.actions()] == [ActionKind.OUTSIDE]


def test_an_undone_edit_leaves_the_file_as_it_was_to_the_letter_and_can_be_done_again(desk: Desk) -> None:
    Path(desk.settings.opml).write_bytes(desk.listed.replace(b"<body>", b"<body>\n<!-- ours -->"))
    before = desk.listed
    number = edit(desk, sources.all_of([sources.added([NEW]), sources.removed(MATIN)]))
    after = desk.listed
    assert after != before and set(titles(desk)) == {INFO.url, PRESSE.url, NEW.url}
    again = undo(desk, number)
    assert desk.listed == before
    found = desk.store.action(number)
    assert found and found[0].undone_by == "Marc"
    with pytest.raises(DeskError, match="undone already"):
        undo(desk, number)
    undo(desk, again)
    assert desk.listed == after
    found = desk.store.action(number)
    assert found and found[0].undone_at is None
    undo(desk, number)
    assert desk.listed == before


def test_an_older_edit_is_undone_where_others_have_edited_other_lines_since(desk: Desk) -> None:
    first = edit(desk, sources.replaced(INFO, replace(INFO, title="Un")))
    edit(desk, sources.replaced(MATIN, replace(MATIN, title="Deux")))
    undo(desk, first)
    assert titles(desk) == {INFO.url: INFO.title, MATIN.url: "Deux", PRESSE.url: PRESSE.title}


def test_a_line_that_was_added_or_taken_out_is_undone_where_others_have_edited_other_lines_since(desk: Desk) -> None:
    added, gone = edit(desk, sources.added([NEW])), edit(desk, sources.removed(INFO))
    edit(desk, sources.replaced(MATIN, replace(MATIN, title="Deux")))
    undo(desk, added)
    assert titles(desk) == {MATIN.url: "Deux", PRESSE.url: PRESSE.title}
    undo(desk, gone)
    assert titles(desk) == {INFO.url: INFO.title, MATIN.url: "Deux", PRESSE.url: PRESSE.title}


def test_an_older_edit_of_a_line_that_was_changed_since_is_a_conflict_with_both_versions(desk: Desk) -> None:
    first = edit(desk, sources.replaced(INFO, replace(INFO, title="Un")))
    edit(desk, sources.replaced(replace(INFO, title="Un"), replace(INFO, title="Deux")))
    before = desk.listed
    with pytest.raises(ConflictError) as conflict:
        undo(desk, first)
    assert "Deux" in conflict.value.theirs and f"title: {INFO.title}" in conflict.value.ours
    assert desk.listed == before
    found = desk.store.action(first)
    assert found and found[0].undone_at is None


@pytest.mark.parametrize("change", [sources.replaced(INFO, replace(INFO, title="Mien")), sources.removed(INFO)])
def test_a_line_that_somebody_else_changed_since_it_was_seen_is_a_conflict(desk: Desk, change: sources.Edit) -> None:
    edit(desk, sources.replaced(INFO, replace(INFO, title="Le leur")))
    with pytest.raises(ConflictError) as conflict:
        edit(desk, change)
    assert "Le leur" in conflict.value.theirs
    assert titles(desk)[INFO.url] == "Le leur"


def test_a_line_that_was_taken_out_meanwhile_is_a_conflict(desk: Desk) -> None:
    edit(desk, sources.removed(INFO))
    with pytest.raises(ConflictError, match="any more"):
        edit(desk, sources.replaced(INFO, replace(INFO, title="Mien")))


def test_what_a_text_editor_does_is_recorded_and_can_be_undone(desk: Desk) -> None:
    edit(desk, sources.replaced(MATIN, replace(MATIN, title="Deux")))
    before = desk.listed
    Path(desk.settings.opml).write_bytes(before.replace(INFO.title.encode(), b"A la main"))
    edit(desk, sources.replaced(PRESSE, replace(PRESSE, title="Trois")))
    last, outside, *_ = desk.store.actions()
    assert (last.about, outside.kind, outside.by) == (PRESSE.url, ActionKind.OUTSIDE, sources.OUTSIDE)
    undo(desk, outside.id)
    assert titles(desk) == {INFO.url: INFO.title, MATIN.url: "Deux", PRESSE.url: "Trois"}


def test_a_list_that_cannot_be_read_is_not_touched(desk: Desk) -> None:
    edit(desk, sources.replaced(MATIN, replace(MATIN, title="Deux")))
    Path(desk.settings.opml).write_bytes(b"<opml><bo")
    with pytest.raises(DeskError, match=r"feeds\.opml"):
        edit(desk, sources.added([NEW]))
    assert desk.listed == b"<opml><bo"


def test_a_list_that_others_save_at_every_moment_is_left_to_them(desk: Desk) -> None:
    edit(desk, sources.replaced(MATIN, replace(MATIN, title="Deux")))
    saved = [0]

    def change(document: Document) -> None:
        saved[0] += 1
        Path(desk.settings.opml).write_bytes(before.replace(b"Deux", b"Fois %d" % saved[0]))
        document.add(NEW)

    before = desk.listed
    with pytest.raises(DeskError, match="again and again"):
        edit(desk, change)
    assert saved[0] == sources.TRIES and f"Fois {saved[0]}" in titles(desk).values() and NEW.url not in titles(desk)


def test_a_list_that_somebody_saves_while_it_is_undone_is_left_to_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = edit(desk, sources.replaced(MATIN, replace(MATIN, title="Deux")))
    write = Document.write

    def saved_before(document: Document, *given: object, **named: object) -> None:
        Path(desk.settings.opml).write_bytes(by_hand)
        write(document, *given, **named)  # type: ignore[arg-type]

    by_hand = desk.listed.replace(INFO.title.encode(), b"A la main")
    monkeypatch.setattr(Document, "write", saved_before)
    with pytest.raises(DeskError, match="changed by somebody else; try once more"):
        undo(desk, number)
    assert desk.listed == by_hand
    found = desk.store.action(number)
    assert found and found[0].undone_at is None


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit for files")
def test_a_list_that_cannot_be_written_stays_as_it_was(desk: Desk) -> None:
    number = edit(desk, sources.replaced(MATIN, replace(MATIN, title="Deux")))
    before, limits = desk.listed, resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))  # as on a disk with ten bytes left
    try:
        with pytest.raises(DeskError, match="cannot be written"):
            edit(desk, sources.added([NEW]))
        with pytest.raises(DeskError, match="cannot be written"):
            undo(desk, number)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert desk.listed == before


def test_what_was_never_done_cannot_be_undone(desk: Desk) -> None:
    with pytest.raises(DeskError, match="no number 99 in the history"):
        undo(desk, 99)
    with pytest.raises(StoreError, match="there is none"):
        desk.store.mark_undone(99, "Marc", desk.now)


def test_a_list_that_is_not_there_is_said_so(desk: Desk) -> None:
    Path(desk.settings.opml).unlink()
    with pytest.raises(DeskError, match=r"feeds\.opml"):
        edit(desk, sources.added([NEW]))


@pytest.mark.parametrize(
    "wanted", [replace(NEW, url="javascript:alert(1)"), replace(NEW, url=INFO.url), replace(NEW, timezone="Mars")]
)
def test_a_line_that_could_not_be_read_again_is_refused(desk: Desk, wanted: Source) -> None:
    before = desk.listed
    with pytest.raises(DeskError):
        edit(desk, sources.added([wanted]))
    assert desk.listed == before


def test_of_several_changes_all_are_made_or_none(desk: Desk) -> None:
    before = desk.listed
    with pytest.raises(DeskError):
        edit(desk, sources.all_of([sources.removed(MATIN), sources.added([INFO])]))
    assert desk.listed == before


def test_of_many_editors_at_once_and_a_text_editor_nobody_loses_a_change(desk: Desk) -> None:
    failed: list[Exception] = []

    def work(number: int) -> None:
        for step in range(4):
            wanted = Source(f"https://e{number}-{step}.example/feed")
            for _ in range(20):
                try:
                    sources.edit(desk.settings, desk.store, f"e{number}", "", sources.added([wanted]), desk.now)
                    break
                except DeskError as error:
                    if "again and again" not in str(error):
                        failed.append(error)
        desk.store.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(titles(desk)) == 3 + 16
    done = [action for action in desk.store.actions() if action.kind is ActionKind.SOURCES]
    assert len(done) == 16 and {action.by for action in done} == {"e0", "e1", "e2", "e3"}


Move = Callable[[Desk, list[Source]], int]


def _add(desk: Desk, listed: list[Source]) -> int:
    return edit(
        desk, sources.added([Source(f"https://a{len(desk.store.actions())}.example/feed", region="Doubs / Nord")])
    )


def _remove(desk: Desk, listed: list[Source]) -> int:
    return edit(desk, sources.removed(listed[0])) if listed else 0


def _rename(desk: Desk, listed: list[Source]) -> int:
    return edit(desk, sources.replaced(listed[-1], replace(listed[-1], title=f"{listed[-1].title}!"))) if listed else 0


def _move(desk: Desk, listed: list[Source]) -> int:
    return edit(desk, sources.replaced(listed[-1], replace(listed[-1], region="Jura / Sud"))) if listed else 0


def _readdress(desk: Desk, listed: list[Source]) -> int:
    return edit(desk, sources.replaced(listed[0], replace(listed[0], url=f"{listed[0].url}?1"))) if listed else 0


def _by_hand(desk: Desk, listed: list[Source]) -> int:
    desk.now += timedelta(minutes=1)
    Path(desk.settings.opml).write_bytes(desk.listed + b"<!-- hand -->\n")
    action = sources.note_outside(desk.settings, desk.store, desk.now)
    return action.id if action else 0


@settings(max_examples=15)
@given(st.lists(st.sampled_from([_add, _remove, _rename, _move, _readdress, _by_hand]), min_size=1, max_size=6))
def test_undoing_everything_in_turn_gives_every_earlier_state_of_the_file_to_the_letter(moves: list[Move]) -> None:
    with TemporaryDirectory() as folder:
        desk = a_desk(Path(folder))
        sources.note_outside(desk.settings, desk.store, desk.now)
        states = []
        for move in moves:
            before = desk.listed
            if number := move(desk, list(Document.read(desk.settings.opml).sources)):
                states.append((number, before))
        for number, before in reversed(states):
            undo(desk, number)
            assert desk.listed == before
        assert [view.source for view in desk.store.sources() if view.listed] == list(read(desk.settings.opml))
        desk.store.close()
