"""The sources at the desk, as somebody without JavaScript walks through them: found, added, changed, moved, retired,
withdrawn, many at once; what would happen is shown before, and no change of others is lost.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from werkzeug.datastructures import MultiDict

from aggregator.desk import bulk, effects, finding, lines, moving, sources
from aggregator.desk.bulk import Bulk, Wanted
from aggregator.desk.discovery import Finder
from aggregator.desk.lines import Flaw
from aggregator.errors import ConflictError, DeskError, ErrorClass
from aggregator.health import judge
from aggregator.model import Republish, Source, SourceKind
from aggregator.opml import Document, read
from tests.clients.test_validity import told
from tests.desk_forms import Page, visit
from tests.desk_world import Desk, a_desk
from tests.origin import Origin, Request, answer
from tests.test_desk_discovery import feed, link, page
from tests.web_world import INFO, MATIN, PRESSE, an_item, same_story, tell
from web.desk import adding

LIST, CHANGE, ADD, LOOK = "/desk/sources", "/desk/sources/change", "/desk/sources/add", "/desk/sources/add/preview"
SLUG = "/desk/source/comtois-info"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = a_desk(tmp_path)
    tell(desk.store, [an_item("one"), an_item("two")])
    tell(desk.store, [an_item("copy", MATIN)], links=[same_story(an_item("copy", MATIN), an_item("one"))])
    yield desk
    desk.store.close()


@pytest.fixture
def origin(desk: Desk) -> Iterator[Origin]:
    """A site whose page names two feeds; one of their items is of Comtois Info."""
    known = "<item><title>Titre one</title><link>https://info.example/one</link><guid>one</guid></item>"

    def answers(request: Request) -> bytes:
        if request.path == "/rss":
            return answer(200, body=feed(1, 2, more=known))
        if request.path == "/sport.xml":
            return answer(200, body=feed(3, title="Sport <b>hostile</b> & <script>alert(1)</script>"))
        return answer(200, body=page(link("/rss") + link("/sport.xml"))) if request.path == "/" else answer(404)

    with Origin(answers) as origin:
        allowed = replace(desk.settings, allow_private=(origin.authority,))
        desk.app.extensions[adding.FINDER] = Finder(allowed)
        yield origin


def listed(desk: Desk) -> dict[str, Source]:
    return {source.url: source for source in read(desk.settings.opml)}


def look_for_feed(desk: Desk, **form: str) -> Page:
    """Look for the feed of Comtois Info on its site, or where the form says."""
    browser = desk.editor()
    return visit(browser, f"{SLUG}/feeds", MultiDict({"csrf": browser.token(), **form}))


def choose(desk: Desk, do: str, *urls: str) -> Page:
    """The page that says what would be done to these."""
    return visit(desk.editor(), f"{LIST}?state=").send(CHANGE, tick=urls, do=do)


# ── the list


def test_the_list_shows_every_source_under_its_region_and_narrows_down(desk: Desk) -> None:
    desk.store.withdraw(PRESSE.url, "Marc", "", desk.now)
    jeanne = desk.editor()
    everything = jeanne.get(LIST)
    assert everything.index("Doubs</h2>") < everything.index("Comtois Info") < everything.index("Jura</h2>")
    for question, names in (
        ("words=haut+doubs", {"Haut-Doubs Matin"}), ("words=INFO.example", {"Comtois Info"}), ("words=nobody", set()),
        ("region=Jura", {"presse.example"}), ("state=withdrawn", {"presse.example"}), ("category=economie", set()),
        ("state=ok&region=Doubs", {"Comtois Info", "Haut-Doubs Matin"}),
    ):  # fmt: skip
        tree = visit(jeanne, f"{LIST}?{question}").tree
        assert {each.text_content() for each in tree.xpath("//ul[@class='lines']//a")} == names, question


AT_PORT = Source("http://127.0.0.1:8080/rss", title="Le 12:30", site="http://127.0.0.1:8080/")
BESIDE = Source("http://127.0.0.1:18080/rss", title="Autre", site="")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("127.0.0.1:8080", [AT_PORT]), ("http://127.0.0.1:8080/", [AT_PORT]), ("127.0.0.1:18080/rss", [BESIDE]),
        ("http://127.0.0.1/rss", []), ("127.0.0.1", [AT_PORT, BESIDE]), ("8080", [AT_PORT, BESIDE]), ("12:30", [AT_PORT]),
        ("https://info.example:443/feed", [INFO]), ("http://www.info.example:80", [INFO]), ("info.example:8080", []),
        ("https://info.example/sport", []), ("https://info.example/feed doubs", []), ("https://[x/", []), ("é:99999", []),
    ],
)  # fmt: skip
def test_an_address_that_is_looked_for_is_that_of_a_host_and_its_port(words: str, found: list[Source]) -> None:
    sources_ = (INFO, AT_PORT, BESIDE)
    assert [each for each in sources_ if finding.is_meant(words, (each.title,), (each.url, each.site))] == found


def test_the_list_can_be_had_as_a_file_as_it_is_and_for_others(desk: Desk) -> None:
    jeanne = desk.editor()
    as_it_is = jeanne.client.get(f"{LIST}/export/feeds.opml")
    assert as_it_is.data == desk.listed and "feeds.opml" in as_it_is.headers["Content-Disposition"]
    assert as_it_is.headers["Content-Type"].startswith("text/x-opml")
    secret = replace(INFO, paused=True, tags={"secret": "sport"})
    sources.edit(desk.settings, desk.store, "x", "", sources.replaced(INFO, secret), desk.now)
    others = jeanne.get(f"{LIST}/export/sources.opml")
    assert INFO.url in others and "tributary" not in others and "secret" not in others
    jeanne.get(f"{LIST}/export/passwd", status=404)
    Path(desk.settings.opml).write_text("<opml>")
    jeanne.get(f"{LIST}/export/sources.opml", status=409)
    jeanne.get(f"{LIST}/export/feeds.opml")


# ── many at once


def test_what_would_be_done_to_many_is_shown_before_and_is_one_entry_of_the_history(desk: Desk) -> None:
    before = desk.listed
    sure = choose(desk, "pause", INFO.url, MATIN.url)
    assert sure.status == 200 and "Comtois Info" in sure.text and "Haut-Doubs Matin" in sure.text
    assert desk.listed == before
    done = sure.send(CHANGE, "sure", note="en vacances")
    assert (done.status, done.place) == (303, f"{LIST}?did=pause&count=2&done=action-2")
    assert [each.paused for each in listed(desk).values()] == [True, True, False]
    (action, _) = desk.store.actions()
    assert (action.by, action.note, len(action.told["changed"])) == ("Jeanne", "en vacances", 2)
    told = visit(done.browser, done.place)
    assert "Done to 2 sources: Pause." in told.text and told.form("/desk/history/action/2").fields["then"] == LIST
    sources.undo(desk.settings, desk.store, action.id, "Marc", desk.now)
    assert desk.listed == before


def test_sources_are_resumed_retired_and_put_back(desk: Desk) -> None:
    choose(desk, "pause", INFO.url).send(CHANGE, "sure")
    choose(desk, "resume", INFO.url).send(CHANGE, "sure")
    assert not listed(desk)[INFO.url].paused
    choose(desk, "retire", INFO.url, PRESSE.url).send(CHANGE, "sure")
    assert set(listed(desk)) == {MATIN.url}
    assert desk.store.river("all").stories  # what they published stays
    retired = visit(desk.editor(), f"{LIST}?state=unlisted")
    retired.send(CHANGE, tick=(INFO.url,), do="back").send(CHANGE, "sure")
    assert listed(desk)[INFO.url] == INFO


def test_a_region_is_set_for_many_after_it_was_looked_at(desk: Desk) -> None:
    asked = choose(desk, "region", INFO.url, PRESSE.url)
    assert 'name="sure"' not in asked.text
    wrong = asked.send(CHANGE, "look", region="/".join("abcdefghijkl"))
    assert wrong.status == 400 and "too many regions" in wrong.text and "a/b/c" in wrong.text
    sure = wrong.send(CHANGE, "look", region="Franche-Comté/ Doubs ")
    sure.send(CHANGE, "sure", number=1)
    assert {listed(desk)[url].region for url in (INFO.url, PRESSE.url)} == {"Franche-Comté / Doubs"}


def test_categories_of_many_show_what_enters_and_leaves_and_do_just_that(desk: Desk) -> None:
    sure = choose(desk, "categories", INFO.url, MATIN.url).send(CHANGE, "look", tick=("culture", "sport"))
    assert "2 enter" in sure.text and "2 leave" in sure.text and "3 items would be told otherwise" in sure.text
    sure.send(CHANGE, "sure", number=1)
    assert listed(desk)[INFO.url].categories == ("sport", "culture") or listed(desk)[INFO.url].categories == (
        "culture",
        "sport",
    )
    assert len(desk.store.river("culture").stories) == 2 and not desk.store.river("economie").stories
    choose(desk, "categories", INFO.url, MATIN.url).send(CHANGE, "look").send(CHANGE, "sure", number=1)
    places = choose(desk, "departements", INFO.url).send(CHANGE, "look", departements="25 99")
    assert places.status == 400 and "not the code of a département" in places.text
    places.send(CHANGE, "look", departements="25 2a").send(CHANGE, "sure", number=1)
    assert listed(desk)[INFO.url].departements == ("25", "2A")


def test_a_withdrawal_of_one_or_of_several_has_its_undo(desk: Desk) -> None:
    one = choose(desk, "withdraw", INFO.url).send(CHANGE, "sure")
    told = visit(one.browser, one.place)
    assert "Done to 1 source: Withdraw with all items." in told.text
    undone = told.send("/desk/history/hiding/1")
    assert undone.place == f"{LIST}?done=hiding-1" and desk.store.hidings() == ()
    assert "Undone by Jeanne." in undone.browser.get(undone.place)
    two = choose(desk, "withdraw", INFO.url, MATIN.url).send(CHANGE, "sure")
    assert two.place == f"{LIST}?did=withdraw&count=2&done=hiding-2"
    undone = visit(two.browser, two.place).send("/desk/history/hiding/2")
    assert desk.store.hidings() == () and "Undone by Jeanne." in two.browser.get(undone.place)
    choose(desk, "withdraw", INFO.url).send(CHANGE, "sure")
    shown = choose(desk, "show", INFO.url).send(CHANGE, "sure")
    assert shown.place == f"{LIST}?did=show&count=1&done=hiding-4"


def everything_told(desk: Desk) -> object:
    """The river and every feed, and what is hidden."""
    feeds = {
        slug: [each.id for each in desk.store.head(slug, 50)] for slug in (each.slug for each in desk.store.feeds())
    }
    return desk.store.river("all").stories, feeds, [each.hidden for each in desk.store.items()], desk.store.hidings()


def test_sources_withdrawn_together_are_one_line_of_the_history_and_one_undo_brings_all_back(desk: Desk) -> None:
    before = everything_told(desk)
    choose(desk, "withdraw", INFO.url, MATIN.url).send(CHANGE, "sure", note="contrat")
    assert not desk.store.river("all").stories
    history = visit(desk.editor("Marc"), "/desk/history")
    (line,) = history.tree.xpath("//ol[@class='done']/li[starts-with(@id, 'hiding')]")
    assert "Withdrew Comtois Info, Haut-Doubs Matin with all their items." in line.text_content()
    assert "contrat" in line.text_content()
    history.send("/desk/history/hiding/1")
    assert everything_told(desk) == before
    (line,) = visit(desk.editor(), "/desk/history").tree.xpath("//li[@id='hiding-1']")
    assert "Undone by Marc." in line.text_content() and not line.xpath(".//button")
    assert history.send("/desk/history/hiding/1").status == 409  # an old page


def test_what_undoing_a_withdrawal_brings_back_is_shown_before_and_is_its_effect(desk: Desk) -> None:
    desk.store.hide(2, "Marc", "", desk.now)  # which stays so
    before, heads = everything_told(desk), {each.slug for each in desk.store.feeds() if desk.store.head(each.slug, 9)}
    choose(desk, "withdraw", INFO.url, MATIN.url).send(CHANGE, "sure")
    seen = everything_told(desk)
    back = visit(desk.editor(), "/desk/history").send("/desk/history/hiding/2", "do=show")
    assert everything_told(desk) == seen
    assert [each.text_content() for each in back.tree.xpath("//ul[@class='titles'][1]/li")][:2] == [
        "Comtois Info",
        "Haut-Doubs Matin",
    ]
    assert "2 items would be told otherwise" in back.text and "Would enter" in back.text
    assert "Would leave" not in back.text and "those that are hidden for another reason" in back.text
    act = effects.Show(tuple(each.id for each in desk.store.hidings() if not each.guid))
    effect = effects.preview(desk.settings, desk.store, act, desk.now)
    assert {each.feed for each in effect.feeds if each.entered} == heads
    back.send(CHANGE, "sure")
    assert everything_told(desk) == before


def test_of_what_was_withdrawn_together_one_source_may_be_shown_again_alone(desk: Desk) -> None:
    choose(desk, "withdraw", INFO.url, MATIN.url, PRESSE.url).send(CHANGE, "sure")
    shown = choose(desk, "show", MATIN.url).send(CHANGE, "sure")
    told = visit(shown.browser, shown.place)
    assert "Done to 1 source: Show again." in told.text and "can be undone" not in told.text
    assert not told.tree.xpath("//div[@class='said']//button")  # undoing the rest is another thing
    history = visit(shown.browser, "/desk/history")
    assert "Shown again since: Haut-Doubs Matin." in history.text
    history.send("/desk/history/hiding/1")
    assert desk.store.hidings() == ()
    assert "Shown again since" not in shown.browser.get("/desk/history")


def test_a_source_that_is_withdrawn_already_stays_in_the_act_that_did_it(desk: Desk) -> None:
    desk.store.withdraw(MATIN.url, "Marc", "", desk.now)
    made = desk.store.withdraw_all([INFO.url, MATIN.url, PRESSE.url], "Jeanne", "", desk.now)
    assert [each.act for each in made] == [2, 1, 2]
    with pytest.raises(DeskError, match="no source"):
        desk.store.withdraw_all(["https://nowhere.example/"], "Jeanne", "", desk.now)


def test_a_source_is_withdrawn_with_all_its_items_and_shown_again(desk: Desk) -> None:
    river = desk.store.river("all").stories
    sure = choose(desk, "withdraw", INFO.url, MATIN.url)
    assert "leaves" in sure.text and "all items go" in sure.text and desk.store.river("all").stories == river
    sure.send(CHANGE, "sure", note="à sa demande")
    assert not desk.store.river("all").stories
    assert {(each.source, each.by, each.note) for each in desk.store.hidings()} == {
        (INFO.url, "Jeanne", "à sa demande"),
        (MATIN.url, "Jeanne", "à sa demande"),
    }
    assert INFO.url in listed(desk)  # its line stays
    desk.store.hide(2, "Marc", "", desk.now)  # an item by itself stays hidden
    choose(desk, "show", INFO.url, MATIN.url).send(CHANGE, "sure")
    desk.store.unhide(desk.store.hidings()[0].id, "Marc", desk.now)
    assert [each.id for each in desk.store.river("all").stories] == [each.id for each in river]


@pytest.mark.parametrize(("withdrawn", "items"), [([INFO], 2), ([INFO, MATIN], 3)])
def test_the_preview_of_a_withdrawal_is_its_effect(desk: Desk, withdrawn: list[Source], items: int) -> None:
    effect = bulk.preview(desk.settings, desk.store, Bulk.WITHDRAW, withdrawn, Wanted(), desk.now)
    assert effect and effect.items == items and effect.feeds
    left = {each.feed: {story.id for story in each.left} for each in effect.feeds if each.left}
    before = {slug: {each.id for each in desk.store.head(slug, 50)} for slug in left}
    bulk.carry_out(desk.settings, desk.store, "x", "", Bulk.WITHDRAW, withdrawn, Wanted(), desk.now)
    assert left == {slug: ids - {each.id for each in desk.store.head(slug, 50)} for slug, ids in before.items()}


def test_what_cannot_be_done_is_said(desk: Desk) -> None:
    jeanne = desk.editor()
    for do, url, said in (
        ("", INFO.url, "Choose what to do"), ("dance", INFO.url, "Choose what to do"), ("pause", "", "None of the chosen"),
        ("resume", INFO.url, "None of the chosen"), ("show", INFO.url, "None of the chosen"),
        ("back", INFO.url, "None of the chosen"), ("pause", "https://nowhere.example/", "None of the chosen"),
    ):  # fmt: skip
        response = jeanne.post(CHANGE, do=do, url=url)
        assert response.status_code == 409 and said in response.get_data(as_text=True), (do, url)
    assert desk.editor().post(CHANGE, do="pause", seen="{").status_code == 409


def test_too_many_at_once_are_refused_before_anything_is_tried(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.desk.sources.WITHDRAWN_LIMIT", 1)
    refused = choose(desk, "withdraw", INFO.url, MATIN.url)
    assert refused.status == 409 and "more than 1 sources" in refused.text


def test_of_many_none_is_changed_if_one_was_changed_by_somebody_else(desk: Desk) -> None:
    sure = choose(desk, "pause", INFO.url, MATIN.url)
    other = replace(MATIN, title="Le Matin")
    sources.edit(desk.settings, desk.store, "Marc", "", sources.replaced(MATIN, other), desk.now)
    conflict = sure.send(CHANGE, "sure")
    assert conflict.status == 409 and "Le Matin" in conflict.text and "tributary:paused: true" in conflict.text
    assert listed(desk)[INFO.url] == INFO and listed(desk)[MATIN.url] == other


# ── one source


def test_a_source_shows_its_line_its_items_and_what_was_done_to_it(desk: Desk) -> None:
    renamed = sources.replaced(INFO, replace(INFO, title="Info"))
    sources.edit(desk.settings, desk.store, "Marc", "nom court", renamed, desk.now)
    one = visit(desk.editor(), SLUG)
    assert "Titre two" in one.text and "nom court" in one.text and "Economy" in one.text
    assert one.form(SLUG).fields["title"] == "Info" and one.form(f"{SLUG}/move").fields["url"] == INFO.url
    assert visit(desk.editor(), "/desk/source/nobody").status == 404


def test_a_change_of_a_line_is_shown_then_published_and_can_be_undone(desk: Desk) -> None:
    before = desk.listed
    sure = visit(desk.editor(), SLUG).send(
        SLUG, tick=("culture",), title="Info Comtoise", region="Jura", departements="25", timezone="Europe/Zurich",
        interval="60", tags="Actu éco = economie\n\nÀ; b = sport", republish="full", language="fr-CH", description="Du Doubs.",
    )  # fmt: skip
    assert desk.listed == before
    assert "+category: /culture,/dep/25" in sure.text and "+region: Jura" in sure.text and "2 enter" in sure.text
    done = sure.send(SLUG, "sure", note="pour voir")
    assert (done.status, done.place) == (303, f"{SLUG}?done=action-2")
    assert listed(desk)[INFO.url] == replace(
        INFO, title="Info Comtoise", region="Jura", categories=("culture",), departements=("25",), timezone="Europe/Zurich",
        interval=timedelta(hours=1), tags={"Actu éco": "economie", "À; b": "sport"}, republish=Republish.FULL,
        language="fr-CH", description="Du Doubs.",
    )  # fmt: skip
    assert 'class="said" role="status">\n<p>Changed ' in done.browser.get(done.place)
    assert len(desk.store.river("culture").stories) == 2
    done.browser.post(f"/desk/history/action/{desk.store.actions()[0].id}")
    assert desk.listed == before and not desk.store.river("culture").stories


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_is_kept(desk: Desk) -> None:
    again = visit(desk.editor(), SLUG).send(
        SLUG, tick=("culture",), title="<i>Neu", site="ftp://x", departements="25 99", language="?", timezone="Europe/Pari",
        interval="1h", tags="a = nowhere", select_title="]", kind="page",
    )  # fmt: skip
    assert again.status == 400 and listed(desk)[INFO.url] == INFO
    wrong = {each.get("id"): each.text_content() for each in again.tree.xpath("//*[@class='wrong']")}
    names = ("site", "departements", "language", "timezone", "interval", "tags", "select-title", "select-item")
    assert set(wrong) == {f"{name}-wrong" for name in names}
    assert "Europe/Pari" in wrong["timezone-wrong"] and "99" in wrong["departements-wrong"]
    form = again.form(SLUG)
    assert (form.fields["title"], form.fields["interval"], form.fields["timezone"]) == ("<i>Neu", "1h", "Europe/Pari")
    assert again.tree.xpath("//input[@value='culture']")[0].checked
    invalid = again.tree.xpath("//*[@aria-invalid]")
    assert all(f"{each.get('name')}-wrong" in each.get("aria-describedby") for each in invalid)


def test_a_category_that_is_unknown_is_refused_unless_the_line_has_it(desk: Desk) -> None:
    odd = replace(INFO, categories=("agenda",))
    sources.edit(desk.settings, desk.store, "x", "", sources.replaced(INFO, odd), desk.now)
    same = visit(desk.editor(), SLUG).send(SLUG)
    assert same.status == 200 and "Nothing was changed" in same.text
    seen = same.form(SLUG).fields["seen"]
    forged = desk.editor().post(SLUG, seen=seen, kind="feed", categories="nope", timezone="Europe/Paris")
    assert forged.status_code == 400 and "no such category" in forged.get_data(as_text=True)


def test_the_second_of_two_editors_is_shown_both_versions_and_neither_change_is_lost(desk: Desk) -> None:
    jeanne = visit(desk.editor(), SLUG)
    marc = visit(desk.editor("Marc"), SLUG)
    sure = jeanne.send(SLUG, title="De Jeanne")
    marc.send(SLUG, title="De Marc").send(SLUG, "sure")
    conflict = sure.send(SLUG, "sure")
    assert conflict.status == 409 and "De Jeanne" in conflict.text and "De Marc" in conflict.text
    marked = [each.text_content() for each in conflict.tree.xpath("//mark")]
    assert [each for each in marked if "title" in each] == ["differs: title: De Marc", "differs: title: De Jeanne"]
    assert "xmlUrl" in conflict.text and not [each for each in marked if "xmlUrl" in each]  # in both alike
    assert listed(desk)[INFO.url].title == "De Marc"
    assert jeanne.send(SLUG, title="De Jeanne").status == 409  # at the preview already
    assert visit(desk.editor(), SLUG).send(SLUG, title="De Jeanne").send(SLUG, "sure").status == 303


def test_who_came_second_finds_what_they_typed_on_top_of_what_stands_there_now(desk: Desk) -> None:
    sure = visit(desk.editor(), SLUG).send(SLUG, title="De Jeanne", tick=("sport",))
    by_marc = replace(INFO, title="De Marc", region="Jura", language="de")
    sources.edit(desk.settings, desk.store, "Marc", "", sources.replaced(INFO, by_marc), desk.now)
    mine = sure.send(SLUG, "sure").send(SLUG, "mine")
    assert mine.status == 200 and listed(desk)[INFO.url] == by_marc
    fields = mine.form(SLUG).fields
    assert (fields["title"], fields["region"], fields["language"]) == ("De Jeanne", "Jura", "de")
    mine.send(SLUG).send(SLUG, "sure")
    assert listed(desk)[INFO.url] == replace(by_marc, title="De Jeanne", categories=("sport",))
    gone = visit(desk.editor(), SLUG).send(SLUG, title="Trop tard")
    sources.edit(desk.settings, desk.store, "Marc", "", sources.removed(listed(desk)[INFO.url]), desk.now)
    conflict = gone.send(SLUG, "sure")
    assert conflict.status == 409 and "mine" not in {each.get("name") for each in conflict.tree.iter("button")}


def test_a_text_editor_on_the_file_loses_nothing_either(desk: Desk) -> None:
    open_form = visit(desk.editor(), SLUG)
    by_hand = desk.listed.replace(b"Haut-Doubs Matin", b"Le Matin").replace(b"</body>", b"<!-- hand --></body>")
    Path(desk.settings.opml).write_bytes(by_hand)
    assert open_form.send(SLUG, title="Neu").send(SLUG, "sure").status == 303  # another line
    assert listed(desk)[MATIN.url].title == "Le Matin" and b"<!-- hand -->" in desk.listed
    Path(desk.settings.opml).write_bytes(desk.listed.replace(b"Neu", b"Par la main"))
    again = open_form.send(SLUG, title="Encore")
    assert again.status == 409 and "Par la main" in again.text
    assert visit(desk.editor(), SLUG).form(SLUG).fields["title"] == "Par la main"


def test_a_file_that_cannot_be_read_is_said_and_left_alone(desk: Desk) -> None:
    form = visit(desk.editor(), SLUG)
    Path(desk.settings.opml).write_bytes(b"<opml><body>")
    for answered in (
        visit(desk.editor(), SLUG),
        form.send(SLUG, title="x"),
        form.send(f"{SLUG}/move", url="https://x.example/"),
    ):
        assert answered.status == 409 and "not well-formed" in answered.text
    assert desk.listed == b"<opml><body>"


def test_a_retired_source_can_be_put_back_from_its_page(desk: Desk) -> None:
    one = visit(desk.editor(), SLUG).send(CHANGE, "do=retire").send(CHANGE, "sure")
    assert one.place == f"{SLUG}?done=action-2" and INFO.url not in listed(desk)
    retired = visit(one.browser, SLUG)
    assert "does not stand in the list" in retired.text and "Titre two" in retired.text
    retired.send(CHANGE, "do=back").send(CHANGE, "sure")
    assert listed(desk)[INFO.url] == INFO


def test_a_withdrawn_source_can_be_shown_from_its_page(desk: Desk) -> None:
    one = visit(desk.editor(), SLUG).send(CHANGE, "do=withdraw").send(CHANGE, "sure")
    hidden = visit(one.browser, SLUG)
    assert "none of its items is shown" in hidden.text and "Titre two" not in hidden.text
    hidden.send(CHANGE, "do=show").send(CHANGE, "sure")
    assert "Titre two" in one.browser.get(SLUG)


# ── another address


def test_a_source_moves_with_its_items_after_what_is_there_was_shown(desk: Desk, origin: Origin) -> None:
    before = desk.listed
    failing = {"error_class": ErrorClass.HTTP_4XX, "error_count": 4, "failing_since": desk.now}
    desk.store.keep([replace(desk.store.state(INFO.url), checked_at=desk.now, succeeded_at=desk.now, **failing)])
    desk.store.examine(lambda source, state: judge(source, state, desk.now), desk.now)
    assert [each.source for each in desk.store.conditions()] == [INFO.url]
    assert "does not work" in desk.editor().get(SLUG)
    sure = visit(desk.editor(), SLUG).send(f"{SLUG}/move", url=origin.url("/rss"))
    assert "Le Journal" in sure.text and "1 is an item of this source already" in sure.text and desk.listed == before
    assert sure.send(f"{SLUG}/move", "sure", note="nouvelle adresse").place == f"{SLUG}?said=moved&done=action-2"
    assert origin.url("/rss") in listed(desk) and INFO.url not in listed(desk)
    view = desk.store.source("comtois-info")
    assert view and view.source.url == origin.url("/rss") and view.items == 2 and view.listed
    assert view.state.announced is None and view.state.next_check_at is None
    page = desk.editor().get(f"{SLUG}?said=moved&done=action-2")
    assert "Moved; it is asked there next." in page and "waits for its first check at this address" in page
    assert "does not work" not in page and desk.store.conditions() == ()
    desk.editor().post(f"/desk/history/action/{desk.store.actions()[0].id}")
    assert desk.listed == before
    back = desk.store.source("comtois-info")
    assert back and back.source.url == INFO.url and back.items == 2


def test_the_history_tells_a_move_by_name_and_both_addresses(desk: Desk) -> None:
    moving.move(desk.settings, desk.store, "Jeanne", "", [(INFO, "https://new.example/rss")], desk.now)
    moved = replace(INFO, url="https://new.example/rss")
    moving.move(desk.settings, desk.store, "Jeanne", "", [(moved, "https://newer.example/rss")], desk.now)
    told = desk.editor().get("/desk/history")
    assert f"Moved Comtois Info from {INFO.url} to https://new.example/rss." in told
    assert "Moved Comtois Info from https://new.example/rss to https://newer.example/rss." in told
    assert "Added" not in told and "Removed" not in told
    assert "to https://newer.example/rss." in desk.editor().get(SLUG)


def test_the_history_calls_sources_what_they_were_called_then(desk: Desk) -> None:
    gone = Source("https://gone.example/rss", title="Le Disparu")
    for change in (sources.added([gone]), sources.removed(gone)):
        sources.edit(desk.settings, desk.store, "Jeanne", "", change, desk.now)
    told = desk.editor().get("/desk/history")
    assert "Added Le Disparu." in told and "Removed Le Disparu." in told


def test_a_source_that_lost_its_feed_finds_the_feeds_of_its_site(desk: Desk, origin: Origin) -> None:
    at_origin = replace(INFO, site=origin.url("/"))
    sources.edit(desk.settings, desk.store, "x", "", sources.replaced(INFO, at_origin), desk.now)
    found = look_for_feed(desk)
    assert "Le Journal" in found.text and origin.url("/sport.xml") in found.text
    sure = found.send(f"{SLUG}/move", number=0)
    assert "1 is an item of this source already" in sure.text
    sure.send(f"{SLUG}/move", "sure")
    assert origin.url("/rss") in listed(desk)


def test_a_page_where_a_feed_was_to_be_leads_to_its_feeds(desk: Desk, origin: Origin) -> None:
    page = visit(desk.editor(), SLUG).send(f"{SLUG}/move", url=origin.url("/"))
    found = page.send(f"{SLUG}/feeds")
    assert origin.url("/rss") in found.text


def test_a_feed_that_is_not_found_is_told_and_looked_for_elsewhere(desk: Desk, origin: Origin) -> None:
    nothing = look_for_feed(desk, site="http://127.0.0.1:9/")  # which the settings do not allow
    assert nothing.status == 200 and "No feed found" in nothing.text and "inside a private network" in nothing.text
    assert origin.url("/rss") in nothing.send(f"{SLUG}/feeds", site=origin.url("/")).text
    assert look_for_feed(desk, site="a b").status == 400
    desk.store.close()


def test_a_feed_is_not_looked_for_of_a_source_that_was_retired_or_too_often(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aggregator.desk.discovery.STARTED_LIMIT", 0)
    assert look_for_feed(desk).status == 429
    sources.edit(desk.settings, desk.store, "x", "", sources.removed(INFO), desk.now)
    assert look_for_feed(desk).status == 409


def test_a_mistake_in_the_list_is_told_on_every_page_until_it_is_mended(desk: Desk) -> None:
    jeanne, good = desk.editor(), desk.listed
    Path(desk.settings.opml).write_bytes(good.replace(b" xmlUrl=", b' tributary:interval="1h" xmlUrl=', 1))
    for path in ("/desk/", LIST, "/desk/stories"):
        assert "must be 1 to 10080 minutes, not '1h'" in jeanne.get(path)
    assert "what it said before is in force" in jeanne.get("/status") and "1h" not in jeanne.get("/status")
    assert "tributary_list_readable 0" in jeanne.get("/metrics")
    Path(desk.settings.opml).write_bytes(good)
    assert "what it said before" not in jeanne.get("/desk/") + jeanne.get("/status")
    Path(desk.settings.opml).unlink()
    assert "No such file" in jeanne.get("/desk/")


def test_a_move_to_nothing_is_possible_but_said(desk: Desk, origin: Origin) -> None:
    sure = visit(desk.editor(), SLUG).send(f"{SLUG}/move", url=origin.url("/none"))
    assert "nothing at this address" in sure.text and "all the same" in sure.text
    assert sure.send(f"{SLUG}/move", "sure").status == 303
    other = visit(desk.editor(), "/desk/source/haut-doubs-matin").send(
        "/desk/source/haut-doubs-matin/move", url=origin.url("/sport.xml")
    )
    assert "is it the same feed" in other.text and "<script>" not in other.response.get_data(as_text=True)


def test_an_address_that_cannot_be_moved_to_is_refused(desk: Desk) -> None:
    one = visit(desk.editor(), SLUG)
    for url, status, said in (
        ("javascript:alert(1)", 400, "no address"), ("", 400, "needed"), (INFO.url, 400, "already"),
        ("https://u:p@a.example/", 400, "password"), ("https://a.example/" + "x" * 2100, 400, "too long"), (MATIN.url, 409, "already"),
    ):  # fmt: skip
        refused = one.send(f"{SLUG}/move", url=url)
        assert refused.status == status and said in refused.text, url
    assert listed(desk)[INFO.url] == INFO


def test_a_move_that_fails_leaves_the_state_as_it_was(desk: Desk) -> None:
    def move(seen: Source, url: str) -> object:
        return moving.move(desk.settings, desk.store, "Jeanne", "", [(seen, url)], desk.now)

    before = desk.store.state(INFO.url)
    with pytest.raises(ConflictError):
        move(replace(INFO, title="old"), "https://new.example/")
    sources.edit(desk.settings, desk.store, "x", "", sources.removed(PRESSE), desk.now)
    with pytest.raises(DeskError, match="another source"):
        move(INFO, PRESSE.url)  # retired, with items of its own
    assert move(INFO, INFO.url) is None
    with pytest.MonkeyPatch.context() as patch, pytest.raises(DeskError):
        patch.setattr("aggregator.desk.sources._written", _unwritten)
        move(INFO, "https://new.example/")
    assert desk.store.state(INFO.url) == before


def _unwritten(*_: object) -> bool:
    raise DeskError("the disk is full")


# ── a new source


def test_a_site_leads_to_its_feeds_to_their_items_and_into_the_list(desk: Desk, origin: Origin) -> None:
    found = visit(desk.editor(), ADD).send(ADD, site=origin.url())
    assert "2 feeds found" in found.text and "<script>" not in found.response.get_data(as_text=True)
    seen = found.send(LOOK, number=0)
    assert "Nouvelle 0" in seen.text and "1 from Comtois Info" in seen.text and "the same link" in seen.text
    assert "Sport" in seen.text and seen.form(LOOK).fields["site"] == "https://journal.example/"
    other = seen.send(LOOK, "look", tick=("culture",), title="Mon Journal")
    assert other.form(LOOK).fields["title"] == "Mon Journal"
    assert other.tree.xpath("//ul[@class='seen']//span[@class='category']")[0].text == "Culture"
    wrong = other.send(LOOK, "add", timezone="Mars")
    assert wrong.status == 400 and "not a time zone" in wrong.text and wrong.form(LOOK).fields["title"] == "Mon Journal"
    done = other.send(LOOK, "add", region="Doubs / Loue", note="un lecteur l’a demandé")
    assert (done.status, done.place) == (303, "/desk/source/mon-journal?said=added&done=action-2")
    line = listed(desk)[origin.url("/rss")]
    assert (line.title, line.region, line.categories, line.language) == (
        "Mon Journal",
        "Doubs / Loue",
        ("culture",),
        "fr",
    )
    action = desk.store.actions()[0]
    assert (action.by, action.note, action.about) == ("Jeanne", "un lecteur l’a demandé", line.url)
    assert "Added" in done.browser.get(done.place)
    again = visit(desk.editor(), ADD).send(ADD, site=origin.url("/rss"))
    assert "source of ours already" in again.text and "Mon Journal" in again.text
    twice = other.send(LOOK, "add")
    assert twice.status == 409 and "already" in twice.text


def test_what_cannot_be_found_is_said_and_what_was_typed_is_kept(desk: Desk) -> None:
    with Origin(lambda _: answer(404)) as origin:
        desk.app.extensions[adding.FINDER] = Finder(replace(desk.settings, allow_private=(origin.authority,)))
        nothing = visit(desk.editor(), ADD).send(ADD, site=origin.url())
        gone = desk.editor().post(LOOK, url=origin.url("/none"))
    assert "No feed found" in nothing.text and "nothing at this address" in nothing.text
    assert nothing.form(ADD).fields["site"] == origin.url()
    wrong = visit(desk.editor(), ADD).send(ADD, site="<script>alert(1)")
    assert wrong.status == 400 and "no address" in wrong.text and wrong.form(ADD).fields["site"] == "<script>alert(1)"
    assert "nothing at this address" in gone.get_data(as_text=True)
    assert desk.editor().post(LOOK, url="nonsense").status_code == 400


def test_nothing_inside_is_asked_from_the_pages(desk: Desk) -> None:
    with Origin(lambda _: answer(200, body=feed(1))) as hidden:
        jeanne = desk.editor()
        assert "private network" in visit(jeanne, ADD).send(ADD, site=hidden.url()).text
        assert "private network" in jeanne.post(LOOK, url=hidden.url()).get_data(as_text=True)
        assert "private network" in visit(jeanne, SLUG).send(f"{SLUG}/move", url=hidden.url()).text
        assert hidden.connections == 0


def test_who_searches_too_often_is_told_so(desk: Desk, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.desk.discovery.STARTED_LIMIT", 0)
    often = visit(desk.editor(), ADD).send(ADD, site=origin.url())
    assert often.status == 429 and "ten minutes" in often.text
    assert visit(desk.editor(), SLUG).send(f"{SLUG}/move", url=origin.url("/rss")).status == 429
    assert desk.editor().post(LOOK, url=origin.url("/rss")).status_code == 429
    assert not origin.requests


@pytest.mark.clients
def test_what_forms_lead_to_is_valid(desk: Desk, origin: Origin, tmp_path: Path) -> None:
    jeanne, hostile = desk.editor(), replace(PRESSE, title='"><b>&', categories=("agenda",), tags={"<i>": "sport"})
    sources.edit(desk.settings, desk.store, "x", "", sources.replaced(PRESSE, hostile), desk.now)
    odd = "/desk/source/presse-example"
    everything = visit(jeanne, LIST)
    found = visit(jeanne, ADD).send(ADD, site=origin.url())
    lines_ = '<outline text="&lt;b&gt;" xmlUrl="https://a.example/?a=1&amp;b=2"/><outline text="x" xmlUrl="javascript:\'&quot;"/>'
    imported = visit(jeanne, f"{LIST}/import").send(f"{LIST}/import", text=f"<opml><body>{lines_}</body></opml>")
    pages = [
        everything.send(CHANGE, tick=(INFO.url, PRESSE.url), do="categories").send(CHANGE, "look", tick=("culture",)),
        everything.send(CHANGE, tick=(INFO.url, PRESSE.url), do="withdraw"),
        everything.send(CHANGE, tick=(INFO.url,), do="region").send(CHANGE, "look", region="/".join("abcdefghijkl")),
        everything.send(CHANGE, do="pause"),
        visit(jeanne, odd), visit(jeanne, odd).send(odd, tick=("culture",), region="<A>"), visit(jeanne, odd).send(odd, timezone="<"),
        visit(jeanne, odd).send(f"{odd}/move", url=origin.url("/rss")), visit(jeanne, odd).send(f"{odd}/move", url=origin.url("/none")),
        found, found.send(LOOK), found.send(LOOK, number=1).send(LOOK, "add", title="<b>", interval="<"), imported,
        imported.send(f"{LIST}/import/take", "add", region="/".join("abcdefghijkl")), visit(jeanne, f"{LIST}/import").send(f"{LIST}/import"),
    ]  # fmt: skip
    written = {}
    for number, each in enumerate(pages):
        (tmp_path / "pages").mkdir(exist_ok=True)
        (tmp_path / "pages" / f"{number}.html").write_bytes(each.response.data)
        written[f"{number}.html"] = f"{number}: {each.path}"
        assert '"><b>&' not in each.response.get_data(as_text=True)
    assert not (said := told(["--html", str(tmp_path / "pages")], written)), said


# ── fields


SLUGS = ("economie", "sport", "culture")
WRONG = {
    "url": {"": Flaw.MISSING, "x": Flaw.ADDRESS, "http://u:p@a.example/": Flaw.SECRET, "http://a.example/" + "x" * 2100: Flaw.LONG},
    "site": {"x": Flaw.ADDRESS},
    "title": {"x" * 501: Flaw.LONG, "\x01": Flaw.WRITTEN},
    "region": {"/".join("abcdefghijk"): Flaw.DEEP},
    "departements": {"20": Flaw.DEPARTEMENT},
    "language": {"": Flaw.LANGUAGE, "français": Flaw.LANGUAGE},
    "timezone": {"": Flaw.ZONE, "Europe": Flaw.ZONE, "../etc": Flaw.ZONE, "Mars/Base": Flaw.ZONE},
    "interval": {"0": Flaw.INTERVAL, "10081": Flaw.INTERVAL, "x": Flaw.INTERVAL, "٣": Flaw.INTERVAL},
    "republish": {"all": Flaw.CHOICE},
    "tags": {"\n\nx": Flaw.TAG, "= sport": Flaw.TAG, "x = nope": Flaw.TAG, "a\\ = sport": Flaw.TAG},
    "select-lead": {"]": Flaw.SELECTOR, "a" * 501: Flaw.LONG, "(" * 400: Flaw.SELECTOR},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "flaw"), [(name, text, flaw) for name, each in WRONG.items() for text, flaw in each.items()]
)
def test_each_flaw_of_a_field_is_found(name: str, text: str, flaw: Flaw) -> None:
    _, wrong = lines.of_form({**lines.as_form(INFO), name: text}, (), SLUGS, INFO)
    assert {field: each.flaw for field, each in wrong.items()} == {name: flaw}


texts = st.text("ab =;é/<&\"'\\", max_size=12).map(lambda text: " ".join(text.split()))
a_source = st.builds(
    Source,
    url=st.just("https://a.example/f?x=1&y"),
    title=texts, description=texts,
    kind=st.sampled_from(SourceKind), site=st.sampled_from(["", "https://a.example/"]),
    region=st.sampled_from(["", "A", "A / B"]), categories=st.sampled_from([(), ("sport",), ("sport", "culture")]),
    departements=st.sampled_from([(), ("25", "2A")]), language=st.sampled_from(["fr", "fr-CH"]),
    timezone=st.sampled_from(["Europe/Paris", "UTC"]), interval=st.sampled_from([None, timedelta(hours=1)]),
    paused=st.booleans(), republish=st.sampled_from(Republish),
    tags=st.dictionaries(st.text("aé;= &", min_size=1, max_size=6).map(str.strip).filter(bool), st.sampled_from(SLUGS), max_size=2),
    selectors=st.just({"item": "li > a", "title": "h2"}),
)  # fmt: skip


@settings(max_examples=30)
@given(a_source)
def test_a_form_that_is_sent_back_as_it_came_is_the_same_line(source: Source) -> None:
    again, wrong = lines.of_form(lines.as_form(source), source.categories, SLUGS, Source(source.url))
    assert not wrong and again == source
    kept, wrong = lines.of_form({}, (), SLUGS, source)
    assert not wrong and kept == source


def test_what_a_form_carries_of_a_line_is_the_line_or_nothing(desk: Desk) -> None:
    jeanne = desk.editor()
    for seen in ("", "[]", "{}", '{"url": 3}', json.dumps({"url": "x", "interval": "?"}), "\ud800"):
        response = jeanne.post(SLUG, seen=seen.encode("utf-8", "replace"), title="x")
        assert response.status_code == 409 and "grown old" in response.get_data(as_text=True)
    document = Document.read(desk.settings.opml)
    assert document.sources == (INFO, MATIN, PRESSE)
