"""Calls in a second process: what they return, what happens when it is lost, and that no process is left over."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import time

import psutil
import pytest

from glyphline.errors import DataError, DriverMissingError, PictureError, PipelineError
from glyphline.preload_process import preload_process

PATIENCE_S = 20.0


def nothing() -> None:
    """To begin with."""


def where() -> int:
    logging.getLogger("glyphline.elsewhere").info("at %s", "work")
    return os.getpid()


def refuse() -> None:
    raise DataError("3 images", fix="bring 4")


def stumble() -> None:
    raise ZeroDivisionError("by nought")


def die_unless(process: int) -> str:
    if os.getpid() != process:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def fail() -> None:
    raise ImportError("no such library")


def test_calls_run_in_one_other_process_and_its_log_is_heard(caplog):
    caplog.set_level(logging.INFO, logger="glyphline")
    with preload_process(nothing) as other:
        first = other.call(where)
        assert other.call(where) == first != os.getpid()
    assert [record.getMessage() for record in caplog.records if record.name == "glyphline.elsewhere"] == ["at work"] * 2
    assert not psutil.pid_exists(first)


def kinds(kind: type[PipelineError]) -> list[type[PipelineError]]:
    return [kind, *(kind for below in kind.__subclasses__() for kind in kinds(below))]


@pytest.mark.parametrize("kind", kinds(PipelineError))
def test_every_error_that_a_person_can_mend_can_travel(kind):
    made = {
        DriverMissingError: lambda: DriverMissingError("mysql://host", ImportError("no driver")),
        PictureError: lambda: PictureError("a/1.png", "is cut off", fix="bring the rest"),
    }
    here = made.get(kind, lambda: kind("3 images", fix="bring 4"))()
    there = pickle.loads(pickle.dumps(here))
    assert (type(there), there.problem, there.fix, there.args) == (kind, here.problem, here.fix, here.args)
    assert vars(there) == vars(here)


def test_what_is_raised_there_is_raised_here():
    with preload_process(nothing) as other:
        with pytest.raises(DataError) as refused:
            other.call(refuse)
        assert (refused.value.problem, refused.value.fix) == ("3 images", "bring 4")
        with pytest.raises(ZeroDivisionError, match="by nought") as stumbled:
            other.call(stumble)
        assert "in stumble" in "".join(stumbled.value.__notes__)
        assert other.call(where) != os.getpid()


@pytest.mark.parametrize("begin", [nothing, fail])
def test_the_work_of_a_lost_process_is_done_here(begin, capfd):
    with preload_process(begin) as other:
        assert other.call(die_unless, os.getpid()) == "done"
        assert other.call(where) == os.getpid()
    capfd.readouterr()


def test_it_dies_with_the_process_that_began_it():
    program = (
        "import os, signal\nfrom glyphline.preload_process import preload_process\n"
        "from tests.unit.test_preload_process import nothing, where\n"
        "with preload_process(nothing) as other:\n    print(other.call(where), flush=True)\n    signal.pause()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    child.wait(PATIENCE_S)
    parent.stdout.close()


def test_an_interrupt_is_the_parents_affair():
    with preload_process(nothing) as other:
        child = other.call(where)
        os.kill(child, signal.SIGINT)
        time.sleep(0.1)
        assert other.call(where) == child
