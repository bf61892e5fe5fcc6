"""Explanations of a prediction: what each pixel and each patch contributes to a probability."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from glyphline.values import Gradients, Images, Labels, Pixels, Predict

Numbers = npt.NDArray[np.float64]

PATCHES_PER_SIDE = 7
FEWEST_PATCHES = 4
"""A rank correlation over fewer patches means nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanations:
    """Explanations of one class for each of some images.

    Attributes:
        classes: int64 (n,), the class that is explained.
        probabilities: float64 (n,), its probability.
        pixels: float32 (n, h, w), integrated gradients summed over the channels; above 0 speaks for the class.
        patches: float32 (n, rows, columns), by how much the probability falls when a patch is blackened.
        gaps: float64 (n,), by how much the pixels miss the difference that they must add up to.
    """

    classes: Labels
    probabilities: Numbers
    pixels: Pixels
    patches: Pixels
    gaps: Numbers

    @property
    def agreements(self) -> tuple[float | None, ...]:
        """Per image, rank correlation of pixels summed by patch with patches; None where either is constant."""
        return tuple(_agreement(*pair) for pair in zip(self.pixels, self.patches, strict=True))


def explain(images: Images, classes: Labels, predict: Predict, gradients: Gradients, *, steps: int) -> Explanations:
    """Integrated gradients, and occlusion as a check that needs no gradients.

    Args:
        images: uint8 (n, h, w, c).
        classes: int64 (n,), the classes to explain: for a mistake the predicted one.
        predict: the model.
        gradients: of its probabilities.
        steps: points on the path of the integrated gradients.
    """
    rows = np.arange(len(classes))
    at_image, at_black = (predict(pixels)[rows, classes].astype(float) for pixels in (images, np.zeros_like(images)))
    pixels = integrated_gradients(images, classes, gradients, steps=steps).sum(axis=3)
    patches = occlusion(images, classes, predict)
    return Explanations(
        classes=classes,
        probabilities=at_image,
        pixels=pixels,
        patches=patches,
        gaps=pixels.sum(axis=(1, 2), dtype=np.float64) - (at_image - at_black),
    )


def integrated_gradients(images: Images, classes: Labels, gradients: Gradients, *, steps: int) -> Pixels:
    """What each pixel contributes to a probability, on the straight path from a black image.

    The contributions of an image add up to the difference of the probability between it and the black image, but for
    the error of the quadrature (Gauss-Legendre), which falls with `steps`.

    Args:
        images: uint8 (n, h, w, c).
        classes: int64 (n,), whose probability is explained.
        gradients: of the model's probabilities.
        steps: points on the path.

    Returns:
        Float32 (n, h, w, c).

    Source: Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks" (ICML 2017), section 3.
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = np.zeros(images.shape, dtype=np.float64)
    whole = images.astype(np.float32)
    # One call per point and not one for all: the path of a hundred large images would not fit into memory.
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        total += weight * gradients(whole * np.float32(node), classes)
    return (total * images).astype(np.float32)


def occlusion(images: Images, classes: Labels, predict: Predict) -> Pixels:
    """By how much a probability falls when a patch of the image is blackened.

    Args:
        images: uint8 (n, h, w, c).
        classes: int64 (n,), whose probability is explained.
        predict: the model.

    Returns:
        Float32 (n, rows, columns) of patches, about seven a side; above 0 where the patch spoke for the class.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (ECCV 2014), section 4.2.
    """
    height, width = images.shape[1:3]
    side = patch_side(height, width)
    shape = (math.ceil(height / side), math.ceil(width / side))
    index = np.arange(len(classes))
    before = predict(images)[index, classes]
    drops = np.empty((len(images), *shape), dtype=np.float32)
    for row, column in np.ndindex(shape):
        covered = images.copy()
        covered[:, row * side : (row + 1) * side, column * side : (column + 1) * side] = 0
        drops[:, row, column] = before - predict(covered)[index, classes]
    return drops


def patch_side(height: int, width: int) -> int:
    """Side of an occluding patch in pixels."""
    return math.ceil(max(height, width) / PATCHES_PER_SIDE)


def _agreement(pixels: Pixels, patches: Pixels) -> float | None:
    side = patch_side(*pixels.shape)
    edges = (range(0, length, side) for length in pixels.shape)
    summed = np.add.reduceat(np.add.reduceat(pixels, next(edges), axis=0), next(edges), axis=1)
    if summed.size < FEWEST_PATCHES or np.ptp(summed) == 0 or np.ptp(patches) == 0:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(summed.ravel(), patches.ravel()).statistic)
