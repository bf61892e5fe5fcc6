"""The local store: a SQLite file in the project's folder, where MLflow's own commands look for it.

One that an earlier release left elsewhere is moved here, and one that came here with the whole folder, moved or copied,
gets the locations of this folder.
"""

import logging
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from glyphline import files
from glyphline.errors import TrackingError
from glyphline.mlflow_client import file_locations
from glyphline.mlflow_client.store_uri import StoreUri, sqlite_uri, store_uri
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.scratch import lasting_folder
from glyphline.sqlite_file import opened

log = logging.getLogger(__name__)

# What a store holds that is in no other store.
_KEYS = (
    "SELECT run_uuid FROM runs",
    "SELECT name || '/' || version FROM model_versions",
    "SELECT name FROM experiments",
)
_snapshots: dict[tuple[Path, int], Path] = {}


def project_store(params: Params, paths: Paths) -> StoreUri:
    """The project's store, ready for use in the folder where the project is now.

    Raises:
        TrackingError: its URI cannot be read, or there are two local stores.
    """
    return prepared(store_uri(params, paths), paths)


def prepared(uri: StoreUri, paths: Paths) -> StoreUri:
    """The same store with locations in this project; other stores than a SQLite file in its folder are left alone.

    Where the folder cannot be written, the result is a copy of the store that can only be read, and that ends with
    this process.

    Raises:
        TrackingError: there are two local stores, or another process uses the one that is to be moved.
    """
    file = uri.sqlite_file
    if file is None or not file.is_relative_to(paths.home):
        return uri
    former = paths.former_store
    if file == paths.store and former.is_file():
        if _is_writable(former) and os.access(file.parent, os.W_OK):
            _take_over(former, file, paths.mlruns / "store.lock")
        elif not file.exists():
            uri, file = StoreUri.parse(sqlite_uri(former)), former
    try:
        roots = file_locations.other_projects(file, paths.home)
        if not roots:
            return uri
        if not _is_writable(file):
            # Quoted for SQLite, then for SQLAlchemy.
            copy = quote(quote(str(_snapshot(file, roots, paths.home))))
            return StoreUri.parse(f"sqlite+pysqlite:///file:{copy}?mode=ro&uri=true")
        changed = file_locations.relocate(file, roots, paths.home)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        # Damaged, locked, or not a store: the first request says so, with its own way out.
        log.debug("the locations in %s were not checked: %s", file, error)
        return uri
    if changed:
        log.warning("the project was moved or copied here from %s: its store now leads to the files here", roots[0])
    return uri


def _is_writable(file: Path) -> bool:
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _take_over(former: Path, file: Path, lock: Path) -> None:
    """Move the store of an earlier release to `file`; nobody uses it meanwhile."""
    name = former.relative_to(file.parent)
    with files.exclusive(lock):
        if not former.is_file():
            return
        try:
            # MLflow makes an empty store where it finds none, and a kill may have left both.
            is_done = file.is_file() and _is_within(former, file)
            if file.is_file() and not is_done and not _is_within(file, former):
                raise TrackingError(
                    f"there are two stores with runs, {file.name} and {name}",
                    fix=f"move one of them out of the way: `mv {file.name} other.db` keeps the runs of {name}, "
                    f"`mv {name} other.db` those of {file.name}",
                )
            with opened(former) as database:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                database.execute("BEGIN EXCLUSIVE")
                if not is_done:
                    # Not a rename: mlruns may be on another disk, and SQLite names its journals by the file.
                    files.write_bytes(file, database.serialize())
                former.unlink()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise TrackingError(
                f"the store {name} cannot be moved to {file.name}: {error}",
                fix="end the commands that use it and try again; if it is damaged, restore it or move it away",
            ) from None
    log.warning("the store %s is now %s, where MLflow's own commands look for it", name, file.name)


def _is_within(part: Path, whole: Path) -> bool:
    """Whether a store holds nothing that the other does not hold."""
    return _keys(part) <= _keys(whole)


def _keys(file: Path) -> set[tuple[int, str]]:
    with opened(file, mode="ro") as database:
        try:
            return {(place, key) for place, query in enumerate(_KEYS) for (key,) in database.execute(query)}
        except sqlite3.OperationalError:
            # It has no tables yet.
            return set()


def _snapshot(file: Path, roots: list[Path], home: Path) -> Path:
    """A copy of the present state of a store, with locations in `home`; it is removed when the process ends."""
    key = (file, file.stat().st_mtime_ns)
    if key not in _snapshots:
        copy = lasting_folder("store") / file.name
        with opened(file, mode="ro") as database:
            copy.write_bytes(database.serialize())
        file_locations.relocate(copy, roots, home)
        _snapshots[key] = copy
    return _snapshots[key]
