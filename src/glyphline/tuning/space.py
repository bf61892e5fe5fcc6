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
        distribution: of its values.
        kinds: values of `model.kind` with which the parameter is searched; None for all.
    """

    distribution: BaseDistribution
    kinds: tuple[str, ...] | None = None

    def contains(self, value: Any) -> bool:
        """True when the value lies in the distribution."""
        try:
            return bool(self.distribution._contains(self.distribution.to_internal_repr(value)))  # noqa: SLF001
        except (ValueError, TypeError):
            return False


class Space:
    """The searched parameters, `model.kind` first, because others may depend on it.

    Args:
        params: the space, and the current values; the space is widened to contain them.
    """

    def __init__(self, params: Params) -> None:
        self._current = flatten(params.model_dump())
        entries = sorted(params.tune.space.items(), key=lambda item: item[0] != KIND)
        self.dimensions = {
            key: Dimension(_distribution(entry, self._current[key]), entry.kinds) for key, entry in entries
        }

    @property
    def is_conditional(self) -> bool:
        """True when not every candidate has every parameter."""
        return KIND in self.dimensions and any(dimension.kinds for dimension in self.dimensions.values())

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Dotted key -> distribution of its values."""
        return {key: dimension.distribution for key, dimension in self.dimensions.items()}

    def draw(self, study: optuna.Study, sampler: BaseSampler, number: int) -> dict[str, Any]:
        """The values of a candidate, drawn before its trial exists.

        Args:
            study: the sampler may learn from its trials.
            sampler: fresh, seeded.
            number: of the future trial.
        """
        trial = create_trial(state=TrialState.RUNNING)
        trial.number = number
        read_only = _without_sampler_attrs(study)
        together = sampler.sample_relative(read_only, trial, sampler.infer_relative_search_space(read_only, trial))
        values: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if self._is_active(dimension, values):
                values[key] = (
                    together[key]
                    if key in together and dimension.contains(together[key])
                    else sampler.sample_independent(read_only, trial, key, dimension.distribution)
                )
        return values

    def active_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the parameters that a candidate's `model.kind` has, from values for all parameters."""
        active: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if self._is_active(dimension, active):
                active[key] = values[key]
        return active

    def current_values(self) -> dict[str, Any]:
        """The values of params.yaml: trial 0."""
        return self.active_values(self._current)

    def adopt(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Values of another study as a candidate of this one, with missing values taken from params.yaml.

        None when a value lies outside the space, or when there are values only of other parameters.
        """
        candidate = self.active_values({**self._current, **values})
        is_inside = all(self.dimensions[key].contains(value) for key, value in candidate.items())
        return candidate if is_inside and set(values) & set(candidate) else None

    def completed(self, asked: Mapping[str, Any], rest: Mapping[str, Any]) -> dict[str, Any]:
        """A candidate with the values that are asked for; the others are those of `rest`, or else of params.yaml.

        Raises:
            ValueError: a value that is asked for is none of this space; the message says why.
        """
        candidate = self.active_values({**self._current, **rest, **asked})
        for key, value in asked.items():
            if key not in self.dimensions:
                raise ValueError(f"{key} is not in tune.space")
            if key not in candidate:
                raise ValueError(f"{key} is not searched with this {KIND}")
            if not self.dimensions[key].contains(value):
                raise ValueError(f"{key}={value!r} lies outside of tune.space")
        return candidate

    def _is_active(self, dimension: Dimension, values: Mapping[str, Any]) -> bool:
        return dimension.kinds is None or values.get(KIND, self._current[KIND]) in dimension.kinds


class _StorageWithoutSamplerAttrs:
    """A storage that ignores what a sampler writes about a trial that does not exist yet."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Ignore TPE's attributes: they describe half-written trials to other processes, and ours are written whole."""


def _without_sampler_attrs(study: optuna.Study) -> optuna.Study:
    read_only = copy.copy(study)
    read_only._storage = _StorageWithoutSamplerAttrs(study._storage)  # noqa: SLF001
    return read_only


def _distribution(entry: SpaceEntry, current: Any) -> BaseDistribution:
    if entry.choices is not None:
        return CategoricalDistribution(entry.choices if current in entry.choices else (*entry.choices, current))
    assert entry.low is not None
    assert entry.high is not None
    # Widened to contain the value of params.yaml, which is trial 0.
    low, high = min(entry.low, current), max(entry.high, current)
    # The type of the parameter decides between whole and real numbers, not the type of the range's ends.
    if isinstance(current, int):
        # The value of params.yaml may be 0, which has no logarithm.
        return IntDistribution(int(low), int(high), log=entry.log and low >= 1, step=int(entry.step or 1))
    step = None if entry.step is None else float(entry.step)
    return FloatDistribution(float(low), float(high), log=entry.log and low > 0, step=step)
