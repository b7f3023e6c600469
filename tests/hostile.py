"""A region whose every source is hostile: each payload of `payloads/xss.txt` has a source of its own, which puts it
into every field that a source controls. It comes the real way: feeds on loopback, the pipeline, the store.
"""

import asyncio
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from msgspec import Struct
from msgspec.structs import replace

from aggregator.config import Settings
from aggregator.errors import ErrorClass
from aggregator.model import Republish, Source
from aggregator.pipeline import Pipeline, Report
from aggregator.store import SourceView, Store, open_store
from tests.origin import Answer, Origin, Request, answer

PAYLOADS = Path(__file__).parent / "payloads" / "xss.txt"
NOW = datetime(2026, 2, 11, 12, 0, tzinfo=UTC)
ALL = "tout"  # the name of the source that publishes them all
CATEGORY, DEPARTEMENT = "economie", "25"

_HIDDEN = re.compile(r"\{U\+([0-9A-F]+)\}")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DATE = "Wed, 11 Feb 2026 {hour:02}:{minute:02}:00 +0100"


class Payload(Struct, frozen=True):
    """A text that means harm, and its number in the file."""

    number: int
    family: str
    text: str

    @property
    def xml(self) -> str:
        """The text as characters of XML; what XML forbids reaches the parser in JSON."""
        return escape(_NOT_XML.sub("", self.text))

    @property
    def quoted(self) -> str:
        """The text as the value of an attribute of XML, with its quotation marks."""
        return quoteattr(_NOT_XML.sub("", self.text))

    @property
    def cdata(self) -> str:
        """The text in a section of CDATA, or in several."""
        inner = _NOT_XML.sub("", self.text).replace("]]>", "]]]]><![CDATA[>")
        return f"<![CDATA[{inner}]]>"


def payloads(host: str = "canary.example") -> tuple[Payload, ...]:
    """Every payload of the file; `host` is the origin that must never hear of us."""
    found = []
    family = ""
    for line in PAYLOADS.read_text("utf-8").splitlines():
        if line.startswith("# ── "):
            family = line.removeprefix("# ── ")
        elif line and not line.startswith("# "):
            number = len(found) + 1
            text = _HIDDEN.sub(lambda each: chr(int(each[1], 16)), line)
            found.append(Payload(number, family, text.replace("{N}", str(number)).replace("{HOST}", host)))
    return tuple(found)


# ── what the sources publish


def rss(payload: Payload, version: int) -> str:
    """An RSS feed that holds the payload in each of its fields."""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:media="http://search.yahoo.com/mrss/" xmlns:georss="http://www.georss.org/georss"><channel>
<title>Journal {payload.number} {payload.xml}</title><link>{payload.xml}</link><description>{payload.xml}</description>
<copyright>{payload.xml}</copyright><language>{payload.xml}</language>
<managingEditor>{payload.xml}</managingEditor><generator>{payload.xml}</generator>
<image><url>{payload.xml}</url><title>{payload.xml}</title><link>{payload.xml}</link></image>
<item><title>{_bis(payload.xml, version)}</title><link>{payload.xml}</link><guid>{payload.xml}</guid>
<pubDate>{_when(payload)}</pubDate><description>{_lead(payload.cdata, version)}</description>
<content:encoded>{_text(payload, payload.cdata, version)}</content:encoded>
<author>{payload.xml}</author><dc:creator>{payload.cdata}</dc:creator><dc:rights>{payload.xml}</dc:rights>
<dc:language>{payload.xml}</dc:language><category domain={payload.quoted}>{payload.xml}</category>
<category>{payload.cdata}</category><georss:point>{payload.xml}</georss:point><comments>{payload.xml}</comments>
<source url={payload.quoted}>{payload.xml}</source>
<media:content url="https://pics.example/{payload.number}.jpg" type="image/jpeg" medium="image" width="600" height="400">
<media:title>{payload.xml}</media:title><media:description>{payload.xml}</media:description>
<media:credit>{payload.xml}</media:credit></media:content></item>
<item><title>Communiqué de {payload.xml} • Article {payload.number} {payload.xml}</title><guid>b{payload.number}</guid>
<link>https://x.example/{payload.number}?q={payload.xml}</link><pubDate>{_when(payload)}</pubDate>
<description>Un article ordinaire, mais avec une image. {payload.xml}</description>
<enclosure url={payload.quoted} type={payload.quoted} length={payload.quoted}/>
<media:content url={payload.quoted} type="image/jpeg" medium="image" width="640"><media:credit>© {payload.xml}</media:credit>
</media:content></item></channel></rss>"""


def atom(payload: Payload, version: int) -> str:
    """An Atom feed that holds the payload in each of its fields."""
    kind = "html" if payload.number % 4 else "text"
    return f"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang={payload.quoted} xmlns:georss="http://www.georss.org/georss">
<title type="html">Journal {payload.number} {payload.xml}</title><subtitle type="{kind}">{payload.xml}</subtitle><id>{payload.xml}</id>
<link rel="alternate" href={payload.quoted}/><link rel="hub" href={payload.quoted}/><link href={payload.quoted}/>
<link rel="self" href={payload.quoted}/><rights type="html">{payload.xml}</rights><updated>2026-02-11T09:00:00Z</updated>
<logo>{payload.xml}</logo><generator uri={payload.quoted} version={payload.quoted}>{payload.xml}</generator>
<author><name>{payload.xml}</name><uri>{payload.xml}</uri><email>{payload.xml}</email></author>
<entry xml:base={payload.quoted} xml:lang={payload.quoted}><title type="{kind}">{_bis(payload.xml, version)}</title>
<id>{payload.xml}</id><link rel="alternate" href={payload.quoted} hreflang={payload.quoted} title={payload.quoted}/>
<updated>2026-02-11T0{version}:00:00Z</updated><published>2026-02-10T09:00:00Z</published>
<summary type="{kind}">{_lead(payload.xml, version)}</summary>
<content type="{kind}">{_text(payload, payload.xml, version)}</content><rights>{payload.xml}</rights>
<author><name>{payload.xml}</name><uri>{payload.xml}</uri></author><georss:point>{payload.xml}</georss:point>
<category term={payload.quoted} label={payload.quoted} scheme={payload.quoted}/>
<link rel="enclosure" href={payload.quoted} type="image/jpeg" title={payload.quoted} length={payload.quoted}/>
<link rel="license" href={payload.quoted}/>
<source><title>{payload.xml}</title><id>{payload.xml}</id><rights>{payload.xml}</rights><link href={payload.quoted}/>
<link rel="self" href={payload.quoted}/></source></entry>
<entry><title type="html">Communiqué de {payload.xml} • Article {payload.number}</title><id>b{payload.number}</id>
<link href="https://x.example/{payload.number}?q={payload.number}"/><updated>2026-02-11T09:00:00Z</updated>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml" onclick="xss({payload.number})"><p title={payload.quoted}>
{payload.xml}</p><script>xss({payload.number})</script></div></content></entry></feed>"""


def json_feed(all_of_them: Iterable[Payload]) -> str:
    """One JSON Feed with an item for each payload, which stands in each of its fields."""
    items = [
        {
            "id": f"j{each.number}-{each.text}",
            "url": each.text if each.number % 2 else f"https://j.example/{each.number}",
            "external_url": each.text,
            "title": f"Élément {each.number} {each.text}",
            "summary": each.text,
            "content_html": f"<p>Le texte entier de l’élément {each.number}.</p>{each.text}",
            "image": each.text,
            "banner_image": each.text,
            "language": each.text,
            "date_published": f"2026-02-11T08:{each.number % 60:02}:00+01:00",
            "authors": [{"name": each.text, "url": each.text, "avatar": each.text}],
            "tags": [each.text],
            "attachments": [{"url": each.text, "mime_type": each.text, "title": each.text, "size_in_bytes": each.text}],
        }
        for each in all_of_them
    ]
    head = {"version": "https://jsonfeed.org/version/1.1", "title": "Tout", "home_page_url": "https://j.example/"}
    return json.dumps({**head, "items": items})


def _when(payload: Payload) -> str:
    return _DATE.format(hour=payload.number // 60 % 24, minute=payload.number % 60)


def _bis(text: str, version: int) -> str:
    return text if version == 1 else f"Encore : {text}"


def _lead(text: str, version: int) -> str:
    return text if version == 1 else f"Le chapeau a changé. {text}"


def _text(payload: Payload, text: str, version: int) -> str:
    """Longer than the lead, so that it is the whole text."""
    more = "" if version == 1 else "La suite, qui manquait jusque-là. "
    return f"Le texte de l’article {payload.number}, plus long que son chapeau. {more}{text} Voilà tout ce qu’il y a à dire."


# ── the region


class Canary(Origin):
    """A server of somebody else, who would like to know who reads what."""

    def __init__(self) -> None:
        script = answer(headers={"Content-Type": "text/javascript", "Access-Control-Allow-Origin": "*"}, body=b"xss(0)")
        super().__init__(lambda _: script)


class Region:
    """The sources on loopback, and what came of polling them: two versions of each item, then a failure of each."""

    def __init__(self, folder: Path, canary: Canary) -> None:
        self.canary = canary
        self.payloads = payloads(canary.authority)
        self.version = 1
        self.origin = Origin(self._answered)
        self.settings = Settings(
            database=str(folder / "tributary.db"),
            base_url="https://news.example",
            workers=1,
            per_host=64,
            hub=False,
        )
        self.store: Store = open_store(self.settings.database)

    def collect(self) -> None:
        """Poll everything three times."""
        with self.origin:
            self.settings = replace(self.settings, allow_private=(self.origin.authority,))
            self.store.sync_sources([*map(self._source, self._names())], NOW)
            for version, at in ((1, NOW), (2, NOW + timedelta(hours=1)), (3, NOW + timedelta(hours=2))):
                self.version = version
                reports = asyncio.run(self._round(at))
                # Each costs itself only: what one sends may not keep another from being written.
                failed = {report.status for report in reports if report.message}
                assert failed == (set() if version < 3 else {ErrorClass.NOT_A_FEED})

    def views(self) -> tuple[SourceView, ...]:
        """The hostile sources, in the order of their payloads."""
        found = {view.source.url.rpartition("/")[2]: view for view in self.store.sources()}
        return tuple(found[str(payload.number)] for payload in self.payloads)

    def stories(self) -> tuple[int, ...]:
        """The stories of the items that hold the payloads in every field, in the order of these."""
        found = {each.item.source: each.story_id for each in self.store.items() if not each.item.guid.startswith("b")}
        return tuple(dict.fromkeys(found[view.source.url] for view in self.views()))

    def _names(self) -> list[str]:
        return [ALL, *(str(payload.number) for payload in self.payloads)]

    def _source(self, name: str) -> Source:
        return Source(
            self.origin.url(f"/{name}"),
            categories=(CATEGORY,),
            departements=(DEPARTEMENT,),
            republish=Republish.FULL,
        )

    async def _round(self, now: datetime) -> list[Report]:
        reports: list[Report] = []
        async with Pipeline(self.settings, self.store, lambda: now) as pipeline:
            await pipeline.poll([(view.source, view.state) for view in self.store.sources()], reports.append)
            await pipeline.write(self.store.open_log, now)
            while await pipeline.write(self.store.index):
                pass
        return reports

    def _answered(self, request: Request) -> Answer:
        return self._answer(request.path.strip("/"), self.version)

    @cache  # noqa: B019 - as long as the region
    def _answer(self, name: str, version: int) -> Answer:
        if name == ALL:
            return answer(headers={"Content-Type": "application/feed+json"}, body=json_feed(self.payloads).encode())
        if not name.isdigit():
            return answer(404)
        payload = self.payloads[int(name) - 1]
        if version == 3:  # no feed: the message repeats what it found there
            return answer(body=json.dumps({payload.text: 1, "error": payload.text}).encode())
        body = (rss if payload.number % 2 else atom)(payload, version)
        return answer(headers={"Content-Type": "application/xml"}, body=body.encode("utf-8", "replace"))
