"""Writes the public output as files, for a web server or a CDN: takes answers of the application, gives a folder.

Each file is written beside its place and moved there, so that whoever reads sees the old one or the new one. What did
not change is not touched, and mostly not asked for. What is no longer public is removed, and nothing that was not
written here. Killed at any point, the next run mends it: names are noted before files are made.
"""

import fcntl
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

import msgspec
from flask import Flask
from msgspec import Struct, field

from aggregator.errors import ConfigError
from web.published import CODINGS, Address, Answer, addresses, ask, down, frame, site_of, twin

OWN = ".tributary"  # the folder in the folder where we keep what we know of it
MANIFEST, NOTED = "manifest.json", "noted"  # all that we wrote, and the names of what is being written
DOWN = "down.html"  # what a web server shows in place of what only the application knows, while that is down
ROUNDS = 5  # how often at most to look for addresses that came into being meanwhile


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A file that we wrote: of which address, and what is known of it without reading it."""

    address: str = ""  # "" where a run was killed before it could say
    stamp: str = ""  # of the address
    digest: str = ""
    size: int = -1
    modified_ns: int = -1
    basis: str = ""  # of the address, where it has one


class Manifest(msgspec.Struct):
    """All that we wrote into a folder, by name."""

    frame: str = ""
    files: dict[str, Kept] = msgspec.field(default_factory=dict)


class Outcome(Struct, frozen=True):
    """What a run came to, in files."""

    files: int
    written: int
    removed: int
    is_whole: bool = True  # False: it was halted, and the next run goes on


def export(app: Flask, folder: Path, is_halted: Callable[[], bool] = lambda: False) -> Outcome:
    """Make a folder hold the public output of an application, and no more of what we wrote there before. Ends early,
    between two addresses, once `is_halted`.

    ConfigError where the folder holds files of others, cannot be written to, or is being written to. StoreError where
    the application cannot answer: what is there stays.
    """
    try:
        with _locked(folder) as own:
            return _Tree(folder, own, _read_manifest(own), is_halted).fill(app)
    except OSError as error:
        raise ConfigError(f"while publishing to {str(folder)!r}: {error.strerror}: {error.filename!r}") from error


def file_name(path: str, content_type: str) -> str:
    """The name, within the folder, of the file that holds the answer of an address."""
    name = path.removeprefix("/") or "index"
    if not all(part.strip(".") for part in name.split("/")) or name.startswith(OWN):
        raise ConfigError(f"{path!r} cannot be a file")
    return f"{name}.html" if content_type.startswith("text/html") else name


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """The folder of our own in it; nobody else writes there meanwhile."""
    own = folder / OWN
    if folder.exists() and not own.exists() and any(folder.iterdir()):
        raise ConfigError(f"will not publish to {str(folder)!r}: it holds files that were not published there")
    own.mkdir(parents=True, exist_ok=True)
    with (own / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"will not publish to {str(folder)!r}: another run is under way there") from error
        yield own


def _read_manifest(own: Path) -> Manifest:
    """What earlier runs wrote; of the files that a killed one noted, only the names."""
    try:
        found = msgspec.json.decode((own / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        found = Manifest()
    except msgspec.DecodeError as error:
        raise ConfigError(f"while reading {str(own / MANIFEST)!r}: {error}") from error
    if (own / NOTED).exists():
        # A name that was cut off belongs to a file that was not made.
        for name in (own / NOTED).read_text("utf-8").split("\n")[:-1]:
            found.files.setdefault(name, Kept())
    return found


class _Tree(Struct):
    """The folder while it is written."""

    folder: Path
    own: Path
    before: Manifest
    is_halted: Callable[[], bool]
    now: Manifest = field(default_factory=Manifest)
    written: int = 0
    removed: int = 0

    def fill(self, app: Flask) -> Outcome:
        """Bring every file up to date; what is no longer public goes first."""
        site = site_of(app)
        site.look_again()
        self.now.frame = frame(app)
        earlier: dict[str, dict[str, Kept]] = defaultdict(dict)
        for name, kept in self.before.files.items():
            earlier[kept.address][name] = kept
        changes = site.store.changes()
        listed = addresses(app)
        self._drop_gone(listed, earlier)
        self._write(self.own / DOWN, down(app))
        done: set[str] = set()
        is_whole = True
        for _ in range(ROUNDS):  # a head that is written late may lead to a page that is new
            is_whole = self._bring_all(
                app, (each for each in _in_order(listed, earlier) if each.path not in done), earlier
            )
            done.update(each.path for each in listed)
            if not is_whole or changes == (changes := site.store.changes()):
                break
            listed = addresses(app)
        if is_whole:
            self._drop(self.before.files.keys() - self.now.files.keys())
        self._keep_manifest(is_whole)
        return Outcome(len(self.now.files), self.written, self.removed, is_whole)

    def _drop_gone(self, listed: Iterable[Address], earlier: Mapping[str, Mapping[str, Kept]]) -> None:
        gone = earlier.keys() - {each.path for each in listed} - {""}
        names = [name for path in gone for name in earlier[path]]
        self._drop(names)
        for name in names:
            del self.before.files[name]

    def _bring_all(self, app: Flask, listed: Iterable[Address], earlier: Mapping[str, Mapping[str, Kept]]) -> bool:
        """→ whether it was not halted."""
        for each in listed:
            if self.is_halted():
                return False
            self._bring(app, each, earlier.get(each.path, {}))
        return True

    def _keep_manifest(self, is_whole: bool) -> None:
        """Note what was written. Of a run that was halted, what it did not come to is as before: under an older frame
        its stamps say nothing.
        """
        if not is_whole:
            is_same = self.before.frame == self.now.frame
            for name, kept in self.before.files.items():
                self.now.files.setdefault(name, kept if is_same else msgspec.structs.replace(kept, stamp="", basis=""))
        if self.now != self.before or not (self.own / MANIFEST).exists():
            self._replace(self.own / MANIFEST, msgspec.json.encode(self.now))
        (self.own / NOTED).unlink(missing_ok=True)

    def _bring(self, app: Flask, address: Address, earlier: Mapping[str, Kept]) -> None:
        if self.before.frame == self.now.frame and self._is_current(address, earlier):
            self.now.files.update(earlier)
            return
        basis = address.basis() if address.basis else ""
        if basis and self.before.frame == self.now.frame and self._rests_on(basis, earlier):
            told = {"stamp": address.stamp}
            self.now.files.update({name: msgspec.structs.replace(kept, **told) for name, kept in earlier.items()})
            return
        answer = ask(app.test_client(use_cookies=False), address.path)
        if answer is None:
            return
        name = file_name(address.path, answer.content_type)
        was = earlier.get(name, Kept())
        self._put(name, address, basis, answer, answer.body)
        for coding, ending in CODINGS.items():
            twin_name = name + ending
            kept = earlier.get(twin_name)
            if was.digest == self.now.files[name].digest and kept and self._is_intact(twin_name, kept):
                self.now.files[twin_name] = msgspec.structs.replace(kept, stamp=address.stamp, basis=basis)
            elif (body := twin(answer, coding)) is not None:
                self._put(twin_name, address, basis, answer, body)

    def _is_current(self, address: Address, earlier: Mapping[str, Kept]) -> bool:
        """Whether the address need not be asked."""
        return bool(address.stamp and earlier) and all(
            kept.stamp == address.stamp and self._is_intact(name, kept) for name, kept in earlier.items()
        )

    def _rests_on(self, basis: str, earlier: Mapping[str, Kept]) -> bool:
        """Whether it need not be asked though its stamp is another one."""
        return bool(earlier) and all(
            kept.basis == basis and self._is_intact(name, kept) for name, kept in earlier.items()
        )

    def _is_intact(self, name: str, kept: Kept) -> bool:
        try:
            found = os.stat(f"{self.folder}/{name}")  # noqa: PTH116 - a third of the time, for thousands of files
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (found.st_size, found.st_mtime_ns) == (kept.size, kept.modified_ns)

    def _put(self, name: str, address: Address, basis: str, answer: Answer, body: bytes) -> None:
        """Make a file hold these bytes; one that does is left alone."""
        path = self.folder / name
        held = path.read_bytes() if path.is_file() else None
        if held != body:
            if name not in self.before.files:
                if held is not None or path.is_dir():
                    raise ConfigError(f"will not overwrite {str(path)!r}: it was not published there")
                self._note(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._replace(path, body, answer.modified)
            self.written += 1
        digest = blake2b(body, digest_size=16).hexdigest()
        found = path.stat()
        self.now.files[name] = Kept(address.path, address.stamp, digest, found.st_size, found.st_mtime_ns, basis)

    def _write(self, path: Path, body: bytes) -> None:
        if not path.exists() or path.read_bytes() != body:
            self._replace(path, body)

    def _note(self, name: str) -> None:
        with (self.own / NOTED).open("a", encoding="utf-8") as noted:
            noted.write(f"{name}\n")

    def _replace(self, path: Path, body: bytes, modified: datetime | None = None) -> None:
        """Put a whole file in the place of another; `modified` is what a web server says in Last-Modified."""
        beside = self.own / "new"
        beside.write_bytes(body)
        if modified:
            at = modified.timestamp()
            if path.exists() and path.stat().st_mtime == at and path.stat().st_size == len(body):
                at += 1  # a web server makes its ETag of time and size
            os.utime(beside, (at, at))
        beside.replace(path)

    def _drop(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            path = self.folder / name
            if path.is_file():
                path.unlink()
                self.removed += 1
            for parent in path.relative_to(self.folder).parents[:-1]:
                with suppress(OSError):  # it is not empty, or gone
                    (self.folder / parent).rmdir()


def _in_order(listed: Iterable[Address], earlier: Mapping[str, Mapping[str, Kept]]) -> list[Address]:
    """Closed pages that are new come before the heads that lead to them; then what has changed, and last what only a
    new frame may change.
    """

    def rank(address: Address) -> int:
        kept = earlier.get(address.path, {})
        if address.is_closed_page and not kept:
            return 0
        return 2 if kept and all(each.stamp == address.stamp for each in kept.values()) else 1

    return sorted(listed, key=rank)
