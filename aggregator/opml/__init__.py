"""Lists of sources: takes OPML files, gives Sources, and writes both back. Never fetches, never asks the store.

`read` is strict, for feeds.opml; `Document` edits that file without touching what it does not mean to change, `move`
does so while others may be editing it;
`read_foreign` and `merge` take in what other readers export; `write_subscriptions` and `write_sources` make the
lists that we publish. docs/source-list.md explains the attributes to editors. Only ConfigError is raised.

Who polls needs feeds.opml alone: the modules that need lxml are loaded when one of their names is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from aggregator.opml.document import Document, move, read
from aggregator.opml.line import SELECTORS, url_flaw
from aggregator.opml.line import write as attributes

if TYPE_CHECKING:
    from aggregator.opml.foreign import Refused, bare_address, bare_host, merge, read_export, read_foreign
    from aggregator.opml.lists import Folder, Line, write_sources, write_subscriptions

__all__ = [
    "SELECTORS",
    "Document",
    "Folder",
    "Line",
    "Refused",
    "attributes",
    "bare_address",
    "bare_host",
    "merge",
    "move",
    "read",
    "read_export",
    "read_foreign",
    "url_flaw",
    "write_sources",
    "write_subscriptions",
]

_LATER = {
    **dict.fromkeys(("Refused", "bare_address", "bare_host", "merge", "read_export", "read_foreign"), "foreign"),
    **dict.fromkeys(("Folder", "Line", "write_sources", "write_subscriptions"), "lists"),
}

if not TYPE_CHECKING:  # which would take any name for one of ours

    def __getattr__(name: str) -> object:
        """A name of a module that is not loaded yet."""
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
