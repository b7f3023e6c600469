"""Takes what is the matter with a source, says it to editors: what, by which evidence, and what helps. Never reads the
store. What readers are told of the same is in `web.conditions`.
"""

from collections.abc import Mapping

from flask_babel.speaklater import LazyString
from msgspec import Struct

from aggregator.errors import ErrorClass
from aggregator.model import Condition, ConditionKind, Episode
from web import conditions
from web.language import gettext, lazy_gettext, ngettext
from web.words import HEALTH_WORDS, TROUBLE_WORDS, Health

KIND_WORDS: Mapping[ConditionKind, LazyString] = {
    ConditionKind.GONE: lazy_gettext("Ended"),
    ConditionKind.HTML: lazy_gettext("A page instead of a feed"),
    ConditionKind.FAILING: lazy_gettext("Failing"),
    ConditionKind.SUSPECT: lazy_gettext("Suspect"),
    ConditionKind.FROZEN: lazy_gettext("Frozen"),
    ConditionKind.SILENT: lazy_gettext("Silent"),
    ConditionKind.MOVED: lazy_gettext("Moved"),
    ConditionKind.CERTIFICATE: lazy_gettext("Certificate ends"),
    ConditionKind.PAUSED: lazy_gettext("Paused"),
}
ITS_SITE = lazy_gettext("Open its site and take the address of the feed from there.")
WAIT = lazy_gettext("Wait: it is asked less and less often. If it lasts for days, tell the publisher.")
REMEDY_WORDS: Mapping[ErrorClass, LazyString] = {
    ErrorClass.TIMEOUT: WAIT,
    ErrorClass.TOO_LARGE: lazy_gettext("Ask the publisher for a shorter feed."),
    ErrorClass.CONNECTION: lazy_gettext("Look whether its site still stands there; if not, give it its new address."),
    ErrorClass.TLS: lazy_gettext("Tell the publisher that the certificate is not valid."),
    ErrorClass.BLOCKED_ADDRESS: lazy_gettext(
        "Correct its address. Only if it is meant, and what answers there may be published, have the operator name"
        " this one place as host:port in the setting allow_private."
    ),
    ErrorClass.REDIRECT_LOOP: ITS_SITE,
    ErrorClass.BAD_REDIRECT: ITS_SITE,
    ErrorClass.HTTP_4XX: ITS_SITE,
    ErrorClass.GONE: lazy_gettext("Remove it, or look on its site for another feed."),
    ErrorClass.AUTH: lazy_gettext("Ask the publisher for an address that is open to us."),
    ErrorClass.RATE_LIMITED: lazy_gettext("Give it a longer interval."),
    ErrorClass.UNAVAILABLE: WAIT,
    ErrorClass.NOT_A_FEED: ITS_SITE,
    ErrorClass.BROKEN_XML: lazy_gettext("Tell the publisher that the feed cannot be read."),
    ErrorClass.ENCODING: lazy_gettext("Tell the publisher that the text cannot be decoded."),
    ErrorClass.EMPTY: lazy_gettext("Wait; if it lasts for days, look for another feed on its site."),
    ErrorClass.SUSPECT: lazy_gettext(
        "Open it and look: if it is another’s now, remove it; else it is believed by itself."
    ),
    ErrorClass.TOO_COSTLY: lazy_gettext("Ask the publisher for a smaller feed."),
    ErrorClass.INTERNAL: lazy_gettext("Tell the operator: the reason is in the log."),
}
TAKE_IT = lazy_gettext("Take the new address.")
KIND_REMEDIES: Mapping[ConditionKind, LazyString] = {
    ConditionKind.HTML: lazy_gettext("Look for its feed on its site: the page names none."),
    ConditionKind.FROZEN: lazy_gettext("Look for another feed on its site, or remove it."),
    ConditionKind.SILENT: lazy_gettext(
        "Look on its site: if there is news, its feed has stopped, and there may be another one."
    ),
    ConditionKind.CERTIFICATE: lazy_gettext("Tell the publisher: when it has ended, neither we nor readers get in."),
    ConditionKind.PAUSED: lazy_gettext("Resume it when you want to have it asked again."),
}


class Trouble(Struct, frozen=True):
    """One thing that is the matter, in the language of the page."""

    kind: ConditionKind
    name: str  # a word or two
    what: str
    evidence: str  # a sentence with figures, "" where `what` says it all
    message: str  # of the program, in English, "" where there is none
    remedy: str
    address: str  # the one that the source should have, "" where none is known


def trouble_of(condition: Condition) -> Trouble:
    """A condition in words."""
    return Trouble(
        condition.kind,
        str(KIND_WORDS[condition.kind]),
        _what(condition),
        _evidence(condition),
        str(condition.figures.get("message", "")),
        _remedy(condition),
        condition.address,
    )


def _what(condition: Condition) -> str:
    match condition.kind:
        case ConditionKind.PAUSED:
            return str(HEALTH_WORDS[Health.PAUSED])
        case ConditionKind.MOVED:
            return gettext("It leads on to another address for good.")
        case ConditionKind.HTML:
            return gettext("A web page answers where its feed was.")
        case _ if condition.error_class:
            return str(TROUBLE_WORDS[condition.error_class])
    return conditions.told([Episode("", condition)])[0].text


def _evidence(condition: Condition) -> str:
    figures, count = condition.figures, int(condition.figures.get("count", 0))
    match condition.kind:
        case ConditionKind.MOVED:
            told = ngettext("It did so once.", "It did so %(num)s times in a row.", count) % {"num": count}
            reason = figures.get("reason")
            return f"{told} {gettext('It could not be followed: %(reason)s.', reason=reason)}" if reason else told
        case ConditionKind.FROZEN:
            items = int(figures["items"])
            return ngettext("Its document holds %(num)s item.", "Its document holds %(num)s items.", items) % {
                "num": items
            }
        case ConditionKind.SILENT:
            return gettext(
                "%(items)s items were to be expected in that time, by its rhythm.",
                items=round(float(figures["missing"])),
            )
        case _ if count:
            return ngettext("It failed once.", "It failed %(num)s times in a row.", count) % {"num": count}
    return ""


def _remedy(condition: Condition) -> str:
    if condition.kind is ConditionKind.MOVED and not condition.figures.get("reason"):
        return gettext("Nothing: it is followed once this has lasted for a day. You can do it now.")
    if condition.address:
        return str(TAKE_IT)
    if condition.kind in KIND_REMEDIES:
        return str(KIND_REMEDIES[condition.kind])
    return str(REMEDY_WORDS[condition.error_class]) if condition.error_class else ""
