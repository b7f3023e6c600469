"""What the load origin serves: invented regional news, a function of (seed, now, number of the source, ticks) alone.

Takes a `Shape`, gives `Outlet`s with their feed as bytes. Never opens a socket. Nothing is copied from a real site.
"""

import gzip
import hashlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape

from msgspec import Struct, field

CATEGORIES = (
    "Actualité", "Économie", "Sport", "Culture", "Société", "Politique", "Faits divers", "Environnement", "Santé",
    "Loisirs",
)  # fmt: skip
TOWNS = (
    "Besançon Dole Vesoul Montbéliard Belfort Pontarlier Lons-le-Saunier Dijon Nevers Auxerre Mâcon Chalon-sur-Saône"
    " Gray Luxeuil-les-Bains Morteau Saint-Claude Beaune Sens Autun Ornans Champagnole Lure Audincourt Delle Valdahon"
    " Baume-les-Dames Quingey Arbois Poligny Salins-les-Bains"
).split()
OUTLETS = (
    "L'Écho de", "Le Courrier de", "Ma Ville", "Radio", "Le Progrès de", "Info", "Le Journal de", "Mairie de",
    "CCI de", "Agglo", "Le Petit", "La Gazette de",
)  # fmt: skip
SUBJECTS = (
    "le conseil municipal", "la chambre de commerce", "un collectif d'habitants", "l'entreprise horlogère",
    "la préfecture", "le club de handball", "l'université", "la région Bourgogne-Franche-Comté", "un jeune apprenti",
    "la communauté de communes", "l'association « Les Amis du Doubs »", "le centre hospitalier", "la SNCF",
    "une start-up", "le lycée agricole", "l'office de tourisme",
)  # fmt: skip
VERBS = (
    "lance inaugure présente annonce suspend prolonge défend ouvre recherche reçoit dévoile conteste finance célèbre"
).split()
OBJECTS = (
    "une nouvelle ligne de bus", "un appel à projets de 1,2 million d'euros", "la rénovation de la gare",
    "une saison culturelle", "le plan « zéro déchet »", "un atelier de décolletage", "la foire comtoise",
    "un dispositif d'aide à l'embauche", "le marché de Noël", "une exposition sur l'œuvre de Courbet",
    "la piste cyclable de l'Île-aux-Moineaux", "un pôle de santé", "le tramway n° 3",
    "les journées « portes ouvertes »", "une pépinière d'entreprises", "le trail des forts",
)  # fmt: skip
TAILS = (
    "dès lundi", "à l'automne", "malgré la météo", "pour la 5e année", "avec l'appui de l'État", "au cœur du quartier",
    "après deux ans d'attente", "en présence du maire", "& ce n'est qu'un début", "faute de candidats",
)  # fmt: skip
STOCK = (
    "Selon nos informations, les travaux devraient durer près de six mois et mobiliser une trentaine de salariés.",
    "« Nous avons voulu associer les habitants dès le départ », explique la directrice du projet.",
    "Le budget, estimé à 480 000 €, sera partagé entre la ville, le département et la région.",
    "Les inscriptions sont ouvertes jusqu'au 30 du mois ; un formulaire est disponible en ligne.",
    "Plusieurs élus d'opposition regrettent toutefois un manque de concertation.",
    "La circulation sera déviée par le boulevard, de 9 h à 17 h, sauf pour les riverains.",
    "Cette annonce intervient alors que le taux de chômage recule pour le troisième trimestre consécutif.",
    "Le public pourra découvrir les coulisses de l'atelier, où œuvrent encore une dizaine d'artisans.",
    "À l'issue de la rencontre, un verre de l'amitié a été offert aux participants.",
    "Les pompiers, arrivés rapidement sur place, ont maîtrisé l'incident en moins d'une heure.",
    "D'ici à 2030, la collectivité espère réduire de 40 % ses émissions de gaz à effet de serre.",
    "Le dossier complet sera examiné lors de la prochaine séance publique, le 14 décembre à 18 h 30.",
)
SYLLABLES = (
    "ba be bou ca ché co dé di dou é fa fer ga gen gri ha i jo la lé lin lou ma mé mon na nier no ou pa pè pré ra ré"
    " ri ro sa sé son ta té tion tou u va vé vil vou"
).split()

ITEM_SPACING_SECONDS = 5400
LATENCIES = ((0, 50), (50, 35), (200, 15))  # ms of an answer, and the share of the sources that have it
SYNDICATED = 0.08  # share of the items that are a press release which several sources carry
LATIN = 0.05  # share of the sources in ISO-8859-15


class Shape(Struct, frozen=True):
    """What the whole load is made of."""

    sources: int
    items: int  # shown in each feed
    now: datetime  # the newest item's date, before any tick
    port: int = 0
    hosts: int = 1  # loopback addresses that the sources are spread over
    seed: str = "bench-1"


class News(Struct, frozen=True):
    """One entry of a feed."""

    title: str
    summary: str
    html: str
    link: str
    guid: str
    date: datetime
    author: str
    image: str


class Outlet(Struct):
    """One source. Its items are numbered from 0 on; the feed shows the newest `shape.items`."""

    shape: Shape
    number: int
    town: str = ""
    name: str = ""
    category: str = ""
    kind: str = ""  # "rss", "rss-desc" (all in an escaped description), "atom"
    encoding: str = "utf-8"
    validators: str = ""  # "both", "etag", "date"
    latency: float = 0  # seconds
    count: int = 0
    version: int = 0
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))  # what Last-Modified says
    body: bytes = b""
    gzip: bytes = b""
    etag: str = ""
    last_modified: str = ""

    def __post_init__(self) -> None:
        dice = _dice(self.shape.seed, "source", self.number)
        self.town = dice.choice(TOWNS)
        self.name = f"{dice.choice(OUTLETS)} {self.town} {self.number}"
        self.category = CATEGORIES[self.number % len(CATEGORIES)]
        self.kind = dice.choices(["rss", "rss-desc", "atom"], [55, 20, 25])[0]
        self.encoding = "iso-8859-15" if dice.random() < LATIN else "utf-8"
        self.validators = dice.choices(["both", "etag", "date"], [60, 20, 20])[0]
        self.latency = dice.choices([ms for ms, _ in LATENCIES], [share for _, share in LATENCIES])[0] / 1000
        self.restart()

    @property
    def host(self) -> str:
        """The sources of one category stand on different hosts, as those of a region do."""
        return f"127.0.0.{1 + self.number // len(CATEGORIES) % self.shape.hosts}"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.shape.port}/s/{self.number}/feed"

    @property
    def site(self) -> str:
        return f"https://s{self.number:04d}.actu-region.example"

    @property
    def content_type(self) -> str:
        return f"application/{'atom' if self.kind == 'atom' else 'rss'}+xml; charset={self.encoding}"

    def restart(self) -> None:
        """Forget all ticks."""
        self.count, self.version, self.changed = self.shape.items, 0, self.shape.now
        self._render()

    def tick(self, items: int) -> None:
        """Publish so many new items."""
        self.count += items
        self.version += 1
        self.changed = datetime.now(UTC).replace(microsecond=0)
        self._render()

    def news(self) -> list[News]:
        """What the feed shows, newest first. Items added by a tick are as new as the tick."""
        modified = self.shape.now + timedelta(minutes=self.version)
        found = []
        for place in range(self.shape.items):
            number = self.count - 1 - place
            age = (self.shape.items - 1 - number) * ITEM_SPACING_SECONDS + self.number * 37 % ITEM_SPACING_SECONDS
            old = number < self.shape.items
            date = self.shape.now - timedelta(seconds=age) if old else modified - timedelta(seconds=place)
            found.append(_news(self, number, date))
        return found

    def _render(self) -> None:
        render = _atom if self.kind == "atom" else _rss
        modified = self.shape.now + timedelta(minutes=self.version)
        self.body = render(self, self.news(), modified).encode(self.encoding, "xmlcharrefreplace")
        self.gzip = gzip.compress(self.body, 6, mtime=0)
        etag = f'"{hashlib.blake2b(self.body, digest_size=8).hexdigest()}"'
        self.etag = etag if self.validators != "date" else ""
        self.last_modified = format_datetime(self.changed, usegmt=True) if self.validators != "etag" else ""


def outlets(shape: Shape) -> list[Outlet]:
    """All sources of the load."""
    return [Outlet(shape, number) for number in range(shape.sources)]


def choose(shape: Shape, tick: int, share: float) -> list[int]:
    """The numbers of the sources that have news at this tick."""
    order = list(range(shape.sources))
    _dice(shape.seed, "tick", tick).shuffle(order)
    return order[: round(share * shape.sources)]


def opml(found: Sequence[Outlet]) -> str:
    """The list of all sources, in a folder for each category."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<opml version="2.0"><head><title>Sources</title></head><body>']
    for category in CATEGORIES:
        lines.append(f'<outline text="{escape(category)}">')
        lines += [
            f'<outline type="rss" text="{escape(each.name)}" xmlUrl="{each.url}" htmlUrl="{each.site}/"/>'
            for each in found
            if each.category == category
        ]
        lines.append("</outline>")
    return "\n".join([*lines, "</body></opml>", ""])


def _dice(*key: object) -> random.Random:
    return random.Random(int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=8).digest(), "big"))


def _news(outlet: Outlet, number: int, date: datetime) -> News:
    dice = _dice(outlet.shape.seed, "item", outlet.number, number)
    slug = f"{outlet.number}-{number}"
    if dice.random() < SYNDICATED:
        title, paragraphs, html, link = _release(outlet, slug, dice)
    else:
        title, paragraphs = _headline(dice), _paragraphs(dice, dice.randint(900, 2700))
        html = "<p>" + "</p>\n<p>".join(map(_markup, paragraphs)) + "</p>"
        link = f"{outlet.site}/actu/{slug}" + ("?utm_source=rss" if dice.random() < 0.2 else "")
    image = f"{outlet.site}/img/{slug}.jpg"
    html = f'<figure><img src="{image}" alt="{escape(title)}" width="800" height="450"/></figure>\n{html}'
    if dice.random() < 0.1:
        html += f'<img src="https://stats.example/px?u={slug}" width="1" height="1"/>'
    guid = link.split("?")[0] if dice.random() < 0.5 else f"{outlet.number}:{number}@actu-region.example"
    return News(title, paragraphs[0][:280], html, link, guid, date, f"Rédaction {outlet.town}", image)


def _release(outlet: Outlet, slug: str, dice: random.Random) -> tuple[str, list[str], str, str]:
    """A press release as this outlet runs it: its own title and markup around the same words."""
    number = dice.randrange(max(1, outlet.shape.sources * outlet.shape.items // 40))
    author = _dice(outlet.shape.seed, "release", number)
    title, paragraphs = _headline(author), _paragraphs(author, author.randint(1000, 2600))
    title = dice.choice(
        [title, f"{title} (Communiqué)", f"Communiqué : {title}", title.replace("'", "’"), f"{outlet.town} | {title}"]
    )
    html = "<p>" + dice.choice(["</p>\n<p>", "<br /><br />\n"]).join(map(_markup, paragraphs)) + "</p>"
    if dice.random() < 0.5:
        html = f'<div class="entry-content">{html}<p><em>(Communiqué)</em></p></div>'
    tracking = dice.choice(["", "?utm_source=rss&utm_medium=feed", "?xtor=RSS-1", "#xtor=RSS-3"])
    return title, paragraphs, html, f"{outlet.site}/communique/{number}-{slug}{tracking}"


def _headline(dice: random.Random) -> str:
    return _capital(f"{dice.choice(SUBJECTS)} {dice.choice(VERBS)} {dice.choice(OBJECTS)} {dice.choice(TAILS)}")


def _paragraphs(dice: random.Random, length: int) -> list[str]:
    found: list[str] = []
    while sum(map(len, found)) < length:
        found.append(" ".join(_sentence(dice) for _ in range(dice.randint(2, 4))))
    return found


def _sentence(dice: random.Random) -> str:
    """Stock phrases among new words and numbers: text that gzip shrinks about as far as real news."""
    if dice.random() < 0.25:
        return dice.choice(STOCK)
    person = f"{_capital(_word(dice))} {_capital(_word(dice))}, {_word(dice)} à {dice.choice(TOWNS)},"
    who = dice.choice([dice.choice(SUBJECTS), person])
    what = f"{dice.choice(VERBS)} {_word(dice)} {_word(dice)} de la {_word(dice)}, {dice.choice(OBJECTS)}"
    count = f"{dice.randint(2, 980)} {_word(dice)}s, {_word(dice)} et {_word(dice)}"
    return f"{_capital(who)} {what} {dice.choice(TAILS)} : {count} le {dice.randint(1, 28)} {_word(dice)}."


def _word(dice: random.Random) -> str:
    return "".join(dice.choice(SYLLABLES) for _ in range(dice.randint(2, 4)))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _markup(text: str) -> str:
    text = text.replace("&", "&amp;").replace("Selon nos", "<strong>Selon nos</strong>")
    return text.replace("formulaire", '<a href="/inscription">formulaire</a>')


def _rss(outlet: Outlet, news: list[News], modified: datetime) -> str:
    head = (
        f'<?xml version="1.0" encoding="{outlet.encoding.upper()}"?>\n<rss version="2.0" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:atom="http://www.w3.org/2005/Atom">\n<channel>\n'
        f"<title>{escape(outlet.name)}</title>\n<link>{outlet.site}/</link>\n"
        f"<description>Toute l'actualité de {outlet.town}</description>\n<language>fr-FR</language>\n"
        f"<lastBuildDate>{format_datetime(modified)}</lastBuildDate>\n"
        f'<atom:link href="{outlet.site}/feed" rel="self" type="application/rss+xml"/>\n'
    )
    return head + "".join(_rss_item(outlet, each) for each in news) + "</channel>\n</rss>\n"


def _rss_item(outlet: Outlet, news: News) -> str:
    permanent = str(news.guid.startswith("http")).lower()
    if outlet.kind == "rss":
        text = (
            f"<description>{escape(news.summary, quote=False)}</description>\n"
            f"<content:encoded><![CDATA[{news.html}]]></content:encoded>\n"
        )
    else:
        text = f"<description>{escape(news.html)}</description>\n"
    return (
        f"<item>\n<title>{escape(news.title, quote=False)}</title>\n<link>{escape(news.link)}</link>\n"
        f'<guid isPermaLink="{permanent}">{escape(news.guid)}</guid>\n'
        f"<pubDate>{format_datetime(news.date)}</pubDate>\n<dc:creator>{escape(news.author)}</dc:creator>\n"
        f"<category>{escape(outlet.category)}</category>\n{text}"
        f'<enclosure url="{news.image}" length="48213" type="image/jpeg"/>\n</item>\n'
    )


def _atom(outlet: Outlet, news: list[News], modified: datetime) -> str:
    head = (
        f'<?xml version="1.0" encoding="{outlet.encoding}"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="fr">\n'
        f"<title>{escape(outlet.name)}</title>\n<id>{outlet.site}/</id>\n"
        f'<link href="{outlet.site}/"/>\n<link rel="self" href="{outlet.site}/feed"/>\n'
        f"<updated>{modified:%Y-%m-%dT%H:%M:%SZ}</updated>\n"
    )
    return head + "".join(_atom_entry(outlet, each) for each in news) + "</feed>\n"


def _atom_entry(outlet: Outlet, news: News) -> str:
    date = f"{news.date:%Y-%m-%dT%H:%M:%SZ}"
    return (
        f'<entry>\n<title>{escape(news.title, quote=False)}</title>\n<link href="{escape(news.link)}"/>\n'
        f"<id>{escape(news.guid)}</id>\n<published>{date}</published>\n<updated>{date}</updated>\n"
        f'<author><name>{escape(news.author)}</name></author>\n<category term="{escape(outlet.category)}"/>\n'
        f'<summary>{escape(news.summary, quote=False)}</summary>\n<content type="html">{escape(news.html)}</content>\n'
        f'<link rel="enclosure" href="{news.image}" length="48213" type="image/jpeg"/>\n</entry>\n'
    )
