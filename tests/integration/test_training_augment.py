"""Augmentation: what may happen to an image, how far, and when."""

import numpy as np
import pytest

from glyphline.params.train import AugmentParams
from glyphline.training.augment import CONTROL_POINTS, _resample, _spline, augment
from glyphline.training.keras_import import import_keras

STILL = {
    **dict.fromkeys(("shift", "rotation_deg", "zoom", "elastic", "cutout", "crop"), 0.0),
    **dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 0.0),
    "flip": "none", "mix": "none", "mix_alpha": 1.0,
}  # fmt: skip
SIDE = 20


def vary(images, training=True, start=7, **values):
    """The images after the layer that these parameters make; `start` is the state of its random generator."""
    keras = import_keras()
    inputs = keras.Input(images.shape[1:])
    model = keras.Model(inputs, augment(AugmentParams(**(STILL | values)), inputs))
    for variable in model.variables:
        variable.assign([start, 0])
    return keras.ops.convert_to_numpy(model(images, training=training))


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).random((64, SIDE, SIDE, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def dots():
    """One bright pixel in the middle of each image."""
    images = np.zeros((64, SIDE + 1, SIDE + 1, 1), np.float32)
    images[:, SIDE // 2, SIDE // 2] = 1
    return images


def middle_of_mass(images):
    places = np.arange(images.shape[1])
    mass = images[..., 0]
    total = mass.sum(axis=(1, 2))
    return (mass.sum(axis=2) @ places) / total, (mass.sum(axis=1) @ places) / total


EVERYTHING = {
    "shift": 0.1, "rotation_deg": 15.0, "zoom": 0.2, "elastic": 0.03, "crop": 0.3, "cutout": 0.3, "flip": "both",
}  # fmt: skip


def test_without_parameters_there_is_no_layer():
    inputs = import_keras().Input((8, 8, 1))
    assert augment(AugmentParams(**STILL), inputs) is inputs


def test_nothing_happens_outside_training(noise):
    assert np.array_equal(vary(noise, training=False, **EVERYTHING), noise)


def test_what_happens_follows_from_the_state_of_the_generator(noise):
    first, again, other = (vary(noise, start=start, **EVERYTHING) for start in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_each_image_is_varied_in_its_own_way(dots):
    y, x = middle_of_mass(vary(dots, shift=0.2))
    assert len(np.unique(np.round(y, 3))) > 32
    assert not np.allclose(y, x)


def test_a_shift_goes_as_far_as_it_may_and_no_farther(dots):
    for axis in middle_of_mass(vary(dots, shift=0.2)):
        moved = np.abs(axis - SIDE // 2)
        assert moved.max() <= 0.2 * (SIDE + 1) + 1e-3
        assert moved.max() > 0.15 * (SIDE + 1)


def test_a_rotation_and_a_zoom_leave_the_middle_where_it_is(dots):
    y, x = middle_of_mass(vary(dots, rotation_deg=90.0, zoom=0.2))
    assert np.allclose([y, x], SIDE // 2, atol=1e-3)


def test_a_rotation_keeps_the_distance_from_the_middle(dots):
    off_middle = np.roll(dots, 6, axis=1)
    y, x = middle_of_mass(vary(off_middle, rotation_deg=180.0))
    distance = np.hypot(y - SIDE // 2, x - SIDE // 2)
    assert np.allclose(distance, 6, atol=0.25)
    assert np.ptp(x) > 8


def test_a_zoom_moves_an_edge_by_its_part_at_most(dots):
    y, _ = middle_of_mass(vary(np.roll(dots, 6, axis=1), zoom=0.25))
    moved = (y - SIDE // 2) / 6
    assert moved.min() > 1 / 1.25 - 0.05
    assert moved.max() < 1 / 0.75 + 0.05
    assert np.ptp(moved) > 0.2


def test_a_zoom_is_another_one_in_height_and_in_width(dots):
    y, x = middle_of_mass(vary(np.roll(dots, (6, 6), axis=(1, 2)), zoom=0.25))
    assert np.abs(y - x).max() > 1


def test_a_crop_enlarges_what_is_in_it_and_brings_nothing_from_beyond_the_border(noise):
    bright = np.ones_like(noise)
    assert np.allclose(vary(bright, crop=0.9), 1, atol=1e-5)
    ramp = np.broadcast_to(np.arange(SIDE, dtype=np.float32)[None, :, None, None], noise.shape)
    spans = np.ptp(vary(ramp, crop=0.9), axis=(1, 2, 3)) / (SIDE - 1)
    assert spans.max() <= 1 + 1e-5
    assert 0.25 < spans.min() < 0.5


def test_a_warp_has_the_standard_deviation_that_was_asked_for():
    for size in (8, 28, 64):
        weights = _spline(size)
        assert weights.shape == (size, CONTROL_POINTS)
        assert np.square(weights).sum(axis=1).mean() == pytest.approx(1, rel=1e-5)


def test_a_warp_moves_dots_by_a_little(dots):
    y, x = middle_of_mass(vary(np.repeat(dots, 8, axis=0), elastic=0.05))
    assert 0.3 < np.std(np.concatenate([y, x])) / (0.05 * (SIDE + 1)) < 1.5


def test_cut_out_blackens_one_square_of_its_size_or_less_at_the_border(noise):
    images = np.ones_like(noise)
    black = (vary(images, cutout=0.5) == 0)[..., 0]
    for square in black:
        rows, columns = np.flatnonzero(square.any(axis=1)), np.flatnonzero(square.any(axis=0))
        assert square.sum() == len(rows) * len(columns)
        assert max(len(rows), len(columns)) <= SIDE // 2
    assert black.sum(axis=(1, 2)).max() >= (SIDE // 2 - 1) ** 2


@pytest.mark.parametrize(("flip", "axes"), [("horizontal", {2}), ("vertical", {1}), ("both", {1, 2})])
def test_a_flip_mirrors_half_of_the_images_along_its_axes(noise, flip, axes):
    flipped = vary(noise, flip=flip)
    kinds = {(): noise}
    for axis in sorted(axes):
        kinds |= {(*done, axis): np.flip(images, axis=axis) for done, images in kinds.items()}
    counts = {
        kind: sum(np.array_equal(*pair) for pair in zip(images, flipped, strict=True)) for kind, images in kinds.items()
    }
    assert sum(counts.values()) == len(noise)
    assert min(counts.values()) >= 5


def test_resampling_at_the_pixels_themselves_changes_nothing_and_beyond_the_border_is_black(noise):
    keras = import_keras()
    y, x = (axis.reshape(1, -1).repeat(len(noise), axis=0) for axis in np.mgrid[:SIDE, :SIDE].astype(np.float32))
    same = keras.ops.convert_to_numpy(_resample(noise, y, x))
    assert np.allclose(same, noise, atol=1e-6)
    away = keras.ops.convert_to_numpy(_resample(noise, y - 3 * SIDE, x + 3 * SIDE))
    assert not away.any()
    between = keras.ops.convert_to_numpy(_resample(noise, y, x + 0.25))
    assert np.allclose(between[:, :, :-1], 0.75 * noise[:, :, :-1] + 0.25 * noise[:, :, 1:], atol=1e-5)
