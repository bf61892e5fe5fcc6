"""Random crops: how much they leave out, and that they lie within the image."""

import numpy as np
import pytest

from glyphline.training.crop import LARGEST_RATIO, positions_in_crop
from glyphline.training.keras_import import import_keras

HEIGHT, WIDTH, IMAGES = 20, 30, 400


def crops(part, seed=3):
    """Rows and columns that the pixels of each crop lie at: (images, h, w) each."""
    keras = import_keras()
    y, x = (axis.reshape(1, -1).repeat(IMAGES, axis=0) for axis in np.mgrid[:HEIGHT, :WIDTH].astype(np.float32))
    places = positions_in_crop(part, y, x, (HEIGHT, WIDTH), keras.random.SeedGenerator(seed))
    return [keras.ops.convert_to_numpy(axis).reshape(IMAGES, HEIGHT, WIDTH) for axis in places]


def sides(part):
    """Height and width of each crop, as parts of the image's."""
    y, x = crops(part)
    return (y[:, -1, 0] - y[:, 0, 0]) / (HEIGHT - 1), (x[:, 0, -1] - x[:, 0, 0]) / (WIDTH - 1)


def test_a_crop_of_nothing_is_the_image():
    y, x = crops(0.0)
    assert np.allclose(y, np.mgrid[:HEIGHT, :WIDTH][0], atol=1e-4)
    assert np.allclose(x, np.mgrid[:HEIGHT, :WIDTH][1], atol=1e-4)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.92])
def test_the_area_is_drawn_evenly_down_to_what_may_be_left_out(part):
    height, width = sides(part)
    left_out = 1 - height * width
    assert -1e-4 <= left_out.min() < 0.03
    assert 0.97 * part < left_out.max() <= part + 1e-4
    assert left_out.mean() == pytest.approx(part / 2, rel=0.1)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.92])
def test_a_crop_lies_within_its_image_and_anywhere_in_it(part):
    for places, size in zip(crops(part), (HEIGHT, WIDTH), strict=True):
        assert places.min() >= -1e-4
        assert places.max() <= size - 1 + 1e-4
        middle = places.mean(axis=(1, 2)) - (size - 1) / 2
        assert abs(middle.mean()) < 0.2 * np.abs(middle).max()


def test_crops_are_tall_and_wide_within_the_ratio():
    height, width = sides(0.8)
    ratio = height / width
    assert 1 / LARGEST_RATIO - 1e-4 <= ratio.min() < 0.8
    assert 1.25 < ratio.max() <= LARGEST_RATIO + 1e-4
    assert max(height.max(), width.max()) <= 1 + 1e-4


def test_each_image_has_a_crop_of_its_own_that_follows_from_the_state_of_the_generator():
    first, again, other = (crops(0.5, seed)[0] for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(np.unique(first[:, 0, 0].round(4))) > IMAGES / 2
