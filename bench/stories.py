"""How well and how fast stories are told.

    python -m bench.stories score [--data FOLDER]
    python -m bench.stories speed [--window 100000] [--stored 1000000] [--days 7] [--fresh]

`score` sends labelled entries through the real stages, one poll each, in the order in which they were published, into a
store on disk, and compares the stories with the labels. The articles of the demo are always scored, the files of FOLDER
where it is given; docs/benchmarks.md says what they hold. `speed` is speed.py.
"""

import argparse
import gzip
import json
import random
import re
import statistics
from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from aggregator.demo import articles, formats, outlets
from aggregator.digest import digest
from aggregator.gathering import gather
from aggregator.model import Key, Source
from aggregator.store import Store
from bench import machine
from bench.polls import Row, row_of, tell
from bench.report import about, grid, verdict
from bench.scoring import Labels, Score, joined, mixed, score, score_apart, shares, whole
from bench.speed import speed

WINDOW_DAYS = 7
RESULTS = Path(__file__).with_name("results")
COLUMNS = (
    "", "items", "precision", "recall", "F1", "B³ precision", "B³ recall", "B³ F1", "hidden in 1,000", "copies shown",
)  # fmt: skip
PRECISION, RECALL, HIDDEN, HIDDEN_IN_A_FAMILY, SHOWN, EXACT = 0.998, 0.93, 1.0, 8.0, 0.07, 0.998  # aims
VERSIONS_JOINED, VERSIONS_HIDDEN = 0.80, 1.5
SHUFFLES = 5  # of titles that all came at once: one order may be luck
EVENTS_F1 = {"og2021_fr": 0.75, "gnews_fr": 0.86}  # B-cubed, by name of the file
SERIES = re.compile(r"\(\s*\d+\s*/\s*\d+\s*\)")
LIVE = re.compile(r"en direct\b", re.IGNORECASE)

Line = Mapping[str, Any]


def events_of(store: Store) -> dict[Key, Hashable]:
    """The event of every item, its story where that is alone."""
    now = max(stored.first_seen for stored in store.items())
    while store.gather(lambda stored, window: gather(stored, window, stored.first_seen), now):
        pass
    told = {stored.story_id: store.story(stored.story_id) for stored in store.items()}
    events = {story: f"event {each.event}" if each and each.event else story for story, each in told.items()}
    return {stored.item.key: events[stored.story_id] for stored in store.items()}


def lines_of(path: Path) -> list[Line]:
    """The lines of a file, packed or not."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


# ── the articles of the demo


def score_sample() -> dict[str, float]:
    """Articles that we made up: press releases in several outlets' words, and news that look alike."""
    lines = {line["id"]: line for line in lines_of(Path(articles.__file__).with_name("items.jsonl"))}
    told = tell(_sample_rows())
    rewrites = {id for id, line in lines.items() if line.get("rewrite")}
    stories_told = {id: line["story"] for id, line in lines.items()}
    truth = {id: story for id, story in stories_told.items() if id not in rewrites}
    releases = {story for story in truth.values() if story.startswith("pr")}
    alike = {id for id, line in lines.items() if line["near"]}
    found = {
        "releases": len(releases),
        "whole": len(releases & whole(truth, told)),
        "alike": len(alike),
        "merged": len(alike & mixed(truth, told)),
        "rewrites": len(rewrites),
        "rewrites joined": sum(_stands_with_its_own(id, stories_told, told) for id in rewrites),
        "hidden": score(truth, told).hidden,
    }
    print(
        f"\nOur sample: {found['whole']} of {found['releases']} press releases whole, {found['merged']} of"
        f" {found['alike']} look-alikes merged with other news, {found['hidden']:.1f} in 1,000 items hidden;"
        f" {found['rewrites joined']} of {found['rewrites']} rewrites stand with their release"
    )
    print(verdict(found["whole"] == found["releases"], "every press release whole"))
    print(verdict(not found["merged"], "no look-alike merged"))
    return found


def _stands_with_its_own(rewrite: str, truth: Labels, told: Labels) -> bool:
    return any(told[id] == told[rewrite] and truth[id] == truth[rewrite] for id in truth if id != rewrite)


def _sample_rows() -> list[Row]:
    """Each article in a feed of its own, read from its bytes. Those without a sane date come first."""
    base = "https://outlets.example"
    by_slug = {outlet.slug: (outlet, outlets.source(outlet, base)) for outlet in outlets.OUTLETS}
    written = articles.load()
    first = next(article.order[0] for article in written if article.order[0] > articles.LONG_AGO)
    rows = []
    for article in written:
        outlet, source = by_slug[article.outlet]
        at = max(article.order[0], first).astimezone(UTC)
        body = formats.render(outlet, [article], at, base)
        found = digest(source, body, source.url, {"content-type": outlet.media_type}, "")
        rows.append(Row(article.id, source, found.items[0], at))
    return rows


# ── labelled files


def score_stream(items: Path, gold: Path) -> dict[str, Any]:
    """The items of several outlets, and the file of their labels."""
    labels = lines_of(gold)
    truth = {line["id"]: line["cluster"] for line in labels}
    rows = [
        row_of(line, Source(line["feed"], title=line["source"]), line["guid"], line["url"]) for line in lines_of(items)
    ]
    told = tell(rows)
    overall, unreviewed = score(truth, told), score(truth, tell(rows, reviewing=False))
    relations = shares(joined(truth, told), {line["id"]: line["relation"] for line in labels})
    families = score_apart(truth, told, {line["id"]: line["family"] for line in labels})
    worst = max(families, key=lambda family: families[family].hidden)
    print_scores("The stream", {"all": overall, "all, before any review": unreviewed, **families})
    print(f"\n{grid(('relation', 'joined', 'items'), [[n, f'{s:.4f}', str(c)] for n, (s, c) in relations.items()])}\n")
    print(verdict(overall.precision >= PRECISION, f"precision {overall.precision:.4f}, at least {PRECISION}"))
    print(verdict(overall.recall >= RECALL, f"recall {overall.recall:.4f}, at least {RECALL}"))
    print(verdict(overall.hidden <= HIDDEN, f"{overall.hidden:.2f} in 1,000 hidden, at most {HIDDEN:g}"))
    words = f"{families[worst].hidden:.2f} in 1,000 hidden in {worst}, the worst family, at most {HIDDEN_IN_A_FAMILY:g}"
    print(verdict(families[worst].hidden <= HIDDEN_IN_A_FAMILY, words))
    print(verdict(overall.shown <= SHOWN, f"{overall.shown:.1%} of the copies shown, at most {SHOWN:.0%}"))
    exact = relations.get("exact", (1.0, 0))[0]
    print(verdict(exact >= EXACT, f"{exact:.4f} of the exact copies joined, at least {EXACT}"))
    return {
        "all": as_figures(overall),
        "unreviewed": as_figures(unreviewed),
        "families": _each_as_figures(families),
        "relations": relations,
    }


def score_versions(name: str, lines: Sequence[Line]) -> dict[str, Any]:
    """A file whose rows say when they were fetched: the versions of one source's articles, told by the text alone."""
    source = Source("https://versions.example/feed", title="Versions")
    told = tell([row_of(line, source, line["id"], "", "fetched") for line in lines])
    truth = {line["id"]: line["cluster"] for line in lines}
    kinds = _kinds(lines)
    groups = {"all": score(truth, told), **score_apart(truth, told, kinds)}
    found = shares(joined(truth, told), kinds)
    print_scores(f"Versions: {name}", groups)
    print(f"\n{grid(('kind', 'joined', 'versions'), [[n, f'{s:.4f}', str(c)] for n, (s, c) in found.items()])}\n")
    share, hidden = found.get("article", (1.0, 0))[0], groups["article"].hidden
    print(
        verdict(share >= VERSIONS_JOINED, f"{share:.3f} of the versions of articles joined, at least {VERSIONS_JOINED}")
    )
    print(verdict(hidden <= VERSIONS_HIDDEN, f"{hidden:.2f} in 1,000 articles hidden, at most {VERSIONS_HIDDEN}"))
    return {"scores": _each_as_figures(groups), "joined": found}


def _kinds(lines: Sequence[Line]) -> dict[str, str]:
    """Of each row, what its news is: all versions of one are of one kind."""
    kinds: dict[str, str] = {}
    for line in lines:
        if "/live/" in line["url"] or LIVE.search(line["title"]):
            kinds[line["cluster"]] = "live page"
        elif SERIES.search(line["title"]):
            kinds.setdefault(line["cluster"], "numbered series")
    return {line["id"]: kinds.get(line["cluster"], "article") for line in lines}


def score_events(name: str, lines: Sequence[Line]) -> dict[str, Any]:
    """Titles of many outlets, grouped by event. Each is taken for an outlet of its own; what came at one time is
    shuffled, as such files stand group by group.
    """
    times = SHUFFLES if len({line["published"] for line in lines}) == 1 else 1
    found = [_shuffled(lines, seed) for seed in range(times)]
    print_scores(f"Events: {name}", {f"order {number}": each for number, each in enumerate(found, start=1)})
    mean = statistics.mean(each.b_f1 for each in found)
    if name in EVENTS_F1:
        print(f"\n{verdict(mean >= EVENTS_F1[name], f'B³ F1 {mean:.3f}, at least {EVENTS_F1[name]}')}")
    return {"mean B³ F1": mean, "orders": [as_figures(each) for each in found]}


def _shuffled(lines: Sequence[Line], seed: int) -> Score:
    shuffled = random.Random(seed).sample(lines, len(lines))
    rows = [row_of(line, Source(f"https://{line['id']}.example/feed"), line["id"], "") for line in shuffled]
    return score({line["id"]: line["cluster"] for line in lines}, tell(rows, events_of))


def score_folder(folder: Path) -> dict[str, Any]:
    """Everything that a folder of labelled files holds."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.jsonl*")):
        name = path.name.partition(".")[0]
        if name == "items":
            found[name] = score_stream(path, path.with_name(path.name.replace("items", "gold", 1)))
        elif name != "gold":
            lines = lines_of(path)
            found[name] = (score_versions if "fetched" in lines[0] else score_events)(name, lines)
    return found


def print_scores(title: str, scores: Mapping[str, Score]) -> None:
    """A line for each score, by name."""
    rows = [
        [
            name,
            str(each.items),
            *(f"{share:.4f}" for share in _shares_of(each)),
            f"{each.hidden:.2f}",
            f"{each.shown:.4f}",
        ]
        for name, each in scores.items()
    ]
    print(f"\n{title}\n\n{grid(COLUMNS, rows)}", flush=True)


def _shares_of(each: Score) -> tuple[float, ...]:
    return each.precision, each.recall, each.f1, each.b_precision, each.b_recall, each.b_f1


def as_figures(each: Score) -> dict[str, float]:
    """A score for a file."""
    return asdict(each) | {"f1": each.f1, "b_f1": each.b_f1}


def _each_as_figures(scores: Mapping[str, Score]) -> dict[str, dict[str, float]]:
    return {name: as_figures(each) for name, each in scores.items()}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.stories", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    scoring = commands.add_parser("score", help="compare the stories told with labels")
    scoring.add_argument(
        "--data", type=Path, metavar="FOLDER", help="labelled files to score, beside the demo's articles"
    )
    timing = commands.add_parser("speed", help="measure on a made-up stream")
    timing.add_argument("--window", type=int, default=100_000, help="items that the window holds")
    timing.add_argument("--stored", type=int, default=1_000_000, help="items that the larger store holds")
    timing.add_argument("--days", type=int, default=WINDOW_DAYS, help="length of the window")
    timing.add_argument("--fresh", action="store_true", help="fill the stores anew")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write down."""
    given = arguments()
    facts = machine.facts()
    print(about(facts), flush=True)
    RESULTS.mkdir(exist_ok=True)
    found: dict[str, Any] = {"facts": facts}
    if given.command == "speed":
        found["speed"] = speed(RESULTS, given.window, given.stored, given.days, given.fresh)
    else:
        found["sample"] = score_sample()
        found |= score_folder(given.data) if given.data else {}
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-stories.json"
    file.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
