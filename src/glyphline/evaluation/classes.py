"""Metrics per class: confusion matrix, precision, recall and F1 with intervals; and the interval of the macro F1."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from glyphline.records import ClassScore
from glyphline.scoring.intervals import RESAMPLES, f1_interval, wilson
from glyphline.values import Labels

Counts = npt.NDArray[np.int64]


def confusion(labels: Labels, predicted: Labels, classes: int) -> Counts:
    """The confusion matrix: how often each class was predicted as each.

    Args:
        labels: int (n,), the true classes.
        predicted: int (n,), the predicted classes.
        classes: number of classes.

    Returns:
        int64 (classes, classes); row: the true class, column: the predicted one.
    """
    from sklearn.metrics import confusion_matrix

    return np.asarray(confusion_matrix(labels, predicted, labels=np.arange(classes)), dtype=np.int64)


def class_scores(counts: Counts, names: Sequence[str]) -> tuple[ClassScore, ...]:
    """The scores of each class; a rate of nothing is None.

    Args:
        counts: int64 (classes, classes), as `confusion` gives.
        names: of the classes.
    """
    cells = zip(names, counts.diagonal().tolist(), counts.sum(1).tolist(), counts.sum(0).tolist(), strict=True)
    return tuple(_score(name, correct, count, predicted) for name, correct, count, predicted in cells)


def macro_f1_interval(counts: Counts, *, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """95 % interval of the macro F1: images drawn anew with replacement, which is a draw of the confusion's cells.

    Args:
        counts: int64 (classes, classes), as `confusion` gives.
        seed: of the draws.
        resamples: number of draws.
    """
    rng, total = np.random.default_rng(seed), int(counts.sum())
    actual, predicted = np.nonzero(counts)
    shares = counts[actual, predicted] / total
    means = np.empty(resamples)
    for number in range(resamples):
        drawn = rng.multinomial(total, shares)
        hits = np.bincount(actual[actual == predicted], weights=drawn[actual == predicted], minlength=len(counts))
        images = np.bincount(actual, weights=drawn, minlength=len(counts))
        images += np.bincount(predicted, weights=drawn, minlength=len(counts))
        means[number] = (2 * hits[images > 0] / images[images > 0]).mean()
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _score(name: str, correct: int, count: int, predicted: int) -> ClassScore:
    either = count + predicted
    return ClassScore(
        name=name,
        count=count,
        predicted=predicted,
        correct=correct,
        precision=correct / predicted if predicted else None,
        precision_interval=wilson(correct, predicted) if predicted else None,
        recall=correct / count if count else None,
        recall_interval=wilson(correct, count) if count else None,
        f1=2 * correct / either if either else None,
        f1_interval=f1_interval(correct, count, predicted) if either else None,
    )
