"""Single answers that are worth a look: the worst mistakes, and an example of each class."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from glyphline.scoring.probabilities import check_probs
from glyphline.values import Labels, Probs


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said of one image.

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


def worst_mistakes(probs: Probs, labels: Labels) -> tuple[Answer, ...]:
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
    return _answers(order, probs, labels)


def examples(probs: Probs, labels: Labels, limit: int) -> tuple[Answer, ...]:
    """The surest right answer of each class, in the order of the classes; a class without one is left out.

    Args:
        probs: float (n, classes), softmax output.
        labels: int (n,), class index in [0, classes).
        limit: of how many classes at most, the first ones.

    Raises:
        DataError: see `check_probs`.
    """
    check_probs(probs, labels)
    right = probs.argmax(axis=1) == labels
    confidence = probs.max(axis=1)
    # By class, then by falling confidence; the first of each class is its example. Equals: the first of the split.
    order = np.lexsort((-confidence, labels))
    order = order[right[order]]
    _, firsts = np.unique(labels[order], return_index=True)
    return _answers(order[firsts[:limit]], probs, labels)


def _answers(indices: npt.NDArray[np.intp], probs: Probs, labels: Labels) -> tuple[Answer, ...]:
    predicted = probs[indices].argmax(axis=1)
    return tuple(
        Answer(
            index=int(index),
            actual=int(labels[index]),
            predicted=int(said),
            confidence=float(probs[index, said]),
            likelihood=float(probs[index, labels[index]]),
        )
        for index, said in zip(indices, predicted, strict=True)
    )
