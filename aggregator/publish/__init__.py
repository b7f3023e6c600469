"""Makes feeds: takes stories, gives CategoryFeeds and their bytes. Never asks the store, the clock or the network.

`publish.select.select` says what a feed holds; `render` turns that into bytes. The same CategoryFeed gives the same
bytes in every process, locale and time zone.
"""

import gzip
import hashlib
from collections.abc import Callable, Mapping

from aggregator.model import CategoryFeed, Format, Rendition
from aggregator.publish import atom, jsonfeed, rss
from aggregator.publish.characters import printable
from aggregator.publish.shown import CONTENT_TYPES

__all__ = ["render"]

# Of 87 kB of Atom level 6 makes 11.0 kB in 0.9 ms, level 9 makes 10.9 kB in 2.1 ms.
GZIP_LEVEL = 6
ETAG_BYTES = 16

_RENDERERS: Mapping[Format, Callable[[CategoryFeed], bytes]] = {
    Format.ATOM: atom.write,
    Format.RSS: rss.write,
    Format.JSON: jsonfeed.write,
}


def render(feed: CategoryFeed, format: Format) -> Rendition:
    """Write the feed in one format, as it is and compressed, with a strong ETag over the plain bytes."""
    body = _RENDERERS[format](printable(feed))
    return Rendition(
        slug=feed.slug,
        format=format,
        content_type=f"{CONTENT_TYPES[format]}; charset=utf-8",
        body=body,
        gzip=gzip.compress(body, compresslevel=GZIP_LEVEL, mtime=0),
        etag=f'"{hashlib.blake2b(body, digest_size=ETAG_BYTES).hexdigest()}"',
        updated=feed.updated,
    )
