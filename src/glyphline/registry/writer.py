"""Who writes into a log: a person, and a machine that lets one process at a time do it."""

import getpass
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glyphline import files


def actor() -> str:
    """The person and the machine, for the history."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"{name}@{socket.gethostname()}"[:100]


@contextmanager
def locked(lock: Path) -> Iterator[str]:
    """Be the only process of this machine that changes the registry.

    Yields:
        The identity of the machine, kept in the lock file.
    """
    with files.exclusive(lock):
        identity = lock.read_text(encoding="ascii", errors="replace").strip()
        if len(identity) != 32:
            identity = uuid.uuid4().hex
            lock.write_text(identity, encoding="ascii")
        yield identity
