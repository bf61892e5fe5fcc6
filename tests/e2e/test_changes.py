"""What a change re-runs, where experiments appear, and what is left when the store is lost."""

import json
import shutil
import sqlite3

import pytest

from tests.conftest import ROOT
from tests.project import clone, store, table


def test_a_change_runs_what_depends_on_it_and_nothing_else(shrunk):
    by_rate = shrunk.run("dvc", "exp", "run", "-n", "rate", "-S", "train.learning_rate=0.003")
    assert shrunk.stages_run(by_rate.text) == ["tune", "train", "evaluate", "register"]
    # What was trained, beside what params.yaml asks for.
    assert "artifacts/train/params.json" in shrunk.run("dvc", "params", "diff", "--all").out
    assert "artifacts/train/params.json" in shrunk.run("dvc", "exp", "show", "--csv").out.splitlines()[0]
    by_gate = shrunk.run("dvc", "exp", "run", "-n", "gate", "-S", "registry.min_accuracy=0.2")
    assert shrunk.stages_run(by_gate.text) == ["register"]
    by_figure = shrunk.run("dvc", "exp", "run", "-n", "figure", "-S", "evaluate.mistakes=3")
    assert shrunk.stages_run(by_figure.text) == ["evaluate", "register"]
    names = {row["experiment"] for row in table(shrunk)["digits"]}
    assert "rate" in names


def test_queued_experiments_appear_beside_the_first_run_and_survive_the_loss_of_the_store(shrunk):
    before = {row["key"] for row in table(shrunk)["digits"]}
    for name, dropout in (("calm", "0.05"), ("bold", "0.45")):
        shrunk.run("dvc", "exp", "run", "--queue", "-n", name, "-S", f"model.dropout={dropout}")
    shrunk.run("dvc", "queue", "start", "--jobs", "1")
    shrunk.run("dvc", "queue", "logs", "bold", "--follow")
    shrunk.run("dvc", "queue", "logs", "calm", "--follow")
    status = shrunk.run("dvc", "queue", "status").out
    assert status.count("Success") == 2, status
    shrunk.glyphline("sync")
    new = [row for row in table(shrunk)["digits"] if row["key"] not in before]
    assert sorted(row["experiment"] for row in new) == ["bold", "calm"]
    assert {row["status"] for row in new} == {"FINISHED"}
    assert all("test_accuracy" in row["metrics"] for row in new)

    was, aliases = table(shrunk), held(shrunk)
    assert aliases.keys() >= {"champion", "challenger"}
    shutil.rmtree(shrunk.folder / "mlruns")
    shrunk.glyphline("sync")
    assert table(shrunk) == was
    assert held(shrunk) == aliases
    assert shrunk.glyphline("sync").out.splitlines() == ["0 runs made, 0 events sent"]
    assert (table(shrunk), held(shrunk)) == (was, aliases)


def held(project) -> dict[str, tuple[int, str]]:
    """Alias -> version, and the key of the run that it was made from."""
    client = store(project)
    aliases = client.get_registered_model("glyphline-digits").aliases
    versions = {alias: client.get_model_version("glyphline-digits", version) for alias, version in aliases.items()}
    return {
        alias: (int(version.version), client.get_run(version.run_id).data.tags["glyphline.run_key"])
        for alias, version in versions.items()
    }


@pytest.mark.timeout(1800)
def test_mnist_reaches_99_in_100_and_is_tuned_and_trained_without_its_test_split(tmp_path):
    mirror = ROOT.parent / "shared" / "datasets"
    if not (mirror / "mnist").is_dir():
        pytest.skip(f"the MNIST files are not at {mirror}")
    project = clone(tmp_path / "mnist")
    project = type(project)(project.folder, {"GLYPHLINE_MIRROR": str(mirror)})
    # Two epochs of the fast recipe: the default's fifteen need ten minutes.
    project.glyphline("recipe", "fast")
    project.set_params({"train.epochs": "2", "train.patience": "2", "tune.trials": "1", "tune.epochs": "1"})
    project.run("dvc", "exp", "run", "-S", "data.dataset=mnist", "evaluate")
    metrics = json.loads((project.folder / "artifacts/evaluate/metrics.json").read_text())
    assert metrics["test_count"] == 10_000
    assert metrics["test_accuracy"] >= 0.99
    # The stages that choose and fit run again with the test split out of the way, to the same weights.
    trained = (project.folder / "artifacts/train/training.json").read_text()
    shutil.rmtree(project.folder / "data/processed/test")
    shutil.rmtree(project.folder / "artifacts/train")
    project.glyphline("tune")
    project.glyphline("train")
    again = (project.folder / "artifacts/train/training.json").read_text()
    assert json.loads(again)["weights_digest"] == json.loads(trained)["weights_digest"]


def test_the_store_is_sound_after_all_that(shrunk):
    with sqlite3.connect(shrunk.folder / "mlflow.db") as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
