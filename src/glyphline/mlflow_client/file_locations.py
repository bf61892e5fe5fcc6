"""The locations of files in a store that is a SQLite file: MLflow writes them as absolute paths.

After the project's folder was moved, copied or mounted elsewhere they lead to the folder of before, where other files
may be by now, or those of the original.
"""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from glyphline.sqlite_file import opened

# Where MLflow keeps locations, besides those of experiments, below which it puts what is new.
_LOCATIONS = (
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
)


def experiment_folder(artifacts: Path, name: str) -> Path:
    """Where the files of an experiment of this name are put, in the project's folder of artifacts."""
    return artifacts / name.replace("/", "-")


def local_path(uri: str | None) -> Path | None:
    """The path that a location names on this machine; None when it names none."""
    parts = urlsplit(uri or "")
    if parts.scheme == "file":
        return Path(unquote(parts.path)) if parts.path else None
    # MLflow writes a location without a scheme as it is, not as a URI.
    return Path(uri) if uri and not parts.scheme else None


def other_projects(file: Path, home: Path) -> list[Path]:
    """The folders of projects, other than this one, that the locations of a store's experiments lead to.

    Args:
        file: of the store; there may be none yet.
        home: the folder of this project.

    Raises:
        sqlite3.DatabaseError: the file is damaged, locked, or not a store.
    """
    if not file.is_file():
        return []
    with opened(file, mode="ro") as database:
        rows = database.execute("SELECT experiment_id, name, artifact_location FROM experiments").fetchall()
    roots = {root for row in rows if (root := _root(*row)) is not None and not _is_same(root, home)}
    return sorted(roots)


def _root(experiment_id: int, name: str, location: str | None) -> Path | None:
    """The project's folder in a location as Glyphline or MLflow make it for an experiment; None for another one."""
    path = local_path(location)
    if path is None or not path.is_absolute():
        return None
    # The second is what MLflow's own commands make in the project's folder.
    for below in (experiment_folder(Path("mlruns", "artifacts"), name), Path("mlruns", str(experiment_id))):
        if path.parts[-len(below.parts) :] == below.parts:
            return path.parents[len(below.parts) - 1]
    return None


def _is_same(root: Path, home: Path) -> bool:
    try:
        return root == home or root.samefile(home)
    except OSError:
        return False


def relocate(file: Path, roots: list[Path], home: Path) -> int:
    """Rewrite the locations below other projects to the same places in this one, all or none of them.

    Args:
        file: of the store.
        roots: the folders of the other projects.
        home: the folder of this project.

    Returns:
        How many locations of files were rewritten; an experiment's is not one.

    Raises:
        sqlite3.DatabaseError: the file is damaged or locked.
    """
    changed = 0
    with opened(file) as database:
        database.execute("BEGIN IMMEDIATE")
        for root in roots:
            # A checkout without a store of its own may have put runs into this one: its files did not come along.
            is_shared = not any(_exists(store) for store in (root / "mlflow.db", root / "mlruns" / "mlflow.db"))
            for form in (Path.as_uri, str):
                move = partial(_moved, form(root / "mlruns") + "/", form(home / "mlruns") + "/")
                _update(database, "experiments", "artifact_location", move)
                for table, column in _LOCATIONS:
                    changed += _update(database, table, column, partial(_moved_with_files, move) if is_shared else move)
        database.execute("COMMIT")
    return changed


def _moved(before: str, after: str, location: str) -> str:
    return after + location.removeprefix(before) if location.startswith(before) else location


def _moved_with_files(move: Callable[[str], str], location: str) -> str:
    old, new = local_path(location), local_path(move(location))
    return location if old and new and _exists(old) and not _exists(new) else move(location)


def _update(database: sqlite3.Connection, table: str, column: str, move: Callable[[str], str]) -> int:
    # The names are constants of this module.
    select = f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE 'file:/%' OR {column} LIKE '/%'"  # noqa: S608
    update = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"  # noqa: S608
    changes = [
        (after, location)
        for (location,) in database.execute(select).fetchall()
        if (after := move(location)) != location
    ]
    database.executemany(update, changes)
    return len(changes)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # Another user's folder.
        return False
