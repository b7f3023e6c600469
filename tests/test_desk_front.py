"""The first page of the desk: what is to be done, and what was done last."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from aggregator.desk import rules, sources
from aggregator.errors import ErrorClass
from aggregator.health import judge
from aggregator.model import Category, SourceState
from tests.desk_forms import visit
from tests.desk_world import Desk, a_desk
from tests.web_world import INFO, MATIN, an_item, tell

NOTHING = (Category("divers", "none"),)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return a_desk(tmp_path)


def front(desk: Desk) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", desk.editor().get("/desk/")).split())


def test_where_there_is_nothing_to_be_done_the_first_page_says_so(desk: Desk) -> None:
    page = desk.editor().get("/desk/")
    assert "No source needs anybody" in page and "All news of seven days has a category" in page
    for place in ("/desk/health", "/desk/queue", "/desk/sources/add"):
        assert f'href="{place}"' in page
    assert 'action="/desk/missing"' in page and page.index("What is to be done") < page.index("What was done last")


def test_the_first_page_counts_what_is_to_be_done(desk: Desk) -> None:
    tell(desk.store, [an_item("a", categories=NOTHING), an_item("b", categories=NOTHING)])
    for source in (INFO, MATIN):
        failing = replace(SourceState(source.url), checked_at=desk.now, error_class=ErrorClass.HTTP_4XX, error_count=4)
        desk.store.keep([failing])
    desk.store.examine(lambda source, state: judge(source, state, desk.now), desk.now)
    assert "2 sources need somebody" in front(desk)
    assert "2 pieces of news of seven days without a category" in front(desk)
    paused = sources.replaced(INFO, replace(INFO, paused=True))
    sources.edit(desk.settings, desk.store, "Jeanne", "", paused, desk.now)
    assert "1 source needs somebody" in front(desk)


def test_many_news_without_a_category_are_not_counted_to_the_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "UNPLACED_LIMIT", 2)
    tell(desk.store, [an_item(guid, categories=NOTHING) for guid in "abc"])
    assert "2 or more pieces of news of seven days without a category" in front(desk)


@pytest.mark.parametrize(
    "done",
    ["action-99", "action-x", "action-", "pin-1", "hiding-1", "nothing-1", "action-" + "9" * 30, "action-²", "<b>"],
)
def test_an_address_that_tells_of_nothing_done_shows_no_box(desk: Desk, done: str) -> None:
    assert 'class="said"' not in desk.editor().get(f"/desk/?done={done}")


def test_a_pin_that_was_undone_says_by_whom(desk: Desk) -> None:
    tell(desk.store, [an_item("a")])
    tell(desk.store, [an_item("b")])
    jeanne = desk.editor()
    told = jeanne.post("/desk/story/2/merge", item=2, other=1).headers["Location"]
    page = visit(jeanne, told.replace("2", "1", 1)).text
    assert "are one story." in page and "Readers see it within three minutes." in page
    undone = jeanne.post("/desk/history/pin/1", then="/desk/history#pin-1").headers["Location"]
    assert undone == "/desk/history?done=pin-1#pin-1"
    assert "Undone by Jeanne." in jeanne.get("/desk/history?done=pin-1")
