"""Why something is not there: says in sentences what aggregator.desk.missing finds, and what can be done about it."""

from collections.abc import Iterator
from datetime import datetime

from flask import Blueprint, current_app, request
from msgspec import Struct

from aggregator.desk import missing
from aggregator.desk.missing import Answer, Cause, CauseKind, Publisher, Reading, Trace
from aggregator.model import Hiding, Role
from web.desk.gate import desk_page, needs, store
from web.desk.rules import in_full
from web.desk.stories import own_hosts
from web.language import gettext
from web.layout import label, link
from web.site import current_site
from web.words import RULE_WORDS, TROUBLE_WORDS

ASKED_LIMIT = 1000  # characters


def _(text: str) -> str:
    """Mark a text for the catalogue of translations."""
    return text


LATE = _(
    "It came late: it was older than two days when it was first seen. It stands in the pages, at its date, and feeds"
    " did not announce it."
)
LOOK_AGAIN = _("Whoever misses it all the same looks at a feed of another category, or at a page of some minutes ago.")
HELD_BACK = _(
    "It sends something unlike its usual self, which is held back until it has said the same three times over six"
    " hours."
)
FAULTLESS = _(
    "It is read without fault. The article was not in its feed when it was read, or not yet: feeds hold the newest"
    " articles alone, and some sections have none."
)


class Step(Struct, frozen=True):
    """A sentence, with the time that ends it, what somebody wrote, and where to go on."""

    text: str
    at: datetime | None = None
    quote: str = ""
    link: str = ""
    link_text: str = ""


class Told(Struct, frozen=True):
    """An item and why it is not where somebody looks for it."""

    trace: Trace
    steps: tuple[Step, ...]

    @property
    def announced(self) -> list[str]:
        """The feeds that announced its story."""
        return [each.feed for each in self.trace.places if each.sequence is not None]

    @property
    def unannounced(self) -> list[str]:
        """Those on whose pages alone it stands."""
        return [each.feed for each in self.trace.places if each.sequence is None]


class Source(Struct, frozen=True):
    """A source that may publish what is not known."""

    publisher: Publisher
    steps: tuple[Step, ...]


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/missing", "missing", why, methods=["GET"])


@needs(Role.EDITOR)
def why() -> str:
    """Asks for an address, a guid or words, and tells."""
    site, text = current_site(), request.args.get("q", "").strip()[:ASKED_LIMIT]
    answer = missing.look(store(), site.settings, text, own_hosts(), site.clock()) if text else Answer("")
    return desk_page(
        "missing.html",
        answer=answer,
        told=[Told(trace, tuple(_steps(trace))) for trace in answer.traces],
        sources=[Source(each, tuple(_reading(each))) for each in answer.publishers],
        query=text,
        log_open=store().totals().log_open,
        rules=RULE_WORDS,
    )


def _steps(trace: Trace) -> Iterator[Step]:
    stored = trace.stored
    name = current_site().source_name(stored.item.source)
    text = gettext("It is known: %(source)s published it, and it was first seen here:", source=name)
    yield Step(text, stored.first_seen)
    for cause in trace.causes:
        yield _cause(trace, cause)
    if not trace.causes:
        yield Step(gettext("Nothing keeps it away: it stands in the feeds named below."))
        yield Step(gettext(LOOK_AGAIN))


def _cause(trace: Trace, cause: Cause) -> Step:
    here = link("desk.story", story_id=trace.story.id)
    match cause:
        case Cause(CauseKind.HIDDEN, hiding) if hiding:
            text = gettext("It is hidden, by %(name)s:", name=hiding.by)
            step = Step(text, hiding.made_at, hiding.note, here, gettext("Show it again"))
        case Cause(CauseKind.WITHDRAWN, hiding) if hiding:
            step = _withdrawn(
                gettext("Its source is withdrawn with all its items, by %(name)s:", name=hiding.by), hiding
            )
        case Cause(CauseKind.BLOCKED):
            step = _ruled(gettext("Rules take it out of every feed:"), cause)
        case Cause(CauseKind.TAKEN):
            names = ", ".join(map(label, cause.slugs))
            step = _ruled(gettext("Rules take it out of %(categories)s:", categories=names), cause)
        case Cause(CauseKind.JOINED):
            lead = trace.story.lead.item
            name = current_site().source_name(lead.source)
            text = gettext("It has no entry of its own: it is told within a story that %(source)s leads:", source=name)
            step = Step(text, None, lead.title, here, gettext("Why, and how to split it off"))
        case Cause(CauseKind.WAITING):
            step = Step(gettext("It waits for the end of the first round over the sources; then it enters its feeds."))
        case _:
            step = Step(gettext(LATE))
    return step


def _withdrawn(text: str, hiding: Hiding) -> Step:
    return Step(text, hiding.made_at, hiding.note, link("desk.history"), gettext("Undo it in the history"))


def _ruled(text: str, cause: Cause) -> Step:
    (one, *others) = cause.rules
    there = link("desk.rules") if others else link("desk.rule", number=one.id)
    named = gettext("Rules") if others else gettext("Rule")
    return Step(text, None, "; ".join(map(in_full, cause.rules)), there, named)


def _reading(publisher: Publisher) -> Iterator[Step]:
    view, state = publisher.view, publisher.view.state
    hiding = publisher.hiding
    match publisher.reading:
        case Reading.WITHDRAWN if hiding:
            yield _withdrawn(gettext("It is withdrawn with all its items, by %(name)s:", name=hiding.by), hiding)
        case Reading.UNLISTED:
            text = gettext("It is no longer in the list of sources, so nobody reads it.")
            yield Step(text, link=_sources(), link_text=gettext("Sources"))
        case Reading.PAUSED:
            yield Step(gettext("It is paused, so nobody reads it."), link=_sources(), link_text=gettext("Sources"))
        case Reading.UNREAD:
            yield Step(gettext("It was never read yet; it is in turn soon."))
        case Reading.SUSPECT:
            yield Step(gettext(HELD_BACK), None, state.error)
        case Reading.FAILING:
            trouble = TROUBLE_WORDS[state.error_class] if state.error_class else ""
            yield Step(gettext("It cannot be read. %(trouble)s", trouble=trouble), None, state.error)
        case Reading.RESTING:
            yield Step(gettext("Its server asked us to wait, until:"), state.host_closed_until)
        case _:
            yield Step(gettext(FAULTLESS))
    if state.succeeded_at:
        yield Step(gettext("It was last read with success:"), state.succeeded_at)
    if state.entries and state.oldest:
        yield Step(gettext("Its feed held %(num)s entries then, the oldest of:", num=state.entries), state.oldest)
    if view.listed and not view.source.paused and state.next_check_at:
        yield Step(gettext("It is read next:"), state.next_check_at)


def _sources() -> str:
    return link("desk.sources" if "desk.sources" in current_app.view_functions else "desk.history")
