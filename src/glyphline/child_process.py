"""Child processes: started by spawning, untouched by Ctrl-C, and ended with the process that started them."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any


def spawn(target: Callable[..., object], *args: Any) -> tuple[BaseProcess, Connection]:
    """Start `target(pipe, *args)` in a child process.

    Ctrl-C, which every process of a terminal receives, is left to the parent; the child dies when its parent does.

    Args:
        target: a function of a module; its first argument is the child's end of the pipe.
        args: the other arguments, picklable.

    Returns:
        The process, and the parent's end of the pipe.

    Raises:
        OSError: the system starts no further process.
    """
    # Not a fork: the fork of a process that has threads, as TensorFlow has, may never wake up.
    context = multiprocessing.get_context("spawn")
    near_end, far_end = context.Pipe()
    process = context.Process(target=_main, args=(target, far_end, args), daemon=True)
    try:
        with interrupts_blocked():
            process.start()
    except OSError:
        near_end.close()
        raise
    finally:
        far_end.close()
    return process, near_end


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """A child that starts inside the block inherits the blocked signal; this process receives it after the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin() -> None:
    """What a child process does first: leave Ctrl-C to the parent, and die when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _main(target: Callable[..., object], pipe: Connection, args: tuple[Any, ...]) -> None:
    begin()
    target(pipe, *args)


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
