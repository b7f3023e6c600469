"""What narrows a search, as tokens of the index: takes items and questions, gives tokens and FTS5 expressions.

A token has an underscore in it, which no word has, so that no word finds one. Days are those of UTC: whoever means
other ones asks for a little more and looks at the time itself.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from aggregator.model import Item, Question
from aggregator.store.rows import to_datetime
from aggregator.words import Sought

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def facets_of(item: Item, source_id: int, at: int) -> str:
    """All that an item can be asked for by; `at` is its place in a river."""
    day = to_datetime(at).date()
    tokens = [
        *(_token("c", category.slug) for category in item.categories),
        *(_token("d", code) for code in item.departements),
        _source(source_id),
        _token("g", item.genre),
        *(_year(day), _month(day), _day(day)),
    ]
    return " ".join(tokens)


def expression(
    question: Question, sought: Sought, source_id: int | None, days: tuple[date, date] | None, without: Iterable[int]
) -> str:
    """An FTS5 expression that no typing can break, "" where nothing is asked. `days` are the first and the last that
    may be found, `without` the sources that may not.
    """
    wanted = [_quoted(" ".join(phrase)) for phrase in sought.wanted]
    if question.category:
        wanted.append(_quoted(_token("c", question.category)))
    if question.departement:
        wanted.append(_quoted(_token("d", question.departement)))
    if source_id is not None:
        wanted.append(_quoted(_source(source_id)))
    if question.genre:
        wanted.append(_quoted(_token("g", question.genre)))
    if days:
        wanted.append(f"({' OR '.join(map(_quoted, _within(*days)))})")
    unwanted = [_quoted(" ".join(phrase)) for phrase in sought.unwanted]
    unwanted += [_quoted(_source(each)) for each in without]
    if not (wanted and unwanted):
        return " AND ".join(wanted)
    return f"({' AND '.join(wanted)}) NOT ({' OR '.join(unwanted)})"


def _within(first: date, last: date) -> Iterator[str]:
    """The fewest years, months and days that make up a time; one token at least."""
    day = first
    while day <= last:
        next_year, next_month = date(day.year + 1, 1, 1), (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        if day == date(day.year, 1, 1) and next_year - timedelta(days=1) <= last:
            yield _year(day)
            day = next_year
        elif day.day == 1 and next_month - timedelta(days=1) <= last:
            yield _month(day)
            day = next_month
        else:
            yield _day(day)
            day += timedelta(days=1)
    if first > last:
        yield "never_"


def _year(day: date) -> str:
    return f"y_{day.year:04}"


def _month(day: date) -> str:
    return f"m_{day.year:04}{day.month:02}"


def _day(day: date) -> str:
    return f"a_{day.year:04}{day.month:02}{day.day:02}"


def _source(source_id: int) -> str:
    return f"s_{source_id}"


def _token(kind: str, text: str) -> str:
    letters = (letter if letter in PLAIN else f"_{ord(letter):x}_" for letter in text.lower())
    return f"{kind}_{''.join(letters)}"


def _quoted(text: str) -> str:
    return f'"{text}"'
