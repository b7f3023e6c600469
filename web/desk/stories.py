"""Stories at the desk: finds them, says why their items are together, and has items hidden, shown again, split off and
merged. Each act is shown before it is done.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from flask import Blueprint, abort, redirect, request, url_for
from msgspec import Struct, field
from msgspec.structs import replace
from werkzeug.wrappers import Response as Answer

from aggregator.catalogue import name_of
from aggregator.desk import rules, stories
from aggregator.desk.judging import as_text
from aggregator.desk.stories import Kin, Likeness
from aggregator.errors import DeskError
from aggregator.model import Hiding, Question, Role, Stored, Story, Told
from aggregator.store import Choice, Mend, Mended, Mending, Page, Sort
from web.asked import question_of, words_of
from web.choices import options
from web.desk import history
from web.desk.gate import desk_page, me, needs, refused, store, with_done
from web.desk.queue import genres
from web.language import lazy_gettext, page_language
from web.layout import absolute, link
from web.site import current_site
from web.story import Other, Reason, others_of, reasons_of
from web.words import RULE_WORDS, items_of

PER_PAGE = 40
FOUND_LIMIT = 10  # stories to merge with that words find
NUMBER_DIGITS = 12

SORT_WORDS = {
    Sort.ANY: lazy_gettext("all"),
    Sort.MANY: lazy_gettext("of several items"),
    Sort.EVENT: lazy_gettext("on an event that others tell of too"),
    Sort.PINNED: lazy_gettext("merged or split by editors"),
    Sort.HIDDEN: lazy_gettext("hidden"),
}
LIKENESS_WORDS = {
    Likeness.LINK: lazy_gettext("held apart so far"),
    Likeness.EVENT: lazy_gettext("same event"),
    Likeness.TEXT: lazy_gettext("passages in common"),
    Likeness.TITLE: lazy_gettext("similar title"),
}
DEED_WORDS = {
    Mend.HIDE: lazy_gettext("Hide"),
    Mend.SHOW: lazy_gettext("Show again"),
    Mend.SPLIT: lazy_gettext("Split off"),
    Mend.MERGE: lazy_gettext("Merge"),
    Mend.APART: lazy_gettext("Keep apart"),
}
EXPLAINED = {
    Mend.HIDE: lazy_gettext(
        "It leaves every feed, page and search, and feeds tell those who read them that it was withdrawn. Nothing is"
        " deleted."
    ),
    Mend.SHOW: lazy_gettext("It is where it was. What came meanwhile enters its feeds."),
    Mend.SPLIT: lazy_gettext(
        "It does not belong with the rest of its story, whatever links say. It keeps or gets back the entry of its own."
    ),
    Mend.MERGE: lazy_gettext(
        "Both are one story from now on, whatever links say. The one that was announced first keeps its entry."
    ),
    Mend.APART: lazy_gettext("They are never one story, whatever links say."),
}


class Line(Struct, frozen=True):
    """An item as its page shows it."""

    stored: Stored
    told: Told
    seen: str  # what was said of it when the form of its correction was made
    hidings: tuple[Hiding, ...]
    is_hidden_itself: bool


class Held(Struct, frozen=True):
    """An item that is told elsewhere, and why it might be here."""

    kin: Kin
    reason: Reason
    closed_at: datetime | None
    closed_why: str


class Move(Struct, frozen=True):
    """The feeds that a story would enter and leave, by slug."""

    title: str
    entered: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def register(desk: Blueprint) -> None:
    """Add the routes."""
    desk.add_url_rule("/stories", "stories", all_stories, methods=["GET"])
    desk.add_url_rule("/story/<int(max=999999999999):story_id>", "story", one_story, methods=["GET"])
    desk.add_url_rule("/story/<int(max=999999999999):story_id>/<what>", "mend", mend, methods=["GET", "POST"])


def own_hosts() -> set[str]:
    """Where our own addresses lead."""
    return {urlsplit(current_site().settings.public_url).netloc, request.host}


@needs(Role.EDITOR)
def all_stories() -> str | Answer:
    """Stories that an editor looks for; an address or a guid leads straight to its story."""
    given = words_of(request.query_string.decode("latin-1"))
    text = given.get("q", "").strip()
    if not stories.is_word(text) and (items := stories.traced(store(), text, own_hosts())):
        return redirect(link("desk.story", story_id=items[0].story_id), 302)
    if stories.is_address(text) or stories.number_of(text, own_hosts()):
        return redirect(link("desk.missing", q=text), 302)
    sort = Sort(given["sort"]) if given.get("sort") in set(Sort) else Sort.ANY
    question = question_of(given)
    choice = Choice(
        replace(
            question,
            category=question.category if question.category in current_site().taxonomy.slugs else "",
            source=question.source if current_site().view_named(question.source) else "",
        ),
        sort,
    )
    page = choose(choice, given.get("before", ""), PER_PAGE)
    if not page.stories and (items := stories.traced(store(), text, own_hosts())):
        return redirect(link("desk.story", story_id=items[0].story_id), 302)
    return desk_page(
        "stories.html",
        choice=choice,
        query=choice.question.words,
        found=page.stories,
        more=address(choice, page.next) if page.next else "",
        first=address(choice) if given.get("before") else "",
        sorts=SORT_WORDS,
        pinned=frozenset(key for pin in store().pins() for key in (pin.item, pin.other)),
        rules=RULE_WORDS,
        options=_options(choice.question),
        items_of=items_of,
    )


def choose(choice: Choice, before: str = "", limit: int = FOUND_LIMIT) -> Page:
    """The stories that are looked for, newest first."""
    settings = current_site().settings
    return store().choose(choice, settings.language, settings.timezone, before, limit)


def address(choice: Choice, before: str = "") -> str:
    """The page with these stories, from a cursor on."""
    path, _, language = link("desk.stories").partition("?")
    sort = f"sort={choice.sort}" if choice.sort else ""
    parts = (choice.question.query, sort, before and f"before={before}", language)
    return f"{path}?{'&'.join(filter(None, parts))}"


def _options(question: Question) -> Mapping[str, str]:
    site, language = current_site(), page_language()
    categories = tuple((slug, site.taxonomy.label(slug, language)) for slug in site.taxonomy.slugs)
    sources = sorted(((view.slug, name_of(view)) for view in site.views()), key=lambda each: each[1].casefold())
    return {
        "category": options(categories, question.category),
        "source": options(tuple(sources), question.source),
    }


@needs(Role.EDITOR)
def one_story(story_id: int) -> str | Answer:
    """A story with all that is known of its items, and what can be done to them."""
    found = store().story(story_id) or abort(404)
    if found.id != story_id:
        return redirect(link("desk.story", story_id=found.id, **request.args.to_dict()), 302)
    items = items_of(found)
    held = [_held(each) for each in stories.kin(store(), found)]
    done = history.of_items([*items, *(each.kin.other for each in held)])
    public = absolute("reader.story", story_id=found.id)
    return desk_page(
        "story.html",
        story=found,
        lines=_lines(items),
        held=held,
        reasons=_reasons(found),
        closed=reasons_of(store().links(found.id, closed=True), (), items),
        event=_event(found),
        candidates=stories.candidates(store(), current_site().settings, found),
        likeness_words=LIKENESS_WORDS,
        places=store().log(found.id),
        log_open=store().totals().log_open,
        done=done,
        items={each.item.key: each for each in items},
        rules=RULE_WORDS,
        genres=genres(),
        public=public,
        here=link("desk.story", story_id=found.id),
    )


def _lines(items: Sequence[Stored]) -> list[Line]:
    standing = store().hidings() if any(each.hidden for each in items) else ()
    lines = []
    for stored in items:
        told, (url, guid) = rules.told_item(store(), stored.id), stored.item.key
        hidings = tuple(each for each in standing if each.source == url and each.guid in ("", guid))
        lines.append(Line(stored, told, as_text(told.correction), hidings, any(each.guid for each in hidings)))
    return lines


def _reasons(story: Story) -> tuple[Reason, ...]:
    keys = {stored.item.key for stored in items_of(story)}
    pins = [pin for pin in store().pins_of(story.id) if {pin.item, pin.other} <= keys]
    return reasons_of(store().links(story.id), pins, items_of(story))


def _held(kin: Kin) -> Held:
    tie = kin.tie
    (reason,) = reasons_of([tie.link] if tie else [], [kin.pin] if kin.pin else [], [kin.other])
    return Held(kin, reason, tie.closed_at if tie else None, tie.closed_why if tie else "")


def _event(story: Story) -> tuple[Other, ...]:
    links = [tie.link for stored in items_of(story) for tie in store().links_of(stored.id) if not tie.closed_at]
    return others_of(store().event(story.id), links)


@needs(Role.EDITOR)
def mend(story_id: int, what: str) -> str | Answer:
    """Shows what an act would do, and does it."""
    found = store().story(story_id) or abort(404)
    act = Mending(Mend(what) if what in set(Mend) else abort(404), _number("item") or found.lead.id, _number("other"))
    if act.what is Mend.MERGE and not act.other:
        return _look_for_other(found, act)
    note, now = request.form.get("note", "").strip()[:300], current_site().clock()
    back = link("desk.story", story_id=story_id)
    try:
        if request.method == "POST":
            made = stories.mend(store(), act, me().name, note, now)
            kind = "hiding" if isinstance(made, Hiding) else "pin"
            return redirect(with_done(back, f"{kind}-{made.id}"), 303)
        mended = stories.preview(store(), act, now)
    except DeskError as error:
        return refused(error, back)
    return desk_page(
        "story_mend.html",
        act=act,
        story=found,
        mended=mended,
        moves=_moves(mended),
        title=DEED_WORDS[act.what],
        explained=EXPLAINED[act.what],
        subjects=[store().item(number) for number in (act.item, act.other) if number],
        item_of=store().item,
        back=back,
        here=url_for("desk.mend", story_id=story_id, what=what),
    )


def _moves(mended: Mended) -> list[Move]:
    """What enters and leaves feeds, by story, in the order of the feeds."""
    feeds = {each.feed: each for each in mended.feeds}
    order = [slug for slug in current_site().feeds(page_language()) if slug in feeds]
    moves: dict[int, Move] = {}
    for slug in dict.fromkeys([*order, *feeds]):
        for named in feeds[slug].entered:
            moves.setdefault(named.id, Move(named.title)).entered.append(slug)
        for named in feeds[slug].left:
            moves.setdefault(named.id, Move(named.title)).left.append(slug)
    return list(moves.values())


def _look_for_other(story: Story, act: Mending) -> str:
    """The page on which the other story of a merge is looked for."""
    if request.method == "POST":
        abort(400)
    text = request.args.get("q", "").strip()
    found: Sequence[Story] = ()
    if text:
        by_trace = [store().story(each.story_id) for each in stories.traced(store(), text, own_hosts())[:1]]
        by_words = choose(Choice(question_of({"q": text}))).stories if stories.is_word(text) else ()
        others = {each.id: each for each in (*by_trace, *by_words) if each and each.id != story.id}
        found = tuple(others.values())
    return desk_page(
        "story_merge.html",
        story=story,
        act=act,
        query=text,
        found=found,
        candidates=stories.candidates(store(), current_site().settings, story),
        likeness_words=LIKENESS_WORDS,
        back=link("desk.story", story_id=story.id),
    )


def _number(name: str) -> int:
    text = request.values.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS else 0
