"""A mistake in the store's URI: two lines and exit code 5, whichever command meets it, and no password."""

import shutil
import socket

import pytest

from glyphline.cli import run

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
