"""What the gate looks at: the numbers of a version, and how it compares with the champion on the same images."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelScores:
    """What was measured of a version; None where it was not.

    Attributes:
        version: number in the registry.
        accuracy: fraction of the test split that was told right.
        test_digest: identity of the test split.
        weights_digest: identity of the weights.
        worst_class: the class that is told right least often.
        worst_class_recall: how often, a fraction.
        calibration_error: expected calibration error, a fraction.
        robustness_loss: accuracy minus the accuracy on spoiled images, a fraction.
        latency_ms: median time for a batch of one image.
        model_bytes: of the archive.
    """

    version: int
    accuracy: float
    test_digest: str
    weights_digest: str
    worst_class: str | None = None
    worst_class_recall: float | None = None
    calibration_error: float | None = None
    robustness_loss: float | None = None
    latency_ms: float | None = None
    model_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class PairedResult:
    """Champion and challenger on the same images.

    Attributes:
        count: images.
        only_champion: images that only the champion gets right.
        only_challenger: images that only the challenger gets right.
        p_value: two-sided, exact McNemar.
        interval: level -> interval of the difference of the accuracies, challenger minus champion.
    """

    count: int
    only_champion: int
    only_challenger: int
    p_value: float
    interval: Callable[[float], tuple[float, float]]

    @property
    def difference(self) -> float:
        """Of the accuracies, challenger minus champion."""
        return (self.only_challenger - self.only_champion) / self.count


@dataclass(frozen=True, slots=True)
class ChampionComparison:
    """Who holds the place.

    Attributes:
        version: number in the registry.
        test_digest: the split that it was scored on; None when nobody wrote it down.
        weights_digest: None when nobody wrote it down.
        paired: the comparison with the candidate, or why there is none.
        is_in_use: false for the last champion, when nobody holds the alias now.
    """

    version: int
    test_digest: str | None
    weights_digest: str | None
    paired: PairedResult | str
    is_in_use: bool = True

    @property
    def who(self) -> str:
        """In words."""
        return f"champion version {self.version}" if self.is_in_use else f"version {self.version}, the last champion"
