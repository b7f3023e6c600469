"""Stories at the desk: found, explained, hidden, merged and split, with what is done already said."""

import re
from collections.abc import Iterable
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from msgspec.structs import replace

from aggregator.desk import effects, stories
from aggregator.desk.effects import NewRules
from aggregator.desk.stories import Likeness
from aggregator.model import (
    Category,
    Closed,
    Date,
    Genre,
    Item,
    Level,
    PinKind,
    Question,
    Rule,
    RuleEffect,
    RuleField,
    RuleHow,
    Story,
)
from aggregator.store import Choice, Mend, Mending, Sort
from tests.desk_world import Browser, Desk, a_desk
from tests.web_world import MATIN, NOW, PRESSE, about, an_item, same_event, same_story, tell

HOSTS = {"news.example", "localhost"}
HOSTILE = "<img src=x onerror=alert(1)> <b>gras</b>"


def old(guid: str, hours: int, **changes: object) -> Item:
    return an_item(guid, published=Date("", NOW - timedelta(hours=hours)), **changes)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Stories 1 and 2 of one source, 3 with two items of two, on an event with 1."""
    desk = a_desk(tmp_path)
    one, two = old("one", 3, title="Le pont de Battant rouvre aux piétons"), old("two", 30)
    three = old(
        "three", 2, title="Un nouveau maire à Levier", categories=(Category("politique", "path", "/politique/"),)
    )
    four = an_item("four", MATIN, title="Levier a un nouveau maire", lead="", published=three.published)
    tell(desk.store, [one, two, three])
    tell(desk.store, [four], links=[same_story(four, three)])
    same_event(desk.store, [one, three], [about(three, one, "Battant")])
    return desk


@pytest.fixture
def jeanne(desk: Desk) -> Browser:
    return desk.editor()


def numbers(found: Iterable[Story]) -> list[int]:
    return [story.id for story in found]


def choose(desk: Desk, sort: Sort = Sort.ANY, before: str = "", limit: int = 9, **asked: object) -> list[int]:
    choice = Choice(Question(**asked), sort)  # type: ignore[arg-type]
    return numbers(desk.store.choose(choice, "fr", "Europe/Paris", before, limit).stories)


# ── finding


def test_stories_are_found_by_words_source_category_and_days_the_newest_first(desk: Desk) -> None:
    assert choose(desk) == [3, 1, 2]
    assert choose(desk, words="pont") == [1] and choose(desk, words="-pont") == []
    assert choose(desk, source="haut-doubs-matin") == [3] and choose(desk, category="economie") == [3, 1, 2]
    assert choose(desk, category="politique") == [3] and choose(desk, genre="communique") == []
    today = NOW.date()
    assert choose(desk, since=today) == [3, 1] and choose(desk, until=today - timedelta(days=1)) == [2]
    assert choose(desk, words="titre", since=today) == [] and choose(desk, words="pont", since=today) == [1]
    assert choose(desk, words="titre", until=today - timedelta(days=1)) == [2]
    assert choose(desk, source="nobody") == [] and choose(desk, words="“”") == []


def test_stories_are_found_by_what_is_special_about_them(desk: Desk) -> None:
    assert choose(desk, Sort.MANY) == [3] and choose(desk, Sort.EVENT) == [3, 1]
    assert choose(desk, Sort.PINNED) == [] == choose(desk, Sort.HIDDEN)
    pin = desk.store.pin(PinKind.CANNOT, 1, 2, "Jeanne", "", NOW)
    desk.store.hide(4, "Jeanne", "", NOW)
    assert choose(desk, Sort.PINNED) == [1, 2] and choose(desk, Sort.PINNED, words="pont") == [1]
    assert choose(desk, Sort.HIDDEN) == [4] and choose(desk, Sort.HIDDEN, words="maire") == [4]
    assert choose(desk, Sort.MANY) == [] and choose(desk, words="maire") == [3]
    desk.store.undo_pin(pin.id, "Jeanne", NOW)
    assert choose(desk, Sort.PINNED) == []


def test_what_is_withdrawn_or_blocked_by_a_rule_is_among_the_hidden(desk: Desk) -> None:
    desk.store.withdraw(MATIN.url, "Jeanne", "", NOW)
    block = Rule(1, RuleEffect.BLOCK, RuleField.TITLE, RuleHow.CONTAINS, "pont")
    effects.publish(desk.settings, desk.store, "Jeanne", "", NewRules((block,), desk.store.rulebook()), NOW)
    assert choose(desk, Sort.HIDDEN) == [4, 1] and choose(desk) == [3, 2]


def test_the_pages_of_a_list_hold_each_story_once(tmp_path: Path) -> None:
    desk = a_desk(tmp_path)
    tell(desk.store, [old(f"n{number}", number // 3) for number in range(11)])
    for asked in ({}, {"words": "titre"}, {"category": "economie"}):
        before, found = "", list[int]()
        while True:
            page = desk.store.choose(Choice(Question(**asked)), "fr", "Europe/Paris", before, 4)
            found += numbers(page.stories)
            before = page.next
            if not before:
                break
        assert sorted(found) == list(range(1, 12)) and found == choose(desk, limit=99)


def test_an_address_ours_or_theirs_or_a_guid_leads_to_the_story(desk: Desk, jeanne: Browser) -> None:
    for text in (
        "https://news.example/story/4", "/story/4", "http://localhost/story/4.json?lang=fr#item-4", "/desk/story/4/",
        "https://matin.example/four", " https://www.matin.example/four?utm_source=x ", "four",
    ):  # fmt: skip
        assert {stored.story_id for stored in stories.traced(desk.store, text, HOSTS)} == {3}, text
        response = jeanne.client.get("/desk/stories", query_string={"q": text})
        assert (response.status_code, response.headers["Location"]) == (302, "/desk/story/3"), text
    story = desk.store.story(3)
    assert story and [stored.id for stored in stories.traced(desk.store, story.entry_id, HOSTS)] == [3]


def test_what_is_no_address_of_ours_leads_to_no_story(desk: Desk, jeanne: Browser) -> None:
    for text in ("", "https://evil.example/story/3", "ftp://news.example/story/3", "https://[::1/story/3", "/story/3x"):
        assert stories.traced(desk.store, text, HOSTS) == (), text
    for text in ("https://nowhere.example/x", "/story/99"):
        response = jeanne.client.get("/desk/stories", query_string={"q": text})
        assert response.status_code == 302 and response.headers["Location"].startswith("/desk/missing?q="), text


def test_the_list_shows_what_an_editor_needs_and_nothing_that_is_not_there(desk: Desk, jeanne: Browser) -> None:
    desk.store.pin(PinKind.CANNOT, 1, 2, "Jeanne", "", NOW)
    page = jeanne.get("/desk/stories")
    assert "Un nouveau maire à Levier" in page and "2 items" in page and "an editor’s word" in page
    assert "the source's own tag “Eco”" in page and "“/politique/” in the address of the page" in page
    assert 'value="many" selected' in jeanne.get("/desk/stories?sort=many")
    for asked in ("q=zzz", "sort=hidden"):
        assert "Nothing found" in jeanne.get(f"/desk/stories?{asked}")
    page = jeanne.client.get("/desk/stories?source=haut-doubs-matin&category=economie").get_data(as_text=True)
    assert '<option value="haut-doubs-matin" selected>' in page and '<option value="economie" selected>' in page
    nonsense = "sort=nonsense&before=nonsense&category=nonsense&source=nonsense&since=x"
    assert "Un nouveau maire" in jeanne.get(f"/desk/stories?{nonsense}")


# ── the page of a story


def test_the_page_of_a_story_says_where_its_items_come_from_and_why_they_are_together(
    desk: Desk, jeanne: Browser
) -> None:
    page = jeanne.get("/desk/story/3")
    for said in ("Un nouveau maire", "Haut-Doubs Matin", "https://matin.example/four", "83%", "le même communiqué",
                 "Rule: same-text/1", "https://news.example/story/3", "Le pont de Battant rouvre", "Politics"):  # fmt: skip
        assert said in page, said
    response = jeanne.client.get("/desk/story/4?done=pin-9")
    assert (response.status_code, response.headers["Location"]) == (302, "/desk/story/3?done=pin-9")
    jeanne.get("/desk/story/99", status=404)


def test_what_is_tied_but_told_elsewhere_is_named_with_the_reason(desk: Desk, jeanne: Browser) -> None:
    desk.store.split(4, "Jeanne", "deux villes", NOW)
    story = desk.store.story(3)
    assert story
    (kin,) = stories.kin(desk.store, story)
    assert kin.other.id == 4 and kin.pin and kin.pin.note == "deux villes"
    page = jeanne.get("/desk/story/3")
    assert "Tied, but told elsewhere" in page and "they are different news" in page and "deux villes" in page
    desk.store.undo_pin(kin.pin.id, "Jeanne", NOW)
    links = desk.store.links(3)
    desk.store.relink([], [Closed(links[0].item, links[0].other, Level.TEXT, "the text has changed")], NOW)
    (kin,) = stories.kin(desk.store, desk.store.story(4))  # type: ignore[arg-type]
    assert kin.other.id == 3 and kin.tie and kin.tie.closed_at == NOW
    assert "the text has changed" in jeanne.get("/desk/story/3")


def test_a_hidden_item_says_who_hid_it_and_where_the_rest_is_told(desk: Desk, jeanne: Browser) -> None:
    desk.store.hide(3, "Marc", "à sa demande", NOW)
    page = jeanne.get("/desk/story/3")
    assert "Hidden by Marc." in page and "à sa demande" in page and "Show again" in page and "In none." in page
    assert "Levier a un nouveau maire" in page
    assert "hidden" in jeanne.get("/desk/story/4")
    desk.store.withdraw(MATIN.url, "Marc", "", NOW)
    page = jeanne.get("/desk/story/4")
    assert "Its source was withdrawn by Marc." in page and "Show again" not in page


def test_a_correction_is_made_on_the_page_and_stands_in_its_history(desk: Desk, jeanne: Browser) -> None:
    page = jeanne.get("/desk/story/1")
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert "Mark as press release" in page and seen
    done = jeanne.post("/desk/items/1", seen=seen[1], genre=Genre.COMMUNIQUE, category="sport", then="/desk/story/1")
    assert (done.status_code, done.headers["Location"]) == (303, "/desk/story/1?done=action-1")
    page = jeanne.get("/desk/story/1")
    assert (
        "Said of “Le pont de Battant rouvre aux piétons”: Sport, Press release." in page
        and "chosen for this item by the editors" in page
    )
    block = Rule(1, RuleEffect.BLOCK, RuleField.TITLE, RuleHow.CONTAINS, "pont")
    effects.publish(desk.settings, desk.store, "Jeanne", "", NewRules((block,), desk.store.rulebook()), NOW)
    assert "A rule takes it out of every feed." in jeanne.get("/desk/story/1")


# ── candidates


def likely(desk: Desk, number: int) -> list[tuple[int, Likeness]]:
    story = desk.store.story(number)
    assert story
    return [(each.story.id, each.likeness) for each in stories.candidates(desk.store, desk.settings, story)]


def test_stories_that_might_be_the_same_are_proposed_the_likeliest_first(desk: Desk) -> None:
    words = " ".join(f"mot{number}" for number in range(80))
    text = an_item("text", MATIN, title="Autre chose", text=words, published=Date("", NOW))
    again = an_item("again", PRESSE, title="Tout à fait ailleurs", text=words + " fin", published=Date("", NOW))
    title = an_item("title", PRESSE, title="Le pont Battant rouvre", published=Date("", NOW))
    tell(desk.store, [text, again, title])
    ids = {guid: desk.store.find(guid)[0].id for guid in ("text", "again", "title")}
    assert likely(desk, ids["text"]) == [(ids["again"], Likeness.TEXT)]
    assert likely(desk, 1) == [(3, Likeness.EVENT), (ids["title"], Likeness.TITLE)]
    desk.store.pin(PinKind.CANNOT, 1, 3, "Jeanne", "", NOW)
    desk.store.hide(ids["title"], "Jeanne", "", NOW)
    assert likely(desk, 1) == []


def test_what_a_closed_link_once_tied_is_proposed_and_never_more_than_eight(desk: Desk) -> None:
    links = desk.store.links(3)
    desk.store.relink([], [Closed(links[0].item, links[0].other, Level.TEXT, "no more")], NOW)
    assert likely(desk, 4)[0] == (3, Likeness.LINK)
    tell(desk.store, [old(f"p{number}", 3, title=f"Le pont de Battant rouvre, {number}") for number in range(12)])
    assert len(likely(desk, 1)) == 8


def test_a_story_without_a_print_has_candidates_all_the_same(desk: Desk) -> None:
    desk.store.forget_prints(NOW + timedelta(days=1))
    assert likely(desk, 1) == [(3, Likeness.EVENT)]


# ── acts


def test_an_item_is_hidden_with_a_note_after_it_was_shown_what_would_happen(desk: Desk, jeanne: Browser) -> None:
    page = jeanne.get("/desk/story/3/hide?item=3")
    assert "What would happen" in page and "leaves" in page and "enters" in page and desk.store.hidings() == ()
    done = jeanne.post("/desk/story/3/hide", item=3, note=" à sa demande ")
    assert (done.status_code, done.headers["Location"]) == (303, "/desk/story/3?done=hiding-1")
    (hiding,) = desk.store.hidings()
    assert (hiding.guid, hiding.by, hiding.note) == ("three", "Jeanne", "à sa demande")
    page = jeanne.get("/desk/story/3?done=hiding-1")
    assert 'class="said"' in page and jeanne.post("/desk/history/hiding/1", then="/desk/story/3").status_code == 303
    assert desk.store.hidings() == () and 'class="said"' not in jeanne.get("/desk/story/3?done=hiding-7")
    assert "Undone by Jeanne" in jeanne.get("/desk/story/3?done=hiding-1")


def test_an_item_is_shown_again(desk: Desk, jeanne: Browser) -> None:
    desk.store.hide(3, "Marc", "", NOW)
    assert "It is where it was" in jeanne.get("/desk/story/3/show")
    assert jeanne.post("/desk/story/3/show").status_code == 303
    assert desk.store.hidings() == () and numbers([desk.store.story(4)]) == [3]  # type: ignore[list-item]


def test_stories_are_merged_and_split_again(desk: Desk, jeanne: Browser) -> None:
    page = jeanne.get("/desk/story/2/merge?q=pont")
    assert "Le pont de Battant" in page and "Un nouveau maire" not in page.partition("These are near")[0]
    assert "Un nouveau maire" in jeanne.get("/desk/story/2/merge?q=https://matin.example/four")
    assert "Nothing found" in jeanne.get("/desk/story/2/merge?q=zzz") and "None is." in jeanne.get(
        "/desk/story/2/merge"
    )
    page = jeanne.get("/desk/story/2/merge?item=2&other=1")
    assert "Now: 2 stories" in page and "Then: 1 story" in page
    assert (
        jeanne.post("/desk/story/2/merge", item=2, other=1, note="le même").headers["Location"]
        == "/desk/story/2?done=pin-1"
    )
    story = desk.store.story(2)
    assert story and (story.id, [each.id for each in story.others]) == (2, [1])
    page = jeanne.get("/desk/story/2/split?item=1")
    assert "Now: 1 story" in page and "Then: 2 stories" in page
    assert jeanne.post("/desk/story/2/split", item=1).status_code == 303
    assert numbers(filter(None, map(desk.store.story, (1, 2)))) == [1, 2]
    assert jeanne.client.post("/desk/story/1/merge", data={"csrf": jeanne.token()}).status_code == 400


def test_two_stories_are_kept_apart_before_anything_joins_them(desk: Desk, jeanne: Browser) -> None:
    page = jeanne.get("/desk/story/1/apart?item=1&other=2")
    assert "The stories stay as they are" in page and "No entry enters or leaves a feed." in page
    assert jeanne.post("/desk/story/1/apart", item=1, other=2).status_code == 303
    (pin,) = desk.store.pins()
    assert pin.kind is PinKind.CANNOT


def test_what_another_editor_has_done_already_is_said_and_not_done_twice(desk: Desk, jeanne: Browser) -> None:
    store = desk.store
    store.hide(2, "Marc", "", NOW)
    store.pin(PinKind.MUST, 3, 1, "Marc", "", NOW)
    store.pin(PinKind.CANNOT, 1, 2, "Marc", "", NOW)
    said = {
        "/desk/story/2/hide?item=2": "Marc has hidden it already.",
        "/desk/story/3/merge?item=1&other=3": "Marc has said already that they are one story.",
        "/desk/story/3/apart?item=2&other=1": "Marc has said already that they are not one story.",
    }
    for path, words in said.items():
        assert words in jeanne.get(path, status=409)
        path, _, query = path.partition("?")
        assert jeanne.post(path, **dict(pair.split("=") for pair in query.split("&"))).status_code == 409
    store.unhide(1, "Anna", NOW)
    assert "Anna has shown it again already." in jeanne.get("/desk/story/2/show?item=2", status=409)
    assert len(store.pins(include_undone=True)) == 2 and len(store.hidings(include_undone=True)) == 1
    store.hide(2, "Marc", "", NOW)
    assert jeanne.post("/desk/story/2/show", item=2).status_code == 303


def test_what_cannot_be_done_is_refused_with_the_reason(desk: Desk, jeanne: Browser) -> None:
    assert "is alone in its story." in jeanne.get("/desk/story/1/split", status=409)
    assert "Nobody hides item 1." in jeanne.get("/desk/story/1/show", status=409)
    desk.store.pin(PinKind.CANNOT, 1, 2, "Marc", "", NOW)
    desk.store.pin(PinKind.MUST, 2, 3, "Marc", "", NOW)
    assert "It contradicts pin 1 (item 1 ≠ item 2), pin 2 (item 2 = item 3)" in jeanne.get(
        "/desk/story/1/merge?item=1&other=3", status=409
    )
    assert jeanne.post("/desk/story/1/merge", item=1, other=3).status_code == 409 and len(desk.store.pins()) == 2


def test_numbers_that_are_none_of_ours_are_refused_and_break_nothing(desk: Desk, jeanne: Browser) -> None:
    token = jeanne.token()
    for number, what in product(["0", "99", "999999999999", "9" * 40, "-1", "x", "²"], Mend):
        response = jeanne.client.get(f"/desk/story/1/{what}", query_string={"item": number, "other": number})
        assert response.status_code in (200, 409), what
        assert jeanne.client.post(f"/desk/story/{number}/{what}", data={"csrf": token}).status_code == 404
    assert desk.store.pins() == () == desk.store.hidings()
    jeanne.get("/desk/story/1/nonsense", status=404)


def test_what_sources_and_editors_wrote_is_text(desk: Desk, jeanne: Browser) -> None:
    one, two = an_item("h1", title=HOSTILE), an_item("h2", MATIN, title=HOSTILE, canonical="javascript:alert(1)")
    two = replace(two, link="javascript:alert(1)")
    tell(desk.store, [one])
    tell(desk.store, [two], links=[same_story(two, one, quote=HOSTILE)])
    number = desk.store.find("h1")[0].story_id
    jeanne.post(f"/desk/story/{number}/split", item=desk.store.find("h2")[0].id, note=HOSTILE)
    for path in (
        "stories",
        f"story/{number}",
        f"story/{number}/hide",
        f"story/{number}/merge?q=gras",
        "missing?q=gras",
    ):
        page = jeanne.client.get(f"/desk/{path}").get_data(as_text=True)
        assert "<img src=x" not in page and "<b>gras" not in page and "&lt;b&gt;gras" in page, path
        assert 'href="javascript' not in page, path


def test_an_act_on_a_story_that_has_become_part_of_another_is_done_all_the_same(desk: Desk, jeanne: Browser) -> None:
    assert jeanne.post("/desk/story/4/hide", item=4).status_code == 303
    assert [each.guid for each in desk.store.hidings()] == ["four"]


def test_an_act_says_at_the_store_what_it_made(desk: Desk) -> None:
    made = stories.mend(desk.store, Mending(Mend.HIDE, 1), "Jeanne", "", NOW)
    assert made == desk.store.hidings()[0]


def test_a_word_that_is_also_the_guid_of_an_item_is_looked_for_as_a_word(desk: Desk, jeanne: Browser) -> None:
    tell(desk.store, [an_item("pont", title="Autre chose", lead="")])
    page = jeanne.get("/desk/stories?q=pont")
    assert "Le pont de Battant" in page
    page = jeanne.get("/desk/story/2/merge?q=pont").partition("These are near")[0]
    assert "Le pont de Battant" in page and "Autre chose" in page
