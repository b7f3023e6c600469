"""What forbids that two items under one guid or link are one: takes two items, gives the reason in a sentence or "";
never looks for pairs.

Some sites use one URL, or even one guid, again and again for a series (the weather, the week's outings). Joining two
issues of a series hides news, which is the worst error, so a doubt keeps items apart; but a shared URL is strong
evidence, so without enough text to judge by nothing is vetoed.
"""

from collections.abc import Iterable
from datetime import timedelta

from aggregator.model import Item
from aggregator.stories.prints import make_print
from aggregator.stories.similarity import Comparison, Swap, Words, compare, is_figure

JUDGED_WORDS = 12  # a text shorter than this proves no contradiction
SAME_TEXT = 0.8  # covered above which differing dates in a title are a correction
MOST_OF_IT = 0.5  # under one title, and with nothing in the place of something else
CONTRADICTION = 0.2  # neither title nor text is alike beyond this: other news
NEW_EPISODE = 0.4
ANOTHER_DAY = timedelta(hours=36)  # figures are corrected sooner
EPISODE_APART = timedelta(hours=6)  # a correction seldom moves the publication; a series does


def contradiction(one: Item, other: Item) -> str:
    """Why two items at one link are different news, "" if they need not be."""
    if (one.title, one.text, one.lead) == (other.title, other.text, other.lead):
        return ""  # as most are that many sources carry: what says the same cannot contradict itself
    return _contradiction(*_compared(one, other))


def another_issue(one: Item, other: Item) -> str:
    """Why two items with the link of a series are different issues of it, "" if they are one.

    Podcasts, flashes and calendars give every item the page that lists them all. Nothing is proven by such a link, so
    the items themselves must be alike.
    """
    found, length = _compared(one, other)
    if reason := _contradiction(found, length):
        return reason
    if one.enclosures != other.enclosures:
        return "they carry different media"
    if _apart(one, other) >= EPISODE_APART and not (length >= JUDGED_WORDS and _is_same_text(found)):
        return "they were published at different times, and too little of their text is the same"
    if one.title != other.title and min(found.title, found.shares.covered) < NEW_EPISODE:
        return "neither the titles nor the texts are the same"
    return ""


def new_episode(old: Item, new: Item) -> str:
    """Why an item that came under a known guid is other news than the stored one, "" if it is a version of it."""
    before, after = old.published.at, new.published.at
    if before is None or after is None or after <= before:
        return ""
    if old.title == new.title and old.text == new.text:
        return ""
    found, length = _compared(old, new)
    swaps = [*found.title_swaps, *found.slot_swaps]
    if after - before < ANOTHER_DAY:
        swaps = _renamed(swaps)
    if swaps:
        return f"published anew on {after:%Y-%m-%d}, and it tells of other things ({_listed(swaps)})"
    proof = length >= JUDGED_WORDS or found.title < CONTRADICTION
    if after - before >= EPISODE_APART and proof and max(found.title, found.shares.covered) < NEW_EPISODE:
        return f"published anew on {after:%Y-%m-%d} with another text ({found.shares.covered:.0%} of it is shared)"
    return ""


def _is_same_text(found: Comparison) -> bool:
    if found.shares.covered >= SAME_TEXT:
        return True
    return found.title == 1 and found.shares.covered >= MOST_OF_IT and not found.conflicts and not found.slot_swaps


def _compared(one: Item, other: Item) -> tuple[Comparison, int]:
    """The comparison, and how many words the shorter text has."""
    ours, theirs = Words(make_print(one)), Words(make_print(other))
    return compare(ours, theirs), min(len(ours.body), len(theirs.body))


def _contradiction(found: Comparison, length: int) -> str:
    if found.title_swaps and found.shares.covered < SAME_TEXT:
        return f"the titles name different dates, figures or names ({_listed(found.title_swaps)})"
    if length >= JUDGED_WORDS and max(found.title, found.shares.covered) < CONTRADICTION:
        return f"neither the titles nor the texts are alike ({found.shares.covered:.0%} of the shorter text is shared)"
    return ""


def _renamed(swaps: Iterable[Swap]) -> list[Swap]:
    """The swaps that are more than a figure that moved on."""
    return [swap for swap in swaps if not all(is_figure(word) for side in swap for word in side)]


def _apart(one: Item, other: Item) -> timedelta:
    first, second = one.published.at, other.published.at
    return abs(second - first) if first and second else timedelta()


def _listed(swaps: Iterable[Swap]) -> str:
    return "; ".join(f"{' '.join(one)} against {' '.join(other)}" for one, other in swaps)
