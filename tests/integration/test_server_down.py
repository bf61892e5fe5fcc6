"""A tracking server that is not there: the stage goes on, one warning is given, `glyphline sync` makes up for it."""

import logging
import socket
import threading
from contextlib import ExitStack

import pytest

from glyphline import journal, mlflow_sync
from glyphline.errors import TrackingError
from glyphline.journal import journal_file
from glyphline.mlflow_sync import projector_launch
from glyphline.params import overlay
from tests import calls, servers
from tests.integration.conftest import of_ours, record_evaluation, record_model, rows
from tests.waiting import until


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
    uri, artifacts = f"sqlite:///{project.store}", project.mlruns / "server-artifacts"
    with ExitStack() as stack:
        yield lambda: stack.enter_context(servers.mlflow_server(uri, project.mlruns, port=port, artifacts=artifacts))


def test_the_stage_loses_nothing_and_waits_for_nobody_and_says_so_once(params, project, train_split, caplog):
    log = project.mlruns / "projector.log"
    with (
        calls.noted(calls.CONNECT) as connects,
        caplog.at_level(logging.WARNING, logger="glyphline"),
        journal.record(params, project, stage="train", environ={}, launch=projector_launch.start) as recorder,
    ):
        run = recorder.start("shapes")
        # The stage works on; the projector has found out long before its end.
        until(lambda: "out of reach" in log.read_text(), log=log)
        with calls.noted(*calls.WAITS) as waits:
            for step in range(100):
                run.metrics({"val_loss": 1.0}, step=step)
        kept = [
            event.step for event in journal_file.read(project.journal("train")).runs[run.key] if event.kind == "metrics"
        ]
    assert [call for call in waits if call.thread == threading.current_thread().name] == []
    assert connects == [], "the stage itself turned to the server"
    assert kept[-100:] == list(range(100))
    (warning,) = [entry.getMessage() for entry in caplog.records]
    assert len(warning.splitlines()) == 2
    assert "out of reach" in warning
    assert "glyphline sync" in warning
    assert "hidden" not in warning + log.read_text()
    assert "hidden" not in project.journal("train").read_text()


def test_flush_and_sync_knock_once_and_end_with_an_error_that_names_the_fix(params, project, port, train_split):
    record_model(params, project, train_split)
    for call, fix in ((mlflow_sync.flush, "dvc repro"), (mlflow_sync.sync, "glyphline sync")):
        with calls.noted(calls.CONNECT, "time.sleep") as noted, pytest.raises(TrackingError) as caught:
            call(params, project)
        assert [asked.name for asked in noted] == [calls.CONNECT]
        assert calls.connections(noted, port) == 1
        assert fix in caught.value.fix
        assert "hidden" not in caught.value.problem
        assert caught.value.exit_code == 5


# MLflow by itself would try eight times and wait two minutes each time.
@pytest.mark.timeout(300)
def test_a_server_that_accepts_and_never_answers_is_given_up_after_one_more_try(params, project, port, train_split):
    record_model(params, project, train_split)
    with (
        socket.create_server(("127.0.0.1", port)),
        calls.noted(calls.CONNECT) as noted,
        pytest.raises(TrackingError, match=r"[Tt]imed out.*read timeout=2"),
    ):
        mlflow_sync.flush(params, project)
    # The knock, MLflow's request, and its one retry.
    assert calls.connections(noted, port) == 3


def test_when_the_server_is_back_sync_sends_everything_once(params, project, train_split, start_server):
    key = record_model(params, project, train_split)
    record_evaluation(params, project)
    with pytest.raises(TrackingError):
        mlflow_sync.sync(params, project)
    start_server()
    report = mlflow_sync.sync(params, project)
    assert (report.runs_made, report.missing) == (1, ())
    before = rows(project)
    assert len(of_ours(key for key, *_ in before["metrics"])) == 7
    assert mlflow_sync.sync(params, project).events_sent == 0
    sent = mlflow_sync.flush(params, project)[key]
    assert rows(project) == before
    assert sent.model_location.startswith("mlflow-artifacts:/")
    assert {path.name for path in (project.mlruns / "server-artifacts").rglob("*")} >= {"model.keras", "confusion.png"}
