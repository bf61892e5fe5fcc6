"""artifacts/evaluate/evaluation.json: the metrics of a model on the test split.

All rates are fractions, not percentages. Null stands for "not defined": a rate of nothing, as the recall of a class
without an image. Intervals are 95 %.
"""

from pydantic import Field

from glyphline.records.base import Count, Digest, Fraction, Name, Record

Interval = tuple[float, float]


class ClassScore(Record):
    """How well the model recognizes one class."""

    name: str
    count: int = Field(description="Images of the class.")
    predicted: int = Field(description="Images predicted as the class.")
    correct: int = Field(description="Images of the class predicted as it.")
    precision: float | None = Field(description="correct / predicted; null when nothing was predicted as the class.")
    precision_interval: Interval | None
    recall: float | None = Field(description="correct / count, the accuracy on the class; null without an image of it.")
    recall_interval: Interval | None
    f1: float | None = Field(description="Null when the class neither occurs nor is predicted.")
    f1_interval: Interval | None


class SliceScore(Record):
    """Accuracy on a third of the images, cut by a property of the picture."""

    name: str = Field(description="The property, as `thickness`.")
    part: str = Field(description="low, middle or high.")
    low: float = Field(description="Smallest value of the property in this part.")
    high: float = Field(description="Largest value of the property in this part.")
    count: int
    correct: int
    accuracy: float
    accuracy_interval: Interval


class CorruptionScore(Record):
    """Accuracy on images with one corruption."""

    name: str = Field(description="The corruption, as `blur`.")
    severity: int = Field(description="1 to 5.")
    count: int
    correct: int
    accuracy: float
    accuracy_interval: Interval


class Evaluation(Record):
    """The metrics of a model on the test split."""

    dataset: Name
    test_digest: Digest
    weights_digest: Digest
    predictions_sha256: Digest = Field(description="Of predictions.npz, so that an edited file is noticed.")
    count: int = Field(ge=1, lt=2**63)
    correct: Count
    accuracy: Fraction
    accuracy_low: Fraction
    accuracy_high: Fraction
    balanced_accuracy: Fraction | None = Field(
        default=None, description="Mean recall of the classes with images; null where it was not measured yet."
    )
    balanced_accuracy_low: Fraction | None = None
    balanced_accuracy_high: Fraction | None = None
    top_k: int | None = Field(description="The k of top_k_accuracy; null with fewer than five classes.")
    top_k_accuracy: float | None = Field(description="The true class is among the k most probable.")
    log_loss: float = Field(description="Mean, in nats.")
    log_loss_low: float
    log_loss_high: float
    brier_score: float = Field(description="Mean over images of the squared distance to the one-hot truth, in [0, 2].")
    macro_f1: float = Field(description="Mean of the F1 that are defined.")
    macro_f1_low: float
    macro_f1_high: float
    weighted_f1: float
    calibration_error: float = Field(description="Expected, over bins of equal width.")
    adaptive_calibration_error: float = Field(description="Over bins of equal count.")
    risk_coverage_area: float = Field(description="Mean error rate over all shares of the surest images; 0 is best.")
    worst_class: str = Field(description="Of the classes with images, the one with the lowest recall.")
    worst_class_recall: float
    class_gap: float = Field(description="Highest recall of a class minus the lowest.")
    corruption_accuracy: float | None = Field(description="Mean over all corruptions and severities; null when off.")
    classes: tuple[ClassScore, ...]
    slices: tuple[SliceScore, ...]
    corruptions: tuple[CorruptionScore, ...]

    @property
    def accuracy_interval(self) -> Interval:
        """Wilson's."""
        return self.accuracy_low, self.accuracy_high

    @property
    def balanced_accuracy_interval(self) -> Interval | None:
        """By MOVER from Wilson's intervals of the recalls; None where it was not measured yet."""
        if self.balanced_accuracy_low is None or self.balanced_accuracy_high is None:
            return None
        return self.balanced_accuracy_low, self.balanced_accuracy_high

    @property
    def macro_f1_interval(self) -> Interval:
        """By bootstrap."""
        return self.macro_f1_low, self.macro_f1_high

    @property
    def log_loss_interval(self) -> Interval:
        """By bootstrap, in nats."""
        return self.log_loss_low, self.log_loss_high


class Latency(Record):
    """Time per image in batches of one size."""

    batch: int
    calls: int = Field(description="How often it was measured.")
    median_s: float = Field(description="Per image.")
    p99_s: float = Field(description="Per image.")


class Cost(Record):
    """artifacts/evaluate/cost.json: size and latency of the model; measured, so never the same twice."""

    device: str
    parameters: Count
    model_bytes: Count = Field(description="Of the .keras archive.")
    latency: tuple[Latency, ...]
