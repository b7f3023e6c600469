"""Says what a feed of ours holds: takes the stories of its log, gives a CategoryFeed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from aggregator.config import Settings
from aggregator.model import CategoryFeed, FeedEntry, Origin, Source, SourceState, Stored, Story

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]{1,1000}")

ALL = "all"  # the feed of everything; its page is the front page


@dataclass(frozen=True, slots=True)
class _Phrases:
    """What a feed says of itself in one language."""

    empty: str
    all: str
    category: str
    one: str
    many: str


_PHRASES = {
    "fr": _Phrases(
        empty="Rien n’est encore paru ici ; les prochains articles s’y ajouteront.",
        all="Tous les articles {sources}",
        category="Articles « {label} » {sources}",
        one="d’une source",
        many="de {count} sources",
    ),
    "en": _Phrases(
        empty="Nothing has come in here yet; the next articles will.",
        all="All articles from {sources}",
        category="Articles on “{label}” from {sources}",
        one="one source",
        many="{count} sources",
    ),
}


@dataclass(frozen=True, slots=True)
class _Origins:
    """What is known of the sources; one without a line is known by its state, or by its URL alone."""

    sources: Mapping[str, Source]
    states: Mapping[str, SourceState]

    def source(self, url: str) -> Source:
        """What editors say of a source."""
        return self.sources.get(url) or Source(url=url)

    def of(self, stored: Stored) -> Origin:
        """Where an item comes from: what it says itself, where it names a source, else the source it was found in."""
        polled = self._polled(stored.item.source)
        own = stored.item.origin
        if own is None or not own.title.strip():
            return polled
        return replace(own, url=own.url or polled.url, id=_first_uri(own.id, own.url, own.site, polled.id))

    def _polled(self, url: str) -> Origin:
        source, state = self.source(url), self.states.get(url) or SourceState(url=url)
        return Origin(
            title=source.title.strip() or state.feed_title.strip() or _host(url),
            url=url,
            site=source.site or state.feed_site,
            id=_first_uri(state.feed_id, url),
            rights=state.feed_rights,
        )


def select(
    feed: str,
    stories: tuple[Story, ...],
    *,
    sources: Mapping[str, Source],
    states: Mapping[str, SourceState],
    labels: Mapping[str, str],
    settings: Settings,
    empty_updated: datetime,
) -> CategoryFeed:
    """Describe the feed with that slug; entries keep the order of the stories, newest first.

    `sources` and `states` are by URL, `labels` by slug of category, genre or place. A feed without stories is as of
    `empty_updated`, which must stay the same from call to call.
    """
    origins = _Origins(sources, states)
    entries = tuple(_entry(story, origins, settings.public_url) for story in stories)
    page = "" if feed == ALL else feed
    label = labels.get(feed) or feed
    return CategoryFeed(
        slug=feed,
        id=f"tag:{settings.authority}:feed/{feed}",
        title=settings.title if feed == ALL else f"{label} – {settings.title}",
        subtitle=_subtitle(feed, label, entries, settings.language),
        language=settings.language,
        site=f"{settings.public_url}/{page}",
        base=f"{settings.public_url}/feeds/{feed}",
        updated=max((entry.updated for entry in entries), default=empty_updated),
        entries=entries,
        publisher=settings.title,
        # tag: URIs, so that the schemes survive a move of the site
        category_scheme=f"tag:{settings.authority}:categories",
        genre_scheme=f"tag:{settings.authority}:genres",
        labels=labels,
    )


def _entry(story: Story, origins: _Origins, public_url: str) -> FeedEntry:
    lead = story.lead
    published = min(lead.item.published.at or lead.first_seen, lead.first_seen)
    updated = max(story.updated, published)
    source = origins.of(lead)
    return FeedEntry(
        id=story.entry_id,
        url=f"{public_url}/story/{story.id}",
        item=lead.item,
        # Not when the source's feed was made: many stamp each answer, which would give other bytes at every poll.
        source=replace(source, updated=min(source.updated or updated, updated)),
        published=published,
        updated=updated,
        also=tuple(_also(lead, source, story.others, origins)),
        republish=origins.source(lead.item.source).republish,
    )


def _also(lead: Stored, source: Origin, others: Iterable[Stored], origins: _Origins) -> Iterable[Origin]:
    """Name each other source once, with the link of its first item; those of items without a link are left out."""
    seen = {lead.item.source, source.url}
    for other in others:
        origin = origins.of(other)
        if other.item.link and not seen & {other.item.source, origin.url}:
            seen |= {other.item.source, origin.url}
            yield Origin(title=origin.title, url=other.item.link, site=origin.site, id=origin.id)


def _subtitle(feed: str, label: str, entries: tuple[FeedEntry, ...], language: str) -> str:
    phrases = _PHRASES.get(language.lower().partition("-")[0], _PHRASES["en"])
    if not entries:
        return phrases.empty
    count = len({entry.source.url for entry in entries})
    sources = phrases.one if count == 1 else phrases.many.format(count=count)
    return (phrases.all if feed == ALL else phrases.category).format(label=label, sources=sources)


def _first_uri(*candidates: str) -> str:
    """The first that may be an id (RFC 4287 §4.2.6); many a source writes its name there."""
    return next(filter(_URI.fullmatch, candidates), candidates[-1])


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url
