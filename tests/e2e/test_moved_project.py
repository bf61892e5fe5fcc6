"""A project that was copied or moved works from where it is, and MLflow's own commands need no setting there."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

from tests.project import Project

NAME = "glyphline-digits"
REFERENCE = f"models:/{NAME}@champion"
START_LIMIT_S = 120


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def moved(small_run, tmp_path_factory):
    """A copy in a folder whose name means something in a URI, with what the original was before and after."""
    before = contents(small_run.folder)
    project = Project(tmp_path_factory.mktemp("moved") / "My Repo é#+;", small_run.environment)
    shutil.copytree(small_run.folder, project.folder, symlinks=True)
    # MLflow's own commands follow what the store says, and the first command here mends that.
    first = project.glyphline("models")
    assert f"moved or copied here from {small_run.folder}" in first.err
    return project, small_run, before


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def answer(url: str, body: object, process: subprocess.Popen) -> dict:
    """What a server that is starting answers."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    until = time.monotonic() + START_LIMIT_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=START_LIMIT_S) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        except OSError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.2)


def python(project: Project, program: str) -> str:
    return project.run(sys.executable, "-P", "-c", program).out


def test_a_copy_says_once_that_its_store_leads_here_and_never_touches_the_original(moved):
    project, original, before = moved
    assert "moved or copied" not in project.glyphline("models").err
    project.glyphline("gc", "--keep", "0")
    project.set_params({"train.weight_decay": "0.02"})
    project.run("dvc", "repro")
    assert contents(original.folder) == before
    program = f"import glyphline; print(type(glyphline.load('{REFERENCE}')).__name__)"
    assert python(project, program).splitlines()[-1] == "Functional"
    artifacts = project.folder / "mlruns" / "artifacts"
    assert len(list((artifacts / "digits" / "models").glob("m-*"))) == 2


def test_mlflow_reads_runs_and_models_without_a_setting(moved):
    project, _, _ = moved
    program = (
        f"import mlflow; print(len(mlflow.search_runs(search_all_experiments=True)) > 1);"
        f"print(type(mlflow.keras.load_model('{REFERENCE}')).__name__)"
    )
    assert [line for line in python(project, program).splitlines() if line in {"True", "Functional"}] == [
        "True",
        "Functional",
    ]


def test_mlflow_serves_the_champion_without_a_setting(moved):
    project, _, _ = moved
    port = free_port()
    process = project.start(
        "mlflow", "models", "serve", "--model-uri", REFERENCE, "--env-manager", "local", "--port", str(port)
    )
    try:
        images = np.zeros((2, 8, 8, 1), dtype=int).tolist()
        predictions = answer(f"http://127.0.0.1:{port}/invocations", {"inputs": images}, process)["predictions"]
    finally:
        end(process)
    assert np.shape(predictions) == (2, 10)
    assert np.allclose(np.sum(predictions, axis=1), 1)


def test_the_ui_of_mlflow_shows_the_runs_without_a_setting(moved):
    project, _, _ = moved
    port = free_port()
    # Nothing about the store: six job workers, each with an import of MLflow, are not started.
    light = Project(project.folder, {**project.environment, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})
    process = light.start("mlflow", "ui", "--port", str(port))
    try:
        url = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search"
        experiments = answer(url, {"max_results": 100}, process)["experiments"]
    finally:
        end(process)
    assert {"digits", "digits/tuning"} <= {experiment["name"] for experiment in experiments}
    assert not (project.folder / "mlruns" / "mlflow.db").exists()


def end(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
