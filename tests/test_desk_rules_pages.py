"""The pages of rules, of news without a category and of single items, as editors use them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.model import ActionKind, Category, Genre
from tests.desk_forms import Page, visit
from tests.desk_world import Browser, Desk, a_desk
from tests.web_world import INFO, MATIN, an_item, tell

NOTHING = (Category("divers", "none"),)
SPORT = (Category("sport", "aliases", "Sport"),)
BLOCK = {
    "version": "0",
    "effect": "block",
    "field": "title",
    "how": "contains",
    "text": "foot",
    "source": "",
    "category": "",
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = a_desk(tmp_path)
    tell(
        made.store,
        [
            an_item("a", title="Le foot", categories=SPORT),
            an_item("b", title="La gare", tags=("Trains",), categories=NOTHING),
        ],
    )
    tell(made.store, [an_item("c", MATIN, title="Le foot <b>à Dole</b>")])
    yield made
    made.store.close()


@pytest.fixture
def jeanne(desk: Desk) -> Browser:
    return desk.editor()


def titles(desk: Desk, feed: str = "all") -> set[str]:
    return {story.lead.item.title for story in desk.store.river(feed).stories}


def hidden_fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def test_a_rule_is_tried_then_published_then_undone(desk: Desk, jeanne: Browser) -> None:
    tried = jeanne.post("/desk/rules/preview", **BLOCK)
    page = tried.get_data(as_text=True)
    assert tried.status_code == 200 and "All the news" in page and "2 leave" in page and "Le foot &lt;b&gt;" in page
    assert titles(desk) == {"Le foot", "La gare", "Le foot <b>à Dole</b>"}
    fields = hidden_fields(page)
    assert fields["text"] == "foot" and fields["version"] == "0"
    done = jeanne.post("/desk/rules/publish", note="trop de foot", **BLOCK)
    assert done.status_code == 303 and titles(desk) == {"La gare"}
    assert done.headers["Location"] == "/desk/rules?done=action-1"
    listed = jeanne.get("/desk/rules")
    assert "Title contains the words “foot”" in listed and ">2</td>" in listed
    history = jeanne.get("/desk/history")
    assert "New rule: All news – Title contains the words “foot” → Take out" in history and "trop de foot" in history
    number = next(action.id for action in desk.store.actions() if action.kind is ActionKind.RULES)
    told = visit(jeanne, "/desk/rules?done=action-1")
    assert "New rule: All news" in told.text and "Readers see it within three minutes." in told.text
    undone = told.send(f"/desk/history/action/{number}", number=0)
    assert (undone.status, undone.place) == (303, "/desk/rules?done=action-3")
    assert titles(desk) == {"Le foot", "La gare", "Le foot <b>à Dole</b>"}
    assert "No rule any more" in jeanne.get("/desk/history")
    told = visit(jeanne, undone.place)
    assert "Undid number 1." in told.text and "Do it again" in told.text
    again = told.send("/desk/history/action/3")
    assert titles(desk) == {"La gare"} and "Do it again" not in jeanne.get(again.place)


def test_a_rule_is_changed_and_removed_in_the_same_way(desk: Desk, jeanne: Browser) -> None:
    jeanne.post("/desk/rules/publish", **BLOCK)
    page = jeanne.get("/desk/rules/1")
    assert 'value="foot"' in page and "Le foot <b>à Dole</b>" in page
    fields = {**BLOCK, "version": "1", "number": "1"}
    tried = jeanne.post("/desk/rules/preview", **{**fields, "source": INFO.url}).get_data(as_text=True)
    assert "1 enter" in tried and "leaves" not in tried
    jeanne.post("/desk/rules/publish", **{**fields, "source": INFO.url})
    assert titles(desk) == {"La gare", "Le foot <b>à Dole</b>"}
    assert "Changed rule: Comtois Info – " in jeanne.get("/desk/history")
    gone = {**fields, "version": "2", "remove": "1"}
    assert "Without this rule" in jeanne.post("/desk/rules/preview", **gone).get_data(as_text=True)
    assert jeanne.post("/desk/rules/publish", **gone).status_code == 303
    assert not desk.store.rulebook().rules
    jeanne.get("/desk/rules/1", status=404)


@pytest.mark.parametrize("path", ["/desk/rules/preview", "/desk/rules/publish"])
def test_what_is_no_rule_is_shown_again_with_what_is_wrong(desk: Desk, jeanne: Browser, path: str) -> None:
    for wrong in ({"text": "(", "how": "matches"}, {"number": "x"}, {"number": "7"}, {"effect": "category"}):
        answer = jeanne.post(path, **{**BLOCK, **wrong})
        assert answer.status_code == 400 and 'role="alert"' in answer.get_data(as_text=True), wrong
    jeanne.post("/desk/rules/publish", **BLOCK)
    answer = jeanne.post(path, **{**BLOCK, "version": "1", "number": "1", "text": "…"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400 and "no word" in page and 'value="…"' in page
    assert len(desk.store.rulebook().rules) == 1


@pytest.mark.parametrize("path", ["/desk/rules/preview", "/desk/rules/publish"])
def test_two_editors_at_once_see_both_versions(desk: Desk, jeanne: Browser, path: str) -> None:
    marc = desk.editor("Marc")
    marc.post("/desk/rules/publish", **{**BLOCK, "text": "gare"})
    answer = jeanne.post(path, **BLOCK)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409 and "“gare”" in page and "“foot”" in page
    assert page.count("<mark>") == 2
    assert [rule.text for rule in desk.store.rulebook().rules] == ["gare"]
    conflict = Page(jeanne, answer, path)
    mine = conflict.send("/desk/rules/preview", "mine")
    assert mine.status == 200 and mine.form("/desk/rules/preview").fields["text"] == "foot"
    sure = mine.send("/desk/rules/preview")
    assert sure.status == 200 and sure.send("/desk/rules/publish").status == 303
    assert [rule.text for rule in desk.store.rulebook().rules] == ["gare", "foot"]


def test_news_without_a_category_are_placed_one_by_one(desk: Desk, jeanne: Browser) -> None:
    page = jeanne.get("/desk/queue")
    assert "La gare" in page and "Le foot" not in page
    there = {"seen": "", "category": "economie", "then": "/desk/queue"}
    assert "1 enter" in jeanne.post("/desk/items/2/preview", **there).get_data(as_text=True)
    assert "La gare" in jeanne.get("/desk/queue")
    done = jeanne.post("/desk/items/2", **there)
    assert done.status_code == 303 and done.headers["Location"] == "/desk/queue?done=action-1"
    page = jeanne.get("/desk/queue?done=action-1")
    assert "La gare" in titles(desk, "economie") and "Everything has its place." in page
    assert "Said of “La gare”: Economy. Readers see it" in " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Said of “La gare”: Economy." in jeanne.get("/desk/history")


def test_a_tag_is_given_a_meaning_from_the_queue(desk: Desk, jeanne: Browser) -> None:
    form = {
        "version": "0", "effect": "category", "field": "tag", "how": "is", "text": "Trains", "target": "economie",
        "source": INFO.url, "then": "/desk/queue",
    }  # fmt: skip
    tried = jeanne.post("/desk/rules/preview", on="/desk/queue", **form)
    fields = hidden_fields(tried.get_data(as_text=True))
    assert fields["then"] == "/desk/queue" and fields["target"] == "economie"
    done = jeanne.post("/desk/rules/publish", **form)
    assert done.headers["Location"] == "/desk/queue?done=action-1" and "La gare" in titles(desk, "economie")
    assert "a rule of the editors that looks for “Trains”" in jeanne.get("/story/2?lang=en")


def test_an_item_is_marked_as_a_press_release_and_left_to_its_source_again(desk: Desk, jeanne: Browser) -> None:
    assert jeanne.post("/desk/items/1", seen="", genre="", communique="1").status_code == 303
    stored = desk.store.item(1)
    assert stored and stored.item.genre is Genre.COMMUNIQUE and stored.item.categories == SPORT
    assert "press release" in jeanne.get("/desk/history").lower()
    seen = hidden_fields(jeanne.get("/desk/items/1"))["seen"]
    assert jeanne.post("/desk/items/1", seen=seen).status_code == 303
    assert desk.store.item(1).item.genre is Genre.ARTICLE  # type: ignore[union-attr]
    assert "Left “Le foot” to its source and the rules." in jeanne.get("/desk/history")


@pytest.mark.parametrize("path", ["/desk/items/1", "/desk/items/1/preview"])
def test_what_is_no_correction_is_refused_and_one_that_came_between_is_shown(
    desk: Desk, jeanne: Browser, path: str
) -> None:
    answer = jeanne.post(path, seen="", category="nowhere")
    assert answer.status_code == 400 and "no category" in answer.get_data(as_text=True)
    assert jeanne.post(path.replace("1", "9"), seen="", category="sport").status_code == 404
    desk.editor("Marc").post("/desk/items/1", seen="", category="culture")
    answer = jeanne.post(path, seen="", category="economie")
    assert answer.status_code == 409
    assert "category: culture" in answer.get_data(as_text=True) and "category: economie" in answer.get_data(
        as_text=True
    )
    jeanne.get("/desk/items/9", status=404)


def test_an_item_that_a_rule_took_out_says_so(desk: Desk, jeanne: Browser) -> None:
    jeanne.post("/desk/rules/publish", **BLOCK)
    assert "A rule takes it out of every feed." in jeanne.get("/desk/items/1")


def test_many_titles_are_cut_short(desk: Desk, jeanne: Browser) -> None:
    tell(desk.store, [an_item(f"n{number}", title=f"Foot {number}") for number in range(30)])
    page = jeanne.post("/desk/rules/preview", **BLOCK).get_data(as_text=True)
    assert "and 12 others" in page and "32 items in the last 30 days. The newest are here." in page


def test_nothing_is_changed_by_looking_and_forms_without_a_token_are_refused(desk: Desk, jeanne: Browser) -> None:
    for path in ("/desk/rules/preview", "/desk/rules/publish", "/desk/items/1", "/desk/items/1/preview"):
        assert jeanne.client.post(path, data=BLOCK).status_code == 403
        assert desk.stranger().client.post(path, data=BLOCK).status_code == 403
    for path in ("/desk/rules", "/desk/rules/1", "/desk/queue", "/desk/items/1"):
        assert desk.stranger().client.get(path).status_code == 303
    assert not desk.store.actions()
    elsewhere = jeanne.post("/desk/items/1", seen="", category="culture", then="https://evil.example/")
    assert elsewhere.headers["Location"].partition("?")[0] == "/desk/"
