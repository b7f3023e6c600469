"""Why two items belong together, in words: takes a Link, gives a sentence; never decides.

A sentence is a template with named values, so that a page can translate the template: `template % values`.
"""

from collections.abc import Mapping

from aggregator.model import Level, Link

SAME_LINK = "Both stand at the same link, %(link)s."
SAME_TEXT = "%(shared)s of the shorter text stands in the other one too, for instance “%(quote)s”."
SAME_TITLE = "The titles share %(titles)s of their words, and nothing that they tell differs."
SAME_EVENT = "They tell of the same event in their own words: %(agreeing)s."
TEMPLATES = (SAME_LINK, SAME_TEXT, SAME_TITLE, SAME_EVENT)


def why(link: Link) -> tuple[str, Mapping[str, str]]:
    """The template and its values. Shares are written as "83 %"."""
    evidence = link.evidence
    values = {
        "link": evidence.link,
        "shared": f"{evidence.shared:.0%}",
        "quote": evidence.quote,
        "titles": f"{evidence.titles:.0%}",
        "agreeing": ", ".join(evidence.agreeing),
    }
    if link.level is Level.IDENTITY:
        return SAME_LINK, values
    if link.level is Level.EVENT:
        return SAME_EVENT, values
    return (SAME_TEXT if evidence.quote else SAME_TITLE), values


def sentence(link: Link) -> str:
    """The sentence in English."""
    template, values = why(link)
    return template % values
