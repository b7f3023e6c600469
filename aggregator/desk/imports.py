"""Lists from elsewhere, before they are taken in: takes an export of any reader, says of each of its lines what taking
it in would do. What was chosen becomes one edit of the list. Never asks an address.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from aggregator import opml
from aggregator.classify import folded
from aggregator.desk.sources import Edit, added, all_of, replaced
from aggregator.errors import ConfigError, DeskError
from aggregator.httpclient import without_userinfo
from aggregator.model import Source
from aggregator.opml import Refused, bare_address, bare_host
from aggregator.store import SourceView

ROWS_LIMIT = 1000  # lines that can be chosen from at once
DEEP = 200  # outlines in one another are not read any further
TITLE_LEAST = 4  # characters of a title that says something


class Fate(StrEnum):
    """What taking a line in would do."""

    NEW = "new"
    BACK = "back"  # it was a source of ours, with items
    MOVED = "moved"  # a source of ours leads there: its address would change
    ELSEWHERE = "elsewhere"  # a source of ours seems to be the same, at another address
    THERE = "there"  # nothing


class Sign(StrEnum):
    """Why two lines seem to be the same."""

    LEADS = "leads"  # one leads to the other
    SELF = "self"  # the feed calls itself so
    TITLE = "title"
    SITE = "site"


class Row(Struct, frozen=True):
    """A line of the export."""

    source: Source
    fate: Fate
    ours: Source | None = None  # the line that it meets
    sign: Sign | None = None


class Import(Struct, frozen=True):
    """All lines, in their order; `left` are the new ones beyond what can be chosen from at once."""

    rows: tuple[Row, ...]
    refused: tuple[Refused, ...] = ()
    left: int = 0

    def of(self, fate: Fate) -> tuple[Row, ...]:
        """The lines with one fate."""
        return tuple(row for row in self.rows if row.fate is fate)


def read(body: bytes, name: str, views: Sequence[SourceView]) -> Import:
    """What is in an export. DeskError says why it cannot be read."""
    try:
        sources, refused = opml.read_export(body, name)
    except ConfigError as error:
        raise DeskError(error.text, **error.values) from error
    if not sources and not refused:
        if body.count(b"<outline") > DEEP:
            raise DeskError(
                "%(file)s: no line has the address of a feed, or lines stand in one another too deep", file=name
            )
        raise DeskError("%(file)s: none of its lines has the address of a feed", file=name)
    shown = tuple(replace(each, url=without_userinfo(each.url)) for each in refused)
    return replace(compare(sources, views), refused=shown)


def compare(sources: Sequence[Source], views: Sequence[SourceView]) -> Import:
    """What each line would do to the list as it is."""
    ours = _Ours(views, sources)
    rows = [ours.row(source) for source in sources]
    choice = [row for row in rows if row.fate is not Fate.THERE]
    there = [row for row in rows if row.fate is Fate.THERE]
    return Import((*choice[:ROWS_LIMIT], *there), left=max(len(choice) - ROWS_LIMIT, 0))


def chosen(rows: Sequence[Row], region: str = "") -> Edit:
    """One edit of the list: new lines, in one region if it is given, and addresses that change."""
    new = [replace(row.source, region=region or row.source.region) for row in rows if row.fate is not Fate.MOVED]
    moves = [
        replaced(row.ours, replace(row.ours, url=row.source.url)) for row in rows if row.fate is Fate.MOVED and row.ours
    ]
    return all_of([*moves, added(new)])


class _Ours:
    """The sources that we have, by what an imported line may meet them."""

    def __init__(self, views: Sequence[SourceView], imported: Sequence[Source]) -> None:
        listed = [view for view in views if view.listed]
        self._listed = {bare_address(view.source.url): view.source for view in listed}
        self._former = {bare_address(view.source.url): view for view in views if not view.listed}
        self._leads = _first((view.state.moved_to or view.state.announced or "", view.source) for view in listed)
        self._selves = _first((view.state.feed_id, view.source) for view in listed)
        self._titles = _first((_titled(view.source), view.source) for view in listed)
        sites = Counter(_site(view.source) for view in listed)
        theirs = Counter(map(_site, imported))
        alone = (view for view in listed if sites[_site(view.source)] == theirs[_site(view.source)] == 1)
        self._sites = _first((_site(view.source), view.source) for view in alone)

    def row(self, source: Source) -> Row:
        address = bare_address(source.url)
        if address in self._listed:
            return Row(source, Fate.THERE, self._listed[address])
        if found := self._leads.get(address):
            return Row(source, Fate.MOVED, found, Sign.LEADS)
        was = self._former.get(address)
        if was and (led := self._listed.get(bare_address(was.state.moved_to))):
            return Row(source, Fate.ELSEWHERE, led, Sign.LEADS)
        if was:
            return Row(source, Fate.BACK, was.source)
        for sign, found in (
            (Sign.SELF, self._selves.get(address)),
            (Sign.TITLE, self._titles.get(_titled(source))),
            (Sign.SITE, self._sites.get(_site(source))),
        ):
            if found:
                return Row(source, Fate.ELSEWHERE, found, sign)
        return Row(source, Fate.NEW)


def _first(pairs: Iterable[tuple[str, Source]]) -> Mapping[str, Source]:
    """The first source of each key; keys that are addresses by what all writings of them have in common."""
    found: dict[str, Source] = {}
    for key, source in pairs:
        if key:
            found.setdefault(key if opml.url_flaw(key) else bare_address(key), source)
    return found


def _titled(source: Source) -> str:
    """A title with the host that it stands at: many hosts have an "Actualités"."""
    title, host = folded(source.title), bare_host(source.site) or bare_host(source.url)
    return f"{host} {title}" if len(title) >= TITLE_LEAST else ""


def _site(source: Source) -> str:
    """The page for people; it tells something where one line of ours and one of theirs name it."""
    return bare_address(source.site) if bare_host(source.site) else ""
