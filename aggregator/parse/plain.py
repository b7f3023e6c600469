"""Takes the text of a feed, gives its tree if the document is plain as a whole; raises Unusual where it is not.

Plain is what feedparser and lxml cannot but read alike, and what repair would leave as it is: well-formed, nothing
around the root, no comment or instruction inside, no xml:base, namespaces that mean the same throughout.
"""

import re

from feedparser.mixin import _FeedParserMixin
from lxml import etree

from aggregator.parse.limits import ELEMENTS_LIMIT, PART_LIMIT
from aggregator.parse.repair import prolog_end

ATTRIBUTE_LIMIT, EQUALS_LIMIT = 12, 7  # of one element, and in one attribute; repair cuts elements with more
ATTRIBUTES_LIMIT = 200_000  # of a document, those of HTML within it too: a tree takes 200 bytes for each
VALUE_LIMIT = 800  # characters of an attribute: twelve of them make no tag that repair would cut
ATOM, RSS10 = "http://www.w3.org/2005/Atom", "http://purl.org/rss/1.0/"
RDF, XML = "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://www.w3.org/XML/1998/namespace"
_WORDPRESS = "com-wordpress:feed-additions:1"
NETSCAPE = "http://my.netscape.com/rdf/simple/0.9/"
KNOWN = {uri.lower(): prefix for uri, prefix in _FeedParserMixin.namespaces.items()}  # to feedparser
STANDARD = frozenset(prefix for prefix in KNOWN.values() if prefix)

_HARMLESS = re.compile(  # namespaces of which feedparser keeps all that we do not ask for
    r"\{http://(?:purl\.org/rss/1\.0/modules/(?:slash|syndication|threading)/|purl\.org/syndication/thread/1\.0"
    r"|wellformedweb\.org/CommentAPI/|webns\.net/mvcb/)\}[a-zA-Z]+"
)
_PREFIX = re.compile("(?!xml|title|summary)[a-z][a-z0-9]*")
_READ = frozenset("title summary description content link links id guid author authors tags category subject".split())

_START = re.compile(r"<(rss|feed|rdf:RDF)(?=[\s>])[^<>]*>")
_ODD_REFERENCE = re.compile(r"&#(?:0*1[2-5]\d|[xX]0*[89][0-9a-fA-F]|0*13|[xX]0*[dD]);")  # cp1252, and a return
_CP1252 = re.compile(rb"\xc2[\x80-\x9f]")  # of UTF-8
_COUNT = etree.XPath("count(descendant-or-self::*)")
_ODD = etree.XPath(  # counted one by one: to unite them, or to ask for the first, costs the square of their number
    "count(//comment()) + count(//processing-instruction())"
    f" + count(//@*[namespace-uri() = '{XML}' and not(count(.. | /*) = 1 and local-name() = 'lang')])"
    " + count(//@*[string-length(local-name()) = 4 and namespace-uri() = ''"
    " and contains('|base|lang|mode|', translate(local-name(), 'ABDEGLMNOS', 'abdeglmnos'))])"
    f" + count(//*[count(@*) > {ATTRIBUTE_LIMIT}])"
    f" + count(//@*[string-length(.) > {VALUE_LIMIT}"
    f" or string-length(.) - string-length(translate(., '=', '')) > {EQUALS_LIMIT}]) > 0"
)


class Unusual(Exception):  # noqa: N818 - no fault of anybody
    """This is for feedparser."""


def tree_of(text: str, url: str) -> etree._Element:
    """The root of a document in which nothing is odd as a whole."""
    start = _START.match(text, prolog_end(text))
    if start is None or not text.endswith(f"</{start[1]}>") or "<!" in text[: start.start()].replace("<!--", ""):
        raise Unusual
    for opening, closing in (("<!--", "-->"), ("<?", "?>"), ("<![CDATA[", "]]>")):
        if text.rfind(opening) > text.rfind(closing):
            raise Unusual
    if "&#" in text and _ODD_REFERENCE.search(text):
        raise Unusual
    body = text[start.start() :]
    if body.count('="') + body.count("='") > ATTRIBUTES_LIMIT:
        raise Unusual
    data = body.encode()
    if _CP1252.search(data):
        raise Unusual
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    root = etree.fromstring(data, parser, base_url=url)
    if _ODD(root) or not _are_plain(root, alone=body.count("xmlns") == start[0].count("xmlns")):
        raise Unusual
    return root


def _are_plain(root: etree._Element, *, alone: bool) -> bool:
    """Whether the namespaces mean the same throughout, `alone` if all are declared in the root."""
    if root.nsmap.get(None, "") not in ("", ATOM, RSS10):
        return False
    said: dict[str | None, str] = {}
    for element in [root] if alone else root.iter():
        for prefix, uri in element.nsmap.items():
            known = KNOWN.get(uri.lower())
            if prefix is None:
                if known is not None and uri not in (ATOM, RSS10):
                    return False
            elif said.setdefault(prefix, uri) != uri or (prefix in STANDARD and known != prefix):
                return False
            if "backend.userland.com/rss" in uri.lower():
                return False
    return _has_one_format(root, {*said.values(), root.nsmap.get(None)})


def _has_one_format(root: etree._Element, uris: set[str | None]) -> bool:
    """Whether feedparser will take it for what its root says; of some namespaces it thinks more than of that."""
    if root.tag == f"{{{ATOM}}}feed":
        return not uris & {RSS10, NETSCAPE}
    if root.tag == "rss":
        return root.nsmap.get(None) is None and RSS10 not in uris
    return root.tag == f"{{{RDF}}}RDF" and root.nsmap.get(None) == RSS10 and ATOM not in uris


def pass_foreign(element: etree._Element) -> None:
    """Pass an element that feedparser keeps under a name that we do not ask for."""
    tag = element.tag
    namespace, _, name = tag.rpartition("}")
    if len(element) or name.lower() in _READ:
        raise Unusual
    if _HARMLESS.fullmatch(tag) or namespace == "{" + _WORDPRESS:
        return
    prefix = element.prefix
    if not prefix or not _PREFIX.fullmatch(prefix) or prefix in STANDARD or namespace[1:].lower() in KNOWN:
        raise Unusual


def is_large(root: etree._Element, entries: list[etree._Element]) -> bool:
    """Whether repair might leave something of a document out."""
    count = int(_COUNT(root))
    if count <= PART_LIMIT:
        return False
    sizes = [int(_COUNT(element)) for element in entries]
    return count > ELEMENTS_LIMIT or max(*sizes, count - sum(sizes)) > PART_LIMIT
