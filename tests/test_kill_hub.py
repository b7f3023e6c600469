"""kill -9 at any moment between commit and delivery: no subscriber misses the change."""

from pathlib import Path

import pytest

from bench.hub import KILL_SUBSCRIBERS, kills

KILLS = 10


@pytest.mark.slow
def test_kill_at_ten_random_moments_loses_no_delivery_and_doubles_only_what_was_under_way(tmp_path: Path) -> None:
    counted = kills(str(tmp_path), KILLS)
    assert counted["lost"] == 0
    assert counted["kills with something owed"] > KILLS / 2  # else nothing was tried
    assert counted["delivered twice"] <= KILLS * KILL_SUBSCRIBERS
