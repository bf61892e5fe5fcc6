"""The search space of params.yaml in Optuna's terms."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import TrialState, create_trial

from glyphline.params import Params
from glyphline.params.tune import SpaceEntry
from glyphline.values import flatten

KIND = "model.kind"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One searched parameter.

    Attributes:
        distribution: where its values come from.
        kinds: values of `model.kind` with which it counts; None for all.
    """

    distribution: BaseDistribution
    kinds: tuple[str, ...] | None = None

    def holds(self, value: Any) -> bool:
        """True when the dimension can take the value."""
        try:
            return bool(self.distribution._contains(self.distribution.to_internal_repr(value)))  # noqa: SLF001
        except (ValueError, TypeError):
            return False


class Space:
    """The searched parameters, `model.kind` first, because others may depend on it.

    Args:
        params: the space and the hand-set values, which the space is widened to hold.
    """

    def __init__(self, params: Params) -> None:
        self._now = flatten(params.model_dump())
        entries = sorted(params.tune.space.items(), key=lambda item: item[0] != KIND)
        self.dimensions = {key: Dimension(_distribution(entry, self._now[key]), entry.kinds) for key, entry in entries}

    @property
    def is_conditional(self) -> bool:
        """True when not every candidate has every parameter."""
        return KIND in self.dimensions and any(dimension.kinds for dimension in self.dimensions.values())

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Dotted key -> where its values come from."""
        return {key: dimension.distribution for key, dimension in self.dimensions.items()}

    def draw(self, study: optuna.Study, sampler: BaseSampler, number: int) -> dict[str, Any]:
        """The values of a candidate, drawn before there is a trial.

        Args:
            study: what the sampler may learn from.
            sampler: fresh, seeded.
            number: that the trial will have.
        """
        trial = create_trial(state=TrialState.RUNNING)
        trial.number = number
        seen = _unwritten(study)
        together = sampler.sample_relative(seen, trial, sampler.infer_relative_search_space(seen, trial))
        values: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if self._counts(dimension, values):
                values[key] = (
                    together[key]
                    if key in together and dimension.holds(together[key])
                    else sampler.sample_independent(seen, trial, key, dimension.distribution)
                )
        return values

    def existing(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values that count, of a candidate that has all of them."""
        found: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if self._counts(dimension, found):
                found[key] = values[key]
        return found

    def hand_set(self) -> dict[str, Any]:
        """The values of params.yaml: trial 0."""
        return {key: self._now[key] for key, one in self.dimensions.items() if self._counts(one, {})}

    def adopt(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Values of another study as a candidate of this one; None when they lie outside or say nothing.

        What they lack is taken from params.yaml.
        """
        taken: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if self._counts(dimension, taken):
                taken[key] = values.get(key, self._now[key])
                if not dimension.holds(taken[key]):
                    return None
        return taken if set(values) & set(taken) else None

    def _counts(self, dimension: Dimension, values: Mapping[str, Any]) -> bool:
        return dimension.kinds is None or values.get(KIND, self._now[KIND]) in dimension.kinds


class _Unwritten:
    """A storage that keeps nothing of what a sampler notes about a trial that is not there yet."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """What TPE tells others of a half-written trial; ours are written whole."""


def _unwritten(study: optuna.Study) -> optuna.Study:
    seen = copy.copy(study)
    seen._storage = _Unwritten(study._storage)  # noqa: SLF001
    return seen


def _distribution(entry: SpaceEntry, now: Any) -> BaseDistribution:
    if entry.choices is not None:
        return CategoricalDistribution(entry.choices if now in entry.choices else (*entry.choices, now))
    assert entry.low is not None
    assert entry.high is not None
    # Widened to the hand-set value, which trial 0 must be able to hold.
    low, high = min(entry.low, now), max(entry.high, now)
    # A range is one of whole numbers when the parameter is a whole number, whatever the range's ends look like.
    if isinstance(now, int):
        # The hand-set value may be 0, which has no logarithm.
        return IntDistribution(int(low), int(high), log=entry.log and low >= 1, step=int(entry.step or 1))
    step = None if entry.step is None else float(entry.step)
    return FloatDistribution(float(low), float(high), log=entry.log and low > 0, step=step)
