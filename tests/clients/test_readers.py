"""What readers of others make of our feeds: nothing is lost on the way."""

import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import lxml.html
import pytest

from aggregator.publish.characters import undecodable
from tests.clients.readers import Document, Read, Reader, newsboat, ruby, simplepie, universal
from tests.clients.region import FULL, OTHER, Published, Region, served

pytestmark = pytest.mark.clients

ALL = ("atom", "rss", "json")
XML = ("atom", "rss")
READERS: dict[Reader, tuple[str, ...]] = {newsboat: XML, simplepie: XML, ruby: ALL, universal: XML}
PAIRS = [(reader, extension) for reader, extensions in READERS.items() for extension in extensions]

# What a client makes of any feed, whoever writes it.
SOUND_ALONE = {newsboat}  # of enclosures it keeps one, and none but sound and film
WITHOUT_MEDIA_RSS = {ruby}
WITHOUT_RSS_SOURCE = {simplepie}


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with served(tmp_path_factory.mktemp("region")) as region:
        yield region


each_reader = pytest.mark.parametrize(("reader", "extension"), PAIRS, ids=lambda each: getattr(each, "__name__", each))


@each_reader
def test_a_reader_loses_nothing_of_a_head(region: Region, tmp_path: Path, reader: Reader, extension: str) -> None:
    slugs = ("all", "economie", "dep/25", "economie/dep/25", region.source(FULL))
    told = {f"/feeds/{slug}.{extension}": region.head(slug) for slug in slugs}
    nothing_lost(told, read_all(region, tmp_path, reader, told), reader, extension)


@each_reader
def test_a_reader_loses_nothing_of_a_closed_page(
    region: Region, tmp_path: Path, reader: Reader, extension: str
) -> None:
    told = {f"/feeds/economie/archive/{number}.{extension}": region.page("economie", number) for number in (1, 2)}
    nothing_lost(told, read_all(region, tmp_path, reader, told), reader, extension)


@each_reader
def test_a_reader_loses_nothing_of_a_search(region: Region, tmp_path: Path, reader: Reader, extension: str) -> None:
    queries = ("Besançon", "titre", '"balise" -titre', "nulle part")
    told = {f"/feeds/search.{extension}?q={quote(query)}": region.search(query) for query in queries}
    nothing_lost(told, read_all(region, tmp_path, reader, told), reader, extension)


@each_reader
def test_a_reader_loses_nothing_by_options(region: Region, tmp_path: Path, reader: Reader, extension: str) -> None:
    base, head = f"/feeds/economie.{extension}", region.head("economie")
    told = {f"{base}?limit=20": head[:20], f"{base}?content=summary&img=enclosure": head}
    both = [*told, f"{base}?content=text&img=none", f"{base}?credit=prefix"]
    *shorter, texts, credited = read_all(region, tmp_path, reader, both)
    nothing_lost({f"{base}?limit=20": head[:20]}, shorter[:1], reader, extension)
    nothing_lost({f"{base}?content=summary&img=enclosure": head}, shorter[1:], reader, extension, whole=False)
    names = {FULL.title, OTHER.title}
    for entry, text, credit in zip(head, texts.entries, credited.entries, strict=True):
        content = text.content or ""
        assert _plain(entry.lead) in {_plain(content), _plain(html.unescape(content))}
        assert not entry.picture or entry.picture not in (text.media or ())
        name = next(name for name in names if credit.title.startswith(shown(name, extension)))
        assert credit.title.removeprefix(shown(name, extension)).endswith(shown(entry.title, extension))


def read_all(region: Region, folder: Path, reader: Reader, paths: Iterable[str]) -> list[Document]:
    """What a client reads at each path."""
    return reader(folder, [region.base + path for path in paths])


def nothing_lost(
    told: dict[str, list[Published]], read: list[Document], reader: Reader, extension: str, whole: bool = True
) -> None:
    """Fail with a line for each loss. `told`, by path, is what was published, `whole` whether with pictures and texts."""
    lost = [
        f"{path}: {loss}"
        for (path, published), document in zip(told.items(), read, strict=True)
        for loss in losses(published, document, reader, extension, whole)
    ]
    assert not lost, "\n".join([f"{reader.__name__} lost {len(lost)}:", *lost])


def losses(published: list[Published], read: Document, reader: Reader, extension: str, whole: bool) -> Iterator[str]:
    """What a client lost or changed, in words."""
    by_id = {entry.id: entry for entry in read.entries}
    if "Tributaire & « Cie »" not in read.title:
        yield f"the title of the feed, read as {read.title!r}"
    if len(read.entries) != len(published):
        yield f"{len(published)} entries, read as {len(read.entries)}"
    if [entry.id for entry in published if entry.id in by_id] != [entry.id for entry in read.entries]:
        yield "the order"
    for entry in published:
        if found := by_id.get(entry.id):
            yield from (f"{entry.title[:40]!r}: {loss}" for loss in _losses(entry, found, reader, extension, whole))
        else:
            yield f"{entry.title[:40]!r}: the entry, or its id {entry.id}"


def _losses(entry: Published, read: Read, reader: Reader, extension: str, whole: bool) -> Iterator[str]:
    dates = {int(entry.published.timestamp()), int(entry.updated.timestamp())}
    expected = {
        "title": (shown(entry.title, extension), read.title),
        "link": (entry.link, read.link),
        "author": (apart(entry.author, extension in XML), read.author),
        "categories": (sorted(entry.categories), None if read.categories is None else sorted(read.categories)),
    }
    if read.published not in dates:
        yield f"the date {entry.published}, read as {read.published}"
    for name, (told, found) in expected.items():
        if found is not None and told != found:
            yield f"the {name} {told!r}, read as {found!r}"
    if read.source is None and extension == "rss" and reader not in (*WITHOUT_RSS_SOURCE, newsboat):
        yield "the source"
    yield from _lost_media(entry, read, reader, extension)
    yield from _lost_content(entry, read, extension, whole)


def _lost_media(entry: Published, read: Read, reader: Reader, extension: str) -> Iterable[str]:
    told = {address for address in (entry.picture, *entry.media) if address}
    found = set(read.media or ())
    if extension == "rss" and reader in WITHOUT_MEDIA_RSS:
        told &= {entry.picture}  # RSS has room for one enclosure
    if reader in SOUND_ALONE:
        told = set(entry.media[:1])
    return [f"the media {address}" for address in sorted(told - found)]


def _lost_content(entry: Published, read: Read, extension: str, whole: bool) -> Iterable[str]:
    document = lxml.html.fromstring(f"<div>{read.content}</div>")
    text = _plain(document.text_content())
    if _plain(entry.lead) not in text and _plain(undecodable(entry.lead)) not in text:
        yield f"the lead {entry.lead!r}, read as {text!r}"
    if whole and entry.text and _plain(entry.text) not in text:
        yield f"the whole text {entry.text!r}, read as {text!r}"
    if whole and entry.picture and entry.picture not in {img.get("src") for img in document.iter("img")}:
        yield f"the picture {entry.picture} in the content"


def shown(text: str, extension: str) -> str:
    """A title as the feed gives it: RSS does not say whether its texts are markup."""
    return apart(text, extension == "rss")


def apart(text: str, guessed: bool) -> str:
    """A text where clients guess whether it is markup: what looks like some is kept apart by a space."""
    return undecodable(text) if guessed else text


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", text)
