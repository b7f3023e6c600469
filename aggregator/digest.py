"""What a body says: takes bytes, gives items ready to be decided on; pure, and heavy enough for a process of its own.

    parse | what is unchanged | clean | classify | keys | words | prints

An entry of which every letter is as it was at the last poll is not looked at again: reading it costs a tenth of all
this. Imports nothing but these stages: a worker process holds what this module imports.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from msgspec.structs import replace

from aggregator import stories, words
from aggregator.classify import classify, load_taxonomy
from aggregator.clean import clean, heading
from aggregator.clean.characters import scrub
from aggregator.config import VERSION
from aggregator.model import Digest, Entry, ParsedFeed, Same, Source, SourceKind
from aggregator.parse import parse, parse_page

MARK_BYTES = 8
SKIPPED_LIMIT = 20  # reasons that are told
MARKS_LIMIT = 2000  # entries of a document, from the top, that may be found unchanged


def digest(
    source: Source, body: bytes, url: str, headers: Mapping[str, str], categories: str, seen: bytes = b""
) -> Digest:
    """Read a body. A bad entry costs itself; a bad document raises ParseError. `categories` is the setting, `seen` what
    the Digest of the last document said.
    """
    if source.kind is SourceKind.PAGE:
        feed = parse_page(body, url, headers, source.selectors, source.timezone)
    else:
        feed = parse(body, url, headers, source.timezone)
    taxonomy = load_taxonomy(categories)
    guids = _guids(feed.entries)
    marks = _marks(feed, source, categories)
    same = _unchanged(feed.entries, guids, marks, seen)
    items, skipped, read = [], list(feed.skipped), []
    for number, (entry, mark) in enumerate(zip(feed.entries, marks, strict=True), start=1):
        read.append(mark)
        if mark in same:
            continue
        try:
            items.append(classify(clean(entry, feed, source), source, taxonomy))
        except (ValueError, ArithmeticError, LookupError, RecursionError) as error:
            skipped.append(f"entry {number}: {type(error).__name__}: {error}")
            read.pop()
    told = heading(feed)
    keyed = stories.give_keys(items)
    prints = tuple(stories.make_print(item, (source.title, told.title)) for item in keyed)
    return Digest(
        replace(told, entries=()),
        keyed,
        tuple(map(words.index, keyed)),
        prints,
        _few(skipped),
        tuple(same.values()),
        b"".join(read[:MARKS_LIMIT]) if guids else b"",
    )


def _few(reasons: Sequence[str]) -> tuple[str, ...]:
    """The first reasons, and how many more there are."""
    more = len(reasons) - SKIPPED_LIMIT
    return (*reasons[:SKIPPED_LIMIT], *([f"{more} more"] if more > 0 else []))


def _guids(entries: Sequence[Entry]) -> list[str]:
    """The keys of the items, none where they depend on what else is in the document: then all of it is looked at."""
    guids = [scrub(entry.guid).strip() for entry in entries]
    return list(map(stories.own_guid, guids)) if all(guids) and len(set(guids)) == len(guids) else []


def _marks(feed: ParsedFeed, source: Source, categories: str) -> list[bytes]:
    """What tells each entry, with all that its item depends on, from every other."""
    around = (VERSION, categories, source, feed.url, feed.format, feed.site, feed.language, feed.author, feed.rights)
    basis = blake2b(repr(around).encode(), digest_size=16).digest()
    return [blake2b(repr(entry).encode(), digest_size=MARK_BYTES, key=basis).digest() for entry in feed.entries]


def _unchanged(
    entries: Sequence[Entry], guids: Sequence[str], marks: Sequence[bytes], seen: bytes
) -> Mapping[bytes, Same]:
    """The entries that are as they were, by mark; none where so much is new that the document may be suspect."""
    known = {seen[at : at + MARK_BYTES] for at in range(0, len(seen), MARK_BYTES)}
    same = {
        mark: Same(guid, entry.published.at or entry.updated.at)
        for entry, guid, mark in zip(entries, guids, marks, strict=False)
        if mark in known
    }
    return same if 2 * len(same) >= len(entries) else {}
