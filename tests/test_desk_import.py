"""Lists of other readers at the desk: what they would change is shown, what was chosen is one edit, and no file does
harm.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from aggregator.desk import imports, sources
from aggregator.desk.discovery import Finder
from aggregator.desk.imports import Fate, Sign
from aggregator.errors import DeskError
from aggregator.model import Source, SourceState
from aggregator.opml import read, write_sources
from aggregator.store import SourceView
from tests.desk_forms import Page, visit
from tests.desk_world import Desk, a_desk
from tests.origin import Origin, Request, answer
from tests.test_desk_discovery import feed, page
from tests.web_world import INFO, MATIN, NOW, PRESSE, an_item, tell
from web.desk import adding, importing

IMPORT, TAKE = "/desk/sources/import", "/desk/sources/import/take"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = a_desk(tmp_path)
    yield desk
    desk.store.close()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk where nothing comes of what is done."""
    desk = a_desk(tmp_path_factory.mktemp("still"))
    yield desk
    desk.store.close()


def opml(*lines: str) -> bytes:
    return f"<opml><body>{''.join(lines)}</body></opml>".encode()


def line(url: str, title: str = "Titre", site: str = "") -> str:
    return f'<outline text="{title}" xmlUrl="{url}" htmlUrl="{site}"/>'


def upload(desk: Desk, body: bytes, name: str = "list.opml") -> Page:
    jeanne = desk.editor()
    head = f'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{jeanne.token()}\r\n--x\r\nContent-Disposition: form-data;'
    data = f'{head} name="file"; filename="{name}"\r\n\r\n'.encode() + body + b"\r\n--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    response = jeanne.client.post(IMPORT, data=data, content_type=kind, headers={"Accept-Language": "en"})
    return Page(jeanne, response, IMPORT)


def paste(desk: Desk, *lines: str) -> Page:
    return visit(desk.editor(), IMPORT).send(IMPORT, text=opml(*lines).decode())


def rows(table: Page) -> dict[str, str]:
    """The lines that can be chosen: address → what is said of it."""
    found = table.tree.xpath("//ul[@class='lines']/li")
    return {each.xpath(".//*[@class='hint']")[0].text: " ".join(each.text_content().split()) for each in found}


def ticked(table: Page) -> set[str]:
    chosen = table.tree.xpath("//ul[@class='lines']/li[.//input[@checked]]")
    return {each.xpath(".//*[@class='hint']")[0].text for each in chosen}


def urls(desk: Desk) -> list[str]:
    return [source.url for source in read(desk.settings.opml)]


# ── what a line would do


def view(source: Source, *, is_listed: bool = True, **state: object) -> SourceView:
    known = SourceState(source.url, **state)  # type: ignore[arg-type]
    return SourceView(source, known, 0, None, is_listed, source.url, False)


A = Source("https://a.example/feed", title="Le Journal", site="https://a.example/")

FATES = {
    "another address": (Source("https://new.example/"), [view(A)], Fate.NEW, None),
    "the same address": (Source(A.url), [view(A)], Fate.THERE, None),
    "the same in all but writing": (Source("http://www.a.example/feed/"), [view(A)], Fate.THERE, None),
    "where a source of ours leads": (Source("https://b.example/"), [view(A, moved_to="http://b.example")], Fate.MOVED, Sign.LEADS),
    "what a page in its place names": (Source("https://b.example/"), [view(A, announced="https://b.example/")], Fate.MOVED, Sign.LEADS),
    "an old address that leads to ours": (
        Source("https://old.example/"), [view(A), view(Source("https://old.example/"), is_listed=False, moved_to=A.url)],
        Fate.ELSEWHERE, Sign.LEADS,
    ),
    "a source that was retired": (Source("http://old.example"), [view(Source("https://old.example/"), is_listed=False)], Fate.BACK, None),
    "what a feed of ours calls itself": (Source("https://b.example/x"), [view(A, feed_id="https://b.example/x")], Fate.ELSEWHERE, Sign.SELF),
    "the same title at the same host": (
        Source("https://feeds.example/9", title="le JOURNAL", site="http://www.a.example/x"), [view(A)], Fate.ELSEWHERE, Sign.TITLE,
    ),
    "the same title elsewhere": (Source("https://b.example/", title="Le Journal"), [view(A)], Fate.NEW, None),
    "the same title at another port": (
        Source("https://feeds.example/9", title="le JOURNAL", site="http://a.example:8080/"), [view(A)], Fate.NEW, None,
    ),
    "the same site": (Source("https://b.example/", title="Autre", site="http://a.example"), [view(A)], Fate.ELSEWHERE, Sign.SITE),
    "a site with many feeds": (
        Source("https://b.example/", title="Autre", site=A.site), [view(A), view(replace(A, url="https://a.example/2", title="Deux"))],
        Fate.NEW, None,
    ),
    "an id that is no address": (Source("https://b.example/"), [view(A, feed_id="http://[broken")], Fate.NEW, None),
    "a site that is no address": (Source("https://b.example/", site="http://[x"), [view(A)], Fate.NEW, None),
}  # fmt: skip


@pytest.mark.parametrize(("source", "views", "fate", "sign"), FATES.values(), ids=FATES)
def test_what_a_line_would_do_is_told(source: Source, views: list[SourceView], fate: Fate, sign: Sign | None) -> None:
    (row,) = imports.compare([source], views).rows
    assert (row.fate, row.sign) == (fate, sign)
    assert (row.ours is None) == (fate is Fate.NEW)


def test_more_lines_than_can_be_chosen_from_are_counted() -> None:
    many = [Source(f"https://s{n}.example/") for n in range(imports.ROWS_LIMIT + 7)]
    found = imports.compare([*many, A], [view(A)])
    assert (len(found.of(Fate.NEW)), len(found.of(Fate.THERE)), found.left) == (imports.ROWS_LIMIT, 1, 7)


# ── the journey


def test_a_file_is_shown_and_what_was_chosen_is_one_edit_that_can_be_undone(desk: Desk) -> None:
    before = desk.listed
    body = opml(
        '<outline text="Rhône">'
        + line("https://one.example/rss", "Un")
        + line("https://two.example/rss", "Deux")
        + "</outline>",
        line("http://info.example/feed/", "Info"),
        line("https://other.example/rss", "Comtois info", "https://info.example/"),
        line("javascript:alert(1)", "Mauvais"),
        line("https://user:geheim@three.example/", "Secret"),
    )
    table = upload(desk, body)
    assert (
        "3 lines to choose from" in table.text and "1 is here already" in table.text and "2 are refused" in table.text
    )
    told = rows(table)
    assert "new" in told["https://one.example/rss"] and "Rhône" in told["https://one.example/rss"]
    assert "perhaps here already" in told["https://other.example/rss"] and INFO.url in told["https://other.example/rss"]
    assert ticked(table) == {"https://one.example/rss", "https://two.example/rss"}
    assert "must be an http or https address" in table.text and "geheim" not in table.text
    assert 'href="javascript:' not in table.response.get_data(as_text=True) and desk.listed == before
    done = table.send(TAKE, "add", note="de Marc")
    assert (done.status, done.place) == (303, "/desk/sources?did=imported&count=2&done=action-2")
    assert "2 lines of the file were taken in" in done.browser.get(done.place)
    assert urls(desk)[3:] == ["https://one.example/rss", "https://two.example/rss"]
    action = desk.store.actions()[0]
    assert (action.by, action.note, len(action.told["added"])) == ("Jeanne", "de Marc", 2)
    sources.undo(desk.settings, desk.store, action.id, "Marc", desk.now)
    assert desk.listed == before


def test_lines_can_be_put_into_one_region(desk: Desk) -> None:
    table = paste(desk, line("https://one.example/rss"))
    wrong = table.send(TAKE, "add", region="/".join("abcdefghijkl"))
    assert wrong.status == 400 and "too many regions" in wrong.text and ticked(wrong)
    wrong.send(TAKE, "add", region="Rhône/ Lyon")
    assert read(desk.settings.opml)[-1].region == "Rhône / Lyon"


def test_a_line_where_a_source_of_ours_leads_changes_its_address_and_its_items_follow(desk: Desk) -> None:
    tell(desk.store, [an_item("one")])
    desk.store.keep([replace(desk.store.state(INFO.url), moved_to="https://info.example/neu")])
    table = paste(desk, line("https://info.example/neu", "Info"))
    assert "its address would change" in rows(table)["https://info.example/neu"] and ticked(table)
    table.send(TAKE, "add")
    assert urls(desk) == ["https://info.example/neu", MATIN.url, PRESSE.url]
    moved = desk.store.source("comtois-info")
    assert moved and moved.source.url == "https://info.example/neu" and moved.items == 1
    assert moved.source.title == "Comtois Info"


def test_a_source_that_was_retired_comes_back_with_its_items(desk: Desk) -> None:
    sources.edit(desk.settings, desk.store, "x", "", sources.removed(INFO), desk.now)
    table = paste(desk, line(INFO.url, "Info"))
    assert "was a source of ours before" in rows(table)[INFO.url]
    table.send(TAKE, "add")
    assert INFO.url in urls(desk)


def test_the_addresses_are_asked_on_demand_and_what_does_not_answer_is_unticked(desk: Desk) -> None:
    def answers(request: Request) -> bytes:
        return {"/f": answer(200, body=feed(1)), "/p": answer(200, body=page())}.get(request.path, answer(404))

    with Origin(answers) as origin, Origin(answers) as hidden:
        desk.app.extensions[adding.FINDER] = Finder(replace(desk.settings, allow_private=(origin.authority,)))
        good, people, gone, inside = origin.url("/f"), origin.url("/p"), origin.url("/x"), hidden.url("/f")
        rest = line(INFO.url), line(MATIN.url), line("ftp://nobody.example/f")
        table = paste(desk, *(line(url) for url in (good, people, gone, inside)), *rest)
        asked = table.send(TAKE, "check")
        for shown in (table, asked, asked.send(TAKE, "check")):
            assert "2 are here already. 1 is refused." in " ".join(shown.text.split())
            assert "ftp://nobody.example/f" in shown.text and INFO.url in shown.text
        told = rows(asked)
        assert "It answers." in told[good] and "something else than a feed" in told[people]
        assert "nothing at this address" in told[gone] and "private network" in told[inside]
        assert ticked(asked) == {good} and hidden.connections == 0
        before = len(origin.requests)
        asked.send(TAKE, "add")
        assert len(origin.requests) == before and urls(desk)[3:] == [good]


def test_who_has_asked_for_much_is_told_to_wait(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.desk.discovery.STARTED_LIMIT", 0)
    assert paste(desk, line("https://one.example/")).send(TAKE, "check").status == 429


def test_what_changed_meanwhile_is_told(desk: Desk) -> None:
    table = paste(desk, line("https://one.example/rss"))
    table.send(TAKE, "add")
    again = table.send(TAKE, "add")
    assert again.status == 400 and "Choose at least one line" in again.text and not rows(again)
    assert visit(desk.editor(), IMPORT).send(IMPORT).status == 400
    Path(desk.settings.opml).write_text("<opml>")
    assert paste(desk, line("https://two.example/rss")).send(TAKE, "add").status == 409


def test_an_address_that_changes_while_somebody_edits_the_line_is_a_conflict(desk: Desk) -> None:
    desk.store.keep([replace(desk.store.state(INFO.url), moved_to="https://info.example/neu")])
    table = paste(desk, line("https://info.example/neu", "Info"))
    by_hand = desk.listed.replace(b"Comtois Info", b"Par la main")
    Path(desk.settings.opml).write_bytes(by_hand)
    conflict = table.send(TAKE, "add")
    assert conflict.status == 409 and "Par la main" in conflict.text and desk.listed == by_hand


def test_our_own_export_holds_nothing_new(desk: Desk) -> None:
    table = upload(desk, write_sources([INFO, MATIN, PRESSE], "Ours", NOW))
    assert "0 lines to choose from" in table.text and not rows(table)


# ── hostile files


HOSTILE = {
    "ten thousand levels": (opml('<outline text="a">' * 10_000 + line("https://a.example/") + "</outline>" * 10_000), "too deep"),
    "a hundred thousand outlines": (opml(line("https://a.example/") * 100_000), "20000 outlines"),
    "an external entity": (
        b'<!DOCTYPE o [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + opml(line("https://a.example/", "&x;")), "entities",
    ),
    "an entity bomb": (
        b'<!DOCTYPE o [<!ENTITY a "aaaaaaaaaa">' + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
        + b"]>" + opml(line("https://a.example/", "&j;")), "entities",
    ),
    "a parameter entity": (b'<!DOCTYPE o [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x">%x;]>' + opml(), "entities"),
    "no OPML": (b"<html><body>hello</body></html>", "is not OPML"),
    "bytes": (bytes(range(256)) * 2000, "cannot be read"),
    "nothing in it": (opml(), "none of its lines"),
    "ten million letters": (b"x" * (10 << 20), "is not OPML"),
    "eleven million letters": (b"x" * ((10 << 20) + 1), "larger than 10 MiB"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_with_the_reason_and_costs_little(still: Desk, body: bytes, said: str) -> None:
    before, started = still.listed, time.process_time()
    refused = upload(still, body)
    assert time.process_time() - started < 2
    assert refused.status == 400 and said in refused.text and "root:" not in refused.text
    assert "<script>" not in refused.text and still.listed == before


def test_a_file_of_twenty_megabytes_is_refused_at_the_door(desk: Desk) -> None:
    started = time.process_time()
    refused = upload(desk, b"<opml><body>" + b" " * (20 << 20))
    assert refused.status == 413 and "too large" in refused.text and time.process_time() - started < 2
    assert desk.editor().post(TAKE, row="x" * (5 << 20)).status_code == 413


STRANGE = {
    "an outer DTD": b'<!DOCTYPE opml SYSTEM "http://127.0.0.1:9/x.dtd">' + opml(line("https://a.example/")),
    "scripts": opml(line("https://a.example/", "&lt;script&gt;alert(1)&lt;/script&gt;", "javascript:alert(2)")),
    "quotes": opml(line("https://a.example/?a='&quot;&gt;&lt;b", "'&quot;&gt;&lt;img src=x onerror=alert(1)&gt;")),
    "two hundred levels": opml('<outline text="a">' * 100 + line("https://a.example/") + "</outline>" * 100),
    "control characters": opml(line("https://a.example/", "a\u202eb\u0085&#7;")),
    "many attributes": opml(line("https://a.example/"), "<outline " + " ".join(f'a{n}="x"' for n in range(50_000)) + "/>"),
}  # fmt: skip


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
def test_a_strange_file_is_shown_safely_and_can_be_taken_in(desk: Desk, body: bytes) -> None:
    started = time.process_time()
    table = upload(desk, body, "<script>.opml")
    raw = table.response.get_data(as_text=True)
    assert time.process_time() - started < 2 and table.status == 200
    assert "<script>alert" not in raw and "<img" not in raw and "javascript:" not in raw
    done = table.send(TAKE, "add")
    assert done.status in (303, 409)
    assert len(urls(desk)) == (4 if done.status == 303 else 3)


def test_many_lines_are_shown_and_taken_in_within_the_limits_of_the_form(desk: Desk) -> None:
    started = time.process_time()
    table = upload(desk, opml(*(line(f"https://s{n}.example/{'x' * 100}", f"Source {n}") for n in range(1500))))
    assert "500 more fit in no page" in table.text
    assert table.send(TAKE, "add").status == 303
    assert len(urls(desk)) == 3 + imports.ROWS_LIMIT and time.process_time() - started < 10


def test_what_the_form_holds_of_the_rest_of_a_file_is_as_much_as_is_shown(desk: Desk) -> None:
    there = [f"https://info.example/feed?{n}" for n in range(300)]
    sources.edit(desk.settings, desk.store, "x", "", sources.added([Source(url) for url in there]), desk.now)
    table = paste(
        desk, line("https://new.example/f"), *map(line, there), *(line(f"ftp://a.example/{n}") for n in range(130))
    )
    for shown in (table, table.send(TAKE, "add", chosen="")):
        assert "300 are here already. 130 are refused." in " ".join(shown.text.split())
        assert (
            "ftp://a.example/99" in shown.text
            and "ftp://a.example/100" not in shown.text
            and "/feed?299" not in shown.text
        )
    assert table.send(TAKE, "add", before="[]").status == 409


def test_what_the_form_holds_of_a_line_is_looked_at_again(desk: Desk) -> None:
    jeanne = desk.editor()
    assert jeanne.post(TAKE, row="{", add="1").status_code == 409
    for url in ("javascript:alert(1)", "https://u:p@a.example/", "http://[x"):
        forged = json.dumps({"source": {"url": url}, "found": "ok"})
        refused = jeanne.post(TAKE, row=forged, chosen="0", add="1")
        assert refused.status_code == 409 and b"javascript:alert(1)</script" not in refused.data, url
    odd = '{"source": {"url": "https://a.example/"}, "found": "<b>"}'
    assert b"<b>" not in jeanne.post(TAKE, row=odd, chosen=["x", "0", "99999999"], check="1").data
    assert urls(desk) == [INFO.url, MATIN.url, PRESSE.url]


def test_reading_an_export_says_what_is_wrong_with_it() -> None:
    with pytest.raises(DeskError, match=r"list: none of its lines has the address of a feed$"):
        imports.read(opml('<outline text="x"/>'), "list", [])
    assert importing.UPLOAD_BYTES > 10 << 20
