"""Which story is it? Identity, links, vetoes, lateness."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.model import Date, DecisionKind, Enclosure, Item, Question
from aggregator.store import Store, open_store
from aggregator.stories import give_keys
from aggregator.stories.guards import _compared, _contradiction, another_issue, contradiction, new_episode
from aggregator.stories.versions import is_material
from tests.values import NOW, SOURCE, date, make_item, settle, sources

OTHER = "https://other.example/feed"
LONG = "Le maire a présenté mardi le budget de la ville devant un public nombreux réuni dans la salle des fêtes"


def kinds(store: Store, items: list[Item], **rest: object) -> list[DecisionKind]:
    return [decision.kind for decision in settle(store, items, **rest).decisions]  # type: ignore[arg-type]


# ── keys within one document


def test_a_guid_that_tells_items_apart_is_the_key() -> None:
    assert [item.guid for item in give_keys([make_item(1, guid="a"), make_item(2, guid="b")])] == ["a", "b"]


def test_a_guid_that_several_items_share_is_replaced_by_their_links() -> None:
    first, second = make_item(1, guid="same"), make_item(2, guid="same")
    assert [item.guid for item in give_keys([first, second])] == [first.canonical, second.canonical]


def test_an_item_without_guid_and_link_gets_a_key_that_stays_the_same() -> None:
    nameless = make_item(1, guid="", link="", canonical="")
    (once,), (again,) = give_keys([nameless]), give_keys([nameless])
    assert once.guid.startswith("hash:") and once.guid == again.guid


def test_an_entry_that_stands_twice_in_a_document_is_one_item() -> None:
    assert len(give_keys([make_item(1), make_item(1)])) == 1


def test_items_that_share_guid_and_link_but_not_title_are_all_kept() -> None:
    rows = [make_item(1, guid="g", title=f"Météo du {day}") for day in (1, 2, 3)]
    same_link = [replace(row, canonical="https://outlet.example/meteo") for row in rows]
    keyed = give_keys(same_link)
    assert len({item.guid for item in keyed}) == 3


def test_items_without_guid_that_differ_by_their_date_alone_are_all_kept() -> None:
    page = make_item(1, guid="", canonical="https://outlet.example/meteo", title="La météo")
    assert len(give_keys([page, replace(page, published=date(NOW - timedelta(days=1)))])) == 2


def test_an_item_whose_link_is_the_guid_of_another_is_kept_beside_it() -> None:
    named = make_item(1, guid="https://outlet.example/article-2")
    nameless = make_item(2, guid="")
    assert len({item.guid for item in give_keys([named, nameless])}) == 2


def test_a_guid_of_any_length_makes_a_short_key() -> None:
    one, other = give_keys([make_item(1, guid="g" * 10**6), make_item(2, guid="g" * 10**6 + "2")])
    assert one.guid != other.guid and len(one.guid) < 100 > len(other.guid)


def test_a_guid_that_looks_like_one_of_our_episodes_is_kept_apart_from_them(store: Store) -> None:
    podcast = make_item(1, guid="https://outlet.example/show#episode-12", link="", canonical="", title="Épisode 12")
    assert kinds(store, [podcast]) == [DecisionKind.NEW]
    assert kinds(store, [podcast]) == [DecisionKind.SAME]
    assert kinds(store, [replace(podcast, title="Épisode douze", fingerprint="2")]) == [DecisionKind.CHANGED]


# ── new, changed, same


def test_the_same_item_polled_again_is_the_same(store: Store) -> None:
    assert kinds(store, [make_item(1)]) == [DecisionKind.NEW]
    assert kinds(store, [make_item(1)]) == [DecisionKind.SAME]
    assert len(list(store.items())) == 1


def test_a_corrected_title_changes_the_item_and_keeps_the_earlier_one(store: Store) -> None:
    settle(store, [make_item(1, title="Un actionnaire vent ses parts")])
    later = NOW + timedelta(hours=1)
    (decision,) = settle(store, [make_item(1, title="Un actionnaire vend ses parts")], later).decisions
    assert decision.kind is DecisionKind.CHANGED and decision.material
    (stored,) = store.items()
    assert stored.item.title == "Un actionnaire vend ses parts" and stored.changed_at == later
    assert [each.item.title for each in store.revisions(stored.id)] == ["Un actionnaire vent ses parts"]


def test_a_renumbered_feed_brings_no_new_items(store: Store) -> None:
    old = [make_item(number) for number in range(1, 6)]
    settle(store, old)
    renumbered = [replace(item, guid=f"urn:new:{number}") for number, item in enumerate(old)]
    assert kinds(store, renumbered) == [DecisionKind.SAME] * 5
    assert kinds(store, renumbered) == [DecisionKind.SAME] * 5


FLASHES = ("Accident sur la RN57", "Grève des bus à Besançon", "Incendie de grange", "Le budget est voté")


@pytest.mark.parametrize("link", ["https://outlet.example", "https://outlet.example/direct"])
def test_news_that_all_bear_the_link_of_one_page_are_all_kept_and_told(store: Store, link: str) -> None:
    store.open_log(NOW)
    for number, title in enumerate(FLASHES):
        settle(store, [make_item(number, guid=f"g{number}", canonical=link, title=title, lead="")], NOW)
    assert {stored.item.title for stored in store.items()} == set(FLASHES)
    assert {story.lead.item.title for story in store.head("all", 10)} == set(FLASHES)


def test_the_episodes_of_a_podcast_that_bear_its_page_are_all_kept_and_told(store: Store) -> None:
    store.open_log(NOW)
    for day in range(3):
        episode = make_item(
            guid=f"urn:{day}", canonical="https://outlet.example/podcast", title="Le journal de 8 heures", text=LONG,
            published=date(NOW + timedelta(days=day)), enclosures=(Enclosure(f"https://outlet.example/{day}.mp3"),),
        )  # fmt: skip
        settle(store, [episode], NOW + timedelta(days=day))
    assert len(list(store.items())) == len(store.head("all", 10)) == 3


def test_two_items_of_a_poll_are_never_versions_of_one_stored_item(store: Store) -> None:
    shared = {"canonical": "https://outlet.example/direct", "title": "Le direct", "lead": ""}
    settle(store, [make_item(1, guid="a", **shared)])
    kept = settle(store, [make_item(1, guid="b", **shared), make_item(1, guid="c", **shared)]).decisions
    assert len({decision.item.guid for decision in kept}) == 2


def test_a_guid_used_again_for_other_news_is_a_new_item_and_hides_nothing(store: Store) -> None:
    monday = make_item(1, guid="meteo", title="Météo du lundi 9 février", text="Pluie le matin. " + LONG)
    tuesday = make_item(
        1, guid="meteo", title="Météo du mardi 10 février", text="Grand soleil partout sur les plateaux et gel au petit jour",
        published=date(NOW + timedelta(days=1)),
    )  # fmt: skip
    settle(store, [monday])
    later = NOW + timedelta(days=1, hours=1)
    assert kinds(store, [tuesday], now=later) == [DecisionKind.NEW]
    assert kinds(store, [tuesday], now=later) == [DecisionKind.SAME]
    titles = {stored.item.title: stored for stored in store.items()}
    assert len(titles) == 2 and "used again" in titles["Météo du mardi 10 février"].reason
    assert len({stored.story_id for stored in titles.values()}) == 2


# ── one link in several sources


def test_one_link_in_two_sources_is_one_story_with_a_reason(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(store, [make_item(1)])
    settle(store, [make_item(1, source=OTHER, guid="x")], source=OTHER)
    first, second = store.items()
    assert first.story_id == second.story_id
    (link,) = store.links(first.story_id)
    assert link.level == "A" and link.evidence.link == first.item.canonical


def test_an_item_that_moves_to_the_link_of_another_joins_its_story(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(store, [make_item(1)])
    elsewhere = make_item(1, source=OTHER, guid="x", canonical="https://other.example/1", title="Vote", lead="")
    settle(store, [elsewhere], source=OTHER)
    assert len({stored.story_id for stored in store.items()}) == 2
    corrected = replace(elsewhere, canonical=make_item(1).canonical, fingerprint="corrected")
    settle(store, [corrected], source=OTHER)
    assert len({stored.story_id for stored in store.items()}) == 1


def test_a_source_that_dates_its_items_anew_leaves_no_revisions(store: Store) -> None:
    settle(store, [make_item(1)])
    for hours in range(1, 5):
        again = make_item(1, published=date(NOW + timedelta(hours=hours)), fingerprint=f"poll {hours}")
        assert kinds(store, [again], now=NOW + timedelta(hours=hours)) == [DecisionKind.CHANGED]
    (stored,) = store.items()
    assert stored.revision == 0 and store.revisions(stored.id) == ()
    assert stored.item.published.at == NOW + timedelta(hours=4)


def test_a_link_used_for_a_series_does_not_join_its_issues(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    link = "https://outlet.example/agenda"
    settle(store, [make_item(1, canonical=link, title="L’agenda du 7 février", text="Concert à Dole. " + LONG)])
    other = make_item(2, canonical=link, source=OTHER, title="L’agenda du 14 février", text="Marché aux fleurs de Gray")
    settle(store, [other], source=OTHER)
    assert len({stored.story_id for stored in store.items()}) == 2


def test_the_link_of_a_front_page_joins_only_what_is_alike(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    home = {"canonical": "https://town.example", "lead": ""}
    settle(store, [make_item(1, title="Le budget est voté", **home)])
    settle(store, [make_item(2, source=OTHER, title="Incendie de grange", **home)], source=OTHER)
    settle(store, [make_item(3, source=OTHER, title="Le budget est voté", **home)], source=OTHER)
    groups = {stored.item.guid[-1]: stored.story_id for stored in store.items()}
    assert groups["1"] == groups["3"] != groups["2"]


def test_the_page_of_a_series_in_two_sources_joins_each_issue_with_itself(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    page = {"canonical": "https://outlet.example/direct", "lead": ""}
    settle(store, [make_item(number, title=title, **page) for number, title in enumerate(FLASHES)])
    again = [make_item(number, source=OTHER, title=title, **page) for number, title in enumerate(FLASHES)]
    settle(store, again, source=OTHER)
    groups: dict[int, set[str]] = {}
    for stored in store.items():
        groups.setdefault(stored.story_id, set()).add(stored.item.title)
    assert sorted(groups.values(), key=str) == sorted(({title} for title in FLASHES), key=str)


@pytest.mark.parametrize(
    ("one", "other", "vetoed"),
    [
        ({"title": "Météo du 12 février"}, {"title": "Météo du 13 février"}, True),
        ({"title": "Budget voté", "text": LONG}, {"title": "Budget voté", "text": LONG + " ce soir"}, False),
        ({"title": "Budget voté", "text": LONG}, {"title": "Incendie", "text": "Un feu de grange a mobilisé trente pompiers à Morteau dans la nuit de samedi"}, True),
        ({"title": "Budget"}, {"title": "Incendie"}, False),  # too little text to contradict one link
        ({"title": "153,4 M€ votés", "text": LONG}, {"title": "153,6 M€ votés", "text": LONG}, False),
    ],
    ids=["dates differ", "a longer version", "other news", "teasers", "a corrected figure"],
)  # fmt: skip
def test_a_shared_link_is_vetoed_only_by_a_contradiction(
    one: dict[str, str], other: dict[str, str], vetoed: bool
) -> None:
    first, second = make_item(1, lead="Court.", **one), make_item(2, lead="Bref.", **other)
    assert bool(contradiction(first, second)) is vetoed
    assert bool(contradiction(second, first)) is vetoed


@given(st.text("Aà1.( é2,", max_size=60), st.text("aB 3-«", max_size=200))
def test_what_says_the_same_is_compared_no_further_and_would_not_contradict_itself(title: str, text: str) -> None:
    item = make_item(1, title=title, text=text, lead=text[:20])
    assert contradiction(item, replace(item, guid="other")) == ""
    assert _contradiction(*_compared(item, replace(item, guid="other"))) == ""


@pytest.mark.parametrize(
    ("one", "other", "vetoed"),
    [
        ({}, {}, False),
        ({"title": "Météo du 12 février", "lead": "Pluie."}, {"title": "Météo du 13 février", "lead": "Soleil."}, True),
        ({}, {"enclosures": (Enclosure("https://outlet.example/2.mp3"),)}, True),
        ({"lead": ""}, {"lead": "", "published": date(NOW - timedelta(days=1))}, True),
        ({"text": LONG}, {"text": LONG, "published": date(NOW - timedelta(days=1))}, False),
        ({"text": LONG}, {"text": LONG, "title": "Le conseil vote le beau projet numéro 1"}, False),
        ({"lead": ""}, {"lead": "", "title": "Le conseil vote le beau projet numéro 1"}, True),
    ],
    ids=["the same", "dates differ", "other media", "days apart", "days apart, one text", "retitled", "titles alone"],
)
def test_issues_of_a_series_are_one_only_if_they_are_alike(
    one: dict[str, object], other: dict[str, object], vetoed: bool
) -> None:
    first, second = make_item(1, **one), make_item(1, **other)
    assert bool(another_issue(first, second)) is vetoed
    assert bool(another_issue(second, first)) is vetoed


def test_a_later_publication_of_the_same_text_is_no_new_episode() -> None:
    assert not new_episode(make_item(1), make_item(1, published=date(NOW + timedelta(days=9))))


def test_a_later_publication_with_a_few_words_more_is_no_new_episode() -> None:
    longer = make_item(1, text=LONG + " et mercredi", published=date(NOW + timedelta(days=9)))
    assert not new_episode(make_item(1, text=LONG), longer)
    other = make_item(
        1, title="La foire aux vins", lead="", text="Pluie et vent", published=date(NOW + timedelta(days=9))
    )
    assert new_episode(make_item(1, text=LONG), other)


@settings(max_examples=25)
@given(st.permutations(range(6)))
def test_the_order_of_arrival_does_not_change_the_stories(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    urls = [f"https://s{number}.example/feed" for number in range(6)]
    store = open_store(str(tmp_path_factory.mktemp("order") / "t.db"))
    store.sync_sources(sources(*urls), NOW)
    texts = [
        "Concert à Dole. " + LONG,
        "Marché aux fleurs et brocante sur la place de Gray toute la journée de dimanche prochain",
    ]
    for number in order:
        item = make_item(
            number, source=urls[number], canonical="https://a.example/x" if number < 4 else f"https://a.example/{number}",
            title=["L’agenda du 7 février", "L’agenda du 14 février"][number % 2], text=texts[number % 2],
        )  # fmt: skip
        settle(store, [item], source=urls[number])
    groups: dict[int, set[str]] = {}
    for stored in store.items():
        groups.setdefault(stored.story_id, set()).add(stored.item.source)
    store.close()
    assert {frozenset(group) for group in groups.values()} == {
        frozenset({urls[0], urls[2]}), frozenset({urls[1], urls[3]}), frozenset({urls[4]}), frozenset({urls[5]}),
    }  # fmt: skip


# ── what a change means


@pytest.mark.parametrize(
    ("change", "material"),
    [
        ({"title": "Le conseil vote le projet numéro 2"}, True),
        ({"lead": "Les élus ont voté lundi le projet numéro 17 de la ville."}, True),
        ({"title": "LE CONSEIL VOTE LE PROJET NUMÉRO 1"}, False),
        ({"title": "Le conseil  vote le projet « numéro 1 »"}, False),
        ({"author": "La rédaction"}, False),
        ({"text": LONG * 2}, True),
    ],
)
def test_only_what_a_reader_wants_to_know_is_a_material_change(change: dict[str, str], material: bool) -> None:
    assert is_material(make_item(1), make_item(1, **change)) is material


# ── when


def test_an_item_dated_in_the_future_is_not_on_top(store: Store) -> None:
    settle(store, [make_item(1, published=date(NOW + timedelta(days=300))), make_item(2), make_item(3)])
    store.open_log(NOW)
    assert store.river("all").stories[0].sort_at == NOW - timedelta(minutes=2)


def test_an_undated_item_of_a_later_poll_was_published_since_the_last_one(store: Store) -> None:
    settle(store, [make_item(1)])
    store.open_log(NOW)
    later = NOW + timedelta(hours=1)
    settle(store, [make_item(2, published=Date("demain")), make_item(1)], later)
    assert [story.lead.item.guid[-1] for story in store.river("all").stories] == ["2", "1"]


def test_an_update_dated_before_its_publication_is_kept_and_moves_nothing(store: Store) -> None:
    before = NOW - timedelta(hours=5)
    settle(store, [make_item(1, updated=date(before))])
    store.open_log(NOW)
    (story,) = store.head("all", 10)
    assert story.lead.item.updated.at == before
    assert story.updated == story.lead.item.published.at == story.sort_at


def test_what_is_old_at_first_sight_is_stored_and_found_but_not_announced(store: Store) -> None:
    settle(store, [make_item(1)])
    store.open_log(NOW)
    settle(store, [make_item(2, published=date(NOW - timedelta(days=9))), make_item(3)], NOW)
    assert {story.lead.item.guid[-1] for story in store.head("all", 10)} == {"1", "3"}
    assert {story.lead.item.guid[-1] for story in store.river("all").stories} == {"1", "2", "3"}
    assert store.search(Question("projet 2"), "fr").hits


def test_a_new_source_with_undated_old_items_floods_no_feed(store: Store) -> None:
    settle(store, [make_item(1)])
    store.open_log(NOW)
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    settle(
        store,
        [make_item(number, source=OTHER, canonical="", published=Date()) for number in range(2, 40)],
        source=OTHER,
    )
    assert len(store.head("all", 100)) == 1
