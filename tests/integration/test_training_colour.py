"""Colours: how far each change goes, for each image alone, and nothing outside of training."""

import numpy as np
import pytest

from glyphline import training
from glyphline.params.train import AugmentParams
from glyphline.training.colour import vary_colours
from glyphline.training.keras_import import import_keras
from glyphline.values import Split
from tests.conftest import changed

FIELDS = ("brightness", "contrast", "saturation", "hue")
GREY = np.array([0.299, 0.587, 0.114], np.float32)


@pytest.fixture(scope="module")
def still(default_params):
    return default_params.train.augment.model_copy(
        update={**dict.fromkeys(("shift", "rotation_deg", "zoom"), 0.0), "flip": "none"}
    )


@pytest.fixture(scope="module")
def images():
    """Colours away from black and white, so that nothing is clipped."""
    return np.random.default_rng(0).uniform(0.35, 0.65, (96, 6, 6, 3)).astype(np.float32)


def vary(still, images, training=True, start=7, **values):
    keras = import_keras()
    params = AugmentParams(**(still.model_dump() | values))
    inputs = keras.Input(images.shape[1:])
    model = keras.Model(inputs, vary_colours(params, inputs))
    for number, variable in enumerate(model.variables):
        variable.assign([start, number])
    return keras.ops.convert_to_numpy(model(images, training=training))


def hues(images):
    return import_keras().ops.convert_to_numpy(import_keras().ops.image.rgb_to_hsv(images))[..., 0]


def saturations(images):
    return import_keras().ops.convert_to_numpy(import_keras().ops.image.rgb_to_hsv(images))[..., 1]


def test_at_0_there_is_no_layer(still):
    inputs = import_keras().Input((8, 8, 3))
    assert vary_colours(still, inputs) is inputs


@pytest.mark.parametrize("field", FIELDS)
def test_nothing_happens_outside_of_training(still, images, field):
    assert np.array_equal(vary(still, images, training=False, **{field: 0.3}), images)


@pytest.mark.parametrize("field", FIELDS)
def test_what_happens_follows_from_the_state_of_the_generator(still, images, field):
    first, again, other = (vary(still, images, start=start, **{field: 0.3}) for start in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("field", FIELDS)
def test_a_small_change_is_small(still, images, field):
    assert np.abs(vary(still, images, **{field: 1e-4}) - images).max() < 1e-3


@pytest.mark.parametrize("field", FIELDS)
def test_pixels_stay_between_black_and_white(still, field):
    extremes = np.random.default_rng(1).integers(0, 2, (32, 6, 6, 3)).astype(np.float32)
    varied = vary(still, extremes, **{field: 0.5})
    assert np.isfinite(varied).all()
    assert varied.min() >= 0
    assert varied.max() <= 1


def both_ways_to_the_end(amounts, end):
    """One number per image, drawn evenly from -end to end."""
    assert np.abs(amounts).max() <= end * 1.01
    assert amounts.min() < -0.8 * end
    assert amounts.max() > 0.8 * end
    assert abs(amounts.mean()) < 0.25 * end


def test_brightness_adds_the_same_to_all_pixels_of_an_image(still, images):
    added = vary(still, images, brightness=0.3) - images
    assert np.allclose(added, added[:, :1, :1, :1], atol=1e-5)
    both_ways_to_the_end(added[:, 0, 0, 0], 0.3)


def test_contrast_stretches_and_shrinks_the_distance_from_the_mean(still, images):
    varied = vary(still, images, contrast=0.4)
    means = images.mean(axis=(1, 2), keepdims=True)
    assert np.allclose(varied.mean(axis=(1, 2), keepdims=True), means, atol=1e-5)
    both_ways_to_the_end((varied - means).std(axis=(1, 2, 3)) / (images - means).std(axis=(1, 2, 3)) - 1, 0.4)


def test_saturation_is_raised_and_lowered_and_hue_and_brightest_channel_stay(still, images):
    varied = vary(still, images, saturation=0.5)
    assert np.allclose(varied.max(axis=3), images.max(axis=3), atol=1e-5)
    assert np.median(np.abs(hues(varied) - hues(images))) < 1e-3
    both_ways_to_the_end(np.median(saturations(varied) / saturations(images), axis=(1, 2)) - 1, 0.5)


def test_hue_is_turned_both_ways_and_nothing_else_changes(still, images):
    varied = vary(still, images, hue=0.1)
    assert np.allclose(varied.max(axis=3), images.max(axis=3), atol=1e-5)
    assert np.allclose(varied.min(axis=3), images.min(axis=3), atol=1e-5)
    turned = (hues(varied) - hues(images) + 0.5) % 1 - 0.5
    both_ways_to_the_end(np.median(turned, axis=(1, 2)), 0.1)


def test_grey_images_can_be_made_brighter_and_given_contrast(still):
    grey = np.random.default_rng(0).random((16, 8, 8, 1), dtype=np.float32)
    assert vary(still, grey, brightness=0.2, contrast=0.2).shape == grey.shape


def test_black_white_and_grey_images_leave_finite_losses_and_weights(default_params):
    greys = np.tile(np.array([0, 128, 255], np.uint8), 16)
    images = np.broadcast_to(greys[:, None, None, None], (48, 8, 8, 3)).copy()
    split = Split("train", images, np.arange(48) % 3, ("black", "grey", "white"), "digest")
    amounts = {f"train.augment.{field}": 0.5 for field in (*FIELDS, "crop")}
    values = {"train.augment.mix": "mixup", "train.epochs": 2, "train.batch_size": 16, "model.filters": (4,)}
    params = changed(default_params, amounts | values)
    fitted = training.fit(params, training.prepare(params, split, split), seed=0)
    assert np.isfinite([row["train_loss"] for row in fitted.history]).all()
    assert all(np.isfinite(weights).all() for weights in fitted.weights)
