"""Selective prediction: the error rate when a model abstains from the images of low confidence."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from glyphline.scoring.probabilities import check_probs
from glyphline.values import Labels, Probs


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """The risk-coverage curve of a classifier that abstains below a confidence.

    Attributes:
        coverage: float64 (n,), share of the images that the model does not abstain from, 1/n to 1.
        risk: float64 (n,), error rate among them.
        confidence: float64 (n,), the lowest confidence among them.
    """

    coverage: npt.NDArray[np.float64]
    risk: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]

    @property
    def area(self) -> float:
        """Mean risk over all coverages, in [0, 1]; 0 is best, and useless confidence gives the error rate."""
        return float(self.risk.mean())

    def accuracy_at(self, coverage: float) -> float:
        """Accuracy on this share of the images, those of the highest confidence."""
        place = max(1, round(coverage * len(self.risk))) - 1
        return 1 - float(self.risk[place])


def risk_coverage(probs: Probs, labels: Labels) -> RiskCoverage:
    """The risk on the image of the highest confidence, on the best two, ... on all; equal ones count in no order.

    Args:
        probs: float (n, classes), softmax output, rows sum to 1.
        labels: int (n,), class index in [0, classes).

    Raises:
        DataError: see `check_probs`.

    Source: El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification" (JMLR 11, 2010); its area
    as in Geifman, Uziel and El-Yaniv, "Bias-Reduced Uncertainty Estimation" (ICLR 2019).
    """
    check_probs(probs, labels)
    confidence = probs.max(axis=1).astype(np.float64)
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    wrong = (probs.argmax(axis=1) != labels)[order].astype(np.float64)
    # Each of equal ones counts as their mean, which is what any order of them gives on average: the result for a model
    # that predicts the same for every image must not depend on the order of the split.
    _, which, sizes = np.unique(-falling, return_inverse=True, return_counts=True)
    wrong = (np.bincount(which, weights=wrong) / sizes)[which]
    counts = np.arange(1, len(labels) + 1)
    return RiskCoverage(counts / len(labels), np.cumsum(wrong) / counts, falling)
