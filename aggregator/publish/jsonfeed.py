"""Writes a feed as JSON Feed 1.1."""

import json
from datetime import UTC, datetime
from typing import Any

from aggregator.model import CategoryFeed, Enclosure, FeedEntry, Format, Genre, Origin
from aggregator.publish import shown

JSON_FEED = "https://jsonfeed.org/version/1.1"
ABOUT_PAGE = "/subscribe"  # the page that explains our extension


def write(feed: CategoryFeed) -> bytes:
    """Write the document in UTF-8; keys always stand in the same order."""
    document = _filled(
        version=JSON_FEED,
        title=feed.title,
        home_page_url=feed.site,
        feed_url=f"{feed.base}.{Format.JSON}",
        description=feed.subtitle,
        language=feed.language,
        authors=[{"name": feed.publisher}],
    )
    document["items"] = [_item(feed, entry) for entry in feed.entries]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _item(feed: CategoryFeed, entry: FeedEntry) -> dict[str, Any]:
    image = entry.item.image
    return _filled(
        id=entry.id,
        url=shown.link(entry),
        title=shown.title(entry),
        content_html=shown.content(entry),
        summary=entry.item.lead.strip(),
        image=image.url if image else "",
        date_published=_date(entry.published),
        date_modified=_date(entry.updated),
        authors=[{"name": shown.author(entry)}],
        tags=list(dict.fromkeys(term.label for term in shown.terms(feed, entry))),
        language=entry.item.language,
        attachments=[_attachment(each) for each in entry.item.enclosures],
        _tributary=_extension(feed, entry),
    )


def _extension(feed: CategoryFeed, entry: FeedEntry) -> dict[str, Any]:
    """Say what JSON Feed has no words for, under a key of our own."""
    item = entry.item
    genre = "" if item.genre is Genre.ARTICLE else item.genre.value
    return _filled(
        about=feed.base.removesuffix(f"/feeds/{feed.slug}") + ABOUT_PAGE,
        source=_source(entry.source),
        also=[_filled(title=other.title, url=other.url) for other in entry.also],
        story_url=entry.url,
        image_credit=item.image.credit.strip() if item.image else "",
        categories=[term.slug for term in shown.terms(feed, entry) if term.slug != genre],
        genre=genre,
        labels=list(item.labels),
        rights=shown.rights(entry),
        point=item.point,
    )


def _source(source: Origin) -> dict[str, Any]:
    return _filled(title=source.title, home_page_url=source.site, feed_url=source.url)


def _attachment(enclosure: Enclosure) -> dict[str, Any]:
    attachment = _filled(url=enclosure.url, mime_type=shown.media_type(enclosure))
    if enclosure.length is not None:
        attachment["size_in_bytes"] = enclosure.length
    return attachment


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _filled(**values: Any) -> dict[str, Any]:
    """Leave out what is empty: readers treat an absent key better than an empty one."""
    return {key: value for key, value in values.items() if value}
