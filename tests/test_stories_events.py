"""Which stories tell of one event, and what a window must answer for that."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from heapq import nlargest
from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.model import Frequencies, Genre, Gist, Item, Key, Level
from aggregator.stories import events, gist
from tests.values import NOW, make_item

FIRE = (
    "Plovier : un incendie ravage la scierie Marchal",
    "Incendie à la scierie Marchal de Plovier, vingt emplois menacés",
    "« Tout est parti en fumée » : à Plovier, la scierie Marchal détruite par un incendie",
)
MUSEUM = (
    "Le musée Courvane rouvre après six ans de travaux",
    "Musée Courvane : ce que vous verrez à la réouverture",
    "À Lissey, le musée Courvane accueille de nouveau le public",
)
OTHERS = (
    "Deux lynx relâchés dans le massif du Hautmont",
    "Grève des cantines : les repas froids jusqu’à jeudi",
    "La natation a sa nouvelle championne, Inès Valdrin",
)


class Window:
    """What a store does, in memory: it answers with the stories to compare with, and keeps the events."""

    def __init__(self) -> None:
        self.gists: dict[Key, Gist] = {}
        self.counts: Counter[str] = Counter()
        self.counted = 0
        self.posts: dict[str, list[tuple[Key, float]]] = defaultdict(list)  # feature → stories, the newest last
        self.event_of: dict[Key, int] = {}

    def add(self, item: Item, at: datetime = NOW) -> Gist:
        for key in [key for key, each in self.gists.items() if each.at < at - events.WINDOW]:
            self._leave(key)
        said = gist.words(item)
        frequencies = Frequencies(self.counted, {word.stem: self.counts[word.stem] for word in said})
        new = gist.gist(item, at, said, frequencies)
        placed = events.place(new, self._similar(new), len(self.gists))
        self.gists[item.key] = placed
        self.counts.update(placed.stems)
        self.counted += 1
        for feature, weight in placed.lookups.items():
            self.posts[feature].append((item.key, weight))
        self.event_of[item.key] = max(self.event_of.values(), default=0) + 1
        self._regroup(placed)
        return placed

    def _similar(self, new: Gist) -> Sequence[Gist]:
        total: Counter[Key] = Counter()
        for feature, weight in new.lookups.items():
            for key, other in self.posts[feature][-events.NEWEST :]:
                total[key] += weight * other
        return [self.gists[key] for key in nlargest(events.CANDIDATES, total, key=lambda key: total[key])]

    def _leave(self, key: Key) -> None:
        for feature in self.gists.pop(key).lookups:
            self.posts[feature] = [post for post in self.posts[feature] if post[0] != key]

    def _regroup(self, new: Gist) -> None:
        anew = {self.event_of[key] for key in events.touched(new, len(self.gists))} | {self.event_of[new.key]}
        members = [each for key, each in self.gists.items() if self.event_of[key] in anew]
        for event in events.group(members, len(self.gists)):
            name = max(self.event_of.values()) + 1
            self.event_of |= {each.key: name for each in event}

    def events(self) -> set[frozenset[Key]]:
        """The events of several stories."""
        found = defaultdict(set)
        for key, name in self.event_of.items():
            found[name].add(key)
        return {frozenset(keys) for keys in found.values() if len(keys) > 1}


def told(title: str, number: int = 1, lead: str = "", language: str = "fr", **changes: object) -> Item:
    """What outlet `number` says."""
    source = f"https://outlet{number}.example/feed"
    return make_item(number, **{"source": source, "title": title, "lead": lead, "language": language, **changes})


def tell(*stories: Sequence[str], language: str = "fr") -> tuple[Window, list[set[Key]]]:
    """A window in which the stories came in turn, the first of each, then the second; and what should be found."""
    window, wanted = Window(), [set() for _ in stories]
    number = 0
    for turn in range(max(map(len, stories))):
        for place, titles in enumerate(stories):
            if turn < len(titles):
                number += 1
                item = told(titles[turn], number, language=language)
                window.add(item, NOW + timedelta(minutes=number))
                wanted[place].add(item.key)
    return window, wanted


def gist_of(title: str, number: int = 1, at: datetime = NOW, lead: str = "", **changes: object) -> Gist:
    item = told(title, number, lead, **changes)
    return gist.gist(item, at, gist.words(item), Frequencies(0, {}))


def placed(new: Gist, others: Iterable[Gist], window: int = 10) -> Gist:
    return events.place(new, others, window)


def linked(number: int, **near: float) -> Gist:
    """A story that is near to others, which are named one1, one2 …"""
    return Gist(
        key(number),
        NOW + timedelta(minutes=number),
        {},
        (),
        {},
        near={key(int(name.removeprefix("one"))): alike for name, alike in near.items()},
    )


def key(number: int) -> Key:
    return (f"https://outlet{number}.example/feed", "guid")


def groups(*gists: Gist, window: int = 10) -> list[list[int]]:
    return [[(each.at - NOW) // timedelta(minutes=1) for each in event] for event in events.group(gists, window)]


# ── what belongs together


@pytest.mark.parametrize(
    ("language", "stories"),
    [
        ("fr", (FIRE, MUSEUM)),
        (
            "en",
            (
                (
                    "Storm Edda floods Brackwater harbour",
                    "Brackwater: boats sunk as storm Edda hits harbour",
                    "Harbour of Brackwater under water after storm Edda",
                ),
                ("Teacher wins Norland poetry prize", "Norland poetry prize goes to a village teacher"),
            ),
        ),
        (
            "de",
            (
                (
                    "Brücke in Hollenfurt nach Unfall gesperrt",
                    "Lastwagen rammt Brücke: Hollenfurter Brücke bleibt gesperrt",
                ),
                ("Bäckerei Wendlin schließt nach hundert Jahren", "Das Ende der Bäckerei Wendlin"),
            ),
        ),
        (
            "xx",
            (("Torvan zelim kadastro Brelin", "Brelin: kadastro zelimar"), ("Osk vantel mirapolis", "Mirapolis osk")),
        ),
        (
            "ja",
            (("東京湾岸で大規模な火災が発生", "東京湾岸の火災、けが人なし"), ("新型新幹線を公開", "新型新幹線が走る")),
        ),
    ],
)
def test_an_event_is_found_in_the_words_of_several_outlets(language: str, stories: Sequence[Sequence[str]]) -> None:
    window, wanted = tell(*stories, language=language)
    assert window.events() == {frozenset(keys) for keys in wanted}


def test_different_news_stand_alone() -> None:
    window, _ = tell(*[(title,) for title in (*OTHERS, FIRE[0], MUSEUM[0])])
    assert window.events() == set()


def test_the_order_of_arrival_does_not_change_the_events() -> None:
    found = set()
    items = [told(title, number) for number, title in enumerate((*FIRE, *MUSEUM[:2], OTHERS[0]))]
    for order in list(permutations(items))[::24]:
        window = Window()
        for minute, item in enumerate(order):
            window.add(item, NOW + timedelta(minutes=minute))
        found.add(frozenset(window.events()))
    assert len(found) == 1


def test_a_story_of_last_week_is_not_compared_with() -> None:
    window = Window()
    window.add(told(FIRE[0], 1), NOW - events.WINDOW - timedelta(minutes=1))
    assert not window.add(told(FIRE[1], 2), NOW).near


def test_a_word_shared_in_another_form_counts_in_part() -> None:
    fire, same, form = gist_of("Un méthaniseur explose"), gist_of("Le méthaniseur"), gist_of("La méthanisation")
    other = gist_of("La médiathèque")
    assert events.similarity(fire, same) > events.similarity(fire, form) > events.similarity(fire, other)


def test_where_more_is_told_more_must_agree() -> None:
    leads = ("Les pompiers sont restés toute la nuit.", "Le parquet attend les conclusions des experts.")
    bare = placed(gist_of(FIRE[1], 2), [gist_of(FIRE[0], 1)])
    with_leads = placed(gist_of(FIRE[1], 2, lead=leads[0]), [gist_of(FIRE[0], 1, lead=leads[1])])
    assert with_leads.has_lead
    assert max(with_leads.near.values()) < max(bare.near.values()) / 2


def test_stories_of_one_source_must_be_more_alike() -> None:
    other, own = (placed(gist_of(FIRE[1], 1, guid="new"), [gist_of(FIRE[0], number)]) for number in (2, 1))
    assert max(own.near.values()) == pytest.approx(max(other.near.values()) * events.SAME_SOURCE, abs=0.001)


def test_a_story_is_not_near_to_itself() -> None:
    one = gist_of(FIRE[0])
    assert not placed(one, [one]).near


def test_a_full_window_asks_for_more() -> None:
    one = linked(1, one2=events.threshold(0))
    assert events.touched(one, 0) == (key(2),)
    assert events.touched(one, 1_000) == ()
    assert events.threshold(0) < events.threshold(1_000) < events.threshold(100_000) < 1


# ── what is routine


@pytest.mark.parametrize("genre", [Genre.METEO, Genre.SONDAGE, Genre.OFFRE_EMPLOI, Genre.AGENDA])
def test_what_tells_no_event_has_no_words(genre: Genre) -> None:
    assert gist.words(told(FIRE[0])) and not gist.words(told(FIRE[0], genre=genre))
    empty = gist_of(FIRE[0], genre=genre)
    assert not events.similarity(empty, empty)


def test_the_issues_of_a_series_of_one_source_are_no_event() -> None:
    series = [gist_of(f"Recette du marché, numéro {number}", 1, guid=str(number)) for number in range(4)]
    found = [placed(each, series[:place]) for place, each in enumerate(series)]
    assert [each.is_routine for each in found] == [False, False, False, True]
    assert not found[-1].near


WEATHER_LEAD = "Des averses le matin, des éclaircies l’après-midi ; les températures ne dépasseront pas douze degrés."


def weather(town: str, number: int, days: float) -> Gist:
    title = f"Le temps à {town} : averses puis éclaircies"
    return gist_of(title, number, NOW + timedelta(days=days), f"À {town}. {WEATHER_LEAD}")


def test_what_is_told_alike_for_days_is_routine_whoever_tells_it() -> None:
    towns = [
        weather(town, number, number / 2) for number, town in enumerate(("Lissey", "Plovier", "Arcelle", "Domvaux"))
    ]
    assert [placed(each, towns[:place]).is_routine for place, each in enumerate(towns)] == [False] * 3 + [True]


def test_what_is_told_alike_within_a_day_is_an_event() -> None:
    hours = [weather("Lissey", number, number / 24) for number in range(4)]
    last = placed(hours[3], hours[:3])
    assert not last.is_routine and len(last.near) == 3


def test_what_is_like_a_routine_story_is_routine() -> None:
    known = replace(weather("Lissey", 1, 0), is_routine=True)
    assert placed(weather("Plovier", 2, 0), [known]).is_routine


def test_nothing_is_near_to_a_routine_story() -> None:
    assert not placed(gist_of(FIRE[1], 2), [replace(gist_of(FIRE[0], 1), is_routine=True)]).near


# ── grouping


def test_a_story_that_is_near_to_two_events_makes_them_one() -> None:
    apart = [linked(1), linked(2, one1=0.4), linked(3), linked(4, one3=0.4)]
    assert groups(*apart) == [[1, 2], [3, 4]]
    assert groups(*apart, linked(5, one1=0.2, one2=0.2, one3=0.35, one4=0.3)) == [[1, 2], [3, 4, 5]]
    bridged = linked(4, one1=0.3, one2=0.3, one3=0.4)
    assert groups(*apart[:3], bridged) == [[1, 2, 3, 4]]


def test_two_close_groups_do_not_join_by_a_weak_bridge() -> None:
    close = [linked(1), linked(2, one1=0.9), linked(3, one1=0.2, one2=0.2), linked(4, one1=0.2, one2=0.2, one3=0.9)]
    assert groups(*close) == [[1, 2], [3, 4]]
    loose = [replace(each, near={other: min(alike, 0.5) for other, alike in each.near.items()}) for each in close]
    assert groups(*loose) == [[1, 2, 3, 4]]


def test_a_story_may_follow_its_nearest_into_a_group() -> None:
    members = [linked(1), linked(2, one1=0.4), linked(3, one1=0.4, one2=0.4)]
    assert groups(*members, linked(4, one1=0.25)) == [[1, 2, 3, 4]]
    assert groups(*members, linked(4, one1=0.12)) == [[1, 2, 3], [4]]


def test_nearness_to_what_is_not_grouped_is_ignored() -> None:
    assert groups(linked(1, one9=0.9, one1=0.9), linked(2)) == [[1], [2]]


likeness = st.floats(0.05, 1.0)


@st.composite
def neighbourhoods(draw: st.DrawFn) -> list[Gist]:
    size = draw(st.integers(1, 9))
    pairs = draw(st.dictionaries(st.sampled_from(list(combinations(range(size + 1), 2))), likeness, max_size=25))
    return [
        linked(number, **{f"one{other}": alike for (other, one), alike in pairs.items() if one == number})
        for number in range(size)
    ]


@given(neighbourhoods(), st.randoms())
@settings(max_examples=60)
def test_every_story_is_in_one_event_however_they_are_given(gists: list[Gist], random: object) -> None:
    found = events.group(gists, 10)
    assert sorted(each.key for event in found for each in event) == sorted(each.key for each in gists)
    random.shuffle(gists)  # type: ignore[attr-defined]
    assert events.group(gists, 10) == found


@given(neighbourhoods())
@settings(max_examples=60)
def test_the_links_of_an_event_join_all_of_it_and_no_more(gists: list[Gist]) -> None:
    for event in events.group(gists, 10):
        found = events.links(event)
        assert len(found) == len(event) - 1
        reached = {event[0].key}
        for _ in found:
            reached |= {end for link in found for end in (link.item, link.other) if {link.item, link.other} & reached}
        assert reached == {each.key for each in event}


def test_a_link_says_what_agrees_and_names_the_later_story_first() -> None:
    window, _ = tell(FIRE[:2])
    early, late = window.gists.values()
    (link,) = events.links((early, late))
    assert (link.item, link.other, link.level, link.rule) == (late.key, early.key, Level.EVENT, "same-event/1")
    assert 0 < link.score <= 1
    assert set(link.evidence.agreeing) == {"Plovier", "Marchal", "scierie", "Incendie"}


def test_an_event_that_a_pin_alone_joins_has_no_links() -> None:
    assert not events.links((linked(1), linked(2)))
    assert not events.links(())


# ── gists


def test_a_common_word_weighs_less_than_a_rare_one_and_a_name_more() -> None:
    weights = gist_of("nouveau chantier chez Brelin").features
    assert weights["brelin"] > weights["chanti"] > weights["nouveau"]


def test_a_word_that_many_stories_have_weighs_less_and_one_that_all_have_nothing() -> None:
    item = told("canicule et moustiques")
    said = gist.words(item)
    made = gist.gist(item, NOW, said, Frequencies(5_000, {"canicul": 400, "et": 10**6}))
    assert made.features["canicul"] < made.features["moustiqu"]
    assert "et" not in made.features


def test_a_lead_counts_less_than_a_title_and_only_its_weightiest_words_do() -> None:
    many = " ".join(f"mot{number}" for number in range(40))
    made = gist_of("Inondation", lead=f"L’évacuation a commencé. {many}")
    assert made.features["inond"] > made.features["évacu" if "évacu" in made.features else "evacu"]
    assert len(made.stems) == 1 + gist.LEAD_WORDS
    assert gist_of("Inondation", lead="Inondation").has_lead is False


def test_shouting_makes_no_names() -> None:
    assert gist_of("SCIERIE DÉTRUITE").features["scier"] == gist_of("scierie détruite").features["scier"]


def test_a_word_in_both_the_title_and_the_lead_weighs_as_in_the_title() -> None:
    assert [word.is_lead for word in gist.words(told("12", lead="12")) if word.stem == "12"] == [False]
    assert [word.weight for word in gist.words(told("une scierie", lead="")) if word.stem == "scier"] == [1.0]


def test_a_gist_is_found_by_its_weightiest_words_and_by_short_ones_whole() -> None:
    made = gist_of("Lait bio : Ostrevant " + " ".join(f"parole{number}a" for number in range(20)))
    assert len(made.lookups) <= gist.LOOKED_UP
    assert "ostre-" in made.lookups and "bio" in gist_of("Lait bio").lookups


def test_words_that_share_a_beginning_alone_are_said_to_agree() -> None:
    assert gist.agreeing(gist_of("Un méthaniseur explose"), gist_of("La méthanisation")) == ("méthaniseur",)


texts = st.text(max_size=60) | st.sampled_from(["½ ﬁn", "ǅ ß İ", "🙂", "a\u0301b", "ⅷ ㎞", "l’l’l’"])


@given(texts, texts, st.sampled_from(["fr", "de-CH", "", "zz"]))
def test_any_text_has_a_gist_and_any_two_a_similarity(title: str, lead: str, language: str) -> None:
    one = gist_of(title, 1, lead=lead, language=language)
    other = gist_of(lead, 2, language=language)
    assert events.similarity(one, other) == pytest.approx(events.similarity(other, one))
    assert 0 <= events.similarity(one, other) <= 1 and events.similarity(one, one) <= 1
    assert all(0 <= weight <= 1000 for weight in one.features.values())
    assert len(one.lookups) <= gist.LOOKED_UP
