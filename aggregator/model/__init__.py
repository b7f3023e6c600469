"""The values that flow from stage to stage.

All are frozen. All times are aware and in UTC. Text is plain text unless a field says HTML. Sequences are tuples
in the order of the document they were read from, unless a comment says otherwise.
"""

from aggregator.model.desk import Action, ActionKind, Deed, Editor, Login, Role
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
from aggregator.model.following import (
    NO_NAMING,
    NO_PUSHES,
    Confirmed,
    Denied,
    Following,
    FollowingState,
    Left,
    Naming,
    Notice,
    Pushes,
    Verdict,
)
from aggregator.model.gists import GATHERED, Frequencies, Gist
from aggregator.model.health import Condition, ConditionKind, Episode, Judgement
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
from aggregator.model.items import (
    Category,
    Date,
    Enclosure,
    Entry,
    Genre,
    Image,
    Item,
    Key,
    Origin,
    ParsedFeed,
    Same,
)
from aggregator.model.prints import COMPARED, Digest, Near, Print
from aggregator.model.rules import (
    NO_CORRECTION,
    Correction,
    Effect,
    FeedEffect,
    Named,
    Rule,
    Rulebook,
    RuleEffect,
    RuleField,
    RuleHow,
    Standing,
    Telling,
    Told,
)
from aggregator.model.search import NO_QUESTION, Question
from aggregator.model.sources import (
    NO_ADVICE,
    WEEK_HOURS,
    Advice,
    Certificate,
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
    "ALL", "AS_ANNOUNCED", "COMPARED", "DEPARTEMENT", "GATHERED", "NO_ADVICE", "NO_CORRECTION", "NO_NAMING",
    "NO_PUSHES", "NO_QUESTION", "PAGE_ENTRIES", "SOURCE", "WEEK_HOURS", "Action", "ActionKind", "Advice",
    "Category", "CategoryFeed", "Certificate", "Closed", "Condition", "ConditionKind", "Confirmed", "Content",
    "Correction", "Date", "Decision", "DecisionKind", "Deed", "Denied", "Digest", "Doubt", "Editor", "Effect",
    "Enclosure", "Ended", "Entry", "Episode", "Evidence", "FeedEffect", "FeedEntry", "FetchFailed", "Fetched",
    "Following", "FollowingState", "Format", "Frequencies", "Genre", "Gist", "Gone", "Hiding", "Image", "Intent",
    "Item", "Judgement", "Key", "Left", "Level", "Limit", "Limits", "Link", "Login", "Mode", "Named", "Naming",
    "Near", "NotModified", "Notice", "Options", "Origin", "Outcome", "ParsedFeed", "Picture", "Pin", "PinKind",
    "Ping", "Print", "Push", "PushFailed", "Pushed", "Pushes", "Question", "Rendition", "Republish", "Rhythm",
    "Role", "Rule", "RuleEffect", "RuleField", "RuleHow", "Rulebook", "Same", "Source", "SourceKind", "SourceState",
    "Standing", "Stored", "Story", "Subscription", "Telling", "Told", "Tombstone", "Topic", "Unchanged", "Update",
    "Verdict",
]  # fmt: skip
