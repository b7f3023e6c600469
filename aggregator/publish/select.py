"""Says what a feed of ours holds: takes the stories of its log, gives a CategoryFeed."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.model import (
    ALL,
    DEPARTEMENT,
    NO_QUESTION,
    SOURCE,
    CategoryFeed,
    FeedEntry,
    Key,
    Origin,
    Question,
    Source,
    SourceState,
    Stored,
    Story,
)

# What may be an id (RFC 4287 §4.2.6): an address, a tag: of RFC 4151, a urn:. Many a source writes its name there.
_URI = re.compile(
    r"(?:https?://[^\s<>\"{}|\\^`]{1,1000}"
    r"|tag:(?:[a-z0-9._-]+@)?[a-z0-9.-]+,\d{4}(?:-\d\d){0,2}:[A-Za-z0-9;/?:@&=+$._!~*'()%,#-]{0,1000}"
    r"|urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|urn:(?!uuid:)[a-z0-9][a-z0-9-]{1,31}:[A-Za-z0-9()+,.:=@;$_!*'%-]{1,1000})"
)


class _Phrases(Struct, frozen=True):
    """What a feed says of itself in one language."""

    unfilled: str  # of a title
    empty: str
    taken: str  # of a closed page
    all: str
    category: str
    asked: str  # of a search
    one: str
    many: str


_PHRASES = {
    "fr": _Phrases(
        unfilled="{title} (rien pour l’instant)",
        taken="Plus rien de ce qui est paru ici n’est visible.",
        empty="Rien n’est encore paru ici ; les prochains articles s’y ajouteront.",
        all="Tous les articles {sources}",
        category="Articles « {label} » {sources}",
        asked="« {query} »",
        one="d’une source",
        many="de {count} sources",
    ),
    "en": _Phrases(
        unfilled="{title} (nothing yet)",
        taken="Nothing of what came in here can be seen any more.",
        empty="Nothing has come in here yet; the next articles will.",
        all="All articles from {sources}",
        category="Articles on “{label}” from {sources}",
        asked="“{query}”",
        one="one source",
        many="{count} sources",
    ),
}


class _Origins(Struct, frozen=True):
    """What is known of the sources; one without a line is known by its state, or by its URL alone."""

    sources: Mapping[str, Source]
    states: Mapping[str, SourceState]
    _known: dict[str, Origin] = field(default_factory=dict)  # of this feed, by source

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
        if url not in self._known:
            self._known[url] = self._made(url)
        return self._known[url]

    def _made(self, url: str) -> Origin:
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
    own: str = "",
    question: Question = NO_QUESTION,
) -> CategoryFeed:
    """Describe the feed with that slug; entries keep the order of the stories, newest first.

    `sources` and `states` are by URL, `labels` by slug of feed, category, département or genre. A feed without stories
    is as of `empty_updated`, which must stay the same from call to call. `own` is the source that the feed is of, if it
    is of one: its item stands for each story. `question` is what was searched for, in the feed of a search.
    """
    origins = _Origins(sources, states)
    entries = tuple(_entry(_led_by(own, story), story.lead.item.key, origins, settings.public_url) for story in stories)
    return describe(feed, entries, labels=labels, settings=settings, empty_updated=empty_updated, question=question)


def describe(
    feed: str,
    entries: tuple[FeedEntry, ...],
    *,
    labels: Mapping[str, str],
    settings: Settings,
    empty_updated: datetime,
    question: Question = NO_QUESTION,
    page: int = 0,
) -> CategoryFeed:
    """Describe the feed, or the closed page of its log, that holds these entries."""
    asked = f"?{question.query}" if question.query else ""
    place = "" if feed == ALL else feed
    narrowed = _narrowed(question, labels)
    label = ", ".join(filter(None, (question.words, *narrowed))) or labels.get(feed) or feed
    phrases = _PHRASES.get(settings.language.lower().partition("-")[0], _PHRASES["en"])
    named = ", ".join((phrases.asked.format(query=question.words), *narrowed)) if question.words else label
    title = settings.title if feed == ALL else f"{named} – {settings.title}"
    return CategoryFeed(
        slug=feed,
        id=f"tag:{settings.authority}:feed/{feed}{asked}",
        title=title if entries or page else phrases.unfilled.format(title=title),
        subtitle=_subtitle(feed, label, entries, phrases) if entries else phrases.taken if page else phrases.empty,
        language=settings.language,
        site=f"{settings.public_url}/{place}{asked}",
        base=f"{settings.public_url}/feeds/{feed}",
        updated=max((entry.updated for entry in entries), default=empty_updated),
        entries=entries,
        publisher=settings.title,
        # tag: URIs, so that the schemes survive a move of the site
        category_scheme=f"tag:{settings.authority}:categories",
        genre_scheme=f"tag:{settings.authority}:genres",
        departement_scheme=f"tag:{settings.authority}:departements",
        labels=labels,
        page=page,
        hub="" if page or asked else settings.hub_address,  # the hub takes no searches
        question=question,
    )


def _narrowed(question: Question, labels: Mapping[str, str]) -> list[str]:
    """What people call all that narrows a search; days as ISO 8601 has them."""
    slugs = (
        question.category,
        question.departement and f"{DEPARTEMENT}{question.departement}",
        question.source and f"{SOURCE}{question.source}",
        question.genre,
    )
    days = " – ".join(day.isoformat() if day else "…" for day in (question.since, question.until))
    return [labels.get(slug, slug) for slug in slugs if slug] + ([days] if question.since or question.until else [])


def _led_by(source: str, story: Story) -> Story:
    items = (story.lead, *story.others)
    lead = next((each for each in items if each.item.source == source), story.lead)
    if lead is story.lead:
        return story
    others = tuple(each for each in items if each is not lead)
    return replace(story, lead=lead, others=others, updated=max(lead.changed_at, story.sort_at))


def _entry(story: Story, opener: Key, origins: _Origins, public_url: str) -> FeedEntry:
    lead = story.lead
    published = min(lead.item.published.at or lead.first_seen, lead.first_seen)
    updated = max(story.updated, published)
    source = origins.of(lead)
    also = tuple(_also(lead, source, story.others, origins))
    return FeedEntry(
        id=story.entry_id,
        url=f"{public_url}/story/{story.id}",
        item=lead.item,
        # Not when the source's feed was made: many stamp each answer, which would give other bytes at every poll.
        source=replace(source, updated=min(source.updated or updated, updated)),
        published=published,
        updated=updated,
        also=tuple(origin for _, origin in also),
        republish=origins.source(lead.item.source).republish,
        keys=(opener, *(key for key, _ in also)),
    )


def _also(lead: Stored, source: Origin, others: Iterable[Stored], origins: _Origins) -> Iterable[tuple[Key, Origin]]:
    """Name each other source once, with the key and the link of its first item; items without a link are left out."""
    seen = {lead.item.source, source.url}
    for other in others:
        origin = origins.of(other)
        if other.item.link and not seen & {other.item.source, origin.url}:
            seen |= {other.item.source, origin.url}
            yield other.item.key, Origin(title=origin.title, url=other.item.link, site=origin.site, id=origin.id)


def _subtitle(feed: str, label: str, entries: tuple[FeedEntry, ...], phrases: _Phrases) -> str:
    count = len({entry.source.url for entry in entries})
    sources = phrases.one if count == 1 else phrases.many.format(count=count)
    return (phrases.all if feed == ALL else phrases.category).format(label=label, sources=sources)


def _first_uri(*candidates: str) -> str:
    """The first that may be an id; the last one where none may."""
    return next(filter(_URI.fullmatch, candidates), candidates[-1])


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url
