"""Bayesian optimisation for few and expensive trials: a Gaussian process over the space, and expected improvement.

Snoek, Larochelle and Adams, "Practical Bayesian Optimization of Machine Learning Algorithms" (2012). Not from
the paper: how unfinished, pruned and failed trials count, see `_Observations`.
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
"""Points that are compared: in the whole space, and around the best; standard deviation of those, in range widths."""
LENGTH, SHORTEST, LONGEST = 2.0, 0.5, 10.0
"""Length scale of the kernel, in widths of a range: first guess and bounds. A fit's loss changes slowly over a sensible
range; a short length learned from a handful of trials would keep the search where it started."""
FITTED = 100
"""Trials, at most, that the kernel's parameters are fitted to; their cost grows with the third power."""
WHISKER = 1.5
"""Interquartile ranges above the upper quartile at which losses are cut: a diverged fit must not hide the rest."""
ABSENT = 0.5
"""Position of a parameter that a candidate does not have."""
SHARE_OF_SUM = 0.05
"""Weight of the sum that is added to the maximum, in the augmented Chebyshev norm (Knowles, "ParEGO", 2006)."""

Values = Mapping[str, Any]
Floats = npt.NDArray[np.float64]


class GaussianProcessSampler(BaseSampler):  # type: ignore[misc]
    """Draws the candidate with the greatest expected improvement on the best so far.

    Running trials count as if they had ended as predicted, so that several workers get different candidates.
    With two objectives each draw weighs them at random. Candidates that failed, or broke a limit, count as the worst.

    Args:
        seed: of the draws.
        startup_trials: trials with a loss that the model needs; candidates are drawn at random until then.
        space: dotted key -> distribution of its values.
        active_values: keeps those of a candidate's values that its `model.kind` has.
    """

    def __init__(
        self,
        seed: int,
        startup_trials: int,
        space: Mapping[str, BaseDistribution],
        active_values: Callable[[Values], Values],
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._random_sampler = RandomSampler(seed=seed)
        self._startup_trials, self._space, self._active_values = max(startup_trials, 1), space, active_values

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The whole space, once there are enough trials with a loss."""
        del trial
        trials = [trial for trial in study.get_trials(deepcopy=False) if _has_loss(trial)]
        return dict(self._space) if len(trials) >= self._startup_trials else {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The values of the candidate with the greatest expected improvement."""
        del trial
        if not search_space:
            return {}
        observed = _Observations(study.get_trials(deepcopy=False), self._weights(len(study.directions)))
        points = np.array([self._point(values) for values in observed.values])
        process = _fitted(points, observed.losses)
        if observed.running:
            running = np.array([self._point(values) for values in observed.running])
            points = np.concatenate([points, running])
            process = _conditioned(process, points, np.concatenate([observed.losses, process.predict(running)]))
        expected = process.predict(points)
        best = points[int(np.argmin(expected))]
        candidates = [self._active_values(self._values(point)) for point in self._candidate_points(best)]
        improvement = _expected_improvement(process, np.array([self._point(one) for one in candidates]), expected.min())
        return dict(candidates[int(np.argmax(improvement))])

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A random draw."""
        return self._random_sampler.sample_independent(study, trial, param_name, param_distribution)

    def _weights(self, objectives: int) -> Floats:
        return self._random.dirichlet(np.ones(objectives))

    def _candidate_points(self, best: Floats) -> Floats:
        everywhere = self._random.random((CANDIDATES, len(best)))
        near = best + REACH * self._random.standard_normal((NEAR_THE_BEST, len(best)))
        return np.concatenate([everywhere, near.clip(0, 1)])

    def _point(self, values: Values) -> list[float]:
        return [
            _position(distribution, values[key]) if key in values else ABSENT
            for key, distribution in self._space.items()
        ]

    def _values(self, point: Floats) -> dict[str, Any]:
        return {
            key: _value(distribution, float(position))
            for (key, distribution), position in zip(self._space.items(), point, strict=True)
        }


class _Observations:
    """The losses of a study's trials, as the Gaussian process learns from them.

    A pruned trial has no final loss. It counts as its last loss plus the median change of the other trials from epoch
    to epoch after that: after the warm-up, a fit's rank changes little, but its loss much. It never counts as better
    than the best: one high loss in the middle of the only complete trial would make all that were pruned there look
    good, and draw the search to them.

    Attributes:
        values: dotted key -> value, of each trial that counts.
        losses: of the same trials, in standard deviations from their mean.
        running: values of the trials that have not ended.
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
    scalars: Floats = weighted.max(axis=1) + SHARE_OF_SUM * weighted.sum(axis=1)
    return scalars


def _gains(trials: Sequence[FrozenTrial]) -> dict[int, float]:
    """Epoch -> how much the loss of a trial is expected to change from there to the last epoch of any."""
    curves = [trial.intermediate_values for trial in trials]
    last = max((max(curve) for curve in curves if curve), default=-1)
    gains, gain = {last: 0.0}, 0.0
    for epoch in range(last - 1, -1, -1):
        steps = [curve[epoch + 1] - curve[epoch] for curve in curves if epoch in curve and epoch + 1 in curve]
        gain += float(np.median(steps)) if steps else 0.0
        gains[epoch] = gain
    return gains


def _whisker(losses: Floats) -> float:
    lower, upper = np.quantile(losses, [0.25, 0.75])
    return float(upper + WHISKER * (upper - lower))


def _fitted(points: Floats, losses: Floats) -> GaussianProcessRegressor:
    # Evenly chosen: the first trials lie all over the space, the last ones around the best.
    some = np.unique(np.linspace(0, len(losses) - 1, min(len(losses), FITTED)).round().astype(int))
    kernel = ConstantKernel(1.0, (0.1, 10.0)) * Matern(np.full(points.shape[1], LENGTH), (SHORTEST, LONGEST), nu=2.5)
    process = GaussianProcessRegressor(kernel + WhiteKernel(0.05, (1e-3, 1.0)))
    with warnings.catch_warnings():
        # A parameter that does not matter gets the longest length scale, as it should.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(points[some], losses[some])
    return process if len(some) == len(losses) else _conditioned(process, points, losses)


def _conditioned(process: GaussianProcessRegressor, points: Floats, losses: Floats) -> GaussianProcessRegressor:
    """The process with the same kernel and other trials."""
    return GaussianProcessRegressor(process.kernel_, optimizer=None).fit(points, losses)


def _expected_improvement(process: GaussianProcessRegressor, points: Floats, best: float) -> Floats:
    expected, deviation = process.predict(points, return_std=True)
    # The deviation of the loss without its noise: a lucky seed is no improvement.
    noise = process.kernel_.k2.noise_level
    deviation = np.sqrt(np.maximum(deviation**2 - noise, 1e-9))
    gain = (best - expected) / deviation
    improvement: Floats = deviation * (gain * norm.cdf(gain) + norm.pdf(gain))
    return improvement


def _position(distribution: BaseDistribution, value: Any) -> float:
    """Position of a value between the ends of its range, 0 to 1; choices lie evenly, numbers by their size."""
    if isinstance(distribution, CategoricalDistribution):
        choices = _in_order(distribution.choices)
        return choices.index(value) / max(len(choices) - 1, 1)
    low, high = _ends(distribution)
    return 0.0 if low == high else (_scaled(distribution, value) - low) / (high - low)


def _value(distribution: BaseDistribution, position: float) -> Any:
    """The value at a position, or nearest to it."""
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
