"""The tables as they were at first; see `aggregator.store.schema` for what became of them."""

FIRST = """
-- A line of feeds.opml and what we know of it. `position` is its place there, NULL once it has left.
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    position INTEGER,
    paused INTEGER NOT NULL,
    line TEXT NOT NULL,                    -- JSON of model.Source
    state TEXT NOT NULL,                   -- JSON of model.SourceState
    next_check_at INTEGER NOT NULL,
    checked_at INTEGER,                    -- NULL until the first poll
    items INTEGER NOT NULL DEFAULT 0,      -- stored, kept here because counting a million rows takes too long
    newest_at INTEGER                      -- the newest item's place in a river
);
-- serves Store.due
CREATE INDEX sources_due ON sources (next_check_at) WHERE position IS NOT NULL AND NOT paused;

-- One piece of news as we tell it. A story that was found to be part of another points there and has no items left.
CREATE TABLE stories (
    id INTEGER PRIMARY KEY,
    entry_id TEXT NOT NULL UNIQUE,         -- atom:id, never changed
    -- of items. No foreign key: items and stories point at each other, so it would have to be deferred, and while one
    -- deferred reference is open SQLite searches every table that may hold it, for each row that it inserts.
    lead_id INTEGER NOT NULL,
    sort_at INTEGER NOT NULL,
    joined_to INTEGER REFERENCES stories (id)
);
-- serves joining a story that others were joined to
CREATE INDEX stories_joined ON stories (joined_to) WHERE joined_to IS NOT NULL;

CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES sources (id),
    guid TEXT NOT NULL,
    canonical TEXT NOT NULL,
    story_id INTEGER NOT NULL REFERENCES stories (id),
    first_seen INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,           -- last material change
    revision INTEGER NOT NULL DEFAULT 0,   -- how many earlier ones are in `revisions`
    reason TEXT NOT NULL,                  -- how its identity was found
    content TEXT NOT NULL                  -- JSON of model.Item
);
-- our key; serves Known.by_guid
CREATE UNIQUE INDEX items_key ON items (source_id, guid);
-- serves Known.by_link
CREATE INDEX items_canonical ON items (canonical) WHERE canonical <> '';
-- serves the items of a story
CREATE INDEX items_story ON items (story_id);
-- serves Store.source_river
CREATE INDEX items_source ON items (source_id, story_id);

CREATE TABLE revisions (
    item_id INTEGER NOT NULL REFERENCES items (id),
    number INTEGER NOT NULL,
    replaced_at INTEGER NOT NULL,
    content TEXT NOT NULL,                 -- JSON of the model.Item that was replaced
    PRIMARY KEY (item_id, number)
) WITHOUT ROWID;

-- Why two items are of one story.
CREATE TABLE links (
    item_id INTEGER NOT NULL REFERENCES items (id),
    other_id INTEGER NOT NULL REFERENCES items (id),
    level TEXT NOT NULL,
    score REAL NOT NULL,
    reason TEXT NOT NULL,
    rule TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (item_id, other_id, level)
) WITHOUT ROWID;
-- serves the other direction
CREATE INDEX links_other ON links (other_id);

-- The publication log: which stories belong to which feed. A story enters once: its `sequence` is given then and never
-- changes. It stays NULL for a story that came too late, and for all until the first round is over (then late = 0).
CREATE TABLE log (
    feed TEXT NOT NULL,
    story_id INTEGER NOT NULL REFERENCES stories (id),
    sort_at INTEGER NOT NULL,
    late INTEGER NOT NULL,
    sequence INTEGER,
    entered_at INTEGER,
    left_at INTEGER,                       -- found to be part of another story
    PRIMARY KEY (feed, story_id)
) WITHOUT ROWID;
-- serves Store.head
CREATE UNIQUE INDEX log_sequence ON log (feed, sequence) WHERE sequence IS NOT NULL;
-- serves Store.river
CREATE INDEX log_river ON log (feed, sort_at, story_id) WHERE left_at IS NULL;
-- serves Store.log, and joining stories
CREATE INDEX log_story ON log (story_id);

-- `version` moves with whatever changes the feed's bytes, at `changed_at`; `sequence` is the last one given.
CREATE TABLE feeds (
    slug TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) WITHOUT ROWID;

-- 'log_open': when the first round over all sources was over; 'indexed': the last item that can be searched for;
-- 'gathered': the last whose event was looked for; 'counted': the stories that `stems` were counted over.
CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

-- What is searched: words without endings, see aggregator/words.py. New items wait here: a few hundred indexed in one
-- transaction cost 93 µs each, one poll at a time 235 µs.
CREATE TABLE search (
    item_id INTEGER PRIMARY KEY REFERENCES items (id),
    title TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE VIRTUAL TABLE search_index USING fts5 (
    title, text, content='search', content_rowid='item_id', tokenize="unicode61 remove_diacritics 2"
);
-- A stock trigger would index every unchanged row again, and those that wait.
CREATE TRIGGER search_update AFTER UPDATE OF title, text ON search
WHEN (old.title IS NOT new.title OR old.text IS NOT new.text)
AND old.item_id <= (SELECT value FROM marks WHERE name = 'indexed') BEGIN
    INSERT INTO search_index (search_index, rowid, title, text) VALUES ('delete', old.item_id, old.title, old.text);
    INSERT INTO search_index (rowid, title, text) VALUES (new.item_id, new.title, new.text);
END;
"""
