"""The images that the model got wrong, the surest first."""

from dataclasses import dataclass

import numpy as np

from glyphline.evaluation.probabilities import check_probs
from glyphline.values import Labels, Probs


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong prediction.

    Attributes:
        index: place of the image in its split.
        actual: index of the true class.
        predicted: index of the class that it was taken for.
        confidence: probability given to the wrong class.
        likelihood: probability given to the true class.
    """

    index: int
    actual: int
    predicted: int
    confidence: float
    likelihood: float


def worst_mistakes(probs: Probs, labels: Labels) -> tuple[Mistake, ...]:
    """All mistakes, by falling confidence in the wrong class; equals stay in the order of the split.

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
    return tuple(
        Mistake(
            index=int(index),
            actual=int(labels[index]),
            predicted=int(predicted[index]),
            confidence=float(probs[index, predicted[index]]),
            likelihood=float(probs[index, labels[index]]),
        )
        for index in order
    )
