"""A store that lost its folder while it was made, or while it was in use, is whole at the next start."""

import shutil
import sqlite3
from contextlib import closing, suppress

import pytest

from glyphline import mlflow_sync
from glyphline.errors import TrackingError
from glyphline.mlflow_client import StoreUri
from glyphline.mlflow_sync import journal_sources, new_database, store
from glyphline.mlflow_sync.file_locator import FileLocator
from tests.integration.conftest import record_model, rows

LEFT = {
    "nothing": (),
    "no runs": ("DROP TABLE runs",),
    "no versions": ("DROP TABLE model_versions",),
    "no revision": ("DELETE FROM alembic_version",),
    "another revision": ("UPDATE alembic_version SET version_num = '451aebb31d03'",),
    "a revision alone": "all",
}


def damage(database, statements) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        if statements == "all":
            names = [*connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            statements = [
                f'DROP TABLE "{name}"' for (name,) in names if name not in {"alembic_version", "sqlite_sequence"}
            ]
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("statements", LEFT.values(), ids=LEFT)
def test_a_database_without_runs_and_without_all_its_tables_is_made_anew(
    default_params, project, train_split, statements
):
    database = project.store
    if statements:
        damage(database, statements)
    else:
        database.write_bytes(b"")
    key = record_model(default_params, project, train_split)
    assert list(mlflow_sync.flush(default_params, project)) == [key]
    assert len(rows(project)["runs"]) == 1
    assert database.with_name(f"mlflow.db{new_database.HALF_MADE}").exists()


def test_a_database_with_a_run_is_never_put_aside(default_params, project, train_split):
    record_model(default_params, project, train_split)
    mlflow_sync.flush(default_params, project)
    database = project.store
    damage(database, ("DROP TABLE model_versions",))
    before = database.read_bytes()
    new_database.ensure_whole(database, project.scratch)
    assert database.read_bytes() == before


def test_a_database_that_another_process_has_made_meanwhile_stays(project):
    database = project.store
    whole = database.read_bytes()
    database.unlink()

    def made_by_another(path):
        path.write_bytes(b"ours")
        database.write_bytes(whole)

    new_database.ensure_whole(database, project.scratch, made_by_another)
    assert database.read_bytes() == whole


def test_the_unfinished_changes_of_a_removed_database_are_not_undone_in_the_new_one(tmp_path):
    def make(path, table="runs", rows=1):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"CREATE TABLE {table} (text)")
            connection.executemany(f"INSERT INTO {table} VALUES (?)", [("x" * 1000,)] * rows)

    database, journal, kept = (tmp_path / name for name in ("mlflow.db", "mlflow.db-journal", "kept"))
    make(database, "removed", rows=1000)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        # Without memory for them, the changes of an open transaction are in the file and its journal at once.
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE more (text)")
        connection.execute("UPDATE removed SET text = text || 'y'")
        shutil.copy(journal, kept)
    database.unlink()
    shutil.copy(kept, journal)
    new_database.ensure_whole(database, tmp_path / "scratch", make)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_the_folder_of_the_store_is_removed_while_its_projector_works(default_params, project, train_split):

    from glyphline.mlflow_sync.projection import Projection

    key = record_model(default_params, project, train_split)
    opened = store.connect(StoreUri.parse(f"sqlite:///{project.store}"), project, 5)
    shutil.rmtree(project.mlruns)
    (journal,) = journal_sources.read(project.journals())
    project.mlruns.mkdir()
    # What it says then is not the point.
    with suppress(TrackingError):
        Projection(opened, FileLocator.of(project).find, project.scratch).send(journal)
    opened.client._tracking_client.store.engine.dispose()
    assert list(mlflow_sync.flush(default_params, project)) == [key]
