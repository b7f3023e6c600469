"""Values that are written together: how many batches a burst costs, and who waits for what."""

import asyncio

import pytest

from aggregator.batches import Batches

GATHER_SECONDS = 0.05


def written(gather_seconds: float, bursts: list[list[int]]) -> list[list[int]]:
    """The batches that are written of values that come in bursts, with a turn of the loop between two."""
    found: list[list[int]] = []

    async def write(values: list[int]) -> None:
        found.append(values)

    async def play() -> None:
        batches = Batches(write, gather_seconds)
        async with asyncio.TaskGroup() as group:
            for burst in bursts:
                for value in burst:
                    group.create_task(batches.put(value))
                for _ in range(5):
                    await asyncio.sleep(0)

    asyncio.run(play())
    return found


def test_a_batch_that_is_given_time_gathers_what_comes_meanwhile() -> None:
    assert written(GATHER_SECONDS, [[1, 2], [3], [4]]) == [[1, 2, 3, 4]]


def test_a_batch_without_time_is_written_at_once() -> None:
    assert written(0.0, [[1, 2], [3], [4]]) == [[1, 2], [3], [4]]


@pytest.mark.parametrize("gather_seconds", [0.0, GATHER_SECONDS])
def test_who_waits_for_a_batch_gets_what_writing_it_raised(gather_seconds: float) -> None:
    async def write(_values: list[int]) -> None:
        raise OSError("full")

    async def play() -> None:
        batches = Batches(write, gather_seconds)
        for each in await asyncio.gather(batches.put(1), batches.put(2), return_exceptions=True):
            assert isinstance(each, OSError)
        with pytest.raises(OSError, match="full"):
            await batches.put(3)

    asyncio.run(play())
