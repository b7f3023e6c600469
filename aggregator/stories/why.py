"""Why two items belong together, in words: takes a Link, gives a sentence; never decides.

A sentence is a template with named values, so that a page can translate the template: `template % values`.
"""

from collections.abc import Mapping

from aggregator.model import Level, Link

NAMED_LIMIT = 6  # figures, dates and names that a sentence lists
QUOTE_WORDS = 20  # of the shared text that a sentence quotes


def _(template: str) -> str:
    """Mark a template for the catalogue of translations."""
    return template


SAME_LINK = _("Both lead to the same page, %(link)s.")
SAME_TEXT = _("%(shared)s of the shorter text (%(words)s words) stands in the other one too, for instance “%(quote)s”.")
MOSTLY_SAME_TEXT = _("%(shared)s of the shorter text (%(words)s words) stands in the other one too.")
SAME_TITLE = _("The titles share %(titles)s of their words, and nothing that the items tell speaks against it.")
SIMILAR_TITLE = _("The titles share %(titles)s of their words.")
SAME_EVENT = _("They tell of the same event, each in its own words. Both name %(agreeing)s.")
OWN_WORDS = _("They tell of the same event, each in its own words.")
TEMPLATES = (SAME_LINK, SAME_TEXT, MOSTLY_SAME_TEXT, SAME_TITLE, SIMILAR_TITLE, SAME_EVENT, OWN_WORDS)


def why(link: Link) -> tuple[str, Mapping[str, str]]:
    """The template and its values. Shares are written as English does, "83%"."""
    evidence = link.evidence
    values = {
        "link": evidence.link,
        "shared": f"{evidence.shared:.0%}",
        "words": str(evidence.words),
        "quote": _cut(evidence.quote),
        "titles": f"{evidence.titles:.0%}",
        "agreeing": ", ".join(evidence.agreeing[:NAMED_LIMIT]),
    }
    return _template(link), values


def sentence(link: Link) -> str:
    """The sentence in English."""
    template, values = why(link)
    return template % values


def _template(link: Link) -> str:
    evidence = link.evidence
    if link.level is Level.IDENTITY:
        return SAME_LINK
    if link.level is Level.EVENT:
        return SAME_EVENT if evidence.agreeing else OWN_WORDS
    if evidence.shared:
        return SAME_TEXT if evidence.quote else MOSTLY_SAME_TEXT
    return SIMILAR_TITLE if evidence.differing else SAME_TITLE


def _cut(quote: str) -> str:
    words = quote.split()
    return quote if len(words) <= QUOTE_WORDS else " ".join(words[:QUOTE_WORDS]) + " …"
