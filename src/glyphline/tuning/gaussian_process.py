"""Bayesian optimisation for few and dear trials: a Gaussian process over the space, and expected improvement.

Snoek, Larochelle and Adams, "Practical Bayesian Optimization of Machine Learning Algorithms" (2012). What is our own is
how trials count that did not come to their end: see `_Seen`.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

CANDIDATES, NEAR_THE_BEST, REACH = 768, 256, 0.15
"""Points that are compared: all over the space, and around the best; standard deviation of the latter, as a part."""
LENGTH, SHORTEST, LONGEST = 2.0, 0.5, 10.0
"""How far the loss at one place tells of another, in widths of a range: first guess and bounds. A fit's loss bends
slowly over a sensible range; a short length learned from a handful of trials holds the search where it began."""
FITTED = 100
"""Trials, at most, that the kernel's parameters are fitted to; their cost grows with the third power."""
WHISKER = 1.5
"""Interquartile ranges above the upper quartile at which losses are cut: a diverged fit must not hide the rest."""
ABSENT = 0.5
"""Where a parameter lies that a candidate does not have."""
SHARE_OF_SUM = 0.05
"""Of the sum beside the maximum, in the augmented Chebyshev norm (Knowles, "ParEGO", 2006)."""

Values = Mapping[str, Any]
Floats = npt.NDArray[np.float64]


class GaussianProcessSampler(BaseSampler):  # type: ignore[misc]
    """Draws the candidate that promises the greatest improvement on the best so far.

    Trials that run elsewhere count as if they had ended as expected, so that several workers get several candidates.
    With two objectives each draw weighs them anew. Candidates that failed, or broke a limit, count as the worst.

    Args:
        seed: of the draws.
        startup_trials: trials with a loss before the process is asked; candidates are drawn blindly until then.
        space: dotted key -> where its values come from.
        existing: the part of a candidate's values that counts.
    """

    def __init__(
        self,
        seed: int,
        startup_trials: int,
        space: Mapping[str, BaseDistribution],
        existing: Callable[[Values], Values],
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._blind = RandomSampler(seed=seed)
        self._startup_trials, self._space, self._existing = max(startup_trials, 1), space, existing

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The whole space, once there is something to learn from."""
        del trial
        known = [one for one in study.get_trials(deepcopy=False) if _has_loss(one)]
        return dict(self._space) if len(known) >= self._startup_trials else {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The values of the most promising candidate."""
        del trial
        if not search_space:
            return {}
        seen = _Seen(study.get_trials(deepcopy=False), self._weights(len(study.directions)))
        places = np.array([self._place(values) for values in seen.values])
        process = _fitted(places, seen.losses)
        if seen.running:
            waiting = np.array([self._place(values) for values in seen.running])
            places = np.concatenate([places, waiting])
            process = _conditioned(process, places, np.concatenate([seen.losses, process.predict(waiting)]))
        expected = process.predict(places)
        candidates = [self._existing(self._values(row)) for row in self._points(places[int(np.argmin(expected))])]
        promise = _expected_improvement(process, np.array([self._place(one) for one in candidates]), expected.min())
        return dict(candidates[int(np.argmax(promise))])

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A blind draw."""
        return self._blind.sample_independent(study, trial, param_name, param_distribution)

    def _weights(self, objectives: int) -> Floats:
        return self._random.dirichlet(np.ones(objectives))

    def _points(self, best: Floats) -> Floats:
        everywhere = self._random.random((CANDIDATES, len(best)))
        near = best + REACH * self._random.standard_normal((NEAR_THE_BEST, len(best)))
        return np.concatenate([everywhere, near.clip(0, 1)])

    def _place(self, values: Values) -> list[float]:
        return [
            _position(distribution, values[key]) if key in values else ABSENT
            for key, distribution in self._space.items()
        ]

    def _values(self, place: Floats) -> dict[str, Any]:
        return {
            key: _value(distribution, float(at))
            for (key, distribution), at in zip(self._space.items(), place, strict=True)
        }


class _Seen:
    """What the trials of a study say.

    A pruned trial has no final loss. It counts as its last loss and what others gained from epoch to epoch after that,
    in the median: a fit's rank changes little after the warm-up, and its loss much. It never counts as better than the
    best: one high loss in the middle of the only complete trial would make all that were pruned there look good, and
    draw the search to them.

    Attributes:
        values: dotted key -> value, of each trial that says something.
        losses: of the same trials, in standard deviations from their mean.
        running: values of the trials that are not over.
    """

    def __init__(self, trials: Sequence[FrozenTrial], weights: Floats) -> None:
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        pruned = [trial for trial in trials if trial.state == TrialState.PRUNED and _has_loss(trial)]
        failed = [trial for trial in trials if trial.state == TrialState.FAIL]
        losses = _scalar(np.array([trial.values for trial in complete]), weights) if complete else np.empty(0)
        gains, best = _gains([*complete, *pruned]), losses.min() if len(losses) else -np.inf
        losses = np.append(losses, [max(_last(trial) + gains[trial.last_step], best) for trial in pruned])
        losses = np.minimum(losses, _whisker(losses))
        losses = np.append(losses, np.full(len(failed), losses.max()))
        self.values = [trial.params for trial in (*complete, *pruned, *failed)]
        self.losses: Floats = (losses - losses.mean()) / (losses.std() or 1.0)
        self.running = [trial.params for trial in trials if not trial.state.is_finished()]


def _has_loss(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE or (trial.state == TrialState.PRUNED and math.isfinite(_last(trial)))


def _last(trial: FrozenTrial) -> float:
    return float(trial.intermediate_values.get(trial.last_step, math.nan))


def _scalar(losses: Floats, weights: Floats) -> Floats:
    """One loss of each trial, from `losses` of shape (trials, objectives)."""
    if losses.shape[1] == 1:
        return losses[:, 0]
    low, high = losses.min(axis=0), losses.max(axis=0)
    weighted = weights * (losses - low) / np.where(high > low, high - low, 1.0)
    found: Floats = weighted.max(axis=1) + SHARE_OF_SUM * weighted.sum(axis=1)
    return found


def _gains(trials: Sequence[FrozenTrial]) -> dict[int, float]:
    """Epoch -> how much the loss of a trial is expected to change from there to the last epoch of any."""
    curves = [trial.intermediate_values for trial in trials]
    last = max((max(curve) for curve in curves if curve), default=-1)
    found, gain = {last: 0.0}, 0.0
    for epoch in range(last - 1, -1, -1):
        steps = [curve[epoch + 1] - curve[epoch] for curve in curves if epoch in curve and epoch + 1 in curve]
        gain += float(np.median(steps)) if steps else 0.0
        found[epoch] = gain
    return found


def _whisker(losses: Floats) -> float:
    lower, upper = np.quantile(losses, [0.25, 0.75])
    return float(upper + WHISKER * (upper - lower))


def _fitted(places: Floats, losses: Floats) -> GaussianProcessRegressor:
    # Evenly over all of them: the first know the space, the last the neighbourhood of the best.
    some = np.unique(np.linspace(0, len(losses) - 1, min(len(losses), FITTED)).round().astype(int))
    kernel = ConstantKernel(1.0, (0.1, 10.0)) * Matern(np.full(places.shape[1], LENGTH), (SHORTEST, LONGEST), nu=2.5)
    process = GaussianProcessRegressor(kernel + WhiteKernel(0.05, (1e-3, 1.0)))
    with warnings.catch_warnings():
        # A parameter that does not matter has its length at the end of its range, and so it is meant.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(places[some], losses[some])
    return process if len(some) == len(losses) else _conditioned(process, places, losses)


def _conditioned(process: GaussianProcessRegressor, places: Floats, losses: Floats) -> GaussianProcessRegressor:
    """The process with the same kernel and other trials."""
    return GaussianProcessRegressor(process.kernel_, optimizer=None).fit(places, losses)


def _expected_improvement(process: GaussianProcessRegressor, places: Floats, best: float) -> Floats:
    expected, deviation = process.predict(places, return_std=True)
    # Of the loss without its noise: a lucky seed is no improvement.
    noise = process.kernel_.k2.noise_level
    deviation = np.sqrt(np.maximum(deviation**2 - noise, 1e-9))
    gain = (best - expected) / deviation
    found: Floats = deviation * (gain * norm.cdf(gain) + norm.pdf(gain))
    return found


def _position(distribution: BaseDistribution, value: Any) -> float:
    """Where a value lies between the ends of its range, 0 to 1; choices lie evenly, numbers among them by size."""
    if isinstance(distribution, CategoricalDistribution):
        choices = _in_order(distribution.choices)
        return choices.index(value) / max(len(choices) - 1, 1)
    low, high = _ends(distribution)
    return 0.0 if low == high else (_scaled(distribution, value) - low) / (high - low)


def _value(distribution: BaseDistribution, position: float) -> Any:
    """The value at, or nearest to, a place."""
    if isinstance(distribution, CategoricalDistribution):
        choices = _in_order(distribution.choices)
        return choices[min(int(position * len(choices)), len(choices) - 1)]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = _ends(distribution)
    value = low + position * (high - low)
    value = math.exp(value) if distribution.log else value
    if distribution.step is not None and not distribution.log:
        value = distribution.low + distribution.step * round((value - distribution.low) / distribution.step)
    value = min(max(value, distribution.low), distribution.high)
    return round(value) if isinstance(distribution, IntDistribution) else float(value)


def _ends(distribution: BaseDistribution) -> tuple[float, float]:
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return _scaled(distribution, distribution.low), _scaled(distribution, distribution.high)


def _scaled(distribution: BaseDistribution, value: float) -> float:
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return math.log(value) if distribution.log else float(value)


def _in_order(choices: Sequence[Any]) -> Sequence[Any]:
    is_numeric = all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices)
    return sorted(choices) if is_numeric else choices
