"""What the gate decides on: the scores of a version, and its comparison with the champion on the same images."""

from dataclasses import dataclass

from glyphline.records import Cost, Evaluation
from glyphline.scoring.paired_tests import Disagreements


@dataclass(frozen=True, slots=True)
class ModelScores:
    """What was measured of a model.

    Attributes:
        evaluation: on the test split.
        cost: None where it was not measured.
    """

    evaluation: Evaluation
    cost: Cost | None

    @property
    def robustness_loss(self) -> float | None:
        """Accuracy minus the accuracy on corrupted images, a fraction; None where that was not measured."""
        corrupted = self.evaluation.corruption_accuracy
        return None if corrupted is None else self.evaluation.accuracy - corrupted

    @property
    def latency_ms(self) -> float | None:
        """Median time for a batch of one image; None where it was not measured."""
        latencies = self.cost.latency if self.cost else ()
        return next((1000 * latency.median_s for latency in latencies if latency.batch == 1), None)

    @property
    def model_bytes(self) -> int | None:
        """Size of the archive; None where it was not measured."""
        return self.cost.model_bytes if self.cost else None


@dataclass(frozen=True, slots=True)
class PairedScores(Disagreements):
    """A champion, the first model, and a challenger, the second, on the same images.

    Attributes:
        brier_difference: mean Brier score, second minus first, at equal confidence; below 0 when the second is better.
        brier_p_value: one-sided, of whether the second is better.
    """

    brier_difference: float
    brier_p_value: float


@dataclass(frozen=True, slots=True)
class ChampionComparison:
    """The champion, and how a candidate compares with it.

    Attributes:
        version: number in the registry.
        test_digest: the split that it was scored on; None when that was not recorded.
        weights_digest: None when that was not recorded.
        result: text says why there is no comparison.
        is_current: false for the last champion, while no version has the alias.
    """

    version: int
    test_digest: str | None
    weights_digest: str | None
    result: PairedScores | str
    is_current: bool = True

    @property
    def label(self) -> str:
        """The version in words."""
        return f"champion version {self.version}" if self.is_current else f"version {self.version}, the last champion"
