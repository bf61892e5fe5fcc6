"""`glyphline.features`: the same numbers as the stages make, from whatever holds the pixels."""

import numpy as np
import pytest
from PIL import Image

import glyphline
from glyphline import backbones
from glyphline.commands.features import kept_function
from glyphline.pictures import Resizing, resized
from glyphline.training import features as stored
from glyphline.training.keras_import import import_keras
from glyphline.training.networks.pretrained import feature_network

SIZE = Resizing(224, 224, "crop")


@pytest.fixture(scope="module")
def pictures():
    """Pixels of 34 images, which are more than one batch."""
    random = np.random.default_rng(4)
    coarse = random.integers(256, size=(34, 6, 9, 3), dtype=np.uint8)
    return coarse.repeat(10, axis=1).repeat(10, axis=2)


@pytest.fixture(scope="module")
def made(pictures):
    return glyphline.features(pictures)


def test_files_a_folder_and_arrays_give_the_same_rows_in_their_order(pictures, made, tmp_path):
    (tmp_path / "below").mkdir()
    paths = [tmp_path / "a.png", tmp_path / "below" / "b.png", tmp_path / "c.bmp"]
    for pixels, path in zip(pictures, paths, strict=False):
        Image.fromarray(pixels).save(path)
    assert (made.shape, made.dtype) == ((34, 1280), np.float32)
    for images, rows in ((tmp_path, made[:3]), (paths[::-1], made[2::-1]), (str(paths[1]), made[1:2])):
        np.testing.assert_allclose(glyphline.features(images), rows, atol=1e-4)
    np.testing.assert_allclose(glyphline.features(pictures[33]), made[33:], atol=1e-4)
    assert np.abs(made[0] - made[1]).max() > 0.1


def test_they_are_the_features_that_the_stages_make(pictures, made, tmp_path):
    weights = backbones.fetch("efficientnet_lite0", tmp_path)
    cut = np.stack([resized(image, SIZE, grey=False) for image in pictures[:4]])
    expected = stored.extract(feature_network(tmp_path, weights, cut.shape[1:]), cut)
    np.testing.assert_allclose(made[:4], expected, atol=1e-4)


def test_grey_pixels_are_seen_as_the_same_in_three_colours(pictures):
    grey = pictures[:2, ..., :1]
    np.testing.assert_allclose(glyphline.features(grey), glyphline.features(grey.repeat(3, axis=3)), atol=1e-4)


def test_the_precision_that_a_program_has_set_is_neither_used_nor_changed(pictures, made):
    config = import_keras().config
    kept_function.cache_clear()
    config.set_dtype_policy("mixed_bfloat16")
    try:
        again = glyphline.features(pictures[:4])
        assert config.dtype_policy().name == "mixed_bfloat16"
    finally:
        config.set_dtype_policy("float32")
    np.testing.assert_allclose(again, made[:4], atol=1e-4)
