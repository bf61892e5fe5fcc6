"""Robustness: accuracy on corrupted images, with six corruptions at five severities.

A corruption is seeded by its name alone and not by params.yaml, so that every model is tested on the same corrupted
images of a split. The severities of one corruption use the same draws, so that they differ in strength only.

Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations"
(ICLR 2019); noise has its severities, the others are set for small pictures, where blur and shift are in parts of the
side.
"""

from collections.abc import Callable
from contextlib import closing
from itertools import product

import numpy as np
import numpy.typing as npt

from glyphline.records import CorruptionScore
from glyphline.scoring.intervals import wilson
from glyphline.thread_pool import in_order
from glyphline.values import Images, Pixels, Predict, Split

SEVERITIES = (1, 2, 3, 4, 5)
NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)
"""Standard deviation of the noise, as a part of the range of a pixel."""
BLUR = (0.02, 0.03, 0.04, 0.055, 0.07)
"""Standard deviation of the Gaussian blur, as a part of the longer side."""
LEAST_BLUR = (0.4, 0.5, 0.6, 0.7, 0.8)
"""The same in pixels, at least: on the smallest pictures a part of the side would blur nothing."""
SHIFT = (0.03, 0.06, 0.09, 0.12, 0.15)
"""Displacement along both axes, as a part of the side; each image moves towards one of four corners."""
ROTATION = (6.0, 12.0, 18.0, 24.0, 30.0)
"""Degrees, one half of the images one way and one half the other."""
CONTRAST = (0.75, 0.5, 0.35, 0.2, 0.1)
"""What is left of each pixel's distance from the mean of its image."""
OCCLUSION = (0.15, 0.2, 0.25, 0.3, 0.35)
"""Side of a grey square at a random place, as a part of the shorter side."""
GREY = 127

Corrupt = Callable[[Images, int, np.random.Generator], Images]


def noise(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Add Gaussian noise."""
    grains = rng.standard_normal(images.shape, dtype=np.float32)
    return _pixels(images + np.float32(255 * NOISE[severity - 1]) * grains)


def blur(images: Images, severity: int, _rng: np.random.Generator) -> Images:
    """Blur."""
    from scipy.ndimage import gaussian_filter

    sigma = max(LEAST_BLUR[severity - 1], BLUR[severity - 1] * max(images.shape[1:3]))
    return _pixels(gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0), mode="nearest"))


def shift(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Move each image towards one of the corners; the space that opens is filled with the nearest pixel of the edge."""
    corners = rng.integers(0, 4, len(images))
    moved = np.empty_like(images)
    for corner, ways in enumerate(((-1, -1), (-1, 1), (1, -1), (1, 1))):
        down, right = (way * SHIFT[severity - 1] * side for way, side in zip(ways, images.shape[1:3], strict=True))
        # An image at a time: what is made on the way is small and stays in the processor's cache.
        for place in np.flatnonzero(corners == corner):
            moved[place] = _pixels(_moved(_moved(images[place], down), right).astype(np.float32))
    return moved


def rotation(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Turn each image about its middle, one way or the other."""
    from scipy.ndimage import rotate

    ways = rng.integers(0, 2, len(images))
    turned = np.empty(images.shape, dtype=np.float32)
    for way, sign in enumerate((-1, 1)):
        part = ways == way
        angle = sign * ROTATION[severity - 1]
        turned[part] = rotate(
            images[part].astype(np.float32), angle, axes=(1, 2), reshape=False, order=1, mode="nearest"
        )
    return _pixels(turned)


def contrast(images: Images, severity: int, _rng: np.random.Generator) -> Images:
    """Draw each pixel towards the mean of its image."""
    middle = images.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32)
    return _pixels(middle + CONTRAST[severity - 1] * (images - middle))


def occlusion(images: Images, severity: int, rng: np.random.Generator) -> Images:
    """Cover a square at a random place with grey."""
    height, width = images.shape[1:3]
    side = max(1, round(OCCLUSION[severity - 1] * min(height, width)))
    # Drawn as parts of the possible range, so that all severities use the same draws.
    tops = (rng.random(len(images)) * (height - side + 1)).astype(int)
    lefts = (rng.random(len(images)) * (width - side + 1)).astype(int)
    rows, columns = np.arange(height)[None, :, None], np.arange(width)[None, None, :]
    top, left = tops[:, None, None], lefts[:, None, None]
    covered = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    return np.where(covered[..., None], np.uint8(GREY), images)


CORRUPTIONS: dict[str, Corrupt] = {
    "noise": noise,
    "blur": blur,
    "shift": shift,
    "rotation": rotation,
    "contrast": contrast,
    "occlusion": occlusion,
}


def corruption_scores(split: Split, predict: Predict, *, images: int) -> tuple[CorruptionScore, ...]:
    """Accuracy under each corruption at each severity.

    Args:
        split: the images and their labels.
        predict: the model.
        images: size of the sample, which depends on the number of images in the split alone; 0 measures nothing.
    """
    chosen = sample(len(split), images)
    if not len(chosen):
        return ()
    pictures, labels = np.ascontiguousarray(split.images[chosen]), split.labels[chosen]
    kinds = list(product(CORRUPTIONS, SEVERITIES))
    scores = []
    # The next images are made while the model predicts for these.
    with closing(in_order(lambda kind: corrupted(pictures, *kind), kinds, threads=1, ahead=1)) as made:
        for (name, severity), images_of_kind in zip(kinds, made, strict=True):
            correct = int((predict(images_of_kind).argmax(axis=1) == labels).sum())
            scores.append(
                CorruptionScore(
                    name=name,
                    severity=severity,
                    count=len(labels),
                    correct=correct,
                    accuracy=correct / len(labels),
                    accuracy_interval=wilson(correct, len(labels)),
                )
            )
    return tuple(scores)


def corrupted(images: Images, name: str, severity: int) -> Images:
    """The images with one corruption; the same call gives the same pixels.

    Args:
        images: uint8 (n, h, w, c).
        name: a key of `CORRUPTIONS`.
        severity: 1 to 5.
    """
    rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(list(CORRUPTIONS).index(name),)))
    return CORRUPTIONS[name](images, severity, rng)


def sample(count: int, limit: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """At most `limit` of `count` places, in rising order; the same for every model of a split."""
    if limit >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:limit])


def _moved(image: npt.NDArray[np.generic], offset: float) -> npt.NDArray[np.float64]:
    """An image (h, w, c) that is moved down by a number of pixels, linear between two, with its sides exchanged.

    SciPy's `shift` gives the same pixels, and takes ten times as long for photographs: it weighs 16 neighbours, along
    all four axes.
    """
    last = len(image) - 1
    places = np.clip(np.arange(last + 1) - offset, 0, last)
    above = places.astype(int)
    part = (places - above)[:, np.newaxis, np.newaxis]
    moved: npt.NDArray[np.float64] = (1 - part) * image[above] + part * image[np.minimum(above + 1, last)]
    return moved.swapaxes(0, 1)


def _pixels(values: Pixels) -> Images:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
