"""A lossless tree of an XML document: takes bytes, gives nodes that join to the same bytes. Never knows what they mean.

The serialisers of XML libraries rewrite quotes, line breaks inside tags and character references. Editors keep their
list in git, where a change to one line must show as one line, so nodes keep slices of the file. expat is used, not
lxml, because it tells at which byte every tag stands; it opens no file and no address, and a DTD is refused at sight.
"""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.parsers import expat

from msgspec import Struct, field

from aggregator.errors import ConfigError

NAMESPACE = "urn:tributary:opml:1"
PREFIX = "tributary"
OUTLINE_LIMIT = 20_000
NESTING_LIMIT = 20  # of outlines; <opml> and <body> stand above them
BODY_LIMIT_BYTES = 10 * 2**20

# XML 1.0 §2.2, turned round: to compile a set of all that is allowed takes 6 ms.
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TAG = re.compile(rb"""<[^\s/>]+(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_ATTRIBUTE = re.compile(rb"""(\s+)([^\s=/>]+)(\s*=\s*)("[^"]*"|'[^']*')""")
_INDENT = re.compile(rb"(?:\r?\n)?[ \t]*\Z")
_REST_OF_LINE = re.compile(rb"[^\r\n]*")
_ESCAPES = str.maketrans(
    {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)  # bare white space would be read as spaces


class Node(Struct, eq=False):
    """An element and the bytes it is made of."""

    name: str
    tag: bytes  # the start tag as written
    before: bytes = b""  # white space, text and comments between the tag before this one and this one
    attributes: dict[str, str] = field(default_factory=dict)  # ours as "tributary:…", others' as "URI name"
    children: list["Node"] = field(default_factory=list)
    inner: bytes = b""  # from the last child's end to the end tag
    end: bytes = b""  # the end tag, empty for <a/>
    line: int = 0  # in the file it was read from, 0 for a new one
    parent: "Node | None" = None
    prefixes: tuple[str, ...] = ()  # that are bound to our namespace here

    def walk(self) -> Iterator["Node"]:
        """This node and all below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def pieces(self) -> Iterator[bytes]:
        """The slices of this node and all below it."""
        yield self.before
        yield self.tag
        for child in self.children:
            yield from child.pieces()
        yield self.inner
        yield self.end

    def child(self, name: str) -> "Node | None":
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)

    @property
    def indent(self) -> bytes:
        """The white space right before the start tag: a line break and the indentation."""
        found = _INDENT.search(self.before)
        return found[0] if found else b""

    @property
    def depth(self) -> int:
        """How many elements stand above."""
        return 0 if self.parent is None else self.parent.depth + 1


class Tree(Struct):
    """A document; `epilog` is what follows the root element."""

    root: Node
    epilog: bytes

    def to_bytes(self) -> bytes:
        """The document; the very bytes that were parsed where nothing was changed."""
        return b"".join(self.root.pieces()) + self.epilog


def parse(body: bytes, name: str) -> Tree:
    """Cut a UTF-8 document into nodes. ConfigError says `name:line: reason`."""
    if len(body) > BODY_LIMIT_BYTES:
        raise ConfigError("%(file)s is larger than %(most)s MiB", file=name, most=BODY_LIMIT_BYTES // 2**20)
    if b"\0" in body:  # UTF-16: expat would read it, but no tag could be cut out of it
        raise ConfigError(f"{name}: is not in UTF-8; save it as UTF-8")
    builder = _Builder(body, name)
    try:
        builder.parser.Parse(body, True)
    except expat.ExpatError as error:
        raise ConfigError(f"{name}:{error.lineno}: is not well-formed: {expat.ErrorString(error.code)}") from error
    assert builder.root is not None  # a document without a root element is not well-formed
    return Tree(builder.root, body[builder.cursor :])


class _Builder:
    """The handlers of one parse. Depth and number of elements are refused before they can cost anything."""

    def __init__(self, body: bytes, name: str) -> None:
        self.body, self.name = body, name
        self.root: Node | None = None
        self.cursor = 0  # the byte after the last tag
        self.open: list[Node] = []
        self.outlines = 0
        self.scopes: dict[str, list[str]] = {}  # prefix → the URIs it is bound to, innermost last
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.XmlDeclHandler = self.declaration
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.StartNamespaceDeclHandler = self.bind
        self.parser.EndNamespaceDeclHandler = self.unbind
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.finish

    def refuse(self, reason: str) -> ConfigError:
        return ConfigError(f"{self.name}:{self.parser.CurrentLineNumber}: {reason}")

    def declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "utf-8").lower() not in {"utf-8", "us-ascii"}:
            raise self.refuse(f"is in {encoding}; save it as UTF-8")

    def doctype(self, *_: Any) -> None:
        raise self.refuse("a DOCTYPE is not allowed")

    def bind(self, prefix: str | None, uri: str) -> None:
        self.scopes.setdefault(prefix or "", []).append(uri)

    def unbind(self, prefix: str | None) -> None:
        self.scopes[prefix or ""].pop()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.outlines += name == "outline"
        if self.outlines > OUTLINE_LIMIT:
            raise self.refuse(f"more than {OUTLINE_LIMIT} outlines")
        if len(self.open) > NESTING_LIMIT + 1:
            raise self.refuse(f"outlines are nested more than {NESTING_LIMIT} deep")
        at = self.parser.CurrentByteIndex
        tag = _TAG.match(self.body, at)
        assert tag is not None  # expat has found one here
        self.add(Node(name, tag[0], self.body[self.cursor : at], _own_names(attributes)))
        self.cursor = tag.end()

    def add(self, node: Node) -> None:
        node.line = self.parser.CurrentLineNumber
        node.prefixes = tuple(p for p, uris in self.scopes.items() if p and uris and uris[-1] == NAMESPACE)
        if self.open:
            node.parent = self.open[-1]
            node.parent.children.append(node)
        else:
            self.root = node
        self.open.append(node)

    def finish(self, _name: str) -> None:
        node = self.open.pop()
        if node.tag.endswith(b"/>"):
            return
        at = self.parser.CurrentByteIndex
        node.inner = self.body[self.cursor : at]
        self.cursor = self.body.index(b">", at) + 1
        node.end = self.body[at : self.cursor]


def _own_names(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name.replace(f"{NAMESPACE} ", f"{PREFIX}:", 1): value for name, value in attributes.items()}


def write_tag(name: str, attributes: Mapping[str, str]) -> bytes:
    """The tag of a new, empty element."""
    return edit_tag(f"<{name}/>".encode(), attributes, PREFIX)


def edit_tag(tag: bytes, changes: Mapping[str, str | None], *prefixes: str) -> bytes:
    """Set attributes in a tag, or take away those that are None; all others keep their bytes.

    `prefixes` are bound to our namespace; new attributes of ours get the first.
    """
    left = dict(changes)

    def change(found: re.Match[bytes]) -> bytes:
        prefix, colon, local = found[2].decode().rpartition(":")
        ours = prefix in prefixes
        name = f"{PREFIX}:{local}" if ours else prefix + colon + local
        if name not in left or (prefix == PREFIX and not ours):  # somebody else's namespace may go by our usual prefix
            return found[0]
        value = left.pop(name)
        return b"" if value is None else found[1] + found[2] + found[3] + _quoted(value)

    tag = _ATTRIBUTE.sub(change, tag)
    spaces = [found[1] for found in _ATTRIBUTE.finditer(tag)]
    space = spaces[-1] if spaces else b" "
    added = [_new(name, value, prefixes, space) for name, value in left.items() if value is not None]
    head, end = re.fullmatch(rb"(.*?)(\s*/?>)", tag, re.DOTALL).groups()  # type: ignore[union-attr]
    return bytes(head + b"".join(added) + end)


def _new(name: str, value: str, prefixes: tuple[str, ...], space: bytes) -> bytes:
    if name.startswith(f"{PREFIX}:"):
        name = f"{prefixes[0]}:{name.removeprefix(f'{PREFIX}:')}"
    return space + name.encode() + b"=" + _quoted(value)


def text(value: str) -> bytes:
    """Text between tags."""
    return html.escape(ILLEGAL.sub("", value), quote=False).encode()


def _quoted(value: str) -> bytes:
    return b'"' + html.escape(value, quote=False).translate(_ESCAPES).encode() + b'"'


def attach(node: Node, parent: Node) -> None:
    """Make the node the parent's last child, indented like its neighbours, after a comment that ends the last line."""
    rest = _REST_OF_LINE.match(parent.inner)
    beside = rest[0] if rest and rest[0].strip() else b""
    node.before = beside + _indent_below(parent)
    parent.inner = parent.inner[len(beside) :]
    if not parent.end:
        parent.tag = re.sub(rb"\s*/>\Z", b">", parent.tag)
        parent.end = b"</" + parent.name.encode() + b">"
    if not parent.children and not parent.inner.strip():
        parent.inner = parent.indent
    node.parent = parent
    parent.children.append(node)


def _indent_below(parent: Node) -> bytes:
    if parent.children:
        return parent.children[-1].indent
    above = parent.parent.indent if parent.parent else b""
    unit = parent.indent.removeprefix(above) if parent.indent.startswith(above) else b""
    return parent.indent + (unit.lstrip(b"\r\n") or b"  ") if parent.indent else b""


def detach(node: Node) -> None:
    """Take the node and what it holds out of the tree; comments before it stay where they are."""
    parent = node.parent
    assert parent is not None  # the root is never taken out
    left = node.before[: len(node.before) - len(node.indent)]
    at = parent.children.index(node)
    del parent.children[at]
    if at < len(parent.children):
        parent.children[at].before = left + parent.children[at].before
    else:
        parent.inner = left + parent.inner
    node.before, node.parent = b"", None
