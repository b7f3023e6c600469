"""Sources that somebody looks for in a list: takes what was typed and what is known of a source, says whether it is
meant. Words are looked for in any spelling; an address stands at a host and its port.
"""

import re
from collections.abc import Collection, Iterable

from aggregator.classify import folded
from aggregator.opml import bare_host

# With a scheme, or a host with a port: "localhost:8000/rss". A time such as "12:30" is none.
_ADDRESS = re.compile(r"(?P<scheme>https?://)?(?P<place>[^/\s]+)(?P<path>/\S*)?", re.IGNORECASE)
_PLACE = re.compile(r"(?=.*[^\d:]).+:\d{1,5}")


def is_meant(typed: str, names: Iterable[str], addresses: Collection[str]) -> bool:
    """Whether a source has all that was typed in its names and addresses."""
    said, hosts = folded(" ".join((*names, *addresses))), {bare_host(each) for each in addresses}
    return all(_is_said(word, said, hosts) for word in typed.split())


def _is_said(word: str, said: str, hosts: Collection[str]) -> bool:
    found = _ADDRESS.fullmatch(word)
    if found and (found["scheme"] or _PLACE.fullmatch(found["place"])):
        host = bare_host(f"{found['scheme'] or 'https://'}{found['place']}")
        if not host or host not in hosts:
            return False
        word = found["path"] or ""
    return all(piece in said for piece in folded(word).split())
