"""The invented items, and their dates moved near to today."""

import json
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

PARIS = ZoneInfo("Europe/Paris")

# Two outlets typed the wrong year: their dates stay wrong, and today is not measured by them.
MISTAKEN_FROM = "2026-06-01"

LONG_AGO = datetime(1970, 1, 1, tzinfo=PARIS)

# Titles as first published; `correct()` puts them right. One word wrong, one right, for an id.
TYPOS = {
    "it015": ("expostion", "exposition"),
    "it126": ("trois cave ", "trois caves "),
    "it159": ("Saône-et- Loire", "Saône-et-Loire"),
    "it033": ("maison de aînés", "maison des aînés"),
}


class Article(Struct, frozen=True):
    """What an outlet writes, and what is true of it. Times are aware and in Europe/Paris."""

    id: str
    outlet: str  # its slug
    story: str  # joins the versions of one press release
    genre: str
    category: str
    tag: str  # the outlet's own rubric
    label: str  # "" or "VIDÉO": what stands before the title or the lead
    title: str  # with its label
    lead: str  # with its label
    body: str  # one paragraph, "(Communiqué)" at its end
    author: str
    published: datetime | None
    updated: datetime | None
    departement: str
    town: str
    link: str  # without tracking parameters
    guid: str
    number: str  # the outlet's own, four digits
    is_misdated: bool  # the outlet typed the wrong year
    has_image: bool
    credit: str

    @property
    def order(self) -> tuple[datetime, str]:
        """Where it stands in time: undated and misdated ones are the oldest."""
        return (LONG_AGO if self.published is None or self.is_misdated else self.published), self.id

    @property
    def is_marked_communique(self) -> bool:
        """Does the body end with "(Communiqué)"?"""
        return normalize("NFC", self.body).endswith("(Communiqué)")


def load(shift_to: datetime | None = None) -> tuple[Article, ...]:
    """Read all articles, oldest first, with their typos; with `shift_to`, every date is moved by the same whole
    number of days, so that the newest lies within the day before it.
    """
    articles = _written()
    days = _days(articles, shift_to) if shift_to else 0
    moved = [_moved(article, days) for article in articles]
    return tuple(sorted(moved, key=lambda article: article.order))


def corrected(article: Article, at: datetime) -> Article:
    """The article with its typo put right."""
    wrong, right = TYPOS[article.id]
    return replace(article, title=article.title.replace(wrong, right), updated=stamp(at))


def is_misspelt(article: Article) -> bool:
    """Does the title still have its typo?"""
    return article.id in TYPOS and TYPOS[article.id][0] in article.title


def stamped(article: Article, at: datetime) -> Article:
    """The article as published at that time. An update before it keeps its distance, one after it has yet to come."""
    if article.published is None:
        return article
    published = stamp(at)
    distance = article.updated - article.published if article.updated else timedelta(0)
    return replace(article, published=published, updated=published + distance if distance < timedelta(0) else None)


def stamp(at: datetime) -> datetime:
    """A time as newsrooms write it: local, to the minute."""
    return at.astimezone(PARIS).replace(second=0, microsecond=0)


@cache
def _written() -> tuple[Article, ...]:
    lines = files("aggregator.demo").joinpath("items.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(_article(json.loads(line)) for line in lines)


def _article(line: dict[str, Any]) -> Article:
    wrong, right = TYPOS.get(line["id"], ("", ""))
    image = line["image"] or {"credit": ""}
    return Article(
        id=line["id"],
        outlet=line["source"],
        story=line["story"],
        genre=line["genre"],
        category=line["category"],
        tag=line["raw_categories"][0],
        label=line["label"] or "",
        title=line["title"].replace(right, wrong) if wrong else line["title"],
        lead=line["lead"],
        body=line["body"],
        author=line["author"] or "",
        published=_local(line["published"]),
        updated=_local(line["updated"]),
        departement=line["departement"] or "",
        town=line["places"][0]["name"] if line["places"] else "",
        link=line["link"],
        guid=line["guid"],
        number=line["link"].rsplit("-", 1)[-1],
        is_misdated=(line["published"] or "") > MISTAKEN_FROM,
        has_image=line["image"] is not None,
        credit=image["credit"],
    )


def _local(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(PARIS) if text else None


def _days(articles: tuple[Article, ...], now: datetime) -> int:
    rightly = [article for article in articles if not article.is_misdated]
    newest = max(date for article in rightly for date in (article.published, article.updated) if date)
    days = (now.astimezone(PARIS).date() - newest.date()).days
    return days if _later(newest, days) <= now else days - 1


def _moved(article: Article, days: int) -> Article:
    published = article.published and _later(article.published, days)
    updated = article.updated and _later(article.updated, days)
    return replace(article, published=published, updated=updated)


def _later(date: datetime, days: int) -> datetime:
    """Keeps the hour on the clock; an hour that the change to summer time skips becomes the next one."""
    moved = date + timedelta(days=days)  # within one zone Python adds by the wall clock
    return moved.astimezone(ZoneInfo("UTC")).astimezone(PARIS)
