"""A new SQLite store appears with all its tables or not at all.

MLflow makes the tables in many steps. A process that is killed among them, or whose folder is removed meanwhile, leaves
a database that no later process completes: what was made is not made again, and what is missing stays missing.
"""

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from glyphline.scratch import scratch_folder
from glyphline.sqlite_file import opened

log = logging.getLogger(__name__)

HALF_MADE = ".half-made"
_FIRST_ROW = {
    "runs": "SELECT 1 FROM runs LIMIT 1",
    "registered_models": "SELECT 1 FROM registered_models LIMIT 1",
}


def make_tables(database: Path) -> None:
    """Make all tables of MLflow in a new database."""
    from mlflow.store.db import utils
    from sqlalchemy import URL, create_engine

    engine = create_engine(URL.create("sqlite", database=str(database)))
    try:
        # MLflow has no public name for it, and a client would keep a connection to the file for ever.
        utils._initialize_tables(engine)  # noqa: SLF001
    finally:
        engine.dispose()


def ensure_whole(database: Path, scratch: Path, make: Callable[[Path], None] = make_tables) -> bool:
    """Make a database that is missing, or was left without a part of its tables and without any run.

    Args:
        database: of a store; its folder exists.
        scratch: parent of the folders that are needed for a moment.
        make: makes the tables in a file that is not there yet.

    Returns:
        Whether it was made now.
    """
    is_half_made = database.is_file() and _is_half_made(database)
    if database.exists() and not is_half_made:
        return False
    with scratch_folder(scratch, "database") as folder:
        made = folder / "mlflow.db"
        make(made)
        if is_half_made:
            aside = database.with_name(f"{database.name}{HALF_MADE}")
            log.warning("%s was left half-made, without any run; it is %s now, and a new one is made", database, aside)
            database.replace(aside)
        for suffix in ("-journal", "-wal", "-shm"):
            # Of a database that was removed: SQLite would undo its last changes in the new one.
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        try:
            # Unlike a renaming it never replaces the database of a process that was quicker.
            os.link(made, database)
        except OSError as error:
            # Another process was quicker, or the disk has no links; MLflow makes what is missing.
            log.debug("%s was not put in its place: %s", database, error)
            return False
    return True


def _is_half_made(database: Path) -> bool:
    try:
        with opened(database, mode="ro") as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if any(connection.execute(query).fetchone() for table, query in _FIRST_ROW.items() if table in tables):
                return False
            has_revision = "alembic_version" in tables
            revisions = [*connection.execute("SELECT version_num FROM alembic_version")] if has_revision else []
    except (sqlite3.Error, UnicodeDecodeError):
        # In use or damaged: MLflow says what is the matter.
        return False
    from mlflow.store.db import utils

    return not set(utils.Base.metadata.tables) <= tables or revisions != [
        (utils._get_latest_schema_revision(),)  # noqa: SLF001
    ]
