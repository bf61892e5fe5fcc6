"""Whether a SQLite file is sound: SQLite itself notices only what is wrong with the pages that it happens to read."""

import sqlite3
from contextlib import closing
from pathlib import Path

MAX_CHECKED_BYTES = 100 << 20
"""Checking 100 MB takes about 0.6 s; larger files are not checked."""


def check(database: Path) -> None:
    """Compare every page, row and index of a database with each other; a missing or an empty file passes.

    Raises:
        sqlite3.DatabaseError: the file is damaged or no database. Never its subclass OperationalError: a database that
            is locked or cannot be opened is left to whoever opens it next.
    """
    if not database.is_file() or not 0 < database.stat().st_size <= MAX_CHECKED_BYTES:
        return
    # As a URI, which escapes signs such as % and ?.
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            (result,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.OperationalError:
            return
        except UnicodeDecodeError:
            result = "the report about it is no text"
    if result != "ok":
        raise sqlite3.DatabaseError(" ".join(result.split()))
