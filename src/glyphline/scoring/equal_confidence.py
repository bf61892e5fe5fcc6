"""The Brier scores of two models at equal confidence, so that what counts is where a model is sure and not how sure.

A model that was trained without label smoothing is surer of every answer. That alone makes its Brier score and its log
loss better, with more errors as well as with fewer.
"""

import numpy as np
import numpy.typing as npt

from glyphline.scoring.losses import Losses, brier_scores, normalised
from glyphline.scoring.predictions import Predictions
from glyphline.values import Probs

SMALLEST = float(np.finfo(np.float64).tiny)
HALVINGS = 40
LARGEST_LOG_POWER = 5.0
"""Powers of the probabilities from exp(-5) to exp(5): far beyond what any training of a network changes."""


def brier_differences(first: Predictions, second: Predictions) -> Losses:
    """Brier score of the second model minus that of the first, image by image, both at the same mean confidence.

    Args:
        first: of the reference model.
        second: of the same images.

    Returns:
        float64 (n,), each in [-2, 2]; below 0 where the second is better. Exchanging the models changes the signs.
    """
    rows = [normalised(model.probs, model.labels) for model in (first, second)]
    confidence = sum(_mean_confidence(probs) for probs in rows) / 2
    scores = [brier_scores(_at_confidence(probs, confidence), first.labels) for probs in rows]
    return np.asarray(scores[1] - scores[0])


def _mean_confidence(probs: npt.NDArray[np.float64]) -> float:
    return float(probs.max(axis=1).mean())


def _at_confidence(probs: npt.NDArray[np.float64], confidence: float) -> Probs:
    """The probabilities to the power that gives this mean confidence: temperature scaling, without the labels."""
    logs = np.log(np.maximum(probs, SMALLEST))
    low, high = -LARGEST_LOG_POWER, LARGEST_LOG_POWER
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _mean_confidence(_power(logs, middle)) < confidence else (low, middle)
    return _power(logs, (low + high) / 2).astype(np.float32)


def _power(logs: npt.NDArray[np.float64], log_power: float) -> npt.NDArray[np.float64]:
    scaled = logs * np.exp(log_power)
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
