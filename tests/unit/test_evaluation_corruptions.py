"""Corrupted images: the same ones for every model, worse with each severity, and still images."""

from itertools import pairwise

import numpy as np
import pytest

from glyphline.evaluation import corruptions
from glyphline.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupted, sample
from tests.conftest import made_split


@pytest.fixture(scope="module", params=[(28, 28, 1), (8, 8, 1), (16, 40, 3)])
def images(request):
    rng = np.random.default_rng(5)
    height, width, channels = request.param
    pictures = np.zeros((12, height, width, channels), dtype=np.uint8)
    pictures[:, height // 4 : height // 2, width // 4 : width // 2] = rng.integers(
        100, 256, (12, 1, 1, channels), dtype=np.uint8
    )
    return pictures


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_severity_moves_the_pixels_further(images, name):
    distances = [np.abs(corrupted(images, name, s).astype(float) - images).mean() for s in SEVERITIES]
    assert distances[0] > 0
    assert all(after >= before for before, after in pairwise(distances)), distances
    assert distances[-1] > distances[0]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_images_are_corrupted_the_same_way_and_stay_images(images, name):
    before = images.copy()
    first, second = corrupted(images, name, 3), corrupted(images, name, 3)
    assert (first == second).all()
    assert (first.shape, first.dtype) == (images.shape, np.uint8)
    assert (images == before).all()


def test_a_model_predicts_for_every_corruption_and_severity():
    split = made_split("test", 40)
    batches = []

    def predict(images):
        batches.append(images)
        return np.eye(3, dtype=np.float32)[split.labels[sample(40, 10)]]

    scores = corruptions.corruption_scores(split, predict, images=10)
    assert [(score.name, score.severity) for score in scores] == [(n, s) for n in CORRUPTIONS for s in SEVERITIES]
    assert {score.accuracy for score in scores} == {1.0}
    assert {len(images) for images in batches} == {10}


def test_no_images_measure_nothing():
    assert corruptions.corruption_scores(made_split("test", 5), lambda images: None, images=0) == ()


def test_the_sample_is_the_same_each_time_and_whole_where_it_is_large_enough():
    assert sample(5, 9).tolist() == [0, 1, 2, 3, 4]
    chosen = sample(100, 10)
    assert chosen.tolist() == sample(100, 10).tolist() == sorted(set(chosen.tolist()))
    assert len(chosen) == 10


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_moved_image_has_the_pixels_that_scipy_gives_it(images, severity):
    from scipy.ndimage import shift

    moved = corrupted(images, "shift", severity)
    corners = []
    for before, after in zip(images.astype(np.float32), moved, strict=True):
        height, width = (corruptions.SHIFT[severity - 1] * side for side in before.shape[:2])
        expected = [
            np.rint(shift(before, (down * height, right * width, 0), order=1, mode="nearest"))
            for down in (-1, 1)
            for right in (-1, 1)
        ]
        corners += [corner for corner, pixels in enumerate(expected) if (pixels == after).all()][:1]
    assert len(corners) == len(images)
    assert len(set(corners)) > 1
