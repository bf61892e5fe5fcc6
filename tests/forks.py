"""Copies of a process that has loaded the libraries, for tests that kill: a fresh interpreter would need seconds.

Not copies of the tests' own process: others have started the threads of TensorFlow and Ray in it, and what is forked
from there dies of locks that nobody will release.
"""

import multiprocessing
import os
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from typing import Any

import cloudpickle

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["mlflow.tracking", "optuna", "tests.registered", "tests.searches"])


def started(work: Callable[[], Any]) -> BaseProcess:
    """Run in a copy, with the present environment; `work` may be a closure over anything that can be pickled."""
    process = _context.Process(target=_run, args=(cloudpickle.dumps(work), dict(os.environ)))
    process.start()
    return process


def forked(work: Callable[[], Any]) -> int:
    """Run in a copy to its end; returns how it ended, as `subprocess` says it."""
    process = started(work)
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _run(work: bytes, environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    cloudpickle.loads(work)()
