"""Journals in a real MLflow store: what is there, and that sending again adds nothing."""

import ast
import hashlib
import importlib.util
import json
import logging
import math
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from glyphline import files, journal, mlflow_sync
from glyphline.errors import TrackingError
from glyphline.journal import journal_file
from glyphline.journal.run_events import MetricsLogged, RunEnded, RunStarted
from glyphline.mlflow_client import StoreUri
from glyphline.mlflow_sync import experiment_view, projector, projector_launch, store, ui_server
from glyphline.mlflow_sync.file_locator import FileLocator
from glyphline.mlflow_sync.projection_lock import projection_lock
from tests import calls
from tests.conftest import ROOT, environment
from tests.integration.conftest import of_ours, record_evaluation, record_model, rows, silent
from tests.waiting import until


@pytest.fixture
def opened(project):
    return store.connect(StoreUri.parse(f"sqlite:///{project.store}"), project, timeout_s=5)


@pytest.fixture
def projection(opened, project):
    from glyphline.mlflow_sync.projection import Projection

    return Projection(opened, FileLocator.of(project).find, project.scratch)


@pytest.fixture
def run_of(opened):
    """The one run of a key."""

    def find(key):
        (run,) = opened.client.search_runs([*opened.experiments()], f"tags.`glyphline.run_key` = '{key}'")
        return run

    return find


def test_a_recorded_run_is_whole_in_the_store(default_params, project, train_split, opened, run_of):
    key = record_model(default_params, project, train_split, environ={"DVC_EXP_NAME": "misty-lake"})
    record_evaluation(default_params, project)
    sent = mlflow_sync.flush(default_params, project)[key]
    run = run_of(key)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "misty-lake")
    assert run.data.params == {
        "train.learning_rate": "0.004",
        "model.filters": "[16, 32]",
        "train.deterministic": "true",
    }
    assert run.data.metrics["test_accuracy"] == 0.9
    curve = opened.client.get_metric_history(run.info.run_id, "val_loss")
    assert [(point.step, point.value) for point in curve] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    listed = {item.path for item in opened.client.list_artifacts(run.info.run_id)}
    assert listed >= {"history.csv", "figures", "lineage.json", "lineage.evaluate.json"}
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("shapes-train", train_split.digest)
    assert opened.client.get_experiment(run.info.experiment_id).name == "shapes"
    assert [output.model_id for output in run.outputs.model_outputs] == [sent.model_id]


def test_the_times_are_those_of_the_journal_not_of_the_sending(default_params, project, opened, projection, run_of):
    writer = journal_file.Writer.open(project.journal("train"), "train")
    key = writer.new_key()
    writer.append(RunStarted(run=key, experiment="shapes", name="old", time=1_000_000))
    writer.append(MetricsLogged(run=key, values={"val_loss": 1.0}, time=1_000_500))
    writer.append(RunEnded(run=key, status="FINISHED", time=1_001_000))
    writer.close()
    projection.send(journal_file.read(project.journal("train")))
    run = run_of(key)
    assert (run.info.start_time, run.info.end_time) == (1_000_000, 1_001_000)
    assert opened.client.get_metric_history(run.info.run_id, "val_loss")[0].timestamp == 1_000_500


def test_the_model_folder_is_what_mlflow_would_have_written(default_params, project, train_split, opened):
    from mlflow.models import Model

    # Another test of this process may have loaded Keras.
    was_loaded = "keras" in sys.modules
    key = record_model(default_params, project, train_split)
    sent = mlflow_sync.flush(default_params, project)[key]
    folder = Path(sent.model_location.removeprefix("file://"))
    found = Model.load(str(folder / "MLmodel"))
    assert found.flavors["keras"]["data"] == "data"
    assert found.flavors["python_function"]["loader_module"] == "mlflow.keras"
    assert (found.model_id, found.run_id) == (sent.model_id, sent.run_id)
    assert found.signature.inputs.inputs[0].shape == (-1, 8, 8, 1)
    assert str(found.signature.inputs.inputs[0].type) == "uint8"
    assert found.signature.outputs.inputs[0].shape == (-1, 3)
    assert found.metadata["classes"] == list(train_split.classes)
    assert (folder / "data" / "model.keras").read_bytes() == project.model.read_bytes()
    pinned = (folder / "requirements.txt").read_text().splitlines()
    assert {line.split("==")[0] for line in pinned} >= {"keras", "mlflow", "numpy"}
    assert opened.client.get_logged_model(sent.model_id).status == "READY"
    assert ("keras" in sys.modules) == was_loaded


def test_our_names_in_the_model_folder_are_those_of_the_installed_mlflow():
    from glyphline.mlflow_sync import model_folder

    # Read, not imported: mlflow.keras imports Keras.
    source = Path(importlib.util.find_spec("mlflow").origin).parent / "keras" / "save.py"
    constants = {
        node.targets[0].id: node.value.value
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    assert constants["FLAVOR_NAME"] == model_folder.FLAVOR
    assert constants["_MODEL_DATA_PATH"] == model_folder.DATA
    assert f"{constants['_MODEL_SAVE_PATH']}.keras" == model_folder.ARCHIVE
    assert constants["_KERAS_MODULE_SPEC_PATH"] == "keras_module.txt"


def test_sending_again_changes_no_row(default_params, project, train_split):
    record_model(default_params, project, train_split)
    record_evaluation(default_params, project)
    mlflow_sync.flush(default_params, project)
    before = rows(project)
    mlflow_sync.flush(default_params, project)
    assert rows(project) == before


@pytest.mark.parametrize("status", ["FINISHED", "RUNNING"])
def test_a_crash_between_sending_and_marking_adds_nothing(default_params, project, train_split, opened, status):
    key = record_model(default_params, project, train_split)
    run_id = mlflow_sync.flush(default_params, project)[key].run_id
    before = rows(project)
    # What the store holds when the projector dies after the last event and before the mark.
    opened.client.delete_tag(run_id, "glyphline.sent")
    opened.client.update_run(run_id, status)
    mlflow_sync.flush(default_params, project)
    assert rows(project) == before


def test_a_model_that_a_crash_left_half_made_is_finished_not_made_twice(
    default_params, project, train_split, opened, projection
):
    key = record_model(default_params, project, train_split)
    history = journal_file.read(project.journal("train"))
    projection.send(journal_file.Journal(history.id, history.stage, {key: history.runs[key][:2]}))
    run_id = projection.index.find(key).info.run_id
    half = opened.client.create_logged_model(
        opened.experiment("shapes"),
        name="classifier",
        source_run_id=run_id,
        tags={"glyphline.model_sha256": files.sha256(project.model)},
    )
    sent = mlflow_sync.flush(default_params, project)[key]
    assert sent.model_id == half.model_id
    assert opened.client.get_logged_model(half.model_id).status == "READY"


def test_a_logged_model_is_called_like_its_data_set(default_params, project, train_split, opened):
    key = record_model(default_params, project, train_split)
    sent = mlflow_sync.flush(default_params, project)[key]
    assert opened.client.get_logged_model(sent.model_id).name == "shapes"


def test_the_address_of_the_ui_opens_the_experiment_of_the_data_set(default_params, project, opened):
    number = opened.experiment(default_params.data.dataset)
    assert ui_server.address(default_params, project, environ={}).endswith(experiment_view.route(number))


def test_kill_9_of_the_writer_leaves_a_failed_run_with_every_point(default_params, project, run_of, opened):
    script = """
import os, sys
from pathlib import Path
from glyphline import journal, params
from glyphline.paths import Paths
from glyphline.mlflow_sync.projector_launch import ProjectorHandle
work = Path(sys.argv[1])
chosen = params.read(Path(sys.argv[2]))
with journal.record(chosen, Paths(work, work), stage="train", launch=lambda *_: ProjectorHandle()) as recorder:
    run = recorder.start("shapes")
    for step in range(50):
        run.metrics({"val_loss": 1.0 / (step + 1)}, step=step)
    print(run.key, flush=True)
    os.kill(os.getpid(), 9)
"""
    done = python(script, str(project.work), str(ROOT / "params.yaml"))
    assert done.returncode == -signal.SIGKILL
    with project.journal("train").open("ab") as stream:
        stream.write(b'{"kind":"metr')
    mlflow_sync.sync(default_params, project)
    run = run_of(done.stdout.strip())
    assert run.info.status == "FAILED"
    assert len(opened.client.get_metric_history(run.info.run_id, "val_loss")) == 50


def test_a_living_writer_leaves_its_run_running_and_the_rest_follows(default_params, project, run_of):
    with journal.record(default_params, project, stage="train", environ={}, launch=silent) as recorder:
        run = recorder.start("shapes")
        run.metrics({"val_loss": 1.0}, step=0)
        mlflow_sync.flush(default_params, project)
        assert run_of(run.key).info.status == "RUNNING"
        run.metrics({"val_loss": 0.5}, step=1)
    mlflow_sync.flush(default_params, project)
    assert run_of(run.key).info.status == "FINISHED"
    assert run_of(run.key).data.metrics["val_loss"] == 0.5


def test_trials_are_children_in_an_experiment_of_their_own(default_params, project, run_of, opened):
    with journal.record(default_params, project, stage="tune", environ={}, launch=silent) as recorder:
        parent = recorder.start("shapes/tuning", name="study")
        states = {recorder.start("shapes/tuning", name=s, parent=parent.key): s for s in ("FINISHED", "KILLED")}
        for child, status in states.items():
            child.end(status)
    mlflow_sync.flush(default_params, project)
    for child, status in states.items():
        run = run_of(child.key)
        assert run.info.status == status
        assert run.data.tags["mlflow.parentRunId"] == run_of(parent.key).info.run_id
    experiment = opened.client.get_experiment(run_of(parent.key).info.experiment_id)
    assert experiment.name == "shapes/tuning"
    assert "trials" in experiment.tags["mlflow.note.content"]


def test_what_mlflow_would_refuse_is_cut_or_cleaned(default_params, project, run_of):
    with journal.record(default_params, project, stage="train", environ={}, launch=silent) as recorder:
        run = recorder.start("shapes")
        run.params({f"many.{number}": number for number in range(250)} | {"long": "x" * 9000})
        run.tags({"long": "y" * 9000, "empty": ""})
        run.metrics({"f1 é&?": 0.5, "diverged": math.nan, "worse": math.inf})
        for step in range(2_000):
            run.metrics({"val_loss": 1.0 / (step + 1)}, step=step)
    mlflow_sync.flush(default_params, project)
    found = run_of(run.key)
    assert len(found.data.params) == 251
    assert len(found.data.params["long"]) == 6000
    assert len(found.data.tags["long"]) == 5000
    assert found.data.metrics["f1 ___"] == 0.5
    assert math.isnan(found.data.metrics["diverged"])
    assert found.data.metrics["val_loss"] == 1 / 2000


def test_a_stage_that_is_told_so_starts_no_projector(default_params, project, monkeypatch):
    from glyphline.mlflow_sync import projector_launch

    monkeypatch.setenv(projector_launch.JOB_VARIABLE, projector_launch.NO_PROJECTOR)
    with (
        calls.noted("subprocess.Popen", "os.posix_spawn", "os.fork") as noted,
        journal.record(default_params, project, stage="train", environ={}, launch=projector_launch.start) as recorder,
    ):
        recorder.start("shapes").metrics({"val_loss": 0.5})
    assert not [call for call in noted if "glyphline.mlflow_sync.projector" in str(call.arguments[1:])]
    assert not (project.mlruns / "projector.log").exists()
    assert len(journal_file.read(project.journal("train")).runs) == 1


def test_a_parameter_keeps_its_first_value_and_blocks_nothing(default_params, project, run_of):
    with journal.record(default_params, project, stage="train", environ={}, launch=silent) as recorder:
        run = recorder.start("shapes")
        run.params({"train.epochs": 3})
        mlflow_sync.flush(default_params, project)
        run.params({"train.epochs": 4})
        run.metrics({"val_loss": 0.5})
    mlflow_sync.flush(default_params, project)
    assert run_of(run.key).data.params == {"train.epochs": "3"}
    metrics = run_of(run.key).data.metrics
    assert (of_ours(metrics), metrics["val_loss"]) == (["val_loss"], 0.5)


def test_a_second_evaluation_of_the_same_model_is_sent_too(default_params, project, train_split, run_of):
    key = record_model(default_params, project, train_split)
    record_evaluation(default_params, project, accuracy=0.9)
    mlflow_sync.flush(default_params, project)
    record_evaluation(default_params, project, accuracy=0.8)
    mlflow_sync.flush(default_params, project)
    assert run_of(key).data.metrics["test_accuracy"] == 0.8


def test_a_run_that_was_deleted_in_the_ui_stays_deleted(default_params, project, train_split, run_of, opened):
    key = record_model(default_params, project, train_split)
    mlflow_sync.flush(default_params, project)
    opened.client.delete_run(run_of(key).info.run_id)
    before = rows(project)
    assert mlflow_sync.flush(default_params, project) == {}
    assert rows(project) == before


def test_the_runs_of_a_deleted_experiment_stay_deleted(default_params, project, train_split, opened):
    record_model(default_params, project, train_split)
    mlflow_sync.flush(default_params, project)
    opened.client.delete_experiment(opened.experiment("shapes"))
    record_evaluation(default_params, project)
    before = rows(project)
    assert mlflow_sync.flush(default_params, project) == {}
    assert rows(project) == before


def test_a_run_of_a_deleted_experiment_is_left_out_and_said_once_and_the_others_are_sent(
    default_params, project, train_split, opened, caplog
):
    experiment = opened.experiment("shapes")
    opened.client.delete_experiment(experiment)
    key = record_model(default_params, project, train_split)
    record_evaluation(default_params, project)
    with journal.record(default_params, project, stage="tune", environ={}, launch=silent) as recorder:
        study = recorder.start("shapes/tuning", name="study")
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        assert mlflow_sync.sync(default_params, project).runs_made == 1
    (sent,) = opened.client.search_runs([*opened.experiments()])
    assert sent.data.tags["glyphline.run_key"] == study.key
    (warning,) = [entry.getMessage() for entry in caplog.records]
    assert warning.startswith("1 runs were left out: experiment shapes")
    assert (
        f"\nfix: with MLFLOW_TRACKING_URI set to that store: `mlflow experiments restore --experiment-id {experiment}`"
        in warning
    )
    opened.client.restore_experiment(experiment)
    assert mlflow_sync.sync(default_params, project).runs_made == 1
    assert mlflow_sync.flush(default_params, project)[key].experiment_id == experiment


def test_a_run_that_goes_on_after_its_experiment_was_restored_is_sent(default_params, project, projection, opened):
    experiment = opened.client.create_experiment("late")
    opened.client.delete_experiment(experiment)
    with journal.record(default_params, project, stage="train", environ={}, launch=silent) as recorder:
        run = recorder.start("late")
        assert projection.send(journal_file.read(project.journal("train"))).refused
        opened.client.restore_experiment(experiment)
        run.metrics({"val_loss": 0.5})
        assert projection.send(journal_file.read(project.journal("train"))).runs_made == 1


def test_a_projector_tells_of_a_deleted_experiment_and_ends(default_params, project, train_split, opened):
    opened.client.delete_experiment(opened.experiment("shapes"))
    record_model(default_params, project, train_split)
    warnings = []
    job = projector_launch.ProjectorJob(
        "train", str(project.work), str(project.home), opened.uri.text, timeout_s=5.0, warning_handle=-1
    )
    warning_pipe = SimpleNamespace(send=warnings.append)
    projector.Follower(job, journal_file.Reader.open(project.journal("train")), warning_pipe).run()
    assert "experiment shapes" in warnings[-1]
    assert "mlflow experiments restore" in warnings[-1].splitlines()[1]


def test_a_store_that_another_process_holds_is_not_told_as_a_dead_server(default_params, project, train_split):
    record_model(default_params, project, train_split)
    with (
        files.exclusive(project.mlruns / "projection.lock"),
        pytest.raises(TrackingError, match="another process") as caught,
    ):
        mlflow_sync.flush(default_params, project, timeout_s=0.1)
    assert caught.value.fix.startswith("wait until it has ended")


def test_the_lineage_is_in_the_run_in_full(default_params, project, train_split, run_of, opened):
    project.lock_file.write_text("pins")
    key = record_model(default_params, project, train_split)
    mlflow_sync.flush(default_params, project)
    run = run_of(key)
    full = json.loads(Path(opened.client.download_artifacts(run.info.run_id, "lineage.json")).read_text())
    digest = hashlib.sha256(b"pins").hexdigest()
    assert full["lock_file_sha256"] == digest
    assert run.data.tags["glyphline.lock"] == digest[:12]
    assert run.data.tags["glyphline.data"] == train_split.digest[:12]
    assert run.data.tags["mlflow.source.name"] == "glyphline train"


def test_the_patch_in_the_store_has_the_bytes_of_the_files_that_it_changes(
    default_params, project, train_split, run_of, opened
):
    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=project.work, check=True, capture_output=True)

    code = project.work / "code.py"
    code.write_bytes(b"# Gr\xf6\xdfe\r\na = 1\r\n")
    git("init", "-q")
    git("add", "code.py")
    git("commit", "-qm", "first")
    code.write_bytes(b"# Gr\xf6\xdfe 2\r\na = 1\r\n")
    key = record_model(default_params, project, train_split)
    mlflow_sync.flush(default_params, project)
    patch = Path(opened.client.download_artifacts(run_of(key).info.run_id, "lineage.patch"))
    git("checkout", "code.py")
    git("apply", str(patch))
    assert code.read_bytes() == b"# Gr\xf6\xdfe 2\r\na = 1\r\n"


def test_ten_trials_of_twenty_epochs_are_replayed_in_one_pass(default_params, project, projection):
    with journal.record(default_params, project, stage="tune", environ={}, launch=silent) as recorder:
        parent = recorder.start("shapes/tuning", name="study")
        for number in range(10):
            trial = recorder.start("shapes/tuning", name=f"trial-{number:03d}", parent=parent.key)
            trial.params({f"train.p{n}": n for n in range(20)})
            for epoch in range(20):
                trial.metrics({"loss": 0.5, "val_loss": 0.6, "accuracy": 0.7, "val_accuracy": 0.8}, step=epoch)
    history = journal_file.read(project.journal("tune"))
    sent = projection.send(history)
    assert sent.runs_made == 11
    assert sent.events_sent == sum(len(events) for events in history.runs.values())
    assert projection.send(history).events_sent == 0


def test_the_projector_shows_a_run_while_the_stage_works_and_its_end_afterwards(default_params, project):
    with journal.record(default_params, project, stage="train", environ={}, launch=projector_launch.start) as recorder:
        run = recorder.start("shapes")
        run.metrics({"val_loss": 1.0}, step=0)
        wait_for_status(project, "RUNNING")
        run.metrics({"val_loss": 0.5}, step=1)
    wait_for_status(project, "FINISHED")
    with projection_lock(project, patience_s=10):
        before = rows(project)
    assert len(of_ours(key for key, *_ in before["metrics"])) == 2
    mlflow_sync.flush(default_params, project)
    assert rows(project) == before


def test_a_stage_says_that_the_store_of_an_earlier_release_has_another_place(default_params, project, caplog):
    project.store.rename(project.former_store)
    with journal.record(default_params, project, stage="train", environ={}, launch=projector_launch.start) as recorder:
        recorder.start("shapes")
    assert "the store mlruns/mlflow.db is now mlflow.db" in caplog.text
    wait_for_status(project, "FINISHED")
    assert not project.former_store.exists()


def test_nobody_who_reads_the_output_of_a_stage_waits_for_its_projector(project):
    script = """
import sys
from pathlib import Path
from glyphline import journal, params
from glyphline.mlflow_sync import projector_launch
from glyphline.paths import Paths
work = Path(sys.argv[1])
chosen = params.read(Path(sys.argv[2]))
with journal.record(chosen, Paths(work, work), stage="train", launch=projector_launch.start) as recorder:
    recorder.start("shapes")
"""
    done = python(script, str(project.work), str(ROOT / "params.yaml"))
    # Its output is at its end, and the projector is still importing mlflow.
    assert rows(project)["runs"] == []
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    wait_for_status(project, "FINISHED")


def test_ctrl_c_in_the_terminal_ends_the_stage_and_its_projector_still_sends_the_end(project):
    script = """
import sys, time
from pathlib import Path
from glyphline import journal, params
from glyphline.mlflow_sync import projector_launch
from glyphline.paths import Paths
work = Path(sys.argv[1])
chosen = params.read(Path(sys.argv[2]))
with journal.record(chosen, Paths(work, work), stage="train", launch=projector_launch.start) as recorder:
    recorder.start("shapes").metrics({"val_loss": 1.0})
    print("ready", flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", script, str(project.work), str(ROOT / "params.yaml")]
    stage = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), start_new_session=True
    )
    assert stage.stdout.readline() == b"ready\n"
    # As a terminal does: to the whole group, and not to the stage alone.
    os.killpg(stage.pid, signal.SIGINT)
    stage.communicate(timeout=30)
    wait_for_status(project, "KILLED")


def wait_for_status(project, status):
    def is_there():
        with sqlite3.connect(project.store) as database:
            return database.execute("SELECT 1 FROM runs WHERE status = ?", [status]).fetchone()

    until(is_there, 120, log=project.mlruns / "projector.log")


def python(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
        check=False,
    )
