"""How long a search takes: asks a store what readers ask, many times, and prints what most of the answers took.

Takes the file of a store (`bench.region` makes one of any size); words of every frequency are drawn from its own index.
"""

import random
import sqlite3
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from aggregator.model import Question
from aggregator.store import Store, open_store
from bench.report import grid

TIMES, WARMING = 200, 20  # searches of each kind
LANGUAGE, HITS = "fr", 20
MISSPELT = "a misspelt word, and what is meant"
COMMON = 100  # so many of the most frequent words

Draw = Callable[[random.Random], Question]


def main(path: str) -> None:
    """Measure and print."""
    with closing(sqlite3.connect(path)) as db:
        kinds = dict(_kinds(db))
    store = open_store(path, writer=False)
    rows = [(name, *_measured(store, draw, name == MISSPELT)) for name, draw in kinds.items()]
    print(grid(("a search for", "found", "CPU p50 ms", "CPU p95 ms", "wall p95 ms"), [list(row) for row in rows]))


def _kinds(db: sqlite3.Connection) -> Iterator[tuple[str, Draw]]:
    words = _column(db, "SELECT word FROM spellings ORDER BY items DESC LIMIT 3000")
    rare = _column(db, "SELECT word FROM spellings ORDER BY items, word LIMIT 1000")
    texts = [text.split() for text in _column(db, "SELECT text FROM search ORDER BY item_id DESC LIMIT 2000")]
    facets = " ".join(_column(db, "SELECT facets FROM search ORDER BY item_id DESC LIMIT 50000")).split()
    categories = Counter(token.removeprefix("c_") for token in facets if token.startswith("c_"))
    seldom, common = min(categories, key=lambda slug: categories[slug]), words[:COMMON]
    slugs = _column(db, "SELECT slug FROM sources")
    newest = datetime.fromtimestamp(_column(db, "SELECT max(at) FROM search")[0], UTC).date()

    def phrase(dice: random.Random) -> Question:
        text = dice.choice(texts)
        start = dice.randrange(max(len(text) - 1, 1))
        return Question(f'"{" ".join(text[start : start + 2])}"')

    def days(dice: random.Random) -> Question:
        since = newest - timedelta(days=dice.randrange(30, 600))
        return Question(dice.choice(common), since=since, until=since + timedelta(days=dice.randrange(60)))

    yield "a rare word", lambda dice: Question(dice.choice(rare))
    yield "a common word", lambda dice: Question(dice.choice(common))
    yield "two common words", lambda dice: Question(" ".join(dice.sample(common, 2)))
    yield "two words", lambda dice: Question(" ".join(dice.sample(words, 2)))
    yield "a common word, a rare category", lambda dice: Question(dice.choice(common), category=seldom)
    yield "a common word, a source", lambda dice: Question(dice.choice(common), source=dice.choice(slugs))
    yield "a common word, some days", days
    yield "a phrase", phrase
    yield "a source alone", lambda dice: Question(source=dice.choice(slugs))
    yield "what is not there", lambda dice: Question(f"{dice.choice(common)} zqx{dice.randrange(999)}")
    yield MISSPELT, lambda dice: Question(_misspelt(dice, dice.choice(words)))


def _column(db: sqlite3.Connection, sql: str) -> list[Any]:
    return [value for (value,) in db.execute(sql)]


def _misspelt(dice: random.Random, word: str) -> str:
    at = dice.randrange(len(word))
    return f"{word[:at]}{dice.choice('zkwxq')}{word[at + 1 :]}"


def _measured(store: Store, draw: Draw, is_misspelt: bool) -> tuple[str, ...]:
    dice, cpu, wall, items = random.Random("searches"), [], [], []
    for number in range(WARMING + TIMES):
        question = draw(dice)
        before = time.process_time_ns(), time.perf_counter_ns()
        found = store.search(question, LANGUAGE, HITS)
        if is_misspelt and (meant := store.respell(question.words, LANGUAGE)):
            found = store.search(Question(meant), LANGUAGE, HITS)
        if number >= WARMING:
            cpu.append((time.process_time_ns() - before[0]) / 1e6)
            wall.append((time.perf_counter_ns() - before[1]) / 1e6)
            items.append(found.items)
    times = (statistics.median(cpu), _most(cpu), _most(wall))
    return f"{statistics.median(items):,.0f}", *(f"{each:.1f}" for each in times)


def _most(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=20)[18]


if __name__ == "__main__":
    main(sys.argv[1])
