"""A local store goes with its folder: taken over from where earlier releases had it, moved, copied, only readable."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import pytest

from glyphline import scratch
from glyphline.errors import TrackingError
from glyphline.mlflow_client import StoreUri, check_store, project_store, store_uri
from glyphline.mlflow_client.local_store import prepared
from glyphline.mlflow_sync import artifact_owners
from glyphline.paths import Paths


def make_store(file: Path, project: Path, *, runs: int = 1) -> None:
    """The tables in which MLflow keeps locations, with one experiment of Glyphline and one of MLflow's own commands."""
    file.parent.mkdir(parents=True, exist_ok=True)
    artifacts = project / "mlruns" / "artifacts"
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript(
            """
            CREATE TABLE experiments (experiment_id INTEGER, name TEXT, artifact_location TEXT);
            CREATE TABLE runs (run_uuid TEXT, artifact_uri TEXT);
            CREATE TABLE logged_models (model_id TEXT, artifact_location TEXT);
            CREATE TABLE model_versions (name TEXT, version INTEGER, source TEXT, storage_location TEXT);
            CREATE TABLE trace_tags (request_id TEXT, value TEXT);
            """
        )
        database.execute("INSERT INTO experiments VALUES (0, 'Default', ?)", [f"{project}/mlruns/0"])
        database.execute(
            "INSERT INTO experiments VALUES (1, 'digits/tuning', ?)", [(artifacts / "digits-tuning").as_uri()]
        )
        database.execute("INSERT INTO experiments VALUES (2, 'elsewhere', 's3://bucket/mlruns/2')")
        for number in range(runs):
            uri = (artifacts / "digits-tuning" / f"run{number}").as_uri()
            (artifacts / "digits-tuning" / f"run{number}").mkdir(parents=True, exist_ok=True)
            database.execute("INSERT INTO runs VALUES (?, ?)", [f"run{number}", uri])
        database.execute("INSERT INTO runs VALUES ('cloud', 's3://bucket/mlruns/2/run')")
        database.execute("INSERT INTO model_versions VALUES ('m', 1, 'models:/m-1', ?)", [(artifacts / "m").as_uri()])


def locations(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return [
            location
            for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri"))
            for (location,) in database.execute(f"SELECT {column} FROM {table} ORDER BY rowid")
        ]


def expected(project: Path, *, runs: int = 1) -> list[str]:
    tuning = (project / "mlruns" / "artifacts" / "digits-tuning").as_uri()
    made = [f"{tuning}/run{number}" for number in range(runs)]
    return [f"{project}/mlruns/0", tuning, "s3://bucket/mlruns/2", *made, "s3://bucket/mlruns/2/run"]


@pytest.fixture
def project(tmp_path) -> Path:
    folder = tmp_path / "My %20 Repo é#;+@"
    make_store(folder / "mlflow.db", folder)
    return folder


def paths_of(folder: Path) -> Paths:
    return Paths(work=folder, home=folder)


def test_the_store_is_where_mlflow_looks_for_it(default_params, project):
    from mlflow.utils.file_utils import path_to_local_sqlite_uri

    uri = store_uri(default_params, paths_of(project), {})
    assert uri.sqlite_file == project / "mlflow.db"
    assert StoreUri.parse(path_to_local_sqlite_uri(project / "mlflow.db")).sqlite_file == project / "mlflow.db"


def test_a_store_in_its_place_is_left_as_it_is(default_params, project):
    before = (project / "mlflow.db").read_bytes()
    uri = project_store(default_params, paths_of(project))
    assert uri.sqlite_file == project / "mlflow.db"
    assert (project / "mlflow.db").read_bytes() == before


@pytest.mark.parametrize("is_copy", [True, False], ids=["copied", "moved"])
def test_the_locations_follow_the_folder(default_params, project, tmp_path, caplog, is_copy):
    target = tmp_path / "new place"
    if is_copy:
        shutil.copytree(project, target)
        original = (project / "mlflow.db").read_bytes()
    else:
        project.rename(target)
    project_store(default_params, paths_of(target))
    assert locations(target / "mlflow.db") == expected(target)
    assert [record.message for record in caplog.records if "moved or copied here" in record.message]
    if is_copy:
        assert (project / "mlflow.db").read_bytes() == original
    caplog.clear()
    project_store(default_params, paths_of(target))
    assert not caplog.records


def test_a_copy_without_its_files_does_not_lead_to_those_of_the_original(default_params, project, tmp_path):
    target = tmp_path / "copy"
    target.mkdir()
    shutil.copy(project / "mlflow.db", target)
    project_store(default_params, paths_of(target))
    assert locations(target / "mlflow.db") == expected(target)


def test_files_that_another_checkout_put_into_this_store_stay_its_own(default_params, project, tmp_path):
    other = tmp_path / "other"
    run = other / "mlruns" / "artifacts" / "shapes" / "run"
    run.mkdir(parents=True)
    with closing(sqlite3.connect(project / "mlflow.db")) as database, database:
        database.execute("INSERT INTO experiments VALUES (3, 'shapes', ?)", [run.parent.as_uri()])
        database.execute("INSERT INTO runs VALUES ('other', ?)", [run.as_uri()])
    project_store(default_params, paths_of(project))
    assert run.as_uri() in locations(project / "mlflow.db")
    # What is new goes into this project.
    assert (project / "mlruns" / "artifacts" / "shapes").as_uri() in locations(project / "mlflow.db")


def test_a_folder_reached_through_a_link_has_not_moved(default_params, project, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(project)
    before = (project / "mlflow.db").read_bytes()
    project_store(default_params, paths_of(link))
    assert (project / "mlflow.db").read_bytes() == before


def test_a_store_outside_the_folder_is_never_changed(project, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    before = (project / "mlflow.db").read_bytes()
    uri = StoreUri.parse(f"sqlite:///{str(project).replace('%', '%25').replace('#', '%23')}/mlflow.db")
    assert prepared(uri, paths_of(here)) is uri
    assert (project / "mlflow.db").read_bytes() == before


def test_the_store_of_an_earlier_release_is_taken_over_with_its_owner(default_params, tmp_path, caplog):
    paths = paths_of(tmp_path)
    make_store(paths.former_store, tmp_path, runs=3)
    artifacts = paths.mlruns / "artifacts"
    earlier = artifact_owners.earlier_identities(StoreUri.parse(f"sqlite:///{paths.store}"), paths, 5)
    for name in earlier:
        (artifacts / artifact_owners.MARKER).write_text(f"{name}\n")
    uri = project_store(default_params, paths)
    assert uri.sqlite_file == paths.store
    assert not paths.former_store.exists()
    assert locations(paths.store) == expected(tmp_path, runs=3)
    identity = artifact_owners.identity(uri, paths, 5)
    artifact_owners.add(artifacts, identity, earlier)
    assert artifact_owners.is_sole_owner(artifacts, identity)
    assert any("is now mlflow.db" in record.message for record in caplog.records)


def test_an_empty_store_that_mlflow_made_gives_way_to_the_one_with_runs(default_params, tmp_path):
    paths = paths_of(tmp_path)
    make_store(paths.former_store, tmp_path, runs=2)
    with closing(sqlite3.connect(paths.store)) as database, database:
        database.executescript(
            """
            CREATE TABLE experiments (experiment_id INTEGER, name TEXT, artifact_location TEXT);
            CREATE TABLE runs (run_uuid TEXT, artifact_uri TEXT);
            CREATE TABLE model_versions (name TEXT, version INTEGER, source TEXT, storage_location TEXT);
            INSERT INTO experiments VALUES (0, 'Default', '/x/mlruns/0');
            """
        )
    project_store(default_params, paths)
    assert locations(paths.store) == expected(tmp_path, runs=2)


def test_a_takeover_that_was_killed_before_it_removed_the_former_store_is_finished(default_params, tmp_path):
    paths = paths_of(tmp_path)
    make_store(paths.former_store, tmp_path, runs=2)
    shutil.copy(paths.former_store, paths.store)
    with closing(sqlite3.connect(paths.store)) as database, database:
        database.execute("INSERT INTO runs VALUES ('later', NULL)")
    project_store(default_params, paths)
    assert not paths.former_store.exists()
    assert None in locations(paths.store)


def test_two_stores_with_runs_are_told_with_what_to_do(default_params, tmp_path):
    paths = paths_of(tmp_path)
    make_store(paths.former_store, tmp_path, runs=2)
    make_store(paths.store, tmp_path, runs=1)
    with closing(sqlite3.connect(paths.store)) as database, database:
        database.execute("INSERT INTO runs VALUES ('own', NULL)")
    with pytest.raises(TrackingError, match="two stores with runs") as caught:
        project_store(default_params, paths)
    command = caught.value.fix.split("`")[1]
    assert command == "mv mlflow.db other.db"
    paths.store.rename(tmp_path / "other.db")
    project_store(default_params, paths)
    assert locations(paths.store) == expected(tmp_path, runs=2)


def test_a_former_store_in_use_is_not_moved(default_params, tmp_path, monkeypatch):
    monkeypatch.setattr("glyphline.sqlite_file.TIMEOUT_S", 0.05)
    paths = paths_of(tmp_path)
    make_store(paths.former_store, tmp_path)
    with closing(sqlite3.connect(paths.former_store, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(TrackingError, match="locked"):
            project_store(default_params, paths)
        writer.execute("ROLLBACK")
    assert paths.former_store.exists()
    assert not paths.store.exists()


def test_a_store_that_cannot_be_written_is_read_from_a_copy(project, tmp_path, default_params, monkeypatch):
    target = tmp_path / "mounted"
    project.rename(target)
    before = (target / "mlflow.db").read_bytes()
    # A read-only mount says so to every user; a test may run as root, whom no mode of a file keeps from writing.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    uri = project_store(default_params, paths_of(target))
    assert "mode=ro" in uri.text
    assert (target / "mlflow.db").read_bytes() == before
    copy = Path(unquote(unquote(uri.text.removeprefix("sqlite+pysqlite:///file:").partition("?")[0])))
    assert locations(copy) == expected(target)
    assert project_store(default_params, paths_of(target)) == uri
    scratch.remove_lasting()
    assert not copy.parent.exists()


def test_a_name_in_a_store_that_is_no_text_any_more_is_damage(default_params, project):
    content = (project / "mlflow.db").read_bytes()
    assert content.count(b"CREATE TABLE runs") == 1
    (project / "mlflow.db").write_bytes(content.replace(b"CREATE TABLE runs", b"CREATE TABLE r\xecns"))
    uri = project_store(default_params, paths_of(project))
    with pytest.raises(TrackingError, match="is damaged"):
        check_store(uri, 1.0)


def test_a_damaged_store_is_left_to_the_first_request(default_params, project):
    (project / "mlflow.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    uri = project_store(default_params, paths_of(project))
    assert uri.sqlite_file == project / "mlflow.db"
