"""`glyphline.load`: a registered model that Keras wrote, opened by its name, or refused."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import glyphline
from glyphline import files
from glyphline.errors import ArtifactError, ParamsError, RegistryError
from glyphline.registry import RegistryLocation, register_run
from glyphline.training import archive
from glyphline.training.keras_import import import_keras as load_keras
from tests.conftest import environment
from tests.registered import Runs


@pytest.fixture
def network(tmp_path):
    """A small classifier of two classes, and its archive."""
    keras = load_keras()
    layers = keras.layers
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")])
    archive.save(model, tmp_path / "network.keras")
    return model, tmp_path / "network.keras"


@pytest.fixture
def released(project, root, default_params, network, monkeypatch):
    """Registers the network as version 1; gives the folder with the version's files. The test works in the project."""
    from mlflow.tracking import MlflowClient

    shutil.copy(root / "params.yaml", project.params)
    monkeypatch.chdir(project.work)
    to = RegistryLocation.of(default_params, project)
    runs = Runs(MlflowClient(to.uri, to.uri), project.work / "runs")
    candidate = runs.make(980)
    folder = runs.folder_of(candidate)
    shutil.copy(network[1], folder / "data" / "model.keras")
    trained = candidate.model.training.model_copy(update={"model_sha256": files.sha256(network[1])})
    register_run(replace(candidate, model=replace(candidate.model, training=trained)), to, default_params.registry)
    return folder


@pytest.mark.parametrize("reference", ["models:/glyphline-digits@champion", "models:/glyphline-digits/1", "@champion"])
def test_a_version_is_the_model_that_was_registered(released, network, reference):
    images = np.random.default_rng(0).integers(256, size=(3, 8, 8, 1), dtype=np.uint8)
    assert np.array_equal(glyphline.load(reference).predict(images), network[0].predict(images))


def test_a_version_that_somebody_loaded_by_mlflow_is_what_was_registered(released):
    # As MLflow's `load_model` leaves it; tests/e2e/test_first_run.py has MLflow do it.
    (released / "registered_model_meta").write_text("model_name: glyphline-digits\nmodel_version: '1'\n")
    glyphline.load("models:/glyphline-digits@champion")


def test_a_version_whose_archive_was_exchanged_is_refused(released, network):
    content = bytearray((released / "data" / "model.keras").read_bytes())
    content[-1] ^= 1
    (released / "data" / "model.keras").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"data/model.keras was changed"):
        glyphline.load("models:/glyphline-digits@champion")


@pytest.mark.parametrize("reference", ["models:/other@champion", "models:/glyphline-digits/7", "misty-lake"])
def test_what_names_no_version_is_told(released, reference):
    with pytest.raises(RegistryError):
        glyphline.load(reference)


def test_outside_a_project_there_is_no_store_to_look_in(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("nowhere"))
    with pytest.raises(ParamsError, match=r"no dvc\.yaml"):
        glyphline.load("models:/glyphline-digits@champion")


def test_a_path_that_python_and_mlflow_write_differently_is_refused_before_the_store_is_touched(project, root):
    # In such a Python the store seems to come from another folder, and its locations would be rewritten.
    folder = project.work / "Repo é"
    folder.mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(root / name, folder)
    shutil.copy(project.store, folder)
    before = (folder / "mlflow.db").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", "import glyphline; glyphline.load('models:/glyphline-digits@champion')"],
        cwd=folder,
        env=environment(LC_ALL="POSIX", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "TrackingError: this Python takes names of files for " in done.stderr
    assert (folder / "mlflow.db").read_bytes() == before
