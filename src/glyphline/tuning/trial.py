"""One trial: it depends on its parameters, its seed and the data alone, and knows neither Optuna nor MLflow."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from glyphline.params import Params, overlay
from glyphline.training import FeatureContext, FitContext, fit, head_context, heads
from glyphline.values import EpochHook

LATENCY_WARM_UP, LATENCY_CALLS = 5, 50


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """What the process that runs a trial needs to know of it.

    Attributes:
        number: in its study.
        values: dotted key -> value of the candidate.
        seed: of the fit.
        epochs: of the fit; None fits as the train stage does: `train.epochs` with early stopping.
    """

    number: int
    values: Mapping[str, Any]
    seed: int
    epochs: int | None


class TooLargeError(Exception):
    """The candidate breaks a constraint; nothing was fitted.

    Args:
        constraint: dotted key of the limit.
        surplus: how far beyond the limit, as a fraction of it.
        reason: in words.
    """

    def __init__(self, constraint: str, surplus: float, reason: str) -> None:
        super().__init__(constraint, surplus, reason)
        self.constraint, self.surplus, self.reason = constraint, surplus, reason


class Objective(Protocol):
    """The signature of `fit_candidate`."""

    def __call__(
        self, params: Params, spec: TrialSpec, fit_context: Any, /, *, on_epoch: EpochHook
    ) -> Mapping[str, float]:
        """Fit one candidate; return its metrics, `val_loss` in nats among them."""


Context = FitContext | FeatureContext


def fit_candidate(params: Params, spec: TrialSpec, fit_context: Context, *, on_epoch: EpochHook) -> dict[str, float]:
    """Fit one candidate.

    Args:
        params: what the candidate starts from.
        spec: the candidate.
        fit_context: device and data.
        on_epoch: receives every epoch; it may raise to end the trial.

    Returns:
        `val_loss` in nats and `val_accuracy` of the epoch with the lowest val_loss; `model_size`, the number of
        weights; `latency_ms`, the median time of predicting one image, where `tune.objectives` asks for it.

    Raises:
        TooLargeError: the network has more weights than `tune.max_parameters`.
    """
    candidate = overlay(params, spec.values)
    _check_size(candidate, fit_context)
    fitted = fit(candidate, fit_context, seed=spec.seed, epochs=spec.epochs, on_epoch=on_epoch)
    metrics = {
        "val_loss": fitted.best_metrics["val_loss"],
        "val_accuracy": fitted.best_metrics["val_accuracy"],
        "model_size": float(fitted.parameters),
    }
    if "latency_ms" in params.tune.objectives:
        metrics["latency_ms"] = _latency_ms(fitted.model, fit_context.val.images[:1])
    return metrics


def _check_size(candidate: Params, fit_context: Context) -> None:
    limit = candidate.tune.max_parameters
    if limit is None:
        return
    size = _parameter_count(candidate, fit_context)
    if size > limit:
        raise TooLargeError(
            "tune.max_parameters", size / limit - 1, f"{size:,} parameters, and tune.max_parameters is {limit:,}"
        )


def _parameter_count(candidate: Params, fit_context: Context) -> int:
    if features := head_context(candidate, fit_context):
        return heads.parameter_count(candidate, features)
    assert isinstance(fit_context, FitContext)
    return int(fit_context.network(candidate).model.count_params())


def _latency_ms(model: Any, image: np.ndarray[Any, Any]) -> float:
    image = np.asarray(image)
    for _ in range(LATENCY_WARM_UP):
        model.predict_on_batch(image)
    seconds = []
    for _ in range(LATENCY_CALLS):
        began = time.perf_counter()
        model.predict_on_batch(image)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds)) * 1e3
