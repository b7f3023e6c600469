"""Looking again: the same stories in whatever order the sources were polled, and what editors said holds."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.cli import main
from aggregator.config import Settings
from aggregator.model import Closed, Evidence, Item, Key, Level, Link, PinKind
from aggregator.pipeline import Pipeline
from aggregator.review import WHY, Review, review
from aggregator.store import Store, open_store
from aggregator.stories import WINDOW
from tests.values import NOW, date, make_item, settle, sources

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DOUBS, JURA, SAONE, NIEVRE, YONNE, BELFORT = OUTLETS = tuple(
    f"https://{name}.example/feed" for name in ("doubs", "jura", "saone", "nievre", "yonne", "belfort")
)

# ── a day of six outlets, all invented

LIBRARY = """La médiathèque de Pontarlier prêtera des instruments de musique à partir du 2 mars. Trente-cinq guitares,
claviers et violons, offerts par des habitants, ont été remis en état par les élèves du lycée des métiers. Le prêt dure
six semaines et coûte 5 euros, une caution est demandée. Les premiers rendez-vous se prennent dès samedi à l'accueil."""
WOLVES = """Deux loups ont été filmés dans la nuit de dimanche à lundi près de Mouthe par le piège photographique d'un
naturaliste. Les services de l'État confirment la présence d'une meute installée depuis l'automne à cheval sur la
frontière suisse. Onze brebis ont été tuées en janvier. Les éleveurs réunis à Levier demandent des tirs de défense."""
TRAIN = """La ligne des Hirondelles sera fermée du 9 mars au 17 mai entre Dole et Saint-Claude. Quatre tunnels seront
consolidés et douze kilomètres de rails remplacés, pour 26 millions d'euros. Des autocars partiront des gares aux heures
des trains, avec vingt minutes de trajet en plus. La réouverture sera fêtée par une journée gratuite."""


def item(name: str, source: str, title: str, text: str, hours: float = 0.0, **rest: Any) -> Item:
    return make_item(
        source=source, guid=name, link=f"{source}/{name}", canonical=f"{source}/{name}", title=title, lead="",
        text=text, published=date(NOW - 12 * HOUR + hours * HOUR), **rest,
    )  # fmt: skip


def sentences(text: str, *numbers: int) -> str:
    parts = " ".join(text.split()).rstrip(".").split(". ")
    return ". ".join(parts[number] for number in numbers) + "."


def weather(name: str, source: str, town: str, degrees: int, hours: float = 0.0) -> Item:
    text = f"Prévisions pour {town} mercredi. Le matin, le ciel sera couvert et le vent faible. L'après-midi, quelques éclaircies sont attendues, avec {degrees} degrés au meilleur de la journée. La nuit suivante sera fraîche, avec des brumes au fond des vallées."
    return item(name, source, f"Météo : le temps à {town}", text, hours)


def donors(name: str, source: str, day: int, hours: float = 0.0) -> Item:
    text = f"Les donneurs de sang sont attendus le {day} février à la salle des fêtes de Levier, de 15 h 30 à 19 h 30, munis d'une pièce d'identité, après un repas léger et en buvant beaucoup d'eau. Une collation sera servie par les bénévoles de l'amicale du plateau, qui remercient d'avance la population. Le nombre de dons baisse chaque hiver alors que les besoins des hôpitaux de Besançon, Dole, Pontarlier et Vesoul restent les mêmes, rappelle l'établissement qui organise la tournée. Toute personne en bonne santé peut donner à partir de 18 ans, plusieurs fois dans l'année, sans autre formalité qu'un entretien avec un médecin."
    return item(name, source, "Collecte de sang à la salle des fêtes, les bénévoles vous attendent", text, hours)


INVITATION = "Recevez chaque soir l'essentiel de l'actualité du Jura et du Haut-Doubs en vous inscrivant gratuitement à notre lettre."

DAY_S_NEWS = (
    item("library-1", DOUBS, "La médiathèque de Pontarlier prête des instruments", LIBRARY),
    item("library-2", JURA, "Pontarlier : empruntez un violon à la médiathèque", f"(Communiqué) {sentences(LIBRARY, 0, 1, 2)}", 2),
    item("library-3", SAONE, "Trente-cinq instruments à emprunter à Pontarlier", f"Par Jeanne Morel, {sentences(LIBRARY, 0, 2, 1)}", 4),
    item("library-4", BELFORT, "La médiathèque de Pontarlier prête des instruments", sentences(LIBRARY, 0), 9),
    item("wolves-1", JURA, "Deux loups filmés près de Mouthe", WOLVES, 1),
    item("wolves-2", JURA, "Deux loups filmés près de Mouthe, les éleveurs inquiets", f"{WOLVES} Une battue est exclue.", 5),
    item("wolves-3", NIEVRE, "Une meute de loups installée à la frontière suisse", f"MOUTHE (AFP) – {WOLVES}", 3),
    item("wolves-own", YONNE, "Loups : la colère gronde chez les bergers", "À Levier, la salle était comble lundi soir. Un à un, les bergers ont pris la parole pour dire leur fatigue et réclamer le droit de tirer.", 6),
    item("train-1", DOUBS, "La ligne des Hirondelles fermée dix semaines", TRAIN, 2),
    item("train-2", BELFORT, "Train : pas d'Hirondelles avant le 17 mai", sentences(TRAIN, 0, 1, 2), 3),
    item("train-3", YONNE, "La ligne des Hirondelles fermée dix semaines - L'Yonne", sentences(TRAIN, 0, 2), 8),
    weather("weather-dole", DOUBS, "Dole", 8),
    weather("weather-gray", DOUBS, "Gray", 9, 1),
    weather("weather-lons", DOUBS, "Lons", 7, 2),
    weather("weather-vesoul", SAONE, "Vesoul", 6, 1),
    weather("weather-dole-2", BELFORT, "Dole", 4, 3),
    donors("donors-9", NIEVRE, 9, -11),
    donors("donors-13", YONNE, 13, -10),
    donors("donors-17", BELFORT, 17, 3),
    donors("donors-19", YONNE, 19, 11),
    donors("donors-21", NIEVRE, 21, 10),
    item("brief-1", JURA, "Vol de cuivre à Morez", f"Trois bobines ont disparu. {INVITATION}", 1),
    item("brief-2", JURA, "Bal des pompiers à Champagnole", f"L'orchestre sera là. {INVITATION}", 2),
    item("brief-3", SAONE, "Feu de cave à Poligny", f"Personne n'est blessé. {INVITATION}", 2),
    item("brief-4", JURA, "Foire aux vins d'Arbois", f"Elle ouvre demain. {INVITATION}", 3),
)  # fmt: skip
STORIES = (
    {"library-1", "library-2", "library-3", "library-4"},
    {"wolves-1", "wolves-2", "wolves-3"},
    {"train-1", "train-2", "train-3"},
)
ALONE = {each.guid for each in DAY_S_NEWS} - set().union(*STORIES)
EXPECTED = {*map(frozenset, STORIES), *(frozenset([guid]) for guid in ALONE)}


def open_empty() -> Store:
    store = open_store(":memory:")
    store.sync_sources(sources(*OUTLETS), NOW)
    store.open_log(NOW)
    return store


def documents(source: str) -> tuple[Sequence[Item], Sequence[Item]]:
    """What a source's feed holds at noon and in the evening, the newest first."""
    all_ = [each for each in DAY_S_NEWS if each.source == source][::-1]
    return all_[len(all_) // 2 :], all_


def play(store: Store, polls: Iterable[str]) -> None:
    """Poll sources in this order; the first poll of each finds its noon document."""
    seen: set[str] = set()
    for minutes, source in enumerate(polls):
        settle(store, list(documents(source)[source in seen]), NOW + timedelta(minutes=minutes), source)
        seen.add(source)


def look_again(store: Store, now: datetime = NOW + HOUR, since: timedelta = 30 * HOUR) -> Review:
    found = review(store, now, since)
    store.relink(found.made, found.closed, now)
    return found


def partition(store: Store) -> set[frozenset[str]]:
    groups: dict[int, set[str]] = {}
    for stored in store.items():
        groups.setdefault(stored.story_id, set()).add(stored.item.guid)
    return set(map(frozenset, groups.values()))


NOTHING = Review((), ())


@settings(max_examples=30)
@given(st.permutations(OUTLETS * 2))
def test_after_a_review_the_stories_are_the_same_in_whatever_order_the_sources_were_polled(polls: list[str]) -> None:
    with closing(open_empty()) as store:
        play(store, polls)
        look_again(store)
        assert partition(store) == EXPECTED
        assert look_again(store) == NOTHING and partition(store) == EXPECTED


def test_what_the_order_of_arrival_joined_for_want_of_a_known_mould_is_parted_with_a_reason() -> None:
    first = donors("donors-9", NIEVRE, 9, 1)
    with closing(open_empty()) as store:
        settle(store, [first], source=NIEVRE)
        settle(store, [donors("donors-17", BELFORT, 17, 3)], source=BELFORT)
        assert len(partition(store)) == 1
        for number in range(3):
            settle(store, [donors(f"next-{number}", YONNE, 22 + number, number - 24 * number)], source=YONNE)
        made = look_again(store)
        assert partition(store) == {frozenset([stored.item.guid]) for stored in store.items()}
        assert Closed((BELFORT, "donors-17"), first.key, Level.TEXT, WHY) in made.closed
        ties = store.links_of(1)
        assert all(tie.closed_at == NOW + HOUR and tie.closed_why == WHY for tie in ties) and ties


@pytest.fixture
def world(store: Store) -> Store:
    """A store that has the press release of three outlets as one story in its feeds."""
    store.sync_sources(sources(*OUTLETS), NOW)
    store.open_log(NOW)
    for each in DAY_S_NEWS[:3]:
        settle(store, [each], source=each.source)
    assert partition(store) == {frozenset({"library-1", "library-2", "library-3"})}
    return store


def id_of(store: Store, key: Key) -> int:
    found = store.keyed(key)
    assert found
    return found.id


KEYS = tuple(each.key for each in DAY_S_NEWS)


def test_a_link_that_was_missed_is_made_with_its_evidence(world: Store) -> None:
    links = world.text_links(NOW - HOUR)
    world.relink([], [Closed(link.item, link.other, Level.TEXT, "by mistake") for link in links], NOW)
    assert len(partition(world)) == 3
    made = look_again(world)
    assert len(partition(world)) == 1 and made.closed == ()
    assert {frozenset((link.item, link.other)) for link in made.made} == {
        frozenset((was.item, was.other)) for was in links
    }
    quotes = [link.evidence.quote for link in made.made]
    assert all(quote and quote in " ".join(LIBRARY.split()) for quote in quotes)


def test_a_link_that_an_earlier_rule_made_is_made_anew_where_it_holds(world: Store) -> None:
    (now, *rest) = world.text_links(NOW - HOUR)
    world.relink([replace(now, rule="same-text/0", evidence=Evidence(quote="of old"))], [], NOW)
    made = look_again(world)
    assert [(link.rule, link.score) for link in made.made] == [(now.rule, now.score)] and made.closed == ()
    assert look_again(world) == NOTHING and len(world.text_links(NOW - HOUR)) == 1 + len(rest)


def test_what_was_seen_before_is_not_looked_at(world: Store) -> None:
    links = world.text_links(NOW - HOUR)
    world.relink([], [Closed(link.item, link.other, Level.TEXT, "by mistake") for link in links], NOW)
    assert review(world, NOW + HOUR, timedelta(minutes=59)) == NOTHING
    assert review(world, NOW + HOUR, HOUR) != NOTHING


def test_reviewing_writes_nothing(world: Store) -> None:
    before = partition(world), world.text_links(NOW - HOUR)
    world.relink([], [Closed(before[1][0].item, before[1][0].other, Level.TEXT, "")], NOW)
    left = world.text_links(NOW - HOUR)
    assert review(world, NOW, DAY) != NOTHING
    assert world.text_links(NOW - HOUR) == left


def test_links_of_identity_and_between_versions_of_one_date_stay(world: Store) -> None:
    one, two = item("a", DOUBS, "Un feu à Gray", "Un feu."), item("b", DOUBS, "Un bal à Lure", "Un bal.")
    far = item("c", NIEVRE, "Le préfet reçoit", "Une visite.")
    settle(world, [one, two], source=DOUBS)
    settle(world, [far], source=NIEVRE)
    evidence = Evidence(link="https://a.example/")
    world.relink(
        [Link(two.key, one.key, Level.TEXT, 1.0, evidence, ""), Link(far.key, one.key, Level.IDENTITY, 1.0, evidence, "")],
        [], NOW,
    )  # fmt: skip
    assert look_again(world) == NOTHING and frozenset("abc") in partition(world)
    world.relink([Link(far.key, two.key, Level.TEXT, 1.0, evidence, "")], [], NOW)
    assert [closed.item for closed in look_again(world).closed] == [far.key]
    assert frozenset("abc") in partition(world)


def test_nothing_is_said_against_a_link_whose_text_is_no_longer_kept(world: Store) -> None:
    one, other = item("a", DOUBS, "Un feu à Gray", "Un feu."), item("b", JURA, "Un bal à Lure", "Un bal.")
    settle(world, [one], NOW - 3 * DAY, DOUBS)
    settle(world, [other], NOW, JURA)
    world.relink([Link(other.key, one.key, Level.TEXT, 1.0, Evidence(), "")], [], NOW)
    assert [closed.item for closed in review(world, NOW, DAY).closed] == [other.key]
    while world.forget_prints(NOW - DAY):
        pass
    assert world.print_of(one.key) is None and review(world, NOW, DAY) == NOTHING


# ── what editors said


def test_items_that_an_editor_keeps_apart_stay_so_when_copies_come_and_after_a_review(world: Store) -> None:
    world.pin(PinKind.CANNOT, id_of(world, KEYS[1]), id_of(world, KEYS[0]), "ed", "", NOW)
    apart = partition(world)
    assert len(apart) == 2
    for source in (NIEVRE, YONNE):
        settle(world, [item(f"copy-{source}", source, DAY_S_NEWS[0].title, LIBRARY, 5)], NOW + HOUR, source)
        assert len(partition(world)) == 2
    look_again(world, NOW + 2 * HOUR)
    assert len(partition(world)) == 2
    told = {guid: group for group in partition(world) for guid in group}
    assert told["library-1"] is not told["library-2"]
    assert look_again(world, NOW + 2 * HOUR) == NOTHING


def test_items_that_an_editor_joined_stay_so_after_a_review(world: Store) -> None:
    other = DAY_S_NEWS[8]
    settle(world, [other], source=other.source)
    pin = world.pin(PinKind.MUST, id_of(world, other.key), id_of(world, KEYS[1]), "ed", "", NOW)
    assert look_again(world) == NOTHING and len(partition(world)) == 1
    world.undo_pin(pin.id, "ed", NOW)
    assert len(partition(world)) == 2


COPIES = tuple(
    item(f"copy-{number}", source, title, text, hours)
    for number, (source, title, text, hours) in enumerate(
        (
            (JURA, DAY_S_NEWS[1].title, DAY_S_NEWS[1].text, -5),
            (SAONE, DAY_S_NEWS[2].title, DAY_S_NEWS[2].text, 4),
            (NIEVRE, DAY_S_NEWS[0].title, f"{LIBRARY} Le catalogue est en ligne. La ville de Morteau y songe.", 1),
            (BELFORT, DAY_S_NEWS[0].title, sentences(LIBRARY, 0, 1), 6),
        )
    )
)


@settings(max_examples=20)
@given(st.permutations(COPIES), st.integers(0, 3))
def test_the_id_of_an_announced_entry_stays_as_sources_join_in_any_order(
    copies: list[Item], reviewed_after: int
) -> None:
    with closing(open_empty()) as store:
        settle(store, [DAY_S_NEWS[0]], source=DOUBS)
        (announced,) = store.head("all", 9)
        for number, copy in enumerate(copies):
            settle(store, [copy], NOW + number * HOUR, copy.source)
            if number == reviewed_after:
                look_again(store, NOW + number * HOUR)
            (entry,) = store.head("all", 9)
            assert (entry.entry_id, entry.lead.item.key, entry.id) == (announced.entry_id, KEYS[0], announced.id)
            assert len(entry.others) == number + 1


# ── a site that flips


def test_an_item_that_flips_between_two_texts_is_updated_once_and_keeps_two_revisions_at_most(store: Store) -> None:
    store.sync_sources(sources(*OUTLETS), NOW)
    store.open_log(NOW)
    faces = [item("flip", DOUBS, "La médiathèque prête des violons", text) for text in (LIBRARY, f"{WOLVES} {TRAIN}")]
    updated: set[datetime] = set()
    for number in range(12):
        settle(store, [faces[number % 2]], NOW + number * HOUR, DOUBS)
        (story,) = store.head("all", 9)
        updated.add(story.updated)
    assert len(updated) == 2  # as it was published, and as it was first changed
    assert len(store.revisions(story.lead.id)) <= 2
    assert story.lead.item.text == faces[1].text
    found = store.print_of(faces[0].key)
    assert found and found.print.body.startswith("deux loups")


# ── the ways to it


def test_the_pipeline_writes_what_a_review_found_and_lets_old_prints_go(
    world: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tributary")
    old = replace(DAY_S_NEWS[8], guid="old")
    settle(world, [old], NOW, DOUBS)
    links = world.text_links(NOW - HOUR)
    world.relink([], [Closed(link.item, link.other, Level.TEXT, "") for link in links], NOW)

    def run(now: datetime) -> Review:
        async def one_review() -> Review:
            async with Pipeline(Settings(workers=1), world, lambda: now) as pipeline:
                return await pipeline.review()

        return asyncio.run(one_review())

    assert len(run(NOW + HOUR).made) == len(links) and len(partition(world)) == 2
    assert f"reviewed made={len(links)} closed=0" in caplog.text
    assert run(NOW + HOUR) == NOTHING and world.print_of(old.key)
    assert run(NOW + WINDOW + HOUR) == NOTHING and world.print_of(old.key) is None
    assert len(partition(world)) == 2


def test_the_command_says_how_many_links_were_made_and_closed(tmp_path: Path) -> None:
    database = str(tmp_path / "tributary.db")
    store = open_store(database)
    store.sync_sources(sources(*OUTLETS), NOW)
    for each in DAY_S_NEWS[:3]:
        settle(store, [each], datetime.now(UTC) - 2 * HOUR, each.source)
    links = store.text_links(NOW)
    store.relink([], [Closed(link.item, link.other, Level.TEXT, "") for link in links], NOW)
    environ = {"TRIBUTARY_DATABASE": database}
    for days, told in (("0.01", "0 links made, 0 closed"), ("1", f"{len(links)} links made, 0 closed")):
        result = CliRunner().invoke(main, ["review", "--days", days], env=environ, catch_exceptions=False)
        assert result.output == f"{told}\n"
    assert len(partition(store)) == 1
    store.close()
