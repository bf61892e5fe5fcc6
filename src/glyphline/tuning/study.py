"""Open the study in its database."""

import sqlite3
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import MedianPruner
from optuna.storages import RDBStorage

from glyphline import files
from glyphline.errors import SearchError


def open_study(database: Path, name: str, *, startup_trials: int) -> optuna.Study:
    """The study `name`, made when it is missing.

    Args:
        database: a SQLite file; its folder is made when it is missing.
        name: identity of the search.
        startup_trials: trials that the pruner lets run to their end.

    Raises:
        SearchError: the file is no study database, or it cannot be written.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    database.parent.mkdir(parents=True, exist_ok=True)
    # Two processes that make the tables at once fail with "UNIQUE constraint failed: alembic_version".
    with files.exclusive(database.with_suffix(".lock")):
        try:
            _check(database)
            storage = RDBStorage(f"sqlite:///{database}", engine_kwargs={"connect_args": {"timeout": 60}})
            return optuna.create_study(
                study_name=name,
                storage=storage,
                direction="minimize",
                pruner=MedianPruner(n_startup_trials=startup_trials, n_warmup_steps=0),
                load_if_exists=True,
            )
        except Exception as error:
            if not _is_about_the_database(error):
                raise
            raise SearchError(
                f"{database} cannot be used: {error}", fix=f"move {database.name} away; the search then starts anew"
            ) from error


def _check(database: Path) -> None:
    if database.exists() and database.stat().st_size:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
        connection.close()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)


def _is_about_the_database(error: Any) -> bool:
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, sqlite3.Error | SQLAlchemyError | StorageInternalError)
