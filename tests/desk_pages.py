"""Every page of the desk, over a desk with something to show: for tests that look at all of them.

A new route stands in PAGES or in FORMS; `test_desk_pages.py` fails until it does.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from aggregator.desk import effects, sources
from aggregator.errors import ErrorClass
from aggregator.health import judge
from aggregator.model import Category, Correction, Genre, PinKind, Rhythm, Role, Rule, RuleEffect, RuleField, RuleHow
from tests.browser_world import oddities
from tests.desk_world import Desk, a_desk
from tests.every_page import GONE, HOSTILE_SOURCE, PAUSED, SILENT
from tests.web_world import INFO, MATIN, PRESSE, an_item, fail, same_event, same_story, tell

PAGES: Mapping[str, tuple[str, ...]] = {
    "desk.front": ("/desk/",),
    "desk.health": (
        "/desk/health",
        "/desk/health?show=all&ticked=1",
        "/desk/health?show=sound&words=%3Cb%3E&deed=pause&count=2&left=1",
    ),
    "desk.health_source": ("/desk/health/presse-example", "/desk/health/haut-doubs-matin"),
    "desk.history": ("/desk/history", "/desk/history?done=action-4", "/desk/history?done=hiding-2"),
    "desk.editors": ("/desk/editors",),
    "desk.own": ("/desk/me",),
    "desk.rules": ("/desk/rules",),
    "desk.rule": ("/desk/rules/1",),
    "desk.queue": ("/desk/queue",),
    "desk.item": ("/desk/items/1", "/desk/items/5"),
    "desk.stories": (
        "/desk/stories",
        "/desk/stories?sort=hidden",
        "/desk/stories?q=%3Cb%3E&category=economie&source=comtois-info&since=2026-02-01",
    ),
    "desk.sources": (
        "/desk/sources",
        "/desk/sources?did=pause&count=2",
        "/desk/sources?words=%3Cb%3E&region=Doubs&category=economie&state=unlisted",
    ),
    "desk.source": (
        "/desk/source/comtois-info",
        "/desk/source/b-gras-b-cie",
        "/desk/source/en-pause",
        "/desk/source/presse-example?said=moved",
    ),
    "desk.add_source": ("/desk/sources/add", "/desk/sources/add?site=%3Cscript%3Ealert(1)"),
    "desk.import_sources": ("/desk/sources/import",),
    "desk.story": ("/desk/story/1", "/desk/story/2", "/desk/story/3"),
    "desk.mend": (
        "/desk/story/1/hide",
        "/desk/story/3/show",
        "/desk/story/1/merge?q=%3Cb%3E",
        "/desk/story/1/merge?other=4",
    ),
    "desk.missing": (
        "/desk/missing",
        "/desk/missing?q=item+3",
        "/desk/missing?q=titre",
        "/desk/missing?q=https://presse.example/<b>",
        "/desk/missing?q=https://nowhere.example/<b>",
        "/desk/missing?q=<script>alert(1)</script>",
    ),
}
FORMS = {
    "desk.health_act",
    "desk.health_address",
    "desk.health_feed",  # which is no page
    "desk.change_sources",
    "desk.edit_source",
    "desk.export_sources",  # which is no page
    "desk.find_source",
    "desk.move_source",
    "desk.look_for_feed",
    "desk.preview_source",
    "desk.read_import",
    "desk.take_in",
    "desk.log_out",
    "desk.undo",
    "desk.add_editor",
    "desk.change_editor",
    "desk.preview_rule",
    "desk.publish_rule",
    "desk.preview_item",
    "desk.correct_item",
}  # that nothing is shown at
STRANGERS = {"desk.log_in": "/desk/login"}


def a_full_desk(folder: Path) -> Desk:
    """Sources of every kind, stories of several, faults, and a history of everything that can be done."""
    desk = a_desk(folder, [INFO, MATIN, PRESSE, SILENT, PAUSED, GONE, HOSTILE_SOURCE])
    one, copy, other = an_item("one"), replace(an_item("two"), source=MATIN.url), an_item("three")
    tell(desk.store, [one])
    tell(desk.store, [copy], links=[same_story(copy, one)])
    tell(desk.store, [other, *oddities()])
    same_event(desk.store, [one, other])
    fail(desk.store, PRESSE, succeeded_at=desk.now - timedelta(days=3))
    fail(desk.store, HOSTILE_SOURCE, ErrorClass.NOT_A_FEED, error="<script>alert(1)</script> \" onload='x'")
    desk.store.pin(PinKind.CANNOT, 1, 2, "Jeanne", "deux sujets <b>", desk.now)
    desk.store.hide(3, "Marc", "à sa demande", desk.now)
    desk.store.withdraw(PAUSED.url, "Marc", "", desk.now)
    renamed = sources.replaced(INFO, replace(INFO, title="Info <i>Comtoise</i>"))
    sources.edit(desk.settings, desk.store, "Jeanne", "nouveau nom", renamed, desk.now)
    done = sources.edit(desk.settings, desk.store, "Jeanne", "", sources.removed(GONE), desk.now)
    assert done
    sources.undo(desk.settings, desk.store, done.id, "Marc", desk.now)
    Path(desk.settings.opml).write_bytes(desk.listed + b"<!-- by hand -->\n")
    sources.note_outside(desk.settings, desk.store, desk.now)
    nothing = an_item(
        "five", title="<script>alert(5)</script>", tags=("<i>Comtoise</i>",), categories=(Category("divers", "none"),)
    )
    tell(desk.store, [nothing])
    rules = (
        Rule(1, RuleEffect.BLOCK, RuleField.TITLE, RuleHow.CONTAINS, "<script>alert", HOSTILE_SOURCE.url, "sport"),
        Rule(2, RuleEffect.CATEGORY, RuleField.TAG, RuleHow.IS, "<i>Comtoise", target="culture", source=PRESSE.url),
    )
    effects.publish(
        desk.settings, desk.store, "Marc", "deux <b>", effects.NewRules(rules, desk.store.rulebook()), desk.now
    )
    correction = effects.NewCorrection(1, Correction(("culture",), Genre.COMMUNIQUE))
    effects.publish(desk.settings, desk.store, "Marc", "", correction, desk.now)
    busy = replace(
        desk.store.state(MATIN.url), rhythm=Rhythm(hours=tuple(hour % 7 for hour in range(168))), etag='"<b>"'
    )
    desk.store.keep([busy])
    desk.store.examine(lambda source, state: judge(source, state, desk.now), desk.now)
    desk.editor("Marc", Role.ADMIN)
    desk.editor("Une rédactrice au nom bien long")
    return desk
