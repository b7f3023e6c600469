"""Takes the text of a feed with Media RSS, gives the images and other media of each entry; never reads anything else.

feedparser keeps all credits, descriptions and contents of an entry in one list each: with two pictures nobody can say
whose the second one is. What belongs to what is read here from the tree.
"""

from collections.abc import Iterator
from itertools import islice

from lxml import etree

from aggregator.model import Enclosure, Image
from aggregator.parse.values import absolute, is_image, number

NAMESPACE_MARK = "search.yahoo.com/mrss"
MEDIA_LIMIT = 50  # of one entry: looking up the credit of each costs the square of their number
CAPTION_LIMIT = 500  # characters of a credit or a description

Media = tuple[tuple[Image, ...], tuple[Enclosure, ...], str]
"""Images, other media, and the credit of pictures that stand outside Media RSS, in an enclosure."""


def media_of(text: str, url: str) -> tuple[Media, ...]:
    """Read the media of each entry, in the order of the document; nothing at all where it cannot be read as XML."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser, base_url=url)
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        return ()
    return tuple(media_of_entry(element) for element in root.iter("{*}item", "{*}entry"))


def media_of_entry(entry: etree._Element) -> Media:
    """Read the media of one entry of a tree."""
    images: list[Image] = []
    enclosures: list[Enclosure] = []
    for element in islice(_elements(entry), MEDIA_LIMIT):
        if _is_picture(element):
            images.append(_image(element))
        else:
            enclosures.append(Enclosure(_url(element), element.get("type", "")[:100], number(element.get("fileSize"))))
    credit = _nearest(entry, "credit")
    return tuple(image for image in images if image.url), tuple(found for found in enclosures if found.url), credit


def _elements(entry: etree._Element) -> Iterator[etree._Element]:
    """The contents and thumbnails that count; a group holds one picture in several sizes, of which the widest does."""
    for holder in (*_children(entry, "group"), entry):
        contents = [content for content in _children(holder, "content") if content.get("url")]
        if holder is not entry:
            widest = max(filter(_is_picture, contents), key=lambda each: number(each.get("width")) or 0, default=None)
            contents = [content for content in contents if content is widest or not _is_picture(content)]
        yield from contents
        for content in (*_children(holder, "content"), holder):
            yield from (thumbnail for thumbnail in _children(content, "thumbnail") if thumbnail.get("url"))


def _children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    for child in element:
        tag = child.tag
        if isinstance(tag, str) and tag.endswith(name):
            namespace, _, local = tag.rpartition("}")
            if (NAMESPACE_MARK in namespace and local == name) or tag == f"media:{name}":
                yield child


def _is_picture(element: etree._Element) -> bool:
    if str(element.tag).endswith("thumbnail"):
        return True
    return is_image(element.get("url", ""), element.get("type", ""), element.get("medium", ""))


def _image(element: etree._Element) -> Image:
    return Image(
        url=_url(element),
        alt=_nearest(element, "description") or _nearest(element, "title"),
        credit=_nearest(element, "credit") or _nearest(element, "copyright"),
        type=element.get("type", "")[:100],
        width=number(element.get("width")),
        height=number(element.get("height")),
        length=number(element.get("fileSize")),
    )


def _url(element: etree._Element) -> str:
    return absolute(element.get("url", ""), str(element.base or ""))


def _nearest(element: etree._Element, name: str) -> str:
    """The text of the closest element of that name: its own, else of what holds it (Media RSS, "optional elements")."""
    holder: etree._Element | None = element
    while holder is not None:
        texts = [" ".join("".join(child.itertext()).split()) for child in _children(holder, name)]
        if found := ", ".join(dict.fromkeys(filter(None, texts))):
            return found[:CAPTION_LIMIT]
        local = str(holder.tag).rpartition("}")[2].lower()
        holder = None if local in {"item", "entry"} else holder.getparent()
    return ""
