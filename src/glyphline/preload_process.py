"""A second process for work that needs none of the first one's libraries: its imports are done while those are loaded.

It runs what it is told, one call after the other, dies with the process that began it, and may be lost: the work is
then done where it was wanted.
"""

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any, TypeVar

log = logging.getLogger(__name__)

OURS = logging.getLogger("glyphline")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Said:
    """A line for the log."""

    record: logging.LogRecord


@dataclass(frozen=True, slots=True)
class _Gave:
    """What a call returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class _Raised:
    """What a call raised, and where."""

    error: Exception
    trace: str


class PreloadProcess:
    """The near end of a second process.

    Args:
        pipe: to it; None when it could not be begun.
    """

    def __init__(self, pipe: Connection | None) -> None:
        self._pipe = pipe

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """What `function` gives or raises, there; all of it must be picklable, and calling it twice must do no harm."""
        if self._pipe is None:
            return function(*args)
        try:
            self._pipe.send((function, args))
            answer = self._pipe.recv()
            while isinstance(answer, _Said):
                _log(answer.record)
                answer = self._pipe.recv()
        except (EOFError, OSError):
            log.info("the process beside this one was lost; its work is done here")
            self._pipe = None
            return function(*args)
        if isinstance(answer, _Raised):
            answer.error.add_note(f"in a process beside this one:\n{answer.trace}")
            raise answer.error
        value: T = answer.value
        return value


@contextmanager
def preload_process(begin: Callable[[], object]) -> Iterator[PreloadProcess]:
    """Begin a second process, which goes when the block ends.

    Args:
        begin: what it does first, for example importing what will be called.
    """
    # Spawned: a fork of a process that has threads may never wake up.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_main, args=(theirs, begin, OURS.getEffectiveLevel()), daemon=True)
    try:
        with deaf_to_interrupts():
            process.start()
    except OSError as error:
        log.info("no process could be begun beside this one (%s); its work is done here", error)
        ours.close()
        yield PreloadProcess(None)
        return
    finally:
        theirs.close()
    try:
        yield PreloadProcess(ours)
    finally:
        ours.close()
        process.kill()
        process.join()


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Let a child be born deaf to Ctrl-C; one that comes meanwhile reaches this process afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def live_as_child() -> None:
    """In a child: leave Ctrl-C, which every process of a terminal hears, to the parent, and die when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _log(record: logging.LogRecord) -> None:
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


class _Lines(logging.Handler):
    """Sends what is logged to the parent, which knows where it goes."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        # As text: what a line is made of need not be picklable.
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        self._pipe.send(_Said(record))


def _main(pipe: Connection, begin: Callable[[], object], level: int) -> None:
    live_as_child()
    logging.basicConfig(handlers=[_Lines(pipe)])
    OURS.setLevel(level)
    begin()
    while True:
        try:
            function, args = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(_Gave(function(*args)))
        except Exception as error:
            pipe.send(_Raised(error, traceback.format_exc()))
