"""A tracking server that is not there: the stage goes on, one warning is given, `glyphline sync` makes up for it."""

import logging
import socket
import time
from contextlib import ExitStack

import pytest

from glyphline import tracking
from glyphline.errors import TrackingError
from glyphline.params import overlay
from glyphline.tracking import launch
from tests import servers
from tests.integration.conftest import record_evaluation, record_model, rows


@pytest.fixture
def port():
    return servers.free_port()


@pytest.fixture
def params(default_params, port):
    uri = f"http://ann:hidden@127.0.0.1:{port}"
    return overlay(default_params, {"tracking.uri": uri, "tracking.timeout_s": 2.0})


@pytest.fixture
def start_server(project, port):
    """Starts a real MLflow server over the project's database: `start_server()`."""
    uri, artifacts = f"sqlite:///{project.mlruns / 'mlflow.db'}", project.mlruns / "server-artifacts"
    with ExitStack() as stack:
        yield lambda: stack.enter_context(servers.mlflow_server(uri, project.mlruns, port=port, artifacts=artifacts))


def test_the_stage_loses_nothing_and_no_time_and_says_so_once(params, project, train_split, caplog):
    with (
        caplog.at_level(logging.WARNING, logger="glyphline"),
        tracking.record(params, project, stage="train", environ={}, launcher=launch.start) as recorder,
    ):
        run = recorder.start("shapes")
        deadline = time.monotonic() + 60
        # The stage works on; the projector has found out long before its end.
        while "out of reach" not in (project.mlruns / "projector.log").read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        began = time.perf_counter()
        for step in range(100):
            run.metrics({"val_loss": 1.0}, step=step)
        seconds = time.perf_counter() - began
    assert seconds / 100 < 0.001
    (warning,) = [entry.getMessage() for entry in caplog.records]
    assert len(warning.splitlines()) == 2
    assert "out of reach" in warning
    assert "glyphline sync" in warning
    assert "hidden" not in warning + (project.mlruns / "projector.log").read_text()
    assert "hidden" not in project.journal("train").read_text()


def test_flush_and_sync_end_in_time_with_an_error_that_names_the_fix(params, project, train_split):
    record_model(params, project, train_split)
    for call, fix in ((tracking.flush, "dvc repro"), (tracking.sync, "glyphline sync")):
        began = time.monotonic()
        with pytest.raises(TrackingError) as caught:
            call(params, project)
        assert time.monotonic() - began < 2
        assert fix in caught.value.fix
        assert "hidden" not in caught.value.problem
        assert caught.value.exit_code == 5


def test_a_server_that_accepts_and_never_answers_costs_no_more_than_the_timeout(params, project, port, train_split):
    record_model(params, project, train_split)
    with socket.create_server(("127.0.0.1", port)):
        began = time.monotonic()
        with pytest.raises(TrackingError):
            tracking.flush(params, project)
    # One retry, after MLflow's own pause.
    assert time.monotonic() - began < 30


def test_when_the_server_is_back_sync_sends_everything_once(params, project, train_split, start_server):
    key = record_model(params, project, train_split)
    record_evaluation(params, project)
    with pytest.raises(TrackingError):
        tracking.sync(params, project)
    start_server()
    report = tracking.sync(params, project)
    assert (report.runs_made, report.missing) == (1, ())
    before = rows(project)
    assert len(before["metrics"]) == 7
    assert tracking.sync(params, project).events_sent == 0
    sent = tracking.flush(params, project)[key]
    assert rows(project) == before
    assert sent.model_location.startswith("mlflow-artifacts:/")
    assert {path.name for path in (project.mlruns / "server-artifacts").rglob("*")} >= {"model.keras", "confusion.png"}
