"""A head on the features of a backbone, through the whole pipeline."""

import json

import pytest

from tests.project import store

NAME = "glyphline-digits"


@pytest.fixture(scope="module")
def made(shrunk):
    shrunk.set_params({"model.kind": "pretrained", "model.dense_units": "8", "tune.trials": "3"})
    return shrunk.run("dvc", "repro")


def test_features_are_computed_once_and_a_version_is_registered_and_rebuilt(shrunk, made):
    assert shrunk.stages_run(made.text) == ["backbone", "features", "tune", "train", "evaluate", "register"]
    assert "3,413,024 weights, 18.8 MB, licence: Apache-2.0" in made.text
    trained = json.loads((shrunk.folder / "artifacts/train/training.json").read_text())
    head = json.loads((shrunk.folder / "artifacts/train/params.json").read_text())["model"]["dense_units"]
    assert trained["parameters"] == 3_413_024 + 1281 * head + 10 * (head + 1)
    shrunk.commit("Learn on features")

    # Only the head is another one.
    again = shrunk.run("dvc", "exp", "run", "-n", "wider", "-S", "model.dropout=0.1", "-S", "train.batch_size=32")
    assert shrunk.stages_run(again.text) == ["tune", "train", "evaluate", "register"]
    assert shrunk.stages_run(shrunk.run("dvc", "repro").text) == []

    versions = store(shrunk).search_model_versions(f"name='{NAME}'")
    run = store(shrunk).get_run(versions[0].run_id)
    assert run.data.tags["glyphline.backbone"] == "efficientnet_lite0 579344248a93"
    newest = max(int(version.version) for version in versions)
    said = shrunk.glyphline("reproduce", f"models:/{NAME}/{newest}").out
    assert said.splitlines()[0] == "identical", said


def test_damage_of_the_weights_is_told_and_the_advice_mends_it(shrunk, made):
    path = shrunk.folder / "artifacts/backbone/efficientnet_lite0.pth"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    ended = shrunk.attempt("python", "-m", "glyphline", "train")
    assert ended.code == 4
    error, fix = ended.err.strip().splitlines()[-2:]
    assert error.startswith("error: ")
    assert "efficientnet_lite0.pth has changed" in error
    advice = fix.split("`")[1]
    assert advice == "dvc repro --force --single-item backbone"
    shrunk.run(*advice.split())
    assert path.read_bytes() == content
    shrunk.glyphline("train")
