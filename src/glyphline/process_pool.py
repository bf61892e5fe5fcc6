"""Calls that run in several child processes at once; their results come in the order of the calls."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from glyphline import child_process

# Per process: one call that it runs, and one that waits, so that no process waits for the parent.
CALLS_AHEAD = 2
KILLED = "it was killed, or it crashed"

T = TypeVar("T")


class ProcessLostError(Exception):
    """A child process was killed or crashed, or none could be started. It is not known which call was its last."""


def in_order(function: Callable[..., T], calls: Iterable[tuple[Any, ...]], processes: int) -> Generator[T]:
    """Yield `function(*call)` for each call.

    The first error of a call, in the order of the calls, is raised here, whatever the number of processes. When the
    caller stops early, close the iterator: calls that have begun end first, the others never begin.

    Args:
        function: a function of a module. It and its arguments and results must be picklable.
        calls: read as they are needed, a few more than have returned.
        processes: how many; with 1 the calls run in this process.

    Raises:
        ProcessLostError: a child process was killed, or the system starts no further process.
    """
    if processes == 1:
        for call in calls:
            yield function(*call)
        return
    # Not a fork: the fork of a process that has threads may never wake up.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(processes, context, initializer=child_process.begin)
    pending: deque[Future[T]] = deque()
    try:
        for call in calls:
            pending.append(_submitted(executor, function, call))
            if len(pending) >= processes * CALLS_AHEAD:
                yield _result(pending.popleft())
        while pending:
            yield _result(pending.popleft())
    finally:
        executor.shutdown(cancel_futures=True)


def _submitted(executor: ProcessPoolExecutor, function: Callable[..., T], call: tuple[Any, ...]) -> "Future[T]":
    try:
        # This may start a process, which inherits the blocked signal until it ignores it.
        with child_process.interrupts_blocked():
            return executor.submit(function, *call)
    except BrokenProcessPool:
        raise ProcessLostError(KILLED) from None
    except OSError as error:
        raise ProcessLostError(f"none could be started: {error}") from None


def _result(future: "Future[T]") -> T:
    try:
        return future.result()
    except BrokenProcessPool:
        raise ProcessLostError(KILLED) from None
