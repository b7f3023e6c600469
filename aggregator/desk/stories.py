"""What the pages of stories ask: takes the store and an item, gives what hangs together with it and what may; has it
hidden, shown, merged and split. What happens already is said, and nothing is done twice.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from msgspec import Struct

from aggregator.clean.links import canonical
from aggregator.config import Settings
from aggregator.errors import DeskError
from aggregator.model import Hiding, Key, Level, Pin, PinKind, Question, Stored, Story
from aggregator.store import Choice, Mend, Mended, Mending, Store, Tie
from aggregator.words import index

CANDIDATES_LIMIT = 8
LOOKED_AT = timedelta(days=2)  # before and after a story, for others with nearly its title
LOOKED_AT_LIMIT = 300
ALIKE_SHARE, ALIKE_LEAST = 0.5, 2  # of the shorter title, what two have in common

_BARE = re.compile(r"(?:[\w-]+\.)+[\w-]+(?::\d{1,5})?/\S*")  # a host with a path
_OF_STORY = re.compile(r"(?:/desk)?/story/(\d{1,12})(?:\.json)?/?")


def _(text: str) -> str:
    """Mark a text for the catalogue of translations."""
    return text


class Likeness(StrEnum):
    """Why two stories might be one."""

    LINK = "link"  # an item of the one is tied to one of the other, or was
    EVENT = "event"
    TEXT = "text"  # they have runs of words in common
    TITLE = "title"


class Candidate(Struct, frozen=True):
    """A story that might be the same as another."""

    story: Story
    likeness: Likeness


class Kin(Struct, frozen=True):
    """An item of another story that one of this is tied to: by a link, closed or held back, or by an editor's word."""

    own: Stored
    other: Stored
    tie: Tie | None = None
    pin: Pin | None = None


class DoneAlreadyError(DeskError):
    """Somebody has done it before."""

    def __init__(self, said: Pin | Hiding) -> None:
        super().__init__(_text_of(said), name=said.undone_by or said.by)


def _text_of(said: Pin | Hiding) -> str:
    if isinstance(said, Hiding):
        return _("%(name)s has shown it again already") if said.undone_at else _("%(name)s has hidden it already")
    if said.kind is PinKind.MUST:
        return _("%(name)s has said already that they are one story")
    return _("%(name)s has said already that they are not one story")


def number_of(text: str, hosts: Collection[str]) -> int:
    """The number of a story in an address of ours, public or at the desk; 0 where it is none."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return 0
    if (parts.scheme or parts.netloc) and (parts.scheme not in ("http", "https") or parts.netloc not in hosts):
        return 0
    found = _OF_STORY.search(parts.path)
    return int(found[1]) if found and parts.path.endswith(found[0]) else 0


def traced(store: Store, text: str, hosts: Collection[str]) -> tuple[Stored, ...]:
    """The items of a story's address, a link, a guid or the id of an entry; the lead or the newest first."""
    text = text.strip()
    if number := number_of(text, hosts):
        story = store.story(number)
        return (story.lead, *story.others) if story else ()
    return store.traced(text, canonical(text) if is_address(text) else "") if text else ()


def with_scheme(text: str) -> str:
    """An address that was typed without its beginning, whole; any other text as it is."""
    return f"https://{text}" if _BARE.fullmatch(text) else text


def is_address(text: str) -> bool:
    """Whether somebody means an address, and no words to look for."""
    return text.strip().lower().startswith(("http://", "https://", "//")) and not text.strip().count(" ")


def is_word(text: str) -> bool:
    """Whether a text may be a guid, but is more likely to be a word that is looked for."""
    return not set(text) & set("/:=?#@")


def kin(store: Store, story: Story) -> tuple[Kin, ...]:
    """The items that a story is tied to, and that are told elsewhere, each once; what editors say comes first. Cost:
    two queries an item.
    """
    own = {stored.item.key: stored for stored in (story.lead, *story.others)}
    found: dict[Key, Kin] = {}
    for mine, key, tie, pin in _ties(store, story, own):
        other = store.keyed(key) if key not in own and key not in found else None
        if other:
            found[key] = Kin(own[mine], other, tie, pin)
    return tuple(found.values())


def _ties(store: Store, story: Story, own: Collection[Key]) -> Iterator[tuple[Key, Key, Tie | None, Pin | None]]:
    for pin in store.pins_of(story.id):
        yield (*_ordered(pin.item, pin.other, own), None, pin)
    for stored in (story.lead, *story.others):
        for tie in store.links_of(stored.id):
            if tie.link.level is not Level.EVENT:
                yield (*_ordered(tie.link.item, tie.link.other, own), tie, None)


def _ordered(one: Key, other: Key, own: Collection[Key]) -> tuple[Key, Key]:
    return (one, other) if one in own else (other, one)


def candidates(store: Store, settings: Settings, story: Story) -> tuple[Candidate, ...]:
    """The stories that might be the same one, the likeliest first; none of which editors say that it is not, and none
    that is hidden. Cost: reads the stories of the days around it.
    """
    apart = {each.other.story_id for each in kin(store, story) if each.pin and each.pin.kind is PinKind.CANNOT}
    found: dict[int, Candidate] = {}
    for likeness, other in _alike(store, settings, story):
        if other.id != story.id and other.id not in apart and not other.lead.hidden:
            found.setdefault(other.id, Candidate(other, likeness))
        if len(found) == CANDIDATES_LIMIT:
            break
    return tuple(found.values())


def _alike(store: Store, settings: Settings, story: Story) -> Iterator[tuple[Likeness, Story]]:
    for each in kin(store, story):
        yield from _of(store, Likeness.LINK, [each.other])
    yield from ((Likeness.EVENT, other) for other in store.event(story.id))
    for stored in (story.lead, *story.others):
        if print_ := store.print_of(stored.item.key):
            near = (store.keyed(each.item) for each in store.near(stored.item.key, print_.print))
            yield from _of(store, Likeness.TEXT, filter(None, near))
    day = story.sort_at.date()
    around = Question(since=day - LOOKED_AT, until=day + LOOKED_AT)
    page = store.choose(Choice(around), settings.language, settings.timezone, limit=LOOKED_AT_LIMIT)
    own = _title(story.lead)
    shares = ((_share(own, _title(other.lead)), other) for other in page.stories)
    near_titles = [(share, other) for share, other in shares if share >= ALIKE_SHARE]
    for _, other in sorted(near_titles, key=lambda each: -each[0]):
        yield Likeness.TITLE, other


def _of(store: Store, likeness: Likeness, items: Iterable[Stored]) -> Iterator[tuple[Likeness, Story]]:
    yield from ((likeness, story) for story in map(store.story, [stored.story_id for stored in items]) if story)


def _title(stored: Stored) -> frozenset[str]:
    return frozenset(index(stored.item)[0].split())


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    common = len(one & other)
    return common / min(len(one), len(other)) if common >= ALIKE_LEAST else 0.0


def done_already(store: Store, act: Mending) -> Pin | Hiding | None:
    """What somebody said that makes an act needless, None where it is not."""
    items = [store.item(number) for number in (act.item, act.other) if number]
    keys = [stored.item.key for stored in items if stored]
    if act.what is Mend.HIDE:
        return next((each for each in store.hidings() if [(each.source, each.guid)] == keys), None)
    if act.what is Mend.SHOW:
        mine = [each for each in store.hidings(include_undone=True) if [(each.source, each.guid)] == keys]
        return mine[0] if mine and mine[0].undone_at else None
    if act.what is Mend.SPLIT:
        return None
    kind = PinKind.MUST if act.what is Mend.MERGE else PinKind.CANNOT
    return next((pin for pin in store.pins() if pin.kind is kind and {pin.item, pin.other} == set(keys)), None)


def mend(store: Store, act: Mending, by: str, note: str, now: datetime) -> Pin | Hiding:
    """Do it. DoneAlreadyError if somebody has; DeskError says why it cannot be done."""
    if said := done_already(store, act):
        raise DoneAlreadyError(said)
    return store.mend(act, by, note, now)


def preview(store: Store, act: Mending, now: datetime) -> Mended:
    """What it would do; the same errors."""
    if said := done_already(store, act):
        raise DoneAlreadyError(said)
    return store.try_mending(act, now)
