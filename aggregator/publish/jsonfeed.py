"""Writes a feed as JSON Feed 1.1."""

import json
from datetime import UTC, datetime
from typing import Any

from aggregator.model import CategoryFeed, Content, Enclosure, Format, Origin
from aggregator.publish import shown
from aggregator.publish.addresses import address, earlier
from aggregator.publish.shown import Shown

JSON_FEED = "https://jsonfeed.org/version/1.1"
ABOUT_PAGE = "/subscribe"  # the page that explains our extension


def write(feed: CategoryFeed, entries: bytes) -> bytes:
    """Write the document in UTF-8 around its written items; keys always stand in the same order. What was removed is
    told in each document, not in a delta alone.
    """
    head = _filled(
        version=JSON_FEED,
        title=feed.title,
        home_page_url=feed.site,
        feed_url=address(feed, Format.JSON),
        description=feed.subtitle,
        next_url=earlier(feed, Format.JSON),
        language=feed.language,
        authors=[{"name": feed.publisher}],
        hubs=[{"type": "WebSub", "url": feed.hub}] if feed.hub else [],
        _tributary=_removed(feed),
    )
    return _dumped(head)[:-1] + b',"items":[' + entries + b"]}"


def write_entry(shown_: Shown) -> bytes:
    """Write one item, as it stands in the document."""
    entry = shown_.entry
    plain = shown_.content is Content.TEXT
    item = _filled(
        id=entry.id,
        url=shown.link(entry),
        title=shown.title(shown_),
        content_html="" if plain else shown.content(shown_),
        content_text=shown.plain_text(entry) if plain else "",
        summary=entry.item.lead.strip(),
        image=shown_.image.url if shown_.image else "",
        date_published=_date(entry.published),
        date_modified=_date(entry.updated),
        authors=[{"name": shown.author(entry)}],
        tags=list(dict.fromkeys(term.label for term in shown_.terms)),
        language=entry.item.language,
        attachments=[_attachment(each) for each in shown_.enclosures],
        _tributary=_extension(shown_),
    )
    return _dumped(item)


def _removed(feed: CategoryFeed) -> dict[str, Any]:
    """Say what was retracted lately, the last first."""
    removed = [{"id": tombstone.entry_id, "at": _date(tombstone.at)} for tombstone in feed.removed]
    return {"about": feed.base.removesuffix(f"/feeds/{feed.slug}") + ABOUT_PAGE, "removed": removed} if removed else {}


def _extension(shown_: Shown) -> dict[str, Any]:
    """Say what JSON Feed has no words for, under a key of our own."""
    entry, item = shown_.entry, shown_.entry.item
    return _filled(
        about=shown_.home + ABOUT_PAGE,
        source=_source(entry.source),
        also=[_filled(title=other.title, url=other.url) for other in entry.also],
        story_url=entry.url,
        image_alt=shown_.image.alt.strip() if shown_.image else "",
        image_credit=shown_.image.credit.strip() if shown_.image else "",
        categories=[term.slug for term in shown_.categories],
        departements=[term.slug for term in shown_.departements],
        genre="".join(term.slug for term in shown_.genres),
        labels=list(item.labels),
        rights=shown.rights(entry),
        point=shown.point(entry),
    )


def _source(source: Origin) -> dict[str, Any]:
    return _filled(title=source.title, home_page_url=source.site, feed_url=source.url, id=source.id or source.url)


def _attachment(enclosure: Enclosure) -> dict[str, Any]:
    attachment = _filled(url=enclosure.url, mime_type=shown.media_type(enclosure))
    if enclosure.length is not None:
        attachment["size_in_bytes"] = enclosure.length
    return attachment


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _dumped(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _filled(**values: Any) -> dict[str, Any]:
    """Leave out what is empty: readers treat an absent key better than an empty one."""
    return {key: value for key, value in values.items() if value}
