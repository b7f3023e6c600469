"""Makes feeds: takes stories, gives CategoryFeeds and their bytes. Never asks the store, the clock or the network.

`publish.select.select` says what a feed holds; `render` turns that into bytes, `render_delta` into what is new to a
client, `encodings.encode` compresses them. The same CategoryFeed gives the same bytes in every process, locale and time
zone. An entry is written once for all the feeds that show it alike, and kept (`publish.kept`).
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from aggregator.model import CategoryFeed, Format, Rendition
from aggregator.publish import atom, jsonfeed, rss
from aggregator.publish.characters import printable
from aggregator.publish.kept import Kept, key_of
from aggregator.publish.shown import CONTENT_TYPES, Shown, moment, shown, with_uris

__all__ = ["render", "render_delta"]

ETAG_BYTES = 16


class _Writer(Struct, frozen=True):
    """What writes one format."""

    write: Callable[[CategoryFeed, bytes], bytes]
    write_delta: Callable[[CategoryFeed, bytes], bytes]
    write_entry: Callable[[Shown], bytes]
    between: bytes = b""  # two entries


_WRITERS: Mapping[Format, _Writer] = {
    Format.ATOM: _Writer(atom.write, partial(atom.write, delta=True), atom.write_entry),
    Format.RSS: _Writer(rss.write, rss.write, rss.write_entry),
    Format.JSON: _Writer(jsonfeed.write, jsonfeed.write, jsonfeed.write_entry, b","),
}
_kept = Kept()


def render(feed: CategoryFeed, format: Format) -> Rendition:
    """Write the feed in one format, with a strong ETag over its bytes."""
    writer, parts = _WRITERS[format], _parts(feed, format)
    body = writer.write(_head(feed, format), writer.between.join(parts.values()))
    return Rendition(
        slug=feed.slug,
        format=format,
        content_type=f"{CONTENT_TYPES[format]}; charset=utf-8",
        body=body,
        etag=f'"{hashlib.blake2b(body, digest_size=ETAG_BYTES).hexdigest()}"',
        updated=feed.updated,
        entries=tuple(parts),
    )


def render_delta(feed: CategoryFeed, format: Format, known: Collection[bytes]) -> Rendition:
    """Write what a client lacks that holds entries in the forms `known`, each from `Rendition.entries` of what it was
    sent: entries that are new to it or have changed, and what was removed (RFC 3229, RFC 6721). The ETag and `entries`
    are those of the whole feed, which the client then holds.
    """
    writer, parts = _WRITERS[format], _parts(feed, format)
    lacking = writer.between.join(part for key, part in parts.items() if key not in known)
    return replace(render(feed, format), body=writer.write_delta(_head(feed, format), lacking))


def _parts(feed: CategoryFeed, format: Format) -> Mapping[bytes, bytes]:
    """The entries as bytes, in their order, each under what tells its form from every other."""
    parts = {}
    for entry in feed.entries:
        seen = shown(feed, entry)
        key = key_of(seen, format)
        parts[key] = _kept.take(key, partial(_written, seen, format))
    return parts


def _written(seen: Shown, format: Format) -> bytes:
    return _WRITERS[format].write_entry(with_uris(printable(seen)))


def _head(feed: CategoryFeed, format: Format) -> CategoryFeed:
    """What a document says of the feed itself."""
    updated = feed.updated
    if format is Format.ATOM:
        updated = max(map(moment, feed.entries), default=updated)
    return printable(replace(feed, entries=(), labels={}, updated=updated))
