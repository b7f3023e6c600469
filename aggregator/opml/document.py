"""The list as a document that can be edited: takes a file, gives its Sources, writes back every byte it did not mean
to change. Never merges two editors' work: read, edit and write in one go.
"""

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

from msgspec.structs import replace

from aggregator.errors import ChangedError, ConfigError
from aggregator.model import Source
from aggregator.opml import line, tree
from aggregator.opml.tree import BODY_LIMIT_BYTES, NAMESPACE, NESTING_LIMIT, OUTLINE_LIMIT, PREFIX, Node, Tree

ERRORS_SHOWN = 20
IGNORED_TYPES = frozenset({"include", "link"})  # OPML 2.0: kept in the file, but not ours to follow

_EMPTY = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<opml version="2.0" xmlns:{PREFIX}="{NAMESPACE}">
  <head>
    <title/>
    <docs>https://opml.org/spec2.opml</docs>
  </head>
  <body>
  </body>
</opml>
""".encode()


def read(path: str | Path) -> tuple[Source, ...]:
    """The Sources of feeds.opml in document order. ConfigError names file, line and reason of all that is wrong."""
    return Document.read(path).sources


def move(path: str | Path, old_url: str, new_url: str, now: datetime) -> None:
    """Give a source of the file another address, in place. ConfigError if it does not stand there, if the new address
    does, or if somebody else is writing the file: then nothing was changed.
    """
    document = Document.read(path)
    line = document.line(old_url)
    document.replace(old_url, replace(line, url=new_url))
    document.write(path, now, instead_of=document.as_read)


class Document:
    """An OPML file in memory. A method that raises ConfigError has changed nothing."""

    def __init__(self, document: Tree, name: str) -> None:
        self._tree = document
        self._read = document.to_bytes()
        self._changed = False
        self._lines: dict[str, tuple[Node, Source]] = {}
        self._folders: dict[str, Node] = {}  # region → its first folder; "" is the body
        self._outlines = sum(node.name == "outline" for node in document.root.walk())
        if reasons := self._index():
            raise ConfigError(_report(name, reasons))

    @classmethod
    def read(cls, path: str | Path) -> "Document":
        """Read a file of ours, strictly."""
        try:
            with Path(path).open("rb") as file:
                body = file.read(BODY_LIMIT_BYTES + 1)
        except OSError as error:
            raise ConfigError("%(file)s cannot be read: %(why)s", file=path, why=error.strerror) from error
        return cls.parse(body, str(path))

    @classmethod
    def parse(cls, body: bytes, name: str) -> "Document":
        """Read bytes as `read` does a file; `name` stands in the messages."""
        return cls(tree.parse(body, name), name)

    @classmethod
    def new(cls, title: str) -> "Document":
        """An empty list."""
        document = cls.parse(_EMPTY, "new")
        _set_text(document._in_head("title"), title)
        return document

    @property
    def sources(self) -> tuple[Source, ...]:
        """The Sources in document order."""
        found = {id(node): source for node, source in self._lines.values()}
        return tuple(found[id(node)] for node in self._tree.root.walk() if id(node) in found)

    @property
    def changed(self) -> bool:
        """Has anything been edited?"""
        return self._changed

    def line(self, url: str) -> Source:
        """The source of this address; ConfigError if there is none."""
        return self._find(url)[1]

    def add(self, source: Source, region: str | None = None) -> None:
        """Put a source last in its region's folder, which is made if need be; `region` overrules the source's own."""
        source = line.checked(source if region is None else replace(source, region=region))
        if source.url in self._lines:
            raise ConfigError("%(url)s stands in the list already", url=source.url)
        node = Node("outline", b"<outline/>")
        self._place(node, source)
        self._write(node, source, {})
        self._changed = True

    def replace(self, old_url: str, source: Source) -> None:
        """Change the attributes that differ, and the folder if the region does; the rest of the line stays."""
        node, old = self._find(old_url)
        source = line.checked(source)
        if source == old:
            return
        if source.url != old_url and source.url in self._lines:
            raise ConfigError("%(url)s stands in the list already", url=source.url)
        if source.region != old.region:
            self._place(node, source)
        del self._lines[old_url]
        self._write(node, source, line.write(old))
        if source.departements != old.departements:
            self._edit(node, {"tributary:departements": None})  # `category` names them now
        self._changed = True

    def remove(self, url: str) -> None:
        """Take a source out; comments around it and its folder stay."""
        node, _ = self._find(url)
        tree.detach(node)
        del self._lines[url]
        self._outlines -= 1
        self._changed = True

    def to_bytes(self, now: datetime | None = None) -> bytes:
        """The document; `now` becomes its dateModified if anything was edited."""
        if self._changed and now is not None and self._tree.root.child("head"):
            _set_text(self._in_head("dateModified"), format_datetime(now))
        body = self._tree.to_bytes()
        if len(body) > BODY_LIMIT_BYTES:
            raise ConfigError("the list would be larger than %(most)s MiB", most=BODY_LIMIT_BYTES // 2**20)
        return body

    @property
    def as_read(self) -> bytes:
        """The bytes before any edit."""
        return self._read

    def write(self, path: str | Path, now: datetime | None = None, *, instead_of: bytes | None = None) -> None:
        """Replace the file in one step: after a crash it is the old one or the new one. Its mode is kept. With
        `instead_of`, ChangedError if the file is another one; it is compared just before it is replaced, and no process
        of ours writes in between.
        """
        body = self.to_bytes(now)
        try:
            _replace_file(Path(path).resolve(), body, instead_of)
        except OSError as error:
            raise ConfigError("%(file)s cannot be written: %(why)s", file=path, why=error.strerror) from error

    # ── reading

    def _index(self) -> list[tuple[int, str]]:
        root = self._tree.root
        body = root.child("body")
        if root.name != "opml" or body is None:
            return [(root.line, "is not OPML: it needs an <opml> element with a <body>")]
        self._folders[""] = body
        return [reason for node, region in _outlines(body, "") for reason in self._take(node, region)]

    def _take(self, node: Node, region: str) -> list[tuple[int, str]]:
        if _is_folder(node):
            self._folders.setdefault(_below(region, node), node)
            return [
                (node.line, f"{name} stands on a folder; only a source takes it") for name in line.own(node.attributes)
            ]
        source = line.read(node.attributes, region)
        if not isinstance(source, Source):
            return [(node.line, reason) for reason in source]
        if source.url in self._lines:
            first = self._lines[source.url][0].line
            return [(node.line, f"the same xmlUrl as on line {first}: {source.url}")]
        self._lines[source.url] = (node, source)
        inside = (child for child in node.children if child.name == "outline")
        return [(child.line, "a source cannot hold other outlines") for child in inside]

    def _find(self, url: str) -> tuple[Node, Source]:
        if url not in self._lines:
            raise ConfigError("%(url)s does not stand in the list", url=url)
        return self._lines[url]

    # ── editing

    def _place(self, node: Node, source: Source) -> None:
        parts = source.region.split(line.SEPARATOR) if source.region else []
        known = len(parts)
        while (region := line.SEPARATOR.join(parts[:known])) not in self._folders:
            known -= 1
        folder = self._folders[region]
        # The body is one element below the root, and the source one outline below its last folder.
        if folder.depth - 1 + len(parts) - known + 1 > NESTING_LIMIT:
            raise ConfigError(
                "%(url)s: its region has more than %(most)s folders in one another",
                url=source.url,
                most=NESTING_LIMIT - 1,
            )
        self._count(len(parts) - known + (node.parent is None))
        for end in range(known + 1, len(parts) + 1):
            folder = self._make_folder(folder, line.SEPARATOR.join(parts[:end]), parts[end - 1])
        if node.parent is not None:
            tree.detach(node)
        tree.attach(node, folder)

    def _count(self, more: int) -> None:
        if self._outlines + more > OUTLINE_LIMIT:
            raise ConfigError("the list would hold more than %(most)s outlines", most=OUTLINE_LIMIT)
        self._outlines += more

    def _make_folder(self, parent: Node, region: str, text: str) -> Node:
        folder = Node("outline", tree.write_tag("outline", {"text": text}), attributes={"text": text})
        tree.attach(folder, parent)
        self._folders[region] = folder
        return folder

    def _write(self, node: Node, source: Source, old: dict[str, str]) -> None:
        wanted = line.write(source)
        changes = {name: wanted.get(name) for name in {**old, **wanted} if old.get(name) != wanted.get(name)}
        self._edit(node, changes)
        self._lines[source.url] = (node, source)

    def _edit(self, node: Node, changes: dict[str, str | None]) -> None:
        prefixes = _prefixes(node)
        if not prefixes and line.own({name: value for name, value in changes.items() if value is not None}):
            prefixes = (self._declare(),)
        node.tag = tree.edit_tag(node.tag, changes, *prefixes)

    def _declare(self) -> str:
        """Bind a prefix that nobody uses to our namespace, for the whole document."""
        root, taken = self._tree.root, self._tree.to_bytes()
        prefix = PREFIX
        while f"xmlns:{prefix}".encode() in taken:
            prefix += "1"
        root.tag = tree.edit_tag(root.tag, {f"xmlns:{prefix}": NAMESPACE})
        for node in root.walk():
            node.prefixes += (prefix,)
        return prefix

    def _in_head(self, name: str) -> Node:
        head = self._tree.root.child("head")
        assert head is not None  # callers have looked
        node = head.child(name)
        if node is None:
            node = Node(name, f"<{name}/>".encode())
            tree.attach(node, head)
        return node


def _prefixes(node: Node) -> tuple[str, ...]:
    """The prefixes of our namespace where the node stands; a new node is as its parent."""
    found = node
    while not found.line and found.parent is not None:
        found = found.parent
    return found.prefixes


def _is_folder(node: Node) -> bool:
    return "xmlUrl" not in node.attributes and node.attributes.get("type", "").lower() != "rss"


def _below(region: str, node: Node) -> str:
    text = node.attributes.get("text", "").strip() or node.attributes.get("title", "").strip()
    return line.SEPARATOR.join(part for part in (region, text) if part)


def _outlines(parent: Node, region: str) -> Iterator[tuple[Node, str]]:
    """The outlines that mean something to us, each with the region it stands in; tree.parse has bounded the depth."""
    for node in parent.children:
        if node.name != "outline" or node.attributes.get("type", "").lower() in IGNORED_TYPES:
            continue
        yield node, region
        if _is_folder(node):
            yield from _outlines(node, _below(region, node))


def _report(name: str, reasons: list[tuple[int, str]]) -> str:
    shown = [f"{name}:{number}: {reason}" for number, reason in reasons[:ERRORS_SHOWN]]
    more = len(reasons) - len(shown)
    return "\n".join([*shown, f"… and {more} more"] if more else shown)


def _set_text(node: Node, text: str) -> None:
    node.tag = re.sub(rb"\s*/>\Z", b">", node.tag)
    node.end = node.end or b"</" + node.name.encode() + b">"
    node.children.clear()
    node.inner = tree.text(text)


def _replace_file(path: Path, body: bytes, expected: bytes | None) -> None:
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        with _locked(path.parent) as folder:
            if expected is not None and path.read_bytes() != expected:
                raise ChangedError(f"{path}: was changed by somebody else meanwhile")
            temporary.replace(path)
            os.fsync(folder)  # the new name, too, must survive a power cut
    except (OSError, ConfigError):
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """A folder that only one of our processes writes lists into."""
    import fcntl  # noqa: PLC0415 - there is none on Windows, where lists can be read all the same

    folder = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(folder)
