"""The health of the sources at the desk: the table, what is done there, the page of one source, and the feed."""

import json
import re
import sys
import time
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from markupsafe import Markup
from msgspec.structs import replace

from aggregator import health as judging
from aggregator import opml
from aggregator.desk import accounts, health
from aggregator.desk import sources as edits
from aggregator.desk.health import Choice, Deed, Line, Show, Sort
from aggregator.errors import ConflictError, DeskError, ErrorClass
from aggregator.health.remedies import REMEDIES
from aggregator.model import Certificate, ConditionKind, Rhythm, Role, Source, SourceState
from aggregator.store import SourceView, Store
from tests.desk_world import PASSWORD, Browser, Desk, a_desk
from tests.publish_rules import SCHEMA
from tests.web_world import INFO, MATIN, NOW, PRESSE, an_item, tell
from web.desk import charts, troubles, watching

DAY = timedelta(days=1)
NEW = "https://presse.example/new.xml"
HOSTILE = '"><script>alert(1)</script><b onclick=x>'
FINE = SourceState(INFO.url, checked_at=NOW, succeeded_at=NOW, next_check_at=NOW + DAY, status=200)


def failing(url: str, error_class: ErrorClass = ErrorClass.TIMEOUT, **changes: object) -> SourceState:
    plain = replace(
        FINE, url=url, error_class=error_class, error="while reading: x", error_count=4, failing_since=NOW - 2 * DAY,
        succeeded_at=NOW - 2 * DAY,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def html(url: str, announced: str = NEW) -> SourceState:
    """A page where a feed was, which names another."""
    return failing(url, ErrorClass.NOT_A_FEED, announced=announced)


def kept(desk: Desk, *states: SourceState) -> None:
    """Store states and what they show."""
    listed = {view.source.url: view.source for view in desk.store.sources()}
    desk.store.keep(states, [judging.judge(listed[each.url], each, desk.now) for each in states])


def marks(page: str, name: str = "source") -> dict[str, str]:
    """The values of the boxes on a page, by slug."""
    return {value.partition(" ")[0]: value for value in re.findall(rf'name="{name}" value="([^"]+)"', page)}


def sources(desk: Desk) -> dict[str, Source]:
    return {each.url: each for each in opml.read(desk.settings.opml)}


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', page)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Info is fine, Matin times out, Presse answers with a page that names another feed."""
    desk = a_desk(tmp_path)
    tell(desk.store, [an_item("one"), an_item("two")])
    kept(desk, FINE, failing(MATIN.url), html(PRESSE.url))
    return desk


@pytest.fixture
def editor(desk: Desk) -> Browser:
    return desk.editor()


# ── the table


def test_the_table_shows_who_needs_somebody_the_worst_first(desk: Desk, editor: Browser) -> None:
    page = editor.get("/desk/health")
    assert names(page) == ["presse.example", "Haut-Doubs Matin"]
    assert "2 of 3 sources need somebody." in page
    assert "A web page answers where its feed was." in page and NEW in page
    assert 'It failed 4 times in a row. <code lang="en">while reading: x</code>' in page
    assert "Wait: it is asked less and less often." in page and "2 days ago" in page
    assert names(editor.get("/desk/health?show=all"))[-1] == "Comtois Info"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("show=sound", ["Comtois Info"]),
        ("show=failing", ["Haut-Doubs Matin"]),
        ("show=gone", []),
        ("show=all&region=Doubs", ["Haut-Doubs Matin", "Comtois Info"]),
        ("show=all&words=INFO+feed", ["Comtois Info"]),
        ("show=all&category=sport", []),
        ("show=all&category=nothing&sort=nothing&region=", ["presse.example", "Haut-Doubs Matin", "Comtois Info"]),
        ("show=all&sort=name", ["Comtois Info", "Haut-Doubs Matin", "presse.example"]),
        ("show=all&sort=fewest", ["Haut-Doubs Matin", "presse.example", "Comtois Info"]),
        ("show=all&sort=success", ["Haut-Doubs Matin", "presse.example", "Comtois Info"]),
        ("show=nothing", ["presse.example", "Haut-Doubs Matin"]),
    ],
)
def test_the_table_is_narrowed_and_sorted(editor: Browser, asked: str, found: list[str]) -> None:
    assert names(editor.get(f"/desk/health?{asked}")) == found


def test_a_source_that_failed_once_is_not_said_to_be_sound(desk: Desk, editor: Browser) -> None:
    kept(desk, failing(INFO.url, error_count=1, succeeded_at=NOW))
    page = editor.get("/desk/health")
    assert "3 failed at their last check." in page and names(page) == ["presse.example", "Haut-Doubs Matin"]
    assert names(editor.get("/desk/health?show=sound")) == []
    shaky = editor.get("/desk/health?show=shaky")
    assert len(names(shaky)) == 3 and "It failed at its last check; it is asked again soon." in shaky
    assert "It failed at its last check" in editor.get("/desk/health/comtois-info")


def test_a_source_that_has_never_answered_needs_somebody_at_once(desk: Desk, editor: Browser) -> None:
    kept(desk, failing(INFO.url, error_count=1, succeeded_at=None))
    assert "Comtois Info" in names(editor.get("/desk/health"))


def test_whoever_needs_somebody_and_has_no_new_address_can_have_its_feed_looked_for(
    desk: Desk, editor: Browser
) -> None:
    page = editor.get("/desk/health")
    assert "/desk/source/haut-doubs-matin/feeds" in page and "/desk/source/presse-example/feeds" not in page
    assert "/desk/source/haut-doubs-matin/feeds" in editor.get("/desk/health/haut-doubs-matin")


def test_a_sparkline_says_in_words_what_it_shows(editor: Browser) -> None:
    page = editor.get("/desk/health?show=sound")
    assert 'role="img" aria-label="2 items in 30 days, 2 on the busiest"' in page
    assert 'aria-label="no item in 30 days"' in editor.get("/desk/health")


def test_every_kind_and_class_is_told_in_words(desk: Desk, editor: Browser) -> None:
    states = [
        failing(INFO.url, moved_to=NEW, moved_seen=5, moved_since=NOW - DAY, unmoved="disk full"),
        replace(FINE, url=MATIN.url, certificate=Certificate(NOW - 90 * DAY, NOW + 4 * DAY), entries=9,
                newest=NOW - 200 * DAY, oldest=NOW - 290 * DAY),
        replace(FINE, url=PRESSE.url, moved_to=NEW, moved_seen=2, moved_since=NOW,
                rhythm=Rhythm((1,) * 168, 168 * 3600.0 * 4, NOW - 9 * DAY, 40, 1.0, 1.0)),
    ]  # fmt: skip
    kept(desk, *states)
    page = editor.get("/desk/health?show=all")
    for text in (
        "It leads on to another address for good.", "It did so 5 times in a row. It could not be followed: disk full.",
        "Its document holds 9 items.", "newest item is 200 days old", "ends in 4 days", "items were to be expected",
        "Nothing: it is followed once this has lasted for a day.",
    ):  # fmt: skip
        assert text in page, text
    assert set(troubles.KIND_WORDS) == set(ConditionKind) and set(troubles.REMEDY_WORDS) == set(ErrorClass)


def test_an_address_that_is_refused_names_the_setting_and_what_to_consider_before(desk: Desk, editor: Browser) -> None:
    kept(desk, replace(failing(INFO.url), error_class=ErrorClass.BLOCKED_ADDRESS))
    page = editor.get("/desk/health")
    assert "Only if it is meant, and what answers there may be published" in page
    assert "as host:port in the setting allow_private." in page
    french = editor.client.get("/desk/health", headers={"Accept-Language": "fr"}).get_data(as_text=True)
    assert "sous la forme hôte:port, dans le réglage allow_private." in french
    assert "host:port in the setting allow_private" in REMEDIES[ErrorClass.BLOCKED_ADDRESS]


def test_a_hostile_source_is_text(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, [replace(INFO, title=HOSTILE, region="<i>Ici</i>")])
    kept(desk, failing(INFO.url, error=HOSTILE, moved_to="javascript:alert(1)", moved_seen=3, etag=HOSTILE))
    editor = desk.editor()
    (slug,) = [view.slug for view in desk.store.sources()]
    for path in ("/desk/health", f"/desk/health/{slug}", "/desk/health?words=%22%3E%3Cscript%3E&region=%3Cb%3E"):
        page = editor.client.get(path).get_data(as_text=True)
        assert "<script" not in page and "<b onclick" not in page and "<i>Ici" not in page, path
        assert not re.search(r"href=[\"']?javascript:|style=|\bon[a-z]+=[\"']", page), path


def test_a_paused_source_is_shown_as_it_is_in_the_list_now(desk: Desk, editor: Browser) -> None:
    desk.store.sync_sources([INFO, replace(MATIN, paused=True), PRESSE], desk.now)
    assert names(editor.get("/desk/health?show=paused")) == ["Haut-Doubs Matin"]
    desk.store.examine(lambda source, state: judging.judge(source, state, desk.now), desk.now)
    assert names(editor.get("/desk/health?show=paused")) == ["Haut-Doubs Matin"]
    desk.store.sync_sources([INFO, MATIN, PRESSE], desk.now)
    assert names(editor.get("/desk/health?show=paused")) == []


def test_a_table_of_three_hundred_sources_takes_little_time(tmp_path: Path) -> None:
    listed = [Source(f"https://s{n}.example/f", f"Source {n}", region="Doubs") for n in range(300)]
    desk = a_desk(tmp_path, listed)
    hours = tuple(round(hour % 24 / 7, 2) for hour in range(168))
    rhythm = Rhythm(hours, 1e6, NOW, 40, 1.0, 0.5)
    kept(
        desk,
        *(
            replace(failing(each.url) if n % 5 == 0 else FINE, url=each.url, rhythm=rhythm)
            for n, each in enumerate(listed)
        ),
    )
    db = desk.store._db  # type: ignore[attr-defined]
    day = int(NOW.timestamp()) // 86400
    db.executemany("INSERT INTO item_days SELECT id, ?, 3 FROM sources", [(day - back,) for back in range(90)])
    editor, took = desk.editor(), []
    editor.get("/desk/health?show=all")
    for _ in range(5):
        began = time.process_time()
        editor.client.get("/desk/health?show=all")
        took.append(time.process_time() - began)
    assert min(took) < (0.4 if sys.gettrace() else 0.06)  # 27 ms where nothing else runs, and nobody measures coverage


# ── what is done


def test_many_sources_are_paused_and_resumed_as_one_action_that_can_be_undone(desk: Desk, editor: Browser) -> None:
    before, picked = desk.listed, marks(editor.get("/desk/health?show=all"))
    both = [picked["haut-doubs-matin"], picked["presse-example"]]
    done = editor.post("/desk/health", deed="pause", source=both, note="en panne", then="/desk/health?show=all")
    assert (
        done.status_code == 303
        and done.headers["Location"] == "/desk/health?show=all&deed=pause&count=2&left=0&done=action-2"
    )
    told = editor.get(done.headers["Location"])
    assert "2 sources are paused." in told and "Readers see it within three minutes." in told
    assert '/desk/history/action/2"' in told and 'name="then" value="/desk/health?show=all"' in told
    assert [each.paused for each in sources(desk).values()] == [False, True, True]
    assert {each.condition.kind for each in desk.store.conditions()} == {ConditionKind.PAUSED}  # at once
    (action, *_) = desk.store.actions()
    assert (action.by, action.note) == ("Jeanne", "en panne") and action.told["changed"] == [MATIN.url, PRESSE.url]
    picked = marks(editor.get("/desk/health?show=all"))
    again = editor.post("/desk/health", deed="resume", source=list(picked.values()))
    assert again.headers["Location"].endswith("deed=resume&count=2&left=1&done=action-3")
    assert "Nothing could be done for 1." in editor.get(again.headers["Location"])
    numbers = [each.id for each in desk.store.actions() if each.note == "en panne" or each.told.get("changed")]
    for number in sorted(numbers, reverse=True):
        editor.post(f"/desk/history/action/{number}", then="/desk/history")
    assert desk.listed == before


def test_one_click_takes_the_new_address_and_the_source_keeps_all_that_it_has(desk: Desk, editor: Browser) -> None:
    tell(desk.store, [an_item("old", PRESSE)])
    kept(desk, html(PRESSE.url))
    one = marks(editor.get("/desk/health"), "one")["take"]
    unticked = marks(editor.get("/desk/health"))["haut-doubs-matin"]
    done = editor.post("/desk/health", one=one, source=[unticked], note="trouvée")
    assert done.headers["Location"].endswith("deed=take&count=1&left=0&done=action-2")
    assert list(sources(desk)) == [INFO.url, MATIN.url, NEW]
    view = next(each for each in desk.store.sources() if each.source.url == NEW)
    assert view.slug == "presse-example" and view.items == 1 and view.listed
    assert [source.url for source, _ in desk.store.due(desk.now, 9)] == [NEW]
    assert desk.store.history(NEW)
    told = editor.get("/desk/health?show=all")
    assert "A page instead of a feed" not in told and "Failing" in told  # the old address of the one, and the other
    assert not [each for each in desk.store.conditions() if each.source == NEW]


def test_check_now_makes_sources_due_but_no_host_that_wants_peace_and_nothing_under_way(
    desk: Desk, editor: Browser
) -> None:
    kept(desk, replace(FINE, next_check_at=NOW + DAY), failing(MATIN.url, host_closed_until=NOW + DAY))
    kept(desk, replace(html(PRESSE.url), next_check_at=NOW))
    desk.store.claim(NOW, NOW + timedelta(minutes=5), 1)  # Presse is being asked
    picked = marks(editor.get("/desk/health?show=all"))
    done = editor.post("/desk/health", deed="check", source=list(picked.values()))
    assert done.headers["Location"].endswith("deed=check&count=1&left=2")
    assert [source.url for source, _ in desk.store.due(NOW, 9)] == [INFO.url]
    assert desk.store.state(INFO.url).next_check_at == NOW and desk.store.actions() == ()
    assert desk.store.hasten([INFO.url, "https://nobody.example/"], NOW) == {INFO.url}


def test_what_was_changed_meanwhile_is_shown_in_both_versions_and_left_as_it_is(desk: Desk, editor: Browser) -> None:
    one = marks(editor.get("/desk/health"), "one")["take"]
    kept(desk, html(PRESSE.url, "https://evil.example/feed"))  # the page names another one by now
    before = desk.listed
    done = editor.post("/desk/health", one=one)
    page = unescape(done.get_data(as_text=True))
    assert done.status_code == 409 and "evil.example" in page and PRESSE.url in page and desk.listed == before
    picked = marks(editor.get("/desk/health?show=all"))
    text = Path(desk.settings.opml).read_text(encoding="utf-8")
    Path(desk.settings.opml).write_text(text.replace("Haut-Doubs Matin", "Le Matin"), encoding="utf-8")
    done = editor.post("/desk/health", deed="pause", source=[picked["haut-doubs-matin"], picked["comtois-info"]])
    assert done.status_code == 409 and not any(each.paused for each in sources(desk).values())


@pytest.mark.parametrize("deed", ["pause", "resume", "take", "check"])
def test_nothing_chosen_nothing_done(desk: Desk, editor: Browser, deed: str) -> None:
    done = editor.post("/desk/health", deed=deed)
    assert done.status_code == 409 and "Choose at least one source." in done.get_data(as_text=True)
    fine = marks(editor.get("/desk/health?show=all"))["comtois-info"]
    if deed in ("resume", "take"):
        assert editor.post("/desk/health", deed=deed, source=[fine]).status_code == 409
    assert editor.post("/desk/health", deed=deed, source=["nobody 123"]).status_code == 409
    assert editor.post("/desk/health", deed="explode", source=[fine]).status_code == 400
    assert desk.store.actions() == () or all(each.by == "–" for each in desk.store.actions())


def test_a_form_leads_nowhere_else_and_needs_login_and_token(desk: Desk, editor: Browser) -> None:
    mark = marks(editor.get("/desk/health"))["haut-doubs-matin"]
    done = editor.post("/desk/health", deed="pause", source=[mark], then="https://evil.example/")
    assert done.headers["Location"].startswith("/desk/?") or done.headers["Location"].startswith("/desk/health?")
    before = desk.listed
    form = {"deed": "resume", "source": mark}
    for client, sent in ((desk.stranger().client, {}), (editor.client, {}), (editor.client, {"csrf": "x" * 43})):
        for path in ("/desk/health", "/desk/health/address"):
            assert client.post(path, data=form | sent).status_code == 403
    assert desk.listed == before and desk.store.watch_of(1) is None


KINDS = st.sampled_from([*ConditionKind, None])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), max_size=8), st.sampled_from(list(Sort)))
def test_whoever_is_shown_is_shown_once_and_all_shows_everybody(chosen: list[tuple[bool, int]], sort: Sort) -> None:
    lines = [_line(number, broken, week) for number, (broken, week) in enumerate(chosen)]
    everybody = health.chosen(lines, Choice(show=Show.ALL, sort=sort))
    needy = health.chosen(lines, Choice(show=Show.NEEDY, sort=sort))
    sound = health.chosen(lines, Choice(show=Show.SOUND, sort=sort))
    assert sorted(map(id, everybody)) == sorted(map(id, lines))
    assert sorted(map(id, [*needy, *sound])) == sorted(map(id, lines))
    if sort is Sort.WORST:
        assert [each.needs for each in everybody] == sorted((each.needs for each in lines), reverse=True)
    if sort is Sort.FEWEST:
        assert [each.week for each in everybody] == sorted(each.week for each in lines)


def _line(number: int, broken: bool, week: int) -> Line:
    source = Source(f"https://s{number}.example/f")
    state = failing(source.url) if broken else replace(FINE, url=source.url)
    conditions = judging.judge(source, state, NOW).conditions
    view = SourceView(source, state, 0, None, listed=True, slug=f"s{number}", withdrawn=False)
    return Line(view, conditions, (0,) * 29 + (week,))


def test_a_stamp_is_another_once_the_line_or_the_address_is(desk: Desk) -> None:
    line = next(each for each in health.lines(desk.store, NOW) if each.source.url == PRESSE.url)
    assert line.address == NEW
    assert line.stamp == replace(line).stamp != replace(line, conditions=()).stamp
    renamed = replace(line.view, source=replace(line.source, title="Autre"))
    assert replace(line, view=renamed).stamp != line.stamp
    with pytest.raises(ConflictError):
        health.act(desk.settings, desk.store, "J", "", Deed.TAKE, {line.view.slug: "0"}, NOW)
    with pytest.raises(DeskError):
        health.act(desk.settings, desk.store, "J", "", Deed.TAKE, {}, NOW)


# ── one source


def test_the_page_of_a_source_shows_its_history_its_days_and_its_rhythm(desk: Desk, editor: Browser) -> None:
    desk.store.keep([], [replace(judging.judge(MATIN, FINE, NOW), source=MATIN.url)])  # it recovers
    hours = tuple(3.0 if hour == 24 + 8 else 0 for hour in range(168))
    kept(desk, failing(MATIN.url, ErrorClass.TLS, etag='"v1"', rhythm=Rhythm(hours, 1e6, NOW), next_check_at=NOW))
    page = editor.get("/desk/health/haut-doubs-matin")
    assert "What was the matter before" in page and "It does not answer in time." in page
    assert "Its security certificate is not valid." in page
    assert 'class="week" role="img"' in page and page.count('class="level-4"') == 1
    assert re.search(
        r"<th scope=\"row\">Tuesday</th>(<td class=\"number\">0 %</td>){2}<td class=\"number\">100 %</td>", page
    )
    assert '<dt>ETag</dt><dd>"v1"</dd>' in page and "<dd>200 (tls)</dd>" in page and "<dd>due</dd>" in page
    assert "It failed, so it is asked less and less often." in page
    assert 'aria-label="2 items in 90 days"' in editor.get("/desk/health/comtois-info")
    assert "It is not known yet." in editor.get("/desk/health/comtois-info")
    editor.get("/desk/health/nobody", status=404)


def test_a_source_is_paused_and_resumed_on_its_page(desk: Desk, editor: Browser) -> None:
    path = "/desk/health/comtois-info"
    for deed, paused in (("pause", True), ("resume", False)):
        one = marks(editor.get(path), "one")[deed]
        done = editor.post("/desk/health", one=one, then=path)
        assert done.headers["Location"].startswith(path) and sources(desk)[INFO.url].paused is paused


def test_why_the_next_check_is_when_it_is(desk: Desk, editor: Browser) -> None:
    path = "/desk/health/comtois-info"
    assert "By its rhythm" in editor.get(path)
    timed = replace(INFO, interval=timedelta(minutes=45))
    edits.edit(desk.settings, desk.store, "x", "", edits.replaced(INFO, timed), NOW)
    assert "Its line says every 45 minutes." in editor.get(path)
    edits.edit(desk.settings, desk.store, "x", "", edits.replaced(timed, INFO), NOW)
    kept(desk, replace(FINE, pushes=replace(FINE.pushes, trusted_until=NOW + DAY)))
    assert "Its hub pushes what is new" in editor.get(path)
    kept(desk, replace(FINE, host_closed_until=NOW + DAY))
    assert "Its server asked for that." in editor.get(path)
    kept(desk, SourceState(INFO.url))
    assert "Why then" not in editor.get(path)


# ── charts


@given(st.lists(st.integers(0, 10**6), max_size=100), st.text())
def test_charts_are_well_formed_and_hold_no_style(values: list[int], text: str) -> None:
    text = "".join(each for each in text if each.isprintable())
    names = [text] * len(values)
    for made in (charts.sparkline(values, text), charts.bars(values, names, [(0, text)], text)):
        assert isinstance(made, Markup) and "style" not in made.replace(text, "")
        root = etree.fromstring(made)
        assert root.get("aria-label") == text and root.get("role") == "img"
    root = etree.fromstring(charts.bars(values, names, [], text))
    heights = [float(each.get("height")) for each in root.iter("rect")]
    assert len(heights) == len(values) and all(0 <= each <= charts.CHART_HEIGHT for each in heights)
    assert [bool(each) for each in heights] == [round(each, 1) > 0 for each in heights]


@given(st.dictionaries(st.integers(0, 167), st.floats(0.01, 1e6), max_size=9))
def test_the_busiest_hour_is_the_darkest_and_an_empty_one_is_empty(items: dict[int, float]) -> None:
    hours = [items.get(hour, 0) for hour in range(168)]
    root = etree.fromstring(charts.week(hours, ["a"] * 7, "x"))
    levels = [int(each.get("class").removeprefix("level-")) for each in root.iter("rect")]
    assert len(levels) == 168 and all((level == 0) is (hour == 0) for level, hour in zip(levels, hours, strict=True))
    assert not any(hours) or levels[hours.index(max(hours))] == charts.LEVELS - 1


# ── the feed


def addresses(browser: Browser) -> tuple[str, str]:
    """The address of an editor's feed, just made, in both formats."""
    browser.client.set_cookie("x", "y")
    assert browser.post("/desk/health/address", new="1").status_code == 303
    page = browser.get("/desk/health")
    found = re.findall(r"https://news\.example(/desk/health/[\w-]{43}\.(?:atom|json)[^<]*)", page)
    assert len(found) == 2
    return found[0], found[1]


def feed(desk: Desk, path: str) -> dict[str, dict[str, object]]:
    """Entries of the JSON form, by id."""
    response = desk.stranger().client.get(path)
    assert response.status_code == 200
    return {each["id"]: each for each in json.loads(response.data)["items"]}


def test_a_feed_app_reads_what_needs_somebody_without_a_login(desk: Desk, editor: Browser) -> None:
    atom, as_json = addresses(editor)
    response = desk.stranger().client.get(atom)
    root = etree.fromstring(response.data)
    assert SCHEMA.validate(root), SCHEMA.error_log
    assert response.headers["Cache-Control"] == "no-store" and "noindex" in response.headers["X-Robots-Tag"]
    assert response.content_type == "application/atom+xml; charset=utf-8" and "Set-Cookie" not in response.headers
    titles = [each.text for each in root.iterfind("{*}entry/{*}title")]
    assert set(titles) == {
        "presse.example: A web page answers where its feed was.", "Haut-Doubs Matin: It does not answer in time."
    }  # fmt: skip
    told = feed(desk, as_json)
    ids = [each.text for each in root.iterfind("{*}entry/{*}id")]
    assert list(told) == ids and len(set(ids)) == 2
    document = desk.stranger().client.get(as_json)
    assert document.content_type == "application/feed+json; charset=utf-8"
    assert document.json and document.json["feed_url"] == f"https://news.example{as_json}"
    assert document.json["version"] == "https://jsonfeed.org/version/1.1"
    assert root.find("{*}link[@rel='self']").get("href") == f"https://news.example{atom}"
    (html_entry,) = [each for each in told.values() if "presse" in str(each["title"])]
    own = html_entry["_tributary"]
    assert isinstance(own, dict) and own["kind"] == "html" and own["address"] == NEW and own["until"] is None
    assert (
        NEW in str(html_entry["content_text"])
        and html_entry["url"] == "https://news.example/desk/health/presse-example"
    )


def test_an_episode_is_one_entry_from_its_beginning_to_its_end(desk: Desk, editor: Browser) -> None:
    _, path = addresses(editor)
    first = feed(desk, path)
    desk.now = NOW + 2 * DAY
    kept(desk, failing(MATIN.url, error_count=9, checked_at=desk.now))  # figures grow
    assert feed(desk, path) == first
    kept(desk, replace(FINE, url=MATIN.url, checked_at=desk.now, succeeded_at=desk.now))
    then = feed(desk, path)
    assert then.keys() == first.keys()
    (changed,) = [each for each in then if then[each] != first[each]]
    assert str(then[changed]["title"]).startswith("Haut-Doubs Matin is in order again")
    assert then[changed]["date_modified"] == desk.now.isoformat() > str(first[changed]["date_modified"])
    assert "Until" in str(then[changed]["content_text"])
    desk.now = NOW + 40 * DAY
    assert changed not in feed(desk, path)


def test_what_needs_nobody_is_not_in_the_feed(desk: Desk, editor: Browser) -> None:
    _, path = addresses(editor)
    picked = marks(editor.get("/desk/health?show=all"))
    editor.post("/desk/health", deed="pause", source=list(picked.values()))
    assert all(each["_tributary"]["until"] for each in feed(desk, path).values())  # type: ignore[index]


def test_nothing_is_revealed_without_the_address(desk: Desk, editor: Browser) -> None:
    atom, as_json = addresses(editor)
    token = atom.removeprefix("/desk/health/").partition(".")[0]
    other = "A" if token[0] != "A" else "B"
    for path in (
        f"/desk/health/{other}{token[1:]}.atom", f"/desk/health/{token[:-1]}.atom", f"/desk/health/{token}.xml",
        "/desk/health/.atom", "/desk/health/%00.json", "/desk/health/é.json",
    ):  # fmt: skip
        response = desk.stranger().client.get(path)
        assert response.status_code in (303, 404) and b"Matin" not in response.data, path
        assert "no-store" in response.headers["Cache-Control"]
    assert desk.stranger().client.get(f"/desk/health/{token}").status_code == 303  # the login, and nothing else
    assert desk.stranger().client.post(atom).status_code in (403, 405)
    assert token.encode() not in b"".join(
        each.read_bytes() for each in Path(desk.settings.database).parent.glob("tributary.db*")
    )
    other_editor = desk.editor("Marc")
    assert token not in other_editor.get("/desk/health") and token not in editor.get("/desk/history")
    stranger = desk.stranger()
    stranger.client.set_cookie(watching.COOKIE, token, path="/desk/health")
    assert token not in stranger.get("/desk/health", status=303)
    assert feed(desk, as_json)


def test_an_address_is_renewed_and_ended_and_ends_with_the_account(desk: Desk, editor: Browser) -> None:
    first, _ = addresses(editor)
    second, _ = addresses(editor)
    ask = desk.stranger().client
    assert ask.get(first).status_code == 404 and ask.get(second).status_code == 200
    later = desk.stranger()
    assert later.log_in("Jeanne").status_code == 303
    page = later.get("/desk/health")  # another browser: the address is not shown again
    assert second not in page and "Your feed has had its address since" in page
    assert editor.post("/desk/health/address", end="1").status_code == 303
    assert ask.get(second).status_code == 404 and "Make an address" in editor.get("/desk/health")
    third, _ = addresses(editor)
    (number,) = [each.id for each in desk.store.editors()]
    desk.store.change_editor(number, desk.now, closed=True)
    assert ask.get(third).status_code == 404
    desk.store.change_editor(number, desk.now, closed=False)
    assert ask.get(third).status_code == 200


def test_the_feed_is_in_the_language_of_the_site_unless_it_was_made_in_another(desk: Desk, editor: Browser) -> None:
    atom, _ = addresses(editor)
    assert atom.endswith(".atom?lang=en")
    english = desk.stranger().client.get(atom, headers={"Accept-Language": "fr"})
    french = desk.stranger().client.get(atom.partition("?")[0], headers={"Accept-Language": "en"})
    assert b'xml:lang="en"' in english.data and b'xml:lang="fr"' in french.data


def test_hostile_words_of_a_source_are_text_in_the_feed(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, [replace(INFO, title=HOSTILE)])
    kept(desk, failing(INFO.url, error=f"{HOSTILE}\x00\x1b\x85 ]]>"))
    atom, as_json = addresses(desk.editor())
    root = etree.fromstring(desk.stranger().client.get(atom).data)
    assert SCHEMA.validate(root) and not root.findall(".//{*}script")
    assert HOSTILE in root.findtext("{*}entry/{*}title")
    assert "\x00" not in desk.stranger().client.get(as_json).get_data(as_text=True)


def test_the_watch_of_a_store(desk: Desk) -> None:
    store: Store = desk.store
    accounts.add(store, "A", Role.EDITOR, PASSWORD, NOW)
    (number,) = [each.id for each in store.editors()]
    token = health.new_watch(store, store.editors()[0], NOW)
    found = store.watch_of(number)
    assert found and found.token == health.hashed(token) != token and store.is_watched(found.token)
    assert not store.is_watched(token) and not store.is_watched("")
    assert len(store.episodes(NOW - DAY, 1)) == 1 and len(store.episodes(NOW - DAY, 9)) == 2


def test_an_episode_is_told_anew_where_it_says_something_else(desk: Desk, editor: Browser) -> None:
    _, path = addresses(editor)
    desk.now = NOW + DAY
    kept(desk, html(PRESSE.url, "https://presse.example/another.xml"))
    (entry,) = [each for each in feed(desk, path).values() if "presse" in str(each["title"])]
    assert entry["date_modified"] == desk.now.isoformat() and "another.xml" in str(entry["content_text"])
    desk.store._db.execute("UPDATE episodes SET told_at = NULL")  # type: ignore[attr-defined]  # of before
    assert all(each["date_modified"] == each["date_published"] for each in feed(desk, path).values())
