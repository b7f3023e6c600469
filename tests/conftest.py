"""Fixtures that several modules of tests share."""

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
