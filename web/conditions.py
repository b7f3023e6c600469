"""Takes what is the matter with a source, says it to readers in a sentence each. Never reads the store."""

from collections.abc import Iterable

from msgspec import Struct

from aggregator.model import Condition, ConditionKind, Episode
from web.language import gettext, ngettext


class Told(Struct, frozen=True):
    """A sentence, and the address that it speaks of, "" for none."""

    text: str
    address: str = ""


def told(episodes: Iterable[Episode]) -> list[Told]:
    """What lasts and is not said by the state of the source already, in the language of the page."""
    found = (_told(each.condition) for each in episodes if each.until is None)
    return [each for each in found if each.text]


def _told(condition: Condition) -> Told:
    figures = condition.figures
    match condition.kind:
        case ConditionKind.HTML if condition.address:
            return Told(gettext("A web page answers where its feed was. It names this feed:"), condition.address)
        case ConditionKind.HTML:
            return Told(gettext("A web page answers where its feed was."))
        case ConditionKind.FROZEN:
            return Told(gettext("It answers, but its newest item is %(days)s days old.", days=figures["days"]))
        case ConditionKind.SILENT:
            times = int(figures["times"])
            text = gettext(
                "Nothing new for %(days)s days: more than %(times)s times its usual pause.",
                days=figures["days"],
                times=times,
            )
            return Told(text)
        case ConditionKind.CERTIFICATE:
            return Told(_certificate(int(figures["days"])))
        case _:
            return Told("")


def _certificate(days: int) -> str:
    if days < 0:
        return gettext("Its security certificate has ended.")
    if not days:
        return gettext("Its security certificate ends within a day.")
    text = ngettext(
        "Its security certificate ends in %(num)s day.", "Its security certificate ends in %(num)s days.", days
    )
    return text % {"num": days}
