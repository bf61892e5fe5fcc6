"""One trial: pure in its parameters, its seed and the data; Optuna and MLflow are strangers to it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from glyphline.params import Params, overlay
from glyphline.training import FitContext, fit
from glyphline.training.networks import build
from glyphline.values import EpochHook

LATENCY_WARM_UP, LATENCY_CALLS = 5, 50


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """A trial as whoever runs it knows it.

    Attributes:
        number: in its study.
        values: dotted key -> value of the candidate.
        seed: of the fit.
        epochs: of the fit; None fits as the train stage does, `train.epochs` with early stopping.
    """

    number: int
    values: Mapping[str, Any]
    seed: int
    epochs: int | None


class TooLargeError(Exception):
    """The candidate breaks a constraint; nothing was fitted.

    Args:
        constraint: dotted key of the limit.
        surplus: how far beyond the limit, as a part of it.
        reason: in words.
    """

    def __init__(self, constraint: str, surplus: float, reason: str) -> None:
        super().__init__(constraint, surplus, reason)
        self.constraint, self.surplus, self.reason = constraint, surplus, reason


class Objective(Protocol):
    """`run_trial`, or something of its shape."""

    def __call__(self, params: Params, job: TrialSpec, setting: Any, *, on_epoch: EpochHook) -> Mapping[str, float]:
        """Fit one candidate; return what was measured, `val_loss` in nats among it."""


def run_trial(params: Params, job: TrialSpec, setting: FitContext, *, on_epoch: EpochHook) -> dict[str, float]:
    """Fit one candidate.

    Args:
        params: what the candidate starts from.
        job: the candidate.
        setting: device and data.
        on_epoch: receives every epoch; it may raise to end the trial.

    Returns:
        Of the epoch with the lowest val_loss: `val_loss` in nats and `val_accuracy`. `model_size`, the number of
        weights. `latency_ms`, the median of one image's prediction, where `tune.objectives` asks for it.

    Raises:
        TooLargeError: the network has more weights than `tune.max_parameters`.
    """
    candidate = overlay(params, job.values)
    _check_size(candidate, setting)
    fitted = fit(candidate, setting, seed=job.seed, epochs=job.epochs, on_epoch=on_epoch)
    measured = {
        "val_loss": fitted.best["val_loss"],
        "val_accuracy": fitted.best["val_accuracy"],
        "model_size": float(fitted.parameters),
    }
    if "latency_ms" in params.tune.objectives:
        measured["latency_ms"] = _latency_ms(fitted.model, setting.val.images[:1])
    return measured


def _check_size(candidate: Params, setting: FitContext) -> None:
    limit = candidate.tune.max_parameters
    if limit is None:
        return
    train = setting.train.split
    network = build(candidate, train.image_shape, len(train.classes), project=setting.project)
    size = int(network.model.count_params())
    if size > limit:
        raise TooLargeError(
            "tune.max_parameters", size / limit - 1, f"{size:,} parameters, and tune.max_parameters is {limit:,}"
        )


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
