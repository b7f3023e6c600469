"""The outlets' feeds as bytes, in RSS 2.0, RSS 1.0, Atom 1.0 and JSON Feed 1.1.

Written by hand and not with a library, because the outlets' habits, bad ones too, are what the demo is for.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from aggregator.demo.articles import PARIS, Article
from aggregator.demo.outlets import Dates, Guid, Outlet, Picture, Shape, Text
from aggregator.demo.pictures import CONTENT_TYPE, draw

NAMESPACES = (
    ' xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
    ' xmlns:media="http://search.yahoo.com/mrss/"'
)


def render(outlet: Outlet, articles: Iterable[Article], changed_at: datetime, base: str) -> bytes:
    """The outlet's feed with these articles, in their order; the same articles give the same bytes."""
    writer = {Shape.RSS: _rss, Shape.RDF: _rdf, Shape.ATOM: _atom, Shape.JSON: _json}[outlet.shape]
    return writer(outlet, list(articles), changed_at, base).encode(outlet.encoding, "xmlcharrefreplace")


def date(outlet: Outlet, at: datetime, is_update: bool = False) -> str:
    """A date as the outlet writes it."""
    local = at.astimezone(PARIS)
    match outlet.dates:
        case Dates.OFFSET:
            return format_datetime(local)
        case Dates.ZONE_NAME:
            return f"{format_datetime(local)[:-6]} {local.tzname()}"
        case Dates.ISO:
            return local.isoformat()
        case Dates.ISO_UTC:
            return local.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        case Dates.ISO_BARE:
            return local.replace(tzinfo=None).isoformat()
        case _:
            return f"{'Mis à jour' if is_update else 'Publié'} le {local:%d/%m/%Y - %H:%M}"


def guid(outlet: Outlet, article: Article) -> str:
    """The guid as the outlet gives it; "" where it gives none."""
    return {Guid.OWN: article.guid, Guid.PERMALINK: article.link, Guid.NONE: ""}[outlet.guid]


def link(outlet: Outlet, article: Article) -> str:
    """The link as the outlet gives it."""
    return f"{article.link}?{outlet.tracking}" if outlet.tracking else article.link


def image(outlet: Outlet, article: Article, base: str) -> str:
    """Where the image answers; "" without one."""
    return f"{base}/{outlet.slug}/img/{article.number}.png" if article.has_image else ""


# ── the four formats


def _rss(outlet: Outlet, articles: list[Article], changed_at: datetime, base: str) -> str:
    items = "".join(f"<item>\n{_rss_item(outlet, each, base)}</item>\n" for each in articles)
    head = (
        _element("title", outlet.title)
        + _element("link", outlet.site)
        + _element("description", f"L’actualité de {outlet.title}")
        + _element("language", "fr-FR")
        + _element("lastBuildDate", date(outlet, changed_at, is_update=True))
        + _element("atom:link", rel="self", type=Shape.RSS, href=base + outlet.path)
    )
    return f'{_declaration(outlet)}<rss version="2.0"{NAMESPACES}>\n<channel>\n{head}{items}</channel>\n</rss>\n'


def _rss_item(outlet: Outlet, article: Article, base: str) -> str:
    text = (
        _element("title", article.title)
        + _element("link", link(outlet, article))
        + _element("guid", guid(outlet, article), isPermaLink="false")
        + _dates(outlet, article, "pubDate", "dcterms:modified")
        + _element("dc:creator", article.author)
        + _element("category", article.tag)
        + _element("description", _text(outlet.summary, outlet, article, base))
        + _cdata("content:encoded", _text(outlet.content, outlet, article, base))
    )
    match outlet.picture:
        case Picture.ENCLOSURE if article.has_image:
            size = str(len(draw(article.town, article.number)))
            text += _element("enclosure", url=image(outlet, article, base), length=size, type=CONTENT_TYPE)
            text += _element("media:credit", article.credit)
        case Picture.MEDIA if article.has_image:
            text += _media(outlet, article, base)
    return text


def _rdf(outlet: Outlet, articles: list[Article], changed_at: datetime, base: str) -> str:
    rows = "".join(f"<rdf:li rdf:resource={quoteattr(guid(outlet, each))}/>" for each in articles)
    head = (
        _element("title", outlet.title)
        + _element("link", outlet.site)
        + _element("description", f"Les communiqués de {outlet.title}")
        + _element("dc:language", "fr")
        + _element("dc:date", date(outlet, changed_at))
        + f"<items><rdf:Seq>{rows}</rdf:Seq></items>\n"
    )
    items = "".join(_rdf_item(outlet, each, base) for each in articles)
    return (
        f'{_declaration(outlet)}<rdf:RDF xmlns="http://purl.org/rss/1.0/"'
        f' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"{NAMESPACES}>\n'
        f"<channel rdf:about={quoteattr(base + outlet.path)}>\n{head}</channel>\n{items}</rdf:RDF>\n"
    )


def _rdf_item(outlet: Outlet, article: Article, base: str) -> str:
    text = (
        _element("title", article.title)
        + _element("link", link(outlet, article))
        + _dates(outlet, article, "dc:date", "")
        + (_dates(outlet, article, "dcterms:issued", "dcterms:modified") if article.updated else "")
        + _element("dc:creator", article.author)
        + _element("dc:subject", article.tag)
        + _element("description", _text(outlet.summary, outlet, article, base))
        + _cdata("content:encoded", _text(outlet.content, outlet, article, base))
    )
    return f"<item rdf:about={quoteattr(guid(outlet, article))}>\n{text}</item>\n"


def _atom(outlet: Outlet, articles: list[Article], changed_at: datetime, base: str) -> str:
    head = (
        _element("id", f"tag:{outlet.slug}.example,2026:feed")
        + _element("title", outlet.title)
        + _element("link", rel="alternate", type="text/html", href=outlet.site)
        + _element("link", rel="self", type=Shape.ATOM, href=base + outlet.path)
        + f"<author>{_element('name', outlet.title)}</author>\n"
        + _element("updated", date(outlet, changed_at))
    )
    entries = "".join(f"<entry>\n{_atom_entry(outlet, each, base)}</entry>\n" for each in articles)
    namespace = 'xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/"'
    return f'{_declaration(outlet)}<feed {namespace} xml:lang="fr">\n{head}{entries}</feed>\n'


def _atom_entry(outlet: Outlet, article: Article, base: str) -> str:
    text = (
        _element("id", guid(outlet, article))
        + _element("title", article.title)
        + _element("link", rel="alternate", type="text/html", href=link(outlet, article))
        + _dates(outlet, article, "published", "")
        + _element("updated", date(outlet, at) if (at := article.updated or article.published) else "")
        + (f"<author>{_element('name', article.author)}</author>\n" if article.author else "")
        + "".join(_element("category", term=tag) for tag in (article.tag, outlet.genre_tag) if tag)
        + _element("summary", _text(outlet.summary, outlet, article, base), type=_atom_type(outlet.summary))
    )
    body = _text(outlet.content, outlet, article, base)
    if outlet.content is Text.XHTML:
        text += f'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">{body}</div></content>\n'
    else:
        text += _element("content", body, type=_atom_type(outlet.content))
    if outlet.picture is Picture.ENCLOSURE and article.has_image:
        size = str(len(draw(article.town, article.number)))
        text += _element("link", rel="enclosure", type=CONTENT_TYPE, length=size, href=image(outlet, article, base))
        text += _element("media:credit", article.credit)
    elif outlet.picture is Picture.MEDIA and article.has_image:
        text += _media(outlet, article, base)
    return text


def _json(outlet: Outlet, articles: list[Article], changed_at: datetime, base: str) -> str:  # noqa: ARG001
    """JSON Feed has no date of the whole document."""
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": outlet.title,
        "home_page_url": outlet.site,
        "feed_url": base + outlet.path,
        "language": "fr-FR",
        "items": [_json_item(outlet, each, base) for each in articles],
    }
    return json.dumps(feed, ensure_ascii=False, indent=1) + "\n"


def _json_item(outlet: Outlet, article: Article, base: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": guid(outlet, article),
        "url": link(outlet, article),
        "title": article.title,
        "summary": _text(outlet.summary, outlet, article, base),
        "content_html": _text(outlet.content, outlet, article, base),
        "image": image(outlet, article, base),
        "date_published": article.published and date(outlet, article.published),
        "date_modified": article.updated and date(outlet, article.updated),
        "authors": [{"name": article.author}] if article.author else None,
        "tags": [article.tag],
    }
    return {name: value for name, value in item.items() if value}


# ── the parts


def _text(what: Text, outlet: Outlet, article: Article, base: str) -> str:
    lead, body = (f"<p>{_html(text)}</p>" for text in (article.lead, article.body))
    figure = _figure(outlet, article, base)
    return {
        Text.NONE: "",
        Text.LEAD: article.lead,
        Text.LEAD_HTML: figure + lead,
        Text.ALL: f"{article.lead}\n\n{article.body}",
        Text.HTML: figure + lead + body,
        Text.XHTML: figure + lead + body,
    }[what]


def _figure(outlet: Outlet, article: Article, base: str) -> str:
    if outlet.picture is not Picture.INLINE or not article.has_image:
        return ""
    picture = f'<img src="{image(outlet, article, base)}" alt={quoteattr(article.credit)} width="640" height="360" />'
    return f"<figure>{picture}<figcaption>{escape(article.credit)}</figcaption></figure>"


def _html(text: str) -> str:
    return escape(text).replace("\xa0", "&#160;")  # a named entity would break XHTML


def _media(outlet: Outlet, article: Article, base: str) -> str:
    credit = f"<media:credit>{escape(article.credit)}</media:credit>"
    address = quoteattr(image(outlet, article, base))
    return f'<media:content url={address} medium="image" type="{CONTENT_TYPE}">{credit}</media:content>\n'


def _dates(outlet: Outlet, article: Article, published: str, updated: str) -> str:
    """Both dates, each under its name; no name, no date."""
    text = _element(published, date(outlet, article.published)) if article.published else ""
    if article.updated and updated:
        text += _element(updated, date(outlet, article.updated, is_update=True))
    return text


def _atom_type(what: Text) -> str:
    return "text" if what in {Text.LEAD, Text.ALL} else "html"


def _declaration(outlet: Outlet) -> str:
    return f'<?xml version="1.0" encoding="{outlet.encoding}"?>\n'


def _element(name: str, text: str = "", **attributes: str) -> str:
    """An element; nothing where it would have neither text nor an address."""
    if not text and not attributes.keys() & {"href", "url", "term"}:
        return ""
    inside = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{inside}>{escape(text)}</{name}>\n" if text else f"<{name}{inside}/>\n"


def _cdata(name: str, html: str) -> str:
    return f"<{name}><![CDATA[{html}]]></{name}>\n" if html else ""
