"""Level B, the same text or a version of it: takes a Comparison and where its two items come from, gives a score or
nothing; never looks for pairs.

A link of level B hides one item behind the other, so each way to it asks for what a reader would accept as proof:

- a *version*: one source dates both to the same second, and they are alike;
- a *copy*: the shorter text stands in the longer one from near its top, the title of one is told by the other, and
  nothing stands in the place of something else;
- an *issue* of a series that several outlets print (the weather, an alert): all that two texts from a mould hold must
  agree, within a day and a half, from two sources; for one source prints each issue once;
- a *title* that says much and is the same, from two sources, where the texts do not speak against it: one gives the
  lead alone, the other the rest.
"""

from datetime import timedelta

from msgspec import Struct

from aggregator.model import COMPARED
from aggregator.stories.similarity import FAR, Comparison, Shares, Words, title_likeness, title_swaps

RULE = "same-text/1"

WINDOW = COMPARED
SOON = timedelta(days=3)  # later, a text comes again under its own title only
CROWD = 3  # items that a source dates to one second: an import, which tells nothing

VERSION_TITLE = 0.35
VERSION_TEXT = 0.3

COPY = FAR  # of the shorter text's shingles
COPY_SHINGLES = 4
TOLD = 0.65
NEAR_TOP_WORDS = 15
RELATED_TITLE = 0.6
DEEP_WORDS = 60
LEAD_WORDS = 30
NEW_LEAD = 0.5  # both outlets wrote a lead of their own before the same text
NEW_LEAD_TOLD = 0.35
NEW_LEAD_WORDS = (25, 35)
WHOLE = 0.8  # as good as the whole text, from the first words on
WHOLE_WORDS = 8
OTHER_NAMES = 0.7  # where each title names what the other item lacks
OWN_WINDOW = timedelta(hours=20)  # the next issue of a daily series comes after a day
REPRINT = 0.95
OWN_COPY = 0.6  # of one source: its follow-ups repeat what it wrote before

MOULD = 0.9
MOULD_SHINGLES = 100

SLOT_CONFLICTS = 0.2  # of the slots that both have
SLOT_SWAPS = 1 / 40  # of the shingles that both have
SWAPS = 1 / 20

ISSUE_WINDOW = timedelta(hours=36)
ISSUE = 0.7
ISSUE_SLOTS = 3
ISSUE_SLOTS_SHARE = 0.6
ISSUE_TITLE_WEIGHT = 12.0

TITLE = 0.85
TITLE_WEIGHT = 24.0


class Origin(Struct, frozen=True):
    """Where two items come from."""

    same_source: bool
    apart: timedelta
    dated_alike: bool  # one source gives both the same date, to the second, and that date to few items


def may_be_linked(one: Words, other: Words, found: Shares, origin: Origin) -> bool:
    """Whether `judge` could say yes, before they are aligned: a tenth of its cost."""
    if origin.dated_alike or origin.apart > WINDOW:
        return origin.apart <= WINDOW
    title = title_likeness(one, other)
    if origin.same_source:
        is_alike = found.covered >= REPRINT or found.fresh >= OWN_COPY
        may_be = origin.apart <= OWN_WINDOW and is_alike and title >= RELATED_TITLE
    elif found.is_routine:
        may_be = origin.apart <= ISSUE_WINDOW and found.covered >= ISSUE and _may_agree(one, other)
    else:
        may_be = found.fresh >= COPY or title >= TITLE
    return may_be and not (title >= VERSION_TITLE and title_swaps(one, other))


def _may_agree(one: Words, other: Words) -> bool:
    slots = max(len(one.body_slots), len(other.body_slots))
    return len(one.slots & other.slots) >= max(ISSUE_SLOTS, ISSUE_SLOTS_SHARE * slots)


def judge(found: Comparison, origin: Origin) -> float | None:
    """How sure it is that two items are one text, 0 to 1; None if they are not."""
    if origin.apart > WINDOW:
        return None
    if origin.dated_alike:
        return max(found.shares.fresh, found.title) if _is_version(found) else None
    if found.title_swaps and found.title >= VERSION_TITLE:
        return None
    return _own(found, origin.apart) if origin.same_source else _others(found, origin.apart)


def _own(found: Comparison, apart: timedelta) -> float | None:
    """Of one source: the update of an article at a new address, or the same article again."""
    if apart > OWN_WINDOW:
        return None
    if _is_reprint(found):
        return found.shares.covered
    is_update = found.title >= RELATED_TITLE and found.shares.fresh >= OWN_COPY and found.nearest <= NEAR_TOP_WORDS
    return found.shares.fresh if is_update and not found.shares.is_routine and _may_be_copied(found) else None


def _others(found: Comparison, apart: timedelta) -> float | None:
    if found.shares.is_routine:
        return found.shares.covered if apart <= ISSUE_WINDOW and _is_issue(found) else None
    if _may_be_copied(found) and _is_copy(found, soon=apart <= SOON):
        return found.shares.fresh
    return found.title / 2 if apart <= SOON and _is_title(found) else None


def _is_version(found: Comparison) -> bool:
    if found.slot_swaps and all(found.untold):
        return False
    return found.title >= VERSION_TITLE or found.shares.fresh >= VERSION_TEXT


def _is_reprint(found: Comparison) -> bool:
    is_titled = found.title == 1 and found.title_weight >= ISSUE_TITLE_WEIGHT
    return is_titled and found.shares.covered >= REPRINT and not found.conflicts and not found.swaps


def _is_issue(found: Comparison) -> bool:
    if found.conflicts or found.swaps or all(found.untold) or found.nearest > NEAR_TOP_WORDS:
        return False
    if found.told < TOLD or found.title_weight < ISSUE_TITLE_WEIGHT:
        return False
    return found.shares.covered >= ISSUE and len(found.shared_slots) >= max(
        ISSUE_SLOTS, ISSUE_SLOTS_SHARE * found.slots
    )


def _may_be_copied(found: Comparison) -> bool:
    """Whether nothing forbids it: there is text enough, and what differs is no more than editors change."""
    if found.untold_slots and found.shares.fresh < OTHER_NAMES:
        return False
    if found.slot_swaps and found.shares.fresh >= MOULD and found.shares.fresh_shingles < MOULD_SHINGLES:
        return False  # word for word the same but for a figure: two castings of one mould
    return found.shares.fresh_shingles >= COPY_SHINGLES and _may_be_edited(found)


def _is_copy(found: Comparison, *, soon: bool) -> bool:
    related = found.title >= RELATED_TITLE
    if (soon or related) and found.told >= TOLD and found.shares.fresh >= COPY and _is_near_top(found, related=related):
        return True
    return soon and (_is_whole(found) or _has_new_lead(found))


def _may_be_edited(found: Comparison) -> bool:
    """Whether what differs is no more than editors change."""
    return (
        found.conflicts <= SLOT_CONFLICTS * len(found.shared_slots)
        and len(found.slot_swaps) <= SLOT_SWAPS * found.shares.fresh_shingles
        and len(found.swaps) <= 1 + SWAPS * found.shares.fresh_shingles
        and not any(found.untold[0] & set(one) and found.untold[1] & set(other) for one, other in found.swaps)
    )


def _is_near_top(found: Comparison, *, related: bool) -> bool:
    """A paragraph of background that two articles share stands further down in both."""
    if related:
        return found.nearest < DEEP_WORDS
    if found.farthest > LEAD_WORDS and found.deeper_told < NEW_LEAD_TOLD:
        return False
    return found.nearest <= NEAR_TOP_WORDS and (found.nearest <= 5 or found.farthest <= DEEP_WORDS)


def _is_whole(found: Comparison) -> bool:
    return found.shares.fresh >= WHOLE and found.farthest <= WHOLE_WORDS


def _has_new_lead(found: Comparison) -> bool:
    nearest, farthest = NEW_LEAD_WORDS
    return (
        found.shares.fresh >= NEW_LEAD
        and found.told >= NEW_LEAD_TOLD
        and (found.farthest <= LEAD_WORDS or found.deeper_told >= NEW_LEAD_TOLD)
        and found.nearest <= nearest
        and found.farthest <= farthest
        and not found.conflicts
        and not found.slot_swaps
    )


def _is_title(found: Comparison) -> bool:
    return found.title >= TITLE and found.title_weight >= TITLE_WEIGHT and not found.conflicts and not found.swaps
