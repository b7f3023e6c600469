"""What forbids that two items are one: takes two items, gives the reason in a sentence or ""; never looks for pairs.

Some sites use one URL, or even one guid, again and again for a series (the weather, the week's outings). Joining two
issues of a series hides news, which is the worst error, so a doubt keeps items apart; but a shared URL is strong
evidence, so without enough text to judge by nothing is vetoed.
"""

from datetime import timedelta

from aggregator.model import Item
from aggregator.stories.similarity import containment, figures, title_likeness, words

JUDGED_WORDS = 12  # a text shorter than this proves no contradiction
SAME_TEXT = 0.8  # containment above which differing dates in a title are a correction
CONTRADICTION = 0.2  # neither title nor text is alike beyond this: other news
NEW_EPISODE = 0.5
EPISODE_APART = timedelta(hours=6)  # a correction seldom moves the publication; a series does

# One table of words that tell the issues of a series apart, accents folded as in similarity.words.
CALENDAR = frozenset(
    "lundi mardi mercredi jeudi vendredi samedi dimanche janvier fevrier mars avril mai juin juillet aout septembre"
    " octobre novembre decembre monday tuesday wednesday thursday friday saturday sunday january february march april"
    " may june july august october november december montag dienstag mittwoch donnerstag freitag samstag sonntag"
    " januar februar marz juni juli oktober dezember lunes martes miercoles jueves viernes sabado domingo enero febrero"
    " marzo abril mayo junio julio agosto septiembre noviembre diciembre".split()
)


def contradiction(one: Item, other: Item) -> str:
    """Why two items at one link are different news, "" if they need not be."""
    ours, theirs = _slots(one.title), _slots(other.title)
    shared_text = containment(one, other)
    if ours and theirs and not (ours <= theirs or theirs <= ours) and shared_text < SAME_TEXT:
        return f"the titles name different dates or figures ({_listed(ours - theirs)} against {_listed(theirs - ours)})"
    if min(_length(one), _length(other)) < JUDGED_WORDS:
        return ""
    if max(title_likeness(one, other), shared_text) < CONTRADICTION:
        return f"neither the titles nor the texts are alike ({shared_text:.0%} of the shorter text is shared)"
    return ""


def another_issue(one: Item, other: Item) -> str:
    """Why two items with the link of a series are different issues of it, "" if they are one.

    Podcasts, flashes and calendars give every item the page that lists them all. Nothing is proven by such a link, so
    the items themselves must be alike.
    """
    if reason := contradiction(one, other):
        return reason
    if one.enclosures != other.enclosures:
        return "they carry different media"
    shared_text = containment(one, other)
    has_text = min(_length(one), _length(other)) >= JUDGED_WORDS
    if _apart(one, other) >= EPISODE_APART and not (has_text and shared_text >= SAME_TEXT):
        return "they were published at different times, and too little of their text is the same"
    if words(one.title) != words(other.title) and min(title_likeness(one, other), shared_text) < NEW_EPISODE:
        return "neither the titles nor the texts are the same"
    return ""


def new_episode(old: Item, new: Item) -> str:
    """Why an item that came under a known guid is other news than the stored one, "" if it is a version of it."""
    before, after = old.published.at, new.published.at
    if before is None or after is None or after - before < EPISODE_APART:
        return ""
    if words(old.title) == words(new.title) and old.text == new.text:
        return ""
    shared_text = containment(old, new)
    if contradiction(old, new) or max(title_likeness(old, new), shared_text) < NEW_EPISODE:
        return f"published anew on {after:%Y-%m-%d} with another text ({shared_text:.0%} of the shorter one is shared)"
    return ""


def _apart(one: Item, other: Item) -> timedelta:
    first, second = one.published.at, other.published.at
    return abs(second - first) if first and second else timedelta()


def _slots(title: str) -> frozenset[str]:
    text = words(title)
    return figures(text) | (frozenset(text) & CALENDAR)


def _length(item: Item) -> int:
    return len(words(item.text or item.lead))


def _listed(slots: frozenset[str]) -> str:
    return ", ".join(sorted(slots)) or "none"
