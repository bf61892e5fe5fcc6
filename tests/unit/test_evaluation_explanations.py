"""Explanations of models whose reasons are known by construction."""

import numpy as np
import pytest

from glyphline.evaluation.explanations import explain, integrated_gradients, occlusion, patch_side


def bright_spot(images):
    """A model that looks at one pixel: probability of class 1 = (pixel / 255)²."""
    share = (images[:, 2, 3, 0].astype(np.float32) / 255) ** 2
    return np.stack([1 - share, share], axis=1)


def slope(images, classes):
    gradients = np.zeros_like(images)
    sign = np.where(classes == 1, 1, -1)
    gradients[:, 2, 3, 0] = sign * 2 * images[:, 2, 3, 0] / 255**2
    return gradients


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(1, 256, (6, 8, 8, 1), dtype=np.uint8)


@pytest.mark.parametrize("steps", [1, 2, 16])
def test_the_pixel_that_counts_gets_the_whole_difference(images, steps):
    # The slope is linear along the path, which one point of Gauss and Legendre already integrates exactly.
    result = integrated_gradients(images, np.ones(6, dtype=np.int64), slope, steps=steps)
    assert result[:, 2, 3, 0] == pytest.approx(bright_spot(images)[:, 1], rel=1e-5)
    result[:, 2, 3, 0] = 0
    assert not result.any()


def test_occlusion_finds_the_patch_that_counts(images):
    drops = occlusion(images, np.ones(6, dtype=np.int64), bright_spot)
    side = patch_side(8, 8)
    assert drops[:, 2 // side, 3 // side] == pytest.approx(bright_spot(images)[:, 1])
    drops[:, 2 // side, 3 // side] = 0
    assert not drops.any()


def test_a_model_that_ignores_the_image_has_no_agreement_rather_than_nan(images):
    def flat(pictures):
        return np.full((len(pictures), 2), 0.5, dtype=np.float32)

    result = explain(images, np.zeros(6, dtype=np.int64), flat, lambda i, _c: np.zeros_like(i), steps=4)
    assert result.agreements == (None,) * 6
    assert not result.gaps.any()


@pytest.mark.parametrize(("shape", "patches"), [((8, 8, 1), (4, 4)), ((28, 28, 1), (7, 7)), ((20, 33, 3), (4, 7))])
def test_the_patches_cover_the_image_whatever_its_shape(shape, patches):
    images = np.zeros((2, *shape), dtype=np.uint8)
    result = explain(images, np.zeros(2, dtype=np.int64), bright_spot, lambda i, _c: np.zeros_like(i), steps=2)
    assert result.patches.shape == (2, *patches)
    assert result.pixels.shape == (2, *shape[:2])
