"""kill -9 at any moment of a poller's life: nothing is lost, nothing is doubled, nothing is half there, and the next one
goes on.
"""

from pathlib import Path

import pytest

from bench.crashes import FAULTS, crashes

AIMS = (*["settle"] * 4, "start", "ask", "keep", "index", "gather", "archive", "stop")
SOURCES, SEED = 10, 3


@pytest.mark.slow
def test_kills_in_every_phase_of_a_poller_lose_double_and_halve_nothing(tmp_path: Path) -> None:
    found = crashes(tmp_path, len(AIMS), SOURCES, SEED, AIMS)
    assert {what: found[what] for what in FAULTS} == dict.fromkeys(FAULTS, 0), found
    assert found["exit code of the last"] == 0
    assert sum(count for what, count in found.items() if what.startswith("kills: ")) == len(AIMS)
    assert found.get("kills: between", 0) <= len(AIMS) - 4  # else nothing was tried
    assert found["articles"] > 50 * SOURCES // 10
