"""Rules of the editors: what they make of an item, and that none takes long."""

import sqlite3
import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from aggregator.classify import classify, load_taxonomy
from aggregator.desk import effects, judging, rules, sources
from aggregator.desk.effects import Hide, NewCorrection, NewRules, Withdraw
from aggregator.errors import ConflictError, DeskError, StoreError
from aggregator.model import (
    NO_CORRECTION,
    Action,
    ActionKind,
    Category,
    Correction,
    Date,
    DecisionKind,
    Deed,
    Genre,
    Item,
    Question,
    Rule,
    RuleEffect,
    RuleField,
    RuleHow,
)
from aggregator.rules import MATCHED_LIMIT_CHARS, NO_CATEGORY, Judge, check
from tests.test_desk_effects import Place, a_place, told
from tests.web_world import INFO, MATIN, NOW, an_item, tell

SLUGS = ("sport", "economie", "culture", "politique", NO_CATEGORY)
SPORT = (Category("sport", "aliases", "Sport"),)


def a_rule(text: str = "foot", number: int = 1, **changes: Any) -> Rule:
    """A rule that takes out what has a word in its title."""
    return replace(Rule(number, RuleEffect.BLOCK, RuleField.TITLE, RuleHow.CONTAINS, text), **changes)


def slugs(item: Item, *of: Rule, correction: Correction = NO_CORRECTION) -> list[str]:
    return [each.slug for each in Judge(of).standing(item, correction).categories]


def is_blocked(item: Item, *of: Rule) -> bool:
    return Judge(of).standing(item).is_blocked


# ── what a rule looks at


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("ete", "L’ÉTÉ arrive"),
        ("l'été", "L’ete arrive"),
        ("Œuvre", "une oeuvre d’art"),
        ("oeuvre", "Une ŒUVRE d’art"),
        ("pole emploi", "Le « Pôle » – emploi"),
        ("saint-claude", "SAINT CLAUDE en fête"),
        ("eau", "L’eau monte"),
        ("strasse", "Die Straße"),
        ("αθήνα", "Η ΑΘΗΝΑ"),
        ("été", "L’e\u0301te\u0301"),
    ],
)
def test_words_are_found_however_they_are_written(text: str, title: str) -> None:
    assert is_blocked(an_item("a", title=title), a_rule(text))


@pytest.mark.parametrize(
    ("text", "title"), [("foot", "Le football"), ("ain", "Demain"), ("a b", "b a"), ("a b", "a c b")]
)
def test_words_are_whole_words_in_their_order(text: str, title: str) -> None:
    assert not is_blocked(an_item("a", title=title), a_rule(text))


def test_words_of_a_rule_are_not_found_across_title_and_lead() -> None:
    item = an_item("a", title="Le foot", lead="Club de la ville.", text="Le foot. Club de la ville.")
    assert not is_blocked(replace(item, text=""), a_rule("foot club", field=RuleField.WORDS))
    assert is_blocked(item, a_rule("foot club", field=RuleField.WORDS))


@pytest.mark.parametrize(
    ("field", "text", "how", "changes"),
    [
        (RuleField.WORDS, "pont", RuleHow.CONTAINS, {"lead": "Le pont."}),
        (RuleField.WORDS, "pont", RuleHow.CONTAINS, {"text": "Le pont."}),
        (RuleField.TITLE, "le pont", RuleHow.IS, {"title": "« Le pont »"}),
        (RuleField.LABEL, "communique", RuleHow.CONTAINS, {"labels": ("(Communiqué)",)}),
        (RuleField.TAG, "vie locale", RuleHow.IS, {"tags": ("Sport", "Vie Locale")}),
        (RuleField.LANGUAGE, "DE", RuleHow.IS, {"language": "de-CH"}),
        (RuleField.LANGUAGE, "^(de|it)$", RuleHow.MATCHES, {"language": "it"}),
        (RuleField.AUTHOR, "dupont", RuleHow.CONTAINS, {"author": "Élise Dupont"}),
        (RuleField.TITLE, r"^\d+ morts?\b", RuleHow.MATCHES, {"title": "12 MORTS à Dole"}),
    ],
)
def test_a_rule_looks_at_its_field_and_at_no_other(
    field: RuleField, text: str, how: RuleHow, changes: dict[str, Any]
) -> None:
    rule = a_rule(text, field=field, how=how)
    assert is_blocked(an_item("a", **changes), rule)
    assert not is_blocked(an_item("a"), rule)


def test_what_is_something_is_nothing_more() -> None:
    rule = a_rule("sport", field=RuleField.TAG, how=RuleHow.IS)
    assert not is_blocked(an_item("a", tags=("Sport auto", "Le sport")), rule)


# ── scopes


def test_a_rule_of_a_category_takes_an_item_out_of_that_one_alone() -> None:
    item = an_item("a", title="Le foot et l’argent", categories=(*SPORT, Category("economie", "path")))
    assert slugs(item, a_rule(category="sport")) == ["economie"] and not is_blocked(item, a_rule(category="sport"))
    assert slugs(replace(item, categories=SPORT), a_rule(category="sport")) == [NO_CATEGORY]
    assert slugs(item, a_rule(category="culture")) == ["sport", "economie"]


def test_a_rule_of_a_source_takes_its_items_out_of_everything_and_those_of_no_other() -> None:
    rule = a_rule(source=INFO.url)
    assert is_blocked(an_item("a", title="Le foot"), rule) and not is_blocked(
        an_item("a", MATIN, title="Le foot"), rule
    )


def test_where_rules_keep_one_of_them_must_match_and_a_rule_that_blocks_outweighs_them() -> None:
    keeps = [
        a_rule(text, number, effect=RuleEffect.KEEP, source=INFO.url) for number, text in enumerate(("dole", "gray"))
    ]
    assert not is_blocked(an_item("a", title="Fête à Gray"), *keeps)
    assert is_blocked(an_item("a", title="Fête à Vesoul"), *keeps)
    assert not is_blocked(an_item("a", MATIN, title="Fête à Vesoul"), *keeps)
    assert is_blocked(an_item("a", title="Foot à Gray"), *keeps, a_rule(number=3, source=INFO.url))


def test_a_rule_that_gives_a_category_comes_first_and_what_no_rule_placed_is_placed_by_it() -> None:
    gives = a_rule("expo", effect=RuleEffect.CATEGORY, field=RuleField.TAG, how=RuleHow.IS, target="culture")
    item = an_item("a", tags=("Expo",), categories=(Category(NO_CATEGORY, "none"),))
    assert Judge([gives]).standing(item).categories == (Category("culture", "rule", "expo"),)
    assert slugs(replace(item, categories=SPORT), gives) == ["sport", "culture"]
    assert slugs(item, gives, a_rule("titre", 2, category="culture")) == [NO_CATEGORY]
    assert slugs(item, replace(gives, category="sport")) == [NO_CATEGORY]


def test_what_an_editor_says_of_an_item_outweighs_rules_but_for_those_that_take_it_out_of_everything() -> None:
    item, said = an_item("a", title="Le foot", categories=SPORT), Correction(("sport", "culture"), Genre.COMMUNIQUE)
    found = Judge([a_rule(category="sport")]).standing(item, said)
    assert found.categories == (Category("sport", "editor"), Category("culture", "editor"))
    assert found.genre is Genre.COMMUNIQUE and not found.is_blocked
    assert Judge([a_rule()]).standing(item, said).is_blocked
    assert slugs(item, a_rule(category="sport"), correction=Correction(genre=Genre.AGENDA)) == [NO_CATEGORY]


any_rules = some.lists(
    some.builds(
        a_rule,
        some.sampled_from(("foot", "pont", "titre")),
        some.integers(1, 9),
        effect=some.sampled_from((RuleEffect.KEEP, RuleEffect.BLOCK)),
        category=some.sampled_from(("", "sport", "culture")),
        source=some.sampled_from(("", INFO.url)),
    ),
    max_size=5,
)


@given(any_rules, some.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(of: list[Rule], chance: Any) -> None:
    item = an_item("a", title="Le pont et le foot", categories=(*SPORT, Category("culture", "path")))
    shuffled = chance.sample(of, len(of))
    assert Judge(of).standing(item) == Judge(shuffled).standing(item)


# ── what may be a rule


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": " "}, "needs a text"),
        ({"text": "x" * 201}, "at most 200"),
        ({"text": "a\x07"}, "cannot be printed"),
        ({"text": "…!"}, "no word"),
        ({"text": "(", "how": RuleHow.MATCHES}, "cannot be used: missing"),
        ({"text": "(?=a)", "how": RuleHow.MATCHES}, "invalid perl operator"),
        ({"text": r"(a)\1", "how": RuleHow.MATCHES}, "invalid escape"),
        ({"text": "((a{100}){100}){100}", "how": RuleHow.MATCHES}, "repetition"),
        ({"text": "(a{30}){30}", "how": RuleHow.MATCHES}, "too large"),
        ({"text": ".{0,400}z.{0,400}", "how": RuleHow.MATCHES}, "too large"),
        ({"category": "nowhere"}, "no category “nowhere”"),
        ({"effect": RuleEffect.CATEGORY}, "names it"),
        ({"target": "sport"}, "names it"),
        ({"effect": RuleEffect.CATEGORY, "target": NO_CATEGORY}, "no rule puts"),
        ({"category": NO_CATEGORY}, "no rule puts"),
    ],
)
def test_a_rule_that_cannot_hold_says_why(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DeskError, match=said):
        check(a_rule(**changes), SLUGS)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b$",
        "(.*)(.*)(.*)(.*)x",
        r"(\w+\s?)*$",
        "(a|b)*a(a|b){200}",
        "(?:(?:.{3}a){10}|b)c",
        "([a-z]*)*1",
    ],
)
def test_no_expression_takes_long(pattern: str) -> None:
    rule = a_rule(pattern, how=RuleHow.MATCHES, field=RuleField.WORDS)
    check(rule, SLUGS)
    longest = MATCHED_LIMIT_CHARS // 2 + 9
    item = an_item("a", title="a" * 300, lead="ab" * 300, text="ab" * longest + "\n" + "a" * longest)
    started = time.thread_time()
    is_blocked(item, rule)
    assert time.thread_time() - started < 1


@given(some.text(max_size=40), some.sampled_from(RuleHow), some.sampled_from(RuleField), some.text(max_size=60))
def test_any_text_is_a_rule_that_can_be_asked_or_says_why_not(
    text: str, how: RuleHow, field: RuleField, title: str
) -> None:
    rule = a_rule(text, how=how, field=field)
    try:
        check(rule, SLUGS)
    except DeskError:
        return
    Judge([rule]).standing(an_item("a", title=title, author=title, tags=(title,), labels=(title,)))


def test_words_are_found_in_themselves() -> None:
    for word in ("Œdipe", "ça", "señor", "Łódź", "Τρία", "Ёлка", "l’ŒUVRE", "efficace", "naïveté"):
        assert is_blocked(an_item("a", title=f"« {word} »"), a_rule(word)), word


# ── items that come


def test_an_item_that_changes_is_judged_again_and_what_an_editor_said_holds() -> None:
    with a_place() as place:
        first, second = an_item("a", title="Le pont"), an_item("b", title="Le pont")
        tell(place.store, [first, second])
        place.publish(NewRules((a_rule(), a_rule("gare", 2, category="economie")), place.store.rulebook()))
        place.publish(NewCorrection(2, Correction(("culture",), Genre.COMMUNIQUE)))
        for title in ("Le foot", "Le foot encore"):
            change(place, replace(first, title=title), replace(second, title="La gare"))
        assert standing(place) == {2: {"all", "culture", "source/comtois-info"}}
        assert place.store.item(2).item.genre is Genre.COMMUNIQUE  # type: ignore[union-attr]
        change(place, replace(first, title="La gare"), replace(second, categories=(Category("sport", "path"),)))
        assert standing(place)[1] == {"all", "divers", "source/comtois-info"}
        assert standing(place)[2] == {"all", "culture", "source/comtois-info"}
        change(place, replace(first, title="Le pont", categories=SPORT))
        assert standing(place)[1] == {"all", "sport", "source/comtois-info"}
        assert place.rows("SELECT item_id FROM bases") == [(2,)]


def test_a_correction_leaves_no_revision_behind() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a")])
        place.publish(NewCorrection(1, Correction(("culture",), Genre.COMMUNIQUE)))
        change(place, an_item("a", updated=Date("x", NOW)))
        assert place.store.item(1).revision == 1  # type: ignore[union-attr]
        from aggregator.stories.versions import leaves_revision

        stored = place.store.item(1)
        assert stored and not leaves_revision(stored.item, an_item("a", updated=Date("x", NOW)), ())


def test_rules_go_along_when_a_source_moves() -> None:
    with a_place() as place:
        new = "https://info.example/new"
        place.publish(NewRules((a_rule(source=INFO.url), a_rule(number=2)), place.store.rulebook()))
        state = replace(place.store.state(INFO.url), moved_to=new)
        place.store.keep([state])
        place.store.sync_sources([replace(INFO, url=new), MATIN], NOW)
        assert [rule.source for rule in place.store.rulebook().rules] == [new, ""]
        place.store.sync_sources([replace(INFO, url=new)], NOW)
        tell(place.store, [replace(an_item("a", title="Le foot"), source=new)])
        assert not place.standing


def change(place: Place, *items: Item) -> None:
    tell(place.store, items, kind=DecisionKind.CHANGED)


def standing(place: Place) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for feed, story in place.standing:
        found.setdefault(story, set()).add(feed)
    return found


# ── publishing


def test_rules_that_changed_meanwhile_are_shown_in_both_versions() -> None:
    with a_place() as place:
        seen = place.store.rulebook()
        place.publish(NewRules((a_rule("pont"),), seen))
        for attempt in (place.preview, place.publish):
            with pytest.raises(ConflictError) as caught:
                attempt(NewRules((a_rule("gare"),), seen))
            assert "“pont”" in caught.value.theirs and "“gare”" in caught.value.ours
        with pytest.raises(ConflictError) as caught:
            rules.book_of(place.store, "0", a_rule("gare"))
        assert "“pont”" in caught.value.theirs and "“gare”" in caught.value.ours
        assert rules.book_of(place.store, "1", None).rules == (a_rule("pont"),)
        with pytest.raises(DeskError, match="hold already"):
            place.publish(NewRules((a_rule("pont"),), place.store.rulebook()))


def test_what_is_undone_out_of_turn_leaves_what_came_after_it() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a", title="Le pont"), an_item("b", title="La gare"), an_item("c")])
        one = published(place, a_rule("pont"))
        two = published(place, a_rule("pont"), a_rule("gare", 2))
        place.undo(one.id)
        assert standing(place).keys() == {1, 3} and place.store.rulebook().rules == (a_rule("gare", 2),)
        with pytest.raises(DeskError, match="undone already, by Jeanne"):
            place.undo(one.id)
        place.undo(two.id)
        assert standing(place).keys() == {1, 2, 3} and not place.store.rulebook().rules
        assert [each.undone_by for each in place.store.actions() if each.id in (one.id, two.id)] == ["Jeanne", "Jeanne"]


def test_undoing_an_undoing_does_it_again() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a", title="Le pont")])
        done = published(place, a_rule("pont"))
        state = place.state
        undoing = effects.undo(place.settings, place.store, done.id, "Marc", NOW)
        assert standing(place) and undoing.told["undoes"] == done.id
        place.undo(undoing.id)
        assert place.state == state
        found = place.store.action(done.id)
        assert found and found[0].undone_at is None


def test_a_rule_that_was_changed_since_is_not_undone() -> None:
    with a_place() as place:
        one = published(place, a_rule("pont"))
        published(place, a_rule("gare"))
        with pytest.raises(ConflictError) as caught:
            place.undo(one.id)
        assert "“gare”" in caught.value.theirs and caught.value.ours == ""
        removed = published(place)
        published(place, a_rule("port", 5))
        place.undo(removed.id)
        assert place.store.rulebook().rules == (a_rule("gare"), a_rule("port", 5))


def test_what_changed_between_two_actions_is_judged_by_what_holds_when_the_first_is_undone() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a", title="Le pont")])
        done = published(place, a_rule("pont"))
        change(place, an_item("a", title="Le pont", fingerprint="other", categories=SPORT))
        place.undo(done.id)
        assert standing(place) == {1: {"all", "economie", "sport", "source/comtois-info"}}


def test_a_second_correction_is_not_written_over_the_first() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a")])
        first = place.publish(NewCorrection(1, Correction(("sport",)))).action
        with pytest.raises(ConflictError) as caught:
            place.publish(NewCorrection(1, Correction(("culture",), Genre.AGENDA)))
        assert (caught.value.theirs, caught.value.ours) == ("category: sport", "category: culture\ngenre: agenda")
        place.publish(NewCorrection(1, NO_CORRECTION, Correction(("sport",))))
        assert first
        with pytest.raises(ConflictError):
            place.undo(first.id)
        with pytest.raises(DeskError, match="no item 99"):
            place.publish(NewCorrection(99, Correction(("sport",))))
        with pytest.raises(DeskError, match="no number 99"):
            place.undo(99)


@pytest.mark.parametrize("source", ["", INFO.url])
def test_what_comes_between_looking_and_writing_is_judged_too(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_place() as place:
        tell(place.store, [an_item("a", title="Le pont"), an_item("b", title="La gare"), an_item("d", MATIN)])
        written, came = judging._retold, []

        def late(*arguments: Any) -> Any:
            if not came:
                came.append(1)
                tell(place.store, [an_item("c", title="Un autre pont")])
                change(place, an_item("a", title="Sans ouvrage"), an_item("b", title="La gare et le pont"))
            return written(*arguments)

        monkeypatch.setattr(judging, "_retold", late)
        published(place, a_rule("pont", source=source))
        assert standing(place).keys() == {1, 3}


def test_news_of_before_the_last_30_days_stay_as_they_are_and_old_ones_enter_no_head() -> None:
    with a_place() as place:
        old = NOW - timedelta(days=31)
        tell(place.store, [an_item("a", title="Le pont", published=Date("", old))], at=old)
        for number in (0, 1, 3):
            at = NOW - timedelta(days=number)
            tell(place.store, [an_item(f"n{number}", title="Le pont", published=Date("", at))], at=at)
        gives = a_rule("pont", effect=RuleEffect.CATEGORY, target="culture")
        effect = place.preview(NewRules((gives,), place.store.rulebook()))
        assert told(effect) == {"culture": ({2, 3, 4}, set())} and effect.items == 3
        published(place, gives)
        assert [story.id for story in place.store.head("culture", 9)] == [2, 3]
        assert [story.id for story in place.store.river("culture").stories] == [2, 3, 4]


def test_the_number_of_retractions_moves_when_rules_take_items_out() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a", title="Le pont")])
        before = place.store.retractions()
        published(place, a_rule("pont"))
        assert place.store.retractions() > before


def test_rules_that_take_too_long_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "JUDGING_SECONDS", -1)
    with a_place() as place:
        tell(place.store, [an_item("a")])
        with pytest.raises(DeskError, match="too long"):
            published(place, a_rule("pont"))
        assert not place.store.rulebook().rules


def test_other_errors_of_the_store_are_told_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_place() as place:

        def broken(*_: Any, **__: Any) -> None:
            raise StoreError("the disk is full")

        monkeypatch.setattr(type(place.store), "retell", broken)
        with pytest.raises(StoreError, match="disk"):
            published(place, a_rule("pont"))


def test_edits_of_the_list_that_place_nothing_elsewhere_tell_nothing_otherwise() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a", MATIN)])
        renamed = sources.replaced(MATIN, replace(MATIN, title="Autre"))
        assert place.preview(renamed).items == 0 and place.publish(renamed).items == 0
        assert place.publish(lambda document: None).action is None
        with pytest.raises(DeskError, match="does not stand"):
            place.preview(lambda document: document.remove("https://nowhere.example/"))


def test_hiding_and_withdrawing_can_be_tried() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a"), an_item("b", MATIN)])
        feeds = ("all", "economie", "source/comtois-info")
        assert (
            told(place.preview(Hide(1)))
            == told(place.preview(Withdraw((INFO.url,))))
            == dict.fromkeys(feeds, (set(), {1}))
        )
        assert not place.store.hidings()
        with pytest.raises(DeskError, match="no item 9"):
            place.publish(Hide(9))


def published(place: Place, *of: Rule) -> Action:
    action = place.publish(NewRules(of, place.store.rulebook())).action
    assert action
    return action


# ── forms


FORM = {"effect": "block", "field": "title", "how": "contains", "text": " foot ", "source": "", "category": "sport"}


def test_a_form_is_a_rule_or_says_what_is_wrong() -> None:
    assert rules.rule_of({**FORM, "target": "culture"}, 0, SLUGS, ()) == a_rule(number=0, category="sport")
    given = rules.rule_of({**FORM, "effect": "category", "target": "culture", "source": INFO.url}, 3, SLUGS, [INFO.url])
    assert (given.target, given.source, given.id) == ("culture", INFO.url, 3)
    for wrong in (
        {"effect": "burn"},
        {"field": ""},
        {"how": "x"},
        {"source": "https://nowhere.example/"},
        {"text": ""},
    ):
        with pytest.raises(DeskError):
            rules.rule_of({**FORM, **wrong}, 0, SLUGS, ())


def test_numbers_of_rules_are_never_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_place() as place:
        for _ in range(2):
            place.publish(rules.with_rule(place.store.rulebook(), a_rule(number=0)))
        place.publish(rules.without(place.store.rulebook(), 2))
        place.publish(rules.with_rule(place.store.rulebook(), a_rule("pont", 0)))
        place.publish(rules.with_rule(place.store.rulebook(), a_rule("gare", 1)))
        assert [(rule.id, rule.text) for rule in place.store.rulebook().rules] == [(1, "gare"), (3, "pont")]
        for gone in (lambda book: rules.without(book, 2), lambda book: rules.with_rule(book, a_rule(number=2))):
            with pytest.raises(DeskError, match="no rule 2"):
                gone(place.store.rulebook())
        monkeypatch.setattr(rules, "RULES_LIMIT", 2)
        with pytest.raises(DeskError, match="2 rules already"):
            rules.with_rule(place.store.rulebook(), a_rule(number=0))


def test_what_rules_match_is_counted_in_their_scope() -> None:
    with a_place() as place:
        tell(
            place.store, [an_item("a", title="Foot", categories=SPORT), an_item("b", MATIN, title="Foot"), an_item("c")]
        )
        of_sport, of_matin = a_rule(category="sport"), a_rule(number=2, source=MATIN.url)
        assert rules.counts(place.store, NOW) == {}
        published(place, of_sport, of_matin, a_rule(number=3), a_rule("rien", 4))
        assert rules.counts(place.store, NOW) == {1: 1, 2: 1, 3: 2}
        tell(place.store, [an_item("d", title="Foot", categories=SPORT)])
        assert rules.counts(place.store, NOW)[1] == 1
        assert rules.counts(place.store, NOW + rules.COUNTED_AGAIN)[1] == 2
        assert [told.id for told in rules.matched(place.store, of_sport, NOW).shown] == [4, 1]
        found = rules.matched(place.store, of_matin, NOW)
        assert (found.count, [told.id for told in found.shown]) == (1, [3])


def test_what_no_rule_placed_waits_until_somebody_places_it() -> None:
    with a_place() as place:
        nothing = (Category(NO_CATEGORY, "none"),)
        old = NOW - timedelta(days=8)
        tell(place.store, [an_item("old", categories=nothing, published=Date("", old))], at=old)
        tell(place.store, [an_item(name, categories=nothing, tags=("Expo",)) for name in "ab"])
        tell(place.store, [an_item("c", categories=(Category(NO_CATEGORY, "source"),)), an_item("d")])
        assert [told.id for told in rules.unplaced(place.store, NOW)] == [3, 2]
        told = rules.told_item(place.store, 2)
        place.publish(rules.correction_of({"seen": ""}, told, SLUGS, [NO_CATEGORY, "", NO_CATEGORY]))
        assert [told.id for told in rules.unplaced(place.store, NOW)] == [3]
        gives = a_rule("expo", effect=RuleEffect.CATEGORY, field=RuleField.TAG, how=RuleHow.IS, target="culture")
        published(place, gives)
        assert rules.unplaced(place.store, NOW) == []


def test_what_its_source_tags_as_other_does_not_wait_and_hides_nothing_that_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules, "UNPLACED_LIMIT", 2)
    with a_place() as place:
        lines, taxonomy = replace(INFO, categories=()), load_taxonomy()
        for number, tags in enumerate((("Besançon",), ("Divers", "Besançon"), *[("Divers",)] * 5, (), ("Autres",))):
            tell(place.store, [classify(an_item(f"n{number}", tags=tags, categories=()), lines, taxonomy)])
        assert [told.item.tags for told in rules.unplaced(place.store, NOW)] == [(), ("Divers", "Besançon")]
        assert len(place.store.river(NO_CATEGORY).stories) == 9  # readers find them all there


def test_a_form_corrects_an_item_or_says_what_is_wrong() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a")])
        told = rules.told_item(place.store, 1)
        release = rules.correction_of({"seen": "", "genre": "agenda", "communique": "1"}, told, SLUGS, [])
        assert release.wanted == Correction((), Genre.COMMUNIQUE)
        for form, chosen in (({}, ["nowhere"]), ({"genre": "poem"}, []), ({}, [])):
            with pytest.raises(DeskError):
                rules.correction_of(form, told, SLUGS, chosen)
        with pytest.raises(ConflictError) as caught:
            rules.correction_of({"seen": "category: sport"}, told, SLUGS, ["culture"])
        assert (caught.value.theirs, caught.value.ours) == ("", "category: culture")
        with pytest.raises(DeskError, match="no item 9"):
            rules.told_item(place.store, 9)


def test_a_correction_holds_though_other_news_came_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_place() as place:
        tell(place.store, [an_item("a")])
        written, came = judging._retold, []

        def late(*arguments: Any) -> Any:
            if not came:
                came.append(1)
                tell(place.store, [an_item("b")])
            return written(*arguments)

        monkeypatch.setattr(judging, "_retold", late)
        place.publish(NewCorrection(1, Correction(("culture",))))
        assert standing(place)[1] == {"all", "culture", "source/comtois-info"}


def test_an_item_that_the_index_still_has_to_take_over_can_be_corrected() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a")])
        with sqlite3.connect(place.settings.database) as db:
            db.execute("DELETE FROM search")
        place.publish(NewCorrection(1, Correction(("culture",))))
        assert place.store.item(1).item.categories == (Category("culture", "editor"),)  # type: ignore[union-attr]


def test_the_list_is_known_as_it_was_left_however_much_was_done_since() -> None:
    with a_place() as place:
        for _ in range(201):
            place.store.act(Deed(ActionKind.RULES, "Jeanne", "", {}, ""), NOW)
        assert sources.note_outside(place.settings, place.store, NOW) is None


def test_a_search_goes_by_what_editors_say() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a"), an_item("b")])
        place.publish(NewCorrection(1, Correction(("culture",), Genre.COMMUNIQUE)))
        for question in (Question(category="culture"), Question(genre="communique")):
            assert [hit.story.id for hit in place.store.search(question, "fr").hits] == [1]
        assert [hit.story.id for hit in place.store.search(Question(category="economie"), "fr").hits] == [2]


def test_the_number_of_retractions_moves_when_a_changed_item_is_taken_out() -> None:
    with a_place() as place:
        tell(place.store, [an_item("a", title="Le pont")])
        published(place, a_rule("gare"))
        before = place.store.retractions()
        change(place, an_item("a", title="La gare"))
        assert place.store.retractions() > before and not place.standing


def test_of_a_text_without_end_the_beginning_is_looked_at() -> None:
    text = "a " * (MATCHED_LIMIT_CHARS // 2)
    rule = a_rule("pont", field=RuleField.WORDS)
    assert is_blocked(an_item("a", text=text[:-5] + " pont"), rule)
    assert not is_blocked(an_item("a", text=text + "pont"), rule)
