"""Workers: limits, deaths and ends. Functions that run in them stand at the top, they are imported there by name."""

import asyncio
import contextlib
import multiprocessing
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from pebble import ProcessPool

from aggregator.errors import ErrorClass, ParseError
from aggregator.workers import TASKS_LIMIT, WorkerDied, Workers

Run = Callable[[Coroutine[Any, Any, Any]], Any]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel what became of a process")


KEPT: list[str] = []


def add(left: int, right: int) -> int:
    return left + right


def spin() -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")  # longer than the universe


def fill(mebibytes: int) -> int:
    return len(bytearray(mebibytes << 20))


def fail(message: str) -> None:
    raise ParseError("https://source.example/feed", ErrorClass.NOT_A_FEED, message)


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def own_process() -> int:
    return os.getpid()


def tell_much(texts: int) -> list[str]:
    told = [f"{number} " + "ville " * 100 for number in range(texts)]
    KEPT.append("ville " * 200)  # behind all that, as words are which a worker keeps
    return told


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ignores_interrupts() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


class StubbornError(Exception):
    """Cannot be built again from its arguments."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)


def be_stubborn() -> None:
    raise StubbornError("a", "b")


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    made = Workers(2, 20.0, 128)
    yield made
    made.close()


@pytest.fixture
def hasty() -> Iterator[Workers]:
    made = Workers(1, 0.5, 128)
    yield made
    made.close()


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """One event loop for all, as workers have."""
    with asyncio.Runner() as runner:
        yield runner.run


def test_a_function_is_called_in_another_process(workers: Workers, run: Run) -> None:
    assert run(workers.run(add, 1, 2)) == 3
    assert run(workers.run(own_process)) != os.getpid()


def test_many_tasks_at_once_each_get_their_own_result(workers: Workers, run: Run) -> None:
    async def many() -> list[int]:
        return await asyncio.gather(*(workers.run(add, number, number) for number in range(100)))

    assert run(many()) == [2 * number for number in range(100)]


def test_an_error_of_the_function_arrives_as_it_was_raised(workers: Workers, run: Run) -> None:
    with pytest.raises(ParseError) as raised:
        run(workers.run(fail, "while parsing: it is no feed"))
    assert raised.value.error_class is ErrorClass.NOT_A_FEED
    assert raised.value.message == "while parsing: it is no feed"
    assert raised.value.source_url == "https://source.example/feed"


def test_a_task_that_takes_too_long_is_killed_and_the_next_one_runs(hasty: Workers, run: Run) -> None:
    before = run(hasty.run(own_process))
    with pytest.raises(TimeoutError):
        run(hasty.run(spin))
    assert run(hasty.run(own_process)) != before


def test_time_spent_waiting_for_a_worker_does_not_count(hasty: Workers, run: Run) -> None:
    async def one_behind_the_other() -> list[Any]:
        spinning = (hasty.run(spin) for _ in range(2))
        return await asyncio.gather(*spinning, hasty.run(add, 1, 2), return_exceptions=True)

    first, second, third = run(one_behind_the_other())
    assert isinstance(first, TimeoutError)
    assert isinstance(second, TimeoutError)
    assert third == 3


@LINUX
def test_a_task_that_takes_too_much_memory_fails_and_its_worker_goes_on(workers: Workers, run: Run) -> None:
    assert run(workers.run(fill, 64)) == 64 << 20
    with pytest.raises(MemoryError):
        run(workers.run(fill, 256))
    assert run(workers.run(add, 1, 2)) == 3


@LINUX
def test_a_worker_gives_back_what_a_task_took_that_told_much(hasty: Workers, run: Run) -> None:
    before = run(hasty.run(resident))
    assert run(hasty.run(tell_much, 30_000)) == tell_much(30_000)  # 20 MB
    assert run(hasty.run(resident)) - before < 8 << 20


@pytest.mark.parametrize("number", [9, 11], ids=["killed", "segmentation fault"])
def test_a_worker_that_dies_at_work_fails_its_task_only(workers: Workers, number: int, run: Run) -> None:
    async def beside() -> list[Any]:
        return await asyncio.gather(workers.run(die, number), workers.run(add, 1, 2), return_exceptions=True)

    died, sum_ = run(beside())
    assert isinstance(died, WorkerDied)
    assert sum_ == 3
    assert run(workers.run(add, 1, 2)) == 3


@LINUX
def test_a_worker_that_is_killed_at_rest_fails_no_task(workers: Workers, run: Run) -> None:
    for _ in range(3):
        process = run(workers.run(own_process))
        handle = os.pidfd_open(process)
        os.kill(process, signal.SIGKILL)
        assert ended(handle)
        assert run(workers.run(add, 1, 2)) == 3


@LINUX
def test_a_task_that_meets_broken_workers_gets_new_ones(workers: Workers, run: Run) -> None:
    os.kill(run(workers.run(own_process)), signal.SIGKILL)
    while (pool := workers._all[0]._pool) and pool.active:
        select.select([], [], [], 0.01)
    assert run(workers.run(add, 1, 2)) == 3


@LINUX
def test_a_task_that_a_breaking_pool_forgets_is_given_to_new_workers(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    os.kill(run(workers.run(own_process)), signal.SIGKILL)
    while (pool := workers._all[0]._pool) and pool.active:
        select.select([], [], [], 0.01)
    monkeypatch.setattr(ProcessPool, "_check_pool_status", lambda _: None)  # as if it broke just after it was asked
    assert run(workers.run(add, 1, 2)) == 3


def test_one_worker_does_what_takes_no_time(workers: Workers, run: Run) -> None:
    async def many() -> list[int]:
        return await asyncio.gather(*(workers.run(own_process) for _ in range(20)))

    assert len(set(run(many()))) == 1


def test_another_joins_when_all_are_held_up_but_no_more_than_are_allowed(run: Run) -> None:
    workers = Workers(2, 8.0, 128)
    first = run(workers.run(own_process))

    async def behind(held_up: int) -> int | None:
        """The process that a task finds while so many others are at theirs for ever; None if it waits for seconds."""
        others = [asyncio.ensure_future(workers.run(spin)) for _ in range(held_up)]
        task = asyncio.ensure_future(workers.run(own_process))
        await asyncio.wait((task,), timeout=7 if held_up == 1 else 3)
        found = task.result() if task.done() else None
        for each in (*others, task):
            each.cancel()
        await asyncio.wait((*others, task))
        return found

    second = run(behind(1))
    assert second not in {None, first, os.getpid()}
    assert run(behind(2)) is None
    workers.close()


def test_the_first_tasks_may_come_together(hasty: Workers, run: Run) -> None:
    async def together() -> list[int]:
        return await asyncio.gather(*(hasty.run(own_process) for _ in range(3)))

    assert len(set(run(together()))) == 1


def test_a_worker_retires_after_many_tasks(hasty: Workers, run: Run) -> None:
    async def many() -> list[int]:
        return await asyncio.gather(*(hasty.run(own_process) for _ in range(TASKS_LIMIT + 1)))

    assert len(set(run(many()))) == 2


def test_where_there_is_no_server_to_copy_workers_start_from_nothing(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    workers = Workers(1, 20.0, 128)
    assert run(workers.run(add, 1, 2)) == 3
    workers.close()


def test_an_error_that_cannot_travel_is_said_to_be_a_death(workers: Workers, run: Run) -> None:
    with pytest.raises(WorkerDied):
        run(workers.run(be_stubborn))
    assert run(workers.run(add, 1, 2)) == 3


def test_a_cancelled_task_ends_its_worker(hasty: Workers, run: Run) -> None:
    async def cancelled() -> int:
        before: int = await hasty.run(own_process)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hasty.run(spin), 0.05)
        return before

    before = run(cancelled())
    assert run(hasty.run(own_process)) != before


def test_a_task_that_is_cancelled_while_its_worker_starts_leaves_it_to_the_next(
    hasty: Workers, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    made: list[ProcessPool] = []
    is_opening, may_open = threading.Event(), threading.Event()

    class Counted(ProcessPool):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            is_opening.set()
            may_open.wait(10)
            super().__init__(*arguments, **named)
            made.append(self)

    async def cancelled() -> int:
        first = asyncio.ensure_future(hasty.run(own_process))
        await asyncio.to_thread(is_opening.wait)
        first.cancel()
        await asyncio.wait((first,))
        second = asyncio.ensure_future(hasty.run(own_process))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # it has looked for a pool
        may_open.set()
        return await second

    monkeypatch.setattr("aggregator.workers.ProcessPool", Counted)
    assert run(cancelled()) != os.getpid()
    assert len(made) == 1


def test_workers_ignore_the_interrupt_that_a_terminal_sends_to_all(workers: Workers, run: Run) -> None:
    assert run(workers.run(ignores_interrupts))


def test_workers_do_not_load_the_main_script_nor_what_it_imports(tmp_path: Path) -> None:
    main = tmp_path / "main.py"
    main.write_text(
        """
import asyncio, sys
import wave
from aggregator.workers import Workers

async def loaded():
    workers = Workers(1, 20.0, 128)
    print("wave" in sys.modules, await workers.run(eval, "'wave' in __import__('sys').modules"))
    workers.close()

if __name__ == "__main__":
    asyncio.run(loaded())
"""
    )
    done = subprocess.run([sys.executable, str(main)], capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


def test_closing_ends_the_workers_and_what_they_are_at(run: Run) -> None:
    workers = Workers(1, 60.0, 128)

    async def closed_at_work() -> None:
        process = await workers.run(own_process)
        spinning = asyncio.ensure_future(workers.run(spin))
        await asyncio.sleep(0)
        await asyncio.to_thread(workers.close)
        with pytest.raises(asyncio.CancelledError):
            await spinning
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
        with pytest.raises(WorkerDied, match="closed"):
            await workers.run(add, 1, 2)

    run(closed_at_work())
    workers.close()


def test_workers_that_never_worked_close_as_well() -> None:
    Workers(1, 1.0, 128).close()
    assert not [thread for thread in threading.enumerate() if "pebble" in thread.name]


@LINUX
@pytest.mark.slow
def test_workers_end_by_themselves_when_this_process_is_killed() -> None:
    script = """
import asyncio
from aggregator.workers import Workers
from tests.test_workers import own_process, spin

async def main():
    workers = Workers(2, 1.0, 128)
    print(await workers.run(own_process), flush=True)
    tasks = [asyncio.create_task(workers.run(spin))]
    print(await workers.run(own_process), flush=True)
    input()

asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout
        handles = [os.pidfd_open(int(parent.stdout.readline())) for _ in range(2)]
        parent.kill()
    assert all(ended(handle) for handle in handles)


def ended(handle: int) -> bool:
    """Wait for the end of a process, ten seconds at most."""
    waiting = select.poll()
    waiting.register(handle, select.POLLIN)
    result = bool(waiting.poll(10_000))
    os.close(handle)
    return result
