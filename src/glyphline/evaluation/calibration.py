"""Calibration: how far the confidence of predictions is from their accuracy."""

from dataclasses import dataclass

import numpy as np

from glyphline.scoring.probabilities import check_probs
from glyphline.values import Labels, Probs


@dataclass(frozen=True, slots=True)
class Bin:
    """The predictions whose confidence lies in (low, high].

    Attributes:
        low: lower end, not in the bin.
        high: upper end, in the bin.
        count: number of predictions.
        correct: number of right ones.
        confidence: their mean confidence.
        accuracy: correct / count.
    """

    low: float
    high: float
    count: int
    correct: int
    confidence: float
    accuracy: float


def reliability(probs: Probs, labels: Labels, bins: int = 15) -> tuple[Bin, ...]:
    """Accuracy per bin of confidence, in rising order; empty bins are left out.

    Args:
        probs: float (n, classes), softmax output, rows sum to 1.
        labels: int (n,), class index in [0, classes).
        bins: equal-width confidence bins on (0, 1].

    Raises:
        DataError: see `check_probs`.

    Source: Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), section 2.
    """
    check_probs(probs, labels)
    confidence = probs.max(axis=1).astype(np.float64)
    right = probs.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    # side="left": the paper's bins are (lo, hi]. The outer edges are left out so that 1.0004, a sum within its
    # tolerance, falls into the last bin.
    which = np.searchsorted(edges[1:-1], confidence, side="left")
    counts = np.bincount(which, minlength=bins)
    corrects = np.bincount(which[right], minlength=bins)
    confidences = np.bincount(which, weights=confidence, minlength=bins)
    return tuple(
        Bin(
            low=float(edges[number]),
            high=float(edges[number + 1]),
            count=int(counts[number]),
            correct=int(corrects[number]),
            confidence=float(confidences[number] / counts[number]),
            accuracy=float(corrects[number] / counts[number]),
        )
        for number in np.flatnonzero(counts)
    )


def calibration_error(probs: Probs, labels: Labels, bins: int = 15) -> float:
    """Expected calibration error: how far confidence is from accuracy, on average.

    Args:
        probs: float (n, classes), softmax output, rows sum to 1.
        labels: int (n,), class index in [0, classes).
        bins: equal-width confidence bins on (0, 1].

    Returns:
        A fraction in [0, 1] (0.02 = two percentage points), not a percentage.

    Raises:
        DataError: see `check_probs`.

    Source: Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), section 2.
    """
    return mean_gap(reliability(probs, labels, bins))


def mean_gap(table: tuple[Bin, ...]) -> float:
    """The expected calibration error of a reliability table."""
    count = sum(entry.count for entry in table)
    return sum(abs(entry.accuracy - entry.confidence) * entry.count for entry in table) / count


def adaptive_calibration_error(probs: Probs, labels: Labels, bins: int = 15) -> float:
    """Adaptive calibration error: each class's probability against its frequency, in bins of equal count.

    Unlike the expected calibration error it uses all probabilities of an image, not only the largest, and no bin is
    nearly empty.

    Args:
        probs: float (n, classes), softmax output, rows sum to 1.
        labels: int (n,), class index in [0, classes).
        bins: per class; with fewer images than bins each image is one.

    Returns:
        A fraction in [0, 1].

    Raises:
        DataError: see `check_probs`.

    Source: Nixon et al., "Measuring Calibration in Deep Learning" (CVPR Workshops 2019), section 4.1.
    """
    check_probs(probs, labels)
    # Stable, so that equal probabilities fall into the bins in the order of the split.
    order = np.argsort(probs, axis=0, kind="stable")
    sorted_probs = np.take_along_axis(probs.astype(np.float64), order, axis=0)
    is_class = labels[order] == np.arange(probs.shape[1])
    count = min(bins, len(labels))
    edges = np.arange(count) * len(labels) // count
    sizes = np.diff([*edges, len(labels)])[:, None]
    gaps = np.add.reduceat(sorted_probs, edges, axis=0) - np.add.reduceat(is_class.astype(np.float64), edges, axis=0)
    return float((np.abs(gaps) / sizes).mean())
