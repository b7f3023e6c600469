"""The pages as readers see them."""

import html
import re
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest
from flask import abort
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.errors import ErrorClass, StoreError
from aggregator.model import (
    Category,
    Date,
    DecisionKind,
    Evidence,
    Genre,
    Image,
    Level,
    Origin,
    PinKind,
    Republish,
    Source,
)
from aggregator.store import Store, open_store
from tests.web_world import (
    INFO,
    MATIN,
    NOW,
    PRESSE,
    PUBLIC,
    World,
    a_world,
    about,
    an_item,
    fail,
    same_event,
    same_story,
    settings_in,
    tell,
)
from web import create_app


@pytest.fixture
def world(tmp_path: Path) -> World:
    return a_world(tmp_path)


def at(day: int, hour: int = 12, minute: int = 0) -> Date:
    return Date("", datetime(2026, 2, day, hour, minute, tzinfo=UTC))


def fr(path: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}lang=fr"


# ── the river


def test_the_front_page_shows_every_category_by_day_newest_first(world: World) -> None:
    tell(world.store, [
        an_item("eco", published=at(9)),
        an_item("foot", published=at(10), categories=(Category("sport", "aliases"),)),
    ])  # fmt: skip
    text = world.text(fr("/"))
    assert text.index("mardi 10 février 2026") < text.index("Titre foot")
    assert text.index("Titre foot") < text.index("Lundi 9 février 2026") < text.index("Titre eco")


def test_a_day_ends_at_midnight_of_the_site_s_time_zone(world: World) -> None:
    tell(world.store, [an_item("late", published=at(9, 23, 30))])  # 00:30 on the 10th in Paris
    text = world.text(fr("/"))
    assert "mardi 10 février 2026" in text
    assert ">00:30<" in text


def test_a_category_page_holds_its_stories_alone(world: World) -> None:
    tell(world.store, [an_item("eco"), an_item("foot", categories=(Category("sport", "aliases"),))])
    text = world.text(fr("/economie"))
    assert "Titre eco" in text
    assert "Titre foot" not in text
    assert "<h1>Économie</h1>" in text


@pytest.mark.parametrize(
    "path", ["/nothing", "/all", "/economie/x", "/story/7", "/story/-1", "/source", "/source?url=x"]
)
def test_an_unknown_address_gets_a_page_of_ours_that_says_so(world: World, path: str) -> None:
    response = world.client.get(fr(path))
    assert response.status_code == 404
    assert "Cette page n’existe pas" in response.get_data(as_text=True)
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["/economie/", "/sources/", "/search/"])
def test_a_slash_at_the_end_does_no_harm(world: World, path: str) -> None:
    assert world.client.get(path).status_code == 200


def test_a_title_leads_to_the_source_and_the_details_to_our_page(world: World) -> None:
    tell(world.store, [an_item("one")])
    text = world.text(fr("/"))
    assert '<a href="https://info.example/one" rel="noopener nofollow">Titre one</a>' in text
    assert 'href="/story/1?lang=fr"' in text
    assert "Comtois Info" in text
    assert "Chapeau de one." in text


def test_a_story_of_several_sources_names_them_all(world: World) -> None:
    one, two, three = an_item("a"), an_item("b", MATIN), an_item("c", PRESSE)
    tell(world.store, [one])
    tell(world.store, [two, three], links=[same_story(two, one), same_story(three, one)])
    text = world.text(fr("/"))
    assert "3 sources" in text
    assert "Aussi dans\u00a0: Haut-Doubs Matin, presse.example" in text
    assert "Titre b" not in text  # one story, one entry


def test_two_items_of_one_source_are_one_source(world: World) -> None:
    one, two = an_item("a"), an_item("b")
    tell(world.store, [one])
    tell(world.store, [two], links=[same_story(two, one)])
    assert "2 sources" not in world.text(fr("/"))


def badges_in(text: str) -> list[tuple[str, str]]:
    return re.findall(r'<span class="badge (\w+)">([^<]*?)\s*<', text)


def test_badges_tell_the_genre_the_labels_and_a_late_change(world: World) -> None:
    first = an_item("a", genre=Genre.COMMUNIQUE, labels=("(Communiqué)", "Exclusif •"), published=at(11, 8))
    tell(world.store, [first])
    tell(world.store, [replace(first, title="Autre")], kind=DecisionKind.CHANGED, changed_at=at(11, 10).at)
    assert badges_in(world.text(fr("/"))) == [
        ("genre", "Communiqué de presse"), ("label", "Exclusif"), ("updated", "Mis à jour"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("genre", "label", "shown"),
    [
        (Genre.OFFRE_EMPLOI, "Offre d’emploi", [("genre", "Job offer")]),
        (Genre.VIDEO, "VIDÉO •", [("genre", "Video, pictures")]),
        (Genre.ARTICLE, "+ Précisions de la Ville •", [("label", "+ Précisions de la Ville")]),
        (Genre.ARTICLE, "•", []),
        (Genre.ARTICLE, "", []),
    ],
)
def test_a_label_that_repeats_the_genre_in_another_language_is_shown_once(
    world: World, genre: Genre, label: str, shown: list[tuple[str, str]]
) -> None:
    tell(world.store, [an_item("a", genre=genre, labels=(label, label) if label else ())])
    assert badges_in(world.text("/?lang=en")) == shown


def test_an_update_of_another_day_names_the_day(world: World) -> None:
    first = an_item("a", published=at(9, 8))
    tell(world.store, [first])
    tell(world.store, [replace(first, title="Autre")], kind=DecisionKind.CHANGED, changed_at=at(9, 10).at)
    assert re.search(r"Mis à jour <time[^>]*>11:00<", world.text(fr("/")))
    tell(world.store, [replace(first, title="Encore")], kind=DecisionKind.CHANGED, changed_at=at(10, 10).at)
    assert re.search(r"Mis à jour <time[^>]*>10 février 2026 à 11:00<", world.text(fr("/")))


def test_a_correction_in_the_first_minutes_is_no_news(world: World) -> None:
    first = an_item("a", published=at(11, 8))
    tell(world.store, [first])
    tell(world.store, [replace(first, title="Autre")], kind=DecisionKind.CHANGED, changed_at=at(11, 8, 4).at)
    assert "Mis à jour" not in world.text(fr("/"))


def test_a_long_lead_is_cut_between_words(world: World) -> None:
    tell(world.store, [an_item("a", lead="mot " * 200)])
    lead = re.search(r'class="lead"[^>]*>([^<]*)<', world.text(fr("/")))
    assert lead is not None
    assert re.fullmatch(r"(mot )+mot ?…", lead[1])
    assert len(lead[1]) <= 425


def test_a_picture_comes_late_in_a_box_of_its_own_with_its_credit(world: World) -> None:
    image = Image("https://info.example/a.jpg", alt="Le pont", credit="© H. Lanoix", width=600, height=400)
    tell(world.store, [an_item("a", image=image), an_item("b", image=Image("https://info.example/b.jpg"))])
    text = world.text(fr("/"))
    assert 'src="https://info.example/a.jpg" alt="Le pont" loading="lazy"' in text
    assert 'width="600" height="400"' in text
    assert '<figcaption dir="auto">© H. Lanoix</figcaption>' in text
    assert 'src="https://info.example/b.jpg" alt=""' in text
    assert text.count("<figcaption") == 1


def test_text_in_another_language_says_so(world: World) -> None:
    tell(world.store, [an_item("a", language="de"), an_item("b")])
    text = world.text(fr("/"))
    assert re.search(r'<h3 dir="auto" lang="de"><a[^>]*>Titre a', text)
    assert re.search(r'<h3 dir="auto"><a[^>]*>Titre b', text)


def test_older_stories_are_on_following_pages_each_once(world: World) -> None:
    tell(world.store, [an_item(f"n{n:02}", published=Date("", NOW - timedelta(minutes=n))) for n in range(65)])
    found, path = [], "/economie?lang=en"
    for _ in range(3):
        text = world.text(path)
        found.append(re.findall(r">Titre (n\d\d)</a>", text))
        following = re.search(r'rel="next" href="([^"]*)"', text)
        path = following[1] if following else ""
    assert [len(piece) for piece in found] == [30, 30, 5]
    assert list(chain(*found)) == [f"n{n:02}" for n in range(65)]
    assert path == ""


@pytest.mark.parametrize("cursor", ["x", "1-", "²-1", "-", "9" * 40 + "-1", "1-1; DROP TABLE items", "0-0"])
def test_a_cursor_that_makes_no_sense_breaks_nothing(world: World, cursor: str) -> None:
    tell(world.store, [an_item("a")])
    assert world.client.get("/", query_string={"before": cursor}).status_code == 200


def test_the_end_of_a_river_says_that_it_is_the_end(world: World) -> None:
    assert "Il n’y a rien de plus ancien" in world.text(fr("/?before=1-1"))


# ── what the head of a page says


@pytest.mark.parametrize(("path", "slug"), [("/", "all"), ("/economie", "economie"), ("/subscribe", "all")])
def test_a_page_announces_its_feed_in_three_formats(world: World, path: str, slug: str) -> None:
    head = world.text(path).partition("</head>")[0]
    found = re.findall(r'<link rel="alternate" type="([^"]*)" title="[^"]*" href="([^"]*)">', head)
    assert found == [
        ("application/rss+xml", f"{PUBLIC}/feeds/{slug}.rss"),
        ("application/atom+xml", f"{PUBLIC}/feeds/{slug}.atom"),
        ("application/feed+json", f"{PUBLIC}/feeds/{slug}.json"),
    ]


@pytest.mark.parametrize("path", ["/", "/economie", "/sources", "/subscribe", "/story/1", "/source/comtois-info"])
def test_the_canonical_address_is_the_public_one_whatever_host_was_asked(world: World, path: str) -> None:
    tell(world.store, [an_item("a")])
    text = world.text(fr(path), headers={"Host": "evil.example"})
    assert f'<link rel="canonical" href="{PUBLIC}{path}">' in text
    assert "evil.example" not in text


# ── a story


def test_a_story_page_tells_each_source_s_own_words_and_why_they_stand_together(world: World) -> None:
    one = an_item("a", author="N. Bœuf", updated=at(11, 11, 30), departements=("25", "39"), rights="© Comtois Info")
    two = an_item("b", MATIN, title="Le même vu de Pontarlier", origin=Origin("AFP", site="https://afp.example/"))
    tell(world.store, [one])
    tell(world.store, [two], links=[same_story(two, one, "la foire ouvrira")])
    text = world.text(fr("/story/1"))
    for words in (
        "Titre a", "Le même vu de Pontarlier", "Chapeau de a.", "Chapeau de b.", "par N. Bœuf", "25, 39", "© Comtois Info",
        "11 février 2026 à 12:00", "mis à jour le", "11 février 2026 à 12:30",
        "d’après le mot-clé «\u00a0Eco\u00a0» de la source", "Lire sur Comtois Info", 'href="https://afp.example/"',
    ):  # fmt: skip
        assert words in text, words
    assert 'href="/subscribe?lang=fr#economie"' in text


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("source", "choisie pour cette source par la rédaction"),
        ("source-tags", "«\u00a0100 % éco\u00a0» de la source, traduit"),
        ("aliases", "d’après le mot-clé «\u00a0100 % éco\u00a0»"),
        ("path", "d’après «\u00a0100 % éco\u00a0» dans l’adresse"),
        ("none", "aucune règle ne convenait"),
    ],
)
def test_a_category_says_which_rule_gave_it(world: World, rule: str, words: str) -> None:
    tell(world.store, [an_item("a", categories=(Category("economie", rule, "100 % éco"),))])  # type: ignore[arg-type]
    assert words in world.text(fr("/story/1"))


def test_a_press_release_is_marked_on_the_river_and_on_its_page_in_both_languages(world: World) -> None:
    tell(world.store, [an_item("a", genre=Genre.COMMUNIQUE, labels=("(Communiqué)",)), an_item("b")])
    for path in ("/", "/story/1"):
        assert badges_in(world.text(fr(path))) == [("genre", "Communiqué de presse")]
        assert badges_in(world.text(f"{path}?lang=en")) == [("genre", "Press release")]
    assert badges_in(world.text("/story/2")) == []


# ── why items stand together


def plain(text: str) -> str:
    """The words of a page as one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", text.partition("<main")[2]).split())


def test_each_link_says_in_both_languages_why_it_joins(world: World) -> None:
    one, two = an_item("a"), an_item("b", MATIN)
    tell(world.store, [one])
    tell(world.store, [two], links=[same_story(two, one, "la foire ouvrira")])
    french, english = plain(world.text(fr("/story/1"))), plain(world.text("/story/1?lang=en"))
    for words in (
        "Titre b (Haut-Doubs Matin) et Titre a (Comtois Info) même texte",
        "83 % du texte le plus court (120 mots) se retrouve dans l’autre, par exemple « la foire ouvrira ».",
        "Tous deux mentionnent : 12, Levier", "Ils diffèrent par : mardi", "Score : 0,93", "Règle : same-text/1",
    ):  # fmt: skip
        assert words in french, words
    assert "Titre b (Haut-Doubs Matin) and Titre a (Comtois Info) same text" in english
    assert (
        "83% of the shorter text (120 words) stands in the other one too, for instance “la foire ouvrira”." in english
    )
    assert "Score: 0.93" in english


@pytest.mark.parametrize(
    ("level", "evidence", "words"),
    [
        (Level.IDENTITY, Evidence(link="https://x.example/1"), "même lien Les deux mènent à la même page, https://x.example/1."),
        (Level.TEXT, Evidence(titles=0.8, routine=0.25), "25 % du texte le plus court"),
    ],
)  # fmt: skip
def test_each_level_has_its_words(world: World, level: Level, evidence: Evidence, words: str) -> None:
    one, two = an_item("a"), an_item("b", MATIN)
    tell(world.store, [one])
    tell(world.store, [two], links=[replace(same_story(two, one), level=level, evidence=evidence)])
    text = plain(world.text(fr("/story/1")))
    assert words in text
    assert "Tous deux mentionnent" not in text
    assert "Ils diffèrent" not in text


def test_editors_who_joined_two_items_are_named_as_the_reason_but_not_by_name(world: World) -> None:
    tell(world.store, [an_item("a"), an_item("b", MATIN)])
    assert "Pourquoi ces articles" not in world.text(fr("/story/1"))
    world.store.pin(PinKind.MUST, 1, 2, "claire@info.example", "vu au téléphone", NOW)
    for path in ("/story/1", "/story/1.json"):
        text = world.text(path)
        assert "claire@info.example" not in text
        assert "vu au téléphone" not in text
    text = plain(world.text(fr("/story/1")))
    assert "choix de la rédaction La rédaction de ce site dit qu’ils vont ensemble." in text


def test_editors_who_keep_an_item_out_say_so_too(world: World) -> None:
    one, two, three = an_item("a"), an_item("b", MATIN), an_item("c", PRESSE)
    tell(world.store, [one])
    tell(world.store, [two, three], links=[same_story(two, one), same_story(three, one)])
    world.store.split(3, "claire", "", NOW)
    assert "dit qu’ils parlent d’actualités différentes" in plain(world.text(fr("/story/1")))
    assert "Titre c" not in plain(world.text(fr("/story/1")))
    assert [pin["kind"] for pin in world.client.get("/story/1.json").get_json()["pins"]] == ["cannot"]


# ── who else tells of the event


def event_in(text: str) -> str:
    """The words of a story page about its event, as one line; "" where it has none to tell."""
    section = re.search(r'<section class="others" id="event">.*?</section>', text, re.DOTALL)
    return plain("<main" + section[0]) if section else ""


def tell_an_event(world: World) -> None:
    """Story 1 of Comtois Info, story 2 of Haut-Doubs Matin, linked to it, story 3 of presse.example, linked to that."""
    one, two, three = an_item("a"), an_item("b", MATIN, published=at(11, 10)), an_item("c", PRESSE)
    tell(world.store, [one, two, three])
    same_event(world.store, [one, two, three], [about(two, one, "Levier", "12"), about(three, two)])


@pytest.mark.parametrize(("language", "words"), [("fr", "3 sources en parlent"), ("en", "3 sources on this")])
def test_a_river_says_how_many_sources_tell_of_an_event_and_still_shows_each(
    world: World, language: str, words: str
) -> None:
    tell_an_event(world)
    text = world.text(f"/?lang={language}")
    assert re.findall(r'href="([^"]*)">' + words, text) == [
        f"/story/{number}?lang={language}#event" for number in (3, 1, 2)
    ]
    assert [title in text for title in ("Titre a</a>", "Titre b</a>", "Titre c</a>")] == [True] * 3


def test_a_story_of_several_sources_counts_the_sources_of_its_event_apart(world: World) -> None:
    one, copy, own = an_item("a"), an_item("b", MATIN), an_item("c", PRESSE)
    tell(world.store, [one])
    tell(world.store, [copy, own], links=[same_story(copy, one)])
    same_event(world.store, [one, own])
    text = plain(world.text(fr("/")))
    assert "2 sources – Titre a 3 sources en parlent – Titre a Aussi dans : Haut-Doubs Matin" in text
    assert "Aussi dans : Haut-Doubs Matin" in event_in(world.text(fr("/story/3")))


def test_an_event_that_one_source_alone_tells_is_not_shown(world: World) -> None:
    one, later = an_item("a"), an_item("b")
    tell(world.store, [one, later])
    same_event(world.store, [one, later])
    assert "en parle" not in world.text(fr("/"))
    assert not event_in(world.text(fr("/story/1")))
    assert world.client.get("/story/1.json").get_json()["event"] == {"sources": 1, "stories": []}


def test_a_river_counts_the_sources_of_an_event_only_where_they_are_more_than_those_of_the_story(world: World) -> None:
    one, copy, later = an_item("a"), an_item("b", MATIN), an_item("c")
    tell(world.store, [one, later])
    tell(world.store, [copy], links=[same_story(copy, one)])
    same_event(world.store, [one, later])
    assert re.findall(r"sources en parlent – (Titre .)", plain(world.text(fr("/")))) == ["Titre c"]
    assert "Titre c" in event_in(world.text(fr("/story/1")))


def test_what_two_items_agree_and_differ_in_is_told_as_they_spell_it(world: World) -> None:
    one = an_item("a", title="Trente vélos à Dole", lead="", text="Le 3 février, 1\u202f640 vélos à Dole.")
    two = an_item("b", MATIN, title="Vélos : Besançon suit", lead="", text="En février, Besançon a 1 640 vélos.")
    link = same_story(two, one)
    facts = replace(link.evidence, agreeing=("1", "640", "fevrier"), differing=("besancon suit / dole", "mercredi"))
    tell(world.store, [one])
    tell(world.store, [two], links=[replace(link, evidence=facts)])
    page = html.unescape(world.text("/story/1?lang=en"))
    assert "Both have: février, 1 640" in page
    assert "They differ in: Besançon suit / Dole, mercredi" in page


def test_a_story_page_shows_who_else_tells_of_the_event_and_why_we_think_so(world: World) -> None:
    tell_an_event(world)
    text = world.text(fr("/story/1"))
    assert event_in(text) == (
        "D’autres en parlent Ce sont d’autres textes, pas des copies : chacun est un sujet à part sur ce site."
        " Titre b Haut-Doubs Matin 11 février 2026 à 11:00"
        " Ils racontent le même événement, chacun avec ses mots. Tous deux nomment Levier, 12."
        " Titre c presse.example 11 février 2026 à 12:00"  # no link leads straight to it
    )
    assert '<h3 dir="auto"><a href="/story/2?lang=fr">Titre b</a></h3>' in text
    assert "Le même sujet ailleurs" not in text
    assert "Pourquoi ces articles" not in text
    english = event_in(world.text("/story/3?lang=en"))
    assert english.startswith("Others on the same event These are other texts, not copies: each is a story of its own")
    assert english.endswith(
        "They tell of the same event, each in its own words. Titre a Comtois Info 11 February 2026 at 12:00"
    )


def test_a_link_that_holds_an_event_together_no_more_is_not_shown(world: World) -> None:
    tell_an_event(world)
    one, two, three = an_item("a"), an_item("b", MATIN), an_item("c", PRESSE)
    tell(world.store, [an_item("d")])
    same_event(world.store, [one, two, three], [about(three, one), about(three, two)])
    assert "Levier, 12" not in event_in(world.text(fr("/story/1")))
    links = world.client.get("/story/1.json").get_json()["links"]
    assert [(link["item"]["guid"], link["other"]["guid"]) for link in links] == [("c", "a")]


def test_what_turned_out_to_be_one_text_is_no_longer_another_on_the_event(world: World) -> None:
    tell_an_event(world)
    one, two = an_item("a"), an_item("b", MATIN, published=at(11, 10))
    tell(world.store, [two], kind=DecisionKind.CHANGED, links=[same_story(two, one)])
    assert "Titre b" not in event_in(world.text(fr("/story/1")))
    links = world.client.get("/story/1.json").get_json()["links"]
    pairs = [(link["item"]["guid"], link["other"]["guid"], link["level"]) for link in links]
    assert pairs == [("b", "a", "B"), ("c", "b", "C")]


def test_a_story_without_words_of_its_own_can_still_be_followed_from_the_event(world: World) -> None:
    one, bare = an_item("a"), an_item("b", MATIN, title="", link="", canonical="")
    tell(world.store, [one, bare])
    same_event(world.store, [one, bare])
    assert '<a href="/story/2?lang=fr">Haut-Doubs Matin</a></h3>' in world.text(fr("/story/1"))


def test_the_others_on_an_event_are_there_as_data_with_the_links_to_them(world: World) -> None:
    tell_an_event(world)
    told = world.client.get("/story/1.json", headers={"Host": "evil.example"}).get_json()
    two, three = world.store.event(1)
    matin, presse = ({"url": MATIN.url, "title": "Haut-Doubs Matin"}, {"url": PRESSE.url, "title": "presse.example"})
    assert told["event"] == {
        "sources": 3,
        "stories": [
            {"id": two.entry_id, "title": "Titre b", "source": matin, "url": f"{PUBLIC}/story/2"},
            {"id": three.entry_id, "title": "Titre c", "source": presse, "url": f"{PUBLIC}/story/3"},
        ],
    }
    (link,) = told["links"]
    assert (link["item"]["guid"], link["other"]["guid"], link["level"]) == ("b", "a", "C")
    assert link["sentence"].endswith("Both name Levier, 12.")
    assert [item["guid"] for item in told["items"]] == ["a"]


def test_a_story_that_is_told_alone_is_an_event_of_its_own_sources_as_data(world: World) -> None:
    tell(world.store, [an_item("a")])
    assert world.client.get("/story/1.json").get_json()["event"] == {"sources": 1, "stories": []}


# ── what changed


def versions_in(text: str) -> list[str]:
    """The changes that a page shows, each part of a version in one line."""
    shown = re.findall(r'<dd class="compare"[^>]*>(.*?)</dd>', text, re.DOTALL)
    return [re.sub(r"<span[^>]*>[^<]*</span>", "", each).strip() for each in shown]


def test_a_page_shows_what_changed_word_by_word(world: World) -> None:
    first = an_item("a", title="Incendie : 12 blessés", lead="La scierie brûle.")
    second = replace(first, title="Incendie : 14 blessés")
    tell(world.store, [first])
    tell(world.store, [second], kind=DecisionKind.CHANGED)
    tell(
        world.store,
        [replace(second, lead="La scierie a brûlé.")],
        kind=DecisionKind.CHANGED,
        at=NOW + timedelta(hours=1),
    )
    text = world.text(fr("/story/1"))
    assert versions_in(text) == [
        "La scierie <del>brûle</del><ins>a brûlé</ins>.",
        "Incendie : <del>12</del><ins>14</ins> blessés",
    ]
    assert "2 versions précédentes" in plain(text)
    assert plain(text).index("Modifié le 11 février 2026 à 14:00") < plain(text).index(
        "Modifié le 11 février 2026 à 13:00"
    )
    assert "[supprimé : 12 ] [ajouté : 14 ] blessés" in plain(text)  # for those who hear the page
    assert "2 earlier versions" in plain(world.text("/story/1?lang=en"))


def test_changes_of_a_text_in_another_language_say_which_words_are_ours(world: World) -> None:
    one, two = an_item("a"), an_item("b", MATIN, language="de")
    tell(world.store, [one])
    tell(world.store, [two], links=[same_story(two, one)])
    tell(world.store, [replace(two, title="Neu")], kind=DecisionKind.CHANGED)
    text = world.text(fr("/story/1"))
    assert versions_in(text) == ["<del>Titre b</del><ins>Neu</ins>"]
    assert '<dd class="compare" dir="auto" lang="de"><span class="unseen" lang="fr"> [supprimé' in re.sub(
        r">\s+<", "><", text
    )


@pytest.mark.parametrize(("republish", "shown"), [(Republish.LEAD, False), (Republish.FULL, True)])
def test_changes_of_a_whole_text_are_shown_only_where_the_source_allows_it(
    tmp_path: Path, republish: Republish, shown: bool
) -> None:
    world = a_world(tmp_path, [replace(INFO, republish=republish)])
    first = an_item("a", text="Chapeau de a. Puis un secret de fabrique.", html="<p>Chapeau</p>")
    tell(world.store, [first])
    tell(
        world.store,
        [replace(first, lead="Chapeau neuf.", text="Chapeau neuf. Puis un mystère de fabrique.")],
        kind=DecisionKind.CHANGED,
    )
    text = world.text(fr("/story/1"))
    assert ("mystère" in text) is ("secret" in text) is shown
    assert len(versions_in(text)) == 1  # the lead alone, or the text that begins with it
    assert "secret" not in world.text("/story/1.json")


def test_a_change_that_no_reader_can_see_is_no_version(world: World) -> None:
    first = an_item("a")
    tell(world.store, [first])
    tell(
        world.store,
        [replace(first, author="N. Bœuf", text="Un texte que nous ne montrons pas.")],
        kind=DecisionKind.CHANGED,
    )
    assert "version" not in plain(world.text("/story/1?lang=en"))


def test_of_a_page_that_changes_all_day_the_last_versions_are_shown(world: World) -> None:
    first = an_item("a")
    tell(world.store, [first])
    for number in range(25):
        tell(world.store, [replace(first, title=f"En direct {number}")], kind=DecisionKind.CHANGED)
    shown = versions_in(world.text("/story/1"))
    assert shown[0] == "En direct <del>23</del><ins>24</ins>"
    assert len(shown) == 20
    assert len(world.client.get("/story/1.json").get_json()["items"][0]["revisions"]) == 25


# ── the same as data


def test_a_story_is_there_as_data_with_its_reasons_and_revisions(world: World) -> None:
    one, two = an_item("a", genre=Genre.COMMUNIQUE), an_item("b", MATIN, published=Date())
    tell(world.store, [one])
    tell(world.store, [two], links=[same_story(two, one, "la foire ouvrira")])
    tell(world.store, [replace(one, title="Titre neuf")], kind=DecisionKind.CHANGED)
    response = world.client.get("/story/1.json", headers={"Host": "evil.example"})
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    told = response.get_json()
    assert (told["id"], told["url"], told["lead"]) == (world.store.story(1).entry_id, f"{PUBLIC}/story/1", 1)  # type: ignore[union-attr]
    first, second = told["items"]
    assert first["source"] == {"url": INFO.url, "title": "Comtois Info"}
    assert (first["title"], first["link"], first["genre"]) == ("Titre neuf", "https://info.example/a", "communique")
    assert (first["published"], second["published"]) == ("2026-02-11T11:00:00Z", None)
    assert first["revisions"] == [
        {"number": 1, "replaced_at": "2026-02-11T12:00:00Z", "title": "Titre a", "lead": "Chapeau de a."}
    ]
    (link,) = told["links"]
    assert (link["item"], link["other"]) == ({"source": MATIN.url, "guid": "b"}, {"source": INFO.url, "guid": "a"})
    assert (link["level"], link["score"], link["rule"]) == ("B", 0.93, "same-text/1")
    assert (link["evidence"]["shared"], link["evidence"]["agreeing"]) == (0.83, ["12", "Levier"])
    assert link["sentence"].startswith("83% of the shorter text (120 words)")


def test_data_that_did_not_change_is_a_304_and_other_sites_may_ask(world: World) -> None:
    tell(world.store, [an_item("a")])
    first = world.client.get("/story/1.json")
    again = world.client.get("/story/1.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Access-Control-Allow-Origin"] == "*"
    asked = world.client.options("/story/1.json")
    assert (asked.status_code, asked.headers["Access-Control-Allow-Methods"]) == (204, "GET, HEAD, OPTIONS")
    assert world.client.get("/story/7.json").status_code == 404
    assert '<a href="/story/1.json" type="application/json">' in world.text(fr("/story/1"))


def test_a_picture_that_stands_in_the_whole_text_is_not_shown_above_it_too(tmp_path: Path) -> None:
    url = "https://info.example/p.jpg?a=1&b=2"
    world = a_world(tmp_path, [replace(INFO, republish=Republish.FULL)])
    item = an_item("a", image=Image(url), html=f'<p>Tout.</p><img src="{html.escape(url)}" alt="">')
    tell(world.store, [item, an_item("b", image=Image(url), html="<p>Tout.</p>")])
    assert world.text("/story/1").count(url) == 1
    assert world.text("/story/2").count(url) == 1


@pytest.mark.parametrize(("republish", "shown"), [(Republish.LEAD, False), (Republish.FULL, True)])
def test_the_whole_text_is_shown_only_where_the_source_allows_it(
    tmp_path: Path, republish: Republish, shown: bool
) -> None:
    world = a_world(tmp_path, [replace(INFO, republish=republish), MATIN])
    tell(world.store, [an_item("a", html="<p>Tout <em>le</em> texte.</p>")])
    assert ("<p>Tout <em>le</em> texte.</p>" in world.text("/story/1")) is shown
    assert "<em>le</em>" not in world.text("/")
    world.store.sync_sources([MATIN], NOW)  # the source leaves
    assert "<em>le</em>" not in world.text("/story/1")


def test_a_story_that_joined_another_leads_there(world: World) -> None:
    one, two = an_item("a"), an_item("b", MATIN)
    tell(world.store, [one, two])
    tell(world.store, [two], kind=DecisionKind.CHANGED, links=[same_story(two, one)])
    response = world.client.get("/story/2?lang=en", headers={"Host": "evil.example"})
    assert response.status_code == 301
    assert response.headers["Location"] == "/story/1?lang=en"
    moved = world.client.get("/story/2.json", headers={"Host": "evil.example"})
    assert (moved.status_code, moved.headers["Location"]) == (301, f"{PUBLIC}/story/1.json")
    assert moved.headers["Access-Control-Allow-Origin"] == "*"


def test_an_item_without_title_lead_or_link_is_still_shown(world: World) -> None:
    bare = an_item("a", title="", lead="", link="", canonical="", categories=(), published=Date())
    tell(world.store, [bare])
    assert "Comtois Info" in world.text("/")
    text = world.text(fr("/story/1"))
    assert "11 février 2026 à 13:00" in text  # when it was first seen
    assert "Lire sur" not in text


# ── hostile text

SCRIPT = "<script>alert(1)</script>"


def test_nothing_that_a_source_writes_becomes_markup(world: World) -> None:
    hostile = Source(
        url="https://evil.example/f?\"'><script>alert(1)</script>", title=SCRIPT, description=SCRIPT, region=SCRIPT
    )
    world.store.sync_sources([hostile], NOW)
    first = an_item(
        "a", hostile, title=SCRIPT, lead=SCRIPT, author=SCRIPT, labels=(SCRIPT,), rights=SCRIPT, language='"><script>',
        html=SCRIPT, image=Image('https://x.example/"onerror="alert(1)', alt=SCRIPT, credit=SCRIPT),
        origin=Origin(SCRIPT, site="https://x.example/"), categories=(Category("economie", "aliases", SCRIPT),),
        departements=(SCRIPT,),
    )  # fmt: skip
    second = an_item("b", hostile, title=SCRIPT + "2")
    tell(world.store, [first])
    tell(world.store, [second], links=[same_story(second, first, SCRIPT)])
    tell(world.store, [replace(first, title="x", lead="y")], kind=DecisionKind.CHANGED)
    fail(world.store, hostile, error=SCRIPT)
    slug = next(view.slug for view in world.store.sources() if view.source == hostile)
    for path in ("/", "/economie", "/story/1", "/search?q=alert", f"/search?q={SCRIPT}", "/sources", "/status", "/nothing",
                 f"/source/{slug}", f"/feed/source/{slug}", "/feed/search?q=alert", "/subscribe", f"/?before={SCRIPT}&lang={SCRIPT}"):  # fmt: skip
        body = world.client.get(path).get_data(as_text=True)
        assert not re.search(r'<script(?! src="/)', body.lower()), path
        assert 'onerror="' not in body, path


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//evil.example", "x"],
)
def test_what_is_no_web_address_never_becomes_a_link(world: World, link: str) -> None:
    item = an_item("a", link=link, image=Image(link), origin=Origin("Agence", site=link))
    world.store.sync_sources([replace(INFO, site=link)], NOW)
    tell(world.store, [item])
    for path in ("/", "/story/1", "/search?q=titre", "/source/comtois-info", "/feed/economie"):
        text = world.text(path)
        assert f'href="{link}"' not in text
        assert f'src="{link}"' not in text
        assert "Titre a" in text


# ── search


def test_a_search_finds_stories_by_their_words(world: World) -> None:
    tell(world.store, [an_item("a", title="Les vignes du Jura"), an_item("b", title="Le tram de Besançon")])
    text = world.text(fr("/search?q=vigne"))
    assert "Les vignes du Jura" in text
    assert "tram" not in text
    assert 'value="vigne"' in text
    assert ">11 février 2026 à 12:00</time>" in text
    assert '<meta name="robots" content="noindex">' in text


def test_a_search_says_what_to_do_when_there_is_nothing(world: World) -> None:
    assert "Rien trouvé" in world.text(fr("/search?q=absent"))
    assert "Tapez un ou plusieurs mots" in world.text(fr("/search"))
    assert "Tapez un ou plusieurs mots" in world.text(fr("/search?q=+"))


def test_hits_come_in_pages(world: World) -> None:
    tell(world.store, [an_item(f"n{n:02}", title=f"Commun n{n:02}") for n in range(25)])
    pages = [world.text(f"/search?q=commun&page={page}") for page in (1, 2)]
    found = [re.findall(r"<mark>Commun</mark> (n\d\d)</a>", page) for page in pages]
    assert [len(piece) for piece in found] == [20, 5]
    assert len(set(chain(*found))) == 25
    assert 'rel="next"' in pages[0]
    assert 'rel="prev"' not in pages[0]
    assert 'rel="prev"' in pages[1]
    assert 'rel="next"' not in pages[1]


@pytest.mark.parametrize("number", ["0", "-3", "x", "99999999999999999999999", ""])
def test_a_page_number_that_makes_no_sense_breaks_nothing(world: World, number: str) -> None:
    assert world.client.get("/search", query_string={"q": "a", "page": number}).status_code == 200


@pytest.mark.parametrize(
    "query",
    ['"', '""', "*", "(", ")", "a NEAR b", "NEAR/3", "title:x", "a OR", "AND", "NOT", "-", "^a", "\0", "a\0b", "é" * 10_000,
     "' OR 1=1 --", "\ud7ff\U0010ffff", "%", "%s", "{{ 7*7 }}", "a" * 300 + '"'],
)  # fmt: skip
def test_no_query_breaks_the_search(world: World, query: str) -> None:
    tell(world.store, [an_item("a")])
    assert world.client.get("/search", query_string={"q": query}).status_code == 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=60), page=st.text(max_size=5))
def test_any_query_gets_a_page_that_repeats_it_harmlessly(world: World, query: str, page: str) -> None:
    response = world.client.get("/search", query_string={"q": query, "page": page})
    assert response.status_code == 200
    shown = re.search(r'name="q" value="([^"<>]*)"', response.get_data(as_text=True))
    assert shown is not None
    assert html.unescape(shown[1]).split() == query.replace("\0", " ").split()


# ── sources


def test_each_source_tells_in_words_how_it_is(world: World) -> None:
    paused = Source(url="https://paused.example/f", title="En pause", paused=True, region="Jura")
    never = Source(url="https://never.example/f", title="Jamais vue")
    late = Source(url="https://late.example/f", title="En retard")
    world.store.sync_sources([INFO, MATIN, paused, never, late, PRESSE], NOW)
    tell(world.store, [an_item("a"), an_item("p", PRESSE)])
    fail(world.store, MATIN, ErrorClass.TLS, succeeded_at=NOW - timedelta(days=2))
    fail(world.store, late, ErrorClass.TIMEOUT, next_check_at=NOW - timedelta(minutes=5))
    world.store.sync_sources([INFO, MATIN, paused, never, late], NOW)  # PRESSE is listed no more
    text = re.sub(r"[ \n]+", " ", world.text(fr("/sources")))
    for words in (
        "Nous suivons 5 sources.", "2 ne fonctionnent pas en ce moment.",
        "<strong>Fonctionne.</strong> Dernier article\u00a0:",
        "Son certificat de sécurité n’est pas valable. Dernier succès\u00a0:", "9 février 2026 à 13:00",
        "Prochaine visite\u00a0: <time", "Elle ne répond pas à temps. Elle n’a encore jamais fonctionné.",
        "La prochaine visite est imminente.", "Suspendue par la rédaction.", "Attend sa première visite.",
        "<h2>Partout</h2>", "<h2>Doubs</h2>", "<h2>Plus suivies</h2>", "N’est plus suivie\u202f;", "1 article<",
    ):  # fmt: skip
        assert words in text, words
    assert text.index("<h2>Plus suivies</h2>") > text.index("<h2>Jura</h2>")


def test_a_single_failing_source_is_counted_as_one(world: World) -> None:
    fail(world.store, MATIN)
    assert "L’une d’elles ne fonctionne pas en ce moment." in world.text(fr("/sources"))


def test_sources_in_good_order_are_praised(world: World) -> None:
    assert "Aucune n’a échoué." in world.text(fr("/sources"))
    tell(world.store, [an_item("a"), an_item("b", MATIN), an_item("c", PRESSE)])
    assert "Toutes fonctionnent." in world.text(fr("/sources"))


@pytest.mark.parametrize("error_class", list(ErrorClass))
def test_every_class_of_error_has_words_of_its_own(world: World, error_class: ErrorClass) -> None:
    fail(world.store, INFO, error_class)
    for language, start in (("fr", ("Elle", "Son", "Nous")), ("en", ("It", "We"))):
        text = re.search(r"</strong>\s*([^<]*)", world.text(f"/source/comtois-info?lang={language}"))
        assert text is not None
        assert text[1].startswith(start)


def test_a_source_page_holds_what_we_know_of_it_and_its_stories(tmp_path: Path) -> None:
    world = a_world(tmp_path, [replace(INFO, description="Le journal du coin."), MATIN])
    tell(world.store, [an_item(f"n{n:02}", published=Date("", NOW - timedelta(minutes=n))) for n in range(31)])
    tell(world.store, [an_item("elsewhere", MATIN)])
    path = "/source/comtois-info?lang=fr"
    text = world.text(path)
    for words in ("Le journal du coin.", "<h1>Comtois Info</h1>", 'href="https://info.example/"', ">31<", "Titre n00"):
        assert words in text, words
    assert "elsewhere" not in text
    following = re.search(r'rel="next" href="([^"]*)"', text)
    assert following is not None
    assert "Titre n30" in world.text(following[1])


def test_a_source_without_stories_says_so(world: World) -> None:
    assert "Rien de cette source pour l’instant." in world.text(fr("/source/comtois-info"))


def test_a_source_without_a_title_goes_by_its_host(world: World) -> None:
    tell(world.store, [an_item("a", PRESSE)])
    assert "presse.example</a>" in world.text("/")


def test_a_source_that_is_renamed_or_new_is_called_by_its_name(tmp_path: Path) -> None:
    now = [NOW]
    site = settings_in(tmp_path)
    world = a_world(tmp_path)
    client = create_app(site, clock=lambda: now[0]).test_client()
    tell(world.store, [an_item("a")])
    assert "Comtois Info" in client.get("/").get_data(as_text=True)
    new = Source(url="https://new.example/f", title="La Nouvelle")
    world.store.sync_sources([replace(INFO, title="Comtois Infos"), new], NOW)
    now[0] += timedelta(seconds=61)
    assert "Comtois Infos" in client.get("/").get_data(as_text=True)
    tell(world.store, [an_item("b", new)])
    assert "La Nouvelle" in client.get("/").get_data(as_text=True)


# ── following, figures, nothing yet


def test_the_page_on_following_lists_every_feed_with_its_addresses(world: World) -> None:
    text = world.text(fr("/subscribe"))
    for slug in ("all", "economie", "sport"):
        for extension in ("rss", "atom", "json"):
            assert f"<code>{PUBLIC}/feeds/{slug}.{extension}</code>" in text
        assert f'id="{slug}"' in text
    assert f"{PUBLIC}/feeds.opml" in text


def test_figures_are_there_for_people_and_for_programs(world: World) -> None:
    tell(world.store, [an_item("a")])
    fail(world.store, MATIN, error="while connecting: refused")
    text = world.text(fr("/status"))
    assert "while connecting: refused" in text
    assert "Le premier tour est terminé" in text
    response = world.client.get("/status.json")
    assert response.headers["Cache-Control"] == "no-store"
    told = response.get_json()
    assert {name: told[name] for name in ("sources", "failing", "items", "stories", "log_open", "pushed", "health")} == {
        "sources": 3, "failing": 1, "items": 1, "stories": 1, "log_open": True, "pushed": 0, "health": [],
    }  # fmt: skip
    assert told["newest_check"] == NOW.isoformat()
    assert (told["conditions"], told["due"], told["last_backup"]) == ({}, 1, None)


def test_figures_of_a_site_that_has_done_nothing_yet(tmp_path: Path) -> None:
    site = settings_in(tmp_path)
    open_store(site.database).close()
    client = create_app(site).test_client()
    text = client.get(fr("/status")).get_data(as_text=True)
    assert "Aucune source n’a encore été visitée" in text
    assert "Le premier tour de toutes les sources est en cours" in text
    assert client.get("/status.json").get_json()["newest_check"] is None


def test_an_empty_store_gives_friendly_pages(tmp_path: Path) -> None:
    world = a_world(tmp_path, [])
    assert "Rien ici pour l’instant" in world.text(fr("/"))
    assert "Rien ici pour l’instant" in world.text(fr("/economie"))
    assert "Il n’y a pas encore de sources" in world.text(fr("/sources"))


def test_a_category_without_news_on_a_site_that_has_some_does_not_speak_of_a_first_round(world: World) -> None:
    tell(world.store, [an_item("eco")])
    empty = world.text(fr("/religion"))
    assert "Rien n’est encore paru ici" in empty
    assert "premier tour" not in empty


def test_a_site_without_a_data_base_says_when_to_come_back_and_works_once_there_is_one(tmp_path: Path) -> None:
    site = settings_in(tmp_path / "var")
    client = create_app(site).test_client()
    for path in (
        "/",
        "/economie",
        "/story/1",
        "/search?q=a",
        "/sources",
        "/status",
        "/feeds/all.atom",
        "/sources.opml",
    ):
        response = client.get(path, headers={"Accept-Language": "fr"})
        assert response.status_code == 503, path
        assert response.headers["Retry-After"] == "30"
        assert "Le premier tour n’est pas encore terminé" in response.get_data(as_text=True)
    for path in ("/subscribe", "/feeds.opml", "/robots.txt"):
        assert client.get(path).status_code == 200
    assert not (tmp_path / "var").exists()
    (tmp_path / "var").mkdir()
    a_world(tmp_path / "var")
    assert client.get("/").status_code == 200


# ── when something is wrong


def test_a_store_that_fails_gives_a_page_that_asks_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("while reading a river: disk I/O error")

    monkeypatch.setattr(type(world.store), "river", refuse)
    response = world.client.get(fr("/"))
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"
    assert "Nous ne pouvons pas répondre" in response.get_data(as_text=True)
    assert "disk I/O error" not in response.get_data(as_text=True)
    assert "disk I/O error" in caplog.text


def test_a_mistake_of_ours_gives_a_page_and_a_traceback_in_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(type(world.store), "river", stumble)
    response = world.client.get(fr("/"))
    assert response.status_code == 500
    assert "Un problème est survenu chez nous" in response.get_data(as_text=True)
    assert "secret detail" not in response.get_data(as_text=True)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "Nous n’avons pas compris"), (404, "Cette page n’existe pas"), (410, "Cette page n’existe plus"),
     (503, "Nous ne pouvons pas répondre"), (500, "Un problème est survenu")],
)  # fmt: skip
def test_every_refusal_is_said_in_plain_words(world: World, status: int, words: str) -> None:
    world.app.add_url_rule("/broken/x", "broken", lambda: abort(status))
    response = world.client.get("/broken/x?lang=fr")
    assert response.status_code == status
    assert words in response.get_data(as_text=True)


def test_what_is_sent_to_a_page_is_refused_with_what_it_allows(world: World) -> None:
    response = world.client.post("/economie?lang=fr")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    assert "Ceci n’est pas possible ici" in response.get_data(as_text=True)


def test_a_page_costs_few_queries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(world.store, [an_item(f"n{n}") for n in range(30)])
    world.text("/")
    asked: list[str] = []
    for name in (
        "river",
        "sources",
        "feed",
        "story",
        "log",
        "links",
        "totals",
        "items",
        "revisions",
        "event",
        "links_of",
    ):
        method = getattr(type(world.store), name)

        def counted(self: Store, *arguments: object, _name: str = name, _method: object = method) -> object:
            asked.append(_name)
            return _method(self, *arguments)  # type: ignore[operator]

        monkeypatch.setattr(type(world.store), name, counted)
    world.text("/")
    assert asked == []  # the page is kept
    world.text("/?one=that-is-not")
    assert asked == ["river"]
