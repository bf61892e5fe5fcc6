"""The features of images in two dimensions, so that a person sees which classes lie apart and where mistakes lie."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from glyphline.evaluation.image_predictions import ImagePrediction
from glyphline.values import Features, Images, images_at_once

MOST_IMAGES = 2000
"""Drawn evenly from the split."""
MOST_MISTAKES = 200
"""Drawn besides, the worst first: an even part of many images would show few of them."""
BATCH_IMAGES = 512

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Some images of a split in the plane in which their features differ most.

    Attributes:
        indices: int (n,), places of the images in the split, in rising order.
        points: float64 (n, 2).
        shares: parts of the features' variance that the two axes show.
        evenly: how many of the images were drawn evenly; the rest are mistakes.
    """

    indices: Indices
    points: npt.NDArray[np.float64]
    shares: tuple[float, float]
    evenly: int


def project(
    images: Images, mistakes: Sequence[ImagePrediction], features: Callable[[Images], Features | None]
) -> Projection | None:
    """The projection of a split: of all its images, or of 2,000 and the worst mistakes.

    Args:
        images: uint8 (n, h, w, c).
        mistakes: all of them, the worst first.
        features: of the model, float32 (n, f); None where it has no such layer.
    """
    evenly = np.linspace(0, len(images) - 1, min(len(images), MOST_IMAGES)).round().astype(np.intp)
    worst = np.array([one.index for one in mistakes[:MOST_MISTAKES]], dtype=np.intp)
    indices = np.union1d(evenly, worst)
    parts = []
    step = images_at_once(images.shape[1:], BATCH_IMAGES)
    for start in range(0, len(indices), step):
        # A copy of all would be large: they may be photographs that are read from disk.
        part = features(images[indices[start : start + step]])
        if part is None:
            return None
        parts.append(part)
    points, shares = principal_components(np.concatenate(parts))
    return Projection(indices, points, shares, len(evenly))


def principal_components(features: Features) -> tuple[npt.NDArray[np.float64], tuple[float, float]]:
    """The two principal components of features, and the parts of the variance that they hold.

    Args:
        features: float32 (n, f).

    Returns:
        Float64 (n, 2), with the sign that makes the largest number of each column positive; and two numbers in [0, 1].

    Source: Jolliffe, "Principal Component Analysis" (2002), section 3.
    """
    centred = features.astype(np.float64)
    centred -= centred.mean(axis=0)
    # The smaller of the two matrices of products has the same eigenvalues.
    wide = centred.shape[0] < centred.shape[1]
    values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    points = vectors[:, :2] * np.sqrt(values[:2]) if wide else centred @ vectors[:, :2]
    # One image, or one feature, has one component at most.
    points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    signs = np.sign(points[np.abs(points).argmax(axis=0), [0, 1]])
    shares = np.pad(values, (0, 2))[:2] / max(values.sum(), np.finfo(float).tiny)
    return points * np.where(signs == 0, 1.0, signs), (float(shares[0]), float(shares[1]))
