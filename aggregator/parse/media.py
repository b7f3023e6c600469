"""Takes the text of a feed with Media RSS, gives the images and other media of each entry; never reads anything else.

feedparser keeps all credits, descriptions and contents of an entry in one list each: with two pictures nobody can say
whose the second one is. What belongs to what is read here from the tree.
"""

from collections.abc import Iterator

from lxml import etree

from aggregator.model import Enclosure, Image
from aggregator.parse.values import absolute, is_image, number

NAMESPACE_MARK = "search.yahoo.com/mrss"
CAPTION_LIMIT = 500  # characters of a credit or a description

Media = tuple[tuple[Image, ...], tuple[Enclosure, ...]]


def media_of(text: str, url: str) -> tuple[Media, ...]:
    """Read the media of each entry, in the order of the document; nothing at all where it cannot be read as XML."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser, base_url=url)
    except etree.XMLSyntaxError:
        return ()
    if root is None:
        return ()
    return tuple(_of_entry(element) for element in root.iter("{*}item", "{*}entry"))


def _of_entry(entry: etree._Element) -> Media:
    images: list[Image] = []
    enclosures: list[Enclosure] = []
    for holder in (*_children(entry, "group"), entry):
        contents = [content for content in _children(holder, "content") if content.get("url")]
        pictures = [_image(content) for content in contents if _is_picture(content)]
        if holder is not entry and pictures:  # a group holds one picture in several sizes
            pictures = [max(pictures, key=lambda picture: picture.width or 0)]
        images += pictures
        enclosures += [_enclosure(content) for content in contents if not _is_picture(content)]
        for content in (*_children(holder, "content"), holder):
            images += [_image(thumbnail) for thumbnail in _children(content, "thumbnail") if thumbnail.get("url")]
    return tuple(image for image in images if image.url), tuple(found for found in enclosures if found.url)


def _children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    for child in element:
        tag = child.tag
        if isinstance(tag, str) and tag.endswith(name):
            namespace, _, local = tag.rpartition("}")
            if (NAMESPACE_MARK in namespace and local == name) or tag == f"media:{name}":
                yield child


def _is_picture(content: etree._Element) -> bool:
    return is_image(content.get("url", ""), content.get("type", ""), content.get("medium", ""))


def _image(element: etree._Element) -> Image:
    return Image(
        url=_absolute(element),
        alt=_nearest(element, "description") or _nearest(element, "title"),
        credit=_nearest(element, "credit") or _nearest(element, "copyright"),
        type=element.get("type", "")[:100],
        width=number(element.get("width")),
        height=number(element.get("height")),
        length=number(element.get("fileSize")),
    )


def _enclosure(element: etree._Element) -> Enclosure:
    return Enclosure(_absolute(element), element.get("type", "")[:100], number(element.get("fileSize")))


def _absolute(element: etree._Element) -> str:
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
