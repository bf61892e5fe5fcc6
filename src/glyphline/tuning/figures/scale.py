"""Where the values of a searched parameter lie on an axis: evenly, by logarithm, or one place per choice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial

from glyphline import figure_style as style

CHOICE_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Scale:
    """The axis of a parameter; places are numbers that an axis of Matplotlib takes as they are.

    Attributes:
        key: dotted.
        low, high: places of the ends of the axis.
        ticks: (place, text).
        choices: of a categorical parameter; none for a number.
        log: the place of a number is its logarithm.
    """

    key: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    choices: tuple[Any, ...] = ()
    log: bool = False

    @classmethod
    def of(cls, key: str, trials: Sequence[FrozenTrial]) -> Self:
        """The scale of a parameter over the whole range that was searched.

        Args:
            key: dotted.
            trials: of which at least one has the parameter.
        """
        ranges = [trial.distributions[key] for trial in trials if key in trial.params]
        if isinstance(ranges[0], CategoricalDistribution):
            choices = _in_order(ranges[0].choices)
            texts = (style.shortened(str(choice), CHOICE_CHARACTERS) for choice in choices)
            return cls(key, -0.5, len(choices) - 0.5, tuple(enumerate(texts)), choices)
        low, high = float(min(one.low for one in ranges)), float(max(one.high for one in ranges))
        return cls.between(key, low, high, log=all(one.log for one in ranges))

    @classmethod
    def between(cls, key: str, low: float, high: float, *, log: bool) -> Self:
        """The scale of a number.

        Args:
            key: dotted, or the name of an objective.
            low: the lower end.
            high: the upper end; where both are the same, there is one place, in the middle.
            log: by logarithm; `low` is above 0.
        """
        if low == high:
            return cls(key, -1.0, 1.0, ((0.0, style.number(low)),), (low,))
        place = math.log10 if log else float
        ticks = tuple((place(value), style.number(value)) for value in style.ticks(low, high, log=log))
        return cls(key, place(low), place(high), ticks, log=log)

    def place(self, value: Any) -> float:
        """Where a value lies."""
        if self.choices:
            return float(self.choices.index(value))
        return math.log10(value) if self.log else float(value)

    def share(self, place: float) -> float:
        """A place as a fraction of the way from `low` to `high`."""
        return (place - self.low) / (self.high - self.low)


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Dotted key -> the part of it that tells it from the others: `learning_rate`."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)}


def _in_order(choices: Sequence[Any]) -> tuple[Any, ...]:
    # As they were given, but for numbers: 64, 32, 128 would look like a curve that there is not.
    is_number = all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices)
    return tuple(sorted(choices)) if is_number else tuple(choices)
