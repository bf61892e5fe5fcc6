"""The losses of each image: log loss and Brier score before the mean is taken."""

import numpy as np
import numpy.typing as npt

from glyphline.scoring.probabilities import check_probs
from glyphline.values import Labels, Probs

Losses = npt.NDArray[np.float64]

SMALLEST = float(np.finfo(np.float64).eps)
"""A probability of 0 counts as this, as in scikit-learn: one certain mistake must not make a mean infinite."""


def log_losses(probs: Probs, labels: Labels) -> Losses:
    """Negative log-likelihood of each image's own class, in nats; the mean is scikit-learn's `log_loss`.

    Args:
        probs: float (n, classes), softmax output.
        labels: int (n,), class index in [0, classes).

    Returns:
        float64 (n,), each at least 0.

    Raises:
        DataError: see `check_probs`.
    """
    likelihood = normalised(probs, labels)[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.clip(likelihood, SMALLEST, 1.0)))


def brier_scores(probs: Probs, labels: Labels) -> Losses:
    """Squared distance of each row from its one-hot truth, in [0, 2].

    Args:
        probs: float (n, classes), softmax output.
        labels: int (n,), class index in [0, classes).

    Returns:
        float64 (n,).

    Raises:
        DataError: see `check_probs`.

    Source: Brier, "Verification of Forecasts Expressed in Terms of Probability" (Monthly Weather Review 78, 1950),
    equation 2, which sums over all classes.
    """
    rows = normalised(probs, labels)
    truth = np.zeros_like(rows)
    truth[np.arange(len(labels)), labels] = 1
    return np.asarray(((rows - truth) ** 2).sum(axis=1))


def normalised(probs: Probs, labels: Labels) -> npt.NDArray[np.float64]:
    """The rows in float64, each summing to 1 as nearly as that type can; float32 misses 1 by more.

    Raises:
        DataError: see `check_probs`.
    """
    check_probs(probs, labels)
    return np.asarray(probs.astype(np.float64) / probs.sum(axis=1, keepdims=True, dtype=np.float64))
