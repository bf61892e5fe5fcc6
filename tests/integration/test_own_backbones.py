"""A person's own archive as a backbone: up to its last pooling layer, with gradients, for the images it takes."""

import numpy as np
import pytest

from glyphline import backbones, training
from glyphline.data import store
from glyphline.errors import TrainingError
from glyphline.params import overlay
from glyphline.paths import Paths
from glyphline.stages import backbone, features
from glyphline.training import archive
from glyphline.training.keras_import import import_keras
from glyphline.training.networks import own_archive
from glyphline.training.networks.build import build
from glyphline.training.networks.pretrained import feature_network
from tests.conftest import made_split

SIDE = 16


@pytest.fixture
def paths(tmp_path):
    return Paths(work=tmp_path / "work", home=tmp_path)


def of_another_project(params, path, **values):
    """A `model.keras` as `train` leaves it; the network itself is returned."""
    options = {"model.filters": (4, 8), "model.dense_units": 5, **values}
    model = build(overlay(params, options), (SIDE, SIDE, 1), 3).model
    archive.save(model, path)
    return model


def up_to(model, layer, images):
    """What a layer of a network makes of images, as Keras itself computes it."""
    part = import_keras().Model(model.inputs, model.get_layer(layer).output)
    return np.asarray(part.predict_on_batch(images)).reshape(len(images), -1)


def made(path, *layers):
    keras = import_keras()
    model = keras.Sequential(layers)
    archive.save(model, path)
    return model


@pytest.mark.parametrize(("kind", "layer"), [("cnn", "pool_2"), ("resnet", "mean")])
def test_a_model_of_another_project_goes_through_all_stages(kind, layer, default_params, paths):
    model = of_another_project(default_params, paths.home / "model.keras", **{"model.kind": kind})
    # Keras counts the names that it gives: in a new process the first mean is called as the resnet's own layer.
    import_keras().utils.clear_session()
    params = overlay(
        default_params,
        {
            "model.kind": "pretrained",
            "model.backbone": "model.keras",
            "model.dense_units": 0,
            "train.epochs": 2,
            "train.batch_size": 8,
        },
    )
    splits = []
    for name, count in (("train", 24), ("val", 8)):
        one = made_split(name, count, seed=len(name), side=SIDE)
        store.save(paths.split(name), name, one.images, one.labels, classes=one.classes, dataset="shapes")
        splits.append(store.load(paths.split(name)))
    backbone.run(params, paths)
    features.run(params, paths)
    context = training.prepare(params, *splits, features=training.FeatureFolders(paths.features, paths.backbone))
    wanted = up_to(model, layer, splits[1].images)
    np.testing.assert_allclose(context.features["model.keras"].val, wanted, rtol=1e-3, atol=1e-5)

    fitted = training.fit(params, context, seed=1)
    fitted.save(paths.home / "new.keras")
    # Only the layers below the features are in it, and counted.
    assert fitted.parameters == fitted.model.count_params() < model.count_params() + 3 * wanted.shape[1] + 3
    classifier = training.open_classifier(paths.home / "new.keras", splits[1], batch_size=8)
    gradients = classifier.gradients(splits[1].images.astype(np.float32), splits[1].labels)
    assert np.abs(gradients).max() > 0

    # What was learned on it is a backbone again: the same features, from a network within a network.
    again = backbones.fetch("new.keras", paths.home, project=paths.home)
    network = feature_network(paths.home, again, (SIDE, SIDE, 1))
    np.testing.assert_allclose(np.asarray(network.predict_on_batch(splits[1].images)), wanted, rtol=1e-3, atol=1e-5)


def test_of_members_it_is_the_last_one(default_params, tmp_path):
    model = of_another_project(default_params, tmp_path / "two.keras", **{"model.members": 2})
    images = made_split("val", 4, side=SIDE).images
    wanted = up_to(model.get_layer("member_2"), "pool_2", (images / 255).astype(np.float32))
    network = feature_network(tmp_path, backbones.fetch("two.keras", tmp_path, project=tmp_path), (SIDE, SIDE, 1))
    np.testing.assert_allclose(np.asarray(network.predict_on_batch(images)), wanted, rtol=1e-3, atol=1e-5)


def test_images_of_another_size_are_refused_with_the_size(default_params, tmp_path):
    of_another_project(default_params, tmp_path / "model.keras")
    one = backbones.fetch("model.keras", tmp_path, project=tmp_path)
    with pytest.raises(TrainingError, match="takes images of 16 x 16 pixels, and these have 16 x 28") as caught:
        feature_network(tmp_path, one, (16, 28, 1))
    assert caught.value.fix == "set preprocess.image_size to [16, 16]"


def test_one_for_any_size_takes_any_and_colours_become_grey_for_a_grey_one(tmp_path):
    layers = import_keras().layers
    made(
        tmp_path / "grey.keras",
        layers.Input((None, None, 1)),
        layers.Rescaling(1 / 255),
        layers.Conv2D(4, 3),
        layers.GlobalMaxPooling2D(),
        layers.Dense(2),
    )
    one = backbones.fetch("grey.keras", tmp_path, project=tmp_path)
    grey = made_split("val", 4, side=20).images
    seen = np.asarray(feature_network(tmp_path, one, (20, 20, 1)).predict_on_batch(grey))
    coloured = feature_network(tmp_path, one, (20, 20, 3)).predict_on_batch(np.repeat(grey, 3, axis=-1))
    assert seen.shape == (4, 4)
    np.testing.assert_allclose(np.asarray(coloured), seen, rtol=1e-3, atol=1e-5)


def test_a_map_whose_size_is_that_of_the_images_is_refused(tmp_path):
    layers = import_keras().layers
    made(tmp_path / "map.keras", layers.Input((None, None, 3)), layers.MaxPooling2D(), layers.Conv2D(2, 1))
    with pytest.raises(TrainingError, match="its size depends on that of the images") as caught:
        own_archive.network(tmp_path / "map.keras")
    assert "GlobalAveragePooling2D" in caught.value.fix


def test_what_keras_does_not_read_is_two_lines(tmp_path):
    from tests.registered import made_archive
    from tests.unit.test_own_backbones import PHOTOS, POOLING, layer, network

    made_archive(tmp_path / "odd.keras", config=network(PHOTOS, POOLING, layer("NoSuchLayer")))
    with pytest.raises(TrainingError, match=r"does not read odd\.keras as a backbone") as caught:
        own_archive.network(tmp_path / "odd.keras")
    assert "this version of Keras" in caught.value.fix
