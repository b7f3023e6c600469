"""The values that flow from stage to stage.

All are frozen. All times are aware and in UTC. Text is plain text unless a field says HTML. Sequences are tuples
in the order of the document they were read from, unless a comment says otherwise.
"""

from aggregator.model.feeds import CategoryFeed, FeedEntry, Format, Rendition
from aggregator.model.gists import Frequencies, Gist
from aggregator.model.items import Category, Date, Enclosure, Entry, Genre, Image, Item, Key, Origin, ParsedFeed
from aggregator.model.prints import Near, Print
from aggregator.model.sources import (
    Fetched,
    FetchFailed,
    Gone,
    NotModified,
    Outcome,
    Republish,
    Source,
    SourceKind,
    SourceState,
)
from aggregator.model.stories import (
    Closed,
    Decision,
    DecisionKind,
    Evidence,
    Level,
    Link,
    Pin,
    PinKind,
    Stored,
    Story,
    Update,
)

__all__ = [
    "Category", "CategoryFeed", "Closed", "Date", "Decision", "DecisionKind", "Enclosure", "Entry", "Evidence",
    "FeedEntry", "FetchFailed", "Fetched", "Format", "Frequencies", "Genre", "Gist", "Gone", "Image", "Item", "Key",
    "Level", "Link", "Near", "NotModified", "Origin", "Outcome", "ParsedFeed", "Pin", "PinKind", "Print", "Rendition",
    "Republish", "Source", "SourceKind", "SourceState", "Stored", "Story", "Update",
]  # fmt: skip
