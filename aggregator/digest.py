"""What a body says: takes bytes, gives items ready to be decided on; pure, and heavy enough for a process of its own.

    parse | clean | classify | keys | words | prints

Imports nothing but these stages: a worker process holds what this module imports.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aggregator import stories, words
from aggregator.classify import classify, load_taxonomy
from aggregator.clean import clean, heading
from aggregator.model import Item, ParsedFeed, Print, Source, SourceKind
from aggregator.parse import parse, parse_page


@dataclass(frozen=True, slots=True)
class Digest:
    """The feed without its entries, the items, and of each the words for the search index."""

    feed: ParsedFeed
    items: tuple[Item, ...]
    words: tuple[tuple[str, str], ...]
    prints: tuple[Print, ...]  # of each, for comparing it with others
    skipped: tuple[str, ...]  # why an entry could not be read


def digest(source: Source, body: bytes, url: str, headers: Mapping[str, str], categories: str) -> Digest:
    """Read a body. A bad entry costs itself; a bad document raises ParseError. `categories` is the setting."""
    if source.kind is SourceKind.PAGE:
        feed = parse_page(body, url, headers, source.selectors, source.timezone)
    else:
        feed = parse(body, url, headers, source.timezone)
    taxonomy = load_taxonomy(categories)
    items, skipped = [], list(feed.skipped)
    for number, entry in enumerate(feed.entries, start=1):
        try:
            items.append(classify(clean(entry, feed, source), source, taxonomy))
        except (ValueError, ArithmeticError, LookupError, RecursionError) as error:
            skipped.append(f"entry {number}: {type(error).__name__}: {error}")
    told = heading(feed)
    keyed = stories.give_keys(items)
    prints = tuple(stories.make_print(item, (source.title, told.title)) for item in keyed)
    return Digest(replace(told, entries=()), keyed, tuple(map(words.index, keyed)), prints, tuple(skipped))
