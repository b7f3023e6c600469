"""A document that cannot be what its source has become is not taken in before it has said so three times."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec import Struct
from msgspec.structs import replace

from aggregator.digest import digest
from aggregator.errors import ErrorClass
from aggregator.model import Source, SourceState
from aggregator.pipeline import Report
from aggregator.poll import suspicion
from tests.origin import answer
from tests.test_pipeline import World

START = datetime(2026, 2, 11, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SUBJECTS = (
    "Le pont de la Loue rouvre aux camions", "La fromagerie de Frasne embauche dix personnes", "Un lynx filmé près de Mouthe",
    "Le lycée Pasteur change de proviseur", "Deux blessés sur la route de Dole", "Le musée Courbet prête trois tableaux",
    "La piscine de Vesoul ferme pour travaux", "Les vignerons d’Arbois craignent le gel", "Le tramway de Besançon s’allonge",
    "Une exposition sur les horlogers du Doubs", "Le train de Pontarlier supprimé lundi", "La Saône déborde à Gray",
)  # fmt: skip


class News(Struct, frozen=True):
    number: int
    title: str
    at: datetime | None
    guid: str = ""
    link: str = ""


def published(count: int = len(SUBJECTS), first: int = 0) -> list[News]:
    return [News(n, SUBJECTS[n], START - (n + 2) * HOUR) for n in range(first, count)]


def feed(news: Sequence[News], title: str = "Le Journal", site: str = "https://outlet.example") -> bytes:
    items = "".join(
        f"<item><title>{escape(each.title)}</title><link>{each.link or f'{site}/article-{each.number}'}</link>"
        f"<guid isPermaLink='false'>{each.guid or f'id-{each.number}'}</guid>"
        + (f"<pubDate>{format_datetime(each.at)}</pubDate>" if each.at else "")
        + f"<description>{escape(each.title)} : ce que l’on en sait ce soir.</description></item>"
        for each in news
    )
    return answer(
        headers={"Content-Type": "application/rss+xml"},
        body=f'<rss version="2.0"><channel><title>{title}</title><link>{site}/</link>{items}</channel></rss>'.encode(),
    )


class Newsroom(World):
    """One source that was read once, with its items in the head of the feeds."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, feed=feed(published()))
        self.settings = replace(self.settings, parse_seconds=20, timeout_seconds=20)
        assert self.poll(START)["feed"].new == len(SUBJECTS)
        self.store.open_log(START)
        self.now = START

    def ask(self, body: bytes, after: timedelta = HOUR) -> Report:
        self.answers["feed"] = body
        self.now += after
        return self.poll(self.now)["feed"]

    def heads(self) -> list[str]:
        return [story.lead.item.title for story in self.store.head("all", 50)]

    @property
    def count(self) -> int:
        return sum(1 for _ in self.store.items())


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Newsroom]:
    with Newsroom(tmp_path) as made:
        yield made


def now_news(at: datetime) -> list[News]:
    return [replace(each, at=at - timedelta(seconds=each.number)) for each in published()]


def other_site(_: datetime) -> bytes:
    news = [News(n, f"Bonus de casino numéro {n}", START - n * HOUR, f"c-{n}") for n in range(20)]
    return feed(news, "Casino en ligne", "https://casino.example")


def nothing(_: datetime) -> bytes:
    return feed([])


def renumbered_elsewhere(_: datetime) -> bytes:
    return feed(
        [replace(e, guid=f"new-{e.number}", link=f"https://outlet.example/n/{e.number}.html") for e in published()]
    )


def dates_now(at: datetime) -> bytes:
    return feed(now_news(at))


def flood(at: datetime) -> bytes:
    news = [News(100 + n, f"{SUBJECTS[n]} en {1900 + n}", at - timedelta(seconds=n)) for n in range(12)]
    return feed(news)


def rebuilt(_: datetime) -> bytes:
    return flood(START + HOUR / 2)


def redated(_: datetime) -> bytes:
    return dates_now(START + HOUR / 2)


ODD = [
    (other_site, "Casino en ligne"), (nothing, "no items any more"), (renumbered_elsewhere, "titles that we know"),
    (dates_now, "12 items that we know"), (redated, "12 items that we know"), (flood, "12 items are new"),
    (rebuilt, "12 items are new"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "evidence"), ODD)
def test_what_is_suspect_is_held_back_with_its_evidence_and_believed_the_third_time_after_six_hours(
    room: Newsroom, make: Callable[[datetime], bytes], evidence: str, caplog: pytest.LogCaptureFixture
) -> None:
    heads, count = room.heads(), room.count
    for _ in range(6):
        report = room.ask(make(room.now + HOUR))
        assert (report.status, report.new, report.changed) == (ErrorClass.SUSPECT, 0, 0)
        assert evidence in report.message
        assert room.heads() == heads and room.count == count
        (view,) = room.store.sources()
        assert view.state.error_class is ErrorClass.SUSPECT and view.state.next_check_at is not None
        assert view.state.next_check_at <= room.now + timedelta(hours=2.2)
    assert sum("suspect source=" in record.getMessage() for record in caplog.records) == 1
    report = room.ask(make(room.now + HOUR))
    assert report.status == "ok" and room.heads() == heads
    assert room.count == count + report.new
    assert room.ask(make(room.now + HOUR)).status == "ok" and room.heads() == heads


@pytest.mark.parametrize(("make", "evidence"), ODD)
def test_what_has_said_so_twice_in_six_hours_or_often_in_less_is_not_believed(
    room: Newsroom, make: Callable[[datetime], bytes], evidence: str
) -> None:
    reports = [room.ask(make(room.now + HOUR / 2), HOUR / 2) for _ in range(9)]
    assert all(report.status == ErrorClass.SUSPECT and evidence in report.message for report in reports)
    assert room.ask(feed(published()), HOUR).status == "ok"
    assert room.ask(make(room.now + 4 * HOUR), 4 * HOUR).status == ErrorClass.SUSPECT
    assert room.ask(make(room.now + 4 * HOUR), 4 * HOUR).status == ErrorClass.SUSPECT


def test_a_mistake_that_is_mended_leaves_no_trace(room: Newsroom) -> None:
    assert room.ask(nothing(room.now)).status == ErrorClass.SUSPECT
    news = [News(50, "La neige est annoncée pour jeudi", START + HOUR), *published()]
    report = room.ask(feed(news))
    assert (report.status, report.new, room.heads()[0]) == ("ok", 1, news[0].title)
    (view,) = room.store.sources()
    assert view.state.error_class is None and view.state.doubt.kind == ""


def renumbered(more: Sequence[News] = ()) -> bytes:
    return feed([*more, *(replace(each, guid=f"new-{each.number}") for each in published())])


def test_a_renumbered_feed_adds_nothing_to_any_head_and_its_news_come_at_once(room: Newsroom) -> None:
    heads, stories = room.heads(), {each.story_id for each in room.store.items()}
    report = room.ask(renumbered())
    assert report.status == ErrorClass.SUSPECT and "links that we know" in report.message
    assert (report.new, room.heads()) == (0, heads)
    (view,) = room.store.sources()
    assert view.state.error_class is ErrorClass.SUSPECT and view.state.error_count == 0
    assert room.ask(renumbered()).status == ErrorClass.SUSPECT  # the same body: still so
    news = News(50, "La neige est annoncée pour jeudi", START + HOUR, "new-50")
    report = room.ask(renumbered([news]))
    assert (report.new, room.heads()) == (1, [news.title, *heads])
    report = room.ask(renumbered([replace(news, title="La neige tombera jeudi sur le Haut-Doubs")]))
    assert (report.status, report.new) == ("ok", 0)  # there is an id that we know
    assert stories < {each.story_id for each in room.store.items()} and room.count == len(SUBJECTS) + 1


def test_a_renumbered_feed_with_other_dates_and_titles_adds_nothing_to_any_head(room: Newsroom) -> None:
    heads = room.heads()
    for change in ({"at": room.now + HOUR}, {"at": None}, {"at": room.now + HOUR, "title": "À lire"}):
        news = [replace(each, guid=f"{len(change)}-{each.number}", **change) for each in published()]  # type: ignore[arg-type]
        room.ask(feed(news))
        assert room.heads() == heads


def test_what_a_new_owner_publishes_is_news_once_the_feed_is_believed(room: Newsroom) -> None:
    for _ in range(7):
        room.ask(other_site(room.now))
    told = ("Le tournoi de poker débute vendredi", "Une salle de jeux ouvrira à Divonne")
    later = [News(900 + n, title, room.now, f"c-{900 + n}") for n, title in enumerate(told)]
    old = [News(n, f"Bonus de casino numéro {n}", START - n * HOUR, f"c-{n}") for n in range(18)]
    report = room.ask(feed([*later, *old], "Casino en ligne", "https://casino.example"))
    assert report.new == 2 and set(room.heads()[:2]) == {each.title for each in later}


def test_what_is_like_the_source_is_not_suspect(room: Newsroom) -> None:
    fresh = [News(200 + n, f"{SUBJECTS[n]} : le point", room.now + HOUR - timedelta(minutes=7 * n)) for n in range(12)]
    assert room.ask(feed(fresh)).new == 12  # the whole document is another, from the same newsroom
    assert room.ask(feed(fresh, "Le Journal du soir")).status == "ok"
    assert room.ask(feed(fresh[:3], "Le Journal du soir", "https://journal.example")).status == "ok"
    assert room.ask(feed([])).status == "ok"  # three items were not many


def test_the_hosts_that_a_source_links_to_are_kept_with_their_ports(room: Newsroom) -> None:
    assert room.ask(feed(published(), site="https://www.outlet.example:8443")).status == "ok"
    (view,) = room.store.sources()
    assert view.state.link_hosts == ("outlet.example:8443",)


def test_a_site_whose_address_could_not_be_read_is_no_proof_that_the_source_is_the_same() -> None:
    known = SimpleNamespace(by_guid={}, by_link={}, titles=frozenset, new_source=False)
    state = SourceState("https://outlet.example/feed", feed_title="Le Journal", link_hosts=("outlet.example",))
    state = replace(state, feed_site="https://[journal/", entries=12)
    news = [replace(each, link=f"https://casino.example/{each.number}") for each in published()]
    body = feed(news, "Casino en ligne").partition(b"\r\n\r\n")[2]
    found = digest(Source(state.url), body, "application/rss+xml", {}, "")
    assert "Casino en ligne" in suspicion.judge(state, found.feed, found.items, known, START).reason


def test_a_source_that_is_odd_from_the_first_is_never_suspect(tmp_path: Path) -> None:
    with World(tmp_path, feed=feed(now_news(START))) as world:
        world.settings = replace(world.settings, parse_seconds=20, timeout_seconds=20)
        for hours in range(0, 12, 3):
            at = START + hours * HOUR
            world.answers["feed"] = feed(now_news(at))
            assert world.poll(at)["feed"].status == "ok"
