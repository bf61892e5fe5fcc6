"""What a person's settings of Keras change: nothing, or the program says in two lines that they cannot be."""

import json
import shutil
import subprocess
import sys

import pytest

from glyphline import cli, tuning
from glyphline.data import store
from glyphline.errors import TrainingError
from glyphline.paths import Paths
from glyphline.training.keras_import import use_default_settings
from tests.conftest import ROOT, environment, made_split
from tests.project import set_params

FIT = """
import json
import numpy as np
from dataclasses import replace
from glyphline import params as parameters, training
from tests.conftest import ROOT, changed, made_split

def colour(split):
    return replace(split, images=np.repeat(split.images, 3, axis=3), digest=split.digest + "-colour")

common = {"model.filters": (4,), "model.dense_units": 8, "train.epochs": 3, "train.patience": 3}
digests = []
for kind, shown in (("cnn", lambda split: split), ("resnet", colour)):
    values = common | {"model.kind": kind, "train.augment.elastic": 0.1, "train.precision": "float32"}
    params = changed(parameters.read(ROOT / "params.yaml"), values)
    context = training.prepare(params, shown(made_split("train", 96)), shown(made_split("val", 60, seed=1)))
    fitted = training.fit(params, context, seed=3)
    digests.append([fitted.weights_digest(), len(fitted.history)])
print(json.dumps(digests))
"""
OTHER = {"image_data_format": "channels_first", "floatx": "float64", "epsilon": 0.1, "backend": "jax"}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that is ready for `tune`."""
    paths = Paths(work=tmp_path, home=tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for name, seed in (("train", 0), ("val", 1)):
        split = made_split(name, 48, seed=seed)
        store.save(paths.split(name), name, split.images, split.labels, classes=split.classes, dataset="shapes")
    monkeypatch.chdir(tmp_path)
    set_params(tmp_path, {"tracking.uri": "http://127.0.0.1:9", "tracking.timeout_s": 0.1})
    return paths


def fits(folder, settings, **variables):
    """Digest and epochs of a grey and of a coloured fit under a person's keras.json."""
    (folder / "keras.json").write_text(json.dumps(settings))
    return subprocess.run(
        [sys.executable, "-c", FIT],
        env=environment(KERAS_HOME=str(folder), **variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def test_a_persons_settings_of_keras_change_no_weight(tmp_path):
    plain = fits(tmp_path, {})
    assert plain.returncode == 0, plain.stderr[-4000:]
    other = fits(tmp_path, OTHER, KERAS_MAX_EPOCHS="1", KERAS_MAX_STEPS_PER_EPOCH="1", KERAS_NNX_ENABLED="true")
    assert other.returncode == 0, other.stderr[-4000:]
    assert json.loads(other.stdout) == json.loads(plain.stdout)


@pytest.mark.parametrize("settings", [{"floatx": "int8"}, {"epsilon": 1}, ["channels_first"]])
def test_settings_that_keras_itself_refuses_are_named(tmp_path, settings):
    done = fits(tmp_path, settings)
    assert "TrainingError: Keras refuses its settings" in done.stderr
    assert str(tmp_path / "keras.json") in done.stderr


@pytest.mark.parametrize("name", ["theano", "torch", "TensorFlow"])
def test_a_backend_that_is_not_known_is_refused_by_tune_before_a_study_is_opened(name, project, monkeypatch, capfd):
    monkeypatch.setenv("KERAS_BACKEND", name)
    assert cli.run(["tune"]) == TrainingError.exit_code
    error = capfd.readouterr().err
    assert f"error: KERAS_BACKEND={name}\nfix: unset KERAS_BACKEND" in error
    assert not project.study.exists()


def test_a_backend_that_is_not_installed_is_refused(tmp_path):
    # `tensorflow` as it is where nobody installed it: the finder knows no such module.
    code = "import sys; sys.modules['tensorflow'] = None; from glyphline import training; training.backend_name()"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert "TrainingError: Keras is to run on tensorflow, and tensorflow is not installed" in done.stderr


def test_a_study_belongs_to_its_backend_and_that_of_the_default_keeps_its_name(default_params, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    usual = tuning.identity(default_params, {"train": "a"}, "code")
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert tuning.identity(default_params, {"train": "a"}, "code") == usual
    assert not [key for key in usual if "backend" in key]
    pytest.importorskip("jax", reason="the optional extra `jax` is not installed")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert tuning.identity(default_params, {"train": "a"}, "code") == usual | {"backend": "jax"}


def test_a_policy_that_was_set_in_the_process_gives_way():
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    use_default_settings()
    assert keras.config.dtype_policy().name == "float32"
