"""The comparison of a rebuilt model with the registered one."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from glyphline.records import Evaluation, Training
from glyphline.scoring import predictions

# Other processors sum in another order. The same weights then give probabilities that differ in the last digits, and a
# whole training differs by a few images: an accuracy may move by this many standard errors of a difference.
MAX_PROBABILITY_GAP = 1e-3
MAX_STANDARD_ERRORS = 2.0

IDENTICAL = "identical"
CLOSE = "equal within tolerance"
DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Result:
    """How a rebuilt model compares with the registered one.

    Attributes:
        verdict: identical, equal within tolerance, or different.
        weights: digests of the weights, registered and rebuilt.
        accuracy: registered and rebuilt.
        differing: metric -> registered and rebuilt, of those that differ; None where it is not defined.
        probability_gap: largest difference of a probability.
        changed_classes: images that the two models put in different classes.
        notes: differences between the two runs, for example other packages.
    """

    verdict: str
    weights: tuple[str, str]
    accuracy: tuple[float, float]
    differing: dict[str, tuple[float | None, float | None]]
    probability_gap: float
    changed_classes: int
    notes: tuple[str, ...] = field(default=())

    def text(self) -> str:
        """For the terminal."""
        lines = [
            f"{self.verdict}",
            f"weights: {self.weights[0][:12]} registered, {self.weights[1][:12]} rebuilt",
            f"accuracy: {self.accuracy[0]:.6f} registered, {self.accuracy[1]:.6f} rebuilt",
            f"predictions: {self.changed_classes} images with another class, largest gap {self.probability_gap:.2g}",
        ]
        lines += [
            f"{name}: {_shown(was)} registered, {_shown(now)} rebuilt" for name, (was, now) in self.differing.items()
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def compare(
    registered: Evaluation,
    registered_predictions: Path,
    rebuilt: Evaluation,
    rebuilt_predictions: Path,
    *,
    training: Training,
    notes: tuple[str, ...],
) -> Result:
    """Compare the evaluations of both models.

    Args:
        registered: of the registered model.
        registered_predictions: the file.
        rebuilt: of the rebuilt model.
        rebuilt_predictions: the file.
        training: of the rebuilt model.
        notes: differences between the two runs.
    """
    first = predictions.read(registered_predictions, registered.predictions_sha256)
    second = predictions.read(rebuilt_predictions, rebuilt.predictions_sha256)
    alike = first.probs.shape == second.probs.shape
    gap = float(np.abs(first.probs - second.probs).max()) if alike else 1.0
    changed = int((first.probs.argmax(axis=1) != second.probs.argmax(axis=1)).sum()) if alike else len(first)
    pairs = {name: (value, getattr(rebuilt, name)) for name, value in registered.model_dump().items()}
    differing = {
        name: pair
        for name, pair in pairs.items()
        if pair[0] != pair[1] and any(isinstance(value, float) for value in pair)
    }
    same_weights = registered.weights_digest == training.weights_digest
    same_split = registered.test_digest == rebuilt.test_digest
    error = MAX_STANDARD_ERRORS * (2 * registered.accuracy * (1 - registered.accuracy) / registered.count) ** 0.5
    if same_weights and not differing and gap == 0 and same_split:
        verdict = IDENTICAL
    elif not same_split:
        verdict = DIFFERENT
    elif (same_weights and gap <= MAX_PROBABILITY_GAP) or abs(registered.accuracy - rebuilt.accuracy) <= error:
        verdict = CLOSE
    else:
        verdict = DIFFERENT
    return Result(
        verdict=verdict,
        weights=(registered.weights_digest, training.weights_digest),
        accuracy=(registered.accuracy, rebuilt.accuracy),
        differing=differing,
        probability_gap=gap,
        changed_classes=changed,
        notes=notes,
    )


def _shown(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.6f}"
