"""The publication log: which stories stand in which feeds. Takes a connection in a transaction, writes log rows and
the versions of feeds; never decides which items are one story.

A story enters a feed once: the sequence that it gets then is never changed and never given again. A row that leaves
(`left_at`) keeps its sequence, and is where it was if it returns.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from aggregator.model import ALL, DEPARTEMENT, SOURCE, Item

NO_CATEGORY = "divers"

Row = tuple[str, int, int, int]
"""What enters: feed, story, sort_at, late."""


class Place(Struct, frozen=True):
    """A story's row in one feed."""

    sequence: int | None
    left: bool
    late: bool


class Log:
    """What one transaction changes in the log. `write` comes last: until then what enters is gathered, so that of all
    that enters a feed in one transaction the older is first. What is from before `late_before` comes too late for a
    head, whenever it was first seen.
    """

    def __init__(self, db: sqlite3.Connection, at: int, late_before: int = 0) -> None:
        self.db = db
        self.at = at
        self._late_before = late_before
        self._open = is_log_open(db)
        self._entering: list[Row] = []
        self._touched: set[str] = set()  # feeds whose bytes change

    def touch(self, story_id: int) -> None:
        """Note that what is shown of a story changes."""
        sql = "SELECT feed FROM log WHERE story_id = ? AND sequence IS NOT NULL AND left_at IS NULL"
        self._touched.update(feed for (feed,) in self.db.execute(sql, (story_id,)))

    def enter(self, feeds: Iterable[str], story_id: int, sort_at: int, late: int) -> None:
        """Let a story enter feeds."""
        self._entering += [(feed, story_id, sort_at, late) for feed in feeds]

    def place(self, feeds: Collection[str], rows: Mapping[str, Place], story_id: int, sort_at: int, late: int) -> None:
        """Let a story that has these rows stand in these feeds and in no others."""
        self.enter((feed for feed in feeds if feed not in rows), story_id, sort_at, late)
        for feed, row in rows.items():
            if row.left is not (feed in feeds):
                continue
            if row.left and row.sequence is None and self._open and not row.late:
                self.enter([feed], story_id, sort_at, late)  # it left before the first round was over
                continue
            self.db.execute(
                "UPDATE log SET left_at = ? WHERE feed = ? AND story_id = ?",
                (None if row.left else self.at, feed, story_id),
            )
            if row.sequence is not None:
                self._touched.add(feed)

    def write(self) -> None:
        """Write what was gathered. What is late, or comes before the first round is over, gets no sequence."""
        if self._open:
            told = [(*row[:3], int(row[3] or row[2] < self._late_before)) for row in self._entering]
            entering = sorted((row for row in told if not row[3]), key=lambda row: (row[0], row[2], row[1]))
            self._wait(row for row in told if row[3])
            self._touched |= enter(self.db, entering, self.at)
        else:
            self._wait(self._entering)
        change(self.db, self._touched, self.at)
        note_told(self.db)

    def _wait(self, rows: Iterable[Row]) -> None:
        self.db.executemany(
            "INSERT INTO log (feed, story_id, sort_at, late) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (feed, story_id) DO UPDATE SET late = excluded.late, left_at = NULL",
            rows,
        )


def terms_of(item: Item, source: str) -> frozenset[str]:
    """What decides in which feeds an item belongs: its categories, départements ("dep/25") and the slug of its source
    ("source/ma-commune").
    """
    departements = (f"{DEPARTEMENT}{code}" for code in item.departements)
    return frozenset([*(each.slug for each in item.categories), *departements, f"{SOURCE}{source}"])


def feeds_of(terms: Collection[str]) -> tuple[str, ...]:
    """The feeds that a story of these terms belongs to: all, each category (divers only if there is no other), each
    département, each category in each département ("economie/dep/25"), each source.
    """
    departements = sorted(term for term in terms if term.startswith(DEPARTEMENT))
    sources = sorted(term for term in terms if term.startswith(SOURCE))
    found = set(terms).difference(departements, sources)
    categories = sorted(found - {NO_CATEGORY} or found)
    both = [f"{category}/{departement}" for category in categories for departement in departements]
    return (ALL, *categories, *departements, *both, *sources)


def is_log_open(db: sqlite3.Connection) -> bool:
    """Whether the first round over all sources is over."""
    return db.execute("SELECT 1 FROM marks WHERE name = 'log_open'").fetchone() is not None


def open_log(db: sqlite3.Connection, at: int) -> int:
    """End the first round, if it is not over. → how many stories entered."""
    if is_log_open(db):
        return 0
    rows = db.execute(
        "SELECT feed, story_id, sort_at, late FROM log WHERE sequence IS NULL AND NOT late AND left_at IS NULL"
        " ORDER BY feed, sort_at, story_id"
    ).fetchall()
    change(db, enter(db, rows, at), at)
    note_told(db)
    db.execute("INSERT INTO marks VALUES ('log_open', ?)", (at,))
    return sum(row[0] == "all" for row in rows)


def enter(db: sqlite3.Connection, rows: Iterable[Row], at: int) -> set[str]:
    """Let stories enter feeds, in the order of the rows. → the feeds."""
    sequences: dict[str, int] = {}
    written = []
    for feed, story_id, sort_at, late in rows:
        if feed not in sequences:
            db.execute("INSERT OR IGNORE INTO feeds VALUES (?, 0, ?, 0)", (feed, at))
            sequences[feed] = db.execute("SELECT sequence FROM feeds WHERE slug = ?", (feed,)).fetchone()[0]
        sequences[feed] += 1
        written.append((feed, story_id, sort_at, late, sequences[feed], at))
    db.executemany(
        "INSERT INTO log (feed, story_id, sort_at, late, sequence, entered_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (feed, story_id) DO UPDATE SET sequence = excluded.sequence, entered_at = excluded.entered_at,"
        " left_at = NULL",
        written,
    )
    db.executemany("UPDATE feeds SET sequence = ? WHERE slug = ?", [(last, feed) for feed, last in sequences.items()])
    return set(sequences)


def change(db: sqlite3.Connection, slugs: Iterable[str], at: int) -> None:
    """Note that the bytes of these feeds change. Each change is a second after the last one at least: Last-Modified
    counts in seconds.
    """
    sql = "UPDATE feeds SET version = version + 1, changed_at = max(?, changed_at + 1) WHERE slug = ?"
    db.executemany(sql, [(at, slug) for slug in sorted(slugs)])


def change_all(db: sqlite3.Connection, at: int) -> None:
    """Note that the bytes of every feed may change: something else is said of a source."""
    note_sources(db)
    db.execute("UPDATE feeds SET version = version + 1, changed_at = max(?, changed_at + 1)", (at,))


def note_sources(db: sqlite3.Connection) -> None:
    """Note that there are other sources, or something else is said of one; see Store.source_changes."""
    db.execute("INSERT INTO marks VALUES ('sources', 1) ON CONFLICT DO UPDATE SET value = value + 1")


def note_told(db: sqlite3.Connection) -> None:
    """Note that something is told, or told otherwise; see Store.tellings."""
    db.execute("INSERT INTO marks VALUES ('told', 1) ON CONFLICT DO UPDATE SET value = value + 1")
