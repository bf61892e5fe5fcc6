"""What a stage says reaches the journal, whatever becomes of the stage."""

import hashlib
import json
import logging
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from glyphline import journal
from glyphline.errors import ArtifactError
from glyphline.journal import journal_file, run_events
from glyphline.journal.trial_runs import TrialRuns
from glyphline.mlflow_sync.projector_launch import ProjectorHandle
from glyphline.paths import Paths
from tests.conftest import environment, made_split
from tests.waiting import until


@pytest.fixture
def paths(tmp_path):
    return Paths(work=tmp_path, home=tmp_path)


@pytest.fixture
def record(default_params, paths):
    def begin(stage="train", environ=None, warnings=()):
        return journal.record(
            default_params, paths, stage=stage, environ=environ or {}, launch=lambda *_: heard(*warnings)
        )

    return begin


def heard(*warnings):
    reading, writing = os.pipe()
    for warning in warnings:
        os.write(writing, json.dumps(warning).encode() + b"\n")
    os.close(writing)
    return ProjectorHandle(reading)


def told_by_the_projector(caplog):
    # The folder is in no repository, which is told when the stage begins.
    messages = [entry.getMessage() for entry in caplog.records]
    return [message for message in messages if "no record of its commit" not in message]


def told(paths, key, kind, stage="train"):
    return [event for event in journal_file.read(paths.journal(stage)).runs[key] if isinstance(event, kind)]


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED")]
)
def test_an_interrupted_block_ends_its_runs(record, paths, error, status):
    def stage():
        with record() as recorder:
            recorder.start("shapes/tuning", parent=recorder.start("shapes/tuning").key)
            raise error

    with pytest.raises(error):
        stage()
    keys = list(journal_file.read(paths.journal("train")).runs)
    assert [event.status for key in keys for event in told(paths, key, run_events.RunEnded)] == [status, status]


def test_an_ended_run_ends_once(record, paths):
    with record() as recorder:
        run = recorder.start("shapes")
        run.end("KILLED")
        run.end()
    assert [event.status for event in told(paths, run.key, run_events.RunEnded)] == ["KILLED"]


def test_the_name_is_that_of_the_dvc_experiment(record, paths):
    with record(environ={"DVC_EXP_NAME": "misty-lake"}) as recorder:
        run = recorder.start("shapes")
    (start,) = told(paths, run.key, run_events.RunStarted)
    assert start.name == "misty-lake"
    assert start.tags["glyphline.experiment"] == "misty-lake"


def test_without_an_experiment_the_name_says_what_was_trained_and_when(record, paths):
    with record() as recorder:
        run = recorder.start("shapes")
    (start,) = told(paths, run.key, run_events.RunStarted)
    # As a person reads it, and as one word: `glyphline compare` takes it.
    assert re.fullmatch(r"digits-cnn-\d{4}-\d{6}", start.name)


def test_a_resumed_run_keeps_its_key_and_knows_its_experiment(record, paths):
    with record() as recorder:
        run = recorder.start("shapes")
    with record(stage="evaluate") as recorder:
        recorder.resume(run.key).metrics({"test_accuracy": 0.9})
    (resume,) = told(paths, run.key, run_events.RunResumed, "evaluate")
    assert resume.experiment == "shapes"
    assert not told(paths, run.key, run_events.RunEnded, "evaluate")


def test_credentials_never_reach_the_journal(record, paths):
    with record() as recorder:
        run = recorder.start("shapes", tags={"server": "https://ann:hidden1@host"})
        run.params({"tracking.uri": "postgresql://ann:hidd@en2@host/db"})
        run.tags({"note": "see http://host/?token=hidden3&x=1"})
    text = paths.journal("train").read_text()
    assert "hidd" not in text
    assert "host/db" in text


def test_numpy_numbers_are_written_as_numbers(record, paths):
    with record() as recorder:
        run = recorder.start("shapes")
        run.params({"train.batch_size": np.int64(32)})
        run.metrics({"val_loss": np.float32(0.5)}, step=0)
    assert told(paths, run.key, run_events.ParamsLogged)[0].values == {"train.batch_size": 32}
    assert told(paths, run.key, run_events.MetricsLogged)[0].values == {"val_loss": 0.5}


def test_a_file_is_noted_with_its_digests_and_its_path_from_the_project(record, paths):
    with record() as recorder:
        run = recorder.start("shapes")
        paths.history.write_text("a,b\n")
        run.artifact(paths.history, folder="tables")
    (artifact,) = told(paths, run.key, run_events.ArtifactLogged)
    assert artifact.file.path == "artifacts/train/history.csv"
    assert artifact.file.size_bytes == 4
    assert artifact.file.md5 == hashlib.md5(b"a,b\n").hexdigest()


@pytest.mark.parametrize("where", ["missing.txt", "../outside.txt"])
def test_a_file_that_cannot_be_logged_is_named(record, paths, where, tmp_path):
    (tmp_path.parent / "outside.txt").write_text("x")
    with record() as recorder, pytest.raises(ArtifactError, match=where.split("/")[-1]):
        recorder.start("shapes").artifact(paths.work / where)


def test_a_split_is_noted_with_our_digest(record, paths):
    split = made_split("train", 12)
    with record() as recorder:
        run = recorder.start("shapes")
        run.input(split, context="training", dataset="shapes")
    (data,) = told(paths, run.key, run_events.InputLogged)
    assert (data.name, data.digest, data.count) == ("shapes-train", split.digest, 12)


def test_a_model_takes_any_number_of_images_and_knows_its_classes(record, paths):
    with record() as recorder:
        run = recorder.start("shapes")
        paths.model.write_bytes(b"archive")
        run.model(paths.model, image_shape=(8, 9, 3), classes=("a", "b"))
    (model,) = told(paths, run.key, run_events.ModelLogged)
    assert model.signature.input_shape == (-1, 8, 9, 3)
    assert model.signature.output_shape == (-1, 2)
    assert model.metadata["classes"] == ["a", "b"]


def test_a_trial_is_a_child_with_its_best_loss_under_its_own_name(record, paths):
    with record(stage="tune") as recorder:
        parent = recorder.start("shapes/tuning")
        trial = TrialRuns(recorder, "shapes/tuning", parent).begin("trial", 3, {"train.learning_rate": 0.01}, "host/7")
        trial.epoch(0, {"val_loss": 0.4})
        trial.end("PRUNED", {"val_loss": 0.4}, "hopeless")
    child = list(journal_file.read(paths.journal("tune")).runs)[1]
    (start,) = told(paths, child, run_events.RunStarted, "tune")
    assert (start.parent, start.name) == (parent.key, "trial-003")
    assert told(paths, child, run_events.MetricsLogged, "tune")[-1].values == {"best_val_loss": 0.4}
    assert told(paths, child, run_events.RunEnded, "tune")[0].status == "KILLED"


def test_the_projectors_complaint_is_shown_once_and_while_the_stage_still_works(record, caplog):
    complaint = "out of reach\nfix: start it"
    with caplog.at_level(logging.WARNING, logger="glyphline"), record(warnings=[complaint]):
        until(lambda: told_by_the_projector(caplog))
    assert told_by_the_projector(caplog) == [complaint]


def test_another_complaint_that_still_stands_is_shown_at_the_end(record, caplog):
    complaints = ["out of reach\nfix: start it", None, "no disk\nfix: free it"]
    with caplog.at_level(logging.WARNING, logger="glyphline"), record(warnings=complaints):
        pass
    assert told_by_the_projector(caplog) == [complaints[0], complaints[2]]


def test_a_complaint_that_has_passed_is_not_repeated(record, caplog):
    with caplog.at_level(logging.WARNING, logger="glyphline"), record(warnings=["out of reach", None]):
        pass
    assert told_by_the_projector(caplog) == ["out of reach"]


def test_nothing_is_said_when_all_is_well(record, paths, caplog):
    (paths.work / "dvc.yaml").touch()
    for command in (["init"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "one"]):
        subprocess.run(["git", *command], cwd=paths.work, capture_output=True, check=True)
    with caplog.at_level(logging.WARNING, logger="glyphline"), record():
        pass
    assert not caplog.records


def test_the_package_loads_neither_mlflow_nor_keras():
    script = "import sys, glyphline.mlflow_sync.ui_server; print('mlflow' in sys.modules or 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout == "False\n"
