"""Why something is not there: every cause is found, and said with what can be done about it."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from aggregator import cli
from aggregator.desk import effects, missing, sources
from aggregator.desk.effects import NewRules
from aggregator.desk.missing import Answer, CauseKind, Reading
from aggregator.errors import ErrorClass
from aggregator.model import (
    Category,
    Date,
    PinKind,
    Rule,
    RuleEffect,
    RuleField,
    RuleHow,
    Source,
    SourceState,
    Update,
)
from aggregator.store import open_store
from tests.desk_world import Desk, a_desk
from tests.values import settle
from tests.web_world import INFO, MATIN, NOW, PRESSE, an_item, fail, same_story, tell

ARTICLE = "https://presse.example/2026/un-article"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Item 1; item 2, which is told with item 1; item 3, which came late."""
    desk = a_desk(tmp_path)
    one, two = an_item("one", title="Le pont rouvre"), an_item("two", MATIN, title="Un pont qui rouvre")
    tell(desk.store, [one])
    tell(desk.store, [two], links=[same_story(two, one)])
    return desk


def look(desk: Desk, text: str) -> Answer:
    return missing.look(desk.store, desk.settings, text, {"news.example"}, desk.now)


def causes(desk: Desk, text: str) -> list[CauseKind]:
    (trace,) = look(desk, text).traces
    return [cause.kind for cause in trace.causes]


def block(desk: Desk, *rules: Rule) -> None:
    numbered = tuple(replace(rule, id=number) for number, rule in enumerate(rules, 1))
    effects.publish(desk.settings, desk.store, "Jeanne", "", NewRules(numbered, desk.store.rulebook()), NOW)


def rule(effect: RuleEffect, text: str, **changes: str) -> Rule:
    return Rule(0, effect, RuleField.TITLE, RuleHow.CONTAINS, text, **changes)


# ── what is known


def test_what_nothing_keeps_away_is_said_to_be_there(desk: Desk) -> None:
    (trace,) = look(desk, "one").traces
    assert trace.causes == () and trace.is_shown and "all" in [row.feed for row in trace.places]
    page = desk.editor().get("/desk/missing?q=one")
    assert "It is known: Comtois Info published it" in page and "Nothing keeps it away" in page and "Economy" in page


def test_what_is_told_within_another_story_names_that_one(desk: Desk) -> None:
    desk.store.pin(PinKind.MUST, 1, 2, "Jeanne", "", NOW)
    assert causes(desk, "item 2") == [CauseKind.JOINED]
    (trace,) = look(desk, " item  2 ").traces
    assert trace.story.id == 1 and trace.is_shown and [pin.id for pin in trace.pins] == [1]
    page = desk.editor().get("/desk/missing?q=https://matin.example/two%23x")
    assert "told within a story that Comtois Info leads" in page and "Le pont rouvre" in page
    assert 'href="/desk/story/1"' in page


def test_what_is_hidden_or_withdrawn_says_by_whom_and_why(desk: Desk) -> None:
    desk.store.withdraw(PRESSE.url, "Marc", "", NOW)
    desk.store.hide(2, "Marc", "à sa demande", NOW)
    assert causes(desk, "item 2") == [CauseKind.HIDDEN]
    desk.store.withdraw(MATIN.url, "Anna", "contrat", NOW)
    assert sorted(causes(desk, "item 2")) == [CauseKind.HIDDEN, CauseKind.WITHDRAWN]
    assert not look(desk, "item 2").traces[0].is_shown and causes(desk, "item 1") == []
    page = desk.editor().get("/desk/missing?q=item+2")
    for said in (
        "It is hidden, by Marc",
        "à sa demande",
        "withdrawn with all its items, by Anna",
        "contrat",
        "out of sight",
    ):
        assert said in page


def test_what_came_late_or_waits_for_the_first_round_is_told_apart(desk: Desk, tmp_path: Path) -> None:
    settle(desk.store, [an_item("late", published=Date("", NOW - timedelta(days=9)))], source=INFO.url)
    assert causes(desk, "late") == [CauseKind.LATE]
    page = desk.editor().get("/desk/missing?q=late")
    assert "It came late" in page and "In these feeds" not in page
    assert "On these pages, but not announced by their feeds: All the news, Economy" in page
    (trace,) = look(desk, "late").traces
    assert "on its page, but not announced by its feed" in desk.editor().get(f"/desk/story/{trace.story.id}")
    fresh = open_store(str(tmp_path / "fresh.db"))
    fresh.sync_sources([INFO], NOW)
    tell(fresh, [an_item("first")])
    (trace,) = missing.look(fresh, desk.settings, "first", set(), NOW).traces
    assert [cause.kind for cause in trace.causes] == [CauseKind.WAITING]


def test_what_a_rule_takes_out_names_the_rule(desk: Desk) -> None:
    desk.store.split(2, "Jeanne", "", NOW)
    block(desk, rule(RuleEffect.BLOCK, "pont", source=MATIN.url), rule(RuleEffect.BLOCK, "autre"))
    (trace,) = look(desk, "item 2").traces
    (cause,) = trace.causes
    assert (cause.kind, [each.id for each in cause.rules]) == (CauseKind.BLOCKED, [1]) and not trace.is_shown
    assert causes(desk, "item 1") == []
    page = desk.editor().get("/desk/missing?q=item+2")
    assert "Rules take it out of every feed:" in page and "contains the words “pont” → Take out" in page
    assert "“autre”" not in page and "/desk/rules/1" in page


def test_what_no_rule_keeps_names_the_rules_that_keep_others(desk: Desk) -> None:
    block(desk, rule(RuleEffect.KEEP, "tramway", source=INFO.url))
    (cause,) = look(desk, "item 1").traces[0].causes
    assert (cause.kind, [each.id for each in cause.rules]) == (CauseKind.BLOCKED, [1])


def test_what_a_rule_takes_out_of_a_category_says_which(desk: Desk) -> None:
    sport = an_item("sport", title="Un match", categories=(Category("sport", "path"), Category("economie", "path")))
    tell(desk.store, [sport])
    block(desk, rule(RuleEffect.BLOCK, "match", category="sport"), rule(RuleEffect.BLOCK, "pont", category="sport"))
    (trace,) = look(desk, "sport").traces
    (cause,) = trace.causes
    assert (cause.kind, cause.slugs, [each.id for each in cause.rules]) == (CauseKind.TAKEN, ("sport",), [1])
    assert trace.is_shown and "Rules take it out of Sport:" in desk.editor().get("/desk/missing?q=sport")


# ── words


def test_an_address_without_its_beginning_is_an_address(desk: Desk) -> None:
    assert look(desk, "info.example/one").traces == look(desk, "https://info.example/one").traces != ()
    assert look(desk, "nobody.example/x").host == "nobody.example" and look(desk, "un/deux").host == ""


def test_words_find_what_is_shown_and_what_is_not(desk: Desk) -> None:
    tell(desk.store, [an_item("deux", title="Une place"), an_item("trois", title="Une autre place")])
    desk.store.hide(3, "Marc", "", NOW)
    assert [story.id for story in look(desk, "place").stories] == [4, 3]
    page = desk.editor().get("/desk/missing?q=place")
    assert "Which of these?" in page and "/desk/missing?q=item+3" in page and "hidden" in page
    assert [trace.stored.id for trace in look(desk, "autre").traces] == [4]
    assert [story.id for story in look(desk, "pont").stories] == [1]  # which has two items
    assert look(desk, "zzz") == Answer("zzz")
    assert "none has all these words" in desk.editor().get("/desk/missing?q=zzz")


def test_nothing_is_answered_before_something_is_asked(desk: Desk) -> None:
    page = desk.editor().get("/desk/missing")
    assert "It is not known here" not in page and "Which of these?" not in page


def test_numbers_of_no_item_are_words(desk: Desk) -> None:
    for text in ("item 0", "item 99", "item " + "9" * 30, "item ²", "item x"):
        assert not look(desk, text).traces, text


# ── what is not known


def paused(desk: Desk) -> None:
    sources.edit(desk.settings, desk.store, "a", "", sources.replaced(PRESSE, replace(PRESSE, paused=True)), desk.now)


def unlisted(desk: Desk) -> None:
    sources.edit(desk.settings, desk.store, "a", "", sources.removed(PRESSE), desk.now)


def read(desk: Desk, **changes: object) -> None:
    state = SourceState(PRESSE.url, checked_at=NOW, succeeded_at=NOW, next_check_at=NOW + timedelta(hours=1))
    state = replace(state, entries=20, oldest=NOW - timedelta(days=3), **changes)  # type: ignore[arg-type]
    desk.store.settle(PRESSE.url, [], [], lambda _: Update(state, (), NOW))


@pytest.mark.parametrize(
    ("happened", "reading", "said"),
    [
        (lambda desk: None, Reading.UNREAD, "It was never read yet"),
        (lambda desk: read(desk, checked_at=None), Reading.READ, "It is read without fault."),
        (paused, Reading.PAUSED, "It is paused, so nobody reads it."),
        (unlisted, Reading.UNLISTED, "It is no longer in the list of sources"),
        (lambda desk: desk.store.withdraw(PRESSE.url, "Marc", "fini", NOW), Reading.WITHDRAWN, "by Marc:"),
        (lambda desk: fail(desk.store, PRESSE, ErrorClass.SUSPECT, error="all at once"), Reading.SUSPECT, "held back until"),
        (lambda desk: fail(desk.store, PRESSE), Reading.FAILING, "It cannot be read. It does not answer in time."),
        (read, Reading.READ, "Its feed held 20 entries then, the oldest of: 8 February 2026"),
        (
            lambda desk: read(desk, host_closed_until=NOW + timedelta(hours=2)),
            Reading.RESTING,
            "Its server asked us to wait, until: 11 February 2026",
        ),
    ],
    ids=lambda value: value.value if isinstance(value, Reading) else None,
)  # fmt: skip
def test_an_address_that_is_not_known_leads_to_the_source_that_should_have_it(
    desk: Desk, happened: Callable[[Desk], object], reading: Reading, said: str
) -> None:
    happened(desk)
    answer = look(desk, ARTICLE)
    (publisher,) = answer.publishers
    assert (answer.host, publisher.view.source.url, publisher.reading) == ("presse.example", PRESSE.url, reading)
    page = desk.editor().get(f"/desk/missing?q={ARTICLE}")
    assert said in re.sub(r"<[^>]+>", "", page) and 'href="/desk/source/presse-example"' in page
    assert ('href="/desk/health/presse-example"' in page) is (reading is not Reading.UNLISTED)


def test_a_source_is_known_by_the_hosts_that_its_articles_stand_at(desk: Desk) -> None:
    read(desk, link_hosts=("articles.example",))
    assert [each.view.source.url for each in look(desk, "https://www.articles.example/x").publishers] == [PRESSE.url]
    assert [each.view.source.url for each in look(desk, "//info.example/none").publishers] == [INFO.url]


def test_sources_on_one_host_with_other_ports_are_told_apart(desk: Desk) -> None:
    at_port = Source("http://info.example:8080/rss", site="http://info.example:8080/")
    other = Source("http://feeds.example:9090/rss")
    desk.store.sync_sources([INFO, at_port, other], NOW)
    state = SourceState(other.url, checked_at=NOW, link_hosts=("info.example:9090",))
    desk.store.settle(other.url, [], [], lambda _: Update(state, (), NOW))
    for address, source in (
        ("http://info.example:8080/x", at_port), ("info.example:8080/x", at_port), ("http://info.example:9090/x", other),
        ("http://info.example/x", INFO), ("http://info.example:80/x", INFO), ("https://info.example:443/x", INFO),
    ):  # fmt: skip
        answer = look(desk, address)
        assert [each.view.source.url for each in answer.publishers] == [source.url], address
    assert look(desk, "http://info.example:7070/x").publishers == ()
    assert "no source publishes at info.example:7070" in desk.editor().get("/desk/missing?q=http://info.example:7070/x")


def test_an_address_at_a_host_of_no_source_says_that_the_source_is_missing(desk: Desk) -> None:
    for address in ("https://nowhere.example/x", "https://[::1", "http://"):
        assert look(desk, address).publishers == ()
    page = desk.editor().get("/desk/missing?q=https://nowhere.example/x")
    assert "no source publishes at nowhere.example" in page


# ── on the command line


def told(desk: Desk, *arguments: str) -> tuple[int, str]:
    found = CliRunner(env={"TRIBUTARY_DATABASE": desk.settings.database}).invoke(cli.main, ["why", *arguments])
    return found.exit_code, found.output


def test_the_command_explains_what_it_knows_by_any_spelling_of_its_address(desk: Desk) -> None:
    code, output = told(desk, "http://www.matin.example/two?utm_source=x")
    assert code == 0 and "item 2: Un pont qui rouvre" in output


def test_the_command_names_the_rule_that_takes_an_item_out(desk: Desk) -> None:
    block(desk, rule(RuleEffect.BLOCK, "pont", source=INFO.url))
    _, output = told(desk, "1")
    assert f"out of every feed: 1. [{INFO.url}] block: title contains “pont”" in output and "feed  " not in output
    assert json.loads(told(desk, "1", "--json")[1])["rules"]


def test_the_command_says_of_a_source_that_was_never_read_no_more_than_that(desk: Desk) -> None:
    code, output = told(desk, ARTICLE)
    assert code == 1 and output.rstrip().endswith(f"{PRESSE.url} publishes at presse.example: unread")


def test_the_command_says_what_to_look_at_for_what_it_does_not_know(desk: Desk) -> None:
    fail(desk.store, PRESSE, succeeded_at=NOW - timedelta(days=1))
    code, output = told(desk, ARTICLE)
    assert code == 1 and f"no item with this number, guid or link: {ARTICLE}" in output
    assert (
        f"{PRESSE.url} publishes at presse.example: failing" in output and "while reading body: TimeoutError" in output
    )
    assert "last read with success 2026-02-10" in output
    code, output = told(desk, "https://nowhere.example/x")
    assert code == 1 and "no source publishes at nowhere.example" in output
    code, output = told(desk, "nobody")
    assert code == 1 and "publishes" not in output


def test_a_word_that_is_the_guid_of_an_item_finds_that_item_and_what_has_the_word(desk: Desk) -> None:
    tell(desk.store, [an_item("rouvre", title="Une place")])
    answer = look(desk, "rouvre")
    assert [trace.stored.id for trace in answer.traces] == [3] and [story.id for story in answer.stories] == [1]
