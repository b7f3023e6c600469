"""Finds what is searched for: takes a question and a connection in a transaction, gives hits.

FTS5 finds the newest items that match; words and what narrows them are tokens of one index, so that a common word
with a rare filter costs what the rare one costs. Ranking is ours: bm25() counts, in each search, every item that each
word stands in, which takes 100 ms for a word of half a million items.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import date

from aggregator.model import Question
from aggregator.spelling import as_written, ends, mistakes, nearest, spelling, wanted_words
from aggregator.store.contents import Contents
from aggregator.store.facets import expression
from aggregator.store.read import stories
from aggregator.store.rows import to_datetime, to_seconds
from aggregator.store.values import Found, Hit
from aggregator.words import Sought, terms

FOUND_LIMIT = 1000  # items that are ranked of a search that finds more: the newest
TITLE_WEIGHT = 2  # a word in a title counts more than any number of times in a text
TITLE_SATURATION, SATURATION = 0.5, 1.2  # how soon it no longer matters how often a word stands there, as k1 of BM25
USUAL_CHARACTERS = 600  # of a text's terms: in a longer one a word says less
IN_TURN = 30  # items whose story is looked up at once
TRIED_WORDS, WRITTEN_IN = 5, 10  # near words that are looked for, and items that tell how one is written

NEWEST = "SELECT rowid FROM search_index WHERE search_index MATCH ? ORDER BY rowid DESC LIMIT ?"
SHOWN = f"""
FROM ({NEWEST}) found CROSS JOIN search ON item_id = found.rowid WHERE at >= ? AND at < ?
AND NOT EXISTS (SELECT 1 FROM hidden WHERE hidden.item_id = search.item_id AND undone_at IS NULL)
"""  # noqa: S608
FIRST, LAST = -(1 << 62), 1 << 62  # seconds
NEAR = """
SELECT word, items FROM spellings WHERE word >= :first AND word < :first || char(1114111)
AND length(word) BETWEEN :least AND :most
UNION ALL
SELECT word, items FROM spellings WHERE reversed >= :last AND reversed < :last || char(1114111)
AND length(word) BETWEEN :least AND :most
"""
Ranked = tuple[float, int, int]
"""Score, place in a river, item: the greatest first."""
Terms = tuple[int, int, str, str]
"""Place in a river, item, terms of its title, terms of its text."""


def find(
    db: sqlite3.Connection,
    contents: Contents,
    question: Question,
    sought: Sought,
    zone: str,
    newest: bool,
    limit: int,
    offset: int,
) -> Found:
    """See Store.search. Cost: half a dozen queries, and reading the terms of up to a thousand items."""
    asked = _asked(db, question, sought, zone)
    if not asked:
        return Found()
    since, until = question.span(zone)
    within = to_seconds(since) if since else FIRST, to_seconds(until) if until else LAST
    arguments = asked, FOUND_LIMIT + 1, *within
    wanted = offset + limit + 1
    if newest or not sought.wanted:
        rows = db.execute(f"SELECT 0.0, at, item_id {SHOWN}", arguments).fetchall()
        count, told = len(rows), _stories_of(db, rows, wanted)
    else:
        found = db.execute(f"SELECT at, item_id, title, text {SHOWN}", arguments).fetchall()
        phrases = [f" {' '.join(phrase)} " for phrase in sought.wanted]
        count, told = len(found), _best(db, found, phrases, wanted)
    hits = _hits(db, contents, told[offset : offset + limit])
    return Found(hits, min(count, FOUND_LIMIT), count > FOUND_LIMIT, len(told) == wanted)


def respell(db: sqlite3.Connection, words: str, language: str) -> dict[str, str]:
    """For each wanted word that nothing is found by the word that is meant, as it is mostly written, by its spelling;
    nothing where there is one that no near word is known of.
    """
    instead: dict[str, str] = {}
    for word in dict.fromkeys(map(spelling, wanted_words(words))):
        if not terms(word, language) or _stands(db, terms(word, language)):
            continue
        near = next((each for each in _near(db, word) if _stands(db, terms(each, language))), "")
        if not near:
            return {}
        instead[word] = as_written(near, _texts_of(db, terms(near, language)))
    return instead


def _asked(db: sqlite3.Connection, question: Question, sought: Sought, zone: str) -> str:
    """The expression of a question, "" where nothing is asked, or nothing can be found."""
    if not (sought.wanted or question.is_narrowed):
        return ""
    source = None
    if question.source:
        row = db.execute("SELECT id FROM sources WHERE slug = ?", (question.source,)).fetchone()
        if row is None:
            return ""
        source = row[0]
    withdrawn = db.execute("SELECT source_id FROM hidden WHERE undone_at IS NULL AND source_id IS NOT NULL")
    return expression(question, sought, source, _days(db, question, zone), [each for (each,) in withdrawn])


def _days(db: sqlite3.Connection, question: Question, zone: str) -> tuple[date, date] | None:
    """The days, in UTC, that a question reaches into; where it is open, to the oldest and the newest that there are."""
    since, until = question.span(zone)
    if not (since or until):
        return None
    sql = "SELECT {}(sort_at) FROM log WHERE feed = 'all' AND left_at IS NULL"
    (oldest,), (newest,) = (db.execute(sql.format(which)).fetchone() for which in ("min", "max"))
    first = to_datetime(oldest or 0).date()
    last = to_datetime(newest or 0).date()
    return max(first, since.date()) if since else first, min(last, until.date()) if until else last


def _best(db: sqlite3.Connection, found: Iterable[Terms], phrases: Sequence[str], wanted: int) -> list[tuple[int, int]]:
    """The best of the stories that items are in, see `_stories_of`.

    Counting words in texts is what takes time. Items that a phrase stands in the title of come first mostly, and show
    what the others would have to reach: of these a text is left as soon as it cannot any more.
    """
    likely: list[Ranked] = []
    others: list[tuple[int, int, str]] = []
    for at, item_id, title, text in found:
        above = f" {title} "
        for phrase in phrases:  # any() takes as long as counting in a text
            if phrase in above:
                likely.append((_score(phrases, above, f" {text} "), at, item_id))
                break
        else:
            others.append((at, item_id, text))
    told = _stories_of(db, likely, wanted)
    score_of = {item_id: score for score, _, item_id in likely}
    least = score_of[told[-1][1]] if len(told) == wanted else 0.0
    if least >= len(phrases):  # no phrase gives a text as much as 1
        return told
    ranked = [(_score_of_text(phrases, f" {text} ", least), at, item_id) for at, item_id, text in others]
    more = [row for row in ranked if row[0] >= least]
    return _stories_of(db, likely + more, wanted) if more else told


def _score(phrases: Sequence[str], title: str, text: str) -> float:
    """How much an item is about phrases: how often they stand there, and where. All have a space at both ends."""
    score, length = 0.0, _length(text)
    for phrase in phrases:
        if below := text.count(phrase) / length:
            score += below / (below + SATURATION)
        if above := title.count(phrase):
            score += TITLE_WEIGHT * above / (above + TITLE_SATURATION)
    return score


def _score_of_text(phrases: Sequence[str], text: str, least: float) -> float:
    """The same of an item that no phrase stands in the title of; something below `least` where it is less than that."""
    score, length = 0.0, _length(text)
    for left, phrase in zip(range(len(phrases), 0, -1), phrases, strict=True):
        if score + left <= least:
            return -1.0
        below = text.count(phrase) / length
        score += below / (below + SATURATION)
    return score


def _length(text: str) -> float:
    """How long a text is, beside the usual one, as far as it matters."""
    return 0.25 + 0.75 * len(text) / USUAL_CHARACTERS


def _stories_of(db: sqlite3.Connection, rows: Iterable[Ranked], wanted: int) -> list[tuple[int, int]]:
    """The best ranked of the stories that items are in, each with its best item."""
    rows = sorted(rows, reverse=True)
    told: dict[int, int] = {}
    for start in range(0, len(rows), IN_TURN):
        items = [item for *_, item in rows[start : start + IN_TURN]]
        sql = "SELECT id, story_id FROM items WHERE id IN (SELECT value FROM json_each(?))"
        story_of = dict(db.execute(sql, (json.dumps(items),)))
        for item in items:
            told.setdefault(story_of[item], item)
        if len(told) >= wanted:
            break
    return list(told.items())[:wanted]


def _hits(db: sqlite3.Connection, contents: Contents, told: Iterable[tuple[int, int]]) -> tuple[Hit, ...]:
    best = dict(told)
    hits = []
    for story in stories(db, contents, list(best)):
        item = next(each for each in (story.lead, *story.others) if each.id == best[story.id])
        hits.append(Hit(story, item))
    return tuple(hits)


def _stands(db: sqlite3.Connection, term: str) -> bool:
    return db.execute(NEWEST, (f'"{term}"', 1)).fetchone() is not None


def _near(db: sqlite3.Connection, word: str) -> list[str]:
    if not mistakes(word):
        return []
    first, last = ends(word)
    least, most = len(word) - mistakes(word), len(word) + mistakes(word)
    found = db.execute(NEAR, {"first": first, "last": last[::-1], "least": least, "most": most})
    return nearest(word, dict(found.fetchall()))[:TRIED_WORDS]


def _texts_of(db: sqlite3.Connection, term: str) -> list[str]:
    sql = f"SELECT content->>'$.title', content->>'$.lead' FROM ({NEWEST}) found JOIN items ON id = found.rowid"  # noqa: S608
    return [text for row in db.execute(sql, (f'"{term}"', WRITTEN_IN)) for text in row]
