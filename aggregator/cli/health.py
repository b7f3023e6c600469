"""Which sources need somebody, and what they need: for people as lines, for programs as data."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import click

from aggregator.cli.options import open_own, with_settings
from aggregator.cli.printing import plain
from aggregator.config import Settings
from aggregator.health import needs_somebody
from aggregator.model import Condition, ConditionKind, Episode
from aggregator.store import Store

WORST = list(ConditionKind)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each source.")
@with_settings
def health(settings: Settings, as_json: bool) -> None:
    """List the sources that need somebody, the worst first, with evidence and what helps."""
    with closing(open_own(settings)) as store:
        for line in report(store, as_json=as_json):
            click.echo(line)


def report(store: Store, *, as_json: bool) -> Iterator[str]:
    """A line for each source that needs somebody, the worst first, then the longest."""
    names = {view.source.url: view.source.title or view.source.url for view in store.sources()}
    found = _by_source(each for each in store.conditions() if needs_somebody(each.condition))
    if as_json:
        yield from (json.dumps(_as_data(url, names[url], conditions)) for url, conditions in found.items())
        return
    for url, conditions in found.items():
        yield plain(f"{names[url]}: {'; '.join(map(_line, conditions))}")
    yield _count(len(found))


def _by_source(episodes: Iterable[Episode]) -> Mapping[str, Sequence[Condition]]:
    found: dict[str, list[Condition]] = {}
    for each in episodes:
        found.setdefault(each.source, []).append(each.condition)
    return dict(sorted(found.items(), key=lambda each: (WORST.index(each[1][0].kind), each[1][0].since)))


def _count(sources: int) -> str:
    return "No source needs anybody." if not sources else f"{sources} source{'s' if sources > 1 else ''} to look at."


def _line(condition: Condition) -> str:
    what = f"{condition.kind} ({condition.error_class})" if condition.kind is ConditionKind.FAILING else condition.kind
    return f"{what}: {condition.evidence} → {condition.remedy}"


def _as_data(url: str, name: str, conditions: Sequence[Condition]) -> dict[str, Any]:
    return {"source": url, "title": name, "conditions": [as_data(each) for each in conditions]}


def as_data(condition: Condition) -> dict[str, Any]:
    """A condition as data; times are ISO 8601 in UTC."""
    return {
        "kind": condition.kind,
        "error_class": condition.error_class,
        "since": condition.since.isoformat(),
        "evidence": condition.evidence,
        "remedy": condition.remedy,
        "address": condition.address or None,
    }
