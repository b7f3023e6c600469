"""Lists from elsewhere: takes what other readers export, gives the Sources that can be made of it. Never trusts it:
what is broken is mended or left out, what is too large is refused.
"""

import codecs
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import SplitResult, urlsplit

from lxml import etree
from msgspec import Struct

from aggregator.errors import ConfigError
from aggregator.model import Source
from aggregator.opml import line
from aggregator.opml.document import IGNORED_TYPES, Document
from aggregator.opml.tree import BODY_LIMIT_BYTES, OUTLINE_LIMIT

TEXT_LIMIT = 500  # characters of a title, a description or a folder's name
FOLDER_LIMIT = 10  # folders in one another that are kept; deeper ones are read as if they stood in the last
MEND_LIMIT = 100_000  # broken references that are mended, at 1 µs each; the parser drops the rest
ATTRIBUTE_LIMIT = 100  # of one outline; lxml takes quadratic time to list them: 4.7 s for 40,000
USUAL_PORTS = {None, 80, 443}  # those of http and of https, which are taken for one

_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9._-]+)""")
_REFERENCE = re.compile(r"&(?!#\d+;|#x[0-9A-Fa-f]+;|(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]*;)?")
_ENCODINGS = ("utf", "iso8859", "cp125", "ascii", "mac-roman")  # not the likes of punycode, which takes quadratic time
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Refused(Struct, frozen=True):
    """A line that is no source: a feed at an address that we cannot ask, or one that is not meant to be read."""

    title: str
    url: str  # as written, which may hold a password
    why: str  # "" where it is only included or linked


def read_foreign(body: bytes, name: str) -> tuple[Source, ...]:
    """The Sources of an export of any reader, OPML 1.0 or 2.0, well-formed or nearly so; each address once.

    Lines without an address that may be fetched are left out. ConfigError where it is no OPML at all, is larger
    than 10 MiB or 20,000 outlines, or declares entities of its own; `name` stands in the message.
    """
    return read_export(body, name)[0]


def read_export(body: bytes, name: str) -> tuple[tuple[Source, ...], tuple[Refused, ...]]:
    """The same, and the lines with an address that were left out, each with the reason."""
    if len(body) > BODY_LIMIT_BYTES:
        raise ConfigError("%(file)s is larger than %(most)s MiB", file=name, most=BODY_LIMIT_BYTES // 2**20)
    text = _text(body)
    if "<!ENTITY" in text or "<!entity" in text:
        raise ConfigError("%(file)s declares entities, which is not allowed", file=name)
    found: dict[str, Source] = {}
    refused: list[Refused] = []
    for attributes, folders in _outlines(_root(text, name), name):
        source = _source(attributes, folders)
        if source is not None:
            found.setdefault(source.url, source)
        elif url := _url(attributes):
            refused.append(Refused(_title(attributes), url[:TEXT_LIMIT], line.url_flaw(url)))
    return tuple(found.values()), tuple(refused)


def merge(document: Document, sources: Iterable[Source]) -> tuple[tuple[Source, ...], tuple[Source, ...]]:
    """Add the sources that the document lacks. → those added, and those whose address stands there already.

    http and https, www, a slash at the end and the fragment make no difference. ConfigError if the document would
    pass its limits; drop it then, for it may hold a part of them.
    """
    known = {bare_address(source.url) for source in document.sources}
    added, already = [], []
    for source in sources:
        address = bare_address(source.url)
        if address in known:
            already.append(source)
            continue
        document.add(source)
        known.add(address)
        added.append(source)
    return tuple(added), tuple(already)


def bare_address(url: str) -> str:
    """What two addresses of one feed have in common: http and https, www, a slash at the end make no difference."""
    parts = urlsplit(url)
    return f"{_host(parts)}{parts.path.rstrip('/')}?{parts.query}"


def bare_host(url: str) -> str:
    """Where an address leads, as hosts are compared: with its port, unless that is the usual one, and without www; ""
    where it leads nowhere.
    """
    try:
        return _host(urlsplit(url))
    except ValueError:
        return ""


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removeprefix("www.")
    host = f"[{host}]" if ":" in host else host
    return host if not host or parts.port in USUAL_PORTS else f"{host}:{parts.port}"


def _text(body: bytes) -> str:
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    declared = _ENCODING.match(body)
    for encoding in (_known(declared[1].decode()) if declared else "utf-8", "utf-8"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    return body.decode("cp1252", "replace")


def _known(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        return "utf-8"
    return name if name.startswith(_ENCODINGS) else "utf-8"


def _root(text: str, name: str) -> etree._Element:
    # Without entity declarations nothing can be expanded; recovery stops by itself at 256 levels.
    parser = etree.XMLParser(
        encoding="utf-8", recover=True, resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True
    )
    mended = _REFERENCE.sub(_mend, _DECLARATION.sub("", text), MEND_LIMIT).encode(errors="replace")
    try:
        root = etree.fromstring(mended, parser)
    except etree.XMLSyntaxError as error:
        raise ConfigError("%(file)s cannot be read: %(why)s", file=name, why=error) from error
    if root is None or _local(root) != "opml":
        raise ConfigError("%(file)s is not OPML", file=name)
    return root


def _mend(reference: re.Match[str]) -> str:
    """Write HTML's names for characters as characters, and a bare ampersand as XML wants it."""
    return html.escape(html.unescape(reference[0]))


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _outlines(root: etree._Element, name: str) -> Iterator[tuple[Mapping[str, str], tuple[str, ...]]]:
    """The attributes of each outline, names in lower case, and the folders it stands in."""
    folders: list[str] = []
    count = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if _local(element) != "outline":
            continue
        if event == "end":
            folders.pop()
            continue
        count += 1
        if count > OUTLINE_LIMIT:
            raise ConfigError("%(file)s holds more than %(most)s outlines", file=name, most=OUTLINE_LIMIT)
        attributes = _attributes(element)
        yield attributes, tuple(folder for folder in folders if folder)
        folders.append(_title(attributes) if not _url(attributes) else "")


def _attributes(element: etree._Element) -> Mapping[str, str]:
    if len(element.attrib) > ATTRIBUTE_LIMIT:
        return {}
    return {str(key).lower(): str(value).strip() for key, value in element.attrib.items()}


def _source(attributes: Mapping[str, str], folders: tuple[str, ...]) -> Source | None:
    url, site = _url(attributes), attributes.get("htmlurl", "")
    if attributes.get("type", "").lower() in IGNORED_TYPES or line.url_flaw(url):
        return None
    paths = [path for part in attributes.get("category", "").lower().split(",") if (path := part.strip().strip("/"))]
    codes = [path.removeprefix("dep/").upper() for path in paths if path.startswith("dep/")]
    language = attributes.get("language", "").replace("_", "-")
    return Source(
        url=url,
        title=_title(attributes) or (urlsplit(url).hostname or ""),
        site="" if line.url_flaw(site) else site,
        description=attributes.get("description", "")[:TEXT_LIMIT].strip(),
        region=line.SEPARATOR.join(folders[:FOLDER_LIMIT]),
        categories=tuple(dict.fromkeys(p for p in paths if line.SLUG.fullmatch(p) and p != line.NO_CATEGORY)),
        departements=tuple(dict.fromkeys(code for code in codes if line.DEPARTEMENT.fullmatch(code))),
        language=language if line.LANGUAGE.fullmatch(language) else line.DEFAULT.language,
    )


def _url(attributes: Mapping[str, str]) -> str:
    url = attributes.get("xmlurl") or attributes.get("url", "")
    scheme, colon, rest = url.partition(":")
    if scheme.lower() == "feed" and colon:  # feed://host/… and feed:https://host/…, as readers once registered
        return f"http:{rest}" if rest.startswith("//") else rest
    return url


def _title(attributes: Mapping[str, str]) -> str:
    title = attributes.get("title") or attributes.get("text", "")
    return " ".join(title[:TEXT_LIMIT].split())
