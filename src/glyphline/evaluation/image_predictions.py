"""Predictions for single images that a person should see: the worst mistakes, and an example of each class."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from glyphline.scoring.probabilities import check_probs
from glyphline.values import Labels, Probs


@dataclass(frozen=True, slots=True)
class ImagePrediction:
    """What the model predicts for one image.

    Attributes:
        index: place of the image in its split.
        actual: index of the true class.
        predicted: index of the most probable class.
        confidence: probability of the predicted class.
        likelihood: probability of the true class.
    """

    index: int
    actual: int
    predicted: int
    confidence: float
    likelihood: float


def worst_mistakes(probs: Probs, labels: Labels) -> tuple[ImagePrediction, ...]:
    """All mistakes, by falling confidence in the wrong class; equal ones stay in the order of the split.

    Args:
        probs: float (n, classes), softmax output.
        labels: int (n,), class index in [0, classes).

    Raises:
        DataError: see `check_probs`.
    """
    check_probs(probs, labels)
    predicted = probs.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    order = wrong[np.argsort(-probs[wrong, predicted[wrong]], kind="stable")]
    return _select(order, probs, labels)


def class_examples(probs: Probs, labels: Labels, limit: int) -> tuple[ImagePrediction, ...]:
    """The right prediction of the highest confidence in each class, in the order of the classes.

    A class without a right prediction is left out.

    Args:
        probs: float (n, classes), softmax output.
        labels: int (n,), class index in [0, classes).
        limit: largest number of classes; the first ones are taken.

    Raises:
        DataError: see `check_probs`.
    """
    check_probs(probs, labels)
    right = probs.argmax(axis=1) == labels
    confidence = probs.max(axis=1)
    # By class, then by falling confidence, then by place in the split; the first of each class is its example.
    order = np.lexsort((-confidence, labels))
    order = order[right[order]]
    _, firsts = np.unique(labels[order], return_index=True)
    return _select(order[firsts[:limit]], probs, labels)


def _select(indices: npt.NDArray[np.intp], probs: Probs, labels: Labels) -> tuple[ImagePrediction, ...]:
    return tuple(
        ImagePrediction(
            index=int(index),
            actual=int(labels[index]),
            predicted=int(predicted),
            confidence=float(probs[index, predicted]),
            likelihood=float(probs[index, labels[index]]),
        )
        for index, predicted in zip(indices, probs[indices].argmax(axis=1), strict=True)
    )
