"""Every document of tests/corpus reads as its head says.

A corpus file shows one behaviour. The head, a comment or a file of the same name ending in .expect, holds a sentence,
an empty line, then expectations: Python expressions over `feed` and `entry`, its first entry. `error:` names the class
of the error that is expected instead, its text is then `message`; `headers:` is a Content-Type.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.errors import ErrorClass, ParseError
from aggregator.model import Date, Enclosure, Image, Origin
from aggregator.parse import parse

CORPUS = Path(__file__).parent / "corpus"
URL = "https://source.example/feed"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


WORDS = {"Date": Date, "Enclosure": Enclosure, "Image": Image, "Origin": Origin, "at": at, "len": len}


def expectations(path: Path) -> list[str]:
    beside = path.with_name(f"{path.name}.expect")
    head = (
        beside.read_text("utf-8") if beside.exists() else re.search(r"<!--\n(.*?)-->", path.read_text("utf-8"), re.S)[1]
    )
    sentence, empty, *lines = head.splitlines()
    assert sentence.endswith(".") and not empty and lines, "a sentence, an empty line, expectations"
    return lines


def documents() -> list[Path]:
    return sorted(path for path in CORPUS.iterdir() if path.suffix != ".expect")


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_a_document_of_the_corpus_reads_as_its_head_says(path: Path) -> None:
    lines = expectations(path)
    settings = dict(line.split(": ", 1) for line in lines if re.match("(?:error|headers): ", line))
    headers = {"content-type": settings["headers"]} if "headers" in settings else {}
    names = dict(WORDS)
    if "error" in settings:
        with pytest.raises(ParseError) as raised:
            parse(path.read_bytes(), URL, headers)
        assert (raised.value.error_class, raised.value.source_url) == (ErrorClass[settings["error"]], URL)
        names |= {"message": raised.value.message}
    else:
        feed = parse(path.read_bytes(), URL, headers)
        names |= {"feed": feed, "entry": next(iter(feed.entries), None)}
    for line in lines:
        if line.split(":")[0] not in settings:
            left, is_equation, _ = line.partition(" == ")
            assert eval(line, names), f"{line}\n{left} is {eval(left, names)!r}" if is_equation else line
