"""The store's URI: a mistake in it is two lines without a password, and any name of a folder may be in it."""

import shutil
import socket
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from glyphline.cli import run
from glyphline.mlflow_client import project_store
from glyphline.mlflow_sync import store
from glyphline.paths import Paths

COMMANDS = (["sync"], ["models"], ["history"], ["gc", "--dry-run"], ["compare", "one", "two"], ["ui"])


@pytest.fixture(params=COMMANDS, ids=lambda command: command[0])
def output_of(request, project, root, monkeypatch, capfd):
    """Run the command over a store: `output_of(uri)` gives the lines that it prints."""

    def run_over(uri):
        shutil.copy(root / "params.yaml", project.params)
        monkeypatch.chdir(project.work)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        capfd.readouterr()
        assert run(request.param) == 5
        output = capfd.readouterr()
        assert output.out == ""
        return output.err.splitlines()

    return run_over


@pytest.mark.parametrize(
    "uri", ["http://localhost:99999", "http://a..b", "http://[::1", "postgresql://ann:hidden@host:port/db"]
)
def test_an_unreadable_uri_is_two_lines(output_of, uri):
    error, fix = output_of(uri)
    assert error.startswith("error: the tracking store's URI")
    assert "hidden" not in error
    assert fix.startswith("fix: correct tracking.uri")


def test_a_database_without_its_driver_is_two_lines(output_of):
    with socket.create_server(("127.0.0.1", 0)) as server:
        error, fix = output_of(f"mysql+mysqlconnector://ann:hidden@127.0.0.1:{server.getsockname()[1]}/db")
    assert "needs a Python package that is missing" in error
    assert "mysql" in error
    assert "hidden" not in error
    assert fix.startswith("fix: install the driver")


def test_a_database_named_from_a_subfolder_is_the_projects(project, root, monkeypatch):
    shutil.copy(root / "params.yaml", project.params)
    (project.work / "notes").mkdir()
    monkeypatch.chdir(project.work / "notes")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    assert run(["gc", "--dry-run"]) == 0
    assert not (project.work / "notes" / "mlruns").exists()


# What means something in a URI, to SQLAlchemy, to SQLite or to a shell, and letters of other scripts.
NAMES = st.text(st.sampled_from("aB9 %20#?;&=+@:!$'\"()[]{}~^|\\,.-_éß字🙂"), min_size=1, max_size=12).filter(
    lambda name: name not in {".", ".."}
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES)
@example("My%20Repo")
@example("100%")
@example("a?mode=ro#b")
def test_the_store_and_its_files_are_in_the_project_whatever_its_folder_is_called(
    default_params, migrated_store, tmp_path, name
):
    place = Path(tempfile.mkdtemp(dir=tmp_path))
    paths = Paths(work=place / name, home=place / name)
    paths.home.mkdir()
    shutil.copy(migrated_store, paths.store)
    with closing(sqlite3.connect(paths.store)) as database:
        before = database.execute("SELECT count(*) FROM runs").fetchone()
    opened = store.connect(project_store(default_params, paths), paths, timeout_s=5)
    run = opened.client.create_run(opened.experiment("shapes/tuning"))
    opened.client.log_text(run.info.run_id, "content", "note.txt")
    assert [path.name for path in place.iterdir()] == [name]
    assert {path.name for path in paths.home.iterdir()} == {"mlflow.db", "mlruns"}
    (note,) = paths.mlruns.rglob("note.txt")
    assert note.is_relative_to(paths.mlruns / "artifacts" / "shapes-tuning")
    assert opened.client.list_artifacts(run.info.run_id)[0].path == "note.txt"
    with closing(sqlite3.connect(paths.store)) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (before[0] + 1,)
