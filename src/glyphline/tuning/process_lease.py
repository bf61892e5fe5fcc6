"""A process's lease of a study: held as long as the process lives, and freed by the kernel or the database server.

So no heartbeats are needed to notice that a process is dead, and a process that is only slow is never taken for dead.
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
from glyphline.tuning.storage import StudyLocation

log = logging.getLogger(__name__)

# A machine that is switched off does not close its connection: the server probes it, and gives it up after a minute.
KEEPALIVE = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}


class ProcessLease(Protocol):
    """What a process needs to know of the other processes that work on its study.

    Attributes:
        owner: the name under which it claims trials: host, process id, and a random word.
    """

    owner: str

    def is_dead(self, owner: str) -> bool:
        """True when that process does not live any more."""

    def study_lock(self) -> AbstractContextManager[None]:
        """Let only one process at a time read the trials and then start or end one."""


def new_owner() -> str:
    """A name for this process."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


class LocalLease:
    """The only lease of a study in a SQLite file: every other process that claimed trials is dead."""

    def __init__(self) -> None:
        self.owner = new_owner()

    def is_dead(self, owner: str) -> bool:
        """True for every other process."""
        return owner != self.owner

    def study_lock(self) -> AbstractContextManager[None]:
        """Lock nothing: no other process works on the study."""
        return nullcontext()


class PostgresLease:
    """One of many leases of a study in PostgreSQL; each living process holds an advisory lock of the server.

    Args:
        connection: SQLAlchemy's, used for nothing else, in autocommit; the server frees the locks when it closes.
        study: name of the study.
    """

    def __init__(self, connection: Any, study: str) -> None:
        self.owner = new_owner()
        self._connection, self._study = connection, f"study {study}"
        for name, value in KEEPALIVE.items():
            self._query(f"SET {name} = {value}")
        self._query("SELECT pg_advisory_lock(:key)", self.owner)

    def is_dead(self, owner: str) -> bool:
        """True when the server holds no lock for that process."""
        if owner == self.owner:
            return False
        if not self._query("SELECT pg_try_advisory_lock(:key)", owner):
            return False
        self._query("SELECT pg_advisory_unlock(:key)", owner)
        return True

    @contextmanager
    def study_lock(self) -> Iterator[None]:
        """Hold the study's own lock."""
        self._query("SELECT pg_advisory_lock(:key)", self._study)
        try:
            yield
        finally:
            self._query("SELECT pg_advisory_unlock(:key)", self._study)

    def _query(self, statement: str, lock_name: str | None = None) -> Any:
        from sqlalchemy import text

        values = {} if lock_name is None else {"key": _key(lock_name)}
        result = self._connection.execute(text(statement), values)
        return result.scalar() if result.returns_rows else None


def acquire(location: StudyLocation, study: str) -> AbstractContextManager[ProcessLease]:
    """Hold a lease of a study; of one in a file there is one, and this process waits for it.

    Args:
        location: of the studies.
        study: name of the study.
    """
    if location.url is not None:
        return postgres_lease(location.url, study)
    # A digest: the name of a study may be longer than a file name, and hold a slash.
    digest = hashlib.sha256(study.encode()).hexdigest()[:12]
    return _local_lease(location.database.with_name(f".{digest}.lock"))


@contextmanager
def _local_lease(lock_file: Path) -> Iterator[LocalLease]:
    with files.exclusive(lock_file, wait=False) as is_free:
        if is_free:
            yield LocalLease()
            return
    log.info("another process is running this study; waiting until it ends")
    with files.exclusive(lock_file):
        yield LocalLease()


@contextmanager
def postgres_lease(url: str, study: str) -> Iterator[PostgresLease]:
    """Hold one of many leases of a study in PostgreSQL.

    Args:
        url: of the database, in SQLAlchemy's form.
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
