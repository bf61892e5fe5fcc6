"""The search space of params.yaml in Optuna's terms."""

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from glyphline.params import Params
from glyphline.params.schema import SpaceEntry
from glyphline.values import flatten


def distributions(params: Params) -> dict[str, BaseDistribution]:
    """Dotted key -> distribution, in the order of `tune.space`.

    A range is one of whole numbers when the parameter is a whole number, whatever the range's ends look like.
    """
    now = flatten(params.model_dump())
    return {key: _distribution(entry, now[key]) for key, entry in params.tune.space.items()}


def _distribution(entry: SpaceEntry, now: Any) -> BaseDistribution:
    if entry.choices is not None:
        return CategoricalDistribution(entry.choices if now in entry.choices else (*entry.choices, now))
    assert entry.low is not None
    assert entry.high is not None
    # Widened to the hand-set value, which trial 0 must be able to hold.
    low, high = min(entry.low, now), max(entry.high, now)
    if isinstance(now, int):
        return IntDistribution(int(low), int(high), log=entry.log, step=int(entry.step or 1))
    step = None if entry.step is None else float(entry.step)
    return FloatDistribution(float(low), float(high), log=entry.log and low > 0, step=step)


def hand_set(params: Params, space: dict[str, BaseDistribution]) -> dict[str, Any]:
    """The values of params.yaml for the keys of the space: trial 0."""
    now = flatten(params.model_dump())
    return {key: now[key] for key in space}
