"""The check of probabilities and labels that comes before every score."""

import numpy as np

from glyphline.errors import DataError
from glyphline.values import Labels, Probs

SUM_TOLERANCE = 1e-3
"""float16 and bfloat16 heads miss 1 by less than this."""

PREDICT_AGAIN = "predict again, on the images that these labels belong to"


def check_probs(probs: Probs, labels: Labels) -> None:
    """Refuse what cannot be probabilities for these labels.

    Args:
        probs: float (n, classes), softmax output, rows sum to 1.
        labels: int (n,), class index in [0, classes).

    Raises:
        DataError: n is 0, there are fewer than two classes, the lengths differ, a value is NaN, infinite or negative,
            a row does not sum to 1 within 1e-3, or a label is no class.
    """
    _check_shapes(probs, labels)
    _check_values(probs)
    classes = probs.shape[1]
    strange = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(strange):
        row = int(strange[0])
        raise DataError(
            f"label {int(labels[row])} at {row} is no class index in [0, {classes})",
            fix="train and evaluate on splits of the same data set: `dvc repro`",
        )


def _check_shapes(probs: Probs, labels: Labels) -> None:
    if probs.ndim != 2 or probs.shape[1] < 2:
        raise DataError(
            f"probabilities must have the shape (n, classes) with 2 classes or more, received {probs.shape}",
            fix="give one column per class, also when there are two",
        )
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"labels must be integers of the shape (n,), received {labels.dtype} {labels.shape}",
            fix="give class indices, not one-hot rows",
        )
    if len(probs) == 0:
        raise DataError("there are no predictions to score", fix="evaluate on at least one image")
    if len(probs) != len(labels):
        raise DataError(f"{len(probs)} predictions for {len(labels)} labels", fix=PREDICT_AGAIN)


def _check_values(probs: Probs) -> None:
    finite = np.isfinite(probs).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise DataError(
            f"the probabilities of image {row} hold NaN or infinity ({int((~finite).sum())} such rows)",
            fix="the network diverged: lower train.learning_rate and train again",
        )
    sums = probs.sum(axis=1, dtype=np.float64)
    wrong = (np.abs(sums - 1) > SUM_TOLERANCE) | (probs < 0).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{int(wrong.sum())} rows are no probabilities: they do not sum to 1 or hold negative values"
            f" (image {row} sums to {sums[row]:.4g}, its lowest value is {float(probs[row].min()):.4g})",
            fix="give probabilities, not logits: the network's last layer must be a softmax",
        )
