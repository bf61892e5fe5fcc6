"""What this process asks of the machine while a block runs: connections, processes, pauses, files.

Python tells of each by an audit event, whichever library asks. A hook stays for the life of the process, so there is
one for all tests, which listens only inside a block.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

CONNECT = "socket.connect"
# All that can keep a thread waiting: for a server, another process, a lock on a file, the clock.
WAITS = (CONNECT, "socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn", "os.fork", "fcntl.flock", "time.sleep")


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        name: of Python's audit event.
        arguments: of the event.
        thread: that called.
    """

    name: str
    arguments: tuple[Any, ...]
    thread: str


_listening: list[tuple[frozenset[str], list[Call]]] = []


@contextmanager
def noted(*names: str) -> Iterator[list[Call]]:
    """The calls with these names, in their order, by any thread; complete when the block has ended."""
    _install()
    entry = frozenset(names), list[Call]()
    _listening.append(entry)
    try:
        yield entry[1]
    finally:
        _listening.remove(entry)


def connections(found: list[Call], port: int) -> int:
    """How many times a port was asked for."""
    return sum(call.name == CONNECT and call.arguments[1][1] == port for call in found)


def _hear(name: str, arguments: tuple[Any, ...]) -> None:
    # Called for every event of the process, so the common case must cost nothing.
    if _listening:
        for names, found in _listening:
            if name in names:
                found.append(Call(name, arguments, threading.current_thread().name))


@cache
def _install() -> None:
    sys.addaudithook(_hear)
