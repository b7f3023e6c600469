"""The tables, as a list of migrations that is only ever added to.

Times that order something are whole seconds since 1970 in UTC (`datetime(sort_at, 'unixepoch')` reads them). What is
only ever read as a whole is JSON of the value in `aggregator.model`: `content->>'$.title'` reads a title.
"""

import sqlite3

from sqlite_utils import Database, Migrations

from aggregator.store import desk, following, history, hub, indexing, moves, operating, rulebook
from aggregator.store.first import FIRST
from aggregator.store.slugs import slug_of

migrations = Migrations("tributary")


def migrate(db: sqlite3.Connection) -> None:
    """Bring a data base to what this version needs, within the transaction that the caller has begun."""
    migrations.apply(Database(db, execute_plugins=False))


@migrations()
def m001_first(db: Database) -> None:
    """The way of an item, end to end."""
    db.executescript(FIRST)


SECOND = """
-- Each item opens a story when it comes, its home, which keeps what must be the same if it is a story of its own again.
-- `late`: too old for a head at first sight. `categories`: JSON list of all that its item ever had.
ALTER TABLE stories ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stories ADD COLUMN categories TEXT NOT NULL DEFAULT '[]';
UPDATE stories SET categories = (
    SELECT json_group_array(DISTINCT value->>'$.slug') FROM (
        SELECT content FROM items WHERE items.id = lead_id
        UNION ALL SELECT content FROM revisions WHERE item_id = lead_id
    ), json_each(content, '$.categories')
);
UPDATE stories SET late = 1 WHERE id IN (SELECT story_id FROM log WHERE feed = 'all' AND late);
UPDATE stories SET late = 1 WHERE joined_to IN (SELECT id FROM stories WHERE late);
-- serves the homes of items
CREATE UNIQUE INDEX stories_lead ON stories (lead_id);

-- Why two items belong together; the later of the two stands first. Stories follow from the live ones, see groups.py.
CREATE TABLE links_now (
    item_id INTEGER NOT NULL REFERENCES items (id),
    other_id INTEGER NOT NULL REFERENCES items (id),
    level TEXT NOT NULL,
    score REAL NOT NULL,
    evidence TEXT NOT NULL,                -- JSON of model.Evidence
    rule TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    closed_at INTEGER,                     -- NULL while it is live
    closed_why TEXT,
    PRIMARY KEY (item_id, other_id, level),
    CHECK (item_id > other_id)
) WITHOUT ROWID;
INSERT OR IGNORE INTO links_now
    SELECT max(item_id, other_id), min(item_id, other_id), level, score, json_object('link', canonical), rule, made_at,
        NULL, NULL
    FROM links JOIN items ON items.id = item_id ORDER BY made_at;
DROP TABLE links;
ALTER TABLE links_now RENAME TO links;
-- serves the other direction
CREATE INDEX links_other ON links (other_id);

-- What editors say of two items. Nothing is deleted: `undone_at` is NULL while it holds, and what was replaced by
-- another pin on the same two holds again when that one is undone.
CREATE TABLE pins (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                    -- model.PinKind
    item_id INTEGER NOT NULL REFERENCES items (id),
    other_id INTEGER NOT NULL REFERENCES items (id),
    made_by TEXT NOT NULL,
    note TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    undone_at INTEGER,
    undone_by TEXT NOT NULL DEFAULT '',
    replaced_by INTEGER REFERENCES pins (id)
);
-- serve what holds of an item, in both directions
CREATE INDEX pins_item ON pins (item_id) WHERE undone_at IS NULL;
CREATE INDEX pins_other ON pins (other_id) WHERE undone_at IS NULL;
-- serves undoing
CREATE INDEX pins_replaced ON pins (replaced_by) WHERE replaced_by IS NOT NULL;
"""


THIRD = """
-- Words of the items of the last days, which new ones are compared with; see model.Print.
CREATE TABLE prints (
    item_id INTEGER PRIMARY KEY REFERENCES items (id),
    at INTEGER NOT NULL,                   -- published, or first seen
    dated INTEGER NOT NULL,                -- whether its source said when
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    media TEXT NOT NULL,
    grams BLOB NOT NULL                    -- those below, as 32-bit numbers
);
-- serves finding items that have a run of words in common
CREATE TABLE grams (gram INTEGER NOT NULL, item_id INTEGER NOT NULL, PRIMARY KEY (gram, item_id)) WITHOUT ROWID;
"""


@migrations()
def m002_pins(db: Database) -> None:
    """Stories follow from live links and from what editors pin."""
    db.executescript(SECOND)


@migrations()
def m003_prints(db: Database) -> None:
    """Texts are compared."""
    db.executescript(THIRD)


FOURTH = """
-- Stories that tell of one event have the same: the story that told of it first. NULL: nobody else does.
ALTER TABLE stories ADD COLUMN event INTEGER;
-- serves the stories of an event
CREATE INDEX stories_event ON stories (event) WHERE event IS NOT NULL;

-- What stories of the last days tell, each under the item that opened it; see model.Gist.
CREATE TABLE gists (item_id INTEGER PRIMARY KEY REFERENCES items (id), at INTEGER NOT NULL, content BLOB NOT NULL);
-- serves finding stories that are alike
CREATE TABLE gist_words (
    feature TEXT NOT NULL,
    item_id INTEGER NOT NULL,
    weight INTEGER NOT NULL,
    PRIMARY KEY (feature, item_id)
) WITHOUT ROWID;
-- In how many stories of the last weeks a stem stands.
CREATE TABLE stems (stem TEXT PRIMARY KEY, stories INTEGER NOT NULL) WITHOUT ROWID;
"""


@migrations()
def m004_events(db: Database) -> None:
    """Stories about one event are shown together. What was stored before stays as it is."""
    db.executescript(FOURTH)
    db.execute("INSERT INTO marks SELECT 'gathered', coalesce(max(id), 0) FROM items")
    db.execute("INSERT INTO marks VALUES ('counted', 0)")


FIFTH = """
DROP TABLE prints;
CREATE TABLE prints (
    item_id INTEGER PRIMARY KEY REFERENCES items (id),
    source_id INTEGER NOT NULL,            -- with guid the key of the item: its row is not read for each comparison
    guid TEXT NOT NULL,
    at INTEGER NOT NULL,                   -- published, or first seen
    dated INTEGER NOT NULL,                -- whether its source said when
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    media TEXT NOT NULL,
    shingles BLOB NOT NULL,                -- every run of three words of the body, as 32-bit numbers in their order
    grams BLOB NOT NULL                    -- those of them that are in the table grams
);
DELETE FROM grams;
"""


@migrations()
def m005_shingles(db: Database) -> None:
    """Texts are compared by numbers that are kept. What was stored before is compared no more."""
    db.executescript(FIFTH)


SIXTH = """
-- The name of a source in addresses of ours, given once.
ALTER TABLE sources ADD COLUMN slug TEXT NOT NULL DEFAULT '';
-- What decides in which feeds the item of a home belongs, as a JSON list: see log.terms_of.
ALTER TABLE stories RENAME COLUMN categories TO terms;

-- A closed page of the log as it was when it was full: JSON of model.FeedEntry values, compressed.
CREATE TABLE archives (
    feed TEXT NOT NULL,
    number INTEGER NOT NULL,
    closed_at INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (feed, number)
) WITHOUT ROWID;

-- What editors have taken out of sight: an item, or all of a source. `undone_at` is NULL while it holds.
CREATE TABLE hidden (
    id INTEGER PRIMARY KEY,
    item_id INTEGER REFERENCES items (id),
    source_id INTEGER REFERENCES sources (id),
    made_by TEXT NOT NULL,
    note TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    undone_at INTEGER,
    undone_by TEXT NOT NULL DEFAULT '',
    CHECK ((item_id IS NULL) <> (source_id IS NULL))
);
-- serve whether an item is hidden for itself, and whether a source is withdrawn
CREATE INDEX hidden_item ON hidden (item_id) WHERE undone_at IS NULL;
CREATE INDEX hidden_source ON hidden (source_id) WHERE undone_at IS NULL;
-- For how many reasons it is hidden; 'hidden' in `marks` counts the changes.
ALTER TABLE items ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
"""
SIXTH_SLUGS = "CREATE UNIQUE INDEX sources_slug ON sources (slug)"
SIXTH_TERMS = """
UPDATE stories SET terms = (
    SELECT json_group_array(value) FROM (
        SELECT value FROM json_each(terms)
        UNION SELECT 'dep/' || value FROM (
            SELECT content FROM items WHERE items.id = lead_id
            UNION ALL SELECT content FROM revisions WHERE item_id = lead_id
        ), json_each(content, '$.departements')
        UNION SELECT 'source/' || slug FROM items JOIN sources ON sources.id = source_id WHERE items.id = lead_id
        ORDER BY 1
    )
);
WITH term (name, story_id) AS (
    SELECT DISTINCT value, coalesce(joined_to, stories.id) FROM stories, json_each(terms)
    WHERE value LIKE 'dep/%' OR value LIKE 'source/%'
)
INSERT INTO log (feed, story_id, sort_at, late)
SELECT name, story_id, sort_at, 1 FROM term JOIN stories ON stories.id = story_id
UNION ALL SELECT feed || '/' || name, story_id, sort_at, 1 FROM term JOIN log USING (story_id)
WHERE name LIKE 'dep/%' AND feed <> 'all' AND left_at IS NULL
"""


@migrations()
def m006_publishing(db: Database) -> None:
    """Feeds of départements and sources, pages that are closed, items that are hidden. What entered before stands in
    the pages of the new feeds, and not in their heads.
    """
    db.executescript(SIXTH)
    taken: set[str] = set()
    for source_id, url, title in db.execute("SELECT id, url, line->>'$.title' FROM sources ORDER BY id").fetchall():
        slug = slug_of(title or url.partition("//")[2].partition("/")[0], taken)
        taken.add(slug)
        db.execute("UPDATE sources SET slug = ? WHERE id = ?", (slug, source_id))
    db.execute(SIXTH_SLUGS)
    db.executescript(SIXTH_TERMS)


@migrations()
def m007_hub(db: Database) -> None:
    """A hub pushes our feeds to those who subscribe."""
    db.executescript(hub.TABLES)


TENTH = """
-- How often the content was replaced: who holds one knows whether it is still so.
ALTER TABLE items ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;
DROP INDEX items_story;
-- serves the items of a story, all of them but for their content
CREATE INDEX items_story ON items (story_id, first_seen, changed_at, revision, edition, hidden);
"""


@migrations()
def m010_editions(db: Database) -> None:
    """What an item holds is read once for each edition."""
    db.executescript(TENTH)


NINTH = """
-- As it was, but with an index beside it: to find a row among others of 20 kB, SQLite read each that it compared whole.
ALTER TABLE archives RENAME TO archives_before;
CREATE TABLE archives (
    feed TEXT NOT NULL,
    number INTEGER NOT NULL,
    closed_at INTEGER NOT NULL,
    content BLOB NOT NULL
);
INSERT INTO archives SELECT * FROM archives_before;
DROP TABLE archives_before;
-- serves one page, and how many there are
CREATE UNIQUE INDEX archives_page ON archives (feed, number);

-- 'joined': the stories that are part of others, as counting a million takes 40 ms.
INSERT INTO marks SELECT 'joined', count(*) FROM stories WHERE joined_to IS NOT NULL;
"""


@migrations()
def m009_counts(db: Database) -> None:
    """How many there are of a kind is read, not counted."""
    db.executescript(NINTH)


@migrations()
def m011_search(db: Database) -> None:
    """A search is narrowed within the index, and near words are known. What was indexed before is found again as it is
    taken over; dropping the old index takes some ten seconds of a million items.
    """
    db.executescript(indexing.TABLES)


@migrations()
def m012_moves(db: Database) -> None:
    """Sources move to other addresses."""
    db.executescript(moves.TABLES)


@migrations()
def m013_followings(db: Database) -> None:
    """Sources that name a hub are followed there."""
    db.executescript(following.TABLES)


@migrations()
def m015_seen(db: Database) -> None:
    """An entry that is as it was is not looked at again."""
    db.execute("ALTER TABLE sources ADD COLUMN seen BLOB NOT NULL DEFAULT x''")


@migrations()
def m014_health(db: Database) -> None:
    """What was the matter with sources is remembered, and how many items they published each day is counted."""
    db.executescript(history.TABLES)
    db.execute(history.COUNT_DAYS)


@migrations()
def m016_desk(db: Database) -> None:
    """Editors log in, and what they change is remembered."""
    db.executescript(desk.TABLES)


@migrations()
def m017_rules(db: Database) -> None:
    """Editors say what becomes of items: by rules, and one by one."""
    db.executescript(rulebook.TABLES)


@migrations()
def m018_operating(db: Database) -> None:
    """Feed apps of editors read what is the matter with sources, and when it was last told."""
    db.executescript(operating.TABLES)


@migrations()
def m019_acts(db: Database) -> None:
    """Sources that are withdrawn together are one act; those of before stand alone."""
    db.execute("ALTER TABLE hidden ADD COLUMN act INTEGER REFERENCES hidden (id)")
