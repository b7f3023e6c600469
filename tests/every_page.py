"""Every page of the site, over stores that are rich, empty and missing: for tests that look at all of them.

A new route stands in PAGES or in NO_PAGES; `test_every_page.py` fails until it does.
"""

import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from flask import Flask
from msgspec import Struct
from msgspec.structs import replace

from aggregator.clean.html import sanitise
from aggregator.errors import ErrorClass
from aggregator.model import Category, Date, DecisionKind, Enclosure, Genre, Image, Item, Origin, Republish, Source
from tests.clients.region import HOSTILE
from tests.web_world import (
    INFO,
    MATIN,
    NOW,
    PRESSE,
    World,
    about,
    an_item,
    fail,
    filled_store,
    same_event,
    same_story,
    settings_in,
    tell,
)
from web import create_app

FULL = replace(INFO, republish=Republish.FULL, departements=("25",), description="Toute l’actu <b>&</b> « plus »")
OTHER = replace(MATIN, departements=("25", "39"))
SILENT = Source(url="https://silent.example/feed", title="Qui ne dit rien", region="Jura")
PAUSED = Source(url="https://paused.example/feed", title="En pause", paused=True)
GONE = Source(url="https://gone.example/feed", title="Partie d’ici")
HOSTILE_SOURCE = Source(
    url="https://hostile.example/f?a=1&b=2", title="\"><b>Gras</b> & 'Cie' <!--", region="<i>Ici</i>"
)

WORDS = "Les élus du conseil municipal de Besançon ont voté lundi le budget de la ville. "
TEXT = (
    "<p>Un paragraphe avec <a href='/suite?a=1&b=2'>un lien</a>, <strong>du gras</strong> et <em>un accent</em>.</p>"
    "<h1>Titre</h1><h2>Intertitre</h2><h5>Plus petit</h5><blockquote cite='/x'><p>« Cité »</p></blockquote>"
    "<figure class='wp-block-image'><a href='/p.jpg'><img src='/p.jpg' width='640' height='480' alt='Le pont' srcset='/p2.jpg 2x'></a>"
    "<figcaption>Le pont. © É. Dupont</figcaption></figure>"
    "<ul><li>un<ul><li>dans l’autre</li></ul></li><li>deux</li></ul><ol start='3' reversed><li value='7'>sept</li></ol>"
    "<table><caption>Résultats</caption><thead><tr><th scope='col'>Ville</th><th>Voix</th></tr></thead>"
    "<tbody><tr><td>Dole</td><td rowspan='2'>12</td></tr><tr><td>Gray</td></tr></tbody></table>"
    "<dl><dt>Où</dt><dd>Ici</dd></dl><pre>code <code>x</code></pre><hr><p>H<sub>2</sub>O, m<sup>2</sup>, <q>q</q></p>"
    "<details><summary>Plus</summary><p>Encore</p></details><p lang='de'>Deutsch</p><p dir='rtl'>مرحبا</p>"
    "<p><time datetime='2026-02-11'>hier</time><img src='/sans-texte.jpg'></p>"
)
# What editors' programs make of their texts: elements where they may not stand, values that cannot be.
MESSY = (
    "<p><b><p>dans le gras</p></b><div>un <span>bloc</div></span><li>seul</li><figcaption>orpheline</figcaption>"
    "<td>cellule</td><dt>terme</dt><summary>seul</summary><caption>c</caption><h2><p>p</p></h2><p><ul><li>x</ul></p>"
    "<ul><p>entre</p><li>y</li><b>z</b></ul><dl><p>p</p><dd>d</dd></dl><table><tr><td colspan='0'>a<td rowspan='x'>b<td colspan='99999'>c</table>"
    "<ol start='x'><li value='y'>v</ol><time datetime='hier'>t</time><time datetime=''>t</time><p lang=''>l</p><p lang='x y'>l</p><p dir='up'>d</p>"
    "<img src='/a.jpg' width='100%' height='auto'><img src='/b b.jpg' alt><a href='http://[x'>mauvais</a><a href='mailto:a b@c'>m</a>"
    "<a href='https://ex.example/a b?q=[é]#{x}|'>signes</a><a href='#'>vide</a><abbr title=''>a</abbr><th scope='x'>s</th>"
    "<a href='/1'>un <a href='/2'>dans l’autre</a></a><font color=red>f</font><center>c</center><details><p>sans</p></details>"
    "<blockquote>nu</blockquote><pre><p>p</p></pre><q cite='x'>q</q><figure>rien</figure><span><h3>t</h3></span><em><ul><li>x</li></ul></em>"
)  # fmt: skip

NASTY = '"><script>alert(1)</script> -"a b" &amp; NEAR( *'

PAGES: Mapping[str, tuple[str, ...]] = {
    "reader.river": ("/",),
    "reader.category": ("/economie", "/sport", "/culture"),  # the last is empty
    "reader.departement": ("/dep/25", "/dep/39"),
    "reader.category_in": ("/economie/dep/25",),
    "reader.feed": ("/feed/all", "/feed/economie", "/feed/culture", "/feed/economie/dep/25", "/feed/search?q=conseil"),
    "reader.story": (),  # all there are: see `addresses`
    "reader.search": (
        "/search",
        "/search?q=conseil",
        "/search?q=conseil&page=2",
        "/search?q=introuvable",
        f"/search?q={quote(NASTY)}",
    ),
    "reader.sources": ("/sources",),
    "reader.source_page": (),
    "reader.subscribe": (
        "/subscribe",
        *(f"/subscribe?feed=economie&as={way}" for way in ("frame", "element", "fragment", "address", "rss", "json")),
        "/subscribe?feed=dep/25&as=atom&limit=5&content=text&img=none&credit=prefix",
        "/subscribe?as=frame&accent=ff8800&theme=dark&words=en&limit=3",
    ),
    "status.status": ("/status",),
    "browser.stars": ("/stars",),
    "browser.offline": ("/offline",),
    "embeds.framed": (
        "/embed/all",
        "/embed/economie?accent=ff8800&lang=en&limit=20&theme=dark",
        "/embed/economie?img=none",
        "/embed/culture",
        "/embed/nothing",
    ),
    "embeds.fragment": ("/embed/all.fragment", "/embed/all.fragment?lang=en", "/embed/nothing.fragment"),
}
NO_PAGES: Mapping[str, str] = {  # what gives no HTML, and where
    "static": "/static/site.css",
    "reader.story_data": "/story/1.json",
    "reader.source": f"/source?url={INFO.url}",
    "feeds.feed": "/feeds/all.atom",
    "feeds.archive": "/feeds/all/archive/1.atom",
    "feeds.search": "/feeds/search.json?q=conseil",
    "feeds.well_known": "/.well-known/feeds",
    "feeds.our_feeds": "/feeds.opml",
    "feeds.our_sources": "/sources.opml",
    "embeds.element": "/embed.js",
    "embeds.height": "/embed-height.js",
    "embeds.oembed": "/oembed?url=https%3A%2F%2Fnews.example%2Feconomie",
    "hub.ask": "/hub",
    "pushes.callback": "/push/x",
    "status.figures": "/status.json",
    "operators.healthz": "/healthz",
    "operators.metrics": "/metrics",
    "status.robots": "/robots.txt",
    "status.icon": "/favicon.ico",
    "browser.manifest": "/manifest.webmanifest",
    "browser.worker": "/worker.js",
    "pictures.picture": "/picture/x/1/x",
}
ERRORS = ("/nowhere", "/nowhere/at/all", "/story/999999", "/dep/99", "/source/nobody", "/source/partie-d-ici")
SPEAKING = ("reader.", "status.", "browser.")  # what has every page in two languages by `?lang=`


class Site(Struct, frozen=True):
    """An application, and addresses of its pages."""

    name: str
    app: Flask
    addresses: tuple[str, ...]


def sites(folder: Path) -> tuple[Site, ...]:
    """A site over a full store, one with whole addresses of pictures, one over an empty store, and one without any."""
    for name in ("full", "empty", "none"):
        (folder / name).mkdir()
    full = a_rich_world(folder / "full")
    proxying = create_app(replace(full.settings, pictures="proxy"), clock=lambda: NOW)
    empty = settings_in(folder / "empty", title="Vide & « Cie » <b>")
    filled_store(empty, []).close()
    none = settings_in(folder / "none")
    listed = addresses(full)
    return (
        Site("full", full.app, listed),
        Site("proxy", proxying, ("/", "/story/1", "/embed/all", "/embed/all.fragment")),
        Site("empty", create_app(empty, clock=lambda: NOW), _plain()),
        Site("none", create_app(none, clock=lambda: NOW), _plain()),
    )


def _plain() -> tuple[str, ...]:
    return tuple(path for paths in PAGES.values() for path in paths)


def addresses(world: World) -> tuple[str, ...]:
    """Every page of a world in its languages: those of PAGES, every story and source, older pages, and errors."""
    stories = [f"/story/{story.id}" for story in world.store.river("all", limit=500).stories]
    sources = [f"/source/{view.slug}" for view in world.store.sources() if not view.withdrawn]
    older = world.store.river("all", limit=30).next
    last = world.store.river("all", limit=1000).stories[-1]
    paths = [*_plain(), *stories, *sources, f"/?before={older}", f"/?before=1-{last.id}", *ERRORS]
    english = [f"{path}{'&' if '?' in path else '?'}lang=en" for path in paths if not path.startswith("/embed/")]
    return (*paths, *english)


def a_rich_world(folder: Path, **changes: object) -> World:
    """A world with all that a page may have to show."""
    settings = settings_in(folder, title="Tributaire & « Cie » <b>", **changes)
    listed = [FULL, OTHER, PRESSE, SILENT, PAUSED, HOSTILE_SOURCE]
    store = filled_store(settings, [*listed, GONE])
    world = World(settings, store, create_app(settings, clock=lambda: NOW))
    tell(store, [an_item("gone", GONE, title="D’une source qui est partie"), an_item("out", PRESSE, title="À cacher")])
    tell(
        store, [an_item(f"n{n}", title=f"Conseil n° {n}", lead=WORDS * (n % 4), published=_hours(n)) for n in range(40)]
    )
    tell(store, [_hostile(number, name) for number, name in enumerate(HOSTILE)])
    _tell_stories(world)
    store.sync_sources(listed, NOW)
    fail(store, PRESSE, ErrorClass.TLS, error="while connecting: <b>" + "x" * 300, succeeded_at=NOW - timedelta(days=2))
    fail(store, HOSTILE_SOURCE, ErrorClass.BROKEN_XML, next_check_at=NOW - timedelta(hours=1))
    store.withdraw(GONE.url, "test", "", NOW)
    store.hide(
        next(s.lead.id for s in store.river("all", limit=500).stories if s.lead.item.guid == "out"), "test", "", NOW
    )
    return world


def _tell_stories(world: World) -> None:
    """Stories of several sources, with versions, whole texts and an event."""
    one = replace(_rich("one", sanitise(TEXT, "https://info.example/a/")), genre=Genre.COMMUNIQUE)
    two = an_item("two", OTHER, title="Le même, ailleurs", language="de", genre=Genre.COMMUNIQUE)
    same = an_item("three", PRESSE, title="", lead="", author="Rédaction", published=Date("hier", None))
    tell(world.store, [one])
    tell(world.store, [two, same], links=[same_story(two, one, WORDS), same_story(same, one, "")])
    changed = replace(one, title="Titre corrigé <3", lead=one.lead.replace("lundi", "mardi"), text=one.text + " Ajout.")
    tell(world.store, [changed], kind=DecisionKind.CHANGED, changed_at=NOW)
    tell(world.store, [_rich("messy", sanitise(MESSY, "https://info.example/a/"))])
    fire, smoke = an_item("fire", title="Incendie à Dole"), an_item("smoke", OTHER, title="Dole : un feu maîtrisé")
    tell(world.store, [fire, smoke])
    same_event(world.store, [fire, smoke], [about(smoke, fire, "Dole", "12")])
    odd = an_item("odd", HOSTILE_SOURCE, link="javascript:alert(1)", title="", lead="", categories=())
    tell(world.store, [odd, an_item("bare", OTHER, link="", canonical="", title="Sans lien", lead="")])


def _rich(guid: str, html: str) -> Item:
    return an_item(
        guid,
        title="« Titre » <b>riche</b> & 'long' " + "mot " * 30,
        lead=WORDS * 8,
        html=html,
        text=WORDS * 3,
        author="Élodie « Jo » O’Neil <jo@example.org>",
        labels=("VIDÉO", "(Communiqué)", "Sondage – <b>"),
        image=Image("https://img.example/p.jpg?a=1&b=2", 'Le "pont" <b>', "© É. <Dupont>", "image/jpeg", 600, 400),
        enclosures=(Enclosure("https://img.example/s.mp3?a=1&b=2", "audio/mpeg", 99),),
        updated=Date("", NOW + timedelta(minutes=5)),
        departements=("25",),
        categories=(Category("economie", "aliases", 'Éco & "x"'), Category("sport", "path", "/sport/")),
        origin=Origin(title="AFP <b>", url="https://afp.example/f", site="https://afp.example/"),
        rights="© 2026 A & B <c>",
        point="47.2378 6.0241",
    )


def _hostile(number: int, name: str) -> Item:
    title = unicodedata.normalize("NFC", HOSTILE[name])  # as cleaning leaves it
    return an_item(
        f"h-{name}",
        HOSTILE_SOURCE if number % 2 else OTHER,
        link=f"https://hostile.example/{name}?a=1&copy=2&lt=3;b='{name}'&tx_news[id]=3&q=%22%3Cx%3E%C3%A9#fin",
        title=title,
        lead=f"Chapeau du conseil. {title} Voilà.",
        author=f"Élodie « {title[:20].strip()} »",
        labels=(title[:30],),
        image=Image(f"https://img.example/{name}.jpg?w=1&h=2", f"Image « {title} »", f"© {title}"),
        language=("fr", "ar", "en", "")[number % 4],
        published=_hours(number),
        departements=("39",),
    )


def _hours(number: int) -> Date:
    return Date("", NOW - timedelta(hours=number, minutes=number))
