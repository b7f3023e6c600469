"""What an editor can do about each class of error, in a sentence."""

from collections.abc import Mapping

from aggregator.errors import ErrorClass

REMEDIES: Mapping[ErrorClass, str] = {
    ErrorClass.TIMEOUT: "Wait, as it is asked less and less often; if it lasts for days, tell the publisher.",
    ErrorClass.TOO_LARGE: "Ask the publisher for a shorter feed.",
    ErrorClass.CONNECTION: "Look whether its site still stands at that host; if not, give it its new address.",
    ErrorClass.TLS: "Tell the publisher that the certificate is not valid.",
    ErrorClass.BLOCKED_ADDRESS: "Correct its address; only if it is meant, and what answers there may be published,"
    " have the operator name this one place as host:port in the setting allow_private.",
    ErrorClass.REDIRECT_LOOP: "Open its site and take the address of the feed from there.",
    ErrorClass.BAD_REDIRECT: "Open its site and take the address of the feed from there.",
    ErrorClass.HTTP_4XX: "Open its site and take the new address of the feed from there.",
    ErrorClass.GONE: "Remove its line, or look on its site for another feed.",
    ErrorClass.AUTH: "Ask the publisher for an address that is open to us.",
    ErrorClass.RATE_LIMITED: "Give it a longer tributary:interval.",
    ErrorClass.UNAVAILABLE: "Wait, as its server is out of order; if it lasts for days, tell the publisher.",
    ErrorClass.NOT_A_FEED: "Open its site and take the address of the feed from there.",
    ErrorClass.BROKEN_XML: "Tell the publisher that the feed cannot be read.",
    ErrorClass.ENCODING: "Tell the publisher that the text cannot be decoded.",
    ErrorClass.EMPTY: "Wait; if it lasts for days, look for another feed on its site.",
    ErrorClass.SUSPECT: "Open it and look: if it is another's now, remove its line; else it is believed by itself.",
    ErrorClass.TOO_COSTLY: "Ask the publisher for a smaller feed.",
    ErrorClass.INTERNAL: "Tell the operator: the reason is in the log.",
}

SELECTORS = "Its page has changed: mend the selectors in its line."


def feed_instead(address: str, site: str) -> str:
    """What to do where a page answers in place of a feed."""
    if address:
        return f"Replace its address by {address}."
    return f"Look for its feed on {site or 'its site'}: the page names none."
