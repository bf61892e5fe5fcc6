"""Accuracy on slices: thirds of the images, split by a property of the picture."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from glyphline.records import SliceScore
from glyphline.scoring.intervals import wilson
from glyphline.scoring.probabilities import check_probs
from glyphline.values import Images, Probs, Split

Values = npt.NDArray[np.float64]

PARTS = ("low", "middle", "high")


def intensity(images: Images) -> Values:
    """Mean of the pixels, 0 to 255."""
    return np.asarray(images.mean(axis=(1, 2, 3), dtype=np.float64))


def contrast(images: Images) -> Values:
    """Standard deviation of the pixels, 0 to 127.5."""
    return np.asarray(images.std(axis=(1, 2, 3), dtype=np.float64))


def thickness(images: Images) -> Values:
    """Width of the strokes in pixels: twice the area of the ink over the length of its edge; 0 without ink.

    Ink is what lies further from the brightness of the border than half the range of the image, so dark on light
    and light on dark are treated alike.
    """
    ink = _ink(images)
    framed = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    edge = (framed[:, 1:] != framed[:, :-1]).sum(axis=(1, 2)) + (framed[..., 1:] != framed[..., :-1]).sum(axis=(1, 2))
    return np.asarray(2 * ink.sum(axis=(1, 2)) / np.maximum(edge, 1), dtype=np.float64)


def size(images: Images) -> Values:
    """Share of the image that the smallest upright box around the ink takes, 0 to 1."""
    ink = _ink(images)
    spans = [_span(np.asarray(ink.any(axis=axis))) for axis in (2, 1)]
    return np.asarray(spans[0] * spans[1] / ink[0].size, dtype=np.float64)


PROPERTIES: dict[str, Callable[[Images], Values]] = {
    "contrast": contrast,
    "intensity": intensity,
    "size": size,
    "thickness": thickness,
}
"""What `evaluate.slices` may name."""


def slice_scores(split: Split, probs: Probs, names: Sequence[str]) -> tuple[SliceScore, ...]:
    """Accuracy on the third of the images with the lowest, middle and highest value of each property.

    Equal values stay together, so that the thirds may differ in size; one that no image falls into is left out.

    Args:
        split: the images and their labels.
        probs: float32 (n, classes), softmax output for `split.images`.
        names: keys of `PROPERTIES`.

    Raises:
        DataError: see `check_probs`.
    """
    check_probs(probs, split.labels)
    right = probs.argmax(axis=1) == split.labels
    scores = []
    for name in names:
        values = PROPERTIES[name](np.asarray(split.images))
        # "inverted_cdf" gives values that occur, so that the ends are those of images.
        ends = np.quantile(values, [1 / 3, 2 / 3], method="inverted_cdf")
        part_of = np.searchsorted(ends, values, side="left")
        for number, part in enumerate(PARTS):
            inside = part_of == number
            if inside.any():
                scores.append(_score(name, part, values[inside], right[inside]))
    return tuple(scores)


def _score(name: str, part: str, values: Values, right: npt.NDArray[np.bool_]) -> SliceScore:
    correct, count = int(right.sum()), len(right)
    return SliceScore(
        name=name,
        part=part,
        low=float(values.min()),
        high=float(values.max()),
        count=count,
        correct=correct,
        accuracy=correct / count,
        accuracy_interval=wilson(correct, count),
    )


def _ink(images: Images) -> npt.NDArray[np.bool_]:
    grey = images.mean(axis=3, dtype=np.float32)
    border = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1)
    ground = np.median(border, axis=1)[:, None, None]
    reach = np.ptp(grey, axis=(1, 2))[:, None, None]
    return np.asarray((np.abs(grey - ground) > reach / 2) & (reach > 0))


def _span(line: npt.NDArray[np.bool_]) -> Values:
    """Length from the first to the last true of each row, both counted; 0 without any."""
    length = line.shape[1]
    first, last = line.argmax(axis=1), length - line[:, ::-1].argmax(axis=1)
    return np.where(line.any(axis=1), last - first, 0).astype(np.float64)
