"""SQLite files: how they are opened, and whether one is sound.

SQLite itself notices only what is wrong with the pages that it happens to read.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

TIMEOUT_S = 10.0

MAX_CHECKED_BYTES = 100 << 20
"""Checking 100 MB takes about 0.6 s; larger files are not checked."""


@contextmanager
def opened(file: Path, *, mode: str = "rw", timeout_s: float | None = None) -> Iterator[sqlite3.Connection]:
    """A connection to a file that is there; it begins and ends its transactions itself.

    Args:
        file: the database.
        mode: `rw`, or `ro` for a file that is only read.
        timeout_s: seconds to wait for a lock of another process; None takes `TIMEOUT_S`.
    """
    # As a URI, which escapes signs such as % and ?.
    address = f"{file.absolute().as_uri()}?mode={mode}"
    with closing(
        sqlite3.connect(address, uri=True, timeout=TIMEOUT_S if timeout_s is None else timeout_s, isolation_level=None)
    ) as connection:
        yield connection


def check(database: Path) -> None:
    """Compare every page, row and index of a database with each other; a missing or an empty file passes.

    Raises:
        sqlite3.DatabaseError: the file is damaged or no database. Never its subclass OperationalError: a database that
            is locked or cannot be opened is left to whoever opens it next.
    """
    if not database.is_file() or not 0 < database.stat().st_size <= MAX_CHECKED_BYTES:
        return
    with opened(database, mode="ro") as connection:
        try:
            (result,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.OperationalError:
            return
        except UnicodeDecodeError:
            result = "the report about it is no text"
    if result != "ok":
        raise sqlite3.DatabaseError(" ".join(result.split()))
