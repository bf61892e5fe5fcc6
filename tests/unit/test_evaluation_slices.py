"""Slices: properties measured on drawn pictures, thirds that hold every image once."""

import numpy as np
import pytest

from glyphline.evaluation import slices
from glyphline.evaluation.slices import PROPERTIES
from glyphline.params.schema import EvaluateParams, Slice
from glyphline.values import Split


def bars(widths, *, dark=False, side=28):
    images = np.zeros((len(widths), side, side, 1), dtype=np.uint8)
    for image, width in zip(images, widths, strict=True):
        image[4:24, 10 : 10 + width] = 255
    return 255 - images if dark else images


@pytest.mark.parametrize("dark", [False, True])
def test_the_thickness_of_a_stroke_is_its_width(dark):
    result = slices.thickness(bars([1, 2, 4], dark=dark))
    # 2 A / P of a bar w x 20 is w / (1 + w / 20).
    assert result == pytest.approx([w / (1 + w / 20) for w in (1, 2, 4)])


def test_a_picture_without_ink_has_no_thickness_and_no_size():
    blank = np.full((2, 8, 8, 3), 7, dtype=np.uint8)
    assert slices.thickness(blank).tolist() == [0, 0]
    assert slices.size(blank).tolist() == [0, 0]


def test_size_is_the_box_around_the_ink():
    assert slices.size(bars([7])).tolist() == [pytest.approx(20 * 7 / 28**2)]


def test_intensity_and_contrast_are_mean_and_deviation():
    images = np.array([[[[0], [255]]]], dtype=np.uint8)
    assert slices.intensity(images).tolist() == [127.5]
    assert slices.contrast(images).tolist() == [127.5]


def test_the_thirds_hold_every_image_once_and_equals_stay_together():
    images = bars([1, 1, 1, 2, 2, 3, 4, 5, 6])
    labels = np.array([0, 0, 1, 0, 1, 0, 0, 1, 0])
    probs = np.tile(np.array([0.8, 0.2], dtype=np.float32), (9, 1))
    split = Split("test", images, labels, ("a", "b"), "d")
    result = slices.slice_scores(split, probs, ["thickness"])
    assert [(score.part, score.count, score.correct) for score in result] == [
        ("low", 3, 2), ("middle", 3, 2), ("high", 3, 2),
    ]  # fmt: skip
    assert result[0].high < result[1].low


def test_a_third_without_images_is_left_out():
    split = Split("test", bars([2, 2, 2]), np.array([0, 1, 0]), ("a", "b"), "d")
    (only,) = slices.slice_scores(split, np.tile(np.array([0.8, 0.2], dtype=np.float32), (3, 1)), ["intensity"])
    assert (only.part, only.count, only.low, only.high) == ("low", 3, only.high, only.low)


def test_params_may_name_exactly_what_can_be_measured():
    assert set(Slice.__args__) == set(PROPERTIES)
    assert all(name in EvaluateParams.model_fields["slices"].description for name in PROPERTIES)
