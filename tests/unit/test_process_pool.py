"""Calls in several processes: results and errors in the order of the calls, and no process is left over."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import psutil
import pytest

from glyphline.errors import DataError
from glyphline.process_pool import ProcessLostError, in_order
from tests.conftest import environment

PATIENCE_S = 30.0


def squared(number: int) -> tuple[int, int]:
    time.sleep(0.02 * (number % 3 == 0))
    return number**2, os.getpid()


def refuse_from(number: int, lowest: int) -> int:
    if number >= lowest:
        raise DataError(f"{number} is too much", fix="less")
    return number


def die_at(number: int, deadly: int) -> int:
    if number == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@pytest.mark.parametrize("processes", [1, 3])
def test_results_come_in_the_order_of_the_calls(processes):
    results = list(in_order(squared, [(number,) for number in range(20)], processes))
    assert [result for result, _ in results] == [number**2 for number in range(20)]
    ids = {process for _, process in results}
    assert (os.getpid() in ids) == (processes == 1)
    assert len(ids) <= processes


@pytest.mark.parametrize("processes", [1, 3])
def test_the_first_error_in_the_order_of_the_calls_is_raised(processes):
    results = in_order(refuse_from, ((number, 3) for number in range(50)), processes)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match="3 is too much"):
        next(results)


def test_calls_are_read_as_they_are_needed():
    read = []

    def calls():
        for number in range(1000):
            read.append(number)
            yield (number,)

    with closing(in_order(squared, calls(), 2)) as results:
        next(results)
    assert len(read) < 10


def test_a_killed_process_is_an_error_and_no_process_stays():
    before = {process.pid for process in children()}
    results = in_order(die_at, ((number, 4) for number in range(50)), 2)
    with pytest.raises(ProcessLostError):
        list(results)
    # The resource tracker of multiprocessing lives as long as this process.
    left = [
        process for process in children() if process.pid not in before and "spawn_main" in " ".join(process.cmdline())
    ]
    assert not left


PROGRAM = """
import os, time
from glyphline.process_pool import in_order
from tests.unit.test_process_pool import linger
if __name__ == "__main__":
    for process in in_order(linger, [(n,) for n in range(8)], 2):
        print(process, flush=True)
"""


def linger(number: int) -> int:
    time.sleep(0.1 if number == 0 else 3.0)
    return os.getpid()


@pytest.fixture
def running(tmp_path):
    """A program with two child processes at work, and one of them."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    parent = subprocess.Popen(
        [sys.executable, path], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    yield parent, child
    parent.kill()
    parent.communicate()


def test_ctrl_c_of_a_terminal_ends_all_and_only_the_parent_speaks(running):
    parent, child = running
    os.killpg(parent.pid, signal.SIGINT)
    _, said = parent.communicate(timeout=PATIENCE_S)
    assert said.count("Traceback") == 1
    assert said.rstrip().endswith("KeyboardInterrupt")
    child.wait(PATIENCE_S)


def test_child_processes_die_with_a_killed_parent(running):
    parent, child = running
    parent.kill()
    child.wait(PATIENCE_S)
