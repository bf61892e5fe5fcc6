"""Keras' own applications as backbones, with made weights: the published files are out of reach of the tests."""

import hashlib
import socket
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from glyphline import backbones, training
from glyphline.backbones import CATALOGUE
from glyphline.backbones.catalogue import PublishedFile
from glyphline.data import store
from glyphline.errors import TrainingError
from glyphline.params import overlay
from glyphline.paths import Paths
from glyphline.stages import backbone, features
from glyphline.training import archive, heads
from glyphline.training.keras_import import import_keras
from glyphline.training.networks import keras_application
from glyphline.training.networks.pretrained import feature_network
from tests.conftest import made_split
from tests.download_server import serving

NAME = "mobilenet_v3_small"
SIDE = 64


def application(name, seed=0):
    """An application as Keras itself builds it, with weights drawn so that its features differ from image to image."""
    keras = import_keras()
    keras.utils.set_random_seed(seed)
    return getattr(keras.applications, keras_application.NAMES[name])(
        weights=None, include_top=False, pooling="avg", input_shape=(None, None, 3)
    )


def published(network, path):
    """Its weights, in the old format of Keras' published files."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)
    return path


def of_catalogue(name, path, url):
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    source = PublishedFile(f"{url}/{path.name}", "md5", digest)
    return {name: replace(CATALOGUE[name], source=source)}


def colours(name, count):
    return made_split(name, count, seed=len(name), side=SIDE, channels=3)


@pytest.fixture(scope="module")
def values(default_params):
    return overlay(
        default_params,
        {
            "model.kind": "pretrained",
            "model.backbone": NAME,
            "model.dense_units": 8,
            "train.epochs": 2,
            "train.batch_size": 8,
        },
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The application, and the file of its weights."""
    network = application(NAME)
    return network, published(network, tmp_path_factory.mktemp("made") / "small.h5")


@pytest.fixture(scope="module")
def paths(values, made, tmp_path_factory):
    """Weights that were downloaded from the loopback, and the features of two splits, as the stages leave them."""
    folder = tmp_path_factory.mktemp("project")
    paths = Paths(work=folder, home=folder)
    with pytest.MonkeyPatch.context() as patch, serving(made[1].read_bytes()) as server:
        patch.setenv("no_proxy", "127.0.0.1")
        backbone.run(values, paths, of_catalogue(NAME, made[1], f"{server.url}/good"))
        assert len(server.asked) == 1
    for name, count in (("train", 24), ("val", 8)):
        one = colours(name, count)
        store.save(paths.split(name), name, one.images, one.labels, classes=one.classes, dataset="shapes")
    features.run(values, paths)
    return paths


@pytest.fixture
def context(values, paths):
    splits = (store.load(paths.split(name)) for name in ("train", "val"))
    return training.prepare(values, *splits, features=training.FeatureFolders(paths.features, paths.backbone))


def test_the_features_are_those_of_the_application_for_pixels_of_0_to_255(made, context):
    theirs = np.asarray(made[0].predict_on_batch(context.val.images.astype(np.float32)))
    assert theirs.std(axis=0).max() > 1e-3 * np.abs(theirs).max()
    np.testing.assert_allclose(context.features[NAME].val, theirs, rtol=1e-3, atol=1e-5)


def test_a_head_is_fitted_and_saved_without_a_connection_and_opens_in_safe_mode(values, context, tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("something was to be downloaded")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    fitted = training.fit(values, context, seed=1)
    fitted.save(tmp_path / "model.keras")
    model = training.open_model(tmp_path / "model.keras")
    assert model.count_params() == fitted.parameters == heads.parameter_count(values, context)
    assert fitted.weights_digest() == archive.weights_digest(model.get_weights())
    classifier = training.open_classifier(tmp_path / "model.keras", context.val, batch_size=8)
    np.testing.assert_allclose(
        classifier.probabilities(context.val.images), np.asarray(model.predict_on_batch(context.val.images)), rtol=1e-4
    )
    gradients = classifier.gradients(context.val.images.astype(np.float32), context.val.labels)
    assert np.abs(gradients).max() > 0
    assert context.tags()["glyphline.backbone"].startswith(f"{NAME} ")


def test_images_that_are_too_small_are_refused_with_what_helps(paths):
    one = backbones.read_manifest(paths.backbone).backbones[NAME]
    with pytest.raises(TrainingError, match="takes images from 32 x 32 pixels on, and these have 64 x 28") as caught:
        feature_network(paths.backbone, one, (64, 28, 1))
    assert "preprocess.image_size" in caught.value.fix


def test_weights_of_other_layers_are_refused(made, tmp_path):
    path = tmp_path / "mobilenet_v3_large.h5"
    path.write_bytes(made[1].read_bytes())
    with pytest.raises(TrainingError, match="does not hold the weights of MobileNetV3Large") as caught:
        keras_application.network(path)
    assert "make setup" in caught.value.fix


def answer(network, images):
    """Layer by layer: to compile the larger ones takes much longer than two images do."""
    return np.asarray(network(images.astype(np.float32), training=False))


@pytest.mark.parametrize("name", [name for name in keras_application.NAMES if name != NAME])
def test_every_application_has_what_the_catalogue_says_and_is_saved_as_plain_layers(name, tmp_path):
    theirs = application(name)
    network = keras_application.network(published(theirs, tmp_path / f"{name}.h5"))
    assert (network.count_params(), network.output_shape[-1]) == (CATALOGUE[name].parameters, CATALOGUE[name].features)
    images = colours("any", 2).images
    archive.save(network, tmp_path / "network.keras")
    again = training.open_model(tmp_path / "network.keras")
    assert again.name == name
    np.testing.assert_allclose(answer(again, images / 255), answer(theirs, images), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "module", "key", "base", "file"),
    [
        ("mobilenet_v3_small", "mobilenet_v3", "small_224_1.0_float", "BASE_WEIGHT_PATH", "mobilenet_v3"),
        ("mobilenet_v3_large", "mobilenet_v3", "large_224_1.0_float", "BASE_WEIGHT_PATH", "mobilenet_v3"),
        ("efficientnet_v2_b0", "efficientnet_v2", "b0", "BASE_WEIGHTS_PATH", "efficientnetv2-b0_notop"),
        ("convnext_tiny", "convnext", "convnext_tiny", "BASE_WEIGHTS_PATH", "convnext_tiny_notop"),
    ],
)
def test_addresses_and_digests_are_those_of_the_installed_keras(name, module, key, base, file):
    import_keras()
    theirs, source = import_module(f"keras.src.applications.{module}"), CATALOGUE[name].source
    assert theirs.WEIGHTS_HASHES[key][1] == source.digest
    name_of_file = f"weights_{file}_{key}_no_top_v2.h5" if module == "mobilenet_v3" else f"{file}.h5"
    assert source.url == getattr(theirs, base) + name_of_file
