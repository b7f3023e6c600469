"""The feeds of a site, found for an editor: what is found, what it costs, and where nobody is led."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.desk import discovery, known, lines, reading
from aggregator.desk.discovery import AddressError, Candidate, Failure, Finder, TooOftenError, Way, addresses_of
from aggregator.desk.known import How
from aggregator.desk.reading import ReadFeed, ReadPage
from aggregator.errors import ErrorClass, ParseError
from aggregator.model import Date, Rule, Rulebook, RuleEffect, RuleField, RuleHow, Source, SourceKind
from aggregator.store import Look, Retelling
from aggregator.stories import make_print
from tests.origin import HANG, PAUSE, Answer, Origin, Part, Request, answer
from tests.test_httpclient import Names
from tests.web_world import INFO, MATIN, NOW, an_item, filled_store, settings_in, tell

TEXT = (
    "La commune de Levier rouvre mardi le pont de la Loue après neuf mois de travaux, pour 1,2 million d’euros payés par le"
    " département du Doubs et par la communauté de communes, annonce le maire Jean Martin dans un communiqué."
)


def feed(*ages: float, title: str = "Le Journal", more: str = "") -> bytes:
    """A feed with an item of each age in days."""
    items = "".join(
        f"<item><title>Nouvelle {n}</title><link>https://journal.example/{n}</link><category>Sport</category>"
        f"<pubDate>{(NOW - timedelta(days=age)).strftime('%a, %d %b %Y %H:%M:%S GMT')}</pubDate></item>"
        for n, age in enumerate(ages)
    )
    head = f"<title>{title}</title><link>https://journal.example/</link><language>fr</language>"
    return f'<rss version="2.0"><channel>{head}{more}{items}</channel></rss>'.encode()


def page(head: str = "", body: str = "") -> bytes:
    return f"<!doctype html><html><head><title>Un site</title>{head}</head><body>{body}</body></html>".encode()


def link(href: str, title: str = "", kind: str = "application/rss+xml") -> str:
    return f'<link rel="alternate" type="{kind}" title="{title}" href="{href}">'


def site(paths: dict[str, bytes]) -> Callable[[Request], Answer]:
    return lambda request: answer(200, body=paths[request.target]) if request.target in paths else answer(404)


def finder_of(*origins: Origin, names: Names | None = None, **changes: object) -> Finder:
    settings = Settings(allow_private=tuple(each.authority for each in origins), **changes)  # type: ignore[arg-type]
    return Finder(settings, names)


def find(paths: dict[str, bytes], typed: str = "/") -> tuple[list[Candidate], list[Failure], list[str]]:
    """What is found on a site, and what it was asked."""
    with Origin(site(paths)) as origin:
        found = finder_of(origin).find(origin.url(typed), "Jeanne", NOW)
        named = [replace(each, url=each.url.removeprefix(origin.url(""))) for each in found.candidates]
        return named, list(found.failures), [request.target for request in origin.requests]


# ── what is found


def test_a_feed_is_told_with_all_that_an_editor_decides_by() -> None:
    hub = '<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="hub" href="https://u:p@hub.example/"/>'
    (found,), failures, asked = find({"/rss": feed(1, 2, 3, more=hub)}, "/rss")
    assert (found.url, found.way, found.title, found.format) == ("/rss", Way.TYPED, "Le Journal", "rss20")
    assert (found.site, found.language, found.count) == ("https://journal.example/", "fr", 3)
    assert found.newest == NOW - timedelta(days=1) and found.hub == "https://hub.example/"
    assert found.per_week and 3 < found.per_week < 10
    assert not failures and asked == ["/rss"]


def test_the_feeds_that_a_page_names_are_found_those_of_comments_last_and_nothing_is_guessed() -> None:
    head = link("/comments/feed", "Comments") + link("a.atom", kind="application/atom+xml; charset=utf-8")
    body = '<a href="/x">x</a> <a href="/flux.php">RSS</a> <a href="/rss?page=1#top">Suivre</a>'
    paths = {
        "/news/": page(f'<base href="/deep/">{head}', body),
        "/comments/feed": feed(1, title="Comments"),
        "/deep/a.atom": feed(1, title="Tout"),
        "/flux.php": feed(2, title="Par un lien"),
        "/rss?page=1": feed(3, title="Un autre"),
    }
    found, _, asked = find(paths, "/news/")
    assert {each.title for each in found} == {"Tout", "Comments", "Par un lien", "Un autre"}
    assert all(each.way is Way.NAMED for each in found)
    assert sorted(asked) == sorted(paths)


def test_where_a_page_names_none_the_usual_addresses_are_tried_until_one_answers() -> None:
    found, failures, asked = find({"/": page(), "/feed.xml": feed(1)})
    assert [(each.url, each.way) for each in found] == [("/feed.xml", Way.GUESSED)]
    assert not failures and asked[:3] == ["/", *sorted(asked[1:3])]
    assert set(asked) == {"/", "/feed/", "/rss.xml", "/rss", "/feed.xml"}


@pytest.mark.parametrize(("typed", "below"), [("/blog/", "/blog/feed/"), ("/blog/index.html", "/blog/feed/")])
def test_below_a_page_comes_before_the_top_of_the_site(typed: str, below: str) -> None:
    found, _, _ = find({typed: page(), below: feed(1, title="Blog"), "/rss": feed(2)}, typed)
    assert [each.url for each in found] == [below]


def test_a_page_that_is_gone_still_has_a_site_with_feeds() -> None:
    found, failures, _ = find({"/feed/": feed(1)}, "/gone")
    assert [each.url for each in found] == ["/feed/"]
    assert [each.error_class for each in failures] == [ErrorClass.HTTP_4XX]


def test_a_search_makes_ten_requests_at_most() -> None:
    many = "".join(link(f"/f{n}") for n in range(500))
    found, failures, asked = find({"/a/b": page(many)}, "/a/b")
    assert not found and len(asked) == discovery.REQUESTS_LIMIT
    assert len(failures) == discovery.NAMED_LIMIT  # what was guessed is no failure


def test_one_document_at_two_addresses_is_one_feed() -> None:
    same = feed(1)
    found, _, _ = find({"/": page(link("/feed") + link("/feed/")), "/feed": same, "/feed/": same})
    assert len(found) == 1


@pytest.mark.parametrize(("status", "place"), [(301, "/new"), (302, "/old")])
def test_a_feed_stands_at_its_new_address_where_it_has_moved_for_good(status: int, place: str) -> None:
    def answers(request: Request) -> Answer:
        return answer(status, {"Location": "/new"}) if request.path == "/old" else answer(200, body=feed(1))

    with Origin(answers) as origin:
        (found,) = finder_of(origin).find(origin.url("/old"), "Jeanne", NOW).candidates
        assert found.url == origin.url(place)


def test_without_a_scheme_https_is_asked_before_http() -> None:
    with Origin(site({"/rss": feed(1)})) as origin:
        found = finder_of(origin).find(f" {origin.authority}/rss ", "Jeanne", NOW)
    with Origin(site({})) as bare:
        none = finder_of(bare).find(f"{bare.authority}/none", "Jeanne", NOW)
    assert [each.url for each in found.candidates] == [f"http://{origin.authority}/rss"]
    assert not found.failures  # of the scheme that nobody typed
    assert not none.candidates and [each.url.partition(":")[0] for each in none.failures] == ["https", "http"]
    assert addresses_of("example.fr/?u=http://x") == ("https://example.fr/?u=http://x", "http://example.fr/?u=http://x")
    assert addresses_of("feed://a.example/x") == ("http://a.example/x",)
    assert addresses_of("feed:https://a.example/x") == ("https://a.example/x",)


@pytest.mark.parametrize(
    ("ages", "least", "most"),
    [((), None, None), ((40, 50), 0, 0), ((0.1,), 0, 15), ([n / 8 for n in range(40)], 40, 60)],
)
def test_how_often_it_publishes_is_told_from_the_dates_of_its_items(
    ages: list[float], least: float, most: float
) -> None:
    ((found,), _, _) = find({"/": feed(*ages, more="" if ages else "<item><title>Sans date</title></item>")})
    if least is None:
        assert found.per_week is None and found.newest is None and found.count == 1
    else:
        assert found.per_week is not None and least <= found.per_week <= most


def test_a_preview_reads_the_feed_with_the_settings_of_the_line() -> None:
    with Origin(site({"/f": feed(1, 2), "/p": page(body="<li><a href='/1'>Un titre</a></li>")})) as origin:
        finder = finder_of(origin)
        line = Source(origin.url("/f"), categories=("culture",), departements=("25",))
        read = finder.preview(line, "Jeanne", NOW)
        assert not isinstance(read, Failure) and isinstance(read[1], ReadFeed)
        assert {item.categories[0].slug for item in read[1].items} == {"culture"}
        assert read[1].items[0].departements == ("25",)
        as_page = Source(origin.url("/p"), kind=SourceKind.PAGE, selectors={"item": "li"})
        read = finder.preview(as_page, "Jeanne", NOW)
        assert not isinstance(read, Failure) and read[0].count == 1
        wrong = finder.preview(replace(as_page, selectors={"item": "table"}), "Jeanne", NOW)
        assert isinstance(wrong, Failure) and wrong.error_class is ErrorClass.NOT_A_FEED
        people = finder.preview(Source(origin.url("/p")), "Jeanne", NOW)
        assert isinstance(people, Failure) and people.error_class is ErrorClass.NOT_A_FEED


def test_addresses_of_an_import_are_asked_side_by_side_and_so_many_at_most() -> None:
    def answers(request: Request) -> Answer:
        if request.path == "/old":
            return answer(301, {"Location": "/f"})
        return site({"/f": feed(1), "/p": page()})(request) if request.path != "/end" else answer(410)

    with Origin(answers) as origin:
        urls = [origin.url(each) for each in ("/f", "/old", "/p", "/none", "/end")]
        found = finder_of(origin).check([*urls, "javascript:1"], "Jeanne", NOW)
        told = [found[url].failure and found[url].failure.error_class for url in urls]
        assert told == [None, None, ErrorClass.NOT_A_FEED, ErrorClass.HTTP_4XX, ErrorClass.GONE]
        assert found[urls[1]].moved_to == urls[0] and found["javascript:1"].failure
        many = [origin.url(f"/{n}") for n in range(30)]
        assert set(finder_of(origin).check(many, "Jeanne", NOW)) == set(many[: discovery.CHECKED_LIMIT])


def test_a_body_is_read_as_a_feed_as_a_page_or_not_at_all() -> None:
    def read_(body: bytes, line: Source = Source("https://a.example/")) -> object:  # noqa: B008
        return reading.read(line, body, line.url, {}, "")

    found = read_(feed(*[1] * 70))
    assert isinstance(found, ReadFeed) and (found.count, len(found.items), len(found.prints)) == (70, 50, 50)
    assert not found.feed.entries
    assert read_(
        page(body='<a href="/flux-rss">Nos flux</a><a href="/x">RSS</a><a href="/y">Rien</a><a>RSS</a>')
    ) == ReadPage("Un site", ("https://a.example/flux-rss", "https://a.example/x"))
    assert read_(b"<html><p>x") == ReadPage("", ())
    for body in (b"<rss><channel><item>", b"", b"<!-- x -->"):
        with pytest.raises(ParseError):
            read_(body)
    with pytest.raises(ParseError, match="nothing matches"):
        read_(page(), Source("https://a.example/", kind=SourceKind.PAGE, selectors={"item": "li"}))


# ── what is refused


@pytest.mark.parametrize(
    "typed",
    [
        "", "   ", "javascript:alert(1)", "data:text/xml,<rss/>", "ftp://a.example/", "file:///etc/passwd", "http://", "a b",
        "http://intranet/", "intranet", "http://u:p@a.example/", "u@a.example", "mailto:u@a.example", "http://[", "http://a.example:x/",
        "https://a.example/" + "x" * 3000, "//",
    ],
)  # fmt: skip
def test_what_is_no_address_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(AddressError):
        finder_of().find(typed, "Jeanne", NOW)
    with pytest.raises(AddressError):
        finder_of().preview(Source(typed), "Jeanne", NOW)


INSIDE = (
    "http://127.0.0.1:{port}/", "127.0.0.1:{port}", "http://localhost:{port}/", "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://0.0.0.0:{port}/", "http://127.1:{port}/", "http://0x7f.0.0.1:{port}/",
    "http://inside.example:{port}/", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[fd00::1]/",
    "http://192.168.1.1:{port}/rss",
)  # fmt: skip


@pytest.mark.parametrize("inside", INSIDE)
def test_nothing_inside_is_asked_by_a_search_a_preview_or_an_import(inside: str) -> None:
    names = Names(
        {
            "inside.example": ["127.0.0.1"],
            "localhost": ["127.0.0.1"],
            "127.1": ["127.0.0.1"],
            "0x7f.0.0.1": ["127.0.0.1"],
        }
    )
    with Origin(lambda _: answer(200, body=feed(1))) as hidden:
        url, finder = inside.format(port=hidden.port), finder_of(names=names)
        found = finder.find(url, "Jeanne", NOW)
        assert not found.candidates and found.failures
        if "://" in url:
            assert isinstance(finder.preview(Source(url), "Jeanne", NOW), Failure)
            assert finder.check([url], "Jeanne", NOW)[url].failure
        assert hidden.connections == 0
    assert {each.error_class for each in found.failures} <= {ErrorClass.BLOCKED_ADDRESS, ErrorClass.CONNECTION}


def test_no_page_and_no_redirect_leads_inside() -> None:
    with Origin(lambda _: answer(200, body=feed(1))) as hidden:
        inner = hidden.url("/secret")

        def answers(request: Request) -> Answer:
            if request.path == "/to":
                return answer(302, {"Location": inner})
            return answer(
                200, body=page(link(inner) + link("/to"), f'<a href="{inner}?rss">RSS</a><base href="{inner}">')
            )

        with Origin(answers) as origin:
            finder = finder_of(origin)
            found = finder.find(origin.url(), "Jeanne", NOW)
            assert not found.candidates and {each.error_class for each in found.failures} == {
                ErrorClass.BLOCKED_ADDRESS
            }
            moved = finder.preview(Source(origin.url("/to")), "Jeanne", NOW)
            assert isinstance(moved, Failure) and moved.error_class is ErrorClass.BLOCKED_ADDRESS
            checked = finder.check([origin.url("/to")], "Jeanne", NOW)[origin.url("/to")]
            assert checked.failure and checked.failure.error_class is ErrorClass.BLOCKED_ADDRESS
        assert hidden.connections == 0


class Rebound(Names):
    """Names that lead to the site at first, and inside from then on."""

    def __init__(self, host: str) -> None:
        super().__init__({host: ["127.0.0.2"]})
        self._host = host

    async def resolve(self, host: str, port: int = 0, family: object = None) -> list:  # type: ignore[override, type-arg]
        found = await super().resolve(host, port)
        self._names = {self._host: ["127.0.0.1"]}
        return found


def test_a_name_that_leads_inside_the_second_time_gains_nothing() -> None:
    with Origin(lambda _: answer(200, body=feed(1))) as hidden:
        finder = Finder(Settings(allow_private=(f"127.0.0.2:{hidden.port}",)), Rebound("site.example"))
        found = finder.find(f"http://site.example:{hidden.port}/", "Jeanne", NOW)
        assert not found.candidates
        again = finder.find(f"http://site.example:{hidden.port}/", "Jeanne", NOW)
        assert [each.error_class for each in again.failures] == [ErrorClass.BLOCKED_ADDRESS]
        assert hidden.connections == 0


HOSTILE = {
    "too large": answer(200, body=b"<rss>" + b"x" * (4 << 20)),
    "a bomb": answer(200, {"Content-Encoding": "gzip"}, gzip.compress(b"<html>" + b" " * (80 << 20), 1)),
    "entities": answer(200, body=b'<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><rss><channel><title>&b;</title></channel></rss>'),
    "a file": answer(200, body=b'<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss><channel><title>&a;</title></channel></rss>'),
    "deep": answer(200, body=page(body="<div>" * 200_000)),
    "links": answer(200, body=page(body='<a href="/rss">RSS</a>' * 60_000)),
    "attributes": answer(200, body=page(body="<a " + " ".join(f'a{n}="x"' for n in range(50_000)) + ">")),
    "links of one letter": answer(200, body=page('<link rel="alternate" type="application/rss+xml" href="' + "x" * 500_000 + '">')),
    "no text": answer(200, body=bytes(range(256)) * 400),
    "not utf-16": answer(200, body=b"\xff\xfe" + b"\0\xd8" * 1000),
    "nothing": answer(200),
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<rss>",
    "no http": b"SSH-2.0-OpenSSH_9\r\n",
    "json": answer(200, body=b'{"version": "https://jsonfeed.org/version/1.1", "items": [[[[1]]], {}, null]}'),
}  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_whatever_a_site_answers_is_told_in_time(hostile: bytes) -> None:
    with Origin(lambda _: hostile) as origin:
        started = time.monotonic()
        found = finder_of(origin).find(origin.url(), "Jeanne", NOW)
        assert time.monotonic() - started < discovery.SEARCH_SECONDS
        assert all("root:" not in each.title for each in found.candidates)
        assert len(origin.requests) <= discovery.REQUESTS_LIMIT


def test_a_site_that_keeps_us_waiting_is_left_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "SEARCH_SECONDS", 0.4)

    def answers(request: Request) -> Answer:
        return answer(200, body=page(link("/quick") + link("/slow"))) if request.path == "/" else _of(request)

    def _of(request: Request) -> Answer:
        return answer(200, body=feed(1)) if request.path == "/quick" else iter([HANG])

    with Origin(answers) as origin:
        finder = finder_of(origin)
        monkeypatch.setattr(discovery, "SEARCH_SECONDS", 2.0)
        found = finder.find(origin.url(), "Jeanne", NOW)
        assert found.cut and [each.url for each in found.candidates] == [origin.url("/quick")]
        monkeypatch.setattr(discovery, "SEARCH_SECONDS", 0.2)
        late = finder.preview(Source(origin.url("/slow")), "Jeanne", NOW)
        assert isinstance(late, Failure) and late.error_class is ErrorClass.TIMEOUT
        assert finder.check([origin.url("/slow")], "Jeanne", NOW) == {}


def test_a_document_that_takes_too_long_to_read_is_given_up() -> None:
    with Origin(site({"/": feed(*[1] * 3000)})) as origin:
        found = finder_of(origin, parse_seconds=0.01).find(origin.url(), "Jeanne", NOW)
    assert [each.error_class for each in found.failures] == [ErrorClass.TOO_COSTLY]


def test_two_searches_run_at_once_and_the_third_is_told_to_wait() -> None:
    opened = threading.Event()

    def slowly() -> Iterator[Part]:
        while not opened.is_set():
            yield PAUSE
        yield answer(404)

    with Origin(lambda _: slowly()) as origin:
        finder = finder_of(origin)
        threads = [threading.Thread(target=finder.check, args=([origin.url()], "Marc", NOW)) for _ in range(2)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 10
        while len(origin.requests) < 2 and time.monotonic() < until:
            threading.Event().wait(0.01)
        with pytest.raises(TooOftenError, match="others are looking"):
            finder.find(origin.url(), "Jeanne", NOW)
        opened.set()
        for thread in threads:
            thread.join(10)
        assert finder.check([origin.url()], "Jeanne", NOW)


def test_who_has_looked_for_many_feeds_waits_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "STARTED_LIMIT", 2)
    finder = finder_of()
    for _ in range(2):
        finder.check([], "Jeanne", NOW)
    with pytest.raises(TooOftenError, match="in ten minutes"):
        finder.check([], "Jeanne", NOW)
    finder.check([], "Marc", NOW)
    finder.check([], "Jeanne", NOW + timedelta(minutes=11))


# ── whether we have it already


def test_an_item_that_we_have_is_known_by_its_link_its_guid_or_its_text(tmp_path: Path) -> None:
    store = filled_store(settings_in(tmp_path))
    guid = "tag:info.example,2026:une"
    stored = [
        an_item("one"),
        an_item(guid, title="Tout autre"),
        an_item("pont", title="Le pont de la Loue rouvre mardi à Levier", lead=TEXT, text=TEXT),
    ]
    tell(store, stored)
    other = Source("https://other.example/rss")
    items = [
        an_item("x", other, canonical="https://info.example/one", link="https://info.example/one?utm=1"),
        an_item(guid, other, title="Rien de commun"),
        an_item(
            "y", other, title="Le pont de la Loue rouvre mardi à Levier", lead=TEXT, text=TEXT, published=Date("", None)
        ),
        an_item("z", other, title="Le marché de Dole déménage", lead="Il quitte la place."),
        an_item("one", other, title="Un guid que deux sources ont par hasard"),
    ]
    prints = [make_print(item) for item in items]
    seen = known.look(store, items, prints, other.url, NOW)
    assert [each.same and each.same.how for each in seen] == [How.LINK, How.GUID, How.TEXT, None, None]
    assert {each.same.source for each in seen if each.same} == {INFO.url}
    assert seen[2].same and seen[2].same.title == stored[2].title and seen[2].same.story_id
    own = known.look(store, stored, [make_print(item) for item in stored], "http://www.info.example/feed/", NOW)
    assert not any(each.same for each in own)
    store.close()


def test_an_item_is_shown_as_the_rules_would_have_it(tmp_path: Path) -> None:
    store = filled_store(settings_in(tmp_path))
    block = Rule(1, RuleEffect.BLOCK, RuleField.TITLE, RuleHow.CONTAINS, "horoscope")
    to = Rule(2, RuleEffect.CATEGORY, RuleField.TITLE, RuleHow.CONTAINS, "match", target="sport")
    book = Rulebook(store.rulebook().version, 2, (block, to))
    store.retell(Retelling(Look(NOW, ()), lambda _: None, rulebook=book), NOW)
    items = [an_item("a", MATIN, title="Horoscope"), an_item("b", MATIN, title="Match nul")]
    one, other = known.look(store, items, [make_print(item) for item in items], "https://x.example/", NOW)
    assert one.is_blocked and not other.is_blocked
    assert "sport" in [each.slug for each in other.categories]
    store.close()


# ── the line that is proposed


def a_candidate(**changes: object) -> Candidate:
    values: dict[str, object] = {
        "url": "https://www.val.example/sport.xml", "way": Way.TYPED, "title": "Sport", "site": "https://val.example/",
        "format": "rss20", "language": "fr_CH", "hub": "", "count": 1, "newest": datetime.now(UTC), "per_week": 1.0,
    }  # fmt: skip
    return Candidate(**values | changes)  # type: ignore[arg-type]


def test_a_proposed_line_takes_from_its_neighbours_what_they_all_have() -> None:
    one = Source(
        "https://val.example/a.xml", region="Doubs", departements=("25",), timezone="Europe/Zurich", language="de"
    )
    other = replace(one, url="https://feeds.example/val", site="https://www.val.example/", departements=("25", "39"))
    far = Source("https://far.example/", region="Jura", language="en")
    line = lines.propose(a_candidate(), [one, other, far], Settings())
    assert (line.region, line.departements, line.timezone, line.language) == ("Doubs", (), "Europe/Zurich", "fr-CH")
    assert (line.title, line.site) == ("Sport", "https://val.example/")
    at_port = a_candidate(url="https://val.example:8443/sport.xml", title="")
    assert (lines.propose(at_port, [one, other], Settings()).region, at_port.url) == ("", at_port.url)
    bare = lines.propose(a_candidate(title="", language="not a language"), [one], Settings())
    assert (bare.title, bare.language) == ("val.example", "de")
    alone = lines.propose(a_candidate(language=""), [far], Settings(language="de", timezone="Europe/Berlin"))
    assert (alone.region, alone.language, alone.timezone) == ("", "de", "Europe/Berlin")
