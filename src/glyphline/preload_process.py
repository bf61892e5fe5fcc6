"""A child process that loads some libraries while this one loads others, and then runs what needs the former.

It runs one call after the other. When it is lost, its calls run in this process instead.
"""

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from glyphline import child_process

log = logging.getLogger(__name__)

PACKAGE_LOGGER = logging.getLogger("glyphline")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _LogMessage:
    """A log record of the child."""

    record: logging.LogRecord


@dataclass(frozen=True, slots=True)
class _Returned:
    """The value that a call returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class _Raised:
    """The error that a call raised, and its traceback."""

    error: Exception
    trace: str


class PreloadProcess:
    """The parent's side of the child process.

    Args:
        pipe: to the child; None when it could not be started.
    """

    def __init__(self, pipe: Connection | None) -> None:
        self._pipe = pipe

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Return or raise what `function(*args)` does in the child.

        All of it must be picklable, and calling it twice must do no harm.
        """
        if self._pipe is None:
            return function(*args)
        try:
            self._pipe.send((function, args))
            message = self._pipe.recv()
            while isinstance(message, _LogMessage):
                _log(message.record)
                message = self._pipe.recv()
        except (EOFError, OSError):
            log.info("the preload process was lost; its work is done in this process")
            self._pipe = None
            return function(*args)
        if isinstance(message, _Raised):
            message.error.add_note(f"in the preload process:\n{message.trace}")
            raise message.error
        value: T = message.value
        return value


@contextmanager
def preload_process(preload: Callable[[], object]) -> Iterator[PreloadProcess]:
    """Start the child process, and end it with the block.

    Args:
        preload: what the child does first, for example importing the libraries of the functions that it will run.
    """
    try:
        process, pipe = child_process.spawn(_main, preload, PACKAGE_LOGGER.getEffectiveLevel())
    except OSError as error:
        log.info("no preload process could be started (%s); its work is done in this process", error)
        yield PreloadProcess(None)
        return
    try:
        yield PreloadProcess(pipe)
    finally:
        pipe.close()
        process.kill()
        process.join()


def _log(record: logging.LogRecord) -> None:
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


class _PipeHandler(logging.Handler):
    """Sends log records to the parent, which knows where they go."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        # As text: the arguments of a record need not be picklable.
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        self._pipe.send(_LogMessage(record))


def _main(pipe: Connection, preload: Callable[[], object], level: int) -> None:
    logging.basicConfig(handlers=[_PipeHandler(pipe)])
    PACKAGE_LOGGER.setLevel(level)
    preload()
    while True:
        try:
            function, args = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(_Returned(function(*args)))
        except Exception as error:
            pipe.send(_Raised(error, traceback.format_exc()))
