"""Fixtures that several modules of tests share."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.store import Store, open_store
from tests.values import NOW, sources


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store that knows SOURCE."""
    made = open_store(str(tmp_path / "tributary.db"))
    made.sync_sources(sources(), NOW)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def loggers_that_speak() -> Iterator[None]:
    """Commands set the level of loggers, and import-linter switches all of them off: other tests read what they say."""
    yield
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
    for name in ("tributary", "apscheduler", "waitress"):
        logging.getLogger(name).setLevel(logging.NOTSET)
