"""A process's place at a study: held as long as it lives, and freed for it by the kernel or the database server.

So nobody needs heartbeats to know that a process is dead, and a process that is only slow is never taken for dead.
"""

import hashlib
import logging
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from glyphline import files

log = logging.getLogger(__name__)

# A machine that was switched off says no good-bye: the server asks after it, and gives it up after a minute.
KEEPALIVE = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}


class ProcessLease(Protocol):
    """What a process needs to know of the others at its study.

    Attributes:
        owner: the name under which it takes trials: host, process, and a word that no other process has.
        is_shared: others may be at the study at the same time.
    """

    owner: str
    is_shared: bool

    def is_vacant(self, owner: str) -> bool:
        """True when that process does not live any more."""

    def turn(self) -> AbstractContextManager[None]:
        """Be the only one who looks at the trials and takes or ends one."""


def new_owner() -> str:
    """A name for this process."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


class LocalLease:
    """The only place at a study in a SQLite file: whoever else took trials is dead."""

    is_shared = False

    def __init__(self) -> None:
        self.owner = new_owner()

    def is_vacant(self, owner: str) -> bool:
        """True for everybody else."""
        return owner != self.owner

    def turn(self) -> AbstractContextManager[None]:
        """Nobody else is there."""
        return nullcontext()


class PostgresLease:
    """One of many places at a study in PostgreSQL; an advisory lock of the server's stands for each living process.

    Args:
        connection: SQLAlchemy's, of its own, in autocommit; the locks live and die with it.
        study: name of the study.
    """

    is_shared = True

    def __init__(self, connection: Any, study: str) -> None:
        self.owner = new_owner()
        self._connection, self._study = connection, f"study {study}"
        for name, value in KEEPALIVE.items():
            self._ask(f"SET {name} = {value}")
        self._ask("SELECT pg_advisory_lock(:key)", self.owner)

    def is_vacant(self, owner: str) -> bool:
        """True when the server holds no lock for it."""
        if owner == self.owner:
            return False
        if not self._ask("SELECT pg_try_advisory_lock(:key)", owner):
            return False
        self._ask("SELECT pg_advisory_unlock(:key)", owner)
        return True

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the study's own lock."""
        self._ask("SELECT pg_advisory_lock(:key)", self._study)
        try:
            yield
        finally:
            self._ask("SELECT pg_advisory_unlock(:key)", self._study)

    def _ask(self, statement: str, name: str | None = None) -> Any:
        from sqlalchemy import text

        values = {} if name is None else {"key": _key(name)}
        found = self._connection.execute(text(statement), values)
        return found.scalar() if found.returns_rows else None


@contextmanager
def local(lock: Path) -> Iterator[LocalLease]:
    """Take the only place at a study; wait while another process has it.

    Args:
        lock: a file that stands for the study.
    """
    with files.exclusive(lock, wait=False) as free:
        if free:
            yield LocalLease()
            return
    log.info("another process is at this study; waiting for it to end")
    with files.exclusive(lock):
        yield LocalLease()


@contextmanager
def shared(url: str, study: str) -> Iterator[PostgresLease]:
    """Take one of many places at a study in PostgreSQL.

    Args:
        url: SQLAlchemy's, of the database.
        study: name of the study.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield PostgresLease(connection, study)


def _key(name: str) -> int:
    # PostgreSQL's keys are signed 64-bit numbers.
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
