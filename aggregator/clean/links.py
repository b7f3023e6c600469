"""Links: takes what a source wrote, gives an absolute link, one to show, and one to compare. Never asks the network.

`display` keeps what the source published but for what tracks readers. `canonical` is a key and is never shown: two
links with the same canonical form lead to the same page.
"""

import re
from urllib.parse import quote, unquote, urljoin, urlsplit

import idna

from aggregator.clean.characters import scrub

LINK_LIMIT_CHARS = 4096  # a longer one is no address that a browser and its server agree on

_WEB = ("http://", "https://")
_SIMPLE = re.compile(r"https?://[a-z0-9][a-z0-9.-]*(?:/[A-Za-z0-9/_.~=&?-]*)?\Z")  # most links: nothing to change
_ILLEGAL = re.compile(r"[\s\"<>\\^`{|}]")  # RFC 3986 §2: never in a URI, and dangerous in an attribute
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SAFE = "%/:@!$&'()*+,;=~-._?"
_NORMAL = re.compile(r"[A-Za-z0-9/_~.=-]*\Z")

_TRACKING_PREFIXES = tuple("utm_ at_ mtm_ pk_ matomo_ piwik_ hsa_ vero_ oly_ guce_ ns_ stm_".split())
_TRACKING = frozenset(
    "xtor xts xtcr xtref xtmc ens_id fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid twclid ttclid li_fat_id "
    "igsh igshid mc_cid mc_eid _ga _gl _hsenc _hsmi mkt_tok cmp cmpid cmp_id s_cid ncid spm "
    "guccounter ocid sfnsn smid ito ref_src ref_url wt_mc wt.mc_id __twitter_impression amp_js_v amp_gsa usqp".split()
)
_SOMETIMES_TRACKING = frozenset("ref from source src origin via medium".split())
_TRACKING_VALUES = frozenset(
    "rss rss2 rssfeed rss-feed rss_feed feed feeds atom flux flux-rss flux_rss fluxrss syndication newsletter "
    "twitter facebook linkedin".split()
)
_AMP_PARAMETERS = frozenset(("amp", "amp=", "amp=1", "amp=true", "outputtype=amp", "view=amp"))

_SITE_PREFIXES = ("www.", "m.", "mobile.", "amp.")
_AMP_START = re.compile(r"/amp(?=/.)", re.IGNORECASE)
_PATH_END = re.compile(r"(?:/amp|(?<=[^/])\.amp|(?<=/)(?:index|default)\.(?:html?|php|aspx?)|/+)\Z", re.IGNORECASE)
_AMP_HTML = re.compile(r"\.amp(?=\.html?\Z)", re.IGNORECASE)
_SLASHES = re.compile(r"/{2,}")

_GOOGLE = re.compile(r"(?:www\.|news\.)?google\.[a-z.]{2,6}\Z")
_GOOGLE_AMP = re.compile(r"/amp/(s/)?([^/]+\..*)")
_AMP_CACHE = re.compile(r"/[a-z]/(s/)?([^/]+\..*)")
_REDIRECTORS = {  # host and path → the parameter that holds the target
    ("l.facebook.com", "/l.php"): "u",
    ("lm.facebook.com", "/l.php"): "u",
    ("t.umblr.com", "/redirect"): "z",
    ("bing.com", "/news/apiclick.aspx"): "url",
    ("feedproxy.google.com", "/"): "url",
    ("out.reddit.com", "/"): "url",
    ("slack-redir.net", "/link"): "url",
    ("youtube.com", "/redirect"): "q",
}


def absolute(link: str, base: str = "") -> str:
    """Make a link absolute and fit for an attribute; "" where it is not of the web, or longer than LINK_LIMIT_CHARS."""
    if len(link) > LINK_LIMIT_CHARS:
        return ""
    if _SIMPLE.match(link):
        return link
    link = scrub(link).strip()
    if not link:
        return ""
    if link.startswith("//"):
        link = "https:" + link
    elif not link[:8].lower().startswith(_WEB):
        link = _joined(base, link)
    if not link[:8].lower().startswith(_WEB):
        return ""
    link = _ILLEGAL.sub(lambda match: quote(match.group(), safe=""), link)
    return link if _parts(link) else ""


def display(link: str) -> str:
    """Drop the tracking parameters, and those in the fragment (`#xtor=RSS-1`); leave all else as published."""
    if "?" not in link and "#" not in link:
        return link
    page, hash_mark, fragment = link.partition("#")
    tracked = is_tracking(fragment.partition("&")[0])
    path, _, query = page.partition("?")
    kept = "&".join(part for part in query.split("&") if not is_tracking(part))
    return path + ("?" + kept if kept else "") + ("" if tracked else hash_mark + fragment)


def canonical(link: str) -> str:
    """Give the form that all addresses of one page share; "" where it is not of the web. Stable under itself."""
    link = absolute(link) if len(link) <= LINK_LIMIT_CHARS else ""
    while True:  # ends: a target is shorter than what held it
        key = _key(link)
        target = _target(link) or _target(key)
        if not target:
            return key if len(key) <= LINK_LIMIT_CHARS else ""
        link = target


def is_tracking(parameter: str) -> bool:
    """Does `name=value` serve to follow readers, not to find the page?"""
    name, _, value = parameter.partition("=")
    name = unquote(name).lower()
    if name in _TRACKING or name.startswith(_TRACKING_PREFIXES):
        return True
    return name in _SOMETIMES_TRACKING and unquote(value).lower() in _TRACKING_VALUES


def _key(link: str) -> str:
    parts = _parts(link)
    if parts is None:
        return ""
    name, port, path, query, fragment = parts
    path, query = _path(path), _query(query)
    mark = "#" + _normal(fragment) if fragment.startswith("!") else ""
    return f"https://{_site(name)}{port}{path}{'?' if query else ''}{query}{mark}"


def _joined(base: str, link: str) -> str:
    try:
        return urljoin(base, link)
    except ValueError:  # urllib refuses such as "http://[x"
        return ""


def _parts(link: str) -> tuple[str, str, str, str, str] | None:
    """Host, ":port", path, query, fragment; None where it cannot be read or is not of the web."""
    try:
        split = urlsplit(link)
        port = split.port
    except ValueError:
        return None
    name = (split.hostname or "").rstrip(".")
    if split.scheme not in {"http", "https"} or not name:
        return None
    return name, f":{port}" if port and port not in {80, 443} else "", split.path, split.query, split.fragment


def _target(link: str) -> str:
    """Where a redirector or an AMP cache leads; "" if the link is neither."""
    parts = _parts(link)
    if parts is None:
        return ""
    name, _, path, query, _ = parts
    cached = None
    if name.endswith(".cdn.ampproject.org") or name == "cdn.ampproject.org":
        cached = _AMP_CACHE.match(path)
    elif _GOOGLE.match(name):
        cached = _GOOGLE_AMP.match(path)
    if cached:
        scheme = "https://" if cached[1] else "http://"
        return absolute(scheme + cached[2] + ("?" + query if query else ""))
    if _GOOGLE.match(name) and path.endswith("/url"):
        return _parameter(query, "url") or _parameter(query, "q")
    wanted = _REDIRECTORS.get((name.removeprefix("www."), path if path == "/" else path.rstrip("/")))
    return _parameter(query, wanted) if wanted else ""


def _parameter(query: str, wanted: str) -> str:
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name == wanted:
            return absolute(unquote(value))
    return ""


def _site(name: str) -> str:
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            name = quote(name, safe="").lower()
    while name.startswith(_SITE_PREFIXES) and "." in (rest := name.partition(".")[2]):
        name = rest
    return f"[{name}]" if ":" in name else name


def _path(path: str) -> str:
    path = _SLASHES.sub("/", _normal(path))
    while True:
        shorter = _AMP_HTML.sub("", _AMP_START.sub("", _PATH_END.sub("", path), count=1))
        if shorter == path:
            return path
        path = shorter


def _query(query: str) -> str:
    if not query:
        return ""
    parts = (_normal(part.replace("+", "%20")) for part in query.split("&"))
    return "&".join(
        sorted(part for part in parts if part and part.lower() not in _AMP_PARAMETERS and not is_tracking(part))
    )


def _normal(text: str) -> str:
    """Percent-encoding in one spelling (RFC 3986 §6.2.2)."""
    if _NORMAL.match(text):
        return text
    return quote(_ESCAPE.sub(_unescaped, _BROKEN_ESCAPE.sub("%25", text)), safe=_SAFE)


def _unescaped(match: re.Match[str]) -> str:
    character = chr(int(match.group()[1:], 16))
    return character if character in _UNRESERVED else match.group().upper()
