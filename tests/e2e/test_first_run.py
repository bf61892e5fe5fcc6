"""The default pipeline in a fresh clone: what a person gets from `make run`."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.project import clone, store, table

STAGES = ["scan", "fetch", "preprocess", "backbone", "features", "tune", "train", "evaluate", "register"]
SUMMARY = ["data set", "trials", "winner", "validation", "test", "seconds", "registry", "look at it"]


@pytest.fixture(scope="module")
def run(finished):
    client = store(finished)
    experiment = client.get_experiment_by_name("digits")
    (run,) = client.search_runs([experiment.experiment_id])
    return run


def test_a_second_repro_runs_no_stage(finished):
    assert finished.stages_run(finished.run("dvc", "repro").text) == []


def test_the_committed_lock_file_is_that_of_the_default_run(finished, root):
    committed, made = (
        YAML(typ="safe", pure=True).load(folder / "dvc.lock")["stages"] for folder in (root, finished.folder)
    )
    assert list(committed) == list(made) == STAGES
    for stage in STAGES:
        for part in ("cmd", "params"):
            assert committed[stage].get(part) == made[stage].get(part), stage
        outs = [[out["path"] for out in lock[stage]["outs"]] for lock in (committed, made)]
        assert outs[0] == outs[1], stage
    # Weights and times differ from machine to machine; images do not.
    for stage in ("scan", "fetch", "preprocess"):
        assert committed[stage]["outs"] == made[stage]["outs"]


def test_digits_are_told_apart_at_least_98_times_in_100(finished):
    metrics = json.loads((finished.folder / "artifacts/evaluate/metrics.json").read_text())
    assert metrics["test_accuracy"] >= 0.98
    assert metrics["test_accuracy_low"] < metrics["test_accuracy"] < metrics["test_accuracy_high"]


def test_the_summary_names_everything(finished):
    out = finished.glyphline("summary").out
    assert [label for label in SUMMARY if not any(line.startswith(label) for line in out.splitlines())] == []
    assert "champion" in out
    assert all(stage in out for stage in STAGES)


def test_the_run_holds_params_curves_scores_figures_inputs_and_the_model(finished, run):
    assert run.info.status == "FINISHED"
    assert run.data.params["train.learning_rate"]
    assert run.data.metrics["test_accuracy"] >= 0.98
    client = store(finished)
    curve = client.get_metric_history(run.info.run_id, "val_loss")
    assert [point.step for point in curve] == list(range(1, len(curve) + 1))
    figures = {item.path for item in client.list_artifacts(run.info.run_id, "figures")}
    assert {"figures/confusion_matrix.png", "figures/learning_curves.png", "figures/mistakes.png"} <= figures
    contexts = {tag.value for item in run.inputs.dataset_inputs for tag in item.tags}
    assert contexts == {"training", "validation", "test"}
    manifests = (json.loads(path.read_text()) for path in (finished.folder / "data/processed").glob("*/manifest.json"))
    ours = {manifest["digest"][:36] for manifest in manifests}
    assert {item.dataset.digest for item in run.inputs.dataset_inputs} == ours
    assert len(run.outputs.model_outputs) == 1


def test_one_word_is_one_number_in_dvc_in_mlflow_and_in_the_summary(finished, run):
    metrics = json.loads((finished.folder / "artifacts/evaluate/metrics.json").read_text())
    shared = metrics.keys() & run.data.metrics.keys()
    assert {"test_accuracy", "test_accuracy_low", "best_val_accuracy", "best_epoch", "test_log_loss"} <= shared
    assert {name: metrics[name] for name in shared} == pytest.approx({name: run.data.metrics[name] for name in shared})
    assert not {"accuracy", "loss"} & (metrics.keys() | run.data.metrics.keys())
    assert f"best epoch {metrics['best_epoch']} of" in finished.glyphline("summary").out
    curve = store(finished).get_metric_history(run.info.run_id, "val_accuracy")
    (best,) = [point for point in curve if point.step == metrics["best_epoch"]]
    assert best.value == metrics["best_val_accuracy"]


def test_the_run_says_what_made_it(finished, run):
    commit = finished.run("git", "rev-parse", "HEAD").out.strip()
    assert run.data.tags["mlflow.source.git.commit"] == commit
    artifacts = {item.path for item in store(finished).list_artifacts(run.info.run_id)}
    assert {"lineage.json", "model_card.md", "predictions.npz"} <= artifacts
    note = run.data.tags["mlflow.note.content"]
    assert f"**{run.data.metrics['test_accuracy']:.4f}**" in note


def test_the_lineage_leads_from_the_run_to_every_file_and_from_the_files_to_the_run(finished, run):
    client = store(finished)
    path = client.download_artifacts(run.info.run_id, "lineage.evaluate.json", str(finished.folder / ".dvc/tmp"))
    lineage = json.loads(Path(path).read_text())
    assert {"git", "seed", "lock_file_sha256", "dvc_lock"} <= set(lineage)
    # dvc.lock as it was when the stage began: every dependency and output of the earlier stages by its MD5.
    assert {"artifacts/tune", "src/glyphline/values.py"} <= {
        path for side in lineage["dvc_lock"]["tune"].values() for path, md5 in side.items() if md5
    }
    card = (finished.folder / "artifacts/evaluate/model_card.md").read_text()
    assert f"key {run.data.tags['glyphline.run_key']}" in card
    assert run.data.tags["mlflow.source.git.commit"] in card


def test_every_trial_is_a_child_of_the_study(finished):
    runs = table(finished)["digits/tuning"]
    best = json.loads((finished.folder / "artifacts/tune/best.json").read_text())
    assert len(runs) == 1 + best["complete"] + best["pruned"] + best["failed"]
    assert {row["status"] for row in runs} <= {"FINISHED", "KILLED"}


def test_the_champion_loads_by_its_alias_and_repeats_its_score(finished):
    script = """
import sys
import glyphline, mlflow, numpy as np
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.keras.load_model("models:/glyphline-digits@champion")
images, labels = (np.load(f"data/processed/test/{name}.npy") for name in ("images", "labels"))
print("accuracy", float((np.asarray(model(images)).argmax(axis=1) == labels).mean()))
verified = glyphline.load("models:/glyphline-digits@champion")
print("verified", bool((np.asarray(verified(images)) == np.asarray(model(images))).all()))
served = mlflow.pyfunc.load_model("models:/glyphline-digits@champion")
print("served", np.asarray(served.predict(images[:5])).shape)
"""
    uri = f"sqlite:///{finished.folder}/mlflow.db"
    out = finished.run("python", "-c", script, uri).out
    metrics = json.loads((finished.folder / "artifacts/evaluate/metrics.json").read_text())
    said = float(next(line.split()[1] for line in out.splitlines() if line.startswith("accuracy")))
    assert said == pytest.approx(metrics["test_accuracy"], abs=1e-9)
    assert "verified True" in out
    assert "served (5, 10)" in out


def test_dvc_shows_metrics_plots_and_the_graph(finished):
    assert "accuracy" in finished.run("dvc", "metrics", "show").out
    assert "evaluate" in finished.run("dvc", "dag").out
    finished.run("dvc", "plots", "show", "--out", str(finished.folder / ".dvc/tmp/plots"))


def test_dvc_finds_every_plot_where_there_was_no_search(two_models):
    shown = two_models.run("dvc", "plots", "diff", "--out", str(two_models.folder / ".dvc/tmp/plots"))
    assert "failed" not in shown.text, shown.text


def test_the_same_seed_in_another_clone_gives_the_same_model(finished, tmp_path):
    other = clone(tmp_path / "other")
    other.run("dvc", "repro")
    # Beside times and what names the run, an evaluation is the same bit by bit: scores, predictions, tables, pictures.
    measured = {"journal.jsonl", "cost.json", "model_card.md"}
    evaluated = [
        path.relative_to(other.folder / "artifacts").as_posix()
        for path in sorted((other.folder / "artifacts" / "evaluate").rglob("*.*"))
        if path.name not in {*measured, ".gitignore"}
    ]
    assert len(evaluated) >= 19
    for name in (*evaluated, "tune/best.json", "tune/trials.csv", "train/history.csv"):
        ours, theirs = ((p.folder / "artifacts" / name).read_bytes() for p in (finished, other))
        assert ours == theirs, name
    digests = [
        json.loads((p.folder / "artifacts/train/training.json").read_text())["weights_digest"]
        for p in (finished, other)
    ]
    assert digests[0] == digests[1]
