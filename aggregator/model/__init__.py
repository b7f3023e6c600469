"""The values that flow from stage to stage.

All are frozen. All times are aware and in UTC. Text is plain text unless a field says HTML. Sequences are tuples
in the order of the document they were read from, unless a comment says otherwise.
"""

from aggregator.model.feeds import (
    ALL,
    AS_ANNOUNCED,
    DEPARTEMENT,
    PAGE_ENTRIES,
    SOURCE,
    CategoryFeed,
    Content,
    FeedEntry,
    Format,
    Options,
    Picture,
    Rendition,
)
from aggregator.model.gists import Frequencies, Gist
from aggregator.model.hub import (
    Ended,
    Intent,
    Limit,
    Limits,
    Mode,
    Ping,
    Push,
    Pushed,
    PushFailed,
    Subscription,
    Topic,
    Unchanged,
)
from aggregator.model.items import Category, Date, Enclosure, Entry, Genre, Image, Item, Key, Origin, ParsedFeed
from aggregator.model.prints import Near, Print
from aggregator.model.search import NO_QUESTION, Question
from aggregator.model.sources import (
    NO_ADVICE,
    WEEK_HOURS,
    Advice,
    Doubt,
    Fetched,
    FetchFailed,
    Gone,
    NotModified,
    Outcome,
    Republish,
    Rhythm,
    Source,
    SourceKind,
    SourceState,
)
from aggregator.model.stories import (
    Closed,
    Decision,
    DecisionKind,
    Evidence,
    Hiding,
    Level,
    Link,
    Pin,
    PinKind,
    Stored,
    Story,
    Tombstone,
    Update,
)

__all__ = [
    "ALL", "AS_ANNOUNCED", "DEPARTEMENT", "NO_ADVICE", "NO_QUESTION", "PAGE_ENTRIES", "SOURCE", "WEEK_HOURS", "Advice",
    "Category", "CategoryFeed", "Closed", "Content", "Date", "Decision", "DecisionKind", "Doubt", "Enclosure", "Ended",
    "Entry", "Evidence", "FeedEntry", "FetchFailed", "Fetched", "Format", "Frequencies", "Genre", "Gist", "Gone",
    "Hiding", "Image", "Intent", "Item", "Key", "Level", "Limit", "Limits", "Link", "Mode", "Near",
    "NotModified", "Options", "Origin", "Outcome", "ParsedFeed", "Picture", "Pin", "PinKind", "Ping", "Print",
    "Push", "PushFailed", "Pushed", "Question", "Rendition", "Republish", "Rhythm", "Source", "SourceKind",
    "SourceState", "Stored", "Story", "Subscription", "Tombstone", "Topic", "Unchanged", "Update",
]  # fmt: skip
