"""Fixtures that several modules of tests share."""

import logging
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from aggregator.store import Store, open_store
from tests.hostile import Canary, Region
from tests.values import NOW, sources

hypothesis.settings.register_profile("untimed", deadline=None)  # how long an example takes says how busy the machine is
hypothesis.settings.load_profile("untimed")


class Compiled(BytecodeCache):
    """Templates as they are compiled, for every application of a process: tests make hundreds of them."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if found := self._held.get(bucket.key):
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._held[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Processes that tests start take Ctrl-C, also where these tests run in the background, which a shell spares it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Templates are compiled by the first application that shows them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {**Flask.jinja_options, "bytecode_cache": Compiled()})
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store that knows SOURCE."""
    made = open_store(str(tmp_path / "tributary.db"))
    made.sync_sources(sources(), NOW)
    yield made
    made.close()


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """A region whose every source is hostile, as it was collected."""
    with Canary() as canary:
        region = Region(tmp_path_factory.mktemp("hostile"), canary)
        region.collect()
        yield region
        region.store.close()


@pytest.fixture(autouse=True)
def loggers_that_speak() -> Iterator[None]:
    """Commands set the level of loggers, and import-linter switches all of them off: other tests read what they say."""
    yield
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
    for name in ("tributary", "apscheduler", "waitress"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    subprocess.run(
        [openssl, *words.split(), *"-keyout key -out crt -addext subjectAltName=IP:127.0.0.1".split()],
        cwd=folder,
        check=True,
        stderr=subprocess.DEVNULL,
    )
    both = folder / "both.pem"
    both.write_text((folder / "key").read_text() + (folder / "crt").read_text())
    return both
