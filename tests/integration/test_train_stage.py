"""The train stage as its command runs it: what it leaves behind, and how it refuses."""

import json
import shutil

import numpy as np
import pytest

from glyphline import cli, records
from glyphline.data import store
from glyphline.journal import journal_file, run_events
from glyphline.paths import Paths
from glyphline.records import Best, Training
from glyphline.values import flatten
from tests.conftest import ROOT, made_split
from tests.project import set_params

SMALL = {
    "model.filters": [4],
    "model.dense_units": 8,
    "train.epochs": 2,
    "train.patience": 2,
    "train.batch_size": 16,
    # Refused at once: the journal is all that these tests look at.
    "tracking.uri": "http://127.0.0.1:9",
    "tracking.timeout_s": 0.1,
}

NETWORKS = """
import keras


def nothing(input_shape, classes, params):
    return None


def too_many(input_shape, classes, params):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes + 1)])


def beyond_all_numbers(input_shape, classes, params):
    return keras.Sequential([keras.layers.Rescaling(1e38), keras.layers.Flatten(), keras.layers.Dense(classes)])
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that is ready for `train`."""
    paths = Paths(work=tmp_path, home=tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for name, seed in (("train", 0), ("val", 1)):
        split = made_split(name, 48, seed=seed)
        store.save(paths.split(name), name, split.images, split.labels, classes=split.classes, dataset="shapes")
    records.write(paths.best, Best(values={}, trial=None, val_loss=None, study=None, complete=0, pruned=0, failed=0))
    (tmp_path / "stage_networks.py").write_text(NETWORKS)
    monkeypatch.chdir(tmp_path)
    set_params(tmp_path, SMALL)
    return paths


def events(paths):
    """The events of the one run in the stage's journal."""
    (run,) = journal_file.read(paths.journal("train")).runs.values()
    return run


def test_the_run_and_the_record_say_what_was_chosen_and_why(project, capfd):
    assert cli.run(["train"]) == 0, capfd.readouterr().err
    trained = records.read(project.training, Training, stage="train")
    tags = {
        key: value
        for event in events(project)
        if isinstance(event, run_events.TagsLogged)
        for key, value in event.values.items()
    }
    assert tags["glyphline.precision"] == trained.precision
    assert tags["glyphline.choice"] == trained.why
    assert trained.precision in trained.why
    assert "XLA off: slower on a processor" in trained.why
    assert tags["glyphline.xla"] == "off"
    assert events(project)[-1].status == "FINISHED"


def test_what_the_search_chose_is_trained_said_in_one_line_and_shown_by_dvc_beside_params_yaml(project, caplog):
    best = Best(
        values={"train.learning_rate": 0.0125, "model.dropout": 0.3}, trial=2, val_loss=0.5, study="s",
        complete=3, pruned=0, failed=0,
    )  # fmt: skip
    records.write(project.best, best)
    assert cli.run(["train"]) == 0
    (line,) = [line for line in caplog.messages if "train.learning_rate 0.0125" in line]
    assert "train.learning_rate 0.0125 instead of 0.01" in line
    assert "`glyphline adopt`" in line
    assert "-S tune.trials=0" in line
    assert "model.dropout" not in line
    shown = json.loads((project.stage("train") / "params.json").read_text())
    trained = records.read(project.training, Training, stage="train").params
    assert shown["train"]["learning_rate"] == trained["train.learning_rate"] == 0.0125
    assert {key: trained[key] for key in flatten(shown)} == flatten(shown)
    assert shown.keys() == {"seed", "model", "train"}


def test_a_search_says_at_its_start_which_parameters_of_params_yaml_it_may_replace_and_how_to_fix_one(project, caplog):
    set_params(project.work, {"tune.trials": 1, "tune.epochs": 1, "tune.finalists": 0, "train.learning_rate": 0.003})
    assert cli.run(["tune"]) == 0
    (line,) = [line for line in caplog.messages if "tune.space" in line]
    assert "train.learning_rate (0.003 in params.yaml)" in line
    assert "-S tune.trials=0" in line


def test_nothing_is_said_of_a_search_where_there_is_none(project, caplog):
    set_params(project.work, {"tune.trials": 0})
    for stage in ("tune", "train"):
        assert cli.run([stage]) == 0
    assert not [line for line in caplog.messages if "search" in line]


def test_the_number_of_steps_is_said_before_the_fit_and_a_model_that_learned_too_little_is_named(project, caplog):
    set_params(project.work, {"train.epochs": 1, "train.batch_size": 48, "train.learning_rate": 0.00001})
    assert cli.run(["train"]) == 0
    before = caplog.text.partition("epoch 1 of 1")[0]
    assert "1 steps in all (epochs 1, steps of each 1, images 48)" in before
    (warning,) = [line for line in caplog.messages if line.startswith("warning: the model is right on")]
    assert "learned nothing" in warning or "under-trained" in warning
    assert "\nfix: raise train.epochs or lower train.batch_size" in warning


def test_a_model_that_weighs_the_classes_is_held_against_balanced_accuracies(project, caplog):
    values = {
        "train.epochs": 1,
        "train.batch_size": 48,
        "train.learning_rate": 0.00001,
        "train.class_weight": "balanced",
    }
    set_params(project.work, values)
    assert cli.run(["train"]) == 0
    (warning,) = [line for line in caplog.messages if line.startswith("warning: the model has a balanced accuracy of")]
    assert "on the validation images, and" in warning
    assert "has 0.3333: the model has learned nothing" in warning or "under-trained" in warning


def test_a_set_that_is_too_small_or_too_skewed_is_said_before_the_fit_and_its_counts_are_on_the_run(project, caplog):
    split = made_split("train", 400)
    rows = np.concatenate([np.flatnonzero(split.labels == label)[:count] for label, count in enumerate((90, 60, 15))])
    store.save(
        project.split("train"), "train", split.images, split.labels, classes=split.classes, dataset="shapes", rows=rows
    )
    assert cli.run(["train"]) == 0
    before = caplog.text.partition("epoch 1 of 2")[0]
    assert "warning: 22 steps in all are few: 165 images in batches of 16, 2 times\nfix: set train.epochs to" in before
    assert "warning: the rarest class, bar-2, has 15 training images\nfix: add images" in before
    assert "warning: the classes are skewed: 90 training images of bar-0, 15 of bar-2\nfix: set train.class" in before
    counts = records.read(project.training, Training, stage="train").class_counts
    assert counts["train"] == {"bar-0": 90, "bar-1": 60, "bar-2": 15}
    assert sum(counts["val"].values()) == 48


def test_a_finished_stage_leaves_no_checkpoint(project, capfd):
    assert cli.run(["train"]) == 0, capfd.readouterr().err
    assert list(project.checkpoints.iterdir()) == []


def test_the_stages_that_choose_and_fit_need_no_test_split_and_look_at_none(project, capfd):
    set_params(project.work, {"tune.trials": 1, "tune.epochs": 1, "tune.finalists": 0})
    assert not project.split("test").exists()
    for stage in ("tune", "train"):
        assert cli.run([stage]) == 0, capfd.readouterr().err
    without = records.read(project.training, Training, stage="train").weights_digest
    split = made_split("test", 48, seed=2)
    store.save(project.split("test"), "test", split.images, split.labels, classes=split.classes, dataset="shapes")
    assert cli.run(["train"]) == 0, capfd.readouterr().err
    assert records.read(project.training, Training, stage="train").weights_digest == without


@pytest.mark.parametrize(
    ("values", "problem", "fix"),
    [
        ({"train.batch_size": 64}, "train.batch_size=64 is larger than the training split of 48 images", "48 or less"),
        ({"model.filters": [4, 4, 4, 4]}, "of 8 pixels nothing would be left", "at most 3 values"),
        ({"train.precision": "float16"}, "there is no GPU of compute capability 7.0 or more", "auto or float32"),
        ({"model.kind": "stage_networks:nothing"}, "gives NoneType, not a keras.Model", "def build(input_shape"),
        ({"model.kind": "stage_networks:too_many"}, "gives (2, 4) for 2 images, and (2, 3) is needed", "logits"),
        ({"model.kind": "no_such_file:build"}, "there is no module no_such_file", "src/models/"),
        (
            {"model.kind": "stage_networks:beyond_all_numbers"},
            "diverged at epoch 1, step 1: loss inf, learning rate 0.00",
            "lower train.learning_rate",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_in_two_lines_and_its_run_is_closed_as_failed(
    project, capfd, values, problem, fix
):
    set_params(project.work, values)
    assert cli.run(["train"]) == 8
    lines = capfd.readouterr().err.splitlines()
    (error,) = [line for line in lines if line.startswith("error: ")]
    (advice,) = [line for line in lines if line.startswith("fix: ") and fix in line]
    assert problem in error
    assert advice
    assert events(project)[-1].status == "FAILED"
    assert not project.model.exists()


def test_splits_of_other_classes_are_refused(project, capfd):
    split = made_split("train", 48)
    folder = project.split("train")
    shutil.rmtree(folder)
    store.save(folder, "train", split.images, split.labels, classes=(*split.classes, "more"), dataset="shapes")
    assert cli.run(["train"]) == 8
    assert "the train split has images (8, 8, 1) of 4 classes, the val split (8, 8, 1) of 3" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"train.precision": "float64"}, "train.precision: must be 'auto', 'float32', 'bfloat16' or 'float16'"),
        ({"train.xla": "on"}, "train: xla=on needs deterministic=false"),
        ({"model.kind": "cnn2"}, "model.kind: must match"),
        ({"train.xla": True}, "train.xla: must be 'auto', 'on' or 'off' (got true)"),
    ],
)
def test_what_no_machine_can_train_is_a_mistake_in_params_yaml(project, capfd, values, problem):
    set_params(project.work, values)
    assert cli.run(["train"]) == 2
    assert problem in capfd.readouterr().err
    assert not project.journal("train").exists()


@pytest.mark.parametrize(
    "values",
    [{"model.filters": [4, 4, 4, 4]}, {"model.kind": "stage_networks:nothing"}, {"train.precision": "float16"}],
)
def test_a_search_blames_no_trial_for_what_none_could_run_with(project, capfd, values):
    set_params(project.work, values)
    assert cli.run(["tune"]) == 8
    assert "fix: " in capfd.readouterr().err
    (parent,) = journal_file.read(project.journal("tune")).runs.values()
    assert parent[-1].status == "FAILED"


def test_the_run_of_a_study_holds_its_scores_its_tables_and_its_figures(project, capfd):
    set_params(project.work, {"tune.trials": 2, "tune.epochs": 1, "tune.finalists": 1, "tune.seeds": 2})
    assert cli.run(["tune"]) == 0, capfd.readouterr().err
    best = records.read(project.best, Best, stage="tune")
    (parent, *trials) = journal_file.read(project.journal("tune")).runs.values()
    files = {(event.folder, event.file.path) for event in parent if isinstance(event, run_events.ArtifactLogged)}
    folder = project.stage("tune").relative_to(project.work).as_posix()
    here = {path.relative_to(project.work).as_posix() for path in project.stage("tune").rglob("*.*")}
    assert {path for _, path in files} == here - {f"{folder}/journal.jsonl"}
    assert {("", f"{folder}/trials.csv"), ("", f"{folder}/finalists.csv"), ("", f"{folder}/best.json")} <= files
    figures = {path for place, path in files if place == "figures"}
    assert figures == {path for _, path in files if path.startswith(f"{folder}/figures/")}
    assert f"{folder}/figures/timeline.png" in figures
    scores = {
        name: (event.step, value)
        for event in parent
        if isinstance(event, run_events.MetricsLogged)
        for name, value in event.values.items()
        if not name.startswith("system/")
    }
    assert scores == {
        "best_val_loss": (0, best.val_loss),
        "best_trial": (0, best.trial),
        "complete": (0, 2),
        "pruned": (0, 0),
        "failed": (0, 0),
        **{name: (0, value) for name, value in best.rechecked.model_dump(exclude_none=True).items()},
    }
    assert parent[-1].status == "FINISHED"
    # Two trials, then the finalist with two seeds.
    assert len(trials) == 2 + 2


def test_without_a_search_the_values_of_params_yaml_stand_and_the_tables_have_their_headings(project, capfd):
    project.best.unlink()
    set_params(project.work, {"tune.trials": 0})
    assert cli.run(["tune"]) == 0, capfd.readouterr().err
    assert records.read(project.best, Best, stage="tune") == Best(
        values={}, trial=None, val_loss=None, study=None, complete=0, pruned=0, failed=0
    )
    assert (project.stage("tune") / "trials.csv").read_text() == "trial,state,best_val_loss,epochs\n"
    assert journal_file.read(project.journal("tune")).runs == {}
