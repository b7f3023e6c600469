"""Which item is it: takes the items of one poll and what is known, gives their keys and whether they are new, changed
or the same; never looks at other sources.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence, Set

from msgspec.structs import replace

from aggregator.model import Item, Stored
from aggregator.stories.guards import another_issue, new_episode

EPISODE = "#episode-"
GUID_LIMIT_CHARS = 1000  # of a key; a longer one would fill the index


def give_keys(items: Sequence[Item]) -> tuple[Item, ...]:
    """Give each item of one document a guid of its own: the source's where it tells items apart, else the canonical
    link, else a hash of what it says. An entry that stands twice in the document is one item, the first.
    """
    guids = Counter(item.guid for item in _distinct(items))
    links = Counter(item.canonical for item in _distinct(items))
    keyed: dict[str, Item] = {}
    for item in _distinct(items):
        if item.guid and guids[item.guid] == 1:
            guid = own_guid(item.guid)
        elif item.canonical and links[item.canonical] == 1 and item.canonical not in guids:
            guid = item.canonical
        else:
            guid = _hash(item.canonical, item.title, item.published.raw)
        keyed.setdefault(guid, replace(item, guid=guid))
    return tuple(keyed.values())


def own_guid(guid: str) -> str:
    """What a source's own guid is as a key."""
    is_fit = len(guid) <= GUID_LIMIT_CHARS and EPISODE not in guid  # that mark is ours
    return guid if is_fit else _hash(guid)


def _distinct(items: Sequence[Item]) -> Sequence[Item]:
    told = {
        (item.guid, item.canonical, item.title, "" if item.guid else item.published.raw): item for item in items[::-1]
    }
    return list(told.values())[::-1]


def _hash(*parts: str) -> str:
    return "hash:" + hashlib.blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


def find(
    item: Item, episodes: Sequence[Stored], at_link: Sequence[Stored], taken: Set[str]
) -> tuple[Item, Stored | None, str]:
    """The item under its final guid, the stored one that it is a version of, and how that was found.

    `episodes` came under its guid, oldest first; `at_link` stand at its canonical link, of any source; `taken` are
    the guids of the document and of the items found so far: what has one of them cannot have been renumbered.
    """
    for stored in reversed(episodes):
        if stored.item.fingerprint == item.fingerprint or not new_episode(stored.item, item):
            return replace(item, guid=stored.item.guid), stored, "the same guid"
    if episodes:
        reason = "its guid was used again: " + new_episode(episodes[-1].item, item)
        return replace(item, guid=f"{item.guid}{EPISODE}{len(episodes) + 1}"), None, reason
    for stored in reversed(at_link):
        guid = stored.item.guid
        is_free = guid not in taken and guid.partition(EPISODE)[0] not in taken
        if stored.item.source == item.source and is_free and not another_issue(stored.item, item):
            return replace(item, guid=guid), stored, "the same link, under another guid"
    return item, None, "a new guid" if item.guid != item.canonical else "a new link"
