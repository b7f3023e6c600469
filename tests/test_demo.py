"""The demo's outlets: what they publish, how they answer, what happens as one watches."""

import asyncio
import gzip
import http.client
import json
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.resources import files
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from aggregator.demo import Origin, Truth, play, scenes
from aggregator.demo.articles import load
from aggregator.demo.outlets import OUTLETS, Dates, Outlet
from aggregator.demo.pictures import draw
from aggregator.model import Genre, Republish

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
IN_SUMMER = datetime(2027, 4, 3, 20, 0, tzinfo=UTC)  # the sample's weeks then lie on both sides of the change
SAMPLE = [json.loads(line) for line in files("aggregator.demo").joinpath("items.jsonl").read_text("utf-8").splitlines()]
BY_SLUG = {outlet.slug: outlet for outlet in OUTLETS}


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin(NOW) as running:
        yield running


@pytest.fixture
def full() -> Iterator[Origin]:
    with Origin(NOW) as running:
        running.everything()
        yield running


class Reply(Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes


def ask(origin: Origin, path: str, method: str = "GET", **headers: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


class Read(Struct, frozen=True):
    """An entry as a test reads it, dates still raw."""

    guid: str
    link: str
    title: str
    text: str
    tags: list[str]
    published: str
    updated: str
    image: str
    credit: str


def entries(origin: Origin, outlet: Outlet) -> list[Read]:
    body = ask(origin, outlet.path).body
    return read_json(body) if outlet.path.endswith(".json") else read_xml(body)


def read_json(body: bytes) -> list[Read]:
    feed = json.loads(body)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    return [
        Read(
            guid=each["id"],
            link=each["url"],
            title=each["title"],
            text=each.get("summary", "") + each["content_html"],
            tags=each["tags"],
            published=each.get("date_published", ""),
            updated=each.get("date_modified", ""),
            image=each.get("image", ""),
            credit=inline(each["content_html"])[1],
        )
        for each in feed["items"]
    ]


def read_xml(body: bytes) -> list[Read]:
    feed = feedparser.parse(body, sanitize_html=False, resolve_relative_uris=False)
    assert not feed.bozo
    return [read_entry(each) for each in feed.entries]


def read_entry(each: feedparser.FeedParserDict) -> Read:
    html = each.get("summary", "") + "".join(part["value"] for part in each.get("content", []))
    image, credit = inline(html)
    attached = [link["href"] for link in each.links if link["rel"] == "enclosure"]
    attached += [media["url"] for media in each.get("media_content", [])]
    return Read(
        guid=each.get("id", ""),
        link=each.link,
        title=each.title,
        text=html,
        tags=[tag["term"] for tag in each.get("tags", [])],
        published=dict.get(each, "published", "") or dict.get(each, "updated", ""),
        updated=dict.get(each, "updated", "") if "published" in each else "",
        image=image or "".join(attached),
        credit=credit or "".join(part["content"] for part in each.get("media_credit", [])),
    )


def inline(html: str) -> tuple[str, str]:
    found = re.search(r'<img src="([^"]+)" alt="([^"]*)".*?<figcaption>(.*?)</figcaption>', html)
    if not found:
        return "", ""
    assert found[2] == found[3]  # the credit stands twice
    return found[1], found[3]


def date_of(text: str, habit: Dates) -> datetime | None:
    if not text:
        return None
    match habit:
        case Dates.OFFSET:
            return parsedate_to_datetime(text)
        case Dates.ZONE_NAME:
            hours = {"CET": 1, "CEST": 2}[text.rsplit(" ", 1)[1]]
            return datetime.strptime(text.rsplit(" ", 1)[0] + f" +0{hours}00", "%a, %d %b %Y %H:%M:%S %z")
        case Dates.ISO | Dates.ISO_UTC:
            at = datetime.fromisoformat(text)
            assert at.tzinfo
            return at
        case Dates.ISO_BARE:
            at = datetime.fromisoformat(text)
            assert not at.tzinfo
            return at.replace(tzinfo=PARIS)
        case Dates.FRENCH:
            assert text.startswith(("Publié le ", "Mis à jour le "))
            return datetime.strptime(text.split(" le ")[1], "%d/%m/%Y - %H:%M").replace(tzinfo=PARIS)


def of(origin: Origin, outlet: Outlet) -> list[Truth]:
    return [each for each in origin.truth() if each.outlet == outlet.slug]


# ── what the feeds say


@pytest.mark.parametrize("outlet", OUTLETS, ids=lambda outlet: outlet.slug)
def test_a_feed_holds_exactly_the_released_articles_with_their_dates_newest_first(outlet: Outlet) -> None:
    with Origin(IN_SUMMER) as origin:
        truth = of(origin, outlet)
        read = entries(origin, outlet)
        assert [each.guid for each in read] == [each.guid for each in truth]
        assert [each.link for each in read] == [each.link for each in truth]
        assert [date_of(each.published, outlet.dates) for each in read] == [each.published for each in truth]
        assert [date_of(each.updated, outlet.dates) for each in read] == [each.updated for each in truth]
        assert [each.image for each in read] == [each.image for each in truth]
        assert [each.credit for each in read] == [each.credit for each in truth]
        past = [each.published for each in truth if each.published and each.published <= IN_SUMMER]
        assert past == sorted(past, reverse=True)


def test_with_all_out_every_sample_item_appears_once_in_its_outlets_feed_as_its_outlet_wrote_it(full: Origin) -> None:
    truth = {each.id: each for each in full.truth()}
    assert len(truth) == len(full.truth()) == len(SAMPLE)
    read = {each.link: each for outlet in OUTLETS for each in entries(full, outlet)}
    assert len(read) == len(SAMPLE)
    full.correct(NOW)
    read |= {each.link: each for outlet in OUTLETS for each in entries(full, outlet)}
    for line in SAMPLE:
        each = read[truth[line["id"]].link]
        assert truth[line["id"]].outlet == line["source"]
        assert truth[line["id"]].canonical == line["link"]
        assert each.title == line["title"]
        text = each.text.replace("&#160;", "\xa0")
        assert line["lead"].replace("&", "&amp;") in text
        assert line["body"] in text
        assert each.tags[0] == line["raw_categories"][0]
        assert each.credit == (line["image"] or {"credit": ""})["credit"]


def test_every_outlet_has_between_five_and_thirty_articles_and_all_four_formats_occur(full: Origin) -> None:
    counts = Counter(each.outlet for each in full.truth())
    assert counts.keys() == BY_SLUG.keys()
    assert all(5 <= count <= 30 for count in counts.values())
    versions = Counter(
        "json" if outlet.path.endswith("json") else feedparser.parse(ask(full, outlet.path).body).version
        for outlet in OUTLETS
    )
    assert versions == {"rss20": 6, "atom10": 3, "json": 2, "rss10": 1}


def test_the_encodings_are_as_declared_and_what_they_lack_is_written_as_references(full: Origin) -> None:
    latin = ask(full, "/haut-doubs-matin/feed.xml").body
    assert latin.startswith(b'<?xml version="1.0" encoding="iso-8859-15"?>')
    assert "Microtechniques" in latin.decode("iso-8859-15")
    assert b"&#10052;" in latin  # a snowflake
    windows = ask(full, "/dijon-quotidien/feed.xml")
    assert windows.headers["content-type"] == "text/xml; charset=windows-1252"
    assert b"l\x92" in windows.body
    with pytest.raises(UnicodeDecodeError):
        windows.body.decode("utf-8")


def test_three_articles_have_no_date_and_two_bear_a_date_of_the_next_year(full: Origin) -> None:
    undated = [each for each in full.truth() if each.published is None]
    assert sorted(each.id for each in undated) == ["it087", "it129", "it164"]
    assert all(each.updated is None for each in undated)
    assert sorted(each.id for each in full.truth() if each.published and each.published > NOW) == ["it114", "it151"]


def test_an_outlet_without_guids_gives_none_and_permalinks_bear_no_tracking(full: Origin) -> None:
    without = of(full, BY_SLUG["saone-loire-fil"])
    assert {each.guid for each in without} == {""}
    assert b"<guid" not in ask(full, "/saone-loire-fil/feed.xml").body
    for each in of(full, BY_SLUG["belfort-direct"]):
        assert each.guid == each.canonical
        assert each.link == each.canonical + "?utm_source=atom&utm_medium=feed"


# ── the truth


def test_the_truth_gives_titles_and_leads_without_their_labels(full: Origin) -> None:
    truth = {each.id: each for each in full.truth()}
    assert (truth["it089"].label, truth["it089"].genre) == ("Sondage", Genre.SONDAGE)
    assert truth["it089"].title.startswith("Faut-il rendre")
    assert (truth["it096"].label, truth["it096"].genre) == ("VIDÉO", Genre.VIDEO)
    assert truth["it096"].lead.startswith("Chaque samedi")
    assert (truth["it075"].label, truth["it075"].genre) == ("ÉDITORIAL", Genre.EDITORIAL)
    assert (truth["it158"].label, truth["it158"].genre) == ("", Genre.OFFRE_EMPLOI)  # only its rubric says so
    assert (truth["it002"].label, truth["it002"].genre) == ("(Communiqué)", Genre.COMMUNIQUE)
    assert (truth["it001"].label, truth["it001"].genre) == ("", Genre.COMMUNIQUE)  # a press office's
    assert (truth["it004"].label, truth["it004"].genre) == ("", Genre.ARTICLE)  # cut off before the label


def test_a_rubric_means_one_category_in_each_outlet(full: Origin) -> None:
    tags = {line["id"]: line["raw_categories"][0] for line in SAMPLE}
    meanings: dict[tuple[str, str], set[str]] = {}
    for each in full.truth():
        meanings.setdefault((each.outlet, tags[each.id]), set()).add(each.category)
    assert all(len(categories) == 1 for categories in meanings.values())


def test_the_category_is_the_sample_s_but_for_the_rubrics_that_say_something_else(full: Origin) -> None:
    subjects = {line["id"]: line["category"] for line in SAMPLE}
    other = {each.id: each.category for each in full.truth() if each.category != subjects[each.id]}
    assert other == {
        "it012": "infos-pratiques",
        "it020": "economie",
        "it034": "infos-pratiques",
        "it039": "infos-pratiques",
        "it066": "infos-pratiques",
    }


def test_the_versions_of_a_press_release_keep_their_story(full: Origin) -> None:
    stories = {line["id"]: line["story"] for line in SAMPLE}
    assert {each.id: each.story for each in full.truth()} == stories


# ── dates


@given(st.datetimes(datetime(2026, 3, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))
def test_all_dates_move_by_one_whole_number_of_days_to_just_before_now(now: datetime) -> None:
    moved = {each.id: each for each in load(now)}
    distances = set()
    newest = datetime.min.replace(tzinfo=UTC)
    for line in SAMPLE:
        for name in ("published", "updated"):
            at = getattr(moved[line["id"]], name)
            assert (at is None) == (line[name] is None)
            if at and line["id"] != "it073":  # of 02:19, an hour that the change to summer time may skip
                original = datetime.fromisoformat(line[name]).astimezone(PARIS)
                distances.add(at.replace(tzinfo=None) - original.replace(tzinfo=None))
                newest = max(newest, at) if line[name] < "2027" else newest
    assert len(distances) == 1
    assert distances.pop().seconds == 0
    assert timedelta(0) <= now - newest < timedelta(days=1, hours=1)


def test_an_hour_that_summer_time_skips_is_written_as_the_next_one() -> None:
    moved = {each.id: each for each in load(datetime(2027, 4, 5, 20, tzinfo=UTC))}
    skipped = moved["it073"].published  # 02:19 in the sample
    assert skipped is not None
    assert skipped.isoformat() == "2027-03-28T03:19:00+02:00"


def test_without_a_shift_the_dates_are_the_sample_s() -> None:
    origin = Origin(NOW, shift=False)
    origin.everything()
    dates = {each.id: each.published for each in origin.truth()}
    expected = {
        line["id"]: line["published"] and datetime.fromisoformat(line["published"]).astimezone(UTC) for line in SAMPLE
    }
    assert dates == expected


# ── HTTP


def test_the_same_state_gives_the_same_bytes() -> None:
    def everything_read(port: int) -> tuple[int, dict[str, bytes]]:
        with Origin(NOW, port) as origin:
            origin.release(5, NOW + timedelta(minutes=1))
            origin.correct(NOW + timedelta(minutes=2))
            return origin.port, {outlet.slug: ask(origin, outlet.path).body for outlet in OUTLETS}

    port, first = everything_read(0)
    assert everything_read(port)[1] == first


@pytest.mark.parametrize("outlet", OUTLETS, ids=lambda outlet: outlet.slug)
def test_the_validators_that_an_outlet_sends_bring_a_304_until_something_changes(
    origin: Origin, outlet: Outlet
) -> None:
    first = ask(origin, outlet.path)
    assert ("etag" in first.headers) == (outlet.slug != "saone-loire-fil")
    assert ("last-modified" in first.headers) == (outlet.slug != "belfort-direct")
    held = {
        asked: first.headers[sent]
        for sent, asked in (("etag", "If_None_Match"), ("last-modified", "If_Modified_Since"))
        if sent in first.headers
    }
    again = ask(origin, outlet.path, **held)
    assert (again.status, again.body) == (304, b"")
    assert again.headers.get("etag") == first.headers.get("etag")
    origin.everything(NOW)
    changed = ask(origin, outlet.path, **held)
    assert changed.status == 200
    assert changed.body != first.body


def test_each_change_within_a_second_has_its_own_last_modified(origin: Origin) -> None:
    seen = set()
    while origin.waiting:
        origin.release(1, NOW)
        seen.add((len(of(origin, BY_SLUG["saone-loire-fil"])), last_modified(origin)))
    assert len({count for count, _ in seen}) == len({modified for _, modified in seen}) == len(seen) == 4


def last_modified(origin: Origin) -> str:
    return ask(origin, "/saone-loire-fil/feed.xml").headers["last-modified"]


def test_if_none_match_is_asked_before_if_modified_since(origin: Origin) -> None:
    modified = ask(origin, "/comtois-info/feed.xml").headers["last-modified"]
    reply = ask(origin, "/comtois-info/feed.xml", If_None_Match='"other"', If_Modified_Since=modified)
    assert reply.status == 200
    assert ask(origin, "/comtois-info/feed.xml", If_None_Match="*").status == 304
    assert ask(origin, "/comtois-info/feed.xml", If_Modified_Since="yesterday").status == 200
    assert ask(origin, "/comtois-info/feed.xml", If_Modified_Since="Thu, 01 Jan 2026 00:00:00 GMT").status == 200


def test_gzip_is_given_to_those_who_accept_it_with_an_etag_of_its_own(origin: Origin) -> None:
    plain = ask(origin, "/comtois-info/feed.xml")
    packed = ask(origin, "/comtois-info/feed.xml", Accept_Encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["etag"] != plain.headers["etag"]
    held = packed.headers["etag"]
    again = ask(origin, "/comtois-info/feed.xml", Accept_Encoding="gzip", If_None_Match=f"W/{held}")
    assert (again.status, again.headers["etag"]) == (304, held)
    assert "content-encoding" not in ask(origin, picture_path(origin), Accept_Encoding="gzip").headers


def picture_path(origin: Origin) -> str:
    return next(each.image for each in origin.truth() if each.image).removeprefix(origin.base)


def test_head_gives_the_headers_of_get_and_no_body(origin: Origin) -> None:
    head, full = (ask(origin, "/jura-hebdo/feed.xml", method) for method in ("HEAD", "GET"))
    assert head.body == b""
    assert head.headers["content-length"] == full.headers["content-length"] == str(len(full.body))
    assert head.headers["etag"] == full.headers["etag"]


def test_the_old_address_in_the_opml_leads_to_the_new_one_for_good(origin: Origin) -> None:
    source = next(source for source in origin.sources if "jura-hebdo" in source.url)
    assert source.url == f"{origin.base}/jura-hebdo/rss"
    reply = ask(origin, "/jura-hebdo/rss")
    assert (reply.status, reply.headers["location"]) == (301, f"{origin.base}/jura-hebdo/feed.xml")


@pytest.mark.parametrize("path", ["/nobody/feed.xml", "/comtois-info/other", "/comtois-info/img/9.png", "/favicon.ico"])
def test_an_unknown_address_is_not_found(origin: Origin, path: str) -> None:
    assert ask(origin, path).status == 404


def test_the_front_page_lists_every_feed(origin: Origin) -> None:
    page = ask(origin, "/?").body.decode()
    assert all(f'href="{origin.base}{outlet.path}"' in page for outlet in OUTLETS)


def test_a_picture_is_a_real_png_the_same_each_time(origin: Origin) -> None:
    reply = ask(origin, picture_path(origin))
    assert reply.headers["content-type"] == "image/png"
    assert reply.body[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", reply.body[16:24]) == (640, 360)
    start = reply.body.index(b"IDAT")
    length = struct.unpack(">I", reply.body[start - 4 : start])[0]
    assert len(zlib.decompress(reply.body[start + 4 : start + 4 + length])) == 360 * 641
    assert ask(origin, picture_path(origin)).body == reply.body


def test_pictures_differ_by_number_and_by_the_town_s_initial_without_its_accent() -> None:
    assert draw("Étupes", "1") == draw("Ecole", "1") != draw("Dole", "1")
    assert draw("Dole", "1") != draw("Dole", "2")
    assert draw("", "1") == draw("…", "1")


def test_enclosures_name_the_true_size(full: Origin) -> None:
    feed = feedparser.parse(ask(full, "/haut-doubs-matin/feed.xml").body)
    enclosures = [each for entry in feed.entries for each in entry.enclosures]
    assert len(enclosures) == 6
    for each in enclosures:
        reply = ask(full, each.href.removeprefix(full.base))
        assert (str(len(reply.body)), reply.headers["content-type"]) == (each.length, each.type)


def test_a_stopped_origin_refuses_connections_and_may_be_stopped_again() -> None:
    origin = Origin(NOW)
    origin.start()
    origin.stop()
    origin.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(origin, "/")


# ── what happens as one watches


def test_at_first_the_oldest_share_of_each_outlet_is_out() -> None:
    origin, whole = Origin(NOW), Origin(NOW)
    whole.everything()
    assert origin.waiting == 36
    for outlet in OUTLETS:
        out, everything = of(origin, outlet), of(whole, outlet)
        assert len(out) == int(len(everything) * 0.85)
        assert out == everything[-len(out) :]
    assert Origin(NOW, share=0.0).truth() == ()


def test_articles_are_released_in_order_of_date_with_the_time_they_are_given() -> None:
    origin, dated = Origin(NOW), Origin(NOW)
    at = NOW + timedelta(minutes=3, seconds=20)
    order = dated.everything()
    assert [each.published for each in order] == sorted(each.published for each in order if each.published)
    released = origin.release(3, at)
    assert [each.id for each in released] == [each.id for each in order[:3]]
    assert {each.published for each in released} == {NOW + timedelta(minutes=3)}
    assert all(each in origin.truth() for each in released)
    assert origin.waiting == len(order) - 3
    assert len(origin.release(1000, at)) == len(order) - 3
    assert origin.release(1, at) == ()


def test_a_live_article_keeps_an_update_before_publication_and_drops_one_that_is_yet_to_come() -> None:
    origin = Origin(NOW)
    released = {each.id: each for each in origin.everything(NOW)}
    assert released["it068"].updated == NOW - timedelta(minutes=7)
    assert released["it125"].updated is None  # 45 minutes after publication
    undated = Origin(NOW, share=0.0).everything(NOW)
    assert sum(each.published is None for each in undated) == 3


def test_corrections_change_four_titles_of_four_outlets_and_date_them(origin: Origin) -> None:
    titles = {line["id"]: line["title"] for line in SAMPLE}
    before = {each.id: each for each in origin.truth()}
    at = NOW + timedelta(minutes=5)
    corrections = origin.correct(at)
    changed = {each.id: each for each in origin.truth() if each != before[each.id]}
    assert sorted(changed) == ["it015", "it033", "it126", "it159"]
    assert len({each.outlet for each in corrections}) == 4
    for each in corrections:
        truth = next(item for item in changed.values() if item.link == each.link)
        assert (truth.title, truth.updated) == (each.after, at)
        assert each.after == titles[truth.id] != each.before == before[truth.id].title
        read = next(read for read in entries(origin, BY_SLUG[each.outlet]) if read.link == each.link)
        assert read.title == each.after
        assert date_of(read.updated, BY_SLUG[each.outlet].dates) == at
    assert origin.correct(at) == ()


def test_broken_outlets_answer_so_to_everything_until_they_are_mended(origin: Origin) -> None:
    held = ask(origin, "/belfort-direct/feed.xml").headers["etag"]
    assert origin.break_feed() == ("Belfort Direct", "Radio Citadelle")
    portal = ask(origin, "/belfort-direct/feed.xml", If_None_Match=held)
    assert (portal.status, portal.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "etag" not in portal.headers
    assert feedparser.parse(portal.body).version == ""
    assert ask(origin, "/radio-citadelle/feed.json").status == 503
    assert ask(origin, "/comtois-info/feed.xml").status == 200
    origin.mend()
    assert ask(origin, "/belfort-direct/feed.xml", If_None_Match=held).status == 304
    assert ask(origin, "/radio-citadelle/feed.json").status == 200


def test_the_script_tells_each_step_and_ends_with_everything_out_right_and_mended(origin: Origin) -> None:
    count = origin.waiting
    told = list(scenes(origin, lambda: NOW))
    assert len(told) == count + 4
    assert told[0].startswith("Conseil régional (démo) – presse publishes: Le Creusot")
    assert sum(" publishes: " in sentence for sentence in told) == count
    assert "“Le musée d’Ornans prolonge son expostion" in told[3]
    assert told[6].startswith("Belfort Direct now answers")
    assert told[11] == "Both outlets answer as usual again."
    assert origin.waiting == 0
    assert origin.correct(NOW) == ()
    assert all(ask(origin, outlet.path).status == 200 for outlet in OUTLETS)


def test_playing_pauses_before_each_step(origin: Origin) -> None:
    events: list[object] = []

    async def sleep(seconds: float) -> None:
        events.append(seconds)

    asyncio.run(play(origin, lambda: NOW, 2.5, events.append, sleep))
    assert events[0::2] == [2.5] * (len(events) // 2 + 1)
    assert all(isinstance(each, str) for each in events[1::2])


# ── feeds.opml


def test_the_opml_lists_every_source_in_its_folder_with_what_editors_said(origin: Origin) -> None:
    root = ElementTree.fromstring(origin.opml())
    own = "{urn:tributary:opml:1}"
    found = {line.get("xmlUrl"): line for line in root.iter("outline") if line.get("xmlUrl")}
    assert set(found) == {source.url for source in origin.sources}
    for source in origin.sources:
        line = found[source.url]
        assert (line.get("text"), line.get("htmlUrl")) == (source.title, source.site)
        assert line.get("category", "") == "".join(f"/{slug}" for slug in source.categories)
        assert tuple(filter(None, line.get(own + "departements", "").split(","))) == source.departements
        assert (line.get(own + "republish") == "full") == (source.republish is Republish.FULL)
        pairs = filter(None, line.get(own + "tags", "").split("; "))
        assert dict(pair.split("=") for pair in pairs) == source.tags
    folders = {folder.get("text"): len(folder.findall("outline[@xmlUrl]")) for folder in root.iter("outline")}
    assert folders["Bourgogne-Franche-Comté"] == 2
    assert folders["Franche-Comté"] == 6
    assert folders["Bourgogne"] == 4


def test_only_the_press_offices_allow_their_full_text(origin: Origin) -> None:
    full = [source.title for source in origin.sources if source.republish is Republish.FULL]
    assert full == ["Conseil régional (démo) – presse", "Préfecture (démo) – communiqués"]
