"""The rules that a feed must follow, as checks for tests: each fails with an assertion."""

import json
import re
from urllib.parse import urlsplit

import lxml.html
from lxml import etree

from aggregator.model import Format

ATOM = "{http://www.w3.org/2005/Atom}"
DC = "{http://purl.org/dc/elements/1.1/}"

URI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s<>\"]+", re.I)
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
RFC822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d [+-]\d{4}"
)


def only(parent, tag):
    """The one child with that tag, which must have text."""
    (found,) = parent.findall(tag)
    assert found.text
    return found.text


def absolute(url):
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def check_links(links):
    for link in links:
        assert absolute(link.get("href"))
        assert link.get("rel")
        assert re.fullmatch(r"[a-z]+/[\w.+-]+", link.get("type"))
    alternates = [link.get("type") for link in links if link.get("rel") == "alternate"]
    assert len(alternates) == len(set(alternates))


def check_html(text):
    assert text.strip()
    for _element, attribute, link, _position in lxml.html.fromstring(f"<div>{text}</div>").iterlinks():
        assert absolute(link), attribute


def check_atom(document):
    feed = etree.fromstring(document)
    assert feed.tag == f"{ATOM}feed"
    assert feed.get("{http://www.w3.org/XML/1998/namespace}lang")
    assert urlsplit(only(feed, f"{ATOM}id")).scheme == "tag"
    only(feed, f"{ATOM}title")
    only(feed.find(f"{ATOM}author"), f"{ATOM}name")
    links = feed.findall(f"{ATOM}link")
    check_links(links)
    assert [link.get("type") for link in links if link.get("rel") == "self"] == ["application/atom+xml"]
    assert {link.get("type") for link in links if link.get("rel") == "alternate"} == {
        "text/html",
        "application/rss+xml",
        "application/feed+json",
    }
    entries = feed.findall(f"{ATOM}entry")
    identities = [(only(entry, f"{ATOM}id"), only(entry, f"{ATOM}updated")) for entry in entries]
    assert len(identities) == len(set(identities))
    assert RFC3339.fullmatch(only(feed, f"{ATOM}updated"))
    if entries:
        assert only(feed, f"{ATOM}updated") == max(updated for _, updated in identities)
    for entry in entries:
        check_atom_entry(entry)


def check_atom_entry(entry):
    assert URI.fullmatch(only(entry, f"{ATOM}id"))
    only(entry, f"{ATOM}title")
    published, updated = only(entry, f"{ATOM}published"), only(entry, f"{ATOM}updated")
    assert RFC3339.fullmatch(published)
    assert RFC3339.fullmatch(updated)
    assert published <= updated
    assert only(entry.find(f"{ATOM}author"), f"{ATOM}name").strip()
    links = entry.findall(f"{ATOM}link")
    check_links(links)
    assert [link.get("rel") for link in links].count("alternate") == 1
    for category in entry.findall(f"{ATOM}category"):
        assert category.get("term")
        assert URI.fullmatch(category.get("scheme"))
        assert category.get("label")
    assert entry.find(f"{ATOM}content").get("type") == "html"
    check_html(only(entry, f"{ATOM}content"))
    source = entry.find(f"{ATOM}source")
    only(source, f"{ATOM}title")
    assert URI.fullmatch(only(source, f"{ATOM}id"))
    assert RFC3339.fullmatch(only(source, f"{ATOM}updated"))
    check_links(source.findall(f"{ATOM}link"))
    assert [link.get("rel") for link in source.findall(f"{ATOM}link")].count("self") == 1


def check_rss(document):
    rss = etree.fromstring(document)
    assert (rss.tag, rss.get("version")) == ("rss", "2.0")
    (channel,) = rss
    for tag in ("title", "description", "language", "ttl"):
        only(channel, tag)
    assert absolute(only(channel, "link"))
    assert RFC822.fullmatch(only(channel, "lastBuildDate"))
    links = channel.findall(f"{ATOM}link")
    check_links(links)
    assert [(link.get("rel"), link.get("type")) for link in links] == [("self", "application/rss+xml")]
    guids = [only(item, "guid") for item in channel.findall("item")]
    assert len(guids) == len(set(guids))
    for item in channel.findall("item"):
        check_rss_item(item)


def check_rss_item(item):
    for tag in ("title", "description", f"{DC}creator"):
        only(item, tag)
    check_html(only(item, "description"))
    assert item.find("author") is None
    assert absolute(only(item, "link"))
    assert item.find("guid").get("isPermaLink") == "false"
    assert RFC822.fullmatch(only(item, "pubDate"))
    assert only(item, "source")
    assert absolute(item.find("source").get("url"))
    assert all(URI.fullmatch(category.get("domain")) and category.text for category in item.findall("category"))
    check_links(item.findall(f"{ATOM}link"))
    assert len(item.findall("enclosure")) <= 1
    for enclosure in item.findall("enclosure"):
        assert absolute(enclosure.get("url"))
        assert enclosure.get("length").isdigit()
        assert enclosure.get("type")


def check_json(document):
    feed = json.loads(document.decode())
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["title"]
    assert absolute(feed["feed_url"])
    assert absolute(feed["home_page_url"])
    assert all(author["name"] for author in feed["authors"])
    ids = [item["id"] for item in feed["items"]]
    assert len(ids) == len(set(ids))
    for item in feed["items"]:
        check_json_item(item)


def check_json_item(item):
    known = {"id", "url", "title", "content_html", "summary", "image", "date_published", "date_modified"}
    known |= {"authors", "tags", "language", "attachments"}
    assert all(key in known or key.startswith("_") for key in item)
    assert "" not in item.values()
    assert absolute(item["url"])
    assert RFC3339.fullmatch(item["date_published"])
    assert RFC3339.fullmatch(item["date_modified"])
    assert item["date_published"] <= item["date_modified"]
    assert all(author["name"].strip() for author in item["authors"])
    assert all(attachment["url"] and attachment["mime_type"] for attachment in item.get("attachments", ()))
    assert absolute(item["_tributary"]["about"])
    check_html(item["content_html"])


CHECKS = {Format.ATOM: check_atom, Format.RSS: check_rss, Format.JSON: check_json}
