"""A region whose news hold whatever characters people and programs put into titles, published over real HTTP."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from aggregator import publishing
from aggregator.classify import departement_name, load_taxonomy
from aggregator.model import Category, Date, Enclosure, Genre, Image, Item, Question, Republish, Source, Story
from tests import serving
from tests.web_world import INFO, MATIN, NOW, World, filled_store, same_story, settings_in, tell
from web import create_app

FULL = replace(INFO, title="Comtois « Info » & Cie <25>", republish=Republish.FULL, departements=("25",))
OTHER = replace(MATIN, departements=("25", "39"))
PLAIN = 90  # stories between the hostile ones of the first closed page and those of the head

HOSTILE = {
    "entities": "La balise &lt;b&gt; et &amp;amp; s’écrivent ainsi",
    "markup": "<b>Gras</b> & <script>alert(1)</script> au conseil",
    "quotes": "« Un » “deux” ‘trois’ \"quatre\" 'cinq' „six“",
    "comparisons": "5 < 6 && 7 > 3 : moins de <5 ans",
    "companies": "AT&T, R&D, Q&A et &copy; 2026 &eacute;",
    "cdata": "Fin ]]> de <![CDATA[section]]>",
    "emoji": "👩🏽‍🚒 Incendie maîtrisé 🇫🇷 à Pontarlier ❤️",
    "beyond": "𝔅𝔢𝔰𝔞𝔫ç𝔬𝔫 𐍈 𠜎 𝄞",
    "right-to-left": "مرحبا بالعالم, שלום à Besançon",
    "spaces": "Hausse de 3,5\u00a0% : 1\u202f000\u00a0€\u202f!",
    "combining": "Re\u0301union d’e\u0301te\u0301 a\u0300 Dole",
    "formats": "100 %s %d %n de {0} $HOME `id` \\n \\u00e9",
    "long": "Conseil municipal de Besançon, " * 16 + "fin",
    "one": "A",
}


class Published(Struct, frozen=True):
    """What went out as one entry."""

    id: str
    title: str
    link: str
    published: datetime
    updated: datetime
    author: str
    lead: str
    text: str  # the whole text as people read it, where the source allows to give it on
    categories: frozenset[str]  # their labels, those of départements and genre too
    picture: str  # its address, "" without one
    media: tuple[str, ...]  # addresses of other enclosures


class Region(Struct, frozen=True):
    """The region at an address."""

    world: World
    base: str

    def head(self, slug: str, limit: int = 50) -> list[Published]:
        """What the head of a feed holds, newest first."""
        return self.entries(self.world.store.head(slug, limit), slug)

    def page(self, slug: str, number: int) -> list[Published]:
        """What a closed page holds."""
        return self.entries(self.world.store.page(slug, number), slug)

    def search(self, query: str) -> list[Published]:
        """What a search finds, the newest first."""
        stories = [hit.story for hit in self.world.store.search(Question(query), "fr", 50, newest=True).hits]
        return self.entries(sorted(stories, key=lambda story: (story.sort_at, story.id), reverse=True))

    def entries(self, stories: Iterable[Story], slug: str = "") -> list[Published]:
        """Stories as they go out in the feed of that slug."""
        names = {view.source.url: view.source.title for view in self.world.store.sources()}
        owner = {f"source/{view.slug}": view.source.url for view in self.world.store.sources()}.get(slug)
        return [_published(story, owner, names) for story in stories]

    def source(self, source: Source) -> str:
        """The slug of a source's feed."""
        (slug,) = (view.slug for view in self.world.store.sources() if view.source.url == source.url)
        return f"source/{slug}"


@contextmanager
def served(folder: Path) -> Iterator[Region]:
    """The region, served on loopback until the context ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = replace(settings_in(folder), base_url=base, title="Tributaire & « Cie » <25>")
        world = World(settings, filled_store(settings, [FULL, OTHER]), create_app(settings, clock=lambda: NOW))
        fill(world)
        with serving.served(world.app, threads=2, sockets=[listening]):
            yield Region(world, base)
        world.store.close()


def fill(world: World) -> None:
    """Hostile stories for the first closed page, plain ones, hostile ones for the head; one told by two sources."""
    first = [_hostile(name, "page", 400 - number) for number, name in enumerate(HOSTILE)]
    plain = [_item(f"p{number}", f"Titre {number}", 300 - number, FULL) for number in range(PLAIN)]
    last = [_hostile(name, "head", 60 - number) for number, name in enumerate(HOSTILE)]
    for item in (*first, *plain, *last):
        tell(world.store, [item], at=item.published.at or NOW)
    twin = replace(_item("twin", "Le même, ailleurs", 30, OTHER), language="de")
    tell(world.store, [twin], links=[same_story(twin, last[0])])
    while publishing.keep_pages(world.store, world.settings, NOW):
        pass


def _hostile(name: str, where: str, minutes: int) -> Item:
    title = HOSTILE[name]
    item = _item(f"{name}-{where}", f"{title} ({where})", minutes, FULL if len(name) % 2 else OTHER)
    return replace(
        item,
        link=f"{item.link}?a=1&copy=2&lt=3;b='{name}'&q=%22%3Cx%3E%C3%A9#fin",
        lead=f"Chapeau. {title} Voilà.",
        author=f"Élodie « {title[:20].strip()} » O’Neil",
        html=f"<p>Tout le texte.</p><p>{_escaped(title)} <em>là</em>.</p>",
        text=f"Tout le texte. {title} là.",
        genre=Genre.COMMUNIQUE,
        categories=(Category("economie", "aliases", "Eco"), Category("sport", "aliases", "Foot")),
        image=Image(
            f"https://img.example/{name}.jpg?w=1&h=2",
            alt=f"Une image « {title} »",
            credit=f"© {title}",
            type="image/jpeg",
            width=600,
            height=400,
            length=1234,
        ),
        enclosures=(Enclosure(f"https://img.example/{name}.mp3?a=1&b=2", "audio/mpeg", 99),),
        rights="© 2026 A & B",
        point="47.2378 6.0241",
    )


def _item(guid: str, title: str, minutes: int, source: Source) -> Item:
    link = f"{source.url.rpartition('/')[0]}/{guid}"
    return Item(
        source=source.url,
        guid=guid,
        link=link,
        canonical=link,
        title=title,
        lead=f"Chapeau de {guid}.",
        author="Rédaction",
        departements=source.departements,
        published=Date("", NOW - timedelta(minutes=minutes, seconds=minutes % 60)),
        categories=(Category("economie", "aliases", "Eco"),),
        fingerprint=guid,
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _published(story: Story, owner: str | None, names: dict[str, str]) -> Published:
    lead = next((each for each in (story.lead, *story.others) if each.item.source == owner), story.lead)
    item, taxonomy = lead.item, load_taxonomy()
    labels = {taxonomy.label(category.slug, "fr") for category in item.categories}
    labels |= {departement_name(code) for code in item.departements}
    if item.genre is not Genre.ARTICLE:
        labels.add(taxonomy.genre_label(item.genre, "fr"))
    published = item.published.at or lead.first_seen
    return Published(
        id=story.entry_id,
        title=item.title,
        link=item.link,
        published=published,
        updated=max(published, lead.changed_at),
        author=item.author or names[item.source],
        lead=item.lead,
        text=item.text if item.html and item.source == FULL.url else "",
        categories=frozenset(labels),
        picture=item.image.url if item.image else "",
        media=tuple(each.url for each in item.enclosures),
    )
